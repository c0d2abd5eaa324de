//! A home-made machine with GRBL 1.1h, as its documents (doc/markdown) and, for what they leave open, its source describe it.
//!
//! Where it differs from a real one: a motor that loses steps is noticed here, as if its driver's fault line went to the reset pin; and it looks
//! for its switches once and as fast as its motors go.

mod lines;
mod words;

use std::collections::{BTreeMap, VecDeque};

use super::{Body, Device};
use crate::axes::gcode::letter;
use crate::axis::{AxisConfig, AxisError, ControllerConfig, Scale};
use crate::microscope::settings::MotorSettings;
use crate::microscope::stage::Shared;

/// How far it comes off a switch, in what it calls mm ($27).
const PULL_OFF: f64 = 0.1;

/// A simulated machine.
pub struct Gcode {
    joints: Vec<Joint>,
    bodies: Vec<Body>,
    settings: BTreeMap<u8, f64>,
    state: State,
    /// A line that has not come to its end, and lines that wait until it is free.
    rest: Vec<u8>,
    lines: VecDeque<String>,
    /// Motions in its queue; the first is under way.
    queue: VecDeque<Motion>,
    /// What lines to come mean if they do not say it: modes, feed, and the tool, which nothing else happens to.
    motion: u8,
    is_relative: bool,
    mm: f64,
    feed: f64,
    tool: u8,
    /// A report was asked for while it could not give one.
    is_asked: bool,
    reports: u32,
}

struct Joint {
    place: usize,
    scale: Scale,
    /// Its greatest rate, mm/min ($110 to $112).
    fastest: f64,
    /// Its own speed, while it goes slower, in units of its axis.
    own_speed: Option<f64>,
    /// It had its reference when it was last looked at.
    had_reference: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Idle,
    Run,
    Jog,
    /// A jog comes to rest, and what is queued behind it is gone.
    Cancel,
    Hold,
    /// It looks for its switches, or comes off them.
    Home {
        is_off: bool,
    },
    Alarm,
    /// It hears nothing but a reset.
    Critical,
}

struct Motion {
    /// Where axes go in machine space, in mm.
    targets: [Option<f64>; 3],
    /// mm/min; as fast as it goes if there is none.
    feed: Option<f64>,
}

impl Gcode {
    /// A machine with the axes of a rig, to which power just came.
    ///
    /// # Errors
    /// [`AxisError::Settings`] if the table is not for this machine.
    pub fn new(config: &ControllerConfig, stage: Option<&Shared>) -> Result<Self, AxisError> {
        let (mut joints, mut bodies) = (Vec::new(), Vec::new());
        let mut settings = BTreeMap::from([(10, 1.0), (13, 0.0), (20, 1.0), (21, 0.0), (22, 1.0), (23, 0.0)]);
        settings.extend([(24, 25.0), (25, 500.0), (26, 250.0), (27, PULL_OFF)]);
        settings.extend((0..3).flat_map(|place| {
            [(100 + place, 250.0), (110 + place, 500.0), (120 + place, 10.0), (130 + place, 200.0)]
        }));
        for axis in &config.axes {
            let place = letter(&axis.at)?;
            let scale = axis.scale(Some(axis.unit.nm().map_or(1.0, |nm| nm / 1e6)))?;
            let mut body = Body::new(axis, &own_motor(axis, scale), stage)?;
            body.is_referenced = false;
            let [one, other] = body.limits().map(|limit| scale.count_from_unit(limit));
            // GRBL limits the space below its switches only.
            if one.max(other).abs() > 1e-6 {
                settings.insert(20, 0.0);
            }
            let fastest = 60.0 * scale.counts(body.rates()[0]);
            let number = place as u8;
            settings.extend([(110 + number, fastest), (130 + number, (one - other).abs())]);
            settings.insert(120 + number, scale.counts(body.rates()[1]));
            joints.push(Joint { place, scale, fastest, own_speed: None, had_reference: false });
            bodies.push(body);
        }
        Ok(Self {
            joints,
            bodies,
            settings,
            state: State::Alarm,
            rest: Vec::new(),
            lines: VecDeque::new(),
            queue: VecDeque::new(),
            motion: 0,
            is_relative: false,
            mm: 1.0,
            feed: 0.0,
            tool: 0,
            is_asked: false,
            reports: 0,
        })
    }

    /// Takes a byte: some are commands wherever they come (commands.md, "Realtime commands").
    fn byte(&mut self, byte: u8, reply: &mut Vec<u8>) {
        match byte {
            0x18 => self.reset(None, reply),
            b'?' if matches!(self.state, State::Home { .. }) => self.is_asked = true,
            b'?' if self.state != State::Critical => self.report(reply),
            b'!' => self.hold(),
            b'~' => self.resume(),
            0x85 if self.state == State::Jog => self.cancel(),
            b'?' | 0x80.. => {}
            b'\r' | b'\n' => {
                let line = String::from_utf8_lossy(&std::mem::take(&mut self.rest)).to_ascii_uppercase();
                self.lines.push_back(line);
            }
            b' ' | b'\t' | b'/' => {}
            _ if self.rest.len() < 80 => self.rest.push(byte),
            _ => {}
        }
    }

