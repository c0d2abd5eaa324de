//! Reads a journal back, as far as its checksums hold and beyond every damage.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use mcap::parse_record;
use mcap::records::{Record, op};

use super::{DESCRIPTION, KIND, LEDGER_CHANNEL, SoFar, Table};

/// Kind and length of a record stand before it.
const RECORD_HEADER_BYTES: usize = 9;
/// What a chunk without compression holds besides its records (MCAP specification, Chunk).
const CHUNK_HEADER_BYTES: u64 = 40;
/// Enough to know a chunk at sight, and an attachment of ours with all that stands before its data.
const HEAD_BYTES: usize = RECORD_HEADER_BYTES + ATTACHMENT_HEADER_BYTES;
/// What an attachment of ours has before its data: two times, name and kind with their lengths, length of the data (MCAP
/// specification, Attachment).
const ATTACHMENT_HEADER_BYTES: usize = 8 + 8 + 4 + DESCRIPTION.len() + 4 + KIND.len() + 8;
/// Where a disk cannot be read, so much is passed over.
const PAGE_BYTES: u64 = 4096;
/// A checksum.
const CRC_BYTES: u64 = 4;
/// Behind a damage this much is searched at a time.
const WINDOW_BYTES: usize = 1 << 20;

/// Why a journal is of no use.
#[derive(Debug, thiserror::Error)]
pub(in crate::record) enum JournalError {
    /// The system refuses.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is another file, or its beginning is damaged.
    #[error("it has no description of its recording, or a damaged one")]
    NoDescription,
}

/// Bytes of a journal that are of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// First of them, from the start of the file.
    pub from: u64,
    /// Behind the last of them.
    pub to: u64,
    /// The first block that they held, from 0.
    pub block: u32,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {} is damaged or cut short (bytes {} to {})", self.block, self.from, self.to)
    }
}

/// What was recorded in about half a second.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::record) struct Block {
    /// Counted from 0.
    pub(in crate::record) number: u32,
    /// What the recording had come to.
    pub(in crate::record) so_far: SoFar,
    /// New entries of tables, in the order of [`Table::ALL`].
    pub(in crate::record) tables: Vec<(Table, Vec<u8>)>,
}

/// A journal, open for reading.
pub(in crate::record) struct Journal<F = File> {
    file: F,
    length: u64,
    /// Where the next record begins.
    place: u64,
    /// Behind the description.
    begin: u64,
    /// `tracks.h5` as it was before the first frame.
    pub(in crate::record) description: Vec<u8>,
    /// What cannot be read, so far.
    pub(in crate::record) damages: Vec<Damage>,
    next_block: u32,
}

impl Journal {
    /// Opens a journal.
    ///
    /// # Errors
    /// If there is none, or both copies of the description are damaged.
    pub(in crate::record) fn open(path: &Path) -> Result<Self, JournalError> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Self::of(file, length)
    }
}

impl<F: Read + Seek> Journal<F> {
    /// The same for what has so many bytes.
    pub(super) fn of(file: F, length: u64) -> Result<Self, JournalError> {
        let mut journal = Self {
            file,
            length,
            place: 0,
            begin: 0,
            description: Vec::new(),
            damages: Vec::new(),
            next_block: 0,
        };
        let mut place = 0;
        while place < length {
            if let Some(end) = journal.record_at(place, is_description_head)
                && let Some(description) = journal.body(place, end).and_then(|body| description(&body))
            {
                journal.description = description;
                // The other copy, and the schemas, which this program knows, are passed over.
                journal.begin = end;
                journal.place = journal.first_block(end);
                return Ok(journal);
            }
            place = journal.search(place + 1, is_description_head);
        }
        Err(JournalError::NoDescription)
    }

    fn first_block(&mut self, from: u64) -> u64 {
        let schemas = self.search(from, is_chunk_head);
        let Some(end) = self.record_at(schemas, is_chunk_head) else { return schemas };
        if self.block_at(schemas).is_some() { schemas } else { end }
    }

    /// The next block that is whole. What lies before it and is not, or cannot be read, is in `damages` then.
    pub(in crate::record) fn next(&mut self) -> Option<Block> {
        let from = self.place;
        while self.place < self.length {
            if let Some((block, end)) = self.block_at(self.place) {
                // Blocks may have been taken for the schemas, or passed over with them.
                let is_next = block.number == self.next_block || from < self.place;
                self.note_damage(if is_next { from } else { self.begin }, self.place);
                self.next_block = block.number.wrapping_add(1);
                self.place = end;
                return Some(block);
            }
            self.place = self.search(self.place + 1, is_chunk_head);
        }
        self.note_damage(from, self.place);
        self.place = self.length;
        None
    }

    fn note_damage(&mut self, from: u64, to: u64) {
        if from < to {
            self.damages.push(Damage { from, to, block: self.next_block });
        }
    }

    /// The block that begins here, and where it ends.
    fn block_at(&mut self, place: u64) -> Option<(Block, u64)> {
        let end = self.record_at(place, is_chunk_head)?;
        let block = chunk(&self.body(place, end)?).and_then(to_block)?;
        Some((block, end))
    }

