//! The ring's promises, one test each.

use std::thread;
use std::time::Duration;

use super::*;

fn write(writer: &mut Writer<u64>, value: u64) -> Result<(), Full> {
    let mut claim = writer.claim()?;
    claim.bytes().fill(value as u8);
    claim.publish(value);
    Ok(())
}

#[test]
fn a_full_ring_refuses_the_new_frame_and_names_the_slowest_reader() {
    let Ends { mut writer, mut lossless, .. } = ring::<u64, _, 0>(3, 16, ["tracking", "video"]);
    for value in 0..3 {
        write(&mut writer, value).unwrap();
    }
    lossless[0].release(3);
    assert_eq!(write(&mut writer, 3), Err(Full { slowest: "video" }));
    assert_eq!(lossless[1].peek(0), Some((&0, &[0; 16][..])), "the oldest frame is untouched");
    lossless[1].release(1);
    write(&mut writer, 3).unwrap();
    assert_eq!(lossless[1].available(), Available::Slots(3));
    assert_eq!(lossless[0].peek(0), Some((&3, &[3; 16][..])));
}

#[test]
fn a_pinned_slot_is_not_overwritten_and_does_not_stop_the_writer() {
    let Ends { mut writer, mut lossless, mut skipping, .. } = ring::<u64, _, 1>(2, 8, ["tracking"]);
    write(&mut writer, 7).unwrap();
    let (header, bytes) = skipping[0].newest().unwrap();
    for value in 0..50 {
        write(&mut writer, value).unwrap();
        lossless[0].release(2);
    }
    assert_eq!((*header, bytes), (7, &[7; 8][..]));
    assert_eq!(skipping[0].newest().map(|(header, _)| *header), Some(49));
    assert_eq!(skipping[0].skipped(), 49);
}

#[test]
fn a_skipping_reader_in_order_counts_what_it_missed() {
    let Ends { mut writer, mut skipping, .. } = ring::<u64, _, 1>(4, 8, []);
    let n_slots = 4 + 1 + 1;
    for value in 0..20 {
        write(&mut writer, value).unwrap();
    }
    let mut seen = Vec::new();
    while let Some((header, bytes)) = skipping[0].take_next() {
        assert_eq!(u64::from(bytes[0]), *header);
        seen.push(*header);
    }
    assert_eq!(seen, (20 - n_slots..20).collect::<Vec<_>>());
    assert_eq!(skipping[0].skipped(), 20 - n_slots);
}

#[test]
fn readers_drain_what_was_published_before_the_writer_went() {
    let Ends { mut writer, mut lossless, .. } = ring::<u64, _, 0>(4, 8, ["tracking"]);
    write(&mut writer, 1).unwrap();
    drop(writer);
    assert_eq!(lossless[0].wait(Duration::ZERO), Available::Slots(1));
    lossless[0].release(1);
    assert_eq!(lossless[0].wait(Duration::ZERO), Available::Closed);
}

#[test]
fn a_reader_that_is_gone_holds_nothing_back() {
    let Ends { mut writer, lossless, .. } = ring::<u64, _, 0>(2, 8, ["tracking"]);
    drop(lossless);
    for value in 0..10 {
        write(&mut writer, value).unwrap();
    }
}

#[test]
fn an_unpublished_claim_is_given_back() {
    let Ends { mut writer, mut lossless, .. } = ring::<u64, _, 0>(2, 8, ["tracking"]);
    for _ in 0..10 {
        drop(writer.claim().unwrap());
    }
    assert_eq!(lossless[0].wait(Duration::ZERO), Available::Nothing);
    write(&mut writer, 1).unwrap();
    assert_eq!(lossless[0].available(), Available::Slots(1));
}

/// Every frame carries its number in all bytes; a torn or reused slot shows at once.
#[test]
fn threads_see_whole_frames_in_order_and_account_for_all() {
    let frames: u64 = if cfg!(miri) { 60 } else { 200_000 };
    let Ends { mut writer, lossless, skipping } = ring::<u64, _, 2>(8, 64, ["a", "b"]);
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = lossless.into_iter().map(|reader| scope.spawn(move || count(reader))).collect();
        for mut reader in skipping {
            let ended = &ended;
            scope.spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    if let Some((header, bytes)) = reader.newest() {
                        assert!(bytes.iter().all(|byte| *byte == *header as u8), "torn frame");
                    } else {
                        thread::yield_now();
                    }
                }
            });
        }
        let mut dropped = 0;
        for value in 0..frames {
            dropped += u64::from(write(&mut writer, value).is_err());
        }
        ended.store(true, Ordering::Relaxed);
        drop(writer);
        for reader in readers {
            assert_eq!(reader.join().unwrap() + dropped, frames);
        }
    });
}

fn count(mut reader: LosslessReader<u64>) -> u64 {
    let (mut seen, mut last) = (0, None);
    loop {
        match reader.wait(Duration::from_millis(100)) {
            Available::Closed => return seen,
            Available::Nothing => {}
            Available::Slots(slots) => {
                for place in 0..slots {
                    let (header, bytes) = reader.peek(place).unwrap();
                    assert!(bytes.iter().all(|byte| *byte == *header as u8), "torn frame");
                    assert!(last < Some(*header), "order");
                    last = Some(*header);
                }
                seen += slots as u64;
                reader.release(slots);
            }
        }
    }
}
