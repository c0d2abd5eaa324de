//! The window as a whole: takes what has come, draws bars and panes, does what was asked for, and ends the session at the end.

mod act;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use beadscope_engine::command::{Applied, Command, Sender};
use beadscope_engine::session::{Outcome, Session};
use beadscope_engine::status::EndReason;
use beadscope_engine::zlut_sweep::{Phase, ZLutSweep};
use eframe::egui::{self, CentralPanel, Frame, Margin, Panel, ViewportCommand};

use crate::Start;
use crate::analysis::Analysis;
use crate::bead_table::BeadTable;
use crate::closing::Closing;
use crate::courier::{Answer, Courier};
use crate::desk::{Desk, Table, Todo};
use crate::errands::{self, Errand, Errands};
use crate::export::Screenshots;
use crate::feed::Feed;
use crate::find::Finder;
use crate::help::Help;
use crate::layout::{Contents as _, Layout};
use crate::locking::{self, Locking};
use crate::log::LogPane;
use crate::messages::{self, Kind, Messages};
use crate::motors::Motors;
use crate::pace::Pace;
use crate::palette::{Chosen, Palette};
use crate::panes::Pane;
use crate::plots::Plots;
use crate::preferences::{Done, Preferences};
use crate::recording::Recording;
use crate::renumber::Renumbering;
use crate::run_pane::RunPane;
use crate::status::{Facts, Status};
use crate::theme;
use crate::topbar;
use crate::video::Video;
use crate::zlut_memory::{Deed, ZLutMemory};
use crate::zlut_pane::ZLutPane;
use act::{LOCKED, moves_beads};

/// Time between drawn frames while the session runs: smooth to the eye, and leaves the cores to tracking.
const DRAW_EVERY: Duration = Duration::from_millis(25);

/// How often the window looks whether it is to close, when nothing else happens.
const LOOK: Duration = Duration::from_millis(250);

/// Letters of an answer that are shown.
const MOST_TOLD: usize = 300;

/// How often a changed layout is written.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// What the window does when a command is done.
enum Then {
    /// Nothing; its doings are seen.
    Nothing,
    /// Shows the marker in the plots, at that time of the session, s.
    Marked(f64, String),
    /// Lets the recording be started or ended again.
    ChangedRecording,
    /// Shows whether frames are asked for.
    Acquiring(bool),
    /// Says so.
    Tell(&'static str),
    /// Says what was answered.
    TellAnswer,
    /// Ends the search for beads, which are tracked now.
    CloseFinder,
    /// These beads are gone, or stay.
    Removed(Vec<u32>),
    /// References are others, or as they were.
    Referenced,
    /// Asks for the settings as they are now; this one was changed in the preferences.
    Set(Option<(String, String)>),
    /// Shows the settings that were answered.
    ShowSettings,
}

/// The window's whole state.
pub struct App<'a> {
    /// `None` once it has ended.
    session: Option<Session>,
    /// Sends to it; `None` once it has ended.
    courier: Option<Courier<(Then, Option<Deed>)>>,
    outcome: &'a mut Option<Outcome>,
    desk: Desk,
    layout: Layout,
    palette: Palette,
    help: Help,
    screenshots: Screenshots,
    /// Writes files; `None` if the system has refused a thread.
    errands: Option<Errands>,
    zlut_memory: ZLutMemory,
    closing: Closing,
    status: Status,
    messages: Messages,
    quit: Arc<AtomicBool>,
    is_quitting: bool,
    title: String,
    notes: Vec<String>,
    saved: Instant,
    pace: Pace,
    /// Where recordings go if nobody says another folder.
    usual_folder: PathBuf,
}

