//! What the selected bead's motion and image say: Allan deviation, spectrum, histogram, x-y scatter, radial profile.
//!
//! Runs on: `main`, which takes the samples and draws; `beadscope-window-analysis`, which works out what may be a quarter of a million
//! samples. It has one piece of work at a time, and the next is what is wanted then: whatever was wanted between is not worked out.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{Builder, JoinHandle};
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
pub const KT: f64 = 4.116;
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

impl Kind {
    /// Goes into the name of an export.
    fn file_name(self) -> &'static str {
        match self {
            Self::Allan => "allan",
            Self::Spectrum => "spectrum",
            Self::Histogram => "histogram",
            Self::Scatter => "x_y",
            Self::Profile => "profile",
        }
    }
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

/// What a figure is of: its kind, the place of the span in [`SPANS`], the place of the bead, and up to when, s.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Of {
    kind: Kind,
    span: usize,
    bead: usize,
    until_s: f64,
}

/// The pane.
pub struct Analysis {
    kind: Kind,
    /// Index in [`SPANS`].
    span: usize,
    shown: Option<Shown>,
    worker: Option<Worker>,
    /// What could not be worked out.
    failed: Option<Of>,
}

/// What was worked out last, and of what.
struct Shown {
    of: Of,
    at: Instant,
    figure: Figure,
    /// What it says in figures.
    text: String,
}

/// Something to work out.
struct Work {
    of: Of,
    title: String,
    run: Run,
    colors: [Color32; CHANNELS],
}

impl Work {
    fn done(self) -> Shown {
        let Self { of, title, run, colors } = self;
        let (figure, text) = match of.kind {
            Kind::Allan => allan_figure(&run, colors),
            Kind::Spectrum => spectrum_figure(&run, colors),
            Kind::Histogram => histogram_figure(&run, colors),
            Kind::Scatter => scatter_figure(&run, colors[0]),
            // Its rings are measured in the newest picture, and drawn at once.
            Kind::Profile => (Figure::default(), String::new()),
        };
        Shown { of, at: Instant::now(), figure: Figure { title, ..figure }, text }
    }
}

/// The thread that works out, and the ways to it and back.
struct Worker {
    give: Option<SyncSender<Work>>,
    done: Receiver<Shown>,
    thread: Option<JoinHandle<()>>,
    /// What it works out now.
    busy: Option<Of>,
}

impl Worker {
    /// Begins; the window is drawn when something is done.
    fn new(context: &egui::Context) -> std::io::Result<Self> {
        let (give, work) = sync_channel::<Work>(1);
        let (tell, done) = sync_channel(1);
        let context = context.clone();
        let thread = Builder::new().name("beadscope-window-analysis".to_owned()).spawn(move || {
            for work in work {
                if tell.send(work.done()).is_err() {
                    return;
                }
                context.request_repaint();
            }
        })?;
        Ok(Self { give: Some(give), done, thread: Some(thread), busy: None })
    }

