//! Eight numbers of 32 bits on which one operation is done at a time; see [`four`](super::four) for why they are a trait.

use std::ops::{Add, AddAssign, Div, Mul, Sub};

use super::operators::operators;
use super::{LANES, Sums16};

/// Eight grey levels, weights or sums: in one wide register, or an array.
pub trait Eight:
    Copy + Add<Output = Self> + AddAssign + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// These eight.
    fn of(eight: [f32; LANES]) -> Self;

    /// The eight.
    fn to_array(self) -> [f32; LANES];

    /// Magnitudes.
    fn abs(self) -> Self;

    /// Each number, and `least` where it is not above that, as of NaN.
    fn at_least(self, least: Self) -> Self;

    /// Square roots.
    fn sqrt(self) -> Self;

    /// The whole numbers not above.
    fn floor(self) -> Self;

    /// Whole numbers from 0 to 2^23 - 1 as places in an array; any other becomes one of these.
    fn indices(self) -> [u32; LANES];

    /// The last `count` of them, zeros before.
    fn last(self, count: usize) -> Self;

    /// Adds the sixteen terms of each of eight pixels, the first eight and the other eight column by column, to the sums at
    /// its place, one pixel after the other. A place that there is not takes nothing.
    fn add_to_rows(sums: &mut [Sums16], places: &[u32; LANES], terms: &[[Self; LANES]; 2]);

    /// `value` eight times.
    #[inline(always)]
    fn all(value: f32) -> Self {
        Self::of([value; LANES])
    }

    /// The first eight of `column`, with zeros behind them if it is shorter.
    #[inline(always)]
    fn from_start_of(column: &[f32]) -> Self {
        match column.first_chunk() {
            Some(eight) => Self::of(*eight),
            None => {
                let mut eight = [0.0; LANES];
                for (to, from) in eight.iter_mut().zip(column) {
                    *to = *from;
                }
                Self::of(eight)
            }
        }
    }

    /// The last eight of `column`, with zeros before them if it is shorter.
    #[inline(always)]
    fn from_end_of(column: &[f32]) -> Self {
        match column.last_chunk() {
            Some(eight) => Self::of(*eight),
            None => {
                let mut eight = [0.0; LANES];
                for (to, from) in eight.iter_mut().rev().zip(column.iter().rev()) {
                    *to = *from;
                }
                Self::of(eight)
            }
        }
    }

    /// The sum of the eight.
    #[inline(always)]
    fn total(self) -> f32 {
        let [a, b, c, d, e, f, g, h] = self.to_array();
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }
}

/// A number that, added to a whole one, has it in its lowest bits: no conversion has to look for what does not fit.
pub(super) const TWO_TO_23: f32 = 8_388_608.0;
/// These bits.
pub(super) const BELOW_2_23: u32 = 0x007f_ffff;

/// Where there is no AVX2.
#[derive(Clone, Copy)]
pub struct EightScalar([f32; LANES]);

impl EightScalar {
    #[inline(always)]
    fn with(self, other: Self, operation: impl Fn(f32, f32) -> f32) -> Self {
        let mut result = self;
        for lane in 0..LANES {
            result.0[lane] = operation(self.0[lane], other.0[lane]);
        }
        result
    }
}

impl Eight for EightScalar {
    #[inline(always)]
    fn of(eight: [f32; LANES]) -> Self {
        Self(eight)
    }

    #[inline(always)]
    fn to_array(self) -> [f32; LANES] {
        self.0
    }

    #[inline(always)]
    fn abs(self) -> Self {
        self.with(self, |value, _| value.abs())
    }

    #[inline(always)]
    fn at_least(self, least: Self) -> Self {
        self.with(least, |value, least| if value > least { value } else { least })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        self.with(self, |value, _| value.sqrt())
    }

    #[inline(always)]
    fn floor(self) -> Self {
        self.with(self, |value, _| value.floor())
    }

    #[inline(always)]
    fn indices(self) -> [u32; LANES] {
        let mut result = [0; LANES];
        for (to, from) in result.iter_mut().zip(self.0) {
            *to = (from + TWO_TO_23).to_bits() & BELOW_2_23;
        }
        result
    }

    #[inline(always)]
    fn last(self, count: usize) -> Self {
        let mut result = self;
        for lane in 0..LANES {
            result.0[lane] = if lane + count < LANES { 0.0 } else { self.0[lane] };
        }
        result
    }

    #[inline(always)]
    fn add_to_rows(sums: &mut [Sums16], places: &[u32; LANES], terms: &[[Self; LANES]; 2]) {
        for (pixel, place) in places.iter().enumerate() {
            let Some(Sums16(sums)) = sums.get_mut(*place as usize) else { continue };
            for (sum, column) in sums.iter_mut().zip(terms.as_flattened()) {
                *sum += column.0[pixel];
            }
        }
    }
}

operators!(EightScalar, |a, b|
    Add add a.with(b, |a, b| a + b);
    Sub sub a.with(b, |a, b| a - b);
    Mul mul a.with(b, |a, b| a * b);
    Div div a.with(b, |a, b| a / b);
);
