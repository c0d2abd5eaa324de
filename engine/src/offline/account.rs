//! Where the frames between those that were tracked went, as a file must tell it.

use crate::frame::{FrameFlags, FrameHeader};
use crate::ledger::{Ledger, Lost};
use crate::record::tracks_file::{Gap, MAX_GAPS};
use crate::segment::Segment;

/// What headers tell, summed. All zero for images, which say nothing of a camera.
#[derive(Default)]
pub(crate) struct Account {
    ledger: Ledger,
    gaps: Vec<Gap>,
    last: Option<FrameHeader>,
    /// Highest of the camera's numbers in its segment.
    highest: u64,
}

impl Account {
    /// Enters the next frame; the segment that begins with it, if one does that is known.
    pub(crate) fn add(&mut self, frame: &FrameHeader, known: &[Segment]) -> Option<Segment> {
        let begins = self.last.is_none_or(|last| last.segment != frame.segment);
        let segment = known.iter().find(|segment| begins && segment.number == frame.segment).copied();
        let is = |flag| u64::from(frame.flags.contains(flag));
        let Ledger { recorded, out_of_order, late, segments, lost, .. } = &mut self.ledger;
        *recorded += 1;
        *segments += u64::from(begins);
        *late += is(FrameFlags::LATE);
        *out_of_order += is(FrameFlags::LATE) | is(FrameFlags::REPEATED);
        lost.camera += frame.gap.camera;
        lost.ring_full += frame.gap.ring_full;
        lost.recorder_late += frame.gap.recorder_late;
        let is_gap = (begins || frame.gap.total() > 0) && self.gaps.len() < MAX_GAPS;
        if let Some(last) = self.last.filter(|_| is_gap) {
            self.gaps.push(gap_between(&last, self.highest, frame, segment));
        }
        self.highest = if begins { frame.device_frame } else { self.highest.max(frame.device_frame) };
        self.last = Some(*frame);
        segment
    }

    /// Where all went; it sums.
    pub(crate) fn ledger(&self) -> Ledger {
        let Ledger { recorded, out_of_order, late, lost, .. } = self.ledger;
        let Lost { camera, ring_full, recorder_late, .. } = lost;
        let tracked = recorded + recorder_late;
        let received = tracked + ring_full;
        // Late frames may be here and the loss that they were counted as before the first.
        let late = late.min(camera);
        let exposed = (received + camera).saturating_sub(out_of_order);
        Ledger { camera: exposed, received, tracked, late, ..self.ledger }
    }

    pub(crate) fn gaps(&self) -> &[Gap] {
        &self.gaps
    }
}

/// The gap between two frames, the camera's numbers before which go up to `highest`.
fn gap_between(last: &FrameHeader, highest: u64, next: &FrameHeader, begins: Option<Segment>) -> Gap {
    let counts = [
        ("camera", next.gap.camera),
        ("ring_full", next.gap.ring_full),
        ("recorder_late", next.gap.recorder_late),
    ];
    Gap {
        first_device_frame: highest.saturating_add(1),
        // A late or repeated frame does not tell how far the missing ones go; what is missing does.
        last_device_frame: (last.segment == next.segment)
            .then(|| next.device_frame.saturating_sub(1).max(highest.saturating_add(next.gap.total()))),
        after_frame: last.frame,
        segment: next.segment,
        from_ns: last.arrival_ns,
        to_ns: next.arrival_ns,
        reason: Gap::reason_of(begins.map(|segment| segment.cause), &counts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Gap as Before;
    use crate::segment::Cause;

    #[test]
    fn the_ledger_sums_and_gaps_say_who_lost_what() {
        let mut account = Account::default();
        let frame =
            |frame, device_frame, gap| FrameHeader { frame, device_frame, gap, ..FrameHeader::default() };
        let lost = |camera, ring_full, recorder_late| Before { camera, ring_full, recorder_late };
        let (cause, rate_hz, exposure_us) = (Cause::Paused, 100.0, 1.0);
        let known = [0, 1].map(|number| Segment { number, cause, rate_hz, exposure_us });
        assert_eq!(account.add(&frame(3, 10, lost(0, 0, 0)), &known), Some(known[0]));
        assert_eq!(account.add(&frame(6, 20, lost(6, 1, 2)), &known), None);
        let late = FrameHeader { flags: FrameFlags::LATE, ..frame(7, 12, lost(0, 0, 0)) };
        assert_eq!(account.add(&late, &known), None);
        let next = FrameHeader { segment: 1, ..frame(8, 0, lost(0, 0, 0)) };
        assert_eq!(account.add(&next, &known), Some(known[1]));
        let ledger = account.ledger();
        assert_eq!(ledger.check(), Ok(()));
        assert_eq!((ledger.recorded, ledger.total_lost(), ledger.segments, ledger.late), (4, 8, 2, 1));
        let told: Vec<_> = account.gaps().iter().map(|gap| (gap.after_frame, gap.reason.as_str())).collect();
        assert_eq!(told, [(3, "camera=6 ring_full=1 recorder_late=2"), (7, "paused")]);
    }
}
