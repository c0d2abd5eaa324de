//! A grey level as a smooth function of the radius: a cubic spline, even at the centre, straight at the outer end.
//!
//! Knots lie [`KNOT_STEP_PX`] apart from radius 0. The spline is a sum of cubic B-splines (de Boor 1978, A Practical
//! Guide to Splines); the one centred on knot k has coefficient k. Coefficient -1 is coefficient 1, since an image has
//! no kink at its centre, and the one beyond the last knot goes on in a straight line, so that there are as many
//! coefficients as knots and values at the knots say as much as coefficients.

/// Distance of knots, px. The finest fringes a microscope resolves have a period of 2 px at 100 nm/px: four knots.
pub const KNOT_STEP_PX: f64 = 0.5;

/// Fewest knots.
pub const MIN_KNOTS: usize = 4;

/// Knots up to the radius `radius_px`, the last of them at it or beyond.
pub fn knots_up_to(radius_px: f64) -> usize {
    ((radius_px / KNOT_STEP_PX).ceil() as usize + 1).max(MIN_KNOTS)
}

/// Weights of the four B-splines that reach into a knot interval, at `u` (0 to 1) of it.
#[inline]
pub fn value_weights(u: f64) -> [f64; 4] {
    let v = 1.0 - u;
    [
        v * v * v / 6.0,
        (3.0 * u - 6.0) * u * u / 6.0 + 4.0 / 6.0,
        (3.0 * v - 6.0) * v * v / 6.0 + 4.0 / 6.0,
        u * u * u / 6.0,
    ]
}

/// Their derivatives by the radius, per px.
#[inline]
pub fn slope_weights(u: f64) -> [f64; 4] {
    let v = 1.0 - u;
    [-v * v / 2.0, (9.0 * u - 12.0) * u / 6.0, -(9.0 * v - 12.0) * v / 6.0, u * u / 2.0]
        .map(|w| w / KNOT_STEP_PX)
}

/// Replaces `values` at the knots by the coefficients of the spline through them. At least [`MIN_KNOTS`].
pub fn coefficients_of(values: &mut [f64]) {
    // (c[k-1] + 4 c[k] + c[k+1])/6 = v[k]; 4 c[0] + 2 c[1] = 6 v[0] at the centre; c = v at the outer end.
    let n = values.len();
    let mut eliminated = vec![0.0; n];
    for k in 0..n - 1 {
        let (lower, upper) = if k == 0 { (0.0, 2.0) } else { (1.0, 1.0) };
        let (before, above) = if k == 0 { (0.0, 0.0) } else { (values[k - 1], eliminated[k - 1]) };
        let pivot = 4.0 - lower * above;
        eliminated[k] = upper / pivot;
        values[k] = (6.0 * values[k] - lower * before) / pivot;
    }
    for k in (0..n - 1).rev() {
        values[k] -= eliminated[k] * values[k + 1];
    }
}

/// Replaces coefficients by the values at the knots.
pub fn values_of(coefficients: &mut [f64]) {
    let n = coefficients.len();
    let mut before = coefficients[1];
    for k in 0..n - 1 {
        let here = coefficients[k];
        coefficients[k] = (before + 4.0 * here + coefficients[k + 1]) / 6.0;
        before = here;
    }
}

/// What a least-squares fit of pixels to a spline adds up: a symmetric matrix of four diagonals and a right side.
#[derive(Clone, Debug)]
pub struct Normal {
    /// Entry `d` of row `k`: element (k, k + d).
    bands: Vec<[f64; 4]>,
    right: Vec<f64>,
    /// Sum of the squared grey levels.
    squares: f64,
    count: usize,
}

impl Normal {
    /// No pixels yet.
    pub fn new(n_knots: usize) -> Self {
        Self { bands: vec![[0.0; 4]; n_knots], right: vec![0.0; n_knots], squares: 0.0, count: 0 }
    }

    /// Adds a pixel at `radius_px`. Left out beyond the last knot.
    pub fn add(&mut self, radius_px: f64, grey: f64) {
        let Some((taps, weights)) = taps(radius_px, self.right.len()) else { return };
        for (a, weight) in taps.iter().zip(weights) {
            self.right[*a] += weight * grey;
            for (b, other) in taps.iter().zip(weights) {
                if b >= a {
                    self.bands[*a][b - a] += weight * other;
                }
            }
        }
        self.squares += grey * grey;
        self.count += 1;
    }

