//! Recordings of other programs as `tracks.h5`, so that old data is read, plotted and compared as ours is.
//!
//! What their files do not tell is not made up: frames that they have are recorded, frames missing between two of their
//! numbers are lost by the camera, and the notices of the file say what nobody knows.

mod magscope;
mod qtrk;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use beadscope_shaders::flags::Flags;
use beadscope_zlut::aside;

use crate::bead_set::Beads;
use crate::frame::{FrameFlags, FrameHeader};
use crate::offline::account::Account;
use crate::offline::output;
use crate::record::error::RecordError;
use crate::record::info::RunInfo;
use crate::record::tracks_file::{Counts, TracksFile};
use crate::roi::Roi;
use crate::tracks::{TrackRow, TracksHeader};

/// The first bytes of an HDF5 file.
const HDF5: [u8; 8] = *b"\x89HDF\r\n\x1a\n";
/// Rows that are written together, about.
const BATCH_ROWS: usize = 1 << 16;
/// Frames that are written together, at most.
const BATCH_FRAMES: usize = 4096;
const NO_CORNERS: &str = "the file does not tell where the ROIs were: all are at 0, 0";

/// What the numbers of a file mean, as far as it does not say so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Units {
    /// Side of a camera pixel in the sample plane, nm.
    pub pixel_size_nm: f64,
    /// A unit of x and y, and one of z, nm: for QTrk's traces, which are written in whatever a lab has configured.
    pub trace_nm: Option<[f64; 2]>,
}

/// What was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Whose file it was, such as `MagScope`.
    pub program: &'static str,
    /// What the recording holds.
    pub counts: Counts,
    /// What nobody knows, a sentence each; they are in the recording, too.
    pub notices: Vec<String>,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", .path.display())]
    Read {
        /// The system's answer.
        error: io::Error,
        /// The file.
        path: PathBuf,
    },
    /// It is another file, or a damaged one.
    #[error("neither a tracking file of MagScope nor a trace of QTrk: {why}: {}", .path.display())]
    Unknown {
        /// What does not fit.
        why: String,
        /// The file.
        path: PathBuf,
    },
    /// It needs no import.
    #[error("this is a recording of Beadscope already: {}", .0.display())]
    Ours(PathBuf),
    /// Positions in unknown units are of no use.
    #[error(
        "a trace of QTrk does not tell its units; say what one of x and y is with --xy-nm, and of z with --z-nm, in nm"
    )]
    NoUnits,
    /// The output cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The output cannot be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

impl ImportError {
    /// What becomes of an error met in reading `path`.
    fn reading(path: &Path) -> impl Fn(io::Error) -> Self {
        |error| Self::Read { error, path: path.to_path_buf() }
    }
}

/// Makes the recording `to` of the file `from`, and replaces what is there. `progress` hears how many of how many frames, or
/// bytes, are done.
///
/// # Errors
/// If it is no such file, or cannot be read or written; `to` is as before then.
pub fn import(
    from: &Path,
    to: &Path,
    units: &Units,
    progress: &dyn Fn(u64, u64),
) -> Result<Imported, ImportError> {
    let start = start_of(from).map_err(ImportError::reading(from))?;
    aside::write(to, |path| {
        if start.starts_with(&HDF5) {
            magscope::import(from, path, units, progress)
        } else {
            qtrk::import(from, &start, path, units, progress)
        }
    })
}

/// Enough of a file to know it by.
fn start_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    File::open(path)?.take(1 << 16).read_to_end(&mut start)?;
    Ok(start)
}

/// A recording that is being made.
struct Target {
    file: TracksFile,
    path: PathBuf,
    pixel_size_nm: f64,
    account: Account,
    headers: Vec<(TracksHeader, u64)>,
    rows: Vec<TrackRow>,
    counts: Counts,
    first_unix_ns: Option<u64>,
    /// Highest of the frames' own numbers.
    highest: Option<u64>,
    /// Numbers below it that have not come yet: from, to.
    missing: BTreeMap<u64, u64>,
    /// Time of the last frame, ns since 1970 UTC.
    last_unix_ns: u64,
    /// The latest time so far, ns since the first.
    arrival_ns: u64,
    /// Frames that have an earlier time than the one before.
    times_back: u64,
    has_flags: bool,
}

impl Target {
    fn create(
        path: &Path,
        from: &Path,
        program: &str,
        beads: &[u32],
        pixel_size_nm: f64,
        started_unix_ns: u64,
    ) -> Result<Self, RecordError> {
        // Where their ROIs were, rows tell; how large, nobody.
        let roi = |bead: &u32| Roi { bead: *bead, left_px: 0, top_px: 0, size_px: 0 };
        let rois: Vec<Roi> = beads.iter().map(roi).collect();
        let name = from.file_name().unwrap_or_default().to_string_lossy();
        let camera = format!("# imported from a file of {program}: {name}\n");
        let (settings_toml, zlut) = (String::new(), None);
        let info = RunInfo { pixel_size_nm, settings_toml, camera, rois: rois.clone(), zlut };
        let beads = Beads { rois: rois.into(), ..Beads::default() };
        let file = info.create_file(path, &beads, started_unix_ns)?;
        Ok(Self {
            file,
            path: path.to_path_buf(),
            pixel_size_nm,
            account: Account::default(),
            headers: Vec::new(),
            rows: Vec::new(),
            counts: Counts::default(),
            first_unix_ns: None,
            highest: None,
            missing: BTreeMap::new(),
            last_unix_ns: 0,
            arrival_ns: 0,
            times_back: 0,
            has_flags: false,
        })
    }

