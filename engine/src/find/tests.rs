//! What finding promises, on drawn frames.

use super::{
    synthetic::{Frame, nearest_px},
    *,
};

const PLAIN: Options = Options { roi_px: 64, seed_px: None, threshold: None };

fn verdict_at(frame: &Frame, x_px: f64, y_px: f64) -> Option<Verdict> {
    let near = |c: &&Candidate| (c.x_px - x_px).hypot(c.y_px - y_px) < 4.0;
    frame.candidates().iter().find(near).map(|candidate| candidate.verdict)
}

#[test]
fn single_bead_is_found_to_a_fraction_of_a_pixel() {
    for (x_px, y_px) in [(90.0, 80.0), (90.37, 80.81), (89.5, 79.5)] {
        let found = Frame::flat(180, 160).bead(x_px, y_px, 40.0).noise(2.0).beads();
        assert_eq!(found.len(), 1);
        assert!(nearest_px((x_px, y_px), &found) < 0.05, "{found:?} for {x_px}, {y_px}");
    }
}

#[test]
fn touching_pair_overlaps_and_separate_pair_does_not() {
    let pair =
        |apart_px: f64| Frame::flat(300, 200).bead(100.0, 100.0, 40.0).bead(100.0 + apart_px, 100.0, 40.0);
    let touching = pair(28.0).noise(2.0);
    assert_eq!(touching.beads(), []);
    assert_eq!(verdict_at(&touching, 100.0, 100.0), Some(Verdict::Overlaps));
    // Clear rings, but one lies in the other's ROI.
    assert_eq!(verdict_at(&pair(48.0).noise(2.0), 100.0, 100.0), Some(Verdict::Overlaps));
    assert_eq!(pair(60.0).noise(2.0).beads().len(), 2);
}

#[test]
fn roi_over_the_edge_is_border() {
    // A ROI of 64 px around pixel 32 is columns 0 to 63; around 31 it begins at -1.
    let at = |x_px: f64| verdict_at(&Frame::flat(180, 160).bead(x_px, 80.0, 40.0).noise(1.0), x_px, 80.0);
    assert_eq!(at(32.0), Some(Verdict::Bead));
    assert_eq!(at(31.0), Some(Verdict::Border));
    assert_eq!(at(148.0), Some(Verdict::Bead));
    assert_eq!(at(149.0), Some(Verdict::Border));
}

#[test]
fn debris_is_no_bead() {
    let frame = Frame::flat(400, 200)
        .bead(60.0, 100.0, 40.0)
        .square(160.0, 100.0, 12.0, -60.0)
        .rings(250.0, 100.0, 60.0, 5.0, 2.5)
        .bead(340.0, 100.0, 40.0)
        .square(340.0, 112.0, 3.0, 60.0) // in the rings
        .noise(2.0);
    let found = frame.beads();
    assert_eq!(found.len(), 1, "{:?}", frame.candidates());
    assert!(nearest_px((60.0, 100.0), &found) < 0.1);
    assert_eq!(verdict_at(&frame, 340.0, 100.0), Some(Verdict::NotRound));
}

#[test]
fn fifty_beads_in_noise_are_all_found() {
    let mut frame = Frame::flat(900, 500);
    let mut places = Vec::new();
    for index in 0..50 {
        let (column, row) = (index % 10, index / 10);
        let x_px = 55.0 + 87.0 * f64::from(column) + 4.0 * frame.uniform();
        let y_px = 60.0 + 94.0 * f64::from(row) + 4.0 * frame.uniform();
        let amplitude = 25.0 + 20.0 * frame.uniform();
        frame = frame.bead(x_px, y_px, amplitude);
        places.push((x_px, y_px));
    }
    let found = frame.noise(6.0).beads();
    assert_eq!(found.len(), 50);
    for place in places {
        assert!(nearest_px(place, &found) < 0.2, "{place:?}");
    }
}

#[test]
fn frames_without_beads_give_an_empty_list() {
    for frame in [Frame::flat(300, 200), Frame::flat(300, 200).noise(10.0), Frame::flat(0, 0)] {
        assert_eq!(frame.candidates(), []);
    }
    let mut blind = Frame::flat(100, 100);
    blind.pixels.fill(f32::NAN);
    assert_eq!(blind.candidates(), []);
}

