//! What is known of the camera beside its counts: its segments, its outages, its clock, and the gaps behind it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::ClockFigures;
use crate::frame::FrameFlags;
use crate::record::tracks_file::Gap;
use crate::segment::Segment;
use crate::status::Counter;

/// Gaps kept for whoever looks; the recording has them all.
const GAPS: usize = 16;
/// Notices kept; a camera that is lost more often is told by its ledger.
const NOTICES: usize = 32;

/// Written by the camera thread, which touches the locks only while its camera stands still, and by the recorder.
#[derive(Default)]
pub(crate) struct CameraStatus {
    pub(crate) late: Counter,
    pub(crate) segments: Counter,
    pub(crate) clock: ClockStatus,
    told: Mutex<Told>,
    /// The first frame after an outage has come.
    is_back: AtomicBool,
    /// Segments that have begun and that the recorder has not met.
    begun: Mutex<VecDeque<Segment>>,
    gaps: Mutex<VecDeque<Gap>>,
}

#[derive(Default)]
struct Told {
    lost: Option<String>,
    /// The camera has started again: what is told once a frame has come.
    started: Option<String>,
    notices: VecDeque<String>,
}

/// How the camera is doing.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct CameraHealth {
    /// The camera is lost: since when, why, and that it is tried to reach it.
    pub lost: Option<String>,
    /// What was told of it so far, the oldest first, at most 32: when it was lost, and when it was back with which settings.
    pub notices: Vec<String>,
    /// The last gaps, at most 16.
    pub gaps: Vec<Gap>,
    /// Its clock.
    pub clock: ClockHealth,
}

/// The camera's clock against the host's.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct ClockHealth {
    /// Offset and rate; `None` if the camera has no clock, or no frame has come.
    pub fit: Option<ClockFigures>,
    /// Frames at which it jumped or slipped.
    pub jumps: u64,
    /// Frames at which it did not stand above the frame before.
    pub backward: u64,
}

/// [`ClockHealth`] as the camera thread writes it.
#[derive(Default)]
pub(crate) struct ClockStatus {
    is_known: AtomicBool,
    /// `f64` by their bits: rate, offset, residual.
    figures: [Counter; 3],
    jumps: Counter,
    backward: Counter,
}

impl ClockStatus {
    /// Enters a frame.
    pub(crate) fn count(&self, flags: FrameFlags, figures: Option<ClockFigures>) {
        self.jumps.add(u64::from(flags.contains(FrameFlags::TIME_JUMP)));
        self.backward.add(u64::from(flags.contains(FrameFlags::TIME_BACK)));
        if let Some(ClockFigures { rate_ppm, offset_ns, residual_us }) = figures {
            for (cell, value) in self.figures.iter().zip([rate_ppm, offset_ns, residual_us]) {
                cell.set(value.to_bits());
            }
            self.is_known.store(true, Ordering::Release);
        }
    }

    fn health(&self) -> ClockHealth {
        let [rate_ppm, offset_ns, residual_us] =
            self.figures.each_ref().map(|cell| f64::from_bits(cell.get()));
        let is_known = self.is_known.load(Ordering::Acquire);
        let fit = is_known.then_some(ClockFigures { rate_ppm, offset_ns, residual_us });
        ClockHealth { fit, jumps: self.jumps.get(), backward: self.backward.get() }
    }
}

impl CameraStatus {
    pub(crate) fn begin_segment(&self, segment: Segment) {
        let mut begun = locked(&self.begun);
        // One that had no frame is begun again.
        begun.retain(|other| other.number != segment.number);
        begun.push_back(segment);
    }

    /// The segment of this number, for the recorder, which meets each once and in order.
    pub(crate) fn meet_segment(&self, number: u32) -> Option<Segment> {
        let mut begun = locked(&self.begun);
        while begun.front().is_some_and(|segment| segment.number < number) {
            begun.pop_front();
        }
        begun.pop_front_if(|segment| segment.number == number)
    }

    pub(crate) fn camera_lost(&self, notice: String) {
        let mut told = self.told();
        told.lost = Some(notice.clone());
        told.tell(notice);
    }

    /// It has started again. It is back, and `notice` is told, with its first frame.
    pub(crate) fn camera_started(&self, notice: String) {
        self.told().started = Some(notice);
    }

    /// Told by the camera thread while frames come, so this is all that it does.
    pub(crate) fn frame_has_come(&self) {
        self.is_back.store(true, Ordering::Release);
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        let mut told = locked(&self.told);
        if self.is_back.swap(false, Ordering::Acquire)
            && let Some(notice) = told.started.take()
        {
            told.lost = None;
            told.tell(notice);
        }
        told
    }

    pub(crate) fn note_gap(&self, gap: Gap) {
        let mut gaps = locked(&self.gaps);
        if gaps.len() == GAPS {
            gaps.pop_front();
        }
        gaps.push_back(gap);
    }

    pub(crate) fn health(&self) -> CameraHealth {
        let (lost, notices) = {
            let told = self.told();
            (told.lost.clone(), told.notices.iter().cloned().collect())
        };
        let gaps = locked(&self.gaps).iter().cloned().collect();
        CameraHealth { lost, notices, gaps, clock: self.clock.health() }
    }
}

impl Told {
    fn tell(&mut self, notice: String) {
        if self.notices.len() == NOTICES {
            self.notices.pop_front();
        }
        self.notices.push_back(notice);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
