//! The selected bead's x, y, z against time.

use eframe::egui::{self, Align, Color32, Id, Layout, RichText, Vec2b};
use egui_plot::{AxisHints, HoverPosition, Line, Plot, PlotPoints};

use crate::beads::Beads;
use crate::history::{CHANNELS, History, SPANS_S, Trace};
use crate::scale::{measured, round_range};
use crate::theme;

/// An axis of x and y is never narrower than this, nm: below it one would look at rounding.
const LEAST_RANGE_NM: f64 = 4.0;
/// Room for the numbers of a vertical axis, points, so that the three time axes lie under each other.
const AXIS_WIDTH: f32 = 46.0;

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
}

/// A plot: its name and whether it shows distances from the mean.
const PLOTS: [(&str, bool); CHANNELS] = [("x", true), ("y", true), ("z", false)];

impl Plots {
    /// The beads are others now: of each, where it was before, if it was.
    pub fn follow(&mut self, places: &[Option<usize>]) {
        if let Some(paused) = &mut self.paused {
            **paused = paused.of(places);
        }
    }

    /// Stops or goes on; the history goes on filling either way.
    pub fn toggle_pause(&mut self, history: &History) {
        self.paused = if self.paused.is_some() { None } else { Some(Box::new(history.clone())) };
        self.refit = true;
    }

    /// Draws controls and plots.
    pub fn show(&mut self, ui: &mut egui::Ui, beads: &mut Beads, history: &History) {
        self.controls(ui, beads, history);
        let bead = beads.selected.unwrap_or(usize::MAX);
        let paused = self.paused.take();
        let history = paused.as_deref().unwrap_or(history);
        let end_s = history.end_s(self.span);
        let times = (end_s - SPANS_S[self.span] as f64, end_s);
        let gap = ui.spacing().item_spacing.y;
        let height = ((ui.available_height() - 2.0 * gap) / CHANNELS as f32).max(60.0);
        for (channel, (name, is_relative)) in PLOTS.into_iter().enumerate() {
            let trace = history.trace(bead, channel, self.span);
            let view = View {
                name,
                trace,
                is_relative,
                times,
                range: self.range(channel, history, bead, is_relative),
            };
            ui.allocate_ui(egui::vec2(ui.available_width(), height), |ui| {
                view.show(ui, channel, height, paused.is_some(), self.refit);
            });
        }
        self.refit = false;
        self.paused = paused;
    }

    /// The range of a vertical axis, nm.
    fn range(
        &mut self,
        channel: usize,
        history: &History,
        bead: usize,
        is_relative: bool,
    ) -> Option<(f64, f64)> {
        if !self.fixed || self.ranges[channel].is_none() {
            let trace = history.trace(bead, channel, self.span);
            let zero = if is_relative { trace.mean } else { 0.0 };
            self.ranges[channel] = round_range(trace.range.0 - zero, trace.range.1 - zero, LEAST_RANGE_NM);
        }
        self.ranges[channel]
    }

    fn controls(&mut self, ui: &mut egui::Ui, beads: &mut Beads, history: &History) {
        let colors = theme::colors(ui);
        ui.horizontal(|ui| {
            let several = beads.all.len() > 1;
            if ui.add_enabled(several, egui::Button::new("◀")).on_hover_text("Bead before ([ or ←)").clicked() {
                beads.step(-1);
            }
            let name = beads.selected_bead().map_or("No bead".to_owned(), |bead| format!("Bead {}", bead.roi.bead));
            ui.label(RichText::new(name).strong().size(15.0));
            if ui.add_enabled(several, egui::Button::new("▶")).on_hover_text("Next bead (] or →)").clicked() {
                beads.step(1);
            }
            if let Some(remark) = beads.selected_bead().and_then(|bead| bead.remark()) {
                ui.label(RichText::new("⚠").color(colors.warning)).on_hover_text(remark);
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let pause = if self.paused.is_some() { "▶ Resume" } else { "⏸ Pause" };
                let hint = "Hold the plots still (Space); then drag and scroll in them. Tracking and recording go on.";
                if ui.add(egui::Button::new(pause).selected(self.paused.is_some())).on_hover_text(hint).clicked() {
                    self.toggle_pause(history);
                }
                let mut auto = !self.fixed;
                ui.checkbox(&mut auto, "Autoscale").on_hover_text("The vertical axes follow the data");
                self.fixed = !auto;
                ui.separator();
                for (span, seconds) in SPANS_S.iter().enumerate().rev() {
                    let choice = ui.selectable_value(&mut self.span, span, format!("{seconds} s"));
                    self.refit |= choice.on_hover_text("Time shown").clicked();
                }
            });
        });
    }
}

