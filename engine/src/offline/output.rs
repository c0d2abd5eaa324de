//! Where offline results go: CSV, NumPy or HDF5, by the file's extension. A file appears whole or not at all, and
//! replaces the one that was there; [`crate::replace::check`] says whether it may.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use beadscope_drivers::npy::write_npy_f64x3;
use beadscope_drivers::stack::StackError;
use beadscope_shaders::flags::Flags;
use beadscope_shaders::params::Method;
use beadscope_zlut::aside;
use rust_hdf5::{H5File, H5Group};

use crate::bead_set::Beads;
use crate::frame::FrameHeader;
use crate::offline::account::Account;
use crate::offline::source::{Source, SourceError};
use crate::offline::{self, Batch};
use crate::record::error::RecordError;
use crate::record::info::RunInfo;
use crate::track::backend::BeadTracker;
use crate::tracks::{TrackRow, TracksHeader};

/// The files that results can be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `frame,bead,x_px,y_px,z_nm,quality,flags`, lines that start with `#` are metadata. From the method `fit` also
    /// `sigma_x_px,sigma_y_px,sigma_z_nm`, its standard errors. From the video of a run also `time_s`, since its first frame.
    Csv,
    /// (rows, 3) `f64`: x_px, y_px, z_nm; frame after frame, in each the beads in ROI order. Not for the video of a run, of
    /// which it would lose frame numbers, times and beads.
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
    /// Reading the input.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Writing `.npy`.
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
    /// Beads in each, at most.
    pub beads: usize,
    /// Rows with finite x and y.
    pub located: u64,
    /// Rows with finite z.
    pub with_z: u64,
    /// Rows that carry each flag.
    pub flags: std::collections::BTreeMap<&'static str, u64>,
    /// Rows in all.
    pub rows: u64,
}

