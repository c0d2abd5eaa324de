//! The tracking chain once more, from its formulas, slow and in f64 throughout: what fast kernels are judged by.
//!
//! Methods `autoconv` and `qi` with the default [`Params`], and the match with a Z-LUT. Of the crate it uses the types
//! of its answers and settings and no kernel. Where a kernel stops at a tolerance the reference goes on until nothing
//! moves: it says where the fixed point is, and a kernel must come within its tolerance of it.
//!
//! What decides (a threshold, a tie of two peaks, a ring that just fits) can go the other way in f32.
//! [`Answer::margin`] says how near the nearest of these decisions was.

// Another crate's test may include this file by its path.
#![allow(dead_code, reason = "each test file uses a part of it")]

mod guess;
mod rings;
mod zlut;

use beadscope_shaders::flags::Flags;
use beadscope_shaders::params::{Method, Params};

pub use rings::{FINE_ARC_STEP_PX, Grid, Profile};
pub use zlut::Zlut;

/// A place in the ROI: column and row, px.
pub type Point = (f64, f64);

/// Where the bead is. What was not found is NaN.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    pub x_px: f64,
    pub y_px: f64,
    pub z_nm: f64,
    /// Root of the roundness, times the correlation with the Z-LUT if there is one.
    pub quality: f64,
    /// Standard deviation of the pixel noise, grey levels.
    pub noise: f64,
    /// Why something is missing or doubtful.
    pub flags: Flags,
    /// Distance of the nearest decision from its threshold: px, planes, or a share, as it comes.
    pub margin: f64,
}

/// How the reference is computed: as it should be, or with one mistake that a comparison must notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// As it should be.
    Sound,
    /// It stops where a kernel stops: what is left between the two is arithmetic.
    AtTolerance,
    /// Pixels are taken to have their centres at halves.
    HalfPixelOff,
    /// The pixel a sample lies in, without interpolation.
    NearestPixel,
    /// Rings at whole pixels only: those between show the one inside.
    NearestRing,
    /// Straight lines from plane to plane of the Z-LUT.
    LinearInZ,
    /// Height from the top of a parabola through the three best correlations.
    ParabolaInZ,
}

/// Keeps the shortest distance from a threshold.
pub(crate) struct Margin(f64);

impl Margin {
    fn note(&mut self, distance: f64) {
        self.0 = self.0.min(distance.abs());
    }
}

/// An image less its background.
#[derive(Clone, Copy)]
pub(crate) struct Roi<'a> {
    pixels: &'a [f64],
    side: usize,
}

impl Roi<'_> {
    fn at(&self, column: usize, row: usize) -> f64 {
        self.pixels[row * self.side + column]
    }

    /// Radius of the largest circle that stays between the centres of the border pixels.
    fn usable_radius_px(&self, (x, y): Point) -> f64 {
        let last = self.side as f64 - 1.0;
        [x, y, last - x, last - y].into_iter().fold(f64::INFINITY, f64::min)
    }

    /// Whether there is room around a centre for it to count: a quarter of the ROI, at least 3 px.
    fn has_room(&self, center: Point, margin: &mut Margin) -> bool {
        let room = self.usable_radius_px(center) - (self.side as f64 / 4.0).max(3.0);
        margin.note(room);
        room >= 0.0
    }
}

/// Finds the bead in `image`, `roi_px` squared grey levels with rows from top. `max_level`: that of a saturated pixel.
pub fn locate(image: &[f64], roi_px: usize, max_level: f64, method: Method, zlut: Option<&Zlut>) -> Answer {
    locate_by(Recipe::Sound, image, roi_px, max_level, method, zlut)
}

