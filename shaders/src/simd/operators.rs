//! The operators of numbers side by side, which types differ in only by what one operation is.

/// `+`, `-`, `*`, `/` and `+=`, from what each of the first four makes of two.
macro_rules! operators {
    ($type:ty, |$a:ident, $b:ident| $($operator:ident $name:ident $made:expr;)*) => {
        $(impl std::ops::$operator for $type {
            type Output = Self;
            #[inline(always)]
            fn $name(self, other: Self) -> Self {
                let ($a, $b) = (self, other);
                $made
            }
        })*

        impl std::ops::AddAssign for $type {
            #[inline(always)]
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }
    };
}
pub(super) use operators;
