//! The Z-LUT as a smooth function of z: one cubic spline per ring, through all planes.
//!
//! A spline, because a parabola through a few planes has an error of the order of (plane step) squared: 8 nm at
//! steps of 100 nm on simulated beads, where the whole pipeline with the spline has 0.3 nm.

use crate::simd::{Four, weighted_sum};

/// Splines through `n_planes` rows of `n_rings` values, with continuous first and second derivative, and a
/// continuous third one at the second and the last but one plane ("not a knot"), so that nothing is assumed about
/// the ends.
#[derive(Clone, Debug)]
pub struct ZSpline {
    z_nm: Vec<f64>,
    n_rings: usize,
    /// Row-major, plane by plane.
    values: Vec<f32>,
    /// Second derivative by z at each plane, per nm squared.
    curvatures: Vec<f32>,
}

/// Fewest planes a not-a-knot spline can be put through.
pub const MIN_PLANES: usize = 4;

/// Where z lies between two planes: rows and the weights of their values and curvatures in the value of the spline
/// and in its derivative by z.
#[derive(Clone, Copy, Debug)]
pub struct Between<'a> {
    /// Values of the plane below and above.
    pub values: [&'a [f32]; 2],
    /// Curvatures of the plane below and above.
    pub curvatures: [&'a [f32]; 2],
    value_weights: [f64; 4],
    slope_weights: [f64; 4],
}

impl Between<'_> {
    /// Values of the four rings from `first` on and their derivatives by z per nm.
    #[inline(always)]
    pub(crate) fn at<F: Four>(&self, first: usize) -> (F, F) {
        let ([a, b], [c, d]) = (self.values, self.curvatures);
        let at = F::from_column;
        let rows = [at(a, first), at(b, first), at(c, first), at(d, first)];
        let [[a, b, c, d], [e, f, g, h]] = [self.value_weights, self.slope_weights];
        let value = weighted_sum(rows, [F::all(a), F::all(b), F::all(c), F::all(d)]);
        (value, weighted_sum(rows, [F::all(e), F::all(f), F::all(g), F::all(h)]))
    }
}

impl ZSpline {
    /// `values`: planes x rings, all finite; `z_nm`: strictly increasing, at least [`MIN_PLANES`], as many as rows.
    /// The caller has checked this.
    pub(crate) fn new(z_nm: Vec<f64>, values: Vec<f32>, n_rings: usize) -> Self {
        let mut curvatures = vec![0.0; values.len()];
        let system = Tridiagonal::not_a_knot(&z_nm);
        let mut solution = vec![0.0; z_nm.len()];
        for k in 0..n_rings {
            system.solve(|plane| f64::from(values[plane * n_rings + k]), &mut solution);
            for (plane, curvature) in solution.iter().enumerate() {
                curvatures[plane * n_rings + k] = *curvature as f32;
            }
        }
        Self { z_nm, n_rings, values, curvatures }
    }

    /// Heights of the planes, nm.
    pub fn z_nm(&self) -> &[f64] {
        &self.z_nm
    }

    /// Values of one plane.
    pub fn plane(&self, plane: usize) -> &[f32] {
        &self.values[plane * self.n_rings..(plane + 1) * self.n_rings]
    }

    /// Curvatures of one plane, per nm squared.
    pub(crate) fn curvature(&self, plane: usize) -> &[f32] {
        &self.curvatures[plane * self.n_rings..(plane + 1) * self.n_rings]
    }

    /// The spline around `z_nm`; beyond the ends the outermost piece goes on.
    pub fn between(&self, z_nm: f64) -> Between<'_> {
        let above = self.z_nm.partition_point(|z| *z <= z_nm).clamp(1, self.z_nm.len() - 1);
        let below = above - 1;
        let step = self.z_nm[above] - self.z_nm[below];
        let b = (z_nm - self.z_nm[below]) / step;
        let a = 1.0 - b;
        let cubic = |t: f64| (t * t * t - t) * step * step / 6.0;
        let cubic_slope = |t: f64| (3.0 * t * t - 1.0) * step / 6.0;
        Between {
            values: [self.plane(below), self.plane(above)],
            curvatures: [self.curvature(below), self.curvature(above)],
            value_weights: [a, b, cubic(a), cubic(b)],
            slope_weights: [-1.0 / step, 1.0 / step, -cubic_slope(a), cubic_slope(b)],
        }
    }
}

