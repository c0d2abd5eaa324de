//! Makes a finished video smaller, without loss: its pictures go into a Zarr array of their own, each shard is read back and
//! compared, and only when all are on the disk does the video name the new array, and the old one goes.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::layout::{Layout, Packing};
use super::shard::{NO_CHUNK, make_parents, partial_path, shard_path, signed};
use super::shard_reader::ShardReader;
use super::zarr;
use crate::durable::sync_folder_of;
use crate::record::tracks_file;
use crate::record::tracks_path;

/// How hard zstd tries: with camera noise, more is slower and gains little.
pub(super) const LEVEL: i32 = 1;
/// Pixels that are compressed at a time, by all cores.
const BATCH_BYTES: usize = 16 << 20;
/// And at most.
const MOST_BYTES: usize = 256 << 20;

/// What was made of a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compressed {
    /// Its frames.
    pub frames: u64,
    /// Bytes of its shards before.
    pub before: u64,
    /// And after.
    pub after: u64,
}

/// Why a video is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CompressError {
    /// It is being filmed, or a crash left it.
    #[error("the video is not finished; if no program is writing it, `beadscope recover` makes it whole: {}", .0.display())]
    Unfinished(PathBuf),
    /// Something of it would be lost with what was filmed.
    #[error("a part of the video is damaged, so it is left as it was; see what with `beadscope verify`: {}", .0.display())]
    Damaged(PathBuf),
    /// Another call is at work.
    #[error("another program is compressing this video: {}", .0.display())]
    InUse(PathBuf),
    /// Somebody asked to stop.
    #[error(
        "stopped after {done} of {all} parts of the video, which is as it was; the same command goes on from there"
    )]
    Stopped {
        /// Shards that are compressed.
        done: u64,
        /// Of so many.
        all: u64,
    },
    /// A shard did not come back as it was.
    #[error("compressed, frame {frame} of {} is another, so that this machine's memory is not to be trusted; the video is as it was", .path.display())]
    Differs {
        /// The frame in the shard.
        frame: usize,
        /// The shard.
        path: PathBuf,
    },
    /// What is not needed any more.
    #[error("the video is compressed, but what was filmed cannot be removed: {error}; the same command tries it again: {}", .path.display())]
    Left {
        /// The system's reason.
        error: io::Error,
        /// The video.
        path: PathBuf,
    },
    /// The disk refuses.
    #[error("the video is as it was, for this failed: {error}; with room on the disk the same command goes on: {}", .path.display())]
    Io {
        /// The system's reason.
        error: io::Error,
        /// The video.
        path: PathBuf,
    },
}

/// Compresses the video in `folder`; `None` if it is compressed already. What an earlier call has done is used. `progress` hears
/// how many of how many frames are done.
///
/// # Errors
/// If the video is not finished, the disk refuses, or `stop` is set meanwhile; the video is as it was then.
pub fn compress(
    folder: &Path,
    stop: &AtomicBool,
    progress: &dyn Fn(u64, u64),
) -> Result<Option<Compressed>, CompressError> {
    let failed = |error| CompressError::Io { error, path: folder.to_path_buf() };
    let lock = folder.join(".compress.lock");
    let claim = File::create(&lock).map_err(failed)?;
    // Some network disks have no locks.
    if matches!(claim.try_lock(), Err(TryLockError::WouldBlock)) {
        return Err(CompressError::InUse(folder.to_path_buf()));
    }
    let compressed = compress_claimed(folder, stop, progress);
    // Left behind it would be harmless.
    let _ = fs::remove_file(lock);
    compressed
}

fn compress_claimed(
    folder: &Path,
    stop: &AtomicBool,
    progress: &dyn Fn(u64, u64),
) -> Result<Option<Compressed>, CompressError> {
    let failed = |error| CompressError::Io { error, path: folder.to_path_buf() };
    let layout = zarr::read_layout(folder).map_err(failed)?;
    if layout.packing == Packing::Zstd {
        remove_raw(folder)?;
        return Ok(None);
    }
    let extent = zarr::read_extent(folder).map_err(failed)?;
    let shards = extent.frames.div_ceil(layout.frames_per_shard as u64);
    check_finished(folder, &layout, shards)?;
    let packed = Layout { packing: Packing::Zstd, ..layout.clone() };
    let (mut before, mut after) = (0, 0);
    for number in 0..shards {
        let (from, to) = (shard_path(folder, &layout, number), shard_path(folder, &packed, number));
        let done = number * layout.frames_per_shard as u64;
        let expected = (extent.frames - done).min(layout.frames_per_shard as u64);
        // One that has its name was compared.
        if !to.exists() {
            let mut raw = ShardReader::open_file(&from, &layout).map_err(failed)?;
            // A damaged header hides all frames behind it, though the index still finds their pixels.
            if raw.contents().frames() as u64 != expected || !raw.has_its_pictures().map_err(failed)? {
                return Err(CompressError::Damaged(from));
            }
            let tell = |frame: usize| progress(done + frame as u64, extent.frames);
            if !write_shard(&mut raw, &from, &to, &packed, stop, &tell).map_err(failed)? {
                return Err(CompressError::Stopped { done: number, all: shards });
            }
            let partial = partial_path(folder, &packed, number);
            let compared = first_difference(&mut raw, &partial, &packed).map_err(failed)?;
            if let Some(frame) = compared {
                let _ = fs::remove_file(partial);
                return Err(CompressError::Differs { frame, path: from });
            }
            fs::rename(&partial, &to).map_err(failed)?;
        }
        let is_there = ShardReader::open_file(&to, &packed).map_err(failed)?.contents().frames() as u64;
        if is_there != expected {
            return Err(CompressError::Damaged(to));
        }
        // Its name, and those of the folders that were made for it.
        let folders = to.ancestors().take_while(|path| path.starts_with(folder));
        folders.into_iter().try_for_each(sync_folder_of).map_err(failed)?;
        before += from.metadata().map_err(failed)?.len();
        after += to.metadata().map_err(failed)?.len();
    }
    check_finished(folder, &layout, shards)?;
    zarr::move_to(folder, &packed, extent).map_err(failed)?;
    remove_raw(folder)?;
    Ok(Some(Compressed { frames: extent.frames, before, after }))
}

