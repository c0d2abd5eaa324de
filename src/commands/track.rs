//! `beadscope track`: positions from images on disk. Of a run with video: `retrack.rs`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use beadscope_drivers::stack::Stack;
use beadscope_engine::bead_set::Beads;
use beadscope_engine::clock::unix_ns_now;
use beadscope_engine::correction::{Correction, Used};
use beadscope_engine::instrument::read_options;
use beadscope_engine::magtrack_options::toml_from_options;
use beadscope_engine::offline::output::{About, Format, Summary, track_to_file};
use beadscope_engine::offline::source::{Source, StackSource};
use beadscope_engine::offline::whole_image;
use beadscope_engine::prepared_zlut::{correction_warning, pixel_size_warning, prepare_zlut};
use beadscope_engine::record::info::RunInfo;
use beadscope_engine::replace::Output;
use beadscope_engine::roi::Roi;
use beadscope_engine::rois;
use beadscope_engine::track::backend::{BackendRequest, BeadTracker, TrackedOn};
use beadscope_engine::track::cpu::CpuTracker;
use beadscope_shaders::pipeline::{Method, Params};
use beadscope_zlut::file::split_name;
use beadscope_zlut::{ReadOptions, ZLut};
use serde::Serialize;

use crate::arguments::TrackArguments;
use crate::output;

/// The JSON object that `track --json` prints.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    #[serde(flatten)]
    on: &'a TrackedOn,
    correction: Option<&'a Used>,
    notes: &'a [String],
}

pub fn run(arguments: &TrackArguments) -> Result<()> {
    match super::retrack::recording_of(&arguments.input)? {
        Some(recording) => super::retrack::run(arguments, &recording),
        None => images(arguments),
    }
}

/// What is tracked, and how.
pub struct Work {
    pub params: Params,
    pub roi_px: u32,
    pub beads: Beads,
    pub zlut: Option<ZLut>,
    pub correction: Option<Correction>,
    pub backend: BackendRequest,
    pub threads: Option<usize>,
    /// Size of a pixel in the sample, nm, if it is known.
    pub pixel_size_nm: Option<f64>,
    /// The camera, as TOML.
    pub camera: String,
    pub started_unix_ns: u64,
    pub notes: Vec<String>,
}

fn images(arguments: &TrackArguments) -> Result<()> {
    let method = arguments.method.unwrap_or(Params::default().method);
    let magtrack = super::magtrack_options(method, &arguments.magtrack)?;
    let stack = Stack::open(&frames_of(&arguments.input))?;
    if let Some(note) = stack.note() {
        tracing::warn!("{note}");
    }
    let correction = super::read_correction(&arguments.correction, &stack)?;
    refuse_to_replace_inputs(arguments, stack.files(), correction.as_ref())?;
    let rois = read_rois(arguments, &stack)?;
    let roi_px = rois.first().map_or(0, |roi| roi.size_px);
    let zlut =
        arguments.zlut.as_deref().map(|name| read_zlut(name, arguments, method, roi_px)).transpose()?;
    let started_unix_ns = unix_ns_now();
    let work = Work {
        params: Params { method, magtrack, ..Params::default() },
        roi_px,
        beads: rois.into(),
        correction,
        backend: arguments.backend.request(),
        threads: None,
        pixel_size_nm: arguments.pixel_size_nm.or(zlut.as_ref().and_then(|zlut| zlut.origin.pixel_size_nm)),
        camera: format!("input = {:?}\n", arguments.input.to_string_lossy()),
        zlut,
        started_unix_ns,
        notes: Vec::new(),
    };
    track(arguments, &mut StackSource::new(stack, started_unix_ns), work)
}

/// Tracks `source` and tells of it.
pub fn track(arguments: &TrackArguments, source: &mut dyn Source, work: Work) -> Result<()> {
    let format = Format::of(&arguments.out)?;
    let Work { params, roi_px, beads, zlut, correction, mut notes, .. } = work;
    let (table, doubts) = prepare_zlut(zlut.as_ref(), roi_px, &params)?;
    if let Some(zlut) = &zlut {
        notes.extend(zlut.origin.assumed.iter().cloned().chain(doubts));
        notes.extend(work.pixel_size_nm.and_then(|nm| pixel_size_warning(zlut, nm)));
        notes.extend(correction_warning(zlut, correction.as_ref()));
    }
    for note in &notes {
        tracing::warn!("{note}");
    }
    let tracker = CpuTracker::new(roi_px, beads.rois.to_vec(), &params, table, work.threads)?;
    let mut tracker = BeadTracker::new(tracker.with_correction(correction), &work.backend)?;
    let settings_toml = describe(arguments, &params, &notes, roi_px, &tracker)?;
    let pixel_size_nm = checked_pixel_size(work.pixel_size_nm, format)?;
    let rois = beads.rois.to_vec();
    let info = RunInfo { pixel_size_nm, settings_toml, camera: work.camera, rois, zlut };
    let about = About { info, beads, started_unix_ns: work.started_unix_ns };

    let bar = output::progress(Some(source.frames()), "frames");
    let summary = track_to_file(source, &mut tracker, &about, &arguments.out, &|done| bar.set_position(done))
        .with_context(|| format!("{} not written", arguments.out.display()))?;
    bar.finish_and_clear();
    notes.extend(tracker.on().notice.clone());
    if arguments.json {
        let correction = tracker.correction().map(|correction| correction.used());
        output::print_json(&Report { summary: &summary, on: tracker.on(), correction, notes: &notes })
    } else {
        output::print(&sentence(&summary, &arguments.out))
    }
}

