//! Thorlabs motors, linear and rotary, behind a T-Cube, a K-Cube or a rack (APT, Kinesis), over the USB port that is a serial port.
//!
//! Messages and their meaning are those of "Thorlabs APT Controllers, Host-Controller Communications Protocol" (issues 3 to 25), which is read
//! here as other libraries quote it; `pylablib` talks to the simulator beside this driver. A controller does not confirm a motion and tells
//! of its end unasked, which it gives up after 50 of those that nobody acknowledges ("MGMSG_MOT_ACK_DCSTATUSUPDATE"). So this driver asks:
//! the status bits first and the position behind them, so that the position of an axis that rests is the one where it rests. These two
//! requests are those that all motor controllers have in common.
//!
//! `at` is empty for a unit with one motor, or the bay of a rack, from 1. Positions are in encoder counts or microsteps: `counts_per_unit` is
//! from the table "Positioning systems" of the protocol, an MTS25-Z8 counts 34 304 in a mm, a PRM1-Z8 691 071 in a turn. The controllers do
//! not tell where a stage ends: the rig's `limits` must.

use std::time::Duration;

use crate::axis::{
    Abilities, Alarm, AxisConfig, AxisError, AxisInfo, AxisState, Controller, ControllerConfig,
    ControllerDriver, Scale, number,
};
use crate::link::{Line, Link};
use crate::microscope::stage::Shared;
use crate::simulators::{self, Device};

pub(crate) mod message;
pub(crate) mod models;

use message::{HOST, Message, RACK, UNIT, bay, bit, id, long, short, take};
use models::Rates;

/// Every motor is the only one behind its address.
const CHANNEL: u8 = 1;
/// A message that comes right behind another may be lost: other programs leave so much between two.
const BREATH: Duration = Duration::from_millis(3);
/// Least and greatest speed or acceleration that can be written.
const WRITTEN: [f64; 2] = [1.0, i32::MAX as f64];

/// The driver.
pub struct Driver;

impl ControllerDriver for Driver {
    fn name(&self) -> &'static str {
        "thorlabs_apt"
    }

    fn about(&self) -> &'static str {
        "Thorlabs motor controllers (KDC101, TDC001, KST101, KBD101, BSC20x, BBD20x, K10CR1, ...), APT protocol"
    }

    fn example(&self) -> &'static str {
        r#"# A Thorlabs K-Cube or T-Cube with its motor. Axes of a rack (BSC20x, BBD20x) have their bay in `at`: "1", "2".
driver = "thorlabs_apt"
baud = 115200
deadline_ms = 500

[[axes]]
name = "magnet_height"
unit = "mm"
counts_per_unit = 34304    # an MTS25-Z8; for turns it is 691071 of a PRM1-Z8
limits = [0.0, 20.0]       # must be given: the controller does not know where its stage ends
speed = 2.0
"#
    }

    fn open(&self, config: &ControllerConfig) -> Result<Box<dyn Controller>, AxisError> {
        let addresses = addresses(config)?;
        let link = Link::open(config, Line { baud: 115_200, rts_cts: true })?;
        let base = if addresses[0] == UNIT { UNIT } else { RACK };
        let mut apt = Apt { link, base, identity: None, motors: Vec::new(), axes: Vec::new() };
        let model = apt.identify()?;
        for (axis, address) in config.axes.iter().zip(addresses) {
            let scale = axis.scale(None)?;
            let limits = limits(axis, scale)?;
            let rates = models::rates(&model);
            let units = |written: fn(&Rates) -> f64| {
                rates.map(|rates| WRITTEN.map(|value| scale.units(value / written(&rates))))
            };
            let can = Abilities {
                home: true,
                speed: units(|rates| rates.speed),
                acceleration: units(|rates| rates.acceleration),
            };
            apt.axes.push(AxisInfo { name: axis.name.clone(), unit: axis.unit, limits, can });
            let is_linear = axis.unit.nm().is_some();
            apt.motors.push(Motor { address, scale, rates, is_linear });
            let place = apt.axes.len() - 1;
            if !apt.greet(place)? {
                apt.tell(&short(id::ENABLE, [CHANNEL, 1], address, HOST))?;
            }
            apt.give_rates(place, axis)?;
        }
        Ok(Box::new(apt))
    }

    fn simulate(
        &self,
        config: &ControllerConfig,
        stage: Option<&Shared>,
    ) -> Result<Box<dyn Device>, AxisError> {
        Ok(Box::new(simulators::apt::Apt::new(config, stage)?))
    }
}

