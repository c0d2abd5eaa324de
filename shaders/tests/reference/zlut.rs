//! Height from a profile: the best plane, then Gauss-Newton, with the secant, on a spline through the planes.

use super::rings::{FINE_ARC_STEP_PX, Grid, weighted_mean};
use super::{Margin, Recipe};

/// A Z-LUT: profiles at known heights and the spline through them.
#[derive(Clone, Debug)]
pub struct Zlut {
    grid: Grid,
    z_nm: Vec<f64>,
    /// Plane by plane, then ring by ring.
    planes: Vec<Vec<f64>>,
    /// Second derivatives by z at the planes.
    curvatures: Vec<Vec<f64>>,
    usable: Vec<bool>,
}

pub struct Match {
    pub z_nm: f64,
    pub correlation: f64,
    pub in_range: bool,
}

impl Zlut {
    /// `profiles`: planes x rings, row by row; ring k is at `first_ring_px + k ring_step_px`. `z_nm` increases. Planes
    /// with more than half of their rings NaN are left out, then rings that are NaN in any plane.
    pub fn new(profiles: &[f64], z_nm: &[f64], first_ring_px: f64, ring_step_px: f64) -> Self {
        let n_rings = profiles.len() / z_nm.len();
        let grid = Grid { first_ring_px, ring_step_px, n_rings, arc_step_px: FINE_ARC_STEP_PX };
        let is_whole = |plane: &&[f64]| 2 * plane.iter().filter(|v| v.is_finite()).count() > n_rings;
        let (z_nm, planes): (Vec<f64>, Vec<Vec<f64>>) = z_nm
            .iter()
            .zip(profiles.chunks(n_rings))
            .filter(|(_, plane)| is_whole(plane))
            .map(|(z, plane)| (*z, plane.to_vec()))
            .unzip();
        let usable: Vec<bool> =
            (0..n_rings).map(|k| planes.iter().all(|plane| plane[k].is_finite())).collect();
        let curvatures = not_a_knot(&z_nm, &planes);
        Self { grid, z_nm, planes, curvatures, usable }
    }

    /// Its rings.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// Value and derivative by z of ring `k`; beyond the ends the outermost piece goes on.
    fn at(&self, z: f64, k: usize, recipe: Recipe) -> (f64, f64) {
        let above = self.z_nm.iter().position(|plane| *plane > z).unwrap_or(usize::MAX);
        let above = above.clamp(1, self.z_nm.len() - 1);
        let below = above - 1;
        let step = self.z_nm[above] - self.z_nm[below];
        let (up, down) = (z - self.z_nm[below], self.z_nm[above] - z);
        let (value_below, value_above) = (self.planes[below][k], self.planes[above][k]);
        let (mut below, mut above) = (self.curvatures[below][k], self.curvatures[above][k]);
        if recipe == Recipe::LinearInZ {
            (below, above) = (0.0, 0.0);
        }
        // The curvature runs straight from plane to plane; twice integrated, and through the values.
        let (line_below, line_above) =
            (value_below / step - below * step / 6.0, value_above / step - above * step / 6.0);
        let value =
            (below * down.powi(3) + above * up.powi(3)) / (6.0 * step) + line_below * down + line_above * up;
        let slope = (above * up * up - below * down * down) / (2.0 * step) - line_below + line_above;
        (value, slope)
    }

    /// The height at which it is most like a profile. `None` if it has too few rings or never settles.
    pub fn find(&self, mean: &[f64], weights: &[f64], recipe: Recipe, margin: &mut Margin) -> Option<Match> {
        let rings: Vec<usize> =
            (0..mean.len().min(self.usable.len())).filter(|k| self.usable[*k] && weights[*k] > 0.0).collect();
        if rings.len() < 4 {
            return None;
        }
        let seen = Seen {
            mean: rings.iter().map(|k| mean[*k]).collect(),
            weights: rings.iter().map(|k| weights[*k]).collect(),
        };
        let correlations: Vec<f64> = (self.planes.iter())
            .map(|plane| seen.correlation(&rings.iter().map(|k| plane[*k]).collect::<Vec<f64>>()))
            .collect();
        let best =
            (0..correlations.len()).rev().max_by(|a, b| correlations[*a].total_cmp(&correlations[*b]))?;
        // From a neighbour the way leads to the same height, from another peak it does not.
        let is_peak = |i: usize| {
            (i == 0 || correlations[i - 1] < correlations[i])
                && correlations.get(i + 1).is_none_or(|next| *next < correlations[i])
        };
        for i in (0..correlations.len()).filter(|i| i.abs_diff(best) > 1 && is_peak(*i)) {
            margin.note(correlations[best] - correlations[i]);
        }
        if recipe == Recipe::ParabolaInZ {
            return self.top_of_parabola(best, &correlations);
        }
        self.gauss_newton(self.z_nm[best], &rings, &seen, recipe, margin)
    }

