//! What is in the panes: their states, and what each shows. What is asked for in them is gathered, and done by the window.

use std::collections::HashMap;

use std::path::PathBuf;

use beadscope_engine::command::Command;
use beadscope_engine::hardware::AxisReading;
use beadscope_engine::locks::LocksState;
use beadscope_engine::magnets::ForceState;
use beadscope_engine::record::space::{Disk, expected_bytes_per_s, outlook};
use beadscope_engine::session::CameraConfig;
use beadscope_engine::video::Mode;
use beadscope_engine::zlut_sweep::ZLutSweep;
use beadscope_zlut::ZLut;
use eframe::egui::{self, Event, Key, KeyboardShortcut, ViewportId};

use crate::actions::{ALL, Action};
use crate::analysis::{self, Analysis, TableRings};
use crate::bead_table::{self, BeadTable};
use crate::experiment::{self, Experiment};
use crate::export::Export;
use crate::feed::Feed;
use crate::find::Finder;
use crate::layout::Contents;
use crate::locking::Locking;
use crate::log::LogPane;
use crate::motors::Motors;
use crate::panes::Pane;
use crate::plots::Plots;
use crate::preferences::{self, Preferences};
use crate::recording::Recording;
use crate::renumber::Renumbering;
use crate::run_pane::{self, RunPane};
use crate::video::{self, Over, Video};
use crate::zlut_pane::{self, ZLutPane};

/// Beads whose paths are drawn.
const TRAILS: usize = 8;
/// How far back paths go, s.
const TRAIL_S: f64 = 2.0;

/// Something that was asked for in a pane.
pub enum Todo {
    /// One of the window's actions.
    Action(Action),
    /// A command of the engine.
    Command(Command),
    /// A command whose answer is to be seen.
    Told(Command),
    /// A figure that is to become a file.
    Export(Export),
    /// Whether there is a file of this name.
    Look(String),
    /// The file of a script that is to be read.
    ReadScript(PathBuf),
    /// The script that was read is to begin.
    StartScript,
    /// Something in the preferences.
    Preferences(preferences::Done),
}

/// The heights and rings of the Z-LUT in use.
#[derive(Default)]
pub struct Table {
    /// Height of each plane, nm.
    pub z_nm: Vec<f64>,
    /// Mean grey level of each ring in it.
    pub rows: Vec<Vec<f32>>,
}

impl Table {
    /// The planes of this Z-LUT; none without one.
    pub fn new(zlut: Option<&ZLut>) -> Self {
        let rows = |zlut: &ZLut| (0..zlut.n_planes()).map(|plane| zlut.profile(plane).to_vec()).collect();
        zlut.map_or(Self::default(), |zlut| Self { z_nm: zlut.z_nm().to_vec(), rows: rows(zlut) })
    }

    /// The plane that is nearest to a height.
    fn at(&self, z_nm: f64) -> Option<(f64, Vec<f32>)> {
        let planes = self.z_nm.iter().zip(&self.rows).filter(|(z, _)| !(*z - z_nm).is_nan());
        let nearest = planes.min_by(|(a, _), (b, _)| (*a - z_nm).abs().total_cmp(&(*b - z_nm).abs()));
        nearest.map(|(z, row)| (*z, row.clone()))
    }
}

/// All panes.
pub struct Desk {
    /// What the session tells.
    pub feed: Feed,
    /// The picture.
    pub video: Video,
    /// The plots.
    pub plots: Plots,
    /// The analysis.
    pub analysis: Analysis,
    /// The table of beads.
    pub table: BeadTable,
    /// The search for beads.
    pub finder: Finder,
    /// The question before beads are numbered.
    pub renumbering: Renumbering,
    /// Camera and recording.
    pub run: RunPane,
    /// Where recordings go.
    pub recording: Recording,
    /// The axes.
    pub motors: Motors,
    /// The settings.
    pub preferences: Preferences,
    /// The log.
    pub log: LogPane,
    /// What the camera has now.
    pub config: CameraConfig,
    /// Where the axes are.
    pub axes: Vec<AxisReading>,
    /// The force of the magnets, if it is known.
    pub force: Option<ForceState>,
    /// Size of a pixel in the sample, nm.
    pub pixel_size_nm: f64,
    /// What the session tracks and films.
    pub mode: String,
    /// What the locks do.
    pub locks: LocksState,
    /// Their pane.
    pub locking: Locking,
    /// The script.
    pub experiment: Experiment,
    /// The Z-LUT in use.
    pub zlut: Table,
    /// Its pane.
    pub zlut_pane: ZLutPane,
    /// How the sweep goes that records another.
    pub sweep: ZLutSweep,
    /// The session runs.
    pub is_live: bool,
    /// Something lies over the panes, which Escape closes.
    pub is_covered: bool,
    /// Whether a field was typed in when the keys of a window were looked at last: each has its own.
    pub was_typing: HashMap<ViewportId, bool>,
    /// The colour of what is selected; `None`: the usual one.
    pub accent: Option<[u8; 3]>,
    /// What was asked for, in its order.
    pub todo: Vec<Todo>,
}

