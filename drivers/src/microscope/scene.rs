//! The simulated sample: beads, where they truly are, and what the camera sees of them.

use std::sync::{Arc, Mutex, PoisonError};

use super::magnets;
use super::noise::{Noise, Rng};
use super::optics::RadialTable;
use super::placement::place;
use super::relax::Spring;
use super::render::{Patch, Renderer};
use super::sensor::{Pattern, flicker};
use super::settings::{DRIFT_TIME_S, MoleculeKind, Settings, WALK_TIME_S};
use super::stage::{Positions, Shared, Stage};
use super::tether::{Bead, Pull, Tether};
use super::water::Water;
use crate::camera::{CameraError, PixelFormat, SensorWindow};
use crate::sweep::FocusSweep;

/// Where a bead truly is, as the latest frame shows it: the mean over its exposure, stage drift included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BeadTruth {
    /// Number of the bead, from 0; reference beads come first.
    pub bead: u32,
    /// Column of its centre in the sensor, in px, pixel centres at integers; NaN if it has torn off.
    pub x_px: f64,
    /// Row of its centre in the sensor, in px; NaN if it has torn off.
    pub y_px: f64,
    /// Height that its image shows, in nm: above the surface, less the focus; NaN if it has torn off.
    pub z_nm: f64,
    /// Force on its molecule, in pN; 0 for a reference bead.
    pub force_pn: f64,
    /// State of its molecule: 1 if a hairpin is unfolded, or the steps done.
    pub state: u32,
    /// Whether it is stuck to the surface.
    pub is_reference: bool,
}

/// The longest time between two frames, in s: 11 days.
const MOST_S: f64 = 1e6;

/// Beads that move and a camera's view of them; the same settings and calls give the same truth and the same pixels.
///
/// It knows no clock: [`Scene::advance`] tells it how much time has passed.
#[derive(Debug)]
pub struct Scene {
    settings: Settings,
    /// Time since the beginning, in s.
    time_s: f64,
    exposure_s: f64,
    motion_rng: Rng,
    noise_rng: Rng,
    held: Vec<Held>,
    stage: Shared,
    /// Time that the stage has not been told of, s.
    untold_s: f64,
    /// Where the stage was at the last frame.
    positions: Positions,
    /// Where the random walk of the stage has come to, nm.
    walk_nm: [f64; 3],
    truth: Vec<BeadTruth>,
    debris: Vec<Patch>,
    renderer: Renderer,
}

/// Where one bead is held, and by what; `None` for one that is stuck.
#[derive(Debug)]
struct Held {
    mean_px: [f64; 2],
    /// Which of the sizes it has.
    size: usize,
    tether: Option<Tether>,
    has_torn_off: bool,
}

impl Scene {
    /// Places the beads and tabulates their images (about 0.1 s). The first frame is at time 0.
    ///
    /// # Errors
    /// [`CameraError::Settings`] if a value is out of range or the beads do not fit.
    pub fn new(settings: &Settings) -> Result<Self, CameraError> {
        settings.check()?;
        let mut motion_rng = Rng::new(settings.seed);
        let places = place(settings, &mut motion_rng)?;
        let mut stage = Stage::new(&settings.stage);
        let positions = stage.positions();
        let water = Water::at(settings.temperature_c);
        let pull = pull(settings, &positions);
        let radii_nm = settings.radii_nm();
        let held = (0..).zip(places).map(|(bead, mean_px)| {
            let size = if radii_nm.len() > 1 { motion_rng.below(radii_nm.len()) } else { 0 };
            let tether = bead >= settings.reference_beads;
            let tether = tether.then(|| tether_of(settings, radii_nm[size], water, pull, &mut motion_rng));
            Held { mean_px, size, tether, has_torn_off: false }
        });
        let held: Vec<Held> = held.collect();
        let tables = radii_nm
            .iter()
            .map(|radius_nm| RadialTable::new(&Settings { bead_radius_nm: *radius_nm, ..settings.clone() }));
        let tables = tables.collect();
        let debris = (0..settings.debris).map(|_| speck(settings, &mut motion_rng)).collect();
        let format = settings.pixel_format().unwrap_or(PixelFormat::Mono8);
        let window =
            SensorWindow { x_px: 0, y_px: 0, width_px: settings.width_px, height_px: settings.height_px };
        let patches = settings.beads + settings.debris;
        let renderer = Renderer::new(
            tables,
            Pattern::new(settings),
            noise_of(settings, format),
            settings.background,
            window,
            patches,
        );
        let mut scene = Self {
            settings: settings.clone(),
            time_s: 0.0,
            exposure_s: 0.0,
            motion_rng,
            // Its own stream, so that the truth does not depend on what was rendered.
            noise_rng: Rng::new(settings.seed ^ 0x5eed_0f00_15e0),
            truth: Vec::with_capacity(held.len()),
            held,
            stage: Arc::new(Mutex::new(stage)),
            untold_s: 0.0,
            positions,
            walk_nm: [0.0; 3],
            debris,
            renderer,
        };
        scene.advance(0.0);
        Ok(scene)
    }

