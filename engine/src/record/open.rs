//! A recording in progress: gathers frames, hands them to its file, and keeps a ledger of its own.
//!
//! The ledger and the gaps of a recording begin with its first frame: what was lost before it is not its loss.

use std::time::{Duration, Instant};

use beadscope_drivers::truth::TruthRow;

use super::error::RecordError;
use super::journal::SoFar;
use super::losses::{Failure, Losses};
use super::numbers::{Rest, Step};
use super::space::Space;
use super::tracks_file::TracksFile;
use crate::command::Event;
use crate::frame::{Counted, FrameHeader, Gap};
use crate::hardware::AxisSample;
use crate::ledger::{Ledger, Lost};
use crate::segment::Segment;
use crate::status::{Grown, Status};
use crate::tracks::{TrackRow, TracksHeader};
use crate::video::status::VideoLost;

/// What a power cut may cost at most is this much, and the time that the disk takes.
const FLUSH_EVERY: Duration = Duration::from_millis(500);
/// For tests: a flush takes so many ms longer, as on a disk that sleeps, is far away or busy for others.
const SLOW_DISK: &str = "BEADSCOPE_SLOW_DISK_MS";
/// Free space is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Rows are gathered this long before they go to the file: one batch per frame would be mostly overhead.
const GATHER: Duration = Duration::from_millis(200);

pub(super) struct Open {
    file: TracksFile,
    headers: Vec<(TracksHeader, u64)>,
    rows: Vec<TrackRow>,
    /// Commands that are not in the file yet.
    events: Vec<Event>,
    axes: Vec<AxisSample>,
    truth: Vec<TruthRow>,
    /// Segments that begin with one of `headers`.
    segments: Vec<(Segment, FrameHeader)>,
    losses: Losses,
    /// Losses that the journal has.
    logged: usize,
    /// The next block's first frame: the ledger up to it, and what the camera did.
    logging: Option<(Ledger, Option<Segment>)>,
    lost: Gap,
    /// Frames that the file has accepted.
    frames: u64,
    /// By the camera's numbers, from the first frame to the last.
    counted: Counted,
    /// Segments of the first frame taken, and of the last taken or lost.
    segment_range: [u32; 2],
    last: Option<FrameHeader>,
    /// It goes on where another ended, so what was lost before its first frame is its loss.
    continues: bool,
    /// Highest device number of the frames taken in the last one's segment.
    highest_device_frame: u64,
    gathered_since: Instant,
    flushed: Instant,
    /// [`GATHER`] and [`FLUSH_EVERY`], but in tests.
    pub(super) every: [Duration; 2],
    slow_disk: Option<Duration>,
    space: Space,
    looked: Instant,
    began: Instant,
    /// Bytes of video that the session had before.
    video_before: u64,
    /// The file has refused once: it gets nothing more.
    failed: bool,
    /// Why the recording was ended before it was asked to, though the file is whole.
    ended: Option<String>,
    /// What the session's videos had lost before it.
    video_lost_before: VideoLost,
}

impl Open {
    pub(super) fn new(file: TracksFile, status: &Status) -> Self {
        tracing::info!("recording into {}", file.partial_path().display());
        let now = Instant::now();
        status.set_file(file.path(), now);
        let space = Space::new(file.partial_path().to_path_buf());
        Self {
            file,
            headers: Vec::new(),
            rows: Vec::new(),
            events: Vec::new(),
            axes: Vec::new(),
            truth: Vec::new(),
            segments: Vec::new(),
            losses: Losses::default(),
            logged: 0,
            logging: None,
            lost: Gap::default(),
            frames: 0,
            counted: Counted::default(),
            segment_range: [0; 2],
            last: None,
            continues: false,
            highest_device_frame: 0,
            gathered_since: now,
            flushed: now,
            every: [GATHER, FLUSH_EVERY],
            slow_disk: slow_disk(),
            space,
            looked: now,
            began: now,
            video_before: status.video.bytes.get(),
            failed: false,
            ended: None,
            video_lost_before: status.video.lost(),
        }
    }

