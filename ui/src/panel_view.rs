//! Draws one panel of a figure on the screen.

use eframe::egui::{self, Id, Vec2b};
use egui_plot::{
    AxisHints, GridMark, HoverPosition, Line, LineStyle, Plot, PlotPoint, PlotPoints, Points, Text, VLine,
};

use crate::figure::{Axis, Figure, Mark, Panel, Series};
use crate::theme;

/// Room for the numbers of a vertical axis, points, so that axes below each other begin at the same place.
const AXIS_WIDTH: f32 = 46.0;

/// How a panel is drawn.
pub struct PanelView<'a> {
    /// Tells it from all others in the window.
    pub id: (&'static str, usize),
    /// Points.
    pub height: f32,
    /// Panels of the same name move together.
    pub linked: Option<&'static str>,
    /// The horizontal axis has its label.
    pub shows_x: bool,
    /// It may be dragged and zoomed.
    pub is_free: bool,
    /// It shows the ranges of its axes, along and up, wherever it was dragged.
    pub fits: [bool; 2],
    /// One unit across is as long as one up.
    pub is_square: bool,
    /// Places that were clicked, to be measured between.
    pub measured: &'a [[f64; 2]],
}

/// What was done in a panel.
#[derive(Default)]
pub struct Touched {
    /// A place that was clicked, in the units of the axes.
    pub clicked: Option<[f64; 2]>,
    /// From where to where it was drawn along.
    #[cfg(test)]
    pub bounds_x: (f64, f64),
}

impl PanelView<'_> {
    /// Draws it.
    pub fn show(&self, ui: &mut egui::Ui, figure: &Figure, panel: &Panel) -> Touched {
        let (x, y) = (figure.x.clone(), panel.y.clone());
        let (x_label, y_label) = (short(&x.label), short(&y.label));
        let marks = |axis: &Axis| {
            let axis = axis.clone();
            move |mark: GridMark, _: &std::ops::RangeInclusive<f64>| mark_text(&axis, mark.value)
        };
        let mut x_axis = AxisHints::new_x().formatter(marks(&x));
        if self.shows_x {
            x_axis = x_axis.label(x.label.clone());
        }
        let y_axis = AxisHints::new_y().min_thickness(AXIS_WIDTH).formatter(marks(&y));
        let (hover_x, hover_y) = (x.clone(), y.clone());
        let mut plot = Plot::new(self.id)
            .height(self.height)
            .custom_x_axes(vec![x_axis])
            .custom_y_axes(vec![y_axis])
            .allow_drag(self.is_free)
            .allow_zoom(self.is_free)
            .allow_scroll(false)
            .allow_boxed_zoom(self.is_free)
            .allow_double_click_reset(false)
            .label_formatter(move |at| {
                let (name, position) = match at {
                    HoverPosition::NearDataPoint { plot_name, position, .. } => (*plot_name, position),
                    HoverPosition::Elsewhere { position } => ("", position),
                };
                let (x, y) = (hover_x.value(position.x), hover_y.value(position.y));
                let named = if name.is_empty() { String::new() } else { format!("{name}\n") };
                let x = match hover_x.clock_unix_ns {
                    Some(_) => hover_x.text(x),
                    None => value_text(x, &x_label.1),
                };
                let y = value_text(y, &y_label.1);
                Some(format!("{named}{} {x}\n{} {y}", x_label.0, y_label.0))
            });
        if x.clock_unix_ns.is_some() {
            let axis = x.clone();
            plot = plot.x_grid_spacer(move |seen| {
                // Room for the text of a time.
                let (low, high) = seen.bounds;
                let places = axis.round_places(low, high, 10.0 * seen.base_step_size);
                let step_size = places.get(..2).map_or(high - low, |first| first[1] - first[0]);
                places.into_iter().map(|value| GridMark { value, step_size }).collect()
            });
        }
        if let Some(linked) = self.linked {
            let id = Id::unique(linked);
            plot = plot.link_axis(id, Vec2b::new(true, false)).link_cursor(id, Vec2b::new(true, false));
        }
        if self.is_square {
            plot = plot.data_aspect(1.0);
        }
        let colors = theme::colors(ui);
        let shown = plot.show(ui, |plot| {
            let range = |axis: &Axis| Some(axis.place(axis.range.0)?..=axis.place(axis.range.1)?);
            let [fits_x, fits_y] = self.fits;
            if let Some(range) = range(&x).filter(|_| fits_x) {
                plot.set_plot_bounds_x(range);
            }
            if let Some(range) = range(&y).filter(|_| fits_y) {
                plot.set_plot_bounds_y(range);
            }
            for (number, series) in panel.series.iter().enumerate() {
                draw(plot, number, series, &x, &y);
            }
            let top = plot.plot_bounds().max()[1];
            for (at, text) in &figure.marks {
                plot.vline(VLine::new(text, *at).id(("mark", at.to_bits())).color(colors.warning).width(1.0));
                let text = Text::new("", PlotPoint::new(*at, top), text)
                    .color(colors.warning)
                    .anchor(egui::Align2::LEFT_TOP);
                plot.text(text);
            }
            let measured: Vec<[f64; 2]> = self
                .measured
                .iter()
                .filter_map(|[at, value]| Some([x.place(*at)?, y.place(*value)?]))
                .collect();
            if !measured.is_empty() {
                plot.points(
                    Points::new("measured", measured.clone()).radius(4.0).color(colors.accent).id("measured"),
                );
                plot.line(
                    Line::new("measured", measured)
                        .color(colors.accent)
                        .style(LineStyle::dashed_dense())
                        .id("between"),
                );
            }
            plot.pointer_coordinate()
        });
        let clicked = shown.inner.filter(|_| shown.response.clicked());
        Touched {
            clicked: clicked.map(|at| [x.value(at.x), y.value(at.y)]),
            #[cfg(test)]
            bounds_x: (shown.transform.bounds().min()[0], shown.transform.bounds().max()[0]),
        }
    }
}

