//! TIFF files: one frame per page, 8 or 16 bit grey.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult};
use tiff::tags::Tag;

use super::StackError;
use crate::camera::PixelFormat;

/// A TIFF of one or more pages, all alike.
pub(super) struct MultiPage {
    decoder: Decoder<BufReader<File>>,
    path: PathBuf,
    pub(super) len: usize,
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    pub(super) format: PixelFormat,
}

impl std::fmt::Debug for MultiPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MultiPage({:?}, {} pages)", self.path, self.len)
    }
}

impl MultiPage {
    /// Opens the file and walks all its pages, so that what is missing is known now and not an hour into a run.
    pub(super) fn open(path: &Path) -> Result<Self, StackError> {
        let file = File::open(path).map_err(|error| StackError::read(&error, path))?;
        let file_bytes = file.metadata().map_err(|error| StackError::read(&error, path))?.len();
        let mut decoder = Decoder::new(BufReader::new(file))
            .map_err(|error| StackError::damaged(format!("cannot decode ({error})"), path))?;
        let first = page(&mut decoder, path)?;
        let mut len = 0;
        loop {
            let damaged = |what: String| {
                StackError::damaged(
                    format!("truncated: page {len} {what}, {len} whole frames before it"),
                    path,
                )
            };
            let this = page(&mut decoder, path)?;
            if this != first {
                return Err(StackError::damaged(
                    format!("page {len} has another size or depth than page 0"),
                    path,
                ));
            }
            if last_byte(&mut decoder).is_none_or(|end| end > file_bytes) {
                return Err(damaged("ends after the file".to_owned()));
            }
            len += 1;
            if !decoder.more_images() {
                break;
            }
            decoder.next_image().map_err(|error| {
                StackError::damaged(
                    format!("truncated: page {len} cannot be read ({error}), {len} whole frames"),
                    path,
                )
            })?;
        }
        let (width_px, height_px, format) = first;
        Ok(Self { decoder, path: path.to_owned(), len, width_px, height_px, format })
    }

    pub(super) fn read_frame(&mut self, index: usize, out: &mut [u8]) -> Result<(), StackError> {
        let damaged =
            |error: tiff::TiffError| StackError::damaged(format!("page {index}: {error}"), &self.path);
        self.decoder.seek_to_image(index).map_err(damaged)?;
        match self.decoder.read_image().map_err(damaged)? {
            DecodingResult::U8(levels) if levels.len() == out.len() => out.copy_from_slice(&levels),
            DecodingResult::U16(levels) if levels.len() * 2 == out.len() => {
                for (to, level) in out.chunks_exact_mut(2).zip(levels) {
                    to.copy_from_slice(&level.to_le_bytes());
                }
            }
            _ => {
                let what = format!("page {index} decodes to another size than its header claims");
                return Err(StackError::damaged(what, &self.path));
            }
        }
        Ok(())
    }
}

/// Size and format of the current page.
fn page(decoder: &mut Decoder<BufReader<File>>, path: &Path) -> Result<(u32, u32, PixelFormat), StackError> {
    let damaged = |error: tiff::TiffError| StackError::damaged(format!("cannot decode ({error})"), path);
    let (width_px, height_px) = decoder.dimensions().map_err(damaged)?;
    if width_px == 0 || height_px == 0 {
        return Err(StackError::damaged("the image has no pixels".to_owned(), path));
    }
    let format = match decoder.colortype().map_err(damaged)? {
        ColorType::Gray(8) => PixelFormat::Mono8,
        ColorType::Gray(16) => PixelFormat::Mono16,
        other => {
            let what = format!("TIFF pixels of type {other:?}");
            return Err(StackError::unsupported(what, "save it as 8 or 16 bit grey", path));
        }
    };
    Ok((width_px, height_px, format))
}

/// Offset after the last byte of the current page's pixels; `None` if the page does not say where they are.
fn last_byte(decoder: &mut Decoder<BufReader<File>>) -> Option<u64> {
    let mut list = |tag| decoder.find_tag_unsigned_vec::<u64>(tag).ok().flatten();
    let offsets = list(Tag::StripOffsets).or_else(|| list(Tag::TileOffsets))?;
    let counts = list(Tag::StripByteCounts).or_else(|| list(Tag::TileByteCounts))?;
    offsets.iter().zip(&counts).map(|(offset, count)| offset.saturating_add(*count)).max()
}
