//! The search over everything: actions, panes, settings, and commands as scripts write them.

use beadscope_engine::command::{COMMANDS, Command, usage};
use eframe::egui::text::{CCursor, CCursorRange};
use eframe::egui::{self, Align, Key, Layout, Modal, RichText, ScrollArea, TextEdit};

use crate::actions::{ALL, Action};
use crate::theme;

/// Results on show, as many as MagScope's search has.
const MOST: usize = 20;
/// The field in which is typed.
const FIELD: &str = "palette field";

/// What was chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum Chosen {
    /// One of the window's actions.
    Action(Action),
    /// A command of the engine, whole.
    Command(Command),
    /// Show this setting.
    Setting(String),
}

/// The search, open or not.
#[derive(Default)]
pub struct Palette {
    typed: Option<String>,
    /// Which of the results Enter takes.
    at: usize,
    /// Why the line is no command.
    refused: Option<String>,
}

/// A line of the results.
#[derive(Clone, Debug, PartialEq)]
struct Found {
    name: String,
    hint: String,
    kind: &'static str,
    leads: Leads,
}

#[derive(Clone, Debug, PartialEq)]
enum Leads {
    To(Chosen),
    /// Arguments have to be typed first.
    Typing(String),
}

impl Palette {
    /// Opens it, or closes it.
    pub fn toggle(&mut self) {
        *self = Self { typed: self.typed.is_none().then(String::new), ..Self::default() };
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.typed.is_some()
    }

    /// Draws it, if it is open. `settings`: name and meaning of each.
    pub fn show(&mut self, context: &egui::Context, settings: &[(String, &'static str)]) -> Option<Chosen> {
        let typed = self.typed.as_mut()?;
        let before = typed.clone();
        let (mut chosen, mut leads) = (None, None);
        let modal = Modal::new(egui::Id::unique("palette")).show(context, |ui| {
            ui.set_width(560.0);
            let field = ui.add(
                TextEdit::singleline(typed)
                    .id(egui::Id::unique(FIELD))
                    .hint_text("Search actions, panes, settings, or type a command")
                    .desired_width(f32::INFINITY),
            );
            field.request_focus();
            let found = search(typed, settings);
            if *typed != before {
                (self.at, self.refused) = (0, None);
            }
            let [down, up, enter] = [Key::ArrowDown, Key::ArrowUp, Key::Enter]
                .map(|key| ui.input(|input| input.key_pressed(key)));
            let last = found.len().saturating_sub(1);
            self.at = match (down, up) {
                (true, false) => (self.at + 1).min(last),
                (false, true) => self.at.saturating_sub(1),
                _ => self.at.min(last),
            };
            if let Some(refused) = &self.refused {
                ui.colored_label(theme::colors(ui).warning, refused);
            }
            if found.is_empty() {
                ui.weak("Nothing is called that.");
            }
            ScrollArea::vertical().max_height(380.0).show(ui, |ui| {
                for (place, found) in found.iter().enumerate() {
                    if line(ui, found, place == self.at) {
                        leads = Some(found.leads.clone());
                    }
                }
            });
            if enter {
                // A whole command is taken as it is; of several results the one that is marked.
                match typed.parse::<Command>() {
                    Ok(command) if typed.contains(' ') => chosen = Some(Chosen::Command(command)),
                    Err(error) if typed.contains('=') => self.refused = Some(error.to_string()),
                    _ => leads = found.get(self.at).map(|found| found.leads.clone()),
                }
            }
        });
        match leads {
            Some(Leads::To(to)) => chosen = Some(to),
            Some(Leads::Typing(line)) => {
                self.refused = Some(format!("It is written: {}", usage(line.trim())));
                *typed = line;
                put_cursor_behind(context, typed);
            }
            None => {}
        }
        if chosen.is_some() || modal.should_close() {
            // Keys mean actions again at once.
            context.memory_mut(|memory| memory.surrender_focus(egui::Id::unique(FIELD)));
            *self = Self::default();
        }
        chosen
    }
}

/// What is typed goes on after a name that was chosen.
fn put_cursor_behind(context: &egui::Context, typed: &str) {
    let id = egui::Id::unique(FIELD);
    if let Some(mut state) = TextEdit::load_state(context, id) {
        let end = CCursor::new(typed.chars().count());
        state.cursor.set_char_range(Some(CCursorRange::one(end)));
        state.store(context, id);
    }
}

/// Draws a result; true if it was clicked.
fn line(ui: &mut egui::Ui, found: &Found, is_marked: bool) -> bool {
    let colors = theme::colors(ui);
    let response = ui.horizontal(|ui| {
        let button = ui.add(egui::Button::selectable(is_marked, &found.name)).on_hover_text(&found.hint);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(RichText::new(found.kind).small().color(colors.label));
            ui.add(egui::Label::new(RichText::new(&found.hint).small().color(colors.label)).truncate());
        });
        button
    });
    if is_marked {
        response.inner.scroll_to_me(None);
    }
    response.inner.clicked()
}

