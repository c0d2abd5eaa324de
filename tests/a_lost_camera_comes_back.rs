//! A camera that is lost is reached again with the settings that it had; what is missing is in ledger, gaps and file. Its
//! rate and exposure change between two frames, and it can be paused.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, outside #[test], where this is how a test fails"
)]

mod common;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use beadscope_drivers::camera::{Camera, CameraConfig, CameraError, CameraRequest, FrameInfo, SensorWindow};
use beadscope_engine::command::{Applied, Command, CommandError, ControlError, Sender};
use beadscope_engine::session::{Session, View};
use beadscope_engine::status::EndReason;
use common::{ScriptedCamera, beadscope_ok, setup};
use rust_hdf5::H5File;

/// The device behind a [`Cable`], which the test holds in its hands.
struct Device {
    config: CameraConfig,
    is_plugged: bool,
    is_silent: bool,
    is_running: bool,
    number: u64,
    /// What it has when its cable comes back.
    power_on: CameraConfig,
    /// It takes no rate but that of `power_on`.
    is_stubborn: bool,
    starts: u32,
    /// How often it was tried to reach it again.
    attempts: u32,
}

/// A camera on a cable: its frames come every 2 ms, whatever the rate.
#[derive(Clone)]
struct Cable(Arc<Mutex<Device>>);

impl Cable {
    fn new() -> Self {
        let config = ScriptedCamera::config();
        let window = SensorWindow { width_px: config.window.width_px + 8, ..config.window };
        let power_on = CameraConfig { window, rate_hz: 30.0, exposure_us: 10.0, ..config };
        Self(Arc::new(Mutex::new(Device {
            config,
            is_plugged: true,
            is_silent: false,
            is_running: false,
            number: 0,
            power_on,
            is_stubborn: false,
            starts: 0,
            attempts: 0,
        })))
    }

    fn device(&self) -> MutexGuard<'_, Device> {
        self.0.lock().unwrap()
    }

    /// With its power it loses settings and numbers.
    fn pull(&self) {
        let mut device = self.device();
        (device.is_plugged, device.is_running) = (false, false);
        device.config = device.power_on;
    }

    fn plug(&self) {
        self.device().is_plugged = true;
    }
}

impl Device {
    fn is_there(&self) -> Result<(), CameraError> {
        if self.is_plugged { Ok(()) } else { Err(CameraError::Unplugged("no device".to_owned())) }
    }
}

impl Camera for Cable {
    fn configure(&mut self, request: &CameraRequest) -> Result<CameraConfig, CameraError> {
        let mut device = self.device();
        device.is_there()?;
        let rate_hz = request.rate_hz.unwrap_or(device.config.rate_hz);
        if rate_hz > 5000.0 || device.is_stubborn && rate_hz != device.power_on.rate_hz {
            return Err(CameraError::Unsupported {
                what: "rate_hz",
                asked: rate_hz.to_string(),
                offered: "0 to 5000 is".to_owned(),
            });
        }
        let exposure_us = request.exposure_us.unwrap_or(device.config.exposure_us);
        let mut window = request.window.unwrap_or(device.config.window);
        window.width_px = window.width_px.min(device.power_on.window.width_px);
        if rate_hz == FASTER_HZ {
            window.width_px -= 8;
        }
        device.config = CameraConfig { window, rate_hz, exposure_us, ..device.config };
        Ok(device.config)
    }

    fn start(&mut self) -> Result<(), CameraError> {
        let mut device = self.device();
        device.is_there()?;
        (device.is_running, device.number) = (true, 0);
        device.starts += 1;
        Ok(())
    }

    fn read_into(&mut self, slot: &mut [u8], timeout: Duration) -> Result<FrameInfo, CameraError> {
        let mut device = self.device();
        device.is_there()?;
        if !device.is_running {
            return Err(CameraError::Unplugged("it was without power".to_owned()));
        }
        if device.is_silent {
            drop(device);
            std::thread::sleep(timeout);
            return Err(CameraError::Timeout(timeout));
        }
        device.number += 1;
        let device_frame = device.number;
        drop(device);
        std::thread::sleep(Duration::from_millis(2));
        slot.fill(0);
        Ok(FrameInfo { device_frame, device_time_ns: None, arrival: Instant::now() })
    }

    fn stop(&mut self) -> Result<(), CameraError> {
        self.device().is_running = false;
        Ok(())
    }

    fn reconnect(&mut self) -> Result<CameraConfig, CameraError> {
        let mut device = self.device();
        device.attempts += 1;
        device.is_there()?;
        Ok(device.config)
    }
}

