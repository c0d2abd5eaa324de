//! `beadscope compress`: the video of a run, smaller and the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};
use beadscope_engine::video::compress::{Compressed, compress};
use beadscope_engine::video::video_path;

use crate::arguments::CompressArguments;
use crate::output;

pub fn run(arguments: &CompressArguments) -> Result<()> {
    let video = video_path(&arguments.run);
    if !video.is_dir() {
        bail!("this run has no video, so there is nothing to compress: {}", arguments.run.display());
    }
    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    ctrlc::set_handler(move || asked.store(true, Ordering::Relaxed))?;
    let bar = output::progress(Some(0), "frames");
    let progress = |done: u64, all: u64| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let compressed = compress(&video, &stop, &progress);
    bar.finish_and_clear();
    let place = video.display();
    output::print(&match compressed? {
        None => format!("compressed already: {place}\n"),
        Some(Compressed { frames, before, after }) => {
            let (before, after) = (before as f64 / 1e6, after as f64 / 1e6);
            let share = 100.0 * after / before.max(f64::MIN_POSITIVE);
            format!("{frames} frames: {before:.1} MB are {after:.1} MB now, {share:.0} %: {place}\n")
        }
    })
}
