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
//! | store | pairs with | makes visible |
//! |---|---|---|
//! | `head` after publishing (Release) | load of `head` by `peek` and `take_next` (Acquire) | header, bytes, `order`, `sequence` |
//! | `state` = 0 after publishing (Release) | a pin's exchange (Acquire) | header, bytes, `sequence` |
//! | `state` − 1 when unpinning (Release) | the writer's exchange (Acquire) | that the reading is over |
//! | lossless `cursor` (Release) | the writer's load (Acquire) | that the reading is over |
//! | `closed` (Release) | load of `closed` by `available` (Acquire) | that the `head` read next is the last |
//! | `head` or `closed`, then a fence (SeqCst) | `thread`, then a fence (SeqCst) | one of the two to the other side |
//!
//! A reader that waits parks its thread. Publishing wakes it with `Thread::unpark`, which takes no lock and makes a
//! system call only if the thread sleeps. Nothing is allocated after [`ring`].
//!
//! What all this rests on are the constants of [`orderings`]. The crate `ring_models` beside this one runs these very
//! files on loom, in every order in which threads can meet, and shows that weakening any of them breaks a promise.
#![allow(
    unsafe_code,
    reason = "slots are shared between threads under the protocol above; nothing else in Beadscope is"
)]

mod lossless;
pub mod monitor;
pub mod orderings;
mod skipping;
mod writer;

use std::array::from_fn;

use crossbeam::utils::CachePadded;

pub use self::lossless::{Available, LosslessReader};
pub use self::skipping::SkippingReader;
pub use self::writer::{Claim, Full, Writer};
use crate::sync::{Arc, AtomicBool, AtomicU32, AtomicU64, OnceLock, Ordering, Thread, UnsafeCell, fence};

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
        writer: Writer::new(shared.clone()),
        lossless: from_fn(|reader| LosslessReader::new(shared.clone(), reader)),
        skipping: from_fn(|_| SkippingReader::new(shared.clone())),
    }
}

impl<H> Shared<H> {
    fn slot_of(&self, sequence: u64) -> u32 {
        self.order[(sequence % self.order.len() as u64) as usize].load(Ordering::Relaxed)
    }

    /// The lossless reader that is furthest behind, and the first sequence number it still holds.
    fn slowest(&self) -> Option<(&'static str, u64)> {
        // Acquire, though a slot is taken back one claim after it was released, and the fence of the publish between would
        // do: that rests on the spare slot, this does not.
        self.lossless
            .iter()
            .map(|cursor| (cursor.name, cursor.next.load(Ordering::Acquire)))
            .filter(|(_, next)| *next != DETACHED)
            .min_by_key(|(_, next)| *next)
    }

    fn wake_readers(&self) {
        // Pairs with the fence in `LosslessReader::wait`: either the reader sees the new head, or we see its thread.
        fence(orderings::WAKE_FENCE.order());
        for cursor in &self.lossless {
            if let Some(thread) = cursor.thread.get() {
                thread.unpark();
            }
        }
    }
}

impl<H> Slot<H> {
    /// Header and bytes.
    ///
    /// # Safety
    /// The caller holds the slot against the writer for as long as the returned borrows live.
    unsafe fn contents(&self, bytes: usize) -> (&H, &[u8]) {
        // SAFETY: by this function's contract nobody writes to the header now.
        let header = self.header.with(|header| unsafe { &*header });
        // SAFETY: nor to the pages.
        let pages = self.pages.with(|pages| unsafe { &**pages });
        (header, &bytemuck::cast_slice(pages)[..bytes])
    }
}

#[cfg(test)]
mod tests;
