//! `fit` against the Cramer-Rao bound: bias, spread and its own standard errors, and what breaks them.

#![allow(clippy::unwrap_used, reason = "a test stops at what should not be")]
#![allow(clippy::print_stdout, reason = "the table is the output of this test")]

mod scene;

use beadscope_shaders::fit::{FitScratch, Start, Unfit, fit};
use beadscope_shaders::flags::Flags;
use beadscope_shaders::image_model::ImageModel;
use beadscope_shaders::pipeline::{Localization, Method, Params, Tracker};
use beadscope_shaders::radial_profile::{Rings, radial_profile};
use beadscope_shaders::zlut_match::MatchTable;
use scene::{Bead, MAX_LEVEL, NM_PER_PX, Random};

const ROI_PX: usize = 64;
const REPEATS: usize = 40;

fn tracker() -> Tracker {
    Tracker::new(ROI_PX, &Params { method: Method::Fit, ..Params::default() }).unwrap()
}

fn table(model: ImageModel) -> MatchTable {
    scene::table(ROI_PX).with_image_model(model)
}

fn cells() -> Vec<Bead> {
    let places = [(32.0, 32.0), (31.5, 33.3), (32.7, 30.9), (33.6, 32.2)];
    let heights = [230.0, 871.0, 1450.0, 2018.0, 2764.0, 3555.0];
    heights.into_iter().flat_map(|z_nm| places.map(|(x_px, y_px)| Bead { x_px, y_px, z_nm })).collect()
}

/// Root mean squares over all cells, for x, y and z.
struct Figures {
    bias_nm: [f64; 3],
    /// Spread over Cramer-Rao bound.
    efficiency: [f64; 3],
    /// Standard error told over spread seen.
    told_over_seen: [f64; 3],
}

fn measure(name: &str, table: &MatchTable) -> Figures {
    let tracker = tracker();
    let mut scratch = tracker.scratch();
    let mut random = Random(3);
    let (mut bias, mut seen, mut told, mut bound) = ([0.0; 3], [0.0; 3], [0.0; 3], [0.0; 3]);
    let cells = cells();
    for bead in &cells {
        let image = scene::render(ROI_PX, &[*bead]);
        let truth_nm = [NM_PER_PX * bead.x_px, NM_PER_PX * bead.y_px, bead.z_nm];
        let (mut sum, mut squares) = ([0.0; 3], [0.0; 3]);
        for _ in 0..REPEATS {
            let found =
                tracker.locate(&scene::filmed(&image, &mut random), MAX_LEVEL, Some(table), &mut scratch);
            assert!(found.z_nm.is_finite(), "{bead:?}: {}", found.flags);
            let found_nm = [NM_PER_PX * found.x_px, NM_PER_PX * found.y_px, found.z_nm];
            for i in 0..3 {
                let error = found_nm[i] - truth_nm[i];
                sum[i] += error;
                squares[i] += error * error;
                let sigma_nm = f64::from(found.sigma[i]) * if i < 2 { NM_PER_PX } else { 1.0 };
                told[i] += sigma_nm * sigma_nm / REPEATS as f64;
            }
        }
        let least = scene::bound_nm(ROI_PX, *bead);
        for i in 0..3 {
            let mean = sum[i] / REPEATS as f64;
            let variance = (squares[i] - REPEATS as f64 * mean * mean) / (REPEATS - 1) as f64;
            bias[i] += (mean * mean - variance / REPEATS as f64) / cells.len() as f64;
            seen[i] += variance;
            bound[i] += least[i] * least[i];
        }
    }
    let ratio = |a: [f64; 3], b: [f64; 3]| [0, 1, 2].map(|i| (a[i] / b[i]).sqrt());
    let figures = Figures {
        bias_nm: bias.map(|square| square.max(0.0).sqrt()),
        efficiency: ratio(seen, bound),
        told_over_seen: ratio(told, seen),
    };
    println!(
        "{name:28} bias {:.3?} nm, spread over bound {:.3?}, told over seen {:.3?}",
        figures.bias_nm, figures.efficiency, figures.told_over_seen
    );
    figures
}

/// Bounds for the bias that `fit` keeps and each mutant breaks.
const XY_BIAS_NM: f64 = 0.1;
const Z_BIAS_NM: f64 = 0.3;

fn is_unbiased(figures: &Figures) -> bool {
    let [x, y, z] = figures.bias_nm;
    x < XY_BIAS_NM && y < XY_BIAS_NM && z < Z_BIAS_NM
}

