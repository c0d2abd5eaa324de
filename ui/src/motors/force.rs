//! The force of the magnets: what it is, where to go, how fast.

use beadscope_engine::command::Command;
use beadscope_engine::magnets::{ForceState, RampState};
use eframe::egui::{self, DragValue, ProgressBar, RichText};

use crate::theme::{self, named};

/// What was typed.
pub(super) struct ForcePanel {
    target_pn: f64,
    rate_pn_per_s: f64,
}

impl Default for ForcePanel {
    fn default() -> Self {
        Self { target_pn: 1.0, rate_pn_per_s: 0.5 }
    }
}

impl ForcePanel {
    pub(super) fn show(&mut self, ui: &mut egui::Ui, state: &ForceState) -> Option<Command> {
        let colors = theme::colors(ui);
        let [least, greatest] = state.range_pn;
        ui.horizontal(|ui| {
            ui.label(RichText::new("Force").color(colors.label));
            let (text, color) = match state.force {
                Some(force) if force.is_calibrated => (format!("{:>7.3} pN", force.pn), colors.value),
                Some(_) => ("beyond what was calibrated".to_owned(), colors.warning),
                None => ("not known".to_owned(), colors.danger),
            };
            let source = format!(
                "From the height of the magnets, by {}: {least:.3} to {greatest:.3} pN",
                state.source
            );
            ui.label(RichText::new(text).monospace().color(color)).on_hover_text(source);
        });
        let mut asked = None;
        ui.horizontal(|ui| {
            let target =
                DragValue::new(&mut self.target_pn).range(least..=greatest).speed(0.05).suffix(" pN");
            named(&ui.add(target).on_hover_text("Force to go to"), "Target of the force".to_owned());
            let go = ui.button("Go").on_hover_text("Sends the magnets to this force");
            named(&go, "Go to the force".to_owned());
            if go.clicked() {
                asked = Some(Command::ForceGo { force_pn: self.target_pn });
            }
        });
        match &state.ramp {
            Some(ramp) if ramp.is_running => {
                ui.horizontal(|ui| {
                    ui.add(
                        ProgressBar::new(part(ramp))
                            .desired_width(90.0)
                            .text(format!("{:.2} pN", ramp.wanted_pn)),
                    );
                    let stop = ui.button("⏹").on_hover_text("Ends the ramp; the magnets stay");
                    named(&stop, "End the ramp".to_owned());
                    if stop.clicked() {
                        asked = Some(Command::ForceStop {});
                    }
                });
            }
            _ => {
                ui.horizontal(|ui| {
                    let rate = DragValue::new(&mut self.rate_pn_per_s)
                        .range(1e-3..=100.0)
                        .speed(0.01)
                        .suffix(" pN/s");
                    named(
                        &ui.add(rate).on_hover_text("Change of the force in a second"),
                        "Rate of the ramp".to_owned(),
                    );
                    if ui.button("Ramp").on_hover_text("Goes to the force above at this rate").clicked() {
                        let (to_pn, rate_pn_per_s) = (self.target_pn, self.rate_pn_per_s);
                        asked = Some(Command::ForceRamp { to_pn, rate_pn_per_s });
                    }
                });
            }
        }
        asked
    }
}

/// How much of a ramp is done.
fn part(ramp: &RampState) -> f32 {
    let whole = ramp.to_pn - ramp.from_pn;
    if whole == 0.0 { 1.0 } else { ((ramp.wanted_pn - ramp.from_pn) / whole) as f32 }
}