    fn push(&mut self, motion: Motion, state: State) {
        self.queue.push_back(motion);
        if self.queue.len() == 1 {
            self.start(state);
        }
    }

    /// Begins the first motion of the queue: on a straight line, at its feed, none of the axes faster than it can.
    fn start(&mut self, state: State) {
        let Some(Motion { targets, feed }) = self.queue.front() else {
            self.state = State::Idle;
            return;
        };
        let (targets, feed) = (*targets, *feed);
        self.state = state;
        let way = |place: usize| targets[place].map_or(0.0, |target| (target - self.position(place)).abs());
        let whole = (0..3).map(|place| way(place).powi(2)).sum::<f64>().sqrt();
        let ways = [0, 1, 2].map(way);
        let fastest = self.joints.iter().filter(|joint| ways[joint.place] > 0.0);
        let fastest =
            fastest.map(|joint| joint.fastest * whole / ways[joint.place]).fold(f64::INFINITY, f64::min);
        let feed = feed.unwrap_or(fastest).min(fastest);
        for (joint, body) in self.joints.iter_mut().zip(&mut self.bodies) {
            let Some(target) = targets[joint.place] else { continue };
            let share = if whole > 0.0 { ways[joint.place] / whole } else { 1.0 };
            joint.limit(body, feed * share);
            let [least, greatest] = body.limits();
            let wrong_by = body.position() - body.truth();
            body.go(joint.scale.unit_from_count(target).clamp(least + wrong_by, greatest + wrong_by));
        }
    }

    /// Where an axis is in machine space, in mm.
    fn position(&self, place: usize) -> f64 {
        let joint = self.joints.iter().position(|joint| joint.place == place);
        joint.map_or(0.0, |at| self.joints[at].scale.count_from_unit(self.bodies[at].position()))
    }

    fn is_moving(&self) -> bool {
        self.bodies.iter().any(Body::is_moving)
    }

    fn cancel(&mut self) {
        self.queue.clear();
        self.bodies.iter_mut().for_each(Body::stop);
        self.state = State::Cancel;
    }

    fn hold(&mut self) {
        match self.state {
            State::Jog => self.cancel(),
            State::Run | State::Idle => {
                self.bodies.iter_mut().for_each(Body::stop);
                self.state = State::Hold;
            }
            _ => {}
        }
    }

    fn resume(&mut self) {
        if self.state == State::Hold && !self.is_moving() {
            self.start(State::Run);
        }
    }

    /// Starts anew, without a ramp: what moved does not know where it is afterwards.
    fn reset(&mut self, alarm: Option<u8>, reply: &mut Vec<u8>) {
        let alarm = alarm.or(match self.state {
            State::Home { .. } => Some(6),
            State::Run | State::Jog | State::Cancel => Some(3),
            State::Hold if self.is_moving() => Some(3),
            _ => None,
        });
        self.state = match (alarm, self.state) {
            (None, state) if !matches!(state, State::Alarm | State::Critical) => State::Idle,
            _ => State::Alarm,
        };
        self.bodies.iter_mut().for_each(Body::halt);
        if let Some(alarm) = alarm {
            self.bodies.iter_mut().for_each(|body| body.is_referenced = false);
            self.joints.iter_mut().for_each(|joint| joint.had_reference = false);
            reply.extend(format!("ALARM:{alarm}\r\n").bytes());
        }
        self.rest.clear();
        self.lines.clear();
        self.queue.clear();
        (self.motion, self.is_relative, self.mm, self.feed, self.tool) = (0, false, 1.0, 0.0, 0);
        (self.is_asked, self.reports) = (false, 0);
        reply.extend(b"\r\nGrbl 1.1h ['$' for help]\r\n");
        if self.state == State::Alarm {
            reply.extend(b"[MSG:'$H'|'$X' to unlock]\r\n");
        }
    }

    /// Looks for the switches of all axes, at the upper ends of machine space unless $23 says that they are at the lower ones.
    fn home(&mut self) {
        self.state = State::Home { is_off: false };
        for at in 0..self.joints.len() {
            let end = self.switch(at);
            let body = &mut self.bodies[at];
            body.has_stalled = false;
            // What it counts until then means nothing.
            body.set_position(body.truth());
            body.go(end);
        }
    }