impl<'a> App<'a> {
    /// The window on this session. The outcome is written when the session has ended, by itself or with the window.
    pub fn new(context: &egui::Context, start: Start, outcome: &'a mut Option<Outcome>) -> Self {
        theme::apply(context);
        let Start {
            session,
            quit,
            view,
            notes,
            log,
            recording_folder,
            recording_name,
            title,
            user_file,
            rig,
        } = start;
        let layout_file = user_file.as_ref().map(|file| file.with_file_name("window.json"));
        let is_first = layout_file.as_ref().is_some_and(|file| !file.exists());
        let (layout, doubt) = Layout::load(layout_file);
        let mut messages = Messages::default();
        if let Some(doubt) = doubt {
            messages.add(Kind::Notice, doubt);
        }
        let mut help = Help::default();
        if is_first {
            help.tour();
        }
        let usual_folder = recording_folder.clone();
        let zlut_memory = ZLutMemory::new(user_file.clone(), rig.clone());
        let courier = Courier::new(session.commands().clone(), context);
        let courier = courier
            .inspect_err(|why| {
                messages.add(Kind::Failed, format!("nothing can be changed: no thread for commands: {why}"))
            })
            .ok();
        let errands = Errands::new(context);
        let errands = errands
            .inspect_err(|why| {
                messages.add(Kind::Failed, format!("no file can be written: no thread for it: {why}"))
            })
            .ok();
        let info = session.info();
        let zlut = Table::new(session.zlut().as_deref());
        let desk = Desk {
            feed: Feed::new(&session, view),
            video: Video::default(),
            plots: Plots::default(),
            analysis: Analysis::default(),
            table: BeadTable::default(),
            finder: Finder::default(),
            renumbering: Renumbering::default(),
            run: RunPane::default(),
            recording: Recording::new(&recording_folder, recording_name),
            motors: Motors::default(),
            preferences: Preferences::new(user_file, rig),
            log: LogPane::new(log),
            config: session.config(),
            axes: session.axes(),
            force: session.force(),
            pixel_size_nm: info.pixel_size_nm,
            mode: String::new(),
            locks: session.locks(),
            locking: Locking::default(),
            zlut,
            zlut_pane: ZLutPane::default(),
            sweep: session.zlut_sweep(),
            is_live: true,
            is_covered: false,
            was_typing: false,
            todo: Vec::new(),
        };
        let mut app = Self {
            desk,
            session: Some(session),
            courier,
            outcome,
            layout,
            palette: Palette::default(),
            help,
            screenshots: Screenshots::default(),
            errands,
            zlut_memory,
            closing: Closing::default(),
            status: Status::default(),
            messages,
            quit,
            is_quitting: false,
            title,
            notes,
            saved: Instant::now(),
            pace: Pace::default(),
            usual_folder,
        };
        app.renew_settings();
        app
    }

    /// Stops the session, if it was not, and keeps how it went.
    fn end(&mut self) {
        let Some(session) = self.session.take() else { return };
        // What was sent is done before.
        self.courier = None;
        let sweeps = session.zlut_sweep();
        let outcome = session.stop();
        // A sweep that was under way ended with the session.
        self.desk.sweep = ZLutSweep {
            phase: if sweeps.phase.is_running() { Phase::Cancelled } else { sweeps.phase },
            ..sweeps
        };
        self.desk.is_live = false;
        self.desk.recording.watch(&outcome.health, &mut self.messages);
        self.messages.tell_notices(&outcome.health);
        self.desk.recording.session_ended(&mut self.messages);
        self.status.settle(outcome.health.clone());
        *self.outcome = Some(outcome);
    }

    /// Sends a command; says why, if it is refused.
    fn send(&mut self, command: Command) {
        let then = match &command {
            Command::Mark { text } => Then::Marked(self.desk.feed.newest_s, text.clone()),
            Command::Acquire { on } => Then::Acquiring(*on),
            _ => Then::Nothing,
        };
        self.send_then(command, then);
    }

    /// Sends a command, and does that when it is done. False, and nothing is done then, if it is not under way.
    fn send_then(&mut self, command: Command, then: Then) -> bool {
        let Some(courier) = &mut self.courier else { return false };
        let changes_recording = matches!(then, Then::ChangedRecording);
        let deed = Deed::of(&command, |bead| {
            let sweep = self.session.as_ref()?.zlut_sweep();
            sweep.beads.iter().find(|swept| swept.bead == bead)?.zlut.clone()
        });
        match courier.send(command, (then, deed)) {
            Ok(()) => {
                self.desk.recording.is_changing |= changes_recording;
                true
            }
            Err(why) => {
                self.messages.add(Kind::Failed, why);
                false
            }
        }
    }

