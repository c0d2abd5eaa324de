//! The command `zlut.sweep` records Z-LUTs that tell heights right, and whatever goes wrong, the focus comes back and it is said.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests, outside #[test], where this is how a test fails, and says what it has seen"
)]

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use beadscope_drivers::axis::{Abilities, AxisError, AxisInfo, AxisState, AxisUnit, Controller};
use beadscope_drivers::camera::{
    Camera, CameraConfig, CameraError, CameraRequest, FrameInfo, PixelFormat, SensorWindow,
};
use beadscope_drivers::cameras::simulated::{Scene, Settings as SceneSettings};
use beadscope_drivers::{CAMERAS, CONTROLLERS};
use beadscope_engine::command::{Applied, CommandError, Sender};
use beadscope_engine::hardware::{Motors, OpenController};
use beadscope_engine::instrument::Instrument;
use beadscope_engine::record::info::RunInfo;
use beadscope_engine::record::read::Recording;
use beadscope_engine::record::tracks_path;
use beadscope_engine::rig::Rig;
use beadscope_engine::roi::Roi;
use beadscope_engine::session::{Session, Setup, View};
use beadscope_engine::settings::Settings;
use beadscope_engine::track::backend::{Backend, BackendRequest, BeadTracker};
use beadscope_engine::track::cpu::CpuTracker;
use beadscope_engine::tracks::rows_of;
use beadscope_engine::zlut_sweep::{Phase, SweepError, SweepFailure, ZLutSweep};
use beadscope_shaders::pipeline::{Method, Params};

/// However busy the machine is.
const LONG: Duration = Duration::from_secs(120);

fn obey(session: &Session, line: &str) -> Result<Applied, CommandError> {
    session.commands().send(Sender::Text, line.parse().unwrap())
}

