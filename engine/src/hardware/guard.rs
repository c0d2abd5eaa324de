//! Holds a controller, and lets nothing through to it but what the gate has granted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use beadscope_drivers::axis::{AxisError, AxisState, Controller};

use super::{AxisReading, HardwareError};
use crate::command::Sender;
use crate::safety::{Gate, Leg, STARTED, Wish};

/// How far from the end of a part of its way an axis may rest and go on, as a part of its range.
const NEAR: f64 = 1e-3;

/// A controller behind the gate.
pub(crate) struct Guard {
    controller: Box<dyn Controller>,
    gate: Arc<Mutex<Gate>>,
    /// The place of its first axis among all of the gate.
    first: usize,
    motions: Vec<Motion>,
    /// It does not answer, and is looked for now and then.
    pub(super) is_lost: bool,
    /// What time it is; tests have a time of their own.
    pub(crate) clock: fn() -> Instant,
}

/// What an axis is doing.
#[derive(Default)]
struct Motion {
    /// Parts of its way that are still to come, after the one that it is on.
    legs: VecDeque<Leg>,
    /// The end of the one that it is on.
    on_way_to: Option<f64>,
    /// When it was sent there.
    sent: Option<Instant>,
    /// The speed that the controller was given last.
    speed: Option<f64>,
    /// It goes on until somebody stops it.
    is_driven: bool,
}

impl Guard {
    pub(crate) fn new(controller: Box<dyn Controller>, gate: Arc<Mutex<Gate>>, first: usize) -> Self {
        let motions = controller.axes().iter().map(|_| Motion::default()).collect();
        Self { controller, gate, first, motions, is_lost: false, clock: Instant::now }
    }

    /// How many axes it has.
    pub(crate) fn axes(&self) -> usize {
        self.motions.len()
    }

    pub(crate) fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what somebody wants of an axis, counted in this controller, if the gate grants it.
    pub(crate) fn obey(&mut self, sender: Sender, axis: usize, wish: Wish) -> Result<(), HardwareError> {
        // What it was a moment ago may be wrong by now: power was off and on again, it stalled.
        let (mut seen, _) = self.look(axis);
        if let (Ok(state), false) = (&mut seen, self.motions[axis].legs.is_empty()) {
            // It rests between two parts of its way.
            state.is_moving = true;
        }
        self.gate().see(self.first + axis, seen, (self.clock)());
        let legs = self.gate().ask(sender, self.first + axis, wish, (self.clock)())?;
        self.motions[axis].legs.clear();
        self.motions[axis].on_way_to = None;
        self.motions[axis].is_driven = matches!(wish, Wish::Drive { .. });
        if wish == Wish::Home {
            // It comes back as its controller has it.
            self.motions[axis].speed = None;
            return Ok(self.controller.home(axis)?);
        }
        self.motions[axis].legs = legs.into();
        Ok(self.next_leg(axis)?)
    }

    /// Sends an axis on its way's next part, if there is one. What fails halfway ends the motion: the rest of it was for the case that it
    /// had not.
    fn next_leg(&mut self, axis: usize) -> Result<(), AxisError> {
        let mut legs = std::mem::take(&mut self.motions[axis].legs);
        self.motions[axis].on_way_to = None;
        let place = self.first + axis;
        let Some(leg) = legs.pop_front().filter(|_| !self.gate().is_stopped()) else { return Ok(()) };
        self.gate().goes_on(place, (self.clock)());
        let sent = self.send(axis, leg);
        match sent {
            Ok(()) => {
                let motion = &mut self.motions[axis];
                (motion.legs, motion.on_way_to, motion.sent) = (legs, Some(leg.to), Some((self.clock)()));
            }
            Err(_) => self.gate().ended(place),
        }
        sent
    }

    /// Stops what nobody will stop any more.
    pub(crate) fn stop_driven(&mut self) -> Result<(), AxisError> {
        let driven: Vec<usize> = (0..self.axes()).filter(|axis| self.motions[*axis].is_driven).collect();
        driven.into_iter().try_for_each(|axis| self.stop(axis))
    }

