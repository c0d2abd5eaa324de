//! Every frame of the camera is in the file, or counted as lost by whoever lost it.

mod common;

use beadscope_engine::session::Session;
use beadscope_engine::status::EndReason;
use common::{Step, setup};

/// A small linear congruential generator (Knuth, MMIX), so that a failing seed can be run again.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Device numbers with losses in between, and how many were lost.
fn script(seed: u64, frames: u64) -> (Vec<Step>, u64) {
    let mut random = Seeded(seed);
    let (mut number, mut lost) = (random.below(1000), 0);
    let mut steps = Vec::new();
    for frame in 0..frames {
        if frame > 0 {
            let gap = if random.below(10) == 0 { 1 + random.below(50) } else { 0 };
            lost += gap;
            number += 1 + gap;
        }
        steps.push(Step::Frame(number));
    }
    (steps, lost)
}

#[test]
fn injected_camera_losses_are_found_exactly() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..50 {
        let (steps, lost) = script(seed, 200);
        let path = folder.path().join(format!("{seed}.h5"));
        let (session, view) = Session::start(setup(steps, 1, Some(path.clone()))).unwrap();
        while session.is_running() {
            std::thread::yield_now();
        }
        let outcome = session.stop();
        drop(view);
        let ledger = outcome.health.ledger;
        assert_eq!(outcome.reason, EndReason::SourceEnded);
        assert_eq!(ledger.check(), Ok(()), "seed {seed}: {ledger:?}");
        assert_eq!((ledger.received, ledger.lost.camera), (200, lost), "seed {seed}");
        assert_eq!(ledger.recorded, 200, "seed {seed}: {ledger:?}");
        assert!(path.is_file());
    }
}

#[test]
fn a_tracker_that_cannot_keep_up_loses_frames_by_name_and_still_sums() {
    // Far more bead images than two rings hold, delivered as fast as memory allows.
    let steps: Vec<Step> = (0..20_000).map(Step::Frame).collect();
    let (session, _view) = Session::start(setup(steps, 40, None)).unwrap();
    while session.is_running() {
        std::thread::yield_now();
    }
    let ledger = session.stop().health.ledger;
    assert_eq!(ledger.check(), Ok(()), "{ledger:?}");
    assert!(ledger.lost.ring_full > 0, "this camera must outrun the tracker: {ledger:?}");
    assert_eq!(ledger.not_asked, ledger.tracked, "nothing was recorded");
}

#[test]
fn repeated_device_numbers_are_counted_and_lose_nothing() {
    let steps = [5, 6, 6, 7, 3, 8].map(Step::Frame).to_vec();
    let (session, _view) = Session::start(setup(steps, 1, None)).unwrap();
    while session.is_running() {
        std::thread::yield_now();
    }
    let ledger = session.stop().health.ledger;
    assert_eq!((ledger.received, ledger.out_of_order, ledger.camera), (6, 2, 4));
    assert_eq!(ledger.check(), Ok(()));
}
