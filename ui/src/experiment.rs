//! The pane of the experiment: a script is loaded, carried out line by line, held and ended, and one sees where it is.

use std::path::{Path, PathBuf};

use beadscope_engine::command::CommandBus;
use beadscope_engine::script::{Line, Phase, Progress, Script, WrongLine, read};
use eframe::egui::{self, Align, Button, ProgressBar, RichText, ScrollArea, TextEdit};

use crate::browser::{Browsed, Browser, Wanted};
use crate::theme;

/// A longer file is no script.
const MOST_BYTES: u64 = 1 << 20;
/// How a script is written, for people who have none yet.
const EXAMPLE: &str = "A script is a text file; each line is a command, wait SECONDS, or wait rest (until motors, ramp and sweep have come to \
                       their ends):\n\n    record.start name=\"hairpin\"\n    force.ramp to_pn=20, rate_pn_per_s=0.5\n    wait rest\n    \
                       wait 10\n    mark text=\"unzipped\"\n    record.stop\n\nCtrl+K lists all commands.";

/// The script that is loaded, and how it goes.
#[derive(Default)]
pub struct Experiment {
    /// As it is typed.
    path: String,
    lines: Vec<Line>,
    wrong: Vec<WrongLine>,
    /// Why nothing is loaded.
    refused: Option<String>,
    script: Option<Script>,
    /// How it went, once it has ended.
    last: Option<Progress>,
    browser: Option<Browser>,
}

/// What is asked for.
pub enum Asked {
    /// This file is to be read.
    Read(PathBuf),
    /// The script is to begin.
    Start,
}

/// Reads a script's file.
///
/// # Errors
/// Why not, and which.
pub fn text_of(path: &Path) -> Result<String, String> {
    let refused = |why: String| format!("no script: {why}: {}", path.display());
    let length = std::fs::metadata(path).map_err(|error| refused(error.to_string()))?.len();
    if length > MOST_BYTES {
        return Err(refused("it has more than a million letters".to_owned()));
    }
    std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))
}

impl Experiment {
    /// Takes over what was read; not while a script is under way.
    pub fn take(&mut self, text: Result<String, String>) {
        if self.is_under_way() {
            return;
        }
        (self.lines, self.wrong, self.refused, self.last, self.script) = Default::default();
        match text.map(|text| read(&text)) {
            Ok(Ok(lines)) => self.lines = lines,
            Ok(Err(wrong)) => self.wrong = wrong,
            Err(why) => self.refused = Some(why),
        }
    }

    /// Begins with the first line.
    pub fn start(&mut self, bus: CommandBus) {
        match Script::start(self.lines.clone(), bus) {
            Ok(script) => (self.script, self.last) = (Some(script), None),
            Err(error) => self.refused = Some(format!("the script could not be started: {error}")),
        }
    }

    /// Where it is, if it was started.
    pub fn progress(&self) -> Option<Progress> {
        self.script.as_ref().map(Script::progress).or_else(|| self.last.clone())
    }

    /// It was started and has not come to its end.
    pub fn is_under_way(&self) -> bool {
        self.script.as_ref().is_some_and(|script| script.progress().phase.is_under_way())
    }

    /// The session is about to end.
    pub fn end(&mut self) {
        if let Some(script) = self.script.take() {
            script.stop();
            self.last = Some(script.progress());
        }
    }

    /// Draws the pane. `folder`: where scripts are looked for first.
    pub fn show(&mut self, ui: &mut egui::Ui, folder: &str, is_live: bool) -> Option<Asked> {
        let progress = self.progress();
        let is_under_way = self.is_under_way();
        let mut asked = None;
        ui.add_enabled_ui(is_live && !is_under_way, |ui| asked = self.file(ui, folder));
        if let Some(Browsed::Chosen(path)) = self.browse(ui) {
            self.path = path.display().to_string();
            asked = Some(Asked::Read(path));
        }
        ui.horizontal_wrapped(|ui| {
            let can_start = is_live && !is_under_way && !self.lines.is_empty();
            let start = ui.add_enabled(can_start, Button::new("▶ Start"));
            if start.on_hover_text("Carries the lines out, one after the other").clicked() {
                asked = Some(Asked::Start);
            }
            let is_paused = progress.as_ref().is_some_and(|progress| progress.phase == Phase::Paused);
            let (text, hint) = match is_paused {
                true => ("▶ Go on", "Goes on with the next line"),
                false => ("⏸ Pause", "Holds the script before its next line; what it has begun goes on"),
            };
            if let Some(script) = &self.script {
                let pause = ui.add_enabled(is_under_way, Button::new(text));
                if pause.on_hover_text(hint).clicked() {
                    script.pause(!is_paused);
                }
                let stop = ui.add_enabled(is_under_way, Button::new("⏹ End"));
                if stop
                    .on_hover_text("Ends the script. Motors go on to where they were sent: Escape stops them")
                    .clicked()
                {
                    script.stop();
                }
            }
            self.state(ui, progress.as_ref());
        });
        ui.separator();
        self.text(ui, progress.as_ref());
        asked
    }

