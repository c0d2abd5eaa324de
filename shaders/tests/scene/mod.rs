//! Simulated beads: an analytic radial pattern, integrated over pixels, with the noise of a camera.

#![allow(dead_code, reason = "each test file uses a part of it")]

use beadscope_shaders::image_model::{self, ImageModel};
use beadscope_shaders::radial_profile::{Rings, radial_profile};
use beadscope_shaders::zlut_match::MatchTable;

/// Pixel size, nm.
pub const NM_PER_PX: f64 = 100.0;
/// Grey level of a saturated pixel.
pub const MAX_LEVEL: f32 = 255.0;
/// Photo-electrons at that level.
const WHITE_E: f64 = 5000.0;
/// Read noise, electrons.
const READ_E: f64 = 7.0;
/// Planes of the Z-LUT: 0 to 4000 nm.
pub const N_PLANES: usize = 41;
/// Their distance, nm.
pub const PLANE_STEP_NM: f64 = 100.0;

/// Where a simulated bead is: x and y in px of the ROI, z in nm.
#[derive(Clone, Copy, Debug)]
pub struct Bead {
    pub x_px: f64,
    pub y_px: f64,
    pub z_nm: f64,
}

/// Brightness, 0 to 1, at a distance from the axis: rings that widen with z and fade outwards, smooth at r = 0.
fn brightness(r_squared: f64, z_nm: f64) -> f64 {
    let wave = 1.25 - 0.15 * z_nm / 1000.0;
    let path = (r_squared + 9.0).sqrt();
    0.4 * (-r_squared / 450.0).exp() * (wave * path).cos() / (1.0 + 0.08 * path)
}

/// Background, 0 to 1.
const BACKGROUND: f64 = 0.45;

/// Image without noise, 0 to 1: the mean over 3 x 3 points of each pixel.
pub fn render(roi_px: usize, beads: &[Bead]) -> Vec<f64> {
    let mut image = vec![BACKGROUND; roi_px * roi_px];
    for (i, pixel) in image.iter_mut().enumerate() {
        let (column, row) = ((i % roi_px) as f64, (i / roi_px) as f64);
        for bead in beads {
            for j in 0..9 {
                let (u, v) = (f64::from(j % 3) / 3.0 - 1.0 / 3.0, f64::from(j / 3) / 3.0 - 1.0 / 3.0);
                let (dx, dy) = (column + u - bead.x_px, row + v - bead.y_px);
                *pixel += brightness(dx * dx + dy * dy, bead.z_nm) / 9.0;
            }
        }
    }
    image
}

/// Grey levels without noise.
pub fn exact(image: &[f64]) -> Vec<f32> {
    image.iter().map(|v| (v * f64::from(MAX_LEVEL)) as f32).collect()
}

/// Grey levels of an 8-bit camera: shot noise, read noise, rounding.
pub fn filmed(image: &[f64], random: &mut Random) -> Vec<f32> {
    filmed_by(f64::from(MAX_LEVEL), WHITE_E, image, random)
}

/// The same of any camera. `white_e`: photo-electrons at `max_level`.
pub fn filmed_by(max_level: f64, white_e: f64, image: &[f64], random: &mut Random) -> Vec<f32> {
    let gain = max_level / white_e;
    image
        .iter()
        .map(|v| {
            let electrons = v * white_e + (v * white_e + READ_E * READ_E).sqrt() * random.normal();
            (electrons * gain).round().clamp(0.0, max_level) as f32
        })
        .collect()
}

/// SplitMix64 (Steele et al. 2014), enough for noise.
pub struct Random(pub u64);

