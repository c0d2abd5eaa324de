//! Pixels added up in narrow rings, and the model in the middle of each ring: all that the steps of `fit` look at.

use super::sideways::Left;
use crate::image_model::ImageModel;
use crate::radial_spline::{KNOT_STEP_PX, slope_weights, value_weights};
use crate::sampling::usable_radius_px;
use crate::simd::{Eight, Four, LANES, Sums16, weighted_sum};

/// Narrow rings in a knot interval: 1/8 px each. What is left of the model's curvature inside one is 0.2 % of the
/// fringe, below the noise of any camera; slopes inside it are taken into account.
pub const BINS_PER_KNOT: usize = 4;
/// Width of a narrow ring, px.
pub const BIN_PX: f64 = KNOT_STEP_PX / BINS_PER_KNOT as f64;

/// So many pixels, in rows spread over the ROI, tell the noise: they know it to 4 %.
pub(crate) const NOISE_PIXELS: usize = 1024;

/// Sums over the pixels of the four narrow rings of a knot interval, side by side. `c`, `s`: cosine and sine of a pixel's
/// angle; `d`: its radius less that of the ring's middle, px; `m`: 1 if its mirror image is in the ROI, at the edge a part
/// of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bins {
    pub grey: [f32; BINS_PER_KNOT],
    pub grey_squared: [f32; BINS_PER_KNOT],
    pub count: [f32; BINS_PER_KNOT],
    pub d: [f32; BINS_PER_KNOT],
    pub grey_mc: [f32; BINS_PER_KNOT],
    pub grey_ms: [f32; BINS_PER_KNOT],
    pub mc: [f32; BINS_PER_KNOT],
    pub ms: [f32; BINS_PER_KNOT],
    pub dmc: [f32; BINS_PER_KNOT],
    pub dms: [f32; BINS_PER_KNOT],
    pub mcc: [f32; BINS_PER_KNOT],
    pub mss: [f32; BINS_PER_KNOT],
    pub c: [f32; BINS_PER_KNOT],
    pub s: [f32; BINS_PER_KNOT],
    /// `d` by the pixel: they do not lie in the middle of their ring on average.
    pub mean_d: [f32; BINS_PER_KNOT],
}

impl Bins {
    /// From the sums of each ring.
    #[inline(always)]
    fn beside(four: &[Sums16; BINS_PER_KNOT]) -> Self {
        let column = |term: usize| [four[0].0[term], four[1].0[term], four[2].0[term], four[3].0[term]];
        let (count, d) = (column(2), column(3));
        let mut mean_d = d;
        for (mean, count) in mean_d.iter_mut().zip(count) {
            *mean /= if count > 1.0 { count } else { 1.0 };
        }
        Self {
            grey: column(0),
            grey_squared: column(1),
            count,
            d,
            grey_mc: column(4),
            grey_ms: column(5),
            mc: column(6),
            ms: column(7),
            dmc: column(8),
            dms: column(9),
            mcc: column(10),
            mss: column(11),
            c: column(12),
            s: column(13),
            mean_d,
        }
    }
}

/// The model at the middle of each of the four narrow rings of a knot interval.
#[derive(Clone, Copy, Debug, Default)]
pub struct Model {
    pub value: [f64; BINS_PER_KNOT],
    /// By the radius, per px.
    pub slope: [f64; BINS_PER_KNOT],
    /// By z, per nm.
    pub rise: [f64; BINS_PER_KNOT],
}

/// Radii, px, of the middles of the narrow rings of knot interval `k`.
#[inline(always)]
pub fn radii_px<F: Four>(k: usize) -> F {
    F::all(k as f64 * KNOT_STEP_PX) + F::of([0.5 * BIN_PX, 1.5 * BIN_PX, 2.5 * BIN_PX, 3.5 * BIN_PX])
}

/// Eight columns of pixels.
#[derive(Clone, Copy, Debug)]
struct Columns {
    /// From the centre to the right, px.
    dx: [f32; LANES],
    /// How much of their mirror image is in the ROI.
    mirror: [f32; LANES],
}

/// As far from the centre as no pixel is, px: where columns beyond the ROI are put.
const FAR_PX: f32 = 1e6;

/// The pixels of one row: the narrow ring of each, how far from its middle, and what the model leaves.
#[derive(Clone, Debug)]
struct Row {
    index: Vec<u32>,
    d: Vec<f32>,
    residual: Vec<f32>,
}

/// Room for [`fit`](super::fit); one per thread.
#[derive(Clone, Debug)]
pub struct FitScratch {
    sums: Vec<Sums16>,
    /// These and all that follow: a row for each knot interval.
    pub(super) bins: Vec<Bins>,
    pub(super) model: Vec<Model>,
    /// Variance of the pixels beyond noise and misfit.
    pub(super) excess: Vec<[f64; BINS_PER_KNOT]>,
    pub(super) left: Vec<Left>,
    /// Of each narrow ring, in units of its noise: grey level, slope per px, and one grey level.
    expected: Vec<[f32; 3]>,
    /// Coefficients and their derivatives by z, from one before the first to one after the last.
    coefficients: [Vec<f64>; 2],
    columns: Vec<Columns>,
    row: Row,
    /// Of each coefficient in the value, and in the slope, in the four narrow rings.
    weights: [[[f64; BINS_PER_KNOT]; 4]; 2],
    roi_px: usize,
}

