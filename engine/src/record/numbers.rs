//! What the headers tell, kept over the whole session: a recording may begin anywhere in it, also on a frame whose number
//! was there before.

use super::losses::Loss;
use crate::frame::{Counted, FrameFlags, FrameHeader, Gap};
use crate::segment::Segment;
use crate::status::Status;

/// What stood in the headers so far.
#[derive(Default)]
pub(super) struct Seen {
    gap: Gap,
    /// Highest device number in the segment.
    highest: u64,
    last: Option<FrameHeader>,
    /// The segment of the last frame.
    pub(super) segment: Option<Segment>,
}

/// From the frames before to this one.
pub(super) struct Step {
    /// What the camera has counted since, this frame included.
    pub(super) counted: Counted,
    /// What is missing before it.
    pub(super) loss: Option<Loss>,
}

/// What was lost behind the last frame that came through.
pub(super) struct Rest {
    /// The last segment that a frame came from.
    pub(super) segment: u32,
    pub(super) counted: Counted,
    pub(super) gap: Gap,
    pub(super) loss: Option<Loss>,
}

impl Seen {
    /// Enters a frame.
    pub(super) fn count(&mut self, frame: &FrameHeader, status: &Status) -> Step {
        let is_same = self.last.is_some_and(|last| last.segment == frame.segment);
        if !is_same {
            self.segment = status.seen.meet_segment(frame.segment);
        }
        let before = self.last.map_or(Counted::default(), |last| last.counted);
        let counted = frame.counted.since(&before);
        let is_in_order = is_in_order(frame);
        let loss = self.last.filter(|_| !is_same || frame.gap.total() > 0).map(|last| Loss {
            first_device_frame: self.highest.saturating_add(1),
            // By the counts: the frame itself may be a repeated one.
            last_device_frame: is_same.then(|| {
                (self.highest.saturating_add(counted.exposed)).saturating_sub(u64::from(is_in_order))
            }),
            after_frame: last.frame,
            segment: frame.segment,
            between_ns: [last.arrival_ns, frame.arrival_ns],
            cause: self.segment.filter(|_| !is_same).map(|segment| segment.cause),
            lost: frame.gap,
            record_failed: 0,
        });
        self.gap += frame.gap;
        self.highest = if is_same { self.highest.max(frame.device_frame) } else { frame.device_frame };
        self.last = Some(*frame);
        Step { counted, loss: loss.filter(Loss::is_any) }
    }

    /// What the counters have beyond the headers, once nothing more comes.
    pub(super) fn rest(&self, status: &Status) -> Rest {
        let ledger = status.ledger();
        let gap = Gap {
            camera: ledger.lost.camera.saturating_sub(self.gap.camera),
            ring_full: ledger.lost.ring_full.saturating_sub(self.gap.ring_full),
            recorder_late: ledger.lost.recorder_late.saturating_sub(self.gap.recorder_late),
        };
        let all = Counted { exposed: ledger.camera, out_of_order: ledger.out_of_order, late: ledger.late };
        let counted = all.since(&self.last.map_or(Counted::default(), |last| last.counted));
        // Segments are numbered from 0, and each that is counted has had a frame.
        let segment = u32::try_from(ledger.segments.saturating_sub(1)).unwrap_or(u32::MAX);
        let loss = self.last.map(|last| Loss {
            first_device_frame: self.highest.saturating_add(1),
            last_device_frame: (segment == last.segment)
                .then(|| self.highest.saturating_add(counted.exposed)),
            after_frame: last.frame,
            segment,
            between_ns: [last.arrival_ns, status.last_arrival_ns.get()],
            cause: None,
            lost: gap,
            record_failed: 0,
        });
        Rest { segment, counted, gap, loss: loss.filter(Loss::is_any) }
    }
}

impl Step {
    /// What counts of a recording's first frame: what came before it is not the recording's.
    pub(super) fn first(frame: &FrameHeader) -> Counted {
        let exposed = u64::from(is_in_order(frame));
        Counted { exposed, out_of_order: 1 - exposed, late: 0 }
    }
}

/// Its number is above all before it.
fn is_in_order(frame: &FrameHeader) -> bool {
    !frame.flags.contains(FrameFlags::REPEATED) && !frame.flags.contains(FrameFlags::LATE)
}
