//! One sweep: the focus goes to each height, comes to rest, images are taken, at an early height once more; then it goes back
//! and Z-LUTs are built.
//!
//! Runs on: `beadscope-sweep`, one for each sweep. It looks at the frame ring as the window does, so it holds nothing back:
//! frames that it misses make it take longer. It asks the hardware thread to move the focus, and waits for nothing without an
//! end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Shared;
use super::failure::SweepFailure;
use super::gathered::Gathered;
use super::judge::Sweep;
use super::lock;
use super::plan::{Asked, FOCUS, Plan};
use super::state::{Phase, Preview, SweptBead, SweptPlane, ZLutSweep};
use crate::calibrate::Meter;
use crate::clock;
use crate::command::Sender;
use crate::correction;
use crate::frame::{FrameHeader, FrameView};
use crate::hardware::{AxisReading, HardwareError, Order};
use crate::ring::SkippingReader;
use crate::roi::Roi;
use crate::safety::Wish;

/// How often the focus and the frame ring are looked at.
const LOOK: Duration = Duration::from_millis(5);
/// A focus that comes no nearer for so long does not arrive.
const STALLED: Duration = Duration::from_secs(5);
/// Without a frame for so long, and for so many periods of the camera, none comes.
const NO_FRAMES: (Duration, f64) = (Duration::from_secs(5), 10.0);

/// Heights are round to this, nm.
const RESOLVED_NM: f64 = 0.1;

/// Why a sweep is not finished.
enum End {
    Cancelled,
    Failed(SweepFailure),
}

impl From<SweepFailure> for End {
    fn from(failure: SweepFailure) -> Self {
        Self::Failed(failure)
    }
}

impl From<HardwareError> for End {
    fn from(refused: HardwareError) -> Self {
        Self::Failed(refused.into())
    }
}

/// What was seen.
struct Swept {
    /// Heights of a bead that stays, in the order of the sweep, nm.
    z_nm: Vec<f64>,
    /// The one that was seen again.
    again_nm: f64,
    /// Of each bead.
    gathered: Vec<Gathered>,
}

/// A sweep that is about to begin.
pub(super) struct Run {
    pub(super) shared: Arc<Shared>,
    pub(super) asked: Asked,
    pub(super) plan: Plan,
    /// As they were at its start: edits of the beads change nothing.
    pub(super) rois: Arc<[Roi]>,
    pub(super) meter: Meter,
    pub(super) began: Instant,
}

impl Run {
    /// Sweeps, brings the focus back, and tells how it went.
    pub(super) fn run(mut self) {
        let shared = self.shared.clone();
        let hold = |order: fn(String) -> Order| shared.hardware.ask(Sender::Sweep, order(FOCUS.to_owned()));
        let held = hold(|axis| Order::Take { axis });
        // A focus that somebody else has stays where it is.
        let is_ours = held.is_ok();
        let swept = held.map_err(End::from).and_then(|()| {
            let mut frames = lock(&shared.frames);
            self.sweep(&mut frames)
        });
        let interfered = !is_ours || matches!(&swept, Err(End::Failed(SweepFailure::Interfered)));
        let sent_back = if interfered { Ok(()) } else { self.send_to(self.plan.start_nm) };
        self.tell(|state| state.phase = Phase::Building);
        let built = swept.and_then(|swept| self.build(&swept));
        let came_back = match sent_back {
            // Who ends the session does not wait for a motor, which goes on to where it was sent.
            Ok(()) if interfered || shared.status.is_stopping() => Ok(()),
            Ok(()) => self.arrive_at(self.plan.start_nm, false).map(|_| ()),
            Err(failure) => Err(failure),
        };
        // Where the session has ended, nobody wants it any more.
        let _ = hold(|axis| Order::Release { axis });
        let notice = match came_back {
            Ok(()) => None,
            Err(End::Cancelled) => None,
            Err(End::Failed(failure)) => {
                Some(format!("the focus did not come back to {:.0} nm: {failure}", self.plan.start_nm))
            }
        };
        shared.running.store(false, Ordering::Release);
        let focus_nm = self.focus().and_then(|focus| Some(focus.state?.position * self.plan.nm_per_unit));
        let (phase, beads) = match built {
            Ok(beads) => (Phase::Done, Some(beads)),
            Err(End::Cancelled) => (Phase::Cancelled, None),
            Err(End::Failed(failure)) => (Phase::Failed(failure), None),
        };
        // Before anybody can see that it is over, and end the recording.
        shared.tell_end(&phase, beads.as_deref().unwrap_or_default(), notice.as_deref());
        self.tell(|state| {
            (state.phase, state.focus_nm, state.left_s, state.notice) = (phase, focus_nm, None, notice);
            if let Some(beads) = beads {
                state.beads = beads;
                state.kept.clear();
            }
        });
    }

