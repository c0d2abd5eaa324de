//! Whoever sends a command, the session does it between two frames, answers it, and writes it down.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, outside #[test], where this is how a test fails"
)]

mod common;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use beadscope_drivers::camera::{Camera, CameraConfig, CameraError, CameraRequest, FrameInfo};
use beadscope_engine::bead_set::{Added, BeadError, Beads};
use beadscope_engine::command::{Applied, Command, CommandBus, CommandError, Sender};
use beadscope_engine::session::{Session, View};
use beadscope_engine::tracks::rows_of;
use common::{ScriptedCamera, setup};
use rust_hdf5::H5File;

/// Delivers a frame each time it is told to.
struct Told(std::sync::mpsc::Receiver<u64>);

impl Camera for Told {
    fn configure(&mut self, _request: &CameraRequest) -> Result<CameraConfig, CameraError> {
        let mut config = ScriptedCamera::config();
        (config.window.width_px, config.window.height_px) = (256, 256);
        Ok(config)
    }

    fn start(&mut self) -> Result<(), CameraError> {
        Ok(())
    }

    fn read_into(&mut self, slot: &mut [u8], timeout: Duration) -> Result<FrameInfo, CameraError> {
        let device_frame = self.0.recv_timeout(timeout).map_err(|_| CameraError::Timeout(timeout))?;
        slot.fill(0);
        Ok(FrameInfo { device_frame, device_time_ns: None, arrival: Instant::now() })
    }

    fn stop(&mut self) -> Result<(), CameraError> {
        Ok(())
    }
}

fn session(beads: u32) -> (Session, View, SyncSender<u64>) {
    let (camera, frames) = sync_channel(64);
    let mut setup = setup(Vec::new(), beads, None);
    let mut told = Told(frames);
    setup.config = told.configure(&CameraRequest::default()).unwrap();
    setup.camera = Box::new(told);
    let (session, view) = Session::start(setup).unwrap();
    (session, view, camera)
}

fn obey(bus: &CommandBus, line: &str) -> Result<Applied, CommandError> {
    bus.send(Sender::Text, line.parse().unwrap())
}

/// Bead numbers and corners in the rows of the next frame.
fn rows_of_next_frame(camera: &SyncSender<u64>, view: &mut View, number: u64) -> Vec<(u32, [i32; 2])> {
    camera.send(number).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some((header, bytes)) = view.tracks.take_next() {
            assert_eq!(header.frame.device_frame, number);
            return rows_of(header, bytes).iter().map(|row| (row.bead, row.corner_px)).collect();
        }
        assert!(Instant::now() < deadline, "no rows");
        std::thread::yield_now();
    }
}

#[test]
fn beads_are_added_moved_removed_and_brought_back_while_frames_come() {
    let (session, mut view, camera) = session(1);
    let bus = session.commands();
    assert_eq!(rows_of_next_frame(&camera, &mut view, 0), [(0, [0, 0])]);
    assert_eq!(obey(bus, "roi.add x_px=100, y_px=120").unwrap(), Applied::Bead { bead: 1 });
    assert_eq!(rows_of_next_frame(&camera, &mut view, 1), [(0, [0, 0]), (1, [68, 88])]);
    obey(bus, "roi.move bead=1, dx_px=-8, dy_px=2").unwrap();
    assert_eq!(rows_of_next_frame(&camera, &mut view, 2), [(0, [0, 0]), (1, [60, 90])]);
    obey(bus, "roi.remove beads=[0]").unwrap();
    assert_eq!(rows_of_next_frame(&camera, &mut view, 3), [(1, [60, 90])]);
    obey(bus, "roi.undo").unwrap();
    obey(bus, "roi.undo").unwrap();
    assert_eq!(rows_of_next_frame(&camera, &mut view, 4), [(0, [0, 0]), (1, [68, 88])]);
    obey(bus, "roi.redo").unwrap();
    obey(bus, "roi.clear").unwrap();
    assert_eq!(rows_of_next_frame(&camera, &mut view, 5), []);
    assert!(matches!(
        obey(bus, "roi.move bead=1, dx_px=0, dy_px=0"),
        Err(CommandError::Bead(BeadError::Unknown(1)))
    ));
    obey(bus, "roi.undo").unwrap();
    obey(bus, "reference.set beads=[1]").unwrap();
    let Applied::Beads(Beads { references, .. }) = obey(bus, "roi.list").unwrap() else { panic!("no beads") };
    assert_eq!(references.into_iter().collect::<Vec<_>>(), [1]);
    assert_eq!(rows_of_next_frame(&camera, &mut view, 6), [(0, [0, 0]), (1, [60, 90])]);

    let ledger = session.stop().health.ledger;
    assert_eq!((ledger.tracked, ledger.check()), (7, Ok(())));
}

