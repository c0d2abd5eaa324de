//! `beadscope recover`: makes whole files of a recording that a crash left behind.

use std::path::Path;

use anyhow::{Result, bail};
use beadscope_engine::record::tracks_file::{Counts, Recovered, journal_path, partial_path, recover};
use beadscope_engine::record::tracks_path;
use beadscope_engine::video::recover::{RecoveredVideo, recover as recover_video};
use beadscope_engine::video::video_path;

use crate::arguments::RecoverArguments;
use crate::output;

pub fn run(arguments: &RecoverArguments) -> Result<()> {
    let run = &arguments.run;
    if !run.is_dir() {
        return tracks(run);
    }
    let (partial, journal) = (partial_path(&tracks_path(run)), journal_path(&tracks_path(run)));
    let video = video_path(run);
    if !partial.exists() && !video.exists() && video.file_name() == run.file_name() {
        return if film(run)? { Ok(()) } else { nothing(run) };
    }
    // First what tells whether another program is at work.
    let is_tracked = partial.exists() || journal.exists();
    if is_tracked {
        tracks(&partial)?;
    }
    let is_filmed = video.exists() && film(&video)?;
    if is_tracked || is_filmed { Ok(()) } else { nothing(run) }
}

fn tracks(partial: &Path) -> Result<()> {
    let Recovered { path, counts, damages } = recover(partial)?;
    for damage in &damages {
        eprintln!("the journal is kept, since it is not whole: {damage}");
    }
    let Counts { frames, rows, .. } = counts;
    output::print(&format!("{frames} whole frames, {rows} rows: {}\n", path.display()))
}

/// Whether there was anything to do.
fn film(video: &Path) -> Result<bool> {
    let Some(RecoveredVideo { path, frames }) = recover_video(video)? else { return Ok(false) };
    output::print(&format!("{frames} whole frames of video: {}\n", path.display()))?;
    Ok(true)
}

fn nothing(run: &Path) -> Result<()> {
    bail!("no partial recording is in this folder, so there is nothing to recover: {}", run.display())
}
