//! The orderings that the ring's protocol rests on, each with a name, so that its models can weaken one at a time.

use std::sync::atomic::Ordering;

/// One place where the order of memory accesses matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// What is done there.
    pub name: &'static str,
    /// The order it needs.
    pub needs: Ordering,
}

impl Site {
    const fn new(name: &'static str, needs: Ordering) -> Self {
        Self { name, needs }
    }

    /// The order to use: what it needs, but in a model of a broken ring.
    #[inline]
    pub(super) fn order(self) -> Ordering {
        crate::sync::order_at(self)
    }
}

macro_rules! sites {
    ($($(#[doc = $doc:literal])* $site:ident = $name:literal, $needs:ident;)*) => {
        $($(#[doc = $doc])* pub const $site: Site = Site::new($name, Ordering::$needs);)*
        /// All of them.
        pub const ALL: &[Site] = &[$($site),*];
    };
}

sites! {
    /// The writer makes a slot known to readers.
    HEAD_PUBLISH = "head, stored by publish", Release;
    /// A lossless reader is about to look into a slot.
    PEEK_HEAD = "head, loaded by peek", Acquire;
    /// A skipping reader is about to pin the next slot.
    NEXT_HEAD = "head, loaded by take_next", Acquire;
    /// The writer lets a slot be pinned.
    STATE_PUBLISH = "state, stored by publish", Release;
    /// A skipping reader pins a slot.
    PIN = "state, exchanged by a pin", Acquire;
    /// A skipping reader lets a slot go.
    UNPIN = "state, lowered by an unpin", Release;
    /// The writer takes a slot that nobody pins.
    CLAIM = "state, exchanged by claim", Acquire;
    /// A lossless reader gives slots back.
    RELEASE = "cursor, stored by release", Release;
    /// A lossless reader goes, and gives back all it held.
    DETACH = "cursor, stored by a reader that goes", Release;
    /// A lossless reader looks whether more will come.
    CLOSED_LOAD = "closed, loaded by available", Acquire;
    /// Between publishing or closing, and looking who sleeps.
    WAKE_FENCE = "fence before waking", SeqCst;
    /// Between saying who sleeps, and looking what was published.
    WAIT_FENCE = "fence before sleeping", SeqCst;
}
