//! What moves in the simulated microscope: magnet height, magnet turns and focus, each a motor with a speed, an acceleration, a lag
//! and play.
//!
//! The camera and the axes share it. The camera lets its time pass; while no camera runs, whoever asks does.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::settings::{MotorSettings, Stage as Settings};

/// Which axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moved {
    /// Height of the magnets above the sample, mm: 0 is the nearest.
    MagnetHeight,
    /// Turns of the magnets, positive overwinds.
    MagnetTurns,
    /// Height of the focal plane over where it is at 0, nm.
    Focus,
}

impl Moved {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::MagnetHeight, Self::MagnetTurns, Self::Focus];
}

/// Where everything is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Positions {
    /// Height of the magnets, mm.
    pub magnet_height_mm: f64,
    /// Turns of the magnets.
    pub magnet_turns: f64,
    /// Focus, nm.
    pub focus_nm: f64,
}

/// The moving parts of a simulated microscope.
#[derive(Debug)]
pub struct Stage {
    motors: [Motor; 3],
    /// When somebody last let time pass.
    advanced: Instant,
    /// Time that passed while no camera told of it, s; a camera that was only slow tells it again.
    ahead_s: f64,
}

/// A stage that the camera and the axes have in common. The camera never waits for it.
pub type Shared = Arc<Mutex<Stage>>;

/// With the camera silent for so long, whoever asks lets time pass.
const SILENT: Duration = Duration::from_millis(250);
/// Steps of the motors, s.
const STEP_S: f64 = 1e-3;
/// A motor that is nearer to its aim than this, in parts of the way of a second, has arrived.
const ARRIVED: f64 = 1e-4;

impl Stage {
    /// A stage as its settings say.
    pub(super) fn new(settings: &Settings) -> Self {
        let Settings { magnet_height, magnet_turns, focus } = settings;
        let motors = [magnet_height, magnet_turns, focus].map(Motor::new);
        Self { motors, advanced: Instant::now(), ahead_s: 0.0 }
    }

    /// Lets the camera's time pass.
    pub(super) fn advance(&mut self, dt_s: f64) {
        let known_s = self.ahead_s.min(dt_s);
        // What is left of it was a pause, which the camera does not tell.
        self.ahead_s = 0.0;
        self.pass(dt_s - known_s);
    }

    fn pass(&mut self, dt_s: f64) {
        self.advanced = Instant::now();
        self.motors.iter_mut().for_each(|motor| motor.advance(dt_s));
    }

    /// Where everything is.
    pub fn positions(&mut self) -> Positions {
        let silent = self.advanced.elapsed();
        if silent > SILENT {
            self.pass(silent.as_secs_f64());
            self.ahead_s += silent.as_secs_f64();
        }
        let [magnet_height_mm, magnet_turns, focus_nm] = self.motors.each_ref().map(|motor| motor.shown);
        Positions { magnet_height_mm, magnet_turns, focus_nm }
    }

    /// Where one axis is, and whether it moves.
    pub fn position(&mut self, axis: Moved) -> (f64, bool) {
        self.positions();
        let motor = &self.motors[axis as usize];
        (motor.shown, !motor.has_arrived())
    }

    /// Sends an axis somewhere within its limits; what lies beyond is refused by the motor, which stays.
    pub fn go(&mut self, axis: Moved, target: f64) -> bool {
        let motor = &mut self.motors[axis as usize];
        let [least, greatest] = motor.settings.limits;
        let is_inside = (least..=greatest).contains(&target);
        if is_inside {
            motor.target = target;
        }
        is_inside
    }

    /// Brings an axis to rest as fast as it can.
    pub fn stop(&mut self, axis: Moved) {
        let motor = &mut self.motors[axis as usize];
        motor.target = motor.at + 0.5 * motor.speed * motor.speed.abs() / motor.settings.acceleration;
    }

