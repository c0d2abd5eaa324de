//! What a user may choose about tracking.

use crate::magtrack::{OptionError, Options};

/// How a bead is located. Each method starts from the one before it, but for the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Centre of mass of the background-corrected image. Fast, biased by neighbours: a first guess.
    CenterOfMass,
    /// Then windowed auto-convolution in x and y.
    AutoConvolution,
    /// Then quadrant interpolation, to convergence.
    QuadrantInterpolation,
    /// Then x, y, z, gain and offset together against the Z-LUT as a model of the image.
    Fit,
    /// The pipeline of MagTrack 1.0.0, alone: see [`crate::magtrack`].
    MagTrack,
}

impl Method {
    /// Every method with the name that files and the command line use.
    pub const NAMES: [(Self, &'static str); 5] = [
        (Self::CenterOfMass, "com"),
        (Self::AutoConvolution, "autoconv"),
        (Self::QuadrantInterpolation, "qi"),
        (Self::Fit, "fit"),
        (Self::MagTrack, "magtrack"),
    ];

    /// Its name in files and on the command line.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(method, _)| *method == self).map_or("", |(_, name)| name)
    }

    /// All names as they stand in a sentence.
    fn listed() -> String {
        let names = Self::NAMES.map(|(_, name)| name);
        let (last, others) = names.split_last().unwrap_or((&"", &[]));
        format!("{} and {last}", others.join(", "))
    }
}

impl std::str::FromStr for Method {
    type Err = ParamError;
    fn from_str(name: &str) -> Result<Self, ParamError> {
        let found = Self::NAMES.iter().find(|(_, known)| *known == name);
        found.map(|(method, _)| *method).ok_or_else(|| ParamError::Method { name: name.to_owned() })
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a tracker cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ParamError {
    /// No such method.
    #[error("no tracking method is called {name:?}; there are {}", Method::listed())]
    Method {
        /// The name asked for.
        name: String,
    },
    /// ROI too small or too large.
    #[error("an ROI of {roi_px} px cannot be tracked; sides of {MIN_ROI_PX} to {MAX_ROI_PX} px can")]
    RoiSize {
        /// The side asked for, px.
        roi_px: usize,
    },
    /// A setting is outside its range.
    #[error("{name} is {value}, it must lie in {range}")]
    Range {
        /// Field of [`Params`].
        name: &'static str,
        /// Its value.
        value: f64,
        /// The values it may have.
        range: &'static str,
    },
    /// An option of the method `magtrack` does not fit.
    #[error(transparent)]
    MagTrack(#[from] OptionError),
}

/// Smallest side of an ROI, px: below it not a single ring of 3 px fits.
pub const MIN_ROI_PX: usize = 8;
/// Largest side of an ROI, px.
pub const MAX_ROI_PX: usize = 512;

/// Settings of the tracker. The defaults are meant to be kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// How x and y are found. Default quadrant interpolation.
    pub method: Method,
    /// Standard deviation of the Gaussian window of the auto-convolution, as a part of the ROI. Default 0.15: rings
    /// to half the ROI radius count fully, neighbours at the border 1 %. Range 0.05 to 1.
    pub window: f64,
    /// Quadrant interpolation stops at the first full-density step shorter than this, px. What is left is about a
    /// tenth of it. Default 0.005 (below 0.1 nm at 100 nm/px). Range 0.001 to 0.1; below that rounding and noise
    /// keep some beads moving.
    pub tolerance_px: f64,
    /// Steps of quadrant interpolation before a bead is given up as not converged. Default 12; 3 to 4 are usual.
    /// Range 1 to 100.
    pub max_steps: usize,
    /// Quadrant interpolation: smallest share of the variance that rings must explain; below it there is no bead
    /// (`LOW_CONTRAST`). Default 0.4: beads have 0.5 to 1, also among
    /// neighbours; places without a bead mostly have less. Range 0 to 1.
    pub min_ring_share: f32,
    /// Roundness below which an image is flagged `NOT_ROUND`. Default 0.87: single beads of a real frame have 0.93 to 1,
    /// touching ones 0.24 to 0.80, at ROIs of 64 to 100 px. Range 0 to 1.
    pub min_roundness: f32,
    /// Correlation with the Z-LUT below which a match is called poor. Default 0.9: beads that belong to their Z-LUT
    /// reach 0.99 even at 1000 photo-electrons. Range -1 to 1.
    pub min_quality: f32,
    /// The options of the method `magtrack`; no other looks at them.
    pub magtrack: Options,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            method: Method::QuadrantInterpolation,
            window: 0.15,
            tolerance_px: 0.005,
            max_steps: 12,
            min_ring_share: 0.4,
            min_roundness: 0.87,
            min_quality: 0.9,
            magtrack: Options::default(),
        }
    }
}

impl Params {
    /// Whether every setting lies in its range.
    pub(crate) fn check(&self) -> Result<(), ParamError> {
        let max_steps = self.max_steps as f64;
        let (share, quality) = (f64::from(self.min_ring_share), f64::from(self.min_quality));
        for (name, value, low, high, range) in [
            ("window", self.window, 0.05, 1.0, "0.05 to 1"),
            ("tolerance_px", self.tolerance_px, 0.001, 0.1, "0.001 to 0.1"),
            ("max_steps", max_steps, 1.0, 100.0, "1 to 100"),
            ("min_ring_share", share, 0.0, 1.0, "0 to 1"),
            ("min_roundness", f64::from(self.min_roundness), 0.0, 1.0, "0 to 1"),
            ("min_quality", quality, -1.0, 1.0, "-1 to 1"),
        ] {
            // NaN is in no range.
            if !(low..=high).contains(&value) {
                return Err(ParamError::Range { name, value, range });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_methods_go_both_ways() {
        for (method, name) in Method::NAMES {
            assert_eq!(name.parse::<Method>().unwrap(), method);
            assert_eq!(method.to_string(), name);
        }
        let error = "QI".parse::<Method>().unwrap_err().to_string();
        assert_eq!(
            error,
            "no tracking method is called \"QI\"; there are com, autoconv, qi, fit and magtrack"
        );
    }

    #[test]
    fn defaults_are_valid_and_nonsense_is_named() {
        assert_eq!(Params::default().check(), Ok(()));
        let wrong = Params { tolerance_px: f64::NAN, ..Params::default() };
        assert!(wrong.check().unwrap_err().to_string().contains("tolerance_px is NaN"));
        assert!(Params { max_steps: 0, ..Params::default() }.check().is_err());
        assert!(Params { window: 0.0, ..Params::default() }.check().is_err());
    }
}
