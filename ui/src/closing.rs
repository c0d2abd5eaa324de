//! Whether the window may close at once, or asks first because something would be lost.

use eframe::egui::{self, Align2, ViewportCommand, Window};

/// The question.
#[derive(Default)]
pub struct Closing {
    is_asking: bool,
    is_agreed: bool,
}

impl Closing {
    /// Keeps the window open for now, if it is to be closed and something would be lost that nobody has agreed to.
    pub fn watch(&mut self, context: &egui::Context, loses: impl FnOnce() -> bool) {
        let is_closing = context.input(|input| input.viewport().close_requested());
        if is_closing && !self.is_agreed && loses() {
            context.send_viewport_cmd(ViewportCommand::CancelClose);
            self.is_asking = true;
        }
    }

    /// Whether it lies over the window.
    pub fn is_asking(&self) -> bool {
        self.is_asking
    }

    /// Draws the question.
    pub fn show(&mut self, context: &egui::Context) {
        if !self.is_asking {
            return;
        }
        let window = Window::new("Close Beadscope?").collapsible(false).resizable(false);
        window.anchor(Align2::CENTER_CENTER, [0.0, 0.0]).show(context, |ui| {
            ui.label(
                "The Z-LUTs of the last sweep were neither used nor saved. They are lost with the session.",
            );
            ui.horizontal(|ui| {
                if ui.button("Close and lose them").clicked() {
                    (self.is_asking, self.is_agreed) = (false, true);
                    context.send_viewport_cmd(ViewportCommand::Close);
                }
                let stays = ui.button("Stay").on_hover_text("Then save one in the pane Z-LUT").clicked();
                if stays || ui.input(|input| input.key_pressed(egui::Key::Escape)) {
                    self.is_asking = false;
                }
            });
        });
    }
}
