//! x, y and z of the selected beads against time, with motors and force below: what is shown, and the figure of it.

use std::collections::BTreeSet;

use beadscope_engine::clock::Clock;
use beadscope_engine::hardware::AxisReading;
use beadscope_engine::magnets::{ForceState, MAGNET_HEIGHT};
use eframe::egui::containers::menu::{MenuButton, MenuConfig};
use eframe::egui::text::LayoutJob;
use eframe::egui::{
    self, Align, Color32, DragValue, Label, Layout, PopupCloseBehavior, RichText, ScrollArea, TextFormat,
    TextStyle, vec2,
};

use crate::actions::Shown;
use crate::beads::Beads;
use crate::export::Export;
use crate::figure::{Axis, Figure, Mark, Panel, Series};
use crate::history::{CHANNELS, History, SPANS_S, Trace};
use crate::motor_history::MotorHistory;
use crate::panel_view::PanelView;
use crate::scale::{measured, round_range};
use crate::theme;
use crate::time_axis::{TimeAxis, Zero};

/// An axis of x and y is never narrower than this, nm: below it one would look at rounding.
const LEAST_RANGE_NM: f64 = 4.0;
/// Beads drawn over each other, at most.
const MOST_BEADS: usize = 8;
/// The height of a motor's panel over that of one of the others.
const MOTORS_SHARE: f32 = 0.6;
/// No panel is lower than this, points; where there is no room for all, they are scrolled.
const LEAST_HEIGHT: f32 = 56.0;
/// What the line of the force is called among those of the motors.
const FORCE: &str = "force";

/// The plots.
#[derive(Default)]
pub struct Plots {
    /// The history at the moment of the pause: all beads of it can be looked at.
    paused: Option<Box<History>>,
    /// Index in [`SPANS_S`].
    span: usize,
    fixed: bool,
    /// The ranges of the axes while they do not follow the data.
    ranges: [Option<(f64, f64)>; CHANNELS],
    /// Something was chosen that sets the axes once, along and up, also while the plots are paused.
    refits: [bool; 2],
    /// Less the motion of the reference beads.
    less_references: bool,
    /// From what time counts, and from when to when.
    time: TimeAxis,
    /// Lengths are told in µm, not in nm.
    is_in_um: bool,
    /// Motors, and the force, that are shown below.
    below: BTreeSet<String>,
    motors: MotorHistory,
    /// Markers of this session: when, s, and what.
    pub marks: Vec<(f64, String)>,
    /// Two places to measure between, and in which panel: s since start, and what the panel shows, lengths in nm.
    measured: Option<(usize, Vec<[f64; 2]>)>,
    /// Mean and standard deviation of the selected bead over the time shown.
    summaries: [(f64, f64); CHANNELS],
    /// From when to when the axis went when it was drawn last.
    #[cfg(test)]
    drawn_s: (f64, f64),
    /// The figure is to become a file.
    exports: Option<crate::export::Kind>,
}

/// A plot: what it shows, and whether that is the distance from the mean.
const PLOTS: [(&str, bool); CHANNELS] = [("x from its mean", true), ("y from its mean", true), ("z", false)];

impl Plots {
    /// The beads are others now: of each, where it was before, if it was.
    pub fn follow(&mut self, places: &[Option<usize>]) {
        if let Some(paused) = &mut self.paused {
            paused.keep(places);
        }
    }

    #[cfg(test)]
    pub fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Shows time and axes otherwise.
    pub fn switch(&mut self, shown: Shown) {
        self.refits = [true; 2];
        match shown {
            Shown::Span(span) => self.span = span.min(SPANS_S.len() - 1),
            Shown::RelativeTime => {
                let zero = if self.time.zero == Zero::Newest { Zero::Start } else { Zero::Newest };
                (self.time.zero, self.time.limits) = (zero, None);
            }
            Shown::LessReferences => self.less_references ^= true,
            Shown::Autoscale => self.fixed ^= true,
            Shown::Contrast(_) | Shown::Rois | Shown::Trails | Shown::Figure(_) => {}
        }
    }

    /// Stops or goes on; the history goes on filling either way.
    pub fn toggle_pause(&mut self, history: &History) {
        self.paused = if self.paused.is_some() { None } else { Some(Box::new(history.clone())) };
        self.refits = [true; 2];
        self.measured = None;
    }

