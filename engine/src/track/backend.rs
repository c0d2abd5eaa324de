//! Where tracking computes: on the GPU while there is one that works, else on the processor.
//!
//! The processor is always ready to take over. When the GPU fails amid a run, it locates the beads of the same frames
//! again, so no frame is lost, unless the GPU hangs for longer than the frame ring holds out. That is told once, in the log
//! and in [`BeadTracker::on`].

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use beadscope_shaders::params::Method;
use beadscope_shaders::pipeline::Tracker;
use serde::{Deserialize, Serialize};

use crate::correction::Correction;
use crate::frame::FrameView;
use crate::gpu::{AdapterChoice, Gpu, GpuError};
use crate::roi::Roi;
use crate::track::cpu::CpuTracker;
use crate::track::gpu::{GpuTrackError, GpuTracker};
use crate::track::heights::Heights;
use crate::tracks::TrackRow;

/// For tests: the adapter is closed after this many frames, as if its driver had crashed.
const DROP_AFTER: &str = "BEADSCOPE_DROP_GPU_AFTER";

/// Rows that keep a hundred cores busy, and two of them for some seconds at most.
const CPU_ROWS_AT_ONCE: usize = 4096;

/// Where tracking is asked to compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// On a real GPU if there is one that can, else on the processor.
    #[default]
    Auto,
    /// On the processor.
    Cpu,
    /// On a graphics adapter, and not at all without one.
    Gpu,
}

impl Backend {
    /// Every back end with the name that a rig and the command line use.
    pub const NAMES: [(Self, &'static str); 3] =
        [(Self::Auto, "auto"), (Self::Cpu, "cpu"), (Self::Gpu, "gpu")];
}

/// Where tracking is asked to compute, and on which adapter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackendRequest {
    /// The back end; with an adapter `Auto` means `Gpu`.
    pub backend: Backend,
    /// Part of the adapter's name.
    pub adapter: Option<String>,
}

/// What beads are located on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TrackedOn {
    /// `cpu` or `gpu`.
    pub backend: &'static str,
    /// The adapter, or the processor and its threads.
    pub adapter: String,
    /// Why it is the processor, if the GPU was to do it: one sentence with what to do.
    #[serde(skip)]
    pub notice: Option<String>,
}

/// Why tracking cannot compute where it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// There is no adapter, or it cannot be opened.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The adapter cannot track these beads.
    #[error("{adapter} cannot track: {cause}; choose the back end cpu")]
    Track {
        /// The adapter.
        adapter: String,
        /// Why.
        cause: GpuTrackError,
    },
    /// The graphics library or the driver broke down.
    #[error("the graphics adapter broke down while it was made ready; choose the back end cpu")]
    Panicked,
    /// Its reference is computed in `f64`, which GPUs lack.
    #[error("the method magtrack runs on the CPU only; choose the back end cpu, or another method")]
    MagTrack,
    /// A name for an adapter that is not to be used.
    #[error("the back end cpu uses no graphics adapter; leave out its name, or choose the back end gpu")]
    AdapterUnused,
}

/// Locates beads in frames, on the GPU or the processor.
pub struct BeadTracker {
    cpu: CpuTracker,
    gpu: Option<OnGpu>,
    on: TrackedOn,
}

struct OnGpu {
    tracker: GpuTracker,
    gpu: Arc<Gpu>,
    /// Frames located.
    frames: u64,
    drop_after: Option<u64>,
}

impl From<CpuTracker> for BeadTracker {
    /// On the processor only.
    fn from(cpu: CpuTracker) -> Self {
        let on = on_cpu(&cpu, None);
        Self { cpu, gpu: None, on }
    }
}

fn on_cpu(cpu: &CpuTracker, notice: Option<String>) -> TrackedOn {
    let adapter = format!("{}, {} threads", std::env::consts::ARCH, cpu.threads());
    TrackedOn { backend: "cpu", adapter, notice }
}

