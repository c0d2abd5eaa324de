//! Thorlabs motor controllers as "Thorlabs APT Controllers, Host-Controller Communications Protocol" describes them: a KDC101 with its motor,
//! or, where axes have a bay in `at`, a BSC203 with a motor in each bay.

use super::{Body, Device};
use crate::axes::apt::addresses;
use crate::axes::apt::message::{HOST, Message, RACK, UNIT, bit, id, long, short, take};
use crate::axes::apt::models::{Rates, rates};
use crate::axis::{AxisConfig, AxisError, ControllerConfig, Scale};
use crate::microscope::settings::MotorSettings;
use crate::microscope::stage::Shared;

/// Where the status is sent unasked, it comes every so many seconds ("MGMSG_HW_START_UPDATEMSGS").
const UPDATE_S: f64 = 0.1;
/// So many of what is told unasked may be unread before it ends ("MGMSG_MOT_ACK_DCSTATUSUPDATE").
const UNREAD: u32 = 50;

/// A simulated controller.
pub struct Apt {
    is_rack: bool,
    model: &'static str,
    serial: u32,
    channels: Vec<Channel>,
    bodies: Vec<Body>,
    rest: Vec<u8>,
}

struct Channel {
    address: u8,
    scale: Scale,
    rates: Rates,
    is_on: bool,
    doing: Option<Doing>,
    /// It was sent beyond its end and lies on the switch there: which of the two.
    at_switch: u32,
    goes_forwards: bool,
    /// Time to the next update, s; `None` where none is sent.
    update_in_s: Option<f64>,
    unread: u32,
}

/// What a motor was told last, of which it tells the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Homes,
    Moves,
    Stops,
}

impl Apt {
    /// A controller with the axes of a rig.
    ///
    /// # Errors
    /// [`AxisError::Settings`] if the table is not for these controllers.
    pub fn new(config: &ControllerConfig, stage: Option<&Shared>) -> Result<Self, AxisError> {
        let addresses = addresses(config)?;
        let is_rack = addresses[0] != UNIT;
        let (model, serial) = if is_rack { ("BSC203", 70_123_456) } else { ("KDC101", 27_123_456) };
        let (mut channels, mut bodies) = (Vec::new(), Vec::new());
        for (axis, address) in config.axes.iter().zip(addresses) {
            channels.push(Channel {
                address,
                scale: axis.scale(None)?,
                rates: rates(model).unwrap_or(Rates { speed: 1.0, acceleration: 1.0 }),
                is_on: true,
                doing: None,
                at_switch: 0,
                goes_forwards: true,
                update_in_s: None,
                unread: 0,
            });
            bodies.push(Body::new(axis, &own_motor(axis), stage)?);
        }
        Ok(Self { is_rack, model, serial, channels, bodies, rest: Vec::new() })
    }

