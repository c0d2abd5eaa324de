//! Traces for Tweezepy, which calibrates forces: a folder with one `.npy` a bead, the rate, and a few lines of Python.
//!
//! Tweezepy takes one coordinate in nm as an array and its rate, and knows no gaps. So of each bead the longest stretch
//! goes in that has neither a missing frame nor a missing value (in z only if the bead has a z at all).

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use super::ExportError;
use super::timing::Timing;
use crate::record::read::{Block, Recording};

/// The file that says what the others are.
const INDEX: &str = "traces.json";
/// The Python that reads them.
const SCRIPT: &str = "read.py";
const PYTHON: &str = r#"import json
import pathlib

import numpy as np

folder = pathlib.Path(__file__).parent
about = json.loads((folder / "traces.json").read_text())
rate_hz = {bead["bead"]: bead["rate_hz"] for bead in about["beads"]}
traces_nm = {bead["bead"]: np.load(folder / bead["file"]) for bead in about["beads"]}  # x, y, z

if __name__ == "__main__":
    from tweezepy.smmcalibration import AV

    for bead, trace_nm in traces_nm.items():
        av = AV(trace_nm[:, 0], rate_hz[bead])
        av.mlefit()
        print(bead, av.results)
"#;

/// A stretch of frames, by their places in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Stretch {
    first: u64,
    frames: u64,
    /// The run of the camera that it lies in.
    segment: u64,
}

/// The stretch that goes on, and the longest so far.
#[derive(Clone, Copy, Default)]
struct Longest {
    now: Stretch,
    best: Stretch,
}

