//! Whether somebody may have an axis do something now, and in which parts.

use std::time::{Duration, Instant};

use beadscope_drivers::axis::Alarm;

use super::{Gate, STARTED, hull};
use crate::command::Sender;
use crate::safety::section::Near;
use crate::safety::violation::{Rule, Violation};

/// Over which a lock's way is summed.
const MINUTE: Duration = Duration::from_secs(60);

/// What somebody wants an axis to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wish {
    /// Go there, at most so fast; with `clamp`, as near as it may.
    Move { to: f64, speed: Option<f64>, clamp: bool },
    /// Go on by so much from where it was sent.
    Step { by: f64 },
    /// Go on at this speed, up or down, as far as it may.
    Drive { speed: f64 },
    /// Look for its reference.
    Home,
}

/// A part of a motion that may be made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Leg {
    pub(crate) to: f64,
    /// To be set before; `None`: as the controller has it.
    pub(crate) speed: Option<f64>,
}

/// From where to where an axis may go now, and what forbids more.
struct Reach {
    limits: [f64; 2],
    /// The condition that narrows each end.
    by: [Option<usize>; 2],
    /// The condition that allows nothing.
    stuck: Option<usize>,
}

impl Gate {
    /// Whether somebody may have an axis do that. What is granted counts as if it were under way.
    pub(crate) fn ask(
        &mut self,
        sender: Sender,
        axis: usize,
        wish: Wish,
        now: Instant,
    ) -> Result<Vec<Leg>, Violation> {
        let there = &self.axes[axis];
        let name = || there.info.name.clone();
        if self.is_stopped && self.is_on(Rule::Emergency) {
            return Err(Violation::Emergency);
        }
        if let Some(by) = there.owner.filter(|owner| *owner != sender && self.is_on(Rule::Owner)) {
            return Err(Violation::Held { axis: name(), by: by.name() });
        }
        // Whoever stops it takes it from them.
        if sender.must_hold() && there.owner.is_none() && self.is_on(Rule::Owner) {
            return Err(Violation::Taken { axis: name(), from: sender.name() });
        }
        let state = match &there.seen {
            Ok(state) => Some(*state),
            Err(why) if self.is_on(Rule::Seen) => {
                return Err(Violation::Unseen { axis: name(), why: why.clone() });
            }
            Err(_) => None,
        };
        if wish == Wish::Home {
            self.may_home(sender, axis)?;
            let there = &mut self.axes[axis];
            // On its way it may be anywhere.
            (there.envelope, there.target, there.sent, there.is_homing) = (None, None, Some(now), true);
            return Ok(Vec::new());
        }
        let is_lost = there.is_homing || state.is_some_and(|state| !state.is_referenced);
        if is_lost && self.is_on(Rule::Referenced) {
            let axis = name();
            return Err(if there.is_homing {
                Violation::Moving { axis }
            } else {
                Violation::NotReferenced { axis }
            });
        }
        if let Some(alarm) = state.and_then(|state| state.alarm)
            && alarm == Alarm::Stalled
            && self.is_on(Rule::Alarm)
        {
            return Err(Violation::Alarm { axis: name(), alarm });
        }
        let from = state.map_or(0.0, |state| state.position);
        // On from where it was sent, so that two steps are the sum of both, unless it does not go there any more.
        let goes_on = state.is_some_and(|state| state.is_moving)
            || there.sent.is_some_and(|sent| now.duration_since(sent) <= STARTED);
        let next = there.target.filter(|_| goes_on).unwrap_or(from);
        let (to, speed) = self.aim(axis, wish, [from, next])?;
        if sender == Sender::Lock {
            // From where it is: it may still be on somebody else's way.
            self.may_lock(axis, to - from, now)?;
        }
        let legs = self.legs(axis, from, to, speed)?;
        let there = &mut self.axes[axis];
        if sender == Sender::Lock {
            there.locked.retain(|(when, _)| now.duration_since(*when) < MINUTE);
            there.locked.push_back((now, (to - from).abs()));
        }
        there.envelope = Some(hull(there.envelope.unwrap_or(there.device), [to; 2]));
        (there.target, there.sent) = (Some(to), Some(now));
        Ok(legs)
    }

