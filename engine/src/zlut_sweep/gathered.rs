//! What is kept of the images of a sweep: sums, so that memory stays the same however many images there are.
//!
//! For each bead and height a sum of profiles and one of pixels around the centre, and for each bead a few images.

use beadscope_shaders::background;
use beadscope_shaders::flags::Flags;
use beadscope_shaders::image_model::{PlaneSum, best_smoothing_of_sums, knots_for_roi, plane};
use beadscope_shaders::radial_spline::KNOT_STEP_PX;
use beadscope_zlut::{ImageTable, TableError, ZLut};

use super::plan::SweepError;
use crate::calibrate::{Meter, SMOOTHING_IMAGES};

/// Memory that a sweep may take, bytes.
const MOST_BYTES: usize = 1 << 30;

/// One value of a profile at one height, over its images.
#[derive(Clone, Copy, Default)]
struct RingSum {
    sum: f64,
    squares: f64,
    count: u32,
}

impl RingSum {
    fn add(&mut self, grey: f64) {
        if grey.is_finite() {
            self.sum += grey;
            self.squares += grey * grey;
            self.count += 1;
        }
    }

    /// NaN where it was not measured.
    fn mean(&self) -> f64 {
        self.sum / f64::from(self.count)
    }

    /// Variance of one image; `None` with fewer than two.
    fn variance(&self) -> Option<f64> {
        let count = f64::from(self.count);
        (self.count > 1).then(|| ((self.squares - self.sum * self.sum / count) / (count - 1.0)).max(0.0))
    }
}

/// One bead at one height.
struct Plane {
    rings: Vec<RingSum>,
    image: Option<PlaneSum>,
    located: u32,
}

impl Plane {
    fn add(&mut self, profile: &[f64]) {
        self.rings.iter_mut().zip(profile).for_each(|(ring, grey)| ring.add(*grey));
        self.located += 1;
    }
}

/// One bead.
pub(super) struct Gathered {
    planes: Vec<Plane>,
    /// One of the heights, seen again at the end.
    again: Plane,
    /// Some images and their centres, at heights all over the range: what is not round in them is the bead's.
    samples: Vec<(Vec<f32>, (f64, f64))>,
    /// Every so many heights an image is kept.
    every: usize,
    /// Sum of the pixels' noise in the images, grey levels.
    noise: f64,
    /// Images in which it was found that show more than one round bead, and that are too bright.
    not_round: u32,
    saturated: u32,
    side: usize,
    border: Vec<f32>,
}

/// Whether so many beads and heights have room.
pub(super) fn check_room(meter: &Meter, side: usize, beads: usize, heights: usize) -> Result<(), SweepError> {
    let model = if meter.has_image_model() { 5 * size_of::<f64>() * knots_for_roi(side) } else { 0 };
    let rings = meter.n_rings() * (size_of::<RingSum>() + size_of::<f32>());
    let samples = SMOOTHING_IMAGES * side * side * size_of::<f32>();
    let bytes = beads * (heights * (model + rings) + samples);
    if bytes <= MOST_BYTES {
        return Ok(());
    }
    Err(SweepError::TooLarge { beads, heights, mib: bytes >> 20, most_mib: MOST_BYTES >> 20 })
}

impl Gathered {
    /// Nothing yet, of a bead at so many heights.
    pub(super) fn new(meter: &Meter, side: usize, heights: usize) -> Self {
        let plane = || Plane {
            rings: vec![RingSum::default(); meter.n_rings()],
            image: meter.has_image_model().then(|| PlaneSum::new(side)),
            located: 0,
        };
        Self {
            planes: (0..heights).map(|_| plane()).collect(),
            again: Plane { image: None, ..plane() },
            samples: Vec::new(),
            every: heights.div_ceil(SMOOTHING_IMAGES).max(1),
            noise: 0.0,
            not_round: 0,
            saturated: 0,
            side,
            border: Vec::new(),
        }
    }

    /// Takes an image at a height that is seen again, if the bead is found in it.
    pub(super) fn take_again(&mut self, meter: &mut Meter, levels: &[f32]) {
        let Ok((center_px, _)) = meter.locate(levels) else { return };
        self.again.add(meter.profile(levels, center_px));
    }

