//! Answers, requests and ports that are lost at the wrong moment, and devices that do not do what they were told.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, helpers of tests too")]

use std::path::Path;
use std::time::{Duration, Instant};

use beadscope_drivers::axis::{AxisError, AxisState, Controller, ControllerConfig};
use beadscope_drivers::link::Transcript;
use beadscope_drivers::simulators::{Body, Device, Fault, Simulation};
use beadscope_drivers::{CONTROLLERS, find_controller};
use tempfile::TempDir;

/// A driver's example on its simulated device.
struct Bench {
    simulation: Simulation,
    controller: Box<dyn Controller>,
    config: ControllerConfig,
    _folder: TempDir,
}

impl Bench {
    fn new(name: &str) -> Self {
        Self::with(name, |device| device)
    }

    /// With something between the line and the device.
    fn with(name: &str, wrap: impl FnOnce(Box<dyn Device>) -> Box<dyn Device>) -> Self {
        let driver = find_controller(CONTROLLERS, name).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut config = ControllerConfig::from_toml(driver.example()).unwrap();
        config.port = folder.path().join("port").to_str().unwrap().to_owned();
        config.deadline_ms = 150.0;
        config.transcript = Some(Transcript::default());
        let device = wrap(driver.simulate(&config, None).unwrap());
        let simulation = Simulation::start(device, Path::new(&config.port)).unwrap();
        let controller = driver.open(&config).unwrap();
        Self { simulation, controller, config, _folder: folder }
    }

    /// Everything takes so many seconds for its whole way.
    fn rates(&self, way_s: f64) {
        self.simulation.device().bodies().iter_mut().for_each(|body| {
            let speed = (body.limits()[1] - body.limits()[0]) / way_s;
            body.set_rates(speed, 1e3 * speed);
        });
    }

