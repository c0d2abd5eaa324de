//! What every thread of a session counts and every reader may look at: atomics, and texts that are written once in a
//! while by threads that may wait.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use crate::camera_status::{CameraHealth, CameraStatus};
use crate::hardware::AxisReading;
use crate::health::gpu::StageTimes;
use crate::health::process::Threads;
use crate::health::vitals::Vitals;
use crate::latency::{Latencies, Percentiles};
use crate::ledger::{Ledger, Lost};
use crate::record::space::Disk;
use crate::track::backend::TrackedOn;
use crate::video::status::{VideoHealth, VideoStatus};

/// A counter with one writing thread. `Relaxed`: each is a statistic of its own; equations are checked after joining.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A figure with one writing thread that may be unknown.
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    pub(crate) fn set(&self, value: Option<f64>) {
        self.0.store(value.unwrap_or(f64::NAN).to_bits(), Ordering::Relaxed);
    }
    pub(crate) fn get(&self) -> Option<f64> {
        Some(f64::from_bits(self.0.load(Ordering::Relaxed))).filter(|value| !value.is_nan())
    }
}

impl Default for Gauge {
    fn default() -> Self {
        Self(AtomicU64::new(f64::NAN.to_bits()))
    }
}

/// Whether a recording runs. One lock for both, so that a begin never meets the end of the one before halfway.
#[derive(Default)]
struct RecordingState {
    is_running: bool,
    /// The file of the one that runs, and since when; `None` until the recorder has it.
    file: Option<(PathBuf, Instant)>,
    /// What the one that runs has come to; `None` before its first second.
    grown: Option<Grown>,
    /// Why the last one failed.
    error: Option<String>,
}

/// What a recording has come to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grown {
    /// When it began.
    pub(crate) since: Instant,
    /// Its bytes, those of its video included.
    pub(crate) bytes: u64,
    /// Where its frames went.
    pub(crate) ledger: Ledger,
}

/// What recordings of the session lack beside frames.
#[derive(Default)]
pub(crate) struct Lacking {
    /// Commands.
    pub(crate) commands: Counter,
    /// Times at which all axes were asked where they are.
    pub(crate) axes: Counter,
    /// Rows of a simulated sample's truth.
    pub(crate) truth: Counter,
}

impl Lacking {
    /// A sentence for each that is lacking.
    fn notices(&self) -> Vec<Notice> {
        let told = [
            (&self.commands, "commands", "the disk was too slow"),
            (&self.axes, "positions of the motors", "the disk was too slow"),
            (&self.truth, "rows of the truth", "they came too fast"),
        ];
        let lacking = told.into_iter().filter(|(count, ..)| count.get() > 0);
        let notices = lacking.map(|(count, what, why)| Notice {
            matter: format!("lacking {what}"),
            text: format!("the recording lacks {} {what}: {why}", count.get()),
        });
        notices.collect()
    }
}

/// Motors that do not do what they should, and why.
#[derive(Default)]
pub(crate) struct Troubled(Mutex<BTreeMap<String, String>>);

impl Troubled {
    /// Takes note of where some axes are, or why nobody knows.
    pub(crate) fn note(&self, readings: &[AxisReading]) {
        let mut troubled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for AxisReading { info, state, error, .. } in readings {
            let alarm = state.and_then(|state| state.alarm).map(|alarm| alarm.to_string());
            match error.clone().or(alarm) {
                Some(why) => drop(troubled.insert(info.name.clone(), why)),
                None => drop(troubled.remove(&info.name)),
            }
        }
    }

    fn notices(&self) -> Vec<Notice> {
        let troubled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let notice = |(axis, why): (&String, &String)| Notice {
            matter: format!("axis {axis}"),
            text: format!("{axis}: {why}"),
        };
        troubled.iter().map(notice).collect()
    }
}

/// Something that the experimenter should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it is about: the same while a count in its text rises.
    pub matter: String,
    /// A sentence.
    pub text: String,
}

impl From<&String> for Notice {
    fn from(text: &String) -> Self {
        Self { matter: text.clone(), text: text.clone() }
    }
}

/// The counters of a session.
#[derive(Default)]
pub(crate) struct Status {
    pub(crate) stop: AtomicBool,
    pub(crate) end: OnceLock<EndReason>,
    /// Never touched by the camera and tracking threads.
    recording: Mutex<RecordingState>,
    /// Recordings and videos that failed, a sentence each.
    failures: Mutex<Vec<String>>,
    /// The tracking thread touches it when the GPU fails, and never else.
    tracked_on: Mutex<TrackedOn>,
    /// What became of the wishes for threads, one sentence each.
    pub(crate) thread_notes: OnceLock<Vec<String>>,

