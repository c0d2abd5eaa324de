//! A simulated device behind a pseudo-terminal: a serial port for whoever opens it.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::{Duration, Instant};

use serialport::{SerialPort as _, TTYPort};

use super::Device;

/// How often time passes for a device that nobody asks anything.
const STEP: Duration = Duration::from_millis(2);

/// What is wrong with the line, or with the device behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Answers come so much later.
    Late(Duration),
    /// Of each answer only the first half comes.
    HalfReply,
    /// Of each answer every second byte is another.
    Garbage,
    /// Each answer has other bytes before it, as a device has that says things unasked.
    Chatter,
    /// Nothing is answered; what is asked is done.
    Mute,
    /// Nothing is done or answered: no power.
    Dead,
    /// The port is not there.
    Unplugged,
}

/// A device that runs, on a thread of its own, until this is dropped.
pub struct Simulation {
    path: PathBuf,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    device: Mutex<Box<dyn Device>>,
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    fault: Fault,
    is_over: bool,
}

impl Simulation {
    /// Runs a device; its port is at `path`, a link that is made and, at the end, taken away.
    ///
    /// # Errors
    /// If the system gives no pseudo-terminal or no thread, or there is something at `path`.
    pub fn start(device: Box<dyn Device>, path: &Path) -> io::Result<Self> {
        let shared = Arc::new(Shared { device: Mutex::new(device), line: Mutex::default() });
        let end = End::plug_in(path)?;
        let (link, serving) = (path.to_owned(), shared.clone());
        let thread = Builder::new().name("beadscope-device".to_owned());
        let thread = thread.spawn(move || serve(&serving, end, &link))?;
        Ok(Self { path: path.to_owned(), shared, thread: Some(thread) })
    }

    /// What to open.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Breaks the line, or mends it.
    pub fn set_fault(&self, fault: Fault) {
        self.line().fault = fault;
    }

    /// The device, to look at it or to jam it.
    pub fn device(&self) -> MutexGuard<'_, Box<dyn Device>> {
        self.shared.device.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.shared.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        self.line().is_over = true;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The device's end of a pseudo-terminal. The link to the other end goes with it.
struct End {
    port: TTYPort,
    link: PathBuf,
}

impl End {
    fn plug_in(link: &Path) -> io::Result<Self> {
        let (mut port, other) = TTYPort::pair()?;
        let path = other.name().ok_or_else(|| io::Error::other("the pseudo-terminal has no name"))?;
        // A link of before, whose terminal is gone, is replaced; anything else is somebody's.
        if link.is_symlink() && !link.exists() {
            std::fs::remove_file(link)?;
        }
        symlink(path, link)?;
        port.set_timeout(STEP)?;
        Ok(Self { port, link: link.to_owned() })
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.link);
    }
}

fn serve(shared: &Shared, end: End, link: &Path) {
    let mut end = Some(end);
    let mut late: Vec<(Instant, Vec<u8>)> = Vec::new();
    let mut passed = Instant::now();
    loop {
        let fault = {
            let line = shared.line.lock().unwrap_or_else(PoisonError::into_inner);
            if line.is_over {
                return;
            }
            line.fault
        };
        match (fault, &end) {
            (Fault::Unplugged, _) => end = None,
            (_, None) => end = End::plug_in(link).ok(),
            _ => {}
        }
        let mut bytes = [0; 512];
        let received = match &mut end {
            Some(end) => match end.port.read(&mut bytes) {
                Ok(n) => &bytes[..n],
                Err(error) => {
                    if error.kind() != ErrorKind::TimedOut {
                        // Nobody has opened it.
                        sleep(STEP);
                    }
                    &[]
                }
            },
            None => {
                sleep(STEP);
                &[]
            }
        };
        let mut reply = Vec::new();
        let dt_s = std::mem::replace(&mut passed, Instant::now()).elapsed().as_secs_f64();
        {
            let mut device = shared.device.lock().unwrap_or_else(PoisonError::into_inner);
            if fault != Fault::Dead {
                device.receive(received, &mut reply);
            }
            device.pass(dt_s, &mut reply);
        }
        let delay = if let Fault::Late(delay) = fault { delay } else { Duration::ZERO };
        let spoilt = spoil(fault, reply);
        if !spoilt.is_empty() {
            // What was said before comes before.
            let after = late.last().map_or(Instant::now(), |(when, _)| *when);
            late.push((after.max(Instant::now() + delay), spoilt));
        }
        let now = Instant::now();
        late.retain(|(when, bytes)| {
            let is_due = *when <= now;
            if let (true, Some(end)) = (is_due, &mut end) {
                let _ = end.port.write_all(bytes);
            }
            !is_due
        });
    }
}

/// What comes out of a broken line.
fn spoil(fault: Fault, mut reply: Vec<u8>) -> Vec<u8> {
    match fault {
        Fault::None | Fault::Late(_) => reply,
        Fault::HalfReply => {
            reply.truncate(reply.len() / 2);
            reply
        }
        Fault::Garbage => {
            reply.iter_mut().step_by(2).for_each(|byte| *byte ^= 0x15);
            reply
        }
        Fault::Chatter if reply.is_empty() => reply,
        Fault::Chatter => [b"\x15\xe9\x02noise\x81".to_vec(), reply].concat(),
        Fault::Mute | Fault::Dead | Fault::Unplugged => Vec::new(),
    }
}
