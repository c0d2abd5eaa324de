//! Has a recording go on in another file once it is long or large enough, as the rig says.
//!
//! Runs on: `beadscope-split`, if the rig asks for it; it waits for the disk with each file that it ends, and nothing waits for it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::command::{Command, CommandBus, Sender};
use crate::rig::RecordingSection;
use crate::status::{Grown, Status};

/// How often it looks at what was recorded.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// After a file that could not be begun: the recording goes on in the one before.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// When a recording goes on in another file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limits {
    seconds: f64,
    bytes: f64,
}

impl Limits {
    /// `None` if the rig sets no limit.
    pub(crate) fn of(recording: &RecordingSection) -> Option<Self> {
        let RecordingSection { split_min, split_gb, .. } = recording;
        let seconds = split_min.map_or(f64::INFINITY, |minutes| 60.0 * minutes);
        let bytes = split_gb.map_or(f64::INFINITY, |gb| 1e9 * gb);
        (seconds.min(bytes) < f64::INFINITY).then_some(Self { seconds, bytes })
    }

    fn are_reached(self, grown: Grown) -> bool {
        grown.since.elapsed().as_secs_f64() >= self.seconds || grown.bytes as f64 >= self.bytes
    }
}

/// The thread's whole state.
pub(crate) struct Split {
    pub(crate) limits: Limits,
    pub(crate) commands: CommandBus,
    pub(crate) status: Arc<Status>,
}

impl Split {
    /// Looks until the other end of `end` is gone.
    pub(crate) fn run(self, end: &Receiver<()>) {
        let mut wait = LOOK_EVERY;
        while end.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            wait = LOOK_EVERY;
            let is_due = self.status.grown().is_some_and(|grown| self.limits.are_reached(grown));
            // Why it was refused is in the log.
            if is_due && self.commands.send(Sender::Session, Command::RecordNext {}).is_err() {
                wait = AGAIN_AFTER;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::ledger::Ledger;

    #[test]
    fn the_first_limit_that_is_reached_counts_and_without_one_there_is_no_split() {
        let rig =
            |split_min, split_gb| RecordingSection { split_min, split_gb, ..RecordingSection::default() };
        assert_eq!(Limits::of(&rig(None, None)), None);
        let since = Instant::now().checked_sub(Duration::from_secs(90)).unwrap();
        let grown = Grown { since, bytes: 2_000_000_000, ledger: Ledger::default() };
        for (split_min, split_gb, is_reached) in [
            (Some(1.4), None, true),
            (Some(1.6), None, false),
            (None, Some(1.9), true),
            (None, Some(2.1), false),
            (Some(1.4), Some(2.1), true),
            (Some(1.6), Some(1.9), true),
        ] {
            let limits = Limits::of(&rig(split_min, split_gb)).unwrap();
            assert_eq!(limits.are_reached(grown), is_reached, "{split_min:?} min, {split_gb:?} GB");
        }
    }
}
