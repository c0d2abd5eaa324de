//! The errors that are told to be attainable are those of an independent calculation, and `fit` attains them.

#![allow(clippy::unwrap_used, reason = "a test stops at what should not be")]
#![allow(clippy::print_stdout, reason = "the table is the output of this test")]

mod scene;

use beadscope_shaders::background;
use beadscope_shaders::fit::attainable::{Attainable, Brightness, attainable, background_level};
use beadscope_shaders::fit::{FitScratch, Start};
use beadscope_shaders::image_model::{ImageModel, knots_for_roi};
use beadscope_shaders::pipeline::{Method, Params, Tracker};
use scene::{Bead, MAX_LEVEL, NM_PER_PX, Random};

const ROI_PX: usize = 64;
/// Images at each place.
const REPEATS: usize = 60;

/// Off the middle, at several phases of a pixel, between planes of the Z-LUT.
fn beads() -> Vec<Bead> {
    let places = [(32.0, 32.0), (31.5, 33.3), (30.7, 30.9)];
    let heights = [230.0, 871.0, 1450.0, 2018.0, 2764.0, 3555.0];
    heights.into_iter().flat_map(|z_nm| places.map(|(x_px, y_px)| Bead { x_px, y_px, z_nm })).collect()
}

fn scratch(roi_px: usize) -> FitScratch {
    FitScratch::new(roi_px, knots_for_roi(roi_px))
}

/// Everything in nm.
fn in_nm(found: Attainable) -> [f64; 3] {
    [NM_PER_PX * found.sigma_x_px, NM_PER_PX * found.sigma_y_px, found.sigma_z_nm]
}

/// The bound from the simulation itself, by finite differences.
fn numeric_nm(roi_px: usize, bead: Bead, gain: f64, (noise, level): (f64, f64)) -> [f64; 3] {
    let render = |dx: f64, dy: f64, dz: f64| {
        let moved = Bead { x_px: bead.x_px + dx, y_px: bead.y_px + dy, z_nm: bead.z_nm + dz };
        scene::render(roi_px, &[moved])
    };
    let (white, step_px, step_nm) = (gain * f64::from(MAX_LEVEL), 1e-3, 0.1);
    let slope = |(dx, dy, dz): (f64, f64, f64), nm: f64| -> Vec<f64> {
        let (up, down) = (render(dx, dy, dz), render(-dx, -dy, -dz));
        up.iter().zip(down).map(|(u, d)| white * (u - d) / (2.0 * nm)).collect()
    };
    let image: Vec<f64> = render(0.0, 0.0, 0.0).iter().map(|v| white * v).collect();
    let derivatives = [
        slope((step_px, 0.0, 0.0), NM_PER_PX * step_px),
        slope((0.0, step_px, 0.0), NM_PER_PX * step_px),
        slope((0.0, 0.0, step_nm), step_nm),
        image.clone(),
        vec![1.0; image.len()],
    ];
    let entry = |a: &[f64], b: &[f64]| -> f64 {
        let products = a.iter().zip(b).map(|(a, b)| a * b);
        products.zip(&image).map(|(product, grey)| product / (noise * noise * grey / level)).sum()
    };
    // Gauss-Jordan on the matrix beside the unit matrix.
    let n = derivatives.len();
    let mut rows: Vec<Vec<f64>> = (0..n)
        .map(|a| {
            let left = (0..n).map(|b| entry(&derivatives[a], &derivatives[b]));
            left.chain((0..n).map(|b| f64::from(u8::from(a == b)))).collect()
        })
        .collect();
    for k in 0..n {
        let pivot = rows[k][k];
        rows[k].iter_mut().for_each(|value| *value /= pivot);
        let line = rows[k].clone();
        for row in rows.iter_mut().enumerate().filter(|(i, _)| *i != k).map(|(_, row)| row) {
            let times = row[k];
            row.iter_mut().zip(&line).for_each(|(value, part)| *value -= times * part);
        }
    }
    [0, 1, 2].map(|k| rows[k][n + k].sqrt())
}

