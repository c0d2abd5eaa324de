//! The simulated microscope tells the truth: what it says of its beads is what its images show, and it loses frames
//! only as a camera would.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, helpers of tests too")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

use beadscope_drivers::camera::{CameraDriver, CameraError, CameraRequest, PixelFormat, SensorWindow};
use beadscope_drivers::cameras::simulated::{BeadTruth, Driver, Scene, Settings};
use beadscope_drivers::microscope::Sensor;
use beadscope_drivers::microscope::stage::Moved;

fn settings() -> Settings {
    Settings { width_px: 480, height_px: 400, beads: 8, ..Settings::default() }
}

fn frame(scene: &mut Scene) -> Vec<u8> {
    let mut slot = vec![0; scene.frame_bytes()];
    scene.render(&mut slot);
    slot
}

#[test]
fn same_settings_and_seed_give_same_truth_and_pixels() {
    let film = |settings: &Settings| {
        let mut scene = Scene::new(settings).unwrap();
        scene.advance(0.01);
        let pixels = frame(&mut scene);
        (scene.beads().to_vec(), pixels)
    };
    assert_eq!(film(&settings()), film(&settings()));
    let other = Settings { seed: 2, ..settings() };
    assert_ne!(film(&settings()).0, film(&other).0);
}

#[test]
fn truth_does_not_depend_on_what_was_rendered() {
    let mut watched = Scene::new(&settings()).unwrap();
    let mut unwatched = Scene::new(&settings()).unwrap();
    for _ in 0..3 {
        frame(&mut watched);
        watched.advance(0.01);
        unwatched.advance(0.01);
    }
    assert_eq!(watched.beads(), unwatched.beads());
}

/// Finds the centre about which the image is most even under a half turn: it needs no model of the rings.
fn centre_of_symmetry(pixels: &[u8], width: usize, x_px: f64, y_px: f64) -> (f64, f64) {
    const HALF: i32 = 20;
    let at = |x: i32, y: i32| f64::from(pixels[y as usize * width + x as usize]);
    // Grid of doubled centres, in half pixels: a half turn about (cx/2, cy/2) maps pixels onto pixels.
    let cost = |cx: i32, cy: i32| {
        let mut sum = 0.0;
        for y in cy / 2 - HALF..=cy / 2 + HALF {
            for x in cx / 2 - HALF..=cx / 2 + HALF {
                sum += (at(x, y) - at(cx - x, cy - y)).powi(2);
            }
        }
        sum
    };
    let (cx, cy) = ((2.0 * x_px).round() as i32, (2.0 * y_px).round() as i32);
    let vertex = |left: f64, middle: f64, right: f64| 0.5 * (left - right) / (left - 2.0 * middle + right);
    // Parabolas over two pixels, even numbers of half pixels, so that windows have the same size.
    let dx = vertex(cost(cx - 2, cy), cost(cx, cy), cost(cx + 2, cy));
    let dy = vertex(cost(cx, cy - 2), cost(cx, cy), cost(cx, cy + 2));
    (f64::from(cx) / 2.0 + dx, f64::from(cy) / 2.0 + dy)
}

#[test]
fn beads_are_where_the_truth_says() {
    let settings = Settings { photons_at_white: 1e7, read_noise_e: 0.0, bits: 8, ..settings() };
    let mut scene = Scene::new(&settings).unwrap();
    let (mut sum, mut n) = ([0.0, 0.0], 0.0);
    for _ in 0..10 {
        scene.advance(1.0);
        let pixels = frame(&mut scene);
        for bead in scene.beads() {
            let (x_px, y_px) = centre_of_symmetry(&pixels, 480, bead.x_px, bead.y_px);
            let error = [x_px - bead.x_px, y_px - bead.y_px];
            assert!(error[0].hypot(error[1]) < 0.1, "bead {} is off by {error:?} px", bead.bead);
            sum = [sum[0] + error[0], sum[1] + error[1]];
            n += 1.0;
        }
    }
    // A convention off by half a pixel, or x and y exchanged, would show as a bias.
    assert!(sum[0].abs() / n < 0.01 && sum[1].abs() / n < 0.01, "bias {} px, {} px", sum[0] / n, sum[1] / n);
}

