//! How fast tracking is on this machine, from pixels in memory to rows.

use std::time::{Duration, Instant};

use beadscope_drivers::camera::{CameraError, PixelFormat};
use beadscope_drivers::cameras::simulated::{Scene, Settings};
use beadscope_shaders::pipeline::{Method, Params};
use bytemuck::Zeroable;
use rayon::prelude::*;

use crate::calibrate::{CalibrateError, magtrack_zlut_from_sweep, zlut_from_sweep};
use crate::frame::FrameView;
use crate::gpu::Gpu;
use crate::prepared_zlut::{PreparedZLut, ZLutMismatch, prepare_zlut};
use crate::roi::Roi;
use crate::track::backend::BeadTracker;
use crate::track::gpu::{GpuTrackError, Traffic};
use crate::tracks::TrackRow;

/// Time spent warming caches and clocks before counting.
const WARM_UP: Duration = Duration::from_millis(500);

/// Size of an upload that is timed, in how many parts it is written, and how many uploads are timed.
const UPLOAD_BYTES: usize = 32 << 20;
const UPLOAD_PARTS: usize = 128;
const UPLOADS: usize = 8;

/// Largest side of a simulated frame, px.
const LARGEST_SIDE_PX: u32 = 8192;

/// Simulated frames in memory, and what to look for in them.
pub struct Film {
    frames: Vec<Vec<u8>>,
    settings: Settings,
    format: PixelFormat,
    /// An ROI around each bead.
    pub rois: Vec<Roi>,
    /// The Z-LUT of these beads, for the method they are tracked with.
    pub zlut: PreparedZLut,
}

