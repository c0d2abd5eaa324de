//! Where the focus goes in a sweep, and why a sweep is refused before anything has moved.

use beadscope_zlut::table::MIN_PLANES;

use crate::hardware::AxisReading;

/// The axis that is moved.
pub(crate) const FOCUS: &str = "focus";
/// Heights of a sweep, at most.
const MOST_STEPS: f64 = 10_000.0;
/// A range is a whole number of steps if it is to this part of one.
const ON_GRID: f64 = 1e-6;
/// Shares of a step by which the focus may miss a height; the height it has reached is the one that counts.
const TOLERANCE: f64 = 0.05;
/// It may miss by so much, however short the step: a sensor's noise, nm.
const LEAST_TOLERANCE_NM: f64 = 1.0;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Asked {
    /// First focus, from where it is, nm.
    pub(crate) from_nm: f64,
    /// Last focus, from where it is, nm.
    pub(crate) to_nm: f64,
    /// From one to the next, nm; above 0.
    pub(crate) step_nm: f64,
    /// Images of each bead at each height.
    pub(crate) frames: u32,
    /// How long the focus rests before they count, ms.
    pub(crate) settle_ms: f64,
}

/// Why a sweep is not begun, or nothing is there that is asked of it. The focus has not moved.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SweepError {
    /// There is no motor of that name that counts in a length.
    #[error(
        "there is no focus motor; the instrument has: {there}; build a Z-LUT from a stack with beadscope zlut build"
    )]
    NoFocus {
        /// The axes there are.
        there: String,
    },
    /// Nobody knows where it is.
    #[error("the focus does not answer: {0}; look at its cable and power")]
    Silent(String),
    /// Where it is now means nothing.
    #[error("the focus is on its way; sweep once it has arrived")]
    Moving,
    /// Nothing to take profiles of.
    #[error("there are no beads; add some with the command roi.add")]
    NoBeads,
    /// The session only films.
    #[error("this session films without tracking; start one with the recording mode track")]
    NotTracking,
    /// One at a time.
    #[error("a sweep runs already; wait until it is done, or end it with the command zlut.cancel")]
    Running,
    /// It would leave the motor's range.
    #[error(
        "the focus is at {at_nm:.0} nm and goes from {:.0} to {:.0} nm; sweep within {:.0} to {:.0} nm from where it is",
        .limits_nm[0], .limits_nm[1], .limits_nm[0] - .at_nm, .limits_nm[1] - .at_nm
    )]
    Limits {
        /// Where it is, nm.
        at_nm: f64,
        /// Where it goes, nm.
        limits_nm: [f64; 2],
    },
    /// Too few for a spline.
    #[error("a sweep needs {MIN_PLANES} heights, this one has {0}; take shorter steps or a longer range")]
    TooFew(usize),
    /// More than anybody needs.
    #[error("the sweep would have {0:.0} heights; 10000 are possible: take longer steps")]
    TooMany(f64),
    /// The last step is not a whole one.
    #[error("steps of {step_nm} nm from {from_nm} nm do not land on {to_nm} nm; sweep to {nearest_nm} nm")]
    OffGrid {
        /// First focus, nm.
        from_nm: f64,
        /// Last focus asked for, nm.
        to_nm: f64,
        /// The step, nm.
        step_nm: f64,
        /// The last focus nearest to it that whole steps reach, nm.
        nearest_nm: f64,
    },
    /// What is gathered has no room.
    #[error(
        "{beads} beads at {heights} heights need {mib} MiB, and {most_mib} are allowed; sweep fewer beads or in longer steps"
    )]
    TooLarge {
        /// Beads.
        beads: usize,
        /// Heights.
        heights: usize,
        /// What they need, MiB.
        mib: usize,
        /// What is allowed, MiB.
        most_mib: usize,
    },
    /// There is nothing to end.
    #[error("no sweep runs")]
    NotRunning,
    /// No table to use or save.
    #[error("no sweep was finished in this session; start one with the command zlut.sweep")]
    NoSweep,
    /// It was not swept.
    #[error("bead {bead} was not in the last sweep; there were: {there}")]
    NoBead {
        /// What was asked for.
        bead: u32,
        /// Those there were.
        there: String,
    },
    /// Its images make no Z-LUT.
    #[error("the sweep of bead {bead} makes no Z-LUT: {reason}; choose another bead or sweep again")]
    Unusable {
        /// The bead.
        bead: u32,
        /// Why.
        reason: String,
    },
    /// The kernels refuse the ROIs.
    #[error("the beads cannot be measured: {0}")]
    Kernels(String),
    /// The system refused a thread.
    #[error("the sweep could not be started: {0}")]
    Thread(String),
    /// Nobody is there to sweep.
    #[error("the session has ended; start another")]
    Ended,
}

