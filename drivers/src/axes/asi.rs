//! Stages on an ASI MS-2000 or RM-2000, or on a Tiger (TG-1000) that replies as an MS-2000 does.
//!
//! Commands, replies and error codes are those of ASI's command pages (asiimaging.com/docs/commands) and of the manual "TG-1000 Programming
//! Manual", sections "RS-232 Communication", "Error Codes" and "Command"; the units and the spelling of replies were compared with the
//! adapters ASIStage and ASITiger of Micro-Manager, which ASI keeps.
//!
//! What these controllers cannot tell: whether an axis was homed. They keep position and limits while they are off (page SAVEPOS), and a stage
//! that was turned by hand meanwhile is somewhere else. HOME drives to a place and changes no coordinate (page SETHOME); so it finds no
//! reference, and this driver does not offer it. Its axes are taken as referenced.

use super::mark::resync;
use crate::axis::{
    Abilities, Alarm, AxisConfig, AxisError, AxisInfo, AxisState, Controller, ControllerConfig,
    ControllerDriver, Scale, finite,
};
use crate::link::{Line, Link};
use crate::microscope::stage::Shared;
use crate::simulators::{self, Device};

/// What positions count in a mm unless the controller was told otherwise: tenths of a micrometre (page MOVE; UM tells it).
pub(crate) const PER_MM: f64 = 10_000.0;
/// A speed that no axis has, mm/s: it takes its greatest instead (ASITiger finds that so).
const TOO_FAST: f64 = 10_000.0;
/// The least speed that is offered, in parts of the greatest.
const SLOWEST: f64 = 1e-4;
/// An axis that rests this far from its target, in mm, has not arrived. It rests within its finish error, some 10 nm to 1 µm (page PCROS).
const FAR: f64 = 0.005;
/// Bits of the status byte (page RDSBYTE): a commanded move is in progress; the axis is enabled; its motor is ramping; it is at an end.
const MOVES: u8 = 1;
const IS_ENABLED: u8 = 1 << 1;
const RAMPS: u8 = 1 << 4;
const AT_END: u8 = 3 << 6;

/// The driver.
pub struct Driver;

impl ControllerDriver for Driver {
    fn name(&self) -> &'static str {
        "asi"
    }

    fn about(&self) -> &'static str {
        "ASI stages (MS-2000, RM-2000, Tiger); a stop is for all axes, and they cannot tell whether they were homed"
    }

    fn example(&self) -> &'static str {
        r#"# A stage on an ASI MS-2000 or Tiger: `at` is the letter of an axis.
driver = "asi"
baud = 9600                 # as its switches say; 115200 by USB
deadline_ms = 500

[[axes]]
name = "stage_x"
at = "X"
unit = "mm"
limits = [-5.0, 5.0]        # within those that the controller has (SL, SU)

[[axes]]
name = "stage_y"
at = "Y"
unit = "mm"
limits = [-5.0, 5.0]
speed = 5.0

[[axes]]
name = "stage_z"
at = "Z"
unit = "um"
limits = [-500.0, 500.0]
"#
    }

    fn open(&self, config: &ControllerConfig) -> Result<Box<dyn Controller>, AxisError> {
        let letters = config.places(|axis| letter(&axis.at))?;
        let link = Link::open(config, Line { baud: 9600, rts_cts: false })?;
        let mut asi = Asi { link, stages: Vec::new(), axes: Vec::new(), turn: 0 };
        asi.resync()?;
        for (axis, letter) in config.axes.iter().zip(letters) {
            let per_mm = asi.per_mm(letter)?;
            let scale = axis.scale(axis.unit.nm().map(|nm| per_mm * nm / 1e6))?;
            let counts = asi.ends(letter, per_mm)?;
            let limits = axis.limits(scale, counts)?;
            let fastest = scale.units(asi.fastest(letter)? * per_mm);
            let can = Abilities { speed: Some([SLOWEST * fastest, fastest]), ..Abilities::default() };
            asi.axes.push(AxisInfo { name: axis.name.clone(), unit: axis.unit, limits, can });
            asi.stages.push(Stage { letter, rig: axis.clone(), scale, per_mm, target: None });
            let place = asi.axes.len() - 1;
            asi.give_rates(place, axis)?;
        }
        Ok(Box::new(asi))
    }

    fn simulate(
        &self,
        config: &ControllerConfig,
        stage: Option<&Shared>,
    ) -> Result<Box<dyn Device>, AxisError> {
        Ok(Box::new(simulators::asi::Asi::new(config, stage)?))
    }
}

struct Asi {
    link: Link,
    stages: Vec<Stage>,
    axes: Vec<AxisInfo>,
    /// How often it was brought into step.
    turn: u32,
}

