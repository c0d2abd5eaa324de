//! Every ringed object of the frame, measured: beads, members of clusters and debris alike.

use super::{
    FindError,
    plane::Plane,
    symmetry::{Patch, centre, measure},
    vote::{edge_threshold, peaks},
    watch::Watch,
};

/// From here on the radial profile describes the patch; clean beads of a real frame have 0.95 to 0.99, the two of a
/// touching pair 0.3 to 0.9.
pub(super) const ROUND: f64 = 0.85;

/// Centres nearer to each other are those of one object, px.
const SAME_PX: f64 = 2.0;

/// Something that edges point to.
#[derive(Clone, Debug)]
pub(super) struct Object {
    /// Symmetry centre, or where it was looked for, px.
    pub x_px: f64,
    /// As `x_px`.
    pub y_px: f64,
    /// How many edge pixels point to it: grows with the number and size of its rings.
    pub votes: f32,
    /// What it looks like; `None` where no centre was found.
    pub patch: Option<Patch>,
    /// Correlation with the seed, if there is one.
    pub likeness: f32,
}

impl Object {
    /// True if its profile describes all of it.
    pub fn is_round(&self) -> bool {
        self.patch.as_ref().is_some_and(|patch| patch.symmetry >= ROUND)
    }

    /// Distance between the centres, px.
    pub fn distance_px(&self, other: &Self) -> f64 {
        (self.x_px - other.x_px).hypot(self.y_px - other.y_px)
    }
}

/// Lists the objects of the frame by falling votes, each once.
///
/// # Errors
/// If it was cancelled.
pub(super) fn survey(plane: &Plane, roi_px: usize, watch: &Watch<'_>) -> Result<Vec<Object>, FindError> {
    let edge = edge_threshold(plane);
    watch.at(1, 10)?;
    // Rings fill half of the ROI or more; votes from farther out than 3/8 are another bead's.
    let reach_px = roi_px as f64 * 0.375;
    // A twentieth of the area of such rings: fewer edges do not make a bead.
    let min_votes = (0.05 * std::f64::consts::PI * (roi_px as f64 / 4.0).powi(2)) as f32;
    let mut objects: Vec<Object> = Vec::new();
    let peaks = peaks(plane, edge, reach_px, (roi_px / 12).max(2), min_votes, &watch.part(0.1, 0.5))?;
    for (done, peak) in peaks.iter().enumerate() {
        watch.part(0.5, 1.0).at(done, peaks.len())?;
        let start_px = (peak.column as f64, peak.row as f64);
        let at_px = centre(plane, start_px, edge, roi_px as f64 / 4.0);
        let patch = at_px.map(|at_px| measure(plane, at_px, roi_px / 2));
        let (x_px, y_px) = patch.as_ref().map_or(start_px, |patch| (patch.x_px, patch.y_px));
        let object = Object { x_px, y_px, votes: peak.votes, patch, likeness: 0.0 };
        // Two peaks of one bead that is not round lead to the same centre.
        if !objects.iter().any(|known| object.distance_px(known) < SAME_PX) {
            objects.push(object);
        }
    }
    Ok(objects)
}
