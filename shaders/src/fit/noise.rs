//! The noise expected of a pixel by its grey level: the weights of `fit`, and what the attainable errors follow from.

use super::Start;

/// Levels below this part of the one that the noise was measured at expect no less: dark rings must not rule.
pub(crate) const DARKEST: f64 = 0.1;

/// The noise expected of pixels: shot noise, in proportion to the grey level.
pub struct Noise {
    /// Variance at `measured_at`.
    variance: f64,
    /// Grey level that was subtracted.
    level: f64,
    /// Grey level above black; infinite where the noise does not depend on it.
    measured_at: f64,
}

impl Noise {
    /// As measured in the image that is fitted.
    pub fn new(start: &Start) -> Self {
        let (noise, measured_at) = (f64::from(start.noise), f64::from(start.noise_at));
        // A camera offset can leave levels near 0; then all count alike.
        let measured_at = if measured_at > noise { measured_at } else { f64::INFINITY };
        Self { variance: (noise * noise).max(1e-12), level: f64::from(start.level), measured_at }
    }

    /// Variance of a pixel whose modelled grey level is `grey` (background subtracted).
    #[inline(always)]
    pub fn at(&self, grey: f64) -> f64 {
        if self.measured_at.is_infinite() {
            return self.variance;
        }
        self.variance * ((grey + self.level) / self.measured_at).max(DARKEST)
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
