//! From a Z-LUT to what tracking matches against, and what may be wrong with it.

use beadscope_shaders::image_model::ImageModel;
use beadscope_shaders::magtrack::{Options, Reference};
use beadscope_shaders::pipeline::{Method, Params};
use beadscope_shaders::radial_spline::KNOT_STEP_PX;
use beadscope_shaders::zlut_match::{MatchError, MatchTable};
use beadscope_zlut::{ImageTable, ProfileKind, ZLut};

use crate::correction::{self, Correction};

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
    /// Profiles measured in another way look like another height.
    #[error("the Z-LUT holds {have}, but the method {method} finds heights in {need}; {}", next_step(*have, *need))]
    Kind {
        /// How the profiles of the Z-LUT were measured.
        have: ProfileKind,
        /// How the method measures them.
        need: ProfileKind,
        /// The method.
        method: Method,
    },
    /// A fit starts from a height and needs an image to fit.
    #[error(
        "the method fit needs a Z-LUT; name one with --zlut, or zlut in [tracking] of the rig, or use the method qi"
    )]
    NoZLut,
    /// Nothing to fit the image against.
    #[error(
        "the method fit needs the innermost rings, which this Z-LUT lacks; use the method qi or another Z-LUT"
    )]
    NoImage,
    /// The matching kernel refuses the table.
    #[error("the Z-LUT cannot be matched: {0}")]
    Match(MatchError),
}

/// What helps where the profiles are of another kind than needed.
fn next_step(have: ProfileKind, need: ProfileKind) -> &'static str {
    match (have, need) {
        (_, ProfileKind::SampledRings) => {
            "build one with `beadscope zlut build`, or track with the method magtrack"
        }
        (ProfileKind::SampledRings, _) => {
            "build one with `beadscope zlut build --method magtrack` and the same options, or track with the method qi \
             or fit"
        }
        (_, ProfileKind::MagTrackFft) => "leave out its option \"use fft_profile\", or build one with it",
        (_, ProfileKind::MagTrackRadial) => {
            "set its option \"use fft_profile\" to true, or build one without it"
        }
    }
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

/// Makes a Z-LUT, if there is one, ready for the method of `params` in ROIs of `roi_px`. What had to be assumed, and what
/// will make heights wrong, comes back as sentences.
///
/// # Errors
/// If the Z-LUT holds profiles of another kind than the method's, was made for ROIs of another size, or has nothing to
/// match; and if there is none for the method `fit`.
pub fn prepare_zlut(
    zlut: Option<&ZLut>,
    roi_px: u32,
    params: &Params,
) -> Result<(PreparedZLut, Vec<String>), ZLutMismatch> {
    let method = params.method;
    let Some(zlut) = zlut else {
        let absent = Ok((PreparedZLut::Absent, Vec::new()));
        return if method == Method::Fit { Err(ZLutMismatch::NoZLut) } else { absent };
    };
    let need = kind_for(params);
    if let Some(have) = zlut.origin.profile_kind.filter(|have| *have != need) {
        return Err(ZLutMismatch::Kind { have, need, method });
    }
    if method == Method::MagTrack {
        check_roi_size(zlut, roi_px)?;
        let reference = Reference::new(&zlut.profiles_f64(), zlut.z_nm(), zlut.n_rings());
        return Ok((PreparedZLut::MagTrack(reference.map_err(ZLutMismatch::Match)?), Vec::new()));
    }
    let (table, note) = match_table(zlut, roi_px)?;
    if method == Method::Fit && table.image_model().is_none() {
        return Err(ZLutMismatch::NoImage);
    }
    let blurred = if method == Method::Fit { blurred_model_warning(zlut) } else { None };
    let notes = note.into_iter().chain(unknown_kind_note(zlut)).chain(blurred).collect();
    Ok((PreparedZLut::Match(table), notes))
}

/// The profiles that the method of `params` measures, and so must find in a Z-LUT.
fn kind_for(params: &Params) -> ProfileKind {
    match params.method {
        Method::MagTrack => magtrack_kind(&params.magtrack),
        _ => ProfileKind::SampledRings,
    }
}

