//! The one place that every motion passes, whoever asks for it: rules between commands and motors.
//!
//! ```text
//! window · text · sweep · ramp · lock · network ── Order ──▶ hardware thread of the port ──▶ Guard ── asks ──▶ Gate (all axes)
//!                                                                                              └── only what it grants ──▶ Controller
//! ```
//!
//! What a rule forbids is refused, and the error names the rule; nothing is made to fit unless whoever asks wants it
//! (`axis.move clamp=true`). Stops pass always. `Gate` is bookkeeping without a device or a thread: for each axis the interval in which
//! it may be, from where it was seen and where it was sent. Conditions between two axes compare intervals, not positions, so they hold
//! also while both move, and an axis that nobody can see may be anywhere.

mod gate;
mod rehearse;
mod section;
#[cfg(test)]
mod tests;
mod violation;

pub(crate) use gate::{Gate, Leg, STARTED, Wish};
pub use rehearse::Rehearsed;
pub(crate) use rehearse::rehearse;
pub use section::{AxisRules, Condition, Near, SafetyError, SafetySection};
pub use violation::{Rule, Violation};
