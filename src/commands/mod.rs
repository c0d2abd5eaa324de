//! One file a command: reads its arguments, calls the engine, writes the answer.

pub mod bench;
pub mod doctor;
pub mod find;
pub mod rig;
pub mod run;
pub mod simulate;
pub mod track;
pub mod window;
pub mod zlut;

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use beadscope_drivers::CAMERAS;
use beadscope_engine::instrument::Instrument;
use beadscope_engine::record::info::RunInfo;
use beadscope_engine::rig::Rig;
use beadscope_engine::session::Setup;

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
    let info = RunInfo {
        pixel_size_nm,
        settings_toml: comments(&notes) + &rig.to_toml()?,
        camera: format!("driver = {:?}\n{}", rig.camera.driver, toml::to_string(&config)?),
        rois,
        zlut,
    };
    Ok((Setup { camera, config, tracker, frame_limit: None, info, record: None }, notes))
}

/// Sentences as comments of a TOML file, so that a recording keeps them beside its settings.
fn comments(sentences: &[String]) -> String {
    // A file may have brought the sentence, and TOML allows no control characters.
    let clean = |text: &String| text.replace(char::is_control, " ");
    sentences.iter().map(|text| format!("# {}\n", clean(text))).collect()
}

/// Refuses to write over what is read.
fn refuse_to_replace<'a>(out: &Path, inputs: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    // Names differ by links and dots; what does not exist yet replaces nothing.
    let Ok(place) = out.canonicalize() else { return Ok(()) };
    let same = inputs.into_iter().any(|input| input.canonicalize().is_ok_and(|input| input == place));
    ensure!(!same, "the output would replace an input; choose another --out: {}", out.display());
    Ok(())
}
