//! Why settings cannot be used, or not be written down.

use std::path::PathBuf;

use crate::settings::source::Place;
use crate::track::backend::BackendError;

/// Why settings cannot be used, or not be written down. What is wrong in a file is told with its line.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// The file cannot be read.
    #[error("cannot read the settings: {error}: {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// The file cannot be written; it is as it was.
    #[error("cannot write the settings: {error}: {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// It is not TOML.
    #[error("{message}{place}")]
    Syntax {
        /// What is wrong there.
        message: String,
        /// Where.
        place: Place,
    },
    /// No such setting or section.
    #[error("there is no setting {name}; there are {known}{place}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
        /// Where.
        place: Place,
    },
    /// A value where a section belongs.
    #[error("{name} is a section, not a value; write [{name}] and its settings below{place}")]
    NoSection {
        /// The section.
        name: String,
        /// Where.
        place: Place,
    },
    /// A value of another kind, or outside its range.
    #[error("{name} = {value} {wrong}{place}")]
    Value {
        /// The setting.
        name: String,
        /// The value found.
        value: String,
        /// What is wrong with it, and what is allowed.
        wrong: String,
        /// Where.
        place: Place,
    },
    /// The back end does not fit the method or the adapter.
    #[error("[tracking] {cause}{place}")]
    Backend {
        /// Why.
        cause: BackendError,
        /// Where the last of the three was set.
        place: Place,
    },
    /// Nobody would look at the options.
    #[error(
        "[tracking.magtrack] sets options of another method than {method}; set method = \"magtrack\", or leave them out{place}"
    )]
    OtherMethod {
        /// The method in force.
        method: String,
        /// Where the option is set.
        place: Place,
    },
    /// Not for people to change.
    #[error("{0} is written by a run and cannot be changed")]
    Fixed(String),
    /// Nothing to take out.
    #[error("{name} is not set there, so it cannot be taken out: {}", path.display())]
    NotSet {
        /// The setting.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// TOML is UTF-8, and so is every path in it.
    #[error("settings cannot hold this path, which is not UTF-8 text; rename it: {}", .0.display())]
    NotUtf8(PathBuf),
    /// Settings are one thing in the table of keys and another in the rig.
    #[error("the settings make no rig ({0}); please report this")]
    Rig(String),
}