    /// The same for a file that goes on where another ends.
    pub(super) fn after(file: TracksFile, status: &Status) -> Self {
        Self { continues: true, ..Self::new(file, status) }
    }

    /// The disk takes nothing more.
    #[cfg(test)]
    pub(super) fn break_disk(&mut self) {
        self.file.break_disk();
    }

    /// Takes a frame, which is in `segment`.
    pub(super) fn take(
        &mut self,
        mut header: TracksHeader,
        step: &Step,
        segment: Option<Segment>,
        rows: &[TrackRow],
        unix_ns: u64,
    ) {
        let frame = &mut header.frame;
        let is_same = self.last.is_some_and(|last| last.segment == frame.segment);
        if self.last.is_some() || self.continues {
            self.lost += frame.gap;
            self.counted += step.counted.since(&Step::first(frame));
            step.loss.into_iter().for_each(|loss| self.losses.note(loss));
        } else {
            frame.gap = Gap::default();
        }
        self.logging = self.logging.or_else(|| Some((self.ledger(self.frames, 0), segment)));
        self.counted += Step::first(frame);
        if self.last.is_none() {
            self.segment_range[0] = frame.segment;
        }
        self.segment_range[1] = frame.segment;
        if let Some(segment) = segment.filter(|_| !is_same) {
            self.segments.push((segment, *frame));
        }
        let highest = if is_same { self.highest_device_frame } else { 0 };
        self.highest_device_frame = highest.max(frame.device_frame);
        self.last = Some(*frame);
        if self.headers.is_empty() {
            self.gathered_since = Instant::now();
        }
        self.headers.push((header, unix_ns));
        self.rows.extend_from_slice(rows);
    }

