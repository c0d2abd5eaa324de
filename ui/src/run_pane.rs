//! The pane Run: the camera's rate and exposure, the recording with its markers and notes, and the last runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use beadscope_engine::command::Command;
use beadscope_engine::session::CameraConfig;
use eframe::egui::{self, Button, DragValue, Grid, RichText, TextEdit};

use crate::actions::Action;
use crate::recording::Recording;
use crate::theme;

/// How often the folder of the recordings is looked into.
const LOOK: Duration = Duration::from_secs(5);
/// Runs that are listed.
const LISTED: usize = 10;
/// Rates that a camera may be asked for, Hz.
const RATE_HZ: std::ops::RangeInclusive<f64> = 0.01..=100_000.0;
/// Exposures, µs.
const EXPOSURE_US: std::ops::RangeInclusive<f64> = 0.1..=1e8;

/// What is typed, and the runs that were seen last.
#[derive(Default)]
pub struct RunPane {
    /// Rate and exposure as they are being chosen; `None`: as the camera has them.
    rate_hz: Option<f64>,
    exposure_us: Option<f64>,
    /// Frames were asked not to come.
    pub is_paused: bool,
    marker: String,
    note: String,
    /// The newest runs, and whether each is whole.
    runs: Vec<(PathBuf, bool)>,
    looked: Option<(Instant, String)>,
    /// Folders may be on a share that does not answer: a thread looks.
    looking: Option<Receiver<Vec<(PathBuf, bool)>>>,
}

/// What is asked for.
pub enum Asked {
    /// One of the window's actions.
    Action(Action),
    /// A command of the engine.
    Command(Command),
}

