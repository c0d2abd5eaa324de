//! A reader that sees every slot in order, and holds each back until it has released it.

use std::time::{Duration, Instant};

use super::{DETACHED, LosslessCursor, Shared, orderings};
use crate::sync::{Arc, Ordering, current_thread, fence, park_timeout};

/// A reader that sees every slot. Dropping it frees what it held.
pub struct LosslessReader<H> {
    shared: Arc<Shared<H>>,
    reader: usize,
    /// The first sequence number not released yet: what our cursor is, which nobody else stores.
    next: u64,
}

/// What a lossless reader woke up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Available {
    /// This many slots, at least one.
    Slots(usize),
    /// Nothing yet.
    Nothing,
    /// Nothing, and nothing will come: the writer is gone and all was read.
    Closed,
}

impl<H> LosslessReader<H> {
    pub(super) fn new(shared: Arc<Shared<H>>, reader: usize) -> Self {
        Self { shared, reader, next: 0 }
    }

    fn cursor(&self) -> &LosslessCursor {
        &self.shared.lossless[self.reader]
    }

    /// Slots that can be read now.
    pub fn available(&self) -> Available {
        // `closed` first: once it is set nothing is published, so the head read after it is the last one.
        let closed = self.shared.closed.load(orderings::CLOSED_LOAD.order());
        // Relaxed: this counts; who looks into a slot loads `head` again.
        let head = self.shared.head.load(Ordering::Relaxed);
        match head - self.next {
            0 if closed => Available::Closed,
            0 => Available::Nothing,
            slots => Available::Slots(slots as usize),
        }
    }

    /// Waits for a slot, at most `timeout`. Only one thread may wait on a reader in its life.
    pub fn wait(&mut self, timeout: Duration) -> Available {
        self.cursor().thread.get_or_init(current_thread);
        // Pairs with the fence in `Shared::wake_readers`.
        fence(orderings::WAIT_FENCE.order());
        let deadline = Instant::now() + timeout;
        loop {
            let now = Instant::now();
            match self.available() {
                Available::Nothing if now < deadline => park_timeout(deadline - now),
                found => return found,
            }
        }
    }

    /// The `place`-th slot that was not released yet; `None` beyond what is [`available`](Self::available).
    pub fn peek(&self, place: usize) -> Option<(&H, &[u8])> {
        let sequence = self.next + place as u64;
        if sequence >= self.shared.head.load(orderings::PEEK_HEAD.order()) {
            return None;
        }
        let slot = &self.shared.slots[self.shared.slot_of(sequence) as usize];
        // SAFETY: `sequence` is published (Acquire above) and not before our cursor, so the writer leaves the slot alone
        // until `release`, which needs `&mut self` and so outlives these borrows.
        Some(unsafe { slot.contents(self.shared.slot_bytes) })
    }

    /// Gives back the first `count` slots, at most those available.
    pub fn release(&mut self, count: usize) {
        let head = self.shared.head.load(Ordering::Relaxed);
        self.next = (self.next + count as u64).min(head);
        self.cursor().next.store(self.next, orderings::RELEASE.order());
    }
}

impl<H> Drop for LosslessReader<H> {
    fn drop(&mut self) {
        self.cursor().next.store(DETACHED, orderings::DETACH.order());
    }
}
