//! The window as an experimenter uses it: real clicks and keys, on a session of the simulated microscope. Nothing is drawn, but everything
//! is laid out.

use std::time::Instant;

use std::sync::Mutex;

use beadscope_drivers::axis::{AxisError, AxisInfo, AxisState, Controller};
use beadscope_drivers::{CAMERAS, CONTROLLERS};
use beadscope_engine::hardware::{Motors, OpenController};
use beadscope_engine::instrument::Instrument;
use beadscope_engine::locks::ZPhase;
use beadscope_engine::record::info::RunInfo;
use beadscope_engine::rig::Rig;
use beadscope_engine::session::{Session, Setup};
use beadscope_engine::settings::Settings;
use eframe::egui::{Key, Modifiers};
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
        // Not the first start: no tour.
        std::fs::write(folder.path().join("window.json"), "{}").unwrap();
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

    /// Whether the window asks when it is to be closed.
    fn closes_or_asks(&mut self) -> bool {
        let viewport = self.harness.input_mut().viewports.get_mut(&egui::ViewportId::ROOT).unwrap();
        viewport.events.push(egui::ViewportEvent::Close);
        self.harness.step();
        let viewport = self.harness.input_mut().viewports.get_mut(&egui::ViewportId::ROOT).unwrap();
        viewport.events.clear();
        self.harness.step();
        self.app().closing.is_asking()
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
    window.wait("candidates", |app| !app.desk.finder.preview().is_empty());
    window.press(Modifiers::NONE, Key::L);
    window.click("Add 2 beads");
    assert_eq!(window.beads(), 4, "they are locked");
    window.press(Modifiers::NONE, Key::L);
    window.click("Add 2 beads");
    window.wait("beads", |app| app.desk.feed.beads.all.len() == 6);
    assert!(window.messages().contains("beads 6 to 7 added"), "{}", window.messages());
    assert!(window.files("rois").is_empty(), "no file is needed for it");
    window.press(Modifiers::COMMAND, Key::Z);
    assert_eq!(window.beads(), 4, "one edit, which is taken back at once");
    window.press(Modifiers::COMMAND, Key::Y);
    assert_eq!(window.beads(), 6);
}

#[test]
fn several_beads_are_selected_moved_made_references_and_renumbered_in_one_step_each() {
    let mut window = Window::open();
    let lefts = |window: &Window| -> Vec<i32> {
        window.app().desk.feed.beads.all.iter().map(|bead| bead.roi.left_px).collect()
    };
    let numbers = |window: &Window| -> Vec<u32> {
        window.app().desk.feed.beads.all.iter().map(|bead| bead.roi.bead).collect()
    };
    window.press(Modifiers::COMMAND, Key::A);
    assert_eq!(window.app().desk.feed.beads.selected_numbers().len(), 6);
    let before = lefts(&window);
    window.press(Modifiers::ALT, Key::ArrowRight);
    assert_eq!(
        lefts(&window),
        before.iter().map(|left| left + 1).collect::<Vec<_>>(),
        "{}",
        window.messages()
    );
    window.press(Modifiers::COMMAND, Key::Z);
    assert_eq!(lefts(&window), before, "one step");
    // Dragging one of them drags all.
    let has_room = |place: &usize| before[*place] + 12 + window.app().desk.feed.beads.roi_px as i32 <= 480;
    let moved: Vec<usize> = (0..6).filter(has_room).take(2).collect();
    window.harness.state_mut().desk.feed.beads.select_all(moved.clone());
    let (x_px, y_px) = window.app().desk.feed.beads.all[moved[1]].roi.center_px();
    let viewport = window.app().desk.video.viewport;
    let [from, to] = [0.0, 12.0].map(|by| viewport.screen_from_frame(x_px as f32 + by, y_px as f32));
    window.harness.drag_at(from);
    window.harness.step();
    window.harness.hover_at(to);
    window.harness.step();
    window.harness.drop_at(to);
    window.settle();
    let after = |place: usize| before[place] + if moved.contains(&place) { 12 } else { 0 };
    assert_eq!(lefts(&window), (0..6).map(after).collect::<Vec<_>>(), "{}", window.messages());
    window.press(Modifiers::COMMAND, Key::Z);
    assert_eq!(lefts(&window), before, "one step");
    // Twice in one drawn frame: the second takes back what the first asked for.
    window.harness.state_mut().desk.feed.beads.select(2);
    for _ in 0..2 {
        window.harness.state_mut().desk.todo.push(Todo::Action(Action::ToggleReference));
    }
    window.settle();
    assert!(window.app().desk.feed.beads.references().is_empty(), "{}", window.messages());
    for _ in 0..2 {
        window.harness.state_mut().desk.todo.push(Todo::Action(Action::RemoveBeads));
    }
    window.settle();
    assert_eq!((window.beads(), window.messages().contains("no bead")), (5, false), "{}", window.messages());
    // The question says what changes, and can be declined.
    for (answer, after) in [("Cancel", [0, 1, 3, 4, 5]), ("Renumber", [0, 1, 2, 3, 4])] {
        window.click("Renumber…");
        assert!(window.harness.query_by_label_contains("3 of 5 beads").is_some());
        assert!(window.harness.query_by_label_contains("3 → 2").is_some());
        window.click(answer);
        assert_eq!(numbers(&window), after, "{}", window.messages());
    }
    window.press(Modifiers::COMMAND, Key::Z);
    assert_eq!(numbers(&window), [0, 1, 3, 4, 5]);
}

