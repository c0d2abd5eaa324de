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

use super::bins::{BIN_PX, Bin, FitScratch, Model};
use super::matrix::{ENTRIES, invert};
use super::noise::Noise;
use super::{MISFIT_SHARE, State};
use crate::image_model::ImageModel;

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

/// What the model leaves of a narrow ring.
#[derive(Clone, Copy, Debug, Default)]
pub struct Left {
    /// Grey level of the model in the middle of the ring.
    pub grey: f64,
    /// By the radius, per px.
    pub slope: f64,
    weight: f64,
    /// Variances expected of a pixel: of noise, and of the misfit of the model.
    pub noise: f64,
    misfit: f64,
    /// Sum of squared residuals.
    square: f64,
    /// Sums of the residuals times cosine and times sine, over mirrored pixels.
    odd: (f64, f64),
    /// What the unknowns of an axis (a shift by 1 px, `a` and `b` by 1 per px) add, times the cosine or sine.
    templates: [f64; 3],
}

impl Left {
    #[inline(always)]
    fn new(bin: &Bin, radius_px: f64, grey: f64, slope: f64) -> Self {
        let explained = |moment: f32, shifted: f32| grey * f64::from(moment) + slope * f64::from(shifted);
        let (count, seen, shifted) = (f64::from(bin.count), f64::from(bin.grey), slope * f64::from(bin.d));
        // The last term is what the slope of the model inside the ring adds to its variance.
        let square = f64::from(bin.grey_squared) - 2.0 * (grey * seen + shifted * seen / count.max(1.0))
            + grey * (grey * count + 2.0 * shifted)
            - slope * slope * count * BIN_PX * BIN_PX / 12.0;
        let odd_x = f64::from(bin.grey_mc) - explained(bin.mc, bin.dmc);
        let odd_y = f64::from(bin.grey_ms) - explained(bin.ms, bin.dms);
        let templates = [-slope, radius_px, radius_px * grey];
        Self { grey, slope, square, odd: (odd_x, odd_y), templates, ..Self::default() }
    }

    /// Takes what `by_x` times the cosine and `by_y` times the sine explain off the squares.
    #[inline(always)]
    fn explain(&mut self, bin: &Bin, (by_x, by_y): (f64, f64)) {
        let (mcc, mss, count) = (f64::from(bin.mcc), f64::from(bin.mss), f64::from(bin.count));
        let mirrored = 2.0 * (by_x * self.odd.0 + by_y * self.odd.1) - by_x * by_x * mcc - by_y * by_y * mss;
        // Of pixels without a mirror image only the mean is known.
        self.square -= mirrored + (count - mcc - mss) * 0.5 * (by_x * by_x + by_y * by_y);
    }
}

/// The normal equations of one axis.
#[derive(Default)]
struct Axis {
    matrix: [f64; 6],
    right: [f64; 3],
}

impl Axis {
    /// `products`: of each two templates, times the weight.
    #[inline(always)]
    fn add(&mut self, left: &Left, products: &[f64; 6], squares: f32, odd: f64) {
        for (sum, product) in self.matrix.iter_mut().zip(products) {
            *sum += product * f64::from(squares);
        }
        for (sum, template) in self.right.iter_mut().zip(left.templates) {
            *sum += left.weight * template * odd;
        }
    }

    /// The unknowns, and what each right side does to the first.
    fn solve(&self) -> Option<([f64; 3], [f64; 3])> {
        let inverse = invert(&self.matrix)?;
        Some((inverse.map(|row| dot(row, self.right)), inverse[0]))
    }
}

#[inline(always)]
fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
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
        let mut matrix = [0.0; 6];
        let FitScratch { bins, model: models, excess, left, .. } = scratch;
        let rings = bins.iter().zip(&*models).zip(&*excess).zip(&mut *left);
        for (k, (((bin, here), excess), left)) in rings.enumerate() {
            let grey = self.gain * here.value + self.offset;
            *left = Left::new(bin, (k as f64 + 0.5) * BIN_PX, grey, self.gain * here.slope);
            (left.noise, left.misfit) = self.variances(k, here, model, noise);
            left.weight = weight(left.noise, left.misfit, *excess);
            let products = ENTRIES.map(|(a, b)| left.weight * left.templates[a] * left.templates[b]);
            x.add(left, &products, bin.mcc, left.odd.0);
            y.add(left, &products, bin.mss, left.odd.1);
            let (derivatives, count) = (self.derivatives(here), left.weight * f64::from(bin.count));
            for (sum, (a, b)) in matrix.iter_mut().zip(ENTRIES) {
                *sum += count * derivatives[a] * derivatives[b];
            }
        }
        let to_z = invert(&matrix)?[0];
        let ((by_x, to_x), (by_y, to_y)) = (x.solve()?, y.solve()?);
        // The weights are not quite the inverse variances, so errors are those of any weighted sum.
        let (mut squares, mut rise_nm) = ([0.0; 3], 0.0);
        let rings = bins.iter().zip(&*models).zip(&*excess).zip(left);
        for (k, (((bin, here), excess), left)) in rings.enumerate() {
            let added = (dot(by_x, left.templates), dot(by_y, left.templates));
            left.explain(bin, added);
            let pull_nm = left.weight * dot(to_z, self.derivatives(here));
            let added = added.0 * f64::from(bin.c) + added.1 * f64::from(bin.s);
            rise_nm -= pull_nm * (added - self.tilted(k, here, bin));
            let variance = left.noise + excess;
            let pull_px = [to_x, to_y].map(|to| left.weight * dot(to, left.templates));
            squares[0] += pull_px[0] * pull_px[0] * variance * f64::from(bin.mcc);
            squares[1] += pull_px[1] * pull_px[1] * variance * f64::from(bin.mss);
            squares[2] += pull_nm * pull_nm * variance * f64::from(bin.count);
        }
        let tilt = [by_x, by_y].map(|by| [by[1], by[2]]);
        Some(Sideways { shift_px: (by_x[0], by_y[0]), rise_nm, tilt, sigma: squares.map(f64::sqrt) })
    }

    /// What the tilt adds to the sum of the grey levels of a ring.
    #[inline(always)]
    pub(super) fn tilted(&self, k: usize, here: &Model, bin: &Bin) -> f64 {
        let (radius_px, grey) = ((k as f64 + 0.5) * BIN_PX, self.gain * here.value + self.offset);
        if grey.is_nan() {
            return 0.0;
        }
        let [x, y] = self.tilt.map(|[a, b]| radius_px * (a + b * grey));
        x * f64::from(bin.c) + y * f64::from(bin.s)
    }

    /// What z, gain and offset change in a grey level.
    #[inline(always)]
    fn derivatives(&self, here: &Model) -> [f64; 3] {
        [self.gain * here.rise, here.value, 1.0]
    }
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
        let rings = self.bins.len();
        let ring = |k: usize| {
            let (count, left) = (f64::from(self.bins[k].count), &self.left[k]);
            (left.square, count * (left.noise + left.misfit), count)
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
                self.excess[middle] = (excess / count.max(1.0)).max(0.0);
                any |= excess > 0.0;
            }
        }
        any
    }
}

/// Weight of each pixel of a narrow ring: the inverse of the variance expected of it.
#[inline(always)]
pub fn weight(noise: f64, misfit: f64, excess: f64) -> f64 {
    1.0 / (noise + MISFIT_SHARE * misfit + excess)
}
