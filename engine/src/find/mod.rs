//! Bead finding: where in a frame are beads that can be tracked?
//!
//! Two ways. Without a seed, edges vote for the centres of rings (`vote`), the patch around each is measured for
//! roundness (`symmetry`), and the frame's own beads are the standard that debris is held against (`typical`).
//! With a seed, likeness to it (`seed`) replaces that standard. Either way a bead is kept only if its ROI lies in the
//! frame and the rings of no other reach into it. Runs once, on whichever thread asks for it; never during tracking.

mod correlate;
mod isolate;
mod plane;
mod polar;
#[cfg(test)]
mod real_frame;
mod seed;
mod survey;
mod symmetry;
#[cfg(test)]
mod synthetic;
#[cfg(test)]
mod tests;
mod typical;
mod vote;
mod watch;

use std::fmt;

use watch::Watch;

/// A frame in grey levels, row by row; levels may be of any range, NaN and infinite ones are passed over.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    /// Grey levels, `width_px * height_px` of them.
    pub pixels: &'a [f32],
    /// Columns.
    pub width_px: usize,
    /// Rows.
    pub height_px: usize,
}

/// What to look for.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Side of the ROI around each bead, px, 16 or more. Choose it so that the rings fill half of it or more: a ring
    /// radius below a ninth of it is debris.
    pub roi_px: usize,
    /// Centre of a bead that the others have to look like, px; without one, any round ringed object will do.
    pub seed_px: Option<(f64, f64)>,
    /// Lowest score of a bead, 0 to 1; without one, 0.85, or with a seed what separates the frame's scores best.
    pub threshold: Option<f32>,
}

/// A place in the frame that was looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Column of the symmetry centre, px; pixel centres are at integers.
    pub x_px: f64,
    /// Row of the symmetry centre, px.
    pub y_px: f64,
    /// With a seed the correlation with it, else the part of the patch's variance that is round; 1 is best.
    pub score: f32,
    /// A bead, or why not.
    pub verdict: Verdict,
}

/// What a candidate is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A single bead with a clear ROI.
    Bead,
    /// The ROI holds part of another bead.
    Overlaps,
    /// The ROI reaches over the frame's edge.
    Border,
    /// Not round: debris, or a bead with something in its rings.
    NotRound,
    /// Too small or too faint for a bead of this frame.
    Small,
    /// Round, but unlike the frame's other beads or unlike the seed.
    Unlike,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bead => "bead",
            Self::Overlaps => "the rings of another bead reach into its ROI",
            Self::Border => "its ROI reaches over the edge of the frame",
            Self::NotRound => "not round: debris, or something lies in its rings",
            Self::Small => "too small or too faint for a bead",
            Self::Unlike => "round, but unlike the other beads",
        })
    }
}

/// Why a frame cannot be searched.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum FindError {
    /// The pixels do not make up the frame.
    #[error("{pixels} grey levels do not fill a frame of {width_px} x {height_px} px")]
    PixelCount {
        /// Levels given.
        pixels: usize,
        /// Columns asked for.
        width_px: usize,
        /// Rows asked for.
        height_px: usize,
    },
    /// A ROI this small holds no rings.
    #[error("a ROI of {roi_px} px is too small to tell rings; use {MIN_ROI_PX} px or more")]
    RoiTooSmall {
        /// Side asked for.
        roi_px: usize,
    },
    /// No ROI fits.
    #[error(
        "a ROI of {roi_px} px does not fit into a frame of {width_px} x {height_px} px; use a smaller one"
    )]
    RoiTooLarge {
        /// Side asked for.
        roi_px: usize,
        /// Columns of the frame.
        width_px: usize,
        /// Rows of the frame.
        height_px: usize,
    },
    /// The seed's ROI is not in the frame.
    #[error(
        "the ROI of the seed at {x_px}, {y_px} px reaches over the frame's edge; choose a bead farther inside"
    )]
    SeedAtBorder {
        /// Column asked for.
        x_px: f64,
        /// Row asked for.
        y_px: f64,
    },
    /// There is nothing at the seed to be like.
    #[error("the frame is flat around the seed at {x_px}, {y_px} px; choose the centre of a bead")]
    SeedIsFlat {
        /// Column asked for.
        x_px: f64,
        /// Row asked for.
        y_px: f64,
    },
    /// No score can be compared with it.
    #[error("the threshold {threshold} is not between 0 and 1")]
    Threshold {
        /// Score asked for.
        threshold: f32,
    },
    /// Whoever watched did not want to know the rest.
    #[error("the search was cancelled")]
    Cancelled,
}

