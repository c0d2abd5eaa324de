//! The pane Run: the camera's rate and exposure, the recording with its markers and notes, and the last runs.

use std::path::Path;

use beadscope_engine::command::Command;
use beadscope_engine::record::space::outlook;
use beadscope_engine::run_name::PLACEHOLDERS;
use beadscope_engine::session::CameraConfig;
use beadscope_engine::video::Mode;
use eframe::egui::{self, Button, ComboBox, DragValue, Grid, RichText, TextEdit};

use crate::actions::Action;
use crate::browser::{Browsed, Browser, Wanted};
use crate::recording::Recording;
use crate::run_folders::RunFolders;
use crate::scale::{duration_text, grouped};
use crate::status::{LOST_HINT, lost_by, time_left_text};
use crate::theme::{self, named};

/// Letters of what is recorded now, points.
const STATE_SIZE: f32 = 20.0;
/// Room for a path or a name, points.
const FIELD_WIDTH: f32 = 300.0;
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
    marker: Typed,
    note: Typed,
    /// What the next session records, if it was chosen here.
    next_mode: Option<&'static str>,
    browser: Option<Browser>,
}

/// What the pane tells about.
pub struct Now<'a> {
    /// What the camera has.
    pub config: &'a CameraConfig,
    /// What the session films and tracks.
    pub mode: &'a str,
    /// The beads that are tracked.
    pub beads: usize,
    /// Bytes a second that a recording would grow by.
    pub bytes_per_s: f64,
    /// The session runs.
    pub is_live: bool,
}

/// A text that goes into the recording, and stays in its field until it is there.
#[derive(Default)]
struct Typed {
    text: String,
    /// It is on its way.
    is_sent: bool,
}

impl Typed {
    fn is_done(&mut self, text: &str) {
        self.is_sent = false;
        if self.text.trim() == text {
            self.text.clear();
        }
    }
}

/// What is asked for.
pub enum Asked {
    /// One of the window's actions.
    Action(Action),
    /// A command of the engine.
    Command(Command),
    /// A setting goes into the user's file: its name, and what it is to be.
    Keep(&'static str, String),
}

impl RunPane {
    /// The marker is where it was to go.
    pub fn is_marked(&mut self, text: &str) {
        self.marker.is_done(text);
    }

    /// The note is in the recording.
    pub fn is_noted(&mut self, text: &str) {
        self.note.is_done(text);
    }

    /// Marker or note were refused: what was typed can be sent again.
    pub fn is_refused(&mut self) {
        (self.marker.is_sent, self.note.is_sent) = (false, false);
    }

    #[cfg(test)]
    pub fn set_note(&mut self, text: &str) {
        text.clone_into(&mut self.note.text);
    }

    #[cfg(test)]
    pub fn browses(&self) -> bool {
        self.browser.is_some()
    }

    #[cfg(test)]
    pub fn note(&self) -> &str {
        &self.note.text
    }

    /// Draws the pane.
    pub fn show(&mut self, ui: &mut egui::Ui, now: &Now<'_>, recording: &mut Recording) -> Option<Asked> {
        let mut asked = None;
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.add_enabled_ui(now.is_live, |ui| {
                state(ui, recording);
                if let Some(done) = self.recording(ui, recording, now) {
                    asked = Some(done);
                }
                ui.separator();
                ui.strong("Camera");
                if let Some(command) = self.camera(ui, now.config) {
                    asked = Some(Asked::Command(command));
                }
            });
            ui.separator();
            ui.strong("Last runs");
            last_runs(ui, &recording.folders);
        });
        self.browse(ui.ctx(), recording);
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

