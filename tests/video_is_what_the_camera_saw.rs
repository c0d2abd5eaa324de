//! Every pixel of a video is the camera's, in whole frames and in crops, and other programs read it without our help.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests, outside #[test], where these are how a test fails"
)]

mod common;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use beadscope_drivers::camera::{
    Camera, CameraConfig, CameraError, CameraRequest, FrameInfo, PixelFormat, SensorWindow,
};
use beadscope_drivers::npy::NpyWriter;
use beadscope_engine::command::{Applied, Command as Ask, Sender};
use beadscope_engine::record::tracks_path;
use beadscope_engine::roi::Roi;
use beadscope_engine::session::{Outcome, Session, Setup};
use beadscope_engine::track::cpu::CpuTracker;
use beadscope_engine::video::video_path;
use beadscope_shaders::pipeline::Params;
use common::{beadscope, beadscope_ok, python, setup};
use rust_hdf5::H5File;

/// Sides that are no multiple of anything.
const SIZE_PX: (u32, u32) = (67, 41);
const ROI_PX: u32 = 17;

/// A camera whose every pixel tells its frame and its place.
struct Pattern {
    config: CameraConfig,
    /// It ends after so many, if at all.
    frames: Option<u64>,
    next: u64,
}

impl Pattern {
    fn new(format: PixelFormat, frames: Option<u64>) -> Self {
        let window = SensorWindow { x_px: 0, y_px: 0, width_px: SIZE_PX.0, height_px: SIZE_PX.1 };
        Self { config: CameraConfig { window, format, rate_hz: 500.0, exposure_us: 100.0 }, frames, next: 0 }
    }

    /// Grey levels, and frames until they are the same again.
    fn levels(&self) -> u64 {
        u64::from(self.config.format.max_level()) + 1
    }

    fn fill(&self, frame: u64, slot: &mut [u8]) {
        let levels = self.levels();
        let bytes_per_px = self.config.format.bytes_per_px();
        for (px, out) in (0..).zip(slot.chunks_exact_mut(bytes_per_px)) {
            let level = (frame * 7919 + px * 31) % levels;
            out.copy_from_slice(&level.to_le_bytes()[..bytes_per_px]);
        }
    }

    /// All different frames that it sends, as NumPy reads them.
    fn write_stack(&self, path: &Path) {
        let mut stack = NpyWriter::create(path, SIZE_PX.0, SIZE_PX.1, self.config.format).unwrap();
        let mut frame = vec![0; self.config.frame_bytes()];
        for number in 0..self.frames.unwrap_or(self.levels()) {
            self.fill(number, &mut frame);
            stack.append(&frame).unwrap();
        }
        stack.finish().unwrap();
    }
}

impl Camera for Pattern {
    fn configure(&mut self, _request: &CameraRequest) -> Result<CameraConfig, CameraError> {
        Ok(self.config)
    }
    fn start(&mut self) -> Result<(), CameraError> {
        Ok(())
    }
    fn read_into(&mut self, slot: &mut [u8], _timeout: Duration) -> Result<FrameInfo, CameraError> {
        if Some(self.next) == self.frames {
            return Err(CameraError::Ended);
        }
        std::thread::sleep(Duration::from_secs_f64(1.0 / self.config.rate_hz));
        self.fill(self.next, slot);
        self.next += 1;
        Ok(FrameInfo { device_frame: self.next - 1, device_time_ns: None, arrival: Instant::now() })
    }
    fn stop(&mut self) -> Result<(), CameraError> {
        Ok(())
    }
}

/// A session that films three beads, one of them over the frame's edge.
fn filming(run: &Path, mode: &str, format: PixelFormat, frames: Option<u64>) -> Setup {
    let roi = |(bead, left_px, top_px)| Roi { bead, left_px, top_px, size_px: ROI_PX };
    let rois = [(0, 3, 5), (1, 40, 20), (7, -4, 30)].map(roi).to_vec();
    let camera = Pattern::new(format, frames);
    camera.write_stack(&run.join("stack.npy"));
    let mut setup = setup(Vec::new(), 0, Some(tracks_path(run)));
    setup.tracker = CpuTracker::new(ROI_PX, rois.clone(), &Params::default(), None, None).unwrap().into();
    setup.info.rois = rois;
    setup.config = camera.config;
    setup.camera = Box::new(camera);
    setup.settings.change("recording.mode", mode).unwrap();
    setup
}

