//! What the selected bead's motion and image say: Allan deviation, spectrum, histogram, x-y scatter, radial profile.

use std::time::{Duration, Instant};

use beadscope_engine::analysis::{Thermal, allan, histogram, spectrum};
use beadscope_engine::precision::SeenProfile;
use eframe::egui::{self, Color32, RichText};

use crate::export::{self, Export};
use crate::figure::{Axis, Figure, Mark, Panel, Series};
use crate::history::CHANNELS;
use crate::panel_view::PanelView;
use crate::samples::{Run, Samples};
use crate::scale::{measured, round_range};
use crate::theme;

/// Figures are worked out this often: some take milliseconds.
const RENEW: Duration = Duration::from_millis(500);
/// Longest segment of a spectrum: at 1 kHz it begins at 0.12 Hz.
const LONGEST_SEGMENT: usize = 8192;
/// Points of a scatter plot at most.
const MOST_DOTS: usize = 4000;
/// Thermal energy at 25 °C, pN nm.
const KT: f64 = 4.116;
/// Time spans on offer, s, with their names.
const SPANS: [(f64, &str); 5] =
    [(10.0, "10 s"), (60.0, "1 min"), (300.0, "5 min"), (1800.0, "30 min"), (f64::INFINITY, "all")];

/// What is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Allan deviation against averaging time.
    #[default]
    Allan,
    /// Power spectral density.
    Spectrum,
    /// How often each position is.
    Histogram,
    /// y against x.
    Scatter,
    /// The rings in the newest picture, and those of the Z-LUT.
    Profile,
}

const KINDS: [(Kind, &str, &str); 5] = [
    (
        Kind::Allan,
        "Allan",
        "Allan deviation against averaging time, with the line that thermal motion would draw",
    ),
    (Kind::Spectrum, "Spectrum", "Power spectral density (Welch's method)"),
    (Kind::Histogram, "Histogram", "How often each position is"),
    (Kind::Scatter, "x–y", "y against x: a tether's motion is round"),
    (Kind::Profile, "Profile", "Rings in the newest picture, and those of the Z-LUT at that height"),
];

/// The pane.
pub struct Analysis {
    kind: Kind,
    /// Index in [`SPANS`].
    span: usize,
    shown: Option<Shown>,
}

/// What was worked out last, and of what.
struct Shown {
    kind: Kind,
    span: usize,
    bead: usize,
    at: Instant,
    figure: Figure,
    /// What it says in figures.
    text: String,
}

impl Default for Analysis {
    fn default() -> Self {
        Self { kind: Kind::default(), span: 1, shown: None }
    }
}

/// A Z-LUT's rings at one height, nm.
pub struct TableRings<'a> {
    /// Grey level of each ring at a height, the nearest there is.
    pub at: &'a dyn Fn(f64) -> Option<(f64, Vec<f32>)>,
}

impl Analysis {
    /// Whether the newest picture's profile is looked at.
    pub fn wants_profile(&self) -> bool {
        self.kind == Kind::Profile
    }

    /// Shows this figure.
    pub fn choose(&mut self, kind: Kind) {
        self.kind = kind;
    }

