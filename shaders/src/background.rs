//! Background of an ROI, its noise, and whether anything stands out of it.

use crate::simd::{Eight, Running, Width, Work, sums_of, wide, widest};

/// Background of one ROI.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Background {
    /// Grey level of the background: median of the border pixels.
    pub level: f32,
    /// Standard deviation of the pixel noise, grey levels.
    pub noise: f32,
    /// Mean of the whole ROI, grey levels.
    pub mean: f32,
    /// Standard deviation of the whole ROI about its mean, grey levels.
    pub spread: f32,
}

/// Measures the background of an ROI of at least 3 x 3 pixels. `border` is scratch; room for `4 * roi_px` values is
/// enough that nothing is allocated.
///
/// The median of the border is untouched by a neighbour that covers less than half of it. All NaN if `image` is not
/// such an ROI.
pub fn measure(image: &[f32], roi_px: usize, border: &mut Vec<f32>) -> Background {
    if roi_px < 3 || image.len() != roi_px * roi_px {
        return Background { level: f32::NAN, noise: f32::NAN, mean: f32::NAN, spread: f32::NAN };
    }
    border.clear();
    for (row, pixels) in image.chunks_exact(roi_px).enumerate() {
        if row == 0 || row + 1 == roi_px {
            border.extend_from_slice(pixels);
        } else {
            border.push(pixels[0]);
            border.push(pixels[roi_px - 1]);
        }
    }
    let level = wide(
        #[inline(always)]
        || median(border),
    );
    border.resize(roi_px, 0.0);
    widest(Measure { image, roi_px, level, differences: border })
}

/// What is measured with the level known.
struct Measure<'a> {
    image: &'a [f32],
    roi_px: usize,
    level: f32,
    differences: &'a mut [f32],
}

impl Work for Measure<'_> {
    type Output = Background;

    #[inline(always)]
    fn with<W: Width>(self) -> Background {
        let (mean, spread) = mean_and_spread::<W::Eight>(self.image);
        let noise = noise::<W::Eight>(self.image, self.roi_px, self.differences);
        Background { level: self.level, noise, mean, spread }
    }
}

/// Median; the upper of the two middle values if there are two. NaN if there are none; a NaN counts as very bright.
///
/// Finds it bit by bit, by counting what lies below: passes that have no branch and fill wide registers, where a selection
/// by swapping mispredicts its way. Several times faster for the few hundred pixels of a border, and a pass is made only
/// for a bit in which the values differ: of whole grey levels up to 255 those are about ten.
#[inline(always)]
fn median(values: &[f32]) -> f32 {
    let Some(first) = values.first() else { return f32::NAN };
    let rank = values.len() / 2;
    let first = ordered_from_level(*first);
    let mut differing = values.iter().fold(0, |bits, value| bits | (ordered_from_level(*value) ^ first));
    // Bits in the order of the numbers: the highest for which at most `rank` values lie below is the median.
    let mut ordered = first & !differing;
    while differing > 0 {
        let bit = 1 << differing.ilog2();
        differing -= bit;
        let tried = ordered | bit;
        let level = level_from_ordered(tried);
        let below: u32 = values.iter().map(|value| u32::from(*value < level)).sum();
        let above_all = level.is_nan() && level.is_sign_positive();
        if below as usize <= rank && !above_all {
            ordered = tried;
        }
    }
    level_from_ordered(ordered)
}

/// The place of a number in the order of `f32::total_cmp`.
#[inline(always)]
fn ordered_from_level(level: f32) -> u32 {
    let bits = level.to_bits();
    // Of a positive number the sign is turned, of a negative one all bits.
    bits ^ (if bits >> 31 == 1 { u32::MAX } else { 1 << 31 })
}

/// The number at a place in the order of `f32::total_cmp`.
#[inline(always)]
fn level_from_ordered(ordered: u32) -> f32 {
    f32::from_bits(if ordered >> 31 == 1 { ordered ^ (1 << 31) } else { !ordered })
}

/// Immerkaer (1996), Comput. Vis. Image Underst. 64:300: the mean magnitude of a second difference in y of a second
/// difference in x, to which smooth structure adds little. For Gaussian noise of standard deviation 1 it is 6 (the
/// norm of the mask) times sqrt(2/pi). `differences` is scratch, one row long.
#[inline(always)]
pub(crate) fn noise<E: Eight>(image: &[f32], roi_px: usize, differences: &mut [f32]) -> f32 {
    let mut sum = Running::new();
    for three in image.windows(3 * roi_px).step_by(roi_px) {
        let (above, rest) = three.split_at(roi_px);
        let (here, below) = rest.split_at(roi_px);
        for (((d, a), h), b) in differences.iter_mut().zip(above).zip(here).zip(below) {
            *d = a - 2.0 * h + b;
        }
        let inner = roi_px - 2;
        let (left, middle, right) = (&differences[..inner], &differences[1..=inner], &differences[2..]);
        sum = sum.add(
            [left, middle, right],
            #[inline(always)]
            |[l, m, r]: [E; 3]| [(l - (m + m) + r).abs()],
        );
    }
    let inner_px = (roi_px - 2) as f32;
    sum.total()[0] / (inner_px * inner_px) / 6.0 * std::f32::consts::FRAC_PI_2.sqrt()
}

#[inline(always)]
fn mean_and_spread<E: Eight>(image: &[f32]) -> (f32, f32) {
    let count = image.len() as f64;
    // Pieces in f32, their sums in f64: fast, and exact enough for 16 bits.
    let (mut sum, mut squares) = (0.0f64, 0.0f64);
    for piece in image.chunks(PIECE_PX) {
        let [piece] = sums_of(
            [piece],
            #[inline(always)]
            |v: [E; 1]| v,
        );
        sum += f64::from(piece);
    }
    let mean = (sum / count) as f32;
    for piece in image.chunks(PIECE_PX) {
        let [piece] = sums_of(
            [piece],
            #[inline(always)]
            |[v]: [E; 1]| [(v - E::all(mean)) * (v - E::all(mean))],
        );
        squares += f64::from(piece);
    }
    (mean, (squares / count).sqrt() as f32)
}

