//! A Z-LUT checked and prepared for matching.

use crate::image_model::ImageModel;
use crate::rings::{ARC_STEP_PX, PolarGrid, Rings};
use crate::z_spline::{MIN_PLANES, ZSpline};

/// Why a Z-LUT cannot be matched against.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MatchError {
    /// Numbers of values, planes and rings do not belong together.
    #[error("the Z-LUT has {values} values for {planes} planes of {rings} rings")]
    Shape {
        /// Values given.
        values: usize,
        /// Heights given.
        planes: usize,
        /// Rings given.
        rings: usize,
    },
    /// Heights are not in order.
    #[error("heights of the Z-LUT must increase from plane to plane: plane {plane} is at {z_nm} nm")]
    NotIncreasing {
        /// The first plane that is not above the one before it, or not a number.
        plane: usize,
        /// Its height, nm.
        z_nm: f64,
    },
    /// Radii make no sense.
    #[error("rings from {first_ring_px} px in steps of {ring_step_px} px cannot be sampled")]
    Radii {
        /// Radius of ring 0, px.
        first_ring_px: f64,
        /// Distance between rings, px.
        ring_step_px: f64,
    },
    /// Too little is left without what is NaN.
    #[error("too little in the Z-LUT: {planes} planes and {rings} rings without NaN; 4 of each are needed")]
    TooFew {
        /// Planes left.
        planes: usize,
        /// Rings left.
        rings: usize,
    },
}

/// Fewest rings a match may rest on: one more than the unknowns z, gain and offset.
pub const MIN_RINGS: usize = 4;

/// Planes that are compared side by side.
pub(crate) const SCAN_PLANES: usize = 32;

/// The values of the planes in the order in which they are compared: blocks of planes, in each ring after ring. So the
/// sums of a plane grow in place, where those of a row would have to be added up across a register for every plane.
#[derive(Clone, Debug)]
pub(crate) struct PlaneScan {
    n_rings: usize,
    rows: Vec<[f32; SCAN_PLANES]>,
}

impl PlaneScan {
    fn new(spline: &ZSpline, n_rings: usize) -> Self {
        let n_planes = spline.z_nm().len();
        let row = |first: usize, k: usize| {
            // The last block is filled up with the last plane.
            std::array::from_fn(|i| spline.plane((first + i).min(n_planes - 1))[k])
        };
        let blocks = (0..n_planes).step_by(SCAN_PLANES);
        Self { n_rings, rows: blocks.flat_map(|first| (0..n_rings).map(move |k| row(first, k))).collect() }
    }

    /// Blocks of planes, each with a row of values for every ring.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &[[f32; SCAN_PLANES]]> {
        self.rows.chunks_exact(self.n_rings)
    }
}

/// A Z-LUT prepared for matching.
#[derive(Clone, Debug)]
pub struct MatchTable {
    pub(crate) spline: ZSpline,
    pub(crate) scan: PlaneScan,
    /// False for rings that are NaN in some plane.
    pub(crate) usable: Vec<bool>,
    grid: PolarGrid,
    image_model: Option<ImageModel>,
}

impl MatchTable {
    /// `profiles`: planes x rings, row-major, grey levels; ring k at radius `first_ring_px + k * ring_step_px`.
    /// `z_nm`: height of each plane, strictly increasing, steps need not be equal.
    ///
    /// Planes that are NaN in more than half of their rings are left out, then rings that are NaN in any plane.
    pub fn new(
        profiles: &[f32],
        z_nm: &[f64],
        n_rings: usize,
        first_ring_px: f64,
        ring_step_px: f64,
    ) -> Result<Self, MatchError> {
        if Some(profiles.len()) != z_nm.len().checked_mul(n_rings) || n_rings == 0 {
            return Err(MatchError::Shape { values: profiles.len(), planes: z_nm.len(), rings: n_rings });
        }
        check_heights(z_nm)?;
        let good_radii = first_ring_px >= 0.0 && ring_step_px > 0.0;
        let outermost_px = first_ring_px + ring_step_px * n_rings as f64;
        // 4096: no ROI is that large, and the grid grows with the square of it.
        if !(good_radii && ring_step_px.is_finite() && outermost_px < 4096.0) {
            return Err(MatchError::Radii { first_ring_px, ring_step_px });
        }
        let rows: Vec<(f64, &[f32])> = z_nm.iter().copied().zip(profiles.chunks_exact(n_rings)).collect();
        let kept: Vec<(f64, &[f32])> = rows
            .into_iter()
            .filter(|(_, row)| 2 * row.iter().filter(|v| v.is_finite()).count() > n_rings)
            .collect();
        let usable: Vec<bool> =
            (0..n_rings).map(|k| kept.iter().all(|(_, row)| row[k].is_finite())).collect();
        let rings = usable.iter().filter(|u| **u).count();
        if kept.len() < MIN_PLANES || rings < MIN_RINGS {
            return Err(MatchError::TooFew { planes: kept.len(), rings });
        }
        let heights: Vec<f64> = kept.iter().map(|(z, _)| *z).collect();
        // The model has no gaps: it ends where the first ring is missing.
        let whole = usable.iter().take_while(|usable| **usable).count();
        let rows: Vec<f32> = kept.iter().flat_map(|(_, row)| &row[..whole]).copied().collect();
        let image_model =
            ImageModel::from_profiles(&rows, &heights, whole, (first_ring_px, ring_step_px)).ok();
        let values = kept.iter().flat_map(|(_, row)| centered(row, &usable)).collect();
        let grid = PolarGrid::new(Rings { first_ring_px, ring_step_px, n_rings }, ARC_STEP_PX);
        let spline = ZSpline::new(heights, values, n_rings);
        let scan = PlaneScan::new(&spline, n_rings);
        Ok(Self { spline, scan, usable, grid, image_model })
    }

