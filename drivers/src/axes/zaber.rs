//! Zaber motors, linear and rotary, over the Zaber ASCII protocol: the controller to copy for another one.
//!
//! Commands, replies, flags and units are those of the Zaber ASCII Protocol Manual (firmware 6.06 to 7), the sections "Command format",
//! "Reply format", "Warning flags" and "Command reference"; Zaber's own client `zaber-motion` talks to the simulator beside this driver.
//! Motors report their position in microsteps; `counts_per_unit` is microsteps in a unit, from the data sheet: an X-LSQ075A moves
//! 0.49609375 µm (2015.748 in a mm), an X-NMS17 turns once in 12 800.

use crate::axis::{
    Abilities, Alarm, AxisError, AxisInfo, AxisState, Controller, ControllerConfig, ControllerDriver, Scale,
    finite,
};
use crate::link::{Line, Link};
use crate::microscope::stage::Shared;
use crate::simulators::{self, Device};

/// "Data = microsteps per second x 1.6384" (manual, "Velocity").
pub(crate) const SPEED: f64 = 1.6384;
/// "Data = microsteps per second squared x 1.6384 / 10 000" (manual, "Acceleration").
pub(crate) const ACCELERATION: f64 = 1.6384e-4;
/// Least and greatest value of `maxspeed` and `accel` that any of these motors takes, in their own units.
const RATES: [[f64; 2]; 2] = [[1.0, 2_147_483_647.0], [1.0, 32_767.0]];

/// The driver.
pub struct Driver;

impl ControllerDriver for Driver {
    fn name(&self) -> &'static str {
        "zaber"
    }

    fn about(&self) -> &'static str {
        "Zaber linear and rotary motors (X-LSQ, X-NMS, ...), ASCII protocol"
    }

    fn example(&self) -> &'static str {
        r#"# Zaber motors in a daisy chain: `at` is the address of a device, and its axis if it has several ("2.1").
driver = "zaber"
baud = 115200
deadline_ms = 500

[[axes]]
name = "magnet_height"
at = "1"
unit = "mm"
counts_per_unit = 2015.748031496063  # microsteps: an X-LSQ075A moves 0.49609375 µm
limits = [0.0, 20.0]
speed = 5.0
acceleration = 50.0

[[axes]]
name = "magnet_turns"
at = "2"
unit = "turns"
counts_per_unit = 12800              # an X-NMS17
limits = [-500.0, 500.0]
"#
    }

    fn open(&self, config: &ControllerConfig) -> Result<Box<dyn Controller>, AxisError> {
        let addresses = config.places(|axis| address(&axis.at))?;
        let link = Link::open(config, Line { baud: 115_200, rts_cts: false })?;
        let mut zaber = Zaber { link, motors: Vec::new(), axes: Vec::new(), echo: 0 };
        zaber.resync()?;
        for (axis, address) in config.axes.iter().zip(addresses) {
            let scale = axis.scale(None)?;
            let counts = [zaber.get(&address, "limit.min")?, zaber.get(&address, "limit.max")?];
            let motor = Motor { address, scale };
            let limits = axis.limits(scale, counts)?;
            let [speed, acceleration] = [SPEED, ACCELERATION];
            let can = Abilities {
                home: true,
                speed: Some(RATES[0].map(|rate| scale.units(rate / speed))),
                acceleration: Some(RATES[1].map(|rate| scale.units(rate / acceleration))),
            };
            zaber.axes.push(AxisInfo { name: axis.name.clone(), unit: axis.unit, limits, can });
            zaber.motors.push(motor);
            let place = zaber.axes.len() - 1;
            zaber.give_rates(place, axis)?;
        }
        Ok(Box::new(zaber))
    }

    fn simulate(
        &self,
        config: &ControllerConfig,
        stage: Option<&Shared>,
    ) -> Result<Box<dyn Device>, AxisError> {
        Ok(Box::new(simulators::zaber::Zaber::new(config, stage)?))
    }
}

struct Zaber {
    link: Link,
    motors: Vec<Motor>,
    axes: Vec<AxisInfo>,
    /// What the last echo said.
    echo: u32,
}

/// One axis of one device of the chain.
struct Motor {
    /// `1 1`: device and axis.
    address: String,
    scale: Scale,
}

/// `2` or `2.1`: device 2, axis 1.
pub(crate) fn address(at: &str) -> Result<String, AxisError> {
    let (device, axis) = at.split_once('.').unwrap_or((at, "1"));
    match (device.parse::<u8>(), axis.parse::<u8>()) {
        (Ok(1..=99), Ok(1..=9)) => Ok(format!("{device} {axis}")),
        _ => Err(AxisError::Settings(format!("at = {at:?} must be a device of 1 to 99, or device.axis"))),
    }
}

/// What came back: `@01 1 OK IDLE -- 1234`.
struct Reply {
    is_ok: bool,
    is_busy: bool,
    warning: String,
    data: String,
}

