//! Programs of others, which drive real devices in labs, drive the simulated ones: a simulator that understands only our own driver proves
//! nothing. `scripts/test` makes their virtual environment.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, where these are how a test fails"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use beadscope_drivers::axis::ControllerConfig;
use beadscope_drivers::simulators::Simulation;
use beadscope_drivers::{CONTROLLERS, find_controller};
use tempfile::TempDir;

/// The Python of the peers if it has this package; else one line says that the test was skipped, where it may be.
fn python(test: &str, package: &str) -> Option<PathBuf> {
    let peers = || {
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"));
        target.join("peers/bin/python")
    };
    let python = std::env::var_os("BEADSCOPE_PEERS_PYTHON").map_or_else(peers, PathBuf::from);
    let import = format!("import {package}");
    let lacks = match Command::new(&python).args(["-c", &import]).output() {
        Ok(output) if output.status.success() => return Some(python),
        Ok(_) => format!("{} has no {package}", python.display()),
        Err(_) => format!("no {}", python.display()),
    };
    assert!(std::env::var_os("BEADSCOPE_REQUIRE_PEERS").is_none(), "{lacks}: run scripts/test");
    println!("skipped: {test}: {lacks}; run scripts/test");
    None
}

/// The simulated device of a rig.
fn simulate(rig: &str) -> (Simulation, TempDir) {
    let config = ControllerConfig::from_toml(rig).unwrap();
    let driver = find_controller(CONTROLLERS, &config.driver).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let device = driver.simulate(&config, None).unwrap();
    let simulation = Simulation::start(device, &folder.path().join("port")).unwrap();
    (simulation, folder)
}

/// That of a driver's example, whose axes take so many seconds for their whole way.
fn simulate_example(name: &str, way_s: f64) -> (Simulation, TempDir) {
    let (simulation, folder) = simulate(find_controller(CONTROLLERS, name).unwrap().example());
    set_pace(&simulation, way_s);
    (simulation, folder)
}

fn set_pace(simulation: &Simulation, way_s: f64) {
    simulation.device().bodies().iter_mut().for_each(|body| {
        let speed = (body.limits()[1] - body.limits()[0]) / way_s;
        body.set_rates(speed, 100.0 * speed);
    });
}

/// Runs a script of `tests/peers` on the port of a device; what it saw is shown, whatever it is.
fn run(python: &Path, script: &str, simulation: &Simulation, arguments: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script);
    let output = Command::new(python).arg(script).arg(simulation.path()).args(arguments).output().unwrap();
    println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}", output.status);
}

#[test]
fn zaber_motion_drives_the_simulated_zaber() {
    let Some(python) = python("zaber_motion_drives_the_simulated_zaber", "zaber_motion") else { return };
    let (simulation, _folder) = simulate_example("zaber", 2.0);
    simulation.device().bodies().iter_mut().for_each(|body| body.lose_reference(0.0));
    run(&python, "drive_zaber.py", &simulation, &[]);
    simulation.device().bodies()[0].jam(true);
    run(&python, "drive_zaber.py", &simulation, &["--jammed"]);
}

#[test]
fn pipython_drives_the_simulated_pi_gcs() {
    let Some(python) = python("pipython_drives_the_simulated_pi_gcs", "pipython") else { return };
    // With two axes most answers have two lines.
    let motor = r#"driver = "pi_gcs"
[[axes]]
name = "magnet_height"
at = "1"
unit = "mm"
[[axes]]
name = "condenser"
at = "2"
unit = "mm"
"#;
    let piezo = find_controller(CONTROLLERS, "pi_gcs").unwrap().example();
    for rig in [piezo, motor] {
        let (simulation, _folder) = simulate(rig);
        run(&python, "drive_pi_gcs.py", &simulation, &[]);
    }
}

#[test]
fn pylablib_drives_the_simulated_apt() {
    let Some(python) = python("pylablib_drives_the_simulated_apt", "pylablib") else { return };
    let single = "driver = \"thorlabs_apt\"\n[[axes]]\nname = \"x\"\nunit = \"mm\"\ncounts_per_unit = 34304";
    let (simulation, _folder) = simulate(single);
    run(&python, "drive_apt.py", &simulation, &[]);
    let axis = |name, at| {
        format!("[[axes]]\nname = \"{name}\"\nat = \"{at}\"\nunit = \"mm\"\ncounts_per_unit = 409600\n")
    };
    let (simulation, _folder) =
        simulate(&format!("driver = \"thorlabs_apt\"\n{}{}", axis("x", 1), axis("y", 2)));
    run(&python, "drive_apt.py", &simulation, &["rack"]);
}

#[test]
fn python_microscope_drives_the_simulated_zaber() {
    let Some(python) = python("python_microscope_drives_the_simulated_zaber", "microscope.controllers.zaber")
    else {
        return;
    };
    let (simulation, _folder) = simulate_example("zaber", 0.5);
    simulation.device().bodies().iter_mut().for_each(|body| body.lose_reference(0.0));
    run(&python, "drive_microscope.py", &simulation, &["zaber"]);
}

#[test]
fn python_microscope_drives_the_simulated_asi() {
    let Some(python) = python("python_microscope_drives_the_simulated_asi", "microscope.controllers.asi")
    else {
        return;
    };
    let (simulation, _folder) = simulate_example("asi", 0.05);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| run(&python, "drive_microscope.py", &simulation, &["asi"]));
        // This client spins an axis to its end and asks after 0.2 s whether a commanded move goes on, which a spin is not: it must be over by
        // then, whatever speed the client sets.
        while !client.is_finished() {
            set_pace(&simulation, 0.05);
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}
