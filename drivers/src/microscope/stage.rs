//! What moves in the simulated microscope: magnet height, magnet turns and focus, each a motor with a speed, an acceleration, a lag
//! and play.
//!
//! The camera and the axes share it. The camera lets its time pass; while no camera runs, whoever asks does.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::settings::Stage as Settings;
use crate::axis::AxisUnit;
use crate::motor::Motor;

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

    /// As commands call it, and its unit.
    pub fn name(self) -> (&'static str, AxisUnit) {
        match self {
            Self::MagnetHeight => ("magnet_height", AxisUnit::Mm),
            Self::MagnetTurns => ("magnet_turns", AxisUnit::Turns),
            Self::Focus => ("focus", AxisUnit::Nm),
        }
    }
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

impl Stage {
    /// A stage as its settings say.
    pub(super) fn new(settings: &Settings) -> Self {
        let Settings { magnet_height, magnet_turns, focus } = settings;
        let motors = [magnet_height, magnet_turns, focus].map(Motor::new);
        Self { motors, advanced: Instant::now(), ahead_s: 0.0 }
    }

    /// A camera begins to film: it tells of the time from now on, and of none before.
    pub(super) fn begin(&mut self) {
        self.positions();
        self.advanced = Instant::now();
        self.ahead_s = 0.0;
    }

    /// Lets the camera's time pass.
    pub(super) fn advance(&mut self, dt_s: f64) {
        // A camera that was only slow tells, in many frames, of time that somebody else let pass.
        let known_s = self.ahead_s.min(dt_s);
        self.ahead_s -= known_s;
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
        self.motors[axis as usize].stop();
    }

    /// Stops an axis where it is, without its way to rest: brakes, a jam.
    pub fn halt(&mut self, axis: Moved) {
        self.motors[axis as usize].halt();
    }

    /// Its speed and acceleration from now on, units per second and per second squared.
    pub fn set_rates(&mut self, axis: Moved, speed: f64, acceleration: f64) {
        let settings = &mut self.motors[axis as usize].settings;
        (settings.speed, settings.acceleration) = (speed, acceleration);
    }

    /// Its speed and acceleration.
    pub fn rates(&self, axis: Moved) -> [f64; 2] {
        let settings = &self.motors[axis as usize].settings;
        [settings.speed, settings.acceleration]
    }

    /// The limits of an axis.
    pub fn limits(&self, axis: Moved) -> [f64; 2] {
        self.motors[axis as usize].settings.limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::microscope::settings::MotorSettings;
    use crate::motor::STEP_S;

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
    fn a_camera_that_is_late_lets_no_time_pass_twice() {
        let mut stage = Stage::new(&Settings { magnet_height: MOTOR, ..Settings::default() });
        stage.go(Moved::MagnetHeight, 10.0);
        stage.begin();
        std::thread::sleep(SILENT + Duration::from_millis(50));
        // Somebody asks before the first frame is there, which then tells of the same time in small parts.
        let seen = stage.position(Moved::MagnetHeight).0;
        assert!(seen > 2.7, "{seen}");
        (0..60).for_each(|_| stage.advance(0.005));
        let told = stage.position(Moved::MagnetHeight).0;
        assert!(told - seen < 0.2, "{seen} and then {told}");
        (0..60).for_each(|_| stage.advance(0.005));
        assert!(stage.position(Moved::MagnetHeight).0 > told + 0.8);
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
