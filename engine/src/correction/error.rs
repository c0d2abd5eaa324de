//! Why frames cannot be corrected, in one line that says what to do.

use std::fmt;
use std::path::PathBuf;

use beadscope_drivers::stack::StackError;

use super::dead::REACH_PX;

/// The two sorts of frames that a correction is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Without light.
    Dark,
    /// With light and without a sample.
    Flat,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dark => "dark",
            Self::Flat => "flat",
        })
    }
}

/// Why frames cannot be corrected.
#[derive(Debug, thiserror::Error)]
pub enum CorrectionError {
    /// The file cannot be read.
    #[error("no {kind} frames: {error}")]
    Read {
        /// Which frames.
        kind: Kind,
        /// Why, and the file.
        error: StackError,
    },
    /// Each pixel has a correction of its own.
    #[error(
        "the {kind} frames have {} x {} px, the frames to correct {} x {} px; take them with the same camera window, or \
         crop both alike: {}", found_px.0, found_px.1, wanted_px.0, wanted_px.1, path.display()
    )]
    Size {
        /// Which frames.
        kind: Kind,
        /// Their columns and rows.
        found_px: (usize, usize),
        /// Columns and rows of the frames to correct.
        wanted_px: (usize, usize),
        /// The file.
        path: PathBuf,
    },
    /// Grey levels of another depth are other levels.
    #[error(
        "the {kind} frames have {} bits a pixel, the frames to correct {}; take them with the camera set as it is for \
         measuring: {}", 8 * found_bytes, 8 * wanted_bytes, path.display()
    )]
    Depth {
        /// Which frames.
        kind: Kind,
        /// Bytes of their pixels.
        found_bytes: usize,
        /// Bytes of the pixels to correct.
        wanted_bytes: usize,
        /// The file.
        path: PathBuf,
    },
    /// There is no light in the flat frames.
    #[error(
        "the flat frames show no light ({median} grey levels above dark in the median); were the two files swapped? {}",
        path.display()
    )]
    NoLight {
        /// Median of flat − dark, grey levels.
        median: f32,
        /// The flat frames.
        path: PathBuf,
    },
    /// It is not the sensor that is wrong but the frames.
    #[error(
        "{dead_px} of {total_px} pixels of the {kind} frames are {}: {}", dead_is(*kind), path.display()
    )]
    TooManyDead {
        /// Which frames.
        kind: Kind,
        /// Pixels that cannot be used.
        dead_px: usize,
        /// All pixels.
        total_px: usize,
        /// The file.
        path: PathBuf,
    },
    /// The mean over a hole would invent the rings of a bead.
    #[error(
        "the dead pixels around {}, {} px lie together, over more than {} px, and cannot be replaced; clean the camera, or \
         leave them out of its window: {}", center_px.0, center_px.1, 2 * REACH_PX, path.display()
    )]
    Hole {
        /// Column and row of a pixel without a good one near it.
        center_px: (usize, usize),
        /// The file.
        path: PathBuf,
    },
    /// They are not what a stored rig was run with.
    #[error(
        "the {kind} frames are not those that the rig names: their hash is {found}, not {named}; restore them, or take \
         {kind}_hash out of the rig: {}", path.display()
    )]
    Changed {
        /// Which frames.
        kind: Kind,
        /// Their hash.
        found: String,
        /// The hash in the rig.
        named: String,
        /// The file.
        path: PathBuf,
    },
}

/// What makes pixels of such frames dead, and how to take better ones.
fn dead_is(kind: Kind) -> &'static str {
    match kind {
        Kind::Dark => "saturated, too many to replace; take them without any light",
        Kind::Flat => {
            "saturated or have less than a tenth of the light, too many to replace; take them evenly lit and below white"
        }
    }
}
