//! The table of all beads: sorted as one likes, with what can be done to them.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use beadscope_engine::command::Command;
use eframe::egui::containers::menu::{MenuButton, MenuConfig};
use eframe::egui::{
    self, Align, Layout, PopupCloseBehavior, RichText, ScrollArea, Sense, TextStyle, TextWrapMode, vec2,
};

use crate::actions::Action;
use crate::analysis::KT;
use crate::beads::{Bead, Beads};
use crate::history::{CHANNELS, History};
use crate::precision::Figures;
use crate::scale::measured;
use crate::theme;

/// The table shows new numbers this often: faster ones cannot be read.
const REFRESH: Duration = Duration::from_millis(250);
/// Time for the slow columns of beads that are not seen, each time; one bead is always done.
const BUDGET: Duration = Duration::from_millis(2);
/// Heights are averaged over this long for the extension, s.
const EXTENSION_S: f64 = 1.0;
/// Spans of the history, see [`SPANS_S`](crate::history::SPANS_S): 5 s, 30 s, 2 min.
const NOW: usize = 0;
const HALF_MINUTE: usize = 1;
const TWO_MINUTES: usize = 2;
/// Columns of the table: heading, width in points, what it means. The last is as wide as there is room.
const COLUMNS: [(&str, f32, &str); 13] = [
    ("bead", 56.0, "Number of the bead; [ and ] or the arrow keys go through them"),
    ("role", 72.0, "Reference beads are stuck to the surface (G); their motion is that of the stage"),
    ("x (px)", 80.0, "Column of the bead's centre in the frame, px"),
    ("y (px)", 80.0, "Row of the bead's centre in the frame, px"),
    ("z (nm)", 80.0, "Height from the Z-LUT, nm"),
    (
        "extension (nm)",
        112.0,
        "Height over the reference beads in the newest second, nm: z less their mean z. The centre of a stuck bead is as high above the \
         surface as that of a tethered bead that touches it, so this is how far the tether's end is above its anchor. – without \
         reference beads (G) or heights",
    ),
    (
        "force (pN)",
        88.0,
        "kT · extension / variance of x or y over 30 s, the smaller of the two, less the motion of the references (25 °C). Along the \
         field the bead is a pendulum as long as the tether, across it longer by the bead's radius, so that the smaller variance belongs \
         to the extension (Strick et al. 1996; Lansdorp and Saleh 2012). Blur during the exposure makes it too high, drift too low; the \
         fit in the pane Analysis is better. – without an extension",
    ),
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
    ("noise (nm)", 84.0, "Standard deviation of z over the last 30 s, nm"),
    ("drift (nm)", 84.0, "How far the mean z of the last 5 s is from that of the last 2 min, nm"),
    ("remarks", 200.0, "Why a value is missing or doubtful"),
];
/// Where some of them are.
const ROLE: usize = 1;
const REMARKS: usize = COLUMNS.len() - 1;
/// What a line says, column by column.
type Texts = [String; COLUMNS.len()];

/// What is asked for in the table.
pub enum Asked {
    /// One of the window's actions.
    Action(Action),
    /// A command of the engine.
    Command(Command),
    /// The selected bead is to be seen in the picture.
    Reveal,
}

/// The table.
#[derive(Default)]
pub struct BeadTable {
    /// Column and whether the greatest comes first.
    sorted_by: (usize, bool),
    /// Places of the beads, in the order in which they are shown.
    order: Vec<usize>,
    /// When that was, and after which edit of the beads.
    ordered: Option<(Instant, u64)>,
    /// The lines that are seen, and what they say.
    seen: Range<usize>,
    texts: Vec<Texts>,
    /// By the bead's number, what takes long to work out, as it was last.
    slow: HashMap<u32, Slow>,
    /// Whose turn is next.
    next_slow: usize,
    file: RoiFile,
}

/// What takes long to work out for thousands of beads; NaN where it is not known.
#[derive(Clone, Copy, Debug)]
struct Slow {
    noise_nm: f64,
    drift_nm: f64,
    extension_nm: f64,
    force_pn: f64,
}