impl BackendRequest {
    /// Whether it makes sense for this method.
    ///
    /// # Errors
    /// [`BackendError::AdapterUnused`] and [`BackendError::MagTrack`].
    pub fn check(&self, method: Method) -> Result<(), BackendError> {
        self.choice(method).map(|_| ())
    }

    /// The adapter to open, and whether the processor may do without it; `None` is the processor alone.
    fn choice(&self, method: Method) -> Result<Option<(AdapterChoice, bool)>, BackendError> {
        let adapter = self.adapter.clone();
        match (self.backend, method) {
            (Backend::Cpu, _) if adapter.is_some() => Err(BackendError::AdapterUnused),
            (Backend::Cpu, _) => Ok(None),
            (Backend::Auto, Method::MagTrack) if adapter.is_none() => Ok(None),
            (_, Method::MagTrack) => Err(BackendError::MagTrack),
            (backend, _) => {
                let may_do_without = backend == Backend::Auto && adapter.is_none();
                Ok(Some((adapter.map_or(AdapterChoice::Best, AdapterChoice::Named), may_do_without)))
            }
        }
    }
}

impl BeadTracker {
    /// The same beads as `cpu` locates, on what is asked for. If the choice is free and the GPU
    /// cannot, it is the processor; only a GPU that is there and fails is worth a notice.
    ///
    /// # Errors
    /// If a GPU is insisted on and there is none, or it cannot track these beads.
    pub fn new(cpu: CpuTracker, request: &BackendRequest) -> Result<Self, BackendError> {
        let Some((choice, may_do_without)) = request.choice(cpu.method())? else { return Ok(cpu.into()) };
        // wgpu panics where a driver breaks its word.
        let opened = catch_unwind(AssertUnwindSafe(|| OnGpu::new(&cpu, &choice)));
        match opened.unwrap_or(Err(BackendError::Panicked)) {
            Ok(gpu) => {
                let on = TrackedOn { backend: "gpu", adapter: gpu.gpu.adapter.name.clone(), notice: None };
                Ok(Self { cpu, gpu: Some(gpu), on })
            }
            Err(error) if !may_do_without => Err(error),
            Err(BackendError::Gpu(GpuError::NoGpu { .. })) => Ok(cpu.into()),
            Err(error) => {
                let mut tracker = Self::from(cpu);
                tracker.fall_back(format!("beads are tracked on the CPU: {error}"));
                Ok(tracker)
            }
        }
    }

    /// What the beads are located on now.
    pub fn on(&self) -> &TrackedOn {
        &self.on
    }

    /// What locates the beads, while that is the GPU.
    pub fn gpu(&self) -> Option<&GpuTracker> {
        self.gpu.as_ref().map(|gpu| &gpu.tracker)
    }

    /// The GPU locates the beads.
    pub fn is_on_gpu(&self) -> bool {
        self.gpu.is_some()
    }

    /// The ROIs, in the order of the rows.
    pub fn rois(&self) -> &Arc<[Roi]> {
        self.cpu.rois()
    }

    /// Tracks these from now on, all of the size of those before, which are returned: so nothing is freed here.
    pub fn replace_rois(&mut self, rois: Arc<[Roi]>) -> Arc<[Roi]> {
        if let Some(gpu) = &mut self.gpu {
            gpu.tracker.set_rois(rois.clone());
        }
        self.cpu.replace_rois(rois)
    }

    /// Looks heights up in another Z-LUT from now on; the one before is in `heights` then, so nothing is freed here.
    pub(crate) fn exchange(&mut self, heights: &mut Heights) {
        self.cpu.exchange(heights);
        let Some(gpu) = &mut self.gpu else { return };
        match &mut heights.gpu {
            Some(tracker) => {
                // Beads may have been edited since it was made.
                tracker.set_rois(self.cpu.rois().clone());
                std::mem::swap(&mut gpu.tracker, tracker);
            }
            None => self.fall_back(
                "beads are tracked on the CPU: the new Z-LUT was made ready for it alone; start Beadscope again".to_owned(),
            ),
        }
    }

    /// The kernels with their settings.
    pub(crate) fn kernels(&self) -> &Tracker {
        self.cpu.kernels()
    }

