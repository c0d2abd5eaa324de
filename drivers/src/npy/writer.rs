//! Writes a stack of frames as `.npy`, frame by frame.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::header::MAGIC;
use crate::camera::PixelFormat;
use crate::stack::StackError;

/// Room for the header, in bytes: enough for any shape, and a multiple of 64 as NumPy wants it.
const HEADER_BYTES: usize = 128;

/// A `.npy` stack that grows frame by frame; the number of frames is written by [`NpyWriter::finish`].
///
/// A stack that was never finished says 0 frames in its header, and [`crate::stack::Stack::open`] says so.
#[derive(Debug)]
pub struct NpyWriter {
    file: BufWriter<File>,
    path: PathBuf,
    width_px: u32,
    height_px: u32,
    format: PixelFormat,
    frames: u64,
}

impl NpyWriter {
    /// Creates the file, replacing what was there.
    ///
    /// # Errors
    /// [`StackError`] if the file cannot be written.
    pub fn create(
        path: &Path,
        width_px: u32,
        height_px: u32,
        format: PixelFormat,
    ) -> Result<Self, StackError> {
        let file = File::create(path).map_err(|error| StackError::write(&error, path))?;
        let file = BufWriter::with_capacity(1 << 20, file);
        let mut writer = Self { file, path: path.to_owned(), width_px, height_px, format, frames: 0 };
        writer.write_header()?;
        Ok(writer)
    }

    /// Appends one frame, as it lies in a camera slot.
    ///
    /// # Errors
    /// [`StackError`] if `frame` has the wrong size or the disk refuses it.
    pub fn append(&mut self, frame: &[u8]) -> Result<(), StackError> {
        let expected = self.width_px as usize * self.height_px as usize * self.format.bytes_per_px();
        if frame.len() != expected {
            return Err(StackError::WrongSize { got: frame.len(), expected, path: self.path.clone() });
        }
        self.file.write_all(frame).map_err(|error| StackError::write(&error, &self.path))?;
        self.frames += 1;
        Ok(())
    }

    /// Writes the number of frames into the header, closes the file and returns that number.
    ///
    /// # Errors
    /// [`StackError`] if the disk refuses the last bytes.
    pub fn finish(mut self) -> Result<u64, StackError> {
        self.file.seek(SeekFrom::Start(0)).map_err(|error| StackError::write(&error, &self.path))?;
        self.write_header()?;
        self.file.flush().map_err(|error| StackError::write(&error, &self.path))?;
        Ok(self.frames)
    }

    fn write_header(&mut self) -> Result<(), StackError> {
        let dtype = if self.format == PixelFormat::Mono8 { "|u1" } else { "<u2" };
        let shape = format!("({}, {}, {})", self.frames, self.height_px, self.width_px);
        self.file
            .write_all(&header_bytes(dtype, &shape))
            .map_err(|error| StackError::write(&error, &self.path))
    }
}

/// A version 1 header of [`HEADER_BYTES`] bytes, padded with spaces and ended by a new line.
pub(super) fn header_bytes(dtype: &str, shape: &str) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 0, (HEADER_BYTES - 10) as u8, 0]);
    bytes.extend(format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}").bytes());
    bytes.resize(HEADER_BYTES - 1, b' ');
    bytes.push(b'\n');
    bytes
}
