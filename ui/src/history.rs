//! The last hour of every bead, thinned to what a plot can show.
//!
//! Each time span that the plots offer has a level of its own: a ring of equal time bins, each with the lowest, the
//! highest and the mean value in it. Memory and drawing therefore do not grow with time or with the camera's rate,
//! and no spike is lost by thinning.

use std::ops::Range;

/// The time spans that the plots offer, s.
pub const SPANS_S: [u64; 5] = [5, 30, 120, 600, 3600];
/// Bins of a level, at most: about two for each screen pixel of a plot.
const MOST_BINS: usize = 1000;
/// With thousands of beads a level has fewer bins, but not fewer than this.
const LEAST_BINS: usize = 150;
/// Memory of all levels together, bytes, unless [`LEAST_BINS`] takes more.
const MEMORY: usize = 128 << 20;
/// x, y, z.
pub const CHANNELS: usize = 3;

/// The values of one channel of one bead in one bin, relative to the bead's origin.
#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    count: u32,
    low: f32,
    high: f32,
    mean: f32,
    /// Sum of squared distances from the mean (Welford 1962): exact where a sum of squares would cancel.
    scatter: f32,
}

/// What all beads share about a bin.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    /// Number of the bin since the session's start.
    number: u64,
    /// Frames that fell into it.
    frames: u32,
    /// Frames are missing before it.
    after_gap: bool,
}

#[derive(Clone)]
struct Level {
    bin_ns: u64,
    newest: Option<u64>,
    marks: Vec<Mark>,
}

/// What is kept of one bead. It has a piece of memory of its own, so that beads can come and go without the others being copied.
#[derive(Clone)]
struct OfBead {
    /// Per channel the first value measured: the bins keep small differences to it, which `f32` holds.
    origins: [Option<f64>; CHANNELS],
    /// Of each level the bins, one level after the other.
    bins: Vec<[Bin; CHANNELS]>,
}

/// The recent values of all beads.
#[derive(Clone)]
pub struct History {
    n_bins: usize,
    levels: Vec<Level>,
    beads: Vec<OfBead>,
}

/// One channel of one bead over a time span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// Runs of (s, value) without a gap. Bins with several values give their lowest and highest.
    pub runs: Vec<Vec<[f64; 2]>>,
    /// Mean of all values; NaN without any.
    pub mean: f64,
    /// Standard deviation of all values; NaN below two.
    pub deviation: f64,
    /// Lowest and highest value; NaN without any.
    pub range: (f64, f64),
}

/// From the session's start until now.
#[cfg(test)]
pub const ALWAYS: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

impl History {
    /// An empty history.
    pub fn new(beads: usize) -> Self {
        let per_bin = beads.max(1) * CHANNELS * size_of::<Bin>() * SPANS_S.len();
        let n_bins = (MEMORY / per_bin).clamp(LEAST_BINS, MOST_BINS);
        let level = |span_s: &u64| Level {
            bin_ns: span_s * 1_000_000_000 / n_bins as u64,
            newest: None,
            marks: vec![Mark::default(); n_bins],
        };
        let beads = (0..beads).map(|_| OfBead::new(n_bins)).collect();
        Self { n_bins, levels: SPANS_S.iter().map(level).collect(), beads }
    }

    /// Is about other beads from now on: of each, where it was before, if it was. Bins of beads that stay are not touched.
    pub fn keep(&mut self, places: &[Option<usize>]) {
        let mut old: Vec<Option<OfBead>> = std::mem::take(&mut self.beads).into_iter().map(Some).collect();
        let kept = |place: &Option<usize>| place.and_then(|place| old.get_mut(place)?.take());
        self.beads =
            places.iter().map(kept).map(|kept| kept.unwrap_or_else(|| OfBead::new(self.n_bins))).collect();
    }

    /// Begins a frame: what [`add`](Self::add) says next was at `time_ns`. `after_gap`: frames before it are missing.
    pub fn begin(&mut self, time_ns: u64, after_gap: bool) {
        for (number, level) in self.levels.iter_mut().enumerate() {
            let emptied = level.begin(time_ns, after_gap);
            if emptied.is_empty() {
                continue;
            }
            for bead in &mut self.beads {
                let bins = &mut bead.bins[number * self.n_bins..][..self.n_bins];
                emptied.clone().for_each(|bin| bins[level.slot(bin)] = [Bin::default(); CHANNELS]);
            }
        }
    }