/// Pixels that are added up in f32.
const PIECE_PX: usize = 1024;

/// Least variance of an ROI with structure, in units of that of its noise: noise, and half as much deviation by structure.
pub(crate) const LEAST_CONTRAST: f32 = 1.25;
/// The variance of n pixels of noise varies by sqrt(2/n) of itself; so many of those do not happen.
pub(crate) const SCATTER: f32 = 6.0;
/// A spread below this part of the level is rounding.
pub(crate) const ROUNDING: f32 = 1e-5;

impl Background {
    /// True if structure stands out of the noise of `n_pixels` pixels: if the standard deviation of the ROI without
    /// noise is at least half that of the noise, and above what noise reaches by chance. False if a pixel is NaN.
    pub fn has_contrast(&self, n_pixels: usize) -> bool {
        let limit = LEAST_CONTRAST + SCATTER * (2.0 / n_pixels as f32).sqrt();
        // The second test is for images without any noise: rounding is no structure.
        self.spread * self.spread > limit * self.noise * self.noise
            && self.spread > ROUNDING * self.level.abs()
    }
}

/// Writes `image` less `level` into `out`.
pub fn subtract(image: &[f32], level: f32, out: &mut [f32]) {
    wide(
        #[inline(always)]
        || {
            for (out, pixel) in out.iter_mut().zip(image) {
                *out = pixel - level;
            }
        },
    );
}

/// True if more than one pixel in a hundred is at `max_level` or above.
pub fn is_saturated(image: &[f32], max_level: f32) -> bool {
    let count: u32 = wide(
        #[inline(always)]
        || image.iter().map(|pixel| u32::from(*pixel >= max_level)).sum(),
    );
    100 * count as usize > image.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROI_PX: usize = 32;

    /// Noise of standard deviation 5 on 100, from a linear congruential generator: the sum of 12 uniforms.
    fn noise_image(seed: u64) -> Vec<f32> {
        let mut state = seed;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 24) as f32
        };
        (0..ROI_PX * ROI_PX).map(|_| 100.0 + 5.0 * ((0..12).map(|_| uniform()).sum::<f32>() - 6.0)).collect()
    }

    #[test]
    fn noise_alone_has_no_contrast_and_its_size_is_measured() {
        for seed in 0..200 {
            let background = measure(&noise_image(seed), ROI_PX, &mut Vec::new());
            assert!((background.noise - 5.0).abs() < 0.8, "{background:?}");
            assert!((background.spread - 5.0).abs() < 0.6, "{background:?}");
            assert!((background.level - 100.0).abs() < 2.0, "{background:?}");
            assert!(!background.has_contrast(ROI_PX * ROI_PX), "{background:?}");
        }
    }

    #[test]
    fn the_median_is_the_upper_of_the_middle_values() {
        for (values, middle) in [
            (&[3.0, -1.0, 2.0][..], 2.0),
            (&[3.0, -1.0, 2.0, 7.5], 3.0),
            (&[-3.0, -1e-30, -2e30, -7.5], -3.0),
            (&[0.0, f32::INFINITY, f32::INFINITY], f32::INFINITY),
            (&[f32::NEG_INFINITY, 0.0, f32::NAN], 0.0),
            (&[0.1], 0.1),
        ] {
            assert_eq!(median(values), middle, "{values:?}");
        }
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn the_level_is_the_median_of_all_four_sides() {
        // Without any one side it is another, in one of the two directions.
        let mut image = [0.0, 1.0, 2.0, 3.0, 99.0, 5.0, 6.0, 7.0, 8.0];
        for _ in 0..2 {
            assert_eq!(measure(&image, 3, &mut Vec::new()).level, 5.0);
            image.reverse();
        }
    }

    #[test]
    fn a_spot_has_contrast_and_a_neighbour_on_the_border_does_not_move_the_level() {
        let mut image = noise_image(1);
        for (i, pixel) in image.iter_mut().enumerate() {
            let (x, y) = ((i % ROI_PX) as f32, (i / ROI_PX) as f32);
            *pixel += 80.0 * (-((x - 16.0).powi(2) + (y - 16.0).powi(2)) / 20.0).exp();
            if x > 26.0 {
                *pixel += 500.0;
            }
        }
        let background = measure(&image, ROI_PX, &mut Vec::new());
        assert!(background.has_contrast(ROI_PX * ROI_PX));
        assert!((background.level - 100.0).abs() < 5.0, "{background:?}");
    }

    #[test]
    fn flat_and_nan_images_have_no_contrast() {
        for value in [0.0, 77.0, 65535.0, f32::NAN] {
            let background = measure(&[value; ROI_PX * ROI_PX], ROI_PX, &mut Vec::new());
            assert!(!background.has_contrast(ROI_PX * ROI_PX), "{value}");
        }
    }

    #[test]
    fn what_is_no_roi_has_no_background() {
        for (n_pixels, roi_px) in [(0, 0), (4, 2), (10, 5), (30, 5)] {
            assert!(measure(&vec![1.0; n_pixels], roi_px, &mut Vec::new()).level.is_nan());
        }
    }

    #[test]
    fn saturation_starts_above_one_in_a_hundred() {
        let mut image = vec![10.0; 1000];
        image[..10].fill(255.0);
        assert!(!is_saturated(&image, 255.0));
        image[10] = 255.0;
        assert!(is_saturated(&image, 255.0));
    }
}
