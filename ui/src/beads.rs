//! The beads: their newest values, which one is selected, and the table of all.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use beadscope_engine::bead_set::Beads as BeadsNow;
use beadscope_engine::roi::Roi;
use beadscope_engine::tracks::TrackRow;
use eframe::egui::{self, Align, Layout, RichText, ScrollArea, Sense, TextStyle, vec2};

use crate::history::CHANNELS;
use crate::precision::Figures;
use crate::scale::measured;
use crate::spread::Spread;
use crate::theme;

/// The table shows new numbers this often: faster ones cannot be read.
const REFRESH: Duration = Duration::from_millis(250);
/// Columns of the table: heading, width in points, what it means.
const COLUMNS: [(&str, f32, &str); 7] = [
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
];

/// One bead.
pub struct Bead {
    /// Its ROI.
    pub roi: Roi,
    /// It is stuck to the surface.
    pub is_reference: bool,
    /// Its row in the newest frame.
    pub newest: Option<TrackRow>,
    /// How much it scatters.
    pub spread: Spread,
    /// How precise it is, as computed last.
    pub figures: Option<Figures>,
}

impl Bead {
    fn new(roi: &Roi) -> Self {
        Self { roi: *roi, is_reference: false, newest: None, spread: Spread::default(), figures: None }
    }

    /// Its number, with an R if it is a reference.
    pub fn name(&self) -> String {
        format!("{}{}", if self.is_reference { "R " } else { "" }, self.roi.bead)
    }

    /// Why a value is missing or doubtful, in words; `None` if there is nothing to remark. That there is no Z-LUT at
    /// all is said once for all beads, not here.
    pub fn remark(&self) -> Option<String> {
        let flags = self.newest.filter(|row| row.flags != 0)?.flags().to_string();
        let words: Vec<&str> = flags.split('|').filter(|name| *name != "no_zlut").map(in_words).collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    /// The standard errors that the method `fit` told of x, y and z in the newest frame, nm; NaN from other methods.
    fn told_nm(&self, nm_per_px: f64) -> [f64; CHANNELS] {
        let [x_px, y_px, z_nm] = self.newest.map_or([f32::NAN; CHANNELS], |row| row.sigma).map(f64::from);
        [nm_per_px * x_px, nm_per_px * y_px, z_nm]
    }
}

/// A flag's name in words; a name that is new here stands for itself.
fn in_words(name: &str) -> &str {
    match name {
        "edge" => "over the edge of the frame or of its ROI",
        "z_out_of_range" => "beyond the Z-LUT",
        "low_contrast" => "no contrast: no bead to be seen",
        "not_converged" => "position not converged",
        "saturated" => "saturated pixels: z may be biased",
        "poor_match" => "does not look like its Z-LUT",
        "not_round" => "not round: a neighbour, dirt, or motion",
        "not_located" => "not located: the session was asked twice to stop",
        other => other,
    }
}

/// An ROI with its corner there overlaps this one.
fn is_near(roi: &Roi, [left_px, top_px]: [i32; 2]) -> bool {
    roi.left_px.abs_diff(left_px) < roi.size_px && roi.top_px.abs_diff(top_px) < roi.size_px
}

/// Where each number is.
fn places_of(rois: &[Roi]) -> HashMap<u32, usize> {
    rois.iter().enumerate().map(|(place, roi)| (roi.bead, place)).collect()
}

/// All beads.
pub struct Beads {
    /// In the order of their rows.
    pub all: Vec<Bead>,
    /// Place of the selected one in `all`.
    pub selected: Option<usize>,
    /// Why it is not known of any bead what is attainable; `None` if it may be known.
    pub no_prediction: Option<String>,
    nm_per_px: f64,
    place_of: HashMap<u32, usize>,
    shown: Vec<[String; COLUMNS.len()]>,
    shown_at: Option<Instant>,
    scroll_to_selected: bool,
}

impl Beads {
    /// The beads of these ROIs, the first selected. `nm_per_px`: size of a pixel in the sample.
    pub fn new(rois: &[Roi], nm_per_px: f64) -> Self {
        Self {
            all: rois.iter().map(Bead::new).collect(),
            selected: (!rois.is_empty()).then_some(0),
            no_prediction: None,
            nm_per_px,
            place_of: places_of(rois),
            shown: Vec::new(),
            shown_at: None,
            scroll_to_selected: false,
        }
    }

