//! From a focus sweep to a Z-LUT, and from a Z-LUT to what tracking matches against.

use beadscope_drivers::sweep::FocusSweep;
use beadscope_shaders::image_model::{self, ImageModel};
use beadscope_shaders::magtrack::{MagTrack, Options, Reference};
use beadscope_shaders::pipeline::{Method, ParamError, Params, Tracker};
use beadscope_shaders::radial_profile::{Rings, radial_profile};
use beadscope_shaders::radial_spline::KNOT_STEP_PX;
use beadscope_shaders::zlut_match::{MatchError, MatchTable};
use beadscope_zlut::{ImageTable, Origin, TableError, ZLut};

use crate::clock;
use crate::correction::{self, Correction};

/// Why no Z-LUT could be built.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// Heights and images do not go together.
    #[error("the stack has {images} images, the list of heights {heights} values; they must be as many")]
    Count {
        /// Images in the stack.
        images: usize,
        /// Heights given.
        heights: usize,
    },
    /// The bead's centre could not be found where it was not given.
    #[error("no bead could be located in image {image} ({flags}); give its centre")]
    NoBead {
        /// The image, from 0.
        image: usize,
        /// What the tracker said.
        flags: beadscope_shaders::flags::Flags,
    },
    /// The given centre lies outside the images.
    #[error("the centre {0}, {1} px is outside the images of {2} px")]
    Center(f64, f64, u32),
    /// The kernels refuse the size of the images.
    #[error(transparent)]
    Params(#[from] ParamError),
    /// The profiles do not make a table.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Builds the Z-LUT of a swept bead: one radial profile an image, averaged where heights repeat.
///
/// The profiles are taken with the sampler that tracking uses, so that its errors cancel. Where the sweep does not give
/// the bead's centre, it is tracked in every image by quadrant interpolation.
///
/// # Errors
/// If heights and images differ in number, no bead is found, or the profiles make no table.
pub fn zlut_from_sweep(
    sweep: &FocusSweep,
    pixel_size_nm: Option<f64>,
    source: String,
) -> Result<ZLut, CalibrateError> {
    let side = sweep.roi_px as usize;
    let images = check_sweep(sweep)?;
    let tracker = Tracker::new(side, &Params::default())?;
    let mut scratch = tracker.scratch();
    let rings = Rings::for_roi(side);
    let mut profiles = vec![0.0; images * rings.n_rings];
    let mut centers_px = Vec::with_capacity(images);
    let per_image = sweep.images.chunks_exact(side * side).zip(profiles.chunks_exact_mut(rings.n_rings));
    for (image, (levels, profile)) in per_image.enumerate() {
        let center_px = match sweep.center_px {
            Some(center_px) => center_px,
            None => {
                let found = tracker.locate(levels, f32::INFINITY, None, &mut scratch);
                if !found.x_px.is_finite() {
                    return Err(CalibrateError::NoBead { image, flags: found.flags });
                }
                (found.x_px, found.y_px)
            }
        };
        radial_profile(levels, side, center_px, &rings, profile);
        centers_px.push(center_px);
    }
    let image = image_table(&sweep.images, side, &centers_px);
    let origin = Origin {
        roi_px: Some(sweep.roi_px),
        ring_step_px: Some(rings.ring_step_px),
        first_ring_px: rings.first_ring_px,
        pixel_size_nm,
        bead: None,
        created_utc: Some(clock::utc_text(clock::unix_ns_now())),
        correction: None,
        source,
        assumed: Vec::new(),
    };
    Ok(beadscope_zlut::build(&sweep.z_nm, rings.n_rings, &profiles, Some(image), origin)?)
}

/// Images that the smoothing of the image model is chosen by.
const SMOOTHING_IMAGES: usize = 8;

/// The model of the image for `fit`, measured from the pixels of each image around its centre.
fn image_table(images: &[f32], side: usize, centers_px: &[(f64, f64)]) -> ImageTable {
    let all = images.chunks_exact(side * side).zip(centers_px.iter().copied());
    let every = centers_px.len().div_ceil(SMOOTHING_IMAGES).max(1);
    let smoothing = image_model::best_smoothing(side, all.clone().step_by(every));
    tracing::debug!("the image model is smoothed by {smoothing:e}");
    let knots = image_model::knots_for_roi(side);
    let mut values = Vec::with_capacity(centers_px.len() * knots);
    let mut misfit = vec![0.0; knots];
    for (image, center_px) in all {
        let plane = image_model::plane(image, side, center_px, smoothing);
        values.extend(plane.values);
        for (sum, variance) in misfit.iter_mut().zip(plane.misfit_variance) {
            *sum += variance / centers_px.len() as f32;
        }
    }
    misfit.iter_mut().for_each(|variance| *variance = variance.sqrt());
    ImageTable { knot_step_px: KNOT_STEP_PX, values, misfit }
}

/// Builds a Z-LUT of MagTrack's own profiles, for the method `magtrack` with the same options. Where the sweep does not
/// give the bead's centre, MagTrack's pipeline finds it in every image.
///
/// # Errors
/// As [`zlut_from_sweep`], and where an option does not suit the size of the images.
pub fn magtrack_zlut_from_sweep(
    sweep: &FocusSweep,
    options: &Options,
    pixel_size_nm: Option<f64>,
    source: String,
) -> Result<ZLut, CalibrateError> {
    let side = sweep.roi_px as usize;
    check_sweep(sweep)?;
    let magtrack = MagTrack::new(side, options).map_err(ParamError::from)?;
    let mut scratch = magtrack.scratch();
    let mut profiles = Vec::with_capacity(sweep.z_nm.len() * magtrack.bins());
    for (image, levels) in sweep.images.chunks_exact(side * side).enumerate() {
        let center_px = match sweep.center_px {
            Some(center_px) => center_px,
            None => {
                let found = magtrack.locate(levels, f32::INFINITY, -1.0, &mut scratch);
                if !found.x_px.is_finite() {
                    return Err(CalibrateError::NoBead { image, flags: found.flags });
                }
                (found.x_px, found.y_px)
            }
        };
        profiles.extend_from_slice(magtrack.profile_about(levels, center_px, &mut scratch));
    }
    let origin = Origin {
        roi_px: Some(sweep.roi_px),
        ring_step_px: magtrack.bin_step_px(),
        first_ring_px: 0.0,
        pixel_size_nm,
        bead: None,
        created_utc: Some(clock::utc_text(clock::unix_ns_now())),
        correction: None,
        source,
        assumed: Vec::new(),
    };
    Ok(beadscope_zlut::build_f64(&sweep.z_nm, magtrack.bins(), &profiles, origin)?)
}

/// How many images a sweep has, if it makes sense.
fn check_sweep(sweep: &FocusSweep) -> Result<usize, CalibrateError> {
    let side = sweep.roi_px as usize;
    let images = sweep.images.len() / (side * side).max(1);
    if images != sweep.z_nm.len() {
        return Err(CalibrateError::Count { images, heights: sweep.z_nm.len() });
    }
    if let Some((x_px, y_px)) = sweep.center_px {
        let inside = 0.0..side as f64;
        if !inside.contains(&x_px) || !inside.contains(&y_px) {
            return Err(CalibrateError::Center(x_px, y_px, sweep.roi_px));
        }
    }
    Ok(images)
}

/// Why a Z-LUT cannot be used for these ROIs.
#[derive(Debug, thiserror::Error)]
pub enum ZLutMismatch {
    /// Profiles of another ROI size have other rings and another background.
    #[error(
        "the Z-LUT is for ROIs of {zlut_px} px, the ROIs here have {roi_px} px; use a ROI of {zlut_px} px or another Z-LUT"
    )]
    RoiSize {
        /// The ROI size that the Z-LUT was made with.
        zlut_px: u32,
        /// The ROI size in use.
        roi_px: u32,
    },
    /// Nothing to fit the image against.
    #[error(
        "the method fit needs the innermost rings, which this Z-LUT lacks; use the method qi or another Z-LUT"
    )]
    NoImage,
    /// The matching kernel refuses the table.
    #[error("the Z-LUT cannot be matched: {0}")]
    Match(#[from] MatchError),
}

