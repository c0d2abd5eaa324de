//! `beadscope run`: the instrument without a window.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use beadscope_drivers::camera::CameraConfig;
use beadscope_engine::camera_status::ClockHealth;
use beadscope_engine::correction::Used;
use beadscope_engine::hardware::rehearse_script;
use beadscope_engine::health::vitals::Vitals;
use beadscope_engine::latency::Percentiles;
use beadscope_engine::ledger::{Ledger, Lost};
use beadscope_engine::record::tracks_file::Gap;
use beadscope_engine::run_folder::RunFolder;
use beadscope_engine::session::{Outcome, Session};
use beadscope_engine::settings::{CommandLineOption, SettingError, Settings, path_value};
use beadscope_engine::track::backend::TrackedOn;
use beadscope_engine::video::status::VideoHealth;
use serde::Serialize;

use crate::arguments::RunArguments;
use crate::output;
use crate::signals::Signals;

/// How often the command looks whether it is time to stop.
const LOOK: Duration = Duration::from_millis(50);

/// The JSON object that `run --json` prints.
#[derive(Serialize)]
struct Summary<'a> {
    frames: Frames,
    beads: usize,
    tracks: u64,
    rate_hz: f64,
    /// What the camera has at the end.
    camera: CameraConfig,
    clock: ClockHealth,
    /// The last ones.
    gaps: &'a [Gap],
    latency_ms: Percentiles,
    #[serde(flatten)]
    on: &'a TrackedOn,
    ended: String,
    ledger_sums: bool,
    /// `None` where it is deleted.
    run: Option<&'a Path>,
    /// Where the frames of the video went; `None` where none was asked for.
    video: Option<&'a VideoHealth>,
    correction: Option<&'a Used>,
    notes: &'a [String],
    health: &'a Vitals,
}

#[derive(Serialize)]
struct Frames {
    camera: u64,
    received: u64,
    tracked: u64,
    recorded: u64,
    not_asked: u64,
    out_of_order: u64,
    late: u64,
    segments: u64,
    lost: Lost,
}

impl From<&Ledger> for Frames {
    fn from(ledger: &Ledger) -> Self {
        let Ledger { camera, received, tracked, recorded, not_asked, out_of_order, late, segments, lost } =
            *ledger;
        Self { camera, received, tracked, recorded, not_asked, out_of_order, late, segments, lost }
    }
}

pub fn run(arguments: &RunArguments) -> Result<()> {
    let mut settings = super::read_settings(arguments.rig.as_deref())?;
    settings.set_command_line(options(arguments)?.into_iter().chain(arguments.backend.options()))?;
    if let (true, Some(script)) = (arguments.rehearse, &arguments.commands) {
        return rehearse(&settings, script);
    }
    let RunArguments { frames, duration, json, commands, .. } = arguments;
    record(
        &settings,
        &Plan {
            frames: *frames,
            duration: *duration,
            commands: commands.as_deref(),
            json: *json,
            is_kept: true,
        },
    )
}

/// A dry run of a script's motions.
fn rehearse(settings: &Settings, script: &Path) -> Result<()> {
    let text = if script == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(script)
    };
    let text = text.with_context(|| format!("cannot read the commands: {}", script.display()))?;
    let (setup, _) = super::open(settings)?;
    let rehearsed = rehearse_script(setup.motors, &settings.rig().safety, &text)?;
    for (number, line, why) in &rehearsed.refused {
        output::print(&format!("line {number}: {line}: {why}\n"))?;
    }
    for (number, line) in &rehearsed.not_tried {
        output::print(&format!(
            "line {number}: {line}: not tried, its motions depend on what happens meanwhile\n"
        ))?;
    }
    output::print(&format!("{} motions would be made\n", rehearsed.motions))?;
    let refused = rehearsed.refused.len();
    ensure!(refused == 0, "{refused} lines would be refused: {}", script.display());
    Ok(())
}

/// How long to record, and how to tell of it.
pub struct Plan<'a> {
    /// Stop after this many frames.
    pub frames: Option<u64>,
    /// Stop after this time.
    pub duration: Option<Duration>,
    /// Where commands come from.
    pub commands: Option<&'a Path>,
    /// The summary is one JSON object.
    pub json: bool,
    /// What is recorded stays.
    pub is_kept: bool,
}

