//! Everything that can be done from anywhere in the window: its name, its keys, and other words for it. Keys, search and help read
//! this one table.

use eframe::egui::{Key, KeyboardShortcut, Modifiers};

use crate::analysis::Kind;
use crate::contrast::Mode;
use crate::panes::Pane;
use crate::theme::Shade;

/// Something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Begin to record, or end it.
    ToggleRecording,
    /// End this recording and begin another.
    NextRecording,
    /// Write a marker into the recording.
    Mark,
    /// Hold the plots, or let them go.
    PausePlots,
    /// Write what the plots show into a file.
    ExportPlots,
    /// Show the whole frame.
    FitPicture,
    /// Write the frame on show into a file.
    Snapshot,
    /// The same, as 16 bit TIFF.
    SnapshotTiff,
    /// Select every bead.
    SelectAllBeads,
    /// Bring the selected bead into view in the picture.
    ShowBead,
    /// Select the next bead.
    NextBead,
    /// Select the one before.
    PreviousBead,
    /// Remove the selected beads.
    RemoveBeads,
    /// Remove every bead.
    RemoveAllBeads,
    /// Make the selected bead a reference, or no longer.
    ToggleReference,
    /// Move the ROIs of the selected beads by so many pixels.
    Nudge(i32, i32),
    /// Take the last edit of the beads back.
    Undo,
    /// Do it again.
    Redo,
    /// Number the beads from 0.
    Renumber,
    /// Look for beads in the picture.
    FindBeads,
    /// Keep the beads from being edited, or no longer.
    LockBeads,
    /// Move ROIs onto their beads.
    CenterRois,
    /// Bring every motor to rest.
    StopMotors,
    /// Brings all motors to rest as fast as they can, for good.
    EmergencyStop,
    /// Lets them move again.
    ResumeMotors,
    /// Search.
    Search,
    /// Bring a pane to the front.
    Open(Pane),
    /// Put the panes back where they were at first.
    ResetLayout,
    /// Bring them back to where they were before that.
    UndoResetLayout,
    /// Dark, light, or as the system has it.
    Theme(Shade),
    /// Change what a pane shows, and bring it to the front.
    Show(Shown),
    /// Bring a pane to the front in which something is.
    Seek(Pane),
    /// Show the tour.
    Tour,
    /// Show the keys.
    Keys,
    /// Tell what this is.
    About,
}

/// What a pane can show otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Contrast of the picture.
    Contrast(Mode),
    /// ROIs over the picture, or none.
    Rois,
    /// The paths of the selected beads, or none.
    Trails,
    /// The time that the plots show, an index in their list.
    Span(usize),
    /// Time before the newest frame, or since the start.
    RelativeTime,
    /// Less the motion of the reference beads, or with it.
    LessReferences,
    /// Axes that follow the data, or stay.
    Autoscale,
    /// A figure of the analysis.
    Figure(Kind),
}

/// An action as people find it.
pub struct Entry {
    /// What it does.
    pub action: Action,
    /// Its name.
    pub name: &'static str,
    /// Its keys.
    pub keys: &'static [KeyboardShortcut],
    /// Other words that people search for.
    pub words: &'static str,
}

const fn key(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::NONE, key)
}

const fn with(modifiers: Modifiers, key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(modifiers, key)
}

const COMMAND_SHIFT: Modifiers = Modifiers::COMMAND.plus(Modifiers::SHIFT);

const fn entry(
    action: Action,
    name: &'static str,
    keys: &'static [KeyboardShortcut],
    words: &'static str,
) -> Entry {
    Entry { action, name, keys, words }
}

