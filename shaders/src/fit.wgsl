// x, y, z, gain and offset together: the model image that explains the pixels best. Twin: `fit.rs`, with what is below it.
//
// The twin adds pixels up in narrow rings, pixel after pixel. Here each thread owns some rings and looks their pixels up, so
// that no two threads add to one place and the order of the sums is that of the twin.

/// Most knots of the model.
override MAX_KNOTS: u32 = 512u;

/// Heights of the planes of the model above the first plane of the Z-LUT, nm; then the variance of the misfit at each
/// knot; then, plane by plane, coefficients; then their curvatures.
@group(1) @binding(0) var<storage, read> model: array<f32>;
/// The narrow rings of each bead.
@group(1) @binding(1) var<storage, read_write> rings: array<Ring>;

const BINS_PER_KNOT: u32 = 4u;
const KNOT_STEP_PX: f32 = 0.5;
const BINS_PER_PX: f32 = 8.0;
const BIN_PX: f32 = 0.125;
const REBIN_PX: f32 = 0.015;
const MAX_PASSES: u32 = 8u;
const MAX_STEPS: u32 = 12u;
const LARGEST_RISE: f32 = 0.5;
const LAST_STEP: f32 = 0.1;
const MISFIT_SHARE: f32 = 0.05;
const EXCESS_REACH: u32 = 8u;
const MOST_EXPECTED: f32 = 2.0;
const DARKEST: f32 = 0.1;
const NOISE_PIXELS: u32 = 1024u;
const FARTHEST_PX: f32 = 2.0;
const LEAST_ROOM_PX: f32 = 3.0;

/// One narrow ring: sums over its pixels (`c`, `s`: cosine and sine of a pixel's angle; `d`: its radius less that of the
/// ring's middle; `m`: 1 if its mirror image is in the ROI), the model in its middle, and what the model leaves.
/// Twin: `gpu::Ring`.
struct Ring {
    grey: f32,
    grey_squared: f32,
    count: f32,
    d: f32,
    grey_m: vec2<f32>,
    m: vec2<f32>,
    dm: vec2<f32>,
    mm: vec2<f32>,
    direction: vec2<f32>,
    value: f32,
    slope: f32,
    rise: f32,
    excess: f32,
    /// Sum of squared residuals, and what was expected of it.
    square: f32,
    expected: f32,
}

/// Coefficient and its derivative by z at each knot, and one more at each end.
var<workgroup> coefficients: array<vec2<f32>, MAX_KNOTS + 2u>;

struct State {
    center_px: vec2<f32>,
    z_nm: f32,
    gain: f32,
    offset: f32,
    /// False until gain and offset are known.
    is_weighted: bool,
    /// How the light is taken to fall: additive and multiplicative part, along x and along y.
    additive: vec2<f32>,
    multiplicative: vec2<f32>,
}
var<workgroup> here: State;
/// The noise expected of a pixel: variance at a grey level, that level (0: at any), and the level that was subtracted.
var<workgroup> noise: vec3<f32>;

/// What is solved for, and what each equation does to it.
var<workgroup> by_x: vec3<f32>;
var<workgroup> by_y: vec3<f32>;
var<workgroup> to_x: vec3<f32>;
var<workgroup> to_y: vec3<f32>;
var<workgroup> to_z: vec3<f32>;

var<workgroup> outcome: u32;
const GOES_ON: u32 = 0u;
const SETTLED: u32 = 1u;
const LOST: u32 = 2u;
const BEYOND: u32 = 3u;

/// Sums in the making of this thread, and of all threads after `sum_all`.
var<private> sums: array<vec4<f32>, 8>;

/// Adds the first `count` of `sums` up over all threads, which must all call it.
fn sum_all(thread: u32, count: u32) {
    for (var i = 0u; i < count; i += 1u) {
        sums[i] = sum(thread, sums[i]);
    }
}

fn n_bins() -> u32 {
    return (settings.n_knots - 1u) * BINS_PER_KNOT;
}

fn first_ring(index: u32) -> u32 {
    return index * n_bins();
}

