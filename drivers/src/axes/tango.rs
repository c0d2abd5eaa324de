//! Stages on a Märzhäuser TANGO controller (Venus instruction set), two to four axes.
//!
//! Sources: the adapter Marzhauser of Micro-Manager, which its maker wrote (dim, pos, moa, statusaxis, err, cal, vel, accel, lim, a, autostatus,
//! version, CR on both sides); for what it does not use, two drivers of laboratories, `comet` of HEPHY (calst, error numbers, err cleared by
//! `!err`) and one for the related LSTEP by T. Jollans (letters of statusaxis). The manual "TANGO Instruction Set Venus" was not at hand; what
//! only one of these tells is marked so.
//!
//! A controller counts in whatever `dim` says, and says something else after power came back. So each request that has a length in it tells
//! `dim` first.

use std::time::Instant;

use super::mark::resync;
use crate::axis::{
    Abilities, Alarm, AxisError, AxisInfo, AxisState, Controller, ControllerConfig, ControllerDriver, Scale,
    finite,
};
use crate::link::{Line, Link};
use crate::microscope::stage::Shared;
use crate::simulators::{self, Device};

/// Lengths are in µm (Marzhauser.cpp, `GetPositionUm`).
const IN_UM: &str = "1";
/// Lengths are in mm and speeds in mm/s (Marzhauser.cpp, `OnSpeedX`), not in turns of a motor.
const IN_MM: &str = "9";
/// Speeds that the adapter offers, mm/s, and accelerations to which it clips, m/s².
const SPEEDS: [f64; 2] = [0.001, 100.0];
const ACCELERATIONS: [f64; 2] = [0.001, 10.0];

/// The driver.
pub struct Driver;

impl ControllerDriver for Driver {
    fn name(&self) -> &'static str {
        "tango"
    }

    fn about(&self) -> &'static str {
        "Märzhäuser TANGO stages, Venus instruction set"
    }

    fn example(&self) -> &'static str {
        r#"# A stage on a Märzhäuser TANGO: `at` is the letter of an axis, x, y, z or a.
driver = "tango"
baud = 57600
deadline_ms = 500

[[axes]]
name = "stage_x"
at = "x"
unit = "mm"
limits = [0.0, 20.0]        # 0 is where it was calibrated: at its switch
speed = 10.0
acceleration = 200.0

[[axes]]
name = "stage_y"
at = "y"
unit = "mm"
limits = [0.0, 20.0]
"#
    }

    fn open(&self, config: &ControllerConfig) -> Result<Box<dyn Controller>, AxisError> {
        let letters = config.places(|axis| letter(&axis.at))?;
        // It comes with two stop bits; whoever sends one is understood too.
        let link = Link::open(config, Line { baud: 57_600, rts_cts: false })?;
        let mut tango = Tango { link, stages: Vec::new(), axes: Vec::new(), turn: 0 };
        tango.resync()?;
        for (axis, letter) in config.axes.iter().zip(letters) {
            let scale = axis.scale(axis.unit.nm().map(|nm| nm / 1e3))?;
            let counts = tango.limits(letter)?;
            let limits = axis.limits(scale, counts)?;
            let can = Abilities {
                home: true,
                speed: Some(SPEEDS.map(|speed| scale.units(speed * 1e3))),
                acceleration: Some(ACCELERATIONS.map(|acceleration| scale.units(acceleration * 1e6))),
            };
            tango.axes.push(AxisInfo { name: axis.name.clone(), unit: axis.unit, limits, can });
            tango.stages.push(Stage { letter, scale });
            let place = tango.axes.len() - 1;
            tango.give_rates(place, axis)?;
        }
        Ok(Box::new(tango))
    }

    fn simulate(
        &self,
        config: &ControllerConfig,
        stage: Option<&Shared>,
    ) -> Result<Box<dyn Device>, AxisError> {
        Ok(Box::new(simulators::tango::Tango::new(config, stage)?))
    }
}

struct Tango {
    link: Link,
    stages: Vec<Stage>,
    axes: Vec<AxisInfo>,
    /// How often it was brought into step.
    turn: u32,
}

#[derive(Clone, Copy)]
struct Stage {
    letter: char,
    scale: Scale,
}

/// `x`.
pub(crate) fn letter(at: &str) -> Result<char, AxisError> {
    match at.to_ascii_lowercase().as_str() {
        letter @ ("x" | "y" | "z" | "a") => Ok(letter.chars().next().unwrap_or_default()),
        _ => Err(AxisError::Settings(format!("at = {at:?} must be the letter of an axis: x, y, z or a"))),
    }
}

/// What an axis does (LSTEP, `AxisStatus`; statusaxis).
#[derive(Clone, Copy, Debug, PartialEq)]
enum Status {
    /// It rests: ready, with the joystick on, held by its loop, after a calibration or a range measure.
    Rests,
    Moves,
    AtSwitch,
    /// It is not enabled, or not there.
    IsOff,
    /// A calibration failed, a motion took too long, or somebody sets it up.
    Failed,
}

