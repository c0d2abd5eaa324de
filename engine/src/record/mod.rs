//! Recorder thread: moves rows from the track ring into `tracks.h5`.
//!
//! Runs on: `beadscope-record`, one per session; it may block on the disk, and loses nothing by it as long as the track
//! ring holds. It reads every frame whether a recording runs or not, so that the ledger knows which were not asked for.
//! A failure ends the recording, never the session: what was flushed is kept, and later frames count as lost.

mod column;
pub mod description;
pub mod error;
pub mod info;
mod schema;
pub mod tracks_file;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, bounded};

use crate::clock::Clock;
use crate::frame::Gap;
use crate::ledger::{Ledger, Lost};
use crate::record::error::RecordError;
use crate::record::tracks_file::TracksFile;
use crate::ring::{Available, LosslessReader};
use crate::status::Status;
use crate::tracks::{TrackRow, TracksHeader, rows_of};

/// How often the thread looks up from an empty ring.
const WAIT: Duration = Duration::from_millis(50);
/// What a power cut may cost at most is this much and one batch.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// Rows are gathered this long before they go to the file: one batch per frame would be mostly overhead.
const GATHER: Duration = Duration::from_millis(200);
/// Gaps listed in a file one by one; a run with more is broken, and the ledger still counts them all.
const MAX_GAPS: usize = 100_000;

enum Command {
    Begin(Box<TracksFile>),
    End(Sender<Result<Ledger, RecordError>>),
}

/// Begins and ends recordings in a running session.
pub(crate) struct RecorderHandle {
    commands: Sender<Command>,
}

impl RecorderHandle {
    /// Records from the next frame on. A session that has ended drops the file, which stays a partial one.
    pub(crate) fn begin(&self, file: TracksFile) {
        let _ = self.commands.send(Command::Begin(Box::new(file)));
    }

    /// Finishes the file. `None` if no recording runs or the session has ended (its file is finished then).
    ///
    /// # Errors
    /// If the disk refused at last.
    pub(crate) fn end(&self) -> Option<Result<Ledger, RecordError>> {
        let (answer, answers) = bounded(1);
        self.commands.send(Command::End(answer)).ok()?;
        answers.recv().ok()
    }
}

/// The recorder thread's whole state.
pub(crate) struct Recorder {
    tracks: LosslessReader<TracksHeader>,
    commands: Receiver<Command>,
    status: Arc<Status>,
    clock: Clock,
    open: Option<Open>,
    /// Losses that stood in the headers so far. What the counters have beyond them came after the last frame.
    seen: Gap,
}

/// A recording in progress.
struct Open {
    file: TracksFile,
    headers: Vec<(TracksHeader, u64)>,
    rows: Vec<TrackRow>,
    gaps: Vec<tracks_file::Gap>,
    lost: Gap,
    frames: u64,
    /// First and last device frame recorded, and the session number of the last.
    span: Option<(u64, u64, u64)>,
    gathered_since: Instant,
    flushed: Instant,
}

impl Recorder {
    /// A recorder that records into `file` from the first frame on, or waits to be told.
    pub(crate) fn new(
        tracks: LosslessReader<TracksHeader>,
        status: Arc<Status>,
        clock: Clock,
        file: Option<TracksFile>,
    ) -> (Self, RecorderHandle) {
        let (commands, receiver) = bounded(4);
        let open = file.map(Open::new);
        let recorder = Self { tracks, commands: receiver, status, clock, open, seen: Gap::default() };
        (recorder, RecorderHandle { commands })
    }

    /// Records until the tracking thread is gone and the track ring is empty.
    pub(crate) fn run(mut self) {
        loop {
            match self.tracks.wait(WAIT) {
                Available::Closed => break,
                Available::Nothing => {}
                Available::Slots(slots) => self.take(slots),
            }
            self.write();
            while let Ok(command) = self.commands.try_recv() {
                self.obey(command);
            }
        }
        let after_last = Gap {
            camera: self.status.lost_camera.get() - self.seen.camera,
            ring_full: self.status.lost_ring_full.get() - self.seen.ring_full,
            recorder_late: self.status.lost_recorder_late.get() - self.seen.recorder_late,
        };
        if let Some(mut open) = self.open.take() {
            open.lost += after_last;
            if let Err(error) = open.finish(&self.status) {
                fail(&self.status, &error);
            }
        }
    }

