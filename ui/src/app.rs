//! The window as a whole: takes what has come, lays the panels out, obeys keys, and ends the session at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use beadscope_engine::command::{Command, Sender};
use beadscope_engine::session::{CameraConfig, Outcome, Session};
use beadscope_engine::status::EndReason;
use eframe::egui::{self, CentralPanel, Frame, Key, Margin, Modifiers, Panel, ViewportCommand};

use crate::Start;
use crate::feed::Feed;
use crate::log::Log;
use crate::messages::{self, Kind, Messages};
use crate::motors::Motors;
use crate::plots::Plots;
use crate::recording::Recording;
use crate::status::{Facts, Status};
use crate::theme;
use crate::topbar;
use crate::video::Video;

/// Time between drawn frames while the session runs: smooth to the eye, and leaves the cores to tracking.
const DRAW_EVERY: Duration = Duration::from_millis(25);

/// How often the window looks whether it is to close, when nothing else happens.
const LOOK: Duration = Duration::from_millis(250);

/// The window's whole state.
pub struct App<'a> {
    /// `None` once it has ended.
    session: Option<Session>,
    outcome: &'a mut Option<Outcome>,
    feed: Feed,
    video: Video,
    plots: Plots,
    status: Status,
    recording: Recording,
    motors: Motors,
    messages: Messages,
    quit: Arc<AtomicBool>,
    title: String,
    notes: Vec<String>,
    log: Log,
    log_is_open: bool,
    /// What the camera has now.
    config: CameraConfig,
    pixel_size_nm: f64,
}

impl<'a> App<'a> {
    /// The window on this session. The outcome is written when the session has ended, by itself or with the window.
    pub fn new(context: &egui::Context, start: Start, outcome: &'a mut Option<Outcome>) -> Self {
        theme::apply(context);
        let Start { session, quit, view, notes, log, recording_folder, recording_name, title } = start;
        let config = session.config();
        Self {
            feed: Feed::new(&session, view),
            pixel_size_nm: session.info().pixel_size_nm,
            session: Some(session),
            outcome,
            video: Video::default(),
            plots: Plots::default(),
            status: Status::default(),
            recording: Recording::new(&recording_folder, recording_name),
            motors: Motors::default(),
            messages: Messages::default(),
            quit,
            title,
            notes,
            log,
            log_is_open: false,
            config,
        }
    }

    /// Stops the session, if it was not, and keeps how it went.
    fn end(&mut self) {
        let Some(session) = self.session.take() else { return };
        let outcome = session.stop();
        self.recording.watch(&outcome.health, &mut self.messages);
        self.messages.tell_notices(&outcome.health);
        self.recording.session_ended(&mut self.messages);
        self.status.settle(outcome.health.clone());
        *self.outcome = Some(outcome);
    }

    fn toggle_recording(&mut self) {
        if let Some(session) = &self.session {
            self.recording.toggle(session, &mut self.messages);
        }
    }

    /// Sends a command; says why, if it is refused.
    fn send(&mut self, command: Command) {
        let Some(session) = &self.session else { return };
        if let Err(error) = session.commands().send(Sender::Window, command) {
            self.messages.add(Kind::Failed, error.to_string());
        }
        self.take_edits();
    }

    /// Shows the beads as they are now, whoever has edited them.
    fn take_edits(&mut self) {
        if let Some(session) = &self.session
            && let Some(places) = self.feed.take_edits(session)
        {
            self.plots.follow(&places);
        }
    }

    fn obey_keys(&mut self, context: &egui::Context) {
        // Also while something is typed.
        let has_axes = self.session.as_ref().is_some_and(|session| !session.axes().is_empty());
        if has_axes && context.input(|input| input.key_pressed(Key::Escape)) {
            self.send(Command::AxisStop { axis: None });
        }
        if context.egui_wants_keyboard_input() {
            return;
        }
        self.edit_by_keys(context);
        let pressed = |key: Key| context.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        if pressed(Key::Space) {
            self.plots.toggle_pause(&self.feed.history);
        }
        if pressed(Key::R) {
            self.toggle_recording();
        }
        if pressed(Key::F) {
            self.video.viewport.fit();
        }
        let back = pressed(Key::ArrowLeft) | pressed(Key::OpenBracket);
        let on = pressed(Key::ArrowRight) | pressed(Key::CloseBracket);
        if back != on {
            self.feed.beads.step(if on { 1 } else { -1 });
            if let Some(bead) = self.feed.beads.selected_bead() {
                let half = bead.roi.size_px as f32 / 2.0;
                self.video.viewport.reveal(bead.roi.left_px as f32 + half, bead.roi.top_px as f32 + half);
            }
        }
    }

