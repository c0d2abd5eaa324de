//! The kernels as compute shaders: their sources, the tables they read, and what comes back. Knows no graphics library.
//!
//! Each kernel has a twin in WGSL beside it. One dispatch a stage, one workgroup a bead, whatever the number of beads;
//! a bead's state goes from stage to stage in [`Bead`] and nothing comes back between them. Shared functions are joined
//! in front of a stage, so that no preprocessor is needed.
//!
//! Sums are `f32` on a device, where the processor has `f64` for some: positions agree to about 1e-5 px and 0.003 nm.

use bytemuck::{Pod, Zeroable};

use crate::fit::bins::BINS_PER_KNOT;
use crate::flags::Flags;
use crate::image_model::ImageModel;
use crate::params::{Method, Params};
use crate::pipeline::{GUESS_WINDOW, Localization, Tracker};
use crate::rings::PolarGrid;
use crate::zlut_match::MatchTable;

/// A compute shader.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    /// Its entry point.
    pub name: &'static str,
    /// Whole WGSL source.
    pub source: &'static str,
    /// What it binds in group 1, binding after binding.
    pub binds: &'static [Buffer],
    /// Names of its constants, all of which say how much room a workgroup needs; see [`Tables::constant`].
    pub constants: &'static [&'static str],
}

/// What a stage binds in group 1. In group 0 all bind the settings, the beads and their pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffer {
    /// Pixels as they came.
    Raw,
    /// A [`Place`] for each bead.
    Places,
    /// [`Tables::starts`].
    Starts,
    /// [`Tables::offsets_px`].
    Offsets,
    /// The profile of each bead, four `f32` a ring; written.
    Profiles,
    /// [`Tables::zlut`].
    ZLut,
    /// [`Tables::model`].
    Model,
    /// [`Tables::rings_per_bead`] times a [`Ring`] for each bead; written.
    Rings,
}

// What a workgroup shares. The most of all stages shares `ZLUT_MATCH`: for each ring a profile and two weights, and the
// rest; the others stay below what every adapter has. `shaders/tests/wgsl.rs` counts.

/// Bytes that a workgroup shares for each of `MAX_RINGS`, at most.
pub const SHARED_BYTES_PER_RING: usize = 24;
/// Bytes that it shares besides, at most.
pub const SHARED_BYTES: usize = 2048;

impl Buffer {
    /// Whether stages write to it.
    pub fn is_written(self) -> bool {
        matches!(self, Self::Profiles | Self::Rings)
    }
}

/// All unknowns together.
pub const FIT: Stage = Stage {
    name: "fit",
    source: concat!(
        include_str!("bead.wgsl"),
        include_str!("sampling.wgsl"),
        include_str!("z_spline.wgsl"),
        include_str!("fit/bins.wgsl"),
        include_str!("fit/matrix.wgsl"),
        include_str!("fit/noise.wgsl"),
        include_str!("fit/sideways.wgsl"),
        include_str!("fit.wgsl")
    ),
    binds: &[Buffer::Model, Buffer::Rings],
    constants: &[MAX_KNOTS],
};

/// All stages.
pub const STAGES: [Stage; 6] =
    [BACKGROUND, CENTER_OF_MASS, AUTO_CONVOLUTION, QUADRANT_INTERPOLATION, ZLUT_MATCH, FIT];

const LARGEST_BORDER: &str = "LARGEST_BORDER";
const LARGEST_ROI: &str = "LARGEST_ROI";
const MAX_RINGS: &str = "MAX_RINGS";
const MAX_KNOTS: &str = "MAX_KNOTS";

/// First stage: from pixels as they came to background and contrast.
pub const BACKGROUND: Stage = Stage {
    name: "background",
    source: concat!(include_str!("bead.wgsl"), include_str!("background.wgsl")),
    binds: &[Buffer::Raw, Buffer::Places],
    constants: &[LARGEST_BORDER],
};

/// First guess.
pub const CENTER_OF_MASS: Stage = Stage {
    name: "center_of_mass",
    source: concat!(
        include_str!("bead.wgsl"),
        include_str!("sampling.wgsl"),
        include_str!("center_of_mass.wgsl")
    ),
    binds: &[],
    constants: &[],
};

/// Second guess.
pub const AUTO_CONVOLUTION: Stage = Stage {
    name: "auto_convolution",
    source: concat!(
        include_str!("bead.wgsl"),
        include_str!("sampling.wgsl"),
        include_str!("auto_convolution.wgsl")
    ),
    binds: &[],
    constants: &[LARGEST_ROI],
};

