//! A session: from the first frame to the last. Starts the threads, hands out readers, joins in order.
//!
//! Order of stopping, each step caused by the one before: the camera thread leaves its loop and closes the frame ring;
//! the tracking thread drains it and closes the track ring; the recorder drains that and finishes its file; `stop`
//! joins them in this order. A thread that panics ends the session with a reason, and the others go on draining.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use beadscope_drivers::camera::Camera;
use beadscope_zlut::ZLut;

use crate::acquire::Acquisition;
use crate::acquire::control::{Control, control};
use crate::acquire::outage::Patience;
use crate::bead_set::{BeadSet, MAX_BEAD};
use crate::clock::Clock;
use crate::command::{CommandBus, Parts};
use crate::correction::Correction;
use crate::frame::{FrameHeader, FrameView};
use crate::hardware::{self, AxisReading, HardwareHandle, Motors, Simulations};
use crate::health::Watch;
use crate::locks::{Keeper, LockParts, Locks, LocksState};
use crate::magnets::{ForceState, Forces, RampParts};
use crate::record::Recorder;
use crate::record::error::RecordError;
use crate::record::info::RunInfo;
use crate::rig::DEFAULT_ROI_PX;
use crate::ring::monitor::Monitor;
use crate::ring::{Ends, SkippingReader, ring};
use crate::safety::SafetyError;
use crate::settings::Settings;
use crate::split::{Limits, Split};
use crate::status::{EndReason, Health, Status};
use crate::threads::Answer;
use crate::track::Tracking;
use crate::track::backend::{BeadTracker, TrackedOn};
use crate::track::heights::HeightsMaker;
use crate::tracks::{TrackRow, TracksHeader};
use crate::video::film::{self, Source};
use crate::video::plan::Plan;
use crate::video::store::Store;
use crate::zlut_sweep::{SweepParts, Sweeps, ZLutSweep};

pub use beadscope_drivers::camera::CameraConfig;

/// Memory of the frame ring, at most, and its slots. With more frames than these behind, tracking does not catch up.
const FRAME_RING: (usize, usize) = (256 << 20, 4096);
/// The same of the track ring: it bridges the stalls of a disk that others write to, which were seen to last for 4 s.
const TRACK_RING: (usize, usize) = (128 << 20, 65_536);
/// A session has room for twice the beads it starts with, but for so many at least.
const LEAST_ROOM: usize = 128;
/// Fewer slots than this do not bridge a hiccup of the scheduler, so there are so many whatever their size.
const MIN_SLOTS: usize = 16;

/// All that a session needs, opened and checked.
pub struct Setup {
    /// A configured camera.
    pub camera: Box<dyn Camera>,
    /// Magnets, stages and focus, at rest.
    pub motors: Motors,
    /// What the camera applied.
    pub config: CameraConfig,
    /// The tracker with its ROIs and Z-LUT.
    pub tracker: BeadTracker,
    /// Stop by itself after this many frames.
    pub frame_limit: Option<u64>,
    /// What a recording says about this run.
    pub info: RunInfo,
    /// Record from the first frame into this file, which must not exist.
    pub record: Option<PathBuf>,
    /// All settings, of which some may change.
    pub settings: Settings,
    /// What was found out when the instrument was opened, a sentence each.
    pub notes: Vec<String>,
    /// Set at any time, it makes tracking pass over the frames that wait: their rows say so and have no positions, so that
    /// the session ends soon and no frame is missing. A video lacks the frames that wait for its disk.
    pub hurry: Arc<AtomicBool>,
}

/// Why a session could not start.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The recording could not be begun, so nothing was started.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The rules of safety cannot be kept with the axes there are.
    #[error(transparent)]
    Safety(#[from] SafetyError),
    /// The system refused a thread.
    #[error("a thread could not be started: {0}")]
    Thread(std::io::Error),
}

/// A running session.
pub struct Session {
    status: Arc<Status>,
    threads: Vec<JoinHandle<()>>,
    /// Dropped, it ends the health thread.
    health: Option<(SyncSender<()>, JoinHandle<()>)>,
    /// The same for the thread that splits recordings, if the rig asks for it.
    split: Option<(SyncSender<()>, JoinHandle<()>)>,
    commands: CommandBus,
    control: Arc<Control>,
    axes: HardwareHandle,
    correction: Option<Arc<Correction>>,
    info: RunInfo,
    sweeps: Sweeps,
    forces: Forces,
    locks: Locks,
    /// Dropped, it ends the thread of the locks.
    keeper: Option<(SyncSender<()>, JoinHandle<()>)>,
    clock: Clock,
    /// Devices that are simulated; they go after the threads that talk to them.
    _simulations: Simulations,
}

