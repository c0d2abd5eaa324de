//! Z-LUT files: which format, what may be given along, and writing whole files only.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

pub use crate::error::FileError;
use crate::{aside, assume, hdf5, image, magscope, profile_kind::ProfileKind, qtrk, table::ZLut};

const READABLE: &str = ".h5, .txt (MagScope), .radialzlut (QTrk), .png or .jpg";
const WRITABLE: &str = ".h5, .txt (MagScope) or .radialzlut (QTrk)";

/// What the caller knows and the file may not say. By default: nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadOptions {
    /// Which table of a file with several, counted from 0. By default the first.
    pub bead: Option<usize>,
    /// Distance from one plane to the next in nm, for files without heights; negative where the sweep ran
    /// down. By default QTrk's 50 nm.
    pub z_step_nm: Option<f64>,
    /// Side of the ROI in px that the profiles were taken from, for files without radii.
    pub roi_px: Option<u32>,
}

enum Format {
    Hdf5,
    MagScope,
    Qtrk,
    Image,
}

/// Reads the Z-LUT at `path`. HDF5, PNG and JPEG are known by their content, text and QTrk by the extension.
///
/// What the file does not say is assumed, and [`crate::Origin::assumed`] tells so.
///
/// # Errors
/// A file that cannot be read, is no Z-LUT, or contradicts `options`.
pub fn read(path: &Path, options: &ReadOptions) -> Result<ZLut, FileError> {
    check_options(path, options)?;
    let format = format_of(path)?;
    let one_table = !matches!(format, Format::Qtrk);
    if let Some(asked) = options.bead.filter(|bead| one_table && *bead > 0) {
        return Err(FileError::NoSuchBead { asked, have: 1, path: path.into() });
    }
    let mut table = match format {
        Format::Hdf5 => hdf5::read(path).map_err(|error| FileError::Group { error, path: path.into() }),
        Format::MagScope => magscope::read(path, options),
        Format::Qtrk => qtrk::read(path, options),
        Format::Image => image::read(path, options),
    }?;
    check_agreement(path, options, &table)?;
    let has_rings = table.origin.profile_kind != Some(ProfileKind::MagTrackFft);
    if let (None, Some(roi_px), true) = (table.origin.ring_step_px, options.roi_px, has_rings) {
        let n_rings = table.n_rings();
        assume::rings_fill_roi(&mut table.origin, n_rings, roi_px);
    }
    Ok(table)
}

/// Reads the Z-LUT called `name`: a file, or `FILE#K` for table K, counted from 0, of one that holds several. A table
/// in `options` wins over the name's.
///
/// # Errors
/// As [`read`].
pub fn read_named(name: &Path, options: &ReadOptions) -> Result<ZLut, FileError> {
    let (path, bead) = split_name(name);
    read(&path, &ReadOptions { bead: options.bead.or(bead), ..options.clone() })
}

/// Splits `FILE#K`; a file whose name ends so wins over table K of another.
pub fn split_name(name: &Path) -> (PathBuf, Option<usize>) {
    let text = name.to_str().filter(|_| !name.exists());
    let split = text.and_then(|text| text.rsplit_once('#'));
    match split.and_then(|(file, bead)| Some((file, bead.parse().ok()?))) {
        Some((file, bead)) => (PathBuf::from(file), Some(bead)),
        None => (name.to_owned(), None),
    }
}

/// How many tables the file holds: 1, or as many as a `.radialzlut` says.
///
/// # Errors
/// A file that cannot be read or has no known format. Only the head of the file is looked at.
pub fn bead_count(path: &Path) -> Result<usize, FileError> {
    match format_of(path)? {
        Format::Qtrk => qtrk::bead_count(path),
        Format::Hdf5 | Format::MagScope | Format::Image => Ok(1),
    }
}

/// Writes the table to `path` in the format of the extension. The file appears whole or not at all: it is
/// written aside in the same folder, synced and renamed, and replaces what was there.
///
/// # Errors
/// An extension that names no format to write, a format that would change the values, or what the system
/// says.
pub fn write(path: &Path, table: &ZLut) -> Result<(), FileError> {
    let io_error = |error| FileError::Io { doing: "write", error, path: path.into() };
    match extension(path).as_str() {
        "h5" | "hdf5" => aside::write(path, |aside| hdf5::write(aside, table))
            .map_err(|error| FileError::Group { error, path: path.into() }),
        "txt" => aside::write(path, |aside| magscope::write(aside, table)).map_err(io_error),
        "radialzlut" => match qtrk::cannot_hold(table) {
            Some(reason) => {
                Err(FileError::CannotHold { format: "QTrk .radialzlut", reason, path: path.into() })
            }
            None => aside::write(path, |aside| qtrk::write(aside, table)).map_err(io_error),
        },
        _ => Err(FileError::UnknownFormat { doing: "written to", offered: WRITABLE, path: path.into() }),
    }
}

