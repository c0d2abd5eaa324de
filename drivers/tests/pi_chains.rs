//! What the examples of the Physik Instrumente drivers do not show: motors in a daisy chain that have to be homed, other units, and boards
//! without a reference switch.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, helpers of tests too")]

use std::path::Path;
use std::time::{Duration, Instant};

use beadscope_drivers::axis::{Alarm, AxisError, Controller, ControllerConfig, ControllerDriver};
use beadscope_drivers::conformance::axes::check_controller;
use beadscope_drivers::link::Transcript;
use beadscope_drivers::simulators::{Fault, Simulation};
use beadscope_drivers::{CONTROLLERS, find_controller};
use tempfile::TempDir;

/// Two C-863.11 in a chain: magnets up and down, and round.
const CHAIN: &str = r#"
driver = "pi_gcs"
deadline_ms = 150

[[axes]]
name = "magnet_height"
at = "1.1"
unit = "mm"
limits = [0.0, 24.0]
speed = 5.0
acceleration = 50.0

[[axes]]
name = "magnet_turns"
at = "2.1"
unit = "turns"
limits = [-1000.0, -900.0]
"#;

struct Bench {
    driver: &'static dyn ControllerDriver,
    config: ControllerConfig,
    simulation: Simulation,
    _folder: TempDir,
}

impl Bench {
    fn new(rig: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = ControllerConfig::from_toml(rig).unwrap();
        config.port = folder.path().join("port").to_str().unwrap().to_owned();
        config.transcript = Some(Transcript::default());
        let driver = find_controller(CONTROLLERS, &config.driver).unwrap();
        let device = driver.simulate(&config, None).unwrap();
        let simulation = Simulation::start(device, Path::new(&config.port)).unwrap();
        Self { driver, config, simulation, _folder: folder }
    }

    fn open(&self) -> Result<Box<dyn Controller>, AxisError> {
        self.driver.open(&self.config)
    }

    fn transcript(&self) -> String {
        self.config.transcript.as_ref().unwrap().text()
    }

    fn truth(&self, axis: usize) -> f64 {
        self.simulation.device().bodies()[axis].truth()
    }
}

fn rest(controller: &mut dyn Controller, axis: usize) {
    let started = Instant::now();
    while controller.read(axis).unwrap().is_moving {
        assert!(started.elapsed() < Duration::from_secs(20), "axis {axis} does not rest");
    }
}

#[test]
fn a_daisy_chain_of_motors_keeps_the_contract() {
    let bench = Bench::new(CHAIN);
    bench.simulation.device().bodies().iter_mut().for_each(|body| {
        body.set_rates(2000.0, 2e6);
        body.lose_reference(0.01);
    });
    let checks = check_controller(bench.driver, &bench.config, 0.2, true);
    for check in &checks {
        eprintln!("{:<60} {:?}", check.name, check.outcome);
    }
    assert!(checks.iter().all(|check| check.outcome.is_ok()), "{}", bench.transcript());
    let transcript = bench.transcript();
    for line in [
        "> 1 *IDN?\\n",
        "< 0 1 (c)2013 Physik Instrumente(PI) Karlsruhe, C-863.11,117000001,1.3.0.7\\n",
        "< 0 1 1 0x07000601=MM\\n0 1 0\\n",
        "< 0 2 1 0x07000601=DEG\\n0 2 0\\n",
        "> 2 ERR?\\n2 FRF 1\\n2 ERR?\\n",
        "> 1 ERR?\\n1 HLT 1\\n1 ERR?\\n",
        "< 0 1 0\\n0 1 10\\n",
        "> 1 STP\\n",
        "> 2 STP\\n",
    ] {
        assert!(transcript.lines().any(|known| known == line), "{line} is not in\n{transcript}");
    }
}

