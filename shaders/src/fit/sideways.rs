//! The step of `fit` to the centre, and what of the image stays unexplained.
//!
//! Light that falls unevenly tilts an image: `pixel = grey * (1 + b x) + a x`, and the same in y. A tilt is odd about the
//! centre, as is what a shift changes, so it is solved for together with the shift. Left out, light that grows by 20 %
//! from the middle of the ROI to its edge moves a bead by 0.03 px; solved for, it costs 1 % of the information. Where
//! corners hold one side of a ring only, a tilt pulls z as well: it is taken off the rings before z is solved for, in as
//! many passes as it takes.
//!
//! Rings that differ from the model by far more than noise and misfit hold something else as well: a neighbour, dirt, or
//! the bead's own motion. Their excess variance, found from their residuals, lowers their weight.

use super::bins::{BIN_PX, BINS_PER_KNOT, Bins, FitScratch, Model, radii_px};
use super::matrix::invert;
use super::noise::Noise;
use super::{MISFIT_SHARE, State};
use crate::image_model::ImageModel;
use crate::simd::{Four, totals};

/// What is known after a step.
pub struct Sideways {
    /// The step to the centre, px.
    pub shift_px: (f64, f64),
    /// What the step and the change of the tilt do to z, nm: nothing if all rings were whole, but corners are not.
    pub rise_nm: f64,
    /// As in [`State`].
    pub tilt: [[f64; 2]; 2],
    /// Standard errors of x, y (px) and z (nm).
    pub sigma: [f64; 3],
}

/// What the model leaves of the narrow rings of a knot interval.
#[derive(Clone, Copy, Debug, Default)]
pub struct Left {
    /// Grey level of the model in the middle of the ring.
    pub grey: [f64; BINS_PER_KNOT],
    /// By the radius, per px.
    pub slope: [f64; BINS_PER_KNOT],
    weight: [f64; BINS_PER_KNOT],
    /// Variances expected of a pixel: of noise, and of the misfit of the model.
    pub noise: [f64; BINS_PER_KNOT],
    misfit: [f64; BINS_PER_KNOT],
    /// Sum of squared residuals.
    square: [f64; BINS_PER_KNOT],
    /// Sums of the residuals times cosine and times sine, over mirrored pixels.
    odd: [[f64; BINS_PER_KNOT]; 2],
}

/// Sum of squared residuals about rings of these levels and slopes.
#[inline(always)]
fn squares<F: Four>(bins: &Bins, grey: F, slope: F) -> F {
    let (count, seen, two) = (F::of_f32(bins.count), F::of_f32(bins.grey), F::all(2.0));
    // The last term is what the slope of the model inside the ring adds to its variance.
    F::of_f32(bins.grey_squared) - two * seen * (grey + slope * F::of_f32(bins.mean_d))
        + grey * (grey * count + two * slope * F::of_f32(bins.d))
        - slope * slope * count * F::all(BIN_PX * BIN_PX / 12.0)
}

/// Of the squares, what `by_x` times the cosine and `by_y` times the sine explain; `odd` as in [`Left`].
#[inline(always)]
fn explained<F: Four>(bins: &Bins, odd: [F; 2], by_x: F, by_y: F) -> F {
    let (mcc, mss, count) = (F::of_f32(bins.mcc), F::of_f32(bins.mss), F::of_f32(bins.count));
    let (xx, yy) = (by_x * by_x, by_y * by_y);
    let mirrored = F::all(2.0) * (by_x * odd[0] + by_y * odd[1]) - xx * mcc - yy * mss;
    // Of pixels without a mirror image only the mean is known.
    mirrored + (count - mcc - mss) * F::all(0.5) * (xx + yy)
}

/// What the unknowns of an axis (a shift by 1 px, `a` and `b` by 1 per px) add, times the cosine or sine.
#[inline(always)]
fn templates<F: Four>(radius_px: F, grey: F, slope: F) -> [F; 3] {
    [F::all(0.0) - slope, radius_px, radius_px * grey]
}

/// The normal equations of one axis.
struct Axis<F> {
    matrix: [F; 6],
    right: [F; 3],
}

impl<F: Four> Axis<F> {
    #[inline(always)]
    fn new() -> Self {
        Self { matrix: [F::all(0.0); 6], right: [F::all(0.0); 3] }
    }

