//! Mean amplitude over the spatial frequency, of the image under a Gaussian about the bead.

use std::fmt;
use std::sync::Arc;

use rustfft::num_complex::Complex64;
use rustfft::{Fft, FftPlanner};

use crate::magtrack::options::Options;

/// An FFT profile: bins `1 / oversample` frequency steps apart.
#[derive(Clone)]
pub struct FftProfile {
    roi_px: usize,
    /// Standard deviation of the Gaussian, px.
    sigma_px: f64,
    bins: usize,
    plan: Arc<dyn Fft<f64>>,
    /// The bin of each frequency; `bins` and more for those that count nowhere. One row per frequency in x, from 0 to
    /// half the ROI, in it the frequencies in y as the FFT orders them.
    bin_of: Vec<u32>,
}

/// Room for one spectrum.
#[derive(Clone, Debug)]
pub struct FftScratch {
    row_weights: Vec<f64>,
    column_weights: Vec<f64>,
    row: Vec<Complex64>,
    /// As [`FftProfile::bin_of`].
    spectrum: Vec<Complex64>,
    plan: Vec<Complex64>,
}

impl fmt::Debug for FftProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { roi_px, sigma_px, bins, .. } = self;
        write!(f, "FftProfile {{ roi_px: {roi_px}, sigma_px: {sigma_px}, bins: {bins} }}")
    }
}

impl FftProfile {
    /// For ROIs of `roi_px`.
    pub fn new(roi_px: usize, options: &Options) -> Self {
        let (first, end) = options.fft_bins(roi_px);
        let half = roi_px / 2;
        let mut bin_of = Vec::with_capacity((half + 1) * roi_px);
        for x in 0..=half {
            for y in 0..roi_px {
                // How far the frequency is from 0, which stands at `half` once the halves are swapped. MagTrack rounds
                // in single precision, where a radius can fall on a tie that it is not on.
                let off = (y + half) % roi_px;
                let radius = (x as f64).hypot(off as f64 - half as f64) as f32;
                let bin = (radius * options.fft_oversample as f32).round_ties_even() as usize;
                let used = (first..end).contains(&bin);
                bin_of.push(if used { (bin - first) as u32 } else { u32::MAX });
            }
        }
        Self {
            roi_px,
            sigma_px: roi_px as f64 / options.fft_gaus_factor,
            bins: end.saturating_sub(first),
            plan: FftPlanner::new().plan_fft_forward(roi_px),
            bin_of,
        }
    }

    /// Number of bins.
    pub fn bins(&self) -> usize {
        self.bins
    }

    /// Room for [`Self::add`].
    pub fn scratch(&self) -> FftScratch {
        let zeros = |count| vec![Complex64::default(); count];
        FftScratch {
            row_weights: vec![0.0; self.roi_px],
            column_weights: vec![0.0; self.roi_px],
            row: zeros(self.roi_px),
            spectrum: zeros(self.bin_of.len()),
            plan: zeros(self.plan.get_inplace_scratch_len()),
        }
    }

    /// Adds the amplitude of every frequency to the sum of its bin and counts it.
    ///
    /// The Gaussian stands at row x and column y, as it does in MagTrack 1.0.0.
    pub fn add(
        &self,
        pixels: &[f64],
        center_px: (f64, f64),
        scratch: &mut FftScratch,
        sums: &mut [f64],
        counts: &mut [u32],
    ) {
        let FftScratch { row_weights, column_weights, row, spectrum, plan } = scratch;
        self.weigh(center_px.0, row_weights);
        self.weigh(center_px.1, column_weights);
        for (y, (levels, row_weight)) in pixels.chunks_exact(self.roi_px).zip(&*row_weights).enumerate() {
            for ((value, level), weight) in row.iter_mut().zip(levels).zip(&*column_weights) {
                *value = Complex64::new(level * (row_weight * weight), 0.0);
            }
            self.plan.process_with_scratch(row, plan);
            for (column, value) in spectrum.chunks_exact_mut(self.roi_px).zip(&*row) {
                column[y] = *value;
            }
        }
        for column in spectrum.chunks_exact_mut(self.roi_px) {
            self.plan.process_with_scratch(column, plan);
        }
        for (value, bin) in spectrum.iter().zip(&self.bin_of) {
            let bin = *bin as usize;
            if let (Some(sum), Some(count)) = (sums.get_mut(bin), counts.get_mut(bin)) {
                *sum += value.norm();
                *count += 1;
            }
        }
    }

    fn weigh(&self, center_px: f64, weights: &mut [f64]) {
        for (place, weight) in weights.iter_mut().enumerate() {
            let off_px = place as f64 - center_px;
            *weight = (-off_px * off_px / (2.0 * self.sigma_px * self.sigma_px)).exp();
        }
    }
}
