//! The matrices that are turned round: of z, gain and offset and of an axis in `fit`, and the Fisher matrix of all unknowns.

/// Inverse of a symmetric matrix of three rows given by its upper triangle. `None` if it has none.
pub fn invert(&[a, b, c, d, e, f]: &[f64; 6]) -> Option<[[f64; 3]; 3]> {
    let minors = [d * f - e * e, c * e - b * f, b * e - c * d];
    let determinant = a * minors[0] + b * minors[1] + c * minors[2];
    // Compared with the product of the diagonal, which it equals when nothing is correlated. False for NaN.
    let is_regular = determinant.abs() > 1e-12 * (a * d * f).abs();
    let rows = [minors, [minors[1], a * f - c * c, b * c - a * e], [minors[2], b * c - a * e, a * d - b * b]];
    is_regular.then(|| rows.map(|row| row.map(|value| value / determinant)))
}

/// Diagonal of the inverse of a symmetric, positive definite matrix: the variances that belong to an information
/// matrix. Reads the lower triangle. `None` if it has none, because two unknowns cannot be told apart.
pub fn diagonal_of_inverse<const N: usize>(matrix: &[[f64; N]; N]) -> Option<[f64; N]> {
    // Cholesky of the matrix scaled to ones on its diagonal, so that one bound serves unknowns of all units.
    let scale: [f64; N] = std::array::from_fn(|i| matrix[i][i].sqrt());
    let mut factor = [[0.0; N]; N];
    let mut inverse = [[0.0; N]; N];
    for i in 0..N {
        for k in 0..=i {
            let known: f64 = (0..k).map(|j| factor[i][j] * factor[k][j]).sum();
            let left = matrix[i][k] / (scale[i] * scale[k]) - known;
            factor[i][k] = if k < i { left / factor[k][k] } else { left.sqrt() };
        }
        // False for NaN, too.
        let is_regular = factor[i][i] > 1e-6;
        if !is_regular {
            return None;
        }
        let row = |k: usize| {
            let known: f64 = (k..i).map(|j| factor[i][j] * inverse[j][k]).sum();
            (f64::from(u8::from(i == k)) - known) / factor[i][i]
        };
        inverse[i] = std::array::from_fn(|k| if k <= i { row(k) } else { 0.0 });
    }
    let squares = |k: usize| (k..N).map(|i| inverse[i][k] * inverse[i][k]).sum::<f64>();
    Some(std::array::from_fn(|k| squares(k) / (scale[k] * scale[k])))
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

    #[test]
    fn both_inverses_have_the_same_diagonal_whatever_the_units() {
        // The second unknown in units a million times smaller.
        let upper = [4.0, 1e6, 0.5, 3e12, -0.2e6, 2.0];
        let full = [[4.0, 1e6, 0.5], [1e6, 3e12, -0.2e6], [0.5, -0.2e6, 2.0]];
        let (rows, diagonal) = (invert(&upper).unwrap(), diagonal_of_inverse(&full).unwrap());
        for (k, value) in diagonal.into_iter().enumerate() {
            assert!((value / rows[k][k] - 1.0).abs() < 1e-12, "{k}: {value} {}", rows[k][k]);
        }
        assert!(diagonal_of_inverse(&[[1.0; 3]; 3]).is_none());
        assert!(diagonal_of_inverse(&[[f64::NAN; 2]; 2]).is_none());
        assert!(diagonal_of_inverse(&[[0.0; 2]; 2]).is_none());
    }
}
