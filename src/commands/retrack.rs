//! `beadscope track RUN`: positions from the video of a run, as they were found live or in another way.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use beadscope_engine::bead_set::Beads;
use beadscope_engine::magtrack_options::options_from_toml;
use beadscope_engine::offline::film::{self, Film};
use beadscope_engine::offline::output::Format;
use beadscope_engine::offline::source::Source as _;
use beadscope_engine::record::read::{Recording, files_of};
use beadscope_engine::record::tracks_file::partial_path;
use beadscope_engine::record::tracks_path;
use beadscope_engine::rig::{CorrectionSection, Rig};
use beadscope_engine::rois::{self, RoisError};
use beadscope_engine::video::video_path;
use beadscope_shaders::pipeline::{Method, Params};

use super::track::{Work, check_inside, frames_of, read_zlut, refuse_to_replace_inputs, track};
use crate::arguments::TrackArguments;

/// The recording that `input` means: a run's folder, its `tracks.h5` or its video. `None` if it is something else.
pub fn recording_of(input: &Path) -> Result<Option<Recording>> {
    let is_video = input.file_name() == video_path(input).file_name() && input.is_dir();
    let beside = input.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let run = if is_video { beside } else { input };
    let tracks = tracks_path(run);
    // Results beside the frames that they were found in make no run.
    let is_stack = frames_of(run) != run;
    let is_run =
        !is_stack && [video_path(run), partial_path(&tracks), tracks].iter().any(|part| part.exists());
    let extension = run.extension().and_then(|extension| extension.to_str());
    let is_recording = matches!(extension, Some("h5" | "partial")) && run.is_file();
    Ok((is_run || is_recording).then(|| Recording::open(run)).transpose()?)
}

pub fn run(arguments: &TrackArguments, recording: &Recording) -> Result<()> {
    ensure!(
        Format::of(&arguments.out)? != Format::Npy,
        "the frames of a run have numbers and times, which .npy has no room for; write .csv or .h5: {}",
        arguments.out.display()
    );
    let about = &recording.about;
    let rig: Rig = toml::from_str(&about.settings_toml)
        .with_context(|| format!("the settings of the run cannot be read: {}", recording.path.display()))?;
    let was: Method = rig.tracking.method.parse()?;
    let method = arguments.method.unwrap_or(was);
    let magtrack = options_from_toml(&rig.tracking.magtrack)?;
    let magtrack = super::change_magtrack_options(magtrack, method, &arguments.magtrack)?;

    let mut film = Film::open(recording, beads(arguments, recording)?)?;
    let roi_px = film.roi_px();
    if let Some(path) = &arguments.rois {
        let shape = film.shape();
        check_inside(&film.first_rois()?, path, (shape.width_px, shape.height_px))?;
    }
    let correction = super::read_correction_of(&correction(arguments, &rig), &film.shape())?;
    refuse_to_replace_inputs(arguments, &files_of(&recording.path), correction.as_ref())?;
    let mut notes = Vec::new();
    let correction = match correction {
        Some(correction) if film.has_only_crops() => {
            if correction.used().replaced_px > 0 {
                notes.push(
                    "of a dead pixel at the edge of a ROI, the video lacks the neighbours outside: those inside replace it, \
                     so such a bead may be found a little off from where it was live"
                        .to_owned(),
                );
            }
            Some(correction.of_crops())
        }
        other => other,
    };
    let zlut = match &arguments.zlut {
        Some(name) => Some(read_zlut(name, arguments, method, roi_px)?),
        None => recording.zluts()?.pop().map(|(_, zlut)| zlut),
    };
    let references = recording.beads()?.into_iter().filter(|bead| bead.is_reference).map(|bead| bead.bead);
    let asked = &arguments.backend;
    let backend = if asked.backend.is_some() || asked.adapter.is_some() {
        asked.request()
    } else {
        rig.tracking.backend_request()
    };
    let work = Work {
        params: Params { method, magtrack, ..Params::default() },
        roi_px,
        beads: Beads { rois: film.first_rois()?, references: references.collect() },
        zlut,
        correction,
        backend,
        threads: rig.threads.tracking_threads(),
        pixel_size_nm: Some(arguments.pixel_size_nm.unwrap_or(about.pixel_size_nm)),
        camera: about.camera_toml.clone(),
        started_unix_ns: about.started_unix_ns,
        notes,
    };
    track(arguments, &mut film, work)?;
    if film.not_filmed > 0 {
        tracing::warn!(
            "{} frames between the first and the last were not filmed, so not tracked",
            film.not_filmed
        );
    }
    Ok(())
}

fn beads(arguments: &TrackArguments, recording: &Recording) -> Result<film::Beads> {
    let Some(path) = &arguments.rois else {
        return Ok(arguments.roi_px.map_or(film::Beads::Filmed, film::Beads::Resized));
    };
    let rois = rois::read(path, arguments.roi_px).or_else(|error| match error {
        RoisError::NoSize(_) => {
            rois::read(path, recording.beads().ok().and_then(|beads| Some(beads.first()?.roi_px)))
        }
        other => Err(other),
    })?;
    Ok(film::Beads::Given(rois.into()))
}

/// What the run was corrected with, but for what is said now.
fn correction(arguments: &TrackArguments, rig: &Rig) -> CorrectionSection {
    let mut section = rig.correction.clone();
    if let Some(dark) = &arguments.correction.dark {
        (section.dark, section.dark_hash) = (Some(dark.clone()), None);
    }
    if let Some(flat) = &arguments.correction.flat {
        (section.flat, section.flat_hash) = (Some(flat.clone()), None);
    }
    section
}
