//! Our own format: a Z-LUT as an HDF5 group, alone in `NAME.zlut.h5` or inside a recording.
//!
//! ```text
//! group              attributes format = "beadscope-zlut", description
//!   profiles         f32, or f64 where f32 does not hold them (planes, rings), grey levels; its attributes hold all that is known of the origin
//!   z_nm             f64 (planes)
//!   radius_px        f64 (rings), NaN where the distance between rings is not known
//!   image            f32 (planes, knots), grey levels: the image as a function of radius; may be absent
//!   image_misfit     f32 (knots), grey levels; comes with `image`, and has its attribute knot_step_px
//! ```
//! The numbers are attributes of `profiles`, not of the group: the library reads only strings back from a
//! group. An attribute that is absent means "not known". Nothing is compressed; a table takes some 100 kB.

use std::path::Path;

use rust_hdf5::{H5Dataset, H5File, H5Group, H5Type, Hdf5Error, types::VarLenUnicode};

use crate::image_table::ImageTable;
use crate::profile_kind::ProfileKind;
use crate::table::{Origin, TableError, ZLut};

/// Value of the group attribute `format`.
pub const FORMAT: &str = "beadscope-zlut";
/// Value of the attribute `format_version` that this program writes. It reads up to this one.
pub const FORMAT_VERSION: u32 = 1;
/// 64 Mi values, 256 MiB. No Z-LUT is that large; a file that says so is damaged and must not fill the
/// memory.
const MAX_VALUES: usize = 1 << 26;

/// Why a group is not a Z-LUT, or could not be written.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// The HDF5 library refused.
    #[error("cannot {doing} HDF5: {detail}")]
    Hdf5 {
        /// Read or write.
        doing: &'static str,
        /// What the library said.
        detail: String,
    },
    /// Some other HDF5 file or group.
    #[error("no Z-LUT in this HDF5 group: its attribute `format` is not {FORMAT:?}")]
    NotAZLut,
    /// Written by a newer Beadscope.
    #[error(
        "the Z-LUT has format version {found}, this program reads up to {FORMAT_VERSION}; use a newer one"
    )]
    Version {
        /// The version of the file.
        found: u32,
    },
    /// Written by a newer Beadscope.
    #[error("the Z-LUT holds profiles of a kind that this program does not know, {found:?}; use a newer one")]
    Kind {
        /// What the file calls it.
        found: String,
    },
    /// A part of the group is missing or contradicts the rest.
    #[error("the Z-LUT is damaged: {reason}")]
    Damaged {
        /// What is wrong.
        reason: String,
    },
    /// All parts are there, but they are no Z-LUT.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The file system refused.
    #[error("cannot write the Z-LUT: {0}")]
    Io(std::io::Error),
}

impl From<std::io::Error> for GroupError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Writes the table alone into the file at `path`, which is created or emptied.
///
/// # Errors
/// What the system or the HDF5 library says.
pub fn write(path: &Path, table: &ZLut) -> Result<(), GroupError> {
    let file = H5File::create(path).map_err(writing)?;
    write_group(&file.root_group(), table)?;
    file.close().map_err(writing)
}

/// Reads the table that [`write()`] wrote.
///
/// # Errors
/// As [`read_group`].
pub fn read(path: &Path) -> Result<ZLut, GroupError> {
    let file = H5File::open(path).map_err(reading)?;
    read_group(&file, &file.root_group())
}

/// Whether the group says that it is a Z-LUT, whole or damaged.
pub fn is_zlut(group: &H5Group) -> bool {
    group.attr_string("format").is_ok_and(|format| format == FORMAT)
}

/// Writes the table into `group`, which must be empty and belong to a file opened for writing.
///
/// # Errors
/// What the HDF5 library says.
pub fn write_group(group: &H5Group, table: &ZLut) -> Result<(), GroupError> {
    write_parts(group, table).map_err(writing)
}

fn write_parts(group: &H5Group, table: &ZLut) -> Result<(), Hdf5Error> {
    group.set_attr_string("format", FORMAT)?;
    let about = "Z look-up table: radial profiles of one bead at known heights";
    group.set_attr_string("description", about)?;

    let (planes, rings) = (table.n_planes(), table.n_rings());
    let profiles = if table.is_f64() {
        put(group, "profiles", &[planes, rings], &table.profiles_f64())?
    } else {
        put(group, "profiles", &[planes, rings], table.profiles())?
    };
    describe(&profiles, "grey level", "mean grey level of each ring, planes x rings; NaN: not measured")?;
    write_origin(&profiles, &table.origin)?;

    let z_nm = put(group, "z_nm", &[planes], table.z_nm())?;
    describe(&z_nm, "nm", "height of each plane, strictly increasing")?;

    let radius_px = table.origin.radius_px(rings).unwrap_or_else(|| vec![f64::NAN; rings]);
    let radius_px = put(group, "radius_px", &[rings], &radius_px)?;
    describe(&radius_px, "px", "radius of each ring; NaN: not known")?;
    table.image().map_or(Ok(()), |image| write_image(group, image))
}

