//! Mean grey level over the distance from the centre: each pixel counts for the bin nearest to it.

/// A radial profile of bins `1 / oversample` px apart, from the centre to half the ROI.
#[derive(Clone, Debug)]
pub struct RadialProfile {
    roi_px: usize,
    oversample: usize,
}

impl RadialProfile {
    /// For ROIs of `roi_px`.
    pub fn new(roi_px: usize, oversample: usize) -> Self {
        Self { roi_px, oversample }
    }

    /// Number of bins.
    pub fn bins(&self) -> usize {
        (self.roi_px / 2) * self.oversample
    }

    /// Adds every pixel to the sum of its bin and counts it.
    pub fn add(&self, pixels: &[f64], center_px: (f64, f64), sums: &mut [f64], counts: &mut [u32]) {
        let oversample = self.oversample as f64;
        for (y, row) in pixels.chunks_exact(self.roi_px).enumerate() {
            let dy = y as f64 - center_px.1;
            for (x, pixel) in row.iter().enumerate() {
                let dx = x as f64 - center_px.0;
                let bin = ((dx * dx + dy * dy).sqrt() * oversample).round_ties_even() as usize;
                if let (Some(sum), Some(count)) = (sums.get_mut(bin), counts.get_mut(bin)) {
                    *sum += pixel;
                    *count += 1;
                }
            }
        }
    }
}
