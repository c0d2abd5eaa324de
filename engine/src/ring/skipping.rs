//! A reader that never holds the writer back: it pins the slot it looks at, and skips what was overwritten.

use std::sync::Arc as StdArc;
use std::sync::atomic::AtomicU64;

use super::{DETACHED, Shared, WRITING, orderings};
use crate::sync::{Arc, Ordering, spin_loop};

/// A reader that never holds the writer back, and misses what it is too slow for.
pub struct SkippingReader<H> {
    shared: Arc<Shared<H>>,
    /// The sequence number it wants next.
    next: u64,
    /// The same for those who look from outside. Of the standard library in the models, too: nothing rests on it.
    pub(super) progress: StdArc<AtomicU64>,
    skipped: u64,
    pinned: Option<u32>,
}

impl<H> SkippingReader<H> {
    pub(super) fn new(shared: Arc<Shared<H>>) -> Self {
        Self { shared, next: 0, progress: StdArc::default(), skipped: 0, pinned: None }
    }

    /// The newest slot, if it was not seen yet. What lies between is skipped.
    pub fn newest(&mut self) -> Option<(&H, &[u8])> {
        self.unpin();
        loop {
            // Relaxed: the pin tells whether this is the slot, and makes it visible.
            let head = self.shared.head.load(Ordering::Relaxed);
            if head <= self.next {
                return None;
            }
            if self.pin(head - 1) {
                self.skipped += head - 1 - self.next;
                self.next = head;
                return self.pinned_slot();
            }
            // Overwritten since: there is a newer head, which is about to be visible.
            spin_loop();
        }
    }

    /// The next slot in order; those that were overwritten meanwhile are skipped and counted.
    pub fn take_next(&mut self) -> Option<(&H, &[u8])> {
        self.unpin();
        loop {
            let head = self.shared.head.load(orderings::NEXT_HEAD.order());
            if head <= self.next {
                return None;
            }
            let oldest = head.saturating_sub(self.shared.order.len() as u64);
            if self.next < oldest {
                self.skipped += oldest - self.next;
                self.next = oldest;
            }
            let wanted = self.next;
            self.next += 1;
            if self.pin(wanted) {
                return self.pinned_slot();
            }
            self.skipped += 1;
        }
    }

    /// Slots this reader has missed so far.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    fn pin(&mut self, sequence: u64) -> bool {
        let index = self.shared.slot_of(sequence);
        let slot = &self.shared.slots[index as usize];
        let add_pin = |state: u32| (state & WRITING == 0).then_some(state + 1);
        if slot.state.fetch_update(orderings::PIN.order(), Ordering::Relaxed, add_pin).is_err() {
            return false;
        }
        self.pinned = Some(index);
        if slot.sequence.load(Ordering::Relaxed) != sequence {
            self.unpin();
            return false;
        }
        true
    }

    fn pinned_slot(&self) -> Option<(&H, &[u8])> {
        self.progress.store(self.next, Ordering::Relaxed);
        let slot = &self.shared.slots[self.pinned? as usize];
        // SAFETY: the slot is pinned, so the writer cannot make it WRITING; it stays pinned until the next call on this
        // reader, which needs `&mut self` and so outlives these borrows.
        Some(unsafe { slot.contents(self.shared.slot_bytes) })
    }

    fn unpin(&mut self) {
        if let Some(slot) = self.pinned.take() {
            self.shared.slots[slot as usize].state.fetch_sub(1, orderings::UNPIN.order());
        }
    }
}

impl<H> Drop for SkippingReader<H> {
    fn drop(&mut self) {
        self.progress.store(DETACHED, Ordering::Relaxed);
        self.unpin();
    }
}
