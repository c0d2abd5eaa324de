//! What was recorded can be described, checked and exported, and a recording that is not whole is told from one that is.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where this is how a test fails")]

mod common;

use std::path::Path;

use common::made::{BEADS, FRAMES, PIXEL_NM, REFERENCE, STARTED_NS, position_nm, recording, time_s};
use common::{beadscope, beadscope_ok};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;
use rust_hdf5::swmr::SwmrFileWriter;
use rust_hdf5::{FileLocking, H5File};
use serde_json::Value;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What `info --json` says.
fn info(run: &Path) -> Value {
    serde_json::from_str(&beadscope_ok(&["info", text(run), "--json"])).unwrap()
}

fn is_near(value: &Value, wanted: f64, tolerance: f64) -> bool {
    value.as_f64().is_some_and(|value| (value - wanted).abs() <= tolerance)
}

#[test]
fn info_tells_when_what_was_lost_and_how_beads_move() {
    let folder = tempfile::tempdir().unwrap();
    recording(folder.path(), true, true);
    let told = info(folder.path());
    assert_eq!(told["software"], "beadscope of tests");
    assert_eq!((&told["complete"], &told["partial"]), (&true.into(), &false.into()));
    assert_eq!(told["pixel_size_nm"], PIXEL_NM);
    assert_eq!(told["counts"], serde_json::json!({"batches": 10, "frames": 400, "rows": 1200}));
    assert_eq!(told["ledger"]["lost"]["camera"], 3);
    assert_eq!(told["lost_before"], serde_json::json!([3, 0, 0]));
    assert_eq!((&told["gaps"], &told["longest_gaps"][0]["reason"]), (&2.into(), &"paused".into()));
    assert_eq!(told["segments"].as_array().unwrap().len(), 2);
    let duration_s = time_s(FRAMES - 1, true);
    assert!(is_near(&told["duration_s"], duration_s, 1e-6), "{told}");
    // 299 and 99 periods, and the time of the 3 frames that are lost.
    assert!(is_near(&told["rate_hz"], 398.0 / 4.01, 1e-6), "{told}");
    assert_eq!(told["notices"][0], "the lamp was on");
    assert_eq!(told["zluts"][0]["planes"], 4);

    let beads = told["beads"].as_array().unwrap();
    assert_eq!(beads.iter().map(|bead| bead["bead"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 3, 5]);
    let [rests, jumps, drifts] = [0, 1, 2].map(|place: usize| &beads[place]);
    assert_eq!((&rests["located"], &rests["with_z"]), (&1.0.into(), &0.98.into()));
    assert_eq!(rests["flags"], serde_json::json!({"z_out_of_range": 8}));
    assert!(is_near(&rests["mean_nm"][2], 1500.0, 1e-9) && is_near(&rests["deviation_nm"][2], 0.0, 1e-9));
    assert!(is_near(&jumps["deviation_nm"][0], 5.0, 0.01), "{jumps}");
    assert!(is_near(&jumps["allan_nm"][0], 0.0, 0.1), "{jumps}");
    assert_eq!(drifts["is_reference"], true);
    for (axis, slope) in [2.0, -1.0, 0.5].into_iter().enumerate() {
        assert!(is_near(&told["drift_nm"][axis], slope * duration_s, 1e-3), "{told}");
        // Two means 1 s apart differ by the drift of 1 s.
        let allan_nm = f64::abs(slope) / 2.0_f64.sqrt();
        assert!(is_near(&drifts["allan_nm"][axis], allan_nm, 0.03), "{drifts}");
    }

    let page = beadscope_ok(&["info", text(&folder.path().join("tracks.h5"))]);
    for part in [
        "2023-11-14T22:13:21Z",
        "lost camera=3",
        "ledger sums",
        "5 ref",
        "z_out_of_range=8",
        "pixel 108.5 nm",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn a_partial_recording_is_read_and_said_to_be_one() {
    let folder = tempfile::tempdir().unwrap();
    let partial = recording(folder.path(), false, false);
    for run in [folder.path(), &partial] {
        let told = info(run);
        assert_eq!((&told["partial"], &told["complete"]), (&true.into(), &false.into()));
        assert_eq!((&told["counts"]["frames"], &told["ledger"]), (&FRAMES.into(), &Value::Null));
    }
    let said = verify(&partial);
    assert!(said.contains("never finished: ") && said.contains("1 problem"), "{said}");
    let out = folder.path().join("rows.csv");
    beadscope_ok(&["export", text(&partial), "--to", "csv", "--out", text(&out)]);
    let csv = std::fs::read_to_string(out).unwrap();
    assert!(csv.contains("# never finished"));
    assert_eq!(csv.lines().filter(|line| !line.starts_with('#')).count() as u64, 1 + 3 * FRAMES);
}

#[test]
fn positions_from_images_on_disk_are_a_recording_without_times() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| text(&folder.path().join(name)).to_owned();
    let (made, tracks, rows) = (path("made"), path("tracks.h5"), path("rows.csv"));
    beadscope_ok(&["simulate", "--beads", "2", "--frames", "3", "--out", &made]);
    let rois = Path::new(&made).join("rois.csv");
    let track = ["track", &made, "--rois", text(&rois), "--pixel-size-nm", "100", "--out", &tracks];
    beadscope_ok(&track);
    // The mark "no times" makes one attribute more than an object header keeps.
    assert_eq!(beadscope_ok(&["verify", &tracks]), "3 frames, 6 rows: whole\n");
    let told = info(Path::new(&tracks));
    assert_eq!((&told["has_times"], &told["unix_ns"]), (&false.into(), &Value::Null));
    assert_eq!((&told["method"], &told["pixel_size_nm"]), (&"qi".into(), &100.0.into()));
    assert_eq!(told["beads"][0]["flags"], serde_json::json!({"no_zlut": 3}));
    beadscope_ok(&["export", &tracks, "--to", "csv", "--out", &rows]);
    let csv = std::fs::read_to_string(rows).unwrap();
    assert!(csv.contains("# images carry no time\n") && csv.trim_end().ends_with(",no_zlut,NaN"), "{csv}");
    let output = beadscope(&["export", &tracks, "--to", "pylake", "--out", &path("pylake.h5")]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("export it to csv"), "{said}");
}

#[test]
fn what_is_no_recording_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.h5");
    H5File::create(&other).unwrap().close().unwrap();
    let words = folder.path().join("words.h5");
    std::fs::write(&words, "no HDF5").unwrap();
    for (run, part) in
        [(folder.path(), "no recording"), (&other, "no group /beadscope"), (&words, "not a recording")]
    {
        for command in ["info", "verify"] {
            let output = beadscope(&[command, text(run)]);
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1));
            assert!(said.contains(part) && said.trim_end().lines().count() == 1, "{command}: {said}");
        }
    }
}

