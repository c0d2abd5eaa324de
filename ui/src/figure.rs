//! A figure as data: what a plot draws, and what goes into a file when it is exported. Both are the same.

use std::fmt::Write as _;

use beadscope_engine::clock::utc_text;
use eframe::egui::Color32;

/// Cells of a picture in a drawing, along and across: more would make a file that editors are slow with.
const MOST_CELLS: (usize, usize) = (300, 128);

/// A figure: panels below each other over one horizontal axis.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    /// What it shows.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// From top to bottom.
    pub panels: Vec<Panel>,
    /// Marked places along the horizontal axis, with their names.
    pub marks: Vec<(f64, String)>,
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
    /// Its values are seconds from this Unix time, ns, and are told as times of day.
    pub clock_unix_ns: Option<u64>,
}

/// One panel.
#[derive(Clone, Debug, Default)]
pub struct Panel {
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, the first below.
    pub series: Vec<Series>,
    /// A picture behind it.
    pub raster: Option<Raster>,
}

/// A picture: columns along the horizontal axis, cells from the upper end of the vertical one.
#[derive(Clone, Debug, Default)]
pub struct Raster {
    /// What its values are, with the unit.
    pub label: String,
    /// What its rows are.
    pub row: &'static str,
    /// Where each column is.
    pub at: Vec<f64>,
    /// The values of each column; NaN was not measured.
    pub columns: Vec<Vec<f32>>,
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

    /// A value as its axis says it.
    pub fn text(&self, value: f64) -> String {
        self.clock_unix_ns.map_or_else(|| tidy(value), |start| time_of_day(start, value))
    }

    /// A value as a table has it: in full, a time with its date.
    fn in_full(&self, value: f64) -> String {
        let date = |start| {
            let unix_ns = unix_ns_at(start, value, 1_000);
            let text = utc_text(unix_ns);
            format!("{}.{:06}Z", text.trim_end_matches('Z'), unix_ns / 1_000 % 1_000_000)
        };
        self.clock_unix_ns.map_or_else(|| value.to_string(), date)
    }

    /// Round places from `low` to `high`, at least `step` apart.
    pub fn round_places(&self, low: f64, high: f64, step: f64) -> Vec<f64> {
        let step = match (self.is_log, self.clock_unix_ns) {
            (true, _) => step.max(1.0).round(),
            (false, Some(_)) => clock_step(step),
            (false, None) => step,
        };
        // Round is what the clock says, not what has passed since the start.
        let shift = self.clock_unix_ns.map_or(0.0, |start| (start % DAY_NS) as f64 * 1e-9);
        let first = ((low + shift) / step - 1e-9).ceil();
        if !(step > 0.0 && first.is_finite()) {
            return Vec::new();
        }
        let place = |k: u32| (first + f64::from(k)) * step - shift;
        (0..50).map(place).take_while(|place| *place <= high + 1e-9 * step).collect()
    }
}

const DAY_NS: u64 = 86_400_000_000_000;

/// Unix time `seconds` after `start_unix_ns`, to the nearest `round_ns`.
fn unix_ns_at(start_unix_ns: u64, seconds: f64, round_ns: u64) -> u64 {
    let unix_ns = start_unix_ns.saturating_add_signed((seconds * 1e9) as i64);
    (unix_ns + round_ns / 2) / round_ns * round_ns
}

/// `08:05:00`, or `08:05:00.250` within a second.
fn time_of_day(start_unix_ns: u64, seconds: f64) -> String {
    let unix_ns = unix_ns_at(start_unix_ns, seconds, 1_000_000);
    let text = utc_text(unix_ns);
    let time = text.get(11..19).unwrap_or_default();
    match unix_ns / 1_000_000 % 1000 {
        0 => time.to_owned(),
        ms => format!("{time}.{ms:03}"),
    }
}

/// The shortest step that is round on a clock and not below this, s.
fn clock_step(least_s: f64) -> f64 {
    const STEPS_S: [f64; 15] =
        [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 21_600.0];
    if least_s <= 0.5 {
        let below = crate::scale::round_down(least_s).unwrap_or(0.001);
        return if below < least_s * (1.0 - 1e-9) {
            crate::scale::round_down(2.5 * below).unwrap_or(below)
        } else {
            below
        };
    }
    STEPS_S.into_iter().find(|step| *step >= least_s).unwrap_or(86_400.0)
}

