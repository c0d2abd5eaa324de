//! Where the motors were and how hard the magnets pulled during the last hour, thinned to what a plot can show.

use std::collections::VecDeque;

/// Values of a line that are kept: an hour at 25 a second.
const MOST: usize = 90_000;
/// Values that come sooner after the one before are left out, s: motors are asked 20 times a second.
const SOONEST_S: f64 = 0.04;

/// Lines by name, in the order in which they came.
#[derive(Default)]
pub struct MotorHistory {
    lines: Vec<(String, VecDeque<[f64; 2]>)>,
}

impl MotorHistory {
    /// Takes down a value at `time_s`; NaN is not known. One that is not newer than those before is left out.
    pub fn take(&mut self, name: &str, time_s: f64, value: f64) {
        let place = self.lines.iter().position(|(other, _)| other == name).unwrap_or_else(|| {
            self.lines.push((name.to_owned(), VecDeque::new()));
            self.lines.len() - 1
        });
        let line = &mut self.lines[place].1;
        if line.back().is_some_and(|[last_s, _]| time_s - last_s < SOONEST_S) {
            return;
        }
        line.push_back([time_s, value]);
        if line.len() > MOST {
            line.pop_front();
        }
    }

    /// When the newest value of all lines was taken, s.
    pub fn newest_s(&self) -> Option<f64> {
        self.lines.iter().filter_map(|(_, line)| Some(line.back()?[0])).reduce(f64::max)
    }

    /// A line over `times_s`, as runs without a gap: its lowest and highest value in each of so many columns, so that no step is lost
    /// by thinning, and one value beyond either end, so that the line goes on to the edge.
    pub fn runs(&self, name: &str, times_s: (f64, f64), columns: usize) -> Vec<Vec<[f64; 2]>> {
        let Some((_, line)) = self.lines.iter().find(|(other, _)| other == name) else { return Vec::new() };
        let (from_s, to_s) = times_s;
        let width_s = ((to_s - from_s) / columns.max(1) as f64).max(f64::MIN_POSITIVE);
        let first = line.partition_point(|[time_s, _]| *time_s < from_s).saturating_sub(1);
        let end = (line.partition_point(|[time_s, _]| *time_s <= to_s) + 1).min(line.len());
        let (mut runs, mut run, mut column) = (Vec::new(), Vec::new(), None::<Column>);
        for point in line.range(first..end) {
            if point[1].is_nan() {
                finish(column.take(), &mut run);
                if !run.is_empty() {
                    runs.push(std::mem::take(&mut run));
                }
                continue;
            }
            let number = ((point[0] - from_s) / width_s).floor();
            match &mut column {
                Some(column) if column.number == number => column.take(*point),
                _ => {
                    finish(column.take(), &mut run);
                    column = Some(Column { number, low: *point, high: *point });
                }
            }
        }
        finish(column, &mut run);
        if !run.is_empty() {
            runs.push(run);
        }
        runs
    }
}

/// The values that fall into one column of a plot.
struct Column {
    number: f64,
    low: [f64; 2],
    high: [f64; 2],
}

impl Column {
    fn take(&mut self, point: [f64; 2]) {
        if point[1] < self.low[1] {
            self.low = point;
        }
        if point[1] > self.high[1] {
            self.high = point;
        }
    }
}

/// Puts both ends of a column into a run, in the order of time; one if they are the same.
fn finish(column: Option<Column>, run: &mut Vec<[f64; 2]>) {
    let Some(Column { low, high, .. }) = column else { return };
    let (first, last) = if low[0] <= high[0] { (low, high) } else { (high, low) };
    run.push(first);
    if last != first {
        run.push(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_thinned_to_the_columns_of_a_plot_and_keeps_every_step() {
        let mut history = MotorHistory::default();
        for tick in 0..72_000 {
            let time_s = f64::from(tick) * 0.05;
            // 50 ms at another height, half an hour ago.
            history.take("magnet_height", time_s, if tick == 36_000 { 3.0 } else { 8.0 });
        }
        let runs = history.runs("magnet_height", (0.0, 3600.0), 500);
        assert_eq!(runs.len(), 1);
        assert!(runs[0].len() <= 502, "{}", runs[0].len());
        assert!(runs[0].contains(&[1800.0, 3.0]), "the step is there, at its time");
        assert!(runs[0].is_sorted_by(|a, b| a[0] <= b[0]));
        assert_eq!(history.newest_s(), Some(71_999.0 * 0.05));
        // Looked at closely, the line begins before the plot and ends behind it.
        let close = &history.runs("magnet_height", (10.01, 10.19), 500)[0];
        assert!(close[0][0] < 10.01 && close.last().unwrap()[0] > 10.19 && close.len() == 5, "{close:?}");
        assert!(history.runs("focus", (0.0, 3600.0), 500).is_empty());
    }

    #[test]
    fn a_motor_that_did_not_answer_leaves_a_gap() {
        let mut history = MotorHistory::default();
        for (tick, value) in [1.0, 2.0, f64::NAN, f64::NAN, 3.0].into_iter().enumerate() {
            history.take("focus", tick as f64, value);
        }
        let runs = history.runs("focus", (0.0, 5.0), 100);
        assert_eq!(runs, [vec![[0.0, 1.0], [1.0, 2.0]], vec![[4.0, 3.0]]]);
        // The same answer read again, or one that comes at once.
        history.take("focus", 4.0, 9.0);
        history.take("focus", 4.01, 9.0);
        assert_eq!(history.runs("focus", (0.0, 5.0), 100), runs);
    }
}
