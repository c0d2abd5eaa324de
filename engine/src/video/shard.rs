//! One file of a video: frame records, and at the end the index that makes a Zarr shard of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::block::Block;
use super::crc32c::crc32c;
use super::direct;
use super::frame_record::{FrameId, Header, NO_BEAD, Place, header_bytes};
use super::layout::{Layout, Picture};
use super::zarr::{BEAD, CORNER, Extent, FRAME_NUMBERS};
use crate::durable::{sync_folder_of, write_durably};

/// What a frame's record says, without its pixels.
#[derive(Default)]
pub(super) struct Contents {
    ids: Vec<FrameId>,
    /// Of all frames, one after the other.
    places: Vec<Place>,
    /// Where the places of each frame begin, and where those of the last end.
    starts: Vec<usize>,
    /// Where the record of each frame begins in the file.
    offsets: Vec<u64>,
    /// Where the next will begin.
    pub(super) end: u64,
}

impl Contents {
    /// Enters the next record; it has `bytes`.
    pub(super) fn add(&mut self, header: &Header<'_>, bytes: usize) {
        self.ids.push(header.id);
        self.starts.push(self.places.len());
        self.places.extend(header.places());
        self.offsets.push(self.end);
        self.end += bytes as u64;
    }

    /// Frames.
    pub(super) fn frames(&self) -> usize {
        self.ids.len()
    }

    /// Places of the frame that has the most.
    pub(super) fn most_places(&self) -> usize {
        (0..self.frames()).map(|frame| self.places_of(frame).len()).max().unwrap_or(0)
    }

    /// Places of the last frame.
    pub(super) fn last_places(&self) -> usize {
        self.starts.last().map_or(0, |start| self.places.len() - start)
    }

    /// Places of a frame.
    pub(super) fn places_of(&self, frame: usize) -> &[Place] {
        let end = self.starts.get(frame + 1).copied().unwrap_or(self.places.len());
        &self.places[self.starts[frame]..end]
    }

    /// The index: offset and length of every chunk, all ones where there is none, and the checksum.
    pub(super) fn index(&self, layout: &Layout) -> Vec<u8> {
        let mut index = Vec::with_capacity(layout.index_bytes());
        for frame in 0..layout.frames_per_shard {
            let places = if frame < self.frames() { self.places_of(frame).len() } else { 0 };
            let chunks = if frame < self.frames() { layout.chunks(places) } else { 0 };
            for chunk in 0..layout.chunks_per_frame() {
                let entry = if chunk < chunks { self.chunk(layout, frame, chunk) } else { NO_CHUNK };
                index.extend(entry.iter().flat_map(|number| number.to_le_bytes()));
            }
        }
        signed(index)
    }

    /// Where a chunk of a frame is that was filmed, and how long.
    pub(super) fn chunk(&self, layout: &Layout, frame: usize, chunk: usize) -> [u64; 2] {
        let bytes = layout.chunk_bytes() as u64;
        let header = header_bytes(self.places_of(frame).len()) as u64;
        [self.offsets[frame] + header + chunk as u64 * bytes, bytes]
    }

    /// Where the header of each frame is, and how long.
    pub(super) fn headers(&self) -> impl Iterator<Item = (u64, usize)> {
        self.offsets.iter().zip(0..).map(|(at, frame)| (*at, header_bytes(self.places_of(frame).len())))
    }

    /// The chunks of the arrays beside the pictures that belong to shard `number`: their files, and what is in them.
    pub(super) fn numbers(&self, folder: &Path, layout: &Layout, number: u64) -> Vec<(PathBuf, Vec<u8>)> {
        let (frames, group) = (layout.frames_per_shard, layout.group);
        let chunk = |array: &str| folder.join(array).join("c").join(number.to_string());
        let columns: [fn(&FrameId) -> u64; FRAME_NUMBERS.len()] =
            [|id| id.frame, |id| id.device_frame, |id| id.time_ns, |id| id.unix_ns, |id| id.segment];
        let column = |(name, column): (&str, fn(&FrameId) -> u64)| {
            let mut bytes: Vec<u8> = self.ids.iter().flat_map(|id| column(id).to_le_bytes()).collect();
            bytes.resize(8 * frames, 0);
            (chunk(name), bytes)
        };
        let mut chunks: Vec<_> = FRAME_NUMBERS.into_iter().zip(columns).map(column).collect();
        for part in 0..self.most_places().div_ceil(group) {
            let mut beads = Vec::with_capacity(4 * frames * group);
            let mut corners = Vec::with_capacity(8 * frames * group);
            for frame in 0..frames {
                let places = if frame < self.frames() { self.places_of(frame) } else { &[] };
                for place in part * group..(part + 1) * group {
                    let nobody = Place { bead: NO_BEAD, left_px: 0, top_px: 0 };
                    let Place { bead, left_px, top_px } = places.get(place).copied().unwrap_or(nobody);
                    beads.extend(bead.to_le_bytes());
                    corners.extend([left_px, top_px].iter().flat_map(|px| px.to_le_bytes()));
                }
            }
            chunks.push((chunk(BEAD).join(part.to_string()), beads));
            chunks.push((chunk(CORNER).join(part.to_string()).join("0"), corners));
        }
        chunks
    }

