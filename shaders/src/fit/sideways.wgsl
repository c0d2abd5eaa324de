// The step of `fit` to the centre, and what of the image stays unexplained. Twin: `sideways.rs`.

const EXCESS_REACH: u32 = 8u;
const MOST_EXPECTED: f32 = 2.0;

/// What is solved for, and what each equation does to it.
var<workgroup> by_x: vec3<f32>;
var<workgroup> by_y: vec3<f32>;
var<workgroup> to_x: vec3<f32>;
var<workgroup> to_y: vec3<f32>;
var<workgroup> to_z: vec3<f32>;

struct Sideways {
    shift_px: vec2<f32>,
    rise_nm: f32,
    /// Squares of the standard errors.
    squares: vec3<f32>,
    is_solved: bool,
}

/// Variances expected of each pixel of a narrow ring: of noise, and of the misfit.
fn variances(k: u32, value: f32) -> vec2<f32> {
    if !here.is_weighted {
        return vec2<f32>(noise_at(0.0), 0.0);
    }
    let misfit = here.gain * here.gain * model[settings.n_model_planes + k / BINS_PER_KNOT];
    return vec2<f32>(noise_at(here.gain * value + here.offset), misfit);
}

fn weight_of(variances: vec2<f32>, excess: f32) -> f32 {
    return 1.0 / (variances.x + MISFIT_SHARE * variances.y + excess);
}

/// What the tilt adds to the sum of the grey levels of a ring.
fn tilted(k: u32, ring: Ring) -> f32 {
    let radius = (f32(k) + 0.5) * BIN_PX;
    let grey = here.gain * ring.value + here.offset;
    return radius * dot(here.additive + here.multiplicative * grey, ring.direction);
}

/// What a shift by 1 px and the two tilts by 1 per px add, times the cosine or sine.
fn templates(k: u32, grey: f32, slope: f32) -> vec3<f32> {
    let radius = (f32(k) + 0.5) * BIN_PX;
    return vec3<f32>(-slope, radius, radius * grey);
}

/// The step to the centre; leaves in the rings what stays unexplained.
fn step_sideways(thread: u32, index: u32) -> Sideways {
    sums = array<vec4<f32>, 8>();
    for (var k = thread; k < n_bins(); k += THREADS) {
        let ring = rings[first_ring(index) + k];
        let grey = here.gain * ring.value + here.offset;
        let slope = here.gain * ring.slope;
        let weight = weight_of(variances(k, ring.value), ring.excess);
        let odd = ring.grey_m - grey * ring.m - slope * ring.dm;
        let t = templates(k, grey, slope);
        let on = weight * vec4<f32>(t * t, 0.0);
        let off = weight * vec4<f32>(t.x * t.yz, t.y * t.z, 0.0);
        sums[0] += ring.mm.x * on;
        sums[1] += ring.mm.x * off;
        sums[2] += weight * odd.x * vec4<f32>(t, 0.0);
        sums[3] += ring.mm.y * on;
        sums[4] += ring.mm.y * off;
        sums[5] += weight * odd.y * vec4<f32>(t, 0.0);
        let by = vec3<f32>(here.gain * ring.rise, ring.value, 1.0);
        let count = weight * ring.count;
        sums[6] += count * vec4<f32>(by * by, 0.0);
        sums[7] += count * vec4<f32>(by.x * by.yz, by.y * by.z, 0.0);
    }
    sum_all(thread, 8u);
    if thread == 0u {
        let x_inverse = inverse_of(sums[0].xyz, sums[1].xyz);
        let y_inverse = inverse_of(sums[3].xyz, sums[4].xyz);
        by_x = x_inverse * sums[2].xyz;
        by_y = y_inverse * sums[5].xyz;
        to_x = x_inverse[0];
        to_y = y_inverse[0];
        to_z = inverse_of(sums[6].xyz, sums[7].xyz)[0];
    }
    workgroupBarrier();
    sums[0] = vec4<f32>();
    for (var k = thread; k < n_bins(); k += THREADS) {
        let at = first_ring(index) + k;
        let ring = rings[at];
        let grey = here.gain * ring.value + here.offset;
        let slope = here.gain * ring.slope;
        let expected = variances(k, ring.value);
        let weight = weight_of(expected, ring.excess);
        let t = templates(k, grey, slope);
        let added = vec2<f32>(dot(by_x, t), dot(by_y, t));
        rings[at].square = square_left(ring, grey, slope, added);
        rings[at].expected = ring.count * (expected.x + expected.y);
        // The weights are not quite the inverse variances, so errors are those of any weighted sum.
        let pull_nm = weight * dot(to_z, vec3<f32>(here.gain * ring.rise, ring.value, 1.0));
        let pull_px = weight * vec2<f32>(dot(to_x, t), dot(to_y, t));
        let variance = expected.x + ring.excess;
        sums[0] += vec4<f32>(
            pull_px * pull_px * variance * ring.mm,
            pull_nm * pull_nm * variance * ring.count,
            -pull_nm * (dot(added, ring.direction) - tilted(k, ring)),
        );
    }
    sum_all(thread, 1u);
    let is_solved = to_x.x > 0.0 && to_y.x > 0.0 && to_z.x > 0.0;
    return Sideways(vec2<f32>(by_x.x, by_y.x), sums[0].w, sums[0].xyz, is_solved);
}

/// Sum of the squared residuals of a ring, when `added` times cosine and sine is explained as well.
fn square_left(ring: Ring, grey: f32, slope: f32, added: vec2<f32>) -> f32 {
    let shifted = slope * ring.d;
    let square = ring.grey_squared - 2.0 * (grey * ring.grey + shifted * ring.grey / max(ring.count, 1.0))
        + grey * (grey * ring.count + 2.0 * shifted) - slope * slope * ring.count * BIN_PX * BIN_PX / 12.0;
    let odd = ring.grey_m - grey * ring.m - slope * ring.dm;
    let explained = 2.0 * dot(added, odd) - dot(added * added, ring.mm);
    // Of pixels without a mirror image only the mean is known.
    return square - explained - (ring.count - ring.mm.x - ring.mm.y) * 0.5 * dot(added, added);
}

var<workgroup> is_excessive: u32;

/// Finds the excess variance of each narrow ring after a step. True if there is any.
fn find_excess(thread: u32, index: u32) -> bool {
    storageBarrier();
    sums[0] = vec4<f32>();
    for (var k = thread; k < n_bins(); k += THREADS) {
        var around = vec3<f32>();
        for (var j = k - min(k, EXCESS_REACH); j < min(k + EXCESS_REACH + 1u, n_bins()); j += 1u) {
            let at = first_ring(index) + j;
            around += vec3<f32>(rings[at].square, rings[at].expected, rings[at].count);
        }
        let excess = around.x - MOST_EXPECTED * around.y;
        rings[first_ring(index) + k].excess = max(excess / max(around.z, 1.0), 0.0);
        sums[0].x += f32(excess > 0.0);
    }
    sum_all(thread, 1u);
    if thread == 0u {
        is_excessive = u32(sums[0].x > 0.0);
    }
    return workgroupUniformLoad(&is_excessive) == 1u;
}
