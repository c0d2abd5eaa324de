//! The force of the magnets on a bead against their height, as it was calibrated for one kind of bead; forces gone to and ramped.
//!
//! There is no default: a rig that says nothing of its magnets has no force, only a height. A simulated microscope brings its own.

mod curve;
mod force;
mod model;
mod ramp;

pub use force::{ForceError, ForceState};
pub(crate) use force::{Forces, RampParts};
pub use model::{Force, MagnetError, MagnetModel, MagnetsSection};
pub use ramp::RampState;

/// The axis that carries the magnets.
pub const MAGNET_HEIGHT: &str = "magnet_height";
