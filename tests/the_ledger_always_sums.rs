//! Every frame of the camera is in the file, or counted as lost by whoever lost it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, outside #[test], where this is how a test fails"
)]

mod common;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use beadscope_drivers::camera::{Camera, CameraConfig, CameraError, CameraRequest, FrameInfo};
use beadscope_engine::command::{Applied, Command, CommandError, Sender};
use beadscope_engine::ledger::Ledger;
use beadscope_engine::session::Session;
use beadscope_engine::status::EndReason;
use common::{ScriptedCamera, Step, setup};
use rust_hdf5::H5File;

/// A small linear congruential generator (Knuth, MMIX), so that a failing seed can be run again.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Device numbers with losses in between, and how many were lost.
fn script(seed: u64, frames: u64) -> (Vec<Step>, u64) {
    let mut random = Seeded(seed);
    let (mut number, mut lost) = (random.below(1000), 0);
    let mut steps = Vec::new();
    for frame in 0..frames {
        if frame > 0 {
            let gap = if random.below(10) == 0 { 1 + random.below(50) } else { 0 };
            lost += gap;
            number += 1 + gap;
        }
        steps.push(Step::Frame(number));
    }
    (steps, lost)
}

/// What a recording says of itself.
struct InFile {
    device_frames: Vec<u64>,
    /// Lost by the camera, ring full, recorder late: before each frame.
    lost_before: Vec<[u64; 3]>,
    /// The same, of each gap.
    gaps: Vec<[u64; 3]>,
    ledger: serde_json::Value,
}

const LOSSES: [&str; 3] = ["camera", "ring_full", "recorder_late"];

fn read(path: &Path) -> InFile {
    let file = H5File::open(path).unwrap();
    let text = |path: &str| file.dataset(path).unwrap().read_strings().unwrap();
    let lost: Vec<u32> = file.dataset("beadscope/frames/lost_before").unwrap().read_raw().unwrap();
    let count = |reason: &String| {
        LOSSES.map(|name| {
            let named = reason.split(' ').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            named.map_or(0, |count| count.parse().unwrap())
        })
    };
    InFile {
        device_frames: file.dataset("beadscope/frames/device_frame").unwrap().read_raw().unwrap(),
        lost_before: lost.chunks_exact(3).map(|lost| [lost[0], lost[1], lost[2]].map(u64::from)).collect(),
        gaps: text("beadscope/gaps/reason").iter().map(count).collect(),
        ledger: serde_json::from_str(&text("beadscope/ledger_json").concat()).unwrap(),
    }
}

fn sum(losses: &[[u64; 3]]) -> [u64; 3] {
    losses.iter().fold([0; 3], |sum, lost| [0, 1, 2].map(|reason| sum[reason] + lost[reason]))
}

/// Frames, gaps and ledger of a file tell the same, and the ledger sums.
fn check(file: &InFile, expected: &Ledger) {
    assert_eq!(expected.check(), Ok(()), "{expected:?}");
    assert_eq!(file.ledger, serde_json::to_value(expected).unwrap());
    let lost = &expected.lost;
    assert_eq!(sum(&file.gaps), [lost.camera, lost.ring_full, lost.recorder_late], "gaps: {:?}", file.gaps);
    assert_eq!(file.device_frames.len() as u64, expected.recorded);
    assert_eq!(
        file.lost_before.first().copied().unwrap_or_default(),
        [0; 3],
        "what came before is not its loss"
    );
    for (numbers, lost) in file.device_frames.windows(2).zip(&file.lost_before[1..]) {
        let repeated = numbers[1] <= numbers[0] || expected.out_of_order > 0;
        assert!(repeated || numbers[1] - numbers[0] - 1 == lost.iter().sum::<u64>(), "{numbers:?}: {lost:?}");
    }
}

#[test]
fn injected_camera_losses_are_found_exactly() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..50 {
        let (steps, lost) = script(seed, 200);
        let path = folder.path().join(format!("{seed}.h5"));
        let (session, view) = Session::start(setup(steps, 1, Some(path.clone()))).unwrap();
        while session.is_running() {
            std::thread::yield_now();
        }
        let outcome = session.stop();
        drop(view);
        let ledger = outcome.health.ledger;
        assert_eq!(outcome.reason, EndReason::SourceEnded);
        assert_eq!(ledger.check(), Ok(()), "seed {seed}: {ledger:?}");
        assert_eq!((ledger.received, ledger.lost.camera), (200, lost), "seed {seed}");
        assert_eq!(ledger.recorded, 200, "seed {seed}: {ledger:?}");
        let file = read(&path);
        check(&file, &ledger);
        assert_eq!(sum(&file.lost_before), [lost, 0, 0], "seed {seed}");
    }
}

