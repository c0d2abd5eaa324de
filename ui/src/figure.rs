//! A figure as data: what a plot draws, and what goes into a file when it is exported. Both are the same.

use std::fmt::Write as _;

use eframe::egui::Color32;

/// A figure: panels below each other over one horizontal axis.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    /// What it shows.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// From top to bottom.
    pub panels: Vec<Panel>,
}

/// An axis.
#[derive(Clone, Debug, Default)]
pub struct Axis {
    /// What it is, with its unit.
    pub label: String,
    /// Logarithmic.
    pub is_log: bool,
    /// From and to, in the unit of the label.
    pub range: (f64, f64),
}

/// One panel.
#[derive(Clone, Debug, Default)]
pub struct Panel {
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, the first below.
    pub series: Vec<Series>,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// A line through the points.
    #[default]
    Line,
    /// A thin, broken line: what theory says.
    Theory,
    /// Dots.
    Dots,
}

/// Points that belong together.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// What it is.
    pub name: String,
    /// Its colour.
    pub color: Color32,
    /// How it is drawn.
    pub mark: Mark,
    /// Runs of x and y without a gap, in the units of the axes.
    pub runs: Vec<Vec<[f64; 2]>>,
}

impl Axis {
    /// An axis with this label.
    pub fn new(label: &str) -> Self {
        Self { label: label.to_owned(), ..Self::default() }
    }

    /// Where a value is along the axis: itself, or its logarithm. `None` for what a logarithm does not have.
    pub fn place(&self, value: f64) -> Option<f64> {
        let place = if self.is_log { value.log10() } else { value };
        place.is_finite().then_some(place)
    }

    /// The value at a place.
    pub fn value(&self, place: f64) -> f64 {
        if self.is_log { 10_f64.powf(place) } else { place }
    }
}

impl Series {
    /// All points.
    pub fn points(&self) -> impl Iterator<Item = &[f64; 2]> {
        self.runs.iter().flatten()
    }
}

impl Figure {
    /// One line a point: panel, series, x and y, with the units in the heading's comment.
    pub fn csv(&self) -> String {
        let mut text = format!("# {}\n# x: {}\npanel,series,x,y\n", self.title, self.x.label);
        for panel in &self.panels {
            for series in &panel.series {
                for [x, y] in series.points() {
                    // Writing into a string does not fail.
                    let _ = writeln!(text, "{},{},{x},{y}", quoted(&panel.y.label), quoted(&series.name));
                }
            }
        }
        text
    }

    /// A drawing that any editor opens: 800 points wide, 240 a panel.
    pub fn svg(&self) -> String {
        const WIDTH: f64 = 800.0;
        const HEIGHT: f64 = 240.0;
        let whole = HEIGHT * self.panels.len() as f64 + 60.0;
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{whole}\" viewBox=\"0 0 {WIDTH} {whole}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
             <text x=\"{}\" y=\"18\" text-anchor=\"middle\" font-size=\"14\">{}</text>\n",
            WIDTH / 2.0,
            escaped(&self.title)
        );
        for (number, panel) in self.panels.iter().enumerate() {
            let area = Area {
                left: 70.0,
                right: WIDTH - 15.0,
                top: 30.0 + HEIGHT * number as f64,
                bottom: 10.0 + HEIGHT * (number + 1) as f64,
            };
            draw(&mut text, panel, &self.x, &area, number);
        }
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n</svg>",
            WIDTH / 2.0,
            whole - 8.0,
            escaped(&self.x.label)
        );
        text
    }
}

