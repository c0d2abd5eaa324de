// Quadrant interpolation, repeated until the centre stands still. Twin: `quadrant_interpolation.rs`.

/// The profile around the answer, for the stages behind: rings of `fine` for each bead.
@group(1) @binding(2) var<storage, read_write> profiles: array<vec4<f32>>;

const LONGEST_STEP_PX: f32 = 1.5;
const COARSE_UNTIL_PX: f32 = 0.2;
// Part of a computed step that is taken.
const LEAST_FACTOR: f32 = 0.25;
const LARGEST_FACTOR: f32 = 1.5;

// How a pass ended.
const AGAIN: u32 = 0u;
const FOUND: u32 = 1u;
const AT_EDGE: u32 = 2u;
const LOST: u32 = 3u;

/// Where the search is; kept by the first thread, read by all.
struct Search {
    center_px: vec2<f32>,
    computed_px: vec2<f32>,
    taken_px: vec2<f32>,
    factor: f32,
    is_fine: u32,
}
var<workgroup> search: Search;
var<workgroup> outcome: u32;

/// Slope of the profile at ring `k`: the straight line through the rings within 1 px, per px.
fn slope_per_px(usable: u32, k: u32, grid: Grid) -> f32 {
    let reach = u32(max(round_half_up(1.0 / grid.ring_step_px), 1.0));
    let start = k - min(k, reach);
    let to = min(k + reach, usable - 1u);
    let middle = 0.5 * f32(start + to);
    var rise = 0.0;
    var run = 0.0;
    for (var j = start; j <= to; j += 1u) {
        let distance = f32(j) - middle;
        rise += distance * profile[j].x;
        run += distance * distance;
    }
    return rise / run / grid.ring_step_px;
}

/// The step to the centre, and 1 in z if there is one: solves `half minus half = -d slope + g radius` for d and g.
fn step_to_center(thread: u32, usable: u32, grid: Grid) -> vec3<f32> {
    var squares = vec4<f32>();
    var sides = vec4<f32>();
    for (var k = thread; k < usable; k += THREADS) {
        let slope = slope_per_px(usable, k, grid);
        let radius = radius_px(grid, k);
        squares += weights[k] * vec4<f32>(slope * slope, slope * radius, radius * radius, 0.0);
        sides -= weights[k] * vec4<f32>(slope * profile[k].zw, radius * profile[k].zw);
    }
    squares = sum(thread, squares);
    sides = sum(thread, sides);
    let determinant = squares.x * squares.z - squares.y * squares.y;
    // f32 cannot tell a smaller one from 0.
    if determinant <= 1e-6 * squares.x * squares.z {
        return vec3<f32>();
    }
    return vec3<f32>((sides.xy * squares.z - squares.y * sides.zw) / determinant, 1.0);
}

/// Takes the computed step, or what two steps in a row say of it (secant method); says how the pass ended.
fn walk(computed: vec2<f32>) -> u32 {
    let answer = dot(search.taken_px, search.computed_px - computed);
    if answer > 0.0 {
        search.factor = clamp(dot(search.taken_px, search.taken_px) / answer, LEAST_FACTOR, LARGEST_FACTOR);
    }
    search.computed_px = computed;
    search.taken_px = clamp(search.factor * computed, vec2<f32>(-LONGEST_STEP_PX), vec2<f32>(LONGEST_STEP_PX));
    search.center_px += search.taken_px;
    let longest = max(abs(search.taken_px.x), abs(search.taken_px.y));
    if search.is_fine == 1u && longest < settings.tolerance_px {
        return select(AT_EDGE, FOUND, fits(search.center_px));
    }
    if search.is_fine == 0u && longest < COARSE_UNTIL_PX {
        begin(search.center_px, 1u);
    }
    return select(AT_EDGE, AGAIN, fits(search.center_px));
}

fn begin(center_px: vec2<f32>, is_fine: u32) {
    search = Search(center_px, vec2<f32>(), vec2<f32>(), 1.0, is_fine);
}

@compute @workgroup_size(THREADS)
fn quadrant_interpolation(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let index = bead_index(group);
    if index >= settings.n_beads {
        return;
    }
    if !has_center(thread, index) {
        return;
    }
    let first = index * settings.roi_px * settings.roi_px;
    let level = beads[index].level;
    if thread == 0u {
        begin(beads[index].center_px, 0u);
        outcome = select(AT_EDGE, AGAIN, fits(search.center_px));
    }
    var usable = 0u;
    for (var i = 0u; i < settings.max_steps; i += 1u) {
        if workgroupUniformLoad(&outcome) != AGAIN {
            break;
        }
        let now = workgroupUniformLoad(&search);
        var grid = settings.coarse;
        if now.is_fine == 1u {
            grid = settings.fine;
        }
        usable = measure(thread, first, now.center_px, grid);
        weigh_rings(thread, usable, grid, level);
        let computed = step_to_center(thread, usable, grid);
        if thread == 0u {
            outcome = LOST;
            if computed.z == 1.0 {
                outcome = walk(computed.xy);
            }
        }
    }
    let ended = workgroupUniformLoad(&outcome);
    if ended != FOUND {
        if thread == 0u {
            lose(index, select(NOT_CONVERGED, EDGE, ended == AT_EDGE));
        }
        return;
    }
    let share = ring_share(thread, usable);
    if thread == 0u {
        if share < settings.min_ring_share {
            lose(index, LOW_CONTRAST);
        } else {
            beads[index].center_px = search.center_px;
            beads[index].usable = usable;
        }
    }
    if settings.n_planes == 0u {
        workgroupBarrier();
        if has_center(thread, index) {
            judge(thread, index, usable, settings.fine);
        }
        return;
    }
    for (var k = thread; k < usable; k += THREADS) {
        profiles[index * settings.fine.n_rings + k] = profile[k];
    }
}
