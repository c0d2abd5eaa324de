//! Nothing upstream waits for anything downstream: a slow disk, a slow tracker and a frozen window, each alone and
//! together, cost what they hold up and no more, and the camera thread is back at its camera in time.
//!
//! The camera keeps a second of frames, as real ones do. A camera thread that waits for a reader comes back too late, and
//! the frame numbers jump. What it was away for is printed and not checked: that is up to the machine.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests, outside #[test]")]

mod common;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use beadscope_drivers::camera::{Camera as _, CameraConfig, SensorWindow};
use beadscope_engine::frame::FrameView;
use beadscope_engine::roi::Roi;
use beadscope_engine::session::{Outcome, Session, View};
use beadscope_engine::status::EndReason;
use beadscope_engine::track::cpu::CpuTracker;
use beadscope_engine::tracks::TrackRow;
use beadscope_shaders::flags::Flags;
use beadscope_shaders::pipeline::Params;
use common::{PacedCamera, SIDE_PX, ScriptedCamera, setup};

const RATE_HZ: f64 = 100.0;
const FRAMES: u64 = 300;
/// Frames that the camera keeps, a second of them.
const KEEPS: u64 = 100;
/// What a slow tracker needs for a frame, four times too long.
const SLOW_FRAME: Duration = Duration::from_millis(40);
/// Makes flushes slow, see `engine/src/record/open.rs`. Of a whole process, so a test starts itself again with it.
const SLOW_DISK: &str = "BEADSCOPE_SLOW_DISK_MS";

/// What is slow in a run.
#[derive(Clone, Copy, Debug)]
struct Slow {
    disk: bool,
    tracker: bool,
    window: bool,
}

/// What became of it.
struct Run {
    outcome: Outcome,
    /// Every reader that was called slow.
    slow_readers: BTreeSet<&'static str>,
    /// Frames whose rows the window has missed.
    skipped: u64,
}

fn run(slow: Slow) -> Run {
    let folder = tempfile::tempdir().unwrap();
    // Of large frames the ring holds few, and so of frames with many rows: a slow reader is found out soon.
    let side_px = if slow.tracker { 3000 } else { SIDE_PX };
    let window = SensorWindow { x_px: 0, y_px: 0, width_px: side_px, height_px: side_px };
    let config = CameraConfig { window, rate_hz: RATE_HZ, ..ScriptedCamera::config() };
    // Beads outside the frame make rows and no work.
    let roi = |bead, left_px| Roi { bead, left_px, top_px: 0, size_px: SIDE_PX };
    let mut rois: Vec<Roi> = (0..if slow.disk { 40_000 } else { 10_000 }).map(|bead| roi(bead, -1)).collect();
    if slow.tracker {
        rois.iter_mut().take(beads_that_take(SLOW_FRAME)).for_each(|roi| roi.left_px = 0);
    }
    let mut setup = setup(Vec::new(), 1, slow.disk.then(|| folder.path().join("tracks.h5")));
    setup.camera = Box::new(PacedCamera::new(config, FRAMES, KEEPS));
    setup.config = config;
    setup.info.rois.clone_from(&rois);
    setup.tracker = tracker(rois).into();
    let (session, view) = Session::start(setup).unwrap();
    let ended = AtomicBool::new(false);
    let (slow_readers, skipped) = std::thread::scope(|scope| {
        let window = scope.spawn(|| look(view, slow.window, &ended));
        let mut slow_readers = BTreeSet::new();
        while session.is_running() {
            slow_readers.extend(session.health().vitals.slow_reader);
            std::thread::sleep(Duration::from_millis(20));
        }
        ended.store(true, Ordering::Relaxed);
        (slow_readers, window.join().unwrap())
    });
    Run { outcome: session.stop(), slow_readers, skipped }
}

/// A window that draws, or one that is frozen; how many frames' rows it has missed.
fn look(mut view: View, is_frozen: bool, ended: &AtomicBool) -> u64 {
    while !ended.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(10));
        if !is_frozen {
            view.frames.newest();
            while view.tracks.take_next().is_some() {}
        }
    }
    view.tracks.take_next();
    view.tracks.skipped()
}

fn tracker(rois: Vec<Roi>) -> CpuTracker {
    CpuTracker::new(SIDE_PX, rois, &Params::default(), None, None).unwrap()
}

/// As many beads as this machine locates in that time.
fn beads_that_take(time: Duration) -> usize {
    const BEADS: u32 = 256;
    let roi = |bead| Roi { bead, left_px: 0, top_px: 0, size_px: SIDE_PX };
    let rois: Vec<Roi> = (0..BEADS).map(roi).collect();
    let (tracker, config) = (tracker(rois.clone()), ScriptedCamera::config());
    let mut pixels = vec![0; config.frame_bytes()];
    let mut camera = PacedCamera::new(config, 1, 1);
    camera.read_into(&mut pixels, time).unwrap();
    let mut rows = vec![TrackRow::missing(&rois[0], Flags::NONE); rois.len()];
    let mut locate = || {
        let start = Instant::now();
        tracker.locate(1, &|_| Some(FrameView::new(&config, &pixels)), &mut rows);
        start.elapsed()
    };
    // The fastest: on a busy machine the others tell of something else.
    let fastest = (0..5).map(|_| locate()).min().unwrap();
    (f64::from(BEADS) * time.as_secs_f64() / fastest.as_secs_f64()) as usize
}

fn check(slow: Slow) {
    let Run { outcome, slow_readers, skipped } = run(slow);
    let (ledger, away) = (outcome.health.ledger, outcome.health.vitals.camera_loop_us);
    println!(
        "{slow:?}: lost {:?}, plots missed {skipped}, slow {slow_readers:?}; the camera thread was away for {:.0} µs \
         (99 %), {:.0} µs (longest)",
        ledger.lost, away.p99, away.max
    );
    assert_eq!(outcome.reason, EndReason::SourceEnded);
    assert_eq!(ledger.check(), Ok(()), "{ledger:?}");
    assert_eq!((ledger.lost.camera, ledger.received), (0, FRAMES), "the camera thread has waited");
    assert_eq!(ledger.lost.ring_full > 0, slow.tracker, "{ledger:?}");
    assert_eq!(ledger.lost.recorder_late > 0, slow.disk, "{ledger:?}");
    assert!(!slow.tracker || slow_readers.contains("tracking"), "{slow_readers:?}");
    assert!(!slow.disk || slow_readers.contains("recorder"), "{slow_readers:?}");
    // Positions last: where only the window is slow, only the window misses something.
    let only_window = slow.window && !slow.tracker && !slow.disk;
    assert!(!only_window || skipped > 0 && slow_readers == BTreeSet::from(["plots"]), "{slow_readers:?}");
}

#[test]
fn the_camera_thread_waits_for_nobody() {
    const ITSELF: &str = "the_camera_thread_waits_for_nobody";
    let disk = std::env::var_os(SLOW_DISK).is_some();
    for (tracker, window) in [(false, false), (true, false), (false, true), (true, true)] {
        check(Slow { disk, tracker, window });
    }
    if !disk {
        let again = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", ITSELF])
            .env(SLOW_DISK, "2500")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&again.stdout);
        println!("{said}");
        assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
        assert!(said.contains("1 passed"), "{said}");
    }
}
