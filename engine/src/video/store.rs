//! A video on disk: a folder with shards that are written one after the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::block::Block;
use super::layout::Layout;
use super::shard::Shard;
use super::zarr::{self, Description, Extent};
use crate::record::error::RecordError;

/// A video ends when no more than this is free: the recording of positions, which ends at half of it, goes on.
const KEEP_FREE_BYTES: u64 = 2_000_000_000;
/// Free space is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A video that is being written.
pub struct Store {
    folder: PathBuf,
    layout: Layout,
    /// What is in closed shards.
    extent: Extent,
    /// `None` after a failure.
    shard: Option<Shard>,
    next: Option<Shard>,
    /// Places that the last frame had.
    places: usize,
    number: u64,
    looked: Instant,
}

impl Store {
    /// Begins a video in `folder`, which must not exist. All that it needs for the first frames is taken here.
    ///
    /// # Errors
    /// If it cannot be written, or little space is left.
    pub fn create(folder: &Path, layout: Layout, about: &Description) -> Result<Self, RecordError> {
        let failed = |error| RecordError::io("begin a video", folder, error);
        fs::create_dir(folder).map_err(failed)?;
        let places = layout.group;
        let begun = check_space(folder).and_then(|()| {
            zarr::write_group(folder, &layout, about).map_err(failed)?;
            zarr::write_arrays(folder, &layout, Extent::default()).map_err(failed)?;
            Shard::create(folder, &layout, 0, places).map_err(failed)
        });
        // The error to tell is why there is no video.
        let shard = begun.inspect_err(|_| remove(folder))?;
        if !shard.is_direct() {
            tracing::info!(
                "the file system has no direct writing, so the video goes through its cache: {}",
                folder.display()
            );
        }
        let (folder, extent, looked) = (folder.to_path_buf(), Extent::default(), Instant::now());
        Ok(Self { folder, layout, extent, shard: Some(shard), next: None, places, number: 0, looked })
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How it lies in its files.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Whether it is written past the system's cache.
    pub fn is_direct(&self) -> bool {
        self.shard.as_ref().is_some_and(Shard::is_direct)
    }

    /// Removes it, when nothing was filmed.
    pub fn remove(self) {
        remove(&self.folder);
    }

    /// Frames in closed shards, and in the one that is written.
    pub(super) fn frames(&self) -> u64 {
        let open = self.shard.as_ref().map_or(0, |shard| shard.contents.frames());
        self.extent.frames + open as u64
    }

    /// Appends frames, which are of one shard.
    pub(super) fn write(&mut self, block: &Block) -> Result<(), RecordError> {
        if self.looked.elapsed() >= LOOK_EVERY {
            self.looked = Instant::now();
            check_space(&self.folder)?;
        }
        let (folder, layout) = (self.folder.clone(), self.layout.clone());
        let failed = |error| RecordError::io("write the video", &folder, error);
        let Some(shard) = &mut self.shard else {
            return Err(RecordError::Stopped { path: folder });
        };
        shard.write(&layout, block).map_err(failed)?;
        let frames = shard.contents.frames();
        self.places = shard.contents.last_places();
        if frames == layout.frames_per_shard {
            self.close_shard().map_err(failed)?;
            let next = match self.next.take() {
                Some(next) => next,
                None => Shard::create(&folder, &layout, self.number, self.places).map_err(failed)?,
            };
            self.shard = Some(next);
        } else if 2 * frames >= layout.frames_per_shard && self.next.is_none() {
            // Ahead, so that the end of this one does not wait for it.
            let next = Shard::create(&folder, &layout, self.number + 1, self.places);
            self.next = Some(next.map_err(failed)?);
        }
        Ok(())
    }

    fn close_shard(&mut self) -> std::io::Result<()> {
        let Some(shard) = self.shard.take() else { return Ok(()) };
        let extent = shard.extent(&self.layout, self.extent.places);
        shard.finish(&self.folder, &self.layout)?;
        self.number += 1;
        self.extent = extent;
        zarr::write_arrays(&self.folder, &self.layout, extent)
    }

    /// Closes the last shard; how many frames the video has.
    ///
    /// # Errors
    /// If the disk refuses. What is there then, `recover` makes whole.
    pub(super) fn finish(mut self) -> Result<u64, RecordError> {
        if let Some(next) = self.next.take() {
            next.remove();
        }
        match self.shard.take() {
            Some(empty) if empty.contents.frames() == 0 => empty.remove(),
            shard => self.shard = shard,
        }
        self.close_shard().map_err(|error| RecordError::io("finish the video", &self.folder, error))?;
        Ok(self.extent.frames)
    }
}

/// Whether the disk has room for a video, as far as it tells.
fn check_space(folder: &Path) -> Result<(), RecordError> {
    match fs4::available_space(folder) {
        Ok(free_bytes) if free_bytes <= KEEP_FREE_BYTES => Err(RecordError::Reserve {
            free_bytes,
            reserve_bytes: KEEP_FREE_BYTES,
            path: folder.to_path_buf(),
        }),
        // A file system that answers with an error may write all the same.
        _ => Ok(()),
    }
}

fn remove(folder: &Path) {
    // What is left of a video without frames is harmless.
    let _ = fs::remove_dir_all(folder);
}
