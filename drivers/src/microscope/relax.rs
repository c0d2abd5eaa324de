//! Brownian motion in a spring, seen with an exposure time.

use super::noise::Rng;

/// A spring in water: where it rests, how far it lets go (variance), and how soon it forgets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spring {
    pub(super) rest: f64,
    pub(super) variance: f64,
    pub(super) relaxation_s: f64,
}

impl Spring {
    /// Lets `dt_s` pass from the coordinate `now`; the coordinate then, and its mean in between.
    ///
    /// Exact for any step: both are drawn together from their joint normal distribution (Gillespie 1996, Phys. Rev. E 54, 2084, for
    /// coordinate and integral). The mean varies less than the coordinate, by the motion blur function of Wong and Halvorsen 2006
    /// (Opt. Express 14, 12517).
    pub(super) fn advance(&self, now: f64, dt_s: f64, rng: &mut Rng) -> (f64, f64) {
        let t = dt_s / self.relaxation_s;
        let from = now - self.rest;
        let lost = -(-t).exp_m1();
        let kept = 1.0 - lost;
        let end_variance = self.variance * lost * (1.0 + kept);
        let [first, second] = rng.normals();
        let end_sigma = end_variance.sqrt();
        let end = self.rest + from * kept + end_sigma * first;
        if t < 1e-4 {
            // Below, differences of nearly equal numbers would lose all digits; the mean is half of the way, and a third of its variance.
            let mean = 0.5 * (now + end) + end_sigma / 12_f64.sqrt() * second;
            return (end, mean);
        }
        let mean_variance = 2.0 * self.variance / (t * t) * (t - 2.0 * lost + 0.5 * lost * (1.0 + kept));
        let covariance = self.variance / t * lost * lost;
        let shared = if end_sigma > 0.0 { covariance / end_sigma } else { 0.0 };
        let own = (mean_variance - shared * shared).max(0.0).sqrt();
        (end, self.rest + from * lost / t + shared * first + own * second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPRING: Spring = Spring { rest: 7.0, variance: 2500.0, relaxation_s: 0.05 };

    #[test]
    fn exposure_blurs_as_wong_and_halvorsen_say() {
        let mut rng = Rng::new(11);
        for exposure_s in [1e-7, 4e-6, 0.005, 0.05, 0.1] {
            let (n, mut sum, mut now) = (200_000, 0.0, 7.0);
            for _ in 0..n {
                now = SPRING.advance(now, 0.1 - exposure_s, &mut rng).0;
                let (end, mean) = SPRING.advance(now, exposure_s, &mut rng);
                now = end;
                sum += (mean - 7.0).powi(2);
            }
            let a: f64 = exposure_s / 0.05;
            let blur = if a < 1e-3 { 1.0 } else { 2.0 / a - 2.0 / (a * a) * (1.0 - (-a).exp()) };
            let ratio = sum / f64::from(n) / (2500.0 * blur);
            // 200 000 draws, correlated over less than one step: 0.4 % standard error.
            assert!((ratio - 1.0).abs() < 0.02, "exposure {exposure_s}: {ratio}");
        }
    }

    #[test]
    fn motion_forgets_in_the_relaxation_time() {
        let (mut rng, mut now) = (Rng::new(12), 7.0);
        let steps: Vec<f64> = (0..200_000)
            .map(|_| {
                now = SPRING.advance(now, 0.02, &mut rng).0;
                now - 7.0
            })
            .collect();
        let product: f64 = steps.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / steps.len() as f64;
        let expected = 2500.0 * (-0.02_f64 / 0.05).exp();
        assert!((product / expected - 1.0).abs() < 0.03, "{product} is not {expected}");
    }

    /// The mean of a short step lies on a Brownian bridge between its ends: a twelfth of the variance of the step about their middle.
    #[test]
    fn a_short_step_is_a_bridge() {
        let mut rng = Rng::new(13);
        for dt_s in [2e-6, 1e-5] {
            let (n, mut about, mut steps) = (100_000, 0.0, 0.0);
            for _ in 0..n {
                let (end, mean) = SPRING.advance(7.0, dt_s, &mut rng);
                about += (mean - 0.5 * (7.0 + end)).powi(2);
                steps += (end - 7.0).powi(2);
            }
            assert!((12.0 * about / steps - 1.0).abs() < 0.03, "{dt_s}: {}", about / steps);
        }
    }
}
