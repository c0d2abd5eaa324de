//! The frame made ready for finding: gaps filled, noise measured, lightly smoothed, gradients.

use super::Image;

/// Part of white noise that is left by the 5 × 5 binomial smoothing: (1² + 4² + 6² + 4² + 1²) / 16².
const NOISE_AFTER_SMOOTHING: f32 = 70.0 / 256.0;
/// From the median of |x| to the standard deviation of normally distributed x.
const SIGMA_FROM_MEDIAN: f32 = 1.4826;

/// A frame without NaN, smoothed by a 5 × 5 binomial kernel, about a Gaussian of 1 px.
pub(super) struct Plane {
    pub width_px: usize,
    pub height_px: usize,
    /// Smoothed grey levels, row by row.
    pub pixels: Vec<f32>,
    /// Standard deviation of the pixel noise before smoothing, grey levels.
    pub noise: f32,
}

impl Plane {
    /// Smooths the frame and measures its noise; `None` if not one pixel is a finite number.
    pub fn new(image: &Image) -> Option<Self> {
        let raw = filled(image.pixels)?;
        let (width_px, height_px) = (image.width_px, image.height_px);
        let noise = noise(&raw, width_px, height_px);
        Some(Self {
            width_px,
            height_px,
            pixels: smoothed(&smoothed(&raw, width_px, height_px), width_px, height_px),
            noise,
        })
    }

    /// Standard deviation of the noise that is left in `pixels`, grey levels.
    pub fn smoothed_noise(&self) -> f32 {
        self.noise * NOISE_AFTER_SMOOTHING
    }

    /// Bilinear grey level; outside the frame, that of the nearest edge pixel.
    pub fn sample(&self, x_px: f64, y_px: f64) -> f64 {
        let x = x_px.clamp(0.0, (self.width_px - 1) as f64);
        let y = y_px.clamp(0.0, (self.height_px - 1) as f64);
        let (column, row) = (x as usize, y as usize);
        let (right, below) = ((column + 1).min(self.width_px - 1), (row + 1).min(self.height_px - 1));
        let (u, v) = (x - column as f64, y - row as f64);
        let at = |column: usize, row: usize| f64::from(self.pixels[row * self.width_px + column]);
        let top = at(column, row) * (1.0 - u) + at(right, row) * u;
        let bottom = at(column, below) * (1.0 - u) + at(right, below) * u;
        top * (1.0 - v) + bottom * v
    }

    /// Central differences (gx, gy), grey levels per px; zero at the frame's edge.
    pub fn gradient(&self, column: usize, row: usize) -> (f32, f32) {
        if column == 0 || row == 0 || column + 1 >= self.width_px || row + 1 >= self.height_px {
            return (0.0, 0.0);
        }
        let here = row * self.width_px + column;
        let gx = (self.pixels[here + 1] - self.pixels[here - 1]) / 2.0;
        let gy = (self.pixels[here + self.width_px] - self.pixels[here - self.width_px]) / 2.0;
        (gx, gy)
    }
}

/// Median of the values, reordering them; 0 if there are none.
pub(super) fn median(values: &mut [f32]) -> f32 {
    quantile(values, 0.5)
}

/// The value below which `part` (0 to 1) of the values lie, reordering them; 0 if there are none.
pub(super) fn quantile(values: &mut [f32], part: f64) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let index = ((values.len() - 1) as f64 * part).round() as usize;
    *values.select_nth_unstable_by(index, f32::total_cmp).1
}

/// The pixels with each NaN or infinity replaced by the median of the rest, so that a dead pixel has no ring of its own.
fn filled(pixels: &[f32]) -> Option<Vec<f32>> {
    if pixels.iter().all(|level| level.is_finite()) {
        return (!pixels.is_empty()).then(|| pixels.to_vec());
    }
    let mut finite: Vec<f32> = pixels.iter().copied().filter(|level| level.is_finite()).collect();
    if finite.is_empty() {
        return None;
    }
    let fill = median(&mut finite);
    Some(pixels.iter().map(|&level| if level.is_finite() { level } else { fill }).collect())
}