impl FitScratch {
    /// Room for ROIs of `roi_px` and models of `n_knots`.
    pub fn new(roi_px: usize, n_knots: usize) -> Self {
        let weights = |at: fn(f64) -> [f64; 4]| {
            let four = [0.125, 0.375, 0.625, 0.875].map(at);
            std::array::from_fn(|j| four.map(|weights| weights[j]))
        };
        let nowhere = Columns { dx: [FAR_PX; LANES], mirror: [0.0; LANES] };
        let mut scratch = Self {
            sums: Vec::new(),
            bins: Vec::new(),
            model: Vec::new(),
            excess: Vec::new(),
            left: Vec::new(),
            expected: Vec::new(),
            coefficients: [Vec::new(), Vec::new()],
            columns: vec![nowhere; roi_px.div_ceil(LANES)],
            row: Row { index: vec![0; roi_px], d: vec![0.0; roi_px], residual: vec![0.0; roi_px] },
            weights: [weights(value_weights), weights(slope_weights)],
            roi_px,
        };
        scratch.resize(n_knots);
        scratch
    }

    /// Makes room for models of `n_knots`; allocates only if there never was that much room.
    pub(super) fn resize(&mut self, n_knots: usize) {
        let intervals = n_knots - 1;
        self.sums.resize(intervals * BINS_PER_KNOT, Sums16::default());
        self.bins.resize(intervals, Bins::default());
        self.model.resize(intervals, Model::default());
        self.excess.resize(intervals, [0.0; BINS_PER_KNOT]);
        self.left.resize(intervals, Left::default());
        self.expected.resize(intervals * BINS_PER_KNOT, [0.0; 3]);
        for column in &mut self.coefficients {
            // Written four at a time.
            column.resize(n_knots + 5, 0.0);
        }
    }

    /// Whether it was made for ROIs of `roi_px`.
    pub(super) fn is_for(&self, roi_px: usize) -> bool {
        self.roi_px == roi_px
    }

    /// How many narrow rings there are.
    pub(super) fn n_bins(&self) -> usize {
        BINS_PER_KNOT * self.model.len()
    }

    /// Value, slope and rise of the model in one narrow ring.
    pub(super) fn model_in(&self, bin: usize) -> Option<[f64; 3]> {
        let Model { value, slope, rise } = self.model.get(bin / BINS_PER_KNOT)?;
        Some([value, slope, rise].map(|four| four[bin % BINS_PER_KNOT]))
    }

    /// Adds the pixels up around `center_px`.
    #[inline(always)]
    pub(super) fn add_up<E: Eight>(&mut self, pixels: &[f32], roi_px: usize, center_px: (f64, f64)) {
        let (x_px, y_px) = (center_px.0 as f32, center_px.1 as f32);
        let half = usable_radius_px(roi_px, center_px) as f32;
        // A pixel reaches half a pixel to each side: what of it lies within the mirrored square.
        let mirrored = |distance: f32| (half + 0.5 - distance.abs()).clamp(0.0, 1.0);
        for x in 0..roi_px {
            let Columns { dx, mirror } = &mut self.columns[x / LANES];
            let distance = x as f32 - x_px;
            (dx[x % LANES], mirror[x % LANES]) = (distance, mirrored(distance));
        }
        self.sums.fill(Sums16::default());
        for (y, row) in pixels.chunks_exact(roi_px).enumerate() {
            let dy = y as f32 - y_px;
            let (dy, mirror_y) = (E::all(dy), E::all(mirrored(dy)));
            for (columns, grey) in self.columns.iter().zip(row.chunks(LANES)) {
                let grey = E::from_start_of(grey);
                let (dx, mirror) = (E::of(columns.dx), E::of(columns.mirror) * mirror_y);
                let radius_px = (dx * dx + dy * dy).sqrt();
                let inverse = E::all(1.0) / radius_px.at_least(E::all(1e-6));
                let place = (radius_px * E::all((1.0 / BIN_PX) as f32)).floor();
                let d = radius_px - (place + E::all(0.5)) * E::all(BIN_PX as f32);
                let (c, s) = (dx * inverse, dy * inverse);
                let (mc, ms) = (mirror * c, mirror * s);
                let (grey_mc, grey_ms) = (grey * mc, grey * ms);
                let low = [grey, grey * grey, E::all(1.0), d, grey_mc, grey_ms, mc, ms];
                let high = [d * mc, d * ms, mc * c, ms * s, c, s, E::all(0.0), E::all(0.0)];
                E::add_to_rows(&mut self.sums, &place.indices(), &[low, high]);
            }
        }
        for (beside, four) in self.bins.iter_mut().zip(self.sums.as_chunks().0) {
            *beside = Bins::beside(four);
        }
    }