fn write_image(group: &H5Group, image: &ImageTable) -> Result<(), Hdf5Error> {
    let knots = image.misfit.len();
    let values = put(group, "image", &[image.values.len() / knots.max(1), knots], &image.values)?;
    describe(&values, "grey level", "grey level of a pixel at radius k * knot_step_px, planes x knots")?;
    let misfit = put(group, "image_misfit", &[knots], &image.misfit)?;
    describe(&misfit, "grey level", "standard deviation of pixels about `image` that is not noise")?;
    set_number(&misfit, "knot_step_px", image.knot_step_px)
}

fn read_image(file: &H5File, group: &H5Group) -> Result<Option<ImageTable>, GroupError> {
    if !has_dataset(group, "image")? {
        return Ok(None);
    }
    let (values, misfit) = (dataset(file, group, "image")?, dataset(file, group, "image_misfit")?);
    let shape = values.shape();
    let &[_, knots] = shape.as_slice() else { return Err(damaged("image is not a matrix")) };
    let knot_step_px = number(&misfit, "knot_step_px")?;
    Ok(Some(ImageTable {
        knot_step_px: knot_step_px.ok_or_else(|| damaged("image_misfit has no knot_step_px"))?,
        values: read_values(&values, "image", &shape)?,
        misfit: read_values(&misfit, "image_misfit", &[knots])?,
    }))
}

fn write_origin(profiles: &H5Dataset, origin: &Origin) -> Result<(), Hdf5Error> {
    set_number(profiles, "format_version", FORMAT_VERSION)?;
    set_number(profiles, "first_ring_px", origin.first_ring_px)?;
    if let Some(roi_px) = origin.roi_px {
        set_number(profiles, "roi_px", roi_px)?;
    }
    if let Some(step_px) = origin.ring_step_px {
        set_number(profiles, "ring_step_px", step_px)?;
    }
    if let Some(kind) = origin.profile_kind {
        set_text(profiles, "profile_kind", kind.name())?;
    }
    if let Some(size_nm) = origin.pixel_size_nm {
        set_number(profiles, "pixel_size_nm", size_nm)?;
    }
    if let Some(bead) = &origin.bead {
        set_text(profiles, "bead", bead)?;
    }
    if let Some(utc) = &origin.created_utc {
        set_text(profiles, "created_utc", utc)?;
    }
    if let Some(correction) = &origin.correction {
        set_text(profiles, "correction", correction)?;
    }
    set_text(profiles, "source", &origin.source)?;
    // One sentence per line: the library reads no array of strings back from an attribute.
    set_text(profiles, "assumed", &origin.assumed.join("\n"))
}

/// Reads a table that [`write_group`] wrote into a `group` of `file`.
///
/// # Errors
/// A group of another kind, of a newer version, or with parts that are missing or do not fit.
pub fn read_group(file: &H5File, group: &H5Group) -> Result<ZLut, GroupError> {
    if !is_zlut(group) {
        return Err(GroupError::NotAZLut);
    }
    let profiles = dataset(file, group, "profiles")?;
    let found = number::<u32>(&profiles, "format_version")?;
    let found = found.ok_or_else(|| damaged("it has no format_version"))?;
    if found > FORMAT_VERSION {
        return Err(GroupError::Version { found });
    }
    let &[planes, rings] = profiles.shape().as_slice() else {
        return Err(damaged("profiles is not a matrix"));
    };
    let z_nm = read_values::<f64>(&dataset(file, group, "z_nm")?, "z_nm", &[planes])?;
    let radius_px = read_values::<f64>(&dataset(file, group, "radius_px")?, "radius_px", &[rings])?;
    let values = read_values::<f64>(&profiles, "profiles", &[planes, rings])?;
    let origin = read_origin(&profiles)?;
    if !radii_agree(&origin, &radius_px) {
        return Err(damaged("radius_px contradicts first_ring_px and ring_step_px"));
    }
    let mut table = ZLut::from_f64(z_nm, rings, values, origin)?;
    if let Some(image) = read_image(file, group)? {
        table = table.with_image(image)?;
        // Files older than the attribute: a model of the image only ever came with sampled rings.
        table.origin.profile_kind.get_or_insert(ProfileKind::SampledRings);
    }
    Ok(table)
}

