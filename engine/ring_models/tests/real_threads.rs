//! The ring with the standard library's threads and its own tests, in a crate that needs nothing else: Miri and
//! ThreadSanitizer build it in a minute (`scripts/sanitize`).

#![allow(dead_code, unused_imports, reason = "the ring's tests do not use all that it offers")]

#[path = "../../src/ring/mod.rs"]
mod ring;
#[path = "../../src/sync.rs"]
mod sync;