    fn give(&mut self, work: Work) {
        let of = work.of;
        self.busy = self.give.as_ref().and_then(|give| give.try_send(work).ok()).map(|()| of);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.give = None;
        // It is at the end of what it works out in a moment, and finds nobody. A panic is in the log.
        let (_, nobody) = sync_channel(1);
        self.done = nobody;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Default for Analysis {
    fn default() -> Self {
        Self { kind: Kind::default(), span: 1, shown: None, worker: None, failed: None }
    }
}

/// What the pane is drawn from.
pub struct Seen<'a> {
    /// The place of the selected bead, and what it is called.
    pub bead: Option<(usize, String)>,
    /// The newest rows of all beads.
    pub samples: &'a Samples,
    /// Beads whose motion is taken off.
    pub references: &'a [usize],
    /// The rings of the bead in the newest picture.
    pub profile: Option<&'a SeenProfile>,
    /// The Z-LUT in use.
    pub table: TableRings<'a>,
    /// Since when all is held still, s since start.
    pub paused_s: Option<f64>,
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

    /// Draws the pane.
    pub fn show(&mut self, ui: &mut egui::Ui, seen: &Seen<'_>) -> Option<Export> {
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
        let Some((place, name)) = &seen.bead else {
            ui.weak("No bead is selected: click one in the picture or in the table.");
            return None;
        };
        let until_s = seen.paused_s.unwrap_or(f64::INFINITY);
        let of = Of { kind: self.kind, span: self.span, bead: *place, until_s };
        let less =
            if seen.references.is_empty() || of.kind == Kind::Profile { "" } else { ", less references" };
        self.renew(ui, of, format!("bead {name}{less}"), seen);
        if self.failed == Some(of) {
            let text = "This could not be worked out; the pane Log says why. Another time or bead may do.";
            ui.colored_label(theme::colors(ui).danger, text);
            return None;
        }
        // What is still being worked out is not called by another one's name.
        let shown = self.shown.as_ref().filter(|shown| Of { until_s, ..shown.of } == of);
        let Some(shown) = shown else {
            ui.weak("…");
            return None;
        };
        ui.horizontal_wrapped(|ui| {
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
                fits: [true; 2],
                is_square: shown.of.kind == Kind::Scatter,
                measured: &[],
            };
            view.show(ui, &shown.figure, panel);
        }
        chosen.map(|kind| Export::new(ui, kind, shown.figure.clone(), shown.of.kind.file_name(), on_screen))
    }

    /// Has worked out again what is old or of something else; while all is held still, only the latter.
    fn renew(&mut self, ui: &egui::Ui, of: Of, title: String, seen: &Seen<'_>) {
        self.take(of);
        let is_other = self.shown.as_ref().is_none_or(|shown| shown.of != of);
        let is_old = self.shown.as_ref().is_none_or(|shown| shown.at.elapsed() > RENEW);
        let is_due = is_other || (is_old && seen.paused_s.is_none());
        if !is_due || self.failed == Some(of) {
            return;
        }
        let colors = theme::colors(ui).channels;
        if of.kind == Kind::Profile {
            let is_held =
                self.shown.as_ref().is_some_and(|shown| (shown.of.kind, shown.of.bead) == (of.kind, of.bead));
            if is_held && seen.paused_s.is_some() {
                return;
            }
            let (figure, text) = profile_figure(seen.profile, &seen.table, colors);
            let figure = Figure { title, ..figure };
            self.shown = Some(Shown { of, at: Instant::now(), figure, text });
            return;
        }
        if self.worker.is_none() {
            let started = Worker::new(ui.ctx());
            self.worker = started.inspect_err(|why| tracing::warn!("no thread for the analysis: {why}")).ok();
        }
        match &mut self.worker {
            Some(worker) if worker.busy.is_some() => {}
            Some(worker) => {
                let run = seen.samples.until(of.until_s, of.bead, SPANS[of.span].0, seen.references);
                worker.give(Work { of, title, run, colors });
            }
            None => self.failed = Some(of),
        }
    }

    /// Takes what was worked out, if it is still what is wanted.
    fn take(&mut self, of: Of) {
        let Some(worker) = &mut self.worker else { return };
        match worker.done.try_recv() {
            Ok(shown) => {
                worker.busy = None;
                if shown.of == of {
                    (self.shown, self.failed) = (Some(shown), None);
                }
            }
            Err(TryRecvError::Empty) => {}
            // It has panicked. Another one tries when something else is wanted.
            Err(TryRecvError::Disconnected) => (self.failed, self.worker) = (worker.busy, None),
        }
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
    Figure { x, panels: vec![Panel { y, series, ..Panel::default() }], ..Figure::default() }
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
        let why = "no profile: the bead was not found in the newest picture".to_owned();
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
    let mut text = match seen.z_nm.is_finite() {
        true => format!("z {} nm", measured(seen.z_nm, 1)),
        false => "no height: no Z-LUT tells one".to_owned(),
    };
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

    /// Draws the pane once, for bead 0.
    fn draw(analysis: &mut Analysis, context: &egui::Context, samples: &Samples, paused_s: Option<f64>) {
        let mut output = context.run_ui(egui::RawInput::default(), |ui| {
            let table = TableRings { at: &|_| None };
            let bead = Some((0, "0".to_owned()));
            let seen = Seen { bead, samples, references: &[], profile: None, table, paused_s };
            assert!(analysis.show(ui, &seen).is_none());
        });
        // Nothing is painted.
        output.textures_delta.clear();
    }

    fn wait_for(
        analysis: &mut Analysis,
        context: &egui::Context,
        samples: &Samples,
        paused_s: Option<f64>,
        is_there: impl Fn(&Shown) -> bool,
    ) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !analysis.shown.as_ref().is_some_and(&is_there) {
            assert!(Instant::now() < deadline, "{:?}", analysis.shown.as_ref().map(|shown| shown.of));
            draw(analysis, context, samples, paused_s);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn what_is_wanted_last_is_worked_out_beside_the_window_and_stands_still_while_it_is_paused() {
        let mut samples = Samples::new(1);
        let add = |samples: &mut Samples, frames: std::ops::Range<u32>| {
            for frame in frames {
                samples.begin(f64::from(frame) * 0.01, false);
                samples.add(0, [f64::from(frame % 7), f64::from(frame % 5), f64::NAN]);
            }
        };
        add(&mut samples, 0..2000);
        let (mut analysis, context) = (Analysis::default(), egui::Context::default());
        draw(&mut analysis, &context, &samples, None);
        assert!(analysis.worker.as_ref().unwrap().busy.is_some(), "the window has drawn and not waited");
        // Another one is wanted while it works.
        analysis.kind = Kind::Histogram;
        draw(&mut analysis, &context, &samples, None);
        wait_for(&mut analysis, &context, &samples, None, |shown| shown.of.kind == Kind::Histogram);
        let paused_s = Some(19.995);
        wait_for(&mut analysis, &context, &samples, paused_s, |shown| shown.of.until_s == 19.995);
        let (at, text) = (analysis.shown.as_ref().unwrap().at, analysis.shown.as_ref().unwrap().text.clone());
        add(&mut samples, 2000..4000);
        analysis.shown.as_mut().unwrap().at = at - 10 * RENEW;
        for _ in 0..20 {
            draw(&mut analysis, &context, &samples, paused_s);
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(analysis.shown.as_ref().unwrap().at, at - 10 * RENEW, "nothing is renewed");
        // Another kind is of the same time.
        analysis.kind = Kind::Spectrum;
        wait_for(&mut analysis, &context, &samples, paused_s, |shown| shown.of.kind == Kind::Spectrum);
        let text_then = analysis.shown.as_ref().unwrap().text.clone();
        assert_eq!((text.contains("x SD 2.0"), text_then.as_str()), (true, "100.0 Hz, 2000 samples"));
        // And it goes on.
        wait_for(&mut analysis, &context, &samples, None, |shown| shown.text == "100.0 Hz, 4000 samples");
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