    /// Draws the pane for the bead at this place, called so. `references`: whose motion is taken off.
    pub fn show(
        &mut self,
        ui: &mut egui::Ui,
        bead: Option<(usize, String)>,
        samples: &Samples,
        references: &[usize],
        profile: Option<&SeenProfile>,
        table: &TableRings<'_>,
    ) -> Option<Export> {
        let mut chosen = None;
        ui.horizontal_wrapped(|ui| {
            for (kind, name, hint) in KINDS {
                ui.selectable_value(&mut self.kind, kind, name).on_hover_text(hint);
            }
            if self.kind != Kind::Profile {
                ui.separator();
                for (span, (_, name)) in SPANS.iter().enumerate() {
                    ui.selectable_value(&mut self.span, span, *name).on_hover_text(
                        "Time that counts, back to the last lost frame and as far as memory goes",
                    );
                }
            }
            chosen = export::button(ui);
        });
        let Some((place, name)) = bead else {
            ui.weak("No bead is selected: click one in the picture or in the table.");
            return None;
        };
        let is_old = self.shown.as_ref().is_none_or(|shown| {
            (shown.kind, shown.span, shown.bead) != (self.kind, self.span, place)
                || shown.at.elapsed() > RENEW
        });
        if is_old {
            let colors = theme::colors(ui).channels;
            let run = || samples.newest(place, SPANS[self.span].0, references);
            let (mut figure, text) = match self.kind {
                Kind::Allan => allan_figure(&run(), colors),
                Kind::Spectrum => spectrum_figure(&run(), colors),
                Kind::Histogram => histogram_figure(&run(), colors),
                Kind::Scatter => scatter_figure(&run(), colors[0]),
                Kind::Profile => profile_figure(profile, table, colors),
            };
            let less =
                if references.is_empty() || self.kind == Kind::Profile { "" } else { ", less references" };
            figure.title = format!("bead {name}{less}");
            self.shown = Some(Shown {
                kind: self.kind,
                span: self.span,
                bead: place,
                at: Instant::now(),
                figure,
                text,
            });
        }
        let shown = self.shown.as_ref()?;
        ui.horizontal(|ui| {
            ui.label(RichText::new(&shown.figure.title).strong());
            ui.label(RichText::new(&shown.text).monospace().color(theme::colors(ui).label));
        });
        let on_screen = ui.available_rect_before_wrap();
        let height = ui.available_height() / shown.figure.panels.len().max(1) as f32;
        for (number, panel) in shown.figure.panels.iter().enumerate() {
            let view = PanelView {
                id: ("analysis", number),
                height: height - 4.0,
                linked: None,
                shows_x: true,
                is_free: false,
                fits: true,
                is_square: shown.kind == Kind::Scatter,
                marks: &[],
                measured: &[],
            };
            view.show(ui, &shown.figure, panel);
        }
        chosen.map(|kind| Export {
            kind,
            figure: shown.figure.clone(),
            what: "analysis",
            on_screen,
            window: ui.ctx().viewport_id(),
        })
    }
}

/// The range of values on an axis, with some air; from the least to the greatest that can be shown.
fn fitted(mut axis: Axis, values: impl Iterator<Item = f64>) -> Axis {
    let places = values.filter_map(|value| axis.place(value));
    let (low, high) =
        places.fold((f64::MAX, f64::MIN), |(low, high), place| (low.min(place), high.max(place)));
    let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
    let air = 0.05 * (high - low).max(if axis.is_log { 0.2 } else { 1e-9 });
    axis.range = (axis.value(low - air), axis.value(high + air));
    axis
}

fn logarithmic(label: &str) -> Axis {
    Axis { is_log: true, ..Axis::new(label) }
}

/// One panel with these series, both axes as wide as they need.
fn one_panel(x: Axis, y: Axis, series: Vec<Series>) -> Figure {
    let points = || series.iter().filter(|series| series.mark != Mark::Theory).flat_map(Series::points);
    let (x, y) = (fitted(x, points().map(|at| at[0])), fitted(y, points().map(|at| at[1])));
    Figure { x, panels: vec![Panel { y, series }], ..Figure::default() }
}

const NAMES: [&str; CHANNELS] = ["x", "y", "z"];

fn allan_figure(run: &Run, colors: [Color32; CHANNELS]) -> (Figure, String) {
    let (mut series, mut text) = (Vec::new(), String::new());
    for channel in 0..CHANNELS {
        let points = allan(run.located(channel), run.rate_hz);
        if let Some(thermal) = Thermal::fit(&points) {
            let line = points.iter().map(|point| [point.time_s, thermal.allan(point.time_s)]).collect();
            let name = format!("{}, thermal", NAMES[channel]);
            series.push(Series { name, color: colors[channel], mark: Mark::Theory, runs: vec![line] });
            text += &format!(
                "{} κ {:.1e} pN/nm, τ {:.0} ms  ",
                NAMES[channel],
                thermal.stiffness(KT),
                1e3 * thermal.relaxation_s
            );
        }
        let line = points.iter().map(|point| [point.time_s, point.deviation]).collect();
        series.push(Series {
            name: NAMES[channel].to_owned(),
            color: colors[channel],
            mark: Mark::Line,
            runs: vec![line],
        });
    }
    (one_panel(logarithmic("averaging time (s)"), logarithmic("Allan deviation (nm)"), series), text)
}

