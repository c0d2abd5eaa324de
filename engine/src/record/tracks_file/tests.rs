use rust_hdf5::{H5File, H5Type};
use tempfile::TempDir;

use super::columns::{padded, prefix};
use super::*;
use crate::bead_set::Beads;
use crate::frame::FrameHeader;
use crate::health::vitals::Vitals;
use crate::ledger::Ledger;
use crate::record::description::{ZLutSource, ZLutWriter};
use crate::record::schema::{
    AXIS_COLUMNS, BATCH_COLUMNS, CLOSING_COLUMNS, ColumnSpec, EVENT_COLUMNS, Element, FRAME_COLUMNS,
    HEALTH_COLUMNS, LEDGER_PIECE_BYTES, ROW_COLUMNS, SEGMENT_COLUMNS, TRUTH_COLUMNS,
};
use crate::record::space::Disk;
use crate::ring::monitor::Reader;
use crate::segment::{Cause, Segment};

pub(super) const STARTED_NS: u64 = 1_700_000_000_000_000_000;
const PIXEL_SIZE_NM: f64 = 110.5;

fn no_zlut(_: &rust_hdf5::H5Group) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    Ok(())
}

pub(super) fn run(beads: &[u32]) -> RunDescription<'static> {
    let roi = |bead: &u32| Roi { bead: *bead, left_px: -4, top_px: 100, size_px: 64 };
    RunDescription {
        software: "beadscope 0.1.0".into(),
        started_unix_ns: STARTED_NS,
        recording_id: 7,
        pixel_size_nm: PIXEL_SIZE_NM,
        settings_toml: "[camera]\nrate_hz = 1000\n".into(),
        camera: "simulated".into(),
        beads: Beads {
            rois: beads.iter().map(roi).collect(),
            references: beads.iter().copied().skip(1).collect(),
        },
        zluts: Vec::new(),
    }
}

/// One frame of the given beads; z of the first is not measured.
fn frame(number: u64, beads: &[u32]) -> ((TracksHeader, u64), Vec<TrackRow>) {
    let header = FrameHeader { frame: number, device_frame: number + 5, ..FrameHeader::default() };
    let rows = u32::try_from(beads.len()).unwrap();
    let header = TracksHeader { frame: header, tracked_ns: 9, rows, on_gpu: true };
    let row = |(k, bead): (usize, &u32)| TrackRow {
        x_px: number as f64 + 0.25,
        y_px: f64::from(*bead),
        z_nm: if k == 0 { f64::NAN } else { 12.5 },
        quality: 0.75,
        flags: if k == 0 { 2 } else { 0 },
        bead: *bead,
        corner_px: [-4, 100],
        sigma: [0.01, 0.02, 1.5],
    };
    ((header, STARTED_NS + number), beads.iter().enumerate().map(row).collect())
}

pub(super) fn append(file: &mut TracksFile, numbers: std::ops::Range<u64>, beads: &[u32]) {
    let (headers, rows): (Vec<_>, Vec<_>) = numbers.map(|number| frame(number, beads)).unzip();
    file.append(&headers, &rows.concat()).unwrap();
}

pub(super) fn read<T: H5Type>(file: &H5File, path: &str) -> Vec<T> {
    file.dataset(path).unwrap().read_raw().unwrap()
}

pub(super) const SEGMENT: Segment =
    Segment { number: 2, cause: Cause::Unplugged, rate_hz: 62.5, exposure_us: 0.5 };

/// A gap from frame 10 of the camera to this one.
pub(super) fn gap(last_device_frame: u64) -> Gap {
    Gap {
        first_device_frame: 10,
        last_device_frame: Some(last_device_frame),
        after_frame: 4,
        segment: 1,
        from_ns: 80,
        to_ns: 90,
        reason: "camera µ".into(),
    }
}

