//! A patch in polar coordinates: its radial profile, and what the profile does not explain.

use std::f64::consts::TAU;

use super::plane::Plane;

/// Directions in which the patch is sampled: a pixel apart at a radius of 20 px.
const N_ANGLES: usize = 128;
/// Ring ends where the profile stays within this part of its largest excursion.
const RING_VISIBLE: f64 = 0.1;

/// Pixels of the frame that a sample of this ring stands for, in proportion.
fn area(ring: usize) -> f64 {
    ring as f64 + 0.25
}

/// The patch in polar coordinates: angles × rings, one ring a pixel.
pub(super) struct Polar {
    levels: Vec<f64>,
    n_rings: usize,
}

impl Polar {
    /// Samples the patch around a place.
    pub fn new(plane: &Plane, (x_px, y_px): (f64, f64), n_rings: usize) -> Self {
        let mut levels = Vec::with_capacity(N_ANGLES * n_rings);
        for angle in 0..N_ANGLES {
            let (sine, cosine) = (TAU * angle as f64 / N_ANGLES as f64).sin_cos();
            levels.extend((0..n_rings).map(|ring| {
                let radius_px = ring as f64;
                plane.sample(x_px + radius_px * cosine, y_px + radius_px * sine)
            }));
        }
        Self { levels, n_rings }
    }

    /// Sum of the squares of what the radial profile leaves over, by area.
    pub fn residual(&self) -> f64 {
        let profile = self.mean_profile();
        let of_line = |line: &[f64]| {
            line.iter()
                .zip(&profile)
                .enumerate()
                .map(|(ring, (a, b))| area(ring) * (a - b).powi(2))
                .sum::<f64>()
        };
        self.levels.chunks_exact(self.n_rings).map(of_line).sum()
    }

    /// Mean grey level of each ring.
    pub fn mean_profile(&self) -> Vec<f64> {
        let mut profile = vec![0.0; self.n_rings];
        for line in self.levels.chunks_exact(self.n_rings) {
            profile.iter_mut().zip(line).for_each(|(sum, level)| *sum += level / N_ANGLES as f64);
        }
        profile
    }

    /// Median over the angles: a neighbour that covers less than half of a ring does not show in it.
    pub fn median_profile(&self) -> Vec<f64> {
        let mut column = vec![0.0; N_ANGLES];
        (0..self.n_rings)
            .map(|ring| {
                let levels = self.levels.iter().skip(ring).step_by(self.n_rings);
                column.iter_mut().zip(levels).for_each(|(to, from)| *to = *from);
                median(&mut column)
            })
            .collect()
    }

    /// Largest mean deviation of a spot from the profile, grey levels. A spot is 3 rings by a sixteenth of a turn, and the
    /// nearer to the centre the less it counts, as it has fewer pixels.
    pub fn blemish(&self, profile: &[f64], n_rings: usize, noise: f64) -> f64 {
        const SPOT_ANGLES: usize = N_ANGLES / 16;
        const SPOT_RINGS: usize = 3;
        const NOISE_SIGMAS: f64 = 4.0; // some 500 spots: less than one of them deviates more by noise alone
        let mut worst = 0.0f64;
        for first_angle in (0..N_ANGLES).step_by(SPOT_ANGLES / 2) {
            for first_ring in 1..n_rings.saturating_sub(SPOT_RINGS) {
                let mut sum = 0.0;
                for angle in first_angle..first_angle + SPOT_ANGLES {
                    let first = (angle % N_ANGLES) * self.n_rings + first_ring;
                    let levels = self.levels[first..first + SPOT_RINGS].iter();
                    sum += levels.zip(&profile[first_ring..]).map(|(level, mean)| level - mean).sum::<f64>();
                }
                let ring = (first_ring + SPOT_RINGS / 2) as f64;
                let pixels = SPOT_RINGS as f64 * TAU * ring / 16.0;
                let deviation =
                    sum.abs() / (SPOT_ANGLES * SPOT_RINGS) as f64 - NOISE_SIGMAS * noise / pixels.sqrt();
                worst = worst.max(deviation * (ring / n_rings as f64).sqrt());
            }
        }
        worst
    }