impl RunPane {
    /// Draws the pane. `mode`: what the session films and tracks.
    pub fn show(
        &mut self,
        ui: &mut egui::Ui,
        config: &CameraConfig,
        recording: &mut Recording,
        mode: &str,
        is_live: bool,
    ) -> Option<Asked> {
        let mut asked = None;
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.add_enabled_ui(is_live, |ui| {
                ui.strong("Camera");
                if let Some(command) = self.camera(ui, config) {
                    asked = Some(Asked::Command(command));
                }
                ui.separator();
                ui.strong("Recording");
                if let Some(done) = self.recording(ui, recording, mode) {
                    asked = Some(done);
                }
            });
            ui.separator();
            ui.strong("Last runs");
            self.last_runs(ui, &recording.folder);
        });
        asked
    }

    fn camera(&mut self, ui: &mut egui::Ui, config: &CameraConfig) -> Option<Command> {
        let (mut asked, mut apply) = (None, false);
        Grid::new("camera").num_columns(2).show(ui, |ui| {
            let label = ui.label("Rate");
            let rate_hz = self.rate_hz.get_or_insert(config.rate_hz);
            let drag = DragValue::new(rate_hz).range(RATE_HZ).speed(1.0).max_decimals(2).suffix(" Hz");
            let field = ui
                .add(drag)
                .labelled_by(label.id)
                .on_hover_text("Frames in a second: drag, or click and type");
            apply |= field.drag_stopped() || field.lost_focus();
            ui.end_row();
            let label = ui.label("Exposure");
            let exposure_us = self.exposure_us.get_or_insert(config.exposure_us);
            let drag =
                DragValue::new(exposure_us).range(EXPOSURE_US).speed(10.0).max_decimals(1).suffix(" µs");
            let field = ui
                .add(drag)
                .labelled_by(label.id)
                .on_hover_text("Shorter blurs the motion of beads less, longer is brighter");
            apply |= field.drag_stopped() || field.lost_focus();
            ui.end_row();
        });
        let rate_hz = self.rate_hz.filter(|rate| *rate != config.rate_hz);
        let exposure_us = self.exposure_us.filter(|exposure| *exposure != config.exposure_us);
        if apply && (rate_hz.is_some() || exposure_us.is_some()) {
            asked = Some(Command::CameraSet { rate_hz, exposure_us });
        }
        let is_touched =
            ui.memory(|memory| memory.focused().is_some()) || ui.input(|input| input.pointer.any_down());
        if !is_touched {
            // What the camera has applied is shown, not what was asked of it.
            (self.rate_hz, self.exposure_us) = (None, None);
        }
        let text = if self.is_paused { "▶ Let frames come" } else { "⏸ Pause frames" };
        if ui.button(text).on_hover_text("A recording goes on, without frames").clicked() {
            asked = Some(Command::Acquire { on: self.is_paused });
        }
        asked
    }

    fn recording(&mut self, ui: &mut egui::Ui, recording: &mut Recording, mode: &str) -> Option<Asked> {
        let mut asked = None;
        let is_running = recording.running().is_some();
        Grid::new("recording").num_columns(2).show(ui, |ui| {
            let label = ui.label("Folder");
            let field = TextEdit::singleline(&mut recording.folder).desired_width(320.0);
            ui.add_enabled(!is_running, field).labelled_by(label.id).on_hover_text("Each recording makes a folder of its own in it");
            ui.end_row();
            let label = ui.label("Name");
            let field = TextEdit::singleline(&mut recording.name).desired_width(320.0);
            ui.add_enabled(!is_running, field).labelled_by(label.id).on_hover_text("Ends the name of the folder, after date and time (UTC)");
            ui.end_row();
            ui.label("Mode");
            ui.label(RichText::new(mode).monospace())
                .on_hover_text("What is kept; it is chosen before a session starts: `beadscope rig --set recording.mode=…`, or in Preferences");
            ui.end_row();
        });
        ui.horizontal(|ui| {
            let (text, action) = if is_running {
                ("⏹ Stop recording", Action::ToggleRecording)
            } else {
                ("⏺ Record", Action::ToggleRecording)
            };
            if ui.button(text).on_hover_text("R").clicked() {
                asked = Some(Asked::Action(action));
            }
            let next = ui.add_enabled(is_running, Button::new("New file"));
            if next.on_hover_text("Goes on in another folder; no frame is lost between the two (N)").clicked()
            {
                asked = Some(Asked::Action(Action::NextRecording));
            }
        });
        for (typed, text, hint) in [
            (&mut self.marker, "Marker", "Marks this moment, in the recording and in the plots"),
            (&mut self.note, "Note", "Goes into the recording: what sample it is, what was done"),
        ] {
            ui.horizontal(|ui| {
                let field = ui.add_enabled(
                    is_running,
                    TextEdit::singleline(typed).hint_text(text).desired_width(320.0),
                );
                let entered = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
                let add = ui.add_enabled(
                    is_running && !typed.trim().is_empty(),
                    Button::new(format!("Add {}", text.to_lowercase())),
                );
                if (add.on_hover_text(hint).on_disabled_hover_text("While a recording runs").clicked()
                    || entered)
                    && !typed.trim().is_empty()
                {
                    let text_typed = std::mem::take(typed).trim().to_owned();
                    asked = Some(Asked::Command(match text {
                        "Marker" => Command::Mark { text: text_typed },
                        _ => Command::Note { text: text_typed },
                    }));
                }
            });
        }
        asked
    }

    fn last_runs(&mut self, ui: &mut egui::Ui, folder: &str) {
        let is_old =
            self.looked.as_ref().is_none_or(|(at, in_folder)| at.elapsed() > LOOK || in_folder != folder);
        if is_old && self.looking.is_none() {
            self.looked = Some((Instant::now(), folder.to_owned()));
            let (tell, told) = sync_channel(1);
            let folder = PathBuf::from(folder.trim());
            let thread = Builder::new().name("beadscope-runs".to_owned()).spawn(move || {
                // Nobody listens once the window is closed.
                let _ = tell.send(newest_runs(&folder));
            });
            self.looking = thread.is_ok().then_some(told);
        }
        match self.looking.as_ref().map(Receiver::try_recv) {
            Some(Ok(runs)) => (self.runs, self.looking) = (runs, None),
            Some(Err(TryRecvError::Disconnected)) => self.looking = None,
            Some(Err(TryRecvError::Empty)) | None => {}
        }
        if self.runs.is_empty() {
            ui.weak("There is no recording in this folder yet.");
        }
        for (run, is_whole) in &self.runs {
            let name = run.file_name().unwrap_or_default().to_string_lossy();
            ui.horizontal(|ui| {
                if ui.button("📋").on_hover_text("Copies the command that tells about this run").clicked() {
                    ui.copy_text(format!("beadscope info '{}'", run.display()));
                }
                ui.label(RichText::new(name).monospace());
                if !*is_whole {
                    let colors = theme::colors(ui);
                    ui.colored_label(colors.warning, "not finished").on_hover_text(format!(
                        "It is being recorded, or was cut off: beadscope recover '{}'",
                        run.display()
                    ));
                }
            });
        }
    }
}

/// The newest run folders in a folder, whose names begin with the time, and whether each is whole.
fn newest_runs(folder: &Path) -> Vec<(PathBuf, bool)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_run = |path: &PathBuf| {
        let file = |name: &str| path.join(name).exists();
        file("tracks.h5") || file("tracks.h5.partial") || file("tracks.journal.mcap")
    };
    let mut runs: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_run).collect();
    runs.sort_unstable_by(|a, b| b.cmp(a));
    runs.truncate(LISTED);
    let with_state = |run: PathBuf| {
        let is_whole = run.join("tracks.h5").exists();
        (run, is_whole)
    };
    runs.into_iter().map(with_state).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_runs_come_first_and_other_folders_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        for number in 10..25 {
            let run = folder.path().join(format!("2026-11-{number}T00-00-00Z_run"));
            fs::create_dir(&run).unwrap();
            fs::write(run.join(if number == 24 { "tracks.journal.mcap" } else { "tracks.h5" }), "").unwrap();
        }
        fs::create_dir(folder.path().join("zzz")).unwrap();
        let runs = newest_runs(folder.path());
        assert_eq!(runs.len(), LISTED);
        assert!(runs[0].0.ends_with("2026-11-24T00-00-00Z_run") && !runs[0].1, "being recorded");
        assert!(runs[9].0.ends_with("2026-11-15T00-00-00Z_run") && runs[9].1);
        assert!(newest_runs(&folder.path().join("nowhere")).is_empty());
    }
}
