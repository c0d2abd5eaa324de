use std::fs;
use std::sync::mpsc::RecvTimeoutError;

use rust_hdf5::H5File;
use tempfile::TempDir;

use beadscope_drivers::camera::{CameraConfig, PixelFormat, SensorWindow};
use beadscope_shaders::pipeline::Params;

use super::info::RunInfo;
use super::losses::{Failure, Loss, Losses};
use super::tracks_file::{LastFrame, journal_path, partial_path};
use super::*;
use crate::frame::{Counted, FrameFlags, FrameHeader, Gap};
use crate::ring::{Ends, Writer, ring};
use crate::roi::Roi;
use crate::track::Tracking;
use crate::track::cpu::CpuTracker;
use crate::tracks::TrackRow;

const SIDE_PX: u32 = 16;
/// Between two frames of a bench, ns.
const FRAME_NS: u64 = 1_000_000;
/// Whoever waits longer waits forever.
const PATIENCE: Duration = Duration::from_secs(30);

fn info() -> RunInfo {
    RunInfo {
        pixel_size_nm: 100.0,
        settings_toml: String::new(),
        camera: "none".to_owned(),
        rois: vec![Roi { bead: 0, left_px: 0, top_px: 0, size_px: SIDE_PX }],
        zlut: None,
    }
}

/// A recorder whose thread is the test's own, and the ring before it.
struct Bench {
    folder: TempDir,
    status: Arc<Status>,
    rows: Option<Writer<TracksHeader>>,
    recorder: Recorder,
    handle: RecorderHandle,
    highest: Option<u64>,
    counted: Counted,
}