/// How much of a pixel at this distance from the centre lies within the mirrored square.
fn mirrored(half: f32, distance: f32) -> f32 {
    return clamp(half + 0.5 - abs(distance), 0.0, 1.0);
}

/// Adds the pixel at column `x` to `ring` if it belongs to narrow ring `k`.
fn add_pixel(ring: ptr<function, Ring>, k: u32, first: u32, x: i32, y: i32, center_px: vec2<f32>, half: f32) {
    let offset = vec2<f32>(f32(x), f32(y)) - center_px;
    let radius = sqrt(offset.x * offset.x + offset.y * offset.y);
    if u32(radius * BINS_PER_PX) != k {
        return;
    }
    let grey = pixels[first + u32(y) * settings.roi_px + u32(x)];
    let d = radius - (f32(k) + 0.5) * BIN_PX;
    let direction = offset / max(radius, 1e-6);
    let m = mirrored(half, offset.x) * mirrored(half, offset.y) * direction;
    (*ring).grey += grey;
    (*ring).grey_squared += grey * grey;
    (*ring).count += 1.0;
    (*ring).d += d;
    (*ring).grey_m += grey * m;
    (*ring).m += m;
    (*ring).dm += d * m;
    (*ring).mm += m * direction;
    (*ring).direction += direction;
}

/// Adds the pixels up around the centre.
fn add_up(thread: u32, index: u32, center_px: vec2<f32>) {
    let side = i32(settings.roi_px);
    let first = index * settings.roi_px * settings.roi_px;
    let half = usable_radius_px(center_px);
    for (var k = thread; k < n_bins(); k += THREADS) {
        var ring = Ring();
        // A little wide: which pixels belong to it is decided one by one.
        let inner = max(f32(k) * BIN_PX - 0.01, 0.0);
        let outer = f32(k + 1u) * BIN_PX + 0.01;
        let top = max(i32(ceil(center_px.y - outer)), 0);
        let bottom = min(i32(floor(center_px.y + outer)), side - 1);
        for (var y = top; y <= bottom; y += 1) {
            let dy = f32(y) - center_px.y;
            let far = sqrt(max(outer * outer - dy * dy, 0.0));
            let near = sqrt(max(inner * inner - dy * dy, 0.0));
            let left = max(i32(ceil(center_px.x - far)), 0);
            let left_end = min(i32(floor(center_px.x - near)), side - 1);
            for (var x = left; x <= left_end; x += 1) {
                add_pixel(&ring, k, first, x, y, center_px, half);
            }
            let right = max(max(i32(ceil(center_px.x + near)), left_end + 1), 0);
            let right_end = min(i32(floor(center_px.x + far)), side - 1);
            for (var x = right; x <= right_end; x += 1) {
                add_pixel(&ring, k, first, x, y, center_px, half);
            }
        }
        rings[first_ring(index) + k] = ring;
    }
}