const NOT_KNOWN: Slow =
    Slow { noise_nm: f64::NAN, drift_nm: f64::NAN, extension_nm: f64::NAN, force_pn: f64::NAN };

/// The file of ROIs in the menu.
#[derive(Default)]
struct RoiFile {
    path: String,
    /// The one that was written from here last: it is replaced without a question.
    ours: Option<String>,
    /// There is a file, and whether to replace it is the question.
    is_asking: bool,
}

/// How a line was clicked.
enum Click {
    /// To select this one.
    Alone,
    /// To select it beside the others, or no longer.
    Beside,
    /// To select all from the selected one to here.
    UpTo,
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
        let is_new = self.ordered.is_some_and(|(at, edits)| at.elapsed() < REFRESH && edits == beads.edits);
        if !is_new {
            self.refresh(beads, history);
        }
        let row_height = ui.text_style_height(&TextStyle::Monospace) + 4.0;
        let width = COLUMNS.iter().map(|(_, width, _)| width + 8.0).sum::<f32>();
        ScrollArea::horizontal().auto_shrink(false).show(ui, |ui| {
            ui.set_min_width(width.max(ui.available_width()));
            self.headings(ui, row_height);
            ui.spacing_mut().item_spacing.y = 0.0;
            let mut area = ScrollArea::vertical().auto_shrink(false);
            if std::mem::take(&mut beads.is_sought)
                && let Some(line) = self.order.iter().position(|place| Some(*place) == beads.selected)
            {
                let middle = line as f32 * row_height - (ui.available_height() - row_height) / 2.0;
                area = area.vertical_scroll_offset(middle.max(0.0));
            }
            let mut clicked = None;
            area.show_rows(ui, row_height, self.order.len(), |ui, lines| {
                self.see(lines.clone(), beads);
                for (line, texts) in lines.zip(&self.texts) {
                    let (click, done) = row(ui, beads, self.order[line], texts, row_height);
                    clicked = click.map(|click| (line, click)).or(clicked.take());
                    asked = done.or(asked.take());
                }
            });
            if let Some((line, click)) = clicked {
                asked = self.click(beads, line, &click).or(asked.take());
            }
        });
        asked
    }

    fn click(&self, beads: &mut Beads, line: usize, click: &Click) -> Option<Asked> {
        let place = *self.order.get(line)?;
        let from = self.order.iter().position(|place| Some(*place) == beads.selected);
        match (click, from) {
            (Click::Beside, _) => beads.toggle(place),
            (Click::UpTo, Some(from)) => {
                let between = if from <= line { from..=line } else { line..=from };
                // The one from which it goes stays the one that is looked at.
                let others = between.filter(|line| *line != from);
                beads.select_all([from].into_iter().chain(others).map(|line| self.order[line]));
            }
            (Click::Alone, _) | (Click::UpTo, None) => beads.select(place),
        }
        // It is where the mouse is.
        beads.is_sought = false;
        matches!(click, Click::Alone).then_some(Asked::Reveal)
    }

    fn buttons(&mut self, ui: &mut egui::Ui, beads: &mut Beads, folder: &str) -> Option<Asked> {
        let mut asked = None;
        ui.horizontal_wrapped(|ui| {
            let mut button = |ui: &mut egui::Ui, text: &str, hint: &str, action| {
                if ui.button(text).on_hover_text(hint).clicked() {
                    asked = Some(Asked::Action(action));
                }
            };
            button(
                ui,
                "🔍 Find…",
                "Looks for beads like the selected one in the picture, and shows them before they are added",
                Action::FindBeads,
            );
            button(ui, "Undo", "Takes the last edit of the beads back (Ctrl+Z)", Action::Undo);
            button(ui, "Redo", "Does it again (Ctrl+Y)", Action::Redo);
            button(
                ui,
                "Remove",
                "Removes the selected beads (Delete); Ctrl+Z brings them back",
                Action::RemoveBeads,
            );
            button(
                ui,
                "Reference",
                "The selected beads are stuck to the surface, or no longer (G)",
                Action::ToggleReference,
            );
            button(
                ui,
                "Renumber…",
                "Numbers the beads from 0 in their order; shows first what would be called what",
                Action::Renumber,
            );
            ui.checkbox(&mut beads.is_locked, "🔒 Lock")
                .on_hover_text("Beads are not added, moved or removed by mouse and keys (L)");
            // A click into the field does not close it.
            let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
            let (menu, _) = MenuButton::new("ROI file").config(config).ui(ui, |ui| {
                if let Some(command) = self.file.show(ui, folder) {
                    asked = Some(Asked::Command(command));
                    ui.close();
                }
            });
            menu.on_hover_text("Saves the beads for another day, or loads them");
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
            let heading = egui::Button::new(text).frame(false).wrap_mode(TextWrapMode::Extend);
            if ui.add(heading).on_hover_text(format!("{hint}\nClick to sort")).clicked() {
                clicked = Some(column);
            }
        });
        if let Some(column) = clicked {
            self.sorted_by = (column, column == column_now && !is_falling);
            self.ordered = None;
        }
    }

    /// Puts the beads in order by their newest values; what lines say is made when they are seen.
    fn refresh(&mut self, beads: &Beads, history: &History) {
        self.renew_slow(beads, history);
        self.ordered = Some((Instant::now(), beads.edits));
        self.texts.clear();
        let (column, is_falling) = self.sorted_by;
        let key = |(place, bead): (usize, &Bead)| (value(bead, &self.slow_of(bead), column), place);
        let mut keys: Vec<(f64, usize)> = beads.all.iter().enumerate().map(key).collect();
        // What is not measured comes last, either way.
        keys.sort_by(|(a, _), (b, _)| match (a.is_nan(), b.is_nan(), is_falling) {
            (false, false, true) => b.total_cmp(a),
            (false, false, false) => a.total_cmp(b),
            (a, b, _) => a.cmp(&b),
        });
        self.order = keys.into_iter().map(|(_, place)| place).collect();
    }

    /// These lines are seen.
    fn see(&mut self, lines: Range<usize>, beads: &Beads) {
        if self.seen != lines || self.texts.is_empty() {
            let beads = self.order[lines.clone()].iter().filter_map(|place| beads.all.get(*place));
            self.texts = beads.map(|bead| texts(bead, &self.slow_of(bead))).collect();
            self.seen = lines;
        }
    }

    fn slow_of(&self, bead: &Bead) -> Slow {
        self.slow.get(&bead.roi.bead).copied().unwrap_or(NOT_KNOWN)
    }

    /// Works the slow columns out for the lines that are seen, and in turn for the others as far as the budget goes.
    fn renew_slow(&mut self, beads: &Beads, history: &History) {
        if self.ordered.is_none_or(|(_, edits)| edits != beads.edits) {
            let there: HashSet<u32> = beads.all.iter().map(|bead| bead.roi.bead).collect();
            self.slow.retain(|bead, _| there.contains(bead));
        }
        let references = References::new(beads, history);
        let seen = self.order.get(self.seen.clone()).unwrap_or_default();
        for (place, bead) in seen.iter().filter_map(|place| Some((*place, beads.all.get(*place)?))) {
            self.slow.insert(bead.roi.bead, references.slow(bead, place, history));
        }
        let began = Instant::now();
        for _ in 0..beads.all.len() {
            let place = self.next_slow % beads.all.len();
            let bead = &beads.all[place];
            self.slow.insert(bead.roi.bead, references.slow(bead, place, history));
            self.next_slow = place + 1;
            if began.elapsed() > BUDGET {
                break;
            }
        }
    }
}

