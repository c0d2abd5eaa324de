//! A machine with GRBL: what it is asked and told, and what becomes of the goals of its axes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::report::{Report, Said, State, meaning};
use super::wrong;
use crate::axes::mark::resync;
use crate::axis::{AxisError, AxisInfo, Scale};
use crate::link::Link;

/// The tool that says that it was homed: at most 255 (gcode.h), and no one uses so many.
const HOMED_TOOL: &str = "T251";
/// Real-time commands: a soft reset, the end of all jogs, which means nothing to another motion, and a hold, which brings that to rest
/// (commands.md).
const RESET: &[u8] = b"\x18";
pub(super) const HOLD: &[u8] = b"!";
pub(super) const CANCEL: &[u8] = b"\x85";
/// An Arduino starts anew when its port is opened, and so long its boot loader listens in place of GRBL.
const BOOT: Duration = Duration::from_secs(2);
/// It waits after it has told an alarm (report.c: 500 ms).
const AFTER_ALARM: Duration = Duration::from_millis(600);
/// The least rate of a motion, mm/min (config.h, MINIMUM_FEED_RATE).
pub(super) const SLOWEST: f64 = 1.0;

/// The controller.
pub(super) struct Gcode {
    pub(super) link: Link,
    pub(super) joints: Vec<Joint>,
    pub(super) axes: Vec<AxisInfo>,
    /// How often it was brought into step.
    pub(super) turn: u32,
    /// It homes, and answers nothing; until then it must be done.
    pub(super) homing: Option<Instant>,
    /// How long homing may take.
    pub(super) patience: Duration,
    pub(super) jog: Jog,
    /// It said that it was homed, when it was last asked.
    pub(super) is_marked: bool,
    /// The last alarm of which it told.
    pub(super) alarm: Option<u8>,
    /// After that alarm it answers nothing until it is reset.
    pub(super) is_deaf: bool,
}

/// What has become of the goals of the axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Jog {
    /// There are none.
    None,
    /// It is on its way to them.
    Sent,
    /// They are sent when it has come to rest.
    Waits,
}

/// An axis.
pub(super) struct Joint {
    /// 0 for X.
    pub(super) place: usize,
    pub(super) scale: Scale,
    /// How fast it goes, mm/min.
    pub(super) rate: f64,
    /// Where it was sent, in mm.
    pub(super) goal: Option<f64>,
    /// Where it was last.
    pub(super) last: f64,
}

/// The first whole line of what came.
fn next_line(received: &mut Vec<u8>) -> Option<Said> {
    let end = received.iter().position(|byte| *byte == b'\n')?;
    Some(Said::parse(&received.drain(..=end).collect::<Vec<u8>>()))
}

impl Gcode {
    /// Sends a line and gives what is told before it is answered.
    fn line(&mut self, text: &str) -> Result<Vec<Said>, AxisError> {
        let request = format!("{text}\n");
        let mut told = Vec::new();
        let answer = self.link.ask_until(request.as_bytes(), b"\n", |line| match Said::parse(line) {
            Said::Ok => Some(None),
            Said::Error(code) => Some(Some(code)),
            other => {
                told.push(other);
                None
            }
        });
        told.iter().for_each(|said| self.note(said));
        match answer? {
            None => Ok(told),
            Some(code) => Err(self.link.refused(request.as_bytes(), code, meaning(code))),
        }
    }

    /// Asks what it does and where it is.
    pub(super) fn report(&mut self) -> Result<Report, AxisError> {
        self.hear(Duration::ZERO)?;
        let mut told = Vec::new();
        let report = self.link.ask_until(b"?", b"\n", |line| match Said::parse(line) {
            Said::Report(report) => Some(report),
            other => {
                told.push(other);
                None
            }
        });
        told.iter().for_each(|said| self.note(said));
        let report = report?;
        self.joints.iter_mut().for_each(|joint| joint.last = report.positions[joint.place]);
        Ok(report)
    }

    /// Takes notice of what it says unasked.
    fn note(&mut self, said: &Said) {
        match said {
            Said::Alarm(code) => {
                (self.alarm, self.homing, self.is_marked) = (Some(*code), None, false);
                // A switch at an end, or a target beyond its travel ("Reset to continue").
                self.is_deaf = matches!(code, 1 | 2);
            }
            Said::Greeting => (self.homing, self.is_marked, self.is_deaf) = (None, false, false),
            _ => {}
        }
    }

