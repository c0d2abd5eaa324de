//! The history keeps every spike, every gap and the right mean, in bounded memory.

use super::*;

const MS: u64 = 1_000_000;

/// `frames` frames of `step_ms`, with x = `value(frame)` for bead 1 of two.
fn filled(frames: u64, step_ms: u64, value: impl Fn(u64) -> f64) -> History {
    let mut history = History::new(2);
    for frame in 0..frames {
        history.begin(frame * step_ms * MS, false);
        history.add(1, [value(frame), f64::NAN, 5.0]);
    }
    history
}

fn points(trace: &Trace) -> Vec<[f64; 2]> {
    trace.runs.iter().flatten().copied().collect()
}

#[test]
fn one_frame_a_bin_gives_its_own_value() {
    let history = filled(100, 10, |frame| 1e6 + frame as f64);
    let trace = history.trace(1, 0, 0, &[], ALWAYS);
    let found = points(&trace);
    assert_eq!((trace.runs.len(), found.len()), (1, 100));
    for (frame, [time_s, value]) in (0_u32..).zip(&found) {
        assert_eq!(*value, 1e6 + f64::from(frame));
        assert!((time_s - f64::from(frame) * 0.01).abs() <= 0.005, "{time_s}");
    }
    assert_eq!(trace.mean, 1e6 + 49.5);
    assert!((trace.deviation - (100.0 * 101.0_f64 / 12.0).sqrt()).abs() < 1e-3, "{}", trace.deviation);
    assert!((history.end_s(0) - 0.995).abs() < 1e-9, "{}", history.end_s(0));
}

#[test]
fn a_single_spike_survives_thinning() {
    // 1 kHz for two minutes: 120 frames share a bin of the longest span.
    let history = filled(120_000, 1, |frame| if frame == 60_123 { 900.0 } else { (frame % 7) as f64 });
    let trace = history.trace(1, 0, 2, &[], ALWAYS);
    assert!(points(&trace).len() <= 2 * MOST_BINS);
    let spikes: Vec<_> = points(&trace).into_iter().filter(|[_, value]| *value == 900.0).collect();
    assert_eq!(spikes.len(), 1);
    assert!((spikes[0][0] - 60.123).abs() < 0.12, "{spikes:?}");
    assert_eq!(trace.range, (0.0, 900.0));
    let mean =
        (0..120_000_u64).map(|frame| if frame == 60_123 { 900.0 } else { (frame % 7) as f64 }).sum::<f64>();
    assert!((trace.mean - mean / 120_000.0).abs() < 1e-4, "{}", trace.mean);
}

#[test]
fn nan_and_missing_frames_are_gaps_and_slow_cameras_are_not() {
    let history = filled(40, 100, |frame| if (10..15).contains(&frame) { f64::NAN } else { 1.0 });
    let runs: Vec<_> = history.trace(1, 0, 0, &[], ALWAYS).runs.iter().map(Vec::len).collect();
    assert_eq!(runs, [10, 25]);

    let mut history = filled(10, 100, |_| 1.0);
    history.begin(1_000 * MS, true);
    history.add(1, [1.0; 3]);
    assert_eq!(history.trace(1, 0, 0, &[], ALWAYS).runs.len(), 2);

    let nothing = history.trace(0, 0, 0, &[], ALWAYS);
    assert!(nothing.runs.is_empty() && nothing.mean.is_nan() && nothing.range.0.is_nan());
    assert!(points(&filled(10, 100, |_| 1.0).trace(1, 1, 0, &[], ALWAYS)).is_empty(), "y was NaN throughout");
}

#[test]
fn old_values_leave_and_a_pause_empties_what_it_jumps_over() {
    let mut history = filled(1_000, 10, |frame| frame as f64);
    let trace = history.trace(1, 0, 0, &[], ALWAYS);
    assert_eq!(points(&trace).len(), 500, "5 s at 100 Hz");
    assert_eq!(trace.range, (500.0, 999.0));
    assert_eq!(history.trace(1, 0, 1, &[], ALWAYS).range, (0.0, 999.0), "30 s hold all ten");

    history.begin(1_000_000 * MS, false);
    history.add(1, [7.0, 7.0, 7.0]);
    let left = points(&history.trace(1, 0, 2, &[], ALWAYS));
    assert_eq!(left.len(), 1, "nothing old comes back: {left:?}");
    assert!((left[0][0] - 1_000.0).abs() <= 0.06 && left[0][1] == 7.0, "{left:?}");
}

