//! What the camera thread writes beside the pixels of a frame.

use beadscope_drivers::camera::{CameraConfig, PixelFormat};
use beadscope_drivers::stack::Stack;
use beadscope_shaders::simd::{fetch_ahead, wide};

use crate::correction::Correction;
use crate::roi::Roi;

/// The header of a frame's slot.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FrameHeader {
    /// Frame number in the session: frames that reached the ring, from 0, without gaps.
    pub frame: u64,
    /// The camera's own frame number.
    pub device_frame: u64,
    /// The camera's clock at mid-exposure, ns, if it has one.
    pub device_time_ns: Option<u64>,
    /// Arrival on the host, ns on the session's monotonic clock.
    pub arrival_ns: u64,
    /// What was lost since the frame before this one.
    pub gap: Gap,
    /// The run of the camera that it belongs to: see [`crate::segment::Segment`].
    pub segment: u32,
    /// When it was taken, ns on the session's monotonic clock: the camera's clock freed of the jitter of arrivals
    /// (`clock/device.rs`), or the arrival where there is none.
    pub time_ns: u64,
    /// What is remarkable about it.
    pub flags: FrameFlags,
    /// What the camera has counted in the session, this frame included.
    pub counted: Counted,
}

/// What is remarkable about a frame, one bit each. The bits are part of the file format: never renumber them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameFlags(pub u64);

impl FrameFlags {
    /// Nothing to remark.
    pub const NONE: Self = Self(0);
    /// The camera has sent this number before, or one more than 63 above it.
    pub const REPEATED: Self = Self(1);
    /// It comes behind its successors, and was counted as lost by the camera meanwhile.
    pub const LATE: Self = Self(1 << 1);
    /// The camera's clock does not stand above that of the frame before.
    pub const TIME_BACK: Self = Self(1 << 2);
    /// The camera's clock has jumped at this frame, or slipped for this frame alone.
    pub const TIME_JUMP: Self = Self(1 << 3);
    /// Its time is that of its arrival, since the camera has no clock or it jumped.
    pub const TIME_BY_ARRIVAL: Self = Self(1 << 4);

    /// Every flag with the name that files use, in the order of its bit.
    pub const NAMES: [(Self, &'static str); 5] = [
        (Self::REPEATED, "repeated"),
        (Self::LATE, "late"),
        (Self::TIME_BACK, "time_back"),
        (Self::TIME_JUMP, "time_jump"),
        (Self::TIME_BY_ARRIVAL, "time_by_arrival"),
    ];

    /// True if all of `other` is in this set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::ops::BitOr for FrameFlags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::ops::BitOrAssign for FrameFlags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// What the camera's numbers have told, summed over segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Frames exposed: highest − first number + 1 of each segment.
    pub exposed: u64,
    /// Frames whose number was not above all before: repeated or late.
    pub out_of_order: u64,
    /// Of those, the late ones.
    pub late: u64,
}

impl Counted {
    /// What was counted since `before`.
    pub fn since(&self, before: &Self) -> Self {
        Self {
            exposed: self.exposed.saturating_sub(before.exposed),
            out_of_order: self.out_of_order.saturating_sub(before.out_of_order),
            late: self.late.saturating_sub(before.late),
        }
    }
}

impl std::ops::AddAssign for Counted {
    fn add_assign(&mut self, other: Self) {
        self.exposed += other.exposed;
        self.out_of_order += other.out_of_order;
        self.late += other.late;
    }
}

/// Frames that are missing just before a frame, by who lost them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gap {
    /// Never delivered by the camera: its frame number jumped.
    pub camera: u64,
    /// Arrived, but a lossless reader held every slot of the ring.
    pub ring_full: u64,
    /// Tracked, but the recorder held every slot of the track ring.
    pub recorder_late: u64,
}

impl Gap {
    /// Frames missing.
    pub fn total(&self) -> u64 {
        self.camera + self.ring_full + self.recorder_late
    }
}

