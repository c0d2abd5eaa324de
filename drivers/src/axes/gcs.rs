//! Stages and motors of Physik Instrumente that speak the PI General Command Set, syntax 2.0: piezo stages on an E-709 (focus), motors on a
//! C-863.11 or .12 (magnets), and their relatives. Older Mercury controllers know it through a Windows library only: [`super::c862`].
//!
//! Sources: the manual MS249E of the C-863.12 (version 1.2.1: sections 8.2 "GCS Syntax", 8.3 "Target and Sender Address", 8.6 "Command
//! Descriptions", 8.7 "Error Codes"); what is different on an E-709 is from PI's EPICS driver (motorPIGCS2: PIGCSPiezoController) and
//! from PI's client PIPython, which talks to the simulator beside this driver. No real controller was at hand.
//!
//! A controller counts in the unit of its stage, µm or mm or degrees, and tells which (parameter 0x07000601). Nothing else is believed: the
//! family says mm for a motor whose stage may well turn. One that does not tell needs `counts_per_unit` in the rig.
//!
//! A set command is not answered; `ERR?` tells how it went, once, and also what went wrong before. So it is asked before and after.
//!
//! No motion begins when a controller is opened, and no servo is switched on: that may move a piezo stage. The first motion, or homing, switches it on.

mod answers;
mod station;

use crate::axis::{
    Abilities, Alarm, AxisConfig, AxisError, AxisInfo, AxisState, Controller, ControllerConfig,
    ControllerDriver, Scale,
};
use crate::link::{Line, Link};
use crate::microscope::stage::Shared;
use crate::simulators::{self, Device};
use answers::{
    MOTION_ERRORS, NO_SERVO_OR_REFERENCE, STOPPED, Status, is_yes, meaning, number, parameter, value,
};
pub(crate) use answers::{Place, Unit};
use station::Station;

/// The unit of an axis, in which it tells positions (parameter overview of MS249E, "Axis Unit").
const UNIT: &str = "0x07000601";
/// Greatest closed-loop velocity and acceleration of an axis (parameter overview of MS249E; in units per second and second squared).
const GREATEST: [&str; 2] = ["0xA", "0x4A"];
/// Least and greatest speed and acceleration where the controller tells none: it refuses what it cannot.
const RATES: [f64; 2] = [1e-6, 1e6];

/// Steps in what a controller counts in: a picometre of a piezo stage, a nanometre of a motor. Shorter to write, and finer than either is.
const FINEST: f64 = 1e6;

/// The driver.
pub struct Driver;

impl ControllerDriver for Driver {
    fn name(&self) -> &'static str {
        "pi_gcs"
    }

    fn about(&self) -> &'static str {
        "Physik Instrumente piezo stages and motors (E-709, C-863.11, ...), General Command Set 2.0"
    }

    fn example(&self) -> &'static str {
        r#"# A PIFOC on an E-709. `at` is the axis as the controller calls it. In a daisy chain it is "2.1": controller 2, axis 1.
driver = "pi_gcs"
baud = 115200                # a C-863 has it on its DIP switches, often 38400
deadline_ms = 500

[[axes]]
name = "focus"
at = "1"
unit = "nm"                  # how it counts (µm, mm or degrees) the controller tells; counts_per_unit overrides it
limits = [0.0, 100000.0]
"#
    }

    fn open(&self, config: &ControllerConfig) -> Result<Box<dyn Controller>, AxisError> {
        let places = config.places(|axis| Place::parse(&axis.at))?;
        let link = Link::open(config, Line { baud: 115_200, rts_cts: false })?;
        let mut gcs = Gcs { link, stations: Vec::new(), motors: Vec::new(), axes: Vec::new() };
        for place in &places {
            let station = Station::new(place.controller);
            if !gcs.stations.iter().any(|known| known.is_same(&station)) {
                gcs.stations.push(station);
            }
        }
        gcs.resync()?;
        for (axis, place) in config.axes.iter().zip(places) {
            gcs.add(axis, place)?;
            let number = gcs.axes.len() - 1;
            gcs.give_rates(number, axis)?;
        }
        Ok(Box::new(gcs))
    }

    fn simulate(
        &self,
        config: &ControllerConfig,
        stage: Option<&Shared>,
    ) -> Result<Box<dyn Device>, AxisError> {
        Ok(Box::new(simulators::gcs::Gcs::new(config, stage)?))
    }
}

struct Gcs {
    link: Link,
    stations: Vec<Station>,
    motors: Vec<Motor>,
    axes: Vec<AxisInfo>,
}