#[test]
fn dead_pixels_and_levels_of_any_range_are_tolerated() {
    let expected = Frame::flat(180, 160).bead(90.3, 80.2, 40.0).noise(2.0);
    let mut other = expected.clone();
    other.pixels.iter_mut().for_each(|level| *level = 60_000.0 - 300.0 * *level);
    other.pixels[80 * 180 + 95] = f32::NAN;
    other.pixels[20] = f32::INFINITY;
    let found = other.beads();
    assert_eq!(found.len(), 1);
    assert!(nearest_px(expected.beads()[0], &found) < 0.2);
}

#[test]
fn beads_come_first_and_the_best_of_them_first() {
    let frame = Frame::flat(400, 200)
        .bead(60.0, 60.0, 40.0)
        .square(70.0, 60.0, 1.0, 20.0)
        .bead(20.0, 160.0, 40.0)
        .bead(200.0, 100.0, 40.0);
    let candidates = frame.noise(2.0).candidates();
    let verdicts: Vec<_> = candidates.iter().map(|candidate| candidate.verdict).collect();
    assert_eq!(verdicts[..3], [Verdict::Bead, Verdict::Bead, Verdict::Border]);
    assert!(candidates[0].score > candidates[1].score);
}

#[test]
fn threshold_is_the_lowest_score_of_a_bead() {
    let frame = Frame::flat(180, 160).bead(90.0, 80.0, 40.0).square(100.0, 80.0, 1.0, 8.0).noise(2.0);
    let count = |threshold| {
        let candidates = find(&frame.image(), &Options { threshold, ..PLAIN }).unwrap();
        synthetic::beads(&candidates).len()
    };
    assert_eq!(count(Some(0.5)), 1);
    assert_eq!(count(Some(1.0)), 0);
}

#[test]
fn senseless_requests_are_errors() {
    let frame = Frame::flat(100, 80).bead(50.0, 40.0, 40.0);
    let error = |options: Options| find(&frame.image(), &options).unwrap_err();
    assert_eq!(error(Options { roi_px: 15, ..PLAIN }), FindError::RoiTooSmall { roi_px: 15 });
    let too_large = FindError::RoiTooLarge { roi_px: 81, width_px: 100, height_px: 80 };
    assert_eq!(error(Options { roi_px: 81, ..PLAIN }), too_large);
    let seed = |x_px| Options { seed_px: Some((x_px, 40.0)), ..PLAIN };
    assert!(matches!(error(seed(8.0)), FindError::SeedAtBorder { .. }));
    assert!(matches!(error(seed(f64::NAN)), FindError::SeedAtBorder { .. }));
    assert!(matches!(error(Options { threshold: Some(f32::NAN), ..PLAIN }), FindError::Threshold { .. }));
    let flat = Frame::flat(100, 80);
    assert!(matches!(find(&flat.image(), &seed(50.0)), Err(FindError::SeedIsFlat { .. })));
    let torn = Image { width_px: 101, ..frame.image() };
    assert!(matches!(find(&torn, &PLAIN), Err(FindError::PixelCount { pixels: 8000, .. })));
}

#[test]
fn a_speck_in_the_rings_is_enough() {
    let speck = |level| {
        let frame = Frame::flat(180, 160).bead(90.0, 80.0, 40.0).square(90.0, 94.0, 1.5, level).noise(1.0);
        let candidate = frame.candidates()[0];
        (candidate.verdict, candidate.score)
    };
    let (verdict, score) = speck(45.0);
    assert_eq!(verdict, Verdict::NotRound);
    assert!(score > 0.9, "{score}: as a part of the whole patch the speck is small");
    assert_eq!(speck(0.0).0, Verdict::Bead);
}

/// Ten beads in two rows, and room for something else at 500, 100.
fn ten_beads() -> Frame {
    (0..10).fold(Frame::flat(560, 200), |frame, index| {
        frame.bead(50.0 + 88.0 * f64::from(index % 5), 50.0 + 100.0 * f64::from(index / 5), 40.0)
    })
}

