//! One file a command: reads its arguments, calls the engine, writes the answer.

pub mod bench;
pub mod doctor;
pub mod find;
pub mod rig;
pub mod run;
pub mod simulate;
pub mod track;
pub mod window;
pub mod zlut;

use std::path::Path;

use anyhow::{Result, ensure};
use beadscope_drivers::CAMERAS;
use beadscope_engine::instrument::Instrument;
use beadscope_engine::record::info::RunInfo;
use beadscope_engine::rig::Rig;
use beadscope_engine::session::Setup;
use beadscope_shaders::magtrack::Options;
use beadscope_shaders::pipeline::Method;

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

/// MagTrack's options from `--magtrack KEY=VALUE`.
fn magtrack_options(method: Method, settings: &[(String, String)]) -> Result<Options> {
    ensure!(
        settings.is_empty() || method == Method::MagTrack,
        "--magtrack sets options of another method than {method}; add --method magtrack"
    );
    let mut options = Options::default();
    for (key, value) in settings {
        options.set(key, value)?;
    }
    Ok(options)
}
