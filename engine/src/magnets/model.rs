//! Force from height, and height from force.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::curve::Curve;

/// `[magnets]`: a table, or the double exponential that labs fit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MagnetsSection {
    /// For which kind of bead it was calibrated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bead: Option<String>,
    /// A text file with two columns, height in mm and force in pN, as MagScope reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<PathBuf>,
    /// Force at height 0, pN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub greatest_pn: Option<f64>,
    /// Share of the force that decays sooner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub near_share: Option<f64>,
    /// The shorter decay, mm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub near_decay_mm: Option<f64>,
    /// The longer decay, mm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub far_decay_mm: Option<f64>,
    /// Force that remains far away, pN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least_pn: Option<f64>,
    /// Least height at which it was calibrated, mm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_mm: Option<f64>,
    /// Greatest height at which it was calibrated, mm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_mm: Option<f64>,
}

/// Why there is no force.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MagnetError {
    /// The file cannot be read.
    #[error("the force table cannot be read: {reason}: {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A line of the file is no row of a table.
    #[error("line {line} of the force table {what}: {}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which, from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The rows make no curve.
    #[error("the force table {0}")]
    Table(String),
    /// The rig's formula is not complete.
    #[error("[magnets] {0}")]
    Formula(String),
    /// No height has that force.
    #[error("the magnets were calibrated from {least:.3} to {greatest:.3} pN; {asked} pN is outside")]
    OutOfRange {
        /// What was asked, pN.
        asked: f64,
        /// Least force, pN.
        least: f64,
        /// Greatest force, pN.
        greatest: f64,
    },
}

/// A force, and whether anybody has measured it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Force {
    /// The force, pN; at the end of what was calibrated, if the height is outside.
    pub pn: f64,
    /// The height is within what was calibrated.
    pub is_calibrated: bool,
}

/// The force of the magnets against their height.
#[derive(Clone, Debug, PartialEq)]
pub struct MagnetModel {
    /// Of what it is, for people.
    pub source: String,
    law: Law,
    heights_mm: [f64; 2],
}

#[derive(Clone, Debug, PartialEq)]
enum Law {
    /// Of the logarithm, where no force is 0: between two rows it is nearly exponential.
    LogTable(Curve),
    Table(Curve),
    /// F = greatest (near_share exp(-h/near) + (1 - near_share) exp(-h/far)) + least: van Noort lab, PyTweezers.
    Exponentials {
        greatest_pn: f64,
        near_share: f64,
        near_mm: f64,
        far_mm: f64,
        least_pn: f64,
    },
}

