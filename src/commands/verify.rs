//! `beadscope verify`: whether a recording is whole.

use anyhow::{Result, bail};
use beadscope_engine::record::read::verify::verify;

use crate::arguments::VerifyArguments;
use crate::output;

pub fn run(arguments: &VerifyArguments) -> Result<()> {
    let bar = output::progress(Some(0), "frames");
    let verdict = verify(&arguments.run, &|done, of| {
        bar.set_length(of);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let verdict = verdict?;
    let run = arguments.run.display();
    if verdict.problems.is_empty() {
        let (frames, rows) = (verdict.counts.frames, verdict.counts.rows);
        return output::print(&format!("{frames} frames, {rows} rows: whole\n"));
    }
    for problem in &verdict.problems {
        output::print(&format!("{problem}\n"))?;
    }
    match verdict.problems.len() {
        1 => bail!("1 problem in the recording: {run}"),
        problems => bail!("{problems} problems in the recording: {run}"),
    }
}
