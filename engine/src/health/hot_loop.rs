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
        hot_loop.read(&between, || std::thread::sleep(LONG));
        assert_eq!(between.counts().iter().sum::<u64>(), 0, "there was nothing before");
        std::thread::sleep(LONG / 10);
        hot_loop.read(&between, || std::thread::sleep(20 * LONG));
        std::thread::sleep(LONG);
        hot_loop.read(&between, || ());
        let found = between.percentiles();
        assert!(found.p50 >= 5.0 && found.p50 < found.max, "{found:?}");
        assert!(found.max >= 50.0 && found.max < 1000.0, "{found:?}");
    }
}
