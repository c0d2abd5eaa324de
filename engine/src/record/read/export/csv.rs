//! CSV: the columns that tracking images on disk gives, and the time. For spreadsheets and short recordings: a row takes some
//! 60 bytes.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use beadscope_shaders::flags::Flags;
use beadscope_zlut::aside;

use super::ExportError;
use crate::clock::utc_text;
use crate::record::read::{Block, Recording};

/// The header row.
pub const COLUMNS: &str = "frame,bead,x_px,y_px,z_nm,quality,flags,time_s";

/// Writes all rows to `out`, replacing what is there. `progress` hears how many frames are done.
///
/// # Errors
/// If the recording cannot be read or `out` not be written; it is as before then.
pub fn write(recording: &Recording, out: &Path, progress: &dyn Fn(u64)) -> Result<(), ExportError> {
    aside::write(out, |path| {
        let mut file = BufWriter::new(File::create(path)?);
        write_head(recording, &mut file)?;
        writeln!(file, "{COLUMNS}")?;
        let mut first_ns = None;
        recording.each_block(|block| -> Result<(), ExportError> {
            let first_ns = *first_ns.get_or_insert(block.time_ns[0]);
            write_rows(recording, block, first_ns, &mut file)?;
            progress(block.first_frame + block.frames() as u64);
            Ok(())
        })?;
        Ok(file.flush()?)
    })
}

fn write_head(recording: &Recording, file: &mut impl Write) -> Result<(), ExportError> {
    let about = &recording.about;
    writeln!(file, "# {}: {}", about.software, recording.path.display())?;
    let (frames, rows) = (recording.counts.frames, recording.counts.rows);
    writeln!(file, "# {frames} frames, {rows} rows, pixel_size_nm = {}", about.pixel_size_nm)?;
    writeln!(file, "# started {}", utc_text(about.started_unix_ns))?;
    if !about.complete {
        writeln!(file, "# never finished: what was lost is not known")?;
    }
    match recording.first_unix_ns()? {
        Some(unix_ns) if about.has_times => {
            writeln!(file, "# time_s counts from the first frame, {unix_ns} ns since 1970-01-01 UTC")?;
        }
        _ => writeln!(file, "# images carry no time")?,
    }
    let settings = about.camera_toml.lines().chain(about.settings_toml.lines());
    for line in settings.filter(|line| !line.trim().is_empty()) {
        writeln!(file, "# {line}")?;
    }
    Ok(())
}

fn write_rows(
    recording: &Recording,
    block: &Block,
    first_ns: u64,
    file: &mut impl Write,
) -> Result<(), ExportError> {
    let nm = recording.about.pixel_size_nm;
    for place in 0..block.frames() {
        let frame = block.frame[place];
        // A frame may have been taken before the one that came first.
        let since_ns = i128::from(block.time_ns[place]) - i128::from(first_ns);
        let time_s = if recording.about.has_times { since_ns as f64 * 1e-9 } else { f64::NAN };
        for row in block.rows(place) {
            let (bead, quality, flags) = (block.bead[row], block.quality[row], Flags(block.row_flags[row]));
            let [x_nm, y_nm, z_nm] = block.position_nm[row];
            let (x_px, y_px) = (x_nm / nm, y_nm / nm);
            writeln!(file, "{frame},{bead},{x_px:.6},{y_px:.6},{z_nm:.4},{quality:.6},{flags},{time_s:.9}")?;
        }
    }
    Ok(())
}