/// What a window reads: the newest frame, and rows in order. Neither ever holds the session back.
pub struct View {
    /// Frames; take the newest.
    pub frames: SkippingReader<FrameHeader>,
    /// Rows; [`crate::tracks::rows_of`] reads a slot.
    pub tracks: SkippingReader<TracksHeader>,
}

/// How a session went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Why it ended.
    pub reason: EndReason,
    /// The counters at the end.
    pub health: Health,
}

impl Session {
    /// Starts recorder, tracking and camera, in this order, so that nothing is made before it can be taken.
    ///
    /// # Errors
    /// If the recording cannot be begun or the system refuses a thread. Nothing runs then.
    pub fn start(setup: Setup) -> Result<(Self, View), SessionError> {
        let Setup { camera, config, motors, mut tracker, frame_limit, info, record, settings, notes, hurry } =
            setup;
        let wishes = settings.rig().threads.clone();
        tell_start(&config, &info, tracker.on());
        let rois = tracker.rois().clone();
        let roi_px = rois.first().map_or(DEFAULT_ROI_PX, |roi| roi.size_px);
        let room = room_for(rois.len());
        let mode = settings.rig().recording.mode;
        let plan = mode.picture().map(|picture| {
            let (beads, pixel_size_nm) = (rois.len(), info.pixel_size_nm);
            Plan { picture, config, roi_px, beads, room, pixel_size_nm }
        });
        let run = record.as_deref().and_then(Path::parent);
        let store = plan.as_ref().zip(run).map(|(plan, run)| plan.create(run, rois.len(), config.rate_hz));
        let mut store = store.transpose()?;
        let file =
            record.as_ref().map(|path| info.begin_recording(path, &info.rois.clone().into())).transpose();
        let file = file.inspect_err(|_| store.take().into_iter().for_each(Store::remove))?;
        let status = Arc::new(Status::default());
        status.set_tracked_on(tracker.on());
        let clock = Clock::start();
        let correction = tracker.correction().cloned();
        let frame = FrameView::new(&config, &[]);
        if mode.tracks() {
            tracker.make_room(&frame);
        } else {
            // Frames pass through without a position, so that the recording says which there were.
            tracker.replace_rois(Arc::from([]));
        }

        let frame_bytes = config.frame_bytes();
        let capacity = frame_slots(frame_bytes);
        let Ends { writer: ring_in, lossless: [frames, to_film], skipping: [frame_view, to_sweep] } =
            ring::<FrameHeader, 2, 2>(capacity, frame_bytes, ["tracking", "video"]);
        let row_bytes = room * size_of::<TrackRow>();
        let Ends { writer: rows_in, lossless: [tracks], skipping: [track_view, to_locks] } =
            ring::<TracksHeader, 1, 2>(slots(TRACK_RING, row_bytes), row_bytes, ["recorder"]);

        let watch = (Monitor::new(&ring_in), Monitor::new(&rows_in).watching("plots", &track_view));
        let published = Monitor::new(&ring_in);
        let (keep, end) = sync_channel(0);
        let (control, orders) = control(config);
        let control = Arc::new(control);
        let asked = control.clone();
        let health = spawn("beadscope-health", &status, move |status| {
            let (frames, rows) = watch;
            Watch { status, clock, asked, frames, rows }.run(&end);
        })?;
        let (mut recorder, handle) = Recorder::new(tracks, status.clone(), clock, file);
        // What it told while beads were looked for is not of this session.
        recorder.truth = camera.truth();
        let _ = recorder.truth.as_ref().map(|truth| truth.take().count());
        let into = handle.clone();
        let Motors { controllers, simulations, magnets } = motors;
        let (ports, axes) = hardware::prepare(controllers, &settings.rig().safety, || {
            let (into, status) = (into.clone(), status.clone());
            move |readings: Vec<AxisReading>| {
                status.motors.note(&readings);
                let unix_ns = clock.unix_ns(clock.now_ns());
                into.sample(readings.into_iter().map(|reading| reading.at(unix_ns)).collect());
            }
        })?;
        let (retarget, retargets) = sync_channel(1);
        // A reader of the ring that is dropped, where nothing is filmed, holds nothing back.
        let video = plan.map(|plan| {
            let _ = status.video.mode.set(mode);
            let (rois, status) = (rois.clone(), status.clone());
            let max_record_bytes = plan.max_record_bytes();
            let pool_bytes = film::POOL_BYTES;
            let (frames, hurry) = (to_film, hurry.clone());
            let source = Source {
                frames,
                capacity,
                config,
                rois,
                room,
                max_record_bytes,
                pool_bytes,
                status,
                clock,
                hurry,
            };
            let film::Parts { film, disk, handle } = film::prepare(source, store);
            ((plan, handle), (film, disk))
        });
        let (video, filming) = video.unzip();
        let beads = BeadSet::new(rois, roi_px, room, (frame.width_px, frame.height_px));
        let sweep_parts = SweepParts {
            status: status.clone(),
            hardware: axes.clone(),
            camera: control.clone(),
            recorder: handle.clone(),
            clock,
            maker: Arc::new(HeightsMaker::of(&tracker, config)),
            pixel_size_nm: info.pixel_size_nm,
        };
        let sweeps = Sweeps::new(sweep_parts, to_sweep, info.zlut.clone().map(Arc::new));
        let ramp_parts = RampParts { status: status.clone(), hardware: axes.clone(), clock, model: magnets };
        let forces = Forces::new(ramp_parts);
        let lock_parts = LockParts {
            hardware: axes.clone(),
            recorder: handle.clone(),
            sweeps: sweeps.clone(),
            clock,
            camera: control.clone(),
            frame_px: (frame.width_px, frame.height_px),
        };
        let locks = Locks::new(lock_parts, settings.rig().locks.clone());
        let parts = Parts {
            status: status.clone(),
            recorder: handle,
            camera: control.clone(),
            retarget,
            hardware: axes.clone(),
            forces: forces.clone(),
            frames: published,
            clock,
            info: info.clone(),
            notes,
            video,
            tracks: mode.tracks(),
            sweeps: sweeps.clone(),
            locks: locks.clone(),
        };
        let limits = Limits::of(&settings.rig().recording);
        let commands = CommandBus::new(parts, beads, settings, record);
        let split = limits.map(|limits| -> Result<_, SessionError> {
            let (keep, end) = sync_channel(0);
            let split = Split { limits, commands: commands.clone(), status: status.clone() };
            let thread = spawn("beadscope-split", &status, move |_| split.run(&end))?;
            Ok((keep, thread))
        });
        let split = split.transpose()?;
        let (keep_locks, end_locks) = sync_channel(0);
        let keeper = Keeper { locks: locks.clone(), rows: to_locks, commands: commands.clone() };
        let keeper = spawn("beadscope-locks", &status, move |_| keeper.run(&end_locks))?;
        let mut answers: Vec<Answer> = tracker
            .pool()
            .broadcast(|worker| wishes.set_tracking(worker.index()))
            .into_iter()
            .flatten()
            .collect();
        let mut threads = vec![spawn("beadscope-record", &status, move |_| recorder.run())?];
        if let Some((film, disk)) = filming {
            threads.push(spawn("beadscope-video-disk", &status, move |_| disk.run())?);
            threads.push(spawn("beadscope-video", &status, move |_| film.run())?);
        }
        for port in ports {
            let sweep = sweeps.clone();
            threads.push(spawn("beadscope-hardware", &status, move |status| {
                let failed = || status.end.get().is_some_and(EndReason::is_failure);
                // A sweep sends the focus back to where it was, also at the session's end.
                port.run(|| status.is_stopping() && (failed() || !sweep.is_running()), failed);
            })?);
        }
        threads.push(spawn("beadscope-track", &status, move |status| {
            Tracking { frames, config, tracker, room, retargets, tracks: rows_in, status, clock, hurry }
                .run();
        })?);
        let (set, answer) = sync_channel(1);
        threads.push(spawn("beadscope-camera", &status, move |status| {
            // Who asks is there until it has the answer.
            let _ = set.send(wishes.set_camera());
            let (ring, patience) = (ring_in, Patience::default());
            Acquisition { camera, config, ring, status, clock, frame_limit, orders, patience }.run();
        })?);
        answers.extend(answer.recv().unwrap_or_default());
        let _ = status.thread_notes.set(told(answers));
        let view = View { frames: frame_view, tracks: track_view };
        let health = Some((keep, health));
        let session = Self {
            status,
            threads,
            health,
            split,
            commands,
            control,
            axes,
            correction,
            info,
            sweeps,
            forces,
            locks,
            keeper: Some((keep_locks, keeper)),
            clock,
            _simulations: simulations,
        };
        Ok((session, view))
    }

