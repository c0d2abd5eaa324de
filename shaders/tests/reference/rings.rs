//! Rings around a centre, and quadrant interpolation on them.

use std::f64::consts::{FRAC_PI_2, TAU};

use super::{Flags, Margin, Params, Point, Recipe, Roi};

/// Radii, px, and the distance of neighbouring samples on a ring.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    pub first_ring_px: f64,
    pub ring_step_px: f64,
    pub n_rings: usize,
    pub arc_step_px: f64,
}

/// Distance of samples on a ring, px, for answers and Z-LUTs; on the way there they may be fewer.
pub const FINE_ARC_STEP_PX: f64 = 1.2;

impl Grid {
    /// Half a pixel apart, out to the border pixels of a centred bead.
    pub fn fine(side: usize) -> Self {
        Self { first_ring_px: 0.0, ring_step_px: 0.5, n_rings: side, arc_step_px: FINE_ARC_STEP_PX }
    }

    fn coarse(side: usize) -> Self {
        Self { first_ring_px: 0.0, ring_step_px: 1.0, n_rings: side.div_ceil(2), arc_step_px: 2.5 }
    }

    fn radius_px(&self, k: usize) -> f64 {
        self.first_ring_px + self.ring_step_px * k as f64
    }
}

/// Which rings are measured, and up to which radius with cubic sampling.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    n_rings: usize,
    cubic_up_to_px: f64,
}

impl Extent {
    /// What fits between the border pixels around `center`.
    pub fn around(roi: Roi, center: Point, grid: &Grid, margin: &mut Margin) -> Self {
        let fits_px = roi.usable_radius_px(center);
        // A ring that fits to a millionth of a step fits.
        let count = (fits_px - grid.first_ring_px) / grid.ring_step_px + 1.0 + 1e-6;
        if count < grid.n_rings as f64 + 0.5 {
            margin.note((count - count.round()) * grid.ring_step_px);
        }
        // Cubic sampling needs a pixel more on each side.
        let (wanted_px, can_px) = (14.0, fits_px - 1.01);
        let n_rings = (count.max(0.0).floor() as usize).min(grid.n_rings);
        for k in 0..n_rings {
            if grid.radius_px(k) <= wanted_px {
                margin.note(grid.radius_px(k) - can_px);
            }
        }
        Self { n_rings, cubic_up_to_px: f64::min(wanted_px, can_px) }
    }
}

/// Bilinear; the outermost pixels go on beyond their centres.
fn bilinear(roi: Roi, x: f64, y: f64) -> f64 {
    let cell = |place: f64| place.floor().clamp(0.0, roi.side as f64 - 2.0);
    let (column, row) = (cell(x), cell(y));
    let (u, v) = (x - column, y - row);
    let (column, row) = (column as usize, row as usize);
    let near = (1.0 - u) * roi.at(column, row) + u * roi.at(column + 1, row);
    let far = (1.0 - u) * roi.at(column, row + 1) + u * roi.at(column + 1, row + 1);
    (1.0 - v) * near + v * far
}

/// Cubic convolution kernel of Keys (1981) with a = -1/2.
fn keys(distance: f64) -> f64 {
    let d = distance.abs();
    match d {
        d if d <= 1.0 => 1.0 - 2.5 * d * d + 1.5 * d * d * d,
        d if d < 2.0 => 2.0 - 4.0 * d + 2.5 * d * d - 0.5 * d * d * d,
        _ => 0.0,
    }
}

/// From 16 pixels; beyond the border they repeat its last ones.
fn cubic(roi: Roi, x: f64, y: f64) -> f64 {
    let (column, row) = (x.floor() - 1.0, y.floor() - 1.0);
    let mut sum = 0.0;
    for j in 0..4 {
        for i in 0..4 {
            let (at_x, at_y) = (column + f64::from(i), row + f64::from(j));
            let pixel = |at: f64| at.clamp(0.0, roi.side as f64 - 1.0) as usize;
            sum += keys(x - at_x) * keys(y - at_y) * roi.at(pixel(at_x), pixel(at_y));
        }
    }
    sum
}

