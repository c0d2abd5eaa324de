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
pub(crate) mod bins;
mod matrix;
pub(crate) mod noise;
pub(crate) mod sideways;

use crate::image_model::ImageModel;
use crate::quadrant_interpolation::SMALLEST_RADIUS_PX;
use crate::sampling::usable_radius_px;
use crate::simd::{self, Four, Width, Work, totals};

pub use bins::FitScratch;
use bins::radii_px;
use matrix::invert;
use noise::Noise;
use sideways::weight;

/// A shift of the centre above this, px, is not taken on the sums alone: its square, times the curvature of a fringe
/// over its slope, would be 0.02 nm at 100 nm/px.
pub(crate) const REBIN_PX: f64 = 0.015;

/// Passes over the pixels before a bead is given up. From a start within 0.5 px three are enough.
pub(crate) const MAX_PASSES: usize = 8;

/// Steps in z on one pass over the pixels.
pub(crate) const MAX_STEPS: usize = 12;

/// A tilt whose correction of z is larger than this part of the standard error of z is solved for once more.
pub(crate) const LARGEST_RISE: f64 = 0.5;

/// A step in z shorter than this part of the standard error of z is the last: the next would be about a tenth of it.
pub(crate) const LAST_STEP: f64 = 0.1;

/// Share of the misfit's variance that counts as noise in the weights: a compromise for beads that are not round. On
/// simulated ones in ROIs of 64 px, at 5 000 photo-electrons, 0.05 gives a spread of x of 1.11 times the Cramer-Rao bound
/// and a bias in z of 0.37 nm; 0.2 gives 1.13 and 0.36 nm. Rings whose misfit is worse still are left to the excess.
pub(crate) const MISFIT_SHARE: f64 = 0.05;

/// A bead does not lie farther from where its own symmetry put it, px.
pub(crate) const FARTHEST_PX: f64 = 2.0;

/// Least distance of a centre from the border pixels, px: as for other methods in the smallest ROIs.
pub(crate) const LEAST_ROOM_PX: f64 = SMALLEST_RADIUS_PX;

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
    /// Grey level, above black, of pixels that have that noise.
    pub noise_at: f32,
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
    if pixels.len() != roi_px * roi_px || !scratch.is_for(roi_px) {
        return Err(Unfit::NotConverged);
    }
    scratch.resize(model.n_knots());
    simd::widest(Search { pixels, roi_px, model, start, scratch })
}

/// What [`fit`] was given.
struct Search<'a> {
    pixels: &'a [f32],
    roi_px: usize,
    model: &'a ImageModel,
    start: Start,
    scratch: &'a mut FitScratch,
}

impl Work for Search<'_> {
    type Output = Result<Fit, Unfit>;

    #[inline(always)]
    fn with<W: Width>(self) -> Result<Fit, Unfit> {
        search::<W>(self.pixels, self.roi_px, self.model, self.start, self.scratch)
    }
}

#[inline(always)]
fn search<W: Width>(
    pixels: &[f32],
    roi_px: usize,
    model: &ImageModel,
    start: Start,
    scratch: &mut FitScratch,
) -> Result<Fit, Unfit> {
    let noise = Noise::new(&start);
    let mut state = State::new(&start);
    for _ in 0..MAX_PASSES {
        scratch.add_up::<W::Eight>(pixels, roi_px, state.center_px);
        scratch.excess.fill([0.0; 4]);
        let mut is_settled = state.settle_height::<W::Four>(model, &noise, scratch)?;
        let mut step = state.step_sideways::<W::Four>(model, &noise, scratch).ok_or(Unfit::NotConverged)?;
        if scratch.find_excess() {
            is_settled = state.settle_height::<W::Four>(model, &noise, scratch)?;
            step = state.step_sideways::<W::Four>(model, &noise, scratch).ok_or(Unfit::NotConverged)?;
        }
        let (dx, dy) = step.shift_px;
        state.center_px = (state.center_px.0 + dx, state.center_px.1 + dy);
        state.z_nm += step.rise_nm;
        state.tilt = step.tilt;
        let moved = (state.center_px.0 - start.center_px.0).hypot(state.center_px.1 - start.center_px.1);
        // NaN is nowhere.
        if !(moved < FARTHEST_PX && usable_radius_px(roi_px, state.center_px) > LEAST_ROOM_PX) {
            return Err(Unfit::NotConverged);
        }
        // What the tilt does to z is known to first order: enough where it is little.
        is_settled &= step.rise_nm.abs() < LARGEST_RISE * step.sigma[2];
        if dx.abs().max(dy.abs()) < REBIN_PX && is_settled {
            let z_nm = model.spline.z_nm();
            if !(z_nm[0]..=z_nm[z_nm.len() - 1]).contains(&state.z_nm) {
                return Err(Unfit::OutOfRange);
            }
            // What is not noise raises both estimates of it: the lower one is nearer.
            let noise_seen = scratch.noise_seen::<W::Four>(pixels, roi_px, state.center_px).min(1.0);
            let sigma = step.sigma.map(|sigma| sigma * noise_seen);
            return Ok(Fit { center_px: state.center_px, z_nm: state.z_nm, sigma });
        }
    }
    Err(Unfit::NotConverged)
}

