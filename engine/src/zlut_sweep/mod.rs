//! A Z-LUT recorded in a running session: the focus is moved over a range, and each bead's images are averaged at each height.
//!
//! Whoever wants one sends the command `zlut.sweep`; a thread of its own, `beadscope-sweep` (`run.rs`), does it, and
//! `Sweeps` holds what all may look at. `plan.rs` says where the focus goes and what is refused, `gathered.rs` what is kept
//! of the images, `judge.rs` what a bead's sweep is worth.
//!
//! **Sign.** An image tells the height of a bead above the focal plane, `z − f`. A bead that stays, seen with the focus moved
//! by `+d`, looks as one that has gone down by `d`; so the profile taken there is that of `z = −d`, and heights count from where
//! the focus was at the start. Of a tethered bead the same holds on average.

mod failure;
mod gathered;
mod judge;
mod plan;
mod run;
mod state;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use beadscope_shaders::background::is_saturated;
use beadscope_zlut::ZLut;

pub use failure::SweepFailure;
pub(crate) use plan::Asked;
pub(crate) use plan::FOCUS;
pub use plan::SweepError;
pub use state::{Phase, Preview, SweptBead, SweptPlane, ZLutInUse, ZLutSweep};

use crate::acquire::control::Control;
use crate::calibrate::Meter;
use crate::clock::Clock;
use crate::command::{Event, Sender};
use crate::frame::{FrameHeader, FrameView};
use crate::hardware::{AxisReading, HardwareHandle};
use crate::record::RecorderHandle;
use crate::ring::SkippingReader;
use crate::roi::Roi;
use crate::session::spawn;
use crate::status::Status;
use crate::track::heights::HeightsMaker;
use run::Run;

/// How long the focus rests before frames count, unless it is said otherwise, ms: an objective on a piezo swings for some tens
/// of ms after its sensor says that it is there.
pub(crate) const SETTLE_MS: f64 = 100.0;

/// What sweeps work with.
pub(crate) struct SweepParts {
    pub(crate) status: Arc<Status>,
    pub(crate) hardware: HardwareHandle,
    pub(crate) camera: Arc<Control>,
    pub(crate) recorder: RecorderHandle,
    pub(crate) clock: Clock,
    pub(crate) maker: Arc<HeightsMaker>,
    pub(crate) pixel_size_nm: f64,
}

/// How many heights a sweep would have that begins where the axes are now.
///
/// # Errors
/// Why it would be refused: it goes beyond the focus, or its range is not a whole number of steps.
pub fn heights_of(from_nm: f64, to_nm: f64, step_nm: f64, axes: &[AxisReading]) -> Result<usize, SweepError> {
    let asked = Asked { from_nm, to_nm, step_nm, frames: 1, settle_ms: SETTLE_MS };
    plan::Plan::new(&asked, axes).map(|plan| plan.targets_nm.len())
}

/// Where the focus is, nm, and from where to where it may go, nm from where it is; `None` if there is none that answers.
pub fn focus_range(axes: &[AxisReading]) -> Option<(f64, [f64; 2])> {
    let focus = axes.iter().find(|axis| axis.info.name == FOCUS)?;
    let nm_per_unit = focus.info.unit.nm()?;
    let at = focus.state?.position;
    Some((at * nm_per_unit, focus.info.limits.map(|limit| (limit - at) * nm_per_unit)))
}

/// The sweeps of a session, one at a time.
#[derive(Clone)]
pub(crate) struct Sweeps(Arc<Shared>);

struct Shared {
    parts: SweepParts,
    /// The sweep's own for as long as it runs.
    frames: Mutex<SkippingReader<FrameHeader>>,
    /// Never locked for long.
    state: Mutex<ZLutSweep>,
    in_use: Mutex<(Option<Arc<ZLut>>, Option<ZLutInUse>)>,
    running: AtomicBool,
    cancel: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl std::ops::Deref for Shared {
    type Target = SweepParts;
    fn deref(&self) -> &SweepParts {
        &self.parts
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// No sweep runs any more once this is gone, also after a panic.
struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::Release);
    }
}

impl Shared {
    /// Grey levels of a ROI, corrected as they are for tracking, and whether some were white before. `None` if it is not inside
    /// the frame.
    fn copy(&self, frame: &FrameView<'_>, roi: &Roi, levels: &mut [f32]) -> Option<bool> {
        if !frame.copy_roi(roi, levels) {
            return None;
        }
        let saturated = is_saturated(levels, f32::from(frame.format.max_level()));
        if let Some(correction) = self.maker.correction() {
            let corner = (roi.left_px as usize, roi.top_px as usize);
            correction.correct(frame, corner, roi.size_px as usize, levels);
        }
        Some(saturated)
    }

    /// Tells log and recording how a sweep has ended.
    fn tell_end(&self, phase: &Phase, beads: &[SweptBead], notice: Option<&str>) {
        let usable = beads.iter().filter(|bead| bead.unusable.is_none()).count();
        let answer = match phase {
            Phase::Failed(failure) => failure.to_string(),
            Phase::Cancelled => "cancelled".to_owned(),
            _ => format!("done: Z-LUTs of {usable} of {} beads", beads.len()),
        };
        let answer = answer + &notice.map_or_else(String::new, |notice| format!("; {notice}"));
        tracing::info!("the focus sweep has ended: {answer}");
        let session_ns = self.clock.now_ns();
        let unix_ns = self.clock.unix_ns(session_ns);
        let command = "zlut.sweep has ended".to_owned();
        self.recorder.note(Event { session_ns, unix_ns, sender: Sender::Session, command, answer });
    }
}

