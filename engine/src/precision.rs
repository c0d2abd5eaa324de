//! The standard errors that a Z-LUT and a camera's noise allow: for a bead in a frame, or along the Z-LUT.
//!
//! For windows and reports: it locates the bead anew, on the caller's thread, and costs about as much as tracking it once.

use std::sync::Arc;

use beadscope_shaders::background;
use beadscope_shaders::fit::attainable::{self, Brightness};
use beadscope_shaders::fit::{FitScratch, Start};
use beadscope_shaders::flags::Flags;
use beadscope_shaders::image_model::{ImageModel, knots_for_roi};
use beadscope_shaders::pipeline::{Localization, ParamError, Params, Scratch, Tracker};
use beadscope_shaders::radial_profile::{PolarProfile, Rings};
use beadscope_shaders::rings::{ARC_STEP_PX, PolarGrid};
use beadscope_shaders::zlut_match::MatchTable;
use beadscope_zlut::ZLut;

pub use beadscope_shaders::fit::attainable::Attainable;

use crate::correction::Correction;
use crate::frame::FrameView;
use crate::prepared_zlut::{ZLutMismatch, fitted_model, match_table};
use crate::roi::Roi;

/// Why nothing can be said about what is attainable.
#[derive(Debug, thiserror::Error)]
pub enum Unknown {
    /// Heights are not measured at all.
    #[error("there is no Z-LUT")]
    NoZLut,
    /// Profiles are blurred by what measured them, and may have lost their scale.
    #[error(
        "the Z-LUT holds radial profiles only and no model of the image; those that `beadscope zlut build` makes do"
    )]
    NoImage,
    /// The file does not say it.
    #[error("the Z-LUT does not say the size of its ROI")]
    NoRoiSize,
    /// It cannot be used for these ROIs.
    #[error(transparent)]
    Mismatch(#[from] ZLutMismatch),
    /// The kernels refuse the size.
    #[error(transparent)]
    Params(#[from] ParamError),
}

/// The noise of a camera's pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CameraNoise {
    /// Standard deviation at the background, grey levels.
    AtBackground(f64),
    /// Shot noise and read noise.
    Electrons {
        /// Photo-electrons in a white pixel.
        at_white: f64,
        /// Grey level of a white pixel.
        white: f64,
        /// Standard deviation of the read noise, electrons.
        read: f64,
    },
}

impl CameraNoise {
    /// A camera like those that our accuracy is measured on: 5 000 photo-electrons at white, 7 of read noise. White is
    /// that of the fewest bits that hold every grey level of the Z-LUT.
    pub fn assumed(zlut: &ZLut) -> Self {
        let brightest = zlut.profiles().iter().copied().fold(0.0, f32::max);
        let whites = [8, 10, 12, 14, 16].map(|bits| f64::from((1_u32 << bits) - 1));
        let white = whites.into_iter().find(|white| *white >= f64::from(brightest)).unwrap_or(whites[4]);
        Self::Electrons { at_white: 5000.0, white, read: 7.0 }
    }

    /// Standard deviation of a pixel at a background of this grey level, grey levels.
    pub fn at(&self, level: f64) -> f64 {
        match *self {
            Self::AtBackground(noise) => noise,
            Self::Electrons { at_white, white, read } => {
                let electrons = level.max(0.0) / white * at_white;
                (electrons + read * read).sqrt() * white / at_white
            }
        }
    }
}

/// What is attainable at one height of a Z-LUT.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AtHeight {
    /// Height, nm.
    pub z_nm: f64,
    /// Grey level of the background.
    pub level: f64,
    /// Standard deviation of the noise there, grey levels.
    pub noise: f64,
    /// Standard errors of one image; `None` where the image does not tell x, y, z, gain and offset apart.
    pub attainable: Option<Attainable>,
}

/// The rings of a bead in a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenProfile {
    /// Radius of each ring, px.
    pub radius_px: Vec<f64>,
    /// Mean grey level of each.
    pub grey: Vec<f32>,
    /// Height that the Z-LUT tells for them, nm; NaN if none.
    pub z_nm: f64,
}

/// Measures the rings of a bead without any Z-LUT, around the centre that quadrant interpolation finds.
pub struct Profiles {
    roi_px: usize,
    tracker: Tracker,
    scratch: Scratch,
    grid: PolarGrid,
    correction: Option<Arc<Correction>>,
    levels: Vec<f32>,
}

