//! The bar at the bottom: how the session is doing, in figures with units. Lost frames are red and say who lost them.

use std::time::{Duration, Instant};

use beadscope_engine::health::vitals::Vitals;
use beadscope_engine::latency::Percentiles;
use beadscope_engine::ledger::{Ledger, Lost};
use beadscope_engine::record::space::Disk;
use beadscope_engine::record::tracks_file::Gap;
use beadscope_engine::status::Health;
use beadscope_engine::track::backend::TrackedOn;
use eframe::egui::text::LayoutJob;
use eframe::egui::{self, Color32, FontId, TextFormat, TextWrapMode};

use crate::pace::Figures;
use crate::scale::{duration_text, grouped};
use crate::theme;

/// Figures change this often: faster ones cannot be read, and reading them all costs the session's cores.
const REFRESH: Duration = Duration::from_millis(250);

/// A disk that lasts no longer is told of, s: as long as the engine thinks so.
const SHORT_S: f64 = 30.0 * 60.0;

/// What takes no longer need not be told.
const SOON: Duration = Duration::from_millis(250);

/// The figures on show.
#[derive(Default)]
pub struct Status {
    health: Option<Health>,
    refreshed: Option<Instant>,
}

/// What the bar shows besides the counters.
pub struct Facts {
    /// Number of beads, and of those with a remark.
    pub beads: (usize, usize),
    /// Time of the newest frame, s since the session's start.
    pub newest_s: f64,
    /// A recording runs.
    pub is_recording: bool,
    /// Frames whose rows the plots have missed.
    pub missed: u64,
    /// What the locks do, and whether one has given up; `None` if all are off.
    pub locks: Option<(String, bool)>,
    /// The disk of the next recording, and whether it does not answer.
    pub disk: (Option<Disk>, bool),
    /// Commands that are not answered yet, and for how long.
    pub under_way: Option<(usize, Duration)>,
    /// Frames drawn in a second, times between two and for the work of one, ms.
    pub display: (f32, Figures, Figures),
}

impl Status {
    /// Asks for the figures if those on show are old; the new ones, if so.
    pub fn refresh(&mut self, ask: impl FnOnce() -> Health) -> Option<&Health> {
        let now = Instant::now();
        if self.refreshed.is_some_and(|at| now - at < REFRESH) {
            return None;
        }
        self.refreshed = Some(now);
        Some(self.health.insert(ask()))
    }

    /// Shows these figures from now on: the session has ended.
    pub fn settle(&mut self, health: Health) {
        self.health = Some(health);
    }

    /// Draws the bar.
    pub fn show(&self, ui: &mut egui::Ui, facts: &Facts) {
        let Some(health) = self.health.as_ref().filter(|health| health.vitals.unix_ns > 0) else {
            ui.weak("Waiting for the first figures");
            return;
        };
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 5.0;
            camera(ui, &health.vitals, facts.newest_s);
            readers(ui, &health.vitals);
            latency(ui, health);
            load(ui, &health.vitals);
            disk(ui, &health.vitals, facts);
            tracked_on(ui, &health.on);
            ledger(ui, health, facts);
            let (beads, flagged) = facts.beads;
            let text = if flagged > 0 { format!("{beads} ({flagged} flagged)") } else { beads.to_string() };
            let hint = "Beads tracked; flagged ones are orange\nTo do: hover over the orange ROIs in the picture, or read the remarks in \
                        the table; a bead that cannot be tracked is best removed";
            item(ui, "beads", text, (flagged > 0).then_some(Mark::Warning), hint);
            if let Some((text, is_lost)) = &facts.locks {
                let hint = "ROIs that follow their beads (XY) and the focus that follows stuck beads (Z), with how far they are off; \
                            one that has given up says why in the pane Locking (Ctrl+9)";
                item(ui, "locks", text.clone(), is_lost.then_some(Mark::Danger), hint);
            }
            under_way(ui, facts.under_way);
            display(ui, facts);
        });
    }
}

