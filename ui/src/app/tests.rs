//! The window as an experimenter uses it: real clicks and keys, on a session of the simulated microscope. Nothing is drawn, but everything
//! is laid out.

use std::time::Instant;

use std::sync::Mutex;

use beadscope_drivers::axis::{AxisError, AxisInfo, AxisState, Controller};
use beadscope_drivers::{CAMERAS, CONTROLLERS};
use beadscope_engine::command::Sender;
use beadscope_engine::hardware::{Motors, OpenController};
use beadscope_engine::instrument::Instrument;
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

    /// What is in the folder of the recordings and is called so.
    fn files(&self, part: &str) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.folder.path().join("runs")) else { return Vec::new() };
        entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().contains(part))
            .collect()
    }
}

#[test]
fn a_recording_is_made_marked_split_and_finished_with_keys_and_buttons() {
    let mut window = Window::open();
    window.click("⏺ Record");
    window.wait("recording", |app| app.desk.recording.running().is_some());
    window.press(Modifiers::NONE, Key::M);
    assert_eq!(window.app().desk.plots.marks.len(), 1, "{}", window.messages());
    window.press(Modifiers::NONE, Key::N);
    assert!(window.messages().contains("recorded"), "{}", window.messages());
    window.click("⏹ Stop recording");
    assert!(window.app().desk.recording.running().is_none());
    assert!(window.messages().matches("none lost").count() == 2, "{}", window.messages());
    let runs = window.files("_test");
    assert_eq!(runs.len(), 2, "{runs:?}");
    assert!(runs.iter().all(|run| run.join("tracks.h5").exists()));
    window.press(Modifiers::NONE, Key::M);
    assert!(
        window.messages().contains("no recording runs"),
        "a marker without a recording is refused: {}",
        window.messages()
    );
}

#[test]
fn beads_are_removed_brought_back_and_found() {
    let mut window = Window::open();
    window.press(Modifiers::NONE, Key::Delete);
    assert_eq!(window.beads(), 5);
    window.press(Modifiers::COMMAND, Key::Z);
    assert_eq!(window.beads(), 6);
    window.press(Modifiers::COMMAND, Key::Y);
    window.press(Modifiers::NONE, Key::Delete);
    assert_eq!(window.beads(), 4);
    window.press(Modifiers::NONE, Key::L);
    window.press(Modifiers::NONE, Key::Delete);
    assert_eq!(window.beads(), 4, "they are locked");
    assert!(window.messages().contains("locked"));
    window.press(Modifiers::NONE, Key::L);
    // Without a seed, any round bead; with one only those at its height.
    window.harness.state_mut().desk.feed.beads.selected = None;
    window.click("🔍 Find…");
    window.wait("candidates", |app| !app.desk.finder.preview(&app.desk.feed.beads).is_empty());
    window.click("Add 2 beads");
    window.wait("beads", |app| app.desk.feed.beads.all.len() == 6);
    window.press(Modifiers::COMMAND, Key::Z);
    assert_eq!(window.beads(), 4, "one edit, which is taken back at once");
    window.press(Modifiers::COMMAND, Key::Y);
    assert_eq!(window.beads(), 6);
}

