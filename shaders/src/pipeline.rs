//! The kernels chained for one bead: pixels in, x, y, z out. No thread, no allocation after `new`.

use crate::auto_convolution::{Lines, Reach, auto_convolution};
use crate::background::{self, Background};
use crate::center_of_mass::{Window, center_of_mass};
use crate::fit::{FitScratch, Start, Unfit, fit};
use crate::flags::Flags;
use crate::image_model::knots_for_roi;
use crate::magtrack::{self, MagTrack, OptionError, Reference};
use crate::params::{MAX_ROI_PX, MIN_ROI_PX};
use crate::quadrant_interpolation::{Iteration, Lost, Quadrants, quadrant_interpolation, smallest_radius_px};
use crate::radial_profile::{PolarProfile, ring_share, ring_weights, roundness};
use crate::rings::{ARC_STEP_PX, COARSE_ARC_STEP_PX, PolarGrid, Rings};
use crate::sampling::usable_radius_px;
use crate::zlut_match::{MatchScratch, MatchTable, zlut_match};

pub use crate::params::{Method, ParamError, Params};

/// Where one bead is, in its ROI. What could not be measured is NaN and `flags` says why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Localization {
    /// Column of the centre in the ROI, px; pixel centres at integers.
    pub x_px: f64,
    /// Row of the centre in the ROI, px.
    pub y_px: f64,
    /// Height from the Z-LUT, nm.
    pub z_nm: f64,
    /// Likeness of the image to a round one of the Z-LUT, up to 1: the root of its [`roundness`], times the weighted
    /// correlation of its profile with the Z-LUT where it matches best. Without a Z-LUT roundness alone, from `qi` and
    /// `fit`; else NaN.
    pub quality: f32,
    /// Standard errors of x and y in px and of z in nm, from `fit`; NaN from other methods.
    pub sigma: [f32; 3],
    /// Why something is NaN or doubtful.
    pub flags: Flags,
}

impl Localization {
    /// Nothing was measured; `flags` says why.
    pub fn nothing(flags: Flags) -> Self {
        Self {
            x_px: f64::NAN,
            y_px: f64::NAN,
            z_nm: f64::NAN,
            quality: f32::NAN,
            sigma: [f32::NAN; 3],
            flags,
        }
    }
}

/// Grids and settings for one ROI size. Shared by all threads.
#[derive(Clone, Debug)]
pub struct Tracker {
    roi_px: usize,
    params: Params,
    guess_window: Window,
    coarse: PolarGrid,
    fine: PolarGrid,
    /// Its own pipeline, where that is the method.
    magtrack: Option<MagTrack>,
}

/// What one thread needs to track; see [`Tracker::scratch`].
#[derive(Clone, Debug)]
pub struct Scratch {
    roi_px: usize,
    pixels: Vec<f32>,
    border: Vec<f32>,
    lines: Lines,
    quadrants: Quadrants,
    /// Profile on the rings of the Z-LUT, where these are not the default ones.
    profile: PolarProfile,
    weights: Vec<f32>,
    matching: MatchScratch,
    fitting: FitScratch,
    magtrack: Option<magtrack::Scratch>,
}

/// Grey levels below this many times the noise do not count for the centre of mass.
pub(crate) const DEAD_ZONE: f32 = 2.0;

/// Window of the first guess, as a part of the ROI. An ROI is laid around its bead, so what is far from its middle
/// is a neighbour.
pub(crate) const GUESS_WINDOW: f64 = 0.2;

/// How far the first and the second auto-convolution look, as parts of the ROI.
pub(crate) const SEARCH: [f64; 2] = [1.0 / 4.0, 1.0 / 16.0];

/// Shortest search, px: the peak needs a shift on each side.
pub(crate) const SHORTEST_SEARCH_PX: f64 = 2.0;

impl Tracker {
    /// A tracker for ROIs of `roi_px` a side: 8 to 512, odd or even.
    pub fn new(roi_px: usize, params: &Params) -> Result<Self, ParamError> {
        if !(MIN_ROI_PX..=MAX_ROI_PX).contains(&roi_px) {
            return Err(ParamError::RoiSize { roi_px });
        }
        params.check()?;
        let coarse = PolarGrid::new(Rings::coarse_for_roi(roi_px), COARSE_ARC_STEP_PX);
        let fine = PolarGrid::new(Rings::for_roi(roi_px), ARC_STEP_PX);
        let guess_window = match params.method {
            Method::CenterOfMass => Window::flat(roi_px),
            _ => Window::gaussian(roi_px, GUESS_WINDOW * roi_px as f64),
        };
        let magtrack = match params.method {
            Method::MagTrack => Some(MagTrack::new(roi_px, &params.magtrack)?),
            _ => None,
        };
        Ok(Self { roi_px, params: *params, guess_window, coarse, fine, magtrack })
    }