    /// Does what was to be done when commands that were sent are done.
    fn take_answers(&mut self) {
        while let Some(Answer { then: (then, deed), done }) = self.courier.as_mut().and_then(Courier::answer)
        {
            self.take_edits();
            match &then {
                Then::ChangedRecording => self.desk.recording.is_changing = false,
                Then::Removed(beads) => self.desk.feed.beads.removal_answered(beads),
                Then::Referenced => self.desk.feed.beads.references_answered(),
                Then::CloseFinder => self.desk.finder.not_added(),
                _ => {}
            }
            match done {
                Ok(applied) => {
                    if let Some(deed) = deed {
                        let in_use = self.session.as_ref().and_then(Session::zlut);
                        let kept = self.zlut_memory.learn(deed, &applied, in_use.as_ref());
                        kept.into_iter().for_each(|errand| self.give(errand));
                    }
                    self.desk.recording.follow(&applied, &mut self.messages);
                    self.go_on(then, applied);
                }
                Err(error) => {
                    self.messages.add(Kind::Failed, error.to_string());
                    if matches!(then, Then::Set(_)) {
                        // Fields show what holds.
                        self.renew_settings();
                    }
                }
            }
        }
    }

    fn go_on(&mut self, then: Then, applied: Applied) {
        match then {
            // What was recorded is told by all answers.
            Then::Nothing | Then::ChangedRecording | Then::Removed(_) | Then::Referenced => {}
            Then::Marked(at_s, text) => self.desk.plots.marks.push((at_s, text)),
            Then::Acquiring(on) => self.desk.run.is_paused = !on,
            Then::Tell(text) => self.messages.add(Kind::Done, text),
            Then::TellAnswer => {
                use Applied::{NextRecording, Recorded, Recording};
                // Those are told already.
                if !matches!(applied, Recording { .. } | Recorded { .. } | NextRecording { .. }) {
                    let text: String = applied.to_string().chars().take(MOST_TOLD).collect();
                    self.messages.add(Kind::Done, text);
                }
            }
            Then::CloseFinder => {
                self.desk.finder.close();
                let is_short = matches!(&applied, Applied::Added(added) if added.left_out > 0);
                let kind = if is_short { Kind::Notice } else { Kind::Done };
                self.messages.add(kind, format!("{applied}; Ctrl+Z takes them back"));
            }
            Then::Set(changed) => {
                match changed {
                    Some((name, value)) if name == "recording.folder" => self.desk.recording.folder = value,
                    Some((name, value)) if name == "recording.name" => self.desk.recording.name = value,
                    _ => {}
                }
                self.renew_settings();
            }
            Then::ShowSettings => {
                if let Applied::Settings(settings) = applied {
                    let mode = settings.iter().find(|setting| setting.name == "recording.mode");
                    self.desk.mode = mode.map_or(String::new(), |mode| mode.value_text());
                    self.desk.preferences.take(settings);
                }
            }
        }
    }

    /// Shows the beads as they are now, whoever has edited them.
    fn take_edits(&mut self) {
        if let Some(session) = &self.session
            && let Some(places) = self.desk.feed.take_edits(session)
        {
            self.desk.plots.follow(&places);
        }
    }

    /// Asks for the settings as they are in the session.
    fn renew_settings(&mut self) {
        self.send_then(Command::SettingList {}, Then::ShowSettings);
    }

