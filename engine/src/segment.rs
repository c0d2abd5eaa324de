//! Segments: the runs of a camera in a session.

use serde::{Deserialize, Deserializer, Serialize};

/// One run of the camera, from a start to a stop: one configuration, one numbering of frames, one clock.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Counted from 0 in the session.
    pub number: u32,
    /// Why it began.
    pub cause: Cause,
    /// Frames per second that the camera applied, Hz; NaN: not known.
    #[serde(deserialize_with = "number_or_nan")]
    pub rate_hz: f64,
    /// Exposure that the camera applied, µs; NaN: not known.
    #[serde(deserialize_with = "number_or_nan")]
    pub exposure_us: f64,
}

/// JSON has no NaN and no infinity: both are written as null.
fn number_or_nan<'de, D: Deserializer<'de>>(json: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(json)?.unwrap_or(f64::NAN))
}

/// Why a segment began, or what ended the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The session's start.
    Start,
    /// The camera was configured anew.
    Configured,
    /// Acquisition was paused.
    Paused,
    /// The camera was gone.
    Unplugged,
    /// No frame came for long.
    Silent,
    /// A frame was not what was configured.
    BadFrame,
    /// The camera failed in another way.
    Failed,
}

impl Cause {
    const ALL: [Self; 7] = [
        Self::Start,
        Self::Configured,
        Self::Paused,
        Self::Unplugged,
        Self::Silent,
        Self::BadFrame,
        Self::Failed,
    ];

    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }

    /// Its name in files and JSON: one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Configured => "configured",
            Self::Paused => "paused",
            Self::Unplugged => "unplugged",
            Self::Silent => "silent",
            Self::BadFrame => "bad_frame",
            Self::Failed => "failed",
        }
    }
}
