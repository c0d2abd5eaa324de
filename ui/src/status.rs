//! The bar at the bottom: how the session is doing, in figures with units. Lost frames are red and say who lost them.

use std::time::{Duration, Instant};

use beadscope_engine::ledger::{Ledger, Lost};
use beadscope_engine::record::tracks_file::Gap;
use beadscope_engine::status::Health;
use beadscope_engine::track::backend::TrackedOn;
use eframe::egui::{self, Color32, RichText};

use crate::scale::{duration_text, grouped};
use crate::theme;

/// Figures change this often: faster ones cannot be read, and reading them all costs the session's cores.
const REFRESH: Duration = Duration::from_millis(250);
/// The rate is that of the last so long.
const RATE_OVER: Duration = Duration::from_secs(2);

/// The figures on show.
#[derive(Default)]
pub struct Status {
    health: Option<Health>,
    refreshed: Option<Instant>,
    /// Frames received at moments of the last two seconds.
    received: Vec<(Instant, u64)>,
    rate_hz: Option<f64>,
}

/// What the bar shows besides the counters.
pub struct Facts {
    /// Rate that the camera applied, Hz.
    pub asked_hz: f64,
    /// Number of beads, and of those with a remark.
    pub beads: (usize, usize),
    /// Time of the newest frame, s since the session's start.
    pub newest_s: f64,
    /// A recording runs.
    pub is_recording: bool,
    /// Frames whose rows the plots have missed.
    pub missed: u64,
}

impl Status {
    /// Asks for the figures if those on show are old; the new ones, if so.
    pub fn refresh(&mut self, ask: impl FnOnce() -> Health) -> Option<&Health> {
        let now = Instant::now();
        if self.refreshed.is_some_and(|at| now - at < REFRESH) {
            return None;
        }
        self.refreshed = Some(now);
        let health = ask();
        self.received.retain(|(at, _)| now - *at <= RATE_OVER);
        self.received.push((now, health.ledger.received));
        self.rate_hz = rate_hz(&self.received);
        Some(self.health.insert(health))
    }

    /// Shows these figures from now on: the session has ended.
    pub fn settle(&mut self, health: Health) {
        self.rate_hz = Some(health.rate_hz);
        self.health = Some(health);
    }

    /// Draws the bar.
    pub fn show(&self, ui: &mut egui::Ui, facts: &Facts) {
        let Some(health) = &self.health else {
            ui.weak("Waiting for the first figures");
            return;
        };
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            self.camera(ui, facts);
            let (held, capacity) = health.ring;
            let nearly_full = capacity > 0 && held * 2 > capacity;
            let hint = "Frames that wait to be tracked, and how many the ring holds. When it is full, new frames are lost.";
            item(ui, "ring", format!("{held}/{capacity}"), nearly_full.then_some(Mark::Warning), hint);
            let latency = health.latency_ms;
            let hint = "From a frame's arrival to its rows, ms: half of the frames are faster, 99 % are faster, the slowest";
            item(ui, "latency", format!("{:.1} / {:.1} / {:.1} ms", latency.p50, latency.p99, latency.max), None, hint);
            tracked_on(ui, &health.on);
            ledger(ui, health, facts);
            let (beads, flagged) = facts.beads;
            let text = if flagged > 0 { format!("{beads} ({flagged} flagged)") } else { beads.to_string() };
            let hint = "Beads tracked; flagged ones are orange, with the reason in the table";
            item(ui, "beads", text, (flagged > 0).then_some(Mark::Warning), hint);
            let hint = "Time since the session's start, up to the newest frame";
            item(ui, "time", duration_text(facts.newest_s.max(0.0) as u64), None, hint);
            // Last: of a long name what has room is shown.
            let adapter = RichText::new(&health.on.adapter).size(12.5).color(theme::colors(ui).label);
            ui.add(egui::Label::new(adapter).truncate()).on_hover_text(tracked_on_hint(&health.on));
        });
    }

    fn camera(&self, ui: &mut egui::Ui, facts: &Facts) {
        let asked = facts.asked_hz;
        let slow = self.rate_hz.is_some_and(|rate_hz| rate_hz < 0.95 * asked);
        let got = self.rate_hz.map_or_else(|| "–".to_owned(), |rate_hz| format!("{rate_hz:.1}"));
        let hint = "Frames that arrive per second in the last 2 s, and the rate that the camera was set to";
        item(ui, "camera", format!("{got}/{asked:.1} Hz"), slow.then_some(Mark::Warning), hint);
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
    ui.label(RichText::new(label).size(12.5).color(colors.label)).on_hover_text(hint);
    let mut value = RichText::new(value).font(theme::digits(12.5)).color(color);
    if matches!(mark, Some(Mark::Danger)) {
        value = value.background_color(Color32::from_rgb(190, 32, 32)).strong();
    }
    ui.label(value).on_hover_text(hint);
    ui.add_space(4.0);
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
    let notice = on.notice.as_ref().map_or_else(String::new, |notice| format!("\n{notice}"));
    format!("Beads are tracked on: {}{notice}", on.adapter)
}

fn ledger(ui: &mut egui::Ui, health: &Health, facts: &Facts) {
    let ledger = &health.ledger;
    let hint = "Frames that reached this computer";
    item(ui, "received", grouped(ledger.received), None, hint);
    item(ui, "tracked", grouped(ledger.tracked), None, "Frames whose beads were located");
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

const LOST_HINT: &str = "camera: its frame number jumped, it never sent them (cable, USB hub, driver)\n\
    ring full: tracking was too slow; fewer beads, smaller ROIs or a lower rate\n\
    recorder late: the disk was too slow\n\
    write failed: the disk refused (full, gone)";

/// The engine counts a recording's frames when it is finished; until then they follow from the ledger's sum.
fn recorded_so_far(ledger: &Ledger, is_recording: bool) -> u64 {
    if !is_recording {
        return ledger.recorded;
    }
    ledger.tracked.saturating_sub(ledger.not_asked + ledger.lost.recorder_late + ledger.lost.record_failed)
}

/// Who lost how many; `None` if nobody did.
fn lost_by(lost: &Lost) -> Option<String> {
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

/// Frames per second between the first and the last moment; `None` until half a second lies between.
fn rate_hz(received: &[(Instant, u64)]) -> Option<f64> {
    let ((from, first), (to, last)) = (received.first()?, received.last()?);
    let span = to.duration_since(*from);
    (span >= Duration::from_millis(500)).then(|| last.saturating_sub(*first) as f64 / span.as_secs_f64())
}

#[cfg(test)]
mod tests {
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
    fn rate_is_that_of_the_frames_between() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        assert_eq!(rate_hz(&[(at(0), 10), (at(250), 20)]), None);
        let rate = rate_hz(&[(at(0), 10), (at(250), 20), (at(2000), 210)]).unwrap();
        assert!((rate - 100.0).abs() < 1e-9, "{rate}");
        assert_eq!(rate_hz(&[]), None);
    }

    #[test]
    fn a_running_recording_is_counted_from_the_ledger() {
        let mut ledger = Ledger { tracked: 100, not_asked: 40, recorded: 7, ..Ledger::default() };
        ledger.lost.recorder_late = 5;
        ledger.lost.record_failed = 1;
        assert_eq!(recorded_so_far(&ledger, true), 54);
        assert_eq!(recorded_so_far(&ledger, false), 7);
    }
}
