//! The ring that frames and rows travel through: preallocated slots, one writer, several readers, no lock.
//!
//! A slot is a header `H` and a fixed number of bytes. The writer claims a free slot, fills it in place and publishes
//! it under the next sequence number. Two kinds of reader follow, each with a cursor of its own:
//!
//! - A [`LosslessReader`] sees every published slot in order. Slots it has not released cannot be written again. When
//!   `capacity` of them are held, [`Writer::claim`] answers [`Full`] and names the slowest reader: the *new* frame is
//!   dropped, never an old one, and the writer never waits.
//! - A [`SkippingReader`] pins one slot at a time. It never holds the writer back, because one spare slot exists for
//!   each such reader; what was overwritten before it came is skipped and counted.
//!
//! # Protocol
//! A slot's `state` is a count of pins, or `WRITING`. Only the writer sets `WRITING`, by exchanging 0 for it, so no
//! pin exists while it writes; a reader pins only by exchanging a value that is not `WRITING`. A lossless reader needs
//! no pin: the writer takes back only slots whose sequence number lies before every lossless cursor.
//!
//! | store | order | pairs with | makes visible |
//! |---|---|---|---|
//! | `head` after publishing | Release | readers' Acquire load of `head` | header, bytes, `order`, `sequence` |
//! | `state` = 0 after publishing | Release | pin's Acquire exchange | header, bytes, `sequence` |
//! | `state` − 1 when unpinning | Release | writer's Acquire exchange | that the reading is over |
//! | lossless `cursor` | Release | writer's Acquire load | that the reading is over |
//!
//! A reader that waits parks its thread. Publishing wakes it with `Thread::unpark`, which takes no lock and makes a
//! system call only if the thread sleeps. Nothing is allocated after [`ring`].
#![allow(
    unsafe_code,
    reason = "slots are shared between threads under the protocol above; nothing else in Beadscope is"
)]

use std::array::from_fn;
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crossbeam::utils::CachePadded;

pub mod monitor;

/// The writer is at work in the slot.
const WRITING: u32 = 1 << 31;
/// The cursor of a reader that is gone: it holds nothing back.
const DETACHED: u64 = u64::MAX;

/// Memory in pages, so that a slot can be written to disk without a copy (O_DIRECT needs this alignment).
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(4096))]
struct Page([u8; 4096]);

struct Slot<H> {
    state: AtomicU32,
    sequence: AtomicU64,
    header: UnsafeCell<H>,
    pages: UnsafeCell<Box<[Page]>>,
}

struct LosslessCursor {
    name: &'static str,
    next: CachePadded<AtomicU64>,
    thread: OnceLock<Thread>,
}

struct Shared<H> {
    slots: Box<[Slot<H>]>,
    /// Which slot holds sequence number `s`: `order[s % order.len()]`.
    order: Box<[AtomicU32]>,
    /// Sequence number of the next slot to be published.
    head: CachePadded<AtomicU64>,
    closed: AtomicBool,
    lossless: Box<[LosslessCursor]>,
    capacity: u64,
    slot_bytes: usize,
}

// SAFETY: header and pages are written only by the one `Writer` while `state` is WRITING, and read only through a pin or
// before a lossless cursor passes; the orderings in the module's table make both exclusive of the writing.
unsafe impl<H: Send + Sync> Sync for Shared<H> {}
// SAFETY: as above; a slot owns plain memory and a header that may be sent.
unsafe impl<H: Send> Send for Shared<H> {}

/// The two ends of a new ring.
pub struct Ends<H, const L: usize, const S: usize> {
    /// The one writer.
    pub writer: Writer<H>,
    /// One for each name given, in that order.
    pub lossless: [LosslessReader<H>; L],
    /// As many as asked for.
    pub skipping: [SkippingReader<H>; S],
}