    fn gauss_newton(
        &self,
        mut z_nm: f64,
        rings: &[usize],
        seen: &Seen,
        recipe: Recipe,
        margin: &mut Margin,
    ) -> Option<Match> {
        let (first, last) = (self.z_nm[0], self.z_nm[self.z_nm.len() - 1]);
        let plane_step = (last - first) / (self.z_nm.len() - 1) as f64;
        let mut settled = false;
        // The step before: as solved for, and as taken.
        let (mut solved, mut taken) = (0.0, 0.0);
        // A kernel may take 20 steps to come to rest within a ten-thousandth of a plane; then to where nothing moves.
        for number in 1..100 {
            let (values, slopes): (Vec<f64>, Vec<f64>) =
                rings.iter().map(|k| self.at(z_nm, *k, recipe)).unzip();
            let correlation = seen.correlation(&values);
            let computed = seen.step(&values, &slopes);
            // The secant through the last two, where it makes sense.
            let secant = taken / (solved - computed);
            let secant = if (0.1..=10.0).contains(&secant) { secant } else { 1.0 };
            let step = (secant * computed).clamp(-plane_step, plane_step);
            (solved, taken) = (computed, step);
            // What hardly settles may do so in time on one side only.
            if !settled && number > 17 {
                margin.note(0.0);
            }
            if step.is_nan() || (!settled && number > 20) {
                return None;
            }
            z_nm += step;
            settled |= step.abs() < 1e-4 * plane_step;
            let beyond_planes = (first - z_nm).max(z_nm - last) / plane_step;
            let at_rest = step.abs() < 1e-9 || (settled && recipe == Recipe::AtTolerance);
            if beyond_planes > 1.0 || at_rest {
                margin.note(beyond_planes);
                return Some(Match { z_nm, correlation, in_range: beyond_planes <= 0.0 });
            }
        }
        // Straight lines have corners to be caught at.
        (recipe != Recipe::Sound).then_some(Match { z_nm, correlation: 1.0, in_range: true })
    }

    fn top_of_parabola(&self, best: usize, correlations: &[f64]) -> Option<Match> {
        let (before, after) = (correlations.get(best.checked_sub(1)?)?, correlations.get(best + 1)?);
        let at = correlations[best];
        let top = 0.5 * (before - after) / (before - 2.0 * at + after);
        let z_nm = self.z_nm[best] + top * (self.z_nm[best + 1] - self.z_nm[best]);
        Some(Match { z_nm, correlation: at, in_range: true })
    }
}

/// A profile on the rings that count.
struct Seen {
    mean: Vec<f64>,
    weights: Vec<f64>,
}

impl Seen {
    fn covariance(&self, a: &[f64], b: &[f64]) -> f64 {
        let (mean_a, mean_b) = (weighted_mean(a, &self.weights), weighted_mean(b, &self.weights));
        let products: Vec<f64> = a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).collect();
        weighted_mean(&products, &self.weights)
    }

    fn correlation(&self, values: &[f64]) -> f64 {
        let norm = self.covariance(values, values) * self.covariance(&self.mean, &self.mean);
        self.covariance(values, &self.mean) / norm.sqrt()
    }

    /// Step in z of the least squares `seen = gain value + gain step slope + offset`, its product with the gain over
    /// the gain without a step: the joint gain is poor where value and slope look alike.
    fn step(&self, values: &[f64], slopes: &[f64]) -> f64 {
        let (vv, vs, ss) = (
            self.covariance(values, values),
            self.covariance(values, slopes),
            self.covariance(slopes, slopes),
        );
        let (vp, sp) = (self.covariance(values, &self.mean), self.covariance(slopes, &self.mean));
        let solved = solve(vec![vec![vv, vs], vec![vs, ss]], vec![vec![vp], vec![sp]]);
        solved[1][0] / (vp / vv)
    }
}

/// Second derivatives at the planes of cubic splines, one per ring: their first derivatives meet at every plane, their
/// third ones at the second and the last but one.
fn not_a_knot(z: &[f64], planes: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = z.len();
    let step = |i: usize| z[i + 1] - z[i];
    let mut matrix = vec![vec![0.0; n]; n];
    let mut right = vec![vec![0.0; planes[0].len()]; n];
    for (row, i) in [(0, 1), (n - 1, n - 2)] {
        // (c[i] - c[i-1]) / step = (c[i+1] - c[i]) / next step
        matrix[row][i - 1] = 1.0 / step(i - 1);
        matrix[row][i] = -1.0 / step(i - 1) - 1.0 / step(i);
        matrix[row][i + 1] = 1.0 / step(i);
    }
    for i in 1..n - 1 {
        matrix[i][i - 1] = step(i - 1) / 6.0;
        matrix[i][i] = (step(i - 1) + step(i)) / 3.0;
        matrix[i][i + 1] = step(i) / 6.0;
        for (k, right) in right[i].iter_mut().enumerate() {
            let slope = |i: usize| (planes[i + 1][k] - planes[i][k]) / step(i);
            *right = slope(i) - slope(i - 1);
        }
    }
    solve(matrix, right)
}

/// Gaussian elimination with pivots, for several right sides at once.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let n = matrix.len();
    for i in 0..n {
        let pivot = (i..n).max_by(|a, b| matrix[*a][i].abs().total_cmp(&matrix[*b][i].abs())).unwrap_or(i);
        matrix.swap(i, pivot);
        right.swap(i, pivot);
        for j in (0..n).filter(|j| *j != i) {
            let factor = matrix[j][i] / matrix[i][i];
            if factor != 0.0 {
                let (row, sides) = (matrix[i].clone(), right[i].clone());
                matrix[j].iter_mut().zip(row).for_each(|(to, from)| *to -= factor * from);
                right[j].iter_mut().zip(sides).for_each(|(to, from)| *to -= factor * from);
            }
        }
    }
    for (i, sides) in right.iter_mut().enumerate() {
        sides.iter_mut().for_each(|side| *side /= matrix[i][i]);
    }
    right
}
