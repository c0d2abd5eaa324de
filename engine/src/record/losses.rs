//! The gaps of a recording: the frames that its file lacks, in order, and who lost them.

use super::tracks_file::{self, LastFrame, MAX_GAPS};
use crate::frame::Gap;
use crate::segment::Cause;

/// Frames that are missing in one go, or that nobody could count because the camera stood still.
#[derive(Clone, Copy)]
pub(super) struct Loss {
    /// First missing frame, the camera's number.
    pub(super) first_device_frame: u64,
    /// Last missing frame, the camera's number; `None` if the camera has numbered anew since.
    pub(super) last_device_frame: Option<u64>,
    /// Session number of the last frame before them.
    pub(super) after_frame: u64,
    /// Segment of the frame after them.
    pub(super) segment: u32,
    /// Arrival of the frames before and after them, ns on the session's clock.
    pub(super) between_ns: [u64; 2],
    /// Why that segment began, if it is another than the one before.
    pub(super) cause: Option<Cause>,
    /// Those that never reached the recorder.
    pub(super) lost: Gap,
    /// Those that the file did not take.
    pub(super) record_failed: u64,
}

/// All of them, up to [`MAX_GAPS`].
#[derive(Default)]
pub(super) struct Losses(Vec<Loss>);

/// The end of a recording whose file has failed.
pub(super) struct Failure {
    /// Frames that it did not take.
    pub(super) frames: u64,
    /// Highest of the camera's numbers among them, and their segment.
    pub(super) highest_device_frame: u64,
    pub(super) segment: u32,
    /// Arrival of the last of them, ns.
    pub(super) last_ns: u64,
}

impl Losses {
    /// Enters a loss behind those before it.
    pub(super) fn note(&mut self, loss: Loss) {
        if loss.is_any() && self.0.len() < MAX_GAPS {
            self.0.push(loss);
        }
    }

    /// The file has failed behind `last`: the frames after it are missing, and with what was lost between them and behind
    /// them this is one gap. A file without a frame has no gaps, since there is none that they could follow.
    pub(super) fn fail(&mut self, last: Option<LastFrame>, failure: &Failure) {
        let Some(last) = last else {
            self.0.clear();
            return;
        };
        let is_same = last.segment == failure.segment;
        let mut end = Loss {
            first_device_frame: last.highest_device_frame.saturating_add(1),
            last_device_frame: is_same.then_some(failure.highest_device_frame),
            after_frame: last.frame,
            segment: failure.segment,
            between_ns: [last.arrival_ns, failure.last_ns],
            cause: None,
            lost: Gap::default(),
            record_failed: failure.frames,
        };
        let kept = self.0.partition_point(|loss| loss.after_frame < last.frame);
        for loss in self.0.drain(kept..) {
            end.lost += loss.lost;
            end.last_device_frame =
                end.last_device_frame.zip(loss.last_device_frame).map(|(end, loss)| end.max(loss));
            end.between_ns[1] = end.between_ns[1].max(loss.between_ns[1]);
        }
        self.note(end);
    }

    /// As the file lists them, from the `first` on.
    pub(super) fn to_gaps(&self, first: usize) -> Vec<tracks_file::Gap> {
        self.0.iter().skip(first).map(|loss| loss.to_gap()).collect()
    }
}

impl Loss {
    /// Whether anything is missing.
    pub(super) fn is_any(&self) -> bool {
        self.cause.is_some() || self.lost.total() + self.record_failed > 0
    }

    pub(super) fn to_gap(self) -> tracks_file::Gap {
        let Gap { camera, ring_full, recorder_late } = self.lost;
        let counts = [
            ("record_failed", self.record_failed),
            ("camera", camera),
            ("ring_full", ring_full),
            ("recorder_late", recorder_late),
        ];
        tracks_file::Gap {
            first_device_frame: self.first_device_frame,
            last_device_frame: self.last_device_frame,
            after_frame: self.after_frame,
            segment: self.segment,
            from_ns: self.between_ns[0],
            to_ns: self.between_ns[1],
            reason: tracks_file::Gap::reason_of(self.cause, &counts),
        }
    }
}