#[test]
fn drift_is_taken_off_and_the_plots_become_files() {
    let mut window = Window::open();
    let stuck = |app: &App<'_>| {
        let spread = |place: usize| app.desk.feed.history.trace(place, 2, 0, &[]).deviation;
        (0..6).min_by(|a, b| spread(*a).total_cmp(&spread(*b))).unwrap()
    };
    window.wait("motion", |app| app.desk.feed.history.trace(0, 2, 0, &[]).deviation > 0.0);
    let stuck = stuck(window.app());
    window.harness.state_mut().desk.feed.beads.select(stuck);
    window.press(Modifiers::NONE, Key::G);
    assert_eq!(window.app().desk.feed.beads.references(), [stuck]);
    window.click("− references");
    assert_eq!(window.app().desk.plots.references(&window.app().desk.feed.beads), [stuck]);
    assert!(window.harness.query_by_label("z, less references (nm)").is_some(), "the axis says so");
    window.press(Modifiers::NONE, Key::Space);
    for format in ["Data (CSV)", "Drawing (SVG)"] {
        window.click("⬇");
        window.click(format);
    }
    let (csv, svg) = (window.files("_plots.csv"), window.files("_plots.svg"));
    assert!(csv.len() == 1 && svg.len() == 1, "{}", window.messages());
    let text = std::fs::read_to_string(&csv[0]).unwrap();
    assert!(text.lines().count() > 100 && text.contains("less references (nm)"), "{}", &text[..200]);
    assert!(std::fs::read_to_string(&svg[0]).unwrap().contains("<polyline"));
    window.press(Modifiers::NONE, Key::S);
    let picture = window.files(".png");
    assert_eq!(image::image_dimensions(&picture[0]).unwrap(), (480, 360));
}

#[test]
fn the_search_does_what_was_chosen_and_tells_why_it_does_not() {
    let mut window = Window::open();
    window.press(Modifiers::COMMAND, Key::K);
    window.type_text("allan");
    window.press(Modifiers::NONE, Key::Enter);
    assert!(window.app().layout.is_seen(Pane::Analysis));
    window.press(Modifiers::COMMAND, Key::K);
    window.type_text("axis.move axis=\"magnet_height\", to=8");
    window.press(Modifiers::NONE, Key::Enter);
    window.wait("motion of the magnets", |app| app.desk.axes.iter().any(|axis| axis.target == Some(8.0)));
    window.press(Modifiers::COMMAND, Key::K);
    window.press(Modifiers::NONE, Key::Escape);
    assert!(!window.app().palette.is_open());
    let goes_on = window.app().desk.axes.iter().any(|axis| axis.target == Some(8.0));
    assert!(goes_on, "closing the search stops nothing");
    window.press(Modifiers::NONE, Key::Escape);
    window.wait("rest", |app| app.desk.axes.iter().all(|axis| axis.target.is_none()));
    window.press(Modifiers::COMMAND, Key::K);
    window.type_text("axis.move axis=\"magnet_height\", to=nowhere");
    window.press(Modifiers::NONE, Key::Enter);
    assert!(window.harness.query_by_label_contains("axis.move: ").is_some(), "why it is no command");
    window.press(Modifiers::NONE, Key::Escape);
    window.press(Modifiers::COMMAND, Key::K);
    window.type_text("camera.rate");
    window.press(Modifiers::NONE, Key::Enter);
    assert!(window.app().layout.is_seen(Pane::Preferences));
}

#[test]
fn every_pane_is_laid_out_and_every_field_has_a_name() {
    let mut window = Window::open();
    for pane in Pane::ALL {
        window.harness.state_mut().layout.open(pane);
        (0..3).for_each(|_| window.harness.step());
        assert!(window.app().layout.is_seen(pane), "{pane:?}");
        window.harness.check_accessibility();
        window.harness.state_mut().layout.close(pane);
        (0..2).for_each(|_| window.harness.step());
        assert!(!window.app().layout.is_seen(pane), "{pane:?}");
    }
    window.harness.state_mut().layout.reset();
    window.harness.step();
    assert!(window.app().layout.is_seen(Pane::Camera) && window.app().layout.is_seen(Pane::Plots));
}

#[test]
fn the_end_of_the_session_is_told_and_the_window_stays() {
    let mut window = Window::open();
    window.click("⏺ Record");
    let context = window.harness.ctx.clone();
    window.harness.state_mut().begin_end(&context, false);
    window.harness.step();
    window.wait("end", |app| app.outcome.is_some());
    window.harness.step();
    assert!(window.app().outcome.as_ref().unwrap().health.ledger.check().is_ok());
    assert!(window.harness.query_by_label_contains("The session has ended").is_some());
    assert!(window.messages().contains("was finished with the session"), "{}", window.messages());
    window.press(Modifiers::NONE, Key::Delete);
    window.press(Modifiers::NONE, Key::R);
    assert_eq!(window.beads(), 6, "nothing can be changed any more, and nothing breaks");
}

