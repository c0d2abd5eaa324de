//! The `[camera.settings]` table of the simulated camera.

use super::magnets::force_pn;
use crate::camera::{CameraError, PixelFormat};
use crate::cameras::simulated::Faults;

mod molecule;
mod motors;
mod sensor;
mod timing;

pub use molecule::{Molecule, MoleculeKind};
pub use motors::{Magnets, MotorSettings, Stage};
pub use sensor::Sensor;
pub use timing::Timing;

/// What the simulated microscope looks at. Every field may be left out of `rig.toml`; an unknown one is an error.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Beads in the field of view, reference beads included; 0 to 100 000, default 50.
    pub beads: usize,
    /// How many of them are stuck to the surface at z = 0; at most `beads`, default 3, or all if there are fewer.
    pub reference_beads: usize,
    /// Specks of dirt, at most 10 000, default 0. They lie anywhere, also over beads, and are not in the truth.
    pub debris: usize,
    /// Seed of everything random: the same settings and seed give the same truth and the same pixels. Default 1;
    /// at most 2^63 - 1, the largest number a TOML file can hold.
    pub seed: u64,
    /// Columns of the sensor, in px; 64 to 8192, default 1280.
    pub width_px: u32,
    /// Rows of the sensor, in px; 64 to 8192, default 1024.
    pub height_px: u32,
    /// Side of the square that each bead has for itself, in px; 16 to 512, default 64. Rings fade out between 1/2 and
    /// 5/8 of it, and beads are placed at least 5/4 of it apart.
    pub roi_px: u32,
    /// Bits of a pixel: 8, 10, 12 or 16, default 8.
    pub bits: u8,
    /// Size of one pixel in the sample plane, in nm; 20 to 1000, default 100.
    pub pixel_size_nm: f64,
    /// Mean radius of the beads, in nm; 100 to 3000, default 520 (a 1 µm magnetic bead).
    pub bead_radius_nm: f64,
    /// How much their radii differ (standard deviation over mean); 0 to 0.1, default 0. There are seven sizes then, each with images,
    /// weight, drag and force of its own.
    pub bead_radius_spread: f64,
    /// Refractive index of the beads, 1.33 (water) to 2.5, default 1.70: polystyrene with iron oxide. Picked by eye, not fitted: with the
    /// default settings the core is 0.38 to 0.03 of the background and the first ring 1.24 to 1.50, from z = 0 to 3000 nm. One measured
    /// bead (QTrk's sample image) has 0.21 and 1.32, of another size and at another focus.
    pub bead_index: f64,
    /// Its imaginary part; 0 to 1, default 0.05.
    pub bead_absorption: f64,
    /// Density of the beads, in g/cm³; 1 to 10, default 1.8 (MyOne).
    pub bead_density: f64,
    /// How much the force differs from bead to bead (standard deviation over mean); 0 to 0.3, default 0.1.
    pub magnetisation_spread: f64,
    /// Greatest distance of a bead's molecule from its lowest point, in nm; 0 to 1000, default 100. Turned magnets move such a bead on
    /// a circle.
    pub anchor_nm: f64,
    /// Tethered beads that tear off in an hour, each; 0 to 1000, default 0.
    pub detached_per_h: f64,
    /// Temperature of the water, in °C; 0 to 60, default 25.
    pub temperature_c: f64,
    /// Height of the focal plane above the surface, in nm, up to 20 000, default 4000. Beads stay at least 300 nm below
    /// it: around focus an image fits two heights.
    pub focus_nm: f64,
    /// Wavelength of the illumination in vacuum, in nm; 300 to 1100, default 625 (a red LED).
    pub wavelength_nm: f64,
    /// Numerical aperture of the objective; 0.3 to 1.3, default 1.2.
    pub numerical_aperture: f64,
    /// Numerical aperture of the illumination (standard deviation); 0 to 0.3, default 0.08. More means fewer rings.
    pub illumination_na: f64,
    /// Standard deviation of the wavelength over its mean; 0 to 0.1, default 0.02: 12 nm of 625 nm, assumed for an LED, not measured.
    pub bandwidth: f64,
    /// Grey level of the background, as a part of white; 0.1 to 0.6, default 0.5.
    pub background: f64,
    /// Photo-electrons in a pixel that is just white; 100 to 10 million, default 20 000. Fewer is noisier.
    pub photons_at_white: f64,
    /// Read noise (standard deviation), in electrons; 0 to 1000, default 7.
    pub read_noise_e: f64,
    /// What holds the tethered beads.
    pub molecule: Molecule,
    /// The force of the magnets.
    pub magnets: Magnets,
    /// Motors of magnets and focus.
    pub stage: Stage,
    /// What is wrong with light and sensor; by default nothing.
    pub sensor: Sensor,
    /// Drift of the stage in x, y and z at the start, in nm/s; -10 to 10, default [0.5, 0.3, 0.2]. It swings as a sine
    /// of 100 s / rad, so its amplitude is 100 s times this.
    pub drift_nm_per_s: [f64; 3],
    /// Random walk of the stage in x, y and z, in nm in a second; 0 to 10, default [0.2, 0.2, 0.2]. Over an hour it turns back.
    pub walk_nm_per_sqrt_s: [f64; 3],
    /// How much faster z drifts at the right and at the lower edge than in the middle, in nm/s; -10 to 10, default [0, 0]. It swings
    /// with the drift.
    pub tilt_nm_per_s: [f64; 2],
    /// Whether the recording gets the truth of every frame, in /beadscope/truth, default false: it takes as much room as the rows.
    pub record_truth: bool,
    /// What starts a frame, and how well its time is known.
    pub timing: Timing,
    /// Frames that the camera holds for a slow reader; 1 to 10 000, default 64. Frames beyond are lost.
    pub buffer_frames: u32,
    /// What goes wrong with the camera, default nothing.
    pub faults: Faults,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            beads: 50,
            reference_beads: 3,
            debris: 0,
            seed: 1,
            width_px: 1280,
            height_px: 1024,
            roi_px: 64,
            bits: 8,
            pixel_size_nm: 100.0,
            bead_radius_nm: 520.0,
            bead_radius_spread: 0.0,
            bead_index: 1.70,
            bead_absorption: 0.05,
            bead_density: 1.8,
            magnetisation_spread: 0.1,
            anchor_nm: 100.0,
            detached_per_h: 0.0,
            temperature_c: 25.0,
            focus_nm: 4000.0,
            wavelength_nm: 625.0,
            numerical_aperture: 1.2,
            illumination_na: 0.08,
            bandwidth: 0.02,
            background: 0.5,
            photons_at_white: 20_000.0,
            read_noise_e: 7.0,
            molecule: Molecule::default(),
            magnets: Magnets::default(),
            stage: Stage::default(),
            sensor: Sensor::default(),
            drift_nm_per_s: [0.5, 0.3, 0.2],
            walk_nm_per_sqrt_s: [0.2; 3],
            tilt_nm_per_s: [0.0; 2],
            record_truth: false,
            timing: Timing::default(),
            buffer_frames: 64,
            faults: Faults::default(),
        }
    }
}

