//! Normalised cross-correlation of a frame with one of its own ROIs.
//!
//! The sums of products come from one FFT of the frame, the means and variances under the template from summed-area
//! tables (Lewis, "Fast normalized cross-correlation", Vision Interface 1995).

use rustfft::{FftDirection, FftPlanner, num_complex::Complex32};

use super::FindError;
use super::plane::Plane;
use super::watch::Watch;

/// Correlation of the template with the frame at each place where it fits, by its top left pixel.
pub(super) struct CorrelationMap {
    /// Correlations, -1 to 1, row by row.
    pub levels: Vec<f32>,
    /// Places in a row.
    pub columns: usize,
    rows: usize,
    /// Side of the template, px.
    pub roi_px: usize,
}

impl CorrelationMap {
    /// Correlates the frame with its own ROI at this top left pixel; `None` if that holds nothing but noise.
    ///
    /// # Errors
    /// If it was cancelled.
    pub fn new(
        plane: &Plane,
        corner: (usize, usize),
        roi_px: usize,
        watch: &Watch<'_>,
    ) -> Result<Option<Self>, FindError> {
        let (columns, rows) = (plane.width_px + 1 - roi_px, plane.height_px + 1 - roi_px);
        let n = (roi_px * roi_px) as f64;
        let sums = SummedArea::new(plane, |level| level);
        let squares = SummedArea::new(plane, |level| level * level);
        let variance = |column: usize, row: usize| {
            squares.over(column, row, roi_px) - sums.over(column, row, roi_px).powi(2) / n
        };
        let template_norm = variance(corner.0, corner.1);
        let template_mean = sums.mean + sums.over(corner.0, corner.1, roi_px) / n;
        // What varies less than the noise has nothing to correlate.
        let floor = (n * f64::from(plane.smoothed_noise()).powi(2)).max(1e-9 * squares.over_all);
        if template_norm <= floor {
            return Ok(None);
        }
        let means = (sums.mean as f32, template_mean as f32);
        let products = products(plane, corner, roi_px, means, &watch.part(0.0, 0.8))?;
        let mut levels = Vec::with_capacity(columns * rows);
        for row in 0..rows {
            watch.part(0.8, 1.0).at(row, rows)?;
            levels.extend((0..columns).map(|column| {
                let norm = variance(column, row);
                let product = f64::from(products.at(column, row));
                if norm <= floor { 0.0 } else { (product / (norm * template_norm).sqrt()) as f32 }
            }));
        }
        Ok(Some(Self { levels, columns, rows, roi_px }))
    }

    /// Highest correlation within 2 px of a ROI's top left pixel.
    pub fn near(&self, (column, row): (usize, usize)) -> f32 {
        let mut best = 0.0f32;
        for row in row.saturating_sub(2)..=(row + 2).min(self.rows - 1) {
            for column in column.saturating_sub(2)..=(column + 2).min(self.columns - 1) {
                best = best.max(self.levels[row * self.columns + column]);
            }
        }
        best
    }
}

/// Sums of a function of the levels, less the frame's mean, over any square in four look-ups.
struct SummedArea {
    table: Vec<f64>,
    width: usize,
    mean: f64,
    over_all: f64,
}

impl SummedArea {
    fn new(plane: &Plane, of: impl Fn(f64) -> f64) -> Self {
        let width = plane.width_px + 1;
        let mean =
            plane.pixels.iter().map(|level| f64::from(*level)).sum::<f64>() / plane.pixels.len() as f64;
        let mut table = vec![0.0; width * (plane.height_px + 1)];
        for row in 0..plane.height_px {
            let mut along_row = 0.0;
            for column in 0..plane.width_px {
                along_row += of(f64::from(plane.pixels[row * plane.width_px + column]) - mean);
                table[(row + 1) * width + column + 1] = table[row * width + column + 1] + along_row;
            }
        }
        let over_all = table[table.len() - 1];
        Self { table, width, mean, over_all }
    }

    fn over(&self, column: usize, row: usize, side: usize) -> f64 {
        let at = |column: usize, row: usize| self.table[row * self.width + column];
        at(column + side, row + side) - at(column, row + side) - at(column + side, row) + at(column, row)
    }
}

/// Sums of products, by the top left pixel of the template.
struct Products {
    levels: Vec<Complex32>,
    width: usize,
}

impl Products {
    fn at(&self, column: usize, row: usize) -> f32 {
        self.levels[row * self.width + column].re
    }
}

