//! Tracking thread: takes frames from the ring, locates the beads, publishes their rows.
//!
//! Runs on: `beadscope-track`, one per session; it is the only reader of pixels that no frame may pass by. It holds a
//! slot until its rows are published and never waits for those who read the rows: if the recorder holds every slot of
//! the track ring, the rows of the frame are lost, counted, and written into the next header.

pub mod backend;
pub mod cpu;
pub mod difference;
pub mod gpu;

use std::time::Duration;

use beadscope_drivers::camera::CameraConfig;

use crate::clock::Clock;
use crate::frame::{FrameHeader, FrameView, Gap};
use crate::ring::{Available, LosslessReader, Writer};
use crate::status::Status;
use crate::track::backend::BeadTracker;
use crate::tracks::{TrackRow, TracksHeader};

/// How often the thread looks up from an empty ring.
const WAIT: Duration = Duration::from_millis(100);
/// Frames located together at most. More would raise the latency of the first without making the cores busier.
const MAX_BATCH: usize = 32;

/// The tracking thread's whole state.
pub(crate) struct Tracking<'a> {
    pub(crate) frames: LosslessReader<FrameHeader>,
    pub(crate) config: CameraConfig,
    pub(crate) tracker: BeadTracker,
    pub(crate) tracks: Writer<TracksHeader>,
    pub(crate) status: &'a Status,
    pub(crate) clock: Clock,
}

impl Tracking<'_> {
    /// Tracks every frame until the camera thread is gone and the ring is empty.
    pub(crate) fn run(mut self) {
        let beads = self.tracker.rois().len();
        let mut rows = vec![bytemuck::Zeroable::zeroed(); beads * MAX_BATCH];
        let mut lost = Gap::default();
        loop {
            match self.frames.wait(WAIT) {
                Available::Closed => return,
                Available::Nothing => {}
                Available::Slots(slots) => {
                    let batch = slots.min(MAX_BATCH);
                    self.locate(batch, &mut rows[..beads * batch]);
                    for place in 0..batch {
                        self.publish(place, &rows[beads * place..beads * (place + 1)], &mut lost);
                    }
                    self.frames.release(batch);
                }
            }
        }
    }

    fn locate(&mut self, batch: usize, rows: &mut [TrackRow]) {
        let Self { frames, config, tracker, status, .. } = self;
        let view = |place: usize| {
            let (_, bytes) = frames.peek(place)?;
            Some(FrameView::new(config, bytes))
        };
        let was_on_gpu = tracker.is_on_gpu();
        tracker.locate(batch, &view, rows);
        status.gpu_busy_ns.set(tracker.gpu_busy_ns());
        if was_on_gpu != tracker.is_on_gpu() {
            status.set_tracked_on(tracker.on());
        }
    }

    fn publish(&mut self, place: usize, rows: &[TrackRow], lost: &mut Gap) {
        let Some((&(mut frame), _)) = self.frames.peek(place) else { return };
        let tracked_ns = self.clock.now_ns();
        self.status.tracked.add(1);
        self.status.rows.add(rows.len() as u64);
        self.status.latencies.add(tracked_ns.saturating_sub(frame.arrival_ns));
        let Ok(mut slot) = self.tracks.claim() else {
            // The gap before this frame must not be lost with it: the next header carries both.
            *lost += frame.gap;
            lost.recorder_late += 1;
            self.status.lost_recorder_late.add(1);
            return;
        };
        frame.gap += std::mem::take(lost);
        slot.bytes()[..size_of_val(rows)].copy_from_slice(bytemuck::cast_slice(rows));
        slot.publish(TracksHeader {
            frame,
            tracked_ns,
            rows: rows.len() as u32,
            on_gpu: self.tracker.is_on_gpu(),
        });
    }
}
