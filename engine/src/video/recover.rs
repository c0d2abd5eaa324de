//! Makes a whole video of one that a crash left behind.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::frame_record::{FIXED_BYTES, Header, header_bytes};
use super::layout::Layout;
use super::shard::{Contents, Shard, partial_path, shard_path};
use super::zarr;
use crate::durable::write_durably;
use crate::record::error::RecordError;
use crate::record::tracks_file::check_quiet;

/// What was found in a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredVideo {
    /// Its folder.
    pub path: PathBuf,
    /// Whole frames.
    pub frames: u64,
}

/// Closes the shard that was being written around the frames that are whole in it, writes again what the records tell and a
/// power cut has taken, and says in the metadata how many frames there are. `None` if the video is whole already.
///
/// # Errors
/// If it is being written, is no video of ours, or cannot be written.
pub fn recover(folder: &Path) -> Result<Option<RecoveredVideo>, RecordError> {
    let failed = |error| RecordError::io("recover the video", folder, error);
    let layout = zarr::read_layout(folder).map_err(failed)?;
    let whole = (0..).find(|number| !shard_path(folder, &layout, *number).exists()).unwrap_or(0);
    // The one that was written, and the one that was made ready for after it.
    let mut partials = Vec::new();
    for number in whole..whole + 2 {
        let path = partial_path(folder, &layout, number);
        match fs::OpenOptions::new().read(true).write(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
            Ok(file) => match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Err(RecordError::InUse { path }),
                Ok(()) => partials.push((number, path, file)),
                // There are no locks.
                Err(TryLockError::Error(_)) => {
                    check_quiet(&path)?;
                    partials.push((number, path, file));
                }
            },
        }
    }
    let was_partial = !partials.is_empty();
    // A power cut may have left nothing in it.
    let before = zarr::read_extent(folder).ok();
    let (extent, was_mended) = finish_last(folder, &layout, whole, partials, before).map_err(failed)?;
    if !was_partial && !was_mended && Some(extent.frames) == before.map(|before| before.frames) {
        return Ok(None);
    }
    let places = before.map_or(0, |before| before.places);
    let extent = zarr::Extent { places: extent.places.max(places), ..extent };
    zarr::write_arrays(folder, &layout, extent).map_err(failed)?;
    Ok(Some(RecoveredVideo { path: folder.to_path_buf(), frames: extent.frames }))
}

/// The extent of the video, and whether a whole shard lacked something.
fn finish_last(
    folder: &Path,
    layout: &Layout,
    whole: u64,
    partials: Vec<(u64, PathBuf, File)>,
    before: Option<zarr::Extent>,
) -> io::Result<(zarr::Extent, bool)> {
    let (mut extent, mut was_mended) = (zarr::Extent::default(), false);
    // Of several groups only the records tell which are there.
    let has_one_group = before.is_some_and(|before| before.places <= layout.group);
    for number in 0..whole {
        let is_last = number + 1 == whole;
        if is_last || !has_one_group || !has_numbers(folder, layout, number) {
            let contents = read_contents(&mut File::open(shard_path(folder, layout, number))?, layout)?;
            extent.places = extent.places.max(contents.most_places());
            extent.frames = number * layout.frames_per_shard as u64 + contents.frames() as u64;
            for (path, bytes) in contents.numbers(folder, layout, number) {
                if path.metadata().map_or(0, |file| file.len()) != bytes.len() as u64 {
                    write_durably(&path, &bytes)?;
                    was_mended = true;
                }
            }
        }
    }
    for (number, path, mut file) in partials {
        let contents = read_contents(&mut file, layout)?;
        let shard = Shard::left_behind(number, path, file, contents);
        if number == whole && shard.contents.frames() > 0 {
            extent = shard.extent(layout, extent.places);
            shard.finish(folder, layout)?;
        } else {
            shard.remove();
        }
    }
    Ok((extent, was_mended))
}

/// Whether what a shard of one group has beside it is there.
fn has_numbers(folder: &Path, layout: &Layout, number: u64) -> bool {
    let frames = layout.frames_per_shard;
    let chunk = |array: &str| folder.join(array).join("c").join(number.to_string());
    let columns = zarr::FRAME_NUMBERS.map(|array| (chunk(array), 8 * frames));
    let beads = (chunk(zarr::BEAD).join("0"), 4 * frames * layout.group);
    let corners = (chunk(zarr::CORNER).join("0").join("0"), 8 * frames * layout.group);
    let is_whole =
        |(path, bytes): (PathBuf, usize)| path.metadata().is_ok_and(|file| file.len() == bytes as u64);
    columns.into_iter().chain([beads, corners]).all(is_whole)
}

/// The records that are whole, up to the first that is not.
pub(super) fn read_contents(file: &mut File, layout: &Layout) -> io::Result<Contents> {
    let length = file.metadata()?.len();
    let mut contents = Contents::default();
    let mut bytes = vec![0; header_bytes(layout.places())];
    while contents.frames() < layout.frames_per_shard && contents.end + FIXED_BYTES as u64 <= length {
        file.seek(SeekFrom::Start(contents.end))?;
        file.read_exact(&mut bytes[..FIXED_BYTES])?;
        let Some(places) = Header::places_in(&bytes[..FIXED_BYTES], layout) else { break };
        let record = layout.stride_bytes(places);
        if contents.end + record as u64 > length {
            break;
        }
        file.read_exact(&mut bytes[FIXED_BYTES..header_bytes(places)])?;
        let Some(header) = Header::read(&bytes[..header_bytes(places)], layout) else { break };
        contents.add(&header, record);
    }
    Ok(contents)
}
