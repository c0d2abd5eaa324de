//! The table of all beads: sorted as one likes, with what can be done to them.

use std::ops::Range;
use std::time::{Duration, Instant};

use beadscope_engine::command::Command;
use eframe::egui::{self, Align, Layout, RichText, ScrollArea, Sense, TextStyle, vec2};

use crate::actions::Action;
use crate::beads::{Bead, Beads};
use crate::history::{CHANNELS, History};
use crate::precision::Figures;
use crate::scale::measured;
use crate::theme;

/// The table shows new numbers this often: faster ones cannot be read.
const REFRESH: Duration = Duration::from_millis(250);
/// Noise and drift of beads that are not seen are renewed this often.
const RENEW_SLOW: Duration = Duration::from_secs(10);
/// Columns of the table: heading, width in points, what it means.
const COLUMNS: [(&str, f32, &str); 9] = [
    ("bead", 46.0, "Number of the bead, R: a reference; [ and ] or the arrow keys go through them"),
    ("x (px)", 92.0, "Column of the bead's centre in the frame, px"),
    ("y (px)", 92.0, "Row of the bead's centre in the frame, px"),
    ("z (nm)", 92.0, "Height from the Z-LUT, nm"),
    ("match", 64.0, "How well the radial profile fits the Z-LUT: correlation, up to 1"),
    (
        "σ x, y (nm)",
        92.0,
        "Spread of x and y from frame to frame / the least that this image allows (Cramer-Rao), nm. A tether's own fast \
         motion counts as spread",
    ),
    (
        "σ z (nm)",
        92.0,
        "Spread of z from frame to frame / the least that this image allows at this height (Cramer-Rao), nm. A tether's \
         own fast motion counts as spread",
    ),
    ("noise (nm)", 76.0, "Standard deviation of z over the last 30 s, nm"),
    ("drift (nm)", 76.0, "How far the mean z of the last 5 s is from that of the last 2 min, nm"),
];

/// What is asked for in the table.
pub enum Asked {
    /// One of the window's actions.
    Action(Action),
    /// A command of the engine.
    Command(Command),
}

/// The table.
#[derive(Default)]
pub struct BeadTable {
    /// Column and whether the greatest comes first.
    sorted_by: (usize, bool),
    /// Places of the beads, in the order in which they are shown, and what their lines say.
    lines: Vec<(usize, [String; COLUMNS.len()])>,
    lines_at: Option<Instant>,
    /// Noise and drift of each bead, nm, as worked out last.
    slow_nm: Vec<[f64; 2]>,
    slow_at: Option<Instant>,
    /// The lines that were seen last.
    seen: Range<usize>,
    /// The file of ROIs.
    file: String,
}

impl BeadTable {
    /// Draws the buttons and the table. `folder`: where ROI files go, unless a path is typed.
    pub fn show(
        &mut self,
        ui: &mut egui::Ui,
        beads: &mut Beads,
        history: &History,
        folder: &str,
    ) -> Option<Asked> {
        let mut asked = self.buttons(ui, beads, folder);
        if beads.all.is_empty() {
            ui.weak("No beads: nothing is tracked. Shift-click adds one in the picture, or find them.");
            return asked;
        }
        let is_old =
            self.lines_at.is_none_or(|at| at.elapsed() > REFRESH) || self.lines.len() != beads.all.len();
        if is_old {
            self.refresh(beads, history);
        }
        let row_height = ui.text_style_height(&TextStyle::Monospace) + 4.0;
        let width = COLUMNS.iter().map(|(_, width, _)| width + 8.0).sum::<f32>() + 200.0;
        ScrollArea::horizontal().auto_shrink(false).show(ui, |ui| {
            ui.set_min_width(width.max(ui.available_width()));
            self.headings(ui, row_height);
            ui.spacing_mut().item_spacing.y = 0.0;
            let mut area = ScrollArea::vertical().auto_shrink(false);
            if std::mem::take(&mut beads.is_sought)
                && let Some(line) = self.lines.iter().position(|(place, _)| Some(*place) == beads.selected)
            {
                let middle = line as f32 * row_height - (ui.available_height() - row_height) / 2.0;
                area = area.vertical_scroll_offset(middle.max(0.0));
            }
            area.show_rows(ui, row_height, self.lines.len(), |ui, lines| {
                self.seen = lines.clone();
                for (place, texts) in &self.lines[lines] {
                    if let Some(done) = row(ui, beads, *place, texts, row_height) {
                        asked = Some(done);
                    }
                }
            });
        });
        asked
    }