    /// Up to when what is shown goes while it is paused, s since start.
    pub fn paused_s(&self) -> Option<f64> {
        self.paused.as_ref().map(|history| history.end_s(0))
    }

    /// When the motors were seen last, s since start.
    #[cfg(test)]
    pub fn motors_s(&self) -> f64 {
        self.motors.newest_s().unwrap_or(0.0)
    }

    /// From when to when the last panel drew last, as it counts.
    #[cfg(test)]
    pub fn shown_s(&self) -> (f64, f64) {
        self.drawn_s
    }

    /// Types limits of time.
    #[cfg(test)]
    pub fn limit_time(&mut self, from_s: f64, to_s: f64) {
        (self.time.limits, self.refits[0]) = (Some((from_s, to_s)), true);
    }

    /// The figure is written when it is drawn next.
    pub fn export_next(&mut self) {
        self.exports = Some(crate::export::Kind::Svg);
    }

    /// Takes down where the motors are and how hard the magnets pull, each at the time when it was asked for.
    pub fn take_axes(&mut self, clock: &Clock, axes: &[AxisReading], force: Option<&ForceState>) {
        self.time.start_unix_ns = clock.unix_ns(0);
        for axis in axes {
            let time_s = clock.ns(axis.at) as f64 * 1e-9;
            self.motors.take(&axis.info.name, time_s, axis.state.map_or(f64::NAN, |state| state.position));
            if let Some(force) = force.filter(|_| axis.info.name == MAGNET_HEIGHT) {
                // Where nobody has calibrated it, it is not known.
                let known = force.force.filter(|force| force.is_calibrated);
                self.motors.take(FORCE, time_s, known.map_or(f64::NAN, |force| force.pn));
            }
        }
    }

    /// Whether the motion of the references is taken off, and which they are.
    pub fn references(&self, beads: &Beads) -> Vec<usize> {
        if self.less_references { beads.references() } else { Vec::new() }
    }

