//! What is known of a run before its first frame, and how it goes into `tracks.h5`.

use std::error::Error;
use std::path::Path;

use beadscope_shaders::flags::Flags;
use rust_hdf5::types::VarLenUnicode;
use rust_hdf5::{H5Dataset, H5File, H5Group, H5Type, Hdf5Error, LibverBound};

use super::error::RecordError;
use super::schema::{FORMAT_VERSION, OURS, TRACKING};
use crate::bead_set::Beads;
use crate::frame::FrameFlags;
use crate::roi::Roi;

/// All that is needed to understand the file in ten years.
pub struct RunDescription<'a> {
    /// Program and version, such as `beadscope 0.1.0`.
    pub software: String,
    /// Start of the run, ns since 1970-01-01 UTC.
    pub started_unix_ns: u64,
    /// Number of the recording, unique on this machine.
    pub recording_id: u64,
    /// Side of a camera pixel in the sample plane, nm.
    pub pixel_size_nm: f64,
    /// Every setting of the run, as TOML.
    pub settings_toml: String,
    /// The camera: label and the configuration that it applied.
    pub camera: String,
    /// The beads at its start.
    pub beads: Beads,
    /// The Z-LUTs in use, each once.
    pub zluts: Vec<ZLutSource<'a>>,
}

/// One Z-LUT and who uses it.
pub struct ZLutSource<'a> {
    /// Hash of its content; the name of its group in `/beadscope/zlut`.
    pub hash: String,
    /// The beads it is for.
    pub beads: Vec<u32>,
    /// Writes the table into its group, which exists and is empty.
    pub write: &'a ZLutWriter<'a>,
}

/// Writes a Z-LUT into a group.
pub type ZLutWriter<'a> = dyn Fn(&H5Group) -> Result<(), Box<dyn Error + Send + Sync>> + 'a;

const COORDINATES: &str = "pixel centres at integers, x = column to the right, y = row down, in the frame; z up from \
                           the surface; NaN = not measured; positions_nm x and y = px * pixel_size_nm";

impl RunDescription<'_> {
    /// Writes a complete HDF5 file that holds everything but the growing datasets.
    pub(super) fn write(&self, path: &Path) -> Result<(), RecordError> {
        let hdf5 = |error| RecordError::hdf5("write the run's description", path, error);
        // SWMR needs the superblock of HDF5 1.10, and reopening a file does not change it.
        let options = H5File::options().no_locking().libver(LibverBound::V110);
        let file = options.create(path).map_err(hdf5)?;
        let ours = self.write_groups(&file).map_err(hdf5)?;
        let zluts = ours.create_group("zlut").map_err(hdf5)?;
        for zlut in &self.zluts {
            let failed = |cause: String| RecordError::ZLut {
                hash: zlut.hash.clone(),
                cause,
                path: path.to_path_buf(),
            };
            let group = zluts.create_group(&zlut.hash).map_err(|error| failed(error.to_string()))?;
            group.set_attr_array_numeric("beads", &zlut.beads).map_err(hdf5)?;
            (zlut.write)(&group).map_err(|error| failed(error.to_string()))?;
        }
        file.close().map_err(hdf5)
    }

    fn write_groups(&self, file: &H5File) -> Result<H5Group, Hdf5Error> {
        let tracking = file.create_group(TRACKING)?;
        write_magscope_attributes(&tracking, self.recording_id, self.started_unix_ns)?;
        let ours = file.create_group(OURS)?;
        self.write_our_attributes(&ours)?;
        for name in ["frames", "rows", "gaps", "segments", "events", "health", "axes", "truth"] {
            ours.create_group(name)?;
        }
        self.write_rois(&ours.create_group("rois")?)?;
        write_text(&ours, "settings_toml", &self.settings_toml, "Every setting of the run, as TOML.")?;
        write_text(&ours, "camera", &self.camera, "The camera and the configuration that it applied.")?;
        Ok(ours)
    }

    fn write_our_attributes(&self, group: &H5Group) -> Result<(), Hdf5Error> {
        group.set_attr_numeric("format_version", &FORMAT_VERSION)?;
        group.set_attr_string("software", &self.software)?;
        group.set_attr_numeric("complete", &0_u8)?;
        group.set_attr_numeric("write_failed", &0_u8)?;
        group.set_attr_numeric("started_unix_ns", &self.started_unix_ns)?;
        group.set_attr_numeric("recording_id", &self.recording_id)?;
        group.set_attr_numeric("pixel_size_nm", &self.pixel_size_nm)?;
        group.set_attr_string("coordinates", COORDINATES)
    }

    fn write_rois(&self, group: &H5Group) -> Result<(), Hdf5Error> {
        let column = |name, units, values: Vec<i64>, text| write_column(group, name, units, &values, text);
        let rois = &self.beads.rois;
        let of = |value: fn(&Roi) -> i64| rois.iter().map(value).collect();
        column("bead", "1", of(|roi| roi.bead.into()), "The bead's number, as in /tracking/bead_ids.")?;
        column(
            "left_px",
            "px",
            of(|roi| roi.left_px.into()),
            "Leftmost column of the ROI; may be negative.",
        )?;
        column("top_px", "px", of(|roi| roi.top_px.into()), "Topmost row of the ROI; may be negative.")?;
        column("size_px", "px", of(|roi| roi.size_px.into()), "Side of the ROI.")?;
        let references = rois.iter().map(|roi| self.beads.references.contains(&roi.bead).into()).collect();
        column(
            "is_reference",
            "1",
            references,
            "1 where the bead is stuck to the surface: its motion is the drift of the instrument.",
        )
    }
}

