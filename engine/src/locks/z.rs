//! The Z-lock's law: how far the focus goes so that beads that are stuck to the surface keep their heights, and when it gives up.

use std::collections::HashMap;

use super::recent::Mean;
use super::section::LocksSection;

/// So many corrections in a row that made it worse, and the lock gives up.
const MOST_WRONG: u32 = 3;
/// An error up to this may be noise, nm.
const NOISE_NM: f64 = 20.0;
/// What is less than this is not corrected, nm: nothing sees it.
const LEAST_NM: f64 = 0.1;

/// Why a Z-lock gives up. The focus stays where it is.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum ZLost {
    /// The beads are not where they can have drifted to.
    #[error(
        "the beads are {error_nm:.0} nm from where they were, and the lock holds up to {most_nm:.0} nm (locks.z_lost_nm); \
         bring them into focus and lock again"
    )]
    TooFar { error_nm: f64, most_nm: f64 },
    /// It does the opposite of what it should.
    #[error(
        "corrections in a row have made it worse, up to {error_nm:.0} nm: if heights of this Z-LUT grow as the focus goes up, \
         set locks.z_reversed = {reversed}; else look whether the focus moves"
    )]
    Worse { error_nm: f64, reversed: bool },
    /// None of them has a height.
    #[error(
        "no height of {beads} for {waited_s:.0} s; look whether they are in focus, and in the range of the Z-LUT"
    )]
    NoHeights { beads: String, waited_s: f64 },
    /// Somebody has stopped or taken the focus.
    #[error("the focus was stopped or is held by somebody else; lock again when it is free")]
    Taken,
    /// It does not answer, or a rule forbids the correction.
    #[error("{0}")]
    Refused(String),
    /// The numbers of beads mean others now.
    #[error("bead {0} is another one now, or gone; lock again")]
    OtherBead(u32),
    /// Heights count from somewhere else now.
    #[error("heights are from another Z-LUT now; lock again")]
    OtherZLut,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// None of the beads has a height.
    Wait,
    /// The heights that there are are those to keep.
    Latched,
    /// The focus goes so far, nm of its axis.
    Correct(f64),
}

/// What it keeps, and how that goes.
#[derive(Clone, Debug, Default)]
pub(super) struct Law {
    /// Where the mean of the beads is to be, if somebody has said it, nm.
    asked_nm: Option<f64>,
    /// Height of each bead that it keeps, nm.
    targets: Vec<(u32, f64)>,
    /// Mean of what the beads are off, nm.
    pub(super) error_nm: Option<f64>,
    /// The error before the last correction, and what was to be taken away from it, nm.
    before_nm: Option<[f64; 2]>,
    /// By how much the error had grown with the correction before, nm.
    grown_nm: f64,
    /// Corrections in a row that made it worse, and their sum, nm.
    wrong: (u32, f64),
}

impl Law {
    pub(super) fn new(asked_nm: Option<f64>) -> Self {
        Self { asked_nm, ..Self::default() }
    }

    /// The mean height that it keeps, nm; `None` before it has seen one.
    pub(super) fn target_nm(&self) -> Option<f64> {
        let sum: f64 = self.targets.iter().map(|(_, target)| target).sum();
        (!self.targets.is_empty()).then(|| sum / self.targets.len() as f64)
    }