    /// Listens to what it says unasked; while it homes, whether it has.
    pub(super) fn hear(&mut self, within: Duration) -> Result<(), AxisError> {
        let until = Instant::now() + within;
        let was_homing = self.homing.is_some();
        while was_homing == self.homing.is_some() {
            let left = until.saturating_duration_since(Instant::now());
            let Some(said) = self.link.listen(left, next_line)? else { return Ok(()) };
            self.note(&said);
            match said {
                Said::Ok if self.homing.take().is_some() => {
                    self.line(HOMED_TOOL)?;
                    self.is_marked = true;
                }
                Said::Error(code) if self.homing.take().is_some() => {
                    return Err(self.link.refused(b"$H", code, meaning(code)));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Resets it: all stops without a ramp, and unless it rested, it does not know where it is. It tells the alarm first, then waits.
    pub(super) fn reset(&mut self) -> Result<(), AxisError> {
        self.forget_goals();
        self.is_marked = false;
        self.link.send_regardless(RESET)?;
        let until = Instant::now() + self.link.deadline() + AFTER_ALARM;
        while Instant::now() < until {
            let left = until.saturating_duration_since(Instant::now());
            let Some(said) = self.link.listen(left, next_line)? else { return Ok(()) };
            self.note(&said);
            if said == Said::Greeting {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The same where nobody may confirm it.
    pub(super) fn reset_regardless(&mut self) -> Result<(), AxisError> {
        match self.reset() {
            Err(AxisError::OutOfStep { .. }) => Ok(()),
            reset => reset,
        }
    }

    /// It homes, and its time for that is not over.
    pub(super) fn is_homing(&self) -> bool {
        self.homing.is_some_and(|until| Instant::now() < until)
    }

    pub(super) fn forget_goals(&mut self) {
        self.joints.iter_mut().for_each(|joint| joint.goal = None);
        self.jog = Jog::None;
    }

    /// Brings it to rest if it jogs, as far as there is time for that, and gives what it does then. Its goals are kept.
    pub(super) fn rest(&mut self) -> Result<Report, AxisError> {
        let mut report = self.report()?;
        if report.state == State::Idle && self.jog == Jog::Sent {
            self.forget_goals();
        }
        if report.state == State::Jog {
            self.link.send(CANCEL)?;
            self.jog = Jog::Waits;
            let until = Instant::now() + self.link.deadline();
            while report.state == State::Jog && Instant::now() < until {
                report = self.report()?;
            }
        }
        Ok(report)
    }

    /// Sends what waits, and forgets what was reached, or cannot be any more.
    pub(super) fn advance(&mut self, report: &Report) -> Result<(), AxisError> {
        match (report.state, self.jog) {
            (State::Idle, Jog::Waits) if self.joints.iter().any(|joint| joint.goal.is_some()) => {
                let line = self.motion();
                self.jog = Jog::Sent;
                self.line(&line).map(drop).inspect_err(|_| self.forget_goals())
            }
            (State::Idle | State::Alarm | State::Off, _) => {
                self.forget_goals();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A motion on a straight line to all goals, on which no axis is faster than it may be.
    fn motion(&self) -> String {
        let going = || self.joints.iter().filter_map(|joint| Some((joint, joint.goal?)));
        let way = going().map(|(joint, goal)| (goal - joint.last).powi(2)).sum::<f64>().sqrt();
        let minutes = going().map(|(joint, goal)| (goal - joint.last).abs() / joint.rate).fold(0.0, f64::max);
        let slowest = going().map(|(joint, _)| joint.rate).fold(f64::INFINITY, f64::min);
        let rate = if minutes > 0.0 { way / minutes } else { slowest };
        let words = going().map(|(joint, goal)| format!("{}{goal:.4}", ['X', 'Y', 'Z'][joint.place]));
        // Absolute, in mm, in machine space, whatever it was told before (jogging.md).
        format!("$J=G90G21G53{}F{:.3}", words.collect::<String>(), rate.max(SLOWEST))
    }

    /// Whether it has the mark of having been homed.
    pub(super) fn ask_mark(&mut self) -> Result<bool, AxisError> {
        let told = self.line("$G")?;
        let modes = told.iter().find_map(|said| match said {
            Said::Told(text) => text.strip_prefix("GC:"),
            _ => None,
        });
        let modes = modes.map(|modes| modes.split(' ').any(|mode| mode == HOMED_TOOL));
        modes.ok_or_else(|| self.link.garbled(b"$G", b"ok"))
    }

    /// What is set in it, by number; 0 if it has no such setting.
    pub(super) fn settings(&mut self) -> Result<impl Fn(u8) -> f64 + use<>, AxisError> {
        let told = self.line("$$")?;
        let settings: HashMap<u8, f64> = told
            .into_iter()
            .filter_map(
                |said| if let Said::Setting(number, value) = said { Some((number, value)) } else { None },
            )
            .collect();
        let has = move |number: u8| settings.get(&number).copied().unwrap_or_default();
        match () {
            () if has(13) != 0.0 => Err(wrong("GRBL reports inches: send it $13=0")),
            () if has(10) as u8 & 1 == 0 => Err(wrong("GRBL reports no machine positions: send it $10=1")),
            () => Ok(has),
        }
    }

    /// The letters of what its firmware was built with.
    pub(super) fn options(&mut self) -> Result<String, AxisError> {
        let told = self.line("$I")?;
        let field = |name: &str| {
            told.iter().find_map(|said| match said {
                Said::Told(text) => text.strip_prefix(name).map(str::to_owned),
                _ => None,
            })
        };
        match field("VER:") {
            Some(version) if version.contains("1.1") => Ok(field("OPT:").unwrap_or_default()),
            version => Err(wrong(&format!("this is no GRBL 1.1, but {version:?}"))),
        }
    }

    /// Waits until it has started, then checks that nothing is on its way: an empty line is answered by ok, `$G0` by an error (system.c),
    /// whatever it does but homing.
    pub(super) fn resync(&mut self) -> Result<(), AxisError> {
        self.turn += 1;
        if self.is_deaf {
            self.reset()?;
        }
        let until = Instant::now() + BOOT;
        let is_report =
            |received: &mut Vec<u8>| matches!(next_line(received)?, Said::Report(_)).then_some(());
        loop {
            self.link.send(b"?")?;
            if self.link.listen(self.link.deadline(), is_report)?.is_some() || Instant::now() > until {
                break;
            }
        }
        resync(&mut self.link, self.turn, [b"\n", b"$G0\n"], b"\n", |line| match Said::parse(line) {
            Said::Ok => Some(false),
            Said::Error(_) => Some(true),
            _ => None,
        })
    }
}
