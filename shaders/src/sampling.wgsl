// The one place where a grey level is read between pixels. Twin: `sampling.rs`.

/// Rings up to this radius, px, are read with `cubic`, the others with `bilinear`.
const CUBIC_UP_TO_PX: f32 = 14.0;
/// `cubic` needs one pixel more than `bilinear`, and rounding a little of the next.
const CUBIC_MARGIN_PX: f32 = 1.01;

/// Between four pixels of the ROI whose first pixel is `first`.
fn bilinear(first: u32, at: vec2<f32>) -> f32 {
    let side = settings.roi_px;
    let last = i32(side) - 2;
    let whole = vec2<u32>(clamp(vec2<i32>(at), vec2<i32>(0), vec2<i32>(last)));
    let part = at - vec2<f32>(whole);
    let i = first + whole.y * side + whole.x;
    let upper = mix_from(pixels[i], pixels[i + 1u], part.x);
    let lower = mix_from(pixels[i + side], pixels[i + side + 1u], part.x);
    return mix_from(upper, lower, part.y);
}

fn mix_from(a: f32, b: f32, part: f32) -> f32 {
    return a + part * (b - a);
}

/// By cubic convolution of 16 pixels (Keys 1981, a = -1/2); bilinear where there are not so many.
fn cubic(first: u32, at: vec2<f32>) -> f32 {
    let side = settings.roi_px;
    let whole = vec2<u32>(max(vec2<i32>(at), vec2<i32>(0)));
    if min(whole.x, whole.y) == 0u || max(whole.x, whole.y) + 2u >= side {
        return bilinear(first, at);
    }
    let along_x = keys_weights(at.x - f32(whole.x));
    let along_y = keys_weights(at.y - f32(whole.y));
    var columns = vec4<f32>();
    for (var j = 0u; j < 4u; j += 1u) {
        let i = first + (whole.y + j - 1u) * side + whole.x - 1u;
        columns += along_y[j] * vec4<f32>(pixels[i], pixels[i + 1u], pixels[i + 2u], pixels[i + 3u]);
    }
    return dot(along_x, columns);
}

/// Weights of the pixels at -1, 0, 1, 2 for a position `u` between 0 and 1.
fn keys_weights(u: f32) -> vec4<f32> {
    let u2 = u * u;
    let u3 = u2 * u;
    return vec4<f32>(
        -0.5 * u3 + u2 - 0.5 * u,
        1.5 * u3 - 2.5 * u2 + 1.0,
        -1.5 * u3 + 2.0 * u2 + 0.5 * u,
        0.5 * u3 - 0.5 * u2,
    );
}

/// Radius of the largest circle around a centre between the centres of the border pixels.
fn usable_radius_px(center_px: vec2<f32>) -> f32 {
    let room = min(center_px, f32(settings.roi_px - 1u) - center_px);
    return min(room.x, room.y);
}

// Radius that must fit around a centre, as a part of the ROI and at least, px.
const SMALLEST_RADIUS: f32 = 0.25;
const SMALLEST_RADIUS_PX: f32 = 3.0;

/// Whether a centre is far enough from the edge to count: see `smallest_radius_px` in `quadrant_interpolation.rs`.
fn fits(center_px: vec2<f32>) -> bool {
    return usable_radius_px(center_px) >= max(SMALLEST_RADIUS * f32(settings.roi_px), SMALLEST_RADIUS_PX);
}

/// Enters the centre that a stage has found. Only the last stage must not end too near the edge.
fn settle(index: u32, center_px: vec2<f32>, stage: u32) {
    if stage == settings.last_stage && !fits(center_px) {
        lose(index, EDGE);
    } else {
        beads[index].center_px = center_px;
    }
}