/// A Z-LUT ready for the method that will use it.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one for each tracker")]
pub enum PreparedZLut {
    /// None: x and y only.
    Absent,
    /// For our own methods.
    Match(MatchTable),
    /// For the method `magtrack`.
    MagTrack(Reference),
}

impl From<Option<MatchTable>> for PreparedZLut {
    fn from(table: Option<MatchTable>) -> Self {
        table.map_or(Self::Absent, Self::Match)
    }
}

/// Makes a Z-LUT ready for the method of `params` in ROIs of `roi_px`. What had to be assumed comes back as a sentence.
///
/// # Errors
/// If the Z-LUT was made for ROIs of another size, or has nothing to match.
pub fn prepare_zlut(
    zlut: &ZLut,
    roi_px: u32,
    params: &Params,
) -> Result<(PreparedZLut, Option<String>), ZLutMismatch> {
    if params.method != Method::MagTrack {
        let (table, note) = match_table(zlut, roi_px)?;
        if params.method == Method::Fit && table.image_model().is_none() {
            return Err(ZLutMismatch::NoImage);
        }
        return Ok((PreparedZLut::Match(table), note));
    }
    if let Some(zlut_px) = zlut.origin.roi_px.filter(|zlut_px| *zlut_px != roi_px) {
        return Err(ZLutMismatch::RoiSize { zlut_px, roi_px });
    }
    let reference = Reference::new(&zlut.profiles_f64(), zlut.z_nm(), zlut.n_rings())?;
    Ok((PreparedZLut::MagTrack(reference), None))
}

