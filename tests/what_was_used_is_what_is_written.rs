//! What the command line, the rig and the files say together is what is used, and what is used is what is stored.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where this is how a test fails")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{beadscope, beadscope_ok};
use rust_hdf5::H5File;
use serde_json::Value;

/// Runs the program in a folder; its JSON, and what it said on standard error.
fn json_in(folder: &Path, arguments: &[&str]) -> (Value, String) {
    let output = common::program().args(arguments).arg("--json").current_dir(folder).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {said}");
    (serde_json::from_slice(&output.stdout).unwrap(), said)
}

/// Folder of a run that `folder` was the working folder of.
fn run_of(folder: &Path, summary: &Value) -> PathBuf {
    folder.join(summary["run"].as_str().unwrap())
}

fn simulate(folder: &Path, beads: &str) {
    beadscope_ok(&["simulate", "--beads", beads, "--frames", "3", "--out", folder.to_str().unwrap()]);
}

fn notes(summary: &Value) -> String {
    summary["notes"].to_string()
}

#[test]
fn a_stored_rig_opens_from_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    simulate(&folder.path().join("sim"), "4");
    let (summary, _) = json_in(folder.path(), &["run", "--rig", "sim/rig.toml", "--out", "runs"]);
    let run = run_of(folder.path(), &summary);
    let elsewhere = tempfile::tempdir().unwrap();
    let stored = run.join("rig.toml");
    let (again, _) = json_in(elsewhere.path(), &["run", "--rig", stored.to_str().unwrap()]);
    assert_eq!((&again["frames"]["recorded"], &again["tracks"]), (&3.into(), &12.into()));
    assert_eq!(
        run_of(elsewhere.path(), &again).parent(),
        run.parent(),
        "its runs go where those of the first went"
    );

    let given =
        ["run", "--frames", "2", "--rois", "sim/rois.csv", "--zlut", "sim/bead.zlut.h5", "--out", "runs"];
    let (summary, _) = json_in(folder.path(), &given);
    let stored = run_of(folder.path(), &summary).join("rig.toml");
    json_in(elsewhere.path(), &["run", "--frames", "2", "--rig", stored.to_str().unwrap()]);
}

#[test]
fn a_given_roi_size_wins_and_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rois.csv"), "# roi_px = 64\nbead,x_px,y_px\n0,200,200\n").unwrap();
    for (given, used) in [(&["--roi-px", "80"][..], 80), (&[], 64)] {
        let arguments = [&["run", "--frames", "2", "--rois", "rois.csv", "--out", "runs"], given].concat();
        let (summary, _) = json_in(folder.path(), &arguments);
        let run = run_of(folder.path(), &summary);
        let file = H5File::open(run.join("tracks.h5")).unwrap();
        let sizes: Vec<i64> = file.dataset("beadscope/rois/size_px").unwrap().read_raw().unwrap();
        assert_eq!(sizes, [used]);
        let stored = fs::read_to_string(run.join("rig.toml")).unwrap();
        assert!(stored.contains(&format!("roi_px = {used}\n")), "{stored}");
    }
}

#[test]
fn few_beads_need_no_further_setting() {
    let folder = tempfile::tempdir().unwrap();
    simulate(&folder.path().join("sim"), "2");
    let (summary, _) = json_in(folder.path(), &["run", "--beads", "2", "--frames", "2"]);
    assert_eq!(summary["beads"], 2);
    let (summary, _) =
        json_in(folder.path(), &["bench", "track", "--beads", "1", "--frames", "1", "--duration", "10ms"]);
    assert_eq!(summary["beads"], 1);
}