/// One plot and what it shows.
struct View<'a> {
    name: &'a str,
    trace: Trace,
    is_relative: bool,
    times: (f64, f64),
    range: Option<(f64, f64)>,
}

impl View<'_> {
    fn show(self, ui: &mut egui::Ui, channel: usize, height: f32, is_paused: bool, refit: bool) {
        let color = theme::colors(ui).channels[channel];
        self.heading(ui, color);
        let is_last = channel + 1 == CHANNELS;
        let heading = ui.text_style_height(&egui::TextStyle::Body) + ui.spacing().item_spacing.y;
        let mut time_axis = AxisHints::new_x().formatter(|mark, _| format!("{}", tidy(mark.value)));
        if is_last {
            time_axis = time_axis.label("time since start (s)");
        }
        let value_axis =
            AxisHints::new_y().min_thickness(AXIS_WIDTH).formatter(|mark, _| format!("{}", tidy(mark.value)));
        let name = self.name.to_owned();
        let plot = Plot::new(("plot", channel))
            .height(height - heading)
            .custom_x_axes(vec![time_axis])
            .custom_y_axes(vec![value_axis])
            .link_axis(Id::unique("time"), Vec2b::new(true, false))
            .link_cursor(Id::unique("time"), Vec2b::new(true, false))
            .allow_drag(is_paused)
            .allow_zoom(is_paused)
            .allow_scroll(false)
            .allow_boxed_zoom(is_paused)
            .allow_double_click_reset(false)
            .label_formatter(move |at| {
                let (HoverPosition::NearDataPoint { position, .. } | HoverPosition::Elsewhere { position }) =
                    at;
                Some(format!("{:.3} s\n{name} {:.2} nm", position.x, position.y))
            });
        let zero = if self.is_relative { self.trace.mean } else { 0.0 };
        let runs = self.trace.runs;
        let (times, range) = (self.times, self.range.unwrap_or((-LEAST_RANGE_NM, LEAST_RANGE_NM)));
        plot.show(ui, |plot| {
            if !is_paused || refit {
                plot.set_plot_bounds_x(times.0..=times.1);
                plot.set_plot_bounds_y(range.0..=range.1);
            }
            for (number, run) in runs.into_iter().enumerate() {
                let points: PlotPoints =
                    run.into_iter().map(|[time_s, value]| [time_s, value - zero]).collect();
                plot.line(Line::new(self.name, points).id(("run", channel, number)).color(color).width(1.5));
            }
        });
    }

    /// The plot's name, unit and figures.
    fn heading(&self, ui: &mut egui::Ui, color: Color32) {
        let label = theme::colors(ui).label;
        ui.horizontal(|ui| {
            ui.label(RichText::new(self.name).color(color).strong());
            let (what, hint) = if self.is_relative {
                ("from its mean (nm)", "Distance from the mean over the time shown")
            } else {
                ("height (nm)", "Height from the Z-LUT")
            };
            ui.label(RichText::new(what).color(label)).on_hover_text(hint);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let deviation = format!("SD {} nm", measured(self.trace.deviation, 1));
                ui.label(RichText::new(deviation).monospace())
                    .on_hover_text("Standard deviation over the time shown");
                let mean = format!("mean {} nm", measured(self.trace.mean, 1));
                ui.label(RichText::new(mean).monospace().color(label))
                    .on_hover_text("Mean over the time shown, in the frame");
            });
        });
    }
}

/// A tick's value without the noise of its last bits.
fn tidy(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
