//! MagTrack's options under MagTrack's names.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// What the centre of mass takes off each pixel before it takes the magnitude.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    /// Nothing, and no magnitude either.
    None,
    /// The mean of the ROI.
    Mean,
    /// The median of the ROI.
    Median,
}

impl Background {
    const NAMES: [(Self, &'static str); 3] =
        [(Self::None, "none"), (Self::Mean, "mean"), (Self::Median, "median")];
}

/// MagTrack's options. The defaults are MagTrack's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// `center_of_mass.background`. Default median.
    pub background: Background,
    /// `n auto_conv_multiline_sub_pixel`: passes of the averaged auto-convolution, 1 to 1000. Default 5.
    pub multiline_passes: usize,
    /// `auto_conv_multiline_sub_pixel.line_ratio`: lines averaged, as a part of the ROI, 0 to 1. Default 0.1.
    pub line_ratio: f64,
    /// `auto_conv_multiline_sub_pixel.n_local`: points of the parabola, odd, 3 to the ROI less 2. Default 5.
    pub multiline_n_local: usize,
    /// `use fft_profile`: the FFT profile instead of the radial one. Default no.
    pub use_fft_profile: bool,
    /// `fft_profile.oversample`: bins per frequency step, 1 to 64. Default 4.
    pub fft_oversample: usize,
    /// `fft_profile.rmin`: where the profile starts, as a part of half the ROI, 0 to 2. Default 0.
    pub fft_rmin: f64,
    /// `fft_profile.rmax`: where it ends, 0 to 2, above `rmin`. Default 0.5.
    pub fft_rmax: f64,
    /// `fft_profile.gaus_factor`: the ROI over the standard deviation of the Gaussian, above 0, to 1000. Default 6.
    pub fft_gaus_factor: f64,
    /// `radial_profile.oversample`: bins per px, 1 to 64. Default 1.
    pub radial_oversample: usize,
    /// `lookup_z.n_local`: planes of the parabola, odd, 3 to 1001. Default 7.
    pub lookup_n_local: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            background: Background::Median,
            multiline_passes: 5,
            line_ratio: 0.1,
            multiline_n_local: 5,
            use_fft_profile: false,
            fft_oversample: 4,
            fft_rmin: 0.0,
            fft_rmax: 0.5,
            fft_gaus_factor: 6.0,
            radial_oversample: 1,
            lookup_n_local: 7,
        }
    }
}

/// Why an option cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OptionError {
    /// No such option.
    #[error("MagTrack has no option {key:?}; it has {}", KEYS.join(", "))]
    Unknown {
        /// The name asked for.
        key: String,
    },
    /// The value is of another kind or outside its range.
    #[error("{key} = {value} is out of range: {allowed}")]
    Range {
        /// MagTrack's name of the option.
        key: &'static str,
        /// The value asked for.
        value: String,
        /// The values it may have.
        allowed: &'static str,
    },
    /// More points than such an ROI has.
    #[error("{MULTILINE_N_LOCAL} = {n_local} is too much for a ROI of {roi_px} px: at most {}", roi_px.saturating_sub(2))]
    Points {
        /// Points asked for.
        n_local: usize,
        /// Side of the ROI, px.
        roi_px: usize,
    },
    /// Hardly any bins between the radii.
    #[error("{setting} leaves {bins} bins in the profile of a ROI of {roi_px} px; {MIN_BINS} are needed")]
    TooFewBins {
        /// Bins left.
        bins: usize,
        /// Side of the ROI, px.
        roi_px: usize,
        /// The options that decide.
        setting: String,
    },
    /// The Z-LUT holds other profiles.
    #[error(
        "the profiles of the Z-LUT have {zlut_bins} bins, those of a ROI of {roi_px} px with {setting} have {bins}; use the ROI and options that the Z-LUT was made with, or another Z-LUT"
    )]
    Bins {
        /// Bins of the Z-LUT.
        zlut_bins: usize,
        /// Bins of the profile.
        bins: usize,
        /// Side of the ROI, px.
        roi_px: usize,
        /// The options that decide.
        setting: String,
    },
}

