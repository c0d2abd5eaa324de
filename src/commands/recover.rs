//! `beadscope recover`: makes whole files of a recording that a crash left behind.

use std::path::Path;

use anyhow::{Result, bail};
use beadscope_engine::record::error::RecordError;
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
    // First what tells whether another program is at work. Positions that cannot be recovered are no reason to leave the
    // video as it is.
    let is_tracked = partial.exists() || journal.exists();
    let tracked = if is_tracked { tracks(&partial) } else { Ok(()) };
    if tracked.as_ref().is_err_and(is_at_work) {
        return tracked;
    }
    let filmed = if video.exists() { film(&video) } else { Ok(false) };
    tracked?;
    if filmed? || is_tracked { Ok(()) } else { nothing(run) }
}

fn tracks(partial: &Path) -> Result<()> {
    let Recovered { path, counts, damages, kept } = recover(partial)?;
    for damage in &damages {
        eprintln!("the journal is not whole: {damage}");
    }
    if let Some(journal) = kept {
        eprintln!(
            "the journal is kept, with the partial file if there is one, since there may be more in them than in the recording; \
             remove them if `beadscope verify` misses nothing: {}",
            journal.display()
        );
    }
    let Counts { frames, rows, .. } = counts;
    output::print(&format!("{frames} whole frames, {rows} rows: {}\n", path.display()))
}

fn is_at_work(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref();
    matches!(error, Some(RecordError::InUse { .. } | RecordError::JustWritten { .. }))
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
