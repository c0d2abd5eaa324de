//! What the ring is built of: the standard library's atomics, cell and threads. The models of the ring
//! (`engine/ring_models`) put loom's in their place.

pub(crate) use std::hint::spin_loop;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
pub(crate) use std::sync::{Arc, OnceLock};
pub(crate) use std::thread::{Thread, current as current_thread, park_timeout};

use crate::ring::orderings::Site;

/// The standard cell with loom's interface, which sees when an access begins.
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    #[inline]
    pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        read(self.0.get())
    }

    #[inline]
    pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.0.get())
    }
}

/// The order that an access needs; a model may weaken it.
#[inline]
pub(crate) fn order_at(site: Site) -> Ordering {
    site.needs
}