/// What is measured of each ring that fits.
#[derive(Clone, Debug)]
pub struct Profile {
    pub grid: Grid,
    pub mean: Vec<f64>,
    /// Variance along the ring.
    pub variance: Vec<f64>,
    /// Twice the mean of level times cosine, and times sine, of the angle: right less left half, lower less upper.
    pub sides: Vec<[f64; 2]>,
}

impl Profile {
    pub fn measure(roi: Roi, (x, y): Point, grid: Grid, extent: Extent, recipe: Recipe) -> Self {
        let mut profile = Self { grid, mean: Vec::new(), variance: Vec::new(), sides: Vec::new() };
        for k in 0..extent.n_rings {
            let radius = match recipe {
                Recipe::NearestRing => grid.radius_px(k).floor(),
                _ => grid.radius_px(k),
            };
            let sample = |x: f64, y: f64| match recipe {
                Recipe::HalfPixelOff => bilinear(roi, x - 0.5, y - 0.5),
                Recipe::NearestPixel => bilinear(roi, x.round(), y.round()),
                _ if radius <= extent.cubic_up_to_px => cubic(roi, x, y),
                _ => bilinear(roi, x, y),
            };
            // The same even number in each quadrant, at least two, and none on an axis.
            let wanted = ((FRAC_PI_2 * grid.radius_px(k) / grid.arc_step_px).ceil() as usize).max(2);
            let count = 4 * wanted.next_multiple_of(2);
            let samples: Vec<(f64, f64, f64)> = (0..count)
                .map(|j| {
                    let (sin, cos) = (TAU * (j as f64 + 0.5) / count as f64).sin_cos();
                    (sample(x + radius * cos, y + radius * sin), cos, sin)
                })
                .collect();
            let average =
                |term: &dyn Fn(&(f64, f64, f64)) -> f64| samples.iter().map(term).sum::<f64>() / count as f64;
            let mean = average(&|(level, _, _)| *level);
            profile.mean.push(mean);
            profile.variance.push(average(&|(level, _, _)| (level - mean).powi(2)));
            profile.sides.push([
                average(&|(level, cos, _)| 2.0 * level * cos),
                average(&|(level, _, sin)| 2.0 * level * sin),
            ]);
        }
        profile
    }

    fn radii_px(&self) -> Vec<f64> {
        (0..self.mean.len()).map(|k| self.grid.radius_px(k)).collect()
    }

    /// Weight of each ring: pixels on it over the variance expected of one. Half of that is seen on the ring and two
    /// neighbours each side, half is shot noise in proportion to the grey level, as large as the seen one on the
    /// whole.
    pub fn weights(&self, level: f64) -> Vec<f64> {
        let radii = self.radii_px();
        let by_radius = |values: &dyn Fn(usize) -> f64| {
            let weighted: f64 = radii.iter().enumerate().map(|(k, radius)| radius * values(k)).sum();
            weighted / radii.iter().sum::<f64>()
        };
        let mean_variance = by_radius(&|k| self.variance[k]);
        let mean_level = by_radius(&|k| self.mean[k] + level);
        let weight = |k: usize| {
            let around = k.saturating_sub(2)..(k + 3).min(radii.len());
            // Rings half a pixel apart have samples in proportion to their number.
            let samples: f64 = around.clone().map(|j| 1.0 + j as f64).sum();
            let seen = around.map(|j| (1.0 + j as f64) * self.variance[j]).sum::<f64>() / samples;
            // Below a tenth of the mean there is only read noise; without a mean, no telling.
            let relative = (self.mean[k] + level) / mean_level;
            let shot = if mean_level > 0.0 { relative.max(0.1) } else { 1.0 };
            radii[k] / (seen + mean_variance * shot).max(f64::MIN_POSITIVE)
        };
        (0..radii.len()).map(weight).collect()
    }

    /// Share of the weighted variance that is between rings.
    pub fn ring_share(&self, weights: &[f64]) -> f64 {
        let between = weighted_variance(&self.mean, weights);
        let along = weighted_mean(&self.variance, weights);
        between / (between + along)
    }

