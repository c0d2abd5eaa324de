//! Starting and stopping recordings: each makes a run folder of its own.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use beadscope_engine::clock::unix_ns_now;
use beadscope_engine::command::{Applied, Command};
use beadscope_engine::ledger::Ledger;
use beadscope_engine::record::space::Disk;
use beadscope_engine::record::tracks_file::partial_path;
use beadscope_engine::run_name::{RunFacts, RunNameError, folder_name};
use beadscope_engine::status::{Health, RecordingHealth};
use beadscope_engine::video::Mode;

use crate::messages::{Kind, Messages};
use crate::run_folders::RunFolders;
use crate::scale::grouped;

/// Where recordings go, and the one that runs.
pub struct Recording {
    /// Each recording makes a folder in this one. As text, because it is edited as text.
    pub folder: String,
    /// Goes into the folder's name.
    pub name: String,
    /// One is being started or finished; until that is done it is neither again.
    pub is_changing: bool,
    running: Option<Running>,
    /// What the engine told of it last.
    pub now: Option<RecordingHealth>,
    /// Its disk, as the engine told last.
    pub disk: Option<Disk>,
    /// What is in the folder.
    pub folders: RunFolders,
}

/// A recording in progress.
pub struct Running {
    /// Its file.
    pub file: PathBuf,
    /// When it was started.
    pub since: Instant,
}

impl Recording {
    /// Recordings into `folder`; none runs.
    pub fn new(folder: &Path, name: String) -> Self {
        Self {
            folder: folder.display().to_string(),
            name,
            is_changing: false,
            running: None,
            now: None,
            disk: None,
            folders: RunFolders::default(),
        }
    }

    /// The recording in progress.
    pub fn running(&self) -> Option<&Running> {
        self.running.as_ref()
    }

    /// What starts a recording, or ends the one in progress.
    pub fn toggle_command(&self) -> Command {
        if self.running.is_some() { Command::RecordStop {} } else { self.start_command() }
    }

    /// Takes over what a command has done to recordings, whoever gave it in the window.
    pub fn follow(&mut self, applied: &Applied, messages: &mut Messages) {
        match applied {
            Applied::Recording { file } => {
                self.running = Some(Running { file: file.clone(), since: Instant::now() });
            }
            Applied::NextRecording { file, before, ledger } => {
                messages.add(kind_of(ledger), saved_text(ledger, before));
                self.running = Some(Running { file: file.clone(), since: Instant::now() });
            }
            Applied::Recorded { file, ledger } => {
                messages.add(kind_of(ledger), saved_text(ledger, file));
                self.running = None;
            }
            _ => {}
        }
    }

    /// A field that was emptied leaves it to the settings.
    fn start_command(&self) -> Command {
        let typed = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Command::RecordStart { folder: typed(&self.folder), name: typed(&self.name) }
    }

    /// How the folder of the next recording is called.
    ///
    /// # Errors
    /// Why its name cannot be used.
    pub fn preview(&self, mode: &str, beads: usize) -> Result<String, RunNameError> {
        // An empty one is that of the settings; `run` unless they say another.
        let name = self.name.trim();
        let mode = Mode::NAMES.iter().find(|(_, name)| *name == mode).map_or(Mode::Track, |(mode, _)| *mode);
        let facts = RunFacts { unix_ns: unix_ns_now(), beads, mode };
        folder_name(name, facts, self.folders.seen.names.iter().map(String::as_str))
    }

    /// Takes over a setting that was changed in the session, by whatever way.
    pub fn take_setting(&mut self, name: &str, value: &toml::Value) {
        let Some(text) = value.as_str() else { return };
        match name {
            "recording.folder" => text.clone_into(&mut self.folder),
            "recording.name" => text.clone_into(&mut self.name),
            _ => {}
        }
    }

    /// Looks what is recorded, whoever has begun, split or ended it, and says so once.
    pub fn watch(&mut self, health: &Health, messages: &mut Messages) {
        (self.now, self.disk) = (health.recording.clone(), health.vitals.disk.clone());
        // What the window has asked for itself tells its answer.
        if self.is_changing {
            return;
        }
        let file = self.running.as_ref().map(|running| running.file.clone());
        match (&health.recording, file) {
            (Some(now), file) if file.as_ref() != Some(&now.file) => {
                let path = now.file.display();
                let told = match file {
                    Some(_) => format!("the recording goes on in another file: {path}"),
                    None => format!("a recording was begun: {path}"),
                };
                messages.add(Kind::Done, told);
                let since = Instant::now().checked_sub(Duration::from_secs_f64(now.since_s));
                let since = since.unwrap_or_else(Instant::now);
                self.running = Some(Running { file: now.file.clone(), since });
            }
            (None, Some(file)) => {
                self.running = None;
                match &health.record_error {
                    Some(error) => messages.add(
                        Kind::Failed,
                        format!("recording stopped, what was written before is kept: {error}"),
                    ),
                    None => messages.add(Kind::Done, format!("the recording was ended: {}", file.display())),
                }
            }
            _ => {}
        }
    }

    /// The session has ended and finished the file itself, if nothing broke.
    pub fn settle(&mut self, health: &Health, messages: &mut Messages) {
        (self.is_changing, self.now, self.disk) = (false, None, None);
        let Some(Running { file, .. }) = self.running.take() else { return };
        match &health.record_error {
            Some(error) => messages
                .add(Kind::Failed, format!("recording stopped, what was written before is kept: {error}")),
            None => add_ended(&file, messages),
        }
    }
}