    /// Images at every height, and at one of them again.
    fn sweep(&mut self, frames: &mut SkippingReader<FrameHeader>) -> Result<Swept, End> {
        let side = self.shared.maker.roi_px() as usize;
        let heights = self.plan.targets_nm.len();
        let mut levels = vec![0.0; side * side];
        let gathered = self.rois.iter().map(|_| Gathered::new(&self.meter, side, heights)).collect();
        let mut swept = Swept { z_nm: Vec::with_capacity(heights), again_nm: f64::NAN, gathered };
        self.approach(0)?;
        for height in 0..heights {
            let z_nm = self.visit(height, height, |run| {
                run.take(height, false, frames, &mut swept.gathered, &mut levels)
            })?;
            swept.z_nm.push(z_nm);
            self.show(height, z_nm, &swept.gathered);
        }
        let again = self.plan.again();
        self.approach(again)?;
        swept.again_nm = self
            .visit(again, heights, |run| run.take(again, true, frames, &mut swept.gathered, &mut levels))?;
        Ok(swept)
    }

    fn approach(&self, height: usize) -> Result<(), End> {
        let nm = self.plan.before(height);
        self.send_to(nm)?;
        self.arrive_at(nm, true).map(|_| ())
    }

    /// Goes to a height, rests, does what is to be done there, and tells which height of a bead that was, nm.
    fn visit(
        &mut self,
        height: usize,
        step: usize,
        act: impl FnOnce(&mut Self) -> Result<(), End>,
    ) -> Result<f64, End> {
        self.tell(|state| (state.phase, state.step) = (Phase::Moving, step as u32));
        let target_nm = self.plan.targets_nm[height];
        self.send_to(target_nm)?;
        self.arrive_at(target_nm, true)?;
        self.rest()?;
        let before_nm = self.rested_at(target_nm)?;
        self.tell(|state| state.phase = Phase::Taking);
        act(self)?;
        let after_nm = self.rested_at(target_nm)?;
        let by_nm = (after_nm - before_nm).abs();
        if by_nm > self.plan.tolerance_nm {
            return Err(SweepFailure::Restless(by_nm).into());
        }
        // Moving the focus up shows a bead that stays as one that has gone down.
        let height_nm = self.plan.zero_nm - 0.5 * (before_nm + after_nm);
        // No sensor is better than this, and no zero negative.
        Ok((height_nm / RESOLVED_NM).round() * RESOLVED_NM + 0.0)
    }

    /// Whether to go on.
    fn check(&self) -> Result<(), End> {
        if self.shared.status.is_stopping() {
            return Err(SweepFailure::SessionEnded.into());
        }
        if self.shared.cancel.load(Ordering::Acquire) { Err(End::Cancelled) } else { Ok(()) }
    }

    fn send_to(&self, nm: f64) -> Result<(), End> {
        let wish = Wish::Move { to: nm / self.plan.nm_per_unit, speed: None, clamp: false };
        Ok(self.shared.hardware.ask(Sender::Sweep, Order::Wish { axis: FOCUS.to_owned(), wish })?)
    }

    fn focus(&self) -> Option<AxisReading> {
        self.shared.hardware.readings().into_iter().find(|axis| axis.info.name == FOCUS)
    }

