//! A minute of the whole instrument: 24 beads at 300 Hz, tracked in x, y and z and recorded. No frame is lost and memory does
//! not grow. How fast it is, is for `beadscope bench live`: this test takes a rate that any machine has.

mod common;

use std::path::Path;

use common::beadscope_ok;
use rust_hdf5::H5File;
use serde_json::Value;

const RATE_HZ: u64 = 300;
const SECONDS: u64 = 60;
/// Caches and rings are filled by then.
const WARM_S: usize = 15;
/// Rows that are kept would be 18 MB in this time.
const MAY_GROW_BYTES: f64 = 8e6;

#[test]
fn a_minute_is_whole_and_memory_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let rig = folder.path().join("rig.toml");
    // The camera holds ten seconds of frames: a machine that others use may pause.
    let text = format!(
        "[camera]\nrate_hz = {RATE_HZ}.0\n[camera.settings]\nbeads = 24\nwidth_px = 576\nheight_px = 576\n\
         buffer_frames = {}\n[tracking]\nbackend = \"cpu\"\n",
        10 * RATE_HZ
    );
    std::fs::write(&rig, text).unwrap();
    let count = RATE_HZ * SECONDS;
    let (rig, out) = (rig.to_str().unwrap(), folder.path().to_str().unwrap());
    let said = beadscope_ok(&["run", "--rig", rig, "--frames", &count.to_string(), "--out", out, "--json"]);
    let summary: Value = serde_json::from_str(&said).unwrap();
    let frames = &summary["frames"];
    assert_eq!(summary["ledger_sums"], true, "{said}");
    assert!(frames["lost"].as_object().unwrap().values().all(|lost| *lost == 0), "{said}");
    assert_eq!((&frames["recorded"], &frames["camera"]), (&count.into(), &count.into()), "{said}");
    assert_eq!(summary["beads"], 24, "{said}");

    let file = H5File::open(Path::new(summary["run"].as_str().unwrap()).join("tracks.h5")).unwrap();
    let bytes: Vec<f64> = file.dataset("beadscope/health/memory_bytes").unwrap().read_raw().unwrap();
    if cfg!(target_os = "linux") {
        assert!(bytes.len() > WARM_S + 30, "{bytes:?}");
        let (warm, end) = (bytes[WARM_S], bytes[bytes.len() - 1]);
        assert!(end - warm < MAY_GROW_BYTES, "{bytes:?}");
    }
}
