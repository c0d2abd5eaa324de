//! Where offline results go: CSV, NumPy or HDF5, by the file's extension. A file appears whole or not at all, and
//! replaces the one that was there; [`crate::replace::check`] says whether it may.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use beadscope_drivers::npy::write_npy_f64x3;
use beadscope_drivers::stack::{Stack, StackError};
use beadscope_shaders::flags::Flags;
use beadscope_shaders::params::Method;
use beadscope_zlut::aside;
use rust_hdf5::{H5File, H5Group};

use crate::clock::unix_ns_now;
use crate::frame::FrameHeader;
use crate::ledger::Ledger;
use crate::offline::{self, Batch};
use crate::record::error::RecordError;
use crate::record::info::RunInfo;
use crate::track::backend::BeadTracker;
use crate::tracks::{TrackRow, TracksHeader};

/// The files that results can be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `frame,bead,x_px,y_px,z_nm,quality,flags`, lines that start with `#` are metadata. From the method `fit` also
    /// `sigma_x_px,sigma_y_px,sigma_z_nm`, its standard errors.
    Csv,
    /// (rows, 3) `f64`: x_px, y_px, z_nm; frame after frame, in each the beads in ROI order.
    Npy,
    /// `tracks.h5` as a run writes it. Images carry no time: the attribute `timestamps` of `/beadscope` says that
    /// `frame_timestamps_ns` is the start of tracking plus the number of the frame.
    Hdf5,
}

/// Why results could not be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// No such kind of file.
    #[error("results are written to .csv, .npy or .h5, not to {}", .0.display())]
    Format(PathBuf),
    /// Reading the input, or writing `.npy`.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// Writing `.h5`.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Writing `.csv`.
    #[error("cannot write the results")]
    Write(#[from] std::io::Error),
}

/// What was found, in numbers.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Summary {
    /// Frames or images read.
    pub frames: u64,
    /// Beads in each.
    pub beads: usize,
    /// Rows with finite x and y.
    pub located: u64,
    /// Rows with finite z.
    pub with_z: u64,
    /// Rows that carry each flag.
    pub flags: std::collections::BTreeMap<&'static str, u64>,
}

impl Summary {
    fn count(&mut self, rows: &[TrackRow]) {
        for row in rows {
            self.located += u64::from(row.x_px.is_finite() && row.y_px.is_finite());
            self.with_z += u64::from(row.z_nm.is_finite());
            for (flag, name) in Flags::NAMES {
                if row.flags().contains(flag) {
                    *self.flags.entry(name).or_default() += 1;
                }
            }
        }
    }
}

impl Format {
    /// The format that a path's extension names.
    ///
    /// # Errors
    /// [`OutputError::Format`] for any other extension.
    pub fn of(path: &Path) -> Result<Self, OutputError> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("csv") => Ok(Self::Csv),
            Some("npy") => Ok(Self::Npy),
            Some("h5") => Ok(Self::Hdf5),
            _ => Err(OutputError::Format(path.to_owned())),
        }
    }
}

/// Tracks `stack` and writes the rows to `out`, replacing what is there. `progress` hears how many frames are done.
///
/// # Errors
/// If a frame cannot be read or the file not be written; `out` is as before then.
pub fn track_to_file(
    stack: &mut Stack,
    tracker: &mut BeadTracker,
    info: &RunInfo,
    out: &Path,
    progress: &dyn Fn(u64),
) -> Result<Summary, OutputError> {
    let beads = tracker.rois().len();
    let mut summary = Summary { frames: stack.len() as u64, beads, ..Summary::default() };
    let mut count = |batch: &Batch<'_>| {
        summary.count(batch.rows);
        progress(batch.first + (batch.rows.len() / beads.max(1)) as u64);
    };
    match Format::of(out)? {
        Format::Csv => aside::write(out, |path| write_csv(stack, tracker, info, path, &mut count))?,
        Format::Npy => aside::write(out, |path| write_npy(stack, tracker, path, &mut count))?,
        Format::Hdf5 => aside::write(out, |path| write_hdf5(stack, tracker, info, path, &mut count))?,
    }
    Ok(summary)
}