    /// The settings it was made from.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Chooses what the camera reads out and how long it exposes. `exposure_s` blurs motion; 0 (default) does not.
    ///
    /// A window larger than the sensor is cut to the sensor's size. Allocates; not for the camera thread.
    pub fn set_readout(&mut self, window: SensorWindow, format: PixelFormat, exposure_s: f64) {
        self.exposure_s = exposure_s;
        self.stage.lock().unwrap_or_else(PoisonError::into_inner).begin();
        let width_px = window.width_px.clamp(1, self.settings.width_px);
        let height_px = window.height_px.clamp(1, self.settings.height_px);
        self.renderer.set_window(SensorWindow { width_px, height_px, ..window });
        if self.renderer.noise.format() != format {
            self.renderer.noise = noise_of(&self.settings, format);
        }
    }

    /// Lets `dt_s` pass, from 0 to 1e6 s; the truth is then that of a frame whose exposure ends now. Does not allocate, and waits for nobody.
    pub fn advance(&mut self, dt_s: f64) {
        let dt_s = if dt_s > 0.0 { dt_s.min(MOST_S) } else { 0.0 };
        self.time_s += dt_s;
        // Whoever holds it is done before the next frame.
        self.untold_s += dt_s;
        if let Ok(mut stage) = self.stage.try_lock() {
            stage.advance(std::mem::take(&mut self.untold_s));
            self.positions = stage.positions();
        }
        let settings = &self.settings;
        let pull = pull(settings, &self.positions);
        let swing = ((self.time_s - self.exposure_s / 2.0) / DRIFT_TIME_S).sin() * DRIFT_TIME_S;
        let mut drift_nm = settings.drift_nm_per_s.map(|speed| speed * swing);
        for ((drift, walk), step) in
            drift_nm.iter_mut().zip(&mut self.walk_nm).zip(settings.walk_nm_per_sqrt_s)
        {
            let variance = step * step * WALK_TIME_S / 2.0;
            *walk = Spring { rest: 0.0, variance, relaxation_s: WALK_TIME_S }
                .advance(*walk, dt_s, &mut self.motion_rng)
                .0;
            *drift += *walk;
        }
        let tilt_nm = settings.tilt_nm_per_s.map(|speed| speed * swing);
        self.truth.clear();
        for (bead, held) in (0..).zip(&mut self.held) {
            let [mut dx, mut dy, mut dz] = drift_nm;
            let sides_px = [settings.width_px, settings.height_px];
            for ((at_px, side_px), tilt) in held.mean_px.iter().zip(sides_px).zip(tilt_nm) {
                dz += tilt * (2.0 * at_px / f64::from(side_px) - 1.0);
            }
            let (mut force_pn, mut state) = (0.0, 0);
            if let Some(tether) = &mut held.tether {
                let [x, y, z] = tether.advance(dt_s, self.exposure_s, pull, &mut self.motion_rng);
                [dx, dy, dz] = [dx + x, dy + y, dz + z];
                (force_pn, state) = (tether.force_pn(pull), tether.state());
                held.has_torn_off |= self.motion_rng.happens(settings.detached_per_h * dt_s / 3600.0);
            }
            let gone = if held.has_torn_off { f64::NAN } else { 0.0 };
            self.truth.push(BeadTruth {
                bead,
                x_px: gone + held.mean_px[0] + dx / settings.pixel_size_nm,
                y_px: gone + held.mean_px[1] + dy / settings.pixel_size_nm,
                z_nm: gone + dz - self.positions.focus_nm,
                force_pn,
                state,
                is_reference: held.tether.is_none(),
            });
        }
    }

    /// The stage, which others may move.
    pub fn stage(&self) -> Shared {
        self.stage.clone()
    }

    /// Where every bead is in the latest frame, by number.
    pub fn beads(&self) -> &[BeadTruth] {
        &self.truth
    }

    /// Bytes of one frame.
    pub fn frame_bytes(&self) -> usize {
        self.renderer.frame_bytes()
    }

