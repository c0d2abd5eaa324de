//! What the camera's frame numbers tell.

use crate::frame::{Counted, FrameFlags};

/// The frame numbers of one segment, and the counts of the session.
#[derive(Default)]
pub(super) struct DeviceFrames {
    first: Option<u64>,
    highest: u64,
    /// Bit k: number `highest - k` has come. Tells a late frame from one that was sent twice.
    came: u64,
    counted: Counted,
}

/// What a frame's number tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbered {
    /// Frames that the camera exposed since the highest number and has not sent.
    pub(super) lost: u64,
    /// [`FrameFlags::REPEATED`], [`FrameFlags::LATE`] or none, for a number above all before.
    pub(super) flags: FrameFlags,
    /// The session's counts, with this frame.
    pub(super) counted: Counted,
}

impl DeviceFrames {
    /// The camera numbers its frames anew from here on.
    pub(super) fn begin_segment(&mut self) {
        *self = Self { counted: self.counted, ..Self::default() };
    }

    /// Whether a frame of this segment has come.
    pub(super) fn has_begun(&self) -> bool {
        self.first.is_some()
    }

    /// Enters a frame.
    pub(super) fn count(&mut self, number: u64) -> Numbered {
        let Some(first) = self.first else {
            self.first = Some(number);
            (self.highest, self.came) = (number, 1);
            self.counted.exposed += 1;
            return Numbered { lost: 0, flags: FrameFlags::NONE, counted: self.counted };
        };
        if number > self.highest {
            let rise = number - self.highest;
            self.came =
                u32::try_from(rise).ok().and_then(|rise| self.came.checked_shl(rise)).unwrap_or(0) | 1;
            self.highest = number;
            self.counted.exposed = self.counted.exposed.saturating_add(rise);
            return Numbered { lost: rise - 1, flags: FrameFlags::NONE, counted: self.counted };
        }
        self.counted.out_of_order += 1;
        let bit =
            u32::try_from(self.highest - number).ok().and_then(|back| 1_u64.checked_shl(back)).unwrap_or(0);
        let is_late = number > first && bit != 0 && self.came & bit == 0;
        self.came |= bit;
        self.counted.late += u64::from(is_late);
        let flags = if is_late { FrameFlags::LATE } else { FrameFlags::REPEATED };
        Numbered { lost: 0, flags, counted: self.counted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(numbers: &[u64]) -> (Vec<u64>, Counted) {
        let mut frames = DeviceFrames::default();
        let told: Vec<_> = numbers.iter().map(|number| frames.count(*number)).collect();
        (told.iter().map(|told| told.flags.0).collect(), told.last().unwrap().counted)
    }

    #[test]
    fn a_late_frame_is_told_from_one_that_was_sent_twice() {
        let (told, counted) = flags(&[5, 7, 6, 6, 7, 200, 137, 136, 137, 4, u64::MAX]);
        let (once, repeated, late) = (0, FrameFlags::REPEATED.0, FrameFlags::LATE.0);
        // 136 is too far back to know; 4 is before the first.
        assert_eq!(
            told,
            [once, once, late, repeated, repeated, once, late, repeated, repeated, repeated, once]
        );
        assert_eq!(counted, Counted { exposed: u64::MAX - 4, out_of_order: 7, late: 2 });
    }

    #[test]
    fn a_segment_counts_on_from_the_one_before() {
        let mut frames = DeviceFrames::default();
        for number in [10, 12] {
            frames.count(number);
        }
        frames.begin_segment();
        assert!(!frames.has_begun());
        let told = frames.count(3);
        assert_eq!((told.lost, told.flags, told.counted.exposed), (0, FrameFlags::NONE, 4));
    }
}
