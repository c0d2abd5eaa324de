//! A bead on its molecule: Brownian motion in x, y and z under the force of the magnets, over an exposure.
//!
//! Sideways the molecule is a pendulum of its extension L along the field and, because the bead turns about the field's axis, of
//! L + R across it (Daldrop et al. 2015, Biophys. J. 108, 2550); both are springs for as long as a frame, sampled exactly. Up and down
//! the spring is the molecule's own curve with the wall below, so z goes in steps that are short against its relaxation, each exact
//! for the curve's tangent; the drag that grows towards the wall pushes up by its gradient (Ermak and McCammon 1978, J. Chem. Phys.
//! 69, 1352). Left out: the coupling of sideways motion and rotation, and of x and y with z.

use super::chain::Chain;
use super::noise::Rng;
use super::relax::Spring;
use super::settings::{Molecule, MoleculeKind};
use super::twist::remaining;
use super::water::{Water, axial_mobility, lateral_mobility};

/// Repulsion of bead and surface at contact, pN, and its decay: the Debye length in 10 mM salt. The strength is assumed.
const REPULSION_PN: f64 = 20.0;
const DEBYE_NM: f64 = 3.0;
/// A step of z in parts of its relaxation time: the less, the more of its height a bead wanders over, where its spring is another. With
/// these and the next, mean heights are Boltzmann's to 0.7 %.
const STEP: [f64; 2] = [0.1, 1.0];
const STEP_BY_WANDERING: f64 = 0.02;
/// The same in parts of the time in which it diffuses as far as the wall is away.
const WALL_STEP: f64 = 0.01;
/// The most steps of a frame.
const MOST_STEPS: f64 = 1000.0;
/// After so many relaxation times a bead has forgotten where it was.
const FORGOTTEN: f64 = 12.0;
/// The tension that the mean shape of the molecule is worked out for is at least this, pN.
const LEAST_PN: f64 = 0.005;

/// What the instrument does to every bead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pull {
    /// Force on a bead of the usual magnetisation, pN.
    pub(super) force_pn: f64,
    /// Turns of the magnets.
    pub(super) turns: f64,
}

/// What differs from bead to bead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bead {
    pub(super) radius_nm: f64,
    /// Weight less buoyancy, pN.
    pub(super) weight_pn: f64,
    /// Force over that on a usual bead.
    pub(super) magnetisation: f64,
    /// Distance of the molecule from the bead's lowest point, nm.
    pub(super) anchor_nm: f64,
    /// Direction of that at zero turns, rad.
    pub(super) anchor_rad: f64,
}

/// A bead, its molecule, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Tether {
    bead: Bead,
    molecule: Molecule,
    kind: MoleculeKind,
    water: Water,
    /// From the molecule's anchor on the surface, nm; z is the height of the bead's lowest point.
    at_nm: [f64; 3],
    /// Unfolded (1) or folded (0), or steps done.
    state: u32,
    mean: Mean,
    /// Guess of the molecule's relative extension.
    l: f64,
}

/// The molecule's mean shape under a pull, kept while that stays.
#[derive(Clone, Copy, Debug)]
struct Mean {
    pull: Pull,
    state: u32,
    chain: Chain,
    /// Height of the bead without fluctuations, nm.
    height_nm: f64,
    /// Sideways stiffness along the field and across it, pN/nm.
    stiffness: [f64; 2],
}

impl Tether {
    /// A bead at rest under `pull`, which then needs some time to forget that it was.
    pub(super) fn new(bead: Bead, molecule: &Molecule, kind: MoleculeKind, water: Water, pull: Pull) -> Self {
        let chain = molecule.chain(water.kt);
        let mean = Mean { pull, state: 0, chain, height_nm: 0.0, stiffness: [1.0; 2] };
        let mut tether =
            Self { bead, molecule: molecule.clone(), kind, water, at_nm: [0.0; 3], state: 0, mean, l: 0.5 };
        tether.mean = tether.shape(pull);
        tether.at_nm[2] = tether.mean.height_nm;
        tether
    }

    /// Force of the molecule when nothing moves, pN: the magnets', less the weight.
    pub(super) fn force_pn(&self, pull: Pull) -> f64 {
        pull.force_pn * self.bead.magnetisation - self.bead.weight_pn
    }

    /// Unfolded (1) or folded (0), or steps done.
    pub(super) fn state(&self) -> u32 {
        self.state
    }

    /// Lets `dt_s` pass, of which the last `exposure_s` are exposed; the mean x, y, z over the exposure, nm from the anchor.
    pub(super) fn advance(&mut self, dt_s: f64, exposure_s: f64, pull: Pull, rng: &mut Rng) -> [f64; 3] {
        let exposure_s = exposure_s.clamp(0.0, dt_s);
        self.forget(dt_s - exposure_s, pull, rng);
        self.forced(exposure_s, pull, rng)
    }

