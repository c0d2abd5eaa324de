//! Every promise of the ring holds in whatever order its threads meet, and every ordering of the ring is needed for one.
//!
//! A model is a small program that panics, races or hangs in some order of its threads if the ring is broken. The last
//! test breaks the ring at one site after the other and demands that each model fails for which [`NEEDS`] says so. By
//! hand: `BEADSCOPE_BREAK_RING="fence before waking" cargo test -p beadscope-ring-models a_frame_wakes`.
//!
//! What shall show that memory is visible does not `wait`: loom takes every `unpark` for a synchronisation.

#![allow(clippy::unwrap_used, reason = "a test stops at what should not be")]

use std::process::Command;
use std::time::Duration;

use beadscope_ring_models::BREAK;
use beadscope_ring_models::ring::orderings::{self, Site};
use beadscope_ring_models::ring::{Available, Ends, LosslessReader, SkippingReader, Writer, ring};
use loom::thread;

/// Which model fails when which site is broken.
const NEEDS: &[(&str, &[Site])] = &[
    ("a_frame_is_whole", &[orderings::HEAD_PUBLISH, orderings::PEEK_HEAD]),
    (
        "a_slot_is_reused_after_its_release",
        &[orderings::HEAD_PUBLISH, orderings::PEEK_HEAD, orderings::RELEASE],
    ),
    ("a_reader_that_goes_gives_its_slots_back", &[orderings::DETACH]),
    (
        "the_newest_frame_stays_as_it_is",
        &[orderings::STATE_PUBLISH, orderings::PIN, orderings::UNPIN, orderings::CLAIM],
    ),
    (
        "frames_in_order_are_seen_or_skipped",
        &[
            orderings::HEAD_PUBLISH,
            orderings::NEXT_HEAD,
            orderings::STATE_PUBLISH,
            orderings::PIN,
            orderings::UNPIN,
            orderings::CLAIM,
        ],
    ),
    ("a_reader_in_time_skips_nothing", &[orderings::HEAD_PUBLISH, orderings::NEXT_HEAD]),
    ("all_is_drained_before_the_end", &[orderings::CLOSED_LOAD]),
    ("a_frame_wakes_the_reader", &[orderings::WAKE_FENCE, orderings::WAIT_FENCE]),
    ("the_end_wakes_the_reader", &[orderings::WAKE_FENCE, orderings::WAIT_FENCE]),
];

/// Time does not pass in a model, so this is never reached.
const FOR_EVER: Duration = Duration::from_secs(3600);
/// A few bytes of the one page that a slot has.
const SLOT_BYTES: usize = 8;
/// Runs a program in every order of its threads.
fn check(program: impl Fn() + Send + Sync + 'static) {
    loom::model::Builder::new().check(program);
}

/// As `check`, but threads are interrupted four times at most, besides where they wait: all orders of the longest model
/// would take hours, those with five interruptions half a minute.
fn check_most(program: impl Fn() + Send + Sync + 'static) {
    let mut loom = loom::model::Builder::new();
    loom.preemption_bound = Some(4);
    loom.check(program);
}

fn write(writer: &mut Writer<u64>, value: u64) -> bool {
    let Ok(mut claim) = writer.claim() else { return false };
    claim.bytes().fill(value as u8);
    claim.publish(value);
    true
}

/// Insists that all bytes belong to the header; returns it.
fn whole((header, bytes): (&u64, &[u8])) -> u64 {
    assert!(bytes.iter().all(|byte| u64::from(*byte) == *header), "torn frame {header}: {bytes:?}");
    *header
}

/// What a lossless reader sees next, if anything.
fn take(reader: &mut LosslessReader<u64>) -> Option<u64> {
    let seen = reader.peek(0).map(whole);
    reader.release(usize::from(seen.is_some()));
    seen
}

fn one_lossless(capacity: usize) -> (Writer<u64>, LosslessReader<u64>) {
    let Ends { writer, lossless: [reader], .. } = ring::<u64, 1, 0>(capacity, SLOT_BYTES, ["reader"]);
    (writer, reader)
}

fn one_skipping(capacity: usize) -> (Writer<u64>, SkippingReader<u64>) {
    let Ends { writer, skipping: [reader], .. } = ring::<u64, 0, 1>(capacity, SLOT_BYTES, []);
    (writer, reader)
}

/// The writer is kept until the reader is done, so that nothing but what is looked at brings the two together.
fn join(writing: thread::JoinHandle<Writer<u64>>) -> Writer<u64> {
    writing.join().unwrap()
}

/// Who sees a frame sees its header and bytes.
#[test]
fn a_frame_is_whole() {
    check(|| {
        let (mut writer, mut reader) = one_lossless(2);
        let writing = thread::spawn(move || {
            assert!(write(&mut writer, 1) && write(&mut writer, 2));
            writer
        });
        let mut last = 0;
        for _ in 0..2 {
            if let Some(value) = take(&mut reader) {
                assert_eq!(value, last + 1, "order");
                last = value;
            }
        }
        join(writing);
    });
}

