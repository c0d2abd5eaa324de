//! The rules, as a rig says them: `[safety]`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use beadscope_drivers::axis::{AxisInfo, AxisUnit};

/// `[safety]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SafetySection {
    /// Rules of one axis, by its name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub axes: BTreeMap<String, AxisRules>,
    /// Rules between two axes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// `[safety.axes.NAME]`: all in units of the axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AxisRules {
    /// It is sent nowhere else; left out: as far as the device goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<[f64; 2]>,
    /// It goes no faster, units per second; left out: as the controller has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_speed: Option<f64>,
    /// Where it goes slowly: near the sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub near: Option<Near>,
    /// It may look for its reference. Not where its way there would hit something.
    pub may_home: bool,
    /// A lock moves it no further at once; left out: 200 nm, nothing for an axis that turns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_step: Option<f64>,
    /// A lock moves it no further in a minute, to and fro; left out: ten steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_per_minute: Option<f64>,
}

/// Where an axis goes slowly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Near {
    /// From here to there.
    pub between: [f64; 2],
    /// No faster than this, units per second.
    pub speed: f64,
}

/// While one axis is somewhere, another keeps within something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// While this axis
    pub axis: String,
    /// is between these, ends left out,
    pub between: [f64; 2],
    /// this one
    pub keeps: String,
    /// within these.
    pub within: [f64; 2],
    /// For people: what would happen otherwise.
    pub why: String,
}

impl Default for AxisRules {
    fn default() -> Self {
        Self {
            limits: None,
            max_speed: None,
            near: None,
            may_home: true,
            lock_step: None,
            lock_per_minute: None,
        }
    }
}

/// Why rules cannot be kept with the axes there are. Nothing moves then.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("[safety] {0}")]
pub struct SafetyError(pub String);

/// What a lock may do where nobody says it, nm.
const LOCK_STEP_NM: f64 = 200.0;
const LOCK_STEPS_PER_MINUTE: f64 = 10.0;

impl SafetySection {
    /// Whether the rules make sense by themselves.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self) -> Result<(), SafetyError> {
        for (name, rules) in &self.axes {
            rules.check().map_err(|wrong| SafetyError(format!("axes.{name}: {wrong}")))?;
        }
        for condition in &self.conditions {
            in_order("between", condition.between).map_err(SafetyError)?;
            in_order("within", condition.within).map_err(SafetyError)?;
            if condition.axis == condition.keeps {
                return Err(SafetyError(format!("a condition needs two axes, not {} twice", condition.axis)));
            }
        }
        Ok(())
    }

    /// The same, with the axes that there are: a rule for one that is not there protects nothing, and its name is perhaps mistyped.
    ///
    /// # Errors
    /// The first rule that cannot be kept.
    pub fn check_axes(&self, axes: &[AxisInfo]) -> Result<(), SafetyError> {
        self.check()?;
        let there = || axes.iter().map(|axis| axis.name.as_str()).collect::<Vec<_>>().join(", ");
        let named = self.conditions.iter().flat_map(|condition| [&condition.axis, &condition.keeps]);
        for name in self.axes.keys().chain(named) {
            let axis = axes.iter().find(|axis| axis.name == *name);
            let axis =
                axis.ok_or_else(|| SafetyError(format!("there is no axis {name}; there are: {}", there())))?;
            let Some(rules) = self.axes.get(name) else { continue };
            if axis.can.speed.is_none() && (rules.max_speed.is_some() || rules.near.is_some()) {
                let what =
                    format!("axes.{name}: {name} takes no speed, so max_speed and near cannot be kept");
                return Err(SafetyError(what));
            }
            let slowest = axis.can.speed.map_or(0.0, |[slowest, _]| slowest);
            let speeds = [rules.max_speed, rules.near.map(|near| near.speed)];
            if let Some(speed) = speeds.into_iter().flatten().find(|speed| *speed < slowest) {
                let unit = axis.unit.symbol();
                return Err(SafetyError(format!(
                    "axes.{name}: {name} cannot go as slowly as {speed} {unit}/s; its least is {slowest} {unit}/s"
                )));
            }
        }
        Ok(())
    }
}

impl AxisRules {
    fn check(&self) -> Result<(), String> {
        self.limits.map_or(Ok(()), |limits| in_order("limits", limits))?;
        if let Some(near) = self.near {
            in_order("near.between", near.between)?;
            above_0("near.speed", near.speed)?;
        }
        for (name, value) in [
            ("max_speed", self.max_speed),
            ("lock_step", self.lock_step),
            ("lock_per_minute", self.lock_per_minute),
        ] {
            value.map_or(Ok(()), |value| above_0(name, value))?;
        }
        Ok(())
    }

    /// How far a lock may move the axis at once, and in a minute.
    pub(super) fn lock(&self, unit: AxisUnit) -> [f64; 2] {
        let step = self.lock_step.unwrap_or_else(|| unit.nm().map_or(0.0, |nm| LOCK_STEP_NM / nm));
        [step, self.lock_per_minute.unwrap_or(LOCK_STEPS_PER_MINUTE * step)]
    }
}

fn in_order(name: &str, [least, greatest]: [f64; 2]) -> Result<(), String> {
    if least.is_finite() && greatest.is_finite() && least < greatest {
        return Ok(());
    }
    Err(format!("{name} = [{least}, {greatest}] must be two numbers, the least first"))
}

fn above_0(name: &str, value: f64) -> Result<(), String> {
    if value.is_finite() && value > 0.0 { Ok(()) } else { Err(format!("{name} = {value} must be above 0")) }
}
