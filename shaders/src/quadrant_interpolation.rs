//! Quadrant interpolation, repeated until the centre stands still.
//!
//! After van Loenhout et al. (2012), Biophys. J. 102:2362: the image is resampled on a polar grid, the four
//! quadrants give a profile for the right, left, upper and lower half, and the shift that makes opposite halves
//! mirror images of each other is the error of the centre. Three things differ from the paper.
//!
//! *Weights by angle.* A sample at angle t moves with the cosine of t when the bead moves in x. So samples are
//! weighted by that cosine before they are added to a half (by the sine for y). Unweighted quadrants spread 11 %
//! more: 1/sqrt(8/pi^2). The factor from shift to step becomes 1 instead of pi/4 of the auto-convolution peak.
//!
//! *Weights by ring.* A ring at radius r has of the order of r pixels; rings count by [`ring_weights`].
//!
//! *The peak.* The halves are P(r) -+ P'(r) d for an error d. The d that maximises their weighted auto-convolution
//! is the least-squares fit of the difference of the halves to P', so it is computed as such: without an FFT and
//! without the pull that the weights have on a peak. A second unknown, a difference in proportion to r, takes up a
//! sloping background.

use crate::radial_profile::{PolarProfile, Rings, ring_weights};
use crate::rings::PolarGrid;
use crate::sampling::usable_radius_px;

/// When to stop, and how far to go in one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Iteration {
    /// A full-density step shorter than this, in x and in y, is the last, px.
    pub tolerance_px: f64,
    /// Steps after which the bead is given up.
    pub max_steps: usize,
}

/// Scratch for one ROI size, made once per thread.
#[derive(Clone, Debug)]
pub struct Quadrants {
    /// The last pass over the coarse grid.
    pub coarse: PolarProfile,
    /// The last pass over the fine grid: the radial profile around the answer.
    pub fine: PolarProfile,
    /// Weights of the rings in the last pass.
    pub weights: Vec<f32>,
}

impl Quadrants {
    /// Room for the two grids.
    pub fn new(coarse: &PolarGrid, fine: &PolarGrid) -> Self {
        let (n_coarse, n_fine) = (coarse.rings().n_rings, fine.rings().n_rings);
        Self {
            coarse: PolarProfile::new(n_coarse),
            fine: PolarProfile::new(n_fine),
            weights: vec![0.0; n_coarse.max(n_fine)],
        }
    }
}

/// Why there is no centre.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The centre came too close to the edge of the ROI for [`smallest_radius_px`].
    Edge,
    /// It still moved after the last step, or there was nothing to move by.
    NotConverged,
}

/// Radius that must fit around a centre for it to count: a quarter of the ROI, at least 3 px.
///
/// With only the inner rings of real beads left, which are less round than the outer ones, answers move by 0.2 px.
pub fn smallest_radius_px(roi_px: usize) -> f64 {
    (SMALLEST_RADIUS * roi_px as f64).max(SMALLEST_RADIUS_PX)
}

/// Part of the ROI.
pub(crate) const SMALLEST_RADIUS: f64 = 0.25;
/// In ROIs of any size.
pub(crate) const SMALLEST_RADIUS_PX: f64 = 3.0;

/// Longest step, px: beyond half a ring the slopes say nothing about the way to the centre.
pub(crate) const LONGEST_STEP_PX: f64 = 1.5;

/// Below this step, px, the coarse grid has nothing more to say.
pub(crate) const COARSE_UNTIL_PX: f64 = 0.2;

/// Finds the centre from a `guess_px` good to about 1 px. On success `quadrants.fine` is the profile around a
/// point at most one tolerance away.
///
/// `pixels`: `roi_px` squared, `level` already subtracted. Few samples until the steps are small, then all.
pub fn quadrant_interpolation(
    pixels: &[f32],
    roi_px: usize,
    level: f32,
    guess_px: (f64, f64),
    (coarse, fine): (&PolarGrid, &PolarGrid),
    iteration: &Iteration,
    quadrants: &mut Quadrants,
) -> Result<(f64, f64), Lost> {
    let fits = |center| usable_radius_px(roi_px, center) >= smallest_radius_px(roi_px);
    let mut center = guess_px;
    let mut grid = coarse;
    let mut gait = Gait::default();
    if !fits(center) {
        return Err(Lost::Edge);
    }
    for _ in 0..iteration.max_steps {
        let is_fine = std::ptr::eq(grid, fine);
        let profile = if is_fine { &mut quadrants.fine } else { &mut quadrants.coarse };
        profile.measure(pixels, roi_px, center, grid);
        ring_weights(profile, grid.rings(), level, &mut quadrants.weights);
        let computed = step(profile, grid.rings(), &quadrants.weights).ok_or(Lost::NotConverged)?;
        let (dx, dy) = gait.next(computed);
        center = (center.0 + dx, center.1 + dy);
        if !fits(center) {
            return Err(Lost::Edge);
        }
        let longest = dx.abs().max(dy.abs());
        if is_fine && longest < iteration.tolerance_px {
            return Ok(center);
        }
        if !is_fine && longest < COARSE_UNTIL_PX {
            grid = fine;
            gait = Gait::default();
        }
    }
    Err(Lost::NotConverged)
}