    /// Share of the variance, less that of noise and of a slope, that is between rings; pixels count alike.
    pub fn roundness(&self, noise: f64) -> f64 {
        let radii = self.radii_px();
        let other: Vec<f64> = self
            .variance
            .iter()
            .zip(&self.sides)
            // Interpolation leaves half the noise; a first harmonic of amplitude a has variance a squared over 2.
            .map(|(variance, [x, y])| variance - 0.5 * (x * x + y * y) - 0.5 * noise * noise)
            .collect();
        let round = weighted_variance(&self.mean, &radii);
        round / (round + weighted_mean(&other, &radii).max(0.0))
    }

    /// The step to the centre: least squares of `side less side = -d slope + g radius`, for d and g. `None` if flat.
    fn step(&self, weights: &[f64]) -> Option<Point> {
        let radii = self.radii_px();
        let slopes: Vec<f64> = (0..radii.len()).map(|k| self.slope(k)).collect();
        let product = |a: &[f64], b: &[f64]| -> f64 {
            weights.iter().zip(a).zip(b).map(|((weight, a), b)| weight * a * b).sum()
        };
        let (ss, sr, rr) = (product(&slopes, &slopes), product(&slopes, &radii), product(&radii, &radii));
        let determinant = ss * rr - sr * sr;
        let along = |axis: usize| {
            let sides: Vec<f64> = self.sides.iter().map(|sides| -sides[axis]).collect();
            (product(&slopes, &sides) * rr - product(&radii, &sides) * sr) / determinant
        };
        (determinant > 1e-9 * ss * rr).then(|| (along(0), along(1)))
    }

    /// Slope, per px, of the straight line through the rings within 1 px.
    fn slope(&self, k: usize) -> f64 {
        let reach = ((1.0 / self.grid.ring_step_px).round() as usize).max(1);
        let near = k.saturating_sub(reach)..(k + reach + 1).min(self.mean.len());
        let middle = near.clone().map(|j| self.grid.radius_px(j)).sum::<f64>() / near.len() as f64;
        let from_middle = |j: usize| self.grid.radius_px(j) - middle;
        let rise: f64 = near.clone().map(|j| from_middle(j) * self.mean[j]).sum();
        rise / near.map(|j| from_middle(j).powi(2)).sum::<f64>()
    }
}

pub fn weighted_mean(values: &[f64], weights: &[f64]) -> f64 {
    values.iter().zip(weights).map(|(value, weight)| value * weight).sum::<f64>()
        / weights.iter().sum::<f64>()
}

fn weighted_variance(values: &[f64], weights: &[f64]) -> f64 {
    let mean = weighted_mean(values, weights);
    let squares: Vec<f64> = values.iter().map(|value| (value - mean).powi(2)).collect();
    weighted_mean(&squares, weights)
}

pub struct Found {
    pub center: Point,
    /// The fine profile around it.
    pub profile: Profile,
}

/// Steps from `guess` until there is none left to take.
///
/// Up to the tolerance it goes as a kernel goes, so that it gives up where a kernel should, and from there to where
/// the computed step is zero.
pub fn quadrant_interpolation(
    roi: Roi,
    guess: Point,
    level: f64,
    params: &Params,
    recipe: Recipe,
    margin: &mut Margin,
) -> Result<Found, Flags> {
    let fine = Grid::fine(roi.side);
    let (mut center, mut grid, mut gait) = (guess, Grid::coarse(roi.side), Gait::default());
    for number in 1..=params.max_steps {
        if !roi.has_room(center, margin) {
            return Err(Flags::EDGE);
        }
        // A tie of rings on the way there only changes the way.
        let mut tie = Margin(f64::INFINITY);
        let look = Look { roi, level, grid, extent: Extent::around(roi, center, &grid, &mut tie), recipe };
        let (profile, computed) = look.at(center).ok_or(Flags::NOT_CONVERGED)?;
        let taken = gait.next(computed);
        center = (center.0 + taken.0, center.1 + taken.1);
        let longest_px = length_px(taken);
        // The coarse grid has nothing more to say below 0.2 px.
        let enough_px = if grid == fine { params.tolerance_px } else { 0.2 };
        // One step more or less ends elsewhere, but leads to the same place in the end.
        if recipe == Recipe::AtTolerance || (grid == fine && number + 1 >= params.max_steps) {
            margin.note(longest_px / enough_px - 1.0);
        }
        if longest_px < enough_px && grid != fine {
            (grid, gait) = (fine, Gait::default());
        } else if longest_px < enough_px {
            margin.note(tie.0);
            let share = profile.ring_share(&profile.weights(level));
            let least = f64::from(params.min_ring_share);
            margin.note(share - least);
            if !roi.has_room(center, margin) {
                return Err(Flags::EDGE);
            }
            if share < least {
                return Err(Flags::LOW_CONTRAST);
            }
            if recipe == Recipe::AtTolerance {
                return Ok(Found { center, profile });
            }
            return look.standstill(center).ok_or_else(|| {
                margin.note(0.0);
                Flags::NOT_CONVERGED
            });
        }
    }
    Err(if roi.has_room(center, margin) { Flags::NOT_CONVERGED } else { Flags::EDGE })
}

