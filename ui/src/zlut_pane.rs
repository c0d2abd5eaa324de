//! The pane Z-LUT: which table heights are looked up in, and the recording of another one by moving the focus.

use std::sync::Arc;

use beadscope_engine::command::Command;
use beadscope_engine::zlut_sweep::{Phase, SweptBead, ZLutInUse, ZLutSweep};
use eframe::egui::{
    self, Button, Color32, ColorImage, DragValue, Grid, ProgressBar, Rect, RichText, ScrollArea, TextEdit,
    TextureHandle, TextureOptions, pos2, vec2,
};

use crate::scale::{duration_text, measured};
use crate::theme;

/// Height of the picture of a table, points.
const PICTURE: f32 = 150.0;
/// Columns of the picture at most: more than a screen has.
const MOST_COLUMNS: usize = 2048;
/// Room for its numbers, points.
const MARGIN: f32 = 44.0;

/// What is typed and chosen.
pub struct ZLutPane {
    from_nm: f64,
    to_nm: f64,
    step_nm: f64,
    frames: u32,
    settle_ms: f64,
    file: String,
    /// The table that is drawn, and what it was drawn from: bead, number of planes, and which is the newest.
    picture: Option<((u32, usize, usize), TextureHandle)>,
}

impl Default for ZLutPane {
    fn default() -> Self {
        // Tethers of some µm with a plane every 50 nm: MagScope's users sweep about this much.
        Self {
            from_nm: -1000.0,
            to_nm: 1000.0,
            step_nm: 50.0,
            frames: 20,
            settle_ms: 100.0,
            file: String::new(),
            picture: None,
        }
    }
}

