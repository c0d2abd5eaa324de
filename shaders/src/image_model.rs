//! The Z-LUT as a model of the bead's image: the grey level of a pixel at any radius and height, not only on rings.
//!
//! A radial profile is blurred by the sampler that measured it. The model is fitted to the pixels themselves, corners of
//! the ROI included, so it predicts pixels; see `fit.rs`. Where only profiles are known it goes through these.

use crate::background;
use crate::match_table::MatchError;
use crate::radial_spline::{
    KNOT_STEP_PX, MIN_KNOTS, Normal, coefficients_of, knots_up_to, value_at, values_of,
};
use crate::simd::EightScalar;
use crate::z_spline::{MIN_PLANES, ZSpline};

/// Splines in radius and height, ready for `fit`.
#[derive(Clone, Debug)]
pub struct ImageModel {
    /// Coefficients of the radial splines as functions of z, planes x knots.
    pub(crate) spline: ZSpline,
    /// Variance of what is not round, at each knot: grey levels squared.
    pub(crate) misfit_variance: Vec<f32>,
}

impl ImageModel {
    /// `values`: planes x knots, grey levels at radii `k * KNOT_STEP_PX`; `misfit`: for each knot the standard deviation
    /// of pixels about the model that is not noise, grey levels; `z_nm` as for [`crate::match_table::MatchTable::new`].
    ///
    /// # Errors
    /// Numbers that do not belong together, values that are not finite, or heights out of order.
    pub fn new(values: &[f32], z_nm: &[f64], misfit: &[f32]) -> Result<Self, MatchError> {
        let knots = misfit.len();
        let finite = values.iter().chain(misfit).all(|v| v.is_finite());
        if values.len() != z_nm.len() * knots || !finite {
            return Err(MatchError::Shape { values: values.len(), planes: z_nm.len(), rings: knots });
        }
        if knots < MIN_KNOTS || z_nm.len() < MIN_PLANES {
            return Err(MatchError::TooFew { planes: z_nm.len(), rings: knots });
        }
        crate::match_table::check_heights(z_nm)?;
        let rows = values.chunks_exact(knots);
        let coefficients = rows.flat_map(|row| {
            let mut row: Vec<f64> = row.iter().map(|v| f64::from(*v)).collect();
            coefficients_of(&mut row);
            row.into_iter().map(|c| c as f32)
        });
        let spline = ZSpline::new(z_nm.to_vec(), coefficients.collect(), knots);
        Ok(Self { spline, misfit_variance: misfit.iter().map(|m| m * m).collect() })
    }

    /// A model through radial profiles (ring k at `first_ring_px + k * ring_step_px`, no NaN), which blur it a little.
    ///
    /// # Errors
    /// As [`ImageModel::new`].
    pub fn from_profiles(
        profiles: &[f32],
        z_nm: &[f64],
        n_rings: usize,
        (first_ring_px, ring_step_px): (f64, f64),
    ) -> Result<Self, MatchError> {
        let outermost_px = first_ring_px + ring_step_px * (n_rings.max(1) - 1) as f64;
        let knots = (outermost_px / KNOT_STEP_PX) as usize + 1;
        let at = |row: &[f32], k: usize| {
            // Straight between rings; the rings of most Z-LUTs are the knots.
            let place =
                ((KNOT_STEP_PX * k as f64 - first_ring_px) / ring_step_px).clamp(0.0, (n_rings - 1) as f64);
            let below = (place as usize).min(n_rings.saturating_sub(2));
            let (a, b) = (row[below], row[(below + 1).min(n_rings - 1)]);
            a + (b - a) * (place - below as f64) as f32
        };
        let values: Vec<f32> = profiles
            .chunks_exact(n_rings.max(1))
            .flat_map(|row| (0..knots).map(move |k| at(row, k)))
            .collect();
        Self::new(&values, z_nm, &vec![0.0; knots])
    }

    /// How many knots there are in radius.
    pub fn n_knots(&self) -> usize {
        self.misfit_variance.len()
    }
}

/// Values of the model at its knots, measured from one image of the sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    /// Grey level at each knot.
    pub values: Vec<f32>,
    /// Variance of the pixels about the model around each knot, less that of the noise.
    pub misfit_variance: Vec<f32>,
}

/// How many knots a model of an ROI has: to its corners, for a bead two pixels off the middle.
pub fn knots_for_roi(roi_px: usize) -> usize {
    knots_up_to(std::f64::consts::FRAC_1_SQRT_2 * (roi_px as f64 + 3.0))
}

/// Smoothings that [`best_smoothing`] chooses from, as powers of ten. Units: pixels a knot.
///
/// None below 1: a calibrated bead mostly lies still, so what is not round in its image is the same for every pixel of a
/// ring, and cross-validation would have the model follow it. In simulated ROIs of 64 px that costs 0.25 nm of bias in x
/// and y, where smoothing of 1 leaves 0.1 nm.
const SMOOTHINGS: std::ops::RangeInclusive<i32> = 0..=4;