fn start(cable: &Cable, record: Option<PathBuf>) -> (Session, View) {
    let mut setup = setup(Vec::new(), 1, record);
    setup.camera = Box::new(cable.clone());
    Session::start(setup).unwrap()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited for: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until so many more frames have come.
fn film(session: &Session, frames: u64) {
    let before = session.health().ledger.received;
    until("frames", || session.health().ledger.received >= before + frames);
}

/// At this rate the camera reads fewer columns.
const FASTER_HZ: f64 = 2000.0;

fn rate(rate_hz: f64) -> Command {
    Command::CameraSet { rate_hz: Some(rate_hz), exposure_us: None }
}

fn send(session: &Session, command: Command) -> Result<Applied, ControlError> {
    session.commands().send(Sender::Text, command).map_err(|error| match error {
        CommandError::Camera(error) => error,
        other => panic!("{other}"),
    })
}

fn configure(session: &Session, command: Command) -> Result<CameraConfig, ControlError> {
    send(session, command).map(|applied| match applied {
        Applied::Camera(config) => config,
        other => panic!("{other}"),
    })
}

fn acquire(session: &Session, on: bool) -> Result<(), ControlError> {
    send(session, Command::Acquire { on }).map(|_| ())
}

struct InFile {
    segment_of_frame: Vec<u64>,
    device_frames: Vec<u64>,
    segments: Vec<u64>,
    first_frames: Vec<u64>,
    rates_hz: Vec<f64>,
    exposures_us: Vec<f64>,
    causes: Vec<String>,
    gap_reasons: Vec<String>,
    gap_numbers: Vec<[u64; 2]>,
    gap_times: Vec<[u64; 2]>,
    arrivals: Vec<u64>,
    notices: Vec<String>,
}

fn read(path: &Path) -> InFile {
    let file = H5File::open(path).unwrap();
    let column = |name: &str| file.dataset(&format!("beadscope/{name}")).unwrap();
    let numbers = |name: &str| column(name).read_raw::<u64>().unwrap();
    let values = |name: &str| column(name).read_raw::<f64>().unwrap();
    let texts = |name: &str| column(name).read_strings().unwrap();
    let pairs = |a: &str, b: &str| numbers(a).into_iter().zip(numbers(b)).map(|(a, b)| [a, b]).collect();
    InFile {
        segment_of_frame: numbers("frames/segment"),
        device_frames: numbers("frames/device_frame"),
        segments: numbers("segments/segment"),
        first_frames: numbers("segments/first_frame"),
        rates_hz: values("segments/rate_hz"),
        exposures_us: values("segments/exposure_us"),
        causes: texts("segments/cause"),
        gap_reasons: texts("gaps/reason"),
        gap_numbers: pairs("gaps/first_device_frame", "gaps/last_device_frame"),
        gap_times: pairs("gaps/from_ns", "gaps/to_ns"),
        arrivals: numbers("frames/arrival_ns"),
        notices: texts("notices"),
    }
}

#[test]
fn a_pulled_cable_is_a_gap_between_two_segments_with_the_same_settings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tracks.h5");
    let cable = Cable::new();
    let (session, _view) = start(&cable, Some(path.clone()));
    film(&session, 20);
    cable.pull();
    until("the loss is told", || session.health().camera.lost.is_some());
    let told = session.health().camera.lost.unwrap();
    assert!(told.contains("no device") && told.contains("reach it again"), "{told}");
    assert!(matches!(configure(&session, rate(50.0)), Err(ControlError::Away)));
    assert!(matches!(acquire(&session, false), Err(ControlError::Away)));
    std::thread::sleep(Duration::from_millis(300));
    cable.plug();
    film(&session, 20);
    assert_eq!(session.health().camera.lost, None);
    assert_eq!(cable.device().config, ScriptedCamera::config(), "the settings of before");
    let outcome = session.stop();
    assert_eq!(outcome.reason, EndReason::Asked);
    let ledger = outcome.health.ledger;
    assert_eq!(ledger.check(), Ok(()), "{ledger:?}");
    assert_eq!((ledger.segments, ledger.total_lost()), (2, 0), "{ledger:?}");
    let gap = &outcome.health.camera.gaps[0];
    assert_eq!((gap.reason.as_str(), gap.segment, gap.last_device_frame), ("unplugged", 1, None));
    let gap_s = (gap.to_ns - gap.from_ns) as f64 / 1e9;
    assert!(gap_s > 0.3, "{gap:?}");
    let back = &outcome.health.camera.notices[1];
    let told = back.strip_prefix("the camera is back after ").unwrap();
    let (away_s, told) = told.split_once(" s, ").unwrap();
    // Told to a tenth.
    assert!((0.25..gap_s + 0.05).contains(&away_s.parse::<f64>().unwrap()), "{back}, {gap:?}");
    assert_eq!(told, "with the settings that it had");

    let file = read(&path);
    assert_eq!((file.segments, file.causes), (vec![0, 1], vec!["start".to_owned(), "unplugged".to_owned()]));
    let second = file.first_frames[1] as usize;
    assert_eq!((file.device_frames[second], file.segment_of_frame[second]), (1, 1), "it numbers anew");
    assert_eq!(file.segment_of_frame[second - 1], 0);
    assert_eq!(file.gap_reasons, ["unplugged"]);
    assert_eq!(file.gap_numbers, [[file.device_frames[second - 1] + 1, u64::MAX]]);
    assert_eq!(file.gap_times, [[file.arrivals[second - 1], file.arrivals[second]]]);
    assert_eq!(file.notices, outcome.health.camera.notices);
    assert_eq!(file.device_frames.len() as u64, ledger.recorded);
}