/// How much of a computed step is taken. The slopes of fringes finer than 4 px come out too small, by [`slope_per_px`]
/// and the sampler, and steps too long by up to two: two steps in a row say by how much (secant method).
struct Gait {
    factor: f64,
    computed_px: (f64, f64),
    taken_px: (f64, f64),
}

// Steps are too long by up to two, and hardly ever too short: what says more says so by chance.
pub(crate) const LEAST_FACTOR: f64 = 0.25;
pub(crate) const LARGEST_FACTOR: f64 = 1.5;

impl Default for Gait {
    fn default() -> Self {
        Self { factor: 1.0, computed_px: (0.0, 0.0), taken_px: (0.0, 0.0) }
    }
}

impl Gait {
    /// What to take of the `computed` step, px, given what came of the one before.
    fn next(&mut self, computed: (f64, f64)) -> (f64, f64) {
        let (taken, before) = (self.taken_px, self.computed_px);
        let answer = taken.0 * (before.0 - computed.0) + taken.1 * (before.1 - computed.1);
        if answer > 0.0 {
            self.factor =
                ((taken.0 * taken.0 + taken.1 * taken.1) / answer).clamp(LEAST_FACTOR, LARGEST_FACTOR);
        }
        self.computed_px = computed;
        self.taken_px = (limit(self.factor * computed.0), limit(self.factor * computed.1));
        self.taken_px
    }
}

fn limit(step_px: f64) -> f64 {
    step_px.clamp(-LONGEST_STEP_PX, LONGEST_STEP_PX)
}

/// The step (x, y) in px from the point a profile was measured around to the centre. `None` for a flat profile.
///
/// Solves, weighted, `half minus half = -d P'(r) + g r` for d and g.
pub fn step(profile: &PolarProfile, rings: &Rings, weights: &[f32]) -> Option<(f64, f64)> {
    let (mut ss, mut sr, mut rr) = (0.0f64, 0.0f64, 0.0f64);
    let (mut sx, mut rx, mut sy, mut ry) = (0.0f64, 0.0f64, 0.0f64, 0.0f64);
    for (k, weight) in weights.iter().enumerate().take(profile.usable) {
        let weight = f64::from(*weight);
        let radius = rings.radius_px(k);
        let slope = slope_per_px(&profile.mean[..profile.usable], k, rings);
        let (x, y) = (-f64::from(profile.right_left[k]), -f64::from(profile.lower_upper[k]));
        ss += weight * slope * slope;
        sr += weight * slope * radius;
        rr += weight * radius * radius;
        sx += weight * slope * x;
        rx += weight * radius * x;
        sy += weight * slope * y;
        ry += weight * radius * y;
    }
    let determinant = ss * rr - sr * sr;
    // False for a flat profile, and for NaN.
    let solvable = determinant > 1e-9 * ss * rr;
    solvable.then(|| ((sx * rr - sr * rx) / determinant, (sy * rr - sr * ry) / determinant))
}

