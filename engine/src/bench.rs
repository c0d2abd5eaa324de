//! How fast tracking is on this machine, from pixels in memory to rows.

use std::time::{Duration, Instant};

use bytemuck::Zeroable;

use crate::frame::FrameView;
use crate::track::backend::BeadTracker;
use crate::tracks::TrackRow;

/// Time spent warming caches and clocks before counting.
const WARM_UP: Duration = Duration::from_millis(500);

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
}

/// Tracks `frames`, all in memory, over and over for `duration`, after a warm-up.
pub fn track(tracker: &mut BeadTracker, frames: &[FrameView<'_>], duration: Duration) -> TrackBench {
    let beads = tracker.rois().len();
    let mut rows = vec![TrackRow::zeroed(); frames.len() * beads];
    let view = |place: usize| frames.get(place).copied();
    let mut round = || {
        let start = Instant::now();
        tracker.locate(frames.len(), &view, &mut rows);
        rows.len() as f64 / start.elapsed().as_secs_f64()
    };
    let start = Instant::now();
    while start.elapsed() < WARM_UP {
        round();
    }
    let mut rates = Vec::new();
    let start = Instant::now();
    while start.elapsed() < duration || rates.len() < 3 {
        rates.push(round());
    }
    rates.sort_by(f64::total_cmp);
    let whole = rows.iter().filter(|row| row.x_px.is_finite() && row.z_nm.is_finite()).count();
    TrackBench {
        rois_per_s: rates[rates.len() / 2],
        rois_per_s_min: rates[0],
        rois_per_s_max: rates[rates.len() - 1],
        located: whole as f64 / rows.len().max(1) as f64,
    }
}