/// Noise by Immerkær's mask (Comput. Vis. Image Underst. 64, 300, 1996), which is blind to planes and straight edges;
/// the median instead of his mean, because beads are not noise.
fn noise(raw: &[f32], width: usize, height: usize) -> f32 {
    const MASK_NORM: f32 = 6.0; // sqrt of the sum of squares of 1 -2 1 / -2 4 -2 / 1 -2 1
    let second = |row: usize, column: usize| {
        let here = row * width + column;
        raw[here - 1] - 2.0 * raw[here] + raw[here + 1]
    };
    let mut response = Vec::with_capacity(raw.len());
    for row in 1..height.saturating_sub(1) {
        for column in 1..width.saturating_sub(1) {
            let mask = second(row - 1, column) - 2.0 * second(row, column) + second(row + 1, column);
            response.push(mask.abs());
        }
    }
    median(&mut response) * SIGMA_FROM_MEDIAN / MASK_NORM
}

/// 1 2 1 along rows, then along columns; the frame's edge pixels are repeated.
fn smoothed(raw: &[f32], width: usize, height: usize) -> Vec<f32> {
    let mut along_rows = vec![0.0; raw.len()];
    for (from, to) in raw.chunks_exact(width).zip(along_rows.chunks_exact_mut(width)) {
        for column in 0..width {
            let (left, right) = (from[column.saturating_sub(1)], from[(column + 1).min(width - 1)]);
            to[column] = (left + 2.0 * from[column] + right) / 4.0;
        }
    }
    let mut both = vec![0.0; raw.len()];
    for row in 0..height {
        let (above, below) = (row.saturating_sub(1) * width, (row + 1).min(height - 1) * width);
        for column in 0..width {
            let middle = along_rows[row * width + column];
            both[row * width + column] =
                (along_rows[above + column] + 2.0 * middle + along_rows[below + column]) / 4.0;
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use super::{super::synthetic::Frame, *};

    #[test]
    fn noise_is_measured_beside_beads() {
        for sigma in [0.5, 4.0] {
            let frame = Frame::flat(200, 200).bead(60.0, 60.0, 50.0).bead(140.0, 140.0, 50.0).noise(sigma);
            let plane = Plane::new(&frame.image()).unwrap();
            let ratio = f64::from(plane.noise) / sigma;
            assert!((0.9..1.2).contains(&ratio), "{ratio} of {sigma}");
        }
    }

    #[test]
    fn smoothing_leaves_the_stated_part_of_the_noise() {
        let plane = Plane::new(&Frame::flat(300, 300).noise(8.0).image()).unwrap();
        let variance = plane.pixels.iter().map(|level| (level - 100.0).powi(2)).sum::<f32>() / 90_000.0;
        assert!((variance.sqrt() / plane.smoothed_noise() - 1.0).abs() < 0.05);
    }

    #[test]
    fn sample_and_gradient_follow_a_slope() {
        let pixels: Vec<f32> =
            (0..400u16).map(|index| f32::from(3 * (index % 20) + 2 * (index / 20))).collect();
        let plane = Plane::new(&Image { pixels: &pixels, width_px: 20, height_px: 20 }).unwrap();
        assert!((plane.sample(9.25, 7.5) - (3.0 * 9.25 + 2.0 * 7.5)).abs() < 1e-4);
        assert_eq!(plane.gradient(10, 10), (3.0, 2.0));
        assert_eq!(plane.gradient(0, 10), (0.0, 0.0));
    }

    #[test]
    fn dead_pixels_take_the_median() {
        assert_eq!(filled(&[1.0, f32::NAN, 5.0, 3.0, f32::INFINITY]), Some(vec![1.0, 3.0, 5.0, 3.0, 3.0]));
        assert_eq!(filled(&[f32::NAN; 4]), None);
    }
}
