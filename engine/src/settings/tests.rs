//! What layers promise.

mod saving;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use beadscope_shaders::magtrack::options;

use super::*;
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
        (
            "[camera]\n\nrate_hz = 0\n",
            "camera.rate_hz = 0 is out of range: 0.01 to 100000 Hz (line 3 of rig.toml)",
        ),
        (
            "[camera]\nrate_hz = nan\n",
            "camera.rate_hz = nan is out of range: 0.01 to 100000 Hz (line 2 of rig.toml)",
        ),
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
            "there is no setting axes; there are camera, optics, correction, tracking, recording, motors, safety, magnets, locks, threads (line 1 of rig.toml)",
        ),
        (
            "camera = 3",
            "camera is a section, not a value; write [camera] and its settings below (line 1 of rig.toml)",
        ),
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
    assert_eq!(
        refused("camera.rate_hz", "fast"),
        "camera.rate_hz = \"fast\" must be a number: 0.01 to 100000 Hz"
    );
    assert!(
        refused("camera.rate", "1").starts_with("there is no setting camera.rate; there are camera.driver, ")
    );
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
    let rig = "[tracking]\nroi_px = 80\n[correction]\ndark = 'a.npy'\ndark_hash = 'of a'\n";
    let mut settings = Files::new(rig, "").load().unwrap();
    settings.found("tracking.roi_px", 64).unwrap();
    settings.found("correction.dark_hash", "of what was read").unwrap();
    assert_eq!(settings.rig().tracking.roi_px, Some(80));
    assert_eq!(settings.rig().correction.dark_hash.as_deref(), Some("of a"));
    // Other frames: the hash in the rig is not theirs.
    settings.set_command_line([("--dark", "correction.dark", Some("b.npy".into()))]).unwrap();
    assert_eq!(settings.rig().correction.dark_hash, None);
    settings.found("correction.dark_hash", "of b").unwrap();
    assert_eq!(settings.rig().correction.dark_hash.as_deref(), Some("of b"));
    assert_eq!(settings.get("correction.dark_hash").unwrap().source, Source::Found);
    settings.change("tracking.roi_px", "90").unwrap();
    assert_eq!(settings.rig().tracking.roi_px, Some(90));
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

#[test]
fn a_file_of_settings_is_compared_and_taken_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("far")).unwrap();
    fs::write(at("user.toml"), "[camera]\nrate_hz = 50.0\n").unwrap();
    fs::write(at("far/other.toml"), "# theirs\n[camera]\nrate_hz = 250.0\n[recording]\nfolder = \"runs\"\n")
        .unwrap();
    let differences = differences(None, &at("user.toml"), &at("far/other.toml")).unwrap();
    let names: Vec<_> = differences.iter().map(|(_, after)| after.as_ref().unwrap().name.clone()).collect();
    assert_eq!(names, ["camera.rate_hz", "recording.folder"]);
    assert_eq!(transfer(&at("far/other.toml"), &at("user.toml")).unwrap(), 2);
    let taken = Settings::load(None, Some(&at("user.toml"))).unwrap();
    assert_eq!(
        (taken.rig().camera.rate_hz, taken.rig().recording.folder.clone()),
        (250.0, at("far/runs")),
        "the same folder"
    );
    fs::write(at("wrong.toml"), "[camera]\nrate_hz = -1\n").unwrap();
    let before = fs::read_to_string(at("user.toml")).unwrap();
    for wrong in ["wrong.toml", "nowhere.toml"] {
        assert!(super::differences(None, &at("user.toml"), &at(wrong)).is_err(), "{wrong}");
        assert!(transfer(&at(wrong), &at("user.toml")).is_err(), "{wrong}");
    }
    assert_eq!(fs::read_to_string(at("user.toml")).unwrap(), before);
    // The layers are told when several say something.
    fs::write(at("rig.toml"), "[camera]\nrate_hz = 80.0\n").unwrap();
    let both = Settings::load(Some(&at("rig.toml")), Some(&at("user.toml"))).unwrap();
    let layers = both.get("camera.rate_hz").unwrap().layers_text();
    assert!(
        layers.len() == 3 && layers[0] == "100.0 Hz (default)" && layers[1].starts_with("80.0 Hz"),
        "{layers:?}"
    );
}
