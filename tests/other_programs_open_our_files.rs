//! h5py and MagScope itself open what we write, and we what MagScope writes. Their virtual environment is made by `scripts/test`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, outside #[test], where these are how a test fails"
)]

mod common;

use std::path::Path;
use std::process::Command;

use beadscope_engine::record::read::verify::verify;
use beadscope_engine::session::Session;
use common::made::recording;
use common::{Step, beadscope, beadscope_ok, crash_and_recover, python, setup};

#[test]
fn magscope_accepts_a_run_and_appends_to_a_copy() {
    let Some(python) = python("magscope_accepts_a_run_and_appends_to_a_copy") else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let json = beadscope_ok(&["run", "--frames", "50", "--beads", "10", "--json", "--out", out]);
    let summary: serde_json::Value = serde_json::from_str(&json).unwrap();
    let tracks = Path::new(summary["run"].as_str().unwrap()).join("tracks.h5");
    check(&python, &tracks, None);
}

#[test]
fn magscope_accepts_what_was_recovered_after_a_crash() {
    let Some(python) = python("magscope_accepts_what_was_recovered_after_a_crash") else { return };
    let folder = tempfile::tempdir().unwrap();
    let tracks = crash_and_recover(folder.path());
    check(&python, &tracks, Some("--recovered"));
}

#[test]
fn h5py_finds_every_loss_in_gaps_frames_and_ledger() {
    let Some(python) = python("h5py_finds_every_loss_in_gaps_frames_and_ledger") else { return };
    let folder = tempfile::tempdir().unwrap();
    let tracks = folder.path().join("tracks.h5");
    let steps = [5, 6, 9, 10, 40, 41].map(Step::Frame).to_vec();
    let mut setup = setup(steps, 2, Some(tracks.clone()));
    "# none".clone_into(&mut setup.info.settings_toml);
    let (session, _view) = Session::start(setup).unwrap();
    while session.is_running() {
        std::thread::yield_now();
    }
    assert_eq!(session.stop().health.ledger.lost.camera, 31);
    check(&python, &tracks, None);
}

#[test]
fn tifffile_finds_in_exported_stacks_the_pixels_of_the_video() {
    let Some(python) = python("tifffile_finds_in_exported_stacks_the_pixels_of_the_video") else { return };
    for mode in ["full-video", "track+roi-video"] {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (out, stacks) = (path("runs"), path("stacks"));
        let json =
            beadscope_ok(&["run", "--mode", mode, "--frames", "20", "--beads", "3", "--out", &out, "--json"]);
        let summary: serde_json::Value = serde_json::from_str(&json).unwrap();
        let run = summary["run"].as_str().unwrap();
        let told = beadscope_ok(&["export", run, "--to", "tiff", "--out", &stacks]);
        let count = if mode == "full-video" { 1 } else { 3 };
        assert!(told.starts_with(&format!("{count} stacks of 20 frames")), "{told}");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/check_tiff.py");
        let video = Path::new(run).join("video.ome.zarr");
        let output = Command::new(&python).arg(script).args([Path::new(&stacks), &video]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // Of the same video compressed they are the same.
        let again = path("again");
        beadscope_ok(&["compress", run]);
        beadscope_ok(&["export", run, "--to", "tiff", "--out", &again]);
        for file in std::fs::read_dir(&stacks).unwrap().map(|file| file.unwrap().path()) {
            let other = Path::new(&again).join(file.file_name().unwrap());
            assert!(std::fs::read(&file).unwrap() == std::fs::read(other).unwrap(), "{}", file.display());
        }
    }
}

#[test]
fn the_preferences_that_magscope_exports_become_a_rig() {
    let Some(python) = python("the_preferences_that_magscope_exports_become_a_rig") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/export_preferences.py");
    let (bundle, alone) = (path("bundle.yaml"), path("alone.yaml"));
    let output = Command::new(python).arg(script).args([&bundle, &alone]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let rig = path("rig.toml");
    let import = ["rig", "--import-magscope", &bundle, "--camera-pixel-nm", "6000", "--out", &rig];
    let said = beadscope_ok(&import);
    // Its 17 settings and 11 options, of which every one is told, as is the layout.
    assert_eq!(said.lines().count(), 17 + 11 + 2, "{said}");
    assert!(!said.contains("has no such"), "{said}");
    let shown: serde_json::Value =
        serde_json::from_str(&beadscope_ok(&["rig", "--show", "--rig", &rig, "--json"])).unwrap();
    let of = |name: &str| {
        let settings = shown["settings"].as_array().unwrap();
        settings.iter().find(|setting| setting["name"] == name).unwrap()["value"].clone()
    };
    assert_eq!(of("tracking.roi_px"), 96);
    assert_eq!(of("optics.pixel_size_nm"), 100.0);
    assert_eq!(of("tracking.method"), "magtrack");
    assert_eq!(of("tracking.magtrack.center_of_mass.background"), "mean");
    assert_eq!(of("tracking.magtrack.n auto_conv_multiline_sub_pixel"), 7);
    assert_eq!(of("tracking.magtrack.lookup_z.n_local"), 9);
    let alone = beadscope_ok(&["rig", "--import-magscope", &alone]);
    assert!(alone.contains("roi_px = 96") && !alone.contains("magtrack"), "{alone}");
}

#[test]
fn others_open_what_is_exported_for_them() {
    let Some(python) = python("others_open_what_is_exported_for_them") else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/check_export.py");
    for has_losses in [false, true] {
        let run = folder.path().join(has_losses.to_string());
        std::fs::create_dir(&run).unwrap();
        let tracks = recording(&run, has_losses, true);
        let formats = [
            ("magscope", "magscope.h5"),
            ("pylake", "pylake.h5"),
            ("tweezepy", "traces"),
            ("parquet", "rows.parquet"),
        ];
        for (to, name) in formats {
            let out = run.join(name);
            let export = ["export", run.to_str().unwrap(), "--to", to, "--out", out.to_str().unwrap()];
            assert!(beadscope_ok(&export).starts_with("400 frames, 1200 rows: "));
            let output = Command::new(&python).arg(&script).arg(to).args([&out, &tracks]).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            println!("{said}");
            assert!(output.status.success(), "{to}: {said}{}", String::from_utf8_lossy(&output.stderr));
            // What is there may be a recording, or a folder with other things in it.
            assert_eq!(beadscope(&export).status.success(), to == "parquet", "{to}");
        }
    }
}

fn check(python: &Path, tracks: &Path, option: Option<&str>) {
    if option.is_none() {
        let verdict = verify(tracks, &|_, _| {}).unwrap();
        assert_eq!(verdict.problems, [""; 0], "our own checks find nothing where others' find nothing");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/check_tracks.py");
    let output = Command::new(python).arg(script).arg(tracks).args(option).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