    fn answer(&mut self, message: &Message, reply: &mut Vec<u8>) {
        let base = if self.is_rack { RACK } else { UNIT };
        if message.to == base && message.id == id::ASK_INFO {
            reply.extend(long(id::INFO, &self.info(), HOST, base));
        }
        // What is for a rack as a whole is no motor's.
        let place = self.channels.iter().position(|channel| channel.address == message.to);
        let Some(place) = place else { return };
        let from = self.channels[place].address;
        let answer = |id: u16, data: &[u8]| long(id, &[&[1, 0], data].concat(), HOST, from);
        match message.id {
            id::START_UPDATES => self.channels[place].update_in_s = Some(UPDATE_S),
            id::STOP_UPDATES => self.channels[place].update_in_s = None,
            id::UPDATES_ARE_READ => self.channels[place].unread = 0,
            id::ENABLE => self.switch(place, message.data.get(1) == Some(&1)),
            id::ASK_ENABLED => {
                let state = if self.channels[place].is_on { 1 } else { 2 };
                reply.extend(short(id::ENABLED, [1, state], HOST, from));
            }
            id::SET_POSITION => {
                let count = message.number(2).unwrap_or_default();
                let position = self.channels[place].scale.unit_from_count(f64::from(count));
                self.bodies[place].set_position(position);
            }
            id::ASK_POSITION => reply.extend(answer(id::POSITION, &self.count(place).to_le_bytes())),
            id::SET_RATES => self.set_rates(place, message),
            id::ASK_RATES => {
                let Channel { scale, rates, .. } = self.channels[place];
                let [speed, acceleration] = self.bodies[place].rates().map(|rate| scale.counts(rate));
                // A conversion of a float stays within the range of the integer.
                let [speed, acceleration] =
                    [speed * rates.speed, acceleration * rates.acceleration].map(|rate| rate.round() as i32);
                let numbers: Vec<u8> =
                    [0, acceleration, speed].into_iter().flat_map(i32::to_le_bytes).collect();
                reply.extend(answer(id::RATES, &numbers));
            }
            id::ASK_STATUS => reply.extend(answer(id::STATUS, &self.bits(place).to_le_bytes())),
            id::ASK_SERVO_UPDATE if !self.is_rack => {
                reply.extend(long(id::SERVO_UPDATE, &self.status(place), HOST, from));
            }
            id::ASK_STEPPER_UPDATE if self.is_rack => {
                reply.extend(long(id::STEPPER_UPDATE, &self.status(place), HOST, from));
            }
            id::HOME if self.channels[place].is_on => {
                self.begin(place, Doing::Homes, false);
                self.bodies[place].home();
            }
            id::MOVE_TO | id::MOVE_BY if self.channels[place].is_on => {
                let Some(count) = message.number(2) else { return };
                let before = if message.id == id::MOVE_BY { self.count(place) } else { 0 };
                self.travel(place, before.saturating_add(count));
            }
            id::STOP => {
                let body = &mut self.bodies[place];
                if body.is_moving() {
                    self.channels[place].doing = Some(Doing::Stops);
                }
                // 1: at once, 2: with its acceleration.
                if message.data.get(1) == Some(&1) { body.halt() } else { body.stop() }
            }
            _ => {}
        }
    }

    fn switch(&mut self, place: usize, is_on: bool) {
        self.channels[place].is_on = is_on;
        if !is_on {
            self.channels[place].doing = None;
            self.bodies[place].halt();
        }
    }

    fn begin(&mut self, place: usize, what: Doing, goes_forwards: bool) {
        let channel = &mut self.channels[place];
        (channel.doing, channel.at_switch, channel.goes_forwards) = (Some(what), 0, goes_forwards);
        self.bodies[place].has_stalled = false;
    }

    /// Goes to a count; beyond its end a stage runs into its switch there.
    fn travel(&mut self, place: usize, count: i32) {
        self.begin(place, Doing::Moves, count > self.count(place));
        let channel = &mut self.channels[place];
        let target = channel.scale.unit_from_count(f64::from(count));
        let body = &mut self.bodies[place];
        let wrong_by = body.position() - body.truth();
        let [least, greatest] = body.limits().map(|limit| limit + wrong_by);
        let near = channel.scale.units(1.0);
        if target < least - near || target > greatest + near {
            channel.at_switch = if channel.goes_forwards { 1 } else { 2 };
        }
        body.go(target.clamp(least, greatest));
    }

    fn set_rates(&mut self, place: usize, message: &Message) {
        let Channel { scale, rates, .. } = self.channels[place];
        let (Some(acceleration), Some(speed)) = (message.number(6), message.number(10)) else { return };
        if speed > 0 && acceleration > 0 {
            self.bodies[place].set_rates(
                scale.units(f64::from(speed) / rates.speed),
                scale.units(f64::from(acceleration) / rates.acceleration),
            );
        }
    }

    fn count(&self, place: usize) -> i32 {
        self.channels[place].scale.count_from_unit(self.bodies[place].position()).round() as i32
    }

