//! A recording ends whole while there is still space for it to be closed, and the session goes on.
//!
//! On a disk of its own, a small one in memory: Linux lets a process mount one in a namespace where it is alone.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, outside #[test], where these are how a test fails"
)]

mod common;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use beadscope_engine::session::Session;
use beadscope_engine::status::Health;
use common::{PacedCamera, ScriptedCamera, setup};
use rust_hdf5::H5File;

/// Where the small disk is, in the process that has one.
const SMALL_DISK: &str = "BEADSCOPE_TEST_SMALL_DISK";
const ITSELF: &str = "the_recording_ends_whole_and_the_session_goes_on";

/// Says what this machine lacks; in CI that is a failure.
fn skip(lacks: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{lacks}");
    println!("skipped: {ITSELF}: {lacks}");
}

/// Runs the test again in a process that has a disk of 1.1 GB; it says why where that cannot be.
fn again_on_a_small_disk() {
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=1100m none \"$1\" && exec \"$0\" --exact --nocapture \"$2\"";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
    command.arg(std::env::current_exe().unwrap()).arg(folder.path()).arg(ITSELF);
    let output = command.env(SMALL_DISK, folder.path()).output();
    let output = match output {
        Ok(output) => output,
        Err(error) => return skip(&format!("no unshare: {error}")),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let cause = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && !said.contains("running 1 test") {
        return skip(&format!("no disk can be mounted here: {}", cause.trim()));
    }
    assert!(said.contains("1 passed"), "{said}{cause}");
}

fn wait_for(session: &Session, what: &str, is_so: impl Fn(&Health) -> bool) -> Health {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let health = session.health();
        if is_so(&health) {
            return health;
        }
        assert!(Instant::now() < deadline, "not {what}: {health:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_recording_ends_whole_and_the_session_goes_on() {
    let Some(disk) = std::env::var_os(SMALL_DISK) else { return again_on_a_small_disk() };
    let path = Path::new(&disk).join("tracks.h5");
    let mut setup = setup(Vec::new(), 2, Some(path.clone()));
    setup.camera = Box::new(PacedCamera::new(ScriptedCamera::config(), u64::MAX, u64::MAX));
    let (session, _view) = Session::start(setup).unwrap();
    let health = wait_for(&session, "recording", |health| {
        health.ledger.recorded > 0
            && health.vitals.disk.as_ref().is_some_and(|disk| disk.write_bytes_per_s.is_some())
    });
    let free = health.vitals.disk.unwrap().free_bytes;
    assert!((1_000_000_001..1_160_000_000).contains(&free), "{free}");
    assert_eq!(health.record_error, None);

    std::fs::write(Path::new(&disk).join("others"), vec![1; 180_000_000]).unwrap();
    let error = wait_for(&session, "ended", |health| health.record_error.is_some()).record_error.unwrap();
    assert!(error.contains("GB are free") && error.contains("tracks.h5"), "{error}");
    let received = session.health().ledger.received;
    wait_for(&session, "going on", |health| health.ledger.received > received + 100);
    assert!(session.is_running());
    let ledger = session.stop().health.ledger;
    assert_eq!(ledger.check(), Ok(()), "{ledger:?}");
    assert!(ledger.lost.record_failed > 0, "what came later is not recorded: {ledger:?}");

    // Under its own name: it was finished.
    let file = H5File::open(&path).unwrap();
    let frames: Vec<u64> = file.dataset("beadscope/frames/device_frame").unwrap().read_raw().unwrap();
    assert_eq!(frames.len() as u64, ledger.recorded);
    assert!(frames.windows(2).all(|pair| pair[0] + 1 == pair[1]), "without a gap");
    let text = |name: &str| file.dataset(&format!("beadscope/{name}")).unwrap().read_strings().unwrap();
    assert!(text("ledger_json").concat().contains(r#""record_failed":0"#), "{:?}", text("ledger_json"));
    let notices = text("notices");
    assert!(notices.iter().any(|notice| notice.contains("GB are free")), "{notices:?}");
}