    /// Draws the latest frame into `slot`, which is [`Scene::frame_bytes`] long. Does not allocate.
    pub fn render(&mut self, slot: &mut [u8]) {
        let there = self.truth.iter().zip(&self.held).filter(|(bead, _)| !bead.x_px.is_nan());
        let beads = there.map(|(bead, held)| Patch {
            x_px: bead.x_px,
            y_px: bead.y_px,
            z_nm: bead.z_nm,
            contrast: 1.0,
            size: held.size,
        });
        let flicker = flicker(&self.settings.sensor, self.time_s - 0.5 * self.exposure_s, self.exposure_s);
        self.renderer.render(beads.chain(self.debris.iter().copied()), flicker, &mut self.noise_rng, slot);
    }

    /// Images of one bead of the mean size every 25 nm over all heights that beads can have, with a 64th of the noise of one frame, as if
    /// 64 frames had been averaged at each height. `None` if `roi_px` is below 8 or above 1024.
    pub fn focus_sweep(&self, roi_px: u32) -> Option<FocusSweep> {
        const STEP_NM: f64 = 25.0;
        const FRAMES: f32 = 64.0;
        if !(8..=1024).contains(&roi_px) {
            return None;
        }
        let [low, high] = self.settings.table_range_nm();
        // Round heights are what people expect of a table.
        let low = (low / STEP_NM).ceil() * STEP_NM;
        let planes = ((high - low) / STEP_NM) as u32 + 1;
        let z_nm: Vec<f64> = (0..planes).map(|plane| low + f64::from(plane) * STEP_NM).collect();
        let center = (f64::from(roi_px) - 1.0) / 2.0;
        let mut rng = Rng::new(self.settings.seed ^ 0x5eed_0f2a);
        let mut images = Vec::with_capacity(z_nm.len() * roi_px as usize * roi_px as usize);
        for z_nm in &z_nm {
            let patch = Patch { x_px: center, y_px: center, z_nm: *z_nm, contrast: 1.0, size: 0 };
            let noisy =
                |level: f32| level + self.renderer.noise.sigma(level) / FRAMES.sqrt() * rng.normal() as f32;
            images.extend(self.renderer.levels(&patch, roi_px).into_iter().map(noisy));
        }
        Some(FocusSweep { roi_px, images, z_nm, center_px: Some((center, center)) })
    }
}

/// What the magnets do, where they are.
fn pull(settings: &Settings, positions: &Positions) -> Pull {
    let force_pn = magnets::force_pn(&settings.magnets, positions.magnet_height_mm);
    Pull { force_pn, turns: positions.magnet_turns }
}

/// A bead on a molecule, no two alike.
fn tether_of(settings: &Settings, radius_nm: f64, water: Water, pull: Pull, rng: &mut Rng) -> Tether {
    /// Standard gravity, in pN for a volume in nm³ and g/cm³.
    const GRAVITY: f64 = 9.806_65e-12;
    let volume_nm3 = 4.0 / 3.0 * std::f64::consts::PI * radius_nm.powi(3);
    let spread = (settings.magnetisation_spread * rng.normal()).clamp(-0.9, 2.0);
    let bead = Bead {
        radius_nm,
        weight_pn: volume_nm3 * (settings.bead_density - 1.0) * GRAVITY,
        // As large as its volume.
        magnetisation: (1.0 + spread) * (radius_nm / settings.bead_radius_nm).powi(3),
        // Anywhere on the disc.
        anchor_nm: settings.anchor_nm * rng.uniform().sqrt(),
        anchor_rad: std::f64::consts::TAU * rng.uniform(),
    };
    let molecule = &settings.molecule;
    let chance = rng.uniform();
    let kind = if chance < molecule.nicked_share && molecule.kind == MoleculeKind::Dna {
        MoleculeKind::Nicked
    } else if chance > 1.0 - molecule.double_share {
        MoleculeKind::Double
    } else {
        molecule.kind
    };
    let mut tether = Tether::new(bead, molecule, kind, water, pull);
    // It has been there for long.
    tether.advance(1000.0, 0.0, pull, rng);
    tether
}

/// A speck of dirt: a faint image of a bead anywhere, at any height. It does not move.
fn speck(settings: &Settings, rng: &mut Rng) -> Patch {
    Patch {
        x_px: rng.between([0.0, f64::from(settings.width_px)]),
        y_px: rng.between([0.0, f64::from(settings.height_px)]),
        z_nm: rng.between(settings.table_range_nm()),
        contrast: rng.between([0.05, 0.25]) as f32,
        size: 0,
    }
}

fn noise_of(settings: &Settings, format: PixelFormat) -> Noise {
    Noise::new(format, settings.photons_at_white, settings.read_noise_e, settings.background)
}