struct State {
    center_px: (f64, f64),
    z_nm: f64,
    gain: f64,
    offset: f64,
    /// How the light is taken to fall, along x and along y: `a` and `b` of `sideways.rs`.
    tilt: [[f64; 2]; 2],
}

impl State {
    fn new(start: &Start) -> Self {
        let (center_px, z_nm) = (start.center_px, start.z_nm);
        Self { center_px, z_nm, gain: f64::NAN, offset: f64::NAN, tilt: [[0.0; 2]; 2] }
    }

    /// What makes a grey level of the model's value: gain and offset. Nothing in the first step, when they are not known;
    /// then all pixels are expected to have the noise of level 0.
    #[inline(always)]
    fn light<F: Four>(&self) -> (F, F) {
        let (gain, offset) = if self.gain.is_nan() { (0.0, 0.0) } else { (self.gain, self.offset) };
        (F::all(gain), F::all(offset))
    }

    /// z, gain and offset for the centre and the tilt at hand. False if z still moves after the last step, as it may while
    /// the tilt is not known.
    #[inline(always)]
    fn settle_height<F: Four>(
        &mut self,
        model: &ImageModel,
        noise: &Noise,
        scratch: &mut FitScratch,
    ) -> Result<bool, Unfit> {
        let z_nm = model.spline.z_nm();
        let (first_nm, last_nm) = (z_nm[0], z_nm[z_nm.len() - 1]);
        let plane_step_nm = (last_nm - first_nm) / (z_nm.len() - 1) as f64;
        for _ in 0..MAX_STEPS {
            let weighted = self.gain.is_finite();
            scratch.model_at::<F>(model, self.z_nm);
            let sums = self.add_up_height::<F>(model, noise, scratch);
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
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[inline(always)]
    fn add_up_height<F: Four>(&self, model: &ImageModel, noise: &Noise, scratch: &FitScratch) -> Sums {
        let (gain, offset) = self.light::<F>();
        let (mut matrix, mut right) = ([F::all(0.0); 6], [F::all(0.0); 3]);
        let rows = scratch.bins.iter().zip(&scratch.model).zip(&scratch.excess).zip(&model.misfit_variance);
        for (k, (((bins, here), excess), misfit)) in rows.enumerate() {
            let (value, slope, rise) = (F::of(here.value), F::of(here.slope), F::of(here.rise));
            let level = gain * value + offset;
            let misfit = gain * gain * F::all(f64::from(*misfit));
            let weight = weight(noise.of_four(level), misfit, F::of(*excess));
            let grey = weight * (F::of_f32(bins.grey) - self.tilted(radii_px(k), level, bins));
            let count = weight * F::of_f32(bins.count);
            // Pixels do not lie in the middle of their ring on average; `sum` is that of the model over them.
            let shift = weight * F::of_f32(bins.d) * slope;
            let sum = count * value + shift;
            let mean_shift = F::of_f32(bins.mean_d) * slope;
            matrix[0] += count * rise * rise;
            matrix[1] += rise * sum;
            matrix[2] += count * rise;
            matrix[3] += value * (sum + shift);
            matrix[4] += sum;
            matrix[5] += count;
            right[0] += grey * rise;
            right[1] += grey * (value + mean_shift);
            right[2] += grey;
        }
        Sums { matrix: totals(&matrix), right: totals(&right) }
    }
}
