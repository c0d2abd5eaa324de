//! `beadscope recover`: makes a whole file of a recording that a crash left behind.

use std::path::PathBuf;

use anyhow::{Result, bail};
use beadscope_engine::record::tracks_file::{Counts, Recovered, partial_path, recover};
use beadscope_engine::record::tracks_path;

use crate::arguments::RecoverArguments;
use crate::output;

pub fn run(arguments: &RecoverArguments) -> Result<()> {
    let Recovered { path, counts } = recover(&partial(arguments)?)?;
    let Counts { frames, rows, .. } = counts;
    output::print(&format!("{frames} whole frames, {rows} rows: {}\n", path.display()))
}

/// The file itself, or the one in a run's folder.
fn partial(arguments: &RecoverArguments) -> Result<PathBuf> {
    let run = &arguments.run;
    if !run.is_dir() {
        return Ok(run.clone());
    }
    let partial = partial_path(&tracks_path(run));
    if !partial.exists() {
        bail!("no partial recording is in this folder, so there is nothing to recover: {}", run.display());
    }
    Ok(partial)
}
