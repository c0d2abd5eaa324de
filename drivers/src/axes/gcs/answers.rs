//! What goes over the port of a GCS controller, read: addresses, numbers, units, status bits and error codes.

use crate::axis::{AxisError, AxisUnit, finite};

/// Error codes that decide something (MS249E, section 8.7).
pub(super) const UNKNOWN_COMMAND: i32 = 2;
pub(super) const NO_SERVO_OR_REFERENCE: i32 = 5;
pub(super) const STOPPED: i32 = 10;
/// "Position error too large, servo is switched off automatically". PI has it twice, as an error of controllers and of libraries.
pub(super) const MOTION_ERRORS: [i32; 2] = [1024, -1024];

/// Where an axis is: `1`, or in a daisy chain `2.1`.
#[derive(Debug, PartialEq)]
pub(crate) struct Place {
    /// Its number in the chain; `None` where there is one controller, which then answers without addresses.
    pub(crate) controller: Option<u8>,
    /// "Up to 16 characters. All alphanumeric characters and the underscore are allowed" (MS249E, 8.2).
    pub(crate) axis: String,
}

impl Place {
    pub(crate) fn parse(at: &str) -> Result<Self, AxisError> {
        let wrong = || {
            AxisError::Settings(format!(
                "at = {at:?} must be an axis, or controller.axis with 1 to 16 before the dot"
            ))
        };
        let (controller, axis) = match at.split_once('.') {
            Some((number, axis)) => {
                let number = number.parse().ok().filter(|number| (1..=16).contains(number));
                (Some(number.ok_or_else(wrong)?), axis)
            }
            None => (None, at),
        };
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if axis.is_empty() || axis.len() > 16 || !axis.chars().all(is_allowed) {
            return Err(wrong());
        }
        Ok(Self { controller, axis: axis.to_owned() })
    }
}

/// In what a controller counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unit {
    Micrometres,
    Millimetres,
    Degrees,
}

impl Unit {
    /// As controllers write it: `MM` or `mm`, and an E-753 writes `µM` in Latin-1. `None` if it is something else.
    pub(super) fn parse(written: &[u8]) -> Option<Self> {
        match trimmed(written).to_ascii_lowercase().as_slice() {
            b"um" | b"\xb5m" | b"\xc2\xb5m" => Some(Self::Micrometres),
            b"mm" => Some(Self::Millimetres),
            b"deg" => Some(Self::Degrees),
            _ => None,
        }
    }

    /// How many of it are in one of an axis' units; `None` between lengths and angles.
    pub(crate) fn counts_in(self, unit: AxisUnit) -> Option<f64> {
        match self {
            Self::Micrometres => unit.nm().map(|nm| nm / 1e3),
            Self::Millimetres => unit.nm().map(|nm| nm / 1e6),
            Self::Degrees => (unit == AxisUnit::Turns).then_some(360.0),
        }
    }
}

/// What an axis is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Status {
    pub(super) is_on_target: bool,
    pub(super) is_referencing: bool,
    pub(super) is_moving: bool,
    pub(super) has_servo: bool,
    pub(super) has_error: bool,
}

impl Status {
    /// The register 1 of an axis, `0x9002` (MS249E, "SRG?"). Its limit switch bits are not used: how they are wired decides what they mean.
    pub(super) fn parse(written: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(trimmed(written)).ok()?;
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
        let bits = u32::from_str_radix(digits, 16).ok()?;
        let is_set = |bit: u32| bits & (1 << bit) != 0;
        Some(Self {
            is_on_target: is_set(15),
            is_referencing: is_set(14),
            is_moving: is_set(13),
            has_servo: is_set(12),
            has_error: is_set(8),
        })
    }
}

/// What is behind `1=`.
pub(super) fn value<'a>(line: &'a [u8], axis: &str) -> Option<&'a [u8]> {
    line.strip_prefix(axis.as_bytes())?.strip_prefix(b"=")
}

/// What is behind `1 0xA=`: controllers write the number of a parameter each in its own way.
pub(super) fn parameter<'a>(line: &'a [u8], axis: &str) -> Option<&'a [u8]> {
    let line = line.strip_prefix(axis.as_bytes())?.strip_prefix(b" ")?;
    let equals = line.iter().position(|byte| *byte == b'=')?;
    Some(&line[equals + 1..])
}

