//! `beadscope zlut`: builds, describes, converts and draws Z look-up tables.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use beadscope_drivers::npy::read_npy_f64;
use beadscope_drivers::stack::Stack;
use beadscope_drivers::sweep::FocusSweep;
use beadscope_engine::calibrate::{magtrack_zlut_from_sweep, zlut_from_sweep};
use beadscope_engine::correction;
use beadscope_engine::frame::FrameView;
use beadscope_engine::plane_check::PlaneCheck;
use beadscope_engine::precision::CameraNoise;
use beadscope_engine::replace::Output;
use beadscope_shaders::pipeline::Method;
use beadscope_zlut::file::split_name;
use beadscope_zlut::quality::{Quality, assess};
use beadscope_zlut::{ProfileKind, ReadOptions, ZLut, aside, file, plot as draw};

use crate::arguments::{
    ZLutBuildArguments, ZLutConvertArguments, ZLutFile, ZLutInfoArguments, ZLutPlotArguments,
};
use crate::commands::zlut_precision::Attained;
use crate::output;

pub fn build(arguments: &ZLutBuildArguments) -> Result<()> {
    let method = arguments.method;
    let magtrack = super::magtrack_options(method, &arguments.magtrack)?;
    let mut stack = Stack::open(&arguments.stack)?;
    let correction = super::read_correction(&arguments.correction, &stack)?;
    let inputs = stack.files().iter().chain([&arguments.z]).chain(super::files_of(correction.as_ref()));
    super::refuse_to_replace(&arguments.out, Output::ZLut, inputs.map(PathBuf::as_path))?;
    let z_nm = read_npy_f64(&arguments.z)?;
    let (width_px, height_px) = (stack.width_px(), stack.height_px());
    ensure!(width_px == height_px, "the images must be square, they are {width_px} x {height_px} px");
    let mut bytes = vec![0; stack.frame_bytes()];
    let mut images = Vec::with_capacity(stack.len() * (width_px * height_px) as usize);
    for index in 0..stack.len() {
        stack.read_frame(index, &mut bytes)?;
        images.extend(FrameView::of_stack(&stack, &bytes).to_levels(correction.as_ref()));
    }
    let sweep = FocusSweep { roi_px: width_px, images, z_nm, center_px: arguments.center };
    let used = correction.as_ref().map_or_else(String::new, |correction| format!(", {}", correction.used()));
    let source = format!("focus sweep {}{used}", arguments.stack.display());
    let built = match method {
        Method::MagTrack => {
            let source = format!("{source}, profiles as in MagTrack 1.0.0");
            magtrack_zlut_from_sweep(&sweep, &magtrack, arguments.pixel_size_nm, source)
        }
        _ => zlut_from_sweep(&sweep, arguments.pixel_size_nm, source),
    };
    let mut zlut = built.with_context(|| format!("no Z-LUT from {}", arguments.stack.display()))?;
    zlut.origin.correction = Some(correction::kinds(correction.as_ref()).to_owned());
    write(&arguments.out, &zlut)?;
    let check = check_planes(&zlut);
    output::print(&format!("{}\n{}\n{}", describe(&zlut), assess(&zlut).verdict(), lines(check.summary())))
}

pub fn info(arguments: &ZLutInfoArguments) -> Result<()> {
    let zlut = read(&arguments.zlut)?;
    let (quality, check) = (assess(&zlut), check_planes(&zlut));
    let noise = arguments.noise.map_or_else(|| CameraNoise::assumed(&zlut), CameraNoise::AtBackground);
    let attained = Attained::of(&zlut, noise);
    if arguments.json {
        return output::print_json(&json(&zlut, &quality, &check, &attained));
    }
    let origin = &zlut.origin;
    let mut text = format!("{}\nhash {}\nsource: {}\n", describe(&zlut), zlut.hash(), origin.source);
    let known = [
        ("bead", origin.bead.clone()),
        ("made", origin.created_utc.clone()),
        ("pixel size", origin.pixel_size_nm.map(|size| format!("{size} nm"))),
        ("ROI", origin.roi_px.map(|side| format!("{side} px"))),
        ("profiles", Some(profiles(&zlut))),
        ("model of the image, for the method fit", Some(image_model(&zlut))),
        ("dark and flat frames", origin.correction.clone()),
    ];
    for (name, value) in known.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        text += &format!("{name}: {value}\n");
    }
    for assumed in &origin.assumed {
        text += &format!("assumed: {assumed}\n");
    }
    text += &format!("{}\n{}{attained}", quality.verdict(), lines(check.summary()));
    output::print(&text)
}