    fn buttons(&mut self, ui: &mut egui::Ui, beads: &mut Beads, folder: &str) -> Option<Asked> {
        let mut asked = None;
        ui.horizontal_wrapped(|ui| {
            let mut button = |ui: &mut egui::Ui, text: &str, hint: &str, action| {
                if ui.button(text).on_hover_text(hint).clicked() {
                    asked = Some(Asked::Action(action));
                }
            };
            button(ui, "🔍 Find…", "Looks for beads like the selected one in the picture, and shows them before they are added", Action::FindBeads);
            button(ui, "Undo", "Takes the last edit of the beads back (Ctrl+Z)", Action::Undo);
            button(ui, "Redo", "Does it again (Ctrl+Y)", Action::Redo);
            button(ui, "Remove", "Removes the selected beads (Delete); Ctrl+Z brings them back", Action::RemoveBeads);
            button(ui, "Reference", "The selected beads are stuck to the surface, or no longer (G)", Action::ToggleReference);
            button(ui, "Renumber", "Numbers the beads from 0 in their order, also in a recording that runs; Ctrl+Z takes it back", Action::Renumber);
            ui.checkbox(&mut beads.is_locked, "🔒 Lock").on_hover_text("Beads are not added, moved or removed by mouse and keys (L)");
            ui.menu_button("ROI file", |ui| {
                if self.file.is_empty() {
                    self.file = format!("{}/rois.csv", folder.trim_end_matches('/'));
                }
                ui.label("File (CSV with bead, x_px, y_px)");
                ui.add(egui::TextEdit::singleline(&mut self.file).desired_width(320.0));
                ui.horizontal(|ui| {
                    let path = || self.file.trim().to_owned();
                    if ui.button("Save").on_hover_text("Writes the beads; another ROI file there is replaced").clicked() {
                        asked = Some(Asked::Command(Command::RoiSave { path: path() }));
                        ui.close();
                    }
                    if ui.button("Load").on_hover_text("Tracks the beads of the file in place of those there are; Ctrl+Z takes it back").clicked() {
                        asked = Some(Asked::Command(Command::RoiLoad { path: path() }));
                        ui.close();
                    }
                });
            })
            .response
            .on_hover_text("Saves the beads for another day, or loads them");
        });
        asked
    }

    fn headings(&mut self, ui: &mut egui::Ui, height: f32) {
        let (column_now, is_falling) = self.sorted_by;
        let mut clicked = None;
        cells(ui, height, |ui, column| {
            let (heading, _, hint) = COLUMNS[column];
            let arrow = match (column == column_now, is_falling) {
                (false, _) => "",
                (true, false) => " ⏶",
                (true, true) => " ⏷",
            };
            let text = RichText::new(format!("{heading}{arrow}")).small().color(theme::colors(ui).label);
            let label = ui.add(egui::Label::new(text).sense(Sense::click()));
            if label.on_hover_text(format!("{hint}\nClick to sort")).clicked() {
                clicked = Some(column);
            }
        });
        if let Some(column) = clicked {
            self.sorted_by = (column, column == column_now && !is_falling);
            self.lines_at = None;
        }
    }

    fn refresh(&mut self, beads: &Beads, history: &History) {
        self.lines_at = Some(Instant::now());
        self.renew_slow(beads.all.len(), history);
        let lines = beads.all.iter().zip(&self.slow_nm).enumerate().map(|(place, (bead, [noise, drift]))| {
            (values(bead, *noise, *drift)[self.sorted_by.0], place, texts(bead, *noise, *drift))
        });
        let mut lines: Vec<_> = lines.collect();
        let (_, is_falling) = self.sorted_by;
        // What is not measured comes last, either way.
        lines.sort_by(|(a, ..), (b, ..)| match (a.is_nan(), b.is_nan(), is_falling) {
            (false, false, true) => b.total_cmp(a),
            (false, false, false) => a.total_cmp(b),
            (a, b, _) => a.cmp(&b),
        });
        self.lines = lines.into_iter().map(|(_, place, texts)| (place, texts)).collect();
    }
}

impl BeadTable {
    /// Noise and drift take long for thousands of beads: they are worked out for the lines that are seen, and for all only now and then.
    fn renew_slow(&mut self, beads: usize, history: &History) {
        let are_all_old =
            self.slow_at.is_none_or(|at| at.elapsed() > RENEW_SLOW) || self.slow_nm.len() != beads;
        if are_all_old {
            self.slow_at = Some(Instant::now());
            self.slow_nm = (0..beads).map(|place| slow_nm(history, place)).collect();
            return;
        }
        for (place, _) in self.lines.get(self.seen.clone()).unwrap_or_default() {
            if let Some(slow) = self.slow_nm.get_mut(*place) {
                *slow = slow_nm(history, *place);
            }
        }
    }
}

