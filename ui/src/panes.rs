//! The panes of the window: what each is called, and what it is for.

use serde::{Deserialize, Serialize};

/// A part of the window that people place where they like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pane {
    /// The live picture.
    Camera,
    /// x, y and z against time.
    Plots,
    /// Noise, spectrum, histogram, profile of the selected bead.
    Analysis,
    /// The table of beads.
    Beads,
    /// Camera settings, recording, notes.
    Run,
    /// The axes.
    Motors,
    /// ROIs and a focus that follow beads.
    Locking,
    /// A script that is carried out.
    Experiment,
    /// The Z-LUT in use, and the recording of another.
    ZLut,
    /// Every setting.
    Preferences,
    /// What the program has logged.
    Log,
}

impl Pane {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Camera,
        Self::Plots,
        Self::Analysis,
        Self::Beads,
        Self::Run,
        Self::Motors,
        Self::Locking,
        Self::Experiment,
        Self::ZLut,
        Self::Preferences,
        Self::Log,
    ];

    /// Its name on the tab.
    pub fn title(self) -> &'static str {
        match self {
            Self::Camera => "Camera",
            Self::Plots => "Plots",
            Self::Analysis => "Analysis",
            Self::Beads => "Beads",
            Self::Run => "Run",
            Self::Motors => "Motors",
            Self::Locking => "Locking",
            Self::Experiment => "Experiment",
            Self::ZLut => "Z-LUT",
            Self::Preferences => "Preferences",
            Self::Log => "Log",
        }
    }

    /// It in a sentence about what has failed.
    pub fn part(self) -> &'static str {
        match self {
            Self::Camera => "The pane Camera",
            Self::Plots => "The pane Plots",
            Self::Analysis => "The pane Analysis",
            Self::Beads => "The pane Beads",
            Self::Run => "The pane Run",
            Self::Motors => "The pane Motors",
            Self::Locking => "The pane Locking",
            Self::Experiment => "The pane Experiment",
            Self::ZLut => "The pane Z-LUT",
            Self::Preferences => "The pane Preferences",
            Self::Log => "The pane Log",
        }
    }

    /// What it is for.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Camera => "The live picture with ROIs: add, move and remove beads",
            Self::Plots => "x, y and z of the selected beads against time, with the motors below",
            Self::Analysis => {
                "Allan deviation, spectrum, histogram, x-y scatter and radial profile of the selected bead"
            }
            Self::Beads => "All beads with their positions, noise and remarks",
            Self::Run => "Camera rate and exposure, recording, markers and notes, last runs",
            Self::Motors => "Magnets and focus: where they are, and where they go",
            Self::Locking => "ROIs that follow their beads, and a focus that follows beads that are stuck",
            Self::Experiment => "A script: commands that are carried out one after the other",
            Self::ZLut => "The table in which heights are looked up; records another by moving the focus",
            Self::Preferences => "Every setting, its unit and range, and where its value comes from",
            Self::Log => "What the program has logged",
        }
    }
}
