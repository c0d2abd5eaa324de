//! Recorder thread: moves rows from the track ring into `tracks.h5`.
//!
//! Runs on: `beadscope-record`, one per session; it may block on the disk, and loses nothing by it as long as the track
//! ring holds. It reads every frame whether a recording runs or not, so that the ledger knows which were not asked for.
//! A failure ends the recording, never the session: what was flushed is kept, and later frames count as lost.

mod column;
pub mod description;
pub mod error;
pub mod info;
mod journal;
mod losses;
mod numbers;
mod open;
pub mod read;
pub(crate) mod schema;
pub mod space;
pub mod tracks_file;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use beadscope_drivers::truth::{Truth, TruthRow};

use crate::clock::Clock;
use crate::command::Event;
use crate::cut::Cut;
use crate::hardware::AxisSample;
use crate::ledger::Ledger;
use crate::record::error::RecordError;
use crate::record::numbers::Seen;
use crate::record::open::Open;
use crate::record::tracks_file::TracksFile;
use crate::ring::{Available, LosslessReader};
use crate::status::Status;
use crate::tracks::{TracksHeader, rows_of};

/// How often the thread looks up from an empty ring.
const WAIT: Duration = Duration::from_millis(50);

/// Commands under way at most: many more than a disk that stalls for minutes lets gather.
const MAX_COMMANDS: usize = 4096;

/// Rows of the truth that wait for their frames at most.
const MAX_TOLD: usize = 1 << 18;

enum Command {
    /// From the cut on; with whom to tell once the file is the recorder's.
    Begin(Box<TracksFile>, Cut, SyncSender<()>),
    /// At the cut; with the file that goes on, if one does: no frame is between the two.
    End(Option<Box<TracksFile>>, Cut, Answer),
    Note(Event),
    Axes(Vec<AxisSample>),
}

type Answer = SyncSender<Result<Ledger, RecordError>>;

/// A recording that ends once the frames before `until` are in it.
struct Ending {
    next: Option<Box<TracksFile>>,
    until: u64,
    answer: Answer,
}

/// Begins and ends recordings in a running session.
#[derive(Clone)]
pub(crate) struct RecorderHandle {
    /// Of the standard library: when the recorder goes, it drops what is still under way, and with it an answer's
    /// sender, so that nobody waits for that answer (crossbeam keeps both).
    commands: SyncSender<Command>,
    status: Arc<Status>,
}

impl RecorderHandle {
    /// Records from the cut on into the file that `create` makes. Returns once the recorder has the file; before it waits
    /// for that it calls `told`, which sets the cut.
    ///
    /// # Errors
    /// [`RecordError::Running`] if a recording runs, [`RecordError::Ended`] if the session has ended, also meanwhile (the
    /// empty file is removed then), and those of `create`.
    pub(crate) fn begin(
        &self,
        path: &Path,
        create: impl FnOnce() -> Result<TracksFile, RecordError>,
        cut: &Cut,
        told: impl FnOnce(),
    ) -> Result<(), RecordError> {
        if !self.status.begin_recording() {
            return Err(RecordError::Running { path: path.to_path_buf() });
        }
        let file = create().inspect_err(|_| self.status.end_recording(None))?;
        let partial = file.partial_path().to_path_buf();
        let (begun, answer) = sync_channel(1);
        // A recorder that goes drops what is under way, first the file and then `begun`.
        let reached = self.commands.send(Command::Begin(Box::new(file), cut.clone(), begun)).is_ok();
        if reached {
            told();
        }
        if reached && answer.recv().is_ok() {
            return Ok(());
        }
        // The error to tell is why nothing is recorded.
        tracks_file::remove(&partial);
        self.status.end_recording(None);
        Err(RecordError::Ended { path: path.to_path_buf() })
    }

    /// Writes a command into the recording, if one runs. Whoever notes something does not wait for the disk.
    pub(crate) fn note(&self, event: Event) {
        // A recorder that is gone has no recording either.
        if let Err(TrySendError::Full(Command::Note(event))) = self.commands.try_send(Command::Note(event)) {
            tracing::error!("the disk is so slow that the recording lacks a command: {}", event.command);
            self.status.lacking.commands.add(1);
        }
    }

    /// Writes where axes were into the recording, if one runs.
    pub(crate) fn sample(&self, axes: Vec<AxisSample>) {
        if self.status.is_recording() {
            // A disk that is so far behind lacks some of them: positions of beads come first.
            if let Err(TrySendError::Full(_)) = self.commands.try_send(Command::Axes(axes)) {
                self.status.lacking.axes.add(1);
            }
        }
    }