/// Why there is nothing to track.
#[derive(Debug, thiserror::Error)]
pub enum FilmError {
    /// They would lie on top of each other.
    #[error("so many beads do not fit a frame of {LARGEST_SIDE_PX} px; give fewer")]
    TooMany,
    /// The simulated camera refuses.
    #[error(transparent)]
    Camera(#[from] CameraError),
    /// No Z-LUT could be made.
    #[error(transparent)]
    Calibrate(#[from] CalibrateError),
    /// The Z-LUT does not fit.
    #[error(transparent)]
    ZLut(#[from] ZLutMismatch),
}

impl Film {
    /// `frames` frames of `beads` beads, in a field just large enough for ROIs of `roi_px`, so that memory and cache use are
    /// those of a real frame.
    ///
    /// # Errors
    /// What cannot be simulated.
    pub fn new(roi_px: u32, beads: usize, frames: usize, params: &Params) -> Result<Self, FilmError> {
        let side_px = side_px(roi_px, beads)?;
        let settings =
            Settings { roi_px, width_px: side_px, height_px: side_px, ..Settings::with_beads(beads) };
        let mut scene = Scene::new(&settings)?;
        let rois = scene.beads().iter().map(|bead| Roi::around(bead.bead, (bead.x_px, bead.y_px), roi_px));
        let rois = rois.collect();
        let zlut = scene
            .focus_sweep(roi_px)
            .map(|sweep| match params.method {
                Method::MagTrack => {
                    magtrack_zlut_from_sweep(&sweep, &params.magtrack, None, "bench".to_owned())
                }
                _ => zlut_from_sweep(&sweep, None, "bench".to_owned()),
            })
            .transpose()?;
        let (zlut, _) = prepare_zlut(zlut.as_ref(), roi_px, params)?;
        let film = |_| {
            let mut slot = vec![0; scene.frame_bytes()];
            scene.render(&mut slot);
            scene.advance(0.01);
            slot
        };
        let format = settings.pixel_format().unwrap_or(PixelFormat::Mono8);
        Ok(Self { frames: (0..frames).map(film).collect(), settings, format, rois, zlut })
    }

    /// The frames.
    pub fn views(&self) -> Vec<FrameView<'_>> {
        let (width_px, height_px) = (self.settings.width_px as usize, self.settings.height_px as usize);
        let view = |bytes| FrameView { bytes, width_px, height_px, format: self.format };
        self.frames.iter().map(|bytes| view(bytes)).collect()
    }
}

/// Side of a square field that has room for so many beads with ROIs of this side, px; 256 at least.
///
/// # Errors
/// If no sensor is that large.
pub fn side_px(roi_px: u32, beads: usize) -> Result<u32, FilmError> {
    let columns = (beads as f64).sqrt().ceil() as u32 + 1;
    let fitting = |pitch_px: u32| columns.checked_mul(pitch_px).filter(|side_px| *side_px <= LARGEST_SIDE_PX);
    // Well apart, or at least not on top of each other.
    let side_px = fitting(roi_px * 3 / 2).or(fitting(roi_px * 5 / 4)).ok_or(FilmError::TooMany)?;
    Ok(side_px.max(256))
}

/// Bead images per second.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct TrackBench {
    /// ROIs located per second: x, y, and z if there is a Z-LUT. The median over rounds.
    pub rois_per_s: f64,
    /// The slowest round.
    pub rois_per_s_min: f64,
    /// The fastest round.
    pub rois_per_s_max: f64,
    /// Share of the rows that have x, y and z.
    pub located: f64,
    /// What it took on a GPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu: Option<GpuCost>,
}

/// What tracking on a GPU moves and computes.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct GpuCost {
    /// Dispatches for all frames of a round.
    pub dispatches: f64,
    /// Submissions for all frames of a round.
    pub loads: f64,
    /// Bytes that went to the device for each ROI.
    pub bytes_up_per_roi: f64,
    /// Bytes that came back for each ROI.
    pub bytes_down_per_roi: f64,
    /// ROIs per second if the device did nothing but take their pixels.
    pub upload_limit_rois_per_s: f64,
    /// Each stage with its time on the device for an ROI, ns; 0 without a clock there.
    pub stage_ns_per_roi: Vec<(&'static str, f64)>,
}

/// Tracks `frames`, all in memory, over and over for `duration`, after a warm-up.
///
/// # Errors
/// A GPU whose uploads cannot be timed.
pub fn track(
    tracker: &mut BeadTracker,
    frames: &[FrameView<'_>],
    duration: Duration,
) -> Result<TrackBench, GpuTrackError> {
    let beads = tracker.rois().len();
    let mut rows = vec![TrackRow::zeroed(); frames.len() * beads];
    let view = |place: usize| frames.get(place).copied();
    let mut round = |tracker: &mut BeadTracker| {
        let start = Instant::now();
        tracker.locate(frames.len(), &view, &mut rows);
        rows.len() as f64 / start.elapsed().as_secs_f64()
    };
    let start = Instant::now();
    while start.elapsed() < WARM_UP {
        round(tracker);
    }
    let before = tracker.gpu().map(|gpu| gpu.traffic().clone());
    let mut rates = Vec::new();
    let start = Instant::now();
    while start.elapsed() < duration || rates.len() < 3 {
        rates.push(round(tracker));
    }
    let rounds = rates.len() as f64;
    rates.sort_by(f64::total_cmp);
    let whole = rows.iter().filter(|row| row.x_px.is_finite() && row.z_nm.is_finite()).count();
    let gpu = before.zip(tracker.gpu()).map(|(before, tracked)| {
        let gpu = tracked.gpu();
        // By those who write while tracking.
        let bytes_per_s = tracker.pool().install(|| upload_bytes_per_s(gpu))?;
        Ok(cost(&before, tracked.traffic(), rounds, rows.len() as f64, bytes_per_s))
    });
    Ok(TrackBench {
        rois_per_s: rates[rates.len() / 2],
        rois_per_s_min: rates[0],
        rois_per_s_max: rates[rates.len() - 1],
        located: whole as f64 / rows.len().max(1) as f64,
        gpu: gpu.transpose()?,
    })
}

fn cost(before: &Traffic, after: &Traffic, rounds: f64, rois: f64, upload_bytes_per_s: f64) -> GpuCost {
    let per_roi = |before: u64, after: u64| (after - before) as f64 / (rounds * rois);
    let bytes_up_per_roi = per_roi(before.bytes_up, after.bytes_up);
    let stages = before.stage_ns.iter().zip(&after.stage_ns);
    GpuCost {
        dispatches: (after.dispatches - before.dispatches) as f64 / rounds,
        loads: (after.loads - before.loads) as f64 / rounds,
        bytes_up_per_roi,
        bytes_down_per_roi: per_roi(before.bytes_down, after.bytes_down),
        upload_limit_rois_per_s: upload_bytes_per_s / bytes_up_per_roi,
        stage_ns_per_roi: stages.map(|((name, from), (_, to))| (*name, per_roi(*from, *to))).collect(),
    }
}

/// How fast bytes in host memory reach the device when nothing else is asked of it: the slower of writing them into mapped
/// memory, by the workers of the pool that this is called in, and copying them from there, which overlap while tracking.
fn upload_bytes_per_s(gpu: &Gpu) -> Result<f64, GpuTrackError> {
    let buffer = |label, usage, mapped_at_creation| {
        let size = UPLOAD_BYTES as u64;
        gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation,
        })
    };
    use wgpu::BufferUsages as Usage;
    let staging = buffer("staging", Usage::MAP_WRITE | Usage::COPY_SRC, true);
    let uploaded = buffer("upload", Usage::COPY_DST | Usage::STORAGE, false);
    let bytes_per_s = |start: Instant| UPLOAD_BYTES as f64 / start.elapsed().as_secs_f64();
    let (mut written, mut copied) = (0.0f64, 0.0f64);
    let part = vec![1u8; UPLOAD_BYTES / UPLOAD_PARTS];
    for _ in 0..UPLOADS {
        let start = Instant::now();
        let views = (0..UPLOAD_BYTES).step_by(part.len());
        let views = views.map(|from| staging.get_mapped_range_mut(from as u64..(from + part.len()) as u64));
        let views: Result<Vec<_>, _> = views.collect();
        let mut views = views.map_err(|error| GpuTrackError::Device(error.to_string()))?;
        views.par_iter_mut().for_each(|view| view.copy_from_slice(&part));
        drop(views);
        written = written.max(bytes_per_s(start));
        staging.unmap();
        let start = Instant::now();
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(&staging, 0, &uploaded, 0, None);
        gpu.queue.submit([encoder.finish()]);
        // A device that fails here has failed before.
        let _ = gpu.device.poll(wgpu::PollType::wait_indefinitely());
        copied = copied.max(bytes_per_s(start));
        staging.map_async(wgpu::MapMode::Write, .., |_| {});
        let _ = gpu.device.poll(wgpu::PollType::wait_indefinitely());
    }
    Ok(written.min(copied))
}
