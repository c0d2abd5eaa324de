//! The ring samplers: the twin of what `simd/rings.rs` does sample by sample.
//!
//! Pixels are fetched by plain loads, not by gather instructions: a bilinear sample needs two loads of two
//! neighbours, a cubic one four loads of four, where gathers would need four and sixteen, each as slow as eight loads.

use std::arch::x86_64::*;

use super::transposed;
use crate::simd::LANES;
use crate::simd::rings::{RingSums, Scene};

/// Sums over a ring, read from 4 pixels a sample.
///
/// # Safety
/// `scene.image` must hold `scene.roi_px` squared pixels; that must be 4 to 32768.
#[target_feature(enable = "avx2")]
pub unsafe fn bilinear_ring(scene: &Scene<'_>, offsets_px: &[[f32; 2]]) -> RingSums {
    let (pixels, side) = (scene.image.as_ptr(), scene.roi_px);
    // First of the 2 x 2 pixels: 0 to side - 2 in both directions, so the last read is at side * side - 1.
    sums(scene, offsets_px, 0, side - 2, |first, u, v| {
        let two_by_two = |shift: usize| {
            let pair = |a: usize, b: usize| {
                // SAFETY: `sums` keeps the 2 x 2 pixels from `first` inside the image.
                let (a, b) = unsafe { (pixels.add(first[a] + shift), pixels.add(first[b] + shift)) };
                // SAFETY: two pixels from each of these are inside the image; the loads need no alignment.
                _mm_castpd_ps(unsafe { _mm_loadh_pd(_mm_load_sd(a.cast()), b.cast()) })
            };
            let even = _mm256_set_m128(pair(4, 5), pair(0, 1));
            let odd = _mm256_set_m128(pair(6, 7), pair(2, 3));
            [_mm256_shuffle_ps::<0b10_00_10_00>(even, odd), _mm256_shuffle_ps::<0b11_01_11_01>(even, odd)]
        };
        let between = |a, b, t| _mm256_add_ps(a, _mm256_mul_ps(t, _mm256_sub_ps(b, a)));
        let ([a, b], [c, d]) = (two_by_two(0), two_by_two(side));
        between(between(a, b, u), between(c, d, u), v)
    })
}

/// Sums over a ring, read from 16 pixels a sample.
///
/// # Safety
/// `scene.image` must hold `scene.roi_px` squared pixels; that must be 4 to 32768.
#[target_feature(enable = "avx2")]
pub unsafe fn cubic_ring(scene: &Scene<'_>, offsets_px: &[[f32; 2]]) -> RingSums {
    let (pixels, side) = (scene.image.as_ptr(), scene.roi_px);
    // Second of the 4 x 4 pixels in both directions: 1 to side - 3, so the last read is at side * side - 1.
    sums(scene, offsets_px, 1, side - 3, |second, u, v| {
        let (along_x, along_y) = (keys_weights(u), keys_weights(v));
        let row = |lane: usize, row: usize| {
            // SAFETY: `sums` keeps the 4 x 4 pixels around `second` inside the image; the loads need no alignment.
            let load =
                |lane: usize| unsafe { _mm_loadu_ps(pixels.add(second[lane] + row * side - side - 1)) };
            _mm256_set_m128(load(lane + 4), load(lane))
        };
        // The four columns of lane `LANE` in the lower half, of lane `LANE` + 4 in the upper one.
        macro_rules! columns {
            ($lane:literal) => {{
                let part = |j: usize| {
                    let weight = _mm256_permute_ps::<{ 0b01_01_01_01 * $lane }>(along_y[j]);
                    _mm256_mul_ps(weight, row($lane, j))
                };
                _mm256_add_ps(_mm256_add_ps(_mm256_add_ps(part(0), part(1)), part(2)), part(3))
            }};
        }
        let [a, b, c, d] = transposed([columns!(0), columns!(1), columns!(2), columns!(3)]);
        let [wa, wb, wc, wd] = along_x;
        let ab = _mm256_add_ps(_mm256_mul_ps(wa, a), _mm256_mul_ps(wb, b));
        _mm256_add_ps(_mm256_add_ps(ab, _mm256_mul_ps(wc, c)), _mm256_mul_ps(wd, d))
    })
}