/// Largest difference of the prediction from the numeric bound, as a part of it.
fn furthest(roi_px: usize, change: impl Fn(&mut Start, &mut Brightness)) -> [f64; 3] {
    let (model, mut scratch) = (scene::image_model(roi_px, 0.0), scratch(roi_px));
    let (noise, level, gain) = (3.0f32, 118.0f32, 0.6);
    let mut furthest = [0.0f64; 3];
    for mut bead in beads() {
        bead.x_px += roi_px as f64 / 2.0 - 32.0;
        bead.y_px += roi_px as f64 / 2.0 - 32.0;
        let (center_px, z_nm) = ((bead.x_px, bead.y_px), bead.z_nm);
        let mut at = Start { center_px, z_nm, level, noise, noise_at: level };
        let mut brightness = Brightness { gain, offset: -f64::from(level) };
        change(&mut at, &mut brightness);
        let told = in_nm(attainable(&model, roi_px, &at, brightness, &mut scratch).unwrap());
        let numeric = numeric_nm(roi_px, bead, gain, (f64::from(noise), f64::from(level)));
        for i in 0..3 {
            furthest[i] = furthest[i].max((told[i] / numeric[i] - 1.0).abs());
        }
    }
    println!("ROI {roi_px}: furthest from the numeric bound {furthest:.4?}");
    furthest
}

/// The prediction and the numeric bound agree within this part.
const AGREEMENT: f64 = 0.01;

#[test]
fn the_prediction_is_the_inverse_fisher_matrix_of_finite_differences() {
    for roi_px in [20, 33, ROI_PX] {
        assert!(furthest(roi_px, |_, _| {}).iter().all(|part| *part < AGREEMENT));
    }
}

#[test]
fn a_bound_of_another_noise_contrast_or_height_is_another() {
    let level = furthest(ROI_PX, |at, brightness| {
        (at.level, at.noise_at) = (1.3 * at.level, 1.3 * at.noise_at);
        brightness.offset -= 0.3 * 118.0;
    });
    let gain = furthest(ROI_PX, |_, brightness| brightness.gain *= 1.03);
    let height = furthest(ROI_PX, |at, _| at.z_nm += 120.0);
    for (name, part) in [("level", level), ("gain", gain), ("height", height)] {
        assert!(part.iter().any(|part| *part > AGREEMENT), "{name}: {part:?}");
    }
}

#[test]
fn what_gain_or_offset_could_imitate_says_nothing_of_z() {
    let (roi_px, mut scratch) = (32, scratch(32));
    let knots = knots_for_roi(roi_px);
    let heights: Vec<f64> = (-4..=4).map(|k| 100.0 * f64::from(k)).collect();
    // Rings that widen with z, in a lamp that becomes brighter by `gain` and adds `offset`.
    let mut sigma_z_nm = |gain: f64, offset: f64| {
        let value = |z_nm: f64, r: f64| {
            let wave = 30.0 * (-r * r / 200.0).exp() * (0.9 * r + z_nm / 1500.0).cos();
            (wave * (1.0 + gain * z_nm) + offset * z_nm) as f32
        };
        let rows = heights.iter().flat_map(|z_nm| (0..knots).map(move |k| value(*z_nm, 0.5 * k as f64)));
        let model = ImageModel::new(&rows.collect::<Vec<_>>(), &heights, &vec![0.0; knots]).unwrap();
        let at = Start { center_px: (15.5, 15.5), z_nm: 0.0, level: 100.0, noise: 3.0, noise_at: 100.0 };
        attainable(&model, roi_px, &at, Brightness { gain: 1.0, offset: 0.0 }, &mut scratch)
            .unwrap()
            .sigma_z_nm
    };
    let plain = sigma_z_nm(0.0, 0.0);
    for (gain, offset) in [(1e-3, 0.0), (0.0, 0.05), (-2e-3, 0.1)] {
        let lit = sigma_z_nm(gain, offset);
        assert!((lit / plain - 1.0).abs() < 1e-3, "{gain} {offset}: {lit} {plain}");
    }
}

