//! The noise expected of a pixel by its grey level: the weights of `fit`, and what the attainable errors follow from.

/// Levels below this part of the background expect no less noise: dark rings must not rule.
const DARKEST: f64 = 0.1;

/// The noise expected of pixels, and with it their weights.
pub struct Noise {
    /// Variance at the background level.
    variance: f64,
    level: f64,
}

impl Noise {
    /// `noise`: standard deviation of a pixel at the background, grey levels; `level`: grey level of the background.
    pub fn new(noise: f32, level: f32) -> Self {
        let variance = f64::from(noise).powi(2);
        Self { variance: variance.max(1e-12), level: f64::from(level).max(1e-6) }
    }

    /// Variance of a pixel whose modelled grey level is `grey` (background subtracted): shot noise, in proportion to the
    /// level and equal to the measured noise at the background.
    #[inline(always)]
    pub fn at(&self, grey: f64) -> f64 {
        self.variance * ((grey + self.level) / self.level).max(DARKEST)
    }
}
