//! What a rig says of a controller and its axes: `[[motors.controllers]]` and `[[motors.controllers.axes]]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{AxisError, AxisInfo, AxisUnit, number};
use crate::link::Transcript;

/// A controller: one `[[motors.controllers]]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControllerConfig {
    /// The driver's name.
    pub driver: String,
    /// Its port, for example `/dev/ttyUSB0` or `COM3`; `simulated` opens a simulated device of this kind.
    #[serde(default)]
    pub port: String,
    /// Bits per second; left out, what these controllers come with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baud: Option<u32>,
    /// How long an answer may take, ms; 10 to 2000, default 500.
    #[serde(default = "default_deadline_ms")]
    pub deadline_ms: f64,
    /// A file that describes the protocol; for the driver `described` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<std::path::PathBuf>,
    /// Its axes.
    #[serde(default)]
    pub axes: Vec<AxisConfig>,
    /// Where everything that goes over the port is written; for tests and `beadscope drivers check`.
    #[serde(skip)]
    pub transcript: Option<Transcript>,
}

fn default_deadline_ms() -> f64 {
    500.0
}

/// An axis: one `[[motors.controllers.axes]]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AxisConfig {
    /// What commands call it: `magnet_height`, `magnet_turns` and `focus` have a meaning, others may be named at will.
    pub name: String,
    /// Where the controller has it, as its driver says: an address, a letter.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub at: String,
    /// In what it counts.
    pub unit: AxisUnit,
    /// What the device counts in one unit, below 0 if it counts the other way; left out, as its driver says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts_per_unit: Option<f64>,
    /// The position at which this axis says 0, counted from where the device says 0, in units.
    #[serde(default)]
    pub zero: f64,
    /// Least and greatest position; left out, those of the device. Never beyond these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<[f64; 2]>,
    /// Speed that it is given when it is opened, units per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// Acceleration that it is given when it is opened, units per second squared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceleration: Option<f64>,
}

