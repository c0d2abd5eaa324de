//! What GRBL says: answers, reports and messages (doc/markdown/interface.md).

use crate::axis::{Alarm, finite};

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// A line was understood.
    Ok,
    /// A line was not.
    Error(u8),
    /// It has stopped everything.
    Alarm(u8),
    /// It starts.
    Greeting,
    /// Where it is.
    Report(Report),
    /// `$110=500.000`
    Setting(u8, f64),
    /// Anything in brackets: `GC:G0 G54 ...`.
    Told(String),
    /// Anything else.
    Other,
}

impl Said {
    pub(super) fn parse(line: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(line.trim_ascii()) else {
            // What is before a report is noise of the line.
            let begin = line.iter().position(|byte| *byte == b'<');
            return begin.map_or(Self::Other, |begin| Self::parse(&line[begin..]));
        };
        let code = |prefix: &str| text.strip_prefix(prefix).map(|code| code.parse().ok());
        if text == "ok" {
            return Self::Ok;
        }
        if let Some(code) = code("error:") {
            return code.map_or(Self::Other, Self::Error);
        }
        if let Some(code) = code("ALARM:") {
            return code.map_or(Self::Other, Self::Alarm);
        }
        if text.starts_with("Grbl ") {
            return Self::Greeting;
        }
        let inside = |open: char, close: char| {
            let begin = text.find(open)?;
            text[begin + 1..].strip_suffix(close)
        };
        if let Some(report) = inside('<', '>') {
            return Report::parse(report).map_or(Self::Other, Self::Report);
        }
        if let Some(told) = inside('[', ']') {
            return Self::Told(told.to_owned());
        }
        let setting = text.strip_prefix('$').and_then(|text| text.split_once('='));
        let setting = setting.and_then(|(number, value)| Some((number.parse().ok()?, finite(value)?)));
        setting.map_or(Self::Other, |(number, value)| Self::Setting(number, value))
    }
}

/// What GRBL does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Idle,
    Jog,
    /// It runs a program, or homes.
    Run,
    /// It was told to hold, or its door is open; a ramp may not be over.
    Hold {
        is_over: bool,
    },
    /// It is locked, until it is homed.
    Alarm,
    /// It moves nothing: checks a program, or sleeps.
    Off,
}

impl State {
    fn parse(text: &str) -> Option<Self> {
        let (state, part) = text.split_once(':').unwrap_or((text, "0"));
        Some(match state {
            "Idle" => Self::Idle,
            "Jog" => Self::Jog,
            "Run" | "Home" => Self::Run,
            "Hold" => Self::Hold { is_over: part == "0" },
            "Door" => Self::Hold { is_over: part == "0" || part == "1" },
            "Alarm" => Self::Alarm,
            "Check" | "Sleep" => Self::Off,
            _ => return None,
        })
    }

    /// Something is on its way.
    pub(super) fn is_moving(self) -> bool {
        matches!(self, Self::Jog | Self::Run | Self::Hold { is_over: false })
    }

    /// Why nothing can be sent anywhere.
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Idle | Self::Jog => "it moves: wait until it rests",
            Self::Run => "it runs a program, or homes",
            Self::Hold { .. } => "it is held, or its door is open: resume it, or reset it",
            Self::Alarm => "it is locked, and does not know where it is: home it",
            Self::Off => "it checks a program, or sleeps: reset it",
        }
    }
}

/// `Idle|MPos:0.000,0.000,0.000|FS:0,0`
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Report {
    pub(super) state: State,
    /// Where its axes are in machine space, in what it calls mm.
    pub(super) positions: [f64; 3],
}

impl Report {
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split('|');
        let state = State::parse(fields.next()?)?;
        let numbers = fields.next()?.strip_prefix("MPos:")?.split(',');
        let numbers: Vec<f64> = numbers.map_while(finite).collect();
        // Later versions may have a fourth axis.
        let positions = [*numbers.first()?, *numbers.get(1)?, *numbers.get(2)?];
        Some(Self { state, positions })
    }
}

/// What an error means, those that a jog, homing and settings may have.
pub(super) fn meaning(code: u8) -> &'static str {
    match code {
        5 => "homing is off: send it $22=1",
        8 => "it can do that only while it rests",
        9 => "it is locked, or jogs",
        13 => "its door is open",
        15 => "the target is beyond its travel ($130 to $132)",
        22 => "the speed is missing",
        _ => "see the error codes of GRBL 1.1",
    }
}

/// What an alarm means. One is no fault: homing was stopped.
pub(super) fn alarm_of(code: u8) -> Option<Alarm> {
    match code {
        1 => Some(Alarm::AtLimitSwitch),
        6 => None,
        _ => Some(Alarm::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_the_documents_write_them() {
        let report = |state, positions| Said::Report(Report { state, positions });
        let lines = [
            ("ok\r", Said::Ok),
            ("error:15", Said::Error(15)),
            ("ALARM:3", Said::Alarm(3)),
            ("Grbl 1.1h ['$' for help]", Said::Greeting),
            ("[MSG:'$H'|'$X' to unlock]", Said::Told("MSG:'$H'|'$X' to unlock".to_owned())),
            ("$110=500.000", Said::Setting(110, 500.0)),
            ("<Idle|MPos:0.000,-10.000,5.000|FS:0,0>", report(State::Idle, [0.0, -10.0, 5.0])),
            ("<Hold:1|MPos:1,2,3,4>", report(State::Hold { is_over: false }, [1.0, 2.0, 3.0])),
            ("<Jog|MPos:1,2,3|WCO:0,0,0>", report(State::Jog, [1.0, 2.0, 3.0])),
        ];
        for (line, said) in lines {
            assert_eq!(Said::parse(line.as_bytes()), said, "{line}");
        }
        let others = [
            "",
            "noiseok",
            "error:",
            "<Idle|WPos:0,0,0>",
            "<Idle|MPos:0,0>",
            "<Idle|MPos:0,0,0",
            "<Lost|MPos:0,0,0>",
            ">G54:ok",
        ];
        for line in others {
            assert_eq!(Said::parse(line.as_bytes()), Said::Other, "{line}");
        }
        assert!(matches!(Said::parse(b"\xe9noise<Idle|MPos:0,0,0>"), Said::Report(_)));
    }
}
