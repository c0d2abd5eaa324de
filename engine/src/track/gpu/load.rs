//! What goes to the device at once, and how: whole frames, or the pixels of the ROIs side by side, whichever is fewer bytes.

use std::ops::Range;
use std::sync::Arc;

use beadscope_shaders::flags::Flags;
use beadscope_shaders::gpu::Place;
use rayon::prelude::*;

use super::GpuTrackError;
use super::flight::{Flight, PART_STEP};
use crate::correction::Correction;
use crate::frame::FrameView;
use crate::roi::Roi;
use crate::track::cpu::copy_corrected;

/// Parts of a load for each thread that writes it: more than one, so that all end together.
const PARTS_PER_THREAD: usize = 4;

/// How pixels go up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upload {
    /// Whole frames; the device picks the ROIs out.
    Frames,
    /// The pixels of each ROI, as they came.
    #[default]
    Rois,
    /// The pixels of each ROI as `f32`, corrected with dark and flat frames on the processor.
    Levels,
}

/// Beads located together.
#[derive(Clone, Debug, Default)]
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
}

/// Plans loads and writes them into mapped memory.
pub struct Loader {
    /// In the order of the rows of a frame.
    pub rois: Arc<[Roi]>,
    roi_px: usize,
    correction: Option<Arc<Correction>>,
    raw_limit: u64,
    told: Option<Upload>,
    /// The memory of each part, while a load is written.
    rooms: Vec<wgpu::BufferViewMut>,
    /// Room of each part for the ROI that is being corrected.
    levels: Vec<Vec<f32>>,
}

