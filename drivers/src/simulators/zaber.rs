//! Zaber devices with an axis each, in a chain, as the Zaber ASCII Protocol Manual (firmware 7) describes them.

use super::{Body, Device, Lines};
use crate::axes::zaber::{ACCELERATION, SPEED, address, check_sum};
use crate::axis::{AxisConfig, AxisError, ControllerConfig, Scale};
use crate::microscope::settings::MotorSettings;
use crate::microscope::stage::Shared;

/// A simulated chain.
pub struct Zaber {
    motors: Vec<Motor>,
    bodies: Vec<Body>,
    lines: Lines,
}

struct Motor {
    device: u8,
    axis: u8,
    scale: Scale,
    is_linear: bool,
    /// Where the device's own limits are, in microsteps; they can be set.
    limits: [f64; 2],
    /// What the device was told to say, like its other axes: that a motion is over, and checksums.
    alerts: bool,
    checksums: bool,
    was_moving: bool,
}

impl Zaber {
    /// A chain with the axes of a rig.
    ///
    /// # Errors
    /// [`AxisError::Settings`] if the table is not for these motors.
    pub fn new(config: &ControllerConfig, stage: Option<&Shared>) -> Result<Self, AxisError> {
        let mut zaber = Self { motors: Vec::new(), bodies: Vec::new(), lines: Lines::default() };
        for axis in &config.axes {
            let scale = axis.scale(None)?;
            let body = Body::new(axis, &own_motor(axis), stage)?;
            let [one, other] = body.limits().map(|limit| scale.count_from_unit(limit).round());
            let address = address(&axis.at)?;
            let (device, number) = address.split_once(' ').unwrap_or_default();
            zaber.motors.push(Motor {
                device: device.parse().unwrap_or_default(),
                axis: number.parse().unwrap_or_default(),
                scale,
                is_linear: axis.unit.nm().is_some(),
                limits: [one.min(other), one.max(other)],
                alerts: false,
                checksums: false,
                was_moving: false,
            });
            zaber.bodies.push(body);
        }
        Ok(zaber)
    }

    fn line(&mut self, line: &str, reply: &mut Vec<u8>) {
        // A message whose checksum is wrong is ignored (manual, "Checksumming").
        let Some(line) = line.strip_prefix('/').and_then(check_sum) else { return };
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let mut number = || match words.first().and_then(|word| word.parse::<u8>().ok()) {
            Some(number) => {
                words.remove(0);
                number
            }
            None => 0,
        };
        let (device, axis) = (number(), number());
        // A third number is a message id, which is sent back.
        let id = words.first().and_then(|word| word.parse::<u8>().ok());
        let words = if id.is_some() { &words[1..] } else { &words[..] };
        let id = id.map_or(String::new(), |id| format!(" {id:02}"));
        let mut devices: Vec<u8> = self.motors.iter().map(|motor| motor.device).collect();
        devices.dedup();
        for there in devices.into_iter().filter(|there| device == 0 || device == *there) {
            let motors: Vec<usize> =
                (0..self.motors.len()).filter(|place| self.motors[*place].device == there).collect();
            let asked: Vec<usize> = motors
                .iter()
                .copied()
                .filter(|place| axis == 0 || self.motors[*place].axis == axis)
                .collect();
            let (is_ok, data) = if asked.is_empty() {
                (false, "BADAXIS".to_owned())
            } else {
                self.command(&asked, axis == 0, words)
            };
            let shown = if asked.is_empty() { &motors } else { &asked };
            let is_busy = shown.iter().any(|place| self.bodies[*place].is_moving());
            let flags: Vec<&str> = shown.iter().flat_map(|place| self.flags(*place)).collect();
            let text = format!(
                "{there:02} {axis}{id} {} {} {} {data}",
                if is_ok { "OK" } else { "RJ" },
                if is_busy { "BUSY" } else { "IDLE" },
                flags.first().unwrap_or(&"--"),
            );
            say('@', &text, self.motors[motors[0]].checksums, reply);
        }
    }

