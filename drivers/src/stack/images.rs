//! Single images (PNG, JPEG) and folders of images.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use image::{ColorType, DynamicImage};

use super::{Kind, MultiPage, StackError};
use crate::camera::PixelFormat;

/// One decoded image, as it lies in a camera slot.
pub(super) struct Picture {
    pub(super) bytes: Vec<u8>,
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    pub(super) format: PixelFormat,
    pub(super) was_colour: bool,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({} x {} {:?})", self.width_px, self.height_px, self.format)
    }
}

impl Picture {
    /// Decodes a PNG or JPEG file; colour becomes luma.
    pub(super) fn open(path: &Path) -> Result<Self, StackError> {
        let file = std::fs::read(path).map_err(|error| StackError::read(&error, path))?;
        if file.starts_with(&[0xff, 0xd8]) && !jpeg_is_whole(&file) {
            return Err(StackError::damaged("truncated JPEG: the image does not end".to_owned(), path));
        }
        let decoded = image::load_from_memory(&file)
            .map_err(|error| StackError::damaged(format!("cannot decode ({error})"), path))?;
        let (width_px, height_px) = (decoded.width(), decoded.height());
        if width_px == 0 || height_px == 0 {
            return Err(StackError::damaged("the image has no pixels".to_owned(), path));
        }
        let color = decoded.color();
        let was_colour = color.has_color();
        let (format, bytes) = match color {
            ColorType::L8 | ColorType::La8 | ColorType::Rgb8 | ColorType::Rgba8 => {
                (PixelFormat::Mono8, decoded.into_luma8().into_raw())
            }
            ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16 => {
                (PixelFormat::Mono16, little_endian(decoded))
            }
            other => {
                let what = format!("pixels of type {other:?}");
                return Err(StackError::unsupported(what, "save it as 8 or 16 bit grey", path));
            }
        };
        Ok(Self { bytes, width_px, height_px, format, was_colour })
    }
}

fn little_endian(image: DynamicImage) -> Vec<u8> {
    image.into_luma16().into_raw().into_iter().flat_map(u16::to_le_bytes).collect()
}

/// Whether a JPEG's last scan is followed by its end marker. The decoder fills a cut image with grey, which would
/// pass for a measurement. Inside a scan 0xff is always followed by 0x00 or a restart marker (ITU-T T.81, B.1.1.5),
/// so neither marker can be part of the pixels.
fn jpeg_is_whole(file: &[u8]) -> bool {
    let last = |marker: u8| file.windows(2).rposition(|pair| pair == [0xff, marker]);
    match (last(0xda), last(0xd9)) {
        (Some(scan), Some(end)) => scan < end,
        _ => false,
    }
}

/// A folder of images, one frame each, in the order of the numbers in their names.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) files: Vec<PathBuf>,
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    pub(super) format: PixelFormat,
    pub(super) was_colour: bool,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self, StackError> {
        let entries = std::fs::read_dir(path).map_err(|error| StackError::read(&error, path))?;
        let mut files = Vec::new();
        for entry in entries {
            let file = entry.map_err(|error| StackError::read(&error, path))?.path();
            if is_image_name(&file) {
                files.push(file);
            }
        }
        files.sort_by(|a, b| natural_order(&a.to_string_lossy(), &b.to_string_lossy()));
        let Some(first) = files.first() else {
            return Err(StackError::damaged("the folder holds no PNG, JPEG or TIFF image".to_owned(), path));
        };
        let Picture { width_px, height_px, format, was_colour, .. } = open_one(first)?;
        Ok(Self { files, width_px, height_px, format, was_colour })
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    pub(super) fn read_frame(&mut self, index: usize, out: &mut [u8]) -> Result<(), StackError> {
        let path = &self.files[index];
        let picture = open_one(path)?;
        if (picture.width_px, picture.height_px, picture.format)
            != (self.width_px, self.height_px, self.format)
        {
            let what = format!(
                "{picture:?} among images of {} x {} {:?}",
                self.width_px, self.height_px, self.format
            );
            return Err(StackError::damaged(what, path));
        }
        out.copy_from_slice(&picture.bytes);
        Ok(())
    }
}

/// One image of a folder; a TIFF must have one page.
fn open_one(path: &Path) -> Result<Picture, StackError> {
    match Kind::of_file(path)? {
        Kind::Picture => Picture::open(path),
        Kind::Tiff => {
            let mut pages = MultiPage::open(path)?;
            if pages.len != 1 {
                let what = format!("a TIFF of {} pages in a folder of images", pages.len);
                return Err(StackError::unsupported(what, "open that file itself", path));
            }
            let MultiPage { width_px, height_px, format, .. } = pages;
            let mut bytes = vec![0; width_px as usize * height_px as usize * format.bytes_per_px()];
            pages.read_frame(0, &mut bytes)?;
            Ok(Picture { bytes, width_px, height_px, format, was_colour: false })
        }
        Kind::Npy => Err(StackError::unsupported(
            "a .npy file in a folder of images".to_owned(),
            "open that file itself",
            path,
        )),
    }
}

fn is_image_name(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    matches!(extension.as_deref(), Some("png" | "jpg" | "jpeg" | "tif" | "tiff"))
}

/// Compares names as a person does: `frame9` comes before `frame10`.
fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut a_rest, mut b_rest) = (a, b);
    while !a_rest.is_empty() && !b_rest.is_empty() {
        let (a_part, a_next) = next_part(a_rest);
        let (b_part, b_next) = next_part(b_rest);
        let both_numbers = a_part.starts_with(|c: char| c.is_ascii_digit())
            && b_part.starts_with(|c: char| c.is_ascii_digit());
        let order = if both_numbers {
            // Without leading zeros the longer number is the larger, however many digits it has.
            let (a_digits, b_digits) = (a_part.trim_start_matches('0'), b_part.trim_start_matches('0'));
            a_digits.len().cmp(&b_digits.len()).then_with(|| a_digits.cmp(b_digits))
        } else {
            a_part.cmp(b_part)
        };
        if order.is_ne() {
            return order;
        }
        (a_rest, b_rest) = (a_next, b_next);
    }
    // Equal so far (`f1` and `f01` too): shorter first, then by letters, so that the order is total.
    a_rest.len().cmp(&b_rest.len()).then_with(|| a.cmp(b))
}

/// Splits off the first run of digits or of anything else.
fn next_part(text: &str) -> (&str, &str) {
    let is_number = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != is_number).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_their_numbers() {
        let mut names =
            vec!["f10.png", "f9.png", "f010b.png", "f1.png", "a100.png", "f123456789012345678901.png"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(
            names,
            ["a100.png", "f1.png", "f9.png", "f10.png", "f010b.png", "f123456789012345678901.png"]
        );
    }

    #[test]
    fn names_that_differ_only_in_zeros_keep_one_order() {
        assert_eq!(natural_order("f01", "f1"), natural_order("f1", "f01").reverse());
        assert!(natural_order("f01", "f1").is_ne());
    }
}
