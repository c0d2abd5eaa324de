//! All growing datasets of the recording, by what one entry of theirs stands for.

use rust_hdf5::Hdf5Error;
use rust_hdf5::swmr::SwmrFileWriter;

use crate::record::column::Column;
use crate::record::description::flag_legend;
use crate::record::schema::{self, ColumnSpec, LEDGER_PIECE_BYTES, NOTICE_BYTES, REASON_BYTES};

/// Frames that are missing from the recording, in one go and for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// First missing frame, the camera's number.
    pub first_device_frame: u64,
    /// Last missing frame, the camera's number.
    pub last_device_frame: u64,
    /// Session number of the last frame before the gap.
    pub after_frame: u64,
    /// Why; the first 64 bytes are kept.
    pub reason: String,
}

/// The columns, in the order of the tables in `schema.rs`.
pub struct Columns {
    /// An entry for each bead in each frame.
    pub rows: [Column; 6],
    /// An entry for each frame.
    pub frames: [Column; 10],
    /// An entry for each batch.
    pub batches: [Column; 5],
    /// An entry for each second.
    pub health: [Column; 13],
    closing: [Column; 6],
}

impl Columns {
    /// Creates the datasets.
    pub fn create(file: &mut SwmrFileWriter) -> Result<Self, Hdf5Error> {
        // The order of creation is the order in which a flush writes the lengths: what others point to comes first.
        let mut columns = Self {
            rows: create_all(file, schema::ROW_COLUMNS)?,
            frames: create_all(file, schema::FRAME_COLUMNS)?,
            batches: create_all(file, schema::BATCH_COLUMNS)?,
            health: create_all(file, schema::HEALTH_COLUMNS)?,
            closing: create_all(file, schema::CLOSING_COLUMNS)?,
        };
        let [.., flags] = &columns.rows;
        file.set_dataset_attr_string(flags.dataset(), "legend", &flag_legend())?;
        let [_, frame_offsets, ..] = &mut columns.frames;
        frame_offsets.push(file, &0_u64.to_le_bytes())?;
        frame_offsets.save(file)?;
        frame_offsets.extend(file)?;
        frame_offsets.mark_flushed();
        // What `close` writes has its place from the start: the disk may be full by then.
        columns.closing.iter_mut().try_for_each(|column| column.reserve(file))?;
        Ok(columns)
    }

    /// Makes all that was pushed readable.
    pub fn flush(&mut self, file: &mut SwmrFileWriter) -> Result<(), Hdf5Error> {
        self.write_through(file)?;
        self.growing().for_each(Column::mark_flushed);
        Ok(())
    }

    /// Bytes, then lengths, then the disk. It may fail on the way, with some lengths grown.
    pub(super) fn write_through(&mut self, file: &mut SwmrFileWriter) -> Result<(), Hdf5Error> {
        // Every byte before any length: a full disk then leaves the lengths of the last flush.
        self.growing().try_for_each(|column| column.save(file))?;
        self.growing().try_for_each(|column| column.extend(file))?;
        file.flush()
    }

    /// After a flush that failed: lengths that had grown by then are those of the last good flush again.
    pub fn set_back(&mut self, file: &mut SwmrFileWriter) -> Result<(), Hdf5Error> {
        self.growing().try_for_each(|column| column.set_back(file))
    }

    /// Writes the gaps, the ledger and the notices.
    pub fn close(
        &mut self,
        file: &mut SwmrFileWriter,
        ledger_json: &str,
        gaps: &[Gap],
        notices: &[String],
    ) -> Result<(), Hdf5Error> {
        let [first, last, after, reason, ledger, told] = &mut self.closing;
        for gap in gaps {
            first.push(file, &gap.first_device_frame.to_le_bytes())?;
            last.push(file, &gap.last_device_frame.to_le_bytes())?;
            after.push(file, &gap.after_frame.to_le_bytes())?;
            reason.push(file, &padded(prefix(&gap.reason, REASON_BYTES), REASON_BYTES))?;
        }
        let mut rest = ledger_json;
        while !rest.is_empty() {
            let piece = prefix(rest, LEDGER_PIECE_BYTES);
            ledger.push(file, &padded(piece, LEDGER_PIECE_BYTES))?;
            rest = &rest[piece.len()..];
        }
        for notice in notices {
            told.push(file, &padded(prefix(notice, NOTICE_BYTES), NOTICE_BYTES))?;
        }
        self.closing.iter_mut().try_for_each(|column| {
            column.save(file)?;
            column.extend(file)
        })
    }

    fn growing(&mut self) -> impl Iterator<Item = &mut Column> {
        self.rows.iter_mut().chain(&mut self.frames).chain(&mut self.batches).chain(&mut self.health)
    }
}

fn create_all<const N: usize>(
    file: &mut SwmrFileWriter,
    specs: [ColumnSpec; N],
) -> Result<[Column; N], Hdf5Error> {
    let columns: Vec<Column> =
        specs.iter().map(|spec| Column::create(file, spec)).collect::<Result<_, _>>()?;
    columns.try_into().map_err(|_| Hdf5Error::InvalidState("a column was not created".into()))
}

/// The longest beginning of `text` that has at most `bytes` bytes and ends between two characters.
pub(super) fn prefix(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

pub(super) fn padded(text: &str, bytes: usize) -> Vec<u8> {
    let mut padded = text.as_bytes().to_vec();
    padded.resize(bytes, 0);
    padded
}
