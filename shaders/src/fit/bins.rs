//! Pixels added up in narrow rings, and the model in the middle of each ring: all that the steps of `fit` look at.

use super::sideways::Left;
use crate::image_model::ImageModel;
use crate::radial_spline::{KNOT_STEP_PX, slope_weights, value_weights};
use crate::sampling::usable_radius_px;

/// Narrow rings in a knot interval: 1/8 px each. What is left of the model's curvature inside one is 0.2 % of the
/// fringe, below the noise of any camera; slopes inside it are taken into account.
pub const BINS_PER_KNOT: usize = 4;
/// Width of a narrow ring, px.
pub const BIN_PX: f64 = KNOT_STEP_PX / BINS_PER_KNOT as f64;

/// So many pixels, in rows spread over the ROI, tell the noise: they know it to 4 %.
pub(crate) const NOISE_PIXELS: usize = 1024;

/// Sums over the pixels of one narrow ring. `c`, `s`: cosine and sine of a pixel's angle; `d`: its radius less that of
/// the ring's middle, px; `m`: 1 if its mirror image is in the ROI, at the edge a part of it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))] // a cache line
pub struct Bin {
    pub grey: f32,
    pub grey_squared: f32,
    pub count: f32,
    pub d: f32,
    pub grey_mc: f32,
    pub grey_ms: f32,
    pub mc: f32,
    pub ms: f32,
    pub dmc: f32,
    pub dms: f32,
    pub mcc: f32,
    pub mss: f32,
    pub c: f32,
    pub s: f32,
}

impl Bin {
    /// Adds one pixel.
    #[inline(always)]
    fn add(&mut self, grey: f32, d: f32, (c, s): (f32, f32), m: f32) {
        let (mc, ms) = (m * c, m * s);
        self.grey += grey;
        self.grey_squared += grey * grey;
        self.count += 1.0;
        self.d += d;
        self.grey_mc += grey * mc;
        self.grey_ms += grey * ms;
        self.mc += mc;
        self.ms += ms;
        self.dmc += d * mc;
        self.dms += d * ms;
        self.mcc += mc * c;
        self.mss += ms * s;
        self.c += c;
        self.s += s;
    }
}

/// The model at the middle of one narrow ring.
#[derive(Clone, Copy, Debug, Default)]
pub struct Model {
    pub value: f64,
    /// By the radius, per px.
    pub slope: f64,
    /// By z, per nm.
    pub rise: f64,
}

/// The pixels of one row: the narrow ring of each, and what [`Bin::add`] takes.
#[derive(Clone, Debug)]
struct Row {
    index: Vec<u32>,
    d: Vec<f32>,
    c: Vec<f32>,
    s: Vec<f32>,
    m: Vec<f32>,
}

impl Row {
    fn new(roi_px: usize) -> Self {
        let column = || vec![0.0; roi_px];
        Self { index: vec![0; roi_px], d: column(), c: column(), s: column(), m: column() }
    }
}

/// Room for [`fit`](super::fit); one per thread.
#[derive(Clone, Debug)]
pub struct FitScratch {
    pub(super) bins: Vec<Bin>,
    pub(super) model: Vec<Model>,
    /// Variance of the pixels beyond noise and misfit.
    pub(super) excess: Vec<f64>,
    pub(super) left: Vec<Left>,
    /// Of each narrow ring, in units of its noise: grey level, slope per px, and one grey level.
    expected: Vec<[f32; 3]>,
    /// Coefficients and their derivatives by z, padded.
    coefficients: Vec<[f64; 2]>,
    /// For each column: how much of its mirror image is in the ROI.
    mirror_x: Vec<f32>,
    row: Row,
    weights: [[[f64; 4]; 2]; BINS_PER_KNOT],
}