    /// The graphics adapter that locates the beads.
    pub(crate) fn adapter(&self) -> Option<Arc<Gpu>> {
        self.gpu.as_ref().map(|gpu| gpu.gpu.clone())
    }

    /// Takes now what memory tracking needs for frames like `frame`, whose pixels need not be there: else the first waits
    /// for it.
    pub(crate) fn make_room(&mut self, frame: &FrameView<'_>) {
        if let Some(gpu) = &mut self.gpu {
            gpu.tracker.make_room(frame);
        }
    }

    /// How beads are located.
    pub fn method(&self) -> Method {
        self.cpu.method()
    }

    /// Beads to locate at once so that nothing idles before the last of them, if they need not come soon.
    pub(crate) fn rows_at_once(&self) -> usize {
        self.gpu().map_or(CPU_ROWS_AT_ONCE, GpuTracker::rows_at_once)
    }

    /// Worker threads of the processor.
    pub fn threads(&self) -> usize {
        self.cpu.threads()
    }

    /// The worker threads of the processor.
    pub(crate) fn pool(&self) -> &Arc<rayon::ThreadPool> {
        self.cpu.pool()
    }

    /// What frames are corrected with.
    pub fn correction(&self) -> Option<&Arc<Correction>> {
        self.cpu.correction()
    }

    /// Locates every bead in frames `0..frames` and fills `rows`: frame after frame, in each the beads in ROI order.
    /// Rows of a frame for which `view` has no answer are left alone.
    pub fn locate<'a>(
        &mut self,
        frames: usize,
        view: &(impl Fn(usize) -> Option<FrameView<'a>> + Sync),
        rows: &mut [TrackRow],
    ) {
        if let Some(gpu) = &mut self.gpu {
            // Pixels are written by our own workers, also where this is not one of them.
            match self.cpu.pool().install(|| gpu.locate(frames, view, rows)) {
                Ok(()) => return,
                Err(cause) => {
                    let (adapter, done) = (&gpu.gpu.adapter.name, gpu.frames);
                    let notice = format!(
                        "{adapter} failed after {done} frames: {cause}; beads are tracked on the CPU since; start \
                         Beadscope again to use it, and see beadscope doctor"
                    );
                    self.fall_back(notice);
                }
            }
        }
        self.cpu.locate(frames, view, rows);
    }

    fn fall_back(&mut self, notice: String) {
        tracing::warn!("{notice}");
        if let Some(gpu) = self.gpu.take() {
            // Letting go of a broken device may wait for it for ever, or panic: not on this thread, where it is kept for ever
            // if there is no other.
            let gpu = ManuallyDrop::new(gpu);
            let ended = std::thread::Builder::new()
                .name("beadscope-gpu-end".to_owned())
                .spawn(move || drop(ManuallyDrop::into_inner(gpu)));
            if let Err(error) = ended {
                tracing::warn!("the graphics adapter is not let go: {error}");
            }
        }
        self.on = on_cpu(&self.cpu, Some(notice));
    }
}

impl OnGpu {
    fn new(cpu: &CpuTracker, choice: &AdapterChoice) -> Result<Self, BackendError> {
        let gpu = Arc::new(Gpu::open(choice)?);
        let correction = cpu.correction().cloned();
        let tracker = GpuTracker::new(gpu.clone(), cpu.kernels(), cpu.rois().clone(), cpu.zlut(), correction)
            .map_err(|cause| BackendError::Track { adapter: gpu.adapter.name.clone(), cause })?;
        let drop_after = std::env::var(DROP_AFTER).ok().and_then(|frames| frames.parse().ok());
        Ok(Self { tracker, gpu, frames: 0, drop_after })
    }

