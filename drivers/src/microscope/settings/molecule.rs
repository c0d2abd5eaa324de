//! What holds a tethered bead.

use super::in_range;
use crate::camera::CameraError;
use crate::microscope::chain::Chain;

/// What holds a tethered bead: the `[camera.settings.molecule]` table.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Molecule {
    /// `dna` (default), or with a `hairpin` or a `stepping` motor in it. Twist matters to `dna` alone.
    pub kind: MoleculeKind,
    /// Base pairs; 300 to 50 000, default 5000, which are 1700 nm.
    pub length_bp: u32,
    /// Persistence length, in nm; 1 to 200, default 45 (in 10 mM salt and more).
    pub persistence_nm: f64,
    /// Stretch modulus, in pN; 100 to 10 000, default 1000.
    pub stretch_pn: f64,
    /// Share of tethers that do not feel twist; 0 to 1, default 0.1.
    pub nicked_share: f64,
    /// Share of beads on two molecules; 0 to 1, default 0.05.
    pub double_share: f64,
    /// How far apart two such molecules are held, in nm; 0 to 1000, default 500.
    pub double_apart_nm: f64,
    /// What an unfolded hairpin adds, in nm; 1 to 200, default 18 (some 20 base pairs).
    pub hairpin_nm: f64,
    /// Force at which it is unfolded half of the time, in pN; 0.1 to 50, default 8.
    pub hairpin_pn: f64,
    /// How often it unfolds, and folds, at that force, in Hz; 0.001 to 10 000, default 1.
    pub hairpin_hz: f64,
    /// What a step adds, in nm; -100 to 100, default 10.
    pub step_nm: f64,
    /// Steps until the motor falls off and all is as at the beginning; 1 to 10 000, default 20.
    pub steps: u32,
    /// Steps in a second; 0.001 to 1000, default 0.5.
    pub steps_hz: f64,
}

/// What is between a bead and the surface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MoleculeKind {
    /// DNA that feels twist.
    #[default]
    Dna,
    /// DNA that does not.
    Nicked,
    /// Two of them.
    Double,
    /// DNA with a hairpin that unfolds and folds.
    Hairpin,
    /// DNA with a motor that lengthens it step by step.
    Stepping,
}

impl Default for Molecule {
    fn default() -> Self {
        Self {
            kind: MoleculeKind::Dna,
            length_bp: 5000,
            persistence_nm: 45.0,
            stretch_pn: 1000.0,
            nicked_share: 0.1,
            double_share: 0.05,
            double_apart_nm: 500.0,
            hairpin_nm: 18.0,
            hairpin_pn: 8.0,
            hairpin_hz: 1.0,
            step_nm: 10.0,
            steps: 20,
            steps_hz: 0.5,
        }
    }
}

impl Molecule {
    /// Its elasticity, with this thermal energy in pN nm. A base pair of B-DNA is 0.34 nm.
    pub(crate) fn chain(&self, kt: f64) -> Chain {
        let contour_nm = 0.34 * f64::from(self.length_bp);
        Chain { contour_nm, persistence_nm: self.persistence_nm, stretch_pn: self.stretch_pn, kt }
    }

    /// Its length under a force, pN, with all that is folded or stepped, nm.
    pub(super) fn longest_nm(&self, force_pn: f64) -> f64 {
        let added = match self.kind {
            MoleculeKind::Hairpin => self.hairpin_nm,
            MoleculeKind::Stepping => (self.step_nm * f64::from(self.steps)).max(0.0),
            _ => 0.0,
        };
        // Straight, and stretched.
        (1.0 + force_pn / self.stretch_pn) * 0.34 * f64::from(self.length_bp) + added
    }

    pub(super) fn check(&self) -> Result<(), CameraError> {
        in_range("molecule.length_bp", f64::from(self.length_bp), 300.0, 50_000.0)?;
        in_range("molecule.persistence_nm", self.persistence_nm, 1.0, 200.0)?;
        in_range("molecule.stretch_pn", self.stretch_pn, 100.0, 10_000.0)?;
        in_range("molecule.nicked_share", self.nicked_share, 0.0, 1.0)?;
        // Together they are all at most; 0.9 and 0.1 are a little more, as computers add.
        in_range("molecule.double_share", self.double_share, 0.0, 1.0 - self.nicked_share + 1e-9)?;
        in_range("molecule.double_apart_nm", self.double_apart_nm, 0.0, 1000.0)?;
        in_range("molecule.hairpin_nm", self.hairpin_nm, 1.0, 200.0)?;
        in_range("molecule.hairpin_pn", self.hairpin_pn, 0.1, 50.0)?;
        in_range("molecule.hairpin_hz", self.hairpin_hz, 0.001, 10_000.0)?;
        in_range("molecule.step_nm", self.step_nm, -100.0, 100.0)?;
        in_range("molecule.steps", f64::from(self.steps), 1.0, 10_000.0)?;
        let shortened_nm = -self.step_nm * f64::from(self.steps);
        let most_nm = 0.5 * 0.34 * f64::from(self.length_bp);
        if shortened_nm > most_nm {
            return Err(CameraError::Settings(format!(
                "molecule.step_nm times molecule.steps shorten the molecule by {shortened_nm} nm; at most half of it is possible, {most_nm} nm"
            )));
        }
        in_range("molecule.steps_hz", self.steps_hz, 0.001, 1000.0)
    }
}
