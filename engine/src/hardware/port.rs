//! The thread of a port: has its controller do what is asked and granted, tells where its axes are, and finds a lost one again.
//!
//! Runs on: `beadscope-hardware`, one for each controller. It alone holds the controller, behind a [`Guard`]. A device that does not answer
//! costs its deadlines and no more; then it is looked for with growing pauses, and its axes may be anywhere until they are read again.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use beadscope_drivers::axis::AxisError;

use super::guard::Guard;
use super::pulse::Pulse;
use super::{Asked, AxisReading, HardwareError, Order};
use crate::command::Sender;

/// How often an axis that stays is recorded all the same.
const RECORD_ALL: Duration = Duration::from_secs(1);
/// The pause before a lost controller is looked for again: at first, and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(5)];

/// How soon everybody notices an emergency.
const NOTICE: Duration = Duration::from_millis(10);

/// The thread's own.
pub(crate) struct Port<F> {
    pub(super) guard: Guard,
    pub(super) orders: Receiver<Asked>,
    /// Of all ports; this one writes from `first` on.
    pub(super) readings: Arc<Mutex<Vec<AxisReading>>>,
    pub(super) first: usize,
    /// Gets what has changed since it got it last, and everything once a second.
    pub(super) record: F,
    pub(super) recorded: Option<Instant>,
    /// How often its axes are asked where they are.
    pub(super) poll: Duration,
    pub(super) pulse: Pulse,
    /// When to look for a lost controller again, and the pause after that.
    pub(super) lost: Option<(Instant, Duration)>,
}