/// `sample`: grey levels from the indices of a pixel, clamped to `lowest..=highest` in both directions, and the
/// distances from it.
#[inline]
#[target_feature(enable = "avx2")]
fn sums(
    scene: &Scene<'_>,
    offsets_px: &[[f32; 2]],
    lowest: usize,
    highest: usize,
    sample: impl Fn([usize; LANES], __m256, __m256) -> __m256,
) -> RingSums {
    let [x, y] = scene.center_px.map(|center| _mm256_set1_ps(center));
    let whole = |value: usize| _mm256_set1_epi32(value as i32);
    let (side, lowest, highest) = (whole(scene.roi_px), whole(lowest), whole(highest));
    let pixel_at = |position| {
        let at = _mm256_cvttps_epi32(position);
        _mm256_min_epi32(_mm256_max_epi32(at, lowest), highest)
    };
    // A sample (dx, dy) and its turns by 90, 180 and 270 degrees: (-dy, dx), (-dx, -dy), (dy, -dx).
    let from_x = _mm256_setr_epi32(0, 1, 0, 1, 2, 3, 2, 3);
    let from_y = _mm256_setr_epi32(1, 0, 1, 0, 3, 2, 3, 2);
    let sign_x = _mm256_setr_ps(0.0, -0.0, -0.0, 0.0, 0.0, -0.0, -0.0, 0.0);
    let sign_y = _mm256_setr_ps(0.0, 0.0, -0.0, -0.0, 0.0, 0.0, -0.0, -0.0);
    let [mut level, mut square, mut by_x, mut by_y] = [_mm256_setzero_ps(); 4];
    for [[dx_0, dy_0], [dx_1, dy_1]] in offsets_px.as_chunks::<2>().0 {
        let pair = _mm256_castps128_ps256(_mm_setr_ps(*dx_0, *dy_0, *dx_1, *dy_1));
        let dx = _mm256_xor_ps(_mm256_permutevar8x32_ps(pair, from_x), sign_x);
        let dy = _mm256_xor_ps(_mm256_permutevar8x32_ps(pair, from_y), sign_y);
        let (at_x, at_y) = (_mm256_add_ps(x, dx), _mm256_add_ps(y, dy));
        let (column, row) = (pixel_at(at_x), pixel_at(at_y));
        let index = _mm256_add_epi32(_mm256_mullo_epi32(row, side), column);
        let (u, v) =
            (_mm256_sub_ps(at_x, _mm256_cvtepi32_ps(column)), _mm256_sub_ps(at_y, _mm256_cvtepi32_ps(row)));
        let value = sample(lanes_of(index), u, v);
        level = _mm256_add_ps(level, value);
        square = _mm256_add_ps(square, _mm256_mul_ps(value, value));
        by_x = _mm256_add_ps(by_x, _mm256_mul_ps(value, dx));
        by_y = _mm256_add_ps(by_y, _mm256_mul_ps(value, dy));
    }
    totals(level, square, by_x, by_y)
}

/// The indices, none of which is negative.
#[inline]
#[target_feature(enable = "avx2")]
fn lanes_of(index: __m256i) -> [usize; LANES] {
    let mut lanes = [0u32; LANES];
    // SAFETY: eight words of 32 bits fit; the store needs no alignment.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), index) };
    lanes.map(|lane| lane as usize)
}

/// Weights of the pixels at -1, 0, 1, 2 for positions `u` between 0 and 1: those of `sampling.rs`.
#[inline]
#[target_feature(enable = "avx2")]
fn keys_weights(u: __m256) -> [__m256; 4] {
    let times = |factor: f32, power| _mm256_mul_ps(_mm256_set1_ps(factor), power);
    let u2 = _mm256_mul_ps(u, u);
    let u3 = _mm256_mul_ps(u2, u);
    [
        _mm256_sub_ps(_mm256_add_ps(times(-0.5, u3), u2), times(0.5, u)),
        _mm256_add_ps(_mm256_sub_ps(times(1.5, u3), times(2.5, u2)), _mm256_set1_ps(1.0)),
        _mm256_add_ps(_mm256_add_ps(times(-1.5, u3), times(2.0, u2)), times(0.5, u)),
        _mm256_sub_ps(times(0.5, u3), times(0.5, u2)),
    ]
}

/// Each sum over its lanes: of four neighbours two and two, then of the two halves.
#[inline]
#[target_feature(enable = "avx2")]
fn totals(level: __m256, square: __m256, by_x: __m256, by_y: __m256) -> RingSums {
    let fours = _mm256_hadd_ps(_mm256_hadd_ps(level, square), _mm256_hadd_ps(by_x, by_y));
    let totals = _mm_add_ps(_mm256_castps256_ps128(fours), _mm256_extractf128_ps::<1>(fours));
    let mut sums = [0.0f32; 4];
    // SAFETY: four words of 32 bits fit; the store needs no alignment.
    unsafe { _mm_storeu_ps(sums.as_mut_ptr(), totals) };
    let [level, square, by_x, by_y] = sums;
    RingSums { level, square, by_x, by_y }
}