struct Apt {
    link: Link,
    /// Who tells what it is: the unit, or the rack.
    base: u8,
    /// Its model and serial number, as they were when it was opened.
    identity: Option<(String, u32)>,
    motors: Vec<Motor>,
    axes: Vec<AxisInfo>,
}

struct Motor {
    address: u8,
    scale: Scale,
    rates: Option<Rates>,
    is_linear: bool,
}

/// Where each axis is: one unit, or bays of a rack.
///
/// # Errors
/// [`AxisError::Settings`] if it is neither.
pub(crate) fn addresses(config: &ControllerConfig) -> Result<Vec<u8>, AxisError> {
    let addresses = config.places(|axis| match axis.at.parse() {
        _ if axis.at.is_empty() => Ok(UNIT),
        Ok(number @ 1..=10) => Ok(bay(number)),
        _ => Err(AxisError::Settings(format!(
            "axis {}: at = {:?} must be empty for a unit with one motor, or a bay of 1 to 10",
            axis.name, axis.at
        ))),
    })?;
    if addresses.len() > 1 && addresses.contains(&UNIT) {
        let what = "a unit has one motor; in a rack each axis has its bay in `at`";
        return Err(AxisError::Settings(what.to_owned()));
    }
    Ok(addresses)
}

/// The limits of the rig, if the device can be sent to them.
fn limits(axis: &AxisConfig, scale: Scale) -> Result<[f64; 2], AxisError> {
    let wrong = |what: &str| Err(AxisError::Settings(format!("axis {}: {what}", axis.name)));
    let Some(limits) = axis.limits else {
        return wrong("limits are missing: this controller does not tell where its stage ends");
    };
    let [one, other] = limits.map(|limit| scale.count_from_unit(limit));
    let counts = number::steps_in([one.min(other), one.max(other)], 1.0);
    // A position is written in 32 bits.
    let is_written = |count: &f64| (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(count);
    match counts[0] < counts[1] && counts.iter().all(is_written) {
        true => Ok(limits),
        false => wrong("its limits are not -2147483648 to 2147483647 counts, or not one count apart"),
    }
}

impl Apt {
    /// Sends a message that is not answered.
    fn tell(&mut self, message: &[u8]) -> Result<(), AxisError> {
        self.link.send(message)?;
        std::thread::sleep(BREATH);
        Ok(())
    }

    /// Sends a request and gives its answer; what comes unasked in between is left aside.
    fn ask(&mut self, from: u8, request: u16, parameter: u8, answer: u16) -> Result<Message, AxisError> {
        let request = short(request, [parameter, 0], from, HOST);
        self.link.exchange(&request, |received| {
            while let Some(message) = take(received, is_answer) {
                if message.id == answer && message.from == from {
                    return Some(message);
                }
            }
            None
        })
    }

    /// What the device says, if `read` finds it in its answer.
    fn told<T>(
        &mut self,
        axis: usize,
        request: u16,
        answer: u16,
        read: impl Fn(&Message) -> Option<T>,
    ) -> Result<T, AxisError> {
        let message = self.ask(self.motors[axis].address, request, CHANNEL, answer)?;
        let value = (message.word(0) == Some(u16::from(CHANNEL))).then(|| read(&message)).flatten();
        value.ok_or_else(|| self.link.garbled(&request.to_le_bytes(), &message.data))
    }

    /// Asks for model and serial number and checks that they are those of before; gives the model.
    fn identify(&mut self) -> Result<String, AxisError> {
        self.tell(&short(id::STOP_UPDATES, [0, 0], self.base, HOST))?;
        let info = self.ask(self.base, id::ASK_INFO, 0, id::INFO)?;
        let Some((serial, model)) = info.bits(0).zip(info.data.get(4..12)) else {
            return Err(self.link.garbled(&id::ASK_INFO.to_le_bytes(), &info.data));
        };
        let model = String::from_utf8_lossy(model).trim_end_matches(['\0', ' ']).to_owned();
        let identity = (model.clone(), serial);
        match &self.identity {
            Some(before) if *before != identity => {
                let got = format!("{model} {serial} where {} {} was", before.0, before.1);
                Err(self.link.garbled(&id::ASK_INFO.to_le_bytes(), got.as_bytes()))
            }
            _ => {
                self.identity = Some(identity);
                Ok(model)
            }
        }
    }

    /// Silences what a motor's card tells unasked and asks whether the motor is on: a question that is asked here only, whose answer is
    /// behind all that the card had to say.
    fn greet(&mut self, axis: usize) -> Result<bool, AxisError> {
        let address = self.motors[axis].address;
        if address != self.base {
            self.tell(&short(id::STOP_UPDATES, [0, 0], address, HOST))?;
        }
        let answer = self.ask(address, id::ASK_ENABLED, CHANNEL, id::ENABLED)?;
        Ok(answer.data.get(1) == Some(&1))
    }

    fn status(&mut self, axis: usize) -> Result<u32, AxisError> {
        self.told(axis, id::ASK_STATUS, id::STATUS, |message| message.bits(2))
    }

    /// Speed at first, acceleration and speed as they are written.
    fn rates(&mut self, axis: usize) -> Result<[i32; 3], AxisError> {
        self.told(axis, id::ASK_RATES, id::RATES, |message| {
            Some([message.number(2)?, message.number(6)?, message.number(10)?])
        })
    }

    /// Writes one of the rates, leaves the others and gives what the device has then.
    fn set_rate(&mut self, axis: usize, which: usize, written: f64) -> Result<f64, AxisError> {
        let mut rates = self.rates(axis)?;
        rates[which] = written.round().clamp(WRITTEN[0], WRITTEN[1]) as i32;
        let numbers = rates.into_iter().flat_map(i32::to_le_bytes);
        let data: Vec<u8> = [CHANNEL, 0].into_iter().chain(numbers).collect();
        let message = long(id::SET_RATES, &data, self.motors[axis].address, HOST);
        self.tell(&message)?;
        Ok(f64::from(self.rates(axis)?[which]))
    }

    fn stop_message(&self, axis: usize, how: u8) -> Vec<u8> {
        short(id::STOP, [CHANNEL, how], self.motors[axis].address, HOST)
    }
}

/// To the computer, from anything.
fn is_answer(to: u8, from: u8) -> bool {
    to == HOST && (from == UNIT || from == RACK || (bay(1)..=bay(10)).contains(&from))
}

/// What the bits say, the gravest first.
fn alarm(status: u32, is_linear: bool) -> Option<Alarm> {
    let has = |bits: u32| status & bits != 0;
    match () {
        () if !has(bit::ON) => Some(Alarm::MotorOff),
        () if has(bit::POSITION_ERROR | bit::OVERLOAD | bit::OVERCURRENT) => Some(Alarm::Stalled),
        () if has(bit::TOO_HOT | bit::LOW_SUPPLY | bit::SUPPLY_CURRENT) => Some(Alarm::Supply),
        () if has(bit::COMMUTATION | bit::ENCODER | bit::ERROR) => Some(Alarm::Other),
        // A rotary stage passes its switch in every turn, and to find its reference a linear one looks for it.
        () if is_linear && has(bit::AT_SWITCH) && !has(bit::HOMING) => Some(Alarm::AtLimitSwitch),
        () => None,
    }
}

impl Controller for Apt {
    fn axes(&self) -> &[AxisInfo] {
        &self.axes
    }

    fn read(&mut self, axis: usize) -> Result<AxisState, AxisError> {
        let status = self.status(axis)?;
        let count = self.told(axis, id::ASK_POSITION, id::POSITION, |message| message.number(2))?;
        let motor = &self.motors[axis];
        Ok(AxisState {
            position: motor.scale.unit_from_count(f64::from(count)),
            is_moving: status & (bit::MOVING | bit::HOMING | bit::ACTIVE) != 0,
            is_referenced: status & bit::HOMED != 0 && status & bit::HOMING == 0,
            alarm: alarm(status, motor.is_linear),
        })
    }

    fn move_to(&mut self, axis: usize, target: f64) -> Result<(), AxisError> {
        self.axes[axis].check(target)?;
        // A motion is not answered: whether the device is there is known from what comes before it.
        self.status(axis)?;
        let Motor { address, scale, .. } = &self.motors[axis];
        let count = scale.target(target, self.axes[axis].limits, 1.0) as i32;
        let data = [&[CHANNEL, 0][..], &count.to_le_bytes()].concat();
        let message = long(id::MOVE_TO, &data, *address, HOST);
        self.tell(&message)
    }

    fn stop(&mut self, axis: usize) -> Result<(), AxisError> {
        let stop = self.stop_message(axis, 2);
        self.link.send_regardless(&stop)?;
        let status = self.status(axis)?;
        // The first may have come too soon behind a motion.
        if status & (bit::MOVING | bit::HOMING | bit::ACTIVE) != 0 {
            self.link.send_regardless(&stop)?;
        }
        Ok(())
    }

    fn emergency_stop(&mut self) -> Result<(), AxisError> {
        let stops: Vec<Vec<u8>> = (0..self.motors.len()).map(|axis| self.stop_message(axis, 1)).collect();
        // Nothing confirms it, and the first may have come too soon behind a motion; so may each that is right behind another.
        for stop in stops.iter().chain(&stops) {
            self.link.send_regardless(stop)?;
            std::thread::sleep(BREATH);
        }
        self.link.wait_for_silence()
    }

    fn home(&mut self, axis: usize) -> Result<(), AxisError> {
        self.status(axis)?;
        self.tell(&short(id::HOME, [CHANNEL, 0], self.motors[axis].address, HOST))
    }

    fn set_speed(&mut self, axis: usize, speed: f64) -> Result<f64, AxisError> {
        let (info, motor) = (&self.axes[axis], &self.motors[axis]);
        info.check_rate(info.can.speed, speed, "go so fast or slow")?;
        let (scale, factor) = (motor.scale, motor.rates.map_or(1.0, |rates| rates.speed));
        Ok(scale.units(self.set_rate(axis, 2, scale.counts(speed) * factor)? / factor))
    }

    fn set_acceleration(&mut self, axis: usize, acceleration: f64) -> Result<f64, AxisError> {
        let (info, motor) = (&self.axes[axis], &self.motors[axis]);
        info.check_rate(info.can.acceleration, acceleration, "accelerate so much or little")?;
        let (scale, factor) = (motor.scale, motor.rates.map_or(1.0, |rates| rates.acceleration));
        Ok(scale.units(self.set_rate(axis, 1, scale.counts(acceleration) * factor)? / factor))
    }

    fn reconnect(&mut self) -> Result<(), AxisError> {
        self.link.recover()?;
        self.identify()?;
        // Each card of a rack answers for itself. A motor that was switched off stays so.
        (0..self.motors.len()).try_for_each(|axis| self.greet(axis).map(drop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(axes: &str) -> ControllerConfig {
        ControllerConfig::from_toml(&format!("driver = \"thorlabs_apt\"\n{axes}")).unwrap()
    }

    #[test]
    fn an_address_is_a_unit_or_a_bay() {
        let axis =
            |name: &str, at: &str| format!("[[axes]]\nname = \"{name}\"\nat = \"{at}\"\nunit = \"mm\"\n");
        assert_eq!(addresses(&config(&axis("a", ""))).unwrap(), [0x50]);
        assert_eq!(addresses(&config(&(axis("a", "1") + &axis("b", "10")))).unwrap(), [0x21, 0x2A]);
        for wrong in [
            axis("a", "0"),
            axis("a", "11"),
            axis("a", "x"),
            axis("a", "1") + &axis("b", ""),
            axis("a", "1") + &axis("b", "1"),
            axis("a", "") + &axis("b", ""),
        ] {
            assert!(addresses(&config(&wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn limits_must_be_given_and_can_be_told() {
        let axis = |keys: &str| {
            let config =
                config(&format!("[[axes]]\nname = \"a\"\nunit = \"mm\"\ncounts_per_unit = 10\n{keys}"));
            let scale = config.axes[0].scale(None).unwrap();
            limits(&config.axes[0], scale)
        };
        assert_eq!(axis("limits = [-0.55, 1.27]").unwrap(), [-0.55, 1.27]);
        for wrong in ["", "limits = [0.01, 0.02]", "limits = [0.0, 1e9]"] {
            assert!(axis(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn alarms_are_told_by_the_gravest_bit() {
        let on = bit::ON | bit::POWER | bit::HOMED;
        assert_eq!(alarm(on, true), None);
        assert_eq!(alarm(on & !bit::ON, true), Some(Alarm::MotorOff));
        assert_eq!(alarm(on | bit::POSITION_ERROR | 1, true), Some(Alarm::Stalled));
        assert_eq!(alarm(on | bit::LOW_SUPPLY, true), Some(Alarm::Supply));
        assert_eq!(alarm(on | bit::ERROR, true), Some(Alarm::Other));
        assert_eq!((alarm(on | 2, true), alarm(on | 2, false)), (Some(Alarm::AtLimitSwitch), None));
        assert_eq!(alarm(on | 2 | bit::HOMING, true), None);
    }
}
