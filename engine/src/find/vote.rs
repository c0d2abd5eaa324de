//! Where the centres of rings are: every edge pixel votes along its gradient, and rings vote for their centre.
//!
//! As in the radial symmetry transform (Loy and Zelinsky, IEEE Trans. Pattern Anal. 25, 959, 2003), with every radius
//! in one map. Both ways along the gradient count, so dark and bright rings vote alike.

use super::FindError;
use super::plane::{Plane, median, quantile};
use super::watch::Watch;

/// Edge pixels are those whose gradient is this many times the typical one of a frame that is mostly background.
const EDGE_OVER_BACKGROUND: f32 = 4.0;
/// ... and this part of the strongest gradients, because a frame without noise has a background of zero.
const EDGE_OF_STRONGEST: f32 = 0.03;

/// A place that many edges point to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peak {
    pub column: usize,
    pub row: usize,
    /// Edge pixels that point to within 1 px of here.
    pub votes: f32,
}

/// The smallest gradient that counts as an edge, grey levels per px; infinite if nothing in the frame is one.
pub(super) fn edge_threshold(plane: &Plane) -> f32 {
    let mut magnitudes: Vec<f32> = (1..plane.height_px.saturating_sub(1))
        .flat_map(|row| (1..plane.width_px.saturating_sub(1)).map(move |column| (column, row)))
        .map(|(column, row)| {
            let (gx, gy) = plane.gradient(column, row);
            gx.hypot(gy)
        })
        .collect();
    let strongest = quantile(&mut magnitudes, 0.999);
    let threshold =
        (EDGE_OVER_BACKGROUND * median(&mut magnitudes) / 1.1774).max(EDGE_OF_STRONGEST * strongest);
    if threshold > 0.0 { threshold } else { f32::INFINITY }
}

/// Places with at least `min_votes`, each the highest within `apart_px`, by falling votes.
///
/// # Errors
/// If it was cancelled.
pub(super) fn peaks(
    plane: &Plane,
    edge: f32,
    reach_px: f64,
    apart_px: usize,
    min_votes: f32,
    watch: &Watch<'_>,
) -> Result<Vec<Peak>, FindError> {
    let map = vote_map(plane, edge, reach_px, &watch.part(0.0, 0.7))?;
    let votes = box_sums(&map, plane.width_px, plane.height_px);
    let mut found = Vec::new();
    for row in 0..plane.height_px {
        watch.part(0.7, 1.0).at(row, plane.height_px)?;
        for column in 0..plane.width_px {
            let here = votes[row * plane.width_px + column];
            if here >= min_votes && is_highest(&votes, plane, column, row, apart_px) {
                found.push(Peak { column, row, votes: here });
            }
        }
    }
    found.sort_by(|a: &Peak, b: &Peak| b.votes.total_cmp(&a.votes));
    Ok(found)
}

/// How many edge pixels have each pixel on their gradient's line, no farther than `reach_px`.
fn vote_map(plane: &Plane, edge: f32, reach_px: f64, watch: &Watch<'_>) -> Result<Vec<f32>, FindError> {
    let mut map = vec![0.0; plane.pixels.len()];
    let (width, height) = (plane.width_px as i64, plane.height_px as i64);
    for row in 1..plane.height_px.saturating_sub(1) {
        watch.at(row, plane.height_px)?;
        for column in 1..plane.width_px.saturating_sub(1) {
            let (gx, gy) = plane.gradient(column, row);
            let magnitude = gx.hypot(gy);
            if magnitude < edge {
                continue;
            }
            let (ux, uy) = (gx / magnitude, gy / magnitude);
            let reach = reach_px as i32;
            for step in (-reach..=reach).filter(|step| step.abs() > 1) {
                let x = (column as f32 + ux * step as f32).round() as i64;
                let y = (row as f32 + uy * step as f32).round() as i64;
                if x >= 0 && y >= 0 && x < width && y < height {
                    map[(y * width + x) as usize] += 1.0;
                }
            }
        }
    }
    Ok(map)
}

/// Sums over 3 × 3 px: the gradient of a pixel points to a centre only to about a pixel.
fn box_sums(map: &[f32], width: usize, height: usize) -> Vec<f32> {
    let mut sums = vec![0.0; map.len()];
    for row in 1..height.saturating_sub(1) {
        for column in 1..width.saturating_sub(1) {
            let line =
                |row: usize| map[row * width + column - 1..=row * width + column + 1].iter().sum::<f32>();
            sums[row * width + column] = line(row - 1) + line(row) + line(row + 1);
        }
    }
    sums
}

/// True if no pixel within `apart_px` has more votes; of equal ones the first wins.
fn is_highest(votes: &[f32], plane: &Plane, column: usize, row: usize, apart_px: usize) -> bool {
    let here = row * plane.width_px + column;
    let columns = column.saturating_sub(apart_px)..=(column + apart_px).min(plane.width_px - 1);
    (row.saturating_sub(apart_px)..=(row + apart_px).min(plane.height_px - 1)).all(|row| {
        columns.clone().all(|column| {
            let there = row * plane.width_px + column;
            votes[there] < votes[here] || (votes[there] == votes[here] && there >= here)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::{synthetic::Frame, watch::UNWATCHED},
        *,
    };

    fn peaks_of(frame: &Frame) -> Vec<Peak> {
        let plane = Plane::new(&frame.image()).unwrap();
        peaks(&plane, edge_threshold(&plane), 24.0, 5, 40.0, &UNWATCHED).unwrap()
    }

    #[test]
    fn rings_vote_for_their_centre_whether_dark_or_bright() {
        for amplitude in [40.0, -40.0] {
            let found = peaks_of(&Frame::flat(200, 120).bead(60.0, 50.0, amplitude).noise(2.0));
            assert!(found[0].column.abs_diff(60) <= 1 && found[0].row.abs_diff(50) <= 1, "{found:?}");
            assert!(found.iter().skip(1).all(|peak| peak.votes < found[0].votes / 3.0), "{found:?}");
        }
    }

    #[test]
    fn dark_and_bright_discs_vote_alike() {
        let votes =
            |level| peaks_of(&Frame::flat(200, 120).rings(60.0, 50.0, level, 1e9, 6.0).noise(1.0))[0].votes;
        let (dark, bright) = (votes(-50.0), votes(50.0));
        assert!((dark / bright - 1.0).abs() < 0.1, "{dark} {bright}");
    }

    #[test]
    fn both_of_a_touching_pair_have_a_peak() {
        let found = peaks_of(&Frame::flat(200, 120).bead(60.0, 60.0, 40.0).bead(84.0, 60.0, 40.0).noise(2.0));
        let mut columns: Vec<_> = found[..2].iter().map(|peak| peak.column).collect();
        columns.sort_unstable();
        assert!(columns[0].abs_diff(60) <= 2 && columns[1].abs_diff(84) <= 2, "{found:?}");
    }

    #[test]
    fn nothing_votes_in_noise_or_on_a_flat_frame() {
        assert!(peaks_of(&Frame::flat(200, 120).noise(9.0)).is_empty());
        assert!(edge_threshold(&Plane::new(&Frame::flat(50, 50).image()).unwrap()).is_infinite());
    }
}