impl Status {
    fn parse(line: &[u8]) -> Option<Self> {
        match line.trim_ascii() {
            b"@" | b"J" | b"C" | b"A" | b"D" => Some(Self::Rests),
            b"M" => Some(Self::Moves),
            b"S" => Some(Self::AtSwitch),
            b"-" => Some(Self::IsOff),
            b"E" | b"T" | b"U" => Some(Self::Failed),
            _ => None,
        }
    }
}

fn number(line: &[u8]) -> Option<f64> {
    finite(std::str::from_utf8(line).ok()?)
}

/// What a number of `?err` means (comet, `ERROR_MESSAGES`), the ones of a stage.
fn meaning(code: u32) -> &'static str {
    match code {
        1 => "it has no such axis",
        2 => "it cannot do that now",
        4 | 6 | 7 => "it does not know this instruction",
        5 => "the value is out of its range",
        10 => "it is not configured for that",
        11 => "its joystick is on: switch it off",
        12 => "it is at a limit switch",
        14 | 15 => "it did not come off a limit switch while it was calibrated",
        21 | 22 => "it may not move now: is a door open?",
        27 => "its emergency stop is pressed",
        29 | 30 => "its amplifiers are off",
        32 => "the target is beyond its limits",
        74 | 91 => "its encoder does not follow",
        89 => "it is in standby",
        90 => "it is too hot",
        _ => "see its instruction set, \"err\"",
    }
}

impl Tango {
    /// Asks for a line that `take` understands.
    fn ask<T>(&mut self, request: &str, mut take: impl FnMut(&[u8]) -> Option<T>) -> Result<T, AxisError> {
        self.link.ask_until(request.as_bytes(), b"\r", &mut take)
    }

    /// Instructs; what goes wrong with it is asked for afterwards, and what went wrong before it is forgotten: it would be told as a refusal of
    /// a motion that has begun. One at a time: the second may forget what was wrong with the first, a unit that was not taken.
    fn instruct(&mut self, instruction: &str) -> Result<(), AxisError> {
        let request = format!("!err\r{instruction}\r?err\r");
        match self.ask(&request, number)? {
            0.0 => Ok(()),
            code => {
                // Nobody tells whether reading it clears it.
                self.link.send(b"!err\r")?;
                let code = code as u32;
                Err(self.link.refused(instruction.as_bytes(), code, meaning(code)))
            }
        }
    }

    fn limits(&mut self, letter: char) -> Result<[f64; 2], AxisError> {
        self.instruct(&format!("!dim {letter} {IN_UM}"))?;
        let request = format!("?lim {letter}\r");
        self.ask(&request, |line| {
            let (lower, upper) = std::str::from_utf8(line).ok()?.trim().split_once(' ')?;
            Some([number(lower.as_bytes())?, number(upper.as_bytes())?])
        })
    }

    fn status(&mut self, letter: char) -> Result<Status, AxisError> {
        self.ask(&format!("?statusaxis {letter}\r"), Status::parse)
    }

    /// Brings an axis to rest before it is sent somewhere: nobody tells what it makes of a target while it has another. That takes its ramp
    /// only; if the ramp is long, the axis says itself that it cannot be sent now.
    fn halt(&mut self, letter: char) -> Result<(), AxisError> {
        if self.status(letter)? != Status::Moves {
            return Ok(());
        }
        self.link.send(format!("a {letter}\r").as_bytes())?;
        let until = Instant::now() + self.link.deadline();
        while self.status(letter)? == Status::Moves && Instant::now() < until {}
        Ok(())
    }

    /// Sets something for which lengths are in mm, and gives what it is then. Lengths are in µm again afterwards.
    fn set(&mut self, what: &str, letter: char, value: f64) -> Result<f64, AxisError> {
        self.instruct(&format!("!dim {letter} {IN_MM}"))?;
        self.instruct(&format!("!{what} {letter} {value:.6}"))?;
        let request = format!("!dim {letter} {IN_MM}\r?{what} {letter}\r!dim {letter} {IN_UM}\r");
        self.ask(&request, number)
    }

    /// It says nothing unasked any more, and nothing that was asked before: `?err` is answered by a number, `?version` by a line with words.
    fn resync(&mut self) -> Result<(), AxisError> {
        self.turn += 1;
        // What was half sent is ended first, as Micro-Manager does.
        self.link.send(b"\r!autostatus 0\r")?;
        self.link.wait_for_silence()?;
        resync(&mut self.link, self.turn, [b"?err\r", b"?version\r"], b"\r", |line| {
            let is_version = [&b"TANGO"[..], b"Version"]
                .iter()
                .any(|word| line.windows(word.len()).any(|part| part == *word));
            if is_version { Some(true) } else { number(line).map(|_| false) }
        })
    }
}

