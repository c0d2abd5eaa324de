//! A recording that goes on in another file loses no frame between the two, also when a crash comes then.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where these are how a test fails")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use beadscope_engine::record::read::{ReadError, Recording};
use beadscope_engine::record::tracks_file::partial_path;
use beadscope_engine::record::tracks_path;
use common::undisturbed::{RATE_HZ, splitting_rig};
use common::{age, beadscope, beadscope_ok, program};

/// The runs in `folder`, by the first of their frames, without those that have none.
fn runs(folder: &Path) -> Vec<(Vec<u64>, PathBuf)> {
    let mut runs: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|run| run.unwrap().path())
        .filter(|run| tracks_path(run).exists())
        .map(|run| (frames(&run), run))
        .filter(|(frames, _)| !frames.is_empty())
        .collect();
    runs.sort();
    runs
}

fn frames(run: &Path) -> Vec<u64> {
    let mut frames = Vec::new();
    let read = Recording::open(run).unwrap().each_block(|block| -> Result<(), ReadError> {
        frames.extend(&block.device_frame);
        Ok(())
    });
    read.unwrap();
    frames
}

fn assert_nothing_is_between(runs: &[(Vec<u64>, PathBuf)]) {
    let all: Vec<u64> = runs.iter().flat_map(|(frames, _)| frames).copied().collect();
    let gap = all.windows(2).find(|two| two[0] + 1 != two[1]);
    assert!(gap.is_none(), "{gap:?} of {} frames in {} runs", all.len(), runs.len());
}

#[test]
fn every_file_is_whole_and_no_frame_is_between_two() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, out) = (splitting_rig(folder.path(), "0.02"), folder.path().join("runs"));
    let told = (5 * RATE_HZ).to_string();
    beadscope_ok(&["run", "--rig", rig.to_str().unwrap(), "--frames", &told, "--out", out.to_str().unwrap()]);
    let runs = runs(&out);
    // 5 s, 1.2 s each: a busy machine is late with some.
    assert!(runs.len() >= 3, "{runs:?}");
    assert_nothing_is_between(&runs);
    assert_eq!(runs.iter().map(|(frames, _)| frames.len() as u64).sum::<u64>(), 5 * RATE_HZ);
    for (frames, run) in &runs {
        let told = beadscope_ok(&["verify", run.to_str().unwrap()]);
        assert!(told.starts_with(&format!("{} frames", frames.len())) && told.contains("whole"), "{told}");
    }
    let info = beadscope_ok(&["info", runs[0].1.to_str().unwrap()]);
    assert!(info.contains("session: record.next"), "{info}");
}

#[test]
fn a_crash_between_two_files_loses_no_frame_between_them() {
    let mut recovered = 0;
    for more_ms in [0, 200, 500] {
        let folder = tempfile::tempdir().unwrap();
        let (rig, out) = (splitting_rig(folder.path(), "0.01"), folder.path().join("runs"));
        let mut run = program()
            .args(["run", "--rig", rig.to_str().unwrap(), "--out", out.to_str().unwrap()])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let finished = || {
            let runs = fs::read_dir(&out).into_iter().flatten().flatten();
            runs.filter(|run| tracks_path(&run.path()).exists()).count()
        };
        while finished() < 2 {
            assert!(Instant::now() < deadline, "{} files", finished());
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(more_ms));
        run.kill().unwrap();
        run.wait().unwrap();
        for run in fs::read_dir(&out).unwrap().map(|run| run.unwrap().path()) {
            let partial = partial_path(&tracks_path(&run));
            if partial.exists() {
                age(&partial);
                let output = beadscope(&["recover", run.to_str().unwrap()]);
                let said = String::from_utf8_lossy(&output.stderr);
                // One that was only just begun has nothing to recover.
                assert!(output.status.success() || said.contains("nothing was recorded"), "{said}");
                recovered += u32::from(output.status.success() && !frames(&run).is_empty());
            }
        }
        let runs = runs(&out);
        assert!(runs.len() >= 2, "{runs:?}");
        assert_nothing_is_between(&runs);
    }
    assert!(recovered > 0, "no crash left anything to recover");
}
