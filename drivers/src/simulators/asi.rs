//! An ASI MS-2000, as ASI's command pages and the manual "TG-1000 Programming Manual" describe it.

use super::{Body, Device, Lines};
use crate::axes::asi::{PER_MM, letter};
use crate::axis::{AxisConfig, AxisError, ControllerConfig, Scale};
use crate::microscope::settings::MotorSettings;
use crate::microscope::stage::Shared;

/// The greatest speed of its axes, mm/s: a screw with a pitch of 6.35 mm.
const FASTEST: f64 = 7.5;

/// A simulated controller.
pub struct Asi {
    stages: Vec<Stage>,
    bodies: Vec<Body>,
    lines: Lines,
}

struct Stage {
    letter: char,
    scale: Scale,
    /// Lower and upper limit and home, in mm from where the controller said 0 at first (pages SETLOW, SETUP, SETHOME).
    places: [f64; 3],
    /// Where the controller says 0 now, in counts.
    zero: f64,
    /// A commanded move is in progress.
    is_sent: bool,
    is_enabled: bool,
}

type Answer = Result<String, u8>;

/// What a command says of an axis: `X`, `X?`, `X=5`, `X+`.
struct Word {
    letter: char,
    rest: String,
}

impl Word {
    fn value(&self) -> Option<f64> {
        self.rest.strip_prefix('=')?.parse().ok()
    }
}

impl Asi {
    /// A controller with the axes of a rig.
    ///
    /// # Errors
    /// [`AxisError::Settings`] if the table is not for this controller.
    pub fn new(config: &ControllerConfig, stage: Option<&Shared>) -> Result<Self, AxisError> {
        let mut asi = Self { stages: Vec::new(), bodies: Vec::new(), lines: Lines::default() };
        for axis in &config.axes {
            let scale = axis.scale(axis.unit.nm().map(|nm| PER_MM * nm / 1e6))?;
            let body = Body::new(axis, &own_motor(axis, scale), stage)?;
            let [one, other] = body.limits().map(|limit| scale.count_from_unit(limit) / PER_MM);
            // The home position is far away unless it was set.
            let places = [one.min(other), one.max(other), 1000.0];
            let letter = letter(&axis.at)?;
            asi.stages.push(Stage { letter, scale, places, zero: 0.0, is_sent: false, is_enabled: true });
            asi.bodies.push(body);
        }
        Ok(asi)
    }