    /// Part of the variance within `n_rings` that the profile explains, and the standard deviation; noise taken off.
    pub fn explained(&self, profile: &[f64], n_rings: usize, noise: f64) -> (f64, f64) {
        let weights: f64 = (0..n_rings).map(area).sum::<f64>() * N_ANGLES as f64;
        let mean =
            (0..n_rings).map(|ring| area(ring) * profile[ring]).sum::<f64>() * N_ANGLES as f64 / weights;
        let (mut total, mut residual) = (0.0, 0.0);
        for line in self.levels.chunks_exact(self.n_rings) {
            for ring in 0..n_rings {
                total += area(ring) * (line[ring] - mean).powi(2);
                residual += area(ring) * (line[ring] - profile[ring]).powi(2);
            }
        }
        let total = total / weights - noise * noise;
        let residual = (residual / weights - noise * noise).max(0.0);
        if total <= 0.0 { (0.0, 0.0) } else { ((1.0 - residual / total).max(0.0), total.sqrt()) }
    }
}

/// Median, reordering the values; of an even number the mean of the middle two, so that an inverted frame gives the same
/// rings.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    (values[last / 2] + values[last.div_ceil(2)]) / 2.0
}

/// Radius of the last ring that stands out from the background outside, px.
pub(super) fn ring_radius(profile: &[f64], noise: f64) -> f64 {
    let mut outer: Vec<f64> = profile[profile.len() * 3 / 4..].to_vec();
    let background = median(&mut outer);
    let largest = profile.iter().map(|level| (level - background).abs()).fold(0.0, f64::max);
    let visible = (RING_VISIBLE * largest).max(noise);
    profile.iter().rposition(|level| (level - background).abs() > visible).unwrap_or(0) as f64
}

/// Pearson correlation of the first `n_rings` of two profiles, each ring weighted by its area; 0 for a flat one.
pub(super) fn correlation(a: &[f64], b: &[f64], n_rings: usize) -> f64 {
    let weights: f64 = (0..n_rings).map(area).sum();
    let mean = |profile: &[f64]| (0..n_rings).map(|ring| area(ring) * profile[ring]).sum::<f64>() / weights;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut aa, mut ab, mut bb) = (0.0, 0.0, 0.0);
    for ring in 0..n_rings {
        let (da, db) = (a[ring] - mean_a, b[ring] - mean_b);
        aa += area(ring) * da * da;
        ab += area(ring) * da * db;
        bb += area(ring) * db * db;
    }
    if aa * bb > 0.0 { ab / (aa * bb).sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::{super::synthetic::Frame, *};

    #[test]
    fn profile_explains_rings_about_their_centre_only() {
        let plane = Plane::new(&Frame::flat(120, 120).bead(60.3, 59.6, 40.0).image()).unwrap();
        let at = |x_px, y_px| {
            let polar = Polar::new(&plane, (x_px, y_px), 25);
            (polar.explained(&polar.mean_profile(), 25, 0.0).0, polar.residual())
        };
        let (explained, residual) = at(60.3, 59.6);
        let (explained_beside, residual_beside) = at(62.3, 59.6);
        assert!(explained > 0.99 && explained_beside < 0.7, "{explained} {explained_beside}");
        assert!(residual < 0.02 * residual_beside, "{residual} {residual_beside}");
    }

    #[test]
    fn median_profile_passes_over_a_neighbour() {
        let profile = |frame: Frame| {
            let polar = Polar::new(&Plane::new(&frame.image()).unwrap(), (60.0, 60.0), 25);
            (polar.mean_profile()[20], polar.median_profile()[20])
        };
        let (mean, median) = profile(Frame::flat(120, 120).square(80.0, 60.0, 6.0, 80.0));
        assert!((median - 100.0).abs() < 0.1 && mean > 105.0, "{median} {mean}");
    }

    #[test]
    fn median_is_the_middle() {
        assert_eq!(median(&mut [3.0, 9.0, 1.0]), 3.0);
        assert_eq!(median(&mut [3.0, 9.0, 1.0, 4.0]), 3.5);
    }

    #[test]
    fn correlation_ignores_gain_and_offset_and_rings_beyond() {
        let a = [1.0, 4.0, 2.0, 8.0, 5.0];
        let b = [-1.0, -7.0, -3.0, -15.0, 100.0];
        assert!((correlation(&a, &b, 4) + 1.0).abs() < 1e-12);
        assert!(correlation(&a, &b, 5) > -0.9);
        assert_eq!(correlation(&a, &[2.0; 5], 5), 0.0);
    }
}
