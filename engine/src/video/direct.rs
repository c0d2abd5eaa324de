//! Files that are written past the system's cache, which costs most of the time of a write at a gigabyte a second.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Creates a file to be written in pages of [`super::layout::ALIGN`] bytes, with room for `bytes`. Whether it is written past the cache is
/// the second of the answer: not every file system does it, and it is tried only if `is_wanted`.
pub(super) fn create(path: &Path, bytes: u64, is_wanted: bool) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    if !is_wanted {
        return Ok((options.open(path)?, false));
    }
    match create_direct(&options, path) {
        Ok(file) => {
            reserve(&file, bytes);
            Ok((file, true))
        }
        // A file system that refuses may have made the file all the same.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            Ok((options.create_new(false).create(true).open(path)?, false))
        }
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok((options.open(path)?, false)),
        Err(error) => Err(error),
    }
}

#[cfg(target_os = "linux")]
fn create_direct(options: &OpenOptions, path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.clone().custom_flags(rustix::fs::OFlags::DIRECT.bits() as i32).open(path)
}

#[cfg(not(target_os = "linux"))]
fn create_direct(_options: &OpenOptions, _path: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Takes room on the disk; the file's length stays, so that it tells after a crash how much was written. A disk that
/// refuses will say so when it is written to.
#[cfg(target_os = "linux")]
fn reserve(file: &File, bytes: u64) {
    let _ = rustix::fs::fallocate(file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, bytes);
}

#[cfg(not(target_os = "linux"))]
fn reserve(_file: &File, _bytes: u64) {}