/// `+0025.3412`, `-8.45709419e+01`.
pub(super) fn number(written: &[u8]) -> Option<f64> {
    finite(std::str::from_utf8(trimmed(written)).ok()?)
}

pub(super) fn integer(written: &[u8]) -> Option<i32> {
    std::str::from_utf8(trimmed(written)).ok()?.parse().ok()
}

pub(super) fn is_yes(written: &[u8]) -> Option<bool> {
    match trimmed(written) {
        b"1" => Some(true),
        b"0" => Some(false),
        _ => None,
    }
}

/// Without what some controllers put before the end of a line.
fn trimmed(written: &[u8]) -> &[u8] {
    written.trim_ascii_end()
}

/// What an error means (MS249E, section 8.7; PIPython, gcserror.py), for those that a motion can make.
pub(super) fn meaning(code: i32) -> &'static str {
    match code {
        1 | 24..=26 => "it does not understand the value",
        UNKNOWN_COMMAND => "it knows no such command",
        NO_SERVO_OR_REFERENCE => "it was not homed, or its servo is off",
        7 => "the position is beyond its limits",
        8 => "the speed is beyond its limits",
        STOPPED => "it was stopped",
        15 | 23 => "it has no such axis",
        17 => "the value is out of its range",
        31 | 32 => "its stage has no such switch",
        34 => "its stage cannot do that",
        45 => "it did not find its reference",
        49 => "it did not find its limit switch",
        51 | 83 => "a joystick drives it",
        53 | 93 => "it cannot do that while it moves",
        61 => "it is finding its zero",
        63 => "it is still starting",
        72 => "an analog input drives it",
        73 => "its wave generator drives it",
        84 => "its motor is off",
        1024 | -1024 => "it could not follow, so it switched its servo off: look what holds it",
        _ => "see the section on error codes of its manual",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_an_axis_or_a_controller_and_an_axis() {
        let place = |at: &str| Place::parse(at).unwrap();
        assert_eq!(place("1"), Place { controller: None, axis: "1".to_owned() });
        assert_eq!(place("16.X_1"), Place { controller: Some(16), axis: "X_1".to_owned() });
        for wrong in ["", ".", "1.", ".1", "0.1", "17.1", "x.1", "1 1", "1\n", "12345678901234567"] {
            assert!(Place::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn units_are_read_as_controllers_write_them() {
        for (written, unit) in [
            (&b"MM"[..], Some(Unit::Millimetres)),
            (b"mm \r", Some(Unit::Millimetres)),
            (b"\xb5M", Some(Unit::Micrometres)),
            (b"UM", Some(Unit::Micrometres)),
            ("µm".as_bytes(), Some(Unit::Micrometres)),
            (b"DEG", Some(Unit::Degrees)),
            (b"URAD", None),
            (b"", None),
        ] {
            assert_eq!(Unit::parse(written), unit, "{written:?}");
        }
        assert_eq!(Unit::Micrometres.counts_in(AxisUnit::Nm), Some(1e-3));
        assert_eq!(Unit::Millimetres.counts_in(AxisUnit::Mm), Some(1.0));
        assert_eq!(Unit::Millimetres.counts_in(AxisUnit::Turns), None);
        assert_eq!(Unit::Degrees.counts_in(AxisUnit::Turns), Some(360.0));
    }

    #[test]
    fn the_register_is_read_as_in_the_example_of_the_manual() {
        let status = Status::parse(b"0x9005").unwrap();
        assert!(status.is_on_target && status.has_servo);
        assert!(!status.is_moving && !status.is_referencing && !status.has_error);
        assert_eq!(Status::parse(b"9005"), None);
    }

    #[test]
    fn only_the_whole_line_of_the_asked_axis_is_an_answer() {
        let position = |line: &[u8]| number(value(line, "1")?);
        assert_eq!(position(b"1=-8.45709419e+01"), Some(-84.570_941_9));
        assert_eq!(position(b"1=+0025.3412 "), Some(25.3412));
        for line in [&b"11=1"[..], b"2=1", b"noise1=1", b"1=", b"1=1=2", b"1=NaN", b"1=inf", b"0", b""] {
            assert_eq!(position(line), None, "{line:?}");
        }
        assert_eq!(parameter(b"1 0X7000601=MM", "1"), Some(&b"MM"[..]));
        assert_eq!(parameter(b"1=5", "1"), None);
        assert_eq!((integer(b"-1024"), integer(b"1=0"), is_yes(b"2")), (Some(-1024), None, None));
    }
}
