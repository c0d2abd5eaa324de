//! All growing datasets of the recording, by what one entry of theirs stands for.

use beadscope_drivers::truth::TruthRow;
use rust_hdf5::Hdf5Error;
use rust_hdf5::swmr::SwmrFileWriter;

use crate::command::Event;
use crate::frame::FrameHeader;
use crate::hardware::AxisSample;
use crate::record::column::Column;
use crate::record::description::{flag_legend, frame_flag_legend};
use crate::record::journal::Table;
use crate::record::schema::{
    self, AXIS_BYTES, CAUSE_BYTES, ColumnSpec, EVENT_BYTES, LEDGER_PIECE_BYTES, NOT_KNOWN, NOTICE_BYTES,
    REASON_BYTES, SENDER_BYTES,
};
use crate::segment::{Cause, Segment};

/// Frames that are missing in one go, or a time in which the camera stood still.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Gap {
    /// First missing frame, the camera's number.
    pub first_device_frame: u64,
    /// Last missing frame, the camera's number; `None` if the camera has numbered anew since, so that nobody knows.
    pub last_device_frame: Option<u64>,
    /// Session number of the last frame before the gap.
    pub after_frame: u64,
    /// Segment of the frame after it, as in [`crate::segment::Segment`].
    pub segment: u32,
    /// Arrival of the last frame before it, ns since the session's start.
    pub from_ns: u64,
    /// Arrival of the first frame after it, or of the last that came; ns since the session's start.
    pub to_ns: u64,
    /// Why: what ended the segment before, and `NAME=COUNT` for each that lost frames. The first 96 bytes are kept.
    pub reason: String,
}

impl Gap {
    /// A reason: what ended the segment before, and who lost how many frames.
    pub(crate) fn reason_of(cause: Option<Cause>, counts: &[(&str, u64)]) -> String {
        let counts =
            counts.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name}={count}"));
        let cause = cause.map(|cause| cause.name().to_owned());
        cause.into_iter().chain(counts).collect::<Vec<_>>().join(" ")
    }

    /// Frames that it cost, each with its name in `lost` of the ledger.
    pub fn losses(&self) -> impl Iterator<Item = (&str, u64)> {
        let parts = self.reason.split_whitespace().filter_map(|part| part.split_once('='));
        parts.filter_map(|(name, count)| Some((name, count.parse().ok()?)))
    }
}

/// The columns, in the order of the tables in `schema.rs`.
pub struct Columns {
    /// An entry for each bead in each frame.
    pub rows: [Column; 6],
    /// An entry for each frame.
    pub frames: [Column; 13],
    /// An entry for each batch.
    pub batches: [Column; 5],
    segments: [Column; 7],
    /// An entry for each command.
    pub events: [Column; 5],
    /// An entry for each second.
    pub health: [Column; 13],
    axes: [Column; 5],
    truth: [Column; 7],
    closing: [Column; 9],
}

impl Columns {
    /// Creates the datasets.
    pub fn create(file: &mut SwmrFileWriter) -> Result<Self, Hdf5Error> {
        // The order of creation is the order in which a flush writes the lengths: what others point to comes first.
        let mut columns = Self {
            segments: create_all(file, schema::SEGMENT_COLUMNS)?,
            rows: create_all(file, schema::ROW_COLUMNS)?,
            frames: create_all(file, schema::FRAME_COLUMNS)?,
            batches: create_all(file, schema::BATCH_COLUMNS)?,
            events: create_all(file, schema::EVENT_COLUMNS)?,
            health: create_all(file, schema::HEALTH_COLUMNS)?,
            axes: create_all(file, schema::AXIS_COLUMNS)?,
            truth: create_all(file, schema::TRUTH_COLUMNS)?,
            closing: create_all(file, schema::CLOSING_COLUMNS)?,
        };
        let [.., flags] = &columns.rows;
        file.set_dataset_attr_string(flags.dataset(), "legend", &flag_legend())?;
        let [.., frame_flags, _] = &columns.frames;
        file.set_dataset_attr_string(frame_flags.dataset(), "legend", &frame_flag_legend())?;
        let [_, frame_offsets, ..] = &mut columns.frames;
        frame_offsets.push(file, &0_u64.to_le_bytes())?;
        frame_offsets.save(file)?;
        frame_offsets.extend(file)?;
        frame_offsets.mark_flushed();
        // What `close` writes has its place from the start: the disk may be full by then.
        columns.closing.iter_mut().try_for_each(|column| column.reserve(file))?;
        Ok(columns)
    }

