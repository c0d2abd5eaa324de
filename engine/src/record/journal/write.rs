//! Writes the journal, a block at a time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::Path;

use mcap::records::MessageHeader;
use mcap::{Attachment, McapError, WriteOptions, Writer};

use super::{COLUMNS, DESCRIPTION, LEDGER_CHANNEL, SoFar, Table};
use crate::clock::unix_ns_now;

/// A journal that grows. Every block is on the disk when [`Self::write`] returns.
pub(in crate::record) struct JournalWriter {
    writer: Writer<BufWriter<File>>,
    /// The same file, to wait for the disk.
    file: File,
    block: u32,
}

impl JournalWriter {
    /// Creates the journal of a recording that `description`, a whole HDF5 file, describes.
    ///
    /// # Errors
    /// If the file exists or the disk refuses.
    pub(in crate::record) fn create(path: &Path, description: &[u8]) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        Self::begin(file, description).map_err(to_io)
    }

    fn begin(file: File, description: &[u8]) -> Result<Self, McapError> {
        // Chunks end where a block does. Nothing is indexed: an index would grow in memory as long as the recording.
        let options = WriteOptions::new().compression(None).chunk_size(None).disable_seeking(true);
        let options = options.emit_message_indexes(false).emit_chunk_indexes(false).profile("beadscope");
        let options = options.library(concat!("beadscope ", env!("CARGO_PKG_VERSION")));
        let mut writer = options.create(BufWriter::new(file.try_clone()?))?;
        let now = unix_ns_now();
        // Twice: without it nothing else can be understood.
        for _ in 0..2 {
            writer.attach(&Attachment {
                log_time: now,
                create_time: now,
                name: DESCRIPTION.to_owned(),
                media_type: "application/x-hdf5".to_owned(),
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
        file.sync_all()?;
        Ok(Self { writer, file, block: 0 })
    }

    /// Adds a block: what the recording has come to, and the new entries of its tables. Waits for the disk.
    ///
    /// # Errors
    /// If the disk refuses. What was written before is whole, and nothing more is accepted.
    pub(in crate::record) fn write<'a>(
        &mut self,
        so_far: &SoFar,
        tables: impl Iterator<Item = (Table, &'a [u8])>,
    ) -> io::Result<()> {
        let json = serde_json::to_vec(so_far)?;
        self.message(LEDGER_CHANNEL, &json).map_err(to_io)?;
        for (table, entries) in tables {
            self.message(table.channel(), entries).map_err(to_io)?;
        }
        self.writer.flush().map_err(to_io)?;
        self.block = self.block.wrapping_add(1);
        self.file.sync_data()
    }

    fn message(&mut self, channel_id: u16, data: &[u8]) -> Result<(), McapError> {
        let now = unix_ns_now();
        let header = MessageHeader { channel_id, sequence: self.block, log_time: now, publish_time: now };
        self.writer.write_to_known_channel(&header, data)
    }
}

fn to_io(error: McapError) -> io::Error {
    match error {
        McapError::Io(error) => error,
        other => io::Error::other(other),
    }
}
