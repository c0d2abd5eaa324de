//! The growing datasets of `tracks.h5`: one table of names, types, chunks and units.
//!
//! `/tracking` is MagScope's schema 1 (`magscope/tracking_data.py`, MagScope 1.0.0): names, types and chunk shapes
//! are part of that format, and nothing is added to the group. All else is ours, in [`OURS`].

use rust_hdf5::swmr::SwmrFileWriter;
use rust_hdf5::{DatatypeMessage, Hdf5Error};

mod instrument;

pub use instrument::{AXIS_BYTES, AXIS_COLUMNS, TRUTH_COLUMNS};

/// Has one entry more than there are frames.
pub const OFFSETS: &str = "tracking/frame_offsets";
/// Version of our groups. A reader that meets a higher one should say so.
pub const FORMAT_VERSION: u32 = 1;
/// MagScope's group.
pub const TRACKING: &str = "tracking";
/// Our group.
pub const OURS: &str = "beadscope";
/// Stands for "the camera has no clock" in `device_time_ns`.
pub const NO_DEVICE_TIME: u64 = u64::MAX;
/// Stands for "nobody knows" in the gaps' `last_device_frame`.
pub const NOT_KNOWN: u64 = u64::MAX;
/// Bytes of one piece of the ledger.
pub const LEDGER_PIECE_BYTES: usize = 16 * 1024;
/// Bytes kept of a notice.
pub const NOTICE_BYTES: usize = 512;
/// Bytes kept of a command, and of its answer.
pub const EVENT_BYTES: usize = 512;
/// Bytes kept of a sender's name.
pub const SENDER_BYTES: usize = 16;
/// Bytes kept of a reader's name.
pub const READER_BYTES: usize = 16;
/// Bytes kept of a gap's reason.
pub const REASON_BYTES: usize = 96;
/// Bytes kept of a segment's cause.
pub const CAUSE_BYTES: usize = 16;

const RECORD_CHUNK: u64 = 65_536;
const FRAME_CHUNK: u64 = 4_096;
const BATCH_CHUNK: u64 = 1_024;
const GAP_CHUNK: u64 = 256;
const SEGMENT_CHUNK: u64 = 64;
const HEALTH_CHUNK: u64 = 64;
const NOTICE_CHUNK: u64 = 8;
const EVENT_CHUNK: u64 = 32;

/// Type of one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// Unsigned, 2 bytes.
    U16,
    /// Unsigned, 4 bytes.
    U32,
    /// Unsigned, 8 bytes.
    U64,
    /// IEEE 754, 4 bytes.
    F32,
    /// IEEE 754, 8 bytes.
    F64,
    /// UTF-8 text of at most this many bytes, padded with NUL.
    Text(usize),
}

impl Element {
    /// Bytes of one element.
    pub fn bytes(self) -> usize {
        match self {
            Self::U16 => 2,
            Self::U32 | Self::F32 => 4,
            Self::U64 | Self::F64 => 8,
            Self::Text(bytes) => bytes,
        }
    }

    fn datatype(self) -> DatatypeMessage {
        match self {
            Self::U16 => DatatypeMessage::u16_type(),
            Self::U32 => DatatypeMessage::u32_type(),
            Self::U64 => DatatypeMessage::u64_type(),
            Self::F32 => DatatypeMessage::f32_type(),
            Self::F64 => DatatypeMessage::f64_type(),
            Self::Text(bytes) => DatatypeMessage::FixedString {
                size: u32::try_from(bytes).unwrap_or(u32::MAX),
                padding: 1, // with NUL: a full-length text needs no terminator
                charset: 1, // UTF-8
            },
        }
    }
}

/// One growing dataset.
#[derive(Clone, Copy, Debug)]
pub struct ColumnSpec {
    /// Path from the root, without the first slash.
    pub path: &'static str,
    /// Type of an element.
    pub element: Element,
    /// Elements in a row: 1 makes a vector, more make a table.
    pub width: usize,
    /// Rows in a chunk.
    pub chunk_rows: u64,
    /// Attributes `units` and `description`; MagScope's own datasets have none.
    pub text: Option<(&'static str, &'static str)>,
}

impl ColumnSpec {
    /// Bytes of an entry.
    pub fn entry_bytes(&self) -> usize {
        self.element.bytes() * self.width
    }
}

const fn magscope(path: &'static str, element: Element, width: usize, chunk_rows: u64) -> ColumnSpec {
    ColumnSpec { path, element, width, chunk_rows, text: None }
}

const fn ours(
    path: &'static str,
    element: Element,
    chunk_rows: u64,
    units: &'static str,
    description: &'static str,
) -> ColumnSpec {
    ColumnSpec { path, element, width: 1, chunk_rows, text: Some((units, description)) }
}

