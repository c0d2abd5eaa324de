//! How a value is written, and what is a wrong one.

use beadscope_engine::track::backend::Backend;
use beadscope_shaders::params::{MAX_ROI_PX, MIN_ROI_PX};
use beadscope_shaders::pipeline::Method;
use clap::builder::{PossibleValuesParser, RangedI64ValueParser, TypedValueParser};

/// The sides of a ROI that can be tracked, px.
pub fn roi_px_parser() -> RangedI64ValueParser<u32> {
    RangedI64ValueParser::new().range(MIN_ROI_PX as i64..=MAX_ROI_PX as i64)
}

/// The methods that have a kind of profile of their own.
pub const ZLUT_METHODS: [Method; 2] = [Method::QuadrantInterpolation, Method::MagTrack];

/// All methods, by the names that they have everywhere.
pub fn method_parser() -> impl TypedValueParser<Value = Method> {
    parser_of(Method::NAMES.map(|(method, _)| method))
}

pub fn parser_of<const N: usize>(methods: [Method; N]) -> impl TypedValueParser<Value = Method> {
    PossibleValuesParser::new(methods.map(Method::name)).try_map(|name| name.parse::<Method>())
}

/// All back ends, by the names that they have everywhere.
pub fn backend_parser() -> impl TypedValueParser<Value = Backend> {
    PossibleValuesParser::new(Backend::NAMES.map(|(_, name)| name)).try_map(|asked| {
        let found = Backend::NAMES.iter().find(|(_, name)| *name == asked);
        found.map(|(backend, _)| *backend).ok_or("not a back end")
    })
}

/// A rate that frames can come at, Hz.
pub fn parse_rate(text: &str) -> Result<f64, String> {
    let rate_hz: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.01..=1e6).contains(&rate_hz) { Ok(rate_hz) } else { Err("0.01 to 1000000 Hz".to_owned()) }
}

/// `10s`, `5min`, `2h`, `500ms`; a bare number is seconds.
pub fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let split = text.find(|letter: char| letter.is_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds_per_unit = match unit {
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("{unit:?} is not a unit of time: ms, s, min or h")),
    };
    let number: f64 = number.trim().parse().map_err(|_| format!("{number:?} is not a number"))?;
    let seconds = number * seconds_per_unit;
    if !(1e-3..=1e8).contains(&seconds) {
        return Err("a duration is from 1ms to 1e8 s".to_owned());
    }
    Ok(std::time::Duration::from_secs_f64(seconds))
}

/// `KEY=VALUE`.
pub fn parse_setting(text: &str) -> Result<(String, String), String> {
    let (key, value) =
        text.split_once('=').ok_or_else(|| format!("{text:?} is no setting: give KEY=VALUE"))?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

/// A number above 0.
pub fn parse_positive(text: &str) -> Result<f64, String> {
    let number = text.trim().parse::<f64>().ok().filter(|value| value.is_finite() && *value > 0.0);
    number.ok_or_else(|| format!("{text:?} is not a number above 0"))
}

/// `X,Y`.
pub fn parse_point(text: &str) -> Result<(f64, f64), String> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
    let point = text.split_once(',').and_then(|(x, y)| Some((number(x)?, number(y)?)));
    point.ok_or_else(|| format!("{text:?} is not a point: give X,Y in px"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(parse_duration("1.5min").unwrap().as_secs(), 90);
        assert_eq!(parse_duration("20").unwrap().as_secs(), 20);
        assert_eq!(parse_duration("250ms").unwrap().as_millis(), 250);
        for wrong in ["", "fast", "-1s", "0", "nan", "10 years"] {
            assert!(parse_duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn settings() {
        let parsed = parse_setting("n auto_conv = 5").unwrap();
        assert_eq!(parsed, ("n auto_conv".to_owned(), "5".to_owned()));
        assert!(parse_setting("n auto_conv 5").is_err());
    }

    #[test]
    fn positive_numbers() {
        assert_eq!(parse_positive(" 2.5"), Ok(2.5));
        for wrong in ["", "0", "-1", "nan", "inf", "two"] {
            assert!(parse_positive(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn points() {
        assert_eq!(parse_point("1.5, -2"), Ok((1.5, -2.0)));
        for wrong in ["", "1", "1,nan", "a,b"] {
            assert!(parse_point(wrong).is_err(), "{wrong:?}");
        }
    }
}
