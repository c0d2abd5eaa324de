//! x, y, z, gain and offset together: the model image that explains the pixels best, to the Cramer-Rao bound.
//!
//! Fisher scoring of `pixel = gain * model(r, z) + offset`, each pixel weighted by the inverse of the variance expected
//! of it. The model and its derivatives depend on the radius only, so the pixels are added up once in narrow rings, with
//! their moments, and every step works on these sums: one pass over the image, however many steps. When x or y moves by
//! more than `REBIN_PX` the pixels are added up again around the new centre.
//!
//! x and y use only pixels whose mirror image through the centre lies in the ROI as well, so that nothing that is the
//! same on opposite sides (a bead that is not quite round, the square edge of the ROI) can pull them. z, gain and offset
//! use all pixels out to the corners, as the model did when it was made.

pub mod attainable;
mod bins;
mod matrix;
mod noise;

use crate::image_model::ImageModel;
use crate::sampling::usable_radius_px;
use crate::simd;

pub use bins::FitScratch;
use bins::{BIN_PX, BINS_PER_KNOT, Model};
use matrix::invert;
use noise::Noise;

/// A shift of the centre above this, px, is not taken on the sums alone: its square, times the curvature of a fringe
/// over its slope, would be 0.02 nm at 100 nm/px.
const REBIN_PX: f64 = 0.015;

/// Passes over the pixels before a bead is given up. From a start within 0.5 px three are enough.
const MAX_PASSES: usize = 8;

/// Steps in z on one pass over the pixels.
const MAX_STEPS: usize = 12;

/// A step in z shorter than this part of the standard error of z is the last.
const LAST_STEP: f64 = 0.02;

/// Share of the misfit's variance that counts as noise in the weights: a compromise for beads that are not round. On
/// simulated ones in ROIs of 64 px, at 5 000 photo-electrons, 0.1 gives a spread of x of 1.09 times the Cramer-Rao bound
/// and a bias of 0.14 nm, 0.3 gives 1.11 and 0.09 nm; none gives 1.07 and 0.23 nm.
const MISFIT_SHARE: f64 = 0.2;

/// Where the search starts and what is known of the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Start {
    /// Centre, px.
    pub center_px: (f64, f64),
    /// Height, nm.
    pub z_nm: f64,
    /// Grey level that was subtracted from the pixels.
    pub level: f32,
    /// Standard deviation of the pixel noise, grey levels.
    pub noise: f32,
}

/// The best model image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Centre, px.
    pub center_px: (f64, f64),
    /// Height, nm.
    pub z_nm: f64,
    /// Standard errors of x and y in px and of z in nm.
    pub sigma: [f64; 3],
}

/// Why there is no fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The steps did not end, or left the bead.
    NotConverged,
    /// The best height lies beyond the first or last plane.
    OutOfRange,
}

/// Sums for one step in z, gain and offset: the matrix (upper triangle zz, zg, zo, gg, go, oo) and the right side.
#[derive(Default)]
struct Sums {
    matrix: [f64; 6],
    right: [f64; 3],
}

/// Fits `model` to `pixels` (`roi_px` squared, `start.level` subtracted).
///
/// # Errors
/// When the search does not end near where it started, or ends outside the planes of the model.
pub fn fit(
    pixels: &[f32],
    roi_px: usize,
    model: &ImageModel,
    start: Start,
    scratch: &mut FitScratch,
) -> Result<Fit, Unfit> {
    simd::wide(|| {
        if pixels.len() != roi_px * roi_px || !scratch.is_for(roi_px) {
            return Err(Unfit::NotConverged);
        }
        scratch.resize(model.n_knots());
        let noise = Noise::new(start.noise, start.level);
        let mut state =
            State { center_px: start.center_px, z_nm: start.z_nm, gain: f64::NAN, offset: f64::NAN };
        for _ in 0..MAX_PASSES {
            scratch.add_up(pixels, roi_px, state.center_px);
            state.settle_height(model, &noise, scratch)?;
            let (shift_px, sigma_px, rest) = state.step_sideways(model, &noise, scratch);
            state.center_px = (state.center_px.0 + shift_px.0, state.center_px.1 + shift_px.1);
            state.z_nm += rest.z_nm_per_px.0 * shift_px.0 + rest.z_nm_per_px.1 * shift_px.1;
            let moved = (state.center_px.0 - start.center_px.0).hypot(state.center_px.1 - start.center_px.1);
            // A bead does not lie far from where its own symmetry put it; NaN is nowhere.
            if !(moved < 2.0 && usable_radius_px(roi_px, state.center_px) > 3.0) {
                return Err(Unfit::NotConverged);
            }
            if shift_px.0.abs().max(shift_px.1.abs()) < REBIN_PX {
                let (first_nm, last_nm) =
                    (model.spline.z_nm()[0], model.spline.z_nm()[model.spline.z_nm().len() - 1]);
                if !(first_nm..=last_nm).contains(&state.z_nm) {
                    return Err(Unfit::OutOfRange);
                }
                let scale = rest.chi_squared.sqrt();
                return Ok(Fit {
                    center_px: state.center_px,
                    z_nm: state.z_nm,
                    sigma: [sigma_px.0 * scale, sigma_px.1 * scale, rest.sigma_z_nm * scale],
                });
            }
        }
        Err(Unfit::NotConverged)
    })
}

