//! The last hour of every bead, thinned to what a plot can show.
//!
//! Each time span that the plots offer has a level of its own: a ring of equal time bins, each with the lowest, the
//! highest and the mean value in it. Memory and drawing therefore do not grow with time or with the camera's rate,
//! and no spike is lost by thinning.

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
    /// `marks.len()` × beads × [`CHANNELS`], so that one frame writes side by side.
    bins: Vec<Bin>,
}

/// The recent values of all beads.
#[derive(Clone)]
pub struct History {
    beads: usize,
    levels: Vec<Level>,
    /// Per bead and channel the first value measured: the bins keep small differences to it, which `f32` holds.
    origins: Vec<Option<f64>>,
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

impl History {
    /// An empty history.
    pub fn new(beads: usize) -> Self {
        let per_bin = beads.max(1) * CHANNELS * size_of::<Bin>() * SPANS_S.len();
        let n_bins = (MEMORY / per_bin).clamp(LEAST_BINS, MOST_BINS);
        let level = |span_s: &u64| Level {
            bin_ns: span_s * 1_000_000_000 / n_bins as u64,
            newest: None,
            marks: vec![Mark::default(); n_bins],
            bins: vec![Bin::default(); n_bins * beads * CHANNELS],
        };
        Self { beads, levels: SPANS_S.iter().map(level).collect(), origins: vec![None; beads * CHANNELS] }
    }

    /// A history of other beads: of each, where it was in this one, if it was.
    pub fn of(&self, places: &[Option<usize>]) -> Self {
        let beads = places.len();
        let kept = || places.iter().enumerate().filter_map(|(new, old)| Some((new, (*old)?)));
        let mut of = Self { beads, levels: Vec::new(), origins: vec![None; beads * CHANNELS] };
        for (new, old) in kept() {
            of.origins[new * CHANNELS..][..CHANNELS]
                .copy_from_slice(&self.origins[old * CHANNELS..][..CHANNELS]);
        }
        for level in &self.levels {
            let mut bins = vec![Bin::default(); level.marks.len() * beads * CHANNELS];
            for slot in 0..level.marks.len() {
                for (new, old) in kept() {
                    let (to, from) = (slot * beads + new, slot * self.beads + old);
                    bins[to * CHANNELS..][..CHANNELS]
                        .copy_from_slice(&level.bins[from * CHANNELS..][..CHANNELS]);
                }
            }
            of.levels.push(Level { bins, marks: level.marks.clone(), ..*level });
        }
        of
    }

    /// Begins a frame: what [`add`](Self::add) says next was at `time_ns`. `after_gap`: frames before it are missing.
    pub fn begin(&mut self, time_ns: u64, after_gap: bool) {
        for level in &mut self.levels {
            level.begin(time_ns, after_gap, self.beads);
        }
    }

    /// x, y, z of one bead in the frame begun last; NaN is not measured. A bead that is not known is left out.
    pub fn add(&mut self, bead: usize, values: [f64; CHANNELS]) {
        if bead >= self.beads {
            return;
        }
        for (channel, value) in values.into_iter().enumerate().filter(|(_, value)| value.is_finite()) {
            let place = bead * CHANNELS + channel;
            let origin = *self.origins[place].get_or_insert(value);
            for level in &mut self.levels {
                level.add(place, self.beads, (value - origin) as f32);
            }
        }
    }

    /// When the newest bin of a span ends, s since the session's start.
    pub fn end_s(&self, span: usize) -> f64 {
        let end =
            |level: &Level| level.newest.map_or(0.0, |bin| (bin + 1) as f64 * level.bin_ns as f64 * 1e-9);
        self.levels.get(span).map_or(0.0, end)
    }

