//! The pane Z-LUT: which table heights are looked up in, and the recording of another one by moving the focus.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use beadscope_engine::command::Command;
use beadscope_engine::hardware::AxisReading;
use beadscope_engine::zlut_sweep::{Phase, SweptBead, ZLutInUse, ZLutSweep, focus_range, heights_of};
use eframe::egui::{
    self, Button, Color32, ColorImage, DragValue, Grid, ProgressBar, Rect, RichText, ScrollArea, TextEdit,
    TextureHandle, TextureOptions, pos2, vec2,
};

use crate::export::{self, Export};
use crate::figure::{Axis, Figure, Mark, Panel, Raster, Series, shades};
use crate::panel_view::PanelView;
use crate::scale::{duration_text, measured, round_range};
use crate::theme;

/// Height of the picture of a table, points.
const PICTURE: f32 = 150.0;
/// Height of the newest profiles, points.
const PROFILES: f32 = 150.0;
/// Columns of the picture at most: more than a screen has.
const MOST_COLUMNS: usize = 2048;
/// Room for its numbers, points.
const MARGIN: f32 = 44.0;
/// Whether a file is there is looked up again after this time.
const LOOKED: Duration = Duration::from_secs(2);
/// A look that has not come back by then, as on a share that is gone, is not waited for any longer.
const LOST: Duration = Duration::from_secs(10);
/// Names of files that are remembered.
const MOST_NAMES: usize = 16;

/// What the pane is drawn from.
pub struct Seen<'a> {
    /// How the sweep goes, and what the last one has given.
    pub sweep: &'a ZLutSweep,
    /// The selected bead, whose table is shown.
    pub bead: Option<u32>,
    /// Where files go unless a path is typed.
    pub folder: &'a str,
    /// Where the motors are.
    pub axes: &'a [AxisReading],
    /// The session runs.
    pub is_live: bool,
}

/// What is asked for.
pub enum Asked {
    /// A command.
    Command(Command),
    /// One whose answer is to be seen.
    Told(Command),
    /// Whether there is a file of this name.
    Look(String),
    /// A figure that is to become a file.
    Export(Export),
}

/// Which files are there, as far as it is known. Nobody waits for a disk to tell.
#[derive(Default)]
struct Files {
    known: BTreeMap<String, (bool, Instant)>,
    looking: Option<Instant>,
}

impl Files {
    /// Whether the file is there; `None` until it is known. Asks, if it is time to.
    fn is_there(&mut self, path: &str, asked: &mut Vec<Asked>) -> Option<bool> {
        let known = self.known.get(path).copied();
        let is_new = known.is_some_and(|(_, at)| at.elapsed() < LOOKED);
        let is_looking = self.looking.is_some_and(|since| since.elapsed() < LOST);
        if !is_new && !is_looking && !path.is_empty() {
            self.looking = Some(Instant::now());
            asked.push(Asked::Look(path.to_owned()));
        }
        known.map(|(is_there, _)| is_there)
    }

    fn take(&mut self, path: String, is_there: bool) {
        self.looking = None;
        if self.known.len() >= MOST_NAMES {
            self.known.clear();
        }
        self.known.insert(path, (is_there, Instant::now()));
    }
}

/// Something that is asked about before it is done.
struct Question {
    text: String,
    /// What the button says that does it.
    does: &'static str,
    asked: Asked,
}

/// What is typed and chosen.
pub struct ZLutPane {
    from_nm: f64,
    to_nm: f64,
    step_nm: f64,
    frames: u32,
    settle_ms: f64,
    /// `None` until the pane is first seen.
    file: Option<String>,
    files: Files,
    question: Option<Question>,
    /// The bead whose Z-LUT is to be saved, and where.
    saving: Option<(u32, String)>,
    /// Beads of the last sweep that were judged to be no good, and which sweep that was.
    rejected: (Option<Arc<[SweptBead]>>, BTreeSet<u32>),
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
            file: None,
            files: Files::default(),
            question: None,
            saving: None,
            rejected: (None, BTreeSet::new()),
            picture: None,
        }
    }
}