    fn bits(&self, place: usize) -> u32 {
        let (channel, body) = (&self.channels[place], &self.bodies[place]);
        let is_moving = body.is_moving();
        let direction = if channel.goes_forwards { bit::FORWARDS } else { bit::BACK };
        let at_switch = if is_moving { 0 } else { channel.at_switch };
        let flags = [
            (is_moving, direction | bit::ACTIVE),
            (!is_moving && !body.has_stalled, bit::SETTLED),
            (body.is_homing(), bit::HOMING),
            (body.is_referenced, bit::HOMED),
            (body.has_stalled, bit::POSITION_ERROR),
            (channel.is_on, bit::ON),
        ];
        let set = flags.into_iter().filter(|(is_set, _)| *is_set).fold(0, |bits, (_, flag)| bits | flag);
        set | at_switch | bit::CONNECTED | bit::POWER
    }

    /// Channel, position, then speed or encoder, then bits.
    fn status(&self, place: usize) -> Vec<u8> {
        let (count, bits) = (self.count(place), self.bits(place));
        [&[1, 0], &count.to_le_bytes()[..], &[0; 4], &bits.to_le_bytes()].concat()
    }

    /// Serial number, model, type, firmware, notes, hardware, modification and number of channels.
    fn info(&self) -> Vec<u8> {
        let mut info = vec![0; 84];
        info[..4].copy_from_slice(&self.serial.to_le_bytes());
        info[4..4 + self.model.len()].copy_from_slice(self.model.as_bytes());
        // A motor controller, firmware 2.1.3.
        info[12..18].copy_from_slice(&[16, 0, 3, 1, 2, 0]);
        let notes: &[u8] =
            if self.is_rack { b"APT Stepper Motor Controller" } else { b"DC Motor Controller" };
        info[18..18 + notes.len()].copy_from_slice(notes);
        info[78..84].copy_from_slice(&[1, 0, 0, 0, self.channels.len() as u8, 0]);
        info
    }

    /// What is told unasked, as long as somebody reads it.
    fn unasked(&mut self, place: usize, message: Vec<u8>, reply: &mut Vec<u8>) {
        let channel = &mut self.channels[place];
        if channel.unread < UNREAD {
            channel.unread += 1;
            reply.extend(message);
        }
    }
}

/// A motor of its own: an MTS25-Z8 or a PRM1-Z8 on its threads, or what the rig says.
fn own_motor(axis: &AxisConfig) -> MotorSettings {
    let (limits, speed): ([f64; 2], f64) =
        if axis.unit.nm().is_some() { ([0.0, 25.0], 2.4) } else { ([0.0, 1000.0], 0.07) };
    MotorSettings { start: limits[0], limits, speed, acceleration: 2.0 * speed, play: 0.0, lag_s: 0.0 }
}

impl Device for Apt {
    fn receive(&mut self, bytes: &[u8], reply: &mut Vec<u8>) {
        self.rest.extend_from_slice(bytes);
        while let Some(message) = take(&mut self.rest, |_, from| from == HOST) {
            self.answer(&message, reply);
        }
    }

    fn pass(&mut self, dt_s: f64, reply: &mut Vec<u8>) {
        for place in 0..self.bodies.len() {
            self.bodies[place].pass(dt_s);
            let from = self.channels[place].address;
            if let (Some(doing), false) = (self.channels[place].doing, self.bodies[place].is_moving()) {
                self.channels[place].doing = None;
                let message = match doing {
                    Doing::Homes => short(id::HOMED, [1, 0], HOST, from),
                    Doing::Moves => long(id::COMPLETED, &self.status(place), HOST, from),
                    Doing::Stops => long(id::STOPPED, &self.status(place), HOST, from),
                };
                // A motor that does not get there does not tell of it.
                if !self.bodies[place].has_stalled {
                    self.unasked(place, message, reply);
                }
            }
            if let Some(left_s) = self.channels[place].update_in_s {
                let is_due = left_s <= dt_s;
                self.channels[place].update_in_s = Some(if is_due { UPDATE_S } else { left_s - dt_s });
                if is_due {
                    let id = if self.is_rack { id::STEPPER_UPDATE } else { id::SERVO_UPDATE };
                    let message = long(id, &self.status(place), HOST, from);
                    self.unasked(place, message, reply);
                }
            }
        }
    }

    fn bodies(&mut self) -> &mut [Body] {
        &mut self.bodies
    }
}