fn wait_until(session: &Session, is_so: impl Fn(&ZLutSweep) -> bool) -> ZLutSweep {
    let deadline = Instant::now() + LONG;
    loop {
        let state = session.zlut_sweep();
        if is_so(&state) {
            return state;
        }
        assert!(Instant::now() < deadline, "{state:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn wait_for_end(session: &Session) -> ZLutSweep {
    wait_until(session, |state| !state.phase.is_running())
}

fn focus(session: &Session) -> (f64, Option<f64>) {
    let axes = session.axes();
    let focus = axes.iter().find(|axis| axis.info.name == "focus").unwrap();
    (focus.state.unwrap().position, focus.target)
}

// ---- The simulated microscope -------------------------------------------------------------------------------------------------

const SCENE: &str = "beads = 6\nreference_beads = 3\nwidth_px = 480\nheight_px = 360\n\
                     drift_nm_per_s = [0.0, 0.0, 0.0]\nwalk_nm_per_sqrt_s = [0.0, 0.0, 0.0]";

fn microscope(method: &str, backend: Backend, adapter: Option<&str>) -> (Session, View) {
    let mut rig = Rig::default();
    method.clone_into(&mut rig.tracking.method);
    rig.camera.rate_hz = 200.0;
    rig.camera.settings = SCENE.parse().unwrap();
    (rig.tracking.backend, rig.tracking.adapter) = (backend, adapter.map(str::to_owned));
    let Instrument { camera, config, motors, tracker, zlut, pixel_size_nm, .. } =
        Instrument::open(&rig, CAMERAS, CONTROLLERS).unwrap();
    let rois = tracker.rois().to_vec();
    let info =
        RunInfo { pixel_size_nm, settings_toml: String::new(), camera: "simulated".to_owned(), rois, zlut };
    let settings = Settings::load(None, None).unwrap();
    start(Setup {
        camera,
        config,
        motors,
        tracker,
        frame_limit: None,
        info,
        record: None,
        settings,
        notes: Vec::new(),
        hurry: Arc::default(),
    })
}

fn start(setup: Setup) -> (Session, View) {
    Session::start(setup).unwrap()
}

/// Beads of the session that are stuck to the surface, by where the sample has them; and a place without any bead.
fn sample(session: &Session) -> (Vec<u32>, (f64, f64)) {
    let scene = Scene::new(&SceneSettings::from_table(&SCENE.parse().unwrap()).unwrap()).unwrap();
    let rois = session.commands().beads().rois;
    let near = |roi: &Roi| {
        let (x_px, y_px) = roi.center_px();
        let distance = |bead: &beadscope_drivers::cameras::simulated::BeadTruth| {
            (bead.x_px - x_px).hypot(bead.y_px - y_px)
        };
        let nearest = scene.beads().iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap();
        assert!(distance(nearest) < 5.0, "{roi:?} is at no bead");
        nearest.is_reference
    };
    let references: Vec<u32> = rois.iter().filter(|roi| near(roi)).map(|roi| roi.bead).collect();
    let free = |(x_px, y_px): &(f64, f64)| {
        scene.beads().iter().map(|bead| (bead.x_px - x_px).hypot(bead.y_px - y_px)).fold(f64::MAX, f64::min)
    };
    let places = (40..440).step_by(10).flat_map(|x| (40..320).step_by(10).map(move |y| (x, y)));
    let places = places.map(|(x, y)| (f64::from(x), f64::from(y)));
    let empty = places.max_by(|a, b| free(a).total_cmp(&free(b))).unwrap();
    (references, empty)
}

/// Mean z of some beads over `frames` frames that come from now on, nm.
fn heights(session: &Session, view: &mut View, beads: &[u32], frames: usize) -> Vec<f64> {
    let (mut sums, mut seen) = (vec![0.0; beads.len()], 0);
    // The one that is under way was exposed before, and so were those that wait to be tracked.
    let ledger = session.health().ledger;
    let first = ledger.received - ledger.lost.ring_full + 1;
    let deadline = Instant::now() + LONG;
    while seen < frames {
        assert!(Instant::now() < deadline, "no rows");
        let Some((header, bytes)) = view.tracks.take_next() else {
            std::thread::sleep(Duration::from_millis(2));
            continue;
        };
        if header.frame.frame >= first {
            seen += 1;
            for row in rows_of(header, bytes) {
                if let Some(place) = beads.iter().position(|bead| *bead == row.bead) {
                    sums[place] += row.z_nm / frames as f64;
                }
            }
        }
    }
    sums
}

fn move_focus(session: &Session, to_nm: f64) {
    obey(session, &format!("axis.move axis=\"focus\", to={to_nm:?}")).unwrap();
    let deadline = Instant::now() + LONG;
    while (focus(session).0 - to_nm).abs() > 0.01 {
        assert!(Instant::now() < deadline, "{:?}", focus(session));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Each height is that of the bead above the focal plane, less what it was where the sweep began.
fn check_heights(session: &Session, view: &mut View, references: &[u32]) {
    for focus_nm in [0.0, 300.0, -450.0] {
        move_focus(session, focus_nm);
        let z_nm = heights(session, view, references, 40);
        println!("focus at {focus_nm} nm: z = {z_nm:.2?} nm");
        assert!(z_nm.iter().all(|z_nm| (z_nm + focus_nm).abs() < 4.0), "focus at {focus_nm}: {z_nm:?}");
    }
    move_focus(session, 0.0);
}

#[test]
fn a_swept_zlut_tells_where_beads_are_and_which_way_they_go() {
    let folder = tempfile::tempdir().unwrap();
    let (session, mut view) = microscope("qi", Backend::Cpu, None);
    let (references, (x_px, y_px)) = sample(&session);
    assert_eq!(references.len(), 3);
    let Applied::Bead { bead: empty } = obey(&session, &format!("roi.add x_px={x_px}, y_px={y_px}")).unwrap()
    else {
        panic!("no bead")
    };
    obey(&session, "zlut.unload").unwrap();
    assert!(session.zlut().is_none() && session.zlut_sweep().in_use.is_none());
    assert!(
        heights(&session, &mut view, &references, 3).iter().all(|z_nm| z_nm.is_nan()),
        "there is no Z-LUT"
    );

    obey(&session, "zlut.sweep from_nm=-1000, to_nm=1000, step_nm=100, frames=8, settle_ms=50").unwrap();
    assert!(matches!(
        obey(&session, "zlut.sweep from_nm=-1000, to_nm=1000, step_nm=100, frames=8"),
        Err(CommandError::Sweep(SweepError::Running))
    ));
    // A bead that is removed meanwhile is swept all the same.
    obey(&session, &format!("roi.remove beads=[{empty}]")).unwrap();
    let half = wait_until(&session, |state| state.preview.planes.len() >= 10 || !state.phase.is_running());
    assert_eq!(half.preview.table_of(references[0]).count(), half.preview.planes.len());
    assert!(
        half.preview.table_of(references[0]).all(|(_, profile)| profile[..40].iter().all(|v| v.is_finite()))
    );
    let up = wait_for_end(&session);
    assert_eq!((&up.phase, &up.notice, up.frames_taken, up.steps), (&Phase::Done, &None, 22 * 8, 22));
    let (at_nm, target_nm) = focus(&session);
    assert!(at_nm.abs() < 5.0 && target_nm == Some(0.0), "the focus is back: {at_nm}");
    let of =
        |state: &ZLutSweep, bead: u32| state.beads.iter().find(|swept| swept.bead == bead).unwrap().clone();
    for bead in &references {
        let swept = of(&up, *bead);
        println!(
            "bead {bead}: {:?} nm, planes {:.2} nm, drift {:.2} nm, spread {:.2}, {:?}",
            swept.sigma_z_nm, swept.planes_rms_nm, swept.drift_nm, swept.spread, swept.doubts
        );
        assert_eq!((swept.unusable, swept.located, swept.missing), (None, 168, 0));
        let [least_nm, most_nm] = swept.sigma_z_nm.unwrap();
        assert!(swept.drift_nm.abs() < 3.0, "nothing drifts: {}", swept.drift_nm);
        assert!(0.05 < least_nm && least_nm < most_nm && most_nm < 20.0, "{least_nm} {most_nm}");
    }
    assert!(of(&up, empty).unusable.is_some_and(|reason| reason.contains("no bead was found")));
    assert!(matches!(
        obey(&session, &format!("zlut.use bead={empty}")),
        Err(CommandError::Sweep(SweepError::Unusable { .. }))
    ));
    assert!(up.best_bead().is_some());

    let used = obey(&session, &format!("zlut.use bead={}", references[0])).unwrap();
    let Applied::ZLut(used) = used else { panic!("{used:?}") };
    assert_eq!((used.planes, used.range_nm), (21, [-1000.0, 1000.0]));
    check_heights(&session, &mut view, &references);

    // Down over the same heights it is the same table, but for the noise of its images.
    obey(&session, "zlut.sweep from_nm=1000, to_nm=-1000, step_nm=100, frames=8, settle_ms=50").unwrap();
    let down = wait_for_end(&session);
    assert_eq!(down.phase, Phase::Done);
    let tables = [&up, &down].map(|state| of(state, references[0]).zlut.unwrap());
    assert_eq!(tables[0].z_nm(), tables[1].z_nm());
    let pairs =
        tables[0].profiles().iter().zip(tables[1].profiles()).filter(|(a, b)| a.is_finite() && b.is_finite());
    let squares: Vec<f64> = pairs.map(|(a, b)| f64::from(a - b).powi(2)).collect();
    let rms = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
    println!("up and down differ by {rms:.3} grey levels");
    assert!(squares.len() > 1000 && rms < 0.5, "{rms}");
    obey(&session, &format!("zlut.use bead={}", references[0])).unwrap();
    check_heights(&session, &mut view, &references);

    files_and_recordings(&session, folder.path(), references[0]);
    session.stop();
}

/// A Z-LUT is saved and used again, and the recording holds the one that it was made with.
fn files_and_recordings(session: &Session, folder: &Path, bead: u32) {
    let hash = session.zlut_sweep().in_use.unwrap().hash;
    for name in ["a.zlut.h5", "a.txt"] {
        let path = folder.join(name);
        let saved = obey(session, &format!("zlut.save path={path:?}, bead={bead}")).unwrap();
        let Applied::ZLutSaved { file, not_kept } = saved else { panic!("{saved:?}") };
        assert_eq!((file, not_kept.is_empty()), (path, name == "a.zlut.h5"));
    }
    obey(session, "zlut.unload").unwrap();
    assert!(matches!(
        obey(session, &format!("zlut.save path={:?}", folder.join("b.txt"))),
        Err(CommandError::NoZLut)
    ));
    obey(session, &format!("zlut.use path={:?}", folder.join("a.zlut.h5"))).unwrap();
    assert_eq!(session.zlut().unwrap().hash(), hash);

    obey(session, &format!("record.start folder={folder:?}")).unwrap();
    for refused in [format!("zlut.use bead={bead}"), "zlut.unload".to_owned()] {
        assert!(matches!(obey(session, &refused), Err(CommandError::ZLutWhileRecording)), "{refused}");
    }
    obey(session, "zlut.sweep from_nm=-150, to_nm=150, step_nm=100, frames=1, settle_ms=0").unwrap();
    assert_eq!(wait_for_end(session).phase, Phase::Done);
    let told = obey(session, "zlut.state").unwrap().to_string();
    assert!(told.contains(r#""phase":"done""#) && told.contains(&hash), "{told}");
    // A file that is no Z-LUT stays.
    let Applied::Recorded { file, .. } = obey(session, "record.stop").unwrap() else { panic!("no file") };
    assert!(matches!(obey(session, &format!("zlut.save path={file:?}")), Err(CommandError::Replace(_))));
    assert_eq!(tracks_path(file.parent().unwrap()), file);
    let recording = Recording::open(&file).unwrap();
    let events = recording.events().unwrap();
    let said = |command: &str, answer: &str| {
        events.iter().any(|event| event.command.starts_with(command) && event.answer.starts_with(answer))
    };
    assert!(said("zlut.sweep from_nm=-150.0", "done") && said("zlut.sweep has ended", "done: Z-LUTs of"));
    assert!(said("zlut.unload", "a recording keeps the Z-LUT"), "{events:?}");
    let zluts = recording.zluts().unwrap();
    assert_eq!(zluts.iter().map(|(hash, _)| hash).collect::<Vec<_>>(), [&hash]);
}

#[test]
fn every_method_finds_heights_in_what_was_swept_for_it() {
    // MagTrack's profiles depend on where between pixels a bead is, so that those of others are off by 20 to 50 nm.
    for (method, within_nm, beads) in [("fit", 4.0, 3), ("magtrack", 10.0, 1)] {
        let (session, mut view) = microscope(method, Backend::Cpu, None);
        let (references, _) = sample(&session);
        let line = "zlut.sweep from_nm=-500, to_nm=500, step_nm=50, frames=4, settle_ms=50";
        obey(&session, line).unwrap();
        let swept = wait_for_end(&session);
        assert_eq!(swept.phase, Phase::Done);
        let best = swept.beads.iter().find(|swept| swept.bead == references[0]).unwrap();
        assert_eq!((&best.unusable, best.sigma_z_nm.is_some()), (&None, method == "fit"));
        obey(&session, &format!("zlut.use bead={}", references[0])).unwrap();
        for focus_nm in [0.0, 225.0] {
            move_focus(&session, focus_nm);
            let z_nm = heights(&session, &mut view, &references, 20);
            println!("{method}, focus at {focus_nm} nm: z = {z_nm:.2?} nm");
            let are_right = z_nm[..beads].iter().all(|z_nm| (z_nm + focus_nm).abs() < within_nm);
            assert!(are_right, "{method}: {z_nm:?}");
        }
        // A fit needs a table to start from.
        assert_eq!(obey(&session, "zlut.unload").is_err(), method == "fit");
        session.stop();
    }
}

/// Not skipped without an adapter: `scripts/setup test` installs llvmpipe.
#[test]
fn a_gpu_gets_the_new_zlut_too() {
    let (session, mut view) = microscope("qi", Backend::Gpu, Some("llvmpipe"));
    let (references, _) = sample(&session);
    obey(&session, "zlut.unload").unwrap();
    assert!(
        heights(&session, &mut view, &references, 3).iter().all(|z_nm| z_nm.is_nan()),
        "there is no Z-LUT"
    );
    obey(&session, "zlut.sweep from_nm=-500, to_nm=500, step_nm=100, frames=4, settle_ms=50").unwrap();
    let swept = wait_for_end(&session);
    assert_eq!(swept.phase, Phase::Done);
    obey(&session, &format!("zlut.use bead={}", references[0])).unwrap();
    assert_eq!(session.health().on.backend, "gpu");
    let z_nm = heights(&session, &mut view, &references, 20);
    assert!(z_nm.iter().all(|z_nm| z_nm.abs() < 5.0), "{z_nm:?}");
    move_focus(&session, 300.0);
    let z_nm = heights(&session, &mut view, &references, 20);
    assert!(z_nm.iter().all(|z_nm| (z_nm + 300.0).abs() < 5.0), "{z_nm:?}");
    assert_eq!(session.stop().health.on.backend, "gpu");
}

// ---- An instrument that does what a test says ---------------------------------------------------------------------------------

const SIDE_PX: u32 = 64;

/// Where the focus is, was, and how it misbehaves.
struct Sample {
    /// Where it was sent last, and before, and when.
    focus_nm: f64,
    before_nm: f64,
    moved: Instant,
    /// The lens follows its sensor so much later.
    lag: Duration,
    /// It goes no further up.
    stuck_at_nm: f64,
    /// The bead is 40 nm higher once the focus has been there.
    rises_at_nm: f64,
    has_risen: bool,
    /// Every so manieth question gets no answer; 0: each does.
    deaf_every: u32,
    asked: u32,
}

impl Sample {
    fn new(focus_nm: f64, lag: Duration, stuck_at_nm: f64) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            focus_nm,
            before_nm: focus_nm,
            moved: Instant::now(),
            lag,
            stuck_at_nm,
            rises_at_nm: f64::NAN,
            has_risen: false,
            deaf_every: 0,
            asked: 0,
        }))
    }

    fn shown_nm(&self) -> f64 {
        let focus_nm = self.focus_nm.min(self.stuck_at_nm);
        if self.moved.elapsed() < self.lag { self.before_nm } else { focus_nm }
    }
}

struct Lens {
    info: [AxisInfo; 1],
    sample: Arc<Mutex<Sample>>,
}

impl Controller for Lens {
    fn axes(&self) -> &[AxisInfo] {
        &self.info
    }
    fn read(&mut self, _axis: usize) -> Result<AxisState, AxisError> {
        let mut sample = self.sample.lock().unwrap();
        sample.asked += 1;
        if sample.deaf_every > 0 && sample.asked.is_multiple_of(sample.deaf_every) {
            let (device, asked) = ("focus".to_owned(), "a test".to_owned());
            return Err(AxisError::Silent { device, asked, waited: Duration::ZERO });
        }
        Ok(AxisState::at(sample.focus_nm.min(sample.stuck_at_nm), false))
    }
    fn move_to(&mut self, _axis: usize, target: f64) -> Result<(), AxisError> {
        let mut sample = self.sample.lock().unwrap();
        sample.before_nm = sample.shown_nm();
        sample.has_risen |= sample.focus_nm == sample.rises_at_nm;
        (sample.focus_nm, sample.moved) = (target, Instant::now());
        Ok(())
    }
    fn stop(&mut self, _axis: usize) -> Result<(), AxisError> {
        Ok(())
    }
    fn emergency_stop(&mut self) -> Result<(), AxisError> {
        Ok(())
    }
    fn reconnect(&mut self) -> Result<(), AxisError> {
        Ok(())
    }
}

/// A focus and nothing else.
fn focus_motor(sample: &Arc<Mutex<Sample>>) -> Motors {
    let can = Abilities::default();
    let info = AxisInfo { name: "focus".to_owned(), unit: AxisUnit::Nm, limits: [0.0, 2000.0], can };
    let controller = Box::new(Lens { info: [info], sample: sample.clone() });
    let poll = Duration::from_millis(50);
    Motors {
        controllers: vec![OpenController { controller, usual_speeds: vec![None], poll }],
        ..Motors::default()
    }
}

/// One bead without noise, 200 frames a second, its rings as the lens shows them when the frame begins.
struct Filmed {
    sample: Arc<Mutex<Sample>>,
    next: u64,
}

impl Filmed {
    fn config() -> CameraConfig {
        let window = SensorWindow { x_px: 0, y_px: 0, width_px: SIDE_PX, height_px: SIDE_PX };
        CameraConfig { window, format: PixelFormat::Mono8, rate_hz: 200.0, exposure_us: 500.0 }
    }
}

impl Camera for Filmed {
    fn configure(&mut self, _request: &CameraRequest) -> Result<CameraConfig, CameraError> {
        Ok(Self::config())
    }
    fn start(&mut self) -> Result<(), CameraError> {
        Ok(())
    }
    fn read_into(&mut self, slot: &mut [u8], _timeout: Duration) -> Result<FrameInfo, CameraError> {
        std::thread::sleep(Duration::from_millis(5));
        let arrival = Instant::now();
        let sample = self.sample.lock().unwrap();
        let focus_nm = sample.shown_nm() - if sample.has_risen { 40.0 } else { 0.0 };
        drop(sample);
        for (place, level) in slot.iter_mut().enumerate() {
            let side = SIDE_PX as usize;
            let half = 0.5 * f64::from(SIDE_PX) - 0.5;
            let r_px = ((place % side) as f64 - half).hypot((place / side) as f64 - half);
            *level = (128.0 + 100.0 * (0.6 * r_px + focus_nm / 250.0).cos() * (-r_px / 12.0).exp()) as u8;
        }
        self.next += 1;
        Ok(FrameInfo { device_frame: self.next - 1, device_time_ns: None, arrival })
    }
    fn stop(&mut self) -> Result<(), CameraError> {
        Ok(())
    }
}

fn instrument(sample: &Arc<Mutex<Sample>>, beads: u32, has_focus: bool) -> Session {
    let hurry = Arc::default();
    instrument_with(sample, beads, has_focus, hurry)
}

fn instrument_with(
    sample: &Arc<Mutex<Sample>>,
    beads: u32,
    has_focus: bool,
    hurry: Arc<AtomicBool>,
) -> Session {
    let roi = |bead| Roi { bead, left_px: 0, top_px: 0, size_px: SIDE_PX };
    let rois: Vec<Roi> = (0..beads).map(roi).collect();
    let params = Params { method: Method::QuadrantInterpolation, ..Params::default() };
    let tracker = CpuTracker::new(SIDE_PX, rois.clone(), &params, None, Some(1)).unwrap();
    let tracker =
        BeadTracker::new(tracker, &BackendRequest { backend: Backend::Cpu, adapter: None }).unwrap();
    let info = RunInfo {
        pixel_size_nm: 100.0,
        settings_toml: String::new(),
        camera: "a test".to_owned(),
        rois,
        zlut: None,
    };
    let camera = Box::new(Filmed { sample: sample.clone(), next: 0 });
    let settings = Settings::load(None, None).unwrap();
    let (session, _) = start(Setup {
        camera,
        config: Filmed::config(),
        motors: if has_focus { focus_motor(sample) } else { Motors::default() },
        tracker,
        frame_limit: None,
        info,
        record: None,
        settings,
        notes: Vec::new(),
        hurry,
    });
    session
}

const AT_ONCE: Duration = Duration::ZERO;

#[test]
fn frames_count_once_the_focus_has_settled_and_not_before() {
    let table = |lag_ms, settle_ms| {
        let session = instrument(&Sample::new(1000.0, Duration::from_millis(lag_ms), f64::MAX), 1, true);
        let line =
            format!("zlut.sweep from_nm=-500, to_nm=500, step_nm=100, frames=3, settle_ms={settle_ms}");
        obey(&session, &line).unwrap();
        let state = wait_for_end(&session);
        assert_eq!(state.phase, Phase::Done);
        let swept = state.beads[0].clone();
        assert_eq!((swept.located, swept.missing, swept.spread), (33, 0, 0.0), "the bead stands still");
        swept.zlut.unwrap()
    };
    let (at_once, late) = (table(0, 0), table(100, 300));
    assert_eq!(at_once.z_nm(), late.z_nm());
    assert_eq!(at_once.profiles(), late.profiles());
}

#[test]
fn what_drifts_while_the_focus_is_swept_is_told() {
    let sample = Sample::new(1000.0, AT_ONCE, f64::MAX);
    let session = instrument(&sample, 1, true);
    let drift_nm = |session: &Session| {
        let line = "zlut.sweep from_nm=-500, to_nm=500, step_nm=50, frames=3, settle_ms=30";
        obey(session, line).unwrap();
        let bead = wait_for_end(session).beads[0].clone();
        (bead.drift_nm, bead.doubts.iter().any(|doubt| doubt.contains("came back to an earlier height")))
    };
    let (none_nm, is_told) = drift_nm(&session);
    assert!(none_nm.abs() < 2.0 && !is_told, "{none_nm}");
    // The bead rises by 40 nm before the height that is seen again.
    let rising = sample.clone();
    rising.lock().unwrap().rises_at_nm = 500.0 + 1000.0;
    let (drift_nm, is_told) = drift_nm(&session);
    assert!((drift_nm - 40.0).abs() < 5.0 && is_told, "{drift_nm}");
    session.stop();
}

#[test]
fn a_sweep_that_is_cancelled_brings_the_focus_back() {
    let sample = Sample::new(1000.0, AT_ONCE, f64::MAX);
    let session = instrument(&sample, 1, true);
    obey(&session, "zlut.sweep from_nm=-500, to_nm=500, step_nm=100, frames=100, settle_ms=50").unwrap();
    wait_until(&session, |state| state.step >= 2 && state.phase == Phase::Taking);
    obey(&session, "zlut.cancel").unwrap();
    let state = wait_for_end(&session);
    assert_eq!((state.phase, state.notice, state.beads.len()), (Phase::Cancelled, None, 0));
    assert_eq!(focus(&session), (1000.0, Some(1000.0)));
    assert!(matches!(obey(&session, "zlut.cancel"), Err(CommandError::Sweep(SweepError::NotRunning))));
    assert!(matches!(obey(&session, "zlut.use bead=0"), Err(CommandError::Sweep(SweepError::NoSweep))));
    // And another can follow.
    obey(&session, "zlut.sweep from_nm=-200, to_nm=200, step_nm=100, frames=1, settle_ms=0").unwrap();
    assert_eq!(wait_for_end(&session).phase, Phase::Done);
    session.stop();
}

#[test]
fn a_session_that_ends_amid_a_sweep_brings_the_focus_back() {
    let sample = Sample::new(1000.0, AT_ONCE, f64::MAX);
    // So many beads that the sweep is amid a frame for longer than the hardware thread takes to end. They are not tracked.
    let session = instrument_with(&sample, 1000, true, Arc::new(AtomicBool::new(true)));
    obey(&session, "zlut.sweep from_nm=-500, to_nm=500, step_nm=100, frames=10000").unwrap();
    let began = Instant::now();
    wait_until(&session, |state| state.frames_taken >= 3);
    println!("3 frames of 1000 beads in {:?}", began.elapsed());
    assert_eq!(sample.lock().unwrap().focus_nm, 500.0);
    session.stop();
    assert_eq!(sample.lock().unwrap().focus_nm, 1000.0);
}

#[test]
fn a_focus_that_does_not_arrive_ends_the_sweep_with_a_reason() {
    let sample = Sample::new(1000.0, AT_ONCE, 1150.0);
    let session = instrument(&sample, 1, true);
    obey(&session, "zlut.sweep from_nm=-500, to_nm=500, step_nm=100, frames=1, settle_ms=0").unwrap();
    let state = wait_for_end(&session);
    assert_eq!(state.phase, Phase::Failed(SweepFailure::Stalled { asked_nm: 1200.0, at_nm: 1150.0 }));
    assert_eq!((state.notice, focus(&session)), (None, (1000.0, Some(1000.0))));
    // It cannot come back to where it does not go any more.
    obey(&session, "zlut.sweep from_nm=-900, to_nm=-300, step_nm=100, frames=200, settle_ms=0").unwrap();
    wait_until(&session, |state| state.frames_taken >= 10);
    sample.lock().unwrap().stuck_at_nm = 400.0;
    let state = wait_for_end(&session);
    assert!(matches!(state.phase, Phase::Failed(SweepFailure::Stalled { .. })), "{:?}", state.phase);
    assert!(state.notice.is_some_and(|notice| notice.contains("did not come back to 1000 nm")));
    session.stop();
}

#[test]
fn answers_that_are_lost_are_asked_for_again() {
    let sample = Sample::new(1000.0, AT_ONCE, f64::MAX);
    sample.lock().unwrap().deaf_every = 3;
    let session = instrument(&sample, 1, true);
    obey(&session, "zlut.sweep from_nm=-500, to_nm=500, step_nm=100, frames=20, settle_ms=0").unwrap();
    let state = wait_for_end(&session);
    assert_eq!(state.phase, Phase::Done, "{:?}", state.notice);
    assert_eq!(state.beads[0].located, 11 * 20);
    assert!(sample.lock().unwrap().asked > 9, "some were lost");
    session.stop();
}

#[test]
fn without_frames_the_sweep_ends_with_a_reason() {
    let session = instrument(&Sample::new(1000.0, AT_ONCE, f64::MAX), 1, true);
    obey(&session, "zlut.sweep from_nm=-500, to_nm=500, step_nm=100, frames=1000, settle_ms=0").unwrap();
    wait_until(&session, |state| state.frames_taken >= 50);
    obey(&session, "acquire on=false").unwrap();
    let state = wait_for_end(&session);
    assert!(matches!(state.phase, Phase::Failed(SweepFailure::NoFrames(_))), "{:?}", state.phase);
    assert_eq!(focus(&session), (1000.0, Some(1000.0)));
    session.stop();
}

#[test]
fn a_focus_that_somebody_stops_stays_where_it_is() {
    let session = instrument(&Sample::new(1000.0, AT_ONCE, f64::MAX), 1, true);
    obey(&session, "zlut.sweep from_nm=-500, to_nm=500, step_nm=100, frames=100, settle_ms=0").unwrap();
    wait_until(&session, |state| state.phase == Phase::Taking);
    obey(&session, "axis.stop").unwrap();
    let (at_nm, _) = focus(&session);
    let state = wait_for_end(&session);
    assert_eq!(state.phase, Phase::Failed(SweepFailure::Interfered));
    assert_eq!(focus(&session), (at_nm, None));
    session.stop();
}

#[test]
fn what_cannot_be_swept_is_refused_with_what_can() {
    let session = instrument(&Sample::new(1000.0, AT_ONCE, f64::MAX), 1, true);
    let told = |session: &Session, line: &str| obey(session, line).unwrap_err().to_string();
    assert_eq!(
        told(&session, "zlut.sweep from_nm=-500, to_nm=1500, step_nm=100, frames=1"),
        "the focus is at 1000 nm and goes from 0 to 2000 nm; sweep within -1000 to 1000 nm from where it is"
    );
    let few = told(&session, "zlut.sweep from_nm=0, to_nm=200, step_nm=100, frames=1");
    assert!(few.starts_with("a sweep needs 4 heights, this one has 3"), "{few}");
    let off = told(&session, "zlut.sweep from_nm=0, to_nm=500, step_nm=150, frames=1");
    assert!(off.ends_with("do not land on 500 nm; sweep to 450 nm"), "{off}");
    assert!(matches!(obey(&session, "zlut.use"), Err(CommandError::WhichZLut)));
    assert!(matches!(obey(&session, "zlut.use bead=1, path=\"a\""), Err(CommandError::WhichZLut)));
    obey(&session, "roi.clear").unwrap();
    let none = told(&session, "zlut.sweep from_nm=0, to_nm=500, step_nm=100, frames=1");
    assert!(none.starts_with("there are no beads"), "{none}");
    assert_eq!(session.zlut_sweep(), ZLutSweep::default());
    session.stop();

    let session = instrument(&Sample::new(1000.0, AT_ONCE, f64::MAX), 1, false);
    let none = told(&session, "zlut.sweep from_nm=0, to_nm=500, step_nm=100, frames=1");
    assert!(none.starts_with("there is no focus motor; the instrument has: no motors"), "{none}");
}
