//! Beads: found, selected, moved, removed, loaded and locked.

use super::*;

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