#[test]
fn a_round_blob_among_beads_is_unlike_them() {
    let frame = ten_beads().rings(510.0, 100.0, 60.0, 40.0, 12.0).noise(2.0);
    assert_eq!(frame.beads().len(), 10);
    assert_eq!(verdict_at(&frame, 510.0, 100.0), Some(Verdict::Unlike));
    // Without the others it might be a bead.
    let alone = Frame::flat(180, 160).rings(90.0, 80.0, 60.0, 40.0, 12.0).noise(2.0);
    assert_eq!(verdict_at(&alone, 90.0, 80.0), Some(Verdict::Bead));
}

#[test]
fn specks_of_dust_do_not_outvote_the_beads() {
    let dusty = (0..30).fold(Frame::flat(700, 400).bead(80.0, 330.0, 40.0), |frame, index| {
        frame.rings(50.0 + 60.0 * f64::from(index % 10), 50.0 + 70.0 * f64::from(index / 10), 60.0, 7.0, 3.5)
    });
    let frame = dusty.bead(300.0, 330.0, 40.0).noise(2.0);
    let found = frame.beads();
    assert_eq!(found.len(), 2, "{:?}", frame.candidates());
    assert!(nearest_px((80.0, 330.0), &found) < 0.1);
}

#[test]
fn a_soft_bead_that_loses_its_edges_to_the_noise_is_still_a_bead() {
    let soft = |frame: Frame, x_px: f64, amplitude: f64| frame.rings(x_px, 80.0, amplitude, 24.0, 12.0);
    let frame = soft(soft(Frame::flat(280, 160), 80.0, 60.0), 190.3, 30.0).noise(14.0);
    let found = frame.beads();
    assert_eq!(found.len(), 2, "{:?}", frame.candidates());
    assert!(nearest_px((190.3, 80.0), &found) < 0.3);
}

#[test]
fn a_search_tells_how_far_it_is_and_ends_where_nobody_wants_the_rest() {
    use std::cell::RefCell;
    let frame = Frame::flat(300, 120).bead(60.0, 60.0, 40.0).bead(150.0, 60.0, 40.0).bead(240.0, 60.0, 40.0);
    let image = frame.noise(2.0);
    for seed_px in [None, Some((60.0, 60.0))] {
        let options = Options { seed_px, ..PLAIN };
        let told = RefCell::new(Vec::new());
        let watched = find_watched(&image.image(), &options, &|share| {
            told.borrow_mut().push(share);
            true
        });
        assert_eq!(watched, find(&image.image(), &options));
        let told = told.into_inner();
        assert!(told.is_sorted() && told.iter().all(|share| (0.0..=1.0).contains(share)), "{told:?}");
        let widest = told
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .fold(told[0].max(1.0 - told[told.len() - 1]), f32::max);
        assert!(widest < 0.25, "it is never silent for long: {widest}");
        // Wherever it is ended, it looks at nothing more.
        for end in (0..told.len()).step_by(told.len() / 60 + 1) {
            let calls = std::cell::Cell::new(0);
            let cancelled = find_watched(&image.image(), &options, &|_| {
                calls.set(calls.get() + 1);
                calls.get() <= end
            });
            assert_eq!((cancelled, calls.get()), (Err(FindError::Cancelled), end + 1), "{:?}", told[end]);
        }
    }
}

#[test]
fn a_lower_threshold_keeps_what_is_less_round() {
    // Of two beads 3 px apart the rings are not quite round: the score is 0.84.
    let frame = Frame::flat(400, 120).bead(60.0, 60.0, 40.0).bead(160.0, 60.0, 40.0);
    let frame = frame.bead(298.5, 60.0, 20.0).bead(301.5, 60.0, 20.0).noise(1.0);
    let at = |threshold: f32| {
        let found = find(&frame.image(), &Options { threshold: Some(threshold), ..PLAIN }).unwrap();
        let verdict = |one: &Candidate| (one.verdict, (0.8..0.85).contains(&one.score));
        found.iter().map(verdict).collect::<Vec<_>>()
    };
    let single = (Verdict::Bead, false);
    assert_eq!(at(0.85), [single, single, (Verdict::NotRound, true)]);
    assert_eq!(at(0.3), [single, single, (Verdict::Bead, true)]);
}
