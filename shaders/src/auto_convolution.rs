//! Gaussian-windowed auto-convolution of the central rows and columns: the second guess, good to about 0.1 px.
//!
//! Every row of a round pattern is symmetric about the same column, wherever the row lies. The auto-convolution
//! A(s) = sum over x of f(x) f(s - x) of such a line f is largest at s = twice that column (Gosse and Croquette 2002,
//! Biophys. J. 82:3314). The window keeps neighbours out; it also pulls the peak towards its own centre, so the
//! step is done twice. Summed directly: a few dozen shifts of a short line cost less than its FFT.

use crate::simd::{Eight, Width, Work, sums_of, widest};

/// Lines and sums, made once per thread.
#[derive(Clone, Debug)]
pub struct Lines {
    line: Vec<f32>,
    window: Vec<f32>,
    /// The line with zeros around it: its first pixel is at `line.len()`.
    padded: Vec<f32>,
    sums: Vec<f32>,
}

/// Shifts whose sums are made side by side.
const SHIFTS: usize = 32;

impl Lines {
    /// Room for ROIs of `roi_px`.
    pub fn new(roi_px: usize) -> Self {
        let blank = vec![0.0; roi_px];
        let padded = vec![0.0; 3 * roi_px + SHIFTS];
        Self { line: blank.clone(), window: blank, padded, sums: vec![0.0; 2 * roi_px + SHIFTS] }
    }
}

/// What the lines through a guess say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Symmetry {
    /// Centre (x, y), px.
    pub center_px: (f64, f64),
    /// How symmetric the less symmetric of the two lines is: 1 is a perfect mirror image, 0 is noise.
    pub symmetry: f32,
}

/// Rows taken each side of the central one. Their mean has less noise; more rows blur the inner rings.
pub(crate) const BAND_PX: usize = 2;

/// How wide the window is and how far to look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reach {
    /// Standard deviation of the window, px.
    pub window_px: f64,
    /// Farthest distance from the guess, px.
    pub search_px: f64,
}

/// One step from `guess_px`: `None` if the peak is at the end of the search, so that there is no centre to be had.
///
/// `pixels`: `roi_px` squared, background subtracted; `lines` made for the same size. `None` also if they are not.
pub fn auto_convolution(
    pixels: &[f32],
    roi_px: usize,
    guess_px: (f64, f64),
    reach: Reach,
    lines: &mut Lines,
) -> Option<Symmetry> {
    if roi_px < 3 || pixels.len() != roi_px * roi_px || lines.line.len() != roi_px {
        return None;
    }
    let (x_px, symmetry_x) = widest(Mirror { pixels, roi_px, guess_px, reach, lines, along: Along::Rows })?;
    let (y_px, symmetry_y) =
        widest(Mirror { pixels, roi_px, guess_px, reach, lines, along: Along::Columns })?;
    Some(Symmetry { center_px: (x_px, y_px), symmetry: symmetry_x.min(symmetry_y) })
}

/// Which lines are added up.
enum Along {
    Rows,
    Columns,
}

/// What is asked of the lines along one axis: where they are their own mirror image, px, and how well.
struct Mirror<'a> {
    pixels: &'a [f32],
    roi_px: usize,
    guess_px: (f64, f64),
    reach: Reach,
    lines: &'a mut Lines,
    along: Along,
}

impl Work for Mirror<'_> {
    type Output = Option<(f64, f32)>;

    #[inline(always)]
    fn with<W: Width>(self) -> Self::Output {
        let Self { pixels, roi_px, guess_px: (x_px, y_px), reach, lines, along } = self;
        match along {
            Along::Rows => {
                take_rows(pixels, roi_px, y_px, &mut lines.line);
                mirror_point::<W::Eight>(roi_px, x_px, reach, lines)
            }
            Along::Columns => {
                take_columns(pixels, roi_px, x_px, &mut lines.line);
                mirror_point::<W::Eight>(roi_px, y_px, reach, lines)
            }
        }
    }
}

