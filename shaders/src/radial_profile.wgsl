// The radial profile around a centre, with the spread along each ring and the difference between opposite sides, and what
// follows from these. Twin: `radial_profile.rs`.

/// Most rings of a grid.
override MAX_RINGS: u32 = 512u;

/// Of rings without any noise; more would overflow.
const LARGEST_WEIGHT: f32 = 1e30;
/// Grey level, relative to the mean, below which read noise is taken to be all there is.
const DARKEST_LEVEL: f32 = 0.1;
/// Part of the noise's variance that is left in samples between pixels.
const NOISE_IN_SAMPLES: f32 = 0.5;
/// Fewest rings that can be judged.
const MIN_ROUND_RINGS: u32 = 3u;

/// What is measured of each ring: mean, variance, right less left half, lower less upper half.
var<workgroup> profile: array<vec4<f32>, MAX_RINGS>;
/// Weight of each ring in a least-squares fit.
var<workgroup> weights: array<f32, MAX_RINGS>;

/// Measures the rings of `grid` around `center_px` of the ROI whose first pixel is `first`; returns how many there is room
/// for. Eight threads share a ring: two samples with their turns by 90, 180 and 270 degrees.
fn measure(thread: u32, first: u32, center_px: vec2<f32>, grid: Grid) -> u32 {
    let fits_px = usable_radius_px(center_px);
    let usable = rings_up_to(grid, fits_px);
    let cubic_px = min(CUBIC_UP_TO_PX, fits_px - CUBIC_MARGIN_PX);
    let turn = thread & 3u;
    // All threads go as many rounds, with a ring or without.
    for (var ring = 0u; ring < grid.n_rings; ring += THREADS / 8u) {
        let k = ring + (thread >> 3u);
        let radius = radius_px(grid, k);
        var sums = vec4<f32>();
        var count = 0.0;
        if k < usable {
            let start = starts[grid.first_start + k];
            let to = starts[grid.first_start + k + 1u];
            count = 4.0 * f32(to - start);
            for (var j = start + ((thread >> 2u) & 1u); j < to; j += 2u) {
                let offset = turned(offsets_px[j], turn);
                var value = 0.0;
                if radius <= cubic_px {
                    value = cubic(first, center_px + offset);
                } else {
                    value = bilinear(first, center_px + offset);
                }
                sums += vec4<f32>(value, value * value, value * offset);
            }
        }
        sums = sum_of_eight(thread, sums);
        if k < usable && (thread & 7u) == 0u {
            let mean = sums.x / count;
            let variance = max(sums.y / count - mean * mean, 0.0);
            profile[k] = vec4<f32>(mean, variance, 2.0 / (count * max(radius, TINY)) * sums.zw);
        }
    }
    workgroupBarrier();
    return usable;
}

fn turned(offset: vec2<f32>, quarters: u32) -> vec2<f32> {
    switch quarters {
        case 0u: { return offset; }
        case 1u: { return vec2<f32>(-offset.y, offset.x); }
        case 2u: { return -offset; }
        default: { return vec2<f32>(offset.y, -offset.x); }
    }
}

/// Weight of each ring, into `weights`: its number of pixels over the variance expected of one.
fn weigh_rings(thread: u32, usable: u32, grid: Grid, level: f32) {
    var sums = vec4<f32>();
    for (var k = thread; k < usable; k += THREADS) {
        let radius = radius_px(grid, k);
        sums += radius * vec4<f32>(1.0, profile[k].y, profile[k].x + level, 0.0);
    }
    sums = sum(thread, sums);
    let mean_variance = sums.y / sums.x;
    let mean_level = sums.z / sums.x;
    for (var k = thread; k < usable; k += THREADS) {
        let relative = (profile[k].x + level) / mean_level;
        let shot = select(1.0, max(relative, DARKEST_LEVEL), mean_level > 0.0);
        let variance = smoothed_variance(usable, k) + mean_variance * shot;
        weights[k] = min(radius_px(grid, k) / max(variance, TINY), LARGEST_WEIGHT);
    }
    workgroupBarrier();
}

/// Mean variance of ring `k` and two neighbours each side, by their number of samples.
fn smoothed_variance(usable: u32, k: u32) -> f32 {
    var sums = vec2<f32>();
    for (var j = k - min(k, 2u); j < min(k + 3u, usable); j += 1u) {
        let samples = 1.0 + f32(j);
        sums += samples * vec2<f32>(profile[j].y, 1.0);
    }
    return sums.x / sums.y;
}

/// Share of the weighted variance around the centre that rings explain.
fn ring_share(thread: u32, usable: u32) -> f32 {
    var sums = vec4<f32>();
    for (var k = thread; k < usable; k += THREADS) {
        sums += weights[k] * vec4<f32>(1.0, profile[k].x, profile[k].y, 0.0);
    }
    sums = sum(thread, sums);
    let mean = sums.y / sums.x;
    var explained = 0.0;
    for (var k = thread; k < usable; k += THREADS) {
        let distance = profile[k].x - mean;
        explained += weights[k] * distance * distance;
    }
    explained = sum(thread, vec4<f32>(explained, 0.0, 0.0, 0.0)).x;
    return explained / (explained + sums.z);
}

/// Share of what stands out of the noise around the centre that is round.
fn roundness(thread: u32, usable: u32, grid: Grid, noise: f32) -> f32 {
    let left = NOISE_IN_SAMPLES * noise * noise;
    var sums = vec4<f32>();
    for (var k = thread; k < usable; k += THREADS) {
        let sides = profile[k].zw;
        let other = profile[k].y - 0.5 * dot(sides, sides) - left;
        sums += radius_px(grid, k) * vec4<f32>(1.0, profile[k].x, other, 0.0);
    }
    sums = sum(thread, sums);
    let mean = sums.y / sums.x;
    var round = 0.0;
    for (var k = thread; k < usable; k += THREADS) {
        let distance = profile[k].x - mean;
        round += radius_px(grid, k) * distance * distance;
    }
    round = sum(thread, vec4<f32>(round, 0.0, 0.0, 0.0)).x;
    return round / (round + max(sums.z, 0.0));
}

/// Enters how round the image is about the rings of the profile, `MIN_ROUND_RINGS` at least.
fn judge(thread: u32, index: u32, usable: u32, grid: Grid) {
    let round = roundness(thread, usable, grid, beads[index].noise);
    if thread == 0u {
        beads[index].quality = sqrt(round);
        beads[index].known |= QUALITY;
        if round < settings.min_roundness {
            beads[index].flags |= NOT_ROUND;
        }
    }
}
