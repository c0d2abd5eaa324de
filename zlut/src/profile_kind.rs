//! What the profiles of a Z-LUT are profiles of: those of one kind look like another height to those of another.

use std::fmt;

/// How profiles were measured. A method of tracking finds heights in its own kind only: rings that MagTrack bins and rings
/// that we sample between pixels differ enough to shift z by tens of nm, and the match looks good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileKind {
    /// Rings sampled between pixels, for our own methods.
    SampledRings,
    /// Pixels binned by their distance from the centre, as MagTrack's `radial_profile` does it.
    MagTrackRadial,
    /// Amplitudes after a Fourier transform, MagTrack's `fft_profile`: no function of a radius.
    MagTrackFft,
}

impl ProfileKind {
    /// Every kind with the name that files use.
    pub const NAMES: [(Self, &'static str); 3] = [
        (Self::SampledRings, "sampled-rings"),
        (Self::MagTrackRadial, "magtrack-radial"),
        (Self::MagTrackFft, "magtrack-fft"),
    ];

    /// The name that files use.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// The kind that a file calls `name`, if there is such a one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }
}

/// In words, for messages.
impl fmt::Display for ProfileKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::SampledRings => "rings sampled between pixels",
            Self::MagTrackRadial => "MagTrack's radial profiles",
            Self::MagTrackFft => "MagTrack's FFT profiles",
        })
    }
}
