//! What comes before rings: background, centre of mass, auto-convolution.

use super::{Margin, Point, Roi};

#[derive(Clone, Copy, Debug)]
pub struct Background {
    /// Median of the border pixels.
    pub level: f64,
    pub noise: f64,
    /// Standard deviation of all pixels.
    pub spread: f64,
}

impl Background {
    pub fn of(image: &[f64], side: usize) -> Self {
        let at = |column: usize, row: usize| image[row * side + column];
        let is_border = |i: usize| [i % side, i / side].iter().any(|place| [0, side - 1].contains(place));
        let mut border: Vec<f64> = (0..image.len()).filter(|i| is_border(*i)).map(|i| image[i]).collect();
        border.sort_by(f64::total_cmp);
        // Immerkaer (1996): this mask sees no image that is linear in x or in y.
        let mask = [[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]];
        let mut magnitudes = 0.0;
        for row in 0..side - 2 {
            for column in 0..side - 2 {
                let term = |i: usize| mask[i / 3][i % 3] * at(column + i % 3, row + i / 3);
                magnitudes += (0..9).map(term).sum::<f64>().abs();
            }
        }
        let inner = (side - 2) as f64;
        // The mask makes 6 of a standard deviation of 1, whose mean magnitude is sqrt(2/pi).
        let noise = magnitudes / (inner * inner) / 6.0 / (2.0 / std::f64::consts::PI).sqrt();
        let count = image.len() as f64;
        let mean = image.iter().sum::<f64>() / count;
        let spread = (image.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt();
        Self { level: border[border.len() / 2], noise, spread }
    }

    pub fn has_contrast(&self, n_pixels: usize, margin: &mut Margin) -> bool {
        // A quarter of the noise's variance on top of it, and six standard deviations of the variance of noise.
        let limit = (1.25 + 6.0 * (2.0 / n_pixels as f64).sqrt()) * self.noise * self.noise;
        let structure = self.spread * self.spread;
        margin.note(structure / limit - 1.0);
        // The second test is for images without noise, where only rounding is left.
        structure > limit && self.spread > 1e-5 * self.level.abs()
    }
}

fn gaussian(distance: f64, sigma: f64) -> f64 {
    (-0.5 * (distance / sigma).powi(2)).exp()
}

/// Of what stands out by more than the dead zone, dark or bright, under a Gaussian window of 0.2 ROI.
pub fn center_of_mass(roi: Roi, dead_zone: f64) -> Option<Point> {
    let middle = 0.5 * (roi.side as f64 - 1.0);
    let weight = |place: usize| gaussian(place as f64 - middle, 0.2 * roi.side as f64);
    let (mut mass, mut x, mut y) = (0.0, 0.0, 0.0);
    for row in 0..roi.side {
        for column in 0..roi.side {
            let excess = (roi.at(column, row).abs() - dead_zone).max(0.0) * weight(column) * weight(row);
            mass += excess;
            x += excess * column as f64;
            y += excess * row as f64;
        }
    }
    (mass > 0.0).then(|| (x / mass, y / mass))
}

/// Two auto-convolutions: one that looks a quarter of the ROI far, one a sixteenth. `window`: part of the ROI.
pub fn auto_convolutions(roi: Roi, guess: Point, window: f64, margin: &mut Margin) -> Option<Point> {
    let side = roi.side as f64;
    let mut center = guess;
    for search in [side / 4.0, side / 16.0] {
        let mut mirror_point = |across: f64, along: f64, pixel: &dyn Fn(usize, usize) -> f64| {
            // Five lines, fewer at the border. Which ones is a tie for a guess halfway between two.
            margin.note((across - across.floor()) - 0.5);
            let middle = across.round().clamp(0.0, side - 1.0) as usize;
            let band = middle.saturating_sub(2)..=(middle + 2).min(roi.side - 1);
            let line: Vec<f64> =
                (0..roi.side).map(|i| band.clone().map(|line| pixel(i, line)).sum()).collect();
            mirror_point(&line, along, window * side, search.max(2.0), margin)
        };
        let x = mirror_point(center.1, center.0, &|i, line| roi.at(i, line))?;
        let y = mirror_point(center.0, center.1, &|i, line| roi.at(line, i))?;
        center = (x, y);
    }
    Some(center)
}

/// Where a line is most like its mirror image, under a Gaussian window about `guess`.
fn mirror_point(line: &[f64], guess: f64, window: f64, search: f64, margin: &mut Margin) -> Option<f64> {
    let window: Vec<f64> = (0..line.len()).map(|i| gaussian(i as f64 - guess, window)).collect();
    let weighted: f64 = line.iter().zip(&window).map(|(value, weight)| value * weight).sum();
    let mean = weighted / window.iter().sum::<f64>();
    let windowed: Vec<f64> =
        line.iter().zip(&window).map(|(value, weight)| (value - mean) * weight).collect();
    let convolution = |shift: usize| -> f64 {
        let mirrored = |i: usize| shift.checked_sub(i).and_then(|j| windowed.get(j)).unwrap_or(&0.0);
        windowed.iter().enumerate().map(|(i, value)| value * mirrored(i)).sum()
    };
    // A shift is twice a place; whole ones, towards 0.
    let last = 2 * (line.len() - 1);
    let shift_at = |place: f64| ((2.0 * place).max(0.0).floor() as usize).min(last);
    let first = shift_at(guess - search);
    let sums: Vec<f64> = (first..=shift_at(guess + search)).map(convolution).collect();
    let peak = (0..sums.len()).rev().max_by(|a, b| sums[*a].total_cmp(&sums[*b]))?;
    // Ties: with another peak, and with a neighbour for being at the end. Two equal neighbours elsewhere are none: the
    // parabola has its top between them either way.
    let is_end = |i: usize| i == 0 || i + 1 == sums.len();
    for i in (0..sums.len()).filter(|i| i.abs_diff(peak) > 1 || (*i != peak && (is_end(*i) || is_end(peak))))
    {
        margin.note((sums[peak] - sums[i]) / sums[peak]);
    }
    // Where the search ends is rounded, which matters to a peak near the end.
    if peak <= 1 || peak + 2 >= sums.len() {
        for end in [guess - search, guess + search] {
            margin.note(2.0 * end - (2.0 * end).round());
        }
    }
    if peak == 0 || peak + 1 == sums.len() {
        return None;
    }
    let (before, at, after) = (sums[peak - 1], sums[peak], sums[peak + 1]);
    let top = 0.5 * (before - after) / (before - 2.0 * at + after);
    (top.abs() <= 1.0).then_some(0.5 * ((first + peak) as f64 + top))
}
