//! Tells other programs that a recording is being written, for as long as it is.
//!
//! The sign is a lock of the operating system on the partial file, through a handle of its own. It is a shared one, so
//! that h5py may read beside the writer, and it goes with the process, however that ends. The time of the last change
//! is no such sign: a camera that waits for its trigger brings nothing to write.
//!
//! Where locks are mandatory (Windows, SMB shares), a lock through one handle forbids writing through another, and some
//! network file systems have none. There no lock is held, and the time of the last change, renewed once a second, is
//! the sign.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::record::error::RecordError;

/// Without a lock, a file that was changed within this time may be growing still: it changes once a second.
const QUIET: Duration = Duration::from_secs(5);

/// A partial file that is this program's, until it is dropped.
pub(super) struct Claim {
    pub(super) file: File,
    pub(super) is_locked: bool,
}

impl Claim {
    /// Creates the file, which must not exist: the HDF5 library would empty an existing one.
    pub(super) fn create(partial: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(partial)?;
        let is_locked = file.try_lock_shared().is_ok();
        let claim = Self { file, is_locked };
        if is_locked && !is_written_beside(partial) {
            claim.file.unlock()?;
            return Ok(Self { is_locked: false, ..claim });
        }
        Ok(claim)
    }

    /// Says that the recording goes on although there is nothing to write.
    pub(super) fn renew(&self) {
        if !self.is_locked {
            // If even this is refused, the next write will tell.
            let _ = self.file.set_modified(SystemTime::now());
        }
    }
}

/// Whether the locked file can be written through another handle; the byte is overwritten with what comes next.
fn is_written_beside(partial: &Path) -> bool {
    let write = |mut file: File| file.write_all(&[0]).and_then(|()| file.sync_all());
    OpenOptions::new().write(true).open(partial).and_then(write).is_ok()
}

/// Makes sure that no program writes to a partial file. Nobody else takes the file as long as the handle lives; there is
/// none where locks are of no use.
///
/// # Errors
/// [`RecordError::InUse`] or [`RecordError::JustWritten`] if a program may be writing to it, or it cannot be opened.
pub(super) fn take_over(partial: &Path) -> Result<Option<File>, RecordError> {
    let failed = |error| RecordError::io("open the recording", partial, error);
    let file = OpenOptions::new().read(true).write(true).open(partial).map_err(failed)?;
    match file.try_lock() {
        Ok(()) if is_read_beside(partial) => return Ok(Some(file)),
        Err(TryLockError::WouldBlock) => return Err(RecordError::InUse { path: partial.to_path_buf() }),
        // The lock is mandatory, or there is none; it goes with the handle.
        Ok(()) | Err(TryLockError::Error(_)) => drop(file),
    }
    check_quiet(partial)?;
    Ok(None)
}

/// Whether the locked file can be read through another handle.
fn is_read_beside(partial: &Path) -> bool {
    File::open(partial).and_then(|mut file| file.read(&mut [0])).is_ok()
}

/// Refuses a file that was changed within the last 5 s.
pub(crate) fn check_quiet(partial: &Path) -> Result<(), RecordError> {
    let modified = fs::metadata(partial).and_then(|metadata| metadata.modified());
    let modified = modified.map_err(|error| RecordError::io("open the recording", partial, error))?;
    // A clock that ran back says nothing of the file.
    if modified.elapsed().is_ok_and(|age| age < QUIET) {
        return Err(RecordError::JustWritten { path: partial.to_path_buf() });
    }
    Ok(())
}