#[test]
fn the_table_selects_and_shows_and_a_closed_picture_costs_nothing_until_it_is_asked_for() {
    let mut window = Window::open();
    // So high that six lines are seen.
    window.harness.set_size(egui::vec2(1280.0, 1600.0));
    window.harness.state_mut().layout.open(Pane::Beads);
    window.settle();
    // The middle of a line may lie beyond the pane's edge.
    let click = |window: &mut Window, modifiers, label: &str| {
        window.harness.step();
        // The plots name the beads that they show, above the table.
        let lines = window.harness.get_all_by_label(label).map(|line| line.rect());
        let line = lines.max_by(|a, b| a.top().total_cmp(&b.top())).unwrap();
        let at = line.left_center() + egui::vec2(20.0, 0.0);
        window.harness.hover_at(at);
        for pressed in [true, false] {
            let button = egui::PointerButton::Primary;
            let event = egui::Event::PointerButton { pos: at, button, pressed, modifiers };
            window.harness.event_modifiers(event, modifiers);
        }
        window.settle();
    };
    click(&mut window, Modifiers::NONE, "bead 3");
    assert_eq!(window.app().desk.feed.beads.selected_numbers(), [3]);
    click(&mut window, Modifiers::SHIFT, "bead 1");
    assert_eq!(window.app().desk.feed.beads.selected_numbers(), [3, 1, 2]);
    click(&mut window, Modifiers::COMMAND, "bead 1");
    assert_eq!(window.app().desk.feed.beads.selected_numbers(), [3, 2]);
    for label in ["bead 3", "bead 2"] {
        click(&mut window, Modifiers::COMMAND, label);
    }
    assert!(window.app().desk.feed.beads.selected_numbers().is_empty());
    // A heading is a button, also for a screen reader.
    window.harness.get_by_label("bead ⏶").click_accesskit();
    window.settle();
    assert!(window.harness.query_by_label("bead ⏷").is_some());
    // A bead that is out of the picture is brought into it.
    window.harness.state_mut().desk.video.viewport.zoom_about(egui::Pos2::ZERO, 8.0);
    window.settle();
    let seen = |window: &Window, place: usize| {
        let (x_px, y_px) = window.app().desk.feed.beads.all[place].roi.center_px();
        let viewport = &window.app().desk.video.viewport;
        viewport.panel().contains(viewport.screen_from_frame(x_px as f32, y_px as f32))
    };
    let hidden = (0..6).find(|place| !seen(&window, *place)).expect("one is out of the picture");
    click(&mut window, Modifiers::NONE, &format!("bead {hidden}"));
    assert!(seen(&window, hidden));
    // Nobody looks at the picture, so that nobody makes one; a snapshot has it all the same.
    window.harness.state_mut().layout.close(Pane::Camera);
    window.settle();
    let undecoded = window.app().desk.feed.picture.levels().to_vec();
    let shown = window.app().desk.feed.newest_s;
    window.wait("frames", |app| app.desk.feed.newest_s > shown + 0.2);
    assert_eq!(window.app().desk.feed.picture.levels(), undecoded);
    window.press(Modifiers::COMMAND, Key::K);
    window.type_text("snapshot as tiff");
    window.press(Modifiers::NONE, Key::Enter);
    assert_ne!(window.app().desk.feed.picture.levels(), undecoded, "the newest frame");
    window.wait("snapshot", |app| app.messages.texts().any(|text| text.contains(".tif")));
    assert_eq!(window.files(".tif").len(), 1);
    // What a right click on a line offers is about that bead.
    let at = window.harness.get_by_label("bead 0").rect().left_center() + egui::vec2(20.0, 0.0);
    for pressed in [true, false] {
        let (button, modifiers) = (egui::PointerButton::Secondary, Modifiers::NONE);
        window.harness.hover_at(at);
        window.harness.event(egui::Event::PointerButton { pos: at, button, pressed, modifiers });
        window.harness.step();
    }
    window.click("Show in picture");
    assert_eq!(window.app().desk.feed.beads.selected_numbers(), [0]);
    assert!(window.app().layout.is_seen(Pane::Camera) && seen(&window, 0), "{}", window.messages());
}

