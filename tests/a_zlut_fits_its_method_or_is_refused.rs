//! A Z-LUT whose profiles the method does not measure is refused with what to do, one that makes `fit` worse is told, and
//! `zlut info` says what a file holds.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where this is how a test fails")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use beadscope_drivers::cameras::simulated::{Scene, Settings};
use beadscope_zlut::{ImageTable, ReadOptions, file};
use common::{beadscope, beadscope_ok};
use rust_hdf5::H5File;
use serde_json::Value;

const ROI_PX: usize = 64;
const FFT: [&str; 2] = ["--magtrack", "use fft_profile=true"];

/// Simulated frames, their ROIs, and Z-LUTs of every kind from one focus sweep.
struct Bench {
    folder: tempfile::TempDir,
}

fn write_npy(path: &Path, kind: &str, shape: &str, bytes: &[u8]) {
    let mut head = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    head.extend(std::iter::repeat_n(' ', 117 - head.len()));
    fs::write(path, [b"\x93NUMPY\x01\x00\x76\x00", head.as_bytes(), b"\n", bytes].concat()).unwrap();
}

impl Bench {
    fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        let sim = bench.text("sim");
        beadscope_ok(&["simulate", "--beads", "2", "--frames", "3", "--out", &sim]);
        let scene = Scene::new(&Settings::with_beads(2)).unwrap();
        let sweep = scene.focus_sweep(ROI_PX as u32).unwrap();
        let levels: Vec<u8> = sweep.images.iter().map(|level| level.round() as u8).collect();
        let (images, heights) = (bench.path("sweep.npy"), bench.path("z.npy"));
        write_npy(&images, "|u1", &format!("({}, {ROI_PX}, {ROI_PX})", sweep.z_nm.len()), &levels);
        let z_nm: Vec<u8> = sweep.z_nm.iter().flat_map(|z_nm| z_nm.to_le_bytes()).collect();
        write_npy(&heights, "<f8", &format!("({},)", sweep.z_nm.len()), &z_nm);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Builds a Z-LUT as the command line does; what was said on standard error.
    fn build(&self, out: &str, more: &[&str]) -> String {
        let [images, heights, out] = ["sweep.npy", "z.npy", out].map(|name| self.text(name));
        let build = ["zlut", "build", &images, "--z", &heights, "--center", "31.5,31.5", "--out", &out];
        let output = beadscope(&[&build, more].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        said
    }

    /// Tracks with a Z-LUT: the JSON, or else what was said; and all that was said.
    fn track(&self, zlut: &str, more: &[&str]) -> (Option<Value>, String) {
        let [sim, rois, zlut, out] = ["sim", "sim/rois.csv", zlut, "out.csv"].map(|name| self.text(name));
        let track = ["track", &sim, "--rois", &rois, "--zlut", &zlut, "--out", &out, "--json"];
        let output = beadscope(&[&track, more].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(i32::from(!output.status.success())), "{said}");
        (output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap()), said)
    }

    /// The notes of tracking with a Z-LUT, each of which must also be in the log and in the CSV.
    fn notes(&self, zlut: &str, more: &[&str]) -> Vec<String> {
        let (json, said) = self.track(zlut, more);
        let csv = fs::read_to_string(self.path("out.csv")).unwrap();
        let json = json.unwrap();
        let notes = json["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap().to_owned());
        notes
            .inspect(|note| {
                assert!(said.contains("WARN") && said.contains(note.as_str()), "{note}: {said}");
                let start: String = note.split('`').next().unwrap().to_owned();
                assert!(csv.contains(&start), "{note}: {csv}");
            })
            .collect()
    }

    /// The mean height in what was tracked last.
    fn mean_z_nm(&self) -> f64 {
        let csv = fs::read_to_string(self.path("out.csv")).unwrap();
        let rows = csv.lines().filter(|line| line.starts_with(|letter: char| letter.is_ascii_digit()));
        let z_nm: Vec<f64> = rows.map(|row| row.split(',').nth(4).unwrap().parse().unwrap()).collect();
        z_nm.iter().sum::<f64>() / z_nm.len() as f64
    }

    fn info(&self, zlut: &str) -> (Value, String) {
        let zlut = self.text(zlut);
        let json = beadscope_ok(&["zlut", "info", &zlut, "--json"]);
        (serde_json::from_str(&json).unwrap(), beadscope_ok(&["zlut", "info", &zlut]))
    }

    /// The rig of the simulated frames with another section `[tracking]`.
    fn rig(&self, tracking: &str) -> String {
        let text = format!(
            "[camera]\ndriver = 'replay'\nsettings = {{ path = 'sim/frames.npy' }}\n[optics]\npixel_size_nm = 100.0\n\
             [tracking]\nrois = 'sim/rois.csv'\n{tracking}\n"
        );
        fs::write(self.path("rig.toml"), text).unwrap();
        self.text("rig.toml")
    }

    /// The table in `from` without the comments that only our files have.
    fn as_magscope_writes_it(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(from)).unwrap();
        let bare: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        fs::write(self.path(to), bare.join("\n")).unwrap();
    }
}

