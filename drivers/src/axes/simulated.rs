//! Magnets and focus of the simulated microscope.

use std::sync::PoisonError;

use crate::axis::{Axis, AxisError, AxisInfo, AxisState, AxisUnit};
use crate::microscope::stage::{Moved, Shared, Stage};

/// One axis of a simulated microscope.
struct SimulatedAxis {
    info: AxisInfo,
    moved: Moved,
    stage: Shared,
}

/// The axes of this stage.
pub fn axes(stage: &Shared) -> Vec<Box<dyn Axis>> {
    let axis = |moved| -> Box<dyn Axis> {
        let (name, unit) = match moved {
            Moved::MagnetHeight => ("magnet_height", AxisUnit::Mm),
            Moved::MagnetTurns => ("magnet_turns", AxisUnit::Turns),
            Moved::Focus => ("focus", AxisUnit::Nm),
        };
        let limits = stage.lock().unwrap_or_else(PoisonError::into_inner).limits(moved);
        let info = AxisInfo { name: name.to_owned(), unit, limits };
        Box::new(SimulatedAxis { info, moved, stage: stage.clone() })
    };
    Moved::ALL.into_iter().map(axis).collect()
}

impl SimulatedAxis {
    /// Held for less than a microsecond, so that the camera, which does not wait for it, misses no step.
    fn stage<T>(&self, act: impl FnOnce(&mut Stage) -> T) -> T {
        act(&mut self.stage.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Axis for SimulatedAxis {
    fn info(&self) -> &AxisInfo {
        &self.info
    }

    fn read(&mut self) -> Result<AxisState, AxisError> {
        let (position, is_moving) = self.stage(|stage| stage.position(self.moved));
        Ok(AxisState { position, is_moving })
    }

    fn move_to(&mut self, target: f64) -> Result<(), AxisError> {
        if self.stage(|stage| stage.go(self.moved, target)) {
            return Ok(());
        }
        let AxisInfo { name, unit, limits } = &self.info;
        Err(AxisError::OutOfRange { axis: name.clone(), asked: target, limits: *limits, unit: *unit })
    }

    fn stop(&mut self) -> Result<(), AxisError> {
        self.stage(|stage| stage.stop(self.moved));
        Ok(())
    }
}