/// Images of one height, added up around their centres, so that a bead that moves sideways between them is not blurred.
#[derive(Clone, Debug)]
pub struct PlaneSum {
    normal: Normal,
    images: u32,
}

impl PlaneSum {
    /// No image yet, of ROIs of `roi_px` a side.
    pub fn new(roi_px: usize) -> Self {
        Self { normal: Normal::new(knots_for_roi(roi_px)), images: 0 }
    }

    /// Adds an image (`roi_px` squared) of a bead at `center_px`.
    pub fn add(&mut self, image: &[f32], roi_px: usize, center_px: (f64, f64)) {
        for (radius_px, grey) in radii(image, roi_px, center_px) {
            self.normal.add(radius_px, f64::from(grey));
        }
        self.images += 1;
    }

    /// Grey level at each knot of the model that fits all images best; `smoothing` is that of one image. Nothing is known
    /// without any image.
    pub fn values(&self, smoothing: f64) -> Vec<f32> {
        let mut coefficients = self.normal.solve(smoothing * f64::from(self.images));
        values_of(&mut coefficients);
        coefficients.into_iter().map(|value| value as f32).collect()
    }
}

fn radii(image: &[f32], roi_px: usize, center_px: (f64, f64)) -> impl Iterator<Item = (f64, f32)> + '_ {
    image.iter().enumerate().map(move |(i, grey)| {
        let (x, y) = ((i % roi_px) as f64 - center_px.0, (i / roi_px) as f64 - center_px.1);
        (x.hypot(y), *grey)
    })
}

/// The smoothing that predicts pixels of these images best, by generalised cross-validation: with noise it is strong,
/// without any it is weak. Each image comes with the centre of its bead, px.
pub fn best_smoothing<'a>(roi_px: usize, images: impl Iterator<Item = (&'a [f32], (f64, f64))>) -> f64 {
    let sums: Vec<PlaneSum> = images
        .map(|(image, center_px)| {
            let mut sum = PlaneSum::new(roi_px);
            sum.add(image, roi_px, center_px);
            sum
        })
        .collect();
    best_smoothing_of_sums(&sums)
}

/// The same of heights with several images each, for one of which the smoothing is told; each sum has one image at least.
pub fn best_smoothing_of_sums<'a>(sums: impl IntoIterator<Item = &'a PlaneSum> + Clone) -> f64 {
    let score = |exponent: i32| {
        let of = |sum: &PlaneSum| sum.normal.validation(10f64.powi(exponent) * f64::from(sum.images)).ln();
        sums.clone().into_iter().map(of).sum::<f64>()
    };
    let best = SMOOTHINGS.map(|e| (score(e), e)).min_by(|a, b| a.0.total_cmp(&b.0));
    10f64.powi(best.map_or(0, |(_, exponent)| exponent))
}

/// Distance over which the misfit is averaged, knots each side: it is a property of the bead, not of one ring.
const MISFIT_REACH: usize = 5;