/// Name of the files, options that make them, name of the kind, and what messages call it.
const KINDS: [(&str, &[&str], &str, &str); 3] = [
    ("rings", &[], "sampled-rings", "rings sampled between pixels"),
    ("radial", &["--method", "magtrack"], "magtrack-radial", "MagTrack's radial profiles"),
    ("fft", &["--method", "magtrack", FFT[0], FFT[1]], "magtrack-fft", "MagTrack's FFT profiles"),
];

#[test]
fn profiles_that_the_method_does_not_measure_are_refused() {
    let bench = Bench::new();
    for (name, options, ..) in KINDS {
        bench.build(&format!("{name}.zlut.h5"), options);
        bench.build(&format!("{name}.txt"), options);
    }
    let magtrack = &["--method", "magtrack"][..];
    let with_fft = [magtrack, &FFT].concat();
    let methods = [
        ("rings", &["--method", "com"][..]),
        ("rings", &["--method", "autoconv"]),
        ("rings", &["--method", "qi"]),
        ("rings", &["--method", "fit"]),
        ("radial", magtrack),
        ("fft", &with_fft),
    ];
    for (have, _, _, in_words) in KINDS {
        for (need, method) in methods {
            for file in [format!("{have}.zlut.h5"), format!("{have}.txt")] {
                let (json, said) = bench.track(&file, method);
                assert_eq!(json.is_some(), have == need, "{file}, {method:?}: {said}");
                if have != need {
                    let told = said.contains(&format!("holds {in_words}, but the method {}", method[1]));
                    assert!(told && said.contains("build one"), "{file}, {method:?}: {said}");
                    assert!(!said.contains("far apart"), "a diagnosis beside the point: {said}");
                }
            }
        }
    }
    for (tracking, hint) in [
        ("method = 'qi'\nzlut = 'radial.zlut.h5'", "`beadscope zlut build`"),
        ("method = 'magtrack'\nzlut = 'rings.txt'", "`beadscope zlut build --method magtrack`"),
    ] {
        let rig = bench.rig(tracking);
        for command in [&["run", "--rig", &rig, "--frames", "2"][..], &["rig", "--check", &rig]] {
            let output = beadscope(command);
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.code() == Some(1) && said.contains(hint), "{tracking}: {said}");
        }
    }
}

#[test]
fn info_says_what_a_file_holds() {
    let bench = Bench::new();
    for (name, options, kind, in_words) in KINDS {
        let with_model = name == "rings";
        for (extension, has_model) in [("zlut.h5", with_model), ("txt", false)] {
            let file = format!("{name}.{extension}");
            let said = bench.build(&file, options);
            let (json, text) = bench.info(&file);
            assert_eq!(
                (&json["profile_kind"], &json["image_model"]),
                (&kind.into(), &has_model.into()),
                "{file}"
            );
            assert!(text.contains(&format!("profiles: {in_words}\n")), "{text}");
            assert_eq!(text.contains("model of the image, for the method fit: none"), !has_model, "{text}");
            // Built in a format that has no room for it.
            assert_eq!(said.contains("no model of the image"), with_model && !has_model, "{file}: {said}");
        }
    }
    bench.as_magscope_writes_it("rings.txt", "bare.txt");
    let (json, text) = bench.info("bare.txt");
    assert!(json["profile_kind"].is_null() && text.contains("profiles: the file does not say"), "{text}");
}