#[test]
fn several_beads_are_added_and_moved_in_one_edit_each_while_frames_come() {
    let (session, mut view, camera) = session(1);
    let bus = session.commands();
    let added = Added { first: 1, added: 2, left_out: 0 };
    assert_eq!(obey(bus, "roi.add_several x_px=[100, 60], y_px=[120, 60]").unwrap(), Applied::Added(added));
    assert_eq!(rows_of_next_frame(&camera, &mut view, 0), [(0, [0, 0]), (1, [68, 88]), (2, [28, 28])]);
    obey(bus, "roi.move_several beads=[1, 2], dx_px=-8, dy_px=2").unwrap();
    assert_eq!(rows_of_next_frame(&camera, &mut view, 1), [(0, [0, 0]), (1, [60, 90]), (2, [20, 30])]);
    // 1 would stay inside the frame, 2 would not.
    let refused = obey(bus, "roi.move_several beads=[1, 2], dx_px=-21, dy_px=0");
    assert!(matches!(refused, Err(CommandError::Bead(BeadError::Outside { left_px: -1, .. }))));
    let refused = obey(bus, "roi.add_several x_px=[50], y_px=[]");
    assert!(matches!(refused, Err(CommandError::Unpaired { columns: 1, rows: 0 })));
    obey(bus, "roi.undo").unwrap();
    obey(bus, "roi.undo").unwrap();
    assert_eq!(rows_of_next_frame(&camera, &mut view, 2), [(0, [0, 0])]);
    assert_eq!(session.stop().health.ledger.check(), Ok(()));
}

#[test]
fn beads_are_saved_and_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rois.csv");
    let (session, mut view, camera) = session(2);
    let bus = session.commands();
    let file = |name: &str| format!("{name} path={:?}", path.to_str().unwrap());
    obey(bus, "roi.add x_px=100.4, y_px=120.6").unwrap();
    let before = rows_of_next_frame(&camera, &mut view, 0);
    obey(bus, &file("roi.save")).unwrap();
    obey(bus, "roi.clear").unwrap();
    obey(bus, &file("roi.load")).unwrap();
    assert_eq!(rows_of_next_frame(&camera, &mut view, 1), before);
    std::fs::write(&path, "# roi_px = 32\nbead,x_px,y_px\n0,100,100\n").unwrap();
    let error = obey(bus, &file("roi.load")).unwrap_err();
    assert!(matches!(error, CommandError::Bead(BeadError::OtherSize { .. })), "{error}");
    assert_eq!(
        rows_of_next_frame(&camera, &mut view, 2),
        before,
        "a command that is refused changes nothing"
    );

    // As many as there is room for, and not one more.
    let many = |count: u32| {
        let lines: String = (0..count).map(|bead| format!("{bead},100,100\n")).collect();
        std::fs::write(&path, format!("bead,x_px,y_px\n{lines}")).unwrap();
        obey(bus, &file("roi.load"))
    };
    assert!(matches!(many(129), Err(CommandError::Bead(BeadError::NoRoom(128)))));
    many(128).unwrap();
    assert_eq!(rows_of_next_frame(&camera, &mut view, 3).len(), 128);
    assert!(matches!(
        obey(bus, "roi.add x_px=100, y_px=120"),
        Err(CommandError::Bead(BeadError::NoRoom(128)))
    ));

    // Of files that are there only ROI files are replaced.
    for name in ["tracks.h5", "rig.toml"] {
        let other = folder.path().join(name);
        std::fs::write(&other, "not replaced").unwrap();
        let command = Command::RoiSave { path: other.to_str().unwrap().to_owned() };
        assert!(matches!(bus.send(Sender::Text, command), Err(CommandError::NotRois(_))));
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "not replaced");
    }
    obey(bus, &file("roi.save")).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 131, "three lines before the beads");
}