    /// Takes a command that was given.
    pub(super) fn note(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Takes where axes were.
    pub(super) fn take_axes(&mut self, samples: Vec<AxisSample>) {
        self.axes.extend(samples);
    }

    /// Takes where simulated beads were.
    pub(super) fn take_truth(&mut self, rows: impl Iterator<Item = TruthRow>) {
        self.truth.extend(rows);
    }

    /// Enters what was lost between the last frame and the end of the session.
    pub(super) fn take_rest(&mut self, rest: &Rest) {
        if self.last.is_some() || self.continues {
            self.lost += rest.gap;
            self.segment_range[1] = rest.segment;
            self.counted += rest.counted;
            rest.loss.into_iter().for_each(|loss| self.losses.note(loss));
        }
    }

    /// Writes what was gathered once it is worth it, and flushes twice a second.
    pub(super) fn write(&mut self, status: &Status) -> Result<(), RecordError> {
        let written = self.write_if_due(status);
        self.failed = written.is_err();
        written
    }

    fn write_if_due(&mut self, status: &Status) -> Result<(), RecordError> {
        let is_due = self.flushed.elapsed() >= self.every[1];
        if is_due || self.gathered_since.elapsed() >= self.every[0] {
            self.append(status)?;
        }
        if is_due {
            self.file.append_health(&status.health())?;
            self.slow_disk.inspect(|longer| std::thread::sleep(*longer));
            self.log()?;
            self.file.flush()?;
            self.flushed = Instant::now();
        }
        Ok(())
    }

    /// Everything that was appended is safe from a power cut once this returns.
    fn log(&mut self) -> Result<(), RecordError> {
        let gaps = self.losses.to_gaps(self.logged);
        self.logged += gaps.len();
        let ledger = self.ledger(self.frames, 0);
        let (before, segment) = self.logging.take().unwrap_or((ledger, None));
        self.file.log(&SoFar { before, ledger, gaps, segment })
    }

    /// Looks at the disk once a second.
    ///
    /// # Errors
    /// [`RecordError::Reserve`]: too little space is left, though the file would take more.
    pub(super) fn look(&mut self, status: &Status) -> Result<(), RecordError> {
        let now = Instant::now();
        if now.duration_since(self.looked) < LOOK_EVERY {
            return Ok(());
        }
        self.looked = now;
        let (tracks, video) = (self.file.bytes(), status.video.bytes.get());
        let bytes = tracks + video.saturating_sub(self.video_before);
        status.set_grown(Grown { since: self.began, bytes, ledger: self.ledger(self.frames, 0) });
        let disk = self.space.look(now, [tracks + self.file.journal_bytes(), video]);
        status.set_disk(disk.inspect_err(|error| self.ended = Some(error.to_string()))?);
        Ok(())
    }

    fn append(&mut self, status: &Status) -> Result<(), RecordError> {
        for (segment, first) in self.segments.drain(..) {
            self.file.begin_segment(&segment, &first)?;
        }
        self.file.append(&self.headers, &self.rows)?;
        self.frames += self.headers.len() as u64;
        status.recorded.add(self.headers.len() as u64);
        self.headers.clear();
        self.rows.clear();
        self.file.append_instrument(&self.axes, &self.truth)?;
        self.axes.clear();
        self.truth.clear();
        self.events.drain(..).try_for_each(|event| self.file.note(&event))
    }

    /// Closes the file around what the disk has taken; the rest is counted as lost and is the file's last gap.
    pub(super) fn finish(mut self, status: &Status) -> Result<Ledger, RecordError> {
        let written = if self.failed { Ok(()) } else { self.append(status).and_then(|()| self.log()) };
        let written = match self.file.flush() {
            // A file that has failed refuses; the caller knows of the failure.
            Err(error) if !self.failed => written.and(Err(error)),
            _ => written,
        };
        let recorded = self.file.flushed().frames;
        // What was appended but not flushed when the disk failed is not in the file.
        let failed = self.frames + self.headers.len() as u64 - recorded;
        status.recorded.set(status.recorded.get() + recorded - self.frames);
        status.lost_record_failed.add(failed);
        if failed > 0 {
            let failure = Failure {
                frames: failed,
                highest_device_frame: self.highest_device_frame,
                segment: self.last.map_or(0, |last| last.segment),
                last_ns: self.last.map_or(0, |last| last.arrival_ns),
            };
            self.losses.fail(self.file.last_flushed(), &failure);
        }
        let ledger = self.ledger(recorded, failed);
        let json = serde_json::to_string(&ledger).unwrap_or_default();
        let thread_notes = status.thread_notes.get().cloned().unwrap_or_default();
        let mut health = status.health();
        if let Some(video) = &mut health.video {
            video.lost = video.lost.since(self.video_lost_before);
        }
        let told = health.notices().into_iter().map(|notice| notice.text);
        let notices: Vec<String> = told.chain(thread_notes).chain(self.ended.take()).collect();
        self.file.finish(&json, &self.losses.to_gaps(0), &notices)?;
        written.map(|()| ledger)
    }

    fn ledger(&self, recorded: u64, failed: u64) -> Ledger {
        let Gap { camera, ring_full, recorder_late } = self.lost;
        let Counted { exposed, out_of_order, late } = self.counted;
        let tracked = recorded + failed + recorder_late;
        let [first, last] = self.segment_range;
        let segments = self.last.map_or(0, |_| u64::from(last.saturating_sub(first)) + 1);
        Ledger {
            camera: exposed,
            received: tracked + ring_full,
            tracked,
            recorded,
            not_asked: 0,
            out_of_order,
            // One that was lost before the recording began is late for the session, not for the recording.
            late: late.min(camera),
            segments,
            lost: Lost { camera, ring_full, recorder_late, record_failed: failed },
        }
    }
}

fn slow_disk() -> Option<Duration> {
    std::env::var(SLOW_DISK).ok()?.parse().ok().map(Duration::from_millis)
}
