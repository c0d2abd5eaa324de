// The pixels added up in narrow rings, the model in these, and what it leaves of the pixels. Twin: `bins.rs`.
//
// The twin adds up pixel after pixel. Here each thread owns some rings and looks their pixels up, so that no two threads add to
// one place and the order of the sums is that of the twin.

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
const NOISE_PIXELS: u32 = 1024u;

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
