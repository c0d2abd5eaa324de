//! `beadscope export`: a recording in the format of another program.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use beadscope_engine::record::read::export::{csv, magscope, pylake, tweezepy};
use beadscope_engine::record::read::{Recording, files_of};
use beadscope_engine::replace::Output;

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
        ExportFormat::Pylake => pylake::write(&recording, out, &progress),
        ExportFormat::Tweezepy => tweezepy::write(&recording, out, &progress),
    };
    bar.finish_and_clear();
    written.with_context(|| format!("{} not written", out.display()))?;
    let (frames, rows) = (recording.counts.frames, recording.counts.rows);
    output::print(&format!("{frames} frames, {rows} rows: {}\n", out.display()))
}
