//! The frame on show as a file, in the folder of the recordings. No file is replaced.

use std::io::{self, Cursor};
use std::path::{Path, PathBuf};

use tiff::encoder::{Rational, TiffEncoder, colortype::Gray16};
use tiff::tags::{ResolutionUnit, Tag};

use crate::errands::{Done, Errand};
use crate::export::{free_path, write};
use crate::picture::Picture;

/// What kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// 8 or 16 bit, as the camera's.
    Png,
    /// 16 bit, with the size of a pixel.
    Tiff,
}

/// A frame by itself.
struct Still {
    size_px: [u32; 2],
    max_level: u16,
    levels: Vec<u16>,
    pixel_size_nm: f64,
}

/// What writes the frame on show.
///
/// # Errors
/// If there is none.
pub fn of(
    picture: &mut Picture,
    format: Format,
    folder: PathBuf,
    pixel_size_nm: f64,
) -> Result<Errand, &'static str> {
    picture.decode();
    if picture.is_empty() {
        return Err("no snapshot: there is no frame yet");
    }
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let still = Still {
        size_px: [side(picture.width_px), side(picture.height_px)],
        max_level: picture.max_level,
        levels: picture.levels().to_vec(),
        pixel_size_nm,
    };
    let name = format!("frame_{}", picture.frame);
    Ok(Box::new(move || Done::Written(still.write(format, &folder, &name))))
}

impl Still {
    fn write(&self, format: Format, folder: &Path, name: &str) -> Result<PathBuf, String> {
        let (bytes, extension) = match format {
            Format::Png => (self.png(), "png"),
            Format::Tiff => (self.tiff(), "tif"),
        };
        let path = free_path(folder, name, extension);
        let bytes = bytes.map_err(|error| format!("no snapshot: {error}"))?;
        write(&path, &bytes)?;
        Ok(path)
    }

    /// As it came from the camera, as a PNG of 8 or 16 bit; deeper levels are not stretched.
    fn png(&self) -> io::Result<Vec<u8>> {
        let (bytes, depth): (Vec<u8>, _) = match self.max_level {
            ..=255 => (self.levels.iter().map(|level| *level as u8).collect(), image::ExtendedColorType::L8),
            _ => (
                self.levels.iter().flat_map(|level| level.to_ne_bytes()).collect(),
                image::ExtendedColorType::L16,
            ),
        };
        let mut file = Cursor::new(Vec::new());
        let [width, height] = self.size_px;
        image::write_buffer_with_format(&mut file, &bytes, width, height, depth, image::ImageFormat::Png)
            .map_err(io::Error::other)?;
        Ok(file.into_inner())
    }

    /// Grey levels of 16 bit as they came from the camera, and how many pixels are in a centimetre.
    fn tiff(&self) -> io::Result<Vec<u8>> {
        self.to_tiff().map_err(io::Error::other)
    }

    fn to_tiff(&self) -> tiff::TiffResult<Vec<u8>> {
        let mut file = Cursor::new(Vec::new());
        let [width, height] = self.size_px;
        let mut encoder = TiffEncoder::new(&mut file)?;
        let mut page = encoder.new_image::<Gray16>(width, height)?;
        // A thousandth of a pixel in a centimetre; the cast saturates below 2.4 nm.
        let per_cm = Rational { n: (1e7 * 1e3 / self.pixel_size_nm).round() as u32, d: 1000 };
        let tags = page.encoder();
        tags.write_tag(Tag::ResolutionUnit, ResolutionUnit::Centimeter.to_u16())?;
        tags.write_tag(Tag::XResolution, per_cm.clone())?;
        tags.write_tag(Tag::YResolution, per_cm)?;
        page.write_data(&self.levels)?;
        Ok(file.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use tiff::decoder::{Decoder, DecodingResult};

    use super::*;
    use crate::picture::tests::ramp;

    fn written(picture: &mut Picture, format: Format, folder: &Path) -> Result<PathBuf, String> {
        match of(picture, format, folder.to_owned(), 112.5).unwrap()() {
            Done::Written(written) => written,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_png_keeps_every_grey_level() {
        let folder = tempfile::tempdir().unwrap();
        for max_level in [255, 4095] {
            let mut picture = ramp(7, 5);
            picture.max_level = max_level;
            let path = written(&mut picture, Format::Png, folder.path()).unwrap();
            let read = image::open(path).unwrap();
            let levels: Vec<u16> = match max_level {
                255 => read.as_luma8().unwrap().iter().map(|level| u16::from(*level)).collect(),
                _ => read.as_luma16().unwrap().to_vec(),
            };
            assert_eq!(levels, picture.levels(), "{max_level}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "the second replaced nothing");
    }

    #[test]
    fn a_tiff_keeps_every_grey_level_in_16_bit_and_the_size_of_a_pixel() {
        let folder = tempfile::tempdir().unwrap();
        let mut picture = ramp(7, 5);
        let path = written(&mut picture, Format::Tiff, &folder.path().join("new")).unwrap();
        let mut read = Decoder::new(File::open(&path).unwrap()).unwrap();
        assert_eq!(read.dimensions().unwrap(), (7, 5));
        let DecodingResult::U16(levels) = read.read_image().unwrap() else { panic!("not 16 bit") };
        assert_eq!(levels, picture.levels());
        assert_eq!(read.get_tag_u32(Tag::ResolutionUnit).unwrap(), 3, "centimetres");
        // 1 cm / 112.5 nm, in thousandths.
        assert_eq!(read.get_tag_u32_vec(Tag::XResolution).unwrap(), [88_888_889, 1000]);
    }

    #[test]
    fn why_there_is_no_snapshot_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let none = of(&mut Picture::default(), Format::Png, folder.path().to_owned(), 100.0);
        assert!(none.is_err_and(|why| why.contains("no frame")));
        let file = folder.path().join("a file");
        fs::write(&file, "").unwrap();
        let why = written(&mut ramp(7, 5), Format::Png, &file).unwrap_err();
        assert!(why.contains("choose another folder") && why.contains("a file"), "{why}");
    }
}