/// The wizard, from the first click to heights that come from the new table.
#[test]
fn a_zlut_is_recorded_chosen_and_used() {
    let mut window = Window::open();
    window.harness.state_mut().send(Command::CameraSet { rate_hz: Some(500.0), exposure_us: None });
    window.harness.state_mut().layout.open(Pane::ZLut);
    let before = window.app().session.as_ref().unwrap().zlut().unwrap().hash();
    window.click("▶ Start the sweep");
    window.wait("sweep", |app| app.desk.sweep.phase.is_running());
    window.wait("preview", |app| app.desk.sweep.preview.planes.len() > 3);
    window.wait("end of the sweep", |app| !app.desk.sweep.phase.is_running());
    assert_eq!(window.app().desk.sweep.phase, Phase::Done, "{}", window.messages());
    assert_eq!(window.app().desk.sweep.beads.len(), 6);
    window.harness.step();
    // It lies below what the pane shows: as a screen reader clicks it.
    window.harness.get_all_by_label("Use").next().unwrap().click_accesskit();
    window.harness.step();
    window.wait("the new table", |app| app.session.as_ref().unwrap().zlut().unwrap().hash() != before);
    window.wait("the new table in the analysis", |app| app.desk.zlut.z_nm.first() == Some(&-1000.0));
    window.click("Unload");
    window.wait("no table", |app| app.session.as_ref().unwrap().zlut().is_none());
    window.wait("rows without z", |app| {
        app.desk.feed.beads.all.iter().all(|bead| bead.newest.is_some_and(|row| row.z_nm.is_nan()))
    });
}

#[test]
fn a_key_that_is_held_counts_once_and_typed_commands_show_in_the_bar() {
    let mut window = Window::open();
    let r_is = |pressed: bool| egui::Event::Key {
        key: Key::R,
        physical_key: None,
        pressed,
        repeat: false,
        modifiers: Modifiers::NONE,
    };
    for _ in 0..4 {
        // The keyboard tells of a key that is held again and again.
        window.harness.event(r_is(true));
        window.settle();
        assert!(window.app().desk.recording.running().is_some(), "started once, and not stopped again");
    }
    window.harness.event(r_is(false));
    window.press(Modifiers::NONE, Key::R);
    assert!(window.app().desk.recording.running().is_none(), "pressed again");
    let folder = window.folder.path().join("runs").display().to_string();
    for (command, is_running) in
        [(format!("record.start folder=\"{folder}\""), true), ("record.stop".to_owned(), false)]
    {
        window.press(Modifiers::COMMAND, Key::K);
        window.type_text(&command);
        window.press(Modifiers::NONE, Key::Enter);
        assert_eq!(
            window.app().desk.recording.running().is_some(),
            is_running,
            "{command}: {}",
            window.messages()
        );
    }
    window.press(Modifiers::NONE, Key::L);
    window.press(Modifiers::COMMAND, Key::Z);
    assert!(window.messages().contains("locked"), "{}", window.messages());
}