/// What a file at `path` would not say of this table, one sentence each, for the person who converts it.
/// The profiles themselves are always kept, to `f32` at the least.
pub fn not_kept(path: &Path, table: &ZLut) -> Vec<String> {
    let extension = extension(path);
    let mut lost = Vec::new();
    if extension == "radialzlut" {
        lost.extend(not_kept_by_qtrk(table));
    }
    if matches!(extension.as_str(), "radialzlut" | "txt") && table.image().is_some() {
        lost.push(
            "It has no model of the image: with the method fit keep to .h5, or heights are off by some nm."
                .into(),
        );
    }
    lost
}

fn not_kept_by_qtrk(table: &ZLut) -> Vec<String> {
    let (low_nm, _) = table.z_range_nm();
    let step_nm = table.z_step_nm();
    let mut lost =
        vec![format!("It has no heights: plane 0 is at {low_nm} nm and planes are {step_nm} nm apart.")];
    if let Some(kind) = table.origin.profile_kind {
        lost.push(format!("It does not say how profiles were measured: these are {kind}."));
    }
    if table.is_f64() {
        lost.push("Its grey levels have 7 digits: those of this table are rounded.".into());
    }
    if let Some(step_px) = table.origin.ring_step_px {
        let first_px = table.origin.first_ring_px;
        lost.push(format!("It has no radii: ring 0 is at {first_px} px and rings are {step_px} px apart."));
    }
    lost
}

fn check_options(path: &Path, options: &ReadOptions) -> Result<(), FileError> {
    let wrong = |reason: String| Err(FileError::Option { reason, path: path.into() });
    match (options.z_step_nm, options.roi_px) {
        (Some(step_nm), _) if !step_nm.is_finite() || step_nm == 0.0 => {
            wrong(format!("the z step must be a number of nm and not 0, not {step_nm}"))
        }
        (_, Some(0)) => wrong("the ROI must be at least 1 px".into()),
        _ => Ok(()),
    }
}

/// An option for files that do not say it must not be dropped in silence where a file does.
fn check_agreement(path: &Path, options: &ReadOptions, table: &ZLut) -> Result<(), FileError> {
    let wrong = |reason| Err(FileError::Option { reason, path: path.into() });
    let said_nm = table.z_step_nm();
    if let Some(given_nm) = options.z_step_nm.filter(|nm| (nm.abs() - said_nm).abs() > 1e-3 * said_nm) {
        return wrong(format!(
            "a z step of {given_nm} nm was given, but the file's heights are {said_nm} nm apart"
        ));
    }
    match (options.roi_px, table.origin.roi_px) {
        (Some(given_px), Some(said_px)) if given_px != said_px => {
            wrong(format!("a ROI of {given_px} px was given, but the file says {said_px} px"))
        }
        _ => Ok(()),
    }
}

/// The format by content where it has a signature, else by extension.
fn format_of(path: &Path) -> Result<Format, FileError> {
    let about = fs::metadata(path).map_err(read_error(path))?;
    if !about.is_file() {
        return Err(FileError::NotAFile { path: path.into() });
    }
    if about.len() == 0 {
        return Err(FileError::Empty { path: path.into() });
    }
    let mut head = Vec::new();
    let file = File::open(path).map_err(read_error(path))?;
    file.take(8).read_to_end(&mut head).map_err(read_error(path))?;
    if head == *b"\x89HDF\r\n\x1a\n" {
        return Ok(Format::Hdf5);
    }
    if head == *b"\x89PNG\r\n\x1a\n" || head.starts_with(b"\xff\xd8\xff") {
        return Ok(Format::Image);
    }
    let unlike = |format| {
        Err(FileError::Content {
            format,
            reason: "the file does not start like one".into(),
            path: path.into(),
        })
    };
    match extension(path).as_str() {
        "txt" => Ok(Format::MagScope),
        "radialzlut" => Ok(Format::Qtrk),
        "h5" | "hdf5" => unlike("HDF5"),
        "png" | "jpg" | "jpeg" => unlike("image"),
        _ => Err(FileError::UnknownFormat { doing: "read from", offered: READABLE, path: path.into() }),
    }
}

fn extension(path: &Path) -> String {
    path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

/// The name without its folder, for [`crate::Origin::source`].
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Says that reading failed, and where.
pub(crate) fn read_error(path: &Path) -> impl Fn(io::Error) -> FileError {
    move |error| FileError::Io { doing: "read", error, path: path.into() }
}

/// All bytes of a file, or `None` where there are more than `max`: a video given by mistake must not fill
/// the memory.
pub(crate) fn read_whole(path: &Path, max: u64) -> Result<Option<Vec<u8>>, FileError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(read_error(path))?;
    file.take(max + 1).read_to_end(&mut bytes).map_err(read_error(path))?;
    Ok((bytes.len() as u64 <= max).then_some(bytes))
}

/// Why a file of more than `max` bytes was not read.
pub(crate) fn too_large(max: u64) -> String {
    format!("it is larger than {} MiB", max >> 20)
}
