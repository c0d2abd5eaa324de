//! With the locks on, ROIs stay on beads that drift, and the focus keeps stuck beads at their heights, or gives up before it does harm.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, outside #[test], where these are how a test fails"
)]

use std::fs;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use beadscope_drivers::{CAMERAS, CONTROLLERS};
use beadscope_engine::command::{Applied, Command, CommandError, Sender};
use beadscope_engine::instrument::Instrument;
use beadscope_engine::locks::{LocksState, ZPhase};
use beadscope_engine::record::info::{RunInfo, camera_text};
use beadscope_engine::session::{Session, Setup};
use beadscope_engine::settings::Settings;

/// Beads that are stuck to the surface, on a stage that drifts by 10 nm in a second: ten times as fast as a bad one.
const RIG: &str = "
[camera]
rate_hz = 50.0
[camera.settings]
beads = 4
reference_beads = 4
width_px = 480
height_px = 360
drift_nm_per_s = [0.0, 0.0, 10.0]
[camera.settings.molecule]
length_bp = 2000
[motors]
poll_hz = 50.0
[locks]
xy_every_s = 0.5
xy_frames = 5
z_every_s = 0.5
z_frames = 10
z_lost_nm = 400.0
";

fn start(more: &str) -> Session {
    let folder = tempfile::tempdir().unwrap();
    let rig = folder.path().join("rig.toml");
    fs::write(&rig, format!("{RIG}{more}")).unwrap();
    let settings = Settings::load(Some(&rig), None).unwrap();
    let Instrument { camera, config, motors, tracker, zlut, pixel_size_nm, .. } =
        Instrument::open(settings.rig(), CAMERAS, CONTROLLERS).unwrap();
    let info = RunInfo {
        pixel_size_nm,
        settings_toml: settings.describe(&[]),
        camera: camera_text("simulated", &config),
        rois: tracker.rois().to_vec(),
        zlut,
    };
    let (frame_limit, record, notes, hurry) = (None, None, Vec::new(), Arc::default());
    let setup = Setup { camera, config, motors, tracker, frame_limit, info, record, settings, notes, hurry };
    Session::start(setup).unwrap().0
}

fn ask(session: &Session, line: &str) -> Result<Applied, CommandError> {
    session.commands().send(Sender::Text, line.parse::<Command>().unwrap())
}