#[test]
fn reference_beads_move_only_with_the_stage() {
    let mut scene = Scene::new(&Settings { walk_nm_per_sqrt_s: [0.0; 3], ..settings() }).unwrap();
    let before = scene.beads().to_vec();
    scene.advance(20.0);
    let (mut stuck, mut tethered) = (Vec::new(), Vec::new());
    for (old, new) in before.iter().zip(scene.beads()) {
        let moved = (new.x_px - old.x_px, new.y_px - old.y_px, new.z_nm - old.z_nm);
        if new.is_reference { stuck.push(moved) } else { tethered.push(moved) }
    }
    assert_eq!(stuck.len(), 3);
    // Drift: 100 s × sin(20 s / 100 s) × (0.5, 0.3, 0.2) nm/s, at 100 nm/px.
    let swing = 100.0 * 0.2_f64.sin();
    for (dx, dy, dz) in stuck {
        assert!((dx - 0.005 * swing).abs() < 1e-9 && (dy - 0.003 * swing).abs() < 1e-9, "{dx} {dy}");
        assert!((dz - 0.2 * swing).abs() < 1e-9, "{dz}");
    }
    assert!(tethered.iter().any(|(dx, _, _)| (dx - 0.005 * swing).abs() > 0.1));
}

/// Means of the z of tethered beads on DNA alone, which all have the same length.
fn heights(scene: &mut Scene, frames: u32) -> (f64, f64) {
    let (mut tethered, mut stuck) = ((0.0, 0.0), (0.0, 0.0));
    for _ in 0..frames {
        scene.advance(0.1);
        for bead in scene.beads() {
            let sum = if bead.is_reference { &mut stuck } else { &mut tethered };
            *sum = (sum.0 + bead.z_nm, sum.1 + 1.0);
        }
    }
    (tethered.0 / tethered.1, stuck.0 / stuck.1)
}

#[test]
fn magnets_and_focus_move_what_is_seen() {
    let text = "width_px = 480\nheight_px = 400\nbeads = 12\nmagnetisation_spread = 0.0\ndrift_nm_per_s = [0.0, 0.0, 0.0]\n\
        walk_nm_per_sqrt_s = [0.0, 0.0, 0.0]\nmolecule = { nicked_share = 0.0, double_share = 0.0 }";
    let mut scene = Scene::new(&Settings::from_table(&text.parse().unwrap()).unwrap()).unwrap();
    let go = |scene: &mut Scene, axis, to| {
        assert!(scene.stage().lock().unwrap().go(axis, to));
        // 10 turns a second pair are 5 s.
        (0..20).for_each(|_| scene.advance(1.0));
    };
    // 5.2 pN: 94 % of 1700 nm by the worm-like chain.
    let (near, stuck) = heights(&mut scene, 200);
    assert!((near - 1596.0).abs() < 10.0 && stuck == 0.0, "{near} {stuck}");
    assert!(scene.beads().iter().all(|bead| bead.is_reference || (bead.force_pn - 5.2).abs() < 0.1));
    go(&mut scene, Moved::MagnetHeight, 7.5);
    let (far, stuck) = heights(&mut scene, 200);
    assert!(far < near - 250.0 && stuck == 0.0, "{far}");
    for turns in [12.0, -12.0] {
        go(&mut scene, Moved::MagnetTurns, turns);
        let (wound, _) = heights(&mut scene, 200);
        assert!(wound < far - 200.0, "{turns}: {wound}");
    }
    go(&mut scene, Moved::MagnetTurns, 0.0);
    go(&mut scene, Moved::Focus, 300.0);
    let (lower, stuck) = heights(&mut scene, 200);
    assert!((lower + 300.0 - far).abs() < 25.0 && (stuck + 300.0).abs() < 1e-9, "{lower} {far}");
}