struct State {
    center_px: (f64, f64),
    z_nm: f64,
    gain: f64,
    offset: f64,
}

/// What is known at the end besides x and y.
struct Rest {
    sigma_z_nm: f64,
    /// How the best height changes with the centre: not at all if all rings were whole, but corners are not.
    z_nm_per_px: (f64, f64),
    /// Variance of the pixels about the model, less the misfit it came with, over the noise it was given: 1 if the model
    /// is right.
    chi_squared: f64,
}

impl State {
    /// Weight of each pixel of a narrow ring: the inverse of the variance expected of it. All alike in the first step,
    /// when there is no gain yet.
    #[inline(always)]
    fn weight(&self, bin: usize, here: &Model, model: &ImageModel, noise: &Noise) -> f64 {
        if self.gain.is_nan() {
            return 1.0 / noise.at(0.0);
        }
        let misfit = self.gain * self.gain * f64::from(model.misfit_variance[bin / BINS_PER_KNOT]);
        1.0 / (noise.at(self.gain * here.value + self.offset) + MISFIT_SHARE * misfit)
    }

    /// z, gain and offset for the centre at hand.
    #[inline(always)]
    fn settle_height(
        &mut self,
        model: &ImageModel,
        noise: &Noise,
        scratch: &mut FitScratch,
    ) -> Result<(), Unfit> {
        let z_nm = model.spline.z_nm();
        let (first_nm, last_nm) = (z_nm[0], z_nm[z_nm.len() - 1]);
        let plane_step_nm = (last_nm - first_nm) / (z_nm.len() - 1) as f64;
        for _ in 0..MAX_STEPS {
            let weighted = self.gain.is_finite();
            scratch.model_at(model, self.z_nm);
            let sums = self.add_up_height(model, noise, scratch);
            let inverse = invert(&sums.matrix).ok_or(Unfit::NotConverged)?;
            let step = |row: usize| (0..3).map(|k| inverse[row][k] * sums.right[k]).sum::<f64>();
            let (by_gain, gain, offset) = (step(0), step(1), step(2));
            // The unknown is gain * dz, so that all three enter linearly.
            let step_nm = by_gain / gain;
            (self.gain, self.offset) = (gain, offset);
            if !(gain > 0.0 && step_nm.is_finite()) {
                return Err(Unfit::NotConverged);
            }
            self.z_nm += step_nm.clamp(-plane_step_nm, plane_step_nm);
            if self.z_nm < first_nm - plane_step_nm || self.z_nm > last_nm + plane_step_nm {
                return Err(Unfit::OutOfRange);
            }
            if weighted && step_nm.abs() < LAST_STEP * inverse[0][0].sqrt() / gain {
                return Ok(());
            }
        }
        Err(Unfit::NotConverged)
    }

    #[inline(always)]
    fn add_up_height(&self, model: &ImageModel, noise: &Noise, scratch: &FitScratch) -> Sums {
        let mut sums = Sums::default();
        for (k, (bin, here)) in scratch.bins.iter().zip(&scratch.model).enumerate() {
            let weight = self.weight(k, here, model, noise);
            let (count, grey) = (weight * f64::from(bin.count), weight * f64::from(bin.grey));
            // Pixels do not lie in the middle of their ring on average; `value` is the sum of the model over them.
            let shift = weight * f64::from(bin.d) * here.slope;
            let value = count * here.value + shift;
            let mean_shift = f64::from(bin.d / bin.count.max(1.0)) * here.slope;
            sums.matrix[0] += count * here.rise * here.rise;
            sums.matrix[1] += here.rise * value;
            sums.matrix[2] += count * here.rise;
            sums.matrix[3] += here.value * (value + shift);
            sums.matrix[4] += value;
            sums.matrix[5] += count;
            sums.right[0] += grey * here.rise;
            sums.right[1] += grey * (here.value + mean_shift);
            sums.right[2] += grey;
        }
        sums
    }

