//! What layers promise, and that table, rig and example say the same.

use std::fs;
use std::path::{Path, PathBuf};

use beadscope_shaders::magtrack::options;

use super::keys::Values as Allowed;
use super::*;
use crate::rig::EXAMPLE;
use crate::track::backend::Backend;

/// A folder with a rig and a user's file.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new(rig: &str, user: &str) -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(files.rig(), rig).unwrap();
        fs::write(files.user(), user).unwrap();
        files
    }

    fn rig(&self) -> PathBuf {
        self.folder.path().join("rig.toml")
    }

    fn user(&self) -> PathBuf {
        self.folder.path().join("user.toml")
    }

    fn load(&self) -> Result<Settings, SettingError> {
        Settings::load(Some(&self.rig()), Some(&self.user()))
    }
}

/// What a rig of this text is refused with, without the folder's name.
fn refused(rig: &str) -> String {
    let files = Files::new(rig, "");
    let error = files.load().unwrap_err().to_string();
    error.replace(&format!("{}/", files.folder.path().display()), "")
}

fn read(rig: &str) -> Rig {
    Files::new(rig, "").load().unwrap().rig().clone()
}

#[test]
fn each_layer_lies_over_the_one_before_and_says_where() {
    let files = Files::new("[camera]\nrate_hz = 20\n", "\n\n[camera]\nrate_hz = 30.5\n");
    let mut settings = files.load().unwrap();
    settings.set_command_line([("--rate-hz", "camera.rate_hz", Some(40.0.into()))]).unwrap();
    let change = settings.change("camera.rate_hz", "50").unwrap();
    assert_eq!((change.old, change.new, change.applies), (Some(40.0.into()), 50.0.into(), Applies::Live));
    let mut told = Vec::new();
    for layer in [Layer::Session, Layer::CommandLine, Layer::User, Layer::Rig, Layer::Default] {
        let setting = settings.get("camera.rate_hz").unwrap();
        assert_eq!(setting.value, Some(settings.rig().camera.rate_hz.into()));
        assert_eq!(setting.source.layer(), layer);
        told.push(setting.source_text().replace(&format!("{}/", files.folder.path().display()), ""));
        settings.layers.remove(&layer);
        if layer != Layer::Default {
            settings = Settings::of_layers(settings.layers).unwrap();
        }
    }
    assert_eq!(
        told,
        [
            "session, over 40.0 Hz (--rate-hz)",
            "--rate-hz, over 30.5 Hz (user.toml:4)",
            "user.toml:4, over 20.0 Hz (rig.toml:2)",
            "rig.toml:2, over 100.0 Hz (default)",
            "default"
        ]
    );
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_what_is_allowed() {
    for (rig, said) in [
        ("[camera]\n\nrate_hz = 0\n", "camera.rate_hz = 0 is out of range: 0.01 to 100000 Hz (line 3 of rig.toml)"),
        ("[camera]\nrate_hz = nan\n", "camera.rate_hz = nan is out of range: 0.01 to 100000 Hz (line 2 of rig.toml)"),
        (
            "camera.exposure_us = 'long'",
            "camera.exposure_us = \"long\" must be a number: 0.1 to 1e8 µs (line 1 of rig.toml)",
        ),
        (
            "[tracking]\nroi_px = 64.0\n",
            "tracking.roi_px = 64.0 must be a whole number: 8 to 512 px (line 2 of rig.toml)",
        ),
        (
            "[tracking]\nbackend = 'cuda'\n",
            "tracking.backend = \"cuda\" is out of range: auto, cpu or gpu (line 2 of rig.toml)",
        ),
        (
            "[recording]\nfolder = 3\n",
            "recording.folder = 3 must be text in quotes: a file or a folder (line 2 of rig.toml)",
        ),
        (
            "[optics]\npixel = 3\n",
            "there is no setting optics.pixel; there are optics.pixel_size_nm (line 2 of rig.toml)",
        ),
        (
            "[axes]\n",
            "there is no setting axes; there are camera, optics, correction, tracking, recording (line 1 of rig.toml)",
        ),
        ("camera = 3", "camera is a section, not a value; write [camera] and its settings below (line 1 of rig.toml)"),
        (
            "[tracking]\nbackend = 'cpu'\nadapter = 'llvmpipe'\n",
            "[tracking] the back end cpu uses no graphics adapter; leave out its name, or choose the back end gpu \
             (line 2 of rig.toml)",
        ),
        (
            "[tracking]\nmethod = 'magtrack'\n[tracking.magtrack]\n'lookup_z.n_local' = 1",
            "tracking.magtrack.lookup_z.n_local = 1 is out of range: an odd number, 3 to 1001 (line 4 of rig.toml)",
        ),
        (
            "[tracking]\nmethod = 'magtrack'\n[tracking.magtrack]\n[tracking.magtrack.lookup_z]\nn_local = 1",
            "tracking.magtrack.lookup_z.n_local = 1 is out of range: an odd number, 3 to 1001 (line 5 of rig.toml)",
        ),
        (
            "[tracking]\nmethod = 'qi'\n[tracking.magtrack]\n'lookup_z.n_local' = 5",
            "[tracking.magtrack] sets options of another method than qi; set method = \"magtrack\", or leave them out \
             (line 4 of rig.toml)",
        ),
    ] {
        assert_eq!(refused(rig), said);
    }
    assert!(refused("[camera]\nrate_hz = \n").ends_with("(line 2 of rig.toml)"));
    assert!(refused("[camera]\nrate_hz = 1\nrate_hz = 2\n").ends_with("(line 3 of rig.toml)"));
    // The first line that is wrong, not the first by name.
    assert!(refused("[tracking]\nroi_px = 1\n[camera]\nrate_hz = 0\n").starts_with("tracking.roi_px"));
}

#[test]
fn every_layer_is_checked_and_names_itself() {
    let error = Files::new("", "[camera]\nrate_hz = -1\n").load().unwrap_err().to_string();
    assert!(error.contains("(line 2 of ") && error.ends_with("user.toml)"), "{error}");
    let mut settings = Files::new("", "").load().unwrap();
    let before = settings.rig().clone();
    let error = settings.set_command_line([("--rate-hz", "camera.rate_hz", Some(0.0.into()))]).unwrap_err();
    assert!(error.to_string().ends_with("0.01 to 100000 Hz (--rate-hz)"), "{error}");
    let refused = |name, text| Files::new("", "").load().unwrap().change(name, text).unwrap_err().to_string();
    assert_eq!(refused("camera.rate_hz", "fast"), "camera.rate_hz = \"fast\" must be a number: 0.01 to 100000 Hz");
    assert!(refused("camera.rate", "1").starts_with("there is no setting camera.rate; there are camera.driver, "));
    assert!(refused("correction.dark_hash", "1").contains("is written by a run"));
    assert_eq!(settings.rig(), &before);
}

#[test]
fn options_of_the_command_line_may_need_each_other() {
    let files = Files::new("[tracking]\nbackend = 'cpu'\n", "");
    let mut settings = files.load().unwrap();
    let adapter = ("--adapter", "tracking.adapter", Some("llvmpipe".into()));
    settings.set_command_line([("--backend", "tracking.backend", Some("gpu".into())), adapter]).unwrap();
    assert_eq!(settings.rig().tracking.backend, Backend::Gpu);
    assert_eq!(settings.rig().tracking.adapter.as_deref(), Some("llvmpipe"));
}

#[test]
fn what_was_found_fills_only_what_nobody_said() {
    let mut settings = Files::new("[tracking]\nroi_px = 80\n", "").load().unwrap();
    settings.found("tracking.roi_px", 64).unwrap();
    settings.found("correction.dark_hash", "abc").unwrap();
    assert_eq!(settings.rig().tracking.roi_px, Some(80));
    assert_eq!(settings.rig().correction.dark_hash.as_deref(), Some("abc"));
    assert_eq!(settings.get("correction.dark_hash").unwrap().source, Source::Found);
}

#[test]
fn magtracks_options_are_told_in_full_and_only_with_their_method() {
    let rig = read("[tracking]\nmethod = 'magtrack'\n[tracking.magtrack]\n'lookup_z.n_local' = 4");
    assert_eq!(rig.tracking.magtrack["lookup_z.n_local"].as_integer(), Some(5));
    assert_eq!(rig.tracking.magtrack.len(), options::KEYS.len());
    assert_eq!(read(&rig.to_toml().unwrap()), rig);
    assert!(read("").tracking.magtrack.is_empty());
}

#[test]
fn relative_paths_count_from_the_file_that_names_them() {
    // Relative to the folder that the test runs in, which is the crate's.
    let folder = tempfile::tempdir_in(".").unwrap();
    let rig = Path::new(folder.path().file_name().unwrap()).join("rig.toml");
    fs::create_dir(folder.path().join("home")).unwrap();
    let user = folder.path().join("home/user.toml");
    fs::write(&rig, "[camera]\nsettings = { path = 'a.npy' }\n[correction]\ndark = 'dark.npy'\n").unwrap();
    fs::write(&user, "[tracking]\nzlut = 'bead.zlut.h5'\n").unwrap();
    let mut settings = Settings::load(Some(&rig), Some(&user)).unwrap();
    settings.change("tracking.rois", "rois.csv").unwrap();
    let here = std::env::current_dir().unwrap();
    let absolute = here.join(&rig).parent().unwrap().to_owned();
    let found = settings.rig().clone();
    assert_eq!(Path::new(found.camera.settings["path"].as_str().unwrap()), absolute.join("a.npy"));
    assert_eq!(found.correction.dark.unwrap(), absolute.join("dark.npy"));
    assert_eq!(found.recording.folder, absolute.join("runs"));
    assert!(found.tracking.zlut.unwrap().ends_with("home/bead.zlut.h5"));
    assert_eq!(found.tracking.rois.unwrap(), here.join("rois.csv"));
}

#[cfg(unix)]
#[test]
fn a_path_that_is_not_utf8_is_an_error() {
    use std::os::unix::ffi::OsStrExt as _;
    let path = Path::new(std::ffi::OsStr::from_bytes(b"/runs\xff"));
    assert!(matches!(path_value(path), Err(SettingError::NotUtf8(_))));
}

#[test]
fn a_drivers_complaint_is_traced_to_its_line() {
    let rig = "[camera.settings]\nbeads = 3\nroi_px = 9\n";
    let settings = Files::new(rig, "").load().unwrap();
    let line = |message: &str| match settings.blame(message) {
        Some(Source::Rig { line, .. }) => Some(*line),
        _ => None,
    };
    assert_eq!(line("roi_px = 9 must be 16 to 512"), Some(3));
    assert_eq!(line("unknown field `beads`, expected one of `roi_px`"), Some(2));
    assert_eq!(line("beads_x is wrong"), None);
}

/// The fields of a section as serde knows them, which is every one, set by default or not.
fn fields(section: &str) -> Vec<String> {
    let text = if section.is_empty() { "no_such_field = 1".into() } else { format!("[{section}]\nno_such_field = 1") };
    let error = toml::from_str::<Rig>(&text).unwrap_err();
    let expected = error.message().split_once("expected").unwrap().1.to_owned();
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_table_has_every_field_of_a_rig_and_no_other() {
    let mut in_rig = Vec::new();
    for section in fields("") {
        in_rig.extend(fields(&section).iter().map(|field| format!("{section}.{field}")));
    }
    let of_magtrack = options::KEYS.map(|key| format!("{MAGTRACK}{key}"));
    in_rig.retain(|name| name != "tracking.magtrack");
    in_rig.extend(of_magtrack);
    in_rig.iter_mut().filter(|name| *name == "camera.settings").for_each(|name| name.push_str(".*"));
    let mut in_table: Vec<String> = KEYS.iter().map(|key| key.name.to_owned()).collect();
    in_rig.sort();
    in_table.sort();
    assert_eq!(in_table, in_rig);
}

#[test]
fn the_example_mentions_every_setting_with_its_range() {
    let mut section = String::new();
    let mut mentioned = Vec::new();
    for line in EXAMPLE.lines() {
        let line = line.trim_start_matches("# ");
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
            section = name.0.to_owned();
        } else if let Some((name, rest)) = line.split_once(" = ") {
            mentioned.push((format!("{section}.{}", name.trim_matches('"')), rest.to_owned()));
        }
    }
    for key in KEYS.iter().filter(|key| key.applies != Applies::Fixed) {
        let line = mentioned.iter().find(|(name, _)| name == key.name);
        match (key.values, line) {
            (Allowed::Any, _) => {}
            (Allowed::Number(..) | Allowed::Whole(..), Some((_, rest))) => {
                // A range that is none for people, the example need not give.
                let range = key.allowed();
                assert!(rest.contains(&range) || key.name == "tracking.z_step_nm", "{}: {rest}: {range}", key.name);
            }
            (Allowed::Word(words), Some((_, rest))) => {
                let said = |word: &str| rest.split(|letter: char| !letter.is_alphanumeric()).any(|said| said == word);
                assert!(words.iter().all(|word| said(word)), "{}: {rest}", key.name);
            }
            (_, line) => assert!(line.is_some(), "the example does not mention {}", key.name),
        }
    }
}

#[test]
fn the_example_shows_magtracks_defaults() {
    let commented = EXAMPLE.split_once("# [tracking.magtrack]").unwrap().1;
    let lines = commented.lines().skip(1).take_while(|line| line.starts_with("# \""));
    let text: Vec<&str> = lines.map(|line| line.trim_start_matches("# ")).collect();
    let shown = read(&format!("[tracking]\nmethod = 'magtrack'\n[tracking.magtrack]\n{}", text.join("\n")));
    assert_eq!(text.len(), options::KEYS.len());
    assert_eq!(shown, read("[tracking]\nmethod = 'magtrack'\n"));
}

/// A value that the setting may hold, as typed.
fn some_value(key: &keys::Key) -> String {
    match key.values {
        Allowed::Number(low, _) => low.to_string(),
        Allowed::Whole(low, _) => low.to_string(),
        Allowed::Word(words) => words[0].to_owned(),
        Allowed::Text | Allowed::Path | Allowed::Any => "x".to_owned(),
        Allowed::MagTrack => Settings::load(None, None).unwrap().get(key.name).unwrap().value.map(|value| {
            value.as_str().map_or_else(|| value.to_string(), str::to_owned)
        }).unwrap(),
    }
}

#[test]
fn every_setting_can_be_changed_and_reaches_the_rig() {
    for key in KEYS.iter().filter(|key| key.applies != Applies::Fixed) {
        let name = key.name.replace('*', "x");
        let mut settings = Files::new("[tracking]\nmethod = 'magtrack'\n", "").load().unwrap();
        if name == "tracking.adapter" {
            settings.change("tracking.method", "qi").unwrap();
        }
        let change = settings.change(&name, &some_value(key)).unwrap();
        let written = Files::new(&settings.rig().to_toml().unwrap(), "").load().unwrap();
        assert_eq!(written.get(&name).unwrap().value, Some(change.new), "{name}");
        assert!(!key.about.is_empty() && (key.left_out.is_empty() == settings.layers[&Layer::Default].get(&name).is_none_or(|given| given.value.is_some())), "{name}");
    }
}

mod saving {
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
        assert!(text.contains("beads = 4 }") && text.contains("{ n_local = 11 }") && !text.contains("rate_hz"), "{text}");
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
}
