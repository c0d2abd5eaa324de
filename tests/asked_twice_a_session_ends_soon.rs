//! A session that is asked twice to stop passes over the frames that wait: its recording is whole, and says so.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where this is how a test fails")]

mod common;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use beadscope_drivers::camera::CameraConfig;
use beadscope_engine::roi::Roi;
use beadscope_engine::session::Session;
use beadscope_engine::track::cpu::CpuTracker;
use beadscope_shaders::flags::Flags;
use beadscope_shaders::pipeline::Params;
use common::{PacedCamera, SIDE_PX, ScriptedCamera, beadscope_ok, setup};
use rust_hdf5::H5File;

const FRAMES: u64 = 100;
/// So many that a frame takes far longer to track than to come.
const BEADS: u32 = 3000;

#[test]
fn frames_that_wait_are_recorded_without_positions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tracks.h5");
    let rois: Vec<Roi> =
        (0..BEADS).map(|bead| Roi { bead, left_px: 0, top_px: 0, size_px: SIDE_PX }).collect();
    let config = CameraConfig { rate_hz: 1000.0, ..ScriptedCamera::config() };
    let mut setup = setup(Vec::new(), 1, Some(path.clone()));
    setup.camera = Box::new(PacedCamera::new(config, FRAMES, FRAMES));
    setup.config = config;
    setup.info.rois.clone_from(&rois);
    setup.tracker = CpuTracker::new(SIDE_PX, rois, &Params::default(), None, Some(1)).unwrap().into();
    let hurry = setup.hurry.clone();
    let (session, view) = Session::start(setup).unwrap();
    drop(view);
    let deadline = Instant::now() + Duration::from_secs(60);
    while session.is_running() {
        assert!(Instant::now() < deadline, "{:?}", session.health().ledger);
        std::thread::sleep(Duration::from_millis(1));
    }
    hurry.store(true, Ordering::Relaxed);
    let health = session.stop().health;
    assert_eq!((health.ledger.check(), health.ledger.recorded), (Ok(()), FRAMES), "{:?}", health.ledger);
    assert!(health.not_located > 0 && health.not_located < FRAMES, "{}", health.not_located);
    let notices: Vec<String> = health.notices().into_iter().map(|notice| notice.text).collect();
    assert!(notices[0].starts_with(&format!("{} frames", health.not_located)), "{notices:?}");

    let file = H5File::open(&path).unwrap();
    let dataset = |name: &str| file.dataset(name).unwrap();
    assert_eq!(dataset("beadscope/notices").read_strings().unwrap(), notices);
    let flags: Vec<u32> = dataset("beadscope/rows/flags").read_raw().unwrap();
    let nm: Vec<f64> = dataset("tracking/positions_nm").read_raw().unwrap();
    let located = ((FRAMES - health.not_located) * u64::from(BEADS)) as usize;
    let (before, after) = flags.split_at(located);
    assert!(before.iter().all(|flags| *flags != Flags::NOT_LOCATED.0));
    assert!(after.iter().all(|flags| *flags == Flags::NOT_LOCATED.0));
    assert!(nm[3 * located..].iter().all(|nm| nm.is_nan()));
    drop(file);
    let told = beadscope_ok(&["verify", path.to_str().unwrap()]);
    assert!(told.starts_with("100 frames, 300000 rows: whole"), "{told}");
}