/// The attributes of MagScope's schema 1, types as h5py writes them.
pub(super) fn write_magscope_attributes(
    group: &H5Group,
    recording_id: u64,
    started_unix_ns: u64,
) -> Result<(), Hdf5Error> {
    group.set_attr_numeric("schema_version", &1_i64)?;
    group.set_attr_numeric("include_roi_positions", &1_u8)?;
    group.set_attr_string("record_order", "writer_append_order")?;
    group.set_attr_string("batch_sequence_order", "video_task_enqueue_order")?;
    group.set_attr_numeric("recording_id", &recording_id)?;
    group.set_attr_numeric("recording_start_ns", &started_unix_ns)?;
    group.set_attr_numeric("file_start_ns", &started_unix_ns)?;
    group.set_attr_numeric("rotation_interval_ns", &0_u64)?;
    // The empty range until `finish`: whoever appends takes the smaller and the larger.
    group.set_attr_numeric("min_frame_timestamp_ns", &u64::MAX)?;
    group.set_attr_numeric("max_frame_timestamp_ns", &0_u64)
}

/// The legend of `flags`: `1 = edge; 2 = no_zlut; …`.
pub(super) fn flag_legend() -> String {
    legend(Flags::NAMES.map(|(flag, name)| (flag.0.into(), name)))
}

/// The same of a frame's flags.
pub(super) fn frame_flag_legend() -> String {
    legend(FrameFlags::NAMES.map(|(flag, name)| (flag.0, name)))
}

fn legend<const N: usize>(bits: [(u64, &'static str); N]) -> String {
    bits.map(|(bit, name)| format!("{bit} = {name}")).join("; ")
}

fn write_text(group: &H5Group, name: &str, text: &str, description: &str) -> Result<(), Hdf5Error> {
    let dataset = group.write_vlen_strings(name, &[text])?;
    describe(&dataset, "text", description)
}

fn write_column<T: H5Type>(
    group: &H5Group,
    name: &str,
    units: &str,
    values: &[T],
    description: &str,
) -> Result<(), Hdf5Error> {
    let dataset = group.new_dataset::<T>().shape([values.len()]).create(name)?;
    dataset.write_raw(values)?;
    describe(&dataset, units, description)
}

fn describe(dataset: &H5Dataset, units: &str, description: &str) -> Result<(), Hdf5Error> {
    for (name, text) in [("units", units), ("description", description)] {
        dataset.new_attr::<VarLenUnicode>().shape(()).create(name)?.write_string(text)?;
    }
    Ok(())
}
