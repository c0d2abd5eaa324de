//! What a crash leaves is one command away from a whole file, and that command never harms another.

mod common;

use common::{age, beadscope, beadscope_ok, crash};
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
    assert!(said(&recover).contains("written to just now"), "as long as it may be a running one");
    age(&partial);
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
