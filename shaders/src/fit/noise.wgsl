// The noise expected of a pixel by its grey level. Twin: `noise.rs`.

const DARKEST: f32 = 0.1;

/// The noise expected of a pixel: variance at a grey level, that level (0: at any), and the level that was subtracted.
var<workgroup> noise: vec3<f32>;

/// Variance of noise expected of a pixel at a grey level, background subtracted.
fn noise_at(grey: f32) -> f32 {
    if noise.y == 0.0 {
        return noise.x;
    }
    return noise.x * max((grey + noise.z) / noise.y, DARKEST);
}
