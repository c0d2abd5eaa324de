//! Recordings, and the pane that says where they go.

use super::*;

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