/// A file in the folder; in the working folder if there is none.
fn file_in(folder: &str, name: &str) -> String {
    Path::new(folder.trim()).join(name).display().to_string()
}

impl ZLutPane {
    /// Whether there is a file of this name, as somebody has looked.
    pub fn take_look(&mut self, path: String, is_there: bool) {
        self.files.take(path, is_there);
    }

    /// Somebody has looked, and a file is there.
    #[cfg(test)]
    pub fn knows_a_file(&self) -> bool {
        self.files.known.values().any(|(is_there, _)| *is_there)
    }

    /// Draws the pane.
    pub fn show(&mut self, ui: &mut egui::Ui, seen: &Seen<'_>) -> Vec<Asked> {
        let mut asked = Vec::new();
        self.follow(seen.sweep);
        // Outside of what is scrolled: it is seen wherever it was asked.
        self.ask(ui, &mut asked);
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.add_enabled_ui(seen.is_live, |ui| {
                ui.strong("In use");
                self.in_use(ui, seen, &mut asked);
                ui.separator();
                ui.strong("New Z-LUT");
                match seen.sweep.phase.is_running() {
                    true => asked.extend(progress(ui, seen.sweep).map(Asked::Command)),
                    false => self.wizard(ui, seen, &mut asked),
                }
                if let Some(bead) = seen.bead {
                    asked.extend(self.preview(ui, seen.sweep, bead));
                    asked.extend(profiles(ui, seen.sweep, bead));
                }
                self.results(ui, seen, &mut asked);
            });
        });
        asked
    }

    /// What was rejected or is to be saved is of one sweep.
    fn follow(&mut self, sweep: &ZLutSweep) {
        let is_other = self.rejected.0.as_ref().is_none_or(|beads| !Arc::ptr_eq(beads, &sweep.beads));
        if is_other {
            self.rejected = (Some(sweep.beads.clone()), BTreeSet::new());
            self.saving = None;
        }
    }

    /// Asks before something is lost.
    fn ask(&mut self, ui: &mut egui::Ui, asked: &mut Vec<Asked>) {
        let Some(question) = &self.question else { return };
        let (mut yes, mut no) = (false, false);
        crate::messages::strip(ui, theme::colors(ui).warning, |ui| {
            ui.add(egui::Label::new(&question.text).wrap());
            yes = ui.button(question.does).clicked();
            no = ui.button("Keep").clicked();
        });
        if yes {
            asked.extend(self.question.take().map(|question| question.asked));
        } else if no {
            self.question = None;
        }
    }

    /// The button that saves a Z-LUT there. What is in the file already is asked about.
    fn save_button(
        &mut self,
        ui: &mut egui::Ui,
        path: &str,
        bead: Option<u32>,
        asked: &mut Vec<Asked>,
    ) -> bool {
        let path = path.trim();
        let is_there = self.files.is_there(path, asked);
        let (name, hint) = match is_there {
            _ if path.is_empty() => ("Save", "Type a file first"),
            None => ("Save", "It is looked whether there is such a file already"),
            Some(true) => ("Replace…", "There is such a file: its Z-LUT would be lost"),
            Some(false) => ("Save", "Writes it into this file"),
        };
        let save = ui.add_enabled(is_there.is_some() && !path.is_empty(), Button::new(name));
        let clicked = save.on_hover_text(hint).on_disabled_hover_text(hint).clicked();
        if clicked {
            let save = Asked::Told(Command::ZLutSave { path: path.to_owned(), bead });
            if is_there == Some(true) {
                let text = format!("Replace the Z-LUT in this file? {path}");
                self.question = Some(Question { text, does: "Replace", asked: save });
            } else {
                asked.push(save);
            }
            // It is another file afterwards.
            self.files.known.remove(path);
        }
        clicked
    }

    fn in_use(&mut self, ui: &mut egui::Ui, seen: &Seen<'_>, asked: &mut Vec<Asked>) {
        let in_use = seen.sweep.in_use.as_ref();
        tell_in_use(ui, in_use);
        let mut file = self.file.take().unwrap_or_else(|| file_in(seen.folder, "bead.zlut.h5"));
        ui.horizontal(|ui| {
            let label = ui.label("File");
            ui.add(TextEdit::singleline(&mut file).desired_width(260.0))
                .labelled_by(label.id)
                .on_hover_text("Ours (.zlut.h5), MagScope's (.txt) or QTrk's (.radialzlut)");
            let path = file.trim().to_owned();
            let load = ui.add_enabled(!path.is_empty(), Button::new("Load"));
            let hint = "Looks heights up in this file from the next frame on, and at the next start";
            if load.on_hover_text(hint).clicked() {
                asked.push(Asked::Command(Command::ZLutUse { bead: None, path: Some(path.clone()) }));
            }
            ui.add_enabled_ui(in_use.is_some(), |ui| self.save_button(ui, &path, None, asked));
            let unload = ui.add_enabled(in_use.is_some(), Button::new("Unload"));
            if unload.on_hover_text("Finds no heights any more, and loads none at the next start").clicked() {
                asked.push(Asked::Command(Command::ZLutUnload {}));
            }
        });
        self.file = Some(file);
    }

    fn wizard(&mut self, ui: &mut egui::Ui, seen: &Seen<'_>, asked: &mut Vec<Asked>) {
        let colors = theme::colors(ui);
        let sweep = seen.sweep;
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
                let range = if name == "Step" { 0.1..=1e5 } else { -1e6..=1e6 };
                ui.add(
                    DragValue::new(value).range(range).speed(1.0).max_decimals(1).suffix(format!(" {unit}")),
                )
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
            ui.end_row();
        });
        if let Some((at_nm, [low_nm, high_nm])) = focus_range(seen.axes) {
            let text = format!(
                "The focus is at {at_nm:.0} nm; from there it may go {low_nm:+.0} to {high_nm:+.0} nm"
            );
            ui.label(RichText::new(text).color(colors.label));
        }
        // The sweep's own rules, before it is asked for.
        let heights = heights_of(self.from_nm, self.to_nm, self.step_nm, seen.axes);
        match &heights {
            Ok(heights) => ui.label(format!("{heights} planes")),
            Err(why) => ui.colored_label(colors.warning, format!("⚠ {why}")),
        };
        let start = ui.add_enabled(heights.is_ok(), Button::new("▶ Start the sweep"));
        if start.on_hover_text("Recording and plots go on. Escape stops the motors").clicked() {
            let sweep = Asked::Command(Command::ZLutSweep {
                from_nm: self.from_nm,
                to_nm: self.to_nm,
                step_nm: self.step_nm,
                frames: self.frames,
                settle_ms: Some(self.settle_ms),
            });
            if seen.sweep.is_unkept() {
                let text =
                    "The Z-LUTs of the last sweep were neither used nor saved; another sweep replaces them.";
                self.question =
                    Some(Question { text: text.to_owned(), does: "Sweep all the same", asked: sweep });
            } else {
                asked.push(sweep);
            }
        }
    }

    /// The table of a bead, as far as it is swept: heights from left to right, the centre of the rings at the top.
    fn preview(&mut self, ui: &mut egui::Ui, sweep: &ZLutSweep, bead: u32) -> Option<Asked> {
        let mut planes: Vec<(f64, &[f32])> = sweep.preview.table_of(bead).collect();
        let (Some(n_rings), true) = (planes.first().map(|(_, row)| row.len()), planes.len() > 1) else {
            return None;
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
        let (_, texture) = self.picture.as_ref()?;
        let mut exported = None;
        ui.horizontal(|ui| {
            ui.label(format!("Bead {bead}: rings against height"));
            exported = export::button(ui);
        });
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
        let export = |kind| Export::new(ui, kind, table_figure(bead, &planes, n_rings), "zlut", room);
        exported.map(export).map(Asked::Export)
    }

    /// What the beads of the last sweep are worth, and the choice of one.
    fn results(&mut self, ui: &mut egui::Ui, seen: &Seen<'_>, asked: &mut Vec<Asked>) {
        let sweep = seen.sweep;
        let best = sweep.best_of(|bead| !self.rejected.1.contains(&bead)).map(|bead| bead.bead);
        if sweep.beads.is_empty() {
            return;
        }
        let colors = theme::colors(ui);
        ui.separator();
        ui.strong("Beads of the last sweep");
        ui.label("Use the one whose heights are the most exact; it serves all beads of its kind.");
        Grid::new("swept").num_columns(6).striped(true).show(ui, |ui| {
            for (heading, hint) in [
                ("bead", "Its number; ★ is the best of those that are not rejected, ✔ was used or saved"),
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
                let is_rejected = self.rejected.1.contains(&bead.bead);
                let best = if Some(bead.bead) == best { "★ " } else { "" };
                let kept = if sweep.kept.contains(&bead.bead) { " ✔" } else { "" };
                let found = 100.0 * f64::from(bead.located) / f64::from(bead.images.max(1));
                let sigma = |at: usize| bead.sigma_z_nm.map_or(f64::NAN, |sigma| sigma[at]);
                for text in [
                    format!("{best}{}{kept}", bead.bead),
                    format!("{found:.0} %"),
                    format!("{} – {}", measured(sigma(0), 2), measured(sigma(1), 2)),
                    measured(bead.planes_rms_nm, 2),
                    measured(bead.drift_nm, 1),
                ] {
                    let color = if is_rejected { ui.visuals().weak_text_color() } else { colors.value };
                    ui.label(RichText::new(text).monospace().color(color));
                }
                ui.horizontal(|ui| self.choice(ui, bead, seen.folder, asked));
                ui.end_row();
            }
        });
        self.save_swept(ui, asked);
    }

    fn choice(&mut self, ui: &mut egui::Ui, bead: &SweptBead, folder: &str, asked: &mut Vec<Asked>) {
        let colors = theme::colors(ui);
        if let Some(why) = &bead.unusable {
            ui.colored_label(colors.danger, "no Z-LUT").on_hover_text(why);
            return;
        }
        let number = bead.bead;
        if self.rejected.1.contains(&number) {
            if ui.button("Take back").on_hover_text("It may be the best again").clicked() {
                self.rejected.1.remove(&number);
            }
            return;
        }
        let hint = "Looks the heights of all beads up in its Z-LUT from the next frame on; not while a recording runs";
        if ui.button("Use").on_hover_text(hint).clicked() {
            asked.push(Asked::Command(Command::ZLutUse { bead: Some(number), path: None }));
        }
        if ui.button("Save…").on_hover_text("Writes its Z-LUT into a file, whichever is in use").clicked() {
            self.saving = Some((number, file_in(folder, &format!("bead_{number}.zlut.h5"))));
        }
        if ui.button("Reject").on_hover_text("It is not the best any more, and stays in the list").clicked() {
            self.rejected.1.insert(number);
        }
        if !bead.doubts.is_empty() {
            ui.colored_label(colors.warning, "⚠").on_hover_text(bead.doubts.join("\n"));
        }
    }

    /// The field for the file of a swept bead.
    fn save_swept(&mut self, ui: &mut egui::Ui, asked: &mut Vec<Asked>) {
        let Some((bead, mut path)) = self.saving.take() else { return };
        let mut is_done = false;
        ui.horizontal(|ui| {
            let label = ui.label(format!("Z-LUT of bead {bead} into"));
            ui.add(TextEdit::singleline(&mut path).desired_width(260.0)).labelled_by(label.id);
            is_done = self.save_button(ui, &path, Some(bead), asked);
            is_done |= ui.button("✖").on_hover_text("Does not save it").clicked();
        });
        if !is_done {
            self.saving = Some((bead, path));
        }
    }
}