/// Nothing while everything is done as soon as it is asked for.
fn under_way(ui: &mut egui::Ui, under_way: Option<(usize, Duration)>) {
    let Some((commands, since)) = under_way.filter(|(_, since)| *since > SOON) else { return };
    let hint = "Commands that are being carried out. A file that is being finished, a camera that is being set and a motor that does not \
                answer (2 s at most) take their time; the window does not wait.\nTo do: nothing, or see to the device that is slow";
    item(ui, "under way", format!("{commands}, {:.1} s", since.as_secs_f64()), Some(Mark::Warning), hint);
}

fn display(ui: &mut egui::Ui, facts: &Facts) {
    let (rate_hz, between, work) = facts.display;
    let text = |ms: Figures| format!("{:.1} / {:.1} / {:.1} ms", ms.p50, ms.p99, ms.most);
    let hint = format!(
        "How often the window is drawn; tracking and recording do not wait for it\nBetween two frames: {} (median, 99 %, most)\n\
         Work of a frame: {}",
        text(between),
        text(work)
    );
    item(ui, "display", format!("{rate_hz:.0} Hz"), None, &hint);
}

fn camera(ui: &mut egui::Ui, vitals: &Vitals, newest_s: f64) {
    let asked = vitals.asked_hz;
    let slow = vitals.rate_hz.is_some_and(|rate_hz| rate_hz < 0.95 * asked);
    let got = vitals.rate_hz.map_or_else(|| "–".to_owned(), |rate_hz| format!("{rate_hz:.1}"));
    let between = vitals.camera_loop_us;
    let mut hint = format!(
        "Frames that arrived in the last second, and the rate that the camera was set to\n\
         The camera thread is back at the camera after {:.0} µs (99 %), {:.0} µs at most",
        between.p99, between.max
    );
    hint += &format!("\nThe session has run for {}", duration_text(newest_s.max(0.0) as u64));
    if slow {
        hint += "\nTo do: a shorter exposure, a smaller sensor window or a lower rate; look at the camera's cable and hub";
    }
    if let Some(celsius) = vitals.camera_temperature_c {
        hint += &format!("\nThe camera has {celsius:.1} °C");
    }
    item(ui, "camera", format!("{got}/{asked:.1} Hz"), slow.then_some(Mark::Warning), &hint);
}

/// How full the fullest ring is, and who is slow.
fn readers(ui: &mut egui::Ui, vitals: &Vitals) {
    let lossless = vitals.readers.iter().filter(|reader| !reader.may_skip);
    let percent = |behind: u64, of: u64| 100 * behind / of.max(1);
    let fullest = lossless.map(|reader| percent(reader.behind, reader.of)).max().unwrap_or(0);
    let mut text = format!("{fullest} %");
    if let Some(slow) = vitals.slow_reader {
        text += &format!(" ({slow} is slow)");
    }
    let mut hint =
        "How full the rings are, behind those who read them. When one is full, new frames are lost; plots \
                    miss rows instead."
            .to_owned();
    if let Some(slow) = vitals.slow_reader {
        hint += &format!("\nTo do: {}", what_to_do(slow));
    }
    for reader in &vitals.readers {
        hint += &format!("\n{}: {} of {} frames behind", reader.name, reader.behind, reader.of);
    }
    item(ui, "ring", text, vitals.slow_reader.map(|_| Mark::Warning), &hint);
}

/// What an experimenter does about a reader that is slow.
fn what_to_do(reader: &str) -> &'static str {
    match reader {
        "tracking" => "fewer beads, smaller ROIs or a lower rate; tracking on a GPU",
        "video" => "film crops in place of whole frames, a lower rate, or another disk",
        "recorder" => "another disk; see what else writes to this one",
        _ => "nothing: the plots alone miss rows",
    }
}

fn latency(ui: &mut egui::Ui, health: &Health) {
    let text = |ms: &Percentiles| format!("{:.1} / {:.1} / {:.1} ms", ms.p50, ms.p99, ms.max);
    let recent = health.vitals.latency_10s_ms.as_ref();
    let short = recent.map_or_else(|| "–".to_owned(), |ms| format!("{:.1} ms", ms.p99));
    let hint = format!(
        "From a frame's arrival to its rows: 99 % of the frames of the last ten seconds are faster\n\
         Half of them, 99 %, the slowest: {}\nSince the start: {}",
        recent.map_or_else(|| "–".to_owned(), text),
        text(&health.latency_ms)
    );
    item(ui, "latency", short, None, &hint);
}

