//! What several of the product's promises are tested with: a camera that does what a script says.
#![allow(dead_code, reason = "each test file uses its own part of this module")]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, where these are how a test fails"
)]

#[cfg(target_os = "linux")]
pub mod faults;
pub mod made;
pub mod undisturbed;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use beadscope_drivers::camera::{
    Camera, CameraConfig, CameraError, CameraRequest, FrameInfo, PixelFormat, SensorWindow,
};
use beadscope_engine::hardware::Motors;
use beadscope_engine::record::info::RunInfo;
use beadscope_engine::roi::Roi;
use beadscope_engine::session::Setup;
use beadscope_engine::settings::Settings;
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

/// A camera as real ones are: it exposes by the clock and keeps the newest frames for a host that is away. What the host
/// does not fetch in time is overwritten, so a jump of the frame number tells that it was away for too long.
pub struct PacedCamera {
    pub config: CameraConfig,
    /// It ends after so many exposures.
    pub exposures: u64,
    /// Frames that it keeps.
    pub keeps: u64,
    pub temperature_c: Option<f64>,
    next: u64,
    started: Instant,
}

impl PacedCamera {
    pub fn new(config: CameraConfig, exposures: u64, keeps: u64) -> Self {
        Self { config, exposures, keeps, temperature_c: None, next: 0, started: Instant::now() }
    }

    fn exposed_at(&self, frame: u64) -> Instant {
        self.started + Duration::from_secs_f64((frame + 1) as f64 / self.config.rate_hz)
    }
}

impl Camera for PacedCamera {
    fn configure(&mut self, _request: &CameraRequest) -> Result<CameraConfig, CameraError> {
        Ok(self.config)
    }

    fn start(&mut self) -> Result<(), CameraError> {
        self.started = Instant::now();
        Ok(())
    }

    fn read_into(&mut self, slot: &mut [u8], _timeout: Duration) -> Result<FrameInfo, CameraError> {
        let newest = (self.started.elapsed().as_secs_f64() * self.config.rate_hz) as u64;
        self.next = self.next.max(newest.min(self.exposures).saturating_sub(self.keeps));
        if self.next == self.exposures {
            return Err(CameraError::Ended);
        }
        std::thread::sleep(self.exposed_at(self.next).saturating_duration_since(Instant::now()));
        // Rings in the corner, where the beads are; the rest of the slot is what it was.
        let width = self.config.window.width_px as usize;
        for (y_px, row) in slot.chunks_exact_mut(width).take(SIDE_PX as usize).enumerate() {
            for (x_px, level) in row.iter_mut().take(SIDE_PX as usize).enumerate() {
                let half = f64::from(SIDE_PX) / 2.0;
                let r_px = (x_px as f64 - half).hypot(y_px as f64 - half);
                *level = (128.0 + 100.0 * (r_px / 2.0).cos() * (-r_px / 12.0).exp()) as u8;
            }
        }
        self.next += 1;
        Ok(FrameInfo { device_frame: self.next - 1, device_time_ns: None, arrival: Instant::now() })
    }

    fn stop(&mut self) -> Result<(), CameraError> {
        Ok(())
    }

    fn temperature_c(&self) -> Option<f64> {
        self.temperature_c
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
        motors: Motors::default(),
        tracker,
        frame_limit: None,
        info,
        record,
        settings: Settings::load(None, None).unwrap(),
        notes: Vec::new(),
        hurry: Arc::default(),
    }
}

/// The program; what it keeps of its own goes where tests may write.
pub fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_beadscope"));
    program.env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR")).env("BEADSCOPE_USER_CONFIG", "");
    program
}

/// Runs the program; its standard output and standard error are kept.
pub fn beadscope(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
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
    let program = program()
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

/// The only run in `folder`.
pub fn run_in(folder: &Path) -> Option<PathBuf> {
    Some(std::fs::read_dir(folder).ok()?.flatten().next()?.path())
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

/// The interpreter with the peers' packages, if `scripts/test` could install them.
pub fn python(test: &str) -> Option<PathBuf> {
    let python = std::env::var_os("BEADSCOPE_PEERS_PYTHON")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/bin/python"), PathBuf::from);
    if python.exists() {
        return Some(python);
    }
    assert!(
        std::env::var_os("BEADSCOPE_REQUIRE_PEERS").is_none(),
        "no {}: run scripts/test",
        python.display()
    );
    println!("skipped: {test}: no {}; run scripts/test", python.display());
    None
}