/// First and last index of the band around `center`, inside the ROI.
fn band(roi_px: usize, center: f64) -> (usize, usize) {
    let middle = (center.round().max(0.0) as usize).min(roi_px - 1);
    (middle.saturating_sub(BAND_PX), (middle + BAND_PX).min(roi_px - 1))
}

#[inline(always)]
fn take_rows(pixels: &[f32], roi_px: usize, y_px: f64, line: &mut [f32]) {
    let (from, to) = band(roi_px, y_px);
    line.fill(0.0);
    for row in pixels.chunks_exact(roi_px).take(to + 1).skip(from) {
        for (sum, pixel) in line.iter_mut().zip(row) {
            *sum += pixel;
        }
    }
}

#[inline(always)]
fn take_columns(pixels: &[f32], roi_px: usize, x_px: f64, line: &mut [f32]) {
    let (from, to) = band(roi_px, x_px);
    for (sum, row) in line.iter_mut().zip(pixels.chunks_exact(roi_px)) {
        *sum = row[from..=to].iter().sum();
    }
}

/// Windows `lines.line` about `guess_px`, finds where it is its own mirror image, and how well.
#[inline(always)]
fn mirror_point<E: Eight>(n: usize, guess_px: f64, reach: Reach, lines: &mut Lines) -> Option<(f64, f32)> {
    apply_window::<E>(guess_px, reach.window_px, lines);
    // Twice the position; `as` saturates at 0.
    let shift_at = |px: f64| ((2.0 * px) as usize).min(2 * (n - 1));
    let (low, high) = (shift_at(guess_px - reach.search_px), shift_at(guess_px + reach.search_px));
    lines.padded[n..2 * n].copy_from_slice(&lines.line);
    for first in (low..=high).step_by(SHIFTS) {
        convolve(&lines.line, &lines.padded, first, &mut lines.sums);
    }
    let mut peak = low;
    for s in low..=high {
        if lines.sums[s] > lines.sums[peak] {
            peak = s;
        }
    }
    if peak == low || peak == high {
        return None;
    }
    let (before, at, after) = (lines.sums[peak - 1], lines.sums[peak], lines.sums[peak + 1]);
    let curvature = f64::from(before) - 2.0 * f64::from(at) + f64::from(after);
    let shift = 0.5 * (f64::from(before) - f64::from(after)) / curvature;
    let [energy] = sums_of(
        [&lines.line],
        #[inline(always)]
        |[value]: [E; 1]| [value * value],
    );
    (shift.abs() <= 1.0).then(|| (0.5 * (peak as f64 + shift), at / energy))
}

/// A(s) for `SHIFTS` values of s from `first` on.
#[inline(always)]
fn convolve(line: &[f32], padded: &[f32], first: usize, sums: &mut [f32]) {
    let mut running = [0.0f32; SHIFTS];
    for (x, value) in line.iter().enumerate() {
        // f(s - x) for these s: the line starts at `line.len()` of `padded`.
        let from = line.len() + first - x;
        for (sum, mirrored) in running.iter_mut().zip(&padded[from..from + SHIFTS]) {
            *sum += value * mirrored;
        }
    }
    sums[first..first + SHIFTS].copy_from_slice(&running);
}

/// Multiplies the line by a Gaussian, after taking off its mean under that Gaussian: what is left of the mean would
/// peak at the centre of the window whatever the image shows.
#[inline(always)]
fn apply_window<E: Eight>(center_px: f64, window_px: f64, lines: &mut Lines) {
    let scale = (-0.5 / (window_px * window_px)) as f32;
    for (x, window) in lines.window.iter_mut().enumerate() {
        let distance = x as f32 - center_px as f32;
        *window = exp_of_negative(scale * distance * distance);
    }
    let [sum, weight] = sums_of(
        [&lines.window, &lines.line],
        #[inline(always)]
        |[window, value]: [E; 2]| [window * value, window],
    );
    let mean = sum / weight.max(f32::MIN_POSITIVE);
    for (value, window) in lines.line.iter_mut().zip(&lines.window) {
        *value = (*value - mean) * window;
    }
}

