//! Makes a whole file of a recording that a crash left behind, from its journal.

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rust_hdf5::Hdf5Error;
use rust_hdf5::swmr::SwmrFileWriter;

use super::claim::take_over;
use super::columns::Columns;
use super::{Counts, Gap, journal_path, rename, sibling, start};
use crate::ledger::{Ledger, Lost};
use crate::record::error::RecordError;
use crate::record::journal::{Block, Damage, Journal, JournalError, Table};
use crate::record::read::Recording;
use crate::record::schema::TRACKING;

/// What was found of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The file, under its final name.
    pub path: PathBuf,
    /// What it holds: whole batches of whole frames.
    pub counts: Counts,
    /// What of the journal could not be read; it is kept then.
    pub damages: Vec<Damage>,
}

/// Makes the file anew, of every block of the journal that is whole, and gives it its final name. Then the partial file is
/// removed, and the journal unless a part of it was damaged. `complete` stays 0. What was in damaged blocks is a gap, and in
/// the ledger as frames that could not be recorded; what came behind the last block is in neither.
///
/// # Errors
/// If its name does not end in `.partial`, a file of the final name exists, it is being written (on file systems without
/// locks: it was written to within the last 5 s), its journal is missing or says nothing of the recording, or the disk
/// refuses. All stays as it was then.
pub fn recover(partial: &Path) -> Result<Recovered, RecordError> {
    let path = final_name(partial)?;
    let from = journal_path(&path);
    if path.exists() {
        let is_left_over = from.exists() && !partial.exists();
        return if is_left_over { remove_leftover(path, &from) } else { Err(RecordError::Exists { path }) };
    }
    let _lock = take_over(partial)?;
    let unreadable = |error| match error {
        JournalError::Io(error) if error.kind() == io::ErrorKind::NotFound => {
            RecordError::Empty { path: partial.to_path_buf() }
        }
        JournalError::Io(error) => RecordError::io("read the journal", &from, error),
        JournalError::NoDescription => RecordError::Journal { path: from.clone() },
    };
    let mut journal = Journal::open(&from).map_err(unreadable)?;
    let recovering = sibling(&path, ".recovering");
    let written = fs::write(&recovering, &journal.description);
    written.map_err(|error| RecordError::io("recover the recording", &recovering, error))?;
    let hdf5 = |error| RecordError::hdf5("recover the recording", &recovering, error);
    let mut rebuilt = Rebuilt::new(start(&recovering)?);
    while let Some(block) = journal.next().map_err(|error| unreadable(error.into()))? {
        rebuilt.add(block).map_err(hdf5)?;
    }
    let counts = rebuilt.counts;
    rebuilt.finish(&journal.damages).map_err(hdf5)?;
    rename(&recovering, &path)?;
    let leftovers = journal.damages.is_empty().then_some(from.as_path());
    for leftover in leftovers.into_iter().chain([partial]) {
        fs::remove_file(leftover).map_err(|error| RecordError::io("remove what is left", leftover, error))?;
    }
    Ok(Recovered { path, counts, damages: journal.damages })
}

/// The journal of a file that was finished just before a crash.
fn remove_leftover(path: PathBuf, journal: &Path) -> Result<Recovered, RecordError> {
    match Recording::open(&path) {
        Ok(recording) if recording.about.complete => {
            let removed = fs::remove_file(journal);
            removed.map_err(|error| RecordError::io("remove the journal", journal, error))?;
            Ok(Recovered { counts: recording.counts, damages: Vec::new(), path })
        }
        _ => Err(RecordError::Exists { path }),
    }
}

fn final_name(partial: &Path) -> Result<PathBuf, RecordError> {
    let is_partial = partial.extension().is_some_and(|extension| extension == "partial");
    if is_partial {
        Ok(partial.with_extension(""))
    } else {
        Err(RecordError::NotPartial { path: partial.to_path_buf() })
    }
}

/// A file that is made anew.
struct Rebuilt {
    file: SwmrFileWriter,
    columns: Columns,
    counts: Counts,
    /// What the blocks so far count, those that were lost among them included.
    counted: Counts,
    /// First and last time, ns since 1970 UTC.
    times_ns: [u64; 2],
    last: Option<FrameAt>,
    ledger: Ledger,
    gaps: Vec<Gap>,
}

/// A frame, as far as a gap beside it tells.
#[derive(Clone, Copy)]
struct FrameAt {
    frame: u64,
    device_frame: u64,
    arrival_ns: u64,
    segment: u64,
}

impl Rebuilt {
    fn new((file, columns): (SwmrFileWriter, Columns)) -> Self {
        Self {
            file,
            columns,
            counts: Counts::default(),
            counted: Counts::default(),
            times_ns: [u64::MAX, 0],
            last: None,
            ledger: Ledger::default(),
            gaps: Vec::new(),
        }
    }

