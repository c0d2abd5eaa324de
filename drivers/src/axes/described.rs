//! A controller that answers in lines, as a file describes it: for what has no driver of its own.
//!
//! `protocol` in the rig is a file that ends in `.toml`, or one that is built in: `smc100`. That file (`axes/described/smc100.toml`) is complete
//! and says of each key what it means: copy it. A mistake in a description is an error that names the file, the line, the key, what is wrong
//! and what is allowed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::axis::{
    Abilities, Alarm, AxisConfig, AxisError, AxisInfo, AxisState, AxisUnit, Controller, ControllerConfig,
    ControllerDriver, Scale,
};
use crate::link::Link;
use crate::microscope::stage::Shared;
use crate::simulators::{self, Device};

mod check;
mod file;
mod protocol;
mod source;
mod talk;
mod template;

use file::{HomeWhen, Reference, WhileMoving};
use protocol::{Limits, Protocol, Question, Rate, Simulator};
use talk::{Taken, Talk, steps, written};
use template::AT;

/// How often it is asked whether an axis has come to rest.
const PAUSE: Duration = Duration::from_millis(2);
/// What rests so long after it was told to look for its reference was there already: it may take a while before it moves.
const BEGINS: Duration = Duration::from_millis(500);

/// The driver.
pub struct Driver;

impl ControllerDriver for Driver {
    fn name(&self) -> &'static str {
        "described"
    }

    fn about(&self) -> &'static str {
        "a controller that answers in lines, as a file describes it; built in: smc100 (Newport SMC100, CONEX-CC)"
    }

    fn example(&self) -> &'static str {
        r#"# A controller that answers in lines. `protocol` describes how: a file that ends in .toml, or one that is built in. `smc100` is of Newport's
# SMC100CC, SMC100PP and, with baud = 921600, CONEX-CC; `at` is the address of a controller in the chain.
driver = "described"
protocol = "smc100"
deadline_ms = 500

[[axes]]
name = "magnet_height"
at = "1"
unit = "mm"                # what this device counts in: no counts_per_unit
limits = [0.0, 20.0]
speed = 4.0
acceleration = 40.0

[[axes]]
name = "magnet_turns"
at = "2"
unit = "turns"
counts_per_unit = 360      # a rotary stage counts degrees
"#
    }

    fn open(&self, config: &ControllerConfig) -> Result<Box<dyn Controller>, AxisError> {
        let protocol = Arc::new(Protocol::load(config.protocol.as_deref())?);
        config.places(|axis| {
            let wrong = |what: String| AxisError::Settings(format!("axis {}: {what}", axis.name));
            protocol.addresses.check(&axis.at).map_err(wrong)?;
            Ok(axis.at.clone())
        })?;
        let named = ControllerConfig { driver: protocol.name.clone(), ..config.clone() };
        let link = Link::open(&named, protocol.line)?;
        let talk = Talk { link, protocol: protocol.clone() };
        let mut described = Described { talk, protocol, motors: Vec::new(), axes: Vec::new() };
        config.axes.iter().try_for_each(|axis| described.add(axis))?;
        Ok(Box::new(described))
    }

    fn simulate(
        &self,
        config: &ControllerConfig,
        stage: Option<&Shared>,
    ) -> Result<Box<dyn Device>, AxisError> {
        match Protocol::load(config.protocol.as_deref())?.simulator {
            Some(Simulator::Smc100) => Ok(Box::new(simulators::smc100::Smc100::new(config, stage)?)),
            None => {
                let what =
                    "this protocol has no simulated device: its description names none (simulator = ...)";
                Err(AxisError::Settings(what.to_owned()))
            }
        }
    }
}

struct Described {
    talk: Talk,
    protocol: Arc<Protocol>,
    motors: Vec<Motor>,
    axes: Vec<AxisInfo>,
}

struct Motor {
    at: String,
    scale: Scale,
    /// Where it may go, in what the device counts.
    counts: [f64; 2],
    /// What the device said that it is.
    identity: Taken,
    /// Speed and acceleration of the rig that the device did not take yet.
    wanted: [Option<f64>; 2],
    /// It was told to look for its reference, and has not come to rest since.
    homing: Option<Homing>,
    /// It did so since the port was opened.
    was_homed: bool,
    /// The first alarm that nobody was told yet: a device may forget its errors once they were read.
    alarm: Option<Alarm>,
}

