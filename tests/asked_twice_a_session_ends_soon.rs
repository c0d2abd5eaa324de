//! A session that is asked twice to stop passes over the frames that wait: its recording is whole, and says so.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where this is how a test fails")]

mod common;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use beadscope_drivers::camera::CameraConfig;
use beadscope_engine::roi::Roi;
use beadscope_engine::session::Session;
use beadscope_engine::track::backend::{Backend, BackendRequest, BeadTracker};
use beadscope_engine::track::cpu::CpuTracker;
use beadscope_shaders::flags::Flags;
use beadscope_shaders::pipeline::Params;
use common::{PacedCamera, SIDE_PX, ScriptedCamera, beadscope_ok, setup};
use rust_hdf5::H5File;

const FRAMES: u64 = 100;

/// With so many `beads` that a frame takes far longer to track than to come.
fn hurry(backend: Backend, adapter: Option<&str>, beads: u32) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tracks.h5");
    let rois: Vec<Roi> =
        (0..beads).map(|bead| Roi { bead, left_px: 0, top_px: 0, size_px: SIDE_PX }).collect();
    let config = CameraConfig { rate_hz: 1000.0, ..ScriptedCamera::config() };
    let mut setup = setup(Vec::new(), 1, Some(path.clone()));
    setup.camera = Box::new(PacedCamera::new(config, FRAMES, FRAMES));
    setup.config = config;
    setup.info.rois.clone_from(&rois);
    let request = BackendRequest { backend, adapter: adapter.map(str::to_owned) };
    let tracker = CpuTracker::new(SIDE_PX, rois, &Params::default(), None, Some(1)).unwrap();
    setup.tracker = BeadTracker::new(tracker, &request).unwrap();
    let hurry = setup.hurry.clone();
    let (session, view) = Session::start(setup).unwrap();
    drop(view);
    let deadline = Instant::now() + Duration::from_secs(60);
    while session.is_running() || session.health().ledger.tracked == 0 {
        assert!(Instant::now() < deadline, "{:?}", session.health().ledger);
        std::thread::sleep(Duration::from_millis(1));
    }
    hurry.store(true, Ordering::Relaxed);
    let health = session.stop().health;
    assert_eq!((health.ledger.check(), health.ledger.recorded), (Ok(()), FRAMES), "{:?}", health.ledger);
    assert!(health.not_located > 0 && health.not_located < FRAMES, "{}", health.not_located);
    let notices: Vec<String> = health.notices().into_iter().map(|notice| notice.text).collect();
    assert!(notices[0].starts_with(&format!("{} frames", health.not_located)), "{notices:?}");

    let file = H5File::open(&path).unwrap();
    let dataset = |name: &str| file.dataset(name).unwrap();
    assert_eq!(dataset("beadscope/notices").read_strings().unwrap(), notices);
    let flags: Vec<u32> = dataset("beadscope/rows/flags").read_raw().unwrap();
    let nm: Vec<f64> = dataset("tracking/positions_nm").read_raw().unwrap();
    let frames = (FRAMES - health.not_located) as usize;
    let located = frames * beads as usize;
    let (before, after) = flags.split_at(located);
    assert!(before.iter().all(|flags| *flags != Flags::NOT_LOCATED.0));
    assert!(after.iter().all(|flags| *flags == Flags::NOT_LOCATED.0));
    assert!(nm[3 * located..].iter().all(|nm| nm.is_nan()));
    let on_gpu: Vec<u64> = dataset("beadscope/frames/on_gpu").read_raw().unwrap();
    let by_gpu = if adapter.is_some() { frames } else { 0 };
    assert!(
        on_gpu.iter().enumerate().all(|(frame, on_gpu)| (frame < by_gpu) == (*on_gpu == 1)),
        "{on_gpu:?}"
    );
    drop(file);
    let told = beadscope_ok(&["verify", path.to_str().unwrap()]);
    assert!(
        told.starts_with(&format!("{FRAMES} frames, {} rows: whole", FRAMES * u64::from(beads))),
        "{told}"
    );
}

#[test]
fn frames_that_wait_are_recorded_without_positions() {
    hurry(Backend::Cpu, None, 3000);
}

/// On Mesa's llvmpipe (`scripts/setup test`).
#[test]
fn no_gpu_is_said_to_have_located_them() {
    hurry(Backend::Gpu, Some("llvmpipe"), 200);
}

/// Its time asks it first.
#[cfg(target_os = "linux")]
#[test]
fn a_run_whose_time_is_over_needs_to_be_asked_once() {
    use std::process::{Command, Stdio};
    let folder = tempfile::tempdir().unwrap();
    let text = "[camera]\nrate_hz = 200.0\n[tracking]\nbackend = \"cpu\"\n[threads]\ntracking_cores = [0]\n";
    std::fs::write(folder.path().join("rig.toml"), text).unwrap();
    let rows = (0..3000).map(|bead| format!("{bead},{},{}\n", 100 + bead % 1000, 100 + bead % 800));
    let rois = format!("# roi_px = 64\nbead,x_px,y_px\n{}", rows.collect::<String>());
    std::fs::write(folder.path().join("rois.csv"), rois).unwrap();
    let run = common::program()
        .args([
            "run",
            "--duration",
            "2s",
            "--json",
            "--rig",
            "rig.toml",
            "--rois",
            "rois.csv",
            "--out",
            "out",
        ])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let has_camera = || {
        let threads = std::fs::read_dir(format!("/proc/{}/task", run.id())).into_iter().flatten().flatten();
        let names = threads.flat_map(|thread| std::fs::read_to_string(thread.path().join("comm")));
        // Linux keeps 15 bytes of a thread's name.
        names.into_iter().any(|name| name.trim_end() == &"beadscope-camera"[..15])
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    for is_there in [true, false] {
        while has_camera() != is_there {
            assert!(Instant::now() < deadline, "a camera thread: {}", !is_there);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    assert!(Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap().success());
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("frames at the end have no positions"), "{said}");
}
