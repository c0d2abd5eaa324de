//! What is peculiar to one protocol and may harm: an unlocked machine is not homed, a queue is no way to change one's mind, a unit that was
//! forgotten is told again.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, helpers of tests too")]

use std::path::Path;
use std::time::{Duration, Instant};

use beadscope_drivers::axis::{Alarm, AxisError, AxisState, Controller, ControllerConfig};
use beadscope_drivers::simulators::Simulation;
use beadscope_drivers::{CONTROLLERS, find_controller};
use tempfile::TempDir;

/// A driver's example on its simulated device, in which everything is fast.
struct Bench {
    simulation: Simulation,
    controller: Box<dyn Controller>,
    deadline: Duration,
    _folder: TempDir,
}

impl Bench {
    fn new(name: &str) -> Self {
        let driver = find_controller(CONTROLLERS, name).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut config = ControllerConfig::from_toml(driver.example()).unwrap();
        config.port = folder.path().join("port").to_str().unwrap().to_owned();
        config.deadline_ms = 150.0;
        let device = driver.simulate(&config, None).unwrap();
        let simulation = Simulation::start(device, Path::new(&config.port)).unwrap();
        let controller = driver.open(&config).unwrap();
        let bench = Self { simulation, controller, deadline: config.deadline(), _folder: folder };
        bench.rates(1e-2, 1e-5);
        bench
    }

    /// Everything takes so many seconds for its whole way, and so many to get as fast as that.
    fn rates(&self, way_s: f64, ramp_s: f64) {
        self.simulation.device().bodies().iter_mut().for_each(|body| {
            let speed = (body.limits()[1] - body.limits()[0]) / way_s;
            body.set_rates(speed, speed / ramp_s);
        });
    }

    /// Somebody else tells the device something.
    fn tell(&self, bytes: &[u8]) {
        let mut reply = Vec::new();
        self.simulation.device().receive(bytes, &mut reply);
    }

    fn read(&mut self, axis: usize) -> AxisState {
        self.controller.read(axis).unwrap()
    }

