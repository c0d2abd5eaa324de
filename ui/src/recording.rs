//! Starting and stopping recordings: each makes a run folder of its own.

use std::path::{Path, PathBuf};
use std::time::Instant;

use beadscope_engine::command::{Applied, Command};
use beadscope_engine::ledger::Ledger;
use beadscope_engine::record::tracks_file::partial_path;
use beadscope_engine::status::Health;

use crate::messages::{Kind, Messages};
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
        Self { folder: folder.display().to_string(), name, is_changing: false, running: None }
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

    /// Looks whether the recording has failed by itself, and says so once.
    pub fn watch(&mut self, health: &Health, messages: &mut Messages) {
        let Some(error) = &health.record_error else { return };
        if self.running.take().is_none() {
            return;
        }
        messages.add(Kind::Failed, format!("recording stopped, what was written before is kept: {error}"));
    }

    /// The session has ended and finished the file itself, if nothing broke.
    pub fn session_ended(&mut self, messages: &mut Messages) {
        if let Some(Running { file, .. }) = self.running.take() {
            add_ended(&file, messages);
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

    #[test]
    fn each_recording_tells_its_own_failure_once() {
        let health =
            |error: Option<&str>| Health { record_error: error.map(str::to_owned), ..Health::default() };
        let mut recording = Recording::new(Path::new("."), "run".to_owned());
        for error in ["the disk is full", "the cable is out"] {
            recording.running = Some(Running { file: PathBuf::new(), since: Instant::now() });
            recording.watch(&health(None), &mut Messages::default());
            assert!(recording.running().is_some(), "nothing has failed");
            let mut messages = Messages::default();
            recording.watch(&health(Some(error)), &mut messages);
            assert!(recording.running().is_none(), "shown as stopped: {error}");
            assert!(messages.texts().any(|text| text.contains(error)));
            let mut messages = Messages::default();
            recording.watch(&health(Some(error)), &mut messages);
            assert_eq!(messages.texts().count(), 0, "told once");
        }
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
            recording.session_ended(&mut messages);
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