    /// End of the record that begins here, if `is_head` knows its head and the file goes on as far.
    fn record_at(&mut self, place: u64, is_head: fn(&[u8; HEAD_BYTES]) -> bool) -> Option<u64> {
        let head = self.read(place, HEAD_BYTES).ok()?;
        let head = head.first_chunk()?;
        let end = (place + RECORD_HEADER_BYTES as u64).checked_add(number(head, 1)?)?;
        (end <= self.length && is_head(head)).then_some(end)
    }

    /// Body of the record that begins at `place` and ends before `end`.
    fn body(&mut self, place: u64, end: u64) -> Option<Vec<u8>> {
        let body = place + RECORD_HEADER_BYTES as u64;
        let length = usize::try_from(end - body).ok()?;
        self.read(body, length).ok().filter(|bytes| bytes.len() == length)
    }

    /// So many bytes, fewer at the end of the file.
    fn read(&mut self, place: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(place))?;
        (&mut self.file).take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Where the next record may begin whose head `is_head` knows, from `place` on; the end of the file if none does.
    fn search(&mut self, mut place: u64, is_head: fn(&[u8; HEAD_BYTES]) -> bool) -> u64 {
        let mut step = WINDOW_BYTES;
        while place < self.length {
            let Ok(window) = self.read(place, step) else {
                // Somewhere in the window the disk cannot be read: nearer to it in small steps, then beyond it.
                if step > HEAD_BYTES {
                    step = HEAD_BYTES;
                } else {
                    place = (place / PAGE_BYTES + 1) * PAGE_BYTES;
                    step = WINDOW_BYTES;
                }
                continue;
            };
            let heads = window.array_windows::<HEAD_BYTES>();
            if let Some(at) = heads.clone().position(is_head) {
                return place + at as u64;
            }
            if window.len() < step {
                break;
            }
            place += heads.len() as u64;
        }
        self.length
    }
}

fn number(head: &[u8; HEAD_BYTES], at: usize) -> Option<u64> {
    head[at..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// Whether a chunk as this program writes them begins with these bytes: its three lengths agree.
fn is_chunk_head(head: &[u8; HEAD_BYTES]) -> bool {
    let [length, uncompressed, compressed] = [1, 25, 41].map(|at| number(head, at));
    head[0] == op::CHUNK
        && uncompressed == compressed
        && uncompressed.and_then(|data| data.checked_add(CHUNK_HEADER_BYTES)) == length
}

/// The same for the attachment: its name is where it should be, and its lengths agree.
fn is_description_head(head: &[u8; HEAD_BYTES]) -> bool {
    let whole = |data: u64| data.checked_add(ATTACHMENT_HEADER_BYTES as u64 + CRC_BYTES);
    head[0] == op::ATTACHMENT
        && head[25] == DESCRIPTION.len() as u8
        && head[29..].starts_with(DESCRIPTION.as_bytes())
        && number(head, HEAD_BYTES - 8).and_then(whole) == number(head, 1)
}

/// The HDF5 file in an attachment, if its checksum holds.
fn description(body: &[u8]) -> Option<Vec<u8>> {
    // Checked here: of a damaged one the library would believe the lengths.
    let (content, crc) = body.split_last_chunk()?;
    if crc32fast::hash(content) != u32::from_le_bytes(*crc) {
        return None;
    }
    match parse_record(op::ATTACHMENT, body).ok()? {
        Record::Attachment { header, data, .. } if header.name == DESCRIPTION => Some(data.into_owned()),
        _ => None,
    }
}

/// The records of a chunk, if its checksum holds.
fn chunk(body: &[u8]) -> Option<&[u8]> {
    match parse_record(op::CHUNK, body).ok()? {
        // The lengths have no checksum: a wrong one would have the next record begin elsewhere.
        Record::Chunk { header, data: Cow::Borrowed(data) }
            if header.compression.is_empty()
                && header.uncompressed_size == header.compressed_size
                && body.len() as u64 == CHUNK_HEADER_BYTES + header.compressed_size
                && crc32fast::hash(data) == header.uncompressed_crc =>
        {
            Some(data)
        }
        _ => None,
    }
}

/// The block in a chunk; there is none in the first one.
fn to_block(records: &[u8]) -> Option<Block> {
    let mut block: Option<Block> = None;
    let mut rest = records;
    while let Some((header, behind)) = rest.split_first_chunk::<RECORD_HEADER_BYTES>() {
        let [kind, length @ ..] = *header;
        let (body, behind) = behind.split_at_checked(usize::try_from(u64::from_le_bytes(length)).ok()?)?;
        rest = behind;
        let Ok(Record::Message { header, data }) = parse_record(kind, body) else { continue };
        let block = block.get_or_insert_with(|| Block { number: header.sequence, ..Block::default() });
        if header.channel_id == LEDGER_CHANNEL {
            block.so_far = serde_json::from_slice(&data).ok()?;
        } else if let Some(table) = Table::of_channel(header.channel_id) {
            if data.len() % table.entry_bytes() != 0 {
                return None;
            }
            block.tables.push((table, data.into_owned()));
        }
    }
    block
}
