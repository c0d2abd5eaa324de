//! Makes a whole video of one that a crash left behind.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::frame_record::{FIXED_BYTES, Header, header_bytes};
use super::layout::Layout;
use super::shard::{Contents, Shard, partial_path, shard_path};
use super::zarr;
use crate::record::error::RecordError;

/// What was found in a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredVideo {
    /// Its folder.
    pub path: PathBuf,
    /// Whole frames.
    pub frames: u64,
}

/// Closes the shard that was being written around the frames that are whole in it, and says in the metadata how many there are.
/// `None` if the video is whole already.
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
                // Where there are no locks, nobody can tell.
                _ => partials.push((number, path, file)),
            },
        }
    }
    let last = finish_last(folder, &layout, whole, partials).map_err(failed)?;
    let before = zarr::read_extent(folder).map_err(failed)?;
    let extent = match last {
        Found::Finished(extent) => extent,
        Found::Whole(extent) if extent.frames == before.frames => return Ok(None),
        Found::Whole(extent) => extent,
    };
    let extent = zarr::Extent { places: extent.places.max(before.places), ..extent };
    zarr::write_arrays(folder, &layout, extent).map_err(failed)?;
    Ok(Some(RecoveredVideo { path: folder.to_path_buf(), frames: extent.frames }))
}

enum Found {
    /// A partial shard, which is whole or gone now.
    Finished(zarr::Extent),
    /// Only whole shards.
    Whole(zarr::Extent),
}

fn finish_last(
    folder: &Path,
    layout: &Layout,
    whole: u64,
    partials: Vec<(u64, PathBuf, File)>,
) -> io::Result<Found> {
    let was_partial = !partials.is_empty();
    let mut extent = zarr::Extent::default();
    if let Some(number) = whole.checked_sub(1) {
        let contents = read_contents(&mut File::open(shard_path(folder, layout, number))?, layout)?;
        extent.frames = number * layout.frames_per_shard as u64 + contents.frames() as u64;
        extent.places = contents.most_places();
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
    Ok(if was_partial { Found::Finished(extent) } else { Found::Whole(extent) })
}

/// The records that are whole, up to the first that is not.
fn read_contents(file: &mut File, layout: &Layout) -> io::Result<Contents> {
    let length = file.metadata()?.len();
    let mut contents = Contents::default();
    let mut bytes = vec![0; header_bytes(layout.places())];
    while contents.frames() < layout.frames_per_shard && contents.end + FIXED_BYTES as u64 <= length {
        file.seek(SeekFrom::Start(contents.end))?;
        file.read_exact(&mut bytes[..FIXED_BYTES])?;
        let Some(places) = Header::places_in(&bytes[..FIXED_BYTES], layout) else { break };
        let record = layout.record_bytes(places);
        if contents.end + record as u64 > length {
            break;
        }
        file.read_exact(&mut bytes[FIXED_BYTES..header_bytes(places)])?;
        let Some(header) = Header::read(&bytes[..header_bytes(places)], layout) else { break };
        contents.add(&header, record);
    }
    Ok(contents)
}