impl ControllerConfig {
    /// Reads one `[[motors.controllers]]` table without its name; its axes are `[[axes]]`.
    ///
    /// # Errors
    /// [`AxisError::Settings`] with what is wrong in it.
    pub fn from_toml(text: &str) -> Result<Self, AxisError> {
        let config: Self = toml::from_str(text).map_err(|error| AxisError::Settings(error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// Whether every value is in its range.
    ///
    /// # Errors
    /// [`AxisError::Settings`] with the first that is not.
    pub fn check(&self) -> Result<(), AxisError> {
        let wrong = |what: String| Err(AxisError::Settings(what));
        if !(10.0..=2_000.0).contains(&self.deadline_ms) {
            return wrong(format!("deadline_ms = {} is out of range: 10 to 2000 ms", self.deadline_ms));
        }
        if self.axes.is_empty() {
            return wrong(format!(
                "the controller {} has no axes: add [[motors.controllers.axes]]",
                self.driver
            ));
        }
        for (place, axis) in self.axes.iter().enumerate() {
            if self.axes[..place].iter().any(|before| before.name == axis.name) {
                return wrong(format!("there are two axes {}", axis.name));
            }
            axis.check()?;
        }
        Ok(())
    }

    /// Where each of its axes is, as `parse` reads its `at`; no two axes are at the same place.
    ///
    /// # Errors
    /// That of `parse`; [`AxisError::Settings`] if two are.
    pub fn places<T: PartialEq>(
        &self,
        parse: impl Fn(&AxisConfig) -> Result<T, AxisError>,
    ) -> Result<Vec<T>, AxisError> {
        let mut places = Vec::new();
        for axis in &self.axes {
            let place = parse(axis)?;
            if places.contains(&place) {
                return Err(AxisError::Settings(format!(
                    "axis {}: there are two axes at {:?}",
                    axis.name, axis.at
                )));
            }
            places.push(place);
        }
        Ok(places)
    }

    /// How long an answer may take.
    pub fn deadline(&self) -> Duration {
        Duration::from_secs_f64(self.deadline_ms / 1e3)
    }
}

impl AxisConfig {
    fn check(&self) -> Result<(), AxisError> {
        let wrong = |what: String| Err(AxisError::Settings(format!("axis {}: {what}", self.name)));
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if self.name.is_empty() || self.name.len() > 40 || !self.name.chars().all(is_name) {
            return wrong("a name is 1 to 40 lower-case letters, digits and _".to_owned());
        }
        if let Some([least, greatest]) = self.limits
            && !(least.is_finite() && greatest.is_finite() && least < greatest)
        {
            return wrong(format!("limits = [{least}, {greatest}] must be two numbers, the least first"));
        }
        if !self.zero.is_finite() {
            return wrong(format!("zero = {} is no position", self.zero));
        }
        for (key, value, per) in [("speed", self.speed, "/s"), ("acceleration", self.acceleration, "/s²")] {
            if value.is_some_and(|value| !(value.is_finite() && value > 0.0)) {
                return wrong(format!("{key} must be above 0 {}{per}", self.unit.symbol()));
            }
        }
        if self.counts_per_unit.is_some_and(|counts| !counts.is_finite() || counts == 0.0) {
            return wrong("counts_per_unit must not be 0".to_owned());
        }
        Ok(())
    }

    /// How device and axis count, with what its driver knows of it.
    ///
    /// # Errors
    /// [`AxisError::Settings`] if neither knows.
    pub fn scale(&self, known: Option<f64>) -> Result<Scale, AxisError> {
        let counts_per_unit = self.counts_per_unit.or(known).ok_or_else(|| {
            let advice = "counts_per_unit is missing: what the device counts in one";
            AxisError::Settings(format!("axis {}: {advice} {}", self.name, self.unit.symbol()))
        })?;
        Ok(Scale { counts_per_unit, zero: self.zero })
    }

    /// Its limits, given those of the device in counts.
    ///
    /// # Errors
    /// [`AxisError::Settings`] if the device goes to none of the positions that the rig allows.
    pub fn limits(&self, scale: Scale, counts: [f64; 2]) -> Result<[f64; 2], AxisError> {
        let [one, other] = counts.map(|count| scale.unit_from_count(count));
        let device = [one.min(other), one.max(other)];
        let Some([least, greatest]) = self.limits else { return Ok(device) };
        let both = [least.max(device[0]), greatest.min(device[1])];
        if both[0] < both[1] {
            return Ok(both);
        }
        Err(AxisError::Settings(format!(
            "axis {}: the device goes from {} to {} {}, the rig allows {least} to {greatest} only",
            self.name,
            device[0],
            device[1],
            self.unit.symbol()
        )))
    }
}

/// How the device and the axis count: `unit = count / counts_per_unit - zero`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// What the device counts in one unit; below 0 if it counts the other way.
    pub counts_per_unit: f64,
    /// Where the axis says 0, counted from where the device says 0.
    pub zero: f64,
}

impl Scale {
    /// The position that the device calls `count`.
    pub fn unit_from_count(self, count: f64) -> f64 {
        count / self.counts_per_unit - self.zero
    }

    /// What the device calls this position.
    pub fn count_from_unit(self, position: f64) -> f64 {
        (position + self.zero) * self.counts_per_unit
    }

    /// What the device is told to go to this position: in counts, rounded to steps, of which there are so many in a count, and to the inside of
    /// `limits`, which are those of the axis, in its unit.
    pub fn target(self, position: f64, limits: [f64; 2], steps: f64) -> f64 {
        let [one, other] = limits.map(|limit| self.count_from_unit(limit));
        number::rounded(self.count_from_unit(position), [one.min(other), one.max(other)], steps)
    }

    /// What the device calls this speed or acceleration.
    pub fn counts(self, rate: f64) -> f64 {
        rate * self.counts_per_unit.abs()
    }

    /// The speed or acceleration that the device calls so.
    pub fn units(self, rate: f64) -> f64 {
        rate / self.counts_per_unit.abs()
    }
}

impl AxisInfo {
    /// Whether it goes there; NaN is nowhere.
    ///
    /// # Errors
    /// [`AxisError::OutOfRange`] if not.
    pub fn check(&self, target: f64) -> Result<(), AxisError> {
        let [least, greatest] = self.limits;
        if (least..=greatest).contains(&target) {
            return Ok(());
        }
        let (axis, limits, unit) = (self.name.clone(), self.limits, self.unit);
        Err(AxisError::OutOfRange { axis, asked: target, limits, unit })
    }

    /// Whether a speed or an acceleration is one that the axis takes.
    ///
    /// # Errors
    /// [`AxisError::Unsupported`] if not.
    pub fn check_rate(
        &self,
        allowed: Option<[f64; 2]>,
        rate: f64,
        what: &'static str,
    ) -> Result<(), AxisError> {
        let is_allowed = allowed.is_some_and(|[least, greatest]| (least..=greatest).contains(&rate));
        if is_allowed { Ok(()) } else { Err(AxisError::Unsupported { axis: self.name.clone(), what }) }
    }
}
