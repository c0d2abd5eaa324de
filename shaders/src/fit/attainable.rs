//! The standard errors that no method can undercut for a bead's image: the Cramer-Rao bound.
//!
//! The inverse of the Fisher matrix of x, y, z, gain and offset (Kay 1993, Fundamentals of Statistical Signal Processing,
//! ch. 3), summed over the pixels of the ROI with the noise that `fit` expects of them. Cnossen et al. 2014 (Rev. Sci.
//! Instrum. 85:103712) judge bead tracking by it. What of an image is not round, its misfit, is no noise and is left out.

use super::bins::{BIN_PX, FitScratch};
use super::matrix::diagonal_of_inverse;
use super::noise::Noise;
use super::{Start, State};
use crate::background;
use crate::image_model::ImageModel;
use crate::simd::{EightScalar, FourScalar};

/// How grey levels follow from the model: `pixel = gain * model + offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Brightness {
    /// Contrast of the bead over that of the model: 1 for the bead the model was measured from.
    pub gain: f64,
    /// Grey level to be added; `Start::level` is not part of it.
    pub offset: f64,
}

impl Brightness {
    /// That of the bead the model was measured from, after a background `level` was subtracted.
    pub fn of_model(level: f32) -> Self {
        Self { gain: 1.0, offset: -f64::from(level) }
    }

    /// That of `pixels` (`roi_px` squared, `start.level` subtracted) with the bead at `start`, by least squares. `None`
    /// if the image does not look like the model there.
    pub fn measure(
        pixels: &[f32],
        roi_px: usize,
        model: &ImageModel,
        start: &Start,
        scratch: &mut FitScratch,
    ) -> Option<Self> {
        if pixels.len() != roi_px * roi_px || !scratch.is_for(roi_px) {
            return None;
        }
        scratch.resize(model.n_knots());
        scratch.add_up::<EightScalar>(pixels, roi_px, start.center_px);
        scratch.model_at::<FourScalar>(model, start.z_nm);
        let state = State::new(start);
        let sums = state.add_up_height::<FourScalar>(model, &Noise::new(start), scratch);
        let ([_, _, _, gg, go, oo], [_, g, o]) = (sums.matrix, sums.right);
        let gain = (g * oo - o * go) / (gg * oo - go * go);
        (gain > 0.0 && gain.is_finite()).then(|| Self { gain, offset: (o - gain * go) / oo })
    }
}

/// The least standard errors of one image of a bead, nothing else being known of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attainable {
    /// Of x, px.
    pub sigma_x_px: f64,
    /// Of y, px.
    pub sigma_y_px: f64,
    /// Of z, nm.
    pub sigma_z_nm: f64,
}

/// What can be attained for a bead at `at`, in an ROI of `roi_px` a side. `None` beyond the planes of the model, or
/// where the image does not tell x, y, z, gain and offset apart.
pub fn attainable(
    model: &ImageModel,
    roi_px: usize,
    at: &Start,
    brightness: Brightness,
    scratch: &mut FitScratch,
) -> Option<Attainable> {
    let (planes_nm, Brightness { gain, offset }) = (model.spline.z_nm(), brightness);
    if !(planes_nm[0]..=planes_nm[planes_nm.len() - 1]).contains(&at.z_nm) {
        return None;
    }
    scratch.resize(model.n_knots());
    scratch.model_at::<FourScalar>(model, at.z_nm);
    let noise = Noise::new(at);
    let mut fisher = [[0.0; 5]; 5];
    for (row, column) in (0..roi_px * roi_px).map(|i| (i / roi_px, i % roi_px)) {
        let (dx, dy) = (column as f64 - at.center_px.0, row as f64 - at.center_px.1);
        let radius_px = (dx * dx + dy * dy).sqrt();
        // The model is that of the middle of a ring of 1/8 px, as in `fit`. NaN is ring 0, and comes out as no number.
        let Some([value, slope, rise]) = scratch.model_in((radius_px / BIN_PX) as usize) else { continue };
        let outwards = -gain * slope / radius_px.max(1e-6);
        let derivatives = [outwards * dx, outwards * dy, gain * rise, value, 1.0];
        let weight = 1.0 / noise.at(gain * value + offset);
        // The lower triangle is all that is read of a symmetric matrix.
        for (k, (line, a)) in fisher.iter_mut().zip(derivatives).enumerate() {
            let weighted = weight * a;
            for (sum, b) in line.iter_mut().zip(derivatives).take(k + 1) {
                *sum += weighted * b;
            }
        }
    }
    let [x, y, z, ..] = diagonal_of_inverse(&fisher)?.map(f64::sqrt);
    Some(Attainable { sigma_x_px: x, sigma_y_px: y, sigma_z_nm: z })
}

/// Grey level of the background in the model's own image of a bead at `z_nm` in the middle of an ROI, as
/// [`background::measure`] finds it. Allocates.
pub fn background_level(model: &ImageModel, roi_px: usize, z_nm: f64, scratch: &mut FitScratch) -> f32 {
    scratch.resize(model.n_knots());
    scratch.model_at::<FourScalar>(model, z_nm);
    let middle = (roi_px as f64 - 1.0) / 2.0;
    let last = scratch.n_bins() - 1;
    let pixel = |i: usize| {
        let radius_px = ((i % roi_px) as f64 - middle).hypot((i / roi_px) as f64 - middle);
        let [value, ..] = scratch.model_in(((radius_px / BIN_PX) as usize).min(last)).unwrap_or_default();
        value as f32
    };
    let image: Vec<f32> = (0..roi_px * roi_px).map(pixel).collect();
    background::measure(&image, roi_px, &mut Vec::new()).level
}