fn length_px((x, y): Point) -> f64 {
    x.abs().max(y.abs())
}

/// One way to look at an image: these rings and no others.
struct Look<'a> {
    roi: Roi<'a>,
    level: f64,
    grid: Grid,
    extent: Extent,
    recipe: Recipe,
}

impl Look<'_> {
    /// The profile around `center` and the step it asks for.
    fn at(&self, center: Point) -> Option<(Profile, Point)> {
        let profile = Profile::measure(self.roi, center, self.grid, self.extent, self.recipe);
        let step = profile.step(&profile.weights(self.level))?;
        Some((profile, step))
    }

    /// Where the step is zero, to 1e-9 px, by Newton's method. The rings stay the same: one more or less would have
    /// another such place. `None` if there is none within 0.1 px of `start`.
    fn standstill(&self, start: Point) -> Option<Found> {
        let is_near = |(x, y): Point| length_px((x - start.0, y - start.1)) < 0.1;
        let mut center = start;
        let (mut profile, mut step) = self.at(center)?;
        for _ in 0..50 {
            if length_px(step) < 1e-9 {
                return Some(Found { center, profile });
            }
            let by = 1e-6;
            let (_, right) = self.at((center.0 + by, center.1))?;
            let (_, down) = self.at((center.0, center.1 + by))?;
            let [xx, yx] = [(right.0 - step.0) / by, (right.1 - step.1) / by];
            let [xy, yy] = [(down.0 - step.0) / by, (down.1 - step.1) / by];
            let determinant = xx * yy - xy * yx;
            let newton =
                ((xy * step.1 - yy * step.0) / determinant, (yx * step.0 - xx * step.1) / determinant);
            // Half as far, and again, until it is nearer: between pixels the step has corners.
            let mut part = 1.0;
            loop {
                let tried = (center.0 + part * newton.0, center.1 + part * newton.1);
                if is_near(tried)
                    && let Some((tried_profile, tried_step)) = self.at(tried)
                    && tried_step.0.hypot(tried_step.1) < step.0.hypot(step.1)
                {
                    (center, profile, step) = (tried, tried_profile, tried_step);
                    break;
                }
                part *= 0.5;
                if part < 1e-3 {
                    return None;
                }
            }
        }
        None
    }
}

/// Part of a computed step that is taken: all of it at first, then what the last two say (secant method).
struct Gait {
    factor: f64,
    computed: Point,
    taken: Point,
}

impl Default for Gait {
    fn default() -> Self {
        Self { factor: 1.0, computed: (0.0, 0.0), taken: (0.0, 0.0) }
    }
}

impl Gait {
    fn next(&mut self, computed: Point) -> Point {
        let (taken, change) = (self.taken, (self.computed.0 - computed.0, self.computed.1 - computed.1));
        let along = taken.0 * change.0 + taken.1 * change.1;
        if along > 0.0 {
            self.factor = ((taken.0 * taken.0 + taken.1 * taken.1) / along).clamp(0.25, 1.5);
        }
        // Beyond 1.5 px the slopes say nothing about the way.
        let limited = |step: f64| (self.factor * step).clamp(-1.5, 1.5);
        self.taken = (limited(computed.0), limited(computed.1));
        self.computed = computed;
        self.taken
    }
}
