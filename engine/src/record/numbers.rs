//! What the device's frame numbers and the gaps in the headers tell, kept over the whole session: a recording may begin
//! anywhere in it, also on a frame whose number was there before.

use crate::frame::{FrameHeader, Gap};
use crate::status::Status;

/// What stood in the headers so far.
#[derive(Default)]
pub(super) struct Seen {
    gap: Gap,
    repeats: u64,
    highest: Option<u64>,
}

/// From the frames before to this one.
pub(super) struct Step {
    /// Highest device number before it.
    pub(super) after: u64,
    /// By how much that number has risen: frames exposed.
    pub(super) exposed: u64,
    /// Frames whose number was not above all before: this one, or one lost before it.
    pub(super) repeats: u64,
}

/// What was lost behind the last frame that came through.
pub(super) struct Rest {
    pub(super) gap: Gap,
    pub(super) repeats: u64,
}

impl Seen {
    /// Enters a frame.
    pub(super) fn count(&mut self, frame: &FrameHeader) -> Step {
        let number = frame.device_frame;
        let come = frame.gap.total() + 1;
        let (after, exposed) = match self.highest {
            Some(highest) => (highest, number.saturating_sub(highest)),
            None => (number.saturating_sub(come), come),
        };
        let repeats = come.saturating_sub(exposed);
        self.gap += frame.gap;
        self.repeats += repeats;
        self.highest = Some(number.max(after));
        Step { after, exposed, repeats }
    }

    /// Highest device number so far.
    pub(super) fn highest(&self) -> u64 {
        self.highest.unwrap_or(0)
    }

    /// What the counters have beyond the headers, once nothing more comes.
    pub(super) fn rest(&self, status: &Status) -> Rest {
        let gap = Gap {
            camera: status.lost_camera.get().saturating_sub(self.gap.camera),
            ring_full: status.lost_ring_full.get().saturating_sub(self.gap.ring_full),
            recorder_late: status.lost_recorder_late.get().saturating_sub(self.gap.recorder_late),
        };
        let repeats = status.out_of_order.get().saturating_sub(self.repeats).min(gap.total());
        Rest { gap, repeats }
    }
}

impl Step {
    /// The step of a recording's first frame: what came before it is not the recording's.
    pub(super) fn first(&self) -> Self {
        let exposed = self.exposed.min(1);
        Self { after: self.after, exposed, repeats: 1 - exposed }
    }
}
