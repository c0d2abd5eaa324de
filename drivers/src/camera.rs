//! The camera contract: what every camera driver does, and nothing of how.
//!
//! A driver fills memory that the engine owns; no frame object is passed around. Calls on one camera come in this
//! order: `configure`, `start`, { `read_into` }, `stop`; and again. A camera that failed is stopped and asked to
//! [`reconnect`](Camera::reconnect), again and again, then configured and started anew. [`crate::conformance`] checks it
//! as a program.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::microscope::stage;
use crate::sweep::FocusSweep;
use crate::truth::Truth;

/// How a pixel lies in a slot. Formats above eight bits are stored as little-endian `u16`, value in the low bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PixelFormat {
    /// 8 bits in one byte.
    Mono8,
    /// 10 bits in two bytes.
    Mono10,
    /// 12 bits in two bytes.
    Mono12,
    /// 16 bits in two bytes.
    Mono16,
}

impl PixelFormat {
    /// Bytes that one pixel takes in a slot: 1 or 2.
    pub fn bytes_per_px(self) -> usize {
        if self == Self::Mono8 { 1 } else { 2 }
    }

    /// The largest grey level, that of a saturated pixel.
    pub fn max_level(self) -> u16 {
        match self {
            Self::Mono8 => 0xff,
            Self::Mono10 => 0x3ff,
            Self::Mono12 => 0xfff,
            Self::Mono16 => 0xffff,
        }
    }
}

/// The part of the sensor that is read out, in sensor pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SensorWindow {
    /// First column, counted from the left edge of the sensor.
    pub x_px: u32,
    /// First row, counted from the top edge of the sensor.
    pub y_px: u32,
    /// Columns.
    pub width_px: u32,
    /// Rows.
    pub height_px: u32,
}

/// What the camera does now: every value as the device applied it.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CameraConfig {
    /// The part of the sensor that is read out.
    pub window: SensorWindow,
    /// How pixels are stored.
    pub format: PixelFormat,
    /// Frames per second, in Hz.
    pub rate_hz: f64,
    /// Exposure time of one frame, in µs.
    pub exposure_us: f64,
}

impl CameraConfig {
    /// Bytes of one frame, the size of the slot that [`Camera::read_into`] fills.
    pub fn frame_bytes(&self) -> usize {
        self.window.width_px as usize * self.window.height_px as usize * self.format.bytes_per_px()
    }
}

/// What is asked of the camera; `None` keeps what it has.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CameraRequest {
    /// The part of the sensor to read out.
    pub window: Option<SensorWindow>,
    /// How to store pixels.
    pub format: Option<PixelFormat>,
    /// Frames per second, in Hz.
    pub rate_hz: Option<f64>,
    /// Exposure time of one frame, in µs.
    pub exposure_us: Option<f64>,
}

/// What a camera says of the frame that it has just written.
#[derive(Clone, Copy, Debug)]
pub struct FrameInfo {
    /// The device's own frame number: it counts every exposure, so a jump tells how many frames the camera lost.
    pub device_frame: u64,
    /// The device's own clock at mid-exposure, in ns from an origin of its choosing; `None` if it has no clock. As the
    /// device says it: the engine finds out where it jumps or runs back.
    pub device_time_ns: Option<u64>,
    /// The host's monotonic clock when the last byte arrived.
    pub arrival: Instant,
}

/// A camera that was found, and whether we may open it.
#[derive(Clone, Debug)]
pub struct CameraListing {
    /// What a person would call it: vendor, model, serial number.
    pub label: String,
    /// The `[camera.settings]` table that opens just this one.
    pub settings: toml::Table,
    /// Why it cannot be opened now and what to do, or `None` if it can.
    pub blocked: Option<String>,
}

/// One kind of camera: finds devices and opens them. Drivers are listed in [`crate::CAMERAS`].
pub trait CameraDriver: Sync {
    /// The name that `rig.toml` calls this driver by: lower case, one word.
    fn name(&self) -> &'static str;

    /// The devices found now, those we may not open included.
    fn list(&self) -> Vec<CameraListing>;

    /// Opens a camera. `settings` is the `[camera.settings]` table of `rig.toml`, which this driver alone understands.
    ///
    /// # Errors
    /// [`CameraError::Settings`] if the table is not for this driver, otherwise why the device cannot be opened.
    fn open(&self, settings: &toml::Table) -> Result<Box<dyn Camera>, CameraError>;
}

