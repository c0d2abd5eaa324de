//! The newest rows of every bead, one by one, as far as memory goes: what noise and spectra are worked out from.

use std::collections::VecDeque;

use crate::history::CHANNELS;

/// Memory of all samples, bytes.
const MEMORY: usize = 96 << 20;
/// Frames kept at most: at 1 kHz 4 minutes, at 100 Hz three quarters of an hour.
const MOST: usize = 1 << 18;

/// The newest frames.
pub struct Samples {
    capacity: usize,
    /// Per frame its time, s, and whether frames are missing before it.
    frames: VecDeque<(f64, bool)>,
    beads: Vec<OfBead>,
}

/// What is kept of one bead. It has a piece of memory of its own, so that beads can come and go without the others being copied.
struct OfBead {
    /// Per channel the first value measured, nm; NaN until then.
    origins: [f64; CHANNELS],
    /// Of the newest frames, as many as the bead has been there: the differences to the origin, nm; NaN if not measured.
    values: VecDeque<[f32; CHANNELS]>,
}

/// A piece of one bead's motion without a gap, evenly spaced.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Time of the first sample, s.
    pub from_s: f64,
    /// Samples in a second, Hz; 0 below two samples.
    pub rate_hz: f64,
    /// x, y and z, nm; equally many, each NaN where the bead was not located.
    pub values: [Vec<f64>; CHANNELS],
}

impl Samples {
    /// None yet, of so many beads.
    pub fn new(beads: usize) -> Self {
        let capacity = capacity_for(beads);
        let beads = (0..beads).map(|_| OfBead::new(capacity)).collect();
        Self { capacity, frames: VecDeque::new(), beads }
    }

    /// Is about other beads from now on: of each, where it was before, if it was. Values of beads that stay are not touched; where there
    /// are more beads, the oldest frames go.
    pub fn keep(&mut self, places: &[Option<usize>]) {
        self.capacity = capacity_for(places.len());
        let mut old: Vec<Option<OfBead>> = std::mem::take(&mut self.beads).into_iter().map(Some).collect();
        let kept = |place: &Option<usize>| place.and_then(|place| old.get_mut(place)?.take());
        self.beads =
            places.iter().map(kept).map(|kept| kept.unwrap_or_else(|| OfBead::new(self.capacity))).collect();
        self.leave(self.capacity);
    }

    /// The oldest go until no more than `count` are left.
    fn leave(&mut self, count: usize) {
        self.frames.drain(..self.frames.len().saturating_sub(count));
        for OfBead { values, .. } in &mut self.beads {
            values.drain(..values.len().saturating_sub(count));
        }
    }

    /// Begins a frame at `time_s`. `after_gap`: frames are missing before it.
    pub fn begin(&mut self, time_s: f64, after_gap: bool) {
        if self.frames.len() >= self.capacity {
            self.leave(self.capacity - 1);
        }
        self.frames.push_back((time_s, after_gap));
        self.beads.iter_mut().for_each(|bead| bead.values.push_back([f32::NAN; CHANNELS]));
    }

    /// x, y, z of one bead in the frame begun last, nm; NaN is not measured. A bead that is not known is left out.
    pub fn add(&mut self, bead: usize, values: [f64; CHANNELS]) {
        let Some(OfBead { origins, values: kept }) = self.beads.get_mut(bead) else { return };
        let Some(newest) = kept.back_mut() else { return };
        for (channel, value) in values.into_iter().enumerate().filter(|(_, value)| value.is_finite()) {
            if origins[channel].is_nan() {
                origins[channel] = value;
            }
            newest[channel] = (value - origins[channel]) as f32;
        }
    }

    /// The newest motion of a bead, over `span_s` at most and back to the last gap, less the mean motion of the `references`.
    pub fn newest(&self, bead: usize, span_s: f64, references: &[usize]) -> Run {
        self.until(f64::INFINITY, bead, span_s, references)
    }

    /// The same up to a time, s; as far as it is not forgotten.
    pub fn until(&self, until_s: f64, bead: usize, span_s: f64, references: &[usize]) -> Run {
        let later = self.frames.iter().rev().take_while(|(time_s, _)| *time_s > until_s).count();
        let count = self.frames.len() - later;
        let Some(of_bead) = self.beads.get(bead).filter(|_| count > 0) else {
            return Run::default();
        };
        let at = |back: usize| self.frames[count - 1 - back];
        let newest_s = at(0).0;
        let mut length = 0;
        while length < count && newest_s - at(length).0 <= span_s {
            length += 1;
            if at(length - 1).1 {
                break;
            }
        }
        let mut run = Run { values: [(); CHANNELS].map(|()| Vec::with_capacity(length)), ..Run::default() };
        for back in (0..length).rev() {
            let here = of_bead.before(later + back);
            for (channel, values) in run.values.iter_mut().enumerate() {
                let drift = self.drift(later + back, channel, references);
                values.push(of_bead.origins[channel] + f64::from(here[channel]) - drift);
            }
        }
        if length > 1 {
            run.from_s = at(length - 1).0;
            run.rate_hz = (length - 1) as f64 / (newest_s - run.from_s).max(1e-9);
        }
        run
    }
}

impl Samples {
    /// The mean of the references so many frames before the newest; 0 without any, NaN where none was measured.
    fn drift(&self, back: usize, channel: usize, references: &[usize]) -> f64 {
        if references.is_empty() {
            return 0.0;
        }
        let values = references.iter().filter_map(|bead| Some(self.beads.get(*bead)?.before(back)[channel]));
        let measured = values.filter(|value| !value.is_nan());
        let (sum, count) =
            measured.fold((0.0, 0.0), |(sum, count), value| (sum + f64::from(value), count + 1.0));
        sum / count
    }
}

