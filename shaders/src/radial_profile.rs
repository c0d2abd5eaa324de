//! Mean grey level of each ring around a centre, and what else one pass over the polar grid gives: the spread along
//! the ring and the difference between opposite sides.

use crate::rings::{ARC_STEP_PX, PolarGrid};
use crate::sampling::{CUBIC_MARGIN_PX, CUBIC_UP_TO_PX, usable_radius_px};
use crate::simd::{Sampler, Scene, ring_sums};

pub use crate::rings::Rings;

/// What is measured of each ring; entry k belongs to ring k. Rings from `usable` on are NaN.
#[derive(Clone, Debug, Default)]
pub struct PolarProfile {
    /// Mean grey level.
    pub mean: Vec<f32>,
    /// Variance of the samples along the ring, grey levels squared.
    pub variance: Vec<f32>,
    /// Right half minus left half, samples weighted by the cosine of their angle: twice the mean of I cos.
    pub right_left: Vec<f32>,
    /// Lower half minus upper half (y is down): twice the mean of I sin.
    pub lower_upper: Vec<f32>,
    /// Number of rings, from the centre, that have enough samples.
    pub usable: usize,
}

impl PolarProfile {
    /// Room for `n_rings` rings.
    pub fn new(n_rings: usize) -> Self {
        let mut profile = Self::default();
        profile.resize(n_rings);
        profile
    }

    /// Makes room for `n_rings` rings; allocates only if there never was that much room.
    pub fn resize(&mut self, n_rings: usize) {
        for column in self.columns() {
            column.resize(n_rings, f32::NAN);
        }
        self.usable = self.usable.min(n_rings);
    }

    /// Measures all rings of `grid` around `center_px`. Rings there is no room for are left out; all of them if `image`
    /// has fewer than `roi_px` squared pixels.
    pub fn measure(&mut self, image: &[f32], roi_px: usize, center_px: (f64, f64), grid: &PolarGrid) {
        let fits_px =
            if image.len() < roi_px * roi_px { f64::NAN } else { usable_radius_px(roi_px, center_px) };
        self.usable = grid.rings().up_to(fits_px).min(self.mean.len());
        let cubic_px = CUBIC_UP_TO_PX.min(fits_px - CUBIC_MARGIN_PX);
        let scene = Scene { image, roi_px, center_px: [center_px.0 as f32, center_px.1 as f32] };
        for k in 0..self.usable {
            let (offsets_px, radius_px) = (grid.first_quadrant_px(k), grid.rings().radius_px(k));
            let sampler = if radius_px <= cubic_px { Sampler::Cubic } else { Sampler::Bilinear };
            let sums = ring_sums(&scene, offsets_px, sampler);
            let count = 4.0 * offsets_px.len() as f32;
            let mean = sums.level / count;
            let by_radius = 2.0 / (count * (radius_px as f32).max(f32::MIN_POSITIVE));
            self.mean[k] = mean;
            self.variance[k] = (sums.square / count - mean * mean).max(0.0);
            self.right_left[k] = by_radius * sums.by_x;
            self.lower_upper[k] = by_radius * sums.by_y;
        }
        let usable = self.usable;
        for column in self.columns() {
            column[usable..].fill(f32::NAN);
        }
    }

    fn columns(&mut self) -> [&mut Vec<f32>; 4] {
        [&mut self.mean, &mut self.variance, &mut self.right_left, &mut self.lower_upper]
    }
}

/// Weight of each ring: its number of pixels over the variance expected of one, 0 for rings not usable.
///
/// `level` is what was subtracted from the image. The expected variance is the one seen along the ring and its
/// neighbours (which is large where a neighbouring bead or dirt lies, and so keeps them out) plus shot noise in
/// proportion to the grey level, scaled to the mean of the seen ones. The second term keeps chance and sampling
/// error from ruling; with it the spread is 5 % nearer the Cramer-Rao bound than with the first alone.
pub fn ring_weights(profile: &PolarProfile, rings: &Rings, level: f32, weights: &mut [f32]) {
    weights.fill(0.0);
    let (mut sum, mut sum_variance, mut sum_level) = (0.0f32, 0.0f32, 0.0f32);
    for k in 0..profile.usable {
        let radius = rings.radius_px(k) as f32;
        sum += radius;
        sum_variance += radius * profile.variance[k];
        sum_level += radius * (profile.mean[k] + level);
    }
    let (mean_variance, mean_level) = (sum_variance / sum, sum_level / sum);
    for (k, weight) in weights.iter_mut().enumerate().take(profile.usable) {
        // A camera offset can leave a mean near 0; then all levels count alike.
        let relative = (profile.mean[k] + level) / mean_level;
        let shot = if mean_level > 0.0 { relative.max(DARKEST_LEVEL) } else { 1.0 };
        let variance = smoothed_variance(&profile.variance[..profile.usable], k) + mean_variance * shot;
        *weight = rings.radius_px(k) as f32 / variance.max(f32::MIN_POSITIVE);
    }
}