/// Where the focus goes, in nm of its axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    /// Where it is at the start, and will be at the end.
    pub(super) start_nm: f64,
    /// What its axis said it was at, there: heights count from it.
    pub(super) zero_nm: f64,
    /// The heights.
    pub(super) targets_nm: Vec<f64>,
    /// One step in the sweep's own direction.
    direction_nm: f64,
    limits_nm: [f64; 2],
    /// How near is there.
    pub(super) tolerance_nm: f64,
    /// Of the axis' unit.
    pub(super) nm_per_unit: f64,
}

impl Plan {
    /// The way of a sweep, from where the axes are now.
    pub(super) fn new(asked: &Asked, axes: &[AxisReading]) -> Result<Self, SweepError> {
        let focus = axes.iter().find(|axis| axis.info.name == FOCUS);
        let scale = |axis: &AxisReading| axis.info.unit.nm();
        let no_focus = || SweepError::NoFocus { there: names(axes) };
        let (axis, nm_per_unit) = focus.and_then(|axis| Some((axis, scale(axis)?))).ok_or_else(no_focus)?;
        let Some(state) = axis.state else {
            return Err(SweepError::Silent(axis.error.clone().unwrap_or_else(|| "no answer".to_owned())));
        };
        if state.is_moving {
            return Err(SweepError::Moving);
        }
        let zero_nm = state.position * nm_per_unit;
        let tolerance_nm = (TOLERANCE * asked.step_nm).max(LEAST_TOLERANCE_NM);
        // What was commanded is what brings it back to the same place, if that is where it is.
        let sent_nm = axis.target.map(|target| target * nm_per_unit);
        let start_nm = sent_nm.filter(|sent_nm| (sent_nm - zero_nm).abs() <= tolerance_nm).unwrap_or(zero_nm);
        let offsets_nm = offsets(asked)?;
        let limits_nm = axis.info.limits.map(|limit| limit * nm_per_unit);
        let targets_nm: Vec<f64> = offsets_nm.iter().map(|offset| start_nm + offset).collect();
        // A range that ends on a limit may miss it by the last digit.
        let slack_nm = 1e-9 * (limits_nm[1] - limits_nm[0]);
        let is_inside = |nm: &f64| (limits_nm[0] - slack_nm..=limits_nm[1] + slack_nm).contains(nm);
        if !targets_nm.iter().all(is_inside) {
            return Err(SweepError::Limits { at_nm: start_nm, limits_nm });
        }
        let clamped = |nm: f64| nm.clamp(limits_nm[0], limits_nm[1]);
        Ok(Self {
            start_nm,
            zero_nm,
            direction_nm: asked.step_nm.copysign(asked.to_nm - asked.from_nm),
            limits_nm,
            targets_nm: targets_nm.into_iter().map(clamped).collect(),
            tolerance_nm,
            nm_per_unit,
        })
    }

    /// From where a height is approached in the sweep's own direction, so that play does not count.
    pub(super) fn before(&self, height: usize) -> f64 {
        (self.targets_nm[height] - self.direction_nm).clamp(self.limits_nm[0], self.limits_nm[1])
    }

    /// The height that is looked at again at the end, to see what has drifted: early, and so far inside that a bead that has
    /// drifted is still in the range of its Z-LUT.
    pub(super) fn again(&self) -> usize {
        (self.targets_nm.len() / 4).max(1)
    }
}

fn names(axes: &[AxisReading]) -> String {
    let names: Vec<&str> = axes.iter().map(|axis| axis.info.name.as_str()).collect();
    if names.is_empty() { "no motors".to_owned() } else { names.join(", ") }
}