    /// x, y, z of one bead in the frame begun last; NaN is not measured. A bead that is not known is left out.
    pub fn add(&mut self, bead: usize, values: [f64; CHANNELS]) {
        let Some(OfBead { origins, bins }) = self.beads.get_mut(bead) else { return };
        let less = |channel: usize| {
            let value = values[channel];
            value.is_finite().then(|| (value - *origins[channel].get_or_insert(value)) as f32)
        };
        let differences = [0, 1, 2].map(less);
        for (number, level) in self.levels.iter().enumerate() {
            let bin = &mut bins[number * self.n_bins + level.newest_slot()];
            for (bin, difference) in bin.iter_mut().zip(differences) {
                if let Some(difference) = difference {
                    bin.add(difference);
                }
            }
        }
    }

    /// When the newest bin of a span ends, s since the session's start.
    pub fn end_s(&self, span: usize) -> f64 {
        let end =
            |level: &Level| level.newest.map_or(0.0, |bin| (bin + 1) as f64 * level.bin_ns as f64 * 1e-9);
        self.levels.get(span).map_or(0.0, end)
    }

    /// One channel of a bead over `SPANS_S[span]` and from one time to another, s since the session's start, less the mean motion of the
    /// `references`: each counts from its own first value, so that the bead stays where it is. Empty for a bead that is not known.
    pub fn trace(
        &self,
        bead: usize,
        channel: usize,
        span: usize,
        references: &[usize],
        times_s: (f64, f64),
    ) -> Trace {
        let (mut runs, mut run, mut all) = (Vec::new(), Vec::new(), Total::default());
        let bin_ns = self.levels.get(span).map_or(0, |level| level.bin_ns);
        for (mark, bin) in self.bins(bead, channel, span, references) {
            let time_s = (mark.number as f64 + 0.5) * bin_ns as f64 * 1e-9;
            if !(times_s.0..=times_s.1).contains(&time_s) {
                continue;
            }
            if (bin.count == 0 || mark.after_gap) && !run.is_empty() {
                runs.push(std::mem::take(&mut run));
            }
            if bin.count > 0 {
                let origin = self.origin(bead, channel);
                run.push([time_s, origin + f64::from(bin.low)]);
                if bin.count > 1 {
                    run.push([time_s, origin + f64::from(bin.high)]);
                }
                all.add(&bin);
            }
        }
        if !run.is_empty() {
            runs.push(run);
        }
        all.into_trace(runs, self.origin(bead, channel))
    }

    /// Mean and standard deviation as [`trace`](Self::trace) has them, for less work.
    pub fn moments(&self, bead: usize, channel: usize, span: usize, references: &[usize]) -> (f64, f64) {
        let mut all = Total::default();
        let bins = self.bins(bead, channel, span, references);
        bins.filter(|(_, bin)| bin.count > 0).for_each(|(_, bin)| all.add(&bin));
        let Trace { mean, deviation, .. } = all.into_trace(Vec::new(), self.origin(bead, channel));
        (mean, deviation)
    }

    /// Mean of one channel of a bead over the newest `span_s`, at most [`SPANS_S`]`[0]`; NaN if it was not measured.
    pub fn newest_mean(&self, bead: usize, channel: usize, span_s: f64) -> f64 {
        let Some(level) = self.levels.first() else { return f64::NAN };
        let wanted = (span_s * 1e9 / level.bin_ns as f64).round().max(1.0) as u64;
        let oldest = (level.newest.unwrap_or(0) + 1).saturating_sub(wanted);
        let mut all = Total::default();
        let bins = self.bins(bead, channel, 0, &[]);
        bins.filter(|(mark, bin)| mark.number >= oldest && bin.count > 0).for_each(|(_, bin)| all.add(&bin));
        all.into_trace(Vec::new(), self.origin(bead, channel)).mean
    }

    fn origin(&self, bead: usize, channel: usize) -> f64 {
        self.beads.get(bead).and_then(|bead| bead.origins[channel]).unwrap_or(f64::NAN)
    }