fn draw(plot: &mut egui_plot::PlotUi<'_>, number: usize, series: &Series, x: &Axis, y: &Axis) {
    let (name, color) = (series.name.as_str(), series.color);
    for (run_number, run) in series.runs.iter().enumerate() {
        let places = || run.iter().filter_map(|[at, value]| Some([x.place(*at)?, y.place(*value)?]));
        let id = ("series", number, run_number);
        match series.mark {
            Mark::Line => plot
                .line(Line::new(name, places().collect::<PlotPoints<'_>>()).id(id).color(color).width(1.5)),
            Mark::Theory => {
                let line =
                    Line::new(name, places().collect::<PlotPoints<'_>>()).id(id).color(color).width(1.0);
                plot.line(line.style(LineStyle::dashed_loose()));
            }
            Mark::Dots => plot.points(
                Points::new(name, places().collect::<PlotPoints<'_>>()).id(id).color(color).radius(1.5),
            ),
        }
    }
}

/// A label's name and unit: `time (s)`.
fn short(label: &str) -> (String, String) {
    label.rsplit_once(" (").map_or((label.to_owned(), String::new()), |(name, unit)| {
        (name.to_owned(), unit.trim_end_matches(')').to_owned())
    })
}

fn value_text(value: f64, unit: impl AsRef<str>) -> String {
    let digits = if value.abs() < 1.0 { 4 } else { 2 };
    format!("{value:.digits$} {}", unit.as_ref())
}

fn mark_text(axis: &Axis, place: f64) -> String {
    // Between powers of ten there is no room for numbers.
    if axis.is_log && (place - place.round()).abs() > 1e-6 {
        String::new()
    } else {
        axis.text(axis.value(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_marks_are_read_as_people_write_them() {
        assert_eq!(short("spectral density (nm²/Hz)"), ("spectral density".to_owned(), "nm²/Hz".to_owned()));
        assert_eq!(short("count"), ("count".to_owned(), String::new()));
        let log = Axis { is_log: true, ..Axis::default() };
        assert_eq!((mark_text(&log, 2.0), mark_text(&log, 2.5)), ("100".to_owned(), String::new()));
    }
}
