//! What a run records: positions, video, or both.

use beadscope_drivers::camera::CameraConfig;
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

    /// Bytes a second that the pixels of a video take, of so many beads with ROIs of this side, px; 0 where nothing is filmed.
    pub fn video_bytes_per_s(self, config: &CameraConfig, beads: usize, roi_px: u32) -> f64 {
        let pixels = match self.picture() {
            None => 0,
            Some(Picture::Rois) => beads * (roi_px * roi_px) as usize,
            Some(Picture::Full) => config.window.width_px as usize * config.window.height_px as usize,
        };
        (pixels * config.format.bytes_per_px()) as f64 * config.rate_hz
    }

    /// Whether beads are located.
    pub fn tracks(self) -> bool {
        matches!(self, Self::Track | Self::TrackRoiVideo | Self::TrackFullVideo)
    }
}
