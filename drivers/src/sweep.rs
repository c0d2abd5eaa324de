//! A focus sweep: images of one bead at known heights, the raw material of a Z-LUT.

/// Images of one bead, one per height, all square and of one size.
#[derive(Clone, Debug)]
pub struct FocusSweep {
    /// Side of each image, in px.
    pub roi_px: u32,
    /// Grey levels, image after image, each row by row: `z_nm.len() × roi_px × roi_px`.
    pub images: Vec<f32>,
    /// Height of the bead in each image, in nm.
    pub z_nm: Vec<f64>,
    /// Centre of the bead in all images (x, y), in px, pixel centres at integers; `None` if it must be found.
    pub center_px: Option<(f64, f64)>,
}
