//! A protocol as its file describes it, once everything in it was found to fit together.

use std::collections::BTreeMap;
use std::path::Path;

use super::check;
use super::file::{HomeWhen, Reference, WhileMoving};
use super::source::Source;
use super::template::{Gap, Template};
use crate::axis::{Alarm, AxisError, AxisUnit};
use crate::link::Line;

/// The descriptions that are built in, by their names.
const SHIPPED: &[(&str, &str)] = &[("smc100", include_str!("smc100.toml"))];

/// A protocol.
#[derive(Debug)]
pub(super) struct Protocol {
    /// What the device is called in messages.
    pub(super) name: String,
    pub(super) line: Line,
    pub(super) send_end: String,
    pub(super) answer_end: String,
    pub(super) decimals: usize,
    pub(super) counts_in: Option<AxisUnit>,
    pub(super) addresses: Addresses,
    pub(super) simulator: Option<Simulator>,
    pub(super) identify: Question,
    pub(super) reads: Vec<Question>,
    pub(super) moving: Vec<Condition>,
    pub(super) reference: Reference,
    pub(super) referenced: Vec<Condition>,
    pub(super) alarms: Vec<(Alarm, Vec<Condition>)>,
    pub(super) motion: Command,
    pub(super) while_moving: WhileMoving,
    pub(super) stop: Command,
    pub(super) emergency_stop: Option<Command>,
    pub(super) home: Option<(Command, HomeWhen)>,
    pub(super) enable: Option<(Command, Vec<Condition>)>,
    pub(super) speed: Option<Rate>,
    pub(super) acceleration: Option<Rate>,
    pub(super) limits: Limits,
    pub(super) refused: Option<Template>,
    pub(super) error: Option<(Question, Vec<String>)>,
    pub(super) meanings: BTreeMap<String, String>,
}

/// Which simulated device speaks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Simulator {
    Smc100,
}

/// What an axis may have in `at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Addresses {
    /// Nothing: there is one axis.
    None,
    Numbers([u16; 2]),
    Names(Vec<String>),
}

#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) ask: Template,
    pub(super) answer: Template,
}

#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) send: Template,
    pub(super) done: Option<Template>,
}

#[derive(Debug)]
pub(super) struct Rate {
    pub(super) set: Command,
    pub(super) ask: Option<Question>,
    /// Counts per second, or per second squared.
    pub(super) range: [f64; 2],
}

#[derive(Debug)]
pub(super) enum Limits {
    /// The rig says.
    Unknown,
    Counts([f64; 2]),
    Asked([Question; 2]),
}

/// What a gap must have taken.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) gap: Gap,
    pub(super) test: Test,
}

/// How it is looked at.
#[derive(Debug)]
pub(super) enum Test {
    Is(Vec<String>),
    IsNot(Vec<String>),
    AnyBit(u64),
}

impl Condition {
    /// Whether it holds; `None` if the gap took no number where one is needed.
    pub(super) fn holds(&self, taken: &[(String, String)]) -> Option<bool> {
        let (_, value) = taken.iter().find(|(name, _)| *name == self.gap.name)?;
        Some(match &self.test {
            Test::Is(values) => values.contains(value),
            Test::IsNot(values) => !values.contains(value),
            Test::AnyBit(bits) => self.gap.number(value)? & bits != 0,
        })
    }
}

impl Addresses {
    /// Whether an axis may have this.
    ///
    /// # Errors
    /// What is allowed.
    pub(super) fn check(&self, at: &str) -> Result<(), String> {
        let (is_right, allowed) = match self {
            Self::None => (at.is_empty(), "left out: this protocol has no addresses".to_owned()),
            Self::Numbers([least, greatest]) => {
                // A number as the device writes it: 01 is none.
                let number = at.parse::<u16>().ok().filter(|number| number.to_string() == at);
                let is_right = number.is_some_and(|number| (*least..=*greatest).contains(&number));
                (is_right, format!("a number from {least} to {greatest}"))
            }
            Self::Names(names) => {
                (names.iter().any(|name| name == at), format!("one of {}", names.join(", ")))
            }
        };
        if is_right { Ok(()) } else { Err(format!("at = {at:?} must be {allowed}")) }
    }
}

impl Protocol {
    /// The protocol that a rig names: one that is built in, or a file that ends in `.toml`.
    ///
    /// # Errors
    /// [`AxisError::Settings`] with the name of the file, the line, the key, what is wrong there and what is allowed.
    pub(super) fn load(named: Option<&Path>) -> Result<Self, AxisError> {
        let shipped: Vec<&str> = SHIPPED.iter().map(|(name, _)| *name).collect();
        let names = shipped.join(", ");
        let Some(named) = named else {
            return Err(AxisError::Settings(format!(
                "protocol is missing: a file that ends in .toml, or one that is built in: {names}"
            )));
        };
        let name = named.display().to_string();
        if let Some((_, text)) = SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            return Self::parse(&name, text);
        }
        if named.extension().is_none_or(|extension| extension != "toml") {
            return Err(AxisError::Settings(format!(
                "protocol = {name:?} is none that is built in ({names}), and no file that ends in .toml"
            )));
        }
        let text = std::fs::read_to_string(named)
            .map_err(|error| AxisError::Settings(format!("protocol = {name:?} cannot be read: {error}")))?;
        Self::parse(&name, &text)
    }

    /// Reads a description; `name` is what it is called in errors.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, AxisError> {
        check::protocol(Source { name, text })
    }
}
