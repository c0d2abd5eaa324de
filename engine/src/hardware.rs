//! The hardware thread: moves the axes that it is asked to move, and tells where they are.
//!
//! Runs on: `beadscope-hardware`, one per session. It alone holds the axes; others send `Order`s and read [`AxisReading`]s.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use beadscope_drivers::axis::{Axis, AxisError};
pub use beadscope_drivers::axis::{AxisInfo, AxisState, AxisUnit};
use serde::Serialize;

/// How often each axis is asked where it is: as often as MagScope does.
const POLL: Duration = Duration::from_millis(50);
/// How often an axis that stays is recorded all the same.
const RECORD_ALL: Duration = Duration::from_secs(1);
/// Orders that may wait.
const ORDERS: usize = 16;
/// Whoever gives an order waits no longer for its answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where an axis is, and where it was sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AxisReading {
    /// Which it is, its unit and limits.
    #[serde(flatten)]
    pub info: AxisInfo,
    /// Where it is; `None` if nobody knows.
    #[serde(flatten)]
    pub state: Option<AxisState>,
    /// Where it was sent last; `None` if it was not, or was stopped.
    pub target: Option<f64>,
    /// Why it does not answer.
    pub error: Option<String>,
}

impl AxisReading {
    /// As a recording keeps it.
    pub(crate) fn at(self, unix_ns: u64) -> AxisSample {
        AxisSample {
            unix_ns,
            axis: self.info.name,
            position: self.state.map(|state| state.position),
            target: self.target,
            is_moving: self.state.is_some_and(|state| state.is_moving),
        }
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
    /// The device refuses.
    #[error(transparent)]
    Axis(#[from] AxisError),
    /// The thread is busy with a device that does not answer. The order is not carried out later.
    #[error("the hardware did not answer within 2 s; look at cables and power")]
    Busy,
    /// A stop came after it, and before its turn.
    #[error("everything was stopped before this had its turn")]
    Stopped,
    /// The session has ended.
    #[error("the session has ended; start another")]
    Ended,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Order {
    /// Send an axis to a position.
    Move { axis: String, to: f64 },
    /// Send it on by so much.
    Step { axis: String, by: f64 },
    /// Bring it to rest, or all.
    Stop { axis: Option<String> },
    /// Record where everything is.
    Record,
}

struct Asked {
    order: Order,
    /// Whoever asked waits until then.
    until: Instant,
    answer: SyncSender<Result<(), HardwareError>>,
}

/// Sends orders and reads where axes are.
#[derive(Clone)]
pub(crate) struct HardwareHandle {
    orders: SyncSender<Asked>,
    readings: Arc<Mutex<Vec<AxisReading>>>,
}

impl HardwareHandle {
    /// Has an order carried out.
    pub(crate) fn ask(&self, order: Order) -> Result<(), HardwareError> {
        let (answer, told) = sync_channel(1);
        let asked = Asked { order, until: Instant::now() + PATIENCE, answer };
        self.orders.try_send(asked).map_err(|refused| match refused {
            TrySendError::Full(_) => HardwareError::Busy,
            TrySendError::Disconnected(_) => HardwareError::Ended,
        })?;
        told.recv_timeout(PATIENCE).unwrap_or_else(|silence| match silence {
            RecvTimeoutError::Timeout => Err(HardwareError::Busy),
            RecvTimeoutError::Disconnected => Err(HardwareError::Ended),
        })
    }

    /// Has everything recorded as it is now, also what does not move. It waits for nobody.
    pub(crate) fn record_all(&self) {
        let (answer, _) = sync_channel(1);
        // If it has no room, the next second tells.
        let _ =
            self.orders.try_send(Asked { order: Order::Record, until: Instant::now() + PATIENCE, answer });
    }

    /// Where all axes were when they were asked last.
    pub(crate) fn readings(&self) -> Vec<AxisReading> {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The thread's own.
pub(crate) struct Hardware<F> {
    axes: Vec<Box<dyn Axis>>,
    targets: Vec<Option<f64>>,
    orders: Receiver<Asked>,
    readings: Arc<Mutex<Vec<AxisReading>>>,
    /// Gets what has changed since it got it last, and everything once a second.
    record: F,
    recorded: Option<Instant>,
}

/// A thread to be, and how to reach it.
pub(crate) fn prepare<F: FnMut(Vec<AxisReading>)>(
    axes: Vec<Box<dyn Axis>>,
    record: F,
) -> (Hardware<F>, HardwareHandle) {
    let (send, orders) = sync_channel(ORDERS);
    let readings = Arc::new(Mutex::new(Vec::new()));
    let handle = HardwareHandle { orders: send, readings: readings.clone() };
    let targets = vec![None; axes.len()];
    let mut hardware = Hardware { axes, targets, orders, readings, record, recorded: None };
    hardware.read();
    (hardware, handle)
}

impl<F: FnMut(Vec<AxisReading>)> Hardware<F> {
    /// Works until `is_over`. Nothing is brought to rest then: a motion that was asked for ends where it was to end.
    pub(crate) fn run(mut self, is_over: impl Fn() -> bool) {
        let mut next = Instant::now() + POLL;
        while !is_over() {
            match self.orders.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(first) => {
                    let waiting: Vec<Asked> = std::iter::once(first).chain(self.orders.try_iter()).collect();
                    self.obey_all(waiting);
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.read();
                    next = Instant::now() + POLL;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// In their order, but what waits before a stop of everything is not begun any more.
    fn obey_all(&mut self, waiting: Vec<Asked>) {
        let stop = waiting.iter().rposition(|asked| asked.order == Order::Stop { axis: None });
        for (place, Asked { order, until, answer }) in waiting.into_iter().enumerate() {
            let done = if stop.is_some_and(|stop| place < stop) {
                Err(HardwareError::Stopped)
            } else if Instant::now() > until {
                // Whoever asked was told that it is not done.
                Err(HardwareError::Busy)
            } else {
                self.obey(&order)
            };
            self.read();
            // Whoever asked may have gone.
            let _ = answer.send(done);
        }
    }

    fn obey(&mut self, order: &Order) -> Result<(), HardwareError> {
        match order {
            Order::Record => {
                self.recorded = None;
                Ok(())
            }
            Order::Move { axis, to } => self.send(axis, |_, _| Ok(*to)),
            Order::Step { axis, by } => self.send(axis, |axis, target| {
                // On from where it was sent, so that two steps are the sum of both.
                let from = match target {
                    Some(target) => target,
                    None => axis.read()?.position,
                };
                Ok(from + by)
            }),
            Order::Stop { axis: Some(axis) } => {
                let place = self.find(axis)?;
                self.targets[place] = None;
                Ok(self.axes[place].stop()?)
            }
            Order::Stop { axis: None } => {
                self.targets.fill(None);
                // All are stopped, whichever does not answer.
                let stopped: Vec<_> = self.axes.iter_mut().map(|axis| axis.stop()).collect();
                Ok(stopped.into_iter().collect::<Result<(), _>>()?)
            }
        }
    }

    fn send(
        &mut self,
        name: &str,
        to: impl FnOnce(&mut dyn Axis, Option<f64>) -> Result<f64, HardwareError>,
    ) -> Result<(), HardwareError> {
        let place = self.find(name)?;
        let axis = &mut *self.axes[place];
        let to = to(axis, self.targets[place])?;
        axis.move_to(to)?;
        self.targets[place] = Some(to);
        Ok(())
    }

    fn find(&self, name: &str) -> Result<usize, HardwareError> {
        let names = || self.axes.iter().map(|axis| axis.info().name.as_str());
        let no_axis = || HardwareError::NoAxis {
            asked: name.to_owned(),
            there: if self.axes.is_empty() {
                "none".to_owned()
            } else {
                names().collect::<Vec<_>>().join(", ")
            },
        };
        names().position(|axis| axis == name).ok_or_else(no_axis)
    }

    /// Asks every axis where it is.
    fn read(&mut self) {
        let readings = self.axes.iter_mut().zip(&self.targets).map(|(axis, target)| {
            let (state, error) = match axis.read() {
                Ok(state) => (Some(state), None),
                Err(error) => (None, Some(error.to_string())),
            };
            AxisReading { info: axis.info().clone(), state, target: *target, error }
        });
        let readings: Vec<AxisReading> = readings.collect();
        let before = std::mem::replace(
            &mut *self.readings.lock().unwrap_or_else(PoisonError::into_inner),
            readings.clone(),
        );
        let is_due = self.recorded.is_none_or(|at| at.elapsed() >= RECORD_ALL);
        if is_due {
            self.recorded = Some(Instant::now());
        }
        let changed =
            readings.into_iter().enumerate().filter(|(axis, now)| is_due || before.get(*axis) != Some(now));
        let changed: Vec<AxisReading> = changed.map(|(_, now)| now).collect();
        if !changed.is_empty() {
            (self.record)(changed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::Builder;

    use super::*;

    /// An axis that is where it was sent at once, unless it is unplugged.
    struct Fake {
        info: AxisInfo,
        at: f64,
        is_there: bool,
    }

    impl Fake {
        fn boxed(name: &str) -> Box<dyn Axis> {
            let info = AxisInfo { name: name.to_owned(), unit: AxisUnit::Mm, limits: [0.0, 10.0] };
            Box::new(Self { info, at: 4.0, is_there: name != "gone" })
        }

        fn silent(&self) -> Result<(), AxisError> {
            let silent = AxisError::Silent { axis: self.info.name.clone(), reason: "unplugged".to_owned() };
            if self.is_there { Ok(()) } else { Err(silent) }
        }
    }

    impl Axis for Fake {
        fn info(&self) -> &AxisInfo {
            &self.info
        }
        fn read(&mut self) -> Result<AxisState, AxisError> {
            self.silent()?;
            Ok(AxisState { position: self.at, is_moving: false })
        }
        fn move_to(&mut self, target: f64) -> Result<(), AxisError> {
            self.silent()?;
            self.at = target;
            Ok(())
        }
        fn stop(&mut self) -> Result<(), AxisError> {
            self.silent()
        }
    }

    #[test]
    fn what_waits_before_a_stop_or_too_long_is_not_done() {
        let (mut hardware, handle) = prepare(vec![Fake::boxed("height")], |_| ());
        let asked = |order, late: bool| {
            let (answer, told) = sync_channel(1);
            let until = Instant::now() + PATIENCE;
            (Asked { order, until: if late { until - 2 * PATIENCE } else { until }, answer }, told)
        };
        let to = |to| Order::Move { axis: "height".to_owned(), to };
        let orders =
            [(to(1.0), false), (Order::Stop { axis: None }, false), (to(2.0), false), (to(3.0), true)];
        let (orders, answers): (Vec<_>, Vec<_>) =
            orders.into_iter().map(|(order, late)| asked(order, late)).unzip();
        hardware.obey_all(orders);
        let answers: Vec<_> = answers.into_iter().map(|told| told.recv().unwrap()).collect();
        assert_eq!(answers, [Err(HardwareError::Stopped), Ok(()), Ok(()), Err(HardwareError::Busy)]);
        assert_eq!(handle.readings()[0].state.unwrap().position, 2.0);
    }

    #[test]
    fn orders_are_carried_out_and_told() {
        let (record, recorded) = sync_channel(10_000);
        let axes = vec![Fake::boxed("height"), Fake::boxed("gone")];
        let (hardware, handle) = prepare(axes, move |readings| record.send(readings).unwrap());
        let over = Arc::new(AtomicBool::new(false));
        let is_over = over.clone();
        let work = move || hardware.run(|| is_over.load(Ordering::Relaxed));
        let thread = Builder::new().name("test-hardware".to_owned()).spawn(work).unwrap();
        let at = || handle.readings()[0].state.unwrap().position;
        let of = |axis: &str| axis.to_owned();
        handle.ask(Order::Move { axis: of("height"), to: 7.0 }).unwrap();
        assert_eq!((at(), handle.readings()[0].target), (7.0, Some(7.0)));
        handle.ask(Order::Step { axis: of("height"), by: -0.5 }).unwrap();
        assert_eq!(at(), 6.5);
        handle.ask(Order::Stop { axis: Some(of("height")) }).unwrap();
        assert_eq!(handle.readings()[0].target, None);
        let error = handle.ask(Order::Move { axis: of("width"), to: 1.0 }).unwrap_err();
        assert_eq!(error.to_string(), "there is no axis width; there are: height, gone");
        let error = handle.ask(Order::Step { axis: of("gone"), by: 1.0 }).unwrap_err();
        assert_eq!(error.to_string(), "gone does not answer: unplugged");
        let gone = &handle.readings()[1];
        assert!(gone.state.is_none() && gone.target.is_none() && gone.error.is_some(), "{gone:?}");
        assert!(handle.ask(Order::Stop { axis: None }).is_err(), "one of them did not stop");
        over.store(true, Ordering::Relaxed);
        thread.join().unwrap();
        // All at the beginning, then what has changed; steps and stops are there.
        let recorded: Vec<Vec<AxisReading>> = recorded.into_iter().collect();
        assert_eq!(recorded[0].len(), 2);
        let heights: Vec<_> = recorded
            .iter()
            .flatten()
            .filter(|reading| reading.info.name == "height")
            .map(|reading| (reading.state.unwrap().position, reading.target))
            .collect();
        for told in [(4.0, None), (7.0, Some(7.0)), (6.5, Some(6.5)), (6.5, None)] {
            assert!(heights.contains(&told), "{heights:?}");
        }
        assert_eq!(handle.ask(Order::Stop { axis: None }), Err(HardwareError::Ended));
    }
}
