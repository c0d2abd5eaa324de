//! The time axis of the plots: from what it counts, and from when to when it goes.

use eframe::egui::{self, ComboBox, DragValue};

use crate::figure::Axis;

/// From what time counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zero {
    /// The session's start.
    #[default]
    Start,
    /// The newest value.
    Newest,
    /// Midnight, in UTC: what the system knows of time zones is not known here.
    Clock,
}

const ZEROS: [(Zero, &str, &str); 3] = [
    (Zero::Start, "since start", "time since start (s)"),
    (Zero::Newest, "relative time", "time before the newest value (s)"),
    (Zero::Clock, "clock (UTC)", "time of day (UTC)"),
];

/// What the axis shows.
#[derive(Default)]
pub struct TimeAxis {
    /// From what it counts.
    pub zero: Zero,
    /// From when to when, s, as it counts (by the clock: since start); `None`: the chosen span up to the newest frame.
    pub limits: Option<(f64, f64)>,
    /// Unix time of the session's start, ns.
    pub start_unix_ns: u64,
}

impl TimeAxis {
    /// Where its 0 is, s since start, when the newest frame is at `end_s`.
    pub fn zero_s(&self, end_s: f64) -> f64 {
        if self.zero == Zero::Newest { end_s } else { 0.0 }
    }

    /// From when to when, s since start.
    pub fn range_s(&self, end_s: f64, span_s: f64) -> (f64, f64) {
        let zero_s = self.zero_s(end_s);
        self.limits.map_or((end_s - span_s, end_s), |(from, to)| (from + zero_s, to + zero_s))
    }

    /// As a figure has it.
    pub fn axis(&self, end_s: f64, span_s: f64) -> Axis {
        let zero_s = self.zero_s(end_s);
        let (from_s, to_s) = self.range_s(end_s, span_s);
        let label = ZEROS.iter().find(|(zero, ..)| *zero == self.zero).map_or("", |(.., label)| label);
        let clock_unix_ns = (self.zero == Zero::Clock).then_some(self.start_unix_ns);
        Axis { range: (from_s - zero_s, to_s - zero_s), clock_unix_ns, ..Axis::new(label) }
    }

    /// Counts from another time; the limits stay where they are.
    pub fn count_from(&mut self, zero: Zero, end_s: f64) {
        let before_s = self.zero_s(end_s);
        self.zero = zero;
        let by_s = before_s - self.zero_s(end_s);
        self.limits = self.limits.map(|(from, to)| (from + by_s, to + by_s));
    }

    /// Draws the choice and the limits; whether something was changed.
    pub fn show(&mut self, ui: &mut egui::Ui, end_s: f64, span_s: f64) -> bool {
        let before = (self.zero, self.limits);
        let name = ZEROS.iter().find(|(zero, ..)| *zero == self.zero).map_or("", |(_, name, _)| name);
        let mut zero = self.zero;
        ComboBox::from_id_salt("zero of time")
            .selected_text(name)
            .show_ui(ui, |ui| {
                ZEROS.iter().for_each(|(other, name, _)| {
                    ui.selectable_value(&mut zero, *other, *name);
                });
            })
            .response
            .on_hover_text("From what the time axis counts");
        if zero != self.zero {
            self.count_from(zero, end_s);
        }
        let mut is_limited = self.limits.is_some();
        let limited = ui.checkbox(&mut is_limited, "time limits");
        if limited
            .on_hover_text("From when to when is shown; otherwise the span up to the newest frame")
            .changed()
        {
            let (from_s, to_s) = self.axis(end_s, span_s).range;
            self.limits = is_limited.then_some((from_s, to_s));
        }
        let axis = self.axis(end_s, span_s);
        if let Some((from, to)) = &mut self.limits {
            let speed = ((*to - *from) / 200.0).max(1e-3);
            field(ui, "From", from, speed, &axis);
            field(ui, "to", to, speed, &axis);
            *to = to.max(*from + 1e-3);
        }
        (self.zero, self.limits) != before
    }
}

fn field(ui: &mut egui::Ui, name: &str, value: &mut f64, speed: f64, axis: &Axis) {
    let label = ui.label(name);
    let near_s = *value;
    let mut drag = DragValue::new(value).speed(speed).max_decimals(2);
    if let Some(start_unix_ns) = axis.clock_unix_ns {
        drag = drag
            .custom_formatter(|value, _| axis.text(value))
            .custom_parser(move |text| since_start(text, start_unix_ns, near_s));
    } else {
        drag = drag.suffix(" s");
    }
    ui.add(drag).labelled_by(label.id).on_hover_text("Drag, or click and type");
}

/// A time of day as seconds since the session's start, on the day on which it is nearest to `near_s`.
fn since_start(text: &str, start_unix_ns: u64, near_s: f64) -> Option<f64> {
    const DAY_S: f64 = 86_400.0;
    let mut parts = text.trim().split(':').map(|part| part.parse::<f64>().ok().filter(|part| *part >= 0.0));
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0.0))?);
    let is_time = parts.next().is_none() && hours < 24.0 && minutes < 60.0 && seconds < 60.0;
    let of_day_s = 3600.0 * hours + 60.0 * minutes + seconds;
    let start_s = (start_unix_ns % 86_400_000_000_000) as f64 * 1e-9;
    let at_s = of_day_s - start_s;
    is_time.then(|| at_s + ((near_s - at_s) / DAY_S).round() * DAY_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_stay_where_they_are_when_time_counts_from_elsewhere() {
        let mut time = TimeAxis::default();
        assert_eq!(time.axis(100.0, 30.0).range, (70.0, 100.0));
        time.limits = Some((80.0, 90.0));
        time.count_from(Zero::Newest, 100.0);
        assert_eq!((time.limits, time.range_s(100.0, 30.0)), (Some((-20.0, -10.0)), (80.0, 90.0)));
        // They go with the newest frame now.
        assert_eq!(time.range_s(105.0, 30.0), (85.0, 95.0));
        assert_eq!(time.axis(105.0, 30.0).range, (-20.0, -10.0));
        time.count_from(Zero::Clock, 105.0);
        let axis = time.axis(105.0, 30.0);
        assert_eq!((axis.range, axis.clock_unix_ns), ((85.0, 95.0), Some(0)));
        assert!(axis.label.contains("UTC"), "it is no local time: {}", axis.label);
    }

    #[test]
    fn a_time_of_day_is_read_on_the_day_that_is_shown() {
        // 23:00:00 on some day.
        let start = (365 * 86_400 + 23 * 3600) * 1_000_000_000;
        assert_eq!(since_start("23:00:10", start, 0.0), Some(10.0));
        assert_eq!(since_start(" 1:30 ", start, 8000.0), Some(2.5 * 3600.0), "after midnight");
        assert_eq!(since_start("22:59:59.5", start, 0.0), Some(-0.5));
        for wrong in ["", "12", "24:00", "12:60", "1:2:3:4", "noon", "-1:00"] {
            assert_eq!(since_start(wrong, start, 0.0), None, "{wrong}");
        }
    }
}
