//! `beadscope rig`: prints an example, or checks a rig.

use anyhow::Result;
use beadscope_engine::rig::{EXAMPLE, Rig};

use crate::arguments::RigArguments;
use crate::output;

pub fn run(arguments: &RigArguments) -> Result<()> {
    let Some(path) = &arguments.check else { return output::print(EXAMPLE) };
    let rig = Rig::read(path)?;
    let (setup, _) = super::open(&rig)?;
    let window = setup.config.window;
    output::print(&format!(
        "{}: {} x {} px at {} Hz, {} beads\n",
        rig.camera.driver,
        window.width_px,
        window.height_px,
        setup.config.rate_hz,
        setup.info.rois.len()
    ))
}
