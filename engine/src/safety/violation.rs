//! What is refused, and by which rule.

use beadscope_drivers::axis::{Alarm, AxisUnit};

/// The rules, in the order in which they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// After an emergency stop nothing moves until a person resumes.
    Emergency,
    /// An axis obeys whoever holds it.
    Owner,
    /// An axis that cannot be seen is not sent anywhere.
    Seen,
    /// An axis without reference is homed first.
    Referenced,
    /// An axis that stalled is homed first.
    Alarm,
    /// Soft limits.
    Limits,
    /// Limits that depend on another axis.
    Condition,
    /// Homing only where the rig allows it.
    Homing,
    /// A lock goes in small steps.
    LockStep,
    /// Not so many of them.
    LockPerMinute,
    /// No faster than the rig says, slower near the sample.
    Speed,
    /// Its zero is set while it rests.
    Rest,
}

/// Why a motion is refused. Nothing has moved.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Violation {
    /// Everything was stopped.
    #[error(
        "everything is stopped after an emergency stop; look what happened, then resume with axis.resume"
    )]
    Emergency,
    /// Somebody else has it.
    #[error(
        "{axis} is held by the {by}; wait for its end, stop it, or take it in the pane Motors of the window"
    )]
    Held {
        /// The axis.
        axis: String,
        /// Who holds it.
        by: &'static str,
    },
    /// Somebody has stopped it, and with that taken it from who moved it by itself.
    #[error("{axis} was taken from the {from}: somebody has stopped it")]
    Taken {
        /// The axis.
        axis: String,
        /// Who had it.
        from: &'static str,
    },
    /// Its zero is that of the rig.
    #[error(
        "only an axis that counts turns is called 0 by hand; that of {axis} is `zero` in its table of the rig"
    )]
    NoZero {
        /// The axis.
        axis: String,
    },
    /// Nobody knows where it is.
    #[error("{axis} does not answer, so nobody knows where it is: {why}")]
    Unseen {
        /// The axis.
        axis: String,
        /// What its controller said.
        why: String,
    },
    /// It has no reference.
    #[error("{axis} has no reference since its power came on; home it first (axis.home axis=\"{axis}\")")]
    NotReferenced {
        /// The axis.
        axis: String,
    },
    /// It has stalled.
    #[error("{axis}: {alarm}")]
    Alarm {
        /// The axis.
        axis: String,
        /// What its controller says.
        alarm: Alarm,
    },
    /// It does not go there.
    #[error("{axis} goes from {} to {} {}, not to {asked} (its limits in the rig and of the device)", .limits[0], .limits[1], .unit.symbol())]
    Limits {
        /// The axis.
        axis: String,
        /// Where it was sent.
        asked: f64,
        /// Where it may go.
        limits: [f64; 2],
        /// Its unit.
        unit: AxisUnit,
    },
    /// It does not go there now.
    #[error("{axis} does not go to {asked} {} while {other} may be where it is: {why} ([[safety.conditions]])", .unit.symbol())]
    Condition {
        /// The axis.
        axis: String,
        /// Where it was sent.
        asked: f64,
        /// Its unit.
        unit: AxisUnit,
        /// The axis that it depends on.
        other: String,
        /// What the rig says about it.
        why: String,
    },
    /// It is not to be homed.
    #[error("{axis} is not homed: {why}")]
    Homing {
        /// The axis.
        axis: String,
        /// Why not.
        why: String,
    },
    /// A lock wants too much at once.
    #[error("a lock may move {axis} by {most} {} at once, not by {asked}: lower its gain, or raise lock_step in [safety.axes]", .unit.symbol())]
    LockStep {
        /// The axis.
        axis: String,
        /// How far.
        asked: f64,
        /// How far it may.
        most: f64,
        /// Its unit.
        unit: AxisUnit,
    },
    /// A lock wants too much in a minute.
    #[error("a lock may move {axis} by {most} {} in a minute, and that is used up: look what drifts so far, or raise lock_per_minute in [safety.axes]", .unit.symbol())]
    LockPerMinute {
        /// The axis.
        axis: String,
        /// How far it may.
        most: f64,
        /// Its unit.
        unit: AxisUnit,
    },
    /// It moves.
    #[error("{axis} is on its way; wait until it rests, or stop it")]
    Moving {
        /// The axis.
        axis: String,
    },
    /// It cannot go at this speed.
    #[error("{axis} does not go at {asked} {}/s: {why}", .unit.symbol())]
    Speed {
        /// The axis.
        axis: String,
        /// How fast.
        asked: f64,
        /// Its unit.
        unit: AxisUnit,
        /// Why not.
        why: &'static str,
    },
}

impl Violation {
    /// The rule that refuses it.
    pub fn rule(&self) -> Rule {
        match self {
            Self::Emergency => Rule::Emergency,
            Self::Held { .. } | Self::Taken { .. } => Rule::Owner,
            Self::Unseen { .. } => Rule::Seen,
            Self::NotReferenced { .. } => Rule::Referenced,
            Self::Alarm { .. } => Rule::Alarm,
            Self::Limits { .. } => Rule::Limits,
            Self::Condition { .. } => Rule::Condition,
            Self::Homing { .. } => Rule::Homing,
            Self::LockStep { .. } => Rule::LockStep,
            Self::LockPerMinute { .. } => Rule::LockPerMinute,
            Self::Speed { .. } => Rule::Speed,
            Self::Moving { .. } | Self::NoZero { .. } => Rule::Rest,
        }
    }
}
