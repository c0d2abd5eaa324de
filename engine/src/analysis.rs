//! What the motion of a bead says of its noise and of its tether: Allan deviation, spectrum, and the line that thermal motion draws.
//! Pure functions of evenly spaced samples; whoever has gaps gives the piece without one.

use std::f64::consts::TAU;

use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

/// The Allan deviation over one averaging time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AllanPoint {
    /// Averaging time, s.
    pub time_s: f64,
    /// Allan deviation, in the unit of the samples.
    pub deviation: f64,
    /// Its standard error, from as many independent pairs as there are.
    pub error: f64,
}

/// The Allan deviation of samples at `rate_hz`, from overlapping averages (Riley 2008, NIST Special Publication 1065, section 5.2.4, for
/// positions in place of frequencies), at averaging times that double from one sample to a quarter of all. Empty below 8 samples.
pub fn allan(samples: &[f64], rate_hz: f64) -> Vec<AllanPoint> {
    let n = samples.len();
    // About their mean, so that sums of positions far from 0 keep their digits.
    let mean = samples.iter().sum::<f64>() / n.max(1) as f64;
    let sums: Vec<f64> = std::iter::once(0.0)
        .chain(samples.iter().scan(0.0, |sum, sample| {
            *sum += sample - mean;
            Some(*sum)
        }))
        .collect();
    let doubling = std::iter::successors(Some(1_usize), |group| group.checked_mul(2));
    let point = |group: usize| {
        let squares = (0..=n - 2 * group).map(|at| {
            let difference = sums[at + 2 * group] - 2.0 * sums[at + group] + sums[at];
            (difference / group as f64).powi(2)
        });
        let deviation = (squares.sum::<f64>() / (2.0 * (n - 2 * group + 1) as f64)).sqrt();
        let pairs = (n / group - 1).max(1) as f64;
        AllanPoint { time_s: group as f64 / rate_hz, deviation, error: deviation / (2.0 * pairs).sqrt() }
    };
    if n < 8 { Vec::new() } else { doubling.take_while(|group| 4 * group <= n).map(point).collect() }
}

/// Thermal motion of a bead on a spring in water.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thermal {
    /// Variance of its position without blur, in the square of the samples' unit.
    pub variance: f64,
    /// Time in which it forgets where it was: drag over stiffness, s.
    pub relaxation_s: f64,
}

impl Thermal {
    /// Its Allan deviation over averages of `time_s` (Lansdorp and Saleh 2012, Rev. Sci. Instrum. 83, 025115, eq. 17).
    pub fn allan(&self, time_s: f64) -> f64 {
        let r = self.relaxation_s / time_s;
        let shape = 1.0 + 2.0 * r * (-1.0 / r).exp() - 0.5 * r * (-2.0 / r).exp() - 1.5 * r;
        (2.0 * self.variance * r * shape).max(0.0).sqrt()
    }

    /// What fits an Allan deviation best, each point as much as it is sure of. `None` below four points, or where nothing moves.
    pub fn fit(points: &[AllanPoint]) -> Option<Self> {
        let sure: Vec<AllanPoint> = points
            .iter()
            .copied()
            .filter(|point| point.deviation > 0.0 && point.error < 0.25 * point.deviation)
            .collect();
        let (first, last) = (sure.first()?, sure.last()?);
        if sure.len() < 4 {
            return None;
        }
        // In logarithms the variance is an offset, so that only the relaxation time is searched.
        let of = |log_s: f64| {
            let shape = Self { variance: 1.0, relaxation_s: log_s.exp() };
            let weighted = |value: &dyn Fn(&AllanPoint) -> f64| {
                let weight = |point: &AllanPoint| (point.deviation / point.error).powi(2);
                let all: f64 = sure.iter().map(weight).sum();
                sure.iter().map(|point| weight(point) * value(point)).sum::<f64>() / all
            };
            let away = |point: &AllanPoint| (point.deviation / shape.allan(point.time_s)).ln();
            let offset = weighted(&away);
            (weighted(&|point| (away(point) - offset).powi(2)), offset)
        };
        let (mut low, mut high) = ((0.05 * first.time_s).ln(), last.time_s.ln());
        // Golden section: 40 steps narrow it by 10^8.
        const GOLDEN: f64 = 0.618_033_988_749_894_8;
        for _ in 0..40 {
            let (left, right) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
            if of(left).0 < of(right).0 { high = right } else { low = left }
        }
        let middle = 0.5 * (low + high);
        let (_, offset) = of(middle);
        let thermal = Self { variance: (2.0 * offset).exp(), relaxation_s: middle.exp() };
        (thermal.variance.is_finite() && thermal.relaxation_s.is_finite()).then_some(thermal)
    }

