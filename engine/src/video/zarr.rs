//! The metadata of a video: OME-Zarr 0.5, which is Zarr 3 with a description of the axes.
//!
//! | array | axes | what it is |
//! |---|---|---|
//! | `0`, or `zstd` once it is compressed | t, (bead,) y, x | frames, or the crops of all places |
//! | `frame`, `device_frame` | t | the session's number of a frame, and the camera's |
//! | `time_ns`, `unix_ns` | t | when it was taken, on the session's clock and in UTC |
//! | `segment` | t | the run of the camera |
//! | `bead` | t, bead | which bead is in a place; −1 is none |
//! | `corner_px` | t, bead, corner | left column and top row of its ROI in the frame |

use std::fs;
use std::io;
use std::path::Path;

use beadscope_zlut::aside;
use serde::Deserialize;
use serde_json::{Value, json};

use super::compress::LEVEL;
use super::frame_record::NO_BEAD;
use super::layout::{Layout, Packing, Picture};
use crate::durable::write_durably;

/// Name of the file that describes a group or an array.
pub(super) const METADATA: &str = "zarr.json";
/// The arrays with a number for each frame.
pub(super) const FRAME_NUMBERS: [&str; 5] = ["frame", "device_frame", "time_ns", "unix_ns", "segment"];
/// The array that says which bead is in a place.
pub(super) const BEAD: &str = "bead";
/// The array of the ROIs' corners.
pub(super) const CORNER: &str = "corner_px";
/// Our own attributes.
const OURS: &str = "beadscope";

/// What a video says about itself.
#[derive(Clone, Debug)]
pub struct Description {
    /// Name and version of the program.
    pub software: String,
    /// Size of a camera pixel in the sample, nm.
    pub pixel_size_nm: f64,
    /// Frames per second of the camera at the beginning, Hz. The times themselves are in `time_ns`.
    pub rate_hz: f64,
}

/// How long the arrays are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) frames: u64,
    pub(super) places: usize,
}

/// Writes the description of the group, durably: nothing else says how the video lies in its files.
pub(super) fn write_group(folder: &Path, layout: &Layout, about: &Description) -> io::Result<()> {
    let space_um = about.pixel_size_nm / 1e3;
    let space = |name| (json!({ "name": name, "type": "space", "unit": "micrometer" }), json!(space_um));
    let time = (json!({ "name": "t", "type": "time", "unit": "second" }), json!(1.0 / about.rate_hz));
    // No type of OME's own: a bead is neither a channel nor a place on one axis.
    let bead = (json!({ "name": "bead", "type": "bead" }), json!(1.0));
    let beads = (layout.picture == Picture::Rois).then_some(bead);
    let (axes, scale): (Vec<Value>, Vec<Value>) =
        [time].into_iter().chain(beads).chain([space("y"), space("x")]).unzip();
    let multiscale = json!({
        "name": "video",
        "axes": axes,
        "datasets": [{
            "path": layout.packing.array(),
            "coordinateTransformations": [{ "type": "scale", "scale": scale }],
        }],
    });
    let attributes = json!({
        "ome": { "version": "0.5", "multiscales": [multiscale] },
        OURS: {
            "software": about.software,
            "pixel_size_nm": about.pixel_size_nm,
            "rate_hz": about.rate_hz,
            "max_level": layout.format.max_level(),
            "layout": layout,
        },
    });
    let group = json!({ "zarr_format": 3, "node_type": "group", "attributes": attributes });
    write_durably(&folder.join(METADATA), format!("{group:#}\n").as_bytes())
}

/// Writes the descriptions of all arrays; they are `extent` long from then on. The pictures come last, so that what they need is there.
pub(super) fn write_arrays(folder: &Path, layout: &Layout, extent: Extent) -> io::Result<()> {
    let Layout { group, frames_per_shard, .. } = *layout;
    let Extent { frames, .. } = extent;
    let places = extent.places.max(1);
    let plain = [little_endian()];
    for name in FRAME_NUMBERS {
        let array = array("uint64", 0, &["t"], json!([frames]), json!([frames_per_shard]), &plain);
        write(&folder.join(name), &array)?;
    }
    let (axes, chunk) = (["t", "bead"], json!([frames_per_shard, group]));
    write(&folder.join(BEAD), &array("int32", NO_BEAD, &axes, json!([frames, places]), chunk, &plain))?;
    let (axes, chunk) = (["t", "bead", "corner"], json!([frames_per_shard, group, 2]));
    write(&folder.join(CORNER), &array("int32", 0, &axes, json!([frames, places, 2]), chunk, &plain))?;
    write(&folder.join(layout.packing.array()), &pictures(layout, frames, places))
}

