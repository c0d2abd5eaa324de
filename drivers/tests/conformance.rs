//! Both cameras of this crate keep the contract, and a camera that breaks one sentence of it fails just that check.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, helpers of tests too")]

use std::time::{Duration, Instant};

use beadscope_drivers::camera::{
    Camera, CameraConfig, CameraDriver, CameraError, CameraListing, CameraRequest, FrameInfo, PixelFormat,
    SensorWindow,
};
use beadscope_drivers::conformance::check_camera;
use beadscope_drivers::npy::NpyWriter;
use beadscope_drivers::{CAMERAS, cameras, find_camera};

/// Names of the checks that failed, after printing all.
fn failures(driver: &dyn CameraDriver, settings: &toml::Table) -> Vec<&'static str> {
    let checks = check_camera(driver, settings);
    assert!(checks.len() > 10, "{checks:?}");
    for check in &checks {
        eprintln!("{:<60} {:?}", check.name, check.outcome);
    }
    checks.iter().filter(|check| check.outcome.is_err()).map(|check| check.name).collect()
}

#[test]
fn the_simulated_camera_keeps_the_contract() {
    for bits in [8, 12] {
        let settings = format!("width_px = 320\nheight_px = 240\nbeads = 4\nbits = {bits}").parse().unwrap();
        assert_eq!(failures(&cameras::simulated::Driver, &settings), [""; 0]);
    }
}

#[test]
fn a_replayed_recording_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stack.npy");
    let mut writer = NpyWriter::create(&path, 32, 16, PixelFormat::Mono16).unwrap();
    for frame in 0..6_u8 {
        writer.append(&[frame.wrapping_mul(40) + 3; 32 * 16 * 2]).unwrap();
    }
    writer.finish().unwrap();
    for again in [false, true] {
        let mut settings = toml::Table::new();
        settings.insert("path".into(), path.to_str().unwrap().into());
        settings.insert("loop".into(), again.into());
        assert_eq!(failures(&cameras::replay::Driver, &settings), [""; 0]);
    }
}

#[test]
fn a_camera_that_does_not_open_has_one_failed_check() {
    let checks = check_camera(&cameras::replay::Driver, &toml::Table::new());
    assert_eq!(checks.len(), 1);
    assert!(checks[0].outcome.as_ref().unwrap_err().contains("path"));
}

#[test]
fn drivers_are_found_by_name() {
    assert_eq!(find_camera(CAMERAS, "simulated").map(CameraDriver::name), Some("simulated"));
    assert_eq!(find_camera(CAMERAS, "replay").map(CameraDriver::name), Some("replay"));
    assert!(find_camera(CAMERAS, "Simulated").is_none());
}

/// How a [`Fake`] breaks the contract.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fault {
    None,
    EmptyLabel,
    AcceptsAnySettings,
    ForgetsConfig,
    InfiniteRate,
    AnswersWithoutApplying,
    AcceptsAnyRate,
    AcceptsAnyWindow,
    AppliesHalfOfARefusedRequest,
    FilmsWhenStopped,
    LastByteNotWritten,
    LevelsAboveFormat,
    RepeatsFrame,
    ClockGoesBack,
    IgnoresTimeout,
    TimesOutAtOnce,
    StopTwiceFails,
    StartsOnce,
    ReconnectsRunning,
    ReconnectsWithAnotherAnswer,
}

struct Fake(Fault);

struct FakeCamera {
    fault: Fault,
    config: CameraConfig,
    began: Option<Instant>,
    frame: u64,
    starts: u32,
}

impl CameraDriver for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn list(&self) -> Vec<CameraListing> {
        let label = if self.0 == Fault::EmptyLabel { "" } else { "fake" }.to_owned();
        vec![CameraListing { label, settings: toml::Table::new(), blocked: None }]
    }

    fn open(&self, settings: &toml::Table) -> Result<Box<dyn Camera>, CameraError> {
        if !settings.is_empty() && self.0 != Fault::AcceptsAnySettings {
            return Err(CameraError::Settings("unknown key".to_owned()));
        }
        let window = SensorWindow { x_px: 0, y_px: 0, width_px: 16, height_px: 8 };
        let rate_hz = if self.0 == Fault::InfiniteRate { f64::INFINITY } else { 200.0 };
        let config = CameraConfig { window, format: PixelFormat::Mono10, rate_hz, exposure_us: 100.0 };
        Ok(Box::new(FakeCamera { fault: self.0, config, began: None, frame: 0, starts: 0 }))
    }
}

impl Camera for FakeCamera {
    fn configure(&mut self, request: &CameraRequest) -> Result<CameraConfig, CameraError> {
        let refuse = |what| {
            Err(CameraError::Unsupported {
                what,
                asked: "it".to_owned(),
                offered: "something else".to_owned(),
            })
        };
        let mut config = self.config;
        if let Some(rate_hz) = request.rate_hz {
            if !(0.5..=1000.0).contains(&rate_hz) && self.fault != Fault::AcceptsAnyRate {
                return refuse("rate");
            }
            config.rate_hz = rate_hz;
        }
        if let Some(window) = request.window {
            let fits = window.width_px == 16 && window.height_px == 8 && window.x_px == 0;
            if !fits && self.fault != Fault::AcceptsAnyWindow {
                if self.fault == Fault::AppliesHalfOfARefusedRequest {
                    self.config = config;
                }
                return refuse("window");
            }
        }
        if self.fault == Fault::ForgetsConfig {
            self.config.exposure_us += 1.0;
            return Ok(self.config);
        }
        if self.fault != Fault::AnswersWithoutApplying {
            self.config = config;
        }
        Ok(config)
    }

