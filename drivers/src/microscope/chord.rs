//! Adds the rings of a bead to one row of pixels: the inner loop of a simulated frame, in vector instructions where the processor has them.
//! With `wide.rs` the only `unsafe` of this crate. Both ways do the same operations, so that the pixels are the same on every processor.
#![allow(unsafe_code, reason = "loads by computed index")]

use super::optics::RING_STEP_PX;

/// Columns at a time.
pub(super) const BLOCK: usize = 8;
/// Behind 2^23 a float has no fraction, and its low bits are a whole number: quicker than a cast, which has to look for NaN.
const WHOLE: f32 = 8_388_608.0;
const MANTISSA: u32 = 0x007f_ffff;
const PER_RING: f64 = 1.0 / RING_STEP_PX;

/// Adds a ring profile to the mean levels of one row, of which `levels` begins at column `begin`; the centre is at column `x_px`, and
/// `dy_px` away from the row. Beyond the last ring the line through the last two goes on.
pub(super) fn add_chord(profile: &[f32], x_px: f64, dy_px: f64, begin: usize, levels: &mut [f32]) {
    let (dx, dy) = (((begin as f64 - x_px) * PER_RING) as f32, (dy_px * PER_RING) as f32);
    let done = blocks(profile, dx, dy, levels);
    add(profile, dx, dy, levels, done);
}

/// Whole blocks with AVX2, if there is that; the columns done.
fn blocks(profile: &[f32], dx: f32, dy: f32, levels: &mut [f32]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && profile.len() > 1 {
        // SAFETY: the processor has AVX2, and there are two rings, both asked on the line above.
        return unsafe { avx2::blocks(profile, dx, dy, levels) };
    }
    0
}

/// The columns from `done` on, each by itself.
fn add(profile: &[f32], dx: f32, dy: f32, levels: &mut [f32], done: usize) {
    let Some(last) = profile.len().checked_sub(2) else { return };
    for (column, level) in levels.iter_mut().enumerate().skip(done) {
        // In the order in which blocks do it.
        let at = dx
            + ((column / BLOCK * BLOCK) as f32) * PER_RING as f32
            + ((column % BLOCK) as f32) * PER_RING as f32;
        let r = (at * at + dy * dy).sqrt();
        // Rounded by half a ring less, which is as good as cut off: on a ring both neighbours say the same.
        let whole = (r - 0.5).max(0.0) + WHOLE;
        let ring = ((whole.to_bits() & MANTISSA) as usize).min(last);
        *level += profile[ring] + (r - (whole - WHOLE)) * (profile[ring + 1] - profile[ring]);
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::{BLOCK, MANTISSA, PER_RING, WHOLE};

    /// The columns of whole blocks; how many they are.
    ///
    /// # Safety
    /// `profile` has two entries.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn blocks(profile: &[f32], dx: f32, dy: f32, levels: &mut [f32]) -> usize {
        let per_ring = _mm256_set1_ps(PER_RING as f32);
        let columns = _mm256_mul_ps(_mm256_setr_ps(0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0), per_ring);
        let dy_squared = _mm256_set1_ps(dy * dy);
        let (half, whole_one) = (_mm256_set1_ps(0.5), _mm256_set1_ps(WHOLE));
        let mantissa = _mm256_set1_epi32(MANTISSA as i32);
        let last = _mm256_set1_epi32((profile.len() - 2).min(MANTISSA as usize) as i32);
        let (blocks, _) = levels.as_chunks_mut::<BLOCK>();
        for (number, block) in blocks.iter_mut().enumerate() {
            let from = dx + ((number * BLOCK) as f32) * PER_RING as f32;
            let at = _mm256_add_ps(_mm256_set1_ps(from), columns);
            let r = _mm256_sqrt_ps(_mm256_add_ps(_mm256_mul_ps(at, at), dy_squared));
            let whole = _mm256_add_ps(_mm256_max_ps(_mm256_sub_ps(r, half), _mm256_setzero_ps()), whole_one);
            let rings = _mm256_min_epu32(_mm256_and_si256(_mm256_castps_si256(whole), mantissa), last);
            let mut at = [0_u32; BLOCK];
            // SAFETY: eight indices are a block, and each has an entry behind it. Eight loads of two entries take half as long as the
            // processor's own gathering.
            let (low, high) = unsafe {
                _mm256_storeu_si256(at.as_mut_ptr().cast(), rings);
                let [a, b, c, d, e, f, g, h] =
                    at.map(|at| profile.as_ptr().add(at as usize).cast::<f64>().read_unaligned());
                (_mm256_setr_pd(a, b, c, d), _mm256_setr_pd(e, f, g, h))
            };
            let (low, high) = (_mm256_castpd_ps(low), _mm256_castpd_ps(high));
            // Rings and their neighbours, each in the order of 0 1 4 5 2 3 6 7, then in that of the columns.
            let in_order = |mixed: __m256| {
                _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(_mm256_castps_pd(mixed)))
            };
            let ring = in_order(_mm256_shuffle_ps::<0b10_00_10_00>(low, high));
            let next = in_order(_mm256_shuffle_ps::<0b11_01_11_01>(low, high));
            let beyond = _mm256_sub_ps(r, _mm256_sub_ps(whole, whole_one));
            let added = _mm256_add_ps(ring, _mm256_mul_ps(beyond, _mm256_sub_ps(next, ring)));
            // SAFETY: a block is eight floats.
            unsafe {
                let place = block.as_mut_ptr();
                _mm256_storeu_ps(place, _mm256_add_ps(_mm256_loadu_ps(place), added));
            }
        }
        BLOCK * blocks.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_single_columns_draw_the_same_pixels() {
        let profile: Vec<f32> = (0..600_u16).map(|i| (f32::from(i) * 0.37).sin() * 40.0).collect();
        for (x_px, dy_px, begin, count) in [
            (20.3, -3.7, 0, 41),
            (20.0, 0.0, 20, 16),
            (63.9, 12.5, 30, 71),
            (5.0, 30.0, 0, 7),
            (-400.0, 2.0, 0, 24),
        ] {
            let mut whole = vec![100.0; count];
            add_chord(&profile, x_px, dy_px, begin, &mut whole);
            let mut single = vec![100.0; count];
            let (dx, dy) = (((begin as f64 - x_px) * PER_RING) as f32, (dy_px * PER_RING) as f32);
            add(&profile, dx, dy, &mut single, 0);
            assert_eq!(whole, single, "{x_px} {dy_px}");
            assert!(whole.iter().any(|level| *level != 100.0));
        }
        add_chord(&[], 1.0, 1.0, 0, &mut [0.0; 16]);
    }
}