#[test]
fn a_session_that_has_ended_refuses() {
    let (session, _view, _camera) = session(1);
    let bus = session.commands().clone();
    assert!(matches!(obey(&bus, "mark text=\"a\""), Err(CommandError::NotRecording)));
    assert!(matches!(obey(&bus, "record.stop"), Err(CommandError::NotRecording)));
    obey(&bus, "stop").unwrap();
    assert!(!session.is_running());
    session.stop();
    assert!(matches!(obey(&bus, "roi.add x_px=100, y_px=120"), Err(CommandError::Ended)));
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap().to_owned();
    let refused = bus.send(Sender::Text, Command::RecordStart { folder: Some(folder.clone()), name: None });
    assert!(matches!(refused, Err(CommandError::Record(_))));
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0, "no folder is left");
}

/// The commands in a recording: sender, command, answer.
fn events(file: &H5File) -> Vec<[String; 3]> {
    let column =
        |name: &str| file.dataset(&format!("beadscope/events/{name}")).unwrap().read_strings().unwrap();
    let [senders, commands, answers] = ["sender", "command", "answer"].map(column);
    senders.into_iter().zip(commands).zip(answers).map(|((a, b), c)| [a, b, c]).collect()
}

#[cfg(unix)]
#[test]
fn a_next_recording_that_is_refused_is_in_the_one_that_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (runs, aside) = (folder.path().join("runs"), folder.path().join("aside"));
    let (session, mut view, camera) = session(1);
    let bus = session.commands();
    let start = format!("record.start folder={:?}", runs.to_str().unwrap());
    let Applied::Recording { file } = obey(bus, &start).unwrap() else { panic!("not recording") };
    rows_of_next_frame(&camera, &mut view, 0);
    std::fs::rename(&runs, &aside).unwrap();
    std::fs::write(&runs, "no folder").unwrap();
    let error = obey(bus, "record.next").unwrap_err();
    assert!(matches!(error, CommandError::Record(_)), "{error}");
    std::fs::remove_file(&runs).unwrap();
    std::fs::rename(&aside, &runs).unwrap();
    rows_of_next_frame(&camera, &mut view, 1);
    assert!(
        matches!(obey(bus, "record.stop").unwrap(), Applied::Recorded { ledger, .. } if ledger.recorded == 2)
    );
    let answers: Vec<_> = events(&H5File::open(file).unwrap())
        .into_iter()
        .map(|[_, command, answer]| (command, answer))
        .collect();
    let next = |answer: &str| ("record.next".to_owned(), answer.to_owned());
    assert_eq!(answers[1..3], [next(""), next(&error.to_string())], "{answers:?}");
}

