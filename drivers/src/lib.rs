//! Device contracts and every device.
//!
//! A driver author reads [`camera`], copies [`cameras::simulated`], adds one line to [`CAMERAS`] and runs
//! [`conformance::check_camera`]. This crate knows no thread, no ring, no kernel and no window.

pub mod axes;
pub mod axis;
pub mod camera;
pub mod cameras;
pub mod conformance;
pub mod microscope;
pub mod npy;
pub mod ports;
pub mod stack;
pub mod sweep;
pub mod truth;

use camera::CameraDriver;

/// Every camera driver in this build. A program with drivers of its own passes its own list to the engine.
pub static CAMERAS: &[&dyn CameraDriver] = &[&cameras::simulated::Driver, &cameras::replay::Driver];

/// The driver called `name` in `drivers`, as `rig.toml` spells it.
pub fn find_camera<'a>(drivers: &[&'a dyn CameraDriver], name: &str) -> Option<&'a dyn CameraDriver> {
    drivers.iter().copied().find(|driver| driver.name() == name)
}
