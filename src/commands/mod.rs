//! One file a command: reads its arguments, calls the engine, writes the answer.

pub mod bench;
pub mod command_list;
pub mod compress;
pub mod doctor;
pub mod drivers;
pub mod export;
pub mod find;
pub mod import;
pub mod info;
mod obey;
pub mod recover;
mod retrack;
pub mod rig;
pub mod run;
pub mod simulate;
pub mod track;
pub mod verify;
pub mod window;
pub mod zlut;
mod zlut_precision;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, anyhow, bail, ensure};
use beadscope_drivers::camera::CameraError;
use beadscope_drivers::stack::Stack;
use beadscope_drivers::{CAMERAS, CONTROLLERS};
use beadscope_engine::command::{Command, Sender};
use beadscope_engine::correction::{Correction, Used};
use beadscope_engine::frame::FrameView;
use beadscope_engine::instrument::{Instrument, OpenError};
use beadscope_engine::record::info::{RunInfo, camera_text};
use beadscope_engine::replace::{self, Output};
use beadscope_engine::rig::CorrectionSection;
use beadscope_engine::session::{Outcome, Session, Setup};
use beadscope_engine::settings::{Settings, user_file};
use beadscope_shaders::magtrack::Options;
use beadscope_shaders::pipeline::Method;

use crate::arguments::CorrectionArguments;

/// The settings of the rig at `path`, or of the simulated microscope, under the user's own.
fn read_settings(path: Option<&Path>) -> Result<Settings> {
    Ok(Settings::load(path, user_file().as_deref())?)
}

/// Opens the instrument and describes it for a recording. What there is to know is logged, and returned as sentences.
fn open(settings: &Settings) -> Result<(Setup, Vec<String>)> {
    let mut settings = settings.clone();
    let Instrument { camera, config, motors, tracker, zlut, pixel_size_nm, mut notes, warnings } =
        Instrument::open(settings.rig(), CAMERAS, CONTROLLERS)
            .map_err(|error| with_place(&settings, error))?;
    notes.iter().for_each(|note| tracing::info!("{note}"));
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    notes.extend(warnings);
    let rois = tracker.rois().to_vec();
    if let Some(roi) = rois.first() {
        settings.found("tracking.roi_px", i64::from(roi.size_px))?;
    }
    if let Some(Used { dark, flat, .. }) = tracker.correction().map(|correction| correction.used()) {
        for (name, used) in [("correction.dark_hash", dark), ("correction.flat_hash", flat)] {
            let Some(used) = used else { continue };
            settings.found(name, used.hash.clone())?;
        }
    }
    let rig = settings.rig();
    let info = RunInfo {
        pixel_size_nm,
        settings_toml: settings.describe(&notes),
        camera: camera_text(&rig.camera.driver, &config),
        rois,
        zlut,
    };
    let (frame_limit, record, hurry) = (None, None, Arc::default());
    let setup = Setup {
        camera,
        config,
        motors,
        tracker,
        frame_limit,
        info,
        record,
        settings,
        notes: notes.clone(),
        hurry,
    };
    Ok((setup, notes))
}

/// Tries the disk, if the session films: what the experimenter should know.
fn doubt_disk(setup: &mut Setup) -> Option<String> {
    let place = &setup.settings.rig().recording;
    place.mode.picture()?;
    let rois = &setup.info.rois;
    let roi_px = rois.first().map_or(0, |roi| roi.size_px);
    let doubt = beadscope_engine::video::disk_speed::doubt(
        &place.folder,
        place.mode.video_bytes_per_s(&setup.config, rois.len(), roi_px),
    )?;
    tracing::warn!("{doubt}");
    setup.notes.push(doubt.clone());
    Some(doubt)
}

/// What is wrong in a file is told with its line, also where only the driver could know it.
fn with_place(settings: &Settings, error: OpenError) -> anyhow::Error {
    let source = match &error {
        OpenError::Camera(CameraError::Settings(message)) => settings.blame(message).cloned(),
        OpenError::NoDriver { .. } => settings.get("camera.driver").map(|driver| driver.source),
        _ => None,
    };
    let place = source.map(|source| source.place().to_string()).unwrap_or_default();
    anyhow!("{error}{place}")
}

