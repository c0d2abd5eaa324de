//! How fast a disk takes a video, found out before the run, by writing as a video is written.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::block::Block;
use super::direct;

/// Written at a time, and how often at most.
const BLOCK_BYTES: usize = 4 << 20;
const MOST_BLOCKS: u64 = 16;
/// A slow disk is known sooner.
const LONGEST: Duration = Duration::from_secs(1);
/// A disk that takes so many times what a video needs has time for all else.
const ENOUGH: f64 = 1.2;

/// Bytes a second that the disk of `folder` takes past the system's cache, or through it and synced where it must: a file of
/// 67 MB at most, which is gone afterwards. It takes a second, or the disk takes longer for 4 MB.
///
/// # Errors
/// If the folder cannot be written to.
pub(crate) fn measure(folder: &Path) -> io::Result<f64> {
    let folder = tempfile::Builder::new().prefix(".beadscope-").tempdir_in(folder)?;
    let (mut file, is_direct) =
        direct::create(&folder.path().join("disk"), MOST_BLOCKS * BLOCK_BYTES as u64, true)?;
    let mut block = Block::new(BLOCK_BYTES);
    // Not all the same: some file systems store that for nothing.
    for (number, byte) in (0_u32..).zip(block.add(BLOCK_BYTES).into_iter().flatten()) {
        *byte = (number.wrapping_mul(2_654_435_761) >> 24) as u8;
    }
    let (start, mut bytes) = (Instant::now(), 0);
    for _ in 0..MOST_BLOCKS {
        file.write_all(block.bytes())?;
        if !is_direct {
            file.sync_data()?;
        }
        bytes += block.bytes().len();
        if start.elapsed() > LONGEST {
            break;
        }
    }
    file.sync_data()?;
    Ok(bytes as f64 / start.elapsed().as_secs_f64())
}

/// What the experimenter should know before a video of `needed` bytes a second goes to `folder`; nothing if its disk is fast
/// enough, or nobody knows.
pub fn doubt(folder: &Path, needed: f64) -> Option<String> {
    // It may be made with the first run.
    let existing = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    let taken = measure(existing).ok()?;
    tracing::info!(
        "the disk takes {:.0} MB/s, the video {:.0} MB/s: {}",
        taken / 1e6,
        needed / 1e6,
        folder.display()
    );
    (taken < ENOUGH * needed).then(|| {
        format!(
            "the disk takes {:.0} MB/s and the video needs {:.0} MB/s, so that frames of the video may be lost (positions \
             are not): film fewer or smaller ROIs, lower the rate, or record to a faster disk: {}",
            taken / 1e6,
            needed / 1e6,
            folder.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_disk_takes_is_doubted_and_what_each_takes_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let runs = folder.path().join("runs");
        assert_eq!(doubt(&runs, 1.0), None);
        let told = doubt(&runs, 1e15).unwrap();
        assert!(told.contains("the video needs 1000000000 MB/s") && told.ends_with("runs"), "{told}");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "nothing is left behind");
    }
}