    /// One channel of a bead over `SPANS_S[span]`, less the mean motion of the `references`: each counts from its own first value, so that
    /// the bead stays where it is. Empty for a bead that is not known.
    pub fn trace(&self, bead: usize, channel: usize, span: usize, references: &[usize]) -> Trace {
        self.trace_within(bead, channel, span, references, (f64::NEG_INFINITY, f64::INFINITY))
    }

    /// The same, of what was measured from one time to another, s since the session's start.
    pub fn trace_within(
        &self,
        bead: usize,
        channel: usize,
        span: usize,
        references: &[usize],
        times_s: (f64, f64),
    ) -> Trace {
        let place = bead * CHANNELS + channel;
        let references: Vec<usize> = references.iter().map(|bead| bead * CHANNELS + channel).collect();
        match (self.levels.get(span), self.origins.get(place)) {
            (Some(level), Some(Some(origin))) => {
                level.trace(place, self.beads, *origin, &references, times_s)
            }
            _ => {
                Trace { mean: f64::NAN, deviation: f64::NAN, range: (f64::NAN, f64::NAN), ..Trace::default() }
            }
        }
    }
}

impl Level {
    fn slot(&self, number: u64) -> usize {
        (number % self.marks.len() as u64) as usize
    }

    fn begin(&mut self, time_ns: u64, after_gap: bool, beads: usize) {
        let number = time_ns / self.bin_ns;
        let newest = self.newest.unwrap_or(number.wrapping_sub(1));
        if self.newest.is_none_or(|newest| number > newest) {
            // Bins that time has jumped over are emptied too, each slot at most once.
            let first = newest.wrapping_add(1).max((number + 1).saturating_sub(self.marks.len() as u64));
            for number in first..=number {
                let slot = self.slot(number);
                self.marks[slot] = Mark { number, ..Mark::default() };
                self.bins[slot * beads * CHANNELS..(slot + 1) * beads * CHANNELS].fill(Bin::default());
            }
            self.newest = Some(number);
        }
        let slot = self.newest_slot();
        self.marks[slot].frames += 1;
        self.marks[slot].after_gap |= after_gap;
    }

    fn newest_slot(&self) -> usize {
        self.slot(self.newest.unwrap_or(0))
    }

    fn add(&mut self, place: usize, beads: usize, value: f32) {
        let at = self.newest_slot() * beads * CHANNELS + place;
        self.bins[at].add(value);
    }

    fn trace(
        &self,
        place: usize,
        beads: usize,
        origin: f64,
        references: &[usize],
        times_s: (f64, f64),
    ) -> Trace {
        let newest = self.newest.unwrap_or(0);
        let oldest = (newest + 1).saturating_sub(self.marks.len() as u64);
        let (mut runs, mut run, mut all) = (Vec::new(), Vec::new(), Total::default());
        for number in oldest..=newest {
            let slot = self.slot(number);
            let row = &self.bins[slot * beads * CHANNELS..][..beads * CHANNELS];
            let (mark, bin) = (self.marks[slot], row[place].less(drift(row, references)));
            if mark.number != number || mark.frames == 0 {
                // No frame fell into this bin, because bins are shorter than the frame time: not a gap.
                continue;
            }
            let time_s = (number as f64 + 0.5) * self.bin_ns as f64 * 1e-9;
            if !(times_s.0..=times_s.1).contains(&time_s) {
                continue;
            }
            if (bin.count == 0 || mark.after_gap) && !run.is_empty() {
                runs.push(std::mem::take(&mut run));
            }
            if bin.count > 0 {
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
        all.into_trace(runs, origin)
    }
}

/// The mean of the references in a bin; 0 without any, NaN where none was measured.
fn drift(row: &[Bin], references: &[usize]) -> f32 {
    if references.is_empty() {
        return 0.0;
    }
    let measured = references.iter().filter_map(|place| row.get(*place)).filter(|bin| bin.count > 0);
    let (sum, count) = measured.fold((0.0, 0.0), |(sum, count), bin| (sum + bin.mean, count + 1.0));
    sum / count
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
