//! What other threads ask of the camera thread, and what it does about it: between frames, with the camera stopped.
//!
//! The camera thread looks at one atomic a frame; all else happens while the camera stands still.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use beadscope_drivers::camera::{CameraConfig, CameraError, CameraRequest};

use super::outage::Loss;
use super::{Acquisition, Stream};
use crate::health::hot_loop::HotLoop;
use crate::segment::Cause;

/// How often a thread that waits looks whether the session stops.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// The frames that a camera holds are taken for so long at most: one that is faster than we are has always more.
const EMPTY: Duration = Duration::from_millis(200);

/// Why the camera does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Ring, tracker and recording are made for frames of one kind.
    #[error("{0} cannot change while a session runs; end it and start a new one with the other {0}")]
    NewSession(&'static str),
    /// The camera refused, and goes on with what it had.
    #[error(transparent)]
    Camera(#[from] CameraError),
    /// The camera is lost and is being looked for.
    #[error("the camera is not there; ask again when it is back")]
    Away,
    /// Nobody is there to ask.
    #[error("the session has ended")]
    Ended,
}

/// What is asked, and whom to answer.
enum Order {
    Configure(CameraRequest, Answer<CameraConfig>),
    Acquire(bool, Answer<()>),
}

type Answer<T> = SyncSender<Result<T, ControlError>>;

/// The asking end.
pub(crate) struct Control {
    orders: SyncSender<Order>,
    waiting: Arc<AtomicBool>,
    config: Arc<Mutex<CameraConfig>>,
}

/// The camera thread's end.
pub(crate) struct Orders {
    orders: Receiver<Order>,
    waiting: Arc<AtomicBool>,
    config: Arc<Mutex<CameraConfig>>,
}

/// Both ends, for a camera with this configuration.
pub(crate) fn control(config: CameraConfig) -> (Control, Orders) {
    let (sender, receiver) = sync_channel(4);
    let waiting = Arc::new(AtomicBool::new(false));
    let config = Arc::new(Mutex::new(config));
    let control = Control { orders: sender, waiting: waiting.clone(), config: config.clone() };
    (control, Orders { orders: receiver, waiting, config })
}

impl Control {
    /// What the camera has now.
    pub(crate) fn config(&self) -> CameraConfig {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn configure(&self, request: CameraRequest) -> Result<CameraConfig, ControlError> {
        self.ask(|answer| Order::Configure(request, answer))
    }

    pub(crate) fn acquire(&self, on: bool) -> Result<(), ControlError> {
        self.ask(|answer| Order::Acquire(on, answer))
    }

    fn ask<T>(&self, order: impl FnOnce(Answer<T>) -> Order) -> Result<T, ControlError> {
        let (answer, answers) = sync_channel(1);
        self.orders.send(order(answer)).map_err(|_| ControlError::Ended)?;
        self.waiting.store(true, Ordering::Release);
        // A camera thread that goes drops the order, and the answer's sender with it.
        answers.recv().unwrap_or(Err(ControlError::Ended))
    }
}

impl Orders {
    /// Whether somebody asks: one load.
    pub(super) fn are_waiting(&self) -> bool {
        self.waiting.load(Ordering::Acquire)
    }

    fn next(&self) -> Result<Order, TryRecvError> {
        // Before looking: an order that comes after it is seen the next time.
        self.waiting.store(false, Ordering::Release);
        self.orders.try_recv()
    }

    /// The next one, if it comes within `timeout`.
    fn wait(&self, timeout: Duration) -> Result<Order, RecvTimeoutError> {
        self.waiting.store(false, Ordering::Release);
        self.orders.recv_timeout(timeout)
    }

    pub(super) fn set_config(&self, config: CameraConfig) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// Waits so long, and answers whoever asks meanwhile that the camera is not there.
    pub(super) fn refuse_for(&self, time: Duration) {
        let until = Instant::now() + time;
        loop {
            // Whoever asked may have gone.
            match self.wait(until.saturating_duration_since(Instant::now())) {
                Ok(Order::Configure(_, answer)) => drop(answer.send(Err(ControlError::Away))),
                Ok(Order::Acquire(_, answer)) => drop(answer.send(Err(ControlError::Away))),
                Err(RecvTimeoutError::Timeout) => return,
                // Nobody is left to ask.
                Err(RecvTimeoutError::Disconnected) => {
                    return std::thread::sleep(until.saturating_duration_since(Instant::now()));
                }
            }
        }
    }
}

impl Acquisition<'_> {
    /// Does what is asked and starts the camera again.
    ///
    /// # Errors
    /// If the camera fails at it.
    pub(super) fn obey(&mut self, stream: &mut Stream) -> Result<(), Loss> {
        while let Ok(order) = self.orders.next() {
            match order {
                Order::Acquire(true, answer) => drop(answer.send(Ok(()))),
                Order::Acquire(false, answer) => {
                    let emptied = self.empty(stream);
                    let stopped = emptied.and_then(|()| self.camera.stop());
                    let loss = stopped.as_ref().err().map(Loss::from);
                    drop(answer.send(stopped.map_err(ControlError::Camera)));
                    loss.map_or(Ok(()), Err)?;
                    self.pause(stream)?;
                }
                Order::Configure(request, answer) => self.reconfigure(&request, &answer, stream)?,
            }
        }
        Ok(())
    }

    /// Takes the frames that the camera holds: they were exposed before it is stopped, and a stop throws them away.
    fn empty(&mut self, stream: &mut Stream) -> Result<(), CameraError> {
        let until = Instant::now() + EMPTY;
        let mut hot_loop = HotLoop::default();
        while Instant::now() < until && !self.is_at_limit() {
            match self.read_one(stream, &mut hot_loop, Duration::ZERO) {
                Ok(()) => {}
                Err(CameraError::Timeout(_) | CameraError::Ended) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The camera stands still until it is told to go on. A session that stops goes on too, and sees it.
    fn pause(&mut self, stream: &mut Stream) -> Result<(), Loss> {
        while !self.status.is_stopping() {
            match self.orders.wait(LOOK) {
                Err(RecvTimeoutError::Timeout) => {}
                // Nobody is left to ask for more frames.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(LOOK),
                Ok(Order::Acquire(false, answer)) => drop(answer.send(Ok(()))),
                Ok(Order::Configure(request, answer)) => drop(answer.send(self.configure(&request))),
                Ok(Order::Acquire(true, answer)) => {
                    let started = self.start(stream, Cause::Paused);
                    let loss = started.as_ref().err().map(Loss::from);
                    drop(answer.send(started.map_err(ControlError::Camera)));
                    return loss.map_or(Ok(()), Err);
                }
            }
        }
        Ok(())
    }

    fn reconfigure(
        &mut self,
        request: &CameraRequest,
        answer: &Answer<CameraConfig>,
        stream: &mut Stream,
    ) -> Result<(), Loss> {
        let emptied = self.empty(stream);
        // Also one that would not be emptied: it is not to be configured while it runs.
        if let Err(error) = self.camera.stop().and(emptied) {
            tracing::warn!("the camera did not stop cleanly: {error}");
        }
        let configured = self.configure(request);
        let started = self.start(stream, Cause::Configured);
        let loss = started.as_ref().err().map(Loss::from);
        drop(answer.send(started.map_err(ControlError::Camera).and(configured)));
        loss.map_or(Ok(()), Err)
    }

    /// Configures a stopped camera. It keeps what it had if it refuses, or if its frames would be of another kind.
    fn configure(&mut self, request: &CameraRequest) -> Result<CameraConfig, ControlError> {
        let config = self.camera.configure(request)?;
        if let Err(refused) = self.check(&config) {
            self.camera.configure(&request_for(&self.config))?;
            return Err(refused);
        }
        self.config = config;
        self.orders.set_config(config);
        Ok(config)
    }

    /// Refuses what would change the bytes of a frame.
    fn check(&self, config: &CameraConfig) -> Result<(), ControlError> {
        if config.window != self.config.window {
            return Err(ControlError::NewSession("window"));
        }
        if config.format != self.config.format {
            return Err(ControlError::NewSession("pixel format"));
        }
        Ok(())
    }
}

/// The request that asks for all of a configuration.
pub(super) fn request_for(config: &CameraConfig) -> CameraRequest {
    let &CameraConfig { window, format, rate_hz, exposure_us } = config;
    CameraRequest {
        window: Some(window),
        format: Some(format),
        rate_hz: Some(rate_hz),
        exposure_us: Some(exposure_us),
    }
}
