//! Beads of different sizes pull, weigh and look as their sizes say; frames come when the trigger says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, helpers of tests too")]

use std::time::Duration;

use beadscope_drivers::camera::{CameraDriver, CameraRequest};
use beadscope_drivers::cameras::simulated::{Driver, Scene, Settings};

/// Seven sizes of equal share are as far apart as a normal distribution's: the force goes with the volume.
#[test]
fn a_spread_of_sizes_is_a_spread_of_forces_and_images() {
    let settings = Settings {
        bead_radius_spread: 0.05,
        magnetisation_spread: 0.0,
        bead_density: 1.0,
        reference_beads: 30,
        beads: 130,
        photons_at_white: 1e7,
        read_noise_e: 0.0,
        drift_nm_per_s: [0.0; 3],
        walk_nm_per_sqrt_s: [0.0; 3],
        ..Settings::default()
    };
    let scene = Scene::new(&settings).unwrap();
    let forces = scene.beads().iter().filter(|bead| !bead.is_reference).map(|bead| bead.force_pn);
    let sizes: Vec<f64> = forces.map(|force_pn| force_pn.cbrt()).collect();
    let mean = sizes.iter().sum::<f64>() / 100.0;
    let spread = (sizes.iter().map(|size| (size / mean - 1.0).powi(2)).sum::<f64>() / 99.0).sqrt();
    // The spread of 100 draws is known to 7 %.
    assert!((spread / 0.05 - 1.0).abs() < 0.2, "{spread}");
    let mut distinct = sizes.clone();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup_by(|a, b| (*a / *b - 1.0).abs() < 1e-9);
    assert_eq!(distinct.len(), 7, "{distinct:?}");
    let ratio = distinct[6] / distinct[0];
    assert!((ratio / (1.0804 / 0.9196) - 1.0).abs() < 1e-4, "1.608 standard deviations: {ratio}");

    let (alike, unlike) = (
        range_of_cores(&Settings { bead_radius_spread: 0.0, ..settings.clone() }),
        range_of_cores(&settings),
    );
    assert!(
        unlike > 3.0 * alike && unlike > 4.0,
        "grey levels differ by {unlike}, and by {alike} without a spread"
    );
}

/// By how much the dark middles of beads stuck to the surface differ, in grey levels: they are equally high.
fn range_of_cores(settings: &Settings) -> f64 {
    let mut scene = Scene::new(settings).unwrap();
    let mut slot = vec![0; scene.frame_bytes()];
    scene.render(&mut slot);
    let core = |[x, y]: [f64; 2]| {
        let near =
            (-3..=3).flat_map(|dy| (-3..=3).map(move |dx| (x.round() as i64 + dx, y.round() as i64 + dy)));
        near.map(|(x, y)| f64::from(slot[y as usize * 1280 + x as usize])).sum::<f64>() / 49.0
    };
    let stuck = scene.beads().iter().filter(|bead| bead.is_reference);
    let cores: Vec<f64> = stuck.map(|bead| core([bead.x_px, bead.y_px])).collect();
    cores.iter().copied().fold(0.0, f64::max) - cores.iter().copied().fold(f64::MAX, f64::min)
}

#[test]
fn a_trigger_sets_the_rate_and_its_jitter_is_seen() {
    let interval_ns = |extra: &str| {
        let table = format!("width_px = 64\nheight_px = 64\nbeads = 0\nreference_beads = 0\n{extra}");
        let mut camera = Driver.open(&table.parse().unwrap()).unwrap();
        let request = CameraRequest { rate_hz: Some(5000.0), exposure_us: Some(100.0), ..Default::default() };
        let config = camera.configure(&request).unwrap();
        camera.start().unwrap();
        let mut slot = vec![0; 64 * 64];
        let mut last: Option<(u64, u64)> = None;
        let mut intervals = Vec::new();
        for _ in 0..400 {
            let info = camera.read_into(&mut slot, Duration::from_secs(1)).unwrap();
            let now = (info.device_frame, info.device_time_ns.unwrap());
            // A frame that a busy machine has lost leaves an interval out.
            if let Some(last) = last.replace(now).filter(|last| last.0 + 1 == now.0) {
                intervals.push(now.1 as f64 - last.1 as f64);
            }
        }
        let n = intervals.len() as f64;
        let mean = intervals.iter().sum::<f64>() / n;
        let deviation = (intervals.iter().map(|ns| (ns - mean).powi(2)).sum::<f64>() / n).sqrt();
        (config.rate_hz, mean, deviation)
    };
    let (rate_hz, mean, deviation) = interval_ns("timing.trigger_hz = 1000.0");
    assert_eq!((rate_hz, mean, deviation), (1000.0, 1e6, 0.0));
    let (_, mean, deviation) = interval_ns("timing = { trigger_hz = 1000.0, trigger_jitter_us = 20.0 }");
    // Two independent times: the square root of two more.
    assert!(
        (mean / 1e6 - 1.0).abs() < 1e-3 && (deviation / 28_284.0 - 1.0).abs() < 0.2,
        "{mean} {deviation}"
    );
    let (_, mean, deviation) = interval_ns("timing = { trigger_hz = 1000.0, timestamp_jitter_us = 5.0 }");
    assert!((mean / 1e6 - 1.0).abs() < 1e-3 && (deviation / 7071.0 - 1.0).abs() < 0.2, "{mean} {deviation}");
    let (rate_hz, _, _) = interval_ns("");
    assert_eq!(rate_hz, 5000.0, "without a trigger it runs free");
}