/// Times that no clock tells, and a window beside the sensor, are no panic and no endless loop, and beads stay where beads can be.
#[test]
fn impossible_times_and_windows_are_survived() {
    let sensor = Sensor { vignetting: 0.1, ..Sensor::default() };
    let mut scene = Scene::new(&Settings { sensor, ..settings() }).unwrap();
    assert!(scene.stage().lock().unwrap().go(Moved::MagnetTurns, 400.0));
    for dt_s in [f64::NAN, -1.0, 0.0, f64::MIN_POSITIVE, f64::INFINITY, f64::MAX, 1e6, 0.01] {
        scene.advance(dt_s);
        frame(&mut scene);
        let possible = |bead: &BeadTruth| (0.0..480.0).contains(&bead.x_px) && bead.z_nm.abs() < 2500.0;
        assert!(scene.beads().iter().all(possible), "{dt_s}: {:?}", scene.beads());
    }
    let window = SensorWindow { x_px: 470, y_px: 5000, width_px: 480, height_px: 400 };
    scene.set_readout(window, PixelFormat::Mono8, 1e300);
    scene.advance(0.01);
    frame(&mut scene);
}

#[test]
fn beads_tear_off_and_are_gone() {
    let mut scene = Scene::new(&Settings { detached_per_h: 600.0, ..settings() }).unwrap();
    (0..60).for_each(|_| scene.advance(1.0));
    let gone = scene.beads().iter().filter(|bead| bead.x_px.is_nan()).count();
    assert_eq!(gone, 5, "in a minute each tether tears ten times");
    let before = frame(&mut scene);
    let mean = before.iter().map(|level| f64::from(*level)).sum::<f64>() / before.len() as f64;
    assert!((mean - 127.5).abs() < 2.0, "{mean}");
}

#[test]
fn tilt_moves_the_edges_against_each_other() {
    let settings = Settings { tilt_nm_per_s: [1.0, 0.0], walk_nm_per_sqrt_s: [0.0; 3], ..settings() };
    let mut scene = Scene::new(&Settings { reference_beads: 8, ..settings }).unwrap();
    scene.advance(20.0);
    let swing = 100.0 * 0.2_f64.sin();
    for bead in scene.beads() {
        let x_px = bead.x_px - 0.005 * swing;
        let expected = swing * (0.2 + 2.0 * x_px / 480.0 - 1.0);
        assert!((bead.z_nm - expected).abs() < 0.1, "{bead:?}, not {expected}");
    }
}

/// An uneven sensor is drawn pixel by pixel; with nothing in it but a ripple the mean follows the lamp.
#[test]
fn an_uneven_sensor_shows_the_same_beads() {
    let quiet = Settings { photons_at_white: 1e7, read_noise_e: 0.0, bits: 12, ..settings() };
    let uneven = |sensor: Sensor| {
        let mut scene = Scene::new(&Settings { sensor, ..quiet.clone() }).unwrap();
        frame(&mut scene)
    };
    let level = |bytes: &[u8], i: usize| i32::from(u16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]]));
    let even = uneven(Sensor::default());
    let slope = uneven(Sensor { gradient: [0.2, 0.0], ..Sensor::default() });
    for i in (0..480 * 400).step_by(37) {
        let expected = f64::from(level(&even, i)) * (1.0 + 0.2 * (2.0 * (i % 480) as f64 / 479.0 - 1.0));
        assert!((f64::from(level(&slope, i)) - expected).abs() < 16.0, "{i}");
    }
}

#[test]
fn beads_stay_within_the_heights_that_the_focus_sweep_covers() {
    let mut scene = Scene::new(&settings()).unwrap();
    let sweep = scene.focus_sweep(64).unwrap();
    let (low, high) = (sweep.z_nm[0], sweep.z_nm[sweep.z_nm.len() - 1]);
    assert_eq!(sweep.images.len(), sweep.z_nm.len() * 64 * 64);
    assert!(sweep.z_nm.windows(2).all(|pair| (pair[1] - pair[0] - 25.0).abs() < 1e-9));
    for _ in 0..20_000 {
        scene.advance(0.5);
        for bead in scene.beads() {
            assert!((low..high).contains(&bead.z_nm), "bead {} at {} nm", bead.bead, bead.z_nm);
        }
    }
}