#[test]
fn settings_that_a_camera_no_longer_takes_are_told_in_one_sentence() {
    let cable = Cable::new();
    let (session, _view) = start(&cable, None);
    film(&session, 5);
    cable.pull();
    cable.device().is_stubborn = true;
    cable.plug();
    until("it is back", || session.health().ledger.segments == 2);
    let notices = session.health().camera.notices;
    let told = "but with other settings: 30 Hz instead of 1000 Hz, exposure 10 µs instead of 500 µs";
    assert!(notices[1].ends_with(told), "{notices:?}");
    assert_eq!(session.config().rate_hz, 30.0);
}

#[test]
fn a_camera_that_comes_back_with_other_frames_ends_the_session() {
    let cable = Cable::new();
    let (session, _view) = start(&cable, None);
    film(&session, 5);
    cable.device().power_on.window.width_px = 32;
    cable.pull();
    cable.plug();
    until("the end", || !session.is_running());
    let EndReason::Camera(why) = session.stop().reason else { panic!("another reason") };
    assert!(why.contains("32 x 64 px") && why.contains("instead of 64 x 64 px"), "{why}");
    assert!(why.ends_with("start a new session"), "{why}");
}

#[test]
fn a_session_whose_camera_is_lost_stops_at_once() {
    let cable = Cable::new();
    let (session, _view) = start(&cable, None);
    film(&session, 5);
    cable.pull();
    // The fourth comes after 0.1 + 0.2 + 0.4 + 0.8 s; the pause after it is of 1.6 s.
    until("the fourth attempt", || cable.device().attempts >= 4);
    let attempts = cable.device().attempts;
    let outcome = session.stop();
    assert_eq!(cable.device().attempts, attempts, "it waits for the end of the pause");
    assert_eq!((outcome.reason, outcome.health.ledger.check()), (EndReason::Asked, Ok(())));
}

#[test]
fn rate_and_exposure_change_between_frames_and_the_recording_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tracks.h5");
    let cable = Cable::new();
    let (session, _view) = start(&cable, Some(path.clone()));
    film(&session, 5);
    let request = Command::CameraSet { rate_hz: Some(400.0), exposure_us: Some(123.0) };
    let applied = configure(&session, request).unwrap();
    assert_eq!((applied.rate_hz, applied.exposure_us), (400.0, 123.0));
    assert_eq!((session.config(), cable.device().config), (applied, applied));
    film(&session, 5);

    // A camera that gives up columns to be faster, as many do.
    let refused = configure(&session, rate(FASTER_HZ)).unwrap_err();
    assert!(matches!(refused, ControlError::NewSession("window")), "{refused}");
    assert!(refused.to_string().contains("start a new one"), "{refused}");
    assert_eq!(cable.device().config, applied, "it has what it had");
    film(&session, 5);
    let refused = configure(&session, rate(9000.0)).unwrap_err();
    assert!(matches!(refused, ControlError::Camera(CameraError::Unsupported { .. })), "{refused}");
    assert_eq!(session.config(), applied, "it goes on with what it had");
    film(&session, 5);
    let ledger = session.stop().health.ledger;
    assert_eq!((ledger.check(), ledger.segments), (Ok(()), 4));

    let file = read(&path);
    assert_eq!(file.causes, ["start", "configured", "configured", "configured"]);
    assert_eq!(file.rates_hz, [1000.0, 400.0, 400.0, 400.0]);
    assert_eq!(file.exposures_us, [500.0, 123.0, 123.0, 123.0]);
    assert_eq!(file.gap_reasons, ["configured", "configured", "configured"]);
}