    /// With hard limits ($21), all stops where a motion runs into a switch.
    fn guard(&mut self, reply: &mut Vec<u8>) {
        let Some(motion) = self.queue.front() else { return };
        let goes = |at: usize| motion.targets[self.joints[at].place].is_some();
        let is_at_switch = |at: usize| goes(at) && self.bodies[at].truth() == self.switch(at);
        if self.setting(21) != 0.0 && (0..self.joints.len()).any(is_at_switch) {
            self.bodies.iter_mut().for_each(Body::halt);
            self.queue.clear();
            self.state = State::Critical;
            reply.extend(b"ALARM:1\r\n[MSG:Reset to continue]\r\n");
        }
    }

    /// Where the switch of an axis is, in its unit.
    fn switch(&self, at: usize) -> f64 {
        let joint = &self.joints[at];
        let is_lower = self.setting(23) as u8 & (1 << joint.place) != 0;
        let is_greatest = is_lower != (joint.scale.counts_per_unit > 0.0);
        self.bodies[at].limits()[usize::from(is_greatest)]
    }

    /// It has come to rest while it homed.
    fn homed(&mut self, is_off: bool, reply: &mut Vec<u8>) {
        if is_off {
            self.state = State::Idle;
            reply.extend(b"ok\r\n");
            return;
        }
        if (0..self.joints.len())
            .any(|at| self.bodies[at].has_stalled || self.bodies[at].truth() != self.switch(at))
        {
            // No switch was found within its travel.
            return self.reset(Some(9), reply);
        }
        self.state = State::Home { is_off: true };
        for (joint, body) in self.joints.iter_mut().zip(&mut self.bodies) {
            // It calls this place as its travel says, and that is what the rig says too.
            body.set_position(body.truth());
            (body.is_referenced, joint.had_reference) = (true, true);
            let [least, greatest] = body.limits();
            let off = joint.scale.units(PULL_OFF);
            let is_upper = body.truth() == greatest;
            body.go((body.truth() + if is_upper { -off } else { off }).clamp(least, greatest));
        }
    }
}

impl Joint {
    /// Limits the rate of a body to so many mm/min; what it cannot reach does not limit it.
    fn limit(&mut self, body: &mut Body, rate: f64) {
        let [speed, acceleration] = body.rates();
        if rate < self.fastest * (1.0 - 1e-6) {
            self.own_speed.get_or_insert(speed);
            body.set_rates(self.scale.units(rate.max(1e-6) / 60.0), acceleration);
        } else if let Some(own_speed) = self.own_speed.take() {
            body.set_rates(own_speed, acceleration);
        }
    }
}

/// A motor of its own: 20 mm of travel below its switch at 10 mm/s, or 100 turns at 30 turns/s.
fn own_motor(axis: &AxisConfig, scale: Scale) -> MotorSettings {
    let (travel, rate): (f64, f64) = if axis.unit.nm().is_some() { (20.0, 10.0) } else { (100.0, 30.0) };
    let [one, other] = [-travel, 0.0].map(|count| scale.unit_from_count(count));
    let limits = [one.min(other), one.max(other)];
    let speed = scale.units(rate);
    let start = 0.5 * (one + other);
    MotorSettings { start, limits, speed, acceleration: 10.0 * speed, play: 0.0, lag_s: 0.0 }
}

impl Device for Gcode {
    fn receive(&mut self, bytes: &[u8], reply: &mut Vec<u8>) {
        for byte in bytes {
            self.byte(*byte, reply);
            self.work(reply);
        }
    }

    fn pass(&mut self, dt_s: f64, reply: &mut Vec<u8>) {
        if self
            .joints
            .iter()
            .zip(&self.bodies)
            .any(|(joint, body)| joint.had_reference && !body.is_referenced)
        {
            // Power was away.
            self.joints.iter_mut().for_each(|joint| joint.had_reference = false);
            self.bodies.iter_mut().for_each(|body| body.is_referenced = false);
            self.state = State::Alarm;
            self.reset(None, reply);
        }
        self.bodies.iter_mut().for_each(|body| body.pass(dt_s));
        self.guard(reply);
        if !self.is_moving() {
            let has_stalled = self.bodies.iter_mut().any(|body| std::mem::take(&mut body.has_stalled));
            match self.state {
                State::Run | State::Jog | State::Cancel if has_stalled => self.reset(Some(3), reply),
                State::Home { .. } if has_stalled => self.reset(Some(9), reply),
                State::Run | State::Jog => {
                    self.queue.pop_front();
                    self.start(self.state);
                }
                State::Cancel => self.state = State::Idle,
                State::Home { is_off } => self.homed(is_off, reply),
                _ => {}
            }
        }
        if std::mem::take(&mut self.is_asked) {
            if matches!(self.state, State::Home { .. }) {
                self.is_asked = true;
            } else {
                self.report(reply);
            }
        }
        self.work(reply);
    }

    fn bodies(&mut self) -> &mut [Body] {
        &mut self.bodies
    }
}
