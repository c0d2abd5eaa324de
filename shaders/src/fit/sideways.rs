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
use crate::simd::Four;

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
    pub grey: Four,
    /// By the radius, per px.
    pub slope: Four,
    weight: Four,
    /// Variances expected of a pixel: of noise, and of the misfit of the model.
    pub noise: Four,
    misfit: Four,
    /// Sum of squared residuals.
    square: Four,
    /// Sums of the residuals times cosine and times sine, over mirrored pixels.
    odd: [Four; 2],
    /// What the unknowns of an axis (a shift by 1 px, `a` and `b` by 1 per px) add, times the cosine or sine.
    templates: [Four; 3],
}

impl Left {
    #[inline(always)]
    fn new(bins: &Bins, radius_px: Four, grey: Four, slope: Four) -> Self {
        let explained = |moment, shifted| grey * Four::from(moment) + slope * Four::from(shifted);
        let (count, seen) = (Four::from(bins.count), Four::from(bins.grey));
        let two = Four::all(2.0);
        // The last term is what the slope of the model inside the ring adds to its variance.
        let square = Four::from(bins.grey_squared)
            - two * (grey * seen + slope * Four::from(bins.mean_d) * seen)
            + grey * (grey * count + two * slope * Four::from(bins.d))
            - slope * slope * count * Four::all(BIN_PX * BIN_PX / 12.0);
        let odd_x = Four::from(bins.grey_mc) - explained(bins.mc, bins.dmc);
        let odd_y = Four::from(bins.grey_ms) - explained(bins.ms, bins.dms);
        let templates = [Four::ZERO - slope, radius_px, radius_px * grey];
        Self { grey, slope, square, odd: [odd_x, odd_y], templates, ..Self::default() }
    }

    /// Takes what `by_x` times the cosine and `by_y` times the sine explain off the squares.
    #[inline(always)]
    fn explain(&mut self, bins: &Bins, [by_x, by_y]: [Four; 2]) {
        let (mcc, mss, count) = (Four::from(bins.mcc), Four::from(bins.mss), Four::from(bins.count));
        let (xx, yy) = (by_x * by_x, by_y * by_y);
        let mirrored = Four::all(2.0) * (by_x * self.odd[0] + by_y * self.odd[1]) - xx * mcc - yy * mss;
        // Of pixels without a mirror image only the mean is known.
        self.square = self.square - (mirrored + (count - mcc - mss) * Four::all(0.5) * (xx + yy));
    }
}

/// The normal equations of one axis.
#[derive(Default)]
struct Axis {
    matrix: [Four; 6],
    right: [Four; 3],
}

impl Axis {
    /// `weighted`: the templates times the weight; `products`: of each two templates, times the weight.
    #[inline(always)]
    fn add(&mut self, weighted: &[Four; 3], products: &[Four; 6], squares: [f32; 4], odd: Four) {
        for (sum, product) in self.matrix.iter_mut().zip(products) {
            *sum += *product * squares.into();
        }
        for (sum, template) in self.right.iter_mut().zip(weighted) {
            *sum += *template * odd;
        }
    }

    /// The unknowns, and what each right side does to the first.
    fn solve(&self) -> Option<([f64; 3], [f64; 3])> {
        let inverse = invert(&self.matrix.map(Four::total))?;
        let right = self.right.map(Four::total);
        let unknown = |row: [f64; 3]| row[0] * right[0] + row[1] * right[1] + row[2] * right[2];
        Some((inverse.map(unknown), inverse[0]))
    }
}

#[inline(always)]
fn dot(a: [f64; 3], b: [Four; 3]) -> Four {
    Four::all(a[0]) * b[0] + Four::all(a[1]) * b[1] + Four::all(a[2]) * b[2]
}

/// The products of each two of three, the first of them weighted.
#[inline(always)]
fn products([wa, wb, wc]: [Four; 3], [a, b, c]: [Four; 3]) -> [Four; 6] {
    [wa * a, wa * b, wa * c, wb * b, wb * c, wc * c]
}