    /// Standard deviation of the pixels' noise about the model, in units of what was expected of each, after
    /// [`State::step_sideways`](super::State). From second differences along some rows, to which what is not round
    /// adds little: Immerkaer (1996), as in [`background`](crate::background), but in one direction and without the rings.
    #[inline(always)]
    pub(super) fn noise_seen<F: Four>(
        &mut self,
        pixels: &[f32],
        roi_px: usize,
        center_px: (f64, f64),
    ) -> f64 {
        for (expected, left) in self.expected.as_chunks_mut::<BINS_PER_KNOT>().0.iter_mut().zip(&self.left) {
            let inverse = F::all(1.0) / F::of(left.noise).sqrt();
            let (grey, slope) = (F::of(left.grey) * inverse, F::of(left.slope) * inverse);
            let (grey, slope, inverse) = (grey.to_array(), slope.to_array(), inverse.to_array());
            for (i, expected) in expected.iter_mut().enumerate() {
                *expected = [grey[i] as f32, slope[i] as f32, inverse[i] as f32];
            }
        }
        let per_px = (1.0 / BIN_PX) as f32;
        let last = self.expected.len() as u32 - 1;
        let step = (roi_px * roi_px / NOISE_PIXELS).max(1);
        let (mut sum, mut count) = (0.0f32, 0.0f32);
        for (y, row) in pixels.chunks_exact(roi_px).enumerate().step_by(step) {
            let dy = y as f32 - center_px.1 as f32;
            let Row { index, d, residual: residuals } = &mut self.row;
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
    pub(super) fn model_at<F: Four>(&mut self, model: &ImageModel, z_nm: f64) {
        let between = model.spline.between(z_nm);
        let n = model.n_knots();
        let [values, rises] = &mut self.coefficients;
        for first in (0..n).step_by(4) {
            let (value, rise) = between.at::<F>(first);
            values[first + 1..first + 5].copy_from_slice(&value.to_array());
            rises[first + 1..first + 5].copy_from_slice(&rise.to_array());
        }
        // Flat in the middle, straight beyond the end.
        for column in [&mut *values, &mut *rises] {
            column[0] = column[2];
            column[n + 1] = 2.0 * column[n] - column[n - 1];
        }
        let [[a, b, c, d], [e, f, g, h]] = self.weights;
        let of_value = [F::of(a), F::of(b), F::of(c), F::of(d)];
        let of_slope = [F::of(e), F::of(f), F::of(g), F::of(h)];
        for ((values, rises), out) in values.windows(4).zip(rises.windows(4)).zip(&mut self.model) {
            let four = [F::all(values[0]), F::all(values[1]), F::all(values[2]), F::all(values[3])];
            let rising = [F::all(rises[0]), F::all(rises[1]), F::all(rises[2]), F::all(rises[3])];
            *out = Model {
                value: weighted_sum(four, of_value).to_array(),
                slope: weighted_sum(four, of_slope).to_array(),
                rise: weighted_sum(rising, of_value).to_array(),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::radial_spline::value_at;
    use crate::simd::{EightScalar, FourScalar};

    #[test]
    fn each_pixel_is_added_once_in_an_roi_of_any_size() {
        for roi_px in 8..=17 {
            let pixels: Vec<f32> = (0..roi_px * roi_px).map(|i| i as f32).collect();
            let mut scratch = FitScratch::new(roi_px, 40);
            scratch.add_up::<EightScalar>(&pixels, roi_px, (5.3, 6.1));
            let total = |column: fn(&Bins) -> [f32; BINS_PER_KNOT]| -> f32 {
                scratch.bins.iter().flat_map(column).sum()
            };
            assert_eq!(total(|bins| bins.count), pixels.len() as f32, "ROI {roi_px} px");
            assert_eq!(total(|bins| bins.grey), pixels.iter().sum(), "ROI {roi_px} px");
        }
    }

    #[test]
    fn the_model_in_narrow_rings_is_its_spline_from_the_centre_to_the_end() {
        let wave: Vec<f32> = (0..20).map(|k| 50.0 * (0.4 * k as f32).cos()).collect();
        let model = ImageModel::new(&wave.repeat(4), &[0.0, 100.0, 200.0, 300.0], &[0.0; 20]).unwrap();
        let coefficients: Vec<f64> = model.spline.plane(0).iter().map(|c| f64::from(*c)).collect();
        let mut scratch = FitScratch::new(8, 20);
        scratch.model_at::<FourScalar>(&model, 120.0);
        for k in 0..scratch.n_bins() {
            let expected = value_at(&coefficients, (k as f64 + 0.5) * BIN_PX);
            let [value, _, rise] = scratch.model_in(k).unwrap();
            assert!((value - expected).abs() < 1e-3, "narrow ring {k}: {value} {expected}");
            assert!(rise.abs() < 1e-5, "narrow ring {k}: {rise}");
        }
    }
}
