//! The camera contract as a program: does a driver do what [`crate::camera`] says?
//!
//! Run it on every new driver, with the device connected. It takes some seconds and changes nothing for good.

pub mod axes;
mod bench;

use std::time::Duration;

use crate::camera::{CameraConfig, CameraDriver, CameraError, CameraRequest, PixelFormat, SensorWindow};
use bench::{Bench, Outcome};

/// One sentence of the contract, and whether the driver keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The sentence.
    pub name: &'static str,
    /// What was seen: in a word if it is well, otherwise what went wrong.
    pub outcome: Result<String, String>,
}

/// One check; it may start the camera, which is stopped after it.
type CheckFn = fn(&mut Bench) -> Outcome;

/// The contract, in the order in which it is checked.
const CHECKS: &[(&str, CheckFn)] = &[
    ("listing finds devices without error", listing),
    ("settings of no driver are refused as settings", wrong_settings),
    ("an empty request changes nothing", empty_request),
    ("configuring answers with what was asked, if it can be done", configure_applies),
    ("an impossible rate is refused and changes nothing", impossible_rate),
    ("an impossible window is refused and changes nothing", impossible_window),
    ("a stopped camera gives no frame", stopped_gives_no_frame),
    ("a frame fills its slot", frame_fills_slot),
    ("grey levels stay within the format", levels_within_format),
    ("device_frame increases", frames_increase),
    ("device_time_ns never goes back", time_never_back),
    ("a timeout is kept", timeout_kept),
    ("stopping a stopped camera is fine", stop_twice),
    ("a stopped camera starts again", start_again),
    ("a camera that reconnects is stopped, says what it has and films", reconnects),
];

/// What a slot is filled with before a read; a byte that equals all four afterwards was not written.
const POISONS: [u8; 4] = [0x00, 0xff, 0xa5, 0x5a];

/// Runs every check on the camera that `settings` opens. If it does not open, that is the only check, and it failed.
pub fn check_camera(driver: &dyn CameraDriver, settings: &toml::Table) -> Vec<Check> {
    let opens = "the camera opens";
    let camera = match driver.open(settings) {
        Ok(camera) => camera,
        Err(error) => return vec![Check { name: opens, outcome: Err(error.to_string()) }],
    };
    let mut bench = Bench { driver, settings, camera };
    let mut checks = vec![Check { name: opens, outcome: Ok("opened".to_owned()) }];
    for (name, check) in CHECKS {
        let outcome = check(&mut bench);
        let stopped = bench.camera.stop().map_err(|error| format!("and then it did not stop: {error}"));
        checks.push(Check { name, outcome: outcome.and_then(|seen| stopped.map(|()| seen)) });
    }
    checks
}

fn listing(bench: &mut Bench) -> Outcome {
    let name = bench.driver.name();
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        return Err(format!("the driver's name {name:?} is not one word in lower case"));
    }
    let listed = bench.driver.list();
    match listed.iter().find(|listing| listing.label.trim().is_empty()) {
        Some(_) => Err("a camera is listed without a label".to_owned()),
        None => Ok(format!("{} found", listed.len())),
    }
}

fn wrong_settings(bench: &mut Bench) -> Outcome {
    let mut settings = bench.settings.clone();
    settings.insert("no_driver_has_this".to_owned(), toml::Value::Boolean(true));
    match bench.driver.open(&settings) {
        Err(CameraError::Settings(_)) => Ok("refused".to_owned()),
        Err(other) => Err(format!("refused, but not as CameraError::Settings: {other}")),
        Ok(_) => Err("the unknown key `no_driver_has_this` was accepted".to_owned()),
    }
}

fn empty_request(bench: &mut Bench) -> Outcome {
    let before = bench.config()?;
    let after = bench.config()?;
    if before != after {
        return Err(format!("{before:?} became {after:?}"));
    }
    let window = before.window;
    let is_applied = |value: f64| value.is_finite() && value > 0.0;
    let sound = before.frame_bytes() > 0 && is_applied(before.rate_hz) && is_applied(before.exposure_us);
    if !sound {
        return Err(format!("not a configuration to film with: {before:?}"));
    }
    Ok(format!("{} x {} px, {:?}, {} Hz", window.width_px, window.height_px, before.format, before.rate_hz))
}

fn configure_applies(bench: &mut Bench) -> Outcome {
    let before = bench.config()?;
    let request = CameraRequest { rate_hz: Some(before.rate_hz * 0.5), ..CameraRequest::default() };
    let applied = match bench.camera.configure(&request) {
        Ok(applied) => applied,
        Err(CameraError::Unsupported { .. }) => return Ok("it has one rate only".to_owned()),
        Err(error) => return Err(error.to_string()),
    };
    let kept = bench.config()?;
    if applied != kept {
        return Err(format!("it answered {applied:?} but has {kept:?}"));
    }
    // Real cameras round to their own steps; half of the way is no rounding.
    if applied.rate_hz > before.rate_hz * 0.75 {
        return Err(format!("asked for {} Hz, it has {} Hz", before.rate_hz * 0.5, applied.rate_hz));
    }
    bench.set_rate(before.rate_hz)?;
    Ok(format!("{} Hz", applied.rate_hz))
}

fn impossible_rate(bench: &mut Bench) -> Outcome {
    for rate_hz in [1e15, 0.0, -1.0, f64::NAN] {
        bench.refuses(
            &CameraRequest { rate_hz: Some(rate_hz), ..CameraRequest::default() },
            &format!("{rate_hz} Hz"),
        )?;
    }
    Ok("refused".to_owned())
}

