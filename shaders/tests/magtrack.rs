//! The method `magtrack` finds what MagTrack 1.0.0 finds, to 1e-6 px and 1e-3 nm, with every option at work.
//!
//! MagTrack's numbers are in `magtrack/expected.txt`; `magtrack/make_expected.py` made them from images by the same
//! formula as here.

#![allow(clippy::unwrap_used, reason = "a test stops at what should not be")]

#[path = "magtrack/cases.rs"]
mod cases;

use beadscope_shaders::flags::Flags;
use beadscope_shaders::magtrack::{MagTrack, OptionError, Options, Reference};
use beadscope_shaders::pipeline::{Localization, Method, Params, Tracker};
use cases::{Case, beads, cases, image, zlut_center_px, zlut_z_nm};

/// What we promise.
const WITHIN_PX: f64 = 1e-6;
const WITHIN_NM: f64 = 1e-3;

/// The Z-LUT of a case, with our own profiles: heights and planes x bins.
fn zlut(roi_px: usize, options: &Options) -> (Vec<f64>, Vec<f64>, usize) {
    let magtrack = MagTrack::new(roi_px, options).unwrap();
    let mut scratch = magtrack.scratch();
    let (z_nm, center) = (zlut_z_nm(), zlut_center_px(roi_px));
    let mut profiles = Vec::new();
    for (plane, z_nm) in z_nm.iter().enumerate() {
        let image = image(roi_px, (center.0, center.1, *z_nm), plane);
        profiles.extend_from_slice(magtrack.profile_about(&image, center, &mut scratch));
    }
    (z_nm, profiles, magtrack.bins())
}

fn tracker(roi_px: usize, options: &Options) -> Tracker {
    let (z_nm, profiles, bins) = zlut(roi_px, options);
    let params = Params { method: Method::MagTrack, magtrack: *options, ..Params::default() };
    let reference = Reference::new(&profiles, &z_nm, bins).unwrap();
    Tracker::new(roi_px, &params).unwrap().with_reference(reference).unwrap()
}

/// Equal within `within`, or both NaN.
fn agree(a: f64, b: f64, within: f64) -> bool {
    (a - b).abs() < within || (a.is_nan() && b.is_nan())
}

#[test]
fn positions_and_heights_are_magtracks() {
    let cases = cases();
    assert!(cases.len() > 20, "the file of expected numbers is not whole");
    let (mut finite_xy, mut finite_z) = (0, 0);
    for Case { title, roi_px, options, found, .. } in cases {
        let tracker = tracker(roi_px, &options);
        let mut scratch = tracker.scratch();
        assert_eq!(found.len(), beads(roi_px).len());
        for (seed, (bead, [x_px, y_px, z_nm])) in (100..).zip(beads(roi_px).into_iter().zip(found)) {
            let ours = tracker.locate(&image(roi_px, bead, seed), 255.0, None, &mut scratch);
            let near = agree(ours.x_px, x_px, WITHIN_PX)
                && agree(ours.y_px, y_px, WITHIN_PX)
                && agree(ours.z_nm, z_nm, WITHIN_NM);
            assert!(near, "case {title}, {bead:?}: {ours:?}, MagTrack {x_px} px, {y_px} px, {z_nm} nm");
            let explained = !z_nm.is_nan() || ours.flags != Flags::NONE;
            assert!(explained, "case {title}, {bead:?}: no flag says why z is NaN");
            finite_xy += usize::from(x_px.is_finite());
            finite_z += usize::from(z_nm.is_finite());
        }
    }
    // NaN = NaN must not be what makes this pass.
    assert!(finite_xy > 100 && finite_z > 80, "{finite_xy} x and y, {finite_z} z");
}

