//! A motor that is sent somewhere goes there, and the beads on their molecules feel it; where there is no such motor, that is said.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where these are how a test fails")]

mod common;

use std::fs;
use std::path::Path;

use beadscope_engine::record::tracks_path;
use common::{beadscope, beadscope_ok, run_in};
use rust_hdf5::H5File;

/// Runs the simulated microscope with these commands; what it answered.
fn run(folder: &Path, frames: &str, commands: &str) -> String {
    let script = folder.join("commands");
    fs::write(&script, commands).unwrap();
    let rig = folder.join("rig.toml");
    fs::write(&rig, "[camera]\nrate_hz = 100.0\n[camera.settings]\nbeads = 12\nrecord_truth = true\n")
        .unwrap();
    let arguments = ["run", "--json", "--rig", rig.to_str().unwrap(), "--frames", frames];
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
    let told = beadscope_ok(&["verify", run.to_str().unwrap()]);
    assert!(told.contains("whole"), "{told}");
    compare_with_truth(&run, &csv);
    check_axes(&run);
}

/// Of every frame in each file, and of no frame of the file before.
#[test]
fn the_truth_of_a_frame_is_in_the_file_of_the_frame() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "150", "record.next\nmark text=\"a\"\nrecord.next\n");
    let mut told = 0;
    for run in fs::read_dir(folder.path().join("runs")).unwrap().map(|run| run.unwrap().path()) {
        let file = H5File::open(tracks_path(&run)).unwrap();
        let numbers = |name: &str| -> Vec<u64> { file.dataset(name).unwrap().read_raw().unwrap() };
        let (frames, truth) =
            (numbers("beadscope/frames/device_frame"), numbers("beadscope/truth/device_frame"));
        let of_frames: Vec<u64> = truth.iter().copied().step_by(12).collect();
        assert_eq!((of_frames, truth.len()), (frames.clone(), 12 * frames.len()));
        told += frames.len();
    }
    assert_eq!(told, 150);
}

/// Every position of the recording is beside the truth of its frame.
fn compare_with_truth(run: &Path, csv: &str) {
    let file = H5File::open(tracks_path(run)).unwrap();
    let numbers = |name: &str| file.dataset(&format!("beadscope/truth/{name}")).unwrap();
    let frames: Vec<u64> = numbers("device_frame").read_raw().unwrap();
    let at: Vec<f64> = numbers("position_px").read_raw().unwrap();
    let z: Vec<f64> = numbers("z_nm").read_raw().unwrap();
    let force: Vec<f64> = numbers("force_pn").read_raw().unwrap();
    assert_eq!(frames.len() % 12, 0);
    assert!(force[3] > 3.0 && force[force.len() - 1] < 0.5 && force[0] == 0.0, "from 5 pN to 0.2");
    let device: Vec<u64> = file.dataset("beadscope/frames/device_frame").unwrap().read_raw().unwrap();
    let (mut compared, mut squares) = (0, [0.0; 3]);
    for line in csv.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit())) {
        let columns: Vec<f64> = line.split(',').map(|column| column.parse().unwrap_or(f64::NAN)).collect();
        let first = frames.iter().position(|frame| *frame == device[columns[0] as usize]).unwrap();
        let found = [columns[2], columns[3], columns[4]];
        let near = (first..first + 12)
            .map(|row| [at[2 * row] - found[0], at[2 * row + 1] - found[1], z[row] - found[2]])
            .min_by(|a, b| a[0].hypot(a[1]).total_cmp(&b[0].hypot(b[1])))
            .unwrap();
        // Row by row: px, px, nm. A tracker has its noise.
        assert!(near[0].hypot(near[1]) < 0.05 && near[2].abs() < 25.0, "{line}: {near:?}");
        compared += 1;
        squares.iter_mut().zip(near).for_each(|(sum, error)| *sum += error * error);
    }
    let [x_px, y_px, z_nm] = squares.map(|sum| (sum / f64::from(compared)).sqrt());
    assert!(compared > 5000 && x_px < 0.01 && y_px < 0.01 && z_nm < 3.0, "{compared}: {x_px} {y_px} {z_nm}");
}

/// The way of the magnets is in the recording.
fn check_axes(run: &Path) {
    let file = H5File::open(tracks_path(run)).unwrap();
    let names = file.dataset("beadscope/axes/axis").unwrap().read_strings().unwrap();
    let positions: Vec<f64> = file.dataset("beadscope/axes/position").unwrap().read_raw().unwrap();
    let times: Vec<u64> = file.dataset("beadscope/axes/unix_ns").unwrap().read_raw().unwrap();
    let heights = names.iter().zip(&positions).filter(|(name, _)| *name == "magnet_height");
    let heights: Vec<f64> = heights.map(|(_, height)| *height).collect();
    assert!(
        heights.len() > 10 && heights[0] < 4.0 && (heights[heights.len() - 1] - 8.0).abs() < 0.01,
        "{heights:?}"
    );
    assert!(heights.windows(2).all(|two| two[0] <= two[1]) && times.is_sorted(), "{heights:?}");
    assert!(names.iter().any(|name| name == "focus"), "one that stays is there, too");
}

#[test]
fn a_motor_that_is_not_there_or_would_go_too_far_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(
        folder.path(),
        "30",
        "axis.move axis=\"magnet\", to=8\naxis.move axis=\"focus\", to=5000\naxis.stop\n",
    );
    assert!(
        said.contains("there is no axis magnet; there are: magnet_height, magnet_turns, focus"),
        "{said}"
    );
    assert!(said.contains("focus goes from -1000 to 1000 nm, not to 5000"), "{said}");
}
