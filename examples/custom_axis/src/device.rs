//! The controller that is not there: bytes in, bytes out.

use beadscope_drivers::axis::{AxisError, ControllerConfig, Scale};
use beadscope_drivers::microscope::MotorSettings;
use beadscope_drivers::microscope::stage::Shared;
use beadscope_drivers::simulators::{Body, Device, Lines};

/// A stepper of 20 mm.
pub(super) struct Stepper {
    scale: Scale,
    body: [Body; 1],
    lines: Lines,
}

impl Stepper {
    pub(super) fn new(config: &ControllerConfig, stage: Option<&Shared>) -> Result<Self, AxisError> {
        let axis = &config.axes[0];
        let motor = MotorSettings {
            start: 5.0,
            limits: [0.0, 20.0],
            speed: 5.0,
            acceleration: 50.0,
            play: 0.0,
            lag_s: 0.0,
        };
        let body = Body::new(axis, &motor, stage)?;
        Ok(Self { scale: axis.scale(None)?, body: [body], lines: Lines::default() })
    }

    fn answer(&mut self, line: &str) -> String {
        let body = &mut self.body[0];
        match line.split_once(' ') {
            Some(("G", um)) => match um.parse() {
                Ok(um) if body.go(self.scale.unit_from_count(um)) => "OK\n".to_owned(),
                _ => "NO\n".to_owned(),
            },
            None if line == "P" => {
                let sign = if body.is_moving() { "M" } else { "R" };
                format!("P {:.1} {sign}\n", self.scale.count_from_unit(body.position()))
            }
            None if line == "S" => {
                body.stop();
                "OK\n".to_owned()
            }
            _ => "NO\n".to_owned(),
        }
    }
}

impl Device for Stepper {
    fn receive(&mut self, bytes: &[u8], reply: &mut Vec<u8>) {
        for line in self.lines.take(bytes, |byte| byte == b'\n') {
            reply.extend(self.answer(&line).bytes());
        }
    }

    fn bodies(&mut self) -> &mut [Body] {
        &mut self.body
    }
}