impl Reply {
    /// The reply of a device and axis; `None` if the line is none, or of another, or its checksum is wrong.
    fn parse(line: &[u8], address: &str) -> Option<Self> {
        // What is before the sign is noise of the line, or the rest of something else.
        let begin = line.iter().rposition(|byte| *byte == b'@')?;
        let line = std::str::from_utf8(&line[begin + 1..]).ok()?.trim_end_matches('\r');
        let line = check_sum(line)?;
        let mut words = line.splitn(6, ' ');
        let (device, axis) = (words.next()?, words.next()?);
        let (asked_device, asked_axis) = address.split_once(' ')?;
        if device.parse::<u8>().ok()? != asked_device.parse::<u8>().ok()? || axis != asked_axis {
            return None;
        }
        let is_ok = one_of(words.next()?, "OK", "RJ")?;
        let is_busy = one_of(words.next()?, "BUSY", "IDLE")?;
        let warning = words.next().filter(|flag| flag.len() == 2)?.to_owned();
        Some(Self { is_ok, is_busy, warning, data: words.next()?.to_owned() })
    }
}

fn one_of(word: &str, yes: &str, no: &str) -> Option<bool> {
    (word == yes || word == no).then_some(word == yes)
}

/// The line without its checksum, if it has one and it is right: two hexadecimal digits that bring the sum of all bytes behind the `@` or `/` to 0
/// (manual, "Checksumming").
pub(crate) fn check_sum(line: &str) -> Option<&str> {
    match line.rsplit_once(':') {
        Some((text, sum)) if sum.len() == 2 => {
            let told = u8::from_str_radix(sum, 16).ok()?;
            (text.bytes().fold(told, u8::wrapping_add) == 0).then_some(text)
        }
        _ => Some(line),
    }
}

impl Zaber {
    /// Sends a command to an axis and gives its reply.
    fn command(&mut self, address: &str, command: &str) -> Result<Reply, AxisError> {
        let request = format!("/{address} {command}\n");
        let reply = self.link.ask_until(request.as_bytes(), b"\n", |line| Reply::parse(line, address))?;
        if reply.is_ok {
            return Ok(reply);
        }
        Err(self.link.refused(request.as_bytes(), &reply.data, meaning(&reply.data)))
    }

    fn get(&mut self, address: &str, key: &str) -> Result<f64, AxisError> {
        let reply = self.command(address, &format!("get {key}"))?;
        self.number(address, &reply)
    }

    fn number(&mut self, address: &str, reply: &Reply) -> Result<f64, AxisError> {
        // A device answers for all of its axes where it has more than one.
        finite(&reply.data).ok_or_else(|| self.link.garbled(address.as_bytes(), reply.data.as_bytes()))
    }

    /// Asks for an echo that nobody asked for before: what comes before it answers something else.
    fn resync(&mut self) -> Result<(), AxisError> {
        self.echo += 1;
        let word = format!("beadscope{}", self.echo);
        let request = format!("/tools echo {word}\n");
        self.link.ask_until(request.as_bytes(), b"\n", |line| {
            let line = std::str::from_utf8(line).ok()?;
            (line.starts_with('@') && line.contains(&word)).then_some(())
        })?;
        // The other devices of the chain answer too.
        self.link.wait_for_silence()
    }

    /// All warnings of an axis, of which a reply tells one only.
    fn warnings(&mut self, address: &str) -> Result<Vec<String>, AxisError> {
        let reply = self.command(address, "warnings")?;
        Ok(reply.data.split(' ').skip(1).map(str::to_owned).collect())
    }

    fn set(&mut self, axis: usize, key: &str, data: f64) -> Result<(), AxisError> {
        let address = self.motors[axis].address.clone();
        self.command(&address, &format!("set {key} {data:.0}")).map(drop)
    }
}

/// What the manual says about a rejection ("Reply format", "Rejection reasons").
fn meaning(reason: &str) -> &'static str {
    match reason {
        "AGAIN" => "it cannot do that now, try again",
        "BADAXIS" => "the device has no such axis",
        "BADCOMMAND" => "the device knows no such command or setting",
        "BADDATA" => "the value is out of its range",
        "DEVICEONLY" => "an axis has no such setting",
        "DRIVERDISABLED" => "its motor is off: look at the emergency button, then switch it on",
        "FULL" => "the device has no more room",
        "LOCKSTEP" => "the axis moves in lockstep with another",
        "NOACCESS" => "the setting needs another access level",
        "PARKED" => "the axis is parked",
        "STATUSBUSY" => "the axis moves",
        _ => "see the protocol manual",
    }
}

/// What the flags say (manual, "Warning flags"), the gravest first.
fn alarm(flags: &[String]) -> Option<Alarm> {
    let has = |any: &[&str]| flags.iter().any(|flag| any.contains(&flag.as_str()));
    match () {
        // FH: the emergency stop of the hardware.
        () if has(&["FD", "FO", "FH"]) => Some(Alarm::MotorOff),
        () if has(&["FS", "WS"]) => Some(Alarm::Stalled),
        () if has(&["FE", "WL"]) => Some(Alarm::AtLimitSwitch),
        // FM: the motor is too hot. FT is a stage that is twisted too much.
        () if has(&["WV", "WT", "FV", "FM"]) => Some(Alarm::Supply),
        () if flags.iter().any(|flag| flag.starts_with('F')) => Some(Alarm::Other),
        () => None,
    }
}

