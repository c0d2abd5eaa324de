//! Test on a measured frame: about 90 beads, single, touching, clustered and at the border, and debris.
//! The places below were read off the frame by eye, to a pixel or two.

use std::path::PathBuf;

use super::{
    Image, Options, find,
    synthetic::{beads, nearest_px},
};

const FRAME: &str = "data/real/qtrk_frame_00008153.jpg";

/// Clean single beads, one of them with rings half as large again.
const SINGLE: [(f64, f64); 12] = [
    (204.0, 59.0),
    (297.0, 43.0),
    (344.0, 208.0),
    (489.0, 179.0),
    (644.0, 168.0),
    (797.0, 159.0),
    (607.0, 319.0),
    (953.0, 413.0),
    (613.0, 636.0),
    (932.0, 677.0),
    (1326.0, 44.0),
    (1199.0, 910.0),
];

/// Members of touching pairs, chains and clusters, and debris.
const NO_BEAD: [(f64, f64); 23] = [
    (804.0, 326.0),
    (804.0, 346.0),
    (1057.0, 790.0),
    (1057.0, 810.0),
    (259.0, 723.0),
    (259.0, 742.0),
    (118.0, 590.0),
    (137.0, 613.0),
    (107.0, 616.0),
    (163.0, 592.0),
    (466.0, 794.0),
    (468.0, 815.0),
    (470.0, 837.0),
    (510.0, 784.0),
    (523.0, 851.0),
    (536.0, 867.0),
    (556.0, 70.0),
    (560.0, 97.0),
    (1127.0, 315.0), // granular disc
    (33.0, 996.0),   // heap of specks
    (656.0, 237.0),  // oblong speck
    (819.0, 501.0),  // dust in its rings
    (59.0, 706.0),   // blob out of focus
];

struct Grey {
    pixels: Vec<f32>,
    width_px: usize,
    height_px: usize,
}

impl Grey {
    /// Places of the beads; each ROI has to lie in the frame.
    fn beads(&self, roi_px: usize, seed_px: Option<(f64, f64)>) -> Vec<(f64, f64)> {
        let image = Image { pixels: &self.pixels, width_px: self.width_px, height_px: self.height_px };
        let options = Options { roi_px, seed_px, threshold: None };
        let candidates = find(&image, &options).expect("the frame can be searched");
        for (index, one) in candidates.iter().enumerate() {
            let twin =
                candidates[..index].iter().find(|c| (c.x_px - one.x_px).hypot(c.y_px - one.y_px) < 1.0);
            assert_eq!(twin, None, "listed twice");
        }
        let places = beads(&candidates);
        let half = (roi_px / 2) as f64 - 1.0;
        for (x_px, y_px) in &places {
            assert!(x_px.min(*y_px) >= half, "the ROI at {x_px}, {y_px} crosses the border");
            assert!(*x_px < self.width_px as f64 - half && *y_px < self.height_px as f64 - half);
        }
        places
    }

    fn with(&self, change: impl Fn(f32) -> f32) -> Self {
        let pixels = self.pixels.iter().map(|level| change(*level)).collect();
        Self { pixels, width_px: self.width_px, height_px: self.height_px }
    }
}

fn frame() -> Option<Grey> {
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared"));
    let path = std::env::var_os("BEADSCOPE_SHARED").map_or(beside, PathBuf::from).join(FRAME);
    if !path.exists() {
        eprintln!("skipped: no {}", path.display());
        return None;
    }
    let grey = image::open(path).expect("the frame is a JPEG").to_luma8();
    let (width_px, height_px) = (grey.width() as usize, grey.height() as usize);
    Some(Grey { pixels: grey.into_raw().into_iter().map(f32::from).collect(), width_px, height_px })
}

#[test]
fn single_beads_are_found_and_nothing_else() {
    let Some(frame) = frame() else { return };
    for (roi_px, at_least) in [(64, 45), (80, 34), (100, 20)] {
        let found = frame.beads(roi_px, None);
        assert!(found.len() >= at_least, "{} beads in ROIs of {roi_px} px", found.len());
        for place in NO_BEAD {
            assert!(nearest_px(place, &found) > 10.0, "{place:?} is no single bead (ROI {roi_px} px)");
        }
        for place in SINGLE.iter().filter(|_| roi_px <= 80) {
            assert!(nearest_px(*place, &found) < 2.0, "{place:?} was not found (ROI {roi_px} px)");
        }
    }
}

#[test]
fn a_seed_finds_its_like() {
    let Some(frame) = frame() else { return };
    let found = frame.beads(80, Some((645.0, 167.0)));
    assert!(found.len() >= 30, "{} beads", found.len());
    assert!(nearest_px((644.2, 167.9), &found) < 0.2, "the seed itself is missing");
    assert!(nearest_px((607.0, 319.0), &found) > 10.0, "its rings are half as large again");
    for place in NO_BEAD {
        assert!(nearest_px(place, &found) > 10.0, "{place:?} is no single bead");
    }
}

#[test]
fn turned_stretched_or_inverted_the_beads_stay() {
    let Some(frame) = frame() else { return };
    let expected = frame.beads(80, None);
    let (last_column, last_row) = ((frame.width_px - 1) as f64, (frame.height_px - 1) as f64);
    let mut turned = frame.with(|level| level);
    turned.pixels.reverse();
    let turned_back: Vec<_> =
        turned.beads(80, None).iter().map(|(x, y)| (last_column - x, last_row - y)).collect();
    // A ROI of even side is not symmetric, so that a half turn may move it by a pixel over the edge of a ring.
    let lost = expected.iter().filter(|place| nearest_px(**place, &turned_back) > 0.5).count();
    assert!(lost <= 2 && turned_back.len().abs_diff(expected.len()) <= 2, "turned: {lost} lost");
    for (name, other) in [
        ("1.5 x contrast", frame.with(|level| 1.5 * level + 300.0)),
        ("inverted", frame.with(|level| 255.0 - level)),
    ] {
        let found = other.beads(80, None);
        assert_eq!(found.len(), expected.len(), "{name}");
        for place in &expected {
            assert!(nearest_px(*place, &found) < 0.5, "{name}: {place:?} is missing");
        }
    }
}
