//! Which objects are beads that stand alone.

use super::{
    Candidate, FindError, Options, Verdict,
    plane::Plane,
    roi_corner,
    survey::{Object, ROUND},
    typical::Typical,
    watch::Watch,
};

/// Objects with less than this part of a typical bead's votes are not worth a word.
const WORTH_A_WORD: f32 = 0.1;
/// Smallest ring radius of a bead, part of the ROI.
const SMALLEST_RADIUS: f64 = 0.11;
/// Largest blemish of a bead: clean ones have 0.1 to 0.5, with dust or a neighbour in the rings 0.7 to 2.
const LARGEST_BLEMISH: f64 = 0.6;

/// Judges each object; `seed_threshold` is the lowest likeness of a bead if there is a seed.
///
/// # Errors
/// If it was cancelled.
pub(super) fn judge(
    plane: &Plane,
    options: &Options,
    objects: &[Object],
    seed_threshold: Option<f32>,
    watch: &Watch<'_>,
) -> Result<Vec<Candidate>, FindError> {
    let smallest_px = SMALLEST_RADIUS * options.roi_px as f64;
    let typical = Typical::new(objects, smallest_px, &watch.part(0.0, 0.5))?;
    let is_like_seed = |object: &Object| seed_threshold.is_some_and(|threshold| object.likeness >= threshold);
    let is_ringed = |object: &&Object| typical.is_ringed(object) || is_like_seed(object);
    let ringed: Vec<&Object> = objects.iter().filter(is_ringed).collect();
    let judge = Judge { plane, options, seed_threshold, smallest_px, typical, ringed };
    let worth_a_word =
        |object: &&Object| object.votes >= WORTH_A_WORD * judge.typical.votes || is_like_seed(object);
    let candidate = |(done, object): (usize, &Object)| {
        watch.part(0.5, 1.0).at(done, objects.len()).map(|()| judge.candidate(object))
    };
    objects.iter().enumerate().filter(|(_, object)| worth_a_word(object)).map(candidate).collect()
}

struct Judge<'a> {
    plane: &'a Plane,
    options: &'a Options,
    seed_threshold: Option<f32>,
    smallest_px: f64,
    typical: Typical<'a>,
    ringed: Vec<&'a Object>,
}

impl Judge<'_> {
    fn candidate(&self, object: &Object) -> Candidate {
        let symmetry = object.patch.as_ref().map_or(0.0, |patch| patch.symmetry as f32);
        let score = if self.seed_threshold.is_some() { object.likeness } else { symmetry };
        Candidate { x_px: object.x_px, y_px: object.y_px, score, verdict: self.verdict(object) }
    }

    /// The first reason that speaks against it; a neighbour before its effect on the roundness.
    fn verdict(&self, object: &Object) -> Verdict {
        let is_ringed = self.ringed.iter().any(|ringed| std::ptr::eq(*ringed, object));
        let patch = object.patch.as_ref();
        if !is_ringed || patch.is_some_and(|patch| patch.ring_radius_px < self.smallest_px) {
            return Verdict::Small;
        }
        let Some(corner) = roi_corner(self.plane, self.options.roi_px, object.x_px, object.y_px) else {
            return Verdict::Border;
        };
        if self.is_reached_by_rings(object, corner) {
            return Verdict::Overlaps;
        }
        if self.seed_threshold.is_some_and(|threshold| object.likeness < threshold) {
            return Verdict::Unlike;
        }
        let asked = self.options.threshold.filter(|_| self.seed_threshold.is_none()).map(f64::from);
        match patch {
            Some(patch) if patch.symmetry < asked.unwrap_or(ROUND) => Verdict::NotRound,
            Some(patch) if patch.blemish > LARGEST_BLEMISH => Verdict::NotRound,
            Some(patch) if !self.typical.is_usual(patch) => Verdict::Unlike,
            Some(_) => Verdict::Bead,
            None => Verdict::NotRound,
        }
    }

    /// True if the rings of another object reach into the ROI with this top left pixel.
    fn is_reached_by_rings(&self, object: &Object, corner: (usize, usize)) -> bool {
        let outside_px = |center: f64, first: usize| {
            let last = first + self.options.roi_px - 1;
            (first as f64 - center).max(center - last as f64).max(0.0)
        };
        self.ringed.iter().filter(|other| !std::ptr::eq(**other, object)).any(|other| {
            // The profile of what is not round does not say how far its rings reach.
            let round = other.patch.as_ref().filter(|_| other.is_round());
            let radius_px = round.map_or(self.typical.ring_radius_px, |patch| patch.ring_radius_px);
            outside_px(other.x_px, corner.0).hypot(outside_px(other.y_px, corner.1)) < radius_px
        })
    }
}
