//! Draws one simulated frame into a PNG and measures how fast one core simulates: motion, images and noise.
//!
//! `cargo run --release -p beadscope-drivers --example simulated_frame -- frame.png`

#![allow(clippy::print_stdout, reason = "the table is what it is run for")]

use std::time::Instant;

use beadscope_drivers::camera::{CameraError, PixelFormat, SensorWindow};
use beadscope_drivers::cameras::simulated::{Scene, Settings};
use beadscope_drivers::microscope::Sensor;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "frame.png".to_owned());
    println!(
        "frames per second on one core, at 1 kHz with 1 ms of exposure, 8 bit; time to make the scene\n"
    );
    println!("| sensor (px) | beads | ROI (px) | frames/s | with an uneven sensor | scene (ms) |");
    println!("|---|---|---|---|---|---|");
    for (width_px, height_px, beads, roi_px) in [
        (512, 512, 10, 64),
        (1024, 1024, 50, 64),
        (1024, 1024, 100, 64),
        (1280, 1024, 180, 64),
        (1280, 1024, 50, 100),
        (2048, 2048, 100, 128),
        (4096, 4096, 2000, 64),
    ] {
        let settings = Settings { width_px, height_px, roi_px, ..Settings::with_beads(beads) };
        let (ms, even, _) = measure(&settings)?;
        let sensor = Sensor { vignetting: 0.1, response_spread: 0.01, flicker: 0.01, ..Sensor::default() };
        let (_, uneven, _) = measure(&Settings { sensor, ..settings })?;
        println!("| {width_px} x {height_px} | {beads} | {roi_px} | {even:.0} | {uneven:.0} | {ms:.0} |");
    }
    let (_, _, mut scene) = measure(&Settings::default())?;
    let mut slot = vec![0; scene.frame_bytes()];
    scene.render(&mut slot);
    let (width_px, height_px) = (scene.settings().width_px, scene.settings().height_px);
    image::save_buffer(&path, &slot, width_px, height_px, image::ColorType::L8)?;
    Ok(())
}

/// Time to make the scene in ms, frames per second, and the scene.
fn measure(settings: &Settings) -> Result<(f64, f64, Scene), CameraError> {
    const SECONDS: f64 = 2.0;
    let began = Instant::now();
    let mut scene = Scene::new(settings)?;
    let ms = began.elapsed().as_secs_f64() * 1e3;
    let window =
        SensorWindow { x_px: 0, y_px: 0, width_px: settings.width_px, height_px: settings.height_px };
    scene.set_readout(window, PixelFormat::Mono8, 1e-3);
    let mut slot = vec![0; scene.frame_bytes()];
    let (began, mut frames) = (Instant::now(), 0);
    while began.elapsed().as_secs_f64() < SECONDS {
        scene.advance(1e-3);
        scene.render(&mut slot);
        frames += 1;
    }
    Ok((ms, f64::from(frames) / began.elapsed().as_secs_f64(), scene))
}