impl Random {
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal, Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// Heights of the planes, nm.
pub fn plane_heights() -> Vec<f64> {
    (0..N_PLANES).map(|plane| PLANE_STEP_NM * plane as f64).collect()
}

/// Z-LUT profiles, planes x rings, by any way to make a profile of an image.
pub fn profiles(roi_px: usize, profile: impl Fn(&[f32], (f64, f64), &mut [f32])) -> Vec<f32> {
    let middle = (roi_px / 2) as f64;
    let n_rings = Rings::for_roi(roi_px).n_rings;
    let mut rows = vec![0.0; N_PLANES * n_rings];
    for (z_nm, row) in plane_heights().into_iter().zip(rows.chunks_exact_mut(n_rings)) {
        let bead = Bead { x_px: middle, y_px: middle, z_nm };
        profile(&exact(&render(roi_px, &[bead])), (middle, middle), row);
    }
    rows
}

/// Cramer-Rao bound of x, y and z in nm for one image: Poisson, read and rounding noise, gain and offset known.
pub fn bound_nm(roi_px: usize, bead: Bead) -> [f64; 3] {
    let image = render(roi_px, &[bead]);
    let moved = |dx: f64, dy: f64, dz: f64| {
        render(roi_px, &[Bead { x_px: bead.x_px + dx, y_px: bead.y_px + dy, z_nm: bead.z_nm + dz }])
    };
    // Central differences, per nm.
    let (step_px, step_nm) = (1e-3, 0.1);
    let slopes = [
        (step_px, 0.0, 0.0, NM_PER_PX * step_px),
        (0.0, step_px, 0.0, NM_PER_PX * step_px),
        (0.0, 0.0, step_nm, step_nm),
    ]
    .map(|(dx, dy, dz, nm)| {
        let (up, down) = (moved(dx, dy, dz), moved(-dx, -dy, -dz));
        up.iter().zip(down).map(|(u, d)| (u - d) / (2.0 * nm)).collect::<Vec<f64>>()
    });
    let rounding_e = WHITE_E / f64::from(MAX_LEVEL);
    let variance = |v: f64| v * WHITE_E + READ_E * READ_E + rounding_e * rounding_e / 12.0;
    let information = |k: usize| -> f64 {
        image.iter().zip(&slopes[k]).map(|(v, slope)| (WHITE_E * slope).powi(2) / variance(*v)).sum()
    };
    // x, y and z hardly depend on each other in a round image.
    [0, 1, 2].map(|k| 1.0 / information(k).sqrt())
}

/// The image model as the program makes it, but measured around a point `shift_px` beside the bead.
pub fn image_model(roi_px: usize, shift_px: f64) -> ImageModel {
    image_model_of(roi_px, shift_px, |_, _| {})
}

/// The same of beads that look otherwise: `change` is called with each image and its bead.
pub fn image_model_of(roi_px: usize, shift_px: f64, change: impl Fn(&mut [f64], &Bead)) -> ImageModel {
    let middle = (roi_px / 2) as f64;
    let (mut values, mut misfit) = (Vec::new(), Vec::new());
    for z_nm in plane_heights() {
        let bead = Bead { x_px: middle, y_px: middle, z_nm };
        let mut image = render(roi_px, &[bead]);
        change(&mut image, &bead);
        let image = exact(&image);
        let plane = image_model::plane(&image, roi_px, (middle + shift_px, middle), 1.0);
        values.extend(plane.values);
        misfit.resize(plane.misfit_variance.len(), 0.0f32);
        for (sum, variance) in misfit.iter_mut().zip(plane.misfit_variance) {
            *sum += variance / N_PLANES as f32;
        }
    }
    misfit.iter_mut().for_each(|variance| *variance = variance.sqrt());
    ImageModel::new(&values, &plane_heights(), &misfit).unwrap()
}

/// Z-LUT as the program makes it.
pub fn table(roi_px: usize) -> MatchTable {
    let rings = Rings::for_roi(roi_px);
    let rows = profiles(roi_px, |image, center, row| radial_profile(image, roi_px, center, &rings, row));
    MatchTable::new(&rows, &plane_heights(), rings.n_rings, rings.first_ring_px, rings.ring_step_px).unwrap()
}
