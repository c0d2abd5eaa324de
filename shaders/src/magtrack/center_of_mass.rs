//! The first guess: centre of mass of the whole ROI.

use super::options::Background;

/// Centre of mass (x, y), px, of how far each pixel is from the background; of the bare pixels without one. `None` where
/// nothing has a mass. `sorted` is scratch.
pub fn center_of_mass(
    pixels: &[f64],
    roi_px: usize,
    background: Background,
    sorted: &mut Vec<f64>,
) -> Option<(f64, f64)> {
    let level = match background {
        Background::None => None,
        Background::Mean => Some(pixels.iter().sum::<f64>() / pixels.len() as f64),
        Background::Median => Some(median(pixels, sorted)),
    };
    let (mut mass, mut mass_x, mut mass_y) = (0.0, 0.0, 0.0);
    for (y, row) in pixels.chunks_exact(roi_px).enumerate() {
        let mut row_mass = 0.0;
        for (x, pixel) in row.iter().enumerate() {
            let weight = level.map_or(*pixel, |level| (pixel - level).abs());
            row_mass += weight;
            mass_x += weight * x as f64;
        }
        mass += row_mass;
        mass_y += row_mass * y as f64;
    }
    let center = (mass_x / mass, mass_y / mass);
    (center.0.is_finite() && center.1.is_finite()).then_some(center)
}

/// The middle value, or the mean of the two middle ones.
fn median(pixels: &[f64], sorted: &mut Vec<f64>) -> f64 {
    sorted.clear();
    sorted.extend_from_slice(pixels);
    let middle = sorted.len() / 2;
    let even = sorted.len().is_multiple_of(2);
    let (below, upper, _) = sorted.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if even { below.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b)).midpoint(upper) } else { upper }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_even_and_odd_counts() {
        assert_eq!(median(&[4.0, 1.0, 9.0, 2.0], &mut Vec::new()), 3.0);
        assert_eq!(median(&[4.0, 1.0, 9.0], &mut Vec::new()), 4.0);
    }

    #[test]
    fn each_background_has_its_own_weights() {
        // Mean 4, median 2; weights of the left, middle and right column by hand.
        let pixels = [1.0, 2.0, 3.0, 1.0, 2.0, 20.0, 1.0, 2.0, 4.0];
        let x = |background| center_of_mass(&pixels, 3, background, &mut Vec::new()).unwrap().0;
        assert_eq!(x(Background::None), (6.0 + 2.0 * 27.0) / 36.0);
        assert_eq!(x(Background::Mean), (6.0 + 2.0 * 17.0) / 32.0);
        assert_eq!(x(Background::Median), (0.0 + 2.0 * 21.0) / 24.0);
    }

    #[test]
    fn a_flat_image_has_no_center() {
        for background in [Background::Mean, Background::Median] {
            assert_eq!(center_of_mass(&[3.0; 16], 4, background, &mut Vec::new()), None);
        }
        assert_eq!(center_of_mass(&[3.0; 16], 4, Background::None, &mut Vec::new()), Some((1.5, 1.5)));
        assert_eq!(center_of_mass(&[0.0; 16], 4, Background::None, &mut Vec::new()), None);
    }
}
