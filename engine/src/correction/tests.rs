//! The correction on small frames, against the formula.

use beadscope_drivers::camera::PixelFormat;
use beadscope_drivers::npy::NpyWriter;
use beadscope_shaders::flags::Flags;
use beadscope_shaders::pipeline::Params;
use bytemuck::Zeroable;
use tempfile::TempDir;

use super::*;
use crate::roi::Roi;
use crate::track::cpu::CpuTracker;
use crate::tracks::TrackRow;

const WIDTH_PX: usize = 37;
const HEIGHT_PX: usize = 23;
const PIXELS: usize = WIDTH_PX * HEIGHT_PX;

fn bytes_of(frame: &[u16]) -> Vec<u8> {
    frame.iter().flat_map(|level| level.to_le_bytes()).collect()
}

fn view(bytes: &[u8]) -> FrameView<'_> {
    FrameView { bytes, width_px: WIDTH_PX, height_px: HEIGHT_PX, format: PixelFormat::Mono12 }
}

fn frame(level: impl Fn(usize) -> u16) -> Vec<u16> {
    (0..PIXELS).map(level).collect()
}

/// Stacks of dark and flat frames in a folder, and the correction made of them.
fn read(dark: &[Vec<u16>], flat: &[Vec<u16>]) -> Result<Correction, CorrectionError> {
    let folder = tempfile::tempdir().unwrap();
    let section = section(&folder, dark, flat);
    Correction::read(&section, &view(&[])).map(Option::unwrap)
}

fn section(folder: &TempDir, dark: &[Vec<u16>], flat: &[Vec<u16>]) -> CorrectionSection {
    let write = |name: &str, frames: &[Vec<u16>]| {
        let path = folder.path().join(name);
        let (width_px, height_px) = (WIDTH_PX as u32, HEIGHT_PX as u32);
        let mut stack = NpyWriter::create(&path, width_px, height_px, PixelFormat::Mono12).unwrap();
        frames.iter().for_each(|frame| stack.append(&bytes_of(frame)).unwrap());
        (!frames.is_empty()).then(|| stack.finish().map(|_| path).unwrap())
    };
    let (dark, flat) = (write("dark.npy", dark), write("flat.npy", flat));
    CorrectionSection { dark, flat, ..CorrectionSection::default() }
}

fn dark_level(pixel: usize) -> u16 {
    100 + (pixel * 7 % 31) as u16
}

fn flat_level(pixel: usize) -> u16 {
    dark_level(pixel) + 1000 + (pixel * 13 % 500) as u16
}

fn raw_level(pixel: usize) -> u16 {
    300 + (pixel * 29 % 1700) as u16
}

/// Twice the same but for one grey level up and one down: the mean is what was meant.
fn twice(frame: Vec<u16>) -> Vec<Vec<u16>> {
    vec![frame.iter().map(|level| level + 1).collect(), frame.iter().map(|level| level - 1).collect()]
}

#[test]
fn every_pixel_is_corrected_by_its_own_maps() {
    let (dark, flat) = (twice(frame(dark_level)), twice(frame(flat_level)));
    let light = |pixel: usize| f64::from(flat_level(pixel)) - f64::from(dark_level(pixel));
    let mean = |light: &dyn Fn(usize) -> f64| (0..PIXELS).map(light).sum::<f64>() / PIXELS as f64;
    let raw = |pixel: usize| f64::from(raw_level(pixel));
    let subtracted = |pixel: usize| raw(pixel) - f64::from(dark_level(pixel));
    let flat_alone = |pixel: usize| f64::from(flat_level(pixel));
    let (of_light, of_flat) = (mean(&light), mean(&flat_alone));
    let bytes = bytes_of(&frame(raw_level));
    let frame = view(&bytes);
    let all = |level: &dyn Fn(usize) -> f64| -> Vec<f64> { (0..PIXELS).map(level).collect() };
    let by_light = |pixel: usize| subtracted(pixel) * of_light / light(pixel);
    let by_flat = |pixel: usize| raw(pixel) * of_flat / flat_alone(pixel);
    for (what, correction, expected) in [
        ("dark and flat", read(&dark, &flat), all(&by_light)),
        ("dark", read(&dark, &[]), all(&subtracted)),
        ("flat", read(&[], &flat), all(&by_flat)),
    ] {
        let correction = correction.unwrap();
        assert_eq!(kinds(Some(&correction)), what);
        assert_eq!(correction.used().replaced_px, 0);
        let whole = frame.to_levels(Some(&correction));
        let near = |level: f32, pixel: usize| (f64::from(level) - expected[pixel]).abs() < 1e-3;
        assert!(whole.iter().enumerate().all(|(pixel, level)| near(*level, pixel)), "{what}");
        // A part of it: 5 columns from 30, 9 rows from 11.
        let mut part: Vec<f32> = Vec::new();
        for y_px in 11..20 {
            let mut row = [0.0; 5];
            frame.copy_row(30, y_px, &mut row);
            part.extend(row);
        }
        correction.correct(&frame, (30, 11), 5, &mut part);
        let of_part = |index: usize| (11 + index / 5) * WIDTH_PX + 30 + index % 5;
        assert!(part.iter().enumerate().all(|(index, level)| *level == whole[of_part(index)]), "{what}");
    }
}

