//! Sums over columns, eight rows at a time.

use super::{Eight, LANES};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Scalar, Width, Work, widest};

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
}
