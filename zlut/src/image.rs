//! Z-LUTs as grey pictures (PNG, JPEG), as QTrk draws them: row = plane, column = ring.

use std::{io::Cursor, path::Path};

use image::{DynamicImage, ImageFormat, ImageReader};

use crate::{
    assume,
    error::FileError,
    file::{ReadOptions, file_name, read_error, read_whole, too_large},
    table::{Origin, ZLut},
};

const FORMAT: &str = "image";
/// No picture of a Z-LUT is that large.
const MAX_BYTES: u64 = 64 << 20;

/// Reads a grey picture of 8 or 16 bit as a Z-LUT; grey levels are kept as they are.
///
/// # Errors
/// A picture that cannot be decoded, one with colour, or one that is no Z-LUT.
pub fn read(path: &Path, options: &ReadOptions) -> Result<ZLut, FileError> {
    let wrong = |reason| FileError::Content { format: FORMAT, reason, path: path.into() };
    let bytes = read_whole(path, MAX_BYTES)?.ok_or_else(|| wrong(too_large(MAX_BYTES)))?;
    let reader = ImageReader::new(Cursor::new(&bytes)).with_guessed_format().map_err(read_error(path))?;
    let is_jpeg = reader.format() == Some(ImageFormat::Jpeg);
    if is_jpeg && !has_jpeg_end(&bytes) {
        return Err(wrong("the file is cut short".into()));
    }
    let picture = reader.decode().map_err(|error| wrong(error.to_string()))?;
    let (n_rings, n_planes) = (picture.width() as usize, picture.height() as usize);
    let Some(profiles) = grey_levels(&picture) else {
        return Err(wrong("it has colours, a table has grey levels only".into()));
    };

    let source = format!("image {}, row = plane, column = ring", file_name(path));
    let mut origin = Origin { source, ..Origin::default() };
    origin.assumed.push("Each row of the image is taken as a plane and each column as a ring.".into());
    if is_jpeg {
        origin
            .assumed
            .push("JPEG changed the grey levels when the image was saved: they are not exact.".into());
    }
    let z_nm = assume::heights_nm(&mut origin, n_planes, options);
    assume::no_radii(&mut origin);
    ZLut::new(z_nm, n_rings, profiles, origin).map_err(|error| FileError::Table { error, path: path.into() })
}

/// All pixels row by row, or `None` where one has a colour.
fn grey_levels(picture: &DynamicImage) -> Option<Vec<f32>> {
    match picture {
        DynamicImage::ImageLuma8(grey) => Some(grey.as_raw().iter().map(|&g| f32::from(g)).collect()),
        DynamicImage::ImageLuma16(grey) => Some(grey.as_raw().iter().map(|&g| f32::from(g)).collect()),
        other => {
            let rgb = other.to_rgb16();
            let is_grey = rgb.pixels().all(|pixel| pixel.0[0] == pixel.0[1] && pixel.0[1] == pixel.0[2]);
            // `to_rgb16` spreads 8 bit over 16: 255 becomes 255 · 257.
            let is_8_bit = other.color().bytes_per_pixel() == other.color().channel_count();
            let scale = if is_8_bit { 257.0 } else { 1.0 };
            is_grey.then(|| rgb.pixels().map(|pixel| f32::from(pixel.0[0]) / scale).collect())
        }
    }
}

/// The decoder fills up a JPEG that is cut short with grey and says nothing. Within the coded picture `ff`
/// is always followed by `00` or a restart marker, so that the end marker occurs at the end only (ITU-T
/// T.81, B.1.1.2 and F.1.2.3).
fn has_jpeg_end(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| pair == [0xff, 0xd9])
}
