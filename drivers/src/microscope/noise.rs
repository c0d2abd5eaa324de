//! Random numbers, and the noise of a camera from tables.
//!
//! A pixel of mean N electrons reads N with variance N (photons) + read noise² (electronics), plus 1/12 grey level² from
//! rounding. Above a hundred electrons a Poisson distribution is a normal one to within its skewness of N^-1/2, so one
//! table of normal numbers serves for every level. Each row of each frame starts at a random place in the table: rows
//! are independent unless they start within a row's length of each other, one pair in about 50.

use super::wide::wide;
use crate::camera::PixelFormat;

/// Normal numbers in the table; with rows of up to 8192 px on top of it.
const TABLE_LEN: usize = 1 << 17;
/// Pixels of ready-made background, in which rows start at random: 2 MiB at most, so that it stays in cache.
const STRIP_PX: usize = 1 << 20;

/// The generator xoshiro256++ (Blackman and Vigna 2021, public domain), seeded by splitmix64.
#[derive(Clone, Debug)]
pub(crate) struct Rng([u64; 4]);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        let mut state = seed;
        Self(std::array::from_fn(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }))
    }

    #[inline]
    fn next(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number in [0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        // 53 bits fill the significand exactly.
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number in [low, high).
    pub(crate) fn between(&mut self, [low, high]: [f64; 2]) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// A whole number in 0..n; 0 if n is 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        // Multiply-shift (Lemire 2019); its bias of n / 2^64 does not matter here.
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// A normal number of mean 0 and standard deviation 1.
    pub(crate) fn normal(&mut self) -> f64 {
        self.normals()[0]
    }

    /// Two of them (Box and Muller 1958).
    pub(crate) fn normals(&mut self) -> [f64; 2] {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * self.uniform()).sin_cos();
        [radius * cos, radius * sin]
    }

    /// Whether something happens that is expected so often in this time.
    pub(super) fn happens(&mut self, expected: f64) -> bool {
        expected > 0.0 && self.uniform() < -(-expected).exp_m1()
    }
}

/// The noise of one camera in one pixel format.
#[derive(Clone, Debug)]
pub(super) struct Noise {
    normals: Vec<f32>,
    strip: Vec<u8>,
    format: PixelFormat,
    white: f32,
    gain: f32,
    read_variance: f32,
}

impl Noise {
    /// Tables for a camera of `photons_at_white` and `read_noise_e`, and a background of `background` × white.
    pub(super) fn new(
        format: PixelFormat,
        photons_at_white: f64,
        read_noise_e: f64,
        background: f64,
    ) -> Self {
        let mut rng = Rng::new(0x6e6f_6973);
        let white = f64::from(format.max_level());
        let gain = white / photons_at_white;
        let normals = (0..TABLE_LEN + 8192).map(|_| rng.normal() as f32).collect();
        let mut noise = Self {
            normals,
            strip: vec![0; STRIP_PX * format.bytes_per_px()],
            format,
            white: white as f32,
            gain: gain as f32,
            read_variance: (gain * read_noise_e).powi(2) as f32,
        };
        let mut strip = std::mem::take(&mut noise.strip);
        let levels = [(background * white) as f32; 1024];
        for part in strip.chunks_mut(levels.len() * format.bytes_per_px()) {
            noise.write_levels(&mut rng, &levels, part);
        }
        noise.strip = strip;
        noise
    }

    pub(super) fn format(&self) -> PixelFormat {
        self.format
    }

    /// The largest grey level.
    pub(super) fn white(&self) -> f32 {
        self.white
    }

    /// Standard deviation of a pixel of mean `level`, both in grey levels, before rounding.
    #[inline(always)]
    pub(super) fn sigma(&self, level: f32) -> f32 {
        (self.gain * level.max(0.0) + self.read_variance).sqrt()
    }

    /// Fills `row` with noisy background.
    pub(super) fn write_background(&self, rng: &mut Rng, row: &mut [u8]) {
        let bytes_per_px = self.format.bytes_per_px();
        let room = (self.strip.len() - row.len().min(self.strip.len())) / bytes_per_px;
        let start = rng.below(room + 1) * bytes_per_px;
        row.copy_from_slice(&self.strip[start..start + row.len()]);
    }

