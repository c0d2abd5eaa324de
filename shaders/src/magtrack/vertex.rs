//! The top of a curve between its points.

/// The vertex of the parabola through the `n_local` (odd) values about `place`, weighted 1, 2, ... , 2, 1 towards the
/// middle. `None` where `place` is so near an end that the values do not reach around it, or where they lie on a line.
pub fn vertex(values: &[f64], place: usize, n_local: usize) -> Option<f64> {
    let half = n_local / 2;
    // One more than the values need: MagTrack takes the outermost place it could fit as "beyond".
    if place <= half || place + half + 1 >= values.len() {
        return None;
    }
    // About its middle place the fit falls apart into an even and an odd half, which is all that a vertex needs.
    let (mut s0, mut s2, mut s4) = (0.0, 0.0, 0.0);
    let (mut v0, mut v1, mut v2) = (0.0, 0.0, 0.0);
    for (value, index) in values[place - half..=place + half].iter().zip(0..) {
        let off = f64::from(index) - half as f64;
        // Least squares weighs the squares of residuals, so each weight counts squared.
        let weight = (half as f64 + 1.0 - off.abs()).powi(2);
        let rise = value - values[place];
        s0 += weight;
        s2 += weight * off * off;
        s4 += weight * off.powi(4);
        v0 += weight * rise;
        v1 += weight * off * rise;
        v2 += weight * off * off * rise;
    }
    let slope = v1 / s2;
    let curvature = (s0 * v2 - s2 * v0) / (s0 * s4 - s2 * s2);
    let vertex = place as f64 - slope / (2.0 * curvature);
    vertex.is_finite().then_some(vertex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parabola_has_its_vertex_where_it_is() {
        let values: Vec<f64> = (0..20).map(|k| 7.0 - 0.3 * (f64::from(k) - 9.37).powi(2)).collect();
        for n_local in [3, 5, 7, 9] {
            assert!((vertex(&values, 9, n_local).unwrap() - 9.37).abs() < 1e-12);
        }
        assert_eq!(vertex(&values, 2, 5), None);
        assert!(vertex(&values, 3, 5).is_some());
        assert!(vertex(&values, 16, 5).is_some());
        assert_eq!(vertex(&values, 17, 5), None);
        assert_eq!(vertex(&[1.0; 9], 4, 3), None);
    }
}