impl State {
    /// The step to the centre; leaves in `scratch` what stays unexplained. `None` where nothing can be solved.
    #[inline(always)]
    pub(super) fn step_sideways(
        &self,
        model: &ImageModel,
        noise: &Noise,
        scratch: &mut FitScratch,
    ) -> Option<Sideways> {
        let (mut x, mut y) = (Axis::default(), Axis::default());
        let mut matrix = [Four::ZERO; 6];
        let (gain, offset) = self.light();
        let FitScratch { bins, model: models, excess, left, .. } = scratch;
        let rows = bins.iter().zip(&*models).zip(excess.iter().zip(&model.misfit_variance)).zip(&mut *left);
        for (k, (((bins, here), (excess, misfit)), left)) in rows.enumerate() {
            let grey = gain * here.value + offset;
            *left = Left::new(bins, radii_px(k), grey, gain * here.slope);
            left.noise = noise.of_four(grey);
            left.misfit = gain * gain * Four::all(f64::from(*misfit));
            left.weight = weight(left.noise, left.misfit, *excess);
            let times_weight = |[a, b, c]: [Four; 3]| [left.weight * a, left.weight * b, left.weight * c];
            let weighted = times_weight(left.templates);
            let squares = products(weighted, left.templates);
            x.add(&weighted, &squares, bins.mcc, left.odd[0]);
            y.add(&weighted, &squares, bins.mss, left.odd[1]);
            let count = left.weight * bins.count.into();
            let derivatives = derivatives(gain, here);
            let [a, b, c] = derivatives;
            for (sum, product) in
                matrix.iter_mut().zip(products([count * a, count * b, count * c], derivatives))
            {
                *sum += product;
            }
        }
        let to_z = invert(&matrix.map(Four::total))?[0];
        let ((by_x, to_x), (by_y, to_y)) = (x.solve()?, y.solve()?);
        // The weights are not quite the inverse variances, so errors are those of any weighted sum.
        let (mut squares, mut rise_nm) = ([Four::ZERO; 3], Four::ZERO);
        let rows = bins.iter().zip(&*models).zip(&*excess).zip(left);
        for (k, (((bins, here), excess), left)) in rows.enumerate() {
            let added = [dot(by_x, left.templates), dot(by_y, left.templates)];
            left.explain(bins, added);
            let pull_nm = left.weight * dot(to_z, derivatives(gain, here));
            let added = added[0] * bins.c.into() + added[1] * bins.s.into();
            rise_nm += pull_nm * (self.tilted(radii_px(k), left.grey, bins) - added);
            let variance = left.noise + *excess;
            let pull_x = left.weight * dot(to_x, left.templates);
            let pull_y = left.weight * dot(to_y, left.templates);
            squares[0] += pull_x * pull_x * variance * bins.mcc.into();
            squares[1] += pull_y * pull_y * variance * bins.mss.into();
            squares[2] += pull_nm * pull_nm * variance * bins.count.into();
        }
        let tilt = [by_x, by_y].map(|by| [by[1], by[2]]);
        let sigma = squares.map(|square| square.total().sqrt());
        Some(Sideways { shift_px: (by_x[0], by_y[0]), rise_nm: rise_nm.total(), tilt, sigma })
    }

    /// What the tilt adds to the sums of the grey levels of rings with these radii and levels.
    #[inline(always)]
    pub(super) fn tilted(&self, radius_px: Four, grey: Four, bins: &Bins) -> Four {
        let [x, y] = self.tilt;
        let along = |[a, b]: [f64; 2]| radius_px * (Four::all(a) + Four::all(b) * grey);
        along(x) * bins.c.into() + along(y) * bins.s.into()
    }
}

/// What z, gain and offset change in a grey level.
#[inline(always)]
fn derivatives(gain: Four, here: &Model) -> [Four; 3] {
    [gain * here.rise, here.value, Four::all(1.0)]
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
            (left.square.0[lane], count * (left.noise.0[lane] + left.misfit.0[lane]), count)
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
                self.excess[middle / BINS_PER_KNOT].0[middle % BINS_PER_KNOT] =
                    (excess / count.max(1.0)).max(0.0);
                any |= excess > 0.0;
            }
        }
        any
    }
}

/// Weight of each pixel of a narrow ring: the inverse of the variance expected of it.
#[inline(always)]
pub fn weight(noise: Four, misfit: Four, excess: Four) -> Four {
    Four::all(1.0) / (noise + Four::all(MISFIT_SHARE) * misfit + excess)
}
