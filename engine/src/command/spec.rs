//! What is known of a command's arguments: their kinds, units and ranges.

use std::ops::RangeInclusive;

use serde::Serialize;

/// A command, as `beadscope commands` prints it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CommandSpec {
    /// The name.
    pub name: &'static str,
    /// What it does, line by line.
    pub help: &'static [&'static str],
    /// What it needs.
    pub arguments: &'static [ArgumentSpec],
}

/// An argument of a command.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ArgumentSpec {
    /// The name.
    pub name: &'static str,
    /// `yes or no`, `whole number`, `number`, `text`, or a list of these.
    pub kind: &'static str,
    /// It may be left out.
    pub is_optional: bool,
    /// Unit of the value, of its length if it is a text; empty without one.
    pub unit: &'static str,
    /// Smallest value, or length of a text.
    pub least: f64,
    /// Greatest value, or length of a text.
    pub greatest: f64,
    /// What it is.
    pub help: &'static [&'static str],
}

/// An argument is out of its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{command}: {argument} = {value} is out of range: {least} to {greatest}{unit}")]
pub struct RangeError {
    /// The command.
    pub command: &'static str,
    /// The argument.
    pub argument: &'static str,
    /// What was given.
    pub value: String,
    /// Smallest value allowed.
    pub least: f64,
    /// Greatest value allowed.
    pub greatest: f64,
    /// The unit with a space before it, or nothing.
    pub unit: String,
}

/// A type that an argument can have.
pub(super) trait Argument {
    /// In words.
    const KIND: &'static str;
    /// It may be left out.
    const IS_OPTIONAL: bool = false;
    /// What is compared with the range: the value, or the length of a text; several of a list.
    fn measures(&self) -> Vec<f64>;
    /// As it is told in an error.
    fn told(&self) -> String;

    /// Whether it is in its range; NaN never is.
    fn check(
        &self,
        command: &'static str,
        argument: &'static str,
        unit: &'static str,
        range: RangeInclusive<f64>,
    ) -> Result<(), RangeError> {
        if self.measures().iter().all(|measure| range.contains(measure)) {
            return Ok(());
        }
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        let (least, greatest) = (*range.start(), *range.end());
        Err(RangeError { command, argument, value: self.told(), least, greatest, unit })
    }
}

macro_rules! number {
    ($type:ty, $kind:literal) => {
        impl Argument for $type {
            const KIND: &'static str = $kind;
            fn measures(&self) -> Vec<f64> {
                vec![f64::from(*self)]
            }
            fn told(&self) -> String {
                self.to_string()
            }
        }
    };
}

number!(u32, "whole number");
number!(i32, "whole number");
number!(f64, "number");

impl Argument for bool {
    const KIND: &'static str = "true or false";
    fn measures(&self) -> Vec<f64> {
        Vec::new()
    }
    fn told(&self) -> String {
        self.to_string()
    }
}

impl Argument for String {
    const KIND: &'static str = "text";
    fn measures(&self) -> Vec<f64> {
        vec![self.len() as f64]
    }
    fn told(&self) -> String {
        format!("a text of {} bytes", self.len())
    }
}

impl Argument for Vec<u32> {
    const KIND: &'static str = "list of whole numbers";
    fn measures(&self) -> Vec<f64> {
        self.iter().copied().map(f64::from).collect()
    }
    fn told(&self) -> String {
        format!("{self:?}")
    }
}

impl Argument for Vec<f64> {
    const KIND: &'static str = "list of numbers";
    fn measures(&self) -> Vec<f64> {
        self.clone()
    }
    fn told(&self) -> String {
        format!("{self:?}")
    }
}

impl<T: Argument> Argument for Option<T> {
    const KIND: &'static str = T::KIND;
    const IS_OPTIONAL: bool = true;
    fn measures(&self) -> Vec<f64> {
        self.as_ref().map_or_else(Vec::new, T::measures)
    }
    fn told(&self) -> String {
        self.as_ref().map_or_else(String::new, T::told)
    }
}
