//! Quality figures of a Z-LUT: can its heights be told apart?
//!
//! Matching is free of gain and offset, so only the part of a profile's change with z counts that neither
//! gain nor offset could imitate. The figures come from the table alone: the real precision depends on the
//! camera's noise.

use std::collections::HashMap;

use crate::table::{MIN_RINGS, ZLut, has_contrast};

/// A change this many times the median of those around is a jump. Of 13 measured tables, eleven reach 1.5 and
/// two, whose beads visibly moved, reach 4.7 and 6.9; MagScope's simulated one, sampled coarsely, reaches
/// 2.0.
const JUMP_FACTOR: f64 = 2.5;
/// How many intervals on either side are "around".
const JUMP_REACH: usize = 3;

/// What the figures say of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    /// One entry per plane, lowest first.
    pub planes: Vec<PlaneQuality>,
    /// Noise of one ring of one plane in grey levels (1 σ): how far planes are from a smooth course in z.
    /// `None` with fewer than five usable planes. An upper limit where the planes are too coarse for the
    /// rings.
    pub noise: Option<f64>,
    /// Mean distance between planes in nm.
    pub z_step_nm: f64,
    /// Heights above which the profile changes at once: the bead or the focus moved during the sweep.
    pub jumps_nm: Vec<f64>,
}

/// What the figures say of one plane.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaneQuality {
    /// Its height.
    pub z_nm: f64,
    /// Whether it can be used at all.
    pub state: PlaneState,
    /// Distinctness |dP/dz|: length of the profile's change with z over all rings, in grey levels per nm.
    /// Without the part that gain and offset could imitate and, on average, without the part that is noise.
    /// 0 where the change drowns in the noise, NaN where it cannot be had.
    pub slope_per_nm: f64,
    /// Uncertainty of z in nm (1 σ) for an image with the table's own noise: noise / slope. Infinite where
    /// the slope is 0, NaN where it is not known.
    pub z_noise_nm: f64,
}

/// Whether a plane can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaneState {
    /// It has a profile of its own.
    Fine,
    /// Fewer rings than [`MIN_RINGS`] were measured.
    NotMeasured,
    /// All rings are equally bright.
    Flat,
    /// Exactly the profile of a lower plane: the same image was used twice.
    Repeats {
        /// That lower plane, counted from 0.
        plane: usize,
    },
}

/// Computes all figures. Takes some milliseconds.
pub fn assess(table: &ZLut) -> Quality {
    let states = states(table);
    let noise = noise(table, &states);
    let planes = states.iter().enumerate().map(|(plane, &state)| {
        let slope_per_nm = slope_per_nm(table, &states, plane, noise.unwrap_or(0.0));
        let z_noise_nm = noise.map_or(f64::NAN, |noise| noise / slope_per_nm);
        PlaneQuality { z_nm: table.z_nm()[plane], state, slope_per_nm, z_noise_nm }
    });
    let jumps_nm = jumps(table, &states).into_iter().map(|plane| table.z_nm()[plane]).collect();
    Quality { planes: planes.collect(), noise, z_step_nm: table.z_step_nm(), jumps_nm }
}

impl Quality {
    /// The plane with the smallest slope of those that have one.
    pub fn weakest(&self) -> Option<&PlaneQuality> {
        let known = self.planes.iter().filter(|plane| !plane.slope_per_nm.is_nan());
        known.min_by(|a, b| a.slope_per_nm.total_cmp(&b.slope_per_nm))
    }

    /// Whether nothing jumps, every plane is usable and its noise, where known, is less than one step of z.
    pub fn is_good(&self) -> bool {
        self.jumps_nm.is_empty()
            && self.planes.iter().all(|plane| plane.state == PlaneState::Fine && !self.is_weak(plane))
    }

    /// One line for a person: good, or what to look at first.
    pub fn verdict(&self) -> String {
        let total = self.planes.len();
        let unusable = self.count(|plane| matches!(plane.state, PlaneState::NotMeasured | PlaneState::Flat));
        if let Some((count, z_nm)) = unusable {
            return format!(
                "bad: {count} of {total} planes are flat or not measured, the first at {z_nm:.0} nm"
            );
        }
        if let Some((count, z_nm)) = self.count(|plane| matches!(plane.state, PlaneState::Repeats { .. })) {
            return format!("bad: {count} of {total} planes repeat a lower one, the first at {z_nm:.0} nm");
        }
        if let Some((count, z_nm)) = self.count(|plane| self.is_weak(plane)) {
            return format!(
                "doubtful: {count} of {total} planes cannot be told from their neighbours by this table's \
                 own noise, the first at {z_nm:.0} nm"
            );
        }
        if let Some(first_nm) = self.jumps_nm.first() {
            let count = self.jumps_nm.len();
            let steps = total - 1;
            return format!(
                "doubtful: the profile jumps at {count} of {steps} steps, the first above {first_nm:.0} nm; \
                 the bead or the focus moved during the sweep"
            );
        }
        match self.weakest().filter(|_| self.noise.is_some()) {
            Some(weakest) => format!(
                "good: all {total} planes differ; by the table's own noise \
                 z is known to {:.1} nm or better, worst at {:.0} nm",
                weakest.z_noise_nm, weakest.z_nm
            ),
            None => format!("good as far as can be told: {total} planes are too few to estimate the noise"),
        }
    }

    fn is_weak(&self, plane: &PlaneQuality) -> bool {
        plane.z_noise_nm > self.z_step_nm
    }

