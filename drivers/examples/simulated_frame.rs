//! Draws one simulated frame into a PNG and measures how fast one core draws.
//!
//! `cargo run --release -p beadscope-drivers --example simulated_frame -- frame.png`

use std::time::Instant;

use beadscope_drivers::camera::CameraError;
use beadscope_drivers::cameras::simulated::{Scene, Settings};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "frame.png".to_owned());
    let (ms, frames_per_s, mut scene) = measure(&Settings::default())?;
    eprintln!(
        "50 beads, roi_px 64, 1280 x 1024: {frames_per_s:.0} frames/s on one core; scene made in {ms:.0} ms"
    );
    let (_, frames_per_s, _) = measure(&Settings { beads: 192, ..Settings::default() })?;
    eprintln!("192 beads: {frames_per_s:.0} frames/s");
    let mut slot = vec![0; scene.frame_bytes()];
    scene.render(&mut slot);
    let (width_px, height_px) = (scene.settings().width_px, scene.settings().height_px);
    image::save_buffer(&path, &slot, width_px, height_px, image::ColorType::L8)?;
    Ok(())
}

/// Time to make the scene in ms, frames per second, and the scene.
fn measure(settings: &Settings) -> Result<(f64, f64, Scene), CameraError> {
    const FRAMES: u32 = 300;
    let began = Instant::now();
    let mut scene = Scene::new(settings)?;
    let ms = began.elapsed().as_secs_f64() * 1e3;
    let mut slot = vec![0; scene.frame_bytes()];
    let began = Instant::now();
    for _ in 0..FRAMES {
        scene.advance(0.01);
        scene.render(&mut slot);
    }
    Ok((ms, f64::from(FRAMES) / began.elapsed().as_secs_f64(), scene))
}
