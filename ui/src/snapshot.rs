//! The frame on show as a file, in the folder of the recordings. No file is replaced.
//!
//! Runs on: `main`, which makes the file, and a thread `beadscope-snapshot` for each, which fills it: disks may be slow.

use std::fs::{self, File};
use std::io::{self, Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::thread::{Builder, JoinHandle};

use tiff::encoder::{Rational, TiffEncoder, colortype::Gray16};
use tiff::tags::{ResolutionUnit, Tag};

use crate::export::free_path;
use crate::picture::Picture;

/// What kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// 8 or 16 bit, as the camera's.
    Png,
    /// 16 bit, with the size of a pixel.
    Tiff,
}

/// Snapshots that are being written.
#[derive(Default)]
pub struct Snapshots {
    writing: Vec<JoinHandle<Result<PathBuf, String>>>,
}

/// A frame by itself.
struct Still {
    size_px: [u32; 2],
    max_level: u16,
    levels: Vec<u16>,
    pixel_size_nm: f64,
}

impl Snapshots {
    /// Begins to write the frame on show; [`taken`](Self::taken) tells when it is done.
    ///
    /// # Errors
    /// If the file cannot be made: why, and where.
    pub fn take(
        &mut self,
        picture: &mut Picture,
        format: Format,
        folder: &Path,
        pixel_size_nm: f64,
    ) -> Result<(), String> {
        picture.decode();
        if picture.is_empty() {
            return Err("no snapshot: there is no frame yet".to_owned());
        }
        let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        let still = Still {
            size_px: [side(picture.width_px), side(picture.height_px)],
            max_level: picture.max_level,
            levels: picture.levels().to_vec(),
            pixel_size_nm,
        };
        let extension = match format {
            Format::Png => "png",
            Format::Tiff => "tif",
        };
        let path = free_path(folder, &format!("frame_{}", picture.frame), extension);
        let failed = |error: &io::Error| {
            format!("no snapshot: {error}; choose another folder in the pane Run: {}", path.display())
        };
        // Made at once, so that the next one has another name.
        let file = fs::create_dir_all(folder).and_then(|()| File::create_new(&path));
        let file = file.map_err(|error| failed(&error))?;
        let at = path.clone();
        let thread = Builder::new().name("beadscope-snapshot".to_owned()).spawn(move || {
            let bytes = match format {
                Format::Png => still.png(),
                Format::Tiff => still.tiff(),
            };
            let written = bytes.and_then(|bytes| { &file }.write_all(&bytes));
            written.map(|()| at.clone()).map_err(|error| {
                // What is there is no picture.
                let _ = fs::remove_file(&at);
                format!("no snapshot: {error}: {}", at.display())
            })
        });
        self.writing.push(thread.map_err(|error| failed(&error))?);
        Ok(())
    }

    /// The path of each that has been written since, or why not.
    pub fn taken(&mut self) -> Vec<Result<PathBuf, String>> {
        let done = self.writing.extract_if(.., |thread| thread.is_finished());
        done.map(|thread| thread.join().unwrap_or_else(|_| Err("no snapshot; please report it".to_owned())))
            .collect()
    }
}

impl Drop for Snapshots {
    /// What was begun is finished.
    fn drop(&mut self) {
        for thread in self.writing.drain(..) {
            if let Ok(Err(why)) = thread.join() {
                tracing::warn!("{why}");
            }
        }
    }
}

impl Still {
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
    use tiff::decoder::{Decoder, DecodingResult};

    use super::*;
    use crate::picture::tests::ramp;

    fn written(picture: &mut Picture, format: Format, folder: &Path) -> PathBuf {
        let mut snapshots = Snapshots::default();
        snapshots.take(picture, format, folder, 112.5).unwrap();
        loop {
            if let Some(written) = snapshots.taken().pop() {
                return written.unwrap();
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_png_keeps_every_grey_level() {
        let folder = tempfile::tempdir().unwrap();
        for max_level in [255, 4095] {
            let mut picture = ramp(7, 5);
            picture.max_level = max_level;
            let path = written(&mut picture, Format::Png, folder.path());
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
        let path = written(&mut picture, Format::Tiff, &folder.path().join("new"));
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
        let mut snapshots = Snapshots::default();
        let mut none = Picture::default();
        let why = snapshots.take(&mut none, Format::Png, folder.path(), 100.0).unwrap_err();
        assert!(why.contains("no frame"), "{why}");
        let file = folder.path().join("a file");
        fs::write(&file, "").unwrap();
        let why = snapshots.take(&mut ramp(7, 5), Format::Png, &file, 100.0).unwrap_err();
        assert!(why.starts_with("no snapshot") && why.contains("a file"), "{why}");
    }
}
