//! From a rig to controllers that are open, and to devices that are only simulated.

use std::path::PathBuf;
use std::time::Duration;

use beadscope_drivers::axes::simulated::Simulated;
use beadscope_drivers::axis::{AxisError, Controller as _, ControllerConfig, ControllerDriver};
use beadscope_drivers::camera::Camera;
use beadscope_drivers::find_controller;
use beadscope_drivers::microscope::stage::Shared;
#[cfg(unix)]
use beadscope_drivers::simulators::Simulation;
use serde::{Deserialize, Serialize};

use super::OpenController;
use crate::magnets::{MagnetError, MagnetModel, MagnetsSection};

/// How often the motors of a simulated microscope are asked where they are: as often as MagScope does.
const POLL_HZ: f64 = 20.0;
/// The port of a device that is simulated.
const SIMULATED: &str = "simulated";

/// `[motors]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MotorsSection {
    /// How often each axis is asked where it is, Hz.
    pub poll_hz: f64,
    /// What is connected; a simulated microscope without any brings its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub controllers: Vec<ControllerConfig>,
}

impl Default for MotorsSection {
    fn default() -> Self {
        Self { poll_hz: POLL_HZ, controllers: Vec::new() }
    }
}

/// Why motors cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum MotorsError {
    /// No driver of this name.
    #[error("no driver of motors is called {asked:?}; there are: {offered}")]
    NoDriver {
        /// The name in the rig.
        asked: String,
        /// The names there are.
        offered: String,
    },
    /// Two axes of one name.
    #[error("two axes are called {0}; each needs a name of its own")]
    Twice(String),
    /// A controller refused, or does not answer.
    #[error(transparent)]
    Axis(#[from] AxisError),
    /// The force of the magnets cannot be known.
    #[error(transparent)]
    Magnets(#[from] MagnetError),
    /// A simulated device could not be started.
    #[error("the simulated {driver} could not be started: {reason}")]
    Simulation {
        /// Its driver.
        driver: String,
        /// What the system says.
        reason: String,
    },
}

/// Motors that are open.
#[derive(Default)]
pub struct Motors {
    /// Each controller.
    pub controllers: Vec<OpenController>,
    /// Those of them that are simulated.
    pub simulations: Simulations,
    /// The force of the magnets among them, if anybody has said it.
    pub magnets: Option<MagnetModel>,
}

/// Simulated devices that run as long as this does.
#[derive(Default)]
pub struct Simulations {
    #[cfg(unix)]
    running: Vec<Simulation>,
}

impl Motors {
    /// Opens what the rig names; without any, the motors of the simulated microscope that this camera looks at.
    ///
    /// # Errors
    /// The first controller that cannot be opened, with what to do.
    pub fn open(
        section: &MotorsSection,
        magnets: &MagnetsSection,
        drivers: &[&dyn ControllerDriver],
        camera: &dyn Camera,
    ) -> Result<Self, MotorsError> {
        let stage = camera.stage();
        let stage = stage.as_ref();
        let poll = Duration::from_secs_f64(1.0 / section.poll_hz);
        let mut model = MagnetModel::of(magnets)?;
        let simulated = camera.force_table();
        if model.is_none() && !simulated.is_empty() {
            let source = "the simulated microscope".to_owned();
            model = Some(MagnetModel::of_table(&simulated, source)?);
        }
        let mut motors = Self { magnets: model, ..Self::default() };
        if let (true, Some(stage)) = (section.controllers.is_empty(), stage) {
            let controller = Simulated::new(stage);
            let usual_speeds = controller.axes().iter().map(|axis| Some(axis.can.speed?[1])).collect();
            motors.controllers.push(OpenController { controller: Box::new(controller), usual_speeds, poll });
        }
        for config in &section.controllers {
            config.check()?;
            let driver = find_controller(drivers, &config.driver).ok_or_else(|| MotorsError::NoDriver {
                asked: config.driver.clone(),
                offered: drivers.iter().map(|driver| driver.name()).collect::<Vec<_>>().join(", "),
            })?;
            let controller = if config.port == SIMULATED {
                motors.simulate(driver, config, stage)?
            } else {
                driver.open(config)?
            };
            let usual_speeds = config.axes.iter().map(|axis| axis.speed).collect();
            motors.controllers.push(OpenController { controller, usual_speeds, poll });
        }
        let mut names = Vec::new();
        for open in &motors.controllers {
            for axis in open.controller.axes() {
                if names.contains(&axis.name) {
                    return Err(MotorsError::Twice(axis.name.clone()));
                }
                names.push(axis.name.clone());
            }
        }
        Ok(motors)
    }

    #[cfg(unix)]
    fn simulate(
        &mut self,
        driver: &dyn ControllerDriver,
        config: &ControllerConfig,
        stage: Option<&Shared>,
    ) -> Result<Box<dyn beadscope_drivers::axis::Controller>, MotorsError> {
        let running = &mut self.simulations.running;
        let failed = |error: std::io::Error| MotorsError::Simulation {
            driver: config.driver.clone(),
            reason: error.to_string(),
        };
        let device = driver.simulate(config, stage)?;
        let simulation = Simulation::start(device, &free_path(running.len())).map_err(failed)?;
        let port = simulation.path().to_string_lossy().into_owned();
        running.push(simulation);
        Ok(driver.open(&ControllerConfig { port, ..config.clone() })?)
    }

    #[cfg(not(unix))]
    fn simulate(
        &mut self,
        _driver: &dyn ControllerDriver,
        config: &ControllerConfig,
        _stage: Option<&Shared>,
    ) -> Result<Box<dyn beadscope_drivers::axis::Controller>, MotorsError> {
        let reason = "this system has no pseudo-terminals; Linux and macOS do".to_owned();
        Err(MotorsError::Simulation { driver: config.driver.clone(), reason })
    }
}

/// Where the port of a simulated device of this process is.
fn free_path(place: usize) -> PathBuf {
    std::env::temp_dir().join(format!("beadscope-{}-{place}", std::process::id()))
}
