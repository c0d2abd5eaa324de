//! Thousands of runs with faults at every hop, from seeds. What is injected is known, so the ledger is compared exactly.
//!
//! Camera, tracking and recorder are those of a session, on one thread: the camera's script says when tracking takes how
//! many frames and when the recorder does, so that it is known which ring is full at which frame.

mod camera;
mod compare;
mod crash;
mod world;

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use beadscope_drivers::camera::{
    Camera, CameraConfig, CameraError, CameraRequest, FrameInfo, PixelFormat, SensorWindow,
};
use beadscope_shaders::pipeline::{Method, Params};
use rust_hdf5::H5File;
use std::fs;

use tempfile::TempDir;

use super::info::RunInfo;
use super::read::verify::verify;
use super::tracks_file::journal_path;
use super::*;
use crate::acquire::Acquisition;
use crate::acquire::control::control;
use crate::acquire::outage::Patience;
use crate::frame::{FrameFlags, FrameHeader, Gap};
use crate::ledger::Lost;
use crate::ring::{Ends, ring};
use crate::roi::Roi;
use crate::seeded::Seeded;
use crate::status::EndReason;
use crate::track::Tracking;
use crate::track::cpu::CpuTracker;
use crate::tracks::TrackRow;
use camera::Faulty;
use compare::{compare, compare_file};
use crash::compare_crash;
use world::{Happening, Sent, World};

const SIDE_PX: u32 = 16;
const MS: u64 = 1_000_000;
/// Frames that tracking takes at once.
const MAX_BATCH: u64 = 32;
/// Runs without and with a recording: a file costs a hundred times as much.
const RUNS: [u64; 2] = [4000, 300];