#[test]
fn beads_do_not_mix_and_unknown_ones_are_left_out() {
    let mut history = History::new(2);
    history.begin(0, false);
    history.add(0, [1.0, 2.0, 3.0]);
    history.add(1, [4.0, 5.0, 6.0]);
    history.add(2, [7.0, 8.0, 9.0]);
    for (bead, channel, value) in [(0, 0, 1.0), (0, 2, 3.0), (1, 0, 4.0), (1, 1, 5.0)] {
        assert_eq!(history.trace(bead, channel, 0, &[], ALWAYS).mean, value);
    }
    assert!(history.trace(2, 0, 0, &[], ALWAYS).runs.is_empty());
    let mut none = History::new(0);
    none.begin(0, false);
    none.add(0, [1.0; 3]);
    assert!(none.trace(0, 0, 0, &[], ALWAYS).runs.is_empty());
}

#[test]
fn other_beads_keep_their_values() {
    let mut history = History::new(3);
    for time in 0..5 {
        history.begin(time * 100 * MS, false);
        (0..3).for_each(|bead| history.add(bead, [10.0 * bead as f64 + time as f64, 0.0, 0.0]));
    }
    let before: Vec<Trace> = (0..3).map(|bead| history.trace(bead, 0, 0, &[], ALWAYS)).collect();
    history.keep(&[Some(2), None, Some(0), None]);
    assert_eq!(history.trace(0, 0, 0, &[], ALWAYS), before[2]);
    assert_eq!(history.trace(2, 0, 0, &[], ALWAYS), before[0]);
    assert!(
        history.trace(1, 0, 0, &[], ALWAYS).runs.is_empty()
            && history.trace(3, 0, 0, &[], ALWAYS).runs.is_empty()
    );
    history.begin(500 * MS, false);
    history.add(3, [7.0, 0.0, 0.0]);
    history.add(0, [25.0, 0.0, 0.0]);
    assert_eq!(history.trace(3, 0, 0, &[], ALWAYS).mean, 7.0);
    assert_eq!(history.trace(0, 0, 0, &[], ALWAYS).mean, 22.5);
}

#[test]
fn memory_does_not_grow_with_the_number_of_beads_until_the_least_is_reached() {
    let bytes =
        |beads: usize| History::new(beads).beads.iter().map(|bead| CHANNELS * bead.bins.len()).sum::<usize>();
    assert_eq!(bytes(10), 10 * CHANNELS * SPANS_S.len() * MOST_BINS);
    assert!(bytes(1_500) * size_of::<Bin>() <= MEMORY);
}

#[test]
fn the_motion_of_the_references_is_taken_off() {
    let mut history = History::new(3);
    for frame in 0..400_u32 {
        history.begin(u64::from(frame) * 10 * MS, false);
        let drift = f64::from(frame);
        history.add(0, [900.0 + drift, 5.0, 5.0]);
        history.add(1, [100.0 + drift, 5.0, 5.0]);
        if frame < 200 {
            history.add(2, [drift, 5.0, 5.0]);
        }
    }
    let alone = history.trace(0, 0, 2, &[], ALWAYS);
    assert!(alone.deviation > 100.0);
    let less = history.trace(0, 0, 2, &[1], ALWAYS);
    assert!((less.mean - 900.0).abs() < 1e-3, "it stays where it was first: {}", less.mean);
    // Within a bin of 12 frames the bead and its reference are not compared frame by frame.
    assert!(less.range.1 - less.range.0 < 12.0, "{:?}", less.range);
    let two = history.trace(0, 0, 2, &[1, 2], ALWAYS);
    // In the bin in which the second one ends, its mean is that of fewer frames.
    assert!((two.mean - 900.0).abs() < 0.1, "the one that is there counts: {}", two.mean);
    assert!(history.trace(0, 0, 2, &[7], ALWAYS).runs.is_empty(), "a reference that nobody knows");
}

