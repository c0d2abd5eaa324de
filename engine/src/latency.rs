//! A histogram of latencies that one thread fills and any thread reads, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// Buckets per factor of two: a percentile is exact to 1/16, 6 %.
const STEPS: u64 = 16;
/// Enough for 2^40 ns, eighteen minutes; longer ones count in the last bucket.
const BUCKETS: usize = 40 * STEPS as usize;

/// Counts of latencies in logarithmic buckets.
pub struct Latencies {
    buckets: Box<[AtomicU64]>,
    max_ns: AtomicU64,
}

/// How many latencies there were of each length.
pub type Counts = Vec<u64>;

/// The figures that people compare, in the unit that the name of their field tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Percentiles {
    /// Half of them were shorter.
    pub p50: f64,
    /// All but one in a hundred were shorter.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(), max_ns: AtomicU64::new(0) }
    }
}

impl Latencies {
    /// Counts one latency.
    pub fn add(&self, ns: u64) {
        self.buckets[bucket_of(ns)].fetch_add(1, Ordering::Relaxed);
        self.max_ns.fetch_max(ns, Ordering::Relaxed);
    }

    /// The figures so far, in ms; zeros before the first frame.
    pub fn percentiles(&self) -> Percentiles {
        percentiles(&self.counts(), self.max_ns.load(Ordering::Relaxed)).unwrap_or_default()
    }

    /// The figures since the counts were `then`, in ms; `None` if nothing was counted since. The longest is exact to 6 %,
    /// as the others are.
    pub fn percentiles_since(&self, then: &Counts) -> Option<Percentiles> {
        let since: Counts =
            self.counts().iter().zip(then).map(|(now, then)| now.saturating_sub(*then)).collect();
        percentiles(&since, self.max_ns.load(Ordering::Relaxed))
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.buckets.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }
}

impl Percentiles {
    /// The same in another unit.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { p50: self.p50 * factor, p99: self.p99 * factor, max: self.max * factor }
    }
}

fn percentiles(counts: &Counts, max_ns: u64) -> Option<Percentiles> {
    let total: u64 = counts.iter().sum();
    let at = |fraction: f64| {
        let wanted = (total as f64 * fraction).ceil() as u64;
        let mut seen = 0;
        let reached = counts.iter().position(|count| {
            seen += count;
            seen >= wanted.max(1)
        })?;
        Some(upper_edge_ns(reached).min(max_ns as f64) / 1e6)
    };
    Some(Percentiles { p50: at(0.5)?, p99: at(0.99)?, max: at(1.0)? })
}

fn bucket_of(ns: u64) -> usize {
    if ns < STEPS {
        return ns as usize;
    }
    let octave = u64::from(ns.ilog2()) - u64::from(STEPS.ilog2());
    ((octave * STEPS + (ns >> octave)) as usize).min(BUCKETS - 1)
}

fn upper_edge_ns(bucket: usize) -> f64 {
    let bucket = bucket as u64;
    if bucket < 2 * STEPS {
        return (bucket + 1) as f64;
    }
    let octave = bucket / STEPS - 1;
    ((STEPS + bucket % STEPS + 1) << octave) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_lies_in_its_bucket_within_one_part_in_sixteen() {
        for exponent in 0..39 {
            for ns in [1_u64 << exponent, (1 << exponent) + (1 << exponent) / 3, (2 << exponent) - 1] {
                let edge = upper_edge_ns(bucket_of(ns));
                assert!(edge >= ns as f64 && edge <= ns as f64 * (1.0 + 1.0 / 16.0) + 1.0, "{ns}: {edge}");
            }
        }
    }

    #[test]
    fn percentiles_of_a_known_set() {
        let latencies = Latencies::default();
        assert_eq!(latencies.percentiles(), Percentiles::default());
        for ms in 1..=100_u64 {
            latencies.add(ms * 1_000_000);
        }
        let found = latencies.percentiles();
        assert!((found.p50 - 50.0).abs() < 4.0 && (found.p99 - 99.0).abs() < 7.0, "{found:?}");
        assert_eq!(found.max, 100.0);
    }

    #[test]
    fn a_slow_minute_is_seen_after_a_fast_night() {
        let latencies = Latencies::default();
        (0..1_000_000).for_each(|_| latencies.add(1_000_000));
        let then = latencies.counts();
        assert_eq!(latencies.percentiles_since(&then), None);
        (0..100).for_each(|_| latencies.add(50_000_000));
        let since = latencies.percentiles_since(&then).unwrap();
        assert!((since.p50 - 50.0).abs() < 4.0 && since.max >= since.p99, "{since:?}");
        assert!(latencies.percentiles().p99 < 1.1, "the night hides it");
    }
}