impl ZLutPane {
    /// Draws the pane. `bead`: the selected one, whose table is shown; `folder`: where files go unless a path is typed.
    pub fn show(
        &mut self,
        ui: &mut egui::Ui,
        sweep: &ZLutSweep,
        bead: Option<u32>,
        folder: &str,
        is_live: bool,
    ) -> Option<Command> {
        let mut asked = None;
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.add_enabled_ui(is_live, |ui| {
                ui.strong("In use");
                asked = self.in_use(ui, sweep.in_use.as_ref(), folder);
                ui.separator();
                ui.strong("New Z-LUT");
                let begun = match sweep.phase.is_running() {
                    true => progress(ui, sweep),
                    false => self.wizard(ui, sweep),
                };
                asked = asked.take().or(begun);
                if let Some(bead) = bead {
                    self.preview(ui, sweep, bead);
                }
                asked = asked.take().or_else(|| results(ui, sweep));
            });
        });
        asked
    }

    fn in_use(&mut self, ui: &mut egui::Ui, in_use: Option<&ZLutInUse>, folder: &str) -> Option<Command> {
        let colors = theme::colors(ui);
        match in_use {
            None => {
                ui.colored_label(
                    colors.warning,
                    "None: beads have x and y, and no z. Load one, or record one below.",
                );
            }
            Some(used) => {
                let [low, high] = used.range_nm;
                let bead = used.bead.as_ref().map_or(String::new(), |bead| format!(", bead {bead}"));
                ui.label(format!("{} planes from {low:.0} to {high:.0} nm{bead}", used.planes))
                    .on_hover_text(format!("Hash {}: recordings name it so", used.hash));
                ui.add(egui::Label::new(RichText::new(&used.source).color(colors.label)).truncate());
                for doubt in &used.doubts {
                    ui.colored_label(colors.warning, format!("⚠ {doubt}"));
                }
            }
        }
        let mut asked = None;
        if self.file.is_empty() {
            self.file = format!("{}/bead.zlut.h5", folder.trim_end_matches('/'));
        }
        ui.horizontal(|ui| {
            let label = ui.label("File");
            ui.add(TextEdit::singleline(&mut self.file).desired_width(260.0))
                .labelled_by(label.id)
                .on_hover_text("Ours (.zlut.h5), MagScope's (.txt) or QTrk's (.radialzlut)");
            let path = || self.file.trim().to_owned();
            if ui
                .button("Load")
                .on_hover_text("Looks heights up in this file from the next frame on")
                .clicked()
            {
                asked = Some(Command::ZLutUse { bead: None, path: Some(path()) });
            }
            let is_there = std::path::Path::new(self.file.trim()).exists();
            let save =
                ui.add_enabled(in_use.is_some(), Button::new(if is_there { "Replace" } else { "Save" }));
            let hint = if is_there {
                "Another Z-LUT is in this file: it would be lost"
            } else {
                "Writes the one in use into this file"
            };
            if save.on_hover_text(hint).clicked() {
                asked = Some(Command::ZLutSave { path: path(), bead: None });
            }
            let unload = ui.add_enabled(in_use.is_some(), Button::new("Unload"));
            if unload.on_hover_text("Finds no heights any more").clicked() {
                asked = Some(Command::ZLutUnload {});
            }
        });
        asked
    }

    fn wizard(&mut self, ui: &mut egui::Ui, sweep: &ZLutSweep) -> Option<Command> {
        let colors = theme::colors(ui);
        match &sweep.phase {
            Phase::Failed(why) => {
                ui.colored_label(colors.danger, format!("⚠ The last sweep failed: {why}"));
            }
            Phase::Cancelled => {
                ui.colored_label(
                    colors.label,
                    "The last sweep was cancelled; the focus is back where it was.",
                );
            }
            _ => {}
        }
        if let Some(notice) = &sweep.notice {
            ui.colored_label(colors.warning, format!("⚠ {notice}"));
        }
        ui.label(
            "Moves the focus from height to height, takes images of every bead at each, and brings it back.",
        );
        Grid::new("sweep").num_columns(4).show(ui, |ui| {
            let field = |ui: &mut egui::Ui, name: &str, value: &mut f64, unit: &str, hint: &str| {
                let label = ui.label(name);
                ui.add(DragValue::new(value).speed(1.0).max_decimals(1).suffix(format!(" {unit}")))
                    .labelled_by(label.id)
                    .on_hover_text(hint);
            };
            field(ui, "From", &mut self.from_nm, "nm", "First focus, from where it is now");
            field(
                ui,
                "To",
                &mut self.to_nm,
                "nm",
                "Last focus, from where it is now; smaller than the first sweeps down",
            );
            ui.end_row();
            field(
                ui,
                "Step",
                &mut self.step_nm,
                "nm",
                "Between two planes: 50 nm loses nothing, more is faster",
            );
            field(ui, "Settle", &mut self.settle_ms, "ms", "How long the focus rests before images count");
            ui.end_row();
            let label = ui.label("Measurements per step");
            ui.add(DragValue::new(&mut self.frames).range(1..=10_000))
                .labelled_by(label.id)
                .on_hover_text("Images of each bead at each height: noise goes with their square root");
            let steps = ((self.to_nm - self.from_nm).abs() / self.step_nm.max(0.1)).floor() + 1.0;
            ui.label(format!("{steps:.0} planes"));
            ui.end_row();
        });
        let start = ui
            .button("▶ Start the sweep")
            .on_hover_text("Recording and plots go on. Escape stops the motors");
        start.clicked().then_some(Command::ZLutSweep {
            from_nm: self.from_nm,
            to_nm: self.to_nm,
            step_nm: self.step_nm,
            frames: self.frames,
            settle_ms: Some(self.settle_ms),
        })
    }

    /// The table of a bead, as far as it is swept: heights from left to right, the centre of the rings at the top.
    fn preview(&mut self, ui: &mut egui::Ui, sweep: &ZLutSweep, bead: u32) {
        let mut planes: Vec<(f64, &[f32])> = sweep.preview.table_of(bead).collect();
        let (Some(n_rings), true) = (planes.first().map(|(_, row)| row.len()), planes.len() > 1) else {
            return;
        };
        // Sweeps down and up look the same; the height that is looked at again at the end is there already.
        planes.sort_by(|a, b| a.0.total_cmp(&b.0));
        planes.dedup_by(|a, b| a.0 == b.0);
        // Another sweep has other planes, wherever they are.
        let newest = sweep.preview.planes.last().map_or(0, |plane| Arc::as_ptr(plane) as usize);
        let key = (bead, sweep.preview.planes.len(), newest);
        if self.picture.as_ref().is_none_or(|(drawn, _)| *drawn != key) {
            let every = planes.len().div_ceil(MOST_COLUMNS);
            let shown: Vec<_> = planes.iter().copied().step_by(every).collect();
            let image = image_of(&shown, n_rings);
            let texture = ui.ctx().load_texture("zlut", image, TextureOptions::NEAREST);
            self.picture = Some((key, texture));
        }
        let Some((_, texture)) = &self.picture else { return };
        ui.label(format!("Bead {bead}: rings against height"));
        let (room, _) =
            ui.allocate_exact_size(vec2(ui.available_width(), PICTURE + 18.0), egui::Sense::hover());
        let place =
            Rect::from_min_max(room.min + vec2(MARGIN, 0.0), pos2(room.max.x - 8.0, room.min.y + PICTURE));
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        ui.painter().image(texture.id(), place, whole, Color32::WHITE);
        let colors = theme::colors(ui);
        let text = |at, align, text: String| {
            ui.painter().text(at, align, text, egui::FontId::proportional(12.0), colors.label);
        };
        text(place.left_top() - vec2(4.0, 0.0), egui::Align2::RIGHT_TOP, "centre".to_owned());
        text(
            place.left_bottom() - vec2(4.0, 0.0),
            egui::Align2::RIGHT_BOTTOM,
            format!("ring {}", n_rings - 1),
        );
        let [low, high] = [planes[0].0, planes[planes.len() - 1].0];
        text(place.left_bottom() + vec2(0.0, 2.0), egui::Align2::LEFT_TOP, format!("z {low:.0} nm"));
        text(place.right_bottom() + vec2(0.0, 2.0), egui::Align2::RIGHT_TOP, format!("{high:.0} nm"));
    }
}

