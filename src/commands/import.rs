//! `beadscope import`: a recording of another program as one of ours.

use anyhow::{Context as _, Result, ensure};
use beadscope_engine::import::{Imported, Units, import};
use beadscope_engine::offline::output::Format;
use beadscope_engine::replace::Output;

use crate::arguments::ImportArguments;
use crate::output;

pub fn run(arguments: &ImportArguments) -> Result<()> {
    let ImportArguments { file, pixel_size_nm, xy_nm, z_nm, out } = arguments;
    // As `track` does, so that no recording takes the place of notes or a picture.
    ensure!(
        Format::of(out).is_ok_and(|format| format == Format::Hdf5),
        "recordings are written to .h5, not to {}",
        out.display()
    );
    super::refuse_to_replace(out, Output::Results, [file.as_path()])?;
    let units = Units { pixel_size_nm: *pixel_size_nm, trace_nm: xy_nm.zip(*z_nm).map(|(xy, z)| [xy, z]) };
    let bar = output::progress(Some(1), "of the file");
    let progress = |done: u64, all: u64| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let imported = import(file, out, &units, &progress);
    bar.finish_and_clear();
    let Imported { program, counts, notices } =
        imported.with_context(|| format!("{} not written", out.display()))?;
    for notice in &notices {
        tracing::warn!("{notice}");
    }
    let (frames, rows) = (counts.frames, counts.rows);
    output::print(&format!("{frames} frames, {rows} rows of {program}: {}\n", out.display()))
}
