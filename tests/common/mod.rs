//! What several of the product's promises are tested with: a camera that does what a script says.
#![allow(dead_code, reason = "each test file uses its own part of this module")]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, where these are how a test fails"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use beadscope_drivers::camera::{
    Camera, CameraConfig, CameraError, CameraRequest, FrameInfo, PixelFormat, SensorWindow,
};
use beadscope_engine::record::info::RunInfo;
use beadscope_engine::rig::RecordingSection;
use beadscope_engine::roi::Roi;
use beadscope_engine::session::Setup;
use beadscope_engine::threads::ThreadsSection;
use beadscope_engine::track::cpu::CpuTracker;
use beadscope_shaders::pipeline::Params;

/// What a scripted camera does when it is asked for a frame.
#[derive(Clone, Debug)]
pub enum Step {
    /// Delivers a frame with this device number.
    Frame(u64),
    /// The cable is pulled.
    Unplug,
    /// The driver has a bug.
    Panic,
}

/// A camera that plays a script as fast as it is asked, then ends.
pub struct ScriptedCamera {
    pub steps: Vec<Step>,
    pub next: usize,
}

/// Side of a scripted camera's frames, px.
pub const SIDE_PX: u32 = 64;

impl ScriptedCamera {
    pub fn new(steps: Vec<Step>) -> Self {
        Self { steps, next: 0 }
    }

    pub fn config() -> CameraConfig {
        let window = SensorWindow { x_px: 0, y_px: 0, width_px: SIDE_PX, height_px: SIDE_PX };
        CameraConfig { window, format: PixelFormat::Mono8, rate_hz: 1000.0, exposure_us: 500.0 }
    }
}

impl Camera for ScriptedCamera {
    fn configure(&mut self, _request: &CameraRequest) -> Result<CameraConfig, CameraError> {
        Ok(Self::config())
    }

    fn start(&mut self) -> Result<(), CameraError> {
        Ok(())
    }

    fn read_into(&mut self, slot: &mut [u8], _timeout: Duration) -> Result<FrameInfo, CameraError> {
        let step = self.steps.get(self.next).cloned().ok_or(CameraError::Ended)?;
        self.next += 1;
        match step {
            Step::Frame(device_frame) => {
                slot.fill(device_frame as u8);
                Ok(FrameInfo { device_frame, device_time_ns: None, arrival: Instant::now() })
            }
            Step::Unplug => Err(CameraError::Unplugged("the cable was pulled".to_owned())),
            Step::Panic => panic!("a bug in the driver"),
        }
    }

    fn stop(&mut self) -> Result<(), CameraError> {
        Ok(())
    }
}

/// A session of a scripted camera with `beads` beads that all look at the same pixels.
pub fn setup(steps: Vec<Step>, beads: u32, record: Option<PathBuf>) -> Setup {
    let roi = |bead| Roi { bead, left_px: 0, top_px: 0, size_px: SIDE_PX };
    let rois: Vec<Roi> = (0..beads).map(roi).collect();
    let tracker = CpuTracker::new(SIDE_PX, rois.clone(), &Params::default(), None, None).unwrap().into();
    let info = RunInfo {
        pixel_size_nm: 100.0,
        settings_toml: String::new(),
        camera: "scripted".to_owned(),
        rois,
        zlut: None,
    };
    Setup {
        camera: Box::new(ScriptedCamera::new(steps)),
        config: ScriptedCamera::config(),
        tracker,
        threads: ThreadsSection::default(),
        frame_limit: None,
        info,
        record,
        recordings: RecordingSection::default(),
    }
}

/// Runs the program; its standard output and standard error are kept.
pub fn beadscope(arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_beadscope"));
    program.args(arguments).env("BEADSCOPE_USER_CONFIG", "").output().unwrap()
}

/// Runs the program and insists that it succeeds; returns its standard output.
pub fn beadscope_ok(arguments: &[&str]) -> String {
    let output = beadscope(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "beadscope {arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Another process that records into a run's folder inside `folder`, once `is_ready` says so of its partial file.
pub fn recording(folder: &Path, rate_hz: &str, is_ready: fn(&Path) -> bool) -> (Child, PathBuf) {
    let program = Command::new(env!("CARGO_BIN_EXE_beadscope"))
        .args(["run", "--duration", "1min", "--beads", "5", "--rate-hz", rate_hz, "--out"])
        .arg(folder)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let partial = loop {
        assert!(Instant::now() < deadline, "no recording grows in {}", folder.display());
        std::thread::sleep(Duration::from_millis(50));
        let runs = std::fs::read_dir(folder).unwrap().flatten();
        let mut partials = runs.map(|run| run.path().join("tracks.h5.partial"));
        if let Some(partial) = partials.find(|path| is_ready(path)) {
            break partial;
        }
    };
    (program, partial)
}

/// Kills the program amid a recording, in a run's folder inside `folder`; the partial file it leaves.
pub fn crash(folder: &Path) -> PathBuf {
    // The first flush makes it grow from some 100 kB by whole chunks, 2.9 MB.
    let has_frames = |path: &Path| path.metadata().is_ok_and(|metadata| metadata.len() > 2_500_000);
    let (mut program, partial) = recording(folder, "100", has_frames);
    // Until the flush is over, and amid the next second.
    std::thread::sleep(Duration::from_millis(500));
    program.kill().unwrap();
    program.wait().unwrap();
    if cfg!(windows) {
        // There are no locks there, so a file must have been at rest for a while.
        age(&partial);
    }
    partial
}

/// Lets `path` look as if nothing had written to it for a minute.
pub fn age(path: &Path) {
    let before = SystemTime::now() - Duration::from_secs(60);
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_modified(before).unwrap();
}

/// Kills the program amid a recording and recovers what is left; the recovered file.
pub fn crash_and_recover(folder: &Path) -> PathBuf {
    let partial = crash(folder);
    beadscope_ok(&["recover", partial.parent().unwrap().to_str().unwrap()]);
    partial.with_extension("")
}

/// The real images and Z-LUTs beside the repository, if they are there.
pub fn real_data(test: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("BEADSCOPE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let folder = shared.join("data/real");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {test}: no real data at {}", folder.display());
    None
}
