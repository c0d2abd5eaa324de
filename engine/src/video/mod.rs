//! Video: the frames, or the crop of every ROI, as an OME-Zarr 0.5 folder beside the positions.
//!
//! An uncompressed shard of Zarr 3 is the raw bytes and an index behind them, so what is written while frames come are
//! records in preallocated files, past the system's cache; each becomes a shard when it is full. The frame's numbers
//! and its beads are in the record, which is how [`recover`] finds what a crash has left.

pub mod bench;
mod block;
pub mod compress;
mod crc32c;
mod direct;
mod disk;
pub mod disk_speed;
pub(crate) mod film;
mod frame_record;
pub mod layout;
mod mode;
mod places;
pub(crate) mod plan;
pub(crate) mod reader;
pub mod recover;
mod shard;
mod shard_reader;
pub mod status;
pub mod store;
pub mod tiff;
pub mod verify;
pub mod zarr;

pub use mode::Mode;

use std::path::{Path, PathBuf};

/// Where a run's video is.
pub fn video_path(run: &Path) -> PathBuf {
    run.join("video.ome.zarr")
}

#[cfg(test)]
mod tests;