    /// A segment that begins with the frame `first`.
    pub fn begin_segment(
        &mut self,
        file: &mut SwmrFileWriter,
        segment: &Segment,
        first: &FrameHeader,
    ) -> Result<(), Hdf5Error> {
        let Segment { number, cause, rate_hz, exposure_us } = *segment;
        let FrameHeader { frame, device_frame, arrival_ns, .. } = *first;
        let [numbers @ .., rate, exposure, why] = &mut self.segments;
        let values = [u64::from(number), frame, device_frame, arrival_ns];
        for (column, value) in numbers.iter_mut().zip(values) {
            column.push(file, &value.to_le_bytes())?;
        }
        rate.push(file, &rate_hz.to_le_bytes())?;
        exposure.push(file, &exposure_us.to_le_bytes())?;
        why.push(file, &padded(cause.name(), CAUSE_BYTES))
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

    /// From now on, what is pushed is also kept for the journal.
    pub fn keep_news(&mut self) {
        self.growing().for_each(Column::keep_news);
    }

    /// What was pushed since the last time, table by table, those without news left out.
    pub fn take_news(&mut self) -> Vec<(Table, Vec<u8>)> {
        let news = Table::ALL.map(|table| {
            let mut news = Vec::new();
            self.table(table).iter_mut().for_each(|column| column.take_news(&mut news));
            (table, news)
        });
        news.into_iter().filter(|(_, news)| !news.is_empty()).collect()
    }

    /// Adds what [`Self::take_news`] once returned of a table.
    pub fn push_news(
        &mut self,
        file: &mut SwmrFileWriter,
        table: Table,
        news: &[u8],
    ) -> Result<(), Hdf5Error> {
        let entries = news.len() / table.entry_bytes();
        let mut rest = news;
        for (column, spec) in self.table(table).iter_mut().zip(table.columns()) {
            let (bytes, behind) = rest.split_at(entries * spec.entry_bytes());
            column.push(file, bytes)?;
            rest = behind;
        }
        Ok(())
    }

    fn table(&mut self, table: Table) -> &mut [Column] {
        match table {
            Table::Segments => &mut self.segments,
            Table::Rows => &mut self.rows,
            Table::Frames => &mut self.frames,
            Table::Batches => &mut self.batches,
            Table::Events => &mut self.events,
            Table::Health => &mut self.health,
            Table::Axes => &mut self.axes,
            Table::Truth => &mut self.truth,
        }
    }

    /// Adds a command; what is longer than its column is cut.
    pub fn push_event(&mut self, file: &mut SwmrFileWriter, event: &Event) -> Result<(), Hdf5Error> {
        let [session_ns, unix_ns, sender, command, answer] = &mut self.events;
        let text = |text: &str, bytes: usize| padded(prefix(text, bytes), bytes);
        session_ns.push(file, &event.session_ns.to_le_bytes())?;
        unix_ns.push(file, &event.unix_ns.to_le_bytes())?;
        sender.push(file, &text(event.sender.name(), SENDER_BYTES))?;
        command.push(file, &text(&event.command, EVENT_BYTES))?;
        answer.push(file, &text(&event.answer, EVENT_BYTES))
    }

    /// Adds where an axis was.
    pub fn push_axis(&mut self, file: &mut SwmrFileWriter, sample: &AxisSample) -> Result<(), Hdf5Error> {
        let [unix_ns, axis, position, target, is_moving] = &mut self.axes;
        unix_ns.push(file, &sample.unix_ns.to_le_bytes())?;
        axis.push(file, &padded(prefix(&sample.axis, AXIS_BYTES), AXIS_BYTES))?;
        position.push(file, &sample.position.unwrap_or(f64::NAN).to_le_bytes())?;
        target.push(file, &sample.target.unwrap_or(f64::NAN).to_le_bytes())?;
        is_moving.push(file, &u16::from(sample.is_moving).to_le_bytes())
    }

    /// Adds where a simulated bead was.
    pub fn push_truth(&mut self, file: &mut SwmrFileWriter, row: &TruthRow) -> Result<(), Hdf5Error> {
        let [camera_run, device_frame, bead, position_px, z_nm, force_pn, state] = &mut self.truth;
        camera_run.push(file, &row.camera_run.to_le_bytes())?;
        device_frame.push(file, &row.device_frame.to_le_bytes())?;
        bead.push(file, &row.bead.to_le_bytes())?;
        position_px.push(file, bytemuck::cast_slice(&row.position_px))?;
        z_nm.push(file, &row.z_nm.to_le_bytes())?;
        force_pn.push(file, &row.force_pn.to_le_bytes())?;
        state.push(file, &row.state.to_le_bytes())
    }

    /// Writes the gaps, the ledger and the notices.
    pub fn close(
        &mut self,
        file: &mut SwmrFileWriter,
        ledger_json: &str,
        gaps: &[Gap],
        notices: &[String],
    ) -> Result<(), Hdf5Error> {
        let [numbers @ .., reason, ledger, told] = &mut self.closing;
        for gap in gaps {
            let last = gap.last_device_frame.unwrap_or(NOT_KNOWN);
            let segment = u64::from(gap.segment);
            let values = [gap.first_device_frame, last, gap.after_frame, segment, gap.from_ns, gap.to_ns];
            for (column, value) in numbers.iter_mut().zip(values) {
                column.push(file, &value.to_le_bytes())?;
            }
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
        let segments = self.segments.iter_mut().chain(&mut self.rows).chain(&mut self.frames);
        let seconds = self.batches.iter_mut().chain(&mut self.events).chain(&mut self.health);
        segments.chain(seconds).chain(&mut self.axes).chain(&mut self.truth)
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
