//! Round numbers for people: axis ranges, the length of the scale bar, times.

/// The largest of 1, 2, 5 times a power of ten that is not above `value`. `None` unless `value` is positive and finite.
pub fn round_down(value: f64) -> Option<f64> {
    if !(value.is_finite() && value > 0.0) {
        return None;
    }
    let decade = 10_f64.powf(value.log10().floor());
    // The logarithm may be a hair off at exact powers; 10 catches what then lies above.
    let step = [10.0, 5.0, 2.0, 1.0].into_iter().find(|step| step * decade <= value * (1.0 + 1e-12))?;
    Some(step * decade)
}

/// A range around `low..=high` with round ends, so that an axis does not tremble with every sample. At least `least`
/// wide; `None` if an end is not finite.
pub fn round_range(low: f64, high: f64, least: f64) -> Option<(f64, f64)> {
    if !(low.is_finite() && high.is_finite()) {
        return None;
    }
    let lacking = (least - (high - low)).max(0.0) / 2.0;
    let (low, high) = (low - lacking, high + lacking);
    // A sixteenth of air on both sides; four steps to an axis or more.
    let air = (high - low) / 16.0;
    let step = round_down((high - low) / 4.0)?;
    Some((((low - air) / step).floor() * step, ((high + air) / step).ceil() * step))
}

/// The scale bar: its length in µm, a round number, and in screen points, at most `most_points`.
pub fn scale_bar(nm_per_point: f64, most_points: f64) -> Option<(f64, f64)> {
    let length_nm = round_down(nm_per_point * most_points)?;
    Some((length_nm / 1000.0, length_nm / nm_per_point))
}

/// A length in µm as a scale bar says it; below 1 µm in nm.
pub fn length_text(length_um: f64) -> String {
    if length_um < 0.999 { format!("{:.0} nm", length_um * 1000.0) } else { format!("{length_um:.0} µm") }
}

/// A number with a thin gap between thousands, so that eight digits can be read.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}

/// A duration as `1:02:03` or `2:03`.
pub fn duration_text(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{rest:02}") } else { format!("{minutes}:{rest:02}") }
}

/// `value` with `decimals`, or a dash where it was not measured.
pub fn measured(value: f64, decimals: usize) -> String {
    if value.is_finite() { format!("{value:.decimals$}") } else { "–".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_numbers_are_one_two_five_and_never_above() {
        for (value, expected) in [
            (1.0, 1.0),
            (1.99, 1.0),
            (2.0, 2.0),
            (4.9, 2.0),
            (5.0, 5.0),
            (999.0, 500.0),
            (1000.0, 1000.0),
            (0.03, 0.02),
        ] {
            let found = round_down(value).unwrap();
            assert!((found - expected).abs() < 1e-12 * expected, "{value}: {found}");
        }
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(round_down(bad), None);
        }
    }

    #[test]
    fn axis_range_holds_the_data_and_stays_put() {
        let (low, high) = round_range(-7.3, 8.1, 1.0).unwrap();
        assert!(low <= -7.3 && high >= 8.1 && high - low < 3.0 * 15.4, "{low} {high}");
        assert_eq!(round_range(-7.4, 8.2, 1.0), Some((low, high)), "a small change moves no end");
        let (low, high) = round_range(3.0, 3.0, 1.0).unwrap();
        assert!(low <= 2.5 && high >= 3.5, "a flat line has a range: {low} {high}");
        assert_eq!(round_range(f64::NAN, 1.0, 1.0), None);
        assert_eq!(round_range(f64::NEG_INFINITY, 1.0, 1.0), None);
    }

    #[test]
    fn scale_bar_is_round_and_fits() {
        let (um, points) = scale_bar(112.0 / 1.6, 140.0).unwrap();
        assert_eq!(um, 5.0);
        assert!((points * 70.0 - 5000.0).abs() < 1e-6 && points <= 140.0, "{points}");
        assert_eq!(scale_bar(0.0, 140.0), None);
        assert_eq!((length_text(0.2).as_str(), length_text(20.0).as_str()), ("200 nm", "20 µm"));
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(1_234_567), "1\u{2009}234\u{2009}567");
        assert_eq!(grouped(999), "999");
        assert_eq!((duration_text(125).as_str(), duration_text(3_725).as_str()), ("2:05", "1:02:05"));
        assert_eq!((measured(f64::NAN, 1).as_str(), measured(1.25, 1).as_str()), ("–", "1.2"));
    }
}
