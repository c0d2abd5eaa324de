//! A serial port on which every request has a deadline.
//!
//! After a request that was not answered as it should be, the next answer may belong to it. So the link is out of step then: it takes no
//! request until it was [opened again](Link::reopen) and nothing came for a while. Stops are [sent](Link::send_regardless) all the same.

use std::io::{ErrorKind, Read as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serialport::{FlowControl, SerialPort};

use crate::axis::{AxisError, ControllerConfig};

/// The longest answer that anything gives; what is longer is noise.
const LONGEST: usize = 4096;
/// So much of what came is in a message.
const TOLD: usize = 64;
/// A port that was silent for so long has told all of its late answers.
const QUIET: Duration = Duration::from_millis(30);

/// How the bits go over a port, where it is not 8 data bits, no parity and 1 stop bit without flow control.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Bits per second that these controllers come with.
    pub baud: u32,
    /// RTS and CTS tell who may send.
    pub rts_cts: bool,
}

/// What went over a port, for people to read.
#[derive(Clone, Debug, Default)]
pub struct Transcript(Arc<Mutex<Vec<Entry>>>);

#[derive(Clone, Debug)]
enum Entry {
    Remark(String),
    Sent(Vec<u8>),
    /// All that came before the next that was sent: how a system cuts it into pieces says nothing.
    Received(Vec<u8>),
}

impl PartialEq for Transcript {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Transcript {
    /// So far: a line for what was sent (`>`), for what came (`<`) and for a remark (`#`), with bytes that are not printed escaped.
    pub fn text(&self) -> String {
        let line = |entry: &Entry| match entry {
            Entry::Remark(text) => format!("# {text}\n"),
            Entry::Sent(bytes) => format!("> {}\n", told(bytes)),
            Entry::Received(bytes) => format!("< {}\n", told(bytes)),
        };
        self.entries().iter().map(line).collect()
    }

    /// Adds a line that is no traffic.
    pub fn remark(&self, text: &str) {
        self.entries().push(Entry::Remark(text.to_owned()));
    }

    fn sent(&self, bytes: &[u8]) {
        self.entries().push(Entry::Sent(bytes.to_vec()));
    }