impl FitScratch {
    /// Room for ROIs of `roi_px` and models of `n_knots`.
    pub fn new(roi_px: usize, n_knots: usize) -> Self {
        let weights = std::array::from_fn(|b| {
            let u = (b as f64 + 0.5) / BINS_PER_KNOT as f64;
            [value_weights(u), slope_weights(u)]
        });
        let mut scratch = Self {
            bins: Vec::new(),
            model: Vec::new(),
            excess: Vec::new(),
            left: Vec::new(),
            expected: Vec::new(),
            coefficients: Vec::new(),
            mirror_x: vec![0.0; roi_px],
            row: Row::new(roi_px),
            weights,
        };
        scratch.resize(n_knots);
        scratch
    }

    /// Makes room for models of `n_knots`; allocates only if there never was that much room.
    pub(super) fn resize(&mut self, n_knots: usize) {
        let bins = (n_knots - 1) * BINS_PER_KNOT;
        self.bins.resize(bins, Bin::default());
        self.model.resize(bins, Model::default());
        self.excess.resize(bins, 0.0);
        self.left.resize(bins, Left::default());
        self.expected.resize(bins, [0.0; 3]);
        self.coefficients.resize(n_knots + 2, [0.0; 2]);
    }

    /// Whether it was made for ROIs of `roi_px`.
    pub(super) fn is_for(&self, roi_px: usize) -> bool {
        self.mirror_x.len() == roi_px
    }

    /// Adds the pixels up around `center_px`.
    #[inline(always)]
    pub(super) fn add_up(&mut self, pixels: &[f32], roi_px: usize, center_px: (f64, f64)) {
        self.bins.fill(Bin::default());
        let half = usable_radius_px(roi_px, center_px) as f32;
        // A pixel reaches half a pixel to each side: what of it lies within the mirrored square.
        let mirrored = |distance: f32| (half + 0.5 - distance.abs()).clamp(0.0, 1.0);
        for (x, mirror) in self.mirror_x.iter_mut().enumerate() {
            *mirror = mirrored(x as f32 - center_px.0 as f32);
        }
        let per_px = (1.0 / BIN_PX) as f32;
        for (y, row) in pixels.chunks_exact(roi_px).enumerate() {
            let dy = y as f32 - center_px.1 as f32;
            let mirror_y = mirrored(dy);
            // Two loops: the first has no order and becomes wide, the second adds to places that may be the same.
            let Row { index, d, c, s, m } = &mut self.row;
            let columns =
                index.iter_mut().zip(d).zip(c.iter_mut().zip(s)).zip(m.iter_mut().zip(&self.mirror_x));
            for (x, (((index, d), (c, s)), (m, mirror_x))) in columns.enumerate() {
                let dx = x as f32 - center_px.0 as f32;
                let radius_px = (dx * dx + dy * dy).sqrt();
                let inverse = 1.0 / radius_px.max(1e-6);
                *index = (radius_px * per_px) as u32;
                *d = radius_px - (*index as f32 + 0.5) * BIN_PX as f32;
                (*c, *s, *m) = (dx * inverse, dy * inverse, mirror_x * mirror_y);
            }
            let Row { index, d, c, s, m } = &self.row;
            let columns = index.iter().zip(d).zip(c.iter().zip(s)).zip(m);
            for (&grey, (((index, d), (c, s)), m)) in row.iter().zip(columns) {
                let Some(bin) = self.bins.get_mut(*index as usize) else { continue };
                bin.add(grey, *d, (*c, *s), *m);
            }
        }
    }