    fn recording(&mut self, ui: &mut egui::Ui, recording: &mut Recording, now: &Now<'_>) -> Option<Asked> {
        let mut asked = None;
        let is_running = recording.running().is_some();
        Grid::new("recording").num_columns(2).show(ui, |ui| {
            let label = ui.label("Folder");
            ui.horizontal(|ui| {
                let field = TextEdit::singleline(&mut recording.folder).desired_width(FIELD_WIDTH);
                let field = ui.add_enabled(!is_running, field).labelled_by(label.id);
                field.on_hover_text(
                    "Each recording makes a folder of its own in it; it is kept for the next start",
                );
                let browse = ui.add_enabled(!is_running, Button::new("Browse…"));
                if browse.on_hover_text("Shows folders to choose from").clicked() {
                    let at = Path::new(recording.folder.trim());
                    self.browser = Some(Browser::open("Where recordings go", Wanted::Folder, at));
                }
                let hint = "Writes folder and name into your file of settings, for `beadscope run` too";
                if ui.button("Keep").on_hover_text(hint).clicked() {
                    asked = Some(Asked::Keep("recording.folder", recording.folder.trim().to_owned()));
                }
            });
            ui.end_row();
            let label = ui.label("Name");
            ui.horizontal(|ui| {
                let field = TextEdit::singleline(&mut recording.name).desired_width(FIELD_WIDTH);
                let field = ui.add_enabled(!is_running, field).labelled_by(label.id);
                field.on_hover_text(name_hint());
                let hint = "Writes the name into your file of settings, for `beadscope run` too";
                let keep = ui.button("Keep").on_hover_text(hint);
                named(&keep, "Keep the name".to_owned());
                if keep.clicked() {
                    asked = Some(Asked::Keep("recording.name", recording.name.trim().to_owned()));
                }
            });
            ui.end_row();
            ui.label("");
            match recording.preview(now.mode, now.beads) {
                Ok(name) => ui
                    .weak(name)
                    .on_hover_text("How the next folder is called, with the time at which it is begun"),
                Err(why) => ui.colored_label(theme::colors(ui).danger, why.to_string()),
            };
            ui.end_row();
            let label = ui.label("Mode");
            if let Some(mode) = self.mode(ui, now.mode, label.id) {
                asked = Some(Asked::Keep("recording.mode", mode.to_owned()));
            }
            ui.end_row();
            ui.label("Disk");
            disk(ui, recording, now.bytes_per_s);
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
        let marker =
            "Marks this moment in the recording and in the plots; without a recording in the plots only";
        let note = "Goes into the recording: what sample it is, what was done";
        for (typed, text, is_possible, hint) in
            [(&mut self.marker, "Marker", true, marker), (&mut self.note, "Note", is_running, note)]
        {
            ui.horizontal(|ui| {
                let edit = TextEdit::singleline(&mut typed.text).hint_text(text).desired_width(320.0);
                let field = ui.add_enabled(is_possible && !typed.is_sent, edit);
                let entered = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
                let told = typed.text.trim().to_owned();
                let is_ready = is_possible && !typed.is_sent && !told.is_empty();
                let add = ui.add_enabled(is_ready, Button::new(format!("Add {}", text.to_lowercase())));
                let why_not = if is_possible { hint } else { "While a recording runs" };
                let clicked = add.on_hover_text(hint).on_disabled_hover_text(why_not).clicked();
                if is_ready && (clicked || entered) {
                    typed.is_sent = true;
                    asked = Some(Asked::Command(match text {
                        "Marker" => Command::Mark { text: told },
                        _ => Command::Note { text: told },
                    }));
                }
            });
        }
        asked
    }

    /// What is recorded; a mode for the next session, if one was chosen.
    fn mode(&mut self, ui: &mut egui::Ui, mode: &str, label: egui::Id) -> Option<&'static str> {
        let before = self.next_mode;
        ui.horizontal(|ui| {
            let shown = self.next_mode.unwrap_or(mode).to_owned();
            let choice = ComboBox::from_id_salt("mode").width(160.0).selected_text(&shown).show_ui(ui, |ui| {
                for (_, name) in Mode::NAMES {
                    ui.selectable_value(&mut self.next_mode, Some(name), name);
                }
            });
            choice.response.labelled_by(label).on_hover_text(
                "What is kept: positions (track), the crops of the beads (roi-video), whole frames (full-video). Another one holds from the \
                 next start on: it goes into your file of settings",
            );
            if shown != mode {
                ui.colored_label(theme::colors(ui).warning, format!("from the next start on; now {mode}"));
            }
        });
        self.next_mode.filter(|_| self.next_mode != before)
    }

    /// Looks into the folder while it is chosen in the browser.
    fn browse(&mut self, context: &egui::Context, recording: &mut Recording) {
        let Some(browser) = &mut self.browser else { return };
        match browser.show(context) {
            Some(Browsed::Chosen(folder)) => recording.folder = folder.display().to_string(),
            Some(Browsed::Cancelled) => {}
            None => return,
        }
        self.browser = None;
    }
}

/// Large and plain: whether anything is recorded, for how long, and what has become of its frames. Always two lines: what stands below
/// stays under the pointer.
fn state(ui: &mut egui::Ui, recording: &Recording) {
    let colors = theme::colors(ui);
    let large = |text: String| RichText::new(text).font(theme::digits(STATE_SIZE));
    let Some(running) = recording.running() else {
        let text = if recording.is_changing { "a recording is being begun" } else { "not recording" };
        ui.label(large(text.to_owned()).color(colors.label));
        ui.label(RichText::new("R records").monospace().color(colors.label));
        return;
    };
    let time = duration_text(running.since.elapsed().as_secs());
    ui.label(large(format!("● RECORDING {time}")).strong().color(colors.danger))
        .on_hover_text(format!("Since it was begun\n{}", running.file.display()));
    let (bytes, ledger) = recording.now.as_ref().map_or_else(Default::default, |now| (now.bytes, now.ledger));
    let recorded = format!("{} frames, {:.1} MB", grouped(ledger.recorded), bytes as f64 / 1e6);
    ui.horizontal(|ui| {
        ui.spacing_mut().interact_size.y = 0.0;
        ui.label(RichText::new(recorded).monospace())
            .on_hover_text("In this file, a second ago at most; MB with its video");
        match lost_by(&ledger.lost) {
            None => ui.label(RichText::new("none lost").monospace().color(colors.label)),
            Some(by) => {
                let text = format!("{} lost ({by})", grouped(ledger.total_lost()));
                let text = RichText::new(text).monospace().strong().color(colors.danger);
                ui.label(text).on_hover_text(LOST_HINT)
            }
        }
    });
}

fn last_runs(ui: &mut egui::Ui, folders: &RunFolders) {
    if folders.is_mute() {
        ui.colored_label(
            theme::colors(ui).warning,
            "The folder does not answer; choose another, or see to its share.",
        );
    }
    if folders.seen.runs.is_empty() {
        ui.weak("There is no recording in this folder yet.");
    }
    for (run, is_whole) in &folders.seen.runs {
        let name = run.file_name().unwrap_or_default().to_string_lossy();
        ui.horizontal(|ui| {
            let copy = ui.button("📋").on_hover_text("Copies the command that tells about this run");
            named(&copy, format!("Copy the command for {name}"));
            if copy.clicked() {
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

/// Space on the disk, and how long it lasts.
fn disk(ui: &mut egui::Ui, recording: &Recording, bytes_per_s: f64) {
    let disk = match (&recording.disk, recording.folders.seen.free_bytes) {
        (Some(disk), _) => disk.clone(),
        (None, Some(free_bytes)) => outlook(free_bytes, bytes_per_s),
        (None, None) => {
            let text = if recording.folders.is_mute() { "it does not answer" } else { "not known" };
            ui.weak(text);
            return;
        }
    };
    let left = disk.time_left_s.map_or(String::new(), |left_s| format!(", {} left", time_left_text(left_s)));
    let text = format!("{:.1} GB free{left}", disk.free_bytes as f64 / 1e9);
    let is_short = disk.notice.is_some() || disk.free_bytes <= disk.reserve_bytes;
    let color = if is_short { theme::colors(ui).warning } else { theme::colors(ui).value };
    let rate = disk.write_bytes_per_s.unwrap_or_default() / 1e6;
    ui.colored_label(color, text).on_hover_text(format!(
        "At {rate:.2} MB/s, as the camera and the beads are now; a recording ends when {:.1} GB are left",
        disk.reserve_bytes as f64 / 1e9
    ));
}

fn name_hint() -> String {
    let names = PLACEHOLDERS.map(|(name, about)| format!("\n{{{name}}}: {about}"));
    format!("Ends the name of the folder, after date and time (UTC). Filled in:{}", names.concat())
}
