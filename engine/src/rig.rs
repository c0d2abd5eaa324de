//! `rig.toml`: what a lab writes down about its instrument.

use std::path::{Path, PathBuf};

use beadscope_shaders::magtrack::OptionError;
use beadscope_shaders::params::Method;
use serde::{Deserialize, Serialize};

use crate::magtrack_options::{options_from_toml, toml_from_options};
use crate::threads::ThreadsSection;
use crate::track::backend::{Backend, BackendError, BackendRequest};

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
    /// A name of [`Method::NAMES`].
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

    fn is_magtrack(&self) -> bool {
        self.method.parse() == Ok(Method::MagTrack)
    }
}

impl Default for RecordingSection {
    fn default() -> Self {
        Self { folder: PathBuf::from("runs"), name: "run".to_owned() }
    }
}

/// Why a rig cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RigError {
    /// The file cannot be read.
    #[error("cannot read the rig: {error}: {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// It is not TOML, or not a rig.
    #[error("{message} (line {line} of {})", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A value is outside its range.
    #[error("{key} = {value} is out of range: {allowed}")]
    Range {
        /// The key, with its section.
        key: &'static str,
        /// The value found.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// An option of the method `magtrack` is wrong.
    #[error("[tracking.magtrack] {0}")]
    MagTrack(OptionError),
    /// The back end does not fit the method or the adapter.
    #[error("[tracking] {0}")]
    Backend(BackendError),
    /// Nobody would look at the options.
    #[error(
        "[tracking.magtrack] sets options of another method than {method}; set method = \"magtrack\", or leave them out"
    )]
    OtherMethod {
        /// The method in the rig.
        method: String,
    },
    /// TOML is UTF-8, and so is every path in it.
    #[error("a rig cannot hold this path, which is not UTF-8 text; rename it: {}", .0.display())]
    NotUtf8(PathBuf),
    /// The rig cannot be written down.
    #[error("the rig cannot be written as TOML: {0}")]
    Write(toml::ser::Error),
}

