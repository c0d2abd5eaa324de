//! Four numbers of 64 bits on which one operation is done at a time.
//!
//! Written as arrays, half of such work stays in narrow registers: the compiler does not see through sums that are carried
//! from one row to the next. So it is written once for any [`Four`], and [`widest`](super::widest) chooses which.

use std::ops::{Add, AddAssign, Div, Mul, Sub};

use super::operators::operators;

/// Four numbers: in one wide register, or an array.
pub trait Four:
    Copy + Add<Output = Self> + AddAssign + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// These four.
    fn of(four: [f64; 4]) -> Self;

    /// These four, widened.
    fn of_f32(four: [f32; 4]) -> Self;

    /// Each number, and `least` where it is not above that, as of NaN.
    fn at_least(self, least: Self) -> Self;

    /// Square roots.
    fn sqrt(self) -> Self;

    /// The four.
    fn to_array(self) -> [f64; 4];

    /// `value` four times.
    #[inline(always)]
    fn all(value: f64) -> Self {
        Self::of([value; 4])
    }

    /// Four values of `column` from `first` on, 0 where there are no more.
    #[inline(always)]
    fn from_column(column: &[f32], first: usize) -> Self {
        match column[first..].first_chunk() {
            Some(four) => Self::of_f32(*four),
            None => {
                let mut four = [0.0; 4];
                for (to, from) in four.iter_mut().zip(&column[first..]) {
                    *to = *from;
                }
                Self::of_f32(four)
            }
        }
    }

    /// The sum of the four.
    #[inline(always)]
    fn total(self) -> f64 {
        let [a, b, c, d] = self.to_array();
        (a + b) + (c + d)
    }
}

/// The totals of some sums.
#[inline(always)]
pub fn totals<F: Four, const N: usize>(sums: &[F; N]) -> [f64; N] {
    let mut result = [0.0; N];
    for (total, sum) in result.iter_mut().zip(sums) {
        *total = sum.total();
    }
    result
}

/// Four terms, weighted and added up.
#[inline(always)]
pub fn weighted_sum<F: Four>([a, b, c, d]: [F; 4], weights: [F; 4]) -> F {
    (weights[0] * a + weights[1] * b) + (weights[2] * c + weights[3] * d)
}

/// Where there is no AVX2.
#[derive(Clone, Copy)]
pub struct FourScalar([f64; 4]);

impl FourScalar {
    #[inline(always)]
    fn with(self, other: Self, operation: impl Fn(f64, f64) -> f64) -> Self {
        let (Self([a, b, c, d]), Self([e, f, g, h])) = (self, other);
        Self([operation(a, e), operation(b, f), operation(c, g), operation(d, h)])
    }
}

impl Four for FourScalar {
    #[inline(always)]
    fn of(four: [f64; 4]) -> Self {
        Self(four)
    }

    #[inline(always)]
    fn of_f32([a, b, c, d]: [f32; 4]) -> Self {
        Self([f64::from(a), f64::from(b), f64::from(c), f64::from(d)])
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
    fn to_array(self) -> [f64; 4] {
        self.0
    }
}

operators!(FourScalar, |a, b|
    Add add a.with(b, |a, b| a + b);
    Sub sub a.with(b, |a, b| a - b);
    Mul mul a.with(b, |a, b| a * b);
    Div div a.with(b, |a, b| a / b);
);
