//! Bead images per second, end to end from host memory, against method, ROI and beads: `cargo bench --bench throughput`.
//!
//! `cargo bench --bench throughput -- cpu` or `-- NAME` takes the processor, or the graphics adapter with that in its name;
//! otherwise it is the best GPU, and the processor without one. Beside each rate stands the one that uploads alone would
//! allow, and the time of each stage on the device.
#![allow(clippy::print_stdout, missing_docs, reason = "the table is what it is for")]

use std::error::Error;
use std::time::Duration;

use beadscope_engine::bench::{self, Film};
use beadscope_engine::track::backend::{Backend, BackendRequest, BeadTracker};
use beadscope_engine::track::cpu::CpuTracker;
use beadscope_shaders::pipeline::{Method, Params};

/// Time for each line.
const DURATION: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench`.
    let request = match std::env::args().skip(1).find(|argument| !argument.starts_with('-')).as_deref() {
        None => BackendRequest::default(),
        Some("cpu") => BackendRequest { backend: Backend::Cpu, adapter: None },
        Some(name) => BackendRequest { backend: Backend::Gpu, adapter: Some(name.to_owned()) },
    };
    println!(
        "| method | ROI, px | beads | frames | ROIs/s | uploads alone | loads | on | ns a ROI on the device |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for method in [Method::AutoConvolution, Method::QuadrantInterpolation, Method::Fit] {
        for roi_px in [64, 100, 128] {
            for (beads, frames) in [(10, 32), (100, 32), (1000, 16), (2500, 8)] {
                println!("{}", line(method, roi_px, beads, frames, &request)?);
            }
        }
    }
    Ok(())
}

fn line(
    method: Method,
    roi_px: u32,
    beads: usize,
    frames: usize,
    request: &BackendRequest,
) -> Result<String, Box<dyn Error>> {
    let params = Params { method, ..Params::default() };
    let film = Film::new(roi_px, beads, frames, &params)?;
    let cpu = CpuTracker::new(roi_px, film.rois.clone(), &params, film.zlut.clone(), None)?;
    let mut tracker = BeadTracker::new(cpu, request)?;
    let speed = bench::track(&mut tracker, &film.views(), DURATION)?;
    let on = tracker.on();
    let (limit, loads, stages) = speed.gpu.map_or((String::new(), String::new(), String::new()), |cost| {
        let stages = cost.stage_ns_per_roi.iter().map(|(name, ns)| format!("{name} {ns:.0}"));
        let limit = format!(
            "{:.0} ({:.0} %)",
            cost.upload_limit_rois_per_s,
            100.0 * speed.rois_per_s / cost.upload_limit_rois_per_s
        );
        (limit, format!("{:.0}", cost.loads), stages.collect::<Vec<_>>().join(", "))
    });
    let rate = speed.rois_per_s;
    Ok(format!(
        "| {method} | {roi_px} | {beads} | {frames} | {rate:.0} | {limit} | {loads} | {} | {stages} |",
        on.adapter
    ))
}
