//! The XY-lock: ROIs follow their beads by whole pixels. Positions are in the frame, so that a ROI that moves changes none.

use std::collections::HashMap;

use super::recent::Mean;
use crate::roi::Roi;

/// A bead that is no further from the middle of its ROI is left there, px: to and fro would move more than it mends.
const NEAR_PX: f64 = 1.0;

/// How far each ROI goes to be on its bead again, px: at most `most_px`, inside the frame, and not so near to another ROI that both might
/// see one bead. ROIs that stay are left out.
pub(super) fn moves(
    rois: &[Roi],
    means: &HashMap<u32, Mean>,
    most_px: u32,
    frame_px: (usize, usize),
) -> Vec<(u32, (i32, i32))> {
    let wished: Vec<Roi> =
        rois.iter().map(|roi| wish(roi, means.get(&roi.bead), most_px, frame_px)).collect();
    let moved = rois.iter().zip(&wished).enumerate().filter(|(_, (before, after))| before != after);
    moved
        .filter(|(place, (before, after))| {
            let comes_near = |other: &Roi| is_near(after, other) && !is_near(before, other);
            let others = rois.iter().zip(&wished).enumerate().filter(|(other, _)| other != place);
            !others.into_iter().any(|(_, (stays, goes))| comes_near(stays) || comes_near(goes))
        })
        .map(|(_, (before, after))| {
            (before.bead, (after.left_px - before.left_px, after.top_px - before.top_px))
        })
        .collect()
}

/// Where a ROI would be if it were alone.
fn wish(roi: &Roi, mean: Option<&Mean>, most_px: u32, frame_px: (usize, usize)) -> Roi {
    let Some([x_px, y_px]) = mean.and_then(|mean| mean.place_px) else { return *roi };
    let (center_x, center_y) = roi.center_px();
    let most = f64::from(most_px);
    let shift = |off_px: f64| if off_px.abs() <= NEAR_PX { 0.0 } else { off_px.round().clamp(-most, most) };
    // One that reaches over the edge comes back inside, and none goes there.
    let inside = |corner: i32, by: f64, side: usize| {
        let last = side.saturating_sub(roi.size_px as usize) as f64;
        let to = f64::from(corner) + by;
        if by == 0.0 {
            corner
        } else {
            to.clamp(0.0, last).clamp(f64::from(corner) - most, f64::from(corner) + most) as i32
        }
    };
    Roi {
        left_px: inside(roi.left_px, shift(x_px - center_x), frame_px.0),
        top_px: inside(roi.top_px, shift(y_px - center_y), frame_px.1),
        ..*roi
    }
}

/// The middle of one lies in the inner half of the other.
fn is_near(one: &Roi, other: &Roi) -> bool {
    let near = |a: i32, b: i32| 4 * i64::from(a - b).abs() < i64::from(one.size_px);
    near(one.left_px, other.left_px) && near(one.top_px, other.top_px)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: (usize, usize) = (640, 480);

    fn roi(bead: u32, left_px: i32, top_px: i32) -> Roi {
        Roi { bead, left_px, top_px, size_px: 64 }
    }

    fn at(places: &[(u32, [f64; 2])]) -> HashMap<u32, Mean> {
        places
            .iter()
            .map(|(bead, place_px)| (*bead, Mean { place_px: Some(*place_px), z_nm: None }))
            .collect()
    }

    #[test]
    fn rois_follow_their_beads_by_whole_pixels_as_far_as_they_may() {
        let rois = [roi(0, 100, 100), roi(3, 300, 100)];
        // As MagScope's own test has it: 5 and 6, 3 and 4 px off.
        let means = at(&[(0, [137.0, 138.0]), (3, [335.0, 136.0])]);
        assert_eq!(moves(&rois, &means, 10, FRAME), [(0, (5, 6)), (3, (3, 4))]);
        assert_eq!(moves(&rois, &means, 5, FRAME)[0], (0, (5, 5)));
        assert_eq!(moves(&rois, &at(&[(0, [132.9, 131.1])]), 10, FRAME), [], "a pixel is left");
        assert_eq!(moves(&rois, &at(&[(0, [133.6, 132.0])]), 10, FRAME), [(0, (2, 0))]);
        assert_eq!(
            moves(&rois, &HashMap::from([(0, Mean::default())]), 10, FRAME),
            [],
            "not found, not moved"
        );
    }

    #[test]
    fn no_roi_leaves_the_frame_or_comes_onto_another_bead() {
        let edge = [roi(0, 2, 414)];
        assert_eq!(moves(&edge, &at(&[(0, [28.0, 452.0])]), 10, FRAME), [(0, (-2, 2))]);
        // Over the edge already: it comes back, no faster than it may.
        assert_eq!(moves(&[roi(0, -30, 0)], &at(&[(0, [10.0, 32.0])]), 10, FRAME), [(0, (10, 0))]);
        let close = [roi(0, 100, 100), roi(1, 120, 100)];
        let both_at = |x_px: f64| at(&[(0, [x_px, 132.0]), (1, [152.0, 132.0])]);
        assert_eq!(moves(&close, &both_at(150.0), 10, FRAME), [], "that would be the bead of the other one");
        assert_eq!(moves(&close, &both_at(122.0), 10, FRAME), [(0, (-10, 0))], "away from it it may go");
        // Two that go to one place: neither.
        let apart = [roi(0, 100, 100), roi(1, 130, 100)];
        assert_eq!(moves(&apart, &at(&[(0, [142.0, 132.0]), (1, [152.0, 132.0])]), 12, FRAME), []);
    }
}
