//! Dark and flat frames undo uneven light, uneven pixels and dead ones: positions and heights are then as exact as those
//! of an even camera, in every command, and what was used is told.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where this is how a test fails")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use beadscope_drivers::camera::PixelFormat;
use beadscope_drivers::cameras::simulated::{BeadTruth, Scene, Settings};
use beadscope_drivers::npy::NpyWriter;
use beadscope_engine::calibrate::zlut_from_sweep;
use beadscope_engine::rois;
use common::{beadscope, beadscope_ok};
use rust_hdf5::H5File;
use serde_json::Value;

const SIDE_PX: usize = 256;
const PIXELS: usize = SIDE_PX * SIDE_PX;
const ROI_PX: u32 = 64;
const FRAMES: usize = 24;
const CALIBRATION_FRAMES: u64 = 4;
const WHITE: f64 = 65535.0;
const NM_PER_PX: f64 = 100.0;
/// Photo-electrons at white.
const WHITE_E: f64 = 200_000.0;
/// Grey level of light in the flat frames, before the response of the pixels.
const FLAT: f64 = 0.6 * WHITE;
/// One pixel in 200 is dead.
const DEAD_EVERY: u64 = 200;

/// SplitMix64 (Steele et al. 2014): a number of its own for each pixel.
fn random(seed: u64, pixel: usize) -> u64 {
    let mut z = (seed << 40).wrapping_add(pixel as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// From -1 to 1.
fn uniform(seed: u64, pixel: usize) -> f64 {
    (random(seed, pixel) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

/// Roughly normal, of standard deviation 1.
fn normal(seed: u64, pixel: usize) -> f64 {
    (0..4).map(|term| uniform(seed + 1000 * term, pixel)).sum::<f64>() * (3.0_f64 / 4.0).sqrt()
}

/// Black level of each pixel: 3 % of white, and 2 % more or less.
fn black() -> Vec<f64> {
    (0..PIXELS).map(|pixel| WHITE * (0.03 + 0.02 * uniform(1, pixel))).collect()
}

/// What each pixel makes of light: 30 % more or less from one corner to the other, and 2 % more or less by itself.
fn response() -> Vec<f64> {
    let light = |pixel: usize| {
        let (x, y) = ((pixel % SIDE_PX) as f64, (pixel / SIDE_PX) as f64);
        1.0 + 0.3 * (1.4 * x + 0.6 * y - SIDE_PX as f64) / SIDE_PX as f64
    };
    (0..PIXELS).map(|pixel| 0.7 * light(pixel) * (1.0 + 0.02 * uniform(2, pixel))).collect()
}

/// Stuck at black or at white.
fn stuck(pixel: usize) -> Option<f64> {
    let number = random(3, pixel);
    number.is_multiple_of(DEAD_EVERY).then_some(if number & 1024 == 0 { 0.0 } else { WHITE })
}

fn write_stack(path: &Path, frames: impl IntoIterator<Item = Vec<f64>>) {
    let mut frames = frames.into_iter().peekable();
    let side_px = frames.peek().unwrap().len().isqrt() as u32;
    let mut stack = NpyWriter::create(path, side_px, side_px, PixelFormat::Mono16).unwrap();
    for frame in frames {
        let bytes: Vec<u8> = frame.iter().flat_map(|level| (level.round() as u16).to_le_bytes()).collect();
        stack.append(&bytes).unwrap();
    }
    stack.finish().unwrap();
}

/// Frames of a camera with this black level and response, lit to grey level `light`, each with the noise of 16 averaged.
fn calibration(black: &[f64], response: &[f64], light: f64) -> impl Iterator<Item = Vec<f64>> {
    let (black, response) = (black.to_vec(), response.to_vec());
    (0..CALIBRATION_FRAMES).map(move |frame| {
        let level = |pixel: usize| {
            let mean = light * response[pixel];
            let variance = WHITE / WHITE_E * (mean + WHITE / WHITE_E * 50.0);
            black[pixel] + mean + variance.sqrt() / 4.0 * normal(50 + frame, pixel)
        };
        (0..black.len()).map(level).collect()
    })
}

/// A folder of frames: `even.npy` as an even camera sees them, `raw.npy` as an uneven one does, `dead.npy` as that does
/// with dead pixels; with `rois.csv`, `bead.zlut.h5`, and the dark and flat frames of both uneven cameras.
struct Film {
    folder: tempfile::TempDir,
    /// Frame after frame.
    truth: Vec<BeadTruth>,
    beads: usize,
}

impl Film {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let settings = Settings {
            width_px: SIDE_PX as u32,
            height_px: SIDE_PX as u32,
            roi_px: ROI_PX,
            bits: 16,
            photons_at_white: WHITE_E,
            reference_beads: 1,
            ..Settings::with_beads(5)
        };
        let mut scene = Scene::new(&settings).unwrap();
        let centers: Vec<_> =
            scene.beads().iter().map(|bead| (bead.bead, bead.x_px, bead.y_px, 1.0)).collect();
        fs::write(path("rois.csv"), rois::to_csv(ROI_PX, &centers)).unwrap();
        let sweep = scene.focus_sweep(ROI_PX).unwrap();
        let zlut = zlut_from_sweep(&sweep, Some(NM_PER_PX), "simulated".to_owned()).unwrap();
        beadscope_zlut::file::write(&path("bead.zlut.h5"), &zlut).unwrap();

        let mut truth = Vec::new();
        let mut slot = vec![0; scene.frame_bytes()];
        let mut frame = || -> Vec<f64> {
            scene.render(&mut slot);
            truth.extend_from_slice(scene.beads());
            scene.advance(0.01);
            slot.as_chunks::<2>().0.iter().map(|pair| f64::from(u16::from_le_bytes(*pair))).collect()
        };
        let even: Vec<Vec<f64>> = (0..FRAMES).map(|_| frame()).collect();
        let (black, response) = (black(), response());
        let uneven = |frame: &Vec<f64>| -> Vec<f64> {
            frame.iter().zip(black.iter().zip(&response)).map(|(l, (b, r))| (b + l * r).min(WHITE)).collect()
        };
        let with_dead = |frame: Vec<f64>| -> Vec<f64> {
            frame.into_iter().enumerate().map(|(pixel, level)| stuck(pixel).unwrap_or(level)).collect()
        };
        write_stack(&path("raw.npy"), even.iter().map(uneven));
        write_stack(&path("dead.npy"), even.iter().map(|frame| with_dead(uneven(frame))));
        write_stack(&path("dark.npy"), calibration(&black, &response, 0.0));
        write_stack(&path("flat.npy"), calibration(&black, &response, FLAT));
        write_stack(&path("dead_dark.npy"), calibration(&black, &response, 0.0).map(with_dead));
        write_stack(&path("dead_flat.npy"), calibration(&black, &response, FLAT).map(with_dead));
        write_stack(&path("even.npy"), even);
        Self { folder, beads: centers.len(), truth }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Errors of x, y and z, rms in nm, of `frames` tracked with what `correction` says.
    fn errors_nm(&self, method: &str, frames: &str, correction: &[(&str, &str)]) -> [f64; 3] {
        let [frames, rois, zlut, out] =
            [frames, "rois.csv", "bead.zlut.h5", "out.csv"].map(|name| self.text(name));
        let mut arguments =
            vec!["track", &frames, "--rois", &rois, "--zlut", &zlut, "--method", method, "--out", &out];
        let given: Vec<_> = correction.iter().map(|(option, name)| (*option, self.text(name))).collect();
        given.iter().for_each(|(option, path)| arguments.extend([option, path.as_str()]));
        beadscope_ok(&arguments);
        let rows: Vec<[f64; 3]> = fs::read_to_string(&out).unwrap().lines().filter_map(row).collect();
        self.rms_nm(&rows)
    }

    /// `errors_nm` of the images that `fit` has just tracked over the standard errors that it told of them, rms.
    fn over_told(&self, errors_nm: [f64; 3]) -> [f64; 3] {
        let text = fs::read_to_string(self.path("out.csv")).unwrap();
        let sigma = |line: &str, axis: usize| line.split(',').nth(7 + axis).unwrap().parse::<f64>().unwrap();
        let rows: Vec<&str> = text.lines().filter(|line| row(line).is_some()).collect();
        [0, 1, 2].map(|axis| {
            let nm = if axis < 2 { NM_PER_PX } else { 1.0 };
            let squares: f64 = rows.iter().map(|line| (nm * sigma(line, axis)).powi(2)).sum();
            errors_nm[axis] / (squares / rows.len() as f64).sqrt()
        })
    }

    /// `rows`: x and y in px and z in nm, frame after frame.
    fn rms_nm(&self, rows: &[[f64; 3]]) -> [f64; 3] {
        assert_eq!(rows.len(), self.truth.len());
        let mut sums = [0.0; 3];
        for (row, bead) in rows.iter().zip(&self.truth) {
            let truth = [bead.x_px, bead.y_px, bead.z_nm];
            for axis in 0..3 {
                let nm = if axis < 2 { NM_PER_PX } else { 1.0 };
                sums[axis] += (nm * (row[axis] - truth[axis])).powi(2);
            }
        }
        sums.map(|sum| (sum / rows.len() as f64).sqrt())
    }
}

/// x, y, z of a line of CSV that is one.
fn row(line: &str) -> Option<[f64; 3]> {
    let fields: Vec<&str> = line.split(',').collect();
    fields[0].parse::<u32>().ok()?;
    Some([fields[2], fields[3], fields[4]].map(|field| field.parse().unwrap()))
}

const BOTH: [(&str, &str); 2] = [("--dark", "dark.npy"), ("--flat", "flat.npy")];
const BOTH_DEAD: [(&str, &str); 2] = [("--dark", "dead_dark.npy"), ("--flat", "dead_flat.npy")];

#[test]
fn positions_are_as_exact_as_on_an_even_camera() {
    let film = Film::new();
    let (black, response) = (black(), response());
    let mean = response.iter().sum::<f64>() / PIXELS as f64;
    let inverted: Vec<f64> = response.iter().map(|response| mean * mean / response).collect();
    write_stack(&film.path("inverted.npy"), calibration(&black, &inverted, FLAT));
    let turned = |map: &[f64]| -> Vec<f64> {
        (0..PIXELS).map(|pixel| map[pixel % SIDE_PX * SIDE_PX + pixel / SIDE_PX]).collect()
    };
    let (turned_black, turned_response) = (turned(&black), turned(&response));
    write_stack(&film.path("turned_dark.npy"), calibration(&turned_black, &turned_response, 0.0));
    write_stack(&film.path("turned_flat.npy"), calibration(&turned_black, &turned_response, FLAT));
    for method in ["qi", "fit"] {
        let even = film.errors_nm(method, "even.npy", &[]);
        // What stands in for a dead pixel is a guess, and the noise here is small: a thousandth of a pixel.
        for (frames, correction, within) in [("raw.npy", &BOTH, 1.15), ("dead.npy", &BOTH_DEAD, 1.35)] {
            let corrected = film.errors_nm(method, frames, correction);
            println!("{method}: even {even:.3?}, {frames} corrected {corrected:.3?} nm");
            let near = corrected.iter().zip(even).all(|(corrected, even)| *corrected < within * even);
            assert!(near, "{method}, {frames}: {corrected:?} nm, even {even:?} nm");
        }
        // Each must fail, or the test above could not.
        for (what, frames, correction) in [
            ("nothing", "raw.npy", &[][..]),
            ("no flat", "raw.npy", &[("--dark", "dark.npy")]),
            ("dark not subtracted", "raw.npy", &[("--flat", "flat.npy")]),
            ("gain inverted", "raw.npy", &[("--dark", "dark.npy"), ("--flat", "inverted.npy")]),
            ("rows for columns", "raw.npy", &[("--dark", "turned_dark.npy"), ("--flat", "turned_flat.npy")]),
            ("dead pixels kept", "dead.npy", &BOTH),
        ] {
            let wrong = film.errors_nm(method, frames, correction);
            println!("{method}: {what}: {wrong:.3?} nm");
            let far = wrong[..2].iter().zip(even).all(|(wrong, even)| *wrong > 2.0 * even);
            assert!(far, "{method}, {what}: {wrong:?} nm, even {even:?} nm");
        }
    }
}

#[test]
fn fit_tells_its_errors_of_corrected_frames_as_of_even_ones() {
    let film = Film::new();
    let even = film.over_told(film.errors_nm("fit", "even.npy", &[]));
    let corrected = film.over_told(film.errors_nm("fit", "raw.npy", &BOTH));
    println!("errors over those told: even {even:.3?}, corrected {corrected:.3?}");
    let alike = corrected.iter().zip(even).all(|(corrected, even)| (corrected / even - 1.0).abs() < 0.05);
    assert!(alike, "errors over those told: even {even:?}, corrected {corrected:?}");
}

/// Runs the program in a folder; its standard output, and what it said on standard error.
fn said_in(folder: &Path, arguments: &[&str]) -> (String, String) {
    let output = common::program().args(arguments).current_dir(folder).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {said}");
    (String::from_utf8(output.stdout).unwrap(), said)
}

fn json_in(folder: &Path, arguments: &[&str]) -> (Value, String) {
    let (text, said) = said_in(folder, &[arguments, &["--json"]].concat());
    (serde_json::from_str(&text).unwrap(), said)
}

#[test]
fn a_run_corrects_as_track_does_and_stores_with_what() {
    let film = Film::new();
    let folder = film.folder.path();
    let text = "[camera]\ndriver = 'replay'\nsettings = { path = 'dead.npy' }\n[optics]\npixel_size_nm = 100.0\n\
                [correction]\ndark = 'dead_dark.npy'\nflat = 'dead_flat.npy'\n\
                [tracking]\nrois = 'rois.csv'\nzlut = 'bead.zlut.h5'\n";
    fs::write(film.path("rig.toml"), text).unwrap();
    let (summary, said) = json_in(folder, &["run", "--rig", "rig.toml", "--out", "runs"]);
    let run = folder.join(summary["run"].as_str().unwrap());
    let file = H5File::open(run.join("tracks.h5")).unwrap();
    let live: Vec<f64> = file.dataset("tracking/positions_nm").unwrap().read_raw().unwrap();
    let rows: Vec<[f64; 3]> =
        live.chunks_exact(3).map(|row| [row[0] / NM_PER_PX, row[1] / NM_PER_PX, row[2]]).collect();
    let offline = film.errors_nm("qi", "dead.npy", &BOTH_DEAD);
    assert_eq!(film.rms_nm(&rows).map(|nm| (nm * 1e3).round()), offline.map(|nm| (nm * 1e3).round()));

    let replaced = (0..PIXELS).filter(|pixel| stuck(*pixel).is_some()).count();
    let used = &summary["correction"];
    assert_eq!(used["replaced_px"], replaced, "{summary}");
    assert!(said.contains(&format!("{replaced} dead or saturated pixels")), "{said}");
    let settings = file.dataset("beadscope/settings_toml").unwrap().read_vlen_strings().unwrap().concat();
    assert_eq!(settings, fs::read_to_string(run.join("rig.toml")).unwrap());
    for kind in ["dark", "flat"] {
        let hash = used[kind]["hash"].as_str().unwrap();
        assert_eq!((used[kind]["frames"].as_u64(), hash.len()), (Some(CALIBRATION_FRAMES), 16));
        assert!(settings.contains(&format!("{kind}_hash = \"{hash}\"")), "{settings}");
        assert!(used[kind]["path"].as_str().unwrap().ends_with(&format!("dead_{kind}.npy")), "{summary}");
    }

    // A year later: the same frames give the same, others are refused, unless they are asked for.
    let stored = run.join("rig.toml").to_str().unwrap().to_owned();
    let (again, _) = json_in(folder, &["run", "--rig", &stored, "--frames", "1"]);
    assert_eq!(&again["correction"], used);
    fs::copy(film.path("flat.npy"), film.path("dead_flat.npy")).unwrap();
    let output = beadscope(&["run", "--rig", &stored, "--frames", "1"]);
    let refused = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{refused}");
    assert!(refused.contains("flat_hash") && refused.contains("dead_flat.npy"), "{refused}");
    let (other, _) = json_in(folder, &["run", "--rig", &stored, "--frames", "1", "--flat", "flat.npy"]);
    assert_eq!(other["correction"]["dark"], used["dark"]);
    assert_ne!(other["correction"]["flat"]["hash"], used["flat"]["hash"]);
}

#[test]
fn beads_are_found_in_corrected_frames() {
    let film = Film::new();
    let find = |arguments: &[&str]| -> Vec<[f64; 2]> {
        let (csv, _) = said_in(film.folder.path(), &[&["find", "--roi-px", "64"], arguments].concat());
        let number = |line: &str, column| line.split(',').nth(column).unwrap().parse::<f64>().unwrap();
        let rows = csv.lines().filter(|line| line.starts_with(|letter: char| letter.is_ascii_digit()));
        rows.map(|line| [number(line, 1), number(line, 2)]).collect()
    };
    let even = find(&["even.npy"]);
    assert_eq!(even.len(), film.beads);
    let corrected = find(&["dead.npy", "--dark", "dead_dark.npy", "--flat", "dead_flat.npy"]);
    let raw = find(&["dead.npy"]);
    let distance = |found: &[[f64; 2]]| -> f64 {
        let near = |bead: &[f64; 2]| {
            let distances = found.iter().map(|other| (bead[0] - other[0]).hypot(bead[1] - other[1]));
            distances.fold(f64::INFINITY, f64::min)
        };
        even.iter().map(near).fold(0.0, f64::max)
    };
    println!(
        "farthest from where it is found in an even frame: corrected {} px, raw {} px",
        distance(&corrected),
        distance(&raw)
    );
}

/// The part of a map of the whole frame that an ROI at column 180, row 20 has.
fn crop(map: &[f64]) -> Vec<f64> {
    let side_px = ROI_PX as usize;
    (0..side_px * side_px)
        .map(|pixel| map[(20 + pixel / side_px) * SIDE_PX + 180 + pixel % side_px])
        .collect()
}

#[test]
fn a_zlut_is_built_from_corrected_images_and_says_so() {
    let film = Film::new();
    let folder = film.folder.path();
    let (black, response) = (crop(&black()), crop(&response()));
    let settings =
        Settings { roi_px: ROI_PX, bits: 16, photons_at_white: WHITE_E, ..Settings::with_beads(0) };
    let sweep = Scene::new(&settings).unwrap().focus_sweep(ROI_PX).unwrap();
    let images = sweep.images.chunks_exact(black.len()).map(|image| -> Vec<f64> {
        image.iter().zip(black.iter().zip(&response)).map(|(l, (b, r))| b + f64::from(*l) * r).collect()
    });
    write_stack(&film.path("sweep.npy"), images);
    write_stack(&film.path("roi_dark.npy"), calibration(&black, &response, 0.0));
    write_stack(&film.path("roi_flat.npy"), calibration(&black, &response, FLAT));
    fs::write(film.path("z.npy"), npy_of_numbers(&sweep.z_nm)).unwrap();
    let build = ["zlut", "build", "sweep.npy", "--z", "z.npy", "--center", "31.5,31.5"];
    let frames = ["--dark", "roi_dark.npy", "--flat", "roi_flat.npy"];
    said_in(folder, &[&build[..], &frames, &["--out", "corrected.zlut.h5"]].concat());
    said_in(folder, &[&build[..], &["--out", "raw.zlut.h5"]].concat());
    let info = |name: &str| json_in(folder, &["zlut", "info", name]).0;
    assert_eq!(info("raw.zlut.h5")["correction"], "none");
    let corrected = info("corrected.zlut.h5");
    assert_eq!(corrected["correction"], "dark and flat");
    assert!(corrected["source"].as_str().unwrap().contains("roi_flat.npy"), "{corrected}");
    let track = |zlut: &str, frames: &[&str]| {
        let arguments = ["track", "raw.npy", "--rois", "rois.csv", "--zlut", zlut, "--out", "out.csv"];
        json_in(folder, &[&arguments[..], frames].concat())
    };
    let both = ["--dark", "dark.npy", "--flat", "flat.npy"];
    let told = "of dark and flat frames, the Z-LUT was made with";
    for (zlut, frames, expected) in [
        ("corrected.zlut.h5", &both[..], None),
        ("raw.zlut.h5", &[], None),
        ("bead.zlut.h5", &both, None), // which does not say
        ("raw.zlut.h5", &both, Some("the Z-LUT was made with none, these images with dark and flat")),
        (
            "corrected.zlut.h5",
            &both[2..],
            Some("the Z-LUT was made with dark and flat, these images with flat"),
        ),
    ] {
        let (summary, said) = track(zlut, frames);
        match expected {
            Some(expected) => {
                let notes = summary["notes"].to_string();
                assert!(
                    notes.contains(expected) && said.contains(expected),
                    "{zlut}, {frames:?}: {notes} {said}"
                );
                assert!(fs::read_to_string(film.path("out.csv")).unwrap().contains(expected));
            }
            None => assert!(!said.contains(told), "{zlut}, {frames:?}: {said}"),
        }
    }
    let height_error_nm = |zlut: &str| {
        track(zlut, &both);
        let text = fs::read_to_string(film.path("out.csv")).unwrap();
        film.rms_nm(&text.lines().filter_map(row).collect::<Vec<_>>())[2]
    };
    let [even, corrected, raw] = ["bead.zlut.h5", "corrected.zlut.h5", "raw.zlut.h5"].map(height_error_nm);
    println!(
        "heights from a Z-LUT of even images {even:.2}, of corrected {corrected:.2}, of raw {raw:.2} nm"
    );
    assert!(corrected < 1.15 * even && raw > 5.0 * even, "{even}, {corrected}, {raw} nm");
}

/// A `.npy` file of `f64`.
fn npy_of_numbers(numbers: &[f64]) -> Vec<u8> {
    let mut head = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({},), }}", numbers.len());
    head.extend(std::iter::repeat_n(' ', 117 - head.len()));
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    [b"\x93NUMPY\x01\x00\x76\x00", head.as_bytes(), b"\n", &bytes].concat()
}
