//! Tracking what lies on disk: a stack of ROIs, or frames with a list of ROIs. The same tracker as live.

pub mod output;

use beadscope_drivers::stack::{Stack, StackError};
use bytemuck::Zeroable;

use crate::frame::FrameView;
use crate::roi::Roi;
use crate::track::backend::BeadTracker;
use crate::tracks::TrackRow;

/// Bytes of frames held at once: enough to keep all cores busy, little enough for a laptop.
const BATCH_BYTES: usize = 64 << 20;
/// Frames held at once, at most.
const MAX_BATCH: usize = 1024;

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
    let frame_bytes = stack.frame_bytes();
    let batch = (BATCH_BYTES / frame_bytes.max(1)).clamp(1, MAX_BATCH).min(stack.len());
    let beads = tracker.rois().len();
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
