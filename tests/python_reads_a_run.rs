//! The page `docs/read_a_run.md` is true: its Python runs on a recording, and finds the positions that were simulated.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where this is how a test fails")]

mod common;

use std::path::Path;
use std::process::Command;

use common::{beadscope_ok, python};

/// What the page calls its run.
const EXAMPLE: &str = "2026-11-21T03-19-05Z_run";

/// What the page's names must hold, given the truth; the script's arguments are the truth and the number of frames.
const CHECKS: &str = r##"
import csv, sys

with open(sys.argv[1]) as file:
    rows = csv.DictReader(line for line in file if not line.startswith("#"))
    truth = [[float(value) for value in list(row.values())[:5]] for row in rows]
truth = np.array(truth).reshape(len(time_s), -1, 5)
assert len(time_s) == int(sys.argv[2]), time_s
assert np.array_equal(beads, truth[0, :, 1]), beads
assert pixel_size_nm == 100
error_nm = traces_nm - truth[:, :, 2:] * [100, 100, 1]
assert not is_reference.any(), "else drift is taken off"
rms_nm = np.sqrt(np.nanmean(error_nm**2, axis=(0, 1)))
# Half a pixel wrong is 50 nm, a wrong sign of z hundreds.
assert np.all(rms_nm < [2, 2, 10]), rms_nm
assert np.allclose(xy_px * 100, position_nm[:, :2])
assert np.allclose(noise_nm, np.nanstd(traces_nm, axis=0))
assert np.allclose(mean_nm.to_numpy(), np.nanmean(traces_nm, axis=0))
assert list(table.columns) == ["time_s", "bead", "x_nm", "y_nm", "z_nm"] and len(table) == truth.shape[0] * truth.shape[1]
assert names["edge"] == 1 and set(rows_with) == set(names)
assert sum(rows_with.values()) >= np.isnan(position_nm).any(axis=1).sum()
assert is_gapless and ledger["recorded"] == len(time_s)
assert highest_nm == np.nanmax(position_nm[:, 2])
print("as simulated:", rms_nm)
"##;

/// The fenced Python of the page, block after block.
fn snippets(page: &str) -> String {
    let blocks = page.split("```python\n").skip(1);
    blocks.map(|block| block.split_once("```").unwrap().0).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_pages_snippets_find_what_was_simulated() {
    let Some(python) = python("the_pages_snippets_find_what_was_simulated") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (made, runs) = (path("made"), path("runs"));
    beadscope_ok(&["simulate", "--beads", "6", "--frames", "40", "--seed", "3", "--out", &made]);
    let rig = Path::new(&made).join("rig.toml");
    let json = beadscope_ok(&["run", "--rig", rig.to_str().unwrap(), "--out", &runs, "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&json).unwrap();
    let run = Path::new(summary["run"].as_str().unwrap());
    assert_eq!(beadscope_ok(&["verify", run.to_str().unwrap()]), "40 frames, 240 rows: whole\n");

    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/read_a_run.md")).unwrap();
    let code = snippets(&page);
    assert!(code.contains(EXAMPLE) && code.matches("import").count() >= 4, "{code}");
    let script = path("page.py");
    std::fs::write(&script, code.replace(EXAMPLE, run.to_str().unwrap()) + CHECKS).unwrap();
    let truth = Path::new(&made).join("truth.csv");
    let output = Command::new(python).arg(&script).arg(truth).arg("40").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stdout));
    // numpy warns of means over nothing, and so would a reader's screen.
    assert!(!said.contains("Warning"), "{said}");
}
