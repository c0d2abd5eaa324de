//! The image of a bead against its height: the radial model and the table that makes it fast.
//!
//! The field behind the bead is a plane wave of amplitude 1 plus the wave that the bead scatters. The bead is a thin
//! screen: light that crosses it at distance s from its axis runs through 2 (a² - s²)^½ of bead instead of water, which
//! delays and weakens it (anomalous diffraction, van de Hulst 1957, chapter 11). The screen's spectrum S(q), cut at the
//! objective's aperture, is propagated to the focal plane over d = z - focus (angular spectrum; Goodman, Introduction to
//! Fourier Optics, chapter 3), and the camera sees I(r) = |1 + E(r)|², an in-line hologram (Gabor 1948):
//!
//! E(r) = ∫ S(q) exp(-i d (k - (k² - q²)^½)) C(q, d) J0(q r) q dq
//!
//! C is partial coherence. Light that comes in at an angle shifts the whole pattern in proportion to d, and a spread of
//! angles blurs it: exp(-(d q σ / n)² / 2), with σ the numerical aperture of the illumination. A spread of colours blurs
//! the phase: exp(-(d (k - (k² - q²)^½) b)² / 2), with b the relative bandwidth. Both are exact for the interference of
//! E with the plane wave, and approximate for |E|². So is the pixel: its square averages as exp(-q² p² / 24), the first
//! term of sinc(q p / 2). Left out: polarisation, the index step at the cover slip, aberrations.
//!
//! Focus lies above the beads, on the side of the light (d < 0), because that gives the dark core and the rings that
//! measured Z-LUTs show; on the other side the bead acts as a lens and its core is bright. So rings shrink as z grows.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use super::settings::Settings;
use super::wide::wide;

/// Refractive index of water.
const WATER: f64 = 1.33;
/// Distance between table columns, in px; with straight lines between them, see `the_table_is_the_model`.
pub(super) const RING_STEP_PX: f64 = 1.0 / 16.0;
/// Distance between table rows, in nm; with cubics between them.
pub(super) const Z_STEP_NM: f64 = 10.0;

/// The scattered wave as a sum over spatial frequencies.
pub(super) struct Model {
    /// Spatial frequency (rad/nm), path lag (1/nm), and the spectrum with its quadrature weight (re, im), of each node.
    nodes: Vec<Node>,
    blur: f64,
    bandwidth: f64,
    focus_nm: f64,
}

struct Node {
    q: f64,
    lag: f64,
    spectrum: [f64; 2],
}

impl Model {
    /// The model for these settings, good up to `max_radius_nm` from the axis.
    pub(super) fn new(settings: &Settings, max_radius_nm: f64) -> Self {
        let k0 = TAU / settings.wavelength_nm;
        let k = k0 * WATER;
        // An aperture beyond the index of water would collect evanescent waves, which do not reach the focal plane.
        let q_max = k0 * settings.numerical_aperture.min(0.98 * WATER);
        let lag = |q: f64| k - (k * k - q * q).sqrt();
        let max_distance_nm = settings.focus_nm - settings.table_range_nm()[0];
        // Two points per oscillation suffice for Gauss; 64 more make the rest converge (test `quadrature_converges`).
        let phase = q_max * (max_radius_nm + settings.bead_radius_nm) + max_distance_nm * lag(q_max);
        let n_nodes = 64 + (phase / PI) as usize;
        let nodes = gauss_legendre(n_nodes).into_iter().map(|(t, weight)| {
            let q = 0.5 * (t + 1.0) * q_max;
            let pixel = (-(q * settings.pixel_size_nm).powi(2) / 24.0).exp();
            let scale = 0.5 * q_max * weight * q * pixel;
            let [re, im] = screen_spectrum(q, settings, k0);
            Node { q, lag: lag(q), spectrum: [re * scale, im * scale] }
        });
        let blur = settings.illumination_na / WATER;
        Self { nodes: nodes.collect(), blur, bandwidth: settings.bandwidth, focus_nm: settings.focus_nm }
    }

