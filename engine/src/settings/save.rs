//! Writing changes back into a file, which keeps its comments and its order.

use std::collections::BTreeSet;
use std::path::Path;

use beadscope_zlut::aside;
use toml::Value;
use toml_edit::{Document, DocumentMut, Item, Table, TableLike};

use crate::settings::error::SettingError;
use crate::settings::file::File;
use crate::settings::keys::{self, steps};
use crate::settings::source::Layer;
use crate::settings::{Setting, Settings};

/// Which file is to say it from now on.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// The user's file, made if it is not there.
    User(&'a Path),
    /// The instrument's file.
    Rig(&'a Path),
}

/// One setting before and after its file was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// Its name.
    pub name: String,
    /// As the files had it; `None` if only the driver knows the setting and nobody had set it.
    pub before: Option<Setting>,
    /// As they have it now.
    pub after: Option<Setting>,
    /// Whether a layer above the file has another say.
    pub overruled: bool,
}

impl Settings {
    /// Writes what was changed since the start into `target`, and takes the settings `unset` out of it. Out of the user's
    /// file a change back to what the layers below say is taken as well: it holds only what differs. The file appears
    /// whole or stays.
    ///
    /// # Errors
    /// If a setting of `unset` is not in the file, what the files would say then is not allowed, or the disk refuses.
    pub fn save(&self, target: Target<'_>, unset: &[String]) -> Result<Vec<Saved>, SettingError> {
        let file = match target {
            Target::User(path) => File { path, layer: Layer::User },
            Target::Rig(path) => File { path, layer: Layer::Rig },
        };
        let is_new = file.layer == Layer::User && !file.path.exists();
        let old = if is_new { String::new() } else { file.read()? };
        let mut layers = self.layers.clone();
        let changes = layers.remove(&Layer::Session).unwrap_or_default();
        // Only this start of the program knows these.
        layers.remove(&Layer::CommandLine);
        layers.remove(&Layer::Found);
        layers.insert(file.layer, file.parse(&old)?);
        let before = Self::of_layers(layers.clone())?;

        let folder = file.folder()?;
        let mut text = old.clone();
        for (name, given) in &changes {
            let inherited = self.merged.get(name).and_then(|stack| stack.below(file.layer).0);
            let Some(value) = &given.value else { continue };
            text = if file.layer == Layer::User && inherited == Some(value) {
                without(&text, name)
            } else {
                with(&text, name, &relative(name, value, &folder))
            };
        }
        for name in unset {
            if !layers[&file.layer].contains_key(name) {
                return Err(SettingError::NotSet { name: name.clone(), path: file.path.to_owned() });
            }
            text = without(&text, name);
        }
        layers.insert(file.layer, file.parse(&text)?);
        let after = Self::of_layers(layers)?;
        if text != old {
            write(file.path, &text)?;
        }
        let saved = |name: &String| {
            let (before, after) = (before.get(name), after.get(name));
            let overruled = after.as_ref().is_some_and(|after| after.source.layer() > file.layer);
            Saved { name: name.clone(), before, after, overruled }
        };
        Ok(changes.keys().chain(unset).map(saved).collect())
    }
}

/// What a file would change: the settings that would be others, before and after.
pub type Differences = Vec<(Option<Setting>, Option<Setting>)>;

/// What would be others if `from` stood in place of the user's file `user`, over the rig at `rig`. Everything in it is checked.
///
/// # Errors
/// The first line of `from` that is wrong, or a file that cannot be read.
pub fn differences(rig: Option<&Path>, user: &Path, from: &Path) -> Result<Differences, SettingError> {
    let (before, after) = (Settings::load(rig, Some(user))?, Settings::of_file(rig, from)?);
    let names: BTreeSet<String> =
        before.all().into_iter().chain(after.all()).map(|setting| setting.name).collect();
    let both = names.iter().map(|name| (before.get(name), after.get(name)));
    let value = |setting: &Option<Setting>| setting.as_ref().and_then(|setting| setting.value.clone());
    Ok(both.filter(|(before, after)| value(before) != value(after)).collect())
}

