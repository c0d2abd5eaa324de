//! With coherent light and MagTrack's bead, our simulated images are those of MagTrack's simulator, which goes another way to them.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, outside #[test], where these are how a test fails"
)]

mod common;

use std::process::Command;

use beadscope_drivers::camera::PixelFormat;
use beadscope_drivers::cameras::simulated::{Scene, Settings};
use beadscope_drivers::npy::NpyWriter;
use common::python;

const ROI_PX: u32 = 63;

/// Whether MagTrack's images of its bead are ours of a bead of this index, with the root mean square of the difference below 9 % of that
/// of the contrast.
fn are_alike(python: &std::path::Path, bead_index: f64) -> bool {
    let settings = Settings {
        beads: 0,
        reference_beads: 0,
        // Wider than the image: nothing fades in it.
        roi_px: 200,
        bits: 16,
        bead_radius_nm: 1500.0,
        bead_index,
        bead_absorption: 0.0,
        wavelength_nm: 550.0,
        numerical_aperture: 1.3,
        illumination_na: 0.0,
        bandwidth: 0.0,
        photons_at_white: 1e7,
        read_noise_e: 0.0,
        focus_nm: 6000.0,
        ..Settings::default()
    };
    let sweep = Scene::new(&settings).unwrap().focus_sweep(ROI_PX).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [images, heights] = ["images.npy", "z.npy"].map(|name| folder.path().join(name));
    let mut stack = NpyWriter::create(&images, ROI_PX, ROI_PX, PixelFormat::Mono16).unwrap();
    let px = (ROI_PX * ROI_PX) as usize;
    let some: Vec<usize> = (0..sweep.z_nm.len()).step_by(20).collect();
    for plane in &some {
        let levels = sweep.images[plane * px..(plane + 1) * px].iter();
        let bytes: Vec<u8> = levels.flat_map(|level| (level.round() as u16).to_le_bytes()).collect();
        stack.append(&bytes).unwrap();
    }
    stack.finish().unwrap();
    let list: Vec<String> = some.iter().map(|plane| sweep.z_nm[*plane].to_string()).collect();
    let save = format!("import numpy, sys; numpy.save(sys.argv[1], [{}])", list.join(","));
    assert!(Command::new(python).args(["-c", &save]).arg(&heights).status().unwrap().success());
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/check_images.py");
    let output = Command::new(python)
        .arg(script)
        .args([&images, &heights])
        .args([settings.focus_nm.to_string().as_str(), "0.09"])
        .output()
        .unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(!output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    output.status.success()
}

#[test]
fn our_images_are_those_of_magtrack() {
    let Some(python) = python("our_images_are_those_of_magtrack") else { return };
    assert!(are_alike(&python, 1.59));
    assert!(!are_alike(&python, 1.56), "a bead of another index is another");
}
