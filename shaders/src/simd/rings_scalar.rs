//! Sums over a ring, sample by sample: what `avx2.rs` must give, and what runs where there is no AVX2.

use super::{LANES, RingSums, Sampler, Scene};
use crate::sampling::{bilinear, cubic};

/// Sums over the ring with the first-quadrant offsets `offsets_px`, an even number of them.
pub fn ring_sums(scene: &Scene<'_>, offsets_px: &[[f32; 2]], sampler: Sampler) -> RingSums {
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
