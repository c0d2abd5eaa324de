//! What was found live is found again in the video, to the last bit: bead by bead and frame by frame.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, outside #[test], where these are how a test fails"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use beadscope_drivers::camera::PixelFormat;
use beadscope_drivers::npy::NpyWriter;
use beadscope_drivers::{CAMERAS, CONTROLLERS};
use beadscope_engine::command::{Applied, Command, Sender};
use beadscope_engine::instrument::Instrument;
use beadscope_engine::record::info::{RunInfo, camera_text};
use beadscope_engine::record::read::{Block, ReadError, Recording};
use beadscope_engine::session::{Session, Setup};
use beadscope_engine::settings::Settings;
use common::{beadscope, beadscope_ok};
use rust_hdf5::H5File;

/// Numbers of a row that must be the same: bits of x, y, z, quality and errors, and flags.
type Bits = [u64; 8];

#[derive(Clone)]
struct Row {
    corner_px: [u16; 2],
    bits: Bits,
    position_nm: [f64; 3],
}

#[derive(Default)]
struct Rows {
    /// Camera's number, times, segment, flags and losses of each frame.
    frames: BTreeMap<u64, [u64; 9]>,
    rows: BTreeMap<(u64, u16), Row>,
}

fn read(run: &Path) -> Rows {
    let recording = Recording::open(run).unwrap();
    let sigma: Vec<f32> = H5File::open(&recording.path)
        .unwrap()
        .dataset("beadscope/rows/sigma_nm")
        .unwrap()
        .read_raw()
        .unwrap();
    let mut found = Rows::default();
    let mut take = |block: &Block| -> Result<(), ReadError> {
        for place in 0..block.frames() {
            let [camera, ring_full, _] = block.lost_before[place].map(u64::from);
            let told = [
                block.device_frame[place],
                block.device_time_ns[place],
                block.arrival_ns[place],
                block.segment[place],
                block.time_ns[place],
                block.unix_ns[place],
                block.frame_flags[place],
                // The first frame of a recording may follow on a loss that is no gap of the recording.
                if block.first_frame + place as u64 == 0 { 0 } else { camera },
                if block.first_frame + place as u64 == 0 { 0 } else { ring_full },
            ];
            assert_eq!(found.frames.insert(block.frame[place], told), None);
            for row in block.rows(place) {
                let (corner_px, position_nm) = (block.corner_px[row], block.position_nm[row]);
                let [x, y, z] = position_nm.map(f64::to_bits);
                let errors = &sigma[3 * (block.first_row as usize + row)..][..3];
                let [sx, sy, sz] = [0, 1, 2].map(|axis: usize| u64::from(errors[axis].to_bits()));
                let quality = u64::from(block.quality[row].to_bits());
                let bits = [x, y, z, quality, sx, sy, sz, u64::from(block.row_flags[row])];
                let key = (block.frame[place], block.bead[row]);
                assert!(found.rows.insert(key, Row { corner_px, bits, position_nm }).is_none());
            }
        }
        Ok(())
    };
    recording.each_block(&mut take).unwrap();
    found
}

/// A session that records when it is told to, on a processor, with a camera that loses and repeats frames and is corrected.
fn session(folder: &Path, mode: &str, method: &str) -> Session {
    let rig = folder.join("rig.toml");
    let size_px = (320_u32, 256_u32);
    for (name, level) in [("dark.npy", 3_u32), ("flat.npy", 180)] {
        let mut stack =
            NpyWriter::create(&folder.join(name), size_px.0, size_px.1, PixelFormat::Mono8).unwrap();
        // Every pixel has a gain of its own, so that a correction at another place is another one.
        let levels = (0..size_px.0 * size_px.1).map(|px| (level + px * 7919 % 13 * level / 100) as u8);
        stack.append(&levels.collect::<Vec<_>>()).unwrap();
        stack.finish().unwrap();
    }
    let text = format!(
        "[camera]\ndriver = \"simulated\"\nrate_hz = 200.0\n[camera.settings]\nbeads = 5\nwidth_px = {}\nheight_px = {}\n\
         [camera.settings.faults]\nlost = 0.05\nrepeated = 0.02\n[correction]\ndark = \"dark.npy\"\nflat = \"flat.npy\"\n\
         [tracking]\nmethod = \"{method}\"\nroi_px = 48\nbackend = \"cpu\"\n[recording]\nmode = \"{mode}\"\n",
        size_px.0, size_px.1
    );
    fs::write(&rig, text).unwrap();
    let settings = Settings::load(Some(&rig), None).unwrap();
    let Instrument { camera, config, motors, tracker, zlut, pixel_size_nm, .. } =
        Instrument::open(settings.rig(), CAMERAS, CONTROLLERS).unwrap();
    let info = RunInfo {
        pixel_size_nm,
        settings_toml: settings.describe(&[]),
        camera: camera_text("simulated", &config),
        rois: tracker.rois().to_vec(),
        zlut,
    };
    let (frame_limit, record, notes, hurry) = (None, None, Vec::new(), Arc::default());
    Session::start(Setup {
        camera,
        config,
        motors,
        tracker,
        frame_limit,
        info,
        record,
        settings,
        notes,
        hurry,
    })
    .unwrap()
    .0
}

