//! The newest rows of every bead, one by one, as far as memory goes: what noise and spectra are worked out from.

use crate::history::CHANNELS;

/// Memory of all samples, bytes.
const MEMORY: usize = 96 << 20;
/// Frames kept at most: at 1 kHz 4 minutes, at 100 Hz three quarters of an hour.
const MOST: usize = 1 << 18;

/// A ring of frames.
pub struct Samples {
    beads: usize,
    capacity: usize,
    /// Per frame its time, s, and whether frames are missing before it.
    frames: Vec<(f64, bool)>,
    /// Per frame, bead and channel the difference to the bead's origin, nm; NaN if not measured.
    values: Vec<f32>,
    origins: Vec<f64>,
    /// Where the next frame goes.
    next: usize,
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
        let capacity = (MEMORY / (beads.max(1) * CHANNELS * size_of::<f32>())).clamp(1000, MOST);
        let origins = vec![f64::NAN; beads * CHANNELS];
        Self { beads, capacity, frames: Vec::new(), values: Vec::new(), origins, next: 0 }
    }

    /// The samples of other beads: of each, where it was in this, if it was.
    pub fn of(&self, places: &[Option<usize>]) -> Self {
        let mut of = Self::new(places.len());
        let count = self.frames.len().min(of.capacity);
        for back in (0..count).rev() {
            let frame = (self.next + self.capacity - 1 - back) % self.capacity;
            let (time_s, after_gap) = self.frames[frame];
            of.begin(time_s, after_gap);
            for (bead, old) in places.iter().enumerate().filter_map(|(bead, old)| Some((bead, (*old)?))) {
                let from = (frame * self.beads + old) * CHANNELS;
                let values = [0, 1, 2].map(|channel| {
                    self.origins[old * CHANNELS + channel] + f64::from(self.values[from + channel])
                });
                of.add(bead, values);
            }
        }
        of
    }

    /// Begins a frame at `time_s`. `after_gap`: frames are missing before it.
    pub fn begin(&mut self, time_s: f64, after_gap: bool) {
        let row = self.beads * CHANNELS;
        if self.frames.len() < self.capacity {
            self.frames.push((time_s, after_gap));
            self.values.resize(self.frames.len() * row, f32::NAN);
        } else {
            self.frames[self.next] = (time_s, after_gap);
            self.values[self.next * row..][..row].fill(f32::NAN);
        }
        self.next = (self.next + 1) % self.capacity;
    }

    /// x, y, z of one bead in the frame begun last, nm; NaN is not measured. A bead that is not known is left out.
    pub fn add(&mut self, bead: usize, values: [f64; CHANNELS]) {
        if bead >= self.beads || self.frames.is_empty() {
            return;
        }
        let frame = (self.next + self.capacity - 1) % self.capacity;
        for (channel, value) in values.into_iter().enumerate().filter(|(_, value)| value.is_finite()) {
            let place = bead * CHANNELS + channel;
            if self.origins[place].is_nan() {
                self.origins[place] = value;
            }
            self.values[frame * self.beads * CHANNELS + place] = (value - self.origins[place]) as f32;
        }
    }

    /// The newest motion of a bead, over `span_s` at most and back to the last gap, less the mean motion of the `references`.
    pub fn newest(&self, bead: usize, span_s: f64, references: &[usize]) -> Run {
        self.until(f64::INFINITY, bead, span_s, references)
    }

    /// The same up to a time, s; as far as it is not forgotten.
    pub fn until(&self, until_s: f64, bead: usize, span_s: f64, references: &[usize]) -> Run {
        let at = |back: usize| (self.next + self.capacity - 1 - back) % self.capacity;
        let later = (0..self.frames.len()).take_while(|back| self.frames[at(*back)].0 > until_s).count();
        let count = self.frames.len() - later;
        if bead >= self.beads || count == 0 {
            return Run::default();
        }
        let at = |back: usize| at(later + back);
        let newest_s = self.frames[at(0)].0;
        let mut length = 0;
        while length < count && newest_s - self.frames[at(length)].0 <= span_s {
            length += 1;
            if self.frames[at(length - 1)].1 {
                break;
            }
        }
        let mut run = Run { values: [(); CHANNELS].map(|()| Vec::with_capacity(length)), ..Run::default() };
        for back in (0..length).rev() {
            let row = &self.values[at(back) * self.beads * CHANNELS..][..self.beads * CHANNELS];
            for (channel, values) in run.values.iter_mut().enumerate() {
                let place = bead * CHANNELS + channel;
                let drift = mean_of(row, channel, references);
                values.push(self.origins[place] + f64::from(row[place]) - drift);
            }
        }
        if length > 1 {
            run.from_s = self.frames[at(length - 1)].0;
            run.rate_hz = (length - 1) as f64 / (newest_s - run.from_s).max(1e-9);
        }
        run
    }
}

impl Run {
    /// One channel's longest piece in which the bead was located all the time.
    pub fn located(&self, channel: usize) -> &[f64] {
        let pieces = self.values[channel].split(|value| value.is_nan());
        pieces.max_by_key(|piece| piece.len()).unwrap_or_default()
    }
}

/// The mean of the references in a frame; 0 without any, NaN where none was measured.
fn mean_of(row: &[f32], channel: usize, references: &[usize]) -> f64 {
    if references.is_empty() {
        return 0.0;
    }
    let values = references
        .iter()
        .filter_map(|bead| row.get(bead * CHANNELS + channel))
        .filter(|value| !value.is_nan());
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + f64::from(*value), count + 1.0));
    sum / count
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
        let samples = filled(150);
        let other = samples.of(&[None, Some(0), Some(1)]);
        let (kept, before) = (other.newest(1, 10.0, &[2]), samples.newest(0, 10.0, &[1]));
        assert_eq!(
            (kept.from_s, &kept.values[0], &kept.values[2]),
            (before.from_s, &before.values[0], &before.values[2])
        );
        assert_eq!(kept.located(1), before.located(1));
        assert!(other.newest(0, 10.0, &[]).values[0].iter().all(|x| x.is_nan()));
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
