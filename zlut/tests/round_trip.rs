//! What is written reads back as the same table, in each format that can be written.
#![allow(clippy::unwrap_used, reason = "clippy knows #[test] functions, not their helpers")]

use std::{fs, path::Path};

use beadscope_zlut::{FileError, ImageTable, Origin, ProfileKind, ReadOptions, ZLut, file, hdf5};
use rust_hdf5::H5File;

/// A table with numbers that are hard to print, a ring that was not measured, and a full origin.
fn table() -> ZLut {
    let z_nm: Vec<f64> = (0..6).map(|plane| f64::from(plane) * 101.010_101_010_101_01 - 5000.0).collect();
    let mut profiles: Vec<f32> = (0..30).map(|k| (k as f32 * 0.7).sin() * 100.0 / 3.0).collect();
    profiles[0] = f32::NAN;
    profiles[7] = 1e-30;
    profiles[8] = -f32::MAX;
    let origin = Origin {
        roi_px: Some(64),
        ring_step_px: Some(32.0 / 5.0),
        first_ring_px: 0.25,
        profile_kind: Some(ProfileKind::MagTrackRadial),
        pixel_size_nm: Some(119.97),
        bead: Some("bead 3 (µ)".into()),
        created_utc: Some("2026-11-21T03:16:49Z".into()),
        correction: Some("flat".into()),
        source: "focus sweep, 10 images per step".into(),
        assumed: vec!["First sentence.".into(), "Second sentence.".into()],
    };
    ZLut::new(z_nm, 5, profiles, origin).unwrap()
}

fn through(name: &str, table: &ZLut, options: &ReadOptions) -> ZLut {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    file::write(&path, table).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside {name}");
    assert_eq!(file::bead_count(&path).unwrap(), 1);
    file::read(&path, options).unwrap()
}

fn bits(table: &ZLut) -> Vec<u32> {
    table.profiles().iter().map(|grey| grey.to_bits()).collect()
}

#[test]
fn our_format_keeps_everything() {
    let back = through("bead.zlut.h5", &table(), &ReadOptions::default());
    assert_eq!(bits(&back), bits(&table()));
    assert_eq!(back.z_nm(), table().z_nm());
    assert_eq!(back.origin, table().origin);
    assert_eq!(back.hash(), table().hash());
}

#[test]
fn what_is_not_known_stays_unknown_until_the_roi_is_given() {
    let source = table();
    let bare = ZLut::new(source.z_nm().to_vec(), 5, source.profiles().to_vec(), Origin::default()).unwrap();
    for name in ["bead.h5", "bead.txt"] {
        let back = through(name, &bare, &ReadOptions::default());
        assert_eq!(back.origin, Origin::default(), "{name}");
        assert_eq!(back.hash(), bare.hash(), "{name}");
        let back = through(name, &bare, &ReadOptions { roi_px: Some(20), ..ReadOptions::default() });
        assert_eq!(back.origin.ring_step_px, Some(2.0), "{name}");
        assert_eq!(back.origin.assumed.len(), 1, "{name}");
    }
}

#[test]
fn magscope_text_keeps_everything() {
    let back = through("bead.txt", &table(), &ReadOptions::default());
    assert_eq!(bits(&back), bits(&table()));
    assert_eq!(back.z_nm(), table().z_nm());
    assert_eq!(back.origin, table().origin);
}

#[test]
fn all_digits_are_kept_where_the_format_has_room() {
    let fine = |k: i32| (f64::from(k) * 0.7).sin() * 100.0 / 3.0;
    let z_nm = table().z_nm().to_vec();
    let table = ZLut::from_f64(z_nm, 5, (0..30).map(fine).collect(), Origin::default()).unwrap();
    for name in ["bead.zlut.h5", "bead.txt"] {
        let back = through(name, &table, &ReadOptions::default());
        assert_eq!(back.profiles_f64(), table.profiles_f64(), "{name}");
    }
    let lost = file::not_kept(Path::new("bead.radialzlut"), &table);
    assert!(lost.iter().any(|sentence| sentence.contains("7 digits")), "{lost:?}");
}

#[test]
fn qtrk_keeps_the_profiles_and_not_kept_says_the_rest() {
    let options = ReadOptions { z_step_nm: Some(table().z_step_nm()), roi_px: Some(64), bead: None };
    let back = through("bead.radialzlut", &table(), &options);
    assert_eq!(bits(&back), bits(&table()));
    assert!((back.z_step_nm() - table().z_step_nm()).abs() < 1e-9);
    assert_eq!(back.z_range_nm().0, 0.0);
    assert_eq!(back.origin.ring_step_px, Some(32.0 / 5.0));
    assert_eq!(back.origin.assumed.len(), 2);

    let lost = file::not_kept(Path::new("bead.radialzlut"), &table()).join(" ");
    assert!(lost.contains("plane 0 is at -5000 nm and planes are 101.01"), "{lost}");
    assert!(lost.contains("ring 0 is at 0.25 px and rings are 6.4 px apart"), "{lost}");
    assert!(lost.contains("these are MagTrack's radial profiles"), "{lost}");
    assert!(file::not_kept(Path::new("bead.txt"), &table()).is_empty());
}

/// The table with a model of the image of two knots.
fn with_image(table: ZLut) -> ZLut {
    let values = (0..2 * table.n_planes()).map(|k| k as f32).collect();
    table.with_image(ImageTable { knot_step_px: 0.5, values, misfit: vec![0.1, 0.2] }).unwrap()
}

