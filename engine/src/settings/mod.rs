//! The settings of a run: layers laid over each other, each value with where it comes from.
//!
//! Built-in defaults < `rig.toml` < the user's file < the command line < changes since. Every layer knows the same keys
//! ([`keys::KEYS`]); whatever is wrong in one is told with its line and what is allowed. Paths are absolute as soon as
//! they are read, so that a value means the same wherever it goes.

pub mod error;
mod file;
pub mod keys;
pub mod magscope;
mod merge;
mod save;
pub mod setting;
pub mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::rig::Rig;
pub use crate::settings::error::SettingError;
pub use crate::settings::file::user_file;
use crate::settings::file::{File, checked, utf8};
use crate::settings::keys::{Applies, CAMERA_SETTINGS, KEYS, MAGTRACK};
use crate::settings::merge::{Stack, Values, merge};
pub use crate::settings::save::{Differences, Saved, Target, differences, transfer};
pub use crate::settings::setting::Setting;
use crate::settings::source::Given;
pub use crate::settings::source::{Layer, Source};

/// The settings in force, and all layers they come from.
#[derive(Clone, Debug)]
pub struct Settings {
    layers: BTreeMap<Layer, Values>,
    merged: BTreeMap<String, Stack>,
    rig: Rig,
}

/// A setting that has been changed.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Change {
    /// Its name.
    pub name: String,
    /// What was in force; `None`: it was left out.
    pub old: Option<Value>,
    /// What is in force now.
    pub new: Value,
    /// When it takes effect.
    pub applies: Applies,
}

/// Something the command line can say: its option, the setting, the value if the option was given.
pub type CommandLineOption = (&'static str, &'static str, Option<Value>);

impl Settings {
    /// The defaults under the rig at `rig` and the user's file at `user`, which need not exist.
    ///
    /// # Errors
    /// The first line that is wrong, or a file that cannot be read.
    pub fn load(rig: Option<&Path>, user: Option<&Path>) -> Result<Self, SettingError> {
        let rig = rig.map(|path| File { path, layer: Layer::Rig });
        let user = user.map(|path| File { path, layer: Layer::User }).filter(|file| file.path.exists());
        // Recordings go beside the rig, unless it says where.
        let folder = rig.as_ref().map_or_else(working_folder, File::folder)?;
        let mut layers = BTreeMap::from([(Layer::Default, defaults(&folder)?)]);
        for file in rig.into_iter().chain(user) {
            layers.insert(file.layer, file.parse(&file.read()?)?);
        }
        Self::of_layers(layers)
    }

    /// The same with this file in the place of the user's, which has to be there.
    fn of_file(rig: Option<&Path>, file: &Path) -> Result<Self, SettingError> {
        File { path: file, layer: Layer::User }.read()?;
        Self::load(rig, Some(file))
    }

    fn of_layers(layers: BTreeMap<Layer, Values>) -> Result<Self, SettingError> {
        let merged = merge(&layers);
        let rig = build(&merged)?;
        Ok(Self { layers, merged, rig })
    }

    /// What is in force.
    pub fn rig(&self) -> &Rig {
        &self.rig
    }

    /// Takes over what the command line says, all at once: one option may need another.
    ///
    /// # Errors
    /// A value that is not allowed, with its option; nothing is changed then.
    pub fn set_command_line(
        &mut self,
        options: impl IntoIterator<Item = CommandLineOption>,
    ) -> Result<(), SettingError> {
        let given = options.into_iter().filter_map(|(option, name, value)| {
            Some((name.to_owned(), value?, Source::CommandLine { option }))
        });
        self.set(given.collect())
    }

    /// Changes the setting `name` to what somebody typed. A relative path counts from the working folder.
    ///
    /// # Errors
    /// If there is no such setting, the value is not allowed, or it does not go with others; nothing is changed then.
    pub fn change(&mut self, name: &str, text: &str) -> Result<Change, SettingError> {
        let key = keys::find(name).filter(|key| key.applies != Applies::Fixed);
        let Some(key) = key else {
            let known = keys::find(name).map(|_| SettingError::Fixed(name.to_owned()));
            return Err(known.unwrap_or_else(|| file::unknown(name, &Source::Session)));
        };
        let old = self.value(name).cloned();
        self.set(vec![(name.to_owned(), key.parse(text), Source::Session)])?;
        let new = self.value(name).cloned().unwrap_or_else(|| text.into());
        Ok(Change { name: name.to_owned(), old, new, applies: key.applies })
    }

