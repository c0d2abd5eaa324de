//! Sums over the samples of a ring: in wide registers, and sample by sample, which must give the same and runs where there is
//! no AVX2.

use super::LANES;
#[cfg(target_arch = "x86_64")]
use super::{avx2, has_avx2};
use crate::sampling::{bilinear, cubic};

/// How a ring is read between pixels; see `sampling.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sampler {
    /// From 4 pixels.
    Bilinear,
    /// From 16 pixels. The ring must keep a pixel away from the border pixels.
    Cubic,
}

/// Sums over the samples of one ring.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RingSums {
    /// Of grey levels.
    pub level: f32,
    /// Of their squares.
    pub square: f32,
    /// Of grey level times x offset from the centre, px.
    pub by_x: f32,
    /// Of grey level times y offset, px.
    pub by_y: f32,
}

/// An image, `roi_px` squared grey levels, and a centre (x, y) in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    /// Rows from top.
    pub image: &'a [f32],
    /// Side, px.
    pub roi_px: usize,
    /// Centre of the rings, px.
    pub center_px: [f32; 2],
}

/// Largest side, px, of which every pixel has an index in 32 bits, and smallest that has 16 pixels to read from.
const SIDES_PX: std::ops::RangeInclusive<usize> = 4..=32_768;

/// Sums over the ring with the first-quadrant offsets `offsets_px`, an even number of them.
#[inline]
pub(crate) fn ring_sums(scene: &Scene<'_>, offsets_px: &[[f32; 2]], sampler: Sampler) -> RingSums {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() && SIDES_PX.contains(&scene.roi_px) && scene.image.len() >= scene.roi_px * scene.roi_px {
        // SAFETY: the processor has AVX2, and the image has as many pixels as its side says.
        return unsafe {
            match sampler {
                Sampler::Bilinear => avx2::bilinear_ring(scene, offsets_px),
                Sampler::Cubic => avx2::cubic_ring(scene, offsets_px),
            }
        };
    }
    ring_sums_scalar(scene, offsets_px, sampler)
}

/// The same, sample by sample.
fn ring_sums_scalar(scene: &Scene<'_>, offsets_px: &[[f32; 2]], sampler: Sampler) -> RingSums {
    match sampler {
        Sampler::Bilinear => sums(scene, offsets_px, |x, y| bilinear(scene.image, scene.roi_px, x, y)),
        Sampler::Cubic => sums(scene, offsets_px, |x, y| cubic(scene.image, scene.roi_px, x, y)),
    }
}

#[inline(always)]
fn sums(scene: &Scene<'_>, offsets_px: &[[f32; 2]], sample: impl Fn(f32, f32) -> f32) -> RingSums {
    let [x, y] = scene.center_px;
    let [mut level, mut square, mut by_x, mut by_y] = [[0.0f32; LANES]; 4];
    for pair in offsets_px.as_chunks::<2>().0 {
        for lane in 0..LANES {
            let [dx, dy] = pair[lane / 4];
            // The sample and its turns by 90, 180 and 270 degrees.
            let [dx, dy] = [[dx, dy], [-dy, dx], [-dx, -dy], [dy, -dx]][lane % 4];
            let value = sample(x + dx, y + dy);
            level[lane] += value;
            square[lane] += value * value;
            by_x[lane] += value * dx;
            by_y[lane] += value * dy;
        }
    }
    RingSums { level: total(level), square: total(square), by_x: total(by_x), by_y: total(by_y) }
}

fn total([a, b, c, d, e, f, g, h]: [f32; LANES]) -> f32 {
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rings::{ARC_STEP_PX, PolarGrid, Rings};
    use crate::sampling::usable_radius_px;

    /// Grey levels without any pattern.
    fn image(roi_px: usize) -> Vec<f32> {
        (0..roi_px * roi_px).map(|i| (i.wrapping_mul(2_654_435_761) % 977) as f32 / 7.0 - 60.0).collect()
    }

    /// On a machine without AVX2 this compares the scalar twin with itself.
    #[test]
    fn twins_agree_to_the_last_bit() {
        for roi_px in [8, 9, 33, 64, 101] {
            let image = image(roi_px);
            let grid = PolarGrid::new(Rings::for_roi(roi_px), ARC_STEP_PX);
            let middle = 0.5 * (roi_px as f64 - 1.0);
            for (u, v) in [(0.0, 0.0), (0.3, -0.45), (-1.0, 0.5), (-1.7, -1.9), (1.99, 0.01)] {
                let center = (middle + u, middle + v);
                let center_px = [center.0 as f32, center.1 as f32];
                let scene = Scene { image: &image, roi_px, center_px };
                let radius_px = usable_radius_px(roi_px, center);
                for k in 0..grid.rings().up_to(radius_px) {
                    let offsets = grid.first_quadrant_px(k);
                    for sampler in [Sampler::Bilinear, Sampler::Cubic] {
                        let fits = grid.rings().radius_px(k) + 1.01 < radius_px;
                        if sampler == Sampler::Bilinear || fits {
                            let scalar = ring_sums_scalar(&scene, offsets, sampler);
                            let here = ring_sums(&scene, offsets, sampler);
                            assert_eq!(here, scalar, "ROI {roi_px} px, {center:?}, ring {k}, {sampler:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_centre_outside_reads_no_pixel_outside() {
        // Before and after it lies what would be seen in the sums.
        let around = vec![f32::NAN; 256];
        let memory = [around.clone(), image(16), around].concat();
        let image = &memory[256..512];
        for center_px in
            [[-30.0, 50.0], [50.0, -30.0], [15.9, 15.9], [-0.9, -0.9], [f32::NAN, -0.0], [1e30, -1e30]]
        {
            let scene = Scene { image, roi_px: 16, center_px };
            for sampler in [Sampler::Bilinear, Sampler::Cubic] {
                let sums = ring_sums(&scene, &[[3.0, 4.0], [4.0, 3.0]], sampler);
                let is_near = center_px[0].abs() < 1e9;
                assert!(sums.level.is_finite() || !is_near, "{center_px:?}: {sums:?}");
            }
        }
        let short = Scene { image: &image[..9], roi_px: 16, center_px: [8.0, 8.0] };
        assert_eq!(ring_sums(&short, &[[1.0, 1.0]; 2], Sampler::Cubic).level, 0.0);
    }
}