/// The sweep shows the same bead as the camera: its image at a bead's height is the bead's image.
#[test]
fn the_focus_sweep_shows_what_the_camera_shows() {
    let settings = Settings { photons_at_white: 1e7, read_noise_e: 0.0, ..settings() };
    let mut scene = Scene::new(&settings).unwrap();
    scene.advance(0.01);
    let sweep = scene.focus_sweep(63).unwrap();
    let pixels = frame(&mut scene);
    for bead in scene.beads() {
        let (x, y) = (bead.x_px.round(), bead.y_px.round());
        // Profile of the column through the centre, averaged with its mirror image against sub-pixel shifts.
        let of_frame = |i: usize| {
            let at = |dy: f64| f64::from(pixels[(y + dy) as usize * 480 + x as usize]);
            (at(i as f64) + at(-(i as f64))) / 2.0
        };
        let difference = |plane: usize| {
            let image = &sweep.images[plane * 63 * 63..][..63 * 63];
            (0..28).map(|i| (of_frame(i) - f64::from(image[(31 + i) * 63 + 31])).powi(2)).sum::<f64>()
        };
        let planes = 0..sweep.z_nm.len();
        let best = planes.min_by(|a, b| difference(*a).total_cmp(&difference(*b))).unwrap();
        assert!(
            (sweep.z_nm[best] - bead.z_nm).abs() < 150.0,
            "{} nm is not {} nm",
            sweep.z_nm[best],
            bead.z_nm
        );
    }
}

#[test]
fn the_background_is_half_of_white_and_beads_have_a_dark_core() {
    let mut scene = Scene::new(&settings()).unwrap();
    let pixels = frame(&mut scene);
    let corner: f64 =
        (0..10).flat_map(|y| (0..10).map(move |x| y * 480 + x)).map(|i| f64::from(pixels[i])).sum();
    assert!((corner / 100.0 - 127.5).abs() < 1.0, "{}", corner / 100.0);
    for bead in scene.beads() {
        let (x, y) = (bead.x_px.round() as usize, bead.y_px.round() as usize);
        let darkest = (0..8).map(|dx| pixels[y * 480 + x + dx]).min().unwrap();
        let brightest = (8..25).map(|dx| pixels[y * 480 + x + dx]).max().unwrap();
        assert!(darkest < 90 && brightest > 145, "bead {}: {darkest} to {brightest}", bead.bead);
    }
}

#[test]
fn a_window_is_a_cut_of_the_sensor() {
    let settings = Settings { photons_at_white: 1e7, read_noise_e: 0.0, bits: 12, ..settings() };
    let mut scene = Scene::new(&settings).unwrap();
    let whole = frame(&mut scene);
    let bead = scene.beads()[0];
    // The window cuts the bead in two.
    let window =
        SensorWindow { x_px: bead.x_px as u32, y_px: bead.y_px as u32 - 10, width_px: 30, height_px: 40 };
    scene.set_readout(window, PixelFormat::Mono12, 0.0);
    let cut = frame(&mut scene);
    let level = |bytes: &[u8], i: usize| i32::from(u16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]]));
    for row in 0..40 {
        for column in 0..30 {
            let there = (row + window.y_px as usize) * 480 + column + window.x_px as usize;
            let difference = level(&whole, there) - level(&cut, row * 30 + column);
            assert!(difference.abs() <= 12, "{difference} at row {row}, column {column}");
        }
    }
}

