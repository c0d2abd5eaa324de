//! What goes over a port, kept for people.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What went over a port, for people to read.
#[derive(Clone, Debug, Default)]
pub struct Transcript(Arc<Mutex<Vec<Entry>>>);

#[derive(Clone, Debug)]
enum Entry {
    Remark(String),
    Sent(Vec<u8>),
    /// All that came before the next that was sent: how a system cuts it into pieces says nothing.
    Received(Vec<u8>),
}

impl PartialEq for Transcript {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Transcript {
    /// So far: a line for what was sent (`>`), for what came (`<`) and for a remark (`#`), with bytes that are not printed escaped.
    pub fn text(&self) -> String {
        let line = |entry: &Entry| match entry {
            Entry::Remark(text) => format!("# {text}\n"),
            Entry::Sent(bytes) => format!("> {}\n", told(bytes)),
            Entry::Received(bytes) => format!("< {}\n", told(bytes)),
        };
        self.entries().iter().map(line).collect()
    }

    /// Adds a line that is no traffic.
    pub fn remark(&self, text: &str) {
        self.entries().push(Entry::Remark(text.to_owned()));
    }

    pub(super) fn sent(&self, bytes: &[u8]) {
        self.entries().push(Entry::Sent(bytes.to_vec()));
    }

    pub(super) fn received(&self, bytes: &[u8]) {
        let mut entries = self.entries();
        match entries.last_mut() {
            Some(Entry::Received(before)) => before.extend_from_slice(bytes),
            _ => entries.push(Entry::Received(bytes.to_vec())),
        }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes as people read them.
pub(super) fn told(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