#[test]
fn profiles_are_magtracks() {
    for Case { title, roi_px, options, zlut: expected, .. } in cases() {
        let (_, profiles, bins) = zlut(roi_px, &options);
        let ours: Vec<f64> = profiles[10 * bins..11 * bins].iter().copied().step_by(4).collect();
        assert_eq!(ours.len(), expected.len(), "case {title}");
        for (ours, theirs) in ours.iter().zip(&expected) {
            assert!(agree(*ours, *theirs, 1e-9 * theirs.abs()), "case {title}: {ours}, MagTrack {theirs}");
        }
    }
}

fn locate(image: &[f32]) -> Localization {
    let tracker = tracker(64, &Options::default());
    tracker.locate(image, 255.0, None, &mut tracker.scratch())
}

#[test]
fn what_cannot_be_measured_says_why() {
    let nothing = |found: Localization| found.x_px.is_nan() && found.y_px.is_nan() && found.z_nm.is_nan();
    let flat = locate(&[80.0; 64 * 64]);
    assert!(nothing(flat) && flat.flags == Flags::LOW_CONTRAST, "{flat:?}");
    let mut flat_lines = vec![80.0; 64 * 64];
    flat_lines[0] = 100.0;
    flat_lines[64 * 64 - 1] = 100.0;
    let flat_lines = locate(&flat_lines);
    assert!(nothing(flat_lines) && flat_lines.flags == Flags::LOW_CONTRAST, "{flat_lines:?}");
    let at_edge = locate(&image(64, (-3.0, 32.0, 1500.0), 1));
    assert!(nothing(at_edge) && at_edge.flags == Flags::EDGE, "{at_edge:?}");
    let short = locate(&[1.0; 10]);
    assert!(nothing(short) && short.flags == Flags::EDGE);
    let not_a_number = locate(&[f32::NAN; 64 * 64]);
    assert!(nothing(not_a_number) && not_a_number.flags == Flags::LOW_CONTRAST);
    let above = locate(&image(64, (32.0, 32.0, 2990.0), 1));
    assert!(above.x_px.is_finite() && above.z_nm.is_nan() && above.flags == Flags::Z_OUT_OF_RANGE);

    let params = Params { method: Method::MagTrack, ..Params::default() };
    let tracker = Tracker::new(64, &params).unwrap();
    let found = tracker.locate(&image(64, (32.0, 32.0, 1500.0), 1), 255.0, None, &mut tracker.scratch());
    assert!(found.x_px.is_finite() && found.z_nm.is_nan() && found.flags == Flags::NO_ZLUT);
}

#[test]
fn a_scratch_of_another_method_size_or_profile_is_made_anew() {
    let bead = image(64, (32.3, 31.1, 1234.0), 5);
    let wanted = locate(&bead);
    // As text, for NaN is not equal to itself.
    let text = |found: Localization| format!("{found:?}");
    let fft = Options { use_fft_profile: true, ..Options::default() };
    let fine = Options { radial_oversample: 2, ..Options::default() };
    for (roi_px, options) in [(50, Options::default()), (64, fft), (64, fine)] {
        let mut scratch = tracker(roi_px, &options).scratch();
        let found = tracker(64, &Options::default()).locate(&bead, 255.0, None, &mut scratch);
        assert_eq!(text(found), text(wanted));
    }
    let mut scratch = Tracker::new(64, &Params::default()).unwrap().scratch();
    let found = tracker(64, &Options::default()).locate(&bead, 255.0, None, &mut scratch);
    assert_eq!(text(found), text(wanted));
}

#[test]
fn a_zlut_of_other_profiles_is_refused() {
    let (z_nm, profiles, bins) = zlut(50, &Options::default());
    let reference = Reference::new(&profiles, &z_nm, bins).unwrap();
    let error = MagTrack::new(64, &Options::default()).unwrap().with_reference(reference).unwrap_err();
    assert!(matches!(error, OptionError::Bins { zlut_bins: 25, bins: 32, roi_px: 64, .. }));
    let said = error.to_string();
    assert!(said.contains("25 bins") && said.contains("radial_profile.oversample = 1 have 32"), "{said}");
}
