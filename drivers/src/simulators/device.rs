//! What every simulated device does.

use super::Body;

/// A controller as it looks from its port: bytes come, time passes, bytes go.
pub trait Device: Send {
    /// Bytes came, as they come: perhaps half of a request, perhaps three. What it answers is added to `reply`.
    fn receive(&mut self, bytes: &[u8], reply: &mut Vec<u8>);

    /// Time passes. What it says unasked is added to `reply`.
    fn pass(&mut self, dt_s: f64, reply: &mut Vec<u8>) {
        let _ = reply;
        self.bodies().iter_mut().for_each(|body| body.pass(dt_s));
    }

    /// What it moves, in the order of the rig.
    fn bodies(&mut self) -> &mut [Body];
}

/// Puts bytes together to lines.
#[derive(Default)]
pub struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Takes bytes; what `is_end` ends is a line, without its end. Empty lines are left out, and so is a line that never ends.
    pub fn take(&mut self, bytes: &[u8], is_end: impl Fn(u8) -> bool) -> Vec<String> {
        let mut lines = Vec::new();
        for byte in bytes {
            if is_end(*byte) {
                let line = std::mem::take(&mut self.rest);
                if !line.is_empty() {
                    lines.push(String::from_utf8_lossy(&line).into_owned());
                }
            } else if self.rest.len() < 1024 {
                self.rest.push(*byte);
            }
        }
        lines
    }
}