/// A finished file of 3 + 2 frames of beads 3 and 65 535.
fn finished(folder: &TempDir) -> H5File {
    let (path, beads) = (folder.path().join("tracks.h5"), [3, 65_535]);
    let mut file = TracksFile::create(&path, &run(&beads)).unwrap();
    file.begin_segment(&SEGMENT, &frame(0, &beads).0.0.frame).unwrap();
    append(&mut file, 0..3, &beads);
    file.flush().unwrap();
    append(&mut file, 3..5, &beads);
    file.finish(r#"{"recorded":5}"#, &[gap(12)], &["the GPU failed".to_owned()]).unwrap();
    H5File::open(&path).unwrap()
}

#[test]
fn the_schema_is_that_of_magscope_plus_ours() {
    let folder = TempDir::new().unwrap();
    let file = finished(&folder);
    let columns = [
        &ROW_COLUMNS[..],
        &FRAME_COLUMNS,
        &BATCH_COLUMNS,
        &SEGMENT_COLUMNS,
        &EVENT_COLUMNS,
        &HEALTH_COLUMNS,
        &AXIS_COLUMNS,
        &TRUTH_COLUMNS,
        &CLOSING_COLUMNS,
    ]
    .concat();
    let mut in_tracking: Vec<&str> = Vec::new();
    for ColumnSpec { path, element, width, chunk_rows, text } in columns {
        let dataset = file.dataset(path).unwrap();
        assert_eq!(dataset.element_size(), element.bytes(), "{path}");
        let chunk = dataset.chunk_dims().unwrap();
        assert_eq!((chunk[0] as u64, chunk.get(1).copied().unwrap_or(1)), (chunk_rows, width), "{path}");
        assert_eq!(dataset.max_shape().unwrap()[0], None, "{path} can grow");
        assert!(dataset.filters().unwrap().is_empty(), "{path} is not compressed");
        match (path.strip_prefix("tracking/"), text) {
            (Some(name), None) => in_tracking.push(name),
            (None, Some((units, _))) => {
                assert_eq!(dataset.attr("units").unwrap().read_string().unwrap(), units);
                assert!(!dataset.attr("description").unwrap().read_string().unwrap().is_empty());
            }
            other => panic!("{path}: {other:?}"),
        }
    }
    let group = |name| file.root_group().group(name).unwrap();
    let mut names = group("tracking").dataset_names().unwrap();
    names.sort();
    in_tracking.sort_unstable();
    assert_eq!(names, in_tracking);
    // What MagScope's reader looks for (`open_existing`), and no spelling of ours.
    for name in ["positions_nm", "bead_ids", "roi_positions_px", "frame_offsets", "frame_timestamps_ns"] {
        assert!(names.iter().any(|found| found == name), "{name}");
    }
    let attributes = group("tracking").attr_names().unwrap();
    for name in ["schema_version", "include_roi_positions", "recording_id", "max_frame_timestamp_ns"] {
        assert!(attributes.iter().any(|found| found == name), "{name}");
    }
    assert_eq!(group("tracking").attr_string("record_order").unwrap(), "writer_append_order");
    let legend = file.dataset("beadscope/rows/flags").unwrap().attr("legend").unwrap().read_string().unwrap();
    assert!(legend.starts_with("1 = edge; 2 = no_zlut; 4 = "), "{legend}");
}

#[test]
fn values_come_back_as_they_were() {
    let folder = TempDir::new().unwrap();
    let file = finished(&folder);
    let positions: Vec<f64> = read(&file, "tracking/positions_nm");
    assert_eq!(file.dataset("tracking/positions_nm").unwrap().shape(), [10, 3]);
    assert_eq!(positions[3 * 9..], [4.25 * PIXEL_SIZE_NM, 65_535.0 * PIXEL_SIZE_NM, 12.5], "the last row");
    assert_eq!(positions[..2], [0.25 * PIXEL_SIZE_NM, 3.0 * PIXEL_SIZE_NM]);
    assert!(positions[2].is_nan(), "unknown is NaN, never 0");
    assert_eq!(read::<u16>(&file, "tracking/bead_ids")[..3], [3, 65_535, 3]);
    assert_eq!(
        read::<u16>(&file, "tracking/roi_positions_px")[..2],
        [0, 100],
        "left of the edge counts as the edge"
    );
    assert_eq!(read::<i64>(&file, "beadscope/rois/left_px"), [-4, -4], "the true corner");
    assert_eq!(read::<i64>(&file, "beadscope/rois/is_reference"), [0, 1]);
    assert_eq!(read::<f32>(&file, "beadscope/rows/quality"), [0.75; 10]);
    let sigma_nm = read::<f32>(&file, "beadscope/rows/sigma_nm");
    assert_eq!(sigma_nm[..3], [0.01 * PIXEL_SIZE_NM as f32, 0.02 * PIXEL_SIZE_NM as f32, 1.5]);
    assert_eq!(read::<u32>(&file, "beadscope/rows/flags")[..2], [2, 0]);
    assert_eq!(read::<u64>(&file, "tracking/frame_offsets"), [0, 2, 4, 6, 8, 10]);
    assert_eq!(read::<u64>(&file, "tracking/frame_timestamps_ns")[4], STARTED_NS + 4);
    assert_eq!(read::<u64>(&file, "tracking/frame_batch_sequence"), [0, 0, 0, 1, 1]);
    assert_eq!(read::<u64>(&file, "tracking/batch_frame_start"), [0, 3]);
    assert_eq!(read::<u64>(&file, "tracking/batch_frame_count"), [3, 2]);
    assert_eq!(read::<u64>(&file, "tracking/batch_record_start"), [0, 6]);
    assert_eq!(read::<u64>(&file, "tracking/batch_record_count"), [6, 4]);
    assert_eq!(read::<u64>(&file, "beadscope/frames/device_frame"), [5, 6, 7, 8, 9]);
    assert_eq!(read::<u64>(&file, "beadscope/frames/device_time_ns"), [NO_DEVICE_TIME; 5]);
    assert_eq!(read::<u64>(&file, "beadscope/gaps/last_device_frame"), [12]);
    let in_gaps =
        ["segment", "from_ns", "to_ns"].map(|name| read::<u64>(&file, &format!("beadscope/gaps/{name}")));
    assert_eq!(in_gaps.concat(), [1, 80, 90]);
    let in_segments = ["segment", "first_frame", "first_device_frame", "arrival_ns"];
    let in_segments = in_segments.map(|name| read::<u64>(&file, &format!("beadscope/segments/{name}")));
    assert_eq!(in_segments.concat(), [2, 0, 5, 0]);
    let settings =
        ["rate_hz", "exposure_us"].map(|name| read::<f64>(&file, &format!("beadscope/segments/{name}")));
    assert_eq!(settings.concat(), [62.5, 0.5]);
    let text = |path: &str| file.dataset(path).unwrap().read_strings().unwrap();
    assert_eq!(text("beadscope/gaps/reason"), ["camera µ"]);
    assert_eq!(text("beadscope/segments/cause"), ["unplugged"]);
    assert_eq!(text("beadscope/ledger_json").concat(), r#"{"recorded":5}"#);
    assert_eq!(text("beadscope/notices"), ["the GPU failed"]);
    assert_eq!(text("beadscope/settings_toml"), ["[camera]\nrate_hz = 1000\n"]);
}

#[test]
fn rows_cross_chunks_in_order() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tracks.h5");
    let beads: Vec<u32> = (0..1_000).collect();
    let mut file = TracksFile::create(&path, &run(&beads)).unwrap();
    for first in (0..140).step_by(7) {
        append(&mut file, first..first + 7, &beads);
        if first % 3 == 0 {
            file.flush().unwrap();
        }
    }
    file.finish("{}", &[], &[]).unwrap();
    let file = H5File::open(&path).unwrap();
    let ids: Vec<u16> = read(&file, "tracking/bead_ids");
    assert_eq!(ids.len(), 140_000, "three chunks");
    assert!(ids.iter().enumerate().all(|(k, bead)| usize::from(*bead) == k % 1_000));
    let positions: Vec<f64> = read(&file, "tracking/positions_nm");
    let frame_of = |row: usize| (row / 1_000) as f64;
    assert!(positions.chunks_exact(3).enumerate().all(|(k, p)| p[0] == (frame_of(k) + 0.25) * PIXEL_SIZE_NM));
}

#[test]
fn a_long_ledger_is_kept_whole() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tracks.h5");
    let ledger = "µ€".repeat(LEDGER_PIECE_BYTES);
    TracksFile::create(&path, &run(&[1])).unwrap().finish(&ledger, &[], &[]).unwrap();
    let file = H5File::open(&path).unwrap();
    let pieces = file.dataset("beadscope/ledger_json").unwrap().read_strings().unwrap();
    assert!(pieces.len() > 2);
    assert!(pieces.concat() == ledger);
}

