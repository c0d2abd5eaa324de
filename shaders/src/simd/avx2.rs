//! What is compiled for AVX2: any plain loop, and, written by hand, the two ring samplers, and what one
//! register of four or eight numbers can do.
//!
//! Pixels are fetched by plain loads, not by gather instructions: a bilinear sample needs two loads of two
//! neighbours, a cubic one four loads of four, where gathers would need four and sixteen, each as slow as eight loads.

use std::arch::x86_64::*;
use std::ops::{Add, AddAssign, Div, Mul, Sub};

use super::eight::{BELOW_2_23, TWO_TO_23};
use super::{Eight, Four, LANES, RingSums, Scene, Sums16, Width};

/// Compiles `work`, and what is inlined into it, for AVX2.
#[target_feature(enable = "avx2")]
pub fn run<R>(work: impl FnOnce() -> R) -> R {
    work()
}

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

/// Rows to columns, in each half by itself.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed([a, b, c, d]: [__m256; 4]) -> [__m256; 4] {
    let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
    let (ab_high, cd_high) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
    [
        _mm256_shuffle_ps::<0b01_00_01_00>(ab, cd),
        _mm256_shuffle_ps::<0b11_10_11_10>(ab, cd),
        _mm256_shuffle_ps::<0b01_00_01_00>(ab_high, cd_high),
        _mm256_shuffle_ps::<0b11_10_11_10>(ab_high, cd_high),
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

/// The registers. No code can name this, or what it holds, but `simd.rs`, which does so only on a processor that has AVX2: so
/// wherever a [`FourAvx2`] or an [`EightAvx2`] is made, or used, there is AVX2.
pub struct Avx2;

impl Width for Avx2 {
    type Four = FourAvx2;
    type Eight = EightAvx2;
}

#[derive(Clone, Copy)]
pub struct FourAvx2(__m256d);

impl Four for FourAvx2 {
    #[inline(always)]
    fn of(four: [f64; 4]) -> Self {
        // SAFETY: see `Avx2`; four words of 64 bits are there, and the load needs no alignment.
        Self(unsafe { _mm256_loadu_pd(four.as_ptr()) })
    }

    #[inline(always)]
    fn of_f32(four: [f32; 4]) -> Self {
        // SAFETY: see `Avx2`; four words of 32 bits are there, and the load needs no alignment.
        Self(unsafe { _mm256_cvtps_pd(_mm_loadu_ps(four.as_ptr())) })
    }

    #[inline(always)]
    fn at_least(self, least: Self) -> Self {
        // SAFETY: see `Avx2`. Of a NaN and a number the second is taken.
        Self(unsafe { _mm256_max_pd(self.0, least.0) })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: see `Avx2`.
        Self(unsafe { _mm256_sqrt_pd(self.0) })
    }

    #[inline(always)]
    fn to_array(self) -> [f64; 4] {
        let mut four = [0.0; 4];
        // SAFETY: see `Avx2`; four words of 64 bits fit, and the store needs no alignment.
        unsafe { _mm256_storeu_pd(four.as_mut_ptr(), self.0) };
        four
    }
}

impl Add for FourAvx2 {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see `Avx2`.
        Self(unsafe { _mm256_add_pd(self.0, other.0) })
    }
}

impl Sub for FourAvx2 {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: see `Avx2`.
        Self(unsafe { _mm256_sub_pd(self.0, other.0) })
    }
}

impl Mul for FourAvx2 {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: see `Avx2`.
        Self(unsafe { _mm256_mul_pd(self.0, other.0) })
    }
}

impl Div for FourAvx2 {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: see `Avx2`.
        Self(unsafe { _mm256_div_pd(self.0, other.0) })
    }
}

impl AddAssign for FourAvx2 {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

#[derive(Clone, Copy)]
pub struct EightAvx2(__m256);

impl Eight for EightAvx2 {
    #[inline(always)]
    fn of(eight: [f32; LANES]) -> Self {
        // SAFETY: see `Avx2`; eight words of 32 bits are there, and the load needs no alignment.
        Self(unsafe { _mm256_loadu_ps(eight.as_ptr()) })
    }