/// Nothing where the system does not tell.
fn load(ui: &mut egui::Ui, vitals: &Vitals) {
    let Some(cpu) = &vitals.cpu else { return };
    let mut hint = "Processor time of the program, in cores, in the last second".to_owned();
    for thread in &cpu.threads {
        hint += &format!("\n{}: {:.2}", thread.name, thread.share);
    }
    if let Some(share) = vitals.gpu_share {
        hint += &format!("\nGPU: {:.0} % of the time", 100.0 * share);
    }
    for stage in &vitals.gpu_stages {
        hint += &format!("\nGPU, {}: {:.1} µs a frame", stage.name, stage.us_per_frame);
    }
    if let Some(bytes) = vitals.memory_bytes {
        hint += &format!("\nMemory: {:.0} MB", bytes as f64 / 1e6);
    }
    item(ui, "CPU", format!("{:.2} cores", cpu.process), None, &hint);
}

/// Of the recording that runs, else of the next one.
fn disk(ui: &mut egui::Ui, vitals: &Vitals, facts: &Facts) {
    const TO_DO: &str = "To do: free space, or choose another folder in the pane Run";
    let (next, is_mute) = &facts.disk;
    let Some(disk) = vitals.disk.as_ref().or(next.as_ref()) else {
        let mark = is_mute.then_some(Mark::Warning);
        let hint = format!("The folder of the recordings does not tell how much is free\n{TO_DO}");
        item(ui, "disk", if *is_mute { "mute" } else { "–" }.to_owned(), mark, &hint);
        return;
    };
    let text = disk.time_left_s.map_or_else(|| "–".to_owned(), time_left_text);
    let of = if vitals.disk.is_some() { "the recording" } else { "a recording that begins now" };
    let is_short = disk.notice.is_some() || disk.time_left_s.is_some_and(|left_s| left_s < SHORT_S);
    let mut hint = format!("Time until {of}, or its video, ends for want of disk space\n{disk}");
    if is_short {
        hint += &format!("\n{TO_DO}");
    }
    item(ui, "disk", text, is_short.then_some(Mark::Warning), &hint);
}

/// `26 h`, never more than there is.
pub fn time_left_text(left_s: f64) -> String {
    match left_s {
        days if days >= 2.0 * 86_400.0 => "> 2 d".to_owned(),
        hours if hours >= 2.0 * 3600.0 => format!("{:.0} h", (hours / 3600.0).floor()),
        minutes => format!("{:.0} min", (minutes / 60.0).floor()),
    }
}

#[derive(Clone, Copy)]
enum Mark {
    Warning,
    Danger,
}

/// A label with its value; the hint belongs to both.
fn item(ui: &mut egui::Ui, label: &str, value: String, mark: Option<Mark>, hint: &str) {
    let colors = theme::colors(ui);
    let color = match mark {
        None => colors.value,
        Some(Mark::Warning) => colors.warning,
        Some(Mark::Danger) => Color32::WHITE,
    };
    let background = match mark {
        Some(Mark::Danger) => Color32::from_rgb(190, 32, 32),
        _ => Color32::TRANSPARENT,
    };
    let mut text = LayoutJob::single_section(
        label.to_owned(),
        TextFormat::simple(FontId::proportional(12.5), colors.label),
    );
    let value_format = TextFormat { background, ..TextFormat::simple(theme::digits(12.5), color) };
    text.append(&value, 6.0, value_format);
    // One piece, so that a narrow window breaks the bar between items only.
    ui.add(egui::Label::new(text).wrap_mode(TextWrapMode::Extend)).on_hover_text(hint);
    ui.add_space(2.0);
}

