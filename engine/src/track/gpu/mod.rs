//! Tracking on a graphics adapter. Not there yet: [`GpuTracker::new`] refuses.

use std::sync::Arc;

use beadscope_shaders::pipeline::{Params, Tracker};
use beadscope_shaders::zlut_match::MatchTable;

use crate::correction::Correction;
use crate::frame::FrameView;
use crate::gpu::Gpu;
use crate::roi::Roi;
use crate::tracks::TrackRow;

/// Locates beads in frames, on a graphics adapter.
pub struct GpuTracker;

/// Why a graphics adapter does not track.
#[derive(Debug, thiserror::Error)]
pub enum GpuTrackError {
    /// The kernels are not in this build.
    #[error("this build has no kernels for it")]
    NoKernels,
}

impl GpuTracker {
    /// Prepares to track `rois`.
    ///
    /// # Errors
    /// Always, so far.
    pub fn new(
        _gpu: Arc<Gpu>,
        _kernels: &Tracker,
        _params: &Params,
        _rois: &[Roi],
        _zlut: Option<&MatchTable>,
        _correction: Option<&Correction>,
    ) -> Result<Self, GpuTrackError> {
        Err(GpuTrackError::NoKernels)
    }

    /// Locates every bead in frames `0..frames`, as [`crate::track::cpu::CpuTracker::locate`] does.
    ///
    /// # Errors
    /// If the adapter failed. What is in `rows` counts for nothing then.
    pub fn locate<'a>(
        &mut self,
        _frames: usize,
        _view: &(impl Fn(usize) -> Option<FrameView<'a>> + Sync),
        _rows: &mut [TrackRow],
    ) -> Result<(), GpuTrackError> {
        Err(GpuTrackError::NoKernels)
    }
}
