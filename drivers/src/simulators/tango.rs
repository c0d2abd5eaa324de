//! A Märzhäuser TANGO, as the sources of [`crate::axes::tango`] tell of it: after power came, it counts in mm and tells unasked when it has
//! arrived.

use super::{Body, Device, Lines};
use crate::axes::tango::letter;
use crate::axis::{AxisConfig, AxisError, ControllerConfig, Scale};
use crate::microscope::settings::MotorSettings;
use crate::microscope::stage::Shared;

/// What a length of 1 µm is in the lengths of `dim` (Marzhauser.cpp): microsteps of a screw of 1 mm, µm, mm, and mm with speeds in mm/s.
const DIMENSIONS: [(u8, f64); 4] = [(0, 51.2), (1, 1.0), (2, 1e-3), (9, 1e-3)];
/// The pitch of its screws, mm.
const PITCH_MM: f64 = 1.0;

/// A simulated controller.
pub struct Tango {
    stages: Vec<Stage>,
    bodies: Vec<Body>,
    lines: Lines,
    /// The error of the last instruction that had one.
    error: u8,
    /// It tells unasked when it has arrived.
    tells: bool,
    /// Somebody waits to be told.
    is_awaited: bool,
}

struct Stage {
    letter: char,
    scale: Scale,
    dimension: u8,
    /// Software limits, µm.
    limits: [f64; 2],
    is_calibrated: bool,
    is_measured: bool,
    /// It looks for a switch: at its lower end, or at its upper one.
    seeks: Option<Seek>,
    /// What it says of itself while it rests.
    rests_as: char,
}

#[derive(Clone, Copy, PartialEq)]
enum Seek {
    Lower,
    Upper,
}

type Answer = Result<Option<String>, u8>;

impl Stage {
    fn per_um(&self) -> f64 {
        DIMENSIONS.iter().find(|(number, _)| *number == self.dimension).map_or(1.0, |(_, per_um)| *per_um)
    }
}

impl Tango {
    /// A controller with the axes of a rig.
    ///
    /// # Errors
    /// [`AxisError::Settings`] if the table is not for this controller.
    pub fn new(config: &ControllerConfig, stage: Option<&Shared>) -> Result<Self, AxisError> {
        let mut tango = Self {
            stages: Vec::new(),
            bodies: Vec::new(),
            lines: Lines::default(),
            error: 0,
            tells: true,
            is_awaited: false,
        };
        for axis in &config.axes {
            let scale = axis.scale(axis.unit.nm().map(|nm| nm / 1e3))?;
            let mut body = Body::new(axis, &own_motor(axis, scale), stage)?;
            body.is_referenced = false;
            let [one, other] = body.limits().map(|limit| scale.count_from_unit(limit));
            tango.stages.push(Stage {
                letter: letter(&axis.at)?,
                scale,
                dimension: 2,
                limits: [one.min(other), one.max(other)],
                is_calibrated: false,
                is_measured: false,
                seeks: None,
                rests_as: '@',
            });
            tango.bodies.push(body);
        }
        Ok(tango)
    }

    fn line(&mut self, line: &str, reply: &mut Vec<u8>) {
        let line = line.trim().to_ascii_lowercase();
        let (sign, rest) = match line.strip_prefix(['!', '?']) {
            Some(rest) => (line.chars().next(), rest),
            None => (None, line.as_str()),
        };
        let mut words = rest.split_whitespace();
        let Some(instruction) = words.next() else { return };
        let words: Vec<&str> = words.collect();
        let answer = if sign == Some('?') {
            self.query(instruction, &words)
        } else {
            self.instruct(instruction, &words).map(|()| None)
        };
        if instruction == "err" && sign != Some('?') {
            self.error = 0;
            return;
        }
        match answer {
            Ok(Some(text)) => reply.extend(format!("{text}\r").bytes()),
            // Nobody tells what clears an error but `!err`: so nothing else does.
            Ok(None) => {}
            Err(error) => self.error = error,
        }
    }

    /// The axes that an instruction names, all if none, and what is behind them.
    fn axes<'a>(&self, words: &'a [&'a str]) -> Result<(Vec<usize>, &'a [&'a str]), u8> {
        match words.first() {
            Some(word) if word.len() == 1 && word.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                let place = self.stages.iter().position(|stage| word.starts_with(stage.letter));
                place.map(|place| (vec![place], &words[1..])).ok_or(1)
            }
            _ => Ok(((0..self.stages.len()).collect(), words)),
        }
    }

