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

    /// All grey levels, row by row.
    pub fn grey(&self) -> Vec<f32> {
        self.levels.iter().map(|level| f32::from(*level)).collect()
    }

    /// The frame as it came from the camera, as a PNG of 8 or 16 bit; deeper levels are not stretched.
    ///
    /// # Errors
    /// If it is too large for a PNG.
    pub fn png(&self) -> Result<Vec<u8>, image::ImageError> {
        let mut file = std::io::Cursor::new(Vec::new());
        let side = |side: usize| u32::try_from(side).unwrap_or(0);
        let (bytes, depth): (Vec<u8>, _) = match self.max_level {
            ..=255 => (self.levels.iter().map(|level| *level as u8).collect(), image::ExtendedColorType::L8),
            _ => (
                self.levels.iter().flat_map(|level| level.to_ne_bytes()).collect(),
                image::ExtendedColorType::L16,
            ),
        };
        let (width, height) = (side(self.width_px), side(self.height_px));
        image::write_buffer_with_format(&mut file, &bytes, width, height, depth, image::ImageFormat::Png)?;
        Ok(file.into_inner())
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

    /// Every `step`-th pixel of every `step`-th row of a region, as `shade` shows its grey level.
    pub fn shades<T: Copy>(&self, region: Region, step: usize, shade: impl Fn(u16) -> T) -> Vec<T> {
        let [columns, rows] = Self::shades_size(region, step);
        let mut shades = Vec::with_capacity(columns * rows);
        for y in (region.from_px.1..region.to_px.1).step_by(step) {
            let row = &self.levels[y * self.width_px + region.from_px.0..y * self.width_px + region.to_px.0];
            shades.extend(row.iter().step_by(step).map(|level| shade(*level)));
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
        assert_eq!(picture.shades(region, 2, |level| level), [11, 13, 31, 33]);
        assert_eq!(picture.shades(region, 1, |level| level)[3], 21);
    }

    #[test]
    fn a_snapshot_keeps_every_grey_level() {
        for max_level in [255, 4095] {
            let picture = Picture { max_level, ..ramp(7, 5) };
            let read = image::load_from_memory(&picture.png().unwrap()).unwrap();
            let levels: Vec<u16> = match max_level {
                255 => read.as_luma8().unwrap().iter().map(|level| u16::from(*level)).collect(),
                _ => read.as_luma16().unwrap().to_vec(),
            };
            assert_eq!(levels, picture.levels, "{max_level}");
        }
    }

    #[test]
    fn sample_of_an_empty_picture_is_empty() {
        assert!(Picture::default().sample(100).is_empty());
        assert!(ramp(40, 40).sample(100).len() >= 90);
    }
}