    /// The same with a model of the image that was fitted to pixels, in place of the one through the profiles.
    pub fn with_image_model(self, model: ImageModel) -> Self {
        Self { image_model: Some(model), ..self }
    }

    /// The bead's image as a function of radius and height. `None` if the innermost rings are missing.
    pub fn image_model(&self) -> Option<&ImageModel> {
        self.image_model.as_ref()
    }

    /// Where its rings are sampled.
    pub fn grid(&self) -> &PolarGrid {
        &self.grid
    }

    /// Lowest and highest plane, nm.
    pub fn range_nm(&self) -> (f64, f64) {
        let z_nm = self.spline.z_nm();
        (z_nm[0], z_nm[z_nm.len() - 1])
    }
}

pub(crate) fn check_heights(z_nm: &[f64]) -> Result<(), MatchError> {
    for (plane, z) in z_nm.iter().enumerate() {
        if !z.is_finite() || (plane > 0 && *z <= z_nm[plane - 1]) {
            return Err(MatchError::NotIncreasing { plane, z_nm: *z });
        }
    }
    Ok(())
}

/// A plane less its mean, 0 where it is not usable. The offset is an unknown of the match, so the mean carries
/// nothing, and f32 keeps its digits for the rings.
fn centered<'a>(row: &'a [f32], usable: &'a [bool]) -> impl Iterator<Item = f32> + 'a {
    let both = row.iter().zip(usable);
    let (sum, count) =
        both.clone().filter(|(_, u)| **u).fold((0.0, 0.0), |(s, n), (v, _)| (s + f64::from(*v), n + 1.0));
    let mean = sum / count;
    both.map(move |(v, u)| if *u { (f64::from(*v) - mean) as f32 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_tables_are_refused_with_a_reason() {
        let make = |values: &[f32], z: &[f64], rings, step| MatchTable::new(values, z, rings, 0.0, step);
        assert!(matches!(make(&[1.0; 7], &[0.0, 1.0], 4, 0.5), Err(MatchError::Shape { .. })));
        assert!(matches!(make(&[], &[], 0, 0.5), Err(MatchError::Shape { .. })));
        assert!(matches!(
            make(&[1.0; 8], &[0.0, 0.0], 4, 0.5),
            Err(MatchError::NotIncreasing { plane: 1, .. })
        ));
        assert!(matches!(make(&[1.0; 8], &[0.0, 1.0], 4, 0.5), Err(MatchError::TooFew { planes: 2, .. })));
        assert!(matches!(make(&[1.0; 8], &[0.0, 1.0], 4, 0.0), Err(MatchError::Radii { .. })));
        assert!(matches!(make(&[1.0; 8], &[0.0, f64::NAN], 4, 0.5), Err(MatchError::NotIncreasing { .. })));
    }

    #[test]
    fn the_model_of_the_image_ends_where_the_first_ring_is_missing() {
        let missing = |first: usize| -> Vec<f32> {
            (0..4 * 20)
                .map(|i| if (first..first + 2).contains(&(i % 20)) { f32::NAN } else { (i * i % 7) as f32 })
                .collect()
        };
        let heights = [0.0, 100.0, 200.0, 300.0];
        let model = |first| MatchTable::new(&missing(first), &heights, 20, 0.0, 0.5).unwrap().image_model;
        assert_eq!(model(12).unwrap().n_knots(), 12);
        assert!(model(0).is_none());
    }
}