fn pictures(layout: &Layout, frames: u64, places: usize) -> Value {
    let Layout { width_px, height_px, group, frames_per_shard, .. } = *layout;
    let (axes, shape, shard, chunk): (&[&str], _, _, _) = match layout.picture {
        Picture::Full => (
            &["t", "y", "x"],
            json!([frames, height_px, width_px]),
            json!([frames_per_shard, height_px, width_px]),
            json!([1, height_px, width_px]),
        ),
        Picture::Rois => (
            &["t", "bead", "y", "x"],
            json!([frames, places, height_px, width_px]),
            json!([frames_per_shard, layout.places(), height_px, width_px]),
            json!([1, group, height_px, width_px]),
        ),
    };
    let mut codecs = vec![little_endian()];
    if layout.packing == Packing::Zstd {
        codecs.push(json!({ "name": "zstd", "configuration": { "level": LEVEL, "checksum": true } }));
    }
    let sharding = json!({
        "name": "sharding_indexed",
        "configuration": {
            "chunk_shape": chunk,
            "codecs": codecs,
            "index_codecs": [little_endian(), { "name": "crc32c" }],
            "index_location": "end",
        },
    });
    let kind = if layout.format.bytes_per_px() == 1 { "uint8" } else { "uint16" };
    array(kind, 0, axes, shape, shard, &[sharding])
}

fn little_endian() -> Value {
    json!({ "name": "bytes", "configuration": { "endian": "little" } })
}

fn array(kind: &str, fill: i32, axes: &[&str], shape: Value, chunk: Value, codecs: &[Value]) -> Value {
    json!({
        "zarr_format": 3,
        "node_type": "array",
        "shape": shape,
        "data_type": kind,
        "chunk_grid": { "name": "regular", "configuration": { "chunk_shape": chunk } },
        "chunk_key_encoding": { "name": "default", "configuration": { "separator": "/" } },
        "fill_value": fill,
        "codecs": codecs,
        "dimension_names": axes,
        "attributes": {},
    })
}

/// The layout of the video in `folder`.
pub(super) fn read_layout(folder: &Path) -> io::Result<Layout> {
    let mut group = read(folder)?;
    let layout = Layout::deserialize(group["attributes"][OURS]["layout"].take())?;
    let impossible =
        || io::Error::new(io::ErrorKind::InvalidData, "its zarr.json is damaged: there is no such layout");
    layout.is_possible().then_some(layout).ok_or_else(impossible)
}

/// What a pixel and a frame stand for.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Scale {
    /// Size of a camera pixel in the sample, nm.
    pub(super) pixel_size_nm: f64,
    /// Frames per second of the camera at the beginning, Hz.
    pub(super) rate_hz: f64,
}

/// The scale of the video in `folder`.
pub(super) fn read_scale(folder: &Path) -> io::Result<Scale> {
    let mut group = read(folder)?;
    Scale::deserialize(group["attributes"][OURS].take()).map_err(io::Error::from)
}

/// From now on the video is in the array that `layout` tells, of this extent, and a power cut leaves the one or the other.
pub(super) fn move_to(folder: &Path, layout: &Layout, extent: Extent) -> io::Result<()> {
    let Extent { frames, places } = extent;
    let array = folder.join(layout.packing.array()).join(METADATA);
    write_durably(&array, format!("{:#}\n", pictures(layout, frames, places.max(1))).as_bytes())?;
    let mut group = read(folder)?;
    let attributes = &mut group["attributes"];
    attributes["ome"]["multiscales"][0]["datasets"][0]["path"] = layout.packing.array().into();
    attributes[OURS]["layout"] = json!(layout);
    aside::write(&folder.join(METADATA), |path| fs::write(path, format!("{group:#}\n")))
}

/// How long the arrays of the video in `folder` are said to be.
pub(super) fn read_extent(folder: &Path) -> io::Result<Extent> {
    let pictures = read_layout(folder)?.packing.array();
    let length = |array: &str, axis: usize| {
        let length = read(&folder.join(array))?["shape"][axis].as_u64();
        length.ok_or(io::Error::from(io::ErrorKind::InvalidData))
    };
    let frames = length(pictures, 0)?;
    for array in FRAME_NUMBERS.into_iter().chain([BEAD, CORNER]) {
        if length(array, 0)? != frames {
            return Err(io::Error::other(format!("the arrays {pictures} and {array} differ in length")));
        }
    }
    Ok(Extent { frames, places: length(BEAD, 1)? as usize })
}

fn read(folder: &Path) -> io::Result<Value> {
    serde_json::from_slice(&fs::read(folder.join(METADATA))?).map_err(io::Error::from)
}

/// Replaced as a whole: somebody may be reading. What a power cut makes of it, `recover` mends.
fn write(folder: &Path, metadata: &Value) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let aside = folder.join(".zarr.json.part");
    fs::write(&aside, format!("{metadata:#}\n"))?;
    fs::rename(aside, folder.join(METADATA))
}
