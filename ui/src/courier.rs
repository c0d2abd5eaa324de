//! Commands on their way: the window goes on while they are carried out, however long a disk, a camera or a mute port takes.
//!
//! Runs on: `main`, which begins commands, so that motors have them in their order at once; `beadscope-window-motors` and
//! `beadscope-window-session`, which wait for what becomes of them.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use beadscope_engine::command::{Applied, Begun, Command, CommandBus, CommandError, Sender};
use eframe::egui;

/// Commands that may wait for one of the threads. A key that is held down sends 30 in a second.
const WAITING: usize = 256;

/// What came of a command.
pub struct Answer<A> {
    /// What the window wanted to do then.
    pub then: A,
    /// What was done, or why it was refused.
    pub done: Result<Applied, CommandError>,
}

/// Sends commands and gathers answers, each with what the window does then, an `A`.
pub struct Courier<A> {
    bus: CommandBus,
    motors: Lane<A>,
    session: Lane<A>,
    /// `None` when nobody takes them any more.
    answers: Option<Receiver<Answer<A>>>,
    under_way: usize,
    /// Since when there was always one.
    busy_since: Option<Instant>,
}

/// A thread that waits for answers, and the way to it.
struct Lane<A> {
    begun: Option<SyncSender<(Begun, A)>>,
    thread: Option<JoinHandle<()>>,
}

impl<A: Send + 'static> Courier<A> {
    /// Sends to this session; the window is drawn when an answer comes.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn new(bus: CommandBus, context: &egui::Context) -> std::io::Result<Self> {
        let (tell, answers) = sync_channel(WAITING);
        let lane = |name: &str| {
            let (begun, receiver) = sync_channel::<(Begun, A)>(WAITING);
            let (tell, context) = (tell.clone(), context.clone());
            let thread = Builder::new().name(name.to_owned()).spawn(move || {
                for (begun, then) in receiver {
                    // Once the window has closed nobody wants to know; it is done all the same.
                    let _ = tell.send(Answer { then, done: begun.finish() });
                    context.request_repaint();
                }
            })?;
            std::io::Result::Ok(Lane { begun: Some(begun), thread: Some(thread) })
        };
        let (motors, session) = (lane("beadscope-window-motors")?, lane("beadscope-window-session")?);
        Ok(Self { bus, motors, session, answers: Some(answers), under_way: 0, busy_since: None })
    }

    /// Sends a command. It waits for nobody.
    ///
    /// # Errors
    /// If too many are under way; it is not done then, unless it is for motors.
    pub fn send(&mut self, command: Command, then: A) -> Result<(), &'static str> {
        let begun = self.bus.begin(Sender::Window, command);
        let lane = if begun.is_with_motors() { &self.motors } else { &self.session };
        let Some(lane) = &lane.begun else { return Ok(()) };
        match lane.try_send((begun, then)) {
            Ok(()) => {
                self.under_way += 1;
                self.busy_since.get_or_insert_with(Instant::now);
                Ok(())
            }
            Err(TrySendError::Full((begun, _))) if begun.is_with_motors() => {
                Err("too much is under way: motors have this, but what comes of it is not told")
            }
            Err(TrySendError::Full(_)) => {
                Err("too much is under way; wait until it is done, and do it again")
            }
            Err(TrySendError::Disconnected(_)) => {
                Err("commands are not carried out any more; close the window")
            }
        }
    }

    /// Takes what has come of a command.
    pub fn answer(&mut self) -> Option<Answer<A>> {
        let answer = self.answers.as_ref()?.try_recv().ok()?;
        self.under_way -= 1;
        if self.under_way == 0 {
            self.busy_since = None;
        }
        Some(answer)
    }

    /// How many commands have not been answered, and for how long there has been one.
    pub fn under_way(&self) -> Option<(usize, Duration)> {
        self.busy_since.map(|since| (self.under_way, since.elapsed()))
    }
}

impl<A> Drop for Courier<A> {
    /// What is under way is carried out before.
    fn drop(&mut self) {
        self.answers = None;
        for lane in [&mut self.motors, &mut self.session] {
            lane.begun = None;
            // A panic in a handler is in the log; there is nobody to tell it to any more.
            let _ = lane.thread.take().map(JoinHandle::join);
        }
    }
}
