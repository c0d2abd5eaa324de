//! When the GPU is lost amid a run, the CPU goes on with the same frames: none is missing, and everybody is told once.
//!
//! These tests need Mesa's llvmpipe (`scripts/setup test`), whose device they destroy.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where this is how a test fails")]

mod common;

use std::path::{Path, PathBuf};

use common::beadscope_ok;
use rust_hdf5::H5File;
use serde_json::Value;

const BEADS: usize = 5;
const FRAMES: usize = 60;
/// So many are more than `track` locates at once, which is three loads of a GPU: 12 288 rows, or 49 of these frames.
const MANY_BEADS: usize = 250;
/// How far GPU and CPU may differ: 0.001 px of 100 nm, and as much in z.
const WITHIN_NM: f64 = 0.1;

/// What a file of positions holds.
struct Positions {
    nm: Vec<f64>,
    flags: Vec<u32>,
    on_gpu: Vec<u64>,
    lost_before: Vec<u32>,
    notices: Vec<String>,
}

fn read(path: &Path) -> Positions {
    let file = H5File::open(path).unwrap();
    let dataset = |name: &str| file.dataset(name).unwrap();
    Positions {
        nm: dataset("tracking/positions_nm").read_raw().unwrap(),
        flags: dataset("beadscope/rows/flags").read_raw().unwrap(),
        on_gpu: dataset("beadscope/frames/on_gpu").read_raw().unwrap(),
        lost_before: dataset("beadscope/frames/lost_before").read_raw().unwrap(),
        notices: dataset("beadscope/notices").read_strings().unwrap(),
    }
}

fn simulate(folder: &Path) -> PathBuf {
    let sim = folder.join("sim");
    let (beads, frames) = (BEADS.to_string(), FRAMES.to_string());
    let arguments = ["simulate", "--beads", &beads, "--frames", &frames, "--out", sim.to_str().unwrap()];
    beadscope_ok(&arguments);
    sim
}

/// Lists the simulated beads again and again, under other numbers.
fn many_rois(folder: &Path) {
    let text = std::fs::read_to_string(folder.join("sim/rois.csv")).unwrap();
    let (beads, head): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| line.starts_with(|letter: char| letter.is_ascii_digit()));
    let again = beads.iter().cycle().take(MANY_BEADS).enumerate();
    let rows = again.map(|(bead, row)| format!("{bead},{}", row.split_once(',').unwrap().1));
    let lines: Vec<String> = head.into_iter().map(str::to_owned).chain(rows).collect();
    std::fs::write(folder.join("many.csv"), lines.join("\n") + "\n").unwrap();
}

/// Runs the program in `folder` on llvmpipe, whose device is destroyed after `frames`; its JSON and its log.
fn run_and_lose_gpu(folder: &Path, arguments: &[&str], frames: &str) -> (Value, String) {
    let mut program = common::program();
    program.args(arguments).args(["--adapter", "llvmpipe", "--json"]).current_dir(folder);
    let output = program.env("BEADSCOPE_DROP_GPU_AFTER", frames).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}");
    (serde_json::from_slice(&output.stdout).unwrap(), log)
}

/// The same frames on one back end from end to end.
fn track(folder: &Path, rois: &str, backend: &[&str]) -> Positions {
    let [frames, rois, zlut, out] =
        ["sim", rois, "sim/bead.zlut.h5", "whole.h5"].map(|name| folder.join(name));
    let [frames, rois, zlut, out] = [&frames, &rois, &zlut, &out].map(|path| path.to_str().unwrap());
    let arguments = ["track", frames, "--rois", rois, "--zlut", zlut, "--out", out];
    beadscope_ok(&[&arguments, backend].concat());
    read(Path::new(out))
}

