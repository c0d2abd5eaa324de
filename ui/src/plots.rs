//! x, y and z of the selected beads against time, with the motors below: what is shown, and the figure of it.

use std::collections::VecDeque;

use beadscope_engine::hardware::AxisReading;
use eframe::egui::{self, Align, Color32, DragValue, Layout, RichText};

use crate::actions::Shown;
use crate::beads::Beads;
use crate::export::Export;
use crate::figure::{Axis, Figure, Mark, Panel, Series};
use crate::history::{CHANNELS, History, SPANS_S, Trace};
use crate::panel_view::PanelView;
use crate::scale::{measured, round_range};
use crate::theme;

/// An axis of x and y is never narrower than this, nm: below it one would look at rounding.
const LEAST_RANGE_NM: f64 = 4.0;
/// Beads drawn over each other, at most.
const MOST_BEADS: usize = 8;
/// Positions of the motors that are kept: an hour at twenty a second.
const MOST_POSITIONS: usize = 72_000;
/// The height of the motors' panel over that of one of the others.
const MOTORS_SHARE: f32 = 0.6;

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
    /// A new span or pause: the time axis is set once.
    refit: bool,
    /// Less the motion of the reference beads.
    less_references: bool,
    /// Time counts back from the newest frame.
    is_relative: bool,
    /// Which motor is shown below; `None`: none.
    motor: Option<String>,
    motors: VecDeque<(f64, Vec<(String, f64)>)>,
    /// Markers of this session: when, s, and what.
    pub marks: Vec<(f64, String)>,
    /// Two places to measure between, and in which panel.
    measured: Option<(usize, Vec<[f64; 2]>)>,
    /// Mean and standard deviation of the selected bead over the time shown.
    summaries: [(f64, f64); CHANNELS],
    /// The figure is to become a file.
    exports: Option<crate::export::Kind>,
}

/// A plot: its name, what it shows, and whether that is the distance from the mean.
const PLOTS: [(&str, &str, bool); CHANNELS] =
    [("x", "x from its mean (nm)", true), ("y", "y from its mean (nm)", true), ("z", "z (nm)", false)];

impl Plots {
    /// The beads are others now: of each, where it was before, if it was.
    pub fn follow(&mut self, places: &[Option<usize>]) {
        if let Some(paused) = &mut self.paused {
            **paused = paused.of(places);
        }
    }

    #[cfg(test)]
    pub fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Shows time and axes otherwise.
    pub fn switch(&mut self, shown: Shown) {
        self.refit = true;
        match shown {
            Shown::Span(span) => self.span = span.min(SPANS_S.len() - 1),
            Shown::RelativeTime => self.is_relative ^= true,
            Shown::LessReferences => self.less_references ^= true,
            Shown::Autoscale => self.fixed ^= true,
            Shown::Contrast(_) | Shown::Rois | Shown::Trails | Shown::Figure(_) => {}
        }
    }

    /// Stops or goes on; the history goes on filling either way.
    pub fn toggle_pause(&mut self, history: &History) {
        self.paused = if self.paused.is_some() { None } else { Some(Box::new(history.clone())) };
        self.refit = true;
        self.measured = None;
    }

    /// The figure is written when it is drawn next.
    pub fn export_next(&mut self) {
        self.exports = Some(crate::export::Kind::Svg);
    }