#[test]
fn dead_pixels_are_the_mean_of_their_neighbours_wherever_those_lie() {
    let at = |x_px: usize, y_px: usize| y_px * WIDTH_PX + x_px;
    // Too dark, white in one flat frame of two, white in the dark frames, at the frame's corner; two side by side.
    let (too_dark, white, hot, corner) = (at(10, 10), at(14, 12), at(20, 5), at(36, 22));
    let pair = [at(24, 15), at(25, 15)];
    let dark = vec![frame(|pixel| if pixel == hot { 4095 } else { dark_level(pixel) })];
    let flat = |white_level: u16| {
        frame(|pixel| match pixel {
            _ if pixel == too_dark || pixel == corner => dark_level(pixel) + 20,
            _ if pair.contains(&pixel) => 0,
            _ if pixel == white => white_level,
            _ if pixel == hot => 4095,
            _ => flat_level(pixel),
        })
    };
    let correction = read(&dark, &[flat(4095), flat(2000)]).unwrap();
    assert_eq!(correction.used().replaced_px, 6);
    let bytes = bytes_of(&frame(raw_level));
    let frame = view(&bytes);
    let levels = frame.to_levels(Some(&correction));
    let mean =
        |places: &[usize]| places.iter().map(|place| levels[*place]).sum::<f32>() / places.len() as f32;
    for (dead, neighbours) in [
        (too_dark, vec![at(10, 9), at(9, 10), at(11, 10), at(10, 11)]),
        (white, vec![at(14, 11), at(13, 12), at(15, 12), at(14, 13)]),
        (hot, vec![at(20, 4), at(19, 5), at(21, 5), at(20, 6)]),
        (corner, vec![at(36, 21), at(35, 22)]),
        (pair[0], vec![at(24, 14), at(23, 15), at(24, 16)]),
    ] {
        assert!((levels[dead] - mean(&neighbours)).abs() < 1e-3, "{dead}");
    }
    // The mean light is that of good pixels.
    let is_good = |pixel: &usize| ![too_dark, white, hot, corner, pair[0], pair[1]].contains(pixel);
    let light = |pixel: usize| f64::from(flat_level(pixel)) - f64::from(dark_level(pixel));
    let mean_light = (0..PIXELS).filter(is_good).map(light).sum::<f64>() / (PIXELS - 6) as f64;
    let expected = (f64::from(raw_level(0)) - f64::from(dark_level(0))) * mean_light / light(0);
    assert!((f64::from(levels[0]) - expected).abs() < 1e-3, "{} {expected}", levels[0]);
    // Its neighbours need not be in the part that is looked at.
    let mut alone = [f32::from(raw_level(too_dark))];
    correction.correct(&frame, (10, 10), 1, &mut alone);
    assert_eq!(alone[0], levels[too_dark]);
}

