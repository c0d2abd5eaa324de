//! The recording `tracks.h5`: MagScope's `/tracking` and our own `/beadscope`, appended while the run goes on.
//!
//! Runs on the recorder's thread; may block and allocate. Memory stays the same however long the run: one chunk a
//! dataset, 2.8 MB in all, and the batch in hand.
//!
//! **Crash safety.** The file grows under the name `tracks.h5.partial` in HDF5's SWMR mode, for readers beside it, and gets
//! its own name in [`TracksFile::finish`] only. A flush writes data, then chunk indices, then lengths, all in place:
//! h5py opens such a file with `h5py.File(path, "r", swmr=True)`; the lengths of its datasets may differ by what the last
//! second brought, so the shortest counts (`tests/peers/check_tracks.py --partial` shows how). A crash in the middle may
//! leave it unreadable all the same. What a crash cannot take is the journal beside it (`journal/`), of which
//! [`recover()`] makes a whole file.
//!
//! As long as it is recorded the file is claimed (`claim.rs`), with a shared lock where the file system allows one: SWMR
//! readers are free, a second writer and [`recover()`] are refused.
//!
//! Limits: rust-hdf5 indexes 131 060 chunks a dataset, which is 8.6e9 rows, 5.4e8 frames and 1.3e8 batches; beyond,
//! `append` fails with an error and the file can be finished.

use std::fs;
use std::path::{Path, PathBuf};

use beadscope_drivers::truth::TruthRow;
use rust_hdf5::swmr::SwmrFileWriter;
use rust_hdf5::{FileLocking, Hdf5Error};

use super::description::RunDescription;
use super::error::RecordError;
use super::journal::{JournalWriter, SoFar};
use super::read::Recording;
use super::schema::{self, NO_DEVICE_TIME, OURS, TRACKING};
use crate::bead_set::MAX_BEAD;
use crate::command::Event;
use crate::durable::sync_folder_of;
use crate::frame::FrameHeader;
use crate::hardware::AxisSample;
use crate::roi::Roi;
use crate::segment::Segment;
use crate::status::Health;
use crate::tracks::{TrackRow, TracksHeader};

mod claim;
mod columns;
mod health;
mod recover;
mod reserve;
#[cfg(test)]
mod tests;

use claim::Claim;
pub(crate) use claim::check_quiet;
use columns::Columns;
pub use columns::Gap;
pub use recover::{Recovered, recover};
pub(crate) use reserve::MAX_GAPS;
use reserve::Reserve;

/// A recording in progress. Dropped without [`TracksFile::finish`] it stays a `.partial` file.
pub struct TracksFile {
    file: SwmrFileWriter,
    columns: Columns,
    path: PathBuf,
    partial: PathBuf,
    claim: Claim,
    journal: Option<JournalWriter>,
    reserve: Option<Reserve>,
    pixel_size_nm: f64,
    pushed: Progress,
    /// What the last flush made readable.
    flushed: Progress,
    stopped: bool,
}

/// How much a recording holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Calls of `append` with at least one frame.
    pub batches: u64,
    /// Frames.
    pub frames: u64,
    /// Rows.
    pub rows: u64,
}

/// The last frame that a recording holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastFrame {
    /// Its number in the session.
    pub frame: u64,
    /// Its segment.
    pub segment: u32,
    /// Highest of the camera's numbers up to this frame in its segment.
    pub highest_device_frame: u64,
    /// Its arrival, ns on the session's clock.
    pub arrival_ns: u64,
}

/// [`Counts`], the times that they span, and their end.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Progress {
    counts: Counts,
    /// When the newest row of health was measured.
    health_unix_ns: u64,
    first_unix_ns: u64,
    last_unix_ns: u64,
    last: Option<LastFrame>,
    events: u64,
    axes: u64,
    truth: u64,
}

impl Progress {
    /// Nothing yet: the empty range, whose first is after its last.
    const NONE: Self = Self {
        counts: Counts { batches: 0, frames: 0, rows: 0 },
        health_unix_ns: 0,
        first_unix_ns: u64::MAX,
        last_unix_ns: 0,
        last: None,
        events: 0,
        axes: 0,
        truth: 0,
    };
}

