//! How session and window end, and what ends neither.

use super::*;

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
