//! A camera's clock of known offset and rate, and arrivals with seeded delays.

use super::*;
use crate::seeded::Seeded;

/// Delay of an arrival, ns: 100 µs on average, and once in a hundred frames up to 10 ms more (the scheduler).
fn delay_ns(random: &mut Seeded) -> f64 {
    let usual = -1e5 * (1.0 - random.uniform()).ln();
    if random.uniform() < 0.01 { usual + 1e7 * random.uniform() } else { usual }
}

/// A film: what the camera says, and the truth.
struct Film {
    rate_hz: f64,
    /// By how much the camera's clock is slow, ppm.
    slow_ppm: f64,
    seed: u64,
    frames: u64,
}

/// The camera's clock at its start, and the session's then.
const DEVICE_START_NS: u64 = 7_000_000_000_000;
const HOST_START_NS: u64 = 3_000_000_000;

impl Film {
    /// Each frame with its true time, ns; `moved` is how far the camera's clock stands from where it should, ns.
    fn frames(&self, moved: impl Fn(u64) -> i64) -> Vec<(Timed, u64)> {
        let mut random = Seeded(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut last_arrival_ns = 0;
        let film = (0..self.frames).map(|frame| {
            let true_ns = frame as f64 * 1e9 / self.rate_hz;
            let device_ns = (true_ns / (1.0 + self.slow_ppm * 1e-6)) as u64 + DEVICE_START_NS;
            // Frames arrive in their order.
            let arrival_ns = (HOST_START_NS + (true_ns + delay_ns(&mut random)) as u64).max(last_arrival_ns);
            last_arrival_ns = arrival_ns;
            let device_time_ns = Some(device_ns.saturating_add_signed(moved(frame)));
            let timed = Timed { device_frame: 100 + frame, device_time_ns, arrival_ns, is_next: true };
            (timed, HOST_START_NS + true_ns as u64)
        });
        film.collect()
    }

    fn stamps(&self, moved: impl Fn(u64) -> i64) -> (Vec<(Stamp, f64)>, DeviceClock) {
        let mut clock = DeviceClock::new(self.rate_hz);
        let stamps = self.frames(moved).into_iter().map(|(timed, true_ns)| {
            let stamp = clock.stamp(&timed);
            assert!(stamp.time_ns <= timed.arrival_ns, "taken after it has arrived");
            (stamp, stamp.time_ns as f64 - true_ns as f64)
        });
        (stamps.collect(), clock)
    }
}

/// Greatest error of time from frame `from` on, µs.
fn worst_us(stamps: &[(Stamp, f64)], from: usize) -> f64 {
    stamps[from..].iter().map(|(_, error_ns)| error_ns.abs()).fold(0.0, f64::max) * 1e-3
}

fn flagged(stamps: &[(Stamp, f64)], flag: FrameFlags) -> Vec<usize> {
    (0..stamps.len()).filter(|frame| stamps[*frame].0.flags.contains(flag)).collect()
}

/// Rate of the camera, seconds filmed, greatest errors: after 1 s and after 20 s, µs.
const ACCURACY: [(f64, u64, f64, f64); 3] =
    [(30.0, 200, 100.0, 5.0), (1000.0, 200, 5.0, 0.5), (10_000.0, 60, 3.0, 0.3)];

#[test]
fn times_are_far_better_than_arrivals_at_every_rate() {
    for (rate_hz, seconds, after_1s, after_20s) in ACCURACY {
        let (mut first, mut later, mut ppm, mut arrivals) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
        for seed in 0..20 {
            let slow_ppm = 80.0 * (seed as f64 / 10.0 - 1.0);
            let film = Film { rate_hz, slow_ppm, seed, frames: seconds * rate_hz as u64 };
            let (stamps, clock) = film.stamps(|_| 0);
            first = first.max(worst_us(&stamps, rate_hz as usize));
            later = later.max(worst_us(&stamps, 20 * rate_hz as usize));
            ppm = ppm.max((clock.figures().unwrap().rate_ppm - slow_ppm).abs());
            let late = film.frames(|_| 0);
            arrivals = late
                .iter()
                .map(|(timed, truth)| (timed.arrival_ns - truth) as f64 * 1e-3)
                .fold(arrivals, f64::max);
            assert_eq!(flagged(&stamps, FrameFlags::TIME_JUMP), [0; 0], "seed {seed}");
        }
        println!(
            "{rate_hz} Hz: within {first:.1} µs after 1 s, {later:.2} µs after 20 s (arrivals: {arrivals:.0} µs), rate to {ppm:.3} ppm"
        );
        assert!(first < after_1s && later < after_20s, "{rate_hz} Hz: {first} µs, {later} µs");
        assert!(arrivals > 5e3, "this would be no test: {arrivals}");
    }
}

#[test]
fn a_clock_that_warms_up_is_followed() {
    // 20 ppm in an hour, as a quartz does when a camera is switched on: 0.5 · 20e-6 / 3600 s · t².
    let film = Film { rate_hz: 200.0, slow_ppm: 0.0, seed: 1, frames: 3600 * 200 };
    let moved = |frame: u64| (0.5 * 20e-6 / 3600.0 * (frame as f64 / 200.0).powi(2) * 1e9) as i64;
    let (stamps, clock) = film.stamps(moved);
    let worst = worst_us(&stamps, 20 * 200);
    println!("warming up: within {worst:.1} µs, at the end {:?}", clock.figures().unwrap());
    assert!(worst < 5.0, "{worst} µs");
}

#[test]
fn jumps_are_found_at_their_frame_and_no_other() {
    for seed in 0..200 {
        let film = Film { rate_hz: 500.0, slow_ppm: 40.0, seed, frames: 4000 };
        let mut random = Seeded(seed + 77);
        let at = 600 + (random.uniform() * 3000.0) as u64;
        // Ahead by more than a frame may be late, so that no delay can hide it; back by more than half a period.
        let scale = 1e6_f64.powf(random.uniform());
        let size_ns = if seed % 2 == 0 { (12e6 * scale) as i64 } else { (-1.1e6 * scale) as i64 };
        let (stamps, _) = film.stamps(|frame| if frame >= at { size_ns } else { 0 });
        let what = format!("seed {seed}: {size_ns} ns at frame {at}");
        assert_eq!(flagged(&stamps, FrameFlags::TIME_JUMP), [at as usize], "{what}");
        let back: &[usize] = if size_ns < -2_000_000 { &[at as usize] } else { &[] };
        assert_eq!(flagged(&stamps, FrameFlags::TIME_BACK), back, "{what}");
        assert_eq!(flagged(&stamps, FrameFlags::TIME_BY_ARRIVAL), [at as usize], "{what}");
        // Another line has taken over.
        assert!(
            worst_us(&stamps, at as usize + 250) < 100.0,
            "{what}: {}",
            worst_us(&stamps, at as usize + 250)
        );
    }
}

#[test]
fn a_slip_of_one_frame_does_not_move_the_line() {
    for size_ns in [-3_000_000_000_i64, -5_000_000, 5_000_000, 3_000_000_000] {
        let film = Film { rate_hz: 1000.0, slow_ppm: -20.0, seed: 5, frames: 30_000 };
        let (stamps, _) = film.stamps(|frame| if frame == 25_000 { size_ns } else { 0 });
        assert_eq!(flagged(&stamps, FrameFlags::TIME_JUMP), [25_000], "{size_ns}");
        // Its own time is before the frame before it, or that of the next one is before its own.
        let back = if size_ns < 0 { 25_000 } else { 25_001 };
        assert_eq!(flagged(&stamps, FrameFlags::TIME_BACK), [back], "{size_ns}");
        let worst = worst_us(&stamps, 25_001);
        assert!(worst < 3.0, "{size_ns}: {worst}");
    }
}

#[test]
fn a_host_that_stands_still_is_no_jump() {
    let film = Film { rate_hz: 1000.0, slow_ppm: 10.0, seed: 9, frames: 20_000 };
    let mut clock = DeviceClock::new(film.rate_hz);
    for (frame, (mut timed, true_ns)) in film.frames(|_| 0).into_iter().enumerate() {
        // Two seconds of frames wait in the camera's buffer and come at once.
        if (10_000..12_000).contains(&frame) {
            timed.arrival_ns = HOST_START_NS + 12_000_000_000;
        }
        let stamp = clock.stamp(&timed);
        assert_eq!(stamp.flags, FrameFlags::NONE, "frame {frame}");
        assert!(frame < 5000 || stamp.time_ns.abs_diff(true_ns) < 5_000, "frame {frame}");
    }
}

#[test]
fn repeated_late_and_unstamped_frames_leave_the_line_alone() {
    let film = Film { rate_hz: 1000.0, slow_ppm: 0.0, seed: 2, frames: 3000 };
    let mut clock = DeviceClock::new(film.rate_hz);
    let frames = film.frames(|_| 0);
    for (timed, _) in &frames {
        clock.stamp(timed);
    }
    let before = clock.figures();
    let (timed, true_ns) = frames[2000];
    let late = clock.stamp(&Timed { is_next: false, arrival_ns: frames[2999].0.arrival_ns, ..timed });
    assert!(late.time_ns.abs_diff(true_ns) < 20_000 && late.flags == FrameFlags::NONE, "{late:?}");
    let without = clock.stamp(&Timed { device_time_ns: None, ..frames[2999].0 });
    assert_eq!(without, Stamp { time_ns: frames[2999].0.arrival_ns, flags: FrameFlags::TIME_BY_ARRIVAL });
    assert_eq!(clock.figures(), before);
}