    /// `weighted`: the templates times the weight; `products`: of each two templates, times the weight.
    #[inline(always)]
    fn add(&mut self, weighted: &[F; 3], products: &[F; 6], squares: F, odd: F) {
        for (sum, product) in self.matrix.iter_mut().zip(products) {
            *sum += *product * squares;
        }
        for (sum, template) in self.right.iter_mut().zip(weighted) {
            *sum += *template * odd;
        }
    }

    /// The unknowns, and what each right side does to the first.
    #[inline(always)]
    fn solve(&self) -> Option<([f64; 3], [f64; 3])> {
        let (inverse, right) = (invert(&totals(&self.matrix))?, totals(&self.right));
        let unknown = |row: [f64; 3]| row[0] * right[0] + row[1] * right[1] + row[2] * right[2];
        Some((inverse.map(unknown), inverse[0]))
    }
}

#[inline(always)]
fn dot<F: Four>(a: [f64; 3], b: [F; 3]) -> F {
    F::all(a[0]) * b[0] + F::all(a[1]) * b[1] + F::all(a[2]) * b[2]
}

/// The products of each two of three, the first of them weighted.
#[inline(always)]
fn products<F: Four>([wa, wb, wc]: [F; 3], [a, b, c]: [F; 3]) -> [F; 6] {
    [wa * a, wa * b, wa * c, wb * b, wb * c, wc * c]
}

#[inline(always)]
fn times<F: Four>(factor: F, [a, b, c]: [F; 3]) -> [F; 3] {
    [factor * a, factor * b, factor * c]
}

impl State {
    /// The step to the centre; leaves in `scratch` what stays unexplained. `None` where nothing can be solved.
    #[inline(always)]
    pub(super) fn step_sideways<F: Four>(
        &self,
        model: &ImageModel,
        noise: &Noise,
        scratch: &mut FitScratch,
    ) -> Option<Sideways> {
        let (mut x, mut y, mut matrix) = (Axis::<F>::new(), Axis::<F>::new(), [F::all(0.0); 6]);
        let (gain, offset) = self.light::<F>();
        let FitScratch { bins, model: models, excess, left, .. } = scratch;
        let rows = bins.iter().zip(&*models).zip(excess.iter().zip(&model.misfit_variance)).zip(&mut *left);
        for (k, (((bins, here), (excess, misfit)), left)) in rows.enumerate() {
            let (grey, slope) = (gain * F::of(here.value) + offset, gain * F::of(here.slope));
            let odd_x = F::of_f32(bins.grey_mc) - (grey * F::of_f32(bins.mc) + slope * F::of_f32(bins.dmc));
            let odd_y = F::of_f32(bins.grey_ms) - (grey * F::of_f32(bins.ms) + slope * F::of_f32(bins.dms));
            let (noise, misfit) = (noise.of_four(grey), gain * gain * F::all(f64::from(*misfit)));
            let weight = weight(noise, misfit, F::of(*excess));
            let templates = templates(radii_px(k), grey, slope);
            let weighted = times(weight, templates);
            let pairs = products(weighted, templates);
            x.add(&weighted, &pairs, F::of_f32(bins.mcc), odd_x);
            y.add(&weighted, &pairs, F::of_f32(bins.mss), odd_y);
            let derivatives = derivatives(gain, here);
            let counted = times(weight * F::of_f32(bins.count), derivatives);
            for (sum, product) in matrix.iter_mut().zip(products(counted, derivatives)) {
                *sum += product;
            }
            *left = Left {
                grey: grey.to_array(),
                slope: slope.to_array(),
                weight: weight.to_array(),
                noise: noise.to_array(),
                misfit: misfit.to_array(),
                square: squares(bins, grey, slope).to_array(),
                odd: [odd_x.to_array(), odd_y.to_array()],
            };
        }
        let to_z = invert(&totals(&matrix))?[0];
        let ((by_x, to_x), (by_y, to_y)) = (x.solve()?, y.solve()?);
        // The weights are not quite the inverse variances, so errors are those of any weighted sum.
        let (mut variances, mut rise_nm) = ([F::all(0.0); 3], F::all(0.0));
        let rows = bins.iter().zip(&*models).zip(&*excess).zip(left);
        for (k, (((bins, here), excess), left)) in rows.enumerate() {
            let (grey, weight) = (F::of(left.grey), F::of(left.weight));
            let templates = templates(radii_px(k), grey, F::of(left.slope));
            let (add_x, add_y) = (dot(by_x, templates), dot(by_y, templates));
            let [odd_x, odd_y] = left.odd;
            let explained = explained(bins, [F::of(odd_x), F::of(odd_y)], add_x, add_y);
            left.square = (F::of(left.square) - explained).to_array();
            let pull_nm = weight * dot(to_z, derivatives(gain, here));
            let added = add_x * F::of_f32(bins.c) + add_y * F::of_f32(bins.s);
            rise_nm += pull_nm * (self.tilted(radii_px(k), grey, bins) - added);
            let variance = F::of(left.noise) + F::of(*excess);
            let (pull_x, pull_y) = (weight * dot(to_x, templates), weight * dot(to_y, templates));
            variances[0] += pull_x * pull_x * variance * F::of_f32(bins.mcc);
            variances[1] += pull_y * pull_y * variance * F::of_f32(bins.mss);
            variances[2] += pull_nm * pull_nm * variance * F::of_f32(bins.count);
        }
        let tilt = [by_x, by_y].map(|by| [by[1], by[2]]);
        let sigma = totals(&variances).map(f64::sqrt);
        Some(Sideways { shift_px: (by_x[0], by_y[0]), rise_nm: rise_nm.total(), tilt, sigma })
    }