impl Rig {
    /// Reads a rig. Relative paths in it count from the rig's own folder, so that a folder can be moved as a whole; in
    /// what is returned they are absolute.
    ///
    /// # Errors
    /// If the file cannot be read, is not a rig (with the line), or holds a value out of range (with the range).
    pub fn read(path: &Path) -> Result<Self, RigError> {
        let cannot = |error| RigError::Read { path: path.to_owned(), error };
        let text = std::fs::read_to_string(path).map_err(cannot)?;
        let file = std::path::absolute(path).map_err(cannot)?;
        let mut rig: Self = toml::from_str(&text).map_err(|error| RigError::Parse {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count()),
            message: error.message().lines().collect::<Vec<_>>().join("; "),
        })?;
        rig.resolve_paths(file.parent().unwrap_or(Path::new("")))?;
        rig.check()?;
        let options = options_from_toml(&rig.tracking.magtrack).map_err(RigError::MagTrack)?;
        if rig.tracking.is_magtrack() {
            // What is not set is MagTrack's default today: a recording must say which that was.
            rig.tracking.magtrack = toml_from_options(&options);
        }
        Ok(rig)
    }

    /// The rig as TOML, as it is written into a recording.
    ///
    /// # Errors
    /// If a path is not UTF-8 text.
    pub fn to_toml(&self) -> Result<String, RigError> {
        toml::to_string_pretty(self).map_err(RigError::Write)
    }

    /// Lets relative paths count from `folder`, so that the rig means the same wherever it is stored.
    ///
    /// # Errors
    /// If a path is not UTF-8 text.
    pub fn resolve_paths(&mut self, folder: &Path) -> Result<(), RigError> {
        let utf8 = |path: PathBuf| {
            path.into_os_string().into_string().map_err(|path| RigError::NotUtf8(path.into()))
        };
        let rois = self.tracking.rois.as_mut();
        let zlut = self.tracking.zlut.as_mut();
        let correction = self.correction.dark.iter_mut().chain(&mut self.correction.flat);
        for path in rois.into_iter().chain(zlut).chain(correction).chain([&mut self.recording.folder]) {
            *path = utf8(folder.join(&*path))?.into();
        }
        // A driver does not know where the rig lies, so the one key that names a file is resolved for it.
        if let Some(toml::Value::String(path)) = self.camera.settings.get_mut("path") {
            *path = utf8(folder.join(&*path))?;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), RigError> {
        let within = |key, value: f64, range: std::ops::RangeInclusive<f64>, allowed| {
            if range.contains(&value) {
                Ok(())
            } else {
                Err(RigError::Range { key, value: value.to_string(), allowed })
            }
        };
        within("camera.rate_hz", self.camera.rate_hz, 0.01..=100_000.0, "0.01 to 100000 Hz")?;
        if let Some(exposure_us) = self.camera.exposure_us {
            within("camera.exposure_us", exposure_us, 0.1..=1e8, "0.1 to 1e8 µs")?;
        }
        if let Some(pixel_size_nm) = self.optics.pixel_size_nm {
            within("optics.pixel_size_nm", pixel_size_nm, 1.0..=100_000.0, "1 to 100000 nm")?;
        }
        if let Some(roi_px) = self.tracking.roi_px {
            within("tracking.roi_px", f64::from(roi_px), 8.0..=512.0, "8 to 512 px")?;
        }
        if let Ok(method) = self.tracking.method.parse() {
            self.tracking.backend_request().check(method).map_err(RigError::Backend)?;
        }
        if !self.tracking.magtrack.is_empty() && !self.tracking.is_magtrack() {
            return Err(RigError::OtherMethod { method: self.tracking.method.clone() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Rig, RigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rig.toml");
        std::fs::write(&path, text).unwrap();
        Rig::read(&path)
    }

    #[test]
    fn the_example_says_what_the_defaults_are() {
        let example: Rig = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(example, Rig::default());
        let method = EXAMPLE.lines().find(|line| line.starts_with("method = ")).unwrap();
        for (_, name) in Method::NAMES {
            let words = || method.split(|letter: char| !letter.is_alphanumeric());
            assert!(words().any(|word| word == name), "the example does not mention {name}: {method}");
        }
        for key in [
            "rate_hz",
            "exposure_us",
            "pixel_size_nm",
            "dark",
            "flat",
            "roi_px",
            "method",
            "rois",
            "zlut",
            "z_step_nm",
            "backend",
            "adapter",
            "folder",
            "name",
            "realtime",
            "camera_core",
            "tracking_cores",
        ] {
            assert!(EXAMPLE.contains(key), "the example does not mention {key}");
        }
    }

    #[test]
    fn a_misspelt_key_is_refused_with_its_line() {
        let error = read("[tracking]\nroi_px = 64\nroi_pix = 3\n").unwrap_err();
        assert!(matches!(error, RigError::Parse { line: 3, .. }), "{error}");
        assert!(error.to_string().contains("roi_pix"));
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_the_range() {
        let error = read("[tracking]\nroi_px = 4\n").unwrap_err();
        assert_eq!(error.to_string(), "tracking.roi_px = 4 is out of range: 8 to 512 px");
        assert!(matches!(read("[camera]\nrate_hz = nan\n"), Err(RigError::Range { .. })));
    }

    #[test]
    fn a_back_end_is_checked_with_its_adapter_and_method() {
        let tracking = read("[tracking]\nbackend = 'gpu'\nadapter = 'llvmpipe'\n").unwrap().tracking;
        assert_eq!((tracking.backend, tracking.adapter.as_deref()), (Backend::Gpu, Some("llvmpipe")));
        for text in ["backend = 'cpu'\nadapter = 'llvmpipe'", "backend = 'gpu'\nmethod = 'magtrack'"] {
            let error = read(&format!("[tracking]\n{text}\n")).unwrap_err();
            assert!(matches!(error, RigError::Backend(_)), "{text}: {error}");
        }
        let error = read("[tracking]\nbackend = 'cuda'\n").unwrap_err().to_string();
        assert!(error.contains("`cuda`") && error.contains("`gpu`") && error.contains("line 2"), "{error}");
        for (backend, name) in Backend::NAMES {
            assert_eq!(read(&format!("[tracking]\nbackend = '{name}'\n")).unwrap().tracking.backend, backend);
        }
    }

    #[test]
    fn magtracks_options_are_checked_and_told_in_full() {
        let text = "[tracking]\nmethod = 'magtrack'\n[tracking.magtrack]\n'lookup_z.n_local' = ";
        let rig = read(&format!("{text}4")).unwrap();
        assert_eq!(rig.tracking.magtrack["lookup_z.n_local"].as_integer(), Some(5));
        assert_eq!(rig.tracking.magtrack["center_of_mass.background"].as_str(), Some("median"));
        let told: Rig = toml::from_str(&rig.to_toml().unwrap()).unwrap();
        assert_eq!(told, rig);
        let error = read(&format!("{text}1")).unwrap_err().to_string();
        assert_eq!(
            error,
            "[tracking.magtrack] lookup_z.n_local = 1 is out of range: an odd number, 3 to 1001"
        );
    }

    #[test]
    fn magtracks_options_with_another_method_are_refused() {
        for (method, refused) in [("method = 'qi'", true), ("", true), ("method = 'magtrack'", false)] {
            let read = read(&format!("[tracking]\n{method}\n[tracking.magtrack]\n'lookup_z.n_local' = 5\n"));
            assert_eq!(matches!(read, Err(RigError::OtherMethod { .. })), refused, "{method}: {read:?}");
        }
    }

    #[test]
    fn the_example_shows_magtracks_defaults() {
        let commented = EXAMPLE.split_once("# [tracking.magtrack]").unwrap().1;
        let lines = commented.lines().skip(1).take_while(|line| line.starts_with("# \""));
        let text: Vec<&str> = lines.map(|line| line.trim_start_matches("# ")).collect();
        let shown: toml::Table = text.join("\n").parse().unwrap();
        assert_eq!(shown, toml_from_options(&options_from_toml(&toml::Table::new()).unwrap()));
    }

    #[test]
    fn relative_paths_count_from_the_rig_and_become_absolute() {
        // Relative to the folder that the test runs in, which is the crate's.
        let folder = tempfile::tempdir_in(".").unwrap();
        let relative = Path::new(folder.path().file_name().unwrap()).join("rig.toml");
        let text = "[camera]\nsettings = { path = 'frames.npy' }\n[correction]\ndark = 'dark.npy'\nflat = 'flat.tif'\n\
                    [tracking]\nrois = 'rois.csv'\nzlut = 'bead.zlut.h5'\n";
        std::fs::write(&relative, text).unwrap();
        let rig = Rig::read(&relative).unwrap();
        let camera = Path::new(rig.camera.settings["path"].as_str().unwrap());
        let tracking = rig.tracking;
        let (dark, flat) = (rig.correction.dark.unwrap(), rig.correction.flat.unwrap());
        let found =
            [camera, &dark, &flat, &tracking.rois.unwrap(), &tracking.zlut.unwrap(), &rig.recording.folder];
        let names = ["frames.npy", "dark.npy", "flat.tif", "rois.csv", "bead.zlut.h5", "runs"];
        for (path, name) in found.into_iter().zip(names) {
            assert!(
                path.is_absolute() && path.ends_with(relative.with_file_name(name)),
                "{}",
                path.display()
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_not_utf8_is_an_error_and_not_an_empty_rig() {
        use std::os::unix::ffi::OsStrExt as _;
        let folder = Path::new(std::ffi::OsStr::from_bytes(b"/runs\xff"));
        let mut rig = Rig::default();
        assert!(matches!(rig.resolve_paths(folder), Err(RigError::NotUtf8(_))));
        rig.recording.folder = folder.to_owned();
        assert!(matches!(rig.to_toml(), Err(RigError::Write(_))));
    }
}
