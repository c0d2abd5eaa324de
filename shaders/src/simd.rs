//! Wide registers: the one place that asks the processor what it has. Here and in `simd/avx2.rs` is all `unsafe` of this
//! crate.
//!
//! A plain loop is given to [`wide`], which holds it twice, once compiled for AVX2. Loops that add up are written once for
//! any `Width` and given to `widest`; what is done once for a Z-LUT or an estimate names the scalar twins instead. What no compiler makes wide, reading between pixels, is written by hand in
//! `avx2.rs`; its scalar twin is in `rings_scalar.rs`. Both ways do the same
//! operations in the same order, without fused multiply-add, so that they agree to the last bit: a recording tracked
//! again on another processor gives the same positions. Other processors (NEON) run the scalar twins, of which the
//! plain loops are vectorised by the compiler and the rings are not.
#![allow(unsafe_code, reason = "calls of functions compiled for AVX2, loads by computed index, and hints")]

#[cfg(target_arch = "x86_64")]
mod avx2;
mod eight;
mod four;
mod rings_scalar;

pub(crate) use eight::{Eight, EightScalar};
pub(crate) use four::{Four, FourScalar, totals, weighted_sum};

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

/// Sums in the making. Two times eight of each, where a single one would wait for each addition; the order of all
/// additions is fixed.
#[derive(Clone, Copy)]
pub(crate) struct Running<E, const OUT: usize>([[E; 2]; OUT]);

impl<E: Eight, const OUT: usize> Running<E, OUT> {
    /// Nothing yet.
    #[inline(always)]
    pub fn new() -> Self {
        Self([[E::all(0.0); 2]; OUT])
    }

    /// Adds the terms made from each row of `columns`, as far as the shortest column goes.
    #[inline(always)]
    pub fn add<const IN: usize>(
        mut self,
        columns: [&[f32]; IN],
        terms: impl Fn([E; IN]) -> [E; OUT],
    ) -> Self {
        let count = columns.iter().map(|column| column.len()).min().unwrap_or(0);
        let (mut blocks, mut ends): ([&[[f32; LANES]]; IN], _) = ([&[]; IN], [E::all(0.0); IN]);
        for (blocks, column) in blocks.iter_mut().zip(columns) {
            *blocks = column[..count].as_chunks().0;
        }
        let n_blocks = count / LANES;
        for two in 0..n_blocks / 2 {
            self.add_to(0, &terms(rows(&blocks, 2 * two)));
            self.add_to(1, &terms(rows(&blocks, 2 * two + 1)));
        }
        if n_blocks % 2 == 1 {
            self.add_to(0, &terms(rows(&blocks, n_blocks - 1)));
        }
        let rest = count % LANES;
        if rest > 0 {
            for (end, column) in ends.iter_mut().zip(columns) {
                *end = E::from_end_of(&column[..count]);
            }
            let mut ends = terms(ends);
            for end in &mut ends {
                *end = end.last(rest);
            }
            self.add_to(1, &ends);
        }
        self
    }

    #[inline(always)]
    fn add_to(&mut self, half: usize, terms: &[E; OUT]) {
        for (sums, term) in self.0.iter_mut().zip(terms) {
            sums[half] += *term;
        }
    }

    /// The sums.
    #[inline(always)]
    pub fn total(self) -> [f32; OUT] {
        let mut totals = [0.0; OUT];
        for (total, [even, odd]) in totals.iter_mut().zip(&self.0) {
            *total = (*even + *odd).total();
        }
        totals
    }
}

#[inline(always)]
fn rows<E: Eight, const IN: usize>(blocks: &[&[[f32; LANES]]; IN], at: usize) -> [E; IN] {
    let mut rows = [E::all(0.0); IN];
    for (row, blocks) in rows.iter_mut().zip(blocks) {
        *row = E::of(blocks[at]);
    }
    rows
}

/// The sums of the terms made from each row of `columns`, as far as the shortest column goes.
#[inline(always)]
pub(crate) fn sums_of<E: Eight, const IN: usize, const OUT: usize>(
    columns: [&[f32]; IN],
    terms: impl Fn([E; IN]) -> [E; OUT],
) -> [f32; OUT] {
    Running::new().add(columns, terms).total()
}

/// Sixteen sums of one place: a cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(align(64))]
pub(crate) struct Sums16(pub [f32; 2 * LANES]);

/// How a ring is read between pixels; see `sampling.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sampler {
    /// From 4 pixels.
    Bilinear,
    /// From 16 pixels. The ring must keep a pixel away from the border pixels.
    Cubic,
}

/// Sums over the samples of one ring.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RingSums {
    /// Of grey levels.
    pub level: f32,
    /// Of their squares.
    pub square: f32,
    /// Of grey level times x offset from the centre, px.
    pub by_x: f32,
    /// Of grey level times y offset, px.
    pub by_y: f32,
}

/// An image, `roi_px` squared grey levels, and a centre (x, y) in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    /// Rows from top.
    pub image: &'a [f32],
    /// Side, px.
    pub roi_px: usize,
    /// Centre of the rings, px.
    pub center_px: [f32; 2],
}

/// Values in a wide register. Of a ring, two samples of the first quadrant with their turns by 90, 180, 270 degrees.
pub(crate) const LANES: usize = 8;

/// Largest side, px, of which every pixel has an index in 32 bits, and smallest that has 16 pixels to read from.
const SIDES_PX: std::ops::RangeInclusive<usize> = 4..=32_768;