fn impossible_window(bench: &mut Bench) -> Outcome {
    let huge = SensorWindow { x_px: 0, y_px: 0, width_px: u32::MAX, height_px: u32::MAX };
    let overflowing = SensorWindow { x_px: u32::MAX, y_px: u32::MAX, width_px: 8, height_px: 8 };
    let empty = SensorWindow { x_px: 0, y_px: 0, width_px: 0, height_px: 0 };
    for window in [huge, overflowing, empty] {
        // The rate asked for with it is possible and must not be applied either.
        let rate_hz = Some(bench.config()?.rate_hz * 0.5);
        let request = CameraRequest { window: Some(window), rate_hz, ..CameraRequest::default() };
        bench.refuses(&request, &format!("{window:?}"))?;
    }
    Ok("refused".to_owned())
}

fn stopped_gives_no_frame(bench: &mut Bench) -> Outcome {
    let mut slot = vec![0; bench.config()?.frame_bytes()];
    match bench.camera.read_into(&mut slot, Duration::from_millis(10)) {
        Err(error) => Ok(format!("it says: {error}")),
        Ok(info) => Err(format!("it gave frame {}", info.device_frame)),
    }
}

fn frame_fills_slot(bench: &mut Bench) -> Outcome {
    let mut untouched = vec![true; bench.config()?.frame_bytes()];
    for poison in POISONS {
        let mut slot = vec![poison; untouched.len()];
        bench.film(&mut slot, 1)?;
        for (untouched, byte) in untouched.iter_mut().zip(&slot) {
            *untouched &= *byte == poison;
        }
    }
    match untouched.iter().position(|untouched| *untouched) {
        None => Ok(format!("{} bytes", untouched.len())),
        Some(first) => {
            let count = untouched.iter().filter(|untouched| **untouched).count();
            Err(format!("{count} of {} bytes were not written, the first is byte {first}", untouched.len()))
        }
    }
}

fn levels_within_format(bench: &mut Bench) -> Outcome {
    let config = bench.config()?;
    let mut slot = vec![0; config.frame_bytes()];
    bench.film(&mut slot, 1)?;
    let brightest = match config.format {
        PixelFormat::Mono8 => slot.iter().copied().max().map(u16::from),
        _ => slot.chunks_exact(2).map(|pixel| u16::from_le_bytes([pixel[0], pixel[1]])).max(),
    };
    match brightest {
        Some(level) if level > config.format.max_level() => {
            Err(format!("level {level} is above {:?}'s {}", config.format, config.format.max_level()))
        }
        level => Ok(format!("brightest {}", level.unwrap_or_default())),
    }
}

fn frames_increase(bench: &mut Bench) -> Outcome {
    let frames: Vec<u64> = bench.film_order()?.iter().map(|info| info.device_frame).collect();
    if frames.windows(2).all(|pair| pair[0] < pair[1]) {
        return Ok(format!("{frames:?}"));
    }
    Err(format!("device_frame was {frames:?}"))
}

fn time_never_back(bench: &mut Bench) -> Outcome {
    let times: Vec<Option<u64>> = bench.film_order()?.iter().map(|info| info.device_time_ns).collect();
    if times.iter().all(Option::is_none) {
        return Ok("it has no clock".to_owned());
    }
    if times.iter().any(Option::is_none) {
        return Err(format!("some frames have no time: {times:?}"));
    }
    if times.windows(2).all(|pair| pair[0] <= pair[1]) {
        return Ok("in order".to_owned());
    }
    Err(format!("device_time_ns was {times:?}"))
}

fn timeout_kept(bench: &mut Bench) -> Outcome {
    const TIMEOUT: Duration = Duration::from_millis(200);
    let before = bench.config()?.rate_hz;
    // The slower the camera, the surer a wait; a camera that cannot be slowed down is tried as it is.
    for rate_hz in [1.0, 2.0] {
        if bench.set_rate(rate_hz).is_ok() {
            break;
        }
    }
    let outcome = bench.time_a_timeout(TIMEOUT);
    bench.camera.stop().map_err(|error| error.to_string())?;
    bench.set_rate(before)?;
    outcome
}

fn stop_twice(bench: &mut Bench) -> Outcome {
    bench.camera.start().map_err(|error| error.to_string())?;
    for _ in 0..2 {
        bench.camera.stop().map_err(|error| error.to_string())?;
    }
    Ok("fine".to_owned())
}

fn start_again(bench: &mut Bench) -> Outcome {
    let mut slot = vec![0; bench.config()?.frame_bytes()];
    for _ in 0..2 {
        bench.film(&mut slot, 2)?;
    }
    Ok("frames both times".to_owned())
}

fn reconnects(bench: &mut Bench) -> Outcome {
    let before = bench.config()?;
    let mut slot = vec![0; before.frame_bytes()];
    bench.film(&mut slot, 1)?;
    let found = match bench.camera.reconnect() {
        Err(CameraError::Unsupported { .. }) => return Ok("it cannot".to_owned()),
        Err(error) => return Err(format!("it is there but was not found again: {error}")),
        Ok(found) => found,
    };
    if let Ok(info) = bench.camera.read_into(&mut slot, Duration::from_millis(10)) {
        return Err(format!("it was not stopped and gave frame {}", info.device_frame));
    }
    let has = bench.config()?;
    if found != has {
        return Err(format!("it answered {found:?} but has {has:?}"));
    }
    let CameraConfig { window, format, rate_hz, exposure_us } = before;
    let same = CameraRequest {
        window: Some(window),
        format: Some(format),
        rate_hz: Some(rate_hz),
        exposure_us: Some(exposure_us),
    };
    let applied =
        bench.camera.configure(&same).map_err(|error| format!("its settings of before: {error}"))?;
    if applied != before {
        return Err(format!("of {before:?} it took {applied:?}"));
    }
    bench.film(&mut slot, 2)?;
    Ok("found again".to_owned())
}
