//! What the checks share: an open camera, and ways to ask it.

use std::time::{Duration, Instant};

use crate::camera::{Camera, CameraConfig, CameraDriver, CameraError, CameraRequest, FrameInfo};

/// How long a frame may take before the camera counts as silent.
const PATIENCE: Duration = Duration::from_secs(15);
/// Frames that the checks of order look at.
const N_FRAMES: usize = 5;

/// What was seen, or what went wrong.
pub(super) type Outcome = Result<String, String>;

/// What the checks need: they open the camera once, and each leaves it stopped.
pub(super) struct Bench<'a> {
    pub(super) driver: &'a dyn CameraDriver,
    pub(super) settings: &'a toml::Table,
    pub(super) camera: Box<dyn Camera>,
}

impl Bench<'_> {
    pub(super) fn config(&mut self) -> Result<CameraConfig, String> {
        self.camera
            .configure(&CameraRequest::default())
            .map_err(|error| format!("an empty request failed: {error}"))
    }

    pub(super) fn set_rate(&mut self, rate_hz: f64) -> Result<(), String> {
        let request = CameraRequest { rate_hz: Some(rate_hz), ..CameraRequest::default() };
        self.camera.configure(&request).map(drop).map_err(|error| error.to_string())
    }

    pub(super) fn refuses(&mut self, request: &CameraRequest, what: &str) -> Result<(), String> {
        let before = self.config()?;
        match self.camera.configure(request) {
            Err(CameraError::Unsupported { .. }) => {}
            Err(other) => {
                return Err(format!("{what}: refused, but not as CameraError::Unsupported: {other}"));
            }
            Ok(applied) => return Err(format!("{what} was accepted: {applied:?}")),
        }
        let after = self.config()?;
        if after == before {
            Ok(())
        } else {
            Err(format!("{what} was refused but left {after:?}, not {before:?}"))
        }
    }

    /// Starts, reads `n` frames into the same slot, and stops.
    pub(super) fn film(&mut self, slot: &mut [u8], n: usize) -> Result<Vec<FrameInfo>, String> {
        self.camera.start().map_err(|error| format!("did not start: {error}"))?;
        let infos = (0..n).map(|_| self.read(slot)).collect();
        self.camera.stop().map_err(|error| format!("did not stop: {error}"))?;
        infos
    }

    /// Reads up to [`N_FRAMES`] frames of one run; a recording may be shorter, but not than 2.
    pub(super) fn film_order(&mut self) -> Result<Vec<FrameInfo>, String> {
        let mut slot = vec![0; self.config()?.frame_bytes()];
        self.camera.start().map_err(|error| format!("did not start: {error}"))?;
        let mut infos = Vec::new();
        while infos.len() < N_FRAMES {
            match self.read(&mut slot) {
                Ok(info) => infos.push(info),
                Err(_) if infos.len() > 1 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(infos)
    }

    /// Reads one frame, as often as the camera says that none has come, until patience ends.
    fn read(&mut self, slot: &mut [u8]) -> Result<FrameInfo, String> {
        let began = Instant::now();
        loop {
            match self.camera.read_into(slot, Duration::from_millis(500)) {
                Ok(info) => return Ok(info),
                Err(CameraError::Timeout(_)) if began.elapsed() < PATIENCE => {}
                Err(error) => return Err(format!("no frame: {error}")),
            }
        }
    }

    /// Reads until a timeout and says whether it came when it was due.
    pub(super) fn time_a_timeout(&mut self, timeout: Duration) -> Outcome {
        let mut slot = vec![0; self.config()?.frame_bytes()];
        self.camera.start().map_err(|error| format!("did not start: {error}"))?;
        for _ in 0..50 {
            let began = Instant::now();
            let result = self.camera.read_into(&mut slot, timeout);
            let waited = began.elapsed();
            match result {
                Ok(_) if waited > 2 * timeout => {
                    return Err(format!("with a timeout of {timeout:?} it waited {waited:?} for a frame"));
                }
                Ok(_) => {}
                Err(CameraError::Timeout(_)) if waited > 2 * timeout => {
                    return Err(format!("a timeout of {timeout:?} came after {waited:?}"));
                }
                Err(CameraError::Timeout(_)) if waited < timeout / 2 => {
                    return Err(format!("a timeout of {timeout:?} came already after {waited:?}"));
                }
                Err(CameraError::Timeout(_)) => return Ok(format!("{timeout:?} took {waited:?}")),
                Err(CameraError::Ended) => break,
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok("not seen: frames always came sooner".to_owned())
    }
}