    /// Draws controls and plots.
    pub fn show(
        &mut self,
        ui: &mut egui::Ui,
        beads: &mut Beads,
        history: &History,
        axes: &[AxisReading],
        has_force: bool,
    ) -> Option<Export> {
        let below = Below { axes, has_force };
        let asked = self.controls(ui, beads, history, &below).or(self.exports.take());
        let paused = self.paused.take();
        let is_paused = paused.is_some();
        let of = paused.as_deref().unwrap_or(history);
        let end_s = self.end_s(of, is_paused);
        let figure = self.figure(ui, beads, of, end_s, &below);
        let refits = std::mem::take(&mut self.refits);
        let gap = ui.spacing().item_spacing.y;
        let parts = CHANNELS as f32 + figure.panels.len().saturating_sub(CHANNELS) as f32 * MOTORS_SHARE;
        let room = ui.available_height() - figure.panels.len() as f32 * gap;
        let zero_s = self.time.zero_s(end_s);
        let whole = ui.available_rect_before_wrap();
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            for (number, panel) in figure.panels.iter().enumerate() {
                let share = if number < CHANNELS { 1.0 } else { MOTORS_SHARE };
                let height = (room * share / parts).max(LEAST_HEIGHT);
                let factor = self.factor(number);
                let measured = self.measured_in(number, zero_s);
                ui.allocate_ui(vec2(ui.available_width(), height), |ui| {
                    let heading = self.heading(ui, panel, number);
                    let view = PanelView {
                        id: ("plot", number),
                        height: height - heading,
                        linked: Some("time"),
                        shows_x: number + 1 == figure.panels.len(),
                        is_free: is_paused,
                        fits: refits.map(|refits| refits || !is_paused),
                        is_square: false,
                        measured: &measured,
                    };
                    let touched = view.show(ui, &figure, panel);
                    #[cfg(test)]
                    {
                        self.drawn_s = touched.bounds_x;
                    }
                    if let Some([at, value]) = touched.clicked {
                        self.measure(number, [at + zero_s, value / factor]);
                    }
                });
            }
        });
        self.paused = paused;
        asked.map(|kind| Export::new(ui, kind, figure, "plots", whole))
    }

    /// A click sets an end of what is measured, a third takes it away.
    fn measure(&mut self, panel: usize, at: [f64; 2]) {
        match &mut self.measured {
            Some((in_panel, places)) if *in_panel == panel && places.len() < 2 => places.push(at),
            Some((in_panel, places)) if *in_panel == panel && places.len() == 2 => self.measured = None,
            _ => self.measured = Some((panel, vec![at])),
        }
    }

    /// The places that were clicked in a panel, as it tells them now.
    fn measured_in(&self, panel: usize, zero_s: f64) -> Vec<[f64; 2]> {
        let factor = self.factor(panel);
        let places = self.measured.iter().filter(|(of, _)| *of == panel).flat_map(|(_, places)| places);
        places.map(|[at_s, value]| [at_s - zero_s, value * factor]).collect()
    }

    /// Up to when is shown, unless somebody has said: the newest frame or, where motors are shown, what they do while frames are paused.
    fn end_s(&self, history: &History, is_paused: bool) -> f64 {
        let frames_s = history.end_s(self.span);
        let motors_s = self.motors.newest_s().filter(|_| !is_paused && !self.below.is_empty());
        motors_s.map_or(frames_s, |motors_s| motors_s.max(frames_s))
    }

    /// The span whose history goes back far enough for what is shown.
    fn level(&self, from_s: f64, end_s: f64) -> usize {
        let reaches = |span: &usize| SPANS_S[*span] as f64 >= end_s - from_s - 1e-3;
        (self.span..SPANS_S.len()).find(reaches).unwrap_or(SPANS_S.len() - 1)
    }

    /// What a panel shows over nm; 1 where that is no length of a bead.
    fn factor(&self, panel: usize) -> f64 {
        if self.is_in_um && panel < CHANNELS { 1e-3 } else { 1.0 }
    }

    fn unit(&self) -> &'static str {
        if self.is_in_um { "µm" } else { "nm" }
    }

    /// What is on show, as data.
    fn figure(
        &mut self,
        ui: &egui::Ui,
        beads: &Beads,
        history: &History,
        end_s: f64,
        below: &Below<'_>,
    ) -> Figure {
        let colors = theme::colors(ui);
        let shown = beads.shown(MOST_BEADS);
        let references = self.references(beads);
        let zero_s = self.time.zero_s(end_s);
        let span_s = SPANS_S[self.span] as f64;
        let times_s = self.time.range_s(end_s, span_s);
        let level = self.level(times_s.0, end_s);
        let (factor, unit) = (self.factor(0), self.unit());
        let x = self.time.axis(end_s, span_s);
        let mut panels = Vec::new();
        for (channel, (label, is_relative)) in PLOTS.into_iter().enumerate() {
            let trace = |place: &usize| history.trace(*place, channel, level, &references, times_s);
            let traces: Vec<Trace> = shown.iter().map(trace).collect();
            self.summaries[channel] =
                traces.first().map_or((f64::NAN, f64::NAN), |first| (first.mean, first.deviation));
            let zeros: Vec<f64> =
                traces.iter().map(|trace| if is_relative { trace.mean } else { 0.0 }).collect();
            if !self.fixed || self.ranges[channel].is_none() {
                let ends = traces
                    .iter()
                    .zip(&zeros)
                    .map(|(trace, zero)| (trace.range.0 - zero, trace.range.1 - zero));
                let both = ends.filter(|ends| ends.0.is_finite()).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
                self.ranges[channel] = both.and_then(|(low, high)| round_range(low, high, LEAST_RANGE_NM));
            }
            let lines =
                shown.iter().zip(traces).zip(zeros).enumerate().map(|(number, ((place, trace), zero))| {
                    let color = if number == 0 { colors.channels[channel] } else { theme::other(number) };
                    let runs = trace.runs.into_iter().map(|run| {
                        let place = |[time_s, value]: [f64; 2]| [time_s - zero_s, (value - zero) * factor];
                        run.into_iter().map(place).collect()
                    });
                    let name =
                        beads.all.get(*place).map_or(String::new(), |bead| format!("bead {}", bead.name()));
                    Series { name, color, mark: Mark::Line, runs: runs.collect() }
                });
            // The selected bead is drawn last, above the others.
            let mut series: Vec<Series> = lines.collect();
            series.reverse();
            let range = self.ranges[channel].unwrap_or((-LEAST_RANGE_NM, LEAST_RANGE_NM));
            let range = (range.0 * factor, range.1 * factor);
            let less = if references.is_empty() { "" } else { ", less references" };
            let y = Axis { range, ..Axis::new(&format!("{label}{less} ({unit})")) };
            panels.push(Panel { y, series, ..Panel::default() });
        }
        let columns = ui.available_width().clamp(100.0, 4000.0) as usize;
        for (name, label) in below.lines().filter(|(name, _)| self.below.contains(*name)) {
            let runs = self.motors.runs(name, times_s, columns);
            panels.push(motor_panel(name, &label, runs, zero_s, colors.accent));
        }
        let named: Vec<String> =
            shown.iter().filter_map(|place| Some(beads.all.get(*place)?.name())).collect();
        let marks = self.marks.iter().map(|(at_s, text)| (at_s - zero_s, text.clone())).collect();
        Figure { title: format!("bead {}", named.join(", ")), x, panels, marks }
    }

    fn controls(
        &mut self,
        ui: &mut egui::Ui,
        beads: &mut Beads,
        history: &History,
        below: &Below<'_>,
    ) -> Option<crate::export::Kind> {
        let colors = theme::colors(ui);
        let mut export = None;
        ui.horizontal_wrapped(|ui| {
            let several = beads.all.len() > 1;
            if ui.add_enabled(several, egui::Button::new("◀")).on_hover_text("Bead before ([ or ←)").clicked()
            {
                beads.step(-1);
            }
            let name =
                beads.selected_bead().map_or("No bead".to_owned(), |bead| format!("Bead {}", bead.name()));
            ui.label(RichText::new(name).strong().size(15.0))
                .on_hover_text("Ctrl and a click in the picture or the table shows other beads with it");
            if ui.add_enabled(several, egui::Button::new("▶")).on_hover_text("Next bead (] or →)").clicked()
            {
                beads.step(1);
            }
            if let Some(remark) = beads.selected_bead().and_then(|bead| bead.remark()) {
                ui.label(RichText::new("⚠").color(colors.warning)).on_hover_text(remark);
            }
            ui.separator();
            for (span, seconds) in SPANS_S.iter().enumerate() {
                let text = match seconds {
                    0..120 => format!("{seconds} s"),
                    120..3600 => format!("{} min", seconds / 60),
                    _ => format!("{} h", seconds / 3600),
                };
                let choice = ui.selectable_value(&mut self.span, span, text);
                if choice.on_hover_text("Time shown").clicked() {
                    // A span is what is wanted now.
                    (self.time.limits, self.refits[0]) = (None, true);
                }
            }
            ui.separator();
            let pause = if self.paused.is_some() { "▶" } else { "⏸" };
            let hint =
                "Holds plots and analysis still (Space); then drag in the plots, zoom with Ctrl and the wheel. Recording goes on.";
            if ui.add(egui::Button::new(pause).selected(self.paused.is_some())).on_hover_text(hint).clicked()
            {
                self.toggle_pause(history);
            }
            export = crate::export::button(ui);
            ui.separator();
            let there = !beads.references().is_empty();
            ui.add_enabled(there, egui::Checkbox::new(&mut self.less_references, "− references"))
                .on_hover_text("Takes the mean motion of the reference beads off: drift")
                .on_disabled_hover_text("No bead is a reference: select a stuck one and press G");
            let is_paused = self.paused.is_some();
            let end_s = self.end_s(self.paused.as_deref().unwrap_or(history), is_paused);
            self.refits[0] |= self.time.show(ui, end_s, SPANS_S[self.span] as f64);
            let mut auto = !self.fixed;
            let scale = ui.checkbox(&mut auto, "autoscale");
            self.refits[1] |= scale.on_hover_text("The vertical axes follow the data").changed();
            self.fixed = !auto;
            for (is_in_um, unit) in [(false, "nm"), (true, "µm")] {
                let choice = ui.selectable_value(&mut self.is_in_um, is_in_um, unit);
                self.refits[1] |= choice.on_hover_text("Unit of x, y and z, also in exports").changed();
            }
            self.choose_below(ui, below);
        });
        export
    }

    fn choose_below(&mut self, ui: &mut egui::Ui, below: &Below<'_>) {
        if below.lines().next().is_none() {
            return;
        }
        let stays = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
        let (menu, _) = MenuButton::new("Below ⏷").config(stays).ui(ui, |ui| {
            for (name, label) in below.lines() {
                let mut is_shown = self.below.contains(name);
                if ui.checkbox(&mut is_shown, label).changed() {
                    if is_shown {
                        self.below.insert(name.to_owned());
                    } else {
                        self.below.remove(name);
                    }
                    // Panels have other numbers now.
                    self.measured = None;
                    self.refits = [true; 2];
                }
            }
        });
        menu.on_hover_text("Motors and force that are shown below, each in a panel on the same time axis");
    }

    /// A panel's name and figures; its height.
    fn heading(&mut self, ui: &mut egui::Ui, panel: &Panel, number: usize) -> f32 {
        let colors = theme::colors(ui);
        let color = colors.channels.get(number).copied().unwrap_or(colors.accent);
        // Figures first, on the right: names have what room is left.
        let size = vec2(ui.available_width(), ui.spacing().interact_size.y);
        let line = ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), |ui| {
            if number >= CHANNELS {
                let newest = panel.series.iter().flat_map(Series::points).last();
                let text = measured(newest.map_or(f64::NAN, |at| at[1]), 3);
                ui.label(RichText::new(text).monospace()).on_hover_text("Newest value shown");
            } else if self.fixed {
                self.limits(ui, number);
            } else {
                self.summary(ui, number);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.label(RichText::new(&panel.y.label).color(color).strong());
                if let Some((in_panel, places)) = &self.measured
                    && let [from, to] = places[..]
                    && *in_panel == number
                {
                    let (over_s, by) = (to[0] - from[0], (to[1] - from[1]) * self.factor(number));
                    let text =
                        format!("Δ {over_s:.3} s, {}", measured(by, if self.is_in_um { 4 } else { 2 }));
                    ui.label(RichText::new(text).monospace().color(colors.accent))
                        .on_hover_text("Between the two clicks; a third takes them away");
                }
                if number == 0 && panel.series.len() > 1 {
                    names(ui, panel);
                }
            });
        });
        line.response.rect.height() + ui.spacing().item_spacing.y
    }
    /// The fields for the ends of a vertical axis.
    fn limits(&mut self, ui: &mut egui::Ui, channel: usize) {
        let (factor, unit) = (self.factor(channel), self.unit());
        let Some(range) = &mut self.ranges[channel] else { return };
        let before = *range;
        let speed = (range.1 - range.0) / 200.0 * factor;
        let field = |ui: &mut egui::Ui, end: &mut f64, hint: &str| {
            let mut shown = *end * factor;
            let field =
                DragValue::new(&mut shown).speed(speed).max_decimals(if factor < 1.0 { 4 } else { 1 });
            if ui.add(field).on_hover_text(format!("{hint} ({unit})")).changed() {
                *end = shown / factor;
            }
        };
        field(ui, &mut range.1, "Upper end of the axis");
        field(ui, &mut range.0, "Lower end of the axis");
        range.1 = range.1.max(range.0 + 1e-3);
        // Also while the plots are paused.
        self.refits[1] |= *range != before;
    }

    /// Mean and deviation of the selected bead.
    fn summary(&self, ui: &mut egui::Ui, channel: usize) {
        let (mean, deviation) = self.summaries[channel];
        let (factor, unit) = (self.factor(channel), self.unit());
        let text = |value: f64| measured(value * factor, if self.is_in_um { 4 } else { 1 });
        ui.label(RichText::new(format!("SD {} {unit}", text(deviation))).monospace())
            .on_hover_text("Standard deviation of the selected bead over the time shown");
        let mean = RichText::new(format!("mean {} {unit}", text(mean))).monospace();
        ui.label(mean.color(theme::colors(ui).label))
            .on_hover_text("Mean of the selected bead over the time shown, in the frame");
    }
}