/// How far a random number is expected to be from its mean, in standard deviations: once in a billion draws further.
const MAX_SIGMAS: f64 = 6.0;
/// The random walk of the stage forgets in this time, in s.
pub(super) const WALK_TIME_S: f64 = 3600.0;
/// Period of the drift divided by 2π, in s.
pub(super) const DRIFT_TIME_S: f64 = 100.0;
/// The table of images reaches this much below and above the heights that beads can have, in nm.
const TABLE_MARGIN_NM: f64 = 200.0;
/// Nearer to focus than this, in nm, a bead's image no longer tells its height.
const FOCUS_MARGIN_NM: f64 = 300.0;

impl Settings {
    /// Heights and forces of the magnets, mm and pN, from one end of their way to the other.
    pub(crate) fn force_table(&self) -> Vec<[f64; 2]> {
        let [least, greatest] = self.stage.magnet_height.limits;
        let height = |row: u32| least + (greatest - least) * f64::from(row) / 400.0;
        let mut rows: Vec<[f64; 2]> =
            (0..=400).map(height).map(|height_mm| [height_mm, force_pn(&self.magnets, height_mm)]).collect();
        // Beyond the ends of a measured curve the force stays, and no height belongs to it.
        rows.dedup_by(|next, before| next[1] >= before[1]);
        rows
    }

    /// Reads the settings table and checks every value.
    ///
    /// # Errors
    /// [`CameraError::Settings`] if a field is unknown, of the wrong type or out of range; it names the field.
    pub fn from_table(table: &toml::Table) -> Result<Self, CameraError> {
        let mut settings: Self = table
            .clone()
            .try_into()
            .map_err(|error: toml::de::Error| CameraError::Settings(first_line(&error)))?;
        if !table.contains_key("reference_beads") {
            settings.reference_beads = Self::with_beads(settings.beads).reference_beads;
        }
        settings.check()?;
        Ok(settings)
    }

