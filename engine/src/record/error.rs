//! What can go wrong while a run is written, by what the caller does next.

use std::io;
use std::path::{Path, PathBuf};

use rust_hdf5::Hdf5Error;

use crate::run_name::RunNameError;

/// Why a recording could not be created or continued.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The run has a name that cannot be filled in.
    #[error("the name of the run cannot be used: {0}")]
    Name(#[from] RunNameError),
    /// Recordings are never overwritten.
    #[error("a recording of that name exists already; choose another folder or name: {}", .path.display())]
    Exists {
        /// The file in the way, finished or partial.
        path: PathBuf,
    },
    /// A session makes one recording at a time.
    #[error("a recording runs already; stop it before another is begun: {}", .path.display())]
    Running {
        /// The recording that was not begun.
        path: PathBuf,
    },
    /// There is nobody left to record.
    #[error("the session has ended, nothing is recorded; start another: {}", .path.display())]
    Ended {
        /// The recording that was not begun.
        path: PathBuf,
    },
    /// Only what a crash left behind can be recovered.
    #[error("not a partial recording; give a file whose name ends in .partial: {}", .path.display())]
    NotPartial {
        /// The file.
        path: PathBuf,
    },
    /// The journal is begun before the first frame.
    #[error("nothing was recorded before the crash; remove what it left: {}", .path.display())]
    Empty {
        /// The partial file.
        path: PathBuf,
    },
    /// What to recover is in the journal.
    #[error(
        "the journal does not say what was recorded: its beginning is damaged, or it is another file; a copy of it may be whole: \
         {}", .path.display()
    )]
    Journal {
        /// The journal.
        path: PathBuf,
    },
    /// Two writers would destroy a recording.
    #[error("another program has the recording open; stop the recording there and try again: {}", .path.display())]
    InUse {
        /// The partial file.
        path: PathBuf,
    },
    /// The same, where only the time of its last change tells.
    #[error("the recording was written to just now; stop it, or wait 5 s and try again: {}", .path.display())]
    JustWritten {
        /// The partial file.
        path: PathBuf,
    },
    /// Every bead needs a number that MagScope's `bead_ids` (u16) can hold.
    #[error("bead number {bead} is above 65535; renumber the beads: {}", .path.display())]
    BeadNumber {
        /// The bead.
        bead: u32,
        /// The recording.
        path: PathBuf,
    },
    /// The headers of a batch and its rows contradict each other. Nothing of the batch was written.
    #[error("the frames of the batch count {announced} rows, but {given} were given: {}", .path.display())]
    RowCount {
        /// Sum of the headers' `rows`.
        announced: u64,
        /// Rows handed over.
        given: u64,
        /// The recording.
        path: PathBuf,
    },
    /// No space is left. What was flushed is kept.
    #[error("the disk is full; free space or record elsewhere, what was flushed is kept: {}", .path.display())]
    DiskFull {
        /// The file that could not grow.
        path: PathBuf,
    },
    /// Little space is left. The recording is ended before the disk is full, and is whole.
    #[error(
        "only {:.1} GB are free, and {:.1} GB are kept for closing files and for other programs; free space or record \
         elsewhere, the recording so far is whole: {}",
        *.free_bytes as f64 / 1e9, *.reserve_bytes as f64 / 1e9, .path.display()
    )]
    Reserve {
        /// Space that is free, bytes.
        free_bytes: u64,
        /// Space that is kept free, bytes.
        reserve_bytes: u64,
        /// The recording.
        path: PathBuf,
    },
    /// The folder or the file may not be written.
    #[error("no permission to {action}; choose a folder you may write to: {}", .path.display())]
    NotPermitted {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
    },
    /// The operating system refused for another reason.
    #[error("could not {action}: {error}: {}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The system's answer.
        error: io::Error,
        /// The file or folder.
        path: PathBuf,
    },
    /// What was written is not what is read.
    #[error(
        "the recording does not hold all that was recorded; its journal does: move the recording elsewhere, then \
         `beadscope recover` its folder: {}", .path.display()
    )]
    NotWhole {
        /// The recording.
        path: PathBuf,
    },
    /// What was filmed is on the disk, but no program finds all of it.
    #[error("could not close the video: {error}; `beadscope recover` makes it whole: {}", .path.display())]
    VideoUnfinished {
        /// The system's answer.
        error: io::Error,
        /// The video's folder.
        path: PathBuf,
    },
    /// The HDF5 library refused.
    #[error("could not {action}: {cause}: {}", .path.display())]
    Hdf5 {
        /// What was tried.
        action: &'static str,
        /// The library's answer.
        cause: String,
        /// The file.
        path: PathBuf,
    },
    /// A Z-LUT could not be stored.
    #[error("could not store Z-LUT {hash}: {cause}: {}", .path.display())]
    ZLut {
        /// Which one.
        hash: String,
        /// The Z-LUT writer's answer.
        cause: String,
        /// The recording.
        path: PathBuf,
    },
    /// An earlier write failed; nothing more is accepted, but the recording can be finished.
    #[error("the recording stopped at an earlier error, finish it and start another: {}", .path.display())]
    Stopped {
        /// The recording.
        path: PathBuf,
    },
}

impl RecordError {
    /// Sorts a system error by what the caller does next.
    pub(crate) fn io(action: &'static str, path: &Path, error: io::Error) -> Self {
        let path = path.to_path_buf();
        match error.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists { path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::NotPermitted { action, path }
            }
            _ => Self::Io { action, error, path },
        }
    }

    /// The same for an error of the HDF5 library.
    pub(super) fn hdf5(action: &'static str, path: &Path, error: Hdf5Error) -> Self {
        let text = error.to_string();
        match error {
            Hdf5Error::Io(source) => Self::io(action, path, source),
            _ => match os_error(&text) {
                Some(source) => Self::io(action, path, source),
                None => Self::Hdf5 { action, cause: text, path: path.to_path_buf() },
            },
        }
    }
}

/// The system error inside a message of rust-hdf5. Its `IoLayer` error keeps the [`io::Error`] in a private type
/// without a `source`, so the number that the standard library prints, `(os error 28)`, is the only way to it.
fn os_error(text: &str) -> Option<io::Error> {
    let (_, rest) = text.rsplit_once("(os error ")?;
    let (number, _) = rest.split_once(')')?;
    number.parse().ok().map(io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_full_disk_is_told_from_other_errors() {
        let full = "hdf5-io error: I/O error: No space left on device (os error 28)";
        assert_eq!(os_error(full).map(|e| e.kind()), Some(io::ErrorKind::StorageFull));
        assert!(os_error("invalid state: file is closed").is_none());
        let path = Path::new("tracks.h5");
        assert!(matches!(
            RecordError::hdf5("write", path, Hdf5Error::InvalidState("x".into())),
            RecordError::Hdf5 { .. }
        ));
    }
}