impl TracksFile {
    /// Creates `<path>.partial`, with everything that is known of the run, ready for rows. Without a journal: what can be
    /// made again needs none.
    ///
    /// # Errors
    /// If `path` or its partial file exists, a bead number is above 65 535, or the folder cannot be written to.
    pub fn create(path: &Path, run: &RunDescription) -> Result<Self, RecordError> {
        Self::create_as(path, run, |_| Ok(None))
    }

    /// The same with a journal.
    ///
    /// # Errors
    /// As [`Self::create`], also if a journal of that name exists.
    pub fn create_with_journal(path: &Path, run: &RunDescription) -> Result<Self, RecordError> {
        let journal = journal_path(path);
        let begin = |partial: &Path| {
            let begun = fs::read(partial).and_then(|description| {
                let begun = JournalWriter::create(&journal, &description)?;
                let named = sync_folder_of(&journal);
                named
                    .and_then(|()| path.parent().map_or(Ok(()), sync_folder_of))
                    .inspect_err(|_| drop(fs::remove_file(&journal)))?;
                Ok(begun)
            });
            begun.map(Some).map_err(|error| RecordError::io("begin the journal", &journal, error))
        };
        let mut file = Self::create_as(path, run, begin)?;
        file.columns.keep_news();
        Ok(file)
    }

    fn create_as(
        path: &Path,
        run: &RunDescription,
        begin_journal: impl FnOnce(&Path) -> Result<Option<JournalWriter>, RecordError>,
    ) -> Result<Self, RecordError> {
        let partial = partial_path(path);
        check_numbers(&run.beads.rois, path)?;
        if path.exists() {
            return Err(RecordError::Exists { path: path.to_path_buf() });
        }
        let claim = Claim::create(&partial);
        let claim = claim.map_err(|error| RecordError::io("create the recording", &partial, error))?;
        let opened = run.write(&partial).and_then(|()| {
            let journal = begin_journal(&partial)?;
            let reserve = sibling(path, ".reserve");
            let started = start(&partial).and_then(|(file, columns)| {
                let reserve = Reserve::take(&reserve)
                    .map_err(|error| RecordError::io("reserve space", &reserve, error))?;
                Ok((file, columns, reserve))
            });
            let (file, columns, reserve) = started.inspect_err(|_| {
                if journal.is_some() {
                    drop(fs::remove_file(journal_path(path)));
                }
            })?;
            Ok((file, columns, journal, reserve))
        });
        let (file, columns, journal, reserve) = opened.inspect_err(|_| drop(fs::remove_file(&partial)))?;
        Ok(Self {
            file,
            columns,
            path: path.to_path_buf(),
            partial,
            claim,
            journal,
            reserve: Some(reserve),
            pixel_size_nm: run.pixel_size_nm,
            pushed: Progress::NONE,
            flushed: Progress::NONE,
            stopped: false,
        })
    }

    /// Adds frames, each with its time (ns since 1970 UTC), and their rows one after the other.
    ///
    /// # Errors
    /// A batch that contradicts itself is refused whole and the recording goes on. After any other error the
    /// recording accepts nothing more; what was flushed is kept.
    pub fn append(&mut self, headers: &[(TracksHeader, u64)], rows: &[TrackRow]) -> Result<(), RecordError> {
        self.check_running()?;
        self.check_batch(headers, rows)?;
        if headers.is_empty() {
            return Ok(());
        }
        let pushed = self.push_batch(headers, rows);
        pushed.map_err(|error| self.stop("append to the recording", error))
    }

    /// Adds a command that was given.
    ///
    /// # Errors
    /// If the disk refuses; the recording then accepts nothing more.
    pub fn note(&mut self, event: &Event) -> Result<(), RecordError> {
        self.check_running()?;
        let pushed = self.columns.push_event(&mut self.file, event);
        pushed.map_err(|error| self.stop("append to the recording", error))?;
        self.pushed.events += 1;
        Ok(())
    }

