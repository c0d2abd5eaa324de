//! Thousands of runs with faults at every hop, from seeds. What is injected is known, so the ledger is compared exactly.
//!
//! Camera, tracking and recorder are those of a session, on one thread: the camera's script says when tracking takes how
//! many frames and when the recorder does, so that it is known which ring is full at which frame.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use beadscope_drivers::camera::{
    Camera, CameraConfig, CameraError, CameraRequest, FrameInfo, PixelFormat, SensorWindow,
};
use beadscope_shaders::pipeline::{Method, Params};
use rust_hdf5::H5File;
use tempfile::TempDir;

use super::info::RunInfo;
use super::read::verify::verify;
use super::*;
use crate::acquire::Acquisition;
use crate::acquire::control::control;
use crate::acquire::outage::Patience;
use crate::frame::{FrameFlags, FrameHeader, Gap};
use crate::ledger::Lost;
use crate::ring::{Ends, ring};
use crate::roi::Roi;
use crate::status::EndReason;
use crate::track::Tracking;
use crate::track::cpu::CpuTracker;
use crate::tracks::TrackRow;

const SIDE_PX: u32 = 16;
const MS: u64 = 1_000_000;
/// Frames that tracking takes at once.
const MAX_BATCH: u64 = 32;
/// Runs without and with a recording: a file costs a hundred times as much.
const RUNS: [u64; 2] = [4000, 300];

/// A generator (xorshift64*, S. Vigna 2016), so that a failing seed can be run again.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

/// What the script does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Frame,
    CameraLoses,
    Repeat,
    ComesLate,
    ClockJump,
    Unplug,
    Silent,
    BadFrame,
    Track,
    Record,
    DiskFails,
}

/// A frame as the file should tell of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sent {
    segment: u64,
    number: u64,
    flags: u64,
    lost_before: Gap,
}

/// Everything but the camera thread, and what is to be expected of it.
struct World {
    random: Seeded,
    events_left: u64,
    tracking: Option<Tracking<'static>>,
    recorder: Option<Recorder>,
    rows: Vec<TrackRow>,
    lost_rows: Gap,

    /// Exposure time of the next frame, ms, and how far the camera's clock is moved, ns.
    now_ms: u64,
    moved_ns: i64,
    next_number: u64,
    /// Numbers that the camera has sent or lost in the segment, with their exposure time, ms.
    sent: Vec<(u64, u64)>,
    missing: Vec<(u64, u64)>,
    frames_since_jump: u64,
    is_away: bool,

    rings: [u64; 2],
    held: [u64; 2],
    is_recording: bool,
    disk_is_broken: bool,
    expected: Ledger,
    jumps: u64,
    backward: u64,
    /// Lost before the next frame that gets through, at the camera and behind tracking.
    gaps: [Gap; 2],
    /// Frames on their way, by hop, then those in the file.
    on_their_way: [VecDeque<Sent>; 2],
    recorded: Vec<Sent>,
    injected: BTreeMap<Happening, u64>,
}

impl World {
    fn event(&mut self) -> Happening {
        use Happening::*;
        // As often as they stand here.
        let events = [
            Frame,
            Frame,
            Frame,
            Frame,
            Frame,
            Frame,
            Frame,
            Frame,
            Track,
            Track,
            Track,
            Record,
            CameraLoses,
            Repeat,
            ComesLate,
            ClockJump,
            Unplug,
            Silent,
            BadFrame,
        ];
        let event = events[self.random.below(events.len() as u64) as usize];
        // A fault that ends what the others need is rarer.
        let is_rare = match event {
            Unplug | BadFrame => self.random.below(3) > 0,
            // It takes the patience of five frame periods.
            Silent => self.random.below(30) > 0,
            _ => false,
        };
        let breaks = self.is_recording && !self.disk_is_broken && self.random.below(200) == 0;
        if breaks {
            DiskFails
        } else if is_rare {
            Frame
        } else {
            event
        }
    }

    fn note(&mut self, event: Happening) {
        *self.injected.entry(event).or_default() += 1;
    }

