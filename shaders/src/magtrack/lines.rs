//! Lines through the bead, and where each is most like its own mirror image.

/// Which way a line runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Along {
    /// Along x: a row of pixels.
    Row,
    /// Along y: a column of pixels.
    Column,
}

/// A line of pixels and its auto-convolution.
#[derive(Clone, Debug)]
pub struct Lines {
    line: Vec<f64>,
    convolution: Vec<f64>,
}

/// Standard deviation of the window along a line, as a part of the ROI.
const WINDOW: f64 = 1.0 / 6.0;

impl Lines {
    /// Room for lines of `roi_px`.
    pub fn new(roi_px: usize) -> Self {
        Self { line: vec![0.0; roi_px], convolution: vec![0.0; roi_px] }
    }

    /// Takes the mean of the `2 half + 1` lines about `center_px`, less its own mean, under a Gaussian about
    /// `center_px`, and convolves it with itself. The answer is the place of the maximum in [`Self::convolution`];
    /// `None` if a line lies beyond the last pixel.
    pub fn convolve(
        &mut self,
        pixels: &[f64],
        along: Along,
        center_px: (f64, f64),
        half: usize,
    ) -> Option<usize> {
        let (along_px, across_px) = match along {
            Along::Row => center_px,
            Along::Column => (center_px.1, center_px.0),
        };
        self.average(pixels, along, across_px, half)?;
        self.window(along_px);
        self.convolve_line();
        Some(place_of_maximum(&self.convolution))
    }

    /// The auto-convolution of the last line: the middle `roi_px` of its `2 roi_px - 1` values.
    pub fn convolution(&self) -> &[f64] {
        &self.convolution
    }

    /// Where in the ROI the mirror centre is that belongs to a place in [`Self::convolution`], px.
    pub fn center_from_place(&self, place: f64) -> f64 {
        0.5 * (first_shift(self.line.len()) as f64 + place)
    }

    fn average(&mut self, pixels: &[f64], along: Along, across_px: f64, half: usize) -> Option<()> {
        let side = self.line.len() as i64;
        // Halves go to the even neighbour, as NumPy rounds; a centre to half a pixel makes that matter.
        let middle = across_px.round_ties_even() as i64;
        let half = half as i64;
        if middle.saturating_add(half) >= side || middle.saturating_sub(half) < -side {
            return None;
        }
        self.line.fill(0.0);
        for index in middle - half..=middle + half {
            // Before the first line comes the last one, as in a NumPy array.
            let index = index.rem_euclid(side) as usize;
            let side = side as usize;
            let (start, step) = match along {
                Along::Row => (index * side, 1),
                Along::Column => (index, side),
            };
            for (sum, pixel) in self.line.iter_mut().zip(pixels[start..].iter().step_by(step)) {
                *sum += pixel;
            }
        }
        let count = (2 * half + 1) as f64;
        self.line.iter_mut().for_each(|sum| *sum /= count);
        Some(())
    }

    fn window(&mut self, center_px: f64) {
        let length = self.line.len() as f64;
        let mean = self.line.iter().sum::<f64>() / length;
        let twice_variance = 2.0 * (WINDOW * length).powi(2);
        for (place, value) in self.line.iter_mut().enumerate() {
            let off_px = place as f64 - center_px;
            *value = (*value - mean) * (-off_px * off_px / twice_variance).exp();
        }
    }

    fn convolve_line(&mut self) {
        let last = self.line.len() - 1;
        for (shift, sum) in (first_shift(self.line.len())..).zip(&mut self.convolution) {
            // The values i and shift - i that both lie on the line; each pair comes twice, a value in the middle once.
            let overlap = &self.line[shift.saturating_sub(last)..=shift.min(last)];
            let (lower, upper) = overlap.split_at(overlap.len() / 2);
            let pairs: f64 = lower.iter().zip(upper.iter().rev()).map(|(a, b)| a * b).sum();
            let middle = if overlap.len() % 2 == 1 { upper[0] * upper[0] } else { 0.0 };
            *sum = 2.0 * pairs + middle;
        }
    }
}

/// The shift at place 0 of the middle part of an auto-convolution.
fn first_shift(length: usize) -> usize {
    (length - 1) / 2
}

/// The first of the largest; the first NaN, if there is one, as in NumPy.
pub fn place_of_maximum(values: &[f64]) -> usize {
    let mut best = 0;
    for (place, value) in values.iter().enumerate() {
        if value.is_nan() {
            return place;
        }
        if *value > values[best] {
            best = place;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_auto_convolution() {
        // (1, 2, 0, 3) with itself: 1 4 4 6 12 0 9.
        let mut lines = Lines { line: vec![1.0, 2.0, 0.0, 3.0], convolution: vec![0.0; 4] };
        lines.convolve_line();
        assert_eq!(lines.convolution(), [4.0, 4.0, 6.0, 12.0]);
        // Odd lengths: (1, 2, 3): 1 4 10 12 9.
        let mut lines = Lines { line: vec![1.0, 2.0, 3.0], convolution: vec![0.0; 3] };
        lines.convolve_line();
        assert_eq!(lines.convolution(), [4.0, 10.0, 12.0]);
    }

    #[test]
    fn lines_wrap_before_the_first_and_end_after_the_last() {
        let pixels: Vec<f64> = (0..16).map(f64::from).collect();
        let mut lines = Lines::new(4);
        assert_eq!(lines.average(&pixels, Along::Row, 0.4, 1), Some(()));
        assert_eq!(lines.line, [16.0 / 3.0, 19.0 / 3.0, 22.0 / 3.0, 25.0 / 3.0]);
        assert_eq!(lines.average(&pixels, Along::Column, 2.5, 0), Some(()));
        assert_eq!(lines.line, [2.0, 6.0, 10.0, 14.0]);
        assert_eq!(lines.average(&pixels, Along::Row, 3.0, 1), None);
        assert_eq!(lines.average(&pixels, Along::Row, 1e300, 1), None);
        assert_eq!(lines.average(&pixels, Along::Row, -1e300, 1), None);
    }

    #[test]
    fn the_maximum_is_the_first_and_nan_comes_before_it() {
        assert_eq!(place_of_maximum(&[1.0, 3.0, 3.0]), 1);
        assert_eq!(place_of_maximum(&[1.0, 3.0, f64::NAN, f64::NAN]), 2);
    }
}
