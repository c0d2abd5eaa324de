// Background of an ROI, its noise, and whether anything stands out of it: the first stage. Twin: `background.rs`.
//
// Reads the pixels as they came from the camera, 8 or 16 bits each, or as f32; writes them as f32 without background.

@group(1) @binding(0) var<storage, read> raw: array<u32>;
@group(1) @binding(1) var<storage, read> places: array<Place>;

/// Largest side of an ROI, px, and so an upper bound for the pixels of its border.
override LARGEST_BORDER: u32 = 2044u;

/// Levels of the border pixels, as integers in the same order.
var<workgroup> border: array<u32, LARGEST_BORDER>;
/// The median so far, bit by bit.
var<workgroup> ordered: atomic<u32>;
var<workgroup> saturated: atomic<u32>;

// Least variance in units of that of the noise, and how many times its own scatter is added: see the twin.
const LEAST_CONTRAST: f32 = 1.25;
const SCATTER: f32 = 6.0;
/// Of the level; a spread below is rounding.
const ROUNDING: f32 = 1e-5;

/// Bits of the median found in one round: each thread tries one value.
const ROUND_BITS: u32 = 6u;

fn raw_pixel(place: Place, x: u32, y: u32) -> u32 {
    let i = place.first + y * place.pitch + x;
    switch settings.bits {
        case 8u: { return (raw[i >> 2u] >> (8u * (i & 3u))) & 0xffu; }
        case 16u: { return (raw[i >> 1u] >> (16u * (i & 1u))) & 0xffffu; }
        default: { return raw[i]; }
    }
}

fn level_of(pixel: u32) -> f32 {
    if settings.bits == 32u {
        return bitcast<f32>(pixel);
    }
    return f32(pixel);
}

/// An integer that grows with the level.
fn ordered_from(pixel: u32) -> u32 {
    if settings.bits == 32u {
        return select(pixel | 0x80000000u, ~pixel, pixel >> 31u == 1u);
    }
    return pixel;
}

fn level_from_ordered(value: u32) -> f32 {
    if settings.bits == 32u {
        return bitcast<f32>(select(~value, value & 0x7fffffffu, value >> 31u == 1u));
    }
    return f32(value);
}

/// The level for which at most half of the border pixels lie below, the highest such one.
fn median_of_border(thread: u32, count: u32) -> f32 {
    let rank = count / 2u;
    // Rounds of 6 bits, from the highest down.
    var shift = ((settings.bits + ROUND_BITS - 1u) / ROUND_BITS) * ROUND_BITS;
    var found = 0u;
    while shift > 0u {
        shift -= ROUND_BITS;
        let tried = found | (thread << shift);
        var below = 0u;
        for (var i = 0u; i < count; i += 1u) {
            below += u32(border[i] < tried);
        }
        // A candidate that the bits above push out of 32 bits is none.
        if below <= rank && (tried >> shift) == ((found >> shift) | thread) {
            atomicMax(&ordered, tried);
        }
        workgroupBarrier();
        found = atomicLoad(&ordered);
        workgroupBarrier();
    }
    return level_from_ordered(found);
}

@compute @workgroup_size(THREADS)
fn background(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let index = bead_index(group);
    if index >= settings.n_beads {
        return;
    }
    let place = places[index];
    let side = settings.roi_px;
    let count = side * side;
    let n_border = 4u * (side - 1u);
    if thread == 0u {
        atomicStore(&ordered, 0u);
        atomicStore(&saturated, 0u);
    }
    for (var i = thread; i < n_border; i += THREADS) {
        let edge = i / (side - 1u);
        let along = i % (side - 1u);
        var at = vec2<u32>(along, 0u);
        switch edge {
            case 0u: {}
            case 1u: { at = vec2<u32>(side - 1u, along); }
            case 2u: { at = vec2<u32>(side - 1u - along, side - 1u); }
            default: { at = vec2<u32>(0u, side - 1u - along); }
        }
        border[i] = ordered_from(raw_pixel(place, at.x, at.y));
    }
    workgroupBarrier();
    let level = median_of_border(thread, n_border);

    var total = 0.0;
    var n_saturated = 0u;
    for (var i = thread; i < count; i += THREADS) {
        let grey = level_of(raw_pixel(place, i % side, i / side));
        n_saturated += u32(grey >= settings.max_level);
        pixels[index * count + i] = grey - level;
        total += grey - level;
    }
    atomicAdd(&saturated, n_saturated);
    storageBarrier();
    let mean = sum(thread, vec4<f32>(total, 0.0, 0.0, 0.0)).x / f32(count);

    var squares = 0.0;
    var magnitude = 0.0;
    for (var i = thread; i < count; i += THREADS) {
        let x = i % side;
        let y = i / side;
        let distance = pixels[index * count + i] - mean;
        squares += distance * distance;
        if x > 0u && y > 0u && x + 1u < side && y + 1u < side {
            let at = index * count + i;
            let left = column_difference(at - 1u);
            let middle = column_difference(at);
            let right = column_difference(at + 1u);
            magnitude += abs(left - (middle + middle) + right);
        }
    }
    let sums = sum(thread, vec4<f32>(squares, magnitude, 0.0, 0.0));
    let spread = sqrt(sums.x / f32(count));
    let inner = f32((side - 2u) * (side - 2u));
    // Immerkaer (1996): see the twin.
    let noise = sums.y / inner / 6.0 * 1.2533141;
    if thread != 0u {
        return;
    }
    var bead = Bead();
    bead.level = level;
    bead.noise = noise;
    bead.mean = level + mean;
    if 100u * atomicLoad(&saturated) > count {
        bead.flags |= SATURATED;
    }
    if settings.n_planes == 0u {
        bead.flags |= NO_ZLUT;
    }
    let limit = LEAST_CONTRAST + SCATTER * sqrt(2.0 / f32(count));
    let stands_out = spread * spread > limit * noise * noise && spread > ROUNDING * abs(level);
    if stands_out {
        // Every stage after this one goes on only if the one before it has found a centre.
        bead.center_px = vec2<f32>(0.5 * f32(side - 1u));
        bead.known = CENTER;
    } else {
        bead.flags |= LOW_CONTRAST;
    }
    beads[index] = bead;
}

fn column_difference(at: u32) -> f32 {
    return pixels[at - settings.roi_px] - 2.0 * pixels[at] + pixels[at + settings.roi_px];
}
