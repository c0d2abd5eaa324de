//! `beadscope` without a command: the window.

use anyhow::Result;

use crate::arguments::WindowArguments;
use crate::logging::Logging;

#[cfg(feature = "gui")]
pub fn run(arguments: &WindowArguments, logging: &Logging) -> Result<()> {
    use beadscope_engine::session::Session;

    let mut rig = super::read_rig(arguments.rig.as_deref())?;
    if let Some(out) = &arguments.out {
        rig.recording.folder.clone_from(out);
    }
    let (setup, notes) = super::open(&rig)?;
    let (session, view) = Session::start(setup)?;
    let start = beadscope_ui::Start {
        session,
        view,
        notes,
        log: logging.log.clone(),
        recording_folder: rig.recording.folder.clone(),
        recording_name: rig.recording.name.clone(),
        title: format!("{} camera", rig.camera.driver),
    };
    let outcome = beadscope_ui::run(start)?;
    super::check(&outcome)
}

#[cfg(not(feature = "gui"))]
pub fn run(_arguments: &WindowArguments, _logging: &Logging) -> Result<()> {
    anyhow::bail!("this build has no window; run the instrument with: beadscope run")
}
