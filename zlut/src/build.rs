//! From a focus sweep to a Z-LUT: averages what was measured at the same height.
//!
//! The caller measured the profiles; this crate knows no kernel.

use crate::image_table::ImageTable;
use crate::table::{Origin, TableError, ZLut, check_shape};

/// A Z-LUT from the profiles of a focus sweep, one row of `n_rings` grey levels per image, `z_nm` one height
/// per image, in any order.
///
/// `image`: the model of the image measured from each of them, its values in the same order.
///
/// Rows with exactly equal height are averaged ring by ring over the values that are finite; a ring without
/// any is NaN. Give the commanded heights, not measured ones: those never repeat, and nothing would be
/// averaged.
///
/// # Errors
/// As [`ZLut::new`]; the plane in [`TableError::Heights`] is then the image.
pub fn build(
    z_nm: &[f64],
    n_rings: usize,
    profiles: &[f32],
    image: Option<ImageTable>,
    origin: Origin,
) -> Result<ZLut, TableError> {
    let planes = Planes::new(z_nm, n_rings, profiles.len())?;
    let table = ZLut::new(
        planes.heights_nm(z_nm),
        n_rings,
        planes.means(n_rings, profiles, |mean| mean as f32),
        origin,
    )?;
    let Some(image) = image else { return Ok(table) };
    image.check(z_nm.len())?;
    let values = planes.means(image.misfit.len(), &image.values, |mean| mean as f32);
    table.with_image(ImageTable { values, ..image })
}

/// As [`build`], with all digits of the profiles.
///
/// # Errors
/// As [`build`].
pub fn build_f64(z_nm: &[f64], n_rings: usize, profiles: &[f64], origin: Origin) -> Result<ZLut, TableError> {
    let planes = Planes::new(z_nm, n_rings, profiles.len())?;
    ZLut::from_f64(planes.heights_nm(z_nm), n_rings, planes.means(n_rings, profiles, |mean| mean), origin)
}

/// The numbers of the images of each plane, in order of height.
struct Planes(Vec<Vec<usize>>);

impl Planes {
    fn new(z_nm: &[f64], n_rings: usize, values: usize) -> Result<Self, TableError> {
        check_shape(z_nm.len(), n_rings, values)?;
        if let Some(plane) = z_nm.iter().position(|z| !z.is_finite()) {
            return Err(TableError::Heights { plane, z_nm: z_nm[plane] });
        }
        let mut order: Vec<usize> = (0..z_nm.len()).collect();
        order.sort_by(|&a, &b| z_nm[a].total_cmp(&z_nm[b]));
        Ok(Self(order.chunk_by(|&a, &b| z_nm[a] == z_nm[b]).map(<[usize]>::to_vec).collect()))
    }

    fn heights_nm(&self, z_nm: &[f64]) -> Vec<f64> {
        self.0.iter().map(|images| z_nm[images[0]]).collect()
    }

    /// The mean row of each plane, rows of `length` values.
    fn means<T: Copy + Into<f64>, M>(&self, length: usize, values: &[T], rounded: fn(f64) -> M) -> Vec<M> {
        let mean = |images: &[usize], k: usize| {
            rounded(mean_of_finite(images.iter().map(|image| values[image * length + k].into())))
        };
        self.0.iter().flat_map(|images| (0..length).map(move |k| mean(images, k))).collect()
    }
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
        let values = (0..8).map(|k| k as f32).collect();
        let image = ImageTable { knot_step_px: 0.5, values, misfit: vec![0.1] };
        let table = build(&z_nm, 4, &profiles, Some(image), Origin::default()).unwrap();
        assert_eq!(table.z_nm(), [0.0, 100.0, 200.0, 300.0]);
        assert_eq!(table.profile(3), [2.0, 3.0, 4.0, 5.0]);
        assert_eq!(table.profile(0), [4.0, 0.0, 0.0, 0.0]);
        assert_eq!(table.profile(1)[..2], [6.0, 9.0]);
        assert!(table.profile(1)[2].is_nan());
        // The model of the image is averaged alike, and in the order of the planes.
        assert_eq!(table.image().unwrap().values, [6.5, 4.5, 2.5, 0.5]);
    }

    #[test]
    fn a_sweep_that_is_no_sweep_is_refused() {
        let profiles = || (0..16).map(|k| k as f32).collect::<Vec<f32>>();
        let built = |z_nm: &[f64]| build(z_nm, 4, &profiles(), None, Origin::default()).unwrap_err();
        assert_eq!(built(&[5.0; 4]), TableError::TooSmall { what: "planes", need: 4, have: 1 });
        assert_eq!(built(&[0.0; 3]), TableError::Shape { values: 16, planes: 3, rings: 4 });
        assert!(matches!(built(&[0.0, 1.0, f64::NAN, 3.0]), TableError::Heights { plane: 2, .. }));
    }
}
