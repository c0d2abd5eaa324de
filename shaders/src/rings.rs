//! Which radii are measured, and where on each ring the samples lie.

/// Radii at which profiles are measured: ring k is at `first_ring_px + k * ring_step_px`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rings {
    /// Radius of ring 0, px; not negative.
    pub first_ring_px: f64,
    /// Distance between rings, px; above 0.
    pub ring_step_px: f64,
    /// How many rings.
    pub n_rings: usize,
}

impl Rings {
    /// The default sampling: half a pixel apart, from the centre to the largest whole ring of a centred bead.
    ///
    /// Half a pixel, because the finest fringes a microscope resolves have a period of about 2 px at 100 nm/px.
    pub fn for_roi(roi_px: usize) -> Self {
        // The largest radius is (roi - 1)/2: in half pixels, roi - 1 steps and ring 0.
        Self { first_ring_px: 0.0, ring_step_px: 0.5, n_rings: roi_px }
    }

    /// Every second ring of [`Rings::for_roi`]: enough to find the way to the centre.
    pub fn coarse_for_roi(roi_px: usize) -> Self {
        Self { first_ring_px: 0.0, ring_step_px: 1.0, n_rings: roi_px.div_ceil(2) }
    }

    /// Radius of ring `k`, px.
    pub fn radius_px(&self, k: usize) -> f64 {
        self.first_ring_px + self.ring_step_px * k as f64
    }

    /// Number of rings, counted from the centre, with a radius up to `radius_px`. 0 for NaN.
    pub fn up_to(&self, radius_px: f64) -> usize {
        // The slack keeps a ring that fits exactly from being lost to rounding.
        let count = ((radius_px - self.first_ring_px) / self.ring_step_px + 1.0 + 1e-6).floor();
        // `as` saturates: negative and NaN become 0.
        (count as usize).min(self.n_rings)
    }
}

/// Distance of neighbours on a ring, px. With rings half a pixel apart this is 1.7 samples per pixel: with 2.4 times
/// as many the spread on simulated beads is the same to 1 %.
pub const ARC_STEP_PX: f64 = 1.2;

/// Distance of neighbours on the rings of [`Rings::coarse_for_roi`], px: 0.4 samples per pixel.
pub const COARSE_ARC_STEP_PX: f64 = 2.5;

/// Where each ring is sampled: offsets from the centre, made once and used for every image.
///
/// Only the first quadrant is stored; the others are its turns by 90 degrees. So all four quadrants hold the same
/// number of samples at the same angles, and no sample lies on an axis, where it would count for two of them:
/// either of these would move the centre.
#[derive(Clone, Debug)]
pub struct PolarGrid {
    rings: Rings,
    /// First offset of each ring in `offsets_px`, and one past the last.
    starts: Vec<usize>,
    offsets_px: Vec<[f32; 2]>,
}

impl PolarGrid {
    /// A grid with about `arc_step_px` between neighbours on a ring.
    pub fn new(rings: Rings, arc_step_px: f64) -> Self {
        let quarter_turn = std::f64::consts::FRAC_PI_2;
        let mut starts = vec![0];
        let mut offsets_px = Vec::new();
        for k in 0..rings.n_rings {
            let radius = rings.radius_px(k);
            // Two at least: with one per quadrant all would lie on the diagonals. An even number, because two are
            // taken at a time.
            let count = ((quarter_turn * radius / arc_step_px).ceil() as usize).max(2).next_multiple_of(2);
            for j in 0..count {
                let angle = quarter_turn * (j as f64 + 0.5) / count as f64;
                offsets_px.push([(radius * angle.cos()) as f32, (radius * angle.sin()) as f32]);
            }
            starts.push(offsets_px.len());
        }
        Self { rings, starts, offsets_px }
    }

    /// The radii.
    pub fn rings(&self) -> &Rings {
        &self.rings
    }

    /// Offsets (x, y) in px of the samples of ring `k` in its first quadrant. Empty if there is no such ring.
    #[inline]
    pub fn first_quadrant_px(&self, k: usize) -> &[[f32; 2]] {
        match (self.starts.get(k), self.starts.get(k + 1)) {
            (Some(&from), Some(&to)) => &self.offsets_px[from..to],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_rings_reach_the_border_pixels_of_a_centred_bead() {
        for roi_px in [8, 9, 64, 101] {
            let rings = Rings::for_roi(roi_px);
            assert_eq!(rings.radius_px(rings.n_rings - 1), (roi_px as f64 - 1.0) / 2.0);
            let coarse = Rings::coarse_for_roi(roi_px);
            assert!(coarse.radius_px(coarse.n_rings - 1) <= (roi_px as f64 - 1.0) / 2.0);
        }
    }

    #[test]
    fn up_to_counts_rings_that_fit() {
        let rings = Rings::for_roi(64);
        assert_eq!(rings.up_to(31.5), 64);
        assert_eq!(rings.up_to(0.4), 1);
        assert_eq!(rings.up_to(-0.1), 0);
        assert_eq!(rings.up_to(f64::NAN), 0);
        assert_eq!(rings.up_to(1e9), 64);
    }

    #[test]
    fn samples_lie_on_their_ring_inside_the_quadrant_and_mirror_on_its_diagonal() {
        let grid = PolarGrid::new(Rings::for_roi(64), ARC_STEP_PX);
        for k in 1..64 {
            let ring = grid.first_quadrant_px(k);
            let radius = grid.rings().radius_px(k) as f32;
            for (&[dx, dy], &[mx, my]) in ring.iter().zip(ring.iter().rev()) {
                assert!(dx > 0.0 && dy > 0.0, "a sample on an axis");
                assert!((dx.hypot(dy) - radius).abs() < 1e-4);
                assert!((dx - my).abs() < 1e-4 && (dy - mx).abs() < 1e-4, "x and y are not treated alike");
            }
        }
        assert!(grid.first_quadrant_px(64).is_empty());
    }
}
