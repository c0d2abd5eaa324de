//! The ROI: the square of pixels around one bead.

use serde::{Deserialize, Serialize};

/// The square around one bead, in pixels of the frame. It may reach over the frame's edge; the bead is then flagged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roi {
    /// The bead's number in this run.
    pub bead: u32,
    /// Leftmost column.
    pub left_px: i32,
    /// Topmost row.
    pub top_px: i32,
    /// Side, in px.
    pub size_px: u32,
}

impl Roi {
    /// The ROI of `size_px` whose centre pixel (index `size_px / 2`) is the one nearest to `center_px`.
    pub fn around(bead: u32, center_px: (f64, f64), size_px: u32) -> Self {
        let half = f64::from(size_px / 2);
        let corner = |center: f64| (center - half).round() as i32;
        Self { bead, left_px: corner(center_px.0), top_px: corner(center_px.1), size_px }
    }

    /// The place in the frame that [`around`](Self::around) makes this ROI of.
    pub fn center_px(&self) -> (f64, f64) {
        let half = f64::from(self.size_px / 2);
        (f64::from(self.left_px) + half, f64::from(self.top_px) + half)
    }

    /// True if every pixel of the ROI lies in a frame of this size.
    pub fn is_inside(&self, width_px: usize, height_px: usize) -> bool {
        let fits = |corner: i32, side: usize| corner >= 0 && corner as usize + self.size_px as usize <= side;
        fits(self.left_px, width_px) && fits(self.top_px, height_px)
    }

    /// True if at least one pixel of the ROI lies in a frame of this size.
    pub fn touches(&self, width_px: usize, height_px: usize) -> bool {
        let overlaps = |corner: i32, side: usize| {
            i64::from(corner) + i64::from(self.size_px) > 0 && i64::from(corner) < side as i64
        };
        overlaps(self.left_px, width_px) && overlaps(self.top_px, height_px)
    }

    /// True if at least one pixel lies in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let meet = |ours: i32, theirs: i32| {
            i64::from(ours) < i64::from(theirs) + i64::from(other.size_px)
                && i64::from(theirs) < i64::from(ours) + i64::from(self.size_px)
        };
        meet(self.left_px, other.left_px) && meet(self.top_px, other.top_px)
    }

    /// From ROI to frame coordinates, px.
    pub fn frame_from_roi(&self, x_px: f64, y_px: f64) -> (f64, f64) {
        (x_px + f64::from(self.left_px), y_px + f64::from(self.top_px))
    }
}