fn ask(session: &Session, line: &str) -> Applied {
    let command: Command = line.parse().unwrap();
    let applied =
        session.commands().send(Sender::Text, command).unwrap_or_else(|error| panic!("{line}: {error}"));
    let before = session.health().ledger.received;
    let deadline = Instant::now() + Duration::from_secs(120);
    while session.health().ledger.tracked < before + 50 {
        assert!(session.is_running() && Instant::now() < deadline, "{:?}", session.health());
        std::thread::sleep(Duration::from_millis(2));
    }
    applied
}

/// Records while beads are moved, removed and added; the run's folder.
fn record(folder: &Path, mode: &str, method: &str) -> PathBuf {
    let session = session(folder, mode, method);
    let start = format!("record.start folder={:?}, name=\"film\"", folder.join("runs"));
    // Frames before the recording: its first one is not frame 0.
    ask(&session, "reference.set beads=[0]");
    let Applied::Recording { file } = ask(&session, &start) else { panic!("no recording") };
    for line in ["roi.move bead=1, dx_px=-3, dy_px=2", "roi.remove beads=[2]", "camera.set rate_hz=150"] {
        ask(&session, line);
    }
    ask(&session, "record.stop");
    assert_eq!(session.stop().health.failures, [""; 0]);
    file.parent().unwrap().to_path_buf()
}