    /// Does what was asked for in panes, by keys and in the search.
    fn work(&mut self, context: &egui::Context) {
        for todo in std::mem::take(&mut self.desk.todo) {
            match todo {
                Todo::Action(action) => self.act(context, action),
                Todo::Command(command) if self.desk.feed.beads.is_locked && moves_beads(&command) => {
                    self.messages.add(Kind::Notice, LOCKED);
                }
                Todo::Told(command) | Todo::Command(command @ Command::RoiLoad { .. }) => {
                    self.send_then(command, Then::TellAnswer);
                }
                Todo::Command(command @ Command::SettingSet { .. }) => {
                    self.send_then(command, Then::Set(None));
                }
                Todo::Command(command) => self.send(command),
                Todo::Export(export) => {
                    let errand = self.screenshots.export(context, self.folder(), export);
                    errand.into_iter().for_each(|errand| self.give(errand));
                }
                Todo::Look(path) => {
                    let look = move || {
                        let is_there = Path::new(&path).exists();
                        errands::Done::Looked(path, is_there)
                    };
                    // Refused, it is asked for again.
                    let _ = self.errands.as_mut().map(|errands| errands.give(Box::new(look)));
                }
                Todo::Preferences(Done::Command(command)) => {
                    let changed = match &command {
                        Command::SettingSet { name, value } => Some((name.clone(), value.clone())),
                        _ => None,
                    };
                    self.send_then(command, Then::Set(changed));
                }
                Todo::Preferences(Done::Renew) => self.renew_settings(),
                Todo::Preferences(Done::Saved(what)) => self.messages.add(Kind::Done, what),
                Todo::Preferences(Done::Refused(why)) => self.messages.add(Kind::Failed, why),
            }
        }
    }

    /// Has something done that may wait for a disk.
    fn give(&mut self, errand: Errand) {
        let nobody = "not written: no thread for files; start Beadscope again";
        if let Err(why) = self.errands.as_mut().map_or(Err(nobody), |errands| errands.give(errand)) {
            self.messages.add(Kind::Failed, why);
        }
    }

    /// Tells what came of it.
    fn take_errands(&mut self) {
        while let Some(done) = self.errands.as_mut().and_then(Errands::done) {
            match done {
                errands::Done::Written(written) => self.tell_written(Some(written)),
                errands::Done::Looked(path, is_there) => self.desk.zlut_pane.take_look(path, is_there),
                errands::Done::Kept(Ok(what)) => {
                    what.into_iter().for_each(|what| self.messages.add(Kind::Done, what));
                }
                errands::Done::Kept(Err(why)) => self.messages.add(Kind::Failed, why),
            }
        }
    }

    fn tell_written(&mut self, written: Option<Result<PathBuf, String>>) {
        match written {
            Some(Ok(path)) => self.messages.add(Kind::Done, format!("written: {}", path.display())),
            Some(Err(why)) => self.messages.add(Kind::Failed, why),
            None => {}
        }
    }

    /// Where files go that are not recordings.
    fn folder(&self) -> PathBuf {
        let typed = self.desk.recording.folder.trim();
        if typed.is_empty() { self.usual_folder.clone() } else { Path::new(typed).to_owned() }
    }

