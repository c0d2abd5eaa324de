//! A small browser of folders and files inside the window.
//!
//! Runs on: `main`, which draws; `beadscope-browse`, which looks into a folder, since a share may not answer.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::Builder;

use eframe::egui::{self, Id, Modal, RichText, ScrollArea, Spinner, TextEdit};

use crate::theme::{self, named};

/// Entries that are listed; whoever has more types the path.
const MOST: usize = 2000;

/// What is to be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A folder.
    Folder,
    /// A file that is there, with this ending.
    File(&'static str),
    /// A file that need not be there, with this ending.
    NewFile(&'static str),
}

/// The browser, while it is open.
pub struct Browser {
    wanted: Wanted,
    title: &'static str,
    /// The folder that is shown, as it is typed.
    typed: String,
    /// The file in it that is chosen.
    file: String,
    new_folder: String,
    listed: Result<Listing, String>,
    looking: Option<Receiver<Result<Listing, String>>>,
}

/// What is in a folder.
#[derive(Clone, Debug, Default, PartialEq)]
struct Listing {
    at: PathBuf,
    folders: Vec<String>,
    files: Vec<String>,
}

/// What came of it.
#[derive(Debug, PartialEq)]
pub enum Browsed {
    /// This was chosen.
    Chosen(PathBuf),
    /// Nothing was.
    Cancelled,
}

impl Browser {
    /// Opens at this folder, or the nearest above it that is there.
    pub fn open(title: &'static str, wanted: Wanted, at: &Path) -> Self {
        let at = std::path::absolute(at).unwrap_or_else(|_| at.to_owned());
        let mut browser = Self {
            wanted,
            title,
            typed: at.display().to_string(),
            file: String::new(),
            new_folder: String::new(),
            listed: Ok(Listing { at: at.clone(), ..Listing::default() }),
            looking: None,
        };
        if let Wanted::NewFile(ending) = wanted {
            browser.file = format!("beadscope.{ending}");
        }
        browser.look(at, None);
        browser
    }

    /// What is to be chosen.
    pub fn wanted(&self) -> Wanted {
        self.wanted
    }

    /// Looks into a folder, after it was made if it is a new one.
    fn look(&mut self, at: PathBuf, make: Option<String>) {
        let (tell, told) = sync_channel(1);
        let ending = match self.wanted {
            Wanted::Folder => None,
            Wanted::File(ending) | Wanted::NewFile(ending) => Some(ending),
        };
        let thread = Builder::new().name("beadscope-browse".to_owned()).spawn(move || {
            // Nobody listens once the browser is closed.
            let _ = tell.send(list(&at, make.as_deref(), ending));
        });
        match thread {
            Ok(_) => self.looking = Some(told),
            Err(error) => self.listed = Err(error.to_string()),
        }
    }

    fn take_answer(&mut self) {
        match self.looking.as_ref().map(Receiver::try_recv) {
            Some(Ok(listed)) => {
                if let Ok(listing) = &listed {
                    self.typed = listing.at.display().to_string();
                }
                (self.listed, self.looking) = (listed, None);
            }
            Some(Err(TryRecvError::Disconnected)) => self.looking = None,
            Some(Err(TryRecvError::Empty)) | None => {}
        }
    }

    /// Draws it; what came of it, once something has.
    pub fn show(&mut self, context: &egui::Context) -> Option<Browsed> {
        self.take_answer();
        let (mut browsed, mut go) = (None, None);
        let modal = Modal::new(Id::unique("browser")).show(context, |ui| {
            ui.set_width(520.0);
            ui.label(RichText::new(self.title).heading().strong());
            ui.horizontal(|ui| {
                let up = ui.button("⬆ Up").on_hover_text("The folder that this one is in");
                if up.clicked()
                    && let Some(parent) = Path::new(self.typed.trim()).parent()
                {
                    go = Some((parent.to_owned(), None));
                }
                let edit = TextEdit::singleline(&mut self.typed).desired_width(f32::INFINITY);
                let field =
                    ui.add(edit).on_hover_text("The folder that is shown: type another and press Enter");
                named(&field, "Folder that is shown".to_owned());
                if field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter)) {
                    go = Some((PathBuf::from(self.typed.trim()), None));
                }
            });
            ui.separator();
            self.list(ui, &mut go);
            ui.separator();
            if self.wanted != Wanted::Folder {
                ui.horizontal(|ui| {
                    let label = ui.label("File");
                    ui.add(TextEdit::singleline(&mut self.file).desired_width(300.0)).labelled_by(label.id);
                });
            }
            if !matches!(self.wanted, Wanted::File(_)) {
                ui.horizontal(|ui| {
                    let label = ui.label("New folder");
                    ui.add(TextEdit::singleline(&mut self.new_folder).desired_width(300.0))
                        .labelled_by(label.id);
                    let name = self.new_folder.trim().to_owned();
                    let make = ui.add_enabled(is_name(&name), egui::Button::new("Make"));
                    if make.on_hover_text("Makes it in the folder that is shown, and goes there").clicked() {
                        self.new_folder.clear();
                        go = Some((PathBuf::from(self.typed.trim()), Some(name)));
                    }
                });
            }
            ui.horizontal(|ui| {
                if ui.button("Cancel").on_hover_text("Chooses nothing (Escape)").clicked() {
                    browsed = Some(Browsed::Cancelled);
                }
                let choose = ui.add_enabled(self.is_ready(), egui::Button::new("Choose"));
                let hint = match self.wanted {
                    Wanted::Folder => "Takes the folder that is shown",
                    Wanted::File(_) | Wanted::NewFile(_) => "Takes this file",
                };
                if choose.on_hover_text(hint).clicked() {
                    browsed = Some(Browsed::Chosen(self.chosen()));
                }
            });
        });
        if let Some((at, make)) = go {
            self.look(at, make);
        }
        browsed.or_else(|| modal.should_close().then_some(Browsed::Cancelled))
    }

    fn list(&mut self, ui: &mut egui::Ui, go: &mut Option<(PathBuf, Option<String>)>) {
        if self.looking.is_some() {
            ui.horizontal(|ui| {
                ui.add(Spinner::new());
                ui.label("Looking…").on_hover_text("A share that does not answer holds nothing else up");
            });
        }
        match &self.listed {
            Err(why) => {
                ui.colored_label(theme::colors(ui).danger, why);
            }
            Ok(listing) => {
                ScrollArea::vertical().max_height(280.0).auto_shrink([false, true]).show(ui, |ui| {
                    for folder in &listing.folders {
                        let open = ui.add(egui::Button::new(format!("📁 {folder}")).frame(false));
                        if open.on_hover_text("Opens it").clicked() {
                            *go = Some((listing.at.join(folder), None));
                        }
                    }
                    for file in &listing.files {
                        let is_chosen = self.file == *file;
                        if ui.selectable_label(is_chosen, file).clicked() {
                            self.file.clone_from(file);
                        }
                    }
                    if listing.folders.is_empty() && listing.files.is_empty() {
                        ui.weak("Nothing is in it.");
                    }
                });
            }
        }
    }

    fn is_ready(&self) -> bool {
        let is_there = self.looking.is_none() && self.listed.is_ok();
        match self.wanted {
            Wanted::Folder => is_there && !self.typed.trim().is_empty(),
            Wanted::File(_) | Wanted::NewFile(_) => is_there && is_name(self.file.trim()),
        }
    }

    fn chosen(&self) -> PathBuf {
        let folder = PathBuf::from(self.typed.trim());
        match self.wanted {
            Wanted::Folder => folder,
            Wanted::File(_) => folder.join(self.file.trim()),
            Wanted::NewFile(ending) => {
                let file = folder.join(self.file.trim());
                let has_ending = file.extension() == Some(OsStr::new(ending));
                if has_ending { file } else { PathBuf::from(format!("{}.{ending}", file.display())) }
            }
        }
    }
}