    fn start(&mut self) -> Result<(), CameraError> {
        self.starts += 1;
        // The check of starting again is the last; all before it use up a known number of starts.
        if self.fault == Fault::StartsOnce && self.frame > 0 {
            return Err(CameraError::Unplugged("gone".to_owned()));
        }
        self.began = Some(Instant::now());
        self.frame = 0;
        Ok(())
    }

    fn read_into(&mut self, slot: &mut [u8], timeout: Duration) -> Result<FrameInfo, CameraError> {
        let began = match (self.began, self.fault) {
            (Some(began), _) => began,
            (None, Fault::FilmsWhenStopped) => Instant::now(),
            (None, _) => return Err(CameraError::Unplugged("stopped".to_owned())),
        };
        let due = Duration::from_secs_f64((self.frame + 1) as f64 / self.config.rate_hz);
        let wait = due.saturating_sub(began.elapsed());
        if wait > timeout && self.fault != Fault::IgnoresTimeout {
            if self.fault != Fault::TimesOutAtOnce {
                std::thread::sleep(timeout);
            }
            return Err(CameraError::Timeout(timeout));
        }
        std::thread::sleep(wait);
        let level: u16 = if self.fault == Fault::LevelsAboveFormat { 1024 } else { 513 };
        let end = slot.len() - usize::from(self.fault == Fault::LastByteNotWritten);
        for (i, byte) in slot[..end].iter_mut().enumerate() {
            *byte = level.to_le_bytes()[i % 2];
        }
        self.frame += 1;
        let device_frame = if self.fault == Fault::RepeatsFrame { self.frame / 2 } else { self.frame };
        let time = if self.fault == Fault::ClockGoesBack { 1_000_000 - self.frame } else { self.frame };
        Ok(FrameInfo { device_frame, device_time_ns: Some(time), arrival: Instant::now() })
    }

    fn stop(&mut self) -> Result<(), CameraError> {
        if self.began.take().is_none() && self.fault == Fault::StopTwiceFails {
            return Err(CameraError::Unplugged("already stopped".to_owned()));
        }
        Ok(())
    }

    fn reconnect(&mut self) -> Result<CameraConfig, CameraError> {
        match self.fault {
            Fault::ReconnectsRunning => {
                self.start()?;
                // Its frames are there at once.
                std::thread::sleep(Duration::from_millis(10));
                Ok(self.config)
            }
            Fault::ReconnectsWithAnotherAnswer => Ok(CameraConfig { rate_hz: 1.0, ..self.config }),
            Fault::None => Ok(self.config),
            _ => Err(CameraError::Unsupported {
                what: "it",
                asked: "now".to_owned(),
                offered: "later".to_owned(),
            }),
        }
    }
}

/// The checks that a fault must fail, by a word of their names.
fn expected(fault: Fault) -> &'static [&'static str] {
    match fault {
        Fault::None => &[],
        Fault::EmptyLabel => &["listing"],
        Fault::AcceptsAnySettings => &["settings of no driver"],
        Fault::ForgetsConfig | Fault::InfiniteRate => &["an empty request"],
        Fault::AnswersWithoutApplying => &["configuring answers"],
        Fault::AcceptsAnyRate => &["impossible rate"],
        Fault::AcceptsAnyWindow | Fault::AppliesHalfOfARefusedRequest => &["impossible window"],
        Fault::FilmsWhenStopped => &["a stopped camera gives no frame"],
        Fault::LastByteNotWritten => &["fills its slot"],
        Fault::LevelsAboveFormat => &["grey levels"],
        Fault::RepeatsFrame => &["device_frame"],
        Fault::ClockGoesBack => &["device_time_ns"],
        Fault::IgnoresTimeout | Fault::TimesOutAtOnce => &["a timeout is kept"],
        Fault::StopTwiceFails => &["stopping a stopped camera"],
        Fault::StartsOnce => &["starts again"],
        Fault::ReconnectsRunning | Fault::ReconnectsWithAnotherAnswer => &["reconnects"],
    }
}

#[test]
fn each_broken_sentence_fails_its_check() {
    use Fault::*;
    for fault in [
        None,
        EmptyLabel,
        AcceptsAnySettings,
        ForgetsConfig,
        InfiniteRate,
        AnswersWithoutApplying,
        AcceptsAnyRate,
        AcceptsAnyWindow,
        AppliesHalfOfARefusedRequest,
        FilmsWhenStopped,
        LastByteNotWritten,
        LevelsAboveFormat,
        RepeatsFrame,
        ClockGoesBack,
        IgnoresTimeout,
        TimesOutAtOnce,
        StopTwiceFails,
        StartsOnce,
        ReconnectsRunning,
        ReconnectsWithAnotherAnswer,
    ] {
        eprintln!("--- {fault:?}");
        let failed = failures(&Fake(fault), &toml::Table::new());
        for word in expected(fault) {
            assert!(
                failed.iter().any(|name| name.contains(word)),
                "{fault:?} was not caught; failed: {failed:?}"
            );
        }
        // A fault in one place must not hide behind failures everywhere, where it can be told apart.
        let is_local = !matches!(
            fault,
            ForgetsConfig
                | InfiniteRate
                | AnswersWithoutApplying
                | AcceptsAnyRate
                | StopTwiceFails
                | StartsOnce
        );
        assert!(!is_local || failed.len() == expected(fault).len(), "{fault:?} failed {failed:?}");
    }
}
