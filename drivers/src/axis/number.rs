//! Numbers that devices tell and are told.

/// So far beyond its range, in steps, a number is in it all the same: it was calculated.
const NEARLY: f64 = 1e-6;

/// A number that a device tells: no NaN, nothing infinite, which a parser takes too. Every driver reads with this.
pub fn finite(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// A number as a device is told it: rounded to steps, of which there are so many in 1, and to the inside of its range, least first. It never is
/// a zero below zero, which some write as such. What is in no step of a range that is narrower than one comes out as its least step.
pub(crate) fn rounded(number: f64, range: [f64; 2], steps: f64) -> f64 {
    let [least, greatest] = steps_in(range, steps);
    (number * steps).round().min(greatest).max(least) / steps + 0.0
}

/// A range in steps, rounded towards the inside.
pub(crate) fn steps_in([least, greatest]: [f64; 2], steps: f64) -> [f64; 2] {
    [(least * steps - NEARLY).ceil(), (greatest * steps + NEARLY).floor()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::Scale;

    #[test]
    fn a_number_is_finite() {
        assert_eq!(finite(" -12.5\r"), Some(-12.5));
        for other in ["", "nan", "NaN", "inf", "-inf", "infinity", "1e999", "1 2", "x"] {
            assert_eq!(finite(other), None, "{other}");
        }
    }

    #[test]
    fn a_target_is_rounded_to_the_inside_and_never_below_zero() {
        let scale = Scale { counts_per_unit: -10.0, zero: 0.5 };
        // Limits of -10.7 to -0.4 counts, and what is nearest lies outside.
        let limits = [-0.46, 0.57];
        assert_eq!(scale.target(0.57, limits, 1.0), -10.0);
        assert_eq!(scale.target(-0.46, limits, 1.0), -1.0);
        assert_eq!(scale.target(0.0, limits, 1.0), -5.0);
        let minus = scale.target(-0.5 + 1e-9, [-1.0, 1.0], 1.0);
        assert!(minus == 0.0 && minus.is_sign_positive());
        // 0.1 is a little more than a tenth, but no step more.
        assert_eq!(Scale { counts_per_unit: 1.0, zero: 0.0 }.target(0.1, [0.1, 0.3], 1e4), 0.1);
    }
}