    /// How many planes are so, and the height of the first.
    fn count(&self, is_so: impl Fn(&PlaneQuality) -> bool) -> Option<(usize, f64)> {
        let first = self.planes.iter().find(|plane| is_so(plane))?;
        Some((self.planes.iter().filter(|plane| is_so(plane)).count(), first.z_nm))
    }
}

fn states(table: &ZLut) -> Vec<PlaneState> {
    let mut seen: HashMap<Vec<u32>, usize> = HashMap::new();
    let state = |plane| {
        let profile = table.profile(plane);
        if profile.iter().filter(|grey| grey.is_finite()).count() < MIN_RINGS {
            return PlaneState::NotMeasured;
        }
        if !has_contrast(profile) {
            return PlaneState::Flat;
        }
        match *seen.entry(profile.iter().map(|grey| grey.to_bits()).collect()).or_insert(plane) {
            first if first == plane => PlaneState::Fine,
            plane => PlaneState::Repeats { plane },
        }
    };
    (0..table.n_planes()).map(state).collect()
}

/// Each plane is predicted by the cubic through its two neighbours on either side; the spread of what is
/// left is the noise. By the median, so that rings that bend faster than a cubic do not count.
fn noise(table: &ZLut, states: &[PlaneState]) -> Option<f64> {
    let mut residuals = Vec::new();
    for plane in 2..table.n_planes() - 2 {
        let others = [plane - 2, plane - 1, plane + 1, plane + 2];
        if !usable(states[plane]) || others.iter().any(|&other| !usable(states[other])) {
            continue;
        }
        let weights = lagrange_weights(table.z_nm()[plane], others.map(|other| table.z_nm()[other]));
        let spread = (1.0 + weights.iter().map(|w| w * w).sum::<f64>()).sqrt();
        for (ring, grey) in table.profile(plane).iter().enumerate() {
            let predicted: f64 = (0..4).map(|k| weights[k] * f64::from(table.profile(others[k])[ring])).sum();
            let residual = (f64::from(*grey) - predicted).abs() / spread;
            residuals.push(residual);
        }
    }
    // 0.6745: median of |x| for a normal distribution of unit width.
    median(residuals).map(|median| median / 0.6745)
}

/// The (upper) median of the finite values.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Weights with which the cubic through four points at `nodes` passes through `at`.
fn lagrange_weights(at: f64, nodes: [f64; 4]) -> [f64; 4] {
    std::array::from_fn(|k| {
        let others = nodes.iter().enumerate().filter(|(other, _)| *other != k);
        others.map(|(_, node)| (at - node) / (nodes[k] - node)).product()
    })
}

/// Slope between the planes below and above.
fn slope_per_nm(table: &ZLut, states: &[PlaneState], plane: usize, noise: f64) -> f64 {
    let below = plane.saturating_sub(1);
    let above = (plane + 1).min(table.n_planes() - 1);
    if [below, plane, above].iter().any(|&used| !usable(states[used])) {
        return f64::NAN;
    }
    let run_nm = table.z_nm()[above] - table.z_nm()[below];
    change(table, below, above).map_or(f64::NAN, |(squared, n_rings)| {
        // Two noisy planes; offset and gain each took one degree of freedom.
        let from_noise = 2.0 * noise * noise * (n_rings - 2) as f64;
        (squared - from_noise).max(0.0).sqrt() / run_nm
    })
}

/// The planes above which the profile changes much more than in the intervals around.
fn jumps(table: &ZLut, states: &[PlaneState]) -> Vec<usize> {
    let per_nm: Vec<f64> = (0..table.n_planes() - 1)
        .map(|plane| match change(table, plane, plane + 1) {
            Some((squared, _)) if usable(states[plane]) && usable(states[plane + 1]) => {
                squared.sqrt() / (table.z_nm()[plane + 1] - table.z_nm()[plane])
            }
            _ => f64::NAN,
        })
        .collect();
    let is_jump = |&plane: &usize| {
        let around = plane.saturating_sub(JUMP_REACH)..(plane + JUMP_REACH + 1).min(per_nm.len());
        let others = around.filter(|&other| other != plane).map(|other| per_nm[other]);
        median(others.collect()).is_some_and(|usual| per_nm[plane] > JUMP_FACTOR * usual)
    };
    (0..per_nm.len()).filter(is_jump).collect()
}

/// Squared length of the change between two planes over the rings that both have, without what gain and
/// offset could imitate, and the number of those rings. `None` with too few.
fn change(table: &ZLut, below: usize, above: usize) -> Option<(f64, usize)> {
    let (mut mean, mut change) = (Vec::new(), Vec::new());
    for (&low, &high) in table.profile(below).iter().zip(table.profile(above)) {
        if low.is_finite() && high.is_finite() {
            let (low, high) = (f64::from(low), f64::from(high));
            mean.push((low + high) / 2.0);
            change.push(high - low);
        }
    }
    if mean.len() < MIN_RINGS {
        return None;
    }
    remove_mean(&mut mean);
    remove_mean(&mut change);
    remove_part_along(&mean, &mut change);
    Some((dot(&change, &change), mean.len()))
}

/// A repeated plane still shows how the profile changes; one without a profile does not.
fn usable(state: PlaneState) -> bool {
    matches!(state, PlaneState::Fine | PlaneState::Repeats { .. })
}

fn remove_mean(values: &mut [f64]) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter_mut().for_each(|value| *value -= mean);
}

fn remove_part_along(direction: &[f64], values: &mut [f64]) {
    let length2 = dot(direction, direction);
    if length2 > 0.0 {
        let part = dot(direction, values) / length2;
        values.iter_mut().zip(direction).for_each(|(value, along)| *value -= part * along);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