    /// What follows from the heights of `beads` that were measured since the last correction had come to rest.
    pub(super) fn step(
        &mut self,
        beads: &[u32],
        means: &HashMap<u32, Mean>,
        rules: &LocksSection,
    ) -> Result<Step, ZLost> {
        let height = |bead: &u32| means.get(bead).and_then(|mean| mean.z_nm);
        if self.targets.is_empty() {
            let seen: Vec<(u32, f64)> =
                beads.iter().filter_map(|bead| Some((*bead, height(bead)?))).collect();
            if seen.is_empty() {
                return Ok(Step::Wait);
            }
            self.targets = seen;
            let mean = self.target_nm().unwrap_or_default();
            let shift = self.asked_nm.map_or(0.0, |asked| asked - mean);
            self.targets.iter_mut().for_each(|(_, target)| *target += shift);
            if self.asked_nm.is_none() {
                self.error_nm = Some(0.0);
                return Ok(Step::Latched);
            }
        }
        // Each counts from its own height: one that is lost for a while takes no offset with it.
        let errors: Vec<f64> =
            self.targets.iter().filter_map(|(bead, target)| Some(height(bead)? - target)).collect();
        if errors.is_empty() {
            return Ok(Step::Wait);
        }
        let error_nm = errors.iter().sum::<f64>() / errors.len() as f64;
        self.error_nm = Some(error_nm);
        if error_nm.abs() > rules.z_lost_nm {
            return Err(ZLost::TooFar { error_nm, most_nm: rules.z_lost_nm });
        }
        if let Some([before_nm, taken_nm]) = self.before_nm {
            // A lock that goes the wrong way makes the error grow by more each time. Noise changes its sign or stays small, and a drift that
            // sets in makes it grow by less each time.
            let grown_nm = error_nm.abs() - before_nm.abs();
            let is_worse = error_nm * before_nm > 0.0
                && error_nm.abs() > NOISE_NM
                && grown_nm > 0.5 * taken_nm.abs()
                && grown_nm > 0.9 * self.grown_nm;
            let (wrong, wrong_nm) = if is_worse { self.wrong } else { (0, 0.0) };
            self.wrong = if is_worse { (wrong + 1, wrong_nm + taken_nm.abs()) } else { (0, 0.0) };
            self.grown_nm = grown_nm.max(0.0);
            if self.wrong.0 >= MOST_WRONG && self.wrong.1 > NOISE_NM {
                return Err(ZLost::Worse { error_nm, reversed: !rules.z_reversed });
            }
        }
        let taken_nm = (rules.z_gain * error_nm).clamp(-rules.z_most_nm, rules.z_most_nm);
        self.before_nm = Some([error_nm, taken_nm]);
        if taken_nm.abs() < LEAST_NM {
            return Ok(Step::Correct(0.0));
        }
        // Moving the focus up shows a bead that stays as one that has gone down.
        Ok(Step::Correct(if rules.z_reversed { -taken_nm } else { taken_nm }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> LocksSection {
        LocksSection::default()
    }

    fn heights(heights: &[(u32, f64)]) -> HashMap<u32, Mean> {
        heights.iter().map(|(bead, z_nm)| (*bead, Mean { place_px: None, z_nm: Some(*z_nm) })).collect()
    }

    /// A focus that drifts: beads seem to go up as it goes down. What the error is after each correction.
    fn hold(rules: &LocksSection, drift_nm: f64, sign: f64, passes: usize) -> Result<Vec<f64>, ZLost> {
        let (mut law, mut focus) = (Law::new(None), 0.0);
        let mut errors = Vec::new();
        for _ in 0..passes {
            match law.step(&[1], &heights(&[(1, -sign * focus)]), rules)? {
                Step::Correct(by) => focus += by,
                Step::Latched => {}
                Step::Wait => panic!("there is a height"),
            }
            errors.extend(law.error_nm);
            focus -= drift_nm;
        }
        Ok(errors)
    }

    #[test]
    fn the_focus_follows_half_of_the_error_each_time() {
        let mut law = Law::new(Some(100.0));
        // MagScope's own test: 40 nm too high, the focus goes by 20.
        assert_eq!(law.step(&[1], &heights(&[(1, 140.0)]), &rules()), Ok(Step::Correct(20.0)));
        assert_eq!(law.target_nm(), Some(100.0));
        assert_eq!(law.step(&[1], &heights(&[(1, 120.0)]), &rules()), Ok(Step::Correct(10.0)));
        assert_eq!(
            law.step(&[1], &heights(&[(1, 600.0)]), &rules()),
            Ok(Step::Correct(100.0)),
            "no further at once"
        );
        let reversed = LocksSection { z_reversed: true, ..rules() };
        assert_eq!(law.step(&[1], &heights(&[(1, 120.0)]), &reversed), Ok(Step::Correct(-10.0)));
    }

    #[test]
    fn without_a_target_it_keeps_what_it_sees_first_and_a_bead_that_is_lost_takes_no_offset_with_it() {
        let mut law = Law::new(None);
        assert_eq!(law.step(&[1, 2, 3], &heights(&[]), &rules()), Ok(Step::Wait));
        assert_eq!(law.step(&[1, 2, 3], &heights(&[(1, 100.0), (2, 300.0)]), &rules()), Ok(Step::Latched));
        assert_eq!(law.target_nm(), Some(200.0));
        assert_eq!(law.step(&[1, 2, 3], &heights(&[(2, 310.0)]), &rules()), Ok(Step::Correct(5.0)));
        assert_eq!(
            law.step(&[1, 2, 3], &heights(&[(3, 900.0)]), &rules()),
            Ok(Step::Wait),
            "it had no height at first"
        );
    }

    #[test]
    fn a_steady_drift_is_held_and_a_jump_is_not_followed() {
        let errors = hold(&rules(), 20.0, 1.0, 200).unwrap();
        // Half of the error is what drifts from one correction to the next.
        assert!((errors[199] - 40.0).abs() < 1e-6, "{}", errors[199]);
        let mut law = Law::new(Some(0.0));
        let far = law.step(&[1], &heights(&[(1, -1200.0)]), &rules());
        assert_eq!(far, Err(ZLost::TooFar { error_nm: -1200.0, most_nm: 1000.0 }));
    }

    #[test]
    fn neither_noise_nor_a_drift_that_sets_in_ends_it() {
        for gain in [0.05, 0.2, 0.5, 0.9] {
            let rules = LocksSection { z_gain: gain, ..rules() };
            let (mut law, mut focus) = (Law::new(None), 0.0);
            let mut random = 1_u64;
            for step in 0..20_000 {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let noise_nm = 10.0 * ((random >> 40) as f64 / f64::from(1 << 24) - 0.5);
                let done = law.step(&[1], &heights(&[(1, noise_nm - focus)]), &rules);
                if let Step::Correct(by) =
                    done.unwrap_or_else(|lost| panic!("gain {gain}, step {step}: {lost}"))
                {
                    focus += by;
                }
                // Rest, 5 nm from one correction to the next, back, and next to nothing.
                focus -= [0.0, 5.0, -5.0, 0.02][step / 500 % 4];
            }
        }
    }

    #[test]
    fn a_lock_that_makes_it_worse_gives_up_before_it_has_gone_far() {
        let lost = hold(&rules(), 2.0, -1.0, 50).unwrap_err();
        let ZLost::Worse { error_nm, reversed: true } = lost else { panic!("{lost}") };
        assert!(error_nm.abs() < 150.0, "{error_nm}");
        let turned = LocksSection { z_reversed: true, ..rules() };
        assert!(hold(&turned, 2.0, -1.0, 50).is_ok(), "as the message says");
    }
}
