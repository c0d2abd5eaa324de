//! One file a command: reads its arguments, calls the engine, writes the answer.

pub mod bench;
pub mod doctor;
pub mod find;
pub mod recover;
pub mod rig;
pub mod run;
pub mod simulate;
pub mod track;
pub mod window;
pub mod zlut;

use std::path::Path;

use anyhow::Result;
use beadscope_drivers::CAMERAS;
use beadscope_engine::instrument::Instrument;
use beadscope_engine::record::info::RunInfo;
use beadscope_engine::rig::Rig;
use beadscope_engine::session::Setup;

/// The rig at `path`, or the simulated microscope.
fn read_rig(path: Option<&Path>) -> Result<Rig> {
    Ok(path.map(Rig::read).transpose()?.unwrap_or_default())
}

/// Opens the rig's instrument and describes it for a recording.
fn open(rig: &Rig) -> Result<(Setup, Vec<String>)> {
    let Instrument { camera, config, tracker, zlut, pixel_size_nm, notes } = Instrument::open(rig, CAMERAS)?;
    let info = RunInfo {
        pixel_size_nm,
        settings_toml: rig.to_toml(),
        camera: format!("driver = {:?}\n{}", rig.camera.driver, toml::to_string(&config)?),
        rois: tracker.rois().to_vec(),
        zlut,
    };
    Ok((Setup { camera, config, tracker, frame_limit: None, info, record: None }, notes))
}