impl Profiles {
    /// For beads in ROIs of `roi_px`, in frames that are corrected so before they are tracked.
    ///
    /// # Errors
    /// If the kernels refuse the size.
    pub fn new(roi_px: u32, correction: Option<Arc<Correction>>) -> Result<Self, ParamError> {
        let roi_px = roi_px as usize;
        let tracker = Tracker::new(roi_px, &Params::default())?;
        let grid = PolarGrid::new(Rings::for_roi(roi_px), ARC_STEP_PX);
        let scratch = tracker.scratch();
        Ok(Self { roi_px, tracker, scratch, grid, correction, levels: vec![0.0; roi_px * roi_px] })
    }

    /// The rings of the bead in `roi` of this frame; their height is NaN. `None` if no bead is found there.
    pub fn of(&mut self, frame: &FrameView<'_>, roi: &Roi) -> Option<SeenProfile> {
        copy_corrected(frame, roi, self.roi_px, self.correction.as_deref(), &mut self.levels)?;
        let found = self.tracker.locate(&self.levels, f32::INFINITY, None, &mut self.scratch);
        measure_rings(&self.levels, self.roi_px, &found, &self.grid)
    }
}

/// Copies an ROI, corrected, into `levels`. `None` if it has another size or is not inside the frame.
fn copy_corrected(
    frame: &FrameView<'_>,
    roi: &Roi,
    roi_px: usize,
    correction: Option<&Correction>,
    levels: &mut [f32],
) -> Option<()> {
    if roi.size_px as usize != roi_px || !frame.copy_roi(roi, levels) {
        return None;
    }
    if let Some(correction) = correction {
        let left_top_px = (roi.left_px as usize, roi.top_px as usize);
        correction.correct(frame, left_top_px, roi_px, levels);
    }
    Some(())
}

/// The rings around where a bead was found.
fn measure_rings(
    levels: &[f32],
    roi_px: usize,
    found: &Localization,
    grid: &PolarGrid,
) -> Option<SeenProfile> {
    if !(found.x_px.is_finite() && found.y_px.is_finite()) {
        return None;
    }
    let rings = *grid.rings();
    let mut profile = PolarProfile::new(rings.n_rings);
    profile.measure(levels, roi_px, (found.x_px, found.y_px), grid);
    let radius_px = (0..rings.n_rings).map(|ring| rings.radius_px(ring)).collect();
    Some(SeenProfile { radius_px, grey: profile.mean, z_nm: found.z_nm })
}

/// A Z-LUT prepared to tell what is attainable with it.
pub struct Precision {
    roi_px: usize,
    tracker: Tracker,
    table: MatchTable,
    model: ImageModel,
    scratch: Scratch,
    fitting: FitScratch,
    correction: Option<Arc<Correction>>,
    levels: Vec<f32>,
    border: Vec<f32>,
}

impl Precision {
    /// For beads in ROIs of `roi_px`; without it of the size that the Z-LUT was made with.
    ///
    /// # Errors
    /// If there is no Z-LUT, or it does not hold a model of the image or does not fit the ROIs.
    pub fn new(zlut: Option<&ZLut>, roi_px: Option<u32>) -> Result<Self, Unknown> {
        let zlut = zlut.ok_or(Unknown::NoZLut)?;
        let model = fitted_model(zlut)?.ok_or(Unknown::NoImage)?;
        let roi_px = roi_px.or(zlut.origin.roi_px).ok_or(Unknown::NoRoiSize)?;
        let (table, _) = match_table(zlut, roi_px)?;
        let roi_px = roi_px as usize;
        let tracker = Tracker::new(roi_px, &Params::default())?;
        let scratch = tracker.scratch();
        let fitting = FitScratch::new(roi_px, knots_for_roi(roi_px));
        let (levels, border) = (vec![0.0; roi_px * roi_px], Vec::with_capacity(4 * roi_px));
        Ok(Self { roi_px, tracker, table, model, scratch, fitting, correction: None, levels, border })
    }

    /// The same for frames that are corrected before they are tracked.
    pub fn with_correction(self, correction: Option<Arc<Correction>>) -> Self {
        Self { correction, ..self }
    }