impl RoiFile {
    /// Draws what is in the menu.
    fn show(&mut self, ui: &mut egui::Ui, folder: &str) -> Option<Command> {
        if self.path.is_empty() && !folder.trim().is_empty() {
            self.path = Path::new(folder.trim()).join("rois.csv").display().to_string();
        }
        let label = ui.label("File (CSV with bead, x_px, y_px)");
        let field = egui::TextEdit::singleline(&mut self.path).desired_width(320.0);
        if ui.add(field).labelled_by(label.id).changed() {
            self.is_asking = false;
        }
        let path = self.path.trim().to_owned();
        let mut asked = None;
        ui.add_enabled_ui(!path.is_empty(), |ui| {
            ui.horizontal(|ui| {
                if ui
                    .button("Save")
                    .on_hover_text("Writes the beads; asks before it replaces another file")
                    .clicked()
                {
                    self.is_asking = self.ours.as_ref() != Some(&path) && Path::new(&path).exists();
                    if !self.is_asking {
                        asked = Some(self.save(&path));
                    }
                }
                let load = ui.button("Load").on_hover_text(
                    "Tracks the beads of the file in place of those there are; Ctrl+Z takes it back",
                );
                if load.clicked() {
                    self.is_asking = false;
                    asked = Some(Command::RoiLoad { path: path.clone() });
                }
            });
        });
        if self.is_asking {
            ui.colored_label(theme::colors(ui).warning, "This file is there already. Replace it?");
            ui.horizontal(|ui| {
                if ui.button("Replace it").on_hover_text("Only a ROI file is replaced").clicked() {
                    asked = Some(self.save(&path));
                }
                if ui.button("Keep it").on_hover_text("Nothing is written").clicked() {
                    self.is_asking = false;
                }
            });
        }
        asked
    }