    /// Up to `count` frames go through tracking.
    fn track(&mut self, count: u64) {
        let batch = count.min(self.held[0]).min(MAX_BATCH);
        let Self { tracking: Some(tracking), rows, lost_rows, .. } = self else { return };
        if batch > 0 {
            tracking.take(batch as usize, rows, lost_rows);
        }
        self.held[0] -= batch;
        for _ in 0..batch {
            let mut frame = self.on_their_way[0].pop_front().unwrap();
            self.expected.tracked += 1;
            frame.lost_before += self.gaps[1];
            if self.held[1] < self.rings[1] {
                self.held[1] += 1;
                self.gaps[1] = Gap::default();
                self.on_their_way[1].push_back(frame);
            } else {
                self.expected.lost.recorder_late += 1;
                self.gaps[1] = frame.lost_before;
                self.gaps[1].recorder_late += 1;
            }
        }
    }

    /// The recorder takes and writes all that has come.
    fn record(&mut self) {
        let Self { recorder: Some(recorder), .. } = self else { return };
        recorder.take(self.held[1] as usize);
        recorder.write();
        self.expect_recorded();
    }

    fn expect_recorded(&mut self) {
        let frames = std::mem::take(&mut self.on_their_way[1]);
        let count = std::mem::take(&mut self.held[1]);
        assert_eq!(frames.len() as u64, count);
        match (self.is_recording, self.disk_is_broken) {
            (false, _) => self.expected.not_asked += count,
            (true, true) => self.expected.lost.record_failed += count,
            (true, false) => {
                self.expected.recorded += count;
                self.recorded.extend(frames);
            }
        }
    }

    /// A frame that the camera sends now.
    fn deliver(&mut self, number: u64, taken_ms: u64, flags: FrameFlags, clock: Instant) -> FrameInfo {
        self.expected.received += 1;
        let segment = self.expected.segments - 1;
        if self.held[0] < self.rings[0] {
            self.held[0] += 1;
            let lost_before = std::mem::take(&mut self.gaps[0]);
            self.on_their_way[0].push_back(Sent { segment, number, flags: flags.0, lost_before });
        } else {
            self.expected.lost.ring_full += 1;
            self.gaps[0].ring_full += 1;
        }
        let device_time_ns =
            Some((taken_ms * MS).strict_add_signed(1_000_000_000 * MS as i64 + self.moved_ns));
        let arrival = clock + Duration::from_nanos(self.now_ms * MS);
        FrameInfo { device_frame: number, device_time_ns, arrival }
    }

    /// The next number, which the camera exposes now; the clock may jump at it.
    fn expose(&mut self) -> (u64, u64) {
        let frame = (self.next_number, self.now_ms);
        self.next_number += 1;
        self.now_ms += 1;
        self.expected.segments += u64::from(self.sent.is_empty() && self.missing.is_empty());
        self.expected.camera += 1;
        frame
    }

    /// What the camera answers next; `None` for an event that is none of its.
    fn act(&mut self, event: Happening, clock: Instant) -> Option<Result<FrameInfo, CameraError>> {
        let has_begun = !self.sent.is_empty();
        match event {
            Happening::Track => {
                let count = 1 + self.random.below(12);
                self.track(count);
                return None;
            }
            Happening::Record => {
                self.record();
                return None;
            }
            Happening::DiskFails => {
                self.disk_is_broken = true;
                self.recorder.as_mut().and_then(|recorder| recorder.open.as_mut()).unwrap().break_disk();
                self.note(event);
                return None;
            }
            Happening::CameraLoses if has_begun => {
                let count = 1 + self.random.below(5);
                for _ in 0..count {
                    let lost = self.expose();
                    self.missing.push(lost);
                }
                self.expected.lost.camera += count;
                self.gaps[0].camera += count;
                *self.injected.entry(event).or_default() += count;
                // It is seen at the frame after it.
            }
            Happening::Repeat if has_begun => {
                let back = self.random.below(self.sent.len().min(10) as u64) as usize;
                let (number, taken_ms) = self.sent[self.sent.len() - 1 - back];
                self.expected.out_of_order += 1;
                self.note(event);
                return Some(Ok(self.deliver(number, taken_ms, FrameFlags::REPEATED, clock)));
            }
            Happening::ComesLate if has_begun => {
                let highest = self.sent.iter().map(|(number, _)| *number).max().unwrap();
                self.missing.retain(|(number, _)| highest - number < 64);
                if self.missing.is_empty() {
                    return None;
                }
                let place = self.random.below(self.missing.len() as u64) as usize;
                let (number, taken_ms) = self.missing.remove(place);
                self.sent.push((number, taken_ms));
                self.expected.out_of_order += 1;
                self.expected.late += 1;
                self.note(event);
                return Some(Ok(self.deliver(number, taken_ms, FrameFlags::LATE, clock)));
            }
            Happening::ClockJump if has_begun && self.frames_since_jump > 2 => {
                let size = 1000 * MS as i64 * (1 + self.random.below(100) as i64);
                let size = if self.random.below(2) == 0 { size } else { -size };
                self.moved_ns += size;
                self.frames_since_jump = 0;
                self.jumps += 1;
                self.backward += u64::from(size < 0);
                self.note(event);
                let back = if size < 0 { FrameFlags::TIME_BACK } else { FrameFlags::NONE };
                let flags = FrameFlags::TIME_JUMP | FrameFlags::TIME_BY_ARRIVAL | back;
                return Some(Ok(self.send_next(flags, clock)));
            }
            Happening::Unplug | Happening::Silent | Happening::BadFrame => {
                self.is_away = true;
                self.note(event);
                return Some(Err(match event {
                    Happening::Unplug => CameraError::Unplugged("the cable was pulled".to_owned()),
                    Happening::Silent => CameraError::Timeout(Duration::ZERO),
                    _ => CameraError::BadFrame("it is too short".to_owned()),
                }));
            }
            _ => {}
        }
        Some(Ok(self.send_next(FrameFlags::NONE, clock)))
    }