fn tell_in_use(ui: &mut egui::Ui, in_use: Option<&ZLutInUse>) {
    let colors = theme::colors(ui);
    let Some(used) = in_use else {
        let text = "None: beads have x and y, and no z. Load one, or record one below.";
        ui.colored_label(colors.warning, text);
        return;
    };
    let [low, high] = used.range_nm;
    let bead = used.bead.as_ref().map_or(String::new(), |bead| format!(", bead {bead}"));
    ui.label(format!("{} planes from {low:.0} to {high:.0} nm{bead}", used.planes))
        .on_hover_text(format!("Hash {}: recordings name it so", used.hash));
    ui.add(egui::Label::new(RichText::new(&used.source).color(colors.label)).truncate());
    for doubt in &used.doubts {
        ui.colored_label(colors.warning, format!("⚠ {doubt}"));
    }
}

/// The picture of a table as data; `planes` by height.
fn table_figure(bead: u32, planes: &[(f64, &[f32])], n_rings: usize) -> Figure {
    let at: Vec<f64> = planes.iter().map(|(z_nm, _)| *z_nm).collect();
    let (low, high) = (at.first().copied().unwrap_or(0.0), at.last().copied().unwrap_or(0.0));
    let half = 0.5 * (high - low) / (at.len().max(2) - 1) as f64;
    let columns = planes.iter().map(|(_, row)| row.to_vec()).collect();
    let raster = Raster { label: "mean grey level".to_owned(), row: "ring", at, columns };
    // The centre is at the top.
    let y = Axis { range: (n_rings as f64 - 0.5, -0.5), ..Axis::new("ring") };
    let x = Axis { range: (low - half, high + half), ..Axis::new("height (nm)") };
    let panels = vec![Panel { y, raster: Some(raster), ..Panel::default() }];
    Figure { title: format!("Z-LUT of bead {bead}"), x, panels, ..Figure::default() }
}

