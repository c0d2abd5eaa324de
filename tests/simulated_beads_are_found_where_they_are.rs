//! From simulated pixels to a file, through the program: what comes out is what was put in.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where this is how a test fails")]

mod common;

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use common::beadscope_ok;

const PIXEL_SIZE_NM: f64 = 100.0;
const FRAMES: usize = 20;
const BEADS: usize = 12;

/// Rows of a CSV by (frame, bead): x_px, y_px, z_nm.
fn positions(path: &Path) -> HashMap<(u64, u64), [f64; 3]> {
    let text = fs::read_to_string(path).unwrap();
    let mut rows = text.lines().filter(|line| !line.starts_with('#'));
    assert!(rows.next().unwrap().starts_with("frame,bead,x_px,y_px,z_nm,"));
    let parse = |row: &str| {
        let fields: Vec<&str> = row.split(',').collect();
        let number = |field: usize| fields[field].parse::<f64>().unwrap();
        ((number(0) as u64, number(1) as u64), [number(2), number(3), number(4)])
    };
    rows.map(parse).collect()
}

fn simulate(folder: &Path) {
    let (beads, frames) = (BEADS.to_string(), FRAMES.to_string());
    beadscope_ok(&[
        "simulate",
        "--beads",
        &beads,
        "--frames",
        &frames,
        "--seed",
        "7",
        "--out",
        folder.to_str().unwrap(),
    ]);
}

#[test]
fn offline_positions_agree_with_the_truth() {
    let folder = tempfile::tempdir().unwrap();
    simulate(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let out = path("tracks.csv");
    beadscope_ok(&[
        "track",
        folder.path().to_str().unwrap(),
        "--rois",
        &path("rois.csv"),
        "--zlut",
        &path("bead.zlut.h5"),
        "--out",
        &out,
    ]);
    let (found, truth) = (positions(Path::new(&out)), positions(&folder.path().join("truth.csv")));
    assert_eq!((found.len(), truth.len()), (FRAMES * BEADS, FRAMES * BEADS));
    let mut squares = [0.0; 3];
    for (key, [x_px, y_px, z_nm]) in &truth {
        let [found_x_px, found_y_px, found_z_nm] = found[key];
        let errors_nm =
            [(found_x_px - x_px) * PIXEL_SIZE_NM, (found_y_px - y_px) * PIXEL_SIZE_NM, found_z_nm - z_nm];
        for (square, error_nm) in squares.iter_mut().zip(errors_nm) {
            *square += error_nm * error_nm / (FRAMES * BEADS) as f64;
        }
    }
    let rms_nm = squares.map(f64::sqrt);
    println!(
        "rms error of {} rows: x {:.2}, y {:.2}, z {:.2} nm",
        FRAMES * BEADS,
        rms_nm[0],
        rms_nm[1],
        rms_nm[2]
    );
    // Half a pixel wrong is 50 nm, a wrong sign of z hundreds: these bounds are far below any mistake of convention.
    assert!(rms_nm[0] < 2.0 && rms_nm[1] < 2.0 && rms_nm[2] < 5.0, "{rms_nm:?}");
}

#[test]
fn a_replayed_run_gives_the_offline_positions() {
    let folder = tempfile::tempdir().unwrap();
    simulate(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let json = beadscope_ok(&["run", "--rig", &path("rig.toml"), "--json", "--out", &path("runs")]);
    let summary: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(summary["frames"]["recorded"], FRAMES);
    assert_eq!(summary["ledger_sums"], true);
    let live = Path::new(summary["run"].as_str().unwrap()).join("tracks.h5");

    let out = path("offline.npy");
    beadscope_ok(&[
        "track",
        &path("frames.npy"),
        "--rois",
        &path("rois.csv"),
        "--zlut",
        &path("bead.zlut.h5"),
        "--out",
        &out,
    ]);
    let offline = fs::read(&out).unwrap();
    let file = rust_hdf5::H5File::open(&live).unwrap();
    let live: Vec<f64> = file.dataset("tracking/positions_nm").unwrap().read_raw().unwrap();
    assert_eq!(live.len(), FRAMES * BEADS * 3);
    let offline = &offline[offline.len() - live.len() * 8..];
    for (index, (live, offline)) in live.iter().zip(offline.chunks_exact(8)).enumerate() {
        let mut offline = f64::from_le_bytes(offline.try_into().unwrap());
        if index % 3 < 2 {
            offline *= PIXEL_SIZE_NM;
        }
        assert!(
            (live - offline).abs() < 1e-9 || live.is_nan() && offline.is_nan(),
            "{index}: {live} {offline}"
        );
    }
}

#[test]
fn the_simulated_microscope_runs_without_a_rig() {
    let folder = tempfile::tempdir().unwrap();
    let json = beadscope_ok(&[
        "run",
        "--frames",
        "30",
        "--beads",
        "20",
        "--json",
        "--out",
        folder.path().to_str().unwrap(),
    ]);
    let summary: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(summary["frames"]["recorded"], 30, "{json}");
    assert_eq!(summary["frames"]["lost"]["camera"], 0, "{json}");
    assert_eq!(summary["beads"], 20, "every simulated bead is found: {json}");
    assert_eq!(summary["tracks"], 600);
    assert!(Path::new(summary["run"].as_str().unwrap()).join("tracks.h5").is_file());
}