    /// Copies what is in the ring and frees its slots at once, before any disk is waited for.
    fn take(&mut self, slots: usize) {
        for place in 0..slots {
            let Some((header, bytes)) = self.tracks.peek(place) else { continue };
            self.seen += header.frame.gap;
            match &mut self.open {
                Some(open) => {
                    open.take(*header, rows_of(header, bytes), self.clock.unix_ns(header.frame.arrival_ns));
                }
                None if self.status.record_error.get().is_some() => self.status.lost_record_failed.add(1),
                None => self.status.not_asked.add(1),
            }
        }
        self.tracks.release(slots);
    }

    fn write(&mut self) {
        let Some(open) = &mut self.open else { return };
        if let Err(error) = open.write(&self.status) {
            fail(&self.status, &error);
            if let Some(open) = self.open.take() {
                // The file closes itself around what was flushed; if even that fails, the partial file stays.
                let _ = open.finish(&self.status);
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Begin(file) => self.open = Some(Open::new(*file)),
            Command::End(answer) => {
                if let Some(open) = self.open.take() {
                    // The asker may have gone; the file is finished all the same.
                    let _ = answer.send(open.finish(&self.status));
                }
            }
        }
    }
}

fn fail(status: &Status, error: &RecordError) {
    tracing::error!("recording stopped: {error}");
    let _ = status.record_error.set(error.to_string());
}

impl Open {
    fn new(file: TracksFile) -> Self {
        let now = Instant::now();
        Self {
            file,
            headers: Vec::new(),
            rows: Vec::new(),
            gaps: Vec::new(),
            lost: Gap::default(),
            frames: 0,
            span: None,
            gathered_since: now,
            flushed: now,
        }
    }

    fn take(&mut self, header: TracksHeader, rows: &[TrackRow], unix_ns: u64) {
        let frame = &header.frame;
        // What was lost before the recording's first frame is not the recording's loss.
        if let Some((_, last_device, last_frame)) = self.span {
            self.lost += frame.gap;
            self.note_gap(&frame.gap, last_device, frame.device_frame, last_frame);
        }
        let first = self.span.map_or(frame.device_frame, |(first, ..)| first);
        self.span = Some((first, frame.device_frame, frame.frame));
        if self.headers.is_empty() {
            self.gathered_since = Instant::now();
        }
        self.headers.push((header, unix_ns));
        self.rows.extend_from_slice(rows);
    }

    fn note_gap(&mut self, gap: &Gap, last_device: u64, next_device: u64, after_frame: u64) {
        if gap.total() == 0 || self.gaps.len() >= MAX_GAPS {
            return;
        }
        let reasons =
            [("camera", gap.camera), ("ring_full", gap.ring_full), ("recorder_late", gap.recorder_late)];
        let named: Vec<String> = reasons
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{name}={count}"))
            .collect();
        self.gaps.push(tracks_file::Gap {
            first_device_frame: last_device + 1,
            last_device_frame: next_device.saturating_sub(1),
            after_frame,
            reason: named.join(" "),
        });
    }

    /// Writes what was gathered once it is worth it, and flushes once a second.
    fn write(&mut self, status: &Status) -> Result<(), RecordError> {
        if self.gathered_since.elapsed() >= GATHER {
            self.append(status)?;
        }
        if self.flushed.elapsed() >= FLUSH_EVERY {
            self.file.flush()?;
            self.flushed = Instant::now();
        }
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

    fn finish(mut self, status: &Status) -> Result<Ledger, RecordError> {
        let mut written = Ok(());
        let mut recorded = self.file.flushed().frames;
        let taken = self.frames + self.headers.len() as u64;
        if status.record_error.get().is_none() {
            written = self.append(status).and_then(|()| self.file.flush());
            recorded = if written.is_ok() { taken } else { self.file.flushed().frames };
        }
        // What was appended but not flushed when the disk failed is not in the file.
        let failed = taken - recorded;
        status.recorded.set(status.recorded.get() + recorded - self.frames);
        status.lost_record_failed.add(failed);
        let ledger = self.ledger(recorded, failed);
        let json = serde_json::to_string(&ledger).unwrap_or_default();
        self.file.finish(&json, &self.gaps)?;
        written.map(|()| ledger)
    }

    fn ledger(&self, recorded: u64, failed: u64) -> Ledger {
        let Gap { camera, ring_full, recorder_late } = self.lost;
        let tracked = recorded + failed + recorder_late;
        let received = tracked + ring_full;
        Ledger {
            camera: received + camera,
            received,
            tracked,
            recorded,
            not_asked: 0,
            out_of_order: 0,
            lost: Lost { camera, ring_full, recorder_late, record_failed: failed },
        }
    }
}

/// Where a run's rows are.
pub fn tracks_path(run: &std::path::Path) -> PathBuf {
    run.join("tracks.h5")
}