    fn save(&mut self, path: &str) -> Command {
        (self.ours, self.is_asking) = (Some(path.to_owned()), false);
        Command::RoiSave { path: path.to_owned() }
    }
}

/// The reference beads: where they are in the list, and their mean height in the newest second, nm.
struct References {
    places: Vec<usize>,
    z_nm: f64,
}

impl References {
    fn new(beads: &Beads, history: &History) -> Self {
        let places = beads.references();
        let heights = places.iter().map(|place| history.newest_mean(*place, 2, EXTENSION_S));
        let (sum, count) = heights
            .filter(|z_nm| z_nm.is_finite())
            .fold((0.0, 0.0), |(sum, count), z_nm| (sum + z_nm, count + 1.0));
        Self { places, z_nm: sum / count }
    }

    fn slow(&self, bead: &Bead, place: usize, history: &History) -> Slow {
        let [now, half_minute, two_minutes] =
            [NOW, HALF_MINUTE, TWO_MINUTES].map(|span| history.moments(place, 2, span, &[]));
        let (noise_nm, drift_nm) = (half_minute.1, now.0 - two_minutes.0);
        if bead.is_reference || self.z_nm.is_nan() {
            // A stuck bead has no tether.
            return Slow { noise_nm, drift_nm, ..NOT_KNOWN };
        }
        let extension_nm = history.newest_mean(place, 2, EXTENSION_S) - self.z_nm;
        let sigma_nm = [0, 1].map(|channel| history.moments(place, channel, HALF_MINUTE, &self.places).1);
        Slow { noise_nm, drift_nm, extension_nm, force_pn: force_pn(extension_nm, sigma_nm) }
    }
}

/// Force on a tether of this length whose end moves so much in x and y: that of a pendulum, kT l / <dx²> (Strick et al., Science 271,
/// 1835, 1996). Along the magnets' field the length is that of the tether; across it the bead turns about the tether's end, and its
/// radius adds to it and to the variance (Lansdorp and Saleh, Rev. Sci. Instrum. 83, 025115, 2012). NaN without a length above 0.
fn force_pn(extension_nm: f64, sigma_nm: [f64; 2]) -> f64 {
    let [x, y] = sigma_nm;
    // NaN if either is: the smaller of them would not be known.
    let variance = if x.is_nan() || y.is_nan() { f64::NAN } else { x.min(y).powi(2) };
    if extension_nm > 0.0 && variance > 0.0 { KT * extension_nm / variance } else { f64::NAN }
}

