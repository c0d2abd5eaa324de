//! A small instrument whose run is the same every time, to hold disturbed runs against.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use beadscope_engine::record::read::{ReadError, Recording};

/// Frames per second.
pub const RATE_HZ: u64 = 200;
/// Small frames and few beads, so that the rate and not the machine sets the pace; a buffer that no pause of the machine
/// overflows.
const RIG: &str = "[camera]\ndriver = \"simulated\"\nrate_hz = 200\n[camera.settings]\nbeads = 4\nwidth_px = 208\n\
                   height_px = 208\nbuffer_frames = 1000\n[tracking]\nbackend = \"cpu\"\n";

/// Positions of the beads in each frame of the camera, bit by bit.
pub type Positions = HashMap<u64, Vec<[u64; 3]>>;

/// The instrument.
pub fn rig_in(folder: &Path) -> PathBuf {
    let rig = folder.join("rig.toml");
    fs::write(&rig, RIG).unwrap();
    rig
}

/// The same, which begins another file every so many minutes.
pub fn splitting_rig(folder: &Path, minutes: &str) -> PathBuf {
    let rig = rig_in(folder);
    fs::write(&rig, format!("{RIG}[recording]\nsplit_min = {minutes}\n")).unwrap();
    rig
}

/// What so many frames of it hold.
pub fn undisturbed(frames: u64) -> Positions {
    let folder = tempfile::tempdir().unwrap();
    let (rig, out) = (rig_in(folder.path()), folder.path().join("runs"));
    let [rig, out, frames] =
        [rig.to_str(), out.to_str(), Some(frames.to_string().as_str())].map(|text| text.unwrap().to_owned());
    super::beadscope_ok(&["run", "--rig", &rig, "--frames", &frames, "--out", &out]);
    positions(&super::run_in(Path::new(&out)).unwrap())
}

/// What a recording holds.
pub fn positions(run: &Path) -> Positions {
    let mut positions = Positions::new();
    let recording = Recording::open(run).unwrap();
    let read = recording.each_block(|block| -> Result<(), ReadError> {
        for (place, frame) in block.device_frame.iter().enumerate() {
            let rows = &block.position_nm[block.rows(place)];
            positions.insert(*frame, rows.iter().map(|row| row.map(f64::to_bits)).collect());
        }
        Ok(())
    });
    read.unwrap();
    positions
}

/// Every frame of a recording is as it should be: with its positions, or with none where only pixels were recorded.
pub fn assert_as_undisturbed(found: &Positions, undisturbed: &Positions, mode: &str) {
    for (frame, rows) in found {
        let expected = if mode.starts_with("track") { &undisturbed[frame][..] } else { &[] };
        assert!(rows == expected, "{mode}: frame {frame}");
    }
}
