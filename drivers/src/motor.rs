//! How a motor moves: what simulated microscopes and simulated controllers have in common.

use crate::microscope::settings::MotorSettings;

/// Steps of the motors, s.
pub(crate) const STEP_S: f64 = 1e-3;
/// A motor that is nearer to its aim than this, in parts of the way of a second, has arrived.
const ARRIVED: f64 = 1e-4;

/// A motor: its screw follows a trapezoid of speed, what it moves follows the screw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Motor {
    pub(crate) settings: MotorSettings,
    pub(crate) target: f64,
    /// Position and speed of the screw.
    pub(crate) at: f64,
    pub(crate) speed: f64,
    /// The nut, which has play on the screw.
    nut: f64,
    /// What is moved lags behind.
    pub(crate) shown: f64,
}

impl Motor {
    pub(crate) fn new(settings: &MotorSettings) -> Self {
        let start = settings.start;
        Self { settings: *settings, target: start, at: start, speed: 0.0, nut: start, shown: start }
    }

    pub(crate) fn has_arrived(&self) -> bool {
        let near = ARRIVED * self.settings.speed;
        (self.at - self.target).abs() < near && self.speed == 0.0 && (self.shown - self.nut).abs() < near
    }

    /// Comes to rest as fast as its acceleration allows.
    pub(crate) fn stop(&mut self) {
        self.target = self.at + 0.5 * self.speed * self.speed.abs() / self.settings.acceleration;
    }

    /// Stands still at once: brakes, a jam.
    pub(crate) fn halt(&mut self) {
        (self.target, self.speed) = (self.at, 0.0);
    }

    pub(crate) fn advance(&mut self, dt_s: f64) {
        let MotorSettings { speed, acceleration, play, lag_s, .. } = self.settings;
        let mut left_s = dt_s;
        while left_s > 0.0 && !(self.at == self.target && self.speed == 0.0 && self.shown == self.nut) {
            let step_s = left_s.min(STEP_S);
            left_s -= step_s;
            let way = self.target - self.at;
            let change = acceleration * step_s;
            // As fast as it may go and still stop in time, in steps of this time.
            let fastest = (0.25 * change * change + 2.0 * acceleration * way.abs()).sqrt() - 0.5 * change;
            let wanted = way.signum() * fastest.min(speed);
            self.speed += (wanted - self.speed).clamp(-change, change);
            let step = self.speed * step_s;
            if step.abs() >= way.abs()
                && way.signum() == self.speed.signum()
                && self.speed.abs() <= 2.0 * change
            {
                (self.at, self.speed) = (self.target, 0.0);
            } else {
                self.at += step;
            }
            self.nut = self.nut.clamp(self.at - 0.5 * play, self.at + 0.5 * play);
            self.shown += (self.nut - self.shown) * -(-step_s / lag_s.max(1e-6)).exp_m1();
            if (self.shown - self.nut).abs() < 1e-9 * (1.0 + self.nut.abs()) {
                self.shown = self.nut;
            }
        }
    }
}
