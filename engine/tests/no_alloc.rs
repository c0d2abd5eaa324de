//! Once a session is under way, neither its camera thread nor any of its tracking threads allocates, nor what films for it.

#![allow(unsafe_code, reason = "an allocator that counts is unsafe by its interface")]
#![allow(clippy::unwrap_used, reason = "a test stops at what should not be")]

#[path = "../../shaders/tests/counting/mod.rs"]
mod counting;

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use beadscope_drivers::camera::{Camera, CameraConfig, CameraError, CameraRequest, FrameInfo};
use beadscope_drivers::{CAMERAS, CONTROLLERS};
use beadscope_engine::command::Sender;
use beadscope_engine::instrument::Instrument;
use beadscope_engine::record::info::RunInfo;
use beadscope_engine::rig::Rig;
use beadscope_engine::session::{Session, Setup};
use beadscope_engine::settings::Settings;
use beadscope_engine::track::backend::Backend;
use counting::Counting;

/// Frames until all memory that grows at first has grown.
const WARM_UP: u64 = 100;
/// Rayon takes a block of memory once in 63 batches that are handed to its pool from outside, and a batch has 32 frames at
/// most, which is what it has when the machine is busy.
const FRAMES: u64 = 32 * 65;

static COUNTING: AtomicBool = AtomicBool::new(false);
/// One for each of [`THREADS`], and one for all others.
static ALLOCATIONS: [AtomicU64; THREADS.len() + 1] = [const { AtomicU64::new(0) }; THREADS.len() + 1];
/// How names of threads begin, the longer first.
const THREADS: [&str; 6] = [
    "beadscope-camera",
    "beadscope-track-",
    "beadscope-track",
    "beadscope-record",
    "beadscope-video-disk",
    "beadscope-video",
];

thread_local! {
    /// This thread's place in `ALLOCATIONS`.
    static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Counts by thread what is asked for while [`COUNTING`].
fn count() {
    if !COUNTING.load(Ordering::Relaxed) {
        return;
    }
    // A thread that is ending has no place any more, and is none of ours.
    let _ = PLACE.try_with(|place| {
        let index = place.get().unwrap_or_else(|| {
            // Asking for the name may allocate, which then counts here.
            place.set(Some(THREADS.len()));
            let thread = std::thread::current();
            let name = thread.name().unwrap_or_default();
            THREADS.iter().position(|start| name.starts_with(start)).unwrap_or(THREADS.len())
        });
        place.set(Some(index));
        ALLOCATIONS[index].fetch_add(1, Ordering::Relaxed);
    });
}

#[global_allocator]
static ALLOCATOR: Counting = Counting(count);

/// A camera whose author forgot that `read_into` must not allocate.
struct Allocating(Box<dyn Camera>);

impl Camera for Allocating {
    fn configure(&mut self, request: &CameraRequest) -> Result<CameraConfig, CameraError> {
        self.0.configure(request)
    }
    fn start(&mut self) -> Result<(), CameraError> {
        self.0.start()
    }
    fn read_into(&mut self, slot: &mut [u8], timeout: Duration) -> Result<FrameInfo, CameraError> {
        std::hint::black_box(vec![0_u8; 64]);
        self.0.read_into(slot, timeout)
    }
    fn stop(&mut self) -> Result<(), CameraError> {
        self.0.stop()
    }
}

/// A session of the simulated microscope that finds x, y and z of its beads, records them and films them.
fn setup(folder: &std::path::Path) -> Setup {
    let mut rig = Rig::default();
    rig.camera.rate_hz = 500.0;
    rig.camera.settings = "beads = 12\nwidth_px = 480\nheight_px = 360".parse().unwrap();
    rig.tracking.backend = Backend::Cpu;
    let Instrument { camera, config, motors, tracker, zlut, pixel_size_nm, .. } =
        Instrument::open(&rig, CAMERAS, CONTROLLERS).unwrap();
    assert!(zlut.is_some() && tracker.rois().len() >= 6, "{} beads", tracker.rois().len());
    let rois = tracker.rois().to_vec();
    let info =
        RunInfo { pixel_size_nm, settings_toml: String::new(), camera: "simulated".to_owned(), rois, zlut };
    let record = Some(folder.join("tracks.h5"));
    let (mut settings, notes, hurry) = (Settings::load(None, None).unwrap(), Vec::new(), Arc::default());
    settings.change("recording.mode", "track+roi-video").unwrap();
    Setup { camera, config, motors, tracker, frame_limit: None, info, record, settings, notes, hurry }
}

/// Allocations of [`THREADS`] in so many frames, at whose beginning something is asked of the session.
fn allocations(setup: Setup, frames: u64, ask: impl FnOnce(&Session)) -> [u64; THREADS.len()] {
    // One session at a time: the counters are the process's.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap();
    let is_recorded = setup.record.is_some();
    let (session, _view) = Session::start(setup).unwrap();
    let wait_for = |tracked: u64| {
        let deadline = Instant::now() + Duration::from_secs(120);
        while session.health().ledger.tracked < tracked {
            assert!(session.is_running() && Instant::now() < deadline, "{:?}", session.health());
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    wait_for(WARM_UP);
    ALLOCATIONS.iter().for_each(|count| count.store(0, Ordering::Relaxed));
    COUNTING.store(true, Ordering::Relaxed);
    ask(&session);
    wait_for(session.health().ledger.tracked + frames);
    COUNTING.store(false, Ordering::Relaxed);
    let counts = std::array::from_fn(|thread| ALLOCATIONS[thread].load(Ordering::Relaxed));
    let outcome = session.stop();
    if is_recorded {
        let (ledger, video) = (outcome.health.ledger, outcome.health.video.as_ref());
        assert!(outcome.health.record_error.is_none() && ledger.recorded > frames, "{outcome:?}");
        assert!(video.is_some_and(|video| video.frames > frames), "{outcome:?}");
    }
    counts
}

#[test]
fn camera_tracking_and_video_threads_do_not_allocate() {
    let folder = tempfile::tempdir().unwrap();
    let [camera, workers, tracking, recorder, _, video] = allocations(setup(folder.path()), FRAMES, |_| ());
    assert_eq!((camera, workers, tracking, video), (0, 0, 0, 0), "camera, workers, tracking, video");
    assert!(recorder > 0, "the counter counts nothing");
}

#[test]
fn tracking_takes_another_zlut_over_without_allocating() {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = setup(folder.path());
    let path = folder.path().join("a.zlut.h5");
    beadscope_zlut::file::write(&path, setup.info.zlut.as_ref().unwrap()).unwrap();
    // A recording keeps its Z-LUT.
    setup.record = None;
    let [camera, workers, tracking, ..] = allocations(setup, FRAMES, |session| {
        for line in ["zlut.unload".to_owned(), format!("zlut.use path={path:?}")] {
            session.commands().send(Sender::Text, line.parse().unwrap()).unwrap();
        }
        assert!(session.zlut().is_some());
    });
    assert_eq!((camera, workers, tracking), (0, 0, 0), "camera, workers, tracking");
}

#[test]
fn a_camera_that_allocates_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = setup(folder.path());
    setup.camera = Box::new(Allocating(setup.camera));
    let [camera, ..] = allocations(setup, 100, |_| ());
    // Tracking may have had frames left over from before.
    assert!(camera >= 50, "{camera} allocations found in 100 frames");
}
