//! A force that changes by so much in a second: the magnets are sent ahead of where they are to be, again and again, each time at the speed
//! that brings them there in time.
//!
//! Runs on: `beadscope-ramp`, one for each ramp. It holds the axis of the magnets meanwhile; whoever stops it ends the ramp.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::MAGNET_HEIGHT;
use super::force::{ForceError, RampParts, magnets};
use super::model::{Force, MagnetModel};
use crate::command::Sender;
use crate::hardware::Order;
use crate::safety::Wish;

/// How often the magnets are sent on.
const TICK: Duration = Duration::from_millis(40);
/// How far ahead they are sent: two ticks and the way of an order, so that they never come to rest between two.
const AHEAD_S: f64 = 0.1;
/// At so many forces it is looked whether the magnets are fast enough.
const LOOKS: u32 = 400;
/// Magnets that do not come to rest at the end of a ramp for so long do not arrive.
const ARRIVAL: Duration = Duration::from_secs(10);

/// How a ramp goes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RampState {
    /// Where it began, pN.
    pub from_pn: f64,
    /// Where it ends, pN.
    pub to_pn: f64,
    /// How fast, pN/s.
    pub rate_pn_per_s: f64,
    /// When it began, ns since 1970 UTC; 0 until then.
    pub began_unix_ns: u64,
    /// The force that it wants now, pN.
    pub wanted_pn: f64,
    /// It goes on.
    pub is_running: bool,
    /// It was ended before its end.
    pub is_cancelled: bool,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

pub(super) struct Ramp {
    parts: Arc<RampParts>,
    state: Arc<Mutex<Option<RampState>>>,
    model: MagnetModel,
    from_pn: f64,
    to_pn: f64,
    rate_pn_per_s: f64,
}

impl Ramp {
    /// A ramp from the force that there is, if the magnets can go as fast as it needs.
    pub(super) fn new(
        parts: Arc<RampParts>,
        state: Arc<Mutex<Option<RampState>>>,
        model: MagnetModel,
        to_pn: f64,
        rate_pn_per_s: f64,
    ) -> Result<Self, ForceError> {
        let at = magnets(&parts.hardware).and_then(|magnets| magnets.state).ok_or(ForceError::NoMagnets)?;
        let Force { pn: from_pn, is_calibrated } = model.force(at.position);
        if !is_calibrated {
            let [least, greatest] = model.forces_pn();
            return Err(ForceError::Beyond { least, greatest });
        }
        model.height_mm(to_pn)?;
        let ramp = Self { parts, state, model, from_pn, to_pn, rate_pn_per_s };
        ramp.check_speed()?;
        Ok(ramp)
    }

    pub(super) fn first_state(&self) -> RampState {
        RampState {
            from_pn: self.from_pn,
            to_pn: self.to_pn,
            rate_pn_per_s: self.rate_pn_per_s,
            began_unix_ns: 0,
            wanted_pn: self.from_pn,
            is_running: true,
            is_cancelled: false,
            failure: None,
        }
    }

    fn check_speed(&self) -> Result<(), ForceError> {
        let length_s = self.length_s();
        let at = |part: u32| length_s * f64::from(part) / f64::from(LOOKS);
        for part in 0..LOOKS {
            let [here, there] = [self.height_mm(at(part))?, self.height_mm(at(part + 1))?];
            let needed = (there - here).abs() / (length_s / f64::from(LOOKS));
            let most = self.most(0.5 * (here + there));
            if let Some(most) = most.filter(|most| needed > *most) {
                let (rate_pn_per_s, at_pn) = (self.rate_pn_per_s, self.wanted_pn(at(part)));
                return Err(ForceError::TooFast { rate_pn_per_s, needed, at_pn, most });
            }
        }
        Ok(())
    }

    fn length_s(&self) -> f64 {
        ((self.to_pn - self.from_pn) / self.rate_pn_per_s).abs().max(f64::MIN_POSITIVE)
    }

    fn wanted_pn(&self, after_s: f64) -> f64 {
        let part = (after_s / self.length_s()).clamp(0.0, 1.0);
        self.from_pn + part * (self.to_pn - self.from_pn)
    }

    fn height_mm(&self, after_s: f64) -> Result<f64, ForceError> {
        // The ends may lie a rounding outside of what was calibrated.
        let [least, greatest] = self.model.forces_pn();
        Ok(self.model.height_mm(self.wanted_pn(after_s).clamp(least, greatest))?)
    }