const BACKGROUND: &str = "center_of_mass.background";
const MULTILINE_PASSES: &str = "n auto_conv_multiline_sub_pixel";
const LINE_RATIO: &str = "auto_conv_multiline_sub_pixel.line_ratio";
const MULTILINE_N_LOCAL: &str = "auto_conv_multiline_sub_pixel.n_local";
const USE_FFT: &str = "use fft_profile";
const FFT_OVERSAMPLE: &str = "fft_profile.oversample";
const FFT_RMIN: &str = "fft_profile.rmin";
const FFT_RMAX: &str = "fft_profile.rmax";
const FFT_GAUS_FACTOR: &str = "fft_profile.gaus_factor";
const RADIAL_OVERSAMPLE: &str = "radial_profile.oversample";
const LOOKUP_N_LOCAL: &str = "lookup_z.n_local";

/// MagTrack's names, in the order of its pipeline.
pub const KEYS: [&str; 11] = [
    BACKGROUND,
    MULTILINE_PASSES,
    LINE_RATIO,
    MULTILINE_N_LOCAL,
    USE_FFT,
    FFT_OVERSAMPLE,
    FFT_RMIN,
    FFT_RMAX,
    FFT_GAUS_FACTOR,
    RADIAL_OVERSAMPLE,
    LOOKUP_N_LOCAL,
];

/// Bin 0 is not looked up, and two values always correlate.
const MIN_BINS: usize = 4;

/// What an option can hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A word.
    Word(&'static str),
    /// A whole number.
    Count(usize),
    /// A number.
    Number(f64),
    /// Yes or no.
    Switch(bool),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Count(count) => write!(f, "{count}"),
            Self::Number(number) => write!(f, "{number:?}"),
            Self::Switch(on) => write!(f, "{on}"),
        }
    }
}