impl Run {
    /// One channel's longest piece in which the bead was located all the time.
    pub fn located(&self, channel: usize) -> &[f64] {
        let pieces = self.values[channel].split(|value| value.is_nan());
        pieces.max_by_key(|piece| piece.len()).unwrap_or_default()
    }
}

/// Frames that memory allows for so many beads.
fn capacity_for(beads: usize) -> usize {
    (MEMORY / (beads.max(1) * CHANNELS * size_of::<f32>())).clamp(1000, MOST)
}

impl OfBead {
    fn new(capacity: usize) -> Self {
        // The system lends the memory when it is written to.
        Self { origins: [f64::NAN; CHANNELS], values: VecDeque::with_capacity(capacity) }
    }

    /// The values so many frames before the newest; NaN before the bead was there.
    fn before(&self, back: usize) -> [f32; CHANNELS] {
        let place = self.values.len().checked_sub(back + 1);
        place.and_then(|place| self.values.get(place)).copied().unwrap_or([f32::NAN; CHANNELS])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 Hz; bead 0 wanders with the stage, bead 1 is stuck to it.
    fn filled(frames: u32) -> Samples {
        let mut samples = Samples::new(2);
        for frame in 0..frames {
            samples.begin(f64::from(frame) * 0.01, frame == 50);
            let drift = f64::from(frame);
            samples.add(0, [5000.0 + drift, if frame % 10 == 3 { f64::NAN } else { drift }, 7.0 + drift]);
            samples.add(1, [drift, drift, drift]);
        }
        samples
    }

    #[test]
    fn the_newest_run_ends_at_the_last_gap_and_loses_the_drift() {
        let run = filled(150).newest(0, 10.0, &[1]);
        assert_eq!((run.values[0].len(), run.from_s), (100, 0.5));
        assert!((run.rate_hz - 100.0).abs() < 1e-6);
        assert!(run.values[0].iter().all(|x| (x - 5000.0).abs() < 1e-3), "{:?}", run.values[0]);
        assert_eq!(run.located(1).len(), 9, "between two frames in which it was not located");
        let short = filled(150).newest(0, 0.2, &[]);
        assert_eq!(short.values[2].len(), 21);
        assert!((short.values[2][20] - 156.0).abs() < 1e-3);
    }

    #[test]
    fn what_was_measured_up_to_a_time_stays_the_same_when_more_comes() {
        let (then, now) = (filled(120), filled(150));
        let (held, was) = (now.until(1.195, 0, 0.4, &[1]), then.newest(0, 0.4, &[1]));
        assert_eq!((held.from_s, held.rate_hz, &held.values[2]), (was.from_s, was.rate_hz, &was.values[2]));
        assert_eq!((held.values[0].len(), held.located(1)), (41, was.located(1)));
        assert_ne!(now.newest(0, 0.4, &[]).values[2], then.newest(0, 0.4, &[]).values[2]);
        assert_eq!(now.until(-1.0, 0, 10.0, &[]), Run::default(), "before the first");
    }

    #[test]
    fn other_beads_keep_their_samples() {
        let mut samples = filled(150);
        let before = samples.newest(0, 10.0, &[1]);
        let memory = samples.beads[0].values.as_slices().0.as_ptr();
        samples.keep(&[None, Some(0), Some(1)]);
        assert_eq!(
            samples.beads[1].values.as_slices().0.as_ptr(),
            memory,
            "the same memory: nothing is copied"
        );
        let kept = samples.newest(1, 10.0, &[2]);
        assert_eq!(
            (kept.from_s, &kept.values[0], &kept.values[2]),
            (before.from_s, &before.values[0], &before.values[2])
        );
        assert_eq!(kept.located(1), before.located(1));
        assert!(samples.newest(0, 10.0, &[]).values[0].iter().all(|x| x.is_nan()));
        samples.begin(1.5, false);
        samples.add(0, [4.0; 3]);
        samples.add(1, [9.0; 3]);
        let (new, old) = (samples.newest(0, 10.0, &[]), samples.newest(1, 10.0, &[]));
        assert_eq!(new.values[0].len(), old.values[0].len());
        assert_eq!((new.located(0), old.values[0].last()), (&[4.0][..], Some(&9.0)));
    }

    #[test]
    fn more_beads_have_fewer_frames_and_the_newest_stay() {
        let mut samples = filled(5_000);
        let many: Vec<Option<usize>> = (0..5_000).map(|bead| Some(bead).filter(|bead| *bead < 2)).collect();
        samples.keep(&many);
        let run = samples.newest(1, 1e9, &[]);
        assert_eq!((run.values[0].len(), samples.capacity), (samples.capacity, capacity_for(5_000)));
        assert_eq!(run.values[0].last(), Some(&4_999.0));
        samples.begin(50.0, false);
        assert_eq!(samples.newest(1, 1e9, &[]).values[0].len(), samples.capacity, "and no more");
    }

    #[test]
    fn the_oldest_go_and_strangers_are_left_out() {
        let mut samples = Samples::new(2);
        for frame in 0..samples.capacity + 7 {
            samples.begin(frame as f64, false);
            samples.add(1, [frame as f64; 3]);
            samples.add(2, [0.0; 3]);
        }
        let run = samples.newest(1, 1e9, &[]);
        assert_eq!((run.values[0].len(), run.values[0][0]), (samples.capacity, 7.0));
        assert_eq!(samples.newest(2, 1e9, &[]), Run::default());
        assert_eq!(Samples::new(1).newest(0, 1.0, &[]), Run::default());
    }
}