/// Sums over the ring with the first-quadrant offsets `offsets_px`, an even number of them.
#[inline]
pub(crate) fn ring_sums(scene: &Scene<'_>, offsets_px: &[[f32; 2]], sampler: Sampler) -> RingSums {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() && SIDES_PX.contains(&scene.roi_px) && scene.image.len() >= scene.roi_px * scene.roi_px {
        // SAFETY: the processor has AVX2, and the image has as many pixels as its side says.
        return unsafe {
            match sampler {
                Sampler::Bilinear => avx2::bilinear_ring(scene, offsets_px),
                Sampler::Cubic => avx2::cubic_ring(scene, offsets_px),
            }
        };
    }
    rings_scalar::ring_sums(scene, offsets_px, sampler)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rings::{ARC_STEP_PX, PolarGrid, Rings};
    use crate::sampling::usable_radius_px;

    /// Grey levels without any pattern.
    fn image(roi_px: usize) -> Vec<f32> {
        (0..roi_px * roi_px).map(|i| (i.wrapping_mul(2_654_435_761) % 977) as f32 / 7.0 - 60.0).collect()
    }

    /// On a machine without AVX2 this compares the scalar twin with itself.
    #[test]
    fn twins_agree_to_the_last_bit() {
        for roi_px in [8, 9, 33, 64, 101] {
            let image = image(roi_px);
            let grid = PolarGrid::new(Rings::for_roi(roi_px), ARC_STEP_PX);
            let middle = 0.5 * (roi_px as f64 - 1.0);
            for (u, v) in [(0.0, 0.0), (0.3, -0.45), (-1.0, 0.5), (-1.7, -1.9), (1.99, 0.01)] {
                let center = (middle + u, middle + v);
                let center_px = [center.0 as f32, center.1 as f32];
                let scene = Scene { image: &image, roi_px, center_px };
                let radius_px = usable_radius_px(roi_px, center);
                for k in 0..grid.rings().up_to(radius_px) {
                    let offsets = grid.first_quadrant_px(k);
                    for sampler in [Sampler::Bilinear, Sampler::Cubic] {
                        let fits = grid.rings().radius_px(k) + 1.01 < radius_px;
                        if sampler == Sampler::Bilinear || fits {
                            let scalar = rings_scalar::ring_sums(&scene, offsets, sampler);
                            let here = ring_sums(&scene, offsets, sampler);
                            assert_eq!(here, scalar, "ROI {roi_px} px, {center:?}, ring {k}, {sampler:?}");
                        }
                    }
                }
            }
        }
    }

    struct OneMore<'a>(&'a [f32]);

    impl Work for OneMore<'_> {
        type Output = [f32; 2];

        fn with<W: Width>(self) -> [f32; 2] {
            sums_of([self.0], |[value]: [W::Eight; 1]| [value + W::Eight::all(1.0), value * value])
        }
    }

    #[test]
    fn sums_take_every_value_once() {
        for count in 0..70 {
            let column: Vec<f32> = (0..count).map(|i| i as f32).collect();
            let [sum, squares] = widest(OneMore(&column));
            let n = count as f32;
            assert_eq!(sum, 0.5 * n * (n + 1.0), "{count}");
            assert_eq!(squares, column.iter().map(|v| v * v).sum(), "{count}");
            assert_eq!([sum, squares], OneMore(&column).with::<Scalar>(), "twins");
        }
    }

    struct AddToRows<'a>(&'a mut [Sums16], [u32; LANES]);

    impl Work for AddToRows<'_> {
        type Output = ();

        fn with<W: Width>(self) {
            let term = |first: usize| {
                W::Eight::of(std::array::from_fn(|pixel| ((LANES * first + pixel) as f32).sqrt()))
            };
            let terms = [std::array::from_fn(term), std::array::from_fn(|i| term(LANES + i))];
            W::Eight::add_to_rows(self.0, &self.1, &terms);
        }
    }

    #[test]
    fn twins_add_to_the_same_places() {
        // Twice the same place in a row, the last one, and two that there are not.
        let places = [3, 3, 0, 4, 5, 3, u32::MAX, 4];
        let (mut here, mut scalar) = ([Sums16([0.5; 16]); 5], [Sums16([0.5; 16]); 5]);
        widest(AddToRows(&mut here, places));
        AddToRows(&mut scalar, places).with::<Scalar>();
        assert_eq!(here, scalar);
        assert_eq!(scalar[0].0[9], 0.5 + 74f32.sqrt(), "pixel 2 of term 9");
        assert_eq!(scalar[1].0, [0.5; 16]);
    }

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

    #[test]
    fn a_centre_outside_reads_no_pixel_outside() {
        // Before and after it lies what would be seen in the sums.
        let around = vec![f32::NAN; 256];
        let memory = [around.clone(), image(16), around].concat();
        let image = &memory[256..512];
        for center_px in
            [[-30.0, 50.0], [50.0, -30.0], [15.9, 15.9], [-0.9, -0.9], [f32::NAN, -0.0], [1e30, -1e30]]
        {
            let scene = Scene { image, roi_px: 16, center_px };
            for sampler in [Sampler::Bilinear, Sampler::Cubic] {
                let sums = ring_sums(&scene, &[[3.0, 4.0], [4.0, 3.0]], sampler);
                let is_near = center_px[0].abs() < 1e9;
                assert!(sums.level.is_finite() || !is_near, "{center_px:?}: {sums:?}");
            }
        }
        let short = Scene { image: &image[..9], roi_px: 16, center_px: [8.0, 8.0] };
        assert_eq!(ring_sums(&short, &[[1.0, 1.0]; 2], Sampler::Cubic).level, 0.0);
    }
}
