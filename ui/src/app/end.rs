//! How window and session end: what would be lost is asked about first, and while a session is finished the window goes on.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Instant;

use beadscope_engine::command::{Command, CommandBus, Sender};
use beadscope_engine::session::{Outcome, Session};
use beadscope_engine::zlut_sweep::{Phase, ZLutSweep};
use eframe::egui::{self, ViewportCommand};

use super::{App, Sent, Then};
use crate::courier::Courier;
use crate::messages::Kind;
use crate::question::Question;

/// A session that is being finished by `beadscope-window-end`.
pub(super) struct Ending {
    done: Receiver<(Outcome, ZLutSweep)>,
    since: Instant,
    /// What is recorded is being finished.
    file: Option<PathBuf>,
    /// Stops still go to it.
    bus: CommandBus,
    /// The window closes then.
    closes: bool,
}

/// What a question is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// The window is to be closed.
    Closing,
    /// The session is to end, and the window to stay.
    Stopping,
}

impl App<'_> {
    /// Asks whether the session is to end, or ends it where nothing is lost.
    pub(super) fn ask(&mut self, context: &egui::Context, about: About) {
        let mut lost = self.at_stake();
        let (title, yes, hint) = match about {
            About::Closing => (
                "Close the window and end the session?",
                "Finish and close",
                "What is recorded is whole then; the window closes once it is",
            ),
            About::Stopping => (
                "End the session?",
                "Finish and end",
                "What is recorded is whole then; plots and picture stay as they are",
            ),
        };
        if lost.is_empty() && about == About::Closing {
            self.begin_end(context, true);
            return;
        }
        if lost.is_empty() {
            lost.push("No frame comes any more; for a new session Beadscope is started again.".to_owned());
        }
        self.question = Some((about, Question { title, lost, yes, hint }));
    }

    /// What would be lost if the session ended now, a sentence each.
    fn at_stake(&self) -> Vec<String> {
        let Some(session) = &self.session else { return Vec::new() };
        let recording = &self.desk.recording;
        let recorded = recording.running().map(|running| {
            let file = running.file.display();
            format!("The recording ends here, with what it has: {file}")
        });
        let changing =
            (recorded.is_none() && recording.is_changing).then(|| "A recording is being begun.".to_owned());
        let is_swept = session.zlut_sweep().phase.is_running();
        let swept = is_swept
            .then(|| "The focus sweep is given up: its Z-LUTs are lost, and the focus goes back.".to_owned());
        let unkept = session.zlut_sweep().is_unkept().then(|| {
            "The Z-LUTs of the last sweep are lost: none was used or saved; the pane Z-LUT saves them."
                .to_owned()
        });
        let scripted = self
            .desk
            .experiment
            .is_under_way()
            .then(|| "The experiment's script ends before its end.".to_owned());
        let is_ramped = session.force().and_then(|force| force.ramp).is_some_and(|ramp| ramp.is_running);
        let ramped = is_ramped
            .then(|| "The force ramp ends before its time; the magnets stay where they are.".to_owned());
        [recorded, changing, swept, unkept, scripted, ramped].into_iter().flatten().collect()
    }

    /// Draws the question, if there is one, and does what was answered.
    pub(super) fn show_question(&mut self, context: &egui::Context) {
        let Some((about, question)) = &self.question else { return };
        let about = *about;
        let Some(is_wanted) = question.show(context) else { return };
        self.question = None;
        match (is_wanted, about) {
            (true, About::Closing) => self.begin_end(context, true),
            (true, About::Stopping) => {
                self.send_then(Command::Stop {}, Then::TellAnswer);
            }
            (false, _) => {}
        }
    }

    /// Looks whether the window is to close: by hand it asks, by a signal it does not.
    pub(super) fn look_whether_to_close(&mut self, context: &egui::Context) {
        let is_told = self.quit.load(Ordering::Relaxed);
        if is_told && !std::mem::replace(&mut self.is_quitting, true) {
            let bus = self.session.as_ref().map(Session::commands);
            if let Some(bus) = bus.or(self.ending.as_ref().map(|ending| &ending.bus)) {
                // Nobody is left to watch a motion; what went wrong is in the log.
                let _ = bus.send(Sender::Signal, Command::AxisEmergencyStop {});
            }
            self.question = None;
            self.begin_end(context, true);
            if self.ending.is_none() {
                context.send_viewport_cmd(ViewportCommand::Close);
            }
        }
        if !context.input(|input| input.viewport().close_requested()) {
            return;
        }
        if self.session.is_none() && self.ending.is_none() {
            return;
        }
        context.send_viewport_cmd(ViewportCommand::CancelClose);
        if let Some(ending) = &mut self.ending {
            ending.closes = true;
        } else {
            // A window that is hidden shows no question.
            context.send_viewport_cmd(ViewportCommand::Minimized(false));
            context.send_viewport_cmd(ViewportCommand::Focus);
            self.ask(context, About::Closing);
        }
    }

    /// Has the session finished by a thread of its own: a disk may take its time, and people see that it does.
    pub(super) fn begin_end(&mut self, context: &egui::Context, closes: bool) {
        if let Some(ending) = &mut self.ending {
            ending.closes |= closes;
        }
        let Some(session) = self.session.take() else { return };
        self.desk.is_live = false;
        self.desk.experiment.end();
        let file = self.desk.recording.running().map(|running| running.file.clone());
        let (tell, done) = sync_channel(1);
        let bus = session.commands().clone();
        // What the system refuses a thread for comes back.
        let parcel = Arc::new(Mutex::new(Some((session, self.courier.take()))));
        let (theirs, context) = (parcel.clone(), context.clone());
        let thread = Builder::new().name("beadscope-window-end".to_owned()).spawn(move || {
            let parcel = theirs.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some((session, courier)) = parcel {
                // The window waits for it, or has gone for another reason.
                let _ = tell.send(stop(session, courier));
                context.request_repaint();
            }
        });
        self.ending = Some(Ending { done, since: Instant::now(), file, bus, closes });
        if let Err(error) = thread {
            self.messages
                .add(Kind::Notice, format!("the window waits until the session is finished: {error}"));
            let parcel = parcel.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some((session, courier)) = parcel {
                let (outcome, sweep) = stop(session, courier);
                self.settle(outcome, sweep);
            }
        }
    }

    /// Motors are stopped also while the session is being finished; nothing else is done any more.
    pub(super) fn stop_at_the_end(&self, command: &Command) {
        let is_stop = matches!(command, Command::AxisStop { .. } | Command::AxisEmergencyStop {});
        if let Some(ending) = self.ending.as_ref().filter(|_| is_stop) {
            // They have it at once; nobody waits for what comes of it.
            let begun = ending.bus.begin(Sender::Window, command.clone());
            tracing::info!("{command} (window), while the session is finished: {}", begun.is_with_motors());
        }
    }

    /// Looks whether the session is finished; closes the window then, if it was to.
    pub(super) fn take_end(&mut self, context: &egui::Context) {
        let Some(ending) = &self.ending else { return };
        let closes = ending.closes;
        match ending.done.try_recv() {
            Ok((outcome, sweep)) => self.settle(outcome, sweep),
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => {
                self.ending = None;
                self.messages
                    .add(Kind::Failed, "an internal error has ended the session; the log says which");
            }
        }
        if closes {
            context.send_viewport_cmd(ViewportCommand::Close);
        }
    }

    /// Waits until the session is finished: there is no window any more.
    pub(super) fn end_now(&mut self, context: &egui::Context) {
        self.begin_end(context, true);
        if let Some(ending) = self.ending.take()
            && let Ok((outcome, sweep)) = ending.done.recv()
        {
            self.settle(outcome, sweep);
        }
    }

    /// Takes over how the session went.
    fn settle(&mut self, outcome: Outcome, sweep: ZLutSweep) {
        self.ending = None;
        // A sweep that was under way ended with the session.
        let phase = if sweep.phase.is_running() { Phase::Cancelled } else { sweep.phase.clone() };
        self.desk.sweep = ZLutSweep { phase, ..sweep };
        self.desk.recording.settle(&outcome.health, &mut self.messages);
        self.messages.tell_notices(&outcome.health);
        self.status.settle(outcome.health.clone());
        *self.outcome = Some(outcome);
    }

    /// What is being finished, and for how long; nothing else can be done meanwhile.
    pub(super) fn ending_text(&self) -> Option<(String, String)> {
        let Ending { since, file, closes, .. } = self.ending.as_ref()?;
        let what = match file {
            Some(file) => format!("Finishing the recording… {}", file.display()),
            None => "Ending the session…".to_owned(),
        };
        let then = if *closes { "The window closes by itself then" } else { "The window stays open" };
        let s = since.elapsed().as_secs();
        Some((
            what,
            format!("{then}; {s} s so far. Every frame that has arrived is tracked and recorded first."),
        ))
    }
}

/// Ends the session: what was sent is done before.
fn stop(session: Session, courier: Option<Courier<Sent>>) -> (Outcome, ZLutSweep) {
    drop(courier);
    let sweep = session.zlut_sweep();
    (session.stop(), sweep)
}