impl std::ops::AddAssign for Gap {
    fn add_assign(&mut self, other: Self) {
        self.camera += other.camera;
        self.ring_full += other.ring_full;
        self.recorder_late += other.recorder_late;
    }
}

/// The pixels of one frame, as they lie in a slot.
#[derive(Clone, Copy, Debug)]
pub struct FrameView<'a> {
    /// Rows from the top, no padding; above 8 bits little-endian `u16`.
    pub bytes: &'a [u8],
    /// Columns.
    pub width_px: usize,
    /// Rows.
    pub height_px: usize,
    /// How a pixel is stored.
    pub format: PixelFormat,
}

impl<'a> FrameView<'a> {
    /// The frame that a camera with this configuration wrote into `bytes`.
    pub fn new(config: &CameraConfig, bytes: &'a [u8]) -> Self {
        let (width_px, height_px) = (config.window.width_px as usize, config.window.height_px as usize);
        Self { bytes, width_px, height_px, format: config.format }
    }

    /// A frame of `stack`, read into `bytes`.
    pub fn of_stack(stack: &Stack, bytes: &'a [u8]) -> Self {
        let (width_px, height_px) = (stack.width_px() as usize, stack.height_px() as usize);
        Self { bytes, width_px, height_px, format: stack.format() }
    }

    /// Raw grey levels of as many pixels of row `y_px` from column `x_px` on as `out` holds. The caller stays inside the frame.
    pub fn copy_row(&self, x_px: usize, y_px: usize, out: &mut [f32]) {
        let first = y_px * self.width_px + x_px;
        let from = &self.bytes[first * self.format.bytes_per_px()..];
        match self.format.bytes_per_px() {
            1 => wide(
                #[inline(always)]
                || {
                    for (to, from) in out.iter_mut().zip(from) {
                        *to = f32::from(*from);
                    }
                },
            ),
            _ => wide(
                #[inline(always)]
                || {
                    for (to, from) in out.iter_mut().zip(from.as_chunks::<2>().0) {
                        *to = f32::from(u16::from_le_bytes(*from));
                    }
                },
            ),
        }
    }

    /// Grey levels of a ROI into `out`, which holds as many. False, and nothing written, if the ROI is not inside the
    /// frame or `out` has another size.
    pub fn copy_roi(&self, roi: &Roi, out: &mut [f32]) -> bool {
        let side = roi.size_px as usize;
        if !roi.is_inside(self.width_px, self.height_px) || out.len() != side * side {
            return false;
        }
        for (y_px, row) in out.chunks_exact_mut(side.max(1)).enumerate() {
            self.copy_row(roi.left_px as usize, roi.top_px as usize + y_px, row);
        }
        true
    }

    /// Has the pixels of a ROI brought near the processor, for [`copy_roi`](Self::copy_roi) a little later.
    pub fn fetch_roi_ahead(&self, roi: &Roi) {
        if roi.is_inside(self.width_px, self.height_px) {
            let bytes_per_px = self.format.bytes_per_px();
            let (width, side) = (self.width_px * bytes_per_px, roi.size_px as usize);
            let rows = self.bytes.chunks_exact(width).skip(roi.top_px as usize).take(side);
            let first = roi.left_px as usize * bytes_per_px;
            rows.for_each(|row| fetch_ahead(&row[first..first + side * bytes_per_px]));
        }
    }

    /// All grey levels, row by row, corrected if there is a correction; it is for frames of this size.
    pub fn to_levels(&self, correction: Option<&Correction>) -> Vec<f32> {
        let mut levels = vec![0.0; self.width_px * self.height_px];
        for (y_px, row) in levels.chunks_exact_mut(self.width_px).enumerate() {
            self.copy_row(0, y_px, row);
        }
        if let Some(correction) = correction {
            correction.correct(self, (0, 0), self.width_px, &mut levels);
        }
        levels
    }
}
