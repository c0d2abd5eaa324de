//! A camera that failed: what is told meanwhile, how often it is tried, and what must be as before when it is back.

use std::time::{Duration, Instant};

use beadscope_drivers::camera::{CameraConfig, CameraError, CameraRequest};

use super::control::{LOOK, request_for};
use super::{Acquisition, Stream};
use crate::segment::Cause;
use crate::status::EndReason;

/// How long the camera thread waits for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Silence after which a camera is taken for lost, beyond five frame periods.
    pub(crate) silence: Duration,
    /// Pauses between attempts to reach it: the first, doubled each time up to the longest.
    pub(crate) pauses: [Duration; 2],
    /// When it is given up, after the last frame: whoever pulled the cable is not coming back, and a run of an hour ago
    /// has drifted anyway.
    pub(crate) give_up: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(5),
            pauses: [Duration::from_millis(100), Duration::from_secs(5)],
            give_up: Duration::from_secs(600),
        }
    }
}

impl Patience {
    pub(super) fn silence(&self, rate_hz: f64) -> Duration {
        self.silence + Duration::from_secs_f64(5.0 / rate_hz.max(1e-3))
    }
}

/// How the camera failed.
pub(super) struct Loss {
    cause: Cause,
    why: String,
}

impl Loss {
    pub(super) fn silent(silence: Duration) -> Self {
        let seconds = silence.as_secs_f64();
        let why = format!("no frame for {seconds:.1} s; check its cable, trigger and exposure");
        Self { cause: Cause::Silent, why }
    }
}

impl From<&CameraError> for Loss {
    fn from(error: &CameraError) -> Self {
        let cause = match error {
            CameraError::Unplugged(_) => Cause::Unplugged,
            CameraError::BadFrame(_) => Cause::BadFrame,
            _ => Cause::Failed,
        };
        Self { cause, why: error.to_string() }
    }
}

impl From<CameraError> for Loss {
    fn from(error: CameraError) -> Self {
        Self::from(&error)
    }
}

/// A time without frames.
pub(super) struct Outage {
    since: Instant,
    pause: Duration,
}

/// How an attempt to reach the camera ended without it.
enum Miss {
    NotYet,
    /// This kind of camera never can.
    Cannot,
    /// Its frames are of another kind: how they differ.
    Changed(String),
}

impl Acquisition<'_> {
    /// Tries to reach the camera until it is back and started.
    ///
    /// # Errors
    /// Why the session ends instead: it is to stop, the camera cannot be reached again, has changed, or did not come back
    /// in time.
    pub(super) fn bring_back(&mut self, loss: Loss, stream: &mut Stream) -> Result<(), EndReason> {
        let Loss { cause, why } = loss;
        // What has failed may refuse to stop, too.
        let _ = self.camera.stop();
        let now = Instant::now();
        let (since, mut pause) = match &stream.outage {
            // No frame has come since: it is still the same.
            Some(outage) => {
                tracing::warn!("the camera has started, but: {why}");
                (outage.since, outage.pause)
            }
            None => {
                let at = crate::clock::utc_text(self.clock.unix_ns(self.clock.now_ns()));
                let notice = format!("the camera is lost since {at}: {why}; trying to reach it again");
                tracing::warn!("{notice}");
                self.status.seen.camera_lost(notice);
                (now, self.patience.pauses[0])
            }
        };
        stream.outage = Some(Outage { since, pause });
        loop {
            self.wait(pause)?;
            if since.elapsed() >= self.patience.give_up {
                let seconds = self.patience.give_up.as_secs();
                return Err(EndReason::Camera(format!("{why}; it did not come back within {seconds} s")));
            }
            pause = (pause * 2).min(self.patience.pauses[1]);
            match self.reach(cause, stream) {
                Err(Miss::NotYet) => {}
                Err(Miss::Cannot) => return Err(EndReason::Camera(why)),
                Err(Miss::Changed(how)) => {
                    let reason = format!("it came back with other frames, {how}; start a new session");
                    return Err(EndReason::Camera(reason));
                }
                Ok(settings) => {
                    let notice = format!(
                        "the camera is back after {:.1} s, {settings}",
                        since.elapsed().as_secs_f64()
                    );
                    tracing::info!("{notice}; waiting for its first frame");
                    self.status.seen.camera_started(notice);
                    stream.outage = Some(Outage { since, pause });
                    return Ok(());
                }
            }
        }
    }

    /// Waits, but not for longer than the session runs.
    fn wait(&self, pause: Duration) -> Result<(), EndReason> {
        let until = Instant::now() + pause;
        loop {
            if self.status.is_stopping() {
                return Err(EndReason::Asked);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.orders.refuse_for(left.min(LOOK));
        }
    }

    /// One attempt: finds the camera, gives it the settings of before, starts it. What became of them, in words.
    fn reach(&mut self, cause: Cause, stream: &mut Stream) -> Result<String, Miss> {
        let found = match self.camera.reconnect() {
            Ok(found) => found,
            Err(CameraError::Unsupported { .. }) => return Err(Miss::Cannot),
            Err(_) => return Err(Miss::NotYet),
        };
        let before = self.config;
        // Settings that it takes no more are told below, as those that it has instead. Its frames must be as before.
        let all = request_for(&before);
        let frames = CameraRequest { rate_hz: None, exposure_us: None, ..all };
        let mut has = found;
        for request in [all, frames] {
            match self.camera.configure(&request) {
                Ok(config) => {
                    has = config;
                    break;
                }
                Err(CameraError::Unsupported { .. }) => {}
                Err(_) => return Err(Miss::NotYet),
            }
        }
        if (has.window, has.format) != (before.window, before.format) {
            return Err(Miss::Changed(differences(&before, &has)));
        }
        self.config = has;
        if self.start(stream, cause).is_err() {
            // The next attempt asks for all of it again, of a camera that stands still.
            self.config = before;
            let _ = self.camera.stop();
            return Err(Miss::NotYet);
        }
        self.orders.set_config(has);
        let differ = differences(&before, &has);
        Ok(match differ.as_str() {
            "" => "with the settings that it had".to_owned(),
            _ => format!("but with other settings: {differ}"),
        })
    }
}

/// What is not as before, in words; empty if nothing.
fn differences(before: &CameraConfig, now: &CameraConfig) -> String {
    let frames = |config: &CameraConfig| {
        let window = config.window;
        let (width, height, x, y) = (window.width_px, window.height_px, window.x_px, window.y_px);
        format!("{width} x {height} px at {x}, {y}, {:?}", config.format)
    };
    let mut told = Vec::new();
    if frames(before) != frames(now) {
        told.push(format!("{} instead of {}", frames(now), frames(before)));
    }
    if before.rate_hz != now.rate_hz {
        told.push(format!("{} Hz instead of {} Hz", now.rate_hz, before.rate_hz));
    }
    if before.exposure_us != now.exposure_us {
        told.push(format!("exposure {} µs instead of {} µs", now.exposure_us, before.exposure_us));
    }
    told.join(", ")
}
