//! What the processor and the shaders both read and write. `shaders/tests/wgsl.rs` compares with the twins in WGSL.

use bytemuck::{Pod, Zeroable};

use crate::flags::Flags;
use crate::pipeline::Localization;

/// Names of the fields and where they lie, for a comparison with the twin.
macro_rules! offsets {
    ($name:ident: $($field:ident),*) => {
        impl $name {
            /// Each field with its offset, bytes.
            pub const OFFSETS: &[(&str, usize)] = &[$((stringify!($field), std::mem::offset_of!($name, $field))),*];
        }
    };
}

offsets!(Grid: first_ring_px, ring_step_px, n_rings, first_start);
offsets!(Place: first, pitch);
offsets!(Bead: center_px, z_nm, quality, sigma, flags, level, noise, mean, known, usable);
offsets!(Settings: n_beads, roi_px, bits, row_beads, max_level, guess_px, window_px, tolerance_px, max_steps,
    min_ring_share, min_roundness, min_quality, coarse, fine, zlut, n_planes, same_rings, plane_step_nm, last_stage, n_knots, n_model_planes);
offsets!(Ring: grey, grey_squared, count, d, grey_m, m, dm, mm, direction, value, slope, rise, excess, square, expected);

/// Rings of a grid. Twin: `Grid` in `bead.wgsl`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Grid {
    /// Radius of ring 0, px.
    pub first_ring_px: f32,
    /// Distance between rings, px.
    pub ring_step_px: f32,
    /// How many rings.
    pub n_rings: u32,
    /// Where the first ring's entry lies in [`super::Tables::starts`].
    pub first_start: u32,
}

/// Settings of a dispatch. Twin: `Settings` in `bead.wgsl`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Settings {
    /// Beads in this dispatch.
    pub n_beads: u32,
    /// Side of the ROI, px.
    pub roi_px: u32,
    /// Bits of a pixel as it came: 8, 16, or 32 for `f32`.
    pub bits: u32,
    /// Workgroups in a row of the dispatch.
    pub row_beads: u32,
    /// Grey level of a saturated pixel.
    pub max_level: f32,
    /// Standard deviation of the window of the first guess, px; 0: none.
    pub guess_px: f32,
    /// Standard deviation of the window of the auto-convolution, px.
    pub window_px: f32,
    /// As in [`Params`](crate::params::Params).
    pub tolerance_px: f32,
    /// As in [`Params`](crate::params::Params).
    pub max_steps: u32,
    /// As in [`Params`](crate::params::Params).
    pub min_ring_share: f32,
    /// As in [`Params`](crate::params::Params).
    pub min_roundness: f32,
    /// As in [`Params`](crate::params::Params).
    pub min_quality: f32,
    /// Few samples.
    pub coarse: Grid,
    /// All samples.
    pub fine: Grid,
    /// Those of the Z-LUT.
    pub zlut: Grid,
    /// Planes of the Z-LUT, 0 without one.
    pub n_planes: u32,
    /// 1 if quadrant interpolation has measured the rings of the Z-LUT.
    pub same_rings: u32,
    /// Mean distance of planes, nm.
    pub plane_step_nm: f32,
    /// Last stage that looks for the centre.
    pub last_stage: u32,
    /// Knots of the model of the image.
    pub n_knots: u32,
    /// Planes of the model of the image.
    pub n_model_planes: u32,
}

/// Where an ROI lies among the pixels as they came. Twin: `Place` in `bead.wgsl`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Place {
    /// Index of its first pixel.
    pub first: u32,
    /// Pixels from one row to the next.
    pub pitch: u32,
}

/// What the stages know of a bead. Twin: `Bead` in `bead.wgsl`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Bead {
    center_px: [f32; 2],
    z_nm: f32,
    quality: f32,
    sigma: [f32; 3],
    flags: u32,
    level: f32,
    noise: f32,
    mean: f32,
    known: u32,
    usable: u32,
    rest: [u32; 3],
}

/// One narrow ring of `fit`; nothing but its size matters here. Twin: `Ring` in `fit.wgsl`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Ring {
    grey: f32,
    grey_squared: f32,
    count: f32,
    d: f32,
    grey_m: [f32; 2],
    m: [f32; 2],
    dm: [f32; 2],
    mm: [f32; 2],
    direction: [f32; 2],
    value: f32,
    slope: f32,
    rise: f32,
    excess: f32,
    square: f32,
    expected: f32,
}

pub(super) const CENTER: u32 = 1;
pub(super) const HEIGHT: u32 = 2;
pub(super) const QUALITY: u32 = 4;
pub(super) const SIGMA: u32 = 8;

impl Bead {
    /// What was found; `first_nm` is the height of the first plane of the Z-LUT.
    pub fn localization(&self, first_nm: f64) -> Localization {
        let mut found = Localization::nothing(Flags(self.flags));
        let knows = |what: u32| self.known & (CENTER | what) == CENTER | what;
        if knows(CENTER) {
            (found.x_px, found.y_px) = (f64::from(self.center_px[0]), f64::from(self.center_px[1]));
        }
        if knows(HEIGHT) {
            found.z_nm = first_nm + f64::from(self.z_nm);
        }
        if knows(QUALITY) {
            found.quality = self.quality;
        }
        if knows(SIGMA) {
            found.sigma = self.sigma;
        }
        found
    }
}