    /// The same where nobody looks: heights that are forgotten are not worked out.
    fn forget(&mut self, dt_s: f64, pull: Pull, rng: &mut Rng) {
        let heights = [self.at_nm[2], self.mean.height_nm];
        let relaxation_s = heights.map(|z| {
            let (_, stiffness, drag) = self.axial(z, pull);
            drag / stiffness
        });
        let memory_s = FORGOTTEN * relaxation_s[0].max(relaxation_s[1]);
        let forgotten_s = (dt_s - memory_s).max(0.0);
        if forgotten_s > 0.0 {
            self.change_state(forgotten_s, pull, rng);
            self.sideways(forgotten_s, pull, rng);
        }
        self.forced(dt_s - forgotten_s, pull, rng);
    }

    /// Motion for `dt_s`, and its mean.
    fn forced(&mut self, dt_s: f64, pull: Pull, rng: &mut Rng) -> [f64; 3] {
        let mut mean_z = 0.0;
        let mut left_s = dt_s;
        loop {
            if self.mean.pull != pull || self.mean.state != self.state {
                self.mean = self.shape(pull);
            }
            let z = self.at_nm[2];
            let (force, stiffness, drag) = self.axial(z, pull);
            let relaxation_s = drag / stiffness;
            let wandering = (self.water.kt / stiffness).sqrt() / z;
            let step_s = relaxation_s * (STEP_BY_WANDERING / wandering).clamp(STEP[0], STEP[1]);
            // Nearer to the wall drag changes sooner.
            let to_wall_s = WALL_STEP * (z + DEBYE_NM).powi(2) * drag / self.water.kt;
            let step_s = step_s.min(to_wall_s).min(self.notice_s(pull));
            let step_s = left_s.min(step_s.max(dt_s / MOST_STEPS));
            self.change_state(step_s, pull, rng);
            let spring =
                Spring { rest: z + force / stiffness, variance: self.water.kt / stiffness, relaxation_s };
            let (end, mean) = spring.advance(z, step_s, rng);
            // Through the wall it does not go.
            self.at_nm[2] = end.abs().max(0.1);
            mean_z += mean * step_s;
            left_s -= step_s;
            if left_s <= 0.0 {
                break;
            }
        }
        let mean_z = if dt_s > 0.0 { mean_z / dt_s } else { self.at_nm[2] };
        let [x, y] = self.sideways(dt_s, pull, rng);
        [x, y, mean_z]
    }

    /// Force on the bead at this height, pN, with the push of the drag's gradient; how it falls with height, pN/nm; and drag, pN s/nm.
    fn axial(&mut self, z: f64, pull: Pull) -> (f64, f64, f64) {
        let (tension, stiffness) = self.mean.chain.pull(z - self.added_nm(), &mut self.l);
        let wall = REPULSION_PN * (-z / DEBYE_NM).exp();
        let (mobility, slope) = axial_mobility(self.bead.radius_nm, z.max(0.1));
        let drag = self.water.drag(self.bead.radius_nm) / mobility;
        let force = self.force_pn(pull) - tension + wall + self.water.kt * slope / mobility;
        (force, stiffness + wall / DEBYE_NM, drag)
    }

    /// Motion along the field and across it.
    fn sideways(&mut self, dt_s: f64, pull: Pull, rng: &mut Rng) -> [f64; 2] {
        let angle = std::f64::consts::TAU * pull.turns;
        let (sin, cos) = angle.sin_cos();
        let to_field = |[x, y]: [f64; 2]| [x * cos + y * sin, y * cos - x * sin];
        let to_lab = |[along, across]: [f64; 2]| [along * cos - across * sin, along * sin + across * cos];
        let drag =
            self.water.drag(self.bead.radius_nm) / lateral_mobility(self.bead.radius_nm, self.at_nm[2]);
        let (turn_sin, turn_cos) = (angle + self.bead.anchor_rad).sin_cos();
        let rest = to_field([self.bead.anchor_nm * turn_cos, self.bead.anchor_nm * turn_sin]);
        let [x, y, _] = self.at_nm;
        let now = to_field([x, y]);
        let (mut end, mut mean) = (now, now);
        for side in 0..2 {
            let stiffness = self.mean.stiffness[side];
            let spring = Spring {
                rest: rest[side],
                variance: self.water.kt / stiffness,
                relaxation_s: drag / stiffness,
            };
            (end[side], mean[side]) = spring.advance(now[side], dt_s, rng);
        }
        [self.at_nm[0], self.at_nm[1]] = to_lab(end);
        to_lab(mean)
    }

    /// What the state of the molecule adds to its extension, nm.
    fn added_nm(&self) -> f64 {
        match self.kind {
            MoleculeKind::Hairpin => f64::from(self.state) * self.molecule.hairpin_nm,
            MoleculeKind::Stepping => f64::from(self.state) * self.molecule.step_nm,
            _ => 0.0,
        }
    }