/// Columns with one entry for each bead in each frame.
pub const ROW_COLUMNS: [ColumnSpec; 6] = [
    magscope("tracking/bead_ids", Element::U16, 1, RECORD_CHUNK),
    magscope("tracking/positions_nm", Element::F64, 3, RECORD_CHUNK),
    magscope("tracking/roi_positions_px", Element::U16, 2, RECORD_CHUNK),
    ours(
        "beadscope/rows/quality",
        Element::F32,
        RECORD_CHUNK,
        "1",
        "Likeness of the bead's image to a round one of its Z-LUT, up to 1: the root of the share of it that is round, \
         times the weighted correlation of its radial profile with the Z-LUT, if there is one; NaN if not measured. \
         Entry k belongs to row k of /tracking/positions_nm.",
    ),
    ColumnSpec {
        path: "beadscope/rows/sigma_nm",
        element: Element::F32,
        width: 3,
        chunk_rows: RECORD_CHUNK,
        text: Some((
            "nm",
            "Standard errors of x, y and z; NaN where the tracking method gives none. \
             Entry k belongs to row k of /tracking/positions_nm.",
        )),
    },
    ours(
        "beadscope/rows/flags",
        Element::U32,
        RECORD_CHUNK,
        "1",
        "Why a value of the row is NaN or doubtful, one bit a reason; the attribute legend names the bits. \
         Entry k belongs to row k of /tracking/positions_nm.",
    ),
];

/// Columns with one entry for each frame.
pub const FRAME_COLUMNS: [ColumnSpec; 13] = [
    magscope("tracking/frame_timestamps_ns", Element::U64, 1, FRAME_CHUNK),
    magscope("tracking/frame_offsets", Element::U64, 1, FRAME_CHUNK + 1),
    magscope("tracking/frame_batch_sequence", Element::U64, 1, FRAME_CHUNK),
    ours(
        "beadscope/frames/frame",
        Element::U64,
        FRAME_CHUNK,
        "1",
        "Frame number in the session, from 0. Entry i belongs to entry i of /tracking/frame_timestamps_ns.",
    ),
    ours(
        "beadscope/frames/device_frame",
        Element::U64,
        FRAME_CHUNK,
        "1",
        "The camera's own frame number; a jump is a gap.",
    ),
    ours(
        "beadscope/frames/device_time_ns",
        Element::U64,
        FRAME_CHUNK,
        "ns",
        "The camera's clock at mid-exposure; 18446744073709551615 if the camera has none.",
    ),
    ours(
        "beadscope/frames/arrival_ns",
        Element::U64,
        FRAME_CHUNK,
        "ns",
        "Arrival of the frame on the host, on the session's monotonic clock.",
    ),
    ours(
        "beadscope/frames/tracked_ns",
        Element::U64,
        FRAME_CHUNK,
        "ns",
        "When the rows of the frame were ready, on the session's monotonic clock.",
    ),
    ours(
        "beadscope/frames/on_gpu",
        Element::U64,
        FRAME_CHUNK,
        "1",
        "1 if the beads of the frame were located on the GPU, 0 if on the CPU.",
    ),
    ours(
        "beadscope/frames/segment",
        Element::U64,
        FRAME_CHUNK,
        "1",
        "The segment that the frame belongs to, as in /beadscope/segments/segment.",
    ),
    ours(
        "beadscope/frames/time_ns",
        Element::U64,
        FRAME_CHUNK,
        "ns",
        "When the frame was taken, on the session's monotonic clock: the camera's clock fitted to the earliest arrivals, \
         so mid-exposure and the shortest delay until arrival; the arrival where flags say time_by_arrival. \
         /tracking/frame_timestamps_ns is this time in UTC.",
    ),
    ours(
        "beadscope/frames/flags",
        Element::U64,
        FRAME_CHUNK,
        "1",
        "What is remarkable about the frame's number and its camera's clock, one bit each; the attribute legend names them.",
    ),
    ColumnSpec {
        width: 3,
        ..ours(
            "beadscope/frames/lost_before",
            Element::U32,
            FRAME_CHUNK,
            "frames",
            "Frames lost just before this one; columns: by the camera, ring full, recorder late.",
        )
    },
];

/// Columns with one entry for each call of `append`.
pub const BATCH_COLUMNS: [ColumnSpec; 5] = [
    magscope("tracking/batch_sequence", Element::U64, 1, BATCH_CHUNK),
    magscope("tracking/batch_frame_start", Element::U64, 1, BATCH_CHUNK),
    magscope("tracking/batch_frame_count", Element::U64, 1, BATCH_CHUNK),
    magscope("tracking/batch_record_start", Element::U64, 1, BATCH_CHUNK),
    magscope("tracking/batch_record_count", Element::U64, 1, BATCH_CHUNK),
];