/// What a bead's line is sorted by.
fn value(bead: &Bead, slow: &Slow, column: usize) -> f64 {
    let row = bead.newest.as_ref();
    let of_row = |value: fn(&beadscope_engine::tracks::TrackRow) -> f64| row.map_or(f64::NAN, value);
    let seen = bead.figures.as_ref().map_or([f64::NAN; CHANNELS], |figures| figures.seen);
    let values: [f64; COLUMNS.len()] = [
        f64::from(bead.roi.bead),
        f64::from(u8::from(!bead.is_reference)),
        of_row(|row| row.x_px),
        of_row(|row| row.y_px),
        of_row(|row| row.z_nm),
        slow.extension_nm,
        slow.force_pn,
        of_row(|row| f64::from(row.quality)),
        seen[0].hypot(seen[1]),
        seen[2],
        slow.noise_nm,
        slow.drift_nm,
        // Those with the same remarks together, those without any last.
        if bead.is_flagged() { f64::from(bead.flags()) } else { f64::NAN },
    ];
    values[column]
}

/// Draws a bead's line; how it was clicked, and what was chosen from its menu.
fn row(
    ui: &mut egui::Ui,
    beads: &mut Beads,
    place: usize,
    texts: &Texts,
    height: f32,
) -> (Option<Click>, Option<Asked>) {
    let Some(bead) = beads.all.get(place) else { return (None, None) };
    let colors = theme::colors(ui);
    let is_selected = beads.is_selected(place);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click());
    response.widget_info(|| {
        let label = format!("bead {}", bead.name());
        egui::WidgetInfo::selected(egui::Role::Row, true, is_selected, label)
    });
    if is_selected {
        ui.painter().rect_filled(rect, 3, ui.visuals().selection.bg_fill);
    } else if response.hovered() {
        ui.painter().rect_filled(rect, 3, ui.visuals().faint_bg_color);
    }
    let mut inside =
        ui.new_child(egui::UiBuilder::new().max_rect(rect).layout(Layout::left_to_right(Align::Center)));
    let color = if texts[REMARKS].is_empty() { colors.value } else { colors.warning };
    cells(&mut inside, height, |ui, column| {
        let text = RichText::new(&texts[column]).color(color);
        let text = if matches!(column, ROLE | REMARKS) { text } else { text.monospace() };
        ui.add(egui::Label::new(text).selectable(false).truncate());
    });
    let figures = bead.figures;
    let told_nm = bead.told_nm(beads.nm_per_px);
    let modifiers = ui.input(|input| input.modifiers);
    let click = response.clicked().then_some(match modifiers {
        modifiers if modifiers.shift => Click::UpTo,
        modifiers if modifiers.command => Click::Beside,
        _ => Click::Alone,
    });
    let asked = menu(&response, beads, place);
    if let Some(figures) = figures {
        let why = beads.no_prediction.as_deref();
        response.on_hover_ui(|ui| precision(ui, &figures, told_nm, why));
    }
    (click, asked)
}

/// What can be done with a bead, and with those that are selected together with it.
fn menu(response: &egui::Response, beads: &mut Beads, place: usize) -> Option<Asked> {
    let mut asked = None;
    response.context_menu(|ui| {
        if !beads.is_selected(place) {
            beads.select(place);
            beads.is_sought = false;
        }
        let count = beads.selected_numbers().len();
        let some = if count > 1 { format!(" {count} beads") } else { String::new() };
        for (text, hint, action) in [
            (
                "Show in picture".to_owned(),
                "Brings the bead into the middle of the picture",
                Action::ShowBead,
            ),
            (
                "Find like this…".to_owned(),
                "Looks for beads like this one in the picture, and shows them before they are added",
                Action::FindBeads,
            ),
            (format!("Reference{some}"), "Stuck to the surface, or no longer (G)", Action::ToggleReference),
            (format!("Remove{some}"), "No longer tracked (Delete); Ctrl+Z brings back", Action::RemoveBeads),
        ] {
            if ui.button(text).on_hover_text(hint).clicked() {
                if matches!(action, Action::ShowBead | Action::FindBeads) {
                    beads.select(place);
                }
                asked = Some(Asked::Action(action));
                ui.close();
            }
        }
    });
    asked
}

