//! What a simulated controller moves.

use std::sync::PoisonError;

use crate::axis::{AxisConfig, AxisError};
use crate::microscope::settings::MotorSettings;
use crate::microscope::stage::{Moved, Shared};
use crate::motor::Motor;

/// A carriage with its motor, in the unit of its axis. What moves is the simulated microscope where the axis has one of its names, else a
/// motor of its own.
pub struct Body {
    /// Its name in the rig.
    pub name: String,
    /// It knows where its reference is.
    pub is_referenced: bool,
    /// It has lost steps since it was homed or its warnings were cleared.
    pub has_stalled: bool,
    mover: Mover,
    limits: [f64; 2],
    /// What its counter says too much, until it is homed.
    wrong_by: f64,
    is_homing: bool,
    is_jammed: bool,
    went: [f64; 2],
}

enum Mover {
    Own(Box<Motor>),
    Stage(Shared, Moved),
}

impl Body {
    /// A body for an axis of a rig: within `limits` unless the simulated microscope has others, at rest at its start.
    ///
    /// # Errors
    /// [`AxisError::Settings`] if the microscope's axis of that name counts in another unit.
    pub fn new(axis: &AxisConfig, own: &MotorSettings, stage: Option<&Shared>) -> Result<Self, AxisError> {
        let moved = Moved::ALL.into_iter().find(|moved| moved.name().0 == axis.name);
        let (mover, limits) = match (moved, stage) {
            (Some(moved), Some(stage)) => {
                let unit = moved.name().1;
                if unit != axis.unit {
                    let (name, symbol) = (&axis.name, unit.symbol());
                    return Err(AxisError::Settings(format!(
                        "axis {name} of the simulated microscope counts in {symbol}"
                    )));
                }
                let limits = stage.lock().unwrap_or_else(PoisonError::into_inner).limits(moved);
                (Mover::Stage(stage.clone(), moved), limits)
            }
            _ => (Mover::Own(Box::new(Motor::new(own))), own.limits),
        };
        let mut body = Self {
            name: axis.name.clone(),
            is_referenced: true,
            has_stalled: false,
            mover,
            limits,
            wrong_by: 0.0,
            is_homing: false,
            is_jammed: false,
            went: [0.0; 2],
        };
        body.went = [body.truth(); 2];
        Ok(body)
    }

    /// Where its device can go, at most.
    pub fn limits(&self) -> [f64; 2] {
        self.limits
    }

    /// Lets time pass.
    pub fn pass(&mut self, dt_s: f64) {
        if let Mover::Own(motor) = &mut self.mover {
            motor.advance(dt_s);
        }
        let at = self.truth();
        self.went = [self.went[0].min(at), self.went[1].max(at)];
        if self.is_jammed && self.is_moving() {
            self.has_stalled = true;
            self.is_homing = false;
            self.halt();
        }
        if self.is_homing && !self.is_moving() {
            self.is_homing = false;
            (self.is_referenced, self.wrong_by) = (true, 0.0);
        }
    }

    /// What its counter says.
    pub fn position(&self) -> f64 {
        self.truth() + self.wrong_by
    }

    /// Where it is.
    pub fn truth(&self) -> f64 {
        match &self.mover {
            Mover::Own(motor) => motor.shown,
            Mover::Stage(stage, moved) => {
                stage.lock().unwrap_or_else(PoisonError::into_inner).position(*moved).0
            }
        }
    }

    /// Least and greatest position at which it ever was.
    pub fn went(&self) -> [f64; 2] {
        self.went
    }

    /// It is on its way.
    pub fn is_moving(&self) -> bool {
        match &self.mover {
            Mover::Own(motor) => !motor.has_arrived(),
            Mover::Stage(stage, moved) => {
                stage.lock().unwrap_or_else(PoisonError::into_inner).position(*moved).1
            }
        }
    }

    /// It is looking for its reference.
    pub fn is_homing(&self) -> bool {
        self.is_homing
    }

    /// Goes where its counter will say `target`; false, and it stays, where its device does not go.
    pub fn go(&mut self, target: f64) -> bool {
        let target = target - self.wrong_by;
        let is_inside = (self.limits[0]..=self.limits[1]).contains(&target);
        if is_inside {
            self.is_homing = false;
            self.aim(target);
        }
        is_inside
    }

    /// Looks for its reference, at its lower end.
    pub fn home(&mut self) {
        self.aim(self.limits[0]);
        self.is_homing = true;
        self.has_stalled = false;
    }

    fn aim(&mut self, target: f64) {
        match &mut self.mover {
            Mover::Own(motor) => motor.target = target,
            Mover::Stage(stage, moved) => {
                stage.lock().unwrap_or_else(PoisonError::into_inner).go(*moved, target);
            }
        }
    }

    /// Comes to rest as its acceleration allows.
    pub fn stop(&mut self) {
        self.is_homing = false;
        match &mut self.mover {
            Mover::Own(motor) => motor.stop(),
            Mover::Stage(stage, moved) => stage.lock().unwrap_or_else(PoisonError::into_inner).stop(*moved),
        }
    }

    /// Stands still at once.
    pub fn halt(&mut self) {
        self.is_homing = false;
        match &mut self.mover {
            Mover::Own(motor) => motor.halt(),
            Mover::Stage(stage, moved) => stage.lock().unwrap_or_else(PoisonError::into_inner).halt(*moved),
        }
    }

    /// Speed and acceleration from now on.
    pub fn set_rates(&mut self, speed: f64, acceleration: f64) {
        match &mut self.mover {
            Mover::Own(motor) => (motor.settings.speed, motor.settings.acceleration) = (speed, acceleration),
            Mover::Stage(stage, moved) => {
                stage.lock().unwrap_or_else(PoisonError::into_inner).set_rates(*moved, speed, acceleration);
            }
        }
    }

    /// Speed and acceleration.
    pub fn rates(&self) -> [f64; 2] {
        match &self.mover {
            Mover::Own(motor) => [motor.settings.speed, motor.settings.acceleration],
            Mover::Stage(stage, moved) => stage.lock().unwrap_or_else(PoisonError::into_inner).rates(*moved),
        }
    }

    /// It does not turn any more, or does again.
    pub fn jam(&mut self, is_jammed: bool) {
        self.is_jammed = is_jammed;
    }

    /// Power was away: its counter is wrong by so much, and it knows.
    pub fn lose_reference(&mut self, wrong_by: f64) {
        (self.is_referenced, self.wrong_by) = (false, wrong_by);
    }

    /// Calls this position so: what devices do that can be told where they are.
    pub fn set_position(&mut self, position: f64) {
        self.wrong_by = position - self.truth();
    }
}
