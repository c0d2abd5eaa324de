//! What is wrong with light and sensor, pixel by pixel: uneven illumination, pixels that differ, hot pixels, dust, flicker.

use std::f64::consts::{PI, TAU};

use super::noise::Rng;
use super::settings::{Sensor, Settings};
use super::wide::wide;

/// A hot pixel reads this share of white more than it should.
const HOT: f64 = 0.4;
/// A speck of dust takes this share of the light in its middle, and is a Gaussian of so many px.
const DUST_DEPTH: [f64; 2] = [0.05, 0.3];
const DUST_PX: [f64; 2] = [2.0, 8.0];

/// Light and response of every pixel of the sensor, and what it reads in the dark.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    width: usize,
    gain: Vec<f32>,
    /// Grey levels over white.
    offset: Vec<f32>,
}

impl Pattern {
    /// The pattern of this sensor; `None` if it has none, which is quicker to draw.
    pub(super) fn new(settings: &Settings) -> Option<Self> {
        let Sensor { vignetting, gradient, response_spread, offset, offset_spread, hot_pixels, dust, .. } =
            settings.sensor;
        let sides = [settings.width_px, settings.height_px].map(|side| side as usize);
        let [width, height] = sides;
        let has_none = vignetting == 0.0
            && gradient == [0.0; 2]
            && response_spread == 0.0
            && offset == 0.0
            && offset_spread == 0.0
            && hot_pixels == 0
            && dust == 0;
        if has_none {
            return None;
        }
        // Its own stream: the beads are the same with and without it.
        let mut rng = Rng::new(settings.seed ^ 0x5e45_0f00_77aa);
        let middle = sides.map(|side| 0.5 * (side as f64 - 1.0));
        let mut pattern = Self { width, gain: vec![1.0; width * height], offset: vec![0.0; width * height] };
        for (place, (gain, level)) in pattern.gain.iter_mut().zip(&mut pattern.offset).enumerate() {
            // -1 to 1 from edge to edge.
            let x = ((place % width) as f64 - middle[0]) / middle[0].max(1.0);
            let y = ((place / width) as f64 - middle[1]) / middle[1].max(1.0);
            let light = 1.0 - vignetting * 0.5 * (x * x + y * y) + gradient[0] * x + gradient[1] * y;
            let [response, dark] = rng.normals();
            *gain = (light * (1.0 + response_spread * response)).max(0.0) as f32;
            *level = (offset + offset_spread * dark).max(0.0) as f32;
        }
        for _ in 0..hot_pixels {
            let place = rng.below(width * height);
            pattern.offset[place] += HOT as f32;
        }
        for _ in 0..dust {
            let at = sides.map(|side| rng.between([0.0, side as f64]));
            pattern.add_speck(at, rng.between(DUST_PX), rng.between(DUST_DEPTH));
        }
        Some(pattern)
    }

    fn add_speck(&mut self, [x, y]: [f64; 2], size_px: f64, depth: f64) {
        let reach = (3.0 * size_px) as usize;
        let height = self.gain.len() / self.width;
        for row in (y as usize).saturating_sub(reach)..(y as usize + reach).min(height) {
            for column in (x as usize).saturating_sub(reach)..(x as usize + reach).min(self.width) {
                let distance = (column as f64 - x).hypot(row as f64 - y) / size_px;
                let taken = depth * (-0.5 * distance * distance).exp();
                self.gain[row * self.width + column] *= (1.0 - taken) as f32;
            }
        }
    }

    /// Makes of the light that reaches a row what its pixels read; the row begins at this column and row of the sensor.
    pub(super) fn apply(&self, levels: &mut [f32], column: usize, row: usize, flicker: f32, white: f32) {
        let from = row * self.width + column;
        // Beside the sensor there are no pixels.
        let [gain, offset] = [&self.gain, &self.offset].map(|values| values.get(from..).unwrap_or_default());
        let pixels = gain.iter().zip(offset);
        wide(
            #[inline(always)]
            || {
                for (level, (gain, offset)) in levels.iter_mut().zip(pixels) {
                    *level = *level * gain * flicker + offset * white;
                }
            },
        );
    }
}

/// Brightness over its mean, of a frame exposed for `exposure_s` about `time_s`: the lamp's ripple, averaged.
pub(super) fn flicker(sensor: &Sensor, time_s: f64, exposure_s: f64) -> f32 {
    let half = PI * sensor.flicker_hz * exposure_s;
    let averaged = if half > 1e-9 { half.sin() / half } else { 1.0 };
    (1.0 + sensor.flicker * averaged * (TAU * sensor.flicker_hz * time_s).sin()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(sensor: Sensor) -> Settings {
        Settings {
            width_px: 200,
            height_px: 100,
            beads: 0,
            reference_beads: 0,
            sensor,
            ..Settings::default()
        }
    }

    #[test]
    fn a_perfect_sensor_has_no_pattern() {
        assert!(Pattern::new(&settings(Sensor::default())).is_none());
    }

    #[test]
    fn every_pixel_is_as_it_was_ordered() {
        let sensor = Sensor { vignetting: 0.2, gradient: [0.1, 0.0], ..Sensor::default() };
        let pattern = Pattern::new(&settings(sensor)).unwrap();
        let light = |column: usize, row: usize| {
            let mut levels = [100.0];
            pattern.apply(&mut levels, column, row, 1.0, 255.0);
            levels[0]
        };
        assert!((light(100, 50) - 100.0).abs() < 0.1);
        assert!((light(199, 50) - 100.0 * (1.0 - 0.1 + 0.1)).abs() < 0.1, "{}", light(199, 50));
        assert!((light(0, 0) - 100.0 * (1.0 - 0.2 - 0.1)).abs() < 0.1, "{}", light(0, 0));

        let sensor = Sensor {
            response_spread: 0.02,
            offset: 0.1,
            offset_spread: 0.01,
            hot_pixels: 5,
            ..Sensor::default()
        };
        let pattern = Pattern::new(&settings(sensor)).unwrap();
        let n = pattern.gain.len() as f64;
        let spread = (pattern.gain.iter().map(|gain| f64::from(gain - 1.0).powi(2)).sum::<f64>() / n).sqrt();
        assert!((spread / 0.02 - 1.0).abs() < 0.03, "{spread}");
        let dark: Vec<f64> =
            pattern.offset.iter().map(|offset| f64::from(*offset)).filter(|dark| *dark < 0.3).collect();
        assert_eq!(dark.len(), pattern.offset.len() - 5, "hot ones");
        let mean = dark.iter().sum::<f64>() / n;
        assert!((mean - 0.1).abs() < 0.001, "{mean}");

        let pattern = Pattern::new(&settings(Sensor { dust: 3, ..Sensor::default() })).unwrap();
        let darkest = pattern.gain.iter().copied().fold(1.0, f32::min);
        assert!((0.4..0.96).contains(&darkest), "{darkest}");
    }

    #[test]
    fn flicker_is_averaged_by_the_exposure() {
        let sensor = Sensor { flicker: 0.1, flicker_hz: 100.0, ..Sensor::default() };
        let most = |exposure_s| {
            (0..200).map(|i| flicker(&sensor, f64::from(i) * 1e-4, exposure_s)).fold(0.0, f32::max)
        };
        assert!((most(0.0) - 1.1).abs() < 1e-4 && (most(0.005) - 1.0637).abs() < 1e-3, "{}", most(0.005));
        assert!((most(0.01) - 1.0).abs() < 1e-6, "a whole period");
    }
}
