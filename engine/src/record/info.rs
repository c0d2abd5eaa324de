//! What a session knows about itself that a recording must say.

use std::path::Path;

use beadscope_drivers::camera::CameraConfig;
use beadscope_zlut::ZLut;

use crate::bead_set::Beads;
use crate::clock::unix_ns_now;
use crate::record::description::{RunDescription, ZLutSource};
use crate::record::error::RecordError;
use crate::record::tracks_file::TracksFile;
use crate::roi::Roi;

/// What a recording says about the run it belongs to.
#[derive(Clone, Debug)]
pub struct RunInfo {
    /// Size of a camera pixel in the sample, nm.
    pub pixel_size_nm: f64,
    /// Every setting, as TOML.
    pub settings_toml: String,
    /// The camera and what it applied, as TOML.
    pub camera: String,
    /// The ROIs at the session's start.
    pub rois: Vec<Roi>,
    /// The Z-LUT that all beads share.
    pub zlut: Option<ZLut>,
}

/// The camera and what it applied, as TOML.
pub fn camera_text(driver: &str, config: &CameraConfig) -> String {
    let config = toml::to_string(config).unwrap_or_else(|error| format!("# {error}\n"));
    format!("driver = {driver:?}\n{config}")
}

impl RunInfo {
    /// Begins a recording of these beads that starts now, with a journal.
    ///
    /// # Errors
    /// If the file exists or cannot be written.
    pub fn begin_recording(&self, path: &Path, beads: &Beads) -> Result<TracksFile, RecordError> {
        self.describe(beads, unix_ns_now(), |run| TracksFile::create_with_journal(path, run))
    }

    /// Begins a file of what can be tracked again, of a run that began at this time.
    ///
    /// # Errors
    /// As [`Self::begin_recording`].
    pub fn create_file(
        &self,
        path: &Path,
        beads: &Beads,
        started_unix_ns: u64,
    ) -> Result<TracksFile, RecordError> {
        self.describe(beads, started_unix_ns, |run| TracksFile::create(path, run))
    }

    fn describe<T>(&self, beads: &Beads, started_unix_ns: u64, then: impl FnOnce(&RunDescription) -> T) -> T {
        let write = |group: &rust_hdf5::H5Group| {
            let Some(zlut) = &self.zlut else { return Ok(()) };
            beadscope_zlut::hdf5::write_group(group, zlut).map_err(Into::into)
        };
        let numbers = || beads.rois.iter().map(|roi| roi.bead).collect();
        let source = |zlut: &ZLut| ZLutSource { hash: zlut.hash(), beads: numbers(), write: &write };
        let description = RunDescription {
            software: concat!("beadscope ", env!("CARGO_PKG_VERSION")).to_owned(),
            started_unix_ns,
            recording_id: started_unix_ns,
            pixel_size_nm: self.pixel_size_nm,
            settings_toml: self.settings_toml.clone(),
            camera: self.camera.clone(),
            beads: beads.clone(),
            zluts: self.zlut.iter().map(source).collect(),
        };
        then(&description)
    }
}