    /// Unfolding and folding rate of a hairpin, Hz (Bell 1978, Science 200, 618, with the barrier in the middle).
    fn hairpin_hz(&self, pull: Pull) -> [f64; 2] {
        let Molecule { hairpin_nm, hairpin_pn, hairpin_hz, .. } = self.molecule;
        let tilt = 0.5 * (self.force_pn(pull) - hairpin_pn) * hairpin_nm / self.water.kt;
        [tilt, -tilt].map(|tilt| hairpin_hz * tilt.clamp(-50.0, 50.0).exp())
    }

    /// A change of the molecule's state is met within this time, a tenth of what it takes on average.
    fn notice_s(&self, pull: Pull) -> f64 {
        0.1 / match self.kind {
            MoleculeKind::Hairpin => self.hairpin_hz(pull).iter().sum(),
            MoleculeKind::Stepping => self.molecule.steps_hz,
            _ => 0.0,
        }
    }

    /// Unfolds, folds or steps in the next `dt_s`, as often as it does.
    fn change_state(&mut self, dt_s: f64, pull: Pull, rng: &mut Rng) {
        match self.kind {
            MoleculeKind::Hairpin => {
                // Exact for two states, however often they change meanwhile.
                let [unfolding, folding] = self.hairpin_hz(pull);
                let unfolded = unfolding / (unfolding + folding);
                let kept = (-(unfolding + folding) * dt_s).exp();
                let share = unfolded + (f64::from(self.state) - unfolded) * kept;
                self.state = u32::from(rng.uniform() < share);
            }
            MoleculeKind::Stepping => {
                let (round, mut done) = (self.molecule.steps + 1, u64::from(self.state));
                let mut left = self.molecule.steps_hz * dt_s;
                if left > 50.0 {
                    // Many steps in a row are a normal number of them.
                    done += (left + left.sqrt() * rng.normal()).round() as u64;
                } else {
                    // From one to the next is an exponential time.
                    loop {
                        left += (1.0 - rng.uniform()).ln();
                        if left < 0.0 {
                            break;
                        }
                        done += 1;
                    }
                }
                self.state = (done % u64::from(round)) as u32;
            }
            _ => {}
        }
    }

    /// The molecule's mean shape.
    fn shape(&self, pull: Pull) -> Mean {
        let force_pn = self.force_pn(pull);
        let felt_pn = force_pn.max(LEAST_PN);
        let whole = self.molecule.chain(self.water.kt);
        let share = match self.kind {
            MoleculeKind::Dna => remaining(&whole, felt_pn, pull.turns),
            MoleculeKind::Double => braided(&self.molecule, &whole, felt_pn, pull.turns),
            MoleculeKind::Nicked | MoleculeKind::Hairpin | MoleculeKind::Stepping => 1.0,
        };
        let molecules = if self.kind == MoleculeKind::Double { 2.0 } else { 1.0 };
        // Two side by side pull like one of half the persistence length: twice the force at any extension.
        let chain = Chain {
            contour_nm: share * whole.contour_nm,
            persistence_nm: whole.persistence_nm / molecules,
            stretch_pn: whole.stretch_pn * molecules,
            ..whole
        };
        // Steps that shorten it end at the surface.
        let length_nm = (chain.extension(felt_pn) + self.added_nm()).max(1.0);
        // Without a force it is still a spring; across the field the lever is longer by a radius.
        let along = (force_pn / length_nm).max(chain.entropic_stiffness());
        let stiffness = [along, along * length_nm / (length_nm + self.bead.radius_nm)];
        Mean { pull, state: self.state, chain, height_nm: length_nm, stiffness }
    }
}

/// The share of its extension that a pair of molecules keeps: half a turn crosses them, more turns wind them about each other
/// (Charvin et al. 2005, Biophys. J. 88, 4124: geometry of a braid, without its twist).
fn braided(molecule: &Molecule, chain: &Chain, force_pn: f64, turns: f64) -> f64 {
    /// Diameter of a braid of two DNA molecules in salt, nm: assumed.
    const BRAID_NM: f64 = 6.0;
    let length_nm = chain.extension(0.5 * force_pn).max(1.0);
    let apart = (molecule.double_apart_nm / length_nm).min(0.9);
    let half_turns = (std::f64::consts::PI * turns.abs().min(0.5)).sin();
    let crossed = (1.0 - (apart * half_turns).powi(2)).sqrt();
    let wound_nm = std::f64::consts::PI * BRAID_NM * (turns.abs() - 0.5).max(0.0);
    // Each molecule is a helix on the braid: its length is the hypotenuse.
    let braided = (1.0 - (wound_nm / length_nm).min(0.95).powi(2)).sqrt();
    crossed * braided
}

#[cfg(test)]
#[path = "tether_tests.rs"]
mod tests;
