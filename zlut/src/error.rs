//! Why a Z-LUT file could not be read or written.

use std::{io, path::PathBuf};

use crate::{hdf5::GroupError, table::TableError};

/// Why a Z-LUT file could not be read or written. Every message is one line, whole without its source, and ends with the path.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refused.
    #[error("cannot {doing} the Z-LUT: {error}: {}", path.display())]
    Io {
        /// Read or write.
        doing: &'static str,
        /// What the system said.
        error: io::Error,
        /// The file.
        path: PathBuf,
    },
    /// A folder, a pipe or a device.
    #[error("not a file: {}", path.display())]
    NotAFile {
        /// What was given.
        path: PathBuf,
    },
    /// A file of no bytes, as an interrupted copy leaves it.
    #[error("the file is empty: {}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Neither content nor extension names a format.
    #[error("not a format that Z-LUTs are {doing}; use {offered}: {}", path.display())]
    UnknownFormat {
        /// Read from or written to.
        doing: &'static str,
        /// The formats there are.
        offered: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The content is not what the format demands.
    #[error("not a valid {format} Z-LUT: {reason}: {}", path.display())]
    Content {
        /// The format's name.
        format: &'static str,
        /// What is wrong, with the place where there is one.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// The file can be read, but what is in it is not a Z-LUT.
    #[error("{error}: {}", path.display())]
    Table {
        /// What is wrong with the table.
        error: TableError,
        /// The file.
        path: PathBuf,
    },
    /// An HDF5 file without a Z-LUT in it, or with one that cannot be understood.
    #[error("{error}: {}", path.display())]
    Group {
        /// What is wrong with the group.
        error: GroupError,
        /// The file.
        path: PathBuf,
    },
    /// The file holds fewer tables than that.
    #[error("there is no table {asked}; the file holds {have}, counted from 0: {}", path.display())]
    NoSuchBead {
        /// The table asked for.
        asked: usize,
        /// How many there are.
        have: usize,
        /// The file.
        path: PathBuf,
    },
    /// A given option is no sensible value, or the file says otherwise.
    #[error("{reason}: {}", path.display())]
    Option {
        /// What does not fit.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// The format would change the values.
    #[error("a {format} file cannot hold this table: {reason}; write .h5 instead: {}", path.display())]
    CannotHold {
        /// The format's name.
        format: &'static str,
        /// What would change.
        reason: String,
        /// The file.
        path: PathBuf,
    },
}
