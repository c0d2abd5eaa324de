//! `auto` takes a GPU or does without one; `gpu` and a named adapter never do without; the JSON tells what computed.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where this is how a test fails")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Output;

use common::beadscope_ok;
use serde_json::Value;

fn simulate(folder: &Path) -> PathBuf {
    let sim = folder.join("sim");
    beadscope_ok(&["simulate", "--beads", "4", "--frames", "3", "--out", sim.to_str().unwrap()]);
    sim
}

/// Runs the program in `folder`; without a GPU there, if it is asked for.
fn run(folder: &Path, arguments: &[&str], without_gpu: bool) -> Output {
    let mut program = common::program();
    program.args(arguments).arg("--json").current_dir(folder);
    if without_gpu {
        program.env("VK_DRIVER_FILES", folder.join("no_driver.json"));
    }
    program.output().unwrap()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The one line of a refusal.
fn line(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let lines: Vec<_> = said.lines().filter(|line| line.starts_with("beadscope:")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    lines[0].to_owned()
}

const TRACK: [&str; 6] = ["track", "sim", "--rois", "sim/rois.csv", "--out", "out.csv"];
const RUN: [&str; 5] = ["run", "--rig", "sim/rig.toml", "--out", "runs"];
const BENCH: [&str; 8] = ["bench", "track", "--beads", "1", "--frames", "1", "--duration", "10ms"];

#[test]
fn the_cpu_is_told_with_its_threads() {
    let folder = tempfile::tempdir().unwrap();
    simulate(folder.path());
    for command in [&TRACK[..], &RUN, &BENCH] {
        let summary = json(&run(folder.path(), &[command, &["--backend", "cpu"]].concat(), false));
        assert_eq!(summary["backend"], "cpu", "{summary}");
        assert!(summary["adapter"].as_str().unwrap().ends_with("threads"), "{summary}");
    }
    let positions = std::fs::read_to_string(folder.path().join("out.csv")).unwrap();
    let (backend, adapter) = ("\n# backend = \"cpu\"\n", "# adapter = ");
    assert!(positions.contains(backend) && positions.contains(adapter), "{positions}");
}

#[test]
fn magtrack_is_tracked_on_the_cpu() {
    let folder = tempfile::tempdir().unwrap();
    simulate(folder.path());
    let command = [&TRACK[..], &["--method", "magtrack"]].concat();
    assert_eq!(json(&run(folder.path(), &command, false))["backend"], "cpu");
    for asked in [&["--backend", "gpu"], &["--adapter", "llvmpipe"]] {
        let refused = line(&run(folder.path(), &[&command[..], asked].concat(), false));
        assert!(refused.contains("magtrack runs on the CPU only"), "{refused}");
    }
}

#[test]
fn an_adapter_that_is_not_there_is_refused_with_those_that_are() {
    let folder = tempfile::tempdir().unwrap();
    simulate(folder.path());
    for command in [&TRACK[..], &RUN, &BENCH] {
        let refused = line(&run(folder.path(), &[command, &["--adapter", "none such"]].concat(), false));
        assert!(refused.contains("\"none such\"") && refused.contains("llvmpipe"), "{refused}");
        let both = ["--backend", "cpu", "--adapter", "llvmpipe"];
        let refused = line(&run(folder.path(), &[command, &both].concat(), false));
        assert!(refused.contains("the back end cpu uses no graphics adapter"), "{refused}");
    }
    assert!(!folder.path().join("out.csv").exists());
}

/// Elsewhere there are other ways to a GPU than Vulkan.
#[cfg(target_os = "linux")]
#[test]
fn without_a_gpu_auto_is_the_cpu_and_gpu_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    simulate(folder.path());
    for command in [&TRACK[..], &RUN, &BENCH] {
        let output = run(folder.path(), command, true);
        assert_eq!(json(&output)["backend"], "cpu");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("WARN"), "it is what was asked for");
        let refused = line(&run(folder.path(), &[command, &["--backend", "gpu"]].concat(), true));
        assert!(refused.contains("no GPU was found") && refused.contains("Vulkan"), "{refused}");
    }
}

/// What the command line says goes before the rig.
#[cfg(target_os = "linux")]
#[test]
fn a_rig_names_a_back_end_that_a_run_can_change() {
    let folder = tempfile::tempdir().unwrap();
    let rig = simulate(folder.path()).join("rig.toml");
    let text = std::fs::read_to_string(&rig).unwrap();
    let text = text.replace("backend = \"auto\"\n", "");
    let with = |lines: &str| text.replace("[tracking]\n", &format!("[tracking]\n{lines}\n"));
    assert!(text.contains("[tracking]\n"), "{text}");
    std::fs::write(&rig, with("backend = 'gpu'\nadapter = 'none such'")).unwrap();
    assert!(line(&run(folder.path(), &RUN, true)).contains("none such"));
    for (asked, backend) in [("cpu", Some("cpu")), ("auto", Some("cpu")), ("gpu", None)] {
        let output = run(folder.path(), &[&RUN[..], &["--backend", asked]].concat(), true);
        match backend {
            Some(backend) => assert_eq!(json(&output)["backend"], backend),
            None => assert!(line(&output).contains("none such"), "gpu is the rig's adapter"),
        }
    }
    std::fs::write(&rig, with("backend = 'cpu'")).unwrap();
    let named = line(&run(folder.path(), &[&RUN[..], &["--adapter", "another"]].concat(), true));
    assert!(named.contains("another"), "{named}");
}
