//! Eight numbers on which one operation is done at a time: what the compiler can see to be one wide register.

use std::ops::{Add, Div, Mul, Sub};

use super::LANES;

/// Eight grey levels, weights or sums.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Eight(pub [f32; LANES]);

impl Eight {
    /// Eight zeros.
    pub const ZERO: Self = Self([0.0; LANES]);

    /// `value` eight times.
    #[inline(always)]
    pub fn all(value: f32) -> Self {
        Self([value; LANES])
    }

    /// The first eight of `column`, with zeros behind them if it is shorter.
    #[inline(always)]
    pub fn from_start_of(column: &[f32]) -> Self {
        match column.first_chunk() {
            Some(eight) => Self(*eight),
            None => {
                let mut result = Self::ZERO;
                for (to, from) in result.0.iter_mut().zip(column) {
                    *to = *from;
                }
                result
            }
        }
    }

    /// The last eight of `column`, with zeros before them if it is shorter.
    #[inline(always)]
    pub fn from_end_of(column: &[f32]) -> Self {
        match column.last_chunk() {
            Some(eight) => Self(*eight),
            None => {
                let mut result = Self::ZERO;
                for (to, from) in result.0.iter_mut().rev().zip(column.iter().rev()) {
                    *to = *from;
                }
                result
            }
        }
    }

    /// The last `count`, zeros before them.
    #[inline(always)]
    pub fn last(self, count: usize) -> Self {
        let mut result = self;
        for lane in 0..LANES {
            result.0[lane] = if lane + count < LANES { 0.0 } else { self.0[lane] };
        }
        result
    }

    /// Magnitudes.
    #[inline(always)]
    pub fn abs(self) -> Self {
        self.with(self, |value, _| value.abs())
    }

    /// The numbers above 0, and 0 for the others and for NaN.
    #[inline(always)]
    pub fn positive_part(self) -> Self {
        self.with(self, |value, _| if value > 0.0 { value } else { 0.0 })
    }

    /// Each number, and `least` where it is not above that, as of NaN.
    #[inline(always)]
    pub fn at_least(self, least: Self) -> Self {
        self.with(least, |value, least| if value > least { value } else { least })
    }

    /// Square roots.
    #[inline(always)]
    pub fn sqrt(self) -> Self {
        self.with(self, |value, _| value.sqrt())
    }

    /// The whole numbers not above.
    #[inline(always)]
    pub fn floor(self) -> Self {
        self.with(self, |value, _| value.floor())
    }

    /// Whole numbers from 0 to 2^23 - 1 as places in an array; any other becomes one of these.
    #[inline(always)]
    pub fn indices(self) -> [u32; LANES] {
        // Added to 2^23 they are the lowest bits: no conversion has to look for what does not fit.
        let mut result = [0; LANES];
        for (to, from) in result.iter_mut().zip(self.0) {
            *to = (from + 8_388_608.0).to_bits() & 0x007f_ffff;
        }
        result
    }

    #[inline(always)]
    fn with(self, other: Self, operation: impl Fn(f32, f32) -> f32) -> Self {
        let mut result = self;
        for lane in 0..LANES {
            result.0[lane] = operation(self.0[lane], other.0[lane]);
        }
        result
    }
}

impl Add for Eight {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }
}

impl Sub for Eight {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.with(other, |a, b| a - b)
    }
}

impl Mul for Eight {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.with(other, |a, b| a * b)
    }
}

impl Div for Eight {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.with(other, |a, b| a / b)
    }
}
