//! The `[camera.settings]` table of the simulated camera.

use super::chain::Chain;
use crate::camera::{CameraError, PixelFormat};
use crate::cameras::simulated::Faults;

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
    /// Radius of each bead, in nm; 100 to 3000, default 520 (a 1 µm magnetic bead).
    pub bead_radius_nm: f64,
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
        in_range("buffer_frames", f64::from(self.buffer_frames), 1.0, 10_000.0)?;
        self.faults.check()?;
        self.check_heights()
    }

    /// The lowest and highest height that the table of images covers, in nm.
    pub fn table_range_nm(&self) -> [f64; 2] {
        let [lowest, highest] = self.reach_nm();
        [lowest - TABLE_MARGIN_NM, highest + TABLE_MARGIN_NM]
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
        let strongest = 1.0 + 4.0 * self.magnetisation_spread;
        let force_pn = strongest * (self.magnets.greatest_pn + self.magnets.least_pn);
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

/// What holds a tethered bead: the `[camera.settings.molecule]` table.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Molecule {
    /// `dna` (default), or with a `hairpin` or a `stepping` motor in it. Twist matters to `dna` alone.
    pub kind: MoleculeKind,
    /// Base pairs; 300 to 50 000, default 5000, which are 1700 nm.
    pub length_bp: u32,
    /// Persistence length, in nm; 1 to 200, default 45 (in 10 mM salt and more).
    pub persistence_nm: f64,
    /// Stretch modulus, in pN; 100 to 10 000, default 1000.
    pub stretch_pn: f64,
    /// Share of tethers that do not feel twist; 0 to 1, default 0.1.
    pub nicked_share: f64,
    /// Share of beads on two molecules; 0 to 1, default 0.05.
    pub double_share: f64,
    /// How far apart two such molecules are held, in nm; 0 to 1000, default 500.
    pub double_apart_nm: f64,
    /// What an unfolded hairpin adds, in nm; 1 to 200, default 18 (some 20 base pairs).
    pub hairpin_nm: f64,
    /// Force at which it is unfolded half of the time, in pN; 0.1 to 50, default 8.
    pub hairpin_pn: f64,
    /// How often it unfolds, and folds, at that force, in Hz; 0.001 to 10 000, default 1.
    pub hairpin_hz: f64,
    /// What a step adds, in nm; -100 to 100, default 10.
    pub step_nm: f64,
    /// Steps until the motor falls off and all is as at the beginning; 1 to 10 000, default 20.
    pub steps: u32,
    /// Steps in a second; 0.001 to 1000, default 0.5.
    pub steps_hz: f64,
}

/// What is between a bead and the surface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MoleculeKind {
    /// DNA that feels twist.
    #[default]
    Dna,
    /// DNA that does not.
    Nicked,
    /// Two of them.
    Double,
    /// DNA with a hairpin that unfolds and folds.
    Hairpin,
    /// DNA with a motor that lengthens it step by step.
    Stepping,
}

impl Default for Molecule {
    fn default() -> Self {
        Self {
            kind: MoleculeKind::Dna,
            length_bp: 5000,
            persistence_nm: 45.0,
            stretch_pn: 1000.0,
            nicked_share: 0.1,
            double_share: 0.05,
            double_apart_nm: 500.0,
            hairpin_nm: 18.0,
            hairpin_pn: 8.0,
            hairpin_hz: 1.0,
            step_nm: 10.0,
            steps: 20,
            steps_hz: 0.5,
        }
    }
}

impl Molecule {
    /// Its elasticity, with this thermal energy in pN nm. A base pair of B-DNA is 0.34 nm.
    pub(crate) fn chain(&self, kt: f64) -> Chain {
        let contour_nm = 0.34 * f64::from(self.length_bp);
        Chain { contour_nm, persistence_nm: self.persistence_nm, stretch_pn: self.stretch_pn, kt }
    }

    /// Its length under a force, pN, with all that is folded or stepped, nm.
    fn longest_nm(&self, force_pn: f64) -> f64 {
        let added = match self.kind {
            MoleculeKind::Hairpin => self.hairpin_nm,
            MoleculeKind::Stepping => (self.step_nm * f64::from(self.steps)).max(0.0),
            _ => 0.0,
        };
        // Straight, and stretched.
        (1.0 + force_pn / self.stretch_pn) * 0.34 * f64::from(self.length_bp) + added
    }

