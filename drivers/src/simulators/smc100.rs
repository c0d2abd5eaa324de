//! Newport SMC100CC controllers in a chain, as "SMC100CC & SMC100PP User's Manual" (EDH0206En) describes them: the states of section 6.2, the
//! syntax of 6.3, and the pages of the commands, which the CONEX-CC shares.
//!
//! Not known, and chosen here: that limits and rates are told before the reference was found, and what `VE` says behind the model.

use super::{Body, Device};
use crate::axis::{AxisConfig, AxisError, ControllerConfig, Scale};
use crate::microscope::settings::MotorSettings;
use crate::microscope::stage::Shared;

/// A simulated chain.
pub struct Smc100 {
    controllers: Vec<Controller>,
    bodies: Vec<Body>,
    rest: Vec<u8>,
    /// Whether limits are told before the reference was found; some libraries ask then, others do not.
    pub tells_limits_unreferenced: bool,
}

struct Controller {
    address: u8,
    scale: Scale,
    state: State,
    /// The last command error, until it is asked for.
    error: char,
    /// Positioner errors, until they are asked for.
    errors: u16,
    /// Software limits, in its own unit.
    limits: [f64; 2],
    /// The fastest that its configuration allows.
    greatest: [f64; 2],
}

/// The states, with their codes where there are several ("TS", controller states).
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// From: 0A reset, 0B homing.
    NotReferenced(u8),
    Homing,
    Moving,
    /// From: 32 homing, 33 moving, 34 disable.
    Ready(u8),
    /// From: 3C ready, 3D moving.
    Disable(u8),
}

impl State {
    fn code(self) -> u8 {
        match self {
            Self::NotReferenced(code) | Self::Ready(code) | Self::Disable(code) => code,
            Self::Homing => 0x1E,
            Self::Moving => 0x28,
        }
    }

    /// What a command says that is not for this state ("TE").
    fn refusal(self) -> char {
        match self {
            Self::NotReferenced(_) => 'H',
            Self::Disable(_) => 'J',
            Self::Ready(_) => 'K',
            Self::Homing => 'L',
            Self::Moving => 'M',
        }
    }
}

const FOLLOWING_ERROR: u16 = 1 << 5;
const HOMING_TIME_OUT: u16 = 1 << 6;

impl Smc100 {
    /// A chain with the axes of a rig.
    ///
    /// # Errors
    /// [`AxisError::Settings`] if the table is not for these controllers.
    pub fn new(config: &ControllerConfig, stage: Option<&Shared>) -> Result<Self, AxisError> {
        let mut chain = Self {
            controllers: Vec::new(),
            bodies: Vec::new(),
            rest: Vec::new(),
            tells_limits_unreferenced: true,
        };
        for axis in &config.axes {
            // A linear stage is configured in mm.
            let scale = axis.scale(axis.unit.nm().map(|nm| nm / 1e6))?;
            let address = axis.at.parse().ok().filter(|address| (1..=31).contains(address));
            let address = address.ok_or_else(|| {
                AxisError::Settings(format!("axis {}: at = {:?} must be 1 to 31", axis.name, axis.at))
            })?;
            let own = own_motor(axis);
            let body = Body::new(axis, &own, stage)?;
            let [one, other] = body.limits().map(|limit| scale.count_from_unit(limit));
            let [speed, acceleration] = body.rates();
            chain.controllers.push(Controller {
                address,
                scale,
                state: State::Ready(0x32),
                error: '@',
                errors: 0,
                limits: [one.min(other), one.max(other)],
                greatest: [speed.max(own.speed), acceleration.max(own.acceleration)]
                    .map(|rate| scale.counts(rate)),
            });
            chain.bodies.push(body);
        }
        Ok(chain)
    }

    fn line(&mut self, line: &str, reply: &mut Vec<u8>) {
        // Blanks count nowhere, nor does the case (6.3).
        let line: String = line.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let line = line.to_ascii_uppercase();
        let digits = line.find(|c: char| !c.is_ascii_digit()).unwrap_or(line.len());
        let (address, command) = line.split_at(digits);
        let (Some(name), Some(value)) = (command.get(..2), command.get(2..)) else { return };
        let address = address.parse::<u8>().unwrap_or_default();
        if address == 0 {
            // Only these go to all ("ST", "MM", "RS").
            if ["ST", "MM", "RS"].contains(&name) {
                (0..self.controllers.len()).for_each(|place| {
                    self.command(place, name, value);
                });
            }
            return;
        }
        let Some(place) = self.controllers.iter().position(|there| there.address == address) else { return };
        if let Some(told) = self.command(place, name, value) {
            reply.extend(format!("{address}{name}{told}\r\n").bytes());
        }
    }