    fn received(&self, bytes: &[u8]) {
        let mut entries = self.entries();
        match entries.last_mut() {
            Some(Entry::Received(before)) => before.extend_from_slice(bytes),
            _ => entries.push(Entry::Received(bytes.to_vec())),
        }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open port with a device behind it.
pub struct Link {
    /// `None` after it was lost.
    port: Option<Box<dyn SerialPort>>,
    device: String,
    path: String,
    baud: u32,
    rts_cts: bool,
    deadline: Duration,
    /// What has come and was not taken.
    received: Vec<u8>,
    fault: Option<String>,
    transcript: Option<Transcript>,
}

impl Link {
    /// Opens the port of a controller.
    ///
    /// # Errors
    /// [`AxisError::NoPort`] with what to do.
    pub fn open(config: &ControllerConfig, line: Line) -> Result<Self, AxisError> {
        let mut link = Self {
            port: None,
            device: format!("{} at {}", config.driver, config.port),
            path: config.port.clone(),
            baud: config.baud.unwrap_or(line.baud),
            rts_cts: line.rts_cts,
            deadline: config.deadline(),
            received: Vec::new(),
            fault: None,
            transcript: config.transcript.clone(),
        };
        link.reopen()?;
        Ok(link)
    }

    /// Opens the port again and waits until nothing comes any more. The link is in step then.
    ///
    /// # Errors
    /// [`AxisError::NoPort`] with what to do; [`AxisError::Garbled`] if it never gets silent.
    pub fn reopen(&mut self) -> Result<(), AxisError> {
        // Closed first: it is opened for one program only.
        self.port = None;
        let flow = if self.rts_cts { FlowControl::Hardware } else { FlowControl::None };
        let builder = serialport::new(&self.path, self.baud).flow_control(flow).timeout(self.deadline);
        let mut port = builder.open().map_err(|error| self.not_opened(&error))?;
        // A pseudo-terminal has no such line.
        let _ = port.write_request_to_send(true);
        self.port = Some(port);
        self.received.clear();
        self.fault = None;
        self.wait_for_silence()
    }

    fn not_opened(&self, error: &serialport::Error) -> AxisError {
        let advice = match error.kind() {
            serialport::ErrorKind::Io(ErrorKind::PermissionDenied) => {
                "run `sudo usermod -aG dialout $USER`, then log out and in again"
            }
            serialport::ErrorKind::Io(ErrorKind::NotFound) | serialport::ErrorKind::NoDevice => {
                "look at its cable, and at the ports that `beadscope doctor` finds"
            }
            _ => "is another program using it?",
        };
        AxisError::NoPort { port: self.path.clone(), reason: error.to_string(), advice }
    }

    /// What it is called in messages: driver and port.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// How long an answer may take.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Sends a request and gives what came until `terminator`, which is left out.
    ///
    /// # Errors
    /// As [`exchange`](Self::exchange).
    pub fn ask(&mut self, request: &[u8], terminator: &[u8]) -> Result<Vec<u8>, AxisError> {
        self.ask_until(request, terminator, |line| Some(line.to_vec()))
    }

    /// Sends a request and gives the first of the lines that come, each ended by `terminator`, which `take` takes.
    ///
    /// # Errors
    /// As [`exchange`](Self::exchange).
    pub fn ask_until<T>(
        &mut self,
        request: &[u8],
        terminator: &[u8],
        mut take: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<T, AxisError> {
        self.exchange(request, |received| {
            while let Some(end) = find(received, terminator) {
                let taken = take(&received[..end]);
                received.drain(..end + terminator.len());
                if taken.is_some() {
                    return taken;
                }
            }
            None
        })
    }

    /// Sends a request and gives what `take` finds at the beginning of what came; it takes away what it has used.
    ///
    /// # Errors
    /// [`AxisError::OutOfStep`] after an earlier fault; [`AxisError::Silent`], or [`AxisError::Garbled`] if something else came, after the
    /// deadline; [`AxisError::Gone`].
    pub fn exchange<T>(
        &mut self,
        request: &[u8],
        take: impl FnMut(&mut Vec<u8>) -> Option<T>,
    ) -> Result<T, AxisError> {
        self.send(request)?;
        self.await_answer(request, take)
    }

    /// Gives what `take` finds in what comes unasked until `within` has passed, and at least in what has come already; `None`, and the link
    /// stays in step, if it finds nothing.
    ///
    /// # Errors
    /// [`AxisError::OutOfStep`] after an earlier fault; [`AxisError::Gone`].
    pub fn listen<T>(
        &mut self,
        within: Duration,
        mut take: impl FnMut(&mut Vec<u8>) -> Option<T>,
    ) -> Result<Option<T>, AxisError> {
        self.check_in_step()?;
        let until = Instant::now() + within;
        loop {
            if let Some(taken) = take(&mut self.received) {
                return Ok(Some(taken));
            }
            let has_more = self.received.len() < LONGEST && self.has_come();
            if !has_more && Instant::now() >= until {
                return Ok(None);
            }
            self.receive(until.max(Instant::now() + QUIET * u32::from(has_more)))?;
        }
    }

    /// Sends a request that is not answered.
    ///
    /// # Errors
    /// [`AxisError::OutOfStep`] after an earlier fault; [`AxisError::Gone`].
    pub fn send(&mut self, request: &[u8]) -> Result<(), AxisError> {
        self.check_in_step()?;
        self.forget_unasked()?;
        self.write(request)
    }

    fn check_in_step(&self) -> Result<(), AxisError> {
        self.fault.as_ref().map_or(Ok(()), |since| {
            Err(AxisError::OutOfStep { device: self.device.clone(), since: since.clone() })
        })
    }

    fn has_come(&self) -> bool {
        self.port.as_ref().is_some_and(|port| port.bytes_to_read().is_ok_and(|bytes| bytes > 0))
    }

    /// Sends bytes also while the link is out of step, and waits for no answer: what stops a motor.
    ///
    /// # Errors
    /// [`AxisError::Gone`].
    pub fn send_regardless(&mut self, request: &[u8]) -> Result<(), AxisError> {
        self.write(request)
    }

    /// What the device sends is thrown away until it is silent; for after requests that it may answer or not.
    ///
    /// # Errors
    /// [`AxisError::Garbled`] if it goes on for longer than a deadline; [`AxisError::Gone`].
    pub fn wait_for_silence(&mut self) -> Result<(), AxisError> {
        let until = Instant::now() + self.deadline + QUIET;
        loop {
            if !self.receive(Instant::now() + QUIET)? {
                self.received.clear();
                return Ok(());
            }
            if Instant::now() > until {
                let got = told(&std::mem::take(&mut self.received));
                return Err(self.fail(AxisError::Garbled {
                    device: self.device.clone(),
                    asked: String::new(),
                    got,
                }));
            }
        }
    }

    /// Notes that what came was no answer; the link is out of step from now on.
    pub fn garbled(&mut self, request: &[u8], got: &[u8]) -> AxisError {
        self.fail(AxisError::Garbled { device: self.device.clone(), asked: told(request), got: told(got) })
    }

    /// The device says no. It stays in step.
    pub fn refused(&self, request: &[u8], code: impl ToString, meaning: impl ToString) -> AxisError {
        let (code, meaning) = (code.to_string(), meaning.to_string());
        AxisError::Refused { device: self.device.clone(), asked: told(request), code, meaning }
    }

    fn await_answer<T>(
        &mut self,
        request: &[u8],
        mut take: impl FnMut(&mut Vec<u8>) -> Option<T>,
    ) -> Result<T, AxisError> {
        let until = Instant::now() + self.deadline;
        // What came and was no answer, for the message.
        let mut came = Vec::new();
        loop {
            if let Some(answer) = take(&mut self.received) {
                return Ok(answer);
            }
            if self.received.len() > LONGEST {
                return Err(self.garbled(request, &came));
            }
            let known = self.received.len();
            if !self.receive(until)? {
                self.received.clear();
                let (device, asked) = (self.device.clone(), told(request));
                return Err(self.fail(match came.is_empty() {
                    true => AxisError::Silent { device, asked, waited: self.deadline },
                    false => AxisError::Garbled { device, asked, got: told(&came) },
                }));
            }
            came.extend_from_slice(&self.received[known..]);
            came.truncate(TOLD);
        }
    }

    /// Waits until something comes; false if nothing did.
    fn receive(&mut self, until: Instant) -> Result<bool, AxisError> {
        let mut bytes = [0; 512];
        let left = until.saturating_duration_since(Instant::now());
        let Some(port) = &mut self.port else { return Err(self.lost("it was closed")) };
        if left.is_zero() {
            return Ok(false);
        }
        let _ = port.set_timeout(left);
        match port.read(&mut bytes) {
            // An end of a port that has none: its device is gone.
            Ok(0) => Err(self.lost("it was closed from the other side")),
            Ok(n) => {
                self.received.extend_from_slice(&bytes[..n]);
                if let Some(transcript) = &self.transcript {
                    transcript.received(&bytes[..n]);
                }
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::TimedOut => Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(self.lost(&error.to_string())),
        }
    }

    /// What came unasked is no answer to what is asked next.
    fn forget_unasked(&mut self) -> Result<(), AxisError> {
        while self.has_come() {
            self.receive(Instant::now() + QUIET)?;
            if self.received.len() > LONGEST {
                break;
            }
        }
        self.received.clear();
        Ok(())
    }

    fn write(&mut self, request: &[u8]) -> Result<(), AxisError> {
        let Some(port) = &mut self.port else { return Err(self.lost("it was closed")) };
        let _ = port.set_timeout(self.deadline);
        if let Some(transcript) = &self.transcript {
            transcript.sent(request);
        }
        match port.write_all(request) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.lost(&error.to_string())),
        }
    }

    fn lost(&mut self, reason: &str) -> AxisError {
        self.port = None;
        self.fail(AxisError::Gone { device: self.device.clone(), reason: reason.to_owned() })
    }

    fn fail(&mut self, error: AxisError) -> AxisError {
        self.fault.get_or_insert_with(|| error.to_string());
        error
    }
}

/// Where `sought` begins.
fn find(bytes: &[u8], sought: &[u8]) -> Option<usize> {
    bytes.windows(sought.len()).position(|window| window == sought)
}

/// Bytes as people read them.
fn told(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