/// The same by another recipe.
pub fn locate_by(
    recipe: Recipe,
    image: &[f64],
    roi_px: usize,
    max_level: f64,
    method: Method,
    zlut: Option<&Zlut>,
) -> Answer {
    assert!(matches!(method, Method::AutoConvolution | Method::QuadrantInterpolation), "{method} has none");
    assert_eq!(image.len(), roi_px * roi_px);
    let background = guess::Background::of(image, roi_px);
    let pixels: Vec<f64> = image.iter().map(|pixel| pixel - background.level).collect();
    let mut chain = Chain {
        roi: Roi { pixels: &pixels, side: roi_px },
        background,
        recipe,
        params: Params::default(),
        margin: Margin(f64::INFINITY),
    };
    let mut answer = Answer {
        x_px: f64::NAN,
        y_px: f64::NAN,
        z_nm: f64::NAN,
        quality: f64::NAN,
        noise: background.noise,
        flags: if zlut.is_none() { Flags::NO_ZLUT } else { Flags::NONE },
        margin: 0.0,
    };
    if 100 * image.iter().filter(|pixel| **pixel >= max_level).count() > image.len() {
        answer.flags |= Flags::SATURATED;
    }
    match chain.center(method) {
        Ok((center, profile)) => {
            (answer.x_px, answer.y_px) = center;
            chain.judge(center, profile, zlut, &mut answer);
        }
        Err(why) => answer.flags |= why,
    }
    answer.margin = chain.margin.0;
    answer
}

/// One image on its way through the chain.
struct Chain<'a> {
    roi: Roi<'a>,
    background: guess::Background,
    recipe: Recipe,
    params: Params,
    margin: Margin,
}

impl Chain<'_> {
    /// The centre, and from `qi` the fine profile around it.
    fn center(&mut self, method: Method) -> Result<(Point, Option<Profile>), Flags> {
        let (roi, margin) = (self.roi, &mut self.margin);
        if !self.background.has_contrast(roi.pixels.len(), margin) {
            return Err(Flags::LOW_CONTRAST);
        }
        let center = guess::center_of_mass(roi, 2.0 * self.background.noise).ok_or(Flags::LOW_CONTRAST)?;
        let mut center =
            guess::auto_convolutions(roi, center, self.params.window, margin).ok_or(Flags::NOT_CONVERGED)?;
        let mut profile = None;
        if method == Method::QuadrantInterpolation {
            let level = self.background.level;
            let found = rings::quadrant_interpolation(roi, center, level, &self.params, self.recipe, margin)?;
            center = found.center;
            profile = Some(found.profile);
        }
        if roi.has_room(center, margin) { Ok((center, profile)) } else { Err(Flags::EDGE) }
    }

    /// Quality and height.
    fn judge(&mut self, center: Point, fine: Option<Profile>, zlut: Option<&Zlut>, answer: &mut Answer) {
        let measured = match (fine, zlut) {
            (fine, None) => fine,
            (Some(fine), Some(zlut)) if fine.grid == zlut.grid() => Some(fine),
            (_, Some(zlut)) => {
                let extent = rings::Extent::around(self.roi, center, &zlut.grid(), &mut self.margin);
                Some(Profile::measure(self.roi, center, zlut.grid(), extent, self.recipe))
            }
        };
        // `autoconv` without a Z-LUT has measured no rings.
        let Some(profile) = measured else { return };
        let round = profile.roundness(self.background.noise);
        answer.quality = round.sqrt();
        if self.is_below(round, self.params.min_roundness) {
            answer.flags |= Flags::NOT_ROUND;
        }
        let Some(zlut) = zlut else { return };
        let weights = profile.weights(self.background.level);
        let Some(found) = zlut.find(&profile.mean, &weights, self.recipe, &mut self.margin) else {
            answer.flags |= Flags::POOR_MATCH;
            return;
        };
        answer.quality *= found.correlation;
        if found.in_range {
            answer.z_nm = found.z_nm;
        } else {
            answer.flags |= Flags::Z_OUT_OF_RANGE;
        }
        if self.is_below(found.correlation, self.params.min_quality) {
            answer.flags |= Flags::POOR_MATCH;
        }
    }

    fn is_below(&mut self, value: f64, threshold: f32) -> bool {
        self.margin.note(value - f64::from(threshold));
        value < f64::from(threshold)
    }
}

/// The mean of each ring of `grid` around `center`, as a Z-LUT keeps it: NaN where a ring does not fit.
pub fn radial_profile(image: &[f64], roi_px: usize, center: Point, grid: Grid) -> Vec<f64> {
    let roi = Roi { pixels: image, side: roi_px };
    let extent = rings::Extent::around(roi, center, &grid, &mut Margin(f64::INFINITY));
    let mut mean = Profile::measure(roi, center, grid, extent, Recipe::Sound).mean;
    mean.resize(grid.n_rings, f64::NAN);
    mean
}
