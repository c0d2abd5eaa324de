//! Cores and real time that a rig asks for are granted or refused, and either is said; a run goes on without.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where this is how a test fails")]

mod common;

use beadscope_engine::record::tracks_path;
use common::beadscope_ok;
use rust_hdf5::H5File;
use serde_json::Value;

#[test]
fn each_wish_is_answered_in_the_summary_and_in_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let rig = folder.path().join("rig.toml");
    let text = "[camera.settings]\nbeads = 2\nwidth_px = 256\nheight_px = 256\n[recording]\nfolder = '.'\n\
                [threads]\nrealtime = true\ncamera_core = 4000\ntracking_cores = [3998, 3997]\n";
    std::fs::write(&rig, text).unwrap();
    let summary: Value = serde_json::from_str(&beadscope_ok(&[
        "run",
        "--json",
        "--frames",
        "20",
        "--rig",
        rig.to_str().unwrap(),
    ]))
    .unwrap();
    let notes: Vec<&str> =
        summary["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect();
    assert_eq!(summary["frames"]["recorded"], 20);
    if summary["backend"] == "cpu" {
        assert!(summary["adapter"].as_str().unwrap().ends_with("2 threads"), "{}", summary["adapter"]);
    }

    let file = H5File::open(tracks_path(summary["run"].as_str().unwrap().as_ref())).unwrap();
    let recorded = file.dataset("beadscope/notices").unwrap().read_strings().unwrap();
    for wish in [
        "tracking thread 0 was refused core 3998",
        "tracking thread 1 was refused core 3997",
        "the camera thread was refused core 4000",
        "real time",
    ] {
        let told = notes.iter().filter(|note| note.contains(wish)).collect::<Vec<_>>();
        assert_eq!(told.len(), 1, "{wish}: {notes:?}");
        assert!(recorded.iter().any(|notice| notice.as_str() == *told[0]), "{wish}: {recorded:?}");
    }
}
