//! How a session does is in its health, in the JSON of `run` and in the recording, and what is not known is not a number.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where this is how a test fails")]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use beadscope_engine::session::Session;
use common::{PacedCamera, ScriptedCamera, beadscope_ok, setup};
use rust_hdf5::{H5File, H5Type};
use serde_json::Value;

fn read<T: H5Type>(file: &H5File, name: &str) -> Vec<T> {
    file.dataset(&format!("beadscope/health/{name}")).unwrap().read_raw().unwrap()
}

#[test]
fn a_running_session_measures_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tracks.h5");
    let mut setup = setup(Vec::new(), 3, Some(path.clone()));
    let mut camera = PacedCamera::new(ScriptedCamera::config(), u64::MAX, u64::MAX);
    camera.temperature_c = Some(36.5);
    setup.camera = Box::new(camera);
    let (session, view) = Session::start(setup).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let is_known = |health: &beadscope_engine::status::Health| {
        let vitals = &health.vitals;
        let here = cfg!(not(target_os = "linux")) || vitals.cpu.is_some() && vitals.memory_bytes.is_some();
        let disk = vitals.disk.as_ref().is_some_and(|disk| disk.write_bytes_per_s.is_some());
        here && disk && vitals.rate_hz.is_some() && vitals.latency_10s_ms.is_some()
    };
    while !is_known(&session.health()) {
        assert!(Instant::now() < deadline, "{:?}", session.health());
        std::thread::sleep(Duration::from_millis(10));
    }
    let vitals = session.health().vitals;
    assert_eq!((vitals.asked_hz, vitals.camera_temperature_c), (1000.0, Some(36.5)));
    let readers: Vec<_> = vitals.readers.iter().map(|reader| (reader.name, reader.may_skip)).collect();
    assert_eq!(readers, [("tracking", false), ("recorder", false), ("plots", true)]);
    assert_eq!(vitals.gpu_share, None, "there is none");
    drop(view);
    let outcome = session.stop();
    let between = outcome.health.vitals.camera_loop_us;
    assert!(between.p50 > 0.0 && between.p50 <= between.p99 && between.p99 <= between.max, "{between:?}");
    if cfg!(target_os = "linux") {
        let cpu = vitals.cpu.unwrap();
        for name in ["beadscope-camera", "beadscope-track", "beadscope-record", "beadscope-health"] {
            assert!(cpu.threads.iter().any(|thread| thread.name == name), "{name}: {cpu:?}");
        }
    }

    let file = H5File::open(&path).unwrap();
    let seconds: Vec<u64> = read(&file, "unix_ns");
    assert!(!seconds.is_empty() && seconds.is_sorted(), "{seconds:?}");
    assert!(read::<f64>(&file, "camera_temperature_c").iter().all(|celsius| *celsius == 36.5));
    assert!(read::<f64>(&file, "gpu_share").iter().all(|share| share.is_nan()));
    let received: Vec<u64> = read(&file, "received");
    assert!(received.is_sorted() && received[0] > 0, "{received:?}");
    assert!(read::<f64>(&file, "ring_fill").iter().all(|fill| (0.0..=1.0).contains(fill)));
}

#[test]
fn run_tells_it_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let said = beadscope_ok(&["run", "--duration", "2s", "--beads", "2", "--out", out, "--json"]);
    let health = serde_json::from_str::<Value>(&said).unwrap()["health"].take();
    assert!(health["rate_hz"].as_f64().unwrap() > 0.0, "{health}");
    assert!(health["camera_loop_us"]["max"].as_f64().unwrap() > 0.0, "{health}");
    assert!(health["disk"]["free_bytes"].as_u64().unwrap() > 0, "{health}");
    assert!(health["camera_temperature_c"].is_null() && health["gpu_share"].is_null(), "{health}");
    let names: Vec<&Value> =
        health["readers"].as_array().unwrap().iter().map(|reader| &reader["name"]).collect();
    assert_eq!(names, ["tracking", "recorder"], "there is no window: {health}");
}

/// On Mesa's llvmpipe (`scripts/setup test`), which has a clock.
#[test]
fn a_gpu_tells_the_time_of_each_stage() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let arguments =
        ["run", "--duration", "4s", "--beads", "2", "--adapter", "llvmpipe", "--out", out, "--json"];
    let summary: Value = serde_json::from_str(&beadscope_ok(&arguments)).unwrap();
    let file = H5File::open(Path::new(summary["run"].as_str().unwrap()).join("tracks.h5")).unwrap();
    let shares: Vec<f64> = read(&file, "gpu_share");
    assert!(shares.iter().any(|share| *share > 0.0), "{shares:?}");
    // A busy machine may have computed nothing in the last second.
    let health = &summary["health"];
    if health["gpu_share"] == 0.0 {
        assert_eq!(health["gpu_stages"], Value::Array(Vec::new()));
        return;
    }
    let stages = health["gpu_stages"].as_array().unwrap();
    let names: Vec<&Value> = stages.iter().map(|stage| &stage["name"]).collect();
    let expected =
        ["background", "center_of_mass", "auto_convolution", "quadrant_interpolation", "zlut_match"];
    assert_eq!(names, expected, "{health}");
    assert!(stages.iter().all(|stage| stage["us_per_frame"].as_f64() > Some(0.0)), "{health}");
}