    fn query(&mut self, instruction: &str, words: &[&str]) -> Answer {
        let whole = match instruction {
            "version" | "ver" => Some("TANGO-DT, Version 1.72, Feb 14 2020, 11:50:11".to_owned()),
            "readsn" => Some("200000000".to_owned()),
            // The upper four bits of the lower byte: how many axes (Marzhauser.cpp, `Initialize`).
            "det" => Some((self.stages.len() << 4).to_string()),
            "err" => Some(self.error.to_string()),
            "status" => {
                Some(if self.error == 0 { "OK...".to_owned() } else { format!("ERR {}", self.error) })
            }
            "autostatus" => Some(u8::from(self.tells).to_string()),
            _ => None,
        };
        if whole.is_some() {
            return Ok(whole);
        }
        let (places, _) = self.axes(words)?;
        if matches!(instruction, "statusaxis" | "sa") {
            let letters: String = places.iter().map(|place| self.status(*place)).collect();
            return Ok(Some(if words.is_empty() { self.tell() } else { letters }));
        }
        let told: Option<Vec<String>> = places.iter().map(|place| self.get(*place, instruction)).collect();
        told.map(|told| Some(told.join(" "))).ok_or(4)
    }

    fn get(&self, place: usize, what: &str) -> Option<String> {
        let (stage, body) = (&self.stages[place], &self.bodies[place]);
        let per_um = stage.per_um();
        let [speed, acceleration] = body.rates().map(|rate| stage.scale.counts(rate));
        Some(match what {
            "pos" => format!("{:.4}", stage.scale.count_from_unit(body.position()) * per_um),
            "lim" => format!("{:.4} {:.4}", stage.limits[0] * per_um, stage.limits[1] * per_um),
            "dim" => stage.dimension.to_string(),
            "calst" => (u8::from(stage.is_calibrated) | u8::from(stage.is_measured) << 1).to_string(),
            "vel" if stage.dimension == 9 => format!("{:.6}", speed / 1e3),
            "vel" => format!("{:.6}", speed / 1e3 / PITCH_MM),
            "accel" => format!("{:.6}", acceleration / 1e6),
            "pitch" => format!("{PITCH_MM:.4}"),
            "axis" => "1".to_owned(),
            _ => return None,
        })
    }

    /// What an axis says of itself, and what all of them say: a letter for each of four, and a dot.
    fn status(&self, place: usize) -> char {
        if self.bodies[place].is_moving() { 'M' } else { self.stages[place].rests_as }
    }

    fn tell(&self) -> String {
        let letter = |letter: char| {
            let place = self.stages.iter().position(|stage| stage.letter == letter);
            place.map_or('-', |place| self.status(place))
        };
        ['x', 'y', 'z', 'a'].map(letter).into_iter().chain(['.']).collect()
    }

    fn instruct(&mut self, instruction: &str, words: &[&str]) -> Result<(), u8> {
        if instruction == "autostatus" {
            self.tells = words.first().ok_or(6_u8)? != &"0";
            return Ok(());
        }
        let (places, words) = self.axes(words)?;
        let numbers: Option<Vec<f64>> = words.iter().map(|word| word.parse().ok()).collect();
        let numbers = numbers.ok_or(5_u8)?;
        match instruction {
            "err" => Ok(()),
            "a" => {
                places.iter().for_each(|place| {
                    self.stages[*place].seeks = None;
                    self.bodies[*place].stop();
                });
                Ok(())
            }
            "cal" | "rm" => {
                let seek = if instruction == "cal" { Seek::Lower } else { Seek::Upper };
                places.iter().for_each(|place| self.seek(*place, seek));
                Ok(())
            }
            "lim" => match (places.as_slice(), numbers.as_slice()) {
                ([place], [lower, upper]) if lower < upper => {
                    let stage = &mut self.stages[*place];
                    stage.limits = [lower, upper].map(|limit| limit / stage.per_um());
                    Ok(())
                }
                _ => Err(6),
            },
            _ if numbers.len() > places.len() || numbers.is_empty() => Err(6),
            _ => places
                .iter()
                .zip(numbers)
                .try_for_each(|(place, number)| self.set(*place, instruction, number)),
        }
    }

