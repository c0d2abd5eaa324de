//! Locks: ROIs that follow their beads (xy), and a focus that follows beads that are stuck to the surface (z).
//!
//! Runs on: `beadscope-locks`. It reads the track ring as the window does, so that it holds nothing back, and asks for what is to be done
//! by commands, as a person would; each is in the log and in the recording. The Z-lock holds the axis of the focus meanwhile: whoever stops
//! that ends the lock, and every correction passes the rules of [`crate::safety`].

mod recent;
mod section;
mod xy;
mod z;

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use beadscope_zlut::ZLut;
use serde::Serialize;

use crate::acquire::control::Control as CameraControl;
use crate::bead_set::Beads;
use crate::clock::Clock;
use crate::command::{Command, CommandBus, Event, Sender};
use crate::hardware::{AxisReading, HardwareError, HardwareHandle, Order};
use crate::record::RecorderHandle;
use crate::ring::SkippingReader;
use crate::roi::Roi;
use crate::tracks::{TracksHeader, rows_of};
use crate::zlut_sweep::{FOCUS, Sweeps};
use recent::Recent;
pub use section::LocksSection;
use z::{Law, Step, ZLost};

/// How often rows are taken and clocks are looked at.
const TICK: Duration = Duration::from_millis(20);
/// Rows are taken no longer than this at once.
const BUDGET: Duration = Duration::from_millis(10);
/// Frames count again so long after a correction has come to rest, besides the time that a frame takes.
const SETTLE: Duration = Duration::from_millis(100);
/// Without a height for so long, and for so many corrections, the lock gives up.
const PATIENCE: (Duration, f64) = (Duration::from_secs(10), 3.0);

/// How the locks are doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LocksState {
    /// How they work.
    pub rules: LocksSection,
    /// ROIs that follow their beads.
    pub xy: XyState,
    /// A focus that follows beads.
    pub z: ZState,
}

/// How the XY-lock is doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct XyState {
    /// It is on.
    pub is_on: bool,
    /// So often a ROI was moved since it was switched on.
    pub moved: u64,
    /// Until it looks again, s.
    pub next_s: Option<f64>,
}

/// How the Z-lock is doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ZState {
    /// What it is at.
    pub phase: ZPhase,
    /// Whose heights it keeps.
    pub beads: Vec<u32>,
    /// Their mean height as it is to be, nm; `None` until they were seen.
    pub target_nm: Option<f64>,
    /// What they are off that, mean, nm.
    pub error_nm: Option<f64>,
    /// Times that the focus was moved.
    pub corrections: u64,
    /// How far it has gone by that, nm: the drift of the instrument.
    pub focus_by_nm: f64,
    /// Until it corrects again, s.
    pub next_s: Option<f64>,
}

/// What the Z-lock is at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ZPhase {
    /// It is off.
    #[default]
    Off,
    /// It has seen no height to keep yet.
    Waiting,
    /// It keeps the heights.
    Holding,
    /// It has given up, for this reason.
    Lost(String),
}

impl ZPhase {
    /// It moves the focus, or will.
    pub fn is_on(&self) -> bool {
        matches!(self, Self::Waiting | Self::Holding)
    }
}

/// Why a lock cannot be switched on. Nothing has moved.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LockError {
    /// There are no positions.
    #[error("this session films without tracking; start one with the recording mode track")]
    NotTracking,
    /// There are no heights.
    #[error("no Z-LUT is in use, so that beads have no heights; load one with the command zlut.use")]
    NoZLut,
    /// Nobody said which beads.
    #[error(
        "name beads that are stuck to the surface (beads=[0, 1]), or make them references with the command reference.set"
    )]
    NoBeads,
    /// There is nothing to move.
    #[error(
        "there is no focus motor that counts in a length; name an axis focus in [[motors.controllers.axes]]"
    )]
    NoFocus,
    /// Somebody else has it.
    #[error(transparent)]
    Hardware(#[from] HardwareError),
}

/// What locks need.
pub(crate) struct LockParts {
    pub(crate) hardware: HardwareHandle,
    pub(crate) recorder: RecorderHandle,
    pub(crate) sweeps: Sweeps,
    pub(crate) clock: Clock,
    pub(crate) camera: Arc<CameraControl>,
    /// Columns and rows of a frame.
    pub(crate) frame_px: (usize, usize),
}