    /// The same tracker with the Z-LUT of the method `magtrack`, which the Z-LUT of [`Tracker::locate`] is not for.
    ///
    /// # Errors
    /// If its profiles are not as long as the method's. A tracker of another method has no use for it and stays as it is.
    pub fn with_reference(mut self, reference: Reference) -> Result<Self, OptionError> {
        self.magtrack = self.magtrack.map(|magtrack| magtrack.with_reference(reference)).transpose()?;
        Ok(self)
    }

    /// Scratch for [`Tracker::locate`], one per thread.
    pub fn scratch(&self) -> Scratch {
        let n = self.roi_px;
        Scratch {
            roi_px: n,
            pixels: vec![0.0; n * n],
            border: Vec::with_capacity(4 * n),
            lines: Lines::new(n),
            quadrants: Quadrants::new(&self.coarse, &self.fine),
            profile: PolarProfile::new(n),
            weights: vec![0.0; n],
            matching: MatchScratch::new(n),
            fitting: FitScratch::new(n, knots_for_roi(n)),
            magtrack: self.magtrack.as_ref().map(MagTrack::scratch),
        }
    }

    /// How beads are located.
    pub fn method(&self) -> Method {
        self.params.method
    }

    /// The settings it was made with.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Where few and where all samples lie.
    pub(crate) fn grids(&self) -> (&PolarGrid, &PolarGrid) {
        (&self.coarse, &self.fine)
    }

    /// Side of the ROI, px.
    pub fn roi_px(&self) -> usize {
        self.roi_px
    }

    /// Finds the bead in one ROI.
    ///
    /// `image`: `roi_px` squared grey levels, rows from top; any other length comes back as `EDGE`. `max_level`: the
    /// grey level of a saturated pixel. Without `lut` z is NaN. The first call with a scratch made for another ROI
    /// size, or with a Z-LUT of more rings than `roi_px` and than before, allocates; no other does.
    pub fn locate(
        &self,
        image: &[f32],
        max_level: f32,
        lut: Option<&MatchTable>,
        scratch: &mut Scratch,
    ) -> Localization {
        if image.len() != self.roi_px * self.roi_px {
            return Localization::nothing(Flags::EDGE);
        }
        if scratch.roi_px != self.roi_px {
            *scratch = self.scratch();
        }
        if let Some(magtrack) = &self.magtrack {
            let room = scratch.magtrack.take().filter(|room| magtrack.fits(room));
            let room = scratch.magtrack.insert(room.unwrap_or_else(|| magtrack.scratch()));
            return magtrack.locate(image, max_level, self.params.min_quality, room);
        }
        let mut flags = Flags::NONE;
        if background::is_saturated(image, max_level) {
            flags |= Flags::SATURATED;
        }
        if lut.is_none() {
            flags |= Flags::NO_ZLUT;
        }
        let background = background::measure(image, self.roi_px, &mut scratch.border);
        if !background.has_contrast(image.len()) {
            return Localization::nothing(flags | Flags::LOW_CONTRAST);
        }
        background::subtract(image, background.level, &mut scratch.pixels);
        match self.find_center(&background, scratch) {
            Ok(center) => {
                let mut found = Localization::nothing(flags);
                (found.x_px, found.y_px) = center;
                if self.uses_quadrants() && lut.is_none() {
                    self.judge(&scratch.quadrants.fine, self.fine.rings(), &background, &mut found);
                }
                if let Some(lut) = lut {
                    self.find_height(center, &background, lut, scratch, &mut found);
                    if self.params.method == Method::Fit && found.z_nm.is_finite() {
                        self.refine(&background, lut, scratch, &mut found);
                    }
                }
                found
            }
            Err(why) => Localization::nothing(flags | why),
        }
    }

    /// x and y by the method asked for; the error is the flag that says why there are none.
    fn find_center(&self, background: &Background, scratch: &mut Scratch) -> Result<(f64, f64), Flags> {
        let dead_zone = DEAD_ZONE * background.noise;
        let mut center = center_of_mass(&scratch.pixels, self.roi_px, dead_zone, &self.guess_window)
            .ok_or(Flags::LOW_CONTRAST)?;
        if self.params.method != Method::CenterOfMass {
            center = self.mirror_center(center, scratch)?;
        }
        if self.uses_quadrants() {
            center = self.quadrant_center(center, background.level, scratch)?;
        }
        if usable_radius_px(self.roi_px, center) < smallest_radius_px(self.roi_px) {
            return Err(Flags::EDGE);
        }
        Ok(center)
    }