    fn rest(&mut self, axis: usize) -> AxisState {
        let started = Instant::now();
        loop {
            let state = self.read(axis);
            if !state.is_moving {
                return state;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "{state:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn home(&mut self, axis: usize) -> AxisState {
        self.controller.home(axis).unwrap();
        self.rest(axis)
    }

    /// The position at this part of the range of an axis.
    fn at(&self, axis: usize, part: f64) -> f64 {
        let [least, greatest] = self.controller.axes()[axis].limits;
        least + part * (greatest - least)
    }

    fn go(&mut self, axis: usize, part: f64) {
        let target = self.at(axis, part);
        self.controller.move_to(axis, target).unwrap();
    }

    fn is_at(&self, axis: usize, state: AxisState, part: f64) {
        let near = 1e-3 * (self.at(axis, 1.0) - self.at(axis, 0.0));
        assert!((state.position - self.at(axis, part)).abs() < near, "{state:?} is not at {part}");
        let truth = self.simulation.device().bodies()[axis].truth();
        assert!((state.position - truth).abs() < near, "{state:?} is at {truth}");
    }
}

#[test]
fn asi_tells_a_motor_that_is_off_and_an_end_that_was_in_the_way() {
    let mut bench = Bench::new("asi");
    bench.tell(b"MC X-\r");
    assert_eq!(bench.read(0).alarm, Some(Alarm::MotorOff));
    let refused = bench.controller.move_to(0, 1.0).unwrap_err();
    assert!(matches!(refused, AxisError::Refused { .. }), "{refused}");
    bench.tell(b"MC X+\r");
    // Somebody has made its range shorter since it was opened.
    bench.tell(b"SU X=0.2\r");
    bench.controller.move_to(0, 1.0).unwrap();
    let state = bench.rest(0);
    assert_eq!((state.alarm, (state.position - 0.2).abs() < 1e-3), (Some(Alarm::AtLimitSwitch), true));
    // To rest at an end on purpose is no fault.
    bench.controller.move_to(0, 0.2).unwrap();
    assert_eq!(bench.rest(0).alarm, None);
}

#[test]
fn asi_gives_the_speed_back_that_it_found() {
    let driver = find_controller(CONTROLLERS, "asi").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut config = ControllerConfig::from_toml(driver.example()).unwrap();
    config.port = folder.path().join("port").to_str().unwrap().to_owned();
    let simulation =
        Simulation::start(driver.simulate(&config, None).unwrap(), Path::new(&config.port)).unwrap();
    simulation.device().bodies()[0].set_rates(2.5, 100.0);
    let controller = driver.open(&config).unwrap();
    let [speed, _] = simulation.device().bodies()[0].rates();
    let fastest = controller.axes()[0].can.speed.unwrap()[1];
    assert!((speed - 2.5).abs() < 1e-6 && fastest > 7.0, "{speed} of {fastest} mm/s");
}

#[test]
fn tango_counts_right_after_power_came_back() {
    let mut bench = Bench::new("tango");
    assert!(!bench.read(0).is_referenced, "it was never calibrated");
    bench.home(0);
    bench.go(0, 0.3);
    bench.rest(0);
    // It counts in mm from now on, and tells unasked that it has arrived.
    bench.simulation.device().bodies()[0].lose_reference(0.0);
    std::thread::sleep(Duration::from_millis(20));
    let state = bench.read(0);
    assert!(!state.is_referenced);
    bench.is_at(0, state, 0.3);
    bench.controller.reconnect().unwrap();
    bench.go(0, 0.6);
    let state = bench.rest(0);
    bench.is_at(0, state, 0.6);
    // A speed is set in mm/s, and positions count in µm all the same.
    assert!((bench.controller.set_speed(0, 3.0).unwrap() - 3.0).abs() < 1e-6);
    let state = bench.read(0);
    bench.is_at(0, state, 0.6);
}

#[test]
fn gcode_that_was_unlocked_is_not_homed() {
    let mut bench = Bench::new("gcode");
    assert!(!bench.read(0).is_referenced);
    bench.tell(b"$X\n");
    let state = bench.read(0);
    assert!(!state.is_referenced && state.alarm.is_none(), "{state:?}");
    assert!(bench.home(0).is_referenced);
    bench.controller.reconnect().unwrap();
    assert!(bench.read(0).is_referenced, "it says itself that it was homed");
    // A reset while it rests keeps its position, but who says that it rested?
    bench.tell(b"\x18");
    assert!(!bench.read(0).is_referenced);
}

#[test]
fn gcode_sent_elsewhere_does_not_go_first_where_it_was_sent_first() {
    let mut bench = Bench::new("gcode");
    bench.home(0);
    bench.go(0, 0.9);
    bench.rest(0);
    bench.rates(2.0, 0.02);
    bench.go(0, 0.0);
    std::thread::sleep(Duration::from_millis(200));
    bench.go(0, 0.95);
    let state = bench.rest(0);
    bench.is_at(0, state, 0.95);
    let lowest = bench.simulation.device().bodies()[0].went()[0];
    // It was at 0.5 when power came.
    assert!(lowest > bench.at(0, 0.49), "it went to {lowest}");
}

#[test]
fn gcode_with_a_long_ramp_is_sent_when_it_rests_unless_it_was_stopped() {
    let mut bench = Bench::new("gcode");
    bench.home(0);
    bench.rates(2.0, 1.0);
    for is_stopped in [false, true] {
        bench.go(0, 0.1);
        std::thread::sleep(Duration::from_millis(700));
        let started = Instant::now();
        bench.go(0, 0.9);
        assert!(started.elapsed() < 3 * bench.deadline, "it waited for {:?}", started.elapsed());
        assert!(bench.read(0).is_moving);
        if is_stopped {
            bench.controller.stop(0).unwrap();
        }
        let state = bench.rest(0);
        if is_stopped {
            assert!(state.position < bench.at(0, 0.85), "{state:?}");
        } else {
            bench.is_at(0, state, 0.9);
        }
    }
}

#[test]
fn gcode_axes_move_together_and_one_that_is_stopped_does_not_stop_the_other() {
    let mut bench = Bench::new("gcode");
    bench.home(0);
    (0..2).for_each(|axis| bench.go(axis, 0.1));
    for axis in 0..2 {
        bench.rest(axis);
    }
    bench.rates(1.0, 0.01);
    let started = Instant::now();
    (0..2).for_each(|axis| bench.go(axis, 0.9));
    std::thread::sleep(Duration::from_millis(100));
    assert!(bench.read(0).is_moving && bench.read(1).is_moving);
    bench.controller.stop(0).unwrap();
    let stopped = bench.rest(0);
    assert!(stopped.position < bench.at(0, 0.8), "{stopped:?}");
    let state = bench.rest(1);
    bench.is_at(1, state, 0.9);
    assert_eq!(bench.rest(0).position, stopped.position);
    assert!(started.elapsed() < Duration::from_secs(4), "one after the other: {:?}", started.elapsed());
}

#[test]
fn gcode_homing_can_be_stopped_and_says_that_it_is_lost() {
    let mut bench = Bench::new("gcode");
    bench.rates(10.0, 0.01);
    bench.controller.home(0).unwrap();
    assert!(bench.read(0).is_moving);
    let busy = bench.controller.move_to(0, 1.0).unwrap_err();
    assert!(matches!(busy, AxisError::Refused { .. }), "{busy}");
    bench.controller.stop(0).unwrap();
    let state = bench.read(0);
    assert!(!state.is_moving && !state.is_referenced && state.alarm.is_none(), "{state:?}");
    assert!(!bench.simulation.device().bodies()[0].is_moving());
    bench.rates(1e-2, 1e-5);
    assert!(bench.home(0).is_referenced);
}

#[test]
fn gcode_that_ran_into_a_switch_says_so_until_it_is_homed() {
    let mut bench = Bench::new("gcode");
    bench.tell(b"$21=1\n");
    bench.home(0);
    bench.rates(0.5, 0.01);
    // Its switch is at the top, and so are its limits.
    bench.go(0, 1.0);
    let state = bench.rest(0);
    assert_eq!((state.alarm, state.is_referenced), (Some(Alarm::AtLimitSwitch), false));
    let refused = bench.controller.move_to(0, 1.0).unwrap_err();
    assert!(matches!(refused, AxisError::Refused { .. }), "{refused}");
    bench.controller.stop(0).unwrap();
    assert_eq!(bench.read(0).alarm, Some(Alarm::AtLimitSwitch));
    let state = bench.home(0);
    assert!(state.is_referenced && state.alarm.is_none(), "{state:?}");
}

#[test]
fn gcode_that_hears_nothing_but_a_reset_is_told_and_homed_again() {
    let mut bench = Bench::new("gcode");
    bench.home(0);
    // Somebody sends it beyond its travel.
    let mut reply = Vec::new();
    bench.simulation.device().receive(b"G0X5000\n", &mut reply);
    assert!(reply.starts_with(b"ALARM:2"), "{}", reply.escape_ascii());
    // Nobody heard it say so: it is silent.
    let silent = bench.controller.read(0).unwrap_err();
    assert!(matches!(silent, AxisError::Silent { .. }), "{silent}");
    assert!(bench.controller.reconnect().is_err());
    bench.tell(b"\x18");
    bench.controller.reconnect().unwrap();
    assert!(!bench.read(0).is_referenced);
    assert!(bench.home(0).is_referenced);
}

#[test]
fn zaber_is_understood_while_it_adds_checksums_and_alerts() {
    let mut bench = Bench::new("zaber");
    bench.tell(b"/1 set comm.checksum 1\n/set comm.alert 1\n");
    for axis in [0, 1] {
        assert!(bench.home(axis).is_referenced);
    }
    for turn in 1..20_u32 {
        // Each tells unasked that it has arrived, between what is asked and answered.
        let part = f64::from(turn) / 20.0;
        bench.go(0, part);
        bench.go(1, 1.0 - part);
        for (axis, part) in [(0, part), (1, 1.0 - part)] {
            let state = bench.rest(axis);
            assert!(state.is_referenced && state.alarm.is_none(), "{state:?}");
            bench.is_at(axis, state, part);
        }
    }
    bench.controller.reconnect().unwrap();
    bench.go(0, 0.5);
    bench.controller.stop(0).unwrap();
    bench.controller.emergency_stop().unwrap();
    assert!(!bench.rest(0).is_moving);
}
