//! Motors: where all axes are, and the way for orders to the threads that move them.
//!
//! Each controller has a thread of its own (`port.rs`), which alone talks to it; whatever moves passes the gate of [`crate::safety`] first.
//! Others send `Order`s and read [`AxisReading`]s.

mod guard;
mod open;
mod port;
mod pulse;
#[cfg(test)]
mod tests;

use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use beadscope_drivers::axis::{AxisError, Controller};
pub use beadscope_drivers::axis::{AxisInfo, AxisState, AxisUnit};
use serde::Serialize;

use crate::command::{Command, Sender};
use crate::safety::{Gate, Rehearsed, SafetyError, SafetySection, Violation, Wish, rehearse};
pub(crate) use guard::Guard;
pub use open::{Motors, MotorsError, MotorsSection, Simulations};
use port::Port;
use pulse::Pulses;

/// Orders that may wait for one port.
const ORDERS: usize = 256;
/// Whoever gives an order waits no longer for its answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where an axis is, and where it was sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AxisReading {
    /// Which it is, its unit and where it may go at all.
    #[serde(flatten)]
    pub info: AxisInfo,
    /// Where it is; `None` if nobody knows.
    #[serde(flatten)]
    pub state: Option<AxisState>,
    /// Where it was sent last; `None` if it was not, or was stopped.
    pub target: Option<f64>,
    /// Why it does not answer.
    pub error: Option<String>,
    /// Who holds it; others cannot move it.
    pub owner: Option<&'static str>,
    /// Nothing moves since an emergency stop.
    pub is_stopped: bool,
    /// When it was asked.
    #[serde(skip)]
    pub at: Instant,
}

impl AxisReading {
    /// As a recording keeps it, given which time it is now.
    pub(crate) fn at(self, now_unix_ns: u64) -> AxisSample {
        let age_ns = u64::try_from(self.at.elapsed().as_nanos()).unwrap_or(u64::MAX);
        AxisSample {
            unix_ns: now_unix_ns.saturating_sub(age_ns),
            axis: self.info.name,
            position: self.state.map(|state| state.position),
            target: self.target,
            is_moving: self.state.is_some_and(|state| state.is_moving),
        }
    }

    /// But for when it was asked.
    fn says_the_same(&self, other: &Self) -> bool {
        *self == Self { at: self.at, ..other.clone() }
    }
}

/// Where an axis was, for the recording.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisSample {
    /// When it was asked, ns since 1970 UTC.
    pub unix_ns: u64,
    /// Its name.
    pub axis: String,
    /// Where it was, in its unit; `None` if it did not answer.
    pub position: Option<f64>,
    /// Where it had been sent last.
    pub target: Option<f64>,
    /// It was on its way.
    pub is_moving: bool,
}

/// Why an axis does not do it; it stays as it is.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum HardwareError {
    /// There is no such axis.
    #[error("there is no axis {asked}; there are: {there}")]
    NoAxis {
        /// What was asked for.
        asked: String,
        /// Those there are.
        there: String,
    },
    /// A rule forbids it.
    #[error(transparent)]
    Forbidden(#[from] Violation),
    /// The device refuses, or does not answer.
    #[error(transparent)]
    Axis(#[from] AxisError),
    /// The thread is busy with a device that does not answer. What it has begun it may still do; what waits is not begun later.
    #[error(
        "the hardware did not answer within 2 s, and may still do it; look where everything is, at cables and power"
    )]
    Busy,
    /// A stop came after it, and before its turn.
    #[error("everything was stopped before this had its turn")]
    Stopped,
    /// The session has ended.
    #[error("the session has ended; start another")]
    Ended,
}

