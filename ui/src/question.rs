//! A question over everything else, about what cannot be taken back.

use eframe::egui::{self, Id, Modal, RichText};

use crate::theme;

/// What is asked, and what the answers are called.
pub struct Question {
    /// In bold.
    pub title: &'static str,
    /// What would be lost, a line each.
    pub lost: Vec<String>,
    /// The button that does it.
    pub yes: &'static str,
    /// What that button does, for those who hover over it.
    pub hint: &'static str,
}

impl Question {
    /// Draws it; the answer, once there is one. Escape and a click beside it mean no.
    pub fn show(&self, context: &egui::Context) -> Option<bool> {
        let mut answer = None;
        let modal = Modal::new(Id::unique("question")).show(context, |ui| {
            ui.set_width(440.0);
            ui.label(RichText::new(self.title).heading().strong());
            for lost in &self.lost {
                let text = RichText::new(format!("• {lost}")).color(theme::colors(ui).warning);
                ui.add(egui::Label::new(text).wrap());
            }
            ui.add_space(6.0);
            ui.horizontal(|ui| {
                if ui.button("Stay").on_hover_text("Nothing is changed (Escape)").clicked() {
                    answer = Some(false);
                }
                if ui.button(self.yes).on_hover_text(self.hint).clicked() {
                    answer = Some(true);
                }
            });
        });
        answer.or_else(|| modal.should_close().then_some(false))
    }
}