    /// What a controller does, and what it says behind the name of the command.
    fn command(&mut self, place: usize, name: &str, value: &str) -> Option<String> {
        self.look(place);
        let is_asked = value == "?";
        match name {
            "TP" | "TH" => Some(self.told_position(place)),
            "TS" => {
                let there = &mut self.controllers[place];
                Some(format!("{:04X}{:02X}", std::mem::take(&mut there.errors), there.state.code()))
            }
            "TE" => Some(std::mem::replace(&mut self.controllers[place].error, '@').to_string()),
            "VE" => Some(" SMC100CC 2.0.1".to_owned()),
            "SL" | "SR" if is_asked => {
                let there = &self.controllers[place];
                let is_referenced = !matches!(there.state, State::NotReferenced(_) | State::Homing);
                let limit = there.limits[usize::from(name == "SR")];
                if is_referenced || self.tells_limits_unreferenced {
                    Some(number(limit))
                } else {
                    self.controllers[place].error = 'H';
                    None
                }
            }
            "VA" | "AC" if is_asked => {
                let rate = self.bodies[place].rates()[usize::from(name == "AC")];
                Some(number(self.controllers[place].scale.counts(rate)))
            }
            "MM" if is_asked => Some(format!("{:02X}", self.controllers[place].state.code())),
            _ => {
                let done = self.act(place, name, value);
                if let Err(error) = done {
                    self.controllers[place].error = error;
                }
                None
            }
        }
    }

    /// Does something, or says with a letter why not.
    fn act(&mut self, place: usize, name: &str, value: &str) -> Result<(), char> {
        let (there, body) = (&mut self.controllers[place], &mut self.bodies[place]);
        let refused = Err(there.state.refusal());
        let wanted = value.parse::<f64>().map_err(|_| 'C');
        match (name, there.state) {
            ("PA", State::Ready(_)) => {
                let target = wanted?;
                if !(there.limits[0]..=there.limits[1]).contains(&target) {
                    return Err('G');
                }
                let [least, greatest] = body.limits();
                body.has_stalled = false;
                body.go(there.scale.unit_from_count(target).clamp(least, greatest));
                there.state = State::Moving;
            }
            ("OR", State::NotReferenced(_)) => {
                body.home();
                there.state = State::Homing;
            }
            ("ST", State::Moving) => body.stop(),
            ("ST", State::Homing) => {
                body.halt();
                there.state = State::NotReferenced(0x0B);
            }
            ("ST", State::Ready(_) | State::Disable(_)) => {}
            ("MM", State::Ready(_)) if value == "0" => there.state = State::Disable(0x3C),
            ("MM", State::Disable(_)) if value == "1" => there.state = State::Ready(0x34),
            ("MM", State::Ready(_) | State::Disable(_)) if value != "0" && value != "1" => return Err('C'),
            ("VA" | "AC", State::Ready(_) | State::Disable(_)) => {
                let (wanted, which) = (wanted?, usize::from(name == "AC"));
                // "Its value can be up to the programmed value in CONFIGURATION state."
                if !(wanted > 1e-6 && wanted <= there.greatest[which]) {
                    return Err('C');
                }
                let mut rates = body.rates();
                rates[which] = there.scale.units(wanted);
                body.set_rates(rates[0], rates[1]);
            }
            ("RS", _) => {
                body.halt();
                body.is_referenced = false;
                (there.state, there.error, there.errors) = (State::NotReferenced(0x0A), '@', 0);
            }
            ("PA" | "OR" | "ST" | "MM" | "VA" | "AC", _) => return refused,
            _ => return Err('A'),
        }
        Ok(())
    }

    /// What became of a motion.
    fn look(&mut self, place: usize) {
        let (there, body) = (&mut self.controllers[place], &mut self.bodies[place]);
        let rests = !body.is_moving() && !body.is_homing();
        match there.state {
            State::Moving if rests && body.has_stalled => {
                (there.state, there.errors) = (State::Disable(0x3D), there.errors | FOLLOWING_ERROR);
            }
            State::Moving if rests => there.state = State::Ready(0x33),
            State::Homing if rests && body.is_referenced => there.state = State::Ready(0x32),
            State::Homing if rests => {
                (there.state, there.errors) = (State::NotReferenced(0x0B), there.errors | HOMING_TIME_OUT);
            }
            // Its power was away.
            State::Ready(_) | State::Disable(_) if !body.is_referenced => {
                there.state = State::NotReferenced(0x0A)
            }
            _ => {}
        }
    }

    fn told_position(&self, place: usize) -> String {
        number(self.controllers[place].scale.count_from_unit(self.bodies[place].position()))
    }
}

/// A number as it is told.
fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A motor of its own: a linear stage of 25 mm or a rotary one, or what the rig says.
fn own_motor(axis: &AxisConfig) -> MotorSettings {
    let (limits, speed): ([f64; 2], f64) =
        if axis.unit.nm().is_some() { ([0.0, 25.0], 20.0) } else { ([-10.0, 10.0], 5.0) };
    MotorSettings { start: 0.0, limits, speed, acceleration: 10.0 * speed, play: 0.0, lag_s: 0.0 }
}

impl Device for Smc100 {
    fn receive(&mut self, bytes: &[u8], reply: &mut Vec<u8>) {
        self.rest.extend_from_slice(bytes);
        // A line is executed when its end has come, CR and LF (6.3); what never ends is forgotten.
        while let Some(end) = self.rest.windows(2).position(|two| two == b"\r\n") {
            let line = String::from_utf8_lossy(&self.rest[..end]).into_owned();
            self.rest.drain(..end + 2);
            self.line(&line, reply);
        }
        if self.rest.len() > 1024 {
            self.rest.clear();
        }
    }

    fn pass(&mut self, dt_s: f64, _reply: &mut Vec<u8>) {
        for place in 0..self.bodies.len() {
            self.bodies[place].pass(dt_s);
            self.look(place);
        }
    }

    fn bodies(&mut self) -> &mut [Body] {
        &mut self.bodies
    }
}