    /// Waits until the focus is there and does not move. On its way back nothing but its own standing still ends that.
    fn arrive_at(&self, target_nm: f64, may_be_ended: bool) -> Result<f64, End> {
        let mut nearest_nm = f64::INFINITY;
        let mut since = Instant::now();
        loop {
            if may_be_ended {
                self.check()?;
            } else if self.shared.status.is_stopping() {
                return Ok(target_nm);
            }
            let (at_nm, is_moving) = match self.look(target_nm) {
                Ok(seen) => seen,
                // One answer that is lost is asked for again.
                Err(End::Failed(SweepFailure::Silent(_))) if since.elapsed() < STALLED => {
                    sleep(LOOK);
                    continue;
                }
                Err(end) => return Err(end),
            };
            let way_nm = (at_nm - target_nm).abs();
            self.tell(|state| state.focus_nm = Some(at_nm));
            if !is_moving && way_nm <= self.plan.tolerance_nm {
                return Ok(at_nm);
            }
            if way_nm < nearest_nm - self.plan.tolerance_nm {
                (nearest_nm, since) = (way_nm, Instant::now());
            }
            if since.elapsed() > STALLED {
                return Err(SweepFailure::Stalled { asked_nm: target_nm, at_nm }.into());
            }
            sleep(LOOK);
        }
    }

    /// Where the focus is, nm, and whether it moves, if it is still sent to where we have sent it.
    fn look(&self, target_nm: f64) -> Result<(f64, bool), End> {
        let Some(focus) = self.focus() else {
            return Err(SweepFailure::Silent("it is gone".to_owned()).into());
        };
        // The very number that we have sent.
        if focus.target != Some(target_nm / self.plan.nm_per_unit) {
            return Err(SweepFailure::Interfered.into());
        }
        match focus.state {
            Some(state) => Ok((state.position * self.plan.nm_per_unit, state.is_moving)),
            None => Err(SweepFailure::Silent(focus.error.unwrap_or_else(|| "no answer".to_owned())).into()),
        }
    }

    /// The same; an answer that is lost is asked for again for a while.
    fn look_patiently(&self, target_nm: f64) -> Result<(f64, bool), End> {
        let since = Instant::now();
        loop {
            match self.look(target_nm) {
                Err(End::Failed(SweepFailure::Silent(_))) if since.elapsed() < STALLED => {
                    self.check()?;
                    sleep(LOOK);
                }
                seen => return seen,
            }
        }
    }

