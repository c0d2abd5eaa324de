//! Loom's atomics, cell and threads, under the names that the ring expects in `sync`.

use std::sync::LazyLock;
use std::time::Duration;

pub(crate) use loom::cell::UnsafeCell;
pub(crate) use loom::hint::spin_loop;
pub(crate) use loom::sync::Arc;
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
pub(crate) use loom::thread::{Thread, current as current_thread};

use crate::ring::orderings::Site;

/// Names the site at which the ring is to be broken: its order is the next weaker one.
pub const BREAK: &str = "BEADSCOPE_BREAK_RING";

static BROKEN: LazyLock<Option<String>> = LazyLock::new(|| std::env::var(BREAK).ok());

pub(crate) fn order_at(site: Site) -> Ordering {
    match (BROKEN.as_deref() == Some(site.name), site.needs) {
        (false, needed) => needed,
        // There is no relaxed fence; this one orders all but a store before a load, which is what it is for.
        (true, Ordering::SeqCst) => Ordering::AcqRel,
        (true, _) => Ordering::Relaxed,
    }
}

/// Time does not pass in a model: who is not woken sleeps for ever, which loom reports.
pub(crate) fn park_timeout(_: Duration) {
    loom::thread::park();
}

/// The standard one, for one thread that sets it. Loom has none; it sees the flag, and so what the flag makes visible.
pub(crate) struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    is_set: AtomicBool,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self { value: std::sync::OnceLock::new(), is_set: AtomicBool::new(false) }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.is_set.load(Ordering::Acquire).then(|| self.value.get())?
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        let value = self.value.get_or_init(make);
        self.is_set.store(true, Ordering::Release);
        value
    }
}