/// Makes a ring in which lossless readers can hold `capacity` slots of `slot_bytes` each. All memory is taken and
/// touched here: `(capacity + S + 1) · slot_bytes`, each slot rounded up to 4 KiB.
pub fn ring<H: Copy + Default, const L: usize, const S: usize>(
    capacity: usize,
    slot_bytes: usize,
    lossless: [&'static str; L],
) -> Ends<H, L, S> {
    let capacity = capacity.max(1);
    let n_slots = capacity + S + 1;
    let slot = || Slot {
        state: AtomicU32::new(0),
        sequence: AtomicU64::new(DETACHED),
        header: UnsafeCell::new(H::default()),
        // Written, not just reserved: otherwise the camera thread would take the page faults of the first round.
        pages: UnsafeCell::new(vec![Page([1; 4096]); slot_bytes.div_ceil(4096)].into_boxed_slice()),
    };
    let cursor = |name: &&'static str| LosslessCursor {
        name,
        next: CachePadded::new(AtomicU64::new(0)),
        thread: OnceLock::new(),
    };
    let shared = Arc::new(Shared {
        slots: (0..n_slots).map(|_| slot()).collect(),
        order: (0..n_slots).map(|_| AtomicU32::new(0)).collect(),
        head: CachePadded::new(AtomicU64::new(0)),
        closed: AtomicBool::new(false),
        lossless: lossless.iter().map(cursor).collect(),
        capacity: capacity as u64,
        slot_bytes,
    });
    Ends {
        writer: Writer {
            shared: shared.clone(),
            free: (0..n_slots as u32).collect(),
            claimed: None,
            oldest: 0,
        },
        lossless: from_fn(|reader| LosslessReader { shared: shared.clone(), reader }),
        skipping: from_fn(|_| SkippingReader {
            shared: shared.clone(),
            next: 0,
            progress: Arc::default(),
            skipped: 0,
            pinned: None,
        }),
    }
}

impl<H> Shared<H> {
    fn slot_of(&self, sequence: u64) -> u32 {
        self.order[(sequence % self.order.len() as u64) as usize].load(Ordering::Relaxed)
    }

    /// The lossless reader that is furthest behind, and the first sequence number it still holds.
    fn slowest(&self) -> Option<(&'static str, u64)> {
        self.lossless
            .iter()
            .map(|cursor| (cursor.name, cursor.next.load(Ordering::Acquire)))
            .filter(|(_, next)| *next != DETACHED)
            .min_by_key(|(_, next)| *next)
    }

    fn wake_readers(&self) {
        // Pairs with the fence in `LosslessReader::wait`: either the reader sees the new head, or we see its thread.
        fence(Ordering::SeqCst);
        for cursor in &self.lossless {
            if let Some(thread) = cursor.thread.get() {
                thread.unpark();
            }
        }
    }
}

/// No slot is free: a lossless reader holds them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// The reader that is furthest behind.
    pub slowest: &'static str,
}

/// The writing end. Dropping it closes the ring.
pub struct Writer<H> {
    shared: Arc<Shared<H>>,
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

impl<H: Copy> Writer<H> {
    /// A slot to write in. Never waits and never allocates.
    ///
    /// # Errors
    /// [`Full`] if lossless readers hold `capacity` slots.
    pub fn claim(&mut self) -> Result<Claim<'_, H>, Full> {
        let head = self.shared.head.load(Ordering::Relaxed);
        let (slowest, held_from) = self.shared.slowest().unwrap_or(("nobody", head));
        if head - held_from >= self.shared.capacity {
            return Err(Full { slowest });
        }
        let slot = self.claimed.take().or_else(|| self.take_free(held_from)).ok_or(Full { slowest })?;
        Ok(Claim { writer: self, slot })
    }