/// One axis of one controller.
struct Motor {
    /// Which controller.
    station: usize,
    /// As the controller calls it.
    axis: String,
    scale: Scale,
    /// Where the controller lets it go, in its own unit.
    counts: [f64; 2],
    /// Its status is in one register (`SRG?`); a piezo controller is asked for each bit of it.
    has_register: bool,
    /// It tells whether it is referenced (`FRF?`); an absolute sensor always is.
    tells_reference: bool,
    /// The command that looks for its reference.
    home: Option<&'static str>,
    /// It can be halted alone and smoothly (`HLT`), which "no piezo controller" can (motorPIGCS2).
    halts: bool,
    /// What went wrong while it moved, as the controller calls it; 0 is nothing.
    fault: i32,
}

impl Motor {
    /// Asks the axis something; `read` reads what is behind `1=`.
    fn ask<T>(
        &self,
        link: &mut Link,
        station: &Station,
        query: &str,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, AxisError> {
        station.ask(link, &format!("{query} {}", self.axis), |line| read(value(line, &self.axis)?))
    }

    /// The same of what the controller may not know.
    fn probe<T>(
        &self,
        link: &mut Link,
        station: &Station,
        query: &str,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, AxisError> {
        station.probe(link, &format!("{query} {}", self.axis), |line| read(value(line, &self.axis)?))
    }

    /// A parameter of the axis, if the controller has it.
    fn parameter<T>(
        &self,
        link: &mut Link,
        station: &Station,
        number: &str,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, AxisError> {
        let query = format!("SPA? {} {number}", self.axis);
        station.probe(link, &query, |line| read(parameter(line, &self.axis)?))
    }

    fn status(&self, link: &mut Link, station: &Station) -> Result<Status, AxisError> {
        if self.has_register {
            let query = format!("SRG? {} 1", self.axis);
            return station.ask(link, &query, |line| Status::parse(parameter(line, &self.axis)?));
        }
        let is_on_target = self.ask(link, station, "ONT?", is_yes)?;
        let has_servo = self.ask(link, station, "SVO?", is_yes)?;
        Ok(Status { is_on_target, has_servo, ..Status::default() })
    }

    /// Finds out what the axis can.
    fn explore(&mut self, link: &mut Link, station: &Station) -> Result<Abilities, AxisError> {
        for (side, query) in ["TMN?", "TMX?"].into_iter().enumerate() {
            self.counts[side] = self.ask(link, station, query, number)?;
        }
        let register = format!("SRG? {} 1", self.axis);
        let status = station.probe(link, &register, |line| Status::parse(parameter(line, &self.axis)?))?;
        self.has_register = status.is_some();
        self.tells_reference = self.probe(link, station, "FRF?", is_yes)?.is_some();
        if self.tells_reference {
            for (query, command) in [("LIM?", "FNL"), ("TRS?", "FRF")] {
                if self.probe(link, station, query, is_yes)? == Some(true) {
                    self.home = Some(command);
                }
            }
        }
        let mut rates = [None; 2];
        for (place, query) in ["VEL?", "ACC?"].into_iter().enumerate() {
            if self.probe(link, station, query, number)?.is_some() {
                let told = self.parameter(link, station, GREATEST[place], number)?;
                let greatest = told.filter(|rate| *rate > RATES[0]).unwrap_or(RATES[1]);
                rates[place] = Some([RATES[0], greatest].map(|rate| self.scale.units(rate)));
            }
        }
        self.halts = self.has_register || rates[1].is_some();
        Ok(Abilities { home: self.home.is_some(), speed: rates[0], acceleration: rates[1] })
    }
}

impl Gcs {
    fn add(&mut self, axis: &AxisConfig, place: Place) -> Result<(), AxisError> {
        let Self { link, stations, motors, axes } = self;
        let asked = Station::new(place.controller);
        let number = stations.iter().position(|station| station.is_same(&asked)).unwrap_or_default();
        let station = &stations[number];
        let mut motor = Motor {
            station: number,
            axis: place.axis,
            scale: Scale { counts_per_unit: 1.0, zero: 0.0 },
            counts: [0.0; 2],
            has_register: false,
            tells_reference: false,
            home: None,
            halts: false,
            fault: 0,
        };
        let unit = motor.parameter(link, station, UNIT, Unit::parse)?;
        motor.scale = axis.scale(unit.and_then(|unit| unit.counts_in(axis.unit)))?;
        let can = motor.explore(link, station)?;
        let limits = axis.limits(motor.scale, motor.counts)?;
        axes.push(AxisInfo { name: axis.name.clone(), unit: axis.unit, limits, can });
        motors.push(motor);
        Ok(())
    }

    /// The parts that a question to an axis needs.
    fn parts(&mut self, axis: usize) -> (&mut Link, &Station, &mut Motor) {
        let motor = &mut self.motors[axis];
        (&mut self.link, &self.stations[motor.station], motor)
    }

    fn set(&mut self, axis: usize, command: &str) -> Result<(), AxisError> {
        let (link, station, _) = self.parts(axis);
        match station.command(link, command)? {
            0 => Ok(()),
            code => Err(link.refused(command.as_bytes(), code, meaning(code))),
        }
    }

    /// Switches the servo on if it is off: nothing moves in closed loop without. That may move a piezo stage; so it is done for a motion only.
    fn hold(&mut self, axis: usize) -> Result<(), AxisError> {
        let (link, station, motor) = self.parts(axis);
        if motor.status(link, station)?.has_servo {
            return Ok(());
        }
        motor.fault = 0;
        let command = format!("SVO {} 1", motor.axis);
        self.set(axis, &command)
    }

    fn resync(&mut self) -> Result<(), AxisError> {
        let Self { link, stations, .. } = self;
        stations.iter_mut().try_for_each(|station| station.identify(link))?;
        link.wait_for_silence()
    }

    /// Sets a speed or an acceleration, and asks what it is now.
    fn set_rate(&mut self, axis: usize, command: &str, rate: f64) -> Result<f64, AxisError> {
        let (_, _, motor) = self.parts(axis);
        let set =
            format!("{command} {} {}", motor.axis, (motor.scale.counts(rate) * FINEST).round() / FINEST);
        self.set(axis, &set)?;
        let (link, station, motor) = self.parts(axis);
        Ok(motor.scale.units(motor.ask(link, station, &format!("{command}?"), number)?))
    }
}

impl Controller for Gcs {
    fn axes(&self) -> &[AxisInfo] {
        &self.axes
    }

    fn read(&mut self, axis: usize) -> Result<AxisState, AxisError> {
        let (link, station, motor) = self.parts(axis);
        // The position last: where it is once it rests, not where it was before.
        let status = motor.status(link, station)?;
        let is_referenced = !motor.tells_reference || motor.ask(link, station, "FRF?", is_yes)?;
        if status.has_error {
            let code = station.error(link)?;
            motor.fault = if code == STOPPED { motor.fault } else { code };
        }
        let position = motor.scale.unit_from_count(motor.ask(link, station, "POS?", number)?);
        let alarm = match status.has_servo {
            true => None,
            false if MOTION_ERRORS.contains(&motor.fault) => Some(Alarm::Stalled),
            false => Some(Alarm::MotorOff),
        };
        let is_settling = status.has_servo && !status.is_on_target;
        let is_moving = status.is_moving || status.is_referencing || is_settling;
        Ok(AxisState { position, is_moving, is_referenced, alarm })
    }

    fn move_to(&mut self, axis: usize, target: f64) -> Result<(), AxisError> {
        self.axes[axis].check(target)?;
        let limits = self.axes[axis].limits;
        let (link, station, motor) = self.parts(axis);
        let count = motor.scale.target(target, limits, FINEST);
        let command = format!("MOV {} {count}", motor.axis);
        match station.command(link, &command)? {
            0 => Ok(()),
            NO_SERVO_OR_REFERENCE => {
                self.hold(axis)?;
                self.set(axis, &command)
            }
            code => Err(link.refused(command.as_bytes(), code, meaning(code))),
        }
    }

    fn stop(&mut self, axis: usize) -> Result<(), AxisError> {
        let (link, station, motor) = self.parts(axis);
        match station.halt(link, &motor.axis, &mut motor.halts) {
            // A stop is told as an error.
            Ok(0 | STOPPED) => Ok(()),
            Ok(code) => Err(link.refused(b"HLT, STP", code, meaning(code))),
            Err(error) => {
                station.stop_regardless(link)?;
                Err(error)
            }
        }
    }

    fn emergency_stop(&mut self) -> Result<(), AxisError> {
        let Self { link, stations, .. } = self;
        stations.iter().try_for_each(|station| station.stop_regardless(link))?;
        link.wait_for_silence()
    }

    fn home(&mut self, axis: usize) -> Result<(), AxisError> {
        let Some(home) = self.motors[axis].home else {
            return Err(self.cannot(axis, "look for its reference"));
        };
        self.hold(axis)?;
        let command = format!("{home} {}", self.motors[axis].axis);
        self.set(axis, &command)
    }

    fn set_speed(&mut self, axis: usize, speed: f64) -> Result<f64, AxisError> {
        let info = &self.axes[axis];
        info.check_rate(info.can.speed, speed, "go so fast or slow")?;
        self.set_rate(axis, "VEL", speed)
    }

    fn set_acceleration(&mut self, axis: usize, acceleration: f64) -> Result<f64, AxisError> {
        let info = &self.axes[axis];
        info.check_rate(info.can.acceleration, acceleration, "accelerate so much or little")?;
        // It brakes as it accelerates.
        self.set_rate(axis, "DEC", acceleration)?;
        self.set_rate(axis, "ACC", acceleration)
    }

    fn reconnect(&mut self) -> Result<(), AxisError> {
        self.link.recover()?;
        self.resync()
    }
}