/// Draws one line of cells, numbers to the right.
fn cells(ui: &mut egui::Ui, height: f32, mut cell: impl FnMut(&mut egui::Ui, usize)) {
    ui.horizontal(|ui| {
        for (column, (_, width, _)) in COLUMNS.iter().enumerate() {
            let (width, layout) = match column {
                REMARKS => (width.max(ui.available_width()), Layout::left_to_right(Align::Center)),
                _ => (*width, Layout::right_to_left(Align::Center)),
            };
            ui.allocate_ui_with_layout(vec2(width, height), layout, |ui| {
                ui.set_min_size(vec2(width, height));
                cell(ui, column);
            });
        }
    });
}

/// What a bead's line says.
fn texts(bead: &Bead, slow: &Slow) -> Texts {
    let of_row = |value: fn(&beadscope_engine::tracks::TrackRow) -> f64, decimals| {
        measured(bead.newest.as_ref().map_or(f64::NAN, value), decimals)
    };
    let [sideways, upwards] = seen_and_attainable(bead.figures.as_ref());
    [
        bead.roi.bead.to_string(),
        if bead.is_reference { "reference" } else { "tether" }.to_owned(),
        of_row(|row| row.x_px, 3),
        of_row(|row| row.y_px, 3),
        of_row(|row| row.z_nm, 1),
        measured(slow.extension_nm, 0),
        measured(slow.force_pn, if slow.force_pn < 0.995 { 3 } else { 2 }),
        of_row(|row| f64::from(row.quality), 4),
        sideways,
        upwards,
        measured(slow.noise_nm, 1),
        measured(slow.drift_nm, 1),
        bead.remark().unwrap_or_default(),
    ]
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
            table.order.clone()
        };
        assert_eq!(order((0, false)), [0, 1, 2, 3]);
        assert_eq!(order((0, true)), [3, 2, 1, 0]);
        assert_eq!(order((4, false)), [2, 3, 0, 1]);
        assert_eq!(order((4, true)), [0, 3, 2, 1]);
        four.all[2].is_reference = true;
        // Saturated; over the edge; only without a Z-LUT, which is no remark.
        for (bead, flags) in [(0, 32), (3, 1), (1, 2)] {
            four.take(bead as usize, &row(bead, flags));
        }
        let mut order = |sorted_by| {
            table.sorted_by = sorted_by;
            table.refresh(&four, &History::new(4));
            table.order.clone()
        };
        assert_eq!(order((ROLE, false)), [2, 0, 1, 3], "references first");
        assert_eq!(order((REMARKS, false)), [3, 0, 1, 2], "what has a remark first");
    }

    #[test]
    fn noise_and_drift_are_those_of_the_history() {
        let mut history = History::new(1);
        for frame in 0..6000_u32 {
            history.begin(u64::from(frame) * 10_000_000, false);
            let noise = if frame % 2 == 0 { 1.0 } else { -1.0 };
            history.add(0, [0.0, 0.0, noise + f64::from(frame) * 0.01]);
        }
        let one = beads(1);
        let Slow { noise_nm: noise, drift_nm: drift, .. } =
            References::new(&one, &history).slow(&one.all[0], 0, &history);
        // A slope of 1 nm/s over 30 s is 8.7 nm, with 1 nm of noise; 5 s at the end of a minute are 27.5 s later than the middle.
        assert!((noise - 8.72).abs() < 0.1 && (drift - 27.5).abs() < 0.2, "{noise} {drift}");
    }

    #[test]
    fn extension_is_over_the_references_and_force_from_the_smaller_variance() {
        let mut history = History::new(4);
        for frame in 0..3_000_u32 {
            history.begin(u64::from(frame) * 10_000_000, false);
            let stage = f64::from(frame) * 0.1;
            // Standard deviations of 20 and 30 nm.
            let (x, y) =
                (if frame % 2 == 0 { 20.0 } else { -20.0 }, if frame % 4 < 2 { 30.0 } else { -30.0 });
            history.add(0, [stage + x, stage + y, 1_100.0]);
            history.add(1, [stage, stage, 90.0]);
            history.add(2, [stage, stage, if frame < 2_000 { 5_000.0 } else { 110.0 }]);
        }
        let mut four = beads(4);
        let slow = |beads: &Beads, place: usize| {
            References::new(beads, &history).slow(&beads.all[place], place, &history)
        };
        assert!(slow(&four, 0).extension_nm.is_nan() && slow(&four, 0).force_pn.is_nan(), "no references");
        (four.all[1].is_reference, four.all[2].is_reference) = (true, true);
        let Slow { extension_nm, force_pn, .. } = slow(&four, 0);
        assert!((extension_nm - 1_000.0).abs() < 1e-2, "over the mean of the newest second: {extension_nm}");
        // kT l / (20 nm)² at 25 °C; the drift of the stage, 87 nm, is taken off.
        assert!((force_pn - 4.1164 * 1_000.0 / 400.0).abs() < 0.02, "{force_pn}");
        assert!(slow(&four, 1).extension_nm.is_nan(), "a reference has no tether");
        assert!(slow(&four, 3).force_pn.is_nan(), "one that was never located");
        assert!(super::force_pn(-5.0, [20.0, 20.0]).is_nan(), "below the surface there is no force");
        assert!(super::force_pn(1_000.0, [f64::NAN, 20.0]).is_nan(), "nobody knows which is smaller");
    }

    #[test]
    fn of_thousands_of_beads_only_those_that_are_seen_are_put_into_words_and_all_have_their_turn() {
        let history = History::new(2_000);
        let harness = egui_kittest::Harness::builder().with_size([900.0, 400.0]);
        let mut harness = harness.build_ui_state(
            |ui, (table, beads): &mut (BeadTable, Beads)| {
                table.show(ui, beads, &history, "");
            },
            (BeadTable::default(), beads(2_000)),
        );
        harness.step();
        let (table, _) = harness.state();
        assert!((5..100).contains(&table.texts.len()), "{}", table.texts.len());
        assert_eq!(table.order.len(), 2_000);
        let (table, beads) = harness.state_mut();
        let turns = (0..2_000).take_while(|_| {
            table.renew_slow(beads, &history);
            table.slow.len() < 2_000
        });
        assert!(turns.count() < 2_000, "not one of them waits for ever");
        beads.replace(&Vec::from_iter(beads.all[..10].iter().map(|bead| bead.roi)).into());
        table.renew_slow(beads, &history);
        assert_eq!(table.slow.len(), 10, "those that are gone are forgotten");
    }

    #[test]
    fn lines_are_selected_alone_beside_others_and_up_to_one() {
        let mut five = beads(5);
        let table = BeadTable { order: vec![4, 3, 2, 1, 0], ..BeadTable::default() };
        assert!(matches!(table.click(&mut five, 3, &Click::Alone), Some(Asked::Reveal)));
        assert_eq!(five.selected_numbers(), [1]);
        assert!(table.click(&mut five, 1, &Click::UpTo).is_none(), "the picture stays where it is");
        assert_eq!((five.selected, five.selected_numbers()), (Some(1), vec![1, 2, 3]), "as they are shown");
        table.click(&mut five, 4, &Click::UpTo);
        assert_eq!(five.selected_numbers(), [1, 0], "from the same one");
        table.click(&mut five, 4, &Click::Beside);
        table.click(&mut five, 3, &Click::Beside);
        assert_eq!(five.selected, None, "none is selected any more");
        table.click(&mut five, 2, &Click::UpTo);
        assert_eq!(five.selected_numbers(), [2]);
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