/// Cross-correlation by FFT. It wraps round, but only where the template does not fit anyway.
fn products(
    plane: &Plane,
    corner: (usize, usize),
    roi_px: usize,
    (mean, template_mean): (f32, f32),
    watch: &Watch<'_>,
) -> Result<Products, FindError> {
    let (width, height) = (smooth_size(plane.width_px), smooth_size(plane.height_px));
    let mut frame = vec![Complex32::default(); width * height];
    let mut template = frame.clone();
    for row in 0..plane.height_px {
        for column in 0..plane.width_px {
            frame[row * width + column].re = plane.pixels[row * plane.width_px + column] - mean;
        }
    }
    for row in 0..roi_px {
        for column in 0..roi_px {
            let level = plane.pixels[(corner.1 + row) * plane.width_px + corner.0 + column];
            template[row * width + column].re = level - template_mean;
        }
    }
    let mut planner = FftPlanner::new();
    watch.at(0, 3)?;
    fft(&mut planner, &mut frame, width, height, FftDirection::Forward);
    watch.at(1, 3)?;
    fft(&mut planner, &mut template, width, height, FftDirection::Forward);
    watch.at(2, 3)?;
    let scale = 1.0 / (width * height) as f32;
    frame.iter_mut().zip(&template).for_each(|(level, other)| *level = *level * other.conj() * scale);
    fft(&mut planner, &mut frame, width, height, FftDirection::Inverse);
    Ok(Products { levels: frame, width })
}

/// Two-dimensional FFT in place: along the rows, then along the columns.
fn fft(
    planner: &mut FftPlanner<f32>,
    levels: &mut [Complex32],
    width: usize,
    height: usize,
    direction: FftDirection,
) {
    planner.plan_fft(width, direction).process(levels);
    // Columns are gathered some at a time, so that each cache line that is fetched is used whole.
    const AT_ONCE: usize = 16;
    let along_column = planner.plan_fft(height, direction);
    let mut columns = vec![Complex32::default(); height * AT_ONCE];
    for first in (0..width).step_by(AT_ONCE) {
        let n_columns = AT_ONCE.min(width - first);
        for row in 0..height {
            for column in 0..n_columns {
                columns[column * height + row] = levels[row * width + first + column];
            }
        }
        along_column.process(&mut columns[..n_columns * height]);
        for row in 0..height {
            for column in 0..n_columns {
                levels[row * width + first + column] = columns[column * height + row];
            }
        }
    }
}

/// The next size whose only factors are 2, 3 and 5, which the FFT does fastest.
fn smooth_size(at_least: usize) -> usize {
    let is_smooth = |mut size: usize| {
        for factor in [2, 3, 5] {
            while size.is_multiple_of(factor) {
                size /= factor;
            }
        }
        size == 1
    };
    (at_least.max(1)..).find(|size| is_smooth(*size)).unwrap_or(at_least)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{synthetic::Frame, watch::UNWATCHED},
        *,
    };

    #[test]
    fn correlation_is_that_of_the_definition() {
        let frame = Frame::flat(70, 50).bead(20.0, 20.0, 30.0).bead(50.0, 28.0, 20.0).noise(3.0);
        let plane = Plane::new(&frame.image()).unwrap();
        let map = CorrelationMap::new(&plane, (12, 11), 17, &UNWATCHED).unwrap().unwrap();
        let patch = |column: usize, row: usize| -> Vec<f64> {
            let places = (0..17 * 17).map(|index| (row + index / 17) * 70 + column + index % 17);
            let levels: Vec<f64> = places.map(|place| f64::from(plane.pixels[place])).collect();
            let mean = levels.iter().sum::<f64>() / levels.len() as f64;
            levels.iter().map(|level| level - mean).collect()
        };
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let template = patch(12, 11);
        for (column, row) in [(12, 11), (0, 0), (42, 20), (53, 33), (30, 5)] {
            let here = patch(column, row);
            let expected = dot(&template, &here) / (dot(&template, &template) * dot(&here, &here)).sqrt();
            let level = f64::from(map.levels[row * map.columns + column]);
            assert!((level - expected).abs() < 1e-4, "{level} for {expected} at {column}, {row}");
        }
    }

    #[test]
    fn smooth_sizes_have_small_factors() {
        assert_eq!([1, 7, 1398, 1022].map(smooth_size), [1, 8, 1440, 1024]);
    }
}
