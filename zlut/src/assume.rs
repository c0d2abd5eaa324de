//! What has to be assumed where a file is silent, and the sentence that tells so.

use crate::{file::ReadOptions, table::Origin};

/// Distance between planes that QTrk's own tools assume.
pub const QTRK_Z_STEP_NM: f64 = 50.0;
const NO_RADII: &str = "The file has no radii: the rings have to be fitted to the ROI in use.";

/// Heights for a file without any: `k` times the step given, or QTrk's.
pub fn heights_nm(origin: &mut Origin, n_planes: usize, options: &ReadOptions) -> Vec<f64> {
    let step_nm = options.z_step_nm.unwrap_or(QTRK_Z_STEP_NM);
    let whose = if options.z_step_nm.is_some() { "the given" } else { "QTrk's usual" };
    origin.assumed.push(format!(
        "The file has no heights: plane 0 is taken as 0 nm, with {whose} {step_nm} nm per plane."
    ));
    (0..n_planes).map(|plane| plane as f64 * step_nm).collect()
}

/// Leaves the radii open, for [`rings_fill_roi`] or the user of the table to settle.
pub fn no_radii(origin: &mut Origin) {
    origin.assumed.push(NO_RADII.into());
}

/// The rings fill half the ROI from radius 0, as MagScope's do: (ROI / 2) × oversample rings.
pub fn rings_fill_roi(origin: &mut Origin, n_rings: usize, roi_px: u32) {
    let step_px = f64::from(roi_px) / 2.0 / n_rings as f64;
    origin.roi_px = Some(roi_px);
    origin.first_ring_px = 0.0;
    origin.ring_step_px = Some(step_px);
    origin.assumed.retain(|sentence| sentence != NO_RADII);
    origin.assumed.push(format!(
        "The file has no radii: {n_rings} rings are taken to fill half the given ROI of {roi_px} px \
         from radius 0, {step_px} px apart."
    ));
}

/// MagScope's usual setting where nothing is known: one ring per px, so the ROI is twice the rings.
pub fn rings_one_px_apart(origin: &mut Origin, n_rings: usize) {
    let roi_px = u32::try_from(2 * n_rings).unwrap_or(u32::MAX);
    origin.roi_px = Some(roi_px);
    origin.ring_step_px = Some(1.0);
    origin.assumed.push(format!(
        "The file has no radii: the ROI is taken as {roi_px} px, twice the {n_rings} rings, with \
         rings 1 px apart."
    ));
}