/// Slope of the profile at ring `k`: the straight line through the rings within 1 px, which holds less noise than
/// the difference of two.
#[inline(always)]
fn slope_per_px(mean: &[f32], k: usize, rings: &Rings) -> f64 {
    let reach = (1.0 / rings.ring_step_px).round().max(1.0) as usize;
    let (mut rise, mut run) = (0.0f32, 0.0f32);
    if k >= reach && k + reach < mean.len() {
        for distance in 1..=reach {
            let by = distance as f32;
            rise += by * (mean[k + distance] - mean[k - distance]);
            run += 2.0 * by * by;
        }
    } else {
        let (from, to) = (k.saturating_sub(reach), (k + reach).min(mean.len() - 1));
        let middle = 0.5 * (from + to) as f32;
        for (j, value) in mean.iter().enumerate().take(to + 1).skip(from) {
            let distance = j as f32 - middle;
            rise += distance * value;
            run += distance * distance;
        }
    }
    f64::from(rise / run) / rings.ring_step_px
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rings::{ARC_STEP_PX, COARSE_ARC_STEP_PX};

    const ROI_PX: usize = 48;

    /// Fringes of `per_px` radians a pixel on a background that slopes in x.
    fn image(center: (f64, f64), slope: f64, per_px: f64) -> Vec<f32> {
        (0..ROI_PX * ROI_PX)
            .map(|i| {
                let (x, y) = ((i % ROI_PX) as f64, (i / ROI_PX) as f64);
                let r = (x - center.0).hypot(y - center.1);
                (40.0 * (-r * r / 200.0).exp() * (per_px * (r * r + 4.0).sqrt()).cos() + slope * x) as f32
            })
            .collect()
    }

    fn rings_image(center: (f64, f64), slope: f64) -> Vec<f32> {
        image(center, slope, 0.9)
    }

    fn find(image: &[f32], guess: (f64, f64), iteration: Iteration) -> Result<(f64, f64), Lost> {
        let coarse = PolarGrid::new(Rings::coarse_for_roi(ROI_PX), COARSE_ARC_STEP_PX);
        let fine = PolarGrid::new(Rings::for_roi(ROI_PX), ARC_STEP_PX);
        let mut quadrants = Quadrants::new(&coarse, &fine);
        quadrant_interpolation(image, ROI_PX, 100.0, guess, (&coarse, &fine), &iteration, &mut quadrants)
    }

    const USUAL: Iteration = Iteration { tolerance_px: 0.005, max_steps: 12 };

    #[test]
    fn centre_of_round_rings_is_found_from_a_pixel_away() {
        for center in [(23.5, 23.5), (22.1, 25.9), (24.0, 23.0)] {
            let found = find(&rings_image(center, 0.0), (center.0 + 0.8, center.1 - 0.7), USUAL).unwrap();
            assert!((found.0 - center.0).abs() < 2e-3, "x {} for {}", found.0, center.0);
            assert!((found.1 - center.1).abs() < 2e-3, "y {} for {}", found.1, center.1);
        }
    }

    #[test]
    fn a_sloping_background_does_not_move_it() {
        let found = find(&rings_image((23.3, 23.8), 0.5), (23.0, 24.0), USUAL).unwrap();
        assert!((found.0 - 23.3).abs() < 3e-3 && (found.1 - 23.8).abs() < 3e-3, "{found:?}");
    }

    #[test]
    fn fringes_finer_than_their_slopes_can_tell_converge_too() {
        // Periods of 7, 3.1 and 2.6 px: of the finest, steps come out 1.9 times too long.
        for per_px in [0.9, 2.0, 2.4] {
            for center in [(23.3, 23.8), (23.0, 24.0), (22.5, 23.5)] {
                let few = Iteration { max_steps: 8, ..USUAL };
                let found = find(&image(center, 0.0, per_px), (center.0 + 0.3, center.1 - 0.2), few);
                let (x, y) = found.unwrap_or_else(|lost| panic!("{per_px} around {center:?}: {lost:?}"));
                assert!((x - center.0).hypot(y - center.1) < 6e-3, "{per_px} around {center:?}: {x} {y}");
            }
        }
    }

    #[test]
    fn a_poor_guess_is_only_a_longer_way() {
        let found = find(&rings_image((23.3, 23.8), 0.0), (25.4, 22.0), USUAL).unwrap();
        assert!((found.0 - 23.3).abs() < 3e-3 && (found.1 - 23.8).abs() < 3e-3, "{found:?}");
    }

    #[test]
    fn too_few_steps_do_not_pass_for_converged() {
        let image = rings_image((23.3, 23.8), 0.0);
        for max_steps in [1, 2] {
            let hasty = Iteration { max_steps, ..USUAL };
            assert_eq!(find(&image, (22.6, 24.5), hasty), Err(Lost::NotConverged), "{max_steps} steps");
        }
    }

    #[test]
    fn flat_and_edge_are_told_apart() {
        assert_eq!(find(&vec![3.0; ROI_PX * ROI_PX], (24.0, 24.0), USUAL), Err(Lost::NotConverged));
        assert_eq!(find(&rings_image((3.0, 24.0), 0.0), (3.5, 24.0), USUAL), Err(Lost::Edge));
    }

    #[test]
    fn a_last_step_out_of_the_roi_ends_at_its_edge() {
        let image = rings_image((10.5, 24.0), 0.0);
        for (max_steps, lost) in [(0, Lost::NotConverged), (1, Lost::Edge), (2, Lost::Edge)] {
            let hasty = Iteration { max_steps, ..USUAL };
            assert_eq!(find(&image, (12.1, 24.0), hasty), Err(lost), "{max_steps} steps");
        }
    }
}