    /// The coefficients that fit best, where third differences of them cost `smoothing` times their square.
    pub fn solve(&self, smoothing: f64) -> Vec<f64> {
        Factor::of(self.penalised(smoothing)).solve(&self.right)
    }

    /// Generalised cross-validation (Craven and Wahba 1979, Numer. Math. 31:377): the mean squared error to be
    /// expected of pixels that were not fitted.
    pub fn validation(&self, smoothing: f64) -> f64 {
        let factor = Factor::of(self.penalised(smoothing));
        let n = self.right.len();
        let coefficients = factor.solve(&self.right);
        let mut fitted = 0.0;
        for (k, c) in coefficients.iter().enumerate() {
            let mut product = self.bands[k][0] * c * c;
            for d in 1..4.min(n - k) {
                product += 2.0 * self.bands[k][d] * c * coefficients[k + d];
            }
            fitted += product - 2.0 * c * self.right[k];
        }
        let residual = (self.squares + fitted).max(0.0);
        // Degrees of freedom: the trace of (matrix + penalty)^-1 matrix, column by column.
        let mut column = vec![0.0; n];
        let mut freedom = 0.0;
        for k in 0..n {
            column.fill(0.0);
            for d in 0..4 {
                if k + d < n {
                    column[k + d] = self.bands[k][d];
                }
                if d <= k {
                    column[k - d] = self.bands[k - d][d];
                }
            }
            freedom += factor.solve(&column)[k];
        }
        let count = self.count as f64;
        let left = (count - freedom).max(1.0);
        count * residual / (left * left)
    }

    fn penalised(&self, smoothing: f64) -> Vec<[f64; 4]> {
        let mut bands = self.bands.clone();
        let third = [-1.0, 3.0, -3.0, 1.0];
        for k in 0..bands.len() - 3 {
            for a in 0..4 {
                for b in a..4 {
                    bands[k + a][b - a] += smoothing * third[a] * third[b];
                }
            }
        }
        bands
    }
}

/// Indices of the coefficients that reach `radius_px`, and their weights there. `None` beyond the last knot.
fn taps(radius_px: f64, n_knots: usize) -> Option<([usize; 4], [f64; 4])> {
    let place = radius_px / KNOT_STEP_PX;
    let j = place as usize;
    if !(place >= 0.0 && j + 1 < n_knots) {
        return None;
    }
    let mut weights = value_weights(place - j as f64);
    let mut taps = [j.abs_diff(1), j, j + 1, j + 2];
    if taps[3] == n_knots {
        // c[n] = 2 c[n-1] - c[n-2]
        weights[2] += 2.0 * weights[3];
        weights[1] -= weights[3];
        (taps[3], weights[3]) = (n_knots - 1, 0.0);
    }
    Some((taps, weights))
}

/// The spline with these coefficients at `radius_px`; NaN beyond the last knot.
pub fn value_at(coefficients: &[f64], radius_px: f64) -> f64 {
    let at = taps(radius_px, coefficients.len());
    at.map_or(f64::NAN, |(taps, weights)| taps.iter().zip(weights).map(|(k, w)| w * coefficients[*k]).sum())
}

/// A banded matrix as L D L' (L has ones on its diagonal).
struct Factor {
    lower: Vec<[f64; 4]>,
}

impl Factor {
    /// `bands`: as in [`Normal`]. The first entry of each row becomes D, the others the rows of L'.
    fn of(mut bands: Vec<[f64; 4]>) -> Self {
        let n = bands.len();
        // Knots that no pixel reaches would make it singular.
        let ridge = 1e-9 * bands.iter().map(|row| row[0]).fold(0.0, f64::max);
        for k in 0..n {
            let pivot = (bands[k][0] + ridge).max(f64::MIN_POSITIVE);
            bands[k][0] = pivot;
            let row = bands[k];
            for a in 1..4.min(n - k) {
                for b in a..4.min(n - k) {
                    bands[k + a][b - a] -= row[a] * row[b] / pivot;
                }
            }
            for entry in &mut bands[k][1..] {
                *entry /= pivot;
            }
        }
        Self { lower: bands }
    }