    pub(crate) camera: Counter,
    pub(crate) received: Counter,
    pub(crate) out_of_order: Counter,
    pub(crate) lost_camera: Counter,
    pub(crate) lost_ring_full: Counter,
    pub(crate) tracked: Counter,
    pub(crate) rows: Counter,
    /// Tracked frames whose beads were not located, since it was asked to hurry.
    pub(crate) not_located: Counter,
    pub(crate) lost_recorder_late: Counter,
    pub(crate) recorded: Counter,
    pub(crate) not_asked: Counter,
    pub(crate) lost_record_failed: Counter,
    pub(crate) lacking: Lacking,
    /// Motors that do not do what they should.
    pub(crate) motors: Troubled,

    pub(crate) first_arrival_ns: Counter,
    pub(crate) last_arrival_ns: Counter,
    pub(crate) latencies: Latencies,
    /// What else is known of the camera.
    pub(crate) seen: CameraStatus,
    /// Between two reads of the camera.
    pub(crate) camera_loop: Latencies,
    pub(crate) camera_temperature_c: Gauge,
    pub(crate) gpu_stages: StageTimes,
    pub(crate) video: VideoStatus,
    pub(crate) threads: Threads,
    /// Of the recorder, which may wait.
    disk: Mutex<Option<Disk>>,
    /// Of the health thread, which may wait.
    vitals: Mutex<Vitals>,
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// It was asked to.
    Asked,
    /// The number of frames asked for has come.
    FrameLimit,
    /// The source has shown its last frame.
    SourceEnded,
    /// The camera failed; the text says how.
    Camera(String),
    /// A thread panicked: a bug in Beadscope. The text names the thread and the message.
    Panic(String),
}

impl EndReason {
    /// True if the run ended for a reason nobody wanted.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Camera(_) | Self::Panic(_))
    }
}

impl std::fmt::Display for EndReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Asked => f.write_str("stopped"),
            Self::FrameLimit => f.write_str("all frames asked for were taken"),
            Self::SourceEnded => f.write_str("the source has ended"),
            Self::Camera(why) => write!(f, "the camera failed: {why}"),
            Self::Panic(what) => write!(f, "internal error, please report it: {what}"),
        }
    }
}

/// The recording that runs, whoever began it.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct RecordingHealth {
    /// Its file, as it is called once it is whole.
    pub file: PathBuf,
    /// Since it began, s.
    pub since_s: f64,
    /// Its bytes, those of its video included, a second ago at most.
    pub bytes: u64,
    /// Where its frames went, a second ago at most.
    pub ledger: Ledger,
}

/// How a session is doing, at one moment.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Health {
    /// Where every frame went so far.
    pub ledger: Ledger,
    /// Bead rows tracked.
    pub rows: u64,
    /// Frames per second since the first frame, Hz.
    pub rate_hz: f64,
    /// From arrival to tracked row, since the first frame, ms.
    pub latency_ms: Percentiles,
    /// What is measured ten times a second.
    pub vitals: Vitals,
    /// The recording that runs.
    pub recording: Option<RecordingHealth>,
    /// Why the last recording stopped, if it failed.
    pub record_error: Option<String>,
    /// Recordings and videos of the session that failed, a sentence each.
    pub failures: Vec<String>,
    /// What the beads are located on now.
    pub on: TrackedOn,
    /// Outages, gaps and clock.
    pub camera: CameraHealth,
    /// Frames that were passed over because the session was to end soon.
    pub not_located: u64,
    /// The video, where the session films.
    pub video: Option<VideoHealth>,
    /// What recordings lack beside frames.
    #[serde(skip)]
    pub lacking: Vec<Notice>,
    /// Motors that do not do what they should, now.
    #[serde(skip)]
    pub motors: Vec<Notice>,
}

impl Health {
    /// What whoever reads the recording should know.
    pub fn notices(&self) -> Vec<Notice> {
        let passed_over = (self.not_located > 0).then(|| Notice {
            matter: "not located".to_owned(),
            text: format!(
                "{} frames at the end have no positions: the session was asked twice to stop",
                self.not_located
            ),
        });
        let video = self.video.iter().flat_map(VideoHealth::notices);
        let notices = self.on.notice.iter().chain(&self.camera.notices).map(Notice::from);
        notices
            .chain(passed_over)
            .chain(video)
            .chain(self.lacking.iter().chain(&self.motors).cloned())
            .collect()
    }
}