impl HardwareError {
    fn no_axis(asked: &str, there: &[&str]) -> Self {
        let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
        Self::NoAxis { asked: asked.to_owned(), there }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Order {
    /// Have an axis move.
    Wish { axis: String, wish: Wish },
    /// Bring it to rest, or all.
    Stop { axis: Option<String> },
    /// Bring all to rest as fast as they can, and let nothing move until somebody resumes.
    Emergency,
    /// Let things move again.
    Resume,
    /// Hold an axis, so that nobody else moves it.
    Take { axis: String },
    /// Give it back.
    Release { axis: String },
    /// Call where it is 0.
    Zero { axis: String },
    /// Record where everything is.
    Record,
}

impl Order {
    /// What a command asks of the motors, if it does.
    pub(crate) fn of(command: &Command) -> Option<Self> {
        let wish = |axis: &String, wish| Some(Self::Wish { axis: axis.clone(), wish });
        match command {
            Command::AxisMove { axis, to, speed, clamp } => {
                wish(axis, Wish::Move { to: *to, speed: *speed, clamp: clamp.unwrap_or_default() })
            }
            Command::AxisStep { axis, by } => wish(axis, Wish::Step { by: *by }),
            Command::AxisDrive { axis, speed } => wish(axis, Wish::Drive { speed: *speed }),
            Command::AxisHome { axis } => wish(axis, Wish::Home),
            Command::AxisStop { axis } => Some(Self::Stop { axis: axis.clone() }),
            Command::AxisEmergencyStop {} => Some(Self::Emergency),
            Command::AxisResume {} => Some(Self::Resume),
            Command::AxisTake { axis } => Some(Self::Take { axis: axis.clone() }),
            Command::AxisRelease { axis } => Some(Self::Release { axis: axis.clone() }),
            Command::AxisZero { axis } => Some(Self::Zero { axis: axis.clone() }),
            _ => None,
        }
    }

    /// It stops something; it is never too late.
    fn is_stop(&self) -> bool {
        matches!(self, Self::Stop { .. } | Self::Emergency)
    }

    /// It stops everything.
    fn stops_all(&self) -> bool {
        matches!(self, Self::Stop { axis: None } | Self::Emergency)
    }

    /// The axis that it is for; `None`: for all.
    fn axis(&self) -> Option<&str> {
        match self {
            Self::Wish { axis, .. }
            | Self::Stop { axis: Some(axis) }
            | Self::Take { axis }
            | Self::Release { axis }
            | Self::Zero { axis } => Some(axis),
            Self::Stop { axis: None } | Self::Emergency | Self::Resume | Self::Record => None,
        }
    }
}

struct Asked {
    order: Order,
    sender: Sender,
    /// Whoever asked waits until then.
    until: Instant,
    answer: SyncSender<Result<(), HardwareError>>,
}

/// Sends orders and reads where axes are.
#[derive(Clone)]
pub(crate) struct HardwareHandle {
    /// To each port, with the place of its first axis.
    ports: Vec<(usize, SyncSender<Asked>)>,
    readings: Arc<Mutex<Vec<AxisReading>>>,
    gate: Arc<Mutex<Gate>>,
    pulses: Arc<Pulses>,
}

impl HardwareHandle {
    /// Has an order carried out, on every port that it concerns.
    pub(crate) fn ask(&self, sender: Sender, order: Order) -> Result<(), HardwareError> {
        self.submit(sender, order)?.wait()
    }

    /// Puts an order before every port that it concerns, behind those that were submitted before it. It waits for nobody.
    pub(crate) fn submit(&self, sender: Sender, order: Order) -> Result<Submitted, HardwareError> {
        if order == Order::Emergency {
            // Whatever the threads are busy with, nothing new is granted from here on.
            self.gate().emergency();
            self.pulses.emergency();
        }
        if self.settle(sender, &order)? {
            return Ok(Submitted::done());
        }
        let until = Instant::now() + PATIENCE;
        let ports: Vec<&SyncSender<Asked>> = match order.axis() {
            None => self.ports.iter().map(|(_, port)| port).collect(),
            Some(axis) => vec![self.port_of(axis)?],
        };
        let answers = ports.into_iter().map(|port| send(port, sender, order.clone(), until)).collect();
        Ok(Submitted { answers, until })
    }

    /// Does what concerns only who may, which needs no thread; whether it was that.
    fn settle(&self, sender: Sender, order: &Order) -> Result<bool, HardwareError> {
        {
            let mut gate = self.gate();
            let place = |gate: &Gate, axis: &str| {
                gate.find(axis).ok_or_else(|| HardwareError::no_axis(axis, &gate.names()))
            };
            match order {
                Order::Resume => gate.resume(sender)?,
                Order::Take { axis } => {
                    let axis = place(&gate, axis)?;
                    gate.take(sender, axis)?;
                }
                Order::Release { axis } => {
                    let axis = place(&gate, axis)?;
                    gate.release(sender, axis);
                }
                _ => return Ok(false),
            }
        }
        self.tell_owners();
        Ok(true)
    }

    /// What people see of who holds what, before the axes are asked again.
    fn tell_owners(&self) {
        let gate = self.gate();
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        for (axis, reading) in readings.iter_mut().enumerate() {
            (reading.owner, reading.is_stopped) = (gate.owner(axis).map(Sender::name), gate.is_stopped());
        }
    }

    fn port_of(&self, axis: &str) -> Result<&SyncSender<Asked>, HardwareError> {
        let gate = self.gate();
        let place = gate.find(axis).ok_or_else(|| HardwareError::no_axis(axis, &gate.names()))?;
        let port = self.ports.iter().rev().find(|(first, _)| *first <= place);
        port.map(|(_, port)| port).ok_or(HardwareError::Ended)
    }

    /// Has everything recorded as it is now, also what does not move. It waits for nobody.
    pub(crate) fn record_all(&self) {
        for (_, port) in &self.ports {
            // If it has no room, the next second tells.
            let _ = send(port, Sender::Session, Order::Record, Instant::now() + PATIENCE);
        }
    }

    /// Where all axes were when they were asked last.
    pub(crate) fn readings(&self) -> Vec<AxisReading> {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The fastest that an axis may go where it is; `None` if nobody says, or nobody is there.
    pub(crate) fn top_speed(&self, axis: &str, at: f64) -> Option<f64> {
        let gate = self.gate();
        gate.top_speed(gate.find(axis)?, at)
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Answer = std::sync::mpsc::Receiver<Result<(), HardwareError>>;

/// An order that ports have, and have not answered yet.
pub(crate) struct Submitted {
    /// Of each port.
    answers: Vec<Result<Answer, HardwareError>>,
    until: Instant,
}

impl Submitted {
    /// There is nothing to wait for.
    pub(crate) fn done() -> Self {
        Self { answers: Vec::new(), until: Instant::now() }
    }

    /// Waits until it is done, 2 s from when it was submitted at most.
    pub(crate) fn wait(self) -> Result<(), HardwareError> {
        let answers = self.answers.into_iter().map(|told| {
            let left = self.until.saturating_duration_since(Instant::now());
            told?.recv_timeout(left).unwrap_or_else(|silence| match silence {
                RecvTimeoutError::Timeout => Err(HardwareError::Busy),
                RecvTimeoutError::Disconnected => Err(HardwareError::Ended),
            })
        });
        // Each is heard, also behind one that failed.
        answers.collect::<Vec<_>>().into_iter().collect()
    }
}

fn send(
    port: &SyncSender<Asked>,
    sender: Sender,
    order: Order,
    until: Instant,
) -> Result<Answer, HardwareError> {
    let (answer, told) = sync_channel(1);
    port.try_send(Asked { order, sender, until, answer }).map_err(|refused| match refused {
        TrySendError::Full(_) => HardwareError::Busy,
        TrySendError::Disconnected(_) => HardwareError::Ended,
    })?;
    Ok(told)
}

/// A controller that is open.
pub struct OpenController {
    /// It.
    pub controller: Box<dyn Controller>,
    /// The speeds of its axes where nobody asks for another, units per second.
    pub usual_speeds: Vec<Option<f64>>,
    /// How often its axes are asked where they are.
    pub poll: Duration,
}

/// Tries the motions of a script against the rules, from where everything is now. Nothing moves.
///
/// # Errors
/// If the rules cannot be kept with these axes.
pub fn rehearse_script(
    motors: Motors,
    rules: &SafetySection,
    script: &str,
) -> Result<Rehearsed, SafetyError> {
    let (_ports, handle) = prepare(motors.controllers, rules, || |_| ())?;
    let rehearsed = rehearse(&handle.gate(), motors.magnets.as_ref(), script);
    Ok(rehearsed)
}

/// Threads to be, and how to reach them. Every axis was asked once where it is.
pub(crate) fn prepare<F: FnMut(Vec<AxisReading>)>(
    controllers: Vec<OpenController>,
    rules: &SafetySection,
    mut record: impl FnMut() -> F,
) -> Result<(Vec<Port<F>>, HardwareHandle), SafetyError> {
    let axes = controllers
        .iter()
        .flat_map(|open| open.controller.axes().iter().cloned().zip(open.usual_speeds.iter().copied()));
    let gate = Arc::new(Mutex::new(Gate::new(axes.collect(), rules)?));
    let readings = Arc::new(Mutex::new(Vec::new()));
    let pulses = Pulses::new(controllers.len());
    let (mut ports, mut first) = (Vec::new(), 0);
    let mut senders = Vec::new();
    for (place, OpenController { controller, poll, .. }) in controllers.into_iter().enumerate() {
        let (send, orders) = sync_channel(ORDERS);
        let guard = Guard::new(controller, gate.clone(), first);
        let axes = guard.axes();
        let (readings, pulse) = (readings.clone(), pulses.of(place));
        let mut port = Port {
            guard,
            orders,
            readings,
            first,
            record: record(),
            recorded: None,
            poll,
            pulse,
            lost: None,
        };
        port.read();
        ports.push(port);
        senders.push((first, send));
        first += axes;
    }
    Ok((ports, HardwareHandle { ports: senders, readings, gate, pulses }))
}