    fn check(&self) -> Result<(), CameraError> {
        in_range("molecule.length_bp", f64::from(self.length_bp), 300.0, 50_000.0)?;
        in_range("molecule.persistence_nm", self.persistence_nm, 1.0, 200.0)?;
        in_range("molecule.stretch_pn", self.stretch_pn, 100.0, 10_000.0)?;
        in_range("molecule.nicked_share", self.nicked_share, 0.0, 1.0)?;
        // Together they are all at most; 0.9 and 0.1 are a little more, as computers add.
        in_range("molecule.double_share", self.double_share, 0.0, 1.0 - self.nicked_share + 1e-9)?;
        in_range("molecule.double_apart_nm", self.double_apart_nm, 0.0, 1000.0)?;
        in_range("molecule.hairpin_nm", self.hairpin_nm, 1.0, 200.0)?;
        in_range("molecule.hairpin_pn", self.hairpin_pn, 0.1, 50.0)?;
        in_range("molecule.hairpin_hz", self.hairpin_hz, 0.001, 10_000.0)?;
        in_range("molecule.step_nm", self.step_nm, -100.0, 100.0)?;
        in_range("molecule.steps", f64::from(self.steps), 1.0, 10_000.0)?;
        let shortened_nm = -self.step_nm * f64::from(self.steps);
        let most_nm = 0.5 * 0.34 * f64::from(self.length_bp);
        if shortened_nm > most_nm {
            return Err(CameraError::Settings(format!(
                "molecule.step_nm times molecule.steps shorten the molecule by {shortened_nm} nm; at most half of it is possible, {most_nm} nm"
            )));
        }
        in_range("molecule.steps_hz", self.steps_hz, 0.001, 1000.0)
    }
}

/// The force of the magnets against their height h: `greatest_pn` (`near_share` e^(-h / `decay_mm[0]`) + the rest e^(-h /
/// `decay_mm[1]`)) + `least_pn`. The `[camera.settings.magnets]` table; by default the fit that the van Noort lab uses (PyTweezers).
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Magnets {
    /// Force at height 0, in pN; 0 to 1000, default 85.
    pub greatest_pn: f64,
    /// Force that remains far away, in pN; 0 to 10, default 0.02.
    pub least_pn: f64,
    /// Share of the force that decays sooner; 0 to 1, default 0.3.
    pub near_share: f64,
    /// The shorter and the longer decay, in mm; 0.01 to 100, default [0.8, 1.4].
    pub decay_mm: [f64; 2],
}

impl Default for Magnets {
    fn default() -> Self {
        Self { greatest_pn: 85.0, least_pn: 0.02, near_share: 0.3, decay_mm: [0.8, 1.4] }
    }
}

impl Magnets {
    fn check(&self) -> Result<(), CameraError> {
        in_range("magnets.greatest_pn", self.greatest_pn, 0.0, 1000.0)?;
        in_range("magnets.least_pn", self.least_pn, 0.0, 10.0)?;
        in_range("magnets.near_share", self.near_share, 0.0, 1.0)?;
        in_order("magnets.decay_mm", self.decay_mm, 0.01, 100.0)
    }
}

/// What is wrong with light and sensor: the `[camera.settings.sensor]` table. All are 0 by default but `flicker_hz`; with any of the
/// first seven, each frame takes longer to draw.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sensor {
    /// How much darker the corners are than the middle, as a share; 0 to 0.9.
    pub vignetting: f64,
    /// How much brighter the right and the lower edge are than the middle, as a share; -0.5 to 0.5.
    pub gradient: [f64; 2],
    /// How much pixels differ in their response (standard deviation over mean); 0 to 0.2.
    pub response_spread: f64,
    /// What pixels read in the dark, as a share of white; 0 to 0.3.
    pub offset: f64,
    /// How much they differ in that (standard deviation), as a share of white; 0 to 0.1.
    pub offset_spread: f64,
    /// Pixels that read 0.4 of white more than they should; 0 to 100 000.
    pub hot_pixels: u32,
    /// Specks of dust on the sensor, which keep light away and do not move; 0 to 1000.
    pub dust: u32,
    /// Ripple of the lamp (amplitude over mean); 0 to 0.5.
    pub flicker: f64,
    /// Its frequency, in Hz; 0.01 to 10 000, default 100 (mains of 50 Hz).
    pub flicker_hz: f64,
}