impl MagnetModel {
    /// What a rig says; `None` if it says nothing.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(section: &MagnetsSection) -> Result<Option<Self>, MagnetError> {
        let bead = section.bead.as_ref().map_or(String::new(), |bead| format!(" for {bead}"));
        let formula = [
            ("greatest_pn", section.greatest_pn),
            ("near_share", section.near_share),
            ("near_decay_mm", section.near_decay_mm),
            ("far_decay_mm", section.far_decay_mm),
            ("least_pn", section.least_pn),
        ];
        let Some(path) = &section.table else {
            if formula.iter().all(|(_, value)| value.is_none()) {
                let is_named = section.bead.is_some() || section.from_mm.is_some() || section.to_mm.is_some();
                let lacks = "a table or the five numbers of the formula is missing".to_owned();
                return if is_named { Err(MagnetError::Formula(lacks)) } else { Ok(None) };
            }
            let value = |place: usize| {
                let (name, value) = formula[place];
                value.ok_or_else(|| {
                    MagnetError::Formula(format!("{name} is missing; the formula needs all five"))
                })
            };
            let law = Law::Exponentials {
                greatest_pn: value(0)?,
                near_share: value(1)?,
                near_mm: value(2)?,
                far_mm: value(3)?,
                least_pn: value(4)?,
            };
            let heights_mm = match (section.from_mm, section.to_mm) {
                (Some(from), Some(to)) if from < to => [from, to],
                _ => {
                    let what = "from_mm and to_mm, the heights at which it was calibrated, are missing or not in order";
                    return Err(MagnetError::Formula(what.to_owned()));
                }
            };
            let model = Self { source: format!("double exponential{bead}"), law, heights_mm };
            return model.checked().map(Some);
        };
        if let Some((name, _)) = formula.iter().find(|(_, value)| value.is_some()) {
            return Err(MagnetError::Formula(format!(
                "{name} goes with a formula, table with a table; leave one out"
            )));
        }
        let rows = read_table(path)?;
        let mut model = Self::of_table(&rows, format!("{}{bead}", path.display()))?;
        let [least, greatest] = model.heights_mm;
        model.heights_mm =
            [section.from_mm.unwrap_or(least).max(least), section.to_mm.unwrap_or(greatest).min(greatest)];
        model.checked().map(Some)
    }

    /// From rows of height (mm) and force (pN), in any order of heights.
    ///
    /// # Errors
    /// If they make no curve.
    pub fn of_table(rows: &[[f64; 2]], source: String) -> Result<Self, MagnetError> {
        let mut rows = rows.to_vec();
        rows.sort_by(|one, other| one[0].total_cmp(&other[0]));
        if rows.len() < 2 || rows.iter().flatten().any(|value| !value.is_finite()) {
            return Err(MagnetError::Table("needs two rows of numbers or more".to_owned()));
        }
        if let Some(twice) = rows.windows(2).find(|pair| pair[0][0] >= pair[1][0]) {
            return Err(MagnetError::Table(format!("has two rows at {} mm", twice[0][0])));
        }
        if let Some(rising) = rows.windows(2).find(|pair| pair[0][1] <= pair[1][1]) {
            return Err(MagnetError::Table(format!(
                "must fall with the height, but at {} mm it is {} pN and at {} mm {} pN",
                rising[0][0], rising[0][1], rising[1][0], rising[1][1]
            )));
        }
        let heights_mm = [rows[0][0], rows[rows.len() - 1][0]];
        let law = if rows.iter().all(|[_, force]| *force > 0.0) {
            let logs: Vec<[f64; 2]> = rows.iter().map(|[height, force]| [*height, force.ln()]).collect();
            Law::LogTable(Curve::new(&logs))
        } else {
            Law::Table(Curve::new(&rows))
        };
        Ok(Self { source, law, heights_mm })
    }

    /// Whether the force falls all the way and is never below 0.
    fn checked(self) -> Result<Self, MagnetError> {
        let [least, greatest] = self.heights_mm;
        let steps = 1000;
        let forces: Vec<f64> = (0..=steps)
            .map(|i| self.law_pn(least + (greatest - least) * f64::from(i) / f64::from(steps)))
            .collect();
        if forces.windows(2).all(|pair| pair[1] < pair[0]) && forces[steps as usize] >= 0.0 {
            return Ok(self);
        }
        Err(MagnetError::Formula(format!(
            "the force must fall from {least} to {greatest} mm, and not below 0"
        )))
    }

    fn law_pn(&self, height_mm: f64) -> f64 {
        match &self.law {
            Law::LogTable(curve) => curve.at(height_mm).exp(),
            Law::Table(curve) => curve.at(height_mm),
            Law::Exponentials { greatest_pn, near_share, near_mm, far_mm, least_pn } => {
                let decay = near_share * (-height_mm / near_mm).exp()
                    + (1.0 - near_share) * (-height_mm / far_mm).exp();
                greatest_pn * decay + least_pn
            }
        }
    }

    /// Heights at which it was calibrated, mm.
    pub fn heights_mm(&self) -> [f64; 2] {
        self.heights_mm
    }

    /// Least and greatest force that was calibrated, pN.
    pub fn forces_pn(&self) -> [f64; 2] {
        [self.law_pn(self.heights_mm[1]), self.law_pn(self.heights_mm[0])]
    }

    /// The force with the magnets at this height.
    pub fn force(&self, height_mm: f64) -> Force {
        let [least, greatest] = self.heights_mm;
        Force {
            pn: self.law_pn(height_mm.clamp(least, greatest)),
            is_calibrated: (least..=greatest).contains(&height_mm),
        }
    }

    /// The height with this force, mm.
    ///
    /// # Errors
    /// [`MagnetError::OutOfRange`] if nobody has calibrated that.
    pub fn height_mm(&self, force_pn: f64) -> Result<f64, MagnetError> {
        let [least, greatest] = self.forces_pn();
        if !(least..=greatest).contains(&force_pn) {
            return Err(MagnetError::OutOfRange { asked: force_pn, least, greatest });
        }
        let [mut near, mut far] = self.heights_mm;
        // Halved until nothing is left to halve: 2^-60 of any range is less than a number's last digit.
        for _ in 0..60 {
            let middle = 0.5 * (near + far);
            if self.law_pn(middle) > force_pn {
                near = middle;
            } else {
                far = middle;
            }
        }
        Ok(0.5 * (near + far))
    }
}

