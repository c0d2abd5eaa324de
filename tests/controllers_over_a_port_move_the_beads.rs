//! The simulated microscope with its magnets on a simulated Zaber controller and its focus on a simulated PI one, each behind a serial port: the
//! beads move as they do without, and where a motor was is known at the time of each frame.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where these are how a test fails")]

mod common;

use std::fs;
use std::path::Path;

use beadscope_engine::magnets::{MagnetModel, MagnetsSection};
use beadscope_engine::record::tracks_path;
use common::{beadscope, run_in};
use rust_hdf5::H5File;

/// 200 frames a second, magnets that start at 3.5 mm and go 5 mm/s.
const RIG: &str = r#"
[camera]
rate_hz = 200.0
[camera.settings]
beads = 8
record_truth = true
[motors]
poll_hz = 100.0
[[motors.controllers]]
driver = "zaber"
port = "simulated"
[[motors.controllers.axes]]
name = "magnet_height"
at = "1"
unit = "mm"
counts_per_unit = 2015.748031496063
[[motors.controllers.axes]]
name = "magnet_turns"
at = "2"
unit = "turns"
counts_per_unit = 12800
[[motors.controllers]]
driver = "pi_gcs"
port = "simulated"
[[motors.controllers.axes]]
name = "focus"
at = "1"
unit = "nm"
"#;

/// A column of a recording's table.
fn column<T: rust_hdf5::types::H5Type>(file: &H5File, name: &str) -> Vec<T> {
    file.dataset(&format!("beadscope/{name}")).unwrap().read_raw().unwrap()
}

/// Runs the rig with these commands; the recording.
fn record(folder: &Path, frames: &str, commands: &str) -> H5File {
    let script = folder.join("commands");
    fs::write(&script, commands).unwrap();
    let rig = folder.join("rig.toml");
    fs::write(&rig, RIG).unwrap();
    let runs = folder.join("runs");
    let output = beadscope(&[
        "run",
        "--rig",
        rig.to_str().unwrap(),
        "--frames",
        frames,
        "--commands",
        script.to_str().unwrap(),
        "--out",
        runs.to_str().unwrap(),
    ]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && !said.contains("is not obeyed"), "{said}");
    H5File::open(tracks_path(&run_in(&runs).unwrap())).unwrap()
}

/// Mean height of each bead over some frames, nm.
fn heights(file: &H5File, frames: std::ops::Range<usize>) -> Vec<f64> {
    let z: Vec<f64> = column(file, "truth/z_nm");
    let rows = &z[8 * frames.start..8 * frames.end];
    let sum = |bead: usize| rows.iter().skip(bead).step_by(8).sum::<f64>();
    (0..8).map(|bead| sum(bead) / frames.len() as f64).collect()
}

#[test]
fn beads_feel_the_magnets_and_telemetry_and_frames_share_a_clock() {
    let folder = tempfile::tempdir().unwrap();
    let file = record(folder.path(), "600", "axis.move axis=\"magnet_height\", to=7\n");
    let (before, after) = (heights(&file, 0..5), heights(&file, 400..600));
    let sunk: Vec<f64> = before.iter().zip(&after).map(|(before, after)| before - after).collect();
    assert!(sunk.iter().filter(|by| **by > 100.0).count() >= 4, "{sunk:?}");

    // The force on a bead tells where the magnets were when its frame was exposed.
    let model = MagnetsSection {
        greatest_pn: Some(85.0),
        near_share: Some(0.3),
        near_decay_mm: Some(0.8),
        far_decay_mm: Some(1.4),
        least_pn: Some(0.02),
        from_mm: Some(0.0),
        to_mm: Some(20.0),
        ..MagnetsSection::default()
    };
    let model = MagnetModel::of(&model).unwrap().unwrap();
    let force: Vec<f64> = column(&file, "truth/force_pn");
    let bead = (0..8).find(|bead| force[*bead] > 0.0).unwrap();
    let scale = force[bead] / model.force(3.5).pn;
    let shown: Vec<u64> = column(&file, "truth/device_frame");
    let device: Vec<u64> = column(&file, "frames/device_frame");
    let times: Vec<u64> = file.dataset("tracking/frame_timestamps_ns").unwrap().read_raw().unwrap();
    let zero_ns: u64 = column::<u64>(&file, "axes/unix_ns")[0];
    let seconds = |unix_ns: u64| (unix_ns as f64 - zero_ns as f64) * 1e-9;
    let mut way: Vec<[f64; 2]> = Vec::new();
    for (frame, time_ns) in device.iter().zip(&times) {
        let Some(row) = shown.iter().position(|shown| shown == frame) else { continue };
        let height_mm = model.height_mm(force[row + bead] / scale).unwrap();
        way.push([seconds(*time_ns), height_mm]);
    }
    // Of each position that was told on the way, how much later or sooner the frames show it.
    let names = file.dataset("beadscope/axes/axis").unwrap().read_strings().unwrap();
    let positions: Vec<f64> = column(&file, "axes/position");
    let told: Vec<u64> = column(&file, "axes/unix_ns");
    let mut late_ms: Vec<f64> = Vec::new();
    for ((_, position), unix_ns) in
        names.iter().zip(&positions).zip(&told).filter(|((name, _), _)| *name == "magnet_height")
    {
        let is_fast = (4.0..6.5).contains(position);
        let after = way.iter().position(|[_, height_mm]| height_mm >= position);
        if let (true, Some(after)) = (is_fast, after.filter(|after| *after > 0)) {
            let [[t0, h0], [t1, h1]] = [way[after - 1], way[after]];
            let crossed_s = t0 + (t1 - t0) * (position - h0) / (h1 - h0);
            late_ms.push(1e3 * (seconds(*unix_ns) - crossed_s));
        }
    }
    late_ms.sort_by(f64::total_cmp);
    assert!(late_ms.len() > 10, "{late_ms:?}");
    let median = late_ms[late_ms.len() / 2];
    eprintln!("{} positions on the way; telemetry after frames by {median:.2} ms", late_ms.len());
    assert!(median.abs() < 5.0, "{late_ms:?}");
}

#[test]
fn a_focus_that_goes_up_shows_stuck_beads_lower() {
    let folder = tempfile::tempdir().unwrap();
    let file = record(folder.path(), "200", "axis.move axis=\"focus\", to=300\n");
    let names = file.dataset("beadscope/axes/axis").unwrap().read_strings().unwrap();
    let positions: Vec<f64> = column(&file, "axes/position");
    let focus = names.iter().zip(&positions).filter(|(name, _)| *name == "focus").map(|(_, nm)| *nm);
    let focus: Vec<f64> = focus.collect();
    assert!((focus[0].abs() < 1.0) && (focus[focus.len() - 1] - 300.0).abs() < 1.0, "{focus:?}");
    // Rows as they were tracked: frame, then beads in their order.
    let nm: Vec<f64> = file.dataset("tracking/positions_nm").unwrap().read_raw().unwrap();
    let z: Vec<f64> = nm.into_iter().skip(2).step_by(3).collect();
    let mean = |rows: &[f64]| rows.iter().sum::<f64>() / rows.len() as f64;
    let (before, after) = (mean(&z[..8]), mean(&z[z.len() - 8 * 50..]));
    assert!((before - after - 300.0).abs() < 60.0, "{before} {after}");
}
