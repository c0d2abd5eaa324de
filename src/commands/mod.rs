//! One file a command: reads its arguments, calls the engine, writes the answer.

pub mod bench;
pub mod doctor;
pub mod find;
pub mod recover;
pub mod rig;
pub mod run;
pub mod simulate;
pub mod track;
pub mod window;
pub mod zlut;
mod zlut_precision;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use beadscope_drivers::CAMERAS;
use beadscope_drivers::stack::Stack;
use beadscope_engine::correction::{Correction, Used};
use beadscope_engine::frame::FrameView;
use beadscope_engine::instrument::Instrument;
use beadscope_engine::record::info::RunInfo;
use beadscope_engine::replace::{self, Output};
use beadscope_engine::rig::{CorrectionSection, Rig};
use beadscope_engine::session::{Outcome, Setup};
use beadscope_shaders::magtrack::Options;
use beadscope_shaders::pipeline::Method;

use crate::arguments::CorrectionArguments;

/// The rig at `path`, or the simulated microscope.
fn read_rig(path: Option<&Path>) -> Result<Rig> {
    Ok(path.map(Rig::read).transpose()?.unwrap_or_default())
}

/// Opens the rig's instrument and describes it for a recording. What there is to know is logged, and returned as
/// sentences.
fn open(rig: &Rig) -> Result<(Setup, Vec<String>)> {
    let mut rig = rig.clone();
    rig.resolve_paths(&std::env::current_dir().context("the working folder is gone; change into another")?)?;
    let Instrument { camera, config, tracker, zlut, pixel_size_nm, mut notes, warnings } =
        Instrument::open(&rig, CAMERAS)?;
    notes.iter().for_each(|note| tracing::info!("{note}"));
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    notes.extend(warnings);
    let rois = tracker.rois().to_vec();
    rig.tracking.roi_px = rois.first().map(|roi| roi.size_px);
    if let Some(Used { dark, flat, .. }) = tracker.correction().map(|correction| correction.used()) {
        rig.correction.dark_hash = dark.as_ref().map(|dark| dark.hash.clone());
        rig.correction.flat_hash = flat.as_ref().map(|flat| flat.hash.clone());
    }
    let info = RunInfo {
        pixel_size_nm,
        settings_toml: comments(&notes) + &rig.to_toml()?,
        camera: format!("driver = {:?}\n{}", rig.camera.driver, toml::to_string(&config)?),
        rois,
        zlut,
    };
    Ok((Setup { camera, config, tracker, frame_limit: None, info, record: None }, notes))
}

/// Whether a session went as it should, with or without a window.
///
/// # Errors
/// If its last recording failed, it ended for a reason nobody wanted, or its ledger does not sum.
fn check(outcome: &Outcome) -> Result<()> {
    if let Some(error) = &outcome.health.record_error {
        bail!("recording stopped: {error}");
    }
    if outcome.reason.is_failure() {
        bail!("{}", outcome.reason);
    }
    let sums = outcome.health.ledger.check();
    sums.map_err(|equation| anyhow!("the ledger does not sum ({equation}); please report this"))
}

/// MagTrack's options from `--magtrack KEY=VALUE`.
fn magtrack_options(method: Method, settings: &[(String, String)]) -> Result<Options> {
    ensure!(
        settings.is_empty() || method == Method::MagTrack,
        "--magtrack sets options of another method than {method}; add --method magtrack"
    );
    let mut options = Options::default();
    for (key, value) in settings {
        options.set(key, value)?;
    }
    Ok(options)
}

/// The correction that `--dark` and `--flat` ask for, for frames of `stack`.
fn read_correction(arguments: &CorrectionArguments, stack: &Stack) -> Result<Option<Correction>> {
    let CorrectionArguments { dark, flat } = arguments.clone();
    let section = CorrectionSection { dark, flat, ..CorrectionSection::default() };
    let correction = Correction::read(&section, &FrameView::of_stack(stack, &[]))?;
    if let Some(correction) = &correction {
        tracing::info!("{}", correction.used());
    }
    Ok(correction)
}

/// The files that a correction was read from.
fn files_of(correction: Option<&Correction>) -> &[PathBuf] {
    correction.map_or(&[], Correction::files)
}

/// Sentences as comments of a TOML file, so that a recording keeps them beside its settings.
fn comments(sentences: &[String]) -> String {
    // A file may have brought the sentence, and TOML allows no control characters.
    let clean = |text: &String| text.replace(char::is_control, " ");
    sentences.iter().map(|text| format!("# {}\n", clean(text))).collect()
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
        failed.health.record_error = Some("the disk is full".to_owned());
        assert!(check(&failed).unwrap_err().to_string().contains("the disk is full"));
        let failed = Outcome { reason: EndReason::Camera("no cable".to_owned()), ..outcome() };
        assert!(check(&failed).unwrap_err().to_string().contains("no cable"));
        let mut failed = outcome();
        failed.health.ledger.recorded = 2;
        assert!(check(&failed).unwrap_err().to_string().contains("3 is not 2"));
    }
}