    fn flags(&self, place: usize) -> Vec<&'static str> {
        let body = &self.bodies[place];
        let flags = [(body.has_stalled, "FS"), (!body.is_referenced, "WR"), (!body.is_referenced, "WH")];
        flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag).collect()
    }

    /// What a device does, and its data or why it rejects.
    fn command(&mut self, places: &[usize], whole_device: bool, words: &[&str]) -> (bool, String) {
        let rejected = |why: &str| (false, why.to_owned());
        let done = || (true, "0".to_owned());
        match words {
            [] => done(),
            ["stop"] => self.each(places, Body::stop),
            ["estop"] => self.each(places, Body::halt),
            ["home"] => self.each(places, Body::home),
            ["warnings"] => {
                let flags: Vec<&str> = places.iter().flat_map(|place| self.flags(*place)).collect();
                (
                    true,
                    std::iter::once(format!("{:02}", flags.len()))
                        .chain(flags.iter().map(|flag| (*flag).to_owned()))
                        .collect::<Vec<_>>()
                        .join(" "),
                )
            }
            ["warnings", "clear"] => {
                let data = self.command(places, whole_device, &["warnings"]).1;
                places.iter().for_each(|place| self.bodies[*place].has_stalled = false);
                (true, data)
            }
            ["tools", "echo", echoed @ ..] => (true, echoed.join(" ")),
            ["move", "abs" | "rel" | "min" | "max" | "vel", ..] => {
                let moved: Vec<_> = places.iter().map(|place| self.travel(*place, &words[1..])).collect();
                moved.into_iter().find(|(is_ok, _)| !is_ok).unwrap_or_else(done)
            }
            ["get", key] => {
                if let Some(value) = self.device_setting(key, places) {
                    return if whole_device { (true, value) } else { rejected("DEVICEONLY") };
                }
                let values: Option<Vec<String>> = places.iter().map(|place| self.get(*place, key)).collect();
                values.map_or_else(|| rejected("BADCOMMAND"), |values| (true, values.join(" ")))
            }
            ["set", "comm.alert" | "comm.checksum", _] if !whole_device => rejected("DEVICEONLY"),
            ["set", key, value] => match value.parse::<f64>() {
                Err(_) => rejected("BADDATA"),
                Ok(value) => {
                    let set: Vec<_> = places.iter().map(|place| self.set(*place, key, value)).collect();
                    set.into_iter().find(|(is_ok, _)| !is_ok).unwrap_or_else(done)
                }
            },
            _ => rejected("BADCOMMAND"),
        }
    }

    fn each(&mut self, places: &[usize], act: impl Fn(&mut Body)) -> (bool, String) {
        places.iter().for_each(|place| act(&mut self.bodies[*place]));
        (true, "0".to_owned())
    }

    fn travel(&mut self, place: usize, words: &[&str]) -> (bool, String) {
        let (motor, body) = (&self.motors[place], &mut self.bodies[place]);
        let now = motor.scale.count_from_unit(body.position()).round();
        let number = words.get(1).and_then(|word| word.parse::<f64>().ok());
        let target = match (words[0], number) {
            ("abs", Some(count)) => count,
            ("rel", Some(count)) => now + count,
            ("min", None) => motor.limits[0],
            ("max", None) => motor.limits[1],
            ("vel", Some(speed)) => motor.limits[usize::from(speed > 0.0)],
            _ => return (false, "BADDATA".to_owned()),
        };
        let is_inside = (motor.limits[0]..=motor.limits[1]).contains(&target);
        if !is_inside {
            return (false, "BADDATA".to_owned());
        }
        let [least, greatest] = body.limits();
        // The last microstep may lie a rounding beyond.
        body.go(motor.scale.unit_from_count(target).clamp(least, greatest));
        (true, "0".to_owned())
    }

    fn get(&self, place: usize, key: &str) -> Option<String> {
        let (motor, body) = (&self.motors[place], &self.bodies[place]);
        let [speed, acceleration] = body.rates().map(|rate| motor.scale.counts(rate));
        let number = match key {
            "pos" | "encoder.pos" => motor.scale.count_from_unit(body.position()),
            "limit.min" => motor.limits[0],
            "limit.max" => motor.limits[1],
            "limit.home.triggered" => f64::from(u8::from(body.is_referenced)),
            "limit.cycle.dist" if !motor.is_linear => motor.scale.counts(1.0),
            "limit.cycle.dist" => 0.0,
            "maxspeed" => speed * SPEED,
            "accel" => acceleration * ACCELERATION,
            "resolution" => 64.0,
            "peripheral.id" | "peripheralid" => 0.0,
            _ => return None,
        };
        Some(format!("{number:.0}"))
    }

    fn set(&mut self, place: usize, key: &str, value: f64) -> (bool, String) {
        let (motor, body) = (&mut self.motors[place], &mut self.bodies[place]);
        let [speed, acceleration] = body.rates();
        let units = |rate: f64| motor.scale.units(rate);
        match key {
            "maxspeed" if value >= 1.0 => body.set_rates(units(value / SPEED), acceleration),
            "accel" if (1.0..=32_767.0).contains(&value) => {
                body.set_rates(speed, units(value / ACCELERATION))
            }
            "pos" => body.set_position(motor.scale.unit_from_count(value)),
            "limit.min" if value < motor.limits[1] => motor.limits[0] = value,
            "limit.max" if value > motor.limits[0] => motor.limits[1] = value,
            "comm.alert" if value == 0.0 || value == 1.0 => motor.alerts = value == 1.0,
            "comm.checksum" if value == 0.0 || value == 1.0 => motor.checksums = value == 1.0,
            "maxspeed" | "accel" | "limit.min" | "limit.max" | "comm.alert" | "comm.checksum" => {
                return (false, "BADDATA".to_owned());
            }
            _ => return (false, "BADCOMMAND".to_owned()),
        }
        (true, "0".to_owned())
    }

    /// Settings that a device has, not an axis: those that clients ask for to find out what it is.
    fn device_setting(&self, key: &str, places: &[usize]) -> Option<String> {
        let Motor { device, alerts, checksums, .. } = self.motors[places[0]];
        let axes = self.motors.iter().filter(|motor| motor.device == device).count();
        let value = match key {
            // An X-LSQ075A-E01; an X-NMS17-E01 has another, which clients look up for names only.
            "device.id" | "deviceid" => "50081".to_owned(),
            "system.serial" => format!("{}", 40_000 + u32::from(device)),
            "system.axiscount" => axes.to_string(),
            "system.access" => "1".to_owned(),
            "version" => "7.36".to_owned(),
            "version.build" => "15263".to_owned(),
            "comm.address" => device.to_string(),
            "comm.alert" => u8::from(alerts).to_string(),
            "comm.checksum" => u8::from(checksums).to_string(),
            "comm.word.size.max" => "0".to_owned(),
            "comm.packet.size.max" => "80".to_owned(),
            "system.voltage" => "48.0".to_owned(),
            _ => return None,
        };
        Some(value)
    }
}

