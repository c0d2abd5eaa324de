//! How long the camera thread is away from its camera. Frames that come meanwhile wait in the device or the driver.

use std::time::Instant;

use crate::latency::Latencies;

/// Measures the time between two reads.
#[derive(Default)]
pub(crate) struct HotLoop {
    returned: Option<Instant>,
}

impl HotLoop {
    /// Does `read`, and counts the time since the one before it returned.
    pub(crate) fn read<T>(&mut self, between: &Latencies, read: impl FnOnce() -> T) -> T {
        if let Some(returned) = self.returned {
            between.add(returned.elapsed().as_nanos() as u64);
        }
        let answer = read();
        self.returned = Some(Instant::now());
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn waiting_for_the_camera_does_not_count_and_anything_else_does() {
        const LONG: Duration = Duration::from_millis(50);
        let (mut hot_loop, between) = (HotLoop::default(), Latencies::default());
        let (started, mut waited) = (Instant::now(), Duration::ZERO);
        let mut wait = |time| {
            let from = Instant::now();
            std::thread::sleep(time);
            waited += from.elapsed();
        };
        hot_loop.read(&between, || wait(LONG));
        assert_eq!(between.counts().iter().sum::<u64>(), 0, "there was nothing before");
        std::thread::sleep(LONG);
        hot_loop.read(&between, || wait(10 * LONG));
        let elsewhere = started.elapsed() - waited;
        let found = between.percentiles();
        assert!(found.max >= 50.0 && found.max <= 1e3 * elsewhere.as_secs_f64(), "{found:?}, {elsewhere:?}");
    }
}