    /// Writes down what opening the instrument found out, where nobody has said it.
    ///
    /// # Errors
    /// If the value is not allowed.
    pub fn found(&mut self, name: &str, value: impl Into<Value>) -> Result<(), SettingError> {
        if self.value(name).is_some() {
            return Ok(());
        }
        self.set(vec![(name.to_owned(), value.into(), Source::Found)])
    }

    fn set(&mut self, values: Vec<(String, Value, Source)>) -> Result<(), SettingError> {
        let folder = working_folder()?;
        let mut layers = self.layers.clone();
        for (name, value, source) in values {
            let value = Some(checked(&name, value, &source, &folder)?);
            // Somebody says it now.
            layers.entry(Layer::Found).or_default().remove(&name);
            layers.entry(source.layer()).or_default().insert(name, Given { value, source });
        }
        *self = Self::of_layers(layers)?;
        Ok(())
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.merged.get(name)?.top().0
    }

    /// Where a driver's complaint about its settings comes from: the setting that `message` names first.
    pub fn blame(&self, message: &str) -> Option<&Source> {
        let words = || message.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
        let position = |name: &str| words().position(|word| word == name);
        let settings = self.merged.iter().filter_map(|(name, stack)| {
            Some((position(name.strip_prefix(CAMERA_SETTINGS)?)?, stack.top().1))
        });
        settings.min_by_key(|(position, _)| *position).map(|(_, source)| source)
    }
}

/// A path of the command line as a setting.
///
/// # Errors
/// If it is not UTF-8 text.
pub fn path_value(path: &Path) -> Result<Value, SettingError> {
    utf8(path.to_owned()).map(Value::String)
}

fn working_folder() -> Result<PathBuf, SettingError> {
    std::env::current_dir().map_err(|error| SettingError::Read { path: ".".into(), error })
}

fn defaults(folder: &Path) -> Result<Values, SettingError> {
    let rig = Table::try_from(Rig::default()).map_err(|error| SettingError::Rig(error.to_string()))?;
    let mut values = Values::new();
    for key in KEYS.iter().filter(|key| keys::find(key.name).is_some()) {
        let value = key.default_in(&rig);
        let value = value.map(|value| checked(key.name, value, &Source::Default, folder)).transpose()?;
        values.insert(key.name.to_owned(), Given { value, source: Source::Default });
    }
    Ok(values)
}

/// The rig that is in force.
fn build(merged: &BTreeMap<String, Stack>) -> Result<Rig, SettingError> {
    let method = merged.get("tracking.method").and_then(|stack| stack.top().0?.as_str()).unwrap_or_default();
    let mut table = Table::new();
    for (name, stack) in merged {
        let (Some(value), source) = stack.top() else { continue };
        if name.starts_with(MAGTRACK) && method != "magtrack" {
            if stack.0.last().is_some_and(|top| top.value.is_some()) && *source != Source::Default {
                return Err(SettingError::OtherMethod { method: method.to_owned(), place: source.place() });
            }
            continue;
        }
        insert(&mut table, name, value.clone());
    }
    let rig: Rig = table.try_into().map_err(|error: toml::de::Error| SettingError::Rig(error.to_string()))?;
    if let Ok(method) = rig.tracking.method.parse() {
        rig.tracking.backend_request().check(method).map_err(|cause| {
            let chosen = ["tracking.method", "tracking.adapter", "tracking.backend"];
            let sources = chosen.iter().filter_map(|name| Some(merged.get(*name)?.top().1));
            let last = sources.max_by_key(|source| source.layer()).unwrap_or(&Source::Default);
            SettingError::Backend { cause, place: last.place() }
        })?;
    }
    Ok(rig)
}

fn insert(table: &mut Table, name: &str, value: Value) {
    let (sections, name) = keys::steps(name);
    let mut table = table;
    for section in sections {
        let inner = table.entry(section).or_insert_with(|| Table::new().into());
        let Value::Table(inner) = inner else { return };
        table = inner;
    }
    table.insert(name.to_owned(), value);
}