    /// False once the session has ended by itself; [`stop`](Self::stop) tells why.
    pub fn is_running(&self) -> bool {
        !self.status.is_stopping()
    }

    /// What became of the wishes for threads, one sentence each.
    pub fn thread_notes(&self) -> &[String] {
        self.status.thread_notes.get().map_or(&[], Vec::as_slice)
    }

    /// Counters now.
    pub fn health(&self) -> Health {
        self.status.health()
    }

    /// What the camera has now.
    pub fn config(&self) -> CameraConfig {
        self.control.config()
    }

    /// Where the axes are; none if there are none.
    pub fn axes(&self) -> Vec<AxisReading> {
        self.axes.readings()
    }

    /// The force of the magnets, and how a ramp goes; `None` if nobody has said what they do.
    pub fn force(&self) -> Option<ForceState> {
        self.forces.state()
    }

    /// What the locks do.
    pub fn locks(&self) -> LocksState {
        self.locks.state()
    }

    /// The clock that frames, motors and events are stamped with.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// What frames are corrected with before they are tracked.
    pub fn correction(&self) -> Option<&Arc<Correction>> {
        self.correction.as_ref()
    }

    /// How the focus sweep goes that the command `zlut.sweep` has begun, and what the last one has given. Cheap enough for a few
    /// times a second.
    pub fn zlut_sweep(&self) -> ZLutSweep {
        self.sweeps.state()
    }

