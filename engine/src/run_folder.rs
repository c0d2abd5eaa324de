//! The folder of a run: `<parent>/<UTC start>_<name>`, with the settings that were in use and, later, recording and video.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use crate::clock::unix_ns_now;
use crate::record::error::RecordError;
use crate::record::{rig_path, space, tracks_path};
use crate::rig::RecordingSection;
use crate::run_name::{self, RunFacts};
use crate::video::video_path;

/// A folder that was made for a run, before anything is recorded.
#[derive(Clone, Debug)]
pub struct RunFolder {
    /// Where it is.
    pub path: PathBuf,
}

impl RunFolder {
    /// Makes a new folder where `place` says, with these settings in it, for a run that begins with so many beads.
    ///
    /// # Errors
    /// If its name holds what nothing is filled in for, if it cannot be made, or if its disk has no room for a recording.
    pub fn make(settings_toml: &str, place: &RecordingSection, beads: usize) -> Result<Self, RecordError> {
        let path = make_folder(place, beads, unix_ns_now())?;
        let run = Self { path };
        let rig = rig_path(&run.path);
        let filled = space::check(&run.path).and_then(|()| {
            fs::write(&rig, settings_toml).map_err(|error| RecordError::io("write the settings", &rig, error))
        });
        filled.inspect_err(|_| run.remove())?;
        Ok(run)
    }

    /// Where its rows go.
    pub fn tracks(&self) -> PathBuf {
        tracks_path(&self.path)
    }

    /// As if it had not been made; what is not ours stays.
    pub fn remove(&self) {
        // The error to tell is why there is no run; what is left is harmless.
        let _ = fs::remove_file(rig_path(&self.path));
        let _ = fs::remove_dir_all(video_path(&self.path));
        let _ = fs::remove_dir(&self.path);
    }
}

/// If the folder exists, `_2`, `_3` … is added.
fn make_folder(place: &RecordingSection, beads: usize, unix_ns: u64) -> Result<PathBuf, RecordError> {
    let action = "make a run folder";
    let parent = &place.folder;
    let failed = |error: io::Error| match error.kind() {
        // It is no recording that is in the way.
        ErrorKind::AlreadyExists => RecordError::Io { action, error, path: parent.clone() },
        _ => RecordError::io(action, parent, error),
    };
    run_name::check(&place.name)?;
    fs::create_dir_all(parent).map_err(failed)?;
    let others: Vec<String> = fs::read_dir(parent)
        .map(|entries| {
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        })
        .map_err(failed)?;
    let facts = RunFacts { unix_ns, beads, mode: place.mode };
    let stem = run_name::folder_name(&place.name, facts, others.iter().map(String::as_str))?;
    let mut folder = parent.join(&stem);
    for copy in 2.. {
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                folder = parent.join(format!("{stem}_{copy}"));
            }
            Err(error) => return Err(failed(error)),
            Ok(()) => break,
        }
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_the_folder() {
        let parent = tempfile::tempdir().unwrap();
        for (typed, name) in [
            ("../../etc", "-..-etc"),
            ("  ", "run"),
            ("..", "run"),
            ("5 pN: bead 3", "5 pN- bead 3"),
            ("a/b", "a-b"),
        ] {
            let folder = parent.path().to_owned();
            let place = RecordingSection { folder, name: typed.to_owned(), ..RecordingSection::default() };
            let folder = make_folder(&place, 0, 0).unwrap();
            assert_eq!(folder.parent(), Some(parent.path()), "{typed:?}");
            let found = folder.file_name().unwrap().to_str().unwrap().split_once('_').unwrap().1.to_owned();
            assert!(found == name || found == format!("{name}_2"), "{typed:?}: {found:?}");
        }
    }

    #[test]
    fn a_name_is_filled_in_and_one_that_cannot_be_makes_no_folder() {
        let parent = tempfile::tempdir().unwrap();
        let place = |name: &str| RecordingSection {
            folder: parent.path().join("runs"),
            name: name.to_owned(),
            ..RecordingSection::default()
        };
        let error = RunFolder::make("", &place("{colour}"), 3).unwrap_err().to_string();
        assert!(error.contains("{colour}") && !parent.path().join("runs").exists(), "{error}");
        let made = |beads| RunFolder::make("", &place("{bead_count} beads {n}"), beads).unwrap().path;
        let ends = |path: PathBuf, end: &str| path.to_str().unwrap().ends_with(end);
        assert!(ends(made(3), "_3 beads 1") && ends(made(3), "_3 beads 2") && ends(made(4), "_4 beads 1"));
    }

    #[test]
    fn what_is_removed_leaves_what_is_not_ours() {
        let parent = tempfile::tempdir().unwrap();
        let place = RecordingSection { folder: parent.path().join("runs"), ..RecordingSection::default() };
        let run = RunFolder::make("a = 1\n", &place, 0).unwrap();
        assert_eq!(fs::read_to_string(rig_path(&run.path)).unwrap(), "a = 1\n");
        let other = RunFolder::make("", &place, 0).unwrap();
        fs::write(other.path.join("notes.txt"), "mine").unwrap();
        run.remove();
        other.remove();
        assert!(!run.path.exists() && other.path.join("notes.txt").exists());
    }
}
