// Gaussian-windowed auto-convolution of the central rows and columns, twice. Twin: `auto_convolution.rs`.

/// Largest side of an ROI, px.
override LARGEST_ROI: u32 = 512u;

/// How far the first and the second step look, as parts of the ROI, and at least, px.
const FAR_SEARCH: f32 = 0.25;
const NEAR_SEARCH: f32 = 0.0625;
const SEARCH: array<f32, 2> = array<f32, 2>(FAR_SEARCH, NEAR_SEARCH);
const SHORTEST_SEARCH_PX: f32 = 2.0;
/// Rows taken each side of the central one.
const BAND_PX: u32 = 2u;

var<workgroup> line: array<f32, LARGEST_ROI>;
/// A(s); of all shifts, twice as many as pixels.
var<workgroup> convolved: array<f32, 2 * LARGEST_ROI>;
var<workgroup> found_px: f32;
var<workgroup> is_lost: u32;

/// Puts the mean rows (`stride` 1) or columns (`stride` the side) through `across_px` into `line`.
fn take_line(thread: u32, first: u32, across_px: f32, along: u32, across: u32) {
    let last = settings.roi_px - 1u;
    let middle = min(u32(max(round_half_up(across_px), 0.0)), last);
    let start = middle - min(middle, BAND_PX);
    let to = min(middle + BAND_PX, last);
    for (var i = thread; i < settings.roi_px; i += THREADS) {
        var total = 0.0;
        for (var j = start; j <= to; j += 1u) {
            total += pixels[first + i * along + j * across];
        }
        line[i] = total;
    }
    workgroupBarrier();
}

/// Multiplies the line by a Gaussian about `guess_px`, after taking off its mean under that Gaussian.
fn apply_window(thread: u32, guess_px: f32) {
    let scale = -0.5 / (settings.window_px * settings.window_px);
    var sums = vec4<f32>();
    for (var i = thread; i < settings.roi_px; i += THREADS) {
        let distance = f32(i) - guess_px;
        let window = exp(scale * distance * distance);
        sums += vec4<f32>(window * line[i], window, 0.0, 0.0);
    }
    sums = sum(thread, sums);
    let mean = sums.x / max(sums.y, TINY);
    for (var i = thread; i < settings.roi_px; i += THREADS) {
        let distance = f32(i) - guess_px;
        line[i] = (line[i] - mean) * exp(scale * distance * distance);
    }
    workgroupBarrier();
}

/// Twice a position as a shift.
fn shift_at(px: f32) -> u32 {
    return min(u32(max(2.0 * px, 0.0)), 2u * (settings.roi_px - 1u));
}

/// Where the line is its own mirror image, into `found_px`; sets `is_lost` if nowhere within `search_px`.
fn mirror_point(thread: u32, guess_px: f32, search_px: f32) {
    apply_window(thread, guess_px);
    let low = shift_at(guess_px - search_px);
    let high = shift_at(guess_px + search_px);
    for (var s = low + thread; s <= high; s += THREADS) {
        var total = 0.0;
        let start = s - min(s, settings.roi_px - 1u);
        for (var x = start; x <= min(s, settings.roi_px - 1u); x += 1u) {
            total += line[x] * line[s - x];
        }
        convolved[s] = total;
    }
    workgroupBarrier();
    if thread == 0u {
        found_px = guess_px;
        var peak = low;
        for (var s = low; s <= high; s += 1u) {
            if convolved[s] > convolved[peak] {
                peak = s;
            }
        }
        if peak == low || peak == high {
            is_lost = 1u;
        } else {
            let before = convolved[peak - 1u];
            let after = convolved[peak + 1u];
            let curvature = before - 2.0 * convolved[peak] + after;
            let shift = 0.5 * (before - after) / curvature;
            if abs(shift) <= 1.0 {
                found_px = 0.5 * (f32(peak) + shift);
            } else {
                is_lost = 1u;
            }
        }
    }
    workgroupBarrier();
}

@compute @workgroup_size(THREADS)
fn auto_convolution(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let index = bead_index(group);
    if index >= settings.n_beads {
        return;
    }
    if !has_center(thread, index) {
        return;
    }
    let side = settings.roi_px;
    let first = index * side * side;
    var center_px = beads[index].center_px;
    if thread == 0u {
        is_lost = 0u;
    }
    for (var i = 0u; i < 2u; i += 1u) {
        let search_px = max(SEARCH[i] * f32(side), SHORTEST_SEARCH_PX);
        take_line(thread, first, center_px.y, 1u, side);
        mirror_point(thread, center_px.x, search_px);
        let x_px = found_px;
        take_line(thread, first, center_px.x, side, 1u);
        mirror_point(thread, center_px.y, search_px);
        center_px = vec2<f32>(x_px, found_px);
        workgroupBarrier();
    }
    if thread != 0u {
        return;
    }
    if is_lost != 0u {
        lose(index, NOT_CONVERGED);
    } else {
        settle(index, center_px, 1u);
    }
}