#[test]
fn a_bead_number_that_magscope_cannot_hold_is_refused() {
    let folder = TempDir::new().unwrap();
    let error = TracksFile::create(&folder.path().join("tracks.h5"), &run(&[1, 65_536])).err().unwrap();
    assert!(matches!(error, RecordError::BeadNumber { bead: 65_536, .. }), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_batch_that_contradicts_itself_is_refused_whole() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tracks.h5");
    let mut file = TracksFile::create(&path, &run(&[1, 2])).unwrap();
    let (header, rows) = frame(0, &[1, 2]);
    let error = file.append(&[header], &rows[..1]).unwrap_err();
    assert!(matches!(error, RecordError::RowCount { announced: 2, given: 1, .. }), "{error}");
    let (stranger, its_rows) = frame(0, &[1, 65_536]);
    let error = file.append(&[stranger], &its_rows).unwrap_err();
    assert!(matches!(error, RecordError::BeadNumber { bead: 65_536, .. }), "{error}");
    append(&mut file, 0..1, &[1, 2]);
    file.finish("{}", &[], &[]).unwrap();
    assert_eq!(read::<u16>(&H5File::open(&path).unwrap(), "tracking/bead_ids"), [1, 2]);
}

#[test]
fn recordings_are_never_overwritten() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tracks.h5");
    fs::write(&path, "precious").unwrap();
    let error = TracksFile::create(&path, &run(&[1])).err().unwrap();
    assert!(matches!(error, RecordError::Exists { .. }), "{error}");
    fs::rename(&path, folder.path().join("tracks.h5.partial")).unwrap();
    let error = TracksFile::create(&path, &run(&[1])).err().unwrap();
    assert!(matches!(error, RecordError::Exists { .. }), "{error}");
    assert_eq!(fs::read(folder.path().join("tracks.h5.partial")).unwrap(), b"precious");
}

