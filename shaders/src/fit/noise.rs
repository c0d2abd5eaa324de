//! The noise expected of a pixel by its grey level: the weights of `fit`, and what the attainable errors follow from.

use super::Start;
use crate::simd::Four;

/// Levels below this part of the one that the noise was measured at expect no less: dark rings must not rule.
pub(crate) const DARKEST: f64 = 0.1;

/// The noise expected of pixels: shot noise, in proportion to the grey level.
pub struct Noise {
    /// Grey level that was subtracted.
    level: f64,
    /// Variance by the grey level above black; 0 where the noise does not depend on it.
    per_level: f64,
    /// Variance of the darkest.
    least: f64,
}

impl Noise {
    /// As measured in the image that is fitted.
    pub fn new(start: &Start) -> Self {
        let (noise, measured_at) = (f64::from(start.noise), f64::from(start.noise_at));
        let (level, variance) = (f64::from(start.level), (noise * noise).max(1e-12));
        if measured_at > noise {
            Self { level, per_level: variance / measured_at, least: variance * DARKEST }
        } else {
            // A camera offset can leave levels near 0; then all count alike.
            Self { level, per_level: 0.0, least: variance }
        }
    }

    /// Variance of a pixel whose modelled grey level is `grey` (background subtracted).
    pub fn at(&self, grey: f64) -> f64 {
        (self.per_level * (grey + self.level)).max(self.least)
    }

    /// The same of four at a time.
    #[inline(always)]
    pub fn of_four<F: Four>(&self, grey: F) -> F {
        (F::all(self.per_level) * (grey + F::all(self.level))).at_least(F::all(self.least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(noise_at: f32) -> Noise {
        Noise::new(&Start { center_px: (0.0, 0.0), z_nm: 0.0, level: 100.0, noise: 2.0, noise_at })
    }

    #[test]
    fn variance_is_in_proportion_to_light_where_there_is_any() {
        assert_eq!([0.0, 100.0, -50.0, -99.0].map(|grey| noise(100.0).at(grey)), [4.0, 8.0, 2.0, 0.4]);
        for black in [1.5, 0.0, -7.0] {
            assert_eq!([0.0, 100.0, -50.0].map(|grey| noise(black).at(grey)), [4.0; 3]);
        }
    }
}