/// Centre.
pub const QUADRANT_INTERPOLATION: Stage = Stage {
    name: "quadrant_interpolation",
    source: concat!(
        include_str!("bead.wgsl"),
        include_str!("sampling.wgsl"),
        include_str!("rings.wgsl"),
        include_str!("radial_profile.wgsl"),
        include_str!("quadrant_interpolation.wgsl")
    ),
    binds: &[Buffer::Starts, Buffer::Offsets, Buffer::Profiles],
    constants: &[MAX_RINGS],
};

/// Height.
pub const ZLUT_MATCH: Stage = Stage {
    name: "zlut_match",
    source: concat!(
        include_str!("bead.wgsl"),
        include_str!("sampling.wgsl"),
        include_str!("rings.wgsl"),
        include_str!("radial_profile.wgsl"),
        include_str!("z_spline.wgsl"),
        include_str!("zlut_match.wgsl")
    ),
    binds: &[Buffer::Starts, Buffer::Offsets, Buffer::Profiles, Buffer::ZLut],
    constants: &[MAX_RINGS],
};

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
    /// Where the first ring's entry lies in [`Tables::starts`].
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
    /// As in [`Params`].
    pub tolerance_px: f32,
    /// As in [`Params`].
    pub max_steps: u32,
    /// As in [`Params`].
    pub min_ring_share: f32,
    /// As in [`Params`].
    pub min_roundness: f32,
    /// As in [`Params`].
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

const CENTER: u32 = 1;
const HEIGHT: u32 = 2;
const QUALITY: u32 = 4;
const SIGMA: u32 = 8;

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

/// The stages of a method, and the tables that they read; the same for all images.
#[derive(Clone, Debug)]
pub struct Tables {
    /// One dispatch each, in this order.
    pub stages: Vec<Stage>,
    /// `n_beads`, `bits`, `row_beads` and `max_level` are left for each dispatch to fill in.
    pub settings: Settings,
    /// For each ring of each grid, its first offset; behind the last ring of a grid, where that one ends.
    pub starts: Vec<u32>,
    /// Offsets of samples from the centre, first quadrant, px.
    pub offsets_px: Vec<[f32; 2]>,
    /// Heights of planes, usable rings, values and curvatures: see `zlut_match.wgsl`.
    pub zlut: Vec<f32>,
    /// The model of the image: see `fit.wgsl`.
    pub model: Vec<f32>,
    /// Height of the first plane, nm; heights on the device count from it.
    pub first_nm: f64,
}

impl Tables {
    /// The tables of a tracker. `None` if its method runs on the processor only.
    pub fn new(tracker: &Tracker, zlut: Option<&MatchTable>) -> Option<Self> {
        let params = tracker.params();
        let last_stage = match params.method {
            Method::CenterOfMass => 0,
            Method::AutoConvolution => 1,
            Method::QuadrantInterpolation | Method::Fit => 2,
            Method::MagTrack => return None,
        };
        let (coarse, fine) = tracker.grids();
        let mut tables = Self {
            stages: stages(last_stage, zlut.is_some()),
            model: Vec::new(),
            settings: settings(tracker.roi_px(), params, last_stage),
            starts: Vec::new(),
            offsets_px: Vec::new(),
            zlut: Vec::new(),
            first_nm: 0.0,
        };
        tables.settings.coarse = tables.add_grid(coarse);
        tables.settings.fine = tables.add_grid(fine);
        if let Some(zlut) = zlut {
            tables.settings.zlut = tables.add_grid(zlut.grid());
            // Others never lie whole in an ROI.
            let n_rings = zlut.grid().rings().up_to(0.5 * (tracker.roi_px() as f64 - 1.0)) as u32;
            tables.settings.zlut.n_rings = n_rings;
            tables.settings.same_rings = u32::from(last_stage == 2 && zlut.grid().rings() == fine.rings());
            tables.add_zlut(zlut);
            if let (Method::Fit, Some(model)) = (params.method, zlut.image_model()) {
                tables.add_model(model);
                tables.stages.push(FIT);
            }
        }
        Some(tables)
    }

    /// Value of a constant of [`Stage::constants`].
    pub fn constant(&self, name: &str) -> f64 {
        let Settings { roi_px, coarse, fine, zlut, n_knots, .. } = self.settings;
        f64::from(match name {
            LARGEST_BORDER => 4 * (roi_px - 1),
            LARGEST_ROI => roi_px,
            MAX_KNOTS => n_knots,
            _ => coarse.n_rings.max(fine.n_rings).max(zlut.n_rings),
        })
    }

    fn add_grid(&mut self, grid: &PolarGrid) -> Grid {
        let rings = grid.rings();
        let first_start = self.starts.len() as u32;
        for k in 0..rings.n_rings {
            self.starts.push(self.offsets_px.len() as u32);
            self.offsets_px.extend_from_slice(grid.first_quadrant_px(k));
        }
        self.starts.push(self.offsets_px.len() as u32);
        Grid {
            first_ring_px: rings.first_ring_px as f32,
            ring_step_px: rings.ring_step_px as f32,
            n_rings: rings.n_rings as u32,
            first_start,
        }
    }

