//! The ledger: where every frame went, from the camera's own frame numbers to the file. It always sums.

use serde::{Deserialize, Serialize};

/// Frames that are gone, by who lost them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lost {
    /// The camera's frame number jumped: it never sent them.
    pub camera: u64,
    /// They came, but a lossless reader held every slot of the ring.
    pub ring_full: u64,
    /// They were tracked, but the recorder held every slot of the track ring.
    pub recorder_late: u64,
    /// They were tracked, but writing had failed (disk full, folder gone, a row that contradicts its recording), or a part of
    /// the journal that a crash left was damaged. Where the file could be closed all the same, with the space held back for
    /// it, its own ledger counts those that came until then, and they are its last gap (none in a file without a frame).
    /// Those that came later are in no file: the session's ledger alone counts them. A file that could not be closed stays a
    /// partial one, with neither ledger nor gaps.
    pub record_failed: u64,
}

/// Where every frame went. `camera` counts exposures by the device's own numbers, the others count what we saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Frames the camera exposed: the sum of last − first device frame number + 1 over the segments.
    pub camera: u64,
    /// Frames that reached us.
    pub received: u64,
    /// Frames that passed through tracking: their beads were located, if any are to be.
    pub tracked: u64,
    /// Frames in the file.
    pub recorded: u64,
    /// Tracked while no recording was asked for.
    pub not_asked: u64,
    /// Frames with a device number that was not above all before: the device repeated itself, or they came late.
    pub out_of_order: u64,
    /// Of those, the late ones: frames that had been counted as lost by the camera and came behind their successors.
    pub late: u64,
    /// Runs of the camera that frames came from: each begins with a start, a change of settings or a reconnection, and
    /// the camera may number its frames anew. What it would have exposed between two of them, nobody knows.
    pub segments: u64,
    /// What is gone.
    pub lost: Lost,
}

impl Ledger {
    /// Frames lost, whoever lost them; those that came after all are not.
    pub fn total_lost(&self) -> u64 {
        let Lost { camera, ring_full, recorder_late, record_failed } = self.lost;
        camera.saturating_sub(self.late) + ring_full + recorder_late + record_failed
    }

    /// Checks that the counts add up once a run is over (while it runs, frames are under way between the counters).
    ///
    /// # Errors
    /// The first equation that does not hold, with its numbers.
    pub fn check(&self) -> Result<(), String> {
        let lost = &self.lost;
        let equal = |what: &str, left: u64, right: u64| {
            if left == right { Ok(()) } else { Err(format!("{what}: {left} is not {right}")) }
        };
        let exposures = self.camera + self.out_of_order;
        equal(
            "camera frames + repeated numbers = received + lost by the camera",
            exposures,
            self.received + lost.camera,
        )?;
        let late = self.late.min(self.out_of_order).min(lost.camera);
        equal("late frames, at most those out of order and those lost by the camera", self.late, late)?;
        equal("received = tracked + ring full", self.received, self.tracked + lost.ring_full)?;
        let accounted = self.recorded + self.not_asked + lost.recorder_late + lost.record_failed;
        equal("tracked = recorded + not asked for + recorder late + record failed", self.tracked, accounted)
    }
}
