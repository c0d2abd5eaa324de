//! Reads a recording back: what it says of itself at once, frames and rows block by block, however long it is.
//!
//! Every part of `tracks.h5` is in `schema.rs`, and this is its other end. A partial file is read as far as it is whole:
//! one that a crash left, or one that grows at this moment, which is not disturbed.

mod attributes;
mod blocks;
pub mod export;
mod noise;
mod partial;
pub mod summary;
mod tables;
pub mod verify;

use std::path::{Path, PathBuf};

use beadscope_zlut::ZLut;
use rust_hdf5::{H5File, H5Type, Hdf5Error};

use self::attributes::Attributes;
pub use self::blocks::Block;
use self::partial::whole;
use super::schema::{
    BATCH_COLUMNS, ColumnSpec, FORMAT_VERSION, FRAME_COLUMNS, OFFSETS, OURS, ROW_COLUMNS, TRACKING,
};
use super::tracks_file::{Counts, partial_path};
use super::{rig_path, tracks_path};

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is nothing of that name, or no recording in the folder.
    #[error("no recording is here; give the folder of a run or its tracks.h5: {}", .0.display())]
    Missing(PathBuf),
    /// Some other file.
    #[error("not a recording of beadscope ({cause}); give the folder of a run or its tracks.h5: {}", .path.display())]
    Other {
        /// What it lacks.
        cause: String,
        /// The file.
        path: PathBuf,
    },
    /// A newer program wrote it.
    #[error("the recording has format version {found}, this program reads up to {FORMAT_VERSION}; use a newer one: {}", .path.display())]
    Version {
        /// The version of the file.
        found: u64,
        /// The file.
        path: PathBuf,
    },
    /// A part of it cannot be read.
    #[error("the recording is damaged ({part}: {cause}); see what else with `beadscope verify`: {}", .path.display())]
    Damaged {
        /// Which part.
        part: String,
        /// What the library said.
        cause: String,
        /// The file.
        path: PathBuf,
    },
}

/// A recording, open for reading.
pub struct Recording {
    file: H5File,
    /// The file.
    pub path: PathBuf,
    /// What of it is whole.
    pub counts: Counts,
    /// What it says of itself.
    pub about: About,
}

/// What a recording says of itself, but for its tables.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct About {
    /// Program and version that wrote it.
    pub software: String,
    /// Version of our groups.
    pub format_version: u64,
    /// It was finished as it should.
    pub complete: bool,
    /// Its name says that it is being written or was left by a crash.
    pub partial: bool,
    /// Writing failed on the way, so it ends early.
    pub write_failed: bool,
    /// Its frames have times; positions tracked in images on disk have none.
    pub has_times: bool,
    /// Start of the run, ns since 1970 UTC.
    pub started_unix_ns: u64,
    /// Number of the recording.
    pub recording_id: u64,
    /// Side of a camera pixel in the sample, nm.
    pub pixel_size_nm: f64,
    /// The camera and what it applied, as TOML.
    pub camera_toml: String,
    /// Every setting, as TOML.
    pub settings_toml: String,
}

/// The file that `run` means: itself, or the one in that folder, finished or not.
///
/// # Errors
/// [`ReadError::Missing`].
pub fn file_of(run: &Path) -> Result<PathBuf, ReadError> {
    let finished = tracks_path(run);
    let candidates = [run.to_path_buf(), finished.clone(), partial_path(&finished)];
    let found = candidates.into_iter().find(|path| path.is_file());
    found.ok_or_else(|| ReadError::Missing(run.to_path_buf()))
}

/// What an export of this recording may not be written over: the recording, and the settings beside it.
pub fn files_of(recording: &Path) -> [PathBuf; 2] {
    [recording.to_path_buf(), rig_path(recording.parent().unwrap_or(Path::new(".")))]
}

impl Recording {
    /// Opens the recording that `run` means: a run's folder, its `tracks.h5`, or a partial one.
    ///
    /// # Errors
    /// If there is none, or what it says of itself cannot be read.
    pub fn open(run: &Path) -> Result<Self, ReadError> {
        let path = file_of(run)?;
        let other = |cause: String| ReadError::Other { cause, path: path.clone() };
        let file = H5File::options().no_locking().open(&path).map_err(|error| other(error.to_string()))?;
        let attributes = Attributes::read(&path, OURS).map_err(|error| other(error.to_string()))?;
        let attributes = attributes.ok_or_else(|| other(format!("it has no group /{OURS}")))?;
        let number = |name: &str| attributes.unsigned(name).ok_or_else(|| other(format!("it has no {name}")));
        let format_version = number("format_version")?;
        if format_version > u64::from(FORMAT_VERSION) {
            return Err(ReadError::Version { found: format_version, path });
        }
        let ours = file.root_group().group(OURS).map_err(|error| other(error.to_string()))?;
        let text = |name: &str| {
            let strings = file.dataset(&format!("{OURS}/{name}")).and_then(|text| text.read_vlen_strings());
            strings.map(|strings| strings.concat()).map_err(|error| other(error.to_string()))
        };
        let pixel_size_nm = attributes.double("pixel_size_nm").filter(|nm| nm.is_finite() && *nm > 0.0);
        let about = About {
            software: ours.attr_string("software").map_err(|error| other(error.to_string()))?,
            format_version,
            complete: number("complete")? == 1,
            partial: path.extension().is_some_and(|extension| extension == "partial"),
            write_failed: number("write_failed")? == 1,
            has_times: ours.attr_string("timestamps").is_err(),
            started_unix_ns: number("started_unix_ns")?,
            recording_id: number("recording_id")?,
            pixel_size_nm: pixel_size_nm.ok_or_else(|| other("it has no pixel_size_nm".to_owned()))?,
            camera_toml: text("camera")?,
            settings_toml: text("settings_toml")?,
        };
        let counts = whole_counts(&file).map_err(|error| ReadError::Damaged {
            part: "its lengths".to_owned(),
            cause: error.to_string(),
            path: path.clone(),
        })?;
        Ok(Self { file, path, counts, about })
    }

