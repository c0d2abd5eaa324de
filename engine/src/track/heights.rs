//! What heights are looked up in, and how a running session gets another.
//!
//! Made ready on the thread of whoever asks, which may allocate and wait for a graphics adapter; the tracking thread only
//! exchanges it, between two batches, and gives back the one before, so that it neither allocates nor frees.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use beadscope_drivers::camera::CameraConfig;
use beadscope_shaders::pipeline::{ParamError, Params, Tracker};
use beadscope_shaders::zlut_match::MatchTable;
use beadscope_zlut::ZLut;

use crate::correction::Correction;
use crate::frame::FrameView;
use crate::gpu::Gpu;
use crate::prepared_zlut::{PreparedZLut, ZLutMismatch, prepare_zlut};
use crate::roi::Roi;
use crate::track::backend::{BackendError, BeadTracker};
use crate::track::gpu::GpuTracker;

/// Kernels with a Z-LUT, or without one, for the processor and, where one tracks, for a graphics adapter.
pub(crate) struct Heights {
    pub(super) kernels: Tracker,
    pub(super) zlut: Option<MatchTable>,
    pub(super) gpu: Option<GpuTracker>,
}

/// Why there are no such heights.
#[derive(Debug, thiserror::Error)]
pub enum HeightsError {
    /// The Z-LUT does not fit the ROIs or the method.
    #[error(transparent)]
    Mismatch(#[from] ZLutMismatch),
    /// The kernels refuse it.
    #[error(transparent)]
    Params(#[from] ParamError),
    /// The graphics adapter that tracks refuses it.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// The kernels for ROIs of this side, with the Z-LUT in them or beside them, whichever is the method's way.
pub(super) fn kernels(
    roi_px: usize,
    params: &Params,
    zlut: PreparedZLut,
) -> Result<(Tracker, Option<MatchTable>), ParamError> {
    let kernels = Tracker::new(roi_px, params)?;
    Ok(match zlut {
        PreparedZLut::Absent => (kernels, None),
        PreparedZLut::Match(table) => (kernels, Some(table)),
        PreparedZLut::MagTrack(reference) => (kernels.with_reference(reference)?, None),
    })
}

/// All that is the same for every Z-LUT of a session.
pub(crate) struct HeightsMaker {
    roi_px: u32,
    params: Params,
    config: CameraConfig,
    /// Of a broken adapter only whoever lets go of it may wait.
    gpu: Weak<Gpu>,
    correction: Option<Arc<Correction>>,
}

impl HeightsMaker {
    /// For what `tracker` does with frames of a camera with this configuration.
    pub(crate) fn of(tracker: &BeadTracker, config: CameraConfig) -> Self {
        let kernels = tracker.kernels();
        Self {
            roi_px: kernels.roi_px() as u32,
            params: *kernels.params(),
            config,
            gpu: tracker.adapter().map_or_else(Weak::new, |gpu| Arc::downgrade(&gpu)),
            correction: tracker.correction().cloned(),
        }
    }

    /// How beads are located.
    pub(crate) fn params(&self) -> &Params {
        &self.params
    }

    /// Side of every ROI, px.
    pub(crate) fn roi_px(&self) -> u32 {
        self.roi_px
    }

    /// What frames are corrected with.
    pub(crate) fn correction(&self) -> Option<&Arc<Correction>> {
        self.correction.as_ref()
    }

    /// Makes heights ready, for a graphics adapter if `on_gpu`, with all the memory that tracking these beads takes. What had
    /// to be assumed comes back as sentences.
    ///
    /// # Errors
    /// If the Z-LUT does not fit, or the adapter refuses.
    pub(crate) fn make(
        &self,
        zlut: Option<&ZLut>,
        rois: Arc<[Roi]>,
        on_gpu: bool,
    ) -> Result<(Box<Heights>, Vec<String>), HeightsError> {
        let (prepared, doubts) = prepare_zlut(zlut, self.roi_px, &self.params)?;
        let (kernels, zlut) = kernels(self.roi_px as usize, &self.params, prepared)?;
        let gpu = self.gpu.upgrade().filter(|_| on_gpu);
        let gpu = gpu.map(|gpu| self.on_gpu(&gpu, &kernels, zlut.as_ref(), rois)).transpose()?;
        Ok((Box::new(Heights { kernels, zlut, gpu }), doubts))
    }

    fn on_gpu(
        &self,
        gpu: &Arc<Gpu>,
        kernels: &Tracker,
        zlut: Option<&MatchTable>,
        rois: Arc<[Roi]>,
    ) -> Result<GpuTracker, BackendError> {
        // wgpu panics where a driver breaks its word.
        let made = catch_unwind(AssertUnwindSafe(|| {
            let mut tracker = GpuTracker::new(gpu.clone(), kernels, rois, zlut, self.correction.clone())?;
            tracker.make_room(&FrameView::new(&self.config, &[]));
            Ok(tracker)
        }));
        let made = made.map_err(|_| BackendError::Panicked)?;
        made.map_err(|cause| BackendError::Track { adapter: gpu.adapter.name.clone(), cause })
    }
}
