// Z from the radial profile: the height at which the Z-LUT, made smooth in z, fits the profile best. Twin:
// `zlut_match.rs`; the profile is measured here where no stage before has measured the rings of the Z-LUT.

@group(1) @binding(2) var<storage, read_write> profiles: array<vec4<f32>>;
/// Heights of the planes above the first, nm; then for each ring 1 if it is usable; then, for each ring, its value in every
/// plane; then its curvatures.
@group(1) @binding(3) var<storage, read> zlut: array<f32>;

/// Fewest rings a match may rest on.
const MIN_RINGS: f32 = 4.0;
const MAX_STEPS: u32 = 20u;
/// A step shorter than this part of the mean plane distance is the last.
const LAST_STEP: f32 = 1e-4;
/// In f32 steps may end above that, in rounding: one that no longer shrinks is the last below so many times it.
const ROUNDING: f32 = 10.0;
// A step is changed by so much at least and at most.
const LEAST_AHEAD: f32 = 0.1;
const MOST_AHEAD: f32 = 10.0;

/// Of each plane, how well it matches.
var<workgroup> best: array<f32, THREADS>;
var<workgroup> best_plane: array<u32, THREADS>;
/// Profile less its weighted mean, times the weight.
var<workgroup> weighted: array<f32, MAX_RINGS>;
var<workgroup> z_nm: f32;
/// The step before: as solved for, and as taken.
var<workgroup> solved_nm: f32;
var<workgroup> taken_nm: f32;
var<workgroup> correlation: f32;
var<workgroup> state: u32;
var<workgroup> n_usable: u32;

const SEARCHING: u32 = 0u;
const SETTLED: u32 = 1u;
const BEYOND: u32 = 2u;
const FAILED: u32 = 3u;

/// The plane below a height, the last but one at most.
fn plane_below(height_nm: f32) -> u32 {
    var below = 0u;
    var above = settings.n_planes - 1u;
    while above - below > 1u {
        let middle = (below + above) / 2u;
        if zlut[middle] <= height_nm {
            below = middle;
        } else {
            above = middle;
        }
    }
    return below;
}

/// Values of ring `k` below and above, and curvatures.
fn four_of(k: u32, below: u32) -> vec4<f32> {
    let n_rings = settings.zlut.n_rings;
    let values = settings.n_planes + n_rings + k * settings.n_planes + below;
    let curvatures = values + n_rings * settings.n_planes;
    return vec4<f32>(zlut[values], zlut[values + 1u], zlut[curvatures], zlut[curvatures + 1u]);
}

/// Weights that a match can use, and the profile times them, less its weighted mean. Returns the weight and the squares
/// of all, and how many rings have a weight.
fn clean(thread: u32, usable: u32) -> vec3<f32> {
    var sums = vec4<f32>();
    for (var k = thread; k < settings.zlut.n_rings; k += THREADS) {
        var weight = 0.0;
        if k < usable {
            weight = weights[k] * zlut[settings.n_planes + k];
        }
        weights[k] = weight;
        if weight > 0.0 {
            sums += vec4<f32>(weight, weight * profile[k].x, 1.0, 0.0);
        }
    }
    sums = sum(thread, sums);
    let mean = sums.y / max(sums.x, TINY);
    var square = 0.0;
    for (var k = thread; k < settings.zlut.n_rings; k += THREADS) {
        weighted[k] = 0.0;
        if weights[k] > 0.0 {
            let distance = profile[k].x - mean;
            weighted[k] = weights[k] * distance;
            square += weighted[k] * distance;
        }
    }
    square = sum(thread, vec4<f32>(square, 0.0, 0.0, 0.0)).x;
    return vec3<f32>(sums.x, square, sums.z);
}

/// The plane with the highest weighted correlation, the first of equal ones; its height goes into `z_nm`.
fn find_best_plane(thread: u32, weight: f32) {
    best[thread] = -3.4e38;
    best_plane[thread] = 0u;
    for (var plane = thread; plane < settings.n_planes; plane += THREADS) {
        var sums = vec3<f32>();
        var at = settings.n_planes + settings.zlut.n_rings + plane;
        for (var k = 0u; k < settings.zlut.n_rings; k += 1u) {
            let value = zlut[at];
            let by_weight = weights[k] * value;
            sums += vec3<f32>(by_weight, by_weight * value, weighted[k] * value);
            at += settings.n_planes;
        }
        let variance = sums.y - sums.x * sums.x / weight;
        let likeness = sums.z / sqrt(max(variance, TINY));
        if likeness > best[thread] {
            best[thread] = likeness;
            best_plane[thread] = plane;
        }
    }
    workgroupBarrier();
    if thread == 0u {
        var winner = 0u;
        for (var i = 1u; i < THREADS; i += 1u) {
            let is_better = best[i] > best[winner];
            let is_earlier = best[i] == best[winner] && best_plane[i] < best_plane[winner];
            if is_better || is_earlier {
                winner = i;
            }
        }
        z_nm = zlut[best_plane[winner]];
        solved_nm = 0.0;
        taken_nm = 0.0;
        state = SEARCHING;
    }
    workgroupBarrier();
}

