//! A disk that fails, at any of its calls: no panic, no frame of unknown fate, and no file that reads as whole and is not.
//!
//! `BEADSCOPE_FAULT_RUNS=1000 cargo test --release --test every_write_fails_once -- --nocapture` tries as many calls.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where these are how a test fails")]
#![allow(clippy::print_stdout, reason = "the figures of the drill")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::SystemTime;

use beadscope_engine::record::tracks_file::{journal_path, partial_path};
use beadscope_engine::record::tracks_path;
use common::faults::library;
use common::undisturbed::{Positions, RATE_HZ, assert_as_undisturbed, positions, rig_in, undisturbed};
use common::{beadscope, beadscope_ok, crash, program, run_in};

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

/// One call on the files below a folder, from 1, and how it fails; 0 for none.
#[derive(Clone, Copy)]
struct Fault<'a> {
    disk: &'a Path,
    at: u64,
    kind: &'a str,
}

/// Runs the program on a disk that fails below `under`; how many calls there were.
fn on_failing_disk(fault: Fault<'_>, under: &Path, arguments: &[&str]) -> (u64, Output) {
    let folder = tempfile::tempdir().unwrap();
    let calls = folder.path().join("calls");
    let output = program()
        .args(arguments)
        .env("LD_PRELOAD", fault.disk)
        .env("BEADSCOPE_FAULT_UNDER", under)
        .env("BEADSCOPE_FAULT_AT", fault.at.to_string())
        .env("BEADSCOPE_FAULT_KIND", fault.kind)
        .env("BEADSCOPE_FAULT_COUNT", &calls)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        matches!(output.status.code(), Some(0 | 1)) && !said.contains("panicked"),
        "{arguments:?}, call {}, {}: {said}",
        fault.at,
        fault.kind
    );
    (fs::read_to_string(calls).unwrap().trim().parse().unwrap(), output)
}

/// Records [`FRAMES`] with a fault; how many calls there were.
fn run(fault: Fault<'_>, mode: &str, undisturbed: &Positions) -> (u64, Left) {
    let folder = tempfile::tempdir().unwrap();
    let (rig, out) = (rig_in(folder.path()), folder.path().join("runs"));
    let frames = FRAMES.to_string();
    let mut arguments = vec!["run", "--mode", mode, "--frames", &frames];
    arguments.extend(["--rig", rig.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    let (counted, output) = on_failing_disk(fault, &out, &arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    let what = format!("{mode}, call {}, {}: {said}", fault.at, fault.kind);
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
    let disk = library("disk", folder.path());
    let undisturbed = undisturbed(FRAMES);
    let runs: u64 = std::env::var("BEADSCOPE_FAULT_RUNS").ok().map_or(12, |runs| runs.parse().unwrap());
    let calls = MODES.map(|mode| {
        let (calls, left) = run(Fault { disk: &disk, at: 0, kind: "eio" }, mode, &undisturbed);
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
        let (_, left) = run(Fault { disk: &disk, at, kind: KINDS[kind] }, MODES[mode], &undisturbed);
        *ends.entry((KINDS[kind], left)).or_default() += 1;
    }
    println!("{runs} runs, {calls:?} calls undisturbed: {ends:?}");
    // A short write is made good; the others are felt, though not all: some names and bytes are only tried.
    let whole: u64 = KINDS[..2].iter().filter_map(|kind| ends.get(&(*kind, Left::Whole))).sum();
    assert!(whole < runs * 2 / 3, "the faults were not felt: {ends:?}");
}

/// Numbers of calls that fail, in turn: all of so many, or some.
fn some_of(calls: u64) -> impl Iterator<Item = u64> {
    let most = if std::env::var_os("BEADSCOPE_FAULT_RUNS").is_some() { u64::MAX } else { 12 };
    (1..=calls).step_by(calls.div_ceil(most) as usize)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        let to = to.join(entry.file_name().unwrap());
        if entry.is_dir() { copy(&entry, &to) } else { assert!(fs::copy(&entry, to).is_ok()) }
    }
}

#[test]
fn a_recovery_on_a_failing_disk_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let disk = library("disk", folder.path());
    let crashed = crash(folder.path());
    let recover = |name: &str, fault: Option<Fault<'_>>| {
        let run = folder.path().join(name);
        let told = run.to_str().unwrap();
        match fault {
            Some(fault) => on_failing_disk(fault, &run, &["recover", told]),
            None => (0, beadscope(&["recover", told])),
        }
    };
    let mut ends = BTreeMap::new();
    for kind in KINDS {
        let undisturbed = folder.path().join(format!("{kind}-0"));
        copy(crashed.parent().unwrap(), &undisturbed);
        let (calls, output) = recover(&format!("{kind}-0"), Some(Fault { disk: &disk, at: 0, kind }));
        assert!(output.status.success() && calls > 10, "{calls}: {output:?}");
        let whole = fs::read(tracks_path(&undisturbed)).unwrap();
        for at in some_of(calls) {
            let name = format!("{kind}-{at}");
            copy(crashed.parent().unwrap(), &folder.path().join(&name));
            let (_, output) = recover(&name, Some(Fault { disk: &disk, at, kind }));
            *ends.entry((kind, output.status.success())).or_insert(0) += 1;
            let again = recover(&name, None).1;
            let said = String::from_utf8_lossy(&again.stderr).into_owned();
            assert!(
                again.status.success() || output.status.success(),
                "{kind}, call {at}: {output:?}, then {said}"
            );
            let tracks = tracks_path(&folder.path().join(&name));
            assert!(fs::read(&tracks).unwrap() == whole, "{kind}, call {at}: {output:?}, then {said}");
            let left: Vec<_> = fs::read_dir(folder.path().join(&name)).unwrap().flatten().collect();
            assert!(
                left.iter().all(|file| !file.file_name().to_string_lossy().contains("tracks.h5.")),
                "{left:?}"
            );
        }
    }
    println!("{ends:?}");
    assert!(ends.contains_key(&("eio", false)) && ends.contains_key(&("full", false)), "not felt: {ends:?}");
}

#[test]
fn an_export_on_a_failing_disk_is_whole_or_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let disk = library("disk", folder.path());
    let (rig, out) = (rig_in(folder.path()), folder.path().join("runs"));
    let [rig, out] = [rig, out].map(|path| path.to_str().unwrap().to_owned());
    beadscope_ok(&["run", "--mode", "track+roi-video", "--frames", "40", "--rig", &rig, "--out", &out]);
    let run = run_in(Path::new(&out)).unwrap();
    let exported = folder.path().join("exported");
    // Pylake's file, which is written as MagScope's is, tells when it was made and is another each time.
    for to in ["tiff", "csv", "magscope", "parquet", "tweezepy"] {
        let export = |kind: &str, at: u64| {
            fs::create_dir_all(&exported).unwrap();
            let out = exported.join("out");
            let arguments = ["export", run.to_str().unwrap(), "--to", to, "--out", out.to_str().unwrap()];
            let (calls, output) = on_failing_disk(Fault { disk: &disk, at, kind }, &exported, &arguments);
            let written = contents(&exported);
            fs::remove_dir_all(&exported).unwrap();
            (calls, output, written)
        };
        let (calls, output, whole) = export("eio", 0);
        assert!(output.status.success() && !whole.is_empty(), "{to}: {output:?}");
        let mut failures = 0;
        for (kind, at) in some_of(calls).flat_map(|at| KINDS.map(|kind| (kind, at))) {
            let (_, output, written) = export(kind, at);
            failures += u32::from(!output.status.success());
            // What fails last is the name's way to the disk.
            assert!(
                written == whole || (written.is_empty() && !output.status.success()),
                "{to}, {kind}, call {at}: {:?}, {output:?}",
                written.keys()
            );
        }
        assert!(failures > 0, "{to}: not felt");
    }
}