/// Grey level, relative to the mean, below which read noise is taken to be all there is.
pub(crate) const DARKEST_LEVEL: f32 = 0.1;

/// Mean variance of ring `k` and two neighbours each side, by their number of samples.
#[inline(always)]
fn smoothed_variance(variance: &[f32], k: usize) -> f32 {
    if k >= 2 && k + 2 < variance.len() {
        let [a, b, c, d, e] =
            [variance[k - 2], variance[k - 1], variance[k], variance[k + 1], variance[k + 2]];
        let samples = 1.0 + k as f32;
        return 0.2 * ((a + b) + (d + e) + c) + 0.2 * (2.0 * (e - a) + (d - b)) / samples;
    }
    let (mut sum, mut count) = (0.0, 0.0);
    for (j, variance) in variance.iter().enumerate().take(k + 3).skip(k.saturating_sub(2)) {
        let samples = 1.0 + j as f32;
        sum += samples * variance;
        count += samples;
    }
    sum / count
}

/// Share of the weighted variance around the centre that rings explain: near 1 for a bead, near 0 for noise, a
/// slope, or a place beside a bead. `weights` are those of [`ring_weights`], so that a neighbour counts little.
pub fn ring_share(profile: &PolarProfile, weights: &[f32]) -> f32 {
    let (mut sum, mut sum_mean, mut sum_squares, mut sum_variance) = (0.0f64, 0.0f64, 0.0f64, 0.0f64);
    for (k, weight) in weights.iter().enumerate().take(profile.usable) {
        let (weight, mean) = (f64::from(*weight), f64::from(profile.mean[k]));
        sum += weight;
        sum_mean += weight * mean;
        sum_squares += weight * mean * mean;
        sum_variance += weight * f64::from(profile.variance[k]);
    }
    let explained = sum_squares - sum_mean * sum_mean / sum;
    (explained / (explained + sum_variance)) as f32
}

/// Part of the noise's variance that is left in samples between pixels: 4/9 on average where four pixels are mixed; the
/// rest is room for the error of the noise.
pub(crate) const NOISE_IN_SAMPLES: f64 = 0.5;

/// Fewest rings that can be judged: two besides one at radius 0, which counts nothing.
pub(crate) const MIN_ROUND_RINGS: usize = 3;

/// Share of what stands out of the noise around the centre that is round: 1 for a bead alone, less with a neighbour,
/// dirt, or motion during the exposure. Pixels count alike. Uneven light, a first harmonic along the rings, does not
/// count. `noise`: standard deviation of a pixel. NaN where there are fewer than three rings.
pub fn roundness(profile: &PolarProfile, rings: &Rings, noise: f32) -> f32 {
    if profile.usable < MIN_ROUND_RINGS {
        return f32::NAN;
    }
    let (mut sum, mut sum_mean, mut sum_squares, mut sum_other) = (0.0f64, 0.0f64, 0.0f64, 0.0f64);
    let noise = NOISE_IN_SAMPLES * f64::from(noise) * f64::from(noise);
    for k in 0..profile.usable {
        let (radius, mean) = (rings.radius_px(k), f64::from(profile.mean[k]));
        let (x, y) = (f64::from(profile.right_left[k]), f64::from(profile.lower_upper[k]));
        sum += radius;
        sum_mean += radius * mean;
        sum_squares += radius * mean * mean;
        sum_other += radius * (f64::from(profile.variance[k]) - 0.5 * (x * x + y * y) - noise);
    }
    let round = sum_squares - sum_mean * sum_mean / sum;
    (round / (round + sum_other.max(0.0))) as f32
}