    /// Where a wish ends, and how fast it wants to go.
    fn aim(&self, axis: usize, wish: Wish, [from, next]: [f64; 2]) -> Result<(f64, Option<f64>), Violation> {
        let there = &self.axes[axis];
        let reach = self.reach(axis);
        let (asked, speed, clamp) = match wish {
            Wish::Move { to, speed, clamp } => (to, speed, clamp),
            Wish::Step { by } => (next + by, None, false),
            Wish::Drive { speed } if speed.is_finite() && speed != 0.0 => {
                let end = reach.limits[usize::from(speed > 0.0)];
                // From beyond a limit it is not driven backwards.
                let end = if (end - from) * speed < 0.0 { from } else { end };
                (end, Some(speed.abs()), false)
            }
            Wish::Drive { speed } => {
                let (axis, unit) = (there.info.name.clone(), there.info.unit);
                return Err(Violation::Speed { axis, asked: speed, unit, why: "that is no speed" });
            }
            Wish::Home => (from, None, false),
        };
        let [least, greatest] = reach.limits;
        if let Some(stuck) = reach.stuck {
            return Err(self.forbidden(axis, asked, stuck));
        }
        if asked >= least && asked <= greatest {
            return Ok((asked, speed));
        }
        if clamp && least <= greatest && !asked.is_nan() {
            return Ok((asked.clamp(least, greatest), speed));
        }
        let side = usize::from(asked > greatest);
        match reach.by[side].filter(|_| !asked.is_nan()) {
            Some(condition) => Err(self.forbidden(axis, asked, condition)),
            None => {
                let (limits, unit) = (there.info.limits, there.info.unit);
                Err(Violation::Limits { axis: there.info.name.clone(), asked, limits, unit })
            }
        }
    }

    fn forbidden(&self, axis: usize, asked: f64, condition: usize) -> Violation {
        let condition = &self.conditions[condition];
        let other = if condition.axis == axis { condition.keeps } else { condition.axis };
        Violation::Condition {
            axis: self.axes[axis].info.name.clone(),
            asked,
            unit: self.axes[axis].info.unit,
            other: self.axes[other].info.name.clone(),
            why: condition.why.clone(),
        }
    }

    /// From where to where an axis may go, with all others where they may be.
    fn reach(&self, axis: usize) -> Reach {
        let there = &self.axes[axis];
        let limits = if self.is_on(Rule::Limits) { there.info.limits } else { [f64::MIN, f64::MAX] };
        let mut reach = Reach { limits, by: [None; 2], stuck: None };
        if !self.is_on(Rule::Condition) {
            return reach;
        }
        let narrow = |reach: &mut Reach, side: usize, to: f64, by: usize| {
            let is_narrower = if side == 0 { to > reach.limits[0] } else { to < reach.limits[1] };
            if is_narrower {
                (reach.limits[side], reach.by[side]) = (to, Some(by));
            }
        };
        for (place, condition) in self.conditions.iter().enumerate() {
            if condition.keeps == axis && self.may_be_between(condition.axis, condition.between) {
                narrow(&mut reach, 0, condition.within[0], place);
                narrow(&mut reach, 1, condition.within[1], place);
            }
            if condition.axis == axis && !self.is_within(condition.keeps, condition.within) {
                let [from, to] = condition.between;
                match there.envelope {
                    Some([_, greatest]) if greatest <= from => narrow(&mut reach, 1, from, place),
                    Some([least, _]) if least >= to => narrow(&mut reach, 0, to, place),
                    // It may be there already; the other one is brought within first.
                    _ => reach.stuck = Some(place),
                }
            }
        }
        reach
    }

    fn may_be_between(&self, axis: usize, [from, to]: [f64; 2]) -> bool {
        self.axes[axis].envelope.is_none_or(|[least, greatest]| least < to && greatest > from)
    }

    fn is_within(&self, axis: usize, [from, to]: [f64; 2]) -> bool {
        self.axes[axis].envelope.is_some_and(|[least, greatest]| from <= least && greatest <= to)
    }