    /// The Z-LUTs in it, each with the hash that it is stored under.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn zluts(&self) -> Result<Vec<(String, ZLut)>, ReadError> {
        let names = self.file.root_group().group(OURS).and_then(|ours| ours.group("zlut"));
        let zluts = names.map_err(|error| self.damaged("zlut", error))?;
        let names = zluts.group_names().map_err(|error| self.damaged("zlut", error))?;
        let read = |name: String| {
            let group = zluts.group(&name).map_err(|error| self.damaged(&name, error))?;
            let table = beadscope_zlut::hdf5::read_group(&self.file, &group);
            Ok((name.clone(), table.map_err(|error| self.damaged(&format!("Z-LUT {name}"), error))?))
        };
        names.into_iter().map(read).collect()
    }

    /// All elements of a dataset that is small.
    fn all<T: H5Type>(&self, path: &str) -> Result<Vec<T>, ReadError> {
        let read = || self.file.dataset(path)?.read_raw();
        read().map_err(|error: Hdf5Error| self.damaged(path, error))
    }

    /// Rows `first..first + rows` of a dataset, element after element.
    fn slice<T: H5Type>(&self, path: &str, first: u64, rows: u64) -> Result<Vec<T>, ReadError> {
        if rows == 0 {
            return Ok(Vec::new());
        }
        let index = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let read = || {
            let dataset = self.file.dataset(path)?;
            match dataset.shape().as_slice() {
                [_, width] => dataset.read_slice(&[index(first), 0], &[index(rows), *width]),
                _ => dataset.read_slice(&[index(first)], &[index(rows)]),
            }
        };
        read().map_err(|error: Hdf5Error| self.damaged(path, error))
    }

    fn damaged(&self, part: &str, cause: impl ToString) -> ReadError {
        ReadError::Damaged { part: part.to_owned(), cause: cause.to_string(), path: self.path.clone() }
    }

    /// Attributes of MagScope's group: the first and last time.
    fn magscope_times(&self) -> Option<[u64; 2]> {
        let attributes = Attributes::read(&self.path, TRACKING).ok()??;
        let number = |name| attributes.unsigned(name);
        Some([number("min_frame_timestamp_ns")?, number("max_frame_timestamp_ns")?])
    }
}

/// What is there: all, if the columns agree; else what a crash left whole.
fn whole_counts(file: &H5File) -> Result<Counts, Hdf5Error> {
    let [rows, frames, batches] =
        [&ROW_COLUMNS[..], &FRAME_COLUMNS, &BATCH_COLUMNS].map(|columns| lengths(file, columns));
    let (rows, frames, batches) = (rows?, frames?, batches?);
    let same = |lengths: &[u64]| lengths.windows(2).all(|pair| pair[0] == pair[1]);
    if !(same(&rows) && same(&frames) && same(&batches)) {
        return whole(file);
    }
    let counts = Counts { batches: batches[0], frames: frames[0], rows: rows[0] };
    let last = |path, length: u64| -> Result<u64, Hdf5Error> {
        let Some(last) = usize::try_from(length).ok().and_then(|length| length.checked_sub(1)) else {
            return Ok(0);
        };
        Ok(file.dataset(path)?.read_slice(&[last], &[1])?[0])
    };
    let batched = last("tracking/batch_frame_start", batches[0])?
        .saturating_add(last("tracking/batch_frame_count", batches[0])?);
    // A crash between two lengths leaves the kinds apart, too.
    if last(OFFSETS, frames[0] + 1)? == rows[0] && batched == frames[0] {
        return Ok(counts);
    }
    whole(file)
}

/// Entries of each column, `frame_offsets` counted without its first.
fn lengths(file: &H5File, columns: &[ColumnSpec]) -> Result<Vec<u64>, Hdf5Error> {
    let length = |column: &ColumnSpec| {
        let length = file.dataset(column.path)?.shape().first().copied().unwrap_or(0) as u64;
        Ok(length.saturating_sub(u64::from(column.path == OFFSETS)))
    };
    columns.iter().map(length).collect()
}
