//! Likeness to a seed: how each object correlates with the ROI around one bead.

use super::{
    FindError, Options, correlate::CorrelationMap, plane::Plane, roi_corner, survey::Object,
    symmetry::measure, watch::Watch,
};

/// Lowest correlation that is considered at all.
const LOWEST: f32 = 0.3;

/// Enters each object's likeness to the seed and returns the lowest one of a bead.
pub(super) fn compare(
    plane: &Plane,
    options: &Options,
    seed_px: (f64, f64),
    objects: &mut Vec<Object>,
    watch: &Watch<'_>,
) -> Result<f32, FindError> {
    let (x_px, y_px) = seed_px;
    // On the bead's centre rather than where it was clicked, so that the template is symmetric.
    let nearest = objects.iter().min_by(|a, b| {
        let from_seed = |object: &Object| (object.x_px - x_px).hypot(object.y_px - y_px);
        from_seed(a).total_cmp(&from_seed(b))
    });
    let near =
        |object: &&Object| (object.x_px - x_px).hypot(object.y_px - y_px) < options.roi_px as f64 / 8.0;
    let center_px = nearest.filter(near).map_or(seed_px, |object| (object.x_px, object.y_px));
    let corner = roi_corner(plane, options.roi_px, center_px.0, center_px.1)
        .ok_or(FindError::SeedAtBorder { x_px, y_px })?;
    let map = CorrelationMap::new(plane, corner, options.roi_px, &watch.part(0.0, 0.8))?
        .ok_or(FindError::SeedIsFlat { x_px, y_px })?;
    for object in objects.iter_mut() {
        let corner = roi_corner(plane, options.roi_px, object.x_px, object.y_px);
        object.likeness = corner.map_or(0.0, |corner| map.near(corner));
    }
    let scores = objects.iter().map(|object| object.likeness).collect();
    let threshold = options.threshold.unwrap_or_else(|| separating(scores));
    objects.extend(unseen(plane, &map, objects, threshold.max(LOWEST), &watch.part(0.8, 1.0))?);
    Ok(threshold)
}

/// The score that best parts the beads like the seed from the rest: that with the largest variance between the two
/// classes (Otsu, IEEE Trans. Syst. Man Cybern. 9, 62, 1979), kept to what correlations of beads can mean.
fn separating(mut scores: Vec<f32>) -> f32 {
    // On a real frame debris has up to 0.4 and members of chains up to 0.65, beads at the seed's height 0.8 and more. If all
    // are alike there is nothing to part, and the highest would cut through the beads.
    const SENSIBLE: (f32, f32) = (0.5, 0.7);
    scores.retain(|score| *score > LOWEST);
    scores.sort_by(f32::total_cmp);
    let sum: f32 = scores.iter().sum();
    let (mut below, mut best, mut threshold) = (0.0, 0.0, SENSIBLE.0);
    for (index, pair) in scores.windows(2).enumerate() {
        below += pair[0];
        let (n_below, n_above) = ((index + 1) as f32, (scores.len() - index - 1) as f32);
        let between = n_below * n_above * (below / n_below - (sum - below) / n_above).powi(2);
        if between > best {
            (best, threshold) = (between, (pair[0] + pair[1]) / 2.0);
        }
    }
    threshold.clamp(SENSIBLE.0, SENSIBLE.1)
}

/// Beads whose edges were lost in the noise: correlations of at least `threshold` away from all known objects and
/// from each other, best first.
fn unseen(
    plane: &Plane,
    map: &CorrelationMap,
    objects: &[Object],
    threshold: f32,
    watch: &Watch<'_>,
) -> Result<Vec<Object>, FindError> {
    let half_px = (map.roi_px / 2) as f64;
    let mut places: Vec<(f32, f64, f64)> = (0..map.levels.len())
        .filter(|index| map.levels[*index] >= threshold)
        .map(|index| {
            let (column, row) = (index % map.columns, index / map.columns);
            (map.levels[index], column as f64 + half_px, row as f64 + half_px)
        })
        .collect();
    places.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut found: Vec<Object> = Vec::new();
    let count = places.len();
    for (done, (likeness, x_px, y_px)) in places.into_iter().enumerate() {
        watch.at(done, count)?;
        let is_near = |o: &Object| (o.x_px - x_px).abs().max((o.y_px - y_px).abs()) < half_px;
        if !objects.iter().any(is_near) && !found.iter().any(is_near) {
            let patch = measure(plane, (x_px, y_px), map.roi_px / 2);
            let (x_px, y_px) = (patch.x_px, patch.y_px);
            found.push(Object { x_px, y_px, votes: 0.0, patch: Some(patch), likeness });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{find, synthetic::*},
        *,
    };

    fn found(frame: &Frame, seed_px: Option<(f64, f64)>) -> Vec<(f64, f64)> {
        let options = Options { roi_px: 64, seed_px, threshold: None };
        beads(&find(&frame.image(), &options).unwrap())
    }

    #[test]
    fn only_what_is_like_the_seed_is_found() {
        let frame = Frame::flat(400, 120)
            .bead(60.0, 60.0, 40.0)
            .bead(150.4, 60.7, 25.0)
            .bead(240.2, 60.1, 50.0)
            .rings(340.0, 60.0, 40.0, 11.0, 14.0)
            .noise(2.0);
        let like_seed = found(&frame, Some((62.0, 59.0)));
        assert_eq!(like_seed.len(), 3);
        assert!(nearest_px((150.4, 60.7), &like_seed) < 0.1);
        assert_eq!(found(&frame, None).len(), 4);
    }

    #[test]
    fn a_seed_finds_beads_too_faint_to_have_edges() {
        let frame =
            Frame::flat(300, 120).bead(60.0, 60.0, 4000.0).bead(150.0, 60.0, 4000.0).bead(240.3, 60.4, 60.0);
        assert_eq!(found(&frame, None).len(), 2);
        let with_seed = found(&frame, Some((60.0, 60.0)));
        assert_eq!(with_seed.len(), 3);
        assert!(nearest_px((240.3, 60.4), &with_seed) < 0.2);
    }

    #[test]
    fn threshold_parts_two_groups_and_stays_sensible() {
        let parted = separating(vec![0.1, 0.4, 0.45, 0.5, 0.85, 0.9, 0.95]);
        assert!((parted - 0.675).abs() < 1e-6, "{parted}");
        assert_eq!(separating(vec![0.9, 0.92, 0.97, 0.99]), 0.7);
        assert_eq!(separating(vec![1.0]), 0.5);
    }
}