/// The model at a height in the middle of each narrow ring.
fn model_at(thread: u32, index: u32, z_nm: f32) {
    let n_knots = settings.n_knots;
    let n_planes = settings.n_model_planes;
    var below = 0u;
    var above = n_planes - 1u;
    while above - below > 1u {
        let middle = (below + above) / 2u;
        if model[middle] <= z_nm {
            below = middle;
        } else {
            above = middle;
        }
    }
    let step = model[below + 1u] - model[below];
    let weights_in_z = between(step, (z_nm - model[below]) / step);
    let values = n_planes + n_knots + below * n_knots;
    let curvatures = values + n_planes * n_knots;
    for (var k = thread; k < n_knots; k += THREADS) {
        let four = vec4<f32>(
            model[values + k],
            model[values + n_knots + k],
            model[curvatures + k],
            model[curvatures + n_knots + k],
        );
        coefficients[k + 1u] = vec2<f32>(dot(weights_in_z.value, four), dot(weights_in_z.slope, four));
    }
    workgroupBarrier();
    if thread == 0u {
        // Even at the centre, straight at the outer end.
        coefficients[0] = coefficients[2];
        coefficients[n_knots + 1u] = 2.0 * coefficients[n_knots] - coefficients[n_knots - 1u];
    }
    workgroupBarrier();
    for (var k = thread; k < n_bins(); k += THREADS) {
        let j = k / BINS_PER_KNOT;
        let u = (f32(k % BINS_PER_KNOT) + 0.5) / f32(BINS_PER_KNOT);
        let v = 1.0 - u;
        let weights = vec4<f32>(
            v * v * v / 6.0,
            (3.0 * u - 6.0) * u * u / 6.0 + 4.0 / 6.0,
            (3.0 * v - 6.0) * v * v / 6.0 + 4.0 / 6.0,
            u * u * u / 6.0,
        );
        let slopes = vec4<f32>(-v * v / 2.0, (9.0 * u - 12.0) * u / 6.0, -(9.0 * v - 12.0) * v / 6.0, u * u / 2.0);
        let p = coefficients[j];
        let q = coefficients[j + 1u];
        let r = coefficients[j + 2u];
        let t = coefficients[j + 3u];
        let at = first_ring(index) + k;
        rings[at].value = dot(weights, vec4<f32>(p.x, q.x, r.x, t.x));
        rings[at].slope = dot(slopes, vec4<f32>(p.x, q.x, r.x, t.x)) / KNOT_STEP_PX;
        rings[at].rise = dot(weights, vec4<f32>(p.y, q.y, r.y, t.y));
    }
    workgroupBarrier();
}

