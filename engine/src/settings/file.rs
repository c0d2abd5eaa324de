//! A file of settings, `rig.toml` or the user's, as one layer.

use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use crate::settings::error::SettingError;
use crate::settings::keys::{self, CAMERA_SETTINGS, KEYS, Key, MAGTRACK, Wrong};
use crate::settings::merge::Values;
use crate::settings::source::{Given, Layer, Source};

/// Controllers may name a file each.
const CONTROLLERS: &str = "motors.controllers";
/// Names the user's file; empty: there is none.
const USER_FILE_VARIABLE: &str = "BEADSCOPE_USER_CONFIG";

/// Where the user's file lies, whether or not it exists: `beadscope/user.toml` where the system keeps settings, or what
/// the environment variable `BEADSCOPE_USER_CONFIG` says. `None` if there is no such place.
pub fn user_file() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(path) = std::env::var_os(USER_FILE_VARIABLE) {
        return (!path.is_empty()).then(|| path.into());
    }
    let settings = if cfg!(windows) {
        folder("APPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")))
    };
    Some(settings?.join("beadscope/user.toml"))
}

/// A file that is one of the layers.
pub(super) struct File<'a> {
    /// As it is to be named.
    pub(super) path: &'a Path,
    /// [`Layer::Rig`] or [`Layer::User`].
    pub(super) layer: Layer,
}

impl File<'_> {
    /// Its text.
    pub(super) fn read(&self) -> Result<String, SettingError> {
        std::fs::read_to_string(self.path)
            .map_err(|error| SettingError::Read { path: self.path.to_owned(), error })
    }

    /// Its folder, from which relative paths in it count.
    pub(super) fn folder(&self) -> Result<PathBuf, SettingError> {
        let cannot = |error| SettingError::Read { path: self.path.to_owned(), error };
        let file = std::path::absolute(self.path).map_err(cannot)?;
        Ok(file.parent().unwrap_or(Path::new("")).to_owned())
    }

    /// What `text` sets when it stands in this file. Every value is checked; the first line that is wrong is told.
    pub(super) fn parse(&self, text: &str) -> Result<Values, SettingError> {
        let syntax = |error: toml::de::Error| {
            let place = self.source(text, error.span().map_or(0, |span| span.start)).place();
            SettingError::Syntax { message: error.message().lines().collect::<Vec<_>>().join("; "), place }
        };
        let spans = DeTable::parse(text).map_err(syntax)?;
        let table: Table = toml::from_str(text).map_err(syntax)?;
        let mut found = Vec::new();
        collect(&mut found, "", spans.get_ref(), &table);
        found.sort_by_key(|(start, ..)| *start);
        let folder = self.folder()?;
        let mut values = Values::new();
        for (start, name, value) in found {
            let source = self.source(text, start);
            let value = Some(checked(&name, value, &source, &folder)?);
            values.insert(name, Given { value, source });
        }
        Ok(values)
    }

    fn source(&self, text: &str, start: usize) -> Source {
        let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
        let file = self.path.to_owned();
        if self.layer == Layer::User { Source::User { file, line } } else { Source::Rig { file, line } }
    }
}

/// Every setting below `prefix` with where it starts. What is no setting is collected as well, to be refused in order.
fn collect(found: &mut Vec<(usize, String, Value)>, prefix: &str, spans: &DeTable<'_>, table: &Table) {
    for (key, span) in spans {
        let Some(value) = table.get(key.get_ref().as_ref()) else { continue };
        let name = format!("{prefix}{}", key.get_ref());
        match (span.get_ref(), value) {
            (DeValue::Table(spans), Value::Table(table)) if is_section(&name, table) => {
                collect(found, &format!("{name}."), spans, table);
            }
            _ => found.push((Spanned::span(key).start, name, value.clone())),
        }
    }
}

/// Whether `name` holds settings. MagTrack's options are written with dots in quotes or as tables; an empty section
/// that does not exist is told like a setting that does not.
fn is_section(name: &str, table: &Table) -> bool {
    let prefix = format!("{name}.");
    let holds = |key: &Key| key.name.starts_with(&prefix);
    let is_open = prefix == CAMERA_SETTINGS || prefix == MAGTRACK;
    let is_driver_s = name.starts_with(CAMERA_SETTINGS);
    !is_driver_s && (is_open || KEYS.iter().any(holds) || (!table.is_empty() && name.starts_with(MAGTRACK)))
}

/// `value` as it is kept for the setting `name`, paths counted from `folder`.
pub(super) fn checked(
    name: &str,
    value: Value,
    source: &Source,
    folder: &Path,
) -> Result<Value, SettingError> {
    let Some(key) = keys::find(name) else { return Err(unknown(name, source)) };
    let text = value.to_string();
    let value = key.check(&value).map_err(|wrong| {
        let wrong = match wrong {
            Wrong::Kind(kind) => format!("must be {kind}: {}", key.allowed()),
            Wrong::Range => format!("is out of range: {}", key.allowed()),
            Wrong::Because(why) => format!("cannot be used: {why}"),
        };
        SettingError::Value { name: name.to_owned(), value: text, wrong, place: source.place() }
    })?;
    match value {
        Value::String(path) if key.is_path(name) => Ok(Value::String(utf8(folder.join(path))?)),
        Value::Array(tables) if name == CONTROLLERS => tables
            .into_iter()
            .map(|table| with_protocol(table, folder))
            .collect::<Result<_, _>>()
            .map(Value::Array),
        value => Ok(value),
    }
}

/// A controller whose description, if it has one in a file, is found from anywhere.
fn with_protocol(mut controller: Value, folder: &Path) -> Result<Value, SettingError> {
    if let Some(Value::String(path)) = controller.get_mut("protocol")
        && path.ends_with(".toml")
    {
        *path = utf8(folder.join(&*path))?;
    }
    Ok(controller)
}

/// A path as settings keep it.
pub(super) fn utf8(path: PathBuf) -> Result<String, SettingError> {
    path.into_os_string().into_string().map_err(|path| SettingError::NotUtf8(path.into()))
}

pub(super) fn unknown(name: &str, source: &Source) -> SettingError {
    let place = source.place();
    let prefix = format!("{name}.");
    if KEYS.iter().any(|key| key.name.starts_with(&prefix)) {
        return SettingError::NoSection { name: name.to_owned(), place };
    }
    // Its neighbours: those of its section, or the sections.
    let section = |name: &'static str| name.split_once('.').map_or(name, |(section, _)| section);
    let asked = name.split_once('.').map_or(name, |(section, _)| section);
    let names = KEYS.iter().map(|key| key.name);
    let mut known: Vec<&str> = if name.starts_with(MAGTRACK) {
        names.filter(|known| known.starts_with(MAGTRACK)).collect()
    } else {
        names.filter(|known| section(known) == asked && !known.starts_with(MAGTRACK)).collect()
    };
    if known.is_empty() {
        known = KEYS.iter().map(|key| section(key.name)).collect();
        known.dedup();
    }
    SettingError::Unknown { name: name.to_owned(), known: known.join(", "), place }
}