#[test]
fn a_paused_camera_stands_still_takes_settings_and_goes_on() {
    let cable = Cable::new();
    let (session, _view) = start(&cable, None);
    film(&session, 5);
    for _ in 0..2 {
        acquire(&session, false).unwrap();
    }
    assert!(!cable.device().is_running);
    let paused = session.health().ledger.received;
    assert_eq!(configure(&session, rate(77.0)).unwrap().rate_hz, 77.0);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!((session.health().ledger.received, cable.device().is_running), (paused, false));
    for _ in 0..2 {
        acquire(&session, true).unwrap();
    }
    film(&session, 5);
    acquire(&session, false).unwrap();
    cable.pull();
    let error = acquire(&session, true).unwrap_err();
    assert!(matches!(error, ControlError::Camera(CameraError::Unplugged(_))), "{error}");
    cable.plug();
    until("it is back", || session.health().ledger.segments == 3);
    acquire(&session, false).unwrap();
    // A paused session stops, too, and nobody can ask it any more.
    let health = session.stop().health;
    assert_eq!((health.ledger.check(), health.ledger.segments), (Ok(()), 3));
    let reasons: Vec<_> = health.camera.gaps.iter().map(|gap| gap.reason.as_str()).collect();
    assert_eq!(reasons, ["paused", "unplugged"]);
}

#[test]
fn a_silent_camera_is_lost_too() {
    let cable = Cable::new();
    let (session, _view) = start(&cable, None);
    film(&session, 5);
    cable.device().is_silent = true;
    // It starts again and again, and stays lost as long as no frame comes.
    let starts = cable.device().starts;
    until("it has started again", || cable.device().starts >= starts + 3);
    let camera = session.health().camera;
    assert!(camera.lost.is_some() && camera.notices.len() == 1, "{camera:?}");
    cable.device().is_silent = false;
    film(&session, 5);
    let health = session.stop().health;
    assert_eq!(health.camera.gaps[0].reason, "silent");
    let notices = &health.camera.notices;
    assert!(notices.len() == 2 && health.camera.lost.is_none(), "{notices:?}");
    assert!(notices[0].contains("check its cable") && notices[1].contains("is back"), "{notices:?}");
}

#[test]
fn the_program_tells_of_a_simulated_cable_that_is_pulled() {
    let folder = tempfile::tempdir().unwrap();
    let rig = folder.path().join("rig.toml");
    let text = "[camera]\nrate_hz = 200.0\n[camera.settings]\nbeads = 2\nwidth_px = 256\nheight_px = 256\n\
                [camera.settings.faults]\nlost = 0.02\nrepeated = 0.02\nreordered = 0.02\nclock_jump = 0.01\n\
                clock_jump_ms = 500.0\nunplug_every_s = 1.5\nunplug_s = 0.3\n[tracking]\nmethod = \"com\"\n";
    std::fs::write(&rig, text).unwrap();
    let out = folder.path().join("out");
    let (rig, out) = (rig.to_str().unwrap(), out.to_str().unwrap());
    let said = beadscope_ok(&["run", "--rig", rig, "--frames", "500", "--json", "--out", out]);
    let summary: serde_json::Value = serde_json::from_str(&said).unwrap();
    let frames = &summary["frames"];
    assert_eq!((&summary["ledger_sums"], &frames["received"]), (&true.into(), &500.into()), "{said}");
    assert!(frames["segments"].as_u64().unwrap() >= 2, "{said}");
    for counted in
        [&frames["lost"]["camera"], &frames["out_of_order"], &frames["late"], &summary["clock"]["jumps"]]
    {
        assert!(counted.as_u64().unwrap() > 0, "{said}");
    }
    assert_eq!(summary["camera"]["rate_hz"], 200.0, "applied again: {said}");
    let gaps = summary["gaps"].as_array().unwrap();
    assert!(
        !gaps.is_empty() && gaps.iter().all(|gap| gap["to_ns"].as_u64() > gap["from_ns"].as_u64()),
        "{said}"
    );
    let notes = summary["notes"].as_array().unwrap();
    let says = |part: &str| notes.iter().any(|note| note.as_str().unwrap().contains(part));
    assert!(says("the camera is lost") && says("with the settings that it had"), "{said}");
    let file = read(&Path::new(summary["run"].as_str().unwrap()).join("tracks.h5"));
    assert!(file.causes.iter().any(|cause| cause == "unplugged"), "{:?}", file.causes);
}
