//! Wide registers: the one place that asks the processor what it has. Here, in `rings.rs` and in `avx2/` is all
//! `unsafe` of this crate.
//!
//! A plain loop is given to [`wide`], which holds it twice, once compiled for AVX2. Loops that add up are written once for
//! any `Width` and given to `widest`; what is done once for a Z-LUT or an estimate names the scalar twins instead. What no
//! compiler makes wide, reading between pixels, is in `rings.rs`, and by hand in `avx2/rings.rs`. Both ways do the same
//! operations in the same order, without fused multiply-add, so that they agree to the last bit: a recording tracked
//! again on another processor gives the same positions. Other processors (NEON) run the scalar twins, of which the
//! plain loops are vectorised by the compiler and the rings are not.
#![allow(unsafe_code, reason = "calls of functions compiled for AVX2, loads by computed index, and hints")]

#[cfg(target_arch = "x86_64")]
mod avx2;
mod eight;
mod four;
mod operators;
mod rings;
mod sums;

pub(crate) use eight::{Eight, EightScalar};
pub(crate) use four::{Four, FourScalar, totals, weighted_sum};
pub(crate) use rings::{Sampler, Scene, ring_sums};
pub(crate) use sums::{Running, Sums16, sums_of};

/// True if the AVX2 half is used. The answer is looked up in a cached word, so it may be asked often.
#[inline]
pub(crate) fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Does `work` with the widest registers there are. What it calls must be inlined to have a part in that: mark `work`
/// and every function below it `#[inline(always)]`.
#[inline(always)]
pub fn wide<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the processor has AVX2, asked on the line above.
        return unsafe { avx2::run(work) };
    }
    work()
}

/// What some registers hold.
pub(crate) trait Width {
    type Four: Four;
    type Eight: Eight;
}

/// Work that is the same for any [`Width`].
pub(crate) trait Work {
    /// What comes of it.
    type Output;

    /// Does it. Mark it, and every function and closure below it, `#[inline(always)]`.
    fn with<W: Width>(self) -> Self::Output;
}

/// Where there are no wide registers.
struct Scalar;

impl Width for Scalar {
    type Four = FourScalar;
    type Eight = EightScalar;
}

/// Does `work` with the widest registers there are. Unlike [`wide`], which hopes that the compiler sees how.
#[inline(always)]
pub(crate) fn widest<R: Work>(work: R) -> R::Output {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        return wide(
            #[inline(always)]
            || work.with::<avx2::Avx2>(),
        );
    }
    work.with::<Scalar>()
}

/// Bytes that come from memory together.
#[cfg(target_arch = "x86_64")]
const CACHE_LINE: usize = 64;

/// Asks for `bytes` to be brought near the processor, and goes on. Nothing changes but the time it takes to read them.
#[inline]
pub fn fetch_ahead(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // The last byte, because bytes that do not start with a line end in one more.
        for at in bytes.iter().step_by(CACHE_LINE).chain(bytes.last()) {
            // SAFETY: a hint, which reads nothing; each x86-64 processor has it.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(at).cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

/// Values in a wide register. Of a ring, two samples of the first quadrant with their turns by 90, 180, 270 degrees.
pub(crate) const LANES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    struct EveryOperation {
        a: [f64; 4],
        b: [f32; 8],
    }

    impl Work for EveryOperation {
        type Output = ([f64; 8], [f32; 32], [u32; 8]);

        fn with<W: Width>(self) -> Self::Output {
            let (a, b) = (W::Four::of(self.a), W::Four::from_column(&self.b, 0));
            let rest = W::Four::from_column(&self.b, 7);
            let mut sum = a + b * rest;
            sum += weighted_sum([a, b, rest, W::Four::all(0.1)], [b, W::Four::all(3.0), a - b, b / a]);
            let bounded = (a * b).at_least(b).sqrt();
            let [w, x, y, z] = (sum - bounded).to_array();
            let [total, of_bounded] = totals(&[sum, bounded]);
            let four = [w, x, y, z, total, of_bounded, W::Four::of_f32([0.1; 4]).total(), 0.0];
            let eight = W::Eight::of(self.b);
            let ratio = (eight - W::Eight::all(1.7)) / eight.abs().sqrt();
            let columns = [W::Eight::from_start_of(&self.b[..3]), W::Eight::from_end_of(&self.b[..3])];
            let more = [ratio * eight.floor(), ratio.at_least(columns[0]), columns[1] + eight.last(3), ratio];
            let mut all = [0.0; 32];
            for (to, from) in all.as_chunks_mut().0.iter_mut().zip(more) {
                *to = from.to_array();
            }
            (four, all, (eight.abs() * W::Eight::all(1000.0)).floor().indices())
        }
    }

    #[test]
    fn twins_calculate_alike() {
        for a in [[0.1, 2.0, 3e-7, 4e8], [7.0, 0.3, 1.1, f64::NAN]] {
            let b = [0.7, 1.3, 1e-3, 11.0, -0.9, 0.0, f32::NAN, 1.0];
            let (here, scalar) = (widest(EveryOperation { a, b }), EveryOperation { a, b }.with::<Scalar>());
            assert_eq!(here.0.map(f64::to_bits), scalar.0.map(f64::to_bits), "{here:?} {scalar:?}");
            // Of a NaN only that it is one.
            assert_eq!(here.1.map(|v| v + 0.0).map(f32::is_nan), scalar.1.map(f32::is_nan));
            let numbers = |all: [f32; 32]| all.map(|v| if v.is_nan() { 0 } else { v.to_bits() });
            assert_eq!(numbers(here.1), numbers(scalar.1), "{here:?} {scalar:?}");
            assert_eq!(here.2[..6], scalar.2[..6]);
            assert_eq!(scalar.2[..6], [700, 1300, 1, 11_000, 900, 0]);
        }
        let ([w, ..], ..) = EveryOperation { a: [4.0; 4], b: [1.0; 8] }.with::<Scalar>();
        // 4 + 1 + (4 + 3 + 3 + 0.025) less the root of 4.
        assert!((w - 13.025).abs() < 1e-9, "{w}");
    }
}
