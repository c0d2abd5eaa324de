//! A recording in progress: gathers frames, hands them to its file, and keeps a ledger of its own.
//!
//! The ledger and the gaps of a recording begin with its first frame: what was lost before it is not its loss.

use std::time::{Duration, Instant};

use super::error::RecordError;
use super::losses::{Loss, Losses};
use super::numbers::{Rest, Step};
use super::space::Space;
use super::tracks_file::TracksFile;
use crate::frame::Gap;
use crate::ledger::{Ledger, Lost};
use crate::status::Status;
use crate::tracks::{TrackRow, TracksHeader};

/// What a power cut may cost at most is this much and one batch.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
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
    losses: Losses,
    lost: Gap,
    /// Frames that the file has accepted.
    frames: u64,
    /// Exposures by the device's numbers, from the first frame to the last.
    exposed: u64,
    repeats: u64,
    /// Session number of the last frame taken.
    last_frame: Option<u64>,
    /// Highest device number of the frames taken.
    highest_device_frame: u64,
    gathered_since: Instant,
    flushed: Instant,
    slow_disk: Option<Duration>,
    space: Space,
    looked: Instant,
    /// The file has refused once: it gets nothing more.
    failed: bool,
    /// Why the recording was ended before it was asked to, though the file is whole.
    ended: Option<String>,
}

impl Open {
    pub(super) fn new(file: TracksFile) -> Self {
        tracing::info!("recording into {}", file.partial_path().display());
        let now = Instant::now();
        let space = Space::new(file.partial_path().to_path_buf());
        Self {
            file,
            headers: Vec::new(),
            rows: Vec::new(),
            losses: Losses::default(),
            lost: Gap::default(),
            frames: 0,
            exposed: 0,
            repeats: 0,
            last_frame: None,
            highest_device_frame: 0,
            gathered_since: now,
            flushed: now,
            slow_disk: slow_disk(),
            space,
            looked: now,
            failed: false,
            ended: None,
        }
    }

    pub(super) fn take(&mut self, mut header: TracksHeader, step: &Step, rows: &[TrackRow], unix_ns: u64) {
        let frame = &mut header.frame;
        let first;
        let step = match self.last_frame {
            Some(last_frame) => {
                self.lost += frame.gap;
                self.note_gap(&frame.gap, step.after, frame.device_frame.saturating_sub(1), last_frame);
                step
            }
            None => {
                frame.gap = Gap::default();
                first = step.first();
                &first
            }
        };
        self.exposed += step.exposed;
        self.repeats += step.repeats;
        self.last_frame = Some(frame.frame);
        self.highest_device_frame = self.highest_device_frame.max(frame.device_frame);
        if self.headers.is_empty() {
            self.gathered_since = Instant::now();
        }
        self.headers.push((header, unix_ns));
        self.rows.extend_from_slice(rows);
    }

    /// Enters what was lost between the last frame and the end of the session; `highest` as before it.
    pub(super) fn take_rest(&mut self, rest: &Rest, highest: u64) {
        let Some(last_frame) = self.last_frame else { return };
        let exposed = rest.gap.total() - rest.repeats;
        self.lost += rest.gap;
        self.exposed += exposed;
        self.repeats += rest.repeats;
        self.note_gap(&rest.gap, highest, highest + exposed, last_frame);
    }

    fn note_gap(&mut self, gap: &Gap, after_device: u64, last_device_frame: u64, after_frame: u64) {
        let first_device_frame = after_device + 1;
        let (lost, record_failed) = (*gap, 0);
        self.losses.note(Loss { first_device_frame, last_device_frame, after_frame, lost, record_failed });
    }

    /// Writes what was gathered once it is worth it, and flushes once a second.
    pub(super) fn write(&mut self, status: &Status) -> Result<(), RecordError> {
        let written = self.write_if_due(status);
        self.failed = written.is_err();
        written
    }

    fn write_if_due(&mut self, status: &Status) -> Result<(), RecordError> {
        if self.gathered_since.elapsed() >= GATHER {
            self.append(status)?;
        }
        if self.flushed.elapsed() >= FLUSH_EVERY {
            self.file.append_health(&status.health())?;
            self.slow_disk.inspect(|longer| std::thread::sleep(*longer));
            self.file.flush()?;
            self.flushed = Instant::now();
        }
        Ok(())
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
        let disk = self.space.look(now, self.file.bytes());
        status.set_disk(disk.inspect_err(|error| self.ended = Some(error.to_string()))?);
        Ok(())
    }

    fn append(&mut self, status: &Status) -> Result<(), RecordError> {
        self.file.append(&self.headers, &self.rows)?;
        self.frames += self.headers.len() as u64;
        status.recorded.add(self.headers.len() as u64);
        self.headers.clear();
        self.rows.clear();
        Ok(())
    }

    /// Closes the file around what the disk has taken; the rest is counted as lost and is the file's last gap.
    pub(super) fn finish(mut self, status: &Status) -> Result<Ledger, RecordError> {
        let written = if self.failed { Ok(()) } else { self.append(status) };
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
            self.losses.fail(self.file.last_flushed(), self.highest_device_frame, failed);
        }
        let ledger = self.ledger(recorded, failed);
        let json = serde_json::to_string(&ledger).unwrap_or_default();
        let notices: Vec<String> = status.tracked_on().notice.into_iter().chain(self.ended.take()).collect();
        self.file.finish(&json, &self.losses.to_gaps(), &notices)?;
        written.map(|()| ledger)
    }

    fn ledger(&self, recorded: u64, failed: u64) -> Ledger {
        let Gap { camera, ring_full, recorder_late } = self.lost;
        let tracked = recorded + failed + recorder_late;
        Ledger {
            camera: self.exposed,
            received: tracked + ring_full,
            tracked,
            recorded,
            not_asked: 0,
            out_of_order: self.repeats,
            lost: Lost { camera, ring_full, recorder_late, record_failed: failed },
        }
    }
}

fn slow_disk() -> Option<Duration> {
    std::env::var(SLOW_DISK).ok()?.parse().ok().map(Duration::from_millis)
}