/// Fits the model of one height to the pixels of `image` (`roi_px` squared) around `center_px`.
pub fn plane(image: &[f32], roi_px: usize, center_px: (f64, f64), smoothing: f64) -> Plane {
    let mut sum = PlaneSum::new(roi_px);
    sum.add(image, roi_px, center_px);
    let mut coefficients = sum.normal.solve(smoothing);
    let knots = coefficients.len();
    let mut residuals = vec![0.0f32; image.len()];
    let (mut sums, mut counts) = (vec![0.0f64; knots], vec![0.0f64; knots]);
    for ((radius_px, grey), residual) in radii(image, roi_px, center_px).zip(&mut residuals) {
        let knot = (radius_px / KNOT_STEP_PX).round() as usize;
        let modelled = value_at(&coefficients, radius_px);
        if knot < knots && modelled.is_finite() {
            *residual = (f64::from(grey) - modelled) as f32;
            sums[knot] += f64::from(*residual) * f64::from(*residual);
            counts[knot] += 1.0;
        }
    }
    // Noise differs from pixel to pixel; what is not round varies as slowly as the fringes do.
    let noise = f64::from(background::noise::<EightScalar>(&residuals, roi_px, &mut vec![0.0; roi_px]));
    let around = |values: &[f64], k: usize| -> f64 {
        values[k.saturating_sub(MISFIT_REACH)..(k + MISFIT_REACH + 1).min(knots)].iter().sum()
    };
    let misfit = |k| (around(&sums, k) / around(&counts, k).max(1.0) - noise * noise).max(0.0) as f32;
    let misfit_variance = (0..knots).map(misfit).collect();
    values_of(&mut coefficients);
    Plane { values: coefficients.into_iter().map(|v| v as f32).collect(), misfit_variance }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROI_PX: usize = 48;

    fn image(height: f64, lobes: f64) -> Vec<f32> {
        let pixel = |i: usize| {
            let (x, y) = ((i % ROI_PX) as f64 - 23.3, (i / ROI_PX) as f64 - 24.1);
            let r = x.hypot(y);
            let round = 100.0 + 40.0 * (-r * r / 400.0).exp() * (0.9 * r + height).cos();
            (round + lobes * (4.0 * y.atan2(x)).cos()) as f32
        };
        (0..ROI_PX * ROI_PX).map(pixel).collect()
    }

    #[test]
    fn a_plane_predicts_pixels_and_its_misfit_is_what_is_not_round() {
        let round = plane(&image(0.3, 0.0), ROI_PX, (23.3, 24.1), 1e-3);
        let at =
            |k: usize| 100.0 + 40.0 * (-0.25 * (k * k) as f64 / 400.0).exp() * (0.45 * k as f64 + 0.3).cos();
        for k in 4..64 {
            assert!(
                (f64::from(round.values[k]) - at(k)).abs() < 0.1,
                "knot {k}: {} {}",
                round.values[k],
                at(k)
            );
        }
        assert!(round.misfit_variance.iter().all(|v| *v < 0.02), "{:?}", round.misfit_variance);
        let lobed = plane(&image(0.3, 3.0), ROI_PX, (23.3, 24.1), 1e-3);
        // cos squared is one half
        assert!((lobed.misfit_variance[30] - 4.5).abs() < 0.7, "{:?}", lobed.misfit_variance);
    }

    #[test]
    fn images_of_one_height_add_up_to_the_plane_of_one_wherever_the_bead_was() {
        let one = plane(&image(0.3, 0.0), ROI_PX, (23.3, 24.1), 10.0);
        let mut sum = PlaneSum::new(ROI_PX);
        // The same pixels twice say no more than once.
        sum.add(&image(0.3, 0.0), ROI_PX, (23.3, 24.1));
        sum.add(&image(0.3, 0.0), ROI_PX, (23.3, 24.1));
        for (knot, (a, b)) in sum.values(10.0).iter().zip(&one.values).enumerate() {
            assert!((a - b).abs() < 1e-3, "knot {knot}: {a} {b}");
        }
        let smoothing = |sums: &[PlaneSum]| best_smoothing_of_sums(sums);
        let single = best_smoothing(ROI_PX, std::iter::once((&image(0.3, 0.0)[..], (23.3, 24.1))));
        assert_eq!(smoothing(&[sum]), single);
    }

    #[test]
    fn noise_is_no_misfit() {
        let mut state = 1u64;
        let mut noisy = image(0.3, 0.0);
        for pixel in &mut noisy {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // A variance of 12.
            *pixel += 12.0 * ((state >> 40) as f32 / (1u64 << 24) as f32 - 0.5);
        }
        let plane = plane(&noisy, ROI_PX, (23.3, 24.1), 100.0);
        // Nearer to the centre the model is too smooth.
        assert!(plane.misfit_variance[16..46].iter().all(|v| *v < 4.0), "{:?}", plane.misfit_variance);
    }

    #[test]
    fn a_model_through_profiles_has_the_radii_of_its_rings() {
        let rings: Vec<f32> = (0..20).map(|k| 2.0 + 0.5 * k as f32).collect();
        let model =
            ImageModel::from_profiles(&rings.repeat(4), &[0.0, 1.0, 2.0, 3.0], 20, (2.0, 0.5)).unwrap();
        // Of a straight line coefficients are values.
        for k in 10..24 {
            let radius_px = KNOT_STEP_PX * k as f64;
            assert!((f64::from(model.spline.plane(1)[k]) - radius_px).abs() < 1e-3, "knot {k}");
        }
    }

    #[test]
    fn the_misfit_is_kept_as_a_variance() {
        let model = ImageModel::new(&[1.0; 16], &[0.0, 1.0, 2.0, 3.0], &[0.0, 1.0, 3.0, 0.5]).unwrap();
        assert_eq!(model.misfit_variance, [0.0, 1.0, 9.0, 0.25]);
    }

    #[test]
    fn impossible_models_are_refused() {
        let z_nm = [0.0, 1.0, 2.0, 3.0];
        assert!(ImageModel::new(&[1.0; 16], &z_nm, &[0.0; 4]).is_ok());
        assert!(matches!(ImageModel::new(&[1.0; 15], &z_nm, &[0.0; 4]), Err(MatchError::Shape { .. })));
        assert!(matches!(ImageModel::new(&[f32::NAN; 16], &z_nm, &[0.0; 4]), Err(MatchError::Shape { .. })));
        assert!(matches!(ImageModel::new(&[1.0; 12], &z_nm, &[0.0; 3]), Err(MatchError::TooFew { .. })));
        assert!(ImageModel::from_profiles(&[], &[], 0, (0.0, 0.5)).is_err());
    }
}
