//! A lab that used MagTrack finds its old numbers: in `zlut build`, in `track`, and live.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where this is how a test fails")]

mod common;
#[path = "../shaders/tests/magtrack/cases.rs"]
mod magtrack;

use std::fs;
use std::path::Path;

use common::{beadscope, beadscope_ok};
use magtrack::{Case, beads, cases, image, zlut_center_px, zlut_z_nm};

/// What we promise.
const WITHIN_PX: f64 = 1e-6;
const WITHIN_NM: f64 = 1e-3;
const PIXEL_SIZE_NM: f64 = 100.0;

fn write_npy(path: &Path, kind: &str, shape: &str, bytes: &[u8]) {
    let mut head = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    head.extend(std::iter::repeat_n(' ', 117 - head.len()));
    let file = [b"\x93NUMPY\x01\x00\x76\x00", head.as_bytes(), b"\n", bytes].concat();
    fs::write(path, file).unwrap();
}

fn levels(image: &[f32]) -> Vec<u8> {
    image.iter().map(|level| *level as u8).collect()
}

/// Writes the sweep and the images of a case into `folder`.
fn write_images(folder: &Path, roi_px: usize) {
    let (x_px, y_px) = zlut_center_px(roi_px);
    let z_nm = zlut_z_nm();
    let plane = |(seed, z_nm): (usize, &f64)| levels(&image(roi_px, (x_px, y_px, *z_nm), seed));
    let sweep: Vec<u8> = z_nm.iter().enumerate().flat_map(plane).collect();
    write_npy(&folder.join("sweep.npy"), "|u1", &format!("({}, {roi_px}, {roi_px})", z_nm.len()), &sweep);
    let heights: Vec<u8> = z_nm.iter().flat_map(|z_nm| z_nm.to_le_bytes()).collect();
    write_npy(&folder.join("z.npy"), "<f8", &format!("({},)", z_nm.len()), &heights);
    let beads = beads(roi_px);
    let images: Vec<u8> =
        (100..).zip(beads).flat_map(|(seed, bead)| levels(&image(roi_px, bead, seed))).collect();
    write_npy(&folder.join("beads.npy"), "|u1", &format!("({}, {roi_px}, {roi_px})", beads.len()), &images);
}

fn build(folder: &Path, case: &Case, name: &str) -> String {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (x_px, y_px) = zlut_center_px(case.roi_px);
    let (stack, z, out, center) = (path("sweep.npy"), path("z.npy"), path(name), format!("{x_px},{y_px}"));
    let mut arguments =
        vec!["zlut", "build", &stack, "--z", &z, "--center", &center, "--method", "magtrack", "--out", &out];
    arguments.extend(settings(case));
    beadscope_ok(&arguments);
    out
}

/// The options of a case as arguments.
fn settings(case: &Case) -> impl Iterator<Item = &str> {
    case.title.split(" | ").skip(1).flat_map(|setting| ["--magtrack", setting])
}

fn assert_agree(case: &Case, found: &[[f64; 3]]) {
    assert_eq!(found.len(), case.found.len());
    for (ours, theirs) in found.iter().zip(&case.found) {
        for (axis, within) in [WITHIN_PX, WITHIN_PX, WITHIN_NM].into_iter().enumerate() {
            let (ours, theirs) = (ours[axis], theirs[axis]);
            let near = (ours - theirs).abs() < within || ours.is_nan() && theirs.is_nan();
            assert!(near, "case {}, axis {axis}: {ours}, MagTrack {theirs}", case.title);
        }
    }
}

fn triples(bytes: &[u8]) -> Vec<[f64; 3]> {
    let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().unwrap());
    bytes.chunks_exact(24).map(|row| [number(&row[..8]), number(&row[8..16]), number(&row[16..])]).collect()
}

#[test]
fn track_finds_what_magtrack_finds() {
    for case in cases() {
        let folder = tempfile::tempdir().unwrap();
        write_images(folder.path(), case.roi_px);
        let input = folder.path().join("beads.npy");
        let out = folder.path().join("out.npy");
        for name in ["bead.zlut.h5", "bead.txt"] {
            let zlut = build(folder.path(), &case, name);
            let (input, out) = (input.to_str().unwrap(), out.to_str().unwrap());
            let mut arguments = vec!["track", input, "--zlut", &zlut, "--method", "magtrack", "--out", out];
            arguments.extend(settings(&case));
            beadscope_ok(&arguments);
            let bytes = fs::read(out).unwrap();
            assert_agree(&case, &triples(&bytes[bytes.len() - 24 * case.found.len()..]));
        }
    }
}

