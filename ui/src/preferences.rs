//! The pane Preferences: every setting with its unit, its range and where its value comes from.
//!
//! What a running session takes is changed in it. The rest is written into the user's file, for the next start.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use beadscope_engine::command::Command;
use beadscope_engine::settings::keys::Applies;
use beadscope_engine::settings::{Layer, Setting, Settings, Target};
use eframe::egui::{self, Button, RichText, ScrollArea, TextEdit};

use crate::theme;

/// The session's settings are asked for this often.
const RENEW: Duration = Duration::from_secs(1);
/// Room for a name, points.
const NAME_WIDTH: f32 = 200.0;

/// What is typed and what was read last.
pub struct Preferences {
    settings: Vec<Setting>,
    at: Option<Instant>,
    filter: String,
    /// The setting that is being edited, and what is typed.
    editing: Option<(String, String)>,
    /// The user's file; none if the system has no place for it.
    file: Option<PathBuf>,
    rig: Option<PathBuf>,
    /// A reset that is to be confirmed.
    resetting: Option<Vec<String>>,
}

/// What is asked for or was done.
pub enum Done {
    /// A command of the engine.
    Command(Command),
    /// The session's settings are wanted.
    Renew,
    /// Something was written; the sentence says what.
    Saved(String),
    /// Something was refused; the sentence says why.
    Refused(String),
}

impl Preferences {
    /// Settings that are kept in `file`, over those of `rig`.
    pub fn new(file: Option<PathBuf>, rig: Option<PathBuf>) -> Self {
        Self {
            settings: Vec::new(),
            at: None,
            filter: String::new(),
            editing: None,
            file,
            rig,
            resetting: None,
        }
    }

    /// Shows these settings from now on.
    pub fn take(&mut self, settings: Vec<Setting>) {
        (self.settings, self.at) = (settings, Some(Instant::now()));
    }

    /// Name and meaning of each, for the search.
    pub fn names(&self) -> Vec<(String, &'static str)> {
        self.settings.iter().map(|setting| (setting.name.clone(), setting.about)).collect()
    }

    /// Shows one setting, ready to be changed.
    pub fn seek(&mut self, name: &str) {
        self.filter = name.to_owned();
        let value =
            self.settings.iter().find(|setting| setting.name == name).map_or(String::new(), typed_text);
        self.editing = Some((name.to_owned(), value));
    }

    /// Draws the pane.
    pub fn show(&mut self, ui: &mut egui::Ui) -> Vec<Done> {
        let mut done = Vec::new();
        if self.at.is_none_or(|at| at.elapsed() > RENEW) {
            // Asked once, however long the answer takes.
            self.at = Some(Instant::now());
            done.push(Done::Renew);
        }
        ui.horizontal_wrapped(|ui| {
            ui.add(TextEdit::singleline(&mut self.filter).hint_text("Search settings").desired_width(200.0));
            egui::widgets::global_theme_preference_buttons(ui);
            if let Some(file) = &self.file {
                ui.label(RichText::new("kept in").color(theme::colors(ui).label));
                let text = file.display().to_string();
                if ui.button("📋 user.toml").on_hover_text(format!("Copies the path of the file that keeps them: {text}\nTo take them elsewhere, copy the file; `beadscope rig --import-magscope` reads MagScope's preferences")).clicked() {
                    ui.copy_text(text);
                }
            }
            let kept: Vec<String> =
                self.settings.iter().filter(|setting| setting.source.layer() == Layer::User).map(|setting| setting.name.clone()).collect();
            let reset = ui.add_enabled(!kept.is_empty(), Button::new("Reset all…"));
            if reset.on_hover_text("Takes every setting out of your file").clicked() {
                self.resetting = Some(kept);
            }
        });
        done.extend(self.confirm(ui));
        let terms: Vec<String> = self.filter.to_lowercase().split_whitespace().map(str::to_owned).collect();
        let fits = |setting: &Setting| {
            let text = format!("{} {}", setting.name, setting.about).to_lowercase();
            terms.iter().all(|term| text.contains(term))
        };
        let shown: Vec<Setting> = self.settings.iter().filter(|setting| fits(setting)).cloned().collect();
        ScrollArea::both().auto_shrink(false).show(ui, |ui| {
            let mut section = "";
            for setting in &shown {
                let (its_section, _) = setting.name.split_once('.').unwrap_or(("", &setting.name));
                if its_section != section {
                    section = its_section;
                    ui.add_space(4.0);
                    ui.strong(format!("[{section}]"));
                }
                done.extend(self.line(ui, setting));
            }
            if shown.is_empty() {
                ui.weak("No setting is called that.");
            }
        });
        done
    }

    /// Asks before a reset.
    fn confirm(&mut self, ui: &mut egui::Ui) -> Option<Done> {
        let names = self.resetting.clone()?;
        let mut done = None;
        ui.horizontal(|ui| {
            ui.colored_label(
                theme::colors(ui).warning,
                format!("Take {} out of your file: {}?", names.len(), names.join(", ")),
            );
            if ui.button("Reset").clicked() {
                done = Some(self.write(None, &names));
                self.resetting = None;
            }
            if ui.button("Keep").clicked() {
                self.resetting = None;
            }
        });
        done
    }

