//! A little disk space held back, so that a recording can still be closed properly when the disk is full.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Closing rewrites headers and attributes, some 20 kB of new space, and writes 144 B for each of [`MAX_GAPS`] gaps; the
/// rest is for file systems with large blocks.
pub(super) const RESERVE_BYTES: usize = 768 * 1024;

/// Gaps listed in a file one by one: as many as can be written when the disk is full. A run with more is broken; the
/// ledger and the frames' `lost_before` still count what the list leaves out.
pub const MAX_GAPS: usize = 4096;

/// The space is free again when this is dropped.
pub struct Reserve {
    /// Holds the space: on Unix the file has no name any more, so that a crash leaves nothing behind.
    _file: File,
    /// Where a file in use cannot be removed, the name to remove at the end.
    name: Option<PathBuf>,
}

impl Reserve {
    /// Takes the space in a file of this name, which must not exist.
    pub fn take(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let filled = file.write_all(&vec![0; RESERVE_BYTES]).and_then(|()| file.sync_all());
        let name = if cfg!(unix) || filled.is_err() {
            fs::remove_file(path)?;
            None
        } else {
            Some(path.to_path_buf())
        };
        filled.map(|()| Self { _file: file, name })
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // Best effort: a reserve that stays behind costs less than a megabyte and harms nothing.
            let _ = fs::remove_file(name);
        }
    }
}