/// Grey levels from the darkest to the brightest, a column a plane; what was not measured is red.
fn image_of(planes: &[(f64, &[f32])], n_rings: usize) -> ColorImage {
    let values = || planes.iter().flat_map(|(_, row)| row.iter().copied()).filter(|value| value.is_finite());
    let (low, high) =
        values().fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(value), high.max(value)));
    let shade = |value: f32| match value.is_finite() {
        true => Color32::from_gray((255.0 * (value - low) / (high - low).max(1e-6)) as u8),
        false => Color32::from_rgb(120, 20, 20),
    };
    let pixels = (0..n_rings)
        .flat_map(|ring| planes.iter().map(move |(_, row)| row.get(ring).copied().unwrap_or(f32::NAN)));
    ColorImage::new([planes.len(), n_rings], pixels.map(shade).collect())
}

/// How a sweep goes, with the button that ends it.
fn progress(ui: &mut egui::Ui, sweep: &ZLutSweep) -> Option<Command> {
    let share = sweep.frames_taken as f32 / sweep.frames_wanted.max(1) as f32;
    let what = match sweep.phase {
        Phase::Moving => "moving the focus",
        Phase::Taking => "taking images",
        _ => "building",
    };
    let left = sweep
        .left_s
        .map_or(String::new(), |left_s| format!(", {} left", duration_text(left_s.ceil() as u64)));
    let text = format!("height {} of {}, {what}{left}", sweep.step + 1, sweep.steps);
    ui.add(ProgressBar::new(share).text(text));
    let focus = sweep.focus_nm.map_or("unknown".to_owned(), |focus_nm| format!("{focus_nm:.0} nm"));
    ui.label(format!("focus {focus}, {} of {} images", sweep.frames_taken, sweep.frames_wanted));
    let cancel = ui.button("⏹ Cancel").on_hover_text("The focus goes back to where it was");
    cancel.clicked().then_some(Command::ZLutCancel {})
}

/// What the beads of the last sweep are worth, and the choice of one.
fn results(ui: &mut egui::Ui, sweep: &ZLutSweep) -> Option<Command> {
    let best = sweep.best_bead().map(|bead| bead.bead);
    if sweep.beads.is_empty() {
        return None;
    }
    let colors = theme::colors(ui);
    let mut asked = None;
    ui.separator();
    ui.strong("Beads of the last sweep");
    ui.label("Use the one whose heights are the most exact; it serves all beads of its kind.");
    Grid::new("swept").num_columns(6).striped(true).show(ui, |ui| {
        for (heading, hint) in [
            ("bead", "Its number; ★ is the best"),
            ("found", "Share of the images in which it was found"),
            ("σ z (nm)", "Standard error of z of one image, at the best and at the worst height"),
            ("planes (nm)", "How far planes are from what the others say, root mean square"),
            ("drift (nm)", "How much higher it looked when the focus came back at the end"),
            ("", ""),
        ] {
            ui.label(RichText::new(heading).small().color(colors.label)).on_hover_text(hint);
        }
        ui.end_row();
        for bead in sweep.beads.iter() {
            let name = format!("{}{}", if Some(bead.bead) == best { "★ " } else { "" }, bead.bead);
            ui.monospace(name);
            ui.monospace(format!("{:.0} %", 100.0 * f64::from(bead.located) / f64::from(bead.images.max(1))));
            let sigma = |at: usize| bead.sigma_z_nm.map_or(f64::NAN, |sigma| sigma[at]);
            ui.monospace(format!("{} – {}", measured(sigma(0), 2), measured(sigma(1), 2)));
            ui.monospace(measured(bead.planes_rms_nm, 2));
            ui.monospace(measured(bead.drift_nm, 1));
            ui.horizontal(|ui| {
                if let Some(command) = choice(ui, bead) {
                    asked = Some(command);
                }
            });
            ui.end_row();
        }
    });
    asked
}

fn choice(ui: &mut egui::Ui, bead: &SweptBead) -> Option<Command> {
    let colors = theme::colors(ui);
    if let Some(why) = &bead.unusable {
        ui.colored_label(colors.danger, "no Z-LUT").on_hover_text(why);
        return None;
    }
    let hint =
        "Looks the heights of all beads up in its Z-LUT from the next frame on; not while a recording runs";
    let used = ui.button("Use").on_hover_text(hint).clicked();
    if !bead.doubts.is_empty() {
        ui.colored_label(colors.warning, "⚠").on_hover_text(bead.doubts.join("\n"));
    }
    used.then_some(Command::ZLutUse { bead: Some(bead.bead), path: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_drawn_from_dark_to_bright_with_holes_in_red() {
        let planes: Vec<(f64, &[f32])> = vec![(0.0, &[10.0, 20.0, f32::NAN]), (50.0, &[30.0, 15.0, 10.0])];
        let image = image_of(&planes, 3);
        assert_eq!(image.size, [2, 3]);
        let gray = Color32::from_gray;
        assert_eq!(image.pixels[..4], [gray(0), gray(255), gray(127), gray(63)]);
        assert_eq!(image.pixels[4], Color32::from_rgb(120, 20, 20));
    }
}