/// What `verify` prints about a recording that is not whole.
fn verify(run: &Path) -> String {
    let output = beadscope(&["verify", text(run)]);
    assert_eq!(output.status.code(), Some(1), "{}", run.display());
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

/// Overwrites `counts` elements of a dataset from `starts` on.
fn put(path: &Path, dataset: &str, starts: &[u64], counts: &[u64], bytes: &[u8]) {
    edit(path, |file| {
        let dataset = file.dataset_index(dataset).unwrap();
        file.write_slice(dataset, starts, counts, bytes).unwrap();
    });
}

fn put_u64(path: &Path, dataset: &str, place: u64, value: u64) {
    put(path, dataset, &[place], &[1], &value.to_le_bytes());
}

fn cut(path: &Path, dataset: &str, dims: &[u64]) {
    edit(path, |file| {
        let dataset = file.dataset_index(dataset).unwrap();
        file.set_extent(dataset, dims).unwrap();
    });
}

fn edit(path: &Path, change: impl FnOnce(&mut SwmrFileWriter)) {
    let mut file = SwmrFileWriter::open_append_with_locking(path, FileLocking::Disabled).unwrap();
    change(&mut file);
    file.close().unwrap();
}

fn padded(text: &str, bytes: usize) -> Vec<u8> {
    let mut padded = text.as_bytes().to_vec();
    padded.resize(bytes, 0);
    padded
}

/// What is done to a recording, and what `verify` then says.
type Damage = (&'static str, fn(&Path));

const DAMAGES: [Damage; 22] = [
    ("never finished", |path| {
        edit(path, |file| file.set_group_attr_numeric("/beadscope", "complete", &0_u8).unwrap())
    }),
    ("datasets differ in length", |path| cut(path, "beadscope/rows/flags", &[1199])),
    ("datasets differ in length: those of frames", |path| {
        cut(path, "beadscope/frames/lost_before", &[390, 3])
    }),
    ("datasets differ in length: those of gaps", |path| cut(path, "beadscope/gaps/to_ns", &[1])),
    ("frame_offsets fall", |path| put_u64(path, "tracking/frame_offsets", 10, 5)),
    ("rows of frames are missing", |path| put_u64(path, "tracking/frame_offsets", FRAMES, 1199)),
    ("batches do not follow each other", |path| put_u64(path, "tracking/batch_frame_count", 3, 39)),
    ("frames or rows are missing", |path| put_u64(path, "tracking/batch_record_count", 9, 119)),
    ("the ledger does not sum", |path| {
        let ledger = r#"{"camera":403,"received":400,"tracked":400,"recorded":399,"lost":{"camera":3}}"#;
        put(path, "beadscope/ledger_json", &[0], &[1], &padded(ledger, 16 * 1024));
    }),
    ("the ledger counts other frames", |path| {
        let ledger = r#"{"camera":402,"received":399,"tracked":399,"recorded":399,"lost":{"camera":3}}"#;
        put(path, "beadscope/ledger_json", &[0], &[1], &padded(ledger, 16 * 1024));
    }),
    ("the ledger tells other losses than the frames", |path| {
        let ledger = r#"{"camera":404,"received":400,"tracked":400,"recorded":400,"lost":{"camera":4}}"#;
        put(path, "beadscope/ledger_json", &[0], &[1], &padded(ledger, 16 * 1024));
    }),
    ("the ledger cannot be read", |path| {
        put(path, "beadscope/ledger_json", &[0], &[1], &padded("{\"camera\":", 16 * 1024));
    }),
    ("gaps and frames tell different losses", |path| {
        let lost = [2_u32, 0, 0].map(u32::to_le_bytes).concat();
        put(path, "beadscope/frames/lost_before", &[200, 0], &[1, 3], &lost);
    }),
    ("gaps and frames tell different losses: before frame 200", |path| {
        put(path, "beadscope/gaps/reason", &[0], &[1], &padded("camera=4", 96));
    }),
    ("segments fall", |path| put_u64(path, "beadscope/frames/segment", 350, 0)),
    ("a segment begins elsewhere", |path| put_u64(path, "beadscope/segments/first_frame", 1, 310)),
    ("a position is NaN without a flag: row 150", |path| {
        put(path, "beadscope/rows/flags", &[150], &[1], &0_u32.to_le_bytes());
    }),
    ("a row has flags that nobody knows", |path| {
        put(path, "beadscope/rows/flags", &[7], &[1], &(1_u32 << 31).to_le_bytes());
    }),
    ("arrivals run back", |path| put_u64(path, "beadscope/frames/arrival_ns", 100, 1)),
    ("the camera's clock runs back without a flag", |path| {
        put_u64(path, "beadscope/frames/device_time_ns", 100, 1);
    }),
    ("frame numbers do not rise", |path| put_u64(path, "beadscope/frames/frame", 20, 3)),
    ("a bead has two rows in one frame", |path| {
        put(path, "tracking/bead_ids", &[1], &[1], &0_u16.to_le_bytes());
    }),
];

#[test]
fn verify_finds_every_kind_of_damage_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    for has_losses in [true, false] {
        let run = folder.path().join(has_losses.to_string());
        std::fs::create_dir(&run).unwrap();
        recording(&run, has_losses, true);
        assert_eq!(beadscope_ok(&["verify", text(&run)]), "400 frames, 1200 rows: whole\n");
    }
    let good = folder.path().join("true/tracks.h5");
    for (place, (problem, damage)) in DAMAGES.into_iter().enumerate() {
        let damaged = folder.path().join(format!("{place}.h5"));
        std::fs::copy(&good, &damaged).unwrap();
        damage(&damaged);
        let said = verify(&damaged);
        assert!(said.contains(problem), "{problem}: {said}");
    }
}

#[test]
fn verify_knows_another_zlut_other_times_and_what_is_no_number() {
    let folder = tempfile::tempdir().unwrap();
    let good = recording(folder.path(), true, true);
    let damaged = folder.path().join("damaged.h5");
    std::fs::copy(&good, &damaged).unwrap();
    edit(&damaged, |file| {
        file.set_group_attr_numeric("/tracking", "max_frame_timestamp_ns", &STARTED_NS).unwrap();
        let positions = file.dataset_index("tracking/positions_nm").unwrap();
        file.write_slice(positions, &[9, 1], &[1, 1], &f64::INFINITY.to_le_bytes()).unwrap();
    });
    let file = H5File::options().no_locking().open(&good).unwrap();
    let zluts = file.root_group().group("beadscope").unwrap().group("zlut").unwrap();
    let hash = zluts.group_names().unwrap().remove(0);
    drop((zluts, file));
    let file = H5File::options().no_locking().open_rw(&damaged).unwrap();
    let profiles = file.dataset_writer(&format!("beadscope/zlut/{hash}/profiles")).unwrap();
    profiles.write_slice(&[1, 1], &[1, 1], &[77.0_f32]).unwrap();
    file.close().unwrap();
    let said = verify(&damaged);
    for problem in [
        "a Z-LUT is not the one that was used",
        "the first and last time differ from the attributes",
        "a position is infinite: row 9",
    ] {
        assert!(said.contains(problem), "{problem}: {said}");
    }
    assert!(said.contains("3 problems"), "{said}");
}

#[test]
fn csv_has_every_row_and_replaces_no_recording() {
    let folder = tempfile::tempdir().unwrap();
    let tracks = recording(folder.path(), true, true);
    let out = folder.path().join("rows.csv");
    beadscope_ok(&["export", text(folder.path()), "--to", "csv", "--out", text(&out)]);
    let csv = std::fs::read_to_string(&out).unwrap();
    let mut lines = csv.lines().skip_while(|line| line.starts_with('#'));
    assert!(
        csv.contains("# method = \"qi\"") && csv.contains("1700000001000000000 ns since 1970"),
        "{csv:.900}"
    );
    assert_eq!(lines.next(), Some("frame,bead,x_px,y_px,z_nm,quality,flags,time_s"));
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len() as u64, FRAMES * u64::from(BEADS));
    for (place, row) in rows.iter().enumerate() {
        let (frame, bead) = (place as u64 / u64::from(BEADS), place % BEADS as usize);
        let number = |column: usize| row[column].parse::<f64>().unwrap();
        let [x_nm, y_nm, z_nm] = position_nm(frame, bead, true);
        assert_eq!((row[0], row[1]), (frame.to_string().as_str(), ["0", "3", &REFERENCE.to_string()][bead]));
        assert!((number(2) - x_nm / PIXEL_NM).abs() < 1e-6 && (number(3) - y_nm / PIXEL_NM).abs() < 1e-6);
        assert!((number(4) - z_nm).abs() < 1e-4 || number(4).is_nan() && z_nm.is_nan());
        assert_eq!(row[6], if z_nm.is_nan() { "z_out_of_range" } else { "ok" });
        assert!((number(7) - time_s(frame, true)).abs() < 1e-9, "{row:?}");
    }
    let before = std::fs::read(&tracks).unwrap();
    let output = beadscope(&["export", text(folder.path()), "--to", "csv", "--out", text(&tracks)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(std::fs::read(&tracks).unwrap() == before);
}

#[test]
fn parquet_has_every_row_with_all_digits_and_says_what_it_is_of() {
    let folder = tempfile::tempdir().unwrap();
    recording(folder.path(), true, true);
    let out = folder.path().join("rows.parquet");
    beadscope_ok(&["export", text(folder.path()), "--to", "parquet", "--out", text(&out)]);
    let file = SerializedFileReader::new(std::fs::File::open(&out).unwrap()).unwrap();
    let about = file.metadata().file_metadata();
    let told = |key: &str| {
        let entries = about.key_value_metadata().unwrap();
        entries.iter().find(|entry| entry.key == key).unwrap().value.clone().unwrap()
    };
    assert_eq!(told("software"), "beadscope of tests");
    assert_eq!(told("pixel_size_nm").parse(), Ok(PIXEL_NM));
    assert_eq!((told("started_unix_ns"), told("finished")), (STARTED_NS.to_string(), "true".to_owned()));
    assert_eq!(told("first_frame_unix_ns"), "1700000001000000000");
    assert!(told("settings_toml").contains("method = \"qi\""));
    let columns = about.schema_descr().columns().iter().map(|column| column.name().to_owned());
    assert_eq!(columns.collect::<Vec<_>>().join(","), "frame,bead,x_px,y_px,z_nm,quality,flags,time_s");

    let rows: Vec<_> = file.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len() as u64, FRAMES * u64::from(BEADS));
    for (place, row) in rows.iter().enumerate() {
        let (frame, bead) = (place as u64 / u64::from(BEADS), place % BEADS as usize);
        let [x_nm, y_nm, z_nm] = position_nm(frame, bead, true);
        let number = |column: usize| row.get_double(column).unwrap();
        assert_eq!(row.get_ulong(0).unwrap(), frame);
        assert_eq!(row.get_ushort(1).unwrap(), [0, 3, REFERENCE as u16][bead]);
        // As it is in the recording: divided, multiplied and divided by the size of a pixel.
        let px = |nm: f64| nm / PIXEL_NM * PIXEL_NM / PIXEL_NM;
        assert_eq!([number(2), number(3)], [px(x_nm), px(y_nm)]);
        assert_eq!(number(4).to_bits(), z_nm.to_bits());
        assert_eq!(row.get_float(5).unwrap(), 0.5);
        assert_eq!(row.get_string(6).unwrap(), if z_nm.is_nan() { "z_out_of_range" } else { "ok" });
        assert!((number(7) - time_s(frame, true)).abs() < 1e-9, "{row:?}");
    }
}
