//! What twist does to a molecule: how much of its length the turns of the magnets leave.
//!
//! Up to the buckling torque the molecule shortens a little; then plectonemes take up length in proportion to the turns beyond
//! (Strick et al. 1996, Science 271, 1835). At forces above about 0.8 pN unwinding melts the helix instead, and the hat is one-sided.

use std::f64::consts::PI;

use super::chain::Chain;

/// Torsional persistence length, nm (Bryant et al. 2003, Nature 424, 338: 100 ± 7 nm).
const TWIST_PERSISTENCE_NM: f64 = 100.0;
/// Between these forces, pN, unwound DNA turns from buckling to melting (Strick et al. 1998, Biophys. J. 74, 2016).
const MELTING_PN: [f64; 2] = [0.7, 1.0];
/// Torque at which unwound DNA melts, pN nm (Bryant et al. 2003: -9.6).
const MELTING_TORQUE: f64 = 9.6;
/// Below this force, pN, the theory of a stretched rod does not hold; its values there are used.
const LEAST_PN: f64 = 0.1;

/// The share of its extension without twist that `chain` has under `force_pn` and `turns` (positive: overwound).
pub(crate) fn remaining(chain: &Chain, force_pn: f64, turns: f64) -> f64 {
    let force_pn = force_pn.max(LEAST_PN);
    let kt = chain.kt;
    let stretch = chain.persistence_nm * force_pn / kt;
    // Moroz and Nelson 1997 (PNAS 94, 14418, eq. 2): fluctuations soften the twist.
    let softened = 1.0 - TWIST_PERSISTENCE_NM / (4.0 * chain.persistence_nm) / stretch.sqrt();
    let twist = TWIST_PERSISTENCE_NM * softened.max(0.3);
    let torque_per_turn = 2.0 * PI * twist * kt / chain.contour_nm;
    // Strick et al. 2003 (Rep. Prog. Phys. 66, 1): a loop costs as much as it saves.
    let buckling = (2.0 * chain.persistence_nm * kt * force_pn).sqrt();
    // Their eq. 3, as shortening against no torque.
    let extension =
        |torque: f64| 1.0 - 0.5 / (stretch - (torque / (2.0 * kt)).powi(2) - 1.0 / 32.0).max(0.1).sqrt();
    let straight = |torque: f64| (extension(torque) / extension(0.0)).clamp(0.05, 1.0);
    let wound = turns.abs();
    let buckled_at = buckling / torque_per_turn;
    let buckled = if wound <= buckled_at {
        straight(wound * torque_per_turn)
    } else {
        // Maxwell's relation between length and torque (Zhang and Marko 2008, Phys. Rev. E 77, 031916): dz/dn = -2 pi d(torque)/dF.
        let slope = PI * buckling / force_pn / chain.extension(force_pn).max(1.0);
        straight(buckling) - slope * (wound - buckled_at)
    };
    let melting = ((force_pn - MELTING_PN[0]) / (MELTING_PN[1] - MELTING_PN[0])).clamp(0.0, 1.0);
    let share = if turns < 0.0 && melting > 0.0 {
        let melted = straight((wound * torque_per_turn).min(MELTING_TORQUE));
        melting * melted + (1.0 - melting) * buckled
    } else {
        buckled
    };
    share.max(0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAIN: Chain = Chain { contour_nm: 2700.0, persistence_nm: 50.0, stretch_pn: 1000.0, kt: 4.11 };

    #[test]
    fn the_hat_is_symmetric_at_low_force_and_one_sided_at_high_force() {
        for turns in [5.0, 12.0, 25.0] {
            let [low, negative] = [turns, -turns].map(|turns| remaining(&CHAIN, 0.3, turns));
            assert_eq!(low, negative);
        }
        let [wound, unwound] = [50.0, -50.0].map(|turns| remaining(&CHAIN, 3.0, turns));
        assert!(unwound > 0.95 && wound < 0.9, "{wound} {unwound}");
        assert_eq!(remaining(&CHAIN, 0.3, 0.0), 1.0);
    }

    #[test]
    fn it_buckles_where_the_theory_says_and_falls_as_maxwell_asks() {
        // 1 pN: torque sqrt(2 x 50 x 4.11 x 1) = 20.3 pN nm.
        let slope_of = |from: f64, to: f64| {
            (remaining(&CHAIN, 1.0, from) - remaining(&CHAIN, 1.0, to)) * CHAIN.extension(1.0) / (to - from)
        };
        let before = slope_of(5.0, 6.0);
        let after = slope_of(35.0, 36.0);
        assert!(before < 8.0, "{before} nm per turn");
        assert!((after - PI * 20.3).abs() < 0.5, "{after} nm per turn");
        let buckles =
            (10..60).find(|turns| slope_of(f64::from(*turns), f64::from(*turns) + 1.0) > 40.0).unwrap();
        // 20.3 / (2 pi 4.11 x 86 / 2700), with C softened to 86 nm.
        assert!((23..=26).contains(&buckles), "{buckles} turns");
    }
}