/// Where a panel is drawn, points.
struct Area {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

fn draw(text: &mut String, panel: &Panel, x_axis: &Axis, area: &Area, number: usize) {
    let Area { left, right, top, bottom } = *area;
    let scale = |axis: &Axis, from: f64, to: f64| {
        let (low, high) = (axis.place(axis.range.0), axis.place(axis.range.1));
        let (low, high) = (low.unwrap_or(0.0), high.unwrap_or(1.0));
        let axis = axis.clone();
        move |value: f64| Some(from + (to - from) * (axis.place(value)? - low) / (high - low).max(1e-300))
    };
    let (at_x, at_y) = (scale(x_axis, left, right), scale(&panel.y, bottom, top));
    let _ = writeln!(
        text,
        "<clipPath id=\"panel{number}\"><rect x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\"/></clipPath>\n\
         <rect x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"black\"/>",
        right - left,
        bottom - top,
        right - left,
        bottom - top
    );
    for value in ticks(x_axis) {
        if let Some(x) = at_x(value) {
            let _ = writeln!(
                text,
                "<line x1=\"{x:.2}\" y1=\"{bottom}\" x2=\"{x:.2}\" y2=\"{}\" stroke=\"black\"/>",
                bottom - 5.0
            );
            let _ = writeln!(
                text,
                "<text x=\"{x:.2}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                bottom + 14.0,
                tidy(value)
            );
        }
    }
    for value in ticks(&panel.y) {
        if let Some(y) = at_y(value) {
            let _ = writeln!(
                text,
                "<line x1=\"{left}\" y1=\"{y:.2}\" x2=\"{}\" y2=\"{y:.2}\" stroke=\"black\"/>",
                left + 5.0
            );
            let _ = writeln!(
                text,
                "<text x=\"{}\" y=\"{:.2}\" text-anchor=\"end\">{}</text>",
                left - 4.0,
                y + 4.0,
                tidy(value)
            );
        }
    }
    let middle = (top + bottom) / 2.0;
    let _ = writeln!(
        text,
        "<text transform=\"translate(14 {middle}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n<g clip-path=\"url(#panel{number})\">",
        escaped(&panel.y.label)
    );
    for series in &panel.series {
        let [r, g, b, _] = series.color.to_array();
        let color = format!("#{r:02x}{g:02x}{b:02x}");
        let _ =
            writeln!(text, "<g stroke=\"{color}\" fill=\"{color}\"><title>{}</title>", escaped(&series.name));
        for run in &series.runs {
            let places: Vec<(f64, f64)> =
                run.iter().filter_map(|[x, y]| Some((at_x(*x)?, at_y(*y)?))).collect();
            match series.mark {
                Mark::Line | Mark::Theory => {
                    let dashes = if series.mark == Mark::Theory { " stroke-dasharray=\"5 3\"" } else { "" };
                    let points: Vec<String> = places.iter().map(|(x, y)| format!("{x:.2},{y:.2}")).collect();
                    let _ =
                        writeln!(text, "<polyline fill=\"none\"{dashes} points=\"{}\"/>", points.join(" "));
                }
                Mark::Dots => places.iter().for_each(|(x, y)| {
                    let _ = writeln!(text, "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"1.5\" stroke=\"none\"/>");
                }),
            }
        }
        text.push_str("</g>\n");
    }
    text.push_str("</g>\n");
}

/// Round values along an axis; whole powers of ten on a logarithmic one.
fn ticks(axis: &Axis) -> Vec<f64> {
    let (Some(low), Some(high)) = (axis.place(axis.range.0), axis.place(axis.range.1)) else {
        return Vec::new();
    };
    let step = crate::scale::round_down((high - low) / 4.0).unwrap_or(1.0);
    let step = if axis.is_log { step.max(1.0).round() } else { step };
    let first = (low / step).ceil() as i64;
    (first..)
        .map(|k| k as f64 * step)
        .take_while(|place| *place <= high)
        .take(50)
        .map(|place| axis.value(place))
        .collect()
}

/// A value without the noise of its last bits.
pub fn tidy(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e6).contains(&size) {
        format!("{value:.0e}")
    } else {
        format!("{}", (value * 1e6).round() / 1e6)
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure() -> Figure {
        let series = |mark, runs| Series { name: "bead 3, raw".to_owned(), color: Color32::RED, mark, runs };
        let panel = |label: &str, is_log, series| Panel {
            y: Axis { label: label.to_owned(), is_log, range: (1.0, 100.0) },
            series: vec![series],
        };
        Figure {
            title: "a < b".to_owned(),
            x: Axis { range: (0.0, 4.0), ..Axis::new("time (s)") },
            panels: vec![
                panel(
                    "x (nm)",
                    false,
                    series(Mark::Line, vec![vec![[0.0, 1.0], [1.0, 50.5]], vec![[3.0, 100.0]]]),
                ),
                panel("σ (nm)", true, series(Mark::Dots, vec![vec![[2.0, 10.0], [3.0, -1.0]]])),
            ],
        }
    }

    #[test]
    fn every_point_is_in_the_csv_with_its_units() {
        let csv = figure().csv();
        assert!(csv.starts_with("# a < b\n# x: time (s)\npanel,series,x,y\n"), "{csv}");
        assert!(
            csv.contains("x (nm),\"bead 3, raw\",1,50.5\n") && csv.contains("σ (nm),\"bead 3, raw\",3,-1\n"),
            "{csv}"
        );
        assert_eq!(csv.lines().count(), 3 + 5);
    }

    #[test]
    fn the_drawing_has_each_point_where_its_axes_say() {
        let svg = figure().svg();
        assert!(svg.contains("a &lt; b") && svg.trim_end().ends_with("</svg>"));
        // Panel 1 from 70 to 785 and from 30 to 250 points: (1, 50.5) is a quarter across and half up.
        assert!(svg.contains("70.00,250.00 248.75,140.00"), "{svg}");
        // Panel 2 from 270 to 490: 10 is halfway from 1 to 100; -1 has no logarithm.
        assert_eq!(svg.matches("<circle").count(), 1);
        assert!(svg.contains("<circle cx=\"427.50\" cy=\"380.00\""), "{svg}");
    }

    #[test]
    fn ticks_are_round_and_within() {
        assert_eq!(ticks(&Axis { range: (0.0, 10.0), ..Axis::default() }), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(
            ticks(&Axis { range: (0.5, 1000.0), is_log: true, ..Axis::default() }),
            [1.0, 10.0, 100.0, 1000.0]
        );
        assert_eq!(ticks(&Axis { range: (0.0, 10.0), is_log: true, ..Axis::default() }), [0.0; 0]);
    }
}
