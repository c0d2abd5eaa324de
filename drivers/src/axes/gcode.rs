//! Motors on a home-made controller with the firmware GRBL 1.1 ("G-code"): X, Y and Z of an Arduino with stepper drivers.
//!
//! Messages, states, settings and commands are those of GRBL's own documents (doc/markdown of github.com/gnea/grbl: `interface.md`,
//! `commands.md`, `jogging.md`); what they leave open was looked up in its source, which the comments name. Marlin, as on 3D printers, is not
//! spoken here: it tells no state while it moves, and has no jogs that can be cancelled. Nor are grblHAL and FluidNC, which say 1.1 too, tried.
//!
//! What is peculiar to GRBL, and what this driver makes of it:
//! - It queues motions. So a motion is a jog (`$J=`), which 0x85 cancels with all that are queued; sent elsewhere, an axis is brought to rest,
//!   then sent. If its ramp is long, the next read sends it.
//! - It moves its axes one block after the other. So axes that move at the same time move in one block, on a straight line, none of them faster
//!   than its speed; and when one is stopped the others stop too, and go on.
//! - It homes all axes that its firmware homes, whichever was asked for, and answers nothing until it is done.
//! - It does not tell whether it was homed: `$X` unlocks it without. So after homing a tool number is left in it (`T`), which it forgets when it
//!   is reset, and with it alone axes are referenced. It drives no tool changer.
//! - It counts the steps that it sends: a motor that loses them is not noticed.

mod machine;
mod report;

use std::time::{Duration, Instant};

use crate::axis::{
    Abilities, AxisError, AxisInfo, AxisState, Controller, ControllerConfig, ControllerDriver,
};
use crate::link::{Line, Link};
use crate::microscope::stage::Shared;
use crate::simulators::{self, Device};
use machine::{CANCEL, Gcode, HOLD, Jog, Joint, SLOWEST};
use report::{State, alarm_of};

/// If homing is refused, then within this time.
const REFUSED: Duration = Duration::from_millis(50);

/// The driver.
pub struct Driver;

impl ControllerDriver for Driver {
    fn name(&self) -> &'static str {
        "gcode"
    }

    fn about(&self) -> &'static str {
        "home-made motors on GRBL 1.1 (not Marlin); homing is for all axes, and so is a stop for a moment"
    }

    fn example(&self) -> &'static str {
        r#"# Motors on GRBL 1.1: `at` is the letter of an axis, X, Y or Z. What GRBL calls a mm is what its steps per mm ($100 to $102) make it:
# a turn of the magnets, if they are steps per turn. GRBL counts down from its switch, where it is 0, to minus its travel ($130 to $132).
driver = "gcode"
baud = 115200
deadline_ms = 500

[[axes]]
name = "magnet_height"
at = "Z"
unit = "mm"
zero = -20.0                # 20 mm of travel, with the switch at the top
limits = [0.0, 20.0]        # stay off a switch that is a hard limit ($21), by its pull-off ($27)

