//! What breaks ends the run, says why, and leaves what was recorded whole.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where this is how a test fails")]

mod common;

use beadscope_engine::session::Session;
use beadscope_engine::status::EndReason;
use common::{Step, setup};

fn run(last: Step) -> (EndReason, u64, bool) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tracks.h5");
    let mut steps: Vec<Step> = (0..20).map(Step::Frame).collect();
    steps.push(last);
    let (session, _view) = Session::start(setup(steps, 1, Some(path.clone()))).unwrap();
    while session.is_running() {
        std::thread::yield_now();
    }
    let outcome = session.stop();
    (outcome.reason, outcome.health.ledger.recorded, path.is_file())
}

#[test]
fn a_panic_in_the_camera_driver() {
    let (reason, recorded, whole) = run(Step::Panic);
    assert_eq!(reason, EndReason::Panic("beadscope-camera: a bug in the driver".to_owned()));
    assert_eq!((recorded, whole), (20, true), "frames before the panic are in a finished file");
}

#[test]
fn a_pulled_cable() {
    let (reason, recorded, whole) = run(Step::Unplug);
    assert_eq!(reason, EndReason::Camera("camera unplugged: the cable was pulled".to_owned()));
    assert_eq!((recorded, whole), (20, true));
}
