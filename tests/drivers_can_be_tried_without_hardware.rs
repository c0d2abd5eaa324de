//! A user without hardware lists drivers, checks one on a simulated controller, runs one for other programs, and tries a script's motions.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where these are how a test fails")]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use beadscope_drivers::CONTROLLERS;
use beadscope_engine::settings::Settings;
use common::{beadscope, beadscope_ok, program};

#[test]
fn every_driver_prints_a_table_that_a_rig_takes() {
    let told = beadscope_ok(&["drivers", "list"]);
    for driver in CONTROLLERS {
        assert!(told.contains(driver.about()), "{told}");
        let table = beadscope_ok(&["drivers", "list", driver.name()]);
        let folder = tempfile::tempdir().unwrap();
        let rig = folder.path().join("rig.toml");
        fs::write(&rig, &table).unwrap();
        let settings = Settings::load(Some(&rig), None).unwrap_or_else(|error| panic!("{error}: {table}"));
        let [controller] = settings.rig().motors.controllers.as_slice() else { panic!("{table}") };
        assert_eq!((controller.driver.as_str(), controller.port.as_str()), (driver.name(), "/dev/ttyUSB0"));
    }
    let refused = beadscope(&["drivers", "list", "zabber"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("no driver of motors is called \"zabber\"; there are: zaber, "), "{said}");
}

#[test]
fn a_simulated_controller_runs_for_other_programs_and_goes_with_its_link() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("zaber");
    let mut running = program();
    running.args(["drivers", "simulate", "zaber", "--pty", link.to_str().unwrap()]);
    let mut running = running.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut told = String::new();
    BufReader::new(running.stdout.take().unwrap()).read_line(&mut told).unwrap();
    assert_eq!(Path::new(told.trim()), link);
    let transcript = folder.path().join("transcript.txt");
    let settings = folder.path().join("zaber.toml");
    fs::write(&settings, CONTROLLERS[0].example()).unwrap();
    let bare = ["drivers", "check", "zaber", "--port", link.to_str().unwrap()];
    // The scale of another device would move it who knows where.
    let refused = String::from_utf8(beadscope(&bare).stderr).unwrap();
    assert!(refused.contains("--port needs --settings"), "{refused}");
    let check = [&bare[..], &["--settings", settings.to_str().unwrap()]].concat();
    let moving = ["--may-move", "0.01", "--transcript", transcript.to_str().unwrap()];
    let told = beadscope_ok(&[&check[..], &moving].concat());
    assert!(told.lines().count() > 10 && told.lines().all(|line| line.starts_with("ok ")), "{told}");
    assert!(fs::read_to_string(transcript).unwrap().contains("> /1 1 move abs "));
    // Without leave to move it only reads.
    let told = beadscope_ok(&check);
    assert!(!told.contains("a motion begins"), "{told}");
    let stopped = Command::new("kill").args(["-TERM", &running.id().to_string()]).status().unwrap();
    assert!(stopped.success() && running.wait().unwrap().success() && !link.is_symlink());
    let refused = beadscope(&check);
    assert!(!refused.status.success());
    assert!(String::from_utf8(refused.stdout).unwrap().contains("cannot be opened"));
}

#[test]
fn a_script_is_rehearsed_and_moves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rig = folder.path().join("rig.toml");
    let rules = "[camera.settings]\nbeads = 2\n[safety.axes.magnet_height]\nlimits = [1.0, 15.0]\n\
                 [[safety.conditions]]\naxis = \"focus\"\nbetween = [500.0, 2000.0]\nkeeps = \"magnet_height\"\n\
                 within = [5.0, 20.0]\nwhy = \"the objective lifts the sample\"\n";
    fs::write(&rig, rules).unwrap();
    let script = folder.path().join("script");
    let try_out = |lines: &str| {
        fs::write(&script, lines).unwrap();
        let arguments = ["run", "--rig", rig.to_str().unwrap(), "--rehearse", "--commands"];
        let output = beadscope(&[&arguments[..], &[script.to_str().unwrap()]].concat());
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let height = |to: f64| format!("axis.move axis=\"magnet_height\", to={to:?}\n");
    let focus = |to: f64| format!("axis.move axis=\"focus\", to={to:?}\n");
    let (is_well, told) = try_out(&[height(6.0), focus(600.0), focus(0.0), height(1.0)].concat());
    assert_eq!((is_well, told.as_str()), (true, "4 motions would be made\n"));
    let (is_well, told) = try_out(&["# magnets stay\n".to_owned(), focus(600.0), height(0.5)].concat());
    let lines: Vec<&str> = told.lines().collect();
    assert!(!is_well && lines.len() == 3, "{told}");
    assert!(
        lines[0].starts_with("line 2: ") && lines[0].contains("the objective lifts the sample"),
        "{told}"
    );
    assert!(lines[1].contains("goes from 1 to 15 mm, not to 0.5"), "{told}");
    // Nothing was recorded, and nothing moved.
    assert!(!folder.path().join("runs").exists());
}
