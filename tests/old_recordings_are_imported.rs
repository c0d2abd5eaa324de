//! What other programs have recorded becomes a recording like any other.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where these are how a test fails")]

mod common;

use std::path::{Path, PathBuf};

use beadscope_engine::record::read::{Block, ReadError, Recording};
use common::made::{PIXEL_NM, recording};
use common::{beadscope, beadscope_ok};
use rust_hdf5::FileLocking;
use rust_hdf5::swmr::SwmrFileWriter;

/// Every frame of a recording, in one.
fn blocks(path: &Path) -> Vec<Block> {
    let mut blocks = Vec::new();
    let read = Recording::open(path).unwrap().each_block(|block| -> Result<(), ReadError> {
        blocks.push(block.clone());
        Ok(())
    });
    read.unwrap();
    blocks
}

fn exported(ours: &Path, folder: &Path, name: &str) -> PathBuf {
    let theirs = folder.join(name);
    beadscope_ok(&["export", ours.to_str().unwrap(), "--to", "magscope", "--out", theirs.to_str().unwrap()]);
    theirs
}

fn change(theirs: &Path, change: impl FnOnce(&mut SwmrFileWriter)) {
    let mut file = SwmrFileWriter::open_append_with_locking(theirs, FileLocking::Disabled).unwrap();
    change(&mut file);
    file.close().unwrap();
}

fn import(from: &Path, folder: &Path, rows: u64) -> PathBuf {
    let out = folder.join("imported.h5");
    let pixel = PIXEL_NM.to_string();
    let [from, to] = [from, &out].map(|path| path.to_str().unwrap());
    let said = beadscope_ok(&["import", from, "--pixel-size-nm", &pixel, "--out", to]);
    assert!(said.starts_with(&format!("400 frames, {rows} rows of MagScope")), "{said}");
    out
}

#[test]
fn magscopes_files_come_back_with_every_position_in_the_order_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let ours = recording(folder.path(), true, true);
    let theirs = exported(&ours, folder.path(), "theirs.hdf5");
    let imported = import(&theirs, folder.path(), 1200);
    let (found, wanted) = (blocks(&imported), blocks(&ours));
    for (found, wanted) in found.iter().zip(&wanted) {
        assert_eq!((&found.bead, &found.unix_ns), (&wanted.bead, &wanted.unix_ns));
        assert_eq!(found.corner_px, wanted.corner_px);
        for (found, wanted) in found.position_nm.iter().flatten().zip(wanted.position_nm.iter().flatten()) {
            assert!((found - wanted).abs() < 1e-9 || found.is_nan() && wanted.is_nan(), "{found} {wanted}");
        }
    }
    assert_eq!(found.len(), wanted.len());
    let told = beadscope_ok(&["verify", imported.to_str().unwrap()]);
    assert_eq!(told, "400 frames, 1200 rows: whole\n");
    let told = beadscope_ok(&["info", imported.to_str().unwrap()]);
    assert!(told.contains("imported from MagScope") && told.contains("lost are not known"), "{told}");

    // Its processes finish in any order: the last frame was the first.
    change(&theirs, |file| {
        let times = file.dataset_index("tracking/frame_timestamps_ns").unwrap();
        file.write_slice(times, &[399], &[1], &1_000_u64.to_le_bytes()).unwrap();
    });
    let imported = blocks(&import(&theirs, folder.path(), 1200));
    assert_eq!(imported[0].unix_ns[..2], [1_000, wanted[0].unix_ns[0]]);
    let last = wanted.last().unwrap().position_nm.last().unwrap();
    let first = imported[0].position_nm[2];
    assert!(first.iter().zip(last).all(|(first, last)| (first - last).abs() < 1e-9), "{first:?} {last:?}");

    // A crash came between a frame's last row and its end.
    change(&theirs, |file| {
        let offsets = file.dataset_index("tracking/frame_offsets").unwrap();
        file.write_slice(offsets, &[400], &[1], &1_199_u64.to_le_bytes()).unwrap();
    });
    let told = beadscope_ok(&["info", import(&theirs, folder.path(), 1199).to_str().unwrap()]);
    assert!(told.contains("1 rows at the end belong to no frame"), "{told}");
}

#[test]
fn what_cannot_be_imported_is_one_clear_line_and_replaces_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ours = recording(folder.path(), false, true);
    let empty = folder.path().join("empty.h5");
    SwmrFileWriter::create(&empty).unwrap().close().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "precious").unwrap();
    let newer = exported(&ours, folder.path(), "newer.h5");
    change(&newer, |file| file.set_group_attr_numeric("/tracking", "schema_version", &2_i64).unwrap());
    let headless = exported(&ours, folder.path(), "headless.h5");
    change(&headless, |file| {
        let offsets = file.dataset_index("tracking/frame_offsets").unwrap();
        file.write_slice(offsets, &[0], &[1], &1_u64.to_le_bytes()).unwrap();
    });
    let before = std::fs::read(&ours).unwrap();
    for (from, to, told) in [
        (&ours, "out.h5", "a recording of Beadscope already"),
        (&empty, "out.h5", "no group /tracking"),
        (&empty, "tracks.h5", "would replace a recording"),
        (&empty, "notes.txt", "written to .h5"),
        (&newer, "out.h5", "schema_version is not 1"),
        (&headless, "out.h5", "frame_offsets do not fit"),
        (&folder.path().join("none"), "out.h5", "cannot read"),
    ] {
        let to = folder.path().join(to);
        let arguments =
            ["import", from.to_str().unwrap(), "--pixel-size-nm", "100", "--out", to.to_str().unwrap()];
        let output = beadscope(&arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains(told), "{told}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    assert!(std::fs::read(&ours).unwrap() == before);
    assert_eq!(std::fs::read(folder.path().join("notes.txt")).unwrap(), b"precious");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 5, "nothing else is left");
}