    /// Writes noisy pixels of the given mean grey levels into `row`.
    pub(super) fn write_levels(&self, rng: &mut Rng, levels: &[f32], row: &mut [u8]) {
        let start = rng.below(self.normals.len() - levels.len().min(self.normals.len()) + 1);
        // Behind 2^23 a float has no fraction: adding it rounds, and leaves the whole number in the low bits. Unlike a cast, it
        // becomes vector instructions.
        const WHOLE: f32 = 8_388_608.0;
        let noisy = levels.iter().zip(&self.normals[start..]).map(|(level, normal)| {
            let value = level + self.sigma(*level) * normal;
            (value.max(0.0).min(self.white) + WHOLE).to_bits()
        });
        wide(
            #[inline(always)]
            || {
                if self.format.bytes_per_px() == 1 {
                    for (pixel, value) in row.iter_mut().zip(noisy) {
                        *pixel = value as u8;
                    }
                } else {
                    for (pixel, value) in row.as_chunks_mut::<2>().0.iter_mut().zip(noisy) {
                        *pixel = (value as u16).to_le_bytes();
                    }
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_and_variance(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
        let n = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / n;
        (mean, values.map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0))
    }

    #[test]
    fn variance_follows_the_mean_as_photons_and_read_noise_do() {
        let (photons, read) = (20_000.0, 7.0);
        let noise = Noise::new(PixelFormat::Mono12, photons, read, 0.5);
        let gain = 4095.0 / photons;
        let mut rng = Rng::new(3);
        let mut row = [0; 2048];
        for level in [100.0_f32, 800.0, 2000.0, 3500.0] {
            let mut values = Vec::new();
            for _ in 0..200 {
                noise.write_levels(&mut rng, &[level; 1024], &mut row);
                values.extend(row.chunks_exact(2).map(|b| f64::from(u16::from_le_bytes([b[0], b[1]]))));
            }
            let (mean, variance) = mean_and_variance(values.iter().copied());
            let expected = gain * f64::from(level) + (gain * read).powi(2) + 1.0 / 12.0;
            // 200 000 draws from a table of 131 072: the variance is known to 0.4 %, the mean to 0.3 % of sigma.
            assert!((variance / expected - 1.0).abs() < 0.02, "level {level}: {variance} is not {expected}");
            assert!((mean - f64::from(level)).abs() < 0.015 * expected.sqrt(), "level {level}: mean {mean}");
        }
    }

    #[test]
    fn ready_made_background_has_the_noise_of_the_level_it_shows() {
        let noise = Noise::new(PixelFormat::Mono8, 20_000.0, 7.0, 0.5);
        let (mean, variance) = mean_and_variance(noise.strip.iter().map(|level| f64::from(*level)));
        let gain: f64 = 255.0 / 20_000.0;
        let expected = gain * 127.5 + (gain * 7.0).powi(2) + 1.0 / 12.0;
        assert!((mean - 127.5).abs() < 0.02, "{mean}");
        assert!((variance / expected - 1.0).abs() < 0.02, "{variance} is not {expected}");
    }

    #[test]
    fn rows_are_not_repeated() {
        let noise = Noise::new(PixelFormat::Mono8, 20_000.0, 7.0, 0.5);
        let mut rng = Rng::new(1);
        let (mut first, mut second) = ([0; 1280], [0; 1280]);
        noise.write_background(&mut rng, &mut first);
        noise.write_background(&mut rng, &mut second);
        let correlation: f64 =
            first.iter().zip(&second).map(|(a, b)| (f64::from(*a) - 127.5) * (f64::from(*b) - 127.5)).sum();
        // Sum of 1280 products of variance 1.36²: standard deviation 49.
        assert!(correlation.abs() < 250.0, "{correlation}");
    }

    #[test]
    fn saturated_and_dark_pixels_stay_in_range() {
        let noise = Noise::new(PixelFormat::Mono10, 20_000.0, 700.0, 0.5);
        let mut row = [0; 400];
        noise.write_levels(&mut Rng::new(1), &[2000.0; 200], &mut row);
        assert!(row.chunks_exact(2).all(|b| u16::from_le_bytes([b[0], b[1]]) == 1023));
        noise.write_levels(&mut Rng::new(1), &[-2000.0; 200], &mut row);
        assert!(row.iter().all(|byte| *byte == 0));
    }
}
