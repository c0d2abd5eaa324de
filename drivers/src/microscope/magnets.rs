//! The force of a pair of magnets against their height.

use super::settings::Magnets;

/// Force on a bead of the usual magnetisation, pN, with the magnets so high above the sample, mm.
pub(crate) fn force_pn(magnets: &Magnets, height_mm: f64) -> f64 {
    if let (Some(first), Some(last)) = (magnets.table.first(), magnets.table.last()) {
        return tabulated_pn(&magnets.table, height_mm.clamp(first[0], last[0]));
    }
    let [near_mm, far_mm] = magnets.decay_mm;
    let height_mm = height_mm.max(0.0);
    let near = magnets.near_share * (-height_mm / near_mm).exp();
    let far = (1.0 - magnets.near_share) * (-height_mm / far_mm).exp();
    magnets.greatest_pn * (near + far) + magnets.least_pn
}

/// Between the two rows about this height, which lies in the table, the logarithm of the force is a straight line.
fn tabulated_pn(table: &[[f64; 2]], height_mm: f64) -> f64 {
    let above = table.partition_point(|[height, _]| *height < height_mm).clamp(1, table.len() - 1);
    let [[low_mm, low_pn], [high_mm, high_pn]] = [table[above - 1], table[above]];
    low_pn * (high_pn / low_pn).powf((height_mm - low_mm) / (high_mm - low_mm))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_what_it_says_and_is_exponential_between() {
        let magnets = Magnets { table: vec![[0.5, 40.0], [1.5, 10.0], [4.0, 2.0]], ..Magnets::default() };
        for (height_mm, expected_pn) in [
            (0.0, 40.0),
            (0.5, 40.0),
            (1.0, 20.0),
            (1.5, 10.0),
            (2.75, 20_f64.sqrt()),
            (4.0, 2.0),
            (9.0, 2.0),
        ] {
            let force = force_pn(&magnets, height_mm);
            assert!((force / expected_pn - 1.0).abs() < 1e-12, "{height_mm} mm: {force} pN");
        }
    }

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