impl Series {
    /// All points.
    pub fn points(&self) -> impl Iterator<Item = &[f64; 2]> {
        self.runs.iter().flatten()
    }
}

impl Figure {
    /// One line a point: panel, series, x and y, with the units in the heading's comment; and one a marker, without y.
    pub fn csv(&self) -> String {
        let mut text = format!("# {}\n# x: {}\npanel,series,x,y\n", self.title, self.x.label);
        // Writing into a string does not fail.
        for panel in &self.panels {
            for series in &panel.series {
                for [x, y] in series.points() {
                    let x = self.x.in_full(*x);
                    let _ = writeln!(text, "{},{},{x},{y}", quoted(&panel.y.label), quoted(&series.name));
                }
            }
            let Some(raster) = &panel.raster else { continue };
            for (x, column) in raster.at.iter().zip(&raster.columns) {
                let x = self.x.in_full(*x);
                for (row, value) in column.iter().enumerate() {
                    let _ = writeln!(text, "{},{} {row},{x},{value}", quoted(&raster.label), raster.row);
                }
            }
        }
        for (at, name) in self.marks_within() {
            let _ = writeln!(text, "marker,{},{},", quoted(name), self.x.in_full(*at));
        }
        text
    }

    /// The marks that are on show.
    fn marks_within(&self) -> impl Iterator<Item = &(f64, String)> {
        let (low, high) = self.x.range;
        self.marks.iter().filter(move |(at, _)| (low..=high).contains(at))
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
            draw(&mut text, self, panel, &area, number);
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

fn draw(text: &mut String, figure: &Figure, panel: &Panel, area: &Area, number: usize) {
    let Area { left, right, top, bottom } = *area;
    let x_axis = &figure.x;
    let scale = |axis: &Axis, from: f64, to: f64| {
        let (low, high) = (axis.place(axis.range.0), axis.place(axis.range.1));
        let (low, high) = (low.unwrap_or(0.0), high.unwrap_or(1.0));
        let reach = if high == low { 1.0 } else { high - low };
        let axis = axis.clone();
        move |value: f64| Some(from + (to - from) * (axis.place(value)? - low) / reach)
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
                x_axis.text(value)
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
    if let Some(raster) = &panel.raster {
        draw_raster(text, raster, area, &at_x);
    }
    for series in &panel.series {
        let color = hex(series.color);
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
    for (at, name) in figure.marks_within() {
        let Some(x) = at_x(*at) else { continue };
        let _ = writeln!(
            text,
            "<line x1=\"{x:.2}\" y1=\"{top}\" x2=\"{x:.2}\" y2=\"{bottom}\" stroke=\"#a05000\" stroke-dasharray=\"2 2\"/>"
        );
        if number == 0 {
            let (x, y) = (x + 3.0, top + 12.0);
            let _ = writeln!(text, "<text x=\"{x:.2}\" y=\"{y}\" fill=\"#a05000\">{}</text>", escaped(name));
        }
    }
    text.push_str("</g>\n");
    if panel.series.len() > 1 {
        legend(text, panel, area);
    }
}

/// Cells from dark to bright; what was not measured is left out.
fn draw_raster(text: &mut String, raster: &Raster, area: &Area, at_x: &impl Fn(f64) -> Option<f64>) {
    let every = raster.at.len().div_ceil(MOST_CELLS.0).max(1);
    let places: Vec<(f64, &Vec<f32>)> = raster
        .at
        .iter()
        .zip(&raster.columns)
        .step_by(every)
        .filter_map(|(at, column)| Some((at_x(*at)?, column)))
        .collect();
    let shade = shades(raster.columns.iter().flatten().copied());
    for (number, (x, column)) in places.iter().enumerate() {
        // Up to the middle between two columns; those at the ends are as wide as on their other side.
        let gap = |other: Option<usize>| Some((places.get(other?)?.0 - x).abs() / 2.0);
        let (before, after) = (gap(number.checked_sub(1)), gap(Some(number + 1)));
        let (before, after) = (before.or(after).unwrap_or(5.0), after.or(before).unwrap_or(5.0));
        let rows = column.len().div_ceil(MOST_CELLS.1).max(1);
        let height = (area.bottom - area.top) / column.len().max(1) as f64;
        for (row, value) in column.iter().enumerate().step_by(rows).filter(|(_, value)| value.is_finite()) {
            let (level, y) = (shade(*value), area.top + height * row as f64);
            let _ = writeln!(
                text,
                "<rect x=\"{:.2}\" y=\"{y:.2}\" width=\"{:.2}\" height=\"{:.2}\" fill=\"#{level:02x}{level:02x}{level:02x}\"/>",
                x - before,
                before + after,
                height * rows as f64
            );
        }
    }
}

/// Grey of a value: black is the least, white the greatest that is there.
pub fn shades(values: impl Iterator<Item = f32>) -> impl Fn(f32) -> u8 {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(value), high.max(value)));
    move |value| (255.0 * (value - low) / (high - low).max(1e-6)) as u8
}

/// Names of the series, what is drawn last at the top.
fn legend(text: &mut String, panel: &Panel, area: &Area) {
    const LINE: f64 = 14.0;
    let longest = panel.series.iter().map(|series| series.name.chars().count()).max().unwrap_or(0);
    let (width, height) = (34.0 + 7.0 * longest as f64, 6.0 + LINE * panel.series.len() as f64);
    let (left, top) = (area.right - width - 6.0, area.top + 6.0);
    let _ = writeln!(
        text,
        "<g class=\"legend\"><rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"white\" fill-opacity=\"0.8\"/>"
    );
    for (number, series) in panel.series.iter().rev().enumerate() {
        let (x, y) = (left + 4.0, top + 10.0 + LINE * number as f64);
        let dashes = if series.mark == Mark::Theory { " stroke-dasharray=\"5 3\"" } else { "" };
        let _ = writeln!(
            text,
            "<line x1=\"{x}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" stroke=\"{}\" stroke-width=\"2\"{dashes}/>\
             <text x=\"{}\" y=\"{}\">{}</text>",
            x + 20.0,
            hex(series.color),
            x + 25.0,
            y + 4.0,
            escaped(&series.name)
        );
    }
    text.push_str("</g>\n");
}

fn hex(color: Color32) -> String {
    let [r, g, b, _] = color.to_array();
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Round values along an axis; whole powers of ten on a logarithmic one.
fn ticks(axis: &Axis) -> Vec<f64> {
    let (Some(low), Some(high)) = (axis.place(axis.range.0), axis.place(axis.range.1)) else {
        return Vec::new();
    };
    // It may count downwards.
    let (low, high) = (low.min(high), low.max(high));
    // A time of day is wider than a number.
    let least = if axis.clock_unix_ns.is_some() { (high - low) / 8.0 } else { (high - low) / 4.0 };
    let step = match axis.clock_unix_ns {
        Some(_) => least,
        None => crate::scale::round_down(least).unwrap_or(1.0),
    };
    axis.round_places(low, high, step).into_iter().map(|place| axis.value(place)).collect()
}

/// A value without the noise of its last bits.
pub fn tidy(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-3..1e6).contains(&size) {
        return format!("{}", (value * 1e6).round() / 1e6);
    }
    let text = format!("{value:.9e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'))
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
            y: Axis { is_log, range: (1.0, 100.0), ..Axis::new(label) },
            series: vec![series],
            raster: None,
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
            marks: vec![(2.0, "buffer, 2 M".to_owned()), (9.0, "later".to_owned())],
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
        assert!(csv.ends_with("marker,\"buffer, 2 M\",2,\n"), "the marker on show, and no other: {csv}");
        assert_eq!(csv.lines().count(), 3 + 5 + 1);
    }

    #[test]
    fn markers_and_the_names_of_several_series_are_in_the_drawing() {
        let mut figure = figure();
        let svg = figure.svg();
        assert_eq!(svg.matches("stroke-dasharray=\"2 2\"").count(), 2, "in both panels: {svg}");
        // 2 of 4 s: in the middle from 70 to 785 points.
        assert!(svg.contains("<line x1=\"427.50\" y1=\"30\" x2=\"427.50\""), "{svg}");
        assert!(svg.contains(">buffer, 2 M</text>") && !svg.contains("later"), "{svg}");
        assert!(!svg.contains("legend"), "one series needs no name");
        let other = Series { name: "bead <7>".to_owned(), ..figure.panels[0].series[0].clone() };
        figure.panels[0].series.push(other);
        let svg = figure.svg();
        assert_eq!(svg.matches("class=\"legend\"").count(), 1);
        assert!(svg.contains(">bead 3, raw</text>") && svg.contains(">bead &lt;7&gt;</text>"), "{svg}");
    }

    #[test]
    fn a_picture_is_drawn_and_each_of_its_values_is_in_the_csv() {
        let raster = Raster {
            label: "grey level".to_owned(),
            row: "ring",
            at: vec![0.0, 50.0],
            columns: vec![vec![10.0, f32::NAN], vec![20.0, 30.0]],
        };
        let y = Axis { range: (1.5, -0.5), ..Axis::new("ring") };
        let panel = Panel { y, raster: Some(raster), ..Panel::default() };
        let x = Axis { range: (-25.0, 75.0), ..Axis::new("height (nm)") };
        let figure = Figure { x, panels: vec![panel], ..Figure::default() };
        let csv = figure.csv();
        assert!(
            csv.contains("grey level,ring 0,0,10\n") && csv.contains("grey level,ring 1,50,30\n"),
            "{csv}"
        );
        assert!(csv.contains("grey level,ring 1,0,NaN\n"), "not measured: {csv}");
        let svg = figure.svg();
        // From 70 to 785 points, each column half of it, each ring half of 220.
        let dark = "<rect x=\"70.00\" y=\"30.00\" width=\"357.50\" height=\"110.00\" fill=\"#000000\"/>";
        let bright = "<rect x=\"427.50\" y=\"140.00\" width=\"357.50\" height=\"110.00\" fill=\"#ffffff\"/>";
        assert!(svg.contains(dark) && svg.contains(bright), "{svg}");
        assert_eq!(svg.matches("height=\"110.00\"").count(), 3, "what was not measured is left out");
    }

    #[test]
    fn the_time_of_day_is_told_at_round_times() {
        // 08:04:30.5 UTC.
        let clock_unix_ns = Some(1_795_248_000_000_000_000 + 270_500_000_000);
        let axis = Axis { range: (0.0, 240.0), clock_unix_ns, ..Axis::new("time of day (UTC)") };
        let ticks: Vec<String> = ticks(&axis).into_iter().map(|value| axis.text(value)).collect();
        assert_eq!(
            ticks,
            ["08:05:00", "08:05:30", "08:06:00", "08:06:30", "08:07:00", "08:07:30", "08:08:00", "08:08:30"]
        );
        assert_eq!(axis.text(0.0), "08:04:30.500");
        let late = Axis { clock_unix_ns: Some(DAY_NS - 500_000_000), ..axis.clone() };
        assert_eq!((late.text(0.0).as_str(), late.text(0.5).as_str()), ("23:59:59.500", "00:00:00"));
        assert_eq!(axis.in_full(1.25), "2026-11-21T08:04:31.750000Z");
        for (least, step) in [(0.03, 0.05), (0.2, 0.2), (0.3, 0.5), (0.6, 1.0), (40.0, 60.0), (1e6, 86_400.0)]
        {
            assert!((clock_step(least) - step).abs() < 1e-9, "{least}: {}", clock_step(least));
        }
    }

    #[test]
    fn large_and_small_ticks_keep_their_digits() {
        let texts = [1.2e6, 1.4e6, 1e6, -2.5e7, 1.5e-4, 123_456.5, 0.1 + 0.2, 0.0].map(tidy);
        assert_eq!(texts, ["1.2e6", "1.4e6", "1e6", "-2.5e7", "1.5e-4", "123456.5", "0.3", "0"]);
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