fn wait(session: &Session, is_over: impl Fn(&Session) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while session.is_running() && !is_over(session) {
        assert!(Instant::now() < deadline, "{:?}", session.health());
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn run(setup: Setup) -> Outcome {
    let (session, _view) = Session::start(setup).unwrap();
    wait(&session, |_| false);
    session.stop()
}

fn check(python: &Path, run: &Path, options: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/check_video.py");
    let mut check = Command::new(python);
    check.arg(script).args([video_path(run), run.join("stack.npy")]).args(options);
    let output = check.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn zarr_reads_the_cameras_pixels_in_every_mode() {
    let python = python("zarr_reads_the_cameras_pixels_in_every_mode");
    for (mode, format, options) in [
        ("track+roi-video", PixelFormat::Mono8, &["--beads", "0,1,7"][..]),
        ("roi-video", PixelFormat::Mono12, &["--beads", "0,1,7"]),
        ("track+full-video", PixelFormat::Mono12, &["--full"]),
        ("full-video", PixelFormat::Mono8, &["--full"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let frames = 150;
        let health = run(filming(folder.path(), mode, format, Some(frames))).health;
        let video = health.video.as_ref().unwrap();
        assert_eq!((video.frames, video.lost, &video.error), (frames, Default::default(), &None), "{mode}");
        assert_eq!((health.ledger.recorded, health.ledger.check()), (frames, Ok(())), "{mode}");
        let rows = if mode.starts_with("track") { 3 * frames } else { 0 };
        assert_eq!(health.rows, rows, "{mode}");
        if let Some(python) = &python {
            check(python, folder.path(), options);
        }
        let run = folder.path().to_str().unwrap();
        let told = beadscope_ok(&["compress", run]);
        assert!(told.starts_with("150 frames: ") && told.contains(" MB now, "), "{told}");
        assert!(!video_path(folder.path()).join("0").exists(), "what was filmed is gone");
        let told = beadscope_ok(&["verify", run]);
        assert!(told.contains("150 frames of video: whole"), "{told}");
        if let Some(python) = &python {
            check(python, folder.path(), options);
        }
    }
}

#[test]
fn crops_follow_the_beads_and_recordings_begin_and_end() {
    let python = python("crops_follow_the_beads_and_recordings_begin_and_end");
    let folder = tempfile::tempdir().unwrap();
    let (session, _view) =
        Session::start(filming(folder.path(), "roi-video", PixelFormat::Mono8, None)).unwrap();
    let ask = |line: &str| {
        let before = session.health().ledger.received;
        let command: Ask = line.parse().unwrap();
        session.commands().send(Sender::Text, command).unwrap_or_else(|error| panic!("{line}: {error}"));
        wait(&session, |session| session.health().ledger.received >= before + 60);
    };
    for line in [
        "roi.move bead=1, dx_px=-5, dy_px=-9",
        "roi.remove beads=[7]",
        // Into the place that is free now, and then into one of a group of its own.
        "roi.add x_px=30, y_px=20",
        "roi.add x_px=50, y_px=12",
        "record.stop",
    ] {
        ask(line);
    }
    let filmed = session.health().video.unwrap();
    assert!(filmed.frames >= 240 && filmed.frames < session.health().ledger.received, "{filmed:?}");
    let outcome = session.stop();
    assert_eq!(outcome.health.video.unwrap().frames, filmed.frames, "nothing is filmed after the end");
    if let Some(python) = &python {
        check(python, folder.path(), &["--beads", "0,1,7,8,9"]);
    }
}

/// The numbers of the frames in a run's video, by its arrays alone.
fn filmed(run: &Path) -> Vec<u64> {
    let array = video_path(run).join("frame");
    let about: serde_json::Value =
        serde_json::from_slice(&std::fs::read(array.join("zarr.json")).unwrap()).unwrap();
    let shards = std::fs::read_dir(array.join("c")).unwrap().count();
    let chunks = (0..shards).map(|shard| std::fs::read(array.join("c").join(shard.to_string())).unwrap());
    let bytes = chunks.collect::<Vec<_>>().concat();
    let numbers = bytes.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
    numbers.take(about["shape"][0].as_u64().unwrap() as usize).collect()
}

fn tracked(run: &Path) -> Vec<u64> {
    let file = H5File::open(tracks_path(run)).unwrap();
    file.dataset("beadscope/frames/frame").unwrap().read_raw().unwrap()
}

#[test]
fn a_video_has_the_frames_of_its_recording_wherever_that_begins_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = filming(folder.path(), "track+roi-video", PixelFormat::Mono8, None);
    setup.record = None;
    let (session, _view) = Session::start(setup).unwrap();
    let ask = |line: &str| {
        let command: Ask = line.parse().unwrap();
        let applied = session.commands().send(Sender::Text, command);
        let before = session.health().ledger.received;
        wait(&session, |session| session.health().ledger.received >= before + 60);
        applied.unwrap_or_else(|error| panic!("{line}: {error}"))
    };
    let mut runs = Vec::new();
    let start = format!("record.start folder={:?}, name=\"film\"", folder.path().join("runs"));
    for line in [&start, "record.next", "record.next", "record.stop", &start] {
        match ask(line) {
            Applied::Recording { file } | Applied::NextRecording { file, .. } => {
                runs.push(file.parent().unwrap().to_path_buf());
            }
            Applied::Recorded { .. } => {}
            other => panic!("{other}"),
        }
    }
    // The last one ends with the session.
    assert_eq!(session.stop().health.failures, [""; 0]);
    let frames: Vec<Vec<u64>> = runs.iter().map(|run| tracked(run)).collect();
    for (run, frames) in runs.iter().zip(&frames) {
        assert!(frames.len() >= 30, "{frames:?}");
        assert_eq!(filmed(run), *frames);
        let told = beadscope_ok(&["verify", run.to_str().unwrap()]);
        let expected = format!("{} frames of video: whole; 0 frames of the recording", frames.len());
        assert!(told.contains(&expected), "{told}");
    }
    let all = frames[..3].concat();
    assert!(all.windows(2).all(|two| two[0] + 1 == two[1]), "nothing between two in a row: {all:?}");
    assert!(frames[3][0] > all[all.len() - 1] + 30, "{frames:?}");
}

#[test]
fn verify_finds_what_a_video_lacks() {
    let folder = tempfile::tempdir().unwrap();
    run(filming(folder.path(), "roi-video", PixelFormat::Mono8, Some(150)));
    let video = video_path(folder.path());
    let verify = || {
        let output = beadscope(&["verify", folder.path().to_str().unwrap()]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(verify().0, Some(0), "{}", verify().1);
    for format in ["pylake", "tweezepy"] {
        let (run, out) = (folder.path().to_str().unwrap(), folder.path().join("out"));
        let output = beadscope(&["export", run, "--to", format, "--out", out.to_str().unwrap()]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && !out.exists(), "{said}");
        assert!(
            said.contains("no bead was tracked") && said.trim_end().ends_with("video.ome.zarr"),
            "{said}"
        );
    }
    let damage = |file: &str, bytes: Option<Vec<u8>>, problem: &str| {
        let path = video.join(file);
        let before = std::fs::read(&path).ok();
        let write = |bytes: Option<Vec<u8>>| match bytes {
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        };
        write(bytes);
        let (code, said) = verify();
        assert!(code == Some(1) && said.contains(problem), "{file}: {said}");
        write(before);
    };
    let changed = |file: &str, place: usize| {
        let mut bytes = std::fs::read(video.join(file)).unwrap();
        bytes[place] ^= 1;
        Some(bytes)
    };
    let shard = "0/c/0/0/0/0";
    let length = std::fs::read(video.join(shard)).unwrap().len();
    damage(shard, None, "a shard of the video cannot be read");
    damage(shard, changed(shard, 20), "another number of frames");
    damage(shard, changed(shard, length - 1), "the index of a shard is not that of its frames");
    damage("unix_ns/c/0", changed("unix_ns/c/0", 0), "numbers beside the pictures");
    damage("bead/c/0/0", None, "numbers beside the pictures");
    damage("0/zarr.json", Some(Vec::new()), "the video cannot be read");
    std::fs::create_dir_all(video.join("0/c/1/0/0")).unwrap();
    damage("0/c/1/0/0/0.partial", Some(Vec::new()), "the video was never finished");
    let other = tempfile::tempdir().unwrap();
    run(filming(other.path(), "roi-video", PixelFormat::Mono8, Some(150)));
    std::fs::rename(tracks_path(other.path()), tracks_path(folder.path())).unwrap();
    let (code, said) = verify();
    assert!(code == Some(1) && said.contains("the video is of another recording"), "{said}");
}
