//! The frame on show: a copy of its grey levels, so that the ring's slot is free at once and the picture stays when the
//! session has ended.

use beadscope_engine::frame::FrameView;

/// One frame. Its grey levels are made of the camera's bytes when somebody looks at them, see [`decode`](Self::decode).
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
    /// How many pixels are saturated.
    pub saturated: usize,
    /// As they came from the camera, 1 or 2 to a pixel; none once they were decoded.
    bytes: Vec<u8>,
    levels: Vec<u16>,
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
        self.bytes.clear();
        self.bytes.extend_from_slice(&frame.bytes[..pixels * frame.format.bytes_per_px()]);
    }

    /// Makes grey levels of the newest frame, if they are not made yet: to be called by whoever looks at them.
    pub fn decode(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        self.levels.clear();
        if self.bytes.len() == self.width_px * self.height_px {
            self.levels.extend(self.bytes.iter().copied().map(u16::from));
        } else {
            self.levels.extend(self.bytes.as_chunks::<2>().0.iter().map(|bytes| u16::from_le_bytes(*bytes)));
        }
        self.bytes.clear();
        self.saturated = self.levels.iter().filter(|level| **level >= self.max_level).count();
    }

    /// True before the first frame was decoded.
    pub fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// All grey levels, row by row.
    pub fn levels(&self) -> &[u16] {
        &self.levels
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

    /// Every `step`-th pixel of every `step`-th row of a region, as `shade` shows its grey level; the greatest level there is where any
    /// of the pixels that it stands for is saturated.
    pub fn shades<T: Copy>(&self, region: Region, step: usize, shade: impl Fn(u16) -> T) -> Vec<T> {
        let [columns, rows] = Self::shades_size(region, step);
        let row =
            |y: usize| &self.levels[y * self.width_px + region.from_px.0..y * self.width_px + region.to_px.0];
        let mut shades = Vec::with_capacity(columns * rows);
        for y in (region.from_px.1..region.to_px.1).step_by(step) {
            let first = shades.len();
            shades.extend(row(y).iter().step_by(step).map(|level| shade(*level)));
            if step == 1 || self.saturated == 0 {
                continue;
            }
            for y in y..(y + step).min(region.to_px.1) {
                for (cell, shown) in row(y).chunks(step).zip(&mut shades[first..]) {
                    if cell.iter().any(|level| *level >= self.max_level) {
                        *shown = shade(self.max_level);
                    }
                }
            }
        }
        shades
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use beadscope_drivers::camera::PixelFormat;

    use super::*;

    /// A picture whose pixel (x, y) has the level `10 y + x`.
    pub(crate) fn ramp(width_px: usize, height_px: usize) -> Picture {
        let level = |place: usize| u16::try_from(10 * (place / width_px) + place % width_px).unwrap();
        let levels = (0..width_px * height_px).map(level).collect();
        Picture { frame: 1, width_px, height_px, max_level: 255, levels, ..Picture::default() }
    }

    /// A picture of 8 bit, as it comes from the camera.
    pub(crate) fn of_bytes(width_px: usize, height_px: usize, bytes: Vec<u8>) -> Picture {
        Picture { frame: 1, width_px, height_px, max_level: 255, bytes, ..Picture::default() }
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
        assert_eq!(picture.shades(region, 2, |level| level), [11, 13, 31, 33]);
        assert_eq!(picture.shades(region, 1, |level| level)[3], 21);
    }

    #[test]
    fn a_cell_of_a_thinned_picture_is_saturated_if_one_of_its_pixels_is() {
        let mut picture = ramp(5, 4);
        // Neither is in a column or row that is shown.
        picture.levels[5 + 3] = 255;
        picture.levels[3 * 5 + 1] = 255;
        picture.saturated = 2;
        let whole = Region { from_px: (0, 0), to_px: (5, 4) };
        assert_eq!(picture.shades(whole, 2, |level| level), [0, 255, 4, 255, 22, 24]);
        assert_eq!(picture.shades(whole, 1, |level| level)[2], 2);
    }

    #[test]
    fn levels_are_made_of_bytes_when_they_are_looked_at() {
        let mut picture = Picture::default();
        let frame = |bytes, format| FrameView { bytes, width_px: 3, height_px: 1, format };
        picture.take(7, &frame(&[1, 255, 3], PixelFormat::Mono8));
        assert!(picture.is_empty(), "nobody has looked");
        picture.decode();
        assert_eq!((picture.levels(), picture.saturated), (&[1, 255, 3][..], 1));
        picture.take(8, &frame(&[1, 1, 0xff, 0x0f, 2, 0], PixelFormat::Mono12));
        picture.decode();
        assert_eq!((picture.levels(), picture.saturated, picture.frame), (&[257, 4095, 2][..], 1, 8));
        picture.take(9, &frame(&[1, 1, 0xff], PixelFormat::Mono12));
        assert_eq!(picture.frame, 8, "too short");
    }

    #[test]
    fn sample_of_an_empty_picture_is_empty() {
        assert!(Picture::default().sample(100).is_empty());
        assert!(ramp(40, 40).sample(100).len() >= 90);
    }
}
