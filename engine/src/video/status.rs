//! What the video of a session counts, and how it is doing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use serde::Serialize;

use super::Mode;
use crate::status::{Counter, Notice};

/// Frames that were to be filmed and are not in the video, by who lost them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VideoLost {
    /// The disk was so slow that there was no room left for them. Their positions are not touched by it.
    pub video_late: u64,
    /// Writing had failed.
    pub video_failed: u64,
}

impl VideoLost {
    /// What was lost since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            video_late: self.video_late.saturating_sub(before.video_late),
            video_failed: self.video_failed.saturating_sub(before.video_failed),
        }
    }
}

/// How the video of a session is doing. Where every frame went: those that reached us while a video ran are `frames` and `lost`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct VideoHealth {
    /// What the run records.
    pub mode: Mode,
    /// Frames in the video.
    pub frames: u64,
    /// Frames that are not.
    pub lost: VideoLost,
    /// Bytes written.
    pub bytes: u64,
    /// Megabytes (10⁶) a second, from the first write to the last.
    pub mb_per_s: f64,
    /// The same while a write was under way: what the disk can do.
    pub disk_mb_per_s: f64,
    /// Whether it is written past the system's cache.
    pub direct: bool,
    /// Why it ended before it was asked to.
    pub error: Option<String>,
}

impl VideoHealth {
    /// What whoever reads the recording should know.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        let VideoLost { video_late, video_failed } = self.lost;
        let late = (video_late > 0).then(|| Notice {
            matter: "video late".to_owned(),
            text: format!(
                "{video_late} frames are not in the video: the disk was too slow; their positions are not touched by it"
            ),
        });
        let failed = self.error.as_ref().map(|error| Notice {
            matter: error.clone(),
            text: format!("the video ended {video_failed} frames before its time: {error}"),
        });
        late.into_iter().chain(failed).collect()
    }
}

/// The counters of a session's video.
#[derive(Default)]
pub(crate) struct VideoStatus {
    /// Set where the session films.
    pub(crate) mode: OnceLock<Mode>,
    pub(crate) frames: Counter,
    pub(crate) late: Counter,
    pub(crate) failed: Counter,
    pub(crate) bytes: Counter,
    busy_ns: Counter,
    span_ns: Counter,
    started: OnceLock<Instant>,
    direct: AtomicBool,
    error: Mutex<Option<String>>,
}

impl VideoStatus {
    /// A video begins; the last one's error is forgotten.
    pub(super) fn begin(&self, is_direct: bool) {
        self.set_direct(is_direct);
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether the video is written past the system's cache from now on.
    pub(super) fn set_direct(&self, is_direct: bool) {
        self.direct.store(is_direct, Ordering::Relaxed);
    }

    /// Frames lost in the session so far.
    pub(crate) fn lost(&self) -> VideoLost {
        VideoLost { video_late: self.late.get(), video_failed: self.failed.get() }
    }

    /// A write that began at `started` is done.
    pub(super) fn wrote(&self, bytes: u64, started: Instant) {
        let first = self.started.get_or_init(|| started);
        self.bytes.add(bytes);
        self.busy_ns.add(started.elapsed().as_nanos() as u64);
        self.span_ns.set(first.elapsed().as_nanos() as u64);
    }

    /// The video has ended with an error: the first tells why.
    pub(super) fn fail(&self, error: String) {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// `None` where nothing is filmed.
    pub(crate) fn health(&self) -> Option<VideoHealth> {
        let bytes = self.bytes.get();
        let mb_per_s = |ns: u64| if ns > 0 { bytes as f64 * 1e3 / ns as f64 } else { 0.0 };
        Some(VideoHealth {
            mode: *self.mode.get()?,
            frames: self.frames.get(),
            lost: self.lost(),
            bytes,
            mb_per_s: mb_per_s(self.span_ns.get()),
            disk_mb_per_s: mb_per_s(self.busy_ns.get()),
            direct: self.direct.load(Ordering::Relaxed),
            error: self.error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        })
    }
}
