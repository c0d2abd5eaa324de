//! Does a bead move as the physics says? Each check is also made of a bead that is wrong in one thing, and must find it.

use super::*;

fn water() -> Water {
    Water::at(25.0)
}

/// A bead of 1 µm on 1 µm of DNA; MyOne in the table of the field's notes.
fn bead() -> Bead {
    Bead { radius_nm: 525.0, weight_pn: 0.0, magnetisation: 1.0, anchor_nm: 0.0, anchor_rad: 0.0 }
}

fn molecule() -> Molecule {
    Molecule { length_bp: 3235, ..Molecule::default() }
}

fn pull(force_pn: f64) -> Pull {
    Pull { force_pn, turns: 0.0 }
}

/// Frames `dt_s` apart.
fn film(tether: &mut Tether, frames: usize, dt_s: f64, exposure_s: f64, pull: Pull) -> Vec<[f64; 3]> {
    let mut rng = Rng::new(5);
    tether.advance(100.0, 0.0, pull, &mut rng);
    (0..frames).map(|_| tether.advance(dt_s, exposure_s, pull, &mut rng)).collect()
}

fn mean_and_variance(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    (mean, values.map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

/// Mean and variance of z by Boltzmann's law, for this molecule and the wall alone.
fn boltzmann(molecule: &Molecule, force_pn: f64) -> (f64, f64) {
    let (kt, chain) = (water().kt, molecule.chain(water().kt));
    let (step, mut l, mut energy) = (0.05, 0.5, 0.0);
    let mut sums = [0.0; 3];
    let places: Vec<f64> =
        (0..).map(|i| 0.1 + step * f64::from(i)).take_while(|z| *z < 1.2 * chain.contour_nm).collect();
    let energies: Vec<f64> = places
        .iter()
        .map(|z| {
            energy += step * (chain.pull(*z, &mut l).0 - force_pn - REPULSION_PN * (-z / DEBYE_NM).exp());
            energy
        })
        .collect();
    let least = energies.iter().copied().fold(f64::INFINITY, f64::min);
    for (z, energy) in places.iter().zip(&energies) {
        let weight = ((least - energy) / kt).exp();
        sums = [sums[0] + weight, sums[1] + weight * z, sums[2] + weight * z * z];
    }
    let mean = sums[1] / sums[0];
    (mean, sums[2] / sums[0] - mean * mean)
}

fn z_of(molecule: &Molecule, force_pn: f64) -> (f64, f64) {
    let mut tether = Tether::new(bead(), molecule, MoleculeKind::Dna, water(), pull(force_pn));
    let relaxation_s = 0.5 / force_pn.max(0.1);
    let frames = film(&mut tether, 20_000, relaxation_s.min(0.3), 0.0, pull(force_pn));
    mean_and_variance(frames.iter().map(|at| at[2]))
}

#[test]
fn heights_are_as_boltzmann_says_and_the_molecule_as_long_as_the_worm_like_chain() {
    for force_pn in [0.1, 0.5, 2.0, 8.0, 20.0] {
        let (mean, variance) = z_of(&molecule(), force_pn);
        let (expected, expected_variance) = boltzmann(&molecule(), force_pn);
        assert!((mean / expected - 1.0).abs() < 0.009, "{force_pn} pN: {mean} nm, not {expected}");
        let ratio = variance / expected_variance;
        assert!((ratio - 1.0).abs() < 0.05, "{force_pn} pN: variance {variance}, not {expected_variance}");
        let chain = molecule().chain(water().kt).extension(force_pn);
        assert!(
            force_pn < 0.5 || (mean / chain - 1.0).abs() < 0.01,
            "{force_pn} pN: {mean} nm, chain {chain}"
        );
    }
    // A molecule that is a tenth stiffer is found out at a weak force.
    let stiffer = Molecule { persistence_nm: 1.1 * molecule().persistence_nm, ..molecule() };
    assert!((z_of(&stiffer, 0.5).0 / boltzmann(&molecule(), 0.5).0 - 1.0).abs() > 0.01);
}

/// At a weak force the heights lean to the surface, so the mean is not the extension of the chain (Burnham and De Vlaminck 2014).
#[test]
fn at_a_weak_force_the_wall_lifts_the_bead() {
    let chain = molecule().chain(water().kt).extension(0.02);
    let (mean, _) = z_of(&molecule(), 0.02);
    assert!(
        mean > 1.03 * chain && (mean / boltzmann(&molecule(), 0.02).0 - 1.0).abs() < 0.03,
        "{mean} {chain}"
    );
}

/// What a variance is smaller by (Wong and Halvorsen 2006).
fn blur(exposure_s: f64, relaxation_s: f64) -> f64 {
    let a = exposure_s / relaxation_s;
    2.0 / a - 2.0 / (a * a) * -(-a).exp_m1()
}

/// Stiffness along the field and across it, and drag, worked out apart from the code above.
fn expected(force_pn: f64) -> ([f64; 2], f64) {
    let length_nm = molecule().chain(water().kt).extension(force_pn);
    let drag = water().drag(525.0) / lateral_mobility(525.0, length_nm);
    ([force_pn / length_nm, force_pn / (length_nm + 525.0)], drag)
}

#[test]
fn sideways_motion_has_the_force_in_it_and_the_exposure() {
    for force_pn in [0.1, 1.0, 10.0] {
        let (stiffness, drag) = expected(force_pn);
        for exposure_s in [16.7e-3, 5e-3, 1e-3, 0.2e-3] {
            let mut tether = Tether::new(bead(), &molecule(), MoleculeKind::Dna, water(), pull(force_pn));
            let frames =
                film(&mut tether, 20_000, exposure_s + 3.0 * drag / stiffness[1], exposure_s, pull(force_pn));
            for side in 0..2 {
                let (_, variance) = mean_and_variance(frames.iter().map(|at| at[side]));
                let full = water().kt / stiffness[side];
                let seen = full * blur(exposure_s, drag / stiffness[side]);
                assert!(
                    (variance / seen - 1.0).abs() < 0.04,
                    "{force_pn} pN, {exposure_s} s, {side}: {variance}, not {seen}"
                );
                // 10 pN and 16.7 ms: the force would be told eight times too large.
                assert!(exposure_s < 16e-3 || force_pn < 10.0 || full / variance > 5.0);
            }
        }
    }
}

/// The table of the field's notes: how much too large a force the variance tells, MyOne on 1 µm.
#[test]
fn blur_is_that_of_the_table() {
    let mut rng = Rng::new(3);
    let mut told = |exposure_s: f64, relaxation_s: f64| {
        let (spring, n) = (Spring { rest: 0.0, variance: 1.0, relaxation_s }, 100_000);
        let (mut now, mut sum) = (0.0, 0.0);
        for _ in 0..n {
            now = spring.advance(now, 5.0 * relaxation_s, &mut rng).0;
            let (end, mean) = spring.advance(now, exposure_s, &mut rng);
            now = end;
            sum += mean * mean;
        }
        f64::from(n) / sum
    };
    for (force_pn, expected) in
        [(0.1, [1.05, 1.02, 1.00, 1.00]), (1.0, [1.57, 1.16, 1.03, 1.01]), (10.0, [8.2, 2.9, 1.33, 1.06])]
    {
        for (exposure_s, expected) in [16.7e-3, 5e-3, 1e-3, 0.2e-3].into_iter().zip(expected) {
            // It is worked out for a length of 1 µm at any force, and a drag of 1.09e-5.
            let told = told(exposure_s, 1.09e-5 / (force_pn / 1000.0));
            assert!((told / expected - 1.0_f64).abs() < 0.03, "{force_pn} pN, {exposure_s} s: {told}");
        }
    }
}

/// Two-sided density of one coordinate at `frequency` from segments of `length` frames, by plain Fourier sums.
fn density(trace: &[f64], rate_hz: f64, length: usize, frequency: f64) -> f64 {
    let segments = trace.chunks_exact(length);
    let n = segments.len() as f64;
    let power = |segment: &[f64]| {
        let (mut re, mut im) = (0.0, 0.0);
        for (i, value) in segment.iter().enumerate() {
            let (sin, cos) = (std::f64::consts::TAU * frequency * i as f64 / rate_hz).sin_cos();
            (re, im) = (re + value * cos, im + value * sin);
        }
        (re * re + im * im) / (length as f64 * rate_hz)
    };
    segments.map(power).sum::<f64>() / n
}

/// Lansdorp and Saleh 2012 (Rev. Sci. Instrum. 83, 025115, eq. 7): exposed all the time, aliases and all.
fn lansdorp(stiffness: f64, drag: f64, rate_hz: f64, frequency: f64) -> f64 {
    let (kt, tau) = (water().kt, drag / stiffness);
    let angle = std::f64::consts::PI * frequency / rate_hz;
    let x = 1.0 / (tau * rate_hz);
    2.0 * kt * tau / stiffness
        * (1.0 + 2.0 * tau * rate_hz * angle.sin().powi(2) * x.sinh() / ((2.0 * angle).cos() - x.cosh()))
}

/// Their eq. 17.
fn allan(stiffness: f64, drag: f64, time_s: f64) -> f64 {
    let (kt, tau) = (water().kt, drag / stiffness);
    let r = tau / time_s;
    2.0 * kt * tau / (stiffness * time_s)
        * (1.0 + 2.0 * r * (-1.0 / r).exp() - 0.5 * r * (-2.0 / r).exp() - 1.5 * r)
}

#[test]
fn spectrum_and_allan_deviation_are_those_of_theory() {
    let (force_pn, rate_hz) = (2.0, 200.0);
    let (stiffness, drag) = expected(force_pn);
    let mut tether = Tether::new(bead(), &molecule(), MoleculeKind::Dna, water(), pull(force_pn));
    let frames = film(&mut tether, 1 << 17, 1.0 / rate_hz, 1.0 / rate_hz, pull(force_pn));
    let corner = stiffness[0] / (std::f64::consts::TAU * drag);
    assert!((20.0..40.0).contains(&corner), "{corner} Hz");
    let along: Vec<f64> = frames.iter().map(|at| at[0]).collect();
    let deviation = |drag: f64| {
        let frequencies = [4.0, 8.0, 16.0, 24.0, 32.0, 48.0, 64.0, 90.0];
        let worst = frequencies.map(|frequency| {
            // Neighbours together: 512 segments of 256 frames, 3 frequencies.
            let near = [-1.0, 0.0, 1.0].map(|bin| frequency + bin * rate_hz / 256.0);
            let seen: f64 = near.iter().map(|near| density(&along, rate_hz, 256, *near)).sum();
            let told: f64 = near.iter().map(|near| lansdorp(stiffness[0], drag, rate_hz, *near)).sum();
            (seen / told - 1.0).abs()
        });
        worst.into_iter().fold(0.0, f64::max)
    };
    assert!(deviation(drag) < 0.12, "{}", deviation(drag));
    assert!(deviation(1.3 * drag) > 0.15, "a wrong drag is found out: {}", deviation(1.3 * drag));
    for group in [1, 4, 16, 64] {
        let means: Vec<f64> =
            along.chunks_exact(group).map(|part| part.iter().sum::<f64>() / group as f64).collect();
        let seen: f64 = means.windows(2).map(|two| (two[1] - two[0]).powi(2)).sum::<f64>()
            / (2.0 * (means.len() - 1) as f64);
        let told = allan(stiffness[0], drag, group as f64 / rate_hz);
        assert!((seen / told - 1.0).abs() < 0.08, "{group}: {seen}, not {told}");
    }
}

/// Mean height with these turns.
fn height(kind: MoleculeKind, force_pn: f64, turns: f64) -> f64 {
    let pull = Pull { force_pn, turns };
    let molecule = Molecule { length_bp: 8000, ..Molecule::default() };
    let mut tether = Tether::new(bead(), &molecule, kind, water(), pull);
    mean_and_variance(film(&mut tether, 2000, 0.3, 0.1, pull).iter().map(|at| at[2])).0
}

#[test]
fn turns_give_a_hat_a_flat_line_and_a_sharp_tip() {
    let [none, wound, unwound] = [0.0, 20.0, -20.0].map(|turns| height(MoleculeKind::Dna, 0.4, turns));
    assert!(none - wound > 300.0 && (wound / unwound - 1.0).abs() < 0.02, "{none} {wound} {unwound}");
    let [wound, unwound] = [50.0, -50.0].map(|turns| height(MoleculeKind::Dna, 2.0, turns));
    assert!(unwound > wound + 300.0, "unwound DNA melts at 2 pN: {wound} {unwound}");
    let [none, wound] = [0.0, 20.0].map(|turns| height(MoleculeKind::Nicked, 0.4, turns));
    assert!((wound / none - 1.0).abs() < 0.01, "{none} {wound}");
    let [none, half, wound] = [0.0, 0.5, 20.0].map(|turns| height(MoleculeKind::Double, 0.4, turns));
    assert!(none - half > 30.0 && half > wound, "{none} {half} {wound}");
}

#[test]
fn a_hairpin_is_unfolded_half_of_the_time_at_its_force_and_more_above() {
    let molecule = Molecule { hairpin_pn: 8.0, hairpin_hz: 10.0, ..molecule() };
    for (force_pn, ratio) in
        [(7.5, (-0.5 * 18.0 / water().kt).exp()), (8.0, 1.0), (8.5, (0.5 * 18.0 / water().kt).exp())]
    {
        let mut tether = Tether::new(bead(), &molecule, MoleculeKind::Hairpin, water(), pull(force_pn));
        let mut rng = Rng::new(7);
        let (mut unfolded, mut heights) = (0.0, [0.0; 2]);
        for _ in 0..20_000 {
            let [_, _, z] = tether.advance(0.1, 0.0, pull(force_pn), &mut rng);
            unfolded += f64::from(tether.state());
            heights[tether.state() as usize] += z;
        }
        let share = unfolded / 20_000.0;
        // Boltzmann: the ratio of the two is e^(dF dx / kT).
        let told = ratio / (1.0 + ratio);
        assert!((share - told).abs() < 0.02, "{force_pn} pN: {share}, not {told}");
        let added = heights[1] / unfolded - heights[0] / (20_000.0 - unfolded);
        assert!((added - 18.0).abs() < 1.0, "{added} nm");
    }
}

#[test]
fn a_motor_steps_at_its_rate_and_falls_off() {
    let molecule = Molecule { steps: 9, steps_hz: 2.0, ..molecule() };
    for dt_s in [0.05, 100.0] {
        let mut tether = Tether::new(bead(), &molecule, MoleculeKind::Stepping, water(), pull(5.0));
        let mut rng = Rng::new(9);
        let (mut steps, mut states) = (0, [0; 10]);
        for _ in 0..80_000 {
            let before = tether.state();
            tether.advance(dt_s, 0.0, pull(5.0), &mut rng);
            steps += u32::from(before != tether.state());
            states[tether.state() as usize] += 1;
        }
        assert!(states.iter().all(|times| (7000..9000).contains(times)), "{dt_s}: {states:?}");
        assert!(dt_s > 1.0 || (f64::from(steps) / 8000.0 - 1.0).abs() < 0.04, "{steps}");
    }
}

#[test]
fn turned_magnets_move_a_bead_that_hangs_beside_its_lowest_point_on_a_circle() {
    let bead = Bead { anchor_nm: 150.0, ..bead() };
    let at = |turns: f64| {
        let pull = Pull { force_pn: 10.0, turns };
        let mut tether = Tether::new(bead, &molecule(), MoleculeKind::Nicked, water(), pull);
        let frames = film(&mut tether, 4000, 0.05, 0.0, pull);
        [0, 1].map(|side| mean_and_variance(frames.iter().map(|at| at[side])).0)
    };
    for (turns, [x, y]) in [(0.0, [150.0, 0.0]), (0.25, [0.0, 150.0]), (0.5, [-150.0, 0.0])] {
        let [seen_x, seen_y] = at(turns);
        assert!((seen_x - x).abs() < 3.0 && (seen_y - y).abs() < 3.0, "{turns}: {seen_x} {seen_y}");
    }
}