    /// While it looks for its reference an axis may pass everything that its device reaches.
    fn may_home(&self, sender: Sender, axis: usize) -> Result<(), Violation> {
        let there = &self.axes[axis];
        let refuse = |why: String| Err(Violation::Homing { axis: there.info.name.clone(), why });
        if !there.info.can.home {
            return refuse("its controller cannot look for its reference".to_owned());
        }
        if sender == Sender::Lock {
            return refuse("a lock homes nothing".to_owned());
        }
        if !there.rules.may_home && self.is_on(Rule::Homing) {
            return refuse(format!(
                "the rig forbids it ([safety.axes.{}] may_home = false); home it by hand",
                there.info.name
            ));
        }
        if !self.is_on(Rule::Condition) {
            return Ok(());
        }
        for condition in &self.conditions {
            let [least, greatest] = there.device;
            let [from, to] = condition.within;
            let leaves = condition.keeps == axis
                && self.may_be_between(condition.axis, condition.between)
                && !(from <= least && greatest <= to);
            let [from, to] = condition.between;
            let enters = condition.axis == axis
                && least < to
                && greatest > from
                && !self.is_within(condition.keeps, condition.within);
            if leaves || enters {
                let other = if leaves { condition.axis } else { condition.keeps };
                let other = &self.axes[other].info.name;
                return refuse(format!("on its way, with {other} where it may be, {}", condition.why));
            }
        }
        Ok(())
    }

    fn may_lock(&self, axis: usize, by: f64, now: Instant) -> Result<(), Violation> {
        let there = &self.axes[axis];
        let (name, unit) = (|| there.info.name.clone(), there.info.unit);
        let [step, per_minute] = there.rules.lock(unit);
        if by.abs() > step && self.is_on(Rule::LockStep) {
            return Err(Violation::LockStep { axis: name(), asked: by, most: step, unit });
        }
        let recent = there.locked.iter().filter(|(when, _)| now.duration_since(*when) < MINUTE);
        let way: f64 = recent.map(|(_, by)| by).sum();
        if way + by.abs() > per_minute && self.is_on(Rule::LockPerMinute) {
            return Err(Violation::LockPerMinute { axis: name(), most: per_minute, unit });
        }
        Ok(())
    }

    /// The fastest that an axis may go at a position: what the rules say, else what it usually does; `None` if neither is known.
    pub(crate) fn top_speed(&self, axis: usize, at: f64) -> Option<f64> {
        let there = &self.axes[axis];
        let far = there.rules.max_speed.or(there.usual_speed);
        let is_near = |near: &Near| (near.between[0]..=near.between[1]).contains(&at);
        match there.rules.near.filter(is_near) {
            Some(near) => Some(far.map_or(near.speed, |far| far.min(near.speed))),
            None => far,
        }
    }

    /// The way from here to there, in parts of one speed each.
    fn legs(&self, axis: usize, from: f64, to: f64, asked: Option<f64>) -> Result<Vec<Leg>, Violation> {
        let there = &self.axes[axis];
        let Some([slowest, fastest]) = there.info.can.speed else {
            return match asked {
                None => Ok(vec![Leg { to, speed: None }]),
                Some(asked) => {
                    let (axis, unit) = (there.info.name.clone(), there.info.unit);
                    Err(Violation::Speed { axis, asked, unit, why: "it takes no speed" })
                }
            };
        };
        let most = if self.is_on(Rule::Speed) { there.rules.max_speed } else { None };
        let speed = match (asked.or(there.usual_speed), most) {
            (Some(speed), Some(most)) => Some(speed.min(most)),
            (speed, most) => speed.or(most),
        };
        if let Some(asked) = speed.filter(|speed| *speed < slowest) {
            let (axis, unit) = (there.info.name.clone(), there.info.unit);
            return Err(Violation::Speed { axis, asked, unit, why: "it cannot go so slowly" });
        }
        let speed = speed.map(|speed| speed.min(fastest));
        let Some(near) = there.rules.near.filter(|_| self.is_on(Rule::Speed)) else {
            return Ok(vec![Leg { to, speed }]);
        };
        let slow = speed.map_or(near.speed, |speed| speed.min(near.speed)).max(slowest);
        let [mut first, mut last] = near.between;
        if to < from {
            std::mem::swap(&mut first, &mut last);
        }
        let is_before = |at: f64, edge: f64| if to < from { at > edge } else { at < edge };
        let mut legs = Vec::new();
        if is_before(from, first) {
            if !is_before(first, to) {
                return Ok(vec![Leg { to, speed }]);
            }
            legs.push(Leg { to: first, speed });
        }
        if is_before(from, last) {
            let end = if is_before(last, to) { last } else { to };
            legs.push(Leg { to: end, speed: Some(slow) });
        }
        if is_before(last, to) {
            legs.push(Leg { to, speed });
        }
        if legs.is_empty() {
            legs.push(Leg { to, speed: Some(slow) });
        }
        Ok(legs)
    }
}
