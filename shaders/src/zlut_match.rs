//! Z from a radial profile: the height at which the Z-LUT, made smooth in z, fits the profile best.
//!
//! First every plane is compared by weighted correlation; then z, a gain and an offset are solved together from
//! the best plane (Gauss-Newton). Never the top of a parabola through a few planes: see `z_spline.rs`.

use crate::match_table::{MIN_RINGS, PlaneScan, SCAN_PLANES};
use crate::simd::{Four, Width, Work, totals, wide, widest};
use crate::z_spline::ZSpline;

pub use crate::match_table::{MatchError, MatchTable};

/// Profile and weights cleaned for the match, made once per thread.
#[derive(Clone, Debug, Default)]
pub struct MatchScratch {
    /// Less its weighted mean.
    profile: Vec<f32>,
    weights: Vec<f32>,
    weighted_profile: Vec<f32>,
}

impl MatchScratch {
    /// Room for as many rings; a profile of more takes more, once.
    pub fn new(rings: usize) -> Self {
        let [profile, weights, weighted_profile] = std::array::from_fn(|_| Vec::with_capacity(rings));
        Self { profile, weights, weighted_profile }
    }
}

/// What the match found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// Height, nm. Not to be used unless `in_range`.
    pub z_nm: f64,
    /// Weighted correlation of profile and Z-LUT at `z_nm`: 1 is a perfect match.
    pub quality: f32,
    /// False if the best fit lies beyond the first or last plane.
    pub in_range: bool,
}

/// Steps before a match is given up. Three or four are usual; what the table cannot explain takes more.
pub(crate) const MAX_STEPS: usize = 20;

/// A step shorter than this part of the mean plane distance is the last: 0.01 nm at steps of 100 nm.
pub(crate) const LAST_STEP: f64 = 1e-4;

// What the secant may make of a step. Of 300 000 matches of 5 to 40 rings with residuals of up to 20 grey levels, 770 do not
// settle without it, 72 if it makes a step at most five times as long, 12 at ten times. With few rings steps are also several
// times too long, and lead back and forth: the same 300 000 have 59 that do not settle if none is made shorter than half, 12 if
// than three tenths or less. In ROIs of 16 px 13 of 48 simulated beads had no height for it (`engine/tests/gpu_parity.rs`).
pub(crate) const LEAST_AHEAD: f64 = 0.1;
pub(crate) const MOST_AHEAD: f64 = 10.0;

/// Matches a profile, measured on `table.grid()`, against the table. `None` if fewer than four rings have a weight,
/// or z does not settle.
///
/// `weights`: of each ring; the square of a ring's residual counts that much. NaN rings are left out.
pub fn zlut_match(
    table: &MatchTable,
    profile: &[f32],
    weights: &[f32],
    scratch: &mut MatchScratch,
) -> Option<Match> {
    let sums = clean(table, profile, weights, scratch)?;
    let spline = &table.spline;
    let (first_nm, last_nm) = table.range_nm();
    let plane_step_nm = (last_nm - first_nm) / (spline.z_nm().len() - 1) as f64;
    let mut z_nm = spline.z_nm()[wide(
        #[inline(always)]
        || best_plane(&table.scan, &sums, scratch),
    )];
    // The step before: as solved for, and as taken.
    let (mut solved_nm, mut taken_nm) = (0.0, 0.0);
    for _ in 0..MAX_STEPS {
        let fit = widest(Step { spline, z_nm, sums: &sums, scratch });
        // What the model leaves makes steps shrink slowly, with few rings too slowly: the secant through the last two tells
        // where they end.
        let secant = taken_nm / (solved_nm - fit.dz_nm);
        let secant = if (LEAST_AHEAD..=MOST_AHEAD).contains(&secant) { secant } else { 1.0 };
        let dz_nm = (secant * fit.dz_nm).clamp(-plane_step_nm, plane_step_nm);
        (solved_nm, taken_nm) = (fit.dz_nm, dz_nm);
        if dz_nm.is_nan() {
            return None;
        }
        z_nm += dz_nm;
        // One step beyond the ends is granted, so that a first step too long can come back.
        let beyond = z_nm < first_nm - plane_step_nm || z_nm > last_nm + plane_step_nm;
        if beyond || dz_nm.abs() < LAST_STEP * plane_step_nm {
            let in_range = (first_nm..=last_nm).contains(&z_nm);
            return Some(Match { z_nm, quality: fit.correlation as f32, in_range });
        }
    }
    None
}

/// Weighted sums of the profile alone.
struct ProfileSums {
    weight: f64,
    /// Sum of weight times squared distance from the weighted mean, which has been subtracted.
    square: f64,
}

