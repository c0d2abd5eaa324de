//! `beadscope bench`: how fast this machine is, on simulated beads.

use anyhow::{Context as _, Result, bail, ensure};
use beadscope_drivers::cameras::simulated::{Scene, Settings};
use beadscope_engine::bench::{self, TrackBench};
use beadscope_engine::calibrate::{magtrack_zlut_from_sweep, zlut_from_sweep};
use beadscope_engine::frame::FrameView;
use beadscope_engine::prepared_zlut::prepare_zlut;
use beadscope_engine::roi::Roi;
use beadscope_engine::track::backend::{BeadTracker, TrackedOn};
use beadscope_engine::track::cpu::CpuTracker;
use beadscope_shaders::pipeline::{Method, Params};
use serde::Serialize;

use crate::arguments::BenchTrackArguments;
use crate::output;

/// The JSON object that `bench track --json` prints.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    speed: TrackBench,
    roi_px: u32,
    beads: usize,
    method: String,
    #[serde(flatten)]
    on: &'a TrackedOn,
    threads: usize,
}

pub fn track(arguments: &BenchTrackArguments) -> Result<()> {
    ensure!(arguments.beads > 0 && arguments.frames > 0, "give at least 1 for --beads and --frames");
    let BenchTrackArguments { roi_px, method, .. } = *arguments;
    let params = Params { method, ..Params::default() };
    let settings = field(arguments)?;
    let mut scene = Scene::new(&settings)?;
    let format = settings.pixel_format().context("the simulated camera has no such number of bits")?;

    let rois =
        scene.beads().iter().map(|bead| Roi::around(bead.bead, (bead.x_px, bead.y_px), roi_px)).collect();
    let zlut = scene
        .focus_sweep(roi_px)
        .map(|sweep| match method {
            Method::MagTrack => magtrack_zlut_from_sweep(&sweep, &params.magtrack, None, "bench".to_owned()),
            _ => zlut_from_sweep(&sweep, None, "bench".to_owned()),
        })
        .transpose()?;
    let (table, _) = prepare_zlut(zlut.as_ref(), roi_px, &params)?;
    let tracker = CpuTracker::new(roi_px, rois, &params, table, arguments.threads)?;
    let mut tracker = BeadTracker::new(tracker, &arguments.backend.request())?;
    let on = tracker.on().clone();

    let frames: Vec<Vec<u8>> = (0..arguments.frames)
        .map(|_| {
            let mut slot = vec![0; scene.frame_bytes()];
            scene.render(&mut slot);
            scene.advance(0.01);
            slot
        })
        .collect();
    let (width_px, height_px) = (settings.width_px as usize, settings.height_px as usize);
    let views: Vec<_> = frames.iter().map(|bytes| FrameView { bytes, width_px, height_px, format }).collect();
    let speed = bench::track(&mut tracker, &views, arguments.duration);
    ensure!(*tracker.on() == on, "{}", tracker.on().notice.as_deref().unwrap_or_default());
    let report = Report {
        speed,
        roi_px,
        beads: tracker.rois().len(),
        method: method.to_string(),
        on: &on,
        threads: tracker.threads(),
    };
    if arguments.json { output::print_json(&report) } else { output::print(&sentence(&report)) }
}

/// Largest side of a simulated frame, px.
const LARGEST_SIDE_PX: u32 = 8192;

/// A field just large enough for the beads, so that memory and cache use are those of a real frame.
fn field(arguments: &BenchTrackArguments) -> Result<Settings> {
    let columns = f64::from(arguments.beads).sqrt().ceil() as u32 + 1;
    let fitting = |pitch_px: u32| columns.checked_mul(pitch_px).filter(|side_px| *side_px <= LARGEST_SIDE_PX);
    // Well apart, or at least not on top of each other.
    let side_px = fitting(arguments.roi_px * 3 / 2).or(fitting(arguments.roi_px * 5 / 4));
    let Some(side_px) = side_px else {
        bail!("so many beads do not fit a frame of {LARGEST_SIDE_PX} px; give fewer");
    };
    let side_px = side_px.max(256);
    let beads = arguments.beads as usize;
    Ok(Settings {
        roi_px: arguments.roi_px,
        width_px: side_px,
        height_px: side_px,
        ..Settings::with_beads(beads)
    })
}

fn sentence(report: &Report<'_>) -> String {
    let Report { speed, roi_px, beads, method, on, .. } = report;
    format!(
        "{:.0} ROIs/s ({:.0} to {:.0}), {method} with z, ROI {roi_px} px, {beads} beads, {} ({}); {:.1} % located\n",
        speed.rois_per_s,
        speed.rois_per_s_min,
        speed.rois_per_s_max,
        on.backend.to_uppercase(),
        on.adapter,
        100.0 * speed.located
    )
}
