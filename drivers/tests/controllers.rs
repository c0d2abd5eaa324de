//! Every driver of motors keeps the contract on its simulated device, over a pseudo-terminal; with anything wrong with the line or the device it
//! answers with an error of the right kind, in time, nothing leaves its limits, and afterwards it works again.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, helpers of tests too")]

use std::path::Path;
use std::time::{Duration, Instant};

use beadscope_drivers::CONTROLLERS;
use beadscope_drivers::axis::{Alarm, AxisError, Controller, ControllerConfig, ControllerDriver};
use beadscope_drivers::conformance::axes::check_controller;
use beadscope_drivers::link::Transcript;
use beadscope_drivers::simulators::{Fault, Simulation};
use tempfile::TempDir;

/// A driver's example on a simulated device.
struct Bench {
    driver: &'static dyn ControllerDriver,
    config: ControllerConfig,
    simulation: Simulation,
    _folder: TempDir,
}

impl Bench {
    fn new(driver: &'static dyn ControllerDriver) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = ControllerConfig::from_toml(driver.example()).unwrap();
        config.port = folder.path().join("port").to_str().unwrap().to_owned();
        config.deadline_ms = 150.0;
        config.transcript = Some(Transcript::default());
        let device = driver.simulate(&config, None).unwrap();
        let simulation = Simulation::start(device, Path::new(&config.port)).unwrap();
        Self { driver, config, simulation, _folder: folder }
    }

    fn open(&self) -> Box<dyn Controller> {
        self.driver.open(&self.config).unwrap()
    }

    /// Makes everything so fast that nobody waits for it.
    fn hurry(&self) {
        self.simulation.device().bodies().iter_mut().for_each(|body| {
            let span = body.limits()[1] - body.limits()[0];
            body.set_rates(100.0 * span, 1e5 * span);
        });
    }

    /// Makes everything so fast that a motion of a check takes a fifth of a second: long enough to stop it on its way, whatever else runs.
    fn pace(&self) {
        for (body, axis) in self.simulation.device().bodies().iter_mut().zip(&self.config.axes) {
            let [least, greatest] = axis.limits.unwrap_or(body.limits());
            let span = greatest - least;
            body.set_rates(span, 1e3 * span);
        }
    }

    fn transcript(&self) -> String {
        self.config.transcript.as_ref().unwrap().text()
    }

    /// Where an axis is and ever was stays within the limits of the rig.
    fn stays_within_limits(&self, controller: &dyn Controller) {
        for (body, info) in self.simulation.device().bodies().iter().zip(controller.axes()) {
            let [least, greatest] = body.went();
            let near = 1e-3 * (info.limits[1] - info.limits[0]);
            assert!(
                least > info.limits[0] - near && greatest < info.limits[1] + near,
                "{}: {} was from {least} to {greatest}, its limits are {:?}",
                self.driver.name(),
                info.name,
                info.limits
            );
        }
    }
}

#[test]
fn every_driver_keeps_the_contract_on_its_simulated_device() {
    for driver in CONTROLLERS {
        let bench = Bench::new(*driver);
        bench.pace();
        // Nothing is silent here: a machine that is busy elsewhere may take its time.
        let config = ControllerConfig { deadline_ms: 2000.0, ..bench.config.clone() };
        let checks = check_controller(*driver, &config, 0.2, true);
        for check in &checks {
            eprintln!("{}: {:<60} {:?}", driver.name(), check.name, check.outcome);
        }
        assert!(checks.len() > 10, "{checks:?}");
        assert!(
            checks.iter().all(|check| check.outcome.is_ok()),
            "{}\n{}",
            driver.name(),
            bench.transcript()
        );
    }
}

type IsExpected = fn(&AxisError) -> bool;

/// What may be wrong with a line, and which errors tell it.
const FAULTS: [(Fault, IsExpected); 7] = [
    (Fault::Late(Duration::from_millis(400)), is_no_answer),
    (Fault::HalfReply, is_no_answer),
    (Fault::Garbage, is_no_answer),
    (Fault::Chatter, is_no_answer),
    (Fault::Mute, |error| matches!(error, AxisError::Silent { .. })),
    (Fault::Dead, |error| matches!(error, AxisError::Silent { .. })),
    (Fault::Unplugged, |error| matches!(error, AxisError::Gone { .. })),
];

fn is_no_answer(error: &AxisError) -> bool {
    matches!(error, AxisError::Silent { .. } | AxisError::Garbled { .. })
}