    /// The error says in one sentence what failed.
    fn locate<'a>(
        &mut self,
        frames: usize,
        view: &(impl Fn(usize) -> Option<FrameView<'a>> + Sync),
        rows: &mut [TrackRow],
    ) -> Result<(), String> {
        if self.drop_after.is_some_and(|limit| self.frames >= limit) {
            self.gpu.device.destroy();
        }
        // wgpu panics where a driver breaks its word. What was borrowed is given up by the caller.
        let located = catch_unwind(AssertUnwindSafe(|| {
            let located = self.tracker.locate(frames, view, rows);
            if located.is_err() {
                // Brings the news of a lost device.
                let _ = self.gpu.device.poll(wgpu::PollType::Poll);
            }
            located
        }));
        // Rows that were computed while something else went wrong are not known to be right. And where the device is
        // gone, that is the cause, and what the tracker met with a consequence.
        if let Some(why) = self.gpu.lost() {
            return Err(why);
        }
        located.map_err(|_| "the graphics library gave up".to_owned())?.map_err(|error| error.to_string())?;
        self.frames += frames as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use beadscope_drivers::camera::PixelFormat;
    use beadscope_shaders::params::Params;
    use bytemuck::Zeroable;

    use super::*;
    use crate::prepared_zlut::PreparedZLut;

    fn request(backend: Backend, adapter: Option<&str>) -> BackendRequest {
        BackendRequest { backend, adapter: adapter.map(str::to_owned) }
    }

    fn choice(backend: Backend, adapter: Option<&str>) -> Option<(AdapterChoice, bool)> {
        request(backend, adapter).choice(Method::Fit).unwrap()
    }

    #[test]
    fn an_adapter_means_gpu_and_only_a_free_choice_may_do_without_one() {
        let named = || AdapterChoice::Named("lvp".to_owned());
        assert_eq!(choice(Backend::Auto, None), Some((AdapterChoice::Best, true)));
        assert_eq!(choice(Backend::Gpu, None), Some((AdapterChoice::Best, false)));
        assert_eq!(choice(Backend::Auto, Some("lvp")), Some((named(), false)));
        assert_eq!(choice(Backend::Gpu, Some("lvp")), Some((named(), false)));
        assert_eq!(choice(Backend::Cpu, None), None);
        let refused = request(Backend::Cpu, Some("lvp")).choice(Method::Fit);
        assert!(matches!(refused, Err(BackendError::AdapterUnused)));
    }

    #[test]
    fn magtrack_is_for_the_cpu() {
        let choice = |backend, adapter| request(backend, adapter).choice(Method::MagTrack);
        assert_eq!(choice(Backend::Auto, None).unwrap(), None);
        assert!(matches!(choice(Backend::Gpu, None), Err(BackendError::MagTrack)));
        assert!(matches!(choice(Backend::Auto, Some("lvp")), Err(BackendError::MagTrack)));
    }

    /// Not skipped without an adapter: `scripts/setup test` installs llvmpipe.
    #[test]
    fn a_gpu_gets_its_pixels_from_our_own_workers_wherever_it_is_asked() {
        let rois = (0..64).map(|bead| Roi { bead, left_px: 16 * bead as i32, top_px: 0, size_px: 16 });
        let params = Params { method: Method::CenterOfMass, ..Params::default() };
        let cpu = CpuTracker::new(16, rois.collect(), &params, PreparedZLut::Absent, Some(2)).unwrap();
        let mut tracker = BeadTracker::new(cpu, &request(Backend::Gpu, Some("llvmpipe"))).unwrap();
        let (asked, others) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let bytes = vec![7; 16 * 64 * 16];
        let view = |_| {
            asked.fetch_add(1, Relaxed);
            let thread = std::thread::current();
            let is_ours = thread.name().is_some_and(|name| name.starts_with("beadscope-track-"));
            others.fetch_add(usize::from(!is_ours), Relaxed);
            Some(FrameView { bytes: &bytes, width_px: 16 * 64, height_px: 16, format: PixelFormat::Mono8 })
        };
        let mut rows = vec![TrackRow::zeroed(); 64];
        tracker.locate(1, &view, &mut rows);
        assert!(tracker.is_on_gpu() && rows[63].bead == 63);
        let (asked, others) = (asked.into_inner(), others.into_inner());
        assert!(asked > 64 && others == 0, "{others} of {asked} views from threads of others");
    }
}
