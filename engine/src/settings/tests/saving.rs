//! What is written is what was changed, and nothing else.

use super::*;

const USER: &str = "# mine\n\n[tracking]\n# why 80: large beads\nroi_px = 80  # px\nmethod = 'fit'\n\n[camera] # left\n\
                    # slow\nrate_hz = 30 # Hz\n";

fn saved(rig: &str, changes: &[(&str, &str)], unset: &[&str]) -> String {
    let files = Files::new(rig, USER);
    let mut settings = files.load().unwrap();
    for (name, text) in changes {
        settings.change(name, text).unwrap();
    }
    let unset: Vec<String> = unset.iter().map(|name| (*name).to_owned()).collect();
    settings.save(Target::User(&files.user()), &unset).unwrap();
    let left: Vec<_> = fs::read_dir(files.folder.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "nothing lies aside");
    fs::read_to_string(files.user()).unwrap()
}

#[test]
fn a_change_keeps_comments_and_order() {
    let changed = saved("", &[("camera.rate_hz", "50"), ("tracking.roi_px", "64")], &[]);
    assert_eq!(changed, USER.replace("rate_hz = 30", "rate_hz = 50.0").replace("80  #", "64  #"));
    let more = saved("", &[("tracking.backend", "cpu"), ("recording.name", "a \"b\"")], &[]);
    let wanted = USER.replace("'fit'\n", "'fit'\nbackend = \"cpu\"\n") + "\n[recording]\nname = 'a \"b\"'\n";
    assert_eq!(more, wanted);
}

#[test]
fn taking_out_leaves_every_line_of_comment() {
    let without = saved("", &[], &["camera.rate_hz", "tracking.roi_px"]);
    assert_eq!(without, USER.replace("rate_hz = 30 # Hz\n", "").replace("roi_px = 80  # px\n", ""));
}

#[test]
fn only_what_differs_is_written() {
    let same = saved("[camera]\nrate_hz = 25\n", &[("camera.rate_hz", "25")], &[]);
    assert_eq!(same, USER.replace("rate_hz = 30 # Hz\n", ""));
    let other = saved("[camera]\nrate_hz = 25\n", &[("camera.rate_hz", "100")], &[]);
    assert!(other.contains("rate_hz = 100.0 # Hz"), "{other}");
    // A rig describes its instrument also where that is as the program would have it.
    let files = Files::new("[camera]\nrate_hz = 25\n", USER);
    let mut settings = files.load().unwrap();
    settings.change("camera.rate_hz", "100").unwrap();
    let saved = settings.save(Target::Rig(&files.rig()), &[]).unwrap();
    assert_eq!(fs::read_to_string(files.rig()).unwrap(), "[camera]\nrate_hz = 100.0\n");
    assert!(saved[0].overruled);
}

#[test]
fn inline_and_nested_tables_are_changed_where_they_are() {
    let rig = "camera = { settings = { beads = 3 }, rate_hz = 5 }\ntracking.method = 'magtrack'\n\
               tracking.magtrack.lookup_z = { n_local = 9 }\n";
    let files = Files::new(rig, "");
    let mut settings = files.load().unwrap();
    for (name, text) in [("camera.settings.beads", "4"), ("tracking.magtrack.lookup_z.n_local", "11")] {
        settings.change(name, text).unwrap();
    }
    settings.save(Target::Rig(&files.rig()), &["camera.rate_hz".to_owned()]).unwrap();
    let text = fs::read_to_string(files.rig()).unwrap();
    assert!(
        text.contains("beads = 4 }") && text.contains("{ n_local = 11 }") && !text.contains("rate_hz"),
        "{text}"
    );
}

#[test]
fn a_new_section_is_complete_and_a_path_below_the_file_is_relative() {
    let files = Files::new("", "");
    fs::remove_file(files.user()).unwrap();
    let mut settings = files.load().unwrap();
    settings.change("camera.settings.seed", "7").unwrap();
    settings.change("tracking.zlut", files.folder.path().join("z/bead.h5").to_str().unwrap()).unwrap();
    let saved = settings.save(Target::User(&files.user()), &[]).unwrap();
    let text = fs::read_to_string(files.user()).unwrap();
    assert_eq!(text, "[camera.settings]\nseed = 7\n\n[tracking]\nzlut = \"z/bead.h5\"\n");
    assert_eq!(saved[0].before, None);
    assert_eq!(saved[0].after.as_ref().unwrap().source, Source::User { file: files.user(), line: 2 });
}

#[test]
fn a_file_that_would_be_refused_is_not_written() {
    let rig = "[tracking]\nmethod = 'magtrack'\n[tracking.magtrack]\n'lookup_z.n_local' = 9\n";
    let files = Files::new(rig, "");
    let mut settings = files.load().unwrap();
    // In the session the options go with their method; in the file they would stay.
    settings.change("tracking.method", "qi").unwrap();
    let error = settings.save(Target::Rig(&files.rig()), &[]).unwrap_err();
    assert!(matches!(error, SettingError::OtherMethod { .. }), "{error}");
    let missing = settings.save(Target::User(&files.user()), &["camera.rate_hz".to_owned()]).unwrap_err();
    assert!(matches!(missing, SettingError::NotSet { .. }), "{missing}");
    assert_eq!(fs::read_to_string(files.rig()).unwrap(), rig);
}