/// The equations for the curvatures at the inner planes, with those at the ends put in.
struct Tridiagonal {
    steps: Vec<f64>,
    lower: Vec<f64>,
    diagonal: Vec<f64>,
    upper: Vec<f64>,
}

impl Tridiagonal {
    fn not_a_knot(z_nm: &[f64]) -> Self {
        let steps: Vec<f64> = z_nm.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let lower = steps[..steps.len() - 1].to_vec();
        let upper = steps[1..].to_vec();
        let diagonal = steps.windows(2).map(|pair| 2.0 * (pair[0] + pair[1])).collect();
        let mut system = Self { steps, lower, diagonal, upper };
        let (last, ratio) = (system.diagonal.len() - 1, system.end_ratios());
        system.diagonal[0] += system.steps[0] * (1.0 + ratio[0]);
        system.upper[0] -= system.steps[0] * ratio[0];
        system.diagonal[last] += system.steps[last + 1] * (1.0 + ratio[1]);
        system.lower[last] -= system.steps[last + 1] * ratio[1];
        system
    }

    /// End step over its neighbour, at the first and at the last plane.
    fn end_ratios(&self) -> [f64; 2] {
        let n = self.steps.len();
        [self.steps[0] / self.steps[1], self.steps[n - 1] / self.steps[n - 2]]
    }

    /// Curvatures at all planes, by elimination (Thomas).
    fn solve(&self, value: impl Fn(usize) -> f64, out: &mut [f64]) {
        let n = self.diagonal.len();
        let mut eliminated = vec![0.0; n];
        let slope = |i: usize| (value(i + 1) - value(i)) / self.steps[i];
        for i in 0..n {
            let right = 6.0 * (slope(i + 1) - slope(i));
            let (before, above) = if i == 0 { (0.0, 0.0) } else { (out[i], eliminated[i - 1]) };
            let lower = if i == 0 { 0.0 } else { self.lower[i] };
            let pivot = self.diagonal[i] - lower * above;
            eliminated[i] = self.upper[i] / pivot;
            out[i + 1] = (right - lower * before) / pivot;
        }
        for i in (1..n).rev() {
            out[i] -= eliminated[i - 1] * out[i + 1];
        }
        let ratio = self.end_ratios();
        out[0] = out[1] + ratio[0] * (out[1] - out[2]);
        out[n + 1] = out[n] + ratio[1] * (out[n] - out[n - 1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::FourScalar;

    fn at(spline: &ZSpline, z_nm: f64, k: usize) -> (f64, f64) {
        let (value, slope) = spline.between(z_nm).at::<FourScalar>(k);
        (value.to_array()[0], slope.to_array()[0])
    }

    #[test]
    fn a_cubic_is_met_exactly_on_uneven_planes_up_to_both_ends() {
        let z_nm = vec![0.0, 1.0, 2.5, 3.0, 5.0, 6.0];
        let f = |z: f64| 1.0 + z - 0.5 * z * z + 0.1 * z * z * z;
        let slope = |z: f64| 1.0 - z + 0.3 * z * z;
        let values = z_nm.iter().flat_map(|z| [f(*z) as f32, -2.0 * f(*z) as f32]).collect();
        let spline = ZSpline::new(z_nm, values, 2);
        for z in [0.0, 0.3, 1.7, 2.6, 4.9, 5.5, 6.0, 6.2] {
            let (value, derivative) = at(&spline, z, 0);
            assert!((value - f(z)).abs() < 1e-4, "{z}: {value}");
            assert!((derivative - slope(z)).abs() < 1e-4, "{z}: {derivative}");
            assert!((at(&spline, z, 1).0 + 2.0 * f(z)).abs() < 1e-4);
        }
    }

    #[test]
    fn the_fewest_planes_work() {
        let z_nm: Vec<f64> = (0..MIN_PLANES).map(|i| 100.0 * i as f64).collect();
        let values = z_nm.iter().map(|z| (z * z) as f32).collect();
        let (value, slope) = at(&ZSpline::new(z_nm, values, 1), 150.0, 0);
        assert!((value - 22_500.0).abs() < 0.1 && (slope - 300.0).abs() < 0.01);
    }
}