/// An open camera.
pub trait Camera: Send {
    /// Applies what is asked, as near as the device can, and returns all that it has now.
    ///
    /// # Errors
    /// [`CameraError::Unsupported`] if something asked is out of the device's range; nothing is changed then.
    fn configure(&mut self, request: &CameraRequest) -> Result<CameraConfig, CameraError>;

    /// Starts exposing. Frames begin to arrive; `device_frame` may start anywhere.
    ///
    /// # Errors
    /// Why the device did not start.
    fn start(&mut self) -> Result<(), CameraError>;

    /// Waits at most `timeout` for the next frame and writes it into `slot`, rows from top to bottom, no padding.
    ///
    /// Runs on the camera thread: it does not allocate, lock or log. `slot` is exactly
    /// [`CameraConfig::frame_bytes`] long.
    ///
    /// # Errors
    /// [`CameraError::Timeout`] if no frame came in time (call again), [`CameraError::Ended`] after the last frame of
    /// a finite source, otherwise what broke.
    fn read_into(&mut self, slot: &mut [u8], timeout: Duration) -> Result<FrameInfo, CameraError>;

    /// Stops exposing. Frames not yet read are discarded. Stopping a stopped camera does nothing.
    ///
    /// # Errors
    /// Why the device did not stop.
    fn stop(&mut self) -> Result<(), CameraError>;

    /// Finds the device again after it failed, and opens it as [`CameraDriver::open`] did: the same device, stopped, with
    /// the settings that it has now, which are returned. One that was without power has forgotten those of before.
    ///
    /// Called on the camera thread after `stop`, when `start` or `read_into` failed or no frame came for long; again and
    /// again, with pauses, until it succeeds. It looks once: where there is no device it says so within 100 ms.
    ///
    /// # Errors
    /// [`CameraError::Unsupported`] if this camera never can, which is the default and ends the session; otherwise why
    /// not yet.
    fn reconnect(&mut self) -> Result<CameraConfig, CameraError> {
        Err(CameraError::Unsupported {
            what: "reconnecting",
            asked: "this camera".to_owned(),
            offered: "start a new session".to_owned(),
        })
    }

    /// A focus sweep over one bead at known heights, if this camera can make one without a focus motor.
    ///
    /// Only a simulated microscope can; a real camera needs its focus moved and answers `None`.
    fn focus_sweep(&self, roi_px: u32) -> Option<FocusSweep> {
        let _ = roi_px;
        None
    }

    /// What moves in front of this camera, if it looks at a simulated sample: its motors, where the rig has no others.
    fn stage(&self) -> Option<stage::Shared> {
        None
    }

    /// The force on a bead with the magnets at some heights, mm and pN, if this camera looks at a simulated sample; nothing otherwise: the
    /// force of real magnets is calibrated.
    fn force_table(&self) -> Vec<[f64; 2]> {
        Vec::new()
    }

    /// Where the truth of each frame comes out, if this camera looks at a simulated sample and was asked to tell it.
    fn truth(&self) -> Option<Arc<Truth>> {
        None
    }

    /// Temperature of the sensor or the housing, °C, if the device tells one.
    ///
    /// Called on the camera thread once a second between two frames, so it answers from what the driver has at hand; a
    /// device that must be asked for longer than some µs is asked elsewhere.
    fn temperature_c(&self) -> Option<f64> {
        None
    }

    /// The size of one camera pixel in the sample plane, in nm, if the source knows it. `rig.toml` has the last word.
    fn pixel_size_nm(&self) -> Option<f64> {
        None
    }
}

/// What went wrong with a camera, sorted by what the reader does next.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// Nothing came in time. Calling again is right.
    #[error("no frame within {0:?}")]
    Timeout(Duration),
    /// A finite source has shown its last frame. Stop.
    #[error("the last frame has been shown")]
    Ended,
    /// The device is gone. Reconnect it.
    #[error("camera unplugged: {0}")]
    Unplugged(String),
    /// Another program has it. Close that program.
    #[error("camera in use by another program: {0}")]
    Busy(String),
    /// The `[camera.settings]` table does not fit this driver. Mend rig.toml.
    #[error("camera settings: {0}")]
    Settings(String),
    /// The device cannot do what was asked. Ask for what it offers.
    #[error("{what} {asked} is not possible; {offered}")]
    Unsupported {
        /// The setting, with its unit.
        what: &'static str,
        /// The value asked for.
        asked: String,
        /// What the device offers instead.
        offered: String,
    },
    /// A frame is not what was configured. The source is damaged or changed under us.
    #[error("bad frame: {0}")]
    BadFrame(String),
    /// A file behind a replayed camera cannot be read.
    #[error(transparent)]
    Stack(#[from] crate::stack::StackError),
}