/// Spread of z over half a minute, and how far it has gone in two.
fn slow_nm(history: &History, place: usize) -> [f64; 2] {
    let [now, half_minute, two_minutes] = [0, 1, 2].map(|span| history.trace(place, 2, span, &[]));
    [half_minute.deviation, now.mean - two_minutes.mean]
}

/// What a bead's line is sorted by.
fn values(bead: &Bead, noise: f64, drift: f64) -> [f64; COLUMNS.len()] {
    let row = bead.newest.as_ref();
    let of_row = |value: fn(&beadscope_engine::tracks::TrackRow) -> f64| row.map_or(f64::NAN, value);
    let seen = bead.figures.as_ref().map_or([f64::NAN; CHANNELS], |figures| figures.seen);
    [
        f64::from(bead.roi.bead),
        of_row(|row| row.x_px),
        of_row(|row| row.y_px),
        of_row(|row| row.z_nm),
        of_row(|row| f64::from(row.quality)),
        seen[0].hypot(seen[1]),
        seen[2],
        noise,
        drift,
    ]
}

/// Draws a bead's line.
fn row(
    ui: &mut egui::Ui,
    beads: &mut Beads,
    place: usize,
    texts: &[String; COLUMNS.len()],
    height: f32,
) -> Option<Asked> {
    let bead = beads.all.get(place)?;
    let colors = theme::colors(ui);
    let remark = bead.remark();
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click());
    response
        .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Row, true, format!("bead {}", bead.name())));
    if beads.is_selected(place) {
        ui.painter().rect_filled(rect, 3, ui.visuals().selection.bg_fill);
    } else if response.hovered() {
        ui.painter().rect_filled(rect, 3, ui.visuals().faint_bg_color);
    }
    let mut inside =
        ui.new_child(egui::UiBuilder::new().max_rect(rect).layout(Layout::left_to_right(Align::Center)));
    let color = if remark.is_some() { colors.warning } else { colors.value };
    cells(&mut inside, height, |ui, column| {
        ui.add(egui::Label::new(RichText::new(&texts[column]).monospace().color(color)).selectable(false));
    });
    if let Some(remark) = &remark {
        inside
            .add(egui::Label::new(RichText::new(remark).color(colors.warning)).selectable(false).truncate());
    }
    let figures = bead.figures;
    let told_nm = bead.told_nm(beads.nm_per_px);
    if response.clicked() {
        let together = ui.input(|input| input.modifiers.command);
        if together {
            beads.toggle(place)
        } else {
            beads.select(place)
        }
        beads.is_sought = false;
    }
    let mut asked = None;
    response.context_menu(|ui| {
        if !beads.is_selected(place) {
            beads.select(place);
        }
        for (text, action) in
            [("Reference, or no longer", Action::ToggleReference), ("Remove", Action::RemoveBeads)]
        {
            if ui.button(text).clicked() {
                asked = Some(Asked::Action(action));
                ui.close();
            }
        }
    });
    if let Some(figures) = figures {
        let why = beads.no_prediction.as_deref();
        response.on_hover_ui(|ui| precision(ui, &figures, told_nm, why));
    }
    asked
}

/// Draws one line of right-aligned cells.
fn cells(ui: &mut egui::Ui, height: f32, mut cell: impl FnMut(&mut egui::Ui, usize)) {
    ui.horizontal(|ui| {
        for (column, (_, width, _)) in COLUMNS.iter().enumerate() {
            let layout = Layout::right_to_left(Align::Center);
            ui.allocate_ui_with_layout(vec2(*width, height), layout, |ui| {
                ui.set_min_size(vec2(*width, height));
                cell(ui, column);
            });
        }
        ui.add_space(8.0);
    });
}

/// What a bead's line says.
fn texts(bead: &Bead, noise: f64, drift: f64) -> [String; COLUMNS.len()] {
    let number = bead.name();
    match &bead.newest {
        None => std::array::from_fn(|column| if column == 0 { number.clone() } else { "–".into() }),
        Some(row) => {
            let [sideways, upwards] = seen_and_attainable(bead.figures.as_ref());
            [
                number,
                measured(row.x_px, 3),
                measured(row.y_px, 3),
                measured(row.z_nm, 1),
                measured(f64::from(row.quality), 4),
                sideways,
                upwards,
                measured(noise, 1),
                measured(drift, 1),
            ]
        }
    }
}

/// `seen / attainable` for x and y together, and for z.
fn seen_and_attainable(figures: Option<&Figures>) -> [String; 2] {
    let Some(Figures { seen, attainable, .. }) = figures else { return ["–".into(), "–".into()] };
    let both = |[x, y, _]: [f64; CHANNELS]| x.hypot(y) / std::f64::consts::SQRT_2;
    let pair = |seen: f64, attainable: f64| match seen.is_nan() && attainable.is_nan() {
        true => "–".to_owned(),
        false => format!("{} / {}", sigma_text(seen), sigma_text(attainable)),
    };
    [pair(both(*seen), both(*attainable)), pair(seen[2], attainable[2])]
}

