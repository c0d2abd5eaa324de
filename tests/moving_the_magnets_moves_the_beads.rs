//! A motor that is sent somewhere goes there, and the beads on their molecules feel it; where there is no such motor, that is said.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where these are how a test fails")]

mod common;

use std::fs;
use std::path::Path;

use common::{beadscope, beadscope_ok, run_in};

/// Runs the simulated microscope with these commands; what it answered.
fn run(folder: &Path, frames: &str, commands: &str) -> String {
    let script = folder.join("commands");
    fs::write(&script, commands).unwrap();
    let arguments = ["run", "--json", "--beads", "12", "--frames", frames, "--rate-hz", "100"];
    let output = beadscope(
        &[
            &arguments[..],
            &["--commands", script.to_str().unwrap(), "--out", folder.join("runs").to_str().unwrap()],
        ]
        .concat(),
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

/// Mean z of each bead over a part of a recording, nm.
fn heights(csv: &str, frames: std::ops::Range<u64>) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); 12];
    for line in csv.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit())) {
        let columns: Vec<&str> = line.split(',').collect();
        if frames.contains(&columns[0].parse().unwrap())
            && let Ok(z_nm) = columns[4].parse::<f64>()
            && z_nm.is_finite()
        {
            let sum = &mut sums[columns[1].parse::<usize>().unwrap()];
            *sum = (sum.0 + z_nm, sum.1 + 1.0);
        }
    }
    sums.into_iter().map(|(sum, n)| sum / n).collect()
}

#[test]
fn raised_magnets_let_the_tethers_relax() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "500", "axis.move axis=\"magnet_height\", to=8\naxis.list\n");
    let run = run_in(&folder.path().join("runs")).unwrap();
    let csv = folder.path().join("rows.csv");
    beadscope_ok(&["export", run.to_str().unwrap(), "--to", "csv", "--out", csv.to_str().unwrap()]);
    let csv = fs::read_to_string(csv).unwrap();
    let (before, after) = (heights(&csv, 0..5), heights(&csv, 300..500));
    // Beads that are stuck stay within the drift; the others sink by some hundred nm, from 5 pN to 0.2.
    let sunk: Vec<f64> = before.iter().zip(&after).map(|(before, after)| before - after).collect();
    let stuck = sunk.iter().filter(|by| by.abs() < 10.0).count();
    let relaxed = sunk.iter().filter(|by| **by > 150.0).count();
    assert_eq!((stuck, relaxed), (3, 9), "{sunk:?}");
    let told = beadscope_ok(&["info", run.to_str().unwrap()]);
    assert!(told.contains("axis.move"), "{told}");
}

#[test]
fn a_motor_that_is_not_there_or_would_go_too_far_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(
        folder.path(),
        "30",
        "axis.move axis=\"magnet_heigth\", to=8\naxis.move axis=\"focus\", to=5000\naxis.stop\n",
    );
    assert!(
        said.contains("there is no axis magnet_heigth; there are: magnet_height, magnet_turns, focus"),
        "{said}"
    );
    assert!(said.contains("focus goes from -1000 to 1000 nm, not to 5000"), "{said}");
}
