//! Is the model converged, is the table the model, and can a tracker use it?

use super::*;

/// The settings' defaults, and the direct model at radii `r_px`.
fn direct(settings: &Settings, z_nm: f64, radii_px: &[f64]) -> Vec<f64> {
    let model = Model::new(settings, image_radius_px(settings) * settings.pixel_size_nm);
    let bessel = model.bessel(radii_px.iter().map(|r| r * settings.pixel_size_nm));
    model.intensity(z_nm, &bessel)
}

fn root_mean_square(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), value| (sum + value * value, n + 1.0));
    (sum / n).sqrt()
}

#[test]
fn the_bessel_function_is_right() {
    // Abramowitz and Stegun, table 9.1.
    for (x, expected) in [(0.0, 1.0), (1.0, 0.765_197_686_557_966_6), (10.0, -0.245_935_764_451_348_34)] {
        assert!((bessel_j0(x) - expected).abs() < 1e-14, "J0({x})");
    }
    // Far out, Hankel's expansion: J0(x) = sqrt(2 / pi x) (P cos(x - pi/4) - Q sin(x - pi/4)).
    let x: f64 = 200.0;
    let (p, q) = (1.0 - 9.0 / (128.0 * x * x), -1.0 / (8.0 * x) + 225.0 / (3072.0 * x.powi(3)));
    let expected = (2.0 / (PI * x)).sqrt() * (p * (x - PI / 4.0).cos() - q * (x - PI / 4.0).sin());
    assert!((bessel_j0(x) - expected).abs() < 1e-10);
}

#[test]
fn gauss_legendre_integrates_polynomials_exactly() {
    let integral: f64 = gauss_legendre(5).iter().map(|(x, weight)| weight * x.powi(8)).sum();
    assert!((integral - 2.0 / 9.0).abs() < 1e-14);
}

#[test]
fn quadrature_converges() {
    let settings = Settings::default();
    let radii_px: Vec<f64> = (0..80).map(|i| f64::from(i) * 0.5).collect();
    let usual = direct(&settings, 0.0, &radii_px);
    // Asking for twice the radius adds nodes and changes nothing else.
    let model = Model::new(&settings, 2.0 * image_radius_px(&settings) * settings.pixel_size_nm);
    let finer = model.intensity(0.0, &model.bessel(radii_px.iter().map(|r| r * settings.pixel_size_nm)));
    let worst = usual.iter().zip(&finer).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst < 1e-9, "{worst}");
}

/// Interpolation error, as the shift in radius and in height that would change the image as much.
#[test]
fn the_table_is_the_model() {
    let settings = Settings::default();
    let table = RadialTable::new(&settings);
    let mut profile = vec![0.0; table.n_rings()];
    // Between columns and between planes, where interpolation is worst, inside the radius that is not faded.
    let radii_px: Vec<f64> = (0..510).map(|i| (f64::from(i) + 0.5) * RING_STEP_PX).collect();
    let (mut worst_px, mut worst_nm): (f64, f64) = (0.0, 0.0);
    for z_nm in [-195.0, 5.0, 903.0, 1505.0, 2495.0, 3000.0] {
        table.profile(z_nm, 1.0, &mut profile);
        let truth = direct(&settings, z_nm, &radii_px);
        let higher = direct(&settings, z_nm + 1.0, &radii_px);
        let outward: Vec<f64> = radii_px.iter().map(|r| r + 0.01).collect();
        let outward = direct(&settings, z_nm, &outward);
        let error =
            (0..radii_px.len()).map(|i| f64::from(0.5 * (profile[i] + profile[i + 1])) + 1.0 - truth[i]);
        let error = root_mean_square(error);
        let per_px = root_mean_square(outward.iter().zip(&truth).map(|(a, b)| (a - b) / 0.01));
        let per_nm = root_mean_square(higher.iter().zip(&truth).map(|(a, b)| a - b));
        worst_px = worst_px.max(error / per_px);
        worst_nm = worst_nm.max(error / per_nm);
    }
    println!(
        "interpolation error: {worst_px:.6} px or {worst_nm:.4} nm (rms over the profile, worst of six heights)"
    );
    assert!(worst_px < 0.002 && worst_nm < 0.2, "{worst_px} px, {worst_nm} nm");
}

#[test]
fn a_bead_has_a_dark_core_bright_rings_and_an_end() {
    let settings = Settings::default();
    let table = RadialTable::new(&settings);
    let mut profile = vec![0.0; table.n_rings()];
    for z_nm in [0.0, 1000.0, 2000.0, 3000.0] {
        table.profile(z_nm, 1.0, &mut profile);
        let darkest = profile.iter().copied().fold(f32::MAX, f32::min);
        let brightest = profile.iter().copied().fold(f32::MIN, f32::max);
        assert!(darkest < -0.35 && brightest > 0.15, "z {z_nm}: {darkest} to {brightest}");
        let ring_at = |r_px: f64| (r_px / RING_STEP_PX) as usize;
        let tail = profile[ring_at(30.0)..].iter().map(|ring| ring.abs()).fold(0.0, f32::max);
        assert!(tail < 0.06, "z {z_nm}: {tail} beyond 30 px");
        assert!(profile[ring_at(table.radius_px())].abs() < 1e-3);
    }
}

/// A Z-LUT finds a height by comparing profiles: it needs each profile nearest to its neighbours in z, over the whole range.
#[test]
fn profiles_differ_the_more_the_further_apart_they_are() {
    let settings = Settings::default();
    let table = RadialTable::new(&settings);
    let plane = |z_nm: f64| {
        let mut profile = vec![0.0; table.n_rings()];
        table.profile(z_nm, 1.0, &mut profile);
        profile
    };
    let difference =
        |a: f64, b: f64| root_mean_square(plane(a).iter().zip(&plane(b)).map(|(a, b)| f64::from(a - b)));
    for z_nm in [0.0, 500.0, 1000.0, 1500.0, 2000.0, 2500.0] {
        let near = difference(z_nm, z_nm + 100.0);
        for far_nm in (-100..3000).step_by(100).map(f64::from).filter(|far| (far - z_nm).abs() > 150.0) {
            assert!(difference(z_nm, far_nm) > near, "z {z_nm} looks more like {far_nm} than its neighbour");
        }
    }
}