    fn add_zlut(&mut self, table: &MatchTable) {
        let spline = &table.spline;
        let z_nm = spline.z_nm();
        let n_rings = self.settings.zlut.n_rings as usize;
        let (first_nm, last_nm) = table.range_nm();
        self.first_nm = first_nm;
        self.settings.n_planes = z_nm.len() as u32;
        self.settings.plane_step_nm = ((last_nm - first_nm) / (z_nm.len() - 1) as f64) as f32;
        self.zlut.extend(z_nm.iter().map(|z| (z - first_nm) as f32));
        self.zlut.extend(table.usable[..n_rings].iter().map(|usable| f32::from(u8::from(*usable))));
        // Ring after ring, so that neighbouring threads, which take neighbouring planes, read neighbouring values.
        for k in 0..n_rings {
            self.zlut.extend((0..z_nm.len()).map(|plane| spline.plane(plane)[k]));
        }
        for k in 0..n_rings {
            self.zlut.extend((0..z_nm.len()).map(|plane| spline.curvature(plane)[k]));
        }
    }
}

impl Tables {
    /// Narrow rings that `fit` needs for each bead; 0 for other methods.
    pub fn rings_per_bead(&self) -> usize {
        self.settings.n_knots.saturating_sub(1) as usize * BINS_PER_KNOT
    }

    fn add_model(&mut self, model: &ImageModel) {
        let spline = &model.spline;
        let planes = 0..spline.z_nm().len();
        self.settings.n_knots = model.n_knots() as u32;
        self.settings.n_model_planes = planes.len() as u32;
        self.model.extend(spline.z_nm().iter().map(|z| (z - self.first_nm) as f32));
        self.model.extend_from_slice(&model.misfit_variance);
        self.model.extend(planes.clone().flat_map(|plane| spline.plane(plane)));
        self.model.extend(planes.flat_map(|plane| spline.curvature(plane)));
    }
}

fn stages(last_stage: u32, with_zlut: bool) -> Vec<Stage> {
    let centers = [CENTER_OF_MASS, AUTO_CONVOLUTION, QUADRANT_INTERPOLATION];
    let mut stages = vec![BACKGROUND];
    stages.extend(&centers[..=last_stage as usize]);
    if with_zlut {
        stages.push(ZLUT_MATCH);
    }
    stages
}