    /// What the tilt adds to the sums of the grey levels of rings with these radii and levels.
    #[inline(always)]
    pub(super) fn tilted<F: Four>(&self, radius_px: F, grey: F, bins: &Bins) -> F {
        let [[a_x, b_x], [a_y, b_y]] = self.tilt;
        let (x, y) = (F::all(a_x) + F::all(b_x) * grey, F::all(a_y) + F::all(b_y) * grey);
        radius_px * (x * F::of_f32(bins.c) + y * F::of_f32(bins.s))
    }
}

/// What z, gain and offset change in a grey level.
#[inline(always)]
fn derivatives<F: Four>(gain: F, here: &Model) -> [F; 3] {
    [gain * F::of(here.rise), F::of(here.value), F::all(1.0)]
}

/// Narrow rings each side over which the excess is averaged: 1 px.
pub(crate) const EXCESS_REACH: usize = 8;

/// Variance, as a multiple of what was expected, above which the rest is excess.
pub(crate) const MOST_EXPECTED: f64 = 2.0;

impl FitScratch {
    /// Finds the excess variance of each narrow ring after a step. True if there is any.
    pub(super) fn find_excess(&mut self) -> bool {
        let (mut square, mut expected, mut count) = (0.0, 0.0, 0.0);
        let mut any = false;
        let rings = self.n_bins();
        let ring = |k: usize| {
            let (interval, lane) = (k / BINS_PER_KNOT, k % BINS_PER_KNOT);
            let (count, left) = (f64::from(self.bins[interval].count[lane]), &self.left[interval]);
            (left.square[lane], count * (left.noise[lane] + left.misfit[lane]), count)
        };
        for k in 0..rings + EXCESS_REACH {
            if k < rings {
                let (s, e, c) = ring(k);
                (square, expected, count) = (square + s, expected + e, count + c);
            }
            if let Some(gone) = k.checked_sub(2 * EXCESS_REACH + 1) {
                let (s, e, c) = ring(gone);
                (square, expected, count) = (square - s, expected - e, count - c);
            }
            if let Some(middle) = k.checked_sub(EXCESS_REACH) {
                let excess = square - MOST_EXPECTED * expected;
                self.excess[middle / BINS_PER_KNOT][middle % BINS_PER_KNOT] =
                    (excess / count.max(1.0)).max(0.0);
                any |= excess > 0.0;
            }
        }
        any
    }
}

/// Weight of each pixel of a narrow ring: the inverse of the variance expected of it.
#[inline(always)]
pub fn weight<F: Four>(noise: F, misfit: F, excess: F) -> F {
    F::all(1.0) / (noise + F::all(MISFIT_SHARE) * misfit + excess)
}
