//! The symmetric matrices of three rows that `fit` turns round: of z, gain and offset, and of an axis.

/// Row and column of each entry of an upper triangle.
pub const ENTRIES: [(usize, usize); 6] = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];

/// Inverse of a symmetric matrix of three rows given by its upper triangle. `None` if it has none.
pub fn invert(&[a, b, c, d, e, f]: &[f64; 6]) -> Option<[[f64; 3]; 3]> {
    let minors = [d * f - e * e, c * e - b * f, b * e - c * d];
    let determinant = a * minors[0] + b * minors[1] + c * minors[2];
    // Compared with the product of the diagonal, which it equals when nothing is correlated. False for NaN.
    let is_regular = determinant.abs() > 1e-12 * (a * d * f).abs();
    let rows = [minors, [minors[1], a * f - c * c, b * c - a * e], [minors[2], b * c - a * e, a * d - b * b]];
    is_regular.then(|| rows.map(|row| row.map(|value| value / determinant)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_times_its_inverse_is_one_and_a_singular_one_has_none() {
        let upper = [4.0, 1.0, 0.5, 3.0, -0.2, 2.0];
        let full: [[f64; 3]; 3] = [[4.0, 1.0, 0.5], [1.0, 3.0, -0.2], [0.5, -0.2, 2.0]];
        let inverse = invert(&upper).unwrap();
        let product = |i: usize, k: usize| -> f64 { (0..3).map(|j| full[i][j] * inverse[j][k]).sum() };
        for (i, k) in (0..9).map(|ik| (ik / 3, ik % 3)) {
            assert!((product(i, k) - f64::from(u8::from(i == k))).abs() < 1e-12);
        }
        assert!(invert(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0]).is_none());
        assert!(invert(&[f64::NAN; 6]).is_none());
    }
}