    /// Finishes the file at the cut, which `told` sets. `None` if no recording runs or the session has ended (its file is
    /// finished then).
    ///
    /// # Errors
    /// If the disk refused at last.
    pub(crate) fn end(&self, cut: &Cut, told: impl FnOnce()) -> Option<Result<Ledger, RecordError>> {
        self.end_and(None, cut, told)
    }

    /// The same, and goes on with `file`: every frame is in one of the two. Where no recording runs, `file` is removed.
    ///
    /// # Errors
    /// If the disk refused the first file at last; the second is recorded into all the same.
    pub(crate) fn next(
        &self,
        file: TracksFile,
        cut: &Cut,
        told: impl FnOnce(),
    ) -> Option<Result<Ledger, RecordError>> {
        let partial = file.partial_path().to_path_buf();
        let ended = self.end_and(Some(Box::new(file)), cut, told);
        if ended.is_none() {
            tracks_file::remove(&partial);
        }
        ended
    }

    fn end_and(
        &self,
        next: Option<Box<TracksFile>>,
        cut: &Cut,
        told: impl FnOnce(),
    ) -> Option<Result<Ledger, RecordError>> {
        let (answer, answers) = sync_channel(1);
        self.commands.send(Command::End(next, cut.clone(), answer)).ok()?;
        told();
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
    /// First frame of the recording that was begun last.
    from: u64,
    /// The recording that was asked for has failed, so the frames since count as lost.
    failed: bool,
    seen: Seen,
    /// Where a simulated camera tells the truth.
    pub(crate) truth: Option<Arc<Truth>>,
    /// What it has told of frames that are still to come, in their order.
    told: VecDeque<TruthRow>,
    /// The camera's number of the frame taken last.
    last_device_frame: Option<u64>,
}

impl Recorder {
    /// A recorder that records into `file` from the first frame on, or waits to be told.
    pub(crate) fn new(
        tracks: LosslessReader<TracksHeader>,
        status: Arc<Status>,
        clock: Clock,
        file: Option<TracksFile>,
    ) -> (Self, RecorderHandle) {
        let (sender, commands) = sync_channel(MAX_COMMANDS);
        let handle = RecorderHandle { commands: sender, status: status.clone() };
        let open = file.map(|file| {
            status.begin_recording();
            Open::new(file, &status)
        });
        let recorder = Self {
            tracks,
            commands,
            status,
            clock,
            open,
            from: 0,
            failed: false,
            seen: Seen::default(),
            truth: None,
            told: VecDeque::new(),
            last_device_frame: None,
        };
        (recorder, handle)
    }

