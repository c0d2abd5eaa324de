//! The strip of motors: where each axis is, where it goes, and the buttons that send it; the force of the magnets beside them.

mod force;

use std::collections::BTreeMap;

use beadscope_engine::command::Command;
use beadscope_engine::hardware::{AxisReading, AxisUnit};
use beadscope_engine::magnets::ForceState;
use eframe::egui::{self, Button, DragValue, RichText};

use crate::theme::{self, named};
use force::ForcePanel;

/// A step that ends nearer to a limit than this part of the range is asked about first.
const NEAR_LIMIT: f64 = 0.02;
/// Width of an axis, points.
const COLUMN: f32 = 300.0;

/// The steps that an axis is offered, the digits behind its point, and how fast it goes while a button is held, in a second: slow enough to
/// be stopped by eye.
fn steps_of(unit: AxisUnit) -> (&'static [f64], usize, f64) {
    match unit {
        AxisUnit::Mm => (&[0.01, 0.05, 0.1, 0.5, 1.0], 3, 0.5),
        AxisUnit::Um => (&[0.1, 1.0, 10.0, 100.0], 2, 50.0),
        AxisUnit::Nm => (&[10.0, 50.0, 100.0, 500.0], 0, 200.0),
        AxisUnit::Turns => (&[0.25, 1.0, 5.0, 10.0], 2, 1.0),
    }
}

/// What was typed and chosen.
#[derive(Default)]
pub struct Motors {
    chosen: BTreeMap<String, Chosen>,
    force: ForcePanel,
    /// Is asked about before it is done: the axis, what it is, and what it says.
    doubtful: Option<(String, Command, String)>,
    /// Is driven as long as its button is held.
    driven: Option<String>,
    /// Its button was held when it was drawn last, in whatever window.
    is_held: bool,
}

struct Chosen {
    target: f64,
    step: f64,
}

impl Motors {
    /// What is driven stops once its button is not drawn as held any more: its pane is closed, behind another or has failed, or no window
    /// is drawn at all. To be called once before every drawing.
    pub fn let_go(&mut self) -> Option<Command> {
        let is_held = std::mem::take(&mut self.is_held);
        let driven = self.driven.take_if(|_| !is_held)?;
        Some(Command::AxisStop { axis: Some(driven) })
    }

    #[cfg(test)]
    pub fn is_driving(&self) -> bool {
        self.driven.is_some()
    }

    /// Draws the strip; what is asked for, in its order.
    pub fn show(
        &mut self,
        ui: &mut egui::Ui,
        axes: &[AxisReading],
        force: Option<&ForceState>,
    ) -> Vec<Command> {
        let mut asked = Vec::new();
        let mut held = None;
        // The window that the pane is in decides: another one does not hear of the button.
        let can_hold =
            ui.input(|input| input.focused && input.pointer.any_down() && input.pointer.has_pointer());
        // A window of its own may be narrower than all motors, and lower.
        egui::ScrollArea::both().auto_shrink(false).show(ui, |ui| {
            ui.horizontal_top(|ui| {
                ui.vertical(|ui| asked.extend(stops(ui, axes)));
                if let Some(force) = force {
                    ui.separator();
                    ui.vertical(|ui| asked.extend(self.force.show(ui, force)));
                }
                for axis in axes {
                    ui.separator();
                    ui.vertical(|ui| {
                        // No wider for a question that comes and goes: what is held stays under the pointer.
                        ui.set_width(COLUMN);
                        asked.extend(self.axis(ui, axis));
                        if self.is_doubtful(&axis.info.name) {
                            asked.extend(self.confirm(ui));
                        } else {
                            held = held.take().or(self.drive(ui, axis, &mut asked));
                        }
                    });
                }
            })
        });
        let held = held.filter(|_| can_hold);
        self.is_held = held.is_some();
        // A button that is no longer held, or is not there any more.
        if let Some(axis) = self.driven.take_if(|driven| held.as_ref() != Some(driven)) {
            asked.push(Command::AxisStop { axis: Some(axis) });
        }
        asked
    }