/// Stops all motors as fast as they can, as a signal of the system asks.
fn stop_motors(session: &Session) {
    // What went wrong is in the log, with the command.
    let _ = session.commands().send(Sender::Signal, Command::AxisEmergencyStop {});
}

/// Whether a session went as it should, with or without a window.
///
/// # Errors
/// If a recording or video of it failed, it ended for a reason nobody wanted, or its ledger does not sum.
fn check(outcome: &Outcome) -> Result<()> {
    let failures = &outcome.health.failures;
    ensure!(failures.is_empty(), "{}", failures.join("; "));
    if outcome.reason.is_failure() {
        bail!("{}", outcome.reason);
    }
    let sums = outcome.health.ledger.check();
    sums.map_err(|equation| anyhow!("the ledger does not sum ({equation}); please report this"))
}

/// MagTrack's options from `--magtrack KEY=VALUE`.
fn magtrack_options(method: Method, settings: &[(String, String)]) -> Result<Options> {
    change_magtrack_options(Options::default(), method, settings)
}

/// The same, the others as they were.
fn change_magtrack_options(
    mut options: Options,
    method: Method,
    settings: &[(String, String)],
) -> Result<Options> {
    ensure!(
        settings.is_empty() || method == Method::MagTrack,
        "--magtrack sets options of another method than {method}; add --method magtrack"
    );
    for (key, value) in settings {
        options.set(key, value)?;
    }
    Ok(options)
}

/// The correction that `--dark` and `--flat` ask for, for frames of `stack`.
fn read_correction(arguments: &CorrectionArguments, stack: &Stack) -> Result<Option<Correction>> {
    let CorrectionArguments { dark, flat } = arguments.clone();
    let section = CorrectionSection { dark, flat, ..CorrectionSection::default() };
    read_correction_of(&section, &FrameView::of_stack(stack, &[]))
}

/// The correction that `section` asks for, for frames like `like`.
fn read_correction_of(section: &CorrectionSection, like: &FrameView<'_>) -> Result<Option<Correction>> {
    let correction = Correction::read(section, like)?;
    if let Some(correction) = &correction {
        tracing::info!("{}", correction.used());
    }
    Ok(correction)
}

/// The files that a correction was read from.
fn files_of(correction: Option<&Correction>) -> &[PathBuf] {
    correction.map_or(&[], Correction::files)
}

/// Refuses to write over what is read, and over what cannot be made again. For every file that a command writes, before
/// the work; what writes into a folder of its own (`run`, `simulate`) replaces nothing.
fn refuse_to_replace<'a>(
    out: &Path,
    output: Output,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<()> {
    // Names differ by links and dots; what does not exist yet replaces nothing.
    let Ok(place) = out.canonicalize() else { return Ok(()) };
    let same = inputs.into_iter().any(|input| input.canonicalize().is_ok_and(|input| input == place));
    ensure!(!same, "the output would replace an input; choose another output: {}", out.display());
    Ok(replace::check(out, output)?)
}

#[cfg(test)]
mod tests {
    use beadscope_engine::ledger::Ledger;
    use beadscope_engine::status::{EndReason, Health};

    use super::*;

    fn outcome() -> Outcome {
        let health = Health {
            ledger: Ledger { camera: 3, received: 3, tracked: 3, recorded: 3, ..Ledger::default() },
            ..Health::default()
        };
        Outcome { reason: EndReason::Asked, health }
    }

    #[test]
    fn a_session_fails_by_its_recording_its_end_or_its_ledger() {
        assert!(check(&outcome()).is_ok());
        let mut failed = outcome();
        failed.health.failures = ["the disk is full", "the video ended"].map(str::to_owned).to_vec();
        assert_eq!(check(&failed).unwrap_err().to_string(), "the disk is full; the video ended");
        let failed = Outcome { reason: EndReason::Camera("no cable".to_owned()), ..outcome() };
        assert!(check(&failed).unwrap_err().to_string().contains("no cable"));
        let mut failed = outcome();
        failed.health.ledger.recorded = 2;
        assert!(check(&failed).unwrap_err().to_string().contains("3 is not 2"));
    }
}
