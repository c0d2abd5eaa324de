//! Scripts: lists of commands that are carried out one after the other, with pauses between them.
//!
//! ```text
//! # Unzip a hairpin five times.
//! record.start name="hairpin"
//! force.ramp to_pn=20, rate_pn_per_s=0.5
//! wait rest                    # until ramp, sweep and motors have come to their ends
//! wait 10                      # s
//! mark text="unzipped"
//! record.stop
//! ```
//!
//! Runs on: `beadscope-script`, one for each that runs. It sends its commands as anybody does, and ends at the first that is refused.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::{Duration, Instant};

use crate::command::{Applied, Command, CommandBus, Sender};

/// How often a script looks whether it is to go on.
const LOOK: Duration = Duration::from_millis(20);
/// A motor that was sent somewhere has begun by then, and told so.
const BEGUN: Duration = Duration::from_millis(300);
/// Longest pause, s: nobody waits for more than a week.
const MOST_S: f64 = 604_800.0;

/// What a line asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A command.
    Command(Command),
    /// A pause.
    Wait(Duration),
    /// A pause until no motor moves and neither a ramp nor a sweep runs.
    WaitRest,
}

/// A line of a script.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its number in the file, from 1.
    pub number: usize,
    /// As it is written.
    pub text: String,
    /// What it asks for.
    pub step: Step,
}

/// A line that asks for nothing that is known.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("line {number}, {text:?}: {why}")]
pub struct WrongLine {
    /// Its number in the file, from 1.
    pub number: usize,
    /// As it is written.
    pub text: String,
    /// What is wrong, and what would be right.
    pub why: String,
}

/// Reads a script: a line is a command, `wait SECONDS` or `wait rest`; empty ones and those that start with `#` are left out.
///
/// # Errors
/// Every line that is wrong.
pub fn read(text: &str) -> Result<Vec<Line>, Vec<WrongLine>> {
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match step(line) {
            Ok(step) => lines.push(Line { number, text: line.to_owned(), step }),
            Err(why) => wrong.push(WrongLine { number, text: line.to_owned(), why }),
        }
    }
    if wrong.is_empty() { Ok(lines) } else { Err(wrong) }
}

/// What a line asks for.
///
/// # Errors
/// Why it is none, in words.
pub fn step(line: &str) -> Result<Step, String> {
    let (name, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    if name != "wait" {
        let command: Command = line.parse().map_err(|error: crate::command::ParseError| error.to_string())?;
        command.check().map_err(|error| error.to_string())?;
        return Ok(Step::Command(command));
    }
    let asked = rest.split('#').next().unwrap_or_default().trim();
    if asked == "rest" {
        return Ok(Step::WaitRest);
    }
    match asked.parse::<f64>() {
        Ok(seconds) if (0.0..=MOST_S).contains(&seconds) => Ok(Step::Wait(Duration::from_secs_f64(seconds))),
        _ => Err(format!("it is written wait SECONDS, 0 to {MOST_S}, or wait rest")),
    }
}

/// What a script is at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// It goes on.
    #[default]
    Running,
    /// It is held before its next line.
    Paused,
    /// All was done.
    Finished,
    /// Somebody has ended it.
    Stopped,
    /// A command was refused, and why.
    Failed(String),
}

impl Phase {
    /// It has not come to its end.
    pub fn is_under_way(&self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

/// How a script goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// What it is at.
    pub phase: Phase,
    /// The line that is carried out, or was last, from 0.
    pub at: usize,
    /// Until a pause is over, s.
    pub left_s: Option<f64>,
}

#[derive(Default)]
struct Shared {
    progress: Mutex<Progress>,
}

impl Shared {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A script that runs; dropped, it ends after the command that is carried out.
pub struct Script {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Script {
    /// Begins with the first line.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn start(lines: Vec<Line>, bus: CommandBus) -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let theirs = shared.clone();
        let run = move || {
            let ended = carry_out(&lines, &theirs, &bus);
            theirs.progress().phase = match ended {
                Ok(()) => Phase::Finished,
                Err(End::Stopped) => Phase::Stopped,
                Err(End::Failed(why)) => {
                    tracing::warn!("the script has ended: {why}");
                    Phase::Failed(why)
                }
            };
        };
        let thread = Builder::new().name("beadscope-script".to_owned()).spawn(run)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// How it goes.
    pub fn progress(&self) -> Progress {
        self.shared.progress().clone()
    }

