//! Tracking what lies on disk: a stack of ROIs, frames with a list of ROIs, or the video of a run. The same tracker as live.

pub(crate) mod account;
pub mod film;
pub mod output;
pub mod source;

use beadscope_drivers::stack::Stack;
use bytemuck::Zeroable;

use self::source::{Next, Source, SourceError};
use crate::frame::{FrameHeader, FrameView};
use crate::roi::Roi;
use crate::track::backend::BeadTracker;
use crate::tracks::TrackRow;

/// Bytes of frames held at once, at most: three loads of a large GPU, little enough for a laptop.
const BATCH_BYTES: usize = 256 << 20;

/// The single ROI of a stack in which every image is one bead.
///
/// # Errors
/// The images' size if they are not square.
pub fn whole_image(stack: &Stack) -> Result<Vec<Roi>, (u32, u32)> {
    let (width_px, height_px) = (stack.width_px(), stack.height_px());
    if width_px != height_px {
        return Err((width_px, height_px));
    }
    Ok(vec![Roi { bead: 0, left_px: 0, top_px: 0, size_px: width_px }])
}

/// Consecutive frames that were tracked together.
pub struct Batch<'a> {
    /// Which they are, each with when it was taken, ns since 1970 UTC.
    pub frames: &'a [(FrameHeader, u64)],
    /// The rows of all, frame after frame; as many of each.
    pub rows: &'a [TrackRow],
    /// The GPU has located them, not the processor.
    pub on_gpu: bool,
}

impl Batch<'_> {
    /// Rows of each frame.
    pub fn beads(&self) -> usize {
        self.rows.len() / self.frames.len().max(1)
    }
}

/// Tracks every frame of `source`, batch by batch, and its own beads where it has some.
///
/// # Errors
/// If a frame cannot be read, or `sink` refuses.
pub fn track<E: From<SourceError>>(
    source: &mut dyn Source,
    tracker: &mut BeadTracker,
    mut sink: impl FnMut(&Batch<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let shape = source.shape();
    let frame_bytes = shape.width_px * shape.height_px * shape.format.bytes_per_px();
    let (mut bytes, mut frames, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    let mut next = source.next()?;
    while let Some(first) = &next {
        if let Some(rois) = &first.rois {
            tracker.replace_rois(rois.clone());
        }
        let beads = tracker.rois().len();
        let most = batch_frames(frame_bytes, beads, tracker.rows_at_once());
        frames.clear();
        while let Some(Next { header, unix_ns, rois }) = &next {
            let is_same = rois.as_ref().is_none_or(|rois| rois == tracker.rois());
            if frames.len() == most || !is_same {
                break;
            }
            let end = (frames.len() + 1) * frame_bytes;
            bytes.resize(end.max(bytes.len()), 0);
            source.read(&mut bytes[end - frame_bytes..end])?;
            frames.push((*header, *unix_ns));
            next = source.next()?;
        }
        let view = |place: usize| {
            let bytes = bytes.get(place * frame_bytes..(place + 1) * frame_bytes)?;
            Some(FrameView { bytes, ..shape })
        };
        rows.resize(frames.len() * beads, TrackRow::zeroed());
        if beads > 0 {
            tracker.locate(frames.len(), &view, &mut rows);
        }
        sink(&Batch { frames: &frames, rows: &rows, on_gpu: tracker.is_on_gpu() })?;
    }
    Ok(())
}

/// Frames to hold at once.
fn batch_frames(frame_bytes: usize, beads: usize, rows: usize) -> usize {
    rows.div_ceil(beads.max(1)).min(BATCH_BYTES / frame_bytes.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_as_many_rows_as_are_wanted_and_no_more_bytes_than_there_is_room_for() {
        // Stacks of one bead each, on a CPU and on a large GPU; whole frames; frames that are larger than all room.
        assert_eq!(batch_frames(64 * 64, 1, 4096), 4096);
        assert_eq!(batch_frames(64 * 64, 1, 3 * 16_384), 3 * 16_384);
        assert_eq!(batch_frames(4 << 20, 100, 4096), 41);
        assert_eq!(batch_frames(4 << 20, 1, 4096), 64);
        assert_eq!(batch_frames(1 << 30, 1, 4096), 1);
    }
}