[[axes]]
name = "magnet_turns"
at = "X"
unit = "turns"
counts_per_unit = 1
zero = -50.0                # 100 turns of travel
limits = [-50.0, 50.0]
"#
    }

    fn open(&self, config: &ControllerConfig) -> Result<Box<dyn Controller>, AxisError> {
        let letters = config.places(|axis| letter(&axis.at))?;
        let link = Link::open(config, Line { baud: 115_200, rts_cts: false })?;
        let mut gcode = Gcode {
            link,
            joints: Vec::new(),
            axes: Vec::new(),
            turn: 0,
            homing: None,
            patience: Duration::ZERO,
            jog: Jog::None,
            is_marked: false,
            alarm: None,
            is_deaf: false,
        };
        gcode.resync()?;
        let has = gcode.settings()?;
        let is_origin_forced = gcode.options()?.contains('Z');
        for (axis, place) in config.axes.iter().zip(letters) {
            let scale = axis.scale(Some(axis.unit.nm().map_or(1.0, |nm| nm / 1e6)))?;
            // Machine space is below the switch, unless the firmware was built to be above the one at the other end (system.c).
            let travel = has(130 + place as u8);
            let is_above = is_origin_forced && has(23) as u8 & (1 << place) != 0;
            let counts = match axis.limits {
                _ if has(20) != 0.0 && is_above => [0.0, travel],
                _ if has(20) != 0.0 => [-travel, 0.0],
                Some(limits) => limits.map(|limit| scale.count_from_unit(limit)),
                None => {
                    return Err(wrong(&format!(
                        "axis {}: without soft limits ($20) it needs limits",
                        axis.name
                    )));
                }
            };
            let counts = [counts[0].min(counts[1]), counts[0].max(counts[1])];
            let limits = axis.limits(scale, counts)?;
            let rate = has(110 + place as u8);
            let speed = Some([SLOWEST, rate].map(|rate| scale.units(rate / 60.0)));
            let can = Abilities { home: has(22) != 0.0, speed, acceleration: None };
            gcode.axes.push(AxisInfo { name: axis.name.clone(), unit: axis.unit, limits, can });
            gcode.joints.push(Joint { place, scale, rate, goal: None, last: 0.0 });
            let place = gcode.axes.len() - 1;
            gcode.give_rates(place, axis)?;
        }
        // It looks for its switches one after the other, on half as much again as each travel (limits.c), and a minute is for the rest.
        let travel: f64 = (130..133).map(&has).sum();
        gcode.patience =
            Duration::from_secs_f64((60.0 + 90.0 * travel / has(25).max(SLOWEST)).clamp(60.0, 3600.0));
        Ok(Box::new(gcode))
    }

    fn simulate(
        &self,
        config: &ControllerConfig,
        stage: Option<&Shared>,
    ) -> Result<Box<dyn Device>, AxisError> {
        Ok(Box::new(simulators::gcode::Gcode::new(config, stage)?))
    }
}

/// `X` is 0.
pub(crate) fn letter(at: &str) -> Result<usize, AxisError> {
    let place = ["x", "y", "z"].iter().position(|letter| at.eq_ignore_ascii_case(letter));
    place.ok_or_else(|| wrong(&format!("at = {at:?} must be the letter of an axis: X, Y or Z")))
}

fn wrong(what: &str) -> AxisError {
    AxisError::Settings(what.to_owned())
}

impl Controller for Gcode {
    fn axes(&self) -> &[AxisInfo] {
        &self.axes
    }

    fn read(&mut self, axis: usize) -> Result<AxisState, AxisError> {
        self.hear(Duration::ZERO)?;
        let lost = |joint: &Joint, is_moving, alarm| {
            let position = joint.scale.unit_from_count(joint.last);
            AxisState { position, is_moving, is_referenced: false, alarm }
        };
        let alarm = self.alarm.and_then(alarm_of);
        if self.is_deaf {
            return Ok(lost(&self.joints[axis], false, alarm));
        }
        if self.is_homing() {
            return Ok(lost(&self.joints[axis], true, None));
        }
        let report = self.report()?;
        self.advance(&report)?;
        if report.state == State::Alarm {
            return Ok(lost(&self.joints[axis], false, alarm));
        }
        self.alarm = None;
        if (report.state, self.jog) == (State::Idle, Jog::None) {
            self.is_marked = self.ask_mark()?;
        }
        let joint = &self.joints[axis];
        let is_moving = match self.jog {
            Jog::None => report.state.is_moving(),
            Jog::Sent => joint.goal.is_some(),
            Jog::Waits => true,
        };
        let position = joint.scale.unit_from_count(joint.last);
        Ok(AxisState { position, is_moving, is_referenced: self.is_marked, alarm: None })
    }

