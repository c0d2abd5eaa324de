//! The one place where a grey level is read between pixels, and the one rule for which rings have enough samples.
//!
//! Pixel centres are at integers, x to the right, y down. A ring has enough samples if its whole circle lies
//! between the centres of the border pixels: a ring seen on one side only would shift the centre.

/// Grey level at (`x_px`, `y_px`), bilinear between the four pixels around it.
///
/// Positions outside the ROI are read as if its edge went on; [`usable_radius_px`] keeps callers inside. Zero if
/// `image` has fewer than `roi_px` squared pixels or `roi_px` is below 2.
#[inline]
pub fn bilinear(image: &[f32], roi_px: usize, x_px: f32, y_px: f32) -> f32 {
    // `as` saturates: a negative or NaN position becomes 0.
    let last = roi_px.saturating_sub(2) as i32;
    let (column, row) = ((x_px as i32).clamp(0, last) as usize, (y_px as i32).clamp(0, last) as usize);
    let (u, v) = (x_px - column as f32, y_px - row as f32);
    let first = row * roi_px + column;
    let Some(block) = image.get(first..first + roi_px.max(1) + 2) else { return 0.0 };
    let upper = block[0] + u * (block[1] - block[0]);
    let lower = block[roi_px] + u * (block[roi_px + 1] - block[roi_px]);
    upper + v * (lower - upper)
}

/// Grey level at (`x_px`, `y_px`) by cubic convolution of 16 pixels (Keys 1981, IEEE Trans. ASSP 29:1153, a = -1/2).
///
/// Its error falls with the third power of the pixel, that of [`bilinear`] with the second; it costs three times
/// as much. Bilinear within a pixel of the border, where there are no 16 pixels.
#[inline]
pub fn cubic(image: &[f32], roi_px: usize, x_px: f32, y_px: f32) -> f32 {
    let (column, row) = ((x_px as i32).max(0) as usize, (y_px as i32).max(0) as usize);
    if column == 0 || row == 0 || column + 2 >= roi_px || row + 2 >= roi_px {
        return bilinear(image, roi_px, x_px, y_px);
    }
    let along_x = keys_weights(x_px - column as f32);
    let along_y = keys_weights(y_px - row as f32);
    let mut columns = [0.0; 4];
    for (j, weight) in along_y.into_iter().enumerate() {
        let first = (row + j - 1) * roi_px + column - 1;
        let Some(four) = image.get(first..first + 4) else { return 0.0 };
        for (sum, pixel) in columns.iter_mut().zip(four) {
            *sum += weight * pixel;
        }
    }
    let [a, b, c, d] = columns;
    along_x[0] * a + along_x[1] * b + along_x[2] * c + along_x[3] * d
}

/// Weights of the pixels at -1, 0, 1, 2 for a position `u` between 0 and 1.
#[inline]
fn keys_weights(u: f32) -> [f32; 4] {
    let (u2, u3) = (u * u, u * u * u);
    [-0.5 * u3 + u2 - 0.5 * u, 1.5 * u3 - 2.5 * u2 + 1.0, -1.5 * u3 + 2.0 * u2 + 0.5 * u, 0.5 * u3 - 0.5 * u2]
}

/// Rings up to this radius, px, are sampled with [`cubic`], the others with [`bilinear`].
///
/// A small ring has few samples, all near the same place between pixels, so interpolation errors do not average
/// out. 14 px: takes the z bias from 0.5 to 0.27 nm on simulated beads in ROIs of 64 px, for a quarter of the time; all
/// rings cubic reach 0.18 nm for the double.
pub const CUBIC_UP_TO_PX: f64 = 14.0;

/// Distance from the centres of the border pixels, px, below which a whole ring is read with [`bilinear`]: [`cubic`]
/// needs one pixel more, and rounding a little of the next.
pub const CUBIC_MARGIN_PX: f64 = 1.01;

/// Radius of the largest circle around `center_px` that has enough samples: all of it between the centres of the
/// border pixels. Negative if the centre itself is outside; NaN for a NaN centre.
pub fn usable_radius_px(roi_px: usize, center_px: (f64, f64)) -> f64 {
    let last = roi_px as f64 - 1.0;
    let (x, y) = center_px;
    if x.is_nan() || y.is_nan() {
        return f64::NAN;
    }
    x.min(y).min(last - x).min(last - y)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROI_PX: usize = 12;

    fn image(value: impl Fn(f32, f32) -> f32) -> Vec<f32> {
        (0..ROI_PX * ROI_PX).map(|i| value((i % ROI_PX) as f32, (i / ROI_PX) as f32)).collect()
    }

    #[test]
    fn pixel_centres_are_at_integers_x_along_the_row() {
        let image = image(|x, y| x + 100.0 * y);
        for sampler in [bilinear, cubic] {
            assert!((sampler(&image, ROI_PX, 3.0, 7.0) - 703.0).abs() < 1e-3);
            assert!((sampler(&image, ROI_PX, 3.25, 7.5) - 753.25).abs() < 1e-3);
            // The last pixel of the ROI can still be read.
            assert!((sampler(&image, ROI_PX, 11.0, 11.0) - 1111.0).abs() < 1e-3);
        }
    }

    #[test]
    fn cubic_is_exact_for_a_parabola_and_bilinear_is_not() {
        let image = image(|x, y| x * x + y);
        assert!((cubic(&image, ROI_PX, 5.5, 5.0) - 35.25).abs() < 1e-3);
        assert!((bilinear(&image, ROI_PX, 5.5, 5.0) - 35.5).abs() < 1e-3);
    }

    #[test]
    fn bad_input_reads_zero_or_the_edge_and_never_panics() {
        assert_eq!(bilinear(&[], 0, 1.0, 1.0), 0.0);
        assert_eq!(bilinear(&[1.0], 1, 0.0, 0.0), 0.0);
        assert_eq!(cubic(&[1.0; 8], 8, 4.0, 4.0), 0.0);
        assert!(bilinear(&[1.0; 144], ROI_PX, f32::NAN, 0.0).is_nan());
        assert_eq!(cubic(&[1.0; 144], ROI_PX, -5.0, 1e30), 1.0);
    }

    #[test]
    fn a_circle_may_touch_the_border_pixels_and_not_more() {
        assert_eq!(usable_radius_px(64, (31.5, 31.5)), 31.5);
        assert_eq!(usable_radius_px(64, (31.5, 60.0)), 3.0);
        assert!(usable_radius_px(64, (-1.0, 30.0)) < 0.0);
        assert!(usable_radius_px(64, (f64::NAN, 30.0)).is_nan());
    }
}