impl Summary {
    fn count(&mut self, rows: &[TrackRow]) {
        self.rows += rows.len() as u64;
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

/// What results say of themselves.
pub struct About {
    /// Settings, camera, Z-LUT.
    pub info: RunInfo,
    /// The beads of the first frame.
    pub beads: Beads,
    /// When the run began, or tracking where there was none; ns since 1970 UTC.
    pub started_unix_ns: u64,
}

/// Tracks `source` and writes the rows to `out`, replacing what is there. `progress` hears how many frames are done.
///
/// # Errors
/// If a frame cannot be read or the file not be written; `out` is as before then.
pub fn track_to_file(
    source: &mut dyn Source,
    tracker: &mut BeadTracker,
    about: &About,
    out: &Path,
    progress: &dyn Fn(u64),
) -> Result<Summary, OutputError> {
    let mut summary = Summary { beads: tracker.rois().len(), ..Summary::default() };
    let mut count = |batch: &Batch<'_>| {
        summary.frames += batch.frames.len() as u64;
        summary.beads = summary.beads.max(batch.beads());
        summary.count(batch.rows);
        progress(summary.frames);
    };
    match Format::of(out)? {
        Format::Csv => aside::write(out, |path| write_csv(source, tracker, about, path, &mut count))?,
        Format::Npy => aside::write(out, |path| write_npy(source, tracker, path, &mut count))?,
        Format::Hdf5 => aside::write(out, |path| write_hdf5(source, tracker, about, path, &mut count))?,
    }
    Ok(summary)
}

fn write_csv(
    source: &mut dyn Source,
    tracker: &mut BeadTracker,
    about: &About,
    path: &Path,
    count: &mut dyn FnMut(&Batch<'_>),
) -> Result<(), OutputError> {
    let mut file = BufWriter::new(File::create(path)?);
    for line in about.info.settings_toml.lines().filter(|line| !line.is_empty()) {
        writeln!(file, "# {line}")?;
    }
    let (with_sigma, with_time) = (tracker.method() == Method::Fit, source.has_times());
    let sigma = if with_sigma { ",sigma_x_px,sigma_y_px,sigma_z_nm" } else { "" };
    let time = if with_time { ",time_s" } else { "" };
    writeln!(file, "frame,bead,x_px,y_px,z_nm,quality,flags{sigma}{time}")?;
    let mut first_ns = None;
    offline::track(source, tracker, |batch| -> Result<(), OutputError> {
        let beads = batch.beads();
        first_ns = first_ns.or_else(|| batch.frames.first().map(|(frame, _)| frame.time_ns));
        for (item, row) in batch.rows.iter().enumerate() {
            let header = &batch.frames[item / beads].0;
            let TrackRow { bead, x_px, y_px, z_nm, quality, sigma: [x, y, z], .. } = *row;
            let frame = header.frame;
            write!(file, "{frame},{bead},{x_px:.6},{y_px:.6},{z_nm:.4},{quality:.6},{}", row.flags())?;
            if with_sigma {
                write!(file, ",{x:.6},{y:.6},{z:.4}")?;
            }
            if with_time {
                let since_ns = i128::from(header.time_ns) - i128::from(first_ns.unwrap_or(header.time_ns));
                write!(file, ",{:.9}", since_ns as f64 * 1e-9)?;
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
    source: &mut dyn Source,
    tracker: &mut BeadTracker,
    path: &Path,
    count: &mut dyn FnMut(&Batch<'_>),
) -> Result<(), OutputError> {
    let mut positions = Vec::new();
    offline::track(source, tracker, |batch| -> Result<(), OutputError> {
        positions.extend(batch.rows.iter().map(|row| [row.x_px, row.y_px, row.z_nm]));
        count(batch);
        Ok(())
    })?;
    Ok(write_npy_f64x3(path, &positions)?)
}

fn write_hdf5(
    source: &mut dyn Source,
    tracker: &mut BeadTracker,
    about: &About,
    path: &Path,
    count: &mut dyn FnMut(&Batch<'_>),
) -> Result<(), OutputError> {
    let mut file = about.info.create_file(path, &about.beads, about.started_unix_ns)?;
    let (segments, has_times) = (source.segments().to_vec(), source.has_times());
    let mut account = Account::default();
    let tracked = offline::track(source, tracker, |batch| -> Result<(), OutputError> {
        let &Batch { frames, rows, on_gpu } = batch;
        let header = |(frame, unix_ns): &(FrameHeader, u64)| {
            let rows = batch.beads() as u32;
            (TracksHeader { frame: *frame, tracked_ns: 0, rows, on_gpu }, *unix_ns)
        };
        for (frame, _) in frames {
            if let Some(segment) = account.add(frame, &segments) {
                file.begin_segment(&segment, frame)?;
            }
        }
        let headers: Vec<_> = frames.iter().map(header).collect();
        count(batch);
        Ok(file.append(&headers, rows)?)
    });
    let ledger = serde_json::to_string(&account.ledger()).unwrap_or_default();
    let partial = file.partial_path().to_owned();
    let notices: Vec<String> = tracker.on().notice.iter().cloned().collect();
    let finished = tracked
        .and_then(|()| Ok(file.finish(&ledger, account.gaps(), &notices)?))
        .and_then(|()| Ok(mark(path, if has_times { FROM_VIDEO } else { NO_TIME })?));
    // What cannot be finished is of no use: it can be tracked again.
    finished.inspect_err(|_| drop(std::fs::remove_file(partial)))
}

/// Whether the file with this root is one that [`track_to_file`] or an import made.
pub(crate) fn is_offline(root: &H5Group) -> bool {
    let attribute = |name: &str| root.group("beadscope")?.attr_string(name);
    let is_told = |(name, told): &(&str, &str)| attribute(name).is_ok_and(|text| text == *told);
    [NO_TIME, FROM_VIDEO].iter().any(is_told) || attribute(IMPORTED).is_ok()
}

/// What files say that were tracked from images.
const NO_TIME: (&str, &str) = ("timestamps", "none: frame index");
/// The same of those from a video.
const FROM_VIDEO: (&str, &str) = ("tracked_from", "the video of a run");

/// Says which program's file an imported one was.
const IMPORTED: &str = "imported_from";

/// Says in a finished file which program's it was.
pub(crate) fn mark_imported(path: &Path, program: &str) -> Result<(), RecordError> {
    mark(path, (IMPORTED, program))
}

/// Says in a finished file what it was made of.
fn mark(path: &Path, (name, told): (&str, &str)) -> Result<(), RecordError> {
    let mark = || {
        let file = H5File::options().best_effort_locking().open_rw(path)?;
        file.root_group().group("beadscope")?.set_attr_string(name, told)?;
        file.close()
    };
    mark().map_err(|error| RecordError::Hdf5 {
        action: "mark the origin of",
        cause: error.to_string(),
        path: path.into(),
    })
}
