//! Per-pixel correction with dark and flat frames: every pixel as if all were alike and evenly lit.
//!
//! `corrected = (raw − dark) · mean(flat − dark) / (flat − dark)`, the flat-field correction of Janesick, *Scientific
//! Charge-Coupled Devices* (SPIE Press 2001), and EMVA 1288 (release 4.0); dark and flat are means of stacks. Without
//! dark frames dark is 0; without flat frames the factor is 1. The mean is over all good pixels, so that grey levels stay
//! about where they were. It is done where pixels become `f32`: for one bead while tracking, for an image elsewhere.
//!
//! What it does to the noise: with dark frames a corrected level of 0 is black, so that shot noise is in proportion to
//! the level, as `fit` expects; without them the camera's black level counts as light, and too much noise is expected of
//! dark rings. The factor scales noise and signal alike, so the noise of a pixel grows with its factor; inside one ROI
//! that is some percent, which weights do not feel, and the standard errors of `fit` stay right. Where there is no light
//! around the beads the background is 0 once dark is subtracted, and tells `fit` nothing of the noise to expect: its
//! weights and standard errors mean little there. Saturation is a matter of raw levels and is told from those.

mod dead;
mod error;
mod mean_frame;

use std::fmt;
use std::path::PathBuf;

use beadscope_shaders::simd::wide;
use serde::Serialize;

use crate::frame::FrameView;
use crate::rig::CorrectionSection;
use dead::DeadPixels;
pub use error::{CorrectionError, Kind};
use mean_frame::MeanFrame;

/// A pixel with no more than this part of the median light is dead: what it tells is mostly its noise.
const LEAST_LIGHT: f32 = 0.1;

/// Maps that turn raw grey levels into corrected ones, for frames of one size. Shared by all threads.
#[derive(Clone, Debug)]
pub struct Correction {
    width_px: usize,
    /// Subtracted from each pixel, grey levels.
    dark: Vec<f32>,
    /// What each pixel is then multiplied by.
    gain: Vec<f32>,
    dead: DeadPixels,
    used: Used,
    files: Vec<PathBuf>,
    /// What lies outside a ROI is not known.
    is_of_crops: bool,
}

/// What a correction was made from: enough to tell later whether other frames were corrected alike.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Used {
    /// The dark frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dark: Option<UsedFrames>,
    /// The flat frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flat: Option<UsedFrames>,
    /// Dead and saturated pixels, each replaced by the mean of its good neighbours.
    pub replaced_px: usize,
}

/// Frames that were averaged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UsedFrames {
    /// The file or folder.
    pub path: String,
    /// How many frames.
    pub frames: usize,
    /// Hash of their mean: size and grey levels.
    pub hash: String,
}

impl Correction {
    /// Reads the frames that `section` names, for frames like `like`, whose pixels are not looked at. `None` if it names
    /// none.
    ///
    /// # Errors
    /// If a file cannot be read or does not fit the frames, if the flat frames show no light, or if more pixels are dead
    /// than can honestly be replaced.
    pub fn read(section: &CorrectionSection, like: &FrameView<'_>) -> Result<Option<Self>, CorrectionError> {
        let CorrectionSection { dark, dark_hash, flat, flat_hash } = section;
        let read = |kind, path: &Option<PathBuf>, hash: &Option<String>| {
            path.as_deref().map(|path| MeanFrame::read(kind, path, hash.as_deref(), like)).transpose()
        };
        let (dark, flat) = (read(Kind::Dark, dark, dark_hash)?, read(Kind::Flat, flat, flat_hash)?);
        if dark.is_none() && flat.is_none() {
            return Ok(None);
        }
        Self::from_means(dark, flat, like).map(Some)
    }

    fn from_means(
        dark: Option<MeanFrame>,
        flat: Option<MeanFrame>,
        like: &FrameView<'_>,
    ) -> Result<Self, CorrectionError> {
        let pixels = like.width_px * like.height_px;
        let both = || dark.iter().chain(&flat);
        let path = both().last().map_or_else(PathBuf::new, |frames| frames.path.clone());
        let files = both().flat_map(|frames| frames.files.clone()).collect();
        let used = |frames: &Option<MeanFrame>| frames.as_ref().map(MeanFrame::used);
        let (used_dark, used_flat) = (used(&dark), used(&flat));

        let mut is_dead = vec![false; pixels];
        let mut levels = vec![0.0; pixels];
        if let Some(dark) = dark {
            dark.check_dead(&dark.is_saturated)?;
            (levels, is_dead) = (dark.levels, dark.is_saturated);
        }
        let mut gain = vec![1.0; pixels];
        if let Some(flat) = flat {
            gain = gains(flat, &levels, &mut is_dead)?;
        }
        let dead = DeadPixels::find(&is_dead, like.width_px)
            .map_err(|center_px| CorrectionError::Hole { center_px, path })?;
        let used = Used { dark: used_dark, flat: used_flat, replaced_px: dead.len() };
        Ok(Self { width_px: like.width_px, dark: levels, gain, dead, used, files, is_of_crops: false })
    }

