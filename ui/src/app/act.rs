//! What each action does.

use beadscope_engine::command::Command;
use eframe::egui;

use super::{App, Then};
use crate::actions::{Action, Shown};
use crate::desk::Desk;
use crate::messages::Kind;
use crate::panes::Pane;
use crate::snapshot::{self, Format};
use crate::theme;

/// Why beads stay as they are.
pub(super) const LOCKED: &str = "the beads are locked; unlock them with L, or in the pane Beads";

impl App<'_> {
    /// Does it.
    pub(super) fn act(&mut self, context: &egui::Context, action: Action) {
        let beads = &self.desk.feed.beads;
        let is_locked = beads.is_locked;
        let selected = beads.selected_numbers();
        match action {
            // Pressed twice: the first is under way.
            Action::ToggleRecording | Action::NextRecording if self.desk.recording.is_changing => {}
            Action::ToggleRecording => {
                let command = self.desk.recording.toggle_command();
                self.send_then(command, Then::ChangedRecording);
            }
            Action::NextRecording if self.desk.recording.running().is_none() => {
                self.messages.add(Kind::Notice, "nothing is recorded; R begins");
            }
            Action::NextRecording => {
                self.send_then(Command::RecordNext {}, Then::ChangedRecording);
            }
            Action::Mark => self.send(Command::Mark { text: "mark".to_owned() }),
            Action::PausePlots => self.desk.plots.toggle_pause(&self.desk.feed.history),
            Action::ExportPlots => {
                self.layout.open(Pane::Plots);
                self.desk.plots.export_next();
            }
            Action::FitPicture => self.desk.video.viewport.fit(),
            Action::Snapshot => self.snapshot(Format::Png),
            Action::SnapshotTiff => self.snapshot(Format::Tiff),
            Action::NextBead => self.step_bead(1),
            Action::PreviousBead => self.step_bead(-1),
            Action::SelectAllBeads => {
                let beads = &mut self.desk.feed.beads;
                // The one that is looked at stays so.
                let others = (0..beads.all.len()).filter(|place| Some(*place) != beads.selected);
                let all: Vec<usize> = beads.selected.into_iter().chain(others).collect();
                beads.select_all(all);
            }
            Action::ShowBead => {
                self.layout.open(Pane::Camera);
                self.desk.reveal_selected();
            }
            Action::LockBeads => self.desk.feed.beads.is_locked ^= true,
            // What comes of it would be refused.
            Action::FindBeads if is_locked => self.messages.add(Kind::Notice, LOCKED),
            Action::RemoveBeads | Action::ToggleReference if selected.is_empty() => {}
            Action::RemoveAllBeads if beads.all.is_empty() => {}
            Action::RemoveBeads => {
                // Those whose removal is under way are left out.
                let beads = self.desk.feed.beads.ask_removal();
                let command = Command::RoiRemove { beads: beads.clone() };
                if !beads.is_empty() && !self.send_then(command, Then::Removed(beads.clone())) {
                    self.desk.feed.beads.removal_answered(&beads);
                }
            }
            Action::RemoveAllBeads => {
                let told = "all beads were removed; Ctrl+Z brings them back";
                self.send_then(Command::RoiClear {}, Then::Tell(told));
            }
            Action::Nudge(dx_px, dy_px) => {
                if let Some(command) = beads.move_command([dx_px, dy_px]) {
                    self.send(command);
                }
            }
            Action::Renumber => self.desk.renumbering.ask(),
            Action::ToggleReference => {
                let command = self.desk.feed.beads.ask_references();
                if !self.send_then(command, Then::Referenced) {
                    self.desk.feed.beads.references_answered();
                }
            }
            Action::Undo => self.send(Command::RoiUndo {}),
            Action::Redo => self.send(Command::RoiRedo {}),
            Action::FindBeads => {
                self.layout.open(Pane::Camera);
                self.desk.finder.begin(&mut self.desk.feed.picture, &self.desk.feed.beads);
            }
            Action::CenterRois => self.send(Command::RoiCenter { beads: None }),
            Action::StopMotors => {
                if !self.desk.axes.is_empty() {
                    self.send(Command::AxisStop { axis: None });
                }
            }
            Action::EmergencyStop => self.send(Command::AxisEmergencyStop {}),
            Action::ResumeMotors => self.send(Command::AxisResume {}),
            Action::Search => self.palette.toggle(),
            Action::Open(pane) => self.layout.open(pane),
            Action::ResetLayout => {
                self.layout.reset();
                let text = "every pane is where it was at first";
                self.messages.add_with(Kind::Done, text, Some(("Undo the reset", Action::UndoResetLayout)));
            }
            Action::UndoResetLayout => self.layout.undo_reset(),
            Action::Theme(shade) => theme::set_shade(context, shade),
            Action::Seek(pane) => self.layout.open(pane),
            Action::Show(shown) => self.show_otherwise(shown),
            Action::Tour => self.help.tour(),
            Action::Keys => self.help.toggle_keys(),
            Action::About => self.help.about(),
        }
        context.request_repaint();
    }

    fn show_otherwise(&mut self, shown: Shown) {
        let Desk { video, plots, analysis, .. } = &mut self.desk;
        let pane = match shown {
            Shown::Contrast(_) | Shown::Rois | Shown::Trails => Pane::Camera,
            Shown::Figure(_) => Pane::Analysis,
            Shown::Span(_) | Shown::RelativeTime | Shown::LessReferences | Shown::Autoscale => Pane::Plots,
        };
        match shown {
            Shown::Contrast(mode) => video.set_contrast(mode),
            Shown::Rois => video.toggle_rois(),
            Shown::Trails => video.shows_trails ^= true,
            Shown::Figure(kind) => analysis.choose(kind),
            Shown::Span(_) | Shown::RelativeTime | Shown::LessReferences | Shown::Autoscale => {
                plots.switch(shown)
            }
        }
        self.layout.open(pane);
    }

    fn step_bead(&mut self, step: i64) {
        self.desk.feed.beads.step(step);
        self.desk.reveal_selected();
    }

    fn snapshot(&mut self, format: Format) {
        let (folder, nm_per_px) = (self.folder(), self.desk.pixel_size_nm);
        match snapshot::of(&mut self.desk.feed.picture, format, folder, nm_per_px) {
            Ok(errand) => self.give(errand),
            Err(why) => self.messages.add(Kind::Failed, why),
        }
    }
}

/// Adds, moves or removes beads.
pub(super) fn moves_beads(command: &Command) -> bool {
    matches!(
        command,
        Command::RoiAdd { .. }
            | Command::RoiAddSeveral { .. }
            | Command::RoiMove { .. }
            | Command::RoiMoveSeveral { .. }
            | Command::RoiRemove { .. }
            | Command::RoiClear {}
            | Command::RoiLoad { .. }
            | Command::RoiRenumber {}
            | Command::RoiCenter { .. }
            | Command::RoiUndo {}
            | Command::RoiRedo {}
    )
}
