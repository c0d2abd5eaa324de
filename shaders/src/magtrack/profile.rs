//! What is looked up: grey levels over the distance from the centre, or amplitudes over the spatial frequency.

mod fft;
mod radial;

use super::options::Options;
use fft::{FftProfile, FftScratch};
use radial::RadialProfile;

/// The profile that the options ask for.
#[derive(Clone, Debug)]
pub enum Profile {
    /// Mean grey level of the pixels nearest to each radius.
    Radial(RadialProfile),
    /// Mean amplitude of the frequencies nearest to each radius in the spectrum.
    Fft(FftProfile),
}

/// A profile and what it takes to measure one.
#[derive(Clone, Debug)]
pub struct ProfileScratch {
    sums: Vec<f64>,
    counts: Vec<u32>,
    fft: Option<FftScratch>,
}

impl Profile {
    /// Prepares the profile for ROIs of `roi_px`.
    pub fn new(roi_px: usize, options: &Options) -> Self {
        if options.use_fft_profile {
            Self::Fft(FftProfile::new(roi_px, options))
        } else {
            Self::Radial(RadialProfile::new(roi_px, options.radial_oversample))
        }
    }

    /// Number of bins.
    pub fn bins(&self) -> usize {
        match self {
            Self::Radial(radial) => radial.bins(),
            Self::Fft(fft) => fft.bins(),
        }
    }

    /// Scratch for [`Self::measure`].
    pub fn scratch(&self) -> ProfileScratch {
        let fft = match self {
            Self::Radial(_) => None,
            Self::Fft(fft) => Some(fft.scratch()),
        };
        ProfileScratch { sums: vec![0.0; self.bins()], counts: vec![0; self.bins()], fft }
    }

    /// Whether `scratch` was made for such a profile. The size of the ROI is for the caller to compare.
    pub fn fits(&self, scratch: &ProfileScratch) -> bool {
        scratch.sums.len() == self.bins() && scratch.fft.is_some() == matches!(self, Self::Fft(_))
    }

    /// Measures the profile about `center_px`; [`ProfileScratch::values`] then holds it.
    pub fn measure(&self, pixels: &[f64], center_px: (f64, f64), scratch: &mut ProfileScratch) {
        let ProfileScratch { sums, counts, fft: room } = scratch;
        sums.fill(0.0);
        counts.fill(0);
        match (self, room) {
            (Self::Radial(radial), _) => radial.add(pixels, center_px, sums, counts),
            (Self::Fft(fft), Some(room)) => fft.add(pixels, center_px, room, sums, counts),
            (Self::Fft(_), None) => {}
        }
        for (sum, count) in sums.iter_mut().zip(&*counts) {
            // 0 / 0: a bin without a pixel is NaN.
            *sum /= f64::from(*count);
        }
    }
}

impl ProfileScratch {
    /// The profile last measured.
    pub fn values(&mut self) -> &mut [f64] {
        &mut self.sums
    }
}