    fn rest(&mut self, axis: usize) -> AxisState {
        let started = Instant::now();
        loop {
            let state = self.controller.read(axis).unwrap();
            if !state.is_moving {
                return state;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "{state:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn is_moving(&self) -> bool {
        self.simulation.device().bodies().iter().any(|body| body.is_moving())
    }

    fn said(&self) -> String {
        self.config.transcript.as_ref().unwrap().text()
    }
}

/// A device that does not hear requests in which there is this.
struct Deaf(Box<dyn Device>, &'static [u8]);

impl Device for Deaf {
    fn receive(&mut self, bytes: &[u8], reply: &mut Vec<u8>) {
        if !bytes.windows(self.1.len()).any(|part| part == self.1) {
            self.0.receive(bytes, reply);
        }
    }

    fn pass(&mut self, dt_s: f64, reply: &mut Vec<u8>) {
        self.0.pass(dt_s, reply);
    }

    fn bodies(&mut self) -> &mut [Body] {
        self.0.bodies()
    }
}

#[test]
fn a_lost_answer_does_not_open_the_port_again() {
    for driver in CONTROLLERS {
        let mut bench = Bench::new(driver.name());
        for fault in [Fault::Mute, Fault::Garbage, Fault::Late(Duration::from_millis(200))] {
            bench.simulation.set_fault(fault);
            std::thread::sleep(Duration::from_millis(20));
            assert!(bench.controller.read(0).is_err(), "{}: {fault:?}", driver.name());
            bench.simulation.set_fault(Fault::None);
            // What was late has come by then.
            std::thread::sleep(Duration::from_millis(300));
            // Nobody finds it to open it.
            let aside = format!("{}-aside", bench.config.port);
            std::fs::rename(&bench.config.port, &aside).unwrap();
            bench.controller.reconnect().unwrap();
            (0..40).for_each(|_| assert!(bench.controller.read(0).is_ok()));
            std::fs::rename(&aside, &bench.config.port).unwrap();
        }
    }
}

#[test]
fn a_port_that_stays_silent_is_opened_again() {
    let mut bench = Bench::new("zaber");
    bench.simulation.set_fault(Fault::Mute);
    std::thread::sleep(Duration::from_millis(20));
    assert!(bench.controller.read(0).is_err());
    let aside = format!("{}-aside", bench.config.port);
    std::fs::rename(&bench.config.port, &aside).unwrap();
    let mut errors = (0..4).map(|_| bench.controller.reconnect().unwrap_err());
    assert!(errors.any(|error| matches!(error, AxisError::NoPort { .. })));
    std::fs::rename(&aside, &bench.config.port).unwrap();
    bench.simulation.set_fault(Fault::None);
    bench.controller.reconnect().unwrap();
    bench.controller.read(0).unwrap();
}

#[test]
fn c862_that_never_searched_has_no_reference() {
    let mut bench = Bench::with("pi_c862", |device| Box::new(Deaf(device, b"FE2")));
    bench.controller.home(0).unwrap();
    assert!(!bench.rest(0).is_referenced);
    assert!(!bench.said().contains("DH"), "{}", bench.said());
    // The other one searches, and is where its reference is.
    bench.controller.home(1).unwrap();
    assert!(bench.rest(1).is_referenced);
}

#[test]
fn c862_is_called_home_only_where_it_rests_and_once_it_says_so() {
    let homed = |is_deaf: bool| {
        let driver = find_controller(CONTROLLERS, "pi_c862").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut config = ControllerConfig::from_toml(driver.example()).unwrap();
        config.axes.truncate(1);
        config.axes[0].at = "0 DH".to_owned();
        config.port = folder.path().join("port").to_str().unwrap().to_owned();
        let mut device = driver.simulate(&config, None).unwrap();
        device.bodies()[0].set_position(5.0);
        if is_deaf {
            device = Box::new(Deaf(device, b"DH"));
        }
        let _simulation = Simulation::start(device, Path::new(&config.port)).unwrap();
        let mut controller = driver.open(&config).unwrap();
        controller.home(0).unwrap();
        controller.read(0).unwrap().is_referenced
    };
    assert_eq!((homed(false), homed(true)), (true, false));
}

#[test]
fn gcode_homes_all_axes_whichever_are_asked_for() {
    let mut bench = Bench::new("gcode");
    bench.rates(1.0);
    bench.controller.home(0).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    bench.controller.home(1).unwrap();
    for axis in 0..2 {
        assert!(bench.rest(axis).is_referenced);
    }
    assert_eq!(bench.said().matches("$H").count(), 1);
}

#[test]
fn gcode_that_is_unplugged_while_it_homes_is_gone() {
    let mut bench = Bench::new("gcode");
    bench.rates(30.0);
    bench.controller.home(0).unwrap();
    assert!(bench.controller.read(0).unwrap().is_moving);
    bench.simulation.set_fault(Fault::Unplugged);
    std::thread::sleep(Duration::from_millis(50));
    let gone = bench.controller.read(0).unwrap_err();
    assert!(matches!(gone, AxisError::Gone { .. }), "{gone}");
}

#[test]
fn gcode_comes_to_rest_from_a_motion_of_somebody_else() {
    for is_emergency in [false, true] {
        let mut bench = Bench::new("gcode");
        bench.rates(0.1);
        bench.controller.home(0).unwrap();
        bench.rest(0);
        bench.rates(5.0);
        bench.simulation.device().receive(b"G90G21G53G0X-90\n", &mut Vec::new());
        std::thread::sleep(Duration::from_millis(100));
        assert!(bench.is_moving());
        if is_emergency {
            bench.controller.emergency_stop().unwrap();
        } else {
            bench.controller.stop(0).unwrap();
        }
        std::thread::sleep(Duration::from_millis(100));
        assert!(!bench.is_moving() && !bench.rest(0).is_moving);
    }
}

#[test]
fn gcode_that_does_not_answer_is_reset_in_an_emergency() {
    let mut bench = Bench::new("gcode");
    bench.rates(0.1);
    bench.controller.home(0).unwrap();
    bench.rest(0);
    bench.rates(5.0);
    bench.simulation.device().receive(b"G90G21G53G0X-90\n", &mut Vec::new());
    bench.simulation.set_fault(Fault::Mute);
    std::thread::sleep(Duration::from_millis(20));
    assert!(bench.is_moving());
    bench.controller.emergency_stop().unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert!(!bench.is_moving());
}

#[test]
fn asi_that_counts_otherwise_is_not_driven_on() {
    let mut bench = Bench::new("asi");
    bench.controller.reconnect().unwrap();
    bench.simulation.device().receive(b"SU X=2.0\r", &mut Vec::new());
    bench.controller.reconnect().unwrap();
    assert!((bench.controller.axes()[0].limits[1] - 2.0).abs() < 1e-6);
    let refused = bench.controller.move_to(0, 3.0).unwrap_err();
    assert!(matches!(refused, AxisError::OutOfRange { .. }), "{refused}");
}

#[test]
fn asi_that_moves_is_not_made_faster_to_see_how_fast_it_gets() {
    let bench = Bench::new("asi");
    bench.rates(20.0);
    let mut other = bench.controller;
    other.move_to(0, 4.0).unwrap();
    let driver = find_controller(CONTROLLERS, "asi").unwrap();
    let mut config = bench.config.clone();
    config.axes[0].speed = None;
    drop(other);
    let transcript = Transcript::default();
    config.transcript = Some(transcript.clone());
    driver.open(&config).unwrap();
    assert!(!transcript.text().contains("S X=10000"), "{}", transcript.text());
    assert!(transcript.text().contains("S Y=10000"), "{}", transcript.text());
}

#[test]
fn two_axes_are_not_at_the_same_place() {
    for driver in CONTROLLERS {
        let mut config = ControllerConfig::from_toml(driver.example()).unwrap();
        // Nothing is opened: there is no such port.
        config.port = "/no such port".to_owned();
        let mut other = config.axes[0].clone();
        other.name = "other".to_owned();
        config.axes.push(other);
        match driver.open(&config) {
            Err(AxisError::Settings(what)) => assert!(what.contains("there are two axes at"), "{what}"),
            other => panic!("{}: {:?}", driver.name(), other.err()),
        }
    }
}

#[test]
fn tango_is_not_told_to_refuse_what_somebody_else_did_wrong() {
    let mut bench = Bench::new("tango");
    bench.simulation.device().receive(b"!moa q 1\r", &mut Vec::new());
    bench.controller.move_to(0, 3.0).unwrap();
    assert!((bench.rest(0).position - 3.0).abs() < 1e-3);
}

/// A device that halts another axis than it is told, which it does not have.
struct NoHalt(Box<dyn Device>);

impl Device for NoHalt {
    fn receive(&mut self, bytes: &[u8], reply: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(bytes).replace("HLT 1", "HLT 9");
        self.0.receive(text.as_bytes(), reply);
    }

    fn pass(&mut self, dt_s: f64, reply: &mut Vec<u8>) {
        self.0.pass(dt_s, reply);
    }

    fn bodies(&mut self) -> &mut [Body] {
        self.0.bodies()
    }
}

#[test]
fn gcs_stops_all_where_one_cannot_be_halted() {
    let driver = find_controller(CONTROLLERS, "pi_gcs").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let rig = "driver = \"pi_gcs\"\n[[axes]]\nname = \"x\"\nat = \"1\"\nunit = \"mm\"\n";
    let mut config = ControllerConfig::from_toml(rig).unwrap();
    config.port = folder.path().join("port").to_str().unwrap().to_owned();
    let device = Box::new(NoHalt(driver.simulate(&config, None).unwrap()));
    let simulation = Simulation::start(device, Path::new(&config.port)).unwrap();
    let mut controller = driver.open(&config).unwrap();
    let is_moving = || simulation.device().bodies()[0].is_moving();
    controller.move_to(0, 20.0).unwrap();
    assert!(is_moving());
    let refused = controller.stop(0).unwrap_err();
    assert!(matches!(refused, AxisError::Refused { .. }), "{refused}");
    std::thread::sleep(Duration::from_millis(100));
    assert!(!is_moving());
}

#[test]
fn described_alarms_are_told_though_the_device_has_forgotten_them() {
    let mut bench = Bench::new("described");
    bench.rates(0.5);
    bench.controller.home(0).unwrap();
    bench.rest(0);
    bench.simulation.device().bodies()[0].jam(true);
    let _ = bench.controller.move_to(0, 10.0);
    std::thread::sleep(Duration::from_millis(50));
    // It looks whether it moves, and that reads the error.
    let _ = bench.controller.move_to(0, 12.0);
    let alarm = bench.controller.read(0).unwrap().alarm;
    assert_eq!(alarm, Some(beadscope_drivers::axis::Alarm::Stalled), "{}", bench.said());
}
