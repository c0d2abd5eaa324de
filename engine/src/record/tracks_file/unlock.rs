//! Clears the mark "being written", without which no program but ours opens a recording that a crash left behind.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use rust_hdf5::format::superblock::SuperblockV2V3;

use crate::record::error::RecordError;

/// A superblock with 8-byte addresses.
const SUPERBLOCK_BYTES: usize = 48;

/// Clears the mark "being written" of a partial file and sets its end to the end of the file, in one write of 48
/// bytes. After that plain `h5py.File(path)` opens it.
///
/// No program may be writing to the file.
///
/// # Errors
/// If it cannot be written, or its first 48 bytes are damaged or of another kind of file.
pub(super) fn unlock(partial: &Path) -> Result<(), RecordError> {
    let failed = |error| RecordError::io("unlock the recording", partial, error);
    let mut file = OpenOptions::new().read(true).write(true).open(partial).map_err(failed)?;
    let mut bytes = [0; SUPERBLOCK_BYTES];
    let length = file.read_exact(&mut bytes).and_then(|()| file.metadata()).map_err(failed)?.len();
    let mut superblock = SuperblockV2V3::decode(&bytes).map_err(|error| RecordError::Hdf5 {
        action: "unlock the recording",
        cause: error.to_string(),
        path: partial.to_path_buf(),
    })?;
    // libhdf5 calls a file that is shorter than its stated end truncated, and finds nothing behind that end.
    let end = superblock.end_of_file_address.max(length);
    superblock.file_consistency_flags = 0;
    superblock.end_of_file_address = end;
    rewrite(&mut file, end, &superblock.encode()).map_err(failed)
}

fn rewrite(file: &mut File, end: u64, superblock: &[u8]) -> io::Result<()> {
    file.set_len(end)?;
    file.rewind()?;
    file.write_all(superblock)?;
    file.sync_all()
}