/// Red where it is the CPU, but the GPU was to do it.
fn tracked_on(ui: &mut egui::Ui, on: &TrackedOn) {
    let backend = on.backend.to_uppercase();
    let (text, mark) = match on.notice {
        None => (backend, None),
        Some(_) => (format!(" {backend} "), Some(Mark::Danger)),
    };
    item(ui, "on", text, mark, &tracked_on_hint(on));
}

fn tracked_on_hint(on: &TrackedOn) -> String {
    let to_do = "To do: `beadscope doctor` says what it finds; a restart of Beadscope takes the GPU again once it is well";
    let notice = on.notice.as_ref().map_or_else(String::new, |notice| format!("\n{notice}\n{to_do}"));
    format!("Beads are tracked on: {}{notice}", on.adapter)
}

fn ledger(ui: &mut egui::Ui, health: &Health, facts: &Facts) {
    let ledger = &health.ledger;
    let hint = format!(
        "Frames that reached this computer\nOf them tracked, so that their beads were located: {}",
        grouped(ledger.tracked)
    );
    item(ui, "received", grouped(ledger.received), None, &hint);
    let recorded = recorded_so_far(ledger, facts.is_recording);
    item(
        ui,
        "recorded",
        grouped(recorded),
        None,
        "Frames in the recording; those in the last second are on their way",
    );
    let missed = match facts.missed {
        0 => String::new(),
        missed => format!(
            "\nThe plots alone have missed {} frames; they are recorded all the same",
            grouped(missed)
        ),
    };
    let gaps = gaps_text(&health.camera.gaps);
    match lost_by(&ledger.lost) {
        None => item(ui, "lost", "0".to_owned(), None, &format!("No frame was lost{missed}{gaps}")),
        Some(by) => {
            let text = format!(" {} ({by}) ", grouped(ledger.total_lost()));
            item(ui, "lost", text, Some(Mark::Danger), &format!("{LOST_HINT}{missed}{gaps}"));
        }
    }
}

/// The newest gaps, a line each: when, the camera's numbers, why.
fn gaps_text(gaps: &[Gap]) -> String {
    const MOST: usize = 6;
    let line = |gap: &Gap| {
        let s = |ns: u64| ns as f64 * 1e-9;
        let last = gap.last_device_frame.map_or_else(|| "?".to_owned(), |last| last.to_string());
        let (from_s, to_s) = (s(gap.from_ns), s(gap.to_ns));
        format!(
            "\n{from_s:.3} to {to_s:.3} s: camera's frames {} to {last}, {}",
            gap.first_device_frame, gap.reason
        )
    };
    gaps.iter().rev().take(MOST).map(line).collect()
}

/// Who loses frames, and what to do.
pub const LOST_HINT: &str = "camera: its frame number jumped, it never sent them; look at cable, USB hub, driver\n\
    ring full: tracking was too slow; fewer beads, smaller ROIs or a lower rate\n\
    recorder late: the disk was too slow; choose another in the pane Run\n\
    write failed: the disk refused (full, gone); choose another in the pane Run, and record again";

/// The engine counts a recording's frames when it is finished; until then they follow from the ledger's sum.
fn recorded_so_far(ledger: &Ledger, is_recording: bool) -> u64 {
    if !is_recording {
        return ledger.recorded;
    }
    ledger.tracked.saturating_sub(ledger.not_asked + ledger.lost.recorder_late + ledger.lost.record_failed)
}

/// Who lost how many; `None` if nobody did.
pub fn lost_by(lost: &Lost) -> Option<String> {
    let by = [
        ("camera", lost.camera),
        ("ring full", lost.ring_full),
        ("recorder late", lost.recorder_late),
        ("write failed", lost.record_failed),
    ];
    let named: Vec<_> = by
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(who, count)| format!("{who} {}", grouped(*count)))
        .collect();
    (!named.is_empty()).then(|| named.join(", "))
}

#[cfg(test)]
mod tests {
    use beadscope_engine::health::vitals::Cpu;
    use beadscope_engine::ring::monitor::Reader;

    use super::*;