#[test]
fn fit_reaches_the_cramer_rao_bound_and_knows_its_own_error() {
    let figures = measure("fit", &table(scene::image_model(ROI_PX, 0.0)));
    assert!(is_unbiased(&figures), "{:?}", figures.bias_nm);
    assert!(figures.efficiency.iter().all(|e| *e < 1.10), "{:?}", figures.efficiency);
    assert!(figures.told_over_seen.iter().all(|r| (0.9..1.1).contains(r)), "{:?}", figures.told_over_seen);
}

#[test]
fn a_model_measured_beside_the_centre_breaks_the_bound() {
    let figures = measure("mutant: centre 1/4 px off", &table(scene::image_model(ROI_PX, 0.25)));
    assert!(figures.bias_nm[2] > Z_BIAS_NM || figures.efficiency[2] > 1.10, "{:?}", figures.bias_nm);
}

#[test]
fn a_model_through_blurred_profiles_breaks_the_bound() {
    // The same Z-LUT without the model that was fitted to pixels.
    let figures = measure("mutant: through profiles", &scene::table(ROI_PX));
    assert!(!is_unbiased(&figures) || figures.efficiency[2] > 1.10, "{:?}", figures.bias_nm);
}

/// Spread seen and mean standard error told of x, y, z at one place, px and nm, and the mean error.
fn at_one_place(table: &MatchTable, image: &[f64], bead: Bead, seed: u64) -> [(f64, f64, f64); 3] {
    let (tracker, mut random) = (tracker(), Random(seed));
    let mut scratch = tracker.scratch();
    let (mut sum, mut squares, mut told) = ([0.0; 3], [0.0; 3], [0.0; 3]);
    for _ in 0..REPEATS {
        let found = tracker.locate(&scene::filmed(image, &mut random), MAX_LEVEL, Some(table), &mut scratch);
        assert!(found.z_nm.is_finite(), "{bead:?}: {}", found.flags);
        let errors = [found.x_px - bead.x_px, found.y_px - bead.y_px, found.z_nm - bead.z_nm];
        for i in 0..3 {
            sum[i] += errors[i];
            squares[i] += errors[i] * errors[i];
            told[i] += f64::from(found.sigma[i]) / REPEATS as f64;
        }
    }
    let n = REPEATS as f64;
    [0, 1, 2].map(|i| (((squares[i] - sum[i] * sum[i] / n) / (n - 1.0)).sqrt(), told[i], sum[i] / n))
}

/// Adds what is the same on opposite sides and not round: a `part` of what stands out of the background.
fn add_lobes(image: &mut [f64], bead: &Bead, part: f64) {
    for (i, v) in image.iter_mut().enumerate() {
        let (x, y) = ((i % ROI_PX) as f64 - bead.x_px, (i / ROI_PX) as f64 - bead.y_px);
        *v += part * (*v - 0.45) * (4.0 * y.atan2(x)).cos();
    }
}

#[test]
fn errors_are_told_of_beads_that_are_not_round_and_of_rounder_ones_than_the_model() {
    let table = table(scene::image_model_of(ROI_PX, 0.0, |image, bead| add_lobes(image, bead, 0.3)));
    for part in [0.0, 0.3] {
        for z_nm in [871.0, 2018.0, 3555.0] {
            let bead = Bead { x_px: 32.2, y_px: 31.7, z_nm };
            let mut image = scene::render(ROI_PX, &[bead]);
            add_lobes(&mut image, &bead, part);
            for (seen, told, _) in at_one_place(&table, &image, bead, 7) {
                // 40 repeats know a spread to 11 %.
                assert!((0.7..1.4).contains(&(told / seen)), "lobes {part} at {z_nm} nm: {told} {seen}");
            }
        }
    }
}

#[test]
fn light_from_one_side_moves_a_fit_less_than_its_noise() {
    let table = table(scene::image_model(ROI_PX, 0.0));
    let bead = Bead { x_px: 31.6, y_px: 32.3, z_nm: 1450.0 };
    let mut image = scene::render(ROI_PX, &[bead]);
    for (i, v) in image.iter_mut().enumerate() {
        *v *= 1.0 + 0.5 * ((i % ROI_PX) as f64 - 32.0) / 32.0;
    }
    let [(spread_px, _, x_px), _, (spread_nm, _, z_nm)] = at_one_place(&table, &image, bead, 9);
    assert!(x_px.abs() < spread_px && z_nm.abs() < spread_nm, "{x_px} px, {z_nm} nm");
    // What solves for no tilt: quadrant interpolation.
    let tracker = Tracker::new(ROI_PX, &Params::default()).unwrap();
    let found = tracker.locate(&scene::exact(&image), MAX_LEVEL, Some(&table), &mut tracker.scratch());
    assert!((found.x_px - bead.x_px).abs() > 2.0 * spread_px, "{found:?}");
}