    fn axis(&mut self, ui: &mut egui::Ui, axis: &AxisReading) -> Option<Command> {
        let (name, unit) = (&axis.info.name, axis.info.unit.symbol());
        let (steps, digits, _) = steps_of(axis.info.unit);
        let [least, greatest] = axis.info.limits;
        let chosen = self.chosen.entry(name.clone()).or_insert_with(|| Chosen {
            target: axis.state.map_or(least, |state| state.position),
            step: steps[steps.len() / 2],
        });
        let mut asked = None;
        ui.horizontal(|ui| where_it_is(ui, axis, digits));
        ui.horizontal(|ui| {
            let target = DragValue::new(&mut chosen.target)
                .range(least..=greatest)
                .speed(chosen.step / 10.0)
                .max_decimals(digits)
                .suffix(format!(" {unit}"));
            let field = ui.add(target).on_hover_text("Where to go: drag, or click and type");
            named(&field, format!("Target of {}", label(name)));
            let entered = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
            let go = ui.button("Go").on_hover_text(format!("Sends {name} to {} {unit}", chosen.target));
            named(&go, format!("Go, {}", label(name)));
            if go.clicked() || entered {
                let (axis, to) = (name.clone(), chosen.target);
                asked = Some((Command::AxisMove { axis, to, speed: None, clamp: None }, to));
            }
            let from = axis.target.or(axis.state.map(|state| state.position));
            for (sign, text) in [(-1.0, "−"), (1.0, "+")] {
                let by = sign * chosen.step;
                let step = ui.button(text).on_hover_text(format!("Moves {name} by {by} {unit}"));
                named(
                    &step,
                    format!(
                        "{} {} {unit} {}",
                        label(name),
                        chosen.step,
                        if sign > 0.0 { "up" } else { "down" }
                    ),
                );
                if step.clicked() {
                    asked = Some((Command::AxisStep { axis: name.clone(), by }, from.unwrap_or(0.0) + by));
                }
            }
            let choice = egui::ComboBox::from_id_salt(name).width(56.0);
            let choice = choice.selected_text(format!("{} {unit}", chosen.step));
            let choice = choice.show_ui(ui, |ui| {
                for step in steps {
                    ui.selectable_value(&mut chosen.step, *step, format!("{step} {unit}"));
                }
            });
            let response = choice.response.on_hover_text("Step of − and +");
            named(&response, format!("Step of {}", label(name)));
        });
        asked.and_then(|(command, to)| {
            let left = (to - least).min(greatest - to);
            if left >= NEAR_LIMIT * (greatest - least) || left < 0.0 {
                // What lies beyond is refused, with its reason.
                return Some(command);
            }
            let doubt = format!("ends {left:.digits$} {unit} from its limit");
            self.doubtful = Some((name.clone(), command, doubt));
            None
        })
    }

    fn is_doubtful(&self, axis: &str) -> bool {
        self.doubtful.as_ref().is_some_and(|(doubtful, ..)| doubtful == axis)
    }

    /// The question about what was asked last.
    fn confirm(&mut self, ui: &mut egui::Ui) -> Option<Command> {
        let (_, command, doubt) = self.doubtful.as_ref()?;
        let (mut is_wanted, mut is_over) = (false, false);
        ui.horizontal(|ui| {
            ui.label(RichText::new(doubt).color(theme::colors(ui).warning));
            is_wanted = ui.button("Do it").on_hover_text(command.to_string()).clicked();
            is_over = is_wanted || ui.button("Cancel").on_hover_text("Nothing moves").clicked();
        });
        let command = is_wanted.then(|| command.clone());
        if is_over {
            self.doubtful = None;
        }
        command
    }

