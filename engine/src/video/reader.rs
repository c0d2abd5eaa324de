//! Reads a video back: frame by frame, with its numbers and its beads.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::frame_record::{FrameId, NO_BEAD, Place};
use super::layout::{Layout, Picture};
use super::shard_reader::ShardReader;
use super::zarr;
use crate::roi::Roi;

/// A video, open for reading.
pub(crate) struct Reader {
    folder: PathBuf,
    layout: Layout,
    /// Side of the ROIs, px.
    roi_px: u32,
    frames: u64,
    /// Frames that were met.
    met: u64,
    shard: Option<ShardReader>,
    rois: Arc<[Roi]>,
}

impl Reader {
    /// Opens the video in `folder`, whose ROIs have this side.
    ///
    /// # Errors
    /// If it is no video of ours, or its crops have another side.
    pub(crate) fn open(folder: &Path, roi_px: u32) -> io::Result<Self> {
        let layout = zarr::read_layout(folder)?;
        if layout.picture == Picture::Rois && layout.width_px != roi_px as usize {
            let (side, width) = (roi_px, layout.width_px);
            return Err(io::Error::other(format!(
                "its crops have {width} px, the ROIs of the run {side} px"
            )));
        }
        let frames = zarr::read_extent(folder)?.frames;
        let (folder, rois) = (folder.to_path_buf(), Arc::from([]));
        Ok(Self { folder, layout, roi_px, frames, met: 0, shard: None, rois })
    }

    /// How many frames it has.
    pub(crate) fn frames(&self) -> u64 {
        self.frames
    }

    /// How it lies in its files.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Goes on to the next frame: which it is, and where its beads were. `None` behind the last.
    pub(crate) fn next(&mut self) -> io::Result<Option<(FrameId, Arc<[Roi]>)>> {
        if self.met == self.frames {
            return Ok(None);
        }
        let per_shard = self.layout.frames_per_shard as u64;
        let (number, place) = (self.met / per_shard, (self.met % per_shard) as usize);
        let contents = match &mut self.shard {
            Some(shard) if place > 0 => shard.contents(),
            shard => shard.insert(ShardReader::open(&self.folder, &self.layout, number)?).contents(),
        };
        let Some(id) = contents.ids().get(place).copied() else {
            return Err(io::Error::other(format!("frame {place} of shard {number} is damaged")));
        };
        let places = contents.places_of(place).iter().filter(|place| place.bead != NO_BEAD);
        let rois = places.map(|&Place { bead, left_px, top_px }| Roi {
            bead: bead as u32,
            left_px,
            top_px,
            size_px: self.roi_px,
        });
        if !rois.clone().eq(self.rois.iter().copied()) {
            self.rois = rois.collect();
        }
        self.met += 1;
        Ok(Some((id, self.rois.clone())))
    }

    /// Puts the pixels of the frame that [`next`](Self::next) gave where they belong in a frame of the camera, of this
    /// size. Of crops, what lies between them stays as it is.
    pub(crate) fn read(&mut self, out: &mut [u8], (width_px, height_px): (usize, usize)) -> io::Result<()> {
        let (Some(shard), Some(met)) = (&mut self.shard, self.met.checked_sub(1)) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let frame = (met % self.layout.frames_per_shard as u64) as usize;
        let missing = || io::Error::from(io::ErrorKind::InvalidData);
        if self.layout.picture == Picture::Full {
            out.copy_from_slice(shard.picture(frame, None)?.ok_or_else(missing)?);
            return Ok(());
        }
        let bytes_per_px = self.layout.format.bytes_per_px();
        for roi in self.rois.iter().filter(|roi| roi.is_inside(width_px, height_px)) {
            let crop = shard.picture(frame, Some(roi.bead as i32))?.ok_or_else(missing)?;
            let row_bytes = roi.size_px as usize * bytes_per_px;
            let rows = out.chunks_exact_mut(width_px * bytes_per_px).skip(roi.top_px as usize);
            for (to, from) in rows.zip(crop.chunks_exact(row_bytes)) {
                to[roi.left_px as usize * bytes_per_px..][..row_bytes].copy_from_slice(from);
            }
        }
        Ok(())
    }
}
