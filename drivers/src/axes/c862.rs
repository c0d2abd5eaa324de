//! Motors of Physik Instrumente on a C-862 or C-863.10 Mercury controller, in their native commands. (A C-863.11 or later speaks
//! [`super::gcs`].)
//!
//! Sources: "Native Commands for Mercury Class Controllers" MS176E, release 1.0.1. It describes the status of the stepper version C-663
//! only; that of these DC motors, six bytes, is from the EPICS driver drvPIC862 (drvPIC862.h), which agrees with the example in MS176E,
//! "S:04 02 00 03 02 00"; the error numbers above 6 are from the plugin stage_pi863_2 of QuickFit 3. No real controller was at hand.
//!
//! What follows from the manual:
//! - A controller listens once it was selected, by two bytes before a command, and is deselected by a reset (2.4.1). So each request
//!   selects.
//! - A carriage return alone repeats the last command (3.1.2, 3.1.3). So none is ever sent alone.
//! - The counter is 0 when power comes, and nothing tells whether the reference was searched since (2.4). So an axis is unreferenced until
//!   this driver has homed it, and again after its motor was found switched off. After the link was lost it is believed only if its
//!   counter is not near 0, where it would be after a power cut.
//! - There are no soft limits; the rig has to name them, and nothing is moved that is not referenced.
//! - `ST` stops smoothly, but "any command will restart the motor to the previously programmed target". So a stop is `AB`, which is abrupt.
//!
//! Motors report their position in encoder counts; `counts_per_unit` is from the data sheet: an M-126.PD2 has 10 000 in a mm.

mod status;

use crate::axis::{
    Abilities, AxisError, AxisInfo, AxisState, Controller, ControllerConfig, ControllerDriver, Scale,
};
use crate::link::{Line, Link};
use crate::microscope::stage::Shared;
use crate::simulators::{self, Device};
pub(crate) use status::{Place, Search, Status};

/// What ends every answer: "CR LF ETX" (4.1.3).
pub(crate) const END: &[u8] = b"\r\n\x03";
/// "-1,073,741,824 < n < 1,073,741,823" (4.4, "MA").
pub(crate) const FARTHEST: f64 = 1_073_741_823.0;
/// What `SV` and `SA` take, in counts per second and second squared: a number of up to nine digits (4.1.2). What a motor reaches is less.
const RATES: [f64; 2] = [1.0, 999_999_999.0];
/// A counter that is farther from 0 has not been reset.
const NEAR_ZERO: f64 = 100.0;

/// The driver.
pub struct Driver;

impl ControllerDriver for Driver {
    fn name(&self) -> &'static str {
        "pi_c862"
    }

    fn about(&self) -> &'static str {
        "Physik Instrumente DC motors on a C-862 or C-863.10 Mercury, native commands"
    }

    fn example(&self) -> &'static str {
        r#"# `at` is the board number, 0 to 15 (DIP switches 1 to 4), and how the axis is homed: FE2 (the default) has the controller
# choose where to search the reference switch of the stage, FE0 searches upwards, FE1 downwards, FE3 is for stages with another
# signal. A search may leave the limits: see that nothing is in its way. DH is for a stage without a switch: wherever it is when it
# is homed is 0.
driver = "pi_c862"
baud = 9600
deadline_ms = 500

[[axes]]
name = "magnet_height"
at = "0"
unit = "mm"
counts_per_unit = 10000              # an M-126.PD2
zero = 0.0                           # where this axis says 0, seen from the reference switch
limits = [0.0, 20.0]                 # the controller knows none
speed = 5.0

[[axes]]
name = "magnet_turns"
at = "1 FE0"
unit = "turns"
counts_per_unit = 4000               # its encoder, and its gear
limits = [-50.0, 50.0]
speed = 10.0
"#
    }

    fn open(&self, config: &ControllerConfig) -> Result<Box<dyn Controller>, AxisError> {
        // Two may be homed differently, but not be the same board.
        config.places(|axis| Place::parse(&axis.at).map(|place| place.board))?;
        let link = Link::open(config, Line { baud: 9600, rts_cts: false })?;
        let mut mercury = Mercury { link, motors: Vec::new(), axes: Vec::new() };
        for axis in &config.axes {
            let Place { board, search } = Place::parse(&axis.at)?;
            let scale = axis.scale(None)?;
            if axis.limits.is_none() {
                let name = &axis.name;
                return Err(AxisError::Settings(format!(
                    "axis {name}: limits = [least, greatest] is missing: this controller has none of its own"
                )));
            }
            let limits = axis.limits(scale, [-FARTHEST, FARTHEST])?;
            let can = Abilities {
                home: true,
                speed: Some(RATES.map(|rate| scale.units(rate))),
                acceleration: Some(RATES.map(|rate| scale.units(rate))),
            };
            mercury.axes.push(AxisInfo { name: axis.name.clone(), unit: axis.unit, limits, can });
            mercury.motors.push(Motor { board, search, scale, searching: None, is_referenced: false });
        }
        mercury.resync()?;
        for (place, axis) in config.axes.iter().enumerate() {
            // Read once: a stepper version has another status, and is not driven.
            mercury.status(place)?;
            mercury.give_rates(place, axis)?;
        }
        Ok(Box::new(mercury))
    }

    fn simulate(
        &self,
        config: &ControllerConfig,
        stage: Option<&Shared>,
    ) -> Result<Box<dyn Device>, AxisError> {
        Ok(Box::new(simulators::c862::Mercury::new(config, stage)?))
    }
}

