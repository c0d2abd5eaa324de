//! Who asks the next day finds in the log file what was run with which settings, what went wrong and how it ended; and a
//! log that cannot be written stops nothing.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where this is how a test fails")]

mod common;

use std::path::Path;
use std::process::Output;

/// A short run whose state goes below `state`; its log level is `level` if there is one.
fn run(state: &Path, out: &Path, level: Option<&str>) -> Output {
    let mut program = common::program();
    program.env("XDG_STATE_HOME", state).env_remove("RUST_LOG");
    program.envs(level.map(|level| ("RUST_LOG", level)));
    let output = program.args(["run", "--frames", "20", "--beads", "2", "--out"]).arg(out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The lines of all log files.
fn log(state: &Path) -> Vec<String> {
    let files = std::fs::read_dir(state.join("beadscope/log")).unwrap().flatten();
    let text: String = files.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn settings_recording_and_end_are_in_the_file_of_the_day() {
    let folder = tempfile::tempdir().unwrap();
    let (state, out) = (folder.path().join("state"), folder.path().join("runs"));
    let output = run(&state, &out, None);
    let lines = log(&state);
    let place = |text: &str| lines.iter().position(|line| line.contains(text)).unwrap_or(usize::MAX);
    let in_order =
        ["2 beads found", "settings=", "recording into", "recording finished", "session ended"].map(place);
    assert!(in_order.is_sorted() && in_order[4] < lines.len(), "{in_order:?}: {lines:#?}");
    assert!(lines[in_order[1]].contains("[camera]"), "{}", lines[in_order[1]]);
    assert!(lines[in_order[4]].contains(r#""received":20"#), "{}", lines[in_order[4]]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("session ended") && !said.contains("settings="), "{said}");
    assert!(!said.contains("Error reading"), "its folder was not there yet: {said}");
    assert!(!lines.concat().contains('\u{1b}'), "colours are for terminals");

    run(&state, &out, Some("error"));
    assert_eq!(log(&state), lines, "RUST_LOG counts for the file too");
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    std::fs::write(&state, "a file, where a folder should be").unwrap();
    let said = run(&state, &folder.path().join("runs"), None).stderr;
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("no log file is written") && said.contains("XDG_STATE_HOME"), "{said}");
}