/// Columns with one entry for each command that was given while the recording ran.
pub const EVENT_COLUMNS: [ColumnSpec; 5] = [
    ours(
        "beadscope/events/session_ns",
        Element::U64,
        EVENT_CHUNK,
        "ns",
        "When, on the session's monotonic clock.",
    ),
    ours("beadscope/events/unix_ns", Element::U64, EVENT_CHUNK, "ns", "When, since 1970-01-01 UTC."),
    ours(
        "beadscope/events/sender",
        Element::Text(SENDER_BYTES),
        EVENT_CHUNK,
        "text",
        "Who gave the command.",
    ),
    ours(
        "beadscope/events/command",
        Element::Text(EVENT_BYTES),
        EVENT_CHUNK,
        "text",
        "The command, as `beadscope commands` describes it; `mark` and `note` hold what was written.",
    ),
    ours(
        "beadscope/events/answer",
        Element::Text(EVENT_BYTES),
        EVENT_CHUNK,
        "text",
        "What was done, or why it was refused.",
    ),
];

/// Columns with one entry for each run of the camera.
pub const SEGMENT_COLUMNS: [ColumnSpec; 7] = [
    ours(
        "beadscope/segments/segment",
        Element::U64,
        SEGMENT_CHUNK,
        "1",
        "A run of the camera, from a start to a stop, counted from 0 in the session: one configuration, one numbering of \
         frames, one clock.",
    ),
    ours(
        "beadscope/segments/first_frame",
        Element::U64,
        SEGMENT_CHUNK,
        "1",
        "Its first frame in the recording, as in /beadscope/frames/frame.",
    ),
    ours(
        "beadscope/segments/first_device_frame",
        Element::U64,
        SEGMENT_CHUNK,
        "1",
        "The camera's own number of that frame.",
    ),
    ours(
        "beadscope/segments/arrival_ns",
        Element::U64,
        SEGMENT_CHUNK,
        "ns",
        "Arrival of that frame, on the session's monotonic clock.",
    ),
    ours(
        "beadscope/segments/rate_hz",
        Element::F64,
        SEGMENT_CHUNK,
        "Hz",
        "Frames per second that the camera applied.",
    ),
    ours(
        "beadscope/segments/exposure_us",
        Element::F64,
        SEGMENT_CHUNK,
        "us",
        "Exposure that the camera applied.",
    ),
    ours(
        "beadscope/segments/cause",
        Element::Text(CAUSE_BYTES),
        SEGMENT_CHUNK,
        "text",
        "Why it began: start of the session, or what ended the one before: configured, paused, unplugged, silent, \
         bad_frame, failed.",
    ),
];

const fn health(
    path: &'static str,
    width: usize,
    units: &'static str,
    description: &'static str,
) -> ColumnSpec {
    ColumnSpec { width, ..ours(path, Element::F64, HEALTH_CHUNK, units, description) }
}

/// Columns with one entry a second while it is recorded: how the session does. NaN is "not known", not yet or not on
/// this computer.
pub const HEALTH_COLUMNS: [ColumnSpec; 13] = [
    ours(
        "beadscope/health/unix_ns",
        Element::U64,
        HEALTH_CHUNK,
        "ns",
        "When this was measured, since 1970 UTC. Entry s of every dataset of this group belongs to entry s of this one.",
    ),
    ours(
        "beadscope/health/received",
        Element::U64,
        HEALTH_CHUNK,
        "frames",
        "Frames that had come from the camera since the session's start.",
    ),
    ColumnSpec {
        width: 4,
        ..ours(
            "beadscope/health/lost",
            Element::U64,
            HEALTH_CHUNK,
            "frames",
            "Frames that had been lost since the session's start; columns: by the camera, ring full, recorder late, \
             record failed.",
        )
    },
    health(
        "beadscope/health/rate_hz",
        1,
        "Hz",
        "Frames per second that came in the last second; NaN if not known.",
    ),
    health(
        "beadscope/health/ring_fill",
        2,
        "1",
        "Share of its ring that a reader holds, and beyond 1 of which frames are lost; columns: tracking, recorder; NaN \
         if not known.",
    ),
    ours(
        "beadscope/health/slow_reader",
        Element::Text(READER_BYTES),
        HEALTH_CHUNK,
        "text",
        "The reader that holds more than half of its ring, or may skip and is as far behind; empty if none is.",
    ),
    health(
        "beadscope/health/latency_ms",
        3,
        "ms",
        "From a frame's arrival to its rows, in the last ten seconds; columns: median, 99th percentile, longest, exact \
         to 6 %; NaN if no frame was tracked.",
    ),
    health(
        "beadscope/health/camera_loop_us",
        2,
        "us",
        "What the camera thread spends between two reads of the camera, since the session's start; columns: 99th \
         percentile, longest; 0 before the second frame.",
    ),
    health(
        "beadscope/health/cpu_share",
        5,
        "1",
        "Processor time in the last second, 1 is one core; columns: the program, and its threads beadscope-camera, \
         beadscope-track, beadscope-track-N together, beadscope-record; NaN where the system does not tell.",
    ),
    health(
        "beadscope/health/gpu_share",
        1,
        "1",
        "Share of the last second in which the GPU computed; NaN without a GPU or where it does not tell.",
    ),
    health(
        "beadscope/health/memory_bytes",
        1,
        "bytes",
        "Main memory in use by the program; NaN where the system does not tell.",
    ),
    health(
        "beadscope/health/disk_bytes",
        2,
        "bytes",
        "Columns: space that is free on the disk of the recording; growth of the recording a second, in the last ten \
         seconds; NaN if not known.",
    ),
    health(
        "beadscope/health/camera_temperature_c",
        1,
        "degC",
        "Temperature of the camera; NaN if it does not tell one.",
    ),
];

