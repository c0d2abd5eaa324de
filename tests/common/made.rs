//! A recording of which every value is known, made without a camera.

use std::path::{Path, PathBuf};

use beadscope_engine::bead_set::Beads;
use beadscope_engine::frame::{FrameHeader, Gap as Lost};
use beadscope_engine::ledger::{self, Ledger};
use beadscope_engine::record::description::{RunDescription, ZLutSource};
use beadscope_engine::record::tracks_file::{Gap, TracksFile};
use beadscope_engine::roi::Roi;
use beadscope_engine::segment::{Cause, Segment};
use beadscope_engine::tracks::{TrackRow, TracksHeader};
use beadscope_shaders::flags::Flags;
use beadscope_zlut::ZLut;
use beadscope_zlut::table::Origin;

pub const FRAMES: u64 = 400;
pub const BEADS: u32 = 3;
/// Number of the bead that is stuck.
pub const REFERENCE: u32 = 5;
pub const PIXEL_NM: f64 = 108.5;
pub const STARTED_NS: u64 = 1_700_000_000_000_000_000;
const NUMBERS: [u32; BEADS as usize] = [0, 3, REFERENCE];
const PERIOD_NS: u64 = 10_000_000;
/// Frames that the camera loses before frame 200.
const LOST: u64 = 3;

/// When a frame was taken, s after the first. With losses: 3 frames before frame 200, a pause of 1 s before frame 300.
pub fn time_s(frame: u64, has_losses: bool) -> f64 {
    let (lost, paused) = if has_losses { (frame >= 200, frame >= 300) } else { (false, false) };
    (frame + LOST * u64::from(lost) + 100 * u64::from(paused)) as f64 * PERIOD_NS as f64 * 1e-9
}

/// Where bead `place` of three is: at rest with a z that is lost in every 50th frame; jumping by 10 nm in x; drifting.
pub fn position_nm(frame: u64, place: usize, has_losses: bool) -> [f64; 3] {
    let time_s = time_s(frame, has_losses);
    match place {
        0 => [10_000.0, 20_000.0, if frame.is_multiple_of(50) { f64::NAN } else { 1_500.0 }],
        1 => [30_000.0 + if frame.is_multiple_of(2) { 5.0 } else { -5.0 }, 25_000.0, 900.0],
        _ => [40_000.0 + 2.0 * time_s, 50_000.0 - time_s, 100.0 + 0.5 * time_s],
    }
}

/// Writes `tracks.h5` into the folder, finished or left as a crash leaves it; its path.
pub fn recording(folder: &Path, has_losses: bool, is_finished: bool) -> PathBuf {
    let path = folder.join("tracks.h5");
    let zlut = zlut();
    let write =
        |group: &rust_hdf5::H5Group| beadscope_zlut::hdf5::write_group(group, &zlut).map_err(Into::into);
    let roi = |bead: &u32| Roi { bead: *bead, left_px: 10 * *bead as i32, top_px: 7, size_px: 64 };
    let rois: Vec<Roi> = NUMBERS.iter().map(roi).collect();
    let description = RunDescription {
        software: "beadscope of tests".to_owned(),
        started_unix_ns: STARTED_NS,
        recording_id: 42,
        pixel_size_nm: PIXEL_NM,
        settings_toml: "[tracking]\nmethod = \"qi\"\n".to_owned(),
        camera: "driver = \"made\"\nrate_hz = 100.0\n".to_owned(),
        beads: Beads { rois: rois.into(), references: [REFERENCE].into() },
        zluts: vec![ZLutSource { hash: zlut.hash(), beads: NUMBERS.to_vec(), write: &write }],
    };
    let mut file = TracksFile::create(&path, &description).unwrap();
    let frames: Vec<u64> = (0..FRAMES).collect();
    for batch in frames.chunks(40) {
        let headers: Vec<TracksHeader> = batch.iter().map(|frame| header(*frame, has_losses)).collect();
        for header in &headers {
            let number = header.frame.segment;
            if header.frame.frame == 0 || header.frame.frame == 300 && has_losses {
                let cause = if number == 0 { Cause::Start } else { Cause::Paused };
                let segment = Segment { number, cause, rate_hz: 100.0, exposure_us: 5000.0 };
                file.begin_segment(&segment, &header.frame).unwrap();
            }
        }
        let rows: Vec<TrackRow> = batch.iter().flat_map(|frame| rows(*frame, has_losses)).collect();
        let timed: Vec<_> =
            headers.iter().map(|header| (*header, STARTED_NS + header.frame.time_ns)).collect();
        file.append(&timed, &rows).unwrap();
    }
    file.flush().unwrap();
    if !is_finished {
        return file.partial_path().to_path_buf();
    }
    let lost = if has_losses { LOST } else { 0 };
    let ledger = Ledger {
        camera: FRAMES + lost,
        received: FRAMES,
        tracked: FRAMES,
        recorded: FRAMES,
        segments: 1 + u64::from(has_losses),
        lost: ledger::Lost { camera: lost, ..ledger::Lost::default() },
        ..Ledger::default()
    };
    let gaps = if has_losses { gaps() } else { Vec::new() };
    let notices = ["the lamp was on".to_owned()];
    file.finish(&serde_json::to_string(&ledger).unwrap(), &gaps, &notices).unwrap();
    path
}

