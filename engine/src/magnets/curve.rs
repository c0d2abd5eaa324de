//! Monotone interpolation: between two rows a curve never leaves what they say.

/// A curve through points whose second coordinate rises or falls all along: piecewise cubic Hermite interpolation with the slopes of
/// Fritsch and Butland (SIAM J. Sci. Stat. Comput. 5, 300 (1984)), which keeps it monotone. MagScope reads its force tables by the same
/// family of curves (PCHIP).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Curve {
    x: Vec<f64>,
    y: Vec<f64>,
    slopes: Vec<f64>,
}

impl Curve {
    /// Through two points or more, x rising, y rising or falling all along.
    pub(super) fn new(points: &[[f64; 2]]) -> Self {
        let (x, y): (Vec<f64>, Vec<f64>) = points.iter().map(|[x, y]| (*x, *y)).unzip();
        let secants: Vec<[f64; 2]> = points
            .windows(2)
            .map(|pair| {
                let width = pair[1][0] - pair[0][0];
                [width, (pair[1][1] - pair[0][1]) / width]
            })
            .collect();
        let inner = secants.windows(2).map(|pair| {
            let [[w0, d0], [w1, d1]] = [pair[0], pair[1]];
            if d0 * d1 <= 0.0 {
                return 0.0;
            }
            // The harmonic mean, weighted so that the nearer secant counts more.
            let (a, b) = (2.0 * w1 + w0, w1 + 2.0 * w0);
            (a + b) / (a / d0 + b / d1)
        });
        let backwards: Vec<[f64; 2]> = secants.iter().rev().copied().collect();
        let (first, last) = (end_slope(&secants), end_slope(&backwards));
        let slopes = std::iter::once(first).chain(inner).chain(std::iter::once(last)).collect();
        Self { x, y, slopes }
    }

    /// First and last x.
    pub(super) fn range(&self) -> [f64; 2] {
        [self.x[0], self.x[self.x.len() - 1]]
    }

    /// The value at `x`; beyond an end, that of the end.
    pub(super) fn at(&self, x: f64) -> f64 {
        let [least, greatest] = self.range();
        let x = x.clamp(least, greatest);
        let right = self.x.partition_point(|there| *there < x).clamp(1, self.x.len() - 1);
        let left = right - 1;
        let width = self.x[right] - self.x[left];
        let t = (x - self.x[left]) / width;
        let (t2, t3) = (t * t, t * t * t);
        (2.0 * t3 - 3.0 * t2 + 1.0) * self.y[left]
            + (t3 - 2.0 * t2 + t) * width * self.slopes[left]
            + (3.0 * t2 - 2.0 * t3) * self.y[right]
            + (t3 - t2) * width * self.slopes[right]
    }
}

/// The slope at the first point, by a parabola through three, as far as that keeps the curve monotone.
fn end_slope(secants: &[[f64; 2]]) -> f64 {
    match secants {
        [[w0, d0], [w1, d1], ..] => {
            let slope = ((2.0 * w0 + w1) * d0 - w0 * d1) / (w0 + w1);
            let most = if d0 * d1 <= 0.0 { 3.0 * d0.abs() } else { f64::INFINITY };
            if slope * d0 <= 0.0 { 0.0 } else { slope.clamp(-most, most) }
        }
        [[_, slope]] => *slope,
        [] => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_meets_its_points_and_stays_monotone_between_them() {
        // A step, where a cubic spline swings.
        let points = [[0.0, 10.0], [1.0, 9.9], [2.0, 1.0], [2.5, 0.9], [5.0, 0.5]];
        let curve = Curve::new(&points);
        for [x, y] in points {
            assert!((curve.at(x) - y).abs() < 1e-12);
        }
        let values: Vec<f64> = (0..=500).map(|i| curve.at(f64::from(i) * 0.01)).collect();
        assert!(values.windows(2).all(|pair| pair[1] <= pair[0] + 1e-12));
        assert_eq!((curve.at(-1.0), curve.at(9.0)), (10.0, 0.5));
    }

    #[test]
    fn a_smooth_curve_is_followed() {
        let points: Vec<[f64; 2]> =
            (0..=20).map(|i| f64::from(i) * 0.5).map(|x| [x, (-x / 3.0_f64).exp()]).collect();
        let curve = Curve::new(&points);
        let worst =
            (0..1000).map(|i| f64::from(i) * 0.01).map(|x| (curve.at(x) - (-x / 3.0_f64).exp()).abs());
        assert!(worst.fold(0.0, f64::max) < 1e-3);
    }
}