/// The radial profile of one image: mean grey level of each ring, NaN where a ring has not enough samples.
///
/// `image`: `roi_px` squared grey levels, rows from top. `center_px`: column and row. `out`: one entry per ring;
/// entries past `rings.n_rings` are set to NaN, and all of them if `image` has another size. Makes its grid on each
/// call: use [`PolarGrid`] and [`PolarProfile`] where time counts.
pub fn radial_profile(image: &[f32], roi_px: usize, center_px: (f64, f64), rings: &Rings, out: &mut [f32]) {
    out.fill(f32::NAN);
    if image.len() != roi_px * roi_px {
        return;
    }
    let n_rings = rings.up_to(usable_radius_px(roi_px, center_px)).min(out.len());
    let mut profile = PolarProfile::new(n_rings);
    // Only the rings that fit: a grid out to any radius asked for could be of any size.
    let grid = PolarGrid::new(Rings { n_rings, ..*rings }, ARC_STEP_PX);
    profile.measure(image, roi_px, center_px, &grid);
    for (out, mean) in out.iter_mut().zip(&profile.mean) {
        *out = *mean;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROI_PX: usize = 32;

    fn image(value: impl Fn(f64, f64) -> f64) -> Vec<f32> {
        (0..ROI_PX * ROI_PX).map(|i| value((i % ROI_PX) as f64, (i / ROI_PX) as f64) as f32).collect()
    }

    #[test]
    fn profile_of_a_smooth_round_spot_is_its_radial_function() {
        let spot = |r: f64| 100.0 * (-r * r / 50.0).exp();
        let center = (15.3, 16.2);
        let image = image(|x, y| spot((x - center.0).hypot(y - center.1)));
        let rings = Rings::for_roi(ROI_PX);
        let mut out = vec![0.0; rings.n_rings];
        radial_profile(&image, ROI_PX, center, &rings, &mut out);
        for (k, value) in out.iter().enumerate().take(29) {
            assert!((f64::from(*value) - spot(rings.radius_px(k))).abs() < 0.3, "ring {k}: {value}");
        }
        // 31 - 16.2 = 14.8 px fit: rings 0 to 29 of half a pixel.
        assert!(out[29].is_finite() && out[30].is_nan());
    }

    #[test]
    fn sides_tell_the_direction_of_a_slope() {
        let mut profile = PolarProfile::new(ROI_PX);
        let grid = PolarGrid::new(Rings::for_roi(ROI_PX), ARC_STEP_PX);
        profile.measure(&image(|x, y| 3.0 * x - 2.0 * y), ROI_PX, (15.0, 15.0), &grid);
        // I = 3 r cos - 2 r sin: twice the mean of I cos is 3 r.
        assert!((profile.right_left[20] - 30.0).abs() < 0.01, "{}", profile.right_left[20]);
        assert!((profile.lower_upper[20] + 20.0).abs() < 0.01, "{}", profile.lower_upper[20]);
        let mut weights = [0.0; ROI_PX];
        ring_weights(&profile, grid.rings(), 100.0, &mut weights);
        assert!(ring_share(&profile, &weights) < 1e-3);
    }

    #[test]
    fn roundness_is_the_share_that_is_round_and_uneven_light_or_noise_take_none_of_it() {
        let grid = PolarGrid::new(Rings::for_roi(ROI_PX), ARC_STEP_PX);
        let round_of = |value: &dyn Fn(f64, f64) -> f64, noise: f32| {
            let mut profile = PolarProfile::new(ROI_PX);
            profile.measure(&image(|x, y| value(x - 15.0, y - 15.0)), ROI_PX, (15.0, 15.0), &grid);
            f64::from(roundness(&profile, grid.rings(), noise))
        };
        let rings = |x: f64, y: f64| 10.0 * (0.6 * x.hypot(y)).cos();
        let lobes = |x: f64, y: f64| rings(x, y) + 5.0 * (2.0 * y.atan2(x)).cos();
        assert!(round_of(&rings, 0.0) > 0.99);
        assert!(round_of(&|x, y| rings(x, y) + 2.0 * x - y, 0.0) > 0.99, "a slope is no lobe");
        // Variances of 50 along the radius and 12.5 along the rings.
        let share = round_of(&lobes, 0.0);
        assert!((share - 0.8).abs() < 0.03, "{share}");
        // The lobes might as well be noise of standard deviation 5, half of whose variance is left in samples.
        assert!(round_of(&lobes, 5.0) > 0.99, "{}", round_of(&lobes, 5.0));
        assert!(round_of(&lobes, 2.5) < 0.87);
    }

    #[test]
    fn a_ring_with_dirt_on_it_weighs_less() {
        let rings = Rings::for_roi(ROI_PX);
        let grid = PolarGrid::new(rings, ARC_STEP_PX);
        let noise = |x: f64, y: f64| 100.0 + ((7.0 * x + 13.0 * y) % 5.0);
        let weight_at_10_px = |image: &[f32]| {
            let mut profile = PolarProfile::new(ROI_PX);
            let mut weights = vec![0.0; ROI_PX];
            profile.measure(image, ROI_PX, (15.0, 15.0), &grid);
            ring_weights(&profile, &rings, 0.0, &mut weights);
            weights[20] / weights[8]
        };
        let clean = weight_at_10_px(&image(noise));
        let dirty = weight_at_10_px(&image(|x, y| {
            noise(x, y) + if (x - 25.0).hypot(y - 15.0) < 1.5 { 80.0 } else { 0.0 }
        }));
        assert!(dirty < 0.5 * clean, "{dirty} of {clean}");
    }

    #[test]
    fn an_image_of_another_size_or_rings_out_of_it_give_nan() {
        let mut out = [0.0; 4];
        radial_profile(&[1.0; 10], ROI_PX, (5.0, 5.0), &Rings::for_roi(ROI_PX), &mut out);
        assert!(out.iter().all(|v| v.is_nan()));
        let endless = Rings { first_ring_px: f64::INFINITY, ring_step_px: 1e300, n_rings: 4 };
        radial_profile(&[1.0; 1024], ROI_PX, (15.0, 15.0), &endless, &mut out);
        assert!(out.iter().all(|v| v.is_nan()));
    }
}
