//! The axis contract: what every motor and stage does, and nothing of how.
//!
//! Axes are driven by one thread, which asks where they are many times a second; so no call waits for a motion to end. Limits here are
//! those of the device; whoever sends an axis somewhere asks the engine, which has limits of its own in front of it.

/// In what an axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AxisUnit {
    /// Millimetres.
    Mm,
    /// Nanometres.
    Nm,
    /// Whole turns.
    Turns,
}

impl AxisUnit {
    /// As it is written behind a number.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Mm => "mm",
            Self::Nm => "nm",
            Self::Turns => "turns",
        }
    }
}

/// What an axis is.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct AxisInfo {
    /// What commands call it: lower case, `magnet_height`, `magnet_turns`, `focus`.
    pub name: String,
    /// In what it counts.
    pub unit: AxisUnit,
    /// Least and greatest position that the device goes to.
    pub limits: [f64; 2],
}

/// Where an axis is.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct AxisState {
    /// Its position, in its unit.
    pub position: f64,
    /// It is on its way.
    pub is_moving: bool,
}

/// An open axis.
pub trait Axis: Send {
    /// What it is.
    fn info(&self) -> &AxisInfo;

    /// Where it is now.
    ///
    /// # Errors
    /// If the device does not answer.
    fn read(&mut self) -> Result<AxisState, AxisError>;

    /// Sends it to a position, from wherever it is, also if it moves. It returns at once.
    ///
    /// # Errors
    /// If the device refuses; it stays as it is then.
    fn move_to(&mut self, target: f64) -> Result<(), AxisError>;

    /// Brings it to rest as fast as it can.
    ///
    /// # Errors
    /// If the device does not answer.
    fn stop(&mut self) -> Result<(), AxisError>;
}

/// What went wrong with an axis.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AxisError {
    /// It does not go there.
    #[error("{axis} goes from {} to {} {}, not to {asked}", .limits[0], .limits[1], .unit.symbol())]
    OutOfRange {
        /// Its name.
        axis: String,
        /// Where it was sent.
        asked: f64,
        /// Where it goes.
        limits: [f64; 2],
        /// In what.
        unit: AxisUnit,
    },
    /// The device is gone, or does not answer. Look at its cable and power.
    #[error("{axis} does not answer: {reason}")]
    Silent {
        /// Its name.
        axis: String,
        /// What happened.
        reason: String,
    },
}
