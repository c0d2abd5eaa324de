//! The second part of a Z-LUT: the bead's image itself as a function of radius and height, for methods that fit pixels.

use crate::table::{TableError, check_shape};

/// Grey levels of a pixel (not of a ring) at radii `k * knot_step_px`, for the heights of the Z-LUT it belongs to, and
/// how far real pixels are from it.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageTable {
    /// Distance of knots, px.
    pub knot_step_px: f64,
    /// Planes x knots, grey levels, all finite.
    pub values: Vec<f32>,
    /// For each knot the standard deviation of pixels about the values that is not noise, grey levels.
    pub misfit: Vec<f32>,
}

impl ImageTable {
    /// Whether it fills `planes` and holds nothing that is not a number.
    pub(crate) fn check(&self, planes: usize) -> Result<(), TableError> {
        let knots = self.misfit.len();
        check_shape(planes, knots, self.values.len())?;
        let finite = self.values.iter().chain(&self.misfit).all(|value| value.is_finite());
        let step = self.knot_step_px.is_finite() && self.knot_step_px > 0.0;
        if finite && step { Ok(()) } else { Err(TableError::NotFinite) }
    }
}