/// Sizes of a pixel that differ by more than this part are not the same microscope.
const PIXEL_SIZE_TOLERANCE: f64 = 0.01;

/// Says so if a Z-LUT was made with pixels of another size than `pixel_size_nm`: rings of other widths match, but at
/// wrong heights. `None` if they agree within 1 % or the Z-LUT does not say.
pub fn pixel_size_warning(zlut: &ZLut, pixel_size_nm: f64) -> Option<String> {
    let zlut_nm = zlut.origin.pixel_size_nm?;
    let differs = (zlut_nm - pixel_size_nm).abs() > PIXEL_SIZE_TOLERANCE * pixel_size_nm;
    differs.then(|| {
        format!("the Z-LUT was made with pixels of {zlut_nm} nm, those here are {pixel_size_nm} nm: heights will be wrong if both are right")
    })
}

/// Says so if a Z-LUT was made from images corrected with other sorts of frames than those to be tracked: rings of
/// uneven light look like another height. `None` if they agree or the Z-LUT does not say.
pub fn correction_warning(zlut: &ZLut, correction: Option<&Correction>) -> Option<String> {
    let zlut_with = zlut.origin.correction.as_deref()?;
    let here_with = correction::kinds(correction);
    (zlut_with != here_with).then(|| {
        format!("of dark and flat frames, the Z-LUT was made with {zlut_with}, these images with {here_with}: heights will be off; use the same for both")
    })
}

/// Makes a Z-LUT ready for matching in ROIs of `roi_px`. Where the file does not say how far apart its rings are, they
/// are taken to span half the ROI, and a sentence says so.
///
/// # Errors
/// If the Z-LUT was made for ROIs of another size, or has nothing to match.
pub fn match_table(zlut: &ZLut, roi_px: u32) -> Result<(MatchTable, Option<String>), ZLutMismatch> {
    let origin = &zlut.origin;
    if let Some(zlut_px) = origin.roi_px.filter(|zlut_px| *zlut_px != roi_px) {
        return Err(ZLutMismatch::RoiSize { zlut_px, roi_px });
    }
    let spanning = f64::from(roi_px / 2) / zlut.n_rings() as f64;
    let ring_step_px = origin.ring_step_px.unwrap_or(spanning);
    let note = origin.ring_step_px.is_none().then(|| {
        format!("the Z-LUT does not say how far apart its rings are; taken as {spanning:.3} px, so that they span the ROI")
    });
    let table =
        MatchTable::new(zlut.profiles(), zlut.z_nm(), zlut.n_rings(), origin.first_ring_px, ring_step_px)?;
    let Some(image) = zlut.image().filter(|image| image.knot_step_px == KNOT_STEP_PX) else {
        return Ok((table, note));
    };
    let model = ImageModel::new(&image.values, zlut.z_nm(), &image.misfit)?;
    Ok((table.with_image_model(model), note))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zlut_without_its_innermost_rings_cannot_be_fitted_but_matched() {
        let profiles = (0..48).map(|i| if i % 8 == 0 { f32::NAN } else { (i * i % 7) as f32 }).collect();
        let origin = Origin { ring_step_px: Some(0.5), ..Origin::default() };
        let zlut = ZLut::new((0..6).map(f64::from).collect(), 8, profiles, origin).unwrap();
        let prepare = |method| prepare_zlut(&zlut, 16, &Params { method, ..Params::default() });
        assert!(matches!(prepare(Method::Fit), Err(ZLutMismatch::NoImage)));
        assert!(prepare(Method::QuadrantInterpolation).is_ok());
    }

    #[test]
    fn pixels_of_another_size_are_told() {
        let profiles = (0..16).map(|value| value as f32).collect();
        let heights = vec![0.0, 1.0, 2.0, 3.0];
        let zlut = |pixel_size_nm| {
            let origin = Origin { pixel_size_nm, ..Origin::default() };
            ZLut::new(heights.clone(), 4, Vec::clone(&profiles), origin).unwrap()
        };
        let told = |zlut_nm, here_nm| pixel_size_warning(&zlut(zlut_nm), here_nm);
        assert_eq!(
            (told(None, 100.0), told(Some(100.9), 100.0), told(Some(99.1), 100.0)),
            (None, None, None)
        );
        for zlut_nm in [101.5, 98.5] {
            assert!(told(Some(zlut_nm), 100.0).unwrap().contains(&format!("{zlut_nm} nm")));
        }
    }
}