#[test]
fn a_run_takes_a_zlut_as_track_does() {
    let folder = tempfile::tempdir().unwrap();
    simulate(&folder.path().join("sim"), "4");
    let convert = ["zlut", "convert", "sim/bead.zlut.h5", "many.radialzlut"];
    assert!(common::program().args(convert).current_dir(folder.path()).status().unwrap().success());
    let run = |zlut: &'static str| ["run", "--rig", "sim/rig.toml", "--out", "runs", "--zlut", zlut];
    let (assumed, _) = json_in(folder.path(), &run("many.radialzlut"));
    assert!(notes(&assumed).contains("50 nm"), "{assumed}");
    let (given, _) =
        json_in(folder.path(), &[&run("many.radialzlut#0")[..], &["--z-step-nm", "25"]].concat());
    assert!(!notes(&given).contains("50 nm"), "{given}");
    let stored = run_of(folder.path(), &given).join("rig.toml");
    let (again, _) = json_in(folder.path(), &["run", "--rig", stored.to_str().unwrap()]);
    assert_eq!(notes(&again), notes(&given));
    let rig = folder.path().join("sim/rig.toml");
    let missing = folder.path().join("many.radialzlut#7");
    let output = beadscope(&["run", "--rig", rig.to_str().unwrap(), "--zlut", missing.to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(1) && said.contains('7') && said.contains("many.radialzlut"),
        "{said}"
    );
}

#[test]
fn a_zlut_of_other_pixels_is_told_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let sim = folder.path().join("sim");
    simulate(&sim, "4");
    let told = "made with pixels of 100 nm";
    let rig = sim.join("rig.toml");
    let text = fs::read_to_string(&rig).unwrap();
    let (same, said) = json_in(folder.path(), &["run", "--rig", "sim/rig.toml", "--out", "runs"]);
    assert!(!notes(&same).contains(told) && !said.contains(told), "{same} {said}");

    fs::write(&rig, text.replace("pixel_size_nm = 100.0", "pixel_size_nm = 120.0")).unwrap();
    let (other, said) = json_in(folder.path(), &["run", "--rig", "sim/rig.toml", "--out", "runs"]);
    assert!(notes(&other).contains(told) && said.contains("WARN") && said.contains(told), "{other} {said}");
    assert!(!said.contains('\x1b'), "no colours in a log file: {said:?}");
    let run = run_of(folder.path(), &other);
    let file = H5File::open(run.join("tracks.h5")).unwrap();
    let settings = file.dataset("beadscope/settings_toml").unwrap().read_vlen_strings().unwrap().concat();
    assert!(settings.contains(told), "{settings}");
    assert_eq!(settings, fs::read_to_string(run.join("rig.toml")).unwrap());
    beadscope_ok(&["rig", "--check", run.join("rig.toml").to_str().unwrap()]);

    let track = ["track", "sim", "--rois", "sim/rois.csv", "--zlut", "sim/bead.zlut.h5", "--out", "out.csv"];
    let (tracked, said) = json_in(folder.path(), &[&track[..], &["--pixel-size-nm", "120"]].concat());
    assert!(notes(&tracked).contains(told) && said.contains(told), "{tracked} {said}");
    assert!(fs::read_to_string(folder.path().join("out.csv")).unwrap().contains(told));
}

#[test]
fn tracking_again_replaces_the_result_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    simulate(&folder.path().join("sim"), "4");
    for name in ["out.csv", "out.npy", "out.h5"] {
        let arguments =
            ["track", "sim", "--rois", "sim/rois.csv", "--zlut", "sim/bead.zlut.h5", "--out", name];
        json_in(folder.path(), &arguments);
        let first = fs::metadata(folder.path().join(name)).unwrap().modified().unwrap();
        json_in(folder.path(), &arguments);
        assert!(fs::metadata(folder.path().join(name)).unwrap().modified().unwrap() > first, "{name}");
    }
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    let file = H5File::open(folder.path().join("out.h5")).unwrap();
    assert_eq!(
        file.root_group().group("beadscope").unwrap().attr_string("timestamps").unwrap(),
        "none: frame index"
    );
    let positions: Vec<f64> = file.dataset("tracking/positions_nm").unwrap().read_raw().unwrap();
    assert_eq!(positions.len(), 3 * 4 * 3);
}

#[test]
fn a_name_with_a_slash_makes_a_folder_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rig.toml"), "[recording]\nname = 'a/b'\n").unwrap();
    let (summary, _) =
        json_in(folder.path(), &["run", "--rig", "rig.toml", "--frames", "2", "--out", "runs"]);
    assert!(summary["run"].as_str().unwrap().ends_with("_a-b"), "{summary}");
}
