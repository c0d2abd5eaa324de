//! Thorlabs controllers, beyond what the tests of all controllers ask: racks, what comes unasked, motors that are off.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, helpers of tests too")]

use std::path::Path;
use std::time::{Duration, Instant};

use beadscope_drivers::axes::apt::Driver;
use beadscope_drivers::axis::{Alarm, AxisError, AxisState, Controller, ControllerConfig, ControllerDriver};
use beadscope_drivers::conformance::axes::check_controller;
use beadscope_drivers::link::Transcript;
use beadscope_drivers::simulators::{Device, Simulation};
use tempfile::TempDir;

const RACK: &str = "[[axes]]\nname = \"x\"\nat = \"1\"\nunit = \"mm\"\ncounts_per_unit = 409600\nlimits = [0.0, 20.0]\n\
                    [[axes]]\nname = \"turn\"\nat = \"3\"\nunit = \"turns\"\ncounts_per_unit = -49152000\nlimits = [0.0, 4.0]\n";
const UNIT: &str = "[[axes]]\nname = \"x\"\nunit = \"mm\"\ncounts_per_unit = 34304\nlimits = [0.0, 20.0]\n";

fn config(folder: &TempDir, axes: &str) -> ControllerConfig {
    let mut config = ControllerConfig::from_toml(&format!("driver = \"thorlabs_apt\"\n{axes}")).unwrap();
    config.port = folder.path().join("port").to_str().unwrap().to_owned();
    config.deadline_ms = 150.0;
    config.transcript = Some(Transcript::default());
    config
}

fn start(device: Box<dyn Device>, config: &ControllerConfig) -> Simulation {
    let simulation = Simulation::start(device, Path::new(&config.port)).unwrap();
    simulation.device().bodies().iter_mut().for_each(|body| body.set_rates(100.0, 1e4));
    simulation
}

fn rest(controller: &mut dyn Controller, axis: usize) -> AxisState {
    let started = Instant::now();
    loop {
        let state = controller.read(axis).unwrap();
        if !state.is_moving {
            return state;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "it does not rest: {state:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_rack_with_several_bays_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder, RACK);
    let _simulation = start(Driver.simulate(&config, None).unwrap(), &config);
    let checks = check_controller(&Driver, &config, 0.2, true);
    let failed: Vec<_> = checks.iter().filter(|check| check.outcome.is_err()).collect();
    assert!(checks.len() > 10 && failed.is_empty(), "{failed:?}\n{}", config.transcript.unwrap().text());
}

#[test]
fn bays_move_for_themselves_and_never_beyond_the_limits_of_the_rig() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder, RACK);
    let simulation = start(Driver.simulate(&config, None).unwrap(), &config);
    let mut controller = Driver.open(&config).unwrap();
    controller.move_to(0, 20.0).unwrap();
    controller.move_to(1, 4.0).unwrap();
    assert!((rest(&mut *controller, 0).position - 20.0).abs() < 1e-5);
    assert!((rest(&mut *controller, 1).position - 4.0).abs() < 1e-7);
    controller.move_to(0, 3.0).unwrap();
    controller.move_to(1, 0.5).unwrap();
    controller.emergency_stop().unwrap();
    for axis in 0..2 {
        let state = rest(&mut *controller, axis);
        assert!(state.alarm.is_none() && state.is_referenced, "{state:?}");
    }
    let went: Vec<[f64; 2]> = simulation.device().bodies().iter().map(|body| body.went()).collect();
    assert!(went[0][1] < 20.01 && went[1][1] < 4.01, "{went:?}");
}

#[test]
fn what_another_program_had_asked_to_be_told_is_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder, UNIT);
    let mut device = Driver.simulate(&config, None).unwrap();
    // MGMSG_HW_START_UPDATEMSGS, of somebody before.
    device.receive(&[0x11, 0x00, 0x00, 0x00, 0x50, 0x01], &mut Vec::new());
    let _simulation = start(device, &config);
    let mut controller = Driver.open(&config).unwrap();
    for target in [4.0, 1.0, 7.5] {
        controller.move_to(0, target).unwrap();
        assert!((rest(&mut *controller, 0).position - target).abs() < 1e-4);
    }
    // The updates have ended: only ends of motions come unasked.
    let transcript = config.transcript.unwrap();
    let before = transcript.text().len();
    std::thread::sleep(Duration::from_millis(300));
    controller.read(0).unwrap();
    let spoken = transcript.text();
    let update = "\\x91\\x04";
    assert!(!spoken[before..].contains(update), "{spoken}");
}

