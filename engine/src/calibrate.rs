//! From a focus sweep to a Z-LUT.

mod meter;

use beadscope_drivers::sweep::FocusSweep;
use beadscope_shaders::image_model;
use beadscope_shaders::magtrack::Options;
use beadscope_shaders::pipeline::{Method, ParamError, Params};
use beadscope_shaders::radial_spline::KNOT_STEP_PX;
use beadscope_zlut::{ImageTable, TableError, ZLut};

use meter::Measured;
pub(crate) use meter::Meter;

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
    let side = check_sweep(sweep)?;
    let mut meter = Meter::new(side, &Params::default())?;
    let Measured { profiles, centers_px } = meter.measure(sweep)?;
    let image = image_table(&sweep.images, side, &centers_px);
    Ok(meter.build(&sweep.z_nm, &profiles, Some(image), pixel_size_nm, source)?)
}

/// Images that the smoothing of the image model is chosen by.
pub(crate) const SMOOTHING_IMAGES: usize = 8;

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
    let side = check_sweep(sweep)?;
    let params = Params { method: Method::MagTrack, magtrack: *options, ..Params::default() };
    let mut meter = Meter::new(side, &params)?;
    let Measured { profiles, .. } = meter.measure(sweep)?;
    Ok(meter.build(&sweep.z_nm, &profiles, None, pixel_size_nm, source)?)
}

/// Side of the images of a sweep that makes sense, px.
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
    Ok(side)
}