#[test]
fn a_run_obeys_lines_of_text_and_its_recording_holds_them() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let mut run = common::program()
        .args(["run", "--json", "--beads", "2", "--rate-hz", "50", "--commands", "-", "--out", out])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = run.stdin.take().unwrap();
    for line in [
        "# what is tried",
        "mark text=\"magnets in, 5 pN\"",
        "roi.remove beads=[1]",
        "roi.fly",
        "roi.remove beads=[7]",
        "setting.set name=\"camera.rate_hz\", value=\"40\"",
        "setting.set name=\"tracking.method\", value=\"com\"",
        "record.next",
        "note text=\"second\"",
        "stop",
    ] {
        writeln!(lines, "{line}").unwrap();
    }
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("there is no command \"roi.fly\""), "{said}");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path().join("tracks.h5"))
        .collect();
    // By time: a folder of the same second has _2 behind its name.
    files.sort();
    let [first, second] = &files[..] else { panic!("{files:?}") };
    let first = events(&H5File::open(first).unwrap());
    let short: Vec<[&str; 2]> =
        first.iter().map(|[sender, command, _]| [&sender[..], &command[..]]).collect();
    assert_eq!(
        short,
        [
            ["text", "mark text=\"magnets in, 5 pN\""],
            ["text", "roi.remove beads=[1]"],
            ["text", "roi.remove beads=[7]"],
            ["text", "setting.set name=\"camera.rate_hz\", value=\"40\""],
            ["text", "setting.set name=\"tracking.method\", value=\"com\""],
            ["text", "record.next"],
        ]
    );
    assert_eq!(first[1][2], "1 beads, 0 of them references");
    assert!(first[2][2].starts_with("there is no bead 7"), "{first:?}");
    assert!(first[3][2].starts_with("40 Hz"), "{first:?}");
    assert!(first[4][2].contains("takes effect when a session starts"), "{first:?}");
    let second = H5File::open(second).unwrap();
    let settings = second.dataset("beadscope/settings_toml").unwrap().read_strings().unwrap().concat();
    assert!(settings.contains("rate_hz = 40.0") && settings.contains("camera.rate_hz = 40"), "{settings}");
    let commands: Vec<String> = events(&second).into_iter().map(|[_, command, _]| command).collect();
    assert_eq!(commands, ["note text=\"second\"", "stop"]);
    let beads: Vec<i64> = second.dataset("beadscope/rois/bead").unwrap().read_raw().unwrap();
    assert_eq!(beads, [0], "it begins with the beads that there are then");
}

#[test]
fn a_line_that_is_not_text_is_told_and_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let commands = folder.path().join("commands.txt");
    std::fs::write(&commands, b"mark text=\"5 \xb5m\"\nmark text=\"in\"\nstop\n").unwrap();
    let output = common::program()
        .args(["run", "--json", "--duration", "30s", "--beads", "2", "--commands"])
        .arg(&commands)
        .arg("--out")
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("line 1 is not obeyed: it is not UTF-8 text"), "{said}");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let run = PathBuf::from(summary["run"].as_str().unwrap());
    let commands = events(&H5File::open(run.join("tracks.h5")).unwrap());
    let commands: Vec<String> = commands.into_iter().map(|[_, command, _]| command).collect();
    assert_eq!(commands, ["mark text=\"in\"", "stop"]);
}

/// Nobody opens the pipe for writing, which makes whoever opens it for reading wait.
#[cfg(unix)]
#[test]
fn a_run_ends_in_time_though_nobody_writes_into_its_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("commands");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut run = common::program()
        .args(["run", "--json", "--duration", "2s", "--beads", "2", "--commands"])
        .arg(&pipe)
        .arg("--out")
        .arg(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = run.stdout.take().unwrap();
    let (end, ended) = sync_channel(1);
    let said = std::thread::scope(|scope| {
        scope.spawn(|| end.send(std::io::read_to_string(stdout)));
        ended.recv_timeout(Duration::from_secs(60)).inspect_err(|_| run.kill().unwrap())
    });
    let said = said.expect("it does not wait for who writes");
    assert!(run.wait().unwrap().success());
    let summary: serde_json::Value = serde_json::from_str(&said.unwrap()).unwrap();
    assert_eq!(summary["ledger_sums"], true);
    assert!(PathBuf::from(summary["run"].as_str().unwrap()).join("tracks.h5").is_file(), "it is whole");
}

#[test]
fn commands_are_listed_for_people_and_for_machines() {
    let text = common::beadscope_ok(&["commands"]);
    assert!(text.contains("roi.move bead=NUMBER, dx_px=NUMBER, dy_px=NUMBER\n"), "{text}");
    assert!(text.contains("dx_px: To the right (whole number, -100000 to 100000 px)"), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&common::beadscope_ok(&["commands", "--json"])).unwrap();
    let find = |name: &str| json.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    assert_eq!(find("roi.add")["arguments"][0]["unit"], "px");
    assert_eq!(find("record.start")["arguments"][1]["is_optional"], true);
    let peers = common::beadscope_ok(&["commands", "--magscope"]);
    assert!(peers.contains("MoveBeadsCommand: roi.move\n"), "{peers}");
    assert_eq!(peers.lines().count(), 78);
}
