// x, y, z, gain and offset together: the model image that explains the pixels best. Twin: `fit.rs`; each file in `fit/` has its
// own.

const REBIN_PX: f32 = 0.015;
const MAX_PASSES: u32 = 8u;
const MAX_STEPS: u32 = 12u;
const LARGEST_RISE: f32 = 0.5;
const LAST_STEP: f32 = 0.1;
const MISFIT_SHARE: f32 = 0.05;
const FARTHEST_PX: f32 = 2.0;
const LEAST_ROOM_PX: f32 = 3.0;

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