/// What a tilt does to z where corners hold one side of a ring only.
#[test]
fn light_from_one_side_hardly_moves_z_of_a_bead_beside_the_middle_of_its_roi() {
    let table = table(scene::image_model(ROI_PX, 0.0));
    for (part, x_px, y_px) in [(0.05, 28.0, 35.0), (0.2, 26.0, 36.0), (0.3, 29.6, 33.3), (0.3, 28.0, 35.0)] {
        for z_nm in [550.0, 871.0, 1450.0, 2018.0, 2500.0, 3000.0, 3555.0] {
            let bead = Bead { x_px, y_px, z_nm };
            let mut image = scene::render(ROI_PX, &[bead]);
            for (i, v) in image.iter_mut().enumerate() {
                *v *= 1.0 + part * ((i % ROI_PX) as f64 - 32.0) / 32.0;
            }
            let ([x, y], z, _) = exact_errors(&table, bead, &image);
            // 0.3 nm at most. Corrected once and to first order it is up to 65 nm, and some heights never settle; where
            // the tilt moves z the wrong way 6 nm at the least light.
            assert!(x.max(y) < 0.01 && z < 0.5, "{x} {y} px, {z} nm at {bead:?}, light {part}");
        }
    }
}

/// Where `fit` finds a bead in an image without noise: errors of x, y (px) and z (nm), and the standard error of z.
fn exact_errors(table: &MatchTable, bead: Bead, image: &[f64]) -> ([f64; 2], f64, f32) {
    let tracker = tracker();
    let found = tracker.locate(&scene::exact(image), MAX_LEVEL, Some(table), &mut tracker.scratch());
    (
        [found.x_px - bead.x_px, found.y_px - bead.y_px].map(f64::abs),
        (found.z_nm - bead.z_nm).abs(),
        found.sigma[2],
    )
}

#[test]
fn without_noise_there_is_next_to_no_standard_error() {
    let table = table(scene::image_model(ROI_PX, 0.0));
    for z_nm in [550.0, 1450.0, 2764.0] {
        let bead = Bead { x_px: 32.7, y_px: 30.9, z_nm };
        let (_, _, sigma_z_nm) = exact_errors(&table, bead, &scene::render(ROI_PX, &[bead]));
        // 0.005 nm; the background alone takes the rings for noise: 0.07 to 0.2 nm.
        assert!(sigma_z_nm < 0.03, "{sigma_z_nm} at {z_nm} nm");
    }
}

#[test]
fn a_neighbour_in_the_corner_weighs_little() {
    let table = table(scene::image_model(ROI_PX, 0.0));
    for z_nm in [550.0, 1450.0] {
        let bead = Bead { x_px: 32.7, y_px: 30.9, z_nm };
        let neighbour = Bead { x_px: 66.0, y_px: 60.0, z_nm: 1000.0 };
        let ([x, y], z, _) = exact_errors(&table, bead, &scene::render(ROI_PX, &[bead, neighbour]));
        // 0.003 px and 2.3 nm; if it weighed as all else 0.02 px and 12 nm.
        assert!(x.max(y) < 0.006 && z < 3.5, "{x} {y} {z} at {z_nm} nm");
    }
}

#[test]
fn lobes_that_the_model_knows_of_weigh_little() {
    let table = table(scene::image_model_of(ROI_PX, 0.0, |image, bead| add_lobes(image, bead, 0.3)));
    for z_nm in [550.0, 1450.0, 2764.0] {
        let bead = Bead { x_px: 32.7, y_px: 30.9, z_nm };
        let mut image = scene::render(ROI_PX, &[bead]);
        add_lobes(&mut image, &bead, 0.3);
        let ([x, y], z, _) = exact_errors(&table, bead, &image);
        // 0.0014 px and 0.18 nm; if they weighed as all else 0.004 px and 1.1 nm.
        assert!(x.max(y) < 0.0022 && z < 0.5, "{x} {y} {z} at {z_nm} nm");
    }
}

