//! A recording played as if it were a camera: a `.npy` or TIFF stack, an image, or a folder of images.
//!
//! Unlike a camera it never skips a frame: a reader who is late gets the next frame at once, until it has caught up.
//! Runs on the camera thread between `start` and `stop`. `read_into` does not allocate, except for a compressed source
//! (TIFF, folder of images) too large to preload, which must be decoded frame by frame.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::pace::Pace;
use crate::camera::{
    Camera, CameraConfig, CameraDriver, CameraError, CameraListing, CameraRequest, FrameInfo, SensorWindow,
};
use crate::stack::Stack;

/// Sources up to this size are read into memory at once, in bytes.
const PRELOAD_BYTES: usize = 256 << 20;
/// Frames per second that can be asked for, in Hz.
const RATE_HZ: std::ops::RangeInclusive<f64> = 0.001..=1_000_000.0;

/// The `[camera.settings]` table of a replay.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The file or folder to play.
    path: PathBuf,
    /// Whether to begin again after the last frame, default false.
    #[serde(default, rename = "loop")]
    again: bool,
    /// Frames per second, in Hz; 0.001 to 1 000 000, default 30.
    #[serde(default = "default_rate_hz")]
    rate_hz: f64,
}

fn default_rate_hz() -> f64 {
    30.0
}

/// Opens recordings as cameras.
pub struct Driver;

impl CameraDriver for Driver {
    fn name(&self) -> &'static str {
        "replay"
    }

    fn list(&self) -> Vec<CameraListing> {
        // Any file may be a recording; none is searched for.
        Vec::new()
    }

    fn open(&self, settings: &toml::Table) -> Result<Box<dyn Camera>, CameraError> {
        let settings: Settings = settings.clone().try_into().map_err(|error: toml::de::Error| {
            CameraError::Settings(error.to_string().split_whitespace().collect::<Vec<_>>().join(" "))
        })?;
        if !RATE_HZ.contains(&settings.rate_hz) {
            let message = format!("rate_hz = {} must be between 0.001 and 1000000", settings.rate_hz);
            return Err(CameraError::Settings(message));
        }
        Ok(Box::new(Replay::new(&settings)?))
    }
}

/// An open recording.
struct Replay {
    frames: Frames,
    len: u64,
    again: bool,
    config: CameraConfig,
    running: Option<Running>,
}

/// Where the frames come from.
enum Frames {
    /// All of them, one after the other.
    InMemory(Vec<u8>),
    Streamed(Box<Stack>),
}

/// The replay between `start` and `stop`.
struct Running {
    pace: Pace,
    next_frame: u64,
}

impl Replay {
    fn new(settings: &Settings) -> Result<Self, CameraError> {
        let mut stack = Stack::open(&settings.path)?;
        let window =
            SensorWindow { x_px: 0, y_px: 0, width_px: stack.width_px(), height_px: stack.height_px() };
        let rate_hz = settings.rate_hz;
        let config = CameraConfig { window, format: stack.format(), rate_hz, exposure_us: 1e6 / rate_hz };
        let (len, frame_bytes) = (stack.len(), stack.frame_bytes());
        let frames = match len.checked_mul(frame_bytes) {
            Some(bytes) if bytes <= PRELOAD_BYTES => {
                let mut all = vec![0; bytes];
                for (index, frame) in all.chunks_exact_mut(frame_bytes).enumerate() {
                    stack.read_frame(index, frame)?;
                }
                Frames::InMemory(all)
            }
            _ => Frames::Streamed(Box::new(stack)),
        };
        Ok(Self { frames, len: len as u64, again: settings.again, config, running: None })
    }
}

impl Camera for Replay {
    fn configure(&mut self, request: &CameraRequest) -> Result<CameraConfig, CameraError> {
        let unsupported =
            |what, asked: String, offered: String| CameraError::Unsupported { what, asked, offered };
        let offered = || "a recording plays as it was recorded".to_owned();
        if self.running.is_some() && *request != CameraRequest::default() {
            return Err(unsupported(
                "configuration",
                "while playing".to_owned(),
                "stop the camera first".to_owned(),
            ));
        }
        if let Some(window) = request.window.filter(|window| *window != self.config.window) {
            return Err(unsupported("window (px)", format!("{window:?}"), offered()));
        }
        if let Some(format) = request.format.filter(|format| *format != self.config.format) {
            return Err(unsupported("format", format!("{format:?}"), offered()));
        }
        let rate_hz = request.rate_hz.unwrap_or(self.config.rate_hz);
        if !RATE_HZ.contains(&rate_hz) {
            return Err(unsupported("rate_hz", rate_hz.to_string(), "0.001 to 1000000 is".to_owned()));
        }
        if let Some(exposure_us) =
            request.exposure_us.filter(|exposure_us| *exposure_us != self.config.exposure_us)
        {
            return Err(unsupported("exposure_us", exposure_us.to_string(), offered()));
        }
        // What the exposure was is not known; the whole period is the honest upper bound.
        self.config = CameraConfig { rate_hz, exposure_us: 1e6 / rate_hz, ..self.config };
        Ok(self.config)
    }

    fn start(&mut self) -> Result<(), CameraError> {
        self.running = Some(Running { pace: Pace::start(self.config.rate_hz), next_frame: 0 });
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
        let frame = running.next_frame;
        if frame >= self.len && !self.again {
            return Err(CameraError::Ended);
        }
        let frame_bytes = self.config.frame_bytes();
        if slot.len() != frame_bytes {
            return Err(CameraError::BadFrame(format!(
                "the slot has {} bytes, a frame {frame_bytes}",
                slot.len()
            )));
        }
        // A recorded frame is there when its exposure ends.
        running.pace.wait_until(running.pace.frame_time(frame + 1), timeout)?;
        let index = usize::try_from(frame % self.len).unwrap_or_default();
        match &mut self.frames {
            Frames::InMemory(all) => slot.copy_from_slice(&all[index * frame_bytes..][..frame_bytes]),
            Frames::Streamed(stack) => stack.read_frame(index, slot)?,
        }
        running.next_frame += 1;
        let mid_exposure = (running.pace.frame_time(frame) + running.pace.frame_time(frame + 1)) / 2;
        Ok(FrameInfo {
            device_frame: frame,
            device_time_ns: u64::try_from(mid_exposure.as_nanos()).ok(),
            arrival: Instant::now(),
        })
    }

    fn stop(&mut self) -> Result<(), CameraError> {
        self.running = None;
        Ok(())
    }
}