/// All of them. Of two with the same key, the one with more modifiers comes first.
pub const ALL: &[Entry] = &[
    entry(
        Action::Search,
        "Search",
        &[with(Modifiers::COMMAND, Key::K), with(Modifiers::COMMAND, Key::F)],
        "palette command find",
    ),
    entry(Action::ToggleRecording, "Record, or stop recording", &[key(Key::R)], "save acquire start file"),
    entry(
        Action::NextRecording,
        "New file: go on recording in another folder",
        &[key(Key::N)],
        "next rotate split",
    ),
    entry(Action::Mark, "Marker at this moment", &[key(Key::M)], "event annotate note"),
    entry(Action::PausePlots, "Pause or resume plots and analysis", &[key(Key::Space)], "hold freeze"),
    entry(
        Action::ExportPlots,
        "Export the plots",
        &[with(Modifiers::COMMAND, Key::E)],
        "save png svg csv figure",
    ),
    entry(Action::FitPicture, "Fit the picture", &[key(Key::F)], "zoom reset whole frame"),
    entry(Action::Snapshot, "Snapshot of the picture", &[key(Key::S)], "save image png photo"),
    entry(Action::SnapshotTiff, "Snapshot as TIFF", &[], "save image 16 bit tif imagej raw"),
    entry(Action::Nudge(-1, 0), "Move the ROI left", &[with(Modifiers::ALT, Key::ArrowLeft)], "nudge"),
    entry(Action::Nudge(1, 0), "Move the ROI right", &[with(Modifiers::ALT, Key::ArrowRight)], "nudge"),
    entry(Action::Nudge(0, -1), "Move the ROI up", &[with(Modifiers::ALT, Key::ArrowUp)], "nudge"),
    entry(Action::Nudge(0, 1), "Move the ROI down", &[with(Modifiers::ALT, Key::ArrowDown)], "nudge"),
    entry(
        Action::SelectAllBeads,
        "Select all beads",
        &[with(Modifiers::COMMAND, Key::A)],
        "every mark choose",
    ),
    entry(Action::ShowBead, "Show the selected bead in the picture", &[], "reveal center find goto"),
    entry(
        Action::PreviousBead,
        "Bead before",
        &[key(Key::ArrowLeft), key(Key::OpenBracket)],
        "select previous",
    ),
    entry(Action::NextBead, "Next bead", &[key(Key::ArrowRight), key(Key::CloseBracket)], "select"),
    entry(
        Action::Redo,
        "Redo the edit of the beads",
        &[with(COMMAND_SHIFT, Key::Z), with(Modifiers::COMMAND, Key::Y)],
        "again",
    ),
    entry(Action::Undo, "Undo the edit of the beads", &[with(Modifiers::COMMAND, Key::Z)], "back revert"),
    entry(Action::RemoveBeads, "Remove the selected beads", &[key(Key::Delete)], "delete"),
    entry(Action::RemoveAllBeads, "Remove all beads", &[], "delete clear"),
    entry(Action::ToggleReference, "Reference bead, or no longer", &[key(Key::G)], "stuck drift"),
    entry(Action::Renumber, "Number the beads from 0", &[], "reassign ids reset"),
    entry(Action::FindBeads, "Find beads in the picture", &[], "auto detect select search"),
    entry(Action::LockBeads, "Lock the beads, or unlock them", &[key(Key::L)], "protect edit"),
    entry(Action::StopMotors, "Stop all motors", &[key(Key::Escape)], "halt emergency axis"),
    entry(
        Action::EmergencyStop,
        "Emergency stop of all motors",
        &[with(Modifiers::SHIFT, Key::Escape)],
        "halt axis danger",
    ),
    entry(Action::ResumeMotors, "Let motors move again after an emergency stop", &[], "axis reset release"),
    entry(
        Action::Open(Pane::Camera),
        "Pane: Camera",
        &[with(Modifiers::COMMAND, Key::Num1)],
        "picture video live image",
    ),
    entry(
        Action::Open(Pane::Plots),
        "Pane: Plots",
        &[with(Modifiers::COMMAND, Key::Num2)],
        "time series graph",
    ),
    entry(
        Action::Open(Pane::Analysis),
        "Pane: Analysis",
        &[with(Modifiers::COMMAND, Key::Num3)],
        "allan deviation spectrum psd histogram profile scatter noise",
    ),
    entry(Action::Open(Pane::Beads), "Pane: Beads", &[with(Modifiers::COMMAND, Key::Num4)], "table roi"),
    entry(
        Action::Open(Pane::Run),
        "Pane: Run",
        &[with(Modifiers::COMMAND, Key::Num5)],
        "camera settings exposure rate recording note folder",
    ),
    entry(
        Action::Open(Pane::Motors),
        "Pane: Motors",
        &[with(Modifiers::COMMAND, Key::Num6)],
        "magnet focus stage axis",
    ),
    entry(
        Action::Open(Pane::Locking),
        "Pane: Locking",
        &[with(Modifiers::COMMAND, Key::Num9)],
        "lock xy z focus drift follow hold center",
    ),
    entry(Action::CenterRois, "Center the ROIs on their beads", &[key(Key::C)], "xy lock once recentre"),
    entry(
        Action::Open(Pane::Experiment),
        "Pane: Experiment",
        &[with(Modifiers::COMMAND, Key::Num0)],
        "script sequence commands run automatic",
    ),
    entry(
        Action::Open(Pane::ZLut),
        "Pane: Z-LUT",
        &[with(Modifiers::COMMAND, Key::Num8)],
        "look-up table calibration sweep focus wizard height load unload",
    ),
    entry(
        Action::Open(Pane::Preferences),
        "Pane: Preferences",
        &[with(Modifiers::COMMAND, Key::Comma)],
        "settings options rig theme",
    ),
    entry(Action::Open(Pane::Log), "Pane: Log", &[with(Modifiers::COMMAND, Key::Num7)], "messages errors"),
    entry(Action::Show(Shown::Contrast(Mode::Auto)), "Contrast: auto", &[], "picture brightness grey"),
    entry(Action::Show(Shown::Contrast(Mode::Full)), "Contrast: full", &[], "picture brightness grey"),
    entry(
        Action::Show(Shown::Contrast(Mode::Fixed)),
        "Contrast: fixed",
        &[],
        "picture brightness levels grey",
    ),
    entry(Action::Show(Shown::Rois), "Show or hide the ROIs", &[], "squares numbers overlay toggle"),
    entry(Action::Show(Shown::Trails), "Show or hide the trails", &[], "paths tracks overlay toggle"),
    entry(Action::Show(Shown::Span(0)), "Plots: shortest time span", &[], "zoom seconds window"),
    entry(Action::Show(Shown::Span(1)), "Plots: second time span", &[], "zoom seconds window"),
    entry(Action::Show(Shown::Span(2)), "Plots: third time span", &[], "zoom minutes window"),
    entry(Action::Show(Shown::Span(3)), "Plots: fourth time span", &[], "zoom minutes hours window"),
    entry(Action::Show(Shown::RelativeTime), "Plots: relative time, or since the start", &[], "axis seconds"),
    entry(
        Action::Show(Shown::LessReferences),
        "Plots: take the references off, or not",
        &[],
        "drift subtract correction",
    ),
    entry(Action::Show(Shown::Autoscale), "Plots: autoscale, or fixed axes", &[], "range limits y"),
    entry(
        Action::Show(Shown::Figure(Kind::Allan)),
        "Analysis: Allan deviation",
        &[],
        "noise averaging thermal stiffness",
    ),
    entry(
        Action::Show(Shown::Figure(Kind::Spectrum)),
        "Analysis: spectrum",
        &[],
        "psd power density frequency noise",
    ),
    entry(Action::Show(Shown::Figure(Kind::Histogram)), "Analysis: histogram", &[], "distribution positions"),
    entry(Action::Show(Shown::Figure(Kind::Scatter)), "Analysis: x-y scatter", &[], "round symmetric tether"),
    entry(Action::Show(Shown::Figure(Kind::Profile)), "Analysis: radial profile", &[], "rings z-lut"),
    entry(Action::Seek(Pane::Camera), "Gamma of the picture", &[], "brightness contrast exponent"),
    entry(Action::Seek(Pane::Camera), "Grey levels of the contrast", &[], "black white minimum maximum"),
    entry(Action::Seek(Pane::Plots), "Motor below the plots", &[], "magnet height turns focus axis"),
    entry(Action::Seek(Pane::Plots), "Bead that is plotted", &[], "selected next previous"),
    entry(Action::Seek(Pane::Plots), "Export the plots: CSV, SVG or PNG", &[], "save figure data picture"),
    entry(
        Action::Seek(Pane::Analysis),
        "Export the analysis: CSV, SVG or PNG",
        &[],
        "save figure data picture",
    ),
    entry(Action::Seek(Pane::Analysis), "Time that the analysis looks at", &[], "span window seconds"),
    entry(Action::Seek(Pane::Beads), "ROI file: load or save the beads", &[], "csv import export open write"),
    entry(Action::Seek(Pane::Run), "Folder and name of recordings", &[], "path directory template browse"),
    entry(Action::Seek(Pane::Run), "Mode: what is recorded", &[], "video crops full frames positions track"),
    entry(Action::Seek(Pane::Run), "Note into the recording", &[], "comment text annotate"),
    entry(Action::Seek(Pane::Run), "Rate and exposure of the camera", &[], "hz fps frames shutter"),
    entry(Action::Seek(Pane::Run), "Pause frames, or let them come", &[], "acquire live stop camera"),
    entry(Action::Seek(Pane::Run), "Free disk space, and how long it lasts", &[], "gb full time left"),
    entry(Action::Seek(Pane::Motors), "Force: go to it, or ramp it", &[], "pn magnets"),
    entry(
        Action::Seek(Pane::Motors),
        "Go to a position, step or drive a motor",
        &[],
        "move jog axis magnet focus",
    ),
    entry(Action::Seek(Pane::Motors), "Home a motor", &[], "reference axis"),
    entry(Action::Seek(Pane::Motors), "Zero of the turns", &[], "reset rotation axis"),
    entry(
        Action::Seek(Pane::ZLut),
        "Z-LUT: record one by a focus sweep",
        &[],
        "range step calibration planes from to",
    ),
    entry(Action::Seek(Pane::ZLut), "Z-LUT: load, save or unload", &[], "file open write table"),
    entry(
        Action::Seek(Pane::ZLut),
        "Z-LUT: measurements at each height, and rest",
        &[],
        "frames settle images",
    ),
    entry(Action::Seek(Pane::Preferences), "Import or export settings", &[], "user toml file backup"),
    entry(Action::Seek(Pane::Preferences), "Colour of what is selected", &[], "accent theme"),
    entry(Action::Seek(Pane::Preferences), "Reset all settings", &[], "defaults"),
    entry(Action::Seek(Pane::Log), "Search the log", &[], "errors warnings debug follow copy"),
    entry(Action::ResetLayout, "Reset the layout", &[], "panes default windows dock"),
    entry(Action::UndoResetLayout, "Undo the reset of the layout", &[], "panes back windows"),
    entry(Action::Theme(Shade::Dark), "Theme: dark", &[], "colours black night"),
    entry(Action::Theme(Shade::Light), "Theme: light", &[], "colours white day"),
    entry(Action::Theme(Shade::System), "Theme: as the system", &[], "colours dark light"),
    entry(Action::Tour, "Show the tour", &[], "help first introduction"),
    entry(Action::Keys, "Show all keys", &[key(Key::F1)], "help shortcuts keyboard"),
    entry(Action::About, "About Beadscope", &[], "version licence help"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things() {
        let keys: Vec<_> = ALL.iter().flat_map(|entry| entry.keys).collect();
        for (place, key) in keys.iter().enumerate() {
            assert!(!keys[..place].contains(key), "{key:?}");
        }
    }

    #[test]
    fn every_pane_and_every_name_is_there_once() {
        for pane in Pane::ALL {
            assert_eq!(ALL.iter().filter(|entry| entry.action == Action::Open(pane)).count(), 1, "{pane:?}");
        }
        for (place, entry) in ALL.iter().enumerate() {
            assert!(ALL[..place].iter().all(|other| other.name != entry.name), "{}", entry.name);
        }
    }
}