#[test]
fn a_roi_file_is_not_replaced_unasked_and_what_it_loads_is_told() {
    let mut window = Window::open();
    window.harness.state_mut().layout.open(Pane::Beads);
    let folder = window.folder.path().join("runs");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("rois.csv");
    std::fs::write(
        &file,
        beadscope_engine::rois::to_csv(window.app().desk.feed.beads.roi_px, &[(7, 100.0, 100.0, f32::NAN)]),
    )
    .unwrap();
    window.click("ROI file");
    window.click("Save");
    assert!(window.harness.query_by_label_contains("Replace it?").is_some());
    window.click("Keep it");
    assert!(std::fs::read_to_string(&file).unwrap().lines().count() < 5, "it is as it was");
    window.click("Save");
    window.click("Replace it");
    assert!(std::fs::read_to_string(&file).unwrap().lines().count() >= 6, "{}", window.messages());
    window.press(Modifiers::NONE, Key::Delete);
    window.click("ROI file");
    window.click("Load");
    assert_eq!(window.beads(), 6);
    assert!(window.messages().contains("6 beads, 0 of them references"), "{}", window.messages());
    // The one that was written from here is replaced without a question.
    window.click("ROI file");
    window.click("Save");
    assert!(window.harness.query_by_label_contains("Replace it?").is_none());
    window.harness.state_mut().desk.feed.beads.is_locked = true;
    window.click("ROI file");
    window.click("Load");
    assert!(window.messages().contains("locked"), "{}", window.messages());
}

