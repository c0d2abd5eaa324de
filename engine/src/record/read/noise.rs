//! How much a bead moves: mean, standard deviation, linear drift and Allan deviation of one coordinate, in one pass.
//!
//! The Allan deviation at τ is the root of half the mean square of the difference between the mean positions of two
//! successive stretches of length τ: slow drift hardly counts, and white noise falls as 1/√τ. Stretches overlap. Source:
//! D. W. Allan, Proc. IEEE 54, 221 (1966); for bead positions F. Czerwinski, A. C. Richardson, L. B. Oddershede, Opt.
//! Express 17, 13255 (2009) and, with overlap, B. M. Lansdorp and O. A. Saleh, Rev. Sci. Instrum. 83, 025115 (2012).

use std::collections::VecDeque;

/// Stretches begin at most so many times in τ: more overlap makes the value hardly more exact, and costs memory.
const STARTS_PER_TAU: u64 = 100;
/// Of a stretch this share must have been measured.
const LEAST_SHARE: f64 = 0.9;

/// What is known of one coordinate, from one pass over it.
#[derive(Clone, Debug, Default)]
pub(super) struct Noise {
    count: u64,
    mean: f64,
    squares: f64,
    mean_s: f64,
    squares_s: f64,
    products: f64,
}

impl Noise {
    /// Enters a value that was measured at a time, s.
    pub(super) fn add(&mut self, time_s: f64, value: f64) {
        // B. P. Welford, Technometrics 4, 419 (1962): no sum grows so large that it swallows its terms.
        self.count += 1;
        let n = self.count as f64;
        let (from_mean, from_mean_s) = (value - self.mean, time_s - self.mean_s);
        self.mean += from_mean / n;
        self.mean_s += from_mean_s / n;
        self.squares += from_mean * (value - self.mean);
        self.squares_s += from_mean_s * (time_s - self.mean_s);
        self.products += from_mean_s * (value - self.mean);
    }

    /// Mean; `None` without a value.
    pub(super) fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    /// Standard deviation; `None` below two values.
    pub(super) fn deviation(&self) -> Option<f64> {
        (self.count > 1).then(|| (self.squares / (self.count - 1) as f64).sqrt())
    }

    /// Slope of the line through the values, per second.
    pub(super) fn slope(&self) -> Option<f64> {
        (self.squares_s > 0.0).then(|| self.products / self.squares_s)
    }
}

/// The Allan deviation at one τ.
#[derive(Clone, Debug)]
pub(super) struct Allan {
    /// Samples between two starts, and starts in τ.
    every: u64,
    starts: usize,
    /// Sums of values and of their number up to each start, newest last; one more than in two τ.
    sums: VecDeque<(f64, u64)>,
    sum: (f64, u64),
    /// Values are summed from the first one, since what counts is small beside them.
    origin: Option<f64>,
    samples: u64,
    squares: f64,
    pairs: u64,
}

impl Allan {
    /// For stretches of `tau` samples, at least one.
    pub(super) fn new(tau: u64) -> Self {
        let every = tau.div_ceil(STARTS_PER_TAU).max(1);
        let starts = usize::try_from(((tau + every / 2) / every).max(1)).unwrap_or(1);
        let sums = VecDeque::from([(0.0, 0)]);
        Self { every, starts, sums, sum: (0.0, 0), origin: None, samples: 0, squares: 0.0, pairs: 0 }
    }

    /// Samples in a stretch.
    pub(super) fn tau(&self) -> u64 {
        self.every * self.starts as u64
    }