    fn send_next(&mut self, flags: FrameFlags, clock: Instant) -> FrameInfo {
        let (number, taken_ms) = self.expose();
        self.sent.push((number, taken_ms));
        self.frames_since_jump += 1;
        self.note(Happening::Frame);
        self.deliver(number, taken_ms, flags, clock)
    }
}

/// The camera of the script.
struct Faulty {
    world: Arc<Mutex<World>>,
    clock: Instant,
}

impl Faulty {
    fn config() -> CameraConfig {
        let window = SensorWindow { x_px: 0, y_px: 0, width_px: SIDE_PX, height_px: SIDE_PX };
        // The rate that the frames' own times tell.
        CameraConfig { window, format: PixelFormat::Mono8, rate_hz: 1000.0, exposure_us: 10.0 }
    }
}

impl Camera for Faulty {
    fn configure(&mut self, _request: &CameraRequest) -> Result<CameraConfig, CameraError> {
        Ok(Self::config())
    }

    fn start(&mut self) -> Result<(), CameraError> {
        let world = &mut *self.world.lock().unwrap();
        if world.is_away && world.random.below(4) == 0 {
            return Err(CameraError::Busy("another program was faster".to_owned()));
        }
        world.is_away = false;
        world.next_number = world.random.below(1000);
        world.sent.clear();
        world.missing.clear();
        // No jump is seen at the first frame, since there is nothing to compare it with.
        world.frames_since_jump = 0;
        world.now_ms += 50;
        Ok(())
    }

    fn read_into(&mut self, slot: &mut [u8], timeout: Duration) -> Result<FrameInfo, CameraError> {
        slot.fill(7);
        let world = &mut *self.world.lock().unwrap();
        if world.is_away {
            return Err(CameraError::Timeout(timeout));
        }
        loop {
            if world.events_left == 0 {
                return Err(CameraError::Ended);
            }
            world.events_left -= 1;
            let event = world.event();
            if let Some(answer) = world.act(event, self.clock) {
                return answer;
            }
        }
    }

    fn stop(&mut self) -> Result<(), CameraError> {
        Ok(())
    }

    fn reconnect(&mut self) -> Result<CameraConfig, CameraError> {
        let world = &mut *self.world.lock().unwrap();
        if world.random.below(3) == 0 {
            return Err(CameraError::Unplugged("not yet".to_owned()));
        }
        Ok(Self::config())
    }
}

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
        let mut open = Open::new(info.create_file(path, &info.rois.clone().into()).unwrap());
        open.write_at_once();
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
    world.recorder.take().unwrap().run();
    world.expect_recorded();
    compare(seed, &world, &status);
    if let Some(path) = file {
        compare_file(seed, &world, path);
    }
    let mut injected = std::mem::take(&mut world.injected);
    injected.insert(Happening::Track, world.expected.lost.ring_full);
    injected.insert(Happening::Record, world.expected.lost.recorder_late);
    injected
}