#[test]
fn what_cannot_be_a_correction_is_refused() {
    let error = |dark: &[Vec<u16>], flat: &[Vec<u16>]| read(dark, flat).unwrap_err();
    let (dark, flat) = (frame(dark_level), frame(flat_level));
    let swapped = error(std::slice::from_ref(&flat), std::slice::from_ref(&dark));
    assert!(matches!(swapped, CorrectionError::NoLight { .. }), "{swapped}");
    assert!(matches!(error(&[], &[frame(|_| 0)]), CorrectionError::NoLight { .. }));
    let share = |every: usize, level: u16| {
        frame(move |pixel| if pixel % every == 0 { level } else { flat_level(pixel) })
    };
    for level in [0, 4095] {
        let too_many = error(std::slice::from_ref(&dark), &[share(19, level)]);
        let dead = PIXELS.div_ceil(19);
        let told = matches!(too_many, CorrectionError::TooManyDead { kind: Kind::Flat, dead_px, .. } if dead_px == dead);
        assert!(told, "{too_many}");
        assert_eq!(
            read(std::slice::from_ref(&dark), &[share(21, level)]).unwrap().used().replaced_px,
            PIXELS.div_ceil(21)
        );
    }
    let too_many = error(&[share(19, 4095)], &[]);
    assert!(matches!(too_many, CorrectionError::TooManyDead { kind: Kind::Dark, .. }), "{too_many}");
    let hole =
        frame(|pixel| if pixel < 6 * WIDTH_PX && pixel % WIDTH_PX < 6 { 0 } else { flat_level(pixel) });
    let hole = error(&[dark], &[hole]);
    assert!(matches!(hole, CorrectionError::Hole { .. }), "{hole}");
}

#[test]
fn the_hash_is_that_of_the_mean() {
    let folder = tempfile::tempdir().unwrap();
    let hash = |flat: &[Vec<u16>]| {
        let section = section(&folder, &[], flat);
        let read = |section: &CorrectionSection| Correction::read(section, &view(&[])).map(Option::unwrap);
        let hash = read(&section).unwrap().used().flat.as_ref().unwrap().hash.clone();
        let named = |hash: &str| CorrectionSection { flat_hash: Some(hash.to_owned()), ..section.clone() };
        assert!(read(&named(&hash)).is_ok());
        assert!(matches!(read(&named("0123456789abcdef")), Err(CorrectionError::Changed { .. })));
        hash
    };
    let once = hash(&[frame(flat_level)]);
    assert_eq!(once, hash(&twice(frame(flat_level))));
    assert_ne!(once, hash(&[frame(|pixel| flat_level(pixel) + u16::from(pixel == 500))]));
}

/// A gain of 1/2 makes white grey, one of 2 makes grey white: only raw levels tell what the camera saw.
#[test]
fn saturation_is_a_matter_of_raw_levels() {
    const ROI_PX: usize = 16;
    let flat = frame(|pixel| if pixel % WIDTH_PX < 18 { 3000 } else { 500 });
    let left = Roi { bead: 0, left_px: 1, top_px: 3, size_px: ROI_PX as u32 };
    let rois = vec![left, Roi { bead: 1, left_px: 20, ..left }];
    let tracker = CpuTracker::new(ROI_PX as u32, rois, &Params::default(), None, Some(1)).unwrap();
    let tracker = tracker.with_correction(Some(read(&[], &[flat]).unwrap()));
    for saturated in [false, true] {
        // Four rows of each ROI: bright, below white; or white.
        let level = |pixel: usize| match (pixel / WIDTH_PX, saturated) {
            (10..14, false) => 4094,
            (10..14, true) => 4095,
            _ => 800,
        };
        let bytes = bytes_of(&frame(level));
        let mut rows = [TrackRow::zeroed(); 2];
        tracker.locate(1, &|_| Some(view(&bytes)), &mut rows);
        for row in rows {
            assert_eq!(row.flags().contains(Flags::SATURATED), saturated, "bead {}", row.bead);
        }
    }
}

#[test]
fn of_crops_a_dead_pixel_is_replaced_by_what_is_inside() {
    const ROI_PX: usize = 8;
    let (x_px, y_px) = (5, 7);
    let flat = frame(|pixel| if pixel == y_px * WIDTH_PX + x_px { 0 } else { 1000 });
    let correction = read(&[], &[flat]).unwrap();
    // Above and to the left of the ROI, whose corner is dead, is something else.
    let raw = |pixel: usize| if pixel % WIDTH_PX < x_px || pixel / WIDTH_PX < y_px { 4000 } else { 500 };
    let bytes = bytes_of(&frame(raw));
    let corner = |correction: &Correction| {
        let mut levels = vec![0.0; ROI_PX * ROI_PX];
        let roi = Roi { bead: 0, left_px: x_px as i32, top_px: y_px as i32, size_px: ROI_PX as u32 };
        assert!(view(&bytes).copy_roi(&roi, &mut levels));
        correction.correct(&view(&bytes), (x_px, y_px), ROI_PX, &mut levels);
        (levels[0] - levels[1]).abs()
    };
    assert!(corner(&correction) > 1000.0);
    assert!(corner(&correction.of_crops()) < 1.0);
}
