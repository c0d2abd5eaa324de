//! What one bead costs, method by method and kernel by kernel, on one core: `cargo bench --bench kernels`.
//!
//! Figures are per bead image. Compare them as ratios within one run; machines are shared and noisy.
#![allow(
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark that cannot be set up has nothing to report"
)]

use std::hint::black_box;

use beadscope_drivers::cameras::simulated::{Scene, Settings};
use beadscope_engine::calibrate::zlut_from_sweep;
use beadscope_engine::prepared_zlut::match_table;
use beadscope_shaders::auto_convolution::{Lines, Reach, auto_convolution};
use beadscope_shaders::background;
use beadscope_shaders::center_of_mass::{Window, center_of_mass};
use beadscope_shaders::match_table::MatchTable;
use beadscope_shaders::params::{Method, Params};
use beadscope_shaders::pipeline::Tracker;
use beadscope_shaders::quadrant_interpolation::step;
use beadscope_shaders::radial_profile::{PolarProfile, ring_weights};
use beadscope_shaders::rings::{ARC_STEP_PX, COARSE_ARC_STEP_PX, PolarGrid, Rings};
use beadscope_shaders::zlut_match::{MatchScratch, zlut_match};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};

fn kernels(criterion: &mut Criterion) {
    for roi_px in [64, 100, 128] {
        let mut group = criterion.benchmark_group(format!("ROI {roi_px} px"));
        group.throughput(Throughput::Elements(1));
        let settings = Settings { beads: 1, reference_beads: 1, roi_px, ..Settings::default() };
        let scene = Scene::new(&settings).expect("one bead fits the frame");
        let sweep = scene.focus_sweep(roi_px).expect("the simulated microscope sweeps its focus");
        let zlut = zlut_from_sweep(&sweep, None, "bench".to_owned()).expect("the sweep makes a Z-LUT");
        let (table, _) = match_table(&zlut, roi_px).expect("the Z-LUT fits the ROI");
        let side = roi_px as usize;
        let image = &sweep.images[side * side * 20..side * side * 21];

        for method in [Method::CenterOfMass, Method::AutoConvolution, Method::QuadrantInterpolation] {
            let params = Params { method, ..Params::default() };
            let tracker = Tracker::new(side, &params).expect("the ROI size is in range");
            let mut scratch = tracker.scratch();
            let mut locate = |lut| tracker.locate(image, f32::MAX, lut, &mut scratch);
            group.bench_function(format!("{method}, x and y"), |bencher| bencher.iter(|| locate(None)));
            group.bench_function(format!("{method}, x, y and z"), |bencher| {
                bencher.iter(|| locate(Some(&table)))
            });
        }
        stages(&mut group, image, side, &table);
        group.finish();
    }
}

/// The kernels one by one, each on what the one before it gives.
fn stages(group: &mut BenchmarkGroup<'_, WallTime>, image: &[f32], side: usize, table: &MatchTable) {
    let mut border = Vec::with_capacity(4 * side);
    group.bench_function("background", |bencher| {
        bencher.iter(|| background::measure(black_box(image), side, &mut border));
    });
    let background = background::measure(image, side, &mut border);
    group.bench_function("saturation", |bencher| {
        bencher.iter(|| background::is_saturated(black_box(image), 255.0));
    });
    let mut pixels = vec![0.0; side * side];
    group.bench_function("subtraction", |bencher| {
        bencher.iter(|| background::subtract(black_box(image), background.level, &mut pixels));
    });
    let window = Window::gaussian(side, 0.2 * side as f64);
    let dead_zone = 2.0 * background.noise;
    group.bench_function("centre of mass", |bencher| {
        bencher.iter(|| center_of_mass(black_box(&pixels), side, dead_zone, &window));
    });
    let mut center_px = center_of_mass(&pixels, side, dead_zone, &window).expect("the image shows a bead");
    let mut lines = Lines::new(side);
    for (name, search) in [("auto-convolution, first", 0.25), ("auto-convolution, second", 1.0 / 16.0)] {
        let reach = Reach { window_px: 0.15 * side as f64, search_px: search * side as f64 };
        let mut step = || auto_convolution(black_box(&pixels), side, center_px, reach, &mut lines);
        group.bench_function(name, |bencher| bencher.iter(&mut step));
        center_px = step().expect("the bead is symmetric").center_px;
    }
    let coarse = PolarGrid::new(Rings::coarse_for_roi(side), COARSE_ARC_STEP_PX);
    let fine = PolarGrid::new(Rings::for_roi(side), ARC_STEP_PX);
    let mut profile = PolarProfile::new(side);
    for (name, grid) in [("polar pass, coarse", &coarse), ("polar pass, fine", &fine)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| profile.measure(black_box(&pixels), side, center_px, grid));
        });
    }
    let (rings, mut weights) = (fine.rings(), vec![0.0; side]);
    group.bench_function("ring weights", |bencher| {
        bencher.iter(|| ring_weights(black_box(&profile), rings, background.level, &mut weights));
    });
    group.bench_function("step", |bencher| bencher.iter(|| step(black_box(&profile), rings, &weights)));
    let mut matching = MatchScratch::default();
    group.bench_function("Z-LUT match", |bencher| {
        bencher.iter(|| zlut_match(table, black_box(&profile.mean), &weights, &mut matching));
    });
}

criterion_group!(benches, kernels);
criterion_main!(benches);
