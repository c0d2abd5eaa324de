//! Makes a whole file of a recording that a crash left behind.

use std::path::{Path, PathBuf};

use rust_hdf5::swmr::SwmrFileWriter;
use rust_hdf5::{FileLocking, H5File, H5Type, Hdf5Error};

use super::claim::take_over;
use super::unlock::unlock;
use super::{Counts, rename};
use crate::record::error::RecordError;
use crate::record::schema::{
    BATCH_COLUMNS, ColumnSpec, EVENT_COLUMNS, FRAME_COLUMNS, HEALTH_COLUMNS, OFFSETS, ROW_COLUMNS,
    SEGMENT_COLUMNS, TRACKING,
};

/// What was found in a partial file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The file, under its final name.
    pub path: PathBuf,
    /// What it holds: whole batches of whole frames.
    pub counts: Counts,
}

/// Unlocks a partial file, cuts its columns to the frames that are whole, and gives it its final name. `complete` stays
/// 0, and it has neither ledger nor gaps.
///
/// # Errors
/// If its name does not end in `.partial`, a file of the final name exists, it is being written (on file systems without
/// locks: it was written to within the last 5 s), it is damaged, or it cannot be written. It keeps its name then.
pub fn recover(partial: &Path) -> Result<Recovered, RecordError> {
    let path = final_name(partial)?;
    if path.exists() {
        return Err(RecordError::Exists { path });
    }
    let _lock = take_over(partial)?;
    unlock(partial)?;
    let hdf5 = |error| RecordError::hdf5("recover the recording", partial, error);
    let read = |file: H5File| Ok((whole(&file)?, own_lengths(&file)?));
    let ((counts, times_ns), own) =
        H5File::options().no_locking().open(partial).and_then(read).map_err(hdf5)?;
    cut(partial, counts, own, times_ns).map_err(hdf5)?;
    rename(partial, &path)?;
    Ok(Recovered { path, counts })
}

fn final_name(partial: &Path) -> Result<PathBuf, RecordError> {
    let is_partial = partial.extension().is_some_and(|extension| extension == "partial");
    if is_partial {
        Ok(partial.with_extension(""))
    } else {
        Err(RecordError::NotPartial { path: partial.to_path_buf() })
    }
}

/// What counts, and the first and last time. A crash between two lengths leaves the columns of one flush apart, so a
/// frame is whole if its rows reach as far, and a batch if its frames do.
pub(in crate::record) fn whole(file: &H5File) -> Result<(Counts, [u64; 2]), Hdf5Error> {
    let offsets: Vec<u64> = read(file, OFFSETS)?;
    let rows = shortest(file, &ROW_COLUMNS)?;
    let frames = shortest(file, &FRAME_COLUMNS)?
        .min(count(offsets.partition_point(|last| *last <= rows)).saturating_sub(1));
    let starts: Vec<u64> = read(file, "tracking/batch_frame_start")?;
    let counts: Vec<u64> = read(file, "tracking/batch_frame_count")?;
    let batches = shortest(file, &BATCH_COLUMNS)?;
    let ends =
        starts.iter().zip(&counts).map(|(start, count)| start.saturating_add(*count)).take(index(batches));
    let ends: Vec<u64> = ends.take_while(|end| *end <= frames).collect();
    let frames = ends.last().copied().unwrap_or(0);
    let rows = offsets.get(index(frames)).copied().unwrap_or(0);
    let times_ns: Vec<u64> = read(file, "tracking/frame_timestamps_ns")?;
    let times_ns = &times_ns[..index(frames)];
    let first = times_ns.iter().min().copied().unwrap_or(u64::MAX);
    let last = times_ns.iter().max().copied().unwrap_or(0);
    Ok((Counts { batches: count(ends.len()), frames, rows }, [first, last]))
}

fn read<T: H5Type>(file: &H5File, path: &str) -> Result<Vec<T>, Hdf5Error> {
    file.dataset(path)?.read_raw()
}

/// Entries that all columns have, `frame_offsets` counted without its first.
fn shortest(file: &H5File, columns: &[ColumnSpec]) -> Result<u64, Hdf5Error> {
    let mut shortest = u64::MAX;
    for column in columns {
        let length = file.dataset(column.path)?.shape().first().copied().unwrap_or(0);
        shortest = shortest.min(count(length).saturating_sub(u64::from(column.path == OFFSETS)));
    }
    Ok(shortest)
}

/// Entries of the tables that count for themselves: segments, events, seconds of health.
fn own_lengths(file: &H5File) -> Result<[u64; 3], Hdf5Error> {
    Ok([shortest(file, &SEGMENT_COLUMNS)?, shortest(file, &EVENT_COLUMNS)?, shortest(file, &HEALTH_COLUMNS)?])
}

/// Gives every column its length and MagScope's attributes their times.
fn cut(partial: &Path, counts: Counts, own: [u64; 3], times_ns: [u64; 2]) -> Result<(), Hdf5Error> {
    let mut file = SwmrFileWriter::open_append_with_locking(partial, FileLocking::Disabled)?;
    let [segments, events, health] = own;
    let kinds = [
        (&SEGMENT_COLUMNS[..], segments),
        (&ROW_COLUMNS, counts.rows),
        (&FRAME_COLUMNS, counts.frames),
        (&BATCH_COLUMNS, counts.batches),
        (&EVENT_COLUMNS, events),
        (&HEALTH_COLUMNS, health),
    ];
    for (columns, length) in kinds {
        for column in columns {
            let length = length + u64::from(column.path == OFFSETS);
            let missing = || Hdf5Error::NotFound(column.path.to_owned());
            let dataset = file.dataset_index(column.path).ok_or_else(missing)?;
            let width = column.width as u64;
            let dims = if width > 1 { vec![length, width] } else { vec![length] };
            file.set_extent(dataset, &dims)?;
        }
    }
    let tracking = format!("/{TRACKING}");
    file.set_group_attr_numeric(&tracking, "min_frame_timestamp_ns", &times_ns[0])?;
    file.set_group_attr_numeric(&tracking, "max_frame_timestamp_ns", &times_ns[1])?;
    file.close()
}

fn count(length: usize) -> u64 {
    length as u64
}

fn index(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