fn header(frame: u64, has_losses: bool) -> TracksHeader {
    let time_ns = 1_000_000_000 + (time_s(frame, has_losses) * 1e9).round() as u64;
    let segment = u32::from(has_losses && frame >= 300);
    let lost = if has_losses && frame == 200 { LOST } else { 0 };
    let before = if has_losses && (200..300).contains(&frame) { LOST } else { 0 };
    TracksHeader {
        frame: FrameHeader {
            frame,
            device_frame: frame - 300 * u64::from(segment) + before,
            device_time_ns: Some(time_ns),
            arrival_ns: time_ns + 500_000,
            gap: Lost { camera: lost, ..Lost::default() },
            segment,
            time_ns,
            ..FrameHeader::default()
        },
        tracked_ns: time_ns + 2_000_000,
        rows: BEADS,
        on_gpu: false,
    }
}

fn rows(frame: u64, has_losses: bool) -> impl Iterator<Item = TrackRow> {
    NUMBERS.into_iter().enumerate().map(move |(place, bead)| {
        let [x_nm, y_nm, z_nm] = position_nm(frame, place, has_losses);
        let flags = if z_nm.is_nan() { Flags::Z_OUT_OF_RANGE } else { Flags::NONE };
        TrackRow {
            x_px: x_nm / PIXEL_NM,
            y_px: y_nm / PIXEL_NM,
            z_nm,
            quality: 0.5,
            flags: flags.0,
            bead,
            corner_px: [10 * bead as i32, 7],
            sigma: [f32::NAN; 3],
        }
    })
}

fn gaps() -> Vec<Gap> {
    let lost = Gap {
        first_device_frame: 200,
        last_device_frame: Some(202),
        after_frame: 199,
        segment: 0,
        from_ns: 2_990_500_000,
        to_ns: 3_030_500_000,
        reason: "camera=3".to_owned(),
    };
    let paused = Gap {
        first_device_frame: 303,
        last_device_frame: None,
        after_frame: 299,
        segment: 1,
        from_ns: 4_020_500_000,
        to_ns: 5_030_500_000,
        reason: "paused".to_owned(),
    };
    vec![lost, paused]
}

fn zlut() -> ZLut {
    let (z_nm, rings) = ([0.0, 100.0, 200.0, 300.0], 8);
    let profiles = (0..z_nm.len() * rings).map(|place| (place * place % 17) as f32).collect();
    let origin =
        Origin { source: "made".to_owned(), ring_step_px: Some(1.0), roi_px: Some(64), ..Origin::default() };
    ZLut::new(z_nm.to_vec(), rings, profiles, origin).unwrap()
}
