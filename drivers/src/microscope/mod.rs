//! The simulated microscope: molecules, beads, magnets, optics and a sensor, with the truth beside what they show.
//!
//! Data flow in one direction: `stage` moves magnets and focus; `magnets` turns their height into a force; `tether` lets each
//! bead move under it, held by its molecule (`chain`, `twist`) in water (`water`); `scene` adds the drift of the instrument
//! and hands what is to be seen to `render`, which draws it with the images of `optics`, the noise of `noise` and the faults
//! of `sensor`.
//! [`crate::cameras::simulated`] makes a camera of it.
//!
//! Units: nm, pN, s, kT in pN nm; z is the height of a bead's lowest point above the surface.

pub(crate) mod chain;
mod chord;
pub(crate) mod magnets;
pub(crate) mod noise;
mod optics;
mod placement;
mod relax;
mod render;
mod scene;
mod sensor;
pub(crate) mod settings;
pub mod stage;
mod tether;
mod twist;
pub(crate) mod water;
mod wide;

pub use scene::{BeadTruth, Scene};
pub(crate) use settings::in_range;
pub use settings::{Magnets, Molecule, MoleculeKind, MotorSettings, Sensor, Settings, Timing};