#[test]
fn a_tracker_that_cannot_keep_up_loses_frames_by_name_and_still_sums() {
    // Far more bead images than two rings hold, delivered as fast as memory allows.
    let steps: Vec<Step> = (0..20_000).map(Step::Frame).collect();
    let (session, _view) = Session::start(setup(steps, 40, None)).unwrap();
    while session.is_running() {
        std::thread::yield_now();
    }
    let ledger = session.stop().health.ledger;
    assert_eq!(ledger.check(), Ok(()), "{ledger:?}");
    assert!(ledger.lost.ring_full > 0, "this camera must outrun the tracker: {ledger:?}");
    assert_eq!(ledger.not_asked, ledger.tracked, "nothing was recorded");
}

#[test]
fn repeated_device_numbers_are_counted_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tracks.h5");
    let steps = [5, 6, 6, 7, 3, 8].map(Step::Frame).to_vec();
    let (session, _view) = Session::start(setup(steps, 1, Some(path.clone()))).unwrap();
    while session.is_running() {
        std::thread::yield_now();
    }
    let ledger = session.stop().health.ledger;
    assert_eq!((ledger.received, ledger.out_of_order, ledger.camera), (6, 2, 4));
    check(&read(&path), &ledger);
}

/// A camera that delivers when it is told to: frames with these device numbers. It is to send so seldom that no test, on
/// however busy a machine, keeps it silent for as long as makes it a lost one: five frames and 5 s.
struct ToldCamera {
    numbers: std::sync::mpsc::Receiver<u64>,
    /// For each frame.
    takes: Duration,
}

impl ToldCamera {
    fn new(numbers: std::sync::mpsc::Receiver<u64>) -> Box<Self> {
        Box::new(Self { numbers, takes: Duration::ZERO })
    }

    fn config() -> CameraConfig {
        CameraConfig { rate_hz: 0.01, ..ScriptedCamera::config() }
    }
}

impl Camera for ToldCamera {
    fn configure(&mut self, _request: &CameraRequest) -> Result<CameraConfig, CameraError> {
        Ok(Self::config())
    }

    fn start(&mut self) -> Result<(), CameraError> {
        Ok(())
    }

    fn read_into(&mut self, slot: &mut [u8], timeout: Duration) -> Result<FrameInfo, CameraError> {
        let device_frame = self.numbers.recv_timeout(timeout).map_err(|_| CameraError::Timeout(timeout))?;
        std::thread::sleep(self.takes);
        slot.fill(0);
        Ok(FrameInfo { device_frame, device_time_ns: None, arrival: Instant::now() })
    }

    fn stop(&mut self) -> Result<(), CameraError> {
        while self.numbers.try_recv().is_ok() {}
        Ok(())
    }
}

fn start(folder: &Path) -> Command {
    Command::RecordStart { folder: Some(folder.to_str().unwrap().to_owned()), name: None }
}

/// Begins a recording; returns its file.
fn record(session: &Session, folder: &Path) -> PathBuf {
    match session.commands().send(Sender::Text, start(folder)).unwrap() {
        Applied::Recording { file } => file,
        other => panic!("{other}"),
    }
}

/// Ends the recording; returns its ledger.
fn stop(session: &Session) -> Result<Ledger, CommandError> {
    match session.commands().send(Sender::Text, Command::RecordStop {})? {
        Applied::Recorded { ledger, .. } => Ok(ledger),
        other => panic!("{other}"),
    }
}

