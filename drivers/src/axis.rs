//! The axis contract: what everything that drives motors and stages does, and nothing of how.
//!
//! What is behind one port is a [`Controller`] with its [axes](Controller::axes), and one thread drives it. That thread asks where they are
//! many times a second; so no call waits for a motion to end, and each answers or fails within the deadlines of its few requests.
//!
//! Motions are absolute. A relative request that was sent twice, or whose answer was lost, goes twice as far; an absolute one does not, and
//! its end is known before it begins, which is what limits are checked against. So the engine makes steps and drives out of absolute
//! motions. Limits here are those of the device, or narrower by the rig; whoever sends an axis somewhere asks the engine, which has limits
//! of its own in front of it.
//!
//! A driver author reads this file, copies [`axes::zaber`](crate::axes::zaber), adds one line to [`crate::CONTROLLERS`] and runs
//! [`conformance::axes`](crate::conformance::axes) (`beadscope drivers check NAME`).

mod config;
mod error;
pub(crate) mod number;

pub use config::{AxisConfig, ControllerConfig, Scale};
pub use error::AxisError;
pub use number::finite;

use crate::microscope::stage;
use crate::simulators::Device;

/// In what an axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AxisUnit {
    /// Nanometres.
    Nm,
    /// Micrometres.
    Um,
    /// Millimetres.
    Mm,
    /// Whole turns.
    Turns,
}

impl AxisUnit {
    /// As it is written behind a number.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Nm => "nm",
            Self::Um => "µm",
            Self::Mm => "mm",
            Self::Turns => "turns",
        }
    }

    /// What one of it is in nm; `None` of turns.
    pub fn nm(self) -> Option<f64> {
        match self {
            Self::Nm => Some(1.0),
            Self::Um => Some(1e3),
            Self::Mm => Some(1e6),
            Self::Turns => None,
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
    /// What else it can.
    pub can: Abilities,
}

/// What an axis can besides being sent somewhere, read and stopped. What is not here is not offered, so nobody has to answer it with a
/// dummy.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Abilities {
    /// It finds its reference by itself.
    pub home: bool,
    /// Least and greatest speed that it takes, units per second; `None` if it has one of its own only.
    pub speed: Option<[f64; 2]>,
    /// Least and greatest acceleration that it takes, units per second squared.
    pub acceleration: Option<[f64; 2]>,
}

/// Where an axis is.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct AxisState {
    /// Its position, in its unit. It means nothing while the axis is not referenced.
    pub position: f64,
    /// It is on its way, or has not settled yet.
    pub is_moving: bool,
    /// Its position counts from its reference. `false` after power came back, until it was homed; a stage that measures where it is has its
    /// reference always.
    pub is_referenced: bool,
    /// What the device complains about.
    pub alarm: Option<Alarm>,
}

impl AxisState {
    /// Resting or moving, with nothing to complain about.
    pub fn at(position: f64, is_moving: bool) -> Self {
        Self { position, is_moving, is_referenced: true, alarm: None }
    }
}

/// Why an axis does not do what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Alarm {
    /// It lost steps, or its motor does not turn.
    Stalled,
    /// It ran into the switch at an end.
    AtLimitSwitch,
    /// Its motor is switched off: an emergency button, a servo that is off, too much current.
    MotorOff,
    /// Too hot, or its supply is out of range.
    Supply,
    /// Something else that its front panel or its manual tells.
    Other,
}

impl std::fmt::Display for Alarm {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(match self {
            Self::Stalled => "it stalled and has lost its position: free it, then home it",
            Self::AtLimitSwitch => "it ran into the switch at its end: drive it back, then home it",
            Self::MotorOff => "its motor or servo is off: a motion may switch it on, else look at the emergency button and the controller",
            Self::Supply => "too hot, or its supply is out of range: look at the controller",
            Self::Other => "it reports a fault: look at the controller",
        })
    }
}

/// One kind of controller: opens those in the rig, and pretends to be one. Drivers are listed in [`crate::CONTROLLERS`].
pub trait ControllerDriver: Sync {
    /// The name that `rig.toml` calls this driver by: lower case, one word.
    fn name(&self) -> &'static str;

    /// Which devices it drives, in a line.
    fn about(&self) -> &'static str;

