//! Plots: what they show, and the files they become.

use super::*;

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