/// A search for the reference.
#[derive(Clone, Copy)]
struct Homing {
    since: Instant,
    /// It was seen on its way.
    was_seen: bool,
}

/// What the device counts in one unit of an axis, if both are known.
fn known_scale(unit: AxisUnit, counts_in: Option<AxisUnit>) -> Option<f64> {
    let counts_in = counts_in?;
    let lengths = unit.nm().zip(counts_in.nm()).map(|(unit_nm, counts_nm)| unit_nm / counts_nm);
    lengths.or((unit == counts_in).then_some(1.0))
}

impl Described {
    /// Adds an axis: asks what it is, where it goes, and gives it what the rig says.
    fn add(&mut self, axis: &AxisConfig) -> Result<(), AxisError> {
        let (protocol, place) = (self.protocol.clone(), self.motors.len());
        let scale = axis.scale(known_scale(axis.unit, protocol.counts_in))?;
        let identity = self.talk.ask(&axis.at, &protocol.identify)?;
        self.motors.push(Motor {
            at: axis.at.clone(),
            scale,
            counts: [0.0; 2],
            identity,
            wanted: [axis.speed, axis.acceleration],
            homing: None,
            was_homed: false,
            alarm: None,
        });
        self.talk.forget_error(&axis.at)?;
        let seen = self.see(place)?;
        let is_referenced = self.is_referenced(place, &seen)?;
        let (limits, counts) = self.limits(axis, scale, is_referenced)?;
        self.motors[place].counts = counts;
        self.enable(place, &seen)?;
        let units = |rate: &Option<Rate>| rate.as_ref().map(|rate| rate.range.map(|rate| scale.units(rate)));
        let can = Abilities {
            home: protocol.home.is_some(),
            speed: units(&protocol.speed),
            acceleration: units(&protocol.acceleration),
        };
        self.axes.push(AxisInfo { name: axis.name.clone(), unit: axis.unit, limits, can });
        match self.give_wanted(place) {
            // Not before it has its reference, perhaps: then before the next motion.
            Err(AxisError::Refused { .. }) if !is_referenced => Ok(()),
            given => given,
        }
    }

    /// Where it goes, in its unit and in counts.
    fn limits(
        &mut self,
        axis: &AxisConfig,
        scale: Scale,
        is_referenced: bool,
    ) -> Result<([f64; 2], [f64; 2]), AxisError> {
        let protocol = self.protocol.clone();
        let device = match &protocol.limits {
            Limits::Unknown => None,
            Limits::Counts(counts) => Some(*counts),
            Limits::Asked(questions) => match self.asked_limits(&axis.at, questions) {
                Ok(counts) => Some(counts),
                Err(AxisError::Refused { .. }) if !is_referenced => None,
                Err(AxisError::Silent { .. }) if !is_referenced => {
                    self.reconnect()?;
                    None
                }
                Err(error) => return Err(error),
            },
        };
        let wrong = |what: String| Err(AxisError::Settings(format!("axis {}: {what}", axis.name)));
        let limits = match (device, axis.limits) {
            (Some(counts), _) => axis.limits(scale, counts)?,
            (None, Some(limits)) => limits,
            (None, None) => {
                return wrong(
                    "limits are missing: the device does not tell, or not before it is homed".to_owned(),
                );
            }
        };
        let [one, other] = limits.map(|limit| scale.count_from_unit(limit));
        let counts = [one.min(other), one.max(other)];
        match steps(counts, protocol.decimals) {
            [least, greatest] if least < greatest => Ok((limits, counts)),
            _ => wrong(format!("its limits are nearer than {} digits behind the point", protocol.decimals)),
        }
    }

    fn asked_limits(&mut self, at: &str, [least, greatest]: &[Question; 2]) -> Result<[f64; 2], AxisError> {
        Ok([self.talk.number(at, least, "limit")?, self.talk.number(at, greatest, "limit")?])
    }

    fn see(&mut self, axis: usize) -> Result<Taken, AxisError> {
        let seen = self.talk.see(&self.motors[axis].at)?;
        let mut alarm = None;
        for (told, when) in &self.protocol.alarms {
            if alarm.is_none() && self.talk.any(when, &seen)? {
                alarm = Some(*told);
            }
        }
        self.motors[axis].alarm = self.motors[axis].alarm.or(alarm);
        Ok(seen)
    }

