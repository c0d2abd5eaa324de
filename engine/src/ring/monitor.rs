//! Looks at a ring from outside: how far behind each reader is. It holds nothing back and writes nothing.

use std::sync::Arc as StdArc;
use std::sync::atomic::AtomicU64;

use super::{DETACHED, Shared, SkippingReader, Writer};
use crate::sync::{Arc, Ordering};

/// A reader, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Reader {
    /// Its name.
    pub name: &'static str,
    /// Slots that were published and that it has not given back or looked at.
    pub behind: u64,
    /// Slots that it can be behind without anything being lost, or skipped.
    pub of: u64,
    /// It may miss slots, so that its being slow costs no frame.
    pub may_skip: bool,
}

/// Sees how far the readers of a ring are.
pub struct Monitor<H> {
    shared: Arc<Shared<H>>,
    skipping: Vec<(&'static str, StdArc<AtomicU64>)>,
}

impl<H> Monitor<H> {
    /// The lossless readers of the ring that `writer` writes.
    pub fn new(writer: &Writer<H>) -> Self {
        Self { shared: writer.shared.clone(), skipping: Vec::new() }
    }

    /// Watches a skipping reader of the same ring as well.
    #[must_use]
    pub fn watching(mut self, name: &'static str, reader: &SkippingReader<H>) -> Self {
        self.skipping.push((name, reader.progress.clone()));
        self
    }

    /// Slots that were published so far.
    pub fn published(&self) -> u64 {
        self.shared.head.load(Ordering::Acquire)
    }

    /// Those readers that are not gone, the lossless ones first.
    pub fn readers(&self) -> impl Iterator<Item = Reader> {
        let of = self.shared.capacity;
        let lossless = self
            .shared
            .lossless
            .iter()
            .map(|cursor| (cursor.name, cursor.next.load(Ordering::Acquire), false));
        let skipping =
            self.skipping.iter().map(|(name, progress)| (*name, progress.load(Ordering::Relaxed), true));
        // Each is read before the head, which is at least as far.
        lossless.chain(skipping).filter_map(move |(name, next, may_skip)| {
            let head = self.shared.head.load(Ordering::Acquire);
            let behind = head.saturating_sub(next).min(of);
            (next != DETACHED).then_some(Reader { name, behind, of, may_skip })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Ends, ring};
    use super::*;

    #[test]
    fn every_reader_is_as_far_behind_as_it_is() {
        let Ends { mut writer, lossless: [mut tracking], skipping: [mut plots] } =
            ring::<u64, 1, 1>(4, 8, ["tracking"]);
        let monitor = Monitor::new(&writer).watching("plots", &plots);
        let behind = || monitor.readers().map(|reader| (reader.name, reader.behind)).collect::<Vec<_>>();
        for number in 0..3 {
            writer.claim().unwrap().publish(number);
        }
        assert_eq!(behind(), [("tracking", 3), ("plots", 3)]);
        tracking.release(2);
        assert!(plots.take_next().is_some());
        assert_eq!(behind(), [("tracking", 1), ("plots", 2)]);
        for number in 3..6 {
            writer.claim().unwrap().publish(number);
        }
        assert_eq!(behind(), [("tracking", 4), ("plots", 4)], "not more than there are");
        assert_eq!(monitor.published(), 6);
        assert!(plots.newest().is_some());
        drop(tracking);
        assert_eq!(behind(), [("plots", 0)]);
        drop(plots);
        assert_eq!(behind(), []);
    }
}