fn read_origin(profiles: &H5Dataset) -> Result<Origin, GroupError> {
    let first_ring_px = number(profiles, "first_ring_px")?;
    let ring_step_px = number(profiles, "ring_step_px")?;
    if ring_step_px.is_some_and(|px: f64| !px.is_finite() || px <= 0.0) {
        return Err(damaged("ring_step_px must be more than 0"));
    }
    let assumed = text(profiles, "assumed")?.unwrap_or_default();
    Ok(Origin {
        roi_px: number(profiles, "roi_px")?,
        ring_step_px,
        first_ring_px: first_ring_px.ok_or_else(|| damaged("it has no first_ring_px"))?,
        profile_kind: text(profiles, "profile_kind")?.map(kind_called).transpose()?,
        pixel_size_nm: number(profiles, "pixel_size_nm")?,
        bead: text(profiles, "bead")?,
        created_utc: text(profiles, "created_utc")?,
        correction: text(profiles, "correction")?,
        source: text(profiles, "source")?.unwrap_or_default(),
        assumed: assumed.lines().map(String::from).collect(),
    })
}

fn kind_called(found: String) -> Result<ProfileKind, GroupError> {
    ProfileKind::from_name(&found).ok_or(GroupError::Kind { found })
}

/// Whoever edits the radii in Python must not be ignored.
fn radii_agree(origin: &Origin, radius_px: &[f64]) -> bool {
    match origin.radius_px(radius_px.len()) {
        Some(told_px) => told_px.iter().zip(radius_px).all(|(told, have)| (told - have).abs() < 1e-6),
        None => radius_px.iter().all(|px| px.is_nan()),
    }
}

fn put<T: H5Type>(
    group: &H5Group,
    name: &str,
    shape: &[usize],
    values: &[T],
) -> Result<H5Dataset, Hdf5Error> {
    let dataset = group.new_dataset::<T>().shape(shape).create(name)?;
    dataset.write_raw(values)?;
    Ok(dataset)
}

fn describe(dataset: &H5Dataset, units: &str, description: &str) -> Result<(), Hdf5Error> {
    set_text(dataset, "units", units)?;
    set_text(dataset, "description", description)
}

fn set_text(dataset: &H5Dataset, name: &str, value: &str) -> Result<(), Hdf5Error> {
    dataset.new_attr::<VarLenUnicode>().shape(()).create(name)?.write_string(value)
}

fn set_number<T: H5Type>(dataset: &H5Dataset, name: &str, value: T) -> Result<(), Hdf5Error> {
    dataset.new_attr::<T>().shape(()).create(name)?.write_numeric(&value)
}

fn has_dataset(group: &H5Group, name: &str) -> Result<bool, GroupError> {
    Ok(group.dataset_names().map_err(reading)?.iter().any(|have| have == name))
}

fn dataset(file: &H5File, group: &H5Group, name: &str) -> Result<H5Dataset, GroupError> {
    if !has_dataset(group, name)? {
        return Err(damaged(&format!("{name} is missing")));
    }
    // The library opens data sets from the file only, by their path from the root.
    file.dataset(&format!("{}/{name}", group.name().trim_end_matches('/'))).map_err(reading)
}

fn read_values<T: rust_hdf5::ReadNumeric>(
    dataset: &H5Dataset,
    name: &str,
    shape: &[usize],
) -> Result<Vec<T>, GroupError> {
    let have = dataset.shape();
    if have != shape {
        return Err(damaged(&format!("{name} has shape {have:?}, not {shape:?}")));
    }
    let count = shape.iter().try_fold(1_usize, |count, side| count.checked_mul(*side));
    if count.is_none_or(|count| count > MAX_VALUES) {
        return Err(damaged(&format!("{name} says it has shape {have:?}, too large for a Z-LUT")));
    }
    dataset.read_numeric_as().map_err(reading)
}

/// A numeric attribute; `None` where it is absent.
fn number<T: rust_hdf5::ReadNumeric>(dataset: &H5Dataset, name: &str) -> Result<Option<T>, GroupError> {
    if !has_attribute(dataset, name)? {
        return Ok(None);
    }
    let values = dataset.attr(name).and_then(|attribute| attribute.read_numeric_as()).map_err(reading)?;
    Ok(values.into_iter().next())
}

/// A text attribute; `None` where it is absent.
fn text(dataset: &H5Dataset, name: &str) -> Result<Option<String>, GroupError> {
    if !has_attribute(dataset, name)? {
        return Ok(None);
    }
    dataset.attr(name).and_then(|attribute| attribute.read_string()).map(Some).map_err(reading)
}

fn has_attribute(dataset: &H5Dataset, name: &str) -> Result<bool, GroupError> {
    Ok(dataset.attr_names().map_err(reading)?.iter().any(|have| have == name))
}

fn damaged(reason: &str) -> GroupError {
    GroupError::Damaged { reason: reason.into() }
}

fn reading(error: Hdf5Error) -> GroupError {
    GroupError::Hdf5 { doing: "read", detail: error.to_string() }
}

fn writing(error: Hdf5Error) -> GroupError {
    GroupError::Hdf5 { doing: "write", detail: error.to_string() }
}