#[test]
fn a_late_answer_of_one_controller_is_not_taken_for_another() {
    let bench = Bench::new(CHAIN);
    let mut controller = bench.open().unwrap();
    bench.simulation.device().bodies().iter_mut().for_each(|body| body.set_rates(2000.0, 2e6));
    controller.move_to(0, 7.0).unwrap();
    controller.move_to(1, -950.0).unwrap();
    (0..2).for_each(|axis| rest(&mut *controller, axis));
    for asked in [0, 1] {
        bench.simulation.set_fault(Fault::Late(Duration::from_millis(400)));
        std::thread::sleep(Duration::from_millis(20));
        assert!(controller.read(asked).is_err());
        // What is asked to get in step again comes late too, and once more.
        assert!(controller.reconnect().is_err());
        bench.simulation.set_fault(Fault::None);
        let started = Instant::now();
        while let Err(error) = controller.reconnect() {
            assert!(started.elapsed() < Duration::from_secs(5), "{error}");
        }
        for axis in [1, 0] {
            let state = controller.read(axis).unwrap();
            assert!(state.is_referenced && !state.is_moving && state.alarm.is_none(), "{state:?}");
            assert!((state.position - bench.truth(axis)).abs() < 1e-3, "{axis}: {state:?}");
        }
    }
}

#[test]
fn a_motor_is_not_moved_before_it_was_homed_and_the_servo_is_switched_on_for_that() {
    let bench = Bench::new(CHAIN);
    bench.simulation.device().bodies()[0].lose_reference(3.0);
    let mut controller = bench.open().unwrap();
    let state = controller.read(0).unwrap();
    assert!(!state.is_referenced && !state.is_moving && state.alarm == Some(Alarm::MotorOff), "{state:?}");
    let refused = controller.move_to(0, 10.0).unwrap_err();
    assert!(matches!(&refused, AxisError::Refused { code, .. } if code == "5"), "{refused}");
    controller.home(0).unwrap();
    let state = controller.read(0).unwrap();
    assert!(!state.is_referenced || !state.is_moving, "{state:?}");
    rest(&mut *controller, 0);
    let state = controller.read(0).unwrap();
    assert!(state.is_referenced && state.alarm.is_none(), "{state:?}");
    assert!((state.position - bench.truth(0)).abs() < 1e-3, "{state:?}");
}

#[test]
fn a_motor_that_cannot_follow_says_so_and_goes_on_once_it_is_free() {
    let bench = Bench::new(CHAIN);
    let mut controller = bench.open().unwrap();
    controller.move_to(0, 5.0).unwrap();
    bench.simulation.device().bodies()[0].jam(true);
    let started = Instant::now();
    while controller.read(0).unwrap().alarm != Some(Alarm::Stalled) {
        assert!(started.elapsed() < Duration::from_secs(5));
    }
    assert!(!controller.read(0).unwrap().is_moving);
    bench.simulation.device().bodies()[0].jam(false);
    controller.move_to(0, 2.0).unwrap();
    rest(&mut *controller, 0);
    let state = controller.read(0).unwrap();
    assert!(state.alarm.is_none() && (state.position - 2.0).abs() < 1e-3, "{state:?}");
}

#[test]
fn how_a_controller_counts_it_tells_or_the_rig_does() {
    let rig = |unit: &str, more: &str| {
        format!("driver = \"pi_gcs\"\n[[axes]]\nname = \"a\"\nat = \"1\"\nunit = \"{unit}\"\n{more}")
    };
    // 100 µm of a piezo stage, 25 mm of a motor.
    for (unit, more, greatest) in [
        ("nm", "", 1e5),
        ("um", "", 100.0),
        ("um", "counts_per_unit = 0.001", 25e3),
        ("mm", "", 25.0),
        ("mm", "counts_per_unit = 2.5", 25.0),
        ("turns", "", 1000.0),
    ] {
        let bench = Bench::new(&rig(unit, more));
        let limits = bench.open().unwrap().axes()[0].limits;
        assert!((limits[1] - greatest).abs() < 1e-6 * greatest, "{unit} {more}: {limits:?}");
    }
    // A stage that counts in mm is no axis in turns.
    let bench = Bench::new(&rig("mm", ""));
    let config = ControllerConfig { axes: Bench::new(&rig("turns", "")).config.axes, ..bench.config.clone() };
    let error = bench.driver.open(&config).err().unwrap();
    assert!(error.to_string().contains("counts_per_unit is missing"), "{error}");
}

