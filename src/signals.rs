//! What SIGINT and SIGTERM ask: the first to stop, the second to stop soon. Where a run stops by itself, that was the first.
//! The recording is whole after both.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;

/// What was asked so far.
#[derive(Clone, Default)]
pub struct Signals {
    /// The session is to stop.
    pub stop: Arc<AtomicBool>,
    /// And the frames that wait are not to be located any more.
    pub hurry: Arc<AtomicBool>,
}

impl Signals {
    /// Listens from now on.
    pub fn listen() -> Result<Self> {
        let signals = Self::default();
        let asked = signals.clone();
        ctrlc::set_handler(move || {
            if asked.stop.swap(true, Ordering::Relaxed) {
                tracing::warn!("asked again to stop: frames that wait are recorded without positions");
                asked.hurry.store(true, Ordering::Relaxed);
            }
        })?;
        Ok(signals)
    }
}