/// The names of the series, each in its colour; all of them on hover, where there is no room.
fn names(ui: &mut egui::Ui, panel: &Panel) {
    let mut job = LayoutJob::default();
    let font = TextStyle::Body.resolve(ui.style());
    for series in panel.series.iter().rev() {
        job.append(&series.name, 6.0, TextFormat::simple(font.clone(), series.color));
    }
    ui.add(Label::new(job).truncate());
}

/// What can be shown below the plots.
struct Below<'a> {
    axes: &'a [AxisReading],
    has_force: bool,
}

impl Below<'_> {
    /// The name of each line, and its label with the unit.
    fn lines(&self) -> impl Iterator<Item = (&str, String)> {
        let axes = self.axes.iter().map(|axis| {
            let (name, unit) = (axis.info.name.as_str(), axis.info.unit.symbol());
            (name, format!("{} ({unit})", name.replace('_', " ")))
        });
        axes.chain(self.has_force.then(|| (FORCE, "force (pN)".to_owned())))
    }
}

fn motor_panel(name: &str, label: &str, runs: Vec<Vec<[f64; 2]>>, zero_s: f64, color: Color32) -> Panel {
    let shifted =
        |run: Vec<[f64; 2]>| run.into_iter().map(|[time_s, value]| [time_s - zero_s, value]).collect();
    let runs: Vec<Vec<[f64; 2]>> = runs.into_iter().map(shifted).collect();
    let values = runs.iter().flatten().map(|at| at[1]);
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), at| (low.min(at), high.max(at)));
    // Below this it would be a motor's own noise that fills the panel.
    let least = 1e-3 * (1.0 + low.abs().max(high.abs()));
    let range = if low > high { None } else { round_range(low, high, least) };
    let y = Axis { range: range.unwrap_or((0.0, 1.0)), ..Axis::new(label) };
    let series = vec![Series { name: name.to_owned(), color, mark: Mark::Line, runs }];
    Panel { y, series, ..Panel::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_places_stay_at_their_time_and_length_however_these_are_told() {
        let mut plots = Plots::default();
        plots.measure(2, [100.0, 750.0]);
        plots.measure(2, [101.0, 800.0]);
        let end_s = 120.0;
        assert_eq!(plots.measured_in(2, plots.time.zero_s(end_s)), [[100.0, 750.0], [101.0, 800.0]]);
        plots.time.count_from(Zero::Newest, end_s);
        plots.is_in_um = true;
        let told = plots.measured_in(2, plots.time.zero_s(end_s));
        assert!((told[0][0] + 20.0).abs() < 1e-9 && (told[1][1] - 0.8).abs() < 1e-9, "{told:?}");
        // Time goes on, and they go to the left with what was measured.
        assert_eq!(plots.measured_in(2, plots.time.zero_s(125.0))[0][0], -25.0);
        assert!(plots.measured_in(0, 0.0).is_empty(), "in another panel");
        plots.measure(2, [5.0, 5.0]);
        assert!(plots.measured_in(2, 0.0).is_empty(), "a third click takes them away");
    }

    #[test]
    fn what_is_further_back_than_the_span_is_drawn_from_a_history_that_goes_so_far() {
        let plots = Plots::default();
        assert_eq!((plots.level(995.0, 1000.0), plots.level(900.0, 1000.0)), (0, 2));
        assert_eq!(plots.level(-1e6, 1000.0), SPANS_S.len() - 1, "as far as it goes");
        let wide = Plots { span: 3, ..Plots::default() };
        assert_eq!(wide.level(999.0, 1000.0), 3, "what was chosen is enough");
    }

    #[test]
    fn a_motor_that_rests_has_a_range_and_one_that_never_answered_has_a_panel() {
        let rests = motor_panel("focus", "focus (nm)", vec![vec![[0.0, 8.0], [1.0, 8.0]]], 0.5, Color32::RED);
        assert!(rests.y.range.0 < 8.0 && rests.y.range.1 > 8.0, "{:?}", rests.y.range);
        assert_eq!(rests.series[0].runs, [vec![[-0.5, 8.0], [0.5, 8.0]]]);
        assert_eq!(motor_panel("focus", "focus (nm)", Vec::new(), 0.0, Color32::RED).y.range, (0.0, 1.0));
    }
}
