//! The text of a description, to tell where in it something is wrong.

use std::fmt::Display;
use std::ops::Range;

use crate::axis::AxisError;

/// The text of a description and what it is called.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// A mistake there.
    pub(super) fn wrong(&self, at: &Range<usize>, key: &str, what: impl Display) -> AxisError {
        let line = 1 + self.text.bytes().take(at.start).filter(|byte| *byte == b'\n').count();
        let key = if key.is_empty() { String::new() } else { format!(" {key}:") };
        AxisError::Settings(format!("{}, line {line}:{key} {what}", self.name))
    }

    /// The key that stands at a place, with its table.
    pub(super) fn key(&self, at: &Range<usize>) -> String {
        let before = self.text.get(..at.start).unwrap_or_default();
        let begin = before.rfind('\n').map_or(0, |end| end + 1);
        let line = self.text.get(begin..).unwrap_or_default().lines().next().unwrap_or_default().trim();
        let name =
            |header: &str| header.split(']').next().unwrap_or_default().trim_matches(['[', ' ']).to_owned();
        if line.starts_with('[') {
            return name(line);
        }
        if line.starts_with('#') {
            return String::new();
        }
        let table = before.lines().rev().find(|line| line.starts_with('[')).map(name);
        let key = line.split_once('=').map(|(key, _)| key.trim().to_owned());
        table.into_iter().chain(key).collect::<Vec<_>>().join(".")
    }
}