    fn take_free(&mut self, held_from: u64) -> Option<u32> {
        loop {
            let unpinned = self.free.iter().position(|slot| {
                let state = &self.shared.slots[*slot as usize].state;
                state.compare_exchange(0, WRITING, Ordering::Acquire, Ordering::Relaxed).is_ok()
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
        let pages = unsafe { &mut **shared.slots[self.slot as usize].pages.get() };
        &mut bytemuck::cast_slice_mut(pages)[..shared.slot_bytes]
    }

    /// Hands the slot to the readers.
    pub fn publish(self, header: H) {
        let shared = &self.writer.shared;
        let slot = &shared.slots[self.slot as usize];
        let sequence = shared.head.load(Ordering::Relaxed);
        // SAFETY: as in `bytes`: the slot is WRITING and ours.
        unsafe { *slot.header.get() = header };
        slot.sequence.store(sequence, Ordering::Relaxed);
        shared.order[(sequence % shared.order.len() as u64) as usize].store(self.slot, Ordering::Relaxed);
        slot.state.store(0, Ordering::Release);
        shared.head.store(sequence + 1, Ordering::Release);
        shared.wake_readers();
        std::mem::forget(self);
    }
}

impl<H> Drop for Claim<'_, H> {
    fn drop(&mut self) {
        self.writer.claimed = Some(self.slot);
    }
}

/// A reader that sees every slot. Dropping it frees what it held.
pub struct LosslessReader<H> {
    shared: Arc<Shared<H>>,
    reader: usize,
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
    fn cursor(&self) -> &LosslessCursor {
        &self.shared.lossless[self.reader]
    }

    /// Slots that can be read now.
    pub fn available(&self) -> Available {
        // `closed` first: once it is set nothing is published, so the head read after it is the last one.
        let closed = self.shared.closed.load(Ordering::Acquire);
        let head = self.shared.head.load(Ordering::Acquire);
        match head - self.cursor().next.load(Ordering::Relaxed) {
            0 if closed => Available::Closed,
            0 => Available::Nothing,
            slots => Available::Slots(slots as usize),
        }
    }

    /// Waits for a slot, at most `timeout`. Only one thread may wait on a reader in its life.
    pub fn wait(&mut self, timeout: Duration) -> Available {
        self.cursor().thread.get_or_init(thread::current);
        fence(Ordering::SeqCst);
        let deadline = Instant::now() + timeout;
        loop {
            let now = Instant::now();
            match self.available() {
                Available::Nothing if now < deadline => thread::park_timeout(deadline - now),
                found => return found,
            }
        }
    }

    /// The `place`-th slot that was not released yet; `None` beyond what is [`available`](Self::available).
    pub fn peek(&self, place: usize) -> Option<(&H, &[u8])> {
        let sequence = self.cursor().next.load(Ordering::Relaxed) + place as u64;
        if sequence >= self.shared.head.load(Ordering::Acquire) {
            return None;
        }
        let slot = &self.shared.slots[self.shared.slot_of(sequence) as usize];
        // SAFETY: `sequence` is published (Acquire above) and not before our cursor, so the writer leaves the slot alone
        // until `release`, which needs `&mut self` and so outlives these borrows.
        unsafe { Some((&*slot.header.get(), slot_bytes(slot, self.shared.slot_bytes))) }
    }

    /// Gives back the first `count` slots, at most those available.
    pub fn release(&mut self, count: usize) {
        let next = &self.cursor().next;
        let head = self.shared.head.load(Ordering::Relaxed);
        let after = (next.load(Ordering::Relaxed) + count as u64).min(head);
        next.store(after, Ordering::Release);
    }
}

impl<H> Drop for LosslessReader<H> {
    fn drop(&mut self) {
        self.cursor().next.store(DETACHED, Ordering::Release);
    }
}

/// A reader that never holds the writer back, and misses what it is too slow for.
pub struct SkippingReader<H> {
    shared: Arc<Shared<H>>,
    /// The sequence number it wants next.
    next: u64,
    /// The same for those who look from outside.
    progress: Arc<AtomicU64>,
    skipped: u64,
    pinned: Option<u32>,
}

impl<H> SkippingReader<H> {
    /// The newest slot, if it was not seen yet. What lies between is skipped.
    pub fn newest(&mut self) -> Option<(&H, &[u8])> {
        self.unpin();
        loop {
            let head = self.shared.head.load(Ordering::Acquire);
            if head <= self.next {
                return None;
            }
            if self.pin(head - 1) {
                self.skipped += head - 1 - self.next;
                self.next = head;
                return self.pinned_slot();
            }
        }
    }

    /// The next slot in order; those that were overwritten meanwhile are skipped and counted.
    pub fn take_next(&mut self) -> Option<(&H, &[u8])> {
        self.unpin();
        loop {
            let head = self.shared.head.load(Ordering::Acquire);
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

    /// True once the writer is gone.
    pub fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }

    fn pin(&mut self, sequence: u64) -> bool {
        let index = self.shared.slot_of(sequence);
        let slot = &self.shared.slots[index as usize];
        let add_pin = |state: u32| (state & WRITING == 0).then_some(state + 1);
        if slot.state.fetch_update(Ordering::Acquire, Ordering::Relaxed, add_pin).is_err() {
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
        unsafe { Some((&*slot.header.get(), slot_bytes(slot, self.shared.slot_bytes))) }
    }

    fn unpin(&mut self) {
        if let Some(slot) = self.pinned.take() {
            self.shared.slots[slot as usize].state.fetch_sub(1, Ordering::Release);
        }
    }
}

impl<H> Drop for SkippingReader<H> {
    fn drop(&mut self) {
        self.progress.store(DETACHED, Ordering::Relaxed);
        self.unpin();
    }
}

/// The bytes of a slot.
///
/// # Safety
/// The caller holds the slot against the writer for as long as the returned borrow lives.
unsafe fn slot_bytes<H>(slot: &Slot<H>, bytes: usize) -> &[u8] {
    // SAFETY: by this function's contract nobody writes to the pages now.
    let pages = unsafe { &**slot.pages.get() };
    &bytemuck::cast_slice(pages)[..bytes]
}

#[cfg(test)]
mod tests;