pub fn convert(arguments: &ZLutConvertArguments) -> Result<()> {
    super::refuse_to_replace(&arguments.out, Output::ZLut, [split_name(&arguments.zlut.file).0.as_path()])?;
    let zlut = read(&arguments.zlut)?;
    write(&arguments.out, &zlut)?;
    for assumed in &zlut.origin.assumed {
        tracing::warn!("assumed: {assumed}");
    }
    output::print(&format!("{}\n", describe(&zlut)))
}

pub fn plot(arguments: &ZLutPlotArguments) -> Result<()> {
    super::refuse_to_replace(&arguments.out, Output::Other, [split_name(&arguments.zlut.file).0.as_path()])?;
    let picture = draw::picture(&read(&arguments.zlut)?);
    let save =
        |path: &Path| picture.save_with_format(path, image::ImageFormat::Png).map_err(std::io::Error::other);
    aside::write(&arguments.out, save).with_context(|| format!("cannot write {}", arguments.out.display()))
}

fn read(arguments: &ZLutFile) -> Result<ZLut> {
    let ZLutFile { bead, z_step_nm, roi_px, .. } = *arguments;
    let zlut = file::read_named(&arguments.file, &ReadOptions { bead, z_step_nm, roi_px })?;
    let (path, named) = split_name(&arguments.file);
    if bead.or(named).is_none() {
        let tables = file::bead_count(&path)?;
        if tables > 1 {
            tracing::warn!("the file holds {tables} tables, this is the first; choose with --bead");
        }
    }
    Ok(zlut)
}

/// Writes the Z-LUT, and warns of what the format has no room for.
fn write(path: &Path, zlut: &ZLut) -> Result<()> {
    file::write(path, zlut)?;
    for lost in file::not_kept(path, zlut) {
        tracing::warn!("{lost}");
    }
    Ok(())
}

/// How the profiles were measured, for a person.
fn profiles(zlut: &ZLut) -> String {
    let kind = zlut.origin.profile_kind;
    kind.map_or_else(|| "the file does not say how they were measured".to_owned(), |kind| kind.to_string())
}

/// Whether there is one, for a person.
fn image_model(zlut: &ZLut) -> String {
    zlut.image().map_or_else(
        || "none".to_owned(),
        |image| format!("{} knots in steps of {} px", image.misfit.len(), image.knot_step_px),
    )
}

/// Looks each plane up in the others, and warns of what is wrong.
fn check_planes(zlut: &ZLut) -> PlaneCheck {
    let check = PlaneCheck::new(zlut);
    if let Some(warning) = check.warning() {
        tracing::warn!("{warning}");
    }
    check
}

/// The text as a line, if there is any.
fn lines(text: Option<String>) -> String {
    text.map_or_else(String::new, |text| text + "\n")
}

fn describe(zlut: &ZLut) -> String {
    let (low_nm, high_nm) = zlut.z_range_nm();
    let radii = match zlut.origin.ring_step_px {
        Some(step_px) => {
            let last_px = zlut.origin.first_ring_px + step_px * (zlut.n_rings() - 1) as f64;
            format!("{} to {last_px:.2} px in steps of {step_px:.3} px", zlut.origin.first_ring_px)
        }
        None if zlut.origin.profile_kind == Some(ProfileKind::MagTrackFft) => "of no radius".to_owned(),
        None => "at radii that the file does not say".to_owned(),
    };
    format!(
        "{} planes from {low_nm} to {high_nm} nm in steps of {:.2} nm; {} rings, {radii}",
        zlut.n_planes(),
        zlut.z_step_nm(),
        zlut.n_rings()
    )
}

fn json(zlut: &ZLut, quality: &Quality, check: &PlaneCheck, attained: &Attained) -> serde_json::Value {
    let origin = &zlut.origin;
    let (z_min_nm, z_max_nm) = zlut.z_range_nm();
    let worst = check.worst();
    serde_json::json!({
        "planes": zlut.n_planes(), "rings": zlut.n_rings(), "hash": zlut.hash(),
        "z_min_nm": z_min_nm, "z_max_nm": z_max_nm, "z_step_nm": zlut.z_step_nm(),
        "roi_px": origin.roi_px, "first_ring_px": origin.first_ring_px, "ring_step_px": origin.ring_step_px,
        "profile_kind": origin.profile_kind.map(ProfileKind::name), "image_model": zlut.image().is_some(),
        "pixel_size_nm": origin.pixel_size_nm, "bead": origin.bead, "created_utc": origin.created_utc,
        "correction": origin.correction, "source": origin.source, "assumed": origin.assumed,
        "good": quality.is_good(), "verdict": quality.verdict(),
        "left_out_rms_nm": check.rms_nm(), "left_out_worst_nm": worst.map(|plane| plane.error_nm),
        "left_out_worst_z_nm": worst.map(|plane| plane.z_nm), "misplaced_z_nm": check.misplaced.map(|plane| plane.z_nm),
        "attainable": attained.json(),
    })
}
