//! How far two trackers differ on the same beads, and how far they may.

use crate::tracks::TrackRow;

/// Largest differences between two trackers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    /// Of x and y, px.
    pub xy_px: f64,
    /// Of z, nm.
    pub z_nm: f64,
    /// Of the quality.
    pub quality: f64,
    /// Of the standard errors, as a part of them.
    pub sigma: f64,
    /// Rows of other beads, with other flags, or where only one of the two found something.
    pub others: usize,
}

impl Difference {
    /// Between rows of the same beads in the same frames.
    pub fn of(ours: &[TrackRow], theirs: &[TrackRow]) -> Self {
        let mut worst = Self { others: ours.len().abs_diff(theirs.len()), ..Self::default() };
        for (ours, theirs) in ours.iter().zip(theirs) {
            let pairs = [(ours.x_px, theirs.x_px), (ours.y_px, theirs.y_px), (ours.z_nm, theirs.z_nm)];
            let sigmas = ours.sigma.into_iter().zip(theirs.sigma);
            let mut others = sigmas.clone().chain([(ours.quality, theirs.quality)]);
            if ours.bead != theirs.bead
                || ours.flags != theirs.flags
                || pairs.iter().any(|(a, b)| a.is_nan() != b.is_nan())
                || others.any(|(a, b)| a.is_nan() != b.is_nan())
            {
                worst.others += 1;
                continue;
            }
            // NaN is never the larger one.
            let [x, y, z] = pairs.map(|(a, b)| (a - b).abs());
            worst.xy_px = worst.xy_px.max(x).max(y);
            worst.z_nm = worst.z_nm.max(z);
            for (a, b) in sigmas {
                worst.sigma = worst.sigma.max(f64::from((a / b - 1.0).abs()));
            }
            worst.quality = worst.quality.max(f64::from((ours.quality - theirs.quality).abs()));
        }
        worst
    }

    /// No measurement would tell the two apart.
    pub fn is_small(&self) -> bool {
        self.xy_px <= 1e-3
            && self.z_nm <= 0.1
            && self.quality <= 1e-4
            && self.sigma < 0.01
            && self.others == 0
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;

    #[test]
    fn each_difference_counts() {
        let row = TrackRow { x_px: 5.0, y_px: 5.0, z_nm: 5.0, sigma: [1.0; 3], ..TrackRow::zeroed() };
        let small = |other: TrackRow| Difference::of(&[row, row], &[row, other]).is_small();
        assert!(small(row));
        assert!(small(TrackRow { x_px: 5.0009, z_nm: 5.09, ..row }));
        for other in [
            TrackRow { x_px: 5.0011, ..row },
            TrackRow { y_px: 4.9989, ..row },
            TrackRow { z_nm: 5.11, ..row },
            TrackRow { z_nm: f64::NAN, ..row },
            TrackRow { quality: 0.01, ..row },
            TrackRow { quality: f32::NAN, ..row },
            TrackRow { sigma: [1.0, 1.0, 1.02], ..row },
            TrackRow { sigma: [1.0, f32::NAN, 1.0], ..row },
            TrackRow { flags: 1, ..row },
            TrackRow { bead: 1, ..row },
        ] {
            assert!(!small(other), "{other:?}");
        }
        assert!(!Difference::of(&[row], &[]).is_small());
    }
}
