//! `beadscope export`: a recording in the format of another program.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use beadscope_engine::record::read::export::{csv, magscope, parquet, pylake, tweezepy};
use beadscope_engine::record::read::{Recording, files_of};
use beadscope_engine::replace::Output;
use beadscope_engine::video::tiff::{self, Stacks};
use beadscope_engine::video::video_path;

use crate::arguments::{ExportArguments, ExportFormat};
use crate::output;

pub fn run(arguments: &ExportArguments) -> Result<()> {
    let ExportArguments { run, to, out } = arguments;
    let recording = Recording::open(run)?;
    let inputs = files_of(&recording.path);
    super::refuse_to_replace(out, Output::Other, inputs.iter().map(PathBuf::as_path))?;
    let bar = output::progress(Some(recording.counts.frames), "frames");
    let progress = |done: u64| bar.set_position(done);
    let written = match to {
        ExportFormat::Csv => csv::write(&recording, out, &progress),
        ExportFormat::Magscope => magscope::write(&recording, out, &progress),
        ExportFormat::Parquet => parquet::write(&recording, out, &progress),
        ExportFormat::Pylake => pylake::write(&recording, out, &progress),
        ExportFormat::Tweezepy => tweezepy::write(&recording, out, &progress),
        ExportFormat::Tiff => return stacks(&recording, out),
    };
    bar.finish_and_clear();
    written.with_context(|| format!("{} not written", out.display()))?;
    let (frames, rows) = (recording.counts.frames, recording.counts.rows);
    output::print(&format!("{frames} frames, {rows} rows: {}\n", out.display()))
}

/// The pixels beside the positions.
fn stacks(recording: &Recording, out: &Path) -> Result<()> {
    let video = video_path(recording.path.parent().unwrap_or(Path::new(".")));
    if !video.exists() {
        bail!("this run has no video, so there are no pixels to export: {}", recording.path.display());
    }
    let bar = output::progress(Some(1), "pages");
    let progress = |done: u64, all: u64| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let written = tiff::write(&video, out, &progress);
    bar.finish_and_clear();
    let Stacks { frames, stacks } = written.with_context(|| format!("{} not written", out.display()))?;
    output::print(&format!("{stacks} stacks of {frames} frames: {}\n", out.display()))
}