    /// Gives what was moved time to come to rest.
    fn rest(&self) -> Result<(), End> {
        let until = Instant::now() + Duration::from_secs_f64(1e-3 * self.asked.settle_ms);
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.check()?;
            sleep(left.min(LOOK));
        }
        Ok(())
    }

    /// Where the focus is at this moment; the recording has it, too.
    fn rested_at(&self, target_nm: f64) -> Result<f64, End> {
        self.shared.hardware.ask(Sender::Sweep, Order::Record)?;
        let (at_nm, is_moving) = self.look_patiently(target_nm)?;
        let way_nm = (at_nm - target_nm).abs();
        if is_moving || way_nm > self.plan.tolerance_nm {
            return Err(SweepFailure::Restless(way_nm).into());
        }
        Ok(at_nm)
    }

    /// Takes as many frames as are asked for whose exposure began after now.
    fn take(
        &mut self,
        height: usize,
        is_again: bool,
        frames: &mut SkippingReader<FrameHeader>,
        gathered: &mut [Gathered],
        levels: &mut [f32],
    ) -> Result<(), End> {
        let shared = self.shared.clone();
        let config = shared.camera.config();
        let period_s = 1.0 / config.rate_hz;
        // A camera that reads out as it exposes the next frame delivers one up to a period after its exposure has ended.
        let late_ns = (1e3 * config.exposure_us + 1e9 * period_s) as u64;
        let after_ns = shared.clock.now_ns() + late_ns;
        let patience = NO_FRAMES.0.max(Duration::from_secs_f64(NO_FRAMES.1 * period_s));
        let mut waiting_since = Instant::now();
        let mut taken = 0;
        while taken < self.asked.frames {
            self.check()?;
            match frames.take_next() {
                // A frame that waited somewhere arrives late, and one whose clock has jumped tells the wrong time.
                Some((header, _)) if header.time_ns.min(header.arrival_ns) <= after_ns => {}
                Some((_, bytes)) => {
                    let frame = FrameView::new(&config, bytes);
                    for (roi, gathered) in self.rois.iter().zip(&mut *gathered) {
                        match shared.copy(&frame, roi, levels) {
                            Some(_) if is_again => gathered.take_again(&mut self.meter, levels),
                            Some(is_saturated) => {
                                gathered.take(&mut self.meter, height, levels, is_saturated);
                            }
                            None => {}
                        }
                    }
                    // A focus that others move takes no more time than that.
                    self.look_patiently(self.plan.targets_nm[height])?;
                    taken += 1;
                    waiting_since = Instant::now();
                    self.tell(|state| state.frames_taken += 1);
                }
                None => sleep(LOOK.min(Duration::from_secs_f64(0.5 * period_s))),
            }
            if waiting_since.elapsed() > patience {
                return Err(SweepFailure::NoFrames(patience.as_secs_f64()).into());
            }
        }
        // What came meanwhile is of this height, and not of the next.
        let _ = frames.newest();
        Ok(())
    }

    /// Shows a height that is done.
    fn show(&self, height: usize, z_nm: f64, gathered: &[Gathered]) {
        let profiles = gathered.iter().flat_map(|bead| bead.profile(height)).map(|grey| grey as f32);
        let located = gathered.iter().map(|bead| bead.located().nth(height).unwrap_or(0));
        let plane = SweptPlane { z_nm, profiles: profiles.collect(), located: located.collect() };
        let done = (height + 1) as f64;
        // With the one that is seen again.
        let left = self.plan.targets_nm.len() as f64 + 1.0 - done;
        let left_s = self.began.elapsed().as_secs_f64() / done * left;
        self.tell(|state| {
            state.preview.planes.push(Arc::new(plane));
            state.left_s = Some(left_s);
        });
    }

    fn build(&self, swept: &Swept) -> Result<Arc<[SweptBead]>, End> {
        let Swept { z_nm, again_nm, gathered } = swept;
        let Asked { frames, step_nm, .. } = self.asked;
        let source = format!(
            "focus sweep in a session at {}: {} heights in steps of {step_nm} nm, {frames} images each",
            clock::utc_text(clock::unix_ns_now()),
            z_nm.len()
        );
        let sweep = Sweep {
            meter: &self.meter,
            z_nm,
            again_nm: *again_nm,
            frames,
            pixel_size_nm: self.shared.pixel_size_nm,
            correction: correction::kinds(self.shared.maker.correction().map(|correction| &**correction)),
            source: &source,
        };
        self.rois
            .iter()
            .zip(gathered)
            .map(|(roi, gathered)| {
                self.check()?;
                Ok(sweep.judge(roi.bead, gathered))
            })
            .collect()
    }

    fn tell(&self, change: impl FnOnce(&mut ZLutSweep)) {
        change(&mut lock(&self.shared.state));
    }

    /// What is shown before anything has moved.
    pub(super) fn first_state(&self, before: &ZLutSweep) -> ZLutSweep {
        let heights = self.plan.targets_nm.len() + 1;
        ZLutSweep {
            phase: Phase::Moving,
            steps: heights as u32,
            frames_wanted: heights as u64 * u64::from(self.asked.frames),
            focus_nm: Some(self.plan.zero_nm),
            start_nm: Some(self.plan.start_nm),
            preview: Preview {
                rois: self.rois.clone(),
                n_rings: self.meter.n_rings(),
                ring_step_px: self.meter.ring_step_px(),
                planes: Vec::new(),
            },
            beads: before.beads.clone(),
            kept: before.kept.clone(),
            ..ZLutSweep::default()
        }
    }
}
