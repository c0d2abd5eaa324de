//! Writes the journal, a block at a time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use mcap::records::op;
use mcap::{Attachment, McapError, WriteOptions};

use super::{COLUMNS, DESCRIPTION, KIND, LEDGER_CHANNEL, SoFar, Table};
use crate::clock::unix_ns_now;

/// A journal that grows. Every block is on the disk when [`Self::write`] returns.
///
/// Its beginning is the library's work. Blocks are written here: the library would keep the place of each in memory, for an
/// index at the end that a journal never has.
pub(in crate::record) struct JournalWriter {
    file: File,
    block: u32,
    /// The block in hand.
    chunk: Vec<u8>,
}

impl JournalWriter {
    /// Creates the journal of a recording that `description`, a whole HDF5 file, describes.
    ///
    /// # Errors
    /// If the file exists or the disk refuses; it is removed then.
    pub(in crate::record) fn create(path: &Path, description: &[u8]) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let begun = beginning(description).and_then(|bytes| (&file).write_all(&bytes));
        // What an error leaves behind helps nobody.
        begun.and_then(|()| file.sync_all()).inspect_err(|_| drop(fs::remove_file(path)))?;
        Ok(Self { file, block: 0, chunk: Vec::new() })
    }

    /// Adds a block: what the recording has come to, and the new entries of its tables. Waits for the disk.
    ///
    /// # Errors
    /// If the disk refuses. What was written before is whole; write no more.
    pub(in crate::record) fn write<'a>(
        &mut self,
        so_far: &SoFar,
        tables: impl Iterator<Item = (Table, &'a [u8])>,
    ) -> io::Result<()> {
        let (now, block) = (unix_ns_now(), self.block);
        self.chunk.clear();
        self.chunk.resize(CHUNK_HEAD_BYTES, 0);
        push_message(&mut self.chunk, LEDGER_CHANNEL, block, now, &serde_json::to_vec(so_far)?);
        for (table, entries) in tables {
            push_message(&mut self.chunk, table.channel(), block, now, entries);
        }
        let (head, records) = self.chunk.split_at_mut(CHUNK_HEAD_BYTES);
        head.copy_from_slice(&chunk_head(records, now));
        self.file.write_all(&self.chunk)?;
        self.block = self.block.wrapping_add(1);
        self.file.sync_data()
    }
}

/// What stands before the first block.
fn beginning(description: &[u8]) -> io::Result<Vec<u8>> {
    let write = || -> Result<Vec<u8>, McapError> {
        let options = WriteOptions::new().compression(None).chunk_size(None).disable_seeking(true);
        let options = options.emit_message_indexes(false).emit_chunk_indexes(false).profile("beadscope");
        let options = options.library(concat!("beadscope ", env!("CARGO_PKG_VERSION")));
        let mut writer = options.create(io::Cursor::new(Vec::new()))?;
        let now = unix_ns_now();
        // Twice: without it nothing else can be understood.
        for _ in 0..2 {
            writer.attach(&Attachment {
                log_time: now,
                create_time: now,
                name: DESCRIPTION.to_owned(),
                media_type: KIND.to_owned(),
                data: Cow::Borrowed(description),
            })?;
        }
        let nothing = BTreeMap::new();
        let schema = writer.add_schema("ledger", "jsonschema", br#"{"type":"object"}"#)?;
        writer.add_channel_with_id(LEDGER_CHANNEL, schema, "ledger", "json", &nothing)?;
        for table in Table::ALL {
            let schema = writer.add_schema(table.topic(), COLUMNS, table.schema().as_bytes())?;
            writer.add_channel_with_id(table.channel(), schema, table.topic(), COLUMNS, &nothing)?;
        }
        writer.flush()?;
        Ok(writer.into_inner().into_inner())
    };
    write().map_err(|error| match error {
        McapError::Io(error) => error,
        other => io::Error::other(other),
    })
}

/// Kind and length of a record, then what a chunk without compression tells of its records (MCAP specification, Chunk).
const CHUNK_HEAD_BYTES: usize = 1 + 8 + 40;

fn chunk_head(records: &[u8], time_ns: u64) -> [u8; CHUNK_HEAD_BYTES] {
    let mut head = [0; CHUNK_HEAD_BYTES];
    let length = records.len() as u64;
    let no_compression = 0_u32;
    let parts: [&[u8]; 8] = [
        &[op::CHUNK],
        &(length + (CHUNK_HEAD_BYTES - 9) as u64).to_le_bytes(),
        &time_ns.to_le_bytes(),
        &time_ns.to_le_bytes(),
        &length.to_le_bytes(),
        &crc32fast::hash(records).to_le_bytes(),
        &no_compression.to_le_bytes(),
        &length.to_le_bytes(),
    ];
    let bytes = parts.into_iter().flatten();
    head.iter_mut().zip(bytes).for_each(|(to, byte)| *to = *byte);
    head
}

/// Adds a message (MCAP specification, Message), whose sequence number is that of its block.
fn push_message(chunk: &mut Vec<u8>, channel: u16, block: u32, time_ns: u64, data: &[u8]) {
    let length = (2 + 4 + 8 + 8 + data.len()) as u64;
    chunk.push(op::MESSAGE);
    chunk.extend_from_slice(&length.to_le_bytes());
    chunk.extend_from_slice(&channel.to_le_bytes());
    chunk.extend_from_slice(&block.to_le_bytes());
    chunk.extend_from_slice(&time_ns.to_le_bytes());
    chunk.extend_from_slice(&time_ns.to_le_bytes());
    chunk.extend_from_slice(data);
}