/// Copies weights and profile, 0 where either cannot be used, and takes the weighted mean off the profile.
fn clean(
    table: &MatchTable,
    profile: &[f32],
    weights: &[f32],
    scratch: &mut MatchScratch,
) -> Option<ProfileSums> {
    scratch.weights.clear();
    scratch.profile.clear();
    let (mut sum, mut weight, mut count) = (0.0f64, 0.0f64, 0);
    for ((p, w), usable) in profile.iter().zip(weights).zip(&table.usable) {
        let use_it = *usable && p.is_finite() && w.is_finite() && *w > 0.0;
        let (p, w) = if use_it { (*p, *w) } else { (0.0, 0.0) };
        scratch.profile.push(p);
        scratch.weights.push(w);
        sum += f64::from(w) * f64::from(p);
        weight += f64::from(w);
        count += usize::from(use_it);
    }
    if count < MIN_RINGS {
        return None;
    }
    let mean = (sum / weight) as f32;
    let mut square = 0.0;
    for (p, w) in scratch.profile.iter_mut().zip(&scratch.weights) {
        *p -= mean;
        square += f64::from(*w) * f64::from(*p) * f64::from(*p);
    }
    scratch.weighted_profile.clear();
    scratch.weighted_profile.extend(scratch.profile.iter().zip(&scratch.weights).map(|(p, w)| w * p));
    (square > 0.0).then_some(ProfileSums { weight, square })
}

/// The plane with the highest weighted correlation; the first of equal ones.
#[inline(always)]
fn best_plane(scan: &PlaneScan, sums: &ProfileSums, scratch: &MatchScratch) -> usize {
    let (mut best, mut best_plane) = (f32::NEG_INFINITY, 0);
    for (block, rings) in scan.blocks().enumerate() {
        let [mut value, mut square, mut product] = [[0.0f32; SCAN_PLANES]; 3];
        let rings = rings.iter().zip(&scratch.weights).zip(&scratch.weighted_profile);
        for ((planes, weight), weighted_profile) in rings {
            for (i, v) in planes.iter().enumerate() {
                let weighted = weight * v;
                value[i] += weighted;
                square[i] += weighted * v;
                product[i] += weighted_profile * v;
            }
        }
        let weight = sums.weight as f32;
        let mut correlation = [0.0f32; SCAN_PLANES];
        for i in 0..SCAN_PLANES {
            let variance = square[i] - value[i] * value[i] / weight;
            correlation[i] = product[i] / variance.max(f32::MIN_POSITIVE).sqrt();
        }
        // Beyond the last plane the table repeats it, and it is no better the second time.
        for (i, correlation) in correlation.into_iter().enumerate() {
            if correlation > best {
                (best, best_plane) = (correlation, block * SCAN_PLANES + i);
            }
        }
    }
    best_plane
}

struct Fit {
    /// Step to the best z, nm.
    dz_nm: f64,
    correlation: f64,
}

/// One step from `z_nm`.
struct Step<'a> {
    spline: &'a ZSpline,
    z_nm: f64,
    sums: &'a ProfileSums,
    scratch: &'a MatchScratch,
}