/// The profile that was taken last, over the one before. `None` before there is one.
fn profiles_figure(sweep: &ZLutSweep, bead: u32, colors: [Color32; 2]) -> Option<Figure> {
    let planes: Vec<(f64, &[f32])> = sweep.preview.table_of(bead).collect();
    let newest = &planes[planes.len().saturating_sub(2)..];
    let (label, step) = match sweep.preview.ring_step_px {
        Some(step_px) => ("radius (px)", step_px),
        None => ("ring", 1.0),
    };
    let points = |row: &[f32]| -> Vec<[f64; 2]> {
        let places = row.iter().enumerate().map(|(ring, grey)| [step * ring as f64, f64::from(*grey)]);
        places.filter(|at| at[1].is_finite()).collect()
    };
    // The newest is drawn above the other.
    let colors = &colors[2 - newest.len()..];
    let series: Vec<Series> = newest
        .iter()
        .zip(colors)
        .map(|((z_nm, row), color)| Series {
            name: format!("{z_nm:.0} nm"),
            color: *color,
            mark: Mark::Line,
            runs: vec![points(row)],
        })
        .collect();
    let greys = || series.iter().flat_map(Series::points).map(|at| at[1]);
    let (low, high) = greys().fold((f64::MAX, f64::MIN), |(low, high), grey| (low.min(grey), high.max(grey)));
    let radius = step * sweep.preview.n_rings.max(2) as f64;
    let y = Axis { range: round_range(low, high, 4.0).unwrap_or((0.0, 1.0)), ..Axis::new("mean grey level") };
    let figure = Figure {
        title: format!("bead {bead}: newest profiles of the sweep"),
        x: Axis { range: (0.0, radius), ..Axis::new(label) },
        panels: vec![Panel { y, series, ..Panel::default() }],
        ..Figure::default()
    };
    (!newest.is_empty()).then_some(figure)
}

