//! Where log lines go: standard error, a file of the day if the instrument runs, and the window.
//!
//! The file is written by a thread of its own, `beadscope-log`; when it cannot keep up or the disk refuses, lines are
//! left out, and nothing waits or stops. `RUST_LOG` sets what goes to all of them.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{InitError, RollingFileAppender, Rotation};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

/// What a person wants to read.
const TO_READ: &str = "warn,beadscope=info,winit=error";
/// What somebody needs who asks later what happened: settings too.
const TO_KEEP: &str = "warn,beadscope=debug,winit=error";
/// A file a day, so many of them.
const DAYS: usize = 30;
/// Lines that wait for the disk at most.
const WAITING: usize = 4096;

/// Logging while it is on. Dropped, what waits is written.
pub struct Logging {
    /// What the window shows.
    #[cfg(feature = "gui")]
    pub log: beadscope_ui::Log,
    _file: Option<WorkerGuard>,
}

/// Turns logging on; with a file for what runs the instrument.
pub fn start(with_file: bool) -> Logging {
    let stderr = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_filter(filter(TO_READ));
    let (writer, guard, failed) = match with_file.then(open).transpose() {
        Ok(opened) => {
            (opened.as_ref().map(|(writer, _)| writer.clone()), opened.map(|(_, guard)| guard), None)
        }
        Err(error) => (None, None, Some(error)),
    };
    let file =
        writer.map(|writer| fmt::layer().with_writer(writer).with_ansi(false).with_filter(filter(TO_KEEP)));
    let lines = tracing_subscriber::registry().with(stderr).with(file);
    #[cfg(feature = "gui")]
    let log = beadscope_ui::Log::default();
    #[cfg(feature = "gui")]
    let lines = lines.with(log.clone().with_filter(filter(TO_KEEP)));
    lines.init();
    if let Some(error) = failed {
        tracing::warn!("no log file is written: {error}");
    }
    Logging {
        #[cfg(feature = "gui")]
        log,
        _file: guard,
    }
}

fn filter(default: &str) -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default))
}

#[derive(Debug, thiserror::Error)]
enum LogError {
    #[error("there is no home folder; set XDG_STATE_HOME to a folder for it")]
    NoFolder,
    #[error("{error}; set XDG_STATE_HOME to a folder you may write to: {}", .folder.display())]
    Open { error: InitError, folder: PathBuf },
}

fn open() -> Result<(NonBlocking, WorkerGuard), LogError> {
    let folder = folder().ok_or(LogError::NoFolder)?;
    // Else the appender complains that there are no old files to count; if it cannot be made, it says so better.
    let _ = std::fs::create_dir_all(&folder);
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("beadscope")
        .filename_suffix("log")
        .max_log_files(DAYS)
        .build(&folder)
        .map_err(|error| LogError::Open { error, folder })?;
    Ok(NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(WAITING)
        .thread_name("beadscope-log")
        .finish(file))
}

/// Where this system keeps what a program tells of itself.
fn folder() -> Option<PathBuf> {
    let given = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(state) = given("XDG_STATE_HOME") {
        return Some(state.join("beadscope/log"));
    }
    if cfg!(windows) {
        return Some(given("LOCALAPPDATA")?.join("beadscope").join("log"));
    }
    let home = std::env::home_dir()?;
    let inside =
        if cfg!(target_os = "macos") { "Library/Logs/beadscope" } else { ".local/state/beadscope/log" };
    Some(home.join(inside))
}