#[test]
fn a_slow_reader_loses_frames_and_the_frame_numbers_say_so() {
    let table =
        "width_px = 64\nheight_px = 64\nbeads = 0\nreference_beads = 0\nbuffer_frames = 20".parse().unwrap();
    let mut camera = Driver.open(&table).unwrap();
    camera.configure(&CameraRequest { rate_hz: Some(200.0), ..Default::default() }).unwrap();
    camera.start().unwrap();
    let mut slot = vec![0; 64 * 64];
    let mut read = || camera.read_into(&mut slot, Duration::from_secs(1)).unwrap();
    let first = read();
    // 15 ms is 3 frames, which the buffer of 100 ms holds, on a busy machine too.
    std::thread::sleep(Duration::from_millis(15));
    let kept = read();
    assert_eq!(kept.device_frame, first.device_frame + 1);
    // 400 ms is 80 frames; the newest 20 are still there.
    std::thread::sleep(Duration::from_millis(400));
    let late = read();
    assert!(late.device_frame >= kept.device_frame + 50, "{} after {}", late.device_frame, kept.device_frame);
    assert_eq!(read().device_frame, late.device_frame + 1);
    // Mid-exposure of each frame is on the camera's clock: frame / rate + exposure / 2, here with the whole period.
    assert_eq!(late.device_time_ns, Some(late.device_frame * 5_000_000 + 2_500_000));
}

#[test]
fn frames_come_at_the_rate_asked_for() {
    let table = "width_px = 64\nheight_px = 64\nbeads = 0\nreference_beads = 0".parse().unwrap();
    let mut camera = Driver.open(&table).unwrap();
    camera.configure(&CameraRequest { rate_hz: Some(500.0), ..Default::default() }).unwrap();
    camera.start().unwrap();
    let mut slot = vec![0; 64 * 64];
    let began = Instant::now();
    let mut last = 0;
    for _ in 0..100 {
        last = camera.read_into(&mut slot, Duration::from_secs(1)).unwrap().device_frame;
    }
    let seconds = began.elapsed().as_secs_f64();
    let expected = (last + 1) as f64 / 500.0;
    // Never early. How late, a busy machine decides.
    assert!(seconds >= expected - 1e-4 && seconds < expected + 2.0, "{seconds} s for {last} frames");
}

#[test]
fn out_of_range_requests_are_refused_and_exposure_follows_the_rate() {
    let mut camera = Driver.open(&toml::Table::new()).unwrap();
    let ask = |request: CameraRequest| request;
    for request in [
        ask(CameraRequest { rate_hz: Some(0.05), ..Default::default() }),
        ask(CameraRequest { rate_hz: Some(10_001.0), ..Default::default() }),
        ask(CameraRequest { exposure_us: Some(10_001.0), ..Default::default() }),
        ask(CameraRequest { exposure_us: Some(0.5), ..Default::default() }),
    ] {
        assert!(matches!(camera.configure(&request), Err(CameraError::Unsupported { .. })), "{request:?}");
    }
    let applied = camera.configure(&CameraRequest { rate_hz: Some(1000.0), ..Default::default() }).unwrap();
    assert_eq!((applied.rate_hz, applied.exposure_us), (1000.0, 1000.0));
}

/// Counts this thread's allocations.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[allow(unsafe_code, reason = "the allocator trait is unsafe; this one only counts and passes on")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn reading_does_not_allocate() {
    let settings = "width_px = 320\nheight_px = 320\nbeads = 6\ndebris = 30\nbits = 12".parse().unwrap();
    let mut camera = Driver.open(&settings).unwrap();
    let config = camera.configure(&CameraRequest { rate_hz: Some(500.0), ..Default::default() }).unwrap();
    let mut slot = vec![0; config.frame_bytes()];
    camera.start().unwrap();
    let before = ALLOCATIONS.with(Cell::get);
    for _ in 0..50 {
        camera.read_into(&mut slot, Duration::from_secs(1)).unwrap();
    }
    assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0);
    // The counter counts.
    std::hint::black_box(vec![0_u8; 10]);
    assert!(ALLOCATIONS.with(Cell::get) > before);
}
