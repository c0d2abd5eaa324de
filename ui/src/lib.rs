//! The window of Beadscope: it draws what the engine publishes and sends [commands](beadscope_engine::command) to it; the
//! [`Session`] itself it only asks, and stops at the end.
//!
//! What draws runs on the `main` thread; what may wait for a device or a disk, or takes long, on threads of its own, which `courier`,
//! `errands` and `analysis` name. Each drawn frame takes the newest picture and the rows that have come
//! (`feed`), then draws one panel a file. A slow window misses rows and pictures; it never holds the session back.

mod actions;
mod analysis;
mod app;
mod bead_table;
mod beads;
mod browser;
mod contrast;
mod courier;
mod desk;
mod errands;
mod experiment;
mod export;
mod feed;
mod figure;
mod find;
mod guard;
mod help;
mod history;
mod layout;
mod locking;
mod log;
mod messages;
mod motor_history;
mod motors;
mod overlay;
mod pace;
mod palette;
mod panel_view;
mod panes;
mod picture;
#[cfg(test)]
mod pictures;
mod plots;
mod precision;
mod preferences;
mod question;
mod recording;
mod renumber;
mod run_folders;
mod run_pane;
mod samples;
mod scale;
mod snapshot;
mod spread;
mod status;
mod theme;
mod time_axis;
mod topbar;
mod video;
mod viewport;
mod zlut_memory;
mod zlut_pane;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use beadscope_engine::session::{Outcome, Session, View};
use eframe::egui::ViewportBuilder;

use crate::app::App;
pub use crate::log::Log;

/// Smallest window in which nothing is cut off, points.
const MIN_SIZE: [f32; 2] = [960.0, 600.0];
/// The size it opens with, points: fits a laptop's screen.
const START_SIZE: [f32; 2] = [1280.0, 800.0];

/// What the window shows and does.
pub struct Start {
    /// The running session. The window ends it when it closes.
    pub session: Session,
    /// Set by a signal: the window closes as if it were closed by hand.
    pub quit: Arc<AtomicBool>,
    /// The session's frames and rows.
    pub view: View,
    /// Assumptions the experimenter should know, one sentence each.
    pub notes: Vec<String>,
    /// What the program has logged.
    pub log: Log,
    /// Each recording makes a folder of its own in this one.
    pub recording_folder: PathBuf,
    /// Goes into the name of a recording's folder.
    pub recording_name: String,
    /// The camera, as a person calls it.
    pub title: String,
    /// The user's file of settings, whether or not it exists; the layout of the window is kept beside it. None keeps nothing.
    pub user_file: Option<PathBuf>,
    /// The instrument's file, if there is one.
    pub rig: Option<PathBuf>,
}

/// Why there is no window. The session is stopped and its recording finished.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// No desktop to open a window on.
    #[error(
        "no window can be opened: {0}; `beadscope run` works without one, or set DISPLAY to an X11 server"
    )]
    NoDisplay(String),
    /// Nothing to draw with.
    #[error(
        "nothing to draw the window with: {0}; install a Vulkan driver (on Linux mesa-vulkan-drivers), \
         or use `beadscope run`, which needs no window"
    )]
    NoAdapter(String),
    /// The window failed while it was open.
    #[error("the window failed: {0}; `beadscope run` works without one")]
    Failed(String),
}

/// Opens the window and returns when it is closed, with the session's outcome: every frame that had arrived is tracked
/// and recorded by then.
///
/// # Errors
/// If there is no display or nothing to draw with. The session is stopped then.
pub fn run(start: Start) -> Result<Outcome, WindowError> {
    yield_to_session();
    let title = format!("Beadscope: {}", start.title);
    let kept = start.user_file.as_deref().and_then(|file| layout::kept_size(&layout::file_beside(file)));
    let viewport = ViewportBuilder::default()
        .with_title(&title)
        .with_app_id("beadscope")
        .with_inner_size(kept.map_or(START_SIZE, |kept| kept.size))
        .with_min_inner_size(MIN_SIZE);
    let options = eframe::NativeOptions {
        viewport: match kept {
            Some(kept) => viewport.with_maximized(kept.is_maximized),
            None => viewport,
        },
        renderer: eframe::Renderer::Wgpu,
        // It smooths colour gradients, of which there are none, and costs a software renderer a tenth of its time.
        dithering: false,
        ..eframe::NativeOptions::default()
    };
    let mut outcome = None;
    let ended = eframe::run_native(
        &title,
        options,
        Box::new(|context| Ok(Box::new(App::new(&context.egui_ctx, start, &mut outcome)))),
    );
    match (ended, outcome) {
        (Ok(()), Some(outcome)) => Ok(outcome),
        (Ok(()), None) => Err(WindowError::Failed("it closed before the session was stopped".to_owned())),
        (Err(error), _) => Err(window_error(error)),
    }
}

/// Lets the session's threads go first where there are too few cores: rather the window is drawn less often than a frame is lost. Threads
/// that draw, as those of a software renderer do, are started by this one and are as it is; those of the session run already.
fn yield_to_session() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(10) {
        tracing::debug!("the window has the same priority as the session: {error}");
    }
}

fn window_error(error: eframe::Error) -> WindowError {
    match error {
        eframe::Error::Winit(error) => WindowError::NoDisplay(error.to_string()),
        eframe::Error::WinitEventLoop(error) => WindowError::NoDisplay(error.to_string()),
        eframe::Error::Wgpu(error) => WindowError::NoAdapter(error.to_string()),
        error => WindowError::Failed(error.to_string()),
    }
}
