//! Memory for frame records, in pages, so that it can be written to disk as it is.

use super::layout::ALIGN;

/// A page of memory that is aligned as O_DIRECT asks.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(4096))]
struct Page([u8; ALIGN]);

/// Frame records of one shard, in order.
pub(super) struct Block {
    pages: Box<[Page]>,
    used: usize,
    /// Frames in it.
    pub(super) frames: u64,
}

impl Block {
    /// An empty block. Its memory is touched here, so that filling it causes no page faults.
    pub(super) fn new(bytes: usize) -> Self {
        let pages = vec![Page([1; ALIGN]); bytes.div_ceil(ALIGN)].into_boxed_slice();
        Self { pages, used: 0, frames: 0 }
    }

    /// Room for a record of `bytes`, a multiple of [`ALIGN`]; `None` if it does not fit.
    pub(super) fn add(&mut self, bytes: usize) -> Option<&mut [u8]> {
        let from = self.used;
        let room = bytemuck::cast_slice_mut(&mut self.pages).get_mut(from..from + bytes)?;
        self.used += bytes;
        self.frames += 1;
        Some(room)
    }

    /// Bytes that it has room for.
    pub(super) fn room(&self) -> usize {
        self.pages.len() * ALIGN - self.used
    }

    /// The records.
    pub(super) fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.pages)[..self.used]
    }

    /// Empties it.
    pub(super) fn clear(&mut self) {
        self.used = 0;
        self.frames = 0;
    }
}
