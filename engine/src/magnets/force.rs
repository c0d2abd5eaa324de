//! Forces asked of the magnets: gone to, and ramped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use serde::Serialize;

use super::MAGNET_HEIGHT;
use super::model::{Force, MagnetError, MagnetModel};
use super::ramp::{Ramp, RampState};
use crate::clock::Clock;
use crate::command::Sender;
use crate::hardware::{AxisReading, AxisUnit, HardwareError, HardwareHandle, Order, Submitted};
use crate::safety::Wish;
use crate::session::spawn;
use crate::status::Status;

/// Why a force is not had. Nothing moves then.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ForceError {
    /// Nobody has said what the magnets do.
    #[error("the force of the magnets is not known; say it in [magnets] of the rig")]
    NoModel,
    /// There are no magnets to move.
    #[error("there is no axis magnet_height in mm that answers; name it so in [[motors.controllers.axes]]")]
    NoMagnets,
    /// Nobody has calibrated that.
    #[error(transparent)]
    Magnet(#[from] MagnetError),
    /// The magnets do not move.
    #[error(transparent)]
    Hardware(#[from] HardwareError),
    /// They would have to go faster than they may.
    #[error(
        "at {rate_pn_per_s} pN/s the magnets would have to go at {needed:.3} mm/s, at {at_pn:.2} pN; they go at {most:.3} mm/s there"
    )]
    TooFast {
        /// What was asked, pN/s.
        rate_pn_per_s: f64,
        /// The fastest that it takes, mm/s.
        needed: f64,
        /// At which force, pN.
        at_pn: f64,
        /// How fast they may go there, mm/s.
        most: f64,
    },
    /// Where it begins is not known.
    #[error(
        "the magnets are where nobody has calibrated their force; go to a force from {least:.3} to {greatest:.3} pN first"
    )]
    Beyond {
        /// Least force, pN.
        least: f64,
        /// Greatest force, pN.
        greatest: f64,
    },
    /// One at a time.
    #[error("a ramp runs; end it with force.stop")]
    Running,
    /// There is none to end.
    #[error("no ramp runs")]
    NotRunning,
    /// The system refuses a thread.
    #[error("the ramp could not be started: {0}")]
    Thread(String),
}

/// What is known of the force now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ForceState {
    /// From what it is known.
    pub source: String,
    /// Least and greatest force that was calibrated, pN.
    pub range_pn: [f64; 2],
    /// The force now; `None` if the magnets do not answer.
    pub force: Option<Force>,
    /// The ramp that runs, or ran last.
    pub ramp: Option<RampState>,
}

/// What ramps need.
pub(crate) struct RampParts {
    pub(crate) status: Arc<Status>,
    pub(crate) hardware: HardwareHandle,
    pub(crate) clock: Clock,
    pub(crate) model: Option<MagnetModel>,
}

/// Forces of a session.
#[derive(Clone)]
pub(crate) struct Forces {
    parts: Arc<RampParts>,
    ramp: Arc<Mutex<Option<RampState>>>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Forces {
    pub(crate) fn new(parts: RampParts) -> Self {
        Self { parts: Arc::new(parts), ramp: Arc::default(), thread: Arc::default() }
    }

    fn model(&self) -> Result<&MagnetModel, ForceError> {
        self.parts.model.as_ref().ok_or(ForceError::NoModel)
    }

    fn ramp(&self) -> MutexGuard<'_, Option<RampState>> {
        self.ramp.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known now; `None` if nobody has said what the magnets do.
    pub(crate) fn state(&self) -> Option<ForceState> {
        let model = self.parts.model.as_ref()?;
        let force =
            magnets(&self.parts.hardware).and_then(|magnets| Some(model.force(magnets.state?.position)));
        let (source, range_pn) = (model.source.clone(), model.forces_pn());
        Some(ForceState { source, range_pn, force, ramp: self.ramp().clone() })
    }

    /// Sends the magnets to where their force is that. It waits for nobody.
    pub(crate) fn go(&self, sender: Sender, force_pn: f64) -> Result<Submitted, ForceError> {
        let to = self.model()?.height_mm(force_pn)?;
        // Heights are in mm, and nothing else is.
        magnets(&self.parts.hardware).ok_or(ForceError::NoMagnets)?;
        let wish = Wish::Move { to, speed: None, clamp: false };
        Ok(self.parts.hardware.submit(sender, Order::Wish { axis: MAGNET_HEIGHT.to_owned(), wish })?)
    }

    /// Begins to change the force from what it is, so much in a second.
    pub(crate) fn begin_ramp(&self, to_pn: f64, rate_pn_per_s: f64) -> Result<(), ForceError> {
        let mut last = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if self.parts.status.is_stopping() {
            return Err(HardwareError::Ended.into());
        }
        let mut running = self.ramp();
        if running.as_ref().is_some_and(|ramp| ramp.is_running) {
            return Err(ForceError::Running);
        }
        let ramp =
            Ramp::new(self.parts.clone(), self.ramp.clone(), self.model()?.clone(), to_pn, rate_pn_per_s)?;
        *running = Some(ramp.first_state());
        let hardware = &self.parts.hardware;
        hardware
            .ask(Sender::Ramp, Order::Take { axis: MAGNET_HEIGHT.to_owned() })
            .inspect_err(|_| *running = None)?;
        drop(running);
        let thread = spawn("beadscope-ramp", &self.parts.status, move |_| ramp.run());
        // The one before has ended.
        *last = Some(thread.map_err(|error| {
            *self.ramp() = None;
            let _ = hardware.ask(Sender::Ramp, Order::Release { axis: MAGNET_HEIGHT.to_owned() });
            ForceError::Thread(error.to_string())
        })?);
        Ok(())
    }

    /// Waits for the end of a ramp, once the session is asked to end.
    pub(crate) fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A panic was caught in the thread and is the end reason already.
        let _ = thread.map(JoinHandle::join);
    }

    /// Ends the ramp; the magnets stay where they are.
    pub(crate) fn end_ramp(&self) -> Result<(), ForceError> {
        let mut ramp = self.ramp();
        match ramp.as_mut().filter(|ramp| ramp.is_running) {
            Some(ramp) => {
                ramp.is_cancelled = true;
                Ok(())
            }
            None => Err(ForceError::NotRunning),
        }
    }
}

/// Where the magnets are, if they count in mm.
pub(super) fn magnets(hardware: &HardwareHandle) -> Option<AxisReading> {
    let is_magnets = |axis: &AxisReading| axis.info.name == MAGNET_HEIGHT && axis.info.unit == AxisUnit::Mm;
    hardware.readings().into_iter().find(is_magnets)
}
