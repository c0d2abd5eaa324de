// What all stages share: the settings, the bead that a workgroup works on, and sums over its threads.
//
// One workgroup works on one bead. Nothing here is NaN: what is known of a bead is said by `known`.

/// Threads of a workgroup.
const THREADS: u32 = 64u;

/// Twin: `gpu::Settings`.
struct Settings {
    n_beads: u32,
    roi_px: u32,
    /// Bits of a pixel in `raw`: 8, 16, or 32 for f32.
    bits: u32,
    /// Workgroups in a row of the dispatch; see `bead_index`.
    row_beads: u32,
    max_level: f32,
    /// Standard deviation of the window of the first guess, px; 0: all pixels alike.
    guess_px: f32,
    /// Standard deviation of the window of the auto-convolution, px.
    window_px: f32,
    tolerance_px: f32,
    max_steps: u32,
    min_ring_share: f32,
    min_roundness: f32,
    min_quality: f32,
    coarse: Grid,
    fine: Grid,
    zlut: Grid,
    /// Planes of the Z-LUT; 0 without one.
    n_planes: u32,
    /// 1 if the rings of the Z-LUT are those of `fine` and `fine` has been measured.
    same_rings: u32,
    /// Mean distance of planes.
    plane_step_nm: f32,
    /// The last stage that looks for the centre: 0 centre of mass, 1 auto-convolution, 2 quadrant interpolation.
    last_stage: u32,
    /// Knots and planes of the model of the image, for `fit`.
    n_knots: u32,
    n_model_planes: u32,
}

/// Twin: `gpu::Grid`; rings as in `rings.rs`.
struct Grid {
    first_ring_px: f32,
    ring_step_px: f32,
    n_rings: u32,
    /// Where the first ring's entry lies in `starts`.
    first_start: u32,
}

/// Where an ROI lies in `raw`. Twin: `gpu::Place`.
struct Place {
    /// Index of its first pixel.
    first: u32,
    /// Pixels from one row to the next.
    pitch: u32,
}

/// What is known of a bead. Twin: `gpu::Bead`.
struct Bead {
    center_px: vec2<f32>,
    /// Above the first plane of the Z-LUT, nm.
    z_nm: f32,
    quality: f32,
    sigma: vec3<f32>,
    flags: u32,
    level: f32,
    noise: f32,
    mean: f32,
    known: u32,
    /// Rings measured around the centre.
    usable: u32,
}

// Bits of `Bead::known`.
const CENTER: u32 = 1u;
const HEIGHT: u32 = 2u;
const QUALITY: u32 = 4u;
const SIGMA: u32 = 8u;

// Bits of `Bead::flags`, as in `flags.rs`.
const EDGE: u32 = 1u;
const NO_ZLUT: u32 = 2u;
const Z_OUT_OF_RANGE: u32 = 4u;
const LOW_CONTRAST: u32 = 8u;
const NOT_CONVERGED: u32 = 16u;
const SATURATED: u32 = 32u;
const POOR_MATCH: u32 = 64u;
const NOT_ROUND: u32 = 128u;

/// Smallest normal number: divides where nothing is.
const TINY: f32 = 1.1754944e-38;
/// Part of a number that f32 can tell.
const LAST_DIGIT: f32 = 1.1920929e-7;

@group(0) @binding(0) var<uniform> settings: Settings;
@group(0) @binding(1) var<storage, read_write> beads: array<Bead>;
/// Pixels of each ROI, background subtracted.
@group(0) @binding(2) var<storage, read_write> pixels: array<f32>;

/// The bead of this workgroup. Groups beyond the last have none and must return at once.
fn bead_index(group: vec3<u32>) -> u32 {
    return group.y * settings.row_beads + group.x;
}

var<workgroup> partial: array<vec4<f32>, THREADS>;
var<workgroup> partial_of_eight: array<vec4<f32>, THREADS / 8u>;

/// Sum over each eight neighbouring threads, in the same order on every device. All threads must call it.
fn sum_of_eight(thread: u32, value: vec4<f32>) -> vec4<f32> {
    partial[thread] = value;
    workgroupBarrier();
    let first = thread & ~7u;
    let low = (partial[first] + partial[first + 1u]) + (partial[first + 2u] + partial[first + 3u]);
    let high = (partial[first + 4u] + partial[first + 5u]) + (partial[first + 6u] + partial[first + 7u]);
    workgroupBarrier();
    return low + high;
}

/// Sum over all threads, known to all of them. All threads must call it.
fn sum(thread: u32, value: vec4<f32>) -> vec4<f32> {
    let eight = sum_of_eight(thread, value);
    if (thread & 7u) == 0u {
        partial_of_eight[thread >> 3u] = eight;
    }
    workgroupBarrier();
    var total = vec4<f32>();
    for (var i = 0u; i < THREADS / 8u; i += 1u) {
        total += partial_of_eight[i];
    }
    workgroupBarrier();
    return total;
}

/// Nothing is known of this bead any more; `flag` says why.
fn lose(index: u32, flag: u32) {
    beads[index].flags |= flag;
    beads[index].known = 0u;
}

var<workgroup> goes_on: u32;

/// True if the stages before this one have found a centre: known to all threads alike. All must call it.
fn has_center(thread: u32, index: u32) -> bool {
    if thread == 0u {
        goes_on = beads[index].known & CENTER;
    }
    return workgroupUniformLoad(&goes_on) != 0u;
}

/// As `f64::round` of what is not negative.
fn round_half_up(value: f32) -> f32 {
    return floor(value + 0.5);
}
