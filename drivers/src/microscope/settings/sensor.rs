//! What is wrong with light and sensor.

use super::in_range;
use crate::camera::CameraError;

/// What is wrong with light and sensor: the `[camera.settings.sensor]` table. All are 0 by default but `flicker_hz`; with any of the
/// first seven, each frame takes longer to draw.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sensor {
    /// How much darker the corners are than the middle, as a share; 0 to 0.9.
    pub vignetting: f64,
    /// How much brighter the right and the lower edge are than the middle, as a share; -0.5 to 0.5.
    pub gradient: [f64; 2],
    /// How much pixels differ in their response (standard deviation over mean); 0 to 0.2.
    pub response_spread: f64,
    /// What pixels read in the dark, as a share of white; 0 to 0.3.
    pub offset: f64,
    /// How much they differ in that (standard deviation), as a share of white; 0 to 0.1.
    pub offset_spread: f64,
    /// Pixels that read 0.4 of white more than they should; 0 to 100 000.
    pub hot_pixels: u32,
    /// Specks of dust on the sensor, which keep light away and do not move; 0 to 1000.
    pub dust: u32,
    /// Ripple of the lamp (amplitude over mean); 0 to 0.5.
    pub flicker: f64,
    /// Its frequency, in Hz; 0.01 to 10 000, default 100 (mains of 50 Hz).
    pub flicker_hz: f64,
}

impl Default for Sensor {
    fn default() -> Self {
        Self {
            vignetting: 0.0,
            gradient: [0.0; 2],
            response_spread: 0.0,
            offset: 0.0,
            offset_spread: 0.0,
            hot_pixels: 0,
            dust: 0,
            flicker: 0.0,
            flicker_hz: 100.0,
        }
    }
}

impl Sensor {
    pub(super) fn check(&self) -> Result<(), CameraError> {
        in_range("sensor.vignetting", self.vignetting, 0.0, 0.9)?;
        for slope in self.gradient {
            in_range("sensor.gradient", slope, -0.5, 0.5)?;
        }
        in_range("sensor.response_spread", self.response_spread, 0.0, 0.2)?;
        in_range("sensor.offset", self.offset, 0.0, 0.3)?;
        in_range("sensor.offset_spread", self.offset_spread, 0.0, 0.1)?;
        in_range("sensor.hot_pixels", f64::from(self.hot_pixels), 0.0, 100_000.0)?;
        in_range("sensor.dust", f64::from(self.dust), 0.0, 1000.0)?;
        in_range("sensor.flicker", self.flicker, 0.0, 0.5)?;
        in_range("sensor.flicker_hz", self.flicker_hz, 0.01, 10_000.0)
    }
}