    fn solve(&self, right: &[f64]) -> Vec<f64> {
        let n = right.len();
        let mut x = right.to_vec();
        for k in 0..n {
            for d in 1..4.min(n - k) {
                x[k + d] -= self.lower[k][d] * x[k];
            }
        }
        for k in (0..n).rev() {
            x[k] /= self.lower[k][0];
            for d in 1..4.min(n - k) {
                x[k] -= self.lower[k][d] * x[k + d];
            }
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(r: f64) -> f64 {
        40.0 * (-r * r / 300.0).exp() * (1.1 * (r * r + 3.0).sqrt()).cos()
    }

    #[test]
    fn values_and_coefficients_go_both_ways_and_the_spline_passes_through_the_values() {
        let values: Vec<f64> = (0..60).map(|k| wave(KNOT_STEP_PX * f64::from(k))).collect();
        let mut coefficients = values.clone();
        coefficients_of(&mut coefficients);
        for (k, value) in values.iter().enumerate().take(59) {
            assert!((value_at(&coefficients, KNOT_STEP_PX * k as f64) - value).abs() < 1e-12);
        }
        for r in [0.1, 0.77, 3.3, 12.6, 25.2] {
            assert!((value_at(&coefficients, r) - wave(r)).abs() < 0.02, "{r}");
        }
        assert!(value_at(&coefficients, 29.6).is_nan());
        values_of(&mut coefficients);
        for (back, value) in coefficients.iter().zip(&values) {
            assert!((back - value).abs() < 1e-10);
        }
    }

    #[test]
    fn the_outer_end_is_straight() {
        let mut line: Vec<f64> = (0..60).map(|k| KNOT_STEP_PX * f64::from(k)).collect();
        coefficients_of(&mut line);
        for r in [28.6, 29.1, 29.4] {
            assert!((value_at(&line, r) - r).abs() < 1e-9, "{r}");
        }
    }

    #[test]
    fn weights_sum_to_one_and_slopes_are_their_derivatives() {
        for u in [0.0, 0.2, 0.5, 0.9, 1.0] {
            assert!((value_weights(u).iter().sum::<f64>() - 1.0).abs() < 1e-12);
            let (up, down) = (value_weights(u + 1e-5), value_weights(u - 1e-5));
            for (k, slope) in slope_weights(u).into_iter().enumerate() {
                assert!(((up[k] - down[k]) / (2e-5 * KNOT_STEP_PX) - slope).abs() < 1e-6);
            }
        }
    }

    /// Pixels of a bead at the middle of a pixel, with a little noise.
    fn pixels(noise: f64) -> Normal {
        let mut normal = Normal::new(60);
        let mut state = 1u64;
        for i in 0..61 * 61 {
            let r = f64::from(i % 61 - 30).hypot(f64::from(i / 61 - 30));
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            normal.add(r, wave(r) + noise * ((state >> 40) as f64 / f64::from(1 << 24) - 0.5));
        }
        normal
    }

    #[test]
    fn pixels_give_back_the_function_they_were_made_of() {
        let coefficients = pixels(0.0).solve(1e-3);
        for k in 0..290 {
            let r = 0.1 * f64::from(k);
            // There is no pixel between 0 and 1 px.
            let bound = if r < 1.5 { 0.5 } else { 0.05 };
            assert!((value_at(&coefficients, r) - wave(r)).abs() < bound, "{r}");
        }
    }

    #[test]
    fn cross_validation_asks_for_more_smoothing_where_there_is_more_noise() {
        let best = |normal: &Normal| {
            let scores = (-4..5).map(|e| (normal.validation(10f64.powi(e)), e));
            scores.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, e)| e)
        };
        assert!(
            best(&pixels(0.01)) < best(&pixels(40.0)),
            "{:?}",
            (best(&pixels(0.01)), best(&pixels(40.0)))
        );
    }

    #[test]
    fn what_follows_noise_predicts_worse() {
        let mut noise = Normal::new(60);
        let mut state = 1u64;
        for i in 0..1000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            noise.add(0.029 * f64::from(i), (state >> 40) as f64 / f64::from(1 << 24) - 0.5);
        }
        // 60 coefficients for 1000 pixels predict worse than three do by 1000/940. The variance seen is the same.
        let ratio = noise.validation(1e-3) / noise.validation(1e6);
        assert!((1.04..1.09).contains(&ratio), "{ratio}");
    }

    #[test]
    fn nothing_to_fit_is_no_panic() {
        let empty = Normal::new(MIN_KNOTS);
        assert!(empty.solve(1.0).iter().all(|c| c.is_finite()));
        assert!(value_at(&empty.solve(0.0), 0.2).is_finite());
    }
}