fn wait(session: &Session, what: impl Fn(&LocksState) -> bool) -> LocksState {
    let began = Instant::now();
    loop {
        let state = session.locks();
        if what(&state) {
            return state;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{state:?}");
        sleep(Duration::from_millis(20));
    }
}

fn focus_nm(session: &Session) -> f64 {
    let axes = session.axes();
    axes.iter().find(|axis| axis.info.name == "focus").unwrap().state.unwrap().position
}

fn corners(session: &Session) -> Vec<[i32; 2]> {
    session.commands().beads().rois.iter().map(|roi| [roi.left_px, roi.top_px]).collect()
}

const STUCK: &str = "lock.z on=true, beads=[0, 1]";

#[test]
fn rois_come_back_onto_their_beads_and_what_the_lock_does_is_not_undone_one_by_one() {
    let session = start("");
    let state = session.locks();
    assert!(!state.xy.is_on && state.z.phase == ZPhase::Off, "locks are off until somebody switches them on");
    let on_bead = corners(&session);
    let is_back = |corners: &[[i32; 2]]| {
        corners
            .iter()
            .zip(&on_bead)
            .all(|(now, on)| now.iter().zip(on).all(|(now, on)| (now - on).abs() <= 1))
    };
    ask(&session, "roi.move bead=0, dx_px=6, dy_px=-4").unwrap();
    sleep(Duration::from_millis(300));
    // By hand it is an edit like others, and only of the beads that are named.
    ask(&session, "roi.center beads=[1]").unwrap();
    assert!(!is_back(&corners(&session)));
    ask(&session, "roi.center").unwrap();
    assert!(is_back(&corners(&session)), "{on_bead:?} {:?}", corners(&session));
    ask(&session, "roi.undo").unwrap();
    assert!(!is_back(&corners(&session)));
    ask(&session, "lock.xy on=true").unwrap();
    let state = wait(&session, |state| state.xy.moved > 0);
    assert!(state.xy.is_on && is_back(&corners(&session)), "{state:?} {:?}", corners(&session));
    ask(&session, "lock.xy on=false").unwrap();
    // What a person did is taken back, and ROIs stay where the lock has brought them.
    ask(&session, "roi.undo").unwrap();
    assert!(is_back(&corners(&session)), "{on_bead:?} {:?}", corners(&session));
    assert!(ask(&session, "roi.undo").is_err());
    let refused = ask(&session, "roi.center beads=[77]").unwrap_err();
    assert!(refused.to_string().contains("77"), "{refused}");
    session.stop();
}

#[test]
fn the_focus_follows_the_drift_of_the_stage_and_stops_with_the_lock() {
    let session = start("");
    let refused = ask(&session, "lock.z on=true").unwrap_err();
    assert!(refused.to_string().contains("reference"), "nobody has said which beads: {refused}");
    let from_nm = focus_nm(&session);
    ask(&session, STUCK).unwrap();
    wait(&session, |state| state.z.corrections >= 4);
    let refused = ask(&session, "axis.step axis=\"focus\", by=10").unwrap_err();
    assert!(refused.to_string().contains("lock"), "the lock holds the focus: {refused}");
    let began = Instant::now();
    let mut errors = Vec::new();
    while began.elapsed() < Duration::from_secs(8) {
        let state = session.locks();
        assert_eq!(state.z.phase, ZPhase::Holding);
        errors.extend(state.z.error_nm);
        sleep(Duration::from_millis(100));
    }
    let mean_nm = errors.iter().sum::<f64>() / errors.len() as f64;
    let state = session.locks();
    println!("held to {mean_nm:.1} nm while the focus went by {:.0} nm: {state:?}", state.z.focus_by_nm);
    // What drifts between two corrections, over the gain: 10 nm. Without them it would be 80.
    assert!(mean_nm.abs() < 25.0, "{mean_nm}");
    assert!(state.z.focus_by_nm > 60.0, "{state:?}");
    assert!(
        (focus_nm(&session) - from_nm - state.z.focus_by_nm).abs() < 10.0,
        "the focus went where it was sent"
    );
    ask(&session, "lock.z on=false").unwrap();
    assert_eq!(session.locks().z.phase, ZPhase::Off);
    ask(&session, "axis.step axis=\"focus\", by=1").unwrap();
    session.stop();
}

#[test]
fn a_lock_gives_up_when_it_goes_the_wrong_way_or_somebody_stops_the_focus() {
    let session = start("z_reversed = true\n");
    let from_nm = focus_nm(&session);
    ask(&session, STUCK).unwrap();
    let state = wait(&session, |state| !state.z.phase.is_on());
    let ZPhase::Lost(why) = &state.z.phase else { panic!("{state:?}") };
    assert!(why.contains("locks.z_reversed = false"), "{why}");
    assert!((focus_nm(&session) - from_nm).abs() < 400.0, "before it has gone far");
    ask(&session, "setting.set name=\"locks.z_reversed\", value=\"false\"").unwrap();
    ask(&session, STUCK).unwrap();
    wait(&session, |state| state.z.corrections > 0);
    ask(&session, "axis.stop axis=\"focus\"").unwrap();
    let state = wait(&session, |state| !state.z.phase.is_on());
    let ZPhase::Lost(why) = &state.z.phase else { panic!("{state:?}") };
    assert!(why.contains("stopped"), "{why}");
    ask(&session, STUCK).unwrap();
    ask(&session, "zlut.unload").unwrap();
    let state = wait(&session, |state| !state.z.phase.is_on());
    assert!(matches!(&state.z.phase, ZPhase::Lost(why) if why.contains("Z-LUT")), "{state:?}");
    let refused = ask(&session, STUCK).unwrap_err();
    assert!(refused.to_string().contains("zlut.use"), "{refused}");
    session.stop();
}
