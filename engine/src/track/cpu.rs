//! Tracking on the processor: every bead of every frame of a batch, spread over the cores by rayon.

use std::sync::{Arc, Mutex, PoisonError};

use beadscope_shaders::background::is_saturated;
use beadscope_shaders::flags::Flags;
use beadscope_shaders::params::Method;
use beadscope_shaders::pipeline::{ParamError, Params, Scratch, Tracker};
use beadscope_shaders::zlut_match::MatchTable;
use rayon::prelude::*;

use crate::correction::Correction;
use crate::frame::FrameView;
use crate::prepared_zlut::PreparedZLut;
use crate::roi::Roi;
use crate::track::heights::{self, Heights};
use crate::tracks::TrackRow;

/// Rows per rayon task: small enough to balance ten beads over two cores, large enough to hide a task's cost.
const ROWS_PER_TASK: usize = 4;

/// Locates beads in frames. All memory is taken in [`new`](Self::new).
pub struct CpuTracker {
    kernels: Tracker,
    rois: Arc<[Roi]>,
    zlut: Option<MatchTable>,
    correction: Option<Arc<Correction>>,
    pool: Arc<rayon::ThreadPool>,
    workers: Vec<Mutex<Worker>>,
}

/// What one worker thread needs for itself.
struct Worker {
    scratch: Scratch,
    levels: Vec<f32>,
}

/// Why tracking cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TrackError {
    /// One kernel set serves one ROI size.
    #[error("all ROIs must have one size; bead {bead} has {size_px} px, the first has {first_px} px")]
    MixedSizes {
        /// The bead with another size.
        bead: u32,
        /// Its size.
        size_px: u32,
        /// The size of the first ROI.
        first_px: u32,
    },
    /// The kernels refuse the ROI size or a setting.
    #[error(transparent)]
    Params(#[from] ParamError),
    /// The worker threads could not be started.
    #[error("the tracking threads did not start: {0}")]
    Threads(rayon::ThreadPoolBuildError),
}

