//! What was found against what was injected: ledger, gaps, file.

use super::*;

pub(super) fn compare(seed: u64, world: &World, status: &Status) {
    assert_eq!(status.end.get(), Some(&EndReason::SourceEnded), "seed {seed}");
    let ledger = status.ledger();
    assert_eq!(ledger, world.expected, "seed {seed}");
    assert_eq!(ledger.check(), Ok(()), "seed {seed}");
    // A loss that is counted twice, or not, at any hop.
    let lost = ledger.lost;
    for wrong in [
        Lost { camera: lost.camera + 1, ..lost },
        Lost { ring_full: lost.ring_full + 1, ..lost },
        Lost { recorder_late: lost.recorder_late + 1, ..lost },
        Lost { record_failed: lost.record_failed + 1, ..lost },
    ] {
        assert!(Ledger { lost: wrong, ..ledger }.check().is_err(), "seed {seed}");
    }
    let health = status.seen.health();
    assert_eq!((health.clock.jumps, health.clock.backward), (world.jumps, world.backward), "seed {seed}");
    if health.gaps.len() < 16 {
        assert_eq!(
            sum(health.gaps.iter().map(|gap| gap.reason.as_str())),
            loss_of(&ledger, false),
            "seed {seed}"
        );
    }
}

/// Lost by camera, ring, recorder, disk.
fn loss_of(ledger: &Ledger, with_disk: bool) -> [u64; 4] {
    let Lost { camera, ring_full, recorder_late, record_failed } = ledger.lost;
    [camera, ring_full, recorder_late, if with_disk { record_failed } else { 0 }]
}

/// The same in the reasons of gaps.
fn sum<'a>(reasons: impl Iterator<Item = &'a str>) -> [u64; 4] {
    let mut sums = [0; 4];
    for part in reasons.flat_map(|reason| reason.split(' ')) {
        let Some((name, count)) = part.split_once('=') else { continue };
        let names = ["camera", "ring_full", "recorder_late", "record_failed"];
        sums[names.iter().position(|known| *known == name).unwrap()] += count.parse::<u64>().unwrap();
    }
    sums
}

/// The frames in a file.
pub(super) fn frames(file: &H5File) -> Vec<Sent> {
    let column = |name: &str| file.dataset(&format!("beadscope/frames/{name}")).unwrap();
    let [segments, device_frames, flags] =
        ["segment", "device_frame", "flags"].map(|name| column(name).read_raw::<u64>().unwrap());
    let lost: Vec<u32> = column("lost_before").read_raw().unwrap();
    let frame = |(k, lost): (usize, &[u32])| {
        let [camera, ring_full, recorder_late] = [lost[0], lost[1], lost[2]].map(u64::from);
        let lost_before = Gap { camera, ring_full, recorder_late };
        Sent { segment: segments[k], number: device_frames[k], flags: flags[k], lost_before }
    };
    lost.chunks_exact(3).enumerate().map(frame).collect()
}

pub(super) fn compare_file(seed: u64, world: &World, path: &Path) {
    let file = H5File::open(path).unwrap();
    let column = |name: &str| file.dataset(&format!("beadscope/{name}")).unwrap();
    let numbers = |name: &str| column(name).read_raw::<u64>().unwrap();
    let found = frames(&file);
    assert_eq!(found, world.recorded, "seed {seed}");
    let ledger: serde_json::Value =
        serde_json::from_str(&column("ledger_json").read_strings().unwrap().concat()).unwrap();
    let reasons = column("gaps/reason").read_strings().unwrap();
    let in_gaps = sum(reasons.iter().map(String::as_str));
    if !world.disk_is_broken {
        assert_eq!(ledger, serde_json::to_value(world.expected).unwrap(), "seed {seed}");
        assert_eq!(in_gaps, loss_of(&world.expected, true), "seed {seed}");
    } else if !found.is_empty() {
        let lost = ["camera", "ring_full", "recorder_late", "record_failed"];
        assert_eq!(in_gaps, lost.map(|name| ledger["lost"][name].as_u64().unwrap()), "seed {seed}");
    }
    let mut segments = numbers("frames/segment");
    segments.dedup();
    // After a failure there may be one more, whose frames the file does not have.
    let listed = numbers("segments/segment");
    assert!(
        listed == segments || world.disk_is_broken && listed.starts_with(&segments),
        "seed {seed}: {listed:?}"
    );
    let verdict = verify(path, &|_, _| {}).unwrap();
    assert_eq!(verdict.problems, [""; 0], "seed {seed}");
}