    /// Records until the tracking thread is gone and the track ring is empty.
    pub(crate) fn run(mut self) {
        let mut ending: Option<Ending> = None;
        loop {
            // Read before the wait: by its end the rows of these frames are in the ring, or were lost.
            let tracked = self.status.tracked.get();
            let found = self.tracks.wait(WAIT);
            // No frame comes any more, so no recording begins either: its asker is told by the command's being dropped.
            if matches!(found, Available::Closed) {
                break;
            }
            while ending.is_none() {
                match self.commands.try_recv() {
                    Ok(Command::Begin(file, cut, begun)) => self.begin(*file, cut.frame(), &begun),
                    Ok(Command::Note(event)) => self.note(event),
                    Ok(Command::Axes(samples)) => self.take_axes(samples),
                    Ok(Command::End(next, cut, answer)) => {
                        ending = Some(Ending { next, until: cut.frame(), answer });
                    }
                    Err(_) => break,
                }
            }
            let until = ending.as_ref().map_or(u64::MAX, |ending| ending.until);
            let is_over = match found {
                Available::Slots(slots) => self.take(slots, until),
                _ => tracked >= until,
            };
            self.write();
            if let Some(Ending { next, answer, .. }) = ending.take_if(|_| is_over || self.open.is_none()) {
                self.end(next, &answer);
            }
        }
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Note(event) => self.note(event),
                Command::Axes(samples) => self.take_axes(samples),
                Command::Begin(..) | Command::End(..) => {}
            }
        }
        let rest = self.seen.rest(&self.status);
        if let Some(loss) = &rest.loss {
            self.status.seen.note_gap(loss.to_gap());
        }
        self.take_truth();
        if let Some(mut open) = self.open.take() {
            open.take_rest(&rest);
            let finished = open.finish(&self.status);
            self.ended(finished.as_ref().err());
        }
    }

    /// Copies what is in the ring, up to the frame `until`, and frees its slots at once, before any disk is waited for.
    /// Whether no frame before `until` will come.
    fn take(&mut self, slots: usize, until: u64) -> bool {
        let (mut taken, mut next) = (0, 0);
        while taken < slots
            && let Some((header, bytes)) = self.tracks.peek(taken)
        {
            next = header.frame.frame + 1;
            if next > until {
                break;
            }
            taken += 1;
            self.last_device_frame = Some(header.frame.device_frame);
            let step = self.seen.count(&header.frame, &self.status);
            if let Some(loss) = &step.loss {
                self.status.seen.note_gap(loss.to_gap());
            }
            match &mut self.open {
                Some(open) if header.frame.frame >= self.from => {
                    let unix_ns = self.clock.unix_ns(header.frame.time_ns);
                    open.take(*header, &step, self.seen.segment, rows_of(header, bytes), unix_ns);
                }
                None if self.failed => self.status.lost_record_failed.add(1),
                _ => self.status.not_asked.add(1),
            }
        }
        self.tracks.release(taken);
        next >= until
    }

    fn write(&mut self) {
        self.take_truth();
        let Some(open) = &mut self.open else { return };
        let written = open.write(&self.status).and_then(|()| open.look(&self.status));
        if let Err(error) = written {
            self.failed = true;
            if let Some(open) = self.open.take() {
                // The file closes itself around what was flushed; if even that fails, the partial file stays.
                let _ = open.finish(&self.status);
            }
            self.ended(Some(&error));
        }
    }

    /// Takes what the camera tells of its simulated sample, whether a recording runs or not.
    fn take_truth(&mut self) {
        let Some(truth) = &self.truth else { return };
        self.told.extend(truth.take());
        // The camera tells of a frame before it is tracked: what comes behind the frame taken last may be the next recording's.
        let reached = self
            .last_device_frame
            .and_then(|last| self.told.iter().rposition(|row| row.device_frame == last));
        // Frames that nobody takes, over and over, are not kept for ever.
        let reached = reached.map_or(0, |last| last + 1).max(self.told.len().saturating_sub(MAX_TOLD));
        let rows = self.told.drain(..reached);
        if let Some(open) = &mut self.open {
            open.take_truth(rows);
            self.status.lacking.truth.add(truth.take_lost());
        }
    }

    fn begin(&mut self, file: TracksFile, from: u64, begun: &SyncSender<()>) {
        self.failed = false;
        self.from = from;
        self.open = Some(Open::new(file, &self.status));
        // The asker may have gone; it records all the same.
        let _ = begun.send(());
    }

    fn take_axes(&mut self, samples: Vec<AxisSample>) {
        if let Some(open) = &mut self.open {
            open.take_axes(samples);
        }
    }

    fn note(&mut self, event: Event) {
        if let Some(open) = &mut self.open {
            open.note(event);
        }
    }

    fn end(&mut self, next: Option<Box<TracksFile>>, answer: &Answer) {
        self.failed = false;
        let Some(open) = self.open.take() else { return };
        // Before the disk is waited for: the frames that come meanwhile are in the ring, and go into the next file.
        let goes_on = next.is_some();
        self.open = next.map(|file| Open::after(*file, &self.status));
        let finished = open.finish(&self.status);
        let failed = finished.as_ref().err();
        if goes_on {
            self.tell(failed)
        } else {
            self.ended(failed)
        }
        // The asker may have gone; the file is finished all the same.
        let _ = answer.send(finished);
    }

    fn ended(&self, failed: Option<&RecordError>) {
        self.tell(failed);
        self.status.set_disk(None);
        self.status.end_recording(failed.map(ToString::to_string));
    }

    fn tell(&self, failed: Option<&RecordError>) {
        match failed {
            Some(error) => {
                let failure = format!("recording stopped: {error}");
                tracing::error!("{failure}");
                self.status.fail(failure);
            }
            None => tracing::info!("recording finished"),
        }
    }
}

/// Where a run's rows are.
pub fn tracks_path(run: &Path) -> PathBuf {
    run.join("tracks.h5")
}

/// Where a run's settings are.
pub fn rig_path(run: &Path) -> PathBuf {
    run.join("rig.toml")
}

#[cfg(test)]
mod fault_runs;
#[cfg(test)]
mod tests;
