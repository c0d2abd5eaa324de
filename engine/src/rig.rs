//! The instrument as settings describe it. How they are read from `rig.toml` and checked: [`crate::settings`].

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::hardware::MotorsSection;
use crate::locks::LocksSection;
use crate::magnets::MagnetsSection;
use crate::safety::SafetySection;
use crate::threads::ThreadsSection;
use crate::track::backend::{Backend, BackendRequest};
use crate::video::Mode;

/// A complete, commented rig; it says the same as [`Rig::default`].
pub const EXAMPLE: &str = include_str!("rig_example.toml");

/// Side of a ROI that nobody has said, px.
pub const DEFAULT_ROI_PX: u32 = 64;

/// The instrument. Every section and key may be left out; its default then holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rig {
    /// Which camera, and how it is set.
    pub camera: CameraSection,
    /// What lies between sample and camera.
    pub optics: OpticsSection,
    /// What makes all pixels alike.
    pub correction: CorrectionSection,
    /// Which beads, and how they are located.
    pub tracking: TrackingSection,
    /// Where recordings go.
    pub recording: RecordingSection,
    /// Magnets, stages, focus: what is connected.
    pub motors: MotorsSection,
    /// What they may do.
    pub safety: SafetySection,
    /// The force of the magnets.
    pub magnets: MagnetsSection,
    /// How locks work.
    pub locks: LocksSection,
    /// Cores and priorities of threads.
    pub threads: ThreadsSection,
}

/// `[camera]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CameraSection {
    /// The driver's name.
    pub driver: String,
    /// Frames per second, Hz.
    pub rate_hz: f64,
    /// Exposure time, µs; `None` keeps what the camera has.
    pub exposure_us: Option<f64>,
    /// What only the driver understands.
    pub settings: toml::Table,
}

/// `[optics]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OpticsSection {
    /// Size of a camera pixel in the sample plane, nm; `None` takes what the camera says.
    pub pixel_size_nm: Option<f64>,
}

/// `[correction]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorrectionSection {
    /// Frames without light: an image, a stack, or a folder of images. `None` subtracts nothing.
    pub dark: Option<PathBuf>,
    /// Frames with light and without a sample; `None` takes all pixels to be alike.
    pub flat: Option<PathBuf>,
    /// Hash of the mean of the dark frames, as a run stores it; others are refused.
    pub dark_hash: Option<String>,
    /// Hash of the mean of the flat frames, as a run stores it; others are refused.
    pub flat_hash: Option<String>,
}

/// `[tracking]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrackingSection {
    /// Side of the ROI around a bead, px; `None` takes what the ROI file says, else [`DEFAULT_ROI_PX`].
    pub roi_px: Option<u32>,
    /// A name of [`Method::NAMES`](beadscope_shaders::params::Method::NAMES).
    pub method: String,
    /// A file with the ROIs; `None` finds the beads in the first frame.
    pub rois: Option<PathBuf>,
    /// The Z-LUT, `FILE` or `FILE#K`; `None` tracks x and y only, but a simulated microscope makes its own.
    pub zlut: Option<PathBuf>,
    /// Options of the method `magtrack`, under MagTrack's names.
    #[serde(skip_serializing_if = "toml::Table::is_empty")]
    pub magtrack: toml::Table,
    /// Distance between the planes of a Z-LUT that does not say it, nm.
    pub z_step_nm: Option<f64>,
    /// What computes.
    pub backend: Backend,
    /// Part of the name of the graphics adapter that computes; with one, the back end `auto` is `gpu`.
    pub adapter: Option<String>,
}

/// `[recording]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordingSection {
    /// Folder in which each run makes a folder of its own.
    pub folder: PathBuf,
    /// Goes into the name of the run's folder.
    pub name: String,
    /// What a run records.
    pub mode: Mode,
    /// A recording goes on in another file after so many minutes; `None` never does for its length.
    pub split_min: Option<f64>,
    /// The same once it has so many GB (10⁹ bytes), its video included.
    pub split_gb: Option<f64>,
}

impl Default for CameraSection {
    fn default() -> Self {
        Self {
            driver: "simulated".to_owned(),
            rate_hz: 100.0,
            exposure_us: None,
            settings: toml::Table::new(),
        }
    }
}

impl Default for TrackingSection {
    fn default() -> Self {
        Self {
            roi_px: None,
            method: "qi".to_owned(),
            rois: None,
            zlut: None,
            z_step_nm: None,
            magtrack: toml::Table::new(),
            backend: Backend::Auto,
            adapter: None,
        }
    }
}

impl TrackingSection {
    /// Where tracking is to compute.
    pub fn backend_request(&self) -> BackendRequest {
        BackendRequest { backend: self.backend, adapter: self.adapter.clone() }
    }
}

impl Default for RecordingSection {
    fn default() -> Self {
        let (folder, name) = (PathBuf::from("runs"), "run".to_owned());
        Self { folder, name, mode: Mode::Track, split_min: None, split_gb: None }
    }
}

impl Rig {
    /// The rig as TOML.
    ///
    /// # Errors
    /// If a path is not UTF-8 text.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_says_what_the_defaults_are() {
        let example: Rig = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(example, Rig::default());
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_not_utf8_is_an_error_and_not_an_empty_rig() {
        use std::os::unix::ffi::OsStrExt as _;
        let mut rig = Rig::default();
        rig.recording.folder = std::ffi::OsStr::from_bytes(b"/runs\xff").into();
        assert!(rig.to_toml().is_err());
    }
}