/// Smallest ROI in which rings can be told from a spot, px.
const MIN_ROI_PX: usize = 16;

/// Looks for beads: first the beads by falling score, then what was rejected, each with its reason.
///
/// A frame without beads, flat or of noise only, gives an empty list.
///
/// # Errors
/// If the frame, the ROI, the seed or the threshold makes no sense; see [`FindError`].
pub fn find(image: &Image, options: &Options) -> Result<Vec<Candidate>, FindError> {
    find_watched(image, options, &|_| true)
}

/// As [`find`], while `watch` hears again and again which share is done, 0 to 1, and says whether to go on.
///
/// # Errors
/// As [`find`]; [`FindError::Cancelled`] soon after `watch` has said no.
pub fn find_watched(
    image: &Image,
    options: &Options,
    watch: &dyn Fn(f32) -> bool,
) -> Result<Vec<Candidate>, FindError> {
    check(image, options)?;
    let watch = Watch::new(watch);
    watch.at(0, 1)?;
    let Some(plane) = plane::Plane::new(image) else { return Ok(Vec::new()) };
    // Where the time goes; the correlation with a seed takes about as long as all the rest.
    let (surveyed, compared) = if options.seed_px.is_some() { (0.5, 0.9) } else { (0.9, 0.9) };
    let mut objects = survey::survey(&plane, options.roi_px, &watch.part(0.1, surveyed))?;
    let likeness = match options.seed_px {
        None => None,
        Some(seed_px) => {
            let watch = watch.part(surveyed, compared);
            Some(seed::compare(&plane, options, seed_px, &mut objects, &watch)?)
        }
    };
    let mut candidates = isolate::judge(&plane, options, &objects, likeness, &watch.part(compared, 1.0))?;
    candidates.sort_by(|a, b| {
        let rejected = |candidate: &Candidate| candidate.verdict != Verdict::Bead;
        rejected(a).cmp(&rejected(b)).then(b.score.total_cmp(&a.score))
    });
    Ok(candidates)
}

fn check(image: &Image, options: &Options) -> Result<(), FindError> {
    let &Image { pixels, width_px, height_px } = image;
    let roi_px = options.roi_px;
    if width_px.checked_mul(height_px) != Some(pixels.len()) {
        return Err(FindError::PixelCount { pixels: pixels.len(), width_px, height_px });
    }
    if roi_px < MIN_ROI_PX {
        return Err(FindError::RoiTooSmall { roi_px });
    }
    if !pixels.is_empty() && roi_px > width_px.min(height_px) {
        return Err(FindError::RoiTooLarge { roi_px, width_px, height_px });
    }
    match options.threshold {
        Some(threshold) if !(0.0..=1.0).contains(&threshold) => Err(FindError::Threshold { threshold }),
        _ => Ok(()),
    }
}

/// Top left pixel of the ROI whose centre pixel (index `roi_px / 2`) is the one nearest to the centre; `None` if the ROI
/// reaches over the frame's edge.
fn roi_corner(plane: &plane::Plane, roi_px: usize, x_px: f64, y_px: f64) -> Option<(usize, usize)> {
    let corner = |center: f64, side: usize| {
        let first = (center - (roi_px / 2) as f64).round();
        (first >= 0.0 && first + roi_px as f64 <= side as f64).then_some(first as usize)
    };
    Some((corner(x_px, plane.width_px)?, corner(y_px, plane.height_px)?))
}