    /// Mean profile of the height that was seen again; `None` if the bead was not found.
    pub(super) fn profile_again(&self) -> Option<Vec<f32>> {
        let mean = |ring: &RingSum| ring.mean() as f32;
        (self.again.located > 0).then(|| self.again.rings.iter().map(mean).collect())
    }

    /// Takes an image at a height, if the bead is found in it; `is_saturated` if pixels of it are white.
    pub(super) fn take(&mut self, meter: &mut Meter, height: usize, levels: &[f32], is_saturated: bool) {
        let Ok((center_px, flags)) = meter.locate(levels) else { return };
        let Some(plane) = self.planes.get_mut(height) else { return };
        let is_first = plane.located == 0;
        plane.add(meter.profile(levels, center_px));
        if let Some(image) = &mut plane.image {
            image.add(levels, self.side, center_px);
            if is_first && height.is_multiple_of(self.every) {
                self.samples.push((levels.to_vec(), center_px));
            }
        }
        self.not_round += u32::from(flags.contains(Flags::NOT_ROUND));
        self.saturated += u32::from(is_saturated);
        self.noise += f64::from(background::measure(levels, self.side, &mut self.border).noise);
    }

    /// Images in which it was found, of each height.
    pub(super) fn located(&self) -> impl Iterator<Item = u32> {
        self.planes.iter().map(|plane| plane.located)
    }

    /// Of those, images that show more than one round bead, and images with white pixels.
    pub(super) fn doubtful(&self) -> [u32; 2] {
        [self.not_round, self.saturated]
    }

    /// Mean profile of a height.
    pub(super) fn profile(&self, height: usize) -> impl Iterator<Item = f64> {
        self.planes.get(height).into_iter().flat_map(|plane| plane.rings.iter().map(RingSum::mean))
    }

    /// Standard deviation of a pixel of one image, grey levels.
    pub(super) fn noise(&self) -> f64 {
        self.noise / self.located().map(f64::from).sum::<f64>()
    }

    /// Standard deviation of a profile's value from image to image, over all heights, grey levels: noise of the camera, and of a
    /// bead that moves up and down while the focus rests. NaN with one image each.
    pub(super) fn spread(&self) -> f64 {
        let variances = self.planes.iter().flat_map(|plane| plane.rings.iter().filter_map(RingSum::variance));
        let (sum, count) = variances.fold((0.0, 0.0), |(sum, count), variance| (sum + variance, count + 1.0));
        f64::sqrt(sum / count)
    }

    /// The Z-LUT of the heights where it was found, built as [`crate::calibrate`] builds one.
    pub(super) fn build(
        &self,
        meter: &Meter,
        z_nm: &[f64],
        pixel_size_nm: f64,
        source: String,
    ) -> Result<ZLut, TableError> {
        let found = || z_nm.iter().zip(&self.planes).filter(|(_, plane)| plane.located > 0);
        let heights: Vec<f64> = found().map(|(z_nm, _)| *z_nm).collect();
        let profiles: Vec<f64> =
            found().flat_map(|(_, plane)| plane.rings.iter().map(RingSum::mean)).collect();
        let sums: Vec<&PlaneSum> = found().filter_map(|(_, plane)| plane.image.as_ref()).collect();
        meter.build(&heights, &profiles, self.image_table(&sums), Some(pixel_size_nm), source)
    }

    fn image_table(&self, sums: &[&PlaneSum]) -> Option<ImageTable> {
        if sums.is_empty() {
            return None;
        }
        let some = sums.iter().step_by(sums.len().div_ceil(SMOOTHING_IMAGES)).copied();
        let smoothing = best_smoothing_of_sums(some);
        let mut variance = vec![0.0; knots_for_roi(self.side)];
        for (levels, center_px) in &self.samples {
            let misfit = plane(levels, self.side, *center_px, smoothing).misfit_variance;
            for (sum, misfit) in variance.iter_mut().zip(misfit) {
                *sum += misfit / self.samples.len() as f32;
            }
        }
        let values = sums.iter().flat_map(|sum| sum.values(smoothing)).collect();
        let misfit = variance.into_iter().map(f32::sqrt).collect();
        Some(ImageTable { knot_step_px: KNOT_STEP_PX, values, misfit })
    }
}