/// A folder written by `simulate` holds its frames in one file.
pub(super) fn frames_of(input: &Path) -> PathBuf {
    let frames = input.join("frames.npy");
    if frames.is_file() { frames } else { input.to_owned() }
}

fn read_rois(arguments: &TrackArguments, stack: &Stack) -> Result<Vec<Roi>> {
    let (width_px, height_px) = (stack.width_px(), stack.height_px());
    let Some(path) = &arguments.rois else {
        let whole = whole_image(stack).map_err(|_| {
            anyhow!("images of {width_px} x {height_px} px are not ROIs, which are square; list the beads with --rois (see beadscope find)")
        })?;
        let wrong = arguments.roi_px.filter(|roi_px| *roi_px != width_px);
        ensure!(
            wrong.is_none(),
            "the images are ROIs of {width_px} px; leave out --roi-px, or list beads with --rois"
        );
        return Ok(whole);
    };
    let rois = rois::read(path, arguments.roi_px)?;
    check_inside(&rois, path, (width_px as usize, height_px as usize))?;
    Ok(rois)
}

/// Refuses ROIs that have no pixel in frames of this size.
pub fn check_inside(rois: &[Roi], path: &Path, (width_px, height_px): (usize, usize)) -> Result<()> {
    let outside = rois.iter().find(|roi| !roi.touches(width_px, height_px));
    if let Some(roi) = outside {
        bail!(
            "the ROI of bead {} at {}, {} px lies outside the frame of {width_px} x {height_px} px: {}",
            roi.bead,
            roi.left_px,
            roi.top_px,
            path.display()
        );
    }
    Ok(())
}

pub fn read_zlut(name: &Path, arguments: &TrackArguments, method: Method, roi_px: u32) -> Result<ZLut> {
    let options = ReadOptions { z_step_nm: arguments.z_step_nm, ..read_options(method, roi_px) };
    Ok(beadscope_zlut::file::read_named(name, &options)?)
}

/// A slip of the hand must not cost the measurement.
pub fn refuse_to_replace_inputs(
    arguments: &TrackArguments,
    frames: &[PathBuf],
    correction: Option<&Correction>,
) -> Result<()> {
    let zlut = arguments.zlut.as_deref().map(|name| split_name(name).0);
    let inputs = frames.iter().chain(&arguments.rois).chain(&zlut).chain(super::files_of(correction));
    super::refuse_to_replace(&arguments.out, Output::Results, inputs.map(PathBuf::as_path))
}

fn checked_pixel_size(known: Option<f64>, format: Format) -> Result<f64> {
    match (known, format) {
        (Some(pixel_size_nm), _) if pixel_size_nm.is_finite() && pixel_size_nm > 0.0 => Ok(pixel_size_nm),
        (Some(wrong), _) => bail!("a pixel of {wrong} nm is not possible; give --pixel-size-nm above 0"),
        (None, Format::Hdf5) => {
            bail!("positions in .h5 are in nm and the size of a pixel is not known; give --pixel-size-nm")
        }
        (None, _) => Ok(f64::NAN),
    }
}

fn describe(
    arguments: &TrackArguments,
    params: &Params,
    notes: &[String],
    roi_px: u32,
    tracker: &BeadTracker,
) -> Result<String> {
    let mut settings = toml::Table::from_iter([
        ("software".to_owned(), concat!("beadscope ", env!("CARGO_PKG_VERSION")).into()),
        ("input".to_owned(), arguments.input.to_string_lossy().into_owned().into()),
        (
            "zlut".to_owned(),
            arguments.zlut.as_deref().unwrap_or(Path::new("")).to_string_lossy().into_owned().into(),
        ),
        ("method".to_owned(), params.method.to_string().into()),
        ("roi_px".to_owned(), i64::from(roi_px).into()),
        ("backend".to_owned(), tracker.on().backend.into()),
        ("adapter".to_owned(), tracker.on().adapter.clone().into()),
        ("notes".to_owned(), notes.to_vec().into()),
    ]);
    if let Some(correction) = tracker.correction() {
        settings.insert("correction".to_owned(), toml::Value::try_from(correction.used())?);
    }
    if params.method == Method::MagTrack {
        settings.insert("magtrack".to_owned(), toml_from_options(&params.magtrack).into());
    }
    Ok(toml::to_string(&settings)?)
}

fn sentence(summary: &Summary, out: &Path) -> String {
    let Summary { frames, beads, rows, located, with_z, flags } = summary;
    let mut text = format!(
        "{frames} frames x {beads} beads: {located} of {rows} with x and y, {with_z} with z; {}\n",
        out.display()
    );
    for (flag, count) in flags {
        text += &format!("{count} rows flagged {flag}\n");
    }
    text
}
