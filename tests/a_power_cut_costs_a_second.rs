//! The power fails: what was not on the disk is gone, and all but the last second was on the disk, in one file or the next.
//!
//! `BEADSCOPE_POWER_RUNS=100 cargo test --release --test a_power_cut_costs_a_second -- --nocapture` is the drill.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where these are how a test fails")]
#![allow(clippy::print_stdout, reason = "the figures of the drill")]

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use beadscope_engine::record::read::{ReadError, Recording};
use beadscope_engine::record::tracks_file::{journal_path, partial_path};
use beadscope_engine::record::tracks_path;
use common::faults::library;
use common::undisturbed::{Positions, RATE_HZ, assert_as_undisturbed, positions, splitting_rig, undisturbed};
use common::{beadscope, program};

/// When the power fails, after the first file was made: at the earliest when it is split off, at the latest in the third.
const BETWEEN: [Duration; 2] = [Duration::from_millis(1200), Duration::from_millis(4200)];
/// Half a second between two blocks, and what the disk takes; in the drill, on a machine of its own, and where other tests run
/// beside it.
const MOST_LOST: [Duration; 2] = [Duration::from_secs(1), Duration::from_millis(2500)];
/// For so many runs instead, and for the same ones again.
const DRILL: &str = "BEADSCOPE_POWER_RUNS";
const SEED: &str = "BEADSCOPE_POWER_SEED";

/// Cuts the power after `alive`; the time before it that is not recorded.
fn cut(power: &Path, alive: Duration, undisturbed: &Positions) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let (rig, out, told) =
        (splitting_rig(folder.path(), "0.02"), folder.path().join("runs"), folder.path().join("cut"));
    let output = program()
        // Many more than it lives for, so that it ends also where nothing cuts its power.
        .args(["run", "--rig", rig.to_str().unwrap(), "--out", out.to_str().unwrap(), "--frames", "4000"])
        .env("LD_PRELOAD", power)
        .env("BEADSCOPE_POWER_UNDER", &out)
        .env("BEADSCOPE_POWER_AFTER_MS", alive.as_millis().to_string())
        .env("BEADSCOPE_POWER_TELL", &told)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(70), "cut after {alive:?}: {said}");
    let cut_ns: u64 = fs::read_to_string(told).unwrap().trim().parse().unwrap();

    let (mut last_ns, mut frames) = (0, Vec::new());
    for run in fs::read_dir(&out).unwrap().map(|run| run.unwrap().path()) {
        let tracks = tracks_path(&run);
        if partial_path(&tracks).exists() || journal_path(&tracks).exists() {
            let recovered = beadscope(&["recover", run.to_str().unwrap()]);
            let said = String::from_utf8_lossy(&recovered.stderr);
            // One that was only just begun has nothing to recover.
            let is_told = recovered.status.success() || said.contains("nothing was recorded");
            assert!(is_told, "cut after {alive:?}: {said}");
        }
        if !tracks.exists() {
            continue;
        }
        let verified = beadscope(&["verify", run.to_str().unwrap()]);
        let told = String::from_utf8_lossy(&verified.stdout);
        assert!(
            verified.status.success()
                || (told.lines().count() == 1 && told.contains("recovered after a crash")),
            "cut after {alive:?}: {told}"
        );
        let found = positions(&run);
        assert_as_undisturbed(&found, undisturbed, "track");
        frames.extend(found.into_keys());
        let read = Recording::open(&run).unwrap().each_block(|block| -> Result<(), ReadError> {
            last_ns = block.unix_ns.iter().copied().max().unwrap_or(0).max(last_ns);
            Ok(())
        });
        read.unwrap();
    }
    if last_ns == 0 {
        // The disk was slow before the first frame came: all since then is lost, and that must be a second, too.
        return since_start(&said, cut_ns);
    }
    let missing = frames.iter().max().map_or(0, |last| last + 1 - frames.len() as u64);
    let between = Duration::from_secs_f64(missing as f64 / RATE_HZ as f64);
    Duration::from_nanos(cut_ns.saturating_sub(last_ns)) + between
}

/// Time from when the recording began, by the log, to `unix_ns`; none if it had not.
fn since_start(said: &str, unix_ns: u64) -> Duration {
    let Some(line) = said.lines().find(|line| line.contains("recording into")) else {
        return Duration::ZERO;
    };
    // 2026-11-22T05:15:46.758593Z
    let (_, time) = line.split_once('T').unwrap();
    let parts: Vec<f64> =
        time.split_once('Z').unwrap().0.split(':').map(|part| part.parse().unwrap()).collect();
    let day_s = 86_400.0;
    let began_s = parts[0] * 3600.0 + parts[1] * 60.0 + parts[2];
    Duration::from_secs_f64((unix_ns as f64 * 1e-9 - began_s).rem_euclid(day_s))
}

#[test]
fn a_cut_before_the_first_block_counts_from_the_start() {
    let said = "noise\n\u{1b}[2m2026-11-22T23:59:59.500000Z\u{1b}[0m  INFO recording into runs\n";
    // 2026-11-23T00:00:00.250 UTC.
    let lost = since_start(said, 1_795_392_000_250_000_000);
    assert!((lost.as_secs_f64() - 0.75).abs() < 1e-3, "{lost:?}");
    assert_eq!(since_start("noise", 1), Duration::ZERO);
}

#[test]
fn what_a_power_cut_takes_back_is_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let power = library("power", folder.path());
    let undisturbed = undisturbed(BETWEEN[1].as_secs() * RATE_HZ + 2 * RATE_HZ);
    let number = |name: &str| std::env::var(name).ok().map(|runs| runs.parse::<u64>().unwrap());
    let (drill, now) = (number(DRILL), SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64);
    let (runs, seed) = (drill.unwrap_or(6), number(SEED).unwrap_or(now) | 1);
    println!("{SEED}={seed}");
    let mut random = seed;
    let mut lost: Vec<Duration> = (0..runs)
        .map(|_| {
            // xorshift64 (G. Marsaglia 2003).
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let part = (random >> 11) as f64 / (1_u64 << 53) as f64;
            cut(&power, BETWEEN[0] + (BETWEEN[1] - BETWEEN[0]).mul_f64(part), &undisturbed)
        })
        .collect();
    lost.sort();
    let [median, most] = [lost[lost.len() / 2], lost[lost.len() - 1]];
    println!("{runs} power cuts: lost {median:.2?} (median), {most:.2?} (most)");
    assert!(most <= MOST_LOST[usize::from(drill.is_none())], "{most:?}");
}
