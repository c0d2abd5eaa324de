//! A setting as people see it: what it is, what holds, where that comes from, and what it would be otherwise.

use std::fmt::Write as _;

use serde::Serialize;
use toml::Value;

use crate::settings::Settings;
use crate::settings::keys::{self, Applies, KEYS, Key};
use crate::settings::merge::Stack;
use crate::settings::source::Source;

/// One setting with its value in force.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// Section and name, `camera.rate_hz`.
    pub name: String,
    /// The value in force; `None`: it is left out, and [`left_out`](Self::left_out) says what that means.
    pub value: Option<Value>,
    /// Its unit, or nothing.
    pub unit: &'static str,
    /// The values it may hold, with the unit.
    pub allowed: String,
    /// What it is, in one line.
    pub about: &'static str,
    /// What holds while there is no value.
    pub left_out: &'static str,
    /// When a change takes effect.
    pub applies: Applies,
    /// Where the value comes from.
    pub source: Source,
    /// What would hold if that source had said nothing; `None` at the bottom.
    pub inherited: Option<Inherited>,
    /// What each layer says that says anything, the lowest first.
    pub layers: Vec<Inherited>,
}

/// What a setting would be without its topmost layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inherited {
    /// The value; `None`: it would be left out.
    pub value: Option<Value>,
    /// Where it comes from.
    pub source: Source,
}

impl Setting {
    fn new(name: &str, key: &Key, stack: &Stack) -> Self {
        let (value, source) = stack.top();
        let inherited = stack.inherited();
        Self {
            name: name.to_owned(),
            value: value.cloned(),
            unit: key.unit,
            allowed: key.allowed(),
            about: key.about,
            left_out: key.left_out,
            applies: key.applies,
            source: source.clone(),
            inherited: inherited
                .map(|(value, source)| Inherited { value: value.cloned(), source: source.clone() }),
            layers: stack
                .0
                .iter()
                .map(|given| Inherited { value: given.value.clone(), source: given.source.clone() })
                .collect(),
        }
    }

    /// `200.0 Hz`, or what holds without a value.
    pub fn value_text(&self) -> String {
        value_text(self.value.as_ref(), self.unit, self.left_out)
    }

    /// What each layer says, a line each: `100.0 Hz (default)`.
    pub fn layers_text(&self) -> Vec<String> {
        let text = |Inherited { value, source }: &Inherited| {
            format!("{} ({source})", value_text(value.as_ref(), self.unit, self.left_out))
        };
        self.layers.iter().map(text).collect()
    }

    /// `rigs/left.toml:3, over 100.0 Hz (default)`.
    pub fn source_text(&self) -> String {
        let mut text = self.source.to_string();
        if let Some(Inherited { value, source }) = &self.inherited {
            // Writing to a String cannot fail.
            let _ =
                write!(text, ", over {} ({source})", value_text(value.as_ref(), self.unit, self.left_out));
        }
        text
    }
}

pub(super) fn value_text(value: Option<&Value>, unit: &str, left_out: &str) -> String {
    match value {
        Some(value) if unit.is_empty() => value.to_string(),
        Some(value) => format!("{value} {unit}"),
        None if left_out.is_empty() => "nothing".to_owned(),
        None => left_out.to_owned(),
    }
}

impl Settings {
    /// Every setting, in the order of the table; what only the driver understands as far as it is set.
    pub fn all(&self) -> Vec<Setting> {
        let of_key = |key: &'static Key| {
            let named = self
                .merged
                .iter()
                .filter(move |(name, _)| keys::find(name).is_some_and(|found| std::ptr::eq(found, key)));
            named.map(move |(name, stack)| Setting::new(name, key, stack))
        };
        KEYS.iter().flat_map(of_key).collect()
    }

    /// One setting; `None` if there is no such name, or it is the driver's and nobody has set it.
    pub fn get(&self, name: &str) -> Option<Setting> {
        Some(Setting::new(name, keys::find(name)?, self.merged.get(name)?))
    }

    /// Where everything comes from that is not as the program has it, one sentence each.
    pub fn origins(&self) -> Vec<String> {
        let set = self.all().into_iter().filter(|setting| setting.source != Source::Default);
        set.map(|setting| format!("{} = {}: {}", setting.name, setting.value_text(), setting.source_text()))
            .collect()
    }

    /// All of it as a TOML file that is a rig, under `notes` and above where everything comes from, both as comments.
    pub fn describe(&self, notes: &[String]) -> String {
        // A file may have brought a sentence, and TOML allows no control characters.
        let comment = |text: &str| format!("# {}\n", text.replace(char::is_control, " "));
        let notes: String = notes.iter().map(|note| comment(note)).collect();
        // What was read from TOML can be written as TOML.
        let rig = self.rig().to_toml().unwrap_or_else(|error| comment(&error.to_string()));
        let origins: String = self.origins().iter().map(|origin| comment(origin)).collect();
        format!("{notes}{rig}\n{}{origins}", comment("Where settings come from; all others are defaults:"))
    }
}
