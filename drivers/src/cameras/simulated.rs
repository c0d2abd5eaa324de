//! A simulated microscope: beads with known x, y, z, filmed by a camera that behaves like a real one.
//!
//! Copy this file to write a driver. Its parts, from top to bottom: `Driver` finds and opens, `SimulatedCamera`
//! configures, starts, reads and stops. What a real driver asks its vendor's library, this one asks a [`Scene`] of
//! [`crate::microscope`].
//!
//! Runs on: whatever thread opens it until `start`, then the camera thread. `read_into` does not allocate, lock or log.

mod faults;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pace::Pace;
use crate::camera::{
    Camera, CameraConfig, CameraDriver, CameraError, CameraListing, CameraRequest, FrameInfo, PixelFormat,
    SensorWindow,
};
use crate::microscope::noise::Rng;
pub use crate::microscope::{BeadTruth, Scene, Settings};
use crate::microscope::{Timing, stage};
use crate::sweep::FocusSweep;
use crate::truth::{Truth, TruthRow};
pub use faults::Faults;

/// Frames per second that the camera can do, in Hz.
const RATE_HZ: std::ops::RangeInclusive<f64> = 0.1..=10_000.0;
/// Shortest exposure, in µs.
const LEAST_EXPOSURE_US: f64 = 1.0;
/// Exposure at the start, in µs; shorter where the rate leaves less time.
const DEFAULT_EXPOSURE_US: f64 = 5000.0;

/// Finds and opens simulated cameras. Its settings are those of [`Settings`].
pub struct Driver;

impl CameraDriver for Driver {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn list(&self) -> Vec<CameraListing> {
        // There is always one, with default settings, and nothing can block it.
        let label = "simulated microscope, 50 beads, 1280 x 1024 px".to_owned();
        vec![CameraListing { label, settings: toml::Table::new(), blocked: None }]
    }

    fn open(&self, settings: &toml::Table) -> Result<Box<dyn Camera>, CameraError> {
        let settings = Settings::from_table(settings)?;
        Ok(settings.faults.around(SimulatedCamera::new(&settings)?))
    }
}

/// An open camera: what it looks at, how it is configured, and its clock while it runs.
struct SimulatedCamera {
    scene: Scene,
    config: CameraConfig,
    running: Option<Running>,
    truth: Option<Arc<Truth>>,
    /// How often it was started.
    runs: u32,
}

/// The camera between `start` and `stop`.
struct Running {
    pace: Pace,
    /// Number of the next frame to hand over.
    next_frame: u64,
    /// When the frame that the scene shows began; `None` before the first.
    shown: Option<Duration>,
}

impl SimulatedCamera {
    fn new(settings: &Settings) -> Result<Self, CameraError> {
        let truth = settings.record_truth.then(Arc::default);
        Ok(Self { scene: Scene::new(settings)?, config: power_on(settings), running: None, truth, runs: 0 })
    }

    /// When a frame begins, after the start, and by how much the camera's clock is wrong about it, ns.
    fn timing(&self, pace: &Pace, frame: u64) -> (Duration, i64) {
        let settings = self.scene.settings();
        let begins = pace.frame_time(frame);
        let Timing { trigger_jitter_us, timestamp_jitter_us, .. } = settings.timing;
        if trigger_jitter_us == 0.0 && timestamp_jitter_us == 0.0 {
            return (begins, 0);
        }
        // Each number has random numbers of its own: when a frame begins does not depend on who was late.
        let mut rng = Rng::new(settings.seed ^ frame.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x7131_6765);
        let [trigger, timestamp] = rng.normals();
        let strays_s = 1e-6 * trigger_jitter_us * trigger;
        // Added to all, so that none begins before the camera starts.
        let most_s = 0.25 / self.config.rate_hz;
        let later = Duration::from_secs_f64(most_s + strays_s.clamp(-most_s, most_s));
        (begins + later, (1e3 * timestamp_jitter_us * timestamp) as i64)
    }

    fn check_window(&self, window: SensorWindow) -> Result<(), CameraError> {
        let (width_px, height_px) = (self.scene.settings().width_px, self.scene.settings().height_px);
        // Sums that overflow a u32 are out of range too.
        let fits = |first: u32, size: u32, side: u32| {
            size > 0 && first.checked_add(size).is_some_and(|end| end <= side)
        };
        if fits(window.x_px, window.width_px, width_px) && fits(window.y_px, window.height_px, height_px) {
            return Ok(());
        }
        let SensorWindow { x_px, y_px, width_px: columns, height_px: rows } = window;
        Err(CameraError::Unsupported {
            what: "window (px)",
            asked: format!("{columns} x {rows} at ({x_px}, {y_px})"),
            offered: format!("any window within {width_px} x {height_px}"),
        })
    }
}

