//! What the program has logged: the last lines in memory, and the panel that shows them.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use beadscope_engine::clock::{unix_ns_now, utc_text};
use eframe::egui::{self, RichText, ScrollArea};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::theme;

/// Lines that are kept; the oldest go.
const LINES: usize = 1000;
/// Bytes that are kept of a message.
const MESSAGE_BYTES: usize = 2000;

/// The last lines that were logged. It is a layer of the subscriber; its clones are the same log.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<VecDeque<Arc<Line>>>>);

/// A line of the log.
#[derive(Debug)]
struct Line {
    level: Level,
    target: String,
    #[cfg(test)]
    message: String,
    /// As it is shown, made once, and the same in small letters, in which it is sought.
    text: String,
    sought: String,
}

impl Log {
    /// The lines. They are copied, so that a thread that logs does not wait until they are drawn.
    fn lines(&self) -> Vec<Arc<Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
impl Log {
    /// What was logged, without time and level.
    pub fn texts(&self) -> Vec<String> {
        self.lines().iter().map(|line| line.message.clone()).collect()
    }
}

/// The pane: which of the lines are shown.
pub struct LogPane {
    log: Log,
    filter: String,
    /// Lines of this level and of more serious ones.
    least: Level,
    follows: bool,
}

impl LogPane {
    /// Shows this log, all of it.
    pub fn new(log: Log) -> Self {
        Self { log, filter: String::new(), least: Level::INFO, follows: true }
    }

    /// Draws the lines, the newest at the bottom.
    pub fn show(&mut self, ui: &mut egui::Ui) {
        let colors = theme::colors(ui);
        let lines = self.lines();
        ui.horizontal(|ui| {
            for (level, name, hint) in [
                (Level::ERROR, "Errors", "What has failed"),
                (Level::WARN, "Warnings", "Errors, and what is worth a look"),
                (Level::INFO, "Info", "What was done besides"),
                (
                    Level::TRACE,
                    "Debug",
                    "Everything that is kept: also what helps to find a mistake in Beadscope",
                ),
            ] {
                ui.selectable_value(&mut self.least, level, name).on_hover_text(hint);
            }
            let field =
                egui::TextEdit::singleline(&mut self.filter).hint_text("Search the log").desired_width(220.0);
            ui.add(field).on_hover_text("Shows only lines with this in them, in large or small letters");
            ui.checkbox(&mut self.follows, "Follow").on_hover_text("Keeps the newest line in view");
            if ui.button("📋 Copy").on_hover_text("Copies the lines that are shown").clicked() {
                ui.copy_text(lines.iter().flat_map(|line| [line.text.as_str(), "\n"]).collect());
            }
        });
        let height = ui.text_style_height(&egui::TextStyle::Monospace);
        let area = ScrollArea::both().auto_shrink(false).stick_to_bottom(self.follows);
        area.show_rows(ui, height, lines.len(), |ui, shown| {
            for line in &lines[shown] {
                let color = match line.level {
                    Level::ERROR => colors.danger,
                    Level::WARN => colors.warning,
                    _ => colors.value,
                };
                let text = RichText::new(&line.text).monospace().color(color);
                ui.add(egui::Label::new(text).extend()).on_hover_text(&line.target);
            }
        });
    }

    /// The lines that are asked for.
    fn lines(&self) -> Vec<Arc<Line>> {
        let sought = self.filter.to_lowercase();
        // Levels are ordered by how much they let through.
        let fits = |line: &Arc<Line>| line.level <= self.least && line.sought.contains(&sought);
        self.log.lines().into_iter().filter(fits).collect()
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        let Message(mut message) = message;
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES));
        let (level, target) = (*event.metadata().level(), event.metadata().target().to_owned());
        let text = format!("{} {:5} {message}", utc_text(unix_ns_now()), level.as_str());
        let sought = text.to_lowercase();
        let line = Arc::new(Line {
            level,
            target,
            #[cfg(test)]
            message,
            text,
            sought,
        });
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Gathers an event's message and its fields, in their order.
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let space = if self.0.is_empty() { "" } else { " " };
        // Writing into a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{space}{value:?}"),
            name => write!(self.0, "{space}{name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn the_newest_lines_stay_with_their_level_and_fields() {
        let log = Log::default();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log.clone()), || {
            for number in 0..LINES {
                tracing::info!("line {number}");
            }
            tracing::warn!(beads = 3, "{}", "µ".repeat(MESSAGE_BYTES));
        });
        let lines = log.lines();
        assert_eq!((lines.len(), lines[0].message.as_str()), (LINES, "line 1"), "the first has gone");
        let last = &lines[LINES - 1];
        assert_eq!((last.level, last.target.as_str()), (Level::WARN, "beadscope_ui::log::tests"));
        assert!(last.message.len() <= MESSAGE_BYTES && last.message.ends_with('µ'), "cut between letters");
        assert!(last.text.contains("Z WARN  µ"), "{}", last.text);
    }

    #[test]
    fn lines_are_found_by_level_and_text() {
        let log = Log::default();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log.clone()), || {
            tracing::info!(beads = 3, "found");
            tracing::warn!("the Disk is slow");
            tracing::error!("the disk is gone");
        });
        assert_eq!(log.lines()[0].message, "found beads=3");
        let mut pane = LogPane::new(log);
        let mut count = |least, filter: &str| {
            (pane.least, pane.filter) = (least, filter.to_owned());
            pane.lines().len()
        };
        assert_eq!([count(Level::TRACE, ""), count(Level::WARN, ""), count(Level::ERROR, "")], [3, 2, 1]);
        assert_eq!(
            [count(Level::TRACE, "DISK"), count(Level::TRACE, "beads=3"), count(Level::WARN, "found")],
            [2, 1, 0]
        );
    }
}
