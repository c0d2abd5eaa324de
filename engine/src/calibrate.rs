//! From a focus sweep to a Z-LUT.

use beadscope_drivers::sweep::FocusSweep;
use beadscope_shaders::image_model;
use beadscope_shaders::magtrack::{MagTrack, Options};
use beadscope_shaders::pipeline::{ParamError, Params, Tracker};
use beadscope_shaders::radial_profile::{Rings, radial_profile};
use beadscope_shaders::radial_spline::KNOT_STEP_PX;
use beadscope_zlut::{ImageTable, Origin, ProfileKind, TableError, ZLut};

use crate::clock;
use crate::prepared_zlut::magtrack_kind;

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
        profile_kind: Some(ProfileKind::SampledRings),
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
        profile_kind: Some(magtrack_kind(options)),
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