struct Stage {
    letter: char,
    /// What the rig says of it.
    rig: AxisConfig,
    scale: Scale,
    /// Counts in a mm.
    per_mm: f64,
    /// Where it was sent, in counts, unless it was stopped since.
    target: Option<f64>,
}

/// `X`.
pub(crate) fn letter(at: &str) -> Result<char, AxisError> {
    let mut letters = at.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) if letter.is_ascii_alphabetic() => Ok(letter.to_ascii_uppercase()),
        _ => Err(AxisError::Settings(format!("at = {at:?} must be the letter of an axis, X, Y or Z"))),
    }
}

/// What a reply says: `:A 1234.5`, `:A X=1.5`, `:X=50 A` (as page ACCEL has it), or `:N-4`. `None` if it is none.
fn parse(line: &[u8]) -> Option<Result<String, String>> {
    let begin = line.iter().position(|byte| *byte == b':')?;
    let text = std::str::from_utf8(&line[begin + 1..]).ok()?.trim();
    match text.strip_prefix('N') {
        Some(code) => code.parse::<i32>().ok().map(|_| Err(text.to_owned())),
        None => {
            let text = text.strip_prefix('A').or_else(|| text.strip_suffix('A'))?;
            Some(Ok(text.trim().to_owned()))
        }
    }
}

/// What the manual says about a code ("Error Codes").
fn meaning(code: &str) -> &'static str {
    match code {
        "N-1" => "it knows no such command",
        "N-2" => "it has no such axis",
        "N-3" => "something is missing from the command",
        "N-4" => "the value is out of its range",
        "N-5" => "the operation failed",
        "N-6" => "it cannot do that now",
        "N-7" => "it has no such card",
        "N-21" => "it was halted",
        _ => "see the list of error codes",
    }
}

impl Asi {
    fn ask(&mut self, command: &str) -> Result<String, AxisError> {
        let request = format!("{command}\r");
        let reply = self.link.ask_until(request.as_bytes(), b"\n", parse)?;
        reply.map_err(|code| self.link.refused(request.as_bytes(), &code, meaning(&code)))
    }

    /// Asks for a number: what is behind the last `=`, or all.
    fn number(&mut self, command: &str) -> Result<f64, AxisError> {
        let text = self.ask(command)?;
        let number = text.rsplit('=').next().unwrap_or_default().trim();
        finite(number).ok_or_else(|| self.link.garbled(command.as_bytes(), text.as_bytes()))
    }

    fn get(&mut self, command: &str, letter: char) -> Result<f64, AxisError> {
        self.number(&format!("{command} {letter}?"))
    }

    /// What positions of an axis count in a mm. Who has no such command counts tenths of a micrometre.
    fn per_mm(&mut self, letter: char) -> Result<f64, AxisError> {
        match self.get("UM", letter) {
            Err(AxisError::Refused { .. }) => Ok(PER_MM),
            answer => answer,
        }
    }

    /// Where the controller lets an axis go, in counts. One that counts the other way has its upper limit below (page SETUP, note 2).
    fn ends(&mut self, letter: char, per_mm: f64) -> Result<[f64; 2], AxisError> {
        let ends = [self.get("SL", letter)?, self.get("SU", letter)?].map(|mm| mm * per_mm);
        Ok([ends[0].min(ends[1]), ends[0].max(ends[1])])
    }

    /// The status byte of an axis.
    fn status(&mut self, letter: char) -> Result<u8, AxisError> {
        let status = self.number(&format!("RS {letter}"))?;
        match (0.0..=255.0).contains(&status) {
            true => Ok(status as u8),
            false => Err(self.link.garbled(b"RS", status.to_string().as_bytes())),
        }
    }

    /// The greatest speed of an axis, mm/s: what it makes of one that it cannot have. It has its own again afterwards, whatever happens. One
    /// that moves would go as fast meanwhile; so the greatest that it is given is the one that it has.
    fn fastest(&mut self, letter: char) -> Result<f64, AxisError> {
        let before = self.get("S", letter)?;
        if self.status(letter)? & (MOVES | RAMPS) != 0 {
            return Ok(before);
        }
        let restore = format!("S {letter}={before}");
        let fastest = self.ask(&format!("S {letter}={TOO_FAST}")).and_then(|_| self.get("S", letter));
        let restored = match &fastest {
            Err(error) if error.is_fault() => Err(error.clone()),
            _ => self.ask(&restore).map(drop),
        };
        if restored.as_ref().is_err_and(AxisError::is_fault) {
            self.link.send_regardless(format!("{restore}\r").as_bytes())?;
        }
        restored.and(fastest)
    }

    /// STATUS is answered by one letter, VERSION by a line with a colon.
    fn resync(&mut self) -> Result<(), AxisError> {
        self.turn += 1;
        resync(&mut self.link, self.turn, [b"/\r", b"V\r"], b"\n", |line| match line.trim_ascii() {
            b"N" | b"B" => Some(false),
            line => line.contains(&b':').then_some(true),
        })
    }

