//! What holds, where that comes from and what it would be otherwise is told, stored with every run, and changed in a file
//! without touching the rest of it.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where this is how a test fails")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

/// A lab's files: its rig and a user's own settings.
struct Lab {
    folder: tempfile::TempDir,
}

impl Lab {
    fn new(rig: &str, user: &str) -> Self {
        let lab = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(lab.path("rig.toml"), rig).unwrap();
        fs::write(lab.path("user.toml"), user).unwrap();
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn beadscope(&self, arguments: &[&str]) -> Output {
        common::program()
            .args(arguments)
            .env("BEADSCOPE_USER_CONFIG", self.path("user.toml"))
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    /// What a command that succeeds prints, with the folder's name left out.
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.beadscope(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        self.short(&String::from_utf8(output.stdout).unwrap())
    }

    /// The line of a command that fails, with the folder's name left out.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.beadscope(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
        self.short(said.trim_end().strip_prefix("beadscope: ").unwrap())
    }

    fn short(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

#[test]
fn a_run_stores_where_its_settings_come_from_and_opens_again() {
    let lab =
        Lab::new("[camera]\nrate_hz = 20.0\n[recording]\nname = 'left'\n", "[camera]\n\nrate_hz = 40.0\n");
    let run =
        ["run", "--rig", "rig.toml", "--frames", "2", "--beads", "3", "--out", "runs", "--rate-hz", "200"];
    lab.ok(&run);
    let folder = fs::read_dir(lab.path("runs")).unwrap().next().unwrap().unwrap().path();
    let stored = fs::read_to_string(folder.join("rig.toml")).unwrap();
    let told = lab.short(stored.split_once("# Where settings come from").unwrap().1);
    let told: Vec<&str> = told.lines().skip(1).collect();
    assert_eq!(
        told,
        [
            "# camera.rate_hz = 200.0 Hz: --rate-hz, over 40.0 Hz (user.toml:3)",
            "# camera.settings.beads = 3: --beads",
            "# tracking.roi_px = 64 px: found when the instrument was opened, over as the ROI file says, else 64 (default)",
            "# recording.folder = \"runs\": --out, over \"runs\" (default)",
            "# recording.name = \"left\": rig.toml:4, over \"run\" (default)",
        ]
    );
    assert!(stored.contains("rate_hz = 200.0\n") && stored.contains("beads = 3\n"), "{stored}");
    fs::remove_file(lab.path("user.toml")).unwrap();
    let checked = lab.ok(&["rig", "--check", folder.join("rig.toml").to_str().unwrap()]);
    assert!(checked.contains("200 Hz, 3 beads"), "{checked}");
}

#[test]
fn show_tells_every_setting() {
    let lab = Lab::new("[tracking]\n# big beads\nroi_px = 100\n", "");
    let shown: serde_json::Value =
        serde_json::from_str(&lab.ok(&["rig", "--show", "--rig", "rig.toml", "--json"])).unwrap();
    let settings = shown["settings"].as_array().unwrap();
    let roi = settings.iter().find(|setting| setting["name"] == "tracking.roi_px").unwrap();
    assert_eq!(
        (&roi["value"], &roi["unit"], &roi["allowed"]),
        (&100.into(), &"px".into(), &"8 to 512 px".into())
    );
    let source = serde_json::json!({"layer": "rig", "file": "rig.toml", "line": 3});
    assert_eq!(roi["source"], source);
    assert_eq!(roi["inherited"], serde_json::json!({"value": null, "source": {"layer": "default"}}));
    let said = lab.ok(&["rig", "--show", "--rig", "rig.toml"]);
    for setting in settings {
        assert!(
            said.contains(&format!("\n{} = ", setting["name"].as_str().unwrap()))
                || said.starts_with("camera.driver")
        );
        assert!(said.contains(setting["about"].as_str().unwrap()));
    }
    assert!(
        said.contains("tracking.roi_px = 100 px  [rig.toml:3, over as the ROI file says, else 64 (default)]")
    );
}

#[test]
fn set_and_unset_change_one_line_and_tell_it() {
    let rig = "# our left microscope\n[camera]\nrate_hz = 20.0 # as slow as it is\n";
    let lab = Lab::new(rig, "");
    let said = lab.ok(&["rig", "--set", "camera.rate_hz=30", "--rig", "rig.toml"]);
    assert_eq!(said, "camera.rate_hz: 20.0 Hz (rig.toml:3) -> 30.0 Hz (rig.toml:3)\n");
    assert_eq!(lab.read("rig.toml"), rig.replace("20.0", "30.0"));
    fs::remove_file(lab.path("user.toml")).unwrap();
    let said = lab.ok(&["rig", "--set", "camera.rate_hz=50", "--set", "tracking.zlut=z/bead.h5"]);
    assert!(said.starts_with("camera.rate_hz: 100.0 Hz (default) -> 50.0 Hz (user.toml:2)\n"), "{said}");
    assert_eq!(lab.read("user.toml"), "[camera]\nrate_hz = 50.0\n\n[tracking]\nzlut = \"z/bead.h5\"\n");
    let said = lab.ok(&["rig", "--set", "camera.rate_hz=60", "--rig", "rig.toml"]);
    assert_eq!(said, "camera.rate_hz: written, but what holds lies over it: 50.0 Hz (user.toml:2)\n");
    let said = lab.ok(&["rig", "--unset", "camera.rate_hz", "--rig", "rig.toml", "--user"]);
    assert_eq!(said, "camera.rate_hz: 50.0 Hz (user.toml:2) -> 60.0 Hz (rig.toml:3)\n");

    let before = lab.read("user.toml");
    let said = lab.refused(&["rig", "--set", "camera.rate_hz=0"]);
    assert_eq!(said, "camera.rate_hz = 0 is out of range: 0.01 to 100000 Hz");
    let said = lab.refused(&["rig", "--unset", "camera.rate_hz"]);
    assert_eq!(said, "camera.rate_hz is not set there, so it cannot be taken out: user.toml");
    assert!(
        lab.refused(&["rig", "--set", "camera.rat_hz=3"]).starts_with("there is no setting camera.rat_hz")
    );
    assert_eq!(lab.read("user.toml"), before);
}

#[test]
fn a_users_file_that_is_wrong_is_refused_with_its_line() {
    let lab = Lab::new("", "[tracking]\nroi_px = 4\n");
    let said = lab.refused(&["run", "--frames", "2", "--out", "runs"]);
    assert_eq!(said, "tracking.roi_px = 4 is out of range: 8 to 512 px (line 2 of user.toml)");
    assert!(!Path::new(&lab.path("runs")).exists());
}

/// MagScope's bundle, written from what is known of it.
const PREFERENCES: &str = "version: 1\nmagscope:\n  ROI: '80'\n  magnification: 50\n  video processors n: 3\n  new one: 1\n\
                           tracking:\n  lookup_z: {n_local: 4}\n  use fft_profile: 'Yes'\n  fft_profile: {gaus_factor: 0}\n\
                           appearance_layout: {}\n";

#[test]
fn magscopes_preferences_become_a_rig_and_nothing_goes_unsaid() {
    let lab = Lab::new("", "");
    fs::write(lab.path("prefs.yaml"), PREFERENCES).unwrap();
    let said =
        lab.ok(&["rig", "--import-magscope", "prefs.yaml", "--out", "new.toml", "--camera-pixel-nm", "5000"]);
    let told: Vec<&str> = said.lines().collect();
    assert_eq!(
        told,
        [
            "taken: tracking.roi_px = 80: ROI = \"80\"",
            "taken: optics.pixel_size_nm = 100.0: 5000 nm of the camera / magnification = 50",
            "taken: tracking.method = \"magtrack\": MagScope tracks with MagTrack",
            "taken: tracking.magtrack.lookup_z.n_local = 5: lookup_z.n_local = 4",
            "taken: tracking.magtrack.use fft_profile = true: use fft_profile = \"Yes\"",
            "not taken: new one = 1: MagScope 1.0 has no such setting",
            "not taken: video processors n = 3: every core tracks",
            "not taken: fft_profile.gaus_factor = 0: tracking.magtrack.fft_profile.gaus_factor = \"0\" is out of range: above \
             0, to 1000",
            "not taken: appearance_layout: it arranges MagScope's window",
        ]
    );
    let rig = lab.read("new.toml");
    assert!(rig.contains("#   video processors n = 3: every core tracks\n"), "{rig}");
    let show = lab.ok(&["rig", "--show", "--rig", "new.toml"]);
    assert!(show.contains("tracking.roi_px = 80 px") && show.contains("pixel_size_nm = 100.0 nm"), "{show}");
    let again = lab.refused(&["rig", "--import-magscope", "prefs.yaml", "--out", "new.toml"]);
    assert!(again.contains("exists already"), "{again}");
    let without = lab.ok(&["rig", "--import-magscope", "prefs.yaml"]);
    assert!(without.contains("#   magnification = 50: set [optics] pixel_size_nm"), "{without}");
}

#[test]
fn what_is_not_magscopes_is_refused() {
    let lab = Lab::new("", "");
    let nested = "[".repeat(100_000);
    let bomb = "a: &a [x, x]\nb: &b [*a, *a]\n".to_owned() + &"c: [*b, *b, *b, *b]\n".repeat(3);
    for (text, word) in [
        ("", "not MagScope's preferences"),
        ("just words", "not MagScope's preferences"),
        ("- 1\n- 2\n", "not MagScope's preferences"),
        ("name: other\nport: 3\n", "neither a setting ROI nor"),
        ("version: 2\nmagscope: {ROI: 50}\n", "their version is 2"),
        ("version: 1\nmagscope: 3\n", "neither a setting ROI nor"),
        ("version: 1\nmagscope: {}\ntracking: 7\n", "the section tracking"),
        ("ROI: [unclosed\n", "as YAML"),
        ("a: b: c\n\t- x", "as YAML"),
        ("? [1, 2]\n: 3\n", "prefs.yaml"),
        (nested.as_str(), "prefs.yaml"),
        (bomb.as_str(), "prefs.yaml"),
    ] {
        fs::write(lab.path("prefs.yaml"), text).unwrap();
        let said = lab.refused(&["rig", "--import-magscope", "prefs.yaml", "--out", "new.toml"]);
        assert!(
            said.contains(word) && said.ends_with("prefs.yaml") && said.lines().count() == 1,
            "{text:.40}: {said}"
        );
        assert!(!lab.path("new.toml").exists());
    }
    fs::write(lab.path("prefs.yaml"), b"ROI: \xff\xfe\n").unwrap();
    assert!(lab.refused(&["rig", "--import-magscope", "prefs.yaml"]).contains("cannot read the preferences"));
    assert!(lab.refused(&["rig", "--import-magscope", "none.yaml"]).ends_with("none.yaml"));
}