/// A slot is written again only after it was released.
#[test]
fn a_slot_is_reused_after_its_release() {
    check(|| {
        let (mut writer, mut reader) = one_lossless(1);
        assert!(write(&mut writer, 1));
        let reading = thread::spawn(move || {
            assert_eq!(take(&mut reader), Some(1));
            // The one spare slot takes the second frame, and the slot of the first the third.
            while take(&mut reader).is_none() {
                thread::yield_now();
            }
            reader
        });
        let mut value = 2;
        while value <= 3 {
            match write(&mut writer, value) {
                true => value += 1,
                false => thread::yield_now(),
            }
        }
        reading.join().unwrap();
    });
}

/// A reader that goes gives its slots back, after it has looked at them.
#[test]
fn a_reader_that_goes_gives_its_slots_back() {
    check(|| {
        let (mut writer, reader) = one_lossless(1);
        assert!(write(&mut writer, 1));
        let reading = thread::spawn(move || {
            assert_eq!(reader.peek(0).map(whole), Some(1));
            drop(reader);
        });
        for value in 2..=3 {
            // Refused while the reader is there.
            write(&mut writer, value);
        }
        reading.join().unwrap();
    });
}

/// The newest frame is whole, and nobody writes to it while it is pinned.
#[test]
fn the_newest_frame_stays_as_it_is() {
    check(|| {
        let (mut writer, mut reader) = one_skipping(1);
        assert!(write(&mut writer, 1) && write(&mut writer, 2));
        let writing = thread::spawn(move || {
            for value in 3..=5 {
                assert!(write(&mut writer, value), "a skipping reader held the writer back");
            }
            writer
        });
        let mut last = 0;
        for _ in 0..2 {
            if let Some(value) = reader.newest().map(whole) {
                assert!(value > last, "order");
                last = value;
            }
        }
        join(writing);
    });
}

/// Frames in order are whole, and each is seen or counted as skipped.
#[test]
fn frames_in_order_are_seen_or_skipped() {
    check_most(|| {
        let (mut writer, mut reader) = one_skipping(1);
        assert!(write(&mut writer, 1) && write(&mut writer, 2));
        let writing = thread::spawn(move || {
            for value in 3..=5 {
                assert!(write(&mut writer, value), "a skipping reader held the writer back");
            }
            writer
        });
        let (mut last, mut seen) = (0, 0);
        let mut look = |reader: &mut SkippingReader<u64>| {
            let Some(value) = reader.take_next().map(whole) else { return false };
            assert!(value > last, "order");
            last = value;
            seen += 1;
            true
        };
        look(&mut reader);
        look(&mut reader);
        let writer = join(writing);
        while look(&mut reader) {}
        assert_eq!((last, seen + reader.skipped()), (5, 5));
        drop(writer);
    });
}

/// A reader skips nothing that was not overwritten.
#[test]
fn a_reader_in_time_skips_nothing() {
    check(|| {
        let (mut writer, mut reader) = one_skipping(2);
        let writing = thread::spawn(move || {
            assert!(write(&mut writer, 1) && write(&mut writer, 2));
            writer
        });
        for _ in 0..2 {
            reader.take_next().map(whole);
            assert_eq!(reader.skipped(), 0);
        }
        join(writing);
    });
}

/// A lossless reader drains all that came before the end.
#[test]
fn all_is_drained_before_the_end() {
    check(|| {
        let (mut writer, mut reader) = one_lossless(2);
        let writing = thread::spawn(move || {
            write(&mut writer, 1);
        });
        let mut seen = 0;
        loop {
            match reader.available() {
                Available::Closed => break,
                Available::Nothing => thread::yield_now(),
                Available::Slots(slots) => {
                    seen += slots;
                    reader.release(slots);
                }
            }
        }
        assert_eq!(seen, 1);
        writing.join().unwrap();
    });
}

/// A frame wakes the reader that sleeps.
#[test]
fn a_frame_wakes_the_reader() {
    check(|| {
        let (mut writer, mut reader) = one_lossless(2);
        // Loom also wakes who joins by `unpark`, so the reader is the thread that is joined.
        let reading = thread::spawn(move || assert_eq!(reader.wait(FOR_EVER), Available::Slots(1)));
        write(&mut writer, 1);
        reading.join().unwrap();
    });
}

/// The end wakes the reader that sleeps.
#[test]
fn the_end_wakes_the_reader() {
    check(|| {
        let (writer, mut reader) = one_lossless(2);
        let reading = thread::spawn(move || assert_eq!(reader.wait(FOR_EVER), Available::Closed));
        drop(writer);
        reading.join().unwrap();
    });
}

/// A broken ring may panic while it is dropped in a panic, which aborts: hence a process for each.
fn fails(model: &str, broken: &str) -> bool {
    let mut program = Command::new(std::env::current_exe().unwrap());
    let output = program.args([model, "--exact"]).env(BREAK, broken).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("running 1 test"), "there is no model {model}");
    !output.status.success()
}

#[test]
fn every_model_fails_on_each_ordering_that_it_needs_and_every_ordering_is_needed() {
    if std::env::var_os(BREAK).is_some() {
        return; // a model runs by hand
    }
    for (model, sites) in NEEDS {
        assert!(!sites.is_empty(), "{model} proves nothing");
        for site in *sites {
            assert!(fails(model, site.name), "{model} holds without: {}", site.name);
        }
    }
    for site in orderings::ALL {
        assert!(NEEDS.iter().any(|(_, sites)| sites.contains(site)), "no model needs: {}", site.name);
    }
}