struct Mercury {
    link: Link,
    motors: Vec<Motor>,
    axes: Vec<AxisInfo>,
}

/// One board with its motor.
struct Motor {
    /// The second of the two bytes that select it.
    board: u8,
    search: Search,
    scale: Scale,
    /// It was told to look for its reference switch; where it finds it is 0, which it is then told.
    searching: Option<Searching>,
    is_referenced: bool,
}

/// A search for the reference, which no answer confirms.
#[derive(Clone, Copy)]
struct Searching {
    /// Where the counter was before.
    from: f64,
    /// The error that it told before.
    error: u8,
    /// It was seen on its way.
    was_seen: bool,
}

impl Motor {
    /// The two bytes that select it (2.4.2), then a command.
    fn request(&self, command: &str) -> Vec<u8> {
        [&[1, self.board], command.as_bytes(), b"\r"].concat()
    }
}

impl Mercury {
    /// Asks for a report; it begins with its own letter, `P:+0000005555`.
    fn ask<T>(
        &mut self,
        axis: usize,
        command: &str,
        letter: u8,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, AxisError> {
        let request = self.motors[axis].request(command);
        self.link.ask_until(&request, END, |line| {
            let text = line.strip_prefix(&[letter, b':'])?;
            read(std::str::from_utf8(text).ok()?)
        })
    }

    fn count(&mut self, axis: usize, command: &str, letter: u8) -> Result<f64, AxisError> {
        self.ask(axis, command, letter, |text| text.parse::<i64>().ok().map(|count| count as f64))
    }

    fn status(&mut self, axis: usize) -> Result<Status, AxisError> {
        self.ask(axis, "TS", b'S', Status::parse)
    }

    /// Sends what is not answered. A C-862 loses what is sent right behind a motion command (drvPIC862.cc, .02), so nothing is for a while.
    fn tell(&mut self, axis: usize, command: &str) -> Result<(), AxisError> {
        let request = self.motors[axis].request(command);
        self.link.send(&request)?;
        self.link.wait_for_silence()
    }

    /// Each board tells its number. It answers in turn, so what comes before answers something older.
    fn resync(&mut self) -> Result<(), AxisError> {
        for axis in 0..self.motors.len() {
            let board = self.motors[axis].board;
            // "B:0" in the manual; drvPIC862.cc has seen "B:000x". Whether board 10 says A or 10 neither tells.
            self.ask(axis, "TB", b'B', |text| {
                let is = |radix| u8::from_str_radix(text, radix).ok().and_then(Search::digit) == Some(board);
                (is(16) || is(10)).then_some(())
            })?;
        }
        self.link.wait_for_silence()
    }

    /// Its status; what it finds out about the reference is noted.
    fn look(&mut self, axis: usize) -> Result<Status, AxisError> {
        let status = self.status(axis)?;
        let motor = &mut self.motors[axis];
        if status.is_motor_off {
            // So it is when power came back, and after it could not follow.
            (motor.searching, motor.is_referenced) = (None, false);
            return Ok(status);
        }
        let Some(mut searching) = motor.searching else { return Ok(status) };
        searching.was_seen |= status.is_searching;
        motor.searching = Some(searching);
        if status.is_moving() {
            return Ok(status);
        }
        motor.searching = None;
        // A command that was lost, or that it did not take, looks like a search that is over; and what ran into a limit switch, or gave up,
        // has found no reference.
        let has_searched =
            searching.was_seen || (self.count(axis, "TP", b'P')? - searching.from).abs() > NEAR_ZERO;
        if has_searched && !status.is_at_limit() && [0, searching.error].contains(&status.error) {
            self.define_home(axis)?;
        }
        Ok(status)
    }

    /// Calls where it rests 0, and believes that once it says so itself.
    fn define_home(&mut self, axis: usize) -> Result<(), AxisError> {
        self.tell(axis, "DH")?;
        self.motors[axis].is_referenced = self.count(axis, "TP", b'P')?.abs() < NEAR_ZERO;
        Ok(())
    }

    /// Switches motor and amplifier on where they are off. The motor stays where it is.
    fn hold(&mut self, axis: usize, status: Status) -> Result<(), AxisError> {
        if status.is_motor_off {
            self.tell(axis, "MN")?;
        }
        // "The high signal (brake off) is required to enable the motor amplifier, whether the stage is equipped with a brake or not"
        // ("BF"). After the servo, which then has the load.
        if status.is_brake_on {
            self.tell(axis, "BF")?;
        }
        Ok(())
    }

    fn set_rate(
        &mut self,
        axis: usize,
        set: &str,
        get: &str,
        letter: u8,
        rate: f64,
    ) -> Result<f64, AxisError> {
        let scale = self.motors[axis].scale;
        let [least, greatest] = RATES;
        let count = scale.counts(rate).round().clamp(least, greatest);
        self.tell(axis, &format!("{set}{count}"))?;
        Ok(scale.units(self.count(axis, get, letter)?))
    }

    fn abort_regardless(&mut self, axis: usize) -> Result<(), AxisError> {
        let request = self.motors[axis].request("AB");
        self.motors[axis].searching = None;
        self.link.send_regardless(&request)
    }
}

impl Controller for Mercury {
    fn axes(&self) -> &[AxisInfo] {
        &self.axes
    }