    /// The same for frames of which the ROIs alone are known: a dead pixel at the edge of one is replaced by those of its
    /// neighbours that lie inside.
    pub fn of_crops(self) -> Self {
        Self { is_of_crops: true, ..self }
    }

    /// Corrects `levels`: the raw grey levels of the pixels of `frame` from column `x_px` and row `y_px` on, `side_px` in
    /// each row. The caller stays inside the frame, which has the size that the correction is for. Allocates nothing.
    pub fn correct(
        &self,
        frame: &FrameView<'_>,
        (x_px, y_px): (usize, usize),
        side_px: usize,
        levels: &mut [f32],
    ) {
        debug_assert_eq!(frame.width_px, self.width_px, "a correction is for frames of one size");
        wide(
            #[inline(always)]
            || {
                for (y_px, row) in (y_px..).zip(levels.chunks_exact_mut(side_px)) {
                    let first = y_px * self.width_px + x_px;
                    let (dark, gain) = (&self.dark[first..][..side_px], &self.gain[first..][..side_px]);
                    for ((level, dark), gain) in row.iter_mut().zip(dark).zip(gain) {
                        *level = (*level - dark) * gain;
                    }
                }
            },
        );
        let rows = y_px..y_px + levels.len() / side_px.max(1);
        let is_inside = |[x, y]: &&[u32; 2]| {
            (x_px..x_px + side_px).contains(&(*x as usize)) && rows.contains(&(*y as usize))
        };
        for (y_px, row) in rows.clone().zip(levels.chunks_exact_mut(side_px)) {
            for (dead_px, neighbours) in self.dead.in_row(y_px, x_px..x_px + side_px) {
                let known = neighbours.iter().filter(|place| !self.is_of_crops || is_inside(place));
                let sum: f32 = known.clone().map(|place| self.corrected(frame, *place)).sum();
                // Where even a corner's neighbours are all outside, it is black: one pixel, far from the bead.
                row[dead_px - x_px] = sum / known.count().max(1) as f32;
            }
        }
    }

    /// The corrected level of one good pixel.
    fn corrected(&self, frame: &FrameView<'_>, [x_px, y_px]: [u32; 2]) -> f32 {
        let (x_px, y_px) = (x_px as usize, y_px as usize);
        let place = y_px * self.width_px + x_px;
        let mut level = [0.0];
        frame.copy_row(x_px, y_px, &mut level);
        (level[0] - self.dark[place]) * self.gain[place]
    }

    /// What it was made from.
    pub fn used(&self) -> &Used {
        &self.used
    }

    /// The files it was made from.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }
}

/// What each pixel is multiplied by after `dark` is subtracted. Pixels that `flat` shows to be dead join `is_dead`.
fn gains(flat: MeanFrame, dark: &[f32], is_dead: &mut [bool]) -> Result<Vec<f32>, CorrectionError> {
    let light: Vec<f32> = flat.levels.iter().zip(dark).map(|(flat, dark)| flat - dark).collect();
    let median = *light.clone().select_nth_unstable_by(light.len() / 2, f32::total_cmp).1;
    if median <= 0.0 {
        return Err(CorrectionError::NoLight { median, path: flat.path });
    }
    let is_dark = light.iter().map(|light| *light <= LEAST_LIGHT * median);
    let of_flat: Vec<bool> = is_dark.zip(&flat.is_saturated).map(|(dark, white)| dark | white).collect();
    flat.check_dead(&of_flat)?;
    is_dead.iter_mut().zip(of_flat).for_each(|(dead, here)| *dead |= here);
    let good = light.iter().zip(&*is_dead).filter(|(_, dead)| !**dead).map(|(light, _)| f64::from(*light));
    let (sum, count) = good.fold((0.0, 0.0), |(sum, count), light| (sum + light, count + 1.0));
    Ok(light.iter().map(|light| (sum / count / f64::from(*light)) as f32).collect())
}

/// Which frames a correction is made from, in words: `none`, `dark`, `flat` or `dark and flat`.
pub fn kinds(correction: Option<&Correction>) -> &'static str {
    match correction.map(|correction| (&correction.used.dark, &correction.used.flat)) {
        None | Some((None, None)) => "none",
        Some((Some(_), None)) => "dark",
        Some((None, Some(_))) => "flat",
        Some((Some(_), Some(_))) => "dark and flat",
    }
}

impl fmt::Display for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "corrected with";
        for (kind, frames) in [(Kind::Dark, &self.dark), (Kind::Flat, &self.flat)] {
            if let Some(UsedFrames { path, frames, hash }) = frames {
                write!(f, "{before} {kind} frames ({frames} averaged, hash {hash}: {path})")?;
                before = " and";
            }
        }
        write!(f, "; {} dead or saturated pixels replaced by their neighbours", self.replaced_px)
    }
}

#[cfg(test)]
mod tests;
