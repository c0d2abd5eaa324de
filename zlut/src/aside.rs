//! Writing aside: a file appears under its final name whole or not at all.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

/// Lets `fill` write a file next to `path`, syncs it to the disk and renames it to `path`, replacing what was
/// there; what `fill` returned. If anything fails the file is removed and `path` is as before.
///
/// Same folder, because a rename is only atomic within one file system.
pub fn write<T, E: From<io::Error>>(path: &Path, fill: impl FnOnce(&Path) -> Result<T, E>) -> Result<T, E> {
    let aside = aside_of(path)?;
    let done = fill(&aside).and_then(|filled| {
        put_in_place(&aside, path)?;
        Ok(filled)
    });
    // The first error is the one to tell; a leftover is hidden and harmless.
    done.inspect_err(|_| drop(fs::remove_file(&aside)))
}

fn put_in_place(aside: &Path, path: &Path) -> io::Result<()> {
    // Windows syncs only a file opened for writing.
    fs::OpenOptions::new().write(true).open(aside)?.sync_all()?;
    fs::rename(aside, path)?;
    sync_folder(path)
}

/// The rename itself survives a power cut only once the folder is on the disk.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => fs::File::open(folder)?.sync_all(),
        _ => fs::File::open(".")?.sync_all(),
    }
}

/// Windows cannot open a folder; NTFS journals the rename.
#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// `.NAME.PID-COUNT.part`: two processes, or two threads, that write the same name do not meet.
fn aside_of(path: &Path) -> io::Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no file name"));
    };
    let mut aside = OsString::from(".");
    aside.push(name);
    aside.push(format!(".{}-{}.part", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    Ok(path.with_file_name(aside))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<OsString> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.txt");
        write(&path, |aside| fs::write(aside, "old")).unwrap();
        let failed: io::Result<()> = write(&path, |aside| {
            fs::write(aside, "half")?;
            assert_eq!(fs::read_to_string(&path)?, "old", "nothing is written under the final name");
            Err(io::Error::other("disk full"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "disk full");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), ["table.txt"]);
    }

    #[test]
    fn a_finished_write_replaces_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.txt");
        write(&path, |aside| fs::write(aside, "old")).unwrap();
        write(&path, |aside| fs::write(aside, "new")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(names(folder.path()), ["table.txt"]);
    }
}
