//! What is compiled for AVX2: any plain loop, and, written by hand, the two ring samplers, and what one
//! register of four or eight numbers can do.

mod registers;
mod rings;

use std::arch::x86_64::*;

pub use registers::Avx2;
pub use rings::{bilinear_ring, cubic_ring};

/// Compiles `work`, and what is inlined into it, for AVX2.
#[target_feature(enable = "avx2")]
pub fn run<R>(work: impl FnOnce() -> R) -> R {
    work()
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