impl Options {
    /// Sets the option that MagTrack calls `key` from text. An even number of points becomes the next odd one.
    ///
    /// # Errors
    /// If there is no such option, or the value is not in its range.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), OptionError> {
        let value = value.trim();
        let Some(key) = KEYS.into_iter().find(|known| *known == key.trim()) else {
            return Err(OptionError::Unknown { key: key.to_owned() });
        };
        match key {
            BACKGROUND => {
                let found = Background::NAMES.iter().find(|(_, name)| *name == value);
                self.background =
                    found.map(|(background, _)| *background).ok_or_else(|| out_of(key, value))?;
            }
            MULTILINE_PASSES => self.multiline_passes = parse(key, value)?,
            LINE_RATIO => self.line_ratio = parse(key, value)?,
            MULTILINE_N_LOCAL => self.multiline_n_local = parse_points(key, value)?,
            USE_FFT => {
                self.use_fft_profile = match value.to_ascii_lowercase().as_str() {
                    "true" | "1" | "yes" => true,
                    "false" | "0" | "no" => false,
                    _ => return Err(out_of(key, value)),
                }
            }
            FFT_OVERSAMPLE => self.fft_oversample = parse(key, value)?,
            FFT_RMIN => self.fft_rmin = parse(key, value)?,
            FFT_RMAX => self.fft_rmax = parse(key, value)?,
            FFT_GAUS_FACTOR => self.fft_gaus_factor = parse(key, value)?,
            RADIAL_OVERSAMPLE => self.radial_oversample = parse(key, value)?,
            _ => self.lookup_n_local = parse_points(key, value)?,
        }
        self.check()
    }

    /// Every option with MagTrack's name for it.
    pub fn entries(&self) -> [(&'static str, Value); KEYS.len()] {
        let background = Background::NAMES.iter().find(|(background, _)| *background == self.background);
        [
            (BACKGROUND, Value::Word(background.map_or("", |(_, name)| name))),
            (MULTILINE_PASSES, Value::Count(self.multiline_passes)),
            (LINE_RATIO, Value::Number(self.line_ratio)),
            (MULTILINE_N_LOCAL, Value::Count(self.multiline_n_local)),
            (USE_FFT, Value::Switch(self.use_fft_profile)),
            (FFT_OVERSAMPLE, Value::Count(self.fft_oversample)),
            (FFT_RMIN, Value::Number(self.fft_rmin)),
            (FFT_RMAX, Value::Number(self.fft_rmax)),
            (FFT_GAUS_FACTOR, Value::Number(self.fft_gaus_factor)),
            (RADIAL_OVERSAMPLE, Value::Count(self.radial_oversample)),
            (LOOKUP_N_LOCAL, Value::Count(self.lookup_n_local)),
        ]
    }

    /// Whether every option is in its range.
    fn check(&self) -> Result<(), OptionError> {
        for (key, value) in self.entries() {
            let (low, high) = range(key).into_inner();
            let inside = match value {
                Value::Count(count) => (low..=high).contains(&(count as f64)),
                Value::Number(number) => (low..=high).contains(&number),
                Value::Word(_) | Value::Switch(_) => true,
            };
            let odd = !matches!(key, MULTILINE_N_LOCAL | LOOKUP_N_LOCAL)
                || matches!(value, Value::Count(count) if count % 2 == 1);
            if !inside || !odd {
                return Err(out_of(key, &value.to_string()));
            }
        }
        Ok(())
    }

    /// Whether these options leave something to measure in ROIs of `roi_px`.
    pub(super) fn check_for_roi(&self, roi_px: usize) -> Result<(), OptionError> {
        self.check()?;
        if self.multiline_n_local + 2 > roi_px {
            return Err(OptionError::Points { n_local: self.multiline_n_local, roi_px });
        }
        let bins = if self.use_fft_profile {
            let (first, end) = self.fft_bins(roi_px);
            end.saturating_sub(first)
        } else {
            (roi_px / 2) * self.radial_oversample
        };
        if bins < MIN_BINS {
            return Err(OptionError::TooFewBins { bins, roi_px, setting: self.profile_setting() });
        }
        Ok(())
    }

    /// The first bin of the FFT profile, and the one after its last.
    pub(super) fn fft_bins(&self, roi_px: usize) -> (usize, usize) {
        let bin_at = |part: f64| {
            let bins = (roi_px / 2) as f64 * part * self.fft_oversample as f64;
            bins.round_ties_even() as usize
        };
        (bin_at(self.fft_rmin), bin_at(self.fft_rmax))
    }

    /// The options that decide how long a profile is.
    pub(super) fn profile_setting(&self) -> String {
        if self.use_fft_profile {
            let Self { fft_oversample, fft_rmin, fft_rmax, .. } = self;
            format!(
                "{FFT_OVERSAMPLE} = {fft_oversample}, {FFT_RMIN} = {fft_rmin} and {FFT_RMAX} = {fft_rmax}"
            )
        } else {
            format!("{RADIAL_OVERSAMPLE} = {}", self.radial_oversample)
        }
    }
}

fn parse<T: FromStr>(key: &'static str, value: &str) -> Result<T, OptionError> {
    value.parse().map_err(|_| out_of(key, value))
}

/// An even number of points has no middle: it becomes the next odd one.
fn parse_points(key: &'static str, value: &str) -> Result<usize, OptionError> {
    let points: usize = parse(key, value)?;
    if points < 3 { Err(out_of(key, value)) } else { Ok(points | 1) }
}

fn out_of(key: &'static str, value: &str) -> OptionError {
    OptionError::Range { key, value: value.to_owned(), allowed: allowed(key) }
}

fn range(key: &str) -> RangeInclusive<f64> {
    match key {
        MULTILINE_PASSES => 1.0..=1000.0,
        LINE_RATIO => 0.0..=1.0,
        MULTILINE_N_LOCAL | LOOKUP_N_LOCAL => 3.0..=1001.0,
        FFT_OVERSAMPLE | RADIAL_OVERSAMPLE => 1.0..=64.0,
        FFT_RMIN | FFT_RMAX => 0.0..=2.0,
        FFT_GAUS_FACTOR => f64::MIN_POSITIVE..=1000.0,
        _ => f64::NEG_INFINITY..=f64::INFINITY,
    }
}