impl Default for Sensor {
    fn default() -> Self {
        Self {
            vignetting: 0.0,
            gradient: [0.0; 2],
            response_spread: 0.0,
            offset: 0.0,
            offset_spread: 0.0,
            hot_pixels: 0,
            dust: 0,
            flicker: 0.0,
            flicker_hz: 100.0,
        }
    }
}

impl Sensor {
    fn check(&self) -> Result<(), CameraError> {
        in_range("sensor.vignetting", self.vignetting, 0.0, 0.9)?;
        for slope in self.gradient {
            in_range("sensor.gradient", slope, -0.5, 0.5)?;
        }
        in_range("sensor.response_spread", self.response_spread, 0.0, 0.2)?;
        in_range("sensor.offset", self.offset, 0.0, 0.3)?;
        in_range("sensor.offset_spread", self.offset_spread, 0.0, 0.1)?;
        in_range("sensor.hot_pixels", f64::from(self.hot_pixels), 0.0, 100_000.0)?;
        in_range("sensor.dust", f64::from(self.dust), 0.0, 1000.0)?;
        in_range("sensor.flicker", self.flicker, 0.0, 0.5)?;
        in_range("sensor.flicker_hz", self.flicker_hz, 0.01, 10_000.0)
    }
}

/// The motors: the `[camera.settings.stage]` table.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stage {
    /// Height of the magnets above the sample, in mm. By default it starts at 3.5 (5.2 pN), goes from 0 to 20 at 5 mm/s and 25 mm/s²,
    /// with 2 µm of play and 5 ms of lag.
    pub magnet_height: MotorSettings,
    /// Turns of the magnets. By default it starts at 0, goes from -500 to 500 at 2 turns/s and 20 turns/s².
    pub magnet_turns: MotorSettings,
    /// The focal plane over `focus_nm`, in nm. By default it starts at 0, goes from -1000 to 1000 at 100 000 nm/s, with 3 ms of lag.
    pub focus: MotorSettings,
}

impl Default for Stage {
    fn default() -> Self {
        let motor = |start, limits, speed, acceleration, play, lag_s| MotorSettings {
            start,
            limits,
            speed,
            acceleration,
            play,
            lag_s,
        };
        Self {
            magnet_height: motor(3.5, [0.0, 20.0], 5.0, 25.0, 0.002, 0.005),
            magnet_turns: motor(0.0, [-500.0, 500.0], 2.0, 20.0, 0.0, 0.0),
            focus: motor(0.0, [-1000.0, 1000.0], 1e5, 1e7, 0.0, 0.003),
        }
    }
}

impl Stage {
    fn check(&self) -> Result<(), CameraError> {
        self.magnet_height.check("stage.magnet_height", 0.0, 100.0)?;
        self.magnet_turns.check("stage.magnet_turns", -10_000.0, 10_000.0)?;
        self.focus.check("stage.focus", -10_000.0, 10_000.0)
    }
}

/// A motor, in the unit of its axis. All six must be given where one is.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MotorSettings {
    /// Where it is at first, within its limits.
    pub start: f64,
    /// How far it goes: least and greatest position.
    pub limits: [f64; 2],
    /// Its speed, in a second; above 0, up to 10 million.
    pub speed: f64,
    /// Its acceleration, in a second squared; above 0, up to a thousand million.
    pub acceleration: f64,
    /// Way that is lost when it turns back; 0 to 1000.
    pub play: f64,
    /// Time by which what it moves lags behind, in s; 0 to 10. After a move it settles in some of these.
    pub lag_s: f64,
}

impl MotorSettings {
    fn check(&self, name: &str, least: f64, greatest: f64) -> Result<(), CameraError> {
        in_order(&format!("{name}.limits"), self.limits, least, greatest)?;
        in_range(&format!("{name}.start"), self.start, self.limits[0], self.limits[1])?;
        in_range(&format!("{name}.speed"), self.speed, 1e-6, 1e7)?;
        in_range(&format!("{name}.acceleration"), self.acceleration, 1e-6, 1e9)?;
        in_range(&format!("{name}.play"), self.play, 0.0, 1000.0)?;
        in_range(&format!("{name}.lag_s"), self.lag_s, 0.0, 10.0)
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
            ("focus_nm = 2000.0", "focus_nm"),
            ("drift_nm_per_s = [0.0, 0.0, 1000.0]", "drift_nm_per_s"),
            ("stage.focus.start = 1.0", "limits"),
        ] {
            let message = error_of(text);
            assert!(message.contains(word) && !message.contains('\n'), "{text}: {message}");
        }
    }
}