impl Contents for Desk {
    fn show(&mut self, ui: &mut egui::Ui, pane: Pane) {
        match pane {
            Pane::Camera => self.camera(ui),
            Pane::Plots => {
                let Feed { beads, history, .. } = &mut self.feed;
                let export = self.plots.show(ui, beads, history, &self.axes, self.force.is_some());
                self.todo.extend(export.map(Todo::Export));
            }
            Pane::Analysis => self.analysis(ui),
            Pane::Beads => {
                let Feed { beads, history, .. } = &mut self.feed;
                let asked = self.table.show(ui, beads, history, &self.recording.folder);
                match asked {
                    Some(bead_table::Asked::Action(action)) => self.todo.push(Todo::Action(action)),
                    Some(bead_table::Asked::Command(command @ Command::RoiSave { .. })) => {
                        self.todo.push(Todo::Told(command));
                    }
                    Some(bead_table::Asked::Command(command)) => self.todo.push(Todo::Command(command)),
                    Some(bead_table::Asked::Reveal) => self.reveal_selected(),
                    None => {}
                }
            }
            Pane::Run => {
                let now = run_pane::Now {
                    config: &self.config,
                    mode: &self.mode,
                    beads: self.feed.beads.all.len(),
                    bytes_per_s: self.bytes_per_s(),
                    is_live: self.is_live,
                };
                let asked = self.run.show(ui, &now, &mut self.recording);
                self.todo.extend(asked.map(|asked| match asked {
                    run_pane::Asked::Action(action) => Todo::Action(action),
                    run_pane::Asked::Command(command) => Todo::Command(command),
                    run_pane::Asked::Keep(name, value) => {
                        Todo::Preferences(self.preferences.keep(name, &value))
                    }
                }));
            }
            Pane::Motors => {
                let asked = self.motors.show(ui, &self.axes, self.force.as_ref());
                self.todo.extend(asked.into_iter().map(Todo::Command));
            }
            Pane::Locking => {
                let names = self.feed.beads.references();
                let numbers: Vec<u32> = names
                    .iter()
                    .filter_map(|place| Some(self.feed.beads.all.get(*place)?.roi.bead))
                    .collect();
                let asked = self.locking.show(ui, &self.locks, &numbers, self.is_live);
                self.todo.extend(asked.into_iter().map(Todo::Command));
            }
            Pane::Experiment => {
                let asked = self.experiment.show(ui, &self.recording.folder, self.is_live);
                self.todo.extend(asked.map(|asked| match asked {
                    experiment::Asked::Read(path) => Todo::ReadScript(path),
                    experiment::Asked::Start => Todo::StartScript,
                }));
            }
            Pane::ZLut => {
                let bead = self.feed.beads.selected_bead().map(|bead| bead.roi.bead);
                let (sweep, axes, is_live) = (&self.sweep, &self.axes, self.is_live);
                let seen = zlut_pane::Seen { sweep, bead, folder: &self.recording.folder, axes, is_live };
                let asked = self.zlut_pane.show(ui, &seen);
                self.todo.extend(asked.into_iter().map(|asked| match asked {
                    zlut_pane::Asked::Command(command) => Todo::Command(command),
                    zlut_pane::Asked::Told(command) => Todo::Told(command),
                    zlut_pane::Asked::Look(path) => Todo::Look(path),
                    zlut_pane::Asked::Export(export) => Todo::Export(export),
                }));
            }
            Pane::Preferences => {
                let done = self.preferences.show(ui, &mut self.accent);
                self.todo.extend(done.into_iter().map(Todo::Preferences));
            }
            Pane::Log => self.log.show(ui),
        }
    }

    fn obey_keys(&mut self, context: &egui::Context) {
        let is_typing = context.text_edit_focused();
        let was_typing = self.was_typing.insert(context.viewport_id(), is_typing).unwrap_or(false);
        // A button that Tab has reached takes few keys, and nothing else.
        let has_focus = context.egui_wants_keyboard_input();
        let is_over = self.is_covered || egui::Popup::is_any_open(context);
        // Escape leaves a field, gives a drag up and closes what lies over the window before it stops motors: a sweep does not end with
        // a search.
        let is_taken = is_over || is_typing || was_typing || context.egui_is_using_pointer();
        match escape(context) {
            // Whatever else is going on.
            Some(true) => self.todo.push(Todo::Action(Action::EmergencyStop)),
            Some(false) if !is_taken => self.todo.push(Todo::Action(Action::StopMotors)),
            _ => {}
        }
        let is_stop = |action| matches!(action, Action::StopMotors | Action::EmergencyStop);
        for entry in ALL.iter().filter(|entry| !is_stop(entry.action)) {
            for keys in entry.keys {
                let is_chord = !keys.modifiers.is_none();
                let opens = is_chord && matches!(entry.action, Action::Search | Action::Open(_));
                let is_taken = is_typing || is_over || (has_focus && belongs_to_focus(keys));
                if !is_taken || opens {
                    let may_repeat =
                        matches!(entry.action, Action::NextBead | Action::PreviousBead | Action::Nudge(..));
                    if is_pressed(context, keys, may_repeat) {
                        self.todo.push(Todo::Action(entry.action));
                    }
                }
            }
        }
    }
}

