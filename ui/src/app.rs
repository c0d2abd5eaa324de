//! The window as a whole: takes what has come, draws bars and panes, does what was asked for, and ends the session at the end.

mod act;
mod end;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use beadscope_engine::command::{Applied, Command, CommandError};
use beadscope_engine::session::{Outcome, Session};
use beadscope_engine::status::EndReason;
use eframe::egui::{self, CentralPanel, Frame, Margin, Panel};

use crate::Start;
use crate::analysis::Analysis;
use crate::bead_table::BeadTable;
use crate::courier::{Answer, Courier};
use crate::desk::{Desk, Table, Todo};
use crate::errands::{self, Errand, Errands};
use crate::experiment::{self, Experiment};
use crate::export::Screenshots;
use crate::feed::Feed;
use crate::find::Finder;
use crate::guard::Guard;
use crate::help::Help;
use crate::layout::{self, Contents as _, Folder, Layout, WindowSize};
use crate::locking::{self, Locking};
use crate::log::LogPane;
use crate::messages::{self, Kind, Messages};
use crate::motors::Motors;
use crate::pace::Pace;
use crate::palette::{Chosen, Palette};
use crate::panes::Pane;
use crate::plots::Plots;
use crate::preferences::{Done, Preferences};
use crate::question::Question;
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
use end::{About, Ending};

/// Time between drawn frames while the session runs: smooth to the eye, and leaves the cores to tracking.
const DRAW_EVERY: Duration = Duration::from_millis(25);

/// How often the window looks whether it is to close, when nothing else happens.
const LOOK: Duration = Duration::from_millis(250);

/// Letters of an answer that are shown.
const MOST_TOLD: usize = 300;

/// What may panic outside of panes, as it is told.
const SEARCH: &str = "The search";
const HELP: &str = "The help";
const FINDER: &str = "The search for beads";
const TOP_BAR: &str = "The bar at the top";
const STATUS_BAR: &str = "The bar at the bottom";
const MESSAGES: &str = "The list of messages";
const WORK: &str = "Doing what was asked for";
const CLOSING: &str = "Closing the window";
const ANSWERS: &str = "Taking answers";
const FEED: &str = "Taking frames and rows";
const SESSION: &str = "Looking at the session";

/// How often a changed layout is written.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// What the window does when a command is done.
enum Then {
    /// Nothing; its doings are seen.
    Nothing,
    /// Shows the marker in the plots, at that time of the session, s.
    Marked(f64, String),
    /// The note is in the recording.
    Noted(String),
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
    /// Asks for the settings as they are now.
    Set,
    /// Shows the settings that were answered.
    ShowSettings,
}

/// What goes with a command: what to do when it is done, and what it means for the Z-LUT that is kept.
type Sent = (Then, Option<Deed>);

