//! What a run records: positions, video, or both.

use serde::{Deserialize, Serialize};

use super::layout::Picture;

/// What a run records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Positions of every bead in every frame.
    #[default]
    #[serde(rename = "track")]
    Track,
    /// Positions, and the pixels of every ROI.
    #[serde(rename = "track+roi-video")]
    TrackRoiVideo,
    /// Positions and whole frames.
    #[serde(rename = "track+full-video")]
    TrackFullVideo,
    /// The pixels of every ROI; nothing is tracked.
    #[serde(rename = "roi-video")]
    RoiVideo,
    /// Whole frames; nothing is tracked.
    #[serde(rename = "full-video")]
    FullVideo,
}

impl Mode {
    /// Every mode with the name that a rig and the command line use.
    pub const NAMES: [(Self, &'static str); 5] = [
        (Self::Track, "track"),
        (Self::TrackRoiVideo, "track+roi-video"),
        (Self::TrackFullVideo, "track+full-video"),
        (Self::RoiVideo, "roi-video"),
        (Self::FullVideo, "full-video"),
    ];

    /// What is filmed, if anything.
    pub fn picture(self) -> Option<Picture> {
        match self {
            Self::Track => None,
            Self::TrackRoiVideo | Self::RoiVideo => Some(Picture::Rois),
            Self::TrackFullVideo | Self::FullVideo => Some(Picture::Full),
        }
    }

    /// Whether beads are located.
    pub fn tracks(self) -> bool {
        matches!(self, Self::Track | Self::TrackRoiVideo | Self::TrackFullVideo)
    }
}
