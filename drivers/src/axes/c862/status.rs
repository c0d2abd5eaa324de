//! Where a Mercury board is, how it is homed, and its status, read.

use crate::axis::{Alarm, AxisError};

/// A board of the chain: `0`, or `0 FE1`.
#[derive(Debug, PartialEq)]
pub(crate) struct Place {
    /// The character that selects it.
    pub(crate) board: u8,
    pub(crate) search: Search,
}

/// How an axis finds its reference (MS176E, 4.4, "FE").
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Search {
    /// `FE0`: upwards.
    Up,
    /// `FE1`: downwards.
    Down,
    /// `FE2`: "with standard PI stages search starts in correct direction".
    Automatic,
    /// `FE3`: the same, "for stages with non-standard reference signal level".
    OtherSignal,
    /// `DH`: not at all. Where it is, is its reference.
    Here,
}

impl Search {
    const ALL: [Self; 5] = [Self::Up, Self::Down, Self::Automatic, Self::OtherSignal, Self::Here];

    pub(crate) fn command(self) -> &'static str {
        match self {
            Self::Up => "FE0",
            Self::Down => "FE1",
            Self::Automatic => "FE2",
            Self::OtherSignal => "FE3",
            Self::Here => "DH",
        }
    }

    /// The character that stands for a board, 0 to 15 (MS176E, 2.4.2).
    pub(crate) fn digit(board: u8) -> Option<u8> {
        char::from_digit(u32::from(board), 16).and_then(|digit| u8::try_from(digit.to_ascii_uppercase()).ok())
    }
}

impl Place {
    pub(crate) fn parse(at: &str) -> Result<Self, AxisError> {
        let (board, search) = at.split_once(' ').unwrap_or((at, Search::Automatic.command()));
        let search = Search::ALL.into_iter().find(|known| known.command() == search);
        match (board.parse().ok().and_then(Search::digit), search) {
            (Some(board), Some(search)) => Ok(Self { board, search }),
            _ => Err(AxisError::Settings(format!(
                "at = {at:?} must be a board of 0 to 15, or that and FE0, FE1, FE2, FE3 or DH"
            ))),
        }
    }
}

/// The six status bytes of a DC motor controller.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Status {
    pub(crate) is_trajectory_complete: bool,
    pub(crate) has_lost_way: bool,
    pub(crate) is_motor_off: bool,
    pub(crate) is_searching: bool,
    pub(crate) is_brake_on: bool,
    /// It runs or ran into a switch that stops it.
    pub(crate) limits: [bool; 2],
    /// Number of an error.
    pub(crate) error: u8,
}

impl Status {
    /// `04 02 00 03 02 00`; a stepper controller tells three bytes, which mean something else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes: Vec<u8> = text
            .split(' ')
            .map(|byte| u8::from_str_radix(byte, 16).ok().filter(|_| byte.len() == 2))
            .collect::<Option<_>>()?;
        let [motion, _, _, signals, inputs, error] = bytes.try_into().ok()?;
        let is_set = |byte: u8, bit: u8| byte & (1 << bit) != 0;
        let (is_watched, is_high) = (is_set(signals, 0), is_set(signals, 1));
        Some(Self {
            is_trajectory_complete: is_set(motion, 2),
            has_lost_way: is_set(motion, 5),
            is_motor_off: is_set(motion, 7),
            is_searching: is_set(signals, 2),
            is_brake_on: is_set(signals, 3),
            limits: [3, 2].map(|bit| is_watched && is_set(inputs, bit) == is_high),
            error,
        })
    }

    /// As a controller tells it.
    pub(crate) fn text(self) -> String {
        let byte =
            |bits: &[(u8, bool)]| bits.iter().map(|(bit, is_set)| u8::from(*is_set) << bit).sum::<u8>();
        let motion = byte(&[
            (0, !self.is_trajectory_complete),
            (2, self.is_trajectory_complete),
            (5, self.has_lost_way),
            (7, self.is_motor_off),
        ]);
        let signals = byte(&[(0, true), (1, true), (2, self.is_searching), (3, self.is_brake_on)]);
        let inputs = byte(&[(3, self.limits[0]), (2, self.limits[1])]);
        format!("{motion:02X} 80 00 {signals:02X} {inputs:02X} {:02X}", self.error)
    }

    pub(crate) fn is_moving(self) -> bool {
        !self.is_motor_off && (self.is_searching || !self.is_trajectory_complete)
    }

    pub(crate) fn is_at_limit(self) -> bool {
        self.limits.contains(&true)
    }

    pub(crate) fn alarm(self) -> Option<Alarm> {
        match () {
            () if self.has_lost_way => Some(Alarm::Stalled),
            () if self.is_motor_off => Some(Alarm::MotorOff),
            () if self.is_at_limit() => Some(Alarm::AtLimitSwitch),
            () => None,
        }
    }

    /// What is said about an error: 1 to 6 in MS176E, the others in QuickFit 3.
    pub(crate) fn meaning(error: u8) -> &'static str {
        match error {
            0 => "it goes elsewhere, and says no reason",
            1 => "a command did not come in time",
            2 => "commands came too fast",
            3..=5 => "a macro on the controller is at fault",
            6 => "it does not understand the command",
            7 => "it ran into a hard stop",
            9 => "it could not follow",
            10 => "its motor is off",
            11 => "a joystick drives it",
            _ => "see its manual",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_a_board_and_how_it_is_homed() {
        let place = |at: &str| Place::parse(at).unwrap();
        assert_eq!(place("0"), Place { board: b'0', search: Search::Automatic });
        assert_eq!(place("15 FE1"), Place { board: b'F', search: Search::Down });
        assert_eq!(place("10 DH"), Place { board: b'A', search: Search::Here });
        for wrong in ["", "16", "A", "0 ", "0 FE", "0 FE4", "0  FE1", "-1"] {
            assert!(Place::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_example_of_the_manual_is_a_motor_that_rests() {
        let status = Status::parse("04 02 00 03 02 00").unwrap();
        assert!(status.is_trajectory_complete && !status.is_moving());
        assert!(
            !status.is_motor_off && !status.is_brake_on && !status.is_at_limit() && status.alarm().is_none()
        );
        // A C-663, and what a bad line makes of the example.
        for other in
            ["03 02 00", "04 02 00 03 02", "04 02 00 03 02 0", "04 02 00 03 02 00 00", "4 2 0 3 2 0", ""]
        {
            assert_eq!(Status::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn limit_switches_count_as_they_are_wired_and_if_they_are_watched() {
        let alarm = |text: &str| Status::parse(text).unwrap().alarm();
        assert_eq!(alarm("04 00 00 03 08 00"), Some(Alarm::AtLimitSwitch));
        assert_eq!(alarm("04 00 00 01 0C 00"), None, "active low, both high");
        assert_eq!(alarm("04 00 00 01 08 00"), Some(Alarm::AtLimitSwitch), "active low, the upper one low");
        assert_eq!(alarm("04 00 00 02 08 00"), None, "not watched");
        assert_eq!(alarm("84 00 00 03 08 00"), Some(Alarm::MotorOff));
        assert_eq!(alarm("A4 00 00 03 08 00"), Some(Alarm::Stalled));
    }

    #[test]
    fn a_status_is_told_as_it_is_read() {
        let status = Status {
            is_trajectory_complete: true,
            is_searching: true,
            limits: [false, true],
            error: 10,
            ..Status::default()
        };
        assert_eq!(Status::parse(&status.text()), Some(status));
    }
}