/// One step of linear least squares of the profile by `gain * value + gain * dz * slope + offset`.
fn step_in_height(thread: u32, totals: vec3<f32>) {
    let height_nm = workgroupUniformLoad(&z_nm);
    let below = plane_below(height_nm);
    let step = zlut[below + 1u] - zlut[below];
    let here = between(step, (height_nm - zlut[below]) / step);
    // The offset is eliminated by taking weighted means off, first those of the values.
    var means = vec4<f32>();
    for (var k = thread; k < settings.zlut.n_rings; k += THREADS) {
        let four = four_of(k, below);
        means += weights[k] * vec4<f32>(dot(here.value, four), dot(here.slope, four), 0.0, 0.0);
    }
    means = sum(thread, means) / totals.x;
    var squares = vec4<f32>();
    var products = vec4<f32>();
    for (var k = thread; k < settings.zlut.n_rings; k += THREADS) {
        let four = four_of(k, below);
        let value = dot(here.value, four) - means.x;
        let slope = dot(here.slope, four) - means.y;
        squares += weights[k] * vec4<f32>(value * value, value * slope, slope * slope, 0.0);
        products += weighted[k] * vec4<f32>(value, slope, 0.0, 0.0);
    }
    squares = sum(thread, squares);
    products = sum(thread, products);
    if thread == 0u {
        let determinant = squares.x * squares.z - squares.y * squares.y;
        // Tested before dividing: compilers may take it that there is no NaN.
        if determinant <= 1e-7 * squares.x * squares.z || products.x == 0.0 {
            state = FAILED;
            return;
        }
        let gain_dz = (squares.x * products.y - squares.y * products.x) / determinant;
        let plane_step = settings.plane_step_nm;
        // The gain at the present z: the joint one is poor, and may be 0, where value and slope look alike.
        let solved = gain_dz * squares.x / products.x;
        let apart = solved_nm - solved;
        var secant = 1.0;
        if apart != 0.0 && taken_nm / apart >= LEAST_AHEAD && taken_nm / apart <= MOST_AHEAD {
            secant = taken_nm / apart;
        }
        let dz = clamp(secant * solved, -plane_step, plane_step);
        let shrinks = abs(dz) < abs(taken_nm) || taken_nm == 0.0;
        solved_nm = solved;
        taken_nm = dz;
        correlation = products.x / sqrt(squares.x * totals.y);
        let height = z_nm + dz;
        let highest = zlut[settings.n_planes - 1u];
        let shortest = max(LAST_STEP * plane_step, LAST_DIGIT * highest);
        z_nm = height;
        if height < -plane_step || height > highest + plane_step {
            state = BEYOND;
        } else if abs(dz) < select(ROUNDING * shortest, shortest, shrinks) {
            state = select(BEYOND, SETTLED, height >= 0.0 && height <= highest);
        }
    }
}

/// The profile around the centre, from the stage that has measured it, or measured now.
fn load_profile(thread: u32, index: u32) -> u32 {
    if settings.same_rings == 1u {
        let usable = beads[index].usable;
        for (var k = thread; k < usable; k += THREADS) {
            profile[k] = profiles[index * settings.fine.n_rings + k];
        }
        workgroupBarrier();
        return usable;
    }
    let first = index * settings.roi_px * settings.roi_px;
    return measure(thread, first, beads[index].center_px, settings.zlut);
}

@compute @workgroup_size(THREADS)
fn zlut_match(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let index = bead_index(group);
    if index >= settings.n_beads {
        return;
    }
    if !has_center(thread, index) {
        return;
    }
    let usable = load_profile(thread, index);
    if thread == 0u {
        n_usable = usable;
    }
    let n = workgroupUniformLoad(&n_usable);
    if n >= MIN_ROUND_RINGS {
        judge(thread, index, n, settings.zlut);
    }
    if n < u32(MIN_RINGS) {
        if thread == 0u {
            beads[index].flags |= POOR_MATCH;
        }
        return;
    }
    weigh_rings(thread, usable, settings.zlut, beads[index].level);
    let totals = clean(thread, usable);
    find_best_plane(thread, totals.x);
    for (var i = 0u; i < MAX_STEPS; i += 1u) {
        if workgroupUniformLoad(&state) != SEARCHING {
            break;
        }
        step_in_height(thread, totals);
    }
    if thread != 0u {
        return;
    }
    let settled = state == SETTLED || state == BEYOND;
    if !settled || totals.z < MIN_RINGS || totals.y <= 0.0 {
        beads[index].flags |= POOR_MATCH;
        return;
    }
    beads[index].quality *= correlation;
    if state == SETTLED {
        beads[index].z_nm = z_nm;
        beads[index].known |= HEIGHT;
    } else {
        beads[index].flags |= Z_OUT_OF_RANGE;
    }
    if correlation < settings.min_quality {
        beads[index].flags |= POOR_MATCH;
    }
}