impl Camera for SimulatedCamera {
    fn configure(&mut self, request: &CameraRequest) -> Result<CameraConfig, CameraError> {
        if self.running.is_some() && *request != CameraRequest::default() {
            return Err(CameraError::Unsupported {
                what: "configuration",
                asked: "while exposing".to_owned(),
                offered: "stop the camera first".to_owned(),
            });
        }
        // Everything is checked on a copy; `self` changes only when all is well.
        let mut config = self.config;
        if let Some(window) = request.window {
            self.check_window(window)?;
            config.window = window;
        }
        if let Some(format) = request.format {
            config.format = format;
        }
        if let Some(rate_hz) = request.rate_hz {
            if !RATE_HZ.contains(&rate_hz) {
                return Err(out_of_range("rate_hz", rate_hz, *RATE_HZ.start(), *RATE_HZ.end()));
            }
            config.rate_hz = self.scene.settings().timing.rate_hz(rate_hz);
        }
        let period_us = 1e6 / config.rate_hz;
        if let Some(exposure_us) = request.exposure_us {
            if !(LEAST_EXPOSURE_US..=period_us).contains(&exposure_us) {
                return Err(out_of_range("exposure_us", exposure_us, LEAST_EXPOSURE_US, period_us));
            }
            config.exposure_us = exposure_us;
        }
        // A faster rate leaves less time to expose; the caller sees what became of it in the answer.
        config.exposure_us = config.exposure_us.min(period_us);
        self.config = config;
        Ok(config)
    }

    fn start(&mut self) -> Result<(), CameraError> {
        // All memory is taken here, none in `read_into`.
        self.scene.set_readout(self.config.window, self.config.format, self.config.exposure_us * 1e-6);
        self.runs += 1;
        self.running = Some(Running { pace: Pace::start(self.config.rate_hz), next_frame: 0, shown: None });
        Ok(())
    }

    fn read_into(&mut self, slot: &mut [u8], timeout: Duration) -> Result<FrameInfo, CameraError> {
        let Some(running) = &mut self.running else {
            return Err(CameraError::Unsupported {
                what: "reading a frame",
                asked: "from a stopped camera".to_owned(),
                offered: "start it first".to_owned(),
            });
        };
        if slot.len() != self.config.frame_bytes() {
            return Err(CameraError::BadFrame(format!(
                "the slot has {} bytes, a frame {}",
                slot.len(),
                self.config.frame_bytes()
            )));
        }
        let exposure = Duration::from_secs_f64(self.config.exposure_us * 1e-6);
        // Like a real camera's buffer, which overwrites its oldest frame: a reader who lags further loses frames.
        let exposed = running.pace.frames_by(running.pace.elapsed().saturating_sub(exposure));
        let oldest = exposed.saturating_sub(u64::from(self.scene.settings().buffer_frames));
        running.next_frame = running.next_frame.max(oldest);

        let (frame, pace, shown) = (running.next_frame, running.pace, running.shown);
        let (begins, wrong_ns) = self.timing(&pace, frame);
        pace.wait_until(begins.saturating_add(exposure), timeout)?;

        self.scene.advance(begins.saturating_sub(shown.unwrap_or(begins)).as_secs_f64());
        self.scene.render(slot);
        if let Some(truth) = &self.truth {
            for bead in self.scene.beads() {
                let BeadTruth { bead, x_px, y_px, z_nm, force_pn, state, .. } = *bead;
                let position_px = [x_px, y_px];
                truth.push(TruthRow {
                    camera_run: self.runs,
                    device_frame: frame,
                    bead,
                    position_px,
                    z_nm,
                    force_pn,
                    state,
                });
            }
        }
        if let Some(running) = &mut self.running {
            (running.shown, running.next_frame) = (Some(begins), frame + 1);
        }
        let told_ns = u64::try_from((begins + exposure / 2).as_nanos()).ok();
        Ok(FrameInfo {
            device_frame: frame,
            device_time_ns: told_ns.map(|time_ns| time_ns.saturating_add_signed(wrong_ns)),
            arrival: Instant::now(),
        })
    }

    fn stop(&mut self) -> Result<(), CameraError> {
        self.running = None;
        Ok(())
    }

    fn reconnect(&mut self) -> Result<CameraConfig, CameraError> {
        // Like a real camera that was without power, it has forgotten how it was configured.
        self.running = None;
        self.config = power_on(self.scene.settings());
        Ok(self.config)
    }

    fn focus_sweep(&self, roi_px: u32) -> Option<FocusSweep> {
        self.scene.focus_sweep(roi_px)
    }

    fn stage(&self) -> Option<stage::Shared> {
        Some(self.scene.stage())
    }

    fn force_table(&self) -> Vec<[f64; 2]> {
        self.scene.settings().force_table()
    }

    fn truth(&self) -> Option<Arc<Truth>> {
        self.truth.clone()
    }

    fn pixel_size_nm(&self) -> Option<f64> {
        Some(self.scene.settings().pixel_size_nm)
    }
}

/// What the camera has before it is configured.
fn power_on(settings: &Settings) -> CameraConfig {
    let window =
        SensorWindow { x_px: 0, y_px: 0, width_px: settings.width_px, height_px: settings.height_px };
    let format = settings.pixel_format().unwrap_or(PixelFormat::Mono8);
    let rate_hz = settings.timing.rate_hz(100.0);
    CameraConfig { window, format, rate_hz, exposure_us: DEFAULT_EXPOSURE_US.min(1e6 / rate_hz) }
}

fn out_of_range(what: &'static str, asked: f64, least: f64, greatest: f64) -> CameraError {
    CameraError::Unsupported { what, asked: asked.to_string(), offered: format!("{least} to {greatest} is") }
}