#[test]
fn a_part_of_the_time_has_its_own_points_and_its_own_mean() {
    let mut history = History::new(1);
    for frame in 0..400_u32 {
        let value = if frame < 200 { 10.0 } else { 30.0 };
        history.begin(u64::from(frame) * 10 * MS, false);
        history.add(0, [value; 3]);
    }
    let whole = history.trace(0, 2, 0, &[], ALWAYS);
    assert!((whole.mean - 20.0).abs() < 1e-6, "{}", whole.mean);
    let late = history.trace(0, 2, 0, &[], (2.5, 3.0));
    assert_eq!((late.mean, late.range), (30.0, (30.0, 30.0)));
    assert!(points(&late).iter().all(|[time_s, _]| (2.5..=3.0).contains(time_s)));
    assert!(history.trace(0, 2, 0, &[], (7.0, 9.0)).mean.is_nan(), "nothing was measured then");
}

/// What a plot of an hour costs does not grow with its 3.6 million points; `--nocapture` tells the time.
#[test]
fn an_hour_at_1_khz_is_drawn_from_as_few_points_as_a_minute() {
    let history = filled(3_600_000, 1, |frame| (frame % 1000) as f64);
    let began = std::time::Instant::now();
    let traces = [0, 1, 2].map(|channel| history.trace(1, channel, 4, &[], ALWAYS));
    println!("x, y and z of an hour at 1 kHz: {:.2} ms", 1e3 * began.elapsed().as_secs_f64());
    assert!(points(&traces[0]).len() <= 2 * MOST_BINS && points(&traces[0]).len() > MOST_BINS);
    assert_eq!(traces[0].range, (0.0, 999.0));
    assert!((traces[0].mean - 499.5).abs() < 0.1, "{}", traces[0].mean);
}

#[test]
fn beads_that_stay_are_not_copied_when_others_come_and_go() {
    let mut history = filled(100, 10, |frame| frame as f64);
    let before = history.beads[1].bins.as_ptr();
    history.keep(&[None, None, Some(1)]);
    assert_eq!(history.beads[2].bins.as_ptr(), before, "the same memory");
    assert_eq!(history.trace(2, 0, 0, &[], ALWAYS).mean, 49.5);
    history.keep(&[Some(2), Some(2), Some(7)]);
    assert_eq!(history.beads[0].bins.as_ptr(), before);
    assert!(history.trace(1, 0, 0, &[], ALWAYS).mean.is_nan(), "a bead is in one place");
}

#[test]
fn moments_are_those_of_the_trace_and_the_newest_second_is_the_newest() {
    let mut history = History::new(2);
    for frame in 0..3_000_u32 {
        history.begin(u64::from(frame) * 10 * MS, false);
        let stage = 0.1 * f64::from(frame);
        history.add(0, [stage, stage + f64::from(frame % 3), 500.0 + f64::from(frame)]);
        history.add(1, [stage, stage, if frame == 2_999 { f64::NAN } else { 7.0 }]);
    }
    for (channel, references) in [(0, vec![]), (1, vec![1]), (2, vec![1])] {
        let trace = history.trace(0, channel, 1, &references, ALWAYS);
        assert_eq!(history.moments(0, channel, 1, &references), (trace.mean, trace.deviation));
    }
    assert!(history.moments(0, 1, 1, &[1]).1 < 2.0 && history.moments(0, 1, 1, &[]).1 > 50.0);
    // 100 frames of 10 ms: 2900 to 2999.
    assert!((history.newest_mean(0, 2, 1.0) - (500.0 + 2949.5)).abs() < 0.1);
    assert_eq!(history.newest_mean(1, 2, 1.0), 7.0);
    assert!(history.newest_mean(1, 2, 0.005).is_nan(), "not measured in the newest bin");
    assert!(history.newest_mean(2, 2, 1.0).is_nan() && History::new(1).newest_mean(0, 2, 1.0).is_nan());
}
