//! The page `docs/read_a_run.md` is true: its Python runs on a recording, and finds the positions that were simulated.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where this is how a test fails")]

mod common;

use std::path::Path;
use std::process::Command;

use common::{beadscope_ok, crash, python};

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

/// What a journal and the file that is made of it both tell.
const CHECKS_OF_A_CRASHED_RUN: &str = r#"
import h5py, sys

with h5py.File(sys.argv[1]) as file:
    for path, new in columns.items():
        told, recovered = np.concatenate(new), file[path][:]
        if path == "tracking/frame_offsets":
            recovered = recovered[1:]  # the first is 0
        if told.dtype.kind == "S":
            recovered = recovered.astype(told.dtype)
        assert np.array_equal(told.squeeze(1) if recovered.ndim == 1 else told, recovered, equal_nan=told.dtype.kind == "f"), path
assert {"tracking/positions_nm", "beadscope/frames/arrival_ns", "beadscope/health/unix_ns"} <= set(columns), set(columns)
assert len(crashed_nm) > 100
"#;

/// The page's Python in fences that begin so, block after block.
fn snippets(fence: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/read_a_run.md");
    let page = std::fs::read_to_string(page).unwrap();
    let fence = format!("```{fence}\n");
    let blocks = page.split(&fence).skip(1);
    blocks.map(|block| block.split_once("```").unwrap().0.to_owned()).collect::<Vec<_>>().join("\n")
}

/// Runs a script, which must be content.
fn run(python: &Path, script: &Path, arguments: &[&str]) {
    let output = Command::new(python).arg(script).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stdout));
    // numpy warns of means over nothing, and so would a reader's screen.
    assert!(!said.contains("Warning"), "{said}");
}

#[test]
fn mcaps_own_reader_finds_in_a_journal_what_is_recovered_from_it() {
    let Some(python) = python("mcaps_own_reader_finds_in_a_journal_what_is_recovered_from_it") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let partial = crash(folder.path());
    let (crashed, kept) = (partial.parent().unwrap(), folder.path().join("kept"));
    std::fs::create_dir(&kept).unwrap();
    let whole = std::fs::read(crashed.join("tracks.journal.mcap")).unwrap();
    beadscope_ok(&["recover", crashed.to_str().unwrap()]);
    let script = folder.path().join("crashed.py");
    let code = format!(
        "run = {:?}\n{}{CHECKS_OF_A_CRASHED_RUN}",
        kept.to_str().unwrap(),
        snippets("python crashed")
    );
    std::fs::write(&script, code).unwrap();
    // A block behind the last one, of which the crash has left so much: nothing, or up to its kind, its length, what a chunk
    // tells of its records, and some of these; or all, but not as it was.
    let (kind, data) = (6_u8, [7; 1000]);
    let [length, time_ns, bytes] = [1040_u64, 0, 1000].map(u64::to_le_bytes);
    let (crc, no_compression) = ([1; 4], [0; 4]);
    let block =
        [&[kind], &length[..], &time_ns, &time_ns, &bytes, &crc, &no_compression, &bytes, &data].concat();
    for left in [0, 1, 5, 9, 20, 49, 300, block.len()] {
        let torn = [&whole, &block[..left]].concat();
        std::fs::write(kept.join("tracks.journal.mcap"), torn).unwrap();
        run(&python, &script, &[crashed.join("tracks.h5").to_str().unwrap()]);
    }
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
    let recorded = summary["run"].as_str().unwrap();
    assert_eq!(beadscope_ok(&["verify", recorded]), "40 frames, 240 rows: whole\n");

    let code = snippets("python");
    assert!(code.contains(EXAMPLE) && code.matches("import").count() >= 4, "{code}");
    let script = path("page.py");
    std::fs::write(&script, code.replace(EXAMPLE, recorded) + CHECKS).unwrap();
    let truth = Path::new(&made).join("truth.csv");
    run(&python, Path::new(&script), &[truth.to_str().unwrap(), "40"]);
}
