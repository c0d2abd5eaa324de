//! Finds the bead in an image of a focus sweep and measures its profile as a Z-LUT holds it.
//!
//! Runs on: whichever thread builds a Z-LUT.

use beadscope_drivers::sweep::FocusSweep;
use beadscope_shaders::flags::Flags;
use beadscope_shaders::magtrack::{self, MagTrack};
use beadscope_shaders::pipeline::{Method, ParamError, Params, Scratch, Tracker};
use beadscope_shaders::radial_profile::{PolarProfile, Rings};
use beadscope_shaders::rings::{ARC_STEP_PX, PolarGrid};
use beadscope_zlut::{ImageTable, Origin, ProfileKind, TableError, ZLut};

use super::CalibrateError;
use crate::clock;
use crate::prepared_zlut::magtrack_kind;

/// What was measured in all images of a sweep.
pub(super) struct Measured {
    /// Profiles, one after the other.
    pub(super) profiles: Vec<f64>,
    /// Centre of the bead in each image, px.
    pub(super) centers_px: Vec<(f64, f64)>,
}

/// Measures images of one ROI size for Z-LUTs of one kind.
pub(crate) struct Meter {
    side: usize,
    way: Way,
    profile: Vec<f64>,
}

#[allow(clippy::large_enum_variant, reason = "there is one for each sweep")]
enum Way {
    /// With the sampler that tracking uses, so that its errors cancel; the centre by quadrant interpolation.
    Rings { tracker: Tracker, scratch: Scratch, grid: PolarGrid, measured: PolarProfile },
    /// MagTrack's own profiles about MagTrack's own centre.
    MagTrack { magtrack: MagTrack, scratch: magtrack::Scratch, kind: ProfileKind },
}

impl Meter {
    /// For the profiles that the method of `params` looks up: those of MagTrack, or those that all others share.
    ///
    /// # Errors
    /// If the kernels refuse the size, or MagTrack an option.
    pub(crate) fn new(side: usize, params: &Params) -> Result<Self, ParamError> {
        let way = if params.method == Method::MagTrack {
            let magtrack = MagTrack::new(side, &params.magtrack)?;
            let scratch = magtrack.scratch();
            Way::MagTrack { magtrack, scratch, kind: magtrack_kind(&params.magtrack) }
        } else {
            let tracker = Tracker::new(side, &Params::default())?;
            let rings = Rings::for_roi(side);
            let measured = PolarProfile::new(rings.n_rings);
            Way::Rings {
                scratch: tracker.scratch(),
                tracker,
                grid: PolarGrid::new(rings, ARC_STEP_PX),
                measured,
            }
        };
        Ok(Self { side, way, profile: Vec::new() })
    }

    /// Values of a profile.
    pub(crate) fn n_rings(&self) -> usize {
        match &self.way {
            Way::Rings { grid, .. } => grid.rings().n_rings,
            Way::MagTrack { magtrack, .. } => magtrack.bins(),
        }
    }

    /// From one ring to the next, px; MagTrack does not say it.
    pub(crate) fn ring_step_px(&self) -> Option<f64> {
        match &self.way {
            Way::Rings { grid, .. } => Some(grid.rings().ring_step_px),
            Way::MagTrack { .. } => None,
        }
    }

    /// Whether its Z-LUTs hold a model of the image.
    pub(crate) fn has_image_model(&self) -> bool {
        matches!(self.way, Way::Rings { .. })
    }

    /// Centre of the bead in an image, px, and what is doubtful about it.
    ///
    /// # Errors
    /// The flags that say why there is none.
    pub(crate) fn locate(&mut self, levels: &[f32]) -> Result<((f64, f64), Flags), Flags> {
        let found = match &mut self.way {
            Way::Rings { tracker, scratch, .. } => tracker.locate(levels, f32::INFINITY, None, scratch),
            Way::MagTrack { magtrack, scratch, .. } => magtrack.locate(levels, f32::INFINITY, -1.0, scratch),
        };
        let is_found = found.x_px.is_finite();
        if is_found { Ok(((found.x_px, found.y_px), found.flags)) } else { Err(found.flags) }
    }

    /// Profile of an image about a centre; what could not be measured is NaN.
    pub(crate) fn profile(&mut self, levels: &[f32], center_px: (f64, f64)) -> &[f64] {
        self.profile.clear();
        match &mut self.way {
            Way::Rings { grid, measured, .. } => {
                measured.measure(levels, self.side, center_px, grid);
                self.profile.extend(measured.mean.iter().map(|grey| f64::from(*grey)));
            }
            Way::MagTrack { magtrack, scratch, .. } => {
                self.profile.extend_from_slice(magtrack.profile_about(levels, center_px, scratch));
            }
        }
        &self.profile
    }

    /// Measures every image of a sweep.
    ///
    /// # Errors
    /// If no bead is found in one, and the sweep does not say where it is.
    pub(super) fn measure(&mut self, sweep: &FocusSweep) -> Result<Measured, CalibrateError> {
        let (mut profiles, mut centers_px) = (Vec::new(), Vec::new());
        for (image, levels) in sweep.images.chunks_exact(self.side * self.side).enumerate() {
            let center_px = match sweep.center_px {
                Some(center_px) => center_px,
                None => self.locate(levels).map_err(|flags| CalibrateError::NoBead { image, flags })?.0,
            };
            profiles.extend_from_slice(self.profile(levels, center_px));
            centers_px.push(center_px);
        }
        Ok(Measured { profiles, centers_px })
    }

    /// The Z-LUT of these profiles and of the model of the image measured with them, where there is one.
    ///
    /// # Errors
    /// If they make no table.
    pub(crate) fn build(
        &self,
        z_nm: &[f64],
        profiles: &[f64],
        image: Option<ImageTable>,
        pixel_size_nm: Option<f64>,
        source: String,
    ) -> Result<ZLut, TableError> {
        let (ring_step_px, first_ring_px, kind) = match &self.way {
            Way::Rings { grid, .. } => {
                let rings = grid.rings();
                (Some(rings.ring_step_px), rings.first_ring_px, ProfileKind::SampledRings)
            }
            Way::MagTrack { magtrack, kind, .. } => (magtrack.bin_step_px(), 0.0, *kind),
        };
        let origin = Origin {
            roi_px: u32::try_from(self.side).ok(),
            ring_step_px,
            first_ring_px,
            profile_kind: Some(kind),
            pixel_size_nm,
            bead: None,
            created_utc: Some(clock::utc_text(clock::unix_ns_now())),
            correction: None,
            source,
            assumed: Vec::new(),
        };
        match &self.way {
            Way::Rings { .. } => {
                // They were `f32` when they were measured.
                let profiles: Vec<f32> = profiles.iter().map(|grey| *grey as f32).collect();
                beadscope_zlut::build(z_nm, self.n_rings(), &profiles, image, origin)
            }
            Way::MagTrack { .. } => beadscope_zlut::build_f64(z_nm, self.n_rings(), profiles, origin),
        }
    }
}
