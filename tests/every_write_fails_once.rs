//! A disk that fails, at any of its calls: no panic, no frame of unknown fate, and no file that reads as whole and is not.
//!
//! `BEADSCOPE_FAULT_RUNS=1000 cargo test --release --test every_write_fails_once -- --nocapture` tries as many calls.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where these are how a test fails")]
#![allow(clippy::print_stdout, reason = "the figures of the drill")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use beadscope_engine::record::tracks_file::{journal_path, partial_path};
use beadscope_engine::record::tracks_path;
use common::undisturbed::{Positions, RATE_HZ, assert_as_undisturbed, positions, rig_in, undisturbed};
use common::{beadscope, program, run_in};

/// Two blocks of the journal and a bit.
const FRAMES: u64 = RATE_HZ * 6 / 5;
const KINDS: [&str; 3] = ["eio", "full", "short"];
const MODES: [&str; 3] = ["track", "track+roi-video", "full-video"];

/// What was left of a run.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Left {
    Whole,
    EndedEarly,
    Recovered,
    Nothing,
}

/// The library that lets calls fail.
fn disk(folder: &Path) -> PathBuf {
    let library = folder.join("disk.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/disk.c");
    let mut compiler = Command::new("cc");
    compiler
        .args(["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(source)
        .arg("-ldl");
    assert!(compiler.status().unwrap().success());
    library
}

/// Records [`FRAMES`] with call `at` failing; how many calls there were.
fn run(disk: &Path, mode: &str, kind: &str, at: u64, undisturbed: &Positions) -> (u64, Left) {
    let folder = tempfile::tempdir().unwrap();
    let (rig, out, calls) = (rig_in(folder.path()), folder.path().join("runs"), folder.path().join("calls"));
    let output = program()
        .args(["run", "--mode", mode, "--frames", &FRAMES.to_string(), "--rig"])
        .arg(rig)
        .arg("--out")
        .arg(&out)
        .env("LD_PRELOAD", disk)
        .env("BEADSCOPE_FAULT_UNDER", &out)
        .env("BEADSCOPE_FAULT_AT", at.to_string())
        .env("BEADSCOPE_FAULT_KIND", kind)
        .env("BEADSCOPE_FAULT_COUNT", &calls)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let what = format!("{mode}, call {at}, {kind}: {said}");
    assert!(matches!(output.status.code(), Some(0 | 1)) && !said.contains("panicked"), "{what}");
    let counted = std::fs::read_to_string(calls).unwrap().trim().parse().unwrap();
    let left = run_in(&out)
        .map_or(Left::Nothing, |run| look(&run, mode, undisturbed, output.status.success(), &what));
    assert!(
        !output.status.success() || left == Left::Whole,
        "it did not say that it failed: {left:?}: {what}"
    );
    (counted, left)
}

fn look(run: &Path, mode: &str, undisturbed: &Positions, succeeded: bool, what: &str) -> Left {
    let tracks = tracks_path(run);
    let folder = run.to_str().unwrap();
    let is_finished = tracks.exists();
    if !is_finished && (partial_path(&tracks).exists() || journal_path(&tracks).exists()) {
        let recovered = beadscope(&["recover", folder]);
        let said = String::from_utf8_lossy(&recovered.stderr);
        if !recovered.status.success() {
            assert!(
                said.contains("nothing was recorded") || said.contains("does not say what"),
                "{said}: {what}"
            );
            return Left::Nothing;
        }
    }
    if !tracks.exists() {
        return Left::Nothing;
    }
    let verified = beadscope(&["verify", folder]);
    let told = String::from_utf8_lossy(&verified.stdout);
    let found = positions(&tracks);
    assert_as_undisturbed(&found, undisturbed, mode);
    if !is_finished {
        assert!(told.contains("recovered after a crash"), "{told}: {what}");
        return Left::Recovered;
    }
    // A video that failed is told as such; the positions are whole all the same.
    let is_whole = found.len() as u64 == FRAMES;
    assert!(!succeeded || (is_whole && verified.status.success()), "{told}: {what}");
    if is_whole { Left::Whole } else { Left::EndedEarly }
}

#[test]
fn a_failing_call_is_told_and_what_was_recorded_before_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    let undisturbed = undisturbed(FRAMES);
    let runs: u64 = std::env::var("BEADSCOPE_FAULT_RUNS").ok().map_or(12, |runs| runs.parse().unwrap());
    let calls = MODES.map(|mode| {
        let (calls, left) = run(&disk, mode, "eio", 0, &undisturbed);
        assert!(left == Left::Whole && calls > 50, "{mode}: {calls} calls, {left:?}");
        calls
    });
    let mut ends: BTreeMap<(&str, Left), u64> = BTreeMap::new();
    let mut random = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
    for number in 0..runs {
        // xorshift64 (G. Marsaglia 2003).
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let (kind, mode) = ((number % 3) as usize, (number / 3 % 3) as usize);
        // Once through all calls, if there are as many runs; else anywhere.
        let at = if runs > calls[mode] * 9 { number / 9 } else { random % calls[mode] } + 1;
        let (_, left) = run(&disk, MODES[mode], KINDS[kind], at, &undisturbed);
        *ends.entry((KINDS[kind], left)).or_default() += 1;
    }
    println!("{runs} runs, {calls:?} calls undisturbed: {ends:?}");
}
