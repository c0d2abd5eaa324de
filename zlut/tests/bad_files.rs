//! A bad file is refused with one clear line that names it, and never with a panic.
#![allow(clippy::unwrap_used, reason = "clippy knows #[test] functions, not their helpers")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use beadscope_zlut::{Origin, ReadOptions, ZLut, file};
use rust_hdf5::H5File;
use tempfile::TempDir;

fn table() -> ZLut {
    let profiles = (0..40).map(|k| (k * k % 17) as f32).collect();
    ZLut::new((0..5).map(|k| f64::from(k) * 100.0).collect(), 8, profiles, Origin::default()).unwrap()
}

fn file_with(name: &str, content: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    (folder, path)
}

fn refusal(path: &Path, options: &ReadOptions) -> String {
    let message = file::read(path, options).unwrap_err().to_string();
    assert!(!message.contains('\n'), "one line: {message}");
    message
}

/// Reading a file of this name and content says `cause`, then the path, and nothing more.
#[track_caller]
fn refused(name: &str, content: &[u8], cause: &str) {
    let (_folder, path) = file_with(name, content);
    assert_eq!(refusal(&path, &ReadOptions::default()), format!("{cause}: {}", path.display()));
}

fn qtrk(header: [i32; 3], values: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = header.iter().flat_map(|count| count.to_le_bytes()).collect();
    bytes.extend((0..values).flat_map(|k| (k as f32).to_le_bytes()));
    bytes
}

#[test]
fn radialzlut_headers_that_lie() {
    let format = "not a valid QTrk .radialzlut Z-LUT";
    let says = |counts: &str, more: &str| format!("{format}: the header says {counts}{more}");
    refused("a.radialzlut", &[1, 0, 0], &format!("{format}: the header takes 12 bytes, the file has 3"));
    let truncated = says("2 tables of 5 planes and 8 rings", ", 332 bytes, the file has 328");
    refused("a.radialzlut", &qtrk([2, 5, 8], 79), &truncated);
    let trailing = says("2 tables of 5 planes and 8 rings", ", 332 bytes, the file has 336");
    refused("a.radialzlut", &qtrk([2, 5, 8], 81), &trailing);
    refused("a.radialzlut", &qtrk([-1, 5, 8], 40), &says("-1 tables of 5 planes and 8 rings", ""));
    refused("a.radialzlut", &qtrk([1, 0, 8], 0), &says("1 tables of 0 planes and 8 rings", ""));
    // 2^31 - 1 thrice: no such memory is asked for, and the product does not wrap.
    let huge = format!("{0} tables of {0} planes and {0} rings", i32::MAX);
    refused("a.radialzlut", &qtrk([i32::MAX; 3], 1), &says(&huge, ""));
    let (_folder, path) = file_with("a.radialzlut", &qtrk([i32::MAX; 3], 1));
    assert!(file::bead_count(&path).is_err());
    refused("a.radialzlut", &qtrk([1, 2, 8], 16), "a Z-LUT needs at least 4 planes, this one has 2");
}

#[test]
fn a_transposed_radialzlut_is_another_table() {
    // Same file length, planes and rings swapped: only the header tells, and it must be believed.
    let (_folder, path) = file_with("a.radialzlut", &qtrk([1, 5, 8], 40));
    let right = file::read(&path, &ReadOptions::default()).unwrap();
    let (_folder, path) = file_with("a.radialzlut", &qtrk([1, 8, 5], 40));
    let swapped = file::read(&path, &ReadOptions::default()).unwrap();
    assert_eq!((right.n_planes(), right.profile(1)[0]), (5, 8.0));
    assert_eq!((swapped.n_planes(), swapped.profile(1)[0]), (8, 5.0));
}

#[test]
fn tables_are_picked_by_number() {
    let (_folder, path) = file_with("a.radialzlut", &qtrk([3, 5, 8], 120));
    assert_eq!(file::bead_count(&path).unwrap(), 3);
    let read = |bead| file::read(&path, &ReadOptions { bead, ..ReadOptions::default() });
    assert_eq!(read(Some(2)).unwrap().profile(0)[0], 80.0);
    assert_eq!(read(Some(2)).unwrap().origin.bead.as_deref(), Some("2"));
    assert!(read(None).unwrap().origin.assumed[0].contains("table 0 was taken"));
    assert!(!read(Some(0)).unwrap().origin.assumed[0].contains("table 0 was taken"));
    let message = read(Some(3)).unwrap_err().to_string();
    assert!(message.starts_with("there is no table 3; the file holds 3, counted from 0: "), "{message}");

    let (_folder, path) = file_with("a.txt", b"0 1 2 3\n1 2 3 4\n4 3 2 1\n1 2 3 4\n4 3 2 1\n");
    let message = refusal(&path, &ReadOptions { bead: Some(1), ..ReadOptions::default() });
    assert!(message.starts_with("there is no table 1; the file holds 1"), "{message}");
}