/// Names what stands in one folder, not another one.
fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\'])
}

/// What is in the folder `at`, or in the nearest one above it that is there.
fn list(at: &Path, make: Option<&str>, ending: Option<&str>) -> Result<Listing, String> {
    let told = |error: std::io::Error, at: &Path| format!("{error}: {}", at.display());
    let mut at = at.to_owned();
    if let Some(name) = make {
        at.push(name);
        fs::create_dir(&at).map_err(|error| told(error, &at))?;
    }
    let entries = loop {
        match fs::read_dir(&at) {
            Ok(entries) => break entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && at.parent().is_some() => {
                at.pop();
            }
            Err(error) => return Err(told(error, &at)),
        }
    };
    let mut listing = Listing { at, ..Listing::default() };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // What begins with a dot is hidden by custom.
        if name.starts_with('.') {
            continue;
        }
        let is_folder = entry.path().is_dir();
        let has_ending = |ending| Path::new(&name).extension() == Some(OsStr::new(ending));
        if is_folder {
            listing.folders.push(name);
        } else if ending.is_some_and(has_ending) {
            listing.files.push(name);
        }
    }
    for names in [&mut listing.folders, &mut listing.files] {
        names.sort_unstable_by_key(|name| name.to_lowercase());
        names.truncate(MOST);
    }
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_listed_made_and_found_above_one_that_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["b", "A", ".hidden"] {
            fs::create_dir(at(name)).unwrap();
        }
        for name in ["user.toml", "notes.txt"] {
            fs::write(at(name), "").unwrap();
        }
        let listed = list(folder.path(), None, Some("toml")).unwrap();
        assert_eq!(
            (listed.folders, listed.files),
            (vec!["A".to_owned(), "b".to_owned()], vec!["user.toml".to_owned()])
        );
        let above = list(&at("gone/deeper"), None, None).unwrap();
        assert!(above.at == folder.path() && above.files.is_empty(), "{above:?}");
        assert_eq!(list(folder.path(), Some("new"), None).unwrap().at, at("new"));
        assert!(list(folder.path(), Some("new"), None).unwrap_err().contains("new"), "it is there already");
    }

    #[test]
    fn what_is_chosen_is_in_the_folder_that_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let mut browser = Browser::open("", Wanted::NewFile("toml"), folder.path());
        assert!(!browser.is_ready(), "it is still looking");
        while browser.looking.is_some() {
            browser.take_answer();
        }
        assert_eq!(browser.chosen(), folder.path().join("beadscope.toml"));
        for (typed, file) in
            [("mine", Some("mine.toml")), ("mine.toml", Some("mine.toml")), ("../up", None), ("", None)]
        {
            typed.clone_into(&mut browser.file);
            assert_eq!(browser.is_ready(), file.is_some(), "{typed}");
            if let Some(file) = file {
                assert_eq!(browser.chosen(), folder.path().join(file));
            }
        }
    }
}