impl CpuTracker {
    /// Prepares to track `rois`, all of side `roi_px`, on all cores or on `threads` of them.
    ///
    /// # Errors
    /// If the ROIs differ in size, or the kernels refuse the size, the settings or the Z-LUT.
    pub fn new(
        roi_px: u32,
        rois: Vec<Roi>,
        params: &Params,
        zlut: impl Into<PreparedZLut>,
        threads: Option<usize>,
    ) -> Result<Self, TrackError> {
        if let Some(other) = rois.iter().find(|roi| roi.size_px != roi_px) {
            return Err(TrackError::MixedSizes {
                bead: other.bead,
                size_px: other.size_px,
                first_px: roi_px,
            });
        }
        let (kernels, zlut) = heights::kernels(roi_px as usize, params, zlut.into())?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.unwrap_or(0))
            .thread_name(|index| format!("beadscope-track-{index}"))
            .build()
            .map_err(TrackError::Threads)?;
        let worker = || Worker { scratch: kernels.scratch(), levels: vec![0.0; (roi_px * roi_px) as usize] };
        let workers = (0..pool.current_num_threads()).map(|_| Mutex::new(worker())).collect();
        let (rois, pool) = (rois.into(), Arc::new(pool));
        Ok(Self { kernels, rois, zlut, correction: None, pool, workers })
    }

    /// The same tracker for frames that need a correction, or none. The correction is for frames of the size that will
    /// be tracked.
    pub fn with_correction(self, correction: Option<Correction>) -> Self {
        Self { correction: correction.map(Arc::new), ..self }
    }

    /// What frames are corrected with.
    pub fn correction(&self) -> Option<&Arc<Correction>> {
        self.correction.as_ref()
    }

    /// The ROIs, in the order of the rows.
    pub fn rois(&self) -> &Arc<[Roi]> {
        &self.rois
    }

    /// Tracks these from now on, all of the size of those before, which are returned.
    pub(crate) fn replace_rois(&mut self, rois: Arc<[Roi]>) -> Arc<[Roi]> {
        std::mem::replace(&mut self.rois, rois)
    }

    /// Looks heights up in another Z-LUT from now on; the one before is in `heights` then.
    pub(super) fn exchange(&mut self, heights: &mut Heights) {
        std::mem::swap(&mut self.kernels, &mut heights.kernels);
        std::mem::swap(&mut self.zlut, &mut heights.zlut);
    }

    /// The kernels with their settings.
    pub(crate) fn kernels(&self) -> &Tracker {
        &self.kernels
    }

    /// What heights are looked up in; the method `magtrack` has its own inside the kernels.
    pub(crate) fn zlut(&self) -> Option<&MatchTable> {
        self.zlut.as_ref()
    }

    /// How beads are located.
    pub fn method(&self) -> Method {
        self.kernels.method()
    }

    /// Worker threads.
    pub fn threads(&self) -> usize {
        self.workers.len()
    }

    /// The worker threads. Who locates from within, by `install`, hands over no work from outside, for which rayon would
    /// allocate now and then.
    pub(crate) fn pool(&self) -> &Arc<rayon::ThreadPool> {
        &self.pool
    }

    /// Locates every bead in frames `0..frames` and fills `rows`: frame after frame, in each the beads in ROI order.
    /// Rows of a frame for which `view` has no answer are left alone.
    pub fn locate<'a>(
        &self,
        frames: usize,
        view: &(impl Fn(usize) -> Option<FrameView<'a>> + Sync),
        rows: &mut [TrackRow],
    ) {
        let beads = self.rois.len();
        debug_assert_eq!(rows.len(), beads * frames, "one row a bead and frame");
        let items = rows.len();
        let fill = |(task, rows): (usize, &mut [TrackRow])| {
            let index = rayon::current_thread_index().unwrap_or(0);
            // Never contended: the lock belongs to the thread. It is there because rayon shares its closures.
            let mut worker = self.workers[index].lock().unwrap_or_else(PoisonError::into_inner);
            for (offset, row) in rows.iter_mut().enumerate() {
                let item = task * ROWS_PER_TASK + offset;
                // Rows of a ROI lie far apart, in a frame that came past the caches: asked for early they cost no wait.
                let next = item + 1;
                if let Some(frame) = (next < items).then(|| view(next / beads)).flatten() {
                    frame.fetch_roi_ahead(&self.rois[next % beads]);
                }
                if let Some(frame) = view(item / beads) {
                    *row = self.locate_bead(&frame, &self.rois[item % beads], &mut worker);
                }
            }
        };
        self.pool.install(|| rows.par_chunks_mut(ROWS_PER_TASK).enumerate().for_each(fill));
    }

    fn locate_bead(&self, frame: &FrameView<'_>, roi: &Roi, worker: &mut Worker) -> TrackRow {
        let copied = match &self.correction {
            None => frame.copy_roi(roi, &mut worker.levels).then_some(Flags::NONE),
            Some(correction) => copy_corrected(frame, roi, correction, &mut worker.levels),
        };
        let Some(flags) = copied else { return TrackRow::missing(roi, Flags::EDGE) };
        let max_level =
            if self.correction.is_some() { f32::INFINITY } else { f32::from(frame.format.max_level()) };
        let zlut = self.zlut.as_ref();
        let mut found = self.kernels.locate(&worker.levels, max_level, zlut, &mut worker.scratch);
        found.flags |= flags;
        TrackRow::new(roi, &found)
    }
}

/// Copies the pixels of an ROI and corrects them. Tells whether they were saturated: the camera saturates at a raw level, and
/// a corrected one does not tell. `None` if the ROI is not inside the frame.
pub(super) fn copy_corrected(
    frame: &FrameView<'_>,
    roi: &Roi,
    correction: &Correction,
    levels: &mut [f32],
) -> Option<Flags> {
    if !frame.copy_roi(roi, levels) {
        return None;
    }
    let saturated = is_saturated(levels, f32::from(frame.format.max_level()));
    correction.correct(frame, (roi.left_px as usize, roi.top_px as usize), roi.size_px as usize, levels);
    Some(if saturated { Flags::SATURATED } else { Flags::NONE })
}