/// What fits best, best first; everything of the window for nothing.
fn search(typed: &str, settings: &[(String, &'static str)]) -> Vec<Found> {
    let actions = ALL.iter().filter(|entry| entry.action != Action::Search).map(|entry| {
        let keys: Vec<String> = entry.keys.iter().map(keys_text).collect();
        let found = Found {
            name: entry.name.to_owned(),
            hint: keys.join(" or "),
            kind: "action",
            leads: Leads::To(Chosen::Action(entry.action)),
        };
        (rank(typed, entry.name, entry.words), found)
    });
    let commands = COMMANDS.iter().map(|spec| {
        let leads = match spec.name.parse::<Command>() {
            Ok(command) if spec.arguments.is_empty() => Leads::To(Chosen::Command(command)),
            _ => Leads::Typing(format!("{} ", spec.name)),
        };
        let hint = spec.help.concat().trim().to_owned();
        let found = Found { name: spec.name.to_owned(), hint, kind: "command", leads };
        (rank(typed, spec.name, ""), found)
    });
    let settings = settings.iter().map(|(name, about)| {
        let leads = Leads::To(Chosen::Setting(name.clone()));
        let found = Found { name: name.clone(), hint: (*about).to_owned(), kind: "setting", leads };
        (rank(typed, name, about), found)
    });
    let others = commands.chain(settings).filter(|_| !typed.trim().is_empty());
    let mut found: Vec<_> = actions.chain(others).filter_map(|(rank, found)| Some((rank?, found))).collect();
    // What the window does comes before a command that is called the same: `stop` ends the session, `Stop all motors` is what is meant.
    found.sort_by_key(|(rank, found)| ((*rank).max(1), found.kind != "action", *rank));
    found.truncate(MOST);
    found.into_iter().map(|(_, found)| found).collect()
}

/// How well a name fits, the lower the better; `None` if it does not.
fn rank(typed: &str, name: &str, words: &str) -> Option<u32> {
    let (typed, name) = (typed.trim().to_lowercase(), name.to_lowercase());
    if name == typed {
        return Some(0);
    }
    if name.starts_with(&typed) {
        return Some(1);
    }
    let all = format!("{name} {}", words.to_lowercase());
    let terms = || typed.split_whitespace();
    if terms().all(|term| name.contains(term)) {
        return Some(2);
    }
    if terms().all(|term| all.contains(term)) {
        return Some(3);
    }
    // The letters in their order: `stpmot` finds `Stop all motors`.
    let mut letters = name.chars();
    typed
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .all(|letter| letters.any(|other| other == letter))
        .then_some(4)
}

/// `Ctrl+Z`.
pub fn keys_text(keys: &egui::KeyboardShortcut) -> String {
    keys.format(&egui::ModifierNames::NAMES, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(typed: &str) -> Vec<String> {
        let settings = [("camera.rate_hz".to_owned(), "frames per second")];
        search(typed, &settings).into_iter().map(|found| found.name).collect()
    }

    #[test]
    fn what_people_type_finds_what_they_mean() {
        for (typed, name) in [
            ("record", "Record, or stop recording"),
            ("allan", "Analysis: Allan deviation"),
            ("delete clear", "Remove all beads"),
            ("exposure", "Rate and exposure of the camera"),
            ("axis.mo", "axis.move"),
            ("frames per", "camera.rate_hz"),
            ("stop", "Stop all motors"),
            ("axis.stop", "axis.stop"),
            ("gamma", "Gamma of the picture"),
            ("trails", "Show or hide the trails"),
            ("roi file", "ROI file: load or save the beads"),
            ("spectrum", "Analysis: spectrum"),
            ("drift subtract", "Plots: take the references off, or not"),
            ("theme dark", "Theme: dark"),
            ("settle", "Z-LUT: measurements at each height, and rest"),
            ("import settings", "Import or export settings"),
            ("stpmot", "Stop all motors"),
        ] {
            assert_eq!(names(typed).first().map(String::as_str), Some(name), "{typed}: {:?}", names(typed));
        }
        assert!(names("xyzzy").is_empty());
        assert!(!names("").iter().any(|name| name.contains("axis.")), "at first only what the window does");
        assert!(names("e").len() <= MOST);
    }

    #[test]
    fn a_command_with_arguments_is_typed_on_and_one_without_is_done() {
        let leads =
            |name: &str| search(name, &[]).into_iter().find(|found| found.name == name).unwrap().leads;
        assert_eq!(leads("axis.move"), Leads::Typing("axis.move ".to_owned()));
        assert_eq!(leads("roi.undo"), Leads::To(Chosen::Command(Command::RoiUndo {})));
    }
}