    /// Search, help and the search for beads, over everything else.
    fn show_windows(&mut self, context: &egui::Context) {
        self.closing.show(context);
        let settings = self.desk.preferences.names();
        match self.palette.show(context, &settings) {
            Some(Chosen::Action(action)) => self.desk.todo.push(Todo::Action(action)),
            Some(Chosen::Command(command)) => self.desk.todo.push(Todo::Told(command)),
            Some(Chosen::Setting(name)) => {
                self.layout.open(Pane::Preferences);
                self.desk.preferences.seek(&name);
            }
            None => {}
        }
        if let Some(pane) = self.help.show(context) {
            self.layout.open(pane);
        }
        if let Some(add) = self.desk.finder.show(context, &self.desk.feed.beads)
            && !self.send_then(add, Then::CloseFinder)
        {
            self.desk.finder.not_added();
        }
        let is_recording = self.desk.recording.running().is_some();
        if self.desk.renumbering.show(context, &self.desk.feed.beads, is_recording) {
            let told =
                "the beads are numbered from 0 now, also in a recording that runs; Ctrl+Z takes it back";
            self.send_then(Command::RoiRenumber {}, Then::Tell(told));
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
        let Feed { beads, newest_s, .. } = &self.desk.feed;
        Facts {
            beads: (beads.all.len(), beads.flagged()),
            newest_s: *newest_s,
            is_recording: self.desk.recording.running().is_some(),
            missed: self.desk.feed.missed(),
            locks: locking::summary(&self.desk.locks),
            under_way: self.courier.as_ref().and_then(Courier::under_way),
            display: (self.pace.rate_hz(), self.pace.between(), self.pace.work()),
        }
    }

    fn save_layout(&mut self) {
        self.saved = Instant::now();
        if let Err(why) = self.layout.save() {
            self.messages.add(Kind::Notice, why);
        }
    }
}

impl eframe::App for App<'_> {
    /// Runs also while the window is hidden, so that the plots have no hole afterwards.
    fn logic(&mut self, context: &egui::Context, _frame: &mut eframe::Frame) {
        if self.quit.load(Ordering::Relaxed) {
            if let (false, Some(session)) = (self.is_quitting, &self.session) {
                // Nobody is left to watch a motion; what went wrong is in the log.
                let _ = session.commands().send(Sender::Signal, Command::AxisEmergencyStop {});
            }
            self.is_quitting = true;
            context.send_viewport_cmd(ViewportCommand::Close);
        }
        if let (false, Some(session)) = (self.is_quitting, &self.session) {
            self.closing.watch(context, || session.zlut_sweep().is_unkept());
        }
        context.request_repaint_after(LOOK);
        for errand in self.screenshots.taken() {
            self.give(errand);
        }
        self.take_errands();
        let is_held = self.layout.is_seen(Pane::Motors) && context.input(|input| input.pointer.any_down());
        if let Some(stop) = self.desk.motors.let_go(is_held) {
            self.send(stop);
        }
        self.take_answers();
        self.take_edits();
        self.desk.feed.wants_profile =
            self.desk.analysis.wants_profile() && self.layout.is_seen(Pane::Analysis);
        self.desk.feed.take_rows();
        let Some(session) = &self.session else { return };
        self.desk.feed.take_picture(session);
        if !session.is_running() {
            self.end();
            return;
        }
        self.desk.axes = session.axes();
        self.desk.force = session.force();
        self.desk.locks = session.locks();
        if let Some(why) = self.desk.locking.take(self.desk.feed.newest_s, &self.desk.locks) {
            self.messages.add(Kind::Failed, format!("the Z-lock has ended: {why}"));
        }
        self.desk.plots.take_axes(&session.clock(), &self.desk.axes, self.desk.force.as_ref());
        if self.layout.is_seen(Pane::ZLut) {
            self.desk.sweep = session.zlut_sweep();
        }
        if let Some(health) = self.status.refresh(|| session.health()) {
            self.desk.recording.watch(health, &mut self.messages);
            self.messages.tell_notices(health);
            self.desk.config = session.config();
            if self.desk.feed.take_zlut(session) {
                self.desk.zlut = Table::new(session.zlut().as_deref());
            }
        }
        if self.saved.elapsed() > SAVE_EVERY {
            self.save_layout();
        }
        context.request_repaint_after(DRAW_EVERY);
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        let context = ui.ctx().clone();
        self.pace.take(Instant::now(), frame.info().cpu_usage.map(Duration::from_secs_f32));
        self.desk.is_covered =
            self.palette.is_open() || self.desk.renumbering.is_asked() || self.closing.is_asking();
        self.desk.obey_keys(&context);
        let bar = Frame::side_top_panel(ui.style()).inner_margin(Margin::symmetric(10, 6));
        Panel::top("top").frame(bar).show(ui, |ui| {
            let live = self.session.is_some();
            let asked = topbar::show(ui, &self.title, &self.notes, &self.desk.recording, live);
            self.desk.todo.extend(asked.map(Todo::Action));
            self.banner(ui);
        });
        Panel::bottom("status").frame(bar).show(ui, |ui| self.status.show(ui, &self.facts()));
        CentralPanel::default().frame(Frame::NONE).show(ui, |ui| self.layout.show(ui, &mut self.desk));
        self.show_windows(&context);
        self.work(&context);
    }

    fn on_exit(&mut self) {
        self.save_layout();
        let (between, work) = (self.pace.between(), self.pace.work());
        tracing::info!(
            "the window drew {:.1} frames a second: {:.1} / {:.1} / {:.1} ms between two, {:.1} / {:.1} / {:.1} ms of work (median, 99 %, most)",
            self.pace.rate_hz(),
            between.p50,
            between.p99,
            between.most,
            work.p50,
            work.p99,
            work.most
        );
        self.end();
    }
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

#[cfg(test)]
mod tests;
