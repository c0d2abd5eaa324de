use tempfile::TempDir;

use super::*;
use crate::record::read::verify::verify;
use crate::record::read::{Block, ReadError, Recording};

const BEADS: usize = 2;
const UNITS: Units = Units { pixel_size_nm: 100.0, trace_nm: Some([1000.0, 10.0]) };
/// Numbers, times in s, and x y z of both beads; a frame is missing, and a bead is not found in one.
const FRAMES: [(u32, f64, [f32; 6]); 4] = [
    (7, 0.5, [1.5, 2.5, 30.0, 4.5, 5.5, -60.0]),
    (8, 0.51, [1.25, 2.0, 31.0, 0.0, 0.0, 0.0]),
    (10, 0.53, [1.75, 2.25, 32.0, 4.75, 5.25, -61.0]),
    (11, 0.54, [1.5, 2.5, 33.0, 4.5, 5.5, -62.0]),
];

/// A binary trace, with a version or without one, and a `long` of so many bytes.
fn binary(version: Option<i32>, long_bytes: usize) -> Vec<u8> {
    let names = b"magnet\0focus\0";
    let words = |words: &[i32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut bytes = words(&version.into_iter().collect::<Vec<_>>());
    bytes.extend(words(&[BEADS as i32, 2]));
    let data = bytes.len() + long_bytes + names.len();
    bytes.extend(&(data as u64).to_le_bytes()[..long_bytes]);
    bytes.extend(names);
    for (number, seconds, xyz) in FRAMES {
        bytes.extend(number.to_le_bytes());
        bytes.extend(seconds.to_le_bytes());
        let floats = [0.25_f32, 0.75].into_iter().chain(xyz);
        bytes.extend(floats.flat_map(f32::to_le_bytes));
        bytes.extend(words(&[0, 3]));
        if version == Some(3) {
            bytes.extend([81.0_f32, 82.0].into_iter().flat_map(f32::to_le_bytes));
        }
    }
    bytes
}

fn text() -> String {
    "frame\tt\tx\ty\tz\n".to_owned()
        + &FRAMES.map(|(number, seconds, xyz)| line(number, seconds, &xyz)).concat()
}

fn line(number: u32, seconds: f64, xyz: &[f32]) -> String {
    let xyz: Vec<String> = xyz.iter().map(|value| format!("{value:.7}")).collect();
    format!("{number}\t{seconds:.7}\t{}\n", xyz.join("\t"))
}

fn imported(folder: &TempDir, bytes: &[u8]) -> Result<(Imported, Recording), ImportError> {
    let (from, to) = (folder.path().join("trace"), folder.path().join("tracks.h5"));
    fs::write(&from, bytes).unwrap();
    let imported = import(&from, &to, &UNITS, &|_, _| ())?;
    Ok((imported, Recording::open(&to).unwrap()))
}

fn block(recording: &Recording) -> Block {
    let mut blocks = Vec::new();
    let read = recording.each_block(|block| -> Result<(), ReadError> {
        blocks.push(block.clone());
        Ok(())
    });
    read.unwrap();
    blocks.remove(0)
}

#[test]
fn every_kind_of_trace_becomes_the_same_recording() {
    let folder = TempDir::new().unwrap();
    let kinds = [Some(3), Some(2), None].into_iter().flat_map(|version| [(version, 4), (version, 8)]);
    let traces = kinds.map(|(version, long)| binary(version, long)).chain([text().into_bytes()]);
    for (kind, trace) in traces.enumerate() {
        let (imported, recording) = imported(&folder, &trace).unwrap();
        assert_eq!((imported.program, imported.counts.rows), ("QTrk", 8), "kind {kind}");
        for told in ["1 positions were 0, 0, 0", "the file does not tell where", "the file does not tell why"]
        {
            let notices = &imported.notices;
            assert!(notices.iter().any(|notice| notice.starts_with(told)), "{told}: {notices:?}");
        }
        let found = block(&recording);
        assert_eq!((&found.device_frame[..], &found.frame[..]), (&[7, 8, 10, 11][..], &[0, 1, 2, 3][..]));
        assert_eq!(found.unix_ns, [500_000_000, 510_000_000, 530_000_000, 540_000_000]);
        assert_eq!(found.lost_before, [[0; 3], [0; 3], [1, 0, 0], [0; 3]]);
        for (row, position) in found.position_nm.iter().enumerate() {
            let xyz = &FRAMES[row / 2].2[3 * (row % 2)..][..3];
            let is_lost = row == 3;
            assert_eq!(found.row_flags[row], if is_lost { Flags::NOT_LOCATED.0 } else { 0 }, "row {row}");
            for (axis, scale) in [1000.0, 1000.0, 10.0].into_iter().enumerate() {
                let off = position[axis] - f64::from(xyz[axis]) * scale;
                assert!(if is_lost { off.is_nan() } else { off.abs() < 1e-9 }, "kind {kind}, row {row}");
            }
        }
        assert_eq!(verify(&recording.path, &|_, _| ()).unwrap().problems, [""; 0], "kind {kind}");
    }
}

#[test]
fn what_a_crash_cut_short_is_read_up_to_there() {
    let folder = TempDir::new().unwrap();
    for trace in [binary(Some(3), 8), text().into_bytes()] {
        let (imported, recording) = imported(&folder, &trace[..trace.len() - 3]).unwrap();
        assert_eq!((imported.counts.frames, recording.counts.frames), (3, 3));
        assert!(imported.notices.iter().any(|notice| notice.contains("cut short")), "{:?}", imported.notices);
    }
}

#[test]
fn a_number_that_comes_late_is_not_lost() {
    let folder = TempDir::new().unwrap();
    let frames = [(7, 0.5), (9, 0.52), (8, 0.51), (8, 0.51), (10, 0.53)];
    // The first bead was found without a height.
    let trace =
        frames.map(|(number, seconds)| line(number, seconds, &[1.0, 2.0, 0.0, 1.0, 2.0, 3.0])).concat();
    let (imported, recording) = imported(&folder, trace.as_bytes()).unwrap();
    let (late, repeated) = (FrameFlags::LATE.0, FrameFlags::REPEATED.0);
    assert_eq!(block(&recording).frame_flags, [0, 0, late, repeated, 0]);
    let ledger = recording.ledger().unwrap().unwrap();
    assert_eq!((ledger.lost.camera, ledger.late, ledger.total_lost()), (1, 1, 0));
    for told in ["1 frames have an earlier time", "5 positions have a z of exactly 0"] {
        let notices = &imported.notices;
        assert!(notices.iter().any(|notice| notice.starts_with(told)), "{told}: {notices:?}");
    }
    assert_eq!(verify(&recording.path, &|_, _| ()).unwrap().problems, [""; 0]);
}

#[test]
fn a_line_of_many_beads_is_read_whole() {
    let folder = TempDir::new().unwrap();
    let trace = [1, 2].map(|number| line(number, 0.5, &[1.25; 3 * 2500])).concat();
    assert!(trace.len() > 2 << 16, "more than its kind is told by");
    let (whole, _) = imported(&folder, trace.as_bytes()).unwrap();
    assert_eq!((whole.counts.frames, whole.counts.rows), (2, 5000));
    let error = imported(&folder, &[trace.as_bytes(), b"\xff\n"].concat()).err().unwrap();
    let (error, from) = (error.to_string(), folder.path().join("trace"));
    assert!(error.starts_with("cannot read") && error.contains(from.to_str().unwrap()), "{error}");
}

#[test]
fn what_is_read_together_follows_in_the_file_and_fits_into_memory() {
    let together = |times_ns: &[u64], rows: &[u64]| {
        let offsets: Vec<u64> = (0..=rows.len()).map(|frame| rows[..frame].iter().sum()).collect();
        magscope::in_order(times_ns, &offsets)
    };
    assert_eq!(together(&[5, 6, 1, 2, 3], &[1; 5]), [2..5, 0..2]);
    let many: Vec<u64> = (0..5000).collect();
    assert_eq!(together(&many, &[1; 5000]), [0..4096, 4096..5000]);
    assert_eq!(together(&[1, 2, 3, 4, 5], &[1 << 17, 1 << 17, 1, 1 << 19, 1]), [0..2, 2..3, 3..4, 4..5]);
}

#[test]
fn what_is_no_trace_makes_no_recording() {
    let folder = TempDir::new().unwrap();
    let mut late = binary(Some(3), 4);
    let data = late.len() - 4 * (12 + 8 + 40);
    late[data + 4..data + 12].copy_from_slice(&f64::NAN.to_le_bytes());
    let note = text() + "the magnet was moved here\n\n" + &text();
    let huge = "1\t0.1\t1\t2\t3\n2\t0.2\t1\t2\t3\n100000000000000000000\t0.3\t1\t2\t3\n".to_owned();
    let words = "1\t0.1\t1\t2\t3\n2\t0.2\tone\t2\t3\n3\t0.3\t1\t2\t3\n".to_owned();
    for (bytes, told) in [
        (&b""[..], "no header"),
        (b"some text\n", "its lines are not"),
        (b"\x89HDF\r\n\x1a\nnothing", "neither"),
        (&[7; 300], "no header"),
        (&late, "the time of frame 1 is NaN s"),
        (words.as_bytes(), "line 2"),
        (note.as_bytes(), "line 6"),
        (huge.as_bytes(), "line 3"),
    ] {
        let error = imported(&folder, bytes).err().unwrap().to_string();
        assert!(error.contains(told), "{told}: {error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{told}: more than the trace is left");
    }
    let from = folder.path().join("trace");
    fs::write(&from, text()).unwrap();
    let unknown = Units { trace_nm: None, ..UNITS };
    let error = import(&from, &folder.path().join("tracks.h5"), &unknown, &|_, _| ()).unwrap_err();
    assert!(error.to_string().contains("--xy-nm"), "{error}");
}
