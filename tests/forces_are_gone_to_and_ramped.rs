//! The magnets go to the force that is asked for, and a ramp has at each moment the force that it should, as the motors tell where they were.

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
use beadscope_engine::magnets::{ForceState, MagnetModel, MagnetsSection, RampState};
use beadscope_engine::record::info::{RunInfo, camera_text};
use beadscope_engine::record::tracks_path;
use beadscope_engine::session::{Session, Setup};
use beadscope_engine::settings::Settings;
use rust_hdf5::H5File;

/// The simulated microscope, and its magnets as a lab would calibrate them.
const RIG: &str = "
[camera]
rate_hz = 50.0
[camera.settings]
beads = 2
width_px = 320
height_px = 256
[motors]
poll_hz = 50.0
[safety.axes.magnet_height]
limits = [0.5, 19.0]
max_speed = 4.0
[magnets]
bead = \"M-270\"
greatest_pn = 85.0
near_share = 0.3
near_decay_mm = 0.8
far_decay_mm = 1.4
least_pn = 0.02
from_mm = 0.0
to_mm = 9.0
";

fn start(folder: &std::path::Path, more: &str) -> Session {
    let rig = folder.join("rig.toml");
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

fn wait(session: &Session, what: impl Fn(&ForceState) -> bool) -> ForceState {
    let began = Instant::now();
    loop {
        let state = session.force().unwrap();
        if what(&state) {
            return state;
        }
        assert!(began.elapsed() < Duration::from_secs(90), "{state:?}");
        sleep(Duration::from_millis(20));
    }
}

fn rests(session: &Session) -> bool {
    session.axes().iter().all(|axis| axis.state.is_some_and(|state| !state.is_moving))
}

#[test]
fn a_force_is_gone_to_and_one_that_nobody_has_calibrated_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let session = start(folder.path(), "");
    ask(&session, "force.go force_pn=12.5").unwrap();
    let state = wait(&session, |state| {
        rests(&session) && state.force.is_some_and(|force| (force.pn - 12.5).abs() < 0.05)
    });
    assert!(state.force.unwrap().is_calibrated && state.source.contains("M-270"), "{state:?}");
    let told = |line: &str| ask(&session, line).unwrap_err().to_string();
    assert_eq!(
        told("force.go force_pn=100"),
        "the magnets were calibrated from 0.116 to 85.020 pN; 100 pN is outside"
    );
    // 70 pN is where the magnets may not go.
    assert!(told("force.go force_pn=70").starts_with("magnet_height goes from 0.5 to 19 mm, not to 0.2"));
    let error = told("force.ramp to_pn=0.2, rate_pn_per_s=10");
    assert!(
        error.contains("the magnets would have to go at") && error.contains("they go at 4.000 mm/s"),
        "{error}"
    );
    assert_eq!(told("force.stop"), "no ramp runs");
    // Beyond what was calibrated nothing is told as if it were known.
    ask(&session, "axis.move axis=\"magnet_height\", to=12").unwrap();
    wait(&session, |state| state.force.is_some_and(|force| !force.is_calibrated));
    session.stop();
}

#[test]
fn a_ramp_that_is_stopped_leaves_the_magnets_where_they_are_and_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let session = start(folder.path(), "");
    ask(&session, "force.ramp to_pn=15, rate_pn_per_s=1").unwrap();
    wait(&session, |state| state.force.is_some_and(|force| force.pn > 6.5));
    let held = ask(&session, "axis.move axis=\"magnet_height\", to=5").unwrap_err().to_string();
    assert!(held.starts_with("magnet_height is held by the force ramp"), "{held}");
    assert_eq!(
        ask(&session, "force.ramp to_pn=1, rate_pn_per_s=1").unwrap_err().to_string(),
        "a ramp runs; end it with force.stop"
    );
    ask(&session, "axis.stop").unwrap();
    let state = wait(&session, |state| state.ramp.as_ref().is_some_and(|ramp| !ramp.is_running));
    let RampState { failure, .. } = state.ramp.unwrap();
    assert_eq!(failure.unwrap(), "somebody has stopped or moved the magnets");
    assert!(state.force.unwrap().pn < 9.0);
    ask(&session, "axis.move axis=\"magnet_height\", to=5").unwrap();
    session.stop();
}

#[test]
fn a_ramp_has_the_force_that_it_should_at_each_moment() {
    let folder = tempfile::tempdir().unwrap();
    let session = start(folder.path(), "");
    ask(&session, "force.go force_pn=0.5").unwrap();
    wait(&session, |state| rests(&session) && state.force.is_some_and(|force| (force.pn - 0.5).abs() < 0.01));
    let runs = folder.path().join("runs");
    let Applied::Recording { file } =
        ask(&session, &format!("record.start folder={:?}", runs.to_str().unwrap())).unwrap()
    else {
        panic!("no recording")
    };
    // 39 seconds.
    ask(&session, "force.ramp to_pn=20, rate_pn_per_s=0.5").unwrap();
    let state = wait(&session, |state| state.ramp.as_ref().is_some_and(|ramp| !ramp.is_running));
    ask(&session, "record.stop").unwrap();
    session.stop();
    let ramp = state.ramp.unwrap();
    assert_eq!(ramp.failure, None);
    assert!((state.force.unwrap().pn / 20.0 - 1.0).abs() < 0.005, "{state:?}", state = state.force);

    let file = H5File::open(tracks_path(file.parent().unwrap())).unwrap();
    let names = file.dataset("beadscope/axes/axis").unwrap().read_strings().unwrap();
    let heights: Vec<f64> = file.dataset("beadscope/axes/position").unwrap().read_raw().unwrap();
    let times: Vec<u64> = file.dataset("beadscope/axes/unix_ns").unwrap().read_raw().unwrap();
    let section = toml::from_str::<toml::Table>(RIG).unwrap()["magnets"].clone();
    let model = MagnetModel::of(&section.try_into::<MagnetsSection>().unwrap()).unwrap().unwrap();
    let mut errors = Vec::new();
    for ((_, height), unix_ns) in
        names.iter().zip(&heights).zip(&times).filter(|((name, _), _)| *name == "magnet_height")
    {
        let after_s = (*unix_ns as f64 - ramp.began_unix_ns as f64) * 1e-9;
        // From rest to the speed of the ramp takes a moment.
        if (0.3..39.0).contains(&after_s) {
            let wanted_pn = ramp.from_pn + 0.5 * after_s;
            errors.push((model.force(*height).pn / wanted_pn - 1.0).abs());
        }
    }
    errors.sort_by(f64::total_cmp);
    let [median, p99, most] =
        [errors[errors.len() / 2], errors[errors.len() * 99 / 100], errors[errors.len() - 1]];
    eprintln!(
        "{} positions: error of the force {:.3} % median, {:.3} % p99, {:.3} % most",
        errors.len(),
        100.0 * median,
        100.0 * p99,
        100.0 * most
    );
    assert!(errors.len() > 1000 && p99 < 0.02, "{errors:?}");
}
