//! The two halves of carrying a command out: motors have their orders at the end of the first, whoever waits for the answer does so in
//! the second. A motor is moved and stopped also while a disk takes its time to end a recording.

use std::sync::{PoisonError, TryLockError};

use super::{CommandBus, Parts};
use crate::command::answer::{Applied, CommandError};
use crate::command::list::Command;
use crate::command::{Event, Sender};
use crate::hardware::{Order, Submitted};

/// A command that is under way.
#[must_use = "unless it is finished nobody records it, and only motors do it"]
pub struct Begun {
    bus: CommandBus,
    sender: Sender,
    command: Command,
    /// When it was begun.
    session_ns: u64,
    /// Of one that needs nothing but motors, or was refused before.
    with_motors: Option<Result<Submitted, CommandError>>,
}

impl CommandBus {
    /// Puts what the command asks of motors before them, and does nothing else yet. It waits for nobody: one thread that begins
    /// commands in an order and others that [`finish`](Begun::finish) them keep that order at each motor.
    pub fn begin(&self, sender: Sender, command: Command) -> Begun {
        let parts = &self.0.parts;
        let session_ns = parts.clock.now_ns();
        let with_motors = match command.check() {
            Ok(()) => submit(parts, sender, &command),
            Err(error) => Some(Err(error.into())),
        };
        Begun { bus: self.clone(), sender, command, session_ns, with_motors }
    }
}

/// `None` if it is not about motors.
fn submit(parts: &Parts, sender: Sender, command: &Command) -> Option<Result<Submitted, CommandError>> {
    let forces = &parts.forces;
    let done = match *command {
        Command::ForceGo { force_pn } => return Some(forces.go(sender, force_pn).map_err(Into::into)),
        Command::ForceRamp { to_pn, rate_pn_per_s } => forces.begin_ramp(to_pn, rate_pn_per_s),
        Command::ForceStop {} => forces.end_ramp(),
        // The focus is not moved on while a disk ends a recording.
        Command::LockZ { on: false, .. } => {
            parts.locks.end_z();
            Ok(())
        }
        Command::ForceState {} => Ok(()),
        _ => {
            let order = Order::of(command)?;
            return Some(parts.hardware.submit(sender, order).map_err(Into::into));
        }
    };
    Some(done.map(|()| Submitted::done()).map_err(Into::into))
}

impl Begun {
    /// Motors have what they are to do; finishing waits for nothing else. All other commands are carried out one after the other.
    pub fn is_with_motors(&self) -> bool {
        self.with_motors.is_some()
    }

    /// Carries out what is left and says what was done: see [`CommandBus::send`].
    ///
    /// # Errors
    /// Why it was refused; nothing is changed then.
    pub fn finish(self) -> Result<Applied, CommandError> {
        let Self { bus, sender, command, session_ns, with_motors } = self;
        let parts = &bus.0.parts;
        let told = Told { sender, session_ns, line: command.to_string() };
        let Some(submitted) = with_motors else {
            return bus.take_turn(told, command);
        };
        let done = submitted.and_then(|submitted| submitted.wait().map_err(Into::into));
        let done = done.map(|()| motors_applied(parts, &command));
        if !command.is_question() {
            told.answer(parts, &done);
        }
        done
    }
}

/// What is told of motors that have done it.
fn motors_applied(parts: &Parts, command: &Command) -> Applied {
    match command {
        Command::ForceRamp { .. } | Command::ForceStop {} | Command::ForceState {} => {
            Applied::Force(parts.forces.state().map(Box::new))
        }
        Command::LockZ { .. } => Applied::Locks(Box::new(parts.locks.state())),
        _ => Applied::Axes(parts.hardware.readings()),
    }
}

impl CommandBus {
    /// A command is being carried out.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.0.state.try_lock(), Err(TryLockError::WouldBlock))
    }

    /// Carries a command out when those before it have been.
    fn take_turn(&self, told: Told, command: Command) -> Result<Applied, CommandError> {
        let parts = &self.0.parts;
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_question = command.is_question();
        let ends_recording =
            matches!(command, Command::RecordStop {} | Command::RecordNext {} | Command::Stop {});
        if ends_recording {
            // The recording that it ends should hold it.
            parts.recorder.note(told.event(parts, String::new()));
        }
        let done = state.carry_out(parts, told.sender, command);
        self.shown().clone_from(state.beads.now());
        if ends_recording && done.is_ok() {
            told.log(&done);
        } else if !is_question {
            told.answer(parts, &done);
        }
        done
    }
}

/// What log and recording say of a command, at the time when it was given.
struct Told {
    sender: Sender,
    session_ns: u64,
    line: String,
}

impl Told {
    fn event(&self, parts: &Parts, answer: String) -> Event {
        let Self { sender, session_ns, line } = self;
        Event {
            session_ns: *session_ns,
            unix_ns: parts.clock.unix_ns(*session_ns),
            sender: *sender,
            command: line.clone(),
            answer,
        }
    }

    fn log(&self, done: &Result<Applied, CommandError>) -> String {
        let answer = done.as_ref().map_or_else(ToString::to_string, ToString::to_string);
        tracing::info!("{} ({}): {answer}", self.line, self.sender.name());
        answer
    }

    fn answer(&self, parts: &Parts, done: &Result<Applied, CommandError>) {
        let answer = self.log(done);
        parts.recorder.note(self.event(parts, answer));
    }
}
