//! `beadscope bench`: how fast this machine is, on simulated beads.

use anyhow::{Context as _, Result, bail, ensure};
use beadscope_engine::bench::{self, Film, GpuCost, TrackBench};
use beadscope_engine::settings::{Settings, path_value};
use beadscope_engine::track::backend::{BeadTracker, TrackedOn};
use beadscope_engine::track::cpu::CpuTracker;
use beadscope_engine::video::bench::{self as video_bench, VideoBench};
use beadscope_shaders::pipeline::Params;
use serde::Serialize;

use super::run::{self, Plan};
use crate::arguments::{BenchLiveArguments, BenchRecordArguments, BenchTrackArguments};
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
    let film = Film::new(roi_px, arguments.beads as usize, arguments.frames, &params)?;
    let tracker = CpuTracker::new(roi_px, film.rois.clone(), &params, film.zlut.clone(), arguments.threads)?;
    let mut tracker = BeadTracker::new(tracker, &arguments.backend.request())?;
    let on = tracker.on().clone();
    let speed = bench::track(&mut tracker, &film.views(), arguments.duration)?;
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

/// Records simulated beads into a folder of its own, and deletes it.
pub fn live(arguments: &BenchLiveArguments) -> Result<()> {
    let BenchLiveArguments { roi_px, beads, rate_hz, method, duration, json, .. } = *arguments;
    // Whatever ends the bench, dropping it deletes what is in it.
    let folder = tempfile::Builder::new().prefix("beadscope-bench-").tempdir();
    let folder =
        folder.context("cannot make a folder for what the bench records; set TMPDIR to another place")?;
    let side_px = bench::side_px(roi_px, beads as usize)?;
    let whole = |number: u32| Some(i64::from(number).into());
    let mut settings = Settings::load(None, None)?;
    settings.set_command_line(arguments.backend.options())?;
    settings.set_command_line([
        ("--beads", "camera.settings.beads", whole(beads)),
        ("--roi-px", "camera.settings.roi_px", whole(roi_px)),
        ("--beads", "camera.settings.width_px", whole(side_px)),
        ("--beads", "camera.settings.height_px", whole(side_px)),
        // The driver of a fast camera holds a second of frames: what is measured is the line behind it.
        ("--rate-hz", "camera.settings.buffer_frames", whole(rate_hz.clamp(64.0, 10_000.0) as u32)),
        ("--roi-px", "tracking.roi_px", whole(roi_px)),
        ("--rate-hz", "camera.rate_hz", Some(rate_hz.into())),
        ("--method", "tracking.method", Some(method.to_string().into())),
        ("bench", "recording.folder", Some(path_value(folder.path())?)),
    ])?;
    let plan = Plan { frames: None, duration: Some(duration), commands: None, json, is_kept: false };
    run::record(&settings, &plan)?;
    folder.close().context("cannot delete what the bench recorded")
}

/// Writes a video into a folder of its own, and deletes it.
pub fn record(arguments: &BenchRecordArguments) -> Result<()> {
    let BenchRecordArguments { rate_hz, width, height, beads, roi_px, duration, ref out, json } = *arguments;
    let folder = tempfile::Builder::new().prefix("beadscope-bench-").tempdir_in(out);
    let folder = folder.with_context(|| format!("cannot write into {}", out.display()))?;
    let rois = beads.map(|beads| (beads as usize, roi_px));
    let plan = VideoBench { rate_hz, size_px: (width, height), rois, duration };
    let speed = video_bench::record(folder.path(), &plan)?;
    folder.close().context("cannot delete what the bench wrote")?;
    if let Some(error) = &speed.video.error {
        bail!("{error}");
    }
    if json {
        return output::print_json(&speed);
    }
    let (video, lost) = (&speed.video, speed.video.lost.video_late + speed.ring_full);
    let past = if video.direct { "past" } else { "through" };
    output::print(&format!(
        "{} frames at {:.1} Hz, {lost} lost, ring {:.0} % full at most; {:.0} MB/s, {:.0} MB/s while writing, {past} the \
         system's cache\n",
        video.frames,
        speed.rate_hz,
        100.0 * speed.ring_fill,
        video.mb_per_s,
        video.disk_mb_per_s
    ))
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
    ) + &speed.gpu.as_ref().map_or(String::new(), on_gpu)
}

fn on_gpu(cost: &GpuCost) -> String {
    let stages = cost.stage_ns_per_roi.iter().map(|(name, ns)| format!("{name} {ns:.0}"));
    format!(
        "{:.0} dispatches in {:.0} loads for all frames; for a ROI {:.0} bytes up, {:.0} back; uploads alone would allow {:.0} \
         ROIs/s; on the device, ns a ROI: {}\n",
        cost.dispatches,
        cost.loads,
        cost.bytes_up_per_roi,
        cost.bytes_down_per_roi,
        cost.upload_limit_rois_per_s,
        stages.collect::<Vec<_>>().join(", ")
    )
}
