//! From a focus sweep to a Z-LUT: averages what was measured at the same height.
//!
//! The caller measured the profiles; this crate knows no kernel.

use crate::table::{Origin, TableError, ZLut, check_shape};

/// One value a plane, and one profile a plane.
type Planes = (Vec<f64>, Vec<f64>);

/// A Z-LUT from the profiles of a focus sweep, one row of `n_rings` grey levels per image, `z_nm` one height
/// per image, in any order.
///
/// Rows with exactly equal height are averaged ring by ring over the values that are finite; a ring without
/// any is NaN. Give the commanded heights, not measured ones: those never repeat, and nothing would be
/// averaged.
///
/// # Errors
/// As [`ZLut::new`]; the plane in [`TableError::Heights`] is then the image.
pub fn build(z_nm: &[f64], n_rings: usize, profiles: Vec<f32>, origin: Origin) -> Result<ZLut, TableError> {
    let (planes_nm, means) = average(z_nm, n_rings, &profiles)?;
    let means = means.into_iter().map(|mean| mean as f32).collect();
    ZLut::new(planes_nm, n_rings, means, origin)
}

/// As [`build`], with all digits of the profiles.
///
/// # Errors
/// As [`build`].
pub fn build_f64(z_nm: &[f64], n_rings: usize, profiles: &[f64], origin: Origin) -> Result<ZLut, TableError> {
    let (planes_nm, means) = average(z_nm, n_rings, profiles)?;
    ZLut::from_f64(planes_nm, n_rings, means, origin)
}

/// The heights without repeats, and the mean profile of each.
fn average<T: Copy + Into<f64>>(z_nm: &[f64], n_rings: usize, profiles: &[T]) -> Result<Planes, TableError> {
    check_shape(z_nm.len(), n_rings, profiles.len())?;
    if let Some(plane) = z_nm.iter().position(|z| !z.is_finite()) {
        return Err(TableError::Heights { plane, z_nm: z_nm[plane] });
    }
    let mut order: Vec<usize> = (0..z_nm.len()).collect();
    order.sort_by(|&a, &b| z_nm[a].total_cmp(&z_nm[b]));

    let mut planes_nm = Vec::new();
    let mut means = Vec::new();
    for same_height in order.chunk_by(|&a, &b| z_nm[a] == z_nm[b]) {
        planes_nm.push(z_nm[same_height[0]]);
        means.extend((0..n_rings).map(|ring| {
            mean_of_finite(same_height.iter().map(|image| profiles[image * n_rings + ring].into()))
        }));
    }
    Ok((planes_nm, means))
}

/// The mean of the finite values; NaN without any. The sum is f64, so that thousands of images lose no
/// digits.
fn mean_of_finite(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values
        .filter(|grey| grey.is_finite())
        .fold((0.0, 0.0), |(sum, count), grey| (sum + grey, count + 1.0));
    sum / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_heights_are_averaged_without_the_rings_that_failed() {
        let nan = f32::NAN;
        // Downwards, two images per step, and at 100 nm a ring that was measured once and one never.
        let z_nm = [300.0, 300.0, 200.0, 200.0, 100.0, 100.0, 0.0, 0.0];
        #[rustfmt::skip]
        let profiles = vec![
            1.0, 2.0, 3.0, 4.0,   3.0, 4.0, 5.0, 6.0,
            1.0, 1.0, 1.0, 1.0,   1.0, 1.0, 1.0, 1.0,
            5.0, nan, nan, 1.0,   7.0, 9.0, f32::INFINITY, 1.0,
            0.0, 0.0, 0.0, 0.0,   8.0, 0.0, 0.0, 0.0,
        ];
        let table = build(&z_nm, 4, profiles, Origin::default()).unwrap();
        assert_eq!(table.z_nm(), [0.0, 100.0, 200.0, 300.0]);
        assert_eq!(table.profile(3), [2.0, 3.0, 4.0, 5.0]);
        assert_eq!(table.profile(0), [4.0, 0.0, 0.0, 0.0]);
        assert_eq!(table.profile(1)[..2], [6.0, 9.0]);
        assert!(table.profile(1)[2].is_nan());
    }

    #[test]
    fn a_sweep_that_is_no_sweep_is_refused() {
        let profiles = || (0..16).map(|k| k as f32).collect::<Vec<f32>>();
        let built = |z_nm: &[f64]| build(z_nm, 4, profiles(), Origin::default()).unwrap_err();
        assert_eq!(built(&[5.0; 4]), TableError::TooSmall { what: "planes", need: 4, have: 1 });
        assert_eq!(built(&[0.0; 3]), TableError::Shape { values: 16, planes: 3, rings: 4 });
        assert!(matches!(built(&[0.0, 1.0, f64::NAN, 3.0]), TableError::Heights { plane: 2, .. }));
    }
}