/// Every frame has its rows, and each row is that of its frame.
fn assert_same(found: &Positions, expected: &Positions, beads: usize) {
    assert_eq!(found.nm.len(), 3 * beads * FRAMES);
    assert_eq!(found.flags, expected.flags);
    for (place, (ours, theirs)) in found.nm.iter().zip(&expected.nm).enumerate() {
        let near = (ours - theirs).abs() < WITHIN_NM || ours.is_nan() && theirs.is_nan();
        assert!(near, "frame {}: {ours} nm, not {theirs} nm", place / 3 / beads);
    }
    for (row, flags) in found.nm.chunks_exact(3).zip(&found.flags) {
        assert!(*flags != 0 || row.iter().all(|nm| nm.is_finite()), "{row:?} without a flag");
    }
}

/// The file says which frames the GPU has located, and the notice says as many. Both sides were used.
fn assert_told(found: &Positions, summary: &Value, log: &str) {
    let by_gpu = found.on_gpu.iter().take_while(|on_gpu| **on_gpu == 1).count();
    assert!(by_gpu > 0 && by_gpu < FRAMES, "{:?}", found.on_gpu);
    assert_eq!(found.on_gpu.len(), FRAMES);
    assert!(found.on_gpu[by_gpu..].iter().all(|on_gpu| *on_gpu == 0), "{:?}", found.on_gpu);

    assert_eq!(found.notices.len(), 1, "{:?}", found.notices);
    let notice = &found.notices[0];
    let failed = format!("failed after {by_gpu} frames: it was closed while in use; ");
    for part in ["llvmpipe", &failed, "tracked on the CPU", "doctor"] {
        assert!(notice.contains(part), "{part} in {notice}");
    }
    assert_eq!(summary["backend"], "cpu", "{summary}");
    assert!(summary["adapter"].as_str().unwrap().ends_with("threads"), "{summary}");
    let notes = summary["notes"].as_array().unwrap();
    assert_eq!(notes.iter().filter(|note| *note == notice).count(), 1, "{summary}");
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
    assert!(log.contains(notice), "{log}");
}

#[test]
fn a_run_goes_on_on_the_cpu() {
    let folder = tempfile::tempdir().unwrap();
    simulate(folder.path());
    let run = ["run", "--rig", "sim/rig.toml", "--out", "runs", "--rate-hz", "50"];
    let (summary, log) = run_and_lose_gpu(folder.path(), &run, "20");
    assert_eq!(summary["ledger_sums"], true, "{summary}");
    for count in ["camera", "received", "tracked", "recorded"] {
        assert_eq!(summary["frames"][count], FRAMES, "{count}: {summary}");
    }
    let found = read(&folder.path().join(summary["run"].as_str().unwrap()).join("tracks.h5"));
    assert!(found.lost_before.iter().all(|lost| *lost == 0), "{:?}", found.lost_before);
    assert_told(&found, &summary, &log);
    assert_same(&found, &track(folder.path(), "sim/rois.csv", &["--backend", "cpu"]), BEADS);
}

#[test]
fn track_finds_the_same_and_tells_it_in_its_file() {
    let folder = tempfile::tempdir().unwrap();
    simulate(folder.path());
    many_rois(folder.path());
    let track_to = |out| {
        let (rois, zlut) = ("many.csv", "sim/bead.zlut.h5");
        run_and_lose_gpu(folder.path(), &["track", "sim", "--rois", rois, "--zlut", zlut, "--out", out], "1")
    };
    let (summary, log) = track_to("out.h5");
    let found = read(&folder.path().join("out.h5"));
    assert_told(&found, &summary, &log);
    for backend in [["--backend", "cpu"], ["--adapter", "llvmpipe"]] {
        assert_same(&found, &track(folder.path(), "many.csv", &backend), MANY_BEADS);
    }
    track_to("out.csv");
    let csv = std::fs::read_to_string(folder.path().join("out.csv")).unwrap();
    assert_eq!(csv.matches(&format!("\n# {}\n", found.notices[0])).count(), 1, "{csv}");
    assert_eq!(csv.lines().filter(|line| !line.starts_with('#')).count(), 1 + MANY_BEADS * FRAMES);
}