fn compare(seed: u64, world: &World, status: &Status) {
    assert_eq!(status.end.get(), Some(&EndReason::SourceEnded), "seed {seed}");
    let ledger = status.ledger();
    assert_eq!(ledger, world.expected, "seed {seed}");
    assert_eq!(ledger.check(), Ok(()), "seed {seed}");
    // A loss that is counted twice, or not, at any hop.
    let lost = ledger.lost;
    for wrong in [
        Lost { camera: lost.camera + 1, ..lost },
        Lost { ring_full: lost.ring_full + 1, ..lost },
        Lost { recorder_late: lost.recorder_late + 1, ..lost },
        Lost { record_failed: lost.record_failed + 1, ..lost },
    ] {
        assert!(Ledger { lost: wrong, ..ledger }.check().is_err(), "seed {seed}");
    }
    let health = status.seen.health();
    assert_eq!((health.clock.jumps, health.clock.backward), (world.jumps, world.backward), "seed {seed}");
    if health.gaps.len() < 16 {
        assert_eq!(
            sum(health.gaps.iter().map(|gap| gap.reason.as_str())),
            loss_of(&ledger, false),
            "seed {seed}"
        );
    }
}

/// Lost by camera, ring, recorder, disk.
fn loss_of(ledger: &Ledger, with_disk: bool) -> [u64; 4] {
    let Lost { camera, ring_full, recorder_late, record_failed } = ledger.lost;
    [camera, ring_full, recorder_late, if with_disk { record_failed } else { 0 }]
}

/// The same in the reasons of gaps.
fn sum<'a>(reasons: impl Iterator<Item = &'a str>) -> [u64; 4] {
    let mut sums = [0; 4];
    for part in reasons.flat_map(|reason| reason.split(' ')) {
        let Some((name, count)) = part.split_once('=') else { continue };
        let names = ["camera", "ring_full", "recorder_late", "record_failed"];
        sums[names.iter().position(|known| *known == name).unwrap()] += count.parse::<u64>().unwrap();
    }
    sums
}

fn compare_file(seed: u64, world: &World, path: &Path) {
    let file = H5File::open(path).unwrap();
    let column = |name: &str| file.dataset(&format!("beadscope/{name}")).unwrap();
    let numbers = |name: &str| column(name).read_raw::<u64>().unwrap();
    let [segments, device_frames, flags] =
        ["frames/segment", "frames/device_frame", "frames/flags"].map(numbers);
    let lost: Vec<u32> = column("frames/lost_before").read_raw().unwrap();
    let frame = |(k, lost): (usize, &[u32])| {
        let [camera, ring_full, recorder_late] = [lost[0], lost[1], lost[2]].map(u64::from);
        let lost_before = Gap { camera, ring_full, recorder_late };
        Sent { segment: segments[k], number: device_frames[k], flags: flags[k], lost_before }
    };
    let found: Vec<Sent> = lost.chunks_exact(3).enumerate().map(frame).collect();
    assert_eq!(found, world.recorded, "seed {seed}");
    let ledger: serde_json::Value =
        serde_json::from_str(&column("ledger_json").read_strings().unwrap().concat()).unwrap();
    let reasons = column("gaps/reason").read_strings().unwrap();
    let in_gaps = sum(reasons.iter().map(String::as_str));
    if !world.disk_is_broken {
        assert_eq!(ledger, serde_json::to_value(world.expected).unwrap(), "seed {seed}");
        assert_eq!(in_gaps, loss_of(&world.expected, true), "seed {seed}");
    } else if !found.is_empty() {
        let lost = ["camera", "ring_full", "recorder_late", "record_failed"];
        assert_eq!(in_gaps, lost.map(|name| ledger["lost"][name].as_u64().unwrap()), "seed {seed}");
    }
    let mut segments = segments.clone();
    segments.dedup();
    // After a failure there may be one more, whose frames the file does not have.
    let listed = numbers("segments/segment");
    assert!(
        listed == segments || world.disk_is_broken && listed.starts_with(&segments),
        "seed {seed}: {listed:?}"
    );
    let verdict = verify(path, &|_, _| {}).unwrap();
    assert_eq!(verdict.problems, [""; 0], "seed {seed}");
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