    #[inline(always)]
    fn to_array(self) -> [f32; LANES] {
        let mut eight = [0.0; LANES];
        // SAFETY: see `Avx2`; eight words of 32 bits fit, and the store needs no alignment.
        unsafe { _mm256_storeu_ps(eight.as_mut_ptr(), self.0) };
        eight
    }

    #[inline(always)]
    fn abs(self) -> Self {
        // SAFETY: see `Avx2`. All bits but that of the sign.
        Self(unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0) })
    }

    #[inline(always)]
    fn at_least(self, least: Self) -> Self {
        // SAFETY: see `Avx2`. Of a NaN and a number the second is taken.
        Self(unsafe { _mm256_max_ps(self.0, least.0) })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: see `Avx2`.
        Self(unsafe { _mm256_sqrt_ps(self.0) })
    }

    #[inline(always)]
    fn floor(self) -> Self {
        // SAFETY: see `Avx2`.
        Self(unsafe { _mm256_floor_ps(self.0) })
    }

    #[inline(always)]
    fn indices(self) -> [u32; LANES] {
        let with_bits = (self + Self::all(TWO_TO_23)).to_array();
        let mut indices = [0; LANES];
        for (to, from) in indices.iter_mut().zip(with_bits) {
            *to = from.to_bits() & BELOW_2_23;
        }
        indices
    }

    #[inline(always)]
    fn last(self, count: usize) -> Self {
        // From `count` on: eight of which the last `count` are set.
        const MASKS: [u32; 2 * LANES] = [0, 0, 0, 0, 0, 0, 0, 0, !0, !0, !0, !0, !0, !0, !0, !0];
        let mut mask = [0; LANES];
        mask.copy_from_slice(&MASKS[count..count + LANES]);
        // SAFETY: see `Avx2`; eight words of 32 bits are there, and the load needs no alignment.
        Self(unsafe { _mm256_and_ps(self.0, _mm256_loadu_ps(mask.as_ptr().cast())) })
    }

    #[inline(always)]
    fn add_to_rows(sums: &mut [Sums16], places: &[u32; LANES], terms: &[[Self; LANES]; 2]) {
        // SAFETY: see `Avx2`.
        unsafe { add_to_rows(sums, places, terms) }
    }
}

impl Add for EightAvx2 {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see `Avx2`.
        Self(unsafe { _mm256_add_ps(self.0, other.0) })
    }
}

impl Sub for EightAvx2 {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: see `Avx2`.
        Self(unsafe { _mm256_sub_ps(self.0, other.0) })
    }
}

impl Mul for EightAvx2 {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: see `Avx2`.
        Self(unsafe { _mm256_mul_ps(self.0, other.0) })
    }
}

impl Div for EightAvx2 {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: see `Avx2`.
        Self(unsafe { _mm256_div_ps(self.0, other.0) })
    }
}

impl AddAssign for EightAvx2 {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn add_to_rows(sums: &mut [Sums16], places: &[u32; LANES], terms: &[[EightAvx2; LANES]; 2]) {
    for (half, terms) in terms.iter().enumerate() {
        // Two columns: of their first four pixels, and of the other four.
        let first = |column: usize| _mm256_permute2f128_ps::<0x20>(terms[column].0, terms[column + 4].0);
        let second = |column: usize| _mm256_permute2f128_ps::<0x31>(terms[column].0, terms[column + 4].0);
        add_four_rows(sums, &places[..4], half, transposed([first(0), first(1), first(2), first(3)]));
        add_four_rows(sums, &places[4..], half, transposed([second(0), second(1), second(2), second(3)]));
    }
}

/// Adds each row to one half of the sums at its place.
#[inline]
#[target_feature(enable = "avx2")]
fn add_four_rows(sums: &mut [Sums16], places: &[u32], half: usize, rows: [__m256; 4]) {
    for (place, row) in places.iter().zip(&rows) {
        if let Some(Sums16(sums)) = sums.get_mut(*place as usize) {
            let sums = sums.as_chunks_mut::<LANES>().0[half].as_mut_ptr();
            // SAFETY: eight words of 32 bits are there; neither needs alignment.
            unsafe { _mm256_storeu_ps(sums, _mm256_add_ps(_mm256_loadu_ps(sums), *row)) };
        }
    }
}
