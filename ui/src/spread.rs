//! How much a bead's x, y and z scatter from one frame to the next.
//!
//! From differences of frames that follow each other, so that drift and slow motion do not count, and by the median of
//! their size, so that a jump does not either (the median absolute deviation, Hampel 1974). Motion that is fast against the
//! frame rate counts as if it were noise: a tether's spread is that of its camera only where it is stiff or slow.

use crate::history::CHANNELS;

/// Differences that count: the spread is then known to 8 %.
const DIFFERENCES: usize = 256;
/// Fewer say nothing.
const LEAST: usize = 16;

/// The last differences of one bead.
#[derive(Clone, Debug, Default)]
pub struct Spread {
    last: Option<[f64; CHANNELS]>,
    /// Per channel the sizes of the differences, in a ring.
    sizes: [Vec<f32>; CHANNELS],
    next: [usize; CHANNELS],
}

impl Spread {
    /// Takes the values of a frame, NaN where not measured. `follows`: no frame is missing before it.
    pub fn take(&mut self, values: [f64; CHANNELS], follows: bool) {
        let last = self.last.replace(values).filter(|_| follows).unwrap_or([f64::NAN; CHANNELS]);
        for channel in 0..CHANNELS {
            let size = (values[channel] - last[channel]).abs() as f32;
            let (sizes, next) = (&mut self.sizes[channel], &mut self.next[channel]);
            if !size.is_finite() {
            } else if sizes.len() < DIFFERENCES {
                sizes.push(size);
            } else {
                sizes[*next] = size;
                *next = (*next + 1) % DIFFERENCES;
            }
        }
    }

    /// Standard deviation of one value of each channel; NaN until there are enough.
    pub fn sigma(&self) -> [f64; CHANNELS] {
        self.sizes.each_ref().map(|sizes| {
            if sizes.len() < LEAST {
                return f64::NAN;
            }
            let mut sizes = sizes.clone();
            let middle = sizes.len() / 2;
            let (_, median, _) = sizes.select_nth_unstable_by(middle, f32::total_cmp);
            // 0.6745: median of |x| for a normal distribution of unit width; a difference has twice the variance.
            f64::from(*median) / 0.6745 / std::f64::consts::SQRT_2
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nearly normal noise of unit width.
    fn noise() -> impl FnMut() -> f64 {
        let mut state = 5_u64;
        move || {
            let mut uniform = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 11) as f64 / (1_u64 << 53) as f64
            };
            (0..12).map(|_| uniform()).sum::<f64>() - 6.0
        }
    }

    #[test]
    fn drift_jumps_and_gaps_are_not_spread() {
        let (mut noise, mut spread) = (noise(), Spread::default());
        let mut squares = Vec::new();
        for frame in 1..=8_000_u32 {
            let drift = 0.01 * f64::from(frame) + if frame % 50 == 0 { 400.0 } else { 0.0 };
            // Before every tenth frame some are missing, and the bead has moved.
            let away = 30.0 * f64::from(frame / 10);
            let z = if frame % 7 == 3 { f64::NAN } else { 2.0 * noise() };
            spread.take([drift + noise(), away + noise(), z], frame % 10 != 0);
            if frame % 400 == 0 {
                squares.push(spread.sigma().map(|sigma| sigma * sigma));
            }
        }
        for (channel, put_in) in [1.0, 1.0, 2.0].into_iter().enumerate() {
            let squares = squares.iter().map(|square| square[channel]);
            let found = f64::sqrt(squares.clone().sum::<f64>() / squares.len() as f64);
            assert!((found / put_in - 1.0).abs() < 0.06, "{found} {put_in}");
        }
        // The newest count.
        (0..DIFFERENCES + 1).for_each(|_| spread.take([7.0; CHANNELS], true));
        assert_eq!(spread.sigma(), [0.0; CHANNELS]);
    }

    #[test]
    fn too_few_differences_say_nothing() {
        let mut spread = Spread::default();
        (0..LEAST).for_each(|k| spread.take([k as f64, 0.0, f64::NAN], true));
        assert!(spread.sigma()[0].is_nan());
        spread.take([9.0, 0.0, f64::NAN], true);
        assert!(spread.sigma()[0].is_finite() && spread.sigma()[2].is_nan());
    }
}
