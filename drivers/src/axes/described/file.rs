//! The file that describes a protocol, key by key as it is written. What the keys mean is told in `smc100.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::protocol::Simulator;
use crate::axis::{Alarm, AxisUnit};

/// A text with gaps, and where it stands.
pub(super) type Text = Spanned<String>;
/// Conditions of which one is enough.
pub(super) type Conditions = Spanned<Vec<Condition>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) baud: u32,
    #[serde(default)]
    pub(super) rts_cts: bool,
    pub(super) send_end: Text,
    pub(super) answer_end: Text,
    pub(super) decimals: Spanned<u8>,
    pub(super) counts_in: Option<AxisUnit>,
    pub(super) address_numbers: Option<Spanned<[u16; 2]>>,
    pub(super) address_names: Option<Spanned<Vec<String>>>,
    pub(super) simulator: Option<Simulator>,
    pub(super) identify: Question,
    pub(super) read: Vec<Question>,
    pub(super) state: State,
    #[serde(default)]
    pub(super) alarm: Vec<AlarmWhen>,
    #[serde(rename = "move")]
    pub(super) motion: Motion,
    pub(super) stop: Command,
    pub(super) emergency_stop: Option<Command>,
    pub(super) home: Option<Home>,
    pub(super) enable: Option<Enable>,
    pub(super) speed: Option<Rate>,
    pub(super) acceleration: Option<Rate>,
    pub(super) limits: Option<Limits>,
    pub(super) refused: Option<Answer>,
    pub(super) error: Option<ErrorQuestion>,
    #[serde(default)]
    pub(super) meanings: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    pub(super) ask: Text,
    pub(super) answer: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    pub(super) answer: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Command {
    pub(super) send: Text,
    pub(super) done: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    pub(super) moving: Conditions,
    pub(super) reference: Spanned<Reference>,
    pub(super) referenced: Option<Conditions>,
}

/// How it is known that a position counts from the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reference {
    /// The device says so.
    Told,
    /// It measures where it is.
    Always,
    /// It was homed since the port was opened.
    SinceHomed,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    pub(super) gap: Text,
    pub(super) is: Option<Spanned<Vec<String>>>,
    pub(super) is_not: Option<Spanned<Vec<String>>>,
    pub(super) any_bit: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlarmWhen {
    pub(super) alarm: AlarmName,
    pub(super) when: Conditions,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AlarmName {
    Stalled,
    AtLimitSwitch,
    MotorOff,
    Supply,
    Other,
}

impl From<AlarmName> for Alarm {
    fn from(name: AlarmName) -> Self {
        match name {
            AlarmName::Stalled => Self::Stalled,
            AlarmName::AtLimitSwitch => Self::AtLimitSwitch,
            AlarmName::MotorOff => Self::MotorOff,
            AlarmName::Supply => Self::Supply,
            AlarmName::Other => Self::Other,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Motion {
    pub(super) send: Text,
    pub(super) done: Option<Text>,
    pub(super) while_moving: WhileMoving,
}

/// What becomes of a motion that is sent while the axis moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum WhileMoving {
    /// The device goes elsewhere.
    GoOn,
    /// The device refuses it: stop it first.
    Stop,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Home {
    pub(super) send: Text,
    pub(super) done: Option<Text>,
    pub(super) when: Spanned<HomeWhen>,
}

/// When the device takes it that it is to look for its reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum HomeWhen {
    /// Always.
    Always,
    /// While it has none only.
    Unreferenced,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Enable {
    pub(super) send: Text,
    pub(super) done: Option<Text>,
    pub(super) when: Conditions,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rate {
    pub(super) send: Text,
    pub(super) done: Option<Text>,
    pub(super) ask: Option<Text>,
    pub(super) answer: Option<Text>,
    pub(super) range: Spanned<[f64; 2]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) least: Option<Question>,
    pub(super) greatest: Option<Question>,
    pub(super) counts: Option<Spanned<[f64; 2]>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ErrorQuestion {
    pub(super) ask: Text,
    pub(super) answer: Text,
    pub(super) none: Spanned<Vec<String>>,
}
