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

/// The figures that people compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Percentiles {
    /// Half of the frames were faster, ms.
    pub p50: f64,
    /// All but one in a hundred were faster, ms.
    pub p99: f64,
    /// The slowest, ms.
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
        let counts: Vec<u64> = self.buckets.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let max_ns = self.max_ns.load(Ordering::Relaxed);
        let at = |fraction: f64| {
            let wanted = (total as f64 * fraction).ceil() as u64;
            let mut seen = 0;
            let reached = counts.iter().position(|count| {
                seen += count;
                seen >= wanted.max(1)
            });
            reached.map_or(0.0, |bucket| upper_edge_ns(bucket).min(max_ns as f64) / 1e6)
        };
        Percentiles { p50: at(0.5), p99: at(0.99), max: max_ns as f64 / 1e6 }
    }
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
}