#[test]
fn another_controller_at_the_port_is_not_taken_for_the_one_before() {
    let bench = Bench::new(CHAIN);
    let mut controller = bench.open().unwrap();
    let path = bench.config.port.clone();
    drop(bench);
    let piezo =
        ControllerConfig::from_toml(&CHAIN.replace("\"mm\"", "\"um\"").replace("\"turns\"", "\"um\""));
    let piezo = piezo.unwrap();
    let folder = Path::new(&path).parent().unwrap();
    std::fs::create_dir_all(folder).unwrap();
    let driver = find_controller(CONTROLLERS, "pi_gcs").unwrap();
    let _simulation = Simulation::start(driver.simulate(&piezo, None).unwrap(), Path::new(&path)).unwrap();
    assert!(controller.read(0).is_err());
    let error = controller.reconnect().unwrap_err();
    assert!(matches!(error, AxisError::Garbled { .. }), "{error}");
    assert!(controller.move_to(0, 2.0).is_err());
    std::fs::remove_dir_all(folder).unwrap_or_default();
}

const BOARDS: &str = r#"
driver = "pi_c862"
deadline_ms = 150

[[axes]]
name = "magnet_turns"
at = "11 DH"
unit = "turns"
counts_per_unit = -4000
limits = [-50.0, 50.0]
"#;

#[test]
fn a_board_without_a_reference_switch_is_told_where_it_is() {
    let bench = Bench::new(BOARDS);
    let mut controller = bench.open().unwrap();
    assert!(!controller.read(0).unwrap().is_referenced);
    let error = controller.move_to(0, 1.0).unwrap_err();
    assert_eq!(error.to_string(), "magnet_turns cannot be sent anywhere before it was homed");
    controller.home(0).unwrap();
    let state = controller.read(0).unwrap();
    assert!(state.is_referenced && state.position == 0.0 && !state.is_moving, "{state:?}");
    controller.move_to(0, 1.0).unwrap();
    assert!(bench.transcript().contains("> \\x01BMA-4000\\r\n"), "{}", bench.transcript());
}

#[test]
fn a_board_that_lost_its_power_is_not_referenced_any_more() {
    let bench = Bench::new(BOARDS);
    let mut controller = bench.open().unwrap();
    controller.home(0).unwrap();
    controller.set_speed(0, 20.0).unwrap();
    controller.move_to(0, 1.0).unwrap();
    rest(&mut *controller, 0);
    let lose_link = |controller: &mut dyn Controller| {
        bench.simulation.set_fault(Fault::Dead);
        std::thread::sleep(Duration::from_millis(20));
        assert!(controller.read(0).is_err());
        bench.simulation.set_fault(Fault::None);
        controller.reconnect().unwrap();
        controller.read(0).unwrap()
    };
    // A cable that was pulled for a moment: its counter is not 0, so it has counted on.
    let state = lose_link(&mut *controller);
    assert!(state.is_referenced && (state.position - 1.0).abs() < 1e-3, "{state:?}");
    // A power cut: its counter is 0.
    {
        let mut device = bench.simulation.device();
        device.bodies()[0].set_position(0.0);
    }
    assert!(!lose_link(&mut *controller).is_referenced);
}

#[test]
fn a_rig_that_leaves_out_what_a_mercury_does_not_know_is_refused() {
    let bench = Bench::new(BOARDS);
    for (left_out, said) in
        [("limits = [-50.0, 50.0]", "limits"), ("counts_per_unit = -4000", "counts_per_unit")]
    {
        let rig = BOARDS.replace(left_out, "");
        let config = ControllerConfig {
            port: bench.config.port.clone(),
            ..ControllerConfig::from_toml(&rig).unwrap()
        };
        let error = bench.driver.open(&config).err().unwrap();
        assert!(matches!(&error, AxisError::Settings(what) if what.contains(said)), "{error}");
    }
}
