//! `beadscope verify`: whether a recording is whole, and its video.

use std::path::Path;

use anyhow::{Result, bail};
use beadscope_engine::record::read::Recording;
use beadscope_engine::record::read::verify::verify;
use beadscope_engine::video::verify::{VideoVerdict, verify as verify_video};
use beadscope_engine::video::{Mode, video_path};

use crate::arguments::VerifyArguments;
use crate::output;

pub fn run(arguments: &VerifyArguments) -> Result<()> {
    let bar = output::progress(Some(0), "frames");
    let progress = |done, of| {
        bar.set_length(of);
        bar.set_position(done);
    };
    let verdict = verify(&arguments.run, &progress)?;
    let (frames, rows) = (verdict.counts.frames, verdict.counts.rows);
    let mut problems = verdict.problems;
    let mut told = format!("{frames} frames, {rows} rows: whole\n");
    // A recording that cannot be opened is told of already.
    if let Ok(recording) = Recording::open(&arguments.run)
        && let Some(VideoVerdict { frames, not_filmed, problems: of_video }) = film(&recording, &progress)?
    {
        problems.extend(of_video);
        told +=
            &format!("{frames} frames of video: whole; {not_filmed} frames of the recording are not in it\n");
    }
    bar.finish_and_clear();
    if problems.is_empty() {
        return output::print(&told);
    }
    for problem in &problems {
        output::print(&format!("{problem}\n"))?;
    }
    let run = arguments.run.display();
    match problems.len() {
        1 => bail!("1 problem in the recording: {run}"),
        problems => bail!("{problems} problems in the recording: {run}"),
    }
}

/// What there is to say of the video; `None` if none was asked for and none is there.
fn film(recording: &Recording, progress: &dyn Fn(u64, u64)) -> Result<Option<VideoVerdict>> {
    let video = video_path(recording.path.parent().unwrap_or(Path::new(".")));
    if video.exists() {
        return Ok(Some(verify_video(&video, recording, progress)?));
    }
    if !is_filmed(recording) {
        return Ok(None);
    }
    let problems = vec![format!("the video is missing: {}", video.display())];
    Ok(Some(VideoVerdict { frames: 0, not_filmed: recording.counts.frames, problems }))
}

/// Whether its settings asked for a video.
fn is_filmed(recording: &Recording) -> bool {
    let settings: toml::Table = recording.about.settings_toml.parse().unwrap_or_default();
    let mode = settings.get("recording").and_then(|recording| recording.get("mode"));
    let mode = mode.and_then(|mode| mode.clone().try_into::<Mode>().ok());
    mode.is_some_and(|mode| mode.picture().is_some())
}