    fn add(&mut self, block: Block) -> Result<(), Hdf5Error> {
        let Block { so_far, tables, .. } = block;
        let frames = tables.iter().find(|(table, _)| *table == Table::Frames);
        let first = frames.and_then(|(_, entries)| frame_at(entries, Place::First));
        let last = frames.and_then(|(_, entries)| frame_at(entries, Place::Last));
        if let Some((_, entries)) = tables.iter().find(|(table, _)| *table == Table::Batches) {
            let batch = |column| number(Table::Batches, entries, column, 0).unwrap_or_default();
            let begins = Counts { batches: batch(0), frames: batch(1), rows: batch(3) };
            let missing = begins.frames.saturating_sub(self.counted.frames);
            if let Some((last, first)) = self.last.zip(first).filter(|_| missing > 0) {
                self.gaps.push(self.gap(missing, [last, first], &so_far.ledger, &so_far.gaps));
            }
            self.counted = begins;
        }
        for (table, mut entries) in tables {
            self.move_up(table, &mut entries);
            self.columns.push_news(&mut self.file, table, &entries)?;
            let added = (entries.len() / table.entry_bytes()) as u64;
            match table {
                Table::Rows => self.add_counts(Counts { rows: added, ..Counts::default() }),
                Table::Batches => self.add_counts(Counts { batches: added, ..Counts::default() }),
                Table::Frames => {
                    self.add_counts(Counts { frames: added, ..Counts::default() });
                    for entry in 0..added {
                        let unix_ns = number(table, &entries, 0, entry).unwrap_or_default();
                        self.times_ns = [self.times_ns[0].min(unix_ns), self.times_ns[1].max(unix_ns)];
                    }
                }
                Table::Segments | Table::Events | Table::Health => {}
            }
        }
        self.last = last.or(self.last);
        self.ledger = so_far.ledger;
        self.gaps.extend(so_far.gaps);
        Ok(())
    }

    fn add_counts(&mut self, added: Counts) {
        for counts in [&mut self.counts, &mut self.counted] {
            counts.batches += added.batches;
            counts.frames += added.frames;
            counts.rows += added.rows;
        }
    }

    /// Frames and batches tell where they begin: behind lost blocks, earlier than they say.
    fn move_up(&self, table: Table, entries: &mut [u8]) {
        let Counts { batches, frames, rows } = self.counts;
        let lost = [
            self.counted.batches.saturating_sub(batches),
            self.counted.frames.saturating_sub(frames),
            self.counted.rows.saturating_sub(rows),
        ];
        let [batches, frames, rows] = lost;
        let columns: &[(usize, u64)] = match table {
            Table::Frames => &[(1, rows), (2, batches)],
            Table::Batches => &[(0, batches), (1, frames), (3, rows)],
            _ => &[],
        };
        let length = entries.len() / table.entry_bytes();
        for (column, lost) in columns {
            let before: usize = table.columns()[..*column].iter().map(|spec| spec.entry_bytes()).sum();
            let numbers = entries[before * length..].as_chunks_mut::<8>().0;
            for number in &mut numbers[..length] {
                *number = u64::from_le_bytes(*number).saturating_sub(*lost).to_le_bytes();
            }
        }
    }

    /// The gap that lost blocks leave: their frames, and what was lost to others meanwhile.
    fn gap(&self, missing: u64, [last, first]: [FrameAt; 2], ledger: &Ledger, told: &[Gap]) -> Gap {
        let is_same = last.segment == first.segment;
        let of = |lost: &Lost| [lost.camera, lost.ring_full, lost.recorder_late];
        let names = ["camera", "ring_full", "recorder_late"];
        let told = |name: &str| -> u64 {
            told.iter().flat_map(Gap::losses).filter(|(by, _)| *by == name).map(|(_, count)| count).sum()
        };
        let others = of(&ledger.lost).into_iter().zip(of(&self.ledger.lost)).zip(names);
        let others = others.map(|((now, then), name)| (name, now.saturating_sub(then + told(name))));
        let counts = [("record_failed", missing)].into_iter().chain(others).filter(|(_, count)| *count > 0);
        Gap {
            first_device_frame: last.device_frame.saturating_add(1),
            last_device_frame: is_same.then(|| first.device_frame.saturating_sub(1)),
            after_frame: last.frame,
            segment: u32::try_from(first.segment).unwrap_or(u32::MAX),
            from_ns: last.arrival_ns,
            to_ns: first.arrival_ns,
            reason: counts.map(|(name, count)| format!("{name}={count}")).collect::<Vec<_>>().join(" "),
        }
    }

    fn finish(mut self, damages: &[Damage]) -> Result<(), Hdf5Error> {
        let missing = self.ledger.recorded.saturating_sub(self.counts.frames);
        self.ledger.recorded -= missing;
        self.ledger.lost.record_failed += missing;
        let recovered = "recovered after a crash: what came in its last second is missing".to_owned();
        let notices: Vec<String> = [recovered]
            .into_iter()
            .chain(damages.iter().map(|damage| format!("journal: {damage}")))
            .collect();
        self.columns.write_through(&mut self.file)?;
        let json = serde_json::to_string(&self.ledger).unwrap_or_default();
        self.columns.close(&mut self.file, &json, &self.gaps, &notices)?;
        let tracking = format!("/{TRACKING}");
        self.file.set_group_attr_numeric(&tracking, "min_frame_timestamp_ns", &self.times_ns[0])?;
        self.file.set_group_attr_numeric(&tracking, "max_frame_timestamp_ns", &self.times_ns[1])?;
        self.file.close()
    }
}

enum Place {
    First,
    Last,
}

fn frame_at(entries: &[u8], place: Place) -> Option<FrameAt> {
    let length = (entries.len() / Table::Frames.entry_bytes()) as u64;
    let entry = match place {
        Place::First => 0,
        Place::Last => length.checked_sub(1)?,
    };
    let of = |name: &str| {
        let column = Table::Frames.columns().iter().position(|column| column.path.ends_with(name))?;
        number(Table::Frames, entries, column, entry)
    };
    Some(FrameAt {
        frame: of("/frame")?,
        device_frame: of("/device_frame")?,
        arrival_ns: of("/arrival_ns")?,
        segment: of("/segment")?,
    })
}

/// An entry of a column of 8-byte numbers.
fn number(table: Table, entries: &[u8], column: usize, entry: u64) -> Option<u64> {
    let length = entries.len() / table.entry_bytes();
    let before: usize = table.columns()[..column].iter().map(|spec| spec.entry_bytes()).sum();
    let at = before * length + 8 * usize::try_from(entry).ok()?;
    entries.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}
