//! A replayed recording gives every frame, in order and in time, and then ends or begins again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, helpers of tests too")]

use std::path::Path;
use std::time::{Duration, Instant};

use beadscope_drivers::camera::{Camera, CameraDriver, CameraError, CameraRequest, PixelFormat};
use beadscope_drivers::cameras::replay::Driver;
use beadscope_drivers::npy::NpyWriter;

fn recording(path: &Path, frames: u8) {
    let mut writer = NpyWriter::create(path, 4, 3, PixelFormat::Mono8).unwrap();
    for level in 0..frames {
        writer.append(&[level; 12]).unwrap();
    }
    writer.finish().unwrap();
}

fn open(path: &Path, more: &str) -> Box<dyn Camera> {
    let mut settings: toml::Table = more.parse().unwrap();
    settings.insert("path".into(), path.to_str().unwrap().into());
    Driver.open(&settings).unwrap()
}

#[test]
fn every_frame_comes_once_and_then_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.npy");
    recording(&path, 5);
    let mut camera = open(&path, "rate_hz = 1000");
    for _ in 0..2 {
        camera.start().unwrap();
        // A late reader skips nothing.
        std::thread::sleep(Duration::from_millis(20));
        let mut slot = [9; 12];
        for frame in 0..5_u8 {
            let info = camera.read_into(&mut slot, Duration::from_secs(1)).unwrap();
            assert_eq!((info.device_frame, slot), (u64::from(frame), [frame; 12]));
            assert_eq!(info.device_time_ns, Some(u64::from(frame) * 1_000_000 + 500_000));
        }
        assert!(matches!(camera.read_into(&mut slot, Duration::ZERO), Err(CameraError::Ended)));
        assert!(matches!(camera.read_into(&mut slot, Duration::ZERO), Err(CameraError::Ended)));
        camera.stop().unwrap();
    }
}

#[test]
fn a_looped_recording_begins_again_and_frame_numbers_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.npy");
    recording(&path, 2);
    let mut camera = open(&path, "rate_hz = 10000\nloop = true");
    camera.start().unwrap();
    let mut slot = [0; 12];
    for frame in 0..7 {
        assert_eq!(camera.read_into(&mut slot, Duration::from_secs(1)).unwrap().device_frame, frame);
        assert_eq!(u64::from(slot[0]), frame % 2);
    }
}

#[test]
fn frames_keep_the_configured_pace() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.npy");
    recording(&path, 10);
    let mut camera = open(&path, "");
    assert_eq!(camera.configure(&CameraRequest::default()).unwrap().rate_hz, 30.0);
    camera.configure(&CameraRequest { rate_hz: Some(100.0), ..Default::default() }).unwrap();
    camera.start().unwrap();
    let began = Instant::now();
    for _ in 0..10 {
        camera.read_into(&mut [0; 12], Duration::from_secs(1)).unwrap();
    }
    let seconds = began.elapsed().as_secs_f64();
    assert!((0.0999..2.0).contains(&seconds), "{seconds} s");
}

#[test]
fn bad_settings_say_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.npy");
    recording(&path, 1);
    let path_line = format!("path = '{}'", path.display());
    for (text, word) in [
        ("loop = true".to_owned(), "path"),
        (format!("{path_line}\nlop = true"), "lop"),
        (format!("{path_line}\nrate_hz = 0.0"), "rate_hz"),
    ] {
        let error = Driver.open(&text.parse().unwrap()).err().unwrap();
        assert!(matches!(error, CameraError::Settings(_)) && error.to_string().contains(word), "{error}");
    }
    let missing = Driver.open(&"path = '/nowhere.npy'".parse().unwrap()).err().unwrap();
    assert!(
        matches!(missing, CameraError::Stack(_)) && missing.to_string().contains("/nowhere.npy"),
        "{missing}"
    );
}