    /// Intensity relative to the background at each of the radii that `bessel` was made for, for a bead at `z_nm`.
    pub(super) fn intensity(&self, z_nm: f64, bessel: &[Vec<f64>]) -> Vec<f64> {
        let d = z_nm - self.focus_nm;
        let terms: Vec<[f64; 2]> =
            self.nodes.iter().map(|node| node.propagated(d, self.blur, self.bandwidth)).collect();
        let at = |row: &Vec<f64>| {
            let (re, im) = row.iter().zip(&terms).fold((1.0, 0.0), |(re, im), (j0, [term_re, term_im])| {
                (re + j0 * term_re, im + j0 * term_im)
            });
            re * re + im * im
        };
        bessel.iter().map(at).collect()
    }

    /// J0(q r) for each of `radii_nm` and each node; the costly part of the model, the same for every height.
    pub(super) fn bessel(&self, radii_nm: impl Iterator<Item = f64>) -> Vec<Vec<f64>> {
        radii_nm.map(|r| self.nodes.iter().map(|node| bessel_j0(node.q * r)).collect()).collect()
    }
}

impl Node {
    /// The spectrum after a distance `d` in nm, weakened by partial coherence.
    fn propagated(&self, d: f64, blur: f64, bandwidth: f64) -> [f64; 2] {
        let phase = -d * self.lag;
        let coherence = (-0.5 * ((d * self.q * blur).powi(2) + (phase * bandwidth).powi(2))).exp();
        let (sin, cos) = phase.sin_cos();
        let [re, im] = self.spectrum;
        [coherence * (re * cos - im * sin), coherence * (re * sin + im * cos)]
    }
}

/// Hankel transform of the bead's screen minus 1: ∫ (t(s) - 1) J0(q s) s ds over the bead, with s = a sin u.
fn screen_spectrum(q: f64, settings: &Settings, k0: f64) -> [f64; 2] {
    let Settings { bead_radius_nm: radius_nm, bead_index, bead_absorption, .. } = *settings;
    let mut sum = [0.0, 0.0];
    for (t, weight) in gauss_legendre(64) {
        let u = 0.5 * (t + 1.0) * FRAC_PI_2;
        let path_nm = 2.0 * radius_nm * u.cos();
        let amplitude = (-k0 * path_nm * bead_absorption).exp();
        let (sin, cos) = (k0 * path_nm * (bead_index - WATER)).sin_cos();
        let s = radius_nm * u.sin();
        let scale = 0.5 * FRAC_PI_2 * weight * bessel_j0(q * s) * s * radius_nm * u.cos();
        sum[0] += scale * (amplitude * cos - 1.0);
        sum[1] += scale * amplitude * sin;
    }
    sum
}

/// The Bessel function J0, from (2/π) ∫ cos(x sin u) du over a quarter turn. The midpoint rule on a periodic function
/// converges faster than any power: the error is J of order 4 n at x, nothing once 4 n > x + 30.
fn bessel_j0(x: f64) -> f64 {
    let n = 8 + (x.abs() / 4.0) as usize + 6;
    let step = FRAC_PI_2 / n as f64;
    (0..n).map(|i| (x * ((i as f64 + 0.5) * step).sin()).cos()).sum::<f64>() / n as f64
}