/// Scatter of `fit` over prediction, root mean squares over all places, with what is told by `model`.
fn seen_over_told(name: &str, model: &ImageModel) -> [f64; 3] {
    let tracker = Tracker::new(ROI_PX, &Params { method: Method::Fit, ..Params::default() }).unwrap();
    let table = scene::table(ROI_PX).with_image_model(scene::image_model(ROI_PX, 0.0));
    let (mut tracking, mut scratch, mut random) = (tracker.scratch(), scratch(ROI_PX), Random(11));
    let (mut seen, mut told) = ([0.0; 3], [0.0; 3]);
    for bead in beads() {
        let image = scene::render(ROI_PX, &[bead]);
        let (mut sum, mut squares) = ([0.0; 3], [0.0; 3]);
        for repeat in 0..REPEATS {
            let filmed = scene::filmed(&image, &mut random);
            let found = tracker.locate(&filmed, MAX_LEVEL, Some(&table), &mut tracking);
            let error = [
                NM_PER_PX * (found.x_px - bead.x_px),
                NM_PER_PX * (found.y_px - bead.y_px),
                found.z_nm - bead.z_nm,
            ];
            for i in 0..3 {
                sum[i] += error[i];
                squares[i] += error[i] * error[i];
            }
            if repeat == 0 {
                // From one image, as a window does it: everything measured, nothing known.
                let ground = background::measure(&filmed, ROI_PX, &mut Vec::new());
                let at = Start {
                    center_px: (found.x_px, found.y_px),
                    z_nm: found.z_nm,
                    level: ground.level,
                    noise: ground.noise,
                    noise_at: ground.mean,
                };
                let pixels: Vec<f32> = filmed.iter().map(|grey| grey - ground.level).collect();
                let brightness = Brightness::measure(&pixels, ROI_PX, model, &at, &mut scratch).unwrap();
                let least = in_nm(attainable(model, ROI_PX, &at, brightness, &mut scratch).unwrap());
                (0..3).for_each(|i| told[i] += least[i] * least[i]);
            }
        }
        let n = REPEATS as f64;
        (0..3).for_each(|i| seen[i] += (squares[i] - sum[i] * sum[i] / n) / (n - 1.0));
    }
    let ratio = [0, 1, 2].map(|i| f64::sqrt(seen[i] / told[i]));
    println!("{name:28} scatter of fit over prediction {ratio:.3?}");
    ratio
}

#[test]
fn fit_scatters_as_predicted_from_a_single_image() {
    let ratio = seen_over_told("prediction", &scene::image_model(ROI_PX, 0.0));
    assert!(ratio.iter().all(|ratio| (0.9..1.1).contains(ratio)), "{ratio:?}");
}

#[test]
fn a_model_with_wrong_slopes_predicts_another_scatter() {
    // Measured 2 px beside the centre.
    let ratio = seen_over_told("mutant: slopes off", &scene::image_model(ROI_PX, 2.0));
    assert!(ratio.iter().all(|ratio| !(0.9..1.1).contains(ratio)), "{ratio:?}");
}

#[test]
fn brightness_and_level_are_those_put_in_and_nothing_is_told_beyond_the_planes() {
    let (model, mut scratch) = (scene::image_model(ROI_PX, 0.0), scratch(ROI_PX));
    let bead = Bead { x_px: 31.2, y_px: 32.9, z_nm: 1234.0 };
    let image = scene::exact(&scene::render(ROI_PX, &[bead]));
    let level = background_level(&model, ROI_PX, bead.z_nm, &mut scratch);
    let measured = background::measure(&image, ROI_PX, &mut Vec::new()).level;
    assert!((level - measured).abs() < 0.5, "{level} {measured}");

    let pixels: Vec<f32> = image.iter().map(|grey| 0.7 * grey + 5.0 - level).collect();
    let center_px = (bead.x_px, bead.y_px);
    let at = Start { center_px, z_nm: bead.z_nm, level, noise: 1.0, noise_at: level };
    let found = Brightness::measure(&pixels, ROI_PX, &model, &at, &mut scratch).unwrap();
    assert!((found.gain - 0.7).abs() < 2e-3, "{found:?}");
    assert!((found.offset - (5.0 - f64::from(level))).abs() < 0.3, "{found:?}");

    // A negative of the bead is no bead.
    let negative: Vec<f32> = pixels.iter().map(|grey| -grey).collect();
    assert_eq!(Brightness::measure(&negative, ROI_PX, &model, &at, &mut scratch), None);
    for (z_nm, x_px) in [(-1.0, 32.0), (4001.0, 32.0), (f64::NAN, 32.0), (1000.0, f64::NAN)] {
        let at = Start { z_nm, center_px: (x_px, 32.0), ..at };
        assert_eq!(attainable(&model, ROI_PX, &at, found, &mut scratch), None, "{z_nm} {x_px}");
    }
}
