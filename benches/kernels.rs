//! What one bead costs, method by method, on one core: `cargo bench --bench kernels`.
//!
//! Figures are per bead image. Compare them as ratios within one run; machines are shared and noisy.
#![allow(
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark that cannot be set up has nothing to report"
)]

use beadscope_drivers::cameras::simulated::{Scene, Settings};
use beadscope_engine::calibrate::{match_table, zlut_from_sweep};
use beadscope_shaders::params::{Method, Params};
use beadscope_shaders::pipeline::Tracker;
use beadscope_shaders::radial_profile::radial_profile;
use beadscope_shaders::rings::Rings;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

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
        let rings = Rings::for_roi(side);
        let mut profile = vec![0.0; rings.n_rings];
        let center_px = (f64::from(roi_px / 2), f64::from(roi_px / 2));
        group.bench_function("radial profile", |bencher| {
            bencher.iter(|| radial_profile(image, side, center_px, &rings, &mut profile));
        });
        group.finish();
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
