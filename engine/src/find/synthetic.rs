//! Frames with beads at known places, for the tests of this folder.

use super::{Candidate, Image, Options, Verdict, find};

/// A frame that beads can be drawn into.
#[derive(Clone)]
pub(super) struct Frame {
    pub pixels: Vec<f32>,
    pub width_px: usize,
    pub height_px: usize,
    random: u64,
}

impl Frame {
    /// A flat frame of level 100.
    pub fn flat(width_px: usize, height_px: usize) -> Self {
        Self { pixels: vec![100.0; width_px * height_px], width_px, height_px, random: 0x9e37_79b9_7f4a_7c15 }
    }

    /// Adds rings 7 px apart that fade out at about 22 px.
    pub fn bead(self, x_px: f64, y_px: f64, amplitude: f64) -> Self {
        self.rings(x_px, y_px, amplitude, 7.0, 11.0)
    }

    /// Adds rings `period_px` apart that fade as a Gaussian of `fade_px`.
    pub fn rings(mut self, x_px: f64, y_px: f64, amplitude: f64, period_px: f64, fade_px: f64) -> Self {
        self.change(|x, y| {
            let radius = (x - x_px).hypot(y - y_px);
            let fade = (-(radius / fade_px).powi(2) / 2.0).exp();
            amplitude * fade * (std::f64::consts::TAU * radius / period_px).cos()
        });
        self
    }

    /// Adds a square with sharp edges.
    pub fn square(mut self, x_px: f64, y_px: f64, half_px: f64, level: f64) -> Self {
        self.change(|x, y| if (x - x_px).abs().max((y - y_px).abs()) <= half_px { level } else { 0.0 });
        self
    }

    /// Adds normally distributed noise, the same in each run (xorshift64, sum of 12 uniform numbers).
    pub fn noise(mut self, sigma: f64) -> Self {
        for index in 0..self.pixels.len() {
            let sum: f64 = (0..12).map(|_| self.uniform()).sum();
            self.pixels[index] += (sigma * (sum - 6.0)) as f32;
        }
        self
    }

    /// The next random number from 0 to 1.
    pub fn uniform(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn image(&self) -> Image<'_> {
        Image { pixels: &self.pixels, width_px: self.width_px, height_px: self.height_px }
    }

    /// All candidates in ROIs of 64 px, without a seed.
    pub fn candidates(&self) -> Vec<Candidate> {
        let options = Options { roi_px: 64, seed_px: None, threshold: None };
        find(&self.image(), &options).expect("the frame can be searched")
    }

    /// The places of the beads in ROIs of 64 px, without a seed.
    pub fn beads(&self) -> Vec<(f64, f64)> {
        beads(&self.candidates())
    }

    fn change(&mut self, add: impl Fn(f64, f64) -> f64) {
        let width = self.width_px;
        for (index, level) in self.pixels.iter_mut().enumerate() {
            *level += add((index % width) as f64, (index / width) as f64) as f32;
        }
    }
}

/// Where the beads among the candidates are.
pub(super) fn beads(candidates: &[Candidate]) -> Vec<(f64, f64)> {
    candidates.iter().filter(|c| c.verdict == Verdict::Bead).map(|c| (c.x_px, c.y_px)).collect()
}

/// Distance from the place to the nearest of the others, px.
pub(super) fn nearest_px(place: (f64, f64), others: &[(f64, f64)]) -> f64 {
    others.iter().map(|other| (other.0 - place.0).hypot(other.1 - place.1)).fold(f64::INFINITY, f64::min)
}