    fn read(&mut self, axis: usize) -> Result<AxisState, AxisError> {
        let status = self.look(axis)?;
        let count = self.count(axis, "TP", b'P')?;
        let motor = &self.motors[axis];
        Ok(AxisState {
            position: motor.scale.unit_from_count(count),
            is_moving: status.is_moving(),
            is_referenced: motor.is_referenced,
            alarm: status.alarm(),
        })
    }

    fn move_to(&mut self, axis: usize, target: f64) -> Result<(), AxisError> {
        self.axes[axis].check(target)?;
        let status = self.look(axis)?;
        if !self.motors[axis].is_referenced {
            return Err(self.cannot(axis, "be sent anywhere before it was homed"));
        }
        self.hold(axis, status)?;
        let count = self.motors[axis].scale.target(target, self.axes[axis].limits, 1.0);
        let command = format!("MA{count}");
        self.tell(axis, &command)?;
        // It says nothing about what it does not do; so it is asked where it goes.
        if self.count(axis, "TT", b'T')? == count {
            return Ok(());
        }
        let code = self.status(axis)?.error;
        Err(self.link.refused(command.as_bytes(), code, Status::meaning(code)))
    }

    fn stop(&mut self, axis: usize) -> Result<(), AxisError> {
        self.motors[axis].searching = None;
        match self.tell(axis, "AB").and_then(|()| self.status(axis)) {
            Err(error) if error.is_fault() => {
                self.abort_regardless(axis)?;
                Err(error)
            }
            answer => answer.map(drop),
        }
    }

    fn emergency_stop(&mut self) -> Result<(), AxisError> {
        (0..self.motors.len()).try_for_each(|axis| self.abort_regardless(axis))?;
        self.link.wait_for_silence()
    }

    fn home(&mut self, axis: usize) -> Result<(), AxisError> {
        let status = self.status(axis)?;
        if status.is_moving() {
            let advice = "it moves: wait until it rests";
            return Err(self.link.refused(self.motors[axis].search.command().as_bytes(), "moving", advice));
        }
        self.hold(axis, status)?;
        (self.motors[axis].searching, self.motors[axis].is_referenced) = (None, false);
        if self.motors[axis].search == Search::Here {
            return self.define_home(axis);
        }
        let from = self.count(axis, "TP", b'P')?;
        self.tell(axis, self.motors[axis].search.command())?;
        // Asked at once: a short way is soon over.
        let begun = self.status(axis)?;
        self.motors[axis].searching =
            Some(Searching { from, error: status.error, was_seen: begun.is_searching });
        Ok(())
    }

    fn set_speed(&mut self, axis: usize, speed: f64) -> Result<f64, AxisError> {
        let info = &self.axes[axis];
        info.check_rate(info.can.speed, speed, "go so fast or slow")?;
        self.set_rate(axis, "SV", "TY", b'Y', speed)
    }

    fn set_acceleration(&mut self, axis: usize, acceleration: f64) -> Result<f64, AxisError> {
        let info = &self.axes[axis];
        info.check_rate(info.can.acceleration, acceleration, "accelerate so much or little")?;
        self.set_rate(axis, "SA", "TL", b'L', acceleration)
    }

    fn reconnect(&mut self) -> Result<(), AxisError> {
        self.link.recover()?;
        self.resync()?;
        for axis in 0..self.motors.len() {
            let is_kept = self.count(axis, "TP", b'P')?.abs() > NEAR_ZERO;
            let motor = &mut self.motors[axis];
            // A search may have ended in a power cut.
            (motor.searching, motor.is_referenced) = (None, motor.is_referenced && is_kept);
        }
        Ok(())
    }
}