    pub(super) fn run(self) {
        let done = self.climb();
        // Whoever stopped the magnets has taken them, and may have sent them on.
        let is_ours = || {
            magnets(&self.parts.hardware).is_some_and(|magnets| magnets.owner == Some(Sender::Ramp.name()))
        };
        if done.is_err() && is_ours() {
            let _ =
                self.parts.hardware.ask(Sender::Ramp, Order::Stop { axis: Some(MAGNET_HEIGHT.to_owned()) });
        }
        let _ = self.parts.hardware.ask(Sender::Ramp, Order::Release { axis: MAGNET_HEIGHT.to_owned() });
        match &done {
            Ok(()) => tracing::info!("the force has come to {} pN", self.to_pn),
            Err(why) => tracing::warn!("the force ramp has ended: {why}"),
        }
        self.tell(|state| (state.is_running, state.failure) = (false, done.err()));
    }

    fn climb(&self) -> Result<(), String> {
        let began = Instant::now();
        let clock = self.parts.clock;
        self.tell(|state| state.began_unix_ns = clock.unix_ns(clock.now_ns()));
        loop {
            let after_s = began.elapsed().as_secs_f64();
            let to = self.height_mm(after_s + AHEAD_S).map_err(|error| error.to_string())?;
            self.check()?;
            self.tell(|state| state.wanted_pn = self.wanted_pn(after_s));
            let reading = magnets(&self.parts.hardware).ok_or("the magnets are gone")?;
            let at = reading.state.ok_or_else(|| reading.error.clone().unwrap_or_default())?;
            // From where they were seen, and when.
            let left_s = (AHEAD_S + reading.at.elapsed().as_secs_f64()).max(AHEAD_S);
            let speed = self.allowed((to - at.position).abs() / left_s, at.position);
            let wish = Wish::Move { to, speed, clamp: false };
            let order = Order::Wish { axis: MAGNET_HEIGHT.to_owned(), wish };
            self.parts.hardware.ask(Sender::Ramp, order).map_err(|error| error.to_string())?;
            if after_s > self.length_s() {
                return self.arrive(to);
            }
            std::thread::sleep(TICK);
            self.is_still_ours(to)?;
        }
    }

    fn arrive(&self, to: f64) -> Result<(), String> {
        let since = Instant::now();
        loop {
            self.check()?;
            self.is_still_ours(to)?;
            let state = magnets(&self.parts.hardware).and_then(|magnets| magnets.state);
            if state.is_some_and(|state| !state.is_moving) {
                return Ok(());
            }
            if since.elapsed() > ARRIVAL {
                return Err(format!("the magnets do not arrive at {to} mm"));
            }
            std::thread::sleep(TICK);
        }
    }

    /// A speed that the magnets take there.
    fn allowed(&self, speed: f64, at_mm: f64) -> Option<f64> {
        let [slowest, _] = magnets(&self.parts.hardware)?.info.can.speed?;
        Some(speed.min(self.most(at_mm)?).max(slowest))
    }

    /// The fastest that the magnets go there; `None` if they take no speed.
    fn most(&self, at_mm: f64) -> Option<f64> {
        let [_, fastest] = magnets(&self.parts.hardware)?.info.can.speed?;
        Some(self.parts.hardware.top_speed(MAGNET_HEIGHT, at_mm).map_or(fastest, |most| most.min(fastest)))
    }

    fn check(&self) -> Result<(), String> {
        if self.parts.status.is_stopping() {
            return Err("the session has ended".to_owned());
        }
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.as_ref().is_some_and(|state| state.is_cancelled) {
            true => Err("it was ended".to_owned()),
            false => Ok(()),
        }
    }

    /// Whoever stops the magnets, or takes them, takes their target away.
    fn is_still_ours(&self, to: f64) -> Result<(), String> {
        match magnets(&self.parts.hardware).and_then(|magnets| magnets.target) {
            Some(target) if target == to => Ok(()),
            _ => Err("somebody has stopped or moved the magnets".to_owned()),
        }
    }

    fn tell(&self, change: impl FnOnce(&mut RampState)) {
        if let Some(state) = self.state.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            change(state);
        }
    }
}