    /// Holds it before its next line, or lets it go on. Pauses stand still meanwhile.
    pub fn pause(&self, on: bool) {
        let mut progress = self.shared.progress();
        if progress.phase.is_under_way() {
            progress.phase = if on { Phase::Paused } else { Phase::Running };
        }
    }

    /// Ends it. What it has begun goes on: stop motors by themselves.
    pub fn stop(&self) {
        let mut progress = self.shared.progress();
        if progress.phase.is_under_way() {
            progress.phase = Phase::Stopped;
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.stop();
        // A panic is in the log; there is nobody to tell it to any more.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

enum End {
    Stopped,
    Failed(String),
}

fn carry_out(lines: &[Line], shared: &Shared, bus: &CommandBus) -> Result<(), End> {
    for (at, line) in lines.iter().enumerate() {
        shared.progress().at = at;
        go_on(shared)?;
        match &line.step {
            Step::Command(command) => {
                let refused =
                    |why: String| End::Failed(format!("line {}, {}: {why}", line.number, line.text));
                bus.send(Sender::Text, command.clone()).map_err(|error| refused(error.to_string()))?;
            }
            Step::Wait(how_long) => wait(*how_long, shared)?,
            Step::WaitRest => {
                wait(BEGUN, shared)?;
                while !is_at_rest(bus) {
                    wait(LOOK, shared)?;
                }
            }
        }
    }
    go_on(shared)
}

/// Waits while it is held.
fn go_on(shared: &Shared) -> Result<(), End> {
    loop {
        let phase = shared.progress().phase.clone();
        match phase {
            Phase::Running => return Ok(()),
            Phase::Paused => sleep(LOOK),
            _ => return Err(End::Stopped),
        }
    }
}

/// A pause, which stands still while the script is held.
fn wait(how_long: Duration, shared: &Shared) -> Result<(), End> {
    let mut left = how_long;
    loop {
        go_on(shared)?;
        shared.progress().left_s = Some(left.as_secs_f64());
        if left.is_zero() {
            shared.progress().left_s = None;
            return Ok(());
        }
        let began = Instant::now();
        sleep(left.min(LOOK));
        left = left.saturating_sub(began.elapsed());
    }
}

/// Waits until what was begun has come to its end: [`Step::WaitRest`].
pub fn wait_for_rest(bus: &CommandBus) {
    sleep(BEGUN);
    while !is_at_rest(bus) {
        sleep(LOOK);
    }
}

/// No motor moves, and neither a ramp nor a sweep runs.
fn is_at_rest(bus: &CommandBus) -> bool {
    let ask = |command| bus.send(Sender::Text, command);
    let moves = match ask(Command::AxisList {}) {
        // One that does not answer is not known to move.
        Ok(Applied::Axes(axes)) => axes.iter().any(|axis| axis.state.is_some_and(|state| state.is_moving)),
        _ => false,
    };
    let ramps = match ask(Command::ForceState {}) {
        Ok(Applied::Force(Some(force))) => force.ramp.is_some_and(|ramp| ramp.is_running),
        _ => false,
    };
    let sweeps = match ask(Command::ZLutState {}) {
        Ok(Applied::ZLutState(sweep)) => sweep.phase.is_running(),
        _ => false,
    };
    !(moves || ramps || sweeps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_commands_and_pauses_and_every_wrong_line_is_told() {
        let lines = read("# first\n\n mark text=\"a\"\nwait 2.5 # s\nwait rest\n").unwrap();
        let steps: Vec<_> = lines.iter().map(|line| (line.number, line.step.clone())).collect();
        let mark = Step::Command(Command::Mark { text: "a".to_owned() });
        assert_eq!(steps, [(3, mark), (4, Step::Wait(Duration::from_millis(2500))), (5, Step::WaitRest)]);
        let wrong = read("wait\nwait -1\nwait 1e9\nmark\nnothing\nacquire on=true\ncamera.set rate_hz=-3")
            .unwrap_err();
        let numbers: Vec<usize> = wrong.iter().map(|line| line.number).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 7], "{wrong:?}");
        assert!(
            wrong[0].to_string().starts_with("line 1, \"wait\": it is written wait SECONDS"),
            "{}",
            wrong[0]
        );
        assert!(
            wrong[5].to_string().contains("rate_hz"),
            "ranges are looked at before anything is begun: {}",
            wrong[5]
        );
    }
}
