//! A lab's own controller: one stepper behind an imagined line protocol. `P` is answered with a position in µm and whether it moves (`P 1250.0 R`),
//! `G 1500` sends it there (`OK`, or `NO` where it does not go), `S` stops it (`OK`).
//!
//! The driver and its simulated device are this one file; `cargo run -p custom_axis` checks the one on the other. A program with drivers of its
//! own passes its list to `Instrument::open`, as `main.rs` of Beadscope passes `CONTROLLERS`. Where the protocol is as simple as this one, the
//! driver `described` needs no Rust at all.

mod device;

use beadscope_drivers::axis::{
    Abilities, AxisError, AxisInfo, AxisState, Controller, ControllerConfig, ControllerDriver, Scale, finite,
};
use beadscope_drivers::link::{Line, Link};
use beadscope_drivers::microscope::stage::Shared;
use beadscope_drivers::simulators::Device;

/// µm that the controller goes to.
const WAY_UM: [f64; 2] = [0.0, 20_000.0];

/// The driver.
struct Homemade;

impl ControllerDriver for Homemade {
    fn name(&self) -> &'static str {
        "homemade"
    }

    fn about(&self) -> &'static str {
        "the stepper on our magnets"
    }

    fn example(&self) -> &'static str {
        "driver = \"homemade\"\n[[axes]]\nname = \"magnet_height\"\nunit = \"mm\"\ncounts_per_unit = 1000\n"
    }

    fn open(&self, config: &ControllerConfig) -> Result<Box<dyn Controller>, AxisError> {
        let [axis] = config.axes.as_slice() else {
            return Err(AxisError::Settings("this controller has one axis".to_owned()));
        };
        let scale = axis.scale(None)?;
        let info = AxisInfo {
            name: axis.name.clone(),
            unit: axis.unit,
            limits: axis.limits(scale, WAY_UM)?,
            can: Abilities::default(),
        };
        let link = Link::open(config, Line { baud: 9600, rts_cts: false })?;
        let mut stepper = Stepper { link, scale, axes: [info] };
        stepper.read(0)?;
        Ok(Box::new(stepper))
    }

    fn simulate(
        &self,
        config: &ControllerConfig,
        stage: Option<&Shared>,
    ) -> Result<Box<dyn Device>, AxisError> {
        Ok(Box::new(device::Stepper::new(config, stage)?))
    }
}

/// The open controller.
struct Stepper {
    link: Link,
    scale: Scale,
    axes: [AxisInfo; 1],
}

impl Stepper {
    fn order(&mut self, request: &str) -> Result<(), AxisError> {
        let is_done = self.link.ask_until(request.as_bytes(), b"\n", |line| match line {
            b"OK" => Some(true),
            b"NO" => Some(false),
            _ => None,
        })?;
        if is_done {
            Ok(())
        } else {
            Err(self.link.refused(request.as_bytes(), "NO", "it does not go there"))
        }
    }
}

/// `P 1250.0 R`: a position, and R for resting or M for moving.
fn position(line: &[u8]) -> Option<(f64, bool)> {
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    if words.next()? != "P" {
        return None;
    }
    let um = finite(words.next()?)?;
    match (words.next()?, words.next()) {
        ("R", None) => Some((um, false)),
        ("M", None) => Some((um, true)),
        _ => None,
    }
}

impl Controller for Stepper {
    fn axes(&self) -> &[AxisInfo] {
        &self.axes
    }

    fn read(&mut self, _axis: usize) -> Result<AxisState, AxisError> {
        let (um, is_moving) = self.link.ask_until(b"P\n", b"\n", position)?;
        Ok(AxisState::at(self.scale.unit_from_count(um), is_moving))
    }

    fn move_to(&mut self, axis: usize, target: f64) -> Result<(), AxisError> {
        self.axes[axis].check(target)?;
        self.order(&format!("G {:.1}\n", self.scale.count_from_unit(target)))
    }

    fn stop(&mut self, _axis: usize) -> Result<(), AxisError> {
        match self.order("S\n") {
            // It is sent all the same: it may still hear us.
            Err(error) if error.is_fault() => self.link.send_regardless(b"S\n").and(Err(error)),
            done => done,
        }
    }

    fn emergency_stop(&mut self) -> Result<(), AxisError> {
        self.link.send_regardless(b"S\n")?;
        self.link.wait_for_silence()
    }

    fn reconnect(&mut self) -> Result<(), AxisError> {
        self.link.recover()?;
        // An answer of this protocol does not say which question it answers. So one that is late is waited for and thrown away: the next would
        // be taken for it, and that for the one after it.
        self.link.listen(self.link.deadline(), |received| {
            received.clear();
            None::<()>
        })?;
        self.read(0).map(drop)
    }
}

#[cfg(unix)]
fn main() -> anyhow::Result<()> {
    for check in check()? {
        match check.outcome {
            Ok(seen) => eprintln!("ok      {}: {seen}", check.name),
            Err(wrong) => anyhow::bail!("{}: {wrong}", check.name),
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn main() {
    eprintln!("this system has no pseudo-terminals for the simulated device; Linux and macOS do");
}

/// The driver on its simulated device.
#[cfg(unix)]
fn check() -> anyhow::Result<Vec<beadscope_drivers::conformance::Check>> {
    use beadscope_drivers::conformance::axes::check_controller;
    use beadscope_drivers::simulators::Simulation;

    let port = std::env::temp_dir().join(format!("custom_axis-{}", std::process::id()));
    let config = ControllerConfig {
        port: port.to_string_lossy().into_owned(),
        ..ControllerConfig::from_toml(Homemade.example())?
    };
    let simulation = Simulation::start(Homemade.simulate(&config, None)?, &port)?;
    let checks = check_controller(&Homemade, &config, 0.1, true);
    drop(simulation);
    Ok(checks)
}

#[cfg(all(test, unix))]
mod tests {
    #[test]
    fn the_driver_keeps_the_contract() {
        let checks = super::check().unwrap();
        assert!(checks.len() > 10 && checks.iter().all(|check| check.outcome.is_ok()), "{checks:?}");
    }
}