/// A standard deviation with three digits.
fn sigma_text(sigma_nm: f64) -> String {
    measured(sigma_nm, if sigma_nm < 9.995 { 2 } else { usize::from(sigma_nm < 99.95) })
}

/// The table that explains a bead's precision; `why`: the reason why nothing is known to be attainable.
fn precision(ui: &mut egui::Ui, figures: &Figures, told_nm: [f64; CHANNELS], why: Option<&str>) {
    ui.label("Standard deviation (nm)");
    let is_told = told_nm.iter().any(|sigma| sigma.is_finite());
    egui::Grid::new("precision").num_columns(4).striped(true).show(ui, |ui| {
        let headings = ["", "seen", "attainable", "by fit"];
        headings[..3 + usize::from(is_told)].iter().for_each(|heading| {
            ui.label(*heading);
        });
        ui.end_row();
        for (channel, name) in ["x", "y", "z"].into_iter().enumerate() {
            let values = [figures.seen[channel], figures.attainable[channel], told_nm[channel]];
            ui.label(name);
            values[..2 + usize::from(is_told)].iter().for_each(|value| {
                ui.monospace(sigma_text(*value));
            });
            ui.end_row();
        }
    });
    let is_known = figures.attainable.iter().any(|sigma| sigma.is_finite());
    let unlike = "in the newest picture no bead was found here that looks like the Z-LUT";
    if !is_known {
        ui.label(format!("What is attainable is not known: {}.", why.unwrap_or(unlike)));
    }
}

#[cfg(test)]
mod tests {
    use beadscope_engine::tracks::TrackRow;

    use super::*;
    use crate::beads::tests::{beads, row};

    /// A row with this height.
    fn at(bead: u32, z_nm: f64) -> TrackRow {
        TrackRow { z_nm, ..row(bead, 0) }
    }

    #[test]
    fn lines_are_sorted_and_what_is_not_measured_comes_last() {
        let mut four = beads(4);
        for (bead, z_nm) in [(0, 30.0), (1, f64::NAN), (2, 10.0), (3, 20.0)] {
            four.take(bead as usize, &at(bead, z_nm));
        }
        let mut table = BeadTable::default();
        let mut order = |sorted_by| {
            table.sorted_by = sorted_by;
            table.refresh(&four, &History::new(4));
            table.lines.iter().map(|(place, _)| *place).collect::<Vec<_>>()
        };
        assert_eq!(order((0, false)), [0, 1, 2, 3]);
        assert_eq!(order((0, true)), [3, 2, 1, 0]);
        assert_eq!(order((3, false)), [2, 3, 0, 1]);
        assert_eq!(order((3, true)), [0, 3, 2, 1]);
    }

    #[test]
    fn noise_and_drift_are_those_of_the_history() {
        let mut history = History::new(1);
        for frame in 0..6000_u32 {
            history.begin(u64::from(frame) * 10_000_000, false);
            let noise = if frame % 2 == 0 { 1.0 } else { -1.0 };
            history.add(0, [0.0, 0.0, noise + f64::from(frame) * 0.01]);
        }
        let [noise, drift] = slow_nm(&history, 0);
        // A slope of 1 nm/s over 30 s is 8.7 nm, with 1 nm of noise; 5 s at the end of a minute are 27.5 s later than the middle.
        assert!((noise - 8.72).abs() < 0.1 && (drift - 27.5).abs() < 0.2, "{noise} {drift}");
    }

    #[test]
    fn precision_is_seen_over_attainable_and_a_dash_where_it_is_not_known() {
        assert_eq!(seen_and_attainable(None), ["–", "–"]);
        let mut figures =
            Figures { seen: [3.0, 4.0, 123.4], attainable: [0.3, 0.4, f64::NAN], at: Instant::now() };
        // Root mean square of x and y.
        assert_eq!(seen_and_attainable(Some(&figures)), ["3.54 / 0.35", "123 / –"]);
        figures.seen[2] = 12.34;
        assert_eq!(seen_and_attainable(Some(&figures))[1], "12.3 / –");
        figures.seen[2] = f64::NAN;
        assert_eq!(seen_and_attainable(Some(&figures))[1], "–");

        let mut one = beads(1);
        let told = |beads: &Beads| beads.all[0].told_nm(beads.nm_per_px);
        assert!(told(&one).iter().all(|sigma| sigma.is_nan()));
        one.take(0, &TrackRow { sigma: [0.5, 0.25, 2.0], ..at(0, 1.0) });
        assert_eq!(told(&one), [50.0, 25.0, 2.0]);
    }
}
