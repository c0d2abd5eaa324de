//! Four numbers of 64 bits on which one operation is done at a time.

use std::ops::{Add, AddAssign, Div, Mul, Sub};

/// One number for each of four narrow rings; see `fit/bins.rs`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Four(pub [f64; 4]);

impl Four {
    /// Four zeros.
    pub const ZERO: Self = Self([0.0; 4]);

    /// `value` four times.
    #[inline(always)]
    pub fn all(value: f64) -> Self {
        Self([value; 4])
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

    /// The sum of the four.
    #[inline(always)]
    pub fn total(self) -> f64 {
        let [a, b, c, d] = self.0;
        (a + b) + (c + d)
    }

    #[inline(always)]
    fn with(self, other: Self, operation: impl Fn(f64, f64) -> f64) -> Self {
        let mut result = self;
        for lane in 0..4 {
            result.0[lane] = operation(self.0[lane], other.0[lane]);
        }
        result
    }
}

impl From<[f32; 4]> for Four {
    #[inline(always)]
    fn from(values: [f32; 4]) -> Self {
        let mut result = Self::ZERO;
        for (to, from) in result.0.iter_mut().zip(values) {
            *to = f64::from(from);
        }
        result
    }
}

impl Add for Four {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }
}

impl AddAssign for Four {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Four {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.with(other, |a, b| a - b)
    }
}

impl Mul for Four {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.with(other, |a, b| a * b)
    }
}

impl Div for Four {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.with(other, |a, b| a / b)
    }
}