#[test]
fn a_name_taken_meanwhile_is_not_overwritten() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tracks.h5");
    let file = TracksFile::create(&path, &run(&[1])).unwrap();
    fs::write(&path, "precious").unwrap();
    let error = file.finish("{}", &[], &[]).unwrap_err();
    assert!(matches!(error, RecordError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    assert!(folder.path().join("tracks.h5.partial").exists());
}

#[test]
#[cfg(unix)]
fn a_folder_without_permission_is_a_typed_error() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let path = folder.path().join("tracks.h5");
    // Root may write anywhere but in `/proc`.
    let path =
        if fs::File::create(folder.path().join("probe")).is_ok() { "/proc/tracks.h5".into() } else { path };
    let error = TracksFile::create(&path, &run(&[1])).err().unwrap();
    let named = error.to_string().contains("tracks.h5.partial");
    assert!(named, "the error names the file: {error}");
    let expected = path.starts_with("/proc") || matches!(error, RecordError::NotPermitted { .. });
    assert!(expected, "{error:?}");
}

#[test]
fn a_dropped_recording_leaves_no_file_of_the_final_name() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tracks.h5");
    let mut file = TracksFile::create(&path, &run(&[1, 2])).unwrap();
    append(&mut file, 0..3, &[1, 2]);
    file.flush().unwrap();
    append(&mut file, 3..5, &[1, 2]);
    drop(file);
    assert!(!path.exists());
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["tracks.h5.partial"]);
    let partial = H5File::open(folder.path().join("tracks.h5.partial")).unwrap();
    assert_eq!(read::<u16>(&partial, "tracking/bead_ids").len(), 6, "up to the last flush");
    assert!(read_ledger(&partial).is_empty(), "not finished");
}

fn read_ledger(file: &H5File) -> Vec<String> {
    file.dataset("beadscope/ledger_json").unwrap().read_strings().unwrap()
}