fn settings(roi_px: usize, params: &Params, last_stage: u32) -> Settings {
    let roi = roi_px as f64;
    Settings {
        roi_px: roi_px as u32,
        guess_px: if last_stage == 0 { 0.0 } else { (GUESS_WINDOW * roi) as f32 },
        window_px: (params.window * roi) as f32,
        tolerance_px: params.tolerance_px as f32,
        max_steps: params.max_steps as u32,
        min_ring_share: params.min_ring_share,
        min_roundness: params.min_roundness,
        min_quality: params.min_quality,
        last_stage,
        ..Settings::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::{self, bins, noise, sideways};
    use crate::{
        auto_convolution, background, match_table, pipeline, quadrant_interpolation, radial_profile,
        radial_spline, sampling, zlut_match,
    };

    /// The numbers that a stage and its twin must have in common.
    #[test]
    fn constants_are_those_of_the_twins() {
        let count = |value: usize| value as f64;
        let bin_px = bins::BIN_PX;
        for (stage, name, value) in [
            (BACKGROUND, "LEAST_CONTRAST", f64::from(background::LEAST_CONTRAST)),
            (BACKGROUND, "SCATTER", f64::from(background::SCATTER)),
            (BACKGROUND, "ROUNDING", f64::from(background::ROUNDING)),
            (BACKGROUND, "TINY", f64::from(f32::MIN_POSITIVE)),
            (BACKGROUND, "LAST_DIGIT", f64::from(f32::EPSILON)),
            (CENTER_OF_MASS, "SMALLEST_RADIUS", quadrant_interpolation::SMALLEST_RADIUS),
            (CENTER_OF_MASS, "SMALLEST_RADIUS_PX", quadrant_interpolation::SMALLEST_RADIUS_PX),
            (CENTER_OF_MASS, "DEAD_ZONE", f64::from(pipeline::DEAD_ZONE)),
            (AUTO_CONVOLUTION, "FAR_SEARCH", pipeline::SEARCH[0]),
            (AUTO_CONVOLUTION, "NEAR_SEARCH", pipeline::SEARCH[1]),
            (AUTO_CONVOLUTION, "SHORTEST_SEARCH_PX", pipeline::SHORTEST_SEARCH_PX),
            (AUTO_CONVOLUTION, "BAND_PX", count(auto_convolution::BAND_PX)),
            (QUADRANT_INTERPOLATION, "CUBIC_UP_TO_PX", sampling::CUBIC_UP_TO_PX),
            (QUADRANT_INTERPOLATION, "CUBIC_MARGIN_PX", sampling::CUBIC_MARGIN_PX),
            (QUADRANT_INTERPOLATION, "DARKEST_LEVEL", f64::from(radial_profile::DARKEST_LEVEL)),
            (QUADRANT_INTERPOLATION, "NOISE_IN_SAMPLES", radial_profile::NOISE_IN_SAMPLES),
            (ZLUT_MATCH, "MIN_ROUND_RINGS", count(radial_profile::MIN_ROUND_RINGS)),
            (QUADRANT_INTERPOLATION, "LONGEST_STEP_PX", quadrant_interpolation::LONGEST_STEP_PX),
            (QUADRANT_INTERPOLATION, "COARSE_UNTIL_PX", quadrant_interpolation::COARSE_UNTIL_PX),
            (QUADRANT_INTERPOLATION, "LEAST_FACTOR", quadrant_interpolation::LEAST_FACTOR),
            (QUADRANT_INTERPOLATION, "LARGEST_FACTOR", quadrant_interpolation::LARGEST_FACTOR),
            (ZLUT_MATCH, "MIN_RINGS", count(match_table::MIN_RINGS)),
            (ZLUT_MATCH, "MAX_STEPS", count(zlut_match::MAX_STEPS)),
            (ZLUT_MATCH, "LAST_STEP", zlut_match::LAST_STEP),
            (ZLUT_MATCH, "LEAST_AHEAD", zlut_match::LEAST_AHEAD),
            (ZLUT_MATCH, "MOST_AHEAD", zlut_match::MOST_AHEAD),
            (FIT, "BINS_PER_KNOT", count(BINS_PER_KNOT)),
            (FIT, "KNOT_STEP_PX", radial_spline::KNOT_STEP_PX),
            (FIT, "BIN_PX", bin_px),
            (FIT, "BINS_PER_PX", 1.0 / bin_px),
            (FIT, "REBIN_PX", fit::REBIN_PX),
            (FIT, "MAX_PASSES", count(fit::MAX_PASSES)),
            (FIT, "MAX_STEPS", count(fit::MAX_STEPS)),
            (FIT, "LAST_STEP", fit::LAST_STEP),
            (FIT, "FARTHEST_PX", fit::FARTHEST_PX),
            (FIT, "LEAST_ROOM_PX", fit::LEAST_ROOM_PX),
            (FIT, "LARGEST_RISE", fit::LARGEST_RISE),
            (FIT, "MISFIT_SHARE", fit::MISFIT_SHARE),
            (FIT, "EXCESS_REACH", count(sideways::EXCESS_REACH)),
            (FIT, "MOST_EXPECTED", sideways::MOST_EXPECTED),
            (FIT, "DARKEST", noise::DARKEST),
            (FIT, "NOISE_PIXELS", count(bins::NOISE_PIXELS)),
            (BACKGROUND, "EDGE", f64::from(Flags::EDGE.0)),
            (BACKGROUND, "NO_ZLUT", f64::from(Flags::NO_ZLUT.0)),
            (BACKGROUND, "Z_OUT_OF_RANGE", f64::from(Flags::Z_OUT_OF_RANGE.0)),
            (BACKGROUND, "LOW_CONTRAST", f64::from(Flags::LOW_CONTRAST.0)),
            (BACKGROUND, "NOT_CONVERGED", f64::from(Flags::NOT_CONVERGED.0)),
            (BACKGROUND, "SATURATED", f64::from(Flags::SATURATED.0)),
            (BACKGROUND, "POOR_MATCH", f64::from(Flags::POOR_MATCH.0)),
            (BACKGROUND, "NOT_ROUND", f64::from(Flags::NOT_ROUND.0)),
            (BACKGROUND, "CENTER", f64::from(CENTER)),
            (BACKGROUND, "HEIGHT", f64::from(HEIGHT)),
            (BACKGROUND, "QUALITY", f64::from(QUALITY)),
            (BACKGROUND, "SIGMA", f64::from(SIGMA)),
        ] {
            let module = naga::front::wgsl::parse_str(stage.source).unwrap();
            let constant = module.constants.iter().find(|(_, found)| found.name.as_deref() == Some(name));
            let found = constant.map(|(_, found)| module.global_expressions[found.init].clone());
            let found = match found {
                Some(naga::Expression::Literal(naga::Literal::F32(value))) => f64::from(value),
                Some(naga::Expression::Literal(naga::Literal::U32(value))) => f64::from(value),
                other => panic!("{name} of {}: {other:?}", stage.name),
            };
            assert!((found - value).abs() <= 1e-6 * value, "{name} of {}: {found}, not {value}", stage.name);
        }
    }
}
