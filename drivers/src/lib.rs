//! Device contracts and every device.
//!
//! Who writes a camera's driver reads [`camera`], copies [`cameras::simulated`], adds one line to [`CAMERAS`] and runs
//! [`conformance::check_camera`]; who writes that of a motor reads [`axis`] and copies [`axes::zaber`] and [`simulators::zaber`]. This crate
//! knows no ring, no kernel and no window, and has no thread but that of a [simulated device](simulators).

pub mod axes;
pub mod axis;
pub mod camera;
pub mod cameras;
pub mod conformance;
pub mod link;
pub mod microscope;
mod motor;
pub mod npy;
pub mod ports;
pub mod simulators;
pub mod stack;
pub mod sweep;
pub mod truth;

use axis::ControllerDriver;
use camera::CameraDriver;

/// Every camera driver in this build. A program with drivers of its own passes its own list to the engine.
pub static CAMERAS: &[&dyn CameraDriver] = &[&cameras::simulated::Driver, &cameras::replay::Driver];

/// The driver called `name` in `drivers`, as `rig.toml` spells it.
pub fn find_camera<'a>(drivers: &[&'a dyn CameraDriver], name: &str) -> Option<&'a dyn CameraDriver> {
    drivers.iter().copied().find(|driver| driver.name() == name)
}

/// Every driver of motors and stages in this build. A program with drivers of its own passes its own list to the engine.
pub static CONTROLLERS: &[&dyn ControllerDriver] = &[
    &axes::zaber::Driver,
    &axes::gcs::Driver,
    &axes::c862::Driver,
    &axes::asi::Driver,
    &axes::tango::Driver,
    &axes::apt::Driver,
    &axes::gcode::Driver,
    &axes::described::Driver,
];

/// The driver called `name` in `drivers`, as `rig.toml` spells it.
pub fn find_controller<'a>(
    drivers: &[&'a dyn ControllerDriver],
    name: &str,
) -> Option<&'a dyn ControllerDriver> {
    drivers.iter().copied().find(|driver| driver.name() == name)
}