#[test]
fn magnets_go_to_a_force_and_nothing_moves_after_an_emergency_stop_until_somebody_resumes() {
    let mut window = Window::open();
    let height = |app: &App<'_>| app.desk.axes[0].state.unwrap().position;
    // 1 pN, which is asked for before anything is typed.
    window.click("Ramp");
    window.wait("ramp", |app| app.desk.force.as_ref().is_some_and(|force| force.ramp.is_some()));
    window.wait("force", |app| app.desk.force.as_ref().unwrap().force.unwrap().pn < 5.0);
    window.press(Modifiers::SHIFT, Key::Escape);
    window.wait("emergency", |app| app.desk.axes.iter().all(|axis| axis.is_stopped));
    let stopped = height(window.app());
    window.press(Modifiers::COMMAND, Key::K);
    window.type_text("axis.step axis=\"magnet_height\", by=1");
    window.press(Modifiers::NONE, Key::Enter);
    assert!(window.messages().contains("resume"), "{}", window.messages());
    assert!((height(window.app()) - stopped).abs() < 0.05);
    window.click("Resume");
    window.wait("motors", |app| app.desk.axes.iter().all(|axis| !axis.is_stopped));
    // A step that would end at the limit is asked about, and not made before.
    window.harness.state_mut().desk.todo.push(Todo::Command(Command::AxisMove {
        axis: "magnet_height".to_owned(),
        to: 19.5,
        speed: None,
        clamp: None,
    }));
    window.wait("height", |app| (height(app) - 19.5).abs() < 0.01);
    window.harness.get_by_label("Magnet height 0.1 mm up").click();
    window.harness.step();
    window.harness.step();
    let asked = window.harness.query_by_label_contains("from its limit");
    assert!(asked.is_some() && window.app().desk.axes[0].target == Some(19.5));
    window.click("Do it");
    window.wait("step", |app| (height(app) - 19.6).abs() < 0.01);
}

/// A controller that takes a second for each motion, and writes down what it was told.
struct Sluggish {
    controller: Box<dyn Controller>,
    told: Arc<Mutex<Vec<&'static str>>>,
}

impl Controller for Sluggish {
    fn axes(&self) -> &[AxisInfo] {
        self.controller.axes()
    }
    fn read(&mut self, axis: usize) -> Result<AxisState, AxisError> {
        self.controller.read(axis)
    }
    fn move_to(&mut self, axis: usize, target: f64) -> Result<(), AxisError> {
        self.told.lock().unwrap().push("move");
        std::thread::sleep(Duration::from_secs(1));
        self.controller.move_to(axis, target)
    }
    fn stop(&mut self, axis: usize) -> Result<(), AxisError> {
        self.told.lock().unwrap().push("stop");
        self.controller.stop(axis)
    }
    fn emergency_stop(&mut self) -> Result<(), AxisError> {
        self.controller.emergency_stop()
    }
    fn set_speed(&mut self, axis: usize, speed: f64) -> Result<f64, AxisError> {
        self.controller.set_speed(axis, speed)
    }
    fn reconnect(&mut self) -> Result<(), AxisError> {
        self.controller.reconnect()
    }
}