/// Says a line: a reply, or an alert (`!01 1 IDLE --`; manual, "Alert messages"), with a checksum if wanted.
fn say(sign: char, text: &str, with_checksum: bool, reply: &mut Vec<u8>) {
    let sum = text.bytes().fold(0, u8::wrapping_sub);
    let sum = if with_checksum { format!(":{sum:02X}") } else { String::new() };
    reply.extend(format!("{sign}{text}{sum}\r\n").bytes());
}

/// A motor of its own: an X-LSQ075A or an X-NMS17, or what the rig says.
fn own_motor(axis: &AxisConfig) -> MotorSettings {
    let (limits, speed): ([f64; 2], f64) =
        if axis.unit.nm().is_some() { ([0.0, 75.0], 20.0) } else { ([-1000.0, 1000.0], 5.0) };
    MotorSettings {
        start: limits[0].max(0.0),
        limits,
        speed,
        acceleration: 10.0 * speed,
        play: 0.0,
        lag_s: 0.0,
    }
}

impl Device for Zaber {
    fn receive(&mut self, bytes: &[u8], reply: &mut Vec<u8>) {
        for line in self.lines.take(bytes, |byte| byte == b'\n' || byte == b'\r') {
            self.line(&line, reply);
        }
    }

    fn pass(&mut self, dt_s: f64, reply: &mut Vec<u8>) {
        for place in 0..self.bodies.len() {
            self.bodies[place].pass(dt_s);
            let is_moving = self.bodies[place].is_moving();
            let Motor { device, axis, alerts, checksums, was_moving, .. } = self.motors[place];
            if alerts && was_moving && !is_moving {
                let flag = self.flags(place).first().copied().unwrap_or("--");
                say('!', &format!("{device:02} {axis} IDLE {flag}"), checksums, reply);
            }
            self.motors[place].was_moving = is_moving;
        }
    }

    fn bodies(&mut self) -> &mut [Body] {
        &mut self.bodies
    }
}