/// Variance of noise expected of a pixel at a grey level, background subtracted.
fn noise_at(grey: f32) -> f32 {
    if noise.y == 0.0 {
        return noise.x;
    }
    return noise.x * max((grey + noise.z) / noise.y, DARKEST);
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

/// Inverse of a symmetric matrix, given by its diagonal and what is beside it (01, 02, 12). All 0 if it has none.
fn inverse_of(diagonal: vec3<f32>, beside: vec3<f32>) -> mat3x3<f32> {
    // Scaled to ones on the diagonal, so that f32 is enough for unknowns of all units.
    if !all(diagonal > vec3<f32>()) {
        return mat3x3<f32>();
    }
    let scale = 1.0 / sqrt(diagonal);
    let a = beside.x * scale.x * scale.y;
    let b = beside.y * scale.x * scale.z;
    let c = beside.z * scale.y * scale.z;
    let determinant = 1.0 + 2.0 * a * b * c - a * a - b * b - c * c;
    if determinant <= 1e-6 {
        return mat3x3<f32>();
    }
    let s = scale / determinant;
    let off = vec3<f32>(b * c - a, a * c - b, a * b - c);
    return mat3x3<f32>(
        s.x * scale * vec3<f32>(1.0 - c * c, off.x, off.y),
        s.y * scale * vec3<f32>(off.x, 1.0 - b * b, off.z),
        s.z * scale * vec3<f32>(off.y, off.z, 1.0 - a * a),
    );
}

/// Mean distance of the planes of the model, nm.
fn plane_step_nm() -> f32 {
    let last = settings.n_model_planes - 1u;
    return (model[last] - model[0]) / f32(last);
}

/// z, gain and offset for the centre and the tilt at hand; leaves `outcome` at `SETTLED`, at `GOES_ON` if z still moves after
/// the last step, as it may while the tilt is not known, or tells why there is none.
fn settle_height(thread: u32, index: u32) {
    if thread == 0u {
        outcome = GOES_ON;
    }
    for (var i = 0u; i < MAX_STEPS; i += 1u) {
        if workgroupUniformLoad(&outcome) != GOES_ON {
            return;
        }
        model_at(thread, index, here.z_nm);
        sums = array<vec4<f32>, 8>();
        for (var k = thread; k < n_bins(); k += THREADS) {
            let ring = rings[first_ring(index) + k];
            let weight = weight_of(variances(k, ring.value), ring.excess);
            let count = weight * ring.count;
            // Pixels do not lie in the middle of their ring on average.
            let shift = weight * ring.d * ring.slope;
            let value = count * ring.value + shift;
            let mean_shift = ring.d / max(ring.count, 1.0) * ring.slope;
            let grey = ring.grey - tilted(k, ring);
            let left = weight * grey - here.gain * value - here.offset * count;
            sums[0] += vec4<f32>(count * ring.rise * ring.rise, ring.value * (value + shift), count, 0.0);
            sums[1] += vec4<f32>(ring.rise * value, count * ring.rise, value, 0.0);
            let by_gain = left * (ring.value + mean_shift) + here.gain * shift * mean_shift;
            sums[2] += vec4<f32>(left * ring.rise, by_gain, left, 0.0);
        }
        sum_all(thread, 3u);
        if thread == 0u {
            outcome = height_step(sums[0].xyz, sums[1].xyz, sums[2].xyz);
        }
    }
}

/// What the tilt adds to the sum of the grey levels of a ring.
fn tilted(k: u32, ring: Ring) -> f32 {
    let radius = (f32(k) + 0.5) * BIN_PX;
    let grey = here.gain * ring.value + here.offset;
    return radius * dot(here.additive + here.multiplicative * grey, ring.direction);
}

/// Takes one step in z, gain and offset.
fn height_step(diagonal: vec3<f32>, beside: vec3<f32>, right: vec3<f32>) -> u32 {
    let inverse = inverse_of(diagonal, beside);
    if inverse[0][0] == 0.0 {
        return LOST;
    }
    let step = inverse * right;
    here.gain += step.y;
    here.offset += step.z;
    if here.gain <= 0.0 {
        return LOST;
    }
    // The unknown is gain * dz, so that all three enter linearly.
    let step_nm = step.x / here.gain;
    let plane_step = plane_step_nm();
    here.z_nm += clamp(step_nm, -plane_step, plane_step);
    let highest = model[settings.n_model_planes - 1u];
    if here.z_nm < model[0] - plane_step || here.z_nm > highest + plane_step {
        return BEYOND;
    }
    // Below the last digit of f32 there is nothing to settle.
    let shortest = max(LAST_STEP * sqrt(inverse[0][0]) / here.gain, LAST_DIGIT * highest);
    let is_last = here.is_weighted && abs(step_nm) < shortest;
    here.is_weighted = true;
    return select(GOES_ON, SETTLED, is_last);
}

/// What a shift by 1 px and the two tilts by 1 per px add, times the cosine or sine.
fn templates(k: u32, grey: f32, slope: f32) -> vec3<f32> {
    let radius = (f32(k) + 0.5) * BIN_PX;
    return vec3<f32>(-slope, radius, radius * grey);
}

struct Sideways {
    shift_px: vec2<f32>,
    rise_nm: f32,
    /// Squares of the standard errors.
    squares: vec3<f32>,
    is_solved: bool,
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

/// What the model leaves of a pixel, in units of the noise expected of it.
fn residual(index: u32, x: u32, y: u32) -> f32 {
    let offset = vec2<f32>(f32(x), f32(y)) - here.center_px;
    let place = length(offset) * BINS_PER_PX;
    let k = min(u32(place), n_bins() - 1u);
    let at = first_ring(index) + k;
    let d = (place - (f32(k) + 0.5)) * BIN_PX;
    let grey = here.gain * rings[at].value + here.offset;
    let seen = pixels[(index * settings.roi_px + y) * settings.roi_px + x];
    return (seen - grey - here.gain * rings[at].slope * d) / sqrt(noise_at(grey));
}

/// Standard deviation of the pixels' noise about the model, in units of what was expected: from second differences along
/// some rows.
fn noise_seen(thread: u32, index: u32) -> f32 {
    storageBarrier();
    let inner = settings.roi_px - 2u;
    let step = max(settings.roi_px * settings.roi_px / NOISE_PIXELS, 1u);
    let n_rows = (settings.roi_px + step - 1u) / step;
    sums[0] = vec4<f32>();
    for (var i = thread; i < n_rows * inner; i += THREADS) {
        let x = i % inner;
        let y = (i / inner) * step;
        sums[0].x += abs(residual(index, x, y) - 2.0 * residual(index, x + 1u, y) + residual(index, x + 2u, y));
    }
    sum_all(thread, 1u);
    // For noise of standard deviation 1 the mean is sqrt(6) times sqrt(2/pi); its inverse is sqrt(pi/12).
    return sums[0].x / f32(n_rows * inner) * 0.51166335;
}

var<workgroup> has_height: u32;
var<workgroup> sigma: vec3<f32>;

/// Takes a step to the centre, for a bead that was expected at `start_px`; tells how it ended.
fn take(start_px: vec2<f32>, step: Sideways) -> u32 {
    here.center_px += step.shift_px;
    here.z_nm += step.rise_nm;
    here.additive = vec2<f32>(by_x.y, by_y.y);
    here.multiplicative = vec2<f32>(by_x.z, by_y.z);
    sigma = sqrt(step.squares);
    // A bead does not lie far from where its own symmetry put it.
    let is_near = distance(here.center_px, start_px) < FARTHEST_PX
        && usable_radius_px(here.center_px) > LEAST_ROOM_PX;
    if !step.is_solved || !is_near {
        return LOST;
    }
    // What the tilt does to z is known to first order: enough where it is little.
    let is_settled = outcome == SETTLED && abs(step.rise_nm) < LARGEST_RISE * sigma.z;
    if !is_settled || max(abs(step.shift_px.x), abs(step.shift_px.y)) >= REBIN_PX {
        return GOES_ON;
    }
    let is_inside = here.z_nm >= model[0] && here.z_nm <= model[settings.n_model_planes - 1u];
    return select(BEYOND, SETTLED, is_inside);
}

/// z, gain, offset and the step to the centre for the pixels added up around the centre at hand; taken at once. Where rings
/// show an excess it is found twice, so that these count less.
fn pass_over(thread: u32, index: u32, start_px: vec2<f32>) {
    for (var i = 0u; i < 2u; i += 1u) {
        settle_height(thread, index);
        if workgroupUniformLoad(&outcome) >= LOST {
            return;
        }
        let step = step_sideways(thread, index);
        if i == 0u && find_excess(thread, index) {
            continue;
        }
        if thread == 0u {
            outcome = take(start_px, step);
        }
        return;
    }
}

@compute @workgroup_size(THREADS)
fn fit(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let index = bead_index(group);
    if index >= settings.n_beads {
        return;
    }
    let bead = beads[index];
    if thread == 0u {
        has_height = bead.known & HEIGHT;
        here = State(bead.center_px, bead.z_nm, 0.0, 0.0, false, vec2<f32>(), vec2<f32>());
        // A camera offset can leave levels near 0; then all count alike.
        let measured_at = select(0.0, bead.mean, bead.mean > bead.noise);
        noise = vec3<f32>(max(bead.noise * bead.noise, 1e-12), measured_at, bead.level);
        outcome = GOES_ON;
    }
    if workgroupUniformLoad(&has_height) == 0u {
        return;
    }
    for (var i = 0u; i < MAX_PASSES; i += 1u) {
        if workgroupUniformLoad(&outcome) != GOES_ON {
            break;
        }
        add_up(thread, index, here.center_px);
        pass_over(thread, index, bead.center_px);
    }
    let ended = workgroupUniformLoad(&outcome);
    let seen = noise_seen(thread, index);
    if thread != 0u {
        return;
    }
    if ended == SETTLED {
        beads[index].center_px = here.center_px;
        beads[index].z_nm = here.z_nm;
        // What is not noise raises both estimates of it: the lower one is nearer.
        beads[index].sigma = sigma * min(seen, 1.0);
        beads[index].known |= SIGMA;
    } else if ended == BEYOND {
        beads[index].known &= ~HEIGHT;
        beads[index].flags |= Z_OUT_OF_RANGE;
    } else {
        lose(index, NOT_CONVERGED);
    }
}