/// Draws the newest profiles of a bead.
fn profiles(ui: &mut egui::Ui, sweep: &ZLutSweep, bead: u32) -> Option<Asked> {
    let colors = theme::colors(ui);
    let figure = profiles_figure(sweep, bead, [colors.label, colors.accent])?;
    let panel = figure.panels.first()?;
    let mut exported = None;
    ui.horizontal(|ui| {
        ui.label(format!("Bead {bead}: mean grey level of the rings at"));
        for series in panel.series.iter().rev() {
            ui.colored_label(series.color, &series.name);
        }
        exported = export::button(ui);
    });
    let top = ui.cursor().min;
    let view = PanelView {
        id: ("zlut profiles", 0),
        height: PROFILES,
        linked: None,
        shows_x: true,
        is_free: false,
        fits: [true; 2],
        is_square: false,
        measured: &[],
    };
    view.show(ui, &figure, panel);
    let place = Rect::from_min_size(top, vec2(ui.available_width(), PROFILES));
    exported.map(|kind| Asked::Export(Export::new(ui, kind, figure, "zlut_profiles", place)))
}

/// Grey levels from the darkest to the brightest, a column a plane; what was not measured is red.
fn image_of(planes: &[(f64, &[f32])], n_rings: usize) -> ColorImage {
    let level = shades(planes.iter().flat_map(|(_, row)| row.iter().copied()));
    let shade = |value: f32| match value.is_finite() {
        true => Color32::from_gray(level(value)),
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

    #[test]
    fn a_file_goes_into_the_folder_and_never_to_the_root_of_the_disk() {
        assert_eq!(file_in("/data/runs/", "bead.zlut.h5"), "/data/runs/bead.zlut.h5");
        assert_eq!(file_in("  ", "bead.zlut.h5"), "bead.zlut.h5");
        assert_eq!(file_in("", "bead.zlut.h5"), "bead.zlut.h5");
    }

    #[test]
    fn a_disk_is_asked_once_whether_a_file_is_there_and_nobody_waits_for_it() {
        let (mut files, mut asked) = (Files::default(), Vec::new());
        for _ in 0..100 {
            assert_eq!(files.is_there("/dead/a.h5", &mut asked), None);
        }
        // Another name, while the disk has not told of the first.
        assert_eq!(files.is_there("/dead/ab.h5", &mut asked), None);
        assert_eq!(asked.len(), 1, "a hundred frames");
        files.take("/dead/a.h5".to_owned(), true);
        assert_eq!(files.is_there("/dead/a.h5", &mut asked), Some(true));
        assert_eq!(asked.len(), 1, "it is known now");
        assert_eq!(files.is_there("/dead/ab.h5", &mut asked), None);
        assert!(matches!(&asked[..], [_, Asked::Look(path)] if path == "/dead/ab.h5"));
        assert_eq!(files.is_there("", &mut asked), None);
        (0..100).for_each(|name| files.take(name.to_string(), false));
        assert!(files.known.len() <= MOST_NAMES);
    }

    #[test]
    fn the_newest_profile_is_drawn_over_the_one_before() {
        use beadscope_engine::roi::Roi;
        use beadscope_engine::zlut_sweep::{Preview, SweptPlane};

        let plane = |z_nm: f64, grey: f32| {
            let profiles = vec![0.0, 0.0, grey, f32::NAN];
            Arc::new(SweptPlane { z_nm, profiles, located: vec![1, 1] })
        };
        let rois = [3, 7].map(|bead| Roi { bead, left_px: 0, top_px: 0, size_px: 12 });
        let planes = vec![plane(0.0, 5.0), plane(-50.0, 10.0), plane(-100.0, 20.0)];
        let preview = Preview { rois: rois.into(), n_rings: 2, ring_step_px: Some(0.5), planes };
        let mut sweep = ZLutSweep { preview, ..ZLutSweep::default() };
        let colors = [Color32::GRAY, Color32::RED];
        let figure = profiles_figure(&sweep, 7, colors).unwrap();
        let drawn: Vec<_> = figure.panels[0]
            .series
            .iter()
            .map(|it| (it.name.as_str(), it.color, it.runs[0].clone()))
            .collect();
        assert_eq!(drawn[0], ("-50 nm", Color32::GRAY, vec![[0.0, 10.0]]), "without what was not measured");
        assert_eq!(drawn[1], ("-100 nm", Color32::RED, vec![[0.0, 20.0]]), "the newest is above");
        assert_eq!(figure.x.label, "radius (px)");
        assert!(profiles_figure(&sweep, 5, colors).is_none(), "it is not swept");
        sweep.preview.planes.truncate(1);
        sweep.preview.ring_step_px = None;
        let first = profiles_figure(&sweep, 7, colors).unwrap();
        assert_eq!((first.panels[0].series[0].color, first.x.label.as_str()), (Color32::RED, "ring"));
    }
}
