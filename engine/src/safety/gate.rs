//! What is known of all axes: where each may be, who holds it, where its zero is. What may be asked of them: `grant.rs`.

mod grant;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use beadscope_drivers::axis::{Alarm, AxisInfo, AxisState, AxisUnit};

use super::section::{AxisRules, SafetyError, SafetySection};
use super::violation::{Rule, Violation};
use crate::command::Sender;

pub(crate) use grant::{Leg, Wish};

/// An axis that rests so long after it was sent somewhere has arrived, or does not go there any more.
pub(crate) const STARTED: Duration = Duration::from_millis(500);

/// All axes of a session.
#[derive(Clone)]
pub(crate) struct Gate {
    axes: Vec<Axis>,
    conditions: Vec<Bound>,
    is_stopped: bool,
    /// A rule that tests leave out, to see that it is needed.
    #[cfg(test)]
    pub(super) without: Option<Rule>,
}

#[derive(Clone)]
struct Axis {
    /// As commands see it: its limits are those of device and rules together.
    info: AxisInfo,
    /// How far the device goes, whatever the rules say.
    device: [f64; 2],
    rules: AxisRules,
    /// The speed of motions for which nobody asks for another.
    usual_speed: Option<f64>,
    seen: Result<AxisState, String>,
    /// Where it may be; `None`: anywhere.
    envelope: Option<[f64; 2]>,
    target: Option<f64>,
    sent: Option<Instant>,
    /// It looks for its reference, and may be anywhere.
    is_homing: bool,
    owner: Option<Sender>,
    /// What locks have moved it by, and when.
    locked: VecDeque<(Instant, f64)>,
    /// Where people have set its zero, in what the controller counts.
    zero: f64,
}

/// A condition, with its axes by their places.
#[derive(Clone)]
struct Bound {
    axis: usize,
    between: [f64; 2],
    keeps: usize,
    within: [f64; 2],
    why: String,
}

impl Gate {
    /// A gate for these axes, with the speeds that they are given when nobody asks for another.
    pub(crate) fn new(
        axes: Vec<(AxisInfo, Option<f64>)>,
        rules: &SafetySection,
    ) -> Result<Self, SafetyError> {
        let infos: Vec<AxisInfo> = axes.iter().map(|(info, _)| info.clone()).collect();
        rules.check_axes(&infos)?;
        let place = |name: &str| infos.iter().position(|info| info.name == name).unwrap_or_default();
        let conditions = rules.conditions.iter().map(|condition| Bound {
            axis: place(&condition.axis),
            between: condition.between,
            keeps: place(&condition.keeps),
            within: condition.within,
            why: condition.why.clone(),
        });
        let conditions = conditions.collect();
        let axes =
            axes.into_iter().map(|(info, usual)| Axis::new(info, usual, rules)).collect::<Result<_, _>>()?;
        Ok(Self {
            axes,
            conditions,
            is_stopped: false,
            #[cfg(test)]
            without: None,
        })
    }

    /// Whether a rule is in force: all are, but in tests of the rules.
    fn is_on(&self, rule: Rule) -> bool {
        #[cfg(test)]
        if self.without == Some(rule) {
            return false;
        }
        let _ = rule;
        true
    }

    /// What commands see of an axis.
    pub(crate) fn info(&self, axis: usize) -> &AxisInfo {
        &self.axes[axis].info
    }

    /// Where it was sent, if it is still to go there.
    pub(crate) fn target(&self, axis: usize) -> Option<f64> {
        self.axes[axis].target
    }

    /// Who holds it.
    pub(crate) fn owner(&self, axis: usize) -> Option<Sender> {
        self.axes[axis].owner
    }

    /// What the controller counts where people say 0.
    pub(crate) fn zero(&self, axis: usize) -> f64 {
        self.axes[axis].zero
    }

    /// Everything was stopped and nobody has resumed.
    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Notes where an axis was seen, as people count, or why it was not.
    pub(crate) fn see(&mut self, axis: usize, seen: Result<AxisState, String>, now: Instant) {
        let axis = &mut self.axes[axis];
        let is_number = |state: &AxisState| state.position.is_finite();
        let seen =
            seen.and_then(|state| is_number(&state).then_some(state).ok_or("it tells no number".to_owned()));
        let was_referenced = axis.seen.as_ref().is_ok_and(|state| state.is_referenced);
        let has_given_up = axis.sent.is_none_or(|sent| now.duration_since(sent) > STARTED);
        axis.is_homing &= !(has_given_up && seen.as_ref().is_ok_and(|state| !state.is_moving));
        axis.envelope = match &seen {
            // One that has stalled does not know where it is.
            Ok(state) if state.is_referenced && !axis.is_homing && state.alarm != Some(Alarm::Stalled) => {
                let at = [state.position; 2];
                // What was sent a moment ago may only not have begun.
                if !state.is_moving && has_given_up {
                    Some(at)
                } else {
                    // What moves since nobody saw it may be sent anywhere.
                    let known = axis.envelope.filter(|_| was_referenced);
                    let to = axis.target.unwrap_or(state.position);
                    known.map(|known| hull(hull(known, at), [to; 2]))
                }
            }
            _ => None,
        };
        if axis.envelope.is_none() {
            axis.target = None;
        }
        axis.seen = seen;
    }

    /// An axis was stopped: it ends wherever it comes to rest, and who moved it by itself has it no more.
    pub(crate) fn stopped(&mut self, axis: usize) {
        let there = &mut self.axes[axis];
        there.target = None;
        there.owner = there.owner.filter(|owner| !owner.must_hold());
    }

