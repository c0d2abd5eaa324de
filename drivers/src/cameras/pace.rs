//! When frame n of a camera without a clock of its own is due.

use std::time::{Duration, Instant};

use crate::camera::CameraError;

/// A frame clock that starts with the camera.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    started: Instant,
    rate_hz: f64,
}

impl Pace {
    /// Starts the clock. `rate_hz` is finite and above zero: `configure` has checked it.
    pub(super) fn start(rate_hz: f64) -> Self {
        Self { started: Instant::now(), rate_hz }
    }

    /// Time from the start to the beginning of frame `frame`, from the rate and not from sums, so that it never drifts.
    pub(super) fn frame_time(&self, frame: u64) -> Duration {
        // u64 to f64 loses whole frames above 2^53, at 10 kHz after 28 000 years.
        Duration::try_from_secs_f64(frame as f64 / self.rate_hz).unwrap_or(Duration::MAX)
    }

    /// Number of frames that have begun by `elapsed` after the start.
    pub(super) fn frames_by(&self, elapsed: Duration) -> u64 {
        // A float-to-integer cast saturates, which is what a clock far in the future should do.
        (elapsed.as_secs_f64() * self.rate_hz) as u64
    }

    /// Time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Sleeps until `due` after the start, but no longer than `timeout`. Returns at once if `due` has passed.
    pub(super) fn wait_until(&self, due: Duration, timeout: Duration) -> Result<(), CameraError> {
        let remaining = due.saturating_sub(self.elapsed());
        if remaining > timeout {
            std::thread::sleep(timeout);
            return Err(CameraError::Timeout(timeout));
        }
        std::thread::sleep(remaining);
        Ok(())
    }
}
