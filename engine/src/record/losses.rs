//! The gaps of a recording: the frames that its file lacks, in order, and who lost them.

use super::tracks_file::{self, LastFrame, MAX_GAPS};
use crate::frame::Gap;

/// Frames that are missing in one go.
pub(super) struct Loss {
    /// First missing frame, the camera's number.
    pub(super) first_device_frame: u64,
    /// Last missing frame, the camera's number.
    pub(super) last_device_frame: u64,
    /// Session number of the last frame before them.
    pub(super) after_frame: u64,
    /// Those that never reached the recorder.
    pub(super) lost: Gap,
    /// Those that the file did not take.
    pub(super) record_failed: u64,
}

/// All of them, up to [`MAX_GAPS`].
#[derive(Default)]
pub(super) struct Losses(Vec<Loss>);

impl Losses {
    /// Enters a loss behind those before it.
    pub(super) fn note(&mut self, loss: Loss) {
        if loss.lost.total() + loss.record_failed > 0 && self.0.len() < MAX_GAPS {
            self.0.push(loss);
        }
    }

    /// The file has failed behind `last`: the `failed` frames after it are missing, up to the camera's number
    /// `highest_device_frame`, and with what was lost between them and behind them this is one gap. A file without a
    /// frame has no gaps, since there is none that they could follow.
    pub(super) fn fail(&mut self, last: Option<LastFrame>, highest_device_frame: u64, failed: u64) {
        let Some(last) = last else {
            self.0.clear();
            return;
        };
        let mut end = Loss {
            first_device_frame: last.highest_device_frame + 1,
            last_device_frame: highest_device_frame,
            after_frame: last.frame,
            lost: Gap::default(),
            record_failed: failed,
        };
        let kept = self.0.partition_point(|loss| loss.after_frame < last.frame);
        for loss in self.0.drain(kept..) {
            end.lost += loss.lost;
            end.last_device_frame = end.last_device_frame.max(loss.last_device_frame);
        }
        self.note(end);
    }

    /// As the file lists them.
    pub(super) fn to_gaps(&self) -> Vec<tracks_file::Gap> {
        self.0.iter().map(Loss::to_gap).collect()
    }
}

impl Loss {
    fn to_gap(&self) -> tracks_file::Gap {
        let Gap { camera, ring_full, recorder_late } = self.lost;
        let reasons = [
            ("record_failed", self.record_failed),
            ("camera", camera),
            ("ring_full", ring_full),
            ("recorder_late", recorder_late),
        ];
        let named: Vec<String> = reasons
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{name}={count}"))
            .collect();
        tracks_file::Gap {
            first_device_frame: self.first_device_frame,
            last_device_frame: self.last_device_frame,
            after_frame: self.after_frame,
            reason: named.join(" "),
        }
    }
}