fn spectrum_figure(run: &Run, colors: [Color32; CHANNELS]) -> (Figure, String) {
    let series = (0..CHANNELS).map(|channel| {
        let points = spectrum(run.located(channel), run.rate_hz, LONGEST_SEGMENT);
        let line = points.iter().map(|point| [point.frequency_hz, point.density]).collect();
        Series { name: NAMES[channel].to_owned(), color: colors[channel], mark: Mark::Line, runs: vec![line] }
    });
    let text = format!("{:.1} Hz, {} samples", run.rate_hz, run.located(0).len());
    (
        one_panel(logarithmic("frequency (Hz)"), logarithmic("spectral density (nm²/Hz)"), series.collect()),
        text,
    )
}

fn histogram_figure(run: &Run, colors: [Color32; CHANNELS]) -> (Figure, String) {
    let (mut series, mut text) = (Vec::new(), String::new());
    for channel in 0..CHANNELS {
        let mut values: Vec<f64> =
            run.values[channel].iter().copied().filter(|value| value.is_finite()).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter_mut().for_each(|value| *value -= mean);
        let deviation = (values.iter().map(|value| value * value).sum::<f64>() / values.len() as f64).sqrt();
        text += &format!("{} SD {} nm  ", NAMES[channel], measured(deviation, 1));
        let Some(bins) = histogram(&values) else { continue };
        // The outline of the bars, so that three lie over each other.
        let outline = bins.counts.iter().enumerate().flat_map(|(bin, count)| {
            let from = bins.from + bin as f64 * bins.width;
            let height = *count as f64 / (values.len() as f64 * bins.width);
            [[from, height], [from + bins.width, height]]
        });
        let runs = vec![outline.collect()];
        series.push(Series {
            name: NAMES[channel].to_owned(),
            color: colors[channel],
            mark: Mark::Line,
            runs,
        });
    }
    (one_panel(Axis::new("from the mean (nm)"), Axis::new("density (1/nm)"), series), text)
}

fn scatter_figure(run: &Run, color: Color32) -> (Figure, String) {
    let mean = |values: &[f64]| {
        let (sum, count) = values
            .iter()
            .filter(|value| value.is_finite())
            .fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
        sum / count
    };
    let [x, y, _] = &run.values;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let step = (x.len() / MOST_DOTS).max(1);
    let dots: Vec<[f64; 2]> = x
        .iter()
        .zip(y)
        .step_by(step)
        .map(|(x, y)| [x - mean_x, y - mean_y])
        .filter(|at| at[0].is_finite() && at[1].is_finite())
        .collect();
    let n = dots.len() as f64;
    let sum = |value: &dyn Fn(&[f64; 2]) -> f64| dots.iter().map(value).sum::<f64>() / n;
    let (xx, yy, xy) = (sum(&|at| at[0] * at[0]), sum(&|at| at[1] * at[1]), sum(&|at| at[0] * at[1]));
    // Axes of the ellipse: eigenvalues of the covariance.
    let (middle, apart) = (0.5 * (xx + yy), (0.25 * (xx - yy).powi(2) + xy * xy).sqrt());
    let text = format!(
        "SD {} and {} nm along its axes",
        measured((middle + apart).sqrt(), 1),
        measured((middle - apart).max(0.0).sqrt(), 1)
    );
    let series = vec![Series { name: "y against x".to_owned(), color, mark: Mark::Dots, runs: vec![dots] }];
    let mut figure = one_panel(Axis::new("x from its mean (nm)"), Axis::new("y from its mean (nm)"), series);
    let reach = [figure.x.range, figure.panels[0].y.range]
        .iter()
        .fold(1.0_f64, |most, range| most.max(-range.0).max(range.1));
    (figure.x.range, figure.panels[0].y.range) = ((-reach, reach), (-reach, reach));
    (figure, text)
}

fn profile_figure(
    seen: Option<&SeenProfile>,
    table: &TableRings<'_>,
    colors: [Color32; CHANNELS],
) -> (Figure, String) {
    let Some(seen) = seen else {
        let why = "no profile: the bead was not found in the newest picture, or there is no Z-LUT that has an image".to_owned();
        return (one_panel(Axis::new("radius (px)"), Axis::new("mean grey level"), Vec::new()), why);
    };
    let rings = |grey: &[f32]| {
        seen.radius_px
            .iter()
            .copied()
            .zip(grey.iter().map(|grey| f64::from(*grey)))
            .map(|(r, grey)| [r, grey])
            .collect::<Vec<_>>()
    };
    let mut series = Vec::new();
    let mut text = format!("z {} nm", measured(seen.z_nm, 1));
    if let Some((plane_nm, row)) = (table.at)(seen.z_nm).filter(|(_, row)| row.len() == seen.grey.len()) {
        let fitted = like(&row, &seen.grey);
        series.push(Series {
            name: format!("Z-LUT at {plane_nm:.0} nm"),
            color: colors[1],
            mark: Mark::Theory,
            runs: vec![rings(&fitted)],
        });
        text += &format!(", Z-LUT at {plane_nm:.0} nm (dashed)");
    }
    series.push(Series {
        name: "picture".to_owned(),
        color: colors[0],
        mark: Mark::Line,
        runs: vec![rings(&seen.grey)],
    });
    let mut figure = one_panel(Axis::new("radius (px)"), Axis::new("mean grey level"), series);
    let range = figure.panels[0].y.range;
    figure.panels[0].y.range = round_range(range.0, range.1, 4.0).unwrap_or(range);
    (figure, text)
}