    /// Enters the next sample; `None` where it is missing.
    pub(super) fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum.0 += value - *self.origin.get_or_insert(value);
            self.sum.1 += 1;
        }
        self.samples += 1;
        if !self.samples.is_multiple_of(self.every) {
            return;
        }
        self.sums.push_back(self.sum);
        if self.sums.len() <= 2 * self.starts {
            return;
        }
        let [first, middle, last] = [0, self.starts, 2 * self.starts].map(|place| self.sums[place]);
        let mean = |from: (f64, u64), to: (f64, u64)| {
            let count = (to.1 - from.1) as f64;
            (count >= LEAST_SHARE * self.tau() as f64).then(|| (to.0 - from.0) / count)
        };
        if let Some((before, after)) = mean(first, middle).zip(mean(middle, last)) {
            self.squares += (after - before).powi(2);
            self.pairs += 1;
        }
        self.sums.pop_front();
    }

    /// Enters that so many samples are missing; after more than two τ nothing before them counts.
    pub(super) fn skip(&mut self, samples: u64) {
        (0..samples.min(2 * self.tau() + self.every)).for_each(|_| self.add(None));
    }

    /// The deviation; `None` if there were never two stretches in a row.
    pub(super) fn deviation(&self) -> Option<f64> {
        (self.pairs > 0).then(|| (self.squares / (2 * self.pairs) as f64).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random, mean 0.
    fn noise(count: usize) -> Vec<f64> {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as f64 / f64::from(1_u32 << 31) - 0.5
        };
        (0..count).map(|_| next()).collect()
    }

    /// The definition, sum by sum.
    fn by_definition(values: &[f64], tau: usize) -> f64 {
        let mean = |from: usize| values[from..from + tau].iter().sum::<f64>() / tau as f64;
        let starts = values.len() + 1 - 2 * tau;
        let squares = (0..starts).map(|start| (mean(start + tau) - mean(start)).powi(2)).sum::<f64>();
        (squares / (2 * starts) as f64).sqrt()
    }

    fn allan(tau: u64, values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
        let mut allan = Allan::new(tau);
        values.into_iter().for_each(|value| allan.add(value));
        allan.deviation()
    }

    #[test]
    fn the_allan_deviation_is_that_of_its_definition() {
        let values: Vec<f64> = noise(1000).iter().map(|value| 1e6 + value).collect();
        for tau in [1, 7, 50] {
            let found = allan(tau as u64, values.iter().copied().map(Some)).unwrap();
            assert!((found - by_definition(&values, tau)).abs() < 1e-9, "{tau}: {found}");
        }
        assert_eq!(allan(600, values.iter().copied().map(Some)), None, "two stretches are needed");
    }

    #[test]
    fn fewer_starts_give_nearly_the_same() {
        let values = noise(40_000);
        let found = allan(1000, values.iter().copied().map(Some)).unwrap();
        let wanted = by_definition(&values, 1000);
        assert!((found / wanted - 1.0).abs() < 0.02, "{found} {wanted}");
    }

    #[test]
    fn what_is_missing_counts_neither_as_zero_nor_as_standing_still() {
        let values = noise(20_000);
        let some = values.iter().enumerate().map(|(place, value)| (place % 20 != 3).then_some(*value));
        let (all, most) = (allan(20, values.iter().copied().map(Some)).unwrap(), allan(20, some).unwrap());
        assert!((most / all - (20.0_f64 / 19.0).sqrt()).abs() < 0.02, "{all} {most}");
        let half = values.iter().enumerate().map(|(place, value)| (place % 2 == 0).then_some(*value));
        assert_eq!(allan(20, half), None, "of too little nothing is said");
        let mut gap = Allan::new(10);
        (0..100).for_each(|_| gap.add(Some(0.0)));
        gap.skip(1_000_000);
        (0..100).for_each(|_| gap.add(Some(5.0)));
        assert_eq!(gap.deviation(), Some(0.0), "a step inside a gap is no noise");
    }

    #[test]
    fn drift_and_deviation() {
        let mut found = Noise::default();
        for (place, value) in noise(10_000).iter().enumerate() {
            let time_s = 1e6 + place as f64 * 0.01;
            found.add(time_s, 5e4 + 2.0 * (time_s - 1e6) + value);
        }
        assert!((found.slope().unwrap() - 2.0).abs() < 1e-3);
        let mut white = Noise::default();
        noise(10_000).iter().for_each(|value| white.add(0.0, 1e6 + value));
        assert!((white.deviation().unwrap() - (1.0_f64 / 12.0).sqrt()).abs() < 3e-3);
        assert_eq!(white.slope(), None, "without time there is no drift");
    }
}
