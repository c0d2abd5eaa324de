//! The tables of a recording that grow, as the journal names them.

use std::fmt::Write;
use std::ops::Range;

use crate::record::schema::{
    AXIS_COLUMNS, BATCH_COLUMNS, ColumnSpec, EVENT_COLUMNS, Element, FRAME_COLUMNS, HEALTH_COLUMNS,
    ROW_COLUMNS, SEGMENT_COLUMNS, TRUTH_COLUMNS,
};

/// Columns that grow together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::record) enum Table {
    /// An entry for each run of the camera.
    Segments,
    /// For each bead in each frame.
    Rows,
    /// For each frame.
    Frames,
    /// For each batch of frames.
    Batches,
    /// For each command.
    Events,
    /// For each second.
    Health,
    /// For each axis that has moved.
    Axes,
    /// For each simulated bead in each frame.
    Truth,
}

impl Table {
    /// All of them; what others point to comes first.
    pub(in crate::record) const ALL: [Self; 8] = [
        Self::Segments,
        Self::Rows,
        Self::Frames,
        Self::Batches,
        Self::Events,
        Self::Health,
        Self::Axes,
        Self::Truth,
    ];

    /// Its columns, in the order of `tracks.h5`.
    pub(in crate::record) fn columns(self) -> &'static [ColumnSpec] {
        match self {
            Self::Segments => &SEGMENT_COLUMNS,
            Self::Rows => &ROW_COLUMNS,
            Self::Frames => &FRAME_COLUMNS,
            Self::Batches => &BATCH_COLUMNS,
            Self::Events => &EVENT_COLUMNS,
            Self::Health => &HEALTH_COLUMNS,
            Self::Axes => &AXIS_COLUMNS,
            Self::Truth => &TRUTH_COLUMNS,
        }
    }

    /// Bytes that an entry has in all columns together.
    pub(in crate::record) fn entry_bytes(self) -> usize {
        self.columns().iter().map(ColumnSpec::entry_bytes).sum()
    }

    /// Where column `column` lies in a message of so many entries.
    pub(in crate::record) fn place(self, column: usize, entries: usize) -> Range<usize> {
        let bytes = |column: &ColumnSpec| column.entry_bytes() * entries;
        let start = self.columns()[..column].iter().map(bytes).sum();
        start..start + bytes(&self.columns()[column])
    }

    pub(super) fn topic(self) -> &'static str {
        match self {
            Self::Segments => "segments",
            Self::Rows => "rows",
            Self::Frames => "frames",
            Self::Batches => "batches",
            Self::Events => "events",
            Self::Health => "health",
            Self::Axes => "axes",
            Self::Truth => "truth",
        }
    }

    pub(super) fn channel(self) -> u16 {
        super::LEDGER_CHANNEL + 1 + self as u16
    }

    pub(super) fn of_channel(channel: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.channel() == channel)
    }

    /// The columns, one a line: path in `tracks.h5`, NumPy's type, elements in an entry.
    pub(super) fn schema(self) -> String {
        self.columns().iter().fold(String::new(), |mut lines, column| {
            // Writing to a String cannot fail.
            let _ = writeln!(lines, "{} {} {}", column.path, numpy(column.element), column.width);
            lines
        })
    }
}

fn numpy(element: Element) -> String {
    match element {
        Element::U16 => "<u2".to_owned(),
        Element::U32 => "<u4".to_owned(),
        Element::U64 => "<u8".to_owned(),
        Element::F32 => "<f4".to_owned(),
        Element::F64 => "<f8".to_owned(),
        Element::Text(bytes) => format!("S{bytes}"),
    }
}