#[test]
fn the_window_goes_on_while_a_motor_is_slow_and_motors_keep_the_order_of_commands() {
    let told = Arc::<Mutex<Vec<_>>>::default();
    let mut window = Window::open_with(|motors| {
        let first = motors.controllers.remove(0);
        let controller = Box::new(Sluggish { controller: first.controller, told: told.clone() });
        motors.controllers.insert(0, OpenController { controller, ..first });
    });
    let axis = window.app().desk.axes[0].info.name.clone();
    let begun = Instant::now();
    window.harness.state_mut().send(Command::AxisMove {
        axis: axis.clone(),
        to: 8.0,
        speed: None,
        clamp: None,
    });
    window.harness.state_mut().send(Command::AxisStop { axis: Some(axis) });
    assert!(begun.elapsed() < Duration::from_millis(500), "nobody waits for the motor");
    // A bead is removed meanwhile.
    let delete = Command::RoiRemove { beads: vec![0] };
    window.harness.state_mut().send(delete);
    window.wait("five beads", |app| app.desk.feed.beads.all.len() == 5);
    let is_slow = |app: &App<'_>| app.courier.as_ref().is_some_and(|courier| courier.under_way().is_some());
    assert!(is_slow(window.app()), "the motor has not answered yet: {}", window.messages());
    window.wait("notice", |app| {
        let under_way = app.courier.as_ref().and_then(Courier::under_way);
        under_way.is_some_and(|(_, since)| since > Duration::from_millis(400))
    });
    window.harness.step();
    assert!(window.harness.query_by_label_contains("under way").is_some(), "people see why nothing moves");
    window.settle();
    assert_eq!(*told.lock().unwrap(), ["move", "stop"], "{}", window.messages());
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

#[test]
fn closing_the_window_asks_while_something_would_be_lost_and_waits_until_the_file_is_whole() {
    let mut window = Window::open();
    window.click("⏺ Record");
    assert!(!window.close(), "a recording runs");
    window.harness.step();
    assert!(window.harness.query_by_label_contains("The recording ends here").is_some());
    window.click("Stay");
    assert!(window.app().session.is_some() && window.app().question.is_none());
    window.close();
    window.harness.step();
    window.harness.get_by_label("Finish and close").click();
    let mut has_told = false;
    let deadline = Instant::now() + PATIENCE;
    while !window.asks_for(&ViewportCommand::Close) {
        window.harness.step();
        has_told |= window.harness.query_by_label_contains("Finishing the recording").is_some();
        assert!(Instant::now() < deadline);
    }
    assert!(has_told, "people see what the window waits for");
    assert!(window.files("_test")[0].join("tracks.h5").exists(), "whole before the window goes");
    assert!(window.close(), "nothing is left to lose");
}

#[test]
fn a_window_without_anything_to_lose_and_one_that_a_signal_ends_ask_nothing() {
    let mut window = Window::open();
    window.close();
    assert!(window.app().question.is_none() && window.app().ending.is_some());
    let mut window = Window::open();
    window.click("⏺ Record");
    window.app().quit.store(true, std::sync::atomic::Ordering::Relaxed);
    window.wait("end", |app| app.outcome.is_some());
    assert!(window.app().question.is_none());
    assert!(window.files("_test")[0].join("tracks.h5").exists());
}

#[test]
fn stop_in_the_search_is_for_motors_and_the_end_of_the_session_is_asked_about() {
    let mut window = Window::open();
    window.press(Modifiers::COMMAND, Key::K);
    window.type_text("stop");
    window.press(Modifiers::NONE, Key::Enter);
    (0..20).for_each(|_| window.harness.step());
    assert!(window.app().session.is_some() && window.app().question.is_none(), "motors are meant");
    let todo = Todo::Told(Command::Stop {});
    window.harness.state_mut().desk.todo.push(todo);
    window.settle();
    assert!(window.harness.query_by_label("End the session?").is_some());
    window.press(Modifiers::NONE, Key::Escape);
    assert!(window.app().session.is_some() && window.app().question.is_none(), "Escape is no");
    window.harness.state_mut().desk.todo.push(Todo::Told(Command::Stop {}));
    window.settle();
    window.click("Finish and end");
    window.wait("end", |app| app.outcome.is_some());
}

#[test]
fn a_recording_that_the_session_splits_is_followed() {
    let mut window = Window::open();
    window.click("⏺ Record");
    window.wait("recording", |app| app.desk.recording.running().is_some());
    let first = window.app().desk.recording.running().unwrap().file.clone();
    let bus = window.app().session.as_ref().unwrap().commands().clone();
    bus.send(Sender::Session, Command::RecordNext {}).unwrap();
    window.wait("the next file", |app| app.desk.recording.running().is_some_and(|now| now.file != first));
    window.harness.step();
    let now = window.app().desk.recording.running().unwrap().file.display().to_string();
    let bar = format!("into {now}");
    assert!(window.harness.query_by_label(&bar).is_some(), "the bar tells the file that grows");
    window.wait("its ledger", |app| {
        app.desk.recording.now.as_ref().is_some_and(|now| now.ledger.recorded > 0 && now.bytes > 0)
    });
    bus.send(Sender::Text, Command::RecordStop {}).unwrap();
    window.wait("end of the recording", |app| app.desk.recording.running().is_none());
}

#[test]
fn locked_beads_stay_whoever_asks_and_a_refused_note_stays_in_its_field() {
    let mut window = Window::open();
    window.press(Modifiers::NONE, Key::L);
    for command in ["roi.clear", "roi.remove beads=[0]"] {
        window.press(Modifiers::COMMAND, Key::K);
        window.type_text(command);
        window.press(Modifiers::NONE, Key::Enter);
        assert_eq!(window.beads(), 6, "{command}");
    }
    assert!(window.messages().contains("locked"));
    window.harness.state_mut().layout.open(Pane::Run);
    window.press(Modifiers::NONE, Key::R);
    window.wait("recording", |app| app.desk.recording.running().is_some());
    let long = "tether 3 is broken ".repeat(30).trim().to_owned();
    window.harness.state_mut().desk.run.set_note(&long);
    window.click("Add note");
    assert!(window.messages().contains("out of range"), "{}", window.messages());
    assert_eq!(window.app().desk.run.note(), long);
    window.harness.state_mut().desk.run.set_note("tether 3 is broken");
    window.click("Add note");
    assert_eq!(window.app().desk.run.note(), "", "{}", window.messages());
}

#[test]
fn what_panics_outside_of_panes_ends_nothing() {
    let mut window = Window::open();
    window.click("⏺ Record");
    window.wait("recording", |app| app.desk.recording.running().is_some());
    for part in [SEARCH, HELP, FINDER, TOP_BAR, STATUS_BAR, MESSAGES, WORK, CLOSING, ANSWERS, FEED, SESSION] {
        window.harness.state_mut().guard.breaks = Some(part);
        (0..3).for_each(|_| window.harness.step());
        assert!(window.app().guard.is_broken(part), "{part}");
        window.harness.state_mut().guard.breaks = None;
        window.harness.step();
        while window.try_again() {
            (0..3).for_each(|_| window.harness.step());
        }
    }
    let before = window.app().desk.feed.newest_s;
    window.wait("rows", |app| app.desk.feed.newest_s > before + 0.2);
    window.click("⏹ Stop recording");
    assert!(window.messages().contains("recorded"), "{}", window.messages());
}

#[test]
fn a_setting_that_was_typed_in_the_search_reaches_the_pane_run() {
    let mut window = Window::open();
    let folder = window.folder.path().join("elsewhere").display().to_string();
    window.press(Modifiers::COMMAND, Key::K);
    window.type_text(&format!("setting.set name=\"recording.folder\", value=\"{folder}\""));
    window.press(Modifiers::NONE, Key::Enter);
    assert_eq!(window.app().desk.recording.folder, folder, "{}", window.messages());
}

#[test]
fn look_and_folder_are_as_they_were_left_unless_the_settings_say_another_folder() {
    let mut window = Window::open();
    let chosen = window.folder.path().join("chosen").display().to_string();
    window.harness.state_mut().desk.recording.folder.clone_from(&chosen);
    window.harness.state_mut().desk.accent = Some([200, 30, 120]);
    window.harness.state_mut().desk.todo.push(Todo::Action(Action::Theme(theme::Shade::Light)));
    window.press(Modifiers::COMMAND, Key::Equals);
    window.settle();
    let zoom = window.harness.ctx.zoom_factor();
    assert!(zoom > 1.05, "Ctrl and = make letters larger: {zoom}");
    window.harness.state_mut().layout.float(Pane::Log);
    window.settle();
    window.harness.state_mut().save_layout();
    let Window { harness, folder } = window;
    drop(harness);
    let window = Window::open_in(folder, |_| ());
    let context = &window.harness.ctx;
    assert_eq!(window.app().desk.recording.folder, chosen);
    // The harness is dark whatever is asked of it; what was kept is in the file.
    let look = theme::now(context, window.app().desk.accent);
    assert_eq!((look.accent, look.zoom), (Some([200, 30, 120]), zoom));
    let Window { harness, folder } = window;
    drop(harness);
    let file = folder.path().join("window.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let settings = folder.path().join("runs").display().to_string();
    assert!(text.contains(&settings) && text.contains("\"shade\":\"light\""), "{text}");
    std::fs::write(&file, text.replace(&settings, "/what/the/settings/said/then")).unwrap();
    let window = Window::open_in(folder, |_| ());
    assert_eq!(window.app().desk.recording.folder, settings, "they say something else now, and hold");
}

#[test]
fn the_pane_run_tells_state_name_and_disk_and_browses_for_a_folder() {
    let mut window = Window::open();
    window.harness.state_mut().layout.open(Pane::Run);
    window.wait("disk", |app| app.desk.recording.folders.seen.free_bytes.is_some());
    window.harness.step();
    assert!(window.harness.query_by_label("not recording").is_some());
    assert!(window.harness.query_by_label_contains("GB free").is_some(), "also when nothing is recorded");
    window.harness.state_mut().desk.recording.name = "{bead_count} beads {n}".to_owned();
    window.harness.step();
    assert!(window.harness.query_by_label_contains("_6 beads 1").is_some(), "how the next is called");
    window.harness.state_mut().desk.recording.name = "{colour}".to_owned();
    window.harness.step();
    assert!(window.harness.query_by_label_contains("{bead_count}").is_some(), "what may be filled in");
    window.press(Modifiers::NONE, Key::R);
    assert!(window.messages().contains("{colour}") && window.files("").is_empty(), "{}", window.messages());
    window.harness.state_mut().desk.recording.name = "{bead_count} beads {n}".to_owned();
    std::fs::create_dir_all(window.folder.path().join("runs/day 2")).unwrap();
    window.click("Browse…");
    window.wait("list", |app| app.desk.run.browses());
    (0..50).for_each(|_| {
        window.harness.step();
        std::thread::sleep(Duration::from_millis(5));
    });
    window.click("📁 day 2");
    (0..50).for_each(|_| {
        window.harness.step();
        std::thread::sleep(Duration::from_millis(5));
    });
    window.click("Choose");
    assert!(window.app().desk.recording.folder.ends_with("day 2"), "{}", window.app().desk.recording.folder);
    window.press(Modifiers::NONE, Key::R);
    window.wait("ledger", |app| app.desk.recording.now.as_ref().is_some_and(|now| now.ledger.recorded > 0));
    window.harness.step();
    assert!(window.harness.query_by_label_contains("● RECORDING").is_some());
    assert!(window.harness.query_by_label("none lost").is_some());
    window.press(Modifiers::NONE, Key::R);
    let runs = std::fs::read_dir(window.folder.path().join("runs/day 2")).unwrap();
    let names: Vec<_> = runs.map(|run| run.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.len() == 1 && names[0].ends_with("_6 beads 1"), "{names:?}");
}

#[test]
fn what_the_search_finds_is_shown_otherwise_at_once() {
    let mut window = Window::open();
    for (typed, pane) in [("trails", Pane::Camera), ("histogram", Pane::Analysis), ("roi file", Pane::Beads)]
    {
        window.harness.state_mut().layout.close(pane);
        window.press(Modifiers::COMMAND, Key::K);
        window.type_text(typed);
        window.press(Modifiers::NONE, Key::Enter);
        assert!(window.app().layout.is_seen(pane), "{typed}");
    }
    assert!(window.app().desk.video.shows_trails);
    let todo = Todo::Action(Action::ResetLayout);
    window.harness.state_mut().layout.close(Pane::Camera);
    window.harness.state_mut().desk.todo.push(todo);
    window.settle();
    assert!(window.app().layout.is_seen(Pane::Camera));
    window.click("Undo the reset");
    assert!(!window.app().layout.is_seen(Pane::Camera), "as it was before the reset");
}

/// A window of its own, with its own pointer and keys.
#[test]
fn a_motor_is_driven_and_keys_are_typed_in_a_window_of_its_own() {
    use eframe::egui::{Event, PointerButton, Pos2, RawInput};
    let events = Arc::<Mutex<Vec<Event>>>::default();
    let drawn = Arc::<Mutex<egui::PlatformOutput>>::default();
    let mut window = Window::open();
    let context = window.harness.ctx.clone();
    context.set_embed_viewports(false);
    let (theirs, output) = (events.clone(), drawn.clone());
    egui::Context::set_immediate_viewport_renderer(move |context, mut viewport| {
        let input = RawInput {
            viewport_id: viewport.ids.this,
            viewports: std::iter::once((viewport.ids.this, egui::ViewportInfo::default())).collect(),
            screen_rect: Some(egui::Rect::from_min_size(Pos2::ZERO, egui::vec2(900.0, 400.0))),
            events: std::mem::take(&mut *theirs.lock().unwrap()),
            ..RawInput::default()
        };
        let mut told = context.run_ui(input, |ui| (viewport.viewport_ui_cb)(ui));
        // Nothing is drawn.
        told.textures_delta.clear();
        *output.lock().unwrap() = std::mem::take(&mut told.platform_output);
    });
    window.harness.state_mut().layout.float(Pane::Motors);
    (0..3).for_each(|_| window.harness.step());
    // Where the button is, as a screen reader is told.
    let place = |name: &str| {
        let output = drawn.lock().unwrap();
        let update = output.accesskit_update.as_ref().unwrap();
        let node = update.nodes.iter().find(|(_, node)| node.label() == Some(name)).unwrap();
        let bounds = node.1.bounds().unwrap();
        egui::pos2(((bounds.x0 + bounds.x1) / 2.0) as f32, ((bounds.y0 + bounds.y1) / 2.0) as f32)
    };
    let button = |pos: Pos2, pressed: bool| Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    let up = place("Drive Magnet height up");
    events.lock().unwrap().extend([Event::PointerMoved(up), button(up, true)]);
    let height = |app: &App<'_>| app.desk.axes[0].state.unwrap().position;
    let before = height(window.app());
    window.wait("motion", |app| height(app) > before + 0.02);
    (0..40).for_each(|_| window.harness.step());
    window.settle();
    assert!(window.app().desk.motors.is_driving(), "it goes on while it is held");
    events.lock().unwrap().push(button(up, false));
    window.wait("rest", |app| !app.desk.motors.is_driving());
    // A pane that is closed under a finger.
    events.lock().unwrap().push(button(up, true));
    window.wait("drive", |app| app.desk.motors.is_driving());
    window.harness.state_mut().layout.close(Pane::Motors);
    (0..3).for_each(|_| window.harness.step());
    assert!(!window.app().desk.motors.is_driving());
    // Escape leaves a field of the other window, and stops nothing.
    window.harness.state_mut().layout.float(Pane::Motors);
    (0..3).for_each(|_| window.harness.step());
    let target = place("Target of Magnet height");
    events.lock().unwrap().extend([Event::PointerMoved(target), button(target, true), button(target, false)]);
    (0..4).for_each(|_| window.harness.step());
    let escape = |pressed: bool| Event::Key {
        key: Key::Escape,
        physical_key: None,
        pressed,
        repeat: false,
        modifiers: Modifiers::NONE,
    };
    window.harness.state_mut().send(Command::AxisMove {
        axis: "magnet_height".to_owned(),
        to: 12.0,
        speed: Some(0.1),
        clamp: None,
    });
    window.wait("motion", |app| app.desk.axes[0].target == Some(12.0));
    events.lock().unwrap().extend([escape(true), escape(false)]);
    (0..4).for_each(|_| window.harness.step());
    window.settle();
    assert_eq!(window.app().desk.axes[0].target, Some(12.0), "the field was left, and nothing else");
    events.lock().unwrap().extend([escape(true), escape(false)]);
    window.wait("rest", |app| app.desk.axes[0].target.is_none());
}

#[test]
fn a_button_that_tab_has_reached_takes_its_own_keys_and_no_others() {
    let mut window = Window::open();
    window.press(Modifiers::NONE, Key::Tab);
    assert!(window.harness.ctx.egui_wants_keyboard_input(), "something has the focus");
    assert!(!window.harness.ctx.text_edit_focused());
    window.press(Modifiers::NONE, Key::L);
    assert!(window.app().desk.feed.beads.is_locked);
    let is_paused = window.app().desk.plots.is_paused();
    window.press(Modifiers::NONE, Key::Space);
    assert_eq!(window.app().desk.plots.is_paused(), is_paused);
    window.wait("recording", |app| app.desk.recording.running().is_some());
}