    /// Stiffness of the spring, pN/nm, if the samples are in nm and the thermal energy `kt` in pN nm (4.12 at 25 °C).
    pub fn stiffness(&self, kt: f64) -> f64 {
        kt / self.variance
    }
}

/// Spectral density over frequency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpectrumPoint {
    /// Frequency, Hz.
    pub frequency_hz: f64,
    /// One-sided power spectral density, in the square of the samples' unit per Hz.
    pub density: f64,
}

/// The one-sided power spectral density of samples at `rate_hz` by Welch's method (Welch 1967, IEEE Trans. Audio Electroacoust. 15, 70):
/// Hann windows of a power of two, an eighth of all samples long or `longest` at most, which overlap by half; without the mean of each.
/// Empty below 64 samples.
pub fn spectrum(samples: &[f64], rate_hz: f64, longest: usize) -> Vec<SpectrumPoint> {
    if samples.len() < 64 {
        return Vec::new();
    }
    let length = (samples.len() / 8).clamp(16, longest.max(16));
    let length = if length.is_power_of_two() { length } else { length.next_power_of_two() / 2 };
    let window: Vec<f64> = (0..length).map(|i| 0.5 - 0.5 * (TAU * i as f64 / length as f64).cos()).collect();
    let power: f64 = window.iter().map(|weight| weight * weight).sum();
    let fft = FftPlanner::new().plan_fft_forward(length);
    let (mut density, mut segments) = (vec![0.0; length / 2 + 1], 0.0);
    let mut buffer = vec![Complex::default(); length];
    for start in (0..=samples.len() - length).step_by(length / 2) {
        let part = &samples[start..start + length];
        let mean = part.iter().sum::<f64>() / length as f64;
        for ((value, sample), weight) in buffer.iter_mut().zip(part).zip(&window) {
            *value = Complex::new((sample - mean) * weight, 0.0);
        }
        fft.process(&mut buffer);
        for (sum, value) in density.iter_mut().zip(&buffer) {
            *sum += value.norm_sqr();
        }
        segments += 1.0;
    }
    let points = density.into_iter().enumerate().skip(1).map(|(bin, sum)| {
        // At half the rate both sides are one.
        let sides = if 2 * bin == length { 1.0 } else { 2.0 };
        let density = sides * sum / (segments * power * rate_hz);
        SpectrumPoint { frequency_hz: bin as f64 * rate_hz / length as f64, density }
    });
    points.collect()
}

/// How often samples fall into each of equally wide bins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Where the first bin begins, in the unit of the samples.
    pub from: f64,
    /// How wide each is.
    pub width: f64,
    /// How many samples fell into each.
    pub counts: Vec<u64>,
}