    /// The defaults with so many beads, of which no more are reference beads than there are.
    pub fn with_beads(beads: usize) -> Self {
        let defaults = Self::default();
        Self { beads, reference_beads: defaults.reference_beads.min(beads), ..defaults }
    }

    /// Checks every value against its range.
    ///
    /// # Errors
    /// [`CameraError::Settings`] that names the first field out of range, and its range.
    pub fn check(&self) -> Result<(), CameraError> {
        in_range("beads", self.beads as f64, 0.0, 100_000.0)?;
        in_range("reference_beads", self.reference_beads as f64, 0.0, self.beads as f64)?;
        in_range("debris", self.debris as f64, 0.0, 10_000.0)?;
        in_range("width_px", f64::from(self.width_px), 64.0, 8192.0)?;
        in_range("height_px", f64::from(self.height_px), 64.0, 8192.0)?;
        in_range("roi_px", f64::from(self.roi_px), 16.0, 512.0)?;
        if self.pixel_format().is_none() {
            return Err(CameraError::Settings(format!("bits = {} must be 8, 10, 12 or 16", self.bits)));
        }
        in_range("pixel_size_nm", self.pixel_size_nm, 20.0, 1000.0)?;
        in_range("bead_radius_nm", self.bead_radius_nm, 100.0, 3000.0)?;
        in_range("bead_radius_spread", self.bead_radius_spread, 0.0, 0.1)?;
        in_range("bead_index", self.bead_index, 1.33, 2.5)?;
        in_range("bead_absorption", self.bead_absorption, 0.0, 1.0)?;
        in_range("bandwidth", self.bandwidth, 0.0, 0.1)?;
        in_range("bead_density", self.bead_density, 1.0, 10.0)?;
        in_range("magnetisation_spread", self.magnetisation_spread, 0.0, 0.3)?;
        in_range("anchor_nm", self.anchor_nm, 0.0, 1000.0)?;
        in_range("detached_per_h", self.detached_per_h, 0.0, 1000.0)?;
        in_range("temperature_c", self.temperature_c, 0.0, 60.0)?;
        in_range("focus_nm", self.focus_nm, 0.0, 20_000.0)?;
        in_range("wavelength_nm", self.wavelength_nm, 300.0, 1100.0)?;
        in_range("numerical_aperture", self.numerical_aperture, 0.3, 1.3)?;
        in_range("illumination_na", self.illumination_na, 0.0, 0.3)?;
        in_range("background", self.background, 0.1, 0.6)?;
        in_range("photons_at_white", self.photons_at_white, 100.0, 1e7)?;
        in_range("read_noise_e", self.read_noise_e, 0.0, 1000.0)?;
        for speed in self.drift_nm_per_s {
            in_range("drift_nm_per_s", speed, -10.0, 10.0)?;
        }
        for step in self.walk_nm_per_sqrt_s {
            in_range("walk_nm_per_sqrt_s", step, 0.0, 10.0)?;
        }
        for speed in self.tilt_nm_per_s {
            in_range("tilt_nm_per_s", speed, -10.0, 10.0)?;
        }
        self.molecule.check()?;
        self.magnets.check()?;
        self.stage.check()?;
        self.sensor.check()?;
        self.timing.check()?;
        in_range("buffer_frames", f64::from(self.buffer_frames), 1.0, 10_000.0)?;
        self.faults.check()?;
        self.check_heights()
    }

    /// The lowest and highest height that the table of images covers, in nm.
    pub fn table_range_nm(&self) -> [f64; 2] {
        let [lowest, highest] = self.reach_nm();
        [lowest - TABLE_MARGIN_NM, highest + TABLE_MARGIN_NM]
    }

    /// The radii that beads have, in nm, each as often as any other; the first is the mean.
    pub(super) fn radii_nm(&self) -> Vec<f64> {
        /// Quantiles of a normal distribution at 1/14, 3/14 … 13/14, over their standard deviation.
        const SIZES: [f64; 7] = [0.0, -1.608, -0.869, -0.402, 0.402, 0.869, 1.608];
        let sizes = if self.bead_radius_spread > 0.0 { &SIZES[..] } else { &SIZES[..1] };
        sizes.iter().map(|size| self.bead_radius_nm * (1.0 + size * self.bead_radius_spread)).collect()
    }

    /// The pixel format that `bits` stands for.
    pub fn pixel_format(&self) -> Option<PixelFormat> {
        match self.bits {
            8 => Some(PixelFormat::Mono8),
            10 => Some(PixelFormat::Mono10),
            12 => Some(PixelFormat::Mono12),
            16 => Some(PixelFormat::Mono16),
            _ => None,
        }
    }

