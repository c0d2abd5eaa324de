//! Centre of mass of what stands out of the background: the first guess.

/// A Gaussian that keeps neighbours out of a first guess.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Its middle (x, y), px.
    pub center_px: (f64, f64),
    /// Its standard deviation, px.
    pub sigma_px: f64,
}

/// Centre of mass (x, y) in px of |pixel| less `dead_zone`, where that is above 0. `None` if no pixel is.
///
/// `pixels`: `roi_px` squared, rows from top, background already subtracted. The magnitude, because a bead has rings
/// both darker and brighter than its background. `dead_zone`: grey levels that count as noise; without it the
/// noise of a large ROI pulls the answer to the middle. `window`: `None` weighs all pixels alike. `profile` is
/// scratch, `roi_px` long.
pub fn center_of_mass(
    pixels: &[f32],
    roi_px: usize,
    dead_zone: f32,
    window: Option<Window>,
    profile: &mut [f32],
) -> Option<(f64, f64)> {
    // The window is a product of one in x and one in y.
    let weight_at = |at: usize, center: f64| {
        window.map_or(1.0, |w| (-0.5 * ((at as f64 - center) / w.sigma_px).powi(2)).exp() as f32)
    };
    let (center_x, center_y) = window.map_or((0.0, 0.0), |w| w.center_px);
    for (x, weight) in profile.iter_mut().enumerate() {
        *weight = weight_at(x, center_x);
    }
    let (mut mass, mut mass_x, mut mass_y) = (0.0f64, 0.0f64, 0.0f64);
    for (y, row) in pixels.chunks_exact(roi_px.max(1)).enumerate() {
        let (mut row_mass, mut row_x) = (0.0f32, 0.0f32);
        for (x, (pixel, weight)) in row.iter().zip(profile.iter()).enumerate() {
            let excess = weight * (pixel.abs() - dead_zone).max(0.0);
            row_mass += excess;
            row_x += excess * x as f32;
        }
        let weight = f64::from(weight_at(y, center_y));
        mass += weight * f64::from(row_mass);
        mass_x += weight * f64::from(row_x);
        mass_y += weight * f64::from(row_mass) * y as f64;
    }
    (mass > 0.0).then(|| (mass_x / mass, mass_y / mass))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROI_PX: usize = 20;

    fn two_spots() -> Vec<f32> {
        let mut pixels = vec![0.5; ROI_PX * ROI_PX];
        pixels[7 * ROI_PX + 9] = 50.0;
        pixels[7 * ROI_PX + 10] = -50.0;
        pixels[18 * ROI_PX + 18] = 100.0;
        pixels
    }

    #[test]
    fn dark_and_bright_count_alike_and_noise_not_at_all() {
        let mut pixels = two_spots();
        pixels[18 * ROI_PX + 18] = 0.0;
        let found = center_of_mass(&pixels, ROI_PX, 1.0, None, &mut [0.0; ROI_PX]).unwrap();
        assert!((found.0 - 9.5).abs() < 1e-6 && (found.1 - 7.0).abs() < 1e-6, "{found:?}");
        assert_eq!(center_of_mass(&pixels, ROI_PX, 60.0, None, &mut [0.0; ROI_PX]), None);
    }

    #[test]
    fn the_window_keeps_a_neighbour_out() {
        let window = Some(Window { center_px: (9.0, 8.0), sigma_px: 3.0 });
        let without = center_of_mass(&two_spots(), ROI_PX, 1.0, None, &mut [0.0; ROI_PX]).unwrap();
        let with = center_of_mass(&two_spots(), ROI_PX, 1.0, window, &mut [0.0; ROI_PX]).unwrap();
        assert!(without.0 > 13.0, "{without:?}");
        assert!((with.0 - 9.5).abs() < 0.2 && (with.1 - 7.0).abs() < 0.2, "{with:?}");
    }
}