#[test]
fn a_reader_beside_the_writer_sees_every_flush() {
    use rust_hdf5::swmr::SwmrFileReader;
    let folder = TempDir::new().unwrap();
    let mut file = TracksFile::create(&folder.path().join("tracks.h5"), &run(&[1, 2])).unwrap();
    let mut reader = SwmrFileReader::open_with_locking(file.partial_path(), FileLocking::Enabled).unwrap();
    for frames in [3, 5] {
        let done = file.flushed().frames;
        append(&mut file, done..frames, &[1, 2]);
        file.flush().unwrap();
        reader.refresh().unwrap();
        assert_eq!(reader.dataset_shape("tracking/positions_nm").unwrap(), [2 * frames, 3]);
        assert_eq!(reader.read_dataset::<u64>("tracking/frame_offsets").unwrap().last(), Some(&(2 * frames)));
        assert_eq!(file.flushed(), Counts { batches: frames / 2, frames, rows: 2 * frames });
    }
}

#[test]
fn a_zlut_is_stored_under_its_hash_by_its_own_writer() {
    let folder = TempDir::new().unwrap();
    let write = |group: &rust_hdf5::H5Group| {
        group.new_dataset::<f64>().shape([2_usize]).create("z_nm")?.write_raw(&[0.0, 50.0])?;
        Ok(())
    };
    let write: &ZLutWriter = &write;
    let zluts = vec![ZLutSource { hash: "abc123".into(), beads: vec![1], write }];
    let path = folder.path().join("tracks.h5");
    TracksFile::create(&path, &RunDescription { zluts, ..run(&[1]) })
        .unwrap()
        .finish("{}", &[], &[])
        .unwrap();
    let file = H5File::open(&path).unwrap();
    assert_eq!(read::<f64>(&file, "beadscope/zlut/abc123/z_nm"), [0.0, 50.0]);
}

#[test]
fn a_zlut_that_cannot_be_stored_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let broken: &ZLutWriter = &|_| Err("no planes".into());
    let sources = |hash: &str, write| vec![ZLutSource { hash: hash.into(), beads: vec![1], write }];
    for (hash, write) in [("abc", broken), ("a/b", &no_zlut as &ZLutWriter)] {
        let zluts = sources(hash, write);
        let path = folder.path().join("tracks.h5");
        let error = TracksFile::create(&path, &RunDescription { zluts, ..run(&[1]) }).err().unwrap();
        assert!(matches!(error, RecordError::ZLut { .. }), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_recording_can_move_to_the_recorders_thread() {
    fn is_send<T: Send>() {}
    is_send::<TracksFile>();
}

#[test]
fn text_is_cut_between_characters() {
    assert_eq!(prefix("aµb", 2), "a");
    assert_eq!(prefix("aµb", 3), "aµ");
    assert_eq!(prefix("aµb", 9), "aµb");
    assert_eq!(padded("a", 3), [b'a', 0, 0]);
    assert_eq!(Element::Text(64).bytes(), 64);
}

#[test]
fn a_flush_that_fails_at_its_end_leaves_what_was_flushed_before() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tracks.h5");
    let beads: Vec<u32> = (0..1_000).collect();
    let mut file = TracksFile::create(&path, &run(&beads)).unwrap();
    append(&mut file, 0..3, &beads);
    file.flush().unwrap();
    append(&mut file, 3..90, &beads); // across the chunks of the rows
    // As if the disk had refused the flush behind the lengths.
    file.columns.write_through(&mut file.file).unwrap();
    file.stop("flush the recording", Hdf5Error::InvalidState("no space left".into()));
    assert_eq!(file.flushed().frames, 3);
    file.finish("{}", &[], &[]).unwrap();
    let file = H5File::open(&path).unwrap();
    for (columns, length) in [(&ROW_COLUMNS[..], 3_000), (&FRAME_COLUMNS, 3), (&BATCH_COLUMNS, 1)] {
        for column in columns {
            let extra = usize::from(column.path.ends_with("frame_offsets"));
            let found = file.dataset(column.path).unwrap().shape()[0];
            assert_eq!(found, length + extra, "{}", column.path);
        }
    }
    let ids = read::<u16>(&file, "tracking/bead_ids");
    assert!(ids.iter().enumerate().all(|(k, bead)| usize::from(*bead) == k % 1_000), "unharmed");
}

/// The session at `second`, of which the system tells nothing but the disk.
pub(super) fn health(second: u64) -> Health {
    let disk = Disk {
        free_bytes: 5,
        write_bytes_per_s: Some(0.5),
        reserve_bytes: 0,
        time_left_s: None,
        notice: None,
    };
    let vitals = Vitals {
        unix_ns: STARTED_NS + second,
        rate_hz: Some(99.5),
        slow_reader: (second == 2).then_some("tracking"),
        readers: vec![Reader { name: "recorder", behind: 1, of: 4, may_skip: false }],
        disk: Some(disk),
        ..Vitals::default()
    };
    let mut ledger = Ledger { received: 100 * second, ..Ledger::default() };
    ledger.lost.recorder_late = second;
    Health { vitals, ledger, ..Health::default() }
}

#[test]
fn health_is_written_once_a_measurement_and_what_is_not_known_is_nan() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tracks.h5");
    let mut file = TracksFile::create(&path, &run(&[1])).unwrap();
    file.append_health(&Health::default()).unwrap(); // not measured yet
    file.append_health(&health(1)).unwrap();
    file.append_health(&health(1)).unwrap();
    file.flush().unwrap(); // also where no frame comes
    file.append_health(&health(2)).unwrap();
    file.finish("{}", &[], &[]).unwrap();
    let file = H5File::open(&path).unwrap();
    let column = |name: &str| format!("beadscope/health/{name}");
    let at = [STARTED_NS + 1, STARTED_NS + 2];
    assert_eq!(read::<u64>(&file, &column("unix_ns")), at);
    for column in &HEALTH_COLUMNS {
        assert_eq!(file.dataset(column.path).unwrap().shape()[0], at.len(), "{}", column.path);
    }
    assert_eq!(read::<u64>(&file, &column("lost"))[..4], [0, 0, 1, 0]);
    assert_eq!(read::<u64>(&file, &column("received"))[0], 100);
    let floats = |name: &str| read::<f64>(&file, &column(name));
    assert_eq!(floats("rate_hz")[0], 99.5);
    assert!(matches!(floats("ring_fill")[..2], [tracking, 0.25] if tracking.is_nan()));
    assert_eq!(floats("disk_bytes")[..2], [5.0, 0.5]);
    for unknown in ["cpu_share", "gpu_share", "memory_bytes", "camera_temperature_c", "latency_ms"] {
        assert!(floats(unknown).iter().all(|value| value.is_nan()), "{unknown}");
    }
    let slow = file.dataset(&column("slow_reader")).unwrap().read_strings().unwrap();
    assert_eq!(slow, ["", "tracking"][..at.len()]);
}

