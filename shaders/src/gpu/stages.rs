//! The stages: their sources, joined from shared functions and their own, and what each binds.

/// A compute shader.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    /// Its entry point.
    pub name: &'static str,
    /// Whole WGSL source.
    pub source: &'static str,
    /// What it binds in group 1, binding after binding.
    pub binds: &'static [Buffer],
    /// Names of its constants, all of which say how much room a workgroup needs; see [`super::Tables::constant`].
    pub constants: &'static [&'static str],
}

/// What a stage binds in group 1. In group 0 all bind the settings, the beads and their pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffer {
    /// Pixels as they came.
    Raw,
    /// A [`super::Place`] for each bead.
    Places,
    /// [`super::Tables::starts`].
    Starts,
    /// [`super::Tables::offsets_px`].
    Offsets,
    /// The profile of each bead, four `f32` a ring; written.
    Profiles,
    /// [`super::Tables::zlut`].
    ZLut,
    /// [`super::Tables::model`].
    Model,
    /// [`super::Tables::rings_per_bead`] times a [`super::Ring`] for each bead; written.
    Rings,
}

impl Buffer {
    /// Whether stages write to it.
    pub fn is_written(self) -> bool {
        matches!(self, Self::Profiles | Self::Rings)
    }
}

pub(super) const LARGEST_BORDER: &str = "LARGEST_BORDER";
pub(super) const LARGEST_ROI: &str = "LARGEST_ROI";
pub(super) const MAX_RINGS: &str = "MAX_RINGS";
pub(super) const MAX_KNOTS: &str = "MAX_KNOTS";

/// First stage: from pixels as they came to background and contrast.
pub const BACKGROUND: Stage = Stage {
    name: "background",
    source: concat!(include_str!("../bead.wgsl"), include_str!("../background.wgsl")),
    binds: &[Buffer::Raw, Buffer::Places],
    constants: &[LARGEST_BORDER],
};

/// First guess.
pub const CENTER_OF_MASS: Stage = Stage {
    name: "center_of_mass",
    source: concat!(
        include_str!("../bead.wgsl"),
        include_str!("../sampling.wgsl"),
        include_str!("../center_of_mass.wgsl")
    ),
    binds: &[],
    constants: &[],
};

/// Second guess.
pub const AUTO_CONVOLUTION: Stage = Stage {
    name: "auto_convolution",
    source: concat!(
        include_str!("../bead.wgsl"),
        include_str!("../sampling.wgsl"),
        include_str!("../auto_convolution.wgsl")
    ),
    binds: &[],
    constants: &[LARGEST_ROI],
};

/// Centre.
pub const QUADRANT_INTERPOLATION: Stage = Stage {
    name: "quadrant_interpolation",
    source: concat!(
        include_str!("../bead.wgsl"),
        include_str!("../sampling.wgsl"),
        include_str!("../rings.wgsl"),
        include_str!("../radial_profile.wgsl"),
        include_str!("../quadrant_interpolation.wgsl")
    ),
    binds: &[Buffer::Starts, Buffer::Offsets, Buffer::Profiles],
    constants: &[MAX_RINGS],
};

/// Height.
pub const ZLUT_MATCH: Stage = Stage {
    name: "zlut_match",
    source: concat!(
        include_str!("../bead.wgsl"),
        include_str!("../sampling.wgsl"),
        include_str!("../rings.wgsl"),
        include_str!("../radial_profile.wgsl"),
        include_str!("../z_spline.wgsl"),
        include_str!("../zlut_match.wgsl")
    ),
    binds: &[Buffer::Starts, Buffer::Offsets, Buffer::Profiles, Buffer::ZLut],
    constants: &[MAX_RINGS],
};

/// All unknowns together.
pub const FIT: Stage = Stage {
    name: "fit",
    source: concat!(
        include_str!("../bead.wgsl"),
        include_str!("../sampling.wgsl"),
        include_str!("../z_spline.wgsl"),
        include_str!("../fit/bins.wgsl"),
        include_str!("../fit/matrix.wgsl"),
        include_str!("../fit/noise.wgsl"),
        include_str!("../fit/sideways.wgsl"),
        include_str!("../fit.wgsl")
    ),
    binds: &[Buffer::Model, Buffer::Rings],
    constants: &[MAX_KNOTS],
};

/// All stages.
pub const STAGES: [Stage; 6] =
    [BACKGROUND, CENTER_OF_MASS, AUTO_CONVOLUTION, QUADRANT_INTERPOLATION, ZLUT_MATCH, FIT];

// What a workgroup shares. The most of all stages shares `ZLUT_MATCH`: for each ring a profile and two weights, and the
// rest; the others stay below what every adapter has. `shaders/tests/wgsl.rs` counts.

/// Bytes that a workgroup shares for each of `MAX_RINGS`, at most.
pub const SHARED_BYTES_PER_RING: usize = 24;
/// Bytes that it shares besides, at most.
pub const SHARED_BYTES: usize = 2048;