/// Columns that are filled by `finish`.
pub const CLOSING_COLUMNS: [ColumnSpec; 9] = [
    ours(
        "beadscope/gaps/first_device_frame",
        Element::U64,
        GAP_CHUNK,
        "1",
        "First frame of the gap, the camera's own number.",
    ),
    ours(
        "beadscope/gaps/last_device_frame",
        Element::U64,
        GAP_CHUNK,
        "1",
        "Last frame of the gap, the camera's own number; 18446744073709551615 if the camera has numbered anew since, so \
         that nobody knows how many are missing.",
    ),
    ours(
        "beadscope/gaps/after_frame",
        Element::U64,
        GAP_CHUNK,
        "1",
        "The last frame before the gap, as in /beadscope/frames/frame.",
    ),
    ours("beadscope/gaps/segment", Element::U64, GAP_CHUNK, "1", "Segment of the first frame after the gap."),
    ours(
        "beadscope/gaps/from_ns",
        Element::U64,
        GAP_CHUNK,
        "ns",
        "Arrival of the last frame before the gap, on the session's monotonic clock.",
    ),
    ours(
        "beadscope/gaps/to_ns",
        Element::U64,
        GAP_CHUNK,
        "ns",
        "Arrival of the first frame after the gap, on the session's monotonic clock; at the end, of the last that came.",
    ),
    ours(
        "beadscope/gaps/reason",
        Element::Text(REASON_BYTES),
        GAP_CHUNK,
        "text",
        "Why the frames are missing: the cause of the segment that begins behind the gap, and NAME=COUNT with the names of \
         `lost` in the ledger, separated by spaces.",
    ),
    ours(
        "beadscope/ledger_json",
        Element::Text(LEDGER_PIECE_BYTES),
        1,
        "text",
        "Where every frame of the run went: a JSON object, cut into pieces; join the elements. Empty until the run \
         is finished.",
    ),
    ours(
        "beadscope/notices",
        Element::Text(NOTICE_BYTES),
        NOTICE_CHUNK,
        "text",
        "What the experimenter was told of the run until the recording ended, such as that the GPU failed.",
    ),
];

/// Bytes of an entry of all these columns together.
pub fn bytes_of(columns: &[ColumnSpec]) -> u64 {
    columns.iter().map(|column| column.entry_bytes() as u64).sum()
}

/// Creates the dataset, empty, with its attributes, and returns its index in `file`.
pub fn create(file: &mut SwmrFileWriter, column: &ColumnSpec) -> Result<usize, Hdf5Error> {
    let width = column.width as u64;
    let (mut dims, mut max_dims, mut chunk) = (vec![0], vec![None], vec![column.chunk_rows]);
    if column.width > 1 {
        dims.push(width);
        max_dims.push(Some(width));
        chunk.push(width);
    }
    let datatype = column.element.datatype();
    let dataset = file.create_grid_dataset_with_max(column.path, datatype, &dims, &max_dims, &chunk, None)?;
    if let Some((units, description)) = column.text {
        file.set_dataset_attr_string(dataset, "units", units)?;
        file.set_dataset_attr_string(dataset, "description", description)?;
    }
    Ok(dataset)
}