    /// What is attainable for the bead in `roi` of this frame, at the height, contrast and noise seen in it. `None` if
    /// no bead is found there, or it does not look like its Z-LUT.
    pub fn in_frame(&mut self, frame: &FrameView<'_>, roi: &Roi) -> Option<Attainable> {
        let found = self.locate(frame, roi)?;
        if !found.z_nm.is_finite() || found.flags.contains(Flags::POOR_MATCH) {
            return None;
        }
        let ground = background::measure(&self.levels, self.roi_px, &mut self.border);
        self.levels.iter_mut().for_each(|grey| *grey -= ground.level);
        let at = Start {
            center_px: (found.x_px, found.y_px),
            z_nm: found.z_nm,
            level: ground.level,
            noise: ground.noise,
            noise_at: ground.mean,
        };
        let (roi_px, model) = (self.roi_px, &self.model);
        let brightness = Brightness::measure(&self.levels, roi_px, model, &at, &mut self.fitting)?;
        attainable::attainable(model, roi_px, &at, brightness, &mut self.fitting)
    }

    /// The rings of the bead in `roi` of this frame, where the Z-LUT has rings. `None` if no bead is found there.
    pub fn profile(&mut self, frame: &FrameView<'_>, roi: &Roi) -> Option<SeenProfile> {
        let found = self.locate(frame, roi)?;
        measure_rings(&self.levels, self.roi_px, &found, self.table.grid())
    }

    /// Copies the ROI, corrected, into `levels` and finds the bead in it.
    fn locate(&mut self, frame: &FrameView<'_>, roi: &Roi) -> Option<Localization> {
        copy_corrected(frame, roi, self.roi_px, self.correction.as_deref(), &mut self.levels)?;
        Some(self.tracker.locate(&self.levels, f32::INFINITY, Some(&self.table), &mut self.scratch))
    }

    /// What is attainable for the bead of the Z-LUT in the middle of its ROI, at `count` heights from the lowest plane
    /// to the highest.
    pub fn along_z(&mut self, noise: &CameraNoise, count: usize) -> Vec<AtHeight> {
        let (low_nm, high_nm) = self.table.range_nm();
        let step_nm = (high_nm - low_nm) / (count.max(2) - 1) as f64;
        (0..count).map(|k| self.at_height((low_nm + step_nm * k as f64).min(high_nm), noise)).collect()
    }

    fn at_height(&mut self, z_nm: f64, noise: &CameraNoise) -> AtHeight {
        let (roi_px, model) = (self.roi_px, &self.model);
        let level = attainable::background_level(model, roi_px, z_nm, &mut self.fitting);
        let noise = noise.at(f64::from(level));
        let middle_px = (roi_px as f64 - 1.0) / 2.0;
        let at =
            Start { center_px: (middle_px, middle_px), z_nm, level, noise: noise as f32, noise_at: level };
        let brightness = Brightness::of_model(level);
        let attainable = attainable::attainable(model, roi_px, &at, brightness, &mut self.fitting);
        AtHeight { z_nm, level: f64::from(level), noise, attainable }
    }
}

#[cfg(test)]
mod tests {
    use beadscope_drivers::cameras::simulated::{Scene, Settings};
    use beadscope_zlut::Origin;

    use super::*;
    use crate::calibrate::zlut_from_sweep;

    #[test]
    fn noise_of_electrons_in_grey_levels() {
        let noise = CameraNoise::Electrons { at_white: 5000.0, white: 255.0, read: 7.0 };
        // 2 500 e- at half of white: sqrt(2 500 + 49) e-, 0.051 grey levels each.
        assert!((noise.at(127.5) - 2549_f64.sqrt() * 0.051).abs() < 1e-9);
        assert!((noise.at(-3.0) - 7.0 * 0.051).abs() < 1e-9);
        assert_eq!(CameraNoise::AtBackground(2.5).at(100.0), 2.5);
    }

    fn profiles_only(top: f32) -> ZLut {
        let rows = (0..25).map(|i| top * (i * i % 7) as f32 / 4.0).collect();
        ZLut::new((0..5).map(f64::from).collect(), 5, rows, Origin::default()).unwrap()
    }

    #[test]
    fn the_assumed_camera_has_as_many_bits_as_the_zlut_needs() {
        for (top, expected) in
            [(100.0, 255.0), (255.0, 255.0), (256.0, 1023.0), (4000.0, 4095.0), (1e6, 65535.0)]
        {
            let CameraNoise::Electrons { white, .. } = CameraNoise::assumed(&profiles_only(top)) else {
                continue;
            };
            assert_eq!(white, expected);
        }
    }

