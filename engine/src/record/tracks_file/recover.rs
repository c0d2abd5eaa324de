//! Makes a whole file of a recording that a crash left behind, from its journal.

mod rebuild;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::claim::{check_quiet, take_over};
use super::{Counts, journal_path, rename, sibling, start};
use crate::record::error::RecordError;
use crate::record::journal::{Damage, Journal, JournalError, Table};
use crate::record::read::Recording;
use rebuild::{DAMAGED, Rebuilt};

/// What was found of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The file, under its final name.
    pub path: PathBuf,
    /// What it holds: whole batches of whole frames.
    pub counts: Counts,
    /// What of the journal could not be read this time.
    pub damages: Vec<Damage>,
    /// The journal, if it stays, with the partial file: a part of it was damaged, or the disk had refused what it has.
    /// Another program may find more in them.
    pub kept: Option<PathBuf>,
}

/// Makes the file anew, of every block of the journal that is whole, and gives it its final name. Then the partial file is
/// removed, and the journal, unless there may be more in them. `complete` stays 0. What was in damaged blocks is a gap, and in
/// the ledger as frames that could not be recorded; what came behind the last block is in neither. The partial file itself
/// is not read and may be missing. Where this was interrupted, it goes on. Beside a file that has its final name the journal
/// is removed only if the file holds as much.
///
/// # Errors
/// If its name does not end in `.partial`, a file of the final name exists that is another recording or holds less than the
/// journal, it is being written (on file systems without locks: it was written to within the last 5 s), its journal is missing
/// or says nothing of the recording, or the disk refuses. All stays as it was then.
pub fn recover(partial: &Path) -> Result<Recovered, RecordError> {
    let path = final_name(partial)?;
    let journal = journal_path(&path);
    let is_other_left = path.exists() || journal.exists();
    let _lock = if partial.exists() || !is_other_left { take_over(partial)? } else { None };
    if path.exists() {
        return end_before_crash(path, partial, journal);
    }
    if !partial.exists() {
        check_quiet(&journal)?;
    }
    let recovering = sibling(&path, ".recovering");
    let rebuilt = rebuild(partial, &journal, &recovering).and_then(|rebuilt| {
        rename(&recovering, &path)?;
        Ok(rebuilt)
    });
    let (counts, damages) = rebuilt.inspect_err(|_| drop(fs::remove_file(&recovering)))?;
    let kept = (!damages.is_empty()).then(|| journal.clone());
    if kept.is_none() {
        remove_leftovers(partial, &journal)?;
    }
    Ok(Recovered { path, counts, damages, kept })
}

fn rebuild(partial: &Path, journal: &Path, recovering: &Path) -> Result<(Counts, Vec<Damage>), RecordError> {
    let unreadable = |error| match error {
        JournalError::Io(error) if error.kind() == io::ErrorKind::NotFound => {
            RecordError::Empty { path: partial.to_path_buf() }
        }
        JournalError::Io(error) => RecordError::io("read the journal", journal, error),
        JournalError::NoDescription => RecordError::Journal { path: journal.to_path_buf() },
    };
    let mut read = Journal::open(journal).map_err(unreadable)?;
    let written = fs::write(recovering, &read.description);
    written.map_err(|error| RecordError::io("recover the recording", recovering, error))?;
    let hdf5 = |error| RecordError::hdf5("recover the recording", recovering, error);
    let mut rebuilt = Rebuilt::new(start(recovering)?);
    while let Some(block) = read.next() {
        rebuilt.add(block).map_err(hdf5)?;
    }
    let counts = rebuilt.counts;
    rebuilt.finish(&read.damages).map_err(hdf5)?;
    Ok((counts, read.damages))
}

/// The file had its name already: the crash came while what it no longer needs was being removed, or before it was known to
/// hold all that the journal does.
fn end_before_crash(path: PathBuf, partial: &Path, journal: PathBuf) -> Result<Recovered, RecordError> {
    let Ok(recording) = Recording::open(&path) else { return Err(RecordError::Exists { path }) };
    let is_finished = recording.about.complete;
    if !journal.exists() || (is_finished && partial.exists()) {
        return Err(RecordError::Exists { path });
    }
    // Whoever gave it its name may be about to see whether it is whole, and needs the journal if it is not.
    let _lock = take_over(&path)?;
    let counts = recording.counts;
    let was_damaged = |notices: Vec<String>| notices.iter().any(|notice| notice.starts_with(DAMAGED));
    // Notices that cannot be read do not say that nothing is missing.
    let may_lack = recording.about.write_failed || recording.notices().map_or(true, was_damaged);
    let in_journal = if may_lack { None } else { counts_of(&journal)? };
    if in_journal.is_some_and(|has| has.rows > counts.rows || has.frames > counts.frames) {
        return Err(RecordError::NotWhole { path });
    }
    let kept = (in_journal != Some(counts)).then(|| journal.clone());
    if kept.is_none() {
        remove_leftovers(partial, &journal)?;
    }
    Ok(Recovered { counts, damages: Vec::new(), path, kept })
}

/// What the blocks of a journal hold; `None` if any of it is damaged.
fn counts_of(journal: &Path) -> Result<Option<Counts>, RecordError> {
    let mut read = match Journal::open(journal) {
        Ok(read) => read,
        Err(JournalError::Io(error)) => return Err(RecordError::io("read the journal", journal, error)),
        Err(JournalError::NoDescription) => return Ok(None),
    };
    let mut counts = Counts::default();
    while let Some(block) = read.next() {
        let entries = |of: Table| {
            let its = block.tables.iter().filter(|(table, _)| *table == of);
            its.map(|(_, entries)| (entries.len() / of.entry_bytes()) as u64).sum::<u64>()
        };
        counts.batches += entries(Table::Batches);
        counts.frames += entries(Table::Frames);
        counts.rows += entries(Table::Rows);
    }
    Ok(read.damages.is_empty().then_some(counts))
}

/// The partial file first: the journal alone is enough to begin again. Should a power cut bring either back, the next
/// recovery removes it.
fn remove_leftovers(partial: &Path, journal: &Path) -> Result<(), RecordError> {
    for leftover in [partial, journal] {
        match fs::remove_file(leftover) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(RecordError::io("remove what is left", leftover, error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn final_name(partial: &Path) -> Result<PathBuf, RecordError> {
    let is_partial = partial.extension().is_some_and(|extension| extension == "partial");
    if is_partial {
        Ok(partial.with_extension(""))
    } else {
        Err(RecordError::NotPartial { path: partial.to_path_buf() })
    }
}