#[test]
fn a_motor_that_is_off_is_switched_on_when_opened_and_says_so_when_it_is_switched_off() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder, UNIT);
    let switch = |device: &mut dyn Device, how| {
        device.receive(&[0x10, 0x02, 0x01, how, 0x50, 0x01], &mut Vec::new());
    };
    let mut device = Driver.simulate(&config, None).unwrap();
    switch(&mut *device, 2);
    let simulation = start(device, &config);
    let mut controller = Driver.open(&config).unwrap();
    assert_eq!(controller.read(0).unwrap().alarm, None);
    controller.move_to(0, 2.0).unwrap();
    assert!((rest(&mut *controller, 0).position - 2.0).abs() < 1e-4);
    // A button at the controller.
    switch(&mut **simulation.device(), 2);
    assert_eq!(controller.read(0).unwrap().alarm, Some(Alarm::MotorOff));
    controller.move_to(0, 5.0).unwrap();
    assert!((rest(&mut *controller, 0).position - 2.0).abs() < 1e-4);
    // It stays off when the port is opened again after a fault.
    controller.reconnect().unwrap();
    assert_eq!(controller.read(0).unwrap().alarm, Some(Alarm::MotorOff));
}

#[test]
fn another_controller_at_the_same_port_is_not_moved() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder, UNIT);
    let simulation = start(Driver.simulate(&config, None).unwrap(), &config);
    let mut controller = Driver.open(&config).unwrap();
    drop(simulation);
    let other = Unknown(Driver.simulate(&config, None).unwrap());
    let simulation = start(Box::new(other), &config);
    let error = controller.reconnect().unwrap_err();
    assert!(error.is_fault() && error.to_string().contains("XYZ999"), "{error}");
    assert!(matches!(controller.move_to(0, 1.0), Err(AxisError::OutOfStep { .. })));
    drop(simulation);
    let _simulation = start(Driver.simulate(&config, None).unwrap(), &config);
    controller.reconnect().unwrap();
    controller.move_to(0, 1.0).unwrap();
}

#[test]
fn the_nearest_count_is_within_the_limits_too() {
    let folder = tempfile::tempdir().unwrap();
    // 0.1 is 0.3 counts and 9.9 is 29.7: the nearest would be 0 and 30.
    let axis = UNIT.replace("34304", "3").replace("[0.0, 20.0]", "[0.1, 9.9]");
    let config = config(&folder, &axis);
    let _simulation = start(Driver.simulate(&config, None).unwrap(), &config);
    let mut controller = Driver.open(&config).unwrap();
    for (target, count) in [(9.9, 29.0), (0.1, 1.0), (5.0, 15.0)] {
        controller.move_to(0, target).unwrap();
        let position = rest(&mut *controller, 0).position;
        assert!((position * 3.0 - count).abs() < 1e-9, "{target}: {position}");
    }
}

#[test]
fn a_controller_that_nobody_told_about_moves_but_takes_no_speed() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder, UNIT);
    let device = Unknown(Driver.simulate(&config, None).unwrap());
    let _simulation = start(Box::new(device), &config);
    let mut controller = Driver.open(&config).unwrap();
    let can = controller.axes()[0].can;
    assert!(can.home && can.speed.is_none() && can.acceleration.is_none(), "{can:?}");
    assert!(matches!(controller.set_speed(0, 1.0), Err(AxisError::Unsupported { .. })));
    controller.move_to(0, 2.0).unwrap();
    assert!((rest(&mut *controller, 0).position - 2.0).abs() < 1e-4);
}

/// A controller that calls itself otherwise.
struct Unknown(Box<dyn Device>);

impl Device for Unknown {
    fn receive(&mut self, bytes: &[u8], reply: &mut Vec<u8>) {
        let begin = reply.len();
        self.0.receive(bytes, reply);
        if let Some(at) = reply[begin..].windows(6).position(|six| six == b"KDC101") {
            reply[begin + at..begin + at + 6].copy_from_slice(b"XYZ999");
        }
    }

    fn pass(&mut self, dt_s: f64, reply: &mut Vec<u8>) {
        self.0.pass(dt_s, reply);
    }

    fn bodies(&mut self) -> &mut [beadscope_drivers::simulators::Body] {
        self.0.bodies()
    }
}