    fn line(&mut self, line: &str, reply: &mut Vec<u8>) {
        let line = line.trim().to_ascii_uppercase();
        let (command, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match command {
            "/" | "STATUS" => {
                let is_busy = self.stages.iter().any(|stage| stage.is_sent);
                reply.extend(if is_busy { b"B\r\n" } else { b"N\r\n" });
                return;
            }
            "I" | "INFO" => {
                // An axis that is not there is not told of.
                reply.extend(self.info(rest).bytes());
                return;
            }
            "\\" | "HALT" => self.halt(),
            "V" | "VERSION" => Ok("Version: USB-9.2n".to_owned()),
            "BU" | "BUILD" => Ok("STD_XYZ".to_owned()),
            "Z" | "ZERO" => {
                (0..self.stages.len()).for_each(|place| self.call(place, 0.0));
                Ok(String::new())
            }
            _ => self.axes(command, rest),
        };
        let text = match answer {
            // Some answer the other way round (page ACCEL).
            Ok(text) if command == "UM" && !text.is_empty() => format!(":{text} A\r\n"),
            Ok(text) if text.is_empty() => ":A \r\n".to_owned(),
            Ok(text) => format!(":A {text} \r\n"),
            Err(code) => format!(":N-{code} \r\n"),
        };
        reply.extend(text.bytes());
    }

    /// What is done with each axis of a command, and answered of it.
    fn axes(&mut self, command: &str, rest: &str) -> Answer {
        let act: fn(&mut Self, usize, &Word) -> Answer = match command {
            "W" | "WHERE" => |asi, place, _| Ok(format!("{:.1}", asi.count(place))),
            "M" | "MOVE" => |asi, place, word| {
                let target = word.value().unwrap_or(0.0);
                asi.send(place, target)
            },
            "R" | "MOVREL" => |asi, place, word| {
                let target = asi.count(place) + word.value().unwrap_or(0.0);
                asi.send(place, target)
            },
            "!" | "HOME" => |asi, place, _| {
                let home = asi.stages[place].places[2] * PER_MM - asi.stages[place].zero;
                asi.send(place, home)
            },
            "@" | "SPIN" => Self::spin,
            "H" | "HERE" => |asi, place, word| {
                asi.call(place, word.value().unwrap_or(0.0));
                Ok(String::new())
            },
            "RS" | "RDSTAT" => Self::status,
            "S" | "SPEED" => Self::speed,
            "SL" | "SETLOW" => |asi, place, word| asi.place(place, 0, word),
            "SU" | "SETUP" => |asi, place, word| asi.place(place, 1, word),
            "HM" | "SETHOME" => |asi, place, word| asi.place(place, 2, word),
            "UM" => |_, _, word| Ok(format!("{}={PER_MM:.6}", word.letter)),
            "MC" | "MOTCTRL" => Self::motor,
            _ => return Err(1),
        };
        let words = words(rest).ok_or(3)?;
        if words.is_empty() {
            return Err(3);
        }
        let known = |word: &Word| self.stages.iter().any(|stage| stage.letter == word.letter);
        if !words.iter().all(known) {
            return Err(2);
        }
        // The order is that of the axes, whatever the command's (page WHERE).
        let mut told = Vec::new();
        for place in 0..self.stages.len() {
            let letter = self.stages[place].letter;
            if let Some(word) = words.iter().find(|word| word.letter == letter) {
                told.push(act(self, place, word)?);
            }
        }
        told.retain(|text| !text.is_empty());
        Ok(told.join(" "))
    }

    /// What the controller says where an axis is.
    fn count(&self, place: usize) -> f64 {
        let (stage, body) = (&self.stages[place], &self.bodies[place]);
        stage.scale.count_from_unit(body.position()) - stage.zero
    }

    /// Calls the place where an axis is so; limits and home stay where they are (page SETLOW).
    fn call(&mut self, place: usize, count: f64) {
        self.stages[place].zero += self.count(place) - count;
    }

    /// Sends an axis to a position; at a limit it stops.
    fn send(&mut self, place: usize, count: f64) -> Answer {
        let (stage, body) = (&mut self.stages[place], &mut self.bodies[place]);
        let ends = [stage.places[0].min(stage.places[1]), stage.places[0].max(stage.places[1])];
        let count = (count + stage.zero).clamp(ends[0] * PER_MM, ends[1] * PER_MM);
        let [least, greatest] = body.limits();
        if !stage.is_enabled {
            return Err(5);
        }
        stage.is_sent = body.go(stage.scale.unit_from_count(count).clamp(least, greatest));
        Ok(String::new())
    }

    /// Turns the motor of an axis until it comes to its end or is told 0; that is no commanded move.
    fn spin(&mut self, place: usize, word: &Word) -> Answer {
        match word.value().unwrap_or(0.0) {
            rate if rate.abs() > 128.0 => return Err(4),
            0.0 => self.bodies[place].stop(),
            rate => {
                self.send(place, rate.signum() * f64::from(i32::MAX))?;
            }
        }
        self.stages[place].is_sent = false;
        Ok(String::new())
    }

    fn halt(&mut self) -> Answer {
        let was_sent = self.stages.iter().any(|stage| stage.is_sent);
        self.stages.iter_mut().for_each(|stage| stage.is_sent = false);
        self.bodies.iter_mut().for_each(Body::stop);
        if was_sent { Err(21) } else { Ok(String::new()) }
    }

    /// The status byte (page RDSBYTE): its decimal form, or with `?` whether the axis is busy.
    fn status(&mut self, place: usize, word: &Word) -> Answer {
        let (stage, body) = (&self.stages[place], &self.bodies[place]);
        if word.rest == "?" {
            return Ok(if stage.is_sent { "B" } else { "N" }.to_owned());
        }
        let count = stage.scale.count_from_unit(body.truth());
        let is_at = |limit: f64| (count - limit * PER_MM).abs() < 1.0;
        let is_ramping = body.is_moving() && !stage.is_sent;
        let bits = [
            stage.is_sent,
            stage.is_enabled,
            body.is_moving(),
            true,
            is_ramping,
            false,
            is_at(stage.places[1]),
            is_at(stage.places[0]),
        ];
        let byte = bits.iter().rev().fold(0_u8, |byte, bit| byte << 1 | u8::from(*bit));
        Ok(byte.to_string())
    }

    fn speed(&mut self, place: usize, word: &Word) -> Answer {
        let (stage, body) = (&self.stages[place], &mut self.bodies[place]);
        let [speed, acceleration] = body.rates();
        if word.rest == "?" {
            return Ok(format!("{}={:.6}", word.letter, stage.scale.counts(speed) / PER_MM));
        }
        let wanted = word.value().ok_or(3)?.clamp(1e-4, FASTEST);
        body.set_rates(stage.scale.units(wanted * PER_MM), acceleration);
        Ok(String::new())
    }

    fn place(&mut self, place: usize, which: usize, word: &Word) -> Answer {
        let now = self.count(place) / PER_MM;
        let stage = &mut self.stages[place];
        let zero = stage.zero / PER_MM;
        match (word.rest.as_str(), word.value()) {
            ("?", _) => return Ok(format!("{}={:.3}", word.letter, stage.places[which] - zero)),
            ("+", _) => stage.places[which] = now + zero,
            (_, Some(mm)) => stage.places[which] = mm + zero,
            _ => return Err(3),
        }
        Ok(String::new())
    }

    fn motor(&mut self, place: usize, word: &Word) -> Answer {
        let (stage, body) = (&mut self.stages[place], &mut self.bodies[place]);
        match word.rest.as_str() {
            "?" => return Ok(u8::from(stage.is_enabled).to_string()),
            "+" => stage.is_enabled = true,
            "-" => {
                (stage.is_enabled, stage.is_sent) = (false, false);
                body.halt();
            }
            _ => return Err(3),
        }
        Ok(String::new())
    }

    /// A screen of lines about an axis, two columns wide, of which the first is 33 letters.
    fn info(&self, letter: &str) -> String {
        let Some(stage) = self.stages.iter().position(|stage| letter == stage.letter.to_string()) else {
            return String::new();
        };
        let (stage, body) = (&self.stages[stage], &self.bodies[stage]);
        let speed = stage.scale.counts(body.rates()[0]) / PER_MM;
        let [low, high, _] = stage.places.map(|mm| mm - stage.zero / PER_MM);
        let row = |one: String, other: String| format!("{one:<33}{other}\r");
        [
            row(format!("Axis Name ChX: {letter}"), "Limits Status: f".to_owned()),
            row(format!("Max Lim      : {high:.3} [SU] mm"), format!("Min Lim      : {low:.3} [SL] mm")),
            row(format!("Run Speed    : {speed:.6} [S] mm/s"), "Axis Profile : STD_XYZ".to_owned()),
            "\n".to_owned(),
        ]
        .concat()
    }
}

/// `X=1 Y?` as words; `None` if a word is none.
fn words(text: &str) -> Option<Vec<Word>> {
    let word = |text: &str| {
        let letter = text.chars().next().filter(char::is_ascii_alphabetic)?;
        Some(Word { letter, rest: text[1..].to_owned() })
    };
    text.split_whitespace().map(word).collect()
}

/// A stage of its own: 110 mm by 110 mm, and 10 mm of focus, with the rig's axis in its middle.
fn own_motor(axis: &AxisConfig, scale: Scale) -> MotorSettings {
    let half_mm = if axis.at.eq_ignore_ascii_case("z") { 5.0 } else { 55.0 };
    let [one, other] = [-half_mm, half_mm].map(|mm| scale.unit_from_count(mm * PER_MM));
    let speed = scale.units(FASTEST * PER_MM);
    MotorSettings {
        start: scale.unit_from_count(0.0),
        limits: [one.min(other), one.max(other)],
        speed,
        acceleration: 10.0 * speed,
        play: 0.0,
        lag_s: 0.0,
    }
}

impl Device for Asi {
    fn receive(&mut self, bytes: &[u8], reply: &mut Vec<u8>) {
        for line in self.lines.take(bytes, |byte| byte == b'\r') {
            self.line(&line, reply);
        }
    }

    fn pass(&mut self, dt_s: f64, _reply: &mut Vec<u8>) {
        for (stage, body) in self.stages.iter_mut().zip(&mut self.bodies) {
            body.pass(dt_s);
            stage.is_sent &= body.is_moving();
        }
    }

    fn bodies(&mut self) -> &mut [Body] {
        &mut self.bodies
    }
}