fn read_table(path: &Path) -> Result<Vec<[f64; 2]>, MagnetError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| MagnetError::Read { path: path.to_owned(), reason: error.to_string() })?;
    let wrong = |line: usize, what| MagnetError::Line { path: path.to_owned(), line, what };
    let mut rows = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let mut words = line.split([' ', '\t', ',', ';']).filter(|word| !word.is_empty());
        let mut number_of = || words.next().and_then(|word| word.parse::<f64>().ok());
        let (Some(height), Some(force)) = (number_of(), number_of()) else {
            return Err(wrong(number, "is not a height in mm and a force in pN"));
        };
        if words.next().is_some() {
            return Err(wrong(number, "has more than two columns"));
        }
        rows.push([height, force]);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noort() -> MagnetsSection {
        MagnetsSection {
            greatest_pn: Some(85.0),
            near_share: Some(0.3),
            near_decay_mm: Some(0.8),
            far_decay_mm: Some(1.4),
            least_pn: Some(0.02),
            from_mm: Some(0.0),
            to_mm: Some(8.0),
            ..MagnetsSection::default()
        }
    }

    #[test]
    fn the_formula_gives_the_published_forces_and_its_inverse_the_heights() {
        let model = MagnetModel::of(&noort()).unwrap().unwrap();
        // PyTweezers' formula by hand: 85 (0.7 exp(-h/1.4) + 0.3 exp(-h/0.8)) + 0.02.
        for (height_mm, force_pn) in
            [(0.0, 85.02), (1.0, 36.45), (2.0, 16.37), (3.0, 7.60), (5.0, 1.74), (8.0, 0.217)]
        {
            let force = model.force(height_mm);
            assert!(
                (force.pn / force_pn - 1.0).abs() < 0.01 && force.is_calibrated,
                "{height_mm}: {force:?}"
            );
            assert!((model.height_mm(force.pn).unwrap() - height_mm).abs() < 1e-9);
        }
        assert!(!model.force(8.1).is_calibrated && model.force(8.1).pn == model.force(8.0).pn);
        let error = model.height_mm(90.0).unwrap_err().to_string();
        assert!(
            error.starts_with("the magnets were calibrated from 0.2") && error.ends_with("90 pN is outside"),
            "{error}"
        );
        assert!(model.height_mm(f64::NAN).is_err());
    }

    #[test]
    fn a_table_is_followed_between_its_rows_and_inverted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("force.txt");
        let law = |height_mm: f64| 88.1 * (-height_mm).exp();
        let rows: Vec<String> =
            (0..=40).map(|i| f64::from(i) * 0.25).map(|h| format!("{h} {}", law(h))).collect();
        std::fs::write(&path, format!("# motor_mm force_pN\n{}\n", rows.join("\n"))).unwrap();
        let section = MagnetsSection { table: Some(path.clone()), ..MagnetsSection::default() };
        let model = MagnetModel::of(&section).unwrap().unwrap();
        for i in 0..100 {
            let height_mm = f64::from(i) * 0.1;
            assert!((model.force(height_mm).pn / law(height_mm) - 1.0).abs() < 1e-9, "{height_mm}");
            assert!((model.height_mm(law(height_mm)).unwrap() - height_mm).abs() < 1e-9);
        }
        // MagScope's example ends at 0 pN, which has no logarithm.
        std::fs::write(&path, "0 88.1\n5 0.6\n10 0\n").unwrap();
        let model = MagnetModel::of(&section).unwrap().unwrap();
        assert_eq!((model.force(10.0).pn, model.height_mm(88.1).unwrap().round()), (0.0, 0.0));
    }

    #[test]
    fn what_makes_no_curve_is_refused_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("force.txt");
        let section = MagnetsSection { table: Some(path.clone()), ..MagnetsSection::default() };
        let told = |text: &str| {
            std::fs::write(&path, text).unwrap();
            MagnetModel::of(&section).unwrap_err().to_string()
        };
        assert!(
            told("0 80\n1 x\n")
                .starts_with("line 2 of the force table is not a height in mm and a force in pN: ")
        );
        assert!(told("0 80 3\n").contains("has more than two columns"));
        assert_eq!(told("0 80\n"), "the force table needs two rows of numbers or more");
        assert_eq!(told("0 80\n0 70\n"), "the force table has two rows at 0 mm");
        assert!(told("0 80\n1 90\n").contains("must fall with the height, but at 0 mm it is 80 pN"));
        let told = |section: MagnetsSection| MagnetModel::of(&section).unwrap_err().to_string();
        assert!(told(MagnetsSection { least_pn: None, ..noort() }).contains("least_pn is missing"));
        assert!(told(MagnetsSection { to_mm: None, ..noort() }).contains("from_mm and to_mm"));
        assert!(told(MagnetsSection { table: Some(path.clone()), ..noort() }).contains("leave one out"));
        assert!(told(MagnetsSection { near_decay_mm: Some(-1.0), ..noort() }).contains("must fall"));
        assert_eq!(MagnetModel::of(&MagnetsSection::default()), Ok(None));
    }
}