/// Nodes and weights of Gauss-Legendre quadrature on [-1, 1], by Newton's method on the Legendre polynomial.
fn gauss_legendre(n: usize) -> Vec<(f64, f64)> {
    let node = |i: usize| {
        let mut x = (PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
        let mut slope = 1.0;
        // The start is good to 1/n²; convergence is quadratic.
        for _ in 0..6 {
            let (mut p, mut before) = (1.0, 0.0);
            for j in 0..n {
                let j = j as f64;
                (p, before) = (((2.0 * j + 1.0) * x * p - j * before) / (j + 1.0), p);
            }
            slope = n as f64 * (x * p - before) / (x * x - 1.0);
            x -= p / slope;
        }
        (x, 2.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..n).map(node).collect()
}

/// Images of a bead, ready to be drawn: deviation from the background against radius, row by row of height.
#[derive(Clone, Debug)]
pub(super) struct RadialTable {
    deviations: Vec<f32>,
    n_rings: usize,
    n_planes: usize,
    z_min_nm: f64,
    radius_px: f64,
}

impl RadialTable {
    /// Tabulates the model for these settings over all heights that beads can have.
    pub(super) fn new(settings: &Settings) -> Self {
        let [z_min_nm, z_max_nm] = settings.table_range_nm();
        let radius_px = image_radius_px(settings);
        // One ring more than the radius, so that straight lines have an end, and one plane more on each side for cubics.
        let n_rings = (radius_px / RING_STEP_PX) as usize + 2;
        let n_planes = ((z_max_nm - z_min_nm) / Z_STEP_NM).ceil() as usize + 3;
        let z_min_nm = z_min_nm - Z_STEP_NM;
        let model = Model::new(settings, radius_px * settings.pixel_size_nm);
        let ring_px = |ring: usize| ring as f64 * RING_STEP_PX;
        let bessel = model.bessel((0..n_rings).map(|ring| ring_px(ring) * settings.pixel_size_nm));
        let deviations = (0..n_planes)
            .flat_map(|plane| model.intensity(z_min_nm + plane as f64 * Z_STEP_NM, &bessel))
            .enumerate()
            .map(|(i, intensity)| ((intensity - 1.0) * fade(ring_px(i % n_rings), settings)) as f32)
            .collect();
        Self { deviations, n_rings, n_planes, z_min_nm, radius_px }
    }

    /// Distance from the centre, in px, from which on there is only background.
    pub(super) fn radius_px(&self) -> f64 {
        self.radius_px
    }

    /// Number of rings in a profile.
    pub(super) fn n_rings(&self) -> usize {
        self.n_rings
    }

    /// Writes the profile of a bead at `z_nm` into `profile`: `scale` × (intensity / background - 1), ring by ring.
    ///
    /// Cubic between planes (Lagrange, four planes). A height outside the table shows the nearest one inside.
    pub(super) fn profile(&self, z_nm: f64, scale: f32, profile: &mut [f32]) {
        let at = ((z_nm - self.z_min_nm) / Z_STEP_NM).clamp(1.0, (self.n_planes - 2) as f64);
        let plane = (at as usize).clamp(1, self.n_planes - 3);
        let t = (at - plane as f64) as f32;
        let weights = [
            -t * (t - 1.0) * (t - 2.0) / 6.0,
            (t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0,
            -(t + 1.0) * t * (t - 2.0) / 2.0,
            (t + 1.0) * t * (t - 1.0) / 6.0,
        ]
        .map(|weight| weight * scale);
        let row = |offset: usize| &self.deviations[(plane - 1 + offset) * self.n_rings..][..self.n_rings];
        let rows = row(0).iter().zip(row(1)).zip(row(2).iter().zip(row(3)));
        wide(
            #[inline(always)]
            || {
                for (out, ((a, b), (c, d))) in profile.iter_mut().zip(rows) {
                    *out = a * weights[0] + b * weights[1] + c * weights[2] + d * weights[3];
                }
            },
        );
    }
}

/// Distance from a bead's centre, in px, at which its rings end.
pub(super) fn image_radius_px(settings: &Settings) -> f64 {
    f64::from(settings.roi_px) * 0.625
}

/// 1 inside half the ROI, then half a cosine down to 0 at the image radius: no edge for a tracker to see.
pub(super) fn fade(r_px: f64, settings: &Settings) -> f64 {
    let begin = 0.5 * f64::from(settings.roi_px);
    let part = ((r_px - begin) / (image_radius_px(settings) - begin)).clamp(0.0, 1.0);
    0.5 + 0.5 * (PI * part).cos()
}

#[cfg(test)]
#[path = "optics_tests.rs"]
mod tests;
