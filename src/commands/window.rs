//! `beadscope` without a command: the window.

use anyhow::Result;

use crate::arguments::WindowArguments;
use crate::logging::Logging;

#[cfg(feature = "gui")]
pub fn run(arguments: &WindowArguments, logging: &Logging) -> Result<()> {
    use beadscope_engine::session::Session;
    use beadscope_engine::settings::{path_value, user_file};

    use crate::signals::Signals;

    let mut settings = super::read_settings(arguments.rig.as_deref())?;
    let out = arguments.out.as_deref().map(path_value).transpose()?;
    settings.set_command_line([("--out", "recording.folder", out)])?;
    let (mut setup, mut notes) = super::open(&settings)?;
    notes.extend(super::doubt_disk(&mut setup));
    let signals = Signals::listen()?;
    setup.hurry = signals.hurry;
    let rig = settings.rig();
    let (session, view) = Session::start(setup)?;
    notes.extend(session.thread_notes().iter().cloned());
    let start = beadscope_ui::Start {
        quit: signals.stop,
        session,
        view,
        notes,
        log: logging.log.clone(),
        recording_folder: rig.recording.folder.clone(),
        recording_name: rig.recording.name.clone(),
        title: format!("{} camera", rig.camera.driver),
        user_file: user_file(),
        rig: arguments.rig.clone(),
    };
    let outcome = beadscope_ui::run(start)?;
    super::check(&outcome)
}

#[cfg(not(feature = "gui"))]
pub fn run(_arguments: &WindowArguments, _logging: &Logging) -> Result<()> {
    anyhow::bail!("this build has no window; run the instrument with: beadscope run")
}