    /// Says that a segment begins with this frame, which is appended next.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn begin_segment(&mut self, segment: &Segment, first: &FrameHeader) -> Result<(), RecordError> {
        self.check_running()?;
        let pushed = self.columns.begin_segment(&mut self.file, segment, first);
        pushed.map_err(|error| self.stop("append to the recording", error))
    }

    /// Adds how the session is doing, unless that was measured before and is there already.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_health(&mut self, health: &Health) -> Result<(), RecordError> {
        self.check_running()?;
        let measured = health.vitals.unix_ns;
        if measured <= self.pushed.health_unix_ns {
            return Ok(());
        }
        self.pushed.health_unix_ns = measured;
        let pushed = health::push(&mut self.columns.health, &mut self.file, health);
        pushed.map_err(|error| self.stop("append to the recording", error))
    }

    /// Adds where axes were, and where simulated beads were.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_instrument(&mut self, axes: &[AxisSample], truth: &[TruthRow]) -> Result<(), RecordError> {
        self.check_running()?;
        let (columns, file) = (&mut self.columns, &mut self.file);
        let pushed = axes.iter().try_for_each(|sample| columns.push_axis(file, sample));
        let pushed = pushed.and_then(|()| truth.iter().try_for_each(|row| columns.push_truth(file, row)));
        self.pushed.axes += axes.len() as u64;
        self.pushed.truth += truth.len() as u64;
        pushed.map_err(|error| self.stop("append to the recording", error))
    }

    /// Bytes that frames, rows and what the instrument did take so far.
    pub fn bytes(&self) -> u64 {
        let Progress { axes, truth, counts: Counts { batches, frames, rows }, .. } = self.pushed;
        rows * schema::bytes_of(&schema::ROW_COLUMNS)
            + frames * schema::bytes_of(&schema::FRAME_COLUMNS)
            + batches * schema::bytes_of(&schema::BATCH_COLUMNS)
            + axes * schema::bytes_of(&schema::AXIS_COLUMNS)
            + truth * schema::bytes_of(&schema::TRUTH_COLUMNS)
    }

    /// Bytes that they take in the journal, until the recording is finished.
    pub fn journal_bytes(&self) -> u64 {
        if self.journal.is_some() { self.bytes() } else { 0 }
    }

    /// Writes everything appended since the last time into the journal, and with it what the recording has come to. A power
    /// cut from now on does not take it. Call it twice a second; it waits for the disk. Without a journal it does nothing.
    ///
    /// # Errors
    /// If the disk refuses; the recording then accepts nothing more and what was flushed before is kept.
    pub(super) fn log(&mut self, so_far: &SoFar) -> Result<(), RecordError> {
        self.check_running()?;
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let news = self.columns.take_news();
        if news.is_empty() && so_far.gaps.is_empty() {
            return Ok(());
        }
        let written = journal.write(so_far, news.iter().map(|(table, entries)| (*table, &entries[..])));
        written.map_err(|error| {
            self.stopped = true;
            RecordError::io("write the journal", &journal_path(&self.path), error)
        })
    }

    /// Makes everything appended readable. Call it twice a second; it waits for the disk.
    ///
    /// # Errors
    /// If the disk refuses; the recording then accepts nothing more and what was flushed before is kept.
    pub fn flush(&mut self) -> Result<(), RecordError> {
        self.check_running()?;
        if self.flushed == self.pushed {
            self.claim.renew();
            return Ok(());
        }
        let flushed = self.columns.flush(&mut self.file);
        flushed.map_err(|error| self.stop("flush the recording", error))?;
        self.flushed = self.pushed;
        Ok(())
    }

    /// What a reader of the file finds now.
    pub fn flushed(&self) -> Counts {
        self.flushed.counts
    }

    /// The last frame that a reader finds now.
    pub fn last_flushed(&self) -> Option<LastFrame> {
        self.flushed.last
    }

    /// Name of the file once it is whole.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Name of the file while it grows.
    pub fn partial_path(&self) -> &Path {
        &self.partial
    }

    /// Writes the rest, the ledger, the gaps and what the experimenter was told, marks the file complete and gives it its name.
    /// Then the journal is removed.
    ///
    /// After a failed `append` or `flush`, a full disk included, it keeps what was flushed before, and the attribute
    /// `write_failed` is 1, and the journal stays. So flush before you draw up the ledger, and count what [`Self::flushed`] says.
    ///
    /// # Errors
    /// If the disk refuses or a file of the final name has appeared; the partial file then stays. If the file, read again,
    /// does not hold what it should; the journal then stays.
    pub fn finish(mut self, ledger_json: &str, gaps: &[Gap], notices: &[String]) -> Result<(), RecordError> {
        if !self.stopped {
            self.flush()?;
        }
        drop(self.reserve.take());
        let closed = self.close_columns(ledger_json, gaps, notices);
        closed.map_err(|error| self.stop("close the recording", error))?;
        // Claimed until it has its name.
        let Self { file, path, partial, claim: _claim, journal, stopped, flushed, .. } = self;
        file.close().map_err(|error| RecordError::hdf5("close the recording", &partial, error))?;
        rename(&partial, &path)?;
        let Some(journal) = journal else { return Ok(()) };
        let is_whole = Recording::open(&path).is_ok_and(|recording| recording.counts == flushed.counts);
        if !is_whole {
            return Err(RecordError::NotWhole { path });
        }
        // What the disk has refused once may be missing from the file all the same.
        if !stopped {
            drop(journal);
            let journal = journal_path(&path);
            fs::remove_file(&journal)
                .map_err(|error| RecordError::io("remove the journal", &journal, error))?;
        }
        Ok(())
    }

    /// The disk takes nothing more.
    #[cfg(test)]
    pub(super) fn break_disk(&mut self) {
        self.stopped = true;
    }

    fn check_running(&self) -> Result<(), RecordError> {
        if self.stopped { Err(RecordError::Stopped { path: self.partial.clone() }) } else { Ok(()) }
    }

    fn check_batch(&self, headers: &[(TracksHeader, u64)], rows: &[TrackRow]) -> Result<(), RecordError> {
        let announced: u64 = headers.iter().map(|(header, _)| u64::from(header.rows)).sum();
        let given = rows.len() as u64;
        if announced != given {
            return Err(RecordError::RowCount { announced, given, path: self.partial.clone() });
        }
        match rows.iter().find(|row| row.bead > MAX_BEAD) {
            Some(row) => Err(RecordError::BeadNumber { bead: row.bead, path: self.partial.clone() }),
            None => Ok(()),
        }
    }

    fn stop(&mut self, action: &'static str, error: Hdf5Error) -> RecordError {
        self.stopped = true;
        RecordError::hdf5(action, &self.partial, error)
    }

    fn push_batch(&mut self, headers: &[(TracksHeader, u64)], rows: &[TrackRow]) -> Result<(), Hdf5Error> {
        for row in rows {
            self.push_row(row)?;
        }
        let before = self.pushed.counts;
        let mut last_row = before.rows;
        for (header, unix_ns) in headers {
            last_row += u64::from(header.rows);
            self.push_frame(header, *unix_ns, last_row)?;
        }
        let (frames, records) = (headers.len() as u64, rows.len() as u64);
        let batch = [before.batches, before.frames, frames, before.rows, records];
        for (column, value) in self.columns.batches.iter_mut().zip(batch) {
            column.push(&mut self.file, &value.to_le_bytes())?;
        }
        self.pushed.counts =
            Counts { batches: before.batches + 1, frames: before.frames + frames, rows: last_row };
        Ok(())
    }

    fn push_row(&mut self, row: &TrackRow) -> Result<(), Hdf5Error> {
        let nm = [row.x_px * self.pixel_size_nm, row.y_px * self.pixel_size_nm, row.z_nm];
        let (per_px, [x, y, z]) = (self.pixel_size_nm as f32, row.sigma);
        let sigma_nm = [x * per_px, y * per_px, z];
        // A corner beyond the frame's edge becomes the edge, since MagScope's column is unsigned; ours keep the true one.
        let corner = row.corner_px.map(|px| u16::try_from(px.max(0)).unwrap_or(u16::MAX));
        let bead = u16::try_from(row.bead).unwrap_or(u16::MAX); // `check_batch` has refused larger ones
        let file = &mut self.file;
        let [beads, positions, corners, quality, sigmas, flags] = &mut self.columns.rows;
        beads.push(file, &bead.to_le_bytes())?;
        positions.push(file, bytemuck::cast_slice(&nm))?;
        corners.push(file, bytemuck::cast_slice(&corner))?;
        quality.push(file, &row.quality.to_le_bytes())?;
        sigmas.push(file, bytemuck::cast_slice(&sigma_nm))?;
        flags.push(file, &row.flags.to_le_bytes())
    }

    fn push_frame(&mut self, header: &TracksHeader, unix_ns: u64, last_row: u64) -> Result<(), Hdf5Error> {
        self.pushed.first_unix_ns = self.pushed.first_unix_ns.min(unix_ns);
        self.pushed.last_unix_ns = self.pushed.last_unix_ns.max(unix_ns);
        let frame = &header.frame;
        let before = self.pushed.last.filter(|last| last.segment == frame.segment);
        self.pushed.last = Some(LastFrame {
            frame: frame.frame,
            segment: frame.segment,
            highest_device_frame: before.map_or(0, |last| last.highest_device_frame).max(frame.device_frame),
            arrival_ns: frame.arrival_ns,
        });
        let values = [
            unix_ns,
            last_row,
            self.pushed.counts.batches,
            frame.frame,
            frame.device_frame,
            frame.device_time_ns.unwrap_or(NO_DEVICE_TIME),
            frame.arrival_ns,
            header.tracked_ns,
            u64::from(header.on_gpu),
            u64::from(frame.segment),
            frame.time_ns,
            frame.flags.0,
        ];
        let count = |frames: u64| u32::try_from(frames).unwrap_or(u32::MAX);
        let lost = [count(frame.gap.camera), count(frame.gap.ring_full), count(frame.gap.recorder_late)];
        let file = &mut self.file;
        let [one_by_one @ .., lost_before] = &mut self.columns.frames;
        for (column, value) in one_by_one.iter_mut().zip(values) {
            column.push(file, &value.to_le_bytes())?;
        }
        lost_before.push(file, bytemuck::cast_slice(&lost))
    }

    /// Fills what only the end of a run knows. The attributes keep their size.
    fn close_columns(
        &mut self,
        ledger_json: &str,
        gaps: &[Gap],
        notices: &[String],
    ) -> Result<(), Hdf5Error> {
        let file = &mut self.file;
        if self.stopped {
            self.columns.set_back(file)?;
        }
        self.columns.close(file, ledger_json, gaps, notices)?;
        let (tracking, ours) = (format!("/{TRACKING}"), format!("/{OURS}"));
        file.set_group_attr_numeric(&tracking, "min_frame_timestamp_ns", &self.flushed.first_unix_ns)?;
        file.set_group_attr_numeric(&tracking, "max_frame_timestamp_ns", &self.flushed.last_unix_ns)?;
        file.set_group_attr_numeric(&ours, "write_failed", &u8::from(self.stopped))?;
        file.set_group_attr_numeric(&ours, "complete", &1_u8)
    }
}

