//! How locks work, as a rig says it: `[locks]`.

use serde::{Deserialize, Serialize};

/// `[locks]`. Locks are off when a session starts; these say what they do once they are on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LocksSection {
    /// How often ROIs are brought back onto their beads, s.
    pub xy_every_s: f64,
    /// So far a ROI goes at once, px.
    pub xy_most_px: u32,
    /// Frames whose mean says where a bead is.
    pub xy_frames: u32,
    /// How often the focus is corrected, s.
    pub z_every_s: f64,
    /// So far the focus goes at once, nm; what `[safety]` allows a lock comes on top.
    pub z_most_nm: f64,
    /// Frames whose mean says how high the beads are.
    pub z_frames: u32,
    /// Share of the error that a correction takes away.
    pub z_gain: f64,
    /// With a greater error the lock gives up, nm.
    pub z_lost_nm: f64,
    /// The heights of the Z-LUT grow as the focus goes up, as MagScope's do. Ours fall: a bead that stays looks lower.
    pub z_reversed: bool,
}

impl Default for LocksSection {
    fn default() -> Self {
        Self {
            xy_every_s: 10.0,
            xy_most_px: 10,
            xy_frames: 10,
            z_every_s: 2.0,
            z_most_nm: 100.0,
            z_frames: 100,
            z_gain: 0.5,
            z_lost_nm: 1000.0,
            z_reversed: false,
        }
    }
}
