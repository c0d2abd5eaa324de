//! On a frame of a real instrument nobody knows where the beads are, but everybody knows how far they move when their
//! ROI is cut elsewhere: by whole pixels, or by half a pixel of an image binned 2 x 2.

#![allow(clippy::unwrap_used, reason = "a test stops at what should not be")]
#![allow(clippy::print_stdout, reason = "the table is the output of this test")]

mod common;

use std::ops::Range;

use beadscope_drivers::stack::Stack;
use beadscope_drivers::sweep::FocusSweep;
use beadscope_engine::calibrate::zlut_from_sweep;
use beadscope_engine::find::{Image, Options, Verdict, find};
use beadscope_engine::prepared_zlut::{PreparedZLut, prepare_zlut};
use beadscope_shaders::params::{Method, Params};
use beadscope_shaders::pipeline::Tracker;
use common::real_data;

struct Frame {
    pixels: Vec<f32>,
    width_px: usize,
    height_px: usize,
}

impl Frame {
    fn open(name: &str) -> Option<Self> {
        let mut stack = Stack::open(&real_data(name)?.join("qtrk_frame_00008153.jpg")).unwrap();
        let mut bytes = vec![0; stack.frame_bytes()];
        stack.read_frame(0, &mut bytes).unwrap();
        let (width_px, height_px) = (stack.width_px() as usize, stack.height_px() as usize);
        Some(Self { pixels: bytes.into_iter().map(f32::from).collect(), width_px, height_px })
    }

    /// Nearest pixels of the beads that stand alone in ROIs of `roi_px`, `margin_px` inside the frame.
    fn beads(&self, roi_px: usize, margin_px: usize) -> Vec<(usize, usize)> {
        let image = Image { pixels: &self.pixels, width_px: self.width_px, height_px: self.height_px };
        let found = find(&image, &Options { roi_px, seed_px: None, threshold: None }).unwrap();
        let reach = roi_px / 2 + margin_px;
        let inside = |x: usize, size: usize| (reach..=size - reach).contains(&x);
        found
            .iter()
            .filter(|candidate| matches!(candidate.verdict, Verdict::Bead))
            .map(|bead| (bead.x_px.round() as usize, bead.y_px.round() as usize))
            .filter(|(x, y)| inside(*x, self.width_px) && inside(*y, self.height_px))
            .collect()
    }

    /// Grey level between pixels, by a parabola through three pixels each way; the last pixel beyond the edge.
    fn at(&self, x_px: f64, y_px: f64) -> f32 {
        let parabola = |u: f64| [0.5 * u * (u - 1.0), 1.0 - u * u, 0.5 * u * (u + 1.0)];
        let (wx, wy) = (parabola(x_px - x_px.round()), parabola(y_px - y_px.round()));
        let pixel = |x: f64, y: f64| {
            let x = x.clamp(0.0, (self.width_px - 1) as f64) as usize;
            let y = y.clamp(0.0, (self.height_px - 1) as f64) as usize;
            f64::from(self.pixels[y * self.width_px + x])
        };
        let place = |i: usize, center: f64| center.round() + i as f64 - 1.0;
        let terms = (0..9).map(|i| wx[i % 3] * wy[i / 3] * pixel(place(i % 3, x_px), place(i / 3, y_px)));
        terms.sum::<f64>() as f32
    }

    /// The square of `side_px` whose middle pixel is at `middle`.
    fn cut(&self, middle: (usize, usize), side_px: usize) -> Vec<f32> {
        let (left, top) = (middle.0 - side_px / 2, middle.1 - side_px / 2);
        let row = |y: usize| (top + y) * self.width_px + left;
        (0..side_px).flat_map(|y| &self.pixels[row(y)..row(y) + side_px]).copied().collect()
    }
}

/// Means of squares of `bin` x `bin` pixels of an image of `roi_px * bin` squared.
fn binned(image: &[f32], roi_px: usize, bin: usize) -> Vec<f32> {
    let block = |i: usize| {
        let first = (i / roi_px * roi_px * bin + i % roi_px) * bin;
        let rows = (0..bin).map(|dy| first + dy * roi_px * bin);
        rows.flat_map(|row| &image[row..row + bin]).sum::<f32>() / (bin * bin) as f32
    };
    (0..roi_px * roi_px).map(block).collect()
}

fn params(method: Method) -> Params {
    Params { method, ..Params::default() }
}

/// A Z-LUT for one bead, from its image alone: out of focus the rings of a bead grow in proportion to the distance, so a
/// sweep is imitated by magnifying them. It says nothing of z, but has `fit` look at the rings of this very bead.
fn zlut_of(frame: &Frame, middle: (usize, usize), roi_px: usize, bin: usize, fit: &Params) -> PreparedZLut {
    let side = roi_px * bin;
    let tracker = Tracker::new(side, &params(Method::QuadrantInterpolation)).unwrap();
    let found = tracker.locate(&frame.cut(middle, side), f32::INFINITY, None, &mut tracker.scratch());
    let corner = (middle.0 as f64 - (side / 2) as f64, middle.1 as f64 - (side / 2) as f64);
    let bead = (corner.0 + found.x_px, corner.1 + found.y_px);
    let center = (side as f64 - 1.0) / 2.0;
    let magnified = |by: f64| {
        let grey = |i: usize| {
            let (x, y) = ((i % side) as f64 - center, (i / side) as f64 - center);
            frame.at(bead.0 + x / by, bead.1 + y / by)
        };
        binned(&(0..side * side).map(grey).collect::<Vec<f32>>(), roi_px, bin)
    };
    let center = (roi_px as f64 - 1.0) / 2.0;
    let steps = 0..11;
    let images = steps.clone().flat_map(|step| magnified(0.9 + 0.02 * f64::from(step))).collect();
    let sweep = FocusSweep {
        images,
        roi_px: roi_px as u32,
        z_nm: steps.map(|step| 100.0 * f64::from(step)).collect(),
        center_px: Some((center, center)),
    };
    let zlut = zlut_from_sweep(&sweep, None, "one image".to_owned()).unwrap();
    prepare_zlut(Some(&zlut), roi_px as u32, fit).unwrap().0
}

