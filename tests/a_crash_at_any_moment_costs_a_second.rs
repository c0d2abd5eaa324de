//! Killed at any moment, in any mode, a run is recovered up to its last second, bit by bit as an undisturbed one has it.
//!
//! `BEADSCOPE_CRASH_RUNS=500 cargo test --release --test a_crash_at_any_moment_costs_a_second -- --nocapture` is the drill.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where these are how a test fails")]
#![allow(clippy::print_stdout, reason = "the figures of the drill")]

mod common;

use std::process::Stdio;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use beadscope_engine::record::read::{ReadError, Recording};
use beadscope_engine::record::tracks_file::{journal_path, partial_path};
use beadscope_engine::record::tracks_path;
use common::undisturbed::{Positions, RATE_HZ, assert_as_undisturbed, positions, rig_in, undisturbed};
use common::{age, beadscope, program, run_in};

const MODES: [&str; 5] = ["track", "track+roi-video", "track+full-video", "roi-video", "full-video"];
/// How long after its start a run is killed at most.
const LATEST: Duration = Duration::from_secs(4);
/// What a crash may cost: half a second between two blocks, and what the disk takes; in the drill, on a machine of its own, and
/// where other tests run beside it.
const MOST_LOST: [Duration; 2] = [Duration::from_secs(1), Duration::from_millis(2500)];
/// For so many runs instead.
const DRILL: &str = "BEADSCOPE_CRASH_RUNS";

static UNDISTURBED: LazyLock<Positions> = LazyLock::new(|| undisturbed((LATEST.as_secs() + 2) * RATE_HZ));

/// How one run ended.
enum End {
    /// It was killed before anything was recorded.
    Nothing,
    /// What was recovered reaches so far before the moment of the crash.
    Lost(Duration),
}

/// Kills a run of `mode` so long after its start, or after it `records`, and recovers it.
fn crash(mode: &str, alive: Duration, records: bool) -> End {
    let folder = tempfile::tempdir().unwrap();
    let (rig, out) = (rig_in(folder.path()), folder.path().join("runs"));
    let mut run = program()
        .args(["run", "--mode", mode, "--rig", rig.to_str().unwrap(), "--out", out.to_str().unwrap()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    if records {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !run_in(&out).is_some_and(|run| journal_path(&tracks_path(&run)).exists()) {
            assert!(Instant::now() < deadline, "{mode}: no recording grows");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    std::thread::sleep(alive);
    let killed = SystemTime::now();
    run.kill().unwrap();
    run.wait().unwrap();
    let Some(run) = run_in(&out) else { return End::Nothing };
    let partial = partial_path(&tracks_path(&run));
    if cfg!(windows) && partial.exists() {
        age(&partial);
    }
    let recovered = beadscope(&["recover", run.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&recovered.stderr);
    if !recovered.status.success() {
        assert!(said.contains("nothing was recorded") || said.contains("nothing to recover"), "{said}");
        return End::Nothing;
    }
    let verified = beadscope(&["verify", run.to_str().unwrap()]);
    let problems = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(
        problems.lines().count() == 1 && problems.contains("recovered after a crash"),
        "{mode}: {problems}"
    );
    assert_as_undisturbed(&positions(&run), &UNDISTURBED, mode);
    let recording = Recording::open(&run).unwrap();
    let mut last_ns = 0;
    let read = recording.each_block(|block| -> Result<(), ReadError> {
        last_ns = block.unix_ns.iter().copied().max().unwrap_or(0).max(last_ns);
        Ok(())
    });
    read.unwrap();
    if last_ns == 0 {
        return End::Nothing;
    }
    let last = SystemTime::UNIX_EPOCH + Duration::from_nanos(last_ns);
    End::Lost(killed.duration_since(last).unwrap_or_default())
}

#[test]
fn a_run_that_is_killed_loses_its_last_second_at_most() {
    let drill = std::env::var(DRILL).ok();
    let runs: u64 = drill.as_ref().map_or(10, |runs| runs.parse().unwrap());
    let begun = Instant::now();
    let seed = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
    println!("seed {seed}");
    let (mut random, mut lost, mut nothing) = (seed, Vec::new(), 0);
    for run in 0..runs {
        // xorshift64 (G. Marsaglia 2003).
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mode = MODES[(run % 5) as usize];
        // The first ones late, and surely recording, so that also a few runs tell something.
        let earliest = if run < 5 { LATEST / 2 } else { Duration::ZERO };
        let alive = earliest + (LATEST - earliest).mul_f64((random >> 11) as f64 / (1_u64 << 53) as f64);
        match crash(mode, alive, run < 5) {
            End::Nothing => {
                assert!(run >= 5, "{mode}: nothing after {alive:?}");
                nothing += 1;
            }
            End::Lost(by) => lost.push(by),
        }
    }
    lost.sort();
    let [median, most] = [lost[lost.len() / 2], lost[lost.len() - 1]];
    println!(
        "{runs} runs killed in {:.0} s: {nothing} before the first block, {} recovered; lost {median:.2?} (median), {most:.2?} (most)",
        begun.elapsed().as_secs_f64(),
        lost.len()
    );
    assert!(most <= MOST_LOST[usize::from(drill.is_none())], "{most:?}");
}