    fn mirror_center(&self, guess_px: (f64, f64), scratch: &mut Scratch) -> Result<(f64, f64), Flags> {
        let roi = self.roi_px as f64;
        let mut center = guess_px;
        for search in SEARCH {
            let search_px = (search * roi).max(SHORTEST_SEARCH_PX);
            let reach = Reach { window_px: self.params.window * roi, search_px };
            let found = auto_convolution(&scratch.pixels, self.roi_px, center, reach, &mut scratch.lines)
                .ok_or(Flags::NOT_CONVERGED)?;
            center = found.center_px;
        }
        Ok(center)
    }

    fn quadrant_center(
        &self,
        guess_px: (f64, f64),
        level: f32,
        scratch: &mut Scratch,
    ) -> Result<(f64, f64), Flags> {
        let iteration =
            Iteration { tolerance_px: self.params.tolerance_px, max_steps: self.params.max_steps };
        let grids = (&self.coarse, &self.fine);
        let quadrants = &mut scratch.quadrants;
        let center = quadrant_interpolation(
            &scratch.pixels,
            self.roi_px,
            level,
            guess_px,
            grids,
            &iteration,
            quadrants,
        )
        .map_err(|lost| match lost {
            Lost::Edge => Flags::EDGE,
            Lost::NotConverged => Flags::NOT_CONVERGED,
        })?;
        if ring_share(&quadrants.fine, &quadrants.weights) < self.params.min_ring_share {
            return Err(Flags::LOW_CONTRAST);
        }
        Ok(center)
    }

    fn uses_quadrants(&self) -> bool {
        matches!(self.params.method, Method::QuadrantInterpolation | Method::Fit)
    }

    /// Fits the image from where the other methods ended.
    fn refine(
        &self,
        background: &Background,
        lut: &MatchTable,
        scratch: &mut Scratch,
        found: &mut Localization,
    ) {
        let Some(model) = lut.image_model() else { return };
        let start = Start {
            center_px: (found.x_px, found.y_px),
            z_nm: found.z_nm,
            level: background.level,
            noise: background.noise,
            noise_at: background.mean,
        };
        match fit(&scratch.pixels, self.roi_px, model, start, &mut scratch.fitting) {
            Ok(fit) => {
                (found.x_px, found.y_px) = fit.center_px;
                found.z_nm = fit.z_nm;
                found.sigma = fit.sigma.map(|sigma| sigma as f32);
            }
            Err(Unfit::OutOfRange) => {
                found.z_nm = f64::NAN;
                found.flags |= Flags::Z_OUT_OF_RANGE;
            }
            Err(Unfit::NotConverged) => *found = Localization::nothing(found.flags | Flags::NOT_CONVERGED),
        }
    }

    /// How round the image is about the rings of a profile.
    fn judge(
        &self,
        profile: &PolarProfile,
        rings: &Rings,
        background: &Background,
        found: &mut Localization,
    ) {
        let round = roundness(profile, rings, background.noise);
        found.quality = round.sqrt();
        if round < self.params.min_roundness {
            found.flags |= Flags::NOT_ROUND;
        }
    }

    fn find_height(
        &self,
        center_px: (f64, f64),
        background: &Background,
        lut: &MatchTable,
        scratch: &mut Scratch,
        found: &mut Localization,
    ) {
        let rings = lut.grid().rings();
        scratch.weights.resize(rings.n_rings, 0.0);
        // The last step of quadrant interpolation has already measured these rings, less than a tolerance away.
        let measured = self.uses_quadrants() && rings == self.fine.rings();
        let profile = if measured {
            &scratch.quadrants.fine
        } else {
            scratch.profile.resize(rings.n_rings);
            scratch.profile.measure(&scratch.pixels, self.roi_px, center_px, lut.grid());
            &scratch.profile
        };
        self.judge(profile, rings, background, found);
        ring_weights(profile, rings, background.level, &mut scratch.weights);
        let Some(found_z) = zlut_match(lut, &profile.mean, &scratch.weights, &mut scratch.matching) else {
            found.flags |= Flags::POOR_MATCH;
            return;
        };
        found.quality *= found_z.quality;
        if found_z.in_range {
            found.z_nm = found_z.z_nm;
        } else {
            found.flags |= Flags::Z_OUT_OF_RANGE;
        }
        if found_z.quality < self.params.min_quality {
            found.flags |= Flags::POOR_MATCH;
        }
    }
}