/// Sends each axis somewhere else, in each round too, and waits until all rest.
fn spread(bench: &Bench, controller: &mut dyn Controller, round: usize) {
    for axis in 0..controller.axes().len() {
        let [least, greatest] = controller.axes()[axis].limits;
        if !controller.read(axis).unwrap().is_referenced {
            controller.home(axis).unwrap();
            rest(controller, axis);
        }
        controller.move_to(axis, least + (greatest - least) * part(axis, round)).unwrap();
    }
    for axis in 0..controller.axes().len() {
        rest(controller, axis);
        let [least, greatest] = controller.axes()[axis].limits;
        is_there(bench, controller, axis, least + (greatest - least) * part(axis, round));
    }
    are_told(bench, controller);
}

/// The part of its range to which an axis is sent: another for each axis, and in the next round.
fn part(axis: usize, round: usize) -> f64 {
    0.2 + 0.15 * axis as f64 + 0.07 * (round % 4) as f64
}

fn rest(controller: &mut dyn Controller, axis: usize) {
    let started = Instant::now();
    while controller.read(axis).unwrap().is_moving {
        assert!(started.elapsed() < Duration::from_secs(20), "axis {axis} does not rest");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Every position that is told is where the device is.
fn are_told(bench: &Bench, controller: &mut dyn Controller) {
    for axis in 0..controller.axes().len() {
        let told = controller.read(axis).unwrap().position;
        is_there(bench, controller, axis, told);
    }
}

fn is_there(bench: &Bench, controller: &dyn Controller, axis: usize, told: f64) {
    let [least, greatest] = controller.axes()[axis].limits;
    let is = bench.simulation.device().bodies()[axis].truth();
    assert!((told - is).abs() < 2e-3 * (greatest - least), "axis {axis} is at {is}, and {told} is told");
}

#[test]
fn a_broken_line_is_an_error_of_its_kind_in_time_and_mends() {
    for driver in CONTROLLERS {
        let bench = Bench::new(*driver);
        let mut controller = bench.open();
        bench.hurry();
        for (round, (fault, is_expected)) in FAULTS.into_iter().enumerate() {
            spread(&bench, &mut *controller, 2 * round);
            bench.simulation.set_fault(fault);
            // The device takes notice within a step of its own.
            std::thread::sleep(Duration::from_millis(20));
            let last = controller.axes().len() - 1;
            let started = Instant::now();
            let read = controller.read(0);
            let took = started.elapsed();
            let name = driver.name();
            eprintln!("{name}: {fault:?}: {read:?} after {took:?}");
            // Some protocols see where their answer begins.
            match read {
                Ok(state) if fault == Fault::Chatter => is_there(&bench, &*controller, 0, state.position),
                Ok(state) => panic!("{name}: {fault:?}: it was read as {state:?}"),
                Err(error) => assert!(is_expected(&error) && error.is_fault(), "{name}: {fault:?}: {error}"),
            }
            assert!(took < 3 * bench.config.deadline(), "{name}: {fault:?}: {took:?}");
            // The second answer is not taken for that of the first axis.
            if let Ok(state) = controller.read(last) {
                assert_eq!(fault, Fault::Chatter, "{name}");
                is_there(&bench, &*controller, last, state.position);
            }
            let started = Instant::now();
            let _ = controller.stop(0);
            let _ = controller.emergency_stop();
            assert!(
                started.elapsed() < 8 * bench.config.deadline(),
                "{name}: {fault:?}: {:?}",
                started.elapsed()
            );
            bench.simulation.set_fault(Fault::None);
            let started = Instant::now();
            while let Err(error) = controller.reconnect() {
                assert!(error.is_fault(), "{name}: {fault:?}: {error}");
                assert!(started.elapsed() < Duration::from_secs(5), "{name}: {fault:?}: {error}");
                std::thread::sleep(Duration::from_millis(50));
            }
            are_told(&bench, &mut *controller);
            // It goes where it is sent, too.
            spread(&bench, &mut *controller, 2 * round + 1);
            bench.stays_within_limits(&*controller);
        }
    }
}

#[test]
fn a_stop_goes_out_while_nothing_is_answered() {
    for driver in CONTROLLERS {
        let bench = Bench::new(*driver);
        let mut controller = bench.open();
        for is_emergency in [false, true] {
            bench.hurry();
            spread(&bench, &mut *controller, usize::from(is_emergency));
            // A motion of some seconds.
            let [least, greatest] = controller.axes()[0].limits;
            bench.simulation.device().bodies().iter_mut().for_each(|body| {
                let span = body.limits()[1] - body.limits()[0];
                body.set_rates(span / 50.0, span);
            });
            controller.move_to(0, least + 0.9 * (greatest - least)).unwrap();
            bench.simulation.set_fault(Fault::Mute);
            std::thread::sleep(Duration::from_millis(20));
            assert!(controller.read(0).is_err());
            let _ = if is_emergency { controller.emergency_stop() } else { controller.stop(0) };
            std::thread::sleep(Duration::from_millis(300));
            assert!(!bench.simulation.device().bodies()[0].is_moving(), "{} goes on", driver.name());
            bench.simulation.set_fault(Fault::None);
            controller.reconnect().unwrap();
        }
    }
}

#[test]
fn a_stalled_motor_is_never_said_to_have_arrived() {
    for driver in CONTROLLERS {
        let bench = Bench::new(*driver);
        let mut controller = bench.open();
        bench.hurry();
        spread(&bench, &mut *controller, 0);
        bench.simulation.device().bodies()[0].jam(true);
        let [least, greatest] = controller.axes()[0].limits;
        let target = least + 0.8 * (greatest - least);
        let sent = controller.move_to(0, target);
        std::thread::sleep(Duration::from_millis(100));
        let state = controller.read(0).unwrap();
        eprintln!("{}: sent {sent:?}, then {state:?}", driver.name());
        let is_there = (state.position - target).abs() < 0.01 * (greatest - least) && !state.is_moving;
        assert!(!is_there, "{}: {state:?}", driver.name());
        assert!(state.alarm != Some(Alarm::AtLimitSwitch), "{}: {state:?}", driver.name());
        bench.simulation.device().bodies()[0].jam(false);
    }
}

#[test]
fn an_axis_without_reference_says_so_and_is_right_once_homed() {
    for driver in CONTROLLERS {
        let bench = Bench::new(*driver);
        let mut controller = bench.open();
        bench.hurry();
        spread(&bench, &mut *controller, 0);
        for axis in 0..controller.axes().len() {
            if !controller.axes()[axis].can.home {
                continue;
            }
            let [least, greatest] = controller.axes()[axis].limits;
            bench.simulation.device().bodies()[axis].lose_reference(0.1 * (greatest - least));
            let state = controller.read(axis).unwrap();
            assert!(!state.is_referenced, "{}: {state:?}", driver.name());
            controller.home(axis).unwrap();
            rest(&mut *controller, axis);
            let state = controller.read(axis).unwrap();
            assert!(state.is_referenced && state.alarm.is_none(), "{}: {state:?}", driver.name());
            is_there(&bench, &*controller, axis, state.position);
        }
    }
}

/// What goes over the port is kept beside this test, for people who compare it with a manual. `BEADSCOPE_BLESS=1` writes it anew.
#[test]
fn what_goes_over_the_port_is_what_was_read_by_people() {
    for driver in CONTROLLERS {
        let bench = Bench::new(*driver);
        let transcript = bench.config.transcript.as_ref().unwrap();
        transcript.remark("open");
        let mut controller = bench.open();
        bench.hurry();
        // Nothing is asked while something moves: how often would be chance.
        let rest = || {
            while bench.simulation.device().bodies().iter().any(|body| body.is_moving()) {}
            // What a device tells of it unasked has come then, and a search that finds the reference where it begins is over.
            std::thread::sleep(Duration::from_millis(200));
        };
        for axis in 0..controller.axes().len() {
            let info = controller.axes()[axis].clone();
            let [least, greatest] = info.limits;
            let say = |what: &str| transcript.remark(&format!("{}: {what}", info.name));
            if info.can.home {
                say("home");
                controller.home(axis).unwrap();
                rest();
            }
            say("move");
            controller.move_to(axis, least + 0.25 * (greatest - least)).unwrap();
            rest();
            say("read");
            controller.read(axis).unwrap();
            if let Some([slowest, fastest]) = info.can.speed {
                say("set its speed");
                let span = greatest - least;
                controller.set_speed(axis, (span / 10.0).clamp(slowest, fastest)).unwrap();
            }
            say("stop");
            controller.stop(axis).unwrap();
        }
        transcript.remark("emergency stop");
        controller.emergency_stop().unwrap();
        transcript.remark("connect again");
        controller.reconnect().unwrap();
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/transcripts/{}.txt", driver.name()));
        if std::env::var_os("BEADSCOPE_BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, bench.transcript()).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap();
        assert_eq!(bench.transcript(), kept, "{}", driver.name());
    }
}
