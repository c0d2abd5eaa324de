//! MagScope's own tracking file: the group `/tracking` alone, as MagScope 1.0 writes it (schema 1, `tracking_data.py`).
//!
//! A recording has this group already and MagScope opens it; this is for programs that want nothing beside it.

use std::path::Path;

use beadscope_zlut::aside;
use rust_hdf5::swmr::SwmrFileWriter;
use rust_hdf5::{FileLocking, H5File, LibverBound};

use super::ExportError;
use crate::record::column::Column;
use crate::record::description::write_magscope_attributes;
use crate::record::read::{ReadError, Recording};
use crate::record::schema::{
    BATCH_COLUMNS, ColumnSpec, Element, FRAME_COLUMNS, OFFSETS, ROW_COLUMNS, TRACKING,
};

/// Chunks that are copied at once.
const CHUNKS: u64 = 4;
/// The times of the frames.
const TIMES: &str = "tracking/frame_timestamps_ns";

/// Writes the group to `out`, a new file. `progress` hears how many frames are done.
///
/// # Errors
/// If the recording cannot be read or `out` not be written.
pub fn write(recording: &Recording, out: &Path, progress: &dyn Fn(u64)) -> Result<(), ExportError> {
    let all = ROW_COLUMNS.iter().chain(&FRAME_COLUMNS).chain(&BATCH_COLUMNS);
    let theirs: Vec<&ColumnSpec> = all
        .filter(|column| column.path.strip_prefix(TRACKING).is_some_and(|rest| rest.starts_with('/')))
        .collect();
    let bytes =
        |column: &ColumnSpec| length(recording, column) * (column.element.bytes() * column.width) as u64;
    let total = theirs.iter().map(|column| bytes(column)).sum::<u64>().max(1);
    aside::write(out, |path| {
        let file = H5File::options().no_locking().libver(LibverBound::V110).create(path)?;
        let about = &recording.about;
        write_magscope_attributes(&file.create_group(TRACKING)?, about.recording_id, about.started_unix_ns)?;
        file.close()?;
        let mut file = SwmrFileWriter::open_append_with_locking(path, FileLocking::Disabled)?;
        let (mut done, mut times) = (0, [u64::MAX, 0]);
        for spec in &theirs {
            let mut column = Column::create(&mut file, spec)?;
            let (length, step) = (length(recording, spec), CHUNKS * spec.chunk_rows);
            for first in (0..length).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
                let copied = read(recording, spec, first, step.min(length - first))?;
                if spec.path == TIMES {
                    for time_ns in copied.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)) {
                        times = [times[0].min(time_ns), times[1].max(time_ns)];
                    }
                }
                column.push(&mut file, &copied)?;
                done += copied.len() as u64;
                progress((u128::from(recording.counts.frames) * u128::from(done) / u128::from(total)) as u64);
            }
            column.save(&mut file)?;
            column.extend(&mut file)?;
        }
        let tracking = format!("/{TRACKING}");
        file.set_group_attr_numeric(&tracking, "min_frame_timestamp_ns", &times[0])?;
        file.set_group_attr_numeric(&tracking, "max_frame_timestamp_ns", &times[1])?;
        Ok(file.close()?)
    })
}

/// Entries of a column that are whole.
fn length(recording: &Recording, column: &ColumnSpec) -> u64 {
    let counts = recording.counts;
    let is_in = |columns: &[ColumnSpec]| columns.iter().any(|known| known.path == column.path);
    match () {
        () if is_in(&ROW_COLUMNS) => counts.rows,
        () if column.path == OFFSETS => counts.frames + 1,
        () if is_in(&FRAME_COLUMNS) => counts.frames,
        () => counts.batches,
    }
}

/// Entries of a column, as they lie in the file.
fn read(recording: &Recording, column: &ColumnSpec, first: u64, rows: u64) -> Result<Vec<u8>, ReadError> {
    Ok(match column.element {
        Element::U16 => bytemuck::cast_slice(&recording.slice::<u16>(column.path, first, rows)?).to_vec(),
        Element::F64 => bytemuck::cast_slice(&recording.slice::<f64>(column.path, first, rows)?).to_vec(),
        _ => bytemuck::cast_slice(&recording.slice::<u64>(column.path, first, rows)?).to_vec(),
    })
}
