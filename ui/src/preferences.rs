//! The pane Preferences: every setting with its unit, its range and where its value comes from.
//!
//! What a running session takes is changed in it. The rest is written into the user's file, for the next start.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use beadscope_engine::command::Command;
use beadscope_engine::settings::keys::{self, Applies, Values};
use beadscope_engine::settings::{Layer, Setting, Settings, Target, differences, transfer};
use eframe::egui::{self, Button, ComboBox, DragValue, RichText, ScrollArea, TextEdit};

use crate::browser::{Browsed, Browser, Wanted};
use crate::theme::{self, named};

/// The session's settings are asked for this often.
const RENEW: Duration = Duration::from_secs(1);
/// Why nothing is written.
const NO_FILE: &str = "there is no place for a file of settings; set XDG_CONFIG_HOME";
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
    /// A file is being chosen, to be read or to be written.
    browser: Option<Browser>,
    /// A file that is to be confirmed, and what it changes, a line each.
    importing: Option<(PathBuf, Vec<String>)>,
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
            browser: None,
            importing: None,
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
    pub fn show(&mut self, ui: &mut egui::Ui, accent: &mut Option<[u8; 3]>) -> Vec<Done> {
        let mut done = Vec::new();
        if self.at.is_none_or(|at| at.elapsed() > RENEW) {
            // Asked once, however long the answer takes.
            self.at = Some(Instant::now());
            done.push(Done::Renew);
        }
        ui.horizontal_wrapped(|ui| {
            ui.add(TextEdit::singleline(&mut self.filter).hint_text("Search settings").desired_width(200.0));
            theme::chooser(ui, accent);
            if let Some(file) = &self.file {
                ui.label(RichText::new("kept in").color(theme::colors(ui).label));
                let text = file.display().to_string();
                let copy = ui.button("📋 user.toml").on_hover_text(format!("Copies the path of the file that keeps them: {text}"));
                if copy.clicked() {
                    ui.copy_text(text);
                }
                let import = ui.button("Import…").on_hover_text(
                    "Takes the settings of another file over in place of yours; shows first what they change. `beadscope rig \
                     --import-magscope` makes one of MagScope's preferences",
                );
                if import.clicked() {
                    self.browser = Some(Browser::open("Take over settings", Wanted::File("toml"), file));
                }
                let export = ui.button("Export…").on_hover_text("Writes every setting of yours into a file that can be taken elsewhere");
                if export.clicked() {
                    let folder = file.parent().unwrap_or(Path::new("."));
                    self.browser = Some(Browser::open("Write your settings", Wanted::NewFile("toml"), folder));
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
        done.extend(self.confirm_import(ui));
        done.extend(self.browse(ui.ctx()));
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
        // Of many names each has to be read.
        let text = format!("Take {} out of your file: {}?", names.len(), names.join(", "));
        ui.add(egui::Label::new(RichText::new(text).color(theme::colors(ui).warning)).wrap());
        ui.horizontal(|ui| {
            if ui.button("Reset").on_hover_text("They are as inherited from the next start on").clicked() {
                done = Some(self.write(None, &names));
                self.resetting = None;
            }
            if ui.button("Keep").on_hover_text("Your file stays as it is").clicked() {
                self.resetting = None;
            }
        });
        done
    }

    /// Asks before another file is taken over.
    fn confirm_import(&mut self, ui: &mut egui::Ui) -> Option<Done> {
        let (from, changes) = self.importing.as_ref()?;
        let mut answer = None;
        let text = format!("{} changes {} settings from the next start on:", from.display(), changes.len());
        ui.add(egui::Label::new(RichText::new(text).color(theme::colors(ui).warning)).wrap());
        ScrollArea::vertical().id_salt("import").max_height(160.0).show(ui, |ui| {
            for change in changes {
                ui.add(egui::Label::new(RichText::new(change).monospace()).wrap());
            }
        });
        ui.horizontal(|ui| {
            let import = ui
                .button("Import")
                .on_hover_text("Writes them in place of yours, which are kept beside it as user.toml.before");
            if import.clicked() {
                answer = Some(true);
            }
            if ui.button("Keep mine").on_hover_text("Your file stays as it is").clicked() {
                answer = Some(false);
            }
        });
        let is_wanted = answer?;
        let (from, changes) = self.importing.take()?;
        is_wanted.then(|| self.import(&from, changes.len()))
    }

    fn import(&self, from: &Path, changes: usize) -> Done {
        let Some(file) = &self.file else { return Done::Refused(NO_FILE.to_owned()) };
        let before = file.with_extension("toml.before");
        // Without a file of one's own there is nothing to keep.
        if file.exists()
            && let Err(error) = std::fs::copy(file, &before)
        {
            return Done::Refused(format!(
                "not imported, as yours cannot be kept: {error}: {}",
                before.display()
            ));
        }
        match transfer(from, file) {
            Ok(_) => Done::Saved(format!(
                "{changes} settings are others from the next start on: {}",
                file.display()
            )),
            Err(error) => Done::Refused(error.to_string()),
        }
    }

    /// Goes on with the file that was chosen.
    fn browse(&mut self, context: &egui::Context) -> Option<Done> {
        let browser = self.browser.as_mut()?;
        let is_new = browser.wanted() != Wanted::File("toml");
        let browsed = browser.show(context)?;
        self.browser = None;
        let Browsed::Chosen(path) = browsed else { return None };
        let Some(file) = &self.file else { return Some(Done::Refused(NO_FILE.to_owned())) };
        if !is_new {
            return self.ask_to_import(path);
        }
        if path.exists() {
            let text =
                format!("not written: there is such a file already; choose another name: {}", path.display());
            return Some(Done::Refused(text));
        }
        Some(match transfer(file, &path) {
            Ok(settings) => Done::Saved(format!("{settings} settings are written: {}", path.display())),
            Err(error) => Done::Refused(error.to_string()),
        })
    }

    fn ask_to_import(&mut self, from: PathBuf) -> Option<Done> {
        let file = self.file.as_ref()?;
        let text = |setting: &Option<Setting>| {
            setting.as_ref().map_or_else(|| "left out".to_owned(), Setting::value_text)
        };
        match differences(self.rig.as_deref(), file, &from) {
            Err(error) => Some(Done::Refused(format!("nothing is imported: {error}"))),
            Ok(differences) if differences.is_empty() => {
                Some(Done::Saved(format!("it changes nothing: {}", from.display())))
            }
            Ok(differences) => {
                let line = |(before, after): &(Option<Setting>, Option<Setting>)| {
                    let name = after.as_ref().or(before.as_ref()).map_or("", |setting| &setting.name);
                    format!("{name}: {} → {}", text(before), text(after))
                };
                self.importing = Some((from, differences.iter().map(line).collect()));
                None
            }
        }
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
            let mut hint =
                format!("{}\nAllowed: {}\nFrom {}", setting.about, setting.allowed, setting.source_text());
            if setting.layers.len() > 2 {
                hint += &format!("\nWho says what, the last holds:\n{}", setting.layers_text().join("\n"));
            }
            hint += if setting.applies == Applies::Fixed {
                "\nA run writes it down"
            } else {
                "\nClick to change"
            };
            if value.on_hover_text(hint).clicked() && setting.applies != Applies::Fixed {
                self.editing = Some((setting.name.clone(), typed_text(setting)));
            }
            ui.label(RichText::new(setting.source.to_string()).small().color(colors.label));
            done = self.back(ui, setting);
        });
        done
    }

    /// Leaves a setting out that the user's file or this session says: it is as inherited then.
    fn back(&mut self, ui: &mut egui::Ui, setting: &Setting) -> Option<Done> {
        let layer = setting.source.layer();
        let inherited = setting.inherited.as_ref()?;
        let is_changed = layer == Layer::Session && setting.applies == Applies::Live;
        // What was left out before cannot be said in a running session.
        let value = inherited.value.as_ref().filter(|_| is_changed);
        if layer != Layer::User && value.is_none() {
            return None;
        }
        let hint = match value {
            Some(_) => format!("As it was before it was changed in this session: {}", setting.source_text()),
            None => format!("Takes it out of your file; then it is as inherited: {}", setting.source_text()),
        };
        let back = ui.small_button("⟲").on_hover_text(hint);
        named(&back, format!("Leave {} as inherited", setting.name));
        if !back.clicked() {
            return None;
        }
        let Some(value) = value else {
            self.resetting = Some(vec![setting.name.clone()]);
            return None;
        };
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(Done::Command(Command::SettingSet { name: setting.name.clone(), value }))
    }

    fn editor(&mut self, ui: &mut egui::Ui, setting: &Setting) -> Option<Done> {
        let (_, typed) = self.editing.as_mut()?;
        let field = control(ui, setting, typed).on_hover_text(format!("Allowed: {}", setting.allowed));
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
        let close = ui.button("✖").on_hover_text("Leaves it as it is");
        named(&close, format!("Leave {} as it is", setting.name));
        if close.clicked() || done.is_some() {
            self.editing = None;
        }
        done
    }

    /// Writes a setting into the user's file.
    pub fn keep(&self, name: &str, value: &str) -> Done {
        self.write(Some((name, value)), &[])
    }

    /// Writes a setting into the user's file, and takes others out of it.
    fn write(&self, set: Option<(&str, &str)>, unset: &[String]) -> Done {
        let Some(file) = &self.file else {
            return Done::Refused(NO_FILE.to_owned());
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

/// What changes a setting of its kind: a box, a list of words, a number to drag, or a field.
fn control(ui: &mut egui::Ui, setting: &Setting, typed: &mut String) -> egui::Response {
    let drag = |ui: &mut egui::Ui, typed: &mut String, (least, greatest): (f64, f64), digits: usize| {
        let mut number: f64 = typed.trim().parse().unwrap_or_else(|_| 0.0_f64.clamp(least, greatest));
        // As fast as suits what it is; very large ranges say nothing about that.
        let speed = (number.abs() / 200.0).max(if digits == 0 { 0.2 } else { 0.01 });
        let drag = DragValue::new(&mut number).range(least..=greatest).speed(speed).max_decimals(digits);
        let field = ui.add(drag);
        if field.changed() {
            *typed = number.to_string();
        }
        field
    };
    let field = match keys::find(&setting.name).map(|key| key.values) {
        Some(Values::Flag) => {
            let mut is_on = typed.trim() == "true";
            let text = if is_on { "yes" } else { "no" };
            let field = ui.checkbox(&mut is_on, text);
            *typed = is_on.to_string();
            field
        }
        Some(Values::Word(words)) => {
            let list =
                ComboBox::from_id_salt(&setting.name).selected_text(typed.as_str()).show_ui(ui, |ui| {
                    for word in words {
                        ui.selectable_value(typed, (*word).to_owned(), *word);
                    }
                });
            list.response
        }
        Some(Values::Number(least, greatest)) => drag(ui, typed, (least, greatest), 6),
        Some(Values::Whole(least, greatest)) => drag(ui, typed, (least as f64, greatest as f64), 0),
        _ => ui.add(TextEdit::singleline(typed).desired_width(180.0)),
    };
    named(&field, format!("Value of {}", setting.name));
    field
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

    #[test]
    fn another_file_is_shown_before_it_is_taken_over_and_a_wrong_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mut preferences = Preferences::new(Some(at("user.toml")), None);
        preferences.keep("camera.rate_hz", "50");
        std::fs::write(at("theirs.toml"), "[camera]\nrate_hz = 250.0\n").unwrap();
        assert!(preferences.ask_to_import(at("theirs.toml")).is_none());
        let (from, changes) = preferences.importing.take().unwrap();
        assert_eq!(changes, ["camera.rate_hz: 50.0 Hz → 250.0 Hz"]);
        let rate = || Settings::load(None, Some(&at("user.toml"))).unwrap().rig().camera.rate_hz;
        assert_eq!(rate(), 50.0, "only shown");
        assert!(matches!(preferences.import(&from, 1), Done::Saved(_)));
        assert_eq!(rate(), 250.0);
        assert!(std::fs::read_to_string(at("user.toml.before")).unwrap().contains("50.0"));
        std::fs::write(at("wrong.toml"), "[camera]\nrate_hz = -1\n").unwrap();
        let Some(Done::Refused(why)) = preferences.ask_to_import(at("wrong.toml")) else {
            unreachable!("it is wrong")
        };
        assert!(why.contains("line 2") && preferences.importing.is_none(), "{why}");
    }

    /// Each kind of setting has a control of its kind, which changes what is typed.
    #[test]
    fn words_are_chosen_and_flags_are_ticked() {
        use egui_kittest::kittest::Queryable as _;
        let settings = Settings::load(None, None).unwrap();
        for (name, click, typed) in [
            ("threads.realtime", &["Value of threads.realtime"][..], "true"),
            ("recording.mode", &["Value of recording.mode", "full-video"], "full-video"),
        ] {
            let setting = settings.get(name).unwrap();
            let mut harness = egui_kittest::Harness::new_ui_state(
                |ui, typed: &mut String| {
                    control(ui, &setting, typed);
                },
                typed_text(&setting),
            );
            for label in click {
                harness.step();
                harness.get_by_label(label).click();
                harness.step();
            }
            harness.step();
            assert_eq!(harness.state(), typed, "{name}");
        }
    }
}
