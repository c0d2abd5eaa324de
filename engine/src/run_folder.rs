//! The folder of a run: `<parent>/<UTC start>_<name>`, with the settings that were in use and, later, recording and video.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::clock::{unix_ns_now, utc_text};
use crate::record::error::RecordError;
use crate::record::{rig_path, space, tracks_path};
use crate::rig::RecordingSection;
use crate::video::video_path;

/// A folder that was made for a run, before anything is recorded.
#[derive(Clone, Debug)]
pub struct RunFolder {
    /// Where it is.
    pub path: PathBuf,
}

impl RunFolder {
    /// Makes a new folder where `place` says, with these settings in it.
    ///
    /// # Errors
    /// If it cannot be made, or its disk has no room for a recording.
    pub fn make(settings_toml: &str, place: &RecordingSection) -> Result<Self, RecordError> {
        let action = "make a run folder";
        let path =
            make_folder(&place.folder, &place.name, unix_ns_now()).map_err(|error| match error.kind() {
                // It is no recording that is in the way.
                ErrorKind::AlreadyExists => RecordError::Io { action, error, path: place.folder.clone() },
                _ => RecordError::io(action, &place.folder, error),
            })?;
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

/// If the folder exists, `_2`, `_3` … is added. What a folder's name may not hold becomes `-` in `name`.
fn make_folder(parent: &Path, name: &str, start_unix_ns: u64) -> io::Result<PathBuf> {
    fs::create_dir_all(parent)?;
    // Colons are not allowed in file names everywhere.
    let stem = format!("{}_{}", utc_text(start_unix_ns).replace(':', "-"), folder_name(name));
    let mut folder = parent.join(&stem);
    for copy in 2.. {
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                folder = parent.join(format!("{stem}_{copy}"));
            }
            Err(error) => return Err(error),
            Ok(()) => break,
        }
    }
    Ok(folder)
}

/// A name as part of a folder's name: separators and what some systems refuse become `-`.
fn folder_name(name: &str) -> String {
    let refused = |letter: char| letter.is_control() || "/\\:*?\"<>|".contains(letter);
    let name: String = name.trim().chars().map(|letter| if refused(letter) { '-' } else { letter }).collect();
    let name = name.trim_matches('.');
    if name.is_empty() { "run".to_owned() } else { name.to_owned() }
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
            let folder = make_folder(parent.path(), typed, 0).unwrap();
            assert_eq!(folder.parent(), Some(parent.path()), "{typed:?}");
            let found = folder.file_name().unwrap().to_str().unwrap().split_once('_').unwrap().1.to_owned();
            assert!(found == name || found == format!("{name}_2"), "{typed:?}: {found:?}");
        }
    }

    #[test]
    fn what_is_removed_leaves_what_is_not_ours() {
        let parent = tempfile::tempdir().unwrap();
        let place = RecordingSection { folder: parent.path().join("runs"), ..RecordingSection::default() };
        let run = RunFolder::make("a = 1\n", &place).unwrap();
        assert_eq!(fs::read_to_string(rig_path(&run.path)).unwrap(), "a = 1\n");
        let other = RunFolder::make("", &place).unwrap();
        fs::write(other.path.join("notes.txt"), "mine").unwrap();
        run.remove();
        other.remove();
        assert!(!run.path.exists() && other.path.join("notes.txt").exists());
    }
}
