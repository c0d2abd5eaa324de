//! What the instrument did meanwhile: where its axes were and, of a simulated one, where its beads truly were.

use super::{ColumnSpec, Element, ours};

/// Bytes kept of an axis' name.
pub const AXIS_BYTES: usize = 16;

const AXIS_CHUNK: u64 = 512;
const TRUTH_CHUNK: u64 = 8_192;

/// Columns with an entry for each axis that has moved since the entry before, and one a second for each that has not.
pub const AXIS_COLUMNS: [ColumnSpec; 5] = [
    ours(
        "beadscope/axes/unix_ns",
        Element::U64,
        AXIS_CHUNK,
        "ns",
        "When the axis was asked, since 1970 UTC. Entry k of every dataset of this group belongs to entry k of this one.",
    ),
    ours(
        "beadscope/axes/axis",
        Element::Text(AXIS_BYTES),
        AXIS_CHUNK,
        "text",
        "The axis: magnet_height (mm), magnet_turns (turns) or focus (nm).",
    ),
    ours(
        "beadscope/axes/position",
        Element::F64,
        AXIS_CHUNK,
        "mm, turns or nm",
        "Where it was, in its own unit; NaN if it did not answer.",
    ),
    ours(
        "beadscope/axes/target",
        Element::F64,
        AXIS_CHUNK,
        "mm, turns or nm",
        "Where it had been sent last; NaN if it had not, or was stopped.",
    ),
    ours("beadscope/axes/is_moving", Element::U16, AXIS_CHUNK, "1", "1 if it was on its way, else 0."),
];

/// Columns with an entry for each bead of a simulated microscope in each of its frames, if its setting `record_truth` asks for it.
pub const TRUTH_COLUMNS: [ColumnSpec; 7] = [
    ours(
        "beadscope/truth/camera_run",
        Element::U32,
        TRUTH_CHUNK,
        "1",
        "How often the camera had been started; it rises where /beadscope/frames/segment does. Entry k of every dataset of this group \
         belongs to entry k of this one.",
    ),
    ours(
        "beadscope/truth/device_frame",
        Element::U64,
        TRUTH_CHUNK,
        "1",
        "The camera's number of the frame, as in /beadscope/frames/device_frame; there are frames that were lost, too.",
    ),
    ours(
        "beadscope/truth/bead",
        Element::U32,
        TRUTH_CHUNK,
        "1",
        "The simulated bead. It is another number than the recording's: beads are found, and numbered anew; compare positions.",
    ),
    ColumnSpec {
        width: 2,
        ..ours(
            "beadscope/truth/position_px",
            Element::F64,
            TRUTH_CHUNK,
            "px",
            "Column and row of its centre in the sensor, mean over the exposure, pixel centres at integers; NaN if it has torn off.",
        )
    },
    ours(
        "beadscope/truth/z_nm",
        Element::F64,
        TRUTH_CHUNK,
        "nm",
        "Height that its image shows: above the surface, with drift, less the focus; NaN if it has torn off.",
    ),
    ours(
        "beadscope/truth/force_pn",
        Element::F64,
        TRUTH_CHUNK,
        "pN",
        "Force on its molecule; 0 for one that is stuck.",
    ),
    ours(
        "beadscope/truth/state",
        Element::U32,
        TRUTH_CHUNK,
        "1",
        "State of its molecule: 1 if a hairpin is unfolded, or the steps done.",
    ),
];
