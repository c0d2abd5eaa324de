//! `beadscope find`: the beads in an image.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use beadscope_drivers::stack::Stack;
use beadscope_engine::find::{self, Verdict};
use beadscope_engine::frame::FrameView;
use beadscope_engine::replace::Output;
use beadscope_engine::rois;
use beadscope_zlut::aside;

use crate::arguments::FindArguments;
use crate::output;

pub fn run(arguments: &FindArguments) -> Result<()> {
    let mut stack = Stack::open(&arguments.image)?;
    let correction = super::read_correction(&arguments.correction, &stack)?;
    if let Some(out) = &arguments.out {
        let inputs = stack.files().iter().chain(super::files_of(correction.as_ref()));
        super::refuse_to_replace(out, Output::Other, inputs.map(PathBuf::as_path))?;
    }
    let mut bytes = vec![0; stack.frame_bytes()];
    stack.read_frame(0, &mut bytes)?;
    let frame = FrameView::of_stack(&stack, &bytes);
    let levels = frame.to_levels(correction.as_ref());
    let image = find::Image { pixels: &levels, width_px: frame.width_px, height_px: frame.height_px };
    let options = find::Options {
        roi_px: arguments.roi_px as usize,
        seed_px: arguments.seed,
        threshold: arguments.threshold,
    };
    let bar = output::progress(Some(100), "%");
    let candidates = find::find_watched(&image, &options, &|share| {
        bar.set_position((100.0 * share) as u64);
        true
    });
    bar.finish_and_clear();
    let candidates = candidates?;

    let beads = candidates.iter().filter(|found| found.verdict == Verdict::Bead);
    let listed: Vec<_> =
        (0..).zip(beads).map(|(bead, found)| (bead, found.x_px, found.y_px, found.score)).collect();
    let csv = rois::to_csv(arguments.roi_px, &listed);
    match &arguments.out {
        Some(path) => aside::write(path, |aside| std::fs::write(aside, &csv))
            .with_context(|| format!("cannot write {}", path.display()))?,
        None => output::print(&csv)?,
    }
    if arguments.explain {
        for found in candidates.iter().filter(|found| found.verdict != Verdict::Bead) {
            eprintln!(
                "left out {:8.2},{:8.2} px (score {:.3}): {}",
                found.x_px, found.y_px, found.score, found.verdict
            );
        }
    }
    eprintln!("{} beads found, {} things left out", listed.len(), candidates.len() - listed.len());
    Ok(())
}