/// How far answers for one bead lie from each other, over all beads.
struct Spread {
    beads: usize,
    /// Answers that are none.
    lost: usize,
    /// Root mean square from each bead's mean, x and y, px.
    rms_px: (f64, f64),
    /// The one furthest from its bead's mean, px.
    worst_px: f64,
}

/// Tracks each bead in ROIs moved by each of `shifts_px` in x and y, and takes the shifts off again.
fn spread(frame: &Frame, roi_px: usize, bin: usize, shifts_px: Range<isize>, params: &Params) -> Spread {
    let tracker = Tracker::new(roi_px, params).unwrap();
    let mut scratch = tracker.scratch();
    let beads = frame.beads(roi_px * bin, shifts_px.end as usize);
    let mut spread = Spread { beads: beads.len(), lost: 0, rms_px: (0.0, 0.0), worst_px: 0.0 };
    let mut count = 0.0;
    for (x, y) in beads {
        let prepared = match params.method {
            Method::Fit => zlut_of(frame, (x, y), roi_px, bin, params),
            _ => PreparedZLut::Absent,
        };
        let zlut = if let PreparedZLut::Match(table) = &prepared { Some(table) } else { None };
        let mut places = Vec::new();
        for (dx, dy) in shifts_px.clone().flat_map(|dy| shifts_px.clone().map(move |dx| (dx, dy))) {
            let place = (x.strict_add_signed(dx), y.strict_add_signed(dy));
            let image = binned(&frame.cut(place, roi_px * bin), roi_px, bin);
            let found = tracker.locate(&image, 255.0, zlut, &mut scratch);
            let moved = |by: isize| by as f64 / bin as f64;
            places.push((found.x_px + moved(dx), found.y_px + moved(dy)));
        }
        places.retain(|place| place.0.is_finite() && place.1.is_finite());
        spread.lost += shifts_px.len().pow(2) - places.len();
        let all = places.len() as f64;
        let mean =
            places.iter().fold((0.0, 0.0), |sum, place| (sum.0 + place.0 / all, sum.1 + place.1 / all));
        for (x, y) in places.iter().map(|place| (place.0 - mean.0, place.1 - mean.1)) {
            spread.rms_px = (spread.rms_px.0 + x * x, spread.rms_px.1 + y * y);
            spread.worst_px = spread.worst_px.max(x.hypot(y));
            count += 1.0;
        }
    }
    spread.rms_px = ((spread.rms_px.0 / count).sqrt(), (spread.rms_px.1 / count).sqrt());
    let Spread { beads, lost, rms_px: (x, y), worst_px } = spread;
    println!(
        "{} ROI {roi_px} binned {bin}: {beads} beads, rms x {x:.5} y {y:.5} px, worst {worst_px:.4} px, lost {lost}",
        params.method
    );
    spread
}

/// Stops as soon as steps are shorter than a tenth of a pixel: what a fixed, small number of steps would do.
fn hasty(method: Method) -> Params {
    Params { tolerance_px: 0.1, ..params(method) }
}

#[test]
fn by_whole_pixels() {
    let Some(frame) = Frame::open("by_whole_pixels") else { return };
    for roi_px in [64, 80, 100] {
        for method in [Method::QuadrantInterpolation, Method::Fit] {
            let found = spread(&frame, roi_px, 1, -2..3, &params(method));
            assert!(found.beads >= 20 && found.lost == 0);
            assert!(found.rms_px.0.max(found.rms_px.1) <= 0.001, "{:?}", found.rms_px);
            assert!(found.worst_px < 0.01, "{} px", found.worst_px);
        }
    }
    let mutant = spread(&frame, 64, 1, -2..3, &hasty(Method::QuadrantInterpolation));
    assert!(mutant.rms_px.0.max(mutant.rms_px.1) > 0.001, "{:?}", mutant.rms_px);
}

#[test]
fn by_half_a_pixel_when_binned() {
    let Some(frame) = Frame::open("by_half_a_pixel_when_binned") else { return };
    for roi_px in [32, 40, 50] {
        for method in [Method::QuadrantInterpolation, Method::Fit] {
            let found = spread(&frame, roi_px, 2, 0..2, &params(method));
            assert!(found.beads >= 20 && found.lost == 0);
            assert!(found.rms_px.0.max(found.rms_px.1) <= 0.004, "{:?}", found.rms_px);
        }
    }
    let mutant = spread(&frame, 40, 2, 0..2, &hasty(Method::QuadrantInterpolation));
    assert!(mutant.rms_px.0.max(mutant.rms_px.1) > 0.004, "{:?}", mutant.rms_px);
}