    fn set(&mut self, place: usize, what: &str, number: f64) -> Result<(), u8> {
        let (stage, body) = (&mut self.stages[place], &mut self.bodies[place]);
        let [speed, acceleration] = body.rates();
        match what {
            "dim" if DIMENSIONS.iter().any(|(dimension, _)| f64::from(*dimension) == number) => {
                stage.dimension = number as u8;
            }
            "vel" if number > 0.0 && number <= 1000.0 => {
                let mm = if stage.dimension == 9 { number } else { number * PITCH_MM };
                body.set_rates(stage.scale.units(mm * 1e3), acceleration);
            }
            "accel" if number > 0.0 && number <= 20.0 => {
                body.set_rates(speed, stage.scale.units(number * 1e6));
            }
            "pos" => {
                let count = number / stage.per_um();
                body.set_position(stage.scale.unit_from_count(count));
            }
            "moa" | "mor" => {
                let now = stage.scale.count_from_unit(body.position());
                let count = number / stage.per_um() + if what == "mor" { now } else { 0.0 };
                // Who sends it elsewhere on its way has to stop it first.
                if body.is_moving() {
                    return Err(2);
                }
                let is_inside = count >= stage.limits[0] - 1e-3 && count <= stage.limits[1] + 1e-3;
                let [least, greatest] = body.limits();
                let target = stage.scale.unit_from_count(count).clamp(least, greatest);
                if !is_inside || !body.go(target) {
                    return Err(32);
                }
                stage.rests_as = '@';
                self.is_awaited = true;
            }
            "dim" | "vel" | "accel" => return Err(5),
            _ => return Err(4),
        }
        Ok(())
    }

    /// Looks for a switch at an end, in the direction in which the controller counts.
    fn seek(&mut self, place: usize, seek: Seek) {
        let (stage, body) = (&mut self.stages[place], &mut self.bodies[place]);
        body.has_stalled = false;
        let end = end(stage, body, seek);
        // What it counts until then means nothing.
        body.set_position(body.truth());
        body.go(end);
        stage.seeks = Some(seek);
        self.is_awaited = true;
    }

    /// An axis that has come to rest where it looked for its switch.
    fn found(&mut self, place: usize, seek: Seek) {
        let (stage, body) = (&mut self.stages[place], &mut self.bodies[place]);
        stage.seeks = None;
        if body.has_stalled || body.truth() != end(stage, body, seek) {
            stage.rests_as = 'E';
            return;
        }
        if seek == Seek::Upper {
            (stage.is_measured, stage.rests_as) = (true, 'D');
            return;
        }
        // Where its switch is, a real one says 0 from now on; so does this one if the rig counts from there.
        body.set_position(body.truth());
        body.is_referenced = true;
        (stage.is_calibrated, stage.rests_as) = (true, 'A');
    }

    /// Power was away.
    fn forget(&mut self, place: usize) {
        let stage = &mut self.stages[place];
        (stage.is_calibrated, stage.is_measured, stage.dimension) = (false, false, 2);
        (stage.seeks, stage.rests_as, self.tells) = (None, '@', true);
    }
}

/// Where a switch is, in the unit of the axis.
fn end(stage: &Stage, body: &Body, seek: Seek) -> f64 {
    let is_upper = (seek == Seek::Upper) == (stage.scale.counts_per_unit > 0.0);
    body.limits()[usize::from(is_upper)]
}

/// A stage of its own: 100 mm of way.
fn own_motor(axis: &AxisConfig, scale: Scale) -> MotorSettings {
    let [one, other] = [0.0, 1e5].map(|count| scale.unit_from_count(count));
    let limits = axis.limits.map_or([one.min(other), one.max(other)], |limits| {
        [limits[0].max(one.min(other)), limits[1].min(one.max(other))]
    });
    let speed = scale.units(20e3);
    let start = 0.5 * (limits[0] + limits[1]);
    MotorSettings { start, limits, speed, acceleration: 10.0 * speed, play: 0.0, lag_s: 0.0 }
}

impl Device for Tango {
    fn receive(&mut self, bytes: &[u8], reply: &mut Vec<u8>) {
        for line in self.lines.take(bytes, |byte| byte == b'\r') {
            self.line(&line, reply);
        }
    }

    fn pass(&mut self, dt_s: f64, reply: &mut Vec<u8>) {
        for place in 0..self.stages.len() {
            if self.stages[place].is_calibrated && !self.bodies[place].is_referenced {
                self.forget(place);
            }
            self.bodies[place].pass(dt_s);
            if let (Some(seek), false) = (self.stages[place].seeks, self.bodies[place].is_moving()) {
                self.found(place, seek);
            }
        }
        let rests = !self.bodies.iter().any(Body::is_moving);
        if rests && std::mem::take(&mut self.is_awaited) && self.tells {
            reply.extend(format!("{}\r", self.tell()).bytes());
        }
    }

    fn bodies(&mut self) -> &mut [Body] {
        &mut self.bodies
    }
}