    /// Takes down where the motors are at `time_s`.
    pub fn take_axes(&mut self, time_s: f64, axes: &[AxisReading]) {
        let is_new = self.motors.back().is_none_or(|(last_s, _)| time_s - last_s >= 0.05);
        if axes.is_empty() || !is_new {
            return;
        }
        let positions = axes.iter().filter_map(|axis| Some((axis.info.name.clone(), axis.state?.position)));
        self.motors.push_back((time_s, positions.collect()));
        if self.motors.len() > MOST_POSITIONS {
            self.motors.pop_front();
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
    ) -> Option<Export> {
        let asked = self.controls(ui, beads, history, axes).or(self.exports.take());
        let paused = self.paused.take();
        let figure = self.figure(ui, beads, paused.as_deref().unwrap_or(history), axes);
        let gap = ui.spacing().item_spacing.y;
        let parts = CHANNELS as f32 + if figure.panels.len() > CHANNELS { MOTORS_SHARE } else { 0.0 };
        let room = ui.available_height() - figure.panels.len() as f32 * gap;
        let marks: Vec<(f64, String)> = match self.is_relative {
            true => self
                .marks
                .iter()
                .map(|(at, text)| (at - self.end_s(paused.as_deref().unwrap_or(history)), text.clone()))
                .collect(),
            false => self.marks.clone(),
        };
        let whole = ui.available_rect_before_wrap();
        for (number, panel) in figure.panels.iter().enumerate() {
            let share = if number < CHANNELS { 1.0 } else { MOTORS_SHARE };
            let height = (room * share / parts).max(56.0);
            ui.allocate_ui(egui::vec2(ui.available_width(), height), |ui| {
                let heading = self.heading(ui, panel, number);
                let view = PanelView {
                    id: ("plot", number),
                    height: height - heading,
                    linked: Some("time"),
                    shows_x: number + 1 == figure.panels.len(),
                    is_free: paused.is_some(),
                    fits: paused.is_none() || self.refit,
                    is_square: false,
                    marks: &marks,
                    measured: self
                        .measured
                        .as_ref()
                        .filter(|(panel, _)| *panel == number)
                        .map_or(&[], |(_, at)| at),
                };
                if let Some(at) = view.show(ui, &figure, panel).clicked {
                    self.measure(number, at);
                }
            });
        }
        self.refit = false;
        self.paused = paused;
        asked.map(|kind| Export {
            kind,
            figure,
            what: "plots",
            on_screen: whole,
            window: ui.ctx().viewport_id(),
        })
    }

    /// A click sets an end of what is measured, a third takes it away.
    fn measure(&mut self, panel: usize, at: [f64; 2]) {
        match &mut self.measured {
            Some((in_panel, places)) if *in_panel == panel && places.len() < 2 => places.push(at),
            Some((in_panel, places)) if *in_panel == panel && places.len() == 2 => self.measured = None,
            _ => self.measured = Some((panel, vec![at])),
        }
    }

    fn end_s(&self, history: &History) -> f64 {
        history.end_s(self.span)
    }

    /// What is on show, as data.
    fn figure(&mut self, ui: &egui::Ui, beads: &Beads, history: &History, axes: &[AxisReading]) -> Figure {
        let colors = theme::colors(ui);
        let shown = beads.shown(MOST_BEADS);
        let references = self.references(beads);
        let end_s = self.end_s(history);
        let zero_s = if self.is_relative { end_s } else { 0.0 };
        let label =
            if self.is_relative { "time before the newest frame (s)" } else { "time since start (s)" };
        let x =
            Axis { range: (end_s - SPANS_S[self.span] as f64 - zero_s, end_s - zero_s), ..Axis::new(label) };
        let mut panels = Vec::new();
        for (channel, (_, label, is_relative)) in PLOTS.into_iter().enumerate() {
            let traces: Vec<Trace> =
                shown.iter().map(|place| history.trace(*place, channel, self.span, &references)).collect();
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
                        run.into_iter().map(|[time_s, value]| [time_s - zero_s, value - zero]).collect()
                    });
                    let name =
                        beads.all.get(*place).map_or(String::new(), |bead| format!("bead {}", bead.name()));
                    Series { name, color, mark: Mark::Line, runs: runs.collect() }
                });
            // The selected bead is drawn last, above the others.
            let mut series: Vec<Series> = lines.collect();
            series.reverse();
            let range = self.ranges[channel].unwrap_or((-LEAST_RANGE_NM, LEAST_RANGE_NM));
            let label = if references.is_empty() {
                label.to_owned()
            } else {
                label.replace(" (nm)", ", less references (nm)")
            };
            panels.push(Panel { y: Axis { range, ..Axis::new(&label) }, series });
        }
        panels.extend(self.motor_panel(axes, x.range, zero_s, colors.accent));
        let named: Vec<String> =
            shown.iter().filter_map(|place| Some(beads.all.get(*place)?.name())).collect();
        Figure { title: format!("bead {}", named.join(", ")), x, panels }
    }

    fn motor_panel(
        &self,
        axes: &[AxisReading],
        times: (f64, f64),
        zero_s: f64,
        color: Color32,
    ) -> Option<Panel> {
        let name = self.motor.as_ref()?;
        let unit = axes.iter().find(|axis| axis.info.name == *name)?.info.unit.symbol();
        let positions = self.motors.iter().map(|(time_s, all)| (time_s - zero_s, all));
        let line: Vec<[f64; 2]> = positions
            .filter(|(time_s, _)| (times.0..=times.1).contains(time_s))
            .filter_map(|(time_s, all)| Some([time_s, all.iter().find(|(other, _)| other == name)?.1]))
            .collect();
        let ends =
            line.iter().fold((f64::MAX, f64::MIN), |(low, high), [_, at]| (low.min(*at), high.max(*at)));
        let range = round_range(ends.0, ends.1, 0.1).unwrap_or((0.0, 1.0));
        let label = format!("{} ({unit})", name.replace('_', " "));
        let series = Series { name: name.clone(), color, mark: Mark::Line, runs: vec![line] };
        Some(Panel { y: Axis { range, ..Axis::new(&label) }, series: vec![series] })
    }

    fn controls(
        &mut self,
        ui: &mut egui::Ui,
        beads: &mut Beads,
        history: &History,
        axes: &[AxisReading],
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
                self.refit |= choice.on_hover_text("Time shown").clicked();
            }
            ui.separator();
            let pause = if self.paused.is_some() { "▶" } else { "⏸" };
            let hint =
                "Hold the plots still (Space); then drag and scroll in them. Tracking and recording go on.";
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
            let relative = ui.checkbox(&mut self.is_relative, "relative time");
            self.refit |= relative
                .on_hover_text("Seconds before the newest frame, in place of since the start")
                .changed();
            let mut auto = !self.fixed;
            ui.checkbox(&mut auto, "autoscale").on_hover_text("The vertical axes follow the data");
            self.fixed = !auto;
            if !axes.is_empty() {
                let shown =
                    self.motor.as_deref().map_or("no motor".to_owned(), |name| name.replace('_', " "));
                let choice = egui::ComboBox::from_id_salt("motor").selected_text(shown).show_ui(ui, |ui| {
                    ui.selectable_value(&mut self.motor, None, "no motor");
                    for axis in axes {
                        let name = &axis.info.name;
                        ui.selectable_value(&mut self.motor, Some(name.clone()), name.replace('_', " "));
                    }
                });
                choice.response.on_hover_text("Shown below, on the same time axis");
            }
        });
        export
    }

    /// A panel's name and figures; its height.
    fn heading(&mut self, ui: &mut egui::Ui, panel: &Panel, number: usize) -> f32 {
        let colors = theme::colors(ui);
        let color = colors.channels.get(number).copied().unwrap_or(colors.accent);
        let line = ui.horizontal(|ui| {
            ui.label(RichText::new(&panel.y.label).color(color).strong());
            if let Some((in_panel, places)) = &self.measured
                && let [from, to] = places[..]
                && *in_panel == number
            {
                let text = format!("Δ {:.3} s, {:.2}", to[0] - from[0], to[1] - from[1]);
                ui.label(RichText::new(text).monospace().color(colors.accent))
                    .on_hover_text("Between the two clicks; a third takes them away");
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if self.fixed
                    && let Some(Some(range)) = self.ranges.get_mut(number)
                {
                    let speed = (range.1 - range.0) / 200.0;
                    ui.add(DragValue::new(&mut range.1).speed(speed).max_decimals(1))
                        .on_hover_text("Upper end of the axis (nm)");
                    ui.add(DragValue::new(&mut range.0).speed(speed).max_decimals(1))
                        .on_hover_text("Lower end of the axis (nm)");
                    range.1 = range.1.max(range.0 + 1e-3);
                    return;
                }
                if let Some((mean, deviation)) = self.summaries.get(number) {
                    ui.label(RichText::new(format!("SD {} nm", measured(*deviation, 1))).monospace())
                        .on_hover_text("Standard deviation of the selected bead over the time shown");
                    ui.label(
                        RichText::new(format!("mean {} nm", measured(*mean, 1)))
                            .monospace()
                            .color(colors.label),
                    )
                    .on_hover_text("Mean of the selected bead over the time shown, in the frame");
                }
            });
        });
        line.response.rect.height() + ui.spacing().item_spacing.y
    }
}