/// Records with the instrument that these settings make, and prints the summary.
pub fn record(settings: &Settings, plan: &Plan<'_>) -> Result<()> {
    plan.commands.map_or(Ok(()), super::obey::check)?;
    let (mut setup, mut notes) = super::open(settings)?;
    notes.extend(super::doubt_disk(&mut setup));
    setup.frame_limit = plan.frames;
    let beads = setup.info.rois.len();
    let correction = setup.tracker.correction().map(|correction| correction.used()).cloned();

    let signals = Signals::listen()?;
    setup.hurry = signals.hurry.clone();
    let run = RunFolder::make(&setup.info.settings_toml, &settings.rig().recording, beads)?;
    setup.record = Some(run.tracks());
    let (session, view) = Session::start(setup).inspect_err(|_| run.remove())?;
    // Nobody looks, so nobody is slow in looking.
    drop(view);
    if let Some(path) = plan.commands {
        super::obey::obey(path, session.commands().clone())?;
    }
    watch(&session, plan, &signals.stop);
    if signals.stop.load(Ordering::Relaxed) {
        // Nobody is left to watch a motion.
        super::stop_motors(&session);
    }
    // Whatever ended it: whoever asks from here on is in a hurry.
    signals.stop.store(true, Ordering::Relaxed);
    let camera = session.config();
    notes.extend(session.thread_notes().iter().cloned());
    let outcome = session.stop();
    let health = &outcome.health;
    notes.extend(health.notices().into_iter().map(|notice| notice.text));
    let summary = Summary {
        frames: (&health.ledger).into(),
        beads,
        tracks: health.rows,
        rate_hz: health.rate_hz,
        camera,
        clock: health.camera.clock,
        gaps: &health.camera.gaps,
        latency_ms: health.latency_ms,
        on: &health.on,
        ended: outcome.reason.to_string(),
        ledger_sums: health.ledger.check().is_ok(),
        run: plan.is_kept.then_some(run.path.as_path()),
        video: health.video.as_ref(),
        correction: correction.as_ref(),
        notes: &notes,
        health: &health.vitals,
    };
    report(plan.json, &outcome, &summary)
}

/// What the command line says about settings.
fn options(arguments: &RunArguments) -> Result<[CommandLineOption; 10], SettingError> {
    let path = |path: &Option<PathBuf>| path.as_deref().map(path_value).transpose();
    let RunArguments { rois, zlut, z_step_nm, correction, out, rate_hz, beads, roi_px, mode, .. } = arguments;
    Ok([
        ("--rois", "tracking.rois", path(rois)?),
        ("--zlut", "tracking.zlut", path(zlut)?),
        ("--z-step-nm", "tracking.z_step_nm", z_step_nm.map(Into::into)),
        ("--roi-px", "tracking.roi_px", roi_px.map(|px| i64::from(px).into())),
        ("--dark", "correction.dark", path(&correction.dark)?),
        ("--flat", "correction.flat", path(&correction.flat)?),
        ("--rate-hz", "camera.rate_hz", rate_hz.map(Into::into)),
        ("--out", "recording.folder", path(out)?),
        ("--mode", "recording.mode", mode.clone().map(Into::into)),
        ("--beads", "camera.settings.beads", beads.map(|beads| i64::from(beads).into())),
    ])
}

/// Shows progress until the time is over, somebody stops it, or the session ends by itself.
fn watch(session: &Session, plan: &Plan<'_>, stop: &AtomicBool) {
    let length = plan
        .frames
        .or(plan.duration.map(|duration| (duration.as_secs_f64() * session.config().rate_hz).round() as u64));
    let bar = output::progress(length, "frames");
    let start = Instant::now();
    while session.is_running() && !stop.load(Ordering::Relaxed) {
        if plan.duration.is_some_and(|duration| start.elapsed() >= duration) {
            break;
        }
        let health = session.health();
        if health.record_error.is_some() {
            break;
        }
        bar.set_position(health.ledger.tracked);
        let lost = health.ledger.total_lost();
        bar.set_message(match &health.camera.lost {
            None => format!("{:.1} Hz, {lost} lost", health.rate_hz),
            Some(notice) => notice.clone(),
        });
        // The session has no event to wait for: it ends by the clock, a signal or itself, whichever comes first.
        std::thread::sleep(LOOK);
    }
    bar.finish_and_clear();
}

fn report(as_json: bool, outcome: &Outcome, summary: &Summary<'_>) -> Result<()> {
    if as_json {
        output::print_json(summary)?;
    } else {
        output::print(&describe(summary))?;
    }
    super::check(outcome).map_err(|error| match summary.run {
        Some(run) => anyhow!("{error}; what was recorded is in {}", run.display()),
        None => error,
    })
}

fn describe(summary: &Summary<'_>) -> String {
    let Summary { frames, beads, latency_ms, rate_hz, ended, run, on, .. } = summary;
    let lost = serde_json::to_string(&frames.lost).unwrap_or_default();
    let video = summary.video.map_or(String::new(), |video| {
        let lost = serde_json::to_string(&video.lost).unwrap_or_default();
        format!("{} frames filmed, {:.1} MB/s; lost {lost}\n", video.frames, video.mb_per_s)
    });
    let place = run.map_or(String::new(), |run| format!("; {}", run.display()));
    format!(
        "{} frames from the camera, {} received, {} tracked, {} recorded; lost {lost}\n\
         {beads} beads at {rate_hz:.2} Hz on the {} ({}); latency {:.2} ms median, {:.2} ms p99, {:.2} ms max\n\
         {video}{ended}{place}\n",
        frames.camera,
        frames.received,
        frames.tracked,
        frames.recorded,
        on.backend.to_uppercase(),
        on.adapter,
        latency_ms.p50,
        latency_ms.p99,
        latency_ms.max,
    )
}