/// Nobody films into it.
fn check_finished(folder: &Path, layout: &Layout, shards: u64) -> Result<(), CompressError> {
    let recording = folder.parent().map(|run| tracks_file::partial_path(&tracks_path(run)));
    let unfinished = [partial_path(folder, layout, shards), shard_path(folder, layout, shards)];
    match unfinished.into_iter().chain(recording).find(|path| path.exists()) {
        Some(path) => Err(CompressError::Unfinished(path)),
        None => Ok(()),
    }
}

/// The array that was filmed into, which no metadata name any more.
fn remove_raw(folder: &Path) -> Result<(), CompressError> {
    match fs::remove_dir_all(folder.join(Packing::Raw.array())) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(CompressError::Left { error, path: folder.to_path_buf() })
        }
        _ => Ok(()),
    }
}

/// Writes headers, chunks and index beside `to`, onto the disk; false if somebody asked to stop, and there is nothing then.
fn write_shard(
    raw: &mut ShardReader,
    from: &Path,
    to: &Path,
    packed: &Layout,
    stop: &AtomicBool,
    tell: &dyn Fn(usize),
) -> io::Result<bool> {
    let partial = make_parents(to.with_extension("partial"))?;
    let file = File::create(&partial)?;
    let written = fill_shard(raw, from, &file, packed, stop, tell);
    if !matches!(written, Ok(true)) {
        // Its room is worth more than the rest of it.
        let _ = fs::remove_file(&partial);
    }
    written
}

fn fill_shard(
    raw: &mut ShardReader,
    from: &Path,
    file: &File,
    packed: &Layout,
    stop: &AtomicBool,
    tell: &dyn Fn(usize),
) -> io::Result<bool> {
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let mut at = 0;
    let (mut headers, mut header) = (File::open(from)?, Vec::new());
    for (start, length) in raw.contents().headers() {
        header.resize(length, 0);
        headers.seek(SeekFrom::Start(start))?;
        headers.read_exact(&mut header)?;
        out.write_all(&header)?;
        at += length as u64;
    }
    let (frames, chunks_per_frame) = (raw.contents().frames(), packed.chunks_per_frame());
    let mut index = vec![NO_CHUNK; packed.frames_per_shard * chunks_per_frame];
    // Work for every core, in bounded memory where frames are large.
    let for_all = (2 * rayon::current_num_threads()).min(MOST_BYTES / packed.chunk_bytes());
    let at_once = (BATCH_BYTES / packed.chunk_bytes()).max(for_all).max(1);
    let chunks: Vec<(usize, usize)> = (0..frames)
        .flat_map(|frame| {
            let chunks = packed.chunks(raw.contents().places_of(frame).len());
            (0..chunks).map(move |chunk| (frame, chunk))
        })
        .collect();
    for some in chunks.chunks(at_once) {
        if stop.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let read = |(frame, chunk): &(usize, usize)| raw.chunk(*frame, *chunk).map(<[u8]>::to_vec);
        let pixels = some.iter().map(read).collect::<io::Result<Vec<_>>>()?;
        let packed = pixels.par_iter().map_init(compressor, |compressor, pixels| pack(compressor, pixels));
        let packed = packed.collect::<io::Result<Vec<_>>>()?;
        for ((frame, chunk), bytes) in some.iter().zip(packed) {
            out.write_all(&bytes)?;
            index[frame * chunks_per_frame + chunk] = [at, bytes.len() as u64];
            at += bytes.len() as u64;
        }
        tell(some.last().map_or(0, |(frame, _)| frame + 1));
    }
    let index = index.iter().flatten().flat_map(|number| number.to_le_bytes()).collect();
    out.write_all(&signed(index))?;
    out.flush()?;
    file.sync_all()?;
    Ok(true)
}

type Compressor = zstd::bulk::Compressor<'static>;

fn compressor() -> io::Result<Compressor> {
    let mut compressor = Compressor::new(LEVEL)?;
    compressor.include_checksum(true)?;
    Ok(compressor)
}

fn pack(compressor: &mut io::Result<Compressor>, pixels: &[u8]) -> io::Result<Vec<u8>> {
    match compressor {
        Ok(compressor) => compressor.compress(pixels),
        Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
    }
}

/// The first frame of which a compressed shard tells anything else.
fn first_difference(raw: &mut ShardReader, packed: &Path, layout: &Layout) -> io::Result<Option<usize>> {
    let mut packed = ShardReader::open_file(packed, layout)?;
    let frames = raw.contents().frames();
    for frame in 0..frames {
        let (told, places) = (raw.contents(), raw.contents().places_of(frame));
        let has_frame = packed.contents().frames() == frames;
        if !has_frame
            || packed.contents().ids()[frame] != told.ids()[frame]
            || packed.contents().places_of(frame) != places
        {
            return Ok(Some(frame));
        }
        for chunk in 0..layout.chunks(places.len()) {
            // What cannot be unpacked differs, too.
            if packed.chunk(frame, chunk).ok() != Some(raw.chunk(frame, chunk)?) {
                return Ok(Some(frame));
            }
        }
    }
    Ok(None)
}
