//! Which existing files may be written over. A measurement cannot be made again: a recording is replaced by nothing.
//!
//! What holds a recording is not always seen: it may be damaged, or another program's. So of HDF5 files, and of files
//! named like one, only results of tracking and Z-LUTs are replaced, each by its own kind. Any other file is replaced as
//! by every program.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use beadscope_zlut::hdf5 as zlut;
use rust_hdf5::{H5File, H5Group};

use crate::offline::output;

/// The first bytes of an HDF5 file.
const SIGNATURE: [u8; 8] = *b"\x89HDF\r\n\x1a\n";
/// Extensions of files that hold a recording, or did before they were damaged.
const EXTENSIONS: [&str; 3] = ["h5", "hdf5", "partial"];

/// What is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Positions tracked in images on disk.
    Results,
    /// A Z-LUT.
    ZLut,
    /// A list or a picture.
    Other,
}

/// The file stays.
#[derive(Debug, thiserror::Error)]
#[error("the output would replace a recording, or a file of something else; choose another output: {}", .0.display())]
pub struct Refused(pub PathBuf);

/// Whether `output` may be written to `out`: nothing is there, or what can be made again. Ask before the work.
///
/// # Errors
/// [`Refused`] if it may be a recording.
pub fn check(out: &Path, output: Output) -> Result<(), Refused> {
    // Asking whether it is a file keeps pipes unread; one of the name that is no file is no recording.
    if !out.is_file() || !may_hold_a_recording(out) || is_same_kind(out, output) {
        return Ok(());
    }
    Err(Refused(out.to_path_buf()))
}

fn may_hold_a_recording(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    let is_named_so = extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()));
    // What cannot be read cannot be told.
    is_named_so || starts_as_hdf5(path).unwrap_or(true)
}

fn starts_as_hdf5(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(SIGNATURE.len() as u64).read_to_end(&mut start)?;
    Ok(start == SIGNATURE)
}

fn is_same_kind(path: &Path, output: Output) -> bool {
    let is = |kind: fn(&H5Group) -> bool| {
        H5File::options().no_locking().open(path).is_ok_and(|file| kind(&file.root_group()))
    };
    match output {
        Output::Results => is(output::is_offline),
        Output::ZLut => is(zlut::is_zlut),
        Output::Other => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_may_be_a_recording_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        H5File::create(path("mine.csv")).unwrap().close().unwrap();
        for name in ["tracks.h5", "TRACKS.H5", "a.hdf5", "tracks.h5.partial"] {
            fs::write(path(name), "damaged").unwrap();
        }
        for output in [Output::Results, Output::ZLut, Output::Other] {
            for name in ["mine.csv", "tracks.h5", "TRACKS.H5", "a.hdf5", "tracks.h5.partial"] {
                let refused = check(&path(name), output).unwrap_err();
                assert!(refused.to_string().ends_with(name), "{refused}");
            }
        }
    }

    #[test]
    fn what_can_be_made_again_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [("a.csv", "1,2"), ("b.png", ""), ("c.txt", "\u{89}HD")] {
            fs::write(folder.path().join(name), content).unwrap();
            check(&folder.path().join(name), Output::Other).unwrap();
        }
        check(&folder.path().join("none.h5"), Output::Results).unwrap();
    }
}
