//! The simulated sample: beads, where they truly are, and what the camera sees of them.

use super::motion::Spring;
use super::noise::{Noise, Rng};
use super::optics::RadialTable;
use super::placement::place;
use super::render::{Patch, Renderer};
use super::settings::{DRIFT_TIME_S, Settings};
use crate::camera::{CameraError, PixelFormat, SensorWindow};
use crate::sweep::FocusSweep;

/// Where a bead truly is, as the latest frame shows it: the mean over its exposure, stage drift included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BeadTruth {
    /// Number of the bead, from 0; reference beads come first.
    pub bead: u32,
    /// Column of its centre in the sensor, in px, pixel centres at integers.
    pub x_px: f64,
    /// Row of its centre in the sensor, in px.
    pub y_px: f64,
    /// Height above the surface, in nm.
    pub z_nm: f64,
    /// Whether it is stuck to the surface.
    pub is_reference: bool,
}

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
    tethers: Vec<Tether>,
    truth: Vec<BeadTruth>,
    debris: Vec<Patch>,
    renderer: Renderer,
}

/// Where one bead is held, and its motion about that place in x, y, z (nm); `None` for a stuck bead.
#[derive(Debug)]
struct Tether {
    mean_px: [f64; 2],
    mean_z_nm: f64,
    motion: Option<[Spring; 3]>,
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
        let tethers: Vec<Tether> = places
            .into_iter()
            .enumerate()
            .map(|(bead, mean_px)| Tether::new(settings, bead, mean_px, &mut motion_rng))
            .collect();
        let table = RadialTable::new(settings);
        let debris = (0..settings.debris).map(|_| speck(settings, &mut motion_rng)).collect();
        let format = settings.pixel_format().unwrap_or(PixelFormat::Mono8);
        let window =
            SensorWindow { x_px: 0, y_px: 0, width_px: settings.width_px, height_px: settings.height_px };
        let patches = settings.beads + settings.debris;
        let renderer = Renderer::new(table, noise_of(settings, format), settings.background, window, patches);
        let mut scene = Self {
            settings: settings.clone(),
            time_s: 0.0,
            exposure_s: 0.0,
            motion_rng,
            // Its own stream, so that the truth does not depend on what was rendered.
            noise_rng: Rng::new(settings.seed ^ 0x5eed_0f00_15e0),
            truth: Vec::with_capacity(tethers.len()),
            tethers,
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
        let width_px = window.width_px.clamp(1, self.settings.width_px);
        let height_px = window.height_px.clamp(1, self.settings.height_px);
        self.renderer.set_window(SensorWindow { width_px, height_px, ..window });
        if self.renderer.noise.format() != format {
            self.renderer.noise = noise_of(&self.settings, format);
        }
    }

    /// Lets `dt_s` pass; the truth is then that of a frame whose exposure ends now. Does not allocate.
    pub fn advance(&mut self, dt_s: f64) {
        self.time_s += dt_s;
        let phase = ((self.time_s - self.exposure_s / 2.0) / DRIFT_TIME_S).sin() * DRIFT_TIME_S;
        let drift_nm = self.settings.drift_nm_per_s.map(|speed| speed * phase);
        self.truth.clear();
        for (bead, tether) in (0..).zip(&mut self.tethers) {
            let mut offset_nm = drift_nm;
            for (offset, spring) in offset_nm.iter_mut().zip(tether.motion.iter_mut().flatten()) {
                *offset += spring.advance(dt_s, self.exposure_s, &mut self.motion_rng);
            }
            let [dx, dy, dz] = offset_nm;
            self.truth.push(BeadTruth {
                bead,
                x_px: tether.mean_px[0] + dx / self.settings.pixel_size_nm,
                y_px: tether.mean_px[1] + dy / self.settings.pixel_size_nm,
                z_nm: tether.mean_z_nm + dz,
                is_reference: tether.motion.is_none(),
            });
        }
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
        let beads = self.truth.iter().map(|bead| Patch {
            x_px: bead.x_px,
            y_px: bead.y_px,
            z_nm: bead.z_nm,
            contrast: 1.0,
        });
        self.renderer.render(beads.chain(self.debris.iter().copied()), &mut self.noise_rng, slot);
    }

    /// Images of one bead every 25 nm over all heights that beads can have, with a 64th of the noise of one frame, as if
    /// 64 frames had been averaged at each height. `None` if `roi_px` is below 8 or above 1024.
    pub fn focus_sweep(&self, roi_px: u32) -> Option<FocusSweep> {
        const STEP_NM: f64 = 25.0;
        const FRAMES: f32 = 64.0;
        if !(8..=1024).contains(&roi_px) {
            return None;
        }
        let [low, high] = self.settings.table_range_nm();
        let planes = ((high - low) / STEP_NM) as u32 + 1;
        let z_nm: Vec<f64> = (0..planes).map(|plane| low + f64::from(plane) * STEP_NM).collect();
        let center = (f64::from(roi_px) - 1.0) / 2.0;
        let mut rng = Rng::new(self.settings.seed ^ 0x5eed_0f2a);
        let mut images = Vec::with_capacity(z_nm.len() * roi_px as usize * roi_px as usize);
        for z_nm in &z_nm {
            let patch = Patch { x_px: center, y_px: center, z_nm: *z_nm, contrast: 1.0 };
            let noisy =
                |level: f32| level + self.renderer.noise.sigma(level) / FRAMES.sqrt() * rng.normal() as f32;
            images.extend(self.renderer.levels(&patch, roi_px).into_iter().map(noisy));
        }
        Some(FocusSweep { roi_px, images, z_nm, center_px: Some((center, center)) })
    }
}

impl Tether {
    fn new(settings: &Settings, bead: usize, mean_px: [f64; 2], rng: &mut Rng) -> Self {
        if bead < settings.reference_beads {
            return Self { mean_px, mean_z_nm: 0.0, motion: None };
        }
        let relaxation_s = rng.between(settings.relaxation_s);
        let lateral = rng.between(settings.lateral_sigma_nm);
        let axial = rng.between(settings.axial_sigma_nm);
        let motion = [lateral, lateral, axial].map(|sigma| Spring::new(sigma, relaxation_s, rng));
        Self { mean_px, mean_z_nm: rng.between(settings.height_nm), motion: Some(motion) }
    }
}

/// A speck of dirt: a faint image of a bead anywhere, at any height. It does not move.
fn speck(settings: &Settings, rng: &mut Rng) -> Patch {
    Patch {
        x_px: rng.between([0.0, f64::from(settings.width_px)]),
        y_px: rng.between([0.0, f64::from(settings.height_px)]),
        z_nm: rng.between(settings.table_range_nm()),
        contrast: rng.between([0.05, 0.25]) as f32,
    }
}

fn noise_of(settings: &Settings, format: PixelFormat) -> Noise {
    Noise::new(format, settings.photons_at_white, settings.read_noise_e, settings.background)
}
