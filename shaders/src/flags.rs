//! Why a value of a bead is missing or doubtful. A flag is a bit, so that a row can carry several.

/// A set of flags. The bits are part of the file format: never renumber them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Flags(pub u32);

impl Flags {
    /// Nothing to remark.
    pub const NONE: Self = Self(0);
    /// The ROI reaches over the edge of the frame, or the bead over the edge of its ROI. x, y, z are NaN.
    pub const EDGE: Self = Self(1);
    /// No Z-LUT is loaded for this bead. z is NaN.
    pub const NO_ZLUT: Self = Self(1 << 1);
    /// The best match is at the first or last plane of the Z-LUT, so the bead may be beyond it. z is NaN.
    pub const Z_OUT_OF_RANGE: Self = Self(1 << 2);
    /// The image is flat: no bead can be told from its background. x, y, z are NaN.
    pub const LOW_CONTRAST: Self = Self(1 << 3);
    /// The position still moved when the iterations were used up. x, y, z are NaN.
    pub const NOT_CONVERGED: Self = Self(1 << 4);
    /// More than one pixel in a hundred of the ROI is saturated. Values are kept, z may be biased.
    pub const SATURATED: Self = Self(1 << 5);
    /// The profile does not look like any plane of the Z-LUT. Values are kept; see the quality figure.
    pub const POOR_MATCH: Self = Self(1 << 6);

    /// Much of what stands out around the centre is not round: a neighbour, dirt, or motion during the exposure. Values
    /// are kept, and may be pulled by it.
    pub const NOT_ROUND: Self = Self(1 << 7);
    /// Nobody has looked at the frame: the session was asked twice to stop. x, y, z are NaN.
    pub const NOT_LOCATED: Self = Self(1 << 8);

    /// Every flag with the name that files and tables use, in the order of its bit.
    pub const NAMES: [(Self, &'static str); 9] = [
        (Self::EDGE, "edge"),
        (Self::NO_ZLUT, "no_zlut"),
        (Self::Z_OUT_OF_RANGE, "z_out_of_range"),
        (Self::LOW_CONTRAST, "low_contrast"),
        (Self::NOT_CONVERGED, "not_converged"),
        (Self::SATURATED, "saturated"),
        (Self::POOR_MATCH, "poor_match"),
        (Self::NOT_ROUND, "not_round"),
        (Self::NOT_LOCATED, "not_located"),
    ];

    /// True if all of `other` is in this set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::ops::BitOr for Flags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::ops::BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// `ok` for none, otherwise the names joined by `|`, as in the `flags` column of a CSV.
impl std::fmt::Display for Flags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == Self::NONE {
            return f.write_str("ok");
        }
        let mut separator = "";
        for (flag, name) in Self::NAMES {
            if self.contains(flag) {
                write!(f, "{separator}{name}")?;
                separator = "|";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_the_file_format() {
        for (bit, (flag, name)) in Flags::NAMES.into_iter().enumerate() {
            assert_eq!(flag, Flags(1 << bit), "{name}");
        }
        assert_eq!(
            (Flags::EDGE | Flags::SATURATED | Flags::NOT_ROUND).to_string(),
            "edge|saturated|not_round"
        );
    }
}
