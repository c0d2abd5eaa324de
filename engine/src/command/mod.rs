//! The one way in which anybody changes a running session.
//!
//! ```text
//! button · line of text · (script · network · lock) ── Command ──▶ CommandBus ──▶ camera, tracking, recorder
//!                                                  ◀── Applied or CommandError ──┘      └─▶ recording: /beadscope/events
//! ```
//!
//! `list.rs` is the table of all commands: their type, what `beadscope commands` prints and the ranges that are checked
//! come from it. `bus.rs` carries them out; a command without a handler does not compile.

mod answer;
mod bus;
mod list;
mod peer;
mod spec;
mod text;

pub use crate::acquire::control::ControlError;
pub use crate::track::heights::HeightsError;
pub use answer::{Applied, CommandError};
pub use bus::{Begun, CommandBus};
pub(crate) use bus::{Parts, Retarget};
pub use list::{COMMANDS, Command};
pub use peer::{MAGSCOPE, Place};
pub use spec::{ArgumentSpec, CommandSpec, RangeError};
pub use text::{ParseError, usage};

/// Who gave a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A button or key of the window.
    Window,
    /// A line of text given to `beadscope run`.
    Text,
    /// The session itself, as its settings tell it to.
    Session,
    /// A signal of the system: Ctrl-C.
    Signal,
    /// A focus sweep that makes Z-LUTs.
    Sweep,
    /// A force ramp.
    Ramp,
    /// A lock that holds a bead where it is.
    Lock,
}

impl Sender {
    /// It moves axes by itself, and only those that it holds: whoever stops one ends what it does.
    pub(crate) fn must_hold(self) -> bool {
        matches!(self, Self::Sweep | Self::Ramp | Self::Lock)
    }

    /// As recordings and logs name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::Text => "text",
            Self::Session => "session",
            Self::Signal => "signal",
            Self::Sweep => "focus sweep",
            Self::Ramp => "force ramp",
            Self::Lock => "lock",
        }
    }
}

/// A command that was given, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, ns on the session's monotonic clock.
    pub session_ns: u64,
    /// When, ns since 1970-01-01 UTC.
    pub unix_ns: u64,
    /// Who gave it.
    pub sender: Sender,
    /// The command, as a line.
    pub command: String,
    /// What was done, or why it was refused.
    pub answer: String,
}