/// The profiles that MagTrack measures with these options.
pub(crate) fn magtrack_kind(options: &Options) -> ProfileKind {
    if options.use_fft_profile { ProfileKind::MagTrackFft } else { ProfileKind::MagTrackRadial }
}

/// Says so if a Z-LUT for our own methods does not say how its profiles were measured. Not for the method magtrack: all
/// that MagScope ever wrote is silent, and the method is there for those tables.
fn unknown_kind_note(zlut: &ZLut) -> Option<String> {
    zlut.origin.profile_kind.is_none().then(|| {
        "the Z-LUT does not say how its profiles were measured; taken as rings sampled between pixels. Heights will be off \
         by tens of nm if they are MagTrack's, as MagScope writes them: build one with `beadscope zlut build`, or track with \
         the method magtrack"
            .to_owned()
    })
}

/// Says so if `fit` has to do without a model of the image that was fitted to pixels.
fn blurred_model_warning(zlut: &ZLut) -> Option<String> {
    let lacks = match zlut.image() {
        None => "holds no model of the image".to_owned(),
        Some(ImageTable { knot_step_px, .. }) if *knot_step_px != KNOT_STEP_PX => {
            format!(
                "holds a model of the image in steps of {knot_step_px} px, and this program uses {KNOT_STEP_PX} px"
            )
        }
        Some(_) => return None,
    };
    // 2.75 nm against 0.13 nm on simulated beads, ROI 64 px.
    Some(format!(
        "the Z-LUT {lacks}: fit makes one from its profiles, which sampling has blurred, so heights are off by some nm and \
         its errors told too small; build it with `beadscope zlut build` and keep it as .zlut.h5"
    ))
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
    check_roi_size(zlut, roi_px)?;
    let origin = &zlut.origin;
    let spanning = f64::from(roi_px / 2) / zlut.n_rings() as f64;
    let ring_step_px = origin.ring_step_px.unwrap_or(spanning);
    let note = origin.ring_step_px.is_none().then(|| {
        format!("the Z-LUT does not say how far apart its rings are; taken as {spanning:.3} px, so that they span the ROI")
    });
    let (rings, first_px) = (zlut.n_rings(), origin.first_ring_px);
    let table = MatchTable::new(zlut.profiles(), zlut.z_nm(), rings, first_px, ring_step_px)
        .map_err(ZLutMismatch::Match)?;
    Ok(match fitted_model(zlut)? {
        Some(model) => (table.with_image_model(model), note),
        None => (table, note),
    })
}

/// The model of the image that was fitted to pixels, if the Z-LUT holds one that this program can use.
pub(crate) fn fitted_model(zlut: &ZLut) -> Result<Option<ImageModel>, ZLutMismatch> {
    let image = zlut.image().filter(|image| image.knot_step_px == KNOT_STEP_PX);
    let model = image.map(|image| ImageModel::new(&image.values, zlut.z_nm(), &image.misfit));
    model.transpose().map_err(ZLutMismatch::Match)
}

fn check_roi_size(zlut: &ZLut, roi_px: u32) -> Result<(), ZLutMismatch> {
    match zlut.origin.roi_px {
        Some(zlut_px) if zlut_px != roi_px => Err(ZLutMismatch::RoiSize { zlut_px, roi_px }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use beadscope_zlut::Origin;

    use super::*;

    #[test]
    fn a_zlut_without_its_innermost_rings_cannot_be_fitted_but_matched() {
        let profiles = (0..48).map(|i| if i % 8 == 0 { f32::NAN } else { (i * i % 7) as f32 }).collect();
        let origin = Origin { ring_step_px: Some(0.5), ..Origin::default() };
        let zlut = ZLut::new((0..6).map(f64::from).collect(), 8, profiles, origin).unwrap();
        let prepare = |method| prepare_zlut(Some(&zlut), 16, &Params { method, ..Params::default() });
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
