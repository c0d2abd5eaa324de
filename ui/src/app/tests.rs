//! The window as an experimenter uses it: real clicks and keys, on a session of the simulated microscope. Nothing is drawn, but everything
//! is laid out.

mod beads;
mod ending;
mod experiment;
mod motors;
mod plots;
mod recording;
mod search;
mod zlut;

use std::time::Instant;

use std::sync::Mutex;

use beadscope_drivers::axis::{AxisError, AxisInfo, AxisState, Controller};
use beadscope_drivers::{CAMERAS, CONTROLLERS};
use beadscope_engine::command::Sender;
use beadscope_engine::hardware::{Motors, OpenController};
use beadscope_engine::instrument::Instrument;
use beadscope_engine::locks::ZPhase;
use beadscope_engine::record::info::RunInfo;
use beadscope_engine::rig::Rig;
use beadscope_engine::session::{Session, Setup};
use beadscope_engine::settings::Settings;
use beadscope_engine::zlut_sweep::Phase;
use eframe::egui::{Key, Modifiers, ViewportCommand, ViewportEvent, ViewportId};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use tempfile::TempDir;

use super::*;
use crate::actions::Action;
use crate::history::ALWAYS;
use crate::log::Log;

/// Whatever is waited for has happened by then, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

struct Window {
    harness: Harness<'static, App<'static>>,
    folder: TempDir,
}

impl Window {
    /// Six beads, two of them stuck, at 100 Hz; opened again with what it has kept, if `folder` is given.
    fn open() -> Self {
        Self::open_with(|_| ())
    }

    /// The same, with motors that are changed before the session starts.
    fn open_with(change: impl FnOnce(&mut Motors)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Not the first start: no tour.
        std::fs::write(folder.path().join("window.json"), "{}").unwrap();
        Self::open_in(folder, change)
    }

    /// The same, with what another one has kept in this folder.
    fn open_in(folder: TempDir, change: impl FnOnce(&mut Motors)) -> Self {
        let mut rig = Rig::default();
        rig.camera.settings =
            "beads = 6\nreference_beads = 2\nwidth_px = 480\nheight_px = 360".parse().unwrap();
        let Instrument { camera, config, mut motors, tracker, zlut, pixel_size_nm, .. } =
            Instrument::open(&rig, CAMERAS, CONTROLLERS).unwrap();
        change(&mut motors);
        let rois = tracker.rois().to_vec();
        assert_eq!(rois.len(), 6);
        let info = RunInfo {
            pixel_size_nm,
            settings_toml: String::new(),
            camera: "simulated".to_owned(),
            rois,
            zlut,
        };
        let settings = Settings::load(None, None).unwrap();
        let setup = Setup {
            camera,
            config,
            motors,
            tracker,
            frame_limit: None,
            info,
            record: None,
            settings,
            notes: Vec::new(),
            hurry: Arc::default(),
        };
        let (session, view) = Session::start(setup).unwrap();
        let start = Start {
            session,
            quit: Arc::default(),
            view,
            notes: Vec::new(),
            log: Log::default(),
            recording_folder: folder.path().join("runs"),
            recording_name: "test".to_owned(),
            title: "simulated camera".to_owned(),
            user_file: Some(folder.path().join("user.toml")),
            rig: None,
        };
        // It lives as long as the window.
        let outcome = Box::leak(Box::new(None));
        let harness = Harness::builder()
            .with_size([1280.0, 800.0])
            .build_eframe(|context| App::new(&context.egui_ctx, start, outcome));
        let mut window = Self { harness, folder };
        window.wait("rows", |app| app.desk.feed.newest_s > 0.5);
        window
    }

    fn app(&self) -> &App<'static> {
        self.harness.state()
    }

    fn beads(&self) -> usize {
        self.app().desk.feed.beads.all.len()
    }

    fn wait(&mut self, what: &str, is_so: impl Fn(&App<'static>) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self.app()) {
            assert!(
                Instant::now() < deadline,
                "still no {what}; {:?}",
                self.app().messages.texts().collect::<Vec<_>>()
            );
            self.harness.step();
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Draws until what was asked for is done.
    fn settle(&mut self) {
        self.harness.step();
        self.harness.step();
        self.wait("answers", |app| app.courier.as_ref().is_none_or(|courier| courier.under_way().is_none()));
        self.wait("files", |app| app.errands.as_ref().is_none_or(|errands| errands.under_way() == 0));
        self.harness.step();
    }

    /// Clicks what is called so.
    fn click(&mut self, label: &str) {
        self.harness.step();
        self.harness.get_by_label(label).click();
        self.settle();
    }

    fn press(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.settle();
    }

    fn type_text(&mut self, text: &str) {
        self.harness.event(egui::Event::Text(text.to_owned()));
        self.harness.step();
        self.harness.step();
    }

    fn messages(&self) -> String {
        self.app().messages.texts().collect::<Vec<_>>().join("\n")
    }

    /// The Z-LUT that the next start loads.
    fn kept_zlut(&self) -> Option<PathBuf> {
        let file = self.folder.path().join("user.toml");
        Settings::load(None, Some(&file)).unwrap().rig().tracking.zlut.clone()
    }

    /// What is in the folder of the recordings and is called so.
    fn files(&self, part: &str) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.folder.path().join("runs")) else { return Vec::new() };
        entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().contains(part))
            .collect()
    }
}

impl Window {
    /// As if the button that closes the window was clicked; whether the window went.
    fn close(&mut self) -> bool {
        let viewport = self.harness.input_mut().viewports.get_mut(&ViewportId::ROOT).unwrap();
        viewport.events.push(ViewportEvent::Close);
        self.harness.step();
        let viewport = self.harness.input_mut().viewports.get_mut(&ViewportId::ROOT).unwrap();
        viewport.events.clear();
        !self.asks_for(&ViewportCommand::CancelClose)
    }

    /// Clicks a button of a part that has failed; whether there is one.
    fn try_again(&self) -> bool {
        let button = self.harness.query_all_by_label("Try again").next();
        button.inspect(|button| button.click()).is_some()
    }

    /// Whether the window asks the system for this.
    fn asks_for(&self, command: &ViewportCommand) -> bool {
        self.harness.output().viewport_output[&ViewportId::ROOT].commands.contains(command)
    }
}
