//! Tracking thread: takes frames from the ring, locates the beads, publishes their rows.
//!
//! Runs on: one of the workers `beadscope-track-N`, which `beadscope-track` waits for. It does not allocate, but a graphics
//! library may. It is the only reader of pixels that no frame may pass by. It holds a slot until its rows are published
//! and never waits for those who read the rows: if the recorder holds every slot of the track ring, the rows of the frame
//! are lost, counted, and written into the next header.

pub mod backend;
pub mod cpu;
pub mod difference;
pub mod gpu;
pub(crate) mod heights;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use beadscope_drivers::camera::CameraConfig;
use beadscope_shaders::flags::Flags;

use crate::clock::Clock;
use crate::command::Retarget;
use crate::frame::{FrameHeader, FrameView, Gap};
use crate::ring::{Available, LosslessReader, Writer};
use crate::status::Status;
use crate::track::backend::BeadTracker;
use crate::tracks::{TrackRow, TracksHeader};

/// How often the thread looks up from an empty ring, for edits of the beads.
const WAIT: Duration = Duration::from_millis(20);
/// Frames located together at most. More would raise the latency of the first without making the cores busier.
const MAX_BATCH: usize = 32;

/// The tracking thread's whole state.
pub(crate) struct Tracking<'a> {
    pub(crate) frames: LosslessReader<FrameHeader>,
    pub(crate) config: CameraConfig,
    pub(crate) tracker: BeadTracker,
    /// Beads that there may be at most.
    pub(crate) room: usize,
    pub(crate) retargets: Receiver<Retarget>,
    pub(crate) tracks: Writer<TracksHeader>,
    pub(crate) status: &'a Status,
    pub(crate) clock: Clock,
    /// Frames are passed over from now on.
    pub(crate) hurry: Arc<AtomicBool>,
}

impl Tracking<'_> {
    /// Tracks every frame until the camera thread is gone and the ring is empty: on one of the tracker's workers,
    /// while this thread waits.
    pub(crate) fn run(self) {
        let pool = self.tracker.pool().clone();
        pool.install(|| self.track_all());
    }

    fn track_all(mut self) {
        let mut rows = vec![bytemuck::Zeroable::zeroed(); self.room * MAX_BATCH];
        let mut lost = Gap::default();
        loop {
            self.retarget();
            match self.frames.wait(WAIT) {
                Available::Closed => return,
                Available::Nothing => {}
                Available::Slots(slots) => self.take(slots.min(MAX_BATCH), &mut rows, &mut lost),
            }
        }
    }

    /// Takes other ROIs or another Z-LUT over, between two batches.
    fn retarget(&mut self) {
        // Who asked may be gone.
        match self.retargets.try_recv() {
            Ok(Retarget::Rois(rois, answer)) => {
                debug_assert!(rois.len() <= self.room, "checked by the command");
                let _ = answer.send(self.tracker.replace_rois(rois));
            }
            Ok(Retarget::Heights(mut heights, answer)) => {
                self.tracker.exchange(&mut heights);
                let _ = answer.send(heights);
            }
            Err(_) => {}
        }
    }

    /// Tracks the oldest frames of the ring, as many as there are and `rows` has room for.
    pub(crate) fn take(&mut self, batch: usize, rows: &mut [TrackRow], lost: &mut Gap) {
        let beads = self.tracker.rois().len();
        let on_gpu = self.locate(batch, &mut rows[..beads * batch]);
        for place in 0..batch {
            self.publish(place, &rows[beads * place..beads * (place + 1)], on_gpu, lost);
        }
        self.frames.release(batch);
    }

    /// Whether the GPU has located them.
    fn locate(&mut self, batch: usize, rows: &mut [TrackRow]) -> bool {
        let Self { frames, config, tracker, status, .. } = self;
        let view = |place: usize| {
            let (_, bytes) = frames.peek(place)?;
            Some(FrameView::new(config, bytes))
        };
        if self.hurry.load(Ordering::Relaxed) {
            for rows in rows.chunks_exact_mut(tracker.rois().len().max(1)) {
                rows.iter_mut().zip(tracker.rois().iter()).for_each(|(row, roi)| {
                    *row = TrackRow::missing(roi, Flags::NOT_LOCATED);
                });
            }
            if !rows.is_empty() {
                status.not_located.add(batch as u64);
            }
            return false;
        }
        let was_on_gpu = tracker.is_on_gpu();
        tracker.locate(batch, &view, rows);
        if let Some(gpu) = tracker.gpu() {
            status.gpu_stages.set(&gpu.traffic().stage_ns);
        }
        if was_on_gpu != tracker.is_on_gpu() {
            status.set_tracked_on(tracker.on());
        }
        tracker.is_on_gpu()
    }

    fn publish(&mut self, place: usize, rows: &[TrackRow], on_gpu: bool, lost: &mut Gap) {
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
        slot.publish(TracksHeader { frame, tracked_ns, rows: rows.len() as u32, on_gpu });
    }
}