impl Sweeps {
    /// None yet; heights are looked up in `zlut`.
    pub(crate) fn new(
        parts: SweepParts,
        frames: SkippingReader<FrameHeader>,
        zlut: Option<Arc<ZLut>>,
    ) -> Self {
        let told = zlut.as_ref().map(|zlut| ZLutInUse::new(zlut, zlut.origin.assumed.clone()));
        Self(Arc::new(Shared {
            parts,
            frames: Mutex::new(frames),
            state: Mutex::default(),
            in_use: Mutex::new((zlut, told)),
            running: AtomicBool::new(false),
            cancel: AtomicBool::new(false),
            thread: Mutex::new(None),
        }))
    }

    /// What is the same for every Z-LUT.
    pub(crate) fn maker(&self) -> &HeightsMaker {
        &self.0.maker
    }

    /// Begins a sweep of these beads.
    ///
    /// # Errors
    /// Why not; nothing has moved then.
    pub(crate) fn start(&self, asked: Asked, rois: Arc<[Roi]>) -> Result<(), SweepError> {
        let shared = &self.0;
        let mut thread = lock(&shared.thread);
        if shared.status.is_stopping() {
            return Err(SweepError::Ended);
        }
        if self.is_running() {
            return Err(SweepError::Running);
        }
        if rois.is_empty() {
            return Err(SweepError::NoBeads);
        }
        let plan = plan::Plan::new(&asked, &shared.hardware.readings())?;
        let side = shared.maker.roi_px() as usize;
        let meter = Meter::new(side, shared.maker.params());
        let meter = meter.map_err(|error| SweepError::Kernels(error.to_string()))?;
        gathered::check_room(&meter, side, rois.len(), plan.targets_nm.len())?;
        if let Some(before) = thread.take() {
            // It has ended.
            let _ = before.join();
        }
        let run = Run { shared: shared.clone(), asked, plan, rois, meter, began: Instant::now() };
        {
            let mut state = lock(&shared.state);
            *state = run.first_state(&state);
        }
        shared.cancel.store(false, Ordering::Release);
        shared.running.store(true, Ordering::Release);
        let running = Running(shared.clone());
        let begun = spawn("beadscope-sweep", &shared.status, move |_| {
            let _running = running;
            run.run();
        });
        *thread = Some(begun.map_err(|error| {
            lock(&shared.state).phase = Phase::Idle;
            SweepError::Thread(error.to_string())
        })?);
        Ok(())
    }

    /// Asks the sweep to end; the focus then goes back.
    ///
    /// # Errors
    /// If none runs.
    pub(crate) fn cancel(&self) -> Result<(), SweepError> {
        if !self.is_running() {
            return Err(SweepError::NotRunning);
        }
        self.0.cancel.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether one is under way.
    pub(crate) fn is_running(&self) -> bool {
        self.0.running.load(Ordering::Acquire)
    }

    /// How it is going.
    pub(crate) fn state(&self) -> ZLutSweep {
        let state = lock(&self.0.state).clone();
        ZLutSweep { in_use: lock(&self.0.in_use).1.clone(), ..state }
    }

    /// The Z-LUT of a bead of the last sweep that was finished.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn zlut_of(&self, bead: u32) -> Result<Arc<ZLut>, SweepError> {
        let beads = lock(&self.0.state).beads.clone();
        if beads.is_empty() {
            return Err(SweepError::NoSweep);
        }
        let there = || beads.iter().map(|bead| bead.bead.to_string()).collect::<Vec<_>>().join(", ");
        let swept = beads.iter().find(|swept| swept.bead == bead);
        let swept = swept.ok_or_else(|| SweepError::NoBead { bead, there: there() })?;
        match (&swept.unusable, &swept.zlut) {
            (None, Some(zlut)) => Ok(zlut.clone()),
            (reason, _) => {
                let reason = reason.clone().unwrap_or_else(|| "it has none".to_owned());
                Err(SweepError::Unusable { bead, reason })
            }
        }
    }

    /// The Z-LUT of a bead of the last sweep was used or saved.
    pub(crate) fn keep(&self, bead: u32) {
        lock(&self.0.state).kept.insert(bead);
    }

    /// The Z-LUT that heights are looked up in.
    pub(crate) fn zlut(&self) -> Option<Arc<ZLut>> {
        lock(&self.0.in_use).0.clone()
    }

    /// Heights are looked up in this one now.
    pub(crate) fn set_zlut(&self, zlut: Option<Arc<ZLut>>, doubts: Vec<String>) -> Option<ZLutInUse> {
        let told = zlut.as_ref().map(|zlut| ZLutInUse::new(zlut, doubts));
        *lock(&self.0.in_use) = (zlut, told.clone());
        told
    }

    /// Waits for the end of a sweep, once the session is asked to end.
    pub(crate) fn join(&self) {
        // Taken first: whoever begins a sweep needs the lock, and finds that the session ends.
        let thread = lock(&self.0.thread).take();
        if let Some(thread) = thread {
            // A panic was caught in the thread and is the end reason already.
            let _ = thread.join();
        }
    }
}