/// Writes everything that `from` sets into `to`, which is whole or as it was; paths mean the same from there. How many settings.
///
/// # Errors
/// The first line that is wrong, or what the disk said.
pub fn transfer(from: &Path, to: &Path) -> Result<usize, SettingError> {
    let file = File { path: from, layer: Layer::User };
    let values = file.parse(&file.read()?)?;
    let folder = File { path: to, layer: Layer::User }.folder()?;
    let said = values.iter().filter_map(|(name, given)| Some((name, given.value.as_ref()?)));
    let text =
        said.fold(String::new(), |text, (name, value)| with(&text, name, &relative(name, value, &folder)));
    write(to, &text)?;
    Ok(values.len())
}

fn write(path: &Path, text: &str) -> Result<(), SettingError> {
    let cannot = |error| SettingError::Write { path: path.to_owned(), error };
    // A link stays a link: what it points to is written.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(cannot)?;
    }
    aside::write(&path, |aside| std::fs::write(aside, text)).map_err(cannot)
}

/// A path below the file's own folder is written as seen from there, so that the folder can be moved as a whole.
fn relative(name: &str, value: &Value, folder: &Path) -> Value {
    let is_path = keys::find(name).is_some_and(|key| key.is_path(name));
    let below = value.as_str().filter(|_| is_path).and_then(|path| Path::new(path).strip_prefix(folder).ok());
    // It came from text, so it is text.
    below.and_then(Path::to_str).filter(|path| !path.is_empty()).map_or_else(|| value.clone(), Value::from)
}

/// The ways a file may write a setting: MagTrack's names with dots also as a table with a name in it.
fn spellings(name: &str) -> Vec<(Vec<&str>, &str)> {
    let (sections, name) = steps(name);
    let nested = name.split_once('.').map(|(table, name)| ([&sections[..], &[table]].concat(), name));
    std::iter::once((sections.clone(), name)).chain(nested).collect()
}

/// `text` with the setting `name` at `value`: in its old place, else at the end of its section.
pub(super) fn with(text: &str, name: &str, value: &Value) -> String {
    // What is not TOML was refused before, here and below.
    let (Ok(mut document), Ok(mut value)) =
        (text.parse::<DocumentMut>(), value.to_string().parse::<toml_edit::Value>())
    else {
        return text.to_owned();
    };
    for (sections, name) in spellings(name) {
        if let Some(old) =
            table_mut(&mut document, &sections).and_then(|table| table.get_mut(name)?.as_value_mut())
        {
            *value.decor_mut() = old.decor().clone();
            *old = value;
            return document.to_string();
        }
    }
    let (sections, name) = steps(name);
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for section in sections {
        let made = table.entry(section).or_insert_with(|| {
            let mut made = Table::new();
            // A section of sections needs no line of its own.
            made.set_implicit(true);
            Item::Table(made)
        });
        let Some(inner) = made.as_table_like_mut() else { return text.to_owned() };
        table = inner;
    }
    table.insert(name, Item::Value(value));
    document.to_string()
}

/// `text` without the setting `name`; comments on lines of their own stay.
fn without(text: &str, name: &str) -> String {
    for (sections, name) in spellings(name) {
        if let Some(range) = line_of(text, &sections, name) {
            return [&text[..range.start], &text[range.end..]].concat();
        }
        let Ok(mut document) = text.parse::<DocumentMut>() else { continue };
        if table_mut(&mut document, &sections).and_then(|table| table.remove(name)).is_some() {
            return document.to_string();
        }
    }
    text.to_owned()
}

fn table_mut<'a>(document: &'a mut DocumentMut, sections: &[&str]) -> Option<&'a mut dyn TableLike> {
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for section in sections {
        table = table.get_mut(section)?.as_table_like_mut()?;
    }
    Some(table)
}

/// The lines that a setting has for itself, its line's comment included.
fn line_of(text: &str, sections: &[&str], name: &str) -> Option<std::ops::Range<usize>> {
    let document = Document::parse(text).ok()?;
    let mut table = document.as_table();
    for section in sections {
        table = table.get(section)?.as_table()?;
    }
    let (key, item) = table.get_key_value(name)?;
    let start = text[..key.span()?.start].rfind('\n').map_or(0, |end| end + 1);
    let value_end = item.span()?.end;
    let end = text[value_end..].find('\n').map_or(text.len(), |end| value_end + end + 1);
    text[start..key.span()?.start].trim().is_empty().then_some(start..end)
}