    fn move_to(&mut self, axis: usize, target: f64) -> Result<(), AxisError> {
        self.axes[axis].check(target)?;
        if self.homing.is_some() {
            self.hear(self.link.deadline())?;
        }
        let busy = |state: State| (format!("{state:?}"), state.advice());
        let refused = match () {
            () if self.homing.is_some() => Some(busy(State::Run)),
            () if self.is_deaf => Some(busy(State::Alarm)),
            () => None,
        };
        if let Some((state, advice)) = refused {
            return Err(self.link.refused(b"$J", state, advice));
        }
        let report = self.rest()?;
        if !matches!(report.state, State::Idle | State::Jog) {
            let (state, advice) = busy(report.state);
            return Err(self.link.refused(b"$J", state, advice));
        }
        let joint = &mut self.joints[axis];
        // To a ten-thousandth of what GRBL calls a mm.
        joint.goal = Some(joint.scale.target(target, self.axes[axis].limits, 1e4));
        self.jog = Jog::Waits;
        self.advance(&report)
    }

    fn stop(&mut self, axis: usize) -> Result<(), AxisError> {
        if self.homing.is_some() || self.is_deaf {
            // Nothing else is heard.
            return self.reset();
        }
        self.joints[axis].goal = None;
        self.jog = Jog::Waits;
        let sent = self.link.send(CANCEL).and_then(|()| self.report());
        let stopped = sent.and_then(|report| match report.state {
            // That is no jog of ours, and it does not end with the jogs.
            State::Run => {
                self.forget_goals();
                self.link.send(HOLD)
            }
            _ => self.advance(&report),
        });
        stopped.inspect_err(|error| {
            if error.is_fault() {
                let _ = self.link.send_regardless(&[CANCEL, HOLD].concat());
            }
        })
    }

    fn emergency_stop(&mut self) -> Result<(), AxisError> {
        if self.homing.is_some() || self.is_deaf {
            return self.reset_regardless();
        }
        // The fastest stop after which it knows where it is: a reset has no ramp.
        self.forget_goals();
        self.jog = Jog::Waits;
        self.link.send_regardless(CANCEL)?;
        match self.report() {
            // That is no jog of ours; or nobody knows what it is.
            Ok(report) if report.state == State::Run => self.reset_regardless(),
            Err(_) => self.reset_regardless(),
            Ok(_) => Ok(()),
        }
    }

    fn home(&mut self, axis: usize) -> Result<(), AxisError> {
        if !self.axes[axis].can.home {
            return Err(self.cannot(axis, "look for its reference: its homing is off ($22)"));
        }
        if self.is_deaf {
            self.reset()?;
        }
        if self.homing.is_some() {
            self.hear(Duration::ZERO)?;
        }
        if self.is_homing() {
            // It homes all axes, and would not answer what it is asked.
            return Ok(());
        }
        let report = self.rest()?;
        self.forget_goals();
        if !matches!(report.state, State::Idle | State::Alarm) {
            return Err(self.link.refused(b"$H", format!("{:?}", report.state), report.state.advice()));
        }
        self.link.send(b"$H\n")?;
        (self.homing, self.is_marked, self.alarm) = (Some(Instant::now() + self.patience), false, None);
        self.hear(REFUSED)
    }

    fn set_speed(&mut self, axis: usize, speed: f64) -> Result<f64, AxisError> {
        let info = &self.axes[axis];
        info.check_rate(info.can.speed, speed, "go so fast or slow")?;
        // It is told with each motion.
        self.joints[axis].rate = 60.0 * self.joints[axis].scale.counts(speed);
        Ok(speed)
    }

    fn reconnect(&mut self) -> Result<(), AxisError> {
        // What was not sent before the fault is not sent after it.
        self.forget_goals();
        self.link.recover()?;
        self.resync()?;
        self.homing = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_is_one_of_three_letters() {
        assert_eq!((letter("X").unwrap(), letter("z").unwrap()), (0, 2));
        for wrong in ["", "A", "XY", "1"] {
            assert!(letter(wrong).is_err(), "{wrong}");
        }
    }
}