    /// The step to the centre, its standard error for unit chi squared, and what else the last state tells.
    #[inline(always)]
    fn step_sideways(
        &self,
        model: &ImageModel,
        noise: &Noise,
        scratch: &FitScratch,
    ) -> ((f64, f64), (f64, f64), Rest) {
        let (mut right_x, mut right_y, mut xx, mut yy) = (0.0, 0.0, 0.0, 0.0);
        let (mut spread_x, mut spread_y) = (0.0, 0.0);
        let (mut spread, mut matrix) = ([0.0; 6], [0.0; 6]);
        let (mut residual, mut expected, mut misfits) = (0.0, 0.0, 0.0);
        let (mut pull_x, mut pull_y) = ([0.0; 3], [0.0; 3]);
        for (k, (bin, here)) in scratch.bins.iter().zip(&scratch.model).enumerate() {
            let weight = self.weight(k, here, model, noise);
            let misfit = self.gain * self.gain * f64::from(model.misfit_variance[k / BINS_PER_KNOT]);
            let grey = self.gain * here.value + self.offset;
            let (count, slope) = (f64::from(bin.count), self.gain * here.slope);
            let explained = |moment: f32, shifted: f32| grey * f64::from(moment) + slope * f64::from(shifted);
            right_x -= weight * slope * (f64::from(bin.grey_mc) - explained(bin.mc, bin.dmc));
            right_y -= weight * slope * (f64::from(bin.grey_ms) - explained(bin.ms, bin.dms));
            let by_slope = weight * slope * slope;
            xx += by_slope * f64::from(bin.mcc);
            yy += by_slope * f64::from(bin.mss);
            // The weights are not quite the inverse variances, so errors are those of any weighted sum.
            let variance = noise.at(grey);
            spread_x += by_slope * weight * variance * f64::from(bin.mcc);
            spread_y += by_slope * weight * variance * f64::from(bin.mss);
            let derivatives = [self.gain * here.rise, here.value, 1.0];
            for (entry, (a, b)) in [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)].into_iter().enumerate() {
                let product = weight * count * derivatives[a] * derivatives[b];
                matrix[entry] += product;
                spread[entry] += product * weight * variance;
            }
            for (k, derivative) in derivatives.into_iter().enumerate() {
                pull_x[k] += weight * derivative * slope * f64::from(bin.c);
                pull_y[k] += weight * derivative * slope * f64::from(bin.s);
            }
            let seen = f64::from(bin.grey);
            let shifted = slope * f64::from(bin.d);
            // The last term is what the slope of the model inside the ring adds to its variance.
            residual += weight
                * (f64::from(bin.grey_squared) - 2.0 * (grey * seen + shifted * seen / count.max(1.0))
                    + grey * (grey * count + 2.0 * shifted)
                    - slope * slope * count * BIN_PX * BIN_PX / 12.0);
            expected += weight * count * variance;
            misfits += weight * count * misfit;
        }
        let to_z = invert(&matrix).map_or([f64::NAN; 3], |inverse| inverse[0]);
        let full = |a: usize, b: usize| spread[[0, 1, 2, 1, 3, 4, 2, 4, 5][3 * a + b]];
        let z_variance = (0..9).map(|ab| to_z[ab / 3] * full(ab / 3, ab % 3) * to_z[ab % 3]).sum::<f64>();
        let dot = |pull: [f64; 3]| (0..3).map(|k| to_z[k] * pull[k]).sum::<f64>();
        let chi_squared = ((residual - misfits) / expected).max(0.0);
        let z_nm_per_px = (dot(pull_x), dot(pull_y));
        let rest = Rest { sigma_z_nm: z_variance.sqrt(), z_nm_per_px, chi_squared };
        ((right_x / xx, right_y / yy), (spread_x.sqrt() / xx, spread_y.sqrt() / yy), rest)
    }
}