/// e to the power of `x`, which is not above 0; to one part in a million. Unlike that of the library it is the same
/// on every system, and the compiler can do eight at a time.
#[inline(always)]
fn exp_of_negative(x: f32) -> f32 {
    let power = x.max(-87.0) * std::f32::consts::LOG2_E;
    // To the nearest whole number, as it is not positive.
    let whole = (power - 0.5) as i32;
    let t = (power - whole as f32) * std::f32::consts::LN_2;
    // Taylor series for |t| below 0.35, and the whole power of 2 as an exponent.
    let series =
        1.0 + t * (1.0 + t * (0.5 + t * (1.0 / 6.0 + t * (1.0 / 24.0 + t * (1.0 / 120.0 + t / 720.0)))));
    series * f32::from_bits(((whole + 127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROI_PX: usize = 40;
    const REACH: Reach = Reach { window_px: 6.0, search_px: 10.0 };

    fn rings_image(center: (f64, f64)) -> Vec<f32> {
        (0..ROI_PX * ROI_PX)
            .map(|i| {
                let r = ((i % ROI_PX) as f64 - center.0).hypot((i / ROI_PX) as f64 - center.1);
                (40.0 * (-r * r / 100.0).exp() * (0.8 * (r * r + 4.0).sqrt()).cos()) as f32
            })
            .collect()
    }

    #[test]
    fn two_steps_come_within_a_tenth_of_a_pixel_from_three_pixels_off() {
        let mut lines = Lines::new(ROI_PX);
        for center in [(19.5, 19.5), (18.2, 21.9), (20.0, 17.3)] {
            let image = rings_image(center);
            let mut guess = (center.0 + 3.0, center.1 - 2.0);
            for _ in 0..2 {
                let found = auto_convolution(&image, ROI_PX, guess, REACH, &mut lines).unwrap();
                assert!(found.symmetry > 0.5, "{found:?}");
                guess = found.center_px;
            }
            assert!((guess.0 - center.0).abs() < 0.1, "x {} for {}", guess.0, center.0);
            assert!((guess.1 - center.1).abs() < 0.1, "y {} for {}", guess.1, center.1);
        }
    }

    #[test]
    fn a_level_left_in_the_image_does_not_pull_it_to_the_guess() {
        let image: Vec<f32> = rings_image((19.2, 20.9)).iter().map(|pixel| pixel + 300.0).collect();
        let found = auto_convolution(&image, ROI_PX, (20.7, 19.9), REACH, &mut Lines::new(ROI_PX)).unwrap();
        let (x, y) = found.center_px;
        assert!((x - 19.2).abs() < 0.2 && (y - 20.9).abs() < 0.2, "{found:?}");
    }

    #[test]
    fn the_window_is_a_gaussian() {
        for i in 0..1000 {
            let x = -0.08 * i as f32;
            assert!((exp_of_negative(x) / x.exp() - 1.0).abs() < 1e-5, "{x}");
        }
        assert!(exp_of_negative(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn a_bead_beyond_the_search_gives_none() {
        let spot = |i: usize| (-0.02 * ((i % ROI_PX) as f32 - 28.0).powi(2)).exp();
        let image: Vec<f32> = (0..ROI_PX * ROI_PX).map(spot).collect();
        let near = Reach { window_px: 20.0, search_px: 2.0 };
        let found = auto_convolution(&image, ROI_PX, (20.0, 20.0), near, &mut Lines::new(ROI_PX));
        assert_eq!(found, None);
    }

    #[test]
    fn no_guess_and_no_pixel_value_panics() {
        let mut lines = Lines::new(ROI_PX);
        for guess in [(-5.0, 10.0), (1e9, 1e9), (39.9, 0.0), (f64::NAN, f64::INFINITY)] {
            auto_convolution(&rings_image((20.0, 20.0)), ROI_PX, guess, REACH, &mut lines);
        }
        assert_eq!(auto_convolution(&[f32::NAN; 1600], ROI_PX, (20.0, 20.0), REACH, &mut lines), None);
    }
}