    #[test]
    fn a_zlut_that_cannot_tell_says_why() {
        let reason = |zlut: Option<&ZLut>| Precision::new(zlut, Some(64)).err().unwrap().to_string();
        assert_eq!(reason(None), "there is no Z-LUT");
        assert!(reason(Some(&profiles_only(100.0))).contains("no model of the image"));
    }

    #[test]
    fn a_bead_in_a_frame_is_as_precise_as_its_zlut_tells_for_that_noise() {
        let table = toml::Table::from_iter([
            ("beads".to_owned(), 1.into()),
            ("reference_beads".to_owned(), 1.into()),
            ("debris".to_owned(), 0.into()),
            ("width_px".to_owned(), 200.into()),
            ("height_px".to_owned(), 200.into()),
        ]);
        let settings = Settings::from_table(&table).unwrap();
        let mut scene = Scene::new(&settings).unwrap();
        let roi_px = 64;
        let zlut = zlut_from_sweep(&scene.focus_sweep(roi_px).unwrap(), None, String::new()).unwrap();
        let mut bytes = vec![0; scene.frame_bytes()];
        scene.render(&mut bytes);
        let format = settings.pixel_format().unwrap();
        let frame = FrameView { bytes: &bytes, width_px: 200, height_px: 200, format };
        let bead = scene.beads()[0];

        let mut precision = Precision::new(Some(&zlut), None).unwrap();
        let roi = Roi::around(0, (bead.x_px, bead.y_px), roi_px);
        let seen = precision.in_frame(&frame, &roi).unwrap();
        let white = f64::from(format.max_level());
        let noise = CameraNoise::Electrons {
            at_white: settings.photons_at_white,
            white,
            read: settings.read_noise_e,
        };
        let told = precision.at_height(bead.z_nm, &noise).attainable.unwrap();
        // The noise of one ROI is measured to a few per cent.
        for (seen, told) in [(seen.sigma_x_px, told.sigma_x_px), (seen.sigma_z_nm, told.sigma_z_nm)] {
            assert!((seen / told - 1.0).abs() < 0.1, "{seen} {told}");
        }
        let louder = CameraNoise::AtBackground(3.0 * precision.at_height(bead.z_nm, &noise).noise);
        let louder = precision.at_height(bead.z_nm, &louder).attainable.unwrap();
        assert!((louder.sigma_z_nm / told.sigma_z_nm - 3.0).abs() < 1e-3, "{louder:?} {told:?}");

        let rings = precision.profile(&frame, &roi).unwrap();
        assert!((rings.z_nm - bead.z_nm).abs() < 30.0, "{} {}", rings.z_nm, bead.z_nm);
        assert_eq!((rings.radius_px.len(), rings.radius_px[2]), (rings.grey.len(), 1.0));
        let brightest = rings.grey.iter().copied().fold(0.0, f32::max);
        assert!(rings.grey[0] < 100.0 && brightest > 140.0, "a dark core in a bright ring: {:?}", rings.grey);

        let mut without = Profiles::new(roi_px, None).unwrap();
        let alone = without.of(&frame, &roi).unwrap();
        assert!(alone.z_nm.is_nan(), "no Z-LUT, no height");
        let differ = alone.grey.iter().zip(&rings.grey).filter(|(a, b)| (*a - *b).abs() > 1.0).count();
        assert_eq!(
            (alone.radius_px.len(), differ),
            (rings.radius_px.len(), 0),
            "{:?}\n{:?}",
            alone.grey,
            rings.grey
        );
        assert!(without.of(&frame, &Roi { size_px: 32, ..roi }).is_none());
        assert!(without.of(&frame, &Roi { left_px: -5, ..roi }).is_none());

        // Not a bead, another size, over the edge.
        let empty = Roi::around(0, ((bead.x_px + 100.0) % 200.0, bead.y_px), roi_px);
        let elsewhere = precision.in_frame(&frame, &empty);
        assert!(elsewhere.is_none(), "{elsewhere:?}");
        assert!(precision.in_frame(&frame, &Roi { size_px: 32, ..roi }).is_none());
        assert!(precision.in_frame(&frame, &Roi { left_px: -5, ..roi }).is_none());
        let heights = precision.along_z(&noise, 9);
        assert_eq!(
            (heights.len(), heights[0].z_nm, heights[8].z_nm),
            (9, zlut.z_nm()[0], zlut.z_range_nm().1)
        );
        assert!(heights.iter().all(|height| height.attainable.is_some()));
    }
}
