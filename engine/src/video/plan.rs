//! What the videos of a session have in common.

use std::path::Path;

use beadscope_drivers::camera::CameraConfig;

use super::layout::{Layout, Picture};
use super::store::Store;
use super::video_path;
use super::zarr::Description;
use crate::record::error::RecordError;

/// What the videos of a session have in common.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) picture: Picture,
    pub(crate) config: CameraConfig,
    /// Side of a ROI, px.
    pub(crate) roi_px: u32,
    /// Beads at the session's start, and those that there may be.
    pub(crate) beads: usize,
    pub(crate) room: usize,
    pub(crate) pixel_size_nm: f64,
}

impl Plan {
    /// The longest record that there may be, bytes.
    pub(crate) fn max_record_bytes(&self) -> usize {
        self.layout(self.beads).max_record_bytes()
    }

    /// Begins the video of a recording of `beads` beads in the run's folder.
    pub(crate) fn create(&self, run: &Path, beads: usize, rate_hz: f64) -> Result<Store, RecordError> {
        let layout = self.layout(beads);
        // Memory was taken for groups as they were at the session's start; one group of all beads is never more.
        let fits = layout.max_record_bytes() <= self.max_record_bytes();
        let layout = if fits { layout } else { self.layout(self.room) };
        let about = Description {
            software: concat!("beadscope ", env!("CARGO_PKG_VERSION")).to_owned(),
            pixel_size_nm: self.pixel_size_nm,
            rate_hz,
        };
        Store::create(&video_path(run), layout, &about)
    }

    fn layout(&self, beads: usize) -> Layout {
        let window = &self.config.window;
        let size_px = match self.picture {
            Picture::Full => (window.width_px as usize, window.height_px as usize),
            Picture::Rois => (self.roi_px as usize, self.roi_px as usize),
        };
        Layout::new(self.picture, size_px, self.config.format, beads, self.room)
    }
}
