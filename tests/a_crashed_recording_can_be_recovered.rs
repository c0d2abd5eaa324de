//! What a crash leaves is one command away from a whole file, and that command never harms another.

mod common;

use std::path::Path;
use std::time::SystemTime;

use common::{age, beadscope, beadscope_ok, crash, recording};
use rust_hdf5::H5File;

#[test]
fn a_killed_run_is_recovered() {
    let folder = tempfile::tempdir().unwrap();
    let partial = crash(folder.path());
    let (run, finished) = (partial.parent().unwrap(), partial.with_extension(""));
    let said = |arguments: &[&str]| {
        let output = beadscope(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let recover = ["recover", run.to_str().unwrap()];
    std::fs::write(&finished, "precious").unwrap();
    assert!(said(&recover).contains("exists already"));
    assert_eq!(std::fs::read(&finished).unwrap(), b"precious");
    std::fs::remove_file(&finished).unwrap();

    let told = beadscope_ok(&recover);
    let frames: usize = told.split(' ').next().unwrap().parse().unwrap();
    assert!(frames > 0 && told.contains("tracks.h5") && !told.contains("partial"), "{told}");
    let file = H5File::open(&finished).unwrap();
    let length = |path: &str| file.dataset(path).unwrap().shape()[0];
    assert_eq!(length("beadscope/frames/frame"), frames);
    assert_eq!(length("tracking/positions_nm"), 5 * frames);
    assert!(said(&recover).contains("nothing to recover"), "and it is done once");
    assert!(said(&["recover", finished.to_str().unwrap()]).contains(".partial"));
}

#[test]
#[cfg(unix)] // elsewhere there is no lock, and the file says every second that the recording goes on
fn a_recording_that_waits_for_frames_is_left_alone_until_its_program_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    // Marked as being written, and a frame every 10 s: nothing is written from now on.
    let is_begun =
        |path: &Path| std::fs::read(path).is_ok_and(|bytes| bytes.get(11).is_some_and(|mark| *mark != 0));
    let (mut program, partial) = recording(folder.path(), "0.1", is_begun);
    age(&partial);
    let recover = ["recover", partial.to_str().unwrap()];
    let output = beadscope(&recover);
    let said = String::from_utf8(output.stderr).unwrap();
    program.kill().unwrap();
    program.wait().unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("another program has the recording open") && said.contains("tracks.h5.partial"),
        "{said}"
    );
    assert!(partial.exists() && !partial.with_extension("").exists());

    std::fs::OpenOptions::new().write(true).open(&partial).unwrap().set_modified(SystemTime::now()).unwrap();
    let told = beadscope_ok(&recover);
    assert!(told.contains("whole frames"), "{told}");
}