/// Says what the end of the session has made of the recording.
fn add_ended(file: &Path, messages: &mut Messages) {
    let partial = partial_path(file);
    if file.exists() {
        messages.add(Kind::Done, format!("the recording was finished with the session: {}", file.display()));
    } else if partial.exists() {
        let partial = partial.display();
        messages.add(
            Kind::Failed,
            format!("the session ended amid the recording; make it whole with: beadscope recover {partial}"),
        );
    } else {
        let file = file.display();
        messages.add(Kind::Failed, format!("the session ended and its recording is gone: {file}"));
    }
}

fn kind_of(ledger: &Ledger) -> Kind {
    if ledger.total_lost() > 0 { Kind::Failed } else { Kind::Done }
}

fn saved_text(ledger: &Ledger, file: &Path) -> String {
    let lost = match ledger.total_lost() {
        0 => "none lost".to_owned(),
        lost => format!("{} lost (the gaps are listed in the file)", grouped(lost)),
    };
    format!("recorded {} frames, {lost}: {}", grouped(ledger.recorded), file.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(file: &str) -> Health {
        let recording = RecordingHealth { file: file.into(), since_s: 5.0, ..RecordingHealth::default() };
        Health { recording: Some(recording), ..Health::default() }
    }

    #[test]
    fn each_recording_tells_its_own_failure_once() {
        let mut recording = Recording::new(Path::new("."), "run".to_owned());
        for error in ["the disk is full", "the cable is out"] {
            recording.watch(&runs("a"), &mut Messages::default());
            assert!(recording.running().is_some(), "nothing has failed");
            let failed = Health { record_error: Some(error.to_owned()), ..Health::default() };
            let mut messages = Messages::default();
            recording.watch(&failed, &mut messages);
            assert!(recording.running().is_none(), "shown as stopped: {error}");
            assert!(messages.texts().any(|text| text.contains(error)));
            let mut messages = Messages::default();
            recording.watch(&failed, &mut messages);
            assert_eq!(messages.texts().count(), 0, "told once");
        }
    }

    #[test]
    fn what_others_do_to_recordings_is_seen_and_what_the_window_does_is_told_by_its_answer() {
        let mut recording = Recording::new(Path::new("."), "run".to_owned());
        let told = |recording: &mut Recording, health: &Health| {
            let mut messages = Messages::default();
            recording.watch(health, &mut messages);
            let file = recording.running().map(|running| running.file.display().to_string());
            (file, messages.texts().collect::<Vec<_>>().join("\n"))
        };
        let (file, text) = told(&mut recording, &runs("a"));
        assert!(file.as_deref() == Some("a") && text.contains("was begun"), "{text}");
        assert!(recording.running().unwrap().since.elapsed() >= Duration::from_secs(5), "its own age");
        let (file, text) = told(&mut recording, &runs("b"));
        assert!(file.as_deref() == Some("b") && text.contains("goes on in another file: b"), "{text}");
        assert_eq!(told(&mut recording, &runs("b")).1, "", "once");
        recording.is_changing = true;
        let (file, text) = told(&mut recording, &Health::default());
        assert!(file.is_some() && text.is_empty(), "the answer is under way: {text}");
        recording.is_changing = false;
        let (file, text) = told(&mut recording, &Health::default());
        assert!(file.is_none() && text.contains("was ended: b"), "{text}");
    }

    #[test]
    fn what_is_not_typed_is_left_to_the_settings() {
        let mut recording = Recording::new(Path::new("runs "), "left".to_owned());
        let start = |folder: Option<&str>, name: Option<&str>| Command::RecordStart {
            folder: folder.map(str::to_owned),
            name: name.map(str::to_owned),
        };
        assert_eq!(recording.start_command(), start(Some("runs"), Some("left")));
        (recording.folder, recording.name) = (" ".to_owned(), String::new());
        assert_eq!(recording.start_command(), start(None, None));
        assert!(recording.start_command().check().is_ok(), "a text of no bytes would be refused");
    }

    #[test]
    fn a_recording_is_called_finished_only_if_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tracks.h5");
        let ended = || {
            let mut recording = Recording::new(folder.path(), "run".to_owned());
            recording.running = Some(Running { file: file.clone(), since: Instant::now() });
            let mut messages = Messages::default();
            recording.settle(&Health::default(), &mut messages);
            assert!(recording.running().is_none());
            messages.texts().collect::<Vec<_>>().join("\n")
        };
        let gone = ended();
        assert!(gone.contains("is gone") && gone.contains("tracks.h5"), "{gone}");
        std::fs::write(partial_path(&file), "").unwrap();
        let partial = ended();
        assert!(partial.contains("beadscope recover") && partial.contains("tracks.h5.partial"), "{partial}");
        std::fs::rename(partial_path(&file), &file).unwrap();
        let finished = ended();
        assert!(finished.contains("was finished with the session"), "{finished}");
    }

    #[test]
    fn what_was_lost_is_said_and_marked() {
        let mut ledger = Ledger { recorded: 1234, ..Ledger::default() };
        assert_eq!(kind_of(&ledger), Kind::Done);
        assert!(
            saved_text(&ledger, Path::new("a/tracks.h5"))
                .starts_with("recorded 1\u{2009}234 frames, none lost")
        );
        ledger.lost.ring_full = 5;
        assert_eq!(kind_of(&ledger), Kind::Failed);
        assert!(saved_text(&ledger, Path::new("x")).contains("5 lost"));
    }
}