    /// Whether an axis still looks for its reference; once it rests, whether it has found it. `seen` is what was just seen of it.
    fn follow_homing(&mut self, axis: usize, is_moving: bool, has_alarm: bool) -> bool {
        let motor = &mut self.motors[axis];
        let Some(homing) = &mut motor.homing else { return false };
        homing.was_seen |= is_moving;
        let has_run = homing.was_seen || homing.since.elapsed() > BEGINS;
        if !is_moving && (has_run || has_alarm) {
            (motor.homing, motor.was_homed) = (None, !has_alarm);
        }
        motor.homing.is_some()
    }

    fn is_moving(&mut self, seen: &Taken) -> Result<bool, AxisError> {
        self.talk.any(&self.protocol.moving, seen)
    }

    fn is_referenced(&mut self, axis: usize, seen: &Taken) -> Result<bool, AxisError> {
        match self.protocol.reference {
            Reference::Told => self.talk.any(&self.protocol.referenced, seen),
            Reference::Always => Ok(true),
            Reference::SinceHomed => Ok(self.motors[axis].was_homed && self.motors[axis].homing.is_none()),
        }
    }

    /// Switches the motor on where the device says that it is off.
    fn enable(&mut self, axis: usize, seen: &Taken) -> Result<(), AxisError> {
        match &self.protocol.enable {
            Some((command, when)) if self.talk.any(when, seen)? => {
                self.talk.command(&self.motors[axis].at, command, None)?;
                // It is on now.
                let motor = &mut self.motors[axis];
                motor.alarm = motor.alarm.filter(|alarm| *alarm != Alarm::MotorOff);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Speed and acceleration that the rig wants and the device did not take yet.
    fn give_wanted(&mut self, axis: usize) -> Result<(), AxisError> {
        let [speed, acceleration] = self.motors[axis].wanted;
        speed.map(|speed| self.set_speed(axis, speed)).transpose()?;
        acceleration.map(|acceleration| self.set_acceleration(axis, acceleration)).transpose()?;
        Ok(())
    }

    /// Sets one of the rates, named as its gap, and gives what the device has then.
    fn set_rate(&mut self, axis: usize, name: &str, rate: &Rate, asked: f64) -> Result<f64, AxisError> {
        let Motor { at, scale, .. } = &self.motors[axis];
        let text = written(scale.counts(asked), rate.range, self.protocol.decimals);
        self.talk.command(at, &rate.set, Some((name, &text)))?;
        match &rate.ask {
            Some(question) => Ok(scale.units(self.talk.number(at, question, name)?)),
            None => Ok(scale.units(text.parse().unwrap_or(scale.counts(asked)))),
        }
    }

    /// Brings an axis to rest that goes nowhere else while it moves; if it does not rest within a deadline, it is not sent.
    fn rest(&mut self, axis: usize) -> Result<(), AxisError> {
        let seen = self.see(axis)?;
        if !self.is_moving(&seen)? {
            return Ok(());
        }
        self.stop(axis)?;
        let until = Instant::now() + self.talk.link.deadline();
        while Instant::now() < until {
            let seen = self.see(axis)?;
            if !self.is_moving(&seen)? {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
        Err(self.talk.link.refused(
            b"",
            "moving",
            "it goes nowhere else before it rests, and is being stopped",
        ))
    }

    /// It goes elsewhere, or comes to rest, before it has found its reference.
    fn forget_homing(&mut self, axis: usize) {
        self.motors[axis].homing = None;
    }
}

impl Controller for Described {
    fn axes(&self) -> &[AxisInfo] {
        &self.axes
    }

    fn read(&mut self, axis: usize) -> Result<AxisState, AxisError> {
        let seen = self.see(axis)?;
        let count = self.talk.number_of(&seen, "position")?;
        let is_moving = self.is_moving(&seen)?;
        let alarm = self.motors[axis].alarm.take();
        let is_moving = self.follow_homing(axis, is_moving, alarm.is_some()) || is_moving;
        let is_referenced = self.is_referenced(axis, &seen)?;
        let position = self.motors[axis].scale.unit_from_count(count);
        Ok(AxisState { position, is_moving, is_referenced, alarm })
    }

    fn move_to(&mut self, axis: usize, target: f64) -> Result<(), AxisError> {
        self.axes[axis].check(target)?;
        if self.protocol.while_moving == WhileMoving::Stop {
            self.rest(axis)?;
        }
        self.give_wanted(axis)?;
        self.forget_homing(axis);
        let Motor { at, scale, counts, .. } = &self.motors[axis];
        let text = written(scale.count_from_unit(target), *counts, self.protocol.decimals);
        self.talk.command(at, &self.protocol.motion, Some(("target", &text)))
    }

    fn stop(&mut self, axis: usize) -> Result<(), AxisError> {
        self.forget_homing(axis);
        let at = &self.motors[axis].at;
        match self.talk.command(at, &self.protocol.stop, None) {
            Err(error) if error.is_fault() => {
                let request = self.talk.line(at, &self.protocol.stop.send, None);
                self.talk.link.send_regardless(&request)?;
                Err(error)
            }
            // Some refuse it when there is nothing to stop.
            Err(error) => {
                let seen = self.see(axis)?;
                if self.is_moving(&seen)? { Err(error) } else { Ok(()) }
            }
            Ok(()) => Ok(()),
        }
    }

    fn emergency_stop(&mut self) -> Result<(), AxisError> {
        let stop = &self.protocol.emergency_stop.as_ref().unwrap_or(&self.protocol.stop).send;
        let times = if stop.has(AT) { self.motors.len() } else { 1 };
        for motor in &self.motors[..times] {
            let request = self.talk.line(&motor.at, stop, None);
            self.talk.link.send_regardless(&request)?;
        }
        self.motors.iter_mut().for_each(|motor| motor.homing = None);
        self.talk.link.wait_for_silence()?;
        // Who had nothing to stop may have refused it, which is not the refusal of what comes next.
        let _ = self.motors.iter().try_for_each(|motor| self.talk.forget_error(&motor.at));
        Ok(())
    }

    fn home(&mut self, axis: usize) -> Result<(), AxisError> {
        let protocol = self.protocol.clone();
        let Some((command, when)) = &protocol.home else {
            return Err(self.cannot(axis, "look for its reference"));
        };
        let seen = self.see(axis)?;
        self.enable(axis, &seen)?;
        if *when == HomeWhen::Unreferenced && self.is_referenced(axis, &seen)? {
            return Ok(());
        }
        self.talk.command(&self.motors[axis].at, command, None)?;
        let homing = Homing { since: Instant::now(), was_seen: false };
        (self.motors[axis].homing, self.motors[axis].was_homed) = (Some(homing), false);
        Ok(())
    }

    fn set_speed(&mut self, axis: usize, speed: f64) -> Result<f64, AxisError> {
        let (protocol, info) = (self.protocol.clone(), &self.axes[axis]);
        info.check_rate(info.can.speed, speed, "go so fast or slow")?;
        let Some(rate) = &protocol.speed else { return Err(self.cannot(axis, "be given a speed")) };
        let has = self.set_rate(axis, "speed", rate, speed)?;
        self.motors[axis].wanted[0] = None;
        Ok(has)
    }

    fn set_acceleration(&mut self, axis: usize, acceleration: f64) -> Result<f64, AxisError> {
        let (protocol, info) = (self.protocol.clone(), &self.axes[axis]);
        info.check_rate(info.can.acceleration, acceleration, "accelerate so much or little")?;
        let Some(rate) = &protocol.acceleration else {
            return Err(self.cannot(axis, "be given an acceleration"));
        };
        let has = self.set_rate(axis, "acceleration", rate, acceleration)?;
        self.motors[axis].wanted[1] = None;
        Ok(has)
    }

    fn reconnect(&mut self) -> Result<(), AxisError> {
        self.talk.link.recover()?;
        for motor in &mut self.motors {
            let identity = self.talk.ask(&motor.at, &self.protocol.identify)?;
            if identity != motor.identity {
                let told: Vec<String> = identity.into_iter().map(|(_, value)| value).collect();
                let request = self.talk.line(&motor.at, &self.protocol.identify.ask, None);
                return Err(self.talk.link.garbled(&request, told.join(" ").as_bytes()));
            }
            self.talk.forget_error(&motor.at)?;
            // Its power may have been away.
            (motor.homing, motor.was_homed, motor.alarm) = (None, false, None);
        }
        Ok(())
    }
}
