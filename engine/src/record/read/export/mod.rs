//! A recording in the formats of other programs. A file appears whole or not at all; the recording itself is only read.

pub mod csv;
pub mod magscope;
pub mod parquet;
pub mod pylake;
mod timing;
pub mod tweezepy;

use std::path::PathBuf;

use rust_hdf5::Hdf5Error;

use super::ReadError;

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The recording cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file system refused.
    #[error(transparent)]
    Write(#[from] std::io::Error),
    /// The HDF5 library refused.
    #[error("cannot write HDF5: {0}")]
    Hdf5(#[from] Hdf5Error),
    /// The Parquet library refuses.
    #[error("cannot write Parquet: {0}")]
    Parquet(#[from] ::parquet::errors::ParquetError),
    /// What is wanted is a new folder.
    #[error("it exists already, nothing was written; give a new name: {}", .0.display())]
    Exists(PathBuf),
    /// The format is about positions.
    #[error("no bead was tracked, so there are no positions to export: {}", .0.display())]
    NoRows(PathBuf),
    /// The same, but there is a video.
    #[error("no bead was tracked, so there are no positions to export; the pixels are in {}", .0.display())]
    OnlyVideo(PathBuf),
    /// The format is about times.
    #[error("the recording has no frames with times, which this format needs; export it to csv: {}", .0.display())]
    NoTimes(PathBuf),
}
