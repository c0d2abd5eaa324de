//! What a bead's sweep is worth: whether its images make a Z-LUT, and how exact heights from it can be.

use std::sync::Arc;

use beadscope_zlut::ZLut;
use beadscope_zlut::quality::{PlaneState, Quality, assess};
use beadscope_zlut::table::MIN_PLANES;

use super::gathered::Gathered;
use super::state::SweptBead;
use crate::calibrate::Meter;
use crate::plane_check::{PlaneCheck, height_of};
use crate::precision::{CameraNoise, Precision};

/// A bead that was not found at more than this part of the heights was lost.
const MOST_MISSING: f64 = 0.1;
/// One that was found in fewer than this part of the images is doubtful.
const LEAST_FOUND: f64 = 0.9;
/// More than this part of the images must be doubtful for it to be told.
const MOST_DOUBTFUL: f64 = 0.1;
/// More drift than this is told, nm.
const MOST_DRIFT_NM: f64 = 5.0;
/// Heights at which the attainable error is asked for.
const ERRORS_AT: usize = 9;

/// What is the same for all beads of a sweep.
pub(super) struct Sweep<'a> {
    pub(super) meter: &'a Meter,
    /// Of each height.
    pub(super) z_nm: &'a [f64],
    /// Of the one that was seen again.
    pub(super) again_nm: f64,
    /// Images of each.
    pub(super) frames: u32,
    pub(super) pixel_size_nm: f64,
    /// Sorts of frames that the images were corrected with.
    pub(super) correction: &'static str,
    /// How it was made.
    pub(super) source: &'a str,
}

impl Sweep<'_> {
    /// Builds the Z-LUT of a bead and looks at it.
    pub(super) fn judge(&self, bead: u32, gathered: &Gathered) -> SweptBead {
        let heights = self.z_nm.len() as u32;
        let located: u32 = gathered.located().sum();
        let missing = gathered.located().filter(|images| *images == 0).count() as u32;
        let mut swept = SweptBead {
            bead,
            located,
            images: heights * self.frames,
            missing,
            spread: gathered.spread(),
            sigma_z_nm: None,
            planes_rms_nm: f64::NAN,
            drift_nm: f64::NAN,
            doubts: Vec::new(),
            unusable: None,
            zlut: None,
        };
        if located == 0 {
            swept.unusable = Some(format!("no bead was found in any of its {} images", swept.images));
            return swept;
        }
        if f64::from(missing) > MOST_MISSING * f64::from(heights) || heights - missing < MIN_PLANES as u32 {
            swept.unusable = Some(format!("it was not found at {missing} of {heights} heights"));
            return swept;
        }
        match gathered.build(self.meter, self.z_nm, self.pixel_size_nm, self.source.to_owned()) {
            Ok(mut zlut) => {
                zlut.origin.bead = Some(bead.to_string());
                zlut.origin.correction = Some(self.correction.to_owned());
                self.look_at(&zlut, gathered, &mut swept);
                swept.zlut = Some(Arc::new(zlut));
            }
            Err(error) => swept.unusable = Some(error.to_string()),
        }
        swept
    }

    fn look_at(&self, zlut: &ZLut, gathered: &Gathered, swept: &mut SweptBead) {
        if swept.missing > 0 {
            swept.doubts.push(format!(
                "it was not found at {} of {} heights, which its Z-LUT lacks",
                swept.missing,
                self.z_nm.len()
            ));
        }
        if f64::from(swept.located) < LEAST_FOUND * f64::from(swept.images) {
            swept.doubts.push(format!("it was found in {} of {} images only", swept.located, swept.images));
        }
        let some = |images: &u32| f64::from(*images) > MOST_DOUBTFUL * f64::from(swept.located);
        let [not_round, saturated] = gathered.doubtful().map(|images| Some(images).filter(some));
        swept.doubts.extend(not_round.map(|images| {
            format!("{images} of {} images are not round: a neighbour or dirt is in its ROI", swept.located)
        }));
        swept.doubts.extend(saturated.map(|images| {
            format!("{images} of {} images have white pixels: expose for less", swept.located)
        }));
        let quality = assess(zlut);
        swept.unusable = no_zlut(&quality);
        if !quality.is_good() {
            swept.doubts.push(quality.verdict());
        }
        let check = PlaneCheck::new(zlut);
        swept.planes_rms_nm = check.rms_nm();
        swept.doubts.extend(check.warning());
        let again = gathered.profile_again().and_then(|profile| height_of(zlut, &profile));
        if let Some(z_nm) = again {
            swept.drift_nm = z_nm - self.again_nm;
        }
        if swept.drift_nm.abs() > MOST_DRIFT_NM {
            swept.doubts.push(format!(
                "it looked {:+.0} nm off when the focus came back to an earlier height: bead, stage or focus drift, and \
                 heights are wrong by up to as much; sweep again, faster or once all is at rest",
                swept.drift_nm
            ));
        }
        // Without a model of the image nothing is known of the error.
        if let Ok(mut precision) = Precision::new(Some(zlut), None) {
            let errors = precision.along_z(&CameraNoise::AtBackground(gathered.noise()), ERRORS_AT);
            let errors = errors.iter().filter_map(|at| Some(at.attainable?.sigma_z_nm));
            swept.sigma_z_nm = errors.fold(None, |range: Option<[f64; 2]>, sigma| {
                let [least, most] = range.unwrap_or([sigma; 2]);
                Some([least.min(sigma), most.max(sigma)])
            });
        }
    }
}

/// Why heights cannot be looked up in a table with these figures at all.
fn no_zlut(quality: &Quality) -> Option<String> {
    let count = |is_so: &dyn Fn(&beadscope_zlut::quality::PlaneQuality) -> bool| {
        quality.planes.iter().filter(|plane| is_so(plane)).count()
    };
    let all = quality.planes.len();
    let flat = count(&|plane| matches!(plane.state, PlaneState::Flat | PlaneState::NotMeasured));
    if flat > 0 {
        return Some(format!("its rings are flat or not measured at {flat} of {all} heights"));
    }
    let alike = count(&|plane| plane.z_noise_nm > quality.z_step_nm);
    (2 * alike > all).then(|| format!("its rings do not change with the focus at {alike} of {all} heights"))
}