/// A histogram of `samples` in bins as wide as Freedman and Diaconis say (1981, Z. Wahrscheinlichkeitstheorie 57, 453), 8 to 200 of them.
/// `None` if no two samples differ.
pub fn histogram(samples: &[f64]) -> Option<Histogram> {
    let mut sorted: Vec<f64> = samples.iter().copied().filter(|sample| sample.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let (first, last) = (*sorted.first()?, *sorted.last()?);
    let quartile = |part: usize| sorted[part * (sorted.len() - 1) / 4];
    let width = 2.0 * (quartile(3) - quartile(1)) / (sorted.len() as f64).cbrt();
    if last <= first {
        return None;
    }
    let bins = if width > 0.0 { ((last - first) / width).ceil() } else { 200.0 };
    let bins = (bins as usize).clamp(8, 200);
    let width = (last - first) / bins as f64;
    let mut counts = vec![0; bins];
    for sample in sorted {
        counts[(((sample - first) / width) as usize).min(bins - 1)] += 1;
    }
    Some(Histogram { from: first, width, counts })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeded::Seeded;

    fn noise(count: usize) -> Vec<f64> {
        let mut rng = Seeded(7);
        (0..count).map(|_| (0..12).map(|_| rng.uniform()).sum::<f64>() - 6.0).collect()
    }

    #[test]
    fn white_noise_averages_away_and_is_equally_strong_at_all_frequencies() {
        let samples: Vec<f64> = noise(1 << 16).into_iter().map(|value| 1e6 + 3.0 * value).collect();
        for point in allan(&samples, 100.0).iter().take(10) {
            let expected = 3.0 / (point.time_s * 100.0).sqrt();
            assert!((point.deviation / expected - 1.0).abs() < 0.1, "{point:?}, not {expected}");
            assert!(point.error < 0.07 * point.deviation);
        }
        let spectrum = spectrum(&samples, 100.0, 1024);
        assert_eq!(spectrum.len(), 512);
        let mean = spectrum.iter().map(|point| point.density).sum::<f64>() / 512.0;
        assert!((mean / (9.0 / 50.0) - 1.0).abs() < 0.03, "{mean}");
    }

    #[test]
    fn a_line_in_the_spectrum_has_the_power_of_its_sine() {
        let samples: Vec<f64> = (0..8192).map(|i| 2.0 * (TAU * 12.5 * f64::from(i) / 100.0).sin()).collect();
        let spectrum = spectrum(&samples, 100.0, 1024);
        let top = spectrum.iter().max_by(|a, b| a.density.total_cmp(&b.density)).unwrap();
        assert!((top.frequency_hz - 12.5).abs() < 0.1, "{top:?}");
        let power: f64 = spectrum.iter().map(|point| point.density * 100.0 / 1024.0).sum();
        assert!((power - 2.0).abs() < 0.02, "amplitude squared over 2: {power}");
    }

    #[test]
    fn stiffness_and_relaxation_come_out_of_thermal_motion() {
        let (rate_hz, relaxation_s, variance) = (200.0, 0.02, 25.0_f64);
        // Exact steps, in twenty parts of a frame whose mean the camera sees.
        let parts = 20;
        let keep = (-1.0 / (rate_hz * relaxation_s * f64::from(parts))).exp();
        let kick = (variance * (1.0 - keep * keep)).sqrt();
        let mut x = 0.0;
        let steps: Vec<f64> = noise(20 << 15)
            .into_iter()
            .map(|noise| {
                x = keep * x + kick * noise;
                x
            })
            .collect();
        let samples: Vec<f64> = steps.chunks(20).map(|frame| frame.iter().sum::<f64>() / 20.0).collect();
        let thermal = Thermal::fit(&allan(&samples, rate_hz)).unwrap();
        assert!((thermal.relaxation_s / relaxation_s - 1.0).abs() < 0.1, "{thermal:?}");
        assert!((thermal.variance / variance - 1.0).abs() < 0.1, "{thermal:?}");
        assert!((thermal.stiffness(4.12) / (4.12 / 25.0) - 1.0).abs() < 0.1);
    }

    #[test]
    fn few_or_equal_samples_say_nothing() {
        assert!(allan(&[1.0; 7], 100.0).is_empty() && allan(&[], 100.0).is_empty());
        assert!(spectrum(&[1.0; 63], 100.0, 1024).is_empty());
        assert_eq!(Thermal::fit(&allan(&[1.0; 1000], 100.0)), None);
        assert_eq!(histogram(&[]), None);
        assert_eq!(histogram(&[2.0; 50]), None);
        assert_eq!(histogram(&[f64::NAN, 1.0]), None);
    }

    #[test]
    fn every_sample_is_in_one_bin() {
        let samples = noise(5000);
        let histogram = histogram(&samples).unwrap();
        assert_eq!(histogram.counts.iter().sum::<u64>(), 5000);
        let middle = (-histogram.from / histogram.width) as usize;
        let expected = 5000.0 * histogram.width / TAU.sqrt();
        assert!((histogram.counts[middle] as f64 / expected - 1.0).abs() < 0.25, "{histogram:?}");
    }
}
