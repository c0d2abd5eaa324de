//! What can go wrong with a file of frames or numbers, in one line that names the file.

use std::path::{Path, PathBuf};

/// What went wrong with a file, sorted by what the reader does next.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The system refuses to read it. Check the path and the permissions.
    #[error("cannot read ({cause}): {}", path.display())]
    Read {
        /// What the system said.
        cause: String,
        /// The file.
        path: PathBuf,
    },
    /// The system refuses to write it. Check the disk and the permissions.
    #[error("cannot write ({cause}): {}", path.display())]
    Write {
        /// What the system said.
        cause: String,
        /// The file.
        path: PathBuf,
    },
    /// The file is sound, but of a kind that we do not read. Convert it.
    #[error("{what} cannot be read; {hint}: {}", path.display())]
    Unsupported {
        /// What was found.
        what: String,
        /// What to do.
        hint: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The file is not what it claims to be. Make it again.
    #[error("{what}: {}", path.display())]
    Damaged {
        /// What is wrong, and how much is whole.
        what: String,
        /// The file.
        path: PathBuf,
    },
    /// A frame after the last was asked for. A bug in the caller.
    #[error("no frame {index}, there are {len}: {}", path.display())]
    NoSuchFrame {
        /// The frame asked for, counted from 0.
        index: usize,
        /// Number of frames.
        len: usize,
        /// The file.
        path: PathBuf,
    },
    /// The memory handed over is not one frame long. A bug in the caller.
    #[error("a frame has {expected} bytes, not {got}: {}", path.display())]
    WrongSize {
        /// Bytes handed over.
        got: usize,
        /// Bytes of one frame.
        expected: usize,
        /// The file.
        path: PathBuf,
    },
}

impl StackError {
    pub(crate) fn read(error: &std::io::Error, path: &Path) -> Self {
        Self::Read { cause: one_line(&error.to_string()), path: path.to_owned() }
    }

    pub(crate) fn write(error: &std::io::Error, path: &Path) -> Self {
        Self::Write { cause: one_line(&error.to_string()), path: path.to_owned() }
    }

    pub(crate) fn unsupported(what: String, hint: &'static str, path: &Path) -> Self {
        Self::Unsupported { what: one_line(&what), hint, path: path.to_owned() }
    }

    pub(crate) fn damaged(what: String, path: &Path) -> Self {
        Self::Damaged { what: one_line(&what), path: path.to_owned() }
    }
}

/// A decoder's message may hold anything; ours are one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
