//! What goes to the device at once, and how: whole frames, or the pixels of the ROIs side by side, whichever is fewer bytes.

use std::ops::Range;
use std::sync::Arc;

use beadscope_shaders::background::is_saturated;
use beadscope_shaders::flags::Flags;
use beadscope_shaders::gpu::Place;
use rayon::prelude::*;

use crate::correction::Correction;
use crate::frame::FrameView;
use crate::roi::Roi;

/// How pixels go up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upload {
    /// Whole frames; the device picks the ROIs out.
    Frames,
    /// The pixels of each ROI, as they came.
    Rois,
    /// The pixels of each ROI as `f32`, corrected with dark and flat frames on the processor.
    Levels,
}

/// Beads located together.
#[derive(Clone, Debug)]
pub struct Load {
    /// Which rows.
    pub items: Range<usize>,
    /// How their pixels go up.
    pub upload: Upload,
    /// Bytes of pixels, a multiple of 4.
    pub raw_bytes: u64,
    /// Bytes of the pixels of an ROI.
    pub item_bytes: usize,
    /// Bytes of a frame.
    pub frame_bytes: usize,
    /// What the processor has found of each bead: only where it looks at pixels.
    pub flags: Vec<Flags>,
}

/// Plans loads and writes them into mapped memory.
pub struct Loader {
    /// In the order of the rows of a frame.
    pub rois: Arc<[Roi]>,
    roi_px: usize,
    correction: Option<Arc<Correction>>,
    raw_limit: u64,
    told: Option<Upload>,
    /// The pixels of a load side by side, as `u32` so that `f32` lie aligned in it.
    gathered: Vec<u32>,
}

impl Loader {
    /// Loads of `rois`, all of `roi_px` a side, of at most `raw_limit` bytes of pixels.
    pub fn new(rois: Arc<[Roi]>, roi_px: usize, correction: Option<Arc<Correction>>, raw_limit: u64) -> Self {
        Self { rois, roi_px, correction, raw_limit, told: None, gathered: Vec::new() }
    }

    /// How pixels of frames like `frame` go up.
    pub fn choose(&mut self, frame: &FrameView<'_>, capacity: usize) -> Upload {
        // A frame with more beads than a load goes up with each of its loads.
        let frame_bytes = frame.bytes.len() * self.rois.len().div_ceil(capacity);
        let rois_bytes = self.rois.len() * self.roi_bytes(frame);
        let upload = if self.correction.is_some() {
            Upload::Levels
        } else if frame_bytes < rois_bytes && frame.bytes.len() as u64 <= self.raw_limit {
            Upload::Frames
        } else {
            Upload::Rois
        };
        if self.told.replace(upload) != Some(upload) {
            let how = match upload {
                Upload::Frames => "whole frames go to the graphics processor: fewer bytes than their ROIs",
                Upload::Rois => "ROIs go to the graphics processor: fewer bytes than whole frames",
                Upload::Levels => {
                    "ROIs go to the graphics processor as f32, corrected with dark and flat frames before"
                }
            };
            tracing::info!(frame_bytes, rois_bytes, "{how}");
        }
        upload
    }

    /// The next load of `rest`, the rows that are left, of at most `capacity` beads.
    pub fn plan(&self, upload: Upload, frame: &FrameView<'_>, rest: Range<usize>, capacity: usize) -> Load {
        let beads = self.rois.len();
        let count = match upload {
            Upload::Frames => {
                let most_frames = (self.raw_limit as usize / frame.bytes.len().max(1)).max(1);
                // Up to the end of the last frame that fits.
                let end = (rest.start / beads + most_frames) * beads;
                capacity.min(end - rest.start)
            }
            Upload::Rois => capacity.min(self.raw_limit as usize / self.roi_bytes(frame)),
            Upload::Levels => capacity,
        };
        let items = rest.start..rest.end.min(rest.start + count);
        let item_bytes = match upload {
            Upload::Levels => 4 * self.roi_px * self.roi_px,
            _ => self.roi_bytes(frame),
        };
        let raw_bytes = match upload {
            Upload::Frames => frames_of(&items, beads).len() * frame.bytes.len(),
            _ => items.len() * item_bytes,
        };
        Load {
            items,
            upload,
            raw_bytes: raw_bytes.next_multiple_of(4) as u64,
            item_bytes,
            frame_bytes: frame.bytes.len(),
            flags: Vec::new(),
        }
    }

