//! How fast tracking is on this machine, from pixels in memory to rows.

use std::time::{Duration, Instant};

use bytemuck::Zeroable;

use crate::frame::FrameView;
use crate::gpu::Gpu;
use crate::track::backend::BeadTracker;
use crate::track::gpu::{GpuTracker, Traffic};
use crate::tracks::TrackRow;

/// Time spent warming caches and clocks before counting.
const WARM_UP: Duration = Duration::from_millis(500);

/// Size of an upload that is timed, and how many are.
const UPLOAD_BYTES: usize = 32 << 20;
const UPLOADS: usize = 8;

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
pub fn track(tracker: &mut BeadTracker, frames: &[FrameView<'_>], duration: Duration) -> TrackBench {
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
    TrackBench {
        rois_per_s: rates[rates.len() / 2],
        rois_per_s_min: rates[0],
        rois_per_s_max: rates[rates.len() - 1],
        located: whole as f64 / rows.len().max(1) as f64,
        gpu: before.zip(tracker.gpu()).map(|(before, gpu)| cost(&before, gpu, rounds, rows.len() as f64)),
    }
}

fn cost(before: &Traffic, gpu: &GpuTracker, rounds: f64, rois: f64) -> GpuCost {
    let after = gpu.traffic();
    let per_roi = |before: u64, after: u64| (after - before) as f64 / (rounds * rois);
    let bytes_up_per_roi = per_roi(before.bytes_up, after.bytes_up);
    let stages = before.stage_ns.iter().zip(&after.stage_ns);
    GpuCost {
        dispatches: (after.dispatches - before.dispatches) as f64 / rounds,
        loads: (after.loads - before.loads) as f64 / rounds,
        bytes_up_per_roi,
        bytes_down_per_roi: per_roi(before.bytes_down, after.bytes_down),
        upload_limit_rois_per_s: upload_bytes_per_s(gpu.gpu()) / bytes_up_per_roi,
        stage_ns_per_roi: stages.map(|((name, from), (_, to))| (*name, per_roi(*from, *to))).collect(),
    }
}

/// How fast bytes in host memory reach the device when nothing else is asked of it.
fn upload_bytes_per_s(gpu: &Gpu) -> f64 {
    let bytes = vec![1u8; UPLOAD_BYTES];
    let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("upload"),
        size: UPLOAD_BYTES as u64,
        usage: wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut best = 0.0f64;
    for _ in 0..UPLOADS {
        let start = Instant::now();
        gpu.queue.write_buffer(&buffer, 0, &bytes);
        gpu.queue.submit([]);
        // A device that fails here has failed before.
        let _ = gpu.device.poll(wgpu::PollType::wait_indefinitely());
        best = best.max(UPLOAD_BYTES as f64 / start.elapsed().as_secs_f64());
    }
    best
}
