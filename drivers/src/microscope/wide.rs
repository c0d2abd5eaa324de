//! Wide registers, where the processor has them: with `chord.rs` the only `unsafe` of this crate.
#![allow(unsafe_code, reason = "a call of a function compiled for AVX2")]

/// Does `work` with AVX2 where there is AVX2. What it calls must be `#[inline(always)]` to have a part in that. No operations are fused,
/// so that the pixels are the same on every processor.
#[inline(always)]
pub(super) fn wide<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, asked on the line above.
        return unsafe { with_avx2(work) };
    }
    work()
}

/// Compiles `work`, and what is inlined into it, for AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}
