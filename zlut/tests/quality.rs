//! Quality figures find what was put into a table, and nothing where nothing is wrong.
#![allow(clippy::unwrap_used, reason = "clippy knows #[test] functions, not their helpers")]

use beadscope_zlut::{
    Origin, ZLut,
    quality::{PlaneState, assess},
};

/// Rings that wander with height, as a bead's do, plus noise of `sigma` grey levels that is the same in each
/// run.
fn table(step_nm: f64, sigma: f64, edit: impl Fn(usize, &mut [f32])) -> ZLut {
    let mut seed = 1_u64;
    let mut uniform = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut profiles = Vec::new();
    for plane in 0..40 {
        let z_nm = plane as f64 * step_nm;
        let mut row: Vec<f32> = (0..50)
            .map(|ring| {
                let noise: f64 = (0..12).map(|_| uniform()).sum::<f64>() - 6.0; // nearly normal, width 1
                (100.0 + 30.0 * (0.4 * f64::from(ring) + z_nm / 500.0).sin() + sigma * noise) as f32
            })
            .collect();
        edit(plane, &mut row);
        profiles.extend(row);
    }
    ZLut::new((0..40).map(|k| f64::from(k) * step_nm).collect(), 50, profiles, Origin::default()).unwrap()
}

#[test]
fn noise_and_slope_are_those_put_in() {
    let quality = assess(&table(100.0, 0.5, |_, _| {}));
    let noise = quality.noise.unwrap();
    assert!((noise - 0.5).abs() < 0.05, "{noise}");
    // |d/dz 30 sin(0.4 r + z/500)| over 50 rings: 30/500 · √25 = 0.3 grey levels per nm.
    let slopes: Vec<f64> = quality.planes.iter().map(|plane| plane.slope_per_nm).collect();
    let mean = slopes.iter().sum::<f64>() / slopes.len() as f64;
    assert!((mean - 0.3).abs() < 0.03, "{mean}");
    assert!((quality.planes[20].z_noise_nm - 0.5 / 0.3).abs() < 0.4, "{:?}", quality.planes[20]);
    assert!(quality.is_good());
    assert!(quality.verdict().starts_with("good: all 40 planes differ;"), "{}", quality.verdict());
}

#[test]
fn what_gain_and_offset_could_imitate_does_not_count() {
    // No change with height but a lamp that becomes brighter.
    let lamp = table(0.001, 0.0, |plane, row| {
        row.iter_mut().for_each(|grey| *grey = *grey * (1.0 + plane as f32 / 40.0) + plane as f32);
    });
    let ring = table(0.001, 0.0, |plane, row| row[10] += plane as f32);
    let slope = |table: &ZLut| assess(table).planes[20].slope_per_nm;
    assert!(slope(&lamp) < 1e-3 * slope(&ring), "{} {}", slope(&lamp), slope(&ring));
}

#[test]
fn planes_closer_than_the_noise_are_doubtful() {
    let quality = assess(&table(0.5, 5.0, |_, _| {}));
    assert!(!quality.is_good());
    assert!(quality.verdict().starts_with("doubtful:"), "{}", quality.verdict());
}

#[test]
fn unusable_planes_are_found_and_counted() {
    let quality = assess(&table(100.0, 0.5, |plane, row| match plane {
        3 => row.fill(7.0),
        5 | 6 => row.fill(f32::NAN),
        _ => {}
    }));
    assert_eq!(quality.planes[3].state, PlaneState::Flat);
    assert_eq!(quality.planes[6].state, PlaneState::NotMeasured);
    assert!(quality.planes[7].slope_per_nm.is_nan(), "beside a plane that is missing");
    assert!(quality.planes[9].slope_per_nm > 0.0);
    assert_eq!(quality.verdict(), "bad: 3 of 40 planes are flat or not measured, the first at 300 nm");
}

#[test]
fn a_repeated_plane_is_found() {
    let one = table(100.0, 0.5, |_, _| {});
    let repeated = table(100.0, 0.5, |plane, row| {
        if plane == 8 {
            row.copy_from_slice(one.profile(2));
        }
    });
    let quality = assess(&repeated);
    assert_eq!(quality.planes[8].state, PlaneState::Repeats { plane: 2 });
    assert_eq!(quality.verdict(), "bad: 1 of 40 planes repeat a lower one, the first at 800 nm");
}

#[test]
fn rings_that_were_never_measured_do_not_matter() {
    let with = assess(&table(100.0, 0.5, |_, row| row[0] = f32::NAN));
    assert!(with.is_good(), "{}", with.verdict());
}

#[test]
fn a_bead_that_moved_during_the_sweep_is_found() {
    let moved = table(100.0, 0.5, |plane, row| {
        if plane >= 21 {
            row.rotate_left(1);
        }
    });
    let quality = assess(&moved);
    assert_eq!(quality.jumps_nm, [2000.0]);
    assert_eq!(
        quality.verdict(),
        "doubtful: the profile jumps at 1 of 39 steps, the first above 2000 nm; \
         the bead or the focus moved during the sweep"
    );
    assert!(assess(&table(100.0, 0.5, |_, _| {})).jumps_nm.is_empty());
}
