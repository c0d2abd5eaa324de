//! What went wrong with an axis, sorted by what the reader does next.

use std::time::Duration;

use super::AxisUnit;

/// What went wrong with an axis or its controller.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AxisError {
    /// It does not go there.
    #[error("{axis} goes from {} to {} {}, not to {asked}", .limits[0], .limits[1], .unit.symbol())]
    OutOfRange {
        /// Its name.
        axis: String,
        /// Where it was sent.
        asked: f64,
        /// Where it goes.
        limits: [f64; 2],
        /// In what.
        unit: AxisUnit,
    },
    /// It has no such ability.
    #[error("{axis} cannot {what}")]
    Unsupported {
        /// Its name.
        axis: String,
        /// What was asked.
        what: &'static str,
    },
    /// The table in the rig does not fit this driver. Mend rig.toml.
    #[error("motor settings: {0}")]
    Settings(String),
    /// The port cannot be opened.
    #[error("{port} cannot be opened: {reason}; {advice}")]
    NoPort {
        /// Which.
        port: String,
        /// Why.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
    /// Nothing came back in time. Look at its cable and power.
    #[error("{device} did not answer {asked:?} within {} ms; look at cable, power, address and baud rate", .waited.as_millis())]
    Silent {
        /// Driver and port.
        device: String,
        /// What was sent.
        asked: String,
        /// For how long it was waited.
        waited: Duration,
    },
    /// The port is gone: unplugged, or its program has ended.
    #[error("{device} is gone: {reason}; plug it in again")]
    Gone {
        /// Driver and port.
        device: String,
        /// What the system says.
        reason: String,
    },
    /// What came is no answer. Another device, another baud rate, a bad cable.
    #[error("{device} answered {asked:?} with {got:?}; is it this kind of controller, at this baud rate?")]
    Garbled {
        /// Driver and port.
        device: String,
        /// What was sent.
        asked: String,
        /// What came.
        got: String,
    },
    /// An earlier request was not answered as it should be, so an answer may belong to it. Reconnect it.
    #[error("{device} is out of step since {since}; it is connected again by itself")]
    OutOfStep {
        /// Driver and port.
        device: String,
        /// The fault before.
        since: String,
    },
    /// The device says no.
    #[error("{device} refused {asked:?}: {meaning} ({code})")]
    Refused {
        /// Driver and port.
        device: String,
        /// What was sent.
        asked: String,
        /// What the device said.
        code: String,
        /// What its manual says about it.
        meaning: String,
    },
}

impl AxisError {
    /// The link to the device is broken: it has to be [connected again](super::Controller::reconnect), and where its axes are is unknown
    /// until then.
    pub fn is_fault(&self) -> bool {
        match self {
            Self::NoPort { .. }
            | Self::Silent { .. }
            | Self::Gone { .. }
            | Self::Garbled { .. }
            | Self::OutOfStep { .. } => true,
            Self::OutOfRange { .. } | Self::Unsupported { .. } | Self::Settings(_) | Self::Refused { .. } => {
                false
            }
        }
    }
}