    /// Adds a row of the next frame: nm, with NaN where nothing was measured.
    fn row(&mut self, bead: u32, [x_nm, y_nm, z_nm]: [f64; 3], corner_px: [i32; 2]) {
        let known = |nm: f64| if nm.is_finite() { nm } else { f64::NAN };
        let [x_nm, y_nm, z_nm] = [x_nm, y_nm, z_nm].map(known);
        let flags = if x_nm.is_nan() || y_nm.is_nan() {
            Flags::NOT_LOCATED
        } else if z_nm.is_nan() {
            Flags::NO_ZLUT
        } else {
            Flags::NONE
        };
        self.has_flags |= flags != Flags::NONE;
        let (x_px, y_px) = (x_nm / self.pixel_size_nm, y_nm / self.pixel_size_nm);
        let (quality, sigma) = (f32::NAN, [f32::NAN; 3]);
        self.rows.push(TrackRow { x_px, y_px, z_nm, quality, flags: flags.0, bead, corner_px, sigma });
    }

    /// Ends a frame, of so many rows, that has this number in its own file and was taken at this time, ns since 1970 UTC.
    fn end_frame(&mut self, rows: usize, number: u64, unix_ns: u64) -> Result<(), RecordError> {
        let time_ns = unix_ns.saturating_sub(*self.first_unix_ns.get_or_insert(unix_ns));
        self.times_back += u64::from(unix_ns < self.last_unix_ns);
        self.last_unix_ns = unix_ns;
        // Frames are in the order in which they came, whatever their times.
        self.arrival_ns = self.arrival_ns.max(time_ns);
        let mut frame = FrameHeader {
            frame: self.counts.frames + self.headers.len() as u64,
            device_frame: number,
            arrival_ns: self.arrival_ns,
            time_ns,
            ..FrameHeader::default()
        };
        match self.highest {
            Some(highest) if number <= highest => {
                let is_late = self.take_missing(number);
                frame.flags = if is_late { FrameFlags::LATE } else { FrameFlags::REPEATED };
            }
            Some(highest) if number > highest + 1 => {
                frame.gap.camera = number - highest - 1;
                self.missing.insert(highest + 1, number - 1);
            }
            _ => {}
        }
        self.highest = self.highest.max(Some(number));
        self.account.add(&frame, &[]);
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        self.headers.push((TracksHeader { frame, tracked_ns: 0, rows, on_gpu: false }, unix_ns));
        if self.headers.len() >= BATCH_FRAMES || self.rows.len() >= BATCH_ROWS {
            self.write()
        } else {
            Ok(())
        }
    }

    /// Whether this number was missing; it is no more.
    fn take_missing(&mut self, number: u64) -> bool {
        let before = self.missing.range(..=number).next_back();
        let Some((&from, &to)) = before.filter(|(_, to)| number <= **to) else { return false };
        self.missing.remove(&from);
        if from < number {
            self.missing.insert(from, number - 1);
        }
        if number < to {
            self.missing.insert(number + 1, to);
        }
        true
    }

    fn write(&mut self) -> Result<(), RecordError> {
        self.file.append(&self.headers, &self.rows)?;
        self.counts.batches += u64::from(!self.headers.is_empty());
        self.counts.frames += self.headers.len() as u64;
        self.counts.rows += self.rows.len() as u64;
        self.headers.clear();
        self.rows.clear();
        Ok(())
    }

    fn finish(mut self, program: &'static str, mut notices: Vec<String>) -> Result<Imported, ImportError> {
        self.write()?;
        if self.has_flags {
            notices.push(
                "the file does not tell why a value is missing: not_located stands for x or y, no_zlut for z alone"
                    .to_owned(),
            );
        }
        if self.times_back > 0 {
            notices.push(format!("{} frames have an earlier time than the one before", self.times_back));
        }
        let Self { file, path, account, counts, .. } = self;
        let ledger = serde_json::to_string(&account.ledger()).unwrap_or_default();
        file.finish(&ledger, account.gaps(), &notices)?;
        output::mark_imported(&path, program)?;
        Ok(Imported { program, counts, notices })
    }
}

/// Lets `fill` write into `target`; what cannot be finished is of no use and goes.
fn fill(
    mut target: Target,
    program: &'static str,
    fill: impl FnOnce(&mut Target) -> Result<Vec<String>, ImportError>,
) -> Result<Imported, ImportError> {
    let partial = target.file.partial_path().to_path_buf();
    let filled = fill(&mut target).and_then(|notices| target.finish(program, notices));
    filled.inspect_err(|_| drop(fs::remove_file(partial)))
}