/// A button, box or slider that has the focus does something by this key itself.
fn belongs_to_focus(keys: &KeyboardShortcut) -> bool {
    use Key::{ArrowDown, ArrowLeft, ArrowRight, ArrowUp, Enter, Space};
    let is_taken = matches!(keys.logical_key, Space | Enter | ArrowLeft | ArrowRight | ArrowUp | ArrowDown);
    keys.modifiers.is_none() && is_taken
}

/// Escape was pressed, and whether with Shift: as it was then, not at the end of a long frame.
fn escape(context: &egui::Context) -> Option<bool> {
    context.input(|input| {
        let presses = input.events.iter().filter_map(|event| match event {
            Event::Key { key: Key::Escape, pressed: true, modifiers, .. } => Some(modifiers.shift),
            _ => None,
        });
        // The graver of two.
        presses.max()
    })
}

impl Desk {
    /// Bytes a second that a recording would grow by now.
    pub fn bytes_per_s(&self) -> f64 {
        let mode =
            Mode::NAMES.iter().find(|(_, name)| *name == self.mode).map_or(Mode::Track, |(mode, _)| *mode);
        let beads = &self.feed.beads;
        expected_bytes_per_s(mode, &self.config, beads.all.len(), beads.roi_px)
    }

    /// The disk of the next recording, and whether it does not answer.
    pub fn next_disk(&self) -> (Option<Disk>, bool) {
        let folders = &self.recording.folders;
        let disk = folders.seen.free_bytes.map(|free_bytes| outlook(free_bytes, self.bytes_per_s()));
        (disk, folders.is_mute())
    }

    fn camera(&mut self, ui: &mut egui::Ui) {
        let side_px = self.finder.roi_px().unwrap_or_default();
        let trails = if self.video.shows_trails { self.trails() } else { Vec::new() };
        let over = Over {
            pixel_size_nm: self.pixel_size_nm,
            camera: &camera_text(&self.config),
            trails: &trails,
            proposed: (self.finder.preview(), side_px),
        };
        let Feed { picture, beads, .. } = &mut self.feed;
        let asked = self.video.show(ui, picture, beads, &over);
        self.todo.extend(asked.map(|asked| match asked {
            video::Asked::Action(action) => Todo::Action(action),
            video::Asked::Command(command) => Todo::Command(command),
        }));
    }

    /// Moves the picture so that the selected bead is seen.
    pub fn reveal_selected(&mut self) {
        if let Some(bead) = self.feed.beads.selected_bead() {
            let (x_px, y_px) = bead.roi.center_px();
            self.video.viewport.reveal(x_px as f32, y_px as f32);
        }
    }

    /// Paths of the selected beads, px.
    fn trails(&self) -> Vec<Vec<(f32, f32)>> {
        let nm = self.pixel_size_nm;
        let path = |place: usize| {
            let run = self.feed.samples.newest(place, TRAIL_S, &[]);
            let [x, y, _] = &run.values;
            let places = x.iter().zip(y).filter(|(x, y)| x.is_finite() && y.is_finite());
            places.map(|(x, y)| ((x / nm) as f32, (y / nm) as f32)).collect()
        };
        self.feed.beads.shown(TRAILS).into_iter().map(path).collect()
    }

    fn analysis(&mut self, ui: &mut egui::Ui) {
        let beads = &self.feed.beads;
        let bead = beads.selected.zip(beads.selected_bead().map(|bead| bead.name()));
        let references = self.plots.references(beads);
        let at = |z_nm: f64| self.zlut.at(z_nm);
        let table = TableRings { at: &at };
        let number = beads.selected_bead().map(|bead| bead.roi.bead);
        let profile =
            self.feed.profile.as_ref().filter(|(bead, _)| Some(*bead) == number).map(|(_, seen)| seen);
        let (samples, paused_s) = (&self.feed.samples, self.plots.paused_s());
        let seen = analysis::Seen { bead, samples, references: &references, profile, table, paused_s };
        let export = self.analysis.show(ui, &seen);
        self.todo.extend(export.map(Todo::Export));
    }
}

/// Whether keys were pressed; a key that is held down counts once, unless it may repeat.
fn is_pressed(context: &egui::Context, keys: &KeyboardShortcut, may_repeat: bool) -> bool {
    context.input_mut(|input| {
        let is_held = input.events.iter().any(|event| match event {
            Event::Key { key, pressed: true, repeat: true, .. } => *key == keys.logical_key,
            _ => false,
        });
        input.consume_shortcut(keys) && (may_repeat || !is_held)
    })
}

/// What the camera's picture is, and how it was taken.
fn camera_text(config: &CameraConfig) -> String {
    let CameraConfig { window, format, exposure_us, .. } = config;
    let bits = u32::from(format.max_level()).count_ones();
    format!("{} × {} px, {bits} bit, exposure {exposure_us:.0} µs", window.width_px, window.height_px)
}