    fn send(&mut self, axis: usize, leg: Leg) -> Result<(), AxisError> {
        if let Some(speed) = leg.speed.filter(|speed| self.motions[axis].speed != Some(*speed)) {
            self.motions[axis].speed = None;
            self.controller.set_speed(axis, speed)?;
            self.motions[axis].speed = Some(speed);
        }
        let (zero, is_stopped) = {
            let gate = self.gate();
            (gate.zero(self.first + axis), gate.is_stopped())
        };
        // Somebody may have stopped everything meanwhile, and this thread is yet to hear of it.
        if is_stopped { Ok(()) } else { self.controller.move_to(axis, leg.to + zero) }
    }

    /// Where an axis is, as people count, or what its controller says.
    fn look(&mut self, axis: usize) -> (Result<AxisState, String>, Option<AxisError>) {
        let read = match self.controller.read(axis) {
            // One answer that is lost is asked for again, once the line is in step.
            Err(error) if error.is_fault() && !self.is_lost => {
                tracing::warn!("asked again: {error}");
                self.motions.iter_mut().for_each(|motion| motion.speed = None);
                let again = self.controller.reconnect().and_then(|()| self.controller.read(axis));
                again.map_err(|_| error)
            }
            read => read,
        };
        let zero = self.gate().zero(self.first + axis);
        match read {
            Ok(state) => (Ok(AxisState { position: state.position - zero, ..state }), None),
            Err(error) => (Err(error.to_string()), Some(error)),
        }
    }

    /// Asks an axis where it is, tells the gate, and sends it on if a part of its way is done.
    pub(crate) fn read(&mut self, axis: usize) -> (AxisReading, Option<AxisError>) {
        let asked = (self.clock)();
        let (mut seen, mut fault) = self.look(axis);
        let now = (self.clock)();
        if let Ok(state) = &mut seen {
            let motion = &mut self.motions[axis];
            if !state.is_referenced {
                // Power was away, and with it what it was given.
                motion.speed = None;
            }
            let [least, greatest] = self.controller.axes()[axis].limits;
            let near = NEAR * (greatest - least);
            let is_there = motion.on_way_to.is_some_and(|end| (end - state.position).abs() <= near);
            if !motion.legs.is_empty() && !state.is_moving {
                if is_there && state.alarm.is_none() && state.is_referenced {
                    fault = self.next_leg(axis).err();
                    state.is_moving = true;
                } else if motion.sent.is_none_or(|sent| now.duration_since(sent) > STARTED) {
                    tracing::warn!(
                        "{} rests on its way; it is sent no further",
                        self.controller.axes()[axis].name
                    );
                    motion.legs.clear();
                }
            }
        } else {
            // What it was doing is not gone on with: where it is now is not known.
            self.motions[axis].legs.clear();
        }
        let place = self.first + axis;
        let mut gate = self.gate();
        gate.see(place, seen.clone(), now);
        let reading = AxisReading {
            info: gate.info(place).clone(),
            state: seen.as_ref().ok().copied(),
            target: gate.target(place),
            error: seen.err(),
            owner: gate.owner(place).map(Sender::name),
            is_stopped: gate.is_stopped(),
            at: asked + (now - asked) / 2,
        };
        (reading, fault)
    }

    /// Brings an axis to rest. Nobody is asked.
    pub(crate) fn stop(&mut self, axis: usize) -> Result<(), AxisError> {
        self.motions[axis] = Motion { speed: self.motions[axis].speed, ..Motion::default() };
        self.gate().stopped(self.first + axis);
        self.controller.stop(axis)
    }

    /// Brings all axes of the controller to rest, whichever does not answer.
    pub(crate) fn stop_all(&mut self) -> Result<(), AxisError> {
        let stopped: Vec<_> = (0..self.axes()).map(|axis| self.stop(axis)).collect();
        stopped.into_iter().collect()
    }

    /// Brings all axes of the controller to rest as fast as they can. Nobody is asked.
    pub(crate) fn emergency_stop(&mut self) -> Result<(), AxisError> {
        for axis in 0..self.axes() {
            self.motions[axis] = Motion::default();
            self.gate().stopped(self.first + axis);
        }
        self.controller.emergency_stop()
    }

    /// Opens the port again. What the controller was given before is not known any more.
    pub(crate) fn reconnect(&mut self) -> Result<(), AxisError> {
        self.motions.iter_mut().for_each(|motion| *motion = Motion::default());
        self.controller.reconnect()
    }
}

impl Drop for Guard {
    /// Nobody would see what its motors do after a panic.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.controller.emergency_stop();
        }
    }
}
