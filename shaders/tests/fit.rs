//! `fit` against the Cramer-Rao bound: bias, spread and its own standard errors, and what breaks them.

#![allow(clippy::unwrap_used, reason = "a test stops at what should not be")]
#![allow(clippy::print_stdout, reason = "the table is the output of this test")]

mod scene;

use beadscope_shaders::flags::Flags;
use beadscope_shaders::image_model::ImageModel;
use beadscope_shaders::pipeline::{Localization, Method, Params, Tracker};
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
