//! Libraries that stand between the program and the disk (`tests/faults/`), and let it go wrong.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds `tests/faults/<name>.c` into `folder`; what LD_PRELOAD is set to.
pub fn library(name: &str, folder: &Path) -> PathBuf {
    let library = folder.join(name).with_extension("so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults").join(name).with_extension("c");
    let mut compiler = Command::new("cc");
    compiler.args(["-O1", "-Wall", "-shared", "-fPIC", "-o"]);
    let compiled = compiler.arg(&library).arg(source).arg("-ldl").status().unwrap();
    assert!(compiled.success());
    library
}
