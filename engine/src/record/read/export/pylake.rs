//! A file that `lumicks.pylake.File` opens: for each bead the channels x, y and z, in nm.
//!
//! ```text
//! attributes of the root   Bluelake version, File format version = 2, Experiment, Description, GUID, Export time (ns)
//! Bead 3/x, y, z           f64, attributes Kind = "Continuous", Start time (ns), Stop time (ns), Sample rate (Hz);
//!                          or Timestamp (i64, ns) and Value (f64), Kind = "TimeSeries"
//! ```
//! Pylake gives the samples of a continuous channel times of its own: the start and a whole number of ns between them. So a
//! channel is continuous where a bead has a row in every frame, and no frame is missing or was taken more than half a
//! period from where these times put it; else it is a time series, with the frames' own times (lumicks/pylake/channel.py,
//! Pylake 1.8).

use std::collections::BTreeMap;
use std::path::Path;

use beadscope_zlut::aside;
use rust_hdf5::format::messages::datatype::CompoundMember;
use rust_hdf5::swmr::SwmrFileWriter;
use rust_hdf5::{DatatypeMessage, FileLocking, H5File, LibverBound};

use super::ExportError;
use super::timing::{Timing, signed};
use crate::clock::unix_ns_now;
use crate::record::column::Column;
use crate::record::read::Recording;

const AXES: [&str; 3] = ["x", "y", "z"];
/// Rows of a chunk: each channel of each bead holds one in memory.
const CHUNK_ROWS: u64 = 1024;

/// Writes all beads to `out`, a new file. `progress` hears how many frames are done.
///
/// # Errors
/// If the recording cannot be read or has no times, or `out` cannot be written.
pub fn write(recording: &Recording, out: &Path, progress: &dyn Fn(u64)) -> Result<(), ExportError> {
    let timing = Timing::of(recording)?;
    let is_continuous = |rows: u64| timing.is_even && rows == recording.counts.frames;
    aside::write(out, |path| {
        describe(recording, &timing, path)?;
        let mut file = SwmrFileWriter::open_append_with_locking(path, FileLocking::Disabled)?;
        let mut channels = BTreeMap::new();
        for (bead, rows) in &timing.beads {
            let make = |axis| create(&mut file, &timing, *bead, axis, is_continuous(*rows).then_some(*rows));
            let [x, y, z] = AXES.map(make);
            channels.insert(*bead, (is_continuous(*rows), [x?, y?, z?]));
        }
        recording.each_block(|block| -> Result<(), ExportError> {
            for frame in 0..block.frames() {
                let time = signed(block.unix_ns[frame]).to_le_bytes();
                for row in block.rows(frame) {
                    let Some((is_continuous, axes)) = channels.get_mut(&block.bead[row]) else { continue };
                    for (channel, value) in axes.iter_mut().zip(block.position_nm[row]) {
                        if !*is_continuous {
                            channel.push(&mut file, &time)?;
                        }
                        channel.push(&mut file, &value.to_le_bytes())?;
                    }
                }
            }
            progress(block.first_frame + block.frames() as u64);
            Ok(())
        })?;
        for (_, axes) in channels.values_mut() {
            for channel in axes {
                channel.save(&mut file)?;
                channel.extend(&mut file)?;
            }
        }
        Ok(file.close()?)
    })
}

fn describe(recording: &Recording, timing: &Timing, path: &Path) -> Result<(), ExportError> {
    let about = &recording.about;
    let file = H5File::options().no_locking().libver(LibverBound::V110).create(path)?;
    // Pylake asks that it is there.
    file.set_attr_string("Bluelake version", &about.software)?;
    file.set_attr_numeric("File format version", &2_i64)?;
    file.set_attr_string("Experiment", "")?;
    file.set_attr_string("Description", "positions of beads, x y z in nm")?;
    file.set_attr_string("GUID", &format!("{:016x}", about.recording_id))?;
    file.set_attr_numeric("Export time (ns)", &signed(unix_ns_now()))?;
    for bead in timing.beads.keys() {
        file.create_group(&group(*bead))?;
    }
    Ok(file.close()?)
}

fn group(bead: u16) -> String {
    format!("Bead {bead}")
}

/// A channel, continuous if the number of its rows is given.
fn create(
    file: &mut SwmrFileWriter,
    timing: &Timing,
    bead: u16,
    axis: &str,
    rows: Option<u64>,
) -> Result<Column, ExportError> {
    let datatype = if rows.is_some() { DatatypeMessage::f64_type() } else { timed_value() };
    let row_bytes = if rows.is_some() { 8 } else { 16 };
    let path = format!("{}/{axis}", group(bead));
    let dataset = file.create_grid_dataset_with_max(&path, datatype, &[0], &[None], &[CHUNK_ROWS], None)?;
    file.set_dataset_attr_string(dataset, "Kind", if rows.is_some() { "Continuous" } else { "TimeSeries" })?;
    file.set_dataset_attr_string(dataset, "units", "nm")?;
    if let Some(rows) = rows {
        let stop = timing.first_unix_ns + signed(rows) * timing.period_ns;
        file.set_dataset_attr_numeric(dataset, "Start time (ns)", &timing.first_unix_ns)?;
        file.set_dataset_attr_numeric(dataset, "Stop time (ns)", &stop)?;
        file.set_dataset_attr_numeric(dataset, "Sample rate (Hz)", &rate_hz(timing.period_ns))?;
    }
    Ok(Column::new(dataset, 1, row_bytes, CHUNK_ROWS))
}

/// A rate of which Pylake, which cuts off decimals, makes this period again.
fn rate_hz(period_ns: i64) -> f64 {
    let rate_hz = 1e9 / period_ns as f64;
    if (1e9 / rate_hz) as i64 == period_ns { rate_hz } else { rate_hz.next_down() }
}

fn timed_value() -> DatatypeMessage {
    let member = |name: &str, offset, datatype| CompoundMember { name: name.to_owned(), offset, datatype };
    let members = vec![
        member("Timestamp", 0, DatatypeMessage::i64_type()),
        member("Value", 8, DatatypeMessage::f64_type()),
    ];
    DatatypeMessage::Compound { size: 16, members }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pylake_makes_the_period_of_the_rate_again() {
        for period_ns in (1..2_000_000).step_by(37).chain([1_000_000_000, 33_333_333]) {
            assert_eq!((1e9 / rate_hz(period_ns)) as i64, period_ns);
        }
    }
}
