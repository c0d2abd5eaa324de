//! The standard errors that `fit` writes are those of the positions beside them: about the truth, positions scatter by as
//! much, in CSV and in HDF5.

#![allow(clippy::print_stdout, reason = "seen and told are the output of this test")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where this is how a test fails")]

mod common;

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use common::beadscope_ok;
use rust_hdf5::H5File;

const NM_PER_PX: f64 = 100.0;
const FRAMES: usize = 60;
const BEADS: usize = 12;
const ROWS: usize = FRAMES * BEADS;
/// Seen over told may differ from 1 by this factor. The scatter of 720 rows is known to 1 / sqrt(2 * 720) = 3 %; taking
/// pixels for nm, or z for x, is a factor of 3 at the least.
const WITHIN: std::ops::RangeInclusive<f64> = 0.8..=1.25;

/// x, y, z, nm.
type Triple = [f64; 3];

/// Columns of each row of a CSV, in nm, by (frame, bead).
fn columns(path: &Path, names: [&str; 3]) -> HashMap<(usize, usize), Triple> {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let place = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let nm = |name: &str| {
            let unit = if name.ends_with("_px") { NM_PER_PX } else { 1.0 };
            unit * fields[place(name)].parse::<f64>().unwrap()
        };
        let number = |name: &str| fields[place(name)].parse::<usize>().unwrap();
        ((number("frame"), number("bead")), names.map(nm))
    };
    lines.map(row).collect()
}

/// Root mean square of each axis.
fn rms(rows: impl Iterator<Item = Triple>) -> Triple {
    let mut sums = [0.0; 3];
    let mut count = 0.0;
    for row in rows {
        count += 1.0;
        sums = std::array::from_fn(|axis| sums[axis] + row[axis] * row[axis]);
    }
    sums.map(|sum: f64| (sum / count).sqrt())
}

/// Holds what was seen against what was told: both rows of (frame, bead), frame after frame.
fn assert_told_is_seen(kind: &str, found: &[Triple], told: &[Triple], truth: &[Triple]) {
    assert_eq!((found.len(), told.len(), truth.len()), (ROWS, ROWS, ROWS), "{kind}");
    let errors =
        found.iter().zip(truth).map(|(found, truth)| std::array::from_fn(|at| found[at] - truth[at]));
    let (seen, told) = (rms(errors), rms(told.iter().copied()));
    println!("{kind}: seen {seen:.3?} nm, told {told:.3?} nm");
    for (axis, (seen, told)) in ["x", "y", "z"].iter().zip(seen.into_iter().zip(told)) {
        assert!(WITHIN.contains(&(seen / told)), "{kind}, {axis}: {seen} nm seen, {told} nm told");
    }
}

fn triples<T: rust_hdf5::H5Type + Into<f64> + Copy>(file: &H5File, path: &str) -> Vec<Triple> {
    let values: Vec<T> = file.dataset(path).unwrap().read_raw().unwrap();
    values.as_chunks::<3>().0.iter().map(|row| row.map(Into::into)).collect()
}

#[test]
fn positions_scatter_by_the_errors_written_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [sim, rois, zlut, csv, h5] =
        ["sim", "sim/rois.csv", "sim/bead.zlut.h5", "tracks.csv", "tracks.h5"].map(path);
    let (beads, frames) = (BEADS.to_string(), FRAMES.to_string());
    beadscope_ok(&["simulate", "--beads", &beads, "--frames", &frames, "--seed", "5", "--out", &sim]);
    for out in [&csv, &h5] {
        beadscope_ok(&["track", &sim, "--rois", &rois, "--zlut", &zlut, "--method", "fit", "--out", out]);
    }

    let positions = ["x_px", "y_px", "z_nm"];
    let rows = |of: &HashMap<(usize, usize), Triple>| -> Vec<Triple> {
        (0..ROWS).map(|row| of[&(row / BEADS, row % BEADS)]).collect()
    };
    let truth = rows(&columns(&folder.path().join("sim/truth.csv"), positions));
    let found = rows(&columns(Path::new(&csv), positions));
    let told = rows(&columns(Path::new(&csv), ["sigma_x_px", "sigma_y_px", "sigma_z_nm"]));
    assert_told_is_seen("CSV", &found, &told, &truth);

    let file = H5File::open(&h5).unwrap();
    let found = triples::<f64>(&file, "tracking/positions_nm");
    let told_in_h5 = triples::<f32>(&file, "beadscope/rows/sigma_nm");
    assert_told_is_seen("HDF5", &found, &told_in_h5, &truth);

    // x and y of a round bead are alike to 1e-4; that each is in its place shows row by row. The CSV has 1e-6 px.
    for (row, (csv, h5)) in told.iter().zip(&told_in_h5).enumerate() {
        for axis in 0..3 {
            assert!((csv[axis] - h5[axis]).abs() < 1e-4, "row {row}, axis {axis}: {csv:?} {h5:?}");
        }
    }
    let swapped = told.iter().zip(&told_in_h5).filter(|(csv, h5)| (csv[0] - h5[1]).abs() > 1e-4).count();
    assert!(swapped > 20, "x and y differ in {swapped} rows only: nothing would show that they are swapped");
}
