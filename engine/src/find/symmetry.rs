//! Where the symmetry centre near a place lies, and what the patch around it looks like.

use super::{
    plane::Plane,
    polar::{Polar, correlation, ring_radius},
};

/// What the patch around one place looks like.
#[derive(Clone, Debug)]
pub(super) struct Patch {
    /// Symmetry centre, px of the frame.
    pub x_px: f64,
    /// Symmetry centre, px of the frame.
    pub y_px: f64,
    /// Mean grey level per ring, one ring a pixel, from the centre.
    pub profile: Vec<f64>,
    /// Radius of the last visible ring, px.
    pub ring_radius_px: f64,
    /// Part of the patch's variance that its radial profile explains, noise taken off; 1 is perfectly round.
    pub symmetry: f64,
    /// Standard deviation of the patch within its rings, noise taken off, grey levels.
    pub contrast: f64,
    /// Largest deviation of a spot in the rings from the profile, part of `contrast`.
    pub blemish: f64,
}

/// Finds the symmetry centre near a place and measures the patch around it, to `reach_px`.
pub(super) fn measure(plane: &Plane, start_px: (f64, f64), reach_px: usize) -> Patch {
    let noise = f64::from(plane.smoothed_noise());
    let n_rings = |polar: &Polar| ring_radius(&polar.median_profile(), noise) as usize + 1;
    let n_start = n_rings(&Polar::new(plane, start_px, reach_px + 1));
    let at_px = roundest(plane, start_px, n_start);
    let polar = Polar::new(plane, at_px, reach_px + 1);
    let n_rings = n_rings(&polar);
    let profile = polar.mean_profile();
    let (symmetry, contrast) = polar.explained(&profile, n_rings, noise);
    let blemish = polar.blemish(&profile, n_rings, f64::from(plane.noise)) / contrast.max(f64::MIN_POSITIVE);
    let ring_radius_px = n_rings as f64 - 1.0;
    Patch { x_px: at_px.0, y_px: at_px.1, profile, ring_radius_px, symmetry, contrast, blemish }
}

/// The point nearest to all gradient lines of the patch (Parthasarathy, Nat. Methods 9, 724, 2012), taken again around
/// each answer until it rests; `None` if it leaves the start by more than half the radius.
pub(super) fn centre(plane: &Plane, start_px: (f64, f64), edge: f32, radius_px: f64) -> Option<(f64, f64)> {
    let mut at = start_px;
    for _ in 0..6 {
        let next = nearest_to_gradient_lines(plane, at, edge, radius_px)?;
        let step = (next.0 - at.0).hypot(next.1 - at.1);
        at = next;
        if (at.0 - start_px.0).hypot(at.1 - start_px.1) > radius_px / 2.0 {
            return None;
        }
        if step < 0.005 {
            break;
        }
    }
    Some(at)
}

/// The centre about which the patch is roundest, by parabolas through the residual of its profile half a pixel to each
/// side. The gradient lines use edges only; this uses every pixel, and beads of soft rings have few edges.
fn roundest(plane: &Plane, start_px: (f64, f64), n_rings: usize) -> (f64, f64) {
    const STEP_PX: f64 = 0.5;
    let residual = |x_px: f64, y_px: f64| Polar::new(plane, (x_px, y_px), n_rings).residual();
    let vertex = |before: f64, here: f64, after: f64| {
        let curvature = before - 2.0 * here + after;
        if curvature <= 0.0 { 0.0 } else { (STEP_PX * (before - after) / (2.0 * curvature)).clamp(-1.0, 1.0) }
    };
    let (mut x, mut y) = start_px;
    for _ in 0..4 {
        let here = residual(x, y);
        let dx = vertex(residual(x - STEP_PX, y), here, residual(x + STEP_PX, y));
        let dy = vertex(residual(x, y - STEP_PX), here, residual(x, y + STEP_PX));
        (x, y) = (x + dx, y + dy);
        if dx.abs() + dy.abs() < 0.01 {
            break;
        }
    }
    (x, y)
}

fn nearest_to_gradient_lines(plane: &Plane, at: (f64, f64), edge: f32, radius_px: f64) -> Option<(f64, f64)> {
    let range = |middle: f64, side: usize| {
        let first = (middle - radius_px).ceil().max(1.0) as usize;
        let end = (middle + radius_px).floor().min(side as f64 - 2.0).max(0.0) as usize;
        first..=end
    };
    // Normal equations of: minimise the sum of weight × (distance of the point from the gradient line)².
    let (mut a_xx, mut a_xy, mut a_yy, mut b_x, mut b_y) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for row in range(at.1, plane.height_px) {
        for column in range(at.0, plane.width_px) {
            let (dx, dy) = (column as f64 - at.0, row as f64 - at.1);
            let distance = dx.hypot(dy);
            let (gx, gy) = plane.gradient(column, row);
            let square = f64::from(gx * gx + gy * gy);
            if distance > radius_px || square < f64::from(edge * edge) {
                continue;
            }
            // The window fades out, so that an edge that enters it does not move the centre by a step.
            let weight = (1.0 - distance / radius_px) / (distance + 1.0);
            let (nx, ny) = (-f64::from(gy), f64::from(gx)); // normal of the gradient line, length = gradient
            let offset = nx * dx + ny * dy;
            a_xx += weight * nx * nx;
            a_xy += weight * nx * ny;
            a_yy += weight * ny * ny;
            b_x += weight * nx * offset;
            b_y += weight * ny * offset;
        }
    }
    let determinant = a_xx * a_yy - a_xy * a_xy;
    // Below this the lines are all but parallel: an edge, not a ring.
    if determinant <= 0.05 * (a_xx + a_yy).powi(2) / 4.0 {
        return None;
    }
    Some((at.0 + (a_yy * b_x - a_xy * b_y) / determinant, at.1 + (a_xx * b_y - a_xy * b_x) / determinant))
}

