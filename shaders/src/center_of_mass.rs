//! Centre of mass of what stands out of the background: the first guess.

use crate::simd::{Eight, Width, Work, sums_of, widest};

/// How much each pixel counts for a first guess: the product of a weight by column and one by row, the same for both.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    weights: Vec<f32>,
    /// Weight times place.
    moments: Vec<f32>,
}

impl Window {
    /// All pixels of an ROI alike.
    pub fn flat(roi_px: usize) -> Self {
        Self::new(roi_px, |_| 1.0)
    }

    /// A Gaussian around the middle of the ROI, which keeps neighbours out. `sigma_px`: its standard deviation.
    pub fn gaussian(roi_px: usize, sigma_px: f64) -> Self {
        let middle = 0.5 * (roi_px as f64 - 1.0);
        Self::new(roi_px, |at| (-0.5 * ((at - middle) / sigma_px).powi(2)).exp())
    }

    fn new(roi_px: usize, weight: impl Fn(f64) -> f64) -> Self {
        let column = |value: &dyn Fn(f64) -> f64| (0..roi_px).map(|at| value(at as f64) as f32).collect();
        Self { weights: column(&weight), moments: column(&|at| at * weight(at)) }
    }
}

/// Centre of mass (x, y) in px of |pixel| less `dead_zone`, where that is above 0. `None` if no pixel is.
///
/// `pixels`: `roi_px` squared, rows from top, background already subtracted. The magnitude, because a bead has rings
/// both darker and brighter than its background. `dead_zone`: grey levels that count as noise; without it the
/// noise of a large ROI pulls the answer to the middle. `window`: made for the same size; what it does not cover does
/// not count.
pub fn center_of_mass(pixels: &[f32], roi_px: usize, dead_zone: f32, window: &Window) -> Option<(f64, f64)> {
    let [mass, mass_x, mass_y] = widest(Moments { pixels, roi_px, dead_zone, window });
    (mass > 0.0).then(|| (mass_x / mass, mass_y / mass))
}

/// What [`center_of_mass`] was given.
struct Moments<'a> {
    pixels: &'a [f32],
    roi_px: usize,
    dead_zone: f32,
    window: &'a Window,
}

impl Work for Moments<'_> {
    type Output = [f64; 3];

    /// Mass, and its first moments in x and y.
    #[inline(always)]
    fn with<W: Width>(self) -> [f64; 3] {
        let Self { pixels, roi_px, dead_zone, window } = self;
        let (dead_zone, zero) = (W::Eight::all(dead_zone), W::Eight::all(0.0));
        let mut sums = [0.0f64; 3];
        let rows = pixels.chunks_exact(roi_px.max(1)).zip(&window.weights).zip(&window.moments);
        for ((row, weight), moment) in rows {
            let [mass, mass_x] = sums_of(
                [row, &window.weights, &window.moments],
                #[inline(always)]
                |[pixel, weight, moment]: [W::Eight; 3]| {
                    let excess = (pixel.abs() - dead_zone).at_least(zero);
                    [weight * excess, moment * excess]
                },
            );
            let (mass, mass_x) = (f64::from(mass), f64::from(mass_x));
            sums[0] += f64::from(*weight) * mass;
            sums[1] += f64::from(*weight) * mass_x;
            sums[2] += f64::from(*moment) * mass;
        }
        sums
    }
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
        let flat = Window::flat(ROI_PX);
        let found = center_of_mass(&pixels, ROI_PX, 1.0, &flat).unwrap();
        assert!((found.0 - 9.5).abs() < 1e-6 && (found.1 - 7.0).abs() < 1e-6, "{found:?}");
        assert_eq!(center_of_mass(&pixels, ROI_PX, 60.0, &flat), None);
    }

    #[test]
    fn the_window_keeps_a_neighbour_out() {
        let without = center_of_mass(&two_spots(), ROI_PX, 1.0, &Window::flat(ROI_PX)).unwrap();
        let with = center_of_mass(&two_spots(), ROI_PX, 1.0, &Window::gaussian(ROI_PX, 3.0)).unwrap();
        assert!(without.0 > 13.0, "{without:?}");
        assert!((with.0 - 9.5).abs() < 0.2 && (with.1 - 7.0).abs() < 0.2, "{with:?}");
    }
}
