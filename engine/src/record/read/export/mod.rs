//! A recording in the formats of other programs. A file appears whole or not at all; the recording itself is only read.

pub mod csv;

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
}