/// Delivers frames and waits until each has gone where it goes: into a recording, or not.
fn deliver(camera: &SyncSender<u64>, session: &Session, numbers: impl IntoIterator<Item = u64>) {
    let mut received = session.health().ledger.received;
    for number in numbers {
        camera.send(number).unwrap();
        received += 1;
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let ledger = session.health().ledger;
        if ledger.received == received && ledger.check().is_ok() {
            return;
        }
        assert!(Instant::now() < deadline, "{ledger:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn recordings_that_begin_and_end_amid_a_session_have_ledgers_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let (camera, numbers) = sync_channel(64);
    let mut setup = setup(Vec::new(), 1, None);
    setup.camera = ToldCamera::new(numbers);
    setup.config = ToldCamera::config();
    let (session, _view) = Session::start(setup).unwrap();
    deliver(&camera, &session, [10, 11, 15]);
    let first = record(&session, folder.path());
    deliver(&camera, &session, [20, 21, 24, 25]);
    let refused = session.commands().send(Sender::Text, start(folder.path())).unwrap_err();
    assert!(refused.to_string().contains("runs already"), "{refused}");
    deliver(&camera, &session, [27]);
    let ledger = stop(&session).unwrap();
    assert_eq!((ledger.camera, ledger.recorded, ledger.lost.camera), (8, 5, 3));
    check(&read(&first), &ledger);

    deliver(&camera, &session, [30, 40]);
    let second = record(&session, folder.path());
    deliver(&camera, &session, [50, 52]);
    let ledger = stop(&session).unwrap();
    assert_eq!((ledger.camera, ledger.recorded, ledger.lost.camera), (3, 2, 1));
    check(&read(&second), &ledger);
    assert!(matches!(stop(&session), Err(CommandError::NotRecording)), "none runs");

    let ledger = session.stop().health.ledger;
    assert_eq!((ledger.received, ledger.recorded, ledger.not_asked), (12, 7, 5));
    assert_eq!(ledger.check(), Ok(()), "{ledger:?}");
}

#[test]
fn what_the_camera_holds_is_taken_before_it_is_stopped() {
    let (camera, numbers) = sync_channel(64);
    let mut setup = setup(Vec::new(), 1, None);
    setup.camera = Box::new(ToldCamera { takes: Duration::from_millis(1), ..*ToldCamera::new(numbers) });
    setup.config = ToldCamera::config();
    let (session, _view) = Session::start(setup).unwrap();
    // So few that they are taken in a small part of the time that there is for it.
    let send = |numbers: std::ops::Range<u64>| numbers.for_each(|number| camera.send(number).unwrap());
    send(0..4);
    session.commands().send(Sender::Text, Command::Acquire { on: false }).unwrap();
    assert_eq!(session.health().ledger.received, 4);
    session.commands().send(Sender::Text, Command::Acquire { on: true }).unwrap();
    send(4..8);
    let faster = Command::CameraSet { rate_hz: Some(50.0), exposure_us: None };
    session.commands().send(Sender::Text, faster).unwrap();
    assert_eq!(session.stop().health.ledger.received, 8);
}

#[test]
fn a_recording_after_a_recording_leaves_no_frame_between_them() {
    let folder = tempfile::tempdir().unwrap();
    let (camera, numbers) = sync_channel(64);
    let mut setup = setup(Vec::new(), 2, None);
    setup.camera = ToldCamera::new(numbers);
    setup.config = ToldCamera::config();
    let (session, _view) = Session::start(setup).unwrap();
    let first = record(&session, folder.path());
    deliver(&camera, &session, 0..3);
    let references = Command::ReferenceSet { beads: vec![1] };
    session.commands().send(Sender::Text, references).unwrap();
    // Frames come all the time.
    let next = std::thread::scope(|threads| {
        threads.spawn(|| (3..400).for_each(|number| camera.send(number).unwrap()));
        session.commands().send(Sender::Text, Command::RecordNext {}).unwrap()
    });
    let Applied::NextRecording { file: second, before, ledger: before_ledger } = next else {
        panic!("{next}")
    };
    assert_eq!(before, first);
    deliver(&camera, &session, 400..401);
    let ledger = stop(&session).unwrap();
    assert_eq!(before_ledger.recorded + ledger.recorded, 401, "{before_ledger:?} {ledger:?}");
    assert!(ledger.recorded > 0 && ledger.total_lost() == 0, "{ledger:?}");
    check(&read(&first), &before_ledger);
    check(&read(&second), &ledger);
    let references = |path: &Path| -> Vec<i64> {
        H5File::open(path).unwrap().dataset("beadscope/rois/is_reference").unwrap().read_raw().unwrap()
    };
    assert_eq!((references(&first), references(&second)), (vec![0, 0], vec![0, 1]));
    assert_eq!(session.stop().health.ledger.not_asked, 0);

    // What cannot begin leaves alone what runs.
    let (camera, numbers) = sync_channel(64);
    let mut setup = common::setup(Vec::new(), 1, None);
    setup.camera = ToldCamera::new(numbers);
    setup.config = ToldCamera::config();
    let (session, _view) = Session::start(setup).unwrap();
    let parent = folder.path().join("parent");
    let first = record(&session, &parent);
    std::fs::rename(&parent, folder.path().join("moved")).unwrap();
    std::fs::write(&parent, "in the way").unwrap();
    let refused = session.commands().send(Sender::Text, Command::RecordNext {}).unwrap_err();
    assert!(refused.to_string().contains("run folder"), "{refused}");
    std::fs::remove_file(&parent).unwrap();
    std::fs::rename(folder.path().join("moved"), &parent).unwrap();
    deliver(&camera, &session, 0..5);
    assert_eq!(stop(&session).unwrap().recorded, 5);
    check(&read(&first), &session.stop().health.ledger);
}

/// Waits until a recording has failed and all its frames are counted.
#[cfg(unix)]
fn failure(session: &Session) -> (String, Ledger) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let health = session.health();
        match health.record_error {
            Some(error) if health.ledger.check().is_ok() => return (error, health.ledger),
            _ => assert!(Instant::now() < deadline, "no failure: {:?}", health.ledger),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Set in the process that a test starts to have a disk of its own.
#[cfg(unix)]
const FULL_DISK: &str = "BEADSCOPE_TEST_FULL_DISK";

/// Runs the named test of this file again, in a process whose files cannot grow beyond 4.5 MB.
#[cfg(unix)]
fn again_on_a_full_disk(test: &str) {
    use std::process::Command;
    // 512-byte blocks; a write beyond fails then, as on a full disk, instead of ending the process.
    let script = "trap '' XFSZ; ulimit -f 9216; exec \"$0\" --exact --nocapture \"$1\"";
    let program = std::env::current_exe().unwrap();
    let output =
        Command::new("sh").args(["-c", script]).arg(program).arg(test).env(FULL_DISK, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

#[cfg(unix)]
#[test]
fn frames_that_a_full_disk_refuses_are_counted_and_the_next_recording_is_whole() {
    if std::env::var_os(FULL_DISK).is_none() {
        again_on_a_full_disk("frames_that_a_full_disk_refuses_are_counted_and_the_next_recording_is_whole");
        return;
    }
    /// As many ROIs on one frame fill the disk with few frames: a chunk of rows, which fits once, holds 16 frames.
    const BEADS: u32 = 4096;
    let folder = tempfile::tempdir().unwrap();
    let (camera, numbers) = sync_channel(64);
    let mut setup = setup(Vec::new(), BEADS, Some(folder.path().join("1.h5")));
    setup.camera = ToldCamera::new(numbers);
    setup.config = ToldCamera::config();
    let (session, _view) = Session::start(setup).unwrap();
    deliver(&camera, &session, 0..5);
    let deadline = Instant::now() + Duration::from_secs(60);
    while session.health().ledger.recorded < 5 {
        assert!(Instant::now() < deadline, "not flushed: {:?}", session.health().ledger);
        std::thread::sleep(Duration::from_millis(10));
    }
    deliver(&camera, &session, (5..15).chain(20..30));
    let (error, ledger) = failure(&session);
    assert!(error.contains("1.journal.mcap"), "{error}");
    assert!(ledger.recorded >= 5 && ledger.lost.record_failed > 0, "{ledger:?}");
    // The journal has reached the limit first, so there is room for the file to be closed.
    let file = H5File::open(folder.path().join("1.h5")).unwrap();
    let frames: Vec<u64> = file.dataset("beadscope/frames/device_frame").unwrap().read_raw().unwrap();
    assert_eq!(frames, (0..ledger.recorded).collect::<Vec<_>>());

    let before = ledger;
    let second = record(&session, folder.path());
    assert_eq!(session.health().record_error, None);
    deliver(&camera, &session, 30..32);
    let ledger = stop(&session).unwrap();
    assert_eq!((ledger.recorded, ledger.lost.record_failed), (2, 0));
    check(&read(&second), &ledger);

    let third = record(&session, folder.path());
    deliver(&camera, &session, 32..52);
    let (error, _) = failure(&session);
    assert!(error.contains(third.with_extension("").to_str().unwrap()), "{error}");
    let ledger = session.stop().health.ledger;
    assert!(ledger.lost.record_failed > before.lost.record_failed, "{ledger:?}");
    assert_eq!(ledger.check(), Ok(()), "{ledger:?}");
}
