//! What is in the folder of the recordings: the newest runs, the names there are, and the space on its disk.
//!
//! Runs on: `main`, which asks every few seconds; `beadscope-runs`, which looks, since a share may not answer.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use beadscope_engine::record::space::free_bytes;

/// How often it is looked into.
const LOOK: Duration = Duration::from_secs(5);
/// A folder that has not answered for so long is told of.
const MUTE: Duration = Duration::from_secs(3);
/// Runs that are listed.
const LISTED: usize = 10;

/// What was seen last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// The newest runs, and whether each is whole.
    pub runs: Vec<(PathBuf, bool)>,
    /// Everything that is in the folder.
    pub names: Vec<String>,
    /// Space that is free on its disk, bytes.
    pub free_bytes: Option<u64>,
}

/// Looks into the folder.
#[derive(Default)]
pub struct RunFolders {
    /// When it was looked into last, and which folder it was.
    looked: Option<(Instant, String)>,
    looking: Option<(Instant, Receiver<Seen>)>,
    /// What was seen last.
    pub seen: Seen,
}

impl RunFolders {
    /// Takes what was seen, and looks again if it is time.
    pub fn look(&mut self, folder: &str) {
        let is_old =
            self.looked.as_ref().is_none_or(|(at, in_folder)| at.elapsed() > LOOK || in_folder != folder);
        if is_old && self.looking.is_none() {
            self.looked = Some((Instant::now(), folder.to_owned()));
            let (tell, told) = sync_channel(1);
            let folder = PathBuf::from(folder.trim());
            let thread = Builder::new().name("beadscope-runs".to_owned()).spawn(move || {
                // Nobody listens once the window is closed.
                let _ = tell.send(see(&folder));
            });
            self.looking = thread.is_ok().then(|| (Instant::now(), told));
        }
        match self.looking.as_ref().map(|(_, told)| told.try_recv()) {
            Some(Ok(seen)) => (self.seen, self.looking) = (seen, None),
            Some(Err(TryRecvError::Disconnected)) => self.looking = None,
            Some(Err(TryRecvError::Empty)) | None => {}
        }
    }

    /// The folder does not answer.
    pub fn is_mute(&self) -> bool {
        self.looking.as_ref().is_some_and(|(since, _)| since.elapsed() > MUTE)
    }
}

fn see(folder: &Path) -> Seen {
    let free_bytes = free_bytes(folder);
    let Ok(entries) = fs::read_dir(folder) else { return Seen { free_bytes, ..Seen::default() } };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    // Their names begin with the time.
    paths.sort_unstable_by(|a, b| b.cmp(a));
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let names = paths.iter().map(name).collect();
    let is_run = |path: &PathBuf| {
        let file = |name: &str| path.join(name).exists();
        file("tracks.h5") || file("tracks.h5.partial") || file("tracks.journal.mcap")
    };
    let with_state = |run: PathBuf| {
        let is_whole = run.join("tracks.h5").exists();
        (run, is_whole)
    };
    let runs = paths.into_iter().filter(is_run).take(LISTED).map(with_state).collect();
    Seen { runs, names, free_bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_runs_come_first_and_other_folders_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        for number in 10..25 {
            let run = folder.path().join(format!("2026-11-{number}T00-00-00Z_run"));
            fs::create_dir(&run).unwrap();
            fs::write(run.join(if number == 24 { "tracks.journal.mcap" } else { "tracks.h5" }), "").unwrap();
        }
        fs::create_dir(folder.path().join("zzz")).unwrap();
        let Seen { runs, names, free_bytes } = see(folder.path());
        assert_eq!((runs.len(), names.len()), (LISTED, 16));
        assert!(runs[0].0.ends_with("2026-11-24T00-00-00Z_run") && !runs[0].1, "being recorded");
        assert!(runs[9].0.ends_with("2026-11-15T00-00-00Z_run") && runs[9].1);
        assert!(free_bytes.is_some_and(|bytes| bytes > 0));
        let nowhere = see(&folder.path().join("nowhere"));
        assert!(
            nowhere.runs.is_empty() && nowhere.free_bytes.is_some(),
            "its disk is known before it is made"
        );
    }

    #[test]
    fn another_folder_is_looked_into_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut folders = RunFolders::default();
        let mut until = |text: &str, is_so: &dyn Fn(&Seen) -> bool| {
            let deadline = Instant::now() + Duration::from_secs(60);
            while !is_so(&folders.seen) {
                folders.look(text);
                assert!(Instant::now() < deadline);
            }
        };
        fs::create_dir(folder.path().join("a")).unwrap();
        let text = folder.path().display().to_string();
        until(&text, &|seen| seen.names == ["a"]);
        until(&format!("{text}/a"), &|seen| seen.names.is_empty());
    }
}