    /// Standard deviation of the pixels' noise about the model, in units of what was expected of each, after
    /// [`State::step_sideways`](super::State). From second differences along some rows, to which what is not round
    /// adds little: Immerkaer (1996), as in [`background`](crate::background), but in one direction and without the rings.
    #[inline(always)]
    pub(super) fn noise_seen(&mut self, pixels: &[f32], roi_px: usize, center_px: (f64, f64)) -> f64 {
        for (expected, left) in self.expected.iter_mut().zip(&self.left) {
            let inverse = 1.0 / left.noise.sqrt();
            *expected = [left.grey * inverse, left.slope * inverse, inverse].map(|v| v as f32);
        }
        let per_px = (1.0 / BIN_PX) as f32;
        let last = self.expected.len() as u32 - 1;
        let step = (roi_px * roi_px / NOISE_PIXELS).max(1);
        let (mut sum, mut count) = (0.0f32, 0.0f32);
        for (y, row) in pixels.chunks_exact(roi_px).enumerate().step_by(step) {
            let dy = y as f32 - center_px.1 as f32;
            let Row { index, d, c: residuals, .. } = &mut self.row;
            for (x, (index, d)) in index.iter_mut().zip(d.iter_mut()).enumerate() {
                let dx = x as f32 - center_px.0 as f32;
                let place = (dx * dx + dy * dy).sqrt() * per_px;
                *index = (place as u32).min(last);
                *d = (place - (*index as f32 + 0.5)) * BIN_PX as f32;
            }
            for (((residual, index), d), grey) in residuals.iter_mut().zip(index).zip(d).zip(row) {
                let [value, slope, inverse] = self.expected[*index as usize];
                *residual = grey * inverse - value - slope * *d;
            }
            for three in residuals.windows(3) {
                sum += (three[0] - 2.0 * three[1] + three[2]).abs();
            }
            count += (roi_px - 2) as f32;
        }
        // For noise of standard deviation 1 the mean is sqrt(6), the norm of the mask, times sqrt(2/pi).
        f64::from(sum / count) * (std::f64::consts::PI / 12.0).sqrt()
    }

    /// The model at `z_nm` in the middle of each narrow ring.
    #[inline(always)]
    pub(super) fn model_at(&mut self, model: &ImageModel, z_nm: f64) {
        let between = model.spline.between(z_nm);
        let n = model.n_knots();
        let [below, above] = between.values;
        let [curved_below, curved_above] = between.curvatures;
        let rows = below[..n].iter().zip(&above[..n]).zip(curved_below[..n].iter().zip(&curved_above[..n]));
        for (coefficient, ((a, b), (c, d))) in self.coefficients[1..=n].iter_mut().zip(rows) {
            *coefficient = between.at([*a, *b, *c, *d]).into();
        }
        self.coefficients[0] = self.coefficients[2];
        let (last, before) = (self.coefficients[n], self.coefficients[n - 1]);
        self.coefficients[n + 1] = [2.0 * last[0] - before[0], 2.0 * last[1] - before[1]];
        let intervals = self.coefficients.windows(4);
        for (four, models) in intervals.zip(self.model.chunks_exact_mut(BINS_PER_KNOT)) {
            for (out, [value_weights, slope_weights]) in models.iter_mut().zip(&self.weights) {
                let weigh = |weights: &[f64; 4], part: usize| {
                    (weights[0] * four[0][part] + weights[1] * four[1][part])
                        + (weights[2] * four[2][part] + weights[3] * four[3][part])
                };
                *out = Model {
                    value: weigh(value_weights, 0),
                    slope: weigh(slope_weights, 0),
                    rise: weigh(value_weights, 1),
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::radial_spline::value_at;

    #[test]
    fn the_model_in_narrow_rings_is_its_spline_from_the_centre_to_the_end() {
        let wave: Vec<f32> = (0..20).map(|k| 50.0 * (0.4 * k as f32).cos()).collect();
        let model = ImageModel::new(&wave.repeat(4), &[0.0, 100.0, 200.0, 300.0], &[0.0; 20]).unwrap();
        let coefficients: Vec<f64> = model.spline.plane(0).iter().map(|c| f64::from(*c)).collect();
        let mut scratch = FitScratch::new(8, 20);
        scratch.model_at(&model, 120.0);
        for (k, here) in scratch.model.iter().enumerate() {
            let expected = value_at(&coefficients, (k as f64 + 0.5) * BIN_PX);
            assert!((here.value - expected).abs() < 1e-3, "narrow ring {k}: {} {expected}", here.value);
            assert!(here.rise.abs() < 1e-5, "narrow ring {k}: {}", here.rise);
        }
    }
}