/// Highest correlation of two profiles when one is stretched by up to a quarter: beads at two heights differ mostly so.
pub(super) fn likeness_of_profiles(a: &Patch, b: &Patch) -> f64 {
    let n_rings = a.ring_radius_px.max(b.ring_radius_px) as usize + 1;
    (-5..=5)
        .map(|step| 1.25f64.powf(f64::from(step) / 5.0))
        .map(|stretch| correlation(&a.profile, &stretched(&b.profile, stretch), n_rings))
        .fold(-1.0, f64::max)
}

/// The profile at `stretch` times each radius, by linear interpolation; beyond its end, its last level.
fn stretched(profile: &[f64], stretch: f64) -> Vec<f64> {
    let last = profile.len() - 1;
    (0..profile.len())
        .map(|ring| {
            let at = (ring as f64 * stretch).min(last as f64);
            let below = at as usize;
            let part = at - below as f64;
            profile[below] * (1.0 - part) + profile[(below + 1).min(last)] * part
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{super::synthetic::Frame, *};

    fn patch(frame: &Frame, start_px: (f64, f64)) -> Patch {
        measure(&Plane::new(&frame.image()).unwrap(), start_px, 32)
    }

    fn bead(amplitude: f64) -> Frame {
        Frame::flat(120, 120).bead(60.3, 59.6, amplitude)
    }

    #[test]
    fn centre_is_found_from_a_pixel_away() {
        let found = patch(&bead(40.0).noise(1.0), (61.1, 58.8));
        assert!((found.x_px - 60.3).hypot(found.y_px - 59.6) < 0.03, "{}, {}", found.x_px, found.y_px);
    }

    #[test]
    fn gradient_lines_meet_at_the_centre() {
        let plane = Plane::new(&bead(40.0).image()).unwrap();
        let (x_px, y_px) = centre(&plane, (62.0, 57.5), 0.5, 16.0).unwrap();
        assert!((x_px - 60.3).hypot(y_px - 59.6) < 0.05, "{x_px}, {y_px}");
        // A straight edge has no centre.
        let edge = Frame::flat(120, 120).square(0.0, 0.0, 60.0, 50.0);
        assert_eq!(centre(&Plane::new(&edge.image()).unwrap(), (60.0, 30.0), 0.5, 16.0), None);
    }

    #[test]
    fn noise_does_not_make_a_bead_less_round_but_a_neighbour_does() {
        let noisy = patch(&bead(40.0).noise(8.0), (60.0, 60.0));
        assert!(noisy.symmetry > 0.97 && noisy.blemish < 0.2, "{noisy:?}");
        let touched = patch(&bead(40.0).bead(84.0, 60.0, 40.0), (60.0, 60.0));
        assert!(touched.symmetry < 0.9 && touched.blemish > 0.6, "{touched:?}");
        let dusted = patch(&bead(40.0).square(72.0, 60.0, 2.0, 60.0), (60.0, 60.0));
        assert!(dusted.blemish > 0.6, "{dusted:?}");
    }

    #[test]
    fn ring_radius_is_where_the_rings_fade() {
        // The rings' extremes have 0.1 of the innermost level out to 11 px * sqrt(2 ln 10) = 23.6 px.
        let radius_px = patch(&bead(40.0).noise(0.5), (60.0, 60.0)).ring_radius_px;
        assert!((19.0..=24.0).contains(&radius_px), "{radius_px}");
        let wide_px =
            patch(&Frame::flat(120, 120).rings(60.0, 60.0, 40.0, 7.0, 14.0), (60.0, 60.0)).ring_radius_px;
        assert!(wide_px > radius_px + 3.0, "{wide_px}");
    }

    #[test]
    fn stretched_profiles_are_alike_and_others_are_not() {
        let rings = |period_px, fade_px| {
            patch(&Frame::flat(120, 120).rings(60.0, 60.0, 40.0, period_px, fade_px), (60.0, 60.0))
        };
        let bead = rings(7.0, 11.0);
        assert!(likeness_of_profiles(&bead, &rings(7.7, 12.1)) > 0.95);
        assert!(correlation(&bead.profile, &rings(8.5, 13.0).profile, 24) < 0.7, "stretching is needed");
        assert!(likeness_of_profiles(&bead, &rings(30.0, 8.0)) < 0.6);
    }
}