    fn line(&mut self, ui: &mut egui::Ui, setting: &Setting) -> Option<Done> {
        let colors = theme::colors(ui);
        let mut done = None;
        ui.horizontal(|ui| {
            let left = egui::Layout::left_to_right(egui::Align::Center);
            let name = ui.allocate_ui_with_layout(egui::vec2(NAME_WIDTH, 18.0), left, |ui| {
                ui.set_min_width(NAME_WIDTH);
                ui.add(egui::Label::new(RichText::new(short_name(&setting.name)).monospace()).truncate())
            });
            let name = name.inner;
            name.on_hover_text(format!("{}\n{}\nAllowed: {}", setting.name, setting.about, setting.allowed));
            let is_edited = self.editing.as_ref().is_some_and(|(name, _)| *name == setting.name);
            if is_edited {
                done = self.editor(ui, setting);
                return;
            }
            // What nobody has said is grey.
            let color = if setting.source.layer() == Layer::Default { colors.label } else { colors.value };
            let value = ui
                .add(Button::new(RichText::new(setting.value_text()).monospace().color(color)).frame(false));
            let hint = format!(
                "{}\nAllowed: {}\nFrom {}\nClick to change",
                setting.about,
                setting.allowed,
                setting.source_text()
            );
            if value.on_hover_text(hint).clicked() && setting.applies != Applies::Fixed {
                self.editing = Some((setting.name.clone(), typed_text(setting)));
            }
            ui.label(RichText::new(setting.source.to_string()).small().color(colors.label));
            if setting.source.layer() == Layer::User
                && ui
                    .small_button("⟲")
                    .on_hover_text(format!(
                        "Takes it out of your file; then it is as inherited: {}",
                        setting.source_text()
                    ))
                    .clicked()
            {
                self.resetting = Some(vec![setting.name.clone()]);
            }
        });
        done
    }

    fn editor(&mut self, ui: &mut egui::Ui, setting: &Setting) -> Option<Done> {
        let (_, typed) = self.editing.as_mut()?;
        let field = ui
            .add(TextEdit::singleline(typed).desired_width(180.0))
            .on_hover_text(format!("Allowed: {}", setting.allowed));
        let typed = typed.clone();
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        ui.label(setting.unit);
        let mut done = None;
        let is_live = setting.applies == Applies::Live;
        if is_live
            && (ui.button("Apply").on_hover_text("In this session, between two frames").clicked() || entered)
        {
            done =
                Some(Done::Command(Command::SettingSet { name: setting.name.clone(), value: typed.clone() }));
        }
        let keep = ui.add_enabled(self.file.is_some(), Button::new("Keep"));
        if keep.on_hover_text("Writes it into your file: it holds from the next start on").clicked()
            || (entered && !is_live)
        {
            done = Some(self.write(Some((&setting.name, &typed)), &[]));
        }
        if ui.button("✖").on_hover_text("Leaves it as it is").clicked() || done.is_some() {
            self.editing = None;
        }
        done
    }

    /// Writes a setting into the user's file, and takes others out of it.
    fn write(&self, set: Option<(&str, &str)>, unset: &[String]) -> Done {
        let Some(file) = &self.file else {
            return Done::Refused("there is no place for a file of settings; set XDG_CONFIG_HOME".to_owned());
        };
        let written = Settings::load(self.rig.as_deref(), Some(file)).and_then(|mut settings| {
            if let Some((name, value)) = set {
                settings.change(name, value)?;
            }
            settings.save(Target::User(file), unset)
        });
        match written {
            Ok(saved) => {
                let names: Vec<&str> = saved.iter().map(|saved| saved.name.as_str()).collect();
                Done::Saved(format!("{} from the next start on: {}", names.join(", "), file.display()))
            }
            Err(error) => Done::Refused(error.to_string()),
        }
    }
}

/// A name without its section, which stands above.
fn short_name(name: &str) -> &str {
    name.split_once('.').map_or(name, |(_, rest)| rest)
}

/// A value as it is typed.
fn typed_text(setting: &Setting) -> String {
    match &setting.value {
        Some(toml::Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_kept_in_the_users_file_and_taken_out_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("user.toml");
        let preferences = Preferences::new(Some(file.clone()), None);
        let Done::Saved(text) = preferences.write(Some(("camera.rate_hz", "250")), &[]) else {
            unreachable!("it is allowed")
        };
        assert!(text.starts_with("camera.rate_hz from the next start on"), "{text}");
        let rate = || Settings::load(None, Some(&file)).unwrap().rig().camera.rate_hz;
        assert_eq!(rate(), 250.0);
        assert!(matches!(preferences.write(Some(("camera.rate_hz", "-3")), &[]), Done::Refused(_)));
        assert!(matches!(preferences.write(Some(("camera.nothing", "3")), &[]), Done::Refused(_)));
        assert_eq!(rate(), 250.0, "what is refused changes nothing");
        assert!(matches!(preferences.write(None, &["camera.rate_hz".to_owned()]), Done::Saved(_)));
        assert_ne!(rate(), 250.0);
    }
}