/// The values that the option `key` may have, in words. Where MagTrack has no upper end, ours is where it fails (lines
/// beyond the ROI, its 16-bit bin numbers) or long past all use.
pub fn allowed(key: &str) -> &'static str {
    match key {
        BACKGROUND => "none, mean or median",
        MULTILINE_PASSES => "a whole number, 1 to 1000",
        LINE_RATIO => "0 to 1",
        MULTILINE_N_LOCAL | LOOKUP_N_LOCAL => "an odd number, 3 to 1001",
        USE_FFT => "true or false",
        FFT_OVERSAMPLE | RADIAL_OVERSAMPLE => "a whole number, 1 to 64",
        FFT_RMIN | FFT_RMAX => "0 to 2",
        _ => "above 0, to 1000",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_set_by_its_name_and_told_by_it() {
        let wanted = ["mean", "7", "0.25", "9", "true", "3", "0.125", "0.75", "4.5", "2", "11"];
        let mut options = Options::default();
        for (key, value) in KEYS.iter().zip(wanted) {
            options.set(key, value).unwrap();
        }
        assert_eq!(options.entries().map(|(key, _)| key), KEYS);
        assert_eq!(options.entries().map(|(_, value)| value.to_string()), wanted);
    }

    #[test]
    fn an_even_number_of_points_becomes_odd() {
        let mut options = Options::default();
        options.set("lookup_z.n_local", "4").unwrap();
        options.set("auto_conv_multiline_sub_pixel.n_local", " 8 ").unwrap();
        assert_eq!((options.lookup_n_local, options.multiline_n_local), (5, 9));
        assert!(Options { lookup_n_local: 4, ..options }.check().is_err());
    }

    #[test]
    fn what_is_out_of_range_is_named_with_its_range() {
        let refused = |key, value| Options::default().set(key, value).unwrap_err().to_string();
        assert_eq!(
            refused("fft_profile.gaus_factor", "0"),
            "fft_profile.gaus_factor = 0.0 is out of range: above 0, to 1000"
        );
        assert_eq!(
            refused("center_of_mass.background", "mode"),
            "center_of_mass.background = mode is out of range: none, mean or median"
        );
        assert!(refused("n_local", "5").starts_with("MagTrack has no option \"n_local\"; it has center_of"));
        for (key, value) in [
            ("n auto_conv_multiline_sub_pixel", "0"),
            ("n auto_conv_multiline_sub_pixel", "2.5"),
            ("auto_conv_multiline_sub_pixel.line_ratio", "-0.1"),
            ("auto_conv_multiline_sub_pixel.line_ratio", "nan"),
            ("auto_conv_multiline_sub_pixel.n_local", "2"),
            ("use fft_profile", "maybe"),
            ("fft_profile.oversample", "0"),
            ("fft_profile.rmin", "-1"),
            ("fft_profile.rmax", "inf"),
            ("radial_profile.oversample", "-1"),
            ("lookup_z.n_local", "2000"),
        ] {
            let said = refused(key, value);
            assert!(said.starts_with(key) && said.contains("is out of range: "), "{said}");
        }
    }

    #[test]
    fn options_that_leave_nothing_are_refused_for_the_roi() {
        let options = Options { multiline_n_local: 7, ..Options::default() };
        assert_eq!(options.check_for_roi(8), Err(OptionError::Points { n_local: 7, roi_px: 8 }));
        let options = Options { use_fft_profile: true, fft_rmin: 0.5, ..Options::default() };
        let said = options.check_for_roi(64).unwrap_err().to_string();
        assert!(said.contains("rmin = 0.5 and fft_profile.rmax = 0.5 leaves 0 bins"), "{said}");
        assert_eq!(Options::default().check_for_roi(8), Ok(()));
    }
}
