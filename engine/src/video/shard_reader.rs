//! Reads a closed shard: its frames' numbers at once, their pictures as they are asked for.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::layout::{Layout, Packing, Picture};
use super::recover::read_contents;
use super::shard::{Contents, NO_CHUNK, shard_path, signed};

/// A shard that is being read.
pub(super) struct ShardReader {
    layout: Layout,
    file: File,
    contents: Contents,
    /// Where the compressed chunks are, and how long.
    index: Vec<[u64; 2]>,
    packed: Vec<u8>,
    pixels: Vec<u8>,
    /// The frame and the chunk of it that `pixels` holds.
    held: Option<(usize, usize)>,
}

impl ShardReader {
    /// Opens shard `number`.
    pub(super) fn open(folder: &Path, layout: &Layout, number: u64) -> io::Result<Self> {
        Self::open_file(&shard_path(folder, layout, number), layout)
    }

    /// Opens a shard by its file.
    pub(super) fn open_file(path: &Path, layout: &Layout) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let contents = read_contents(&mut file, layout)?;
        let index = match layout.packing {
            Packing::Raw => Vec::new(),
            Packing::Zstd => read_index(&mut file, layout)?,
        };
        // As large as a damaged layout says, which memory need not have.
        let mut pixels = Vec::new();
        pixels.try_reserve_exact(layout.chunk_bytes()).map_err(|_| io::ErrorKind::OutOfMemory)?;
        pixels.resize(layout.chunk_bytes(), 0);
        Ok(Self { layout: layout.clone(), file, contents, index, packed: Vec::new(), pixels, held: None })
    }

    /// Which frames are in it.
    pub(super) fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The pixels of a frame, or of a bead in it, if that was there.
    pub(super) fn picture(&mut self, frame: usize, bead: Option<i32>) -> io::Result<Option<&[u8]>> {
        let place = match bead {
            None => Some(0),
            Some(bead) => self.contents.place(frame, bead),
        };
        let Some(place) = place else { return Ok(None) };
        let (chunk, place) = match self.layout.picture {
            Picture::Full => (0, 0),
            Picture::Rois => (place / self.layout.group, place % self.layout.group),
        };
        let bytes = self.layout.picture_bytes();
        Ok(self.chunk(frame, chunk)?.get(place * bytes..(place + 1) * bytes))
    }

    /// The pixels of a chunk of a frame.
    pub(super) fn chunk(&mut self, frame: usize, chunk: usize) -> io::Result<&[u8]> {
        if self.held != Some((frame, chunk)) {
            self.held = None;
            self.read_chunk(frame, chunk)?;
            self.held = Some((frame, chunk));
        }
        Ok(&self.pixels)
    }

    /// Whether the index tells where its frames' pictures are and, of compressed ones, each unpacks to its checksum.
    pub(super) fn has_its_pictures(&mut self) -> io::Result<bool> {
        if self.layout.packing == Packing::Raw {
            let mut index = Vec::new();
            self.file.seek(SeekFrom::Start(self.contents.end))?;
            self.file.read_to_end(&mut index)?;
            return Ok(index == self.contents.index(&self.layout));
        }
        for frame in 0..self.contents.frames() {
            for chunk in 0..self.layout.chunks(self.contents.places_of(frame).len()) {
                let damaged =
                    |error: io::Error| io::Error::new(error.kind(), format!("frame {frame}: {error}"));
                self.chunk(frame, chunk).map_err(damaged)?;
            }
        }
        Ok(true)
    }

    fn read_chunk(&mut self, frame: usize, chunk: usize) -> io::Result<()> {
        if self.layout.packing == Packing::Raw {
            let [at, _] = self.contents.chunk(&self.layout, frame, chunk);
            self.file.seek(SeekFrom::Start(at))?;
            return self.file.read_exact(&mut self.pixels);
        }
        let [at, length] = self.index[frame * self.layout.chunks_per_frame() + chunk];
        // What compresses to more than it was is stored with a few bytes more.
        let most = zstd::zstd_safe::compress_bound(self.pixels.len()) as u64;
        if length > most {
            return Err(damaged("its index"));
        }
        self.packed.resize(length as usize, 0);
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(&mut self.packed)?;
        let written = zstd::bulk::decompress_to_buffer(&self.packed, &mut self.pixels)?;
        if written == self.pixels.len() { Ok(()) } else { Err(damaged("the length of its pictures")) }
    }
}

/// Where each chunk is, by frame.
fn read_index(file: &mut File, layout: &Layout) -> io::Result<Vec<[u64; 2]>> {
    let bytes = layout.index_bytes();
    let length = file.metadata()?.len();
    let start = length.checked_sub(bytes as u64).ok_or_else(|| damaged("its length"))?;
    let mut index = vec![0; bytes];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut index)?;
    let entries = &index[..bytes - 4];
    if signed(entries.to_vec()) != index {
        return Err(damaged("its index"));
    }
    let numbers = entries.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
    let numbers: Vec<u64> = numbers.collect();
    let entries: Vec<[u64; 2]> = numbers.as_chunks::<2>().0.to_vec();
    let is_inside = |entry: &[u64; 2]| {
        *entry == NO_CHUNK || entry[0].checked_add(entry[1]).is_some_and(|end| end <= start)
    };
    if entries.iter().all(is_inside) { Ok(entries) } else { Err(damaged("its index")) }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a compressed shard is damaged: {what}"))
}
