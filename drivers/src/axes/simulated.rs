//! Magnets and focus of the simulated microscope, without a port in between.

use std::sync::PoisonError;

use crate::axis::{Abilities, AxisError, AxisInfo, AxisState, Controller};
use crate::microscope::stage::{Moved, Shared, Stage};

/// Slowest and fastest that a simulated motor goes, as parts of its speed; the same holds for its acceleration.
const RATES: [f64; 2] = [1e-4, 1.0];

/// The motors of a simulated microscope.
pub struct Simulated {
    axes: Vec<AxisInfo>,
    stage: Shared,
}

impl Simulated {
    /// The motors of this stage.
    pub fn new(stage: &Shared) -> Self {
        let axis = |moved: Moved| {
            let stage = stage.lock().unwrap_or_else(PoisonError::into_inner);
            let (name, unit) = moved.name();
            let [speed, acceleration] = stage.rates(moved).map(|most| Some(RATES.map(|part| part * most)));
            let can = Abilities { home: false, speed, acceleration };
            AxisInfo { name: name.to_owned(), unit, limits: stage.limits(moved), can }
        };
        Self { axes: Moved::ALL.into_iter().map(axis).collect(), stage: stage.clone() }
    }

    /// Held for less than a microsecond, so that the camera, which does not wait for it, misses no step.
    fn stage<T>(&self, act: impl FnOnce(&mut Stage) -> T) -> T {
        act(&mut self.stage.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Controller for Simulated {
    fn axes(&self) -> &[AxisInfo] {
        &self.axes
    }

    fn read(&mut self, axis: usize) -> Result<AxisState, AxisError> {
        let (position, is_moving) = self.stage(|stage| stage.position(Moved::ALL[axis]));
        Ok(AxisState::at(position, is_moving))
    }

    fn move_to(&mut self, axis: usize, target: f64) -> Result<(), AxisError> {
        self.axes[axis].check(target)?;
        self.stage(|stage| stage.go(Moved::ALL[axis], target));
        Ok(())
    }

    fn stop(&mut self, axis: usize) -> Result<(), AxisError> {
        self.stage(|stage| stage.stop(Moved::ALL[axis]));
        Ok(())
    }

    fn emergency_stop(&mut self) -> Result<(), AxisError> {
        self.stage(|stage| Moved::ALL.into_iter().for_each(|moved| stage.stop(moved)));
        Ok(())
    }

    fn set_speed(&mut self, axis: usize, speed: f64) -> Result<f64, AxisError> {
        self.axes[axis].check_rate(self.axes[axis].can.speed, speed, "go so fast or slow")?;
        self.stage(|stage| {
            let [_, acceleration] = stage.rates(Moved::ALL[axis]);
            stage.set_rates(Moved::ALL[axis], speed, acceleration);
        });
        Ok(speed)
    }

    fn set_acceleration(&mut self, axis: usize, acceleration: f64) -> Result<f64, AxisError> {
        self.axes[axis].check_rate(
            self.axes[axis].can.acceleration,
            acceleration,
            "accelerate so much or little",
        )?;
        self.stage(|stage| {
            let [speed, _] = stage.rates(Moved::ALL[axis]);
            stage.set_rates(Moved::ALL[axis], speed, acceleration);
        });
        Ok(acceleration)
    }

    fn reconnect(&mut self) -> Result<(), AxisError> {
        Ok(())
    }
}
