//! What starts a frame, and how well its time is known.

use super::in_range;
use crate::camera::CameraError;

/// What starts a frame, and how well its time is known: the `[camera.settings.timing]` table. All are 0 by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    /// Frequency of an external trigger that starts every frame, in Hz; 0.1 to 10 000, or 0: the camera runs free at the rate that it
    /// is set to. With a trigger it does not go faster, whatever it is set to.
    pub trigger_hz: f64,
    /// How much the start of a frame strays (standard deviation), in µs; 0 to 10 000. It strays by a quarter of the time between two
    /// frames at most.
    pub trigger_jitter_us: f64,
    /// How much the camera's own time of a frame strays from the truth (standard deviation), in µs; 0 to 10 000.
    pub timestamp_jitter_us: f64,
}

impl Timing {
    pub(super) fn check(&self) -> Result<(), CameraError> {
        if self.trigger_hz != 0.0 {
            in_range("timing.trigger_hz", self.trigger_hz, 0.1, 10_000.0)?;
        }
        in_range("timing.trigger_jitter_us", self.trigger_jitter_us, 0.0, 10_000.0)?;
        in_range("timing.timestamp_jitter_us", self.timestamp_jitter_us, 0.0, 10_000.0)
    }

    /// The rate that comes of the one asked for, Hz.
    pub(crate) fn rate_hz(&self, asked_hz: f64) -> f64 {
        if self.trigger_hz > 0.0 { asked_hz.min(self.trigger_hz) } else { asked_hz }
    }
}
