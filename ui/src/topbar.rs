//! The bar at the top: what runs, recording, and the ways to everything else.

use eframe::egui::{self, Align, Button, Color32, Layout, RichText};

use crate::actions::Action;
use crate::panes::Pane;
use crate::recording::Recording;
use crate::scale::duration_text;
use crate::theme;

/// Draws the bar; what is to be done. `live`: the session runs.
pub fn show(
    ui: &mut egui::Ui,
    title: &str,
    notes: &[String],
    recording: &Recording,
    live: bool,
) -> Option<Action> {
    let mut asked = None;
    ui.horizontal(|ui| {
        let colors = theme::colors(ui);
        ui.label(RichText::new("Beadscope").heading().strong());
        ui.label(RichText::new(title).color(colors.label)).on_hover_text("The camera");
        ui.separator();
        if record_button(ui, recording, live) {
            asked = Some(Action::ToggleRecording);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let mut item = |ui: &mut egui::Ui, text: &str, hint: &str, action| {
                if ui.button(text).on_hover_text(hint).clicked() {
                    asked = Some(action);
                    ui.close();
                }
            };
            ui.menu_button("Help", |ui| {
                item(ui, "Tour", "What is where, in six steps", Action::Tour);
                item(ui, "Keys", "F1", Action::Keys);
                item(ui, "About", "Version and licence", Action::About);
            });
            notes_button(ui, notes);
            ui.menu_button("Panes", |ui| {
                for pane in Pane::ALL {
                    item(ui, pane.title(), pane.hint(), Action::Open(pane));
                }
                ui.separator();
                item(ui, "Reset the layout", "Every pane where it was at first", Action::ResetLayout);
            });
            item(ui, "🔍 Search", "Every action, pane, setting and command (Ctrl+K)", Action::Search);
            ui.separator();
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| place(ui, recording));
        });
    });
    asked
}

fn record_button(ui: &mut egui::Ui, recording: &Recording, live: bool) -> bool {
    let colors = theme::colors(ui);
    let Some(running) = recording.running() else {
        let text = RichText::new("⏺ Record").color(if live { colors.danger } else { colors.label });
        return ui
            .add_enabled(live && !recording.is_changing, Button::new(text))
            .on_hover_text("Record every bead's x, y, z into a new folder (R)")
            .on_disabled_hover_text(match live {
                true => "The recording is being started",
                false => "The session has ended; start Beadscope again to record",
            })
            .clicked();
    };
    let stop = Button::new(RichText::new("⏹ Stop recording").color(Color32::WHITE))
        .fill(Color32::from_rgb(190, 32, 32));
    let clicked = ui
        .add_enabled(!recording.is_changing, stop)
        .on_hover_text("Finish the file (R)")
        .on_disabled_hover_text("The file is being finished")
        .clicked();
    let time = duration_text(running.since.elapsed().as_secs());
    ui.label(RichText::new(format!("● REC {time}")).color(colors.danger).strong().monospace())
        .on_hover_text("Time since the recording was started");
    clicked
}

/// Where the recording goes: the file in progress, or the folder of the next one.
fn place(ui: &mut egui::Ui, recording: &Recording) {
    let (text, path) = match recording.running() {
        Some(running) => ("into", running.file.display().to_string()),
        None => ("next into", absolute(&recording.folder)),
    };
    let text = RichText::new(format!("{text} {path}")).color(theme::colors(ui).label);
    ui.add(egui::Label::new(text).truncate())
        .on_hover_text(format!("{path}\nThe pane Run has folder and name"));
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
    })
    .response
    .on_hover_text("What was assumed or left out");
}