#[test]
fn the_reserve_holds_all_that_closing_writes() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tracks.h5");
    let mut file = TracksFile::create(&path, &run(&[1, 2])).unwrap();
    append(&mut file, 0..3, &[1, 2]);
    file.flush().unwrap();
    let bytes = |path: &Path| fs::metadata(path).unwrap().len();
    let before = bytes(file.partial_path());
    // As long as any: the longest cause, and numbers of seven digits.
    let reason =
        "unplugged record_failed=1000000 camera=1000000 ring_full=1000000 recorder_late=1000000".to_owned();
    let gap = Gap { reason: reason.clone(), ..gap(12) };
    file.finish(&" ".repeat(LEDGER_PIECE_BYTES), &vec![gap; MAX_GAPS], &vec!["x".repeat(600); 8]).unwrap();
    let grown = bytes(&path) - before;
    assert!(grown <= reserve::RESERVE_BYTES as u64, "{grown} bytes");
    let reasons =
        H5File::open(&path).unwrap().dataset("beadscope/gaps/reason").unwrap().read_strings().unwrap();
    assert!(reasons.iter().all(|found| *found == reason), "{:?}", reasons[0]);
}

/// Lets `path` look as if nothing had written to it for a minute.
pub(super) fn age(path: &Path) {
    let before = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    fs::OpenOptions::new().write(true).open(path).unwrap().set_modified(before).unwrap();
}

#[test]
fn without_locks_a_recording_at_rest_looks_alive() {
    let folder = TempDir::new().unwrap();
    let mut file = TracksFile::create(&folder.path().join("tracks.h5"), &run(&[1, 2])).unwrap();
    file.claim.is_locked = false;
    let partial = file.partial_path().to_path_buf();
    age(&partial);
    check_quiet(&partial).unwrap();
    file.flush().unwrap();
    let error = check_quiet(&partial).unwrap_err();
    assert!(matches!(error, RecordError::JustWritten { .. }), "{error}");
}
