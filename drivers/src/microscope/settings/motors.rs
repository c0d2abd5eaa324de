//! Magnets: the force that they have where, and the motors that move them and the focus.

use super::{in_order, in_range};
use crate::camera::CameraError;

/// The force of the magnets against their height h: `greatest_pn` (`near_share` e^(-h / `decay_mm[0]`) + the rest e^(-h /
/// `decay_mm[1]`)) + `least_pn`, or a table. The `[camera.settings.magnets]` table; by default the fit that the van Noort lab uses
/// (PyTweezers).
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Magnets {
    /// Force at height 0, in pN; 0 to 1000, default 85.
    pub greatest_pn: f64,
    /// Force that remains far away, in pN; 0 to 10, default 0.02.
    pub least_pn: f64,
    /// Share of the force that decays sooner; 0 to 1, default 0.3.
    pub near_share: f64,
    /// The shorter and the longer decay, in mm; 0.01 to 100, default [0.8, 1.4].
    pub decay_mm: [f64; 2],
    /// A measured curve in place of the formula: rows of height (mm, 0 to 100, rising) and force (pN, above 0, up to 1000), 2 to 1000 of
    /// them; none by default. Between two rows the force is exponential; beyond the ends it stays.
    pub table: Vec<[f64; 2]>,
}

impl Default for Magnets {
    fn default() -> Self {
        Self { greatest_pn: 85.0, least_pn: 0.02, near_share: 0.3, decay_mm: [0.8, 1.4], table: Vec::new() }
    }
}

impl Magnets {
    pub(super) fn check(&self) -> Result<(), CameraError> {
        in_range("magnets.greatest_pn", self.greatest_pn, 0.0, 1000.0)?;
        in_range("magnets.least_pn", self.least_pn, 0.0, 10.0)?;
        in_range("magnets.near_share", self.near_share, 0.0, 1.0)?;
        in_order("magnets.decay_mm", self.decay_mm, 0.01, 100.0)?;
        self.check_table()
    }

    fn check_table(&self) -> Result<(), CameraError> {
        if self.table.is_empty() {
            return Ok(());
        }
        in_range("rows of magnets.table", self.table.len() as f64, 2.0, 1000.0)?;
        for [height_mm, force_pn] in &self.table {
            in_range("height in magnets.table", *height_mm, 0.0, 100.0)?;
            in_range("force in magnets.table", *force_pn, 1e-6, 1000.0)?;
        }
        let falling = self.table.windows(2).find(|rows| rows[0][0] >= rows[1][0]);
        falling.map_or(Ok(()), |rows| {
            let [before, after] = [rows[0][0], rows[1][0]];
            Err(CameraError::Settings(format!(
                "magnets.table: heights must rise, but {after} comes after {before}"
            )))
        })
    }

    /// The greatest force that they have anywhere, pN.
    pub(super) fn strongest_pn(&self) -> f64 {
        let formula = self.greatest_pn + self.least_pn;
        self.table.iter().map(|[_, force_pn]| *force_pn).reduce(f64::max).unwrap_or(formula)
    }
}

/// The motors: the `[camera.settings.stage]` table.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stage {
    /// Height of the magnets above the sample, in mm. By default it starts at 3.5 (5.2 pN), goes from 0 to 20 at 5 mm/s and 25 mm/s²,
    /// with 2 µm of play and 5 ms of lag.
    pub magnet_height: MotorSettings,
    /// Turns of the magnets. By default it starts at 0, goes from -500 to 500 at 2 turns/s and 20 turns/s².
    pub magnet_turns: MotorSettings,
    /// The focal plane over `focus_nm`, in nm. By default it starts at 0, goes from -1000 to 1000 at 100 000 nm/s, with 3 ms of lag.
    pub focus: MotorSettings,
}

impl Default for Stage {
    fn default() -> Self {
        let motor = |start, limits, speed, acceleration, play, lag_s| MotorSettings {
            start,
            limits,
            speed,
            acceleration,
            play,
            lag_s,
        };
        Self {
            magnet_height: motor(3.5, [0.0, 20.0], 5.0, 25.0, 0.002, 0.005),
            magnet_turns: motor(0.0, [-500.0, 500.0], 2.0, 20.0, 0.0, 0.0),
            focus: motor(0.0, [-1000.0, 1000.0], 1e5, 1e7, 0.0, 0.003),
        }
    }
}

impl Stage {
    pub(super) fn check(&self) -> Result<(), CameraError> {
        self.magnet_height.check("stage.magnet_height", 0.0, 100.0)?;
        self.magnet_turns.check("stage.magnet_turns", -10_000.0, 10_000.0)?;
        self.focus.check("stage.focus", -10_000.0, 10_000.0)
    }
}

/// A motor, in the unit of its axis. All six must be given where one is.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MotorSettings {
    /// Where it is at first, within its limits.
    pub start: f64,
    /// How far it goes: least and greatest position.
    pub limits: [f64; 2],
    /// Its speed, in a second; above 0, up to 10 million.
    pub speed: f64,
    /// Its acceleration, in a second squared; above 0, up to a thousand million.
    pub acceleration: f64,
    /// Way that is lost when it turns back; 0 to 1000.
    pub play: f64,
    /// Time by which what it moves lags behind, in s; 0 to 10. After a move it settles in some of these.
    pub lag_s: f64,
}

impl MotorSettings {
    fn check(&self, name: &str, least: f64, greatest: f64) -> Result<(), CameraError> {
        in_order(&format!("{name}.limits"), self.limits, least, greatest)?;
        in_range(&format!("{name}.start"), self.start, self.limits[0], self.limits[1])?;
        in_range(&format!("{name}.speed"), self.speed, 1e-6, 1e7)?;
        in_range(&format!("{name}.acceleration"), self.acceleration, 1e-6, 1e9)?;
        in_range(&format!("{name}.play"), self.play, 0.0, 1000.0)?;
        in_range(&format!("{name}.lag_s"), self.lag_s, 0.0, 10.0)
    }
}