/// The window's whole state.
pub struct App<'a> {
    /// `None` once it has ended.
    session: Option<Session>,
    /// Sends to it; `None` once it has ended.
    courier: Option<Courier<Sent>>,
    /// The session is being finished.
    ending: Option<Ending>,
    /// What is asked before it is done.
    question: Option<(About, Question)>,
    /// Knows what has panicked.
    guard: Guard,
    outcome: &'a mut Option<Outcome>,
    desk: Desk,
    layout: Layout,
    palette: Palette,
    help: Help,
    screenshots: Screenshots,
    /// Writes files; `None` if the system has refused a thread.
    errands: Option<Errands>,
    zlut_memory: ZLutMemory,
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
        let layout_file = user_file.as_deref().map(layout::file_beside);
        let is_first = layout_file.as_ref().is_some_and(|file| !file.exists());
        let (layout, doubt) = Layout::load(layout_file);
        let look = layout.kept().look;
        theme::begin(context, &look);
        let mut messages = Messages::default();
        if let Some(doubt) = doubt {
            messages.add(Kind::Notice, doubt);
        }
        let mut help = Help::default();
        if is_first {
            help.tour();
        }
        let settings_folder = recording_folder.display().to_string();
        let kept_folder = layout.kept().folder.as_ref().filter(|folder| folder.settings == settings_folder);
        let folder = kept_folder.map_or(recording_folder.clone(), |folder| PathBuf::from(&folder.chosen));
        let usual_folder = recording_folder;
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
            recording: Recording::new(&folder, recording_name),
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
            experiment: Experiment::default(),
            zlut,
            zlut_pane: ZLutPane::default(),
            sweep: session.zlut_sweep(),
            is_live: true,
            is_covered: false,
            was_typing: HashMap::default(),
            accent: look.accent,
            todo: Vec::new(),
        };
        let mut app = Self {
            desk,
            session: Some(session),
            courier,
            ending: None,
            question: None,
            guard: Guard::default(),
            outcome,
            layout,
            palette: Palette::default(),
            help,
            screenshots: Screenshots::default(),
            errands,
            zlut_memory,
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

    /// Sends a command; says why, if it is refused.
    fn send(&mut self, command: Command) {
        let then = match &command {
            Command::Mark { text } => Then::Marked(self.desk.feed.newest_s, text.clone()),
            Command::Note { text } => Then::Noted(text.clone()),
            Command::SettingSet { .. } => Then::Set,
            Command::Acquire { on } => Then::Acquiring(*on),
            _ => Then::Nothing,
        };
        self.send_then(command, then);
    }

    /// Sends a command, and does that when it is done. Whatever the window sends, whoever has asked for it, goes through here. False, and
    /// nothing is done then, if it is not under way.
    fn send_then(&mut self, command: Command, then: Then) -> bool {
        if self.desk.feed.beads.is_locked && moves_beads(&command) {
            self.messages.add(Kind::Notice, LOCKED);
            return false;
        }
        let Some(courier) = &mut self.courier else {
            self.stop_at_the_end(&command);
            return false;
        };
        use Command::{RecordNext, RecordStart, RecordStop};
        let changes_recording = matches!(command, RecordStart { .. } | RecordNext {} | RecordStop {});
        let then = if changes_recording { Then::ChangedRecording } else { then };
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
                self.desk.run.is_refused();
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
                    if let Applied::Setting(change) = &applied {
                        // Whoever has changed it: by hand, in the search or in the preferences.
                        self.desk.recording.take_setting(&change.name, &change.new);
                    }
                    self.go_on(then, applied);
                }
                Err(error) => self.refused(then, &error),
            }
        }
    }

    fn refused(&mut self, then: Then, error: &CommandError) {
        match (then, error) {
            (Then::Marked(at_s, text), CommandError::NotRecording) => {
                self.desk.run.is_marked(&text);
                let told =
                    format!("marked in the plots only: no recording runs, so \"{text}\" is in no file");
                self.messages.add(Kind::Notice, told);
                self.desk.plots.marks.push((at_s, text));
                return;
            }
            (Then::Marked(..) | Then::Noted(_), _) => self.desk.run.is_refused(),
            // Fields show what holds.
            (Then::Set, _) => self.renew_settings(),
            _ => {}
        }
        self.messages.add(Kind::Failed, error.to_string());
    }

    fn go_on(&mut self, then: Then, applied: Applied) {
        match then {
            // What was recorded is told by all answers.
            Then::Nothing | Then::ChangedRecording | Then::Removed(_) | Then::Referenced => {}
            Then::Marked(at_s, text) => {
                self.desk.run.is_marked(&text);
                self.desk.plots.marks.push((at_s, text));
            }
            Then::Noted(text) => self.desk.run.is_noted(&text),
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
            Then::Set => self.renew_settings(),
            Then::ShowSettings => {
                if let Applied::Settings(settings) = applied {
                    let mode = settings.iter().find(|setting| setting.name == "recording.mode");
                    self.desk.mode =
                        mode.and_then(|mode| mode.value.as_ref()?.as_str()).unwrap_or_default().to_owned();
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
        // One by one: what panics takes nothing with it that comes after.
        for _ in 0..self.desk.todo.len() {
            let todo = self.desk.todo.remove(0);
            match todo {
                Todo::Action(action) => self.act(context, action),
                Todo::Told(Command::Stop {}) => self.ask(context, About::Stopping),
                Todo::Told(command) | Todo::Command(command @ Command::RoiLoad { .. }) => {
                    let is_setting = matches!(command, Command::SettingSet { .. });
                    self.send_then(command, Then::TellAnswer);
                    if is_setting {
                        self.renew_settings();
                    }
                }
                Todo::Command(command) => self.send(command),
                Todo::Export(export) => {
                    let errand = self.screenshots.export(context, self.folder(), export);
                    errand.into_iter().for_each(|errand| self.give(errand));
                }
                Todo::ReadScript(path) => {
                    self.give(Box::new(move || errands::Done::Script(experiment::text_of(&path))));
                }
                Todo::StartScript => {
                    if let Some(session) = &self.session {
                        self.desk.experiment.start(session.commands().clone());
                    }
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
                    self.send_then(command, Then::Set);
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
                errands::Done::Script(text) => self.desk.experiment.take(text),
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

    /// Search, help, the search for beads and questions, over everything else. One that panics is closed.
    fn show_windows(&mut self, context: &egui::Context) {
        let settings = self.desk.preferences.names();
        let palette = &mut self.palette;
        match self.guard.run(SEARCH, || palette.show(context, &settings)) {
            Some(Some(Chosen::Action(action))) => self.desk.todo.push(Todo::Action(action)),
            Some(Some(Chosen::Command(command))) => self.desk.todo.push(Todo::Told(command)),
            Some(Some(Chosen::Setting(name))) => {
                self.layout.open(Pane::Preferences);
                self.desk.preferences.seek(&name);
            }
            Some(None) => {}
            None => {
                self.palette = Palette::default();
                self.tell_failure();
            }
        }
        let help = &mut self.help;
        match self.guard.run(HELP, || help.show(context)) {
            Some(Some(pane)) => self.layout.open(pane),
            Some(None) => {}
            None => {
                self.help = Help::default();
                self.tell_failure();
            }
        }
        let Desk { finder, feed, .. } = &mut self.desk;
        match self.guard.run(FINDER, || finder.show(context, &feed.beads)) {
            Some(Some(add)) => {
                if !self.send_then(add, Then::CloseFinder) {
                    self.desk.finder.not_added();
                }
            }
            Some(None) => {}
            None => {
                self.desk.finder.close();
                self.tell_failure();
            }
        }
        let is_recording = self.desk.recording.running().is_some();
        if self.desk.renumbering.show(context, &self.desk.feed.beads, is_recording) {
            let told =
                "the beads are numbered from 0 now, also in a recording that runs; Ctrl+Z takes it back";
            self.send_then(Command::RoiRenumber {}, Then::Tell(told));
        }
        self.show_question(context);
    }

    /// Says what has panicked outside of any pane, once.
    fn tell_failure(&mut self) {
        if let Some(what) = self.guard.news() {
            let text = format!("{what}. Session and recording go on. Please report it");
            self.messages.add(Kind::Failed, text);
        }
    }

    fn banner(&mut self, ui: &mut egui::Ui) {
        if let Some((what, then)) = self.ending_text() {
            messages::ended(ui, &theme::colors(ui), &what, &then, false);
        } else if let Some(outcome) = &*self.outcome {
            let why = format!("The session has ended: {}.", outcome.reason);
            let failed = outcome.reason.is_failure();
            messages::ended(ui, &theme::colors(ui), &why, what_to_do(&outcome.reason), failed);
        }
        self.desk.todo.extend(self.messages.show(ui).map(Todo::Action));
    }

    fn facts(&self) -> Facts {
        let Feed { beads, newest_s, .. } = &self.desk.feed;
        Facts {
            beads: (beads.all.len(), beads.flagged()),
            newest_s: *newest_s,
            is_recording: self.desk.recording.running().is_some(),
            missed: self.desk.feed.missed(),
            locks: locking::summary(&self.desk.locks),
            disk: self.desk.next_disk(),
            under_way: self.courier.as_ref().and_then(Courier::under_way),
            display: (self.pace.rate_hz(), self.pace.between(), self.pace.work()),
        }
    }

    /// Takes note of what is to be as it is at the next start.
    fn keep(&mut self, context: &egui::Context) {
        let look = theme::now(context, self.desk.accent);
        let seen = context.input(|input| {
            let viewport = input.viewport();
            (viewport.inner_rect, viewport.maximized, viewport.minimized == Some(true))
        });
        let chosen = self.desk.recording.folder.trim().to_owned();
        let settings = self.usual_folder.display().to_string();
        self.layout.keep(|kept| {
            kept.look = look;
            kept.folder = (chosen != settings && !chosen.is_empty()).then_some(Folder { chosen, settings });
            if let (Some(inner), maximized, false) = seen {
                let is_maximized = maximized == Some(true);
                let size = (inner.size() * look.zoom).into();
                // Maximised, it keeps the size that it goes back to.
                let size = kept.window.filter(|_| is_maximized).map_or(size, |kept| kept.size);
                kept.window = Some(WindowSize { size, is_maximized });
            }
        });
    }

    fn save_layout(&mut self) {
        self.saved = Instant::now();
        if let Err(why) = self.layout.save() {
            self.messages.add(Kind::Notice, why);
        }
    }
}

impl eframe::App for App<'_> {
    /// Runs also while the window is hidden, so that the plots have no hole afterwards. What panics here is told, and the rest goes on.
    fn logic(&mut self, context: &egui::Context, _frame: &mut eframe::Frame) {
        for (part, work) in [
            (CLOSING, Self::look_whether_to_close as fn(&mut Self, &egui::Context)),
            (ANSWERS, Self::look_at_answers),
            (FEED, Self::look_at_frames),
            (SESSION, Self::look_at_session),
        ] {
            // Taken out for the moment: what is guarded has the window to itself.
            let mut guard = std::mem::take(&mut self.guard);
            guard.run(part, || work(self, context));
            self.guard = guard;
            self.tell_failure();
        }
        context.request_repaint_after(LOOK);
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        let context = ui.ctx().clone();
        self.pace.take(Instant::now(), frame.info().cpu_usage.map(Duration::from_secs_f32));
        self.desk.is_covered =
            self.palette.is_open() || self.desk.renumbering.is_asked() || self.question.is_some();
        self.desk.obey_keys(&context);
        let bar = Frame::side_top_panel(ui.style()).inner_margin(Margin::symmetric(10, 6));
        let mut guard = std::mem::take(&mut self.guard);
        Panel::top("top").frame(bar).show(ui, |ui| {
            let live = self.session.is_some();
            guard.show(ui, TOP_BAR, |ui| {
                let asked = topbar::show(ui, &self.title, &self.notes, &self.desk.recording, live);
                self.desk.todo.extend(asked.map(Todo::Action));
            });
            guard.show(ui, MESSAGES, |ui| self.banner(ui));
        });
        Panel::bottom("status").frame(bar).show(ui, |ui| {
            guard.show(ui, STATUS_BAR, |ui| self.status.show(ui, &self.facts()));
        });
        self.guard = guard;
        CentralPanel::default().frame(Frame::NONE).show(ui, |ui| self.layout.show(ui, &mut self.desk));
        self.show_windows(&context);
        let mut guard = std::mem::take(&mut self.guard);
        guard.run(WORK, || self.work(&context));
        self.guard = guard;
        self.tell_failure();
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
        self.end_now(&egui::Context::default());
    }
}

impl App<'_> {
    fn look_at_answers(&mut self, context: &egui::Context) {
        // Before all that may fail.
        if let Some(stop) = self.desk.motors.let_go() {
            self.send(stop);
        }
        for errand in self.screenshots.taken() {
            self.give(errand);
        }
        self.take_errands();
        self.take_answers();
        self.take_edits();
        self.take_end(context);
    }

    fn look_at_frames(&mut self, _context: &egui::Context) {
        self.desk.feed.wants_profile =
            self.desk.analysis.wants_profile() && self.layout.is_seen(Pane::Analysis);
        self.desk.feed.take_rows();
        if let Some(session) = &self.session {
            self.desk.feed.take_picture(session);
        }
    }

    fn look_at_session(&mut self, context: &egui::Context) {
        self.desk.recording.folders.look(&self.desk.recording.folder);
        self.keep(context);
        if self.saved.elapsed() > SAVE_EVERY {
            self.save_layout();
        }
        let Some(session) = &self.session else { return };
        if !session.is_running() {
            self.begin_end(context, false);
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
        context.request_repaint_after(DRAW_EVERY);
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
