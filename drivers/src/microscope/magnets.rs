//! The force of a pair of magnets against their height.

use super::settings::Magnets;

/// Force on a bead of the usual magnetisation, pN, with the magnets so high above the sample, mm.
pub(crate) fn force_pn(magnets: &Magnets, height_mm: f64) -> f64 {
    let [near_mm, far_mm] = magnets.decay_mm;
    let height_mm = height_mm.max(0.0);
    let near = magnets.near_share * (-height_mm / near_mm).exp();
    let far = (1.0 - magnets.near_share) * (-height_mm / far_mm).exp();
    magnets.greatest_pn * (near + far) + magnets.least_pn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_fit_of_the_van_noort_lab() {
        let magnets = Magnets::default();
        // PyTweezers, ForceSpectroscopy.MagnetForce: 85 (0.7 e^(-x / 1.4) + 0.3 e^(-x / 0.8)) + 0.02.
        for (height_mm, expected_pn) in
            [(0.0, 85.0), (1.0, 36.5), (2.0, 16.4), (3.0, 7.6), (5.0, 1.74), (8.0, 0.22)]
        {
            let force = force_pn(&magnets, height_mm);
            assert!((force / expected_pn - 1.0).abs() < 0.02, "{height_mm} mm: {force} pN");
        }
    }
}
