//! The method of MagTrack 1.0.0, for labs that have to reproduce the numbers they had: centre of mass,
//! auto-convolution, averaged auto-convolution with a parabola, profile, look-up in a Z-LUT of such profiles.
//!
//! | stage | answer | MagTrack's name |
//! |---|---|---|
//! | `center_of_mass` | first x, y | `center_of_mass` |
//! | `auto_conv` | x, y to half a pixel | `auto_conv` |
//! | `multiline`, repeated | x, y | `auto_conv_multiline_sub_pixel` |
//! | `profile` | grey levels or amplitudes over the radius | `radial_profile`, `fft_profile_with_center` |
//! | [`lookup_z`] | z | `lookup_z` |
//!
//! Facts and constants are those of MagTrack 1.0.0 (GPL-3.0), the code is ours. Both count from pixel centres at
//! integers, x the column and y the row, so nothing is converted. Everything is `f64`: the numbers agree to 1e-6 px and
//! 1e-3 nm (`tests/magtrack.rs`). Where MagTrack's peculiarities show in its numbers they are kept and named.
//!
//! Three things differ, none of which is a measurement. If only one of x and y is lost, MagTrack goes on with the other
//! from lines at the ROI's border: here both are NaN. Lines beyond the last pixel stop MagTrack: here that bead alone
//! is NaN, flagged `EDGE`. A profile without a correlation falls on the first plane of a Z-LUT of fewer than
//! `lookup_z.n_local` planes: here z is NaN.

mod auto_conv;
mod center_of_mass;
mod lines;
pub mod lookup_z;
mod multiline;
pub mod options;
mod profile;
mod vertex;

pub use lookup_z::Reference;
pub use options::{Background, OptionError, Options};

use crate::background;
use crate::flags::Flags;
use crate::magtrack::lines::Lines;
use crate::magtrack::profile::{Profile, ProfileScratch};
use crate::pipeline::Localization;

/// MagTrack's pipeline for one ROI size and one set of options. Shared by all threads.
#[derive(Clone, Debug)]
pub struct MagTrack {
    roi_px: usize,
    options: Options,
    profile: Profile,
    reference: Option<Reference>,
}

/// What one thread needs; see [`MagTrack::scratch`].
#[derive(Clone, Debug)]
pub struct Scratch {
    pixels: Vec<f64>,
    /// The same pixels in another order, for the median.
    sorted: Vec<f64>,
    lines: Lines,
    profile: ProfileScratch,
    correlations: Vec<f64>,
}

impl MagTrack {
    /// The pipeline for ROIs of `roi_px` a side.
    ///
    /// # Errors
    /// An option out of its range, or one that leaves nothing to measure in such an ROI.
    pub fn new(roi_px: usize, options: &Options) -> Result<Self, OptionError> {
        options.check_for_roi(roi_px)?;
        let profile = Profile::new(roi_px, options);
        Ok(Self { roi_px, options: *options, profile, reference: None })
    }

    /// The same pipeline with a Z-LUT to look z up in.
    ///
    /// # Errors
    /// If its profiles are not as long as the pipeline's.
    pub fn with_reference(self, reference: Reference) -> Result<Self, OptionError> {
        let (bins, zlut_bins) = (self.profile.bins(), reference.bins());
        if zlut_bins != bins {
            let (roi_px, setting) = (self.roi_px, self.options.profile_setting());
            return Err(OptionError::Bins { zlut_bins, bins, roi_px, setting });
        }
        Ok(Self { reference: Some(reference), ..self })
    }

    /// Scratch for [`MagTrack::locate`], one per thread.
    pub fn scratch(&self) -> Scratch {
        let n = self.roi_px;
        Scratch {
            pixels: vec![0.0; n * n],
            sorted: Vec::with_capacity(n * n),
            lines: Lines::new(n),
            profile: self.profile.scratch(),
            correlations: vec![0.0; self.reference.as_ref().map_or(0, Reference::planes)],
        }
    }

    /// Whether `scratch` is of the sizes that this pipeline needs.
    pub(crate) fn fits(&self, scratch: &Scratch) -> bool {
        scratch.pixels.len() == self.roi_px * self.roi_px
            && self.profile.fits(&scratch.profile)
            && scratch.correlations.len() == self.reference.as_ref().map_or(0, Reference::planes)
    }

    /// Bins of the profile.
    pub fn bins(&self) -> usize {
        self.profile.bins()
    }

    /// Distance between bins in px, bin 0 being at 0 px; `None` for the FFT profile, which is no function of a radius.
    pub fn bin_step_px(&self) -> Option<f64> {
        (!self.options.use_fft_profile).then(|| 1.0 / self.options.radial_oversample as f64)
    }

    /// Finds the bead in one ROI: `image` is `roi_px` squared grey levels, rows from top, and nothing else is accepted
    /// (`EDGE`). `max_level`: the grey level of a saturated pixel. A correlation below `min_quality` is flagged.
    pub fn locate(
        &self,
        image: &[f32],
        max_level: f32,
        min_quality: f32,
        scratch: &mut Scratch,
    ) -> Localization {
        if image.len() != self.roi_px * self.roi_px {
            return Localization::nothing(Flags::EDGE);
        }
        let mut flags = Flags::NONE;
        if background::is_saturated(image, max_level) {
            flags |= Flags::SATURATED;
        }
        if self.reference.is_none() {
            flags |= Flags::NO_ZLUT;
        }
        scratch.take(image);
        let (x_px, y_px) = match self.find_center(scratch) {
            Ok(center) => center,
            Err(why) => return Localization::nothing(flags | why),
        };
        let mut found = Localization { x_px, y_px, ..Localization::nothing(flags) };
        if let Some(reference) = &self.reference {
            self.profile.measure(&scratch.pixels, (x_px, y_px), &mut scratch.profile);
            let n_local = self.options.lookup_n_local;
            let height = reference.look_up(scratch.profile.values(), n_local, &mut scratch.correlations);
            found.z_nm = height.z_nm;
            found.quality = height.correlation as f32;
            found.flags |= height.flags;
            if found.quality < min_quality {
                found.flags |= Flags::POOR_MATCH;
            }
        }
        found
    }

    /// The profile of `image` about `center_px`, as a Z-LUT holds it; empty bins are NaN. No bin at all for an image of
    /// another size.
    pub fn profile_about<'a>(
        &self,
        image: &[f32],
        center_px: (f64, f64),
        scratch: &'a mut Scratch,
    ) -> &'a [f64] {
        if image.len() != self.roi_px * self.roi_px {
            return &[];
        }
        scratch.take(image);
        self.profile.measure(&scratch.pixels, center_px, &mut scratch.profile);
        scratch.profile.values()
    }

    fn find_center(&self, scratch: &mut Scratch) -> Result<(f64, f64), Flags> {
        let Scratch { pixels, sorted, lines, .. } = scratch;
        let first = center_of_mass::center_of_mass(pixels, self.roi_px, self.options.background, sorted);
        let mut center = auto_conv::auto_conv(pixels, self.roi_px, first.ok_or(Flags::LOW_CONTRAST)?, lines)?;
        for _ in 0..self.options.multiline_passes {
            center = multiline::multiline(pixels, self.roi_px, center, &self.options, lines)?;
        }
        Ok(center)
    }
}

impl Scratch {
    fn take(&mut self, image: &[f32]) {
        for (pixel, level) in self.pixels.iter_mut().zip(image) {
            *pixel = f64::from(*level);
        }
    }
}