    #[test]
    fn every_loser_is_named() {
        assert_eq!(lost_by(&Lost::default()), None);
        let lost = Lost { camera: 1, ring_full: 2, recorder_late: 3, record_failed: 4 };
        assert_eq!(lost_by(&lost).unwrap(), "camera 1, ring full 2, recorder late 3, write failed 4");
        assert_eq!(lost_by(&Lost { ring_full: 7, ..Lost::default() }).unwrap(), "ring full 7");
    }

    #[test]
    fn gaps_are_told_with_the_newest_first() {
        let gap = |first_device_frame, last_device_frame, reason: &str| Gap {
            first_device_frame,
            last_device_frame,
            after_frame: 1,
            segment: 0,
            from_ns: 1_500_000_000,
            to_ns: 1_600_000_000,
            reason: reason.to_owned(),
        };
        let gaps = [gap(3, Some(5), "camera=3"), gap(9, None, "unplugged")];
        let expected = "\n1.500 to 1.600 s: camera's frames 9 to ?, unplugged\
                        \n1.500 to 1.600 s: camera's frames 3 to 5, camera=3";
        assert_eq!(gaps_text(&gaps), expected);
    }

    #[test]
    fn time_left_is_never_more_than_there_is() {
        let texts = [59.0, 1799.0, 7199.0, 7200.0, 100_000.0, 1e9].map(time_left_text);
        assert_eq!(texts, ["0 min", "29 min", "119 min", "2 h", "27 h", "> 2 d"]);
    }

    #[test]
    fn a_running_recording_is_counted_from_the_ledger() {
        let mut ledger = Ledger { tracked: 100, not_asked: 40, recorded: 7, ..Ledger::default() };
        ledger.lost.recorder_late = 5;
        ledger.lost.record_failed = 1;
        assert_eq!(recorded_so_far(&ledger, true), 54);
        assert_eq!(recorded_so_far(&ledger, false), 7);
    }

    /// With counts of a long day, a recording and a remark it is one line of the usual window.
    #[test]
    fn the_bar_is_one_line_at_1280_points() {
        let reader = |name| Reader { name, behind: 1, of: 100, may_skip: false };
        let vitals = Vitals {
            unix_ns: 1,
            asked_hz: 1000.0,
            rate_hz: Some(1000.0),
            readers: vec![reader("tracking"), reader("recorder")],
            latency_10s_ms: Some(Percentiles { p50: 10.0, p99: 20.0, max: 300.0 }),
            cpu: Some(Cpu { process: 12.34, threads: Vec::new() }),
            disk: Some(Disk { time_left_s: Some(100_000.0), ..Disk::default() }),
            ..Vitals::default()
        };
        let ledger = Ledger { received: 86_400_000, tracked: 86_400_000, ..Ledger::default() };
        let on = TrackedOn { backend: "gpu", ..TrackedOn::default() };
        let status =
            Status { health: Some(Health { vitals, ledger, on, ..Health::default() }), refreshed: None };
        let facts = Facts {
            beads: (500, 12),
            newest_s: 86_400.0,
            is_recording: true,
            missed: 5,
            locks: Some(("XY+Z -12 nm".to_owned(), false)),
            disk: (None, false),
            under_way: None,
            display: (40.0, Figures::default(), Figures::default()),
        };
        let context = egui::Context::default();
        theme::begin(&context, &theme::Look::default());
        let mut height = 0.0;
        let input = egui::RawInput {
            screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(1280.0, 100.0))),
            ..egui::RawInput::default()
        };
        for _ in 0..2 {
            let mut told = context.run_ui(input.clone(), |ui| {
                let frame =
                    egui::Frame::side_top_panel(ui.style()).inner_margin(egui::Margin::symmetric(10, 6));
                let bar = egui::Panel::bottom("status").frame(frame).show(ui, |ui| status.show(ui, &facts));
                height = bar.response.rect.height();
            });
            told.textures_delta.clear();
        }
        assert!(height < 36.0, "{height} points are more than a line");
    }

    #[test]
    fn every_reader_that_is_slow_says_what_to_do() {
        let told: Vec<_> = ["tracking", "video", "recorder", "plots"].map(what_to_do).into();
        for (place, text) in told.iter().enumerate() {
            assert!(!told[..place].contains(text), "{text}");
        }
    }
}