/// Does one run; what was injected.
fn run(seed: u64, file: Option<&Path>) -> BTreeMap<Happening, u64> {
    let mut random = Seeded((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let rings = [1 + random.below(20), 1 + random.below(20)];
    let beads = 1 + random.below(2) as u32;
    let rois: Vec<Roi> =
        (0..beads).map(|bead| Roi { bead, left_px: 0, top_px: 0, size_px: SIDE_PX }).collect();
    let info = RunInfo {
        pixel_size_nm: 100.0,
        settings_toml: String::new(),
        camera: String::new(),
        rois: rois.clone(),
        zlut: None,
    };
    let config = Faulty::config();
    let params = Params { method: Method::CenterOfMass, ..Params::default() };
    let tracker = CpuTracker::new(SIDE_PX, rois, &params, None, None).unwrap().into();
    // Threads of a session borrow it from each other; here it stays, some kilobytes a run.
    let status = Arc::new(Status::default());
    let borrowed: &'static Status = Box::leak(Box::new(status.clone()));
    let clock = Clock::start();
    let Ends { writer: frames_in, lossless: [frames], skipping: [] } =
        ring::<FrameHeader, 1, 0>(rings[0] as usize, config.frame_bytes(), ["tracking"]);
    let row_bytes = beads as usize * size_of::<TrackRow>();
    let Ends { writer: tracks_in, lossless: [tracks], skipping: [] } =
        ring::<TracksHeader, 1, 0>(rings[1] as usize, row_bytes, ["recorder"]);
    let (mut recorder, _handle) = Recorder::new(tracks, status.clone(), clock, None);
    if let Some(path) = file {
        let file = info.begin_recording(path, &info.rois.clone().into()).unwrap();
        let mut open = Open::new(file, &status);
        open.every = [Duration::ZERO; 2];
        recorder.open = Some(open);
        status.begin_recording();
    }
    let world = World {
        events_left: 20 + random.below(100),
        random,
        tracking: Some(Tracking {
            frames,
            config,
            tracker,
            room: beads as usize,
            retargets: sync_channel(1).1,
            tracks: tracks_in,
            status: borrowed,
            clock,
            hurry: Arc::default(),
        }),
        recorder: Some(recorder),
        rows: vec![bytemuck::Zeroable::zeroed(); beads as usize * MAX_BATCH as usize],
        lost_rows: Gap::default(),
        now_ms: 0,
        moved_ns: 0,
        next_number: 0,
        sent: Vec::new(),
        missing: Vec::new(),
        frames_since_jump: 0,
        is_away: false,
        rings,
        held: [0; 2],
        is_recording: file.is_some(),
        disk_is_broken: false,
        expected: Ledger::default(),
        jumps: 0,
        backward: 0,
        gaps: [Gap::default(); 2],
        on_their_way: [VecDeque::new(), VecDeque::new()],
        recorded: Vec::new(),
        injected: BTreeMap::new(),
    };
    let world = Arc::new(Mutex::new(world));
    let camera = Box::new(Faulty { world: world.clone(), clock: Instant::now() });
    let (_control, orders) = control(config);
    let patience =
        Patience { silence: Duration::ZERO, pauses: [Duration::ZERO; 2], give_up: Duration::from_secs(600) };
    Acquisition {
        camera,
        config,
        ring: frames_in,
        status: borrowed,
        clock,
        frame_limit: None,
        orders,
        patience,
    }
    .run();

    let mut world = world.lock().unwrap();
    while world.held[0] > 0 {
        world.track(MAX_BATCH);
    }
    world.tracking = None;
    let crashed = file.filter(|_| !world.disk_is_broken).map(|path| {
        let crashed = path.with_extension("crashed.h5");
        let [journal, its] = [path, &crashed].map(journal_path);
        // A crash now, or just before the recording has its name: all that goes into the journal goes into the link.
        let left = if seed.is_multiple_of(2) {
            fs::copy(journal, its).map(|_| ())
        } else {
            fs::hard_link(journal, its)
        };
        left.unwrap();
        crashed
    });
    world.recorder.take().unwrap().run();
    world.expect_recorded();
    compare(seed, &world, &status);
    if let Some(path) = file {
        compare_file(seed, &world, path);
    }
    if let Some(path) = crashed {
        compare_crash(seed, &mut world, &path);
    }
    let mut injected = std::mem::take(&mut world.injected);
    injected.insert(Happening::Track, world.expected.lost.ring_full);
    injected.insert(Happening::Record, world.expected.lost.recorder_late);
    injected
}

#[test]
fn whatever_is_injected_is_in_the_ledger_exactly() {
    let started = Instant::now();
    // In memory where that can be: the file's path is under test here, not the disk.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
    let mut injected: BTreeMap<Happening, u64> = BTreeMap::new();
    for (runs, is_recorded) in RUNS.into_iter().zip([false, true]) {
        for seed in 0..runs {
            let path = folder.path().join(format!("{seed}.h5"));
            for (event, count) in run(seed, is_recorded.then_some(path.as_path())) {
                *injected.entry(event).or_default() += count;
            }
            if is_recorded {
                fs::remove_file(&path).unwrap();
            }
        }
    }
    let of = |event| injected.get(&event).copied().unwrap_or(0);
    println!(
        "{} runs in {:.1} s, {} frames; lost by the camera {}, ring full {}, recorder late {}, disks broken {}; repeated {}, \
         late {}, clock jumps {}; unplugged {}, silent {}, bad frames {}: every ledger as injected",
        RUNS[0] + RUNS[1],
        started.elapsed().as_secs_f64(),
        of(Happening::Frame),
        of(Happening::CameraLoses),
        of(Happening::Track),
        of(Happening::Record),
        of(Happening::DiskFails),
        of(Happening::Repeat),
        of(Happening::ComesLate),
        of(Happening::ClockJump),
        of(Happening::Unplug),
        of(Happening::Silent),
        of(Happening::BadFrame),
    );
    for event in [
        Happening::CameraLoses,
        Happening::Repeat,
        Happening::ComesLate,
        Happening::ClockJump,
        Happening::Unplug,
        Happening::Silent,
    ] {
        assert!(of(event) > 100, "too few: {event:?}");
    }
    assert!(
        of(Happening::Track) > 100 && of(Happening::Record) > 100 && of(Happening::DiskFails) > 20,
        "{injected:?}"
    );
}