impl Loader {
    /// Loads of `rois`, all of `roi_px` a side, of at most `raw_limit` bytes of pixels.
    pub fn new(rois: Arc<[Roi]>, roi_px: usize, correction: Option<Arc<Correction>>, raw_limit: u64) -> Self {
        Self { rois, roi_px, correction, raw_limit, told: None, rooms: Vec::new(), levels: Vec::new() }
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

    /// Bytes of pixels of a full load of frames like `frame`, whose pixels need not be there, at most: whichever beads are
    /// tracked, and however they go up.
    pub fn full_bytes(&self, frame: &FrameView<'_>, capacity: usize) -> u64 {
        let frame_bytes = frame.width_px * frame.height_px * frame.format.bytes_per_px();
        let rois_bytes = capacity * self.roi_bytes(frame);
        let bytes = if self.correction.is_some() {
            capacity * 4 * self.roi_px * self.roi_px
        } else if frame_bytes < rois_bytes {
            // Whole frames are fewer bytes than their ROIs, but for the first and the last, of which a part is needed.
            rois_bytes + 2 * frame_bytes
        } else {
            rois_bytes
        };
        (bytes.next_multiple_of(4) as u64).min(self.raw_limit)
    }

    /// The next load of `rest`, the rows that are left, of at most `capacity` beads.
    pub fn plan(&self, upload: Upload, frame: &FrameView<'_>, rest: Range<usize>, capacity: usize) -> Load {
        let beads = self.rois.len();
        let count = match upload {
            Upload::Frames => {
                // Up to the end of the last frame that fits.
                let end = (rest.start / beads + self.most_frames(frame)) * beads;
                capacity.min(end - rest.start)
            }
            Upload::Rois => capacity.min(self.most_rois(frame)),
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
        let raw_bytes = raw_bytes.next_multiple_of(4) as u64;
        Load { items, upload, raw_bytes, item_bytes, frame_bytes: frame.bytes.len() }
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

    /// Writes the pixels of a load to where they leave for the device, from byte `from` of `flight` on, and what is known of
    /// each bead into `flags`. Rayon's workers write a part each: mapped memory may be slow for one of them, as each byte of it
    /// goes past the caches. What `view` has not is left as it is.
    pub fn write<'a>(
        &mut self,
        load: &Load,
        view: &(impl Fn(usize) -> Option<FrameView<'a>> + Sync),
        (flight, from): (&Flight, u64),
        flags: &mut Vec<Flags>,
    ) -> Result<(), GpuTrackError> {
        let parts = PARTS_PER_THREAD * rayon::current_num_threads();
        // So many items, or bytes, of a part that the next may begin behind it.
        let step = |whole: usize| whole.div_ceil(parts).next_multiple_of(PART_STEP);
        flags.clear();
        if load.upload == Upload::Frames {
            let part_bytes = step(load.raw_bytes as usize);
            self.open(flight, from, load.raw_bytes, part_bytes)?;
            let first = load.items.start / self.rois.len();
            self.rooms.par_drain(..).enumerate().for_each(|(part, mut room)| {
                write_frames(part * part_bytes, load.frame_bytes, &mut room, |frame| view(first + frame));
            });
            return Ok(());
        }
        let part_items = step(load.items.len());
        flags.resize(load.items.len(), Flags::NONE);
        self.open(flight, from, load.raw_bytes, part_items * load.item_bytes)?;
        self.levels.resize_with(self.rooms.len().max(self.levels.len()), Vec::new);
        let (rois, correction) = (&self.rois, self.correction.as_deref());
        let item_at = |item: usize| (view(item / rois.len()), &rois[item % rois.len()]);
        let parts = self.rooms.par_drain(..).zip(flags.par_chunks_mut(part_items)).zip(&mut self.levels);
        parts.enumerate().for_each(|(part, ((mut room, flags), levels))| {
            let first = load.items.start + part * part_items;
            for (index, flag) in flags.iter_mut().enumerate() {
                // As in `cpu.rs`: the rows of an ROI lie far apart.
                if let (Some(frame), roi) = item_at((first + index + 1).min(load.items.end - 1)) {
                    frame.fetch_roi_ahead(roi);
                }
                let (Some(frame), roi) = item_at(first + index) else { continue };
                let room = room.slice(index * load.item_bytes..(index + 1) * load.item_bytes);
                if !roi.is_inside(frame.width_px, frame.height_px) {
                    continue;
                }
                match correction {
                    None => write_raw(&frame, roi, room),
                    Some(correction) => *flag = write_levels(&frame, roi, correction, levels, room),
                }
            }
        });
        Ok(())
    }

    /// Opens the memory of a load, in parts of `part_bytes`.
    fn open(
        &mut self,
        flight: &Flight,
        from: u64,
        bytes: u64,
        part_bytes: usize,
    ) -> Result<(), GpuTrackError> {
        for start in (0..bytes).step_by(part_bytes) {
            match flight.cargo(from + start..from + bytes.min(start + part_bytes as u64)) {
                Ok(room) => self.rooms.push(room),
                Err(error) => {
                    self.rooms.clear();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn roi_bytes(&self, frame: &FrameView<'_>) -> usize {
        self.roi_px * self.roi_px * frame.format.bytes_per_px()
    }

    fn most_frames(&self, frame: &FrameView<'_>) -> usize {
        (self.raw_limit as usize / frame.bytes.len().max(1)).max(1)
    }

    fn most_rois(&self, frame: &FrameView<'_>) -> usize {
        self.raw_limit as usize / self.roi_bytes(frame)
    }
}

/// The frames that rows belong to.
fn frames_of(items: &Range<usize>, beads: usize) -> Range<usize> {
    items.start / beads..items.end.div_ceil(beads)
}

/// Fills `room`, which begins at byte `start` of frames one after the other. One that is not there leaves a gap: `places`
/// counts on it.
fn write_frames<'a>(
    start: usize,
    frame_bytes: usize,
    room: &mut wgpu::BufferViewMut,
    frame: impl Fn(usize) -> Option<FrameView<'a>>,
) {
    let end = start + room.len();
    for index in start / frame_bytes..end.div_ceil(frame_bytes) {
        let Some(frame) = frame(index) else { continue };
        let first = index * frame_bytes;
        let (from, to) = (start.max(first), end.min(first + frame_bytes));
        room.slice(from - start..to - start).copy_from_slice(&frame.bytes[from - first..to - first]);
    }
}

/// Writes the pixels of an ROI inside the frame.
fn write_raw(frame: &FrameView<'_>, roi: &Roi, mut room: wgpu::WriteOnly<'_, [u8]>) {
    let (side, bytes_per_px) = (roi.size_px as usize, frame.format.bytes_per_px());
    let row_bytes = side * bytes_per_px;
    for y_px in 0..side {
        let first = ((roi.top_px as usize + y_px) * frame.width_px + roi.left_px as usize) * bytes_per_px;
        room.slice(y_px * row_bytes..(y_px + 1) * row_bytes)
            .copy_from_slice(&frame.bytes[first..first + row_bytes]);
    }
}

/// The same, corrected, by way of `levels`: mapped memory can only be written.
fn write_levels(
    frame: &FrameView<'_>,
    roi: &Roi,
    correction: &Correction,
    levels: &mut Vec<f32>,
    mut room: wgpu::WriteOnly<'_, [u8]>,
) -> Flags {
    levels.resize(room.len() / 4, 0.0);
    let flags = copy_corrected(frame, roi, correction, levels);
    room.copy_from_slice(bytemuck::cast_slice(levels));
    flags.unwrap_or(Flags::EDGE)
}

#[cfg(test)]
mod tests {
    use beadscope_drivers::camera::PixelFormat;

    use super::*;

    #[test]
    fn no_load_needs_more_room_than_a_full_one() {
        let bytes = [0; 60 * 40 * 2];
        let mut whole_frames = 0;
        for (format, capacity, raw_limit) in [
            (PixelFormat::Mono8, 64, 1 << 20),
            (PixelFormat::Mono12, 64, 1 << 20),
            (PixelFormat::Mono8, 7, 1 << 20),
            (PixelFormat::Mono8, 64, 6000),
        ] {
            let frame = FrameView {
                bytes: &bytes[..2400 * format.bytes_per_px()],
                width_px: 60,
                height_px: 40,
                format,
            };
            let mut loader = Loader::new(Arc::from([]), 16, None, raw_limit);
            let room = loader.full_bytes(&FrameView { bytes: &[], ..frame }, capacity);
            for beads in 1..200 {
                let roi = |bead| Roi { bead, left_px: 0, top_px: 0, size_px: 16 };
                loader.rois = (0..beads).map(roi).collect();
                let upload = loader.choose(&frame, capacity);
                whole_frames += usize::from(upload == Upload::Frames);
                let mut rest = 0..40 * beads as usize;
                while !rest.is_empty() {
                    let load = loader.plan(upload, &frame, rest.clone(), capacity);
                    assert!(load.raw_bytes <= room, "{beads} beads: {load:?} in {room} bytes");
                    rest.start = load.items.end;
                }
            }
        }
        assert!((100..700).contains(&whole_frames), "{whole_frames}: both ways are tried");
    }
}