impl Status {
    /// Ends the session: the first reason given stays.
    pub(crate) fn end(&self, reason: EndReason) {
        let _ = self.end.set(reason);
        self.stop.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Claims the session's one recording; false if one runs. The last one's error is forgotten with it.
    pub(crate) fn begin_recording(&self) -> bool {
        let mut recording = self.recording.lock().unwrap_or_else(PoisonError::into_inner);
        let free = !recording.is_running;
        if free {
            *recording = RecordingState { is_running: true, ..RecordingState::default() };
        }
        free
    }

    /// The recording has ended, well or with an error.
    pub(crate) fn end_recording(&self, error: Option<String>) {
        let mut recording = self.recording.lock().unwrap_or_else(PoisonError::into_inner);
        *recording = RecordingState { error, ..RecordingState::default() };
    }

    /// What is recorded goes into this file from now on.
    pub(crate) fn set_file(&self, file: &Path, since: Instant) {
        let mut recording = self.recording.lock().unwrap_or_else(PoisonError::into_inner);
        (recording.file, recording.grown) = (Some((file.to_owned(), since)), None);
    }

    fn recording(&self) -> Option<RecordingHealth> {
        let recording = self.recording.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, since) = recording.file.as_ref().filter(|_| recording.is_running)?;
        let (bytes, ledger) =
            recording.grown.map_or_else(Default::default, |grown| (grown.bytes, grown.ledger));
        Some(RecordingHealth { file: file.clone(), since_s: since.elapsed().as_secs_f64(), bytes, ledger })
    }

    /// The recording has come to this.
    pub(crate) fn set_grown(&self, grown: Grown) {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner).grown = Some(grown);
    }

    pub(crate) fn grown(&self) -> Option<Grown> {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner).grown
    }

    pub(crate) fn is_recording(&self) -> bool {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner).is_running
    }

    /// Why the last recording failed; `None` once another has begun.
    pub(crate) fn record_error(&self) -> Option<String> {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner).error.clone()
    }

    /// Whether the last recording failed, and no other has begun since.
    pub(crate) fn recording_has_failed(&self) -> bool {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner).error.is_some()
    }

    /// A recording or a video has failed; the sentence says which and why.
    pub(crate) fn fail(&self, failure: String) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
    }

    pub(crate) fn set_tracked_on(&self, on: &TrackedOn) {
        self.tracked_on.lock().unwrap_or_else(PoisonError::into_inner).clone_from(on);
    }

    pub(crate) fn tracked_on(&self) -> TrackedOn {
        self.tracked_on.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_disk(&self, disk: Option<Disk>) {
        *self.disk.lock().unwrap_or_else(PoisonError::into_inner) = disk;
    }

    pub(crate) fn disk(&self) -> Option<Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_vitals(&self, vitals: Vitals) {
        *self.vitals.lock().unwrap_or_else(PoisonError::into_inner) = vitals;
    }

    /// The newest, with what the camera's loop has taken until now.
    pub(crate) fn vitals(&self) -> Vitals {
        let camera_loop_us = self.camera_loop.percentiles().times(1e3);
        let newest = self.vitals.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Vitals { camera_loop_us, ..newest }
    }

    pub(crate) fn health(&self) -> Health {
        let received = self.received.get();
        let span_ns = self.last_arrival_ns.get().saturating_sub(self.first_arrival_ns.get());
        let rate_hz =
            if span_ns > 0 { received.saturating_sub(1) as f64 * 1e9 / span_ns as f64 } else { 0.0 };
        Health {
            ledger: self.ledger(),
            rows: self.rows.get(),
            rate_hz,
            latency_ms: self.latencies.percentiles(),
            vitals: self.vitals(),
            recording: self.recording(),
            record_error: self.record_error(),
            failures: self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            on: self.tracked_on(),
            camera: self.seen.health(),
            not_located: self.not_located.get(),
            video: self.video.health(),
            lacking: self.lacking.notices(),
            motors: self.motors.notices(),
        }
    }

    pub(crate) fn ledger(&self) -> Ledger {
        Ledger {
            camera: self.camera.get(),
            received: self.received.get(),
            tracked: self.tracked.get(),
            recorded: self.recorded.get(),
            not_asked: self.not_asked.get(),
            out_of_order: self.out_of_order.get(),
            late: self.seen.late.get(),
            segments: self.seen.segments.get(),
            lost: Lost {
                camera: self.lost_camera.get(),
                ring_full: self.lost_ring_full.get(),
                recorder_late: self.lost_recorder_late.get(),
                record_failed: self.lost_record_failed.get(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_recording_lacks_is_told_once_with_its_count() {
        let status = Status::default();
        assert!(status.health().notices().is_empty());
        status.lacking.axes.add(2);
        status.lacking.truth.add(0);
        let texts = || status.health().notices().into_iter().map(|notice| notice.text).collect::<Vec<_>>();
        assert_eq!(texts(), ["the recording lacks 2 positions of the motors: the disk was too slow"]);
        status.lacking.axes.add(1);
        assert_eq!(texts(), ["the recording lacks 3 positions of the motors: the disk was too slow"]);
    }

    #[test]
    fn the_rate_is_asked_for_while_the_first_frame_is_being_counted() {
        let status = Status::default();
        // The camera thread has stamped a frame and not yet counted it.
        status.last_arrival_ns.set(5);
        assert_eq!(status.health().rate_hz, 0.0);
    }
}
