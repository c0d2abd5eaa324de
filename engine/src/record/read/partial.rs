//! How far a file that grows, or that a crash left, is whole.

use rust_hdf5::{H5File, H5Type, Hdf5Error};

use crate::record::schema::{BATCH_COLUMNS, ColumnSpec, FRAME_COLUMNS, OFFSETS, ROW_COLUMNS};
use crate::record::tracks_file::Counts;

/// What counts. Between two lengths that a flush writes the columns are apart, so a frame is whole if its rows reach as
/// far, and a batch if its frames do.
pub(super) fn whole(file: &H5File) -> Result<Counts, Hdf5Error> {
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
    Ok(Counts { batches: count(ends.len()), frames, rows })
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

fn count(length: usize) -> u64 {
    length as u64
}

fn index(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
