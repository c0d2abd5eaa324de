//! What works on this machine, what does not, and what to do about it.

mod adapters;

use std::path::Path;
use std::time::Instant;

use beadscope_drivers::camera::CameraDriver;
use beadscope_drivers::ports::ask::who_answers;
use beadscope_drivers::ports::serial_ports;
use serde::Serialize;

use crate::video::disk_speed;

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// `cameras`, `ports`, `gpu`, `disk`, `clock` or `cpu`.
    pub area: &'static str,
    /// Whether it can be used.
    pub state: State,
    /// What was found.
    pub text: String,
    /// What to do, if something should be done.
    pub advice: Option<String>,
}

/// Whether something can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It works.
    Ok,
    /// It works, less well than it could.
    Warning,
    /// It does not work.
    Failed,
}

impl Finding {
    fn new(area: &'static str, state: State, text: impl Into<String>) -> Self {
        Self { area, state, text: text.into(), advice: None }
    }

    fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

/// Looks at cameras, ports, graphics adapters, the disk behind `folder`, the clock and the processor. It takes some seconds:
/// on each adapter simulated beads are tracked. With `ask_ports` it opens every port and asks who is there.
pub fn examine(drivers: &[&dyn CameraDriver], folder: &Path, ask_ports: bool) -> Vec<Finding> {
    let mut findings = vec![processor()];
    findings.extend(adapters::examine());
    findings.extend(cameras(drivers));
    findings.extend(ports(ask_ports));
    findings.push(disk(folder));
    findings.push(clock());
    findings
}

fn processor() -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let text = format!("{cores} cores for tracking, {}", std::env::consts::ARCH);
    if cores > 1 {
        Finding::new("cpu", State::Ok, text)
    } else {
        Finding::new("cpu", State::Warning, text)
            .advise("camera and tracking share one core; track fewer beads")
    }
}

fn cameras(drivers: &[&dyn CameraDriver]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for driver in drivers {
        for found in driver.list() {
            let text = format!("{}: {}", driver.name(), found.label);
            findings.push(match found.blocked {
                None => Finding::new("cameras", State::Ok, text),
                Some(why) => Finding::new("cameras", State::Failed, text).advise(why),
            });
        }
    }
    findings
}

fn ports(ask: bool) -> Vec<Finding> {
    let ports = serial_ports();
    if ports.is_empty() {
        return vec![Finding::new("ports", State::Ok, "no serial port")];
    }
    let describe = |port: beadscope_drivers::ports::PortListing| {
        let text = format!("{}: {}", port.name, port.description);
        match port.blocked {
            None if ask => ask_port(&port.name, &text),
            None => Finding::new("ports", State::Ok, text).advise("doctor --ask-ports asks who is there"),
            Some(why) => Finding::new("ports", State::Failed, text).advise(why),
        }
    };
    ports.into_iter().map(describe).collect()
}

fn ask_port(port: &str, text: &str) -> Finding {
    match who_answers(port) {
        Ok(Some((driver, answer))) => {
            let seen = format!("{text}; the driver {driver} is answered: {}", answer.escape_debug());
            Finding::new("ports", State::Ok, seen)
                .advise(format!("what a rig may say of it: beadscope drivers list {driver}"))
        }
        Ok(None) => Finding::new("ports", State::Warning, format!("{text}; nobody answers")).advise(
            "look at its power; a controller with another baud rate, or of another kind, is silent too",
        ),
        Err(reason) => Finding::new("ports", State::Failed, format!("{text}; {reason}"))
            .advise("is another program using it?"),
    }
}

/// Writes and syncs a file in the folder where runs go; it is gone afterwards.
fn disk(folder: &Path) -> Finding {
    match disk_speed::measure(folder) {
        Ok(bytes_per_s) => {
            let text = format!("{:.0} MB/s of video written in {}", bytes_per_s / 1e6, folder.display());
            Finding::new("disk", State::Ok, text)
        }
        Err(error) => {
            Finding::new("disk", State::Failed, format!("cannot write: {error}: {}", folder.display()))
                .advise("choose another [recording] folder, or free space")
        }
    }
}

/// The smallest step that the monotonic clock shows.
fn clock() -> Finding {
    let step = (0..1000).map(|_| {
        let start = Instant::now();
        let mut now = Instant::now();
        while now == start {
            now = Instant::now();
        }
        now - start
    });
    let step = step.min().unwrap_or_default();
    let text = format!("the monotonic clock steps by {} ns", step.as_nanos());
    if step.as_micros() < 10 {
        Finding::new("clock", State::Ok, text)
    } else {
        Finding::new("clock", State::Warning, text)
            .advise("arrival times are coarse; use the camera's own clock")
    }
}
