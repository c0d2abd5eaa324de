//! What the beads of this frame have in common: the standard that debris is held against.

use super::{
    FindError,
    survey::Object,
    symmetry::{Patch, likeness_of_profiles},
    watch::Watch,
};

/// Objects with this part of a typical bead's votes have rings that disturb a neighbour.
/// Measured on a real frame: debris has up to 0.3, members of clusters 0.5 and more.
const RINGED: f32 = 0.33;
/// Round objects of this part of the typical radius and contrast are ringed too: in noise a bead has fewer votes.
const SIZE: f64 = 0.6;
const CONTRAST: f64 = 0.4;
/// Profiles of two beads at heights not too far apart correlate better than this. On a real frame beads have 0.95 and
/// more with their second nearest, even one in focus 0.9, a blob out of focus 0.5.
const ALIKE: f64 = 0.8;
/// So many others have to be alike.
const N_ALIKE: usize = 2;
/// If more than this part is unlike the rest, the beads are at all heights, and being unlike means nothing;
/// so it is where there are too few to tell.
const MOST_UNLIKE: f64 = 0.1;

/// What is typical of the frame's beads.
pub(super) struct Typical<'a> {
    /// Edge pixels that point to its centre.
    pub votes: f32,
    /// Radius of the last visible ring, px.
    pub ring_radius_px: f64,
    contrast: f64,
    round: Vec<&'a Patch>,
    is_mixed: bool,
}

impl<'a> Typical<'a> {
    /// Medians over the round objects of at least this ring radius, each counted by the square of its votes: a bead has
    /// ten times the votes of a speck of dust, so that a hundred specks do not outvote it.
    ///
    /// # Errors
    /// If it was cancelled.
    pub fn new(objects: &'a [Object], smallest_px: f64, watch: &Watch<'_>) -> Result<Self, FindError> {
        let with_patch = || objects.iter().filter_map(|object| Some((object, object.patch.as_ref()?)));
        let is_bead =
            |object: &Object, patch: &Patch| object.is_round() && patch.ring_radius_px >= smallest_px;
        let mut beads: Vec<(&Object, &Patch)> = with_patch().filter(|(o, patch)| is_bead(o, patch)).collect();
        if beads.is_empty() {
            beads = with_patch().collect();
        }
        let of = |value: &dyn Fn(&Object, &Patch) -> f64| {
            let weighted = |(o, patch): &(&Object, &Patch)| (value(o, patch), f64::from(o.votes).powi(2));
            weighted_median(beads.iter().map(weighted).collect())
        };
        let mut typical = Self {
            votes: of(&|object, _| f64::from(object.votes)) as f32,
            ring_radius_px: of(&|_, patch| patch.ring_radius_px),
            contrast: of(&|_, patch| patch.contrast),
            round: Vec::new(),
            is_mixed: false,
        };
        typical.round =
            beads.iter().filter(|(o, _)| o.is_round() && typical.is_ringed(o)).map(|b| b.1).collect();
        let mut unlike = 0;
        for (done, patch) in typical.round.iter().enumerate() {
            // Each is held against all others, where none is like it.
            watch.at(done, typical.round.len())?;
            unlike += usize::from(!typical.has_likes(patch));
        }
        typical.is_mixed = unlike as f64 > MOST_UNLIKE * typical.round.len() as f64;
        Ok(typical)
    }

    /// True if its rings would disturb a neighbour.
    pub fn is_ringed(&self, object: &Object) -> bool {
        let as_large = |patch: &Patch| {
            patch.ring_radius_px > SIZE * self.ring_radius_px && patch.contrast > CONTRAST * self.contrast
        };
        object.votes >= RINGED * self.votes
            || (object.is_round() && object.patch.as_ref().is_some_and(as_large))
    }

    /// True if it looks like others of the frame, or if the frame cannot tell.
    pub fn is_usual(&self, patch: &Patch) -> bool {
        self.is_mixed || self.has_likes(patch)
    }

    fn has_likes(&self, patch: &Patch) -> bool {
        let others = self.round.iter().filter(|other| (other.x_px, other.y_px) != (patch.x_px, patch.y_px));
        others.filter(|other| likeness_of_profiles(patch, other) >= ALIKE).take(N_ALIKE).count() == N_ALIKE
    }
}

/// The value at which half of the weight is reached; 0 without values.
fn weighted_median(mut weighted: Vec<(f64, f64)>) -> f64 {
    weighted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = weighted.iter().map(|pair| pair.1).sum::<f64>() / 2.0;
    let mut sum = 0.0;
    let reaches_half = |(_, weight): &&(f64, f64)| {
        sum += weight;
        sum >= half
    };
    weighted.iter().find(reaches_half).map_or(0.0, |pair| pair.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weighted_median_goes_by_weight_not_by_number() {
        let specks = (0..50).map(|_| (1.0, 1.0));
        let beads = (0..3).map(|_| (10.0, 100.0));
        assert_eq!(weighted_median(specks.chain(beads).collect()), 10.0);
        assert_eq!(weighted_median(vec![(3.0, 1.0), (1.0, 1.0), (2.0, 1.0)]), 2.0);
        assert_eq!(weighted_median(Vec::new()), 0.0);
    }
}