    /// What else an axis does; its name if it is to go on being driven.
    fn drive(&mut self, ui: &mut egui::Ui, axis: &AxisReading, asked: &mut Vec<Command>) -> Option<String> {
        let (name, unit) = (axis.info.name.clone(), axis.info.unit.symbol());
        let mut held = None;
        ui.horizontal(|ui| {
            if let Some([slowest, fastest]) = axis.info.can.speed {
                let speed = steps_of(axis.info.unit).2.clamp(slowest, fastest);
                for (sign, text) in [(-1.0, "◀"), (1.0, "▶")] {
                    let drive = ui.add(Button::new(text).sense(egui::Sense::click_and_drag()));
                    let drive = drive.on_hover_text(format!("Hold it: moves {name} at {speed:.3} {unit}/s"));
                    let direction = if sign > 0.0 { "up" } else { "down" };
                    named(&drive, format!("Drive {} {direction}", label(&name)));
                    let is_down = drive.is_pointer_button_down_on();
                    if is_down && self.driven.is_none() {
                        asked.push(Command::AxisDrive { axis: name.clone(), speed: sign * speed });
                        self.driven = Some(name.clone());
                    }
                    if is_down {
                        held = Some(name.clone());
                    }
                }
            }
            let stop = ui.button("⏹").on_hover_text(format!("Brings {name} to rest"));
            named(&stop, format!("Stop {}", label(&name)));
            if stop.clicked() {
                asked.push(Command::AxisStop { axis: Some(name.clone()) });
            }
            if axis.info.can.home {
                let home = ui.button("Home").on_hover_text("Has it look for its reference; asks first");
                named(&home, format!("Home {}", label(&name)));
                if home.clicked() {
                    let doubt = "may go through all of its way".to_owned();
                    self.doubtful = Some((name.clone(), Command::AxisHome { axis: name.clone() }, doubt));
                }
            }
            if axis.info.unit == AxisUnit::Turns {
                let zero = ui.button("Zero").on_hover_text("Calls where it is 0; nothing moves. Asks first");
                named(&zero, format!("Zero {}", label(&name)));
                if zero.clicked() {
                    let doubt = "what it shows now becomes 0, and the old 0 is forgotten".to_owned();
                    self.doubtful = Some((name.clone(), Command::AxisZero { axis: name.clone() }, doubt));
                }
            }
            if let Some(owner) = axis.owner {
                let take = if owner == "window" { "Free it" } else { "Take it" };
                let hold = ui.button(take).on_hover_text(format!("Held by the {owner}"));
                named(&hold, format!("{take}: {}", label(&name)));
                if hold.clicked() {
                    asked.push(if owner == "window" {
                        Command::AxisRelease { axis: name.clone() }
                    } else {
                        Command::AxisTake { axis: name.clone() }
                    });
                }
            }
        });
        held
    }
}

/// The buttons that end all motion, and the one that allows it again.
fn stops(ui: &mut egui::Ui, axes: &[AxisReading]) -> Option<Command> {
    let danger = theme::colors(ui).danger;
    if axes.iter().any(|axis| axis.is_stopped) {
        ui.label(RichText::new("Emergency stop").color(danger).strong());
        let resume = ui.button("Resume").on_hover_text("Lets motors move again: look first what happened");
        let again = ui.button("Stop again").on_hover_text("For one that has not heard (Shift+Escape)");
        let again = again.clicked().then_some(Command::AxisEmergencyStop {});
        return again.or(resume.clicked().then_some(Command::AxisResume {}));
    }
    let stop = ui.add(Button::new(RichText::new("⏹ Stop all").color(danger)));
    let stop = stop.on_hover_text("Brings every motor to rest (Escape)").clicked();
    let emergency = ui.add(Button::new(RichText::new("Emergency stop").color(danger)));
    let emergency = emergency
        .on_hover_text("As fast as they can; nothing moves again before you resume (Shift+Escape)")
        .clicked();
    match (emergency, stop) {
        (true, _) => Some(Command::AxisEmergencyStop {}),
        (false, true) => Some(Command::AxisStop { axis: None }),
        (false, false) => None,
    }
}

fn where_it_is(ui: &mut egui::Ui, axis: &AxisReading, digits: usize) {
    let colors = theme::colors(ui);
    let (name, unit) = (&axis.info.name, axis.info.unit.symbol());
    let [least, greatest] = axis.info.limits;
    ui.label(RichText::new(label(name)).color(colors.label));
    let Some(state) = axis.state else {
        let why = axis.error.clone().unwrap_or_default();
        ui.label(RichText::new("not there").color(colors.danger)).on_hover_text(why);
        return;
    };
    // No wider for a sign that comes and goes.
    let text = RichText::new(format!("{:>9.digits$} {unit}", state.position)).monospace();
    let color = match (state.is_referenced, state.is_moving) {
        (false, _) => colors.warning,
        (true, true) => colors.accent,
        (true, false) => colors.value,
    };
    ui.label(text.color(color)).on_hover_text(format!(
        "{name}: goes from {least:.digits$} to {greatest:.digits$} {unit}{}",
        axis.target.map_or(String::new(), |target| format!(", sent to {target:.digits$} {unit}"))
    ));
    if let Some(alarm) = state.alarm {
        ui.label(RichText::new("⚠").color(colors.danger)).on_hover_text(alarm.to_string());
    } else if !state.is_referenced {
        let why = "It has no reference since its power came on: home it before it is sent anywhere";
        ui.label(RichText::new("not homed").color(colors.warning)).on_hover_text(why);
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