#[test]
fn only_our_format_keeps_the_model_of_the_image_and_not_kept_says_so() {
    let table = with_image(table());
    let back = through("bead.zlut.h5", &table, &ReadOptions::default());
    assert_eq!(back.image(), table.image());
    assert!(file::not_kept(Path::new("bead.zlut.h5"), &table).is_empty());
    for name in ["bead.txt", "bead.radialzlut"] {
        let lost = file::not_kept(Path::new(name), &table);
        assert_eq!(lost.iter().filter(|told| told.contains("no model of the image")).count(), 1, "{lost:?}");
    }
}

#[test]
fn every_kind_of_profile_survives_and_what_is_not_said_is_not_known() {
    let of_kind = |profile_kind| {
        let mut table = table();
        table.origin.profile_kind = profile_kind;
        table
    };
    for name in ["bead.zlut.h5", "bead.txt"] {
        for kind in ProfileKind::NAMES.map(|(kind, _)| Some(kind)).into_iter().chain([None]) {
            let back = through(name, &of_kind(kind), &ReadOptions::default());
            assert_eq!(back.origin.profile_kind, kind, "{name}");
        }
    }
    // Older than the attribute: whoever wrote a model of the image had sampled the rings.
    let older = through("bead.zlut.h5", &with_image(of_kind(None)), &ReadOptions::default());
    assert_eq!(older.origin.profile_kind, Some(ProfileKind::SampledRings));
}

#[test]
fn an_fft_profile_is_given_no_radii() {
    let mut table = table();
    table.origin = Origin { profile_kind: Some(ProfileKind::MagTrackFft), ..Origin::default() };
    let options = ReadOptions { roi_px: Some(64), ..ReadOptions::default() };
    for name in ["bead.zlut.h5", "bead.txt"] {
        let back = through(name, &table, &options);
        assert_eq!((back.origin.ring_step_px, back.origin.assumed), (None, Vec::new()), "{name}");
    }
}

#[test]
fn a_kind_of_profile_from_the_future_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bead.zlut.h5");
    file::write(&path, &table()).unwrap();
    let name = ProfileKind::MagTrackRadial.name();
    let other: String = name.chars().rev().collect();
    let mut bytes = fs::read(&path).unwrap();
    let places: Vec<usize> =
        (0..bytes.len() - name.len()).filter(|at| bytes[*at..].starts_with(name.as_bytes())).collect();
    for at in places {
        bytes[at..at + name.len()].copy_from_slice(other.as_bytes());
    }
    fs::write(&path, bytes).unwrap();
    let error = file::read(&path, &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains(&other) && error.contains("use a newer one"), "{error}");
}

#[test]
fn qtrk_is_refused_where_it_would_move_planes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bead.radialzlut");
    let mut z_nm = table().z_nm().to_vec();
    z_nm[2] += 1.0;
    let uneven = ZLut::new(z_nm, 5, table().profiles().to_vec(), Origin::default()).unwrap();
    let error = file::write(&path, &uneven).unwrap_err();
    assert!(matches!(error, FileError::CannotHold { .. }), "{error}");
    assert!(error.to_string().contains("up to 1.000 nm off even spacing; write .h5 instead"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_three_formats_agree_on_which_way_round_a_table_is() {
    // Bytes put together by hand, not by our writers, so that both sides cannot be wrong together.
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("bead.txt");
    fs::write(&text, "0 50 100 150\n1 2 3 4\n5 6 7 8\n9 10 11 12\n13 14 15 16\n17 18 19 20\n").unwrap();
    let qtrk = folder.path().join("bead.radialzlut");
    let mut bytes: Vec<u8> = [1_i32, 4, 5].iter().flat_map(|n| n.to_le_bytes()).collect();
    for plane in 1..=4_u8 {
        bytes.extend((0..5_u8).flat_map(|ring| f32::from(plane + 4 * ring).to_le_bytes()));
    }
    fs::write(&qtrk, bytes).unwrap();
    let picture = folder.path().join("bead.png");
    image::GrayImage::from_fn(5, 4, |ring, plane| image::Luma([(1 + plane + 4 * ring) as u8]))
        .save(&picture)
        .unwrap();

    for path in [text, qtrk, picture] {
        let table = file::read(&path, &ReadOptions::default()).unwrap();
        assert_eq!((table.n_planes(), table.n_rings()), (4, 5), "{}", path.display());
        assert_eq!(table.z_nm(), [0.0, 50.0, 100.0, 150.0]);
        assert_eq!(table.profile(1), [2.0, 6.0, 10.0, 14.0, 18.0], "{}", path.display());
    }
}

#[test]
fn a_table_can_live_in_a_group_of_a_recording() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tracks.h5");
    let recording = H5File::create(&path).unwrap();
    let zluts = recording.create_group("zlut").unwrap();
    for (name, bead) in [("a", "1"), ("b", "2")] {
        let mut table = table();
        table.origin.bead = Some(bead.into());
        hdf5::write_group(&zluts.create_group(name).unwrap(), &table).unwrap();
    }
    recording.close().unwrap();

    let recording = H5File::open(&path).unwrap();
    let group = recording.root_group().group("zlut").unwrap().group("b").unwrap();
    let back = hdf5::read_group(&recording, &group).unwrap();
    assert_eq!(back.origin.bead.as_deref(), Some("2"));
    assert_eq!(bits(&back), bits(&table()));
    assert!(hdf5::read_group(&recording, &recording.root_group()).is_err());
}

#[test]
fn writing_replaces_the_old_file_and_needs_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bead.zlut.h5");
    fs::write(&path, "old").unwrap();
    file::write(&path, &table()).unwrap();
    assert_eq!(file::read(&path, &ReadOptions::default()).unwrap().hash(), table().hash());

    for name in ["missing/bead.h5", "missing/bead.txt", "missing/bead.radialzlut"] {
        let error = file::write(&folder.path().join(name), &table()).unwrap_err().to_string();
        assert!(error.contains("cannot write") && error.ends_with(name), "{error}");
    }
}