/// Switches locks and tells how they do.
#[derive(Clone)]
pub(crate) struct Locks(Arc<Shared>);

struct Shared {
    parts: LockParts,
    control: Mutex<Control>,
    recent: Mutex<Recent>,
}

struct Control {
    rules: LocksSection,
    state: LocksState,
    next_xy: Instant,
    z: Option<Hold>,
}

/// A Z-lock that is on.
struct Hold {
    law: Law,
    /// What the beads were when it saw them last.
    rois: Vec<Roi>,
    zlut: Arc<ZLut>,
    /// Frames that arrived later count, ns on the session's clock.
    since_ns: u64,
    next: Instant,
    /// When there was a height.
    seen: Instant,
    /// When the focus was at rest.
    rested: Instant,
}

impl Locks {
    pub(crate) fn new(parts: LockParts, rules: LocksSection) -> Self {
        let control = Control { rules, state: LocksState::default(), next_xy: Instant::now(), z: None };
        Self(Arc::new(Shared { parts, control: Mutex::new(control), recent: Mutex::default() }))
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.0.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.0.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How they do now.
    pub(crate) fn state(&self) -> LocksState {
        let control = self.control();
        let left = |next: Instant| next.saturating_duration_since(Instant::now()).as_secs_f64();
        let mut state = LocksState { rules: control.rules.clone(), ..control.state.clone() };
        state.xy.next_s = state.xy.is_on.then(|| left(control.next_xy));
        state.z.next_s = control.z.as_ref().map(|hold| left(hold.next));
        state
    }

    /// Works by these rules from now on.
    pub(crate) fn set_rules(&self, rules: LocksSection) {
        let mut control = self.control();
        let soon = |every_s: f64| Instant::now() + Duration::from_secs_f64(every_s);
        control.next_xy = control.next_xy.min(soon(rules.xy_every_s));
        if let Some(hold) = &mut control.z {
            hold.next = hold.next.min(soon(rules.z_every_s));
        }
        control.rules = rules;
    }

    /// Has ROIs follow their beads, or no longer.
    pub(crate) fn set_xy(&self, on: bool) {
        let mut control = self.control();
        let every = Duration::from_secs_f64(control.rules.xy_every_s);
        control.state.xy = XyState { is_on: on, ..XyState::default() };
        control.next_xy = Instant::now() + every;
    }

    /// How far each ROI would go to be on its bead.
    pub(crate) fn moves(&self, rois: &[Roi]) -> Vec<(u32, (i32, i32))> {
        let rules = self.control().rules.clone();
        let means = self.recent().means(rois, rules.xy_frames as usize, 0);
        xy::moves(rois, &means, rules.xy_most_px, self.0.parts.frame_px)
    }

    /// Has the focus follow these beads, so that they keep their heights, or that their mean height becomes `target_nm`.
    pub(crate) fn begin_z(
        &self,
        beads: Vec<u32>,
        target_nm: Option<f64>,
        now: &Beads,
    ) -> Result<(), LockError> {
        let parts = &self.0.parts;
        let zlut = parts.sweeps.zlut().ok_or(LockError::NoZLut)?;
        if beads.is_empty() {
            return Err(LockError::NoBeads);
        }
        focus(&parts.hardware).and_then(|axis| axis.info.unit.nm()).ok_or(LockError::NoFocus)?;
        // One that is on goes on with other beads.
        let mut control = self.control();
        parts.hardware.ask(Sender::Lock, Order::Take { axis: FOCUS.to_owned() })?;
        let rois = now.rois.iter().filter(|roi| beads.contains(&roi.bead)).copied().collect();
        let every = Duration::from_secs_f64(control.rules.z_every_s);
        let (since_ns, seen) = (parts.clock.now_ns(), Instant::now());
        let law = Law::new(target_nm);
        control.z = Some(Hold { law, rois, zlut, since_ns, next: seen + every, seen, rested: seen });
        control.state.z = ZState { phase: ZPhase::Waiting, beads, ..ZState::default() };
        Ok(())
    }

    /// Leaves the focus where it is.
    pub(crate) fn end_z(&self) {
        let mut control = self.control();
        if control.z.take().is_some() {
            // It may have been taken already.
            let _ = self.0.parts.hardware.ask(Sender::Lock, Order::Release { axis: FOCUS.to_owned() });
        }
        control.state.z.phase = ZPhase::Off;
    }

    /// Heights are about to be looked up in another Z-LUT.
    pub(crate) fn zlut_changes(&self) {
        let mut control = self.control();
        if control.z.is_some() {
            self.lose(&mut control, &ZLost::OtherZLut);
        }
    }

    /// Frames that arrive now were exposed after the focus has come to rest.
    fn settled_ns(&self) -> u64 {
        let config = self.0.parts.camera.config();
        // A camera that reads out as it exposes the next frame delivers one up to a period after its exposure has ended.
        let late_ns = 1e3 * config.exposure_us + 1e9 / config.rate_hz.max(1e-3);
        self.0.parts.clock.now_ns() + SETTLE.as_nanos() as u64 + late_ns as u64
    }

    /// The Z-lock has given up.
    fn lose(&self, control: &mut Control, why: &ZLost) {
        control.z = None;
        control.state.z.phase = ZPhase::Lost(why.to_string());
        let parts = &self.0.parts;
        let _ = parts.hardware.ask(Sender::Lock, Order::Release { axis: FOCUS.to_owned() });
        tracing::warn!("the Z-lock has ended: {why}");
        let session_ns = parts.clock.now_ns();
        parts.recorder.note(Event {
            session_ns,
            unix_ns: parts.clock.unix_ns(session_ns),
            sender: Sender::Lock,
            command: Command::LockZ { on: false, beads: None, target_nm: None }.to_string(),
            answer: why.to_string(),
        });
    }

    /// Looks whether the lock can go on and, if it is time to, how far the focus is to go, in units of its axis.
    fn correct(&self, beads: &Beads) -> Option<f64> {
        let parts = &self.0.parts;
        let mut control = self.control();
        let Control { rules, state, z, .. } = &mut *control;
        let hold = z.as_mut()?;
        let axis = focus(&parts.hardware);
        let step = match look(hold, axis.as_ref(), beads, parts.sweeps.zlut().as_ref()) {
            Err(why) => Err(why),
            Ok(false) if hold.rested.elapsed() > PATIENCE.0 => Err(ZLost::Refused(format!(
                "the focus has not come to rest for {:.0} s",
                PATIENCE.0.as_secs_f64()
            ))),
            // Frames count from when it has come to rest.
            Ok(false) => {
                hold.since_ns = self.settled_ns();
                return None;
            }
            Ok(true) => {
                hold.rested = Instant::now();
                let every = hold_s(rules.z_every_s);
                let wanted = rules.z_frames as usize;
                let recent = self.recent();
                let is_late = hold.next.elapsed() > every;
                if Instant::now() < hold.next || (recent.count(wanted, hold.since_ns) < wanted && !is_late) {
                    return None;
                }
                hold.next = Instant::now() + every;
                let means = recent.means(&hold.rois, wanted, hold.since_ns);
                hold.law.step(&state.z.beads, &means, rules)
            }
        };
        let step = match step {
            Ok(Step::Wait) if hold.seen.elapsed() > PATIENCE.0.max(hold_s(PATIENCE.1 * rules.z_every_s)) => {
                let names: Vec<String> = state.z.beads.iter().map(u32::to_string).collect();
                let beads = format!("bead {}", names.join(", "));
                Err(ZLost::NoHeights { beads, waited_s: hold.seen.elapsed().as_secs_f64() })
            }
            step => step,
        };
        if !matches!(step, Ok(Step::Wait) | Err(_)) {
            hold.seen = Instant::now();
            state.z.phase = ZPhase::Holding;
        }
        (state.z.target_nm, state.z.error_nm) = (hold.law.target_nm(), hold.law.error_nm);
        match step {
            Ok(Step::Correct(by_nm)) if by_nm != 0.0 => {
                let nm = axis.and_then(|axis| axis.info.unit.nm())?;
                state.z.corrections += 1;
                state.z.focus_by_nm += by_nm;
                Some(by_nm / nm)
            }
            Ok(_) => None,
            Err(why) => {
                self.lose(&mut control, &why);
                None
            }
        }
    }

    /// The focus was sent somewhere.
    fn sent(&self) {
        let since_ns = self.settled_ns();
        if let Some(hold) = &mut self.control().z {
            hold.since_ns = since_ns;
        }
    }
}

fn hold_s(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// Whether the focus is at rest, is ours, and the beads and their heights are what they were.
fn look(
    hold: &mut Hold,
    axis: Option<&AxisReading>,
    beads: &Beads,
    zlut: Option<&Arc<ZLut>>,
) -> Result<bool, ZLost> {
    let Some(axis) = axis else { return Err(ZLost::Taken) };
    if axis.owner != Some(Sender::Lock.name()) || axis.is_stopped {
        return Err(ZLost::Taken);
    }
    if zlut.is_none_or(|zlut| !Arc::ptr_eq(zlut, &hold.zlut)) {
        return Err(ZLost::OtherZLut);
    }
    for known in &mut hold.rois {
        let now = beads.rois.iter().find(|roi| roi.bead == known.bead);
        *known = *now.filter(|now| now.overlaps(known)).ok_or(ZLost::OtherBead(known.bead))?;
    }
    match axis.state {
        Some(state) => Ok(!state.is_moving),
        None => {
            Err(ZLost::Refused(axis.error.clone().unwrap_or_else(|| "the focus does not answer".to_owned())))
        }
    }
}

fn focus(hardware: &HardwareHandle) -> Option<AxisReading> {
    hardware.readings().into_iter().find(|axis| axis.info.name == FOCUS)
}

/// The thread's whole state.
pub(crate) struct Keeper {
    pub(crate) locks: Locks,
    pub(crate) rows: SkippingReader<TracksHeader>,
    pub(crate) commands: CommandBus,
}

impl Keeper {
    /// Works until the other end of `end` is gone.
    pub(crate) fn run(mut self, end: &Receiver<()>) {
        while end.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            self.take_rows();
            // The focus first: ROIs may have to wait for a disk that ends a recording.
            self.hold();
            self.follow();
        }
    }

    /// All rows while a lock is on; else the newest, so that ROIs can be centred at once.
    fn take_rows(&mut self) {
        let (is_on, keep) = {
            let control = self.locks.control();
            let LocksSection { xy_frames, z_frames, .. } = control.rules;
            (control.state.xy.is_on || control.z.is_some(), xy_frames.max(z_frames) as usize)
        };
        let began = Instant::now();
        let mut recent = self.locks.recent();
        while let Some((header, bytes)) = if is_on { self.rows.take_next() } else { self.rows.newest() } {
            recent.take(header.frame.arrival_ns, rows_of(header, bytes), keep);
            if !is_on || began.elapsed() > BUDGET {
                return;
            }
        }
    }

    /// Sends ROIs after their beads.
    fn follow(&self) {
        {
            let mut control = self.locks.control();
            // While another command is carried out the focus is held rather than waiting with the ROIs.
            if !control.state.xy.is_on || Instant::now() < control.next_xy || self.commands.is_busy() {
                return;
            }
            control.next_xy = Instant::now() + hold_s(control.rules.xy_every_s);
        }
        let moved = self.locks.moves(&self.commands.beads().rois).len();
        // Where all are on their beads nothing is told.
        if moved > 0 && self.commands.send(Sender::Lock, Command::RoiCenter { beads: None }).is_ok() {
            self.locks.control().state.xy.moved += moved as u64;
        }
    }

    /// Sends the focus after the beads.
    fn hold(&self) {
        let Some(by) = self.locks.correct(&self.commands.beads()) else { return };
        let command = Command::AxisStep { axis: FOCUS.to_owned(), by };
        let sent = self.commands.send(Sender::Lock, command);
        self.locks.sent();
        if let Err(refused) = sent {
            let mut control = self.locks.control();
            if control.z.is_some() {
                self.locks.lose(&mut control, &ZLost::Refused(refused.to_string()));
            }
        }
    }
}