#[test]
fn text_that_is_no_matrix() {
    let text = "not a valid MagScope text Z-LUT";
    let ragged = format!("{text}: line 2, column 3: 2 numbers where the first row has 4");
    refused("a.txt", b"0 1 2 3\n1 2\n", &ragged);
    refused("a.txt", b"0 1 2 x\n", &format!("{text}: line 1, column 4: \"x\" is not a number"));
    refused("a.txt", b"# only a comment\n\n", &format!("{text}: it has no rows"));
    refused("a.txt", b"0 1 2 3\n", "a Z-LUT needs at least 4 rings, this one has 0");
    let nan = b"0 nan 2 3\n1 2 3 4\n4 3 2 1\n1 2 3 4\n4 3 2 1\n";
    refused("a.txt", nan, "heights must be finite and all different; plane 1 is at NaN nm");
    let zeros = format!("{text}: line 1, column 1: {:?} is not a number", "\0".repeat(20));
    refused("a.txt", &[0; 100_000], &zeros);
}

#[test]
fn text_without_radii_says_what_it_assumes() {
    let (_folder, path) = file_with("a.txt", b"0 1 2 3\n1 2 3 4\n4 3 2 1\n1 2 3 4\n4 3 2 1\n");
    let origin = file::read(&path, &ReadOptions::default()).unwrap().origin;
    assert_eq!((origin.roi_px, origin.ring_step_px, origin.assumed.len()), (Some(8), Some(1.0), 1));
    let given = ReadOptions { roi_px: Some(4), ..ReadOptions::default() };
    let origin = file::read(&path, &given).unwrap().origin;
    assert_eq!((origin.roi_px, origin.ring_step_px, origin.assumed.len()), (Some(4), Some(0.5), 1));
}

#[test]
fn pictures_that_are_no_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    image::GrayImage::new(1, 1).save(&path).unwrap();
    let message = refusal(&path, &ReadOptions::default());
    assert_eq!(message, format!("a Z-LUT needs at least 4 planes, this one has 1: {}", path.display()));

    image::GrayImage::from_fn(8, 8, |x, y| image::Luma([(x * y) as u8])).save(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(refusal(&path, &ReadOptions::default()).starts_with("not a valid image Z-LUT: "));

    image::RgbImage::from_fn(8, 8, |x, y| image::Rgb([x as u8, y as u8, 0])).save(&path).unwrap();
    assert!(refusal(&path, &ReadOptions::default()).contains("it has colours"));
    image::RgbImage::from_fn(8, 8, |x, _| image::Rgb([x as u8; 3])).save(&path).unwrap();
    assert_eq!(file::read(&path, &ReadOptions::default()).unwrap().profile(0)[7], 7.0);
    image::ImageBuffer::from_fn(8, 8, |x, y| image::Luma([(300 * x + y) as u16])).save(&path).unwrap();
    assert_eq!(file::read(&path, &ReadOptions::default()).unwrap().profile(2)[7], 2102.0);
}

#[test]
fn a_jpeg_that_is_cut_short_is_not_filled_up_with_grey() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jpg");
    image::GrayImage::from_fn(64, 64, |x, y| image::Luma([(x * y) as u8])).save(&path).unwrap();
    assert_eq!(file::read(&path, &ReadOptions::default()).unwrap().n_planes(), 64);
    let whole = fs::read(&path).unwrap();
    for cut in [whole.len() - 2, whole.len() - 1, whole.len() / 2, whole.len() / 4, 10] {
        fs::write(&path, &whole[..cut]).unwrap();
        let message = refusal(&path, &ReadOptions::default());
        assert!(message.starts_with("not a valid image Z-LUT: the file is cut short: "), "{message}");
    }
}

#[test]
fn hdf5_that_is_no_zlut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5");
    H5File::create(&path).unwrap().close().unwrap();
    assert!(refusal(&path, &ReadOptions::default()).starts_with("no Z-LUT in this HDF5 group"));

    let file = H5File::create(&path).unwrap();
    file.set_attr_string("format", "beadscope-zlut").unwrap();
    file.close().unwrap();
    assert!(refusal(&path, &ReadOptions::default()).starts_with("the Z-LUT is damaged: profiles is missing"));

    refused("a.h5", b"not hdf5 at all", "not a valid HDF5 Z-LUT: the file does not start like one");
    refused("a.png", b"not png at all", "not a valid image Z-LUT: the file does not start like one");
}

#[test]
fn damaged_hdf5_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5");
    file::write(&path, &table()).unwrap();
    let whole = fs::read(&path).unwrap();
    // Cut short it is refused. Turned over, a byte may not matter; it must not panic or ask for huge memory.
    // Each byte, bit and length was tried once by hand; steps of 11 and 13 keep this test short.
    for cut in (0..whole.len()).step_by(11) {
        fs::write(&path, &whole[..cut]).unwrap();
        assert!(file::read(&path, &ReadOptions::default()).is_err(), "cut at {cut} of {}", whole.len());
    }
    for place in (0..whole.len()).step_by(13) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0xff;
        fs::write(&path, &damaged).unwrap();
        let _ = file::read(&path, &ReadOptions::default());
    }
}

