//! Controllers of motors and stages, one file per protocol; [`simulated`] is what a simulated microscope moves without any, [`described`] reads
//! the protocol from a file.

pub mod apt;
pub mod asi;
pub mod c862;
pub mod described;
pub mod gcode;
pub mod gcs;
mod mark;
pub mod simulated;
pub mod tango;
pub mod zaber;
