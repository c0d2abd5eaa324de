//! Devices that are not there: each protocol as a state machine behind a pseudo-terminal, to try drivers and break them.
//!
//! ```text
//! driver ── serial port ── pseudo-terminal ── `Simulation` (a thread, faults) ── `Device` (bytes in, bytes out) ── `Body` (moves)
//! ```
//!
//! A device is written from its manual and knows nothing of the driver beside it; programs of others talk to it too (`tests/peers`).

pub mod apt;
pub mod asi;
mod body;
pub mod c862;
mod device;
pub mod gcode;
pub mod gcs;
#[cfg(unix)]
mod pty;
pub mod smc100;
pub mod tango;
pub mod zaber;

pub use body::Body;
pub use device::{Device, Lines};
#[cfg(unix)]
pub use pty::{Fault, Simulation};
