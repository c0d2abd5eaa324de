//! `beadscope zlut info` tells which errors a Z-LUT allows for a camera's noise, and which of its planes is not where it
//! says.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where this is how a test fails")]

mod common;

use std::path::{Path, PathBuf};

use beadscope_zlut::{ReadOptions, ZLut, file};
use common::{beadscope, beadscope_ok};

/// The Z-LUT of a simulated bead.
fn simulated(folder: &Path) -> PathBuf {
    let out = folder.join("simulated");
    beadscope_ok(&["simulate", "--beads", "1", "--frames", "1", "--out", out.to_str().unwrap()]);
    out.join("bead.zlut.h5")
}

fn info(zlut: &Path, options: &[&str]) -> serde_json::Value {
    let arguments = [&["zlut", "info", zlut.to_str().unwrap(), "--json"], options].concat();
    serde_json::from_str(&beadscope_ok(&arguments)).unwrap()
}

#[test]
fn errors_follow_the_noise_and_an_assumed_noise_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let zlut = simulated(folder.path());
    let sigmas = |noise: &str, name: &str| -> Vec<f64> {
        let info = info(&zlut, &["--noise", noise]);
        let rows = info["attainable"].as_array().unwrap();
        rows.iter().map(|row| row[name].as_f64().unwrap()).collect()
    };
    for name in ["sigma_x_px", "sigma_y_px", "sigma_z_nm"] {
        let (quiet, loud) = (sigmas("1.5", name), sigmas("3", name));
        assert_eq!(quiet.len(), 9);
        for (quiet, loud) in quiet.into_iter().zip(loud) {
            assert!(quiet > 0.0 && (loud / quiet - 2.0).abs() < 1e-6, "{name}: {quiet} {loud}");
        }
    }
    let assumed = beadscope_ok(&["zlut", "info", zlut.to_str().unwrap()]);
    assert!(assumed.contains("an assumed camera: 5000 photo-electrons at grey level 255"), "{assumed}");
    assert!(assumed.contains("x, y (nm)"), "{assumed}");
    let given = beadscope_ok(&["zlut", "info", zlut.to_str().unwrap(), "--noise", "3"]);
    assert!(!given.contains("assumed") && given.contains("a noise of 3 grey levels"), "{given}");

    // MagScope's format keeps the profiles only.
    let text = folder.path().join("bead.txt");
    beadscope_ok(&["zlut", "convert", zlut.to_str().unwrap(), text.to_str().unwrap()]);
    assert!(info(&text, &[])["attainable"].is_null());
    let told = beadscope_ok(&["zlut", "info", text.to_str().unwrap()]);
    assert!(told.contains("not known, the Z-LUT holds radial profiles only"), "{told}");
}

#[test]
fn a_plane_that_is_not_where_it_says_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let clean = simulated(folder.path());
    assert!(info(&clean, &[])["misplaced_z_nm"].is_null());
    assert!(info(&clean, &[])["left_out_rms_nm"].as_f64().unwrap() < 1.0);

    let zlut = file::read(&clean, &ReadOptions::default()).unwrap();
    let mut z_nm = zlut.z_nm().to_vec();
    z_nm[60] += 20.0;
    let wrong_nm = z_nm[60];
    let moved = ZLut::new(z_nm, zlut.n_rings(), zlut.profiles().to_vec(), zlut.origin.clone()).unwrap();
    let wrong = folder.path().join("wrong.zlut.h5");
    file::write(&wrong, &moved).unwrap();
    assert_eq!(info(&wrong, &[])["misplaced_z_nm"].as_f64(), Some(wrong_nm));
    let output = beadscope(&["zlut", "info", wrong.to_str().unwrap()]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains(&format!("the plane at {wrong_nm:.0} nm looks like one at")), "{told}");
}
