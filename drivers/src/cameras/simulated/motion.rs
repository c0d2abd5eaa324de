//! How a tethered bead moves: Brownian motion in a spring, seen with an exposure time.

use super::noise::Rng;

/// One coordinate that relaxes to 0 (Ornstein and Uhlenbeck 1930), in any unit of length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spring {
    sigma: f64,
    relaxation_s: f64,
    now: f64,
}

impl Spring {
    /// A coordinate in equilibrium, of standard deviation `sigma`, that forgets in `relaxation_s`.
    pub(super) fn new(sigma: f64, relaxation_s: f64, rng: &mut Rng) -> Self {
        Self { sigma, relaxation_s, now: sigma * rng.normal() }
    }

    /// Lets `dt_s` pass, of which the last `exposure_s` are exposed, and returns the mean over the exposure.
    ///
    /// Exact for any step: the end and the mean of an exposure are drawn together from their joint normal distribution
    /// (Gillespie 1996, Phys. Rev. E 54, 2084, for coordinate and integral). The mean varies less than the coordinate,
    /// by the motion blur function of Wong and Halvorsen 2006.
    pub(super) fn advance(&mut self, dt_s: f64, exposure_s: f64, rng: &mut Rng) -> f64 {
        let exposure_s = exposure_s.clamp(0.0, dt_s);
        self.wait(dt_s - exposure_s, rng);
        let t = exposure_s / self.relaxation_s;
        if t < 1e-6 {
            // Below, differences of nearly equal numbers would lose all digits.
            self.wait(exposure_s, rng);
            return self.now;
        }
        let kept = (-t).exp();
        let lost = -(-t).exp_m1();
        let variance = self.sigma.powi(2);
        let end_variance = variance * (1.0 - kept * kept);
        let mean_variance = 2.0 * variance / (t * t) * (t - 2.0 * lost + 0.5 * (1.0 - kept * kept));
        let covariance = variance / t * lost * lost;
        let (first, second) = (rng.normal(), rng.normal());
        let end_sigma = end_variance.sqrt();
        let shared = if end_sigma > 0.0 { covariance / end_sigma } else { 0.0 };
        let mean =
            self.now * lost / t + shared * first + (mean_variance - shared * shared).max(0.0).sqrt() * second;
        self.now = self.now * kept + end_sigma * first;
        mean
    }

    fn wait(&mut self, dt_s: f64, rng: &mut Rng) {
        let kept = (-dt_s / self.relaxation_s).exp();
        self.now = self.now * kept + self.sigma * (1.0 - kept * kept).max(0.0).sqrt() * rng.normal();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variance_of_means(exposure_s: f64) -> f64 {
        let mut rng = Rng::new(11);
        let mut spring = Spring::new(50.0, 0.05, &mut rng);
        let n = 200_000;
        (0..n).map(|_| spring.advance(0.1, exposure_s, &mut rng).powi(2)).sum::<f64>() / f64::from(n)
    }

    #[test]
    fn exposure_blurs_as_wong_and_halvorsen_say() {
        for exposure_s in [1e-9, 0.005, 0.05, 0.1] {
            let a: f64 = exposure_s / 0.05;
            let blur = if a < 1e-6 { 1.0 } else { 2.0 / a - 2.0 / (a * a) * (1.0 - (-a).exp()) };
            let ratio = variance_of_means(exposure_s) / (2500.0 * blur);
            // 200 000 draws, correlated over less than one step: 0.4 % standard error.
            assert!((ratio - 1.0).abs() < 0.02, "exposure {exposure_s}: {ratio}");
        }
    }

    #[test]
    fn motion_forgets_in_the_relaxation_time() {
        let mut rng = Rng::new(12);
        let mut spring = Spring::new(50.0, 0.05, &mut rng);
        let steps: Vec<f64> = (0..200_000).map(|_| spring.advance(0.02, 0.0, &mut rng)).collect();
        let product: f64 = steps.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / steps.len() as f64;
        let expected = 2500.0 * (-0.02_f64 / 0.05).exp();
        assert!((product / expected - 1.0).abs() < 0.03, "{product} is not {expected}");
    }
}