#[test]
fn tables_of_other_programs_are_taken_and_doubts_told() {
    let bench = Bench::new();
    bench.build("radial.txt", &["--method", "magtrack"]);
    bench.as_magscope_writes_it("radial.txt", "magscope.txt");
    let doubt = |notes: &[String]| notes.iter().any(|note| note.contains("does not say how its profiles"));
    assert!(!doubt(&bench.notes("magscope.txt", &["--method", "magtrack"])), "the method is there for them");
    assert!(doubt(&bench.notes("magscope.txt", &["--method", "qi"])));
    let z_of_magtracks_profiles_nm = bench.mean_z_nm();
    bench.build("rings.zlut.h5", &[]);
    assert_eq!(bench.notes("rings.zlut.h5", &["--method", "qi"]), Vec::<String>::new());
    let off_nm = z_of_magtracks_profiles_nm - bench.mean_z_nm();
    println!("sampled rings looked up in MagTrack's profiles: z off by {off_nm:.1} nm");
    assert!(off_nm.abs() > 5.0, "the doubt is there for nothing: {off_nm} nm");
}

#[test]
fn a_fit_without_a_fitted_model_of_the_image_is_told_everywhere() {
    let bench = Bench::new();
    bench.build("rings.zlut.h5", &[]);
    let [from, to] = ["rings.zlut.h5", "rings.txt"].map(|name| bench.text(name));
    let converted = beadscope(&["zlut", "convert", &from, &to]);
    let said = String::from_utf8(converted.stderr).unwrap();
    assert!(said.contains("WARN") && said.contains("It has no model of the image"), "{said}");
    // A model in steps that this program does not use.
    let mut other = file::read(Path::new(&from), &ReadOptions::default()).unwrap();
    let image = other.image().unwrap().clone();
    other = other.with_image(ImageTable { knot_step_px: 0.25, ..image }).unwrap();
    file::write(&bench.path("other.zlut.h5"), &other).unwrap();

    let fit = ["--method", "fit"];
    assert_eq!(bench.notes("rings.zlut.h5", &fit), Vec::<String>::new());
    for (file, words) in
        [("rings.txt", "holds no model of the image"), ("other.zlut.h5", "in steps of 0.25 px")]
    {
        let notes = bench.notes(file, &fit);
        assert!(notes.len() == 1 && notes[0].contains(words) && notes[0].contains("zlut build"), "{notes:?}");
        assert_eq!(bench.notes(file, &["--method", "qi"]), Vec::<String>::new(), "{file}");
    }
    let (json, _) = bench.info("other.zlut.h5");
    assert!(json["attainable"].is_null(), "told of another model than asked for: {json}");

    let rig = bench.rig("method = 'fit'\nzlut = 'rings.txt'");
    let run = ["run", "--rig", &rig, "--frames", "2", "--json"];
    let output = common::program().args(run).current_dir(bench.folder.path()).output().unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(summary["notes"].to_string().contains("no model of the image"), "{summary}");
    let tracks = Path::new(summary["run"].as_str().unwrap()).join("tracks.h5");
    let file = H5File::open(tracks).unwrap();
    let settings = file.dataset("beadscope/settings_toml").unwrap().read_vlen_strings().unwrap().concat();
    assert!(settings.contains("no model of the image"), "{settings}");
}

#[test]
fn a_fit_without_a_zlut_is_refused() {
    let bench = Bench::new();
    let [sim, rois, out] = ["sim", "sim/rois.csv", "out.csv"].map(|name| bench.text(name));
    let rig = bench.rig("method = 'fit'");
    for command in [
        &["track", &sim, "--rois", &rois, "--method", "fit", "--out", &out][..],
        &["run", "--rig", &rig, "--frames", "2"],
        &["rig", "--check", &rig],
    ] {
        let output = beadscope(command);
        let said = String::from_utf8(output.stderr).unwrap();
        let told = said.contains("the method fit needs a Z-LUT") && said.contains("use the method qi");
        assert!(output.status.code() == Some(1) && told, "{command:?}: {said}");
    }
    assert!(!bench.path("out.csv").exists() && !bench.path("runs").exists());
    // The simulated microscope makes its own.
    fs::write(bench.path("own.toml"), "[tracking]\nmethod = 'fit'\n").unwrap();
    beadscope_ok(&["rig", "--check", &bench.text("own.toml")]);
}