impl Controller for Zaber {
    fn axes(&self) -> &[AxisInfo] {
        &self.axes
    }

    fn read(&mut self, axis: usize) -> Result<AxisState, AxisError> {
        let (address, scale) = (self.motors[axis].address.clone(), self.motors[axis].scale);
        let reply = self.command(&address, "get pos")?;
        let position = scale.unit_from_count(self.number(&address, &reply)?);
        let flags = if reply.warning == "--" { Vec::new() } else { self.warnings(&address)? };
        // WR: no reference position; WH: not homed since power came.
        let is_referenced = !flags.iter().any(|flag| flag == "WR" || flag == "WH");
        Ok(AxisState { position, is_moving: reply.is_busy, is_referenced, alarm: alarm(&flags) })
    }

    fn move_to(&mut self, axis: usize, target: f64) -> Result<(), AxisError> {
        self.axes[axis].check(target)?;
        let Motor { address, scale } = &self.motors[axis];
        let count = scale.target(target, self.axes[axis].limits, 1.0);
        let address = address.clone();
        self.command(&address, &format!("move abs {count}")).map(drop)
    }

    fn stop(&mut self, axis: usize) -> Result<(), AxisError> {
        let address = self.motors[axis].address.clone();
        match self.command(&address, "stop") {
            Err(error) if error.is_fault() => {
                self.link.send_regardless(format!("/{address} stop\n").as_bytes())?;
                Err(error)
            }
            answer => answer.map(drop),
        }
    }

    fn emergency_stop(&mut self) -> Result<(), AxisError> {
        // Without an address it is for all devices, which all answer.
        self.link.send_regardless(b"/estop\n")?;
        self.link.wait_for_silence()
    }

    fn home(&mut self, axis: usize) -> Result<(), AxisError> {
        let address = self.motors[axis].address.clone();
        self.command(&address, "warnings clear")?;
        self.command(&address, "home").map(drop)
    }

    fn set_speed(&mut self, axis: usize, speed: f64) -> Result<f64, AxisError> {
        let (info, scale) = (&self.axes[axis], self.motors[axis].scale);
        info.check_rate(info.can.speed, speed, "go so fast or slow")?;
        let data = (scale.counts(speed) * SPEED).round();
        self.set(axis, "maxspeed", data)?;
        Ok(scale.units(data / SPEED))
    }

    fn set_acceleration(&mut self, axis: usize, acceleration: f64) -> Result<f64, AxisError> {
        let (info, scale) = (&self.axes[axis], self.motors[axis].scale);
        info.check_rate(info.can.acceleration, acceleration, "accelerate so much or little")?;
        let data = (scale.counts(acceleration) * ACCELERATION).round();
        self.set(axis, "accel", data)?;
        Ok(scale.units(data / ACCELERATION))
    }

    fn reconnect(&mut self) -> Result<(), AxisError> {
        self.link.recover()?;
        self.resync()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_as_the_manual_writes_them() {
        let read = |line: &str| Reply::parse(line.as_bytes(), "1 1");
        // The manual's examples ("Reply format", "Checksumming").
        let reply = read("@01 1 OK BUSY -- 10000\r").unwrap();
        assert!(reply.is_ok && reply.is_busy && reply.warning == "--" && reply.data == "10000");
        let rejected = read("@01 1 RJ IDLE WR BADDATA").unwrap();
        assert!(!rejected.is_ok && rejected.warning == "WR" && rejected.data == "BADDATA");
        for other in
            ["@02 1 OK IDLE -- 0", "@01 2 OK IDLE -- 0", "!01 1 IDLE --", "#01 1 note", "@01 1 OK", ""]
        {
            assert!(read(other).is_none(), "{other}");
        }
    }

    #[test]
    fn flags_are_told_as_what_they_are() {
        let told = |flag: &str| alarm(&[flag.to_owned()]);
        assert_eq!(told("FH"), Some(Alarm::MotorOff));
        assert_eq!(told("FM"), Some(Alarm::Supply));
        assert_eq!(told("FT"), Some(Alarm::Other));
        assert_eq!((told("FS"), told("WH")), (Some(Alarm::Stalled), None));
    }

    #[test]
    fn a_wrong_checksum_is_no_reply() {
        let text = "01 1 OK IDLE -- 0";
        let sum = text.bytes().fold(0_u8, u8::wrapping_sub);
        assert!(Reply::parse(format!("@{text}:{sum:02X}").as_bytes(), "1 1").is_some());
        assert!(Reply::parse(format!("@{text}:{:02X}", sum ^ 1).as_bytes(), "1 1").is_none());
    }

    #[test]
    fn addresses_are_a_device_and_an_axis() {
        assert_eq!((address("1").unwrap(), address("2.3").unwrap()), ("1 1".to_owned(), "2 3".to_owned()));
        for wrong in ["", "0", "100", "1.0", "1.x", "x"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
