//! Figures of the last seconds: a night's average hides the last minute.

use std::collections::VecDeque;

use crate::latency::{Counts, Latencies, Percentiles};

/// The rate is that of the last so long, ns, and of five frames at least.
const RATE_OVER_NS: u64 = 1_000_000_000;
/// Latencies are those of the last so long, ns.
const LATENCIES_OVER_NS: u64 = 10_000_000_000;

/// Frames that had come at a moment, and when the newest of them came.
#[derive(Clone, Copy)]
pub(super) struct Arrivals {
    pub(super) received: u64,
    pub(super) newest_ns: u64,
}

/// The rate at which frames come.
pub(super) struct RecentRate {
    period_ns: u64,
    before: VecDeque<(u64, Arrivals)>,
}

impl RecentRate {
    pub(super) fn new(asked_hz: f64) -> Self {
        let mut rate = Self { period_ns: 0, before: VecDeque::new() };
        rate.expect(asked_hz);
        rate
    }

    /// The camera is to send so many frames a second from now on.
    pub(super) fn expect(&mut self, asked_hz: f64) {
        self.period_ns = (1e9 / asked_hz.max(1e-3)) as u64;
    }

    /// The rate now, Hz; `None` until half of the time has passed since the first frame.
    pub(super) fn look(&mut self, now_ns: u64, arrivals: Arrivals) -> Option<f64> {
        if arrivals.received == 0 {
            return None;
        }
        let over_ns = RATE_OVER_NS.max(5 * self.period_ns);
        // The newest that is old enough stays.
        while self.before.get(1).is_some_and(|(at_ns, _)| now_ns - at_ns >= over_ns) {
            self.before.pop_front();
        }
        self.before.push_back((now_ns, arrivals));
        let (_, then) = self.before.front()?;
        // From frame to frame, so that a count between two frames does not blur it. But a frame that is late counts as
        // not come.
        let is_late = now_ns.saturating_sub(arrivals.newest_ns) > 2 * self.period_ns;
        let end_ns = if is_late { now_ns } else { arrivals.newest_ns };
        let span_ns = end_ns.saturating_sub(then.newest_ns);
        (2 * span_ns >= over_ns)
            .then(|| arrivals.received.saturating_sub(then.received) as f64 * 1e9 / span_ns as f64)
    }
}

/// Latencies of the last ten seconds.
#[derive(Default)]
pub(super) struct RecentLatencies {
    /// Once a second.
    before: VecDeque<(u64, Counts)>,
}

impl RecentLatencies {
    /// The figures, ms; `None` if there was no frame.
    pub(super) fn look(&self, latencies: &Latencies) -> Option<Percentiles> {
        self.before.front().and_then(|(_, then)| latencies.percentiles_since(then))
    }

    /// To be called once a second.
    pub(super) fn remember(&mut self, now_ns: u64, latencies: &Latencies) {
        while self.before.front().is_some_and(|(at_ns, _)| now_ns - at_ns >= LATENCIES_OVER_NS) {
            self.before.pop_front();
        }
        self.before.push_back((now_ns, latencies.counts()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Looks every 100 ms from `from_ms` on at a camera of 100 Hz that stops at `stop_ms`; the last rate.
    fn rate(recent: &mut RecentRate, from_ms: u64, to_ms: u64, stop_ms: u64) -> Option<f64> {
        let mut last = None;
        for now_ms in (from_ms..=to_ms).step_by(100) {
            let newest_ms = now_ms.min(stop_ms) / 10 * 10;
            // A look that comes between two frames.
            let arrivals = Arrivals { received: newest_ms / 10, newest_ns: newest_ms * MS };
            last = recent.look(now_ms * MS + 7 * MS, arrivals);
        }
        last
    }

    #[test]
    fn the_rate_is_that_of_the_last_second() {
        let mut recent = RecentRate::new(100.0);
        assert_eq!(rate(&mut recent, 0, 300, u64::MAX), None);
        let steady = rate(&mut recent, 400, 5000, u64::MAX).unwrap();
        assert!((steady - 100.0).abs() < 1e-9, "{steady}");
        let stalling = rate(&mut recent, 5100, 5500, 5000).unwrap();
        assert!(stalling > 30.0 && stalling < 70.0, "{stalling}");
        assert_eq!(rate(&mut recent, 5600, 7000, 5000), Some(0.0));
    }

    #[test]
    fn latencies_older_than_ten_seconds_are_forgotten() {
        let (latencies, mut recent) = (Latencies::default(), RecentLatencies::default());
        assert_eq!(recent.look(&latencies), None);
        recent.remember(0, &latencies);
        latencies.add(100 * MS);
        assert!(recent.look(&latencies).unwrap().max > 90.0);
        for second in 1..=11 {
            latencies.add(MS);
            recent.remember(second * 1000 * MS, &latencies);
        }
        latencies.add(MS);
        let found = recent.look(&latencies).unwrap();
        assert!(found.max < 1.1, "{found:?}");
    }
}