    /// A complete, commented `[[motors.controllers]]` table without its name (its axes are `[[axes]]` here) and without `port`.
    fn example(&self) -> &'static str;

    /// Opens the controller and asks for all its axes. Nothing moves.
    ///
    /// # Errors
    /// [`AxisError::Settings`] if the table is not for this driver, otherwise why it cannot be opened or does not answer as it should.
    fn open(&self, config: &ControllerConfig) -> Result<Box<dyn Controller>, AxisError>;

    /// A device that speaks this protocol, with these axes. Those that a simulated microscope has under the same name move it.
    ///
    /// # Errors
    /// [`AxisError::Settings`] if the table is not for this driver.
    fn simulate(
        &self,
        config: &ControllerConfig,
        stage: Option<&stage::Shared>,
    ) -> Result<Box<dyn Device>, AxisError>;
}

/// An open controller. `axis` counts in [`axes`](Self::axes) from 0.
pub trait Controller: Send {
    /// Its axes, in the order of the rig.
    fn axes(&self) -> &[AxisInfo];

    /// Where an axis is now.
    ///
    /// # Errors
    /// If the device does not answer, or what comes is no answer.
    fn read(&mut self, axis: usize) -> Result<AxisState, AxisError>;

    /// Sends it to a position, from wherever it is, also if it moves. It returns at once.
    ///
    /// # Errors
    /// [`AxisError::OutOfRange`] beyond its limits, otherwise if the device refuses or does not answer.
    fn move_to(&mut self, axis: usize, target: f64) -> Result<(), AxisError>;

    /// Brings it to rest, with its acceleration. It is sent also while the device does not answer.
    ///
    /// # Errors
    /// If the device does not answer.
    fn stop(&mut self, axis: usize) -> Result<(), AxisError>;

    /// Brings all axes to rest as fast as they can, in as few bytes as the device allows. It is sent also while the device does not answer.
    ///
    /// # Errors
    /// If it cannot be sent; the device may not confirm it.
    fn emergency_stop(&mut self) -> Result<(), AxisError>;

    /// Has it look for its reference. It returns at once; the axis is referenced when it rests again.
    ///
    /// # Errors
    /// [`AxisError::Unsupported`] if it [cannot](Abilities::home), otherwise as for a motion.
    fn home(&mut self, axis: usize) -> Result<(), AxisError> {
        Err(self.cannot(axis, "look for its reference"))
    }

    /// Sets the speed of motions to come, in units per second; what the device has now is returned.
    ///
    /// # Errors
    /// [`AxisError::Unsupported`] if it [cannot](Abilities::speed), otherwise if the device refuses or does not answer.
    fn set_speed(&mut self, axis: usize, speed: f64) -> Result<f64, AxisError> {
        let _ = speed;
        Err(self.cannot(axis, "be given a speed"))
    }

    /// Sets the acceleration of motions to come, in units per second squared; what the device has now is returned.
    ///
    /// # Errors
    /// [`AxisError::Unsupported`] if it [cannot](Abilities::acceleration), otherwise if the device refuses or does not answer.
    fn set_acceleration(&mut self, axis: usize, acceleration: f64) -> Result<f64, AxisError> {
        let _ = acceleration;
        Err(self.cannot(axis, "be given an acceleration"))
    }

    /// Gets into step again after a fault and makes sure that the same device answers; the port is opened again only where it must be
    /// ([`Link::recover`](crate::link::Link::recover)). Positions are unknown until they are read.
    ///
    /// # Errors
    /// Why not yet.
    fn reconnect(&mut self) -> Result<(), AxisError>;

    /// Gives an axis the speed and acceleration of its table, where that says any; for [`ControllerDriver::open`].
    ///
    /// # Errors
    /// As [`set_speed`](Self::set_speed) and [`set_acceleration`](Self::set_acceleration).
    fn give_rates(&mut self, axis: usize, config: &AxisConfig) -> Result<(), AxisError> {
        config.speed.map_or(Ok(()), |speed| self.set_speed(axis, speed).map(drop))?;
        config.acceleration.map_or(Ok(()), |acceleration| self.set_acceleration(axis, acceleration).map(drop))
    }

    /// The error of an axis that is asked for what it cannot do.
    fn cannot(&self, axis: usize, what: &'static str) -> AxisError {
        AxisError::Unsupported { axis: self.axes()[axis].name.clone(), what }
    }
}
