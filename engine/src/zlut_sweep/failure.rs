//! Why a sweep that had begun was not finished.

use serde::{Serialize, Serializer};

use crate::hardware::HardwareError;

/// Why a sweep that had begun was not finished. The focus goes back to where it was, but where it is said.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SweepFailure {
    /// The order to move was refused.
    #[error("the focus refused: {0}")]
    Hardware(#[from] HardwareError),
    /// It was sent, and does not tell where it is.
    #[error("the focus does not answer: {0}; look at its cable and power")]
    Silent(String),
    /// It was sent, and comes no nearer.
    #[error(
        "the focus was sent to {asked_nm:.1} nm and stays at {at_nm:.1} nm; look at the motor, or take steps that it can do"
    )]
    Stalled {
        /// Where it was sent, nm.
        asked_nm: f64,
        /// Where it is, nm.
        at_nm: f64,
    },
    /// A person or a script has sent the focus elsewhere, or stopped it. It stays there.
    #[error("the focus was moved or stopped by another command meanwhile; it stays where that has left it")]
    Interfered,
    /// It moved while images were taken.
    #[error("the focus went by {0:.1} nm while images were taken; let it rest for longer with settle_ms")]
    Restless(f64),
    /// No frame came that counts.
    #[error(
        "no frame came for {0:.0} s; look at the camera, or let frames come with the command acquire on=true"
    )]
    NoFrames(f64),
    /// The session came to its end.
    #[error("the session has ended")]
    SessionEnded,
}

impl Serialize for SweepFailure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
