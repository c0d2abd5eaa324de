//! The writing end: claims a free slot, which is filled in place, and publishes it.

use super::{Shared, WRITING, orderings};
use crate::sync::{Arc, Ordering};

/// No slot is free: a lossless reader holds them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// The reader that is furthest behind.
    pub slowest: &'static str,
}

/// The writing end. Dropping it closes the ring.
pub struct Writer<H> {
    pub(super) shared: Arc<Shared<H>>,
    /// What `shared.head` is: nobody else stores it.
    head: u64,
    /// Slots that no sequence number in `oldest..head` names, unless a reader still pins them.
    free: Vec<u32>,
    /// A slot in state WRITING that was claimed and not published.
    claimed: Option<u32>,
    /// The first sequence number whose slot has not been taken back into `free`.
    oldest: u64,
}

/// A slot to fill. Dropped unpublished, it is what the next claim gets, its bytes untouched.
pub struct Claim<'a, H> {
    writer: &'a mut Writer<H>,
    slot: u32,
}

impl<H> Writer<H> {
    pub(super) fn new(shared: Arc<Shared<H>>) -> Self {
        let free = (0..).take(shared.slots.len()).collect();
        Self { shared, head: 0, free, claimed: None, oldest: 0 }
    }
}

impl<H: Copy> Writer<H> {
    /// A slot to write in. Never waits and never allocates.
    ///
    /// # Errors
    /// [`Full`] if lossless readers hold `capacity` slots.
    pub fn claim(&mut self) -> Result<Claim<'_, H>, Full> {
        let (slowest, held_from) = self.shared.slowest().unwrap_or(("nobody", self.head));
        if self.head - held_from >= self.shared.capacity {
            return Err(Full { slowest });
        }
        let slot = self.claimed.take().or_else(|| self.take_free(held_from)).ok_or(Full { slowest })?;
        Ok(Claim { writer: self, slot })
    }

    fn take_free(&mut self, held_from: u64) -> Option<u32> {
        loop {
            let unpinned = self.free.iter().position(|slot| {
                let state = &self.shared.slots[*slot as usize].state;
                state.compare_exchange(0, WRITING, orderings::CLAIM.order(), Ordering::Relaxed).is_ok()
            });
            if let Some(place) = unpinned {
                return Some(self.free.swap_remove(place));
            }
            if self.oldest == held_from {
                return None;
            }
            self.free.push(self.shared.slot_of(self.oldest));
            self.oldest += 1;
        }
    }
}

impl<H> Drop for Writer<H> {
    fn drop(&mut self) {
        // The fence of the last publish would do as well; this needs no look at another function.
        self.shared.closed.store(true, Ordering::Release);
        self.shared.wake_readers();
    }
}

impl<H: Copy> Claim<'_, H> {
    /// The slot's bytes, with whatever an earlier frame left in them.
    pub fn bytes(&mut self) -> &mut [u8] {
        let shared = &self.writer.shared;
        // SAFETY: the slot is WRITING, set by us and held by this claim alone; no reader can pin it, and no lossless
        // reader's cursor range names it.
        let pages = shared.slots[self.slot as usize].pages.with_mut(|pages| unsafe { &mut **pages });
        &mut bytemuck::cast_slice_mut(pages)[..shared.slot_bytes]
    }

    /// Hands the slot to the readers.
    pub fn publish(self, header: H) {
        let Writer { shared, head, .. } = &mut *self.writer;
        let slot = &shared.slots[self.slot as usize];
        let sequence = *head;
        // SAFETY: as in `bytes`: the slot is WRITING and ours.
        slot.header.with_mut(|slot| unsafe { *slot = header });
        slot.sequence.store(sequence, Ordering::Relaxed);
        shared.order[(sequence % shared.order.len() as u64) as usize].store(self.slot, Ordering::Relaxed);
        slot.state.store(0, orderings::STATE_PUBLISH.order());
        *head += 1;
        shared.head.store(*head, orderings::HEAD_PUBLISH.order());
        shared.wake_readers();
        std::mem::forget(self);
    }
}

impl<H> Drop for Claim<'_, H> {
    fn drop(&mut self) {
        self.writer.claimed = Some(self.slot);
    }
}