#[derive(Serialize)]
struct Index {
    software: String,
    recording: String,
    units: &'static str,
    columns: [&'static str; 3],
    beads: Vec<Trace>,
}

#[derive(Serialize)]
struct Trace {
    bead: u16,
    file: String,
    is_reference: bool,
    rate_hz: f64,
    /// Place of the first frame in the recording.
    first_frame: u64,
    frames: u64,
}

/// Writes the folder `out`, which must not exist. `progress` hears how many frames are done.
///
/// # Errors
/// If the recording cannot be read or has no times, or the folder exists or cannot be written.
pub fn write(recording: &Recording, out: &Path, progress: &dyn Fn(u64)) -> Result<(), ExportError> {
    let timing = Timing::of(recording)?;
    if out.exists() {
        return Err(ExportError::Exists(out.to_path_buf()));
    }
    // Under another name until it is whole, as files are.
    let aside = out.with_file_name(format!(".{}.{}.part", name(out), std::process::id()));
    fs::create_dir(&aside)?;
    let written = fill(recording, &timing, &aside, progress).and_then(|()| Ok(fs::rename(&aside, out)?));
    // The first error is the one to tell; a leftover is hidden and harmless.
    written.inspect_err(|_| drop(fs::remove_dir_all(&aside)))
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn fill(
    recording: &Recording,
    timing: &Timing,
    folder: &Path,
    progress: &dyn Fn(u64),
) -> Result<(), ExportError> {
    let frames = recording.counts.frames;
    let mut longest: BTreeMap<u16, [Longest; 2]> = BTreeMap::new();
    let mut segment = None;
    recording.each_block(|block| -> Result<(), ExportError> {
        find(block, &mut longest, &mut segment);
        progress((block.first_frame + block.frames() as u64) / 2);
        Ok(())
    })?;
    // With z, unless the bead never has one.
    let stretches = longest.into_iter().map(|(bead, [xy, xyz])| {
        let found = if xyz.best.frames > 0 { xyz.best } else { xy.best };
        (bead, found)
    });
    let stretches: BTreeMap<u16, Stretch> = stretches.filter(|(_, found)| found.frames > 0).collect();
    let file = |bead: u16| format!("bead_{bead}.npy");
    for (bead, stretch) in &stretches {
        let mut file = File::create_new(folder.join(file(*bead)))?;
        file.write_all(&npy_head(stretch.frames))?;
    }
    recording.each_block(|block| -> Result<(), ExportError> {
        append(block, &stretches, |bead| folder.join(file(bead)))?;
        progress((frames + block.first_frame + block.frames() as u64) / 2);
        Ok(())
    })?;
    let references = recording.beads()?;
    let is_reference =
        |bead: u16| references.iter().any(|known| known.is_reference && known.bead == u32::from(bead));
    let segments = recording.segments()?;
    // What the camera applied, or the rate of the frames if nobody says it.
    let rate_hz = |number: u64| {
        let told = segments.iter().find(|segment| segment.segment == number).map(|segment| segment.rate_hz);
        told.unwrap_or(1e9 / timing.period_ns.max(1) as f64)
    };
    let trace = |(bead, stretch): (&u16, &Stretch)| Trace {
        bead: *bead,
        rate_hz: rate_hz(stretch.segment),
        file: file(*bead),
        is_reference: is_reference(*bead),
        first_frame: stretch.first,
        frames: stretch.frames,
    };
    let index = Index {
        software: recording.about.software.clone(),
        recording: recording.path.display().to_string(),
        units: "nm",
        columns: ["x", "y", "z"],
        beads: stretches.iter().map(trace).collect(),
    };
    fs::write(folder.join(INDEX), serde_json::to_string_pretty(&index).unwrap_or_default() + "\n")?;
    Ok(fs::write(folder.join(SCRIPT), PYTHON)?)
}

/// Looks for the longest stretches, of x and y and of x, y and z.
fn find(block: &Block, longest: &mut BTreeMap<u16, [Longest; 2]>, segment: &mut Option<u64>) {
    for frame in 0..block.frames() {
        let place = block.first_frame + frame as u64;
        let number = block.segment[frame];
        let is_new = segment.replace(number) != Some(number);
        let is_after_gap = is_new || block.lost_before[frame].iter().any(|lost| *lost > 0);
        for row in block.rows(frame) {
            let [x, y, z] = block.position_nm[row].map(f64::is_finite);
            let [of_xy, of_xyz] = longest.entry(block.bead[row]).or_default();
            of_xy.add(place, number, is_after_gap, x && y);
            of_xyz.add(place, number, is_after_gap, x && y && z);
        }
    }
}

impl Longest {
    fn add(&mut self, place: u64, segment: u64, is_after_gap: bool, is_known: bool) {
        let goes_on = !is_after_gap && self.now.first + self.now.frames == place && self.now.frames > 0;
        self.now = match (is_known, goes_on) {
            (false, _) => Stretch::default(),
            (true, true) => Stretch { frames: self.now.frames + 1, ..self.now },
            (true, false) => Stretch { first: place, frames: 1, segment },
        };
        if self.now.frames > self.best.frames {
            self.best = self.now;
        }
    }
}

/// Adds the rows of a block that lie in the stretches.
fn append(
    block: &Block,
    stretches: &BTreeMap<u16, Stretch>,
    path: impl Fn(u16) -> std::path::PathBuf,
) -> Result<(), ExportError> {
    let mut rows: BTreeMap<u16, Vec<[f64; 3]>> = BTreeMap::new();
    for frame in 0..block.frames() {
        let place = block.first_frame + frame as u64;
        for row in block.rows(frame) {
            let bead = block.bead[row];
            let Some(stretch) = stretches.get(&bead) else { continue };
            if (stretch.first..stretch.first + stretch.frames).contains(&place) {
                rows.entry(bead).or_default().push(block.position_nm[row]);
            }
        }
    }
    for (bead, rows) in rows {
        let mut file = BufWriter::new(OpenOptions::new().append(true).open(path(bead))?);
        file.write_all(bytemuck::cast_slice(&rows))?;
        file.flush()?;
    }
    Ok(())
}

/// The head of a `.npy` file of (frames, 3) `f64`: NumPy's format 1.0.
fn npy_head(frames: u64) -> Vec<u8> {
    let mut text = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({frames}, 3), }}");
    // Magic, version and length take 10 bytes, and all of it a multiple of 64.
    let padding = 64 - (10 + text.len() + 1) % 64;
    text.extend(std::iter::repeat_n(' ', padding % 64));
    text.push('\n');
    let mut head = b"\x93NUMPY\x01\x00".to_vec();
    head.extend((text.len() as u16).to_le_bytes());
    head.extend(text.as_bytes());
    head
}