    /// Where each bead's pixels lie in what [`write`](Self::write) writes.
    pub fn places<'a>(
        &'a self,
        load: &'a Load,
        frame: &'a FrameView<'_>,
    ) -> impl Iterator<Item = Place> + 'a {
        let (beads, area) = (self.rois.len(), self.roi_px * self.roi_px);
        load.items.clone().enumerate().map(move |(index, item)| {
            let roi = &self.rois[item % beads];
            let (first, pitch) = if load.upload != Upload::Frames {
                (index * area, self.roi_px)
            } else if roi.is_inside(frame.width_px, frame.height_px) {
                let frames_before = item / beads - load.items.start / beads;
                let first = roi.top_px as usize * frame.width_px + roi.left_px as usize;
                (frames_before * frame.width_px * frame.height_px + first, frame.width_px)
            } else {
                // Of no use, but there.
                (0, 0)
            };
            Place { first: first as u32, pitch: pitch as u32 }
        })
    }

    /// Writes the pixels of a load into `out`. What `view` has not is left as it is.
    pub fn write<'a>(
        &mut self,
        load: &mut Load,
        view: &(impl Fn(usize) -> Option<FrameView<'a>> + Sync),
        mut out: wgpu::WriteOnly<'_, [u8]>,
    ) {
        let beads = self.rois.len();
        if load.upload == Upload::Frames {
            for frame in frames_of(&load.items, beads) {
                // Room is left for a frame that is not there, as `places` counts on it.
                let Some(mut room) = out.split_off(..load.frame_bytes) else { return };
                if let Some(frame) = view(frame) {
                    room.copy_from_slice(frame.bytes);
                }
            }
            return;
        }
        let bytes = load.item_bytes;
        self.gathered.resize(load.raw_bytes as usize / 4, 0);
        let gathered: &mut [u8] = bytemuck::cast_slice_mut(&mut self.gathered);
        let (rois, correction) = (&self.rois, self.correction.as_deref());
        let rooms = gathered.par_chunks_exact_mut(bytes).zip(load.items.clone());
        let write = |(room, item): (&mut [u8], usize)| {
            let roi = &rois[item % beads];
            match (
                view(item / beads).filter(|frame| roi.is_inside(frame.width_px, frame.height_px)),
                correction,
            ) {
                (Some(frame), Some(correction)) => write_levels(&frame, roi, correction, room),
                (Some(frame), None) => write_raw(&frame, roi, room),
                (None, _) => Flags::NONE,
            }
        };
        load.flags = rooms.map(write).collect();
        out.copy_from_slice(gathered);
    }

    fn roi_bytes(&self, frame: &FrameView<'_>) -> usize {
        self.roi_px * self.roi_px * frame.format.bytes_per_px()
    }
}

/// The frames that rows belong to.
fn frames_of(items: &Range<usize>, beads: usize) -> Range<usize> {
    items.start / beads..items.end.div_ceil(beads)
}

fn write_raw(frame: &FrameView<'_>, roi: &Roi, room: &mut [u8]) -> Flags {
    let (side, bytes_per_px) = (roi.size_px as usize, frame.format.bytes_per_px());
    for (y_px, row) in room.chunks_exact_mut(side * bytes_per_px).enumerate() {
        let first = ((roi.top_px as usize + y_px) * frame.width_px + roi.left_px as usize) * bytes_per_px;
        row.copy_from_slice(&frame.bytes[first..first + row.len()]);
    }
    Flags::NONE
}

fn write_levels(frame: &FrameView<'_>, roi: &Roi, correction: &Correction, room: &mut [u8]) -> Flags {
    let side = roi.size_px as usize;
    let levels: &mut [f32] = bytemuck::cast_slice_mut(room);
    frame.copy_roi(roi, levels);
    // The camera saturates at a raw level; a corrected one does not tell.
    let saturated = is_saturated(levels, f32::from(frame.format.max_level()));
    correction.correct(frame, (roi.left_px as usize, roi.top_px as usize), side, levels);
    if saturated { Flags::SATURATED } else { Flags::NONE }
}