fn check(mode: &str, method: &str) {
    let folder = tempfile::tempdir().unwrap();
    let run = record(folder.path(), mode, method);
    if mode == "track+full-video" {
        beadscope_ok(&["compress", run.to_str().unwrap()]);
    }
    let out = folder.path().join("again.h5");
    let track = |input: &Path| {
        beadscope_ok(&["track", input.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    };
    track(&run);
    let (live, again) = (read(&run), read(&out));
    assert!(live.frames.len() > 150 && *live.frames.keys().next().unwrap() >= 50, "{:?}", live.frames.keys());
    assert_eq!(again.frames, live.frames);
    let lost: u64 = live.frames.values().map(|told| told[7]).sum();
    assert!(lost > 0, "else nothing shows that losses are told");

    let beads: BTreeSet<u16> = live.rows.keys().map(|(_, bead)| *bead).collect();
    assert_eq!(beads, again.rows.keys().map(|(_, bead)| *bead).collect());
    let corners: BTreeSet<[u16; 2]> = live.rows.values().map(|row| row.corner_px).collect();
    assert_eq!(corners.len(), beads.len() + 1, "one was moved");
    let (mut same, mut located) = (BTreeMap::<u16, usize>::new(), 0);
    for (key, row) in &again.rows {
        assert!(corners.contains(&row.corner_px), "{key:?} at {:?}", row.corner_px);
        // The video may hear of an edit some frames before or after tracking does.
        let Some(found_live) = live.rows.get(key) else { continue };
        if row.corner_px == found_live.corner_px {
            assert_eq!(row.bits, found_live.bits, "{key:?}");
            *same.entry(key.1).or_default() += 1;
            located += usize::from(row.position_nm.iter().all(|value| value.is_finite()));
        } else {
            let off = [0, 1].map(|axis: usize| (row.position_nm[axis] - found_live.position_nm[axis]).abs());
            assert!(off.iter().all(|nm| *nm < 30.0 || nm.is_nan()), "{key:?}: {off:?} nm");
        }
    }
    // Beads that nobody touched are the same in every frame, the one that was moved but for frames around that.
    for bead in beads.iter().filter(|bead| **bead != 2) {
        let count = same.get(bead).copied().unwrap_or(0);
        let of = again.rows.keys().filter(|(_, of)| of == bead).count();
        assert_eq!(of, live.frames.len(), "bead {bead}");
        assert!(
            if *bead == 1 { count > 0 } else { count == of },
            "{count} of {of} of bead {bead} are the same"
        );
    }
    assert!(2 * located > same.values().sum::<usize>(), "{located} of {same:?} located");

    assert!(beadscope_ok(&["verify", out.to_str().unwrap()]).contains("whole"));
    let info = |path: &Path| -> serde_json::Value {
        serde_json::from_str(&beadscope_ok(&["info", path.to_str().unwrap(), "--json"])).unwrap()
    };
    let (was, is) = (info(&run), info(&out));
    for name in ["segments", "method", "unix_ns", "pixel_size_nm", "camera", "started_unix_ns", "has_times"] {
        assert_eq!(is[name], was[name], "{name}");
    }
    assert_eq!(is["segments"].as_array().unwrap().len(), 2);
    assert_eq!(is["zluts"][0]["hash"], was["zluts"][0]["hash"]);
    assert_eq!(is["beads"][0]["is_reference"], true);
    assert_eq!(is["ledger"]["lost"]["camera"], lost);
    // It can be made again, so it is replaced; by the folder of the video, too.
    track(&run.join("video.ome.zarr"));
    assert_eq!(read(&out).rows.len(), again.rows.len());
    refuse(
        &["track", run.to_str().unwrap(), "--out", run.join("tracks.h5").to_str().unwrap()],
        "replace an input",
    );

    let csv = folder.path().join("again.csv");
    beadscope_ok(&["track", run.to_str().unwrap(), "--method", "com", "--out", csv.to_str().unwrap()]);
    let text = fs::read_to_string(csv).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines[0], "frame,bead,x_px,y_px,z_nm,quality,flags,time_s");
    assert_eq!(lines.len() - 1, again.rows.len());
    let frames: BTreeSet<u64> =
        lines[1..].iter().map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
    assert!(frames.iter().eq(live.frames.keys()));
    let last_s: f64 = lines[lines.len() - 1].rsplit(',').next().unwrap().parse().unwrap();
    let times: Vec<u64> = live.frames.values().map(|told| told[4]).collect();
    assert!((last_s - (times[times.len() - 1] - times[0]) as f64 * 1e-9).abs() < 1e-8);
}

fn refuse(arguments: &[&str], why: &str) {
    let output = beadscope(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let told = said.lines().filter(|line| line.starts_with("beadscope: ")).collect::<Vec<_>>();
    assert!(told.len() == 1 && told[0].contains(why), "{said}");
}

#[test]
fn crops_give_the_positions_that_were_found_live() {
    check("track+roi-video", "qi");
}

#[test]
fn whole_frames_give_the_positions_that_were_found_live() {
    check("track+full-video", "fit");
}

#[test]
fn what_was_only_filmed_is_tracked_later_and_what_cannot_be_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (sim, runs) = (path("sim"), path("runs"));
    beadscope_ok(&["simulate", "--beads", "4", "--frames", "30", "--out", &sim]);
    let rig = format!("{sim}/rig.toml");
    let record = |mode: &str| -> String {
        let run = ["run", "--rig", &rig, "--mode", mode, "--backend", "cpu", "--out", &runs, "--json"];
        let summary: serde_json::Value = serde_json::from_str(&beadscope_ok(&run)).unwrap();
        summary["run"].as_str().unwrap().to_owned()
    };
    let live = record("track");
    let wanted = read(Path::new(&live)).rows;
    assert_eq!(wanted.len(), 120);
    let out = path("tracks.h5");
    let (crops, full) = (record("roi-video"), record("full-video"));
    for filmed in [&crops, &full] {
        beadscope_ok(&["track", filmed, "--out", &out]);
        let found = read(Path::new(&out)).rows;
        assert!(found.keys().eq(wanted.keys()), "{filmed}");
        assert!(found.iter().all(|(key, row)| row.bits == wanted[key].bits), "{filmed}");
    }
    // In whole frames other ROIs can be looked at.
    let said = beadscope_ok(&["track", &full, "--rois", &format!("{sim}/rois.csv"), "--out", &out]);
    assert!(said.starts_with("30 frames x 4 beads: 120 of 120"), "{said}");
    refuse(&["track", &crops, "--roi-px", "48", "--out", &path("a.csv")], "leave out --rois and --roi-px");
    refuse(&["track", &crops, "--out", &path("a.npy")], "numbers and times");
    refuse(&["track", &live, "--out", &path("a.csv")], "this run has no video");
    let _ = fs::remove_file(format!("{crops}/tracks.h5"));
    refuse(&["track", &crops, "--out", &path("a.csv")], "no recording is here");
}