    /// Places of all frames.
    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.iter()
    }

    /// The place of a bead in a frame, if it was there.
    pub(super) fn place(&self, frame: usize, bead: i32) -> Option<usize> {
        self.places_of(frame).iter().position(|place| place.bead == bead)
    }

    /// Which frames they are.
    pub(super) fn ids(&self) -> &[FrameId] {
        &self.ids
    }
}

/// An entry of the index where there is no chunk.
pub(super) const NO_CHUNK: [u64; 2] = [u64::MAX; 2];

/// An index and its checksum.
pub(super) fn signed(mut index: Vec<u8>) -> Vec<u8> {
    let checksum = crc32c(&index);
    index.extend(checksum.to_le_bytes());
    index
}

/// The file of shard `number`, once it is whole.
pub(super) fn shard_path(folder: &Path, layout: &Layout, number: u64) -> PathBuf {
    let chunks = folder.join(layout.packing.array()).join("c").join(number.to_string()).join("0");
    if layout.picture == Picture::Full { chunks.join("0") } else { chunks.join("0").join("0") }
}

/// The same while it is written.
pub(super) fn partial_path(folder: &Path, layout: &Layout, number: u64) -> PathBuf {
    shard_path(folder, layout, number).with_extension("partial")
}

pub(super) fn make_parents(path: PathBuf) -> io::Result<PathBuf> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    Ok(path)
}

/// A shard that is being written.
pub(super) struct Shard {
    number: u64,
    partial: PathBuf,
    file: File,
    is_direct: bool,
    pub(super) contents: Contents,
}

impl Shard {
    /// Creates the file of shard `number` and takes its room on the disk.
    pub(super) fn create(
        folder: &Path,
        layout: &Layout,
        number: u64,
        places: usize,
        is_direct_wanted: bool,
    ) -> io::Result<Self> {
        let partial = make_parents(partial_path(folder, layout, number))?;
        let bytes = layout.frames_per_shard * layout.record_bytes(places) + layout.index_bytes();
        let (file, is_direct) = direct::create(&partial, bytes as u64, is_direct_wanted)?;
        // A sign that it is being written, for `recover`; it goes with the process. Some network disks have no locks.
        let _ = file.try_lock();
        Ok(Self { number, partial, file, is_direct, contents: Contents::default() })
    }

    /// A shard whose file was left behind with these contents.
    pub(super) fn left_behind(number: u64, partial: PathBuf, file: File, contents: Contents) -> Self {
        Self { number, partial, file, is_direct: false, contents }
    }

    /// Whether it is written past the system's cache.
    pub(super) fn is_direct(&self) -> bool {
        self.is_direct
    }

    /// Appends frame records.
    pub(super) fn write(&mut self, layout: &Layout, block: &Block) -> io::Result<()> {
        let mut bytes = block.bytes();
        match self.file.write_all(bytes) {
            Err(error) if self.is_direct && error.kind() == ErrorKind::InvalidInput => {
                self.go_through_the_cache()?;
                self.file.write_all(bytes)?;
            }
            written => written?,
        }
        while let Some(header) = Header::trust(bytes, layout) {
            let length = layout.record_bytes(header.len());
            self.contents.add(&header, length);
            bytes = &bytes[length..];
        }
        Ok(())
    }

    /// Some file systems open a file for direct writing and then refuse to write.
    pub(super) fn go_through_the_cache(&mut self) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(&self.partial)?;
        file.seek(SeekFrom::Start(self.contents.end))?;
        let _ = self.file.unlock();
        let _ = file.try_lock();
        (self.file, self.is_direct) = (file, false);
        Ok(())
    }

    /// Makes a whole shard of what was written: arrays beside it first, then the index, then its name. Each is on the disk
    /// before the next, so that a power cut leaves no shard with a name and without numbers.
    pub(super) fn finish(self, folder: &Path, layout: &Layout) -> io::Result<()> {
        let Self { number, partial, file, contents, .. } = self;
        // Where locks are mandatory, ours would keep us from writing the index.
        drop(file);
        for (path, bytes) in contents.numbers(folder, layout, number) {
            write_durably(&path, &bytes)?;
        }
        // Through the cache, since an index has no whole pages.
        let mut tail = OpenOptions::new().write(true).open(&partial)?;
        // What a failed write has left behind the last whole record.
        tail.set_len(contents.end)?;
        tail.seek(SeekFrom::Start(contents.end))?;
        tail.write_all(&contents.index(layout))?;
        // Gives back what was reserved and not used.
        tail.set_len(contents.end + layout.index_bytes() as u64)?;
        tail.sync_data()?;
        fs::rename(&partial, partial.with_extension(""))?;
        sync_folder_of(&partial)
    }

    /// Removes the file, which has no frames.
    pub(super) fn remove(self) {
        // An empty file with this name is harmless.
        let _ = fs::remove_file(&self.partial);
    }

    /// The extent of a video of which this is the last shard, where at most `places` were in use before.
    pub(super) fn extent(&self, layout: &Layout, places: usize) -> Extent {
        Extent {
            frames: self.number * layout.frames_per_shard as u64 + self.contents.frames() as u64,
            places: places.max(self.contents.most_places()),
        }
    }
}