#[test]
fn what_is_not_a_file_or_has_no_format() {
    refused("a.txt", b"", "the file is empty");
    refused("a.radialzlut", b"", "the file is empty");
    let readable =
        "not a format that Z-LUTs are read from; use .h5, .txt (MagScope), .radialzlut (QTrk), .png or .jpg";
    refused("a.docx", b"PK", readable);
    refused("a", b"PK", readable);

    let folder = tempfile::tempdir().unwrap();
    let message = refusal(folder.path(), &ReadOptions::default());
    assert_eq!(message, format!("not a file: {}", folder.path().display()));
    let absent = folder.path().join("absent.h5");
    assert!(refusal(&absent, &ReadOptions::default()).starts_with("cannot read the Z-LUT: "));
    let message = file::write(&folder.path().join("a.png"), &table()).unwrap_err().to_string();
    assert!(message.starts_with("not a format that Z-LUTs are written to; use .h5, "), "{message}");
    assert!(file::write(Path::new(".."), &table()).is_err());
    fs::create_dir(folder.path().join("b.h5")).unwrap();
    assert!(file::write(&folder.path().join("b.h5"), &table()).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the part file is gone");
}

#[test]
fn the_content_counts_more_than_the_extension() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5");
    file::write(&path, &table()).unwrap();
    let renamed = folder.path().join("a.txt");
    fs::rename(&path, &renamed).unwrap();
    assert_eq!(file::read(&renamed, &ReadOptions::default()).unwrap(), table());
}

#[test]
fn options_that_make_no_sense_or_contradict_the_file() {
    let (_folder, path) = file_with("a.txt", b"0 10 20 30\n1 2 3 4\n4 3 2 1\n1 2 3 4\n4 3 2 1\n");
    let step = |z_step_nm| ReadOptions { z_step_nm: Some(z_step_nm), ..ReadOptions::default() };
    assert!(file::read(&path, &step(10.0)).is_ok());
    assert!(
        refusal(&path, &step(50.0))
            .starts_with("a z step of 50 nm was given, but the file's heights are 10 nm")
    );
    assert!(refusal(&path, &step(0.0)).starts_with("the z step must be a number of nm and not 0"));
    assert!(refusal(&path, &step(f64::NAN)).starts_with("the z step must be a number of nm and not 0"));
    let no_roi = ReadOptions { roi_px: Some(0), ..ReadOptions::default() };
    assert!(refusal(&path, &no_roi).starts_with("the ROI must be at least 1 px"));

    let (_folder, path) = file_with("a.radialzlut", &qtrk([1, 5, 8], 40));
    let down = file::read(&path, &step(-20.0)).unwrap();
    assert_eq!((down.z_range_nm(), down.profile(4)[0]), ((-80.0, 0.0), 0.0));
}

#[test]
fn an_hdf5_group_with_parts_that_do_not_fit_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5");
    // The format's parts written by hand: version, ring step and radii as given.
    let write = |version: u32, ring_step_px: f64, radius_px: [f64; 4]| {
        let file = H5File::create(&path).unwrap();
        file.set_attr_string("format", "beadscope-zlut").unwrap();
        let profiles = file.new_dataset::<f32>().shape([4, 4]).create("profiles").unwrap();
        profiles.write_raw(&(0..16).map(|k| k as f32).collect::<Vec<f32>>()).unwrap();
        profiles
            .new_attr::<u32>()
            .shape(())
            .create("format_version")
            .unwrap()
            .write_numeric(&version)
            .unwrap();
        for (name, value) in [("first_ring_px", 0.0), ("ring_step_px", ring_step_px)] {
            profiles.new_attr::<f64>().shape(()).create(name).unwrap().write_numeric(&value).unwrap();
        }
        let put = |name: &str, values: [f64; 4]| {
            file.new_dataset::<f64>().shape([4]).create(name).unwrap().write_raw(&values).unwrap();
        };
        put("z_nm", [0.0, 1.0, 2.0, 3.0]);
        put("radius_px", radius_px);
        file.close().unwrap();
    };
    let radius_px = [0.0, 1.0, 2.0, 3.0];
    write(1, 1.0, radius_px);
    assert_eq!(file::read(&path, &ReadOptions::default()).unwrap().profile(3)[3], 15.0);
    write(2, 1.0, radius_px);
    assert!(refusal(&path, &ReadOptions::default()).contains("format version 2, this program reads up to 1"));
    write(1, 1.0, [0.0, 1.0, 2.0, 3.5]);
    assert!(refusal(&path, &ReadOptions::default()).contains("radius_px contradicts"));
    write(1, -1.0, [0.0, -1.0, -2.0, -3.0]);
    assert!(refusal(&path, &ReadOptions::default()).contains("ring_step_px must be more than 0"));
}
