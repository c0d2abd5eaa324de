//! The search, keys and names of everything.

use super::*;

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