#[test]
fn a_run_finds_what_magtrack_finds() {
    let mut cases = cases();
    cases.retain(|case| case.title.starts_with("64 | radial_profile.oversample = 3"));
    let case = cases.first().unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_images(folder.path(), case.roi_px);
    build(folder.path(), case, "bead.txt");
    fs::write(folder.path().join("rois.csv"), "bead,x_px,y_px\n0,32,32\n").unwrap();
    let rig = folder.path().join("rig.toml");
    let text = format!(
        "[camera]\ndriver = 'replay'\nsettings = {{ path = 'beads.npy' }}\n[optics]\npixel_size_nm = {PIXEL_SIZE_NM:?}\n\
         [tracking]\nmethod = 'magtrack'\nroi_px = 64\nrois = 'rois.csv'\nzlut = 'bead.txt'\n\
         [tracking.magtrack]\n'radial_profile.oversample' = 3\n"
    );
    fs::write(&rig, text).unwrap();
    let json = beadscope_ok(&["run", "--rig", rig.to_str().unwrap(), "--frames", "6", "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&json).unwrap();
    let run = Path::new(summary["run"].as_str().unwrap());
    let file = rust_hdf5::H5File::open(run.join("tracks.h5")).unwrap();
    let live: Vec<f64> = file.dataset("tracking/positions_nm").unwrap().read_raw().unwrap();
    let px = |nm: f64| nm / PIXEL_SIZE_NM;
    let found: Vec<[f64; 3]> = live.chunks_exact(3).map(|row| [px(row[0]), px(row[1]), row[2]]).collect();
    assert_agree(case, &found);
    let settings = fs::read_to_string(run.join("rig.toml")).unwrap();
    assert!(settings.contains("\"lookup_z.n_local\" = 7"), "the recording names every option: {settings}");
}

#[test]
fn the_simulated_microscope_makes_its_own_zlut_for_the_method() {
    let folder = tempfile::tempdir().unwrap();
    let rig = folder.path().join("rig.toml");
    fs::write(&rig, "[tracking]\nmethod = 'magtrack'\n").unwrap();
    let rig = rig.to_str().unwrap();
    let json = beadscope_ok(&["run", "--rig", rig, "--frames", "10", "--beads", "4", "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&json).unwrap();
    let tracks = Path::new(summary["run"].as_str().unwrap()).join("tracks.h5");
    let file = rust_hdf5::H5File::open(tracks).unwrap();
    let live: Vec<f64> = file.dataset("tracking/positions_nm").unwrap().read_raw().unwrap();
    let with_z = live.chunks_exact(3).filter(|row| row[2].is_finite()).count();
    assert!(with_z >= 20, "{with_z} of 40 rows have a height");
}

#[test]
fn what_does_not_fit_is_one_line_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    write_images(folder.path(), 64);
    let default = cases().remove(0);
    let zlut = build(folder.path(), &default, "bead.txt");
    // As MagScope writes it: without our comments.
    let bare: String = fs::read_to_string(&zlut)
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .fold(String::new(), |text, line| text + line + "\n");
    fs::write(&zlut, bare).unwrap();
    let input = folder.path().join("beads.npy");
    let out = folder.path().join("out.csv");
    let refused = |more: &[&str]| {
        let (input, out) = (input.to_str().unwrap(), out.to_str().unwrap());
        let output = beadscope(&[&["track", input, "--zlut", &zlut, "--out", out], more].concat());
        assert_eq!(output.status.code(), Some(1), "{more:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let said = refused(&["--method", "magtrack", "--magtrack", "radial_profile.oversample=2"]);
    assert!(said.contains("the Z-LUT have 32 bins") && said.contains("oversample = 2 have 64"), "{said}");
    let said = refused(&["--method", "magtrack", "--magtrack", "lookup_z.n_local=2"]);
    assert!(said.contains("lookup_z.n_local = 2 is out of range: an odd number, 3 to 1001"), "{said}");
    let said = refused(&["--method", "magtrack", "--magtrack", "lookup=2"]);
    assert!(said.contains("MagTrack has no option \"lookup\""), "{said}");
    let said = refused(&["--magtrack", "lookup_z.n_local=5"]);
    assert!(said.contains("add --method magtrack"), "{said}");
    let taken = ["track", input.to_str().unwrap(), "--zlut", &zlut, "--method", "magtrack"];
    beadscope_ok(&[&taken[..], &["--out", out.to_str().unwrap()]].concat());
}
