// Which radii are measured, and where on each ring the samples lie. Twin: `rings.rs`, which makes the table.

/// For each ring of each grid, its first offset in `offsets_px`; behind the last ring of a grid, where that one ends.
@group(1) @binding(0) var<storage, read> starts: array<u32>;
/// Offsets from the centre of the samples in the first quadrant, px.
@group(1) @binding(1) var<storage, read> offsets_px: array<vec2<f32>>;

fn radius_px(grid: Grid, k: u32) -> f32 {
    return grid.first_ring_px + grid.ring_step_px * f32(k);
}

/// Number of rings, counted from the centre, with a radius up to `radius_px`.
fn rings_up_to(grid: Grid, radius_px: f32) -> u32 {
    // The slack keeps a ring that fits exactly from being lost to rounding.
    let count = floor((radius_px - grid.first_ring_px) / grid.ring_step_px + 1.0 + 2e-5);
    return min(u32(max(count, 0.0)), grid.n_rings);
}