#[test]
fn a_video_that_a_failing_disk_did_not_compress_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let disk = library("disk", folder.path());
    let (rig, out) = (rig_in(folder.path()), folder.path().join("runs"));
    let [rig, out] = [rig, out].map(|path| path.to_str().unwrap().to_owned());
    beadscope_ok(&["run", "--mode", "track+roi-video", "--frames", "40", "--rig", &rig, "--out", &out]);
    let filmed = run_in(Path::new(&out)).unwrap();
    let compress = |run: &Path, kind, at| {
        on_failing_disk(Fault { disk: &disk, at, kind }, run, &["compress", run.to_str().unwrap()])
    };
    let whole = folder.path().join("whole");
    copy(&filmed, &whole);
    let (calls, output) = compress(&whole, "eio", 0);
    assert!(output.status.success() && calls > 10, "{calls}: {output:?}");
    let whole = contents(&whole.join("video.ome.zarr"));
    let mut failures = 0;
    for (kind, at) in some_of(calls).flat_map(|at| KINDS.map(|kind| (kind, at))) {
        let run = folder.path().join(format!("{kind}-{at}"));
        copy(&filmed, &run);
        let (_, output) = compress(&run, kind, at);
        failures += u32::from(!output.status.success());
        let verified = beadscope(&["verify", run.to_str().unwrap()]);
        assert!(verified.status.success(), "{kind}, call {at}: {output:?}, then {verified:?}");
        beadscope_ok(&["compress", run.to_str().unwrap()]);
        let names = |files: &BTreeMap<PathBuf, Vec<u8>>, under: &Path| -> BTreeMap<PathBuf, Vec<u8>> {
            files
                .iter()
                .map(|(path, bytes)| (path.strip_prefix(under).unwrap().to_owned(), bytes.clone()))
                .collect()
        };
        let again = contents(&run.join("video.ome.zarr"));
        assert!(
            names(&again, &run) == names(&whole, &folder.path().join("whole")),
            "{kind}, call {at}: {output:?}, then {:?}",
            again.keys()
        );
        fs::remove_dir_all(run).unwrap();
    }
    assert!(failures > 0, "not felt");
}

/// Every file below a folder.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            files.extend(contents(&path));
        } else {
            files.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    files
}
