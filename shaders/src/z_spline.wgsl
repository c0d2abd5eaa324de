// Between two planes of a spline in z. Twin: `z_spline.rs`, which makes the curvatures.

/// Weights of the plane below and above, and of their curvatures, in a value and in its derivative by z.
struct Between {
    value: vec4<f32>,
    slope: vec4<f32>,
}

/// The weights at the part `b` (0 to 1) of the way up from one plane to the next, `step` nm above; beyond both the outermost
/// piece goes on.
fn between(step: f32, b: f32) -> Between {
    let a = 1.0 - b;
    let sixth = step / 6.0;
    return Between(
        vec4<f32>(a, b, (a * a * a - a) * step * sixth, (b * b * b - b) * step * sixth),
        vec4<f32>(-1.0 / step, 1.0 / step, -(3.0 * a * a - 1.0) * sixth, (3.0 * b * b - 1.0) * sixth),
    );
}
