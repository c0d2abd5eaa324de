//! Four and eight numbers in one register each.

use std::arch::x86_64::*;

use super::transposed;
use crate::simd::eight::{BELOW_2_23, TWO_TO_23};
use crate::simd::operators::operators;
use crate::simd::{Eight, Four, LANES, Sums16, Width};

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

operators!(FourAvx2, |a, b|
    // SAFETY: see `Avx2`.
    Add add Self(unsafe { _mm256_add_pd(a.0, b.0) });
    // SAFETY: see `Avx2`.
    Sub sub Self(unsafe { _mm256_sub_pd(a.0, b.0) });
    // SAFETY: see `Avx2`.
    Mul mul Self(unsafe { _mm256_mul_pd(a.0, b.0) });
    // SAFETY: see `Avx2`.
    Div div Self(unsafe { _mm256_div_pd(a.0, b.0) });
);

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

operators!(EightAvx2, |a, b|
    // SAFETY: see `Avx2`.
    Add add Self(unsafe { _mm256_add_ps(a.0, b.0) });
    // SAFETY: see `Avx2`.
    Sub sub Self(unsafe { _mm256_sub_ps(a.0, b.0) });
    // SAFETY: see `Avx2`.
    Mul mul Self(unsafe { _mm256_mul_ps(a.0, b.0) });
    // SAFETY: see `Avx2`.
    Div div Self(unsafe { _mm256_div_ps(a.0, b.0) });
);

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
