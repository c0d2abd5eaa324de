//! What tracking makes of a frame: one row a bead.

pub use beadscope_shaders::flags::Flags;
use beadscope_shaders::pipeline::Localization;
use bytemuck::{Pod, Zeroable};

use crate::frame::FrameHeader;
use crate::roi::Roi;

/// One bead in one frame. The frame itself (number, times) is in the slot's [`TracksHeader`].
///
/// Positions are in pixels of the frame, pixel centres at integers, and `f64`: an `f32` column of a 5 000 px sensor
/// is quantised at 0.5 mpx, more than the tracker's own error.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct TrackRow {
    /// Column, px; NaN if not measured.
    pub x_px: f64,
    /// Row, px; NaN if not measured.
    pub y_px: f64,
    /// Height from the Z-LUT, nm; NaN if not measured.
    pub z_nm: f64,
    /// Likeness to a round bead of the Z-LUT, up to 1: see `Localization::quality`; NaN if not measured.
    pub quality: f32,
    /// [`Flags`] that say why a value is NaN or doubtful.
    pub flags: u32,
    /// The bead's number.
    pub bead: u32,
    /// Leftmost column and topmost row of its ROI, px.
    pub corner_px: [i32; 2],
    /// Standard errors of x and y in px and of z in nm; NaN unless the method gives them.
    pub sigma: [f32; 3],
}

impl TrackRow {
    /// The row of a bead that was located in its ROI.
    pub fn new(roi: &Roi, found: &Localization) -> Self {
        let (x_px, y_px) = roi.frame_from_roi(found.x_px, found.y_px);
        Self {
            x_px,
            y_px,
            z_nm: found.z_nm,
            quality: found.quality,
            flags: found.flags.0,
            bead: roi.bead,
            corner_px: [roi.left_px, roi.top_px],
            sigma: found.sigma,
        }
    }

    /// The row of a bead that could not be looked at.
    pub fn missing(roi: &Roi, flags: Flags) -> Self {
        Self::new(roi, &Localization::nothing(flags))
    }

    /// The row's flags.
    pub fn flags(&self) -> Flags {
        Flags(self.flags)
    }
}

/// Which frame the rows of a slot belong to, and when it was.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TracksHeader {
    /// The frame's own header; its gap now also counts what was lost between tracking and recording.
    pub frame: FrameHeader,
    /// When the rows were ready, ns on the session's monotonic clock.
    pub tracked_ns: u64,
    /// Rows in the slot.
    pub rows: u32,
    /// The GPU has located them, not the processor.
    pub on_gpu: bool,
}

/// The rows of a slot of the track ring.
pub fn rows_of<'a>(header: &TracksHeader, bytes: &'a [u8]) -> &'a [TrackRow] {
    let used = header.rows as usize * size_of::<TrackRow>();
    bytemuck::cast_slice(&bytes[..used])
}
