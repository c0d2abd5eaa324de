//! Tracking what lies on disk: a stack of ROIs, or frames with a list of ROIs. The same tracker as live.

pub mod output;

use beadscope_drivers::stack::{Stack, StackError};
use bytemuck::Zeroable;

use crate::frame::FrameView;
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
    /// Number of the first frame.
    pub first: u64,
    /// The rows of all, frame after frame.
    pub rows: &'a [TrackRow],
    /// The GPU has located them, not the processor.
    pub on_gpu: bool,
}

/// Tracks every frame of `stack`, batch by batch.
///
/// # Errors
/// If a frame cannot be read, or `sink` refuses.
pub fn track<E: From<StackError>>(
    stack: &mut Stack,
    tracker: &mut BeadTracker,
    mut sink: impl FnMut(&Batch<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let (frame_bytes, beads) = (stack.frame_bytes(), tracker.rois().len());
    let batch = batch_frames(frame_bytes, beads, tracker.rows_at_once()).min(stack.len());
    let mut bytes = vec![0; batch * frame_bytes];
    let mut rows = vec![TrackRow::zeroed(); batch * beads];
    for first in (0..stack.len()).step_by(batch) {
        let frames = batch.min(stack.len() - first);
        for (place, slot) in bytes.chunks_exact_mut(frame_bytes).take(frames).enumerate() {
            stack.read_frame(first + place, slot)?;
        }
        let empty = FrameView::of_stack(stack, &[]);
        let view = |place: usize| {
            let bytes = bytes.get(place * frame_bytes..(place + 1) * frame_bytes)?;
            Some(FrameView { bytes, ..empty })
        };
        let rows = &mut rows[..frames * beads];
        tracker.locate(frames, &view, rows);
        sink(&Batch { first: first as u64, rows, on_gpu: tracker.is_on_gpu() })?;
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
