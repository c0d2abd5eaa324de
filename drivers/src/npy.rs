//! NumPy's `.npy` files: stacks of frames in and out, and lists of numbers in and out.
//!
//! Our own small reader, because a stack may be larger than memory and a damaged header must be refused before
//! anything is allocated for it. Format: NumPy enhancement proposal 1, versions 1 to 3, C order, little-endian.

mod header;
mod numbers;
mod writer;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::camera::PixelFormat;
use crate::stack::StackError;

pub(crate) use header::Header;
pub use numbers::{read_npy_f64, write_npy_f64x3};
pub use writer::NpyWriter;

/// A stack of frames in one `.npy` file, read frame by frame.
#[derive(Debug)]
pub(crate) struct NpyStack {
    file: File,
    path: PathBuf,
    data_at: u64,
    frame_bytes: usize,
    pub(crate) len: usize,
    pub(crate) width_px: u32,
    pub(crate) height_px: u32,
    pub(crate) format: PixelFormat,
}

impl NpyStack {
    /// Opens a stack of shape (n, h, w) or (h, w) and checks that the file holds every frame its header claims.
    pub(crate) fn open(path: &Path) -> Result<Self, StackError> {
        let mut file = File::open(path).map_err(|error| StackError::read(&error, path))?;
        let file_bytes = file.metadata().map_err(|error| StackError::read(&error, path))?.len();
        let header = Header::read(&mut file, path)?;
        let format = match header.dtype.as_str() {
            "|u1" | "<u1" | "u1" => PixelFormat::Mono8,
            "<u2" => PixelFormat::Mono16,
            other => {
                let what = format!("frames of dtype {other}");
                return Err(StackError::unsupported(
                    what,
                    "store them as uint8 or little-endian uint16",
                    path,
                ));
            }
        };
        let (claimed, height, width) = match *header.shape.as_slice() {
            [n, h, w] => (n, h, w),
            [h, w] => (1, h, w),
            _ => {
                let what = format!("an array of shape {}", header.shape_text());
                return Err(StackError::unsupported(what, "a stack is (n, h, w) or (h, w)", path));
            }
        };
        let (Ok(width_px), Ok(height_px)) = (u32::try_from(width), u32::try_from(height)) else {
            return Err(StackError::damaged(format!("header claims frames of {width} x {height} px"), path));
        };
        let frame_bytes = width
            .checked_mul(height)
            .and_then(|px| px.checked_mul(u64::try_from(format.bytes_per_px()).ok()?))
            .filter(|bytes| *bytes > 0)
            .ok_or_else(|| {
                StackError::damaged(format!("header claims frames of {width} x {height} px"), path)
            })?;
        let whole = file_bytes.saturating_sub(header.data_at) / frame_bytes;
        if claimed == 0 {
            let what = format!(
                "header claims 0 frames, the file holds {whole} whole frames (was writing cut short?)"
            );
            return Err(StackError::damaged(what, path));
        }
        if whole < claimed {
            let what =
                format!("truncated: header claims {claimed} frames, the file holds {whole} whole frames");
            return Err(StackError::damaged(what, path));
        }
        let (Ok(len), Ok(frame_bytes)) = (usize::try_from(claimed), usize::try_from(frame_bytes)) else {
            return Err(StackError::damaged("too large for this machine".to_owned(), path));
        };
        let data_at = header.data_at;
        Ok(Self { file, path: path.to_owned(), data_at, frame_bytes, len, width_px, height_px, format })
    }

    /// Reads frame `index` into `out`, which the caller has checked to be one frame long. Does not allocate.
    pub(crate) fn read_frame(&mut self, index: usize, out: &mut [u8]) -> Result<(), StackError> {
        // `index * frame_bytes` cannot overflow: `open` saw a file of that length.
        let at = self.data_at + (index * self.frame_bytes) as u64;
        self.file
            .seek(SeekFrom::Start(at))
            .and_then(|_| self.file.read_exact(out))
            .map_err(|error| StackError::read(&error, &self.path))
    }
}