impl Work for Step<'_> {
    type Output = Fit;

    /// Linear least squares of the profile by `gain * value + gain * dz * slope + offset` around `z_nm`.
    #[inline(always)]
    fn with<W: Width>(self) -> Fit {
        let Self { spline, z_nm, sums, scratch } = self;
        let between = spline.between(z_nm);
        let mut running = [W::Four::all(0.0); 7];
        // Behind the last ring there is no weight.
        for first in (0..scratch.profile.len()).step_by(4) {
            let weight = W::Four::from_column(&scratch.weights, first);
            let profile = W::Four::from_column(&scratch.profile, first);
            let (value, slope) = between.at::<W::Four>(first);
            let (by_value, by_slope) = (weight * value, weight * slope);
            running[0] += by_value;
            running[1] += by_slope;
            running[2] += by_value * value;
            running[3] += by_value * slope;
            running[4] += by_slope * slope;
            running[5] += by_value * profile;
            running[6] += by_slope * profile;
        }
        let [v, s, vv, vs, ss, vp, sp] = totals(&running);
        // The offset is eliminated by taking means off; the mean of the profile is 0 already.
        let (vv, vs, ss) = (vv - v * v / sums.weight, vs - v * s / sums.weight, ss - s * s / sums.weight);
        let gain_dz = (vv * sp - vs * vp) / (vv * ss - vs * vs);
        // The gain at the present z: the joint one is poor, and may be 0, where value and slope look alike.
        Fit { dz_nm: gain_dz * vv / vp, correlation: vp / (vv * sums.square).sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const N_RINGS: usize = 40;

    fn profile(z_nm: f64, k: usize) -> f64 {
        let r = 0.5 * k as f64;
        100.0 + 50.0 * (r * (0.5 + z_nm / 4000.0)).cos() * (-r / 10.0).exp()
    }

    fn row(z_nm: f64) -> Vec<f32> {
        (0..N_RINGS).map(|k| profile(z_nm, k) as f32).collect()
    }

    fn heights() -> Vec<f64> {
        (0..41).map(|i| 100.0 * f64::from(i)).collect()
    }

    fn table(change: impl Fn(usize, usize, f32) -> f32) -> MatchTable {
        let mut values = Vec::new();
        for (plane, z) in heights().iter().enumerate() {
            values.extend(row(*z).into_iter().enumerate().map(|(k, v)| change(plane, k, v)));
        }
        MatchTable::new(&values, &heights(), N_RINGS, 0.0, 0.5).unwrap()
    }

    /// Of rings 2 px apart.
    fn table_of_few(rings: usize) -> MatchTable {
        let values: Vec<f32> =
            heights().iter().flat_map(|z| (0..rings).map(|k| profile(*z, 4 * k) as f32)).collect();
        MatchTable::new(&values, &heights(), rings, 0.0, 2.0).unwrap()
    }

    fn weights() -> Vec<f32> {
        (0..N_RINGS).map(|k| k as f32).collect()
    }

    #[test]
    fn z_is_found_between_planes_whatever_gain_and_offset() {
        let table = table(|_, _, v| v);
        for z in [3.0, 150.0, 1234.5, 2049.0, 3990.0] {
            let seen: Vec<f32> = row(z).iter().map(|v| 0.3 * v - 20.0).collect();
            let found = zlut_match(&table, &seen, &weights(), &mut MatchScratch::default()).unwrap();
            assert!((found.z_nm - z).abs() < 0.1, "{} for {z}", found.z_nm);
            assert!(found.in_range && found.quality > 0.9999);
        }
    }

    #[test]
    fn nan_planes_and_rings_are_left_out() {
        let table = table(|plane, k, v| if plane == 7 || k > 35 { f32::NAN } else { v });
        assert_eq!(table.spline.z_nm().len(), 40);
        let mut seen = row(710.0);
        seen[3] = f32::NAN;
        let found = zlut_match(&table, &seen, &weights(), &mut MatchScratch::default()).unwrap();
        assert!((found.z_nm - 710.0).abs() < 0.5, "{}", found.z_nm);
    }

    #[test]
    fn beyond_the_ends_is_not_in_range() {
        let table = table(|_, _, v| v);
        for z in [-60.0, -250.0, 4060.0, 4250.0] {
            let found = zlut_match(&table, &row(z), &weights(), &mut MatchScratch::default());
            assert!(found.is_none_or(|found| !found.in_range), "{z}: {found:?}");
        }
    }

    #[test]
    fn another_pattern_has_a_low_quality_and_a_flat_one_no_match() {
        let table = table(|_, _, v| v);
        let saw: Vec<f32> = (0..N_RINGS).map(|k| (k % 3) as f32).collect();
        let found = zlut_match(&table, &saw, &weights(), &mut MatchScratch::default());
        assert!(found.is_none_or(|found| found.quality < 0.5), "{found:?}");
        assert_eq!(zlut_match(&table, &[5.0; N_RINGS], &weights(), &mut MatchScratch::default()), None);
        assert_eq!(zlut_match(&table, &row(500.0), &[0.0; N_RINGS], &mut MatchScratch::default()), None);
    }

    /// Few rings, and much that no height explains: each step is several times too long, and would lead back and forth.
    #[test]
    fn steps_that_are_too_long_settle_too() {
        const FEW: usize = 5;
        let table = table_of_few(FEW);
        for seen in [
            [138.03624, 99.75972, 83.78501, 89.92249, 78.60596],
            [133.92343, 109.82892, 81.255424, 91.70073, 68.762726],
        ] {
            let found = zlut_match(&table, &seen, &weights()[..FEW], &mut MatchScratch::default());
            assert!(found.is_some(), "{seen:?}");
        }
    }

    /// Few rings, and much that no height explains: steps shrink by a tenth of themselves.
    #[test]
    fn slow_steps_are_seen_to_end() {
        const FEW: usize = 6;
        let table = table_of_few(FEW);
        let weights = &weights()[..FEW];
        for seen in [
            [146.0544, 53.692455, 103.450745, 108.71479, 90.33824, 99.56174],
            [140.6444, 83.42275, 95.62814, 91.138535, 102.30006, 115.20481],
        ] {
            let mut scratch = MatchScratch::default();
            let sums = clean(&table, &seen, weights, &mut scratch).unwrap();
            let mut z_nm = table.spline.z_nm()[best_plane(&table.scan, &sums, &scratch)];
            let plain = (1..200).find(|_| {
                let dz_nm =
                    widest(Step { spline: &table.spline, z_nm, sums: &sums, scratch: &scratch }).dz_nm;
                z_nm += dz_nm;
                dz_nm.abs() < 0.1 * LAST_STEP * 100.0
            });
            assert!(plain.unwrap() > 2 * MAX_STEPS, "{plain:?} steps without the secant");
            let found = zlut_match(&table, &seen, weights, &mut scratch).unwrap();
            assert!(found.in_range && (found.z_nm - z_nm).abs() < 0.02, "{} for {z_nm}", found.z_nm);
        }
    }
}
