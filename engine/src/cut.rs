//! Where one recording ends and the next begins: the recorder and the video change over at the same frame, however far
//! behind each of them is.

use std::sync::{Arc, OnceLock};

/// The first frame behind the change. Both are told of it before it is known which frame that is, so neither has passed it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cut(Arc<OnceLock<u64>>);

impl Cut {
    /// It is this frame. Call it as soon as all are told, since they wait for it: the frame that reaches the ring next is one
    /// that none of them has taken.
    pub(crate) fn set(&self, frame: u64) {
        let _ = self.0.set(frame);
    }

    /// The first frame behind it.
    pub(crate) fn frame(&self) -> u64 {
        *self.0.wait()
    }
}

#[cfg(test)]
impl From<u64> for Cut {
    fn from(frame: u64) -> Self {
        Self(Arc::new(OnceLock::from(frame)))
    }
}
