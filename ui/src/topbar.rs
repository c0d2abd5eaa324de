//! The bar at the top: what runs, recording, notes.

use eframe::egui::{self, Align, Button, Color32, Layout, RichText, TextEdit};

use crate::recording::Recording;
use crate::scale::duration_text;
use crate::theme;

/// What keys do; the selected bead is the one that they change.
const KEYS: &str = "Keys: R record · Space pause plots · [ ] or ← → bead · F fit picture · Esc stop motors\n\
    Beads: Shift-click add · Delete remove · Alt and ← → ↑ ↓ move · G reference · Ctrl+Z undo · Ctrl+Y redo";

/// Stands in a field that was emptied.
const UNSAID: &str = "as in the settings";

/// Draws the bar. True if recording is to be started or stopped. `live`: the session runs.
pub fn show(
    ui: &mut egui::Ui,
    title: &str,
    notes: &[String],
    log_is_open: &mut bool,
    recording: &mut Recording,
    live: bool,
) -> bool {
    let mut toggled = false;
    ui.horizontal(|ui| {
        let colors = theme::colors(ui);
        ui.label(RichText::new("Beadscope").heading().strong());
        ui.label(RichText::new(title).color(colors.label)).on_hover_text("The camera");
        ui.separator();
        toggled = record_button(ui, recording, live);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            egui::widgets::global_theme_preference_buttons(ui);
            notes_button(ui, notes);
            ui.toggle_value(log_is_open, "Log").on_hover_text("What the program has logged, with time (UTC)");
            ui.separator();
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| place(ui, recording));
        });
    });
    toggled
}

fn record_button(ui: &mut egui::Ui, recording: &Recording, live: bool) -> bool {
    let colors = theme::colors(ui);
    let Some(running) = recording.running() else {
        let text = RichText::new("⏺ Record").color(if live { colors.danger } else { colors.label });
        return ui
            .add_enabled(live, Button::new(text))
            .on_hover_text("Record every bead's x, y, z into a new folder (R)")
            .on_disabled_hover_text("The session has ended; start Beadscope again to record")
            .clicked();
    };
    let stop = Button::new(RichText::new("⏹ Stop recording").color(Color32::WHITE))
        .fill(Color32::from_rgb(190, 32, 32));
    let clicked = ui.add(stop).on_hover_text("Finish the file (R)").clicked();
    let time = duration_text(running.since.elapsed().as_secs());
    ui.label(RichText::new(format!("● REC {time}")).color(colors.danger).strong().monospace())
        .on_hover_text("Time since the recording was started");
    clicked
}

/// Where the recording goes: the file in progress, or the folder and name of the next one.
fn place(ui: &mut egui::Ui, recording: &mut Recording) {
    let colors = theme::colors(ui);
    if let Some(running) = recording.running() {
        let path = running.file.display().to_string();
        ui.add(egui::Label::new(RichText::new(&path).color(colors.label)).truncate()).on_hover_text(path);
        return;
    }
    ui.label(RichText::new("into").color(colors.label));
    let left = ui.available_width();
    let hint = absolute(&recording.folder);
    let folder =
        TextEdit::singleline(&mut recording.folder).hint_text(UNSAID).desired_width((left * 0.6).min(360.0));
    ui.add(folder)
        .on_hover_text(format!("Folder of the recordings; each makes a folder of its own in it\n{hint}"));
    ui.label(RichText::new("name").color(colors.label));
    let name = TextEdit::singleline(&mut recording.name)
        .hint_text(UNSAID)
        .desired_width((ui.available_width() - 16.0).clamp(40.0, 140.0));
    ui.add(name).on_hover_text("Ends the name of the recording's folder, after date and time (UTC)");
}

/// The folder in full, since "runs" does not say where.
fn absolute(folder: &str) -> String {
    std::path::absolute(folder.trim()).map_or_else(|_| folder.to_owned(), |path| path.display().to_string())
}

fn notes_button(ui: &mut egui::Ui, notes: &[String]) {
    ui.menu_button(format!("ℹ Notes ({})", notes.len()), |ui| {
        ui.set_max_width(420.0);
        if notes.is_empty() {
            ui.label("Nothing was assumed.");
        }
        for note in notes {
            ui.add(egui::Label::new(format!("• {note}")).wrap());
        }
        ui.separator();
        ui.weak(KEYS);
    })
    .response
    .on_hover_text("What was assumed or left out, and the keys");
}