    /// A motion has failed: it ends wherever it comes to rest.
    pub(crate) fn ended(&mut self, axis: usize) {
        self.axes[axis].target = None;
    }

    /// Another part of a motion begins.
    pub(crate) fn goes_on(&mut self, axis: usize, now: Instant) {
        self.axes[axis].sent = Some(now);
    }

    /// Nothing is granted any more until a person resumes.
    pub(crate) fn emergency(&mut self) {
        self.is_stopped = true;
        self.axes.iter_mut().for_each(|axis| axis.target = None);
    }

    /// Motions are granted again, if a person says so.
    pub(crate) fn resume(&mut self, sender: Sender) -> Result<(), Violation> {
        if !matches!(sender, Sender::Window | Sender::Text) {
            return Err(Violation::Emergency);
        }
        self.is_stopped = false;
        Ok(())
    }

    /// Somebody holds an axis from now on: what is free, and a person at the window takes it from anybody.
    pub(crate) fn take(&mut self, sender: Sender, axis: usize) -> Result<(), Violation> {
        let there = &mut self.axes[axis];
        match there.owner {
            Some(by) if by != sender && sender != Sender::Window => {
                Err(Violation::Held { axis: there.info.name.clone(), by: by.name() })
            }
            _ => {
                there.owner = Some(sender);
                Ok(())
            }
        }
    }

    /// Whoever holds an axis gives it back; a person at the window frees any.
    pub(crate) fn release(&mut self, sender: Sender, axis: usize) {
        let there = &mut self.axes[axis];
        if there.owner == Some(sender) || sender == Sender::Window {
            there.owner = None;
        }
    }

    /// Calls where the axis rests 0. Everything that counts from the old zero moves along; nothing else moves.
    pub(crate) fn set_zero(&mut self, axis: usize) -> Result<(), Violation> {
        let there = &self.axes[axis];
        let name = || there.info.name.clone();
        if there.info.unit != AxisUnit::Turns {
            return Err(Violation::NoZero { axis: name() });
        }
        let by = match &there.seen {
            Ok(state) if !state.is_referenced => return Err(Violation::NotReferenced { axis: name() }),
            // Parts of a motion that are still to come count from the old zero.
            Ok(_) if there.envelope.is_none_or(|[from, to]| from < to) => {
                return Err(Violation::Moving { axis: name() });
            }
            Ok(state) => state.position,
            Err(why) => return Err(Violation::Unseen { axis: name(), why: why.clone() }),
        };
        let shift = |range: &mut [f64; 2]| range.iter_mut().for_each(|end| *end -= by);
        let there = &mut self.axes[axis];
        there.zero += by;
        shift(&mut there.info.limits);
        shift(&mut there.device);
        there.envelope.iter_mut().for_each(shift);
        there.rules.near.iter_mut().for_each(|near| shift(&mut near.between));
        there.target.iter_mut().for_each(|target| *target -= by);
        if let Ok(state) = &mut there.seen {
            state.position -= by;
        }
        for condition in &mut self.conditions {
            if condition.axis == axis {
                shift(&mut condition.between);
            }
            if condition.keeps == axis {
                shift(&mut condition.within);
            }
        }
        Ok(())
    }

    /// As if every motion had ended where it was sent: for trying what is to come.
    pub(crate) fn arrive(&mut self) {
        for axis in &mut self.axes {
            if let (Ok(state), Some(target)) = (&mut axis.seen, axis.target) {
                (state.position, state.is_moving) = (target, false);
                axis.envelope = Some([target; 2]);
            }
        }
    }

    /// As if an axis had found its reference, at the lower end of its way: for trying what is to come.
    pub(crate) fn home_in_thought(&mut self, axis: usize) {
        let axis = &mut self.axes[axis];
        axis.is_homing = false;
        if let Ok(state) = &mut axis.seen {
            *state = AxisState::at(axis.device[0], false);
            axis.envelope = Some([axis.device[0]; 2]);
        }
    }

    /// The axis of this name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.axes.iter().position(|axis| axis.info.name == name)
    }

    /// Names of all axes.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.axes.iter().map(|axis| axis.info.name.as_str()).collect()
    }
}

impl Axis {
    fn new(info: AxisInfo, usual_speed: Option<f64>, rules: &SafetySection) -> Result<Self, SafetyError> {
        let rules = rules.axes.get(&info.name).cloned().unwrap_or_default();
        let device = info.limits;
        let limits =
            rules.limits.map_or(device, |[least, greatest]| [least.max(device[0]), greatest.min(device[1])]);
        if limits[0] >= limits[1] {
            return Err(SafetyError(format!(
                "axes.{}: limits leave nothing of where the device goes, {} to {} {}",
                info.name,
                device[0],
                device[1],
                info.unit.symbol()
            )));
        }
        Ok(Self {
            info: AxisInfo { limits, ..info },
            device,
            rules,
            usual_speed,
            seen: Err("it was not asked yet".to_owned()),
            envelope: None,
            target: None,
            sent: None,
            is_homing: false,
            owner: None,
            locked: VecDeque::new(),
            zero: 0.0,
        })
    }
}

/// The smallest interval that holds both.
fn hull(one: [f64; 2], other: [f64; 2]) -> [f64; 2] {
    [one[0].min(other[0]), one[1].max(other[1])]
}
