//! The strip of motors: where each axis is, where it goes, and the buttons that send it.

use std::collections::BTreeMap;

use beadscope_engine::command::Command;
use beadscope_engine::hardware::{AxisReading, AxisUnit};
use eframe::egui::{self, Button, DragValue, RichText};

use crate::theme;

/// The steps that an axis is offered, and the digits behind its point.
fn steps_of(unit: AxisUnit) -> (&'static [f64], usize) {
    match unit {
        AxisUnit::Mm => (&[0.01, 0.05, 0.1, 0.5, 1.0], 3),
        AxisUnit::Nm => (&[10.0, 50.0, 100.0, 500.0], 0),
        AxisUnit::Turns => (&[0.25, 1.0, 5.0, 10.0], 2),
    }
}

/// What was typed and chosen, by axis.
#[derive(Default)]
pub struct Motors {
    chosen: BTreeMap<String, Chosen>,
}

struct Chosen {
    target: f64,
    step: f64,
}

impl Motors {
    /// Draws the strip; what is asked for, if anything is.
    pub fn show(&mut self, ui: &mut egui::Ui, axes: &[AxisReading]) -> Option<Command> {
        let mut asked = None;
        // A window of its own may be narrower than all motors.
        let all = egui::ScrollArea::horizontal().auto_shrink(false);
        all.show(ui, |ui| {
            ui.horizontal(|ui| {
                let stop = Button::new(RichText::new("⏹ Stop all").color(theme::colors(ui).danger));
                if ui.add(stop).on_hover_text("Brings every motor to rest (Escape)").clicked() {
                    asked = Some(Command::AxisStop { axis: None });
                }
                for axis in axes {
                    ui.separator();
                    ui.vertical(|ui| {
                        if let Some(command) = self.axis(ui, axis) {
                            asked = Some(command);
                        }
                    });
                }
            })
        });
        asked
    }

    fn axis(&mut self, ui: &mut egui::Ui, axis: &AxisReading) -> Option<Command> {
        let colors = theme::colors(ui);
        let (name, unit) = (&axis.info.name, axis.info.unit.symbol());
        let (steps, digits) = steps_of(axis.info.unit);
        let [least, greatest] = axis.info.limits;
        let chosen = self.chosen.entry(name.clone()).or_insert_with(|| Chosen {
            target: axis.state.map_or(least, |state| state.position),
            step: steps[steps.len() / 2],
        });
        let mut asked = None;
        ui.horizontal(|ui| {
            ui.label(RichText::new(label(name)).color(colors.label));
            match (axis.state, &axis.error) {
                (Some(state), _) => {
                    // No wider for a sign that comes and goes.
                    let text = RichText::new(format!("{:>9.digits$} {unit}", state.position)).monospace();
                    let moving = if state.is_moving { colors.accent } else { colors.value };
                    ui.label(text.color(moving)).on_hover_text(format!(
                        "{name}: goes from {least} to {greatest} {unit}{}",
                        axis.target.map_or(String::new(), |target| format!(", sent to {target} {unit}"))
                    ));
                }
                (None, error) => {
                    let why = error.clone().unwrap_or_default();
                    ui.label(RichText::new("not there").color(colors.danger)).on_hover_text(why);
                }
            }
        });
        ui.horizontal(|ui| {
            let target = DragValue::new(&mut chosen.target)
                .range(least..=greatest)
                .speed(chosen.step / 10.0)
                .max_decimals(digits)
                .suffix(format!(" {unit}"));
            let field = ui.add(target).on_hover_text("Where to go: drag, or click and type");
            let entered = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
            let go = ui.button("Go").on_hover_text(format!("Sends {name} to {} {unit}", chosen.target));
            if go.clicked() || entered {
                asked = Some(Command::AxisMove { axis: name.clone(), to: chosen.target });
            }
            for (sign, text) in [(-1.0, "−"), (1.0, "+")] {
                let by = sign * chosen.step;
                let step = ui.button(text).on_hover_text(format!("Moves {name} by {by} {unit}"));
                if step.clicked() {
                    asked = Some(Command::AxisStep { axis: name.clone(), by });
                }
            }
            let choice = egui::ComboBox::from_id_salt(name).width(56.0);
            let choice = choice.selected_text(format!("{} {unit}", chosen.step));
            let choice = choice.show_ui(ui, |ui| {
                for step in steps {
                    ui.selectable_value(&mut chosen.step, *step, format!("{step} {unit}"));
                }
            });
            choice.response.on_hover_text("Step of − and +");
            if ui.button("⏹").on_hover_text(format!("Brings {name} to rest")).clicked() {
                asked = Some(Command::AxisStop { axis: Some(name.clone()) });
            }
        });
        asked
    }
}

/// `magnet_height` as a person says it.
fn label(name: &str) -> String {
    let spaced = name.replace('_', " ");
    let mut letters = spaced.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_as_people_say_them() {
        assert_eq!((label("magnet_height"), label("")), ("Magnet height".to_owned(), String::new()));
    }
}