/// A row with the gain and the offset with which it is most like another.
fn like(row: &[f32], other: &[f32]) -> Vec<f32> {
    let n = row.len() as f32;
    let mean = |values: &[f32]| values.iter().sum::<f32>() / n;
    let (row_mean, other_mean) = (mean(row), mean(other));
    let product: f32 = row.iter().zip(other).map(|(a, b)| (a - row_mean) * (b - other_mean)).sum();
    let square: f32 = row.iter().map(|a| (a - row_mean).powi(2)).sum();
    let gain = if square > 0.0 { product / square } else { 0.0 };
    row.iter().map(|value| other_mean + gain * (value - row_mean)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        let wave = |period: f64| {
            (0..4000).map(|i| (std::f64::consts::TAU * f64::from(i) / period).sin()).collect::<Vec<_>>()
        };
        Run {
            from_s: 0.0,
            rate_hz: 100.0,
            values: [wave(50.0), wave(20.0).iter().map(|y| 3.0 * y).collect(), vec![f64::NAN; 4000]],
        }
    }

    #[test]
    fn every_kind_draws_what_was_measured_and_leaves_out_what_was_not() {
        let colors = [Color32::RED; CHANNELS];
        let (figure, _) = spectrum_figure(&run(), colors);
        let top = |channel: usize| {
            figure.panels[0].series[channel].points().max_by(|a, b| a[1].total_cmp(&b[1])).unwrap()[0]
        };
        assert!((top(0) - 2.0).abs() < 0.3 && (top(1) - 5.0).abs() < 0.3, "Hz: {} {}", top(0), top(1));
        assert_eq!(figure.panels[0].series[2].points().count(), 0);
        let (figure, _) = allan_figure(&run(), colors);
        assert!(
            figure.x.range.0 > 0.0 && figure.x.range.0 < 0.01 && figure.x.range.1 > 5.12,
            "{:?}",
            figure.x.range
        );
        let (figure, text) = histogram_figure(&run(), colors);
        assert!(
            figure.panels[0].y.range.1 > 0.0 && text.contains("x SD 0.7 nm") && text.contains("y SD 2.1 nm"),
            "{text}"
        );
        let (figure, text) = scatter_figure(&run(), colors[0]);
        assert_eq!(figure.x.range, figure.panels[0].y.range);
        assert!(text.starts_with("SD 2.1 and 0.7 nm"), "{text}");
        let nothing = Run::default();
        assert!(allan_figure(&nothing, colors).0.panels[0].y.range.0.is_finite());
        assert!(profile_figure(None, &TableRings { at: &|_| None }, colors).1.contains("no profile"));
    }

    #[test]
    fn the_zlut_is_drawn_with_the_brightness_of_the_picture() {
        let seen =
            SeenProfile { radius_px: vec![0.0, 0.5, 1.0], grey: vec![100.0, 120.0, 110.0], z_nm: 740.0 };
        let at = |z_nm: f64| Some(((z_nm / 100.0).round() * 100.0, vec![-1.0, 1.0, 0.0]));
        let (figure, text) = profile_figure(Some(&seen), &TableRings { at: &at }, [Color32::RED; CHANNELS]);
        let drawn: Vec<f64> = figure.panels[0].series[0].points().map(|at| at[1]).collect();
        assert!(drawn.iter().zip([100.0, 120.0, 110.0]).all(|(a, b)| (a - b).abs() < 1e-3), "{drawn:?}");
        assert_eq!(text, "z 740.0 nm, Z-LUT at 700 nm (dashed)");
    }
}
