//! Z-LUTs: recorded, judged, used, kept and forgotten.

use super::*;

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
    assert!(!window.close());
    window.harness.step();
    assert!(window.harness.query_by_label_contains("The Z-LUTs of the last sweep are lost").is_some());
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
    assert!(!window.app().session.as_ref().unwrap().zlut_sweep().is_unkept(), "one is saved");
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
