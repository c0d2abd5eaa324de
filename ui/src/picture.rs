//! The frame on show: a copy of its grey levels, so that the ring's slot is free at once and the picture stays when the
//! session has ended.

use beadscope_engine::frame::FrameView;

/// The grey levels of one frame.
#[derive(Default)]
pub struct Picture {
    /// Number of the frame in the session.
    pub frame: u64,
    /// Columns.
    pub width_px: usize,
    /// Rows.
    pub height_px: usize,
    /// The level of a saturated pixel.
    pub max_level: u16,
    levels: Vec<u16>,
    row: Vec<f32>,
}

/// A rectangle of pixels, the end excluded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// First column and row.
    pub from_px: (usize, usize),
    /// Column and row after the last.
    pub to_px: (usize, usize),
}

impl Picture {
    /// Takes a frame over. One that is shorter than its own size says is left out: there would be nothing to draw.
    pub fn take(&mut self, number: u64, frame: &FrameView) {
        let pixels = frame.width_px * frame.height_px;
        if frame.bytes.len() < pixels * frame.format.bytes_per_px() || pixels == 0 {
            return;
        }
        (self.frame, self.width_px, self.height_px) = (number, frame.width_px, frame.height_px);
        self.max_level = frame.format.max_level();
        self.row.resize(frame.width_px, 0.0);
        self.levels.clear();
        for y_px in 0..frame.height_px {
            frame.copy_row(0, y_px, &mut self.row);
            self.levels.extend(self.row.iter().map(|level| *level as u16));
        }
    }

    /// True before the first frame.
    pub fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// The grey level of a pixel; `None` outside the frame.
    pub fn level(&self, x_px: i64, y_px: i64) -> Option<u16> {
        let (x, y) = (usize::try_from(x_px).ok()?, usize::try_from(y_px).ok()?);
        if x >= self.width_px { None } else { self.levels.get(y * self.width_px + x).copied() }
    }

    /// About `count` levels, spread over the frame, for its contrast.
    pub fn sample(&self, count: usize) -> Vec<u16> {
        // An odd step does not fall on the same column in every row of a frame whose width is a power of two.
        let step = (self.levels.len() / count.max(1)) | 1;
        self.levels.iter().copied().step_by(step).collect()
    }

    /// Size of [`Self::shades`] of a region.
    pub fn shades_size(region: Region, step: usize) -> [usize; 2] {
        let side = |from: usize, to: usize| to.saturating_sub(from).div_ceil(step);
        [side(region.from_px.0, region.to_px.0), side(region.from_px.1, region.to_px.1)]
    }

    /// Every `step`-th pixel of every `step`-th row of a region, with `low` as black and `high` as white.
    pub fn shades(&self, region: Region, step: usize, (low, high): (f32, f32)) -> Vec<u8> {
        let [columns, rows] = Self::shades_size(region, step);
        let gain = 255.0 / (high - low).max(1.0);
        let mut shades = Vec::with_capacity(columns * rows);
        for y in (region.from_px.1..region.to_px.1).step_by(step) {
            let row = &self.levels[y * self.width_px + region.from_px.0..y * self.width_px + region.to_px.0];
            // The cast saturates: below black is 0, above white 255.
            shades.extend(row.iter().step_by(step).map(|level| ((f32::from(*level) - low) * gain) as u8));
        }
        shades
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A picture whose pixel (x, y) has the level `10 y + x`.
    pub(crate) fn ramp(width_px: usize, height_px: usize) -> Picture {
        let level = |place: usize| u16::try_from(10 * (place / width_px) + place % width_px).unwrap();
        let levels = (0..width_px * height_px).map(level).collect();
        Picture { frame: 1, width_px, height_px, max_level: 255, levels, row: Vec::new() }
    }

    #[test]
    fn levels_are_found_by_column_and_row() {
        let picture = ramp(5, 4);
        assert_eq!(picture.level(2, 3), Some(32));
        for (x_px, y_px) in [(-1, 0), (5, 0), (0, 4), (0, -1)] {
            assert_eq!(picture.level(x_px, y_px), None, "{x_px}, {y_px}");
        }
    }

    #[test]
    fn shades_are_those_of_the_region() {
        let picture = ramp(5, 4);
        let region = Region { from_px: (1, 1), to_px: (4, 4) };
        assert_eq!(Picture::shades_size(region, 2), [2, 2]);
        assert_eq!(picture.shades(region, 2, (0.0, 255.0)), [11, 13, 31, 33]);
        let stretched = picture.shades(region, 1, (12.0, 32.0));
        assert_eq!((stretched[0], stretched[8]), (0, 255), "clipped at both ends");
        assert_eq!(stretched[3], (255.0_f32 * 9.0 / 20.0) as u8);
    }

    #[test]
    fn sample_of_an_empty_picture_is_empty() {
        assert!(Picture::default().sample(100).is_empty());
        assert!(ramp(40, 40).sample(100).len() >= 90);
    }
}