    /// Shows these beads from now on. Of each: the place where it was before, if it was there. A number that now looks at
    /// another part of the frame is another bead.
    pub fn replace(&mut self, now: &BeadsNow) -> Vec<Option<usize>> {
        let was_at = |roi: &Roi| {
            let place = *self.place_of.get(&roi.bead)?;
            is_near(&self.all[place].roi, [roi.left_px, roi.top_px]).then_some(place)
        };
        let places: Vec<Option<usize>> = now.rois.iter().map(was_at).collect();
        let selected = self.selected;
        let mut old: Vec<Option<Bead>> = std::mem::take(&mut self.all).into_iter().map(Some).collect();
        let beads = now.rois.iter().zip(&places).map(|(roi, place)| {
            let kept = place.and_then(|place| old[place].take());
            let is_reference = now.references.contains(&roi.bead);
            Bead { roi: *roi, is_reference, ..kept.unwrap_or_else(|| Bead::new(roi)) }
        });
        self.all = beads.collect();
        self.place_of = places_of(&now.rois);
        let kept = places.iter().position(|place| place.is_some() && *place == selected);
        // If it is gone, the one that now is where it was.
        self.selected = kept.or(selected.map(|place| place.min(places.len().saturating_sub(1))));
        self.selected = self.selected.filter(|place| *place < places.len());
        // A bead that was added is looked at next.
        if let [.., None] = places[..] {
            self.select(places.len() - 1);
        }
        self.shown_at = None;
        places
    }

    /// Takes a row over and says which bead it is; `expected` is where it most likely belongs.
    pub fn take(&mut self, expected: usize, row: &TrackRow) -> Option<usize> {
        let is_expected = self.all.get(expected).is_some_and(|bead| bead.roi.bead == row.bead);
        let place = if is_expected { Some(expected) } else { self.place_of.get(&row.bead).copied() }?;
        let bead = self.all.get_mut(place)?;
        // Rows of before a renumbering may be under way: there the number meant another bead.
        is_near(&bead.roi, row.corner_px).then(|| {
            bead.newest = Some(*row);
            place
        })
    }

    /// The selected bead.
    pub fn selected_bead(&self) -> Option<&Bead> {
        self.all.get(self.selected?)
    }

    /// Selects a bead and shows it in the table.
    pub fn select(&mut self, place: usize) {
        if place < self.all.len() {
            self.selected = Some(place);
            self.scroll_to_selected = true;
        }
    }

    /// Selects the next (`step` 1) or the one before (−1), around the ends.
    pub fn step(&mut self, step: i64) {
        let count = self.all.len() as i64;
        if count > 0 {
            let next = (self.selected.map_or(-step.min(0), |place| place as i64 + step)).rem_euclid(count);
            self.select(usize::try_from(next).unwrap_or(0));
        }
    }

    /// The bead whose ROI holds this place in the frame; of several the one with the nearest centre.
    pub fn at(&self, x_px: f32, y_px: f32) -> Option<usize> {
        let distance = |roi: &Roi| {
            let half = roi.size_px as f32 / 2.0;
            let away = |at: f32, corner: i32| at - (corner as f32 - 0.5 + half);
            let (x, y) = (away(x_px, roi.left_px), away(y_px, roi.top_px));
            (x.abs() <= half && y.abs() <= half).then_some(x * x + y * y)
        };
        let inside =
            self.all.iter().enumerate().filter_map(|(place, bead)| Some((place, distance(&bead.roi)?)));
        inside.min_by(|one, other| one.1.total_cmp(&other.1)).map(|(place, _)| place)
    }

    /// How many beads have a remark.
    pub fn flagged(&self) -> usize {
        self.all.iter().filter(|bead| bead.remark().is_some()).count()
    }

    /// Draws the table.
    pub fn show(&mut self, ui: &mut egui::Ui) {
        if self.all.is_empty() {
            ui.weak("No beads: nothing is tracked. Shift-click adds one in the picture.");
            return;
        }
        self.refresh();
        let row_height = ui.text_style_height(&TextStyle::Monospace) + 4.0;
        cells(ui, row_height, |ui, column| {
            let (heading, _, hint) = COLUMNS[column];
            ui.label(RichText::new(heading).small().color(theme::colors(ui).label)).on_hover_text(hint);
        });
        ui.spacing_mut().item_spacing.y = 0.0;
        let mut area = ScrollArea::vertical().auto_shrink(false);
        if let Some(place) = self.selected.filter(|_| std::mem::take(&mut self.scroll_to_selected)) {
            let middle = place as f32 * row_height - (ui.available_height() - row_height) / 2.0;
            area = area.vertical_scroll_offset(middle.max(0.0));
        }
        area.show_rows(ui, row_height, self.all.len(), |ui, places| {
            for place in places {
                self.row(ui, place, row_height);
            }
        });
    }