fn write_csv(
    stack: &mut Stack,
    tracker: &mut BeadTracker,
    info: &RunInfo,
    path: &Path,
    count: &mut dyn FnMut(&Batch<'_>),
) -> Result<(), OutputError> {
    let mut file = BufWriter::new(File::create(path)?);
    for line in info.settings_toml.lines().filter(|line| !line.is_empty()) {
        writeln!(file, "# {line}")?;
    }
    let with_sigma = tracker.method() == Method::Fit;
    let more = if with_sigma { ",sigma_x_px,sigma_y_px,sigma_z_nm" } else { "" };
    writeln!(file, "frame,bead,x_px,y_px,z_nm,quality,flags{more}")?;
    let beads = tracker.rois().len();
    offline::track(stack, tracker, |batch| -> Result<(), OutputError> {
        for (item, row) in batch.rows.iter().enumerate() {
            let frame = batch.first + (item / beads) as u64;
            let TrackRow { bead, x_px, y_px, z_nm, quality, sigma: [x, y, z], .. } = *row;
            write!(file, "{frame},{bead},{x_px:.6},{y_px:.6},{z_nm:.4},{quality:.6},{}", row.flags())?;
            if with_sigma {
                write!(file, ",{x:.6},{y:.6},{z:.4}")?;
            }
            writeln!(file)?;
        }
        count(batch);
        Ok(())
    })?;
    if let Some(notice) = &tracker.on().notice {
        writeln!(file, "# {}", notice.replace(char::is_control, " "))?;
    }
    Ok(file.flush()?)
}

fn write_npy(
    stack: &mut Stack,
    tracker: &mut BeadTracker,
    path: &Path,
    count: &mut dyn FnMut(&Batch<'_>),
) -> Result<(), OutputError> {
    let mut positions = Vec::with_capacity(stack.len() * tracker.rois().len());
    offline::track(stack, tracker, |batch| -> Result<(), OutputError> {
        positions.extend(batch.rows.iter().map(|row| [row.x_px, row.y_px, row.z_nm]));
        count(batch);
        Ok(())
    })?;
    Ok(write_npy_f64x3(path, &positions)?)
}

fn write_hdf5(
    stack: &mut Stack,
    tracker: &mut BeadTracker,
    info: &RunInfo,
    path: &Path,
    count: &mut dyn FnMut(&Batch<'_>),
) -> Result<(), OutputError> {
    let mut file = info.create_file(path, &info.rois.clone().into())?;
    let beads = tracker.rois().len();
    let started_ns = unix_ns_now();
    let frames = stack.len() as u64;
    let tracked = offline::track(stack, tracker, |batch| -> Result<(), OutputError> {
        let &Batch { first, rows, on_gpu } = batch;
        let header = |frame: u64| TracksHeader {
            frame: FrameHeader { frame, device_frame: frame, ..FrameHeader::default() },
            tracked_ns: 0,
            rows: beads as u32,
            on_gpu,
        };
        // Images carry no time; the frame number in ns keeps their order and says that it is no time.
        let last = first + (rows.len() / beads) as u64;
        let headers: Vec<_> = (first..last).map(|frame| (header(frame), started_ns + frame)).collect();
        count(batch);
        Ok(file.append(&headers, rows)?)
    });
    let ledger =
        Ledger { camera: frames, received: frames, tracked: frames, recorded: frames, ..Ledger::default() };
    let partial = file.partial_path().to_owned();
    let notices: Vec<String> = tracker.on().notice.iter().cloned().collect();
    let finished = tracked
        .and_then(|()| Ok(file.finish(&serde_json::to_string(&ledger).unwrap_or_default(), &[], &notices)?))
        .and_then(|()| Ok(mark_timestamps(path)?));
    // What cannot be finished is of no use: it can be tracked again.
    finished.inspect_err(|_| drop(std::fs::remove_file(partial)))
}

/// Whether the file with this root is one that [`track_to_file`] made.
pub(crate) fn is_offline(root: &H5Group) -> bool {
    let attribute = || root.group("beadscope")?.attr_string("timestamps");
    attribute().is_ok_and(|text| text == NO_TIME)
}

/// Value of the attribute `timestamps`.
const NO_TIME: &str = "none: frame index";

/// Says in a finished file that its times are none.
fn mark_timestamps(path: &Path) -> Result<(), RecordError> {
    let mark = || {
        let file = H5File::options().best_effort_locking().open_rw(path)?;
        file.root_group().group("beadscope")?.set_attr_string("timestamps", NO_TIME)?;
        file.close()
    };
    mark().map_err(|error| RecordError::Hdf5 {
        action: "mark the times of",
        cause: error.to_string(),
        path: path.into(),
    })
}
