//! A serial port on which every request has a deadline.
//!
//! After a request that was not answered as it should be, the next answer may belong to it. So the link is out of step then: it takes no
//! request until it was [recovered](Link::recover): until nothing came for a while. Stops are [sent](Link::send_regardless) all the same.

mod transcript;

use std::io::{ErrorKind, Read as _, Write as _};
use std::time::{Duration, Instant};

use serialport::{ClearBuffer, FlowControl, SerialPort};

use crate::axis::{AxisError, ControllerConfig};
pub use transcript::Transcript;
use transcript::told;

/// The longest answer that anything gives; what is longer is noise.
const LONGEST: usize = 4096;
/// So much of what came is in a message.
const TOLD: usize = 64;
/// A port that was silent for so long has told all of its late answers.
const QUIET: Duration = Duration::from_millis(30);
/// So often in a row a port that is there is only listened to before it is opened again, and so many answers make a row end: a driver that gets
/// into step asks fewer.
const RECOVERIES: u32 = 2;
const IN_STEP: u32 = 32;

/// How the bits go over a port, where it is not 8 data bits, no parity and 1 stop bit without flow control.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Bits per second that these controllers come with.
    pub baud: u32,
    /// RTS and CTS tell who may send.
    pub rts_cts: bool,
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
    /// How often it was recovered in a row without being opened, and how much was answered since.
    recoveries: u32,
    answers: u32,
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
            recoveries: 0,
            answers: 0,
            transcript: config.transcript.clone(),
        };
        link.reopen()?;
        Ok(link)
    }

    /// Waits until nothing comes any more; the link takes requests again then, of which the first should tell late answers from its own. A port
    /// that is gone, or that was recovered in vain, is opened again: not before, because opening raises DTR, which resets an Arduino in the
    /// middle of a motion, and its position is lost.
    ///
    /// # Errors
    /// [`AxisError::NoPort`] with what to do; [`AxisError::Garbled`] if it never gets silent.
    pub fn recover(&mut self) -> Result<(), AxisError> {
        if self.answers >= IN_STEP || self.fault.is_none() {
            self.recoveries = 0;
        }
        if self.port.is_some() && self.recoveries < RECOVERIES {
            (self.recoveries, self.answers) = (self.recoveries + 1, 0);
            self.received.clear();
            self.fault = None;
            if self.wait_for_silence().is_ok() {
                return Ok(());
            }
        }
        self.reopen()
    }

    /// Opens the port, again if it is open, and waits until nothing comes any more.
    fn reopen(&mut self) -> Result<(), AxisError> {
        // Closed first: it is opened for one program only.
        self.close();
        let flow = if self.rts_cts { FlowControl::Hardware } else { FlowControl::None };
        let builder = serialport::new(&self.path, self.baud).flow_control(flow).timeout(self.deadline);
        let mut port = builder.open().map_err(|error| self.not_opened(&error))?;
        // A pseudo-terminal has no such line.
        let _ = port.write_request_to_send(true);
        self.port = Some(port);
        self.received.clear();
        self.fault = None;
        (self.recoveries, self.answers) = (0, 0);
        self.wait_for_silence()
    }

    /// A system waits for long with closing a port whose device does not take what is left to send. What is on its way still goes: it may be
    /// a stop.
    fn close(&mut self) {
        let Some(port) = self.port.take() else { return };
        if self.rts_cts {
            let until = Instant::now() + QUIET;
            while port.bytes_to_write().is_ok_and(|bytes| bytes > 0) && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(1));
            }
            let _ = port.clear(ClearBuffer::Output);
        }
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
            let has_more = self.has_come()? && self.received.len() < LONGEST;
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

    /// Whether something came that was not received. A port that cannot tell is gone, which is noticed here where nothing is asked.
    fn has_come(&mut self) -> Result<bool, AxisError> {
        let Some(port) = &self.port else { return Err(self.lost("it was closed")) };
        match port.bytes_to_read() {
            Ok(bytes) => Ok(bytes > 0),
            Err(error) => Err(self.lost(&error.to_string())),
        }
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
                self.answers = self.answers.saturating_add(1);
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
        while self.has_come()? {
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
        self.close();
        self.fail(AxisError::Gone { device: self.device.clone(), reason: reason.to_owned() })
    }

    fn fail(&mut self, error: AxisError) -> AxisError {
        self.fault.get_or_insert_with(|| error.to_string());
        error
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.close();
    }
}

/// Where `sought` begins.
fn find(bytes: &[u8], sought: &[u8]) -> Option<usize> {
    bytes.windows(sought.len()).position(|window| window == sought)
}
