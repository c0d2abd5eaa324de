//! A video on disk: a folder with shards that are written one after the other.

use std::fs;
use std::path::{Path, PathBuf};

use super::block::Block;
use super::layout::Layout;
use super::shard::Shard;
use super::zarr::{self, Description, Extent};
use crate::record::error::RecordError;
use crate::record::space::check_video;

/// A video that is being written.
pub struct Store {
    folder: PathBuf,
    layout: Layout,
    /// What is in closed shards.
    extent: Extent,
    /// `None` after a failure.
    shard: Option<Shard>,
    next: Option<Shard>,
    /// Frames that were written.
    frames: u64,
    /// Places that the last frame had.
    places: usize,
    number: u64,
    /// The system writes past its cache, as far as is known.
    is_direct: bool,
    #[cfg(test)]
    is_broken: bool,
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
        let begun = check_video(folder, None).and_then(|()| {
            zarr::write_group(folder, &layout, about).map_err(failed)?;
            zarr::write_arrays(folder, &layout, Extent::default()).map_err(failed)?;
            Shard::create(folder, &layout, 0, places, true).map_err(failed)
        });
        // The error to tell is why there is no video.
        let shard = begun.inspect_err(|_| remove(folder))?;
        let mut store = Self {
            folder: folder.to_path_buf(),
            layout,
            extent: Extent::default(),
            shard: None,
            next: None,
            frames: 0,
            places,
            number: 0,
            is_direct: true,
            #[cfg(test)]
            is_broken: false,
        };
        store.note_cache(shard.is_direct());
        store.shard = Some(shard);
        Ok(store)
    }

    /// Remembers that the file system refuses direct writing.
    fn note_cache(&mut self, is_direct: bool) {
        if self.is_direct && !is_direct {
            let folder = self.folder.display();
            tracing::info!(
                "the file system refuses direct writing, so the video goes through its cache: {folder}"
            );
        }
        self.is_direct &= is_direct;
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
        self.is_direct
    }

    /// Removes it, when nothing was filmed.
    pub fn remove(self) {
        let folder = self.folder.clone();
        // Some systems remove no file that is open.
        drop(self);
        remove(&folder);
    }

    /// Frames that were written, in closed shards and in the one that is not.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// The disk takes nothing more.
    #[cfg(test)]
    pub(super) fn break_disk(&mut self) {
        self.is_broken = true;
    }

    /// Appends frames, which are of one shard.
    pub(super) fn write(&mut self, block: &Block) -> Result<(), RecordError> {
        #[cfg(test)]
        if self.is_broken {
            return Err(RecordError::DiskFull { path: self.folder.clone() });
        }
        let Some(shard) = &mut self.shard else {
            return Err(RecordError::Stopped { path: self.folder.clone() });
        };
        let failed = |error| RecordError::io("write the video", &self.folder, error);
        shard.write(&self.layout, block).map_err(failed)?;
        self.frames += block.frames;
        self.places = shard.contents.last_places();
        let (in_shard, is_direct) = (shard.contents.frames(), shard.is_direct());
        self.note_cache(is_direct);
        if in_shard == self.layout.frames_per_shard {
            self.close_shard()?;
            self.shard = match self.next.take() {
                None => Some(self.create_shard()?),
                next => next,
            };
        } else if 2 * in_shard >= self.layout.frames_per_shard && self.next.is_none() {
            // Ahead, so that the end of this one does not wait for it.
            self.next = Some(self.create_shard()?);
        }
        Ok(())
    }

    /// The shard behind the one that is written, or behind those that are closed.
    fn create_shard(&self) -> Result<Shard, RecordError> {
        let number = self.number + u64::from(self.shard.is_some());
        let created = Shard::create(&self.folder, &self.layout, number, self.places, self.is_direct);
        created.map_err(|error| RecordError::io("write the video", &self.folder, error))
    }

    fn close_shard(&mut self) -> Result<(), RecordError> {
        let Some(shard) = self.shard.take() else { return Ok(()) };
        let unfinished = |error| RecordError::VideoUnfinished { error, path: self.folder.clone() };
        let extent = shard.extent(&self.layout, self.extent.places);
        shard.finish(&self.folder, &self.layout).map_err(unfinished)?;
        zarr::write_arrays(&self.folder, &self.layout, extent).map_err(unfinished)?;
        (self.number, self.extent) = (self.number + 1, extent);
        Ok(())
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
        self.close_shard()?;
        Ok(self.frames)
    }
}

fn remove(folder: &Path) {
    // What is left of a video without frames is harmless.
    let _ = fs::remove_dir_all(folder);
}