impl Controller for Tango {
    fn axes(&self) -> &[AxisInfo] {
        &self.axes
    }

    fn read(&mut self, axis: usize) -> Result<AxisState, AxisError> {
        let Stage { letter, scale, .. } = self.stages[axis];
        // In this order: where a resting axis is, is where it came to rest.
        let status = self.status(letter)?;
        let count = self.ask(&format!("!dim {letter} {IN_UM}\r?pos {letter}\r"), number)?;
        // Bit 0: calibrated since power came; bit 1: its range was measured.
        let calibrated = self.ask(&format!("?calst {letter}\r"), number)?;
        let alarm = match status {
            Status::Rests | Status::Moves => None,
            Status::AtSwitch => Some(Alarm::AtLimitSwitch),
            Status::IsOff => Some(Alarm::MotorOff),
            Status::Failed => Some(Alarm::Other),
        };
        let is_moving = status == Status::Moves;
        let is_referenced = calibrated as u32 & 1 != 0;
        Ok(AxisState { position: scale.unit_from_count(count), is_moving, is_referenced, alarm })
    }

    fn move_to(&mut self, axis: usize, target: f64) -> Result<(), AxisError> {
        self.axes[axis].check(target)?;
        let Stage { letter, scale } = self.stages[axis];
        // To 1 nm.
        let count = scale.target(target, self.axes[axis].limits, 1e3);
        self.halt(letter)?;
        self.instruct(&format!("!dim {letter} {IN_UM}"))?;
        self.instruct(&format!("!moa {letter} {count:.3}"))
    }

    fn stop(&mut self, axis: usize) -> Result<(), AxisError> {
        let letter = self.stages[axis].letter;
        let request = format!("a {letter}\r");
        let sent = self.link.send(request.as_bytes());
        match sent.and_then(|()| self.status(letter)) {
            Ok(_) => Ok(()),
            Err(error) => {
                self.link.send_regardless(format!("\r{request}").as_bytes())?;
                Err(error)
            }
        }
    }

    fn emergency_stop(&mut self) -> Result<(), AxisError> {
        // Without a letter it is for all axes; what was half sent is ended first.
        self.link.send_regardless(b"\ra\r")?;
        self.link.wait_for_silence()
    }

    fn home(&mut self, axis: usize) -> Result<(), AxisError> {
        let letter = self.stages[axis].letter;
        self.halt(letter)?;
        self.instruct(&format!("!cal {letter}"))
    }

    fn set_speed(&mut self, axis: usize, speed: f64) -> Result<f64, AxisError> {
        let Stage { letter, scale, .. } = self.stages[axis];
        let info = &self.axes[axis];
        info.check_rate(info.can.speed, speed, "go so fast or slow")?;
        let has = self.set("vel", letter, scale.counts(speed) / 1e3)?;
        Ok(scale.units(has * 1e3))
    }

    fn set_acceleration(&mut self, axis: usize, acceleration: f64) -> Result<f64, AxisError> {
        let Stage { letter, scale, .. } = self.stages[axis];
        let info = &self.axes[axis];
        info.check_rate(info.can.acceleration, acceleration, "accelerate so much or little")?;
        // In m/s², whatever lengths are in (Marzhauser.cpp, `OnAccelX`).
        let has = self.set("accel", letter, scale.counts(acceleration) / 1e6)?;
        Ok(scale.units(has * 1e6))
    }

    fn reconnect(&mut self) -> Result<(), AxisError> {
        self.link.recover()?;
        self.resync()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_says_what_an_axis_does() {
        let letters: [(&[u8], Status); 5] = [
            (b"@", Status::Rests),
            (b"M", Status::Moves),
            (b" S ", Status::AtSwitch),
            (b"-", Status::IsOff),
            (b"E", Status::Failed),
        ];
        for (line, status) in letters {
            assert_eq!(Status::parse(line), Some(status));
        }
        for other in [&b""[..], b"@@-", b"m", b"0", b"noiseM"] {
            assert_eq!(Status::parse(other), None, "{}", other.escape_ascii());
        }
    }

    #[test]
    fn a_number_is_a_number_and_nothing_else() {
        assert_eq!(number(b" -12.5\n"), Some(-12.5));
        for other in [&b""[..], b"nan", b"inf", b"1 2", b"noise1"] {
            assert_eq!(number(other), None, "{}", other.escape_ascii());
        }
    }

    #[test]
    fn an_axis_is_one_of_four_letters() {
        assert_eq!((letter("x").unwrap(), letter("Z").unwrap()), ('x', 'z'));
        for wrong in ["", "1", "b", "xy"] {
            assert!(letter(wrong).is_err(), "{wrong}");
        }
    }
}
