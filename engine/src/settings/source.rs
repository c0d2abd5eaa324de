//! Where a value comes from.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use toml::Value;

/// The layers, each over those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// What holds when nobody says anything.
    Default,
    /// The instrument's `rig.toml`.
    Rig,
    /// The user's own file.
    User,
    /// This start of the program.
    CommandLine,
    /// Changed since.
    Session,
    /// What opening the instrument found out, where none of these says it.
    Found,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "layer", rename_all = "snake_case")]
pub enum Source {
    /// The program.
    Default,
    /// The instrument, when it was opened.
    Found,
    /// The instrument's file.
    Rig {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The user's file.
    User {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An option of the command line.
    CommandLine {
        /// The option, `--rate-hz`.
        option: &'static str,
    },
    /// A change since the start.
    Session,
}

impl Source {
    /// Its layer.
    pub fn layer(&self) -> Layer {
        match self {
            Self::Default => Layer::Default,
            Self::Found => Layer::Found,
            Self::Rig { .. } => Layer::Rig,
            Self::User { .. } => Layer::User,
            Self::CommandLine { .. } => Layer::CommandLine,
            Self::Session => Layer::Session,
        }
    }

    /// As the end of a sentence about what is wrong there.
    pub fn place(&self) -> Place {
        Place(self.clone())
    }
}

/// `default`, `rigs/left.toml:12`, `--rate-hz`, `session`.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Found => f.write_str("found when the instrument was opened"),
            Self::Rig { file, line } | Self::User { file, line } => write!(f, "{}:{line}", file.display()),
            Self::CommandLine { option } => f.write_str(option),
            Self::Session => f.write_str("session"),
        }
    }
}

/// Where something is wrong, ` (line 12 of rigs/left.toml)`; nothing for what was just typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(Source);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Rig { file, line } | Source::User { file, line } => {
                write!(f, " (line {line} of {})", file.display())
            }
            Source::CommandLine { option } => write!(f, " ({option})"),
            Source::Default | Source::Found | Source::Session => Ok(()),
        }
    }
}

/// What one layer says of one setting.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Given {
    /// `None`: it is left out, as if no layer below had set it.
    pub(super) value: Option<Value>,
    pub(super) source: Source,
}