#[test]
fn drift_is_taken_off_and_the_plots_become_files() {
    let mut window = Window::open();
    let stuck = |app: &App<'_>| {
        let spread = |place: usize| app.desk.feed.history.trace(place, 2, 0, &[], ALWAYS).deviation;
        (0..6).min_by(|a, b| spread(*a).total_cmp(&spread(*b))).unwrap()
    };
    window.wait("motion", |app| app.desk.feed.history.trace(0, 2, 0, &[], ALWAYS).deviation > 0.0);
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
    window.settle();
    let (csv, svg) = (window.files("_plots.csv"), window.files("_plots.svg"));
    assert!(csv.len() == 1 && svg.len() == 1, "{}", window.messages());
    let text = std::fs::read_to_string(&csv[0]).unwrap();
    assert!(text.lines().count() > 100 && text.contains("less references (nm)"), "{}", &text[..200]);
    assert!(std::fs::read_to_string(&svg[0]).unwrap().contains("<polyline"));
    window.press(Modifiers::NONE, Key::S);
    window.wait("snapshot", |app| app.messages.texts().any(|text| text.contains("_frame_")));
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
    window.harness.state_mut().end();
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
    window.harness.step();
    window.harness.step();
    assert!(window.harness.query_by_label_contains("from there it may go").is_some(), "limits of the focus");
    window.click("▶ Start the sweep");
    window.wait("sweep", |app| app.desk.sweep.phase.is_running());
    window.wait("preview", |app| app.desk.sweep.preview.planes.len() > 3);
    window.wait("end of the sweep", |app| !app.desk.sweep.phase.is_running());
    assert_eq!(window.app().desk.sweep.phase, Phase::Done, "{}", window.messages());
    assert_eq!(window.app().desk.sweep.beads.len(), 6);
    window.harness.step();
    // Nobody has used or saved one yet: another sweep is asked about, and so is the end.
    window.click("▶ Start the sweep");
    assert_eq!(window.app().desk.sweep.phase, Phase::Done, "not begun");
    window.click("Keep");
    assert!(window.closes_or_asks());
    window.click("Stay");
    // They lie below what the pane shows: as a screen reader clicks them.
    let best = window.app().desk.sweep.best_bead().unwrap().bead;
    let places = window.app().desk.sweep.beads.iter().filter(|bead| bead.unusable.is_none());
    let place = places.map(|bead| bead.bead).position(|bead| bead == best).unwrap();
    window.harness.get_all_by_label("Reject").nth(place).unwrap().click_accesskit();
    window.settle();
    let starred = format!("★ {best}");
    assert!(window.harness.query_by_label(&starred).is_none(), "another one is the best");
    window.harness.get_by_label("Take back").click_accesskit();
    window.settle();
    assert!(window.harness.query_by_label(&starred).is_some(), "it is the best again");
    std::fs::create_dir_all(window.folder.path().join("runs")).unwrap();
    window.harness.get_all_by_label("Save…").nth(1).unwrap().click_accesskit();
    window.settle();
    window.settle();
    window.harness.get_all_by_label("Save").last().unwrap().click_accesskit();
    window.settle();
    assert_eq!(window.files("bead_").len(), 1, "{}", window.messages());
    assert!(!window.closes_or_asks(), "one is saved");
    assert_eq!(window.kept_zlut(), None, "it is not used");
    window.harness.get_all_by_label("Use").next().unwrap().click_accesskit();
    window.harness.step();
    window.wait("the new table", |app| app.session.as_ref().unwrap().zlut().unwrap().hash() != before);
    window.wait("the new table in the analysis", |app| app.desk.zlut.z_nm.first() == Some(&-1000.0));
    assert_eq!(window.kept_zlut(), None, "it is in no file");
    window.wait("a look at the disk", |app| {
        app.errands.as_ref().is_none_or(|errands| errands.under_way() == 0)
    });
    window.click("Save");
    assert_eq!(window.files("bead.zlut.h5").len(), 1, "{}", window.messages());
    assert_eq!(window.kept_zlut(), Some(window.folder.path().join("runs/bead.zlut.h5")));
    // The same file again: it is asked about.
    window.wait("what is there", |app| app.desk.zlut_pane.knows_a_file());
    window.click("Replace…");
    assert!(window.harness.query_by_label_contains("Replace the Z-LUT in this file?").is_some());
    window.click("Keep");
    window.click("Unload");
    assert_eq!(window.kept_zlut(), None, "{}", window.messages());
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
    window.harness.get_all_by_label("+").next().unwrap().click();
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

#[test]
fn beads_and_focus_are_locked_and_the_bar_says_so() {
    let mut window = Window::open();
    window.harness.state_mut().layout.open(Pane::Locking);
    window.harness.step();
    assert!(window.harness.query_by_label("needs reference beads").is_some(), "what to do first");
    let (on_bead, bead) = {
        let roi = window.app().desk.feed.beads.all[0].roi;
        (roi.center_px(), roi.bead)
    };
    window.harness.state_mut().send(Command::RoiMove { bead, dx_px: 6, dy_px: 0 });
    window.settle();
    window.wait("rows", |app| app.desk.feed.beads.all[0].newest.is_some());
    std::thread::sleep(Duration::from_millis(300));
    window.click("Center once");
    let off_px = |app: &App<'_>| (app.desk.feed.beads.all[0].roi.center_px().0 - on_bead.0).abs();
    assert!(off_px(window.app()) <= 1.0, "{} px", off_px(window.app()));
    window.click("XY-lock");
    window.wait("XY-lock", |app| app.desk.locks.xy.is_on);
    // All of them: also those that are tethered keep their mean.
    let all: Vec<u32> = window.app().desk.feed.beads.all.iter().map(|bead| bead.roi.bead).collect();
    window.harness.state_mut().send(Command::ReferenceSet { beads: all });
    window.settle();
    // It may lie below what the pane shows: as a screen reader clicks it.
    window.harness.get_by_label("Z-lock").click_accesskit();
    window.settle();
    window.wait("heights", |app| app.desk.locks.z.phase == ZPhase::Holding);
    window.harness.step();
    assert!(window.harness.query_by_label_contains("XY, Z").is_some(), "the bar at the bottom");
    assert!(window.harness.query_by_label_contains("holds ").is_some());
    window.press(Modifiers::NONE, Key::Escape);
    window.wait("end of the Z-lock", |app| !app.desk.locks.z.phase.is_on());
    window.wait("reason", |app| app.messages.texts().any(|text| text.contains("the Z-lock has ended")));
    assert!(window.app().desk.locks.xy.is_on, "ROIs need no motor");
}