impl<F: FnMut(Vec<AxisReading>)> Port<F> {
    /// Works until `is_over`. A motion that was asked for ends where it was to end, unless the session has `failed`: nobody would see what it
    /// does.
    pub(crate) fn run(mut self, is_over: impl Fn() -> bool, failed: impl Fn() -> bool) {
        let mut next = Instant::now() + self.poll;
        while !is_over() {
            self.heed_others();
            let wait = next.saturating_duration_since(Instant::now()).min(NOTICE);
            match self.orders.recv_timeout(wait) {
                Ok(first) => self.obey_all(first),
                Err(RecvTimeoutError::Timeout) if Instant::now() < next => {}
                Err(RecvTimeoutError::Timeout) => {
                    self.reconnect();
                    self.read();
                    next = Instant::now() + self.poll;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // What was asked while the last order took its time.
        let stops: Vec<Asked> = self.orders.try_iter().filter(|asked| asked.order.is_stop()).collect();
        for Asked { order, sender, answer, .. } in stops {
            let _ = answer.send(self.obey(sender, &order));
        }
        if let Err(error) = self.guard.stop_driven() {
            tracing::error!("a motor that was driven could not be stopped at the end: {error}");
        }
        if failed() || self.pulse.is_emergency_new() {
            // Where it does not answer there is nothing else to do.
            let _ = self.guard.emergency_stop();
        }
    }

    /// Stops if there is an emergency, or if another port's controller has died or its thread hangs: what one axis does may need the other.
    fn heed_others(&mut self) {
        if self.pulse.is_emergency_new() {
            let stopped = self.guard.emergency_stop();
            self.fault(stopped.err());
            self.read();
        }
        if let Some(why) = self.pulse.check() {
            tracing::error!("motors are stopped: {why}");
            let stopped = self.guard.stop_all();
            self.fault(stopped.err());
            self.read();
        }
    }

    /// In their order, but what waits before a stop of everything is not begun any more, and no stop is too late.
    pub(super) fn obey_all(&mut self, first: Asked) {
        let mut waiting = VecDeque::from([first]);
        loop {
            // Those, too, that came while the one before was carried out.
            waiting.extend(self.orders.try_iter());
            let stop = waiting.iter().rposition(|asked| asked.order.stops_all());
            for Asked { answer, .. } in waiting.drain(..stop.unwrap_or_default()) {
                // Whoever asked may have gone.
                let _ = answer.send(Err(HardwareError::Stopped));
            }
            // The same of what waits before a stop of its own axis.
            let is_before_stop = |place: usize, asked: &Asked| {
                matches!(asked.order, Order::Wish { .. })
                    && waiting.iter().skip(place + 1).any(|later| {
                        matches!(later.order, Order::Stop { .. }) && later.order.axis() == asked.order.axis()
                    })
            };
            let dropped: Vec<usize> =
                (0..waiting.len()).filter(|place| is_before_stop(*place, &waiting[*place])).collect();
            for place in dropped.into_iter().rev() {
                let given_up = waiting.remove(place);
                let _ = given_up.map(|asked| asked.answer.send(Err(HardwareError::Stopped)));
            }
            let Some(Asked { order, sender, until, answer }) = waiting.pop_front() else { return };
            let done = if Instant::now() > until && !order.is_stop() {
                // Whoever asked was told that it is not done.
                Err(HardwareError::Busy)
            } else {
                self.obey(sender, &order)
            };
            if let Err(HardwareError::Axis(error)) = &done {
                self.fault(Some(error.clone()));
            }
            self.read();
            let _ = answer.send(done);
        }
    }

    fn obey(&mut self, sender: Sender, order: &Order) -> Result<(), HardwareError> {
        match order {
            Order::Record => self.recorded = None,
            Order::Wish { axis, wish } => {
                let axis = self.find(axis)?;
                self.guard.obey(sender, axis, *wish)?;
            }
            Order::Stop { axis: Some(axis) } => {
                let axis = self.find(axis)?;
                self.guard.stop(axis)?;
            }
            Order::Stop { axis: None } => self.guard.stop_all()?,
            Order::Emergency => {
                // Done here, it need not be done for the others' sake.
                self.pulse.is_emergency_new();
                self.guard.emergency_stop()?;
            }
            Order::Zero { axis } => {
                let axis = self.first + self.find(axis)?;
                self.guard.gate().set_zero(axis)?;
            }
            // The gate has done it.
            Order::Resume | Order::Take { .. } | Order::Release { .. } => {}
        }
        Ok(())
    }

    /// The place of an axis in this controller. Whoever asks knows that it is here.
    fn find(&self, name: &str) -> Result<usize, HardwareError> {
        let gate = self.guard.gate();
        let place = gate.find(name).and_then(|place| place.checked_sub(self.first));
        place
            .filter(|place| *place < self.guard.axes())
            .ok_or_else(|| HardwareError::no_axis(name, &gate.names()))
    }

    /// Notes a broken link: motions of this controller are stopped as far as it hears, and the other ports are told.
    fn fault(&mut self, error: Option<AxisError>) {
        let Some(error) = error.filter(AxisError::is_fault) else { return };
        if self.lost.is_none() {
            tracing::error!("{error}");
            self.pulse.died(&error.to_string());
            self.lost = Some((Instant::now() + PAUSES[0], PAUSES[0]));
            self.guard.is_lost = true;
            let _ = self.guard.emergency_stop();
        }
    }

    fn reconnect(&mut self) {
        let Some((when, pause)) = self.lost else { return };
        if Instant::now() < when {
            return;
        }
        self.lost = Some((Instant::now() + pause, (2 * pause).min(PAUSES[1])));
        // What it was told when it died it may not have heard.
        let found = self.guard.reconnect().and_then(|()| self.guard.stop_all());
        if found.is_ok() {
            // Only once all of its axes answer is it there.
            self.guard.is_lost = false;
            if (0..self.guard.axes()).all(|axis| self.guard.read(axis).1.is_none()) {
                tracing::info!("motors answer again; look where they are before you move them");
                self.lost = None;
            }
            self.guard.is_lost = self.lost.is_some();
        }
    }

    /// Asks every axis where it is.
    pub(super) fn read(&mut self) {
        let mut readings = Vec::with_capacity(self.guard.axes());
        for axis in 0..self.guard.axes() {
            let (reading, fault) = self.guard.read(axis);
            if let Some(refused) = fault.as_ref().filter(|error| !error.is_fault()) {
                tracing::warn!("a motion ended on its way: {refused}");
            }
            self.fault(fault);
            readings.push(reading);
        }
        let before: Vec<AxisReading> = {
            let mut all = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
            // At first there is nothing of this port yet.
            let end = all.len().min(self.first + readings.len());
            all.splice(self.first..end, readings.clone()).collect()
        };
        let is_due = self.recorded.is_none_or(|at| at.elapsed() >= RECORD_ALL);
        if is_due {
            self.recorded = Some(Instant::now());
        }
        let is_new = |place: usize, now: &AxisReading| {
            before.get(place).is_none_or(|before| !now.says_the_same(before))
        };
        let changed = readings.into_iter().enumerate().filter(|(place, now)| is_due || is_new(*place, now));
        let changed: Vec<AxisReading> = changed.map(|(_, now)| now).collect();
        if !changed.is_empty() {
            (self.record)(changed);
        }
        self.pulse.beat();
    }
}