#[test]
fn a_poor_start_is_no_excuse() {
    let model = scene::image_model(ROI_PX, 0.0);
    let from = |bead: Bead, center_px: (f64, f64), z_nm: f64| {
        let image: Vec<f32> =
            scene::exact(&scene::render(ROI_PX, &[bead])).iter().map(|v| v - 114.0).collect();
        let start = Start { center_px, z_nm, level: 114.0, noise: 2.0, noise_at: 114.0 };
        fit(&image, ROI_PX, &model, start, &mut FitScratch::new(ROI_PX, model.n_knots()))
    };
    let bead = Bead { x_px: 32.0, y_px: 32.0, z_nm: 1450.0 };
    let found = from(bead, (32.29, 31.74), 1470.0).unwrap();
    assert!(
        (found.center_px.0 - 32.0).abs() < 0.001 && (found.center_px.1 - 32.0).abs() < 0.001,
        "{found:?}"
    );
    assert_eq!(from(bead, (34.3, 32.0), 1450.0), Err(Unfit::NotConverged));
    assert_eq!(from(Bead { z_nm: 4030.0, ..bead }, (32.0, 32.0), 3990.0), Err(Unfit::OutOfRange));
}

#[test]
fn lobes_do_not_pull_a_bead_beside_the_middle_of_its_roi() {
    let table = table(scene::image_model(ROI_PX, 0.0));
    for (x_px, y_px, z_nm) in [(28.0, 35.0, 550.0), (28.0, 35.0, 1450.0), (30.0, 33.0, 2764.0)] {
        let bead = Bead { x_px, y_px, z_nm };
        let mut image = scene::render(ROI_PX, &[bead]);
        add_lobes(&mut image, &bead, 0.3);
        let ([x, y], _, _) = exact_errors(&table, bead, &image);
        // 0.0005 px; with pixels whose mirror image is not in the ROI 0.0018 px.
        assert!(x.max(y) < 0.0008, "{x} {y} at {z_nm} nm");
    }
}

#[test]
fn a_black_background_is_fitted_too() {
    // What is darker than the background is black as well.
    let black = |image: &mut [f64]| image.iter_mut().for_each(|v| *v = (*v - 0.45).max(0.0));
    let rings = Rings::for_roi(ROI_PX);
    let rows = scene::profiles(ROI_PX, |image, center_px, row| {
        let image: Vec<f32> = image.iter().map(|grey| (grey - 0.45 * MAX_LEVEL).max(0.0)).collect();
        radial_profile(&image, ROI_PX, center_px, &rings, row);
    });
    let table =
        MatchTable::new(&rows, &scene::plane_heights(), rings.n_rings, 0.0, rings.ring_step_px).unwrap();
    let table = table.with_image_model(scene::image_model_of(ROI_PX, 0.0, |image, _| black(image)));
    for z_nm in [871.0, 2018.0, 3555.0] {
        let bead = Bead { x_px: 32.2, y_px: 31.7, z_nm };
        let mut image = scene::render(ROI_PX, &[bead]);
        black(&mut image);
        let [x, y, z] = at_one_place(&table, &image, bead, 3);
        println!("black background at {z_nm} nm: spread, told, bias {x:.4?} {y:.4?} px {z:.3?} nm");
        assert!(x.0.max(y.0) < 0.01 && z.0 < 4.0, "{x:?} {y:?} {z:?}");
        assert!(x.2.abs().max(y.2.abs()) < 0.02 && z.2.abs() < 4.0, "{x:?} {y:?} {z:?}");
    }
}

#[test]
fn what_cannot_be_fitted_says_so() {
    let tracker = tracker();
    let mut scratch = tracker.scratch();
    let table = table(scene::image_model(ROI_PX, 0.0));
    let mut locate = |image: &[f32]| tracker.locate(image, MAX_LEVEL, Some(&table), &mut scratch);
    let is_nothing =
        |found: Localization| found.x_px.is_nan() && found.z_nm.is_nan() && found.sigma[0].is_nan();

    let flat = locate(&[100.0; ROI_PX * ROI_PX]);
    assert!(is_nothing(flat) && flat.flags.contains(Flags::LOW_CONTRAST), "{flat:?}");
    let beyond =
        locate(&scene::exact(&scene::render(ROI_PX, &[Bead { x_px: 32.0, y_px: 32.0, z_nm: 4080.0 }])));
    assert!(beyond.z_nm.is_nan() && beyond.x_px.is_finite(), "{beyond:?}");
    assert!(beyond.flags.contains(Flags::Z_OUT_OF_RANGE), "{beyond:?}");
    let edge = locate(&scene::exact(&scene::render(ROI_PX, &[Bead { x_px: 3.0, y_px: 32.0, z_nm: 1500.0 }])));
    assert!(is_nothing(edge), "{edge:?}");
}