    /// The heights that a bead can have in an image, in nm: on its molecule, with the drift, seen from each place of the focus.
    fn reach_nm(&self) -> [f64; 2] {
        let tilt = self.tilt_nm_per_s.iter().map(|speed| speed.abs()).sum::<f64>();
        let drift = (self.drift_nm_per_s[2].abs() + tilt) * DRIFT_TIME_S
            + MAX_SIGMAS * self.walk_nm_per_sqrt_s[2] * (WALK_TIME_S / 2.0).sqrt();
        let [lowest, highest] = self.stage.focus.limits;
        let largest = self.radii_nm().into_iter().fold(self.bead_radius_nm, f64::max) / self.bead_radius_nm;
        let strongest = (1.0 + 4.0 * self.magnetisation_spread) * largest.powi(3);
        let force_pn = strongest * self.magnets.strongest_pn();
        [-drift - highest.max(0.0), self.molecule.longest_nm(force_pn) + drift - lowest.min(0.0)]
    }

    fn check_heights(&self) -> Result<(), CameraError> {
        let limit = self.focus_nm - FOCUS_MARGIN_NM;
        let highest = self.table_range_nm()[1];
        if highest > limit {
            return Err(CameraError::Settings(format!(
                "beads reach up to {highest:.0} nm with drift, travel of the focus and margin, but focus_nm allows {limit:.0}; raise \
                 focus_nm, or shorten the molecule or stage.focus.limits"
            )));
        }
        Ok(())
    }
}

pub(crate) fn in_range(name: &str, value: f64, least: f64, greatest: f64) -> Result<(), CameraError> {
    // Written so that NaN fails.
    if value >= least && value <= greatest {
        return Ok(());
    }
    Err(CameraError::Settings(format!("{name} = {value} must be between {least} and {greatest}")))
}

fn in_order(name: &str, [low, high]: [f64; 2], least: f64, greatest: f64) -> Result<(), CameraError> {
    in_range(name, low, least, greatest)?;
    in_range(name, high, least, greatest)?;
    if low <= high {
        return Ok(());
    }
    Err(CameraError::Settings(format!("{name} = [{low}, {high}] must be [smaller, larger]")))
}

fn first_line(error: &toml::de::Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(text: &str) -> String {
        Settings::from_table(&text.parse().unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_table_means_the_defaults() {
        assert_eq!(Settings::from_table(&toml::Table::new()).unwrap(), Settings::default());
    }

    #[test]
    fn few_beads_are_all_reference_beads_unless_said_otherwise() {
        let settings = |text: &str| Settings::from_table(&text.parse().unwrap()).unwrap();
        assert_eq!(settings("beads = 2").reference_beads, 2);
        assert_eq!(settings("beads = 4").reference_beads, 3);
        assert_eq!(settings("beads = 2\nreference_beads = 0").reference_beads, 0);
    }

    #[test]
    fn every_mistake_names_its_field_in_one_line() {
        for (text, word) in [
            ("bead = 3", "bead"),
            ("beads = -1", "-1"),
            ("beads = 2\nreference_beads = 3", "reference_beads"),
            ("bits = 9", "bits"),
            ("pixel_size_nm = nan", "pixel_size_nm"),
            ("molecule.length_bp = 100", "molecule.length_bp"),
            ("molecule.double_share = 0.95", "molecule.double_share"),
            ("molecule.kind = 'rna'", "rna"),
            ("molecule.kind = 'stepping'\nmolecule.step_nm = -100.0", "shorten"),
            ("magnets.decay_mm = [2.0, 1.0]", "magnets.decay_mm"),
            ("magnets.table = [[1.0, 5.0]]", "rows of magnets.table"),
            ("magnets.table = [[1.0, 5.0], [1.0, 4.0]]", "heights must rise"),
            ("magnets.table = [[1.0, 5.0], [2.0, 0.0]]", "force in magnets.table"),
            ("bead_radius_spread = 0.2", "bead_radius_spread"),
            ("timing.trigger_hz = 1e6", "timing.trigger_hz"),
            ("focus_nm = 2000.0", "focus_nm"),
            ("drift_nm_per_s = [0.0, 0.0, 1000.0]", "drift_nm_per_s"),
            ("stage.focus.start = 1.0", "limits"),
        ] {
            let message = error_of(text);
            assert!(message.contains(word) && !message.contains('\n'), "{text}: {message}");
        }
    }
}
