//! The watch that ports keep over each other: a controller that dies, or a thread that hangs in one, stops the motors of all.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A thread that has not come round for so long hangs: an answer may take 2 s at most, and after one that is missed nothing more is asked.
const HANGS: Duration = Duration::from_secs(10);

/// What all ports see of each other.
pub(super) struct Pulses {
    began: Instant,
    /// When each port came round last, ns after `began`.
    beats: Vec<AtomicU64>,
    /// Why motors are to stop, counted.
    deaths: AtomicU64,
    death: Mutex<String>,
    emergencies: AtomicU64,
}

/// One port's end.
pub(crate) struct Pulse {
    all: Arc<Pulses>,
    port: usize,
    deaths: u64,
    emergencies: u64,
    /// Those hanging ports that it knows of.
    hanging: Vec<bool>,
}

impl Pulses {
    pub(super) fn new(ports: usize) -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            beats: (0..ports).map(|_| AtomicU64::new(0)).collect(),
            deaths: AtomicU64::new(0),
            death: Mutex::default(),
            emergencies: AtomicU64::new(0),
        })
    }

    pub(super) fn of(self: &Arc<Self>, port: usize) -> Pulse {
        Pulse { all: self.clone(), port, deaths: 0, emergencies: 0, hanging: vec![false; self.beats.len()] }
    }

    /// Everybody is to stop as fast as possible.
    pub(super) fn emergency(&self) {
        self.emergencies.fetch_add(1, Ordering::Release);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Pulse {
    /// It is alive.
    pub(super) fn beat(&self) {
        self.all.beats[self.port].store(self.all.now(), Ordering::Relaxed);
    }

    /// Its controller is not.
    pub(super) fn died(&mut self, why: &str) {
        why.clone_into(&mut self.all.death.lock().unwrap_or_else(PoisonError::into_inner));
        // It has stopped its own.
        self.deaths = self.all.deaths.fetch_add(1, Ordering::Release) + 1;
    }

    /// Why to stop, once for each reason.
    pub(super) fn check(&mut self) -> Option<String> {
        let deaths = self.all.deaths.load(Ordering::Acquire);
        if deaths != std::mem::replace(&mut self.deaths, deaths) {
            return Some(self.all.death.lock().unwrap_or_else(PoisonError::into_inner).clone());
        }
        let now = self.all.now();
        for (port, beat) in self.all.beats.iter().enumerate().filter(|(port, _)| *port != self.port) {
            let silent = Duration::from_nanos(now.saturating_sub(beat.load(Ordering::Relaxed)));
            let hangs = silent > HANGS;
            if !std::mem::replace(&mut self.hanging[port], hangs) && hangs {
                return Some(format!(
                    "the thread of controller {} hangs since {} s",
                    port + 1,
                    silent.as_secs()
                ));
            }
        }
        None
    }

    /// Whether somebody has asked for an emergency stop since it was asked last.
    pub(super) fn is_emergency_new(&mut self) -> bool {
        let emergencies = self.all.emergencies.load(Ordering::Acquire);
        emergencies != std::mem::replace(&mut self.emergencies, emergencies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_hears_once_of_a_thread_that_hangs() {
        let mut all = Pulses::new(3);
        let began = Instant::now().checked_sub(2 * HANGS).unwrap();
        Arc::get_mut(&mut all).unwrap().began = began;
        let mut pulses: Vec<Pulse> = (0..3).map(|port| all.of(port)).collect();
        // The first has not come round since the beginning.
        pulses[1].beat();
        pulses[2].beat();
        for port in [1, 2] {
            let told = pulses[port].check().unwrap();
            assert!(told.starts_with("the thread of controller 1 hangs since 20 s"), "{told}");
            assert_eq!(pulses[port].check(), None);
        }
        pulses[0].beat();
        assert_eq!(pulses[1].check(), None);
        pulses[0].died("no power");
        assert_eq!(pulses[0].check(), None, "it has stopped its own");
        assert_eq!(pulses[2].check().as_deref(), Some("no power"));
    }
}