/// Opens the described file for appending and publishes it to readers.
fn start(partial: &Path) -> Result<(SwmrFileWriter, Columns), RecordError> {
    let open = || {
        let mut file = SwmrFileWriter::open_append_with_locking(partial, FileLocking::Disabled)?;
        let columns = Columns::create(&mut file)?;
        file.start_swmr()?;
        // Without a lock of its own to release, the library leaves its last bytes for later.
        file.flush()?;
        Ok((file, columns))
    };
    open().map_err(|error| RecordError::hdf5("create the recording", partial, error))
}

/// Removes a recording that was begun and has no frames.
pub(super) fn remove(partial: &Path) {
    // Best effort: what stays is harmless.
    let _ = fs::remove_file(partial);
    let _ = fs::remove_file(journal_path(&partial.with_extension("")));
}

/// Name of the journal of the recording `path`.
pub fn journal_path(path: &Path) -> PathBuf {
    path.with_extension("journal.mcap")
}

/// Name of the recording `path` while it grows.
pub fn partial_path(path: &Path) -> PathBuf {
    sibling(path, ".partial")
}

fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Refuses what MagScope's `bead_ids` cannot hold.
fn check_numbers(rois: &[Roi], path: &Path) -> Result<(), RecordError> {
    match rois.iter().find(|roi| roi.bead > MAX_BEAD) {
        Some(roi) => Err(RecordError::BeadNumber { bead: roi.bead, path: path.to_path_buf() }),
        None => Ok(()),
    }
}

/// Gives the finished file its name.
fn rename(partial: &Path, path: &Path) -> Result<(), RecordError> {
    if path.exists() {
        return Err(RecordError::Exists { path: path.to_path_buf() });
    }
    let failed = |error| RecordError::io("give the recording its name", path, error);
    fs::rename(partial, path).and_then(|()| sync_folder_of(path)).map_err(failed)
}