    /// The limits of an axis.
    pub fn limits(&self, axis: Moved) -> [f64; 2] {
        self.motors[axis as usize].settings.limits
    }
}

/// A motor: its screw follows a trapezoid of speed, what it moves follows the screw.
#[derive(Clone, Copy, Debug)]
struct Motor {
    settings: MotorSettings,
    target: f64,
    /// Position and speed of the screw.
    at: f64,
    speed: f64,
    /// The nut, which has play on the screw.
    nut: f64,
    /// What is moved lags behind.
    shown: f64,
}

impl Motor {
    fn new(settings: &MotorSettings) -> Self {
        let start = settings.start;
        Self { settings: *settings, target: start, at: start, speed: 0.0, nut: start, shown: start }
    }

    fn has_arrived(&self) -> bool {
        let near = ARRIVED * self.settings.speed;
        (self.at - self.target).abs() < near && self.speed == 0.0 && (self.shown - self.nut).abs() < near
    }

    fn advance(&mut self, dt_s: f64) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const MOTOR: MotorSettings = MotorSettings {
        start: 2.0,
        limits: [0.0, 10.0],
        speed: 4.0,
        acceleration: 20.0,
        play: 0.0,
        lag_s: 0.0,
    };

    fn trace(motor: &mut Motor, seconds: f64) -> Vec<f64> {
        (0..(seconds / STEP_S) as usize)
            .map(|_| {
                motor.advance(STEP_S);
                motor.shown
            })
            .collect()
    }

    #[test]
    fn a_motor_moves_in_a_trapezoid_and_arrives() {
        let mut motor = Motor::new(&MOTOR);
        motor.target = 10.0;
        let trace = trace(&mut motor, 3.0);
        // 0.2 s to the speed, 7.2 mm at it, 0.2 s to rest.
        let arrived = trace.iter().position(|at| *at == 10.0).unwrap() as f64 * STEP_S;
        assert!((arrived - 2.2).abs() < 0.03, "{arrived} s");
        let fastest = trace.windows(2).map(|two| (two[1] - two[0]) / STEP_S).fold(0.0, f64::max);
        assert!((fastest - 4.0).abs() < 1e-6 && trace.iter().all(|at| *at <= 10.0), "{fastest}");
        assert!(motor.has_arrived());
        // 20 ms into the move: 1/2 20 0.02².
        assert!((trace[19] - 2.004).abs() < 0.0005, "{}", trace[19]);
    }

    #[test]
    fn play_is_lost_on_the_way_back_and_lag_is_speed_times_time() {
        let mut motor = Motor::new(&MotorSettings { play: 0.02, lag_s: 0.05, ..MOTOR });
        motor.target = 6.0;
        let there = trace(&mut motor, 0.8);
        // Behind the screw, by half the play and 50 ms of 4 mm/s.
        assert!((motor.at - there[there.len() - 1] - 0.01 - 0.2).abs() < 0.005, "{}", motor.at);
        trace(&mut motor, 3.0);
        assert!((motor.shown - 5.99).abs() < 1e-6, "{}", motor.shown);
        motor.target = 2.0;
        trace(&mut motor, 3.0);
        assert!((motor.shown - 2.01).abs() < 1e-6, "{}", motor.shown);
    }

    #[test]
    fn beyond_its_limits_it_does_not_go_and_stops_where_it_can() {
        let mut stage = Stage::new(&Settings { magnet_height: MOTOR, ..Settings::default() });
        assert!(!stage.go(Moved::MagnetHeight, 10.5) && stage.go(Moved::MagnetHeight, 9.0));
        stage.advance(0.5);
        stage.stop(Moved::MagnetHeight);
        stage.advance(2.0);
        // 0.4 on the way to the speed, 1.2 at it, 0.4 to rest.
        let (at, is_moving) = stage.position(Moved::MagnetHeight);
        assert!((at - 4.0).abs() < 0.02 && !is_moving, "{at}");
    }
}
