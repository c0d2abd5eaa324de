//! One clock for everything in a session: monotonic nanoseconds, anchored once to UTC.

pub(crate) mod device;

use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub use device::ClockFigures;

/// The session's clock. A step of the system time after its start changes nothing.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    start_unix_ns: u64,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { start: Instant::now(), start_unix_ns: unix_ns_now() }
    }

    /// The clock's reading now, ns.
    pub fn now_ns(&self) -> u64 {
        self.ns(Instant::now())
    }

    /// The clock's reading at `instant`, ns; 0 for anything before the start.
    pub fn ns(&self, instant: Instant) -> u64 {
        instant.saturating_duration_since(self.start).as_nanos() as u64
    }

    /// Unix time of a reading, ns.
    pub fn unix_ns(&self, reading_ns: u64) -> u64 {
        self.start_unix_ns + reading_ns
    }
}

/// The system's time, ns since 1970-01-01 UTC.
pub fn unix_ns_now() -> u64 {
    let now_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    #[cfg(test)]
    let now_ns = now_ns + tests::STEP_NS.load(std::sync::atomic::Ordering::SeqCst);
    now_ns
}

/// A Unix time as `2026-11-21T03:19:05Z`.
///
/// The civil date is found by Howard Hinnant's `civil_from_days` (public domain, "chrono-Compatible Low-Level Date
/// Algorithms").
pub fn utc_text(unix_ns: u64) -> String {
    let seconds = unix_ns / 1_000_000_000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    /// By how much the system's time was set ahead, as NTP does.
    pub(crate) static STEP_NS: AtomicU64 = AtomicU64::new(0);

    #[test]
    fn utc_text_knows_leap_years() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_795_231_145, "2026-11-21T03:19:05Z"),
        ] {
            assert_eq!(utc_text(seconds * 1_000_000_000), text);
        }
    }
}