    /// The Z-LUT that heights are looked up in now.
    pub fn zlut(&self) -> Option<Arc<ZLut>> {
        self.sweeps.zlut()
    }

    /// What the session knew about itself at its start: ROIs, pixel size, Z-LUT, settings.
    pub fn info(&self) -> &RunInfo {
        &self.info
    }

    /// Where to send what is to be changed.
    pub fn commands(&self) -> &CommandBus {
        &self.commands
    }

    /// Ends the session: every frame that has arrived is tracked and recorded, then the threads are joined.
    pub fn stop(mut self) -> Outcome {
        self.join();
        Outcome { reason: self.reason(), health: self.status.health() }
    }

    fn reason(&self) -> EndReason {
        self.status.end.get().cloned().unwrap_or(EndReason::Asked)
    }

    fn join(&mut self) {
        // Last to be joined: it tells of the others until they are gone.
        let Some((keep, health)) = self.health.take() else { return };
        self.status.end(EndReason::Asked);
        if let Some((keep, split)) = self.split.take() {
            drop(keep);
            let _ = split.join();
        }
        if let Some((keep, keeper)) = self.keeper.take() {
            drop(keep);
            let _ = keeper.join();
        }
        // Before the hardware thread, which waits for it to send the focus back.
        self.sweeps.join();
        self.forces.join();
        // Camera first: it was started last.
        for thread in self.threads.drain(..).rev() {
            // A panic was caught in the thread and is the end reason already.
            let _ = thread.join();
        }
        drop(keep);
        let _ = health.join();
        let ledger = serde_json::to_string(&self.status.ledger()).unwrap_or_default();
        tracing::info!("session ended: {}; {ledger}", self.reason());
    }
}

impl Drop for Session {
    /// A session that is dropped without [`stop`](Self::stop) still drains and finishes its file.
    fn drop(&mut self) {
        self.join();
    }
}

/// Beads that a session which starts with `beads` may come to have.
fn room_for(beads: usize) -> usize {
    (2 * beads).clamp(LEAST_ROOM, MAX_BEAD as usize + 1).max(beads)
}

/// Tells the log what begins. The settings are for the file: on a terminal they would hide what comes before them.
fn tell_start(config: &CameraConfig, info: &RunInfo, on: &TrackedOn) {
    let (window, beads) = (&config.window, info.rois.len());
    let (width_px, height_px, rate_hz) = (window.width_px, window.height_px, config.rate_hz);
    tracing::info!(
        "session starts: {width_px} × {height_px} px at {rate_hz} Hz, {beads} beads on {}",
        on.adapter
    );
    tracing::debug!(settings = %info.settings_toml.trim().escape_debug(), camera = %info.camera.trim().escape_debug());
}

/// Frames that the frame ring holds.
pub(crate) fn frame_slots(frame_bytes: usize) -> usize {
    slots(FRAME_RING, frame_bytes)
}

fn slots((memory, most): (usize, usize), slot_bytes: usize) -> usize {
    (memory / slot_bytes.max(1)).clamp(MIN_SLOTS, most)
}

/// Logs what became of the wishes for threads.
fn told(answers: Vec<Answer>) -> Vec<String> {
    let log = |Answer { is_granted, sentence }: Answer| {
        if is_granted {
            tracing::info!("{sentence}");
        } else {
            tracing::warn!("{sentence}");
        }
        sentence
    };
    answers.into_iter().map(log).collect()
}

/// Starts a named thread; a panic in it ends the session and says where it came from.
pub(crate) fn spawn(
    name: &'static str,
    status: &Arc<Status>,
    work: impl FnOnce(&Status) + Send + 'static,
) -> Result<JoinHandle<()>, SessionError> {
    let status = status.clone();
    let thread = Builder::new().name(name.to_owned()).spawn(move || {
        status.threads.enter(name);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(&status))) {
            let message = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no message".to_owned());
            status.end(EndReason::Panic(format!("{name}: {message}")));
        }
    });
    thread.map_err(SessionError::Thread)
}