    fn file(&mut self, ui: &mut egui::Ui, folder: &str) -> Option<Asked> {
        let mut asked = None;
        ui.horizontal(|ui| {
            let label = ui.label("Script");
            let field =
                TextEdit::singleline(&mut self.path).hint_text("path of a text file").desired_width(260.0);
            let field = ui.add(field).labelled_by(label.id);
            let is_entered = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
            if ui.button("Browse…").on_hover_text("Looks for a text file (.txt)").clicked() {
                let typed = Path::new(self.path.trim());
                let at = typed.parent().filter(|parent| parent.is_absolute()).unwrap_or(Path::new(folder));
                self.browser = Some(Browser::open("An experiment's script", Wanted::File("txt"), at));
            }
            let can_load = !self.path.trim().is_empty();
            let load = ui.add_enabled(can_load, Button::new("Load"));
            if load
                .on_hover_text("Reads the file; every line is looked at before anything is begun")
                .clicked()
                || (is_entered && can_load)
            {
                asked = Some(Asked::Read(PathBuf::from(self.path.trim())));
            }
        });
        asked
    }

    fn browse(&mut self, ui: &egui::Ui) -> Option<Browsed> {
        let browsed = self.browser.as_mut()?.show(ui.ctx())?;
        self.browser = None;
        Some(browsed)
    }

    fn state(&self, ui: &mut egui::Ui, progress: Option<&Progress>) {
        let colors = theme::colors(ui);
        let Some(progress) = progress else {
            if !self.lines.is_empty() {
                ui.label(format!("{} lines, none wrong", self.lines.len()));
            }
            return;
        };
        let of = self.lines.len();
        let done = if progress.phase == Phase::Finished { of } else { progress.at };
        let bar = ProgressBar::new(done as f32 / of.max(1) as f32).desired_width(120.0);
        ui.add(bar.text(format!("{done} of {of} done")));
        let left =
            progress.left_s.filter(|left_s| *left_s > 0.5).map(|left_s| format!(", {left_s:.0} s left"));
        let (text, color) = match &progress.phase {
            Phase::Running => (format!("running{}", left.unwrap_or_default()), colors.value),
            Phase::Paused => ("paused".to_owned(), colors.warning),
            Phase::Finished => ("finished".to_owned(), colors.value),
            Phase::Stopped => ("ended before its end".to_owned(), colors.warning),
            Phase::Failed(why) => (why.clone(), colors.danger),
        };
        ui.label(RichText::new(text).color(color));
    }

    fn text(&self, ui: &mut egui::Ui, progress: Option<&Progress>) {
        let colors = theme::colors(ui);
        ScrollArea::both().auto_shrink(false).show(ui, |ui| {
            if let Some(why) = &self.refused {
                ui.label(RichText::new(why).color(colors.danger));
            }
            for wrong in &self.wrong {
                ui.label(RichText::new(wrong.to_string()).color(colors.danger));
            }
            if self.lines.is_empty() && self.refused.is_none() && self.wrong.is_empty() {
                ui.label(RichText::new(EXAMPLE).color(colors.label));
            }
            for (at, line) in self.lines.iter().enumerate() {
                let here =
                    progress.is_some_and(|progress| progress.at == at && progress.phase != Phase::Finished);
                let text = RichText::new(format!("{:>4}  {}", line.number, line.text)).monospace();
                let text = if here { text.color(colors.accent).strong() } else { text.color(colors.label) };
                let label = ui.label(text);
                if here && self.is_under_way() {
                    label.scroll_to_me(Some(Align::Center));
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_script_is_refused_whole_with_every_line_that_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script.txt");
        let mut experiment = Experiment::default();
        experiment.take(text_of(&path));
        assert!(experiment.refused.as_ref().is_some_and(|why| why.contains("script.txt")));
        std::fs::write(&path, "mark text=\"a\"\nwait long\nfly\n").unwrap();
        experiment.take(text_of(&path));
        assert!(experiment.refused.is_none() && experiment.lines.is_empty());
        assert_eq!(experiment.wrong.iter().map(|wrong| wrong.number).collect::<Vec<_>>(), [2, 3]);
        std::fs::write(&path, "mark text=\"a\"\nwait 1\n").unwrap();
        experiment.take(text_of(&path));
        assert!(experiment.wrong.is_empty() && experiment.lines.len() == 2);
        std::fs::write(&path, vec![b'#'; 2 << 20]).unwrap();
        assert!(text_of(&path).unwrap_err().contains("million"));
    }
}