impl Bench {
    fn new(capacity: usize) -> Self {
        let Ends { writer, lossless: [tracks], skipping: [] } =
            ring::<TracksHeader, 1, 0>(capacity, size_of::<TrackRow>(), ["recorder"]);
        let status = Arc::new(Status::default());
        let (recorder, handle) = Recorder::new(tracks, status.clone(), Clock::start(), None);
        let (highest, counted) = (None, Counted::default());
        Self {
            folder: TempDir::new().unwrap(),
            status,
            rows: Some(writer),
            recorder,
            handle,
            highest,
            counted,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn begin(&mut self, name: &str) {
        let path = self.path(name);
        let (handle, recorder) = (&self.handle, &mut self.recorder);
        std::thread::scope(|threads| {
            let asked = threads.spawn(|| begin(handle, &path));
            match recorder.commands.recv_timeout(PATIENCE).unwrap() {
                Command::Begin(file, cut, begun) => recorder.begin(*file, cut.frame(), &begun),
                Command::End(..) | Command::Note(_) | Command::Axes(_) => panic!("not begun"),
            }
            asked.join().unwrap().unwrap();
        });
    }

    fn end(&mut self) -> Result<Ledger, RecordError> {
        let (answer, answers) = sync_channel(1);
        self.recorder.end(None, &answer);
        answers.recv().unwrap()
    }

    /// Ends the recording and goes on with this one.
    fn next(&mut self, name: &str) -> Result<Ledger, RecordError> {
        let (answer, answers) = sync_channel(1);
        let file = info().begin_recording(&self.path(name), &info().rois.into()).unwrap();
        self.recorder.end(Some(Box::new(file)), &answer);
        answers.recv().unwrap()
    }

    /// A frame of one row reaches the recorder, as if camera and tracking had counted it.
    fn frame(&mut self, device_frame: u64, gap: Gap, bead: u32) {
        let flags = if self.highest < Some(device_frame) {
            let exposed = self.highest.map_or(1, |highest| device_frame - highest);
            self.highest = Some(device_frame);
            self.counted.exposed += exposed;
            // What was lost besides has no number of its own.
            self.counted.out_of_order += (gap.total() + 1).saturating_sub(exposed);
            FrameFlags::NONE
        } else {
            self.counted.out_of_order += 1;
            FrameFlags::REPEATED
        };
        let counted = self.counted;
        let time_ns = device_frame * FRAME_NS;
        let header = FrameHeader {
            frame: device_frame,
            device_frame,
            gap,
            flags,
            counted,
            time_ns,
            ..FrameHeader::default()
        };
        let row = TrackRow { bead, ..bytemuck::Zeroable::zeroed() };
        let mut slot = self.rows.as_mut().unwrap().claim().ok().unwrap();
        slot.bytes()[..size_of::<TrackRow>()].copy_from_slice(bytemuck::bytes_of(&row));
        slot.publish(TracksHeader { frame: header, tracked_ns: 1, rows: 1, on_gpu: false });
        self.status.tracked.add(1);
        self.recorder.take(1, u64::MAX);
        self.recorder.write();
    }

    fn frames(&mut self, numbers: std::ops::Range<u64>) {
        numbers.for_each(|number| self.frame(number, Gap::default(), 0));
    }

    /// Frames are gathered for so long from now on, before they are written.
    fn gather_for(&mut self, time: Duration) {
        self.recorder.open.as_mut().unwrap().every[0] = time;
    }

    /// A frame that the file refuses, since its bead number is above 16 bit. It is written with what was gathered.
    fn refused(&mut self, number: u64) {
        self.gather_for(Duration::ZERO);
        self.frame(number, Gap::default(), 70_000);
    }
}

/// Asks for a recording from the next frame on.
fn begin(handle: &RecorderHandle, path: &Path) -> Result<(), RecordError> {
    handle.begin(path, || info().begin_recording(path, &info().rois.into()), &Cut::from(0), || {})
}

fn in_file(path: &Path) -> (Vec<u64>, serde_json::Value) {
    let file = H5File::open(path).unwrap();
    let frames = file.dataset("beadscope/frames/device_frame").unwrap().read_raw().unwrap();
    let ledger = file.dataset("beadscope/ledger_json").unwrap().read_strings().unwrap().concat();
    (frames, serde_json::from_str(&ledger).unwrap())
}

/// First and last frame by the camera's numbers, the session's number of the frame before, and why.
fn gaps_in(path: &Path) -> Vec<(u64, u64, u64, String)> {
    let file = H5File::open(path).unwrap();
    let dataset = |name: &str| file.dataset(&format!("beadscope/gaps/{name}")).unwrap();
    let column = |name: &str| dataset(name).read_raw::<u64>().unwrap();
    let numbers = column("first_device_frame").into_iter().zip(column("last_device_frame"));
    let reasons = dataset("reason").read_strings().unwrap();
    let rest = column("after_frame").into_iter().zip(reasons);
    numbers.zip(rest).map(|((first, last), (after, reason))| (first, last, after, reason)).collect()
}

#[test]
fn a_recording_after_a_failed_one_is_whole_and_its_own_failure_is_told() {
    let mut bench = Bench::new(8);
    bench.begin("1.h5");
    bench.refused(0);
    assert!(bench.status.record_error().is_some_and(|error| error.contains("bead number 70000")));
    bench.frames(1..3);
    assert_eq!(bench.status.lost_record_failed.get(), 3, "asked for, and not in a file");

    bench.begin("2.h5");
    assert_eq!(bench.status.record_error(), None, "that of the recording before");
    bench.frames(3..6);
    let ledger = bench.end().unwrap();
    assert_eq!((ledger.recorded, ledger.lost.record_failed, ledger.check()), (3, 0, Ok(())));
    assert_eq!((bench.status.recorded.get(), bench.status.lost_record_failed.get()), (3, 3));
    let (frames, in_file) = in_file(&bench.path("2.h5"));
    assert_eq!(frames, [3, 4, 5]);
    assert_eq!(in_file, serde_json::to_value(ledger).unwrap());

    bench.frames(6..7);
    bench.begin("3.h5");
    bench.refused(7);
    assert!(bench.status.record_error().is_some_and(|error| error.contains("3.h5")), "its own failure");
    assert_eq!((bench.status.not_asked.get(), bench.status.lost_record_failed.get()), (1, 4));
}

#[test]
fn a_recording_that_cannot_be_finished_has_failed() {
    let mut bench = Bench::new(8);
    bench.begin("1.h5");
    bench.frames(0..2);
    fs::write(bench.path("1.h5"), "in the way").unwrap();
    let error = bench.end().unwrap_err();
    assert!(matches!(error, RecordError::Exists { .. }), "{error}");
    assert_eq!(bench.status.record_error(), Some(error.to_string()));
    bench.frames(2..3);
    assert_eq!(
        (bench.status.recorded.get(), bench.status.not_asked.get()),
        (2, 1),
        "the partial file has them"
    );
}

#[test]
fn a_first_file_that_fails_is_not_forgotten_with_the_next() {
    let mut bench = Bench::new(8);
    bench.begin("1.h5");
    bench.frames(0..2);
    fs::write(bench.path("1.h5"), "in the way").unwrap();
    assert!(bench.next("2.h5").is_err());
    bench.frames(2..4);
    assert_eq!(bench.end().unwrap().recorded, 2);
    let health = bench.status.health();
    assert_eq!(health.record_error, None, "that of the last one");
    assert!(health.failures.len() == 1 && health.failures[0].contains("1.h5"), "{:?}", health.failures);
}

#[test]
fn a_recording_has_the_frames_from_its_begin_to_its_end_whatever_is_on_its_way() {
    let Bench { folder, status, rows, recorder, handle, .. } = Bench::new(16);
    let (mut rows, counted) = (rows.unwrap(), status.clone());
    let path = |name: &str| folder.path().join(name);
    let mut publish = move |frame: u64| {
        let header = FrameHeader { frame, device_frame: frame, time_ns: frame, ..FrameHeader::default() };
        rows.claim().ok().unwrap().publish(TracksHeader {
            frame: header,
            tracked_ns: 1,
            rows: 0,
            on_gpu: false,
        });
        counted.tracked.add(1);
    };
    std::thread::scope(|threads| {
        let recorder = threads.spawn(|| recorder.run());
        // Frames are told of before the recorder has them, as tracking is late.
        (0..3).for_each(&mut publish);
        let create = || info().begin_recording(&path("1.h5"), &info().rois.into());
        handle.begin(&path("1.h5"), create, &Cut::from(5), || {}).unwrap();
        (3..8).for_each(&mut publish);
        let next = info().begin_recording(&path("2.h5"), &info().rois.into()).unwrap();
        let first = handle.next(next, &Cut::from(10), || (8..12).for_each(&mut publish));
        assert_eq!(first.unwrap().unwrap().recorded, 5);
        // The last one before the end never comes: it was lost on its way.
        let second = handle.end(&Cut::from(13), || status.tracked.add(1));
        assert_eq!(second.unwrap().unwrap().recorded, 2);
        drop(publish);
        recorder.join().unwrap();
    });
    assert_eq!(in_file(&path("1.h5")).0, [5, 6, 7, 8, 9]);
    assert_eq!(in_file(&path("2.h5")).0, [10, 11]);
    assert_eq!((status.not_asked.get(), status.recorded.get()), (5, 7));
}

#[test]
fn a_recording_tells_only_what_its_own_video_lost() {
    let mut bench = Bench::new(8);
    let _ = bench.status.video.mode.set(crate::video::Mode::FullVideo);
    bench.status.video.late.add(7);
    bench.begin("1.h5");
    bench.frames(0..1);
    bench.status.video.late.add(2);
    bench.next("2.h5").unwrap();
    bench.end().unwrap();
    let notices = |name: &str| {
        let file = H5File::open(bench.path(name)).unwrap();
        file.dataset("beadscope/notices").unwrap().read_strings().unwrap()
    };
    assert!(notices("1.h5")[0].starts_with("2 frames are not in the video"), "{:?}", notices("1.h5"));
    assert_eq!(notices("2.h5"), [""; 0]);
}

#[test]
fn what_was_appended_before_a_refused_batch_is_in_file_and_ledger() {
    let mut bench = Bench::new(8);
    bench.begin("1.h5");
    let two_lost = Gap { camera: 2, ..Gap::default() };
    bench.gather_for(Duration::ZERO);
    bench.frames(0..1);
    bench.frame(3, two_lost, 0);
    bench.gather_for(Duration::MAX);
    bench.frame(6, two_lost, 0);
    bench.refused(7);
    let path = bench.path("1.h5");
    let (frames, ledger) = in_file(&path);
    assert_eq!(frames, [0, 3]);
    assert_eq!((&ledger["recorded"], &ledger["lost"]["record_failed"]), (&2.into(), &2.into()));
    assert_eq!((bench.status.recorded.get(), bench.status.lost_record_failed.get()), (2, 2));
    let gaps = [(1, 2, 0, "camera=2".to_owned()), (4, 7, 3, "record_failed=2 camera=2".to_owned())];
    assert_eq!(gaps_in(&path), gaps, "what the file lacks at its end is one gap");
}

#[test]
fn what_is_lost_behind_frames_that_cannot_be_written_is_in_the_same_gap() {
    let last = LastFrame { frame: 5, segment: 0, highest_device_frame: 15, arrival_ns: 50 };
    let loss = |first_device_frame: u64, after_frame: u64| Loss {
        first_device_frame,
        last_device_frame: Some(first_device_frame + 1),
        after_frame,
        segment: 0,
        between_ns: [10 * after_frame, 10 * after_frame + 10],
        cause: None,
        lost: Gap { ring_full: 2, ..Gap::default() },
        record_failed: 0,
    };
    let mut losses = Losses::default();
    for (first, after) in [(12, 4), (16, 5), (30, 9)] {
        losses.note(loss(first, after));
    }
    let failure = Failure { frames: 4, highest_device_frame: 29, segment: 0, last_ns: 90 };
    losses.fail(Some(last), &failure);
    let gaps = losses.to_gaps(0);
    let found: Vec<_> = gaps.iter().map(|gap| (gap.first_device_frame, gap.last_device_frame)).collect();
    assert_eq!(found, [(12, Some(13)), (16, Some(31))]);
    assert_eq!((gaps[1].after_frame, gaps[1].reason.as_str()), (5, "record_failed=4 ring_full=4"));
    assert_eq!((gaps[1].from_ns, gaps[1].to_ns), (50, 100));
    losses.fail(None, &failure);
    assert_eq!(losses.to_gaps(0), [], "there is no frame that they follow");
}

#[test]
fn a_second_recording_is_refused_and_the_first_goes_on() {
    let mut bench = Bench::new(8);
    bench.begin("1.h5");
    bench.frames(0..2);
    let path = bench.path("2.h5");
    let error = begin(&bench.handle, &path).unwrap_err();
    assert!(matches!(error, RecordError::Running { .. }), "{error}");
    bench.frames(2..4);
    assert_eq!(bench.end().unwrap().recorded, 4);
    assert_eq!(fs::read_dir(bench.folder.path()).unwrap().count(), 1, "nothing was begun");

    fs::write(&path, "in the way").unwrap();
    let error = begin(&bench.handle, &path).unwrap_err();
    assert!(matches!(error, RecordError::Exists { .. }), "{error}");
    bench.begin("3.h5");
    assert_eq!(bench.end().unwrap().recorded, 0, "a recording that could not begin is none");
}

#[test]
fn between_two_recordings_in_a_row_no_frame_is_lost_or_forgotten() {
    let mut bench = Bench::new(8);
    bench.begin("1.h5");
    bench.frames(0..3);
    assert_eq!(bench.next("2.h5").unwrap().recorded, 3);
    assert!(bench.status.is_recording(), "it goes on");
    // Two that the camera lost and one for which the ring was full, while the first file was closed.
    bench.frame(6, Gap { camera: 2, ring_full: 1, recorder_late: 0 }, 0);
    bench.frames(7..9);
    let ledger = bench.end().unwrap();
    assert_eq!((ledger.camera, ledger.recorded, ledger.lost.camera, ledger.lost.ring_full), (6, 3, 2, 1));
    assert_eq!(ledger.check(), Ok(()), "{ledger:?}");
    assert_eq!(bench.status.not_asked.get(), 0);
    let file = H5File::open(bench.path("2.h5")).unwrap();
    let first: Vec<u64> = file.dataset("beadscope/gaps/first_device_frame").unwrap().read_raw().unwrap();
    let last: Vec<u64> = file.dataset("beadscope/gaps/last_device_frame").unwrap().read_raw().unwrap();
    assert_eq!((first, last), (vec![3], vec![5]));
    assert!(!bench.status.is_recording());
    for name in ["1.h5", "2.h5"] {
        let verdict = read::verify::verify(&bench.path(name), &|_, _| {}).unwrap();
        assert_eq!(verdict.problems, [""; 0], "{name}");
    }
}

#[test]
fn what_goes_on_without_a_recording_before_it_is_removed() {
    let Bench { folder, status, rows, recorder, handle, .. } = Bench::new(8);
    let path = folder.path().join("2.h5");
    let file = info().begin_recording(&path, &info().rois.into()).unwrap();
    let ended = std::thread::scope(|threads| {
        let asked = threads.spawn(|| handle.next(file, &Cut::from(0), || {}));
        let mut recorder = recorder;
        let Command::End(next, _, answer) = recorder.commands.recv_timeout(PATIENCE).unwrap() else {
            panic!("not ended")
        };
        recorder.end(next, &answer);
        drop(answer);
        asked.join().unwrap()
    });
    assert!(ended.is_none() && !status.is_recording());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    drop(rows);
}

#[test]
fn a_stop_that_comes_as_the_session_ends_is_not_left_waiting() {
    let mut bench = Bench::new(8);
    drop(bench.rows.take());
    // The recorder still looks at the first; the second comes when it looks no more.
    let answers = [(); 2].map(|()| {
        let (answer, answers) = sync_channel(1);
        bench.handle.commands.send(Command::End(None, Cut::from(0), answer)).unwrap();
        answers
    });
    bench.recorder.run();
    for answers in answers {
        let answer = answers.recv_timeout(Duration::from_secs(5));
        assert_eq!(answer.err(), Some(RecvTimeoutError::Disconnected));
    }
    assert!(bench.handle.end(&Cut::from(0), || {}).is_none());
}

#[test]
fn a_recording_that_comes_as_the_session_ends_is_refused_and_leaves_nothing() {
    let Bench { folder, status, rows, recorder, handle, .. } = Bench::new(8);
    let path = folder.path().join("1.h5");
    let begin = || begin(&handle, &path);
    let is_refused = |error: RecordError| {
        assert!(matches!(error, RecordError::Ended { .. }), "{error}");
        assert!(error.to_string().contains("1.h5"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "an empty file was left behind");
        assert!(status.begin_recording(), "as if a recording ran");
        status.end_recording(None);
    };
    // Dropped on its way.
    let error = std::thread::scope(|threads| {
        let asked = threads.spawn(begin);
        drop(recorder.commands.recv_timeout(PATIENCE).unwrap());
        asked.join().unwrap().unwrap_err()
    });
    is_refused(error);
    // In the recorder's hands, but no frame comes any more.
    drop(rows);
    let (begun, answer) = sync_channel(1);
    let late = folder.path().join("2.h5");
    let file = info().begin_recording(&late, &info().rois.into()).unwrap();
    handle.commands.send(Command::Begin(Box::new(file), Cut::from(0), begun)).unwrap();
    recorder.run();
    assert_eq!(answer.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
    assert!(!late.exists(), "finished without a frame");
    fs::remove_file(partial_path(&late)).unwrap();
    fs::remove_file(journal_path(&late)).unwrap();
    // The recorder is gone.
    is_refused(begin().unwrap_err());
}

#[test]
fn a_recording_that_begins_and_ends_amid_losses_and_repeats_has_a_ledger_of_its_own() {
    let mut bench = Bench::new(8);
    let gap = |camera, ring_full| Gap { camera, ring_full, recorder_late: 0 };
    bench.frame(7, gap(0, 0), 0);
    bench.begin("1.h5");
    bench.frame(20, gap(10, 2), 0); // what is lost before the first frame is not the recording's
    bench.frame(20, gap(0, 0), 0); // repeated
    bench.frame(26, gap(2, 3), 0);
    let ledger = bench.end().unwrap();
    assert_eq!((ledger.camera, ledger.out_of_order, ledger.received), (7, 1, 6));
    assert_eq!((ledger.lost.camera, ledger.lost.ring_full, ledger.check()), (2, 3, Ok(())));
    let file = H5File::open(bench.path("1.h5")).unwrap();
    let lost_before: Vec<u32> = file.dataset("beadscope/frames/lost_before").unwrap().read_raw().unwrap();
    assert_eq!(lost_before, [0, 0, 0, 0, 0, 0, 2, 3, 0]);

    bench.begin("2.h5");
    bench.frame(3, gap(0, 0), 0); // a repeat is the first frame
    bench.frame(27, gap(0, 0), 0);
    let ledger = bench.end().unwrap();
    assert_eq!((ledger.camera, ledger.out_of_order, ledger.received), (1, 1, 2));
    assert_eq!(ledger.check(), Ok(()));
}

#[test]
fn rows_that_the_recorder_was_too_late_for_are_in_ledger_and_gaps() {
    const FRAMES: u64 = 40;
    const HELD: usize = 16;
    let mut bench = Bench::new(HELD);
    bench.begin("1.h5");
    let window = SensorWindow { x_px: 0, y_px: 0, width_px: SIDE_PX, height_px: SIDE_PX };
    let config = CameraConfig { window, format: PixelFormat::Mono8, rate_hz: 1.0, exposure_us: 1.0 };
    let Ends { writer: mut camera, lossless: [frames], skipping: [] } =
        ring::<FrameHeader, 1, 0>(FRAMES as usize, config.frame_bytes(), ["tracking"]);
    for frame in 0..FRAMES {
        let counted = Counted { exposed: frame + 1, ..Counted::default() };
        let header = FrameHeader { frame, device_frame: 100 + frame, counted, ..FrameHeader::default() };
        camera.claim().ok().unwrap().publish(header);
    }
    drop(camera);
    bench.status.camera.set(FRAMES);
    bench.status.received.set(FRAMES);
    bench.status.seen.segments.set(1);
    let tracker = CpuTracker::new(SIDE_PX, info().rois, &Params::default(), None, None).unwrap().into();
    let (tracks, status, clock) = (bench.rows.take().unwrap(), &bench.status, bench.recorder.clock);
    // The recorder stands still until all is tracked.
    let (_, retargets) = sync_channel(1);
    let hurry = Arc::default();
    Tracking { frames, config, tracker, room: 1, retargets, tracks, status, clock, hurry }.run();
    let path = bench.path("1.h5");
    bench.recorder.run();
    let ledger = bench.status.ledger();
    assert_eq!((ledger.recorded, ledger.lost.recorder_late, ledger.check()), (16, 24, Ok(())));
    let (frames, in_ledger) = in_file(&path);
    assert_eq!(frames, (100..116).collect::<Vec<_>>());
    assert_eq!(in_ledger, serde_json::to_value(ledger).unwrap(), "one recording was the whole session");
    assert_eq!(gaps_in(&path), [(116, 139, 15, "recorder_late=24".to_owned())]);
}

#[test]
fn a_step_of_the_system_time_amid_a_recording_changes_no_time() {
    use std::sync::atomic::Ordering;
    const STEP_NS: u64 = 1_000_000_000;
    let mut bench = Bench::new(8);
    bench.begin("1.h5");
    let clock = bench.recorder.clock;
    let (before_ns, system_ns) = (clock.unix_ns(clock.now_ns()), crate::clock::unix_ns_now());
    bench.frames(1..10);
    crate::clock::tests::STEP_NS.fetch_add(STEP_NS, Ordering::SeqCst);
    bench.frames(10..20);
    assert!(crate::clock::unix_ns_now() - system_ns >= STEP_NS, "the step is real");
    assert!(clock.unix_ns(clock.now_ns()) - before_ns < STEP_NS / 2, "the session's clock has not seen it");
    bench.end().unwrap();
    let file = H5File::open(bench.path("1.h5")).unwrap();
    let times: Vec<u64> = file.dataset("tracking/frame_timestamps_ns").unwrap().read_raw().unwrap();
    assert!(times.windows(2).all(|two| two[1] - two[0] == FRAME_NS), "{times:?}");
    assert_eq!(times[0], clock.unix_ns(FRAME_NS));
}
