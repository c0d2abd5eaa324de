//! Parts of the window that panic: they are told about in their place, and everything else goes on, also the run.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use eframe::egui::{self, RichText};

use crate::theme;

/// The parts that have panicked, and what they said.
#[derive(Default)]
pub struct Guard {
    broken: BTreeMap<&'static str, String>,
    /// What has failed last and is to be told.
    news: Option<String>,
    /// A part that is to panic.
    #[cfg(test)]
    pub breaks: Option<&'static str>,
}

impl Guard {
    /// Draws a part; one that has panicked before says so and can be tried again.
    pub fn show(&mut self, ui: &mut egui::Ui, part: &'static str, draw: impl FnOnce(&mut egui::Ui)) {
        let Some(what) = self.broken.get(part) else {
            self.run(part, || draw(ui));
            return;
        };
        let text = format!(
            "{part} has failed: {what}. Everything else goes on, also a recording. Please report it with what the pane Log says."
        );
        ui.horizontal_wrapped(|ui| {
            ui.colored_label(theme::colors(ui).danger, RichText::new("⚠ Internal error").strong());
            ui.label(text);
            if ui.button("Try again").on_hover_text("Draws it once more; nothing else is changed").clicked() {
                self.broken.remove(part);
            }
        });
    }

    /// Does something; what it gave, or `None` if it has panicked.
    pub fn run<T>(&mut self, part: &'static str, work: impl FnOnce() -> T) -> Option<T> {
        #[cfg(test)]
        let work = {
            let breaks = self.breaks == Some(part);
            move || {
                assert!(!breaks, "a bug");
                work()
            }
        };
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(done) => {
                self.broken.remove(part);
                Some(done)
            }
            Err(panic) => {
                let what = said(&*panic);
                // What fails forty times a second is told once.
                if self.broken.get(part) != Some(&what) {
                    tracing::error!("{part} has failed: {what}");
                    self.news = Some(format!("{part} has failed: {what}"));
                }
                self.broken.insert(part, what);
                None
            }
        }
    }

    /// What has failed since this was asked last, once.
    pub fn news(&mut self) -> Option<String> {
        self.news.take()
    }

    #[cfg(test)]
    pub fn is_broken(&self, part: &str) -> bool {
        self.broken.contains_key(part)
    }

    /// Everything is tried again.
    pub fn forget(&mut self) {
        self.broken.clear();
    }
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