/// The heights, from where the focus is.
fn offsets(asked: &Asked) -> Result<Vec<f64>, SweepError> {
    let &Asked { from_nm, to_nm, step_nm, .. } = asked;
    let range_nm = to_nm - from_nm;
    let steps = range_nm.abs() / step_nm;
    if steps > MOST_STEPS - 1.0 {
        return Err(SweepError::TooMany((steps + 1.0).floor()));
    }
    let whole = steps.round();
    let step_nm = step_nm.copysign(range_nm);
    if (steps - whole).abs() > ON_GRID {
        let nearest_nm = from_nm + whole * step_nm;
        return Err(SweepError::OffGrid { from_nm, to_nm, step_nm: step_nm.abs(), nearest_nm });
    }
    let heights = whole as usize + 1;
    if heights < MIN_PLANES {
        return Err(SweepError::TooFew(heights));
    }
    // From both ends alike, so that a sweep down has the heights of a sweep up.
    let middle_nm = 0.5 * (from_nm + to_nm);
    Ok((0..heights).map(|step| middle_nm + (step as f64 - 0.5 * whole) * step_nm).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use beadscope_drivers::axis::Abilities;

    use crate::hardware::{AxisInfo, AxisState, AxisUnit};

    fn axis(name: &str, unit: AxisUnit, at: f64, limits: [f64; 2]) -> AxisReading {
        let can = Abilities::default();
        let info = AxisInfo { name: name.to_owned(), unit, limits, can };
        let state = Some(AxisState::at(at, false));
        AxisReading {
            info,
            state,
            target: None,
            error: None,
            owner: None,
            is_stopped: false,
            at: std::time::Instant::now(),
        }
    }

    fn asked(from_nm: f64, to_nm: f64, step_nm: f64) -> Asked {
        Asked { from_nm, to_nm, step_nm, frames: 1, settle_ms: 0.0 }
    }

    fn refused(asked: &Asked, axes: &[AxisReading]) -> String {
        Plan::new(asked, axes).unwrap_err().to_string()
    }

    #[test]
    fn a_sweep_goes_both_ways_over_the_same_heights() {
        let axes = [axis("focus", AxisUnit::Nm, 100.0, [-1000.0, 1000.0])];
        let up = Plan::new(&asked(-300.0, 300.0, 100.0), &axes).unwrap();
        assert_eq!(up.targets_nm, [-200.0, -100.0, 0.0, 100.0, 200.0, 300.0, 400.0]);
        assert_eq!((up.zero_nm, up.start_nm, up.before(0), up.tolerance_nm), (100.0, 100.0, -300.0, 5.0));
        let mut down = Plan::new(&asked(300.0, -300.0, 100.0), &axes).unwrap();
        assert_eq!((down.before(0), down.again(), down.before(1)), (500.0, 1, 400.0));
        down.targets_nm.reverse();
        assert_eq!(down.targets_nm, up.targets_nm);
        // Out to the limits there is no room to come from beyond.
        let wide = Plan::new(&asked(-1100.0, 900.0, 100.0), &axes).unwrap();
        assert_eq!((wide.before(0), wide.targets_nm[0]), (-1000.0, -1000.0));
        let in_mm = [axis("focus", AxisUnit::Mm, 0.001, [0.0, 0.002])];
        assert_eq!(Plan::new(&asked(-300.0, 0.0, 100.0), &in_mm).unwrap().targets_nm[0], 700.0);
    }

    #[test]
    fn a_sweep_is_judged_before_it_is_asked_for() {
        use crate::zlut_sweep::{focus_range, heights_of};
        let axes = [axis("focus", AxisUnit::Um, 0.1, [-1.0, 1.0])];
        assert_eq!(heights_of(-300.0, 300.0, 100.0, &axes), Ok(7));
        assert!(matches!(heights_of(-300.0, 1000.0, 100.0, &axes), Err(SweepError::Limits { .. })));
        assert!(matches!(heights_of(0.0, 500.0, 150.0, &axes), Err(SweepError::OffGrid { .. })));
        let (at_nm, [low_nm, high_nm]) = focus_range(&axes).unwrap();
        assert!(
            (at_nm - 100.0).abs() < 1e-9 && (low_nm + 1100.0).abs() < 1e-9 && (high_nm - 900.0).abs() < 1e-9
        );
        assert_eq!(focus_range(&[]), None);
    }

    #[test]
    fn what_cannot_be_swept_is_told_with_what_can() {
        let axes = [axis("focus", AxisUnit::Nm, 100.0, [-1000.0, 1000.0])];
        let told = refused(&asked(-1000.0, 1000.0, 100.0), &axes);
        assert_eq!(
            told,
            "the focus is at 100 nm and goes from -1000 to 1000 nm; sweep within -1100 to 900 nm from where it is"
        );
        let told = refused(&asked(0.0, 500.0, 150.0), &axes);
        assert_eq!(told, "steps of 150 nm from 0 nm do not land on 500 nm; sweep to 450 nm");
        let told = refused(&asked(0.0, -500.0, 150.0), &axes);
        assert!(told.ends_with("sweep to -450 nm"), "{told}");
        assert!(matches!(Plan::new(&asked(0.0, 200.0, 100.0), &axes), Err(SweepError::TooFew(3))));
        assert!(matches!(Plan::new(&asked(0.0, 0.0, 100.0), &axes), Err(SweepError::TooFew(1))));
        assert!(matches!(Plan::new(&asked(0.0, 1e6, 0.1), &axes), Err(SweepError::TooMany(_))));
        let turned = [axis("magnet_turns", AxisUnit::Turns, 0.0, [0.0, 1.0])];
        let told = refused(&asked(0.0, 300.0, 100.0), &turned);
        assert!(told.starts_with("there is no focus motor; the instrument has: magnet_turns"), "{told}");
        let mut moving = axes.clone();
        moving[0].state = Some(AxisState::at(0.0, true));
        assert_eq!(Plan::new(&asked(0.0, 300.0, 100.0), &moving), Err(SweepError::Moving));
        moving[0].state = None;
        assert!(matches!(Plan::new(&asked(0.0, 300.0, 100.0), &moving), Err(SweepError::Silent(_))));
    }
}