    fn row(&mut self, ui: &mut egui::Ui, place: usize, height: f32) {
        let (Some(bead), Some(texts)) = (self.all.get(place), self.shown.get(place)) else { return };
        let colors = theme::colors(ui);
        let remark = bead.remark();
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click());
        let is_selected = self.selected == Some(place);
        if is_selected {
            ui.painter().rect_filled(rect, 3, ui.visuals().selection.bg_fill);
        } else if response.hovered() {
            ui.painter().rect_filled(rect, 3, ui.visuals().faint_bg_color);
        }
        let mut inside =
            ui.new_child(egui::UiBuilder::new().max_rect(rect).layout(Layout::left_to_right(Align::Center)));
        let color = if remark.is_some() { colors.warning } else { colors.value };
        cells(&mut inside, height, |ui, column| {
            ui.add(
                egui::Label::new(RichText::new(&texts[column]).monospace().color(color)).selectable(false),
            );
        });
        if let Some(remark) = &remark {
            inside.add(
                egui::Label::new(RichText::new(remark).color(colors.warning)).selectable(false).truncate(),
            );
        }
        if response.clicked() {
            self.selected = Some(place);
        }
        let Some(figures) = bead.figures else { return };
        let (told_nm, why) = (bead.told_nm(self.nm_per_px), self.no_prediction.as_deref());
        response.on_hover_ui(|ui| precision(ui, &figures, told_nm, why));
    }

    fn refresh(&mut self) {
        if self.shown_at.is_some_and(|at| at.elapsed() < REFRESH) {
            return;
        }
        self.shown_at = Some(Instant::now());
        self.shown = self.all.iter().map(texts).collect();
    }
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
fn texts(bead: &Bead) -> [String; COLUMNS.len()] {
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
    use super::*;

    fn beads(count: u32) -> Beads {
        let rois: Vec<_> =
            (0..count).map(|bead| Roi { bead, left_px: 10 * bead as i32, top_px: 0, size_px: 12 }).collect();
        Beads::new(&rois, 100.0)
    }

    fn row(bead: u32, flags: u32) -> TrackRow {
        TrackRow {
            x_px: 1.0,
            y_px: 2.0,
            z_nm: f64::NAN,
            quality: f32::NAN,
            flags,
            bead,
            corner_px: [10 * bead as i32, 0],
            sigma: [f32::NAN; 3],
        }
    }

    #[test]
    fn stepping_goes_around_both_ends() {
        let mut three = beads(3);
        three.step(-1);
        assert_eq!(three.selected, Some(2));
        three.step(1);
        assert_eq!(three.selected, Some(0));
        let mut none = beads(0);
        none.step(1);
        none.select(0);
        assert_eq!(none.selected, None);
    }

    #[test]
    fn a_click_finds_the_nearest_of_overlapping_rois() {
        let three = beads(3);
        // ROI 0 covers −0.5 to 11.5, ROI 1 covers 9.5 to 21.5: centres at 5.5 and 15.5.
        assert_eq!(three.at(10.0, 5.0), Some(0));
        assert_eq!(three.at(11.0, 5.0), Some(1));
        assert_eq!(three.at(-0.4, 5.0), Some(0));
        assert_eq!(three.at(5.0, 11.6), None);
    }

    #[test]
    fn rows_find_their_bead_even_out_of_order() {
        let mut three = beads(3);
        assert_eq!(three.take(1, &row(1, 0)), Some(1));
        assert_eq!(three.take(0, &row(2, 0)), Some(2));
        assert_eq!(three.take(0, &row(99, 0)), None);
        assert!(three.all[0].newest.is_none() && three.all[2].newest.is_some());
    }

    #[test]
    fn an_edit_keeps_what_is_still_there() {
        let mut three = beads(3);
        three.select(1);
        (0..3).for_each(|place| assert_eq!(three.take(place, &row(place as u32, 0)), Some(place)));
        let roi = |bead, left_px| Roi { bead, left_px, top_px: 0, size_px: 12 };
        // 0 is gone, 1 has moved a little, 2 now is another bead, and 3 is new.
        let rois = [roi(1, 14), roi(2, 90), roi(3, 50)].into();
        let places = three.replace(&BeadsNow { rois, references: [1].into() });
        assert_eq!(places, [Some(1), None, None]);
        assert_eq!(three.selected, Some(2), "the one that was added");
        assert!(three.all[0].newest.is_some() && three.all[1].newest.is_none());
        assert_eq!((texts(&three.all[0])[0].as_str(), texts(&three.all[1])[0].as_str()), ("R 1", "2"));
        assert_eq!(three.take(1, &row(2, 0)), None, "a row of the bead that had the number before");
        assert_eq!(three.take(0, &row(1, 0)), Some(0));
        three.select(0);
        three.replace(&BeadsNow { rois: [roi(9, 0), roi(1, 14)].into(), references: [].into() });
        assert_eq!(three.selected, Some(1), "the selected bead stays selected");
    }

    #[test]
    fn remarks_are_words_and_a_missing_zlut_is_none() {
        let mut two = beads(2);
        two.take(0, &row(0, 2));
        two.take(1, &row(1, 2 | 4 | 32));
        assert_eq!(two.all[0].remark(), None);
        assert_eq!(two.all[1].remark().unwrap(), "beyond the Z-LUT; saturated pixels: z may be biased");
        assert_eq!(two.flagged(), 1);
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
        one.take(0, &TrackRow { sigma: [0.5, 0.25, 2.0], ..row(0, 0) });
        assert_eq!(told(&one), [50.0, 25.0, 2.0]);
    }
}