#[test]
fn a_zlut_that_was_loaded_is_loaded_at_the_next_start_until_it_is_unloaded() {
    let mut window = Window::open();
    window.harness.state_mut().layout.open(Pane::ZLut);
    let path = window.folder.path().join("mine.zlut.h5");
    let file = path.display().to_string();
    window.harness.state_mut().send(Command::ZLutSave { path: file.clone(), bead: None });
    window.settle();
    assert!(path.exists(), "{}", window.messages());
    assert_eq!(window.kept_zlut(), None, "what came with the instrument is not kept because it was saved");
    let load = |path: String| Command::ZLutUse { bead: None, path: Some(path) };
    window.harness.state_mut().send(load(file.clone() + ".not"));
    window.settle();
    assert_eq!(window.kept_zlut(), None, "it was refused: {}", window.messages());
    window.harness.state_mut().send(load(file));
    window.settle();
    assert_eq!(window.kept_zlut(), Some(path), "{}", window.messages());
    window.harness.state_mut().desk.sweep = window.app().session.as_ref().unwrap().zlut_sweep();
    window.click("Unload");
    assert_eq!(window.kept_zlut(), None, "{}", window.messages());
    // Rings are measured without one too.
    window.harness.state_mut().layout.open(Pane::Analysis);
    window.click("Profile");
    window.wait("rings", |app| app.desk.feed.profile.as_ref().is_some_and(|(_, seen)| seen.z_nm.is_nan()));
}

#[test]
fn motors_and_force_are_drawn_below_also_while_no_frames_come_and_time_is_told_as_one_wants() {
    let mut window = Window::open();
    window.harness.step();
    window.harness.get_by_label("Below ⏷").click();
    window.settle();
    // The table of beads has a column of that name.
    window.harness.get_by_role_and_label(egui::accesskit::Role::CheckBox, "force (pN)").click();
    window.settle();
    window.click("magnet height (mm)");
    window.press(Modifiers::NONE, Key::Escape);
    assert!(window.harness.query_all_by_label("force (pN)").count() > 1, "its panel says what it is");
    window.harness.state_mut().send(Command::Acquire { on: false });
    window.settle();
    let (frames_s, motors_s) = (window.app().desk.feed.newest_s, window.app().desk.plots.motors_s());
    window.wait("the motors", |app| app.desk.plots.motors_s() > motors_s + 0.5);
    assert!(window.app().desk.feed.newest_s < frames_s + 0.4, "no frames come");
    window.harness.state_mut().send(Command::Acquire { on: true });
    window.settle();
    window.press(Modifiers::NONE, Key::Space);
    window.click("µm");
    assert!(window.harness.query_by_label("z (µm)").is_some());
    window.click("⬇");
    window.click("Data (CSV)");
    let text = std::fs::read_to_string(&window.files("_plots.csv")[0]).unwrap();
    for panel in ["z (µm)", "magnet height (mm)", "force (pN)"] {
        assert!(text.lines().any(|line| line.starts_with(panel)), "{panel}: {}", &text[..200]);
    }
    window.harness.get_by_value("since start").click();
    window.settle();
    window.click("clock (UTC)");
    window.click("⬇");
    window.click("Data (CSV)");
    let files = window.files("_plots");
    let texts: Vec<String> = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let by_clock = texts.iter().find(|text| text.contains("# x: time of day (UTC)")).unwrap();
    let year = beadscope_engine::clock::utc_text(beadscope_engine::clock::unix_ns_now())[..5].to_owned();
    let z = by_clock.lines().find(|line| line.starts_with("z (µm),")).unwrap();
    assert!(z.split(',').nth(2).unwrap().starts_with(&year), "the date too: {z}");
    // Limits hold also while the plots are paused.
    let shown = |window: &Window| window.app().desk.plots.shown_s();
    let before = shown(&window);
    window.click("time limits");
    window.harness.state_mut().desk.plots.limit_time(before.1 - 0.4, before.1 - 0.2);
    window.harness.step();
    window.harness.step();
    let now = shown(&window);
    assert!(
        (now.0 - before.1 + 0.4).abs() < 1e-6 && (now.1 - before.1 + 0.2).abs() < 1e-6,
        "{before:?} {now:?}"
    );
    // Fields for the limits of every axis have names too.
    window.click("autoscale");
    window.harness.check_accessibility();
}
