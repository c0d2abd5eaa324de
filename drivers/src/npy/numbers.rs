//! Lists of numbers as `.npy`: heights of a focus sweep in, positions out.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

use super::header::Header;
use super::writer::header_bytes;
use crate::stack::StackError;

/// Reads a 1-D `.npy` of `f64`, `f32` or any little-endian integer as `f64`.
///
/// # Errors
/// [`StackError`] if the file cannot be read, is damaged, or holds another kind of array.
pub fn read_npy_f64(path: &Path) -> Result<Vec<f64>, StackError> {
    let mut file = File::open(path).map_err(|error| StackError::read(&error, path))?;
    let file_bytes = file.metadata().map_err(|error| StackError::read(&error, path))?.len();
    let header = Header::read(&mut file, path)?;
    let [len] = *header.shape.as_slice() else {
        let what = format!("an array of shape {}", header.shape_text());
        return Err(StackError::unsupported(what, "a list of numbers is (n,)", path));
    };
    let (bytes_each, convert) = number(&header.dtype).ok_or_else(|| {
        let what = format!("numbers of dtype {}", header.dtype);
        StackError::unsupported(what, "store them as float64", path)
    })?;
    let held = file_bytes.saturating_sub(header.data_at) / bytes_each as u64;
    if held < len {
        let what = format!("truncated: header claims {len} numbers, the file holds {held}");
        return Err(StackError::damaged(what, path));
    }
    let mut bytes = Vec::new();
    file.take(len * bytes_each as u64)
        .read_to_end(&mut bytes)
        .map_err(|error| StackError::read(&error, path))?;
    Ok(bytes.chunks_exact(bytes_each).map(convert).collect())
}

/// Makes a number of its bytes.
type Convert = fn(&[u8]) -> f64;

/// How to read one number of this dtype: its size in bytes, and a function that is given just so many.
fn number(dtype: &str) -> Option<(usize, Convert)> {
    /// Copies up to eight bytes, so that each conversion below can take what it needs.
    fn wide(bytes: &[u8]) -> [u8; 8] {
        let mut all = [0; 8];
        all.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        all
    }
    fn four(bytes: &[u8]) -> [u8; 4] {
        let [a, b, c, d, ..] = wide(bytes);
        [a, b, c, d]
    }
    fn two(bytes: &[u8]) -> [u8; 2] {
        let [a, b, ..] = wide(bytes);
        [a, b]
    }
    Some(match dtype.trim_start_matches(['<', '|']) {
        "f8" => (8, |b| f64::from_le_bytes(wide(b))),
        "f4" => (4, |b| f64::from(f32::from_le_bytes(four(b)))),
        // 64-bit integers above 2^53 lose their last digits in an f64; no height in nm comes near.
        "i8" => (8, |b| i64::from_le_bytes(wide(b)) as f64),
        "u8" => (8, |b| u64::from_le_bytes(wide(b)) as f64),
        "i4" => (4, |b| f64::from(i32::from_le_bytes(four(b)))),
        "u4" => (4, |b| f64::from(u32::from_le_bytes(four(b)))),
        "i2" => (2, |b| f64::from(i16::from_le_bytes(two(b)))),
        "u2" => (2, |b| f64::from(u16::from_le_bytes(two(b)))),
        "i1" => (1, |b| f64::from(i8::from_le_bytes([wide(b)[0]]))),
        "u1" => (1, |b| f64::from(wide(b)[0])),
        _ => return None,
    })
}

/// Writes `rows` as a `.npy` of shape (n, 3) and dtype `<f8`.
///
/// # Errors
/// [`StackError`] if the file cannot be written.
pub fn write_npy_f64x3(path: &Path, rows: &[[f64; 3]]) -> Result<(), StackError> {
    let write = || -> std::io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(&header_bytes("<f8", &format!("({}, 3)", rows.len())))?;
        for number in rows.iter().flatten() {
            file.write_all(&number.to_le_bytes())?;
        }
        file.flush()
    };
    write().map_err(|error| StackError::write(&error, path))
}