    /// HALT is for all axes, and says whether there was something to halt (page HALT).
    fn halt(&mut self) -> Result<(), AxisError> {
        self.stages.iter_mut().for_each(|stage| stage.target = None);
        match self.link.ask_until(b"\\\r", b"\n", parse) {
            Ok(_) => Ok(()),
            Err(error) => {
                self.link.send_regardless(b"\\\r")?;
                Err(error)
            }
        }
    }
}

impl Controller for Asi {
    fn axes(&self) -> &[AxisInfo] {
        &self.axes
    }

    fn read(&mut self, axis: usize) -> Result<AxisState, AxisError> {
        let Stage { letter, scale, per_mm, target, .. } = self.stages[axis];
        // In this order: where a resting axis is, is where it came to rest.
        let status = self.status(letter)?;
        let count = self.number(&format!("W {letter}"))?;
        let has = |bits: u8| status & bits != 0;
        let is_moving = has(MOVES | RAMPS);
        // At the end of its range an axis may well be on purpose.
        let is_short = target.is_some_and(|target| (count - target).abs() > FAR * per_mm);
        let alarm = match () {
            () if !has(IS_ENABLED) => Some(Alarm::MotorOff),
            () if has(AT_END) && !is_moving && is_short => Some(Alarm::AtLimitSwitch),
            () => None,
        };
        Ok(AxisState { alarm, ..AxisState::at(scale.unit_from_count(count), is_moving) })
    }

    fn move_to(&mut self, axis: usize, target: f64) -> Result<(), AxisError> {
        self.axes[axis].check(target)?;
        let Stage { letter, scale, .. } = self.stages[axis];
        // 10 nm, finer than its encoder.
        let count = scale.target(target, self.axes[axis].limits, 10.0);
        self.stages[axis].target = Some(count);
        self.ask(&format!("M {letter}={count:.1}")).map(drop)
    }

    fn stop(&mut self, _axis: usize) -> Result<(), AxisError> {
        self.halt()
    }

    fn emergency_stop(&mut self) -> Result<(), AxisError> {
        self.stages.iter_mut().for_each(|stage| stage.target = None);
        self.link.send_regardless(b"\\\r")?;
        self.link.wait_for_silence()
    }

    fn set_speed(&mut self, axis: usize, speed: f64) -> Result<f64, AxisError> {
        let Stage { letter, scale, per_mm, .. } = self.stages[axis];
        let info = &self.axes[axis];
        info.check_rate(info.can.speed, speed, "go so fast or slow")?;
        self.ask(&format!("S {letter}={:.6}", scale.counts(speed) / per_mm))?;
        Ok(scale.units(self.get("S", letter)? * per_mm))
    }

    fn reconnect(&mut self) -> Result<(), AxisError> {
        self.link.recover()?;
        self.resync()?;
        // It tells nothing that is its own; but another one, or one that somebody has set up anew, would take the same numbers for other
        // places.
        for axis in 0..self.stages.len() {
            let Stage { letter, scale, per_mm, .. } = self.stages[axis];
            let told = self.per_mm(letter)?;
            if told != per_mm {
                return Err(self
                    .link
                    .garbled(format!("UM {letter}?").as_bytes(), told.to_string().as_bytes()));
            }
            let counts = self.ends(letter, per_mm)?;
            match self.stages[axis].rig.limits(scale, counts) {
                Ok(limits) => self.axes[axis].limits = limits,
                Err(error) => return Err(self.link.garbled(b"SL, SU", error.to_string().as_bytes())),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_as_the_pages_write_them() {
        let said = |text: &str| Some(Ok(text.to_owned()));
        // WHERE, RDSTAT, SETLOW, SETHOME, ACCEL, and the end of a MOVE.
        assert_eq!(parse(b":A 1234.5 432.1 0\r"), said("1234.5 432.1 0"));
        assert_eq!(parse(b":A 138 \r"), said("138"));
        assert_eq!(parse(b":A Z=-110.000\r"), said("Z=-110.000"));
        assert_eq!(parse(b":X=50 Y=50 Z=50 A\r"), said("X=50 Y=50 Z=50"));
        assert_eq!(parse(b":A \r"), said(""));
        assert_eq!(parse(b":N-21 \r"), Some(Err("N-21".to_owned())));
        for other in [&b"N\r"[..], b"", b":", b":Nonsense", b"A 12", b":1234.5"] {
            assert_eq!(parse(other), None, "{}", other.escape_ascii());
        }
    }

    #[test]
    fn an_axis_is_a_letter() {
        assert_eq!((letter("X").unwrap(), letter("z").unwrap()), ('X', 'Z'));
        for wrong in ["", "1", "XY", " "] {
            assert!(letter(wrong).is_err(), "{wrong}");
        }
    }
}