    /// What is done to the beads with a key.
    fn edit_by_keys(&mut self, context: &egui::Context) {
        let pressed = |modifiers, key| context.input_mut(|input| input.consume_key(modifiers, key));
        if pressed(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z) | pressed(Modifiers::COMMAND, Key::Y) {
            self.send(Command::RoiRedo {});
        }
        if pressed(Modifiers::COMMAND, Key::Z) {
            self.send(Command::RoiUndo {});
        }
        let Some(bead) = self.feed.beads.selected_bead().map(|bead| bead.roi.bead) else { return };
        if pressed(Modifiers::NONE, Key::Delete) {
            return self.send(Command::RoiRemove { beads: vec![bead] });
        }
        if pressed(Modifiers::NONE, Key::G) {
            let all =
                self.feed.beads.all.iter().filter(|other| other.is_reference != (other.roi.bead == bead));
            let beads = all.map(|bead| bead.roi.bead).collect();
            self.send(Command::ReferenceSet { beads });
        }
        for (key, dx_px, dy_px) in
            [(Key::ArrowLeft, -1, 0), (Key::ArrowRight, 1, 0), (Key::ArrowUp, 0, -1), (Key::ArrowDown, 0, 1)]
        {
            if pressed(Modifiers::ALT, key) {
                self.send(Command::RoiMove { bead, dx_px, dy_px });
            }
        }
    }

    fn banner(&mut self, ui: &mut egui::Ui) {
        if let Some(outcome) = &*self.outcome {
            let why = format!("The session has ended: {}.", outcome.reason);
            let failed = outcome.reason.is_failure();
            messages::ended(ui, &theme::colors(ui), &why, what_to_do(&outcome.reason), failed);
        }
        self.messages.show(ui);
    }

    fn facts(&self) -> Facts {
        let beads = &self.feed.beads;
        Facts {
            beads: (beads.all.len(), beads.flagged()),
            newest_s: self.feed.newest_s,
            is_recording: self.recording.running().is_some(),
            missed: self.feed.missed(),
        }
    }
}

impl eframe::App for App<'_> {
    /// Runs also while the window is hidden, so that the plots have no hole afterwards.
    fn logic(&mut self, context: &egui::Context, _frame: &mut eframe::Frame) {
        if self.quit.load(Ordering::Relaxed) {
            context.send_viewport_cmd(ViewportCommand::Close);
        }
        context.request_repaint_after(LOOK);
        self.take_edits();
        self.feed.take_rows();
        let Some(session) = &self.session else { return };
        if !session.is_running() {
            self.feed.take_picture(session);
            self.end();
            return;
        }
        self.feed.take_picture(session);
        if let Some(health) = self.status.refresh(|| session.health()) {
            self.recording.watch(health, &mut self.messages);
            self.messages.tell_notices(health);
            self.config = session.config();
        }
        context.request_repaint_after(DRAW_EVERY);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.obey_keys(&ui.ctx().clone());
        let bar = Frame::side_top_panel(ui.style()).inner_margin(Margin::symmetric(10, 6));
        Panel::top("top").frame(bar).show(ui, |ui| {
            let live = self.session.is_some();
            if topbar::show(ui, &self.title, &self.notes, &mut self.log_is_open, &mut self.recording, live) {
                self.toggle_recording();
            }
            self.banner(ui);
        });
        Panel::bottom("status").frame(bar).show(ui, |ui| self.status.show(ui, &self.facts()));
        let side = Frame::side_top_panel(ui.style()).inner_margin(Margin::symmetric(10, 8));
        let axes = self.session.as_ref().map_or(Vec::new(), Session::axes);
        if !axes.is_empty() {
            let panel = Panel::bottom("motors").frame(side);
            if let Some(command) = panel.show(ui, |ui| self.motors.show(ui, &axes)).inner {
                self.send(command);
            }
        }
        if self.log_is_open {
            let panel = Panel::bottom("log").resizable(true).frame(side).default_size(120.0);
            panel.show(ui, |ui| self.log.show(ui));
        }
        let width = ui.available_width();
        Panel::right("plots").frame(side).default_size(width * 0.4).size_range(340.0..=width * 0.6).show(
            ui,
            |ui| {
                self.plots.show(ui, &mut self.feed.beads, &self.feed.history);
            },
        );
        let height = ui.available_height();
        let table = Panel::bottom("beads").resizable(true).frame(side);
        table
            .default_size(height * 0.24)
            .size_range(70.0..=height * 0.5)
            .show(ui, |ui| self.feed.beads.show(ui));
        let added = CentralPanel::default().frame(side).show(ui, |ui| {
            let Feed { picture, beads, .. } = &mut self.feed;
            self.video.show(ui, picture, beads, self.pixel_size_nm, &camera_text(&self.config))
        });
        if let Some((x_px, y_px)) = added.inner {
            self.send(Command::RoiAdd { x_px, y_px });
        }
    }

    fn on_exit(&mut self) {
        self.end();
    }
}

/// What the camera's picture is, and how it was taken.
fn camera_text(config: &CameraConfig) -> String {
    let CameraConfig { window, format, exposure_us, .. } = config;
    let bits = u32::from(format.max_level()).count_ones();
    format!("{} × {} px, {bits} bit, exposure {exposure_us:.0} µs", window.width_px, window.height_px)
}

/// What an experimenter does about the end of a session.
fn what_to_do(reason: &EndReason) -> &'static str {
    match reason {
        EndReason::Asked | EndReason::FrameLimit | EndReason::SourceEnded => {
            "Plots and picture stay as they were. Close the window to finish, or start Beadscope again for a new session."
        }
        EndReason::Camera(_) => {
            "Every frame that arrived was tracked and, if asked for, recorded. Check the camera's cable and power, then \
             start Beadscope again; `beadscope doctor` says what it finds."
        }
        EndReason::Panic(_) => {
            "Every frame that could be saved was. Please report this text with the steps before it, then start Beadscope again."
        }
    }
}
