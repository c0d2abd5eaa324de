//! Motors, force and locks.

use super::*;

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
    // A stop that comes before its motion has begun would take its place.
    window.wait("the motor", |_| told.lock().unwrap().contains(&"move"));
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
    assert!(window.harness.query_by_label_contains("XY+Z").is_some(), "the bar at the bottom");
    assert!(window.harness.query_by_label_contains("holds ").is_some());
    window.press(Modifiers::NONE, Key::Escape);
    window.wait("end of the Z-lock", |app| !app.desk.locks.z.phase.is_on());
    window.wait("reason", |app| app.messages.texts().any(|text| text.contains("the Z-lock has ended")));
    assert!(window.app().desk.locks.xy.is_on, "ROIs need no motor");
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
