//! Scripts: loaded, carried out, held, ended and refused.

use beadscope_engine::script::Phase as ScriptPhase;

use super::*;

fn load(window: &mut Window, text: &str) {
    let path = window.folder.path().join("script.txt");
    std::fs::write(&path, text).unwrap();
    window.harness.state_mut().layout.open(Pane::Experiment);
    window.harness.state_mut().desk.todo.push(Todo::ReadScript(path));
    window.settle();
}

fn phase(app: &App<'_>) -> Option<ScriptPhase> {
    app.desk.experiment.progress().map(|progress| progress.phase)
}

#[test]
fn a_script_is_carried_out_line_by_line_held_and_ended() {
    let mut window = Window::open();
    load(
        &mut window,
        "# magnets\naxis.move axis=\"magnet_height\", to=4\nwait rest\naxis.step axis=\"magnet_height\", by=0.5\nwait rest\nwait 0.2\n",
    );
    window.click("▶ Start");
    window.wait("end of the script", |app| phase(app) == Some(ScriptPhase::Finished));
    let height = window.app().desk.axes[0].state.unwrap().position;
    assert!(
        (height - 4.5).abs() < 0.02,
        "each motion has come to its end before the next begins: {height} mm"
    );
    window.harness.step();
    assert!(window.harness.query_by_label_contains("finished").is_some());
    load(&mut window, "wait 600\nacquire on=false\n");
    window.click("▶ Start");
    window.click("⏸ Pause");
    let left = |app: &App<'_>| app.desk.experiment.progress().unwrap().left_s;
    window.wait("pause", |app| phase(app) == Some(ScriptPhase::Paused) && left(app).is_some());
    std::thread::sleep(Duration::from_millis(60));
    let before = left(window.app());
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(left(window.app()), before, "a pause stands still while the script is held");
    window.click("▶ Go on");
    window.wait("going on", |app| left(app) < before);
    window.click("⏹ End");
    window.wait("end", |app| phase(app) == Some(ScriptPhase::Stopped));
    assert!(!window.app().desk.run.is_paused, "what comes after is not begun");
}

#[test]
fn a_line_that_is_wrong_or_refused_ends_nothing_but_the_script() {
    let mut window = Window::open();
    load(&mut window, "axis.move axis=\"magnet_height\", to=4\nwait for it\n");
    assert!(window.harness.query_by_label_contains("line 2").is_some(), "before anything is begun");
    window.click("▶ Start");
    assert_eq!(phase(window.app()), None, "there is nothing to start");
    load(&mut window, "wait 0\naxis.move axis=\"magnet_height\", to=1000\nacquire on=false\n");
    window.click("▶ Start");
    window.wait("refusal", |app| matches!(phase(app), Some(ScriptPhase::Failed(_))));
    let Some(ScriptPhase::Failed(why)) = phase(window.app()) else { panic!("it was refused") };
    assert!(why.contains("line 2") && why.contains("1000"), "{why}");
    let shown = window.app().desk.feed.newest_s;
    window.wait("frames", |app| app.desk.feed.newest_s > shown);
}