    /// The bins of one channel of a bead into which frames fell, from the oldest on, less the mean motion of the references.
    fn bins(
        &self,
        bead: usize,
        channel: usize,
        span: usize,
        references: &[usize],
    ) -> impl Iterator<Item = (Mark, Bin)> {
        let known = self.levels.get(span).zip(self.beads.get(bead));
        known.into_iter().flat_map(move |(level, bead)| {
            let newest = level.newest.unwrap_or(0);
            let oldest = (newest + 1).saturating_sub(self.n_bins as u64);
            (oldest..=newest).filter_map(move |number| {
                let slot = level.slot(number);
                let (mark, at) = (level.marks[slot], span * self.n_bins + slot);
                // No frame fell into this bin, because bins are shorter than the frame time: not a gap.
                let is_there = mark.number == number && mark.frames > 0;
                is_there.then(|| (mark, bead.bins[at][channel].less(self.drift(at, channel, references))))
            })
        })
    }

    /// The mean of the references in a bin; 0 without any, NaN where none was measured.
    fn drift(&self, at: usize, channel: usize, references: &[usize]) -> f32 {
        if references.is_empty() {
            return 0.0;
        }
        let bins = references.iter().filter_map(|bead| Some(&self.beads.get(*bead)?.bins[at][channel]));
        let measured = bins.filter(|bin| bin.count > 0);
        let (sum, count) = measured.fold((0.0, 0.0), |(sum, count), bin| (sum + bin.mean, count + 1.0));
        sum / count
    }
}

impl OfBead {
    fn new(n_bins: usize) -> Self {
        Self { origins: [None; CHANNELS], bins: vec![[Bin::default(); CHANNELS]; n_bins * SPANS_S.len()] }
    }
}

impl Level {
    fn slot(&self, number: u64) -> usize {
        (number % self.marks.len() as u64) as usize
    }

    /// Begins a frame; numbers of the bins that are to be emptied.
    fn begin(&mut self, time_ns: u64, after_gap: bool) -> Range<u64> {
        let number = time_ns / self.bin_ns;
        let mut emptied = 0..0;
        if self.newest.is_none_or(|newest| number > newest) {
            // Bins that time has jumped over are emptied too, each slot at most once.
            let first = self.newest.map_or(number, |newest| newest + 1);
            emptied = first.max((number + 1).saturating_sub(self.marks.len() as u64))..number + 1;
            for number in emptied.clone() {
                let slot = self.slot(number);
                self.marks[slot] = Mark { number, ..Mark::default() };
            }
            self.newest = Some(number);
        }
        let slot = self.newest_slot();
        self.marks[slot].frames += 1;
        self.marks[slot].after_gap |= after_gap;
        emptied
    }

    fn newest_slot(&self) -> usize {
        self.slot(self.newest.unwrap_or(0))
    }
}

impl Bin {
    /// The same values, each less by so much; none of them if nobody knows how much.
    fn less(self, by: f32) -> Self {
        if by.is_nan() {
            return Self::default();
        }
        Self { low: self.low - by, high: self.high - by, mean: self.mean - by, ..self }
    }

    fn add(&mut self, value: f32) {
        (self.low, self.high) =
            if self.count == 0 { (value, value) } else { (self.low.min(value), self.high.max(value)) };
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f32;
        self.scatter += before * (value - self.mean);
    }
}

/// Bins put together (Chan, Golub, LeVeque 1979).
struct Total {
    count: f64,
    mean: f64,
    scatter: f64,
    range: (f64, f64),
}

impl Default for Total {
    fn default() -> Self {
        Self { count: 0.0, mean: 0.0, scatter: 0.0, range: (f64::INFINITY, f64::NEG_INFINITY) }
    }
}

impl Total {
    fn add(&mut self, bin: &Bin) {
        let (count, apart) = (f64::from(bin.count), f64::from(bin.mean) - self.mean);
        let together = self.count + count;
        self.mean += apart * count / together;
        self.scatter += f64::from(bin.scatter) + apart * apart * self.count * count / together;
        self.count = together;
        self.range = (self.range.0.min(f64::from(bin.low)), self.range.1.max(f64::from(bin.high)));
    }

    fn into_trace(self, runs: Vec<Vec<[f64; 2]>>, origin: f64) -> Trace {
        if self.count == 0.0 {
            return Trace { runs, mean: f64::NAN, deviation: f64::NAN, range: (f64::NAN, f64::NAN) };
        }
        let deviation = if self.count > 1.0 { (self.scatter / (self.count - 1.0)).sqrt() } else { f64::NAN };
        let range = (origin + self.range.0, origin + self.range.1);
        Trace { runs, mean: origin + self.mean, deviation, range }
    }
}

#[cfg(test)]
mod tests;
