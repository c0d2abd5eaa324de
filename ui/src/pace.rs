//! How fast the window draws: times between drawn frames, and what each costs.

use std::time::{Duration, Instant};

/// Frames that count: some ten seconds.
const FRAMES: usize = 512;

/// The newest drawn frames.
#[derive(Default)]
pub struct Pace {
    last: Option<Instant>,
    /// Between two frames, and for the work of one, in rings, s.
    between_s: Vec<f32>,
    work_s: Vec<f32>,
    drawn: usize,
}

/// Half of the frames are faster, 99 % are faster, the slowest; ms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Half of the frames are faster.
    pub p50: f32,
    /// 99 % are faster.
    pub p99: f32,
    /// The slowest.
    pub most: f32,
}

impl Pace {
    /// A frame is drawn now; the one before took so long to work out.
    pub fn take(&mut self, now: Instant, work: Option<Duration>) {
        let place = self.drawn % FRAMES;
        let put = |ring: &mut Vec<f32>, value: f32| {
            if ring.len() < FRAMES { ring.push(value) } else { ring[place] = value }
        };
        let Some(last) = self.last.replace(now) else { return };
        put(&mut self.between_s, (now - last).as_secs_f32());
        put(&mut self.work_s, work.unwrap_or_default().as_secs_f32());
        self.drawn += 1;
    }

    /// Frames drawn in a second.
    pub fn rate_hz(&self) -> f32 {
        let sum: f32 = self.between_s.iter().sum();
        if sum > 0.0 { self.between_s.len() as f32 / sum } else { 0.0 }
    }

    /// Times between frames.
    pub fn between(&self) -> Figures {
        figures(&self.between_s)
    }

    /// Times for the work of a frame.
    pub fn work(&self) -> Figures {
        figures(&self.work_s)
    }
}

fn figures(seconds: &[f32]) -> Figures {
    let mut sorted: Vec<f32> = seconds.iter().map(|s| 1e3 * s).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let at = |share: f64| {
        let last = sorted.len().saturating_sub(1);
        sorted.get((share * last as f64).round() as usize).copied().unwrap_or_default()
    };
    Figures { p50: at(0.5), p99: at(0.99), most: at(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_frames_count() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        assert_eq!((pace.rate_hz(), pace.work()), (0.0, Figures::default()));
        let mut now = start;
        for frame in 0..2000_u64 {
            now += Duration::from_millis(if frame < 1000 { 500 } else { 20 + 60 * u64::from(frame == 1900) });
            pace.take(now, Some(Duration::from_millis(frame % 10)));
        }
        let between = pace.between();
        assert_eq!((between.p50.round(), between.p99.round(), between.most.round()), (20.0, 20.0, 80.0));
        assert!((pace.rate_hz() - 49.7).abs() < 0.3, "{}", pace.rate_hz());
        assert_eq!((pace.work().p50.round(), pace.work().most.round()), (5.0, 9.0));
    }
}
