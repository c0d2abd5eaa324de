//! A disk that is too slow for a video, and a crash while one is written, cost frames of the video by name, and no position.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where these are how a test fails")]

mod common;

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use beadscope_engine::video::video_path;
use common::{age, beadscope, beadscope_ok, program, run_in};
use serde_json::Value;

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_slow_disk_loses_video_by_name_and_no_position() {
    let folder = tempfile::tempdir().unwrap();
    let rig = folder.path().join("rig.toml");
    // The camera holds every frame, so that a busy machine costs none.
    std::fs::write(&rig, "[camera.settings]\nbuffer_frames = 300\nbeads = 3\n").unwrap();
    // 131 MB/s come, 14 MB/s go: the 200 frames that memory holds are full after 2 s.
    let output = program()
        .env("BEADSCOPE_SLOW_VIDEO_MS", "300")
        .args(["run", "--mode", "track+full-video", "--frames", "300", "--json", "--rig"])
        .arg(rig)
        .arg("--out")
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (frames, video) = (&summary["frames"], &summary["video"]);
    assert_eq!((&frames["recorded"], &summary["ledger_sums"]), (&300.into(), &true.into()), "{summary}");
    assert!(frames["lost"].as_object().unwrap().values().all(|lost| lost == 0), "{frames}");
    let (filmed, late) = (video["frames"].as_u64().unwrap(), video["lost"]["video_late"].as_u64().unwrap());
    assert!(late > 0 && filmed + late == 300 && video["error"].is_null(), "{video}");
    let told = summary["notes"].to_string();
    assert!(told.contains(&format!("{late} frames are not in the video")), "{told}");
    let run = summary["run"].as_str().unwrap();
    let video = video_path(Path::new(run));
    assert_eq!(json(&video.join("0/zarr.json"))["shape"][0], filmed);
    let told = beadscope_ok(&["verify", run]);
    let expected = format!("{filmed} frames of video: whole; {late} frames of the recording are not in it");
    assert!(told.contains(&expected), "{told}");
    std::fs::remove_dir_all(video).unwrap();
    let output = beadscope(&["verify", run]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("the video is missing"), "{said}");
}

#[test]
fn a_killed_run_keeps_its_video() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = program()
        .args(["run", "--mode", "track+roi-video", "--duration", "1min", "--beads", "5", "--out"])
        .arg(folder.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let partial = loop {
        assert!(Instant::now() < deadline, "no video grows in {}", folder.path().display());
        std::thread::sleep(Duration::from_millis(50));
        let partial = run_in(folder.path()).map(|run| video_path(&run).join("0/c/0/0/0/0.partial"));
        // 200 frames, each of five crops of a page and a header.
        if let Some(partial) =
            partial.filter(|partial| partial.metadata().is_ok_and(|file| file.len() > 5_000_000))
        {
            break partial;
        }
    };
    run.kill().unwrap();
    run.wait().unwrap();
    let run = run_in(folder.path()).unwrap();
    if cfg!(windows) {
        age(&run.join("tracks.h5.partial"));
    }
    let told = beadscope_ok(&["recover", run.to_str().unwrap()]);
    let line = told.lines().find(|line| line.contains("whole frames of video")).unwrap();
    let frames: u64 = line.split(' ').next().unwrap().parse().unwrap();
    assert!(frames > 100 && told.contains("tracks.h5"), "{told}");
    let video = video_path(&run);
    assert!(!partial.exists() && partial.with_extension("").exists());
    for array in ["0", "frame", "bead", "corner_px"] {
        assert_eq!(json(&video.join(array).join("zarr.json"))["shape"][0], frames, "{array}");
    }
    let again = beadscope(&["recover", run.to_str().unwrap()]);
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(again.status.code() == Some(1) && said.contains("nothing to recover"), "{said}");
}
