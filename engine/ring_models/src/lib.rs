//! The ring of `beadscope-engine`, the very same files, on [loom](https://docs.rs/loom), which runs small programs in
//! every order in which their threads can meet, with every value that a load may return under the C11 memory model.
//! `tests/models.rs` has those programs, one for each promise of the ring.
//!
//! Nothing here is part of Beadscope. There is no `cfg`: the ring takes its atomics from `crate::sync`, and here that is
//! loom's.

#[path = "../../src/ring/mod.rs"]
pub mod ring;
mod sync;

pub use sync::BREAK;
